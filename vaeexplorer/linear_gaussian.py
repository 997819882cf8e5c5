"""The exact model: linear and Gaussian throughout, so that all that must be estimated elsewhere has a closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vaeexplorer.distributions import (
    LOG_TWO_PI,
    DiagonalGaussian,
    FullGaussian,
    StandardNormal,
    chi_square,
    kl_divergence,
)

Gaussian = DiagonalGaussian | FullGaussian


class LinearGaussian(nn.Module):
    """x = W z + b + N(0, s2 I) with z ~ N(0, I): a LatentModel and an ExactModel.

    Args: weight (d, k) W; bias (d,) b; variance s2 > 0, one number; encoder: x (B, d) -> the amortized q(z|x), a
        DiagonalGaussian or FullGaussian (B, k), the best diagonal one by default.
    x is (B, d), z (S, B, k). Densities of draws are in the dtype of `weight`; closed forms are in float64 always.
    Raises: ValueError for shapes that do not fit, values that are not finite, or a variance that is not above 0.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor, variance: float, encoder: Callable[[Tensor], Gaussian] | None = None
    ) -> None:
        super().__init__()
        weight = torch.as_tensor(weight)
        bias = torch.as_tensor(bias, dtype=weight.dtype, device=weight.device)
        _check_parameters(weight, bias, variance)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.variance = float(variance)
        self.encoder = encoder
        self.prior = StandardNormal(weight.shape[1])

    @property
    def latent_dim(self) -> int:
        return self.weight.shape[1]

    @property
    def device(self) -> torch.device:
        return self.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.weight.dtype

    def check(self, x: Tensor) -> None:
        """Raises ValueError, one line, unless x is (B, d) with B >= 1 and finite."""
        if x.ndim != 2 or x.shape[1] != len(self.bias) or not len(x):
            raise ValueError(f"expected x (points, {len(self.bias)}), at least one, got {tuple(x.shape)}")
        if not torch.isfinite(x).all():
            raise ValueError("expected finite values of x, got NaN or infinity: leave these points out")

    def posterior(self, x: Tensor) -> Gaussian:
        """The amortized q(z|x) in use."""
        return self.encoder(x) if self.encoder else self.best_diagonal(x)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z), (S, B) nats.   log N(x; W z + b, s2 I)"""
        if z.ndim != 3 or z.shape[-1] != self.latent_dim:
            raise ValueError(f"expected z (samples, points, {self.latent_dim}), got {tuple(z.shape)}")
        deviation = x.to(self.dtype) - self._means(z)
        return self._log_normal((deviation**2).sum(-1))

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) = log p(x|z) + log p(z), (S, B) nats."""
        return self.log_likelihood(x, z) + self.prior.log_prob(z.to(self.dtype))

    def log_likelihood_table(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x_b|z_s), (S, B) nats, for z (S, k)."""
        # The plain distance: |a|^2 + |b|^2 - 2 a.b would lose digits where a and b are close.
        mode = "donot_use_mm_for_euclid_dist"
        return self._log_normal(torch.cdist(self._means(z), x.to(self.dtype), compute_mode=mode) ** 2)

    def simulate(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """x (count, d) and the z (count, k) that it came from."""
        z = self._normal((count, self.latent_dim), generator)
        return self._means(z) + self.variance**0.5 * self._normal((count, len(self.bias)), generator), z

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x) = log N(x; b, W W' + s2 I), (B,) float64 nats, exact."""
        self.check(x)
        weight, centred = self.weight.double(), x.double() - self.bias.double()
        covariance = weight @ weight.T + self.variance * torch.eye(len(weight), dtype=torch.float64, device=self.device)
        factor = torch.linalg.cholesky(covariance)
        white = torch.linalg.solve_triangular(factor, centred.T, upper=False)
        return -0.5 * (white**2 + LOG_TWO_PI).sum(0) - torch.log(torch.diagonal(factor)).sum()

    def true_posterior(self, x: Tensor) -> FullGaussian:
        """p(z|x) = N(Lam^-1 W'(x - b) / s2, Lam^-1) with Lam = I + W'W / s2; parameters in the model's dtype."""
        exact = self._posterior(x)
        return FullGaussian(exact.mean.to(self.dtype), exact.cholesky.to(self.dtype))

    def best_diagonal(self, x: Tensor) -> DiagonalGaussian:
        """argmin KL(q || p(z|x)) over diagonal Gaussians: the posterior's mean, variances 1 / Lam_jj.

        Its gap is (1/2) [sum log Lam_jj - log det Lam].
        """
        mean = self._posterior(x).mean.to(self.dtype)
        log_std = -0.5 * torch.log(torch.diagonal(self._precision()))
        return DiagonalGaussian(mean, log_std.to(self.dtype).expand_as(mean))

    def elbo(self, x: Tensor, q: Gaussian | None = None) -> Tensor:
        """E_q[log p(x|z)] - KL(q || p(z)), (B,) float64 nats, exact, for a Gaussian q; by default the one in use."""
        q = _double(q or self.posterior(x))
        return self.reconstruction(x, q) - self.prior.kl_per_dimension(q).sum(-1)

    def reconstruction(self, x: Tensor, q: Gaussian) -> Tensor:
        """E_q log p(x|z), (B,) float64 nats, exact.   -(d/2) log 2 pi s2 - [|x - W m - b|^2 + tr W C W'] / (2 s2)"""
        q, weight = _double(q), self.weight.double()
        deviation = x.double() - q.mean @ weight.T - self.bias.double()
        return self._log_normal((deviation**2).sum(-1) + ((weight @ q.cholesky) ** 2).sum((-2, -1)))

    def gap(self, x: Tensor, q: Gaussian | None = None) -> Tensor:
        """log p(x) - ELBO(q) = KL(q || p(z|x)), (B,) float64 nats, exact."""
        return kl_divergence(_double(q or self.posterior(x)), self._posterior(x))

    def relative_variance(self, x: Tensor, q: Gaussian | None = None) -> Tensor:
        """Var(w) / E[w]^2 of one importance weight w = p(x, z) / q(z), z ~ q, (B,) float64; inf where it has none.

        q None is the prior, where w = p(x|z). K draws give an effective sample size of about K / (1 + this), and a
        bound that is low by about this / (2 K).
        """
        posterior = self._posterior(x)
        return chi_square(posterior, _double(q or self.prior.as_posterior(posterior.mean)))

    def _precision(self) -> Tensor:
        """Lam = I + W'W / s2, (k, k) in float64."""
        weight = self.weight.double()
        eye = torch.eye(self.latent_dim, dtype=torch.float64, device=self.device)
        return eye + weight.T @ weight / self.variance

    def _posterior(self, x: Tensor) -> FullGaussian:
        """p(z|x) in float64."""
        self.check(x)
        factor = torch.linalg.cholesky(self._precision())
        target = (x.double() - self.bias.double()) @ self.weight.double() / self.variance
        mean = torch.cholesky_solve(target.T, factor).T
        return FullGaussian.of_covariance(mean, torch.cholesky_inverse(factor))

    def _means(self, z: Tensor) -> Tensor:
        return z.to(self.dtype) @ self.weight.T + self.bias

    def _log_normal(self, squared_distance: Tensor) -> Tensor:
        log_variance = math.log(self.variance)
        return -0.5 * (len(self.bias) * (LOG_TWO_PI + log_variance) + squared_distance / self.variance)

    def _normal(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randn(shape, generator=generator, device=self.device, dtype=self.dtype)


def _double(q: Gaussian) -> Gaussian:
    return type(q)(*(value.double() for value in vars(q).values()))


def _check_parameters(weight: Tensor, bias: Tensor, variance: float) -> None:
    if weight.ndim != 2 or bias.shape != weight.shape[:1] or not weight.numel():
        raise ValueError(f"expected weight (d, k) and bias (d,), got {tuple(weight.shape)} and {tuple(bias.shape)}")
    if not weight.is_floating_point() or not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise ValueError("expected a floating-point weight and bias with finite values")
    if not 0 < float(variance) < float("inf"):
        raise ValueError(f"expected a finite variance above 0, got {variance}")


def example() -> tuple[LinearGaussian, Tensor, DiagonalGaussian]:
    """A small model in float64 with a point x (1, 3) and a q that fits it badly, for demonstrations and tests.

    Three observed and two latent dimensions; log p(x) = -2.898548, ELBO(q) = -3.682679, gap 0.784131 nats.
    """
    weight = torch.tensor([[1.0, 0.5], [-0.3, 0.8], [0.2, -0.6]], dtype=torch.float64)
    model = LinearGaussian(weight, torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64), 0.25)
    q = DiagonalGaussian(
        torch.tensor([[0.3, -0.1]], dtype=torch.float64), 0.5 * torch.tensor([[0.2, 0.3]], dtype=torch.float64).log()
    )
    return model, torch.tensor([[1.0, -0.5, 0.75]], dtype=torch.float64), q
