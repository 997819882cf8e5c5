"""What can be asked about a model on the Bounds page: methods with their limits and costs, and sources of images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from vaeexplorer.datasets import DataError
from vaeexplorer.ui import bounds_images, bounds_sources, cached, data_fetch, model_card, patience

LEAST, MOST = 1, 1_000_000  # draws for each image that a page may ask for
# of an option's default -> of what may be given in its place, and its name
FITS: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
KINDS = {int: "a whole number", float: "a number", str: "a word"}
TRUTHS = ("grid", "enumeration")  # exact where they apply


def about(name: str) -> dict[str, Any]:
    """The model, the methods that there are, why some do not apply, and what images are here."""
    config = cached.header(name).vae
    held, why = data(name)
    sources = bounds_sources.here(name)
    methods = [_method(name, key) for key in _names()]
    return {
        "model": name, "latent_dim": config.latent_dim, "posterior": config.posterior, "likelihood": config.likelihood,
        "likelihood_title": model_card.LIKELIHOOD_WORDS[config.likelihood],
        "binarization": model_card.binarization_words(config),
        "pixels": math.prod(config.image_shape), "shape": list(config.image_shape),
        "density": config.likelihood != "bernoulli",
        "data": held, "why": why, "run": name.startswith("run/"), "methods": methods,
        "truth": next((one["name"] for one in methods if one["name"] in TRUTHS and one["problem"] is None), None),
        "sources": sources, "others": [one for one in sources if one["id"].startswith("other:")],
        "kinds": list(bounds_images.KINDS),
    }  # fmt: skip


def limits(method: str) -> tuple[int, int]:
    """The fewest and the most samples that may be asked for on the page."""
    from vaeexplorer.bounds import METHODS

    return METHODS[method].least, min(METHODS[method].most, MOST)


def refuse_unknown(name: str, method: str) -> None:
    """Raises: HTTPException 400 for a method that there is not, ValueError for one that does not apply; one line."""
    from vaeexplorer.bounds import METHODS

    if method not in METHODS:
        raise HTTPException(400, f"method must be one of {', '.join(METHODS)}; got {method[:40]!r}")
    problem = METHODS[method].problem(cached.network(name))
    if problem is not None:
        raise ValueError(f"{METHODS[method].title}: {problem}")


def refuse_options(method: str, options: Mapping[str, Any]) -> None:
    """Raises ValueError, one line, for an option that the method has not, or of another kind than its default."""
    from vaeexplorer.bounds import METHODS

    known = METHODS[method].options
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"{METHODS[method].title} has no option {name!r}; it has: {', '.join(known) or 'none'}")
        if type(value) not in FITS[type(known[name])]:
            raise ValueError(f"the option {name} must be {KINDS[type(known[name])]}, got {value!r}")


def refuse_endless(name: str, method: str, samples: int | None, options: Mapping[str, Any], images: int) -> None:
    """Raises ValueError, one line, for a question that would take longer here than anybody waits before a page.

    Images are worked on in the batches of evaluation.data_gaps.
    """
    from vaeexplorer.bounds import METHODS
    from vaeexplorer.evaluation.measures import BATCH, SHARING

    size = min(images, SHARING if METHODS[method].shared else BATCH)
    patience.refuse_long(math.ceil(images / size) * _seconds(name, method, samples, options, size))


def _seconds(name: str, method: str, samples: int | None, options: Mapping[str, Any], images: int) -> float:
    """For one batch of so many images."""
    from vaeexplorer import forecast

    work = forecast.work_of(cached.network(name), method, images, samples=samples, **options)
    return patience.seconds(name, work)


def _names() -> list[str]:
    from vaeexplorer.bounds import METHODS

    return list(METHODS)


def _method(name: str, key: str) -> dict[str, Any]:
    from vaeexplorer.bounds import METHODS

    method, vae = METHODS[key], cached.network(name)
    (least, most), problem = limits(key), method.problem(vae)
    cost = None if problem else _seconds(name, key, None, {}, 1)
    return {
        "name": key, "title": method.title, "words": method.words, "kind": method.kind, "counted": method.counted,
        "samples": method.samples, "least": least, "most": most, "options": dict(method.options), "problem": problem,
        "source": method.source, "seconds_per_image": cost, "growth": method.growth,
    }  # fmt: skip


def data(name: str) -> tuple[dict[str, Any] | None, str]:
    """How many held-out images there are of which data set; or None, and why in one line."""
    try:
        found = cached.held_out(name)
    except DataError as error:
        return None, str(error) if cached.has_data(name) else data_fetch.missing_words(name)
    return {"count": len(found.images), "title": found.title}, ""
