"""The Bounds page's further addresses: posteriors, whole data sets, a run's history, wrong roads, the exact model."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.ui.bounds_client import (
    BAD_WHOLES,
    LONG,
    array,
    ask,
    direct,
    fit_in_few_steps,
    forget,
    found,
    model_of,
    plane,
    seen,
    unpack,
)
from tests.ui.client import get, post
from tests.ui.models import write_model
from tests.ui.run_folders import KEPT, write_run
from vaeexplorer import bounds, checkpoints, datasets, evaluation, linear_gaussian
from vaeexplorer.ui import (
    bounds_dataset,
    bounds_sources,
    bounds_work,
    cached,
    model_jobs,
    questions,
)
from vaeexplorer.wrong_roads import WRONG_ROADS

pytestmark = pytest.mark.usefixtures("models", "fresh")


@pytest.fixture
def fresh() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    fit_in_few_steps(monkeypatch)


# The posterior


@pytest.mark.usefixtures("few_steps")
def test_the_posterior_of_a_plane_is_exact() -> None:
    document = unpack(ask("posterior", model=plane(), image="test:3"))
    header = document[0]
    assert (header["kind"], header["dims"], header["latent_dim"]) == ("exact", [0, 1], 2)
    width, height = header["size"]
    density = array(document, "density", (height, width)).astype(np.float64)
    left, right, low, high = header["window"]
    mass = np.exp(density) * (right - left) * (high - low) / (width - 1) / (height - 1)
    assert mass.sum() == pytest.approx(1, abs=0.01)
    across, up = np.linspace(left, right, width), np.linspace(low, high, height)
    centre = [(mass * across).sum(), (mass * up[:, None]).sum()]
    assert centre == pytest.approx(header["truth"]["mean"], abs=0.02), "row 0 is at the window's low end"
    record = direct("run/plane", [3], "grid")
    assert header["log_marginal"]["value"] == pytest.approx(record.value[0], abs=1e-6)
    assert header["points"] is None and header["count"] == 0 and header["bits"] is None
    for part in ("q", "diagonal", "full", "prior", "truth"):
        assert len(header[part]["mean"]) == len(header[part]["std"]) == len(header[part]["covariance"]) == 2
    q = model_of("run/plane").posterior(seen(model_of("run/plane"), [3]))
    assert header["q"]["mean"] == pytest.approx(q.mean[0].tolist(), abs=1e-6)
    assert header["q"]["std"] == pytest.approx(q.std[0].tolist(), abs=1e-6)


@pytest.mark.usefixtures("few_steps")
def test_the_posterior_of_more_dimensions_is_drawn_and_says_so() -> None:
    document = unpack(ask("posterior", image="test:3", dims=[2, 0]))
    header = document[0]
    assert (header["kind"], header["dims"]) == ("estimate", [2, 0])
    assert "as chosen" in header["why"] and "Smoothed" in header["note"]
    assert header["ess"] > 20 and header["log_marginal"]["kind"] == "lower bound"
    points = array(document, "points", (header["count"], 2))
    assert np.isfinite(points).all()
    assert points.mean(0) == pytest.approx(header["truth"]["mean"], abs=5 * max(header["truth"]["std"]) / 30)


def test_the_posterior_of_bits_is_a_list_of_them() -> None:
    header = unpack(ask("posterior", model="bits", image="test:3"))[0]
    vae = model_of("bits")
    x = seen(vae, [3])
    expected = bounds.enumeration.posterior_marginals(vae, x)[0]
    assert [bit["posterior"] for bit in header["bits"]] == pytest.approx(expected.tolist())
    assert [bit["q"] for bit in header["bits"]] == pytest.approx(vae.posterior(x).mean[0].tolist())
    assert header["density"] is None and header["kind"] == "exact"


@pytest.mark.parametrize(
    "dims", [[0], [0, 0], [0, 3], [-1, 0], [0, 1, 2], [0.0, 1], ["0", "1"], "01", {}, [None, 0], 3]
)
def test_dimensions_are_checked(dims: Any) -> None:
    answer = ask("posterior", image="test:3", dims=dims)
    assert answer.status in (400, 422) and answer.error.startswith("dims must be ")


@pytest.mark.parametrize("image", [None, 3, ["test:3"], {}])
def test_one_image_is_named_by_a_text(image: Any) -> None:
    assert ask("posterior", image=image).error == "image must be a text"


# A whole data set


def test_a_data_set_is_measured_as_by_evaluation() -> None:
    answer = found("dataset", count=25, samples=30, seed=4)
    images, chosen = datasets.load("digits"), np.array(answer["index"])
    assert len(chosen) == 25 and chosen[0] == 0 and chosen[-1] == 359
    *_, (_, _, record) = evaluation.data_gaps(model_of("tiny"), images.test[chosen], chosen, "iwae", 30, 4)
    assert record is not None
    for key in ("elbo", "log_marginal", "gap", "stderr", "elbo_stderr", "gap_stderr"):
        assert answer[key] == pytest.approx(getattr(record, key).tolist()), key
    assert answer["label"] == [str(images.test_labels[i]) for i in chosen]
    assert answer["flagged"] == record.flagged <= sum(warning["count"] for warning in answer["warnings"])
    assert answer.items() >= {
        "source": "test", "title": "Test images of Digits 8x8", "count": 25, "done": 25, "complete": True,
        "method": "iwae", "kind": "lower bound", "samples": 30,
    }.items()  # fmt: skip
    assert answer["mean"]["gap"]["value"] == pytest.approx(np.mean(answer["gap"]))
    assert np.allclose(np.subtract(answer["log_marginal"], answer["elbo"]), answer["gap"])


def test_images_are_seen_as_on_the_other_pages() -> None:
    answer = found("dataset", count=360, samples=1)
    (image,) = found("estimate", images=["test:17"], method="iwae", samples=2000)["images"]
    assert answer["index"][17] == 17
    items = unpack(ask("terms", images=["test:17"], samples=512))[0]["items"]
    elbo, error = answer["elbo"][17], answer["elbo_stderr"][17]
    assert abs(elbo - items[0]["elbo"]["value"]) < 6 * math.hypot(error, items[0]["elbo"]["stderr"])
    assert image["value"] > elbo - 6 * error


@pytest.mark.parametrize("source", ["train", "inverted", "noise", "shuffled"])
def test_other_sources_are_what_they_say(source: str) -> None:
    answer = found("dataset", source=source, count=6, samples=10, seed=1)
    assert answer["source"] == source and answer["complete"] and len(answer["elbo"]) == 6
    indices = ",".join(map(str, answer["index"][:3]))
    document = unpack(get("/vaex/bounds/images", model="tiny", source=source, seed=1, index=indices))
    shown = array(document, "images", (3, 1, 8, 8), "u1")
    data = datasets.load("digits")
    levels = np.rint((data.train if source == "train" else data.test)[answer["index"][:3]] * 255)
    checks = {
        "train": lambda: np.array_equal(shown, levels),
        "inverted": lambda: np.abs(shown - (255 - levels)).max() <= 1,
        "noise": lambda: not np.array_equal(shown, levels) and shown.std() > 50,
        "shuffled": lambda: (
            all(sorted(a.ravel()) == sorted(b.ravel()) for a, b in zip(shown, levels, strict=True))
            and not np.array_equal(shown, levels)
        ),
    }
    assert checks[source]()
    again = unpack(get("/vaex/bounds/images", model="tiny", source=source, seed=1, index=indices))
    assert again == document


def test_bytes_are_inverted_and_shuffled_as_bytes() -> None:
    levels = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
    images = bounds_sources.Images(levels, None, (), "", "")
    for source, expected in (("inverted", 255 - levels), ("test", levels)):
        changed = bounds_sources.pictures(source, images, np.array([0]), 0)
        assert changed.dtype == np.uint8 and np.array_equal(changed, expected)
    noise = bounds_sources.pictures("noise", images, np.array([0]), 0)
    assert noise.dtype == np.uint8 and noise.max() > 200


def test_another_data_set_is_loaded_in_the_models_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    data = datasets.load("digits")
    large = np.random.default_rng(0).integers(0, 256, (12, 1, 28, 28), np.uint8)
    held = cached.HeldOut(large, np.arange(12), tuple("abcdefghijkl"), "Other", "")
    monkeypatch.setattr(bounds_sources.datasets, "available", lambda name: name == "kmnist")
    monkeypatch.setattr(bounds_sources.cached, "test_images", lambda name, multiple, shape: held)
    answer = found("dataset", model="elsewhere", source="other:kmnist", count=4, samples=5)
    assert answer["title"] == "Test images of Other" and answer["label"] == ["a", "e", "h", "l"]
    refused = ask("dataset", model="elsewhere", source="other:fashion-mnist", count=4, samples=5)
    assert refused.status == 404 and "here are: other:kmnist" in refused.error
    assert len(data.test)


@pytest.mark.parametrize("source", ["", "tests", "other:", "other:mnist", "other:/etc", "../x", "test:3", "x" * 1000])
def test_unknown_sources_are_refused(source: str) -> None:
    answers = [ask("dataset", source=source), get("/vaex/bounds/images", model="tiny", source=source, index="1")]
    for answer in answers:
        assert answer.status == 404 and "here are: test, train, inverted, noise, shuffled" in answer.error
        assert len(answer.error) < 200


@pytest.mark.parametrize("source", [None, 3, ["test"]])
def test_a_source_is_named_by_a_text(source: Any) -> None:
    assert ask("dataset", source=source).error == "source must be a text"


@pytest.mark.parametrize("count", [*BAD_WHOLES, 10_001])
def test_counts_are_checked(count: Any) -> None:
    answer = ask("dataset", count=count)
    assert answer.status == 400 and answer.error.startswith("count must be a whole number from 1 to 10,000")


@pytest.mark.parametrize("model", ["elsewhere", "foreign"])
def test_a_data_set_that_is_not_here_says_what_to_do(model: str) -> None:
    answer = ask("dataset", model=model)
    assert answer.status == 404 and "not on this machine" in answer.error


@pytest.mark.parametrize("index", ["", "x", "-1", "1.0", "1,", ",".join(["1"] * 49), "9" * 10, "360"])
def test_indices_of_pictures_are_checked(index: str) -> None:
    answer = get("/vaex/bounds/images", model="tiny", index=index)
    assert answer.status in (400, 422) and answer.error.startswith("index must be ")


def test_a_data_set_cancelled_half_way_keeps_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    go, real = threading.Semaphore(0), evaluation.data_gaps

    def held(*asked: Any) -> Iterator[Any]:
        for stage in real(*asked):
            yield stage
            if stage[2] is not None:
                go.acquire(timeout=LONG)

    monkeypatch.setattr(evaluation, "data_gaps", held)
    monkeypatch.setattr(model_jobs, "TOLD", 0.0)
    body = json.dumps({"model": "tiny", "count": 45, "samples": 2}).encode()
    end = time.monotonic() + LONG
    while (told := post("/vaex/bounds/dataset", body).json)["partial"] is None:
        assert time.monotonic() < end
    part = told["partial"]
    assert 0 < part["done"] < 45 == part["count"] and not part["complete"] and len(part["elbo"]) == part["done"]
    post("/vaex/jobs/cancel", json.dumps({"job": told["job"]}).encode())
    answer = post("/vaex/bounds/dataset", body)
    go.release(10)
    assert answer.status == 200 and answer.json == part


# A run's history


def test_a_runs_history_is_what_it_kept() -> None:
    path = write_run(checkpoints.runs_folder(), "digits-1")
    write_model(path / "last.safetensors")
    told = get("/vaex/bounds/history", model="run/digits-1").json
    steps = [step for step in KEPT if step > 0]
    assert told["run"] is True and told["steps"] == steps
    assert told["subo"] == pytest.approx([20.5 + 20 / (1 + step / 10) for step in steps])
    assert np.allclose(np.subtract(told["subo"], told["surprisal"]), told["gap"])
    assert set(told["gap_stderr"]) == {0.25} and told["n"] == 500 and told["over"] == "held-out images"
    assert set(told["words"]) == {"subo", "surprisal", "gap"} and "upper bound" in told["words"]["surprisal"]


def test_a_run_before_its_first_observation_and_damaged_rows() -> None:
    path = write_run(checkpoints.runs_folder(), "young", last=0)
    write_model(path / "last.safetensors")
    told = get("/vaex/bounds/history", model="run/young").json
    assert told["steps"] == [] and "not been observed yet" in told["note"]
    rows = ['{"step": 1, "held_out": [{"name": "subo"}]}', '{"step": 2, "held_out": 3}', '{"step": 3}', "{", "[]"]
    (path / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    assert get("/vaex/bounds/history", model="run/young").json["steps"] == []


def test_only_runs_have_a_history() -> None:
    answer = get("/vaex/bounds/history", model="tiny")
    assert answer.status == 404 and answer.error.startswith("only runs have a history")


# The wrong roads and the exact model


def test_all_roads_are_walked_with_an_image_of_the_model() -> None:
    roads = found("roads", images=["test:3"], samples=200)
    assert [road["name"] for road in roads] == list(WRONG_ROADS)
    for road in roads:
        known = WRONG_ROADS[road["name"]]
        assert (road["title"], road["printed"], road["source"]) == (known.title, known.printed, known.source)
        assert road["on"] in ("this model", "an exact model") and road["truth"] is not None
        assert road["printed_value"] is not None and road["correct_value"] is not None
    inside, *_ = roads
    assert inside["printed_value"] < inside["truth"], "the mean of logs lies below the log of the mean"


def test_the_exact_model_gives_the_reference_to_six_digits() -> None:
    told = found("exact", mean=[0.3, -0.1], std=[math.sqrt(0.2), math.sqrt(0.3)])
    expected = {
        "log_marginal": -2.898548, "reconstruction": -2.975974, "kl": 0.706705, "elbo": -3.682679, "gap": 0.784131,
        "approximation": 0.004757, "amortization": 0.779374, "relative_variance": 2.485104,
    }  # fmt: skip
    for key, value in expected.items():
        assert told[key] == pytest.approx(value, abs=6e-7), key
    assert told["posterior"]["mean"] == pytest.approx([0.794187, -0.114124], abs=6e-7)
    assert told["posterior"]["covariance"][0] == pytest.approx([0.182891, -0.017070], abs=6e-7)
    assert told["x"] == [1, -0.5, 0.75]
    curve = {row[0]: row[1:] for row in told["curve"]}
    assert abs(curve[1][0] + 3.682679) < 5 * curve[1][1], "K = 1 is the ELBO"
    for count, below in {10: 0.1075, 100: 0.0118, 1000: 0.0009}.items():
        value, error, predicted = curve[count]
        assert abs(-2.898548 - below - value) < 5 * error
        assert predicted == pytest.approx(-2.898548 - 2.485104 / (2 * count), abs=1e-6)


def test_a_q_that_is_too_narrow_has_no_variance() -> None:
    told = found("exact", mean=[0.3, -0.1], std=[0.1, 0.1], samples=[5, 50])
    assert told["relative_variance"] is None
    assert [row[0] for row in told["curve"]] == [5, 50] and all(row[3] is None for row in told["curve"])


def test_the_best_q_and_an_image_of_ones_own() -> None:
    x = [0.2, 0.1, -0.3]
    told = found("exact", x=x, mean=[0, 0], std=[1, 1])
    model, *_ = linear_gaussian.example()
    point = torch.tensor([x], dtype=torch.float64)
    assert told["log_marginal"] == pytest.approx(float(model.log_marginal(point)))
    best = found("exact", x=x, mean=told["best"]["mean"], std=told["best"]["std"])
    assert best["amortization"] == pytest.approx(0, abs=1e-9)
    assert best["gap"] == pytest.approx(told["approximation"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mean", None), ("mean", []), ("mean", [1]), ("mean", [1, 2, 3]), ("mean", ["0", 0]), ("mean", [None, 0]),
        ("mean", [11, 0]), ("mean", [True, 0]), ("std", [0, 1]), ("std", [-1, 1]), ("std", [0.001, 1]),
        ("std", [11, 1]),
        ("std", "11"), ("std", {"0": 1, "1": 1}), ("x", [1, 2]), ("x", [1, 2, 11]), ("x", "123"), ("samples", []),
        ("samples", [0]), ("samples", [1.5]), ("samples", [10_001]), ("samples", 3), ("samples", list(range(1, 22))),
    ],
)  # fmt: skip
def test_the_exact_models_fields_are_checked(field: str, value: Any) -> None:
    answer = ask("exact", **{"mean": [0, 0], "std": [1, 1]} | {field: value})
    assert answer.status == 400 and answer.error.startswith(f"{field} must be ")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_numbers_that_are_none_are_refused(number: bytes) -> None:
    body = b'{"mean": [%s, 0], "std": [1, 1]}' % number
    assert post("/vaex/bounds/exact", body).error.startswith("mean must be ")


def test_numbers_for_people_and_for_json() -> None:
    assert [questions.number(value) for value in (None, math.nan, math.inf, 2)] == [None, None, None, 2.0]
    plain = bounds_work.details({"a": np.array([1.0, np.nan]), "b": np.float32(2), "c": object(), "d": np.zeros(10**4)})
    assert plain == {"a": [1.0, None], "b": 2.0}
    assert bounds_dataset._counted((("pareto",), (), ("pareto", "spread")))[0]["count"] == 2
