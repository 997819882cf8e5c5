"""A proposal fitted to each image alone: the best Gaussian q of a family, widened, for importance sampling.

The encoder gives one q for an image by a rule learned over all of them; what that rule costs is the amortization part
of the gap, and a poor q makes importance sampling understate log p(x).   Source: Cremer, Li & Duvenaud 2018, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import importance
from vaeexplorer.bounds.families import FAMILIES, Climb, Gaussian, paired_noise
from vaeexplorer.bounds.importance import Proposal
from vaeexplorer.bounds.memory import keep_freed_memory
from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.bounds.modes import further_peaks
from vaeexplorer.bounds.slope import smooth_codes_only
from vaeexplorer.distributions import DiagonalGaussian, FullGaussian
from vaeexplorer.latent_model import LatentModel, Posterior

STEPS, DRAWS, RATE = 600, 10, 0.03  # of a fit: updates, draws for each, first step of Adam
COMPARED = 100  # draws of each fit from which the best one for an image is told
WIDEN = 1.1
LEAST_SHARE = 0.05  # of the draws for each of several fits: one that seemed poor may be where the mass is
GRADIENT = 3  # a forward pass with its way back costs as much as three forward passes
REPORT = 10  # updates between two reports


@dataclass(frozen=True)
class Fits:
    """What was fitted to B images: to all of them from the encoder's q, to some from further peaks as well.

    components: (images, q of these images); the first has them all.   elbos: their ELBOs, estimated, (M, B), -inf where
    an image has none.
    """

    components: list[tuple[Tensor, Gaussian]]
    elbos: Tensor

    @property
    def best(self) -> Gaussian:
        """The q of greatest ELBO of each image."""
        chosen = self.elbos.argmax(0)
        best = self.components[0][1]
        for k, (images, q) in enumerate(self.components[1:], 1):
            own = chosen[images] == k
            best = _put(best, images[own], type(q)(*(value[own] for value in vars(q).values())))
        return best

    def proposal(self, widen: float) -> Proposal:
        """All fits, widened, as one distribution: the more an ELBO is worth, the greater its share of the draws."""
        if len(self.components) == 1:
            return widened(self.best, widen)
        everywhere = self.components[0][1]
        parts = [widened(_put(everywhere, images, q), widen) for images, q in self.components]
        there = torch.isfinite(self.elbos)
        shares = torch.softmax(self.elbos, 0).clamp_min(LEAST_SHARE) * there
        return Mixture(parts, (shares / shares.sum(0)).to(everywhere.mean.dtype))


@dataclass(frozen=True)
class Mixture:
    """sum_m shares_m N_m for each image: components of B images each, shares (M, B) with sum 1, 0 for none."""

    components: list[Gaussian]
    shares: Tensor

    @staticmethod
    def noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        """(S, B, D + 1): normal, and the last uniform, which tells the component."""
        normal = torch.randn(shape, generator=generator, device=device)
        return torch.cat([normal, torch.rand((*shape[:-1], 1), generator=generator, device=device)], -1)

    def sample(self, noise: Tensor) -> Tensor:
        chosen = (noise[..., -1:] >= self.shares.cumsum(0)[:-1, None, :, None]).sum(0)  # (S, B, 1)
        z = torch.stack([q.sample(noise[..., :-1]) for q in self.components])
        return torch.gather(z, 0, chosen.expand(z.shape[1:])[None])[0]

    def log_prob(self, z: Tensor) -> Tensor:
        each = torch.stack([q.log_prob(z) for q in self.components])
        return torch.logsumexp(each + self.shares.log()[:, None], 0)


def fit(
    model: LatentModel,
    x: Tensor,
    family: str,
    *,
    steps: int = STEPS,
    samples: int = DRAWS,
    generator: torch.Generator,
    rate: float = RATE,
) -> Iterator[tuple[float, Gaussian]]:
    """The Gaussian of a family with the greatest ELBO of each image: argmin KL(q || p(z|x)), by stochastic ascent.

    Args: x (B, ...) as the likelihood wants it; family "diagonal" or "full"; the rest as in `fit_all`.
    Returns: yields (share of the work done, q so far), every few steps; the last is the answer.
    Error: its ELBO is lower than the best one's by about 0.005 nat in 50 dimensions, where it has found the best peak.
    Raises: ValueError for an unknown family, fewer than one step or draw, or discrete codes.
    """
    fits = fit_all(model, x, family, steps=steps, samples=samples, generator=generator, rate=rate)
    for fraction, found in fits:
        yield fraction, found.best


@torch.inference_mode(False)
@torch.no_grad()
def fit_all(
    model: LatentModel,
    x: Tensor,
    family: str,
    *,
    steps: int = STEPS,
    samples: int = DRAWS,
    generator: torch.Generator,
    rate: float = RATE,
    starts: Fits | None = None,
) -> Iterator[tuple[float, Fits]]:
    """Gaussians fitted to each image from the encoder's q and from further peaks of log p(x, z), or from `starts`.

    Adam with a step that falls to 0 as a cosine, `samples` draws (in pairs u, -u) for each of `steps` updates; all
    images at once, each with its own parameters. Yields (share of the work done, fits so far).
    """
    _check(model, family, steps, samples)
    keep_freed_memory()
    x = x.clone()
    begin = starts.components if starts else _starts(model, x, generator)
    total, done = sum(len(images) for images, _ in begin), 0
    found: list[tuple[Tensor, Gaussian]] = []
    for images, q in begin:
        climb = Climb(model, x[images], FAMILIES[family](q), rate, steps)
        for step in range(1, steps + 1):
            climb.step(samples, generator)
            if step % REPORT == 0 and step < steps:
                so_far = [*found, (images, climb.parameters.distribution())]
                yield (done + len(images) * step / steps) / total, _so_far(so_far, len(x))
        found.append((images, climb.parameters.distribution()))
        done += len(images)
    yield 1.0, Fits(found, _compared(model, x, found, generator))


def _starts(model: LatentModel, x: Tensor, generator: torch.Generator) -> list[tuple[Tensor, Gaussian]]:
    q = model.posterior(x)
    starts: list[tuple[Tensor, Gaussian]] = [(torch.arange(len(x), device=x.device), q)]
    for images, z in further_peaks(model, x, q, generator):
        starts.append((images, DiagonalGaussian(z, q.std[images].log())))
    return starts


def _so_far(found: list[tuple[Tensor, Gaussian]], images: int) -> Fits:
    """Before the fits can be compared: the first one counts."""
    elbos = torch.full((len(found), images), -math.inf, dtype=torch.float64, device=found[0][0].device)
    elbos[0] = 0
    return Fits(found, elbos)


def _compared(
    model: LatentModel, x: Tensor, found: list[tuple[Tensor, Gaussian]], generator: torch.Generator
) -> Tensor:
    """ELBO of each fit, (M, B) float64, from a few draws; all the same where there is nothing to compare."""
    elbos = _so_far(found, len(x)).elbos
    if len(found) == 1:
        return elbos
    for k, (images, q) in enumerate(found):
        rows = max(1, 2000 // COMPARED)
        for part, own in zip(torch.arange(len(images)).split(rows), images.split(rows), strict=True):
            some = type(q)(*(value[part] for value in vars(q).values()))
            noise = paired_noise(some, COMPARED, generator)
            elbos[k, own] = importance.log_weights(model, x[own], some, noise).double().mean(0)
    return elbos


def _put(q: Gaussian, images: Tensor, other: Gaussian) -> Gaussian:
    """q with those of the given images replaced."""
    return type(q)(*(a.index_copy(0, images, b) for a, b in zip(vars(q).values(), vars(other).values(), strict=True)))


def widened(q: Gaussian, factor: float) -> Gaussian:
    """The same mean, every standard deviation times `factor`: a proposal must not be narrower than its target."""
    if isinstance(q, FullGaussian):
        return FullGaussian(q.mean, q.cholesky * factor)
    return DiagonalGaussian(q.mean, q.log_std + math.log(factor))


def run(
    model: LatentModel,
    x: Tensor,
    *,
    samples: int,
    generator: torch.Generator,
    keep_weights: bool = False,
    proposal: str = "full",
    widen: float = WIDEN,
    steps: int = STEPS,
) -> Iterator[Stage]:
    """log p(x) by importance sampling from the best Gaussian of each image, with draws the fit has not seen.

    Raises: ValueError for an unknown proposal, widen <= 0, or what `fit` refuses.
    """
    if not 0 < widen < math.inf:
        raise ValueError(f"expected widen > 0, got {widen}: 1 leaves the fitted proposal as it is")
    share = GRADIENT * DRAWS * steps / (GRADIENT * DRAWS * steps + samples)
    for fraction, found in fit_all(model, x, proposal, steps=steps, generator=generator):
        fits = found
        yield Stage(share * fraction, f"fitting a {proposal} proposal to each image: {fraction:.0%}", None)
    for stage in weigh(
        model, x, fits, samples=samples, generator=generator, keep_weights=keep_weights, widen=widen, steps=steps
    ):
        yield replace(stage, fraction=share + (1 - share) * stage.fraction)


def weigh(
    model: LatentModel,
    x: Tensor,
    fits: Fits,
    *,
    samples: int,
    generator: torch.Generator,
    keep_weights: bool = False,
    widen: float = WIDEN,
    steps: int = STEPS,
) -> Iterator[Stage]:
    """Importance sampling from what `fit_all` has found in `steps` steps, widened."""
    best = fits.best
    details = {
        "proposal": next(name for name, kind in FAMILIES.items() if isinstance(best, kind.result)),
        "widen": widen,
        "steps": steps,
        "peaks": torch.isfinite(fits.elbos).sum(0).cpu().numpy(),
        **shape(best),
    }
    return importance.run(
        model,
        x,
        fits.proposal(widen),
        samples=samples,
        generator=generator,
        keep_weights=keep_weights,
        method="refined",
        before=GRADIENT * DRAWS * steps * sum(len(images) for images, _ in fits.components) / len(x),
        details=details,
    )


def shape(q: Posterior) -> dict[str, np.ndarray]:
    """q as arrays: mean (B, D), and covariance (B, D, D) of a full Gaussian or std (B, D) of any other."""
    width = {"covariance": q.covariance} if isinstance(q, FullGaussian) else {"std": q.std}
    return {name: value.double().cpu().numpy() for name, value in {"mean": q.mean, **width}.items()}


def _check(model: LatentModel, family: str, steps: int, samples: int) -> None:
    if family not in FAMILIES:
        raise ValueError(f"expected a proposal of {', '.join(FAMILIES)}, got {family!r}")
    if problem := smooth_codes_only(model):
        raise ValueError(f"a Gaussian proposal does not fit this model: {problem}")
    for name, value in (("steps", steps), ("samples", samples)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"expected {name} to be a whole number >= 1, got {value!r}")


METHOD = Method(
    title="Refined proposal",
    words="Fits a Gaussian to each image alone, with all correlations, makes it a little wider and draws from that.",
    kind="lower bound",
    run=run,
    samples=5000,
    counted="draws of the refined q",
    source="Cremer, Li & Duvenaud 2018; Burda et al. 2016",
    decodings=lambda model, samples, options: samples + GRADIENT * DRAWS * options.get("steps", STEPS),
    options={"proposal": "full", "widen": WIDEN, "steps": STEPS},
    problem=smooth_codes_only,
)
