"""A training beside the app: what an open page costs the training, and the training another page's slider.

The worker runs as the app starts it, at a lower priority and with a core left free.
Run by `python benchmarks/train.py --page`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.drag import drag_most_important, percentile, visit
from benchmarks.report import machine, table
from tests.browser.driver import VIEWPORT, AppServer, launch, settled
from vaeexplorer import runs
from vaeexplorer.run_files import Status, read_status

SLIDER_MODEL = "shapes-10d"  # 64x64, the only convolutional one of the shipped models
TITLE = "benchmark"
COLUMNS = {
    "steps_per_second": ("steps/s", "{:.1f}"),
    "of_alone": ("of alone", "{:.3f}"),
    "polls_per_second": ("polls/s", "{:.1f}"),
    "input_p50": ("slider input p50 (ms)", "{:.2f}"),
    "input_p95": ("p95 (ms)", "{:.2f}"),
    "images_per_second": ("images/s", "{:.1f}"),
}
ALONE, OPEN, IDLE, BUSY = "training alone", "Train page open", "slider alone", "slider beside a training"
TARGETS = {"of_alone": 0.9, "input_p95": 9.0}

Rows = dict[str, dict[str, float]]


def wait_for_step(run: Path, process: subprocess.Popen | None = None, seconds: float = 120.0) -> Status:
    """The first status after some step.   Raises: TimeoutError if the worker ends, fails or takes longer."""
    deadline = time.monotonic() + seconds
    while not (status := read_status(run)).step:
        ended = process is not None and process.poll() is not None
        if ended or status.state == "failed" or time.monotonic() > deadline:
            raise TimeoutError(f"the worker took no step: {status.error or status.state}")
        time.sleep(0.05)
    return status


def rate_of(run: Path, seconds: float, wait: Callable[[float], object] = time.sleep) -> float:
    """Steps a second, from one status of the worker to another at least `seconds` later or to the last step's.

    Both times are the worker's own, from when it wrote them; looking at the file ten times a second disturbs nobody.
    wait: passes so many seconds.   Raises: TimeoutError if the steps stop.
    """
    first = last = read_status(run)
    deadline = time.monotonic() + 3 * seconds + 30
    while last.updated - first.updated < seconds and last.step < last.steps:
        if time.monotonic() > deadline or last.state in ("failed", "stopped", "paused"):
            raise TimeoutError(f"the worker got no further than step {last.step}: {last.error or last.state}")
        wait(0.1)
        last = read_status(run)
    if last.step == first.step:
        raise TimeoutError(f"the run's {last.steps} steps were over before they could be timed")
    return (last.step - first.step) / (last.updated - first.updated)


@contextmanager
def training(arguments: Sequence[str]) -> Iterator[Path]:
    """A run that the app's own functions started, under way; stopped in the end."""
    run = runs.create(TITLE, arguments)
    runs.start(run)
    try:
        wait_for_step(run)
        yield run
    finally:
        stop(run)


def stop(run: Path, seconds: float = 120.0) -> None:
    """Tell the worker to stop and wait until it has gone."""
    if runs.status(run).live:
        runs.order(run, "stop")
    deadline = time.monotonic() + seconds
    while runs.status(run).live and time.monotonic() < deadline:
        time.sleep(0.2)


@contextmanager
def app(folder: Path) -> Iterator[tuple[str, Any]]:
    """The app and a browser, both fresh: (address, browser)."""
    from playwright.sync_api import sync_playwright

    with AppServer(folder) as server, sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            yield server.url, browser
        finally:
            browser.close()


def page_round(run: Path, folder: Path, seconds: float) -> Rows:
    """The training alone, without app or browser, then with its page open: rates, and how often the page asked."""
    alone = rate_of(run, seconds)
    with app(folder) as (url, browser):
        page = browser.new_page(viewport=VIEWPORT)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/train?run={run.name}")
        page.locator('[data-testid="elbo-curve"]').wait_for(timeout=60_000)
        settled(page)
        page.wait_for_timeout(2000)  # the first reading of the whole run is not what polling costs
        asked.clear()
        start = time.monotonic()
        beside = rate_of(run, seconds, lambda pause: page.wait_for_timeout(1000 * pause))  # or no event would arrive
        polls = sum("/vaex/run?" in each for each in asked) / (time.monotonic() - start)
        page.close()
    return {
        ALONE: {"steps_per_second": alone},
        OPEN: {"steps_per_second": beside, "of_alone": beside / alone, "polls_per_second": polls},
    }


def slider_round(url: str, browser: Any, seconds: float) -> dict[str, float]:
    """One visit to the convolutional model's page with one drag."""
    with visit(browser, f"{url}/?model={SLIDER_MODEL}") as opened:
        (drag,), _ = drag_most_important(opened.page, seconds)
    return {
        "input_p50": statistics.median(drag.input_to_pixels),
        "input_p95": percentile(drag.input_to_pixels, 95),
        "images_per_second": drag.images_per_second,
    }


def measure(arguments: Sequence[str], rounds: int, seconds: float) -> list[Rows]:
    """All rounds: the slider without a training first, then both beside one run."""
    found: list[Rows] = [{} for _ in range(rounds)]
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, {"VAEEXPLORER_RUNS": f"{name}/runs"}):
        folder = Path(name)
        with app(folder) as (url, browser):
            slider_round(url, browser, 0.5)  # a server that has just started is slower
            for row in found:
                row[IDLE] = slider_round(url, browser, seconds / 2)
        with training(arguments) as run:
            rate_of(run, seconds / 2)  # past the first steps, which are observed more often
            for number, row in enumerate(found):
                row |= page_round(run, folder, seconds)
                print(f"round {number + 1}: {row[OPEN]['of_alone']:.3f} with the page open", file=sys.stderr)
            with app(folder) as (url, browser):
                slider_round(url, browser, 0.5)
                for row in found:
                    before = read_status(run)
                    row[BUSY] = slider_round(url, browser, seconds / 2)
                    after = read_status(run)
                    if after.step == before.step:
                        raise SystemExit("train: the training stood still beside the slider")
    return found


def compare(arguments: Sequence[str], rounds: int, seconds: float) -> tuple[str, dict[str, Any], list[str]]:
    """Report, everything for --json, and what was missed."""
    found = measure(arguments, rounds, seconds)
    rows = {
        name: {key: statistics.median(each[name][key] for each in found) for key in found[0][name]}
        for name in (ALONE, OPEN, IDLE, BUSY)
    }
    report = f"{machine()}; {SLIDER_MODEL}; medians of {rounds} rounds of {seconds:g} s each.\n\n"
    return report + table("", COLUMNS, rows), {"rounds": found, "rows": rows}, missed(rows)


def missed(rows: Rows) -> list[str]:
    """One line for each promise that is broken."""
    lines = []
    if rows[OPEN]["polls_per_second"] < 0.5:
        lines.append(f"{OPEN}: the page asked {rows[OPEN]['polls_per_second']:.1f} times a second, wanted about 1")
    if rows[OPEN]["of_alone"] < TARGETS["of_alone"]:
        lines.append(f"{OPEN}: {rows[OPEN]['of_alone']:.3f} of alone, wanted {TARGETS['of_alone']:g}")
    if rows[BUSY]["input_p95"] > TARGETS["input_p95"]:
        lines.append(f"{BUSY}: p95 is {rows[BUSY]['input_p95']:.2f} ms, wanted {TARGETS['input_p95']:g}")
    return lines
