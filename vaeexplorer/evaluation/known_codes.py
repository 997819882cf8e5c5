"""The representation method for codes whose images are not at hand: q(z|x) of each is known, and that is enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.distributions import POSTERIORS
from vaeexplorer.evaluation.estimators import DEFAULT_SAMPLES, representation_method
from vaeexplorer.evaluation.question import Progress, Question
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE


class AlreadyEncoded:
    """Stands in for a model: its images are what an encoder has put out already, its prior is the model's."""

    def __init__(self, vae: VAE) -> None:
        self.prior, self.device, self._family = vae.prior, vae.device, POSTERIORS[vae.config.posterior]

    def posterior(self, outputs: Tensor) -> Any:
        return self._family.from_encoder(outputs)

    def binarized(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        return outputs


def representation_of(
    vae: VAE, mean: np.ndarray, std: np.ndarray, labels: np.ndarray | None, generator: torch.Generator,
    progress: Progress,
) -> list[Estimate]:  # fmt: skip
    """What codes of held-out images hold (estimators.representation_method).

    Args: mean, std (N, D) of q(z|x), for Bernoulli latents the probabilities and whatever; labels (N,), -1 unknown.
    Raises: ValueError if there are none, or of another dimension than the model's.
    """
    if mean.ndim != 2 or mean.shape[1] != vae.config.latent_dim or not len(mean):
        raise ValueError(f"expected codes (N, {vae.config.latent_dim}), at least one, got {mean.shape}")
    outputs = torch.from_numpy(mean)
    if vae.config.posterior == "gaussian":
        outputs = torch.cat([outputs, torch.from_numpy(std).clamp_min(1e-30).log()], 1)
    else:
        outputs = torch.logit(outputs, eps=1e-7)
    question = Question(outputs, DEFAULT_SAMPLES["representation"], generator, progress, labels)
    return representation_method(AlreadyEncoded(vae), question)  # type: ignore[arg-type]
