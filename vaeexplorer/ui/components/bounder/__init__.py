"""The live part of the Bounds page: what the bound of an image is made of, and how far it lies below log p(x).

Python hands over the model and the images that the link names; the modules in this folder (live_files) ask the app's
routes (bounds_routes) for every number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from vaeexplorer.ui.components import live_component

REQUIRED = frozenset({"name", "digest", "latent_dim", "posterior", "shape", "prior", "data_here", "dataset_name"})
"""Keys without which the component cannot show a model."""
MOST = 16
"""Images that the page looks at at a time, and that a link may name."""
KEY = re.compile(r"test:(0|[1-9][0-9]{0,8})|picture:[0-9a-f]{12}")
"""What an image is called: its number in the test set, or the digest of a picture that the app keeps."""


class Look(TypedDict):
    """Images, by their keys, whose bounds under this model the visitor of another page wants to see."""

    model: str
    images: list[str]


def look_of(answer: Any, model: str) -> Look | None:
    """What a browser asked for on a page that shows `model`; None if it asked for nothing or for what cannot be."""
    if not isinstance(answer, Mapping) or answer.get("model") != model:
        return None
    images = keys_of(answer.get("images"))
    return {"model": model, "images": images} if images else None


def keys_of(answer: Any) -> list[str]:
    """The images that a browser asks for: what is no key is left out, so are repetitions, and what is too many."""
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        return []
    return list(dict.fromkeys(key for key in answer if isinstance(key, str) and KEY.fullmatch(key)))[:MOST]


def bounder(model: Mapping[str, Any], images: Sequence[str] | None, key: str) -> None:
    """Show the bounds of a model on images; nothing on it runs the page's script again.

    Args: model, JSON values only, as rivals.described gives them; images, the keys that the link names, None if it
          names none: then the page begins with those it showed last, or with the first test images; key, the widget's.
    Raises: ValueError if keys of the model are missing or an image is no key.
    """
    missing = sorted(REQUIRED - model.keys())
    if missing:
        raise ValueError(f"The bounds need {', '.join(missing)} of the model; received {', '.join(sorted(model))}.")
    if images is not None and keys_of(images) != list(images):
        raise ValueError(f"Images are called test:NUMBER or picture:DIGEST, at most {MOST}; received {list(images)}.")
    named = ",".join(images or ())
    live_component.show(
        "bounder",
        "Bounds",
        key=key,
        identity=f"{model['name']} {model['digest']} {model['data_here']} {named}",
        data={"model": dict(model), "images": None if images is None else list(images)},
        states=(),
    )
