"""How an encoder learns from samples: estimators of one gradient, their mean and their scatter, side by side."""

import streamlit as st

from vaeexplorer.ui import controls
from vaeexplorer.ui.components.gradienter import gradienter
from vaeexplorer.ui.components.reconstructor import rivals

name = st.session_state[controls.MODEL]
model = rivals.described(name)

controls.heading(
    "Gradients", "Many ways to one gradient, and how far each scatters: why the reparametrization trick won."
)
gradienter(model, controls.images_of_link(), key=f"gradienter-{model['digest']}")
