"""Lower bounds of log p(x) from log-weights, the hinge between a model and every number about it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from vaeexplorer.numerics import logmeanexp
from vaeexplorer.vae import VAE, Posterior


def log_weights(vae: VAE, x: Tensor, q: Posterior, noise: Tensor) -> Tensor:
    """log p(x, z) - log q(z|x) at z = q.sample(noise), (S, B) in nats; their mean over S is an unbiased ELBO."""
    z = q.sample(noise)
    return vae.log_joint(x, z) - q.log_prob(z)


def iwae_bound(weights: Tensor) -> Tensor:
    """log (1/S) sum_s w_s from log-weights (S, B) -> (B,), float64 nats: E of it is a lower bound of log p(x).

    The bound rises with S and is low by about Var(w) / (2 S E[w]^2).   Source: Burda et al. 2016, eq. 8.
    """
    return logmeanexp(weights, 0)


def iwae(vae: VAE, x: Tensor, samples: int, generator: torch.Generator, rows: int = 2000) -> Iterator[Tensor]:
    """Draw the IWAE bound of each image with exactly `samples` draws of q; memory stays flat.

    Encodes once, then decodes about `rows` codes at a time; yields the running bound (B,) in float64 nats after every
    chunk, so that a caller can show progress or stop; the last one is the bound at K = samples.
    """
    q = vae.posterior(x)
    images, dims = q.mean.shape
    chunk = max(1, rows // images)
    total = torch.full((images,), -math.inf, dtype=torch.float64, device=x.device)
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        noise = q.noise((size, images, dims), generator, x.device)
        total = torch.logaddexp(total, torch.logsumexp(log_weights(vae, x, q, noise).double(), 0))
        yield total - math.log(start + size)
