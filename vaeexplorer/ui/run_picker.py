"""Which run the Train page shows, and what lies open above it: the row at its top, the link, what there is to see.

Titles and folder names are data: looked up, never joined into a path, never markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from vaeexplorer import runs
from vaeexplorer.runs import Status
from vaeexplorer.ui import controls, train_form

RUN = "run"  # parameter of a link and key of the picker
LINKED = "run_linked"  # what the link said when it was last read or written
COMPLAINT, SEEN = "run_complaint", "runs_seen"
LOOK_SECONDS = 3.0  # between two looks whether a run came to another state
SHOWN = 12  # names in a message

CAPTION = (
    "ELBO, reconstruction and KL in nats per image; the ELBO is a lower bound of log p(x). A run is a folder on this "
    "machine and its worker a program of its own: it goes on when this page is closed. Kingma & Welling 2014, "
    "Auto-Encoding Variational Bayes."
)

COMPARE = "compare"
PANELS = {COMPARE: ("Compare", ":material/stacked_line_chart:"), train_form.FORM: ("New run", ":material/add:")}

STATE_WORDS = {
    "starting": "starting",
    "running": "training",
    "paused": "paused",
    "measuring": "being measured",
    "finished": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
}


WELCOME = {
    ":material/play_circle: Watch it learn": (
        "Pictures, curves and a map of the codes move as the model trains. Pause it, take one batch at a time, "
        "or let it run: it goes on when you close the page."
    ),
    ":material/history: Look back": (
        "Drag through the run, from the first grey noise to the last stroke: the same images, the same codes, "
        "the map as it was."
    ),
    ":material/stacked_line_chart: Compare": (
        "Start again with one thing changed, such as β = 4, and lay the curves over each other."
    ),
}


def picker() -> str | None:
    """The runs in a row with the button for a new one; the link names the run that was chosen. None without any run.

    The link is kept here by hand: bound to the widget it would hold the words of the list, not the name of the folder.
    """
    known = runs.listing()
    found = {name: runs.status(path) for name, path in known.items()}
    st.session_state[SEEN] = _seen(known, found)
    _follow_link(known)
    place = st.container()  # also while it is empty: what comes after it keeps its place
    if complaint := st.session_state.get(COMPLAINT):
        place.warning(complaint)
    if not known:
        return None
    titles = unique({name: runs.title(path) for name, path in known.items()})
    labels = {name: f"{title} · {STATE_WORDS[found[name].state]}" for name, title in titles.items()}
    shown = st.session_state.pop(RUN, None)
    if shown in known:  # said again each time: the browser knows an option by its words, and these change
        st.session_state[RUN] = shown
    first = 0 if RUN in st.session_state else next((n for n, name in enumerate(known) if found[name].live), 0)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    row.selectbox(
        "Run", list(known), first, format_func=lambda name: labels.get(name, name), key=RUN, persist_state="session",
        on_change=_chosen, label_visibility="collapsed",
    )  # fmt: skip
    buttons = row.container(horizontal=True, width="content")
    alone = "" if len(known) > 1 else "Train a second run first, with another β, say."
    for panel, (label, icon) in PANELS.items():
        opened = open_panel(st.session_state[RUN]) == panel
        buttons.button(
            "Close" if opened else label, icon=":material/close:" if opened else icon, key=f"panel_{panel}",
            on_click=_toggle, args=(panel,), width=130, disabled=bool(alone) and panel == COMPARE and not opened,
            help=alone if panel == COMPARE and alone else None,
        )  # fmt: skip
    return st.session_state[RUN]


def unique(titles: Mapping[str, str]) -> dict[str, str]:
    """Name -> title, with the folder's name where two runs share a title: a list tells them apart by their words."""
    several = {title for title, count in Counter(titles.values()).items() if count > 1}
    return {name: f"{title} ({name})" if title in several else title for name, title in titles.items()}


def choose(path: Path) -> None:
    """Show this run; only before the picker is drawn, for example in a callback."""
    st.session_state[RUN] = path.name
    _chosen()


def _chosen() -> None:
    st.query_params[RUN] = st.session_state[LINKED] = st.session_state[RUN]
    forget()


def _follow_link(known: dict[str, Path]) -> None:
    """Show the run that a new link asks for, or keep a complaint that there is none of that name."""
    asked = st.query_params.get(RUN)
    if asked is None or asked == st.session_state.get(LINKED):
        return
    st.session_state[LINKED] = asked
    if asked in known:
        st.session_state[RUN] = asked
        return
    shown = ", ".join(list(known)[:SHOWN]) + (" and more" if len(known) > SHOWN else "")
    there_are = f"Known are: {controls.plain(shown, 400)}." if known else "There is no run on this machine yet."
    st.session_state[COMPLAINT] = f"The link asks for a run {controls.plain(repr(asked), 80)}. {there_are}"


def open_panel(name: str | None) -> str | None:
    """What shows above the run of this name: COMPARE, train_form.FORM (always, while there is no run), or nothing."""
    return train_form.FORM if name is None else st.session_state.get(train_form.PANEL)


def look() -> None:
    """Draw the page anew if a run came, went or changed its state since it was drawn, or the page became dark."""
    known = runs.listing()
    if _seen(known, {name: runs.status(path) for name, path in known.items()}) != st.session_state.get(SEEN):
        st.rerun()


def _seen(known: dict[str, Path], found: dict[str, Status]) -> tuple[Any, ...]:
    """What the page shows without following it: the colours of figures, of each run its state and if it has a model."""
    return st.context.theme.type, *((name, found[name].state, has_model(path)) for name, path in known.items())


def has_model(path: Path) -> bool:
    """Whether the run has saved a model that Explore can open."""
    return (path / "last.safetensors").is_file()


def forget() -> None:
    """Whatever was complained about is settled."""
    st.session_state.pop(COMPLAINT, None)


def _toggle(panel: str) -> None:
    st.session_state[train_form.PANEL] = None if st.session_state.get(train_form.PANEL) == panel else panel
    forget()


def welcome() -> None:
    """Under the form, while there is no run: what the page will show."""
    for column, (title, text) in zip(st.columns(len(WELCOME), gap="large"), WELCOME.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            st.caption(text)
