"""The live part of the Lab: demonstrations for everyone, each a question with a picture that moves.

The modules in this folder (live_files) ask the app's routes (lab_routes) for the demonstrations and their films; the
picture of demonstration NAME is `lab_NAME.js`. The page's address says which one is open: ?demo=NAME&seed=0&SETTING=...
"""

from __future__ import annotations

from vaeexplorer.ui.components import live_component

TITLE = "Lab"


def laboratory(key: str) -> None:
    """Show the Lab; nothing on it runs the page's script again.   Args: key, the widget's."""
    live_component.show("laboratory", TITLE, key=key, identity=TITLE, data={}, states=(), early=("lab/demos", {}))
