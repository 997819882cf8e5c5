"""The Train page from the first click to the last, with a real worker: start, watch, pause, look back, come back."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.driver import AppServer, settled
from vaeexplorer import checkpoints, run_files, runs

PICTURES = ("reconstructions", "decoded", "train-map")
LIVE = (*PICTURES, "elbo-curve", "kl-heatmap")
IMAGE = "canvas => canvas.toDataURL()"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the runs of a test lie; the workers that it started are told to stop in the end."""
    monkeypatch.setenv("VAEEXPLORER_RUNS", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    for path in runs.listing().values():
        with contextlib.suppress(runs.RunError):
            if runs.status(path).live:
                runs.order(path, "stop")
                until(lambda path=path: not runs.status(path).live)


@pytest.fixture
def page(page: Any, console_errors: list[str]) -> Iterator[Any]:
    """Streamlit asks for its health below the page's own address first, and not in vain later: no fault of ours."""
    yield page
    console_errors[:] = [line for line in console_errors if "/train/_stcore/" not in line]


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for it; a machine that trains answers slowly."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def visit(page: Any, url: str) -> Any:
    page.goto(f"{url}/train")
    return settled(page)


def step(page: Any) -> int:
    return int(page.get_by_test_id("run-step").inner_text().replace(",", ""))


def state(page: Any) -> str:
    return page.locator(".orders .state").inner_text()


def looks(page: Any) -> dict[str, str]:
    return {name: page.get_by_test_id(name).evaluate(IMAGE) for name in LIVE}


def press(page: Any, testid: str) -> None:
    page.get_by_test_id(testid).click()


def test_someone_trains_a_model_looks_back_leaves_and_finds_it_all_again(
    fresh_app: Callable[..., str], folder: Path, page: Any
) -> None:
    url = fresh_app(VAEEXPLORER_RUNS=str(folder))
    visit(page, url)
    page.get_by_role("button", name="Start training").click()  # one click suffices
    page.get_by_test_id("elbo-curve").wait_for(timeout=60_000)

    # Curves and images move.
    until(lambda: step(page) > 0)
    until(lambda: page.get_by_test_id("reconstructions").is_visible())
    before, at = looks(page), step(page)
    until(lambda: step(page) > at and all(now != before[name] for name, now in looks(page).items()))
    assert "nats" in page.get_by_test_id("narration").inner_text()

    # Pause: the number stands still, also in the folder.
    press(page, "train-play")
    until(lambda: state(page) == "paused")
    (path,) = runs.listing().values()
    until(lambda: step(page) == runs.status(path).step)
    at, per_epoch = step(page), 23  # 1,437 images in batches of 64
    page.wait_for_timeout(1500)
    assert step(page) == at == runs.status(path).step

    # One batch; then to the end of the epoch.
    press(page, "step-batch")
    until(lambda: step(page) == at + 1 and state(page) == "paused")
    press(page, "step-epoch")
    end = (at + 1) // per_epoch * per_epoch + per_epoch
    until(lambda: step(page) == end and state(page) == "paused")

    # Back to the beginning: the pictures are those of an untrained model; and to now again.
    until(lambda: page.get_by_role("slider", name="time line").get_attribute("aria-valuenow") == str(end))
    now = looks(page)
    slider = page.get_by_role("slider", name="time line")
    slider.press("Home")
    until(lambda: step(page) == 0)
    until(lambda: all(then != now[name] for name, then in looks(page).items() if name in PICTURES))
    slider.press("End")
    until(lambda: step(page) == end)
    page.wait_for_timeout(2000)  # the pictures follow the number
    now = looks(page)

    # The tab is closed, and opened again: everything is there.
    context = page.context
    page.close()
    again = context.new_page()
    visit(again, url)
    again.get_by_test_id("reconstructions").wait_for(timeout=60_000)
    until(lambda: step(again) == end and state(again) == "paused")
    until(lambda: again.get_by_test_id("reconstructions").evaluate(IMAGE) == now["reconstructions"])
    press(again, "train-play")
    until(lambda: step(again) > end)

    # Stop asks twice, then measures and keeps the model.
    press(again, "stop-run")
    press(again, "stop-yes")
    until(lambda: state(again) == "stopped")
    assert {e.name for e in checkpoints.read_header(path / "last.safetensors").estimates} >= {"elbo", "kl"}
    steps = [row["step"] for row in runs.metrics(path)[0]]
    assert steps == sorted(set(steps))
    again.close()


def test_a_model_is_learning_before_the_first_click(fresh_app: Callable[..., str], folder: Path, page: Any) -> None:
    visit(page, fresh_app(VAEEXPLORER_RUNS=str(folder), VAEEXPLORER_FIRST_LOOK="1"))
    page.get_by_test_id("elbo-curve").wait_for(timeout=60_000)
    until(lambda: step(page) > 0)
    assert page.get_by_text("This small run began by itself").is_visible()


def test_the_app_dies_and_the_next_one_finds_the_run_that_went_on(
    start_app: Callable[..., AppServer], folder: Path, page: Any
) -> None:
    with start_app(VAEEXPLORER_RUNS=str(folder)) as server:
        path = runs.create("digits", ["--dataset", "digits", "--latent-dim", "2", "--hidden", "16", "--epochs", "5000"])
        visit(page, server.url)
        press(page, "train-play")
        until(lambda: step(page) > 0)
        page.goto("about:blank")
    at = run_files.read_status(path).step
    until(lambda: run_files.read_status(path).step > at + 100)  # nobody looks, and it goes on
    with start_app(VAEEXPLORER_RUNS=str(folder)) as server:
        visit(page, server.url)
        until(lambda: state(page) == "training" and step(page) > at + 100)
        rows = [json.loads(line)["step"] for line in (path / "metrics.jsonl").read_text().splitlines()[:-1]]
        assert rows == sorted(set(rows))
        press(page, "stop-run")
        press(page, "stop-yes")
        until(lambda: state(page) == "stopped")
        page.goto("about:blank")  # before the app ends: a page that is left open goes on asking
