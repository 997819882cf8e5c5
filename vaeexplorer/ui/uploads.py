"""Bring your own checkpoint: checked completely, kept under the runs folder, chosen at once. Nothing in it runs."""

from __future__ import annotations

import streamlit as st

from vaeexplorer import checkpoints
from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.ui import controls

FILE, RESULT = "checkpoint_file", "checkpoint_result"


def checkpoint_upload() -> None:
    """The field for a file, and under it one line on how the last one went."""
    with st.expander("Open a checkpoint"):
        st.file_uploader("A checkpoint (.safetensors)", type=["safetensors"], key=FILE, on_change=_adopt)
    refusal = st.session_state.get(RESULT)
    if refusal:
        st.error(refusal)


def _adopt() -> None:
    """Before the page is drawn anew: adopt the file and choose it, or remember why not."""
    st.session_state.pop(RESULT, None)
    file = st.session_state[FILE]
    if file is None:
        return
    try:
        controls.choose_model(checkpoints.adopt(file.getvalue(), file.name))
    except CheckpointError as error:
        st.session_state[RESULT] = controls.plain(str(error), 400)
    except OSError as error:
        st.session_state[RESULT] = controls.plain(f"{file.name} could not be stored: {error.strerror}", 400)
