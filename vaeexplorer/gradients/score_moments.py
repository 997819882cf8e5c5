"""E_q of f = log p(x|z) and of its products with the score, exactly: sums over all codes, or over a lattice around q.

From them come the exact gradient and the exact variance of every score function. Shapes: (B,) and (B, O), O: mean |
log_std (2 D), or logits (D), as the encoder gives them; float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor

from vaeexplorer.bounds import enumeration
from vaeexplorer.bounds.tables import CODES, ENTRIES, in_double
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.gradients.at_model import Factorised, draws_of, frozen, latents_of, parameters, q_of, value_of
from vaeexplorer.latent_model import LatentModel

Way = Literal["enumeration", "quadrature"]

DIMENSIONS = 2  # of Gaussian latents, up to which quadrature goes
RADIUS = 8.5  # standard deviations of q, far enough for E[f^2 s^2] of a quadratic f to 1e-9
MOST = 200_000  # points times images of a lattice: a finer one is not tried
SPACINGS = (1.0, 0.5, 0.25, 0.125, 0.0625)  # of the lattice, in standard deviations
TINY = torch.finfo(torch.float64).tiny
SETTLED = 1e-7  # change of the gradient, beside its largest entry, after which no finer lattice is tried


@dataclass(frozen=True)
class ScoreMoments:
    """Of f = log p(x|z) and the score s = d log q(z) / d(q's parameters) under q: exact, float64.

    mean = E f, square = E f^2: (B,);   gradient = E[f s], squares = E[s^2], once = E[f s^2], twice = E[f^2 s^2]: (B, O)
    """

    mean: Tensor
    square: Tensor
    gradient: Tensor
    squares: Tensor
    once: Tensor
    twice: Tensor

    @property
    def variance(self) -> Tensor:
        """Var f, (B,)."""
        return self.square - self.mean**2

    def score_function(self, baseline: Tensor | float = 0.0) -> Tensor:
        """Variance of (f - C) s, (B, O), for a constant C: a number, one for each image (B, 1) or each entry (B, O)."""
        return self.twice - 2 * baseline * self.once + baseline**2 * self.squares - self.gradient**2

    def optimal_baseline(self) -> Tensor:
        """C = E[f s^2] / E[s^2] of each entry, (B, O); E f where the score does not vary."""
        return self.mean[:, None] + self._beyond / self.squares.clamp_min(TINY)

    def best_common_baseline(self) -> Tensor:
        """The one C for all entries of an image that has the least trace of the variance, (B,)."""
        return self.mean + self._beyond.sum(-1) / self.squares.sum(-1).clamp_min(TINY)

    @property
    def _beyond(self) -> Tensor:
        """E[(f - E f) s^2], (B, O)."""
        return self.once - self.mean[:, None] * self.squares

    def leave_one_out(self, samples: int) -> Tensor:
        """Of S >= 2 samples together; see quadratic.QuadraticMoments.leave_one_out, which holds for every f."""
        products = self.variance[:, None] * self.squares + self.gradient**2
        return self.score_function(self.mean[:, None]) / samples + products / (samples * (samples - 1))


def way_of(model: LatentModel) -> Way | None:
    """How E_q of anything can be worked out at this model; None where it can only be drawn."""
    if latents_of(model) == "bernoulli":
        return None if enumeration.METHOD.problem(model) else "enumeration"
    return "quadrature" if model.latent_dim <= DIMENSIONS else None


def moment_stages(
    model: LatentModel, x: Tensor, *, q: Factorised | None = None
) -> Generator[tuple[float, str, None], None, ScoreMoments | None]:
    """The exact moments behind the variances of all score functions at a model, telling how far they are; returns None
    where E_q can only be drawn.
    """
    found = q_of(model, x, q)
    way = way_of(model)
    if way is None:
        return None
    sums, _ = yield from SUMS[way](model, x, found)
    return sums.moments()


def score_moments(model: LatentModel, x: Tensor, *, q: Factorised | None = None) -> ScoreMoments | None:
    """The same at once."""
    stages = moment_stages(model, x, q=q)
    while True:
        try:
            next(stages)
        except StopIteration as done:
            return cast(ScoreMoments | None, done.value)


def drawn_moments(
    model: LatentModel, x: Tensor, *, q: Factorised | None = None, draws: int, generator: torch.Generator
) -> ScoreMoments:
    """The same from `draws` draws of q for each image: estimates, in the model's dtype."""
    found = q_of(model, x, q)
    f, sums = value_of(model, x, "expectation"), None
    size = max(1, CODES // len(x))
    for start in range(0, draws, size):
        with frozen(model):
            drawn = draws_of(found, f, 1, min(size, draws - start), generator)
            values = drawn.values()[0].cpu().double()
            scores = drawn.scores()[0].cpu().double()
            scores = scores.flatten(2) if scores.ndim == 4 else scores  # (N, B, 2, D): loc, then log_scale
            sums = Sums.of(values, torch.full_like(values, 1 / draws), scores).plus(sums)
    assert sums is not None
    return sums.moments()


class Sums(NamedTuple):
    """sum_n w_n (f, f^2) (2, B) and sum_n w_n (f s, s^2, f s^2, f^2 s^2) (4, B, O)."""

    values: Tensor
    scores: Tensor

    @classmethod
    def of(cls, f: Tensor, weights: Tensor, scores: Tensor) -> Sums:
        """f, weights (N, B); scores (N, B, O)."""
        powers = torch.stack([weights, weights * f, weights * f**2])
        squares = torch.einsum("pnb,nbo->pbo", powers, scores**2)
        return cls(powers[1:].sum(1), torch.cat([torch.einsum("nb,nbo->bo", powers[1], scores)[None], squares]))

    def plus(self, other: Sums | None, times: float = 1.0) -> Sums:
        return self if other is None else Sums(self.values + times * other.values, self.scores + times * other.scores)

    def moments(self) -> ScoreMoments:
        return ScoreMoments(*self.values.cpu(), *self.scores.cpu())


Work = Generator[tuple[float, str, None], None, tuple[Sums, Tensor]]


def sum_over_codes(model: LatentModel, x: Tensor, q: Any) -> Work:
    """All 2^D codes, each decoded once for all images; exact but for rounding."""
    twin = in_double(model)
    x, q, dims = x.to(twin.device, torch.float64), double_q(q, twin), model.latent_dim
    size, sums, asked = max(1, min(CODES, ENTRIES // (len(x) * dims))), None, 2**dims
    for start in range(0, asked, size):
        with frozen(twin):
            z = enumeration.codes(dims, start, min(start + size, asked)).to(twin.device)
            f = _sound(twin.log_likelihood_table(x, z))
            places = z[:, None].expand(-1, len(x), -1)
            sums = Sums.of(f, q.log_prob(places).exp(), places - q.mean).plus(sums)
        yield min(1.0, (start + size) / asked), f"{start + len(z):,} of {asked:,} codes", None
    assert sums is not None
    return sums, torch.zeros_like(sums.scores[0])


def quadrature(model: LatentModel, x: Tensor, q: Any) -> Work:
    """The trapezoidal rule on a lattice around q, halved until the gradient no longer changes.

    sum over lattice points e of h^D phi(e) f(mu + s e) s(e): for smooth f its error falls faster than any power of h,
    for a decoder of straight pieces as h^2.   Source: Trefethen & Weideman 2014, section 5.
    Points of the coarser lattice are not decoded again. Returns the sums and the change by the last halving.
    """
    twin = in_double(model)
    x, q = x.to(twin.device, torch.float64), double_q(q, twin)
    before: Sums | None = None
    for level, spacing in enumerate(SPACINGS):
        noise = lattice(model.latent_dim, spacing, whole=level == 0).to(twin.device)
        if level > 1 and len(noise) * len(x) > MOST:
            break
        sums: Sums | None = None
        for done, part in zip(_starts(len(noise), len(x)), noise.split(max(1, CODES // len(x))), strict=True):
            with frozen(twin):
                sums = _at(twin, x, q, part, spacing).plus(sums)
            words = f"{done + len(part):,} of {len(noise):,} points, {spacing:g} standard deviations apart"
            yield (level + (done + len(part)) / len(noise)) / len(SPACINGS), words, None
        assert sums is not None
        now = sums.plus(before, times=0.5**model.latent_dim)
        change = (now.scores[0] - (0.0 if before is None else before.scores[0])).abs()
        before, first = now, before is None
        if not first and change.max() <= SETTLED * now.scores[0].abs().max().clamp_min(1.0):
            break
    assert before is not None
    return before, change


def lattice(dims: int, spacing: float, whole: bool) -> Tensor:
    """Points (N, D) of a square lattice within RADIUS; without `whole` only those that twice the spacing leaves out."""
    reach = int(RADIUS / spacing)
    axis = torch.arange(-reach, reach + 1)
    numbers = torch.cartesian_prod(*[axis] * dims).reshape(-1, dims)
    points = numbers.double() * spacing
    inside = (points**2).sum(-1) <= RADIUS**2
    return points[inside if whole else inside & (numbers % 2 != 0).any(-1)]


def _at(twin: LatentModel, x: Tensor, q: DiagonalGaussian, noise: Tensor, spacing: float) -> Sums:
    noise = noise[:, None].expand(-1, len(x), -1)  # (N, B, D)
    weights = torch.exp(-0.5 * (noise**2).sum(-1)) * (spacing / math.sqrt(2 * math.pi)) ** noise.shape[-1]
    scores = torch.cat([noise * torch.exp(-q.log_std), noise**2 - 1], -1)
    return Sums.of(_sound(twin.log_likelihood(x, q.sample(noise))), weights, scores)


def _starts(points: int, images: int) -> range:
    return range(0, points, max(1, CODES // images))


def double_q(q: Any, twin: LatentModel) -> Any:
    return type(q).from_encoder(parameters(q).to(twin.device).double())


def _sound(values: Tensor) -> Tensor:
    if not torch.isfinite(values).all():
        raise ValueError("the model has diverged: it gives NaN or infinity near these images, so nothing can be summed")
    return values


SUMS: dict[Way, Callable[[LatentModel, Tensor, Any], Work]] = {
    "enumeration": sum_over_codes,
    "quadrature": quadrature,
}
