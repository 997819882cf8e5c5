"""A model as the Map's live component gets it, and the page's words."""

from __future__ import annotations

from typing import Any

from vaeexplorer.datasets import DATASETS
from vaeexplorer.torchvision_sets import TorchvisionSet
from vaeexplorer.ui import cached, model_card

LEAD = "Every dot is an image. Point at one to see it, and what the model makes of it."
CAPTION = (
    "Each dot is the mean of q(z|x) of one image, or one draw of it where samples are chosen. Reconstructions are the "
    "decoder's mean E[x|z] at that mean, computed in your browser; for on/off latents at the more probable bits. "
    "Contours: regions of highest density of the mixture of q(z|x), on a grid. "
    "Kingma & Welling 2014; Hoffman & Johnson 2016."
)


def mapper_model(name: str) -> dict[str, Any]:
    """What the live component needs to know about a model: JSON only (model_card.explorer_model), and `fetchable`:

    its images are not here and torchvision can fetch them.
    """
    entry = DATASETS.get(cached.data_source(name) or "")
    offered = entry is not None and isinstance(entry.loader, TorchvisionSet)
    model = model_card.explorer_model(name)
    return {**model, "fetchable": offered and not model["data_here"]}
