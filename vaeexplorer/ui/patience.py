"""How long work would take here, and questions refused that nobody would wait for before a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vaeexplorer.ui import cached

if TYPE_CHECKING:
    from vaeexplorer.forecast import Pace, Work

PATIENCE_SECONDS = 30 * 60  # beyond, a question is refused: the command line has --patient


def seconds(name: str, work: Work) -> float:
    """How long the work takes with this model on this machine, within a factor of two or three."""
    return _pace(cached.header(name).digest, name).forecast(work).seconds


def refuse_long(seconds: float) -> None:
    """Raises ValueError, one line, for more than anybody waits."""
    from vaeexplorer import forecast

    if not seconds <= PATIENCE_SECONDS:
        raise ValueError(
            f"this would take {forecast.duration(seconds)} here: ask for less, or use the command line's --patient"
        )


@st.cache_resource(max_entries=64, show_spinner=False)
def _pace(digest: str, _name: str) -> Pace:
    """What decoding costs here, measured once for each model."""
    import torch

    from vaeexplorer import forecast

    vae = cached.network(_name)
    return forecast.pace(vae, torch.zeros((1, *vae.config.image_shape), device=vae.device))
