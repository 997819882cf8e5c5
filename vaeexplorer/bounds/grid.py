"""log p(x) by adding up p(x, z) over a lattice of codes, for one or two latent dimensions.

The lattice stands in the coordinates u in which the prior is N(0, I), z = m + A u. A sum over an evenly spaced lattice
converges faster than any power of the spacing where p(x, z) is smooth and falls off on all sides; where an image's
posterior is narrow the lattice is halved again, but only near the codes that matter to images whose value still moves.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds.importance import PAUSE
from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.bounds.tables import codes_at_a_time, in_double, joint_table
from vaeexplorer.distributions import DiagonalGaussian, Prior
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import LogMarginal

REACH = 6.0  # standard deviations of the prior on each side; the lattice grows where an image's mass goes beyond
DEPTH = 25.0  # nats below an image's highest point: of a Gaussian posterior in two dimensions e^-25 lies further out
NEGLIGIBLE = 1e-9  # of the sum over the lattice is left out when it is halved
SETTLED = 1e-4  # nats: a value that halving the spacing moves by less; what is left is about the square of that
IMAGES = 500  # in one sweep: what is remembered of each takes about 100 kB
HALVINGS = 12
# Codes of one image by those of the first lattice, and what each further one adds: measured on digits with narrow
# posteriors, 1.1 times for one, 3 for 20, 13 for 200.
HALVED, GROWTH = {1: 3.0, 2: 1.1}, 0.06
MOST_CODES = 1_000_000  # of one call, then the values stay as they are, with the error that they have
CURVE, PICTURE = 401, 161  # points of a density in one dimension, and along each side in two
INSIDE = 0.999  # of the posterior is shown
FARTHEST = 1000.0  # standard deviations of the prior: what an encoder says beyond is not looked at
HALF_KEY = 2**31  # coordinates are smaller than this: FARTHEST by the finest spacing


@dataclass(frozen=True)
class Frame:
    """z = origin + u @ axes, the coordinates in which p(z) is N(u; 0, I); origin (D,), axes (D, D)."""

    origin: Tensor
    axes: Tensor

    @classmethod
    def of(cls, prior: Prior, dims: int, device: torch.device) -> Frame:
        """Read off a Gaussian prior: its `sample` is this very map."""
        corners = torch.cat([torch.zeros(1, dims), torch.eye(dims)]).to(device, torch.float64)
        images = prior.sample(corners)
        return cls(images[0], images[1:] - images[0])

    @property
    def log_volume(self) -> float:
        return float(torch.linalg.slogdet(self.axes).logabsdet)

    def outside(self, u: Tensor) -> Tensor:
        return self.origin + u @ self.axes

    def inside(self, z: Tensor) -> Tensor:
        return torch.linalg.solve(self.axes.T, (z - self.origin).T).T

    def narrowest(self, std: Tensor) -> Tensor:
        """The smallest standard deviation along an axis of u, (B,), where z has independent ones (B, D)."""
        inverse = torch.linalg.inv(self.axes)
        return ((std**2) @ inverse**2).sqrt().amin(1)


class Sweep:
    """Sums of p(x_b, z) over a lattice, level by level; level l has the spacing of level 0 divided by 2^l.

    Points are whole-number coordinates (n, D) at the present level. total (B,): log of the sum over the lattice of the
    present level, points that do not matter left out; coarse (B,): over every second point of level 0.
    """

    def __init__(self, model: LatentModel, x: Tensor, points: int, keep: bool = False) -> None:
        self.model = in_double(model)
        self.x = x.to(self.model.device, torch.float64)
        self.dims, device = model.latent_dim, self.model.device
        self.frame = Frame.of(self.model.prior, self.dims, device)
        self.points, self.spacing, self.level, self.codes = points, 2 * REACH / (points - 1), 0, 0
        q = self.model.posterior(self.x)
        self.centre = self.frame.inside(q.mean.double()).clamp(-FARTHEST, FARTHEST)
        self.narrow = self.frame.narrowest(q.std.double())
        nothing = torch.full((len(x),), -torch.inf, dtype=torch.float64, device=device)
        self.total, self.coarse = nothing.clone(), nothing.clone()
        self.value, self.error = nothing.clone(), torch.full_like(nothing, torch.inf)
        self.best = self.model.log_joint(self.x, q.mean.double()[None])[0].double() + self.frame.log_volume
        self.peak = self._nearest_to_q()
        self.open = torch.arange(len(x), device=device)
        self.near: list[tuple[Tensor, Tensor, Tensor]] = []  # points, images that they matter to, log p(x, z)
        self.codes_of_level, self.whole, self.finest = 0, True, self.spacing
        self.kept: list[tuple[Tensor, Tensor]] | None = [] if keep else None

    def window(self) -> Tensor:
        """Coordinates of level 0: the whole window, and the places around q that lie outside of it."""
        axis = torch.arange(self.points, device=self.x.device)
        window = torch.cartesian_prod(*[axis] * self.dims).view(-1, self.dims)
        points = torch.cat([window, _around(self._nearest_to_q())])
        return _each_once(points)

    def visit(self, points: Tensor) -> Iterator[float]:
        """Add these points and all that turn out to matter beside them; yields how much of them is done."""
        seen = _key(points)
        while len(points):
            near = []
            for part in points.split(codes_at_a_time(len(self.open))):
                near.append(part[self._add(part)])
                yield min(1.0, self.codes_of_level / len(seen))
            points = _around(torch.cat(near))
            if self.level:  # even coordinates belong to the levels before
                points = points[(points % 2 != 0).any(1)]
            points = points[~torch.isin(_key(points), seen)]
            seen = torch.cat([seen, _key(points)])
            if self.codes + len(points) > MOST_CODES:
                self.whole = False
                return

    def start_level(self) -> None:
        self.near = []
        self.codes_of_level = 0

    def settle(self) -> None:
        """Take the values of this level over; images whose value no longer moves are closed."""
        volume = self.dims * math.log(self.spacing)
        if self.level == 0:
            self.value = self.coarse + volume + self.dims * math.log(2)
        value = self.total[self.open] + volume
        moved = (value - self.value[self.open]).abs() if self.whole else torch.full_like(value, torch.inf)
        self.finest = self.spacing
        self.value[self.open], self.error[self.open] = value, moved
        # A lattice wider than q may have missed a posterior as narrow as q altogether, twice.
        fine = self.spacing <= self.narrow[self.open].clamp_min(2 * REACH / (self.points - 1) / 8)
        self.open = self.open[~((moved < SETTLED) & fine)]

    def halve(self) -> Tensor:
        """Go to half the spacing; the new points near those that matter."""
        matter = torch.cat([self._weighty(), self.peak[self.open], self._nearest_to_q()[self.open]])
        self.level, self.spacing, self.peak = self.level + 1, self.spacing / 2, 2 * self.peak
        points = _around(2 * matter)
        return points[(points % 2 != 0).any(1)]

    def _weighty(self) -> Tensor:
        """Points of this level that hold all but NEGLIGIBLE of the sum of some open image, possibly repeated."""
        points, images, joint = (torch.cat(each) for each in zip(*self.near, strict=True))
        depth = (self.best[images] - joint).clamp(0, DEPTH + 1).long()
        bins = torch.zeros((len(self.x), int(DEPTH) + 2), dtype=torch.float64, device=joint.device)
        bins.index_put_((images, depth), torch.exp(joint - self.total[images]), accumulate=True)
        below = bins.flip(1).cumsum(1).flip(1)  # (B, nats): the share of all that lies so deep or deeper
        is_open = torch.zeros(len(self.x), dtype=torch.bool, device=joint.device)
        is_open[self.open] = True
        return points[(below[images, depth] > NEGLIGIBLE) & is_open[images]]

    def _add(self, points: Tensor) -> Tensor:
        """Which of these points (n,) matter to an open image, (n,) bool; the sums grow by them."""
        u = points.double() * self.spacing - REACH
        joint = joint_table(self.model, self.x[self.open], self.frame.outside(u)) + self.frame.log_volume
        self.total[self.open] = torch.logaddexp(self.total[self.open], torch.logsumexp(joint, 0))
        if self.level == 0:
            even = joint[(points % 2 == 0).all(1)]
            self.coarse[self.open] = torch.logaddexp(self.coarse[self.open], torch.logsumexp(even, 0))
        top = joint.max(0)
        better = top.values > self.best[self.open]
        self.peak[self.open[better]] = points[top.indices[better]]
        self.best[self.open] = torch.maximum(self.best[self.open], top.values)
        self.codes += len(points)
        self.codes_of_level += len(points)
        if self.kept is not None:
            self.kept.append((u, joint))
        near = joint > self.best[self.open] - DEPTH
        rows, columns = near.nonzero(as_tuple=True)
        self.near.append((points[rows], self.open[columns], joint[rows, columns]))
        return near.any(1)

    def _nearest_to_q(self) -> Tensor:
        return ((self.centre + REACH) / self.spacing).round().long()


def _around(points: Tensor) -> Tensor:
    """The points and their neighbours, diagonal ones too, each once."""
    dims = points.shape[1]
    steps = torch.tensor(list(itertools.product((-1, 0, 1), repeat=dims)), device=points.device)
    return _each_once((points[:, None] + steps).view(-1, dims))


def _each_once(points: Tensor) -> Tensor:
    # By one whole number for each: torch is slow at telling rows apart.
    keys = _key(points).unique()
    if points.shape[1] == 1:
        return keys[:, None]
    first = torch.div(keys + HALF_KEY, 2 * HALF_KEY, rounding_mode="floor")
    return torch.stack([first, keys - first * 2 * HALF_KEY], 1)


def _key(points: Tensor) -> Tensor:
    """One whole number for each point."""
    return points[:, 0] if points.shape[1] == 1 else points[:, 0] * 2 * HALF_KEY + points[:, 1]


def run(model: LatentModel, x: Tensor, *, samples: int, **how: Any) -> Iterator[Stage]:
    """log p(x) = log sum_z p(x, z) h^D over a lattice of spacing h, (B,), in float64; nothing is drawn.

    Args: x (B, ...); samples: points per axis of the first lattice, over +-REACH standard deviations of the prior.
    Every code is decoded once for all images. The spacing is halved near the codes that matter to images whose value
    it still moves by SETTLED nats or more.
    Error: stderr is how far the last halving moved the value, an upper estimate of its numerical error.
    Raises: ValueError if the model has other than one or two Gaussian latent dimensions, or gives NaN.
    """
    _refuse(model)
    blocks = x.split(IMAGES)
    if len(blocks) == 1:
        yield from _stages(Sweep(model, x, samples), samples)
        return
    records: list[LogMarginal] = []
    for block in blocks:  # a part of the images is no record of all: there is none before the end
        for stage in _stages(Sweep(model, block, samples), samples):
            yield Stage((len(records) + stage.fraction) / len(blocks), stage.text, None)
        assert stage.record is not None
        records.append(stage.record)
    yield Stage(1.0, f"{len(x):,} images in {len(blocks)} sweeps", _together(records))


def _stages(sweep: Sweep, samples: int) -> Iterator[Stage]:
    points, shown, fraction = sweep.window(), time.monotonic(), 0.0
    while True:
        sweep.start_level()
        begun = 1 - 0.5**sweep.level  # how many levels there will be is not known: each is half of what is left
        for done in sweep.visit(points):
            if time.monotonic() - shown >= PAUSE:
                shown = time.monotonic()
                record = _record(sweep, samples) if sweep.level else None
                fraction = max(fraction, begun + 0.5 ** (sweep.level + 1) * done)  # a level may grow on the way
                yield Stage(fraction, _words(sweep), record)
        sweep.settle()
        if not len(sweep.open) or sweep.level == HALVINGS:
            break
        points = sweep.halve()
        if sweep.codes + len(points) > MOST_CODES:
            break
    yield Stage(1.0, f"{sweep.codes:,} codes, finest spacing {sweep.finest:.2g}", _record(sweep, samples))


def _words(sweep: Sweep) -> str:
    if sweep.level == 0:
        return f"{sweep.codes:,} codes of the first lattice"
    return f"{sweep.codes:,} codes, spacing {sweep.spacing:.2g} for {len(sweep.open):,} of {len(sweep.x):,} images"


def _record(sweep: Sweep, samples: int) -> LogMarginal:
    details = {"codes": sweep.codes, "spacing": sweep.finest, "unsettled": len(sweep.open)}
    value, error = sweep.value.cpu().numpy().copy(), sweep.error.cpu().numpy().copy()
    return LogMarginal("grid", "exact", value, error, samples, samples, decodings=float(sweep.codes), details=details)


def _together(records: list[LogMarginal]) -> LogMarginal:
    """One record for the images of all; decodings and codes are those of all sweeps."""
    return replace(
        records[0],
        value=np.concatenate([record.value for record in records]),
        stderr=np.concatenate([record.stderr for record in records]),
        decodings=sum(record.decodings for record in records),
        details={
            "codes": sum(record.details["codes"] for record in records),
            "spacing": min(record.details["spacing"] for record in records),
            "unsettled": sum(record.details["unsettled"] for record in records),
        },
    )


@dataclass(frozen=True)
class Density:
    """The true posterior of one image, log p(z|x), on a grid of codes, normalised by the grid's own log p(x).

    window: (left, right) in one dimension, (left, right, low, high) in two.   log_density: float64, (1, w) or (h, w)
    with row 0 at `low`; nats.   mean (D,), covariance (D, D): of the posterior.   log_marginal: the grid's record.
    """

    window: tuple[float, ...]
    log_density: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    log_marginal: LogMarginal


@torch.no_grad()
def density(
    model: LatentModel, x: Tensor, window: tuple[float, ...] | None = None, size: tuple[int, int] | None = None
) -> Density:
    """The true posterior of one image where the latent space has one or two dimensions.

    Args: x (1, ...); window: what to show, by default a box that holds 99.9 % of the posterior and q to three standard
    deviations; size: (w, h) points, (w, 1) in one dimension.
    Raises: ValueError as `run`, or for more images than one.
    """
    _refuse(model)
    model.check(x)
    if len(x) != 1:
        raise ValueError(f"expected one image, got {len(x)}: ask for the density of each by itself")
    sweep = Sweep(model, x, METHOD.samples or 0, keep=True)
    *_, last = _stages(sweep, METHOD.samples or 0)
    assert last.record is not None and sweep.kept is not None
    z = sweep.frame.outside(torch.cat([u for u, _ in sweep.kept]))
    mass = torch.softmax(torch.cat([joint[:, 0] for _, joint in sweep.kept]), 0)
    mean = mass @ z
    covariance = (z - mean).T @ ((z - mean) * mass[:, None])
    shown = window or _holding(sweep, z, mass)
    width, height = size or ((CURVE, 1) if sweep.dims == 1 else (PICTURE, PICTURE))
    codes = torch.from_numpy(_codes(shown, width, height)).to(sweep.x)
    log_joint = torch.cat([joint_table(sweep.model, sweep.x, part)[:, 0] for part in codes.split(codes_at_a_time(1))])
    log_density = (log_joint - sweep.value[0]).view(height, width).cpu().numpy()
    return Density(shown, log_density, mean.cpu().numpy(), covariance.cpu().numpy(), last.record)


def _codes(window: tuple[float, ...], width: int, height: int) -> np.ndarray:
    """The codes of a picture, row by row, (h * w, D)."""
    across = np.linspace(window[0], window[1], width)
    if len(window) == 2:
        return across[:, None]
    up = np.linspace(window[2], window[3], height)
    return np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)


def _holding(sweep: Sweep, z: Tensor, mass: Tensor) -> tuple[float, ...]:
    """A box with INSIDE of the mass on these codes along each axis, and three standard deviations of q."""
    q = sweep.model.posterior(sweep.x)
    sides: list[float] = []
    for axis in range(sweep.dims):
        order = z[:, axis].argsort()
        below = mass[order].cumsum(0)
        edges = torch.tensor([(1 - INSIDE) / 2, (1 + INSIDE) / 2], dtype=below.dtype, device=below.device)
        low, high = z[order[torch.searchsorted(below, edges).clamp_max(len(z) - 1)], axis].tolist()
        middle, reach = float(q.mean[0, axis]), 3 * float(q.std[0, axis])
        low, high = min(low, middle - reach), max(high, middle + reach)
        sides += [low - 0.05 * (high - low), high + 0.05 * (high - low)]
    return tuple(sides)


def _refuse(model: LatentModel) -> None:
    if (problem := _problem(model)) is not None:
        raise ValueError(problem)


def _problem(model: LatentModel) -> str | None:
    if model.prior.posterior is not DiagonalGaussian:
        return "a grid needs Gaussian latents: use enumeration for Bernoulli ones"
    if model.latent_dim > 2:
        return f"a grid goes up to 2 latent dimensions and this model has {model.latent_dim}: use refined or ais"
    return None


METHOD = Method(
    title="Grid",
    words="Adds up p(x, z) over a fine lattice of codes, finer where an image's own codes lie close together.",
    kind="exact",
    run=run,
    samples=161,
    counted="points along each axis",
    source="the trapezoidal rule; Trefethen & Weideman 2014 for its speed of convergence",
    decodings=lambda model, samples, options: HALVED[model.latent_dim] * samples**model.latent_dim,
    problem=_problem,
    growth=GROWTH,
    least=5,
    most=1001,
)
