"""The app as its server and a browser see it: cold deep links, quick small answers, a checkpoint brought along."""

from __future__ import annotations

import http.client
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.driver import PICTURE, settled, slider_names
from tests.ui.models import write_model


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with one small model, `run/tiny`."""
    folder = tmp_path_factory.mktemp("runs")
    write_model(folder / "tiny" / "last.safetensors")
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[..., Any], runs: Path) -> Iterator[str]:
    """The address of an app that knows `run/tiny`."""
    with start_app(VAEEXPLORER_RUNS=str(runs)) as server:
        yield server.url


def picker(page: Any) -> Any:
    return page.get_by_test_id("stSidebar").get_by_role("combobox", name=re.compile("Model"))


def test_a_cold_deep_link_shows_the_sidebar(
    fresh_app: Callable[..., str], runs: Path, page: Any, console_errors: list[str]
) -> None:
    """A folder called pages/ beside the main script makes a fresh server run the page alone, without its frame."""
    cold = fresh_app(VAEEXPLORER_RUNS=str(runs))
    settled(page.goto(f"{cold}/explore?model=run/tiny&z=0.5,-1,0.25") and page)
    page.locator(PICTURE).wait_for()
    assert picker(page).input_value() == "run/tiny"
    assert slider_names(page)[:2] == ["z1", "z2"]
    assert float(page.get_by_role("slider", name="z1", exact=True).input_value()) == pytest.approx(0.5, abs=0.01)
    assert page.get_by_text("Page not found").count() == 0
    # Streamlit asks below the page's own path for its health first; nothing else may be amiss.
    assert all("/explore/_stcore/" in line for line in console_errors), console_errors
    console_errors.clear()


def test_a_link_to_an_unknown_model_opens_the_default(page: Any, url: str) -> None:
    settled(page.goto(f"{url}/?model=nobody&z=1,2") and page)
    page.locator(PICTURE).wait_for()
    assert page.get_by_text("The link asks for a model 'nobody'").count() == 1
    assert "nobody" not in page.url
    assert "z=" not in page.url


def test_an_upload_is_chosen_and_a_bad_one_refused(page: Any, url: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"\x80\x04 a pickle")
    good = write_model(tmp_path / "good.safetensors", seed=5)
    settled(page.goto(f"{url}/?model=run/tiny&z=0.5,-1,0.25") and page)
    page.get_by_text("Open a checkpoint").click()
    chooser = page.locator("input[type=file]").first
    chooser.set_input_files(bad)
    page.get_by_text("bad.safetensors: this is a pickle").wait_for()
    assert picker(page).input_value() == "run/tiny"
    chooser.set_input_files(good)
    page.wait_for_url(re.compile(r"model=upload"))
    settled(page)
    page.locator(PICTURE).wait_for()
    assert picker(page).input_value().startswith("upload/")
    assert "z=" not in page.url
    assert page.get_by_text("bad.safetensors: this is a pickle").count() == 0


@pytest.mark.alone
def test_small_answers_come_at_once(url: str) -> None:
    """Without TCP_NODELAY the body waits for the delayed acknowledgement of the headers: 40 ms."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    waits = []
    for _ in range(30):
        started = time.perf_counter()
        connection.request("POST", "/vaex/gif")
        assert connection.getresponse().read().startswith(b'{"error"')
        waits.append(time.perf_counter() - started)
    connection.close()
    assert statistics.median(waits) < 0.025
