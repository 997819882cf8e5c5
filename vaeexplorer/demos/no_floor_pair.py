"""Two copies of one VAE that learn the same images side by side: one learns its noise level, the other has it fixed."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vaeexplorer.configs import VaeConfig
from vaeexplorer.demos.stacked import Stack
from vaeexplorer.distributions import LOG_TWO_PI
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE

NAMES = ("learned", "fixed")
CONFIG = VaeConfig(
    image_shape=(1, 8, 8), hidden=(64, 64), latent_dim=10, likelihood="gaussian_learned", likelihood_std=1.0
)


class Pair:
    """Both models on images x (B, 1, 8, 8) in float64, from the same weights; the noise level that is learned begins at
    1, as far as white is from black.

    Everything random comes from the seed. variance: of the fixed one; rate: Adam's.
    """

    def __init__(self, x: Tensor, variance: float, rate: float, seed: int) -> None:
        self.x, self.generator = x, torch.Generator().manual_seed(seed)
        vae = fresh_weights(VAE(CONFIG), self.generator).double()
        self.stack, self.prior, self.likelihood = Stack([vae, vae]), vae.prior, vae.likelihood
        start = torch.tensor([0.0, 0.5 * math.log(variance)], dtype=torch.float64)
        self.log_std = nn.Parameter(start.view(2, 1, 1, 1, 1))
        self.likelihood.log_std = self.log_std
        self.adam = torch.optim.Adam([*self.stack.parameters(), self.log_std], lr=rate, fused=True)

    @property
    def stds(self) -> tuple[float, float]:
        """The noise levels, learned and fixed, in grey levels from 0 (black) to 1 (white)."""
        learned, fixed = self.log_std.detach().exp().flatten().tolist()
        return learned, fixed

    def step(self) -> None:
        """One step of both.   Raises: ValueError, one line, where a number leaves what a float64 can hold."""
        elbos = self._elbos(self.x, 1).mean((1, 2))
        if not torch.isfinite(elbos).all():
            raise ValueError(
                f"the noise level is down to {self.stds[0]:.3g} and the score has left what a computer can hold: there "
                "is no end to it; choose a smaller learning rate, or more images"
            )
        self.adam.zero_grad()
        (-elbos.sum()).backward()
        if self.log_std.grad is not None:
            self.log_std.grad[NAMES.index("fixed")] = 0.0
        self.adam.step()

    def _elbos(self, x: Tensor, draws: int) -> Tensor:
        """The ELBO of each image by each draw of q, (2, draws, B) nats; its KL exact."""
        q = self.stack.posterior(x.repeat(draws, 1, 1, 1))
        noise = torch.randn(q.mean.shape, generator=self.generator, dtype=x.dtype)
        found = self.likelihood.log_prob(self.stack.decoder_outputs(q.sample(noise)), x.repeat(draws, 1, 1, 1))
        return (found - self.prior.kl_per_dimension(q).sum(-1)).unflatten(1, (draws, len(x)))

    @torch.no_grad()
    def elbo(self, x: Tensor, draws: int) -> tuple[Estimate, Estimate]:
        """Mean ELBO of these images, learned and fixed; the error is that of the draws of q, for the images are given.

        Source: Kingma & Welling 2014, eq. 3.
        """
        learned, fixed = self._elbos(x, draws).mean(-1).numpy()
        about = {"kind": "lower bound", "over": "draws of q for each image", "name": "ELBO", "unit": "nats per image"}
        return Estimate.mean_of(learned, **about), Estimate.mean_of(fixed, **about)

    @torch.no_grad()
    def reconstructions(self, x: Tensor) -> Tensor:
        """E[x|z] at the mean of q, (2, B, 1, 8, 8)."""
        return self.stack.decode(self.stack.posterior(x).mean)


def fresh_weights(vae: VAE, generator: torch.Generator) -> VAE:
    """Weights and biases of dense layers as torch begins them, uniform in +-1 / sqrt(inputs), but from a generator of
    one's own: other threads may draw from torch's global one meanwhile.
    """
    for layer in (module for module in vae.modules() if isinstance(module, nn.Linear)):
        reach = 1 / math.sqrt(layer.in_features)
        for parameter in (layer.weight, layer.bias):
            parameter.data.uniform_(-reach, reach, generator=generator)
    return vae


def ceiling(std: float, pixels: int) -> float:
    """-(d/2) log 2 pi s^2, nats: the density of an image that is met exactly; no log p(x) is above it."""
    return -0.5 * pixels * (LOG_TWO_PI + 2 * math.log(std))
