"""The live part of the Gradients page: how far single estimates of one gradient scatter, and why.

The playground needs no app; for the model in use the modules in this folder (live_files) ask the app's routes
(gradients_routes) for every number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaeexplorer.ui.components import live_component
from vaeexplorer.ui.components.bounder import REQUIRED, keys_of

MOST = 8
"""Images whose gradients are looked at at a time; the first ones of a link that names more."""


def gradienter(model: Mapping[str, Any], images: Sequence[str] | None, key: str) -> None:
    """Show the playground, and the gradients of a model on images; nothing on it runs the page's script again.

    Args: model, JSON values only, as rivals.described gives them; images, the keys that the link names, None if it
          names none: then the page begins with those it showed last, or with the first test images; key, the widget's.
    Raises: ValueError if keys of the model are missing or an image is no key.
    """
    missing = sorted(REQUIRED - model.keys())
    if missing:
        raise ValueError(f"The gradients need {', '.join(missing)} of the model; received {', '.join(sorted(model))}.")
    if images is not None and keys_of(images) != list(images):
        raise ValueError(f"Images are called test:NUMBER or picture:DIGEST; received {list(images)}.")
    chosen = None if images is None else list(images)[:MOST]
    live_component.show(
        "gradienter",
        "Gradients",
        key=key,
        identity=f"{model['name']} {model['digest']} {model['data_here']} {','.join(chosen or ())}",
        data={"model": dict(model), "images": chosen},
        states=(),
    )
