"""The Gradients page's script: what its live component is given, and what its link may say.

No JavaScript runs here (tests/browser/test_gradients.py has that).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from vaeexplorer.ui import controls, navigation
from vaeexplorer.ui.components import live_files
from vaeexplorer.ui.components.gradienter import MOST, gradienter
from vaeexplorer.ui.components.reconstructor import rivals

pytestmark = pytest.mark.usefixtures("models")

PICTURE = "picture:0123456789ab"


@pytest.fixture
def app(root: Path) -> AppTest:
    """The Gradients page in its frame; nothing has run yet."""
    app = AppTest.from_file(str(root / "vaeexplorer/ui/shell.py"), default_timeout=30)
    app.query_params["model"] = "tiny"
    app.run()
    return app.switch_page(str(root / "pages" / "gradients.py"))


def live(app: AppTest) -> dict[str, Any]:
    """What the live component was given."""
    assert not app.exception, app.exception
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def test_the_live_part_gets_the_model_and_no_images_without_a_link(app: AppTest) -> None:
    given = live(app.run())
    assert app.title[0].value == "Gradients"
    assert (given["model"]["name"], given["images"]) == ("tiny", None)
    assert given["identity"].startswith("tiny ")
    assert len(json.dumps(given)) < 6_000
    assert not app.warning


def test_another_model_makes_another_view(app: AppTest) -> None:
    before = live(app.run())["identity"]
    app.selectbox(key=controls.MODEL).set_value("bits").run()
    assert live(app)["identity"] != before
    assert live(app)["model"]["posterior"] == "bernoulli"


def test_a_link_names_images_and_the_first_ones_are_taken(app: AppTest) -> None:
    app.query_params["images"] = ",".join([PICTURE, *(f"test:{i}" for i in range(12))])
    given = live(app.run())
    assert given["images"] == [PICTURE, *(f"test:{i}" for i in range(MOST - 1))]
    assert ",".join(given["images"]) in given["identity"]
    app.query_params["images"] = "test:3,<b>x</b>"
    assert live(app.run())["images"] == ["test:3"]
    (complaint,) = [warning.value for warning in app.warning]
    assert "left out" in complaint and "\n" not in complaint


def test_the_component_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match=r"The gradients need .*digest.* of the model"):
        gradienter({"name": "tiny"}, None, "k")
    with pytest.raises(ValueError, match=r"called test:NUMBER or picture:DIGEST; received \['nonsense'\]"):
        gradienter(rivals.described("tiny"), ["nonsense"], "k")


def test_its_style_sheets_are_all_that_lie_in_its_folder() -> None:
    sheets = live_files.styles("gradienter")
    assert sheets[:3] == ["base.css", "panels.css", "gradienter.css"]
    assert sorted(sheets[2:]) == sorted(path.name for path in (live_files.FOLDER / "gradienter").glob("*.css"))


def test_the_page_stands_after_bounds() -> None:
    pages = list(navigation.PAGES)
    assert pages[pages.index("bounds.py") + 1] == "gradients.py"
    assert navigation.PAGES["gradients.py"].purpose.endswith(".")
    assert navigation.PAGES["gradients.py"].needs_model
