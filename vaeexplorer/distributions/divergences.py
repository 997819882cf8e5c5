"""Exact divergences between two Gaussians for each of B images, (B,)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaeexplorer.distributions.posteriors import DiagonalGaussian, FullGaussian


def kl_divergence(q: DiagonalGaussian | FullGaussian, p: DiagonalGaussian | FullGaussian) -> Tensor:
    """KL(q || p) of two Gaussians, (B,), exact.   (1/2) [|A (m_q - m_p)|^2 + |A L_q|^2 - D] + log|L_p| - log|L_q|

    with A = L_p^-1 and L the Cholesky factors.
    """
    shift = torch.linalg.solve_triangular(p.cholesky, (q.mean - p.mean)[..., None], upper=False)
    spread = torch.linalg.solve_triangular(p.cholesky, q.cholesky, upper=False)
    volumes = p.log_conditional_std.sum(-1) - q.log_conditional_std.sum(-1)
    return 0.5 * ((shift**2).sum((-2, -1)) + (spread**2).sum((-2, -1)) - q.mean.shape[-1]) + volumes


def chi_square(p: DiagonalGaussian | FullGaussian, q: DiagonalGaussian | FullGaussian) -> Tensor:
    """Integral of p^2 / q, less 1, (B,), exact: the relative variance of the weight p / q under q; inf if it has none.

    With precisions P_p, P_q, d the difference of the means and P = 2 P_p - P_q it is e^g - 1,
        g = log|P_p| - (log|P_q| + log|P|) / 2 - d' P_p d + 2 d' P_p P^-1 P_p d,
    if P is positive definite; else q is so narrow in some direction that the second moment is infinite.
    """
    of_p, of_q = (torch.cholesky_inverse(each.cholesky) for each in (p, q))
    both, wrong = torch.linalg.cholesky_ex(2 * of_p - of_q)
    difference = (p.mean - q.mean)[..., None]
    pull = of_p @ difference
    squares = 2 * pull.mT @ torch.cholesky_solve(pull, both) - difference.mT @ pull
    volumes = (
        q.log_conditional_std.sum(-1)
        - 2 * p.log_conditional_std.sum(-1)
        - torch.log(torch.diagonal(both, dim1=-2, dim2=-1)).sum(-1)
    )
    return torch.expm1(squares[..., 0, 0] + volumes).masked_fill(wrong > 0, math.inf)
