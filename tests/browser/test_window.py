"""A test's page is as if it were new, whatever the test before it has done: the first test of each pair spoils it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.driver import VIEWPORT
from tests.browser.window import Window

STATE = """() => ({
    stored: localStorage.length + sessionStorage.length,
    cookies: document.cookie,
    left: window.left ?? null,
    size: [innerWidth, innerHeight],
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
    held: window.held ?? null,
})"""
NEW = {"stored": 0, "cookies": "", "left": None, "size": list(VIEWPORT.values()), "dark": False, "still": False}


@pytest.fixture
def window(browser: Any, address: str) -> Any:
    shared = Window(browser, address)
    yield shared
    shared.close()


def test_everything_that_can_be_taken_away_is(window: Window, address: str) -> None:
    page = window.open()
    page.goto(address)
    assert {**page.evaluate(STATE), "held": None} == {**NEW, "held": None}
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.route("**/nowhere", lambda route: route.fulfill(body="stopped"))
    page.context.grant_permissions(["clipboard-read"])
    page.set_viewport_size({"width": 400, "height": 300})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate("""() => {
        localStorage.a = sessionStorage.a = "1";
        document.cookie = "a=1";
        window.left = 1;
        addEventListener("mouseup", () => console.log("held"));
        setInterval(() => console.log("alive"), 10);
    }""")
    page.mouse.move(100, 100)
    page.mouse.down()
    page.keyboard.down("Shift")
    window.clean()
    after = window.open()
    assert after is page  # what it is for: the page's process and its compiled scripts are kept
    assert after.evaluate("window.left ?? null") is None  # at an empty document
    heard.clear()
    page.goto(address)
    page.evaluate("""() => {
        console.log("new");
        addEventListener("mousemove", (event) => { window.held = event.buttons + event.shiftKey; });
    }""")
    page.mouse.move(50, 50)
    assert page.evaluate(STATE) == {**NEW, "held": 0}
    assert "stopped" not in page.evaluate("fetch('/nowhere').then((answer) => answer.text())")
    asked = "navigator.permissions.query({ name: 'clipboard-read' }).then((found) => found.state)"
    assert page.evaluate(asked) != "granted"
    assert heard == []  # nobody of the test before listens, and nothing of it runs


def _script(page: Any) -> None:
    page.add_init_script("window.left = 1")


def _clock(page: Any) -> None:
    page.clock.install()


def _another(page: Any) -> None:
    page.context.new_page()


def _closed(page: Any) -> None:
    page.close()


def _gone(page: Any) -> None:
    with pytest.raises(Exception, match="ERR_"):
        page.goto("http://127.0.0.1:1/")


@pytest.mark.parametrize("spoil", [_script, _clock, _another, _closed, _gone])
def test_what_cannot_be_taken_away_costs_the_page(window: Window, address: str, spoil: Any) -> None:
    page = window.open()
    page.goto(address)
    spoil(page)
    window.clean()
    fresh = window.open()
    assert fresh is not page
    fresh.goto(address)
    assert fresh.evaluate("window.left ?? null") is None
    assert fresh.evaluate("String(Date).includes('[native code]')")
