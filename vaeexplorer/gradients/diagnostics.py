"""Estimators of the gradient at a frozen model: what each gets right, how much it scatters, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vaeexplorer.gradients import weights
from vaeexplorer.gradients.at_model import latents_of, parameters, q_of
from vaeexplorer.gradients.exact import Truth, exact_stages, how_exact
from vaeexplorer.gradients.measurement import Question, by_decoder, by_encoder
from vaeexplorer.gradients.registry import ESTIMATORS, Objective
from vaeexplorer.gradients.samples import checked
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import GradientDiagnostics
from vaeexplorer.vae import VAE

LARGEST_TABLE = 2048  # outputs of all images together, of which the encoder's weights take a table of all pairs
REFERENCE_WORK, QUICK_WORK = 60_000.0, 2000.0  # decoder evaluations of a truth for one image, roughly


@dataclass(frozen=True)
class Stage:
    """How far a diagnosis is: 0..1, in words, and the records so far; the last one may be partial."""

    fraction: float
    text: str
    records: tuple[GradientDiagnostics, ...]


@dataclass(frozen=True)
class Target:
    """What a gradient is by; problem(model): why that does not work with this model, one line, or None."""

    title: str
    words: str
    problem: Callable[[LatentModel], str | None]
    run: Callable[[Question, str, Mapping[str, Truth]], Iterator[GradientDiagnostics]]


def diagnose(
    model: LatentModel, x: Tensor, estimators: Sequence[str], *, replicates: int,
    samples: int | Mapping[str, int] = 1, generator: torch.Generator, target: str = "outputs",
    truth: Mapping[str, Truth] | None = None, options: Mapping[str, Any] | None = None,
) -> Iterator[Stage]:  # fmt: skip
    """Estimators at a frozen model, one after the other, telling how far it is; leave the loop to cancel.

    Args: x (B, ...) as the likelihood wants it; estimators: keys of ESTIMATORS; replicates: independent gradients of
    each, 2 or more (2000 say enough, the bare score function wants 20,000); samples: draws of q for each gradient, one
    number or one for each estimator; target: "outputs" of the encoder (q's parameters), or every weight of the
    "encoder" or "decoder"; truth: exact gradients by objective ("elbo" for the estimators of the ELBO, "iwae"), found
    here where None; {} leaves bias and cosine out; options: given to those estimators that have one of the name.
    Yields: Stages; their records hold what the replicates so far say, at last all of them complete.
    Error: see GradientDiagnostics; variances have 95 % intervals, means are held against the truth by z.
    By the decoder's weights all estimators of one bound are the same, as theirs is q's gradient; no bias is looked for.
    The model computes in evaluation mode meanwhile and is left as it was.
    Raises: ValueError, one line and at once, for what does not apply; later if the model's values are not finite.
    """
    chosen = _known(target)
    names = list(dict.fromkeys(estimators))
    if not names:
        raise ValueError(f"expected estimators, got none: choose from {', '.join(ESTIMATORS)}")
    draws = {name: samples[name] if isinstance(samples, Mapping) else samples for name in names}
    given = {name: _own(name, options or {}) for name in names}
    for name in names:
        checked(name, latents_of(model), replicates, draws[name], given[name])
    if replicates < 2:
        raise ValueError("a variance needs replicates as a whole number of 2 or more, got 1")
    if problem := chosen.problem(model):
        raise ValueError(problem)
    q = q_of(model, x)
    if target == "encoder" and parameters(q).numel() > LARGEST_TABLE:
        most = LARGEST_TABLE // parameters(q).shape[1]
        raise ValueError(f"expected at most {most} images for the encoder's weights of this model, got {len(x)}")
    x = x.clone() if x.is_inference() else x
    question = Question(model, x, q, replicates, draws, given, generator, target, truth)
    return _stages(question, chosen)


def _known(target: str) -> Target:
    if target not in TARGETS:
        raise ValueError(f"expected target to be one of {', '.join(TARGETS)}; got {target!r}")
    return TARGETS[target]


def _own(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that this estimator has."""
    known = ESTIMATORS[name].options if name in ESTIMATORS else {}
    return {option: value for option, value in options.items() if option in known}


def _stages(question: Question, target: Target) -> Iterator[Stage]:
    """For each estimator its truth, unless it is there, and then its records."""
    truths: dict[str, Truth] = {}
    needed = [] if question.target == "decoder" else list(dict.fromkeys(map(question.bound, question.samples)))
    total = sum(map(question.work, question.samples)) + sum(_truth_work(question, key) for key in needed)
    done, records = 0.0, []  # type: tuple[float, list[GradientDiagnostics]]
    for name in question.samples:
        key = question.bound(name)
        if key in needed:
            work = _truth_work(question, key)
            yield from _with(_truth(question, key, truths), records, done / total, work / total)
            done += work
            needed.remove(key)
        record = None
        for record in target.run(question, name, truths):
            share = record.replicates / record.asked * question.work(name)
            yield Stage(min(1.0, (done + share) / total), _progress(record), (*records, record))
        assert record is not None
        records.append(record)
        done += question.work(name)


def _progress(record: GradientDiagnostics) -> str:
    return f"{record.title}: {record.replicates:,} of {record.asked:,} replicates"


def _bound(key: str) -> tuple[Objective, int]:
    """The objective and the samples of a question's bound."""
    kind, _, samples = key.partition(" ")
    return ("iwae", int(samples)) if kind == "iwae" else ("elbo", 1)


def _truth_work(question: Question, key: str) -> float:
    """Decoder evaluations for one image that finding a truth takes, roughly."""
    if question.truth is not None:
        return 0.0
    return REFERENCE_WORK if how_exact(question.model, *_bound(key)) == "reference" else QUICK_WORK


def _truth(question: Question, key: str, truths: dict[str, Truth]) -> Iterator[tuple[float, str]]:
    """Puts the truth where it is looked for, if it can be known."""
    objective, samples = _bound(key)
    if question.truth is not None:
        truths.update({key: question.truth[objective]} if objective in question.truth else {})
        return
    stages = exact_stages(
        question.model, question.x, q=question.q, objective=objective, samples=samples, generator=question.generator
    )
    for fraction, text, truth in stages:
        yield fraction, f"exact gradient: {text}"
        if truth is not None:
            truths[key] = truth


def _with(
    progress: Iterator[tuple[float, str]], records: list[GradientDiagnostics], start: float, share: float
) -> Iterator[Stage]:
    for fraction, text in progress:
        yield Stage(min(1.0, start + share * fraction), text, tuple(records))


def _none(model: LatentModel) -> None:
    return None


def _no_encoder(model: LatentModel) -> str | None:
    if isinstance(getattr(model, "encoder", None), nn.Sequential):
        return None
    return "this model has no encoder network, so its weights have no gradient: look at q's parameters instead"


def _no_dense_decoder(model: LatentModel) -> str | None:
    if not isinstance(model, VAE):
        return "this model has no decoder network, so its weights have no gradient: look at q's parameters instead"
    if weights.is_dense(model.decoder):
        return None
    return (
        "the variance of a decoder's weights is known for dense layers only, and this one has convolutions: "
        "look at the encoder's weights or at q's parameters"
    )


TARGETS: dict[str, Target] = {
    "outputs": Target(
        "q's parameters", "by what the encoder gives for each image: mean and log standard deviation, or logits",
        _none, by_encoder,
    ),
    "encoder": Target(
        "the encoder's weights", "by every weight and bias of the encoder, which all images share",
        _no_encoder, by_encoder,
    ),
    "decoder": Target(
        "the decoder's weights", "by every weight and bias of the decoder, at the same draws of q",
        _no_dense_decoder, by_decoder,
    ),
}  # fmt: skip
