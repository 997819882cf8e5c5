"""Replicates of an estimator for a function of one's own: the entrance for Python."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.gradients.expectations import BernoulliDraws, Draws, Function, GaussianDraws
from vaeexplorer.gradients.registry import ESTIMATORS, POSITIVE, GradientEstimator

PILOT = 2**16  # draws, of their own, from which a baseline is computed, fewer in many dimensions
NUMBERS = 2**21  # of noise that lie in memory at a time


def gradient_samples(
    estimator: str, f: Function, loc: Tensor, log_scale: Tensor, *, replicates: int, samples: int = 1,
    generator: torch.Generator, **options: Any,
) -> Tensor:  # fmt: skip
    """Replicates of the estimated gradient of E_q f(z) by (loc, log_scale), q = N(loc, exp(log_scale)^2) diagonal.

    sticking_the_landing estimates the gradient of E_q[f(z) - log q(z)]; iwae, doubly_reparameterized and vimco that of
    E log (1/S) sum_s exp(f(z_s)) / q(z_s).

    Args: f (..., D) -> (...), differentiable by torch where the estimator needs slopes; loc, log_scale (D,);
    replicates: independent ones; samples: S draws of q for each; options: those of the estimator, such as baseline for
    score_function.
    Returns: (replicates, 2, D), in the dtype of loc: first by loc, then by log_scale.
    Error: independent replicates, so their mean's standard error is their standard deviation / sqrt(replicates).
    Raises: ValueError, one line, for an unknown estimator or one that needs other latents or more samples, shapes that
    do not fit, or an f whose values are not finite.
    Source: see ESTIMATORS; Mohamed et al. 2020 compare them.
    """
    if loc.ndim != 1 or loc.shape != log_scale.shape:
        raise ValueError(f"expected loc and log_scale (D,), got {tuple(loc.shape)} and {tuple(log_scale.shape)}")
    chosen = _alone_checked(estimator, "gaussian", replicates, samples, options)

    def draws(rows: int, each: int) -> GaussianDraws:
        noise = torch.randn((rows, each, len(loc)), generator=generator, dtype=loc.dtype, device=loc.device)
        return GaussianDraws(finite(f), loc, log_scale, noise)

    return _replicated(chosen, draws, replicates, samples, len(loc), options)


def bernoulli_gradient_samples(
    estimator: str, f: Function, logits: Tensor, *, replicates: int, samples: int = 1, generator: torch.Generator,
    **options: Any,
) -> Tensor:  # fmt: skip
    """The same for z in {0, 1}^D with q = prod Bernoulli(sigmoid(logits)) -> (replicates, D), by the logits.

    options: those of the estimator, such as temperature for gumbel_softmax.   Raises: as gradient_samples.
    """
    if logits.ndim != 1:
        raise ValueError(f"expected logits (D,), got {tuple(logits.shape)}")
    chosen = _alone_checked(estimator, "bernoulli", replicates, samples, options)

    def draws(rows: int, each: int) -> BernoulliDraws:
        noise = torch.rand((rows, each, len(logits)), generator=generator, dtype=logits.dtype, device=logits.device)
        return BernoulliDraws(finite(f), logits, noise)

    return _replicated(chosen, draws, replicates, samples, len(logits), options)


def checked(
    name: str, latents: str, replicates: int, samples: int, options: dict[str, Any] | None = None
) -> GradientEstimator:
    """The estimator of this name.   Raises ValueError, one line, if it cannot do this."""
    if name not in ESTIMATORS:
        raise ValueError(f"expected one of the estimators {', '.join(ESTIMATORS)}; got {name!r}")
    estimator = ESTIMATORS[name]
    if latents not in estimator.latents:
        fitting = ", ".join(key for key, entry in ESTIMATORS.items() if latents in entry.latents)
        raise ValueError(f"{name} needs {' or '.join(estimator.latents)} latents, these are {latents}: use {fitting}")
    for what, value, least in (("replicates", replicates, 1), ("samples", samples, estimator.fewest)):
        if not _whole(value) or value < least:
            raise ValueError(f"{name} needs {what} as a whole number of {least} or more, got {value!r}")
    for option, value in (options or {}).items():
        if option not in estimator.options:
            raise ValueError(f"{name} has no option {option}; its options: {', '.join(estimator.options) or 'none'}")
        _check_option(name, option, value)
    return estimator


def _check_option(name: str, option: str, value: Any) -> None:
    if not torch.as_tensor(value).isfinite().all() or (option in POSITIVE and not value > 0):
        raise ValueError(f"{name} needs a finite {option}{' above 0' if option in POSITIVE else ''}, got {value!r}")


def _alone_checked(
    name: str, latents: str, replicates: int, samples: int, options: dict[str, Any]
) -> GradientEstimator:
    """`checked`, for a function that stands alone: a network of the image has nothing to be learned from."""
    estimator = checked(name, latents, replicates, samples, options)
    if estimator.pilot == "network":
        raise ValueError(
            f"{name} learns its baseline from images, and a function alone has none: use "
            "score_function_mean_baseline, which is what it would learn here"
        )
    return estimator


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def finite(f: Function) -> Function:
    """f that refuses to go on with values that are not numbers."""

    def guarded(z: Tensor) -> Tensor:
        values = f(z)
        if values.shape != z.shape[:-1]:
            raise ValueError(f"expected f to map {tuple(z.shape)} to {tuple(z.shape[:-1])}, got {tuple(values.shape)}")
        if not torch.isfinite(values).all():
            raise ValueError("expected finite values of f, got NaN or infinity: the gradient has no estimate")
        return values

    return guarded


def _replicated(
    estimator: GradientEstimator, draws: Any, replicates: int, samples: int, dims: int,
    options: dict[str, Any],
) -> Tensor:  # fmt: skip
    """Some replicates at a time, so that memory stays flat."""
    options = {**estimator.options, **options}
    pilot: Draws | None = draws(1, max(1, min(PILOT, NUMBERS // dims))) if estimator.pilot == "draws" else None
    size = max(1, NUMBERS // (samples * dims))
    parts = [size] * (replicates // size) + [replicates % size] * bool(replicates % size)
    return torch.cat([estimator.run(draws(rows, samples), pilot, **options).detach() for rows in parts])
