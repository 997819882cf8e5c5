"""Priors p(z), each with its exact KL from the posteriors that go with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaeexplorer.distributions.posteriors import (
    LOG_TWO_PI,
    BernoulliLatent,
    CategoricalLatent,
    DiagonalGaussian,
    Family,
    FullGaussian,
)


class Prior(Protocol):
    """What a model asks of p(z); `posterior` is the family of q that its KL knows."""

    posterior: Family

    def log_prob(self, z: Tensor) -> Tensor: ...

    def log_prob_per_dimension(self, z: Tensor) -> Tensor: ...

    def sample(self, noise: Tensor) -> Tensor: ...

    def kl_per_dimension(self, q: Any) -> Tensor: ...

    def as_posterior(self, like: Tensor) -> Any:
        """p(z) as the same q for every image; `like` (B, D) gives the number of images, dtype and device."""


class StandardNormal(nn.Module):
    """p(z) = N(0, I)."""

    posterior: Family = DiagonalGaussian

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_per_dimension(z).sum(-1)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """log p(z_j), (S, B, D), whose sum over j is log_prob."""
        return -0.5 * (z**2 + LOG_TWO_PI)

    def sample(self, noise: Tensor) -> Tensor:
        return noise

    def kl_per_dimension(self, q: DiagonalGaussian | FullGaussian) -> Tensor:
        """KL(q_j || p_j), (B, D), exact.   (1/2) [mu^2 + s^2 - 1] - log s   Source: Kingma & Welling 2014, app. B.

        Under a full covariance term j is E_q KL(q(z_j | z_1 .. z_(j-1)) || p_j): s in the logarithm is the conditional
        one, and the sum over j is KL(q || p) by the chain rule.
        """
        return 0.5 * (q.mean**2 + q.variance - 1) - q.log_conditional_std

    def as_posterior(self, like: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(torch.zeros_like(like), torch.zeros_like(like))


class LearnedGaussian(nn.Module):
    """p(z) = N(m, L L'), with the mean m and the lower triangle L (positive diagonal) learned along with the
    decoder.
    """

    posterior: Family = DiagonalGaussian

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.mean = nn.Parameter(torch.zeros(latent_dim))
        self.log_diagonal = nn.Parameter(torch.zeros(latent_dim))
        self.below = nn.Parameter(torch.zeros(latent_dim, latent_dim))

    @property
    def cholesky(self) -> Tensor:
        """L, (D, D)."""
        return torch.tril(self.below, -1) + torch.diag(self.log_diagonal.exp())

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_per_dimension(z).sum(-1)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """log p(z_j | z_1 .. z_(j-1)), (S, B, D), whose sum over j is log_prob."""
        white = torch.linalg.solve_triangular(self.cholesky, (z - self.mean).unsqueeze(-1), upper=False).squeeze(-1)
        return -0.5 * (white**2 + LOG_TWO_PI) - self.log_diagonal

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean + noise @ self.cholesky.T

    def kl_per_dimension(self, q: DiagonalGaussian | FullGaussian) -> Tensor:
        """E_q KL(q(z_j) || p(z_j | z_1 .. z_(j-1))), (B, D), exact; the sum over j is KL(q || p) by the chain rule.

        With A = L^-1 term j is (1/2) [(A (mu - m))_j^2 + sum_k A_jk^2 s_k^2 - 1] - log s_j + log L_jj.
        """
        eye = torch.eye(self.latent_dim, dtype=q.mean.dtype, device=q.mean.device)
        inverse = torch.linalg.solve_triangular(self.cholesky, eye, upper=False)
        shift = (q.mean - self.mean) @ inverse.T
        return 0.5 * (shift**2 + q.variance_of(inverse) - 1) - q.log_conditional_std + self.log_diagonal

    def as_posterior(self, like: Tensor) -> FullGaussian:
        return FullGaussian(self.mean.expand_as(like), self.cholesky.expand(len(like), -1, -1))


class FairBits(nn.Module):
    """p(z) = prod_j Bernoulli(z_j; 1/2): each of the 2^D codes is equally likely."""

    posterior: Family = BernoulliLatent

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        return torch.full(z.shape[:-1], -self.latent_dim * math.log(2), dtype=z.dtype, device=z.device)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """log p(z_j) = -log 2, (S, B, D)."""
        return torch.full_like(z, -math.log(2))

    def sample(self, noise: Tensor) -> Tensor:
        return (noise < 0.5).to(noise.dtype)

    def kl_per_dimension(self, q: BernoulliLatent) -> Tensor:
        """KL(Bernoulli(p_j) || Bernoulli(1/2)) = log 2 - H(p_j), (B, D), exact."""
        entropy = F.softplus(q.logits) - q.logits * q.mean
        return math.log(2) - entropy

    def as_posterior(self, like: Tensor) -> BernoulliLatent:
        return BernoulliLatent(torch.zeros_like(like))


class Categorical(nn.Module):
    """p(z = k) = w_k over the numbers 0 .. K - 1.   Raises ValueError unless weights (K,) are above 0 with sum 1."""

    posterior: Family = CategoricalLatent
    log_weights: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        weights = torch.as_tensor(weights)
        if weights.ndim != 1 or not (weights > 0).all() or abs(weights.double().sum().item() - 1) > 1e-6:
            raise ValueError(f"expected weights (K,) above 0 with sum 1, got {weights.tolist()}")
        self.register_buffer("log_weights", torch.log(weights))

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_per_dimension(z)[..., 0]

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """(S, B, 1): there is one dimension."""
        return self.log_weights[z.long()]

    def sample(self, noise: Tensor) -> Tensor:
        return CategoricalLatent(self.log_weights).sample(noise)

    def kl_per_dimension(self, q: CategoricalLatent) -> Tensor:
        """KL(q || p), (B, 1), exact."""
        return (q.probabilities * (q.log_probabilities - self.log_weights)).sum(-1, keepdim=True)

    def as_posterior(self, like: Tensor) -> CategoricalLatent:
        return CategoricalLatent(self.log_weights.to(like).expand(len(like), -1))


PRIORS: dict[str, Callable[[int], Prior]] = {
    "standard_normal": StandardNormal,
    "learned_gaussian": LearnedGaussian,
    "fair_bits": FairBits,
}
