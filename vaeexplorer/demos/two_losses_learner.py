"""A little VAE that learns step by step, and a meter that reads both of its losses without any sampling."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from vaeexplorer import datasets
from vaeexplorer.configs import VaeConfig
from vaeexplorer.demos.stacked import fresh
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.training import drawn, only, parts_of, unit
from vaeexplorer.vae import VAE

CONFIG = VaeConfig.model_validate({"image_shape": (1, 8, 8), "hidden": (64, 64), "latent_dim": 2})
BATCH, RATE = 128, 2e-3  # images in a step; Adam's learning rate
CALM = 5e-4  # the learning rate where one looks at single moves: at RATE they are lost in the steps' own noise
TOGETHER = (25,) * 16  # steps of both, between moments, before one looks at single moves
REACH, SPACING = 5.0, 0.2  # of the lattice that S is read from, in standard deviations of the prior
NODES = 6  # of Gauss and Hermite's rule, along each of two dimensions
BINARY_SEED = 0  # the test images are the same for every seed of a demonstration
SHOWN = {0: 54, 1: 33, 4: 52}  # test images that are looked at, by the digit that one clearly sees


class Learner:
    """A VAE of CONFIG in training on the digits; each step moves "encoder", "decoder" or "both" by Adam.

    Everything random (weights, order and binarisation of the images, noise) comes from `seed`; all learners of a seed
    begin with the same weights. encoder_rate: the encoder's learning rate.
    """

    def __init__(self, seed: int, encoder_rate: float = RATE) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.vae = fresh(CONFIG, seed)
        self.parts, self.rates = parts_of(self.vae), (encoder_rate, RATE)
        self.done = self.position = 0
        self._refill()

    def calm_down(self, rate: float) -> None:
        """Both players go on at this learning rate."""
        self.rates = (rate, rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def steps(self, part: str, count: int) -> None:
        """So many steps of "encoder", "decoder" or "both"."""
        for _ in range(count):
            self.step(part)

    def step(self, part: str) -> None:
        """One step with a fresh batch: down the gradient of -ELBO by one sample of q for each image."""
        start = self.position * BATCH
        x, noise = self.images[start : start + BATCH], self.noise[:, start : start + BATCH]
        with only(self.parts, part):
            terms = elbo_terms(self.vae, x, noise)
            loss = (terms.kl_per_dimension.sum(-1) - terms.reconstruction).mean()
            self.optimizer.zero_grad()
            loss.backward()
        self.optimizer.step()
        self.done, self.position = self.done + 1, self.position + 1
        if (self.position + 1) * BATCH > len(self.images):
            self._refill()

    def fork(self) -> Learner:
        """Another that goes on from here to the same bits."""
        twin = copy.copy(self)
        twin.vae = copy.deepcopy(self.vae)
        twin.generator = torch.Generator()
        twin.generator.set_state(self.generator.get_state())
        twin.parts = parts_of(twin.vae)
        if vars(twin).pop("optimizer", None):
            twin.optimizer.load_state_dict(copy.deepcopy(self.optimizer.state_dict()))
        return twin

    @cached_property
    def optimizer(self) -> torch.optim.Adam:
        """Made at the first step: torch takes its time for the first one, and the first picture shall not wait."""
        groups = [{"params": self.parts[name], "lr": rate} for name, rate in zip(PARTS, self.rates, strict=True)]
        return torch.optim.Adam(groups, fused=True)

    def _refill(self) -> None:
        """The images of the next epoch in their order, binary ones drawn anew, and their noise; a rest is left out."""
        train = _training_images()
        order = torch.randperm(len(train), generator=self.generator)
        self.images = drawn(train[order], self.generator)
        self.noise = torch.randn((1, len(train), CONFIG.latent_dim), generator=self.generator)
        self.position = 0


PARTS = ("encoder", "decoder")


@cache
def _training_images() -> Tensor:
    """(N, 1, 8, 8) in [0, 1]."""
    return unit(torch.from_numpy(datasets.load("digits").train))


@cache
def test_images() -> tuple[Tensor, list[int]]:
    """Binary test images (360, 1, 8, 8), and which of them are shown."""
    grey, generator = unit(torch.from_numpy(datasets.load("digits").test)), torch.Generator().manual_seed(BINARY_SEED)
    return torch.bernoulli(grey, generator=generator), list(SHOWN.values())


@dataclass(frozen=True)
class Reading:
    """Both losses of a VAE, nats for each of B test images: u = -ELBO, s = -log p(x), so that the gap is u - s.

    log_posterior: (S, K), log p(z|x) of the K shown images on the lattice; mean, std: (K, 2), of q(z|x); means:
    (K, 8, 8), what the decoder makes of the mean of q.
    """

    u: np.ndarray
    s: np.ndarray
    log_posterior: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    means: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        return self.u - self.s


@torch.no_grad()
def read(vae: VAE) -> Reading:
    """U and S of the test images by adding up, nothing is drawn.

    S = -log sum_z p(x, z) h^2 over a lattice of spacing h that does not know the encoder; U = KL(q || p(z)) - E_q log
    p(x|z), the expectation by Gauss and Hermite's rule.   Error: of the mean over images about 1e-4 nats for S and
    1e-3 for U, where q is not narrower than the spacing; for one image up to a hundred times as much.
    Raises: ValueError, in words, where the numbers have left all bounds.
    """
    x, shown = test_images()
    codes, log_prior = lattice()
    joint = vae.log_likelihood_table(x, codes).double() + log_prior[:, None]
    s = -(torch.logsumexp(joint, 0) + 2 * math.log(SPACING))
    q = vae.posterior(x)
    nodes, weights = _rule()
    reconstruction = weights @ vae.log_likelihood(x, q.mean + q.std * nodes).double()
    u = vae.prior.kl_per_dimension(q).sum(-1).double() - reconstruction
    if not bool(torch.isfinite(u).all() and torch.isfinite(s).all()):
        raise ValueError("the training left all bounds and its numbers are no numbers any more: choose milder settings")
    means = vae.decode(q.mean[shown][None])[0, :, 0]
    return Reading(*(t.numpy() for t in (u, s, joint[:, shown] + s[shown], q.mean[shown], q.std[shown], means)))


@cache
def lattice() -> tuple[Tensor, Tensor]:
    """Codes (S, 2), row by row upwards, and log p(z) of each, (S,)."""
    axis = torch.arange(-round(REACH / SPACING), round(REACH / SPACING) + 1) * SPACING
    codes = torch.cartesian_prod(axis, axis).flip(1)  # the first number changes fastest, as in a picture
    return codes, -0.5 * (codes.double() ** 2).sum(1) - math.log(2 * math.pi)


@cache
def _rule() -> tuple[Tensor, Tensor]:
    """Places (S, 1, 2) and weights (S,) that stand for a standard normal variable in two dimensions."""
    places, weights = np.polynomial.hermite_e.hermegauss(NODES)
    across = torch.from_numpy(places).float()
    share = weights / weights.sum()
    return torch.cartesian_prod(across, across)[:, None], torch.from_numpy(np.outer(share, share).ravel())
