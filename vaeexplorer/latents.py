"""The aggregate posterior q(z) = (1/N) sum_i q(z|x_i): where the codes of real images lie."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.numerics import logmeanexp
from vaeexplorer.vae import Posterior


def log_aggregate_posterior(q: Posterior, z: Tensor) -> Tensor:
    """log (1/N) sum_i q(z|x_i) for codes z (M, D) under the N images that q describes -> (M,), nats, float64.

    It is the mixture over these N images only: for codes of other images it is a lower estimate of the density over the
    whole data set, the more so the more dimensions there are. Compare like with like.
    """
    return logmeanexp(q.log_prob(z.unsqueeze(1)), dim=1)


def total_correlation(q: Posterior, z: Tensor, images: int) -> Tensor:
    """TC = E log q(z) - sum_j E log q(z_j), how far the latent dimensions are from independent of each other; nats.

    q (B, D) and one z (B, D) of each image of a batch, drawn from a data set of so many images. Minibatch-weighted
    sampling:
    log q(z_i) ~ log (1 / N B) sum_k q(z_i|x_k); differentiable, biased for a small batch, meant as a penalty in
    training.
    Source: Chen et al. 2018 (beta-TCVAE), eq. 4 and S4.   Raises ValueError for Bernoulli latents: z has no derivative.
    """
    if not isinstance(q, DiagonalGaussian):
        raise ValueError("the total-correlation penalty needs Gaussian latents: leave total_correlation at 0")
    scaled = (z.unsqueeze(1) - q.mean) * torch.exp(-q.log_std)
    log_each = -0.5 * (scaled**2 + math.log(2 * math.pi)) - q.log_std  # (B, B, D): z of row i under q of column k
    offset = math.log(len(z) * images)
    joint = torch.logsumexp(log_each.sum(-1), 1) - offset
    marginals = (torch.logsumexp(log_each, 1) - offset).sum(-1)
    return (joint - marginals).mean()
