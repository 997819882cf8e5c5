"""Pictures of codes in two or three dimensions, and the densities behind the straight ones; as documents."""

from __future__ import annotations

import hashlib
import json
import math
from functools import partial
from typing import Any

import numpy as np

from vaeexplorer import portable
from vaeexplorer.embeddings import EMBEDDINGS, Embedding, apart, embed
from vaeexplorer.image_set import Progress, evenly
from vaeexplorer.ui import cached
from vaeexplorer.ui.encoded import JOBS
from vaeexplorer.ui.jobs import Job
from vaeexplorer.ui.map_codes import Codes

WINDOW_SHARE = 0.001  # of the points that may lie outside of the first view on either side, if they lie far out
MARGIN = 0.05
LARGE, WIDE = 20_000_000, 512  # numbers, latent dimensions: beyond, also a straight picture takes seconds
STRAIGHT = "a density needs a straight picture with two axes: choose latent dimensions or PCA"


def ask(codes: Codes, asked: dict[str, Any]) -> Job:
    """The job that makes a picture of the codes; its result is an Embedding. The quick ones are made at once.

    Raises: ValueError, one line, as embeddings.embed.
    """
    method, dims, seed = asked["method"], asked["dims"], asked["embed_seed"]
    options = json.dumps(asked["options"], sort_keys=True)
    key = ("picture", codes.digest, asked["of"], method, dims, options, seed)
    points = codes.points(asked["of"])
    if method in EMBEDDINGS and EMBEDDINGS[method].slow:
        work = partial(apart.embed, method, points, dims, asked["options"], seed)
        return JOBS.ask(key, "embedding", work, _size, asked["again"])
    if points.size > LARGE or points.shape[1] > WIDE:
        return JOBS.ask(key, "projection", lambda _: embed(method, points, dims, asked["options"], seed), _size)
    known = JOBS.known(key)
    if known is not None:
        return known
    made = embed(method, points, dims, asked["options"], seed)
    return JOBS.keep(key, made, _size(made))


def _size(made: Embedding) -> int:
    return made.coordinates.nbytes


def pack(made: Embedding) -> bytes:
    """The document of `map/picture`."""
    buffers = portable.Buffers()
    if not np.isfinite(made.coordinates).all():
        raise ValueError("some points got no finite place: try other options")
    window, note = window_of(made.coordinates)
    described = {
        "method": (made.parameters or {}).get("method"), "dims": made.coordinates.shape[1],
        "axis_titles": list(made.axis_titles), "shares": _list(made.shares), "caution": made.caution,
        "parameters": made.parameters, "axes": _list(made.axes), "centre": _list(made.centre),
        "window": window, "window_note": note, "coordinates": buffers.add(made.coordinates),
    }  # fmt: skip
    return portable.document(described, buffers)


def _list(values: np.ndarray | None) -> list | None:
    return None if values is None else values.tolist()


def window_of(coordinates: np.ndarray) -> tuple[list[float], str]:
    """What to show first, [x0, x1, y0, y1, ...]: all points, or nearly all if a few lie far out; a note on those."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    inner = np.quantile(coordinates, [WINDOW_SHARE, 1 - WINDOW_SHARE], axis=0)
    far = (high - low) > 3 * (inner[1] - inner[0])
    cut = far & (inner[1] > inner[0])
    low, high = np.where(cut, inner[0], low), np.where(cut, inner[1], high)
    outside = int(((coordinates < low) | (coordinates > high)).any(axis=1).sum())
    margin = MARGIN * (high - low) + np.where(high > low, 0, 1)
    window = np.stack([low - margin, high + margin], axis=1).ravel()
    note = f"{outside:,} of {len(coordinates):,} points lie far out, outside of the first view." if outside else ""
    return [float(edge) for edge in window], note


def ask_density(codes: Codes, made: Embedding, asked: dict[str, Any]) -> Job:
    """The job that makes the document of `map/density` on a picture of these codes.

    Raises: ValueError, one line, where there is none.
    """
    window, name, size = _window(asked["window"]), asked["model"], asked["size"]
    if codes.std is None:
        raise ValueError(f"{codes.title}: only the codes are known, not q(z|x), so there is no density to draw")
    if made.axes is None or made.centre is None or len(made.axes) != 2:
        raise ValueError(STRAIGHT)
    if cached.header(name).vae.posterior != "gaussian":
        raise ValueError("densities on the map need Gaussian latents, and these are bits")
    where = json.dumps([made.axes.tolist(), made.centre.tolist(), window, size])
    key = ("density", name, codes.digest, hashlib.sha256(where.encode()).hexdigest())
    work = partial(_density, codes, made.axes, made.centre, window, size, name)
    return JOBS.ask(key, "density", work, len, asked["again"])


def _density(
    codes: Codes, axes: np.ndarray, centre: np.ndarray, window: list[float], size: int, name: str, progress: Progress
) -> bytes:
    from vaeexplorer.evaluation.map_density import MOST_IMAGES, map_density

    assert codes.std is not None
    vae, chosen = cached.network(name), evenly(len(codes.mean), MOST_IMAGES)
    x, y = np.linspace(window[0], window[1], size), np.linspace(window[2], window[3], size)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    log_q, log_prior = map_density(vae, codes.mean[chosen], codes.std[chosen], axes, centre, places, progress)
    buffers, count = portable.Buffers(), len(codes.mean)
    of = f"{count:,} images" if len(chosen) == count else f"{len(chosen):,} of {count:,} images, evenly chosen"
    described = {
        "size": [size, size], "window": window, "n": len(chosen),
        "note": f"The aggregate posterior is the mixture of q(z|x) over {of}: exact for these, and with more images "
        "its gaps fill up. The prior is exact. Nats.",
        "log_q": buffers.add(log_q), "log_prior": buffers.add(log_prior),
    }  # fmt: skip
    return portable.document(described, buffers)


def _window(window: Any) -> list[float]:
    """Four finite numbers x0 < x1, y0 < y1."""
    numbers = isinstance(window, list) and len(window) == 4
    numbers = numbers and all(type(edge) in (int, float) and abs(edge) < 1e9 for edge in window)  # false for NaN, too
    if not numbers or not (window[0] < window[1] and window[2] < window[3]):
        raise ValueError("window must be four numbers [x0, x1, y0, y1] with x0 < x1 and y0 < y1")
    if not all(map(math.isfinite, window)):
        raise ValueError("window must be finite")
    return [float(edge) for edge in window]
