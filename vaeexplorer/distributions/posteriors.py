"""Posteriors q(z|x): the same families serve as proposals and as true posteriors.

Shapes: z and noise (S, B, D) with S samples for each of B images; parameters of q (B, D); log-densities (S, B) in nats,
summed over latent dimensions. Noise is an argument: same noise, same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class DiagonalGaussian:
    """q(z|x) = N(mean, diag(exp(log_std))^2); both (B, D).   Source: Kingma & Welling 2014, eq. 9."""

    mean: Tensor
    log_std: Tensor

    heads: ClassVar[int] = 2  # numbers that the encoder gives for each latent dimension

    @classmethod
    def from_encoder(cls, outputs: Tensor) -> DiagonalGaussian:
        """Encoder outputs (B, 2 D): first the means, then log standard deviations (not clamped)."""
        mean, log_std = outputs.chunk(2, dim=-1)
        return cls(mean, log_std)

    @staticmethod
    def noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    @property
    def std(self) -> Tensor:
        return self.log_std.exp()

    @property
    def variance(self) -> Tensor:
        return torch.exp(2 * self.log_std)

    @property
    def log_conditional_std(self) -> Tensor:
        """log std of z_j given z_1 .. z_(j-1), (B, D): that of z_j alone, as the dimensions are independent."""
        return self.log_std

    @property
    def cholesky(self) -> Tensor:
        """L with L L' = covariance, (B, D, D)."""
        return torch.diag_embed(self.std)

    @property
    def covariance(self) -> Tensor:
        return torch.diag_embed(self.variance)

    @property
    def likeliest(self) -> Tensor:
        """The code (B, D) of greatest density: the mean."""
        return self.mean

    def variance_of(self, directions: Tensor) -> Tensor:
        """Var(a_j' z) of each row a_j of directions (J, D) -> (B, J)."""
        return self.variance @ (directions**2).T

    def sample(self, noise: Tensor) -> Tensor:
        """z = mean + std * noise, differentiable in both (the reparametrization trick); noise (S, B, D) normal."""
        return self.mean + self.std * noise

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_per_dimension(z).sum(-1)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """log q(z_j), (S, B, D), whose sum over j is log_prob."""
        scaled = (z - self.mean) * torch.exp(-self.log_std)
        return -0.5 * (scaled**2 + LOG_TWO_PI) - self.log_std


@dataclass(frozen=True)
class FullGaussian:
    """q(z|x) = N(mean, L L'), with correlations: mean (B, D), cholesky (B, D, D) the lower triangle L, diagonal > 0."""

    mean: Tensor
    cholesky: Tensor

    @classmethod
    def of_covariance(cls, mean: Tensor, covariance: Tensor) -> FullGaussian:
        """From mean (B, D) and covariance (D, D) or (B, D, D); torch's LinAlgError if it is not positive definite."""
        return cls(mean, torch.linalg.cholesky(covariance).expand(*mean.shape, -1))

    @staticmethod
    def noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    @property
    def std(self) -> Tensor:
        """Of each dimension whatever the others are, (B, D)."""
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        return (self.cholesky**2).sum(-1)

    @property
    def log_conditional_std(self) -> Tensor:
        """log std of z_j given z_1 .. z_(j-1), (B, D): the diagonal of L."""
        return torch.log(torch.diagonal(self.cholesky, dim1=-2, dim2=-1))

    @property
    def covariance(self) -> Tensor:
        return self.cholesky @ self.cholesky.mT

    @property
    def likeliest(self) -> Tensor:
        """The code (B, D) of greatest density: the mean."""
        return self.mean

    def variance_of(self, directions: Tensor) -> Tensor:
        """Var(a_j' z) of each row a_j of directions (J, D) -> (B, J)."""
        return ((directions @ self.cholesky) ** 2).sum(-1)

    def sample(self, noise: Tensor) -> Tensor:
        """z = mean + L noise, differentiable in both; noise (S, B, D) normal."""
        return self.mean + torch.einsum("bij,sbj->sbi", self.cholesky, noise.to(self.cholesky.dtype))

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_per_dimension(z).sum(-1)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """log q(z_j | z_1 .. z_(j-1)), (S, B, D), whose sum over j is log_prob."""
        deviation = (z - self.mean).permute(1, 2, 0)  # (B, D, S): one triangular system per image for all its samples
        white = torch.linalg.solve_triangular(self.cholesky, deviation, upper=False).permute(2, 0, 1)
        return -0.5 * (white**2 + LOG_TWO_PI) - self.log_conditional_std


@dataclass(frozen=True)
class BernoulliLatent:
    """q(z|x) = prod_j Bernoulli(z_j; sigmoid(logits_j)), z in {0, 1}; logits (B, D)."""

    logits: Tensor

    heads: ClassVar[int] = 1

    @classmethod
    def from_encoder(cls, outputs: Tensor) -> BernoulliLatent:
        return cls(outputs)

    @staticmethod
    def noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def std(self) -> Tensor:
        return torch.sqrt(self.mean * torch.sigmoid(-self.logits))

    @property
    def likeliest(self) -> Tensor:
        """The code (B, D) of greatest probability: the bits nearest to the mean."""
        return self.mean.round()

    def sample(self, noise: Tensor) -> Tensor:
        """z = 1 where noise < probability; noise (S, B, D) uniform on [0, 1). Not differentiable."""
        return (noise < self.mean).to(self.logits.dtype)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_per_dimension(z).sum(-1)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """log q(z_j), (S, B, D), whose sum over j is log_prob."""
        return z * self.logits - F.softplus(self.logits)


@dataclass(frozen=True)
class CategoricalLatent:
    """q(z|x) over the numbers 0 .. K - 1, as z (S, B, 1) of one dimension; logits (B, K) need not be normalised."""

    logits: Tensor

    @staticmethod
    def noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    @property
    def probabilities(self) -> Tensor:
        """(B, K)."""
        return torch.softmax(self.logits, -1)

    @property
    def mean(self) -> Tensor:
        """The expected number, (B, 1)."""
        return (self.probabilities * self._numbers).sum(-1, keepdim=True)

    @property
    def std(self) -> Tensor:
        return (self.probabilities * (self._numbers - self.mean) ** 2).sum(-1, keepdim=True).sqrt()

    @property
    def likeliest(self) -> Tensor:
        """The number of greatest probability, (B, 1)."""
        return self.logits.argmax(-1, keepdim=True).to(self.logits.dtype)

    def sample(self, noise: Tensor) -> Tensor:
        """How many of the cumulative probabilities the noise (S, B, 1), uniform on [0, 1), has passed."""
        cumulative = self.probabilities.cumsum(-1)[..., :-1]
        return (noise >= cumulative).sum(-1, keepdim=True).to(self.logits.dtype)

    def log_prob(self, z: Tensor) -> Tensor:
        log_probabilities = torch.log_softmax(self.logits, -1).expand(*z.shape[:-1], -1)
        return torch.gather(log_probabilities, -1, z.long())[..., 0]

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """(S, B, 1): there is one dimension."""
        return self.log_prob(z)[..., None]

    @property
    def log_probabilities(self) -> Tensor:
        """(B, K), finite also where q excludes a number, so that probability times this is 0 there and not NaN."""
        return torch.log_softmax(self.logits, -1).clamp_min(torch.finfo(self.logits.dtype).min)

    @property
    def _numbers(self) -> Tensor:
        return torch.arange(self.logits.shape[-1], dtype=self.logits.dtype, device=self.logits.device)


Family = type[DiagonalGaussian] | type[BernoulliLatent] | type[CategoricalLatent]

POSTERIORS: dict[str, type[DiagonalGaussian] | type[BernoulliLatent]] = {
    "gaussian": DiagonalGaussian,
    "bernoulli": BernoulliLatent,
}
