"""A mixture of Gaussians on the line: its likelihood is a sum, its posterior the responsibilities, so its gap is 0."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vaeexplorer.distributions import LOG_TWO_PI, Categorical, CategoricalLatent


class MixtureOfGaussians(nn.Module):
    """z = k with probability w_k, x ~ N(m_k, s_k^2): a LatentModel and an ExactModel with a discrete latent.

    Args: weights (K,) above 0 with sum 1; means, stds (K,), stds above 0; encoder: x (B, 1) -> the amortized q(z|x), a
        CategoricalLatent (B, K), the responsibilities by default.
    x is (B, 1), z (S, B, 1): the number of the component, 0 .. K - 1, as a floating-point number.
    Raises: ValueError for shapes that do not fit or values out of range.
    """

    means: Tensor
    stds: Tensor

    def __init__(
        self,
        weights: Tensor,
        means: Tensor,
        stds: Tensor,
        encoder: Callable[[Tensor], CategoricalLatent] | None = None,
    ) -> None:
        super().__init__()
        self.prior = Categorical(weights)
        self.register_buffer("means", torch.as_tensor(means))
        self.register_buffer("stds", torch.as_tensor(stds))
        if not self.prior.log_weights.shape == self.means.shape == self.stds.shape:
            raise ValueError(f"expected as many means and stds as weights, {len(self.prior.log_weights)} of each")
        if not (torch.isfinite(self.means).all() and torch.isfinite(self.stds).all() and (self.stds > 0).all()):
            raise ValueError("expected finite means, and finite stds above 0")
        self.encoder = encoder

    @property
    def latent_dim(self) -> int:
        return 1

    @property
    def device(self) -> torch.device:
        return self.means.device

    @property
    def dtype(self) -> torch.dtype:
        return self.means.dtype

    def check(self, x: Tensor) -> None:
        """Raises ValueError, one line, unless x is (B, 1) with B >= 1 and finite."""
        if x.ndim != 2 or x.shape[1] != 1 or not len(x):
            raise ValueError(f"expected x (points, 1), at least one, got {tuple(x.shape)}")
        if not torch.isfinite(x).all():
            raise ValueError("expected finite values of x, got NaN or infinity: leave these points out")

    def posterior(self, x: Tensor) -> CategoricalLatent:
        """The amortized q(z|x) in use."""
        return self.encoder(x) if self.encoder else self.true_posterior(x)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) = log N(x; m_z, s_z^2), (S, B) nats."""
        numbers = z.long().expand(-1, len(x), -1)
        components = self._components(x).to(self.dtype).expand(len(z), -1, -1)
        return torch.gather(components, -1, numbers)[..., 0]

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log w_z, (S, B) nats."""
        return self.log_likelihood(x, z) + self.prior.log_prob(z)

    def log_likelihood_table(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x_b|z_s), (S, B) nats, for z (S, 1)."""
        return self._components(x).to(self.dtype).T[z[:, 0].long()]

    def simulate(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """x (count, 1) and the z (count, 1) that it came from."""
        uniform = CategoricalLatent.noise((1, count, 1), generator, self.device).to(self.dtype)
        z = self.prior.sample(uniform)[0]
        noise = torch.randn(z.shape, generator=generator, device=self.device, dtype=self.dtype)
        return self.means[z.long()] + self.stds[z.long()] * noise, z

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x) = log sum_k w_k N(x; m_k, s_k^2), (B,) float64 nats, exact."""
        return torch.logsumexp(self._joint(x), -1)

    def true_posterior(self, x: Tensor) -> CategoricalLatent:
        """The responsibilities w_k N(x; m_k, s_k^2) / p(x), in the model's dtype."""
        return CategoricalLatent(torch.log_softmax(self._joint(x), -1).to(self.dtype))

    def best_diagonal(self, x: Tensor) -> CategoricalLatent:
        """The q without dependence between dimensions that is nearest: with one dimension, the posterior itself."""
        return self.true_posterior(x)

    def elbo(self, x: Tensor, q: CategoricalLatent | None = None) -> Tensor:
        """E_q[log p(x, z) - log q(z)], (B,) float64 nats, exact: a sum over the components; by default of q in use."""
        q = self._double(x, q)
        return (q.probabilities * (self._joint(x) - q.log_probabilities)).sum(-1)

    def gap(self, x: Tensor, q: CategoricalLatent | None = None) -> Tensor:
        """log p(x) - ELBO(q) = KL(q || p(z|x)), (B,) float64 nats, exact."""
        q, joint = self._double(x, q), self._joint(x)
        return (q.probabilities * (q.log_probabilities - torch.log_softmax(joint, -1))).sum(-1)

    def _double(self, x: Tensor, q: CategoricalLatent | None) -> CategoricalLatent:
        return CategoricalLatent((q or self.posterior(x)).logits.double())

    def _components(self, x: Tensor) -> Tensor:
        """log N(x; m_k, s_k^2), (B, K), in float64."""
        means, stds = self.means.double(), self.stds.double()
        return -0.5 * (((x.double() - means) / stds) ** 2 + LOG_TWO_PI) - torch.log(stds)

    def _joint(self, x: Tensor) -> Tensor:
        """log p(x, z = k), (B, K), in float64."""
        self.check(x)
        return self._components(x) + self.prior.log_weights.double()
