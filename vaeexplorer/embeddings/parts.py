"""What an embedding method gets, what it gives, and how it is described to a form (numpy only)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaeexplorer.image_set import Progress


@dataclass(frozen=True)
class Option:
    """A number that a method takes: its title, default, least and greatest value; whole if the default is an int."""

    title: str
    default: int | float
    least: float
    most: float

    def checked(self, value: Any) -> int | float:
        """The value in the type of the default.   Raises ValueError if it is no such number or out of range."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = isinstance(self.default, int)
        if not number or not self.least <= value <= self.most or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{self.title} must be {kind} from {self.least:g} to {self.most:g}, got {value!r}")
        return type(self.default)(value)


@dataclass(frozen=True)
class Question:
    """What a method gets: codes (N, D) finite float32, dims 2 or 3, all of its options, a seed below 2^32, progress."""

    codes: np.ndarray
    dims: int
    options: Mapping[str, Any]
    seed: int
    progress: Progress


@dataclass(frozen=True)
class Picture:
    """What a method gives: coordinates (N, dims) float32, a title for each axis, and what this one picture needs said.

    shares: (dims,) of the variance of the codes, PCA only.   axes (dims, D) orthonormal, centre (D,): for the straight
    projections coordinates = (codes - centre) @ axes.T; None for the others.
    """

    coordinates: np.ndarray
    axis_titles: tuple[str, ...]
    note: str = ""
    shares: np.ndarray | None = None
    axes: np.ndarray | None = None
    centre: np.ndarray | None = None


@dataclass(frozen=True)
class Embedding(Picture):
    """A picture with what belongs to it.

    caution: plain words, what distances and sizes mean and what they do not; the note is part of it.
    parameters: everything that made it: method, options, dims, seed.
    """

    caution: str = ""
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Method:
    """One way to embed: a title for a selector, the function, its options, whether it takes seconds, its caution."""

    title: str
    place: Callable[[Question], Picture]
    options: Mapping[str, Option]
    slow: bool
    caution: str


def spread_out(codes: np.ndarray) -> np.ndarray:
    """Codes (N, D) moved to mean 0 and scaled by one number to variance 1 overall, float64: no shape changes.

    Raises ValueError if all codes are the same.
    """
    if (codes == codes[0]).all():
        raise ValueError(f"all {len(codes):,} codes are the same: there is nothing to spread out (a collapsed model?)")
    codes = codes.astype(np.float64)
    codes = codes - codes.mean(axis=0)
    return codes / codes.std()
