"""How dense codes lie on a straight picture of the latent space: the aggregate posterior there, and the prior."""

from __future__ import annotations

import numpy as np
import torch

from vaeexplorer.distributions import LOG_TWO_PI, DiagonalGaussian, LearnedGaussian, StandardNormal
from vaeexplorer.evaluation.question import Progress
from vaeexplorer.latents import log_map_density
from vaeexplorer.vae import VAE

MOST_IMAGES = 10_000  # whose q make up the mixture: with fewer it falls apart into islands
PLACES = 1000  # looked at between two reports


@torch.inference_mode()
def map_density(
    vae: VAE, mean: np.ndarray, std: np.ndarray, axes: np.ndarray, centre: np.ndarray, places: np.ndarray,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """log density of y = A (z - c) at places y (M, k) for z ~ (1/N) sum_i q(z|x_i), and for z ~ p(z).

    Args: mean, std (N, D) of Gaussian q; axes A (k, D), of full rank; centre c (D,).
    Returns: two arrays (M,), float64, nats per unit of the picture's area. Exact for these N images and this prior.
    progress is told before every 1,000 places, and may raise to cancel.
    Raises: ValueError for Bernoulli latents, or a prior that is no Gaussian.
    """
    if vae.config.posterior != "gaussian":
        raise ValueError("densities on the map need Gaussian latents, and these are bits")
    to = torch.from_numpy
    q = DiagonalGaussian(to(mean).double(), to(std).double().clamp_min(1e-12).log())
    y, a, c = (to(np.array(part, np.float64)) for part in (places, axes, centre))
    log_prior, found = _log_prior(vae, a, c, y), []
    for start in range(0, len(y), PLACES):
        progress(start / len(y), f"aggregate posterior: place {start:,} of {len(y):,}")
        found.append(log_map_density(q, a, c, y[start : start + PLACES]))
    return torch.cat(found).numpy(), log_prior.numpy()


def _log_prior(vae: VAE, axes: torch.Tensor, centre: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    mean, factor = _gaussian_prior(vae)
    offset, across = axes @ (mean - centre), axes @ factor
    covariance = across @ across.T
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), (y - offset).T, upper=False)
    return -0.5 * ((white**2).sum(0) + torch.logdet(covariance) + len(axes) * LOG_TWO_PI)


def _gaussian_prior(vae: VAE) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (D,) of p(z) and the factor L (D, D) of its covariance L L'."""
    dims = vae.config.latent_dim
    if isinstance(vae.prior, StandardNormal):
        return torch.zeros(dims, dtype=torch.float64), torch.eye(dims, dtype=torch.float64)
    if isinstance(vae.prior, LearnedGaussian):
        return vae.prior.mean.double(), vae.prior.cholesky.double()
    raise ValueError(f"the prior {vae.config.prior} has no density on the map")
