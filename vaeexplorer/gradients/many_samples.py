"""Gradients of the importance-weighted bound E log (1/K) sum_k w_k, w = exp f(z) / q(z), K draws at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaeexplorer.gradients.expectations import Draws, GaussianDraws, slope_of, weighted


def log_weights(draws: Draws) -> Tensor:
    """log w = f(z) - log q(z), (R, K, ...)."""
    return draws.values() - draws.log_q(draws.z)


def iwae(draws: GaussianDraws) -> Tensor:
    """sum_k w~_k d log w_k/d(parameter) with w~ = w / sum w, all of z's and q's dependence on them.

    d log w / d(parameter) along the path is the slope of f carried back, and 1 more for log_scale, from -log q.
    Source: Burda et al. 2016, eq. 13.
    """
    along = draws.carried(slope_of(draws.f, draws.z))
    return weighted(torch.softmax(log_weights(draws), 1), along + draws.entropy_slope()).sum(1)


def doubly_reparameterized(draws: GaussianDraws) -> Tensor:
    """DReG: sum_k w~_k^2 times the derivative of log w_k through z alone; what the score would add has been
    reparameterized once more.   Source: Tucker et al. 2019, eq. 8.
    """
    path = draws.carried(slope_of(lambda z: draws.f(z) - draws.log_q(z), draws.z))
    return weighted(torch.softmax(log_weights(draws), 1) ** 2, path).sum(1)


def vimco(draws: Draws) -> Tensor:
    """sum_k [L - L_(-k) - w~_k] d log q(z_k)/d(parameter): the score function, each sample's baseline the bound with
    its log-weight replaced by the mean of the others' log-weights.   Source: Mnih & Rezende 2016, eq. 11.
    """
    logs = log_weights(draws)
    samples = logs.shape[1]
    bound = torch.logsumexp(logs, 1, keepdim=True) - math.log(samples)
    return weighted(bound - _without_each(logs) - torch.softmax(logs, 1), draws.scores()).sum(1)


def _without_each(logs: Tensor) -> Tensor:
    """log (1/K) [sum_(j != k) w_j + geometric mean of these], (R, K, ...)."""
    samples = logs.shape[1]
    geometric = (logs.sum(1, keepdim=True) - logs) / (samples - 1)
    table = logs.unsqueeze(1).expand(-1, samples, *logs.shape[1:]).clone()  # (R, k, j, ...)
    each = torch.arange(samples, device=logs.device)
    table[:, each, each] = geometric
    return torch.logsumexp(table, 2) - math.log(samples)
