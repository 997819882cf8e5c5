"""What the model makes of real images: held-out ones, drawn ones, uploaded ones, whole and damaged."""

import streamlit as st

from vaeexplorer.ui import controls
from vaeexplorer.ui.components.reconstructor import reconstructor, rivals

name = st.session_state[controls.MODEL]
model = rivals.described(name)
fitting, refused = rivals.rivals_of(name)

controls.heading("Reconstruct", "Send an image through the model: what comes back, and what it costs.")
told = reconstructor(model, fitting, refused, key=f"reconstructor-{model['digest']}")
if told["explore"] is not None:
    controls.open_in_explore(told["explore"]["model"], told["explore"])
if told["bounds"] is not None:
    controls.open_in_bounds(**told["bounds"])
