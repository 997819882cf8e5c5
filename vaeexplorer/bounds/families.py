"""Families of Gaussians whose parameters climb the ELBO of an image: with independent dimensions, and with all
correlations.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from vaeexplorer.bounds.slope import joint_and_slope
from vaeexplorer.distributions import DiagonalGaussian, FullGaussian
from vaeexplorer.latent_model import LatentModel

Gaussian = DiagonalGaussian | FullGaussian

BETAS = (0.9, 0.99)  # of Adam; with torch's 0.999 it would remember a bad start all through a short climb
STEEPEST = 4.0  # nats per unit: a slope near the top is below 1, and that of a far too wide q would be thousands
WIDEST = 50  # dimensions, up to which the entries below a diagonal may move as quickly as the others


class Parameters(Protocol):
    """The free numbers of a family, for B images at once."""

    def tensors(self) -> list[Tensor]: ...

    def distribution(self) -> Gaussian: ...

    def slopes(self, noise: Tensor, slope: Tensor) -> list[Tensor]:
        """Derivatives of the ELBO (B,) by `tensors()`, from the slope of log p(x, z) at distribution().sample(noise).

        The path derivative, d/dz [log p(x, z) - log q(z)] dz/dphi: unbiased, and without variance where q is the
        posterior.   Source: Roeder, Wu & Duvenaud 2017, eq. 8.
        """

    def take(self) -> None:
        """Move the mean by the shift that the last step has found."""


class DiagonalParameters:
    """mean, log_std (B, D). The mean moves by `shift`, in standard deviations of q as it is: the steps of Adam have one
    size, and so they suit a narrow q and a wide one.
    """

    result = DiagonalGaussian

    def __init__(self, start: Gaussian) -> None:
        self.mean, self.log_std = start.mean.clone(), start.std.log()
        self.shift = torch.zeros_like(self.mean)

    def tensors(self) -> list[Tensor]:
        return [self.shift, self.log_std]

    def distribution(self) -> DiagonalGaussian:
        return DiagonalGaussian(self.mean.clone(), self.log_std.clone())

    def slopes(self, noise: Tensor, slope: Tensor) -> list[Tensor]:
        path = slope * self.log_std.exp() + noise  # - d log q / dz = (z - mean) / std^2
        return [path.mean(0), (path * noise).mean(0)]

    def take(self) -> None:
        self.mean += self.log_std.exp() * self.shift
        self.shift.zero_()


class FullParameters:
    """mean (B, D) and covariance L L' with L = diag(s) U, log s (B, D), U (B, D, D) lower with ones on its diagonal.

    s_j is the spread of z_j given those before it, so that U has no unit; the mean moves as in DiagonalParameters.
    """

    result = FullGaussian

    def __init__(self, start: Gaussian) -> None:
        factor = start.cholesky if isinstance(start, FullGaussian) else torch.diag_embed(start.std)
        diagonal = torch.diagonal(factor, dim1=-2, dim2=-1)
        self.mean, self.log_scale, self.below = start.mean.clone(), diagonal.log(), torch.tril(factor, -1)
        self.below /= diagonal[..., None]
        self.shift = torch.zeros_like(self.mean)

    def tensors(self) -> list[Tensor]:
        return [self.shift, self.log_scale, self.below]

    def distribution(self) -> FullGaussian:
        scale = self.log_scale.exp()
        return FullGaussian(self.mean.clone(), scale[..., None] * self.below + torch.diag_embed(scale))

    def slopes(self, noise: Tensor, slope: Tensor) -> list[Tensor]:
        columns = noise.permute(1, 2, 0)  # (B, D, S)
        # - diag(s) d log q / dz = U'^-1 noise; torch takes the ones on the diagonal for granted.
        score = torch.linalg.solve_triangular(self.below.mT, columns, upper=True, unitriangular=True)
        path = slope.permute(1, 2, 0) * self.log_scale.exp()[..., None] + score
        by_factor = path @ columns.mT / noise.shape[0]
        by_scale = torch.diagonal(by_factor, dim1=-2, dim2=-1) + (by_factor * self.below).sum(-1)
        return [path.mean(-1), by_scale, torch.tril(by_factor, -1)]

    def take(self) -> None:
        self.mean += self.log_scale.exp() * self.shift
        self.shift.zero_()


class Climb:
    """Adam on the parameters of B images at once; its step falls from `rate` to 0 as a cosine over `steps`."""

    def __init__(self, model: LatentModel, x: Tensor, parameters: Parameters, rate: float, steps: int) -> None:
        self.model, self.x, self.parameters, self.steps, self.done = model, x, parameters, steps, 0
        groups = [{"params": [tensor]} for tensor in parameters.tensors()]
        self.adam = torch.optim.Adam(groups, lr=rate, betas=BETAS, maximize=True, fused=True)
        # The noise in the entries of a row adds up: the more there are, the smaller the steps of a matrix.
        slower = min(1.0, math.sqrt(WIDEST / parameters.tensors()[0].shape[-1]))
        self.rates = [rate * (slower if tensor.ndim == 3 else 1.0) for tensor in parameters.tensors()]

    def step(self, samples: int, generator: torch.Generator) -> None:
        """One update by `samples` draws of each image's q."""
        parameters = self.parameters
        for group, rate in zip(self.adam.param_groups, self.rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * self.done / self.steps))
        q = parameters.distribution()
        noise = paired_noise(q, samples, generator)
        _, slope = joint_and_slope(self.model, self.x, q.sample(noise))
        for tensor, derivative in zip(parameters.tensors(), parameters.slopes(noise, slope), strict=True):
            tensor.grad = derivative.clamp(-STEEPEST, STEEPEST)
        self.adam.step()
        parameters.take()
        self.done += 1


def paired_noise(q: Gaussian, samples: int, generator: torch.Generator) -> Tensor:
    """(samples, B, D) standard normal, the second half the negative of the first: odd errors of a mean cancel."""
    half = (samples + 1) // 2
    noise = q.noise((half, *q.mean.shape), generator, q.mean.device).to(q.mean.dtype)
    return torch.cat([noise, -noise])[:samples]


FAMILIES: dict[str, type[DiagonalParameters] | type[FullParameters]] = {
    "diagonal": DiagonalParameters,
    "full": FullParameters,
}
