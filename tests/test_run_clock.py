"""The time that a run was worked on: what counts, what a resumption makes of it, and that rows know nothing of it."""

import time

import numpy as np
import pytest

from tests.run_folders import SMALL, cut_at, rows, train
from vaeexplorer import run_clock, run_desk
from vaeexplorer.run_clock import Clock, marks_of, seconds_at, timed


@pytest.fixture
def now(monkeypatch):
    """The monotonic clock as the test sets it."""
    at = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: at[0])
    return at


def test_only_work_counts_and_a_resumed_clock_goes_on(tmp_path, now):
    clock = Clock(tmp_path)
    with clock.aside():  # before it has begun
        now[0] += 5
    clock.begin(0)
    now[0] += 2
    clock.mark(10)
    with clock.aside(), clock.aside():
        now[0] += 50
    now[0] += 1
    clock.mark(20)
    clock.write()
    assert marks_of(tmp_path) == {10: 2.0, 20: 3.0}
    again = Clock(tmp_path)
    again.begin(15)  # of the save that is resumed
    now[0] += 4
    again.mark(20)
    again.write()
    assert marks_of(tmp_path) == {10: 2.0, 20: 6.0}


def test_rows_get_their_seconds_and_steps_between_theirs_in_proportion(tmp_path):
    (tmp_path / run_clock.FILE).write_text("10 2.000\n20 3.000\nhalf\n30 nan\n40 8.0")  # damaged, and a torn last line
    found = timed(tmp_path, [{"step": 10}, {"step": 15}])
    assert found == [{"step": 10, "seconds": 2.0}, {"step": 15}]
    assert seconds_at(tmp_path, np.array([0, 5, 15, 20])).tolist() == [0, 1, 2.5, 3]
    assert np.isnan(seconds_at(tmp_path, np.array([21]))).all()
    assert np.isnan(seconds_at(tmp_path / "none", np.array([1.0, 2.0]))).all()
    assert timed(tmp_path / "none", found[1:]) == [{"step": 15}]


def test_a_run_that_was_cut_off_has_one_time_and_its_rows_none(tmp_path, monkeypatch):
    monkeypatch.setattr(run_desk, "SAVE_APART_SECONDS", 0.0)
    path = tmp_path / "run"
    cut_at(monkeypatch, 8, path, *SMALL, "--epochs", "3")
    assert train(path, "--resume") == 0
    marks = marks_of(path)
    assert list(marks) == [row["step"] for row in rows(path)] == list(range(1, 16))
    assert list(marks.values()) == sorted(marks.values())
    assert all("seconds" not in row for row in rows(path))
