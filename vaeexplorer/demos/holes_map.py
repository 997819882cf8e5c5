"""The aggregate posterior of a two-dimensional latent space on lattices and in squares, and where it has holes.

q(z) = (1/N) sum_i N(z; mu_i, diag(s_i^2)). A diagonal Gaussian is a product over the two axes, so that the densities of
all N images at all nodes of a lattice, summed, are one matrix product: exact for these images, and quick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeexplorer.distributions import LOG_TWO_PI, DiagonalGaussian

TAIL = 6.0  # standard deviations of every q, and of the prior, that a lattice holds
HOLE = math.log(10.0)  # nats: in a hole codes are ten times rarer than the prior would have them
TINY = 1e-300  # a density that counts as none
PER_WIDTH = 1.4  # nodes for each standard deviation of the narrowest q
FEWEST, MOST = 240, 720  # nodes along an axis
STAYS = 0.6  # of the greatest depth keeps a hole in its place


@dataclass(frozen=True)
class Lattice:
    """q(z) and p(z) on an evenly spaced lattice, seen as a whole; float64.

    mass: of q on the lattice, 1 if it is wide and fine enough.   marginal: KL(q(z) || p(z)), nats.   hole_share: the
    part of the prior's probability where q(z) < p(z) / 10.   spacing: of the nodes.
    """

    mass: float
    marginal: float
    hole_share: float
    spacing: float


def lattice(q: DiagonalGaussian, nodes: int) -> Lattice:
    """KL(q(z) || p(z)) = sum_nodes h^2 q log(q / p), and the prior's share of holes, for q (N, 2) of N images.

    Error: the trapezoidal rule on a smooth density that falls off on all sides: of a Gaussian with s standard
    deviations to a spacing it is exp(-2 pi^2 s^2), nothing from s = 1.2 on. Compare two spacings. The share of holes is
    a share of nodes, with an error of the order of h.
    """
    mean, std = q.mean.double(), q.std.double()
    low, high = ends(mean, std)
    axes = [torch.linspace(float(a), float(b), nodes, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
    density = table(mean, std, axes)
    log_prior = log_prior_on(axes)
    area = float((axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0]))
    log_ratio = density.clamp_min(TINY).log() - log_prior
    prior = log_prior.exp()
    empty = (prior * (log_ratio < -HOLE)).sum() / prior.sum()
    return Lattice(float(density.sum()) * area, float((density * log_ratio).sum()) * area, float(empty), area**0.5)


def nodes_for(q: DiagonalGaussian) -> int:
    """Nodes along an axis that are fine enough for the narrowest q, as far as there is time for them."""
    low, high = ends(q.mean.double(), q.std.double())
    wanted = PER_WIDTH * float((high - low).max() / q.std.double().min())
    return int(min(MOST, max(FEWEST, math.ceil(wanted))))


def ends(mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Corners (2,) of a window that holds every q and the prior to TAIL standard deviations."""
    low = (mean - TAIL * std).amin(0).clamp_max(-TAIL)
    high = (mean + TAIL * std).amax(0).clamp_min(TAIL)
    return low, high


def table(mean: Tensor, std: Tensor, axes: list[Tensor]) -> Tensor:
    """q(z) at all nodes, (len(axes[0]), len(axes[1])), for mean and std (N, 2)."""
    across, up = (_bells(axis, mean[:, k], std[:, k]) for k, axis in enumerate(axes))
    return across.T @ up / len(mean)


def _bells(axis: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """N(axis; mean, std^2), (N, nodes)."""
    scaled = (axis - mean[:, None]) / std[:, None]
    return torch.exp(-0.5 * scaled**2 - 0.5 * LOG_TWO_PI) / std[:, None]


def log_prior_on(axes: list[Tensor]) -> Tensor:
    """log N(z; 0, I) at all nodes."""
    return -0.5 * (axes[0][:, None] ** 2 + axes[1] ** 2) - LOG_TWO_PI


def log_ratio_at(q: DiagonalGaussian, z: Tensor) -> Tensor:
    """log q(z) - log p(z), (M,), at places z (M, 2), exact for these images."""
    scaled = (z.double()[:, None] - q.mean.double()) / q.std.double()
    each = -0.5 * (scaled**2).sum(-1) - LOG_TWO_PI - q.log_std.double().sum(-1)
    log_q = torch.logsumexp(each, 1) - math.log(len(q.mean))
    return log_q + 0.5 * (z.double() ** 2).sum(-1) + LOG_TWO_PI


def squares(q: DiagonalGaussian, reach: float, count: int) -> Tensor:
    """How much of q(z) lies in each of count x count squares of [-reach, reach]^2, against the prior's: q / p.

    (count, count), the first axis is z1. Means over whole squares: however narrow a q is, it is not overlooked.
    """
    edges = torch.linspace(-reach, reach, count + 1, dtype=torch.float64)
    mean, std = q.mean.double(), q.std.double()
    shares = []
    for k in (0, 1):
        below = torch.special.ndtr((edges - mean[:, k : k + 1]) / std[:, k : k + 1])
        shares.append(below.diff(dim=1))
    of_prior = torch.special.ndtr(edges).diff()
    return (shares[0].T @ shares[1] / len(mean)) / (of_prior[:, None] * of_prior)


def deepest_hole(q: DiagonalGaussian, radius: float, before: Tensor | None = None) -> Tensor | None:
    """The place (2,) within a radius of the prior's middle where codes are rarest against the prior; None without hole.

    before: where the hole was a moment ago; it stays there unless another one is clearly deeper.
    """
    axis = torch.linspace(-radius, radius, 61, dtype=torch.float64)
    found = table(q.mean.double(), q.std.double(), [axis, axis]).clamp_min(TINY).log() - log_prior_on([axis, axis])
    found = torch.where(axis[:, None] ** 2 + axis**2 <= radius**2, found, torch.inf)
    deepest = float(found.min())
    if deepest > -HOLE:
        return None
    if before is not None and float(log_ratio_at(q, before[None])) < min(-HOLE, STAYS * deepest):
        return before
    row, column = divmod(int(found.argmin()), len(axis))
    return torch.stack([axis[row], axis[column]])
