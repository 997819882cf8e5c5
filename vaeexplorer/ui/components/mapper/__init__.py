"""The live part of the Map page: points, pictures, contours and selections run in the browser.

Python registers the component and hands over one small dictionary; the modules in this folder (live_files) ask the
app's routes (map_routes) for codes, pictures of them, images and figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from vaeexplorer.ui.components import live_component
from vaeexplorer.ui.components.bounder import Look, look_of

REQUIRED = frozenset(
    {"name", "digest", "latent_dim", "posterior", "shape", "prior", "data_here", "has_codes", "fetchable"}
)
"""Keys without which the component cannot show a model."""


class Wish(TypedDict):
    """Where in Explore the visitor wants to go: z (D numbers); direction (D numbers) to move along, and its name."""

    z: list[float]
    direction: list[float] | None
    about: str | None


class MapperState(TypedDict):
    """What the component tells Python: a wish in the one run that it starts, None in all others."""

    explore: Wish | None
    bounds: Look | None


def mapper(model: Mapping[str, Any], key: str) -> MapperState:
    """Show the latent map of a model.

    Args: model, JSON values only, as map_card.mapper_model gives them; key, the widget's key.
    Returns: MapperState; nothing else on the map runs the page's script again.
    Raises: ValueError if keys are missing.
    """
    missing = sorted(REQUIRED - model.keys())
    if missing:
        raise ValueError(f"The map needs {', '.join(missing)} of the model; received {', '.join(sorted(model))}.")
    name, digest = str(model["name"]), str(model["digest"])
    result = live_component.show(
        "mapper",
        "Map",
        key=key,
        identity=f"{name} {digest} {model['data_here']}",
        data={"model": dict(model)},
        states=("explore", "bounds"),
        early=("decoder", {"model": name, "v": digest}),
    )
    return {"explore": result.explore, "bounds": look_of(result.bounds, name)}
