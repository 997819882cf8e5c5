"""Something to see before the first click: where there is no run yet, a small one begins by itself, once per server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from vaeexplorer import runs
from vaeexplorer.runs import RunError
from vaeexplorer.ui import train_presets, train_start
from vaeexplorer.ui.train_settings import SettingsError

SWITCH = "VAEEXPLORER_FIRST_LOOK"  # 0 in the environment: begin nothing unasked
TITLE = "First look"
WORDS = (
    "This small run began by itself, so that there is something to see: 1,437 digits of 8×8 pixels, two numbers for "
    "each. It takes about a minute. Start your own with New run."
)


def begin(choose: Callable[[Path], None]) -> None:
    """Start it and `choose` its folder, unless there are runs, it was started before, it is switched off or it cannot.

    That it cannot (a disk that is full or read-only) is no fault of the visitor's: then the form is all there is.
    """
    if os.environ.get(SWITCH) == "0" or runs.listing() or _memory().pop("free", None) is None:  # pop: for one alone
        return
    preset = next(iter(train_presets.PRESETS.values()))
    try:
        path = train_start.create(preset.all_values(), TITLE)
    except (SettingsError, RunError, OSError):
        return
    _memory()["name"] = path.name
    choose(path)


def explain(name: str) -> None:
    """Above the run of this name, if it is the one that began by itself, say so."""
    if name == _memory().get("name"):
        st.caption(WORDS)


@st.cache_resource(show_spinner=False)
def _memory() -> dict[str, object]:
    """What this server knows of it: "free" until a visitor takes it, then the run's "name"."""
    return {"free": True}
