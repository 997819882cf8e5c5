"""The latent space in two dimensions: where the codes of images lie, and what lies there."""

import streamlit as st

from vaeexplorer.ui import controls, map_card
from vaeexplorer.ui.components.mapper import mapper

name = st.session_state[controls.MODEL]
model = map_card.mapper_model(name)

controls.heading("Map", map_card.LEAD)
wish = mapper(model, key=f"mapper-{model['digest']}")["explore"]
if wish is not None:
    controls.open_in_explore(name, wish)
st.caption(controls.plain(map_card.CAPTION, limit=1000))
