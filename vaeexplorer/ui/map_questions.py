"""Questions to the Map's addresses, checked, and answers that may have to wait for a job.

Work that takes time is a job (jobs.Jobs): the same POST is repeated until the answer is no longer 202.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.embeddings import EMBEDDINGS
from vaeexplorer.ui import http
from vaeexplorer.ui.jobs import Job, Unanswerable

QUESTION_BYTES = 16 * 1024
PATIENCE = 0.1  # seconds that a quick job gets before the answer is 202
LARGEST_SEED = 2**31 - 1
LARGEST_OPTION = 1e9
NO_STORE = http.HEADERS | {"Cache-Control": "no-store"}
TEXTS = ("model", "source", "of", "method", "digest")
WHOLE = (("seed", 0, LARGEST_SEED), ("embed_seed", 0, LARGEST_SEED), ("dims", 2, 3), ("size", 8, 192))
DEFAULTS = {
    "source": "test", "seed": 0, "digest": "", "again": False,
    "of": "mean", "method": "pca", "dims": 2, "options": {}, "embed_seed": 0,
    "window": None, "size": 96,
}  # fmt: skip

Fields = dict[str, Any]


class Unfinished(Exception):
    """A job that has to end before there is an answer."""

    def __init__(self, job: Job) -> None:
        self.job = job


async def answer(request: Request, make: Callable[[Fields], Response]) -> Response:
    """What `make` makes of the question in the body, or how far the job is that has to end first."""
    asked = _asked(await http.body(request, QUESTION_BYTES))
    return await run_in_threadpool(_answered, asked, make)


def result(job: Job) -> Any:
    """What the job made.   Raises: Unfinished while it goes on; HTTPException if it was cancelled or failed."""
    job.wait(PATIENCE)
    if job.state == "done":
        return job.result
    if job.state == "cancelled":
        raise HTTPException(409, job.error)
    if job.state == "failed":
        raise HTTPException(404 if job.missing else 422, job.error)
    raise Unfinished(job)


def as_json(document: Any, status: int = 200) -> Response:
    return JSONResponse(document, status, headers=NO_STORE)


def _answered(asked: Fields, make: Callable[[Fields], Response]) -> Response:
    try:
        return make(asked)
    except Unfinished as unfinished:
        job = unfinished.job
        return as_json({"job": job.id, "fraction": job.fraction, "text": job.text}, 202)
    except Unanswerable as error:
        raise HTTPException(404, str(error)) from None
    except CheckpointError:
        raise
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


def _asked(body: bytes) -> Fields:
    """The question with its defaults; each address reads what it needs.   Raises HTTPException 400."""
    http.fields(body, "model")
    asked: Fields = DEFAULTS | json.loads(body)
    for key in TEXTS:
        if not isinstance(asked[key], str):
            raise HTTPException(400, f"{key} must be a text")
    for key, low, high in WHOLE:
        if type(asked[key]) is not int or not low <= asked[key] <= high:
            raise HTTPException(400, f"{key} must be a whole number from {low} to {high}")
    if asked["of"] not in ("mean", "sample"):
        raise HTTPException(400, f"of must be mean or sample, got {asked['of'][:40]!r}")
    if asked["method"] not in EMBEDDINGS:
        raise HTTPException(400, f"method must be one of {', '.join(EMBEDDINGS)}; got {asked['method'][:40]!r}")
    if not isinstance(asked["options"], dict) or not all(map(_is_option, asked["options"].items())):
        raise HTTPException(400, "options must be a JSON object with numbers")
    asked["again"] = asked["again"] is True
    return asked


def _is_option(item: tuple[str, Any]) -> bool:
    """Whether it could be one: the method knows which it has, and the message about others must stay short."""
    name, value = item
    return len(name) < 40 and type(value) in (int, float) and abs(value) <= LARGEST_OPTION
