"""The scene with three trainings side by side that differ in nothing but the encoder's speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vaeexplorer.demos.demo import Moment, Outcome, Settings
from vaeexplorer.demos.two_losses_learner import RATE, Learner, Reading, read
from vaeexplorer.demos.two_losses_scene import about, lane_data, losses
from vaeexplorer.records import Estimate

EAGER, LONGEST, SLOWER = 5, 8, 200
STEPS = 2000  # of each decoder
STOPS = (*range(0, 100, 20), *range(100, 400, 30), *range(400, STEPS + 1, 40))
LANES = ("one", "eager", "slow")
TITLES = {"one": "ordinary encoder", "eager": "eager encoder", "slow": "slow encoder"}


def race(settings: Settings, seed: int) -> Iterator[Moment]:
    """Three learners from the same start, STEPS steps of each decoder."""
    eager, slower = int(settings["eager"]), int(settings["slow"])
    learners = [Learner(seed), Learner(seed), Learner(seed, RATE / slower)]
    promised = (eager, slower) == (EAGER, SLOWER)
    for stop in STOPS:
        while learners[0].done < stop:
            for learner, extra in zip(learners, (0, eager - 1, 0), strict=True):
                learner.steps("encoder", extra)
                learner.steps("both", 1)
        readings = [read(learner.vae) for learner in learners]
        data: dict[str, object] = {"part": "both", "step": stop, "lanes": [lane_data(r) for r in readings]}
        if not stop:
            data["about"] = {**about(), "lanes": _names(eager, slower)}
        yield Moment(stop / STEPS, _words(stop, readings), data, _outcomes(readings, promised) if stop == STEPS else ())


def _names(eager: int, slower: int) -> list[str]:
    return ["One encoder step for each decoder step", f"{eager} encoder steps for each decoder step",
            f"Encoder {slower} times slower"]  # fmt: skip


def _words(step: int, readings: Sequence[Reading]) -> str:
    if not step:
        return "Three models begin from the same weights and see the same images. Only their encoders' speed differs."
    one, eager, slow = (float(reading.s.mean()) for reading in readings)
    return f"Step {step:,}: S is {one:.2f} nats with the ordinary encoder, {eager:.2f} with the eager, {slow:.2f} with the slow one."


BANDS: dict[str, tuple[float, float]] = {}


def _outcomes(readings: Sequence[Reading], promised: bool) -> tuple[Outcome, ...]:
    """U, S and E of each, and what the encoder's speed changed, image by image."""
    bands = BANDS if promised else {}
    found = [outcome for name, reading in zip(LANES, readings, strict=True)
             for outcome in losses(reading, f"{name}_", bands, TITLES[name])]  # fmt: skip
    one, eager, slow = readings
    return (
        *found,
        _difference("eager_gains", "What the eager encoder gains in S", one.s - eager.s, bands,
                    "More care of the encoder for each step of the decoder makes the decoder better as well."),
        _difference("slow_costs", "What the slow encoder costs in S", slow.s - one.s, bands,
                    "The decoder learned from wrong guesses: the model itself is worse, not only its encoder."),
    )  # fmt: skip


def _difference(name: str, title: str, values: np.ndarray, bands: dict, words: str) -> Outcome:
    estimate = Estimate.mean_of(values, kind="exact", over="test images, each compared with itself", name=name)
    return Outcome(name, title, estimate, band=bands.get(name), words=words)
