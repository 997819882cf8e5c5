"""The distributions a VAE is put together from: posteriors q(z|x), priors p(z), likelihoods p(x|z).

Shapes: z and noise (S, B, D) with S samples for each of B images; parameters of q (B, D); log-densities (S, B) in nats,
summed over latent dimensions or pixels, never averaged. Noise is an argument: same noise, same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaeexplorer.numerics import continuous_bernoulli_mean, log_continuous_bernoulli_constant

LOG_TWO_PI = math.log(2 * math.pi)


class Prior(Protocol):
    """What a VAE asks of p(z); `posterior` is the family of q that its KL knows."""

    posterior: type[DiagonalGaussian] | type[BernoulliLatent]

    def log_prob(self, z: Tensor) -> Tensor: ...

    def sample(self, noise: Tensor) -> Tensor: ...

    def kl_per_dimension(self, q: Any) -> Tensor: ...


class Likelihood(Protocol):
    """What a VAE asks of p(x|z), given the decoder's outputs (S, B, heads * C, H, W)."""

    heads: int

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor: ...

    def mean(self, outputs: Tensor) -> Tensor: ...


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
    def likeliest(self) -> Tensor:
        """The code (B, D) of greatest density: the mean."""
        return self.mean

    def sample(self, noise: Tensor) -> Tensor:
        """z = mean + std * noise, differentiable in both (the reparametrization trick); noise (S, B, D) normal."""
        return self.mean + self.std * noise

    def log_prob(self, z: Tensor) -> Tensor:
        scaled = (z - self.mean) * torch.exp(-self.log_std)
        return -0.5 * (scaled**2 + LOG_TWO_PI).sum(-1) - self.log_std.sum(-1)


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
        return (z * self.logits - F.softplus(self.logits)).sum(-1)


class StandardNormal(nn.Module):
    """p(z) = N(0, I)."""

    posterior: type[DiagonalGaussian] | type[BernoulliLatent] = DiagonalGaussian

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z**2 + LOG_TWO_PI).sum(-1)

    def sample(self, noise: Tensor) -> Tensor:
        return noise

    def kl_per_dimension(self, q: DiagonalGaussian) -> Tensor:
        """KL(q_j || p_j), (B, D), exact.   (1/2) [mu^2 + s^2 - 1] - log s   Source: Kingma & Welling 2014, app. B."""
        return 0.5 * (q.mean**2 + torch.exp(2 * q.log_std) - 1) - q.log_std


class LearnedGaussian(nn.Module):
    """p(z) = N(m, L L'), with the mean m and the lower triangle L (positive diagonal) learned along with the
    decoder.
    """

    posterior: type[DiagonalGaussian] | type[BernoulliLatent] = DiagonalGaussian

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
        white = torch.linalg.solve_triangular(self.cholesky, (z - self.mean).unsqueeze(-1), upper=False).squeeze(-1)
        return -0.5 * (white**2 + LOG_TWO_PI).sum(-1) - self.log_diagonal.sum()

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean + noise @ self.cholesky.T

    def kl_per_dimension(self, q: DiagonalGaussian) -> Tensor:
        """E_q KL(q(z_j) || p(z_j | z_1 .. z_(j-1))), (B, D), exact; the sum over j is KL(q || p) by the chain rule.

        With A = L^-1 term j is (1/2) [(A (mu - m))_j^2 + sum_k A_jk^2 s_k^2 - 1] - log s_j + log L_jj.
        """
        eye = torch.eye(self.latent_dim, dtype=q.mean.dtype, device=q.mean.device)
        inverse = torch.linalg.solve_triangular(self.cholesky, eye, upper=False)
        shift = (q.mean - self.mean) @ inverse.T
        spread = torch.exp(2 * q.log_std) @ (inverse**2).T
        return 0.5 * (shift**2 + spread - 1) - q.log_std + self.log_diagonal


class FairBits(nn.Module):
    """p(z) = prod_j Bernoulli(z_j; 1/2): each of the 2^D codes is equally likely."""

    posterior: type[DiagonalGaussian] | type[BernoulliLatent] = BernoulliLatent

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def log_prob(self, z: Tensor) -> Tensor:
        return torch.full(z.shape[:-1], -self.latent_dim * math.log(2), dtype=z.dtype, device=z.device)

    def sample(self, noise: Tensor) -> Tensor:
        return (noise < 0.5).to(noise.dtype)

    def kl_per_dimension(self, q: BernoulliLatent) -> Tensor:
        """KL(Bernoulli(p_j) || Bernoulli(1/2)) = log 2 - H(p_j), (B, D), exact."""
        entropy = F.softplus(q.logits) - q.logits * q.mean
        return math.log(2) - entropy


class BernoulliLogProb(torch.autograd.Function):
    """sum over pixels of x l - softplus(l), with its derivative x - sigmoid(l) written out.

    softplus(l) = max(l, 0) - log sigmoid(|l|): torch's own softplus is not vectorised on the CPU and took, with its
    derivative, a tenth of a training step. The rounding of sigmoid near 1 costs at most 3e-8 per pixel in float32.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(outputs: Tensor, x: Tensor) -> Tensor:
        terms = (x * outputs).sub_(outputs.clamp_min(0)).add_(outputs.abs().sigmoid_().log_())
        return terms.sum((-3, -2, -1))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        outputs, x = ctx.saved_tensors
        scale = gradient[..., None, None, None]
        of_x = (scale * outputs).sum_to_size(x.shape) if ctx.needs_input_grad[1] else None
        return (x - torch.sigmoid(outputs)) * scale, of_x


class BernoulliLikelihood(nn.Module):
    """p(x|z) = prod Bernoulli(x; sigmoid(logits)) on binary x: a probability mass, so log p(x|z) <= 0."""

    heads = 1  # decoder channels for each image channel

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """outputs (S, B, C, H, W) logits, x (B, C, H, W) in {0, 1} -> (S, B):  sum x logits - softplus(logits)."""
        return BernoulliLogProb.apply(outputs, x)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)


class ContinuousBernoulliLikelihood(nn.Module):
    """p(x|z) = prod C(l) l^x (1 - l)^(1 - x), a density on [0, 1].   Source: Loaiza-Ganem & Cunningham 2019, eq. 4."""

    heads = 1

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        terms = x * outputs - F.softplus(outputs) + log_continuous_bernoulli_constant(outputs)
        return terms.sum((-3, -2, -1))

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected picture, which is not sigmoid(logits)."""
        return continuous_bernoulli_mean(outputs)


class GaussianLikelihood(nn.Module):
    """p(x|z) = prod N(x; mean(z), std^2), with std fixed, one learned number, or one for each pixel from the decoder.

    output: "sigmoid" keeps the mean in (0, 1) as Kingma & Welling 2014 (section 5) do for grey faces; "identity"
    leaves it
    free, as the linear model needs. A learned std has no lower limit: the density is unbounded and so may be the ELBO.
    """

    def __init__(self, std: float, output: str, spread: str) -> None:
        super().__init__()
        self.heads = 2 if spread == "pixel" else 1
        self.output, self.spread = output, spread
        log_std = torch.tensor(math.log(std))
        if spread == "learned":
            self.log_std = nn.Parameter(log_std)
        else:
            self.register_buffer("log_std", log_std, persistent=False)

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        mean, log_std = self.mean(outputs), self._log_std(outputs)
        terms = -0.5 * (((x - mean) * torch.exp(-log_std)) ** 2 + LOG_TWO_PI) - log_std
        return terms.sum((-3, -2, -1))

    def mean(self, outputs: Tensor) -> Tensor:
        mean = outputs.chunk(self.heads, dim=-3)[0]
        return torch.sigmoid(mean) if self.output == "sigmoid" else mean

    def _log_std(self, outputs: Tensor) -> Tensor:
        # A decoder starts near 0, so its per-pixel spread is read as log(std / the configured std).
        return self.log_std + outputs.chunk(2, dim=-3)[1] if self.spread == "pixel" else self.log_std


POSTERIORS: dict[str, type[DiagonalGaussian] | type[BernoulliLatent]] = {
    "gaussian": DiagonalGaussian,
    "bernoulli": BernoulliLatent,
}

PRIORS: dict[str, Callable[[int], Prior]] = {
    "standard_normal": StandardNormal,
    "learned_gaussian": LearnedGaussian,
    "fair_bits": FairBits,
}

# name -> (std, output) -> module; the first two have no use for either.
LIKELIHOODS: dict[str, Callable[[float, str], Likelihood]] = {
    "bernoulli": lambda std, output: BernoulliLikelihood(),
    "continuous_bernoulli": lambda std, output: ContinuousBernoulliLikelihood(),
    "gaussian": partial(GaussianLikelihood, spread="fixed"),
    "gaussian_learned": partial(GaussianLikelihood, spread="learned"),
    "gaussian_pixel": partial(GaussianLikelihood, spread="pixel"),
}
