"""Selectors and captions that pages share, and what a link says: ?model=NAME&z=0.5,-1,..."""

from __future__ import annotations

import re

import streamlit as st

from vaeexplorer import checkpoints
from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.ui import cached, model_card

MODEL, Z = "model", "z"  # parameters of a link; the first is also the picker's key
MAX_Z = 1e3  # a prior of unit size never comes near; beyond it float32 pictures mean nothing
COMPLAINT = "link_complaint"


def plain(text: str, limit: int = 200) -> str:
    """Foreign text for a Markdown element: shown as it is, one line, never as markup."""
    text = " ".join(text.split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def heading(title: str, lead: str) -> None:
    """A page's title with one line beside it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.title(title, anchor=False, width="content")
        st.caption(lead, width="content")


def model_picker() -> str | None:
    """The models of this machine (shipped, runs, uploads), bound to the link; None if there is none."""
    names = list(checkpoints.listing())
    if not names:
        return None
    _note_unknown_model(names)
    st.selectbox(
        "Model",
        names,
        cached.default_model(names),
        key=MODEL,
        bind="query-params",
        on_change=_model_changed,
    )
    return st.session_state[MODEL]


def model_caption(name: str) -> None:
    """What the sidebar says about the model."""
    st.caption("  \n".join(plain(line) for line in model_card.summary(name)))


def link_complaints(name: str) -> list[str]:
    """One line for each thing in the link that cannot be; what it asked for was left out."""
    return [line for line in (st.session_state.get(COMPLAINT), _read_z(name)[1]) if line]


def z_of_link(name: str) -> list[float] | None:
    """The z that the link asks for, D numbers; None if it asks for none or it cannot be."""
    return _read_z(name)[0]


def _read_z(name: str) -> tuple[list[float] | None, str | None]:
    """The z and no complaint, or no z and why."""
    text = st.query_params.get(Z)
    if not text:
        return None, None
    return parse_z(text, cached.header(name).vae.latent_dim)


def parse_z(text: str, dims: int) -> tuple[list[float] | None, str | None]:
    """Numbers separated by commas, as many as the model has dimensions, each finite and of size at most 1000."""
    parts = text.split(",", maxsplit=dims)
    if len(parts) != dims:
        count = text.count(",") + 1
        numbers = "1 number" if count == 1 else f"{count} numbers"
        return None, f"The link's z has {numbers}, this model has {dims} dimensions: z was left out."
    try:
        z = [float(part) for part in parts]
    except ValueError:
        return None, "The link's z is not a list of numbers separated by commas: z was left out."
    if not all(abs(value) <= MAX_Z for value in z):  # NaN is not
        return None, f"The link's z holds a number that is not between −{MAX_Z:g} and {MAX_Z:g}: z was left out."
    return z, None


def choose_model(name: str) -> None:
    """Select a model from code; only before the picker is drawn in this run, for example in a callback."""
    st.session_state[MODEL] = name
    _model_changed()


def model_problem(name: str | None) -> str | None:
    """One line if there is no model, or if the file of this one cannot be read; None if all is well."""
    if name is None:
        return "There is no model yet: train one on the Train page."
    try:
        cached.decoder_document(name)
    except (CheckpointError, cached.UnknownModel) as error:
        return f"The model {plain(name)} cannot be opened: {plain(str(error), 400)}. Choose another one."
    return None


def _note_unknown_model(names: list[str]) -> None:
    """Keep the complaint, for the picker clears an unknown name from the link at once; its z is nobody's."""
    asked = st.query_params.get(MODEL)
    if asked is not None and asked not in names:
        known = ", ".join(names[: cached.KNOWN_SHOWN]) + (" and more" if len(names) > cached.KNOWN_SHOWN else "")
        asked_shown, known_shown = plain(repr(asked), 80), plain(known, 400)
        st.session_state[COMPLAINT] = f"The link asks for a model {asked_shown}. Known are: {known_shown}."
        st.query_params.pop(Z, None)


def _model_changed() -> None:
    """The link's z and complaint belonged to the model before."""
    st.session_state.pop(COMPLAINT, None)
    st.query_params.pop(Z, None)
