"""The Bounds page's addresses: answers against the estimators, work that can be cancelled, one line for all bad."""

from __future__ import annotations

import io
import json
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.ui.bounds_client import (
    BAD_WHOLES,
    FEW,
    LONG,
    QUESTIONS,
    QUICK,
    about,
    array,
    ask,
    bring,
    direct,
    fit_in_few_steps,
    forget,
    found,
    model_of,
    pixels,
    plane,
    seen,
    unpack,
)
from tests.ui.client import get, post
from tests.ui.models import write_model
from vaeexplorer import bounds, checkpoints, gaps
from vaeexplorer.bounds import METHODS
from vaeexplorer.records import WARNINGS
from vaeexplorer.ui import (
    bounds_about,
    bounds_sources,
    cached,
    encoded,
    image_store,
    model_jobs,
)

pytestmark = pytest.mark.usefixtures("models", "fresh")
BAD_SEEDS = (-1, 2**31, 1.5, "1", None, True)


@pytest.fixture
def fresh() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    fit_in_few_steps(monkeypatch)


# About


def test_about_tells_what_can_be_asked() -> None:
    told = about()
    expected = {
        "model": "tiny", "latent_dim": 3, "posterior": "gaussian", "likelihood": "bernoulli", "pixels": 64,
        "shape": [1, 8, 8], "density": False, "data": {"count": 360, "title": "Digits 8x8"}, "why": "", "run": False,
        "truth": None, "others": [],
    }  # fmt: skip
    assert told.items() >= expected.items()
    assert "black or white" in told["binarization"]
    assert [method["name"] for method in told["methods"]] == list(METHODS)
    for method in told["methods"]:
        known = METHODS[method["name"]]
        assert {key: method[key] for key in ("title", "words", "kind", "counted", "samples", "source")} == {
            key: getattr(known, key) for key in ("title", "words", "kind", "counted", "samples", "source")
        }
        assert method["options"] == dict(known.options) and method["growth"] == known.growth
        assert 1 <= method["least"] <= (method["samples"] or 1) <= method["most"] <= bounds_about.MOST
        assert (method["problem"] is None) == (method["seconds_per_image"] is not None)
        assert method["seconds_per_image"] is None or 0 < method["seconds_per_image"] < 60
    assert [source["id"] for source in told["sources"]] == ["test", "train", "inverted", "noise", "shuffled"]


@pytest.mark.parametrize(("model", "truth"), [("tiny", None), ("bits", "enumeration"), ("plane", "grid")])
def test_about_names_the_truth_where_there_is_one(model: str, truth: str | None) -> None:
    told = about(plane() if model == "plane" else model)
    assert told["truth"] == truth
    problems = {method["name"]: method["problem"] for method in told["methods"]}
    assert truth is None or problems[truth] is None
    assert problems["iwae"] is None and problems["prior"] is None
    assert problems["exact"] is not None and "\n" not in problems["exact"]


def test_about_a_model_whose_data_are_elsewhere() -> None:
    told = about("elsewhere")
    assert told["data"] is None and "$VAEEXPLORER_DATA" in told["why"]
    assert told["sources"] == []
    assert about("foreign")["data"] is None
    assert about("correlated")["density"] is True


def test_other_data_sets_of_the_same_shape_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds_sources.datasets, "available", lambda name: True)
    others = [source["id"] for source in about("elsewhere")["others"]]
    assert others == ["other:fashion-mnist", "other:kmnist", "other:emnist"]
    assert about("tiny")["others"] == []


@pytest.mark.parametrize("name", ["", "none", "../tiny", "tiny.safetensors", "run/../../x", "ti\nny"])
def test_names_of_models_are_looked_up(name: str) -> None:
    answers = [
        get("/vaex/bounds/about", model=name),
        get("/vaex/bounds/history", model=name),
        bring(pixels(), model=name),
    ]
    answers.append(get("/vaex/bounds/images", model=name, index="1"))
    answers += [ask(path, model=name, images=["test:3"], image="test:3", method="iwae") for path in QUESTIONS]
    for answer in answers:
        assert answer.status == 404
        assert "tiny" in answer.error


# Pictures of one's own


def test_a_picture_is_kept_under_a_key_of_its_own() -> None:
    first, again, other = (bring(pixels(seed)).json for seed in (0, 0, 1))
    assert first == again and first["key"] != other["key"]
    assert first["key"].startswith("picture:") and len(first["key"]) == len("picture:") + 12
    assert first["title"] == "your image" and "black or white" in first["words"]
    document = unpack(ask("terms", images=[first["key"], "test:3"]))
    assert [item["key"] for item in document[0]["items"]] == [first["key"], "test:3"]
    original = np.frombuffer(pixels(), np.float32).reshape(1, 8, 8)
    assert np.array_equal(array(document, "original", (2, 1, 8, 8), "u1")[0], np.rint(original * 255))


def test_a_picture_is_called_as_one_likes_within_a_line() -> None:
    for given, called in (
        ("noise image 3", "noise image 3"),
        ("a\n  <b>\t", "a <b>"),
        ("", "your image"),
        (" ", "your image"),
    ):
        answer = post("/vaex/bounds/pictures", pixels(), model="tiny", kind="pixels", title=given).json
        assert answer["title"] == called
        assert unpack(ask("terms", images=[answer["key"]]))[0]["items"][0]["title"] == called
    long = post("/vaex/bounds/pictures", pixels(), model="tiny", kind="pixels", title="x" * 5000).json
    assert long["title"] == "x" * 80


def test_drawings_and_files_are_taken_as_elsewhere() -> None:
    drawing = bring(json.dumps({"width": 2, "height": 2, "pixels": [0, 1, 1, 0]}).encode(), "drawing").json
    assert drawing["title"] == "your drawing" and "centre of mass" in drawing["words"]
    file = io.BytesIO()
    Image.new("L", (20, 10), 200).save(file, "PNG")
    upload = bring(file.getvalue(), "upload").json
    assert upload["title"] == "your image"
    assert unpack(ask("terms", images=[drawing["key"], upload["key"]]))[0]["count"] == 2


@pytest.mark.parametrize("kind", ["", "data", "pixel", "../x", "Drawing", "a" * 1000])
def test_other_kinds_of_pictures_are_refused(kind: str) -> None:
    answer = bring(pixels(), kind)
    assert answer.status == 400 and "kind must be one of drawing, upload, pixels" in answer.error
    assert len(answer.error) < 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("pixels", b""), ("pixels", bytes(4 * 63)), ("pixels", np.full(64, np.nan, np.float32).tobytes()),
        ("pixels", np.full(64, 1.01, np.float32).tobytes()), ("pixels", np.full(64, -1, np.float32).tobytes()),
        ("drawing", b"{"), ("drawing", b"{}"), ("drawing", b'{"width": 2, "height": 2, "pixels": [0, 1, 2, NaN]}'),
        ("drawing", b'{"width": 0, "height": 2, "pixels": []}'), ("upload", b""), ("upload", b"no image"),
    ],
)  # fmt: skip
def test_bad_pictures_are_refused_in_one_line(kind: str, body: bytes) -> None:
    assert bring(body, kind).status in (400, 422)
    assert bring(body, kind).error
    assert not image_store.PICTURES._pictures


def test_a_picture_that_is_too_large_is_refused() -> None:
    assert bring(bytes(17 * 2**20)).status == 413


def test_grey_pictures_are_refused_where_only_black_and_white_will_do() -> None:
    name = plane("strict", binarization="none")
    assert "black and white images only" in bring(pixels(), model=name).error
    kept = bring(pixels()).json["key"]  # by another model, which draws black and white itself
    answer = ask("terms", model=name, images=[kept])
    assert answer.status == 404 and "black and white images only" in answer.error
    white = bring(np.ones(64, np.float32).tobytes(), model=name).json["key"]
    assert unpack(ask("terms", model=name, images=[white]))[0]["count"] == 1


def test_a_picture_of_another_shape_is_not_stretched() -> None:
    key = bring(pixels(side=28), model="elsewhere").json["key"]
    answer = ask("estimate", method="iwae", samples=10, images=[key])
    assert answer.status == 404 and "this model takes (1, 8, 8)" in answer.error


# Terms


@pytest.mark.parametrize("model", ["tiny", "bits", "correlated"])
def test_terms_are_those_of_the_other_pages(model: str) -> None:
    document = unpack(ask("terms", model=model, images=["test:7", "test:0"], seed=5, samples=20))
    gallery = unpack(
        post("/vaex/reconstructions", b'{"indices": [7, 0], "seed": 5, "samples": 20, "shown": 0}', model=model)
    )
    header = document[0]
    assert header["left_out"] == [] and header["seed"] == 5 and header["samples"] == 20
    for item, other, index in zip(header["items"], gallery[0]["items"], (7, 0), strict=True):
        assert item == other | {"key": f"test:{index}"}
    for key in ("original", "seen", "mean"):
        assert np.array_equal(array(document, key, (2, 1, 8, 8), "u1"), array(gallery, key, (2, 1, 8, 8), "u1"))
    assert np.array_equal(array(document, "kl_per_dimension", (2, 3)), array(gallery, "kl_per_dimension", (2, 3)))


def test_keys_of_an_old_link_are_left_out_with_a_line() -> None:
    gone = "picture:0123456789ab"
    header = unpack(ask("terms", images=["test:360", "test:1", gone, "x", "test:"]))[0]
    assert [item["key"] for item in header["items"]] == ["test:1"]
    assert [entry["key"] for entry in header["left_out"]] == ["test:360", gone, "x", "test:"]
    for entry in header["left_out"]:
        assert entry["why"] and "\n" not in entry["why"]


BAD_KEYS = (
    "test:360", "test:-1", "test:1.0", "test:01x", "test:", "test", ":1", "", "train:1", "picture:", "picture:xyz",
    "picture:../../etc", "test:١", "test:" + "9" * 5000, "TEST:1", "test: 1", "\x00",
)  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS)
def test_an_image_that_is_not_there_is_one_line(key: str) -> None:
    answers = [ask("terms", images=[key]), ask("estimate", **QUICK | {"images": ["test:1", key]})]
    answers += [ask("gap", images=[key]), ask("posterior", image=key), ask("roads", images=[key])]
    for answer in answers:
        assert answer.status == 404
        assert len(answer.error) < 200
    assert not encoded.JOBS._jobs, "nothing was begun"


BAD_IMAGES = (
    None, [], "test:1", ["test:1", "test:1"], [1], [None], {"0": "test:1"}, [["test:1"]],
    [f"test:{i}" for i in range(17)],
)  # fmt: skip


@pytest.mark.parametrize("images", BAD_IMAGES)
@pytest.mark.parametrize("path", ["terms", "estimate", "gap", "roads"])
def test_lists_of_images_are_checked(path: str, images: Any) -> None:
    answer = ask(path, **QUICK | {"images": images})
    assert answer.status == 400 and answer.error.startswith("images must be a list of 1 to 16 different keys")


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize("seed", BAD_SEEDS)
def test_seeds_are_checked(path: str, seed: Any) -> None:
    answer = ask(path, **QUICK, image="test:3", seed=seed)
    assert answer.status == 400 and answer.error.startswith("seed must be a whole number from 0 to 2,147,483,647")


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize("samples", [value for value in BAD_WHOLES if value is not None])
def test_samples_are_checked(path: str, samples: Any) -> None:
    if path == "posterior":
        return  # its draws are its own
    answer = ask(path, **QUICK | {"samples": samples})
    assert answer.status == 400 and answer.error.startswith("samples must be a whole number from ")
    assert len(answer.error) < 200


@pytest.mark.parametrize("path", [*QUESTIONS, "exact"])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", b"3", b'"x"', b"{}", b"[" * 4000])
def test_broken_questions_are_refused(path: str, body: bytes) -> None:
    answer = post(f"/vaex/bounds/{path}", body)
    assert answer.status == 400 and answer.error.startswith("expected a JSON object")


@pytest.mark.parametrize("path", [*QUESTIONS, "exact"])
def test_long_questions_and_other_sites_are_refused(path: str) -> None:
    long = json.dumps({"model": "tiny", "images": ["test:1"], "image": "x" * 17_000}).encode()
    assert post(f"/vaex/bounds/{path}", long).status == 413
    assert post(f"/vaex/bounds/{path}", b"{}", {"Sec-Fetch-Site": "cross-site"}).status == 403


@pytest.mark.parametrize("model", [None, 3, ["tiny"], {"a": 1}])
@pytest.mark.parametrize("path", QUESTIONS)
def test_a_model_is_named_by_a_text(path: str, model: Any) -> None:
    assert ask(path, **QUICK | {"model": model}, image="test:3").error == "model must be a text"


# log p(x)


def test_an_estimate_is_the_estimators_own() -> None:
    record = direct("tiny", [3, 8], "iwae", 7, samples=60, keep_weights=True)
    answer = found("estimate", images=["test:3", "test:8"], method="iwae", samples=60, seed=7)
    about_it = METHODS["iwae"]
    assert answer.items() >= {
        "method": "iwae", "title": about_it.title, "kind": "lower bound", "counted": about_it.counted, "samples": 60,
        "asked": 60, "complete": True, "decodings": 60,
    }.items()  # fmt: skip
    for i, image in enumerate(answer["images"]):
        for key in ("value", "stderr", "effective_sample_size", "pareto_k", "spread"):
            assert image[key] == pytest.approx(getattr(record, key)[i], abs=1e-12), key
        assert [warning["code"] for warning in image["warnings"]] == list(record.warnings(i))
        assert all(warning["text"] == WARNINGS[warning["code"]][2] for warning in image["warnings"])
        log_weights = record.log_weights[:, i]
        first, last = image["curve"][0], image["curve"][-1]
        assert first[0] == 1 and first[1] == pytest.approx(log_weights[0]) and first[2:] == [None, None]
        assert last[:2] == [60, pytest.approx(image["value"])]
        assert last[2:] == pytest.approx([last[1] - 1.96 * image["stderr"], last[1] + 1.96 * image["stderr"]])
        assert image["nested"][0][:2] == [1, pytest.approx(log_weights.mean())], "K = 1 is the ELBO"
        assert image["nested"][-1] == [60, pytest.approx(image["value"]), None]
        assert sum(image["weights"]["counts"]) + image["weights"]["below"] == 60
        assert len(image["weights"]["edges"]) == len(image["weights"]["counts"]) + 1
        assert image["weights"]["edges"][-1] == pytest.approx(log_weights.max())
    mean = answer["mean"]
    assert mean["value"] == pytest.approx(record.value.mean())
    assert mean["stderr"] == pytest.approx(math.sqrt((record.stderr**2).sum()) / 2)
    assert mean["n"] == 120 and mean["kind"] == "lower bound" and mean["over"].endswith("for 2 images")


@pytest.mark.parametrize(
    ("model", "method", "options"),
    [
        ("tiny", "prior", {}), ("tiny", "refined", {"steps": 20, "proposal": "diagonal"}),
        ("tiny", "ais", {"steps": 5}),
        ("bits", "enumeration", {}), ("bits", "iwae", {}), ("plane", "grid", {}), ("correlated", "iwae", {}),
    ],
)  # fmt: skip
def test_every_method_that_applies_answers(model: str, method: str, options: dict[str, Any]) -> None:
    name = plane() if model == "plane" else model
    chosen = {} if METHODS[method].samples is None else {"samples": max(8, METHODS[method].least)}
    answer = found("estimate", model=name, images=["test:3", "test:4"], method=method, options=options, **chosen)
    record = direct(name, [3, 4], method, **chosen, **options)
    assert [image["value"] for image in answer["images"]] == pytest.approx(record.value.tolist(), abs=1e-9)
    assert answer["complete"] and answer["kind"] == METHODS[method].kind
    for image in answer["images"]:
        assert image["curve"][-1][1] == pytest.approx(image["value"])
        assert (image["nested"] is None) == (record.effective_sample_size is None and method != "ais")
    assert json.dumps(answer, allow_nan=False)


def test_a_single_draw_has_no_error() -> None:
    answer = found("estimate", **QUICK | {"samples": 1})
    (image,) = answer["images"]
    assert image["stderr"] is None and image["pareto_k"] is None and answer["mean"]["stderr"] is None
    assert image["curve"] == [[1, image["value"], None, None]] and image["weights"] is None


def test_the_same_image_with_the_same_seed_is_the_same_whichever_way_it_comes() -> None:
    values = [found("estimate", **QUICK, seed=seed)["images"][0]["value"] for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    key = bring(pixels()).json["key"]
    assert found("estimate", **QUICK | {"images": [key]}) == found("estimate", **QUICK | {"images": [key]})


@pytest.mark.parametrize("method", ["", "IWAE", "bdmc", "x" * 1000, "__class__"])
def test_unknown_methods_are_refused(method: str) -> None:
    for path in ("estimate", "dataset"):
        answer = ask(path, **QUICK | {"method": method})
        assert answer.status == 400 and answer.error.startswith("method must be one of prior, iwae, refined")
        assert len(answer.error) < 200


@pytest.mark.parametrize(
    ("model", "method"), [("tiny", "grid"), ("tiny", "enumeration"), ("tiny", "exact"), ("bits", "ais")]
)
def test_methods_that_do_not_apply_say_why(model: str, method: str) -> None:
    problem = METHODS[method].problem(model_of(model))
    for path in ("estimate", "dataset"):
        answer = ask(path, model=model, images=["test:1"], method=method)
        assert answer.status == 422 and answer.error == f"{METHODS[method].title}: {problem}"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("iwae", {"steps": 3}), ("refined", {"steps": 2.5}), ("refined", {"steps": "many"}), ("refined", {"steps": 0}),
        ("refined", {"steps": True}), ("refined", {"widen": "wide"}), ("refined", {"widen": -1}),
        ("ais", {"steps": -1}),
        ("refined", {"proposal": 1}), ("refined", {"proposal": "round"}), ("ais", {"leapfrog": 0}),
        ("ais", {"start": "middle"}), ("ais", {"delta": "x"}), ("refined", {"keep_weights": 1}), ("ais", {"model": 1}),
        ("refined", {"samples": 3}), ("iwae", []), ("iwae", "x"), ("iwae", None), ("iwae", {"a": None}),
        ("iwae", {"a": [1]}), ("iwae", {"a" * 41: 1}), ("iwae", {str(i): i for i in range(21)}),
        ("ais", {"steps": 10**7}),
    ],
)  # fmt: skip
def test_options_are_checked(method: str, options: Any) -> None:
    for path in ("estimate", "dataset"):
        answer = ask(path, images=["test:1"], count=2, method=method, samples=10, options=options)
        assert answer.status in (400, 422)
        assert answer.error and answer.error != "this failed on the server; its log says why"


def test_not_a_number_is_no_option() -> None:
    body = b'{"model": "tiny", "images": ["test:1"], "method": "refined", "options": {"widen": NaN}}'
    assert "options must be" in post("/vaex/bounds/estimate", body).error


def test_what_would_take_hours_is_refused_with_the_time() -> None:
    answer = ask(
        "estimate", images=[f"test:{i}" for i in range(16)], method="ais", samples=1000, options={"steps": 10**6}
    )
    assert answer.status == 422
    assert answer.error.startswith("this would take about ") and "ask for less" in answer.error
    assert not encoded.JOBS._jobs
    many = ask("dataset", count=10_000, method="ais", samples=1000, options={"steps": 5000})
    assert many.status == 422 and many.error.startswith("this would take about ")


@pytest.fixture
def diverged() -> str:
    """A model whose weights are finite, as a checkpoint's must be, but whose numbers are not."""
    from safetensors.numpy import load_file, save_file

    name = plane("diverged", latent_dim=3)
    path = cached.path_of(name)
    text = {"vaeexplorer": checkpoints.read_header(path).model_dump_json(exclude={"digest"})}
    huge = {k: np.full_like(v, 3e38) if k.startswith("decoder") else v for k, v in load_file(path).items()}
    save_file(huge, path, text)
    return name


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("path", QUESTIONS)
def test_a_diverged_model_is_one_line(path: str, diverged: str) -> None:
    answer = ask(path, **QUICK | {"model": diverged, "samples": 200}, image="test:3")
    assert answer.status == 422
    assert any(word in answer.error for word in ("finite", "NaN"))


# Partial results and cancelling


class Slow:
    """An estimator that goes on only when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.begun = threading.Semaphore(0), threading.Event()
        monkeypatch.setattr(model_jobs, "TOLD", 0.0)
        self.stages = bounds.stages
        monkeypatch.setattr(bounds, "stages", self)

    def __call__(self, model: Any, x: Any, method: str, **how: Any) -> Iterator[Any]:
        for count in (10, 20, 30):
            self.begun.set()
            assert self.go.acquire(timeout=LONG)
            *_, stage = self.stages(model, x, method, **how | {"samples": count})
            record = vars(stage.record) | {"asked": 30}
            yield type(stage)(count / 30, f"{count} of 30", type(stage.record)(**record))

    def step(self) -> dict[str, Any]:
        """One stage further; what the page is then told."""
        before = self.told()["fraction"]
        self.go.release()
        end = time.monotonic() + LONG
        while (now := self.told())["fraction"] == before:
            assert time.monotonic() < end
            time.sleep(0.01)
        return now

    def told(self) -> dict[str, Any]:
        answer = post("/vaex/bounds/estimate", SLOW)
        assert answer.status == 202, answer.content
        return answer.json


SLOW = json.dumps({"model": "tiny", **QUICK, "samples": 30}).encode()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    hand = Slow(monkeypatch)
    yield hand
    for _ in range(5):
        hand.go.release()


def test_what_is_known_so_far_comes_along_and_is_marked(slow: Slow) -> None:
    assert slow.told()["partial"] is None
    for count in (10, 20):
        told = slow.step()
        part = told["partial"]
        assert told["text"] == f"{count} of 30"
        assert (part["samples"], part["asked"], part["complete"]) == (count, 30, False)
        (image,) = part["images"]
        assert image["value"] is not None and "partial" in [warning["code"] for warning in image["warnings"]]
        assert image["curve"][-1][0] == count


def test_cancelled_half_way_the_part_is_the_answer(slow: Slow) -> None:
    told = slow.step()
    assert post("/vaex/jobs/cancel", json.dumps({"job": told["job"]}).encode()).status == 200
    for _ in range(3):
        answer = post("/vaex/bounds/estimate", SLOW)
        assert answer.status == 200
        assert answer.json == told["partial"]
        assert answer.json["complete"] is False


def test_cancelled_before_there_was_anything_is_told_as_such(slow: Slow) -> None:
    job = slow.told()["job"]
    post("/vaex/jobs/cancel", json.dumps({"job": job}).encode())
    answer = post("/vaex/bounds/estimate", SLOW)
    assert answer.status == 409 and answer.error == "cancelled"


def test_asked_for_again_it_begins_anew(slow: Slow) -> None:
    told = slow.step()
    post("/vaex/jobs/cancel", json.dumps({"job": told["job"]}).encode())
    for _ in range(4):
        slow.go.release()  # the first thread stops at its next stage, the second one has its three
    answer = ask("estimate", **QUICK | {"samples": 30})
    assert answer.status == 200
    assert (answer.json["complete"], answer.json["samples"]) == (True, 30)


def test_a_run_that_replaces_its_model_meanwhile_does_not_begin_the_work_again(monkeypatch: pytest.MonkeyPatch) -> None:
    name = plane("training")
    question = QUICK | {"model": name, "samples": 30}
    body = json.dumps(question).encode()
    hand = Slow(monkeypatch)
    told = post("/vaex/bounds/estimate", body).json
    write_model(cached.path_of(name), codes=False, latent_dim=2, seed=1)
    assert post("/vaex/bounds/estimate", body).json["job"] == told["job"]
    for _ in range(3):
        hand.go.release()
    first = ask("estimate", again=False, **question)
    assert first.status == 200 and first.json["complete"]
    for _ in range(3):
        hand.go.release()
    fresh = ask("estimate", **question)
    assert fresh.json["images"][0]["value"] != first.json["images"][0]["value"], "asked again: the new model"


# The gap


@pytest.mark.usefixtures("few_steps")
def test_a_gap_is_the_splitters_own_and_names_its_estimator() -> None:
    name = plane()
    answer = found("gap", model=name, images=["test:3", "test:4"], seed=2)
    vae = model_of(name)
    record = gaps.inference_gap(vae, seen(vae, [3, 4], 2), generator=torch.Generator().manual_seed(2), **FEW)
    assert (answer["method"], answer["kind"], answer["complete"]) == ("grid", record.kind, True)
    assert answer["title"] == METHODS["grid"].title
    for i, image in enumerate(answer["images"]):
        assert image["key"] == f"test:{3 + i}"
        for part in ("total", "approximation", "amortization", "full"):
            assert image[part]["value"] == pytest.approx(getattr(record, part)[i], abs=1e-9)
            assert image[part]["stderr"] == pytest.approx(getattr(record, f"{part}_stderr")[i], abs=1e-9)
        assert image["log_marginal"]["value"] == pytest.approx(record.log_marginal.value[i])
        total = image["log_marginal"]["value"] - image["elbo"]["value"]
        assert image["total"]["value"] == pytest.approx(total, abs=1e-6)
        assert image["approximation"]["value"] + image["amortization"]["value"] == pytest.approx(total, abs=1e-6)
        assert image["elbo"]["stderr"] == pytest.approx(image["total"]["stderr"], rel=0.01), "the grid adds no error"
    mean = answer["mean"]["total"]
    assert mean["value"] == pytest.approx(record.total.mean()) and mean["kind"] == record.kind
    assert mean["stderr"] == pytest.approx(math.sqrt((record.total_stderr**2).sum()) / 2)


@pytest.mark.usefixtures("few_steps")
def test_a_gap_of_bits_and_one_of_more_dimensions() -> None:
    bits = found("gap", model="bits", images=["test:3"])
    assert bits["method"] == "enumeration" and bits["images"][0]["total"]["value"] > -1e-6
    drawn = found("gap", images=["test:3"], samples=200)
    assert drawn["method"] == "refined" and drawn["kind"] == "lower bound" and drawn["samples"] == 200
    assert {"code", "text"} == {key for warning in drawn["images"][0]["warnings"] for key in warning} or not drawn[
        "images"
    ][0]["warnings"]
