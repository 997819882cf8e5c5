"""The Reconstruct page's script: what its live component is given, and where a click on an image leads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.models import write_model
from vaeexplorer import checkpoints
from vaeexplorer.ui.components.reconstructor import reconstructor, rivals, wish_of

pytestmark = pytest.mark.usefixtures("models")


@pytest.fixture
def app(root: Path) -> AppTest:
    """The page itself, with a model chosen as the frame's picker does."""
    app = AppTest.from_file(str(root / "pages" / "reconstruct.py"), default_timeout=30)
    app.session_state["model"] = "tiny"
    return app


def live(app: AppTest) -> dict[str, Any]:
    """What the live component was given."""
    assert not app.exception, app.exception
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def names(described: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in described]


def test_the_live_part_gets_the_model_and_what_it_can_be_compared_with(app: AppTest) -> None:
    given = live(app.run())
    assert app.title[0].value == "Reconstruct"
    assert given["model"]["name"] == "tiny"
    assert (given["model"]["binarization"], given["model"]["dataset_name"]) == ("dynamic", "digits")
    assert names(given["rivals"]) == ["bits", "correlated"]
    assert {one["name"]: one["why"] for one in given["refused"]} == {
        "elsewhere": "trained on mnist, not on Digits 8x8",
        "foreign": "trained on /etc, not on Digits 8x8",
    }
    assert len(json.dumps(given)) < 12_000


def test_a_likelihood_that_sees_grey_values_says_so(app: AppTest) -> None:
    app.session_state["model"] = "correlated"
    model = live(app.run())["model"]
    assert (model["binarization"], model["likelihood_kind"]) == ("none", "gaussian_pixel")


def test_models_of_another_size_and_broken_files_are_refused_in_words(app: AppTest) -> None:
    write_model(checkpoints.runs_folder() / "large" / "last.safetensors", image_shape=(1, 16, 16))
    broken = checkpoints.runs_folder() / "broken" / "last.safetensors"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no checkpoint")
    why = {one["name"]: one["why"] for one in live(app.run())["refused"]}
    assert why["run/large"] == "takes images of 16×16, not 8×8"
    assert why["run/broken"]
    assert "\n" not in why["run/broken"]


def test_a_model_whose_data_are_not_here(app: AppTest) -> None:
    app.session_state["model"] = "elsewhere"
    given = live(app.run())
    assert (given["model"]["data_here"], given["model"]["fetchable"]) == (False, True)
    assert given["rivals"] == []


def test_many_models_make_a_bounded_list(app: AppTest) -> None:
    for number in range(rivals.MOST + 3):
        write_model(checkpoints.runs_folder() / f"r{number}" / "last.safetensors")
    assert len(live(app.run())["rivals"]) == rivals.MOST


MODELS = [{"name": "tiny", "latent_dim": 3}, {"name": "bits", "latent_dim": 2}]


def test_a_click_names_a_place_of_one_of_the_models() -> None:
    asked = {"model": "bits", "z": [0, 1.5], "direction": None, "about": "test image 4"}
    assert wish_of(asked, MODELS) == {"model": "bits", "z": [0.0, 1.5], "direction": None, "about": "test image 4"}
    assert wish_of({"model": "tiny", "z": [1, 2, 3]}, MODELS)["about"] is None


@pytest.mark.parametrize(
    "answer",
    [
        None, "tiny", {}, {"model": "other", "z": [1, 2, 3]}, {"model": "tiny", "z": [1, 2]},
        {"model": "tiny", "z": "123"}, {"model": "tiny", "z": [1, 2, float("nan")]},
        {"model": "tiny", "z": [1, 2, "3"]},
        {"model": ["tiny"], "z": [1, 2, 3]},
    ],
)  # fmt: skip
def test_a_click_that_cannot_be_is_none(answer: Any) -> None:
    assert wish_of(answer, MODELS) is None


def test_the_component_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match=r"needs .*digest.* of a model"):
        reconstructor({"name": "tiny"}, [], [], "k")
    model = rivals.described("tiny")
    with pytest.raises(ValueError, match=r"takes images of shape \[1, 9, 9\]"):
        reconstructor(model, [{**model, "name": "other", "shape": [1, 9, 9]}], [], "k")
