"""How well single latent dimensions carry the known factors of a data set (numpy only)."""

from __future__ import annotations

import dataclasses

import numpy as np

CARRIED = 0.2  # a gap from here on: "carried by mainly one dimension"


@dataclasses.dataclass(frozen=True)
class InformationGap:
    """The mutual information between F factors and D latent dimensions, and its gaps. All shares are of 0..1.

    mig: mean of per_factor.   per_factor (F,): share of the factor's entropy by which the most informative dimension is
    ahead of the second.   mutual_information (F, D): I(factor; dimension) / H(factor).   top_dimension (F,): the most
    informative dimension of each factor, counted from 0.   n: number of codes.
    """

    mig: float
    per_factor: np.ndarray
    mutual_information: np.ndarray
    top_dimension: np.ndarray
    n: int

    @property
    def carried(self) -> np.ndarray:
        """Whether each factor is carried by mainly one dimension: its gap is at least 0.2. bool (F,)."""
        return self.per_factor >= CARRIED

    def sentences(self, factor_names: tuple[str, ...]) -> tuple[str, ...]:
        """A sentence for each factor, with the dimensions numbered from z1 as on the pages."""
        rows = zip(factor_names, self.per_factor, self.top_dimension, self.carried, strict=True)
        return tuple(
            f"{name}: carried by mainly one dimension, z{top + 1} (gap {gap:.2f})"
            if carried
            else f"{name}: not carried by mainly one dimension (gap {gap:.2f})"
            for name, gap, top, carried in rows
        )


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray, bins: int = 20) -> InformationGap:
    """The mutual information gap of codes with the factors that the images were made from.

    MIG = mean over factors v of (I(v; z_1st) - I(v; z_2nd)) / H(v), the two dimensions that tell most about v.
    Args: codes (N, D), for example the posterior means; factors (N, F) integers, each a position in a factor's values;
    bins: of equal width between the least and the greatest value of each dimension.
    Returns: InformationGap. A factor that never changes has gap 0.
    Error: the histogram's mutual information is biased up, about (bins - 1)(values - 1) / 2N nats for independent ones.
    Raises: ValueError if the arrays do not match, are empty or not finite.   Source: Chen et al. 2018, section 4.
    """
    codes, factors = np.asarray(codes, np.float64), np.asarray(factors)
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or codes.size == 0 or factors.size == 0:
        raise ValueError(
            f"expected codes (N, D) and factors (N, F) of the same N, got {codes.shape} and {factors.shape}"
        )
    if not np.isfinite(codes).all() or bins < 2:
        raise ValueError(f"expected finite codes and at least 2 bins, got bins {bins}")
    binned = np.stack([_bin(column, bins) for column in codes.T], axis=1)
    shares = np.array([[_shared(factor, column) for column in binned.T] for factor in factors.T])
    second, first = np.sort(np.pad(shares, ((0, 0), (1, 0))), axis=1)[:, -2:].T  # one dimension only: the second is 0
    return InformationGap(float((first - second).mean()), first - second, shares, shares.argmax(axis=1), len(codes))


def _bin(values: np.ndarray, bins: int) -> np.ndarray:
    """The position 0..bins-1 of each value between the least and the greatest; the greatest is in the last bin."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.zeros(len(values), np.int64)
    return np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)


def _shared(factor: np.ndarray, binned: np.ndarray) -> float:
    """I(factor; binned) / H(factor), or 0 for a factor that never changes."""
    _, values = np.unique(factor, return_inverse=True)
    joint = np.zeros((values.max() + 1, binned.max() + 1))
    np.add.at(joint, (values, binned), 1)
    entropy = _entropy(joint.sum(axis=1))
    information = entropy + _entropy(joint.sum(axis=0)) - _entropy(joint.ravel())
    return max(information / entropy, 0.0) if entropy > 0 else 0.0


def _entropy(counts: np.ndarray) -> float:
    """Entropy in nats of the distribution with these counts."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
