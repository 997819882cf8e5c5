"""log p(x) by several methods, each with its error and its diagnostics; METHODS is their registry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from vaeexplorer.bounds import ais, enumeration, exact, grid, refined
from vaeexplorer.bounds.importance import IWAE, PRIOR, iwae, iwae_bound, log_weights
from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import LogMarginal

__all__ = ["METHODS", "Method", "Stage", "estimate_log_marginal", "iwae", "iwae_bound", "log_weights", "stages"]


def stages(
    model: LatentModel,
    x: Tensor,
    method: str,
    *,
    samples: int | None = None,
    generator: torch.Generator,
    keep_weights: bool = False,
    **options: Any,
) -> Iterator[Stage]:
    """One method at work: how far it is and the record so far; leave the loop (or close the iterator) to cancel.

    Args: x (B, ...) as the likelihood wants it (see VAE.binarized); method: a key of METHODS; samples: draws of z,
    chains or points per axis behind each value, exactly (the method's default where None; enumeration and exact have
    nothing to choose); keep_weights: the record holds the log-weights, where the method has any; options: the method's.
    Yields: Stages; the record of each is a LogMarginal (B,) in float64 nats, the last one complete.
    The model computes in evaluation mode and without gradients of its parameters meanwhile, and is left as it was.
    Raises: ValueError, one line and at once, if the method is unknown or does not apply, if samples is not a whole
    number of 1 or more, if an option is unknown, or if x is not what the model takes (shape, NaN, grey values).
    """
    chosen = _method(model, method)
    samples = _whole(samples, chosen, method)
    _known(options, chosen, method)
    _random(generator)
    model.check(x)
    if not len(x):
        raise ValueError("expected one image or more, got none: give x of shape (B, ...) with B >= 1")
    how = {"samples": samples, "generator": generator, "keep_weights": keep_weights, **chosen.options, **options}
    return _at_work(model, x, method, chosen, how)


def estimate_log_marginal(
    model: LatentModel,
    x: Tensor,
    method: str,
    *,
    samples: int | None = None,
    generator: torch.Generator,
    **options: Any,
) -> LogMarginal:
    """log p(x) of each image by one method: the complete record, value and stderr (B,) in nats; see `stages`."""
    *_, last = stages(model, x, method, samples=samples, generator=generator, **options)
    assert last.record is not None  # the last stage of every method
    return last.record


@torch.inference_mode(False)  # a method may need gradients of z, and nothing made in inference mode gives them
@torch.no_grad()
def _at_work(model: LatentModel, x: Tensor, name: str, method: Method, how: Mapping[str, Any]) -> Iterator[Stage]:
    """The method's stages with its name and the seconds spent in it, not those that the listener took."""
    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    x = x.clone() if x.is_inference() else x
    seconds, started = 0.0, time.perf_counter()
    try:
        for stage in method.run(model, x, **how):
            seconds += time.perf_counter() - started
            record = stage.record and replace(stage.record, method=name, seconds=seconds)
            yield replace(stage, record=record)
            started = time.perf_counter()
    finally:
        if isinstance(model, nn.Module):
            model.train(training)


def _method(model: LatentModel, name: str) -> Method:
    if name not in METHODS:
        raise ValueError(f"expected one of the methods {', '.join(METHODS)}; got {name!r}")
    problem = METHODS[name].problem(model)
    if problem is not None:
        raise ValueError(problem)
    return METHODS[name]


def _whole(samples: Any, method: Method, name: str) -> int:
    """The number of samples, checked, also where the method has no use for it."""
    if samples is None:
        return method.samples or 1
    whole = isinstance(samples, Integral) and not isinstance(samples, bool)
    if not whole or not method.least <= samples <= method.most:
        limits = f"a whole number from {method.least:,} to {method.most:,}"
        raise ValueError(f"expected {limits} for samples ({method.counted}) of {name}, got {samples!r}")
    return int(samples)


def _random(generator: Any) -> None:
    if not isinstance(generator, torch.Generator):
        given = type(generator).__name__
        raise ValueError(f"expected a generator, got {given}: give torch.Generator().manual_seed(0)")


def _known(options: Mapping[str, Any], method: Method, name: str) -> None:
    unknown = sorted(set(options) - set(method.options))
    if unknown:
        known = ", ".join(method.options) or "none"
        raise ValueError(f"the method {name} has no option {', '.join(unknown)}; its options: {known}")


METHODS: dict[str, Method] = {
    "prior": PRIOR,
    "iwae": IWAE,
    "refined": refined.METHOD,
    "ais": ais.METHOD,
    "grid": grid.METHOD,
    "enumeration": enumeration.METHOD,
    "exact": exact.METHOD,
}
