"""Addresses of the Map: codes of many images, pictures of them in two or three dimensions, densities, figures, files.

Work that takes time is a job: the same POST is repeated until the answer is no longer 202 (questions).
Arrays travel as binary documents (portable.document).
"""

from __future__ import annotations

import math
import tempfile
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaeexplorer import portable
from vaeexplorer.embeddings import EMBEDDINGS
from vaeexplorer.ui import cached, code_uploads, encoded, http, map_figures, map_pictures
from vaeexplorer.ui.encoded import JOBS
from vaeexplorer.ui.map_codes import Codes
from vaeexplorer.ui.map_questions import Fields, answer
from vaeexplorer.ui.questions import QUESTION_BYTES, as_json, result

LARGEST_HALF = 6e4  # float16 ends at 65,504
MOST_IMAGES = 100
TERMS_NOTE = (
    "One draw of q for each image: ELBO and reconstruction are unbiased for each image's own, and noisy. "
    "The KL is exact. Nats."
)


async def codes(request: Request) -> Response:
    """Codes of many images and what is known about each, as one binary document."""
    return await answer(request, lambda asked: http.binary(pack_codes(asked["model"], _codes(asked))))


async def picture(request: Request) -> Response:
    """Where the codes lie in a picture of two or three dimensions, as one binary document."""
    return await answer(request, lambda asked: http.binary(_picture(asked)))


async def density(request: Request) -> Response:
    """log q(z) and log p(z) as a straight picture shows them, on a grid, as one binary document."""
    return await answer(request, lambda asked: http.binary(_density(asked)))


async def figures(request: Request) -> Response:
    """What the codes hold, in numbers (evaluation's method "representation")."""
    return await answer(request, lambda asked: as_json(_figures(asked)))


async def fetch(request: Request) -> Response:
    """Download the model's data set."""
    return await answer(request, lambda asked: as_json(_fetched(asked)))


async def sources(request: Request) -> Response:
    """Where codes of a model can come from, and with which to begin."""
    name = request.query_params.get("model", "")
    found = await run_in_threadpool(_sources, name)
    return as_json({"sources": found, "begin": next((one["id"] for one in found if one["here"]), "test")})


async def methods(request: Request) -> Response:
    """The embeddings with their options and cautions, for a form."""
    return as_json(METHODS)


async def cancel(request: Request) -> Response:
    """End a job; one that is not known has ended already."""
    (job,) = http.fields(await http.body(request, QUESTION_BYTES), "job")
    JOBS.cancel(str(job))
    return as_json({})


async def upload(request: Request) -> Response:
    """A .npz file with codes in the body -> the source that shows them."""
    with tempfile.TemporaryFile() as file:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= code_uploads.MOST_BYTES:
                await run_in_threadpool(file.write, chunk)
            elif size > code_uploads.MOST_BYTES + http.DISCARD_BYTES:
                break
        if size > code_uploads.MOST_BYTES:
            most = http.amount(code_uploads.MOST_BYTES)
            raise HTTPException(413, f"at most {most} may be sent here, this was {http.amount(size)}")
        return await run_in_threadpool(_upload, file, request.query_params.get("name", ""))


def _upload(file: Any, name: str) -> Response:
    file.seek(0)
    try:
        source = code_uploads.adopt(file, name)
    except code_uploads.UploadError as error:
        raise HTTPException(422, str(error)) from None
    found = code_uploads.find(source)
    count, dimensions = found.codes.shape
    return as_json({"source": source, "count": count, "dimensions": dimensions, "title": found.title})


async def images(request: Request) -> Response:
    """Some of the images behind codes that were asked for before, as one binary document; 404 where there are none."""
    query = request.query_params
    texts = query.get("index", "").split(",")
    if len(texts) > MOST_IMAGES or not all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        raise HTTPException(400, f"index must be 1 to {MOST_IMAGES} whole numbers with commas between them")
    return await run_in_threadpool(_images, query.get("model", ""), query.get("source", "test"), list(map(int, texts)))


def _images(name: str, source: str, indices: list[int]) -> Response:
    cached.path_of(name)
    found = encoded.shown(name, source)
    if found is None:
        raise HTTPException(404, "there are no images to these codes, or they are no longer in memory")
    if max(indices) >= len(found.mean):
        raise HTTPException(400, f"index must be a whole number from 0 to {len(found.mean) - 1}")
    pixels, buffers = found.pictures(indices), portable.Buffers()
    described = {"shape": list(pixels.shape[1:]), "count": len(pixels), "images": buffers.add(pixels, "u1")}
    return http.binary(portable.document(described, buffers))


def _codes(asked: Fields) -> Codes:
    return result(encoded.ask(asked["model"], asked["source"], asked["seed"], asked["again"], asked["digest"]))


def pack_codes(name: str, found: Codes) -> bytes:
    """The document of `encoded`: half precision suffices for places on a map, as long as it reaches."""
    buffers, dtype = portable.Buffers(), _codes_dtype(found)
    count, dimensions = found.mean.shape
    elbo = found.elbo
    described = {
        "count": count, "dimensions": dimensions, "source": found.source, "title": found.title, "words": found.words,
        "posterior": found.posterior, "seed": found.seed, "digest": found.digest, "codes_dtype": CODES_DTYPES[dtype],
        "class_names": list(found.class_names), "factors": list(found.factors), "has_images": bool(found.images),
        "sources": _sources(name), "terms_note": TERMS_NOTE if elbo is not None else "",
    }  # fmt: skip
    arrays = {
        "mean": (found.mean, dtype), "std": (found.std, dtype), "kl": (found.kl, "<f4"),
        "reconstruction": (found.reconstruction, "<f4"), "elbo": (elbo, "<f4"), "label": (found.label, "<i2"),
        "factor": (found.factor, "<i2"), "step": (found.step, "<i4"),
    }  # fmt: skip
    for key, (values, kind) in arrays.items():
        described[key] = None if values is None else buffers.add(values, kind)
    return portable.document(described, buffers)


def _codes_dtype(found: Codes) -> str:
    arrays = [values for values in (found.mean, found.std) if values is not None]
    largest = max(max(float(values.max()), -float(values.min())) for values in arrays)
    return "<f2" if largest <= LARGEST_HALF else "<f4"


def _fetched(asked: Fields) -> Fields:
    result(encoded.fetch(asked["model"], asked["again"]))
    return {}


def _sources(name: str) -> list[Fields]:
    return [vars(source) for source in encoded.sources(name)]


def _picture(asked: Fields) -> bytes:
    return map_pictures.pack(result(map_pictures.ask(_codes(asked), asked)))


def _density(asked: Fields) -> bytes:
    found = _codes(asked)
    if EMBEDDINGS[asked["method"]].slow:  # there is nothing to compute before it says so
        raise ValueError(map_pictures.STRAIGHT)
    return result(map_pictures.ask_density(found, result(map_pictures.ask(found, asked)), asked))


def _figures(asked: Fields) -> Fields:
    estimates, notes = result(map_figures.ask(asked["model"], _codes(asked), asked["again"]))
    return {"estimates": [estimate.to_dict() for estimate in estimates], "notes": notes}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


CODES_DTYPES = {"<f2": "float16", "<f4": "float32"}
METHODS = {
    name: {
        "title": method.title, "slow": method.slow, "caution": method.caution,
        "options": {
            key: {
                "title": option.title, "default": option.default, "least": option.least, "most": _finite(option.most),
                "whole": isinstance(option.default, int),
            }
            for key, option in method.options.items()
        },
    }
    for name, method in EMBEDDINGS.items()
}  # fmt: skip

ROUTES = [
    Route("/encoded", codes, methods=["POST"]),
    Route("/encoded/images", images),
    Route("/map/sources", sources),
    Route("/map/methods", methods),
    Route("/map/picture", picture, methods=["POST"]),
    Route("/map/density", density, methods=["POST"]),
    Route("/map/figures", figures, methods=["POST"]),
    Route("/map/upload", upload, methods=["POST"]),
    Route("/map/fetch", fetch, methods=["POST"]),
    Route("/jobs/cancel", cancel, methods=["POST"]),
]
