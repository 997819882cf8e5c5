"""Drag latent sliders and watch the image: the page that opens first."""

import streamlit as st

from vaeexplorer.ui import controls, model_card
from vaeexplorer.ui.components.explorer import explorer

name = st.session_state[controls.MODEL]
model = model_card.explorer_model(name)

controls.heading("Explore", model_card.explore_lead(name))


@st.fragment
def live():
    explorer(model, controls.z_of_link(name), f"explorer-{model['digest']}", controls.direction_of_link(name))


live()
st.caption(controls.plain(model_card.explore_caption(name), limit=1000))
