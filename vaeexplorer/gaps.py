"""Where an ELBO loses against log p(x): what the family of q cannot express, and what the encoder makes less of it.

    inference gap = log p(x) - ELBO(q) = [log p(x) - ELBO(best diagonal q)] + [ELBO(best diagonal q) - ELBO(q)]
                                       =        approximation gap           +       amortization gap

Every gap names the estimator of log p(x) that it rests on.   Source: Cremer, Li & Duvenaud 2018, section 3.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import METHODS, Stage, enumeration, importance, refined, stages
from vaeexplorer.bounds.factorised import best_factorised
from vaeexplorer.bounds.families import paired_noise
from vaeexplorer.bounds.slope import smooth_codes_only
from vaeexplorer.distributions import BernoulliLatent
from vaeexplorer.latent_model import ExactModel, LatentModel
from vaeexplorer.records import Gap, LogMarginal

DRAWS = 1000  # of each bound's average
ROWS = 2000  # codes through the decoder at a time
IMAGES = 16  # whose codes are gone through together
SUREST = ("exact", "grid", "enumeration", "refined")  # the first that applies is taken where none is named


@dataclass(frozen=True)
class GapStage:
    """How far the split is: 0..1, in words, and at last the record."""

    fraction: float
    text: str
    record: Gap | None


def inference_gap(
    model: LatentModel,
    x: Tensor,
    *,
    generator: torch.Generator,
    method: str | None = None,
    samples: int | None = None,
    draws: int = DRAWS,
    steps: int = refined.STEPS,
) -> Gap:
    """The gap of each image and its parts, (B,) nats; see `gap_stages`."""
    *_, last = gap_stages(model, x, generator=generator, method=method, samples=samples, draws=draws, steps=steps)
    assert last.record is not None
    return last.record


def gap_stages(
    model: LatentModel,
    x: Tensor,
    *,
    generator: torch.Generator,
    method: str | None = None,
    samples: int | None = None,
    draws: int = DRAWS,
    steps: int = refined.STEPS,
) -> Iterator[GapStage]:
    """Split the gap of each image, telling how far it is; leave the loop to cancel.

    Args: x (B, ...) as the likelihood wants it; method: of bounds.METHODS for log p(x), by default the surest that
    applies (exact, grid, enumeration, refined), and its samples; draws: of q for each bound; steps: of each fit.
    Error: exact models and Bernoulli latents: none. Else each ELBO averages `draws` draws, the same for all three q, so
    that their differences vary little; a fitted q misses the best one by a little, which moves that much from the
    amortization to the approximation part. log p(x) that is a lower bound makes `total` one.
    Raises: ValueError, one line and at once, if the method does not apply, for more than 16 Bernoulli latents, or if x
    is not what the model takes.
    """
    for what, value in (("draws", draws), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 2:
            raise ValueError(f"expected {what} to be a whole number >= 2, got {value!r}")
    name = method or surest(model)
    found = stages(model, x, name, samples=samples, generator=generator)  # refuses at once what it cannot do
    question = Question(model, x.clone() if x.is_inference() else x, generator, name, samples, draws, steps, found)
    return _way(question)(question)


@dataclass(frozen=True)
class Question:
    """What `gap_stages` was asked; `found`: log p(x) by the named method, not begun yet."""

    model: LatentModel
    x: Tensor
    generator: torch.Generator
    method: str
    samples: int | None
    draws: int
    steps: int
    found: Iterator[Stage]


def surest(model: LatentModel) -> str:
    """The method of log p(x) to rest a gap on: the first of SUREST that applies to this model."""
    for name in SUREST:
        if name in METHODS and METHODS[name].problem(model) is None:
            return name
    raise ValueError(
        f"no estimator of log p(x) that a gap can rest on applies to this model: {enumeration.METHOD.problem(model)}"
    )


def _way(question: Question) -> Callable[[Question], Iterator[GapStage]]:
    model = question.model
    if question.method == "exact":
        return _in_closed_form
    bits = issubclass(model.prior.posterior, BernoulliLatent)
    if problem := (enumeration.METHOD.problem if bits else smooth_codes_only)(model):
        raise ValueError(f"the gap cannot be split: {problem}")
    return _by_codes if bits else _by_fits


def _log_marginal(question: Question, begin: float) -> Generator[GapStage, None, LogMarginal]:
    """The named method at work, as the last part of the whole from `begin` on; returns its record."""
    for stage in question.found:
        yield GapStage(begin + (1 - begin) * stage.fraction, f"log p(x): {stage.text}", None)
    assert stage.record is not None
    return stage.record


def _in_closed_form(question: Question) -> Iterator[GapStage]:
    """Exact models: nothing is fitted and nothing drawn."""
    model, x = question.model, question.x
    assert isinstance(model, ExactModel)
    log_marginal = yield from _log_marginal(question, 0.0)
    best, true = model.best_diagonal(x), model.true_posterior(x)
    elbo, elbo_best, exact = model.elbo(x, model.posterior(x)), model.elbo(x, best), model.log_marginal(x)
    bounds = Bounds(_exactly(elbo), _exactly(elbo_best), _exactly(exact))
    yield GapStage(1.0, "in closed form", bounds.gap(log_marginal, _parameters(diagonal=best, full=true)))


@torch.inference_mode(False)
@torch.no_grad()
def _by_codes(question: Question) -> Iterator[GapStage]:
    """Bernoulli latents: every bound is a sum over all codes. `full`: what any distribution over the codes gains."""
    parts = []
    for done in range(0, len(question.x), IMAGES):
        yield GapStage(0.8 * done / len(question.x), f"best bits: {done} of {len(question.x)} images", None)
        parts.append(best_factorised(question.model, question.x[done : done + IMAGES]))
    log_marginal = yield from _log_marginal(question, 0.8)
    elbo, best, exact, logits = (torch.cat(values) for values in zip(*parts, strict=True))
    bounds = Bounds(_exactly(elbo), _exactly(best), _exactly(exact))
    proposals = _parameters(diagonal=BernoulliLatent(logits))
    yield GapStage(1.0, "by going through all codes", bounds.gap(log_marginal, proposals))


@torch.inference_mode(False)
@torch.no_grad()
def _by_fits(question: Question) -> Iterator[GapStage]:
    """Gaussian latents: the best q of each family is fitted, then all bounds are averaged over the same draws."""
    model, x = question.model, question.x
    diagonals = yield from _fitted(question, "diagonal", None, 0.0, 0.35)
    fulls = yield from _fitted(question, "full", diagonals, 0.35, 0.7)
    diagonal, full = diagonals.best, fulls.best
    proposals = {"encoder": model.posterior(x), "diagonal": diagonal, "full": full}
    bounds = yield from _averages(question, list(proposals.values()), 0.7, 0.8)
    log_marginal = yield from (
        _log_marginal(question, 0.8) if question.method != "refined" else _with_fitted(question, fulls, 0.8)
    )
    yield GapStage(1.0, "by fitted proposals", bounds.gap(log_marginal, _parameters(diagonal=diagonal, full=full)))


def _fitted(
    question: Question, family: str, starts: refined.Fits | None, begin: float, end: float
) -> Generator[GapStage, None, refined.Fits]:
    found = refined.fit_all(
        question.model, question.x, family, steps=question.steps, generator=question.generator, starts=starts
    )
    for fraction, so_far in found:
        fits = so_far
        yield GapStage(begin + (end - begin) * fraction, f"best {family} q of each image: {fraction:.0%}", None)
    return fits


def _with_fitted(question: Question, fits: refined.Fits, begin: float) -> Generator[GapStage, None, LogMarginal]:
    """The method "refined" from its second half on: its proposal is there already."""
    samples = question.samples or METHODS["refined"].samples or DRAWS
    started = time.perf_counter()
    found = refined.weigh(
        question.model, question.x, fits, samples=samples, generator=question.generator, steps=question.steps
    )
    for stage in found:
        yield GapStage(begin + (1 - begin) * stage.fraction, f"log p(x): {stage.text}", None)
    assert stage.record is not None
    return replace(stage.record, seconds=time.perf_counter() - started)


def _averages(question: Question, proposals: list[Any], begin: float, end: float) -> Generator[GapStage, None, Bounds]:
    """ELBO draws of each q at the same noise, in pairs u, -u whose mean counts as one draw."""
    model, x, draws = question.model, question.x, question.draws + question.draws % 2
    size = max(2, ROWS // len(x) // 2 * 2)
    parts = []
    for done in range(0, draws, size):
        noise = paired_noise(proposals[0], min(size, draws - done), question.generator)
        parts.append(torch.stack([_pairs(importance.log_weights(model, x, q, noise)) for q in proposals]))
        yield GapStage(begin + (end - begin) * (done + len(noise)) / draws, f"bounds: {done:,} of {draws:,}", None)
    encoder, diagonal, full = torch.cat(parts, 1).cpu().numpy()
    return Bounds(encoder, diagonal, full)


def _pairs(log_weights: Tensor) -> Tensor:
    """(S, B) of which the second half has the noise of the first with its sign turned -> their means (S / 2, B)."""
    first, second = log_weights.double().chunk(2)
    return (first + second) / 2


@dataclass(frozen=True)
class Bounds:
    """Draws (S, B) of the ELBO of the encoder's q, the best diagonal and the best full one; S = 1 means exact."""

    encoder: np.ndarray
    diagonal: np.ndarray
    full: np.ndarray

    def gap(self, log_marginal: LogMarginal, proposals: Mapping[str, np.ndarray]) -> Gap:
        elbo, elbo_diagonal, elbo_full = (draws.mean(0) for draws in (self.encoder, self.diagonal, self.full))
        approximation, amortization = log_marginal.value - elbo_diagonal, elbo_diagonal - elbo
        exact = log_marginal.kind == "exact" and len(self.encoder) == 1
        return Gap(
            total=approximation + amortization,
            approximation=approximation,
            amortization=amortization,
            full=elbo_full - elbo_diagonal,
            total_stderr=np.hypot(log_marginal.stderr, _stderr(self.encoder)),
            approximation_stderr=np.hypot(log_marginal.stderr, _stderr(self.diagonal)),
            amortization_stderr=_stderr(self.diagonal - self.encoder),
            full_stderr=_stderr(self.full - self.diagonal),
            elbo=elbo,
            elbo_diagonal=elbo_diagonal,
            elbo_full=elbo_full,
            kind="exact" if exact else "unbiased" if log_marginal.kind == "exact" else log_marginal.kind,
            log_marginal=log_marginal,
            proposals=proposals,
        )


def _stderr(draws: np.ndarray) -> np.ndarray:
    """Standard error (B,) of the mean of independent draws (S, B); one row is exact: 0."""
    if len(draws) == 1:
        return np.zeros(draws.shape[1:])
    return draws.std(0, ddof=1) / math.sqrt(len(draws))


def _exactly(values: Tensor) -> np.ndarray:
    return values.double().cpu().numpy()[None]


def _parameters(**proposals: Any) -> dict[str, np.ndarray]:
    """diagonal_mean, diagonal_std, full_mean, full_covariance of those proposals that are given."""
    return {f"{name}_{key}": value for name, q in proposals.items() for key, value in refined.shape(q).items()}
