"""Questions to the addresses of Bounds, checked field by field, and answers that may have to wait for a job.

Work that takes time is a job (jobs.Jobs): the same POST is repeated until the answer is no longer 202, and what is
known so far comes along. A job that is cancelled half-way answers with that, marked as not complete.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.ui import http
from vaeexplorer.ui.jobs import Job, Unanswerable
from vaeexplorer.ui.map_questions import PATIENCE, as_json

QUESTION_BYTES = 16 * 1024
LARGEST_SEED = 2**31 - 1
LARGEST_NUMBER = 1e6  # of an option
LONGEST_TEXT = 80
MOST_IMAGES = 16

Fields = dict[str, Any]


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

    def numbers(self, field: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """So many numbers, each from `low` to `high`."""
        values = self.asked.get(field)
        fits = isinstance(values, list) and len(values) == count
        if not fits or not all(_is_number(value) and low <= value <= high for value in values or ()):
            raise HTTPException(400, f"{field} must be a list of {count} numbers from {low:g} to {high:g}")
        return tuple(float(value) for value in values or ())

    def wholes(self, field: str, count: tuple[int, int], low: int, high: int) -> tuple[int, ...]:
        """A list of whole numbers, `count` (fewest, most) of them, each from `low` to `high`."""
        values, (fewest, most) = self.asked.get(field), count
        fits = isinstance(values, list) and fewest <= len(values) <= most
        if not fits or not all(type(value) is int and low <= value <= high for value in values or ()):
            many = f"{most}" if fewest == most else f"{fewest} to {most}"
            raise HTTPException(400, f"{field} must be a list of {many} whole numbers from {low:,} to {high:,}")
        return tuple(values or ())

    def keys(self) -> tuple[str, ...]:
        """The images that are asked about: 1 to 16 different keys."""
        values = self.asked.get("images")
        fits = isinstance(values, list) and all(isinstance(value, str) for value in values)
        if not fits or not 1 <= len(values or ()) <= MOST_IMAGES or len(set(values or ())) != len(values or ()):
            raise HTTPException(400, f"images must be a list of 1 to {MOST_IMAGES} different keys, as test:17")
        return tuple(values or ())

    def options(self) -> dict[str, int | float | str]:
        """Further arguments of a method: numbers and words; the method knows which it has."""
        values = self.asked.get("options", {})
        if not isinstance(values, dict) or len(values) > 20 or not all(map(_is_option, values.items())):
            raise HTTPException(400, "options must be a JSON object with numbers or words")
        return values


async def answer(request: Request, make: Callable[[Question], Response], *needed: str) -> Response:
    """What `make` makes of the question in the body, or how far the job is that has to end first."""
    body = await http.body(request, QUESTION_BYTES)
    http.fields(body, *needed)
    return await run_in_threadpool(_answered, Question(json.loads(body)), make)


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


def number(value: Any) -> float | None:
    """A number for JSON: None for what is not known (NaN) or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def numbers(values: np.ndarray) -> list[float | None]:
    return [number(value) for value in np.asarray(values, np.float64).ravel()]


def _answered(question: Question, make: Callable[[Question], Response]) -> Response:
    try:
        return make(question)
    except Unfinished as unfinished:
        job = unfinished.job
        told = {"job": job.id, "fraction": job.fraction, "text": job.text, "partial": job.partial}
        return as_json(told, 202)
    except Unanswerable as error:
        raise HTTPException(404, str(error)) from None
    except CheckpointError:
        raise
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER  # false for NaN, too


def _is_option(item: tuple[str, Any]) -> bool:
    name, value = item
    return len(name) < 40 and (_is_number(value) or (isinstance(value, str) and len(value) < 40))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
