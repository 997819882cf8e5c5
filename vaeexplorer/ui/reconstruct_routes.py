"""Addresses of the Reconstruct page: held-out images, or one of the person's own, and what a model makes of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaeexplorer.configs import VaeConfig
from vaeexplorer.datasets import DataError
from vaeexplorer.image_set import image_seed, join_words
from vaeexplorer.portable import Buffers, document
from vaeexplorer.records import CodeRecord, ReconstructionRecord
from vaeexplorer.ui import cached, http, model_card, pictures_in
from vaeexplorer.ui.pictures_in import Source, Taken

JSON_BYTES = 4096
GALLERY = 48  # images in one request
DRAWS = 64 * GALLERY  # of q in one request: their time is what one waits for
SAMPLES, MAX_SAMPLES = 64, 512  # draws of q for each image
SHOWN, MAX_SHOWN = 4, 16  # of them as pictures
MAX_SEED = 2**32 - 1
NOTHING = 10**9  # as a place: no image has it


@dataclass(frozen=True)
class Draws:
    """How often q is drawn for each image, how many of these are shown, and from which seed."""

    seed: int
    samples: int
    shown: int

    def refuse(self, images: int) -> None:
        """Raises HTTPException 400 if this is no sensible number of draws for so many images."""
        if self.shown > self.samples:
            raise HTTPException(400, f"shown must be at most samples, {self.samples}; got {self.shown}")
        if images * self.samples > DRAWS:
            raise HTTPException(400, f"{images} images may have at most {DRAWS // images} samples each")


async def gallery(request: Request) -> Response:
    """{indices, source, seed, samples, shown} -> held-out images beside their reconstructions, one document."""
    name, body = request.query_params.get("model", ""), await http.body(request, JSON_BYTES)
    return await run_in_threadpool(_gallery, name, body)


def _gallery(name: str, body: bytes) -> Response:
    (indices,) = http.fields(body, "indices")
    asked = json.loads(body)
    draws = Draws(
        _whole(asked, "seed", 0, 0, MAX_SEED),
        _whole(asked, "samples", SAMPLES, 2, MAX_SAMPLES),
        _whole(asked, "shown", SHOWN, 0, MAX_SHOWN),
    )
    if asked.get("source", "test") != "test":
        raise HTTPException(400, f"source must be test; got {str(asked['source'])[:40]!r}")
    config = cached.header(name).vae
    try:
        found = cached.held_out(name)
    except DataError as error:
        raise HTTPException(404, str(error)) from None
    if not isinstance(indices, list) or not 1 <= len(indices) <= GALLERY:
        raise HTTPException(400, f"indices must be a list of 1 to {GALLERY} whole numbers")
    draws.refuse(len(indices))
    taken = [pictures_in.held_out(found, index) for index in indices]
    words = join_words(found.preprocessing, model_card.binarization_words(config))
    return _answer(name, [replace(picture, words=words) for picture in taken], draws)


async def one(request: Request) -> Response:
    """One image of any kind that `encode` takes, in the body -> the same document.

    like: the place of the held-out image that it was made from, whose binarisation and draws it shares then: what
    differs between the two is the images' doing.
    """
    name, source = request.query_params.get("model", ""), pictures_in.source(request.query_params.get("kind", ""))
    draws = Draws(
        http.whole(request, "seed", 0, 0, MAX_SEED),
        http.whole(request, "samples", SAMPLES, 2, MAX_SAMPLES),
        http.whole(request, "shown", SHOWN, 0, MAX_SHOWN),
    )
    draws.refuse(1)
    like = http.whole(request, "like", NOTHING, 0, NOTHING)
    await run_in_threadpool(cached.header, name)
    body = await http.body(request, source.limit)
    return await run_in_threadpool(_one, name, body, source, draws, like)


def _one(name: str, body: bytes, source: Source, draws: Draws, like: int) -> Response:
    taken = pictures_in.take(name, body, source)
    seed = taken.seed(draws.seed) if like == NOTHING else image_seed(draws.seed, like)
    return _answer(name, [taken], draws, [seed])


def _answer(name: str, taken: list[Taken], draws: Draws, seeds: list[int] | None = None) -> Response:
    images, seeds = np.stack([picture.x for picture in taken]), seeds or [picture.seed(draws.seed) for picture in taken]
    try:
        record = cached.reconstruct(name, images, seeds, draws.samples, draws.shown)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    return http.binary(pack(cached.header(name).vae, taken, record, draws))


def pack(config: VaeConfig, taken: list[Taken], record: ReconstructionRecord, draws: Draws) -> bytes:
    """N images and what became of them, as one document."""
    buffers = Buffers()
    originals = np.stack([picture.x for picture in taken])
    pictures = {"original": originals, "seen": record.seen, "mean": record.mean, "draws": record.draws}
    numbers = {key: np.stack([getattr(code, part) for code in record.codes]) for key, part in CODE}
    header: dict[str, Any] = {
        "shape": list(config.image_shape),
        "count": len(taken),
        "shown": draws.shown,
        "samples": draws.samples,
        "seed": draws.seed,
        "latent_dim": config.latent_dim,
        "posterior": config.posterior,
        "likelihood": config.likelihood,
        "likelihood_title": model_card.LIKELIHOOD_WORDS[config.likelihood],
        "items": [_item(picture, code) for picture, code in zip(taken, record.codes, strict=True)],
    }
    header |= {key: buffers.add(np.rint(values * 255), "u1") for key, values in pictures.items()}
    header |= {key: buffers.add(values) for key, values in {"spread": record.spread, **numbers}.items()}
    return document(header, buffers)


def _item(taken: Taken, code: CodeRecord) -> dict[str, Any]:
    about = {"index": taken.index, "label": taken.label, "title": taken.title, "words": taken.words}
    return about | {term: getattr(code, term).to_dict() for term in ("elbo", "reconstruction", "kl")}


def _whole(asked: dict[str, Any], field: str, default: int, low: int, high: int) -> int:
    """A whole number of a JSON object.   Raises HTTPException 400 if it is none or out of range."""
    value = asked.get(field, default)
    if type(value) is not int or not low <= value <= high:
        raise HTTPException(400, f"{field} must be a whole number from {low} to {high}")
    return value


CODE = (("code_mean", "mean"), ("code_std", "std"), ("kl_per_dimension", "kl_per_dimension"))

ROUTES = [
    Route("/reconstructions", gallery, methods=["POST"]),
    Route("/reconstructions/one", one, methods=["POST"]),
]
