"""Addresses of the Bounds page: terms, log p(x), the gap, true posteriors, whole data sets, and the wrong roads.

An image is named by its key (bounds_images). Work that takes time is a job: the same POST is repeated until the answer
is no longer 202 (questions). All numbers are log-likelihoods in nats; the page converts.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaeexplorer.ui import (
    bounds_about,
    bounds_dataset,
    bounds_exact,
    bounds_gap,
    bounds_history,
    bounds_images,
    bounds_posterior,
    bounds_roads,
    bounds_terms,
    bounds_work,
    cached,
    http,
    pictures_in,
)
from vaeexplorer.ui.questions import LARGEST_SEED, answer, as_json, result, told


async def about(request: Request) -> Response:
    """What can be asked about a model: its methods, their limits and costs, and the images that are here."""
    return as_json(await run_in_threadpool(bounds_about.about, request.query_params.get("model", "")))


async def pictures(request: Request) -> Response:
    """A drawing, a file or pixels in the body -> the key that names it in other questions."""
    name, kind = request.query_params.get("model", ""), request.query_params.get("kind", "")
    if kind not in bounds_images.KINDS:
        raise HTTPException(400, f"kind must be one of {', '.join(bounds_images.KINDS)}; got {kind[:40]!r}")
    await run_in_threadpool(cached.header, name)
    body = await http.body(request, pictures_in.source(kind).limit)
    title = request.query_params.get("title", "")
    key, taken = await run_in_threadpool(bounds_images.keep, name, body, kind, title)
    return as_json({"key": key, "title": taken.title, "words": taken.words})


async def terms(request: Request) -> Response:
    """ELBO, reconstruction and KL of a few images, and what the model makes of them, one binary document."""
    return await answer(request, lambda asked: http.binary(bounds_terms.terms(asked)), "model", "images")


async def estimate(request: Request) -> Response:
    """log p(x) of a few images by one method, with its diagnostics and what its pictures need."""
    return await answer(
        request, lambda asked: as_json(result(bounds_work.estimate(asked))), "model", "images", "method"
    )


async def gap(request: Request) -> Response:
    """Where the bound of a few images loses against log p(x)."""
    return await answer(request, lambda asked: as_json(result(bounds_gap.gap(asked))), "model", "images")


async def posterior(request: Request) -> Response:
    """The true posterior of one image beside q, one binary document."""
    return await answer(request, lambda asked: http.binary(result(bounds_posterior.posterior(asked))), "model", "image")


async def dataset(request: Request) -> Response:
    """ELBO, log p(x) and gap of many images of one source."""
    return await answer(request, lambda asked: as_json(result(bounds_dataset.dataset(asked))), "model")


async def images(request: Request) -> Response:
    """Pictures of some images of a source, as one binary document."""
    query = request.query_params
    texts = query.get("index", "").split(",")
    if len(texts) > bounds_dataset.MOST_SHOWN or not all(t.isascii() and t.isdigit() and len(t) < 10 for t in texts):
        most = bounds_dataset.MOST_SHOWN
        raise HTTPException(400, f"index must be 1 to {most} whole numbers with commas between them")
    seed = http.whole(request, "seed", 0, 0, LARGEST_SEED)
    name, source = query.get("model", ""), query.get("source", "test")
    return http.binary(await run_in_threadpool(told, bounds_dataset.images, name, source, seed, list(map(int, texts))))


async def roads(request: Request) -> Response:
    """What the sources print, what it computes, and what is right."""
    return await answer(request, lambda asked: as_json(result(bounds_roads.roads(asked))), "model", "images")


async def history(request: Request) -> Response:
    """A run's U, S and E at each observed step."""
    return as_json(await run_in_threadpool(told, bounds_history.history, request.query_params.get("model", "")))


async def exact(request: Request) -> Response:
    """The exact model under a q of one's own."""
    return await answer(request, lambda asked: as_json(bounds_exact.playground(asked)), "mean", "std")


ROUTES = [
    Route("/bounds/about", about),
    Route("/bounds/pictures", pictures, methods=["POST"]),
    Route("/bounds/terms", terms, methods=["POST"]),
    Route("/bounds/estimate", estimate, methods=["POST"]),
    Route("/bounds/gap", gap, methods=["POST"]),
    Route("/bounds/posterior", posterior, methods=["POST"]),
    Route("/bounds/dataset", dataset, methods=["POST"]),
    Route("/bounds/images", images),
    Route("/bounds/roads", roads, methods=["POST"]),
    Route("/bounds/history", history),
    Route("/bounds/exact", exact, methods=["POST"]),
]
