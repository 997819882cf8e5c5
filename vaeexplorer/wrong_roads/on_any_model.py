"""Wrong roads that any model of x and z can be sent down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.bounds import METHODS, estimate_log_marginal, log_weights
from vaeexplorer.latent_model import ExactModel, LatentModel
from vaeexplorer.numerics import effective_sample_size, logmeanexp
from vaeexplorer.records import FEWEST_EFFECTIVE
from vaeexplorer.wrong_roads.outcome import Outcome, Truth, log_mean_of, mean_of

BLOCK = 10  # draws in one printed bound, as in the reference
COUNTS = (1, 2, 5, 10, 100)
ROWS = 1000  # decoder rows at a time
QUICK = ("grid", "enumeration", "iwae")  # what gives the truth: the first that applies


@torch.no_grad()
def log_inside(
    model: LatentModel, x: Tensor, samples: int, generator: torch.Generator, truth: Truth | None = None
) -> Outcome:
    """log p(x) "=" E_p(z)[log p(x|z)], as the question (003) has it, against log E_p(z)[p(x|z)].

    By Jensen's inequality the first is a lower bound: the ELBO with q = prior, low by KL(p(z) || p(z|x)). A model
    that is trained with it does best to ignore z.   Source: 003, the question; its answer says why.
    """
    model.check(x := x[:1])
    values = torch.cat(list(_prior_terms(model, x, samples, generator)))
    effective = effective_sample_size(values[:, None]).item()
    note = f"Behind the right formula stand {effective:,.1f} effective draws of {samples:,}"
    correct, stderr = log_mean_of(values)
    if effective < FEWEST_EFFECTIVE:
        stderr, note = math.inf, f"{note}, too few for an error bar; its mean is a lower bound"
    limit = _elbo(model, x, model.prior.as_posterior(model.posterior(x).mean))
    truth = truth or truth_of(model, x, generator)
    return Outcome("this model", truth, *mean_of(values), correct, stderr, limit, note=note + ".")


@torch.no_grad()
def printed_bound(
    model: LatentModel, x: Tensor, samples: int, generator: torch.Generator, truth: Truth | None = None
) -> Outcome:
    """-log M + sum_m log w_m, as the notes (002) have it, against -log M + log sum_m w_m, with M = 10 draws of q.

    Wrong twice: the ELBO is (1/M) sum log w, without -log M, and the bound of Burda et al. 2016 has the logarithm
    outside the sum. The printed one has the mean M ELBO - log M: it falls without end, the more draws, the lower.
    Raises: ValueError for fewer than 10 samples.   Source: 002, the line after "provides a lower bound".
    """
    if samples < BLOCK:
        raise ValueError(f"expected at least {BLOCK} samples for a bound of {BLOCK} draws, got {samples}")
    model.check(x := x[:1])
    weights = torch.cat(list(_weights(model, x, samples, generator)))
    blocks = _blocks(weights, BLOCK)
    printed, correct = mean_of(blocks.sum(1) - math.log(BLOCK)), mean_of(logmeanexp(blocks, 1))
    counts = [count for count in COUNTS if 2 * count <= samples]
    table = tuple((count, *mean_of(_blocks(weights, count).sum(1) - math.log(count))) for count in counts)
    words = "The printed bound for M draws: its mean is M · ELBO - log M."
    elbo = _elbo(model, x, model.posterior(x))
    limit = None if elbo is None else BLOCK * elbo - math.log(BLOCK)
    truth = truth or truth_of(model, x, generator)
    return Outcome("this model", truth, *printed, *correct, limit, table, words, f"M = {BLOCK}.")


def truth_of(model: LatentModel, x: Tensor, generator: torch.Generator) -> Truth:
    """The best quick number for log p(x) of one image: exact where there is one, else by the first of QUICK."""
    if isinstance(model, ExactModel):
        return Truth(model.log_marginal(x).item())
    name = next(name for name in QUICK if METHODS[name].problem(model) is None)
    record = estimate_log_marginal(model, x, name, generator=generator)
    return Truth(float(record.value[0]), float(record.stderr[0]), record.kind, record.method)


def _elbo(model: LatentModel, x: Tensor, q: Any) -> float | None:
    """In closed form, where there is one."""
    return model.elbo(x, q).item() if isinstance(model, ExactModel) else None


def _prior_terms(model: LatentModel, x: Tensor, samples: int, generator: torch.Generator) -> Iterator[Tensor]:
    """log p(x|z) of draws of the prior, float64, some at a time."""
    family = model.prior.posterior
    for size in _sizes(samples):
        noise = family.noise((size, 1, model.latent_dim), generator, model.device).to(model.dtype)
        yield model.log_likelihood(x, model.prior.sample(noise))[:, 0].double()


def _weights(model: LatentModel, x: Tensor, samples: int, generator: torch.Generator) -> Iterator[Tensor]:
    q = model.posterior(x)
    for size in _sizes(samples):
        noise = q.noise((size, *q.mean.shape), generator, model.device).to(model.dtype)
        yield log_weights(model, x, q, noise)[:, 0].double()


def _sizes(samples: int) -> list[int]:
    return [min(ROWS, samples - start) for start in range(0, samples, ROWS)]


def _blocks(values: Tensor, size: int) -> Tensor:
    """Disjoint blocks (n, size); what does not fill one is left out."""
    return values[: len(values) // size * size].reshape(-1, size)
