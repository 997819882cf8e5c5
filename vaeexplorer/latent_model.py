"""What an estimator asks of a model of x and z: the VAE, the exact linear-Gaussian model and the mixture all have it.

Shapes: x (B, ...) as the likelihood wants it; z and noise (S, B, D); log-densities (S, B) in nats, summed over pixels
or latent dimensions, in the dtype of the model's parameters.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from vaeexplorer.distributions import Prior


class Posterior(Protocol):
    """A distribution over z for each of B images: q(z|x), a proposal, or the true posterior."""

    @property
    def mean(self) -> Tensor: ...

    @property
    def std(self) -> Tensor: ...

    @staticmethod
    def noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor: ...

    def sample(self, noise: Tensor) -> Tensor: ...

    def log_prob(self, z: Tensor) -> Tensor: ...


class LatentModel(Protocol):
    """p(x, z) = p(z) p(x|z) with an amortized q(z|x)."""

    prior: Prior

    @property
    def latent_dim(self) -> int: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def check(self, x: Tensor) -> None:
        """Raises ValueError, one line, if x has another shape, is not finite, or is not what the likelihood takes."""

    def posterior(self, x: Tensor) -> Any:
        """The amortized q(z|x) in use, a Posterior."""

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z), (S, B), for z (S, B, D)."""

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z), (S, B), for z (S, B, D)."""

    def log_likelihood_table(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x_b|z_s), (S, B), of every image under every one of the codes z (S, D), each decoded once."""

    def simulate(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """x (count, ...) and the z (count, D) that it came from: z ~ p(z), x ~ p(x|z)."""


@runtime_checkable
class ExactModel(Protocol):
    """A LatentModel in which what the others must estimate is known in closed form."""

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), (B,) nats, exact."""

    def true_posterior(self, x: Tensor) -> Any:
        """p(z|x), a Posterior."""

    def best_diagonal(self, x: Tensor) -> Any:
        """The diagonal Gaussian nearest to the posterior, argmin KL(q || p(z|x))."""

    def elbo(self, x: Tensor, q: Any) -> Tensor:
        """E_q[log p(x, z) - log q(z)], (B,) nats, exact, for a Gaussian q."""
