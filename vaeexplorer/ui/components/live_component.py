"""Live components and Streamlit: registered once each, with the bootstrap that fetches their modules (live_files)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import streamlit as st

from vaeexplorer.ui.components import live_files


@cache
def _component(name: str, page: str) -> Any:
    live = {
        "entry": f"{name}.js",
        "modules": live_files.modules(f"{name}.js"),  # asked for all at once instead of file after file
        "styles": live_files.styles(name),
        "version": live_files.VERSION,
        "page": page,
    }
    script = f"const LIVE = {json.dumps(live)};\n{live_files.BOOTSTRAP.read_text(encoding='utf-8')}"
    return st.components.v2.component(f"vaeexplorer_{name}", js=script)


def show(
    name: str,
    page: str,
    *,
    key: str,
    identity: str,
    data: Mapping[str, Any],
    states: tuple[str, ...],
    early: tuple[str, Mapping[str, Any]] | None = None,
) -> Any:
    """Show the live component `name` (its folder, with NAME.js and NAME.css) on the page with the title `page`.

    Args: key, the widget's key; identity, what is shown: another one makes a new view; data, JSON values; states, what
          the component tells Python; early, the route below `vaex/` and its query that the browser asks first of all.
    Returns: Streamlit's result with an attribute for each of `states`, None before the component has told it.
    """
    asked = None if early is None else {"route": early[0], "query": dict(early[1])}
    callbacks = {f"on_{state}_change": lambda: None for state in states}
    return _component(name, page)(data={**data, "identity": identity, "early": asked}, key=key, **callbacks)
