"""The frame around every page: navigation, and the sidebar with the model picker. Run by Streamlit, not imported."""

from pathlib import Path

import streamlit as st

from vaeexplorer.ui import controls, navigation, uploads

PICTURES = Path(__file__).parent

st.set_page_config(
    page_title="VAE Explorer",
    page_icon=PICTURES / "icon.svg",  # a :material/...: icon would be fetched from another host
    layout="wide",
    initial_sidebar_state=260,
    menu_items={"About": "VAE Explorer: train variational autoencoders and explore what they learned."},
)
st.logo(PICTURES / "wordmark.svg", size="large", icon_image=PICTURES / "icon.svg")
page = st.navigation(navigation.pages())

if not navigation.needs_model(page):
    page.run()
    st.stop()

with st.sidebar:
    name = controls.model_picker()
    problem = controls.model_problem(name)
    if name is not None and problem is None:
        controls.model_caption(name)
    uploads.checkpoint_upload()

if name is None or problem is not None:
    st.error(problem)
    st.stop()
for line in controls.link_complaints(name):
    st.warning(line)
page.run()
