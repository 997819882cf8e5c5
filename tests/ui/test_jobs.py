"""Jobs: shared, watched, cancelled, limited in number and in what they keep; every end is one line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from vaeexplorer.ui import jobs
from vaeexplorer.ui.jobs import Job, Jobs, Report, Unanswerable

LONG = 10.0  # seconds that a test waits at most


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Hand:
    """Work that goes on when told to: `step` lets it report, `finish` lets it return."""

    def __init__(self, result: Any = "result") -> None:
        self.result, self.calls = result, 0
        self.go, self.begun, self.reported = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)
        self.orders: list[Any] = []

    def __call__(self, progress: Report) -> Any:
        self.calls += 1
        self.begun.set()
        while True:
            assert self.go.acquire(timeout=LONG)
            order = self.orders.pop(0)
            if order == "finish":
                return self.result
            if order == "step":
                progress(0.5, "half way")
            else:
                progress.partial(order)
            self.reported.release()

    def step(self) -> None:
        self.tell("step")

    def tell(self, order: Any) -> None:
        """Report once; what is no word of these is a partial result."""
        self.orders.append(order)
        self.go.release()
        assert self.reported.acquire(timeout=LONG)

    def nudge(self) -> None:
        """A step that will not report back, for it is cancelled."""
        self.orders.append("step")
        self.go.release()

    def finish(self) -> None:
        self.orders.append("finish")
        self.go.release()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> Jobs:
    return Jobs({"one": 1, "two": 2}, most_bytes=100, most_waiting=3, clock=clock)


def ended(job: Job) -> Job:
    assert job.ended.wait(LONG)
    return job


def failing(error: BaseException) -> Callable[[Report], Any]:
    def work(progress: Report) -> Any:
        raise error

    return work


def test_a_job_is_done_once_for_all_who_ask(table: Jobs) -> None:
    work = Hand({"a": 1})
    first = table.ask("key", "one", work)
    assert work.begun.wait(LONG)
    assert (first.state, first.fraction) == ("running", 0)
    assert table.ask("key", "one", Hand()) is first
    assert table.known("key") is None
    work.step()
    assert (first.fraction, first.text) == (0.5, "half way")
    assert first.wait(0.01) is first
    work.finish()
    assert ended(first).state == "done"
    assert first.result == {"a": 1}
    assert table.ask("key", "one", failing(AssertionError())).result is first.result
    assert table.known("key") is first
    assert work.calls == 1
    assert first.work is None, "what it computed with is let go"


def test_a_lane_has_room_for_so_many_and_the_others_wait(table: Jobs) -> None:
    works = [Hand(i) for i in range(3)]
    found = [table.ask(i, "two", work) for i, work in enumerate(works)]
    other = table.ask("other", "one", failing(ValueError("another lane is not held up")))
    assert ended(other).state == "failed"
    assert works[0].begun.wait(LONG) and works[1].begun.wait(LONG)
    assert [job.state for job in found] == ["running", "running", "waiting"]
    assert found[2].text == jobs.WAITING
    works[1].finish()
    assert works[2].begun.wait(LONG)
    assert found[2].state == "running"
    for work in (works[0], works[2]):
        work.finish()
    assert [ended(job).result for job in found] == [0, 1, 2]


def test_cancelling_ends_it_at_its_next_report_and_is_told_at_once(table: Jobs, clock: Clock) -> None:
    work, later = Hand(), Hand()
    job, waiting = table.ask("key", "one", work), table.ask("later", "one", later)
    assert work.begun.wait(LONG)
    table.cancel(job.id)
    assert (job.state, job.error) == ("cancelled", "cancelled")
    assert table.ask("key", "one", Hand()) is job, "the others who ask are told as well"
    assert waiting.state == "waiting", "its thread still runs"
    work.nudge()
    assert later.begun.wait(LONG)
    later.finish()
    assert ended(waiting).state == "done"
    clock.now += jobs.TOLD_SECONDS + 0.1
    fresh = Hand("fresh")
    fresh.finish()
    assert ended(table.ask("key", "one", fresh)).result == "fresh"


def test_what_finishes_after_it_was_cancelled_is_not_kept(table: Jobs) -> None:
    work = Hand()
    job = table.ask("key", "one", work)
    assert work.begun.wait(LONG)
    table.cancel(job.id)
    work.finish()
    after = Hand()
    after.finish()
    ended(table.ask("after", "one", after))  # the room was given back
    assert (job.state, job.result) == ("cancelled", None)


def test_one_that_waits_is_cancelled_without_having_begun(table: Jobs) -> None:
    running, waiting = Hand(), Hand()
    first, second = table.ask(1, "one", running), table.ask(2, "one", waiting)
    table.cancel(second.id)
    assert ended(second).state == "cancelled"
    running.finish()
    ended(first)
    assert waiting.calls == 0


def test_a_partial_result_is_told_while_it_runs_and_gives_way_to_the_whole(table: Jobs) -> None:
    work = Hand("whole")
    job = table.ask("key", "one", work)
    assert job.partial is None
    for so_far in ({"n": 1}, {"n": 2}):
        work.tell(so_far)
        assert job.partial == so_far
        assert (job.state, job.result) == ("running", None)
    assert table.known("key") is None, "a part is no result"
    work.finish()
    assert ended(job).result == "whole"
    assert job.partial is None, "nothing is held twice"


def test_what_a_cancelled_job_had_told_is_its_result(table: Jobs, clock: Clock) -> None:
    work = Hand("too late")
    job = table.ask("key", "one", work)
    work.tell({"n": 1})
    table.cancel(job.id)
    assert (job.state, job.result) == ("cancelled", {"n": 1})
    work.finish()  # a thread that did not report again before its end
    after = Hand()
    after.finish()
    ended(table.ask("after", "one", after))
    assert job.result == {"n": 1}, "what came later does not count"
    clock.now += jobs.TOLD_SECONDS + 0.1
    assert table.ask("key", "one", Hand()) is job, "a page that was slow to ask gets it as well"
    assert table.known("key") is None, "it is not taken for a whole result"
    assert ("key", {"n": 1}) not in table.results()


@pytest.mark.parametrize("after", [jobs.PARTIAL_SECONDS + 0.1, 0])
def test_what_was_cancelled_half_way_is_begun_anew_later_or_when_asked_to(
    table: Jobs, clock: Clock, after: float
) -> None:
    work = Hand()
    job = table.ask("key", "one", work)
    work.tell("half")
    table.cancel(job.id)
    work.nudge()
    clock.now += after
    fresh = Hand("fresh")
    fresh.finish()
    assert ended(table.ask("key", "one", fresh, again=not after)).result == "fresh"


def test_cancelled_work_is_stopped_by_its_partial_results_too(table: Jobs) -> None:
    work = Hand()
    job = table.ask("key", "one", work)
    assert work.begun.wait(LONG)
    table.cancel(job.id)
    work.orders.append({"n": 1})
    work.go.release()
    after = Hand()
    after.finish()
    assert ended(table.ask("after", "one", after)).state == "done", "its thread came to an end"
    assert (job.result, job.partial) == (None, None)


def test_recent_is_what_is_at_work_or_ended_a_moment_ago(table: Jobs, clock: Clock) -> None:
    assert table.recent("key") is None
    work = Hand()
    job = table.ask("key", "one", work)
    clock.now += 1000
    assert table.recent("key") is job
    work.finish()
    ended(job)
    clock.now += jobs.TOLD_SECONDS
    assert table.recent("key") is job
    clock.now += 0.1
    assert table.recent("key") is None
    assert table.known("key") is job, "its result is still kept"


def test_work_that_fails_leaves_its_error_and_no_part(table: Jobs) -> None:
    def work(report: Report) -> None:
        report.partial({"n": 1})
        raise ValueError("no more")

    job = ended(table.ask("key", "one", work))
    assert (job.state, job.error, job.result, job.partial) == ("failed", "no more", None, None)


def test_cancelling_what_is_over_or_unknown_changes_nothing(table: Jobs) -> None:
    work = Hand()
    work.finish()
    job = ended(table.ask("key", "one", work))
    for job_id in (job.id, "unknown", ""):
        table.cancel(job_id)
    assert job.state == "done"


def test_again_begins_at_once_what_ended_without_a_result(table: Jobs) -> None:
    job = ended(table.ask("key", "one", failing(ValueError("no"))))
    assert table.ask("key", "one", Hand()) is job
    work = Hand()
    work.finish()
    fresh = ended(table.ask("key", "one", work, again=True))
    assert fresh is not job
    assert table.ask("key", "one", Hand(), again=True) is fresh, "a result is not thrown away"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\nlines"), "two lines"),
        (MemoryError(), "this needs more memory than there is: take fewer points"),
        (OSError(28, "No space left on device"), "the system refused: No space left on device"),
        (Unanswerable("it is gone"), "it is gone"),
    ],
)
def test_errors_become_one_line(table: Jobs, error: Exception, line: str) -> None:
    job = ended(table.ask("key", "one", failing(error)))
    assert (job.state, job.error) == ("failed", line)
    assert job.missing == isinstance(error, Unanswerable)


@pytest.mark.parametrize("error", [ZeroDivisionError("division"), SystemExit(1), KeyboardInterrupt()])
def test_a_fault_of_ours_is_logged_and_gives_the_room_back(
    table: Jobs, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert ended(table.ask("key", "one", failing(error))).error == jobs.UNFORESEEN
    assert type(error).__name__ in caplog.text
    work = Hand()
    work.finish()
    assert ended(table.ask("next", "one", work)).state == "done"


def test_a_size_that_cannot_be_told_is_a_failure_and_no_dead_lane(table: Jobs) -> None:
    def size(result: Any) -> int:
        raise ValueError("no size")

    work = Hand()
    work.finish()
    assert ended(table.ask("key", "one", work, size)).error == "no size"
    assert table.known("key") is None


def test_results_are_kept_within_bytes_the_last_asked_for_longest(table: Jobs) -> None:
    def make(key: str, size: int) -> Job:
        work = Hand(key)
        work.finish()
        return ended(table.ask(key, "one", work, lambda result: size))

    make("a", 40), make("b", 40)
    assert table.known("a") is not None, "asked for again"
    make("c", 40)
    assert [key for key, _ in table.results()] == ["a", "c"]
    make("huge", 1000)
    assert [key for key, _ in table.results()] == ["huge"], "the newest is kept, or whoever asks would ask for ever"
    table.keep("small", "s", 10)
    assert table.results() == [("small", "s")]
    known = table.known("small")
    assert known is not None and known.ended.is_set() and known.fraction == 1


def test_ends_are_forgotten_so_that_nothing_grows(table: Jobs, clock: Clock) -> None:
    for number in range(50):
        ended(table.ask(number, "one", failing(ValueError("no"))))
        clock.now += 1
    assert len(table._jobs) <= 4


def test_a_queue_that_is_too_long_gives_up_what_nobody_asked_for_the_longest(table: Jobs, clock: Clock) -> None:
    running = Hand()
    table.ask("running", "one", running)
    waiting = []
    for number in range(3):
        clock.now += 1
        waiting.append(table.ask(number, "one", failing(ValueError(str(number)))))
    clock.now += 1
    table.ask(0, "one", Hand())  # still wanted
    clock.now += 1
    newest = table.ask("newest", "one", failing(ValueError("newest")))
    assert [job.state for job in waiting] == ["waiting", "cancelled", "waiting"]
    assert waiting[1].error == jobs.GAVE_WAY
    running.finish()
    assert [ended(job).error for job in (waiting[0], waiting[2], newest)] == ["0", "2", "newest"]


def test_progress_stays_between_0_and_1(table: Jobs) -> None:
    seen = []

    def work(progress: Report) -> None:
        for fraction in (-1, 0.25, 7):
            progress(fraction, "x")
            seen.append(job.fraction)

    started = threading.Event()
    job = table.ask("key", "one", lambda progress: started.wait(LONG) and work(progress))
    started.set()
    assert ended(job).state == "done"
    assert seen == [0, 0.25, 1]


def test_many_askers_at_once_make_one_job(table: Jobs) -> None:
    work, found = Hand(), []
    threads = [threading.Thread(target=lambda: found.append(table.ask("key", "one", work))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work.finish()
    assert len({job.id for job in found}) == 1
    assert ended(found[0]).state == "done"
    assert work.calls == 1
