"""Which models can stand beside one another on the same images, and why the others cannot, in words."""

from __future__ import annotations

from typing import Any

from vaeexplorer import checkpoints
from vaeexplorer.checkpoints import CheckpointError, Header
from vaeexplorer.ui import cached, map_card, model_card

MOST = 24  # models in the list; the newest runs of a long list are found by opening them instead


def described(name: str) -> dict[str, Any]:
    """A model as the component gets it: map_card.mapper_model, with what its likelihood sees."""
    about = cached.header(name)
    return {
        **map_card.mapper_model(name),
        "binarization": about.vae.binarization if about.vae.likelihood == "bernoulli" else "none",
        "likelihood_kind": about.vae.likelihood,
        "words": model_card.network_words(about.vae),
        "dataset_name": about.dataset.name,
    }


def rivals_of(name: str) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The models that `name` can be compared with, described; and {name, why} of those that it cannot."""
    mine = cached.header(name)
    fitting: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    for other in checkpoints.listing():
        if other == name:
            continue
        try:
            why = refusal(mine, cached.header(other))
            if why is None and len(fitting) < MOST:
                fitting.append(described(other))
            elif why is not None:
                refused.append({"name": other, "why": why})
        except (CheckpointError, cached.UnknownModel) as error:
            refused.append({"name": other, "why": str(error)})
    return fitting, refused[:MOST]


def refusal(mine: Header, other: Header) -> str | None:
    """Why two models cannot be shown on the same images; None if they can."""
    if other.dataset.name != mine.dataset.name:
        return f"trained on {other.dataset.title}, not on {mine.dataset.title}"
    if other.vae.image_shape != mine.vae.image_shape:
        return f"takes images of {_size(other)}, not {_size(mine)}"
    return None


def _size(about: Header) -> str:
    channels, height, width = about.vae.image_shape
    return f"{height}×{width}" + (f"×{channels}" if channels > 1 else "")
