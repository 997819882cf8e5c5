"""What a sweep finds: the variance and the signal of an estimator at each place of an axis, and the slope over it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from vaeexplorer.gradients.spread import Coordinates, spread
from vaeexplorer.records import NORMAL_95, Interval

Measure = Literal["variance", "snr"]
Line = tuple[tuple[float, float], ...]  # (x, value)


@dataclass(frozen=True)
class Point:
    """One estimator at one place x; each number with a 95 % interval.

    variance: trace of the covariance over q's parameters, mean over the images.   snr: |E g| / sqrt(tr Var g), g of all
    images together, inf for a gradient that does not vary.   squared_bias: |E g - truth|^2, mean over the images, less
    what chance adds and not below 0; where a sweep asks for it.
    """

    x: float
    variance: float
    low: float
    high: float
    snr: float
    snr_low: float
    snr_high: float
    squared_bias: float | None = None

    def of(self, measure: Measure) -> tuple[float, float, float]:
        """Value, low, high."""
        return (
            (self.variance, self.low, self.high) if measure == "variance" else (self.snr, self.snr_low, self.snr_high)
        )  # fmt: skip


@dataclass(frozen=True)
class Slope:
    """d log(measure) / d log x by weighted least squares, with its standard error."""

    value: float
    stderr: float


@dataclass(frozen=True)
class Mark:
    """A place on the axis that has a name."""

    x: float
    words: str


@dataclass(frozen=True)
class SweepResult:
    """What was found so far: series by estimator, points in the order of x.

    measure: what `slopes`, `theory` and a chart's axis are of.   theory: what must come out where that is known, else
    None.   slopes: where the sweep has one and two points are there.   complete: every place was measured.
    """

    over: str
    x_title: str
    measure: Measure
    log_x: bool
    complete: bool
    series: Mapping[str, tuple[Point, ...]]
    theory: Mapping[str, Line | None] = field(default_factory=dict)
    slopes: Mapping[str, Slope] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is not finite becomes null. points: [x, variance, low, high, snr, snr_low, snr_high,
        squared_bias].
        """
        return {
            "over": self.over,
            "x_title": self.x_title,
            "measure": self.measure,
            "log_x": self.log_x,
            "complete": self.complete,
            "series": [
                {
                    "estimator": name,
                    "points": [[_json(value) for value in vars(point).values()] for point in points],
                    "theory": None if (line := self.theory.get(name)) is None else [list(pair) for pair in line],
                }
                for name, points in self.series.items()
            ],
            "slope": {name: {key: _json(value) for key, value in vars(slope).items()}
                      for name, slope in self.slopes.items()},
            "marks": [vars(mark) for mark in self.marks],
        }  # fmt: skip


def point(x: float, gradients: Tensor, truth: tuple[Tensor, Tensor] | None = None) -> Point:
    """What replicates of an estimate (R, B, O) say; truth: the gradient and its standard error, (B, O).

    Error: see spread.Spread; the intervals lean on a large R.
    Raises: ValueError for fewer than 2 replicates.
    """
    if len(gradients) < 2:
        raise ValueError("one replicate has no variance: expected replicates as a whole number of 2 or more")
    g = gradients.cpu().double()
    found = spread(g, Coordinates(torch.ones(g.shape[-1], dtype=g.dtype)))
    variance, snr = found.interval(), found.signal_to_noise() or Interval(math.inf, math.inf, math.inf)
    bias = None if truth is None else _squared_bias(g, found.variance, truth)
    return Point(x, variance.value, variance.low, variance.high, snr.value, snr.low, snr.high, bias)


def slope(points: Sequence[Point], measure: Measure) -> Slope | None:
    """Of log(measure) on log x, each point weighted by its own interval; None without two usable places.

    Error: from the points' intervals, taken as independent.
    """
    used = [(math.log(p.x), *_logarithm(*p.of(measure))) for p in points if p.x > 0 and 0 < p.of(measure)[0] < math.inf]
    total = sum(weight for _, _, weight in used)
    if len({x for x, _, _ in used}) < 2:
        return None
    centre = sum(weight * x for x, _, weight in used) / total
    spread = sum(weight * (x - centre) ** 2 for x, _, weight in used)
    return Slope(sum(weight * (x - centre) * y for x, y, weight in used) / spread, 1 / math.sqrt(spread))


def _squared_bias(g: Tensor, variance: float, truth: tuple[Tensor, Tensor]) -> float:
    gradient, stderr = truth
    chance = variance / len(g) + float((stderr**2).sum(-1).mean())
    return max(0.0, float(((g.mean(0) - gradient) ** 2).sum(-1).mean()) - chance)


def _logarithm(value: float, low: float, high: float) -> tuple[float, float]:
    """log value, and 1 / variance of it by its interval: by the upper side alone where the lower end is 0."""
    width = math.log(high / low) / 2 if low > 0 else math.log(high / value)
    return math.log(value), (NORMAL_95 / max(width, 1e-9)) ** 2


def _json(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
