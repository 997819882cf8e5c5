"""The gradient of E_q f(z) for quadratic f and Gaussian q, and the variance of its estimators, in closed form.

f(z) = z'A z + b'z + c, q = N(mu, diag(s)^2), lam = log s. With m = 2 A mu + b, h1 = m s, h2 = diag(A) s^2,
H_ij = 2 A_ij s_i s_j, R_i = sum_(j != i) H_ij^2, V = |h1|^2 + 2 |h2|^2 + sum_(i < j) H_ij^2 = Var f and D = E f - C:

pathwise          mu_i:  4 sum_j A_ij^2 s_j^2
                  lam_i: h1_i^2 + 8 h2_i^2 + R_i
score function    mu_i:  [(D + 2 h2_i)^2 + V + h1_i^2 + 4 h2_i^2 + 2 R_i] / s_i^2
                  lam_i: 2 (D + 4 h2_i)^2 + 2 V + 8 h1_i^2 + 20 h2_i^2 + 8 R_i

All of one sample. V, in which every dimension has its share, is why the score function's variance grows with dimensions
that have nothing to do with parameter i.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Quadratic:
    """f(z) = z'A z + b'z + c; matrix (D, D) symmetric, vector (D,), constant."""

    matrix: Tensor
    vector: Tensor
    constant: float

    def __call__(self, z: Tensor) -> Tensor:
        """(..., D) -> (...)."""
        return ((z @ self.matrix) * z).sum(-1) + z @ self.vector + self.constant

    def under(self, loc: Tensor, log_scale: Tensor) -> QuadraticMoments:
        """What is known of f under q = N(loc, exp(log_scale)^2)."""
        return QuadraticMoments(self, loc, log_scale.exp())


@dataclass(frozen=True)
class QuadraticMoments:
    """Expectation, gradient, variances; each (2, D), first of loc, then of log_scale, where not said otherwise."""

    f: Quadratic
    loc: Tensor
    std: Tensor

    @property
    def mean(self) -> Tensor:
        """E f, ()."""
        return self.f(self.loc) + (self.f.matrix.diagonal() * self.std**2).sum()

    @property
    def gradient(self) -> Tensor:
        """m and 2 diag(A) s^2."""
        return torch.stack([self._slope, 2 * self._bend])

    @property
    def variance(self) -> Tensor:
        """Var f, ()."""
        return (self._tilt**2).sum() + 2 * (self._bend**2).sum() + self._cross.sum() / 2

    def pathwise(self) -> Tensor:
        loc = 4 * (self.f.matrix**2) @ self.std**2
        return torch.stack([loc, self._tilt**2 + 8 * self._bend**2 + self._cross])

    def score_function(self, baseline: Tensor | float = 0.0) -> Tensor:
        """With a constant baseline: a number, or one for each parameter (2, D)."""
        left = self.mean - torch.as_tensor(baseline, dtype=self.std.dtype).expand(2, len(self.std))
        shared, h1, h2, cross = self.variance, self._tilt**2, self._bend, self._cross
        loc = ((left[0] + 2 * h2) ** 2 + shared + h1 + 4 * h2**2 + 2 * cross) / self.std**2
        scale = 2 * (left[1] + 4 * h2) ** 2 + 2 * shared + 8 * h1 + 20 * h2**2 + 8 * cross
        return torch.stack([loc, scale])

    def optimal_baseline(self) -> Tensor:
        """E f + 2 h2 for loc, E f + 4 h2 for log_scale."""
        return torch.stack([self.mean + 2 * self._bend, self.mean + 4 * self._bend])

    def leave_one_out(self, samples: int) -> Tensor:
        """Of S >= 2 samples together: Var(C = E f) / S + E[f - E f]^2 E[score^2] + (E ...)^2 over S (S - 1).

        A sample's own part (f_s - E f) score_s has the variance with C = E f; the others' mean, which is off by
        -mean(f_t - E f), adds products of independent samples: Var f E[score^2] and the squared gradient.
        """
        squares = torch.stack([self.std**-2, torch.full_like(self.std, 2.0)])
        products = self.variance * squares + self.gradient**2
        return self.score_function(self.mean) / samples + products / (samples * (samples - 1))

    def sticking_the_landing(self) -> Tensor:
        """Of the gradient of E_q[f - log q], whose mean is gradient + (0, 1): the quadratic f - log q at fixed q."""
        return self._with_q().pathwise()

    def _with_q(self) -> QuadraticMoments:
        precision = self.std**-2
        matrix = self.f.matrix + torch.diag(precision / 2)
        return QuadraticMoments(Quadratic(matrix, self.f.vector - precision * self.loc, 0.0), self.loc, self.std)

    @property
    def _slope(self) -> Tensor:
        return 2 * self.f.matrix @ self.loc + self.f.vector

    @property
    def _tilt(self) -> Tensor:
        return self._slope * self.std

    @property
    def _bend(self) -> Tensor:
        return self.f.matrix.diagonal() * self.std**2

    @property
    def _cross(self) -> Tensor:
        """R_i."""
        products = (2 * self.f.matrix * self.std[:, None] * self.std) ** 2
        return products.sum(1) - products.diagonal()
