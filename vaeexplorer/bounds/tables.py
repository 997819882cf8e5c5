"""Sums over codes that serve all images at once: every code is decoded once, in float64."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from vaeexplorer.latent_model import LatentModel

CODES = 2000  # decoded at a time
ENTRIES = 4_000_000  # log-densities (codes x images) held at a time: 32 MB


def in_double(model: LatentModel) -> LatentModel:
    """The same model with float64 parameters, a copy unless it has them already.

    It stands on the CPU where the device has no float64 (Apple's).
    """
    if model.dtype == torch.float64 or not isinstance(model, nn.Module):
        return model
    twin = copy.deepcopy(model)
    return cast(LatentModel, (twin.cpu() if model.device.type == "mps" else twin).double())


def codes_at_a_time(images: int) -> int:
    return max(1, min(CODES, ENTRIES // images))


def joint_table(model: LatentModel, x: Tensor, z: Tensor) -> Tensor:
    """log p(x_b, z_s) of every image under every code z (S, D) -> (S, B), float64 nats.

    Raises: ValueError if the model gives NaN or +inf.
    """
    table = model.log_likelihood_table(x, z).double() + model.prior.log_prob(z).double()[:, None]
    if not bool((table < torch.inf).all()):  # NaN is not below either
        raise ValueError("expected finite log p(x, z), got NaN or infinity: look at the model's weights")
    return table
