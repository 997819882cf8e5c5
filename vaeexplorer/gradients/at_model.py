"""Replicates of an estimated gradient by q's parameters at a frozen model: what every diagnosis and sweep rests on.

For an image the objective's gradient by the encoder's outputs (q's parameters) is all that the encoder's weights get to
know of the decoder: theirs is its product with the Jacobian of the encoder, see `weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian
from vaeexplorer.gradients.baseline_network import fitted_baseline
from vaeexplorer.gradients.expectations import BernoulliDraws, Draws, Function, GaussianDraws
from vaeexplorer.gradients.registry import GradientEstimator, Objective
from vaeexplorer.gradients.samples import checked
from vaeexplorer.latent_model import LatentModel

Factorised = DiagonalGaussian | BernoulliLatent  # the q that estimators know
Replicator = Callable[[int], Tensor]  # rows -> (rows, B, O), replicates for some images
ROWS = 2000  # codes through the decoder at a time: memory stays flat
PILOT = 1000  # draws of each image, of their own, from which a baseline is computed


def local_gradients(
    model: LatentModel, x: Tensor, estimator: str, *, q: Factorised | None = None, replicates: int, samples: int = 1,
    generator: torch.Generator, options: Mapping[str, Any] | None = None,
) -> Iterator[Tensor]:  # fmt: skip
    """Replicates of the estimated gradient of each image's objective by q's parameters, some at a time.

    The objective, a bound in nats that goes up when better, is the ELBO for the "expectation" and "elbo" estimators and
    E log (1/S) sum_s p(x, z_s) / q(z_s) for the "iwae" ones.   d/dq E_q log p(x|z) (estimated) - d/dq KL (exact), etc.
    Args: model: with Gaussian or Bernoulli latents; x (B, ...) as the likelihood wants it; estimator: a key of
    ESTIMATORS; q: where to take the gradient, by default the encoder's; samples: S draws of q for each replicate;
    generator: of any device; options: of the estimator.
    Yields: (r, B, O) in the model's dtype, `replicates` in all; O: mean | log_std (2 D), or logits (D), as the encoder
    gives them. Replicates and images are independent; who stops listening cancels.
    Error: unbiased where the estimator is; what a baseline was fitted to are draws of its own.
    The model computes in evaluation mode meanwhile and is left as it was; no gradients of its weights are kept.
    Raises: ValueError, one line and at once, for what does not apply (see `problem`) or x that the model
    does not take; later if the model's values are not finite.   Source: see ESTIMATORS.
    """
    question = _question(model, x, estimator, q, replicates, samples, generator, options)
    return _lazily(question, replicates)


def prepared(
    model: LatentModel, x: Tensor, estimator: str, *, q: Factorised | None = None, samples: int = 1,
    generator: torch.Generator, options: Mapping[str, Any] | None = None,
) -> Callable[[int], Iterator[Tensor]]:  # fmt: skip
    """replicates -> what `local_gradients` yields, from a baseline that is fitted now, once."""
    question = _question(model, x, estimator, q, 1, samples, generator, options)
    return partial(_drawn, question, _replicators(question))


def latents_of(model: LatentModel) -> str:
    """ "gaussian" or "bernoulli".   Raises ValueError, one line, for other latents."""
    for family, name in LATENTS.items():
        if issubclass(model.prior.posterior, family):
            return name
    raise ValueError("gradient estimators need Gaussian or Bernoulli latents: choose a model that has them")


def problem(model: LatentModel, estimator: str, samples: int | None = None) -> str | None:
    """Why this estimator does not apply to the model (with so many samples, if they are given), in a line; or None."""
    try:
        chosen = checked(estimator, latents_of(model), 1, 2**31)
        checked(estimator, latents_of(model), 1, chosen.fewest if samples is None else samples)
    except ValueError as reason:
        return str(reason)
    return None


def q_of(model: LatentModel, x: Tensor, q: Any = None) -> Factorised:
    """q, or the encoder's where there is none, without a graph.

    Raises ValueError, one line, for x that the model does not take, a q that does not fit, or one that is not finite.
    """
    model.check(x)
    with frozen(model):
        found = model.posterior(x) if q is None else q
        if type(found) not in LATENTS or not issubclass(model.prior.posterior, type(found)):
            words = f"gradient estimators need a q without correlations for this model, got {type(found).__name__}"
            raise ValueError(words)
        if tuple(found.mean.shape) != (len(x), model.latent_dim):
            raise ValueError(f"expected q of shape {(len(x), model.latent_dim)}, got {tuple(found.mean.shape)}")
        return type(found).from_encoder(_sound(parameters(found).clone()))


def value_of(model: LatentModel, x: Tensor, objective: Objective) -> Function:
    """f (..., B, D) -> (..., B) in nats, some rows at a time where no slopes are wanted: log p(x|z), or log p(x, z).

    Raises ValueError where it is not finite.
    """
    density: Callable[[Tensor, Tensor], Tensor] = getattr(model, DENSITIES[objective])

    def value(z: Tensor) -> Tensor:
        rows = z.reshape(-1, *z.shape[-2:])
        parts = (rows,) if torch.is_grad_enabled() else rows.split(max(1, ROWS // len(x)))
        return _sound(torch.cat([density(x, part) for part in parts]).reshape(z.shape[:-1]))

    return value


def kl_gradient(model: LatentModel, q: Factorised) -> Tensor:
    """d KL(q(z|x) || p(z)) / d(q's parameters), (B, O), exact."""
    with torch.enable_grad():
        outputs = parameters(q).clone().requires_grad_()
        kl = model.prior.kl_per_dimension(type(q).from_encoder(outputs))
        (gradient,) = torch.autograd.grad(kl.sum(), outputs)
    return gradient


def parameters(q: Factorised) -> Tensor:
    """q's parameters as an encoder gives them, (B, O), without a graph."""
    columns = [q.logits] if isinstance(q, BernoulliLatent) else [q.mean, q.log_std]
    return torch.cat([column.detach() for column in columns], -1)


def draws_of(q: Factorised, f: Function, rows: int, samples: int, generator: torch.Generator) -> Draws:
    """`rows` replicates of `samples` draws of q for every image."""
    shape, like = (rows, samples, *q.mean.shape), q.mean
    made = (torch.rand if isinstance(q, BernoulliLatent) else torch.randn)(
        shape, generator=generator, dtype=like.dtype, device=generator.device
    )
    noise = made.to(like.device)
    if isinstance(q, BernoulliLatent):
        return BernoulliDraws(f, q.logits.detach(), noise)
    return GaussianDraws(f, q.mean.detach(), q.log_std.detach(), noise)


@contextmanager
def frozen(model: LatentModel) -> Iterator[None]:
    """The model in evaluation mode, nothing of it kept for a derivative; it is left as it was."""
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()  # type: ignore[attr-defined]
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        if training:
            model.train()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Question:
    model: LatentModel
    x: Tensor
    q: Factorised
    estimator: GradientEstimator
    samples: int
    generator: torch.Generator
    options: Mapping[str, Any]

    def of(self, images: slice) -> _Question:
        """The same of some of the images."""
        part = type(self.q).from_encoder(parameters(self.q)[images])
        options = {name: v[images] if isinstance(v, Tensor) else v for name, v in self.options.items()}
        return replace(self, x=self.x[images], q=part, options=options)

    @property
    def value(self) -> Function:
        return value_of(self.model, self.x, self.estimator.objective)


def _question(
    model: LatentModel, x: Tensor, estimator: str, q: Factorised | None, replicates: int, samples: int,
    generator: torch.Generator, options: Mapping[str, Any] | None,
) -> _Question:  # fmt: skip
    chosen = checked(estimator, latents_of(model), replicates, samples, dict(options or {}))
    q = q_of(model, x, q)
    return _Question(model, x.clone() if x.is_inference() else x, q, chosen, samples, generator, options or {})


def _lazily(question: _Question, replicates: int) -> Iterator[Tensor]:
    yield from _drawn(question, _replicators(question), replicates)


def _replicators(question: _Question) -> list[Replicator]:
    """One for each group of images that goes through the decoder together."""
    images = max(1, min(len(question.x), ROWS // question.samples))
    with frozen(question.model):
        return [_replicator(question.of(slice(start, start + images))) for start in range(0, len(question.x), images)]


def _drawn(question: _Question, runs: list[Replicator], replicates: int) -> Iterator[Tensor]:
    size = max(1, ROWS * len(runs) // (question.samples * len(question.x)))
    for done in range(0, replicates, size):
        with frozen(question.model):
            piece = torch.cat([run(min(size, replicates - done)) for run in runs], 1)
        yield _sound(piece)


def _replicator(question: _Question) -> Replicator:
    """The pilot, if one is needed, is drawn once, here."""
    chosen, value, q = question.estimator, question.value, question.q
    options = {**chosen.options, **question.options}
    pilot = _pilot(question)
    known = kl_gradient(question.model, q) if chosen.objective == "expectation" else 0.0

    def run(rows: int) -> Tensor:
        draws = draws_of(q, value, rows, question.samples, question.generator)
        estimate = chosen.run(draws, pilot, **options).detach()
        return estimate.reshape(rows, len(question.x), -1) - known

    return run


def _pilot(question: _Question) -> Draws | Tensor | None:
    """What the estimator asks for: draws of their own with f known, the values (B,) of a network fitted to such draws,
    or nothing.
    """
    kind = question.estimator.pilot
    if not kind:
        return None
    draws = draws_of(question.q, question.value, 1, PILOT, question.generator)
    values = draws.values()
    if kind == "network":
        return fitted_baseline(question.x, values[0], question.generator)
    return replace(draws, f=lambda z: values)


def _sound(values: Tensor) -> Tensor:
    if not torch.isfinite(values).all():
        raise ValueError(
            "the model has diverged: it gives NaN or infinity for these images, so its gradient has no estimate"
        )
    return values


LATENTS: dict[type[Factorised], str] = {DiagonalGaussian: "gaussian", BernoulliLatent: "bernoulli"}
DENSITIES: dict[Objective, str] = {"expectation": "log_likelihood", "elbo": "log_joint", "iwae": "log_joint"}
