"""The two settings without which every round trip is slow, and what the app must not do by default."""

from __future__ import annotations

import asyncio
import socket
import tomllib
from pathlib import Path

import pytest

from vaeexplorer.ui.server import lifespan


async def accepted_option(prepared: bool) -> int:
    """TCP_NODELAY of a connection to a socket that was opened as Streamlit opens its own, with protocol number 0."""
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            peer = transport.get_extra_info("socket")
            found.set_result(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    listener = socket.socket(socket.AF_INET)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    loop = asyncio.get_running_loop()
    if prepared:
        async with lifespan(None):
            server = await loop.create_server(Server, sock=listener)
    else:
        server = await loop.create_server(Server, sock=listener)
    _, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        return await asyncio.wait_for(found, 5)
    finally:
        writer.close()
        server.close()


def test_small_answers_leave_at_once() -> None:
    assert asyncio.run(accepted_option(prepared=True)) != 0


def test_the_fault_is_still_there_without_our_help() -> None:
    """When this fails, asyncio or Streamlit has mended it: remove `send_small_answers_at_once`."""
    assert asyncio.run(accepted_option(prepared=False)) == 0


@pytest.fixture(scope="module")
def settings(root: Path) -> dict:
    return tomllib.loads((root / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_no_collection_after_every_run(settings: dict) -> None:
    from streamlit import config

    assert settings["runner"]["postScriptGC"] is False
    assert "runner.postScriptGC" in config.get_config_options(), "Streamlit no longer knows the option"


def test_stays_on_this_machine_and_reports_nothing(settings: dict) -> None:
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["maxUploadSize"] == 200


def test_every_setting_is_one_that_streamlit_knows(settings: dict) -> None:
    from streamlit import config

    known = config.get_config_options()
    flat = _flat(settings)
    assert [name for name in flat if name not in known] == []


def test_both_themes_are_complete(settings: dict) -> None:
    light, dark = settings["theme"]["light"], settings["theme"]["dark"]
    assert light.keys() == dark.keys()
    assert "base" not in settings["theme"], "a base would fix one theme; the app follows the system"


def _flat(table: dict, prefix: str = "") -> list[str]:
    names = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        names += _flat(value, f"{name}.") if isinstance(value, dict) else [name]
    return names
