"""The live part of the Train page: orders, curves, pictures, map and time line of one run, followed by the browser.

Python registers the component and names the run; the modules in this folder (live_files) ask the app's routes
(run_routes) for everything else, so that a page that watches a training never runs its script again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from vaeexplorer.ui.components import live_component


class TrainerState(TypedDict):
    """What the component tells Python: the step that the visitor looks back at, None while it follows the run."""

    selected: int | None


def trainer(run: Mapping[str, Any], key: str) -> TrainerState:
    """Show one run, live if its worker lives.

    Args: run, {"name": the name of its folder as runs.listing gives it}; key, the widget's key.
    Returns: TrainerState; `selected` changes when the visitor lets go of the time line, never during a drag.
    Raises: ValueError without a name.
    """
    name = run.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError(f"The trainer needs the name of a run; received {sorted(run)}.")
    result = live_component.show(
        "trainer",
        "Train",
        key=key,
        identity=name,
        data={"run": {"name": name}},
        states=("selected",),
        early=("run", {"name": name, "since": 0}),
    )
    return {"selected": result.selected}
