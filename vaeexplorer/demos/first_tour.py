"""Demonstration 10, a first tour: one handwritten digit on its way through a small model, in five steps.

The steps are moments that wait for the visitor; what they say is in tour_words. The model is the shipped `digits-2d`,
whose map has two directions, so that everything can be drawn and log p(x) can be summed over a lattice of codes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer import checkpoints
from vaeexplorer.bounds import estimate_log_marginal, grid
from vaeexplorer.bounds.tables import in_double, joint_table
from vaeexplorer.datasets import load, unit_floats
from vaeexplorer.demos import tour_words
from vaeexplorer.demos.demo import Choice, Demo, Moment, Outcome, Settings
from vaeexplorer.elbo import term_estimates
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE

MODEL = "digits-2d"
IMAGES = {0: 89, 1: 44, 2: 285, 3: 46, 4: 272, 5: 218, 6: 138, 7: 66, 8: 270, 9: 43}
"""Digit -> the number of a test image whose gap, 0.25 to 1.4 nats, is large enough to be seen."""

DRAWS = 4000  # of q, behind the reconstruction term
SAMPLES = 5000  # importance samples, which the lattice's log p(x) is held against
ROLLS = 24  # of the dice, that the third step shows
DOTS = 200  # codes of test images on the map
SIDE = 49  # places along each side of the posterior's picture
FAINTEST = 9.0  # nats below the highest point: not to be seen any more
REACH, POINTS = 6.0, 81  # standard deviations and points on each axis of the lattice that checks q's averages


@dataclass(frozen=True)
class Measured:
    """One image x (1, 1, 8, 8) of 0 and 1 at the model: q(z|x) and the figures of the tour, nats."""

    vae: VAE
    x: Tensor
    terms: dict[str, Estimate]
    density: grid.Density

    @property
    def log_marginal(self) -> float:
        return float(self.density.log_marginal.value[0])


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """An opening while the data are read, then the five steps.   Raises: ValueError if the model is not there."""
    digit = int(settings["digit"])
    yield Moment(0.0, "The model is fetched.", {"step": 0, "model": MODEL, **tour_words.OPENING})
    vae = _model()
    generator = torch.Generator().manual_seed(seed)
    facts = _facts(vae, digit)
    for number, data in enumerate(_pictures(vae, facts, digit), 1):
        yield _moment(number, data, facts)
    found = _measure(vae, _image(digit), generator)
    rolls = torch.randn((ROLLS, 2), generator=generator)
    yield _moment(3, {"rolls": _rounded(rolls, 3), **_cloud(found)}, facts)
    yield _moment(4, {"terms": _terms(found), **_cloud(found)}, facts)
    last = {"terms": _terms(found), "posterior": _posterior(found), **_cloud(found)}
    yield _moment(5, last, facts, _outcomes(found, generator))


def _model() -> VAE:
    """The model of the tour.   Raises: ValueError, one line, if its file is gone or broken."""
    path = checkpoints.listing().get(MODEL)
    if path is None:
        raise ValueError(f"the tour needs the model {MODEL}, which is not in the folder checkpoints: put it back")
    return checkpoints.load(path)


def _image(digit: int) -> Tensor:
    """The test image of a digit, each pixel black or white, (1, 1, 8, 8)."""
    return torch.from_numpy(unit_floats(load("digits").test[IMAGES[digit]][None])).round()


def _facts(vae: VAE, digit: int) -> dict[str, str]:
    """What the words are filled with."""
    weights = sum(parameter.numel() for parameter in vae.parameters())
    return {"digit": str(digit), "weights": f"{weights:,}", "images": f"{len(load('digits').train):,}"}


def _moment(number: int, data: dict[str, Any], facts: dict[str, str], outcomes: tuple[Outcome, ...] = ()) -> Moment:
    words = tour_words.step(number, facts)
    told = {"step": number, "model": MODEL, "hold": True, **words, **data}
    return Moment(number / tour_words.COUNT, f"Step {number} of {tour_words.COUNT}.", told, outcomes)


@torch.no_grad()
def _pictures(vae: VAE, facts: dict[str, str], digit: int) -> Iterator[dict[str, Any]]:
    """What the first two steps show: the image with its code, and the map with the codes of test images."""
    x = _image(digit)
    q = vae.posterior(x)
    pixels = {"pixels": "".join(str(int(value)) for value in x.flatten().tolist())}
    code = {"mean": _rounded(q.mean[0], 4), "std": _rounded(q.std[0], 4)}
    yield {**pixels, **code}
    digits = load("digits")
    assert digits.test_labels is not None
    means = vae.posterior(torch.from_numpy(unit_floats(digits.test[:DOTS])).round()).mean
    dots = {"dots": _rounded(means, 2), "labels": "".join(str(int(label)) for label in digits.test_labels[:DOTS])}
    yield {**pixels, **code, **dots}


@torch.no_grad()
def _measure(vae: VAE, x: Tensor, generator: torch.Generator) -> Measured:
    noise = vae.posterior(x).noise((DRAWS, 1, 2), generator)
    return Measured(vae, x, term_estimates(vae, x, noise)[0], grid.density(vae, x, None, (SIDE, SIDE)))


def _cloud(found: Measured) -> dict[str, Any]:
    q = found.vae.posterior(found.x)
    pixels = "".join(str(int(value)) for value in found.x.flatten().tolist())
    return {"pixels": pixels, "mean": _rounded(q.mean[0], 4), "std": _rounded(q.std[0], 4)}


def _terms(found: Measured) -> dict[str, Any]:
    """Nats: what the code costs, the reconstruction term with its error, log p(x) with that of the lattice."""
    reconstruction, record = found.terms["reconstruction"], found.density.log_marginal
    return {
        "kl": found.terms["kl"].value,
        "reconstruction": reconstruction.value,
        "stderr": reconstruction.stderr,
        "log_marginal": found.log_marginal,
        "error": float(record.stderr[0]),
    }


def _posterior(found: Measured) -> dict[str, Any]:
    """log p(z|x) on SIDE x SIDE places of a window that holds nearly all of it, row 0 the lowest.

    below: one letter for each place, chr(35 + n) for n tenths of a nat below the highest point.
    """
    density = found.density.log_density
    tenths = np.rint(10 * np.clip(density.max() - density, 0, FAINTEST)).astype(int).ravel()
    window = np.round(found.density.window, 4).tolist()
    return {"window": window, "side": SIDE, "below": "".join(chr(35 + n) for n in tenths.tolist())}


@torch.no_grad()
def lattice_averages(model: LatentModel, x: Tensor, log_marginal: float) -> dict[str, float]:
    """Averages over q(z|x) by a lattice, in double: reconstruction, kl, gap = KL(q || p(z|x)), nats.

    sum_i w_i f(z_i), w_i in proportion to q(z_i), z = mean + std u, u evenly spaced up to 6 on both axes: for smooth f
    the error falls faster than any power of the spacing, 0.15 standard deviations here.
    Args: x (1, ...); log_marginal: log p(x).
    """
    model, x = in_double(model), x.double()
    q = model.posterior(x)
    axis = torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    u = torch.cartesian_prod(axis, axis)
    z = q.mean.double() + q.std.double() * u
    weight = torch.softmax(-0.5 * (u**2).sum(1), 0)
    log_q = -0.5 * (u**2).sum(1) - math.log(2 * math.pi) - q.std.double().log().sum()
    joint, prior = joint_table(model, x, z)[:, 0].double(), model.prior.log_prob(z).double()
    return {
        "reconstruction": float(weight @ (joint - prior)),
        "kl": float(weight @ (log_q - prior)),
        "gap": float(weight @ (log_q - joint)) + log_marginal,
    }


def _outcomes(found: Measured, generator: torch.Generator) -> tuple[Outcome, ...]:
    """The figures of the image. Bands: 5 standard errors around what a second way gives, a lattice over q for the
    terms of q (the closed form of the KL within 1e-4), importance sampling for the lattice's log p(x)."""
    terms, log_marginal, record = found.terms, found.log_marginal, found.density.log_marginal
    sure = lattice_averages(found.vae, found.x, log_marginal)
    reconstruction, elbo = terms["reconstruction"], terms["elbo"]
    second = estimate_log_marginal(found.vae, found.x, "iwae", samples=SAMPLES, generator=generator)
    other, error = float(second.value[0]), float(second.stderr[0])
    lattice = f"a lattice of codes, {record.samples} on each side"
    gap = Estimate(log_marginal - elbo.value, elbo.stderr, elbo.n, "unbiased", elbo.over, "gap", "nats")
    marginal = Estimate(log_marginal, float(record.stderr[0]), 1, "exact", lattice, "log_marginal", "nats")
    return (
        _count("pixels", "Pixels that go in", found.x.numel(), "pixels", "Each is black or white."),
        _count("code", "Numbers in the code", found.vae.latent_dim, "numbers", "All that the decoder is told."),
        Outcome("kl", "Price of the code: KL", terms["kl"], sure["kl"], _around(sure["kl"], 1e-4),
                "Worked out by a formula, and once more by adding up over a lattice."),
        Outcome("reconstruction", "What the pixels still cost, with a minus sign: reconstruction", reconstruction,
                sure["reconstruction"], _around(sure["reconstruction"], 5 * reconstruction.stderr),
                "An average over draws from the cloud, and once more over a lattice."),
        Outcome("log_marginal", "log p(x), over all codes", marginal, None, _around(other, 5 * error),
                f"Added up over a lattice; {SAMPLES:,} draws weighted by importance give {other:.3f}."),
        Outcome("gap", "The gap", gap, sure["gap"], _around(sure["gap"], 5 * elbo.stderr),
                "log p(x) minus the ELBO; the theory is the KL from the cloud to the posterior, over a lattice."),
    )  # fmt: skip


def _count(name: str, title: str, value: int, unit: str, words: str) -> Outcome:
    return Outcome(name, title, Estimate(value, 0.0, 1, "exact", "counted", name, unit), value, (value, value), words)


def _around(value: float, width: float) -> tuple[float, float]:
    return value - width, value + width


def _rounded(values: Tensor, digits: int) -> list[Any]:
    return np.round(values.detach().double().numpy(), digits).tolist()


DEMO = Demo(
    title="A first tour",
    question="How can two numbers hold a picture?",
    story=tour_words.STORY,
    notice=tour_words.NOTICE,
    controls=(
        Choice("digit", "Which digit travels", tuple((digit, str(digit)) for digit in IMAGES), 4,
               "One test image of each, chosen so that no step is too small to be seen."),
    ),
    run=run,
    source="Kingma and Welling 2014, Auto-Encoding Variational Bayes, sections 2.1 to 2.4 (arXiv:1312.6114)",
    seconds=4.0,
)  # fmt: skip
