"""log p(x) of a model with Bernoulli latents by adding up all of its codes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds.importance import PAUSE
from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.bounds.tables import codes_at_a_time, in_double, joint_table
from vaeexplorer.distributions import BernoulliLatent
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import LogMarginal

MOST_BITS = 16


def run(model: LatentModel, x: Tensor, **how: Any) -> Iterator[Stage]:
    """log sum_z p(x, z) over all 2^D codes, (B,), float64 throughout: exact up to rounding (stderr 0).

    Each code is decoded once for all images. `samples` and `generator` are not needed. A sum that was stopped half-way
    misses codes: a lower bound.
    """
    _refuse(model)
    twin = in_double(model)
    x = x.to(twin.device, torch.float64)
    asked, shown = 2**model.latent_dim, time.monotonic()
    total = torch.full((len(x),), -torch.inf, dtype=torch.float64, device=twin.device)
    for start in range(0, asked, codes_at_a_time(len(x))):
        z = codes(model.latent_dim, start, min(start + codes_at_a_time(len(x)), asked)).to(twin.device)
        total = torch.logaddexp(total, torch.logsumexp(joint_table(twin, x, z), 0))
        done = start + len(z)
        if done == asked or time.monotonic() - shown >= PAUSE:
            shown = time.monotonic()
            yield Stage(done / asked, f"{done:,} of {asked:,} codes", _record(total, done, asked))


def _record(total: Tensor, done: int, asked: int) -> LogMarginal:
    value = total.cpu().numpy()
    kind = "exact" if done == asked else "lower bound"
    return LogMarginal("enumeration", kind, value, np.zeros_like(value), done, asked, decodings=float(done))  # type: ignore[arg-type]


def codes(dims: int, start: int = 0, stop: int | None = None) -> Tensor:
    """Codes number start .. stop - 1 of all 2^D, (stop - start, D), float64 0 and 1; the first bit changes last."""
    numbers = torch.arange(start, 2**dims if stop is None else stop)[:, None]
    return (numbers >> torch.arange(dims - 1, -1, -1) & 1).double()


@torch.no_grad()
def posterior_marginals(model: LatentModel, x: Tensor) -> np.ndarray:
    """P(z_j = 1 | x), (B, D), exact: the probability of each bit under the true posterior.

    Raises: ValueError if the model has other latents, or too many to enumerate.
    """
    _refuse(model)
    twin = in_double(model)
    x, dims = x.to(twin.device, torch.float64), model.latent_dim
    total = torch.full((len(x),), -torch.inf, dtype=torch.float64, device=twin.device)
    ones = torch.full((len(x), dims), -torch.inf, dtype=torch.float64, device=twin.device)
    size = codes_at_a_time(len(x) * dims)
    for start in range(0, 2**dims, size):
        z = codes(dims, start, min(start + size, 2**dims)).to(twin.device)
        joint = joint_table(twin, x, z)
        total = torch.logaddexp(total, torch.logsumexp(joint, 0))
        set_bits = torch.logsumexp(joint[..., None] + z.log()[:, None], 0)  # log 0 leaves a code out
        ones = torch.logaddexp(ones, set_bits)
    return torch.exp(ones - total[:, None]).cpu().numpy()


def _refuse(model: LatentModel) -> None:
    if (problem := _problem(model)) is not None:
        raise ValueError(problem)


def _problem(model: LatentModel) -> str | None:
    if model.prior.posterior is not BernoulliLatent:
        return "enumeration needs Bernoulli latents: these codes cannot be listed one by one"
    if model.latent_dim > MOST_BITS:
        return f"enumeration goes up to {MOST_BITS} Bernoulli latents and this model has {model.latent_dim}: use iwae"
    return None


METHOD = Method(
    title="All codes",
    words="Adds up p(x, z) over every code there is.",
    kind="exact",
    run=run,
    samples=None,
    counted="codes",
    source="p(x) = sum over z of p(x, z)",
    decodings=lambda model, samples, options: float(2**model.latent_dim),
    problem=_problem,
    growth=0.0,
)
