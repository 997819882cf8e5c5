"""What replicates of a gradient say of their estimator: mean, bias, variance with its own error, signal and direction.

Replicates are values (R, B, O): of the gradient of image b by output o of the encoder. What is asked of the outputs or
of the weights of a layer differs by an inner product only: weights have the gradient J_b' g_b, with J_b the Jacobian of
the encoder at image b, so that products of theirs are g_b' (J_b J_c') g_c, and no weight's gradient is ever formed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from vaeexplorer.records import NORMAL_95, Interval

NUMBERS = 2**20  # of float64 that lie in memory at a time
LEVEL = 1e-3  # how often an estimator without bias is called biased, over all of its coordinates
FEWEST_DECIDING = 15.0  # replicates that make up a coordinate's sum of squares
ROUNDING = 100.0  # units in the last place that a coordinate's mean may be off without being called biased


@dataclass(frozen=True)
class Coordinates:
    """The inner product of some outputs, each image's being coordinates of their own; chosen (O,) of 0 and 1."""

    chosen: Tensor

    def within(self, values: Tensor) -> Tensor:
        return values * self.chosen

    across = within


@dataclass(frozen=True)
class Kernel:
    """The inner product of the weights that all images share: table (B, O, B, O) of J_b J_c'."""

    table: Tensor

    def within(self, values: Tensor) -> Tensor:
        """K_bb v_b: images kept apart."""
        blocks = torch.diagonal(self.table, dim1=0, dim2=2).permute(2, 0, 1)  # (B, O, O)
        return torch.einsum("bop,rbp->rbo", blocks, values)

    def across(self, values: Tensor) -> Tensor:
        """sum_c K_bc v_c."""
        size = self.table.shape[0] * self.table.shape[1]
        return (values.flatten(1) @ self.table.reshape(size, size)).reshape(values.shape)


Product = Coordinates | Kernel


@dataclass(frozen=True)
class Spread:
    """Of replicates under an inner product; of one image where not said otherwise.

    variance: the trace of the covariance of one replicate, mean over the images, with its standard error.
    signal: |sum of the images' expected gradients|^2, corrected for the noise of its estimate, with its standard error;
    noise: the trace of the covariance of the replicate's sum over images.   alone: mean over images of |their expected
    gradient|^2, not corrected.   raw: the signal not corrected.   largest: the share of one replicate in the variance.
    """

    variance: float
    error: float
    signal: float
    signal_error: float
    noise: float
    alone: float
    raw: float
    largest: float
    replicates: int
    images: int

    def interval(self) -> Interval:
        """The variance with its 95 % interval, symmetric for its logarithm, as a variance is above 0."""
        if self.variance <= 0:
            return Interval(0.0, 0.0, 0.0)
        factor = math.exp(min(NORMAL_95 * self.error / self.variance, 700.0))
        return Interval(self.variance, self.variance / factor, self.variance * factor)

    def signal_to_noise(self) -> Interval | None:
        """|E g| / sqrt(trace of the covariance) with its 95 % interval; None without noise."""
        if self.noise <= 0:
            return None
        ratio = self.signal / self.noise
        relative = self.error / self.variance
        error = NORMAL_95 * math.hypot(self.signal_error / self.noise, ratio * relative)
        return Interval(*(math.sqrt(max(0.0, value)) for value in (ratio, ratio - error, ratio + error)))

    def between_images(self) -> float | None:
        """The trace of the covariance of an image's expected gradient over images, corrected; None for one image.

        Var g = E Var(g | image) + Var E(g | image), the law of total variance: this is its second term.
        """
        if self.images < 2:
            return None
        seen = (self.alone - self.raw / self.images**2) * self.images / (self.images - 1)
        return max(0.0, seen - self.variance / self.replicates)


def spread(values: Tensor, product: Product) -> Spread:
    """Of R >= 2 replicates, values (R, B, O).

    The error of the variance is Var(s^2) = [E t^2 - s^4]/R + 2 tr(C^2) / (R (R - 1)) with t = |g - E g|^2 and C the
    covariance; for one coordinate this is (mu4 - s^4 (R - 3)/(R - 1)) / R.
    """
    count, images = len(values), values.shape[1]
    mean = values.double().mean(0)
    (direction,) = product.across(mean[None])
    rows = [_row(part, mean, direction, product) for part in _parts(values)]
    squares, projections, apart, together = (torch.cat(column) for column in zip(*rows, strict=True))
    scale = count / (count - 1)
    variance = squares.mean().item() * scale
    chance = 2 * apart.mean().item() / (count * (count - 1))
    raw = (mean * direction).sum().item()
    noise = variance * images
    chance_of_signal = 2 * together.mean().item() / count**2
    return Spread(
        variance=variance,
        error=math.sqrt(squares.var().item() / count + chance),
        signal=raw - noise / count,
        # Along the mean instead of E g, too wide by up to sqrt 3 where there is no signal; intervals hold 95 % so.
        signal_error=math.sqrt(4 * projections.var().item() / count + chance_of_signal),
        noise=noise,
        alone=(mean * product.within(mean[None])[0]).sum().item() / images,
        raw=raw,
        largest=squares.max().item() / max(squares.sum().item(), 1e-300),
        replicates=count,
        images=images,
    )


def _row(part: Tensor, mean: Tensor, direction: Tensor, product: Product) -> tuple[Tensor, ...]:
    """Of some replicates: |g - mean|^2 of an image, g along the mean, and squares of products of two neighbours, whose
    expectation is tr(C^2), for images kept apart and for their sum.
    """
    centred = part - mean
    within = product.within(centred)
    squares = (centred * within).sum(-1).mean(-1)
    images = part.shape[1]
    apart = ((centred.roll(1, 0) * within).sum(-1) ** 2).sum(-1) / images**2
    together = (centred.roll(1, 0) * product.across(centred)).sum((-2, -1)) ** 2
    return squares, (centred * direction).sum((-2, -1)), apart, together


def _parts(values: Tensor) -> Iterator[Tensor]:
    """In float64, some replicates at a time; at least two, as neighbours are compared."""
    size = max(2, NUMBERS // values[0].numel())
    bounds = list(range(0, len(values), size))
    if len(bounds) > 1 and len(values) - bounds[-1] < 2:
        bounds.pop()
    for start, end in zip(bounds, [*bounds[1:], len(values)], strict=True):
        yield values[start:end].double()


def cosines(values: Tensor, truth: Tensor, product: Product) -> tuple[float, float] | None:
    """The cosine of the mean to the exact gradient (B, O), and the expected one of a single replicate; None where one
    of them is zero.
    """
    (along,) = product.across(truth[None].double())
    length = (truth.double() * along).sum().clamp_min(0).sqrt()

    def of(part: Tensor) -> Tensor:
        own = (part * product.across(part)).sum((-2, -1)).clamp_min(0).sqrt()
        return (part * along).sum((-2, -1)) / (own * length)

    both = of(values.double().mean(0, keepdim=True)).item(), torch.cat([of(p) for p in _parts(values)]).mean().item()
    return both if all(math.isfinite(value) for value in both) else None


@dataclass(frozen=True)
class Bias:
    """largest |z|, corrected for skewness, to be compared with `limit`, which one estimator in 1000 without bias
    exceeds.
    """

    largest: float
    limit: float

    @property
    def biased(self) -> bool:
        return self.largest > self.limit


@dataclass(frozen=True)
class Compared:
    """Means of coordinates beside the truth, of any one shape; square: the error of their difference, squared, the
    truth's own included; skewness: of one replicate, for each coordinate or the largest of all.
    """

    mean: Tensor
    truth: Tensor
    square: Tensor
    skewness: Tensor


def bias(compared: Sequence[Compared], scale: float, dtype: torch.dtype, replicates: int) -> Bias:
    """The largest z = (mean - truth) / its standard error, and its limit; Bonferroni for the number of coordinates.

    Skewness g makes large z likelier: the quantile t becomes t + |g| (2 t^2 + 1) / (6 sqrt R), and z is divided by the
    ratio of the two.   scale: of the numbers that were added up in `dtype`, whose rounding is no bias. Coordinates that
    are the same and certain in both are not counted.   Source: Hall 1992, section 2.6 (the studentized mean).
    """
    rounding = (ROUNDING * torch.finfo(dtype).eps * scale) ** 2
    off = [(one.mean.double() - one.truth.double()).abs() for one in compared]
    coordinates = sum(int(((o > 0) | (one.square > 0)).sum()) for o, one in zip(off, compared, strict=True))
    limit = limit_of_z(max(1, coordinates), replicates)
    tail = (2 * limit**2 + 1) / (6 * math.sqrt(replicates) * limit)
    scores = [
        o / (one.square.double() + rounding).sqrt() / (1 + tail * one.skewness.abs())
        for o, one in zip(off, compared, strict=True)
    ]
    return Bias(max((score.max().item() for score in scores if score.numel()), default=0.0), limit)


def limit_of_z(coordinates: int, replicates: int) -> float:
    """What the largest |z| of so many coordinates exceeds once in 1/LEVEL times: the quantile of Student's t.

    By its expansion around the normal quantile; for ten replicates it is right to 1 %.
    Source: Abramowitz & Stegun 1964, 26.7.5.
    """
    z, n = NormalDist().inv_cdf(1 - LEVEL / (2 * coordinates)), replicates - 1
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


def settled(values: Tensor) -> Tensor:
    """Of replicates (R, B, O): where a coordinate's mean rests on enough of them, (B, O), for its z to be about normal.

    (sum c^2)^2 / sum c^4 with c = g - mean, R over the kurtosis, counts those that decide its sum of squares; where
    nothing varies nothing can be missed.
    """
    mean, variance = mean_and_variance(values)
    fourth = in_parts(values, lambda part: ((part - mean) ** 4).sum(0))
    return (variance * (len(values) - 1)) ** 2 >= FEWEST_DECIDING * fourth


def in_parts(values: Tensor, reduce: Callable[[Tensor], Tensor]) -> Tensor:
    """The sum of `reduce` over parts of the replicates, in float64."""
    return torch.stack([reduce(part) for part in _parts(values)]).sum(0)


def skewness(values: Tensor) -> Tensor:
    """E (g - E g)^3 / Var^1.5 of each coordinate over the replicates, (B, O); 0 where nothing varies."""
    mean, variance = mean_and_variance(values)
    third = in_parts(values, lambda part: ((part - mean) ** 3).sum(0)) / len(values)
    return torch.where(variance > 0, third / variance.clamp_min(1e-300) ** 1.5, 0.0)


def mean_and_variance(values: Tensor) -> tuple[Tensor, Tensor]:
    """Of each coordinate over the replicates, (B, O) float64."""
    mean = in_parts(values, lambda part: part.sum(0)) / len(values)
    return mean, in_parts(values, lambda part: ((part - mean) ** 2).sum(0)) / (len(values) - 1)
