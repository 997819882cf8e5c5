"""What `streamlit run app.py` starts: the app and its routes, nothing else."""

import streamlit as st

from vaeexplorer.ui.routes import ROUTES
from vaeexplorer.ui.server import lifespan

app = st.App("vaeexplorer/ui/shell.py", routes=ROUTES, lifespan=lifespan)
