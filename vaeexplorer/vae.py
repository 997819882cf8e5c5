"""The variational autoencoder: prior p(z), likelihood p(x|z) through the decoder, posterior q(z|x) through the
encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vaeexplorer.architectures import Activation, Conv, ConvTranspose, Dense, Layers, Reshape
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import (
    LIKELIHOODS,
    POSTERIORS,
    PRIORS,
    BernoulliLatent,
    DiagonalGaussian,
    Likelihood,
    Prior,
)

Posterior = DiagonalGaussian | BernoulliLatent


class VAE(nn.Module):
    """A model by its configuration; weights are drawn from torch's global generator (seed it, or load a checkpoint)."""

    prior: Prior
    likelihood: Likelihood

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build(config.encoder_layers)
        self.decoder = build(config.decoder_layers)
        self.prior = PRIORS[config.prior](config.latent_dim)
        self.likelihood = LIKELIHOODS[config.likelihood](config.likelihood_std, config.output)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @property
    def latent_dim(self) -> int:
        return self.config.latent_dim

    def check(self, x: Tensor) -> None:
        """Raises ValueError, one line, unless x is images (B, C, H, W) that the likelihood can judge."""
        self._check_shape(x)
        if x.dtype != self.dtype or not len(x):
            raise ValueError(f"expected at least one image of {self.dtype}, got {len(x)} of {x.dtype}: use x.to(...)")
        if not torch.isfinite(x).all():
            raise ValueError("expected finite images, got NaN or infinity: leave these images out")
        self.likelihood.check(x)

    def posterior(self, x: Tensor) -> Posterior:
        """q(z|x) for images x (B, C, H, W) in [0, 1]; its `.mean` and `.std` are (B, D).

        Raises ValueError if x has another shape than the model's images.
        """
        self._check_shape(x)
        return POSTERIORS[self.config.posterior].from_encoder(_at_least_float32(self.encoder(x)))

    def decoder_outputs(self, z: Tensor) -> Tensor:
        """z (S, B, D) -> the likelihood's parameters (S, B, heads * C, H, W)."""
        if z.ndim != 3 or z.shape[-1] != self.config.latent_dim:
            raise ValueError(f"expected z (samples, images, {self.config.latent_dim}), got {tuple(z.shape)}")
        return _at_least_float32(self.decoder(z.flatten(0, 1))).unflatten(0, z.shape[:2])

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z), (S, B) in nats, for x (B, C, H, W) and z (S, B, D)."""
        return self.likelihood.log_prob(self.decoder_outputs(z), x)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log p(z), (S, B) in nats, for x (B, C, H, W) and z (S, B, D)."""
        return self.log_likelihood(x, z) + self.prior.log_prob(z)

    def log_likelihood_table(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x_b|z_s), (S, B) in nats, of every image under every code; z (S, D), each decoded once."""
        return self.likelihood.table(self.decoder_outputs(z[:, None])[:, 0], x)

    def simulate(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """x (count, C, H, W) and the z (count, D) that it came from: z ~ p(z), x ~ p(x|z)."""
        noise = self.prior.posterior.noise((1, count, self.latent_dim), generator, self.device)
        z = self.prior.sample(noise.to(self.dtype))
        return self.likelihood.sample(self.decoder_outputs(z), generator)[0], z[0]

    def decode(self, z: Tensor) -> Tensor:
        """E[x|z], (S, B, C, H, W). Only the identity link can leave [0, 1]; a picture then shows black or white
        there.
        """
        return self.likelihood.mean(self.decoder_outputs(z)).clamp(0, 1)

    def binarized(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Images as the likelihood wants them; x (B, C, H, W) in [0, 1]. Only the Bernoulli likelihood changes them."""
        return BINARIZATIONS[self.config.binarization](x, generator) if self.config.likelihood == "bernoulli" else x

    def _check_shape(self, x: Tensor) -> None:
        if x.ndim != 4 or tuple(x.shape[1:]) != self.config.image_shape:
            raise ValueError(
                f"expected images (B, {', '.join(map(str, self.config.image_shape))}), got {tuple(x.shape)}"
            )


def _at_least_float32(outputs: Tensor) -> Tensor:
    """Under autocast the networks compute in bfloat16; a sum over thousands of pixels in it would lose whole nats."""
    return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs


def build(layers: Layers) -> nn.Sequential:
    """Torch modules for a list of layers, in the same order, so that weights keep their number."""
    return nn.Sequential(*(MODULES[type(layer)](layer) for layer in layers))


def _convolution(module: type[nn.Module]) -> Callable[[Any], nn.Module]:
    return lambda layer: module(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding)


def _reshape(layer: Reshape) -> nn.Module:
    return nn.Flatten() if len(layer.shape) == 1 else nn.Unflatten(1, layer.shape)


def _already_binary(x: Tensor, generator: torch.Generator) -> Tensor:
    if not torch.all((x == 0) | (x == 1)):
        raise ValueError(
            "the Bernoulli likelihood needs binary images and these hold grey values: "
            "set binarization to dynamic or threshold, or choose another likelihood"
        )
    return x


ACTIVATION_MODULES: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU,
    "softplus": nn.Softplus, "gelu": nn.GELU, "silu": nn.SiLU,
}  # fmt: skip

MODULES: dict[type, Callable[[Any], nn.Module]] = {
    Dense: lambda layer: nn.Linear(layer.inputs, layer.outputs),
    Conv: _convolution(nn.Conv2d),
    ConvTranspose: _convolution(nn.ConvTranspose2d),
    Activation: lambda layer: ACTIVATION_MODULES[layer.name](),
    Reshape: _reshape,
}

BINARIZATIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "dynamic": lambda x, generator: torch.bernoulli(x, generator=generator),
    "threshold": lambda x, generator: (x >= 0.5).to(x.dtype),
    "none": _already_binary,
}
