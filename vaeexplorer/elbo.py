"""The evidence lower bound of each image and its two terms."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vaeexplorer.vae import VAE


@dataclass(frozen=True)
class ElboTerms:
    """Per image, in nats. reconstruction (B,), kl_per_dimension (B, D); kl and elbo follow from them."""

    reconstruction: Tensor
    kl_per_dimension: Tensor

    @property
    def kl(self) -> Tensor:
        return self.kl_per_dimension.sum(-1)

    @property
    def elbo(self) -> Tensor:
        return self.reconstruction - self.kl


def elbo_terms(vae: VAE, x: Tensor, noise: Tensor) -> ElboTerms:
    """Split the evidence lower bound of each image into its two terms.

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || p(z))

    Args: x (B, C, H, W) as the likelihood wants it (see VAE.binarized); noise (S, B, D) of the posterior's kind.
    Returns: ElboTerms of shape (B,), nats per image.
    Error: kl is exact; reconstruction averages S draws of q, its variance falls as 1/S.
    Raises: ValueError if x or the noise has another shape than the model's.
    Source: Kingma & Welling 2014, eq. 3.
    """
    q = vae.posterior(x)
    if noise.ndim != 3 or noise.shape[1:] != q.mean.shape:
        raise ValueError(f"expected noise (samples, {q.mean.shape[0]}, {q.mean.shape[1]}), got {tuple(noise.shape)}")
    reconstruction = vae.log_likelihood(x, q.sample(noise)).mean(0)
    return ElboTerms(reconstruction, vae.prior.kl_per_dimension(q))
