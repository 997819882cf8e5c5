"""Fixtures of the browser tests: the running app, the browser, a page that tolerates no console error.

A missing browser is an error, never a skip. The fixtures end with this folder because Playwright's synchronous
interface keeps an event loop in the thread, which other tests must not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.driver import AppServer, launch
from tests.browser.modules import Modules, serving
from tests.browser.window import Window

_servers: list[AppServer] = []
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note that a test failed, and put the servers' logs below its report."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        item.stash[FAILED] = True
        report.sections += [(f"log of the app at {server.url}", server.log()) for server in _servers]


@pytest.fixture(scope="package")
def playwright() -> Iterator[Any]:
    """Playwright's entry point."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Any) -> Iterator[Any]:
    """A headless Chromium or Chrome."""
    started = launch(playwright)
    yield started
    started.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the live components' modules are served to a blank page, without the app."""
    with serving() as url:
        yield url


@pytest.fixture(scope="module")
def modules(browser: Any, address: str) -> Iterator[Modules]:
    """One blank page for all tests of a file that call the modules' functions with numbers."""
    page = browser.new_page()
    page.goto(address)
    yield Modules(page)
    page.close()


@pytest.fixture(scope="package")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """A function that makes a server with empty folders; `with start_app(NAME="value") as server` runs it."""

    def make(**environment: str) -> AppServer:
        folder = tmp_path_factory.mktemp("app")
        folders = {"VAEEXPLORER_DATA": str(folder / "data"), "VAEEXPLORER_RUNS": str(folder / "runs")}
        return AppServer(folder, {**folders, **environment})

    return make


@pytest.fixture(scope="package")
def app_url(start_app: Callable[..., AppServer]) -> Iterator[str]:
    """The address of one running app, shared by the tests of this folder."""
    with start_app() as server:
        _servers.append(server)
        yield server.url
    _servers.remove(server)


@pytest.fixture
def fresh_app(start_app: Callable[..., AppServer]) -> Iterator[Callable[..., str]]:
    """A function that starts another server that nobody has visited and returns its address.

    Environment variables may be given by keyword: `fresh_app(VAEEXPLORER_RUNS=str(folder))`.
    """
    with ExitStack() as stack:
        started: list[AppServer] = []

        def start(**environment: str) -> str:
            server = stack.enter_context(start_app(**environment))
            started.append(server)
            _servers.append(server)
            return server.url

        yield start
    for server in started:
        _servers.remove(server)


@pytest.fixture
def console_errors() -> list[str]:
    """What the page complained about; a test that provokes a complaint checks and clears it."""
    return []


@pytest.fixture(scope="module")
def window(browser: Any, address: str) -> Iterator[Window]:
    """The page of a file's tests, with an empty cache for the first of them."""
    shared = Window(browser, f"{address}/?between")  # not what tests open: that they load anew
    yield shared
    shared.close()


@pytest.fixture
def page(window: Window, console_errors: list[str], request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of 1440 x 900 as if it were new, with the probe; a console error or a foreign request fails the test."""
    opened = window.open()
    opened.on("console", lambda message: _note(console_errors, message))
    opened.on("request", lambda request: _local(console_errors, request.url))
    opened.on("pageerror", lambda error: console_errors.append(f"uncaught: {error}"))
    yield opened
    if request.node.stash.get(FAILED, False):
        window.close()
    else:
        window.clean()
    assert console_errors == [], "the browser's console shows errors"


def _local(errors: list[str], url: str) -> None:
    if urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).hostname != "127.0.0.1":
        errors.append(f"the page asks another machine: {url}")


def _note(errors: list[str], message: Any) -> None:
    if message.type == "error":
        errors.append(f"{message.text} ({message.location.get('url', '')})")
