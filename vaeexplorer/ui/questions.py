"""Questions that pages post, checked field by field, and answers that may have to wait for a job.

Work that takes time is a job (jobs.Jobs): the same POST is repeated until the answer is no longer 202, and what is
known so far comes along. A job that is cancelled half-way answers with that, if it had told anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.ui import http
from vaeexplorer.ui.jobs import Job, Unanswerable

QUESTION_BYTES = 16 * 1024
PATIENCE = 0.1  # seconds that a quick job gets before the answer is 202
LARGEST_SEED = 2**31 - 1
LARGEST_NUMBER = 1e6  # of an option
LONGEST_TEXT = 80
MOST_IMAGES = 16
NO_STORE = http.HEADERS | {"Cache-Control": "no-store"}

Asked = TypeVar("Asked")


class Unfinished(Exception):
    """A job that has to end before there is an answer."""

    def __init__(self, job: Job) -> None:
        self.job = job


@dataclass(frozen=True)
class Question:
    """A JSON object, whose fields are read with their limits; each reader raises HTTPException 400, one line."""

    asked: Mapping[str, Any]

    @property
    def model(self) -> str:
        return self.text("model")

    @property
    def seed(self) -> int:
        return self.whole("seed", 0, 0, LARGEST_SEED)

    @property
    def again(self) -> bool:
        return self.asked.get("again") is True

    def text(self, field: str, default: str | None = None) -> str:
        value = self.asked.get(field, default)
        if not isinstance(value, str):
            raise HTTPException(400, f"{field} must be a text")
        return value

    def choice(self, field: str, names: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(field, default)
        if value not in names:
            raise HTTPException(400, f"{field} must be one of {', '.join(names)}; got {_shown(value)}")
        return value

    def whole(self, field: str, default: int | None, low: int, high: int) -> int:
        value = self.asked.get(field, default)
        if type(value) is not int or not low <= value <= high:
            got = f", got {_shown(value)}" if field in self.asked else ""
            raise HTTPException(400, f"{field} must be a whole number from {low:,} to {high:,}{got}")
        return value

    def numbers(self, field: str, count: tuple[int, int], low: float, high: float) -> tuple[float, ...]:
        """A list of numbers, `count` (fewest, most) of them, each from `low` to `high`."""
        values = self._listed(field, count, lambda value: _is_number(value) and low <= value <= high)
        if values is None:
            raise HTTPException(400, f"{field} must be a list of {_many(count)} numbers from {low:g} to {high:g}")
        return tuple(float(value) for value in values)

    def wholes(self, field: str, count: tuple[int, int], low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers, `count` (fewest, most) of them, each from `low` to `high`."""
        values = self._listed(field, count, lambda value: type(value) is int and low <= value <= high)
        if values is None:
            raise HTTPException(400, f"{field} must be a list of {_many(count)} whole numbers from {low:,} to {high:,}")
        return tuple(values)

    def names(self, field: str, most: int) -> tuple[str, ...]:
        """A list of 1 to `most` different words; who reads them knows which there are."""
        values = self._listed(field, (1, most), lambda value: isinstance(value, str))
        if values is None or len(set(values)) != len(values):
            raise HTTPException(400, f"{field} must be a list of 1 to {most} different names")
        return tuple(values)

    def keys(self, count: tuple[int, int] = (1, MOST_IMAGES)) -> tuple[str, ...]:
        """The images that are asked about: different keys, `count` (fewest, most) of them."""
        values = self._listed("images", count, lambda value: isinstance(value, str))
        if values is None or len(set(values)) != len(values):
            raise HTTPException(400, f"images must be a list of {_many(count)} different keys, as test:17")
        return tuple(values)

    def options(self) -> dict[str, int | float | str]:
        """Further arguments of a method: numbers and words; the method knows which it has."""
        values = self.asked.get("options", {})
        if not isinstance(values, dict) or len(values) > 20 or not all(map(_is_option, values.items())):
            raise HTTPException(400, "options must be a JSON object with numbers or words")
        return values

    def _listed(self, field: str, count: tuple[int, int], fits: Callable[[Any], bool]) -> list[Any] | None:
        """The list of this field if it has so many (fewest, most) that fit."""
        values = self.asked.get(field, [])
        fine = isinstance(values, list) and count[0] <= len(values) <= count[1] and all(map(fits, values))
        return values if fine else None


async def answer(request: Request, make: Callable[[Question], Response], *needed: str) -> Response:
    """What `make` makes of the question in the body, or how far the job is that has to end first."""
    body = await http.body(request, QUESTION_BYTES)
    http.fields(body, *needed)
    return await run_in_threadpool(answered, make, Question(json.loads(body)))


def answered(make: Callable[[Asked], Response], asked: Asked) -> Response:
    """What `make` makes of a question, or status 202 with how far the job is that has to end first, and what it has."""
    try:
        return told(make, asked)
    except Unfinished as unfinished:
        job = unfinished.job
        return as_json({"job": job.id, "fraction": job.fraction, "text": job.text, "partial": job.partial}, 202)


def told(make: Callable[..., Any], *asked: Any) -> Any:
    """What `make` makes; what it cannot find or use becomes an HTTPException with its one line."""
    try:
        return make(*asked)
    except Unanswerable as error:
        raise HTTPException(404, str(error)) from None
    except CheckpointError:
        raise
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


def result(job: Job) -> Any:
    """What the job made, or had made when it was cancelled.

    Raises: Unfinished while it goes on; HTTPException if it failed, or was cancelled before there was anything.
    """
    job.wait(PATIENCE)
    if job.state == "done" or (job.state == "cancelled" and job.result is not None):
        return job.result
    if job.state == "cancelled":
        raise HTTPException(409, job.error)
    if job.state == "failed":
        raise HTTPException(404 if job.missing else 422, job.error)
    raise Unfinished(job)


def as_json(document: Any, status: int = 200) -> Response:
    return JSONResponse(document, status, headers=NO_STORE)


def number(value: Any) -> float | None:
    """A number for JSON: None for what is not known (NaN) or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def numbers(values: np.ndarray) -> list[float | None]:
    return [number(value) for value in np.asarray(values, np.float64).ravel()]


def _many(count: tuple[int, int]) -> str:
    fewest, most = count
    return f"{most}" if fewest == most else f"{fewest} to {most}"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER  # false for NaN, too


def _is_option(item: tuple[str, Any]) -> bool:
    name, value = item
    return len(name) < 40 and (_is_number(value) or (isinstance(value, str) and len(value) < 40))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
