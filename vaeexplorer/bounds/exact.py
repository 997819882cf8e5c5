"""log p(x) where a model knows it: the truth that the estimators are held against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.latent_model import ExactModel, LatentModel
from vaeexplorer.records import LogMarginal


def run(model: LatentModel, x: Tensor, **how: Any) -> Iterator[Stage]:
    """One Stage with log p(x) of each image in closed form, stderr 0. Draws nothing, whatever `samples` says.

    Raises: ValueError if the model has no closed form.
    """
    if not isinstance(model, ExactModel):
        raise ValueError(_problem(model))
    value = model.log_marginal(x).double().cpu().numpy()
    yield Stage(1.0, "in closed form", LogMarginal("exact", "exact", value, np.zeros_like(value), samples=1, asked=1))


def _problem(model: LatentModel) -> str | None:
    if isinstance(model, ExactModel):
        return None
    return "log p(x) of this model has no closed form: use grid (latent dimension 1 or 2), refined or ais"


METHOD = Method(
    title="Closed form",
    words="The model is simple enough that log p(x) has a formula.",
    kind="exact",
    run=run,
    samples=None,
    counted="formulas",
    source="the model's own definition",
    decodings=lambda model, samples, options: 0.0,
    problem=_problem,
)
