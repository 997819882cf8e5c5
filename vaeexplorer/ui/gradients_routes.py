"""Addresses of the Gradients page: what there is to ask, the table of estimators, sweeps, clouds and histograms.

An image is named by its key (bounds_images). Work that takes time is a job: the same POST is repeated until the answer
is no longer 202 (questions). Gradients are of log-likelihoods in nats, by q's parameters or by every weight.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaeexplorer.ui import (
    gradients_about,
    gradients_cloud,
    gradients_diagnose,
    gradients_histogram,
    gradients_sweep,
)
from vaeexplorer.ui.questions import answer, as_json, result, told


async def about(request: Request) -> Response:
    """What can be asked about a model: estimators, sweeps and targets, and why some do not apply."""
    return as_json(await run_in_threadpool(told, gradients_about.about, request.query_params.get("model", "")))


async def diagnose(request: Request) -> Response:
    """Bias, variance, signal and cost of estimators on a few images."""
    return await answer(
        request, lambda asked: as_json(result(gradients_diagnose.diagnose(asked))), "model", "images", "estimators"
    )


async def sweep(request: Request) -> Response:
    """Variance and signal of estimators while one thing changes."""
    return await answer(
        request, lambda asked: as_json(result(gradients_sweep.sweep(asked))), "model", "estimators", "over"
    )


async def cloud(request: Request) -> Response:
    """Single estimates of one image's gradient as arrows in two of q's parameters."""
    return await answer(
        request, lambda asked: as_json(result(gradients_cloud.cloud(asked))), "model", "images", "estimators"
    )


async def histogram(request: Request) -> Response:
    """How one entry of one image's gradient is distributed under a few estimators."""
    return await answer(
        request, lambda asked: as_json(result(gradients_histogram.histogram(asked))), "model", "images", "estimators"
    )


ROUTES = [
    Route("/gradients/about", about),
    Route("/gradients/diagnose", diagnose, methods=["POST"]),
    Route("/gradients/sweep", sweep, methods=["POST"]),
    Route("/gradients/cloud", cloud, methods=["POST"]),
    Route("/gradients/histogram", histogram, methods=["POST"]),
]
