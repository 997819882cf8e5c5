"""The true posterior p(z|x) of one image beside q(z|x), in one or two dimensions: exact where it can be, else drawn."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import enumeration, grid, importance, refined
from vaeexplorer.bounds.families import Gaussian
from vaeexplorer.bounds.refined import Fits
from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian
from vaeexplorer.records import LogMarginal
from vaeexplorer.vae import VAE

DRAWS = 6000  # of the refined proposal, weighted
SHOWN = 1500  # points that are resampled from them
SIDE = 121  # points along each axis of a picture
INSIDE = 0.999  # of the weighted draws is shown
AGAIN = 1000  # draws between two reports
STEPS = refined.STEPS  # of a fit
FEW_STEPS = 120  # in one or two dimensions, where the fit is only drawn beside the exact density

Moments = tuple[np.ndarray, np.ndarray]  # mean (k,) and covariance (k, k)
Stage = tuple[float, str, "PosteriorPicture | None"]


@dataclass(frozen=True)
class PosteriorPicture:
    """log p(z_i, z_j | x) on a grid of codes, and Gaussians beside it as marginals in the same k = 1 or 2 dimensions.

    dims: which ones, counted from 0; why: how they came to be chosen, one sentence.   window: (left, right) or (left,
    right, low, high).   log_density: (h, w) nats, row 0 at `low`, (1, w) in one dimension; exact: by a grid, or else
    smoothed weighted draws of the refined proposal.   q, diagonal, full, prior, truth: mean (k,) and covariance (k, k);
    diagonal and full are the best Gaussians of their kind.   points (n, k): draws of the posterior, None where exact.
    log_marginal: what the density is normalised by.
    """

    dims: tuple[int, ...]
    why: str
    window: tuple[float, ...]
    log_density: np.ndarray
    exact: bool
    q: Moments
    diagonal: Moments
    full: Moments
    prior: Moments
    truth: Moments
    log_marginal: LogMarginal
    points: np.ndarray | None = None
    marginal_kl: np.ndarray = field(default_factory=lambda: np.zeros(0))


def posterior_bits(vae: VAE, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """P(z_j = 1|x) under the true posterior, by enumeration, and under q: (D,) each, for one image x (1, C, H, W).

    Raises: ValueError for other latents, or too many to enumerate.
    """
    exact = enumeration.posterior_marginals(vae, x)[0]
    with torch.no_grad():
        return exact, vae.posterior(x).mean[0].double().cpu().numpy()


def posterior_picture(
    vae: VAE, x: Tensor, generator: torch.Generator, dims: Sequence[int] | None = None
) -> Iterator[Stage]:
    """Picture the true posterior of one image x (1, C, H, W), telling how far it is; leave the loop to cancel.

    Args: x as the likelihood wants it; dims: two of more than two latent dimensions, by default those in which the best
    full-covariance q differs most from the encoder's (KL of the two marginals).
    Error: with one or two latent dimensions the density is exact; with more it is a kernel estimate from weighted
    draws, whose effective sample size says how good: smoothed, and noisy where that is small.
    Raises: ValueError, one line, for Bernoulli latents, dimensions that there are not, or what the model cannot take.
    """
    if issubclass(vae.prior.posterior, BernoulliLatent):
        raise ValueError("bits have no density: expected Gaussian latents")
    vae.check(x)
    known = range(vae.latent_dim)
    wanted = min(2, vae.latent_dim)
    if dims is not None and (len(set(dims)) != wanted or not set(dims) <= set(known)):
        raise ValueError(f"expected {wanted} different dimensions from 0 to {vae.latent_dim - 1}, got {list(dims)}")
    return _stages(vae, x.clone() if x.is_inference() else x, generator, None if dims is None else tuple(dims))


@torch.inference_mode(False)
@torch.no_grad()
def _stages(vae: VAE, x: Tensor, generator: torch.Generator, dims: tuple[int, ...] | None) -> Iterator[Stage]:
    low = vae.latent_dim <= 2
    diagonals = yield from _fitted(vae, x, "diagonal", None, generator, 0.0)
    fulls = yield from _fitted(vae, x, "full", diagonals, generator, 0.4) if vae.latent_dim > 1 else _same(diagonals)
    q, diagonal, full = cast(DiagonalGaussian, vae.posterior(x)), diagonals.best, fulls.best
    away = _marginal_kl(q, full)
    shown = dims or (tuple(range(vae.latent_dim)) if low else _most_different(away))
    prior = _moments(vae.prior.as_posterior(q.mean), shown)
    picture = PosteriorPicture(
        shown, _why(shown, dims, away, low), (), np.zeros((0, 0)), low,
        _moments(q, shown), _moments(diagonal, shown), _moments(full, shown), prior, prior,
        LogMarginal("", "exact", np.zeros(1), np.zeros(1), 0, 0), marginal_kl=away,
    )  # fmt: skip
    yield from (_by_grid(vae, x, picture) if low else _by_draws(vae, x, fulls, generator, picture))


def _fitted(
    vae: VAE, x: Tensor, family: str, starts: Fits | None, generator: torch.Generator, begin: float
) -> Generator[Stage, None, Fits]:
    steps = FEW_STEPS if vae.latent_dim <= 2 else STEPS
    for fraction, so_far in refined.fit_all(vae, x, family, steps=steps, generator=generator, starts=starts):
        fits = so_far
        yield begin + 0.4 * fraction, f"best {family} q of this image: {fraction:.0%}", None
    return fits


def _same(fits: Fits) -> Generator[Stage, None, Fits]:
    """In one dimension every Gaussian is diagonal: there is nothing more to fit."""
    yield 0.8, "fitted", None
    return fits


def _by_grid(vae: VAE, x: Tensor, picture: PosteriorPicture) -> Iterator[Stage]:
    """Fills in the density that a grid gives, in one or two dimensions."""
    yield 0.8, "going through the codes", None
    first, *second = picture.dims
    # A window of its own choice has the dimensions in their order.
    size = (4 * SIDE, 1) if not second else (SIDE, SIDE)
    found = grid.density(vae, x, size=size)
    turned = bool(second) and second[0] < first
    order = list(picture.dims)
    window = found.window[2:] + found.window[:2] if turned else found.window
    density = found.log_density.T if turned else found.log_density
    truth = found.mean[order], found.covariance[np.ix_(order, order)]
    yield 1.0, "done", _with(picture, window, density, truth, found.log_marginal)


def _by_draws(
    vae: VAE, x: Tensor, fits: Fits, generator: torch.Generator, picture: PosteriorPicture
) -> Iterator[Stage]:
    """Fills in a density smoothed from weighted draws, where a grid has too many dimensions."""
    proposal, sums, order = fits.proposal(refined.WIDEN), importance.Sums(1, DRAWS, x.device), picture.dims
    codes, weights = [], []
    for done in range(0, DRAWS, AGAIN):
        noise = proposal.noise((min(AGAIN, DRAWS - done), 1, vae.latent_dim), generator, x.device)
        z = proposal.sample(noise.to(vae.dtype))
        weighed = vae.log_joint(x, z).double() - proposal.log_prob(z).double()
        sums.add(weighed)
        codes.append(z[:, 0, list(order)].double())
        weights.append(weighed[:, 0])
        yield 0.8 + 0.2 * (done + len(z)) / DRAWS, f"{done + len(z):,} of {DRAWS:,} weighted draws", None
    weighted = torch.softmax(torch.cat(weights), 0).cpu()
    chosen = torch.multinomial(weighted, SHOWN, replacement=True, generator=_on_cpu(generator)).numpy()
    places, share = torch.cat(codes).cpu().numpy(), weighted.numpy()
    window, found = _holding(places, share, picture.q), _record(sums)
    density, truth = smoothed(places, share, window, SIDE), _weighted_moments(places, share)
    yield 1.0, "done", _with(picture, window, density, truth, found, places[chosen])


def _record(sums: importance.Sums) -> LogMarginal:
    known: dict[str, Any] = dict(sums.statistics())
    return LogMarginal("refined", "lower bound", **known, samples=DRAWS, asked=DRAWS)


def smoothed(z: np.ndarray, share: np.ndarray, window: tuple[float, ...], side: int) -> np.ndarray:
    """log density (side, side) of draws z (S, 2) with weights share (S,) that add up to 1, by Gaussian kernels.

    Their width along each axis is the draws' own times ESS^(-1/6), the usual rule in two dimensions; row 0 is at the
    window's low end.   Source: Scott 1992, Multivariate Density Estimation, eq. 6.42.
    """
    ess = 1 / float((share**2).sum())
    width = np.sqrt(np.diagonal(_weighted_moments(z, share)[1])) * ess ** (-1 / 6)
    width = np.maximum(width, 1e-9 + np.array([window[1] - window[0], window[3] - window[2]]) / (2 * side))
    across, up = (np.linspace(window[2 * axis], window[2 * axis + 1], side) for axis in (0, 1))
    along = [_kernel(places, z[:, axis], width[axis]) for axis, places in enumerate((across, up))]
    density = (along[1] * share) @ along[0].T
    return np.log(np.maximum(density, np.finfo(np.float64).tiny))


def _kernel(places: np.ndarray, centres: np.ndarray, width: float) -> np.ndarray:
    """Normal densities (places, centres)."""
    scaled = (places[:, None] - centres) / width
    return np.exp(-0.5 * scaled**2) / (width * math.sqrt(2 * math.pi))


def _with(
    picture: PosteriorPicture, window: tuple[float, ...], density: np.ndarray, truth: Moments, found: LogMarginal,
    points: np.ndarray | None = None,
) -> PosteriorPicture:  # fmt: skip
    fields = vars(picture) | {"window": tuple(map(float, window)), "log_density": density, "truth": truth}
    return PosteriorPicture(**fields | {"log_marginal": found, "points": points})


def _marginal_kl(q: Gaussian, full: Gaussian) -> np.ndarray:
    """KL(full_j || q_j) of each dimension alone, (D,) nats."""
    ratio, shift = full.std / q.std, (full.mean - q.mean) / q.std
    return (0.5 * (ratio**2 + shift**2 - 1) - ratio.log())[0].double().cpu().numpy()


def _most_different(away: np.ndarray) -> tuple[int, int]:
    first, second = np.argsort(-away, kind="stable")[:2]
    return int(first), int(second)


def _why(shown: tuple[int, ...], chosen: tuple[int, ...] | None, away: np.ndarray, low: bool) -> str:
    names = " and ".join(f"z{j + 1}" for j in shown)
    if low:
        return "all that there is of the latent space"
    if chosen is not None:
        return f"{names} of {len(away)}, as chosen"
    apart = " and ".join(f"{away[j]:.3g}" for j in shown)
    return f"{names} of {len(away)}: there the best full-covariance q differs most from the encoder's ({apart} nats)"


def _moments(q: Gaussian, dims: tuple[int, ...]) -> Moments:
    """Of the marginal in these dimensions."""
    mean, covariance = (part[0].double().cpu().numpy() for part in (q.mean, q.covariance))
    return mean[list(dims)], covariance[np.ix_(dims, dims)]


def _weighted_moments(z: np.ndarray, share: np.ndarray) -> Moments:
    mean = share @ z
    return mean, (z - mean).T @ ((z - mean) * share[:, None])


def _holding(z: np.ndarray, share: np.ndarray, q: Moments) -> tuple[float, ...]:
    """A window that holds INSIDE of the draws along each axis and three standard deviations of q."""
    sides: list[float] = []
    for axis in (0, 1):
        order = np.argsort(z[:, axis])
        below = np.cumsum(share[order])
        places = np.searchsorted(below, [(1 - INSIDE) / 2, (1 + INSIDE) / 2]).clip(0, len(z) - 1)
        low, high = z[order[places], axis]
        middle, reach = q[0][axis], 3 * math.sqrt(q[1][axis, axis])
        low, high = min(low, middle - reach), max(high, middle + reach)
        sides += [low - 0.05 * (high - low), high + 0.05 * (high - low)]
    return tuple(sides)


def _on_cpu(generator: torch.Generator) -> torch.Generator:
    """A generator for what is drawn on the CPU, begun from the other's seed."""
    return torch.Generator().manual_seed(generator.initial_seed() + 1)
