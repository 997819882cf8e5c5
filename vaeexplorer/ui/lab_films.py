"""Films of the Lab: the moments of a demonstration as they are computed, shared by all who watch the same one.

A film is known by its demonstration, settings and seed; it is made by a job and kept among the results of jobs. Who
watches says so with every question; when the last one has left, or has asked nothing for a while, the work ends.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vaeexplorer.ui.encoded import JOBS
from vaeexplorer.ui.jobs import CANCELLED, Cancelled, Job, Report, Unanswerable

if TYPE_CHECKING:
    from vaeexplorer.demos import Demo, Moment

LANE = "demos"
SILENCE = 20.0  # seconds after which who asks nothing more has left; a hidden tab may ask once a second only

_coming_and_going = threading.Lock()  # nobody comes between "the last one left" and the end of the work


class Film:
    """Moments as JSON texts, in their order, and who watches them as they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._moments: list[str] = []
        self._over = False
        self._news = threading.Condition()
        self._watchers: dict[str, float] = {}  # who watches -> when they asked last
        self._clock = clock

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def nbytes(self) -> int:
        return sum(map(len, self._moments))

    def add(self, moment: Moment) -> None:
        """One more moment, for all who wait.   Raises: ValueError for numbers that JSON does not know."""
        text = json.dumps(moment.to_dict(), allow_nan=False, separators=(",", ":"))
        with self._news:
            self._moments.append(text)
            self._news.notify_all()

    def end(self) -> None:
        """No more will come, whatever the reason."""
        with self._news:
            self._over = True
            self._news.notify_all()

    def wait(self, have: int, seconds: float) -> None:
        """Return when there are more than `have` moments, or no more will come, or these seconds are over."""
        with self._news:
            self._news.wait_for(lambda: self._over or len(self._moments) > have, seconds)

    def since(self, have: int) -> str:
        """JSON of the moments from number `have` on: {"start": number of the first, "moments": [...]}."""
        with self._news:
            start = min(have, len(self._moments))
            return f'{{"start":{start},"moments":[{",".join(self._moments[start:])}]}}'

    def watched_by(self, who: str) -> None:
        self._watchers[who] = self._clock()

    def left_by(self, who: str) -> None:
        self._watchers.pop(who, None)

    @property
    def deserted(self) -> bool:
        """Whether nobody watches: they left, or have asked nothing for a while."""
        now = self._clock()
        return all(now - asked > SILENCE for asked in list(self._watchers.values()))


@dataclass(frozen=True)
class Wish:
    """Which film: a demonstration with its name, all its settings, checked, and a seed."""

    name: str
    demo: Demo
    settings: Mapping[str, Any]
    seed: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (LANE, self.name, json.dumps(self.settings, sort_keys=True), self.seed)


@dataclass
class Making:
    """A job's work: computes the moments of a film for as long as somebody watches."""

    wish: Wish
    film: Film

    def __call__(self, report: Report) -> Film:
        from vaeexplorer.demos import play

        report(0, "getting ready")
        try:
            for moment in play(self.wish.demo, self.wish.settings, self.wish.seed):
                self.film.add(moment)
                report(moment.fraction, moment.text)
                if self.film.deserted:
                    raise Cancelled
        finally:
            self.film.end()
        return self.film


def listing() -> list[dict[str, Any]]:
    """Every demonstration: its name and all that is told about it."""
    from vaeexplorer.demos import DEMOS

    return [{"name": name, **_told(demo), "scenes": list(demo.scenes)} for name, demo in DEMOS.items()]


def _told(demo: Demo) -> dict[str, Any]:
    """What is told about it; of sliders also whether they take whole numbers, which JSON's 1 and 1.0 do not say."""
    told = demo.to_dict()
    for control, words in zip(demo.controls, told["controls"], strict=True):
        words["whole"] = getattr(control, "whole", False)
    return told


def wish(name: str, settings: Mapping[str, object], seed: int) -> Wish:
    """What is asked for.   Raises: Unanswerable for a demonstration that is none; ValueError for bad settings."""
    from vaeexplorer.demos import DEMOS

    if name not in DEMOS:
        raise Unanswerable(f"there is no demonstration {name[:40]!r}; there are {', '.join(DEMOS)}")
    return Wish(name, DEMOS[name], DEMOS[name].settings(settings), seed)


def watch(wanted: Wish, who: str, again: bool) -> tuple[Job, Film]:
    """The job that makes this film, and the film, for somebody who watches from now on.

    again: one that failed is begun anew. One that ended because nobody watched it always is.
    """
    with _coming_and_going:
        job = _ask(wanted, who, again)
        if job.state == "cancelled" and job.error == CANCELLED:
            job = _ask(wanted, who, again=True)
        making = job.work
        if not isinstance(making, Making):
            return job, job.result or Film()
        making.film.watched_by(who)
        return job, making.film


def leave(wanted: Wish, who: str) -> None:
    """Somebody stops watching; the work ends if nobody else does."""
    with _coming_and_going:
        job = JOBS.recent(wanted.key)
        making = None if job is None else job.work
        if job is not None and isinstance(making, Making):
            making.film.left_by(who)
            if making.film.deserted:
                JOBS.cancel(job.id)


def _ask(wanted: Wish, who: str, again: bool) -> Job:
    film = Film()
    film.watched_by(who)  # before the work begins, which looks whether anybody does
    return JOBS.ask(wanted.key, LANE, Making(wanted, film), lambda made: made.nbytes, again)
