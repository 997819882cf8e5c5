"""The variance of the gradient by every weight of a dense decoder, whose inputs are as random as its outputs.

One replicate's gradient by a layer is sum_s w_s delta_s h_s' over its samples; its square length needs products of the
deltas and of the h only, and its mean over replicates is one matrix product. The error of what comes of them is taken
from batches of replicates, each of which says it alone.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from vaeexplorer.gradients.at_model import ROWS, Factorised, draws_of, frozen, parameters, value_of
from vaeexplorer.gradients.expectations import Draws
from vaeexplorer.gradients.many_samples import log_weights
from vaeexplorer.gradients.registry import Objective
from vaeexplorer.gradients.spread import Spread
from vaeexplorer.gradients.weights import dense_layers, layer_names
from vaeexplorer.vae import VAE

BATCHES = 16


@dataclass(frozen=True)
class Look:
    """Layer -> Spread, "total" at last, and the seconds that the replicates so far took, without looking at them."""

    spreads: dict[str, Spread]
    seconds: float


def looks(
    model: VAE, x: Tensor, q: Factorised, objective: Objective, *, replicates: int, samples: int,
    generator: torch.Generator,
) -> Iterator[Look]:  # fmt: skip
    """Of the gradient by every weight of a dense decoder, after 1, 2, 4, ... batches and at last all replicates (>= 2).

    The gradient is that of mean_s log p(x|z_s); for the objective "iwae" the samples are weighted by their normalised
    importance weights instead.
    Error: of variance and signal, by what batches of two or more replicates say alone; infinite after the first.
    """
    count, seconds = max(1, min(BATCHES, replicates // 2)), 0.0
    batches: list[_Batch] = []
    everything: list[_Batch] = []  # of each image: one that holds all replicates
    for number in range(count):
        started = time.perf_counter()
        size = replicates // count + (number < replicates % count)
        with frozen(model):
            found = _images(model, x, q, objective, size, samples, generator)
        seconds += time.perf_counter() - started
        everything = [old.joined(new) for old, new in zip(everything, found, strict=True)] if everything else found
        batches.append(_of_all(found))
        if number + 1 == count or (number & (number + 1)) == 0:
            yield Look(_spreads(batches, everything), seconds)


@dataclass(frozen=True)
class _Batch:
    """Sums over replicates: gradient, layer -> (O, I + 1), the bias as the last column; squares, of their lengths, with
    the largest; variance, layer -> the trace of the covariance of one, mean over images, where it was found.
    """

    replicates: int
    gradient: dict[str, Tensor]
    squares: dict[str, float]
    largest: dict[str, float]
    variance: dict[str, float]

    def joined(self, other: _Batch) -> _Batch:
        return _Batch(
            self.replicates + other.replicates,
            {name: self.gradient[name] + other.gradient[name] for name in self.gradient},
            {name: self.squares[name] + other.squares[name] for name in self.squares},
            {name: max(self.largest[name], other.largest[name]) for name in self.largest},
            {},
        )

    def mean_square(self, name: str) -> float:
        """The square length of the mean gradient."""
        return _dot(self.gradient[name], self.gradient[name]) / self.replicates**2

    def scatter(self, name: str) -> float:
        """The trace of the covariance of one replicate."""
        count = self.replicates
        return (self.squares[name] - count * self.mean_square(name)) / (count - 1)


def _of_all(images: Sequence[_Batch]) -> _Batch:
    """Images together: their gradients added up, of their variances the mean."""
    first = images[0]
    return _Batch(
        first.replicates,
        {name: torch.stack([image.gradient[name] for image in images]).sum(0) for name in first.gradient},
        {},
        {},
        {name: statistics.fmean(image.scatter(name) for image in images) for name in first.gradient},
    )


def _images(
    model: VAE, x: Tensor, q: Factorised, objective: Objective, replicates: int, samples: int,
    generator: torch.Generator,
) -> list[_Batch]:  # fmt: skip
    """The sums of each image, some images and replicates at a time."""
    together = max(1, min(len(x), ROWS // samples))
    size = max(1, ROWS // (samples * together))
    parts = [min(size, replicates - done) for done in range(0, replicates, size)]
    batches = []
    for start in range(0, len(x), together):
        images = slice(start, start + together)
        of = type(q).from_encoder(parameters(q)[images])
        pieces = [_piece(model, x[images], of, objective, rows, samples, generator) for rows in parts]
        batches += [reduce(_Batch.joined, column) for column in zip(*pieces, strict=True)]
    return batches


def _piece(
    model: VAE, x: Tensor, q: Factorised, objective: Objective, replicates: int, samples: int,
    generator: torch.Generator,
) -> list[_Batch]:  # fmt: skip
    """The sums of each of these images, all at once."""
    draws = draws_of(q, value_of(model, x, objective), replicates, samples, generator)
    batches = [_Batch(replicates, {}, {}, {}, {}) for _ in x]
    for name, delta, h in reversed(list(_layers(model, x, draws, _weights(draws, objective)))):
        # |sum_s delta_s h_s'|^2 = sum_st (delta_s delta_t') (h_s h_t')
        alike = torch.einsum("rsbo,rtbo->brst", delta, delta) * torch.einsum("rsbi,rtbi->brst", h, h)
        lengths = alike.double().sum((-2, -1))  # (B, R)
        for image, batch in enumerate(batches):
            batch.gradient[name] = delta[:, :, image].flatten(0, 1).T @ h[:, :, image].flatten(0, 1)
            batch.squares[name] = lengths[image].sum().item()
            batch.largest[name] = lengths[image].max().item()
    return batches


def _weights(draws: Draws, objective: Objective) -> Tensor:
    """Of the samples of a replicate, (R, S, B)."""
    if objective == "iwae":
        return torch.softmax(log_weights(draws), 1)
    return torch.full(draws.noise.shape[:-1], 1 / draws.noise.shape[1]).to(draws.noise)


def _layers(model: VAE, x: Tensor, draws: Draws, weights: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
    """From the last layer to the first: its name, w delta (R, S, B, O), and its input with a 1 (R, S, B, I + 1)."""
    shape, z = weights.shape, draws.z.flatten(0, 1)
    layers, names = dense_layers(model.decoder, z.flatten(0, 1)), layer_names(model.decoder)
    with torch.enable_grad():
        outputs = model.decoder_outputs(z).detach().requires_grad_()
        value = (model.likelihood.log_prob(outputs, x) * weights.flatten(0, 1)).sum()
        (slope,) = torch.autograd.grad(value, outputs)
    delta = slope.reshape(math.prod(shape), -1)
    for layer in reversed(layers):
        if layer.slope is not None:
            delta = delta * layer.slope
        h = torch.cat([layer.inputs, torch.ones_like(layer.inputs[:, :1])], 1)
        yield names[layer.number], delta.unflatten(0, shape), h.unflatten(0, shape)
        delta = delta @ layer.module.weight


def _spreads(batches: Sequence[_Batch], images: Sequence[_Batch]) -> dict[str, Spread]:
    names = list(images[0].gradient)
    parts = {name: _spread(batches, images, [name]) for name in names}
    return parts | {"total": _spread(batches, images, names)}


def _spread(batches: Sequence[_Batch], images: Sequence[_Batch], names: Sequence[str]) -> Spread:
    """Of some layers together."""
    variances = [sum(batch.variance[name] for name in names) for batch in batches]
    count, variance = images[0].replicates, statistics.fmean(variances)
    noise = variance * len(images)
    means = [torch.cat([batch.gradient[name].flatten() for name in names]) / batch.replicates for batch in batches]
    raw, signal, signal_error = _signal(means, noise / count)
    squares = sum(image.squares[name] for image in images for name in names)
    return Spread(
        variance=variance,
        error=statistics.stdev(variances) / math.sqrt(len(batches)) if len(batches) > 1 else math.inf,
        signal=signal, signal_error=signal_error, noise=noise, raw=raw,
        alone=statistics.fmean(sum(image.mean_square(name) for name in names) for image in images),
        largest=max(sum(image.largest[name] for name in names) for image in images) / max(squares, 1e-300),
        replicates=count, images=len(images),
    )  # fmt: skip


def _signal(means: Sequence[Tensor], noise: float) -> tuple[float, float, float]:
    """|E g|^2 as it is seen, corrected for noise, and the standard error of that, from means of batches of g.

    Products of different batches have no noise in their expectation; the error by leaving each out in turn (jackknife).
    """
    count, total = len(means), torch.stack(list(means)).sum(0)
    square, own = _dot(total, total), [_dot(mean, mean) for mean in means]
    raw = square / count**2
    if count < 3:
        return raw, raw - noise, math.inf
    rest = square - sum(own)
    without = [
        (rest - 2 * _dot(mean, total) + 2 * o) / ((count - 1) * (count - 2)) for mean, o in zip(means, own, strict=True)
    ]
    error = statistics.stdev(without) * (count - 1) / math.sqrt(count)
    return raw, rest / (count * (count - 1)), error


def _dot(first: Tensor, second: Tensor) -> float:
    return (first.double() * second.double()).sum().item()
