"""The latent space in two dimensions: where the codes of images lie, and what lies there."""

import streamlit as st

from vaeexplorer.ui import controls, map_card
from vaeexplorer.ui.components.mapper import mapper

name = st.session_state[controls.MODEL]
model = map_card.mapper_model(name)

controls.heading("Map", map_card.LEAD)
told = mapper(model, key=f"mapper-{model['digest']}")
if told["explore"] is not None:
    controls.open_in_explore(name, told["explore"])
if told["bounds"] is not None:
    controls.open_in_bounds(**told["bounds"])
st.caption(controls.plain(map_card.CAPTION, limit=1000))
