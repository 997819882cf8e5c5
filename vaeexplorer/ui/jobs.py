"""Work that takes seconds or minutes: done in threads, shared by all who ask for the same, and its results kept.

A job is known by its key. Asking begins it or finds it, also when its tab was closed meanwhile; a few of a lane run at
once, the others wait. Failed and cancelled ones are told for a moment, to everyone who asks, and then forgotten.
A job may tell partial results while it runs; the last one is what a cancelled job leaves.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]

WAITING = "waiting for another computation"
CANCELLED = "cancelled"
GAVE_WAY = "given up for newer questions: ask again"
UNFORESEEN = "this failed on the server; its log says why"
TOLD_SECONDS = 1.5  # for which an end without a result is told: pages ask four times a second
PARTIAL_SECONDS = 20.0  # for which a cancelled job's partial result is told: a page that asks late must not begin anew

_log = logging.getLogger(__name__)


class Cancelled(BaseException):
    """Raised in a job's progress callback to end it; no Exception, so that nobody explains it away on its way out."""


class Unanswerable(LookupError):
    """A question about something that is not there; the text is one line for people."""


def _no_bytes(result: Any) -> int:
    return 0


@dataclass(eq=False)
class Job:
    """One piece of work: how far it is (fraction 0..1 and words), and in the end its result or an error in one line.

    partial: the last partial result that it told, None before; also the result of one that was cancelled.
    """

    key: Hashable
    lane: str
    work: Work | None
    size: Callable[[Any], int]
    asked: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: State = "waiting"
    fraction: float = 0.0
    text: str = WAITING
    partial: Any = None
    result: Any = None
    bytes: int = 0
    error: str = ""
    missing: bool = False  # the error is that something is not there
    over: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> Job:
        """The same job, after it ended or these seconds."""
        self.ended.wait(seconds)
        return self


class Report:
    """What a job's work is given: called with a fraction and words, it tells how far the work is.

    Raises Cancelled, from any of its calls, once the job is cancelled.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self, fraction: float, text: str) -> None:
        self._go_on()
        self._job.fraction, self._job.text = min(max(float(fraction), 0.0), 1.0), text

    def partial(self, result: Any) -> None:
        """What there is so far, for all who ask meanwhile, and for good if the job is cancelled. Small: it is not
        counted among the bytes of results.
        """
        self._go_on()
        self._job.partial = result

    def _go_on(self) -> None:
        if self._job.state == "cancelled":
            raise Cancelled


Work = Callable[[Report], Any]


class Jobs:
    """lanes: name -> how many jobs of it run at once.   most_bytes: of results that are kept, the newest in any case.

    most_waiting: jobs of a lane that wait; beyond, the one that was asked for the longest ago gives way.
    """

    def __init__(
        self, lanes: Mapping[str, int], most_bytes: int, most_waiting: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._room = dict(lanes)
        self._most_bytes, self._most_waiting, self._clock = most_bytes, most_waiting, clock
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()  # the last ones asked for last
        self._waiting: dict[str, list[Job]] = {lane: [] for lane in lanes}
        self._lock = threading.Lock()

    def ask(
        self, key: Hashable, lane: str, work: Work, size: Callable[[Any], int] = _no_bytes, again: bool = False
    ) -> Job:
        """The job of this key, which is begun if there is none.

        Args: work(report) makes the result; its exceptions end the job, and the text of a ValueError is told.
        size: bytes of a result.   again: one that failed or was cancelled is begun anew at once.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or self._forgettable(job, again):
                job = self._jobs[key] = Job(key, lane, work, size, self._clock())
                self._waiting[lane].append(job)
                self._begin(lane)
                self._give_way(lane)
            self._touch(job)
            return job

    def known(self, key: Hashable) -> Job | None:
        """The job of this key if its result is here."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state != "done":
                return None
            self._touch(job)
            return job

    def recent(self, key: Hashable) -> Job | None:
        """The job of this key if it waits or runs, or ended so short a time ago that those who wait may not know."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or (job.ended.is_set() and self._clock() - job.over > TOLD_SECONDS):
                return None
            self._touch(job)
            return job

    def results(self) -> list[tuple[Any, Any]]:
        """Key and result of all that are kept, the last ones asked for last."""
        with self._lock:
            return [(job.key, job.result) for job in self._jobs.values() if job.state == "done"]

    def keep(self, key: Hashable, result: Any, size: int) -> Job:
        """A result that was quick to make, among those of jobs."""
        with self._lock:
            job = Job(key, "", None, _no_bytes, self._clock(), result=result, bytes=size, fraction=1.0)
            self._finish(job, "done", "")
            self._jobs[key] = job
            self._touch(job)
            self._trim(job)
            return job

    def cancel(self, job_id: str) -> None:
        """End a job: it is told as cancelled from now on, with its last partial result if it had one, and stops at its
        next report. One that ended stays.
        """
        with self._lock:
            for job in self._jobs.values():
                if job.id == job_id and job.state in ("waiting", "running"):
                    self._drop(job, CANCELLED)

    def _forgettable(self, job: Job, again: bool) -> bool:
        over = job.state in ("failed", "cancelled")
        told = TOLD_SECONDS if job.result is None else PARTIAL_SECONDS
        return over and (again or self._clock() - job.over > told)

    def _touch(self, job: Job) -> None:
        job.asked = self._clock()
        if self._jobs.get(job.key) is job:
            self._jobs.move_to_end(job.key)

    def _begin(self, lane: str) -> None:
        while self._room[lane] and self._waiting[lane]:
            job = self._waiting[lane].pop(0)
            self._room[lane] -= 1
            job.state, job.text = "running", ""
            threading.Thread(target=self._run, args=(job,), daemon=True, name=f"{lane} {job.id}").start()

    def _give_way(self, lane: str) -> None:
        waiting = self._waiting[lane]
        if len(waiting) > self._most_waiting:
            self._drop(min(waiting, key=lambda job: job.asked), GAVE_WAY)

    def _drop(self, job: Job, why: str) -> None:
        if job.state == "waiting":
            self._waiting[job.lane].remove(job)
        job.result = job.partial
        self._finish(job, "cancelled", why)

    def _run(self, job: Job) -> None:
        assert job.work is not None
        try:
            result = job.work(Report(job))
            size = job.size(result)
        except Cancelled:
            self._end(job, "cancelled", CANCELLED)
        except Unanswerable as error:
            job.missing = True
            self._end(job, "failed", str(error))
        except BaseException as error:
            self._end(job, "failed", self._explained(error))
        else:
            self._end(job, "done", "", result, size)

    def _end(self, job: Job, state: State, error: str, result: Any = None, size: int = 0) -> None:
        with self._lock:
            self._room[job.lane] += 1
            if job.state == "running":
                job.result, job.bytes = result, size
                self._finish(job, state, error)
            self._trim(job)
            self._begin(job.lane)

    def _finish(self, job: Job, state: State, error: str) -> None:
        job.state, job.error, job.over = state, " ".join(error.split()), self._clock()
        job.work = job.partial = None  # they may hold large arrays
        job.ended.set()

    def _trim(self, newest: Job) -> None:
        """Forget results asked for the longest ago until the others fit, and ends that nobody asks about any more."""
        for job in list(self._jobs.values()):
            if self._forgettable(job, again=False):
                del self._jobs[job.key]
        done = [job for job in self._jobs.values() if job.state == "done" and job is not newest]
        total = newest.bytes + sum(job.bytes for job in done)
        for job in done:
            if total <= self._most_bytes:
                break
            total -= job.bytes
            del self._jobs[job.key]

    @staticmethod
    def _explained(error: BaseException) -> str:
        if isinstance(error, ValueError):
            return str(error)
        if isinstance(error, MemoryError):
            return "this needs more memory than there is: take fewer points"
        if isinstance(error, OSError) and error.strerror:
            return f"the system refused: {error.strerror}"
        _log.error("a job failed", exc_info=error)
        return UNFORESEEN
