"""Drive the real app in a real browser: find Chromium, start a server, drag a slider and count what it shows.

Shared by the browser tests and `benchmarks/drag.py`. Run as a script it prints the browser that would be used.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name("probe.js")
PICTURE = '[data-testid="decoded-image"]'
VIEWPORT = {"width": 1440, "height": 900}

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Nothing here may talk to the network; without these Chromium looks up its maker's servers at every start.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowser(RuntimeError):
    """There is no Chromium or Chrome on this machine; the message says what to do."""


def find_chromium(playwright: Any) -> str:
    """Return the browser's path: $CHROMIUM, else one on this machine, else Playwright's own.   Raises: NoBrowser."""
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        if path := shutil.which(wanted):
            return path
        raise NoBrowser(f"CHROMIUM={wanted} is not a program: unset it or name a Chromium or Chrome")
    own = playwright.chromium.executable_path
    for candidate in (*BROWSERS, own):
        if path := shutil.which(candidate):
            return path
    raise NoBrowser(
        "the browser tests need Chromium or Chrome and found none: `make test` installs one;"
        " or set CHROMIUM=/path/to/it, or run `python -m playwright install chromium`"
    )


def launch(playwright: Any) -> Any:
    """Start a headless browser without a network of its own.   Raises: NoBrowser."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    flags = [*FLAGS, f"--remote-debugging-port={free_port()}", "--enable-automation"]  # `hand` asks for the port
    flags += ["--no-sandbox"] if root else []  # Chromium refuses its sandbox to root
    return playwright.chromium.launch(executable_path=find_chromium(playwright), args=flags)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AppServer:
    """One `streamlit run app.py` on a free port of 127.0.0.1, with its log in `folder`. A context manager."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "server.log"
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> AppServer:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, seconds: float = 60.0) -> None:
        """Start the server and wait for its health address.   Raises: RuntimeError with the log's end."""
        port = free_port()
        options = {"port": port, "address": "127.0.0.1", "headless": "true", "fileWatcherType": "none"}
        words = [f"--server.{name}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *words]
        with self.log_path.open("wb") as log:
            # A session of its own: stopping it reaches the processes that it started, and no others.
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + seconds
        while not _healthy(port):
            if self.process.poll() is not None:
                raise RuntimeError(f"the app ended with status {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the app did not answer within {seconds:.0f} s:\n{self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server and whatever it started."""
        if self.process is None:
            return
        for name in ("SIGTERM", "SIGKILL"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.name == "posix":
                    os.killpg(self.process.pid, getattr(signal, name))
                else:
                    self.process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)
                break
        self.process = None

    def log(self, lines: int = 60) -> str:
        """Return the last lines that the server printed."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def settled(page: Any, seconds: float = 30.0) -> Any:
    """Wait until Streamlit is connected and no script runs; return the page."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=seconds * 1000)
    return page


@contextlib.contextmanager
def hand(page: Any) -> Iterator[Callable[[float, float], None]]:
    """Give a function that moves the mouse, button held, to (x, y) CSS pixels of the page without waiting for it.

    Playwright's own `mouse.move` returns when the page has answered, in the next frame at best; a page that needs a
    little longer then gets fewer movements than a real hand would make, and the numbers say nothing about either.
    """
    browser = page.context.browser.new_browser_cdp_session()
    words = browser.send("Browser.getBrowserCommandLine")["arguments"]
    port = next(word.partition("=")[2] for word in words if word.startswith("--remote-debugging-port="))
    session = page.context.new_cdp_session(page)
    target = session.send("Target.getTargetInfo")["targetInfo"]["targetId"]
    browser.detach()
    session.detach()
    numbers = itertools.count(1)
    with connect(f"ws://127.0.0.1:{port}/devtools/page/{target}", max_queue=None) as connection:

        def move(x: float, y: float) -> None:
            where = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
            message = {"id": next(numbers), "method": "Input.dispatchMouseEvent", "params": where}
            connection.send(json.dumps(message))

        yield move


@dataclass(frozen=True)
class Drag:
    """What one mouse drag showed. Times in milliseconds; `images` counts different pictures at animation frames."""

    seconds: float
    moves: int
    paints: int
    images: int
    input_to_pixels: list[float]
    mouse_to_pixels: list[float]

    @property
    def images_per_second(self) -> float:
        """Different pictures a second while the button was held."""
        return self.images / self.seconds


def drag(page: Any, name: str, seconds: float = 2.0, start: float = 0.04, end: float = 0.96) -> Drag:
    """Drag one slider with the mouse at 60 movements a second, from one part of its track to another.

    Args: page with PROBE as an init script; name the slider's accessible name; start and end parts of its width.
    """
    slider = page.get_by_role("slider", name=name, exact=True)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    if box is None:
        raise RuntimeError(f"slider {name} is not visible")
    y = box["y"] + box["height"] / 2
    left, width = box["x"] + box["width"] * start, box["width"] * (end - start)
    page.mouse.move(left, y)
    page.mouse.down()
    page.wait_for_timeout(100)  # whatever the press starts is over
    page.evaluate("window.vaexProbe.start()")
    moves = round(60 * seconds)
    with hand(page) as move:
        begin = time.perf_counter()
        for k in range(1, moves + 1):
            time.sleep(max(0.0, begin + k / 60 - time.perf_counter()))
            move(left + width * k / moves, y)
        page.mouse.move(left + width, y)  # returns when the page has dealt with all of them
        elapsed = time.perf_counter() - begin
    seen = page.evaluate("window.vaexProbe.stop()")
    page.mouse.up()
    return Drag(seconds=elapsed, moves=moves, **seen)


def slider_names(page: Any) -> list[str]:
    """Return the names of the latent sliders that are visible, in the order of the page."""
    sliders = page.locator("input[type=range][aria-label]").all()
    names = [slider.get_attribute("aria-label") for slider in sliders if slider.is_visible()]
    return [name for name in names if name[:1] == "z" and name[1:].isdigit()]


@contextlib.contextmanager
def _playwright() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


def main() -> int:
    """Print the browser's path; exit status 1 with one line if there is none."""
    with _playwright() as playwright:
        try:
            print(find_chromium(playwright))
        except NoBrowser as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
