"""Wrong roads on small models of their own, in which everything is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeexplorer.distributions import LOG_TWO_PI, chi_square, kl_divergence
from vaeexplorer.linear_gaussian import example
from vaeexplorer.numerics import logmeanexp
from vaeexplorer.wrong_roads.outcome import Outcome, Row, log_mean_of, mean_of, on_exact, ratio_of

FEW = 10  # draws in the mean whose logarithm is taken
COUNTS = (1, 2, 5, 10, 100)
TABLE_DRAWS = 400_000  # behind each row of a table


@torch.no_grad()
def ratio_for_log_ratio(samples: int, generator: torch.Generator) -> Outcome:
    """E_q[q / p(z|x)] "=" KL(q || p(z|x)), as the notes (002) have it, against E_q[log q / p(z|x)].

    Without its logarithm the mean is 1 + a chi-square divergence: at least 1, also where q is the posterior itself.
    Source: 002, the difference of the two sides of the bound.
    """
    model, x, _ = example()
    q, posterior = model.best_diagonal(x), model.true_posterior(x)
    z = q.sample(_normal((samples, *q.mean.shape), generator))
    log_ratio = (q.log_prob(z) - posterior.log_prob(z))[:, 0]
    printed, correct, limit = mean_of(log_ratio.exp()), mean_of(log_ratio), 1 + chi_square(q, posterior).item()
    note = "q is the best diagonal Gaussian, close to the posterior."
    return on_exact(kl_divergence(q, posterior).item(), printed, correct, limit, note=note)


@dataclass(frozen=True)
class Quadratic:
    """f(z) = a z^2 + b z + c under q = N(mean, std^2), of which every gradient is known."""

    a: float = 1.5
    b: float = -0.7
    c: float = 2.0
    mean: float = 0.4
    std: float = 0.8

    @property
    def slope(self) -> float:
        """d/dmean E_q f = 2 a mean + b."""
        return 2 * self.a * self.mean + self.b

    @property
    def average_of_f_grad_q(self) -> float:
        """E_q[f dq/dmean] = slope / (4 sqrt(pi) std), since q^2 is q with half the variance, over 2 sqrt(pi) std."""
        return self.slope / (4 * math.sqrt(math.pi) * self.std)

    def __call__(self, z: Tensor) -> Tensor:
        return self.a * z**2 + self.b * z + self.c


@torch.no_grad()
def average_of_f_grad_q(samples: int, generator: torch.Generator) -> Outcome:
    """(1/M) sum f(z_m) grad q(z_m), which the notes (002) warn of, against (1/M) sum f(z_m) grad log q(z_m).

    The draws come from q already, so the first has q twice: on a quadratic it tends to m / (4 sqrt(pi) s) where the
    gradient is m.   Source: 002, "it's tempting to just take the average".
    """
    f = Quadratic()
    z = f.mean + f.std * _normal((samples,), generator)
    score = (z - f.mean) / f.std**2
    density = torch.exp(-0.5 * (((z - f.mean) / f.std) ** 2 + LOG_TWO_PI)) / f.std
    printed, correct = mean_of(f(z) * density * score), mean_of(f(z) * score)
    return on_exact(f.slope, printed, correct, f.average_of_f_grad_q)


@dataclass(frozen=True)
class Line:
    """z ~ N(mean, prior_variance), x ~ N(slope z, variance), one dimension each, at one x."""

    mean: float = 0.3
    prior_variance: float = 1.4
    slope: float = 1.5
    variance: float = 0.5
    x: float = 1.2

    @property
    def log_marginal(self) -> float:
        """log N(x; slope mean, slope^2 prior_variance + variance)."""
        return -0.5 * (LOG_TWO_PI + math.log(self._total) + (self.x - self.slope * self.mean) ** 2 / self._total)

    @property
    def gradient(self) -> float:
        """d/dmean log p(x)."""
        return self.slope * (self.x - self.slope * self.mean) / self._total

    @property
    def _total(self) -> float:
        return self.slope**2 * self.prior_variance + self.variance

    def draws(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Of z ~ p(z): d/dmean log p(z), and log p(x|z)."""
        deviation = math.sqrt(self.prior_variance) * _normal(shape, generator)
        residual = self.x - self.slope * (self.mean + deviation)
        log_likelihood = -0.5 * (LOG_TWO_PI + math.log(self.variance) + residual**2 / self.variance)
        return deviation / self.prior_variance, log_likelihood


@torch.no_grad()
def gradient_without_weight(samples: int, generator: torch.Generator) -> Outcome:
    """sum_l grad log p(z_l) / sum_l p(x|z_l), as the question (000) has it, z_l drawn from the prior.

    Its numerator lost the factor p(x|z_l), and what is left averages to 0. Right: sum w_l grad log p(z_l) / sum w_l
    with w_l = p(x|z_l), whose mean is off by O(1/L): with one draw the weight cancels and the mean is 0.
    Source: 000, the first approximation.
    """
    line = Line()
    score, log_w = line.draws((samples,), generator)
    w = torch.exp(log_w)
    table = _table(line, lambda scores, logs: (torch.softmax(logs, 1) * scores).sum(1), generator)
    note = "With few draws the printed ratio explodes: its denominator may come close to 0."
    words = "The mean of the right estimate from L draws: its bias falls as 1/L."
    return on_exact(line.gradient, ratio_of(score, w), ratio_of(score * w, w), 0.0, table, words, note)


@torch.no_grad()
def log_of_a_mean(samples: int, generator: torch.Generator) -> Outcome:
    """log (1/L) sum_l p(x|z_l) from a few draws of the prior, as the answer (003) allows with a warning.

    The mean inside is unbiased and its logarithm low by Jensen's inequality, by about Var(w) / (2 L E[w]^2). Right:
    to say that it is a lower bound, and to take many draws.   Source: 003, the answer.
    """
    line = Line()
    table = _table(line, lambda scores, logs: logmeanexp(logs, 1), generator)
    _, printed, stderr = next(row for row in table if row[0] == FEW)
    words = "The mean of the logarithm of a mean of L draws."
    right = log_mean_of(line.draws((samples,), generator)[1])
    note = f"L = {FEW} as printed; {samples:,} draws at once beside it."
    return on_exact(line.log_marginal, (printed, stderr), right, None, table, words, note)


def _table(line: Line, estimate: Callable[[Tensor, Tensor], Tensor], generator: torch.Generator) -> tuple[Row, ...]:
    """The mean of an estimate from L draws (n, L) of scores and log-likelihoods, for several L."""
    rows = (line.draws((TABLE_DRAWS // count, count), generator) for count in COUNTS)
    return tuple((count, *mean_of(estimate(*draws))) for count, draws in zip(COUNTS, rows, strict=True))


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float64)
