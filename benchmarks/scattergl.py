"""The same points in plotly's scattergl, on a page of its own: what `benchmarks/map.py` compares the Map page with.

plotly's JavaScript ships inside the Python package; the figure is what plotly.py makes of the arrays, one trace for
each class, as JSON with the coordinates in base64.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

PAGE = b"""<!doctype html><title>scattergl</title><body style="margin:0">
<div id="plot"></div><script src="plotly.min.js"></script></body>"""

OPEN = """async ([width, height]) => {
    const begin = performance.now(), figure = await (await fetch("figure.json")).json();
    const layout = { ...figure.layout, width, height, dragmode: "pan", margin: { l: 30, r: 10, t: 10, b: 30 } };
    const plot = document.getElementById("plot");
    await Plotly.newPlot(plot, figure.data, layout, { displayModeBar: false });
    plot.on("plotly_hover", () => window.mapProbe.answered());
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - begin;
}"""
"""Opens the figure; the value is the milliseconds until it is painted. The page's script has been loaded before."""


def figure(codes: np.ndarray, labels: np.ndarray) -> bytes:
    """The figure of codes (N, 2) with labels (N,) as JSON."""
    import plotly.graph_objects as go

    traces = [
        go.Scattergl(x=codes[labels == k, 0], y=codes[labels == k, 1], mode="markers", name=str(k), marker={"size": 3})
        for k in range(int(labels.max()) + 1)
    ]
    return go.Figure(traces).to_json().encode()


@contextmanager
def serving(document: bytes) -> Iterator[str]:
    """The address of a page that can show the figure, on this machine, for the time of a `with` block."""
    import plotly

    script = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()
    files = {
        "/": ("text/html", PAGE),
        "/figure.json": ("application/json", document),
        "/plotly.min.js": ("text/javascript", script),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = files.get(self.path, ("text/plain", b""))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the benchmark prints its table only."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
