"""How heavy the tail of importance weights is: the shape k of a generalised Pareto distribution, in numpy.

k below 1/2: the variance is finite and the error bar means something; up to 0.7 the estimate is still usable; above 1
even the mean of the weights is infinite.   Source: Vehtari, Simpson, Gelman, Yao & Gabry 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PAIRS = 50_000  # weights fitted at a time; each is looked at some 50 times: 20 MB
TINY = 1e-12  # of the largest weight is nothing
FEWEST = 5  # exceedances; a shape from fewer says nothing


def tail_size(draws: int) -> int:
    """How many of the largest weights make the tail: ceil(min(K / 5, 3 sqrt K)).   Source: Vehtari et al. 2024, 3.2."""
    return math.ceil(min(draws / 5, 3 * math.sqrt(draws)))


@dataclass(frozen=True)
class Tail:
    """Weights above a threshold u, w - u ~ generalised Pareto(k, sigma), one for each of B images.

    shape (B,): k; inf where fewer than FEWEST weights outweigh all others, NaN without a tail (see fit_tail).
    log_scale, log_threshold (B,): log sigma, log u.   share (B,): of all weights that lie above u.
    """

    shape: np.ndarray
    log_scale: np.ndarray
    log_threshold: np.ndarray
    share: np.ndarray


def pareto_k(largest: np.ndarray, draws: int) -> np.ndarray:
    """k of each image from its largest log-weights; see `fit_tail`."""
    return fit_tail(largest, draws).shape


def fit_tail(largest: np.ndarray, draws: int) -> Tail:
    """The tail of the weights of B images, from the tail_size(draws) + 1 largest of them or more.

    Args: largest (M + 1 or more, B) log-weights in any order; draws: how many weights there were in all.
    Returns: Tail. Without a tail, NaN: fewer than 25 draws, or weights that are equal or take few values.
    Error: the standard deviation of k is about (1 + k) / sqrt(M) plus the weak prior's pull towards 1/2.
    Raises: ValueError if there are fewer weights than the tail needs.
    Source: Zhang & Stephens 2009 (the fit); Vehtari et al. 2024 (the size of the tail and the prior).
    """
    size = tail_size(draws)
    largest = np.sort(np.asarray(largest, dtype=np.float64), axis=0)[::-1]
    if len(largest) <= size and draws > size:
        raise ValueError(f"expected the {size + 1} largest of {draws} log-weights, got {len(largest)}")
    largest = largest[: size + 1]
    top = largest[0]
    excess = np.exp(largest[:-1] - top) - np.exp(largest[-1] - top)  # (M, B), in units of the largest weight
    count = (excess > TINY).sum(0)
    alone = (count > 0) & (largest[-1] - top < math.log(TINY)) & (size >= FEWEST)
    shape, scale = np.where(alone, np.inf, np.nan), np.full(len(top), np.nan)
    for number in np.unique(count[count >= FEWEST]):  # ties leave some images fewer exceedances than others
        same = np.flatnonzero(count == number)
        for which in np.array_split(same, math.ceil(len(same) * number / PAIRS)):
            shape[which], scale[which] = _zhang_stephens(excess[:number, which][::-1])
    with np.errstate(divide="ignore"):
        return Tail(shape, np.log(scale) + top, largest[-1], count / draws)


def _zhang_stephens(excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """k and sigma from exceedances (M, B) > 0 in rising order: a posterior mean of b = -k / sigma over a fixed set.

    l(b) = M [log(-b / k(b)) - k(b) - 1] is the profile log-likelihood, k(b) = mean log(1 - b y).
    Source: Zhang & Stephens 2009, section 3, with k shrunk to 1/2 by ten prior observations (Vehtari et al. 2024).
    """
    size = len(excess)
    points = 30 + int(math.sqrt(size))
    steps = np.arange(1, points + 1, dtype=np.float64)[:, None] - 0.5
    quartile = excess[int(size / 4 + 0.5) - 1]
    b = (1 - np.sqrt(points / steps)) / (3 * quartile) + 1 / excess[-1]  # (points, B)
    k = np.mean(np.log1p(-b[:, None] * excess[None]), axis=1)
    level = size * (np.log(-b / k) - k - 1)
    weights = np.exp(level - level.max(0))
    b = (b * weights).sum(0) / weights.sum(0)
    shape = np.log1p(-b * excess).mean(0)
    return (size * shape + 10 * 0.5) / (size + 10), -shape / b
