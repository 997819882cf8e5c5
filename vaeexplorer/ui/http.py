"""Reading requests within limits and answering failures in one line: what every route shares."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.datasets import DataError
from vaeexplorer.ui.cached import UnknownModel

FOREVER = "private, max-age=31536000, immutable"
DISCARD_BYTES = 256 * 2**20  # of a body that is too large: read on, so that the browser gets to see the answer
OWN_PAGES = (None, "none", "same-origin")  # Sec-Fetch-Site of a page of this app, or of a program that is no browser
HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
# Keeps Streamlit's gzip away: it takes 7 % off the weights for 80 ms of work at every request.
IDENTITY = {"Content-Encoding": "identity"}


async def body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes of it in memory at any time.   Raises HTTPException 413 if there is more."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        chunks.append(chunk)
        if size > limit:
            chunks.clear()
        if size > DISCARD_BYTES:
            break
    if size > limit:
        raise HTTPException(413, f"at most {amount(limit)} may be sent here, this was {amount(size)}")
    return b"".join(chunks)


def amount(size: int) -> str:
    return f"{size / 2**20:.3g} MB" if size >= 2**20 else f"{size:,} bytes"


def whole(request: Request, field: str, default: int | None, low: int, high: int) -> int:
    """A whole number from the address.   Raises HTTPException 400 if it is missing or out of range."""
    text = request.query_params.get(field)
    if text is None and default is not None:
        return default
    # Short and ASCII: int() also reads other scripts' digits, and is slow on long ones.
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 12) or not low <= int(text) <= high:
        raise HTTPException(400, f"{field} must be a whole number from {low} to {high}")
    return int(text)


def fields(data: bytes, *names: str) -> list[Any]:
    """The named values of a JSON object.   Raises HTTPException 400 if it is none or one is missing."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise HTTPException(400, "expected a JSON object") from None
    if not isinstance(document, dict) or not all(name in document for name in names):
        raise HTTPException(400, f"expected a JSON object with {', '.join(names)}")
    return [document[name] for name in names]


def binary(content: bytes, cache: str = "no-store") -> Response:
    headers = HEADERS | IDENTITY | {"Cache-Control": cache}
    return Response(content, media_type="application/octet-stream", headers=headers)


class OwnPagesOnly:
    """Middleware: what changes or computes something (POST) is refused when another site's page sends it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            site = Headers(scope=scope).get("sec-fetch-site")
            if site not in OWN_PAGES:
                await failure(403, "requests from other sites are refused")(scope, receive, send)
                return
        await self.app(scope, receive, send)


def failure(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": " ".join(str(message).split())}, status, headers=HEADERS)


def _refused(request: Request, error: HTTPException) -> Response:
    return failure(error.status_code, error.detail)


def _unknown(request: Request, error: Exception) -> Response:
    return failure(404, str(error.args[0]))


def _bad_data(request: Request, error: Exception) -> Response:
    return failure(422, str(error))


def _interrupted(request: Request, error: Exception) -> Response:
    return failure(400, "the connection ended before everything was sent")


def _unforeseen(request: Request, error: Exception) -> Response:
    # Starlette raises the error again once this is sent, and the server logs it.
    return failure(500, "this failed on the server; its log says why")


FAILURES: dict[Any, Any] = {
    HTTPException: _refused,
    UnknownModel: _unknown,
    CheckpointError: _bad_data,
    DataError: _bad_data,
    ClientDisconnect: _interrupted,
    Exception: _unforeseen,
}
