"""Speak to the app's routes as a web server does, without one: a request in, the answer and what was read out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette

from vaeexplorer.ui.routes import ROUTES

APP = Starlette(routes=ROUTES)


@dataclass(frozen=True)
class Answer:
    """read: bytes of the body that the route took before it answered."""

    status: int
    headers: dict[str, str]
    content: bytes
    read: int

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> str:
        """The one line of a failure; asserts that it is one."""
        assert 400 <= self.status < 500, (self.status, self.content[:200])
        assert self.headers["content-type"] == "application/json"
        (line,) = self.json.values()
        assert list(self.json) == ["error"]
        assert line
        assert "\n" not in line
        assert "Traceback" not in line
        return line


def get(path: str, **query: Any) -> Answer:
    return ask("GET", path, query)


def post(path: str, body: bytes | Iterable[bytes] = b"", headers: dict[str, str] | None = None, **query: Any) -> Answer:
    return ask("POST", path, query, body, headers)


def ask(
    method: str,
    path: str,
    query: dict[str, Any],
    body: bytes | Iterable[bytes] = b"",
    headers: dict[str, str] | None = None,
    sent: list[dict[str, Any]] | None = None,
) -> Answer:
    """`sent`, if given, collects the messages of the answer, also when the route fails after them."""
    chunks = iter([body] if isinstance(body, bytes) else body)
    sent = [] if sent is None else sent
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        chunk = next(chunks, None)
        if chunk is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 12345),
    }
    asyncio.run(APP(scope, receive, send))
    start, *rest = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(message.get("body", b"") for message in rest), read)
