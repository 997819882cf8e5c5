"""The Map page as a person opens it; no JavaScript runs here (tests/browser/test_map.py has that)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from vaeexplorer.ui import controls, map_card, navigation
from vaeexplorer.ui.components.mapper import mapper

pytestmark = pytest.mark.usefixtures("models")

SHELL = "vaeexplorer/ui/shell.py"


@pytest.fixture
def app(root: Path) -> AppTest:
    app = AppTest.from_file(str(root / SHELL), default_timeout=30)
    app.run()
    return app.switch_page(str(root / "pages" / "map.py"))


def live(app: AppTest) -> dict[str, Any]:
    """What the live component was given."""
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def test_the_page_shows_the_model_of_the_sidebar(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert app.title[0].value == "Map"
    assert live(app)["model"]["name"] == app.selectbox(key=controls.MODEL).value == "bits"
    app.selectbox(key=controls.MODEL).set_value("tiny").run()
    assert live(app)["model"]["name"] == "tiny"
    assert live(app)["early"]["route"] == "decoder"
    assert live(app)["identity"].startswith("tiny ")
    assert "Hoffman" in app.main.caption[-1].value


def test_a_wish_opens_explore_at_that_place(app: AppTest) -> None:
    app.selectbox(key=controls.MODEL).set_value("tiny").run()
    key = f"mapper-{live(app)['model']['digest']}"
    app.session_state[key] = {"explore": {"z": [0.5, -1.0, 0.25], "direction": [1.0, 0.0, 2.0], "about": "A to B"}}
    app.run()
    assert not app.exception
    assert app.title[0].value == "Explore"
    assert live(app)["model"]["name"] == "tiny"
    assert live(app)["z"] == [0.5, -1.0, 0.25]


def test_a_wish_that_cannot_be_leads_to_explore_with_a_line(app: AppTest) -> None:
    app.selectbox(key=controls.MODEL).set_value("tiny").run()
    key = f"mapper-{live(app)['model']['digest']}"
    app.session_state[key] = {"explore": {"z": [0.5], "direction": None, "about": None}}
    app.run()
    assert not app.exception
    assert app.title[0].value == "Explore"
    assert "1 number" in app.warning[0].value


def test_only_what_torchvision_has_and_is_not_here_can_be_fetched() -> None:
    assert map_card.mapper_model("elsewhere")["fetchable"]
    assert not map_card.mapper_model("tiny")["fetchable"]  # its data ship inside scikit-learn
    assert not map_card.mapper_model("foreign")["fetchable"]
    json.dumps(map_card.mapper_model("correlated"), allow_nan=False)


def test_a_model_without_what_the_map_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="needs digest, fetchable"):
        mapper(dict.fromkeys(("name", "latent_dim", "posterior", "shape", "prior", "data_here", "has_codes"), 0), "k")


def test_map_and_reconstruct_stand_after_explore() -> None:
    assert list(navigation.PAGES)[:3] == ["explore.py", "map.py", "reconstruct.py"]
    assert all(entry.purpose.endswith(".") for entry in navigation.PAGES.values())
