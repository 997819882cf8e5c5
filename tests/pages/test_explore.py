"""The frame and the Explore page as a person uses them; no JavaScript runs here (tests/browser has that)."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.models import joined, parts, write_model
from vaeexplorer import checkpoints
from vaeexplorer.ui import cached, navigation

pytestmark = pytest.mark.usefixtures("models")

MARKUP = "a *b* [c](https://example.org) :red[d] $e$ `f` <b>g</b>"


@pytest.fixture
def app(root: Path) -> AppTest:
    return AppTest.from_file(str(root / "vaeexplorer" / "ui" / "shell.py"), default_timeout=30)


def live(app: AppTest) -> dict[str, Any]:
    """What the live component was given."""
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def lines(app: AppTest) -> list[str]:
    """Every warning and error, unescaped; asserts that nothing crashed and that each is one line."""
    assert not app.exception, app.exception
    found = [element.value for element in [*app.warning, *app.error]]
    assert all("\n" not in line and "Traceback" not in line for line in found)
    return [line.replace("\\", "") for line in found]


# Opening


def test_opens_on_a_model_that_needs_no_download(app: AppTest) -> None:
    app.run()
    assert lines(app) == []
    assert app.title[0].value == "Explore"
    assert app.selectbox(key="model").value == live(app)["model"]["name"] == "bits"  # the first one that is shipped


def test_the_favourite_opens_where_it_is_shipped() -> None:
    names = ["digits-2d", cached.FAVOURITE, "run/a"]
    assert names[cached.default_model(names)] == cached.FAVOURITE
    assert cached.default_model(["digits-2d", "run/a"]) == 0


def test_models_are_ordered_shipped_runs_uploads(app: AppTest, models: Path) -> None:
    write_model(checkpoints.runs_folder() / "mine" / "last.safetensors")
    uploaded = checkpoints.adopt((models / "tiny.safetensors").read_bytes(), "x.safetensors")
    names = app.run().selectbox(key="model").options
    assert names == ["bits", "correlated", "elsewhere", "foreign", "tiny", "run/mine", uploaded]


def test_without_any_model_there_is_one_line_and_the_upload(app: AppTest, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    app.run()
    (line,) = lines(app)
    assert "train" in line
    assert app.file_uploader


def test_the_sidebar_says_what_the_model_is(app: AppTest) -> None:
    app.query_params["model"] = "tiny"
    caption = app.run().sidebar.caption[0].value.replace("\\", "")
    for words in (
        "64-6-3, Bernoulli",
        "trained on",
        "Digits 8x8",
        "−21.50 ± 0.25 nats",
        "lower bound",
        "n = 360",
        "2 of 3 dimensions",
    ):
        assert words in caption


def test_the_live_part_gets_a_small_document(app: AppTest) -> None:
    app.query_params["model"] = "tiny"
    model = live(app.run())["model"]
    assert model["kl"] == pytest.approx([2, 1, 0.001])
    assert model["active"] == [True, True, False]
    assert model["prior"] == {"mean": [0] * 3, "std": [1] * 3, "cholesky": None}
    assert (model["shape"], model["latent_dim"], model["posterior"]) == ([1, 8, 8], 3, "gaussian")
    assert (model["data_here"], model["has_codes"], model["quantiles"]) == (True, True, True)
    assert model["link"] == "model=tiny"
    assert len(json.dumps(model)) < 4000


def test_the_learned_prior_is_given_with_its_covariance(app: AppTest, models: Path) -> None:
    app.query_params["model"] = "correlated"
    prior = live(app.run())["model"]["prior"]
    expected = checkpoints.load(models / "correlated.safetensors").prior
    assert np.allclose(prior["cholesky"], expected.cholesky.detach().numpy())
    assert np.allclose(prior["std"], expected.cholesky.square().sum(1).sqrt().detach().numpy())


def test_missing_data_come_with_the_command_that_fetches_them(app: AppTest) -> None:
    app.query_params["model"] = "elsewhere"
    model = live(app.run())["model"]
    assert not model["data_here"]
    assert "python -m vaeexplorer evaluate elsewhere --images 1 --download" in model["data_hint"]


def test_choosing_another_model(app: AppTest) -> None:
    app.query_params["z"] = "0.5,1,2"
    app.run()
    before = live(app)
    assert before["z"] == [0.5, 1, 2]
    app.selectbox(key="model").select("tiny").run()
    assert lines(app) == []
    assert live(app)["model"]["name"] == "tiny"
    assert live(app)["model"]["digest"] != before["model"]["digest"]
    assert live(app)["z"] is None, "the link's z belonged to the model before"
    assert "z" not in app.query_params


def test_a_run_that_is_saved_again_is_read_again(app: AppTest) -> None:
    path = checkpoints.runs_folder() / "mine" / "last.safetensors"
    write_model(path, seed=1)
    app.query_params["model"] = "run/mine"
    before = live(app.run())["model"]["digest"]
    write_model(path, seed=2)
    assert live(app.run())["model"]["digest"] != before


def test_a_model_whose_run_was_deleted_gives_way_to_the_default(app: AppTest) -> None:
    path = checkpoints.runs_folder() / "mine" / "last.safetensors"
    write_model(path)
    app.query_params["model"] = "run/mine"
    app.run()
    path.unlink()
    app.run()
    assert live(app)["model"]["name"] == "bits"
    assert not app.exception


def test_torch_is_not_needed_for_a_page(root: Path) -> None:
    """Cold start: the page must not wait for torch or pandas."""
    import subprocess
    import sys

    code = (
        "import sys, app, vaeexplorer.ui.controls, vaeexplorer.ui.uploads, vaeexplorer.ui.model_card\n"
        "print(sorted({'torch', 'torchvision', 'pandas', 'sklearn', 'scipy'} & sys.modules.keys()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.strip() == "[]"


# Links


@pytest.mark.parametrize("name", ["none", "", "../tiny", "<script>alert(1)</script>", "x" * 5000, "run/../../etc"])
def test_a_link_to_an_unknown_model_says_so_and_opens_the_default(app: AppTest, name: str) -> None:
    app.query_params["model"] = name
    app.query_params["z"] = "1,2,3"
    app.run()
    (line,) = lines(app)
    assert "bits, correlated, elsewhere, foreign, tiny" in line
    assert len(line) < 600
    assert live(app)["model"]["name"] == "bits"
    assert live(app)["z"] is None


def test_the_complaint_stays_until_a_model_is_chosen(app: AppTest) -> None:
    app.query_params["model"] = "none"
    app.run()
    assert "model" not in app.query_params, "the picker took it out of the link"
    assert len(lines(app.run())) == 1
    app.selectbox(key="model").select("tiny").run()
    assert lines(app) == []


def test_a_link_restores_z(app: AppTest) -> None:
    app.query_params["model"] = "tiny"
    app.query_params["z"] = "0.25,-1.5,1e-3"
    app.run()
    assert lines(app) == []
    assert live(app)["z"] == [0.25, -1.5, 0.001]


@pytest.mark.parametrize(
    ("z", "word"),
    [
        ("1", "has 1 number,"), ("1,2", "has 2 numbers"), ("1,2,3,4", "has 4 numbers"),
        ("1," * 5000, "has 5001 numbers"), ("1;2;3", "has 1 number,"),
        ("nan,0,0", "between"), ("0,inf,0", "between"), ("0,-inf,0", "between"), ("1001,0,0", "between"),
        ("0,0,1e999", "between"), ("a,b,c", "numbers separated"), (",,", "numbers separated"),
        ("<b>,0,0", "numbers separated"), ("1,2,0x3", "numbers separated"),
    ],
)  # fmt: skip
def test_a_link_with_a_z_that_cannot_be(app: AppTest, z: str, word: str) -> None:
    app.query_params["model"] = "tiny"
    app.query_params["z"] = z
    app.run()
    (line,) = lines(app)
    assert word in line
    assert "left out" in line
    assert live(app)["z"] is None


def open_link(app: AppTest, **parameters: str) -> AppTest:
    for name, value in {"model": "tiny", **parameters}.items():
        app.query_params[name] = value
    return app.run()


def test_a_link_names_a_direction(app: AppTest) -> None:
    open_link(app, z="0,1,2", direction="1,-0.5,1e-3", about="from 3 to 8", along="0.5")
    assert lines(app) == []
    assert live(app)["direction"] == {"values": [1, -0.5, 0.001], "about": "from 3 to 8", "along": 0.5}
    assert live(app)["z"] == [0, 1, 2]
    del app.query_params["along"]
    assert live(app.run())["direction"]["along"] == 0
    del app.query_params["direction"]
    assert live(app.run())["direction"] is None, "a name alone is none"


@pytest.mark.parametrize(
    ("direction", "word"),
    [
        ("1", "direction has 1 number,"), ("1,2,3,4", "direction has 4 numbers"), ("1," * 5000, "5001 numbers"),
        ("nan,0,0", "between"), ("0,inf,0", "between"), ("0,0,-1e4", "between"),
        ("a,b,c", "numbers separated"), ("<b>,0,0", "numbers separated"), (",,", "numbers separated"),
        ("0,0,0", "leads nowhere"), ("-0,1e-9,0", "leads nowhere"), ("1e-300,0,0", "leads nowhere"),
    ],
)  # fmt: skip
def test_a_link_with_a_direction_that_cannot_be(app: AppTest, direction: str, word: str) -> None:
    open_link(app, z="0,1,2", direction=direction, about=MARKUP)
    (line,) = lines(app)
    assert word in line
    assert "direction was left out" in line
    assert live(app)["direction"] is None
    assert live(app)["z"] == [0, 1, 2], "z is another matter"


@pytest.mark.parametrize("along", ["x", "nan", "1,2", "2000"])
def test_a_place_on_the_direction_that_cannot_be(app: AppTest, along: str) -> None:
    open_link(app, z="0,1,2", direction="1,0,0", along=along)
    (line,) = lines(app)
    assert "along was left out" in line
    assert live(app)["direction"] == {"values": [1, 0, 0], "about": "", "along": 0}


@pytest.mark.parametrize(
    ("about", "shown"),
    [
        (MARKUP, MARKUP), ("  a \n\t b\u202e\x00c\u2028 ", "a b c"), ("x" * 5000, "x" * 79 + "…"),
        ("от 3 до 8 é 数", "от 3 до 8 é 数"),
    ],
)  # fmt: skip
def test_the_name_of_a_direction_is_plain_and_short(app: AppTest, about: str, shown: str) -> None:
    open_link(app, direction="1,0,0", about=about)
    assert lines(app) == []
    assert live(app)["direction"]["about"] == shown


def test_another_model_forgets_the_direction(app: AppTest) -> None:
    open_link(app, z="0,1,2", direction="1,0,0", about="a", along="1")
    app.selectbox(key="model").select("correlated").run()
    assert lines(app) == []
    assert live(app)["direction"] is None
    assert sorted(app.query_params) == ["model"]


# Coming from another page


@pytest.fixture
def elsewhere(app: AppTest, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """A function that opens Explore from a page of another name, which shows a model of the picker."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for path in (root / "pages").glob("*.py"):
        (pages / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    source = "import streamlit as st\nfrom vaeexplorer.ui import controls\nst.title('Elsewhere')\n"
    (pages / "elsewhere.py").write_text(source + "if st.button('go'): controls.open_in_explore(*st.session_state.wish)")
    monkeypatch.setattr(navigation, "FOLDER", pages)
    monkeypatch.setitem(navigation.PAGES, "elsewhere.py", navigation.Entry("Elsewhere", ":material/map:", "A page."))

    def go(name: str, wish: dict[str, Any]) -> AppTest:
        app.query_params["model"] = "tiny"
        app.run().switch_page(str(pages / "elsewhere.py"))
        app.session_state["wish"] = (name, wish)
        app.run()
        assert app.title[0].value == "Elsewhere"
        app.button[0].click().run()
        assert app.title[0].value == "Explore"
        return app

    return go


@pytest.mark.parametrize("name", ["tiny", "correlated"])
def test_open_in_explore(elsewhere: Callable[..., AppTest], name: str) -> None:
    app = elsewhere(name, {"z": [0.25, -1, 1e-9], "direction": [0, 2, 0.5], "about": "from 3 to 8"})
    assert lines(app) == []
    assert app.selectbox(key="model").value == live(app)["model"]["name"] == name
    assert live(app)["z"] == [0.25, -1, 1e-9]
    assert live(app)["direction"] == {"values": [0, 2, 0.5], "about": "from 3 to 8", "along": 0}
    assert app.query_params["model"] == name
    app = elsewhere(name, {"z": [1, 2, 3], "direction": None, "about": None})
    assert (live(app)["z"], live(app)["direction"]) == ([1, 2, 3], None)
    assert "direction" not in app.query_params


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"z": [1, 2]}, "z has 2 numbers"), ({"z": [1, None, 2]}, "numbers separated"), ({"z": "<b>"}, "has 1 number,"),
        ({"z": [1, 2, float("nan")]}, "between"), ({"z": {"a": 1}}, "has 1 number,"), ({"z": 7}, "has 1 number,"),
        ({"z": [0, 0, 0], "direction": [0, 0, 0]}, "leads nowhere"),
        ({"z": [0, 0, 0], "direction": [1]}, "direction has 1 number,"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_a_line_on_explore(
    elsewhere: Callable[..., AppTest], wish: dict[str, Any], word: str
) -> None:
    app = elsewhere("tiny", wish)
    (line,) = lines(app)
    assert word in line


def test_a_wish_for_a_model_that_is_gone_keeps_the_one_that_is_open(elsewhere: Callable[..., AppTest]) -> None:
    app = elsewhere("run/gone", {"z": [0, 0, 0]})
    (line,) = lines(app)
    assert "asks for a model 'run/gone'" in line
    assert (live(app)["model"]["name"], live(app)["z"]) == ("tiny", None)


def test_a_wish_without_anything_opens_the_model(elsewhere: Callable[..., AppTest]) -> None:
    app = elsewhere("correlated", {})
    assert lines(app) == []
    assert (live(app)["model"]["name"], live(app)["z"]) == ("correlated", None)


# Names are data


def test_a_name_with_markup_is_shown_as_it_is(app: AppTest) -> None:
    write_model(checkpoints.runs_folder() / MARKUP.replace("/", "") / "last.safetensors")
    name = f"run/{MARKUP.replace('/', '')}"
    app.query_params["model"] = name
    app.run()
    assert lines(app) == []
    assert live(app)["model"]["name"] == name
    shown = [caption.value for caption in app.caption if "Model" in caption.value]
    assert shown
    assert all("*b*" not in text and "[c](" not in text and "`f`" not in text and "<b>" not in text for text in shown)


# Files that are none of ours


def truncated(good: bytes) -> bytes:
    return good[: len(good) // 2]


def pickle_that_writes(good: bytes) -> bytes:
    """Unpickling this would create a file called `executed` in the working folder."""
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple:
            return (open, ("executed", "w"))

    return pickle.dumps(Bomb())


def foreign(good: bytes) -> bytes:
    from safetensors.numpy import save

    return save({"weight": np.zeros((2, 2), np.float32)}, {"format": "pt"})


def wrong_shape(good: bytes) -> bytes:
    table, buffers = parts(good)
    table["decoder.0.weight"]["shape"].reverse()
    return joined(table, buffers)


def nan_weights(good: bytes) -> bytes:
    table, buffers = parts(good)
    start, _ = table["decoder.0.weight"]["data_offsets"]
    return joined(table, buffers[:start] + np.float32(np.nan).tobytes() + buffers[start + 4 :])


def two_gigabyte_header(good: bytes) -> bytes:
    return struct.pack("<Q", 2 * 2**30) + good[8:]


def absurd_model(good: bytes) -> bytes:
    """A header that asks for a network of terabytes."""
    return _header_with(good, lambda header: header["vae"].update(hidden=[10**6, 10**6]))


def strange_shape(good: bytes) -> bytes:
    table, buffers = parts(good)
    table["decoder.0.weight"]["shape"] = 5
    return joined(table, buffers)


def nan_numbers(good: bytes) -> bytes:
    return _header_with(good, lambda header: header.update(kl_per_dimension=[float("nan")] * 3))


def _header_with(good: bytes, change: Callable[[dict], None]) -> bytes:
    table, buffers = parts(good)
    header = json.loads(table["__metadata__"]["vaeexplorer"])
    change(header)
    table["__metadata__"]["vaeexplorer"] = json.dumps(header)
    return joined(table, buffers)


SPOILED = {
    "empty": lambda good: b"",
    "text": lambda good: b"this is no checkpoint at all, only a text",
    "deep": lambda good: struct.pack("<Q", 200_000) + b"[" * 200_000,
    "truncated": truncated,
    "pickle": pickle_that_writes,
    "foreign": foreign,
    "wrong shape": wrong_shape,
    "nan weights": nan_weights,
    "2 GB header": two_gigabyte_header,
    "absurd model": absurd_model,
    "strange shape": strange_shape,
    "nan numbers": nan_numbers,
}


@pytest.mark.parametrize("kind", SPOILED)
def test_an_upload_that_is_no_checkpoint(app: AppTest, models: Path, kind: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    app.run().file_uploader[0].upload(
        "mine.safetensors", SPOILED[kind]((models / "tiny.safetensors").read_bytes())
    ).run()
    (line,) = lines(app)
    assert "mine.safetensors" in line
    assert live(app)["model"]["name"] == "bits", "the app goes on with the model that was open"
    assert not any(name.startswith("upload/") for name in checkpoints.listing())
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("kind", [kind for kind in SPOILED if kind != "nan weights"])
def test_a_run_that_is_no_checkpoint(app: AppTest, models: Path, kind: str) -> None:
    path = checkpoints.runs_folder() / "spoiled" / "last.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(SPOILED[kind]((models / "tiny.safetensors").read_bytes()))
    app.query_params["model"] = "run/spoiled"
    (line,) = lines(app.run())
    assert "run/spoiled" in line
    app.selectbox(key="model").select("tiny").run()
    assert lines(app) == []
    assert live(app)["model"]["name"] == "tiny"


def test_a_good_upload_is_kept_and_chosen(app: AppTest, models: Path) -> None:
    data = (models / "tiny.safetensors").read_bytes()
    app.query_params["z"] = "0,0,0"
    app.run().file_uploader[0].upload("../../etc/<b>.safetensors", data).run()
    assert lines(app) == []
    name = f"upload/{checkpoints.read_header(models / 'tiny.safetensors').digest}"
    assert app.selectbox(key="model").value == live(app)["model"]["name"] == name
    assert checkpoints.listing()[name].read_bytes() == data
    assert live(app)["z"] is None
    app.selectbox(key="model").select("bits").run()
    assert live(app)["model"]["name"] == "bits", "the uploaded model is chosen once, not at every run"


def test_a_good_upload_clears_the_refusal_before_it(app: AppTest, models: Path) -> None:
    app.run().file_uploader[0].upload("bad.safetensors", b"bad").run()
    assert len(lines(app)) == 1
    app.file_uploader[0].upload("good.safetensors", (models / "tiny.safetensors").read_bytes()).run()
    assert lines(app) == []


def test_a_full_disk_is_one_line(app: AppTest, models: Path, monkeypatch) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_atomically", full)
    app.run().file_uploader[0].upload("good.safetensors", (models / "tiny.safetensors").read_bytes()).run()
    (line,) = lines(app)
    assert "No space left" in line
