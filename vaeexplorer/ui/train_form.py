"""The form for a new run: four fields and a button, the rest folded away. What it asks stands in train_fields.

The answers live in the session under KEY + field, so that a preset, or a run to repeat, fills the form by setting them.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from vaeexplorer import datasets
from vaeexplorer.datasets import DATASETS, DataError
from vaeexplorer.runs import RunError
from vaeexplorer.ui import controls, train_fields, train_forecast, train_settings, train_start, train_words
from vaeexplorer.ui.train_fields import ASKS, FIRST, GROUPS, Values
from vaeexplorer.ui.train_presets import PRESETS
from vaeexplorer.ui.train_settings import SettingsError

KEY = "new_"  # of a field's widget
PANEL, FORM = "train_panel", "form"  # what shows above a run, where there is one
LIKE = "new_like"  # the title of the run that the form was filled from
PRESET, TITLE, SOURCE, PATH = "new_preset", "new_title", "new_source", "new_path"
COMPLAINT, STARTED, CHANGED = "new_complaint", "new_started", "new_changed"
OWN = "own"  # among the data sets: images of the user
DOUBLE_CLICK = 1.5  # seconds after a start in which another click means the same
KEEP: Any = "session"  # a field that is not shown, or whose page is left, keeps its answer


def default_preset() -> str:
    """MNIST where it is on this machine, else what needs no download."""
    first, mnist, *_ = PRESETS
    return mnist if datasets.available(PRESETS[mnist].values["dataset"]) else first


def fill(values: Values, title: str = "") -> None:
    """Put these answers into the form; only in a callback, or before the form is drawn."""
    for name, value in values.items():
        if name == "dataset":
            st.session_state[SOURCE] = value if value in DATASETS else OWN
            st.session_state[PATH] = "" if value in DATASETS else value
        elif train_fields.several(name):
            st.session_state[KEY + name] = ", ".join(map(str, value))
        else:
            st.session_state[KEY + name] = train_fields.offered(name, value)
    st.session_state[TITLE] = title


def again(values: Values, title: str) -> None:
    """Put a run's own answers into the form, to change one of them."""
    fill(values, train_words.again(title))
    st.session_state.update({PRESET: None, LIKE: title, PANEL: FORM})


def form(on_start: Callable[[Path], None]) -> None:
    """Draw the form. on_start is called with the new run's folder, in the callback of the button."""
    if st.session_state.pop(STARTED, False):
        st.rerun()  # the whole page, not only this fragment
    if SOURCE not in st.session_state:
        st.session_state[PRESET] = default_preset()
        _fill_preset()
    _give_way()
    with st.container(border=True):
        _presets()
        _first_fields()
        _start_row(on_start)
        with st.expander("More settings", icon=":material/tune:"):
            _more()


def _give_way() -> None:
    """A choice that does not go with the others any more becomes the usual one."""
    values = _values()
    for name, usual in train_fields.defaults().items():
        if train_fields.choices(name) and values[name] not in train_fields.choices(name, values):
            st.session_state[KEY + name] = usual


def _presets() -> None:
    st.pills(
        "Start from", list(PRESETS), key=PRESET, on_change=_fill_preset, persist_state=KEEP, wrap=True,
        help="Each fills in all settings; change what you like afterwards.",
    )  # fmt: skip
    st.markdown(_promise(st.session_state[PRESET], st.session_state.get(LIKE)))


def _promise(preset: str | None, like: str | None) -> str:
    """What will be seen, as long as the preset's settings are unchanged; else where the settings come from."""
    if preset in PRESETS and _same(PRESETS[preset].all_values(), _values()):
        return PRESETS[preset].sentence
    if preset or like:
        return f"The settings of **{controls.plain(preset or like or '')}**, changed as you like."
    return "Your own settings."


def _same(one: Values, other: Values) -> bool:
    """Whether two answers say the same, as numbers or as text."""
    return all(
        [*map(str, one[name])] == [*map(str, other[name])] if train_fields.several(name) else one[name] == other[name]
        for name in train_fields.relevant(one)
    )


def _fill_preset() -> None:
    st.session_state.pop(LIKE, None)
    if st.session_state[PRESET] is not None:
        fill(PRESETS[st.session_state[PRESET]].all_values())


# The fields


def _first_fields() -> None:
    """The few that matter, and below them the line about the images, which has its place also while it is empty: what
    comes after it must not move, or the browser would fold it up.
    """
    values = _values()
    columns = st.columns([2, *[1] * (len(FIRST) - 1)], vertical_alignment="bottom")
    st.session_state[SOURCE] = st.session_state[SOURCE]  # said again: its words change once a set is downloaded
    with columns[0]:
        st.selectbox(
            ASKS["dataset"].label, [*DATASETS, OWN], format_func=_source_words, key=SOURCE, persist_state=KEEP,
            help=train_fields.help_of("dataset"),
        )  # fmt: skip
    for column, name in zip(columns[1:], FIRST[1:], strict=True):
        with column:
            _ask(name, values)
    place = st.container()
    if st.session_state[SOURCE] == OWN:
        place.text_input(
            "Folder of images, or a .npz or .npy file", key=PATH, persist_state=KEEP,
            placeholder="/home/me/pictures",
            help="Sub-folders are classes. An array holds images of shape (N, H, W) or (N, H, W, 3), 8 bits each.",
        )  # fmt: skip
    elif not datasets.available(st.session_state[SOURCE]):
        with place:
            _offer(st.session_state[SOURCE])


def _source_words(source: str) -> str:
    if source == OWN:
        return "My own images…"
    return DATASETS[source].title + ("" if datasets.available(source) else " (to download)")


def _more() -> None:
    """The other fields in their groups, and the whole as a command."""
    values = _values()
    shown = train_fields.relevant(values)
    for group, names in GROUPS.items():
        st.markdown(f"**{group}**")
        with st.grid(4, min_column_width=180, vertical_alignment="bottom"):
            for name in names:
                if name in shown:
                    _ask(name, values)
        if about := _about(names, values):
            st.caption(about)
    with contextlib.suppress(SettingsError):
        words = train_settings.arguments(*train_start.configs(_values()))
        st.markdown("**The same from a terminal**")
        st.code(train_settings.command(words), language="bash", wrap_lines=True)


def _about(names: tuple[str, ...], values: Values) -> str:
    """What the choices of a group mean, in a line; "" for those that need no more words."""
    told = [
        (values[name], ASKS[name].about, train_fields.word(name, values[name])) for name in names if ASKS[name].about
    ]
    return " ".join(
        controls.plain(f"{word}: {about[value]}.") for value, about, word in told if about and value in about
    )


def _ask(name: str, values: Values) -> None:
    """The widget that fits the field."""
    ask, options = ASKS[name], train_fields.choices(name, values)
    about: dict[str, Any] = {"key": KEY + name, "help": train_fields.help_of(name), "persist_state": KEEP}
    if options:
        st.selectbox(ask.label, options, format_func=lambda value: train_fields.word(name, value), **about)
    elif train_fields.several(name):
        st.text_input(ask.label, placeholder=ask.empty, **about)
    elif train_fields.whole(name):
        low, _ = train_fields.bounds(name)
        st.number_input(ask.label, min_value=int(low or 0), step=int(ask.step or 1), placeholder=ask.empty, **about)
    else:
        st.number_input(
            ask.label, value=None if ask.empty else "min", min_value=0.0, step=ask.step or 0.1, format="%g",
            placeholder=ask.empty, **about,
        )  # fmt: skip


def _values() -> Values:
    """What the form says now."""
    values = {name: st.session_state.get(KEY + name, usual) for name, usual in train_fields.defaults().items()}
    for name, value in values.items():
        if isinstance(value, str) and train_fields.several(name):
            values[name] = train_settings.split_widths(value)
    source = st.session_state[SOURCE]
    values["dataset"] = st.session_state.get(PATH, "").strip() if source == OWN else source
    return values


# The images


def _offer(source: str) -> None:
    """Of a data set that is not on this machine: its licence, and a button to fetch it."""
    entry = DATASETS[source]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{entry.title} is not on this machine yet. Licence: {entry.licence}.", width="content")
        asked = st.button("Download it", icon=":material/download:", key=f"download_{source}")
    if asked:
        _download(source)


def _download(source: str) -> None:
    bar = st.progress(0.0, f"Asking for {DATASETS[source].title} …")

    def show(part: float, words: str) -> None:
        bar.progress(part, controls.plain(words))

    try:
        datasets.load(source, download=True, progress=show)
    except DataError as error:
        bar.empty()
        st.error(controls.plain(str(error), 400))
    else:
        st.rerun()


# The button


def _start_row(on_start: Callable[[Path], None]) -> None:
    values = _values()
    button, words, name = st.columns([4, 5, 6], vertical_alignment="bottom")
    button.button(
        "Start training", type="primary", icon=":material/play_arrow:", key="new_start", on_click=_start,
        args=(on_start,), width="stretch",
    )  # fmt: skip
    name.text_input(
        "Name", key=TITLE, persist_state=KEEP, max_chars=train_words.LONGEST_TITLE,
        placeholder=train_words.title_of(values), help="How the run is called in lists; it may be changed at any time.",
    )  # fmt: skip
    place = st.container()  # see _first_fields
    try:
        words.caption(train_forecast.forecast(*train_start.configs(values)))
    except SettingsError as error:
        place.error(controls.plain(str(error), 400))
        return
    complaint = st.session_state.get(COMPLAINT)
    if complaint and complaint[1] == values:
        place.error(controls.plain(complaint[0], 400))


def _start(on_start: Callable[[Path], None]) -> None:
    """Make the run's folder and start its worker, or remember in one line why not."""
    if time.monotonic() - st.session_state.get(CHANGED, -math.inf) < DOUBLE_CLICK:
        return
    values = _values()
    try:
        path = train_start.create(values, st.session_state.get(TITLE, "").strip() or train_words.title_of(values))
    except (SettingsError, RunError) as error:
        _complain(str(error), values)
    except OSError as error:
        _complain(f"the run could not be started: {error.strerror or error}", values)
    else:
        st.session_state.pop(COMPLAINT, None)
        st.session_state.update({STARTED: True, CHANGED: time.monotonic(), TITLE: "", PANEL: None})
        on_start(path)


def _complain(text: str, values: Values) -> None:
    """One line at the form, which stays open and as it is; an edit is an answer to it."""
    st.session_state.update({COMPLAINT: (text[:1].upper() + text[1:], values), PANEL: FORM})
