"""A bound without a floor: a Gaussian decoder that may choose its own noise level makes the ELBO as high as it likes.

log p(x|z) = -|x - m(z)|^2 / (2 s^2) - (d/2) log 2 pi s^2. On a few images m(z) can be learned almost without error;
then every halving of s wins d log 2 nats, and nothing ends it. With s fixed, log p(x) <= -(d/2) log 2 pi s^2, the
density of an image that is met exactly, whatever the model learns.   Source: text 001, "Probability Density".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.datasets import load, unit_floats
from vaeexplorer.demos.demo import Demo, Moment, Outcome, Settings, Slider
from vaeexplorer.demos.no_floor_pair import NAMES, Pair, ceiling
from vaeexplorer.demos.pixels import packed
from vaeexplorer.records import Estimate

PIXELS = 64
STEPS, BETWEEN = 4000, 40  # of Adam; from one moment to the next
SHOWN = 8  # images in the picture, and images that were never seen
FEW, MANY = 16, 400  # draws of q for each image, in a moment and for a figure
BANDS = {0.6: (-37.0, -26.1), 0.129: (57.0, 72.0), 0.0175: (176.0, 200.0), 0.0049: (240.0, 281.6)}  # see outcomes
FASTEST = 0.002  # learning rate for which the bands were found
UNSEEN = (None, -1000.0)


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    yield from film(settings, seed, STEPS)


def film(settings: Settings, seed: int, steps: int) -> Iterator[Moment]:
    """Train both; see `run`, which makes 4000 steps.

    In float64 the noise level has room down to 1e-308, and the fastest rate reaches 1e-109: should a number leave its
    format all the same, `Pair.step` says so.
    """
    seen, unseen = images(int(settings["points"]), seed)
    pair = Pair(seen, float(settings["variance"]), float(settings["rate"]), seed)
    passed: dict[float, Estimate] = {}
    best = -math.inf
    for step in range(steps + 1):
        if step:
            pair.step()
        for mark in (mark for mark in BANDS if mark not in passed and pair.stds[0] <= mark):
            passed[mark] = pair.elbo(seen, MANY)[0]
        if step % BETWEEN == 0 or step == steps:
            data = _data(step, pair, unseen)
            best = max(best, data["learned"]["elbo"])
            ends = outcomes(pair, unseen, passed, settings) if step == steps else ()
            yield Moment(step / steps, _words(data, best), data, ends)


def images(points: int, seed: int) -> tuple[Tensor, Tensor]:
    """So many digits to learn, and eight of the test images, (B, 1, 8, 8) in [0, 1], float64."""
    digits, generator = load("digits"), torch.Generator().manual_seed(seed)
    parts = (digits.train, points), (digits.test, SHOWN)
    chosen = [torch.randperm(len(part), generator=generator)[:count] for part, count in parts]
    seen, unseen = (
        torch.from_numpy(unit_floats(part[numbers.numpy()])).double()
        for (part, _), numbers in zip(parts, chosen, strict=True)
    )
    return seen, unseen


def _data(step: int, pair: Pair, unseen: Tensor) -> dict[str, Any]:
    """Of both models: noise level s, ELBO with its error on the images they learn and on others, the ceiling at s,
    and how far the best guess of a pixel is from the pixel (root mean square, of the images shown).
    """
    shown = pair.x[:SHOWN]
    elbos, others, pictures = pair.elbo(pair.x, FEW), pair.elbo(unseen, FEW), pair.reconstructions(shown)
    start = {"images": packed(shown.numpy()), "shown": len(shown), "side": 8, "points": len(pair.x)}
    return {"step": step} | (start if step == 0 else {}) | {
        name: {
            "std": float(f"{std:.6g}"), "elbo": round(elbo.value, 4), "stderr": round(elbo.stderr, 4),
            "unseen": float(f"{other.value:.6g}"), "unseen_stderr": float(f"{other.stderr:.3g}"),
            "ceiling": round(ceiling(std, PIXELS), 4),
            "error": float(f"{(means - shown).square().mean().sqrt().item():.4g}"), "means": packed(means.numpy()),
        }
        for name, std, elbo, other, means in zip(NAMES, pair.stds, elbos, others, pictures, strict=True)
    }  # fmt: skip


def _words(data: dict[str, Any], best: float) -> str:
    """What happens at this step, by stated rules; best: the highest ELBO of the free model so far."""
    free, fixed, step = data["learned"], data["fixed"], data["step"]
    if not step:
        return "Two copies of one model begin alike. One may choose how noisy its pictures are, the other may not."
    if free["elbo"] < best - PIXELS:
        return (
            f"Step {step}: with noise of only {free['std']:.2g} the slightest error is punished hard, and the last "
            f"steps were too long: the score fell from {best:.0f} to {free['elbo']:.0f} nats. It will climb again."
        )
    if free["elbo"] > fixed["ceiling"]:
        return (
            f"Step {step}: the free model is above the ceiling that the other one can never pass. Its noise is down "
            f"to {free['std']:.2g}, and nothing stops it."
        )
    if free["elbo"] > fixed["elbo"]:
        return f"Step {step}: with noise of {free['std']:.2f} the free model has overtaken the other one."
    return f"Step {step}: the free model turns its noise down, now to {free['std']:.2f}, and its score rises."


def outcomes(pair: Pair, unseen: Tensor, passed: dict[float, Estimate], settings: Settings) -> tuple[Outcome, ...]:
    """Bands, for eight images and a rate of at most 0.002: the ELBO as the noise level passes 0.6, 0.129, 0.0175 and
    0.0049 as measured before (-31, 67, 192, 264 nats), +- what the choice of images and weights moves it; a halving of
    the noise in between wins 64 log 2 nats, less up to 15 % for errors and KL; the fixed model is below its ceiling.
    """
    promised = settings["points"] == SHOWN and float(settings["rate"]) <= FASTEST
    own, others = pair.elbo(pair.x, MANY), pair.elbo(unseen, MANY)
    level = ceiling(pair.stds[1], PIXELS)
    found = [
        Outcome(f"elbo_at_{mark:g}", f"ELBO as the learned noise passes {mark:g}", estimate, None,
                BANDS[mark] if promised else None, f"The ceiling at this noise is {ceiling(mark, PIXELS):.1f} nats.")
        for mark, estimate in passed.items()
    ]  # fmt: skip
    return (
        *found, *_per_halving(passed, promised),
        Outcome("elbo_learned", "ELBO, learned noise, at the end", own[0], None, None, "And still rising."),
        Outcome("std_learned", "Learned noise at the end",
                Estimate(pair.stds[0], 0.0, 1, "exact", "models", "s", "of black to white")),
        Outcome("elbo_fixed", "ELBO, fixed noise, at the end", own[1], None, (None, level), "Below its ceiling."),
        Outcome("ceiling", "Ceiling of the fixed model", Estimate(level, 0.0, 1, "exact", "models", "ceiling"),
                -0.5 * PIXELS * math.log(2 * math.pi * float(settings["variance"])), None,
                "-(d/2) log 2 pi s2: what an image would get that is met exactly and whose code costs nothing."),
        Outcome("unseen_learned", "ELBO of images never seen, learned noise", others[0], None,
                UNSEEN if promised else None, "The higher it climbs on its own images, the deeper others fall."),
        Outcome("unseen_fixed", "ELBO of images never seen, fixed noise", others[1]),
    )  # fmt: skip


def _per_halving(passed: dict[float, Estimate], promised: bool) -> Iterator[Outcome]:
    """What a halving of the learned noise wins, nats, between 0.129 and 0.0175; theory d log 2."""
    start, end = 0.129, 0.0175
    if end not in passed:
        return
    halvings, theory = math.log2(start / end), PIXELS * math.log(2)
    low, high = passed[start], passed[end]
    estimate = Estimate(
        (high.value - low.value) / halvings, math.hypot(low.stderr, high.stderr) / halvings, high.n, "unbiased",
        "draws of q for each image", "ELBO won by a halving", "nats per halving",
    )  # fmt: skip
    band = (0.85 * theory, 1.05 * theory) if promised else None
    yield Outcome("per_halving", "Won by each halving of the noise", estimate, theory, band, "64 pixels, log 2 each.")


DEMO = Demo(
    "A bound without a floor",
    "Can a score rise for ever and mean nothing?",
    (
        (
            "A model is scored by how well it can retell its pictures. It draws each pixel with some noise around its "
            "best guess, and it is paid by the height of that bell at the true pixel."
        ),
        (
            "A bell has area 1: the narrower, the taller. So a model that knows a handful of pictures by heart, and "
            "may choose its own noise, needs only to make it smaller and smaller."
        ),
        "Two copies of a model learn the same few digits. One chooses its noise, the other may not.",
    ),
    (
        (
            "The bell over one pixel becomes a needle. Its height has no limit, and so has the score: no best model "
            "exists to arrive at."
        ),
        "The other copy's bell keeps its shape. Its score stays below a ceiling that is known before training.",
        (
            "The free model's noisy pictures become perfect copies. Look at what it says about digits it has never "
            "seen: the surer it is of its own, the less it can believe in any other."
        ),
        (
            "A higher score is not a better model. Scores of densities mean something only on new images, and with a "
            "noise level that has a floor."
        ),
    ),
    (
        Slider("points", "Images to learn", 1, 64, 1, 8, "The fewer, the easier to know them by heart."),
        Slider("variance", "Fixed noise, squared (s²)", 0.001, 0.5, 0.001, 0.02, "Of the other copy.", log=True),
        Slider("rate", "Length of a step (learning rate)", 0.0005, 0.05, 0.0005, 0.002, "Of Adam.", log=True),
    ),
    run,
    'Text 001, "Probability Density"; Kingma & Welling 2014',
    6.0,
)
