"""The true gradient of a bound by q's parameters: what the mean of an unbiased estimator must be.

Shapes: (B, O), O: mean | log_std (2 D), or logits (D), as the encoder gives them. The exact variances are in
`score_moments`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaeexplorer.bounds.tables import in_double
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.gradients.at_model import (
    Factorised,
    frozen,
    kl_gradient,
    latents_of,
    local_gradients,
    parameters,
    q_of,
)
from vaeexplorer.gradients.registry import Objective
from vaeexplorer.gradients.score_moments import SUMS, Sums, double_q, way_of
from vaeexplorer.latent_model import ExactModel, LatentModel

How = Literal["closed form", "enumeration", "quadrature", "reference"]

REFERENCE = 20_000  # draws of q behind a reference
FEWEST = 1000  # replicates of one, however many draws each takes


@dataclass(frozen=True)
class Truth:
    """gradient, stderr (B, O): float64 on the CPU; nats per unit of the parameter; the bound goes up along it.

    how: "closed form" and "enumeration" are exact (stderr 0); the stderr of "quadrature" is its numerical error, the
    change by the last halving of its spacing; "reference" is a mean of draws with its standard error.
    """

    gradient: Tensor
    stderr: Tensor
    how: How


ExactStage = tuple[float, str, Truth | None]


def exact_gradient(
    model: LatentModel, x: Tensor, *, q: Factorised | None = None, objective: Objective = "expectation",
    samples: int = 1, generator: torch.Generator, reference: int = REFERENCE,
) -> Truth:  # fmt: skip
    """The gradient of each image's bound by q's parameters; see `exact_stages`."""
    *_, (_, _, truth) = exact_stages(
        model, x, q=q, objective=objective, samples=samples, generator=generator, reference=reference
    )
    assert truth is not None
    return truth


def exact_bound_gradient(
    model: LatentModel, x: Tensor, samples: int, *, q: Factorised | None = None, generator: torch.Generator,
    reference: int = REFERENCE,
) -> Truth:  # fmt: skip
    """The same of E log (1/K) sum_k p(x, z_k) / q(z_k), K = samples."""
    return exact_gradient(
        model, x, q=q, objective="iwae", samples=samples, generator=generator, reference=reference
    )  # fmt: skip


def exact_stages(
    model: LatentModel, x: Tensor, *, q: Factorised | None = None, objective: Objective = "expectation",
    samples: int = 1, generator: torch.Generator, reference: int = REFERENCE,
) -> Iterator[ExactStage]:  # fmt: skip
    """d bound / d(q's parameters) of each image, telling how far it is; leave the loop to cancel.

    The bound is the ELBO for the objectives "expectation" and "elbo", whose estimators have the same mean, and for
    "iwae" E log (1/K) sum_k p(x, z_k) / q(z_k) with K = samples, which for K = 1 is the ELBO again.
    Args: x (B, ...) as the likelihood wants it; q: where, by default the encoder's; reference: draws of q for each
    image where there is no other way.
    Yields: (share of the work done, words, None), at last with the Truth.
    Error: see Truth and `how_exact`. Values are in float64, those of a reference in the model's dtype.
    Raises: ValueError, one line, for other latents than Gaussian and Bernoulli ones, a q with correlations, x that the
    model does not take, or values that are not finite.
    """
    how = how_exact(model, objective, samples)
    found = q_of(model, x, q)
    question = _Question(model, x, found, objective, samples, generator, reference)
    return _WAYS[how](question)


def how_exact(model: LatentModel, objective: Objective = "expectation", samples: int = 1) -> How:
    """Which way `exact_stages` goes."""
    gaussian = latents_of(model) == "gaussian"
    if objective == "iwae" and samples > 1:
        return "reference"
    if gaussian and isinstance(model, ExactModel):
        return "closed form"
    return way_of(model) or "reference"


@dataclass(frozen=True)
class _Question:
    model: LatentModel
    x: Tensor
    q: Factorised
    objective: Objective
    samples: int
    generator: torch.Generator
    reference: int


def _in_closed_form(question: _Question) -> Iterator[ExactStage]:
    """Exact models know their ELBO under every Gaussian q: its derivative."""
    model = question.model
    assert isinstance(model, ExactModel)
    with frozen(question.model), torch.enable_grad():
        outputs = parameters(question.q).double().requires_grad_()
        elbo = model.elbo(question.x, DiagonalGaussian.from_encoder(outputs))
        (gradient,) = torch.autograd.grad(elbo.sum(), outputs)
    yield 1.0, "in closed form", Truth(gradient.cpu(), torch.zeros_like(gradient).cpu(), "closed form")


def _by_sums(question: _Question) -> Iterator[ExactStage]:
    way = way_of(question.model)
    assert way is not None
    sums, error = yield from SUMS[way](question.model, question.x, question.q)
    yield 1.0, f"by {way}", _elbo_gradient(question, sums, error, way)


def _elbo_gradient(question: _Question, sums: Sums, error: Tensor, how: How) -> Truth:
    """grad E_q log p(x|z) - grad KL."""
    twin = in_double(question.model)
    with frozen(twin):
        known = kl_gradient(twin, double_q(question.q, twin))
    return Truth((sums.moments().gradient - known.cpu()), error.cpu(), how)


def _by_draws(question: _Question) -> Iterator[ExactStage]:
    """The mean of an unbiased estimator of little variance over many draws, with its standard error."""
    one = question.objective != "iwae" or question.samples == 1
    name = _REFERENCES[one, latents_of(question.model)]
    samples = 1 if one else question.samples
    replicates = max(FEWEST, question.reference // samples)
    pieces = local_gradients(
        question.model, question.x, name, q=question.q, replicates=replicates, samples=samples,
        generator=question.generator,
    )  # fmt: skip
    found = _Running()
    for piece in pieces:
        found.add(piece.cpu().double())
        yield found.count / replicates, f"reference: {found.count:,} of {replicates:,} replicates", None
    yield 1.0, "by reference", Truth(found.mean, found.stderr, "reference")


class _Running:
    """Mean and standard error of replicates (R, B, O) that come in pieces, float64."""

    def __init__(self) -> None:
        self.count = 0
        self.shift = self.total = self.squares = self.largest = torch.zeros(())

    def add(self, piece: Tensor) -> None:
        if not self.count:
            self.shift = piece.mean(0)  # squares about a value nearby lose no digits
        off = piece - self.shift
        self.total, self.squares = self.total + off.sum(0), self.squares + (off**2).sum(0)
        self.largest = torch.maximum(self.largest, off.abs().max())
        self.count += len(piece)

    @property
    def mean(self) -> Tensor:
        return self.shift + self.total / self.count

    @property
    def stderr(self) -> Tensor:
        """Also as if one more replicate had had the largest value seen: a bit that was never drawn is not known
        without error.
        """
        variance = (self.squares / self.count - (self.total / self.count) ** 2).clamp_min(0)
        return (variance / (self.count - 1) + (self.largest / self.count) ** 2).sqrt()


_WAYS: dict[How, Callable[[_Question], Iterator[ExactStage]]] = {
    "closed form": _in_closed_form,
    "enumeration": _by_sums,
    "quadrature": _by_sums,
    "reference": _by_draws,
}
# (one sample: the ELBO, latents) -> the estimator
_REFERENCES = {
    (True, "gaussian"): "sticking_the_landing",
    (True, "bernoulli"): "disarm",
    (False, "gaussian"): "doubly_reparameterized",
    (False, "bernoulli"): "vimco",
}
