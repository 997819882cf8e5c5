"""Addresses of the Lab: what demonstrations there are, and their films, moment after moment as they are computed.

POST lab/play is repeated by who watches, with the number of moments that came before, until the answer is no longer
202; each waits a little for something new. POST lab/leave says that somebody stopped watching.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaeexplorer.ui import lab_films
from vaeexplorer.ui.lab_films import Wish
from vaeexplorer.ui.questions import LARGEST_SEED, NO_STORE, Question, answer, as_json, told

PATIENCE = 0.4  # seconds that a question waits for the next moment
ENDING = 0.1  # seconds between the last moment and the end of its job
MOST_MOMENTS = 10_000
LONGEST_NAME = 40  # characters of who watches


async def demos(request: Request) -> Response:
    """All demonstrations, in the order of the tour."""
    return as_json(await run_in_threadpool(lab_films.listing))


async def play(request: Request) -> Response:
    """The moments of a film from number `have` on: status 202 with them in `partial` while more will come."""
    return await answer(request, _play, "demo")


async def leave(request: Request) -> Response:
    """Somebody stops watching a film; its work ends if nobody else does."""
    return await answer(request, _leave, "demo")


def _play(question: Question) -> Response:
    wanted, have = _wish(question), question.whole("have", 0, 0, MOST_MOMENTS)
    job, film = lab_films.watch(wanted, _who(question), question.again)
    if not job.ended.is_set():
        film.wait(have, PATIENCE)
        if job.fraction >= 1:
            job.wait(ENDING)
    if job.state == "done":
        return _json(f'{film.since(have)[:-1]},"complete":true}}')
    if job.state in ("failed", "cancelled"):
        raise HTTPException(409 if job.state == "cancelled" else 404 if job.missing else 422, job.error)
    progress = json.dumps({"job": job.id, "fraction": job.fraction, "text": job.text})
    return _json(f'{progress[:-1]},"partial":{film.since(have)}}}', 202)


def _leave(question: Question) -> Response:
    lab_films.leave(_wish(question), _who(question))
    return as_json({})


def _wish(question: Question) -> Wish:
    settings: Any = question.asked.get("settings", {})
    if not isinstance(settings, dict):
        raise HTTPException(400, "settings must be a JSON object")
    return told(lab_films.wish, question.text("demo"), settings, question.whole("seed", 0, 0, LARGEST_SEED))


def _who(question: Question) -> str:
    who = question.text("who", "")
    if len(who) > LONGEST_NAME:
        raise HTTPException(400, f"who must be a text of at most {LONGEST_NAME} characters")
    return who


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, headers=NO_STORE, media_type="application/json")


ROUTES = [
    Route("/lab/demos", demos),
    Route("/lab/play", play, methods=["POST"]),
    Route("/lab/leave", leave, methods=["POST"]),
]
