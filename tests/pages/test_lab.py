"""The Lab's script: what its live component is given. No JavaScript runs here (tests/browser/test_lab.py has that)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from vaeexplorer.demos import DEMOS
from vaeexplorer.ui import navigation
from vaeexplorer.ui.components import live_files

pytestmark = pytest.mark.usefixtures("models")


@pytest.fixture
def app(root: Path) -> AppTest:
    """The Lab in its frame; nothing has run yet."""
    app = AppTest.from_file(str(root / "vaeexplorer/ui/shell.py"), default_timeout=30)
    app.run()
    return app.switch_page(str(root / "pages" / "lab.py"))


def live(app: AppTest) -> dict[str, Any]:
    """What the live component was given."""
    assert not app.exception, app.exception
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def test_the_live_part_asks_for_the_demonstrations_itself(app: AppTest) -> None:
    given = live(app.run())
    assert app.title[0].value == "Lab"
    assert given == {"identity": "Lab", "early": {"route": "lab/demos", "query": {}}}
    assert not app.selectbox, "it shows no model of the sidebar's"


def test_the_script_does_not_read_the_link_so_that_nothing_in_it_can_fail(app: AppTest) -> None:
    before = live(app.run())
    app.query_params["demo"], app.query_params["seed"] = "<b>x</b>", "-1"
    assert live(app.run()) == before
    assert not app.warning and not app.error


def test_its_style_sheets_are_all_that_lie_in_its_folder() -> None:
    sheets = live_files.styles("laboratory")
    assert sheets[:3] == ["base.css", "panels.css", "laboratory.css"]
    assert sorted(sheets[2:]) == sorted(path.name for path in (live_files.FOLDER / "laboratory").glob("*.css"))


def test_every_demonstration_has_a_picture_that_is_fetched_when_it_is_opened() -> None:
    at_once = live_files.modules("laboratory.js")
    for name in DEMOS:
        assert f"lab_{name}.js" in live_files.FILES
        assert f"lab_{name}.js" not in at_once


def test_the_page_is_in_the_menu_and_needs_no_model() -> None:
    entry = navigation.PAGES["lab.py"]
    assert (entry.title, entry.needs_model) == ("Lab", False)
    assert entry.purpose.endswith(".")
