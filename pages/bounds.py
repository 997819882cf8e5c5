"""How far the bound lies below log p(x): its terms, estimates of log p(x) with their errors, and the gap between."""

import streamlit as st

from vaeexplorer.ui import controls
from vaeexplorer.ui.components.bounder import bounder
from vaeexplorer.ui.components.reconstructor import rivals

name = st.session_state[controls.MODEL]
model = rivals.described(name)

controls.heading("Bounds", "What the ELBO is made of, what log p(x) really is, and the gap between the two.")
bounder(model, controls.images_of_link(), key=f"bounder-{model['digest']}")
