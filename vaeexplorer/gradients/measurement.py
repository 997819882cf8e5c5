"""One estimator at a frozen model: replicates of its gradient, and the record of what they say as they grow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from vaeexplorer.distributions import BernoulliLatent
from vaeexplorer.gradients import decoder_weights, weights
from vaeexplorer.gradients.at_model import Factorised, frozen, latents_of, parameters, prepared
from vaeexplorer.gradients.exact import Truth
from vaeexplorer.gradients.registry import ESTIMATORS, SLOPE
from vaeexplorer.gradients.spread import (
    Bias,
    Compared,
    Coordinates,
    Kernel,
    Product,
    Spread,
    bias,
    cosines,
    mean_and_variance,
    settled,
    skewness,
    spread,
)
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import GradientDiagnostics
from vaeexplorer.vae import VAE

GROWTH = 1.5  # of the replicates between two looks at them
FEWEST_TURNS = 20.0  # expected draws of a bit's rarer value, without which its mean says nothing


@dataclass(frozen=True)
class Question:
    model: LatentModel
    x: Tensor
    q: Factorised
    replicates: int
    samples: Mapping[str, int]
    options: Mapping[str, Mapping[str, Any]]
    generator: torch.Generator
    target: str
    truth: Mapping[str, Truth] | None

    def work(self, name: str) -> float:
        """Decoder evaluations for each image."""
        return self.replicates * self.samples[name] * ESTIMATORS[name].cost

    def bound(self, name: str) -> str:
        """Which bound's gradient an estimator is for: "elbo", or "iwae 5" with the number of its samples."""
        samples = self.samples[name]
        return f"iwae {samples}" if ESTIMATORS[name].objective == "iwae" and samples > 1 else "elbo"


def by_encoder(question: Question, name: str, truths: Mapping[str, Truth]) -> Iterator[GradientDiagnostics]:
    """Replicates by q's parameters, looked at as they grow."""
    products, truth = _products(question), truths.get(question.bound(name))
    pieces, found, seen, seconds = _timed(question, name), [], 0, 0.0  # type: Any, list[Tensor], int, float
    for piece, took in pieces:
        found.append(piece)
        seconds += took
        done = sum(map(len, found))
        if done == question.replicates or (done >= 2 and done >= GROWTH * seen):
            seen = done
            yield _record(question, name, torch.cat(found), seconds, products, truth)


def _timed(question: Question, name: str) -> Iterator[tuple[Tensor, float]]:
    """The pieces on the CPU, each with the seconds spent in making it, not those of who listens."""
    draw = prepared(
        question.model, question.x, name, q=question.q, samples=question.samples[name],
        generator=question.generator, options=question.options[name],
    )  # fmt: skip
    pieces = draw(question.replicates)
    while True:
        started = time.perf_counter()
        piece = next(pieces, None)
        if piece is None:
            return
        on_cpu = piece.cpu()  # waits for a GPU as well
        yield on_cpu, time.perf_counter() - started


def _products(question: Question) -> dict[str, Product]:
    """Part -> its inner product, "total" at last."""
    if question.target == "outputs":
        return _of_outputs(latents_of(question.model), question.model.latent_dim)
    with frozen(question.model):
        tables = weights.encoder_kernels(_network(question.model, "encoder"), question.x)
    kernels = {name: table.detach().cpu().double() for name, table in tables.items()}
    total = torch.stack(list(kernels.values())).sum(0)
    return {name: Kernel(table) for name, table in (kernels | {"total": total}).items()}


def _of_outputs(latents: str, dims: int) -> dict[str, Product]:
    names = PARTS[latents]
    each = torch.eye(len(names), dtype=torch.float64).repeat_interleave(dims, 1)
    chosen = dict(zip(names, each, strict=True)) | {"total": each.sum(0)}
    return {name: Coordinates(mask) for name, mask in chosen.items()}


def _record(
    question: Question, name: str, values: Tensor, seconds: float, products: Mapping[str, Product],
    truth: Truth | None,
) -> GradientDiagnostics:  # fmt: skip
    spreads = {part: spread(values, product) for part, product in products.items()}
    evaluations = ESTIMATORS[name].cost * question.samples[name]
    record = _summary(question, name, spreads, evaluations, seconds, shared=question.target == "encoder")
    mean, variance = mean_and_variance(values)
    record = replace(record, mean=mean.numpy())
    if truth is None:
        return record
    exact, squared = truth.gradient.double().cpu(), truth.stderr.double().cpu() ** 2
    counted = settled(values) & _lively(question, name, len(values))
    found = (_bias_of_weights if question.target == "encoder" else _bias_of_outputs)(question, values, truth, counted)
    both = cosines(values, exact, products["total"]) or (None, None)
    own = (variance / len(values)).sum().item()
    return replace(
        record, truth=exact.numpy(), truth_stderr=squared.sqrt().numpy(), how=truth.how,
        reference_share=squared.sum().item() / max(squared.sum().item() + own, 1e-300),
        largest_z=found.largest if counted.any() else None, z_limit=found.limit if counted.any() else None,
        unsettled=int((~counted).sum()), cosine=both[0], cosine_of_one=both[1],
    )  # fmt: skip


def _lively(question: Question, name: str, replicates: int) -> Tensor:
    """Which of q's parameters (B, O) have had the draws that decide them: bits that hardly ever turn have not."""
    q = question.q
    if not isinstance(q, BernoulliLatent):
        return torch.ones(parameters(q).shape, dtype=torch.bool)
    rarer = torch.sigmoid(-q.logits.double().abs()).cpu()
    return replicates * question.samples[name] * rarer >= FEWEST_TURNS


def _summary(
    question: Question, name: str, spreads: Mapping[str, Spread], evaluations: float, seconds: float, shared: bool
) -> GradientDiagnostics:
    """What holds for every target. shared: the images share what the gradient is by."""
    chosen, total = ESTIMATORS[name], spreads["total"]
    return GradientDiagnostics(
        estimator=name, title=chosen.title, unbiased=chosen.unbiased, target=question.target,
        objective=chosen.objective, samples=question.samples[name], replicates=total.replicates,
        asked=question.replicates, images=len(question.x), mean=None,
        variance={part: found.interval() for part, found in spreads.items()},
        resolution=total.error / total.variance if total.variance > 0 else 0.0,
        largest_share=total.largest, signal_to_noise=total.signal_to_noise(), evaluations=evaluations,
        seconds=seconds, between_images=total.between_images() if shared else None,
    )  # fmt: skip


def _bias_of_outputs(question: Question, values: Tensor, truth: Truth, counted: Tensor) -> Bias:
    mean, variance = mean_and_variance(values)
    squared = variance / len(values) + truth.stderr.double().cpu() ** 2
    columns = (mean, truth.gradient.double().cpu(), squared, skewness(values))
    scale = max(1.0, values.abs().max().item())
    return bias([Compared(*(column[counted] for column in columns))], scale, values.dtype, len(values))


def _bias_of_weights(question: Question, values: Tensor, truth: Truth, counted: Tensor) -> Bias:
    """Of every weight of the encoder: means and truth go the same way to them, and so do their errors; their skewness
    is at most that of the outputs.
    """
    encoder, x = _network(question.model, "encoder"), question.x
    mask = counted.to(x)
    exact, stderr = truth.gradient.to(x) * mask, truth.stderr.to(x) * mask
    with frozen(question.model):
        found = weights.encoder_moments(encoder, x, values.to(x) * mask)
        known = weights.through_encoder(encoder, x, exact, torch.diag_embed(stderr))
    skew = (skewness(values).abs() * counted).max().to(x.device)
    compared = [
        Compared(one.mean, other.mean, one.variance / len(values) + other.variance, skew)
        for one, other in zip(found, known, strict=True)
    ]
    scale = max((moment.variance.sqrt() + moment.mean.abs()).max().item() for moment in found)
    return bias(compared, scale, values.dtype, len(values))


def by_decoder(question: Question, name: str, truths: Mapping[str, Truth]) -> Iterator[GradientDiagnostics]:
    """Replicates by the decoder's weights, looked at as they grow."""
    assert isinstance(question.model, VAE)  # as the target's problem has made sure
    samples = question.samples[name]
    found = decoder_weights.looks(
        question.model, question.x, question.q, ESTIMATORS[name].objective, replicates=question.replicates,
        samples=samples, generator=question.generator,
    )  # fmt: skip
    for look in found:
        yield _summary(question, name, look.spreads, SLOPE * samples, look.seconds, shared=True)


def _network(model: LatentModel, name: str) -> nn.Sequential:
    network = getattr(model, name, None)
    assert isinstance(network, nn.Sequential)  # as the target's problem has made sure
    return network


PARTS: dict[str, tuple[str, ...]] = {"gaussian": ("loc", "log_scale"), "bernoulli": ("logits",)}
