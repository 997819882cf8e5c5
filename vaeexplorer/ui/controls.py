"""Selectors and captions that pages share, and what a link says: ?model=NAME&z=0.5,-1&direction=1,0&about=TEXT, or

?model=NAME&images=test:3,picture:0123456789ab on the Bounds page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from vaeexplorer import checkpoints
from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.ui import cached, model_card, navigation
from vaeexplorer.ui.components.bounder import KEY, MOST, keys_of
from vaeexplorer.ui.components.explorer import Direction

MODEL, Z = "model", "z"  # parameters of a link; the first is also the picker's key
DIRECTION, ABOUT, ALONG = "direction", "about", "along"  # a way through z, its name, how far z has gone on it
IMAGES = "images"  # the keys of images, separated by commas
MAX_Z = 1e3  # a prior of unit size never comes near; beyond it float32 pictures mean nothing
SHORTEST = 1e-6  # length of a direction below which it leads nowhere
LONGEST_NAME = 80  # characters of a direction's name
MOST_TEXT = 1000  # characters of the link's images that are read
COMPLAINT, WANTED = "link_complaint", "wanted_model"


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
    _note_unknown_model(names, st.query_params.get(MODEL))
    wanted = st.session_state.pop(WANTED, None)
    _note_unknown_model(names, wanted)
    if wanted in names:
        st.session_state[MODEL] = wanted
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
    lines = (st.session_state.get(COMPLAINT), _read_z(name)[1], _read_direction(name)[1], _read_images()[1])
    return [line for line in lines if line]


def z_of_link(name: str) -> list[float] | None:
    """The z that the link asks for, D numbers; None if it asks for none or it cannot be."""
    return _read_z(name)[0]


def direction_of_link(name: str) -> Direction | None:
    """The direction that the link names, as the explorer takes it; None if it names none or it cannot be."""
    return _read_direction(name)[0]


def images_of_link() -> list[str] | None:
    """The images that the link names, by their keys; None if it names none that could be."""
    return _read_images()[0]


def open_in_explore(name: str, wish: Mapping[str, Any]) -> None:
    """Leave this page for Explore, with a model at a place. Ends the run; call it outside of callbacks and fragments.

    Args: name, the model; wish, what a live component asks for: z (D numbers), direction (D numbers) or None,
          about (the direction's name) or None. Foreign: what cannot be, Explore leaves out and says so.
    """
    asked = {Z: _listed(wish.get("z"))}
    if wish.get("direction") is not None:
        asked |= {DIRECTION: _listed(wish["direction"]), ABOUT: one_line(str(wish.get("about") or ""), LONGEST_NAME)}
    st.session_state[WANTED] = name  # the picker is drawn already, and the link's model is its own
    st.switch_page(navigation.page_of("explore.py"), query_params={k: text for k, text in asked.items() if text})


def open_in_bounds(model: str, images: Sequence[str]) -> None:
    """Leave this page for Bounds, with a model on images. Ends the run; call it outside of callbacks and fragments.

    Args: model, its name; images, their keys.
    """
    st.session_state[WANTED] = model  # the picker is drawn already, and the link's model is its own
    asked = {IMAGES: ",".join(keys_of(images))}
    st.switch_page(navigation.page_of("bounds.py"), query_params={k: text for k, text in asked.items() if text})


def one_line(text: str, limit: int) -> str:
    """Foreign text without line breaks and other unprintable characters, cut to so many characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def parse_z(text: str, dims: int, what: str = Z) -> tuple[list[float] | None, str | None]:
    """Numbers separated by commas, as many as the model has dimensions, each finite and of size at most 1000.

    Returns: the numbers and None, or None and a line that says why `what`, z or a direction, was left out.
    """
    parts = text.split(",", maxsplit=dims)
    if len(parts) != dims:
        count = text.count(",") + 1
        numbers = "1 number" if count == 1 else f"{count} numbers"
        return None, f"The link's {what} has {numbers}, this model has {dims} dimensions: {what} was left out."
    try:
        z = [float(part) for part in parts]
    except ValueError:
        return None, f"The link's {what} is not a list of numbers separated by commas: {what} was left out."
    if not all(abs(value) <= MAX_Z for value in z):  # NaN is not
        limits = f"between −{MAX_Z:g} and {MAX_Z:g}"
        return None, f"The link's {what} holds a number that is not {limits}: {what} was left out."
    return z, None


def parse_images(text: str) -> tuple[list[str] | None, str | None]:
    """Keys of images separated by commas, test:NUMBER or picture:DIGEST, at most 16.

    Returns: those that can be keys (None if there are none), and a line that says what was left out, or None.
    """
    parts = [part.strip() for part in text[:MOST_TEXT].split(",")]
    keys = keys_of(parts)
    bad = [part for part in parts if not KEY.fullmatch(part)]
    if bad:
        what = plain(repr(bad[0]), 40) + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")
        return keys or None, f"The link's images hold {what}, neither test:NUMBER nor picture:DIGEST: left out."
    if len(set(parts)) > MOST:
        return keys, f"The link names {len(set(parts))} images; the first {MOST} are shown."
    return keys or None, None


def parse_direction(text: str, dims: int) -> tuple[list[float] | None, str | None]:
    """As parse_z, and not 0 everywhere."""
    values, complaint = parse_z(text, dims, DIRECTION)
    if values is not None and math.hypot(*values) < SHORTEST:
        return None, "The link's direction is 0 in every dimension and leads nowhere: direction was left out."
    return values, complaint


def _read_z(name: str) -> tuple[list[float] | None, str | None]:
    """The z and no complaint, or no z and why."""
    text = st.query_params.get(Z)
    if not text:
        return None, None
    return parse_z(text, cached.header(name).vae.latent_dim)


def _read_direction(name: str) -> tuple[Direction | None, str | None]:
    """The direction and no complaint, or no direction and why."""
    text = st.query_params.get(DIRECTION)
    if not text:
        return None, None
    values, complaint = parse_direction(text, cached.header(name).vae.latent_dim)
    if values is None:
        return None, complaint
    along, complaint = parse_z(st.query_params.get(ALONG) or "0", 1, ALONG)
    about = one_line(st.query_params.get(ABOUT, ""), LONGEST_NAME)
    return {"values": values, "about": about, "along": along[0] if along else 0.0}, complaint


def _read_images() -> tuple[list[str] | None, str | None]:
    """The images and perhaps a complaint, or none of both."""
    text = st.query_params.get(IMAGES)
    return parse_images(text) if text else (None, None)


def _listed(values: Any) -> str:
    """Numbers for a link; whatever else a browser sent becomes text that Explore complains about."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        return "" if values is None else one_line(str(values), LONGEST_NAME)
    return ",".join(f"{v:.6g}" if isinstance(v, float | int) else one_line(str(v), LONGEST_NAME) for v in values)


def choose_model(name: str) -> None:
    """Select a model from code, in this run if the picker is drawn later, else in the next one."""
    st.session_state[WANTED] = name
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


def _note_unknown_model(names: list[str], asked: str | None) -> None:
    """Keep the complaint, for the picker clears an unknown name from the link at once; its z is nobody's."""
    if asked is not None and asked not in names:
        known = ", ".join(names[: cached.KNOWN_SHOWN]) + (" and more" if len(names) > cached.KNOWN_SHOWN else "")
        asked_shown, known_shown = plain(repr(asked), 80), plain(known, 400)
        st.session_state[COMPLAINT] = f"The link asks for a model {asked_shown}. Known are: {known_shown}."
        _forget_place()


def _model_changed() -> None:
    """The link's z, direction, images and complaint belonged to the model before."""
    st.session_state.pop(COMPLAINT, None)
    _forget_place()


def _forget_place() -> None:
    for parameter in (Z, DIRECTION, ABOUT, ALONG, IMAGES):
        st.query_params.pop(parameter, None)
