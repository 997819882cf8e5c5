"""Two copies of one VAE that learn the same images side by side: one learns its noise level, the other has it fixed."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from vaeexplorer.configs import VaeConfig
from vaeexplorer.demos.stacked import Stack, fresh
from vaeexplorer.distributions import LOG_TWO_PI, GaussianLikelihood
from vaeexplorer.records import Estimate

NAMES = ("learned", "fixed")
LONGEST = 1000.0  # gradient, nats
NOISE = 2**32  # noise of q has other seeds than the weights
CONFIG = VaeConfig.model_validate(
    {
        "image_shape": (1, 8, 8), "hidden": (64, 64), "latent_dim": 10,
        "likelihood": "gaussian_learned", "likelihood_std": 1.0,
    }
)  # fmt: skip


class Pair:
    """Both models on images x (B, 1, 8, 8) in float64, from the same weights; the noise level that is learned begins at
    1, as far as white is from black.

    Everything random comes from the seed. variance: of the fixed one; rate: Adam's.
    """

    def __init__(self, x: Tensor, variance: float, rate: float, seed: int) -> None:
        self.x, self.generator = x, torch.Generator().manual_seed(seed + NOISE)
        vae = fresh(CONFIG, seed).double()
        self.stack, self.prior = Stack([vae, vae]), vae.prior
        self.likelihood = GaussianLikelihood(1.0, vae.config.output, "learned")
        start = torch.tensor([0.0, 0.5 * math.log(variance)], dtype=torch.float64)
        self.log_std = nn.Parameter(start.view(2, 1, 1, 1, 1))
        self.likelihood.log_std = self.log_std
        self.moved = [*self.stack.parameters(), self.log_std]
        self.adam = torch.optim.Adam(self.moved, lr=rate, fused=True)

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
        self._tame([p.grad for p in self.moved if p.grad is not None])
        self.adam.step()

    def _tame(self, gradients: list[Tensor]) -> None:
        """Hold the fixed noise level, and cut each model's gradient to a length of 1000: a draw in the tail of a narrow
        bell has a gradient of millions, from which Adam would need a thousand steps to recover.
        """
        gradients[-1][NAMES.index("fixed")] = 0.0
        lengths = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0).sqrt()
        shorter = (LONGEST / lengths).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(shorter.view(-1, *(1 for _ in gradient.shape[1:])))

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
        return _elbo_of(learned), _elbo_of(fixed)

    @torch.no_grad()
    def reconstructions(self, x: Tensor) -> Tensor:
        """E[x|z] at the mean of q, (2, B, 1, 8, 8)."""
        return self.stack.decode(self.stack.posterior(x).mean)


def _elbo_of(values: np.ndarray) -> Estimate:
    over = "draws of q for each image"
    return Estimate.mean_of(values, kind="lower bound", over=over, name="ELBO", unit="nats per image")


def ceiling(std: float, pixels: int) -> float:
    """-(d/2) log 2 pi s^2, nats: the density of an image that is met exactly; no log p(x) is above it."""
    return -0.5 * pixels * (LOG_TWO_PI + 2 * math.log(std))
