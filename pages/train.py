"""Start a training, watch it learn, look back over it, compare runs."""

import streamlit as st

from vaeexplorer.ui import controls, first_look, run_comparison, run_manager, run_picker, train_form
from vaeexplorer.ui.components.trainer import trainer

controls.heading("Train", "Watch a model learn to draw from a handful of numbers.")
first_look.begin(run_picker.choose)
name = run_picker.picker()
panel = run_picker.open_panel(name)


@st.fragment
def new_run():
    train_form.form(run_picker.choose)


@st.fragment
def comparison():
    run_comparison.compare(name)


@st.fragment
def live():
    trainer({"name": name}, key=f"trainer-{name}")


@st.fragment(run_every=run_picker.LOOK_SECONDS)
def look():
    run_picker.look()


with st.container():  # also while it is empty: what comes after it must keep its place, or the browser draws it anew
    if panel == train_form.FORM:
        new_run()
    elif panel == run_picker.COMPARE:
        comparison()
if name is None:
    run_picker.welcome()
else:
    first_look.explain(name)
    live()
    run_manager.card(name)
look()
st.caption(run_picker.CAPTION)
