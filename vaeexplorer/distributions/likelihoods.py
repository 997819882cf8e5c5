"""Likelihoods p(x|z): log-densities (S, B) in nats, summed over pixels, never averaged."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaeexplorer.distributions.posteriors import LOG_TWO_PI
from vaeexplorer.numerics import (
    continuous_bernoulli_mean,
    continuous_bernoulli_quantile,
    log_continuous_bernoulli_constant,
)

PIECE = 2**22  # numbers that a table may hold at a time
FAR = 10.0  # standard deviations that a draw never is away from its mean


class Likelihood(Protocol):
    """What a VAE asks of p(x|z), given the decoder's outputs (S, B, heads * C, H, W)."""

    heads: int

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor: ...

    def table(self, outputs: Tensor, x: Tensor) -> Tensor:
        """log p(x_b|z_s), (S, B) nats, of each image x (B, C, H, W) under each output (S, heads * C, H, W)."""

    def mean(self, outputs: Tensor) -> Tensor: ...

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """x ~ p(x|z) for each of the outputs, shaped like the mean."""

    def check(self, x: Tensor) -> None:
        """Raises ValueError, one line, if x holds a value that p(x|z) is not made for."""


def _log_sigmoid_of(sizes: Tensor) -> Tensor:
    """sum over pixels of log sigmoid(s), s >= 0, (..., C, H, W) -> (...); may overwrite `sizes`.

    A logarithm costs more than all else here, so it is taken of products: of up to 16 pixels, as sigmoid(s) >= 1/2.
    The rounding of sigmoid near 1 costs at most 3e-8 per pixel in float32.
    """
    factors = sizes.sigmoid_().flatten(-3)
    for _ in range(4):
        if factors.shape[-1] % 2 == 0:
            first, second = factors.chunk(2, -1)
            factors = first * second
    return factors.log_().sum(-1)


class BernoulliLogProb(torch.autograd.Function):
    """sum over pixels of x l - softplus(l), with its derivative x - sigmoid(l) written out.

    softplus(l) = max(l, 0) - log sigmoid(|l|): torch's own softplus is not vectorised on the CPU and took, with its
    derivative, a tenth of a training step.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(outputs: Tensor, x: Tensor) -> Tensor:
        linear = (x * outputs).sub_(outputs.clamp_min(0))
        return linear.flatten(-3).sum(-1) + _log_sigmoid_of(outputs.abs())

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
        if torch.is_grad_enabled() or not torch.all((x == 0) | (x == 1)):
            return BernoulliLogProb.apply(outputs, x)
        # For binary x it is log sigmoid((2 x - 1) l), one pass over the pixels less.
        turned = outputs * (2 * x - 1)
        return turned.clamp_max(0).flatten(-3).sum(-1) + _log_sigmoid_of(turned.abs_())

    def table(self, outputs: Tensor, x: Tensor) -> Tensor:
        """As one matrix product over pixels, and the softplus once per output instead of once per pair."""
        softplus = outputs.clamp_min(0).flatten(-3).sum(-1) - _log_sigmoid_of(outputs.abs())
        return outputs.flatten(1) @ x.flatten(1).T - softplus[:, None]

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        return torch.bernoulli(self.mean(outputs), generator=generator)

    def check(self, x: Tensor) -> None:
        if not torch.all((x == 0) | (x == 1)):
            raise ValueError(
                "expected binary images (the likelihood is Bernoulli), got grey values: make them binary first, "
                "with vae.binarized(x, generator) or by a threshold"
            )


class ContinuousBernoulliLikelihood(nn.Module):
    """p(x|z) = prod C(l) l^x (1 - l)^(1 - x), a density on [0, 1].   Source: Loaiza-Ganem & Cunningham 2019, eq. 4."""

    heads = 1

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        terms = x * outputs - F.softplus(outputs) + log_continuous_bernoulli_constant(outputs)
        return terms.sum((-3, -2, -1))

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected picture, which is not sigmoid(logits)."""
        return continuous_bernoulli_mean(outputs)

    def table(self, outputs: Tensor, x: Tensor) -> Tensor:
        """As a matrix product: only x l mixes images and outputs."""
        logits = outputs.flatten(1)
        alone = log_continuous_bernoulli_constant(logits) - F.softplus(logits)
        return logits @ x.flatten(1).T + alone.sum(-1, keepdim=True)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        uniform = torch.rand(outputs.shape, generator=generator, device=outputs.device, dtype=outputs.dtype)
        return continuous_bernoulli_quantile(outputs, uniform)

    def check(self, x: Tensor) -> None:
        if x.min() < 0 or x.max() > 1:
            raise ValueError(
                f"expected images in [0, 1] (the likelihood is continuous Bernoulli), got {x.min():.4g} to "
                f"{x.max():.4g}: scale them first"
            )


class GaussianLikelihood(nn.Module):
    """p(x|z) = prod N(x; mean(z), std^2), with std fixed, one learned number, or one for each pixel from the decoder.

    output: "sigmoid" keeps the mean in (0, 1) as Kingma & Welling 2014 (section 5) do for grey faces; "identity"
    leaves it free, as the linear model needs. A learned std has no lower limit: the density is unbounded and so may be
    the ELBO.
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

    def table(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Where the spread is one number, |x - m|^2 = |x|^2 + |m|^2 - 2 x.m as one matrix product, else in pieces."""
        if self.spread == "pixel":
            return _table_in_pieces(self, outputs, x)
        # In float64, for the three parts cancel, and that is multiplied by 1 / (2 std^2).
        mean, x, log_std = self.mean(outputs).double().flatten(1), x.double().flatten(1), self.log_std.double()
        squares = (mean**2).sum(-1, keepdim=True) + (x**2).sum(-1) - 2 * mean @ x.T
        constant = x.shape[1] * (0.5 * LOG_TWO_PI + log_std)
        return (-0.5 * torch.exp(-2 * log_std) * squares - constant).to(outputs.dtype)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        mean = self.mean(outputs)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return mean + torch.exp(self._log_std(outputs)) * noise

    def check(self, x: Tensor) -> None:
        """Draws of p(x|z) leave [0, 1] and must pass; pictures in bytes must not, where the mean cannot follow them."""
        far = FAR * max(1.0, self.log_std.exp().item())
        if self.output == "sigmoid" and (x.min() < -far or x.max() > 1 + far):
            raise ValueError(
                f"expected images about [0, 1] (the likelihood's mean is), got {x.min():.4g} to {x.max():.4g}: "
                "scale them first"
            )

    def _log_std(self, outputs: Tensor) -> Tensor:
        # A decoder starts near 0, so its per-pixel spread is read as log(std / the configured std).
        return self.log_std + outputs.chunk(2, dim=-3)[1] if self.spread == "pixel" else self.log_std


def _table_in_pieces(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> Tensor:
    """log p(x_b|z_s), (S, B), some outputs at a time, so that memory stays flat."""
    size = max(1, PIECE // x.numel())
    return torch.cat([likelihood.log_prob(part[:, None], x) for part in outputs.split(size)])


# name -> (std, output) -> module; the first two have no use for either.
LIKELIHOODS: dict[str, Callable[[float, str], Likelihood]] = {
    "bernoulli": lambda std, output: BernoulliLikelihood(),
    "continuous_bernoulli": lambda std, output: ContinuousBernoulliLikelihood(),
    "gaussian": partial(GaussianLikelihood, spread="fixed"),
    "gaussian_learned": partial(GaussianLikelihood, spread="learned"),
    "gaussian_pixel": partial(GaussianLikelihood, spread="pixel"),
}
