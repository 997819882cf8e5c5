"""Questions to the Map's addresses: all have the same fields, of which each address reads what it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vaeexplorer.embeddings import EMBEDDINGS
from vaeexplorer.ui import http, questions
from vaeexplorer.ui.questions import LARGEST_SEED

LARGEST_OPTION = 1e9
TEXTS = ("model", "source", "of", "method", "digest")
WHOLE = (("seed", 0, LARGEST_SEED), ("embed_seed", 0, LARGEST_SEED), ("dims", 2, 3), ("size", 8, 192))
DEFAULTS = {
    "source": "test", "seed": 0, "digest": "", "again": False,
    "of": "mean", "method": "pca", "dims": 2, "options": {}, "embed_seed": 0,
    "window": None, "size": 96,
}  # fmt: skip

Fields = dict[str, Any]


async def answer(request: Request, make: Callable[[Fields], Response]) -> Response:
    """What `make` makes of the question in the body, or how far the job is that has to end first."""
    asked = _asked(await http.body(request, questions.QUESTION_BYTES))
    return await run_in_threadpool(questions.answered, make, asked)


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
