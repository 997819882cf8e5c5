"""How long an estimate will take and how much memory it needs, said before the work, from a short probe.

The work is counted in decoder evaluations (Method.decodings); what one of them costs on this machine is measured.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.bounds import METHODS
from vaeexplorer.gradients.at_model import PILOT, latents_of
from vaeexplorer.gradients.at_model import ROWS as PIECE
from vaeexplorer.gradients.exact import REFERENCE, how_exact
from vaeexplorer.gradients.registry import ESTIMATORS, SLOPE, Objective
from vaeexplorer.latent_model import LatentModel

ROWS = 1000  # codes through the decoder at a time, where nothing keeps them apart
FEW, MANY, REPEATS = 20, 500, 5  # codes in the probe's two sizes, and how often each is timed
PROBE = 0.1  # seconds for the larger one
NUMBER = 8  # bytes: sums are float64
SPARE = 1.5  # what is held for a moment, beside what is kept
IN_DOUBLE = 2.0  # times as long as in float32, with the sums over pixels of every image under every code
GRADIENT_DRAWS = 10  # of q per image and step, where a proposal is fitted


@dataclass(frozen=True)
class Work:
    """What is to be done: decoder evaluations in all (a gradient counts as two more), how many at a time, and how many
    float64 numbers are kept beside.
    """

    decodings: float
    rows: int
    numbers: float = 0.0

    def times(self, count: float) -> Work:
        """The same work so many times, one after the other."""
        return Work(self.decodings * count, self.rows, self.numbers)


@dataclass(frozen=True)
class Pace:
    """What decoding costs here: seconds a call whatever its size, seconds and bytes for each code in it."""

    call: float
    row: float
    bytes: float

    def forecast(self, work: Work) -> Forecast:
        calls = work.decodings / max(1, work.rows)
        memory = SPARE * (work.rows * self.bytes + work.numbers * NUMBER)
        return Forecast(calls * self.call + work.decodings * self.row, memory)


@dataclass(frozen=True)
class Forecast:
    """Seconds and bytes, right within a factor of two or three on a machine that has nothing else to do."""

    seconds: float
    bytes: float

    def __str__(self) -> str:
        return f"{duration(self.seconds)} and {size(self.bytes)} of memory"


def pace(model: LatentModel, x: Tensor) -> Pace:
    """Time the log-likelihood of one image x (1, ...) under a few codes and under many: medians, in about 0.1 s."""
    with torch.no_grad():
        few = _seconds(model, x, FEW)
        codes = int(min(MANY, max(2 * FEW, FEW * PROBE / REPEATS / max(few, 1e-6))))
        many = _seconds(model, x, codes)
    row = max((many - few) / (codes - FEW), many / codes / 10)
    return Pace(max(few - FEW * row, 0.0), row, _bytes(model, x))


def work_of(model: LatentModel, name: str, images: int, *, samples: int | None = None, **options: Any) -> Work:
    """One of bounds.METHODS on a batch of so many images."""
    method = METHODS[name]
    given = {**method.options, **options}
    count = method.samples if samples is None else samples
    each = method.decodings(model, count or 1, given)
    together = 1 + method.growth * (images - 1)
    each *= IN_DOUBLE if method.shared else 1.0
    rows = min(ROWS, AT_ONCE.get(name, lambda many, drawn: ROWS)(images, count or 1))
    return Work(each * together, rows, KEPT.get(name, _tail)(model, images, count or 1))


def gradient_work(
    model: LatentModel, estimators: Iterable[tuple[str, int]], images: int, replicates: int, compared: bool = True
) -> Work:
    """Replicates of estimators (name, draws of q for one), one after the other, and where they are `compared` with the
    exact gradient a reference for each bound whose gradient is not known. One's replicates are kept at a time.
    """
    pairs = [(ESTIMATORS[name], count) for name, count in estimators]
    draws = sum(entry.cost * count * replicates + PILOT * bool(entry.pilot) for entry, count in pairs)
    bounds: set[tuple[Objective, int]] = {
        ("iwae", count) if entry.objective == "iwae" else ("elbo", 1) for entry, count in pairs
    }
    if compared:
        draws += SLOPE * REFERENCE * sum(how_exact(model, *bound) == "reference" for bound in bounds)
    outputs = model.latent_dim * (2 if latents_of(model) == "gaussian" else 1)
    return Work(images * draws, PIECE, images * replicates * outputs)


def duration(seconds: float) -> str:
    """For people: 'about 40 seconds', 'about 3 hours', 'about 70 years'."""
    for limit, unit, name in DURATIONS:
        if seconds < limit:
            count = max(1, round(seconds / unit))
            return f"about {count:,} {name}{'' if count == 1 else 's'}"
    return "longer than a million years"


def size(count: float) -> str:
    """For people: '20 MB', '1.5 GB'."""
    for name in ("MB", "GB", "TB"):
        count /= 1000 if name != "MB" else 1e6
        if count < 1000:
            return f"{max(count, 1):.0f} {name}" if name == "MB" or count >= 10 else f"{count:.1f} {name}"
    return f"{count:,.0f} TB" if count < 1e9 else "more than a billion TB"


def machine_memory() -> float:
    """Bytes that this machine has, infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return math.inf


def _seconds(model: LatentModel, x: Tensor, codes: int) -> float:
    q = model.posterior(x)
    z = q.mean.expand(codes, *q.mean.shape).contiguous()
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        float(model.log_joint(x, z).sum())  # reading the number waits for the device
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first call warms up


def _bytes(model: LatentModel, x: Tensor) -> float:
    """Of one code: what the decoder keeps for a gradient, which is more than it needs without."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.inference_mode(False), torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        x = x.clone()
        z = torch.zeros((FEW, 1, model.latent_dim), dtype=model.dtype, device=model.device, requires_grad=True)
        model.log_joint(x, z).sum()
    weights = {p.untyped_storage().data_ptr() for p in getattr(model, "parameters", list)()}
    return sum(count for place, count in kept.items() if place not in weights) / FEW


def _tail(model: LatentModel, images: int, samples: int) -> float:
    """The largest weights of each image, which the Pareto tail is fitted to."""
    return images * 6 * math.sqrt(samples)


Kept = Callable[[LatentModel, int, int], float]

# What is kept beside a chunk of codes, in numbers: (model, images, samples) -> count.
KEPT: Mapping[str, Kept] = {
    "ais": lambda model, images, chains: 8.0 * images * chains * model.latent_dim,
    "grid": lambda model, images, points: float(points) ** model.latent_dim * (model.latent_dim + images),
}

# Codes through the decoder at a time, where there are few of them: (images, samples) -> count.
AT_ONCE: Mapping[str, Callable[[int, int], int]] = {
    "refined": lambda images, samples: images * GRADIENT_DRAWS,
    "ais": lambda images, chains: images * chains,
}

MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86400.0, 31556952.0
DURATIONS = (
    (1.5 * MINUTE, 1.0, "second"),
    (1.5 * HOUR, MINUTE, "minute"),
    (2 * DAY, HOUR, "hour"),
    (2 * YEAR, DAY, "day"),
    (1e6 * YEAR, YEAR, "year"),
)
