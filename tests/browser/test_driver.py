"""The measuring instruments themselves, on small pages whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.driver import PICTURE, AppServer, NoBrowser, drag, find_chromium, slider_names

# A slider and a canvas inside a shadow root, as in the app; `shade` says what the slider's value paints.
PAGE = """
<div id="host"></div><div style="display:none"><input type="range" aria-label="z9"></div>
<input type="range" aria-label="speed">
<script>
  const root = document.getElementById("host").attachShadow({ mode: "open" });
  root.innerHTML = '<canvas data-testid="decoded-image" width="28" height="28"></canvas>' +
    '<input type="range" aria-label="z2" min="-3" max="3" step="0.01" style="width: 600px">';
  const context = root.querySelector("canvas").getContext("2d");
  const shade = (value) => SHADE;
  const paint = (value) => {
    const image = context.createImageData(28, 28);
    for (let i = 0; i < image.data.length; i += 1) image.data[i] = i % 4 === 3 ? 255 : (i + shade(value)) % 256;
    context.putImageData(image, 0, 0);
  };
  const slider = root.querySelector("input");
  slider.addEventListener("input", () => HANDLER);
  paint(0);
</script>
"""
ROUND = "Math.round(100 * value)"
NOW = "paint(slider.valueAsNumber)"


def visit(page: Any, html: str) -> None:
    page.route("http://127.0.0.1/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("http://127.0.0.1/")


def show(page: Any, shade: str = ROUND, handler: str = NOW) -> None:
    visit(page, PAGE.replace("SHADE", shade).replace("HANDLER", handler))


# A busy machine joins movements and drops frames, so the tests compare what was counted with what was painted.


def test_every_picture_at_once_is_counted(page: Any) -> None:
    show(page)
    seen = drag(page, "z2", seconds=1.0)
    assert seen.moves == 60
    assert 0.7 * seen.paints <= seen.images <= seen.paints <= seen.moves
    assert seen.images_per_second == seen.images / seen.seconds < 61
    assert len(seen.input_to_pixels) == seen.paints
    assert 0 <= sorted(seen.input_to_pixels)[len(seen.input_to_pixels) // 2] < 5
    assert page.evaluate("window.vaexProbe.firstImage") > 0


def test_the_same_picture_again_does_not_count(page: Any) -> None:
    show(page, shade="1")
    assert drag(page, "z2", seconds=0.5).images == 1


def test_going_back_and_forth_does_not_count(page: Any) -> None:
    show(page, shade="Math.abs(Math.round(100 * value)) % 2")
    assert drag(page, "z2", seconds=0.5).images <= 2


def test_a_slow_picture_is_seen_as_slow(page: Any) -> None:
    show(page, handler="setTimeout(() => paint(slider.valueAsNumber), 40)")
    seen = drag(page, "z2", seconds=1.0)
    assert min(seen.input_to_pixels) >= 39


def test_pictures_within_one_frame_count_once(page: Any) -> None:
    show(page, handler="{ for (let k = 0; k < 20; k += 1) paint(Math.random()); }")
    seen = drag(page, "z2", seconds=0.5)
    assert seen.paints % 20 == 0
    assert 0 < seen.images <= seen.paints / 20 + 1


def test_only_visible_latent_sliders_are_listed(page: Any) -> None:
    show(page)
    assert slider_names(page) == ["z2"]
    assert page.locator(PICTURE).is_visible()


def test_a_page_may_not_ask_other_machines(page: Any, console_errors: list[str]) -> None:
    visit(page, '<img src="http://localhost.invalid/spy.png">')
    page.wait_for_timeout(200)
    assert "the page asks another machine: http://localhost.invalid/spy.png" in console_errors
    console_errors.clear()


def test_a_missing_browser_is_said_plainly(playwright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(NoBrowser, match="CHROMIUM=/nowhere/chromium is not a program"):
        find_chromium(playwright)
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setattr("tests.browser.driver.shutil.which", lambda name: None)
    with pytest.raises(NoBrowser, match="make test"):
        find_chromium(playwright)


def test_a_server_that_cannot_start_shows_its_log(start_app: Callable[..., AppServer]) -> None:
    server = start_app(STREAMLIT_SERVER_ADDRESS="127.0.0.1", PYTHONPATH="/nowhere", PYTHONHOME="/nowhere")
    with pytest.raises(RuntimeError, match="the app ended with status"), server:
        pass
    assert server.process is None
