"""Annealed importance sampling: chains that are led in many small steps from an easy distribution to p(z|x).

Between a start q0(z) (the encoder's q or the prior) and p(x, z) lies the path f_t = q0^(1 - b_t) p(x, z)^b_t. A chain
begins at q0, is moved by Hamiltonian steps that leave f_t as it is, and its weight, the product of the ratios
f_t(z) / f_(t-1)(z) on its way, has the mean p(x).   Source: Neal 2001; Wu, Burda, Salakhutdinov & Grosse 2017.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds.importance import Sums
from vaeexplorer.bounds.memory import keep_freed_memory
from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.bounds.slope import joint_and_slope, smooth_codes_only
from vaeexplorer.latent_model import LatentModel, Posterior
from vaeexplorer.records import LogMarginal

STEPS, CHAINS, LEAPFROG, DELTA = 200, 8, 5, 4.0
ACCEPTANCE = 0.65  # share of accepted moves that the pilot run aims for
PILOT_CHAINS, PILOT_STEPS, WARM_UP = 4, (50, 100), 30  # of the pilot run; its steps: at least, at most
FIRST_SIZE, RATE = 0.3, 0.15  # of a leapfrog step in the pilot run, and how quickly it learns
GRADIENT = 3  # a forward pass with its way back costs as much as three forward passes
ROWS = 2000  # chains times images that move together
REPORT = 5  # temperatures between two reports


class Prior:
    """p(z) in the form of a posterior for B images, so that a chain can start there."""

    def __init__(self, model: LatentModel, q: Posterior) -> None:
        self._prior, self._like = model.prior, q
        self.mean, self.std = torch.zeros_like(q.mean), torch.ones_like(q.mean)

    def noise(self, shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        return self._like.noise(shape, generator, device)

    def sample(self, noise: Tensor) -> Tensor:
        return self._prior.sample(noise)

    def log_prob(self, z: Tensor) -> Tensor:
        return self._prior.log_prob(z)


class Place(NamedTuple):
    """Where the chains are: z (S, B, D), log q0 and log p(x, z) there (S, B), and the slopes of both (S, B, D)."""

    z: Tensor
    start: Tensor
    joint: Tensor
    start_slope: Tensor
    joint_slope: Tensor


@dataclass(frozen=True)
class Path:
    """f_t = q0^(1 - b) p(x, z)^b for B images; `q` gives the mass: directions are alike in its stds."""

    model: LatentModel
    x: Tensor
    start: Posterior
    q: Posterior
    leapfrog: int = LEAPFROG

    def at(self, z: Tensor) -> Place:
        joint, joint_slope = joint_and_slope(self.model, self.x, z, ROWS)
        with torch.inference_mode(False), torch.enable_grad():
            code = z.clone().detach().requires_grad_()
            start = self.start.log_prob(code)
            (slope,) = torch.autograd.grad(start.sum(), code)
        return Place(z, start.detach(), joint, slope, joint_slope)

    def scale(self, b: float) -> Tensor:
        """(B, D): a width for each dimension at b, between that of q0 and that of q by their precisions."""
        return ((1 - b) / self.start.std**2 + b / self.q.std**2) ** -0.5

    def move(self, place: Place, b: float, size: Tensor, noise: Tensor, uniform: Tensor) -> tuple[Place, Tensor]:
        """One Hamiltonian step that leaves f_b as it is, and the probability of its acceptance (S, B).

        Args: size (B,) of a leapfrog step, in widths; noise (S, B, D) the momentum; uniform (S, B) decides.
        Source: Neal 2011, section 5.3.2.
        """
        step = size[:, None].to(place.z.dtype) * self.scale(b)
        momentum = noise + 0.5 * step * _slope(place, b)
        end = place
        for k in range(self.leapfrog):
            end = self.at(end.z + step * momentum)
            momentum = momentum + (1.0 if k < self.leapfrog - 1 else 0.5) * step * _slope(end, b)
        gain = _height(end, b) - _height(place, b) - 0.5 * (momentum**2 - noise**2).sum(-1).double()
        # A chain that flew out of the numbers (NaN) stays where it was.
        probability = gain.clamp(max=0).exp().nan_to_num(0)
        accepted = uniform < probability
        wide = accepted[..., None]
        kept = (torch.where(wide if new.ndim == 3 else accepted, new, old) for new, old in zip(end, place, strict=True))
        return Place(*kept), probability


def _slope(place: Place, b: float) -> Tensor:
    return (1 - b) * place.start_slope + b * place.joint_slope


def _height(place: Place, b: float) -> Tensor:
    """log f_b, (S, B), float64."""
    return (1 - b) * place.start.double() + b * place.joint.double()


def temperatures(steps: int, delta: float = DELTA) -> list[float]:
    """b_0 = 0 < ... < b_T = 1, close together at both ends: a logistic curve over (-delta, delta).

    Source: Grosse, Ancha & Roy 2016, section 5: delta = 4.
    """
    raw = [1 / (1 + math.exp(-delta * (2 * t / steps - 1))) for t in range(steps + 1)]
    return [(value - raw[0]) / (raw[-1] - raw[0]) for value in raw]


@dataclass
class Walk:
    """Chains on their way along a path: their place, log-weights (S, B) and how often they were accepted (B,)."""

    path: Path
    place: Place
    generator: torch.Generator
    log_weights: Tensor = field(init=False)
    accepted: Tensor = field(init=False)
    moves: int = 0

    def __post_init__(self) -> None:
        self.log_weights = torch.zeros_like(self.place.start, dtype=torch.float64)
        self.accepted = torch.zeros_like(self.log_weights[0])

    def weigh(self, by: float) -> None:
        """log f_(b + by) - log f_b at the present place."""
        self.log_weights += by * (self.place.joint.double() - self.place.start.double())

    def move(self, b: float, size: Tensor) -> Tensor:
        z = self.place.z
        noise = torch.randn(z.shape, generator=self.generator, device=z.device, dtype=z.dtype)
        uniform = torch.rand(z.shape[:2], generator=self.generator, device=z.device, dtype=torch.float64)
        self.place, probability = self.path.move(self.place, b, size, noise, uniform)
        share = probability.mean(0)
        self.accepted += share
        self.moves += 1
        return share


def starting(path: Path, chains: int, generator: torch.Generator) -> Walk:
    """Chains at independent draws of q0."""
    noise = path.start.noise((chains, *path.q.mean.shape), generator, path.q.mean.device).to(path.q.mean.dtype)
    return Walk(path, path.at(path.start.sample(noise)), generator)


def forward(walk: Walk, schedule: list[float], sizes: Tensor) -> Iterator[int]:
    """From q0 to p(x, z): afterwards E exp(log_weights) = p(x). `sizes` (T - 1, B) stay as they are.

    Yields the number of temperatures done. T = 1 is importance sampling from q0.
    """
    for t in range(1, len(schedule)):
        walk.weigh(schedule[t] - schedule[t - 1])
        if t < len(schedule) - 1:
            walk.move(schedule[t], sizes[t - 1])
        yield t


def backward(walk: Walk, schedule: list[float], sizes: Tensor) -> Iterator[int]:
    """The same way from the other end: begun at draws of p(z|x), E exp(-log_weights) = 1 / p(x).

    Source: Grosse, Ghahramani & Adams 2015, section 3.
    """
    for t in range(len(schedule) - 1, 0, -1):
        walk.weigh(schedule[t] - schedule[t - 1])
        if t > 1:
            walk.move(schedule[t - 1], sizes[t - 2])
        yield len(schedule) - t


def pilot(path: Path, steps: int, delta: float, generator: torch.Generator) -> Iterator[tuple[float, Tensor]]:
    """Sizes of the leapfrog steps (T - 1, B), found with chains of their own that are thrown away.

    Sizes that were tuned within the scored chains would make p(x) biased; these are fixed before the first one starts.
    Yields (share done, sizes), the sizes only at last of any use.
    """
    schedule = temperatures(min(max(steps, PILOT_STEPS[0]), PILOT_STEPS[1]), delta)
    walk = starting(path, PILOT_CHAINS, generator)
    log_size = torch.full_like(walk.accepted, math.log(FIRST_SIZE))
    course = [1] * WARM_UP + list(range(1, len(schedule) - 1))
    found = []
    for k, t in enumerate(course):
        share = walk.move(schedule[t], log_size.exp())
        log_size = log_size + RATE * (share - ACCEPTANCE)
        found.append(log_size)
        if k % REPORT == 0:
            yield k / len(course), log_size
    table = torch.stack(found[WARM_UP:]).exp()
    places = [round((t - 1) / max(1, steps - 2) * (len(table) - 1)) for t in range(1, steps)]
    yield 1.0, table[places]


def path_for(model: LatentModel, x: Tensor, start: str, leapfrog: int = LEAPFROG) -> Path:
    """The path of B images from "q" or "prior"."""
    keep_freed_memory()
    q = model.posterior(x)
    return Path(model, x, STARTS[start](model, q), q, leapfrog)


@torch.inference_mode(False)
@torch.no_grad()
def run(
    model: LatentModel,
    x: Tensor,
    *,
    samples: int,
    generator: torch.Generator,
    keep_weights: bool = False,
    steps: int = STEPS,
    start: str = "q",
    leapfrog: int = LEAPFROG,
    delta: float = DELTA,
) -> Iterator[Stage]:
    """log p(x) from `samples` chains for each image: log of the mean of their weights.

    The mean weight is unbiased for p(x), so its log is a lower bound in expectation, low by relvar / (2 chains).
    Raises: ValueError for an unknown start, fewer than one step, or discrete codes.
    """
    check(model, steps=steps, leapfrog=leapfrog, start=start, delta=delta)
    begin = time.perf_counter()
    path = path_for(model, x.clone(), start, leapfrog)
    group = max(1, ROWS // len(x))
    work = Work(steps, samples, leapfrog)
    for fraction, tuned in pilot(path, steps, delta, generator):
        sizes = tuned
        yield Stage(work.pilot_share * fraction, f"tuning the chains' steps: {fraction:.0%}", None)
    walks: list[Walk] = []
    record: LogMarginal | None = None
    while (done := sum(len(walk.log_weights) for walk in walks)) < samples:
        walk = starting(path, min(group, samples - done), generator)
        for t in forward(walk, temperatures(steps, delta), sizes):
            if t % REPORT == 0 and t < steps:
                yield Stage(work.fraction(done, len(walk.log_weights), t), f"temperature {t} of {steps}", record)
        walks.append(walk)
        record = _record(walks, samples, keep_weights, work, time.perf_counter() - begin, start)
        yield Stage(work.fraction(record.samples, 0, 0), f"{record.samples} of {samples} chains", record)


@dataclass(frozen=True)
class Work:
    """Decoder evaluations for each image, a slope counted as three."""

    steps: int
    chains: int
    leapfrog: int

    @property
    def of_pilot(self) -> float:
        moves = min(max(self.steps, PILOT_STEPS[0]), PILOT_STEPS[1]) - 1 + WARM_UP
        return GRADIENT * PILOT_CHAINS * (moves * self.leapfrog + 1)

    @property
    def of_chain(self) -> float:
        return GRADIENT * ((self.steps - 1) * self.leapfrog + 1)

    @property
    def total(self) -> float:
        return self.of_pilot + self.chains * self.of_chain

    @property
    def pilot_share(self) -> float:
        return self.of_pilot / self.total

    def fraction(self, done: int, moving: int, t: int) -> float:
        return (self.of_pilot + (done + moving * t / self.steps) * self.of_chain) / self.total


def _record(walks: list[Walk], asked: int, keep_weights: bool, work: Work, seconds: float, start: str) -> LogMarginal:
    weights = torch.cat([walk.log_weights for walk in walks])
    sums = Sums(weights.shape[1], asked, weights.device)
    sums.add(weights)
    found = sums.statistics()
    return LogMarginal(
        method="ais",
        kind="lower bound",
        value=found["value"],  # type: ignore[arg-type]
        stderr=found["stderr"],  # type: ignore[arg-type]
        samples=len(weights),
        asked=asked,
        spread=found["spread"],
        log_weights=weights.cpu().numpy() if keep_weights else None,
        decodings=work.of_pilot + len(weights) * work.of_chain,
        seconds=seconds,
        # A handful of chains is no sample to fit a tail to or to count as 50 draws: their own ESS is a detail.
        details={
            "acceptance": acceptance(walks),
            "effective_chains": found["effective_sample_size"],
            "steps": work.steps,
            "leapfrog": work.leapfrog,
            "start": start,
        },
    )


def acceptance(walks: list[Walk]) -> np.ndarray | None:
    """Share of moves that were accepted, (B,), None where nothing moved."""
    moves = sum(walk.moves * len(walk.log_weights) for walk in walks)
    accepted = torch.stack([walk.accepted * len(walk.log_weights) for walk in walks]).sum(0)
    return (accepted / moves).cpu().numpy() if moves else None


def check(model: LatentModel, *, start: str, delta: float, **whole: int) -> None:
    """Raises ValueError, one line, for settings that make no chain."""
    if problem := smooth_codes_only(model):
        raise ValueError(f"chains cannot move on this model: {problem}")
    if start not in STARTS:
        raise ValueError(f"expected a start of {', '.join(STARTS)}, got {start!r}")
    for name, value in whole.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"expected {name} to be a whole number >= 1, got {value!r}")
    if not 0 < delta <= 100:
        raise ValueError(f"expected delta between 0 and 100, got {delta}: it bends the schedule of temperatures")


STARTS = {"q": lambda model, q: q, "prior": Prior}

METHOD = Method(
    title="Annealed importance sampling",
    words="Leads chains in many small steps from the encoder's q (or the prior) to the true posterior.",
    kind="lower bound",
    run=run,
    samples=CHAINS,
    counted="chains",
    source="Neal 2001; Wu et al. 2017",
    decodings=lambda model, samples, options: (
        Work(options.get("steps", STEPS), samples, options.get("leapfrog", LEAPFROG)).total
    ),
    options={"steps": STEPS, "start": "q", "leapfrog": LEAPFROG, "delta": DELTA},
    problem=smooth_codes_only,
)
