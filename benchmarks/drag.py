"""How quickly the Explore page follows the mouse, for every shipped model: `python benchmarks/drag.py`.

A real browser opens the real app; the mouse moves 60 times a second with the button held over the slider that matters
most. What is measured, each as the median over rounds:

first image   navigation to the first decoded picture on the canvas; cold: the first visit to a server that just started
              (one value), warm: every later visit, the browser's cache empty each time; again: the same page reloaded
images/s      different pictures on the canvas at the browser's animation frames, while the button is held
input         dispatch of the slider's `input` event to the return of the canvas's putImageData (p50, p95): what the
              page itself needs; the compositor shows the picture with the next frame
mouse         arrival of the mouse movement at the browser to the same point (p50): adds the browser's own waiting for
              the next frame, at most 17 ms at 60 frames a second
bytes         over the wire: decoder document, codes document, the whole visit (HTTP and WebSocket), and during the drag

Models with switches instead of sliders have no images/s: each switch is dragged over once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table, write  # noqa: E402
from tests.browser.driver import PROBE, VIEWPORT, AppServer, Drag, drag, launch, settled, slider_names  # noqa: E402

# What we promise. Images as large as 64x64 come from a convolutional decoder, smaller ones from dense layers.
TARGETS = {"images_per_second": 50.0, "first_warm": 1.0}
TARGETS_DENSE = {"input_p50": 1.0, "input_p95": 2.0}
TARGETS_CONV = {"input_p95": 9.0}
COLUMNS = {
    "first_cold": ("first image, cold (s)", "{:.2f}"),
    "first_warm": ("warm (s)", "{:.2f}"),
    "first_again": ("again (s)", "{:.2f}"),
    "images_per_second": ("images/s", "{:.1f}"),
    "input_p50": ("input p50 (ms)", "{:.2f}"),
    "input_p95": ("p95 (ms)", "{:.2f}"),
    "mouse_p50": ("mouse p50 (ms)", "{:.1f}"),
    "decoder_kb": ("decoder (kB)", "{:.0f}"),
    "codes_kb": ("codes (kB)", "{:.0f}"),
    "visit_kb": ("visit (kB)", "{:.0f}"),
    "drag_kb": ("drag (kB)", "{:.1f}"),
}


@dataclass
class Traffic:
    """Bytes received over the wire so far, by address without its query, and over WebSockets."""

    http: dict[str, float]
    socket: float = 0.0

    def total(self) -> float:
        """HTTP and WebSocket together."""
        return sum(self.http.values()) + self.socket

    def of(self, path: str) -> float:
        """Bytes of all answers whose address contains `path`."""
        return sum(size for url, size in self.http.items() if path in url)


@dataclass
class Visit:
    """One opened page and what it cost; seconds and bytes."""

    first_image: float
    traffic: Traffic
    page: Any


@contextmanager
def visit(browser: Any, url: str) -> Iterator[Visit]:
    """Open `url` in a context with an empty cache and wait until the app has settled and shows a picture."""
    context = browser.new_context(viewport=VIEWPORT)
    try:
        context.add_init_script(path=PROBE)
        page = context.new_page()
        traffic = _count(context.new_cdp_session(page))
        page.goto(url)
        first = first_image(page)
        settled(page)
        page.wait_for_timeout(500)  # late requests belong to the visit
        yield Visit(first, traffic, page)
    finally:
        context.close()


def first_image(page: Any) -> float:
    """Seconds from the page's navigation to its first decoded picture; waits for it."""
    page.wait_for_function("window.vaexProbe?.firstImage", timeout=60_000)
    return page.evaluate("window.vaexProbe.firstImage") / 1000


def _count(session: Any) -> Traffic:
    traffic = Traffic({})
    addresses: dict[str, str] = {}

    def finished(event: dict[str, Any]) -> None:
        url = addresses.get(event["requestId"], "")
        traffic.http[url] = traffic.http.get(url, 0) + event["encodedDataLength"]

    def framed(event: dict[str, Any]) -> None:
        frame = event["response"]
        size = len(frame["payloadData"])
        traffic.socket += size * 3 / 4 if frame["opcode"] == 2 else size  # binary frames are reported in base64

    def answered(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["response"]["url"]

    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", finished)
    session.on("Network.webSocketFrameReceived", framed)
    session.send("Network.enable")
    return traffic


def drag_most_important(page: Any, seconds: float) -> tuple[list[Drag], bool]:
    """Drag the first slider of the page, or each switch once; return the drags and whether they were switches."""
    names = slider_names(page)
    if not names:
        raise SystemExit("drag: the page shows no slider named z1, z2, ...")
    slider = page.get_by_role("slider", name=names[0], exact=True)
    if slider.get_attribute("step") == "1":
        return [drag(page, name, seconds=0.5) for name in names], True
    return [drag(page, names[0], seconds)], False


def measure_round(browser: Any, url: str, seconds: float) -> dict[str, float]:
    """One visit to a model's page with one drag: its row of numbers."""
    with visit(browser, url) as opened:
        before = opened.traffic.total()
        drags, switches = drag_most_important(opened.page, seconds)
        during = opened.traffic.total() - before
        latencies = [value for each in drags for value in each.input_to_pixels]
        mouse = [value for each in drags for value in each.mouse_to_pixels]
        row = {
            "first_warm": opened.first_image,
            "decoder_kb": opened.traffic.of("/vaex/decoder") / 1000,
            "codes_kb": opened.traffic.of("/vaex/codes") / 1000,
            "visit_kb": before / 1000,
            "drag_kb": during / 1000,
        }
        if latencies:
            row |= {"input_p50": statistics.median(latencies), "input_p95": percentile(latencies, 95)}
        row |= {"mouse_p50": statistics.median(mouse)} if mouse else {}
        opened.page.reload()
        row["first_again"] = first_image(opened.page)
        return row if switches else row | {"images_per_second": drags[0].images_per_second}


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(part) // 100) - 1)]


def measure(browser: Any, model: str, rounds: int, seconds: float) -> dict[str, float]:
    """A fresh server, one cold visit, then `rounds` warm ones with a drag each; medians."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"VAEEXPLORER_DATA": f"{folder}/data", "VAEEXPLORER_RUNS": f"{folder}/runs"}
        with AppServer(Path(folder), places) as server:
            url = f"{server.url}/?model={model}"
            with visit(browser, url) as cold:
                row = {"first_cold": cold.first_image}
            rows = [measure_round(browser, url, seconds) for _ in range(rounds)]
    keys = {key for each in rows for key in each}
    return row | {key: statistics.median(each[key] for each in rows if key in each) for key in keys}


def is_dense(model: str) -> bool:
    """Whether the model's network is a multilayer perceptron."""
    from vaeexplorer.checkpoints import read_header

    return read_header(ROOT / "checkpoints" / f"{model}.safetensors").vae.architecture in ("mlp", "linear")


def missed(model: str, row: dict[str, float]) -> list[str]:
    """One line for each promise that the model's row breaks."""
    limits = TARGETS | (TARGETS_DENSE if is_dense(model) else TARGETS_CONV)
    lines = []
    if "input_p95" not in row:
        lines.append(f"{model}: no picture was painted while the slider moved")
    for key, limit in limits.items():
        if key not in row:
            continue
        met = row[key] >= limit if key == "images_per_second" else row[key] <= limit
        if not met:
            lines.append(f"{model}: {key} is {row[key]:.2f}, wanted {limit:g}")
    return lines


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    shipped = sorted(path.stem for path in (ROOT / "checkpoints").glob("*.safetensors"))
    parser = argparse.ArgumentParser(description="Measure how the Explore page follows the mouse.")
    parser.add_argument("models", nargs="*", default=shipped, help="names of shipped models (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="warm visits with a drag each (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a drag (default 2)")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.models if name not in shipped]:
        parser.error(f"unknown model {unknown[0]}: choose from {', '.join(shipped) or 'none, checkpoints/ is empty'}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a target is missed."""
    options = parse(arguments)
    from playwright.sync_api import sync_playwright

    results = {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for model in options.models:
            print(f"{model} ...", file=sys.stderr)
            results[model] = measure(browser, model, options.rounds, options.seconds)
        where = machine(f"headless Chromium {browser.version}")
        browser.close()
    problems = [line for model, row in results.items() for line in missed(model, row)]
    report = f"{where}; medians of {options.rounds} rounds.\n\n{table('model', COLUMNS, results)}\n\n"
    report += "\n".join(problems) or "All targets are met."
    if options.json:
        print(json.dumps({"machine": where, "rounds": options.rounds, "results": results, "missed": problems}))
    else:
        print(report)
    if options.write:
        write("drag", report)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
