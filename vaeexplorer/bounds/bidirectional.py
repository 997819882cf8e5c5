"""Bidirectional Monte Carlo: log p(x) between two bounds, on data that the model itself has drawn.

For a simulated x the z it came from is an exact draw of p(z|x). Chains led from there back to the start give an upper
bound of log p(x) just as those that go forth give a lower one; how far the two are apart certifies both.
Source: Grosse, Ghahramani & Adams 2015; Wu, Burda, Salakhutdinov & Grosse 2017.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import ais
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.numerics import logmeanexp
from vaeexplorer.records import Estimate

STEPS, COUNT = 500, 50


@dataclass(frozen=True)
class Sandwich:
    """Lower and upper bounds of log p(x) of B simulated images, float64 nats.

    lower, upper (B,): in expectation on their side of log p(x); a single image's pair may be the wrong way round.
    low, high: their means over the images; the error is that over images and chains.   between: the mean of upper -
    lower: an upper bound of what either is off by, in the mean.   x (B, ...): the images.   acceptance (B,) or None.
    """

    lower: np.ndarray
    upper: np.ndarray
    low: Estimate
    high: Estimate
    between: Estimate
    x: np.ndarray
    steps: int
    chains: int
    start: str
    acceptance: np.ndarray | None
    decodings: float
    seconds: float


@dataclass(frozen=True)
class SandwichStage:
    """How far it is: 0..1, in words, and at last the record."""

    fraction: float
    text: str
    record: Sandwich | None


@torch.inference_mode(False)
@torch.no_grad()
def bidirectional(
    model: LatentModel,
    count: int = COUNT,
    *,
    steps: int = STEPS,
    chains: int = ais.CHAINS,
    generator: torch.Generator,
    start: str = "prior",
    leapfrog: int = ais.LEAPFROG,
    delta: float = ais.DELTA,
) -> Iterator[SandwichStage]:
    """Simulate `count` images and bound log p(x) of each from both sides by annealed importance sampling.

    lower = log mean_k w_k of chains from q0;  upper = -log mean_k 1 / w_k of chains from the image's own z.
    Works on simulated data only: for a real image no exact draw of p(z|x) is known.
    Raises: ValueError for a count or chains below 1, an unknown start, or discrete codes.
    """
    ais.check(model, steps=steps, leapfrog=leapfrog, start=start, delta=delta, chains=chains, count=count)
    begin = time.perf_counter()
    x, z = model.simulate(count, generator)
    path = ais.path_for(model, x, start, leapfrog)
    schedule, work = ais.temperatures(steps, delta), ais.Work(steps, 2 * chains, leapfrog)
    for fraction, tuned in ais.pilot(path, steps, delta, generator):
        sizes = tuned
        yield SandwichStage(work.pilot_share * fraction, f"tuning the chains' steps: {fraction:.0%}", None)
    forth = ais.starting(path, chains, generator)
    for t in ais.forward(forth, schedule, sizes):
        if t % ais.REPORT == 0:
            yield SandwichStage(work.fraction(0, chains, t), f"forth: temperature {t} of {steps}", None)
    back = ais.Walk(path, path.at(z.expand(chains, *z.shape)), generator)
    for t in ais.backward(back, schedule, sizes):
        if t % ais.REPORT == 0:
            yield SandwichStage(work.fraction(chains, chains, t), f"back: temperature {t} of {steps}", None)
    record = _record(forth, back, x, work, start, time.perf_counter() - begin)
    yield SandwichStage(1.0, f"{count} simulated images bounded from both sides", record)


def _record(forth: ais.Walk, back: ais.Walk, x: Tensor, work: ais.Work, start: str, seconds: float) -> Sandwich:
    lower = logmeanexp(forth.log_weights).cpu().numpy()
    upper = -logmeanexp(-back.log_weights).cpu().numpy()
    over = "simulated images"
    return Sandwich(
        lower=lower,
        upper=upper,
        low=Estimate.mean_of(lower, kind="lower bound", over=over, name="log p(x)"),
        high=Estimate.mean_of(upper, kind="upper bound", over=over, name="log p(x)"),
        between=Estimate.mean_of(upper - lower, kind="upper bound", over=over, name="error of either bound"),
        x=x.cpu().numpy(),
        steps=work.steps,
        chains=work.chains // 2,
        start=start,
        acceptance=ais.acceptance([forth, back]),
        decodings=work.total,
        seconds=seconds,
    )
