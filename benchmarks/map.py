"""How quickly the Map page shows, moves and answers, beside plotly's scattergl: `python benchmarks/map.py`.

A real browser opens the real app, and the same points as a plotly figure on a page of its own, in turns. Points are
generated: ten clusters in the plane of mnist-2d's two latent dimensions, opened from a .npz file as a visitor's would
be. Each value is the median over rounds:

first paint   ours: from the choice of the codes in the page's menu, the app already running and holding them, to their
              picture on the canvas: fetching, decoding, colouring, painting. plotly: from asking for the figure's JSON
              to its picture, its own 4.8 MB of JavaScript already loaded
pan           frames a second in which the picture was drawn anew, while the mouse drags it 60 times a second
drawn         points in these pictures; all of them are drawn when the mouse rests
hover         from the first listener that hears of the mouse's movement to the answer (p50, p95): with us the picture
              that the decoder makes of that place is on its canvas, plotly has found its point and written its label
mouse         the same from the arrival of the movement at the browser (p95): adds its waiting for the next frame
payload       bytes over the wire of the codes and the picture, or of the figure
"""

from __future__ import annotations

import argparse
import io
import json
import math
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import scattergl  # noqa: E402
from benchmarks.drag import percentile  # noqa: E402
from benchmarks.report import machine, table, write  # noqa: E402
from tests.browser.driver import VIEWPORT, AppServer, hand, launch, settled  # noqa: E402

MODEL = "mnist-2d"
SIZES = (10_000, 70_000, 1_000_000)
CLASSES = 10
REACH = 150  # CSS pixels that the drag goes to each side
PATIENCE = 180.0  # seconds after which a picture counts as never shown

TARGETS = {70_000: {"first_paint": 1.5, "pan": 58.0, "hover_p95": 16.0}}  # of ours
COLUMNS = {
    "first_paint": ("first paint (s)", "{:.2f}"),
    "pan": ("pan (images/s)", "{:.1f}"),
    "drawn": ("drawn (points)", "{:,.0f}"),
    "hover_p50": ("hover p50 (ms)", "{:.1f}"),
    "hover_p95": ("p95 (ms)", "{:.1f}"),
    "mouse_p95": ("mouse p95 (ms)", "{:.1f}"),
    "payload_kb": ("payload (kB)", "{:.0f}"),
}

# Counts frames with a drawing on a canvas that can hold a map, and times the answers to the mouse.
PROBE = """(() => {
  const probe = window.mapProbe = { drawn: false, images: 0, points: [], mouse: null, delays: [], recording: false };
  const watched = (canvas) => !canvas.dataset?.testid || canvas.dataset.testid === "latent-map";
  const patch = (prototype, name, after) => {
    const before = prototype[name];
    prototype[name] = function (...values) {
      const result = before.apply(this, values);
      after(this.canvas);
      return result;
    };
  };
  const drew = (canvas) => {
    if (!canvas.isConnected || !watched(canvas)) return;
    probe.drawn = true;
    probe.map = canvas;
  };
  patch(CanvasRenderingContext2D.prototype, "drawImage", drew);
  for (const kind of [WebGLRenderingContext, WebGL2RenderingContext]) {
    for (const name of ["drawArrays", "drawElements"]) patch(kind.prototype, name, () => { probe.drawn = true; });
  }
  probe.answered = () => {
    if (probe.mouse) probe.delays.push(probe.mouse.map((time) => performance.now() - time));
    probe.mouse = null;
  };
  patch(CanvasRenderingContext2D.prototype, "putImageData", (canvas) => {
    if (canvas.dataset?.testid === "hover-decoded") probe.answered();
  });
  addEventListener("pointermove", (event) => { probe.mouse = [performance.now(), event.timeStamp]; }, true);
  probe.start = () => {
    Object.assign(probe, { images: 0, points: [], drawn: false, recording: true });
    const frame = () => {
      if (probe.drawn) {
        probe.images += 1;
        probe.points.push(Number(probe.map?.dataset.drawn ?? NaN));
      }
      probe.drawn = false;
      if (probe.recording) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  };
  probe.stop = () => {
    probe.recording = false;
    return [probe.images, probe.points.filter(Number.isFinite)];
  };
  probe.received = (words) => performance.getEntriesByType("resource").filter(
    (each) => words.some((word) => each.name.includes(word))).reduce((sum, each) => sum + each.transferSize, 0);
})()"""

# From the choice in the menu to the frame after the one in which the map tells of the new points.
CHOOSE = """([menu, status, source, words]) => new Promise((done) => {
    performance.clearResourceTimings();
    const begin = performance.now();
    menu.value = source;
    menu.dispatchEvent(new Event("change", { bubbles: true }));
    let told = false;
    const frame = () => {
        if (told) { done(performance.now() - begin); return; }
        told = status.textContent.includes(words);
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
})"""


def points(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes (count, 2) float32 around the prior's middle, and their labels (count,): bent clusters that overlap."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, CLASSES, count))
    angle = 2 * np.pi * labels / CLASSES
    along, across = rng.normal(size=count) * 0.35, rng.normal(size=count) * 0.15
    radius = 1.3 + 0.25 * (labels % 3) + along
    turned = angle + 0.4 * along + across
    return np.stack([radius * np.cos(turned), radius * np.sin(turned)], 1).astype(np.float32), labels


def upload(url: str, codes: np.ndarray, labels: np.ndarray) -> str:
    """Give the app the codes as a file; returns their source."""
    file = io.BytesIO()
    np.savez(file, codes=codes, labels=labels)
    request = urllib.request.Request(f"{url}/vaex/map/upload?name=benchmark", file.getvalue(), method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return str(json.load(answer)["source"])


@contextmanager
def opened(browser: Any, url: str) -> Iterator[Any]:
    """A page with an empty cache and the probe."""
    context = browser.new_context(viewport=VIEWPORT)
    try:
        context.add_init_script(PROBE)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(url)
        yield page
    finally:
        context.close()


def measure_ours(browser: Any, url: str, count: int, source: str, seconds: float) -> dict[str, float]:
    """One visit to the Map page with these codes: its row."""
    with opened(browser, f"{url}/map?model={MODEL}") as page:
        settled(page)
        page.locator(".mapper.ready").wait_for()
        menu = page.get_by_label("what is shown", exact=True)
        menu.locator(f"option[value={source}]").wait_for(state="attached")
        page.wait_for_timeout(1500)  # what the page asks for in the beginning is over
        status = page.get_by_test_id("map-status")
        handles = [menu.element_handle(), status.element_handle()]
        took = page.evaluate(CHOOSE, [*handles, source, f"{count:,}"])
        row = {"first_paint": took / 1000}
        row["payload_kb"] = page.evaluate("mapProbe.received(['/vaex/encoded', '/vaex/map/picture'])") / 1000
        page.wait_for_timeout(2500)  # contours and the index of the points
        box = page.get_by_test_id("latent-map").bounding_box()
        return row | move(page, box, seconds)


def measure_plotly(browser: Any, url: str, size: tuple[float, float], seconds: float) -> dict[str, float]:
    """One visit to the figure's page: its row, as far as it gets."""
    with opened(browser, url) as page:
        row = {"first_paint": page.evaluate(scattergl.OPEN, list(size)) / 1000}
        row["payload_kb"] = page.evaluate("mapProbe.received(['figure.json'])") / 1000
        page.wait_for_timeout(2500)
        box = page.locator(".plot-container .nsewdrag").first.bounding_box()
        return row | move(page, box, seconds)


def move(page: Any, box: dict[str, float], seconds: float) -> dict[str, float]:
    """Hover over the points, then drag them: delays and images a second."""
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_timeout(300)
    page.evaluate("mapProbe.delays.length = 0")
    for place in path(seconds, x, y):
        page.mouse.move(*place)
    page.wait_for_timeout(300)
    row = {}
    if delays := page.evaluate("mapProbe.delays"):
        event, mouse = zip(*delays, strict=True)
        row = {"hover_p50": statistics.median(event), "hover_p95": percentile(event, 95)}
        row |= {"mouse_p95": percentile(mouse, 95)}
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(200)
    with hand(page) as drag:
        page.evaluate("mapProbe.start()")
        begin = time.perf_counter()
        for place in path(seconds, x, y):
            drag(*place)
        elapsed = time.perf_counter() - begin
        images, drawn = page.evaluate("mapProbe.stop()")  # answered when the page has dealt with what came before
    page.mouse.up()
    row |= {"drawn": statistics.median(drawn)} if drawn else {}
    return row | {"pan": images / max(elapsed, time.perf_counter() - begin)}


def path(seconds: float, x: float, y: float) -> Iterator[tuple[float, float]]:
    """Places on a curve around (x, y), one every sixtieth of a second."""
    begin = time.perf_counter()
    for k in range(1, round(60 * seconds) + 1):
        time.sleep(max(0.0, begin + k / 60 - time.perf_counter()))
        yield x + REACH * math.sin(k / 17), y + 0.6 * REACH * math.sin(k / 11)


def canvas_size(browser: Any, url: str) -> tuple[float, float]:
    """Width and height of the map, so that plotly gets as much; also the first visit, which warms the server."""
    with opened(browser, f"{url}/map?model={MODEL}") as page:
        settled(page)
        page.locator(".mapper.ready").wait_for()
        box = page.get_by_test_id("latent-map").bounding_box()
    return box["width"], box["height"]


def measure(playwright: Any, count: int, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Both rows of one number of points: medians over rounds in which they take turns."""
    codes, labels = points(count)
    found: dict[str, list[dict[str, float]]] = {"ours": [], "plotly": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        AppServer(Path(folder), {"VAEEXPLORER_DATA": f"{folder}/data"}) as server,
        scattergl.serving(scattergl.figure(codes, labels)) as figure,
    ):
        browser = launch(playwright)
        size = canvas_size(browser, server.url)
        for number in range(rounds):
            source = upload(server.url, codes, labels)
            found["ours"].append(measure_ours(browser, server.url, count, source, seconds))
            print(f"{count:,}, round {number + 1}: ours {found['ours'][-1]}", file=sys.stderr)
            try:
                found["plotly"].append(measure_plotly(browser, figure, size, seconds))
                print(f"{count:,}, round {number + 1}: plotly {found['plotly'][-1]}", file=sys.stderr)
            except Exception as problem:  # Playwright's own errors: a page that hangs or has died
                print(f"plotly with {count:,} points: {str(problem).splitlines()[0]}", file=sys.stderr)
                browser.close()
                browser = launch(playwright)
        browser.close()
    return {f"{count:,} {name}": medians(rows) for name, rows in found.items()}


def medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each number over the rows that have it."""
    keys = {key for row in rows for key in row}
    return {key: statistics.median(row[key] for row in rows if key in row) for key in keys}


def missed(rows: dict[str, dict[str, float]]) -> list[str]:
    """One line for each promise that is broken."""
    lines = []
    for count, targets in TARGETS.items():
        row = rows.get(f"{count:,} ours")
        if row is None:
            continue
        for key, limit in targets.items():
            value = row.get(key)
            met = value is not None and (value >= limit if key == "pan" else value <= limit)
            if not met:
                said = "was not seen" if value is None else f"is {value:.2f}"
                lines.append(f"{count:,} points: {key} {said}, wanted {limit:g}")
    return lines


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the Map page beside plotly's scattergl.")
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="numbers of points (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="visits of each kind (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a drag and of a hover (default 2)")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a target is missed."""
    options = parse(arguments)
    from playwright.sync_api import sync_playwright

    rows: dict[str, dict[str, float]] = {}
    with sync_playwright() as playwright:
        for count in options.sizes:
            rows |= measure(playwright, count, options.rounds, options.seconds)
        browser = launch(playwright)
        where = machine(f"headless Chromium {browser.version} without a GPU")
        browser.close()
    problems = missed(rows)
    report = f"{where}; medians of {options.rounds} rounds.\n\n{table('points', COLUMNS, rows)}\n\n"
    report += "\n".join(problems) or "All targets are met."
    if options.json:
        print(json.dumps({"machine": where, "rounds": options.rounds, "results": rows, "missed": problems}))
    else:
        print(report)
    if options.write:
        write("map", report)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
