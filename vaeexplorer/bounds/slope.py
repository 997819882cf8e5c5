"""log p(x, z) with its slope in z: what fitting a proposal to an image and moving a chain both follow."""

from __future__ import annotations

import torch
from torch import Tensor

from vaeexplorer.distributions import DiagonalGaussian, FullGaussian
from vaeexplorer.latent_model import LatentModel


def joint_and_slope(model: LatentModel, x: Tensor, z: Tensor, rows: int = 2000) -> tuple[Tensor, Tensor]:
    """log p(x, z) and its derivative by z; the weights of the model get none.

    Args: x (B, ...); z (S, B, D); rows: codes decoded at a time, which bounds the memory.
    Returns: (S, B) nats and (S, B, D), both without a graph, in the dtype of the model.
    Works under torch.no_grad and inference_mode as well.
    """
    images = max(1, rows // z.shape[0])
    parts = [_piece(model, x[i : i + images], z[:, i : i + images]) for i in range(0, z.shape[1], images)]
    values, slopes = zip(*parts, strict=True)
    return torch.cat(values, 1), torch.cat(slopes, 1)


def _piece(model: LatentModel, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    # Tensors made under inference_mode cannot be saved for a derivative; their copies can.
    with torch.inference_mode(False), torch.enable_grad():
        code = z.clone().detach().requires_grad_()
        value = model.log_joint(x.clone(), code)
        (slope,) = torch.autograd.grad(value.sum(), code)
    return value.detach(), slope


def smooth_codes_only(model: LatentModel) -> str | None:
    """Why a method that follows slopes does not apply to this model, in one line, or None."""
    if issubclass(model.prior.posterior, (DiagonalGaussian, FullGaussian)):
        return None
    return "its codes are discrete and have no slope to follow: use enumeration, or iwae"
