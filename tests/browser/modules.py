"""Serve the live components' own modules to a blank page, so that tests can call their functions with numbers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from vaeexplorer.ui.components import live_files

TYPES = {".js": "text/javascript", ".css": "text/css"}


class _Handler(BaseHTTPRequestHandler):
    """GET /FILE of the live components; anything else is an empty page."""

    def do_GET(self) -> None:
        name = self.path.split("?")[0].strip("/")
        known = name in live_files.FILES
        body = live_files.FILES[name].read_bytes() if known else b"<!doctype html><title>blank</title>"
        self.send_response(200)
        self.send_header("Content-Type", TYPES[name[name.rindex(".") :]] if known else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a test's output is its failures."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server on this machine for the time of a `with` block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Modules:
    """A page in which `module`'s exports can be called: `Modules(page).call("prior.js", "m.normalCdf(a)", a=1.0)`."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def call(self, module: str, expression: str, **values: Any) -> Any:
        """The value of a JavaScript expression over `m`, the module, and the named values (JSON, or bytes)."""
        packed = {name: base64.b64encode(v).decode() if isinstance(v, bytes) else v for name, v in values.items()}
        binary = [name for name, value in values.items() if isinstance(value, bytes)]
        function = f"""async ([values, binary]) => {{
            const m = await import("/{module}");
            for (const name of binary) values[name] = (await (await fetch(
                "data:application/octet-stream;base64," + values[name])).arrayBuffer());
            const {{ {", ".join([*packed, "_"])} }} = values;
            return {expression};
        }}"""
        return self.page.evaluate(function, [packed | {"_": 0}, binary])

    def decode(self, document: bytes, codes: np.ndarray) -> np.ndarray:
        """Images (N, C*H*W) that decoder.js makes of a document for codes (N, D)."""
        expression = "((d) => zs.map((z) => Array.from(d.decode(z))))(m.createDecoder(document))"
        return np.asarray(self.call("decoder.js", expression, document=document, zs=codes.tolist()))
