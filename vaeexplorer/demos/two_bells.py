"""Two bells on a line: the points, what a fit moves, the two places of the logarithm, and the two optima."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians

POINTS = (500, 1000)  # in the first and in the second group
CENTRE, SPREADS = -2.0, (0.5, 0.8)  # of the first group; of both
SETTLED = 1e-12  # nats that a round of expectation maximisation may gain at the end


@dataclass(frozen=True)
class Bells:
    """What a fit moves: logits of the weights, means and logarithms of the standard deviations, (2,) each."""

    logits: Tensor
    means: Tensor
    log_stds: Tensor

    @classmethod
    def at(cls, means: tuple[float, float]) -> Bells:
        zeros = torch.zeros(2, dtype=torch.float64)
        start = torch.tensor(means, dtype=torch.float64)
        return cls(*(values.clone().requires_grad_() for values in (zeros, start, zeros)))

    @property
    def parameters(self) -> list[Tensor]:
        return [self.logits, self.means, self.log_stds]

    def model(self) -> MixtureOfGaussians:
        return MixtureOfGaussians(torch.softmax(self.logits, 0), self.means, self.log_stds.exp())


def outside(model: MixtureOfGaussians, x: Tensor) -> Tensor:
    """mean_x log sum_k w_k p(x|k), nats: the logarithm outside the sum, where it belongs."""
    return model.log_marginal(x).mean()


def inside(model: MixtureOfGaussians, x: Tensor, draws: int = 1) -> Tensor:
    """mean_x E log (1/K) sum_l p(x|z_l) over K = draws of z from the prior, nats, exact.

    K = 1 is E_z log p(x|z), the logarithm in the wrong place; more draws bring it nearer to log p(x), always from
    below. How many of the K draws are the first bell is binomial, so the mean is a sum of K + 1 terms.
    """
    first, second = model.log_likelihood_table(x, torch.tensor([[0.0], [1.0]]))
    counts = torch.arange(draws + 1, dtype=torch.float64)
    parts = torch.stack([counts, draws - counts]) / draws
    one = parts[0].log()[:, None] + first
    other = parts[1].log()[:, None] + second
    weights = torch.softmax(_log_chances(model, counts, draws), 0)
    return (weights @ torch.logaddexp(one, other)).mean()


def _log_chances(model: MixtureOfGaussians, counts: Tensor, draws: int) -> Tensor:
    """log of the binomial chances that `counts` of the draws are the first bell."""
    log_w = model.prior.log_weights.double()
    ways = [math.lgamma(draws + 1) - math.lgamma(m + 1) - math.lgamma(draws - m + 1) for m in counts.tolist()]
    return torch.tensor(ways, dtype=torch.float64) + counts * log_w[0] + (draws - counts) * log_w[1]


@torch.no_grad()
def best_of(x: Tensor, start: MixtureOfGaussians) -> Iterator[MixtureOfGaussians]:
    """Expectation maximisation, a model per round, up from `start`: another way to the best mixture than gradients.

    Each round sets q to the responsibilities, where the gap is 0, and then maximises E_q log p(x, z) in closed form.
    """
    model, before = start, -math.inf
    while True:
        q = model.true_posterior(x).probabilities
        mass = q.sum(0)
        means = (q * x).sum(0) / mass
        variances = (q * (x - means) ** 2).sum(0) / mass
        model = MixtureOfGaussians(mass / mass.sum(), means, variances.sqrt())
        yield model
        now = outside(model, x).item()
        if now - before < SETTLED:
            return
        before = now


def points(distance: float, seed: int) -> Tensor:
    """The data, (1500, 1): one third N(-2, 0.5^2), the rest N(-2 + distance, 0.8^2)."""
    noise = torch.randn(sum(POINTS), 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    first = CENTRE + SPREADS[0] * noise[: POINTS[0]]
    return torch.cat([first, CENTRE + distance + SPREADS[1] * noise[POINTS[0] :]])


def truth(distance: float) -> MixtureOfGaussians:
    """The mixture that the points were drawn from."""
    shares = torch.tensor(POINTS, dtype=torch.float64)
    means = torch.tensor([CENTRE, CENTRE + distance], dtype=torch.float64)
    return MixtureOfGaussians(shares / shares.sum(), means, torch.tensor(SPREADS, dtype=torch.float64))


def information(model: MixtureOfGaussians, x: Tensor) -> float:
    """mean_x KL(p(z|x) || p(z)), nats: how much a point says about which bell made it, at most log 2."""
    return model.prior.kl_per_dimension(model.true_posterior(x)).sum(-1).mean().item()


def one_bell(x: Tensor) -> tuple[float, float, float]:
    """The optimum with the log inside: mean and standard deviation of all points, and -(1/2) log(2 pi e s^2)."""
    mean, std = x.mean().item(), x.std(correction=0).item()
    return mean, std, -0.5 * math.log(2 * math.pi * math.e * std**2)
