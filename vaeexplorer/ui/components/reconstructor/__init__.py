"""The live part of the Reconstruct page: one image all the way through a model, and a gallery of held-out images.

Python hands over the model and those that it may be compared with; the modules in this folder (live_files) ask the
app's routes for everything else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from vaeexplorer.ui.components import live_component
from vaeexplorer.ui.components.bounder import Look, look_of

REQUIRED = frozenset({"name", "digest", "latent_dim", "posterior", "shape", "kl", "prior", "data_here", "likelihood"})
"""Keys without which the component cannot show a model."""
ABOUT_CHARACTERS = 200


class Wish(TypedDict):
    """What the visitor wants to see in Explore: z (D floats) of the model with this name, and where it comes from."""

    model: str
    z: list[float]
    direction: None
    about: str | None


class ReconstructorState(TypedDict):
    """What the component tells Python: `explore` or `bounds` in the run after a click on an image, None otherwise."""

    explore: Wish | None
    bounds: Look | None


def _check(model: Mapping[str, Any], rivals: Sequence[Mapping[str, Any]]) -> None:
    for one in (model, *rivals):
        missing = sorted(REQUIRED - one.keys())
        if missing:
            raise ValueError(f"The reconstructor needs {', '.join(missing)} of a model; received {', '.join(one)}.")
    for one in rivals:
        if one["shape"] != model["shape"]:
            raise ValueError(f"{one['name']} takes images of shape {one['shape']}, {model['name']} {model['shape']}.")


def wish_of(answer: Any, models: Sequence[Mapping[str, Any]]) -> Wish | None:
    """What the browser asked for, or None if it asked for nothing or for what cannot be.

    Args: answer, JSON of the browser; models, those that were on the page: the z must fit the one that is named.
    """
    if not isinstance(answer, Mapping):
        return None
    size = {one["name"]: int(one["latent_dim"]) for one in models}.get(str(answer.get("model")))
    z, about = answer.get("z"), answer.get("about")
    if size is None or not isinstance(z, list) or len(z) != size:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in z):
        return None
    about = about[:ABOUT_CHARACTERS] if isinstance(about, str) and about else None
    return {"model": str(answer["model"]), "z": [float(value) for value in z], "direction": None, "about": about}


def reconstructor(
    model: Mapping[str, Any], rivals: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, str]], key: str
) -> ReconstructorState:
    """Show what a model makes of images.

    Args: model, JSON values only, as model_card.explorer_model gives them; rivals, the models that can stand beside
          it on the same images, described likewise; refused, {name, why} of the others; key, the widget's key.
    Returns: ReconstructorState.
    Raises: ValueError if keys are missing or a rival takes other images.
    """
    _check(model, rivals)
    result = live_component.show(
        "reconstructor",
        "Reconstruct",
        key=key,
        identity=f"{model['name']} {model['digest']}",
        data={
            "model": dict(model),
            "rivals": [dict(one) for one in rivals],
            "refused": [dict(one) for one in refused],
        },
        states=("explore", "bounds"),
    )
    return {"explore": wish_of(result.explore, (model, *rivals)), "bounds": look_of(result.bounds, model["name"])}
