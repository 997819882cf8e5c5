"""The Bounds page's script: what its live component is given, what its link may say, and the ways that lead to it.

No JavaScript runs here (tests/browser/test_bounds.py has that).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from vaeexplorer.ui import controls, navigation
from vaeexplorer.ui.components import live_files
from vaeexplorer.ui.components.bounder import MOST, bounder, keys_of, look_of
from vaeexplorer.ui.components.reconstructor import rivals

pytestmark = pytest.mark.usefixtures("models")

PICTURE = "picture:0123456789ab"


@pytest.fixture
def app(root: Path) -> AppTest:
    """The Bounds page in its frame; nothing has run yet."""
    app = AppTest.from_file(str(root / "vaeexplorer/ui/shell.py"), default_timeout=30)
    app.query_params["model"] = "tiny"
    app.run()
    return app.switch_page(str(root / "pages" / "bounds.py"))


def live(app: AppTest) -> dict[str, Any]:
    """What the live component was given."""
    assert not app.exception, app.exception
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def complaints(app: AppTest) -> list[str]:
    return [warning.value.replace("\\", "") for warning in app.warning]


def test_the_live_part_gets_the_model_and_no_images_without_a_link(app: AppTest) -> None:
    given = live(app.run())
    assert app.title[0].value == "Bounds"
    assert (given["model"]["name"], given["model"]["binarization"], given["images"]) == ("tiny", "dynamic", None)
    assert given["identity"].startswith("tiny ")
    assert len(json.dumps(given)) < 6_000
    assert not app.warning


def test_another_model_makes_another_view(app: AppTest) -> None:
    before = live(app.run())["identity"]
    app.selectbox(key=controls.MODEL).set_value("bits").run()
    assert live(app)["identity"] != before
    assert live(app)["model"]["posterior"] == "bernoulli"


def test_a_link_names_images(app: AppTest) -> None:
    app.query_params["images"] = f"test:3,{PICTURE}"
    given = live(app.run())
    assert given["images"] == ["test:3", PICTURE]
    assert f"test:3,{PICTURE}" in given["identity"]
    assert not app.warning


@pytest.mark.parametrize(
    ("text", "shown", "line"),
    [
        ("test:3,nonsense,test:4", ["test:3", "test:4"], "hold 'nonsense', neither"),
        ("<b>x</b>", None, "hold '<b>x</b>', neither"),
        ("test:-1,test:01,test:1e3", None, "and 2 more"),
        ("picture:XYZ,test:0", ["test:0"], "picture:XYZ"),
        (",".join(f"test:{i}" for i in range(20)), [f"test:{i}" for i in range(16)], "names 20 images; the first 16"),
        ("test:1," * 500 + "test:2", ["test:1"], None),
    ],
)
def test_what_cannot_be_an_image_is_left_out_in_one_line(
    app: AppTest, text: str, shown: list[str] | None, line: str | None
) -> None:
    app.query_params["images"] = text
    assert live(app.run())["images"] == shown
    if line is not None:
        (complaint,) = complaints(app)
        assert line in complaint
        assert "\n" not in complaint


def test_images_of_a_link_belong_to_its_model(app: AppTest) -> None:
    app.query_params["images"] = "test:3"
    app.run()
    app.selectbox(key=controls.MODEL).set_value("bits").run()
    assert live(app)["images"] is None
    assert "images" not in app.query_params


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        (None, []), ("test:1", []), ({"test:1": 1}, []), ([], []), ([1, None, ["test:1"]], []),
        (["test:1", "test:1", "test:2"], ["test:1", "test:2"]),
        (["test:1\n", " test:1", "test:1 ", "train:1", "test:٣", "picture:0123456789AB", "picture:0123456789abc"], []),
        ([f"test:{i}" for i in range(40)], [f"test:{i}" for i in range(MOST)]),
    ],
)  # fmt: skip
def test_keys(answer: Any, keys: list[str]) -> None:
    assert keys_of(answer) == keys


@pytest.mark.parametrize(
    "answer",
    [None, "tiny", {}, {"model": "tiny"}, {"model": "tiny", "images": []}, {"model": "tiny", "images": "test:1"},
     {"model": "other", "images": ["test:1"]}, {"model": ["tiny"], "images": ["test:1"]}],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_none(answer: Any) -> None:
    assert look_of(answer, "tiny") is None


def test_the_component_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match=r"The bounds need .*digest.* of the model"):
        bounder({"name": "tiny"}, None, "k")
    with pytest.raises(ValueError, match=r"called test:NUMBER or picture:DIGEST, at most 16; received \['nonsense'\]"):
        bounder(rivals.described("tiny"), ["nonsense"], "k")


def test_its_style_sheets_are_all_that_lie_in_its_folder() -> None:
    sheets = live_files.styles("bounder")
    assert sheets[:3] == ["base.css", "panels.css", "bounder.css"]
    assert sorted(sheets[2:]) == sorted(path.name for path in (live_files.FOLDER / "bounder").glob("*.css"))
    assert live_files.styles("mapper") == ["base.css", "mapper.css"]


@pytest.mark.parametrize(("page", "component"), [("map.py", "mapper"), ("reconstruct.py", "reconstructor")])
def test_other_pages_lead_here(root: Path, app: AppTest, page: str, component: str) -> None:
    app.switch_page(str(root / "pages" / page)).run()
    key = f"{component}-{live(app)['model']['digest']}"
    app.session_state[key] = {"explore": None, "bounds": {"model": "tiny", "images": ["test:5", PICTURE, "nonsense"]}}
    app.run()
    assert app.title[0].value == "Bounds"
    assert (live(app)["model"]["name"], live(app)["images"]) == ("tiny", ["test:5", PICTURE])


@pytest.mark.parametrize(("page", "component"), [("map.py", "mapper"), ("reconstruct.py", "reconstructor")])
def test_a_wish_for_nothing_stays_where_it_is(root: Path, app: AppTest, page: str, component: str) -> None:
    app.switch_page(str(root / "pages" / page)).run()
    title, key = app.title[0].value, f"{component}-{live(app)['model']['digest']}"
    app.session_state[key] = {"explore": None, "bounds": {"model": "tiny", "images": ["nonsense"]}}
    app.run()
    assert not app.exception
    assert app.title[0].value == title


def test_the_page_stands_after_reconstruct() -> None:
    pages = list(navigation.PAGES)
    assert pages[pages.index("reconstruct.py") + 1] == "bounds.py"
    assert navigation.PAGES["bounds.py"].purpose.endswith(".")
