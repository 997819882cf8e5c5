"""Holes in the map: where the prior throws its darts, and where the codes of real images lie.

Three small models of one beginning, three prices beta of the code. E KL(q(z|x) || p) = I(x; z) + KL(q(z) || p): what
the code tells of the image, and how far the codes of all images together are from the prior. Where they leave places of
the prior empty the decoder was never taught, and shows what no image looks like.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.configs import VaeConfig
from vaeexplorer.datasets import load
from vaeexplorer.demos.demo import Demo, Moment, Outcome, Settings, Slider
from vaeexplorer.demos.holes_map import HOLE, Lattice, deepest_hole, lattice, log_ratio_at, nodes_for, squares
from vaeexplorer.demos.holes_words import FIRST_WORDS, LAST_WORDS, NOTICE, SOURCE, STORY, TITLES, WORDS
from vaeexplorer.demos.pixels import packed
from vaeexplorer.demos.stacked import Stack, fresh
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE

MODEL = {"image_shape": (1, 8, 8), "hidden": (64, 64), "latent_dim": 2}
LEARNING_RATE, BATCH = 2e-3, 128
MOMENTS = 36  # of training; one more comes at the end
REACH, SQUARES = 3.5, 35  # the map: [-REACH, REACH]^2 in squares of 0.2
DARTS, DOTS = 9, 80  # throws of the prior that are followed; images whose codes are shown
APART = 0.6  # between two darts, so that their marks can be told apart
JUDGED = 2000  # throws of the prior whose pictures are held against real ones
NEAR = 1.8  # from the prior's middle: four of five throws land there, and there the deepest hole is looked for
SMALL = 0.05  # of the prior's throws, and less: hardly a hole
NAMES = ("low", "middle", "high")


@dataclass(frozen=True)
class Digits:
    """x (N, 1, 8, 8) of the training images with their digit; shown: positions of those whose codes are drawn."""

    grey: Tensor
    labels: np.ndarray
    shown: np.ndarray


@cache
def digits() -> Digits:
    found = load("digits")
    assert found.train_labels is not None
    each = DOTS // 10
    shown = np.concatenate([np.flatnonzero(found.train_labels == label)[:each] for label in range(10)])
    return Digits(torch.from_numpy(found.train), found.train_labels, shown)


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """Train the three side by side; a moment is three maps, and what the same darts hit on each."""
    betas, steps = (float(settings["low"]), 1.0, float(settings["high"])), int(settings["steps"])
    yield from film(betas, steps, seed, MOMENTS, settings)


def film(betas: Sequence[float], steps: int, seed: int, moments: int, settings: Settings) -> Iterator[Moment]:
    """The moments, `moments` of training and one more, the holes measured."""
    generator = torch.Generator().manual_seed(seed)
    darts = thrown(generator)
    beginning = {"betas": list(betas), "darts": darts.numpy().round(3).tolist(), "reach": REACH, "squares": SQUARES,
                 "steps": steps}  # fmt: skip
    yield Moment(0.0, FIRST_WORDS, beginning)
    stack, x = begin(len(betas), seed), torch.bernoulli(digits().grey, generator=generator)
    stops = {round(steps * (k / (moments - 1)) ** 1.25) for k in range(moments)}
    holes: list[Tensor | None] = [None] * len(betas)
    labels = {"labels": digits().labels[digits().shown].tolist()}
    for step in training(stack, betas, steps, generator):
        if step in stops:
            maps = [seen(stack, number, x, darts, holes) for number in range(len(betas))]
            yield Moment(0.95 * step / steps, words(step, betas, maps), {"step": step, "maps": maps, **labels})
            labels = {}
    yield from measuring(stack, x, betas, settings, generator)


def begin(models: int, seed: int) -> Stack:
    """Models that start at the same weights: what differs at the end is beta's doing."""
    return Stack([fresh(VaeConfig.model_validate(MODEL), seed)] * models)


def thrown(generator: torch.Generator) -> Tensor:
    """DARTS throws of the prior, (DARTS, 2): the first ones that land on the map and not upon another."""
    found: list[Tensor] = []
    for throw in torch.randn(50 * DARTS, 2, generator=generator):
        apart = [float((throw - other).norm()) > APART for other in found]
        if throw.abs().max() < REACH - 0.3 and all(apart) and len(found) < DARTS:
            found.append(throw)
    return torch.stack(found)


def training(stack: Stack, betas: Sequence[float], steps: int, generator: torch.Generator) -> Iterator[int]:
    """The number of steps done, 0 first.   loss = sum over models of the mean of E_q[-log p(x|z)] + beta KL

    Every model sees the same images, drawn as black and white anew each time, with the same noise.
    """
    images, prices = digits().grey, torch.tensor(betas)[:, None]
    adam = torch.optim.Adam(stack.parameters(), lr=LEARNING_RATE, fused=True)
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        yield step
        if len(order) < BATCH:
            order = torch.randperm(len(images), generator=generator)
        x, order = torch.bernoulli(images[order[:BATCH]], generator=generator), order[BATCH:]
        lost, kl = stack.terms(x, torch.randn(1, BATCH, 2, generator=generator))
        adam.zero_grad()
        (lost + prices * kl.sum(-1)).mean(1).sum().backward()
        adam.step()
    yield steps


def q_of(stack: Stack, number: int, x: Tensor) -> DiagonalGaussian:
    """q(z|x) of one of the models, (N, 2) in double precision.   Raises: ValueError where it is not finite."""
    q = stack.posterior(x)
    mean, log_std = q.mean[number].double(), q.log_std[number].double()
    if not (mean.isfinite().all() and log_std.isfinite().all()):
        raise ValueError("the training left all bounds: choose milder settings, or reset them")
    return DiagonalGaussian(mean, log_std)


@torch.no_grad()
def seen(stack: Stack, number: int, x: Tensor, darts: Tensor, holes: list[Tensor | None]) -> dict[str, object]:
    """One map: squares as levels of log(q / p), dots, the two parts of E KL, the pictures that the darts hit.

    A hole stays where it was, as far as it is one; `holes` is brought up to date.
    """
    q = q_of(stack, number, x)
    found, hole = lattice(q, 240), deepest_hole(q, NEAR, holes[number])
    holes[number] = hole
    kl = float(stack.vaes[0].prior.kl_per_dimension(q).sum(-1).mean())
    places = torch.cat([darts, *([hole.float()[None]] if hole is not None else [])])
    pictures = stack.decode(places.expand(len(stack.vaes), -1, -1))[number, :, 0].numpy()
    return {
        "map": levels(squares(q, REACH, SQUARES)), "dots": placed(q.mean[digits().shown]),
        "kl": round(kl, 4), "marginal": round(found.marginal, 4), "share": round(found.hole_share, 4),
        "lost": (log_ratio_at(q, darts) < -HOLE).tolist(),
        "hole": None if hole is None else hole.numpy().round(3).tolist(), "pictures": packed(pictures),
    }  # fmt: skip


def levels(ratio: Tensor) -> str:
    """Squares as letters, row after row of growing z1: log(q / p) from -6 (64 letters, LETTERS) to 3 nats."""
    place = (ratio.clamp_min(1e-9).log() + 6.0).div(9.0).mul(63).round().clamp(0, 63).long()
    return "".join(LETTERS[level] for level in place.flatten().tolist())


def placed(z: Tensor) -> str:
    """Places as pairs of letters for each coordinate, in 4096 parts of the map; what lies outside is at its edge."""
    parts = z.div(2 * REACH).add(0.5).mul(4095).round().clamp(0, 4095).long().flatten().tolist()
    return "".join(LETTERS[part // 64] + LETTERS[part % 64] for part in parts)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def words(step: int, betas: Sequence[float], maps: list[dict[str, object]]) -> str:
    if step == 0:
        return "Nothing is learned yet: the codes of all pictures lie on one heap. Watch them find their places."
    shares = ", ".join(f"{percent(one['share'])} at β = {beta:g}" for beta, one in zip(betas, maps, strict=True))
    return f"Step {step:,}: of the prior's throws, {shares} land in a hole."


def percent(share: object) -> str:
    return f"{100 * float(share):.0f} %"  # type: ignore[arg-type]


@torch.no_grad()
def measuring(
    stack: Stack, x: Tensor, betas: Sequence[float], settings: Settings, generator: torch.Generator
) -> Iterator[Moment]:
    """Each model on a fine lattice and on one half as fine; the last moment has the figures and the decoders."""
    outcomes: list[Outcome] = []
    throws = torch.randn(JUDGED, 2, generator=generator)
    for number in range(len(betas)):
        yield Moment(0.95 + 0.05 * number / len(betas), "Trained. Now the holes are measured on a fine lattice.", {})
        q = q_of(stack, number, x)
        nodes = nodes_for(q)
        fine, coarse = lattice(q, nodes), lattice(q, round(nodes / 1.3))
        kl = float(stack.vaes[0].prior.kl_per_dimension(q).sum(-1).mean())
        outcomes += figures(number, betas, kl, fine, coarse, len(x), settings)
        outcomes += strangeness(stack, number, q, throws, betas)
    data = {"decoders": [weights_of(stack.vae(number)) for number in range(len(betas))]}
    yield Moment(1.0, LAST_WORDS, data, tuple(outcomes))


def weights_of(vae: VAE) -> dict[str, object]:
    """The decoder for the page: widths of its dense layers, and weights and biases one after the other, as float16."""
    dense = [layer for layer in vae.decoder if isinstance(layer, torch.nn.Linear)]
    flat = torch.cat([part.detach().flatten() for layer in dense for part in (layer.weight, layer.bias)])
    halves = flat.clamp(-6e4, 6e4).numpy().astype("<f2").tobytes()
    return {"widths": [dense[0].in_features, *(layer.out_features for layer in dense)],
            "activation": vae.config.activation, "weights": base64.b64encode(halves).decode()}  # fmt: skip


def figures(
    number: int, betas: Sequence[float], kl: float, fine: Lattice, coarse: Lattice, images: int, settings: Settings
) -> list[Outcome]:
    """E KL, its two parts, and the prior's share of holes; exact for these images, as far as the lattice is fine.

    Error: how far a lattice with spaces 1.3 times as wide differs.
    Bands, at the defaults only: REFERENCE.md's value of one seed, give and take what seeds differ by. Training goes on
    at a constant rate, so that E KL still moves by 0.1 nats or so from one hundred steps to the next. The share of
    holes has no value there: what five seeds showed, widened.
    """
    promised = all(settings[name] == value for name, value in DEFAULTS.items())
    error = abs(fine.marginal - coarse.marginal)
    share, of_share = 100 * fine.hole_share, 100 * abs(fine.hole_share - coarse.hole_share)
    values = {
        "kl": (kl, 0.0, "nats"), "information": (kl - fine.marginal, error, "nats"),
        "marginal": (fine.marginal, error, "nats"), "hole_share": (share, of_share, "%"),
    }  # fmt: skip
    outcomes = []
    for part, (value, stderr, unit) in values.items():
        estimate = Estimate(value, stderr, images, "exact", "training images", f"{part}_{NAMES[number]}", unit)
        title, band = TITLES[part].format(betas[number]), BANDS[part][number] if promised else None
        outcomes.append(Outcome(estimate.name, title, estimate, None, band, WORDS[part]))
    return outcomes


def strangeness(
    stack: Stack, number: int, q: DiagonalGaussian, throws: Tensor, betas: Sequence[float]
) -> list[Outcome]:
    """How much further from every real picture are the prior's pictures from holes than those from elsewhere?

    Distance to the nearest training image, the root of the squares summed over pixels of grey value 0 to 1: its mean in
    holes less its mean elsewhere, with the error of both over the throws. Nothing where hardly any throw hits a hole.
    """
    pictures = stack.decode(throws.expand(len(stack.vaes), -1, -1))[number].flatten(1)
    apart = torch.cdist(pictures, digits().grey.flatten(1)).amin(1).double()
    lost = log_ratio_at(q, throws) < -HOLE
    if lost.double().mean() < SMALL:
        return []
    means = [apart[part].mean() for part in (lost, ~lost)]
    errors = [apart[part].var() / part.sum() for part in (lost, ~lost)]
    name, further, stderr = f"strangeness_{NAMES[number]}", float(means[0] - means[1]), float(sum(errors) ** 0.5)
    estimate = Estimate(further, stderr, len(throws), "unbiased", "throws of the prior", name, "grey")
    words = f"{float(means[0]):.2f} in holes, {float(means[1]):.2f} elsewhere. {WORDS['strangeness']}"
    return [Outcome(name, TITLES["strangeness"].format(betas[number]), estimate, 0.0, None, words)]


DEFAULTS = {"low": 0.1, "high": 4.0, "steps": 2500}
BANDS: dict[str, tuple[tuple[float, float], ...]] = {
    "kl": ((5.14, 6.04), (2.23, 3.13), (0.0, 0.01)),
    "information": ((4.73, 5.63), (2.15, 3.05), (0.0, 0.01)),
    "marginal": ((0.28, 0.53), (0.035, 0.125), (0.0, 0.005)),
    "hole_share": ((3.0, 20.0), (0.0, 1.5), (0.0, 0.01)),
}

DEMO = Demo(
    title="Holes in the map",
    question="Throw a dart at the model's map: is there a picture everywhere?",
    story=STORY,
    notice=NOTICE,
    controls=(
        Slider("low", "Price β of the left map", 0.02, 0.9, 0.01, 0.1, "The cheaper, the more precise each place.",
               log=True),
        Slider("high", "Price β of the right map", 1.1, 6.0, 0.1, 4.0, "Dear enough, and nothing is told any more.",
               log=True),
        Slider("steps", "Steps of training", 300, 3000, 100, 2500, "All three learn from the same pictures."),
    ),
    run=run,
    source=SOURCE,
    seconds=10,
)  # fmt: skip
