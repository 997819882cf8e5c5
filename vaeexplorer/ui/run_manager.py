"""What the sidebar of the Train page says about the run that is shown, and what may be done with it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitAPIException

from vaeexplorer import runs
from vaeexplorer.runs import RunError
from vaeexplorer.ui import controls, model_card, navigation, run_picker, train_fields, train_form, train_settings
from vaeexplorer.ui.train_fields import Values

NAME = "run_title"


def card(name: str) -> None:
    """In the sidebar: what the run is, and what may be done with it."""
    path = runs.listing().get(name)
    if path is None:  # deleted elsewhere a moment ago: the next look draws the page anew
        return
    with st.sidebar:
        st.markdown("**This run**")
        st.caption("  \n".join(controls.plain(line) for line in summary(path)))
        with st.container(gap="xsmall"):
            _open_in_explore(path)
            st.button(
                "Again with …", icon=":material/replay:", key="again", on_click=_again, args=(name,), type="tertiary",
                help="Fills the form with this run's settings, so that you change one of them and start.",
            )  # fmt: skip
            _rename(path)
            _delete(path)
            _command(path)


def summary(path: Path) -> list[str]:
    """A run in a few lines of plain text; what cannot be read says so in its line."""
    try:
        about = runs.config(path)
    except RunError as error:
        young = not (path / "config.json").exists()
        return ["It has not begun yet." if young else str(error), f"folder {path.name}"]
    train = about.train
    steps = "" if train.updates == "joint" else f", {train_fields.word('updates', train.updates).lower()} updates"
    beta = "" if train.beta_schedule == "constant" else f" ({train.beta_schedule})"
    return [
        about.dataset.title,
        model_card.network_words(about.vae),
        f"β = {train.beta:g}{beta}{steps}",
        f"{train.epochs:,} epochs, batches of {train.batch_size:,}",
        f"seed {train.seed}, folder {path.name}",
    ]


def values_of(path: Path) -> Values:
    """The settings that a run was started with.   Raises RunError if they cannot be known."""
    try:
        about = runs.config(path)
        return train_settings.from_configs(about.vae, about.train)
    except RunError:
        words = runs.arguments(path)  # it may have failed before it wrote its configuration
        if not words:
            raise
        return train_settings.from_arguments(words)


def _open_in_explore(path: Path) -> None:
    here = run_picker.has_model(path)
    about = "Its latest saved model, also while it trains." if here else "Nothing to open yet: no model is saved."
    st.button(
        "Open in Explore", icon=":material/tune:", key="explore_run", on_click=_explored, args=(path.name,),
        type="tertiary", disabled=not here, help=about,
    )  # fmt: skip


def _explored(name: str) -> None:
    model, explore = f"run/{name}", navigation.page_of("explore.py")
    controls.choose_model(model)
    try:
        st.switch_page(explore, query_params={controls.MODEL: model})
    except StreamlitAPIException:  # this visitor has seen the picker: the link's model is its own, and follows it
        st.switch_page(explore, query_params={})


def _again(name: str) -> None:
    try:
        path = runs.find(name)
        train_form.again(values_of(path), runs.title(path))
    except RunError as error:
        _complain(error)


def _rename(path: Path) -> None:
    with st.popover("Rename", icon=":material/edit:", type="tertiary"):
        key = f"{NAME}_{path.name}"
        st.text_input("Title", runs.title(path), key=key)
        st.button("Rename", key="rename", on_click=_renamed, args=(path.name, key), type="primary")


def _renamed(name: str, key: str) -> None:
    try:
        runs.rename(runs.find(name), st.session_state[key])
    except (RunError, OSError) as error:
        _complain(error)
    else:
        run_picker.forget()


def _delete(path: Path) -> None:
    with st.popover("Delete", icon=":material/delete:", type="tertiary"):
        if runs.status(path).live:
            st.markdown("This run is being trained. Stop it first, then delete it.")
            return
        st.markdown(
            f"Delete **{controls.plain(runs.title(path))}** for good: its curves, its pictures and its model? "
            "There is no way back."
        )
        st.button("Delete for good", key="delete", on_click=_deleted, args=(path.name,), type="primary")


def _deleted(name: str) -> None:
    try:
        runs.delete(runs.find(name))
    except (RunError, OSError) as error:
        _complain(error)
    else:
        run_picker.forget()
        st.session_state.pop(run_picker.RUN, None)
        st.query_params.pop(run_picker.RUN, None)


def _command(path: Path) -> None:
    words = runs.arguments(path)
    if words:
        with st.popover("Command", icon=":material/terminal:", type="tertiary"):
            st.markdown("The same from a terminal:")
            st.code(train_settings.command(words), language="bash", wrap_lines=True)


def _complain(error: Exception) -> None:
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    st.session_state[run_picker.COMPLAINT] = controls.plain(said[:1].upper() + said[1:], 400)
