"""Addresses beside the app for the live components: weights, images, encoding, files to keep, and runs (run_routes).

Every failure is {"error": "one line"} with its status. Work that takes time runs in a thread, so that pages stay quick.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from vaeexplorer.datasets import DataError
from vaeexplorer.ui import (
    bounds_routes,
    cached,
    gradients_routes,
    http,
    image_files,
    lab_routes,
    map_routes,
    pictures_in,
    reconstruct_routes,
    run_routes,
)
from vaeexplorer.ui.components import live_files
from vaeexplorer.ui.pictures_in import Source

MB = 2**20
GIF_BYTES = 32 * MB
GIF_SIDE = 1024  # pixels
DECODE_IMAGES = 64
GALLERY_IMAGES = 200
MAX_Z = 1e3
MEDIA = {".js": "text/javascript", ".css": "text/css"}
ENCODE_SEED = 0


async def live(request: Request) -> Response:
    """A component's own modules and styles; the version in the address lets a browser keep them for good."""
    version, file = request.path_params["version"], request.path_params["file"]
    if file not in live_files.FILES:
        raise HTTPException(404, f"there is no file {file[:80]!r}")
    headers = {"Cache-Control": http.FOREVER if version == live_files.VERSION else "no-cache"}
    path = live_files.FILES[file]
    return Response(path.read_bytes(), media_type=MEDIA[path.suffix], headers=http.HEADERS | headers)


async def decoder(request: Request) -> Response:
    """The decoder of a model as one binary document (portable.pack_decoder)."""
    return await run_in_threadpool(_document, request, cached.decoder_document)


async def codes(request: Request) -> Response:
    """The codes of held-out images (portable.pack_codes); status 204 if the model has none."""
    return await run_in_threadpool(_document, request, cached.codes_document)


def _document(request: Request, make: Callable[[str], bytes | None]) -> Response:
    name = request.query_params.get("model", "")
    content = make(name)
    if content is None:
        return Response(status_code=204)
    # Only the right digest may be kept for good: the name alone can come to mean another file.
    current = request.query_params.get("v") == cached.header(name).digest
    return http.binary(content, http.FOREVER if current else "no-cache")


async def decode(request: Request) -> Response:
    """float32 (N, D) in the body -> float32 (N, C, H, W): for models too slow for the browser."""
    name = request.query_params.get("model", "")
    dims = (await run_in_threadpool(cached.header, name)).vae.latent_dim
    body = await http.body(request, DECODE_IMAGES * dims * 4)
    if not body or len(body) % (4 * dims):
        raise HTTPException(400, f"expected {dims} float32 numbers for each image, got {len(body)} bytes")
    z = np.frombuffer(body, "<f4").astype(np.float32).reshape(-1, dims)
    if not (np.abs(z) <= MAX_Z).all():
        raise HTTPException(400, f"every z must be a number between -{MAX_Z:g} and {MAX_Z:g}")
    images = await run_in_threadpool(cached.decode, name, z)
    return http.binary(np.ascontiguousarray(images, "<f4").tobytes())


async def images(request: Request) -> Response:
    """Some held-out images of the model's data set with their labels; 404 if they are not on this machine."""
    start, count = http.whole(request, "start", 0, 0, 10**9), http.whole(request, "count", 24, 1, GALLERY_IMAGES)
    return await run_in_threadpool(_images, request.query_params.get("model", ""), start, count)


def _images(name: str, start: int, count: int) -> Response:
    try:
        found = cached.held_out(name)
    except DataError as error:
        raise HTTPException(404, str(error)) from None
    total = len(found.images)
    shown = range(min(start, total), min(start + count, total))
    pictures = [{"index": i, "label": found.label(i), "png": image_files.png_address(found.images[i])} for i in shown]
    return JSONResponse({"total": total, "start": start, "images": pictures}, headers=http.HEADERS)


async def encode(request: Request) -> Response:
    """One image, from the data set, a file or a drawing -> its code q(z|x) and the terms of its bound."""
    name, kind = request.query_params.get("model", ""), request.query_params.get("kind", "")
    source = pictures_in.source(kind)
    await run_in_threadpool(cached.header, name)
    body = await http.body(request, source.limit)
    return await run_in_threadpool(_encode, name, body, source)


def _encode(name: str, body: bytes, source: Source) -> Response:
    taken = pictures_in.take(name, body, source)
    try:
        code = cached.encode(name, taken.x, taken.seed(ENCODE_SEED))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    estimates = {"reconstruction": code.reconstruction, "kl": code.kl, "elbo": code.elbo}
    answer = {"z": code.mean.tolist(), "std": code.std.tolist(), "kl_per_dimension": code.kl_per_dimension.tolist()}
    answer |= {"png": image_files.png_address(taken.x), "words": taken.words, "title": taken.title}
    answer |= {key: estimate.to_dict() for key, estimate in estimates.items()}
    return JSONResponse(answer, headers=http.HEADERS)


async def gif(request: Request) -> Response:
    """uint8 (N, H, W, C) in the body -> an endless GIF."""
    width, height = http.whole(request, "width", None, 1, GIF_SIDE), http.whole(request, "height", None, 1, GIF_SIDE)
    frames, channels = http.whole(request, "frames", None, 1, 300), http.whole(request, "channels", 1, 1, 3)
    scale, milliseconds = http.whole(request, "scale", 1, 1, 64), http.whole(request, "ms", 40, 20, 10_000)
    if channels == 2:
        raise HTTPException(400, "channels must be 1 or 3")
    size = frames * height * width * channels
    if max(width, height) * scale > GIF_SIDE or size > GIF_BYTES or size * scale**2 > 4 * GIF_BYTES:
        raise HTTPException(400, "this GIF would be too large: take fewer or smaller frames")
    body = await http.body(request, size)
    if len(body) != size:
        raise HTTPException(
            400, f"{frames} frames of {width}x{height}x{channels} need {size:,} bytes, got {len(body):,}"
        )
    pixels = np.frombuffer(body, np.uint8).reshape(frames, height, width, channels)
    picture = await run_in_threadpool(image_files.gif, pixels, milliseconds, scale)
    return Response(picture, media_type="image/gif", headers=http.HEADERS)


ROUTES = [
    Mount(
        "/vaex",
        Starlette(
            routes=[
                Route("/live/{version}/{file}", live),
                Route("/decoder", decoder),
                Route("/codes", codes),
                Route("/images", images),
                Route("/decode", decode, methods=["POST"]),
                Route("/encode", encode, methods=["POST"]),
                Route("/gif", gif, methods=["POST"]),
                *bounds_routes.ROUTES,
                *gradients_routes.ROUTES,
                *lab_routes.ROUTES,
                *map_routes.ROUTES,
                *reconstruct_routes.ROUTES,
                *run_routes.ROUTES,
            ],
            middleware=[Middleware(http.OwnPagesOnly)],
            exception_handlers=http.FAILURES,
        ),
    )
]
