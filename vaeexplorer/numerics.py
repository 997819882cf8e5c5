"""Reductions that stay accurate where the plain formula overflows, underflows or cancels."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def logmeanexp(values: Tensor, dim: int = 0) -> Tensor:
    """log( mean( exp(values) ) ) along `dim`, summed in float64: 5000 float32 terms would lose digits.

    All -inf gives -inf. Shape: that of `values` without `dim`; dtype float64.
    """
    return torch.logsumexp(values.double(), dim) - math.log(values.shape[dim])


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 of log-weights (S, B) -> (B,), between 1 and S.   Source: Kong 1992."""
    log_weights = log_weights.double()
    return torch.exp(2 * torch.logsumexp(log_weights, 0) - torch.logsumexp(2 * log_weights, 0))


def log_continuous_bernoulli_constant(logits: Tensor) -> Tensor:
    """log C(l) = log[ 2 atanh(1 - 2l) / (1 - 2l) ] at l = sigmoid(logits), elementwise.

    2 atanh(1 - 2l) = -logits and 1 - 2l = -tanh(logits / 2), so log C = log[ logits / tanh(logits / 2) ], which is even
    and tends to log 2 at 0; there log 2 + x^2 / 12 replaces 0/0.   Source: Loaiza-Ganem & Cunningham 2019, eq. 5.
    """
    size = logits.abs()
    near = size < 1e-2
    safe = torch.where(near, torch.ones_like(size), size)
    # x / tanh(x / 2) = x (1 + e^-x) / (1 - e^-x): no overflow for large x.
    far = torch.log(safe) + torch.log1p(torch.exp(-safe)) - torch.log(-torch.expm1(-safe))
    series = math.log(2) + size**2 / 12
    return torch.where(near, series, far)


def continuous_bernoulli_mean(logits: Tensor) -> Tensor:
    """E[x] = l / (2l - 1) + 1 / (2 atanh(1 - 2l)) = 1 / (1 - e^-logits) - 1 / logits, elementwise, in (0, 1).

    Near 0 the two terms cancel; a Taylor series 1/2 + x/12 - x^3/720 replaces them.
    Source: Loaiza-Ganem & Cunningham 2019, eq. 8.
    """
    near = logits.abs() < 0.2
    safe = torch.where(near, torch.ones_like(logits), logits)
    # By the size of the logit, mean(-x) = 1 - mean(x): e^-x of a large negative x would overflow and its slope be NaN.
    size = safe.abs()
    upper = -1 / torch.expm1(-size) - 1 / size
    far = torch.where(safe > 0, upper, 1 - upper)
    return torch.where(near, 0.5 + logits / 12 - logits**3 / 720, far)


def continuous_bernoulli_quantile(logits: Tensor, probability: Tensor) -> Tensor:
    """x with P(X <= x) = u, elementwise in [0, 1], u of uniform draws gives draws of X.   log[1 + u (e^l - 1)] / l

    By the size of the logit, as e^l of a large one overflows: x(l, u) = 1 - x(-l, 1 - u).
    Source: Loaiza-Ganem & Cunningham 2019, eq. 10.
    """
    size = logits.abs().clamp_min(1e-12)  # the limit at 0 is u itself
    lower = torch.where(logits > 0, 1 - probability, probability)
    x = (torch.log1p(lower * torch.expm1(-size)) / -size).clamp(0, 1)
    return torch.where(logits > 0, 1 - x, x)
