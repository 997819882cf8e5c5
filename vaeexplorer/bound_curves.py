"""What is drawn of an estimate of log p(x): its course, the bounds it is nested in, the distribution of its weights.

From log-weights (S, B) of S independent draws for each of B images, float64 nats; plain numpy in and out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaeexplorer.bounds.pareto import fit_tail
from vaeexplorer.records import NORMAL_95, LogMarginal

PLACES = 40  # of a curve
BINS = 48
TAIL_POINTS = 40


@dataclass(frozen=True)
class Curve:
    """Values against the number of draws.

    samples: (P,) whole numbers, rising.   value, stderr: (P, B) nats; the stderr is inf where it is not known.
    """

    samples: np.ndarray
    value: np.ndarray
    stderr: np.ndarray

    @property
    def low(self) -> np.ndarray:
        """The lower end of a 95 % band, (P, B); -inf where the error is not known."""
        return self.value - NORMAL_95 * self.stderr

    @property
    def high(self) -> np.ndarray:
        return self.value + NORMAL_95 * self.stderr


def running(log_weights: np.ndarray, places: int = PLACES) -> Curve:
    """The estimate log (1/K) sum_(k <= K) w_k after the first K draws, at K = 1 ... S on a geometric scale.

    Args: log_weights (S, B).   Returns: Curve; its last value is the estimate from all draws.
    Error: the delta method's, as in bounds.importance.run: too small where the weights have a heavy tail. The places of
    one curve share draws and are not independent.
    Raises: ValueError unless the weights are (S, B) with S >= 1.
    """
    weights = _checked(log_weights)
    at = geometric(len(weights), places)
    starts = np.concatenate([[0], at[:-1]])
    sums = np.logaddexp.accumulate(np.stack([_log_sum(weights[a:b]) for a, b in zip(starts, at, strict=True)]))
    squares = np.logaddexp.accumulate(np.stack([_log_sum(2 * weights[a:b]) for a, b in zip(starts, at, strict=True)]))
    draws = at[:, None].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.clip(draws * np.exp(squares - 2 * sums) - 1, 0, None) / (draws - 1)  # of the mean, relative
    return Curve(at, sums - np.log(draws), np.where(draws > 1, np.sqrt(variance), np.inf))


def nested(log_weights: np.ndarray, places: int = PLACES) -> Curve:
    """The bounds E L_K = E log (1/K) sum_(k <= K) w_k, rising with K from the ELBO (K = 1) towards log p(x).

    Each is the mean over the S // K disjoint blocks of K draws: unbiased for E L_K. With one block left (K > S / 2)
    the error is not known: stderr inf.
    Args: log_weights (S, B).   Error: std over blocks / sqrt(blocks); different K share draws.
    Raises: ValueError as `running`.   Source: Burda et al. 2016, theorem 1.
    """
    weights = _checked(log_weights)
    at = geometric(len(weights), places)
    columns = [_block_means(weights, size) for size in at]
    return Curve(at, np.stack([value for value, _ in columns]), np.stack([stderr for _, stderr in columns]))


def course(records: Sequence[LogMarginal]) -> Curve:
    """The same picture as `running` from the records of an estimate on its way, where no weights were kept.

    Of records with the same number of samples the last one counts.   Raises: ValueError if there is none.
    """
    if not records:
        raise ValueError("expected one record or more, got none: draw a curve when the first value is there")
    last = {record.samples: record for record in records}
    ordered = [last[samples] for samples in sorted(last)]
    return Curve(
        np.array([record.samples for record in ordered]),
        np.stack([record.value for record in ordered]),
        np.stack([record.stderr for record in ordered]),
    )


@dataclass(frozen=True)
class TailCurve:
    """The generalised Pareto tail as expected counts: points (P, 2) of log-weight and draws per bin of the histogram.

    k: the shape.   start: the log-weight above which it was fitted.
    """

    k: float
    start: float
    points: np.ndarray


@dataclass(frozen=True)
class Weights:
    """How the log-weights of one image are distributed: counts (n,) between edges (n + 1,), evenly spaced, nats.

    below: draws further left than the first edge.   tail: None where it could not be fitted.
    """

    edges: np.ndarray
    counts: np.ndarray
    below: int
    tail: TailCurve | None


def histogram(log_weights: np.ndarray, bins: int = BINS) -> Weights:
    """The distribution of the log-weights (S,) of one image, with the fitted tail of its largest ones.

    The window ends at the largest weight and leaves out, at the other end, at most 1 % of draws, which are counted in
    `below`: a few very small weights would squeeze all others into a single bin.
    Raises: ValueError unless the weights are (S,) with S >= 1 and finite.
    """
    weights = _checked(np.asarray(log_weights)[:, None] if np.ndim(log_weights) == 1 else log_weights)
    if weights.shape[1] != 1:
        raise ValueError(f"expected the log-weights of one image, got {weights.shape[1]}: choose a column")
    column = weights[:, 0]
    low, high = float(np.quantile(column, 0.01, method="lower")), float(column.max())
    if high - low < 1e-9:  # all equal, as from the true posterior
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    counts, _ = np.histogram(column, edges)
    return Weights(edges, counts, int((column < low).sum()), _tail(weights, edges))


def geometric(last: int, places: int = PLACES) -> np.ndarray:
    """Whole numbers from 1 to `last`, evenly spaced on a logarithmic scale, each once, at most `places`."""
    return np.unique(np.rint(np.geomspace(1, last, min(places, last))).astype(np.int64))


def _block_means(weights: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    blocks = len(weights) // size
    parts = weights[: blocks * size].reshape(blocks, size, -1)
    values = _log_sum(parts, 1) - math.log(size)
    unknown = np.full(values.shape[1], np.inf)
    return values.mean(0), values.std(0, ddof=1) / math.sqrt(blocks) if blocks > 1 else unknown


def _tail(weights: np.ndarray, edges: np.ndarray) -> TailCurve | None:
    """Expected counts per bin: S (share above u) f(w - u) w dx, as dw = w dx on the axis of x = log w."""
    tail = fit_tail(weights, len(weights))
    k, log_scale, start = (float(each[0]) for each in (tail.shape, tail.log_scale, tail.log_threshold))
    if not math.isfinite(k):
        return None
    x = np.linspace(start, edges[-1], TAIL_POINTS)
    beyond = np.exp(start - log_scale) * np.expm1(x - start)  # (w - u) / sigma
    log_rest = -beyond if abs(k) < 1e-9 else np.log(np.clip(1 + k * beyond, 1e-300, None)) / -k
    density = np.exp(x - log_scale + (1 + k) * log_rest)  # (1 + k y)^(-1/k - 1), times w, by sigma
    counts = len(weights) * float(tail.share[0]) * (edges[1] - edges[0]) * density
    return TailCurve(k, start, np.stack([x, counts], 1))


def _log_sum(values: np.ndarray, axis: int = 0) -> np.ndarray:
    top = values.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - top).sum(axis)) + top.squeeze(axis)


def _checked(log_weights: np.ndarray) -> np.ndarray:
    weights = np.asarray(log_weights, dtype=np.float64)
    if weights.ndim != 2 or not weights.size:
        raise ValueError(f"expected log-weights (draws, images), one or more of each, got {weights.shape}")
    if np.isnan(weights).any():
        raise ValueError("expected log-weights, got NaN")
    return weights
