"""One sample is enough: the same small model trained by different guesses of the same gradient, side by side.

Each guess comes from gradients.ESTIMATORS through the ordinary training. All are unbiased: on average they point the
same way. What differs is how far one guess is from that average, and that decides how much a step is worth.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.datasets import load
from vaeexplorer.demos.demo import Demo, Moment, Outcome, Settings, Slider
from vaeexplorer.demos.one_sample_guesses import Guesses, Kind, guessed, usual_value
from vaeexplorer.demos.one_sample_words import FIRST_WORDS, LAST_WORDS, NOTICE, SOURCE, STORY, TITLES, WORDS
from vaeexplorer.demos.stacked import fresh
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.records import Estimate
from vaeexplorer.training import Training
from vaeexplorer.vae import VAE


@dataclass(frozen=True)
class Runner:
    """One way to train: `estimator` of ESTIMATORS with so many draws of q for each image and step; None: a setting."""

    name: str
    estimator: str
    draws: int | None


RUNNERS = (
    Runner("pathwise", "pathwise", 1),
    Runner("pathwise_many", "pathwise", None),
    Runner("leave_one_out", "leave_one_out", 2),
    Runner("mean_baseline", "score_function_mean_baseline", 1),
    Runner("bare", "score_function", 1),
)
BATCH, HIDDEN, LEARNING_RATE = 64, (64,), 4e-3
MOMENTS = 36  # of training, the beginning one of them
GUESSES, ALL_GUESSES = 24, 200  # of each runner, in a moment and behind the figures
WATCHED, ALL_DRAWS = 4, 32  # draws of q for each test image behind the curves, and behind the figures
DEFAULTS = {"draws": 10, "latent_dim": 10, "steps": 600}


@dataclass
class Lane:
    """One runner under way."""

    runner: Runner
    draws: int
    training: Training
    steps: Iterator[object] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = iter(self.training)

    @property
    def vae(self) -> VAE:
        return self.training.vae


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Training and test images, grey, (N, 1, 8, 8)."""
    found = load("digits")
    return torch.from_numpy(found.train), torch.from_numpy(found.test)


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """Train all runners in step; a moment is each one's bound so far, and a handful of guesses of each."""
    yield from film(settings, seed, MOMENTS)


def film(settings: Settings, seed: int, moments: int) -> Iterator[Moment]:
    """So many moments of training, and one at the end with the figures."""
    steps, many = int(settings["steps"]), int(settings["draws"])
    generator = torch.Generator().manual_seed(seed)
    draws = [many if runner.draws is None else runner.draws for runner in RUNNERS]
    yield Moment(0.0, FIRST_WORDS, {"draws": draws, "steps": steps, "batch": BATCH})
    lanes = begin(settings, seed)
    test = torch.bernoulli(digits()[1], generator=generator)
    noise = torch.randn(WATCHED, len(test), lanes[0].vae.latent_dim, generator=generator)
    early, before = None, 0
    for stop in stops(steps, moments, steps // many):
        for lane in lanes:
            for _ in range(stop - before):
                next(lane.steps)
        if stop == steps // many:  # as many pictures decoded as one draw each has at the end
            early = bounds_of(lanes[1].vae, test, noise)
        data = {"step": stop, "elbo": [level(lane.vae, test, noise) for lane in lanes]}
        data |= shown(compare(lanes, test[:BATCH], GUESSES, generator))
        yield Moment(0.9 * stop / steps, words(data), data)
        before = stop
    yield Moment(0.9, "Trained. Now all runners are measured on all test pictures, with more draws.", {})
    yield from measuring(lanes, test, early, settings, generator)


def stops(steps: int, moments: int, early: int) -> list[int]:
    """The steps at which there is a moment, denser at the beginning."""
    return sorted({early, *(round(steps * (k / (moments - 1)) ** 1.1) for k in range(moments))})


def begin(settings: Settings, seed: int) -> list[Lane]:
    """All runners at the same weights, with the same images in the same order."""
    model = {"image_shape": (1, 8, 8), "hidden": HIDDEN, "latent_dim": int(settings["latent_dim"])}
    vae = fresh(VaeConfig.model_validate(model), seed)
    lanes = []
    for runner in RUNNERS:
        draws = int(settings["draws"]) if runner.draws is None else runner.draws
        train = {"epochs": 1000, "batch_size": BATCH, "learning_rate": LEARNING_RATE, "schedule": "constant",
                 "samples": draws, "estimator": runner.estimator, "seed": seed}  # fmt: skip
        training = Training(copy.deepcopy(vae), digits()[0], TrainConfig.model_validate(train))
        lanes.append(Lane(runner, draws, training))
    return lanes


@torch.no_grad()
def bounds_of(vae: VAE, x: Tensor, noise: Tensor) -> np.ndarray:
    """The ELBO of each image, (B,), nats, averaged over the draws."""
    return elbo_terms(vae, x, noise).elbo.double().numpy()


def level(vae: VAE, x: Tensor, noise: Tensor) -> float | None:
    """Mean ELBO, for the curve; None where a runner has lost its way for good."""
    value = float(bounds_of(vae, x, noise).mean())
    return round(value, 3) if math.isfinite(value) else None


def compare(lanes: Sequence[Lane], x: Tensor, replicates: int, generator: torch.Generator) -> Guesses:
    """All ways to guess at one and the same model, that of the first runner, to be compared as they are."""
    usual = usual_value(lanes[0].vae, x, generator)
    kinds = [
        Kind("score_function", lane.draws, usual) if lane.runner.name == "mean_baseline"
        else Kind(lane.runner.estimator, lane.draws) for lane in lanes
    ]  # fmt: skip
    return guessed(lanes[0].vae, x, kinds, replicates, generator)


def shown(guesses: Guesses) -> dict[str, object]:
    """For a moment: some angles in whole degrees, and the variances."""
    some = slice(None, GUESSES)
    return {"angles": guesses.angle[:, some].round().int().tolist(),
            "turns": guesses.turn[:, some].round().int().tolist(),
            "variance": [significant(value) for value in guesses.variance.tolist()],
            "signal": significant(guesses.signal)}  # fmt: skip


def significant(value: float) -> float:
    return float(f"{value:.4g}")


def words(data: Mapping[str, object]) -> str:
    elbo, variance, step = data["elbo"], data["variance"], data["step"]
    assert isinstance(elbo, list) and isinstance(variance, list)
    if step == 0:
        return "Five runners at the same place in the fog. Each asks for the way, and each has another way of asking."
    times = variance[-1] / variance[0]
    known = [value for value in elbo if value is not None]
    return (
        f"Step {step:,}: the bound by the usual trick stands at {elbo[0]:.1f} nats, the worst runner's at "
        f"{min(known):.1f}. Its guesses scatter {times:,.0f} times as much."
        if elbo[0] is not None else f"Step {step:,}: the first runner has lost its way."
    )  # fmt: skip


def measuring(
    lanes: Sequence[Lane], test: Tensor, early: np.ndarray | None, settings: Settings, generator: torch.Generator
) -> Iterator[Moment]:
    """The figures: bounds of all, leads of the first over the others on the same images, variances."""
    noise = torch.randn(ALL_DRAWS, len(test), lanes[0].vae.latent_dim, generator=generator)
    bounds = [bounds_of(lane.vae, test, noise) for lane in lanes]
    yield Moment(0.95, f"The scatter once more, by {ALL_GUESSES} guesses of each runner.", {})
    guesses = compare(lanes, test[:BATCH], ALL_GUESSES, generator)
    outcomes = figures(lanes, bounds, early, guesses, settings)
    yield Moment(1.0, LAST_WORDS, {"elbo": [level(lane.vae, test, noise) for lane in lanes], **shown(guesses),
                                   "step": int(settings["steps"])}, tuple(outcomes))  # fmt: skip


def figures(
    lanes: Sequence[Lane], bounds: list[np.ndarray], early: np.ndarray | None, guesses: Guesses, settings: Settings
) -> list[Outcome]:
    """Bounds; leads of one pathwise draw, image by image, so that what images differ by drops out; variances.

    Bands, at the defaults only, from four seeds, widened: between seeds they move by more than the error over images.
    The scatter of many draws has a theory, 1 / draws, and its band is five of its errors wide on each side.
    """
    found: list[Estimate] = []
    for lane, values in zip(lanes, bounds, strict=True):
        if np.isfinite(values).all():
            name = f"elbo_{lane.runner.name}"
            found.append(Estimate.mean_of(values, kind="lower bound", over="test images", name=name))
    for lane, values in list(zip(lanes, bounds, strict=True))[1:]:
        found += lead(f"lead_{lane.runner.name}", bounds[0], values)
    if early is not None:
        found += lead("lead_at_equal_cost", bounds[0], early)
    for number, lane in list(enumerate(lanes))[1:]:
        found.append(times(f"variance_{lane.runner.name}", guesses, number))
    promised = all(settings[name] == value for name, value in DEFAULTS.items())
    theory = {"variance_pathwise_many": 1 / lanes[1].draws}
    return [
        Outcome(one.name, TITLES[one.name], one, theory.get(one.name), BANDS.get(one.name) if promised else None,
                WORDS.get(one.name, "")) for one in found
    ]  # fmt: skip


def lead(name: str, first: np.ndarray, other: np.ndarray) -> list[Estimate]:
    """How much higher the first bound is, image by image."""
    apart = first - other
    return [Estimate.mean_of(apart, kind="unbiased", over="test images", name=name)] if np.isfinite(apart).all() else []


def times(name: str, guesses: Guesses, number: int) -> Estimate:
    """A variance as a multiple of the first one's, with the error of both."""
    ratio = float(guesses.variance[number] / guesses.variance[0])
    relative = (guesses.stderr / guesses.variance)[[0, number]].square().sum().sqrt()
    return Estimate(ratio, ratio * float(relative), guesses.angle.shape[1], "unbiased", "guesses", name, "times")


BANDS: dict[str, tuple[float, float]] = {
    "elbo_pathwise": (-25.2, -23.2),
    "lead_pathwise_many": (-0.6, 0.0), "lead_leave_one_out": (0.05, 0.8), "lead_mean_baseline": (0.7, 1.8),
    "lead_bare": (2.0, 15.0), "lead_at_equal_cost": (2.8, 5.2),
    "variance_pathwise_many": (0.085, 0.115), "variance_leave_one_out": (6.0, 14.0),
    "variance_mean_baseline": (20.0, 60.0), "variance_bare": (500.0, 2000.0),
}  # fmt: skip


DEMO = Demo(
    title="One sample is enough",
    question="Lost in the fog: how many times must one ask for the way?",
    story=STORY,
    notice=NOTICE,
    controls=(
        Slider("draws", "Draws of the thorough runner", 2, 40, 1, 10, "How often it asks before each step."),
        Slider("latent_dim", "Numbers in a code", 2, 30, 1, 10, "The more there are, the thicker the fog."),
        Slider("steps", "Steps of training", 100, 800, 50, 600, "All runners take as many."),
    ),
    run=run,
    source=SOURCE,
    seconds=14,
)
