"""The live part of the Explore page: sliders, decoder and pictures run in the browser.

Python registers the component and hands over one small dictionary; the modules in this folder are served by the app
(live_files).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from vaeexplorer.ui.components import live_component

REQUIRED = frozenset({"name", "digest", "latent_dim", "posterior", "shape", "kl", "active", "prior", "link"})
"""Keys without which the component cannot show a model."""


class ExplorerState(TypedDict):
    """What the component tells Python: z (D floats) once the visitor has come to rest, None before."""

    z: list[float] | None


class Direction(TypedDict):
    """A way through z: values (D, not all 0); about, its name, foreign text; along, directions that z has gone."""

    values: list[float]
    about: str
    along: float


def _check(model: Mapping[str, Any], z: Sequence[float] | None, direction: Direction | None) -> None:
    missing = sorted(REQUIRED - model.keys())
    if missing:
        raise ValueError(f"The explorer needs {', '.join(missing)} of the model; received {', '.join(sorted(model))}.")
    size = int(model["latent_dim"])
    for name in ("kl", "active"):
        if len(model[name]) != size:
            raise ValueError(f"{name} has {len(model[name])} entries; the model has {size} latent dimensions.")
    if z is not None and len(z) != size:
        raise ValueError(f"z has {len(z)} values; the model {model['name']!r} has {size} latent dimensions.")
    if z is not None and not all(math.isfinite(value) for value in z):
        raise ValueError("z must hold finite numbers.")
    if direction is None:
        return
    values = direction["values"]
    if len(values) != size:
        raise ValueError(f"The direction has {len(values)} values; the model has {size} latent dimensions.")
    if not any(values) or not all(math.isfinite(value) for value in [*values, direction["along"]]):
        raise ValueError("A direction must hold finite numbers that are not all 0.")


def explorer(
    model: Mapping[str, Any], z: Sequence[float] | None, key: str, direction: Direction | None = None
) -> ExplorerState:
    """Show a model's latent sliders and the image they decode to.

    Args: model, JSON values only: name, digest, latent_dim D, posterior, shape [C, H, W], kl (D nats), active (D),
          prior {mean, std, cholesky}, link, and what the panels show (data_here, data_hint, has_codes, likelihood,
          dead_reason); z, where to begin (D floats), or None for a slow walk until the first touch; handing the
          component's own z back to it is harmless; key, the widget's key; direction, one more slider that moves z
          along it, or None.
    Returns: ExplorerState; z changes when the visitor lets go, never during a drag.
    Raises: ValueError if keys are missing, lengths differ from D, z is not finite, or the direction leads nowhere.
    """
    _check(model, z, direction)
    name, digest = str(model["name"]), str(model["digest"])
    result = live_component.show(
        "explorer",
        "Explore",
        key=key,
        identity=f"{name} {digest} {json.dumps(direction)}",
        data={
            "model": dict(model),
            "z": None if z is None else [float(value) for value in z],
            "direction": None if direction is None else dict(direction),
        },
        states=("z",),
        early=("decoder", {"model": name, "v": digest}),
    )
    return {"z": result.z}
