"""Gradients of E_q f(z) by estimators that can be set side by side: what each replicate of one would have been.

Shapes: parameters (..., D), one set for each leading place, such as an image; noise and z (R, S, ..., D): replicates,
samples, places, dimensions; f maps (..., D) -> (...). Everything is in the dtype of the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Function = Callable[[Tensor], Tensor]  # (..., D) -> (...)


def slope_of(f: Function, z: Tensor) -> Tensor:
    """df/dz, of the shape of z, by automatic differentiation; zero where f is flat or does not depend on z."""
    return value_and_slope(f, z)[1]


def value_and_slope(f: Function, z: Tensor) -> tuple[Tensor, Tensor]:
    """f(z), without a graph, and df/dz from the same pass."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        values = f(z)
        if not values.requires_grad:
            return values, torch.zeros_like(z)
        (slope,) = torch.autograd.grad(values.sum(), z, allow_unused=True)
    return values.detach(), torch.zeros_like(z) if slope is None else slope


def others_mean(values: Tensor) -> Tensor:
    """For each sample (axis 1 of S >= 2) the mean over the other ones."""
    samples = values.shape[1]
    return (values.sum(1, keepdim=True) - values) / (samples - 1)


@dataclass(frozen=True)
class GaussianDraws:
    """z = loc + s noise with s = exp(log_scale), for noise ~ N(0, I), and what estimators need of it.

    Gradients have a further axis before the last: with respect to loc, then to log_scale, (..., 2, D).
    """

    f: Function
    loc: Tensor
    log_scale: Tensor
    noise: Tensor

    @property
    def z(self) -> Tensor:
        return self.loc + self.log_scale.exp() * self.noise

    def values(self) -> Tensor:
        """f(z), (R, S, ...)."""
        return self.f(self.z)

    def log_q(self, z: Tensor) -> Tensor:
        """log q(z), with the parameters as they are."""
        scaled = (z - self.loc) * torch.exp(-self.log_scale)
        return -0.5 * (scaled**2 + math.log(2 * math.pi)).sum(-1) - self.log_scale.sum(-1)

    def scores(self) -> Tensor:
        """d log q(z) / d(loc, log_scale) = (noise / s, noise^2 - 1), (R, S, ..., 2, D)."""
        return torch.stack([self.noise * torch.exp(-self.log_scale), self.noise**2 - 1], -2)

    def squared_scores(self) -> Tensor:
        """E[score^2] = (1 / s^2, 2), (..., 2, D)."""
        return torch.stack([torch.exp(-2 * self.log_scale), torch.full_like(self.log_scale, 2.0)], -2)

    def carried(self, slope: Tensor) -> Tensor:
        """A slope with respect to z, carried to the parameters: dz/dloc = 1, dz/dlog_scale = s noise."""
        return torch.stack([slope, slope * self.log_scale.exp() * self.noise], -2)

    def entropy_slope(self) -> Tensor:
        """d H(q) / d(loc, log_scale) = (0, 1), (..., 2, D)."""
        return torch.stack([torch.zeros_like(self.loc), torch.ones_like(self.loc)], -2)


@dataclass(frozen=True)
class BernoulliDraws:
    """z = 1 where noise < p = sigmoid(logits), for noise uniform on (0, 1); a gradient is (..., D), of the logits."""

    f: Function
    logits: Tensor
    noise: Tensor

    @property
    def p(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def z(self) -> Tensor:
        return (self.noise < self.p).to(self.logits.dtype)

    def values(self) -> Tensor:
        return self.f(self.z)

    def log_q(self, z: Tensor) -> Tensor:
        return (z * self.logits - F.softplus(self.logits)).sum(-1)

    def scores(self) -> Tensor:
        """d log q(z) / dlogits = z - p, with all digits of 1 - p where p is nearly 1."""
        return torch.where(self.noise < self.p, torch.sigmoid(-self.logits), -self.p)

    def squared_scores(self) -> Tensor:
        """E[score^2] = p (1 - p)."""
        return self.p * torch.sigmoid(-self.logits)


Draws = GaussianDraws | BernoulliDraws


def weighted(values: Tensor, scores: Tensor) -> Tensor:
    """values (R, S, ...) times scores (R, S, ..., [2,] D)."""
    return values.reshape(*values.shape, *([1] * (scores.ndim - values.ndim))) * scores


def pathwise(draws: GaussianDraws) -> Tensor:
    """E[f'(z) dz/d(parameter)].   Source: Kingma & Welling 2014, section 2.4; Rezende et al. 2014, eq. 8."""
    return draws.carried(slope_of(draws.f, draws.z)).mean(1)


def pathwise_joint(draws: GaussianDraws) -> Tensor:
    """Of E_q[f(z) - log q(z)]: the derivative along the path with all of q's dependence on its parameters.

    log q(z) = -noise^2/2 - log s + const along the path, so what -log q adds is 0 for loc and 1 for log_scale.
    Source: Kingma & Welling 2014, eq. 6 (estimator A).
    """
    return (draws.carried(slope_of(draws.f, draws.z)) + draws.entropy_slope()).mean(1)


def sticking_the_landing(draws: GaussianDraws) -> Tensor:
    """Of E_q[f(z) - log q(z)]: pathwise, with the parameters inside log q held fixed; its variance is zero where f is
    log q but for a constant.   Source: Roeder et al. 2017, eq. 8.
    """
    return draws.carried(slope_of(lambda z: draws.f(z) - draws.log_q(z), draws.z)).mean(1)


def score_function(draws: Draws, baseline: Tensor | float = 0.0) -> Tensor:
    """E[(f(z) - C) d log q(z)/d(parameter)], C a number or one for each place (...,).

    Unbiased for every C that does not know z, as E[d log q] = 0.   Source: Williams 1992; Ranganath et al. 2014, eq. 2.
    """
    return weighted(draws.values() - baseline, draws.scores()).mean(1)


def leave_one_out(draws: Draws) -> Tensor:
    """The score function with each sample's baseline the mean of f over the others.

    Source: Salimans & Knowles 2014; Kool et al. 2019, eq. 8.
    """
    values = draws.values()
    return weighted(values - others_mean(values), draws.scores()).mean(1)


def score_function_with(baseline: Callable[[Draws], Tensor]) -> Callable[[Draws, Draws], Tensor]:
    """The score function with a constant that `baseline` computes from a pilot of its own draws, so it is unbiased."""

    def estimate(draws: Draws, pilot: Draws) -> Tensor:
        scores = draws.scores()
        values = draws.values()
        centred = values.reshape(*values.shape, *([1] * (scores.ndim - values.ndim))) - baseline(pilot)
        return (centred * scores).mean(1)

    return estimate


def mean_baseline(pilot: Draws) -> Tensor:
    """C = E f, for each place."""
    values, scores = pilot.values(), pilot.scores()
    mean = values.mean((0, 1))
    return mean.reshape(*mean.shape, *([1] * (scores.ndim - values.ndim)))


def optimal_baseline(pilot: Draws) -> Tensor:
    """C = E[f score^2] / E[score^2] for each parameter: the constant of least variance.

    As E f + E[(f - E f) score^2] / E[score^2], in which a large E f does not magnify the noise of a short pilot.
    Source: Greensmith et al. 2004, theorem 8; Ranganath et al. 2014, eq. 8.
    """
    centre, scores = mean_baseline(pilot), pilot.scores()
    values = pilot.values()
    centred = values.reshape(*values.shape, *([1] * (scores.ndim - values.ndim))) - centre
    squares = pilot.squared_scores()
    return centre + (centred * scores**2).mean((0, 1)) / squares.clamp_min(torch.finfo(squares.dtype).tiny)


def arm(draws: BernoulliDraws) -> Tensor:
    """[f(1[u > sigmoid(-l)]) - f(1[u < sigmoid(l)])] (u - 1/2).   Source: Yin & Zhou 2019, eq. 6."""
    u = draws.noise
    first = (u > torch.sigmoid(-draws.logits)).to(u.dtype)
    return weighted(draws.f(first) - draws.values(), u - 0.5).mean(1)


def disarm(draws: BernoulliDraws) -> Tensor:
    """ARM with its remaining randomness integrated out: (1/2) [f(z) - f(z')] (-1)^z' 1[z != z'] sigmoid(|l|), with the
    antithetic z' from 1 - u.   Source: Dong et al. 2020, eq. 7.
    """
    z, other = draws.z, (1 - draws.noise < draws.p).to(draws.logits.dtype)
    factor = (z - other) * torch.sigmoid(draws.logits.abs())  # (-1)^z' where they differ, for bits
    return weighted(0.5 * (draws.f(z) - draws.f(other)), factor).mean(1)


def straight_through(draws: BernoulliDraws) -> Tensor:
    """f'(z) dp/dl, as if z were p. Biased.   Source: Bengio et al. 2013, section 4."""
    return (slope_of(draws.f, draws.z) * draws.squared_scores()).mean(1)


def gumbel_softmax(draws: BernoulliDraws, temperature: float) -> Tensor:
    """f'(b) db/dl at the relaxed bits b = sigmoid((l + logit(1 - u)) / temperature): the gradient of another, smooth
    problem, biased for this one.   Source: Maddison et al. 2017; Jang et al. 2017.
    """
    relaxed = torch.sigmoid((draws.logits - torch.logit(draws.noise)) / temperature)
    return (slope_of(draws.f, relaxed) * relaxed * (1 - relaxed) / temperature).mean(1)
