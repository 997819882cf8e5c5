"""The rate-distortion curve: one small VAE for each price of the code, trained side by side on the digits."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import METHODS, importance
from vaeexplorer.bounds.families import paired_noise
from vaeexplorer.configs import VaeConfig
from vaeexplorer.datasets import load
from vaeexplorer.demos.collapse_exact import SHOWN
from vaeexplorer.demos.demo import Moment, Outcome, Settings
from vaeexplorer.demos.pixels import packed
from vaeexplorer.demos.stacked import Stack, fresh
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE

PRICES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
LEARNING_RATE, BATCH = 2e-3, 128
EVERY = 50  # steps between two moments
BETWEEN = 0.12  # of the search for a gap that is told at a time
WATCHED, ALL = 120, 720  # training images behind the figures of a moment, and behind the outcomes
DRAWS = 10  # of q for each image behind the outcomes
GAP_IMAGES, FIT_STEPS, GAP_SAMPLES = 24, 200, 1000
DEFAULTS = {"latent_dim": 10, "steps": 3000}


@dataclass(frozen=True)
class Measured:
    """Of one model: distortion and rate over training images, log p(x) - ELBO over some of them, nats."""

    distortion: Estimate
    rate: Estimate
    gap: Estimate


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Training images (B, 1, 8, 8), and a few test images to show."""
    found = load("digits")
    assert found.test_labels is not None
    first = [int(np.flatnonzero(found.test_labels == label)[0]) for label in SHOWN]
    return torch.from_numpy(found.train), torch.from_numpy(found.test[first])


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """Train all prices at once, then measure the gap of each."""
    steps, generator = int(settings["steps"]), torch.Generator().manual_seed(seed)
    stack = begin(int(settings["latent_dim"]), seed)
    known, images = digits()
    watched = torch.bernoulli(known[:WATCHED], generator=generator)
    noise = torch.randn(len(PRICES), WATCHED, int(settings["latent_dim"]), generator=generator)
    data: dict[str, object] = {"scene": "rate_distortion", "prices": list(PRICES), "originals": packed(images.numpy())}
    for step in training(stack, steps, generator):
        if step % EVERY == 0 or step in (10, 25):
            data |= seen(stack, step, watched, noise)
            yield Moment(0.8 * step / steps, words(data), data)
            data = {}
    yield from measuring(stack, settings, generator)


def begin(latent_dim: int, seed: int) -> Stack:
    """Models that all start at the same weights: what differs at the end is the price's doing."""
    config = VaeConfig.model_validate({"image_shape": (1, 8, 8), "hidden": (64, 64), "latent_dim": latent_dim})
    return Stack([fresh(config, seed)] * len(PRICES))


def training(stack: Stack, steps: int, generator: torch.Generator) -> Iterator[int]:
    """The number of steps done, 0 first.   loss = sum over models of the mean of distortion + beta * rate

    Every model sees the same images, drawn as black and white anew each time, with the same noise.
    """
    images, betas = digits()[0], torch.tensor(PRICES)[:, None]
    adam = torch.optim.Adam(stack.parameters(), lr=LEARNING_RATE, fused=True)
    latent_dim, order = stack.vaes[0].latent_dim, torch.empty(0, dtype=torch.long)
    for step in range(steps):
        yield step
        if len(order) < BATCH:
            order = torch.randperm(len(images), generator=generator)
        x, order = torch.bernoulli(images[order[:BATCH]], generator=generator), order[BATCH:]
        distortion, kl = stack.terms(x, torch.randn(1, BATCH, latent_dim, generator=generator))
        adam.zero_grad()
        (distortion + betas * kl.sum(-1)).mean(1).sum().backward()
        adam.step()
    yield steps


@torch.no_grad()
def seen(stack: Stack, step: int, x: Tensor, noise: Tensor) -> dict[str, object]:
    """What a moment shows: both terms on the same images with the same noise, and pictures from the mean of q."""
    distortion, kl = stack.terms(x, noise)
    back = stack.decode(stack.posterior(digits()[1]).mean)
    rounded = [[round(float(nats), 3) for nats in term.mean(1)] for term in (distortion, kl.sum(-1))]
    return {"step": step, "distortion": rounded[0], "rate": rounded[1],
            "pictures": [packed(pictures) for pictures in back.numpy()]}  # fmt: skip


def words(data: dict[str, object]) -> str:
    rates = data["rate"]
    assert isinstance(rates, list)
    low, dear = rates[0], rates[-1]
    carried = f"the cheapest code carries {low:.1f} nats, the dearest {dear:.1f}"
    return f"Step {data['step']:,}: {carried}."


def measuring(stack: Stack, settings: Settings, generator: torch.Generator) -> Iterator[Moment]:
    """The gap of one price after the other; the last moment has all figures."""
    x = torch.bernoulli(digits()[0][:ALL], generator=generator)
    terms, found = terms_of(stack, x, generator), []
    for number in range(len(PRICES)):
        gap = yield from searching(stack, number, x[:GAP_IMAGES], generator)
        found.append(Measured(*terms[number], gap))
    yield Moment(1.0, LAST_WORDS, last_data(stack, found, settings, generator), outcomes_of(found, settings))


def searching(stack: Stack, number: int, x: Tensor, generator: torch.Generator) -> Generator[Moment, None, Estimate]:
    """A few moments while the gap of a model is looked for; returns it."""
    text = f"Trained. How far does the bound at price {PRICES[number]:g} lie below log p(x)?"
    search, told = gap_of(stack.vae(number), x, generator), -1.0
    while True:
        try:
            share = next(search)
        except StopIteration as done:
            return done.value
        if share - told >= BETWEEN:
            yield Moment(0.8 + 0.2 * (number + share) / (len(PRICES) + 1), text, {"measuring": number})
            told = share


@torch.no_grad()
def terms_of(stack: Stack, x: Tensor, generator: torch.Generator) -> list[tuple[Estimate, Estimate]]:
    """Distortion (averages DRAWS draws of q for each image) and rate (exact for each image) of each model."""
    sums = torch.zeros(len(PRICES), len(x))
    for _ in range(DRAWS):
        distortion, kl = stack.terms(x, torch.randn(1, len(x), stack.vaes[0].latent_dim, generator=generator))
        sums += distortion / DRAWS
    return [(_mean(lost, "distortion"), _mean(rate, "rate")) for lost, rate in zip(sums, kl.sum(-1), strict=True)]


@torch.no_grad()
def gap_of(vae: VAE, x: Tensor, generator: torch.Generator) -> Generator[float, None, Estimate]:
    """log p(x) - ELBO, mean over the images x with the error over them; yields the share of the work that is done.

    log p(x) by importance sampling from the best full-covariance q of each image: a lower bound, and so is the gap.
    """
    stages = METHODS["refined"].run(vae, x, samples=GAP_SAMPLES, generator=generator, steps=FIT_STEPS)
    for stage in stages:
        yield stage.fraction
    assert stage.record is not None
    q = vae.posterior(x)
    assert isinstance(q, DiagonalGaussian)
    elbo = importance.log_weights(vae, x, q, paired_noise(q, GAP_SAMPLES, generator)).double().mean(0)
    gaps = stage.record.value - elbo.numpy()
    return Estimate.mean_of(gaps, kind="lower bound", over="training images", name="gap")


def _mean(nats: Tensor, name: str) -> Estimate:
    return Estimate.mean_of(nats.numpy(), kind="unbiased", over="training images", name=name)


@torch.no_grad()
def last_data(stack: Stack, found: list[Measured], settings: Settings, generator: torch.Generator) -> dict[str, object]:
    """The figures of all prices, and what each model makes of the same random codes."""
    codes = torch.randn(1, len(SHOWN), stack.vaes[0].latent_dim, generator=generator).expand(len(PRICES), -1, -1)
    return {
        "step": int(settings["steps"]), "made": [packed(pictures) for pictures in stack.decode(codes).numpy()],
        "distortion": [round(one.distortion.value, 3) for one in found],
        "rate": [round(one.rate.value, 3) for one in found],
        "gap": [[round(one.gap.value, 4), round(one.gap.stderr, 4)] for one in found],
    }  # fmt: skip


def outcomes_of(found: list[Measured], settings: Settings) -> tuple[Outcome, ...]:
    """Distortion, rate and gap of each price, with BANDS at the defaults."""
    promised = all(settings[name] == value for name, value in DEFAULTS.items())
    outcomes = []
    for price, one in zip(PRICES, found, strict=True):
        for figure, title in TITLES.items():
            estimate = replace(getattr(one, figure), name=f"{figure}_{price:g}")
            band = BANDS[price][figure] if promised else None
            outcomes.append(Outcome(estimate.name, title.format(price), estimate, None, band))
    return tuple(outcomes)


def _around(value: float, share: float, nats: float) -> tuple[float, float]:
    width = share * value + nats
    return (value - width, value + width)


def bands() -> dict[float, dict[str, tuple[float, float]]]:
    """Where the figures have to lie: around REFERENCE.md's of one seed, D 12.1 to 27.1, R 19.1 to 0, gap 3.56 to 0.

    Along the curve a model moves at a cost of second order: seeds 0, 1 and 2 differ by up to 10 % in the rate and by
    1 % in D + beta R, so the bands of D and R are wide. The gaps at .1 and .25 of REFERENCE.md (3.56, 2.56) are what
    importance sampling with the encoder's own q finds (here 4.0 and 2.8 with 5000 draws), too narrow a proposal there;
    the fitted one gives 7.1 to 7.3 and 3.1 (Pareto k below .6). A lower bound can only be too low, so they are the
    lower ends. At price 4 theory says that nothing is carried and no gap is left.
    """
    table = zip((12.1, 13.2, 14.9, 18.6, 23.0, 27.1), (19.1, 13.5, 9.2, 4.5, 1.6, 0), (3.56, 2.56, 1.21, 0.37, 0.71, 0),
                strict=True)  # fmt: skip
    found = {}
    for price, (lost, rate, gap) in zip(PRICES, table, strict=True):
        found[price] = {
            "distortion": _around(lost, 0.12, 0), "rate": _around(rate, 0.25, 0.3), "gap": _around(gap, 0.4, 0.15),
        }  # fmt: skip
    found[0.1]["gap"], found[0.25]["gap"] = (3.56, 9.0), (2.56, 4.0)
    return found


BANDS = bands()
TITLES = {
    "distortion": "What is lost at price {:g} (distortion)",
    "rate": "What the code carries at price {:g} (rate)",
    "gap": "Gap of the bound at price {:g}",
}
LAST_WORDS = (
    "At the highest price the gap is zero and the model is useless: q fits the posterior perfectly, for neither knows "
    "anything of the image."
)
