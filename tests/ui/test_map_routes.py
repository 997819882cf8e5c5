"""The Map's addresses: answers, work that is done once and can be cancelled, one line for all that is bad."""

from __future__ import annotations

import io
import json
import pickle
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tests.ui.client import Answer, get, post
from tests.ui.models import DIGITS, write_model
from tests.ui.run_folders import CODES, DIMS, KEPT, write_run
from vaeexplorer import checkpoints, datasets, evaluation
from vaeexplorer.datasets import DATASETS, DataError
from vaeexplorer.embeddings import EMBEDDINGS, apart, embed
from vaeexplorer.ui import cached, code_uploads, data_fetch, encoded, map_codes, questions

pytestmark = pytest.mark.usefixtures("models", "fresh")
MB = 2**20
LONG = 60.0  # seconds that a job may take here

Document = tuple[dict[str, Any], bytes]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing that another test computed is known, nor what this one downloads afterwards."""
    encoded.JOBS._jobs.clear()
    code_uploads._uploads.clear()
    yield
    cached._held_out.clear()


def ask(path: str, again: bool = True, **question: Any) -> Answer:
    """The answer once it is there; 202 is asked again, as the pages do."""
    body, end = json.dumps({"model": "tiny", **question, "again": again}).encode(), time.monotonic() + LONG
    while (answer := post(f"/vaex/{path}", body)).status == 202:
        assert set(answer.json) == {"job", "fraction", "text", "partial"}
        assert 0 <= answer.json["fraction"] <= 1
        assert time.monotonic() < end, answer.json
        time.sleep(0.02)
        body = json.dumps({"model": "tiny", **question}).encode()
    return answer


def document(answer: Answer) -> Document:
    assert answer.status == 200, answer.content[:300]
    (length,) = struct.unpack("<I", answer.content[:4])
    return json.loads(answer.content[4 : 4 + length]), answer.content[4 + length :]


def array(found: Document, key: str, shape: tuple[int, ...], dtype: str = "<f4") -> np.ndarray:
    offset = found[0][key]
    assert offset % 8 == 0
    return np.frombuffer(found[1], dtype, int(np.prod(shape)), offset).reshape(shape)


def codes(**question: Any) -> Document:
    return document(ask("encoded", **question))


def picture(**question: Any) -> Document:
    return document(ask("map/picture", **question))


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def upload(content: bytes | Iterator[bytes], name: str = "") -> Answer:
    return post("/vaex/map/upload", content, **({"name": name} if name else {}))


def uploaded(**arrays: Any) -> str:
    answer = upload(npz(**arrays))
    assert answer.status == 200, answer.content
    return answer.json["source"]


def own_model(tmp_path: Path, name: str = "own", *, count: int = 40, labels: np.ndarray | None = None) -> str:
    """A run's model of an array of the user's."""
    file = tmp_path / f"{name}.npz"
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8), np.uint8)
    np.savez(file, images=images, **({} if labels is None else {"labels": labels}))
    write_model(checkpoints.runs_folder() / name / "last.safetensors", dataset=str(file))
    return f"run/{name}"


# Codes


def test_codes_that_the_checkpoint_keeps_need_no_data(models: Path) -> None:
    found = codes(model="elsewhere", source="kept")
    header, tensors = found[0], checkpoints.read_tensors(models / "elsewhere.safetensors")
    expected = {"count": 5, "dimensions": 3, "source": "kept", "posterior": "gaussian", "codes_dtype": "float16"}
    assert header.items() >= expected.items()
    assert header["class_names"] == list(DIGITS)
    assert (header["has_images"], header["factors"], header["terms_note"]) == (False, [], "")
    assert np.array_equal(array(found, "mean", (5, 3), "<f2"), tensors["codes.mean"].astype(np.float16))
    assert np.array_equal(array(found, "std", (5, 3), "<f2"), tensors["codes.std"].astype(np.float16))
    assert array(found, "label", (5,), "<i2").tolist() == [0, 1, 2, 3, 4]
    assert all(header[key] is None for key in ("kl", "reconstruction", "elbo", "factor", "step"))
    sources = {source["id"]: source for source in header["sources"]}
    assert list(sources) == ["test", "train", "all", "kept"]
    assert [source["here"] for source in sources.values()] == [False, False, False, True]
    assert "$VAEEXPLORER_DATA" in sources["test"]["why"] and "MNIST/raw" in sources["test"]["why"]
    assert sources["kept"]["why"] == ""
    assert get("/vaex/map/sources", model="elsewhere").json == {"sources": header["sources"], "begin": "kept"}
    assert get("/vaex/map/sources", model="tiny").json["begin"] == "test"


def test_codes_of_test_images_are_those_of_the_library(models: Path) -> None:
    found = codes(seed=3)
    header, data = found[0], datasets.load("digits")
    vae = checkpoints.load(models / "tiny.safetensors")
    expected = evaluation.encode_all(vae, data.test, 3, lambda *_: None)
    assert header["title"] == "360 test images of Digits 8x8"
    assert "drawn black or white" in header["words"]
    assert "unbiased" in header["terms_note"] and "exact" in header["terms_note"]
    assert (header["count"], header["seed"], header["has_images"]) == (360, 3, True)
    assert np.array_equal(array(found, "mean", (360, 3), "<f2"), expected.mean.astype(np.float16))
    assert np.array_equal(array(found, "std", (360, 3), "<f2"), expected.std.astype(np.float16))
    for key in ("kl", "reconstruction", "elbo"):
        assert np.array_equal(array(found, key, (360,)), getattr(expected, key).astype(np.float32))
    assert np.array_equal(array(found, "label", (360,), "<i2"), data.test_labels)
    assert codes(seed=3)[1] == found[1]
    assert codes(seed=4)[0]["digest"] != header["digest"]


def test_all_images_are_the_test_images_and_then_the_others() -> None:
    parts = {source: codes(source=source) for source in ("test", "train", "all")}
    assert parts["all"][0]["title"] == "1,797 images of Digits 8x8 (test, then training)"
    for key, shape, dtype in (("mean", (3,), "<f2"), ("elbo", (), "<f4"), ("label", (), "<i2")):
        test, train, everything = (array(parts[s], key, (parts[s][0]["count"], *shape), dtype) for s in parts)
        assert np.array_equal(np.concatenate([test, train]), everything)


def test_images_behind_codes() -> None:
    data = datasets.load("digits")
    codes(source="all")
    answer = document(get("/vaex/encoded/images", model="tiny", source="all", index="0,359,360,1796,3"))
    assert answer[0].items() >= {"shape": [1, 8, 8], "count": 5}.items()
    expected = np.concatenate([data.test, data.train])[[0, 359, 360, 1796, 3]]
    assert np.array_equal(array(answer, "images", (5, 1, 8, 8), "u1"), np.rint(expected * 255))
    for index in ("", "a", "1,", "-1", "1.5", "1797", "9" * 30, ",".join(["1"] * 101), "٣"):
        assert "index" in get("/vaex/encoded/images", model="tiny", source="all", index=index).error


def test_asking_for_images_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*given: Any, **options: Any) -> None:
        raise AssertionError("a GET read a data set")

    codes(source="kept")
    monkeypatch.setattr(datasets, "load", load)
    for name, source in (("correlated", "train"), ("tiny", "kept"), ("tiny", "none"), ("elsewhere", "test")):
        answer = get("/vaex/encoded/images", model=name, source=source, index="0")
        assert answer.status == 404
        assert "no images" in answer.error
    assert get("/vaex/encoded/images", model="none", index="0").status == 404


def test_the_factors_of_drawn_shapes(tmp_path: Path) -> None:
    write_model(checkpoints.runs_folder() / "drawn" / "last.safetensors", dataset="shapes", image_shape=(1, 64, 64))
    found, data = codes(model="run/drawn"), datasets.load("shapes")
    count = found[0]["count"]
    assert count == len(data.test)
    assert [factor["name"] for factor in found[0]["factors"]] == list(data.factor_names)
    assert found[0]["factors"][0]["values"] == ["ellipse", "rectangle", "triangle"]
    assert found[0]["factors"][1]["values"] == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert np.array_equal(array(found, "factor", (count, 5), "<i2"), data.test_factors)
    names = {e["name"] for e in ask("map/figures", model="run/drawn").json["estimates"]}
    assert {"mutual information gap", "dci_disentanglement", "factor_vae_score", "linear_probe"} <= names


def test_bits_have_codes_too() -> None:
    found = codes(model="bits")
    assert found[0]["posterior"] == "bernoulli"
    assert found[0]["sources"][3] == {
        "id": "kept", "title": "Codes in the checkpoint", "here": False, "why": "this checkpoint carries no codes",
    }  # fmt: skip
    mean = array(found, "mean", (360, 3), "<f2")
    assert ((mean >= 0) & (mean <= 1)).all()
    sampled = array(picture(model="bits", method="dimensions", of="sample"), "coordinates", (360, 2))
    assert set(np.unique(sampled)) == {0, 1}


def test_large_codes_travel_in_full_precision() -> None:
    source = uploaded(codes=np.float64([[7e4, 1], [0.1, -7e4]]))
    found = codes(source=source)
    assert found[0]["codes_dtype"] == "float32"
    assert np.array_equal(array(found, "mean", (2, 2)), np.float32([[7e4, 1], [0.1, -7e4]]))


def test_a_model_that_diverged_says_so() -> None:
    import torch

    path = write_model(checkpoints.runs_folder() / "wild" / "last.safetensors")
    vae, header = checkpoints.load(path), checkpoints.read_header(path)
    with torch.no_grad():
        for parameter in vae.encoder.parameters():
            parameter.fill_(3e38)
    checkpoints.save(path, vae, header)
    answer = ask("encoded", model="run/wild")
    assert answer.status == 422
    assert answer.error == "360 of 360 codes are not finite numbers: the model may have diverged"


@pytest.mark.parametrize("labels", ["none", "one class", "missing"])
def test_data_without_labels_of_one_class_and_a_single_test_image(tmp_path: Path, labels: str) -> None:
    given = {
        "none": None,
        "one class": np.zeros(40, int),
        "missing": np.where(np.arange(40) % 2, np.arange(40) % 3, np.nan),
    }[labels]
    name = own_model(tmp_path, labels.replace(" ", "-"), count=10 if labels == "none" else 40, labels=given)
    found = codes(model=name)
    count = found[0]["count"]
    assert count == (1 if labels == "none" else 4)
    assert (found[0]["label"] is None) == (given is None)
    figures = ask("map/figures", model=name).json
    if labels == "missing":
        seen = array(found, "label", (count,), "<i2")
        assert found[0]["class_names"] == ["0.0", "1.0", "2.0"]
        assert set(seen) <= {-1, 0, 1, 2} and -1 in seen
        held = cached.held_out(name)
        assert [held.label(i) for i in range(count)] == [None if i < 0 else f"{i}.0" for i in seen]
    else:
        assert "No accuracy of the class" in figures["notes"][-1]
    assert {"kl", "active_units"} <= {e["name"] for e in figures["estimates"]}
    assert array(picture(model=name, method="dimensions"), "coordinates", (count, 2)).shape == (count, 2)
    if count == 1:
        assert found[0]["title"] == "1 test image of " + found[0]["title"].partition(" of ")[2]
        assert "at least 2 latent dimensions and 2 points" in ask("map/picture", model=name, method="pca").error
        assert "at least 2 points" in ask("map/picture", model=name, method="tsne").error
        assert document(ask("map/density", model=name, window=[-1, 1, -1, 1], method="dimensions"))[0]["n"] == 1


# Where codes come from


@pytest.mark.parametrize("source", ["", "none", "TEST", "upload", "../kept", "x" * 1000])
def test_an_unknown_source_names_the_known_ones(source: str) -> None:
    answer = ask("encoded", source=source)
    assert answer.status == 404
    assert "test, train, all, kept" in answer.error
    assert len(answer.error) < 200


def test_what_is_not_here_says_why() -> None:
    for source in ("test", "train", "all"):
        answer = ask("encoded", model="elsewhere", source=source)
        assert answer.status == 404
        assert "MNIST is not on this machine" in answer.error.replace("mnist", "MNIST")
        assert "$VAEEXPLORER_DATA" in answer.error
    assert ask("encoded", model="foreign").error == "the images of /etc are not on this machine"
    assert ask("encoded", model="bits", source="kept").status == 404
    assert "no longer kept" in ask("encoded", source="upload-0123456789ab").error
    assert "runs" in ask("encoded", source="course").error


@pytest.mark.parametrize("route", ["encoded", "map/picture", "map/figures", "map/density", "map/fetch"])
def test_names_are_looked_up_and_never_joined(route: str) -> None:
    for name in ("", "none", "../checkpoints/tiny", "tiny.safetensors", "/etc/passwd", "run/../../x"):
        answer = ask(route, model=name, window=[0, 1, 0, 1])
        assert answer.status == 404
        assert "tiny" in answer.error, "the message names the known models"


def test_the_course_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runs"
    monkeypatch.setenv("VAEEXPLORER_RUNS", str(folder))
    path = write_run(folder)
    write_model(path / "last.safetensors")
    found = codes(model="run/digits-1", source="course")
    header, count = found[0], CODES * len(KEPT)
    assert header["title"] == f"{CODES} held-out images of Digits 8x8 at each of {len(KEPT)} steps"
    assert (header["count"], header["dimensions"], header["std"], header["kl"]) == (count, DIMS, None, None)
    assert array(found, "step", (count,), "<i4").tolist() == [step for step in KEPT for _ in range(CODES)]
    assert np.array_equal(array(found, "label", (count,), "<i2"), np.tile(np.arange(CODES) % 10, len(KEPT)))
    assert {"course"} <= {source["id"] for source in header["sources"] if source["here"]}
    assert array(picture(model="run/digits-1", source="course"), "coordinates", (count, 2)).shape == (count, 2)
    assert "no samples" in ask("map/picture", model="run/digits-1", source="course", of="sample").error
    figures = ask("map/figures", model="run/digits-1", source="course").json
    assert "step 600" in figures["notes"][0]
    assert {e["name"] for e in figures["estimates"]} == {"linear_probe", "nearest_neighbours"}
    (path / "snapshots" / f"{KEPT[3]:08}.safetensors").write_bytes(b"torn")
    kept = codes(model="run/digits-1", source="course", digest=header["digest"])
    assert kept[1] == found[1], "what was seen stays, as long as it is asked for"
    (path / "snapshots" / f"{KEPT[-1]:08}.safetensors").unlink()
    assert "damaged" in ask("encoded", model="run/digits-1", source="course").error


def test_a_run_that_goes_on_does_not_take_away_the_codes_that_are_looked_at() -> None:
    path = checkpoints.runs_folder() / "going" / "last.safetensors"
    write_model(path, seed=1)
    before = codes(model="run/going")
    write_model(path, seed=2)
    again = codes(model="run/going", digest=before[0]["digest"])
    assert again[0]["digest"] == before[0]["digest"] and again[1] == before[1]
    assert codes(model="run/going", seed=1, digest=before[0]["digest"])[0]["seed"] == 1
    assert codes(model="run/going")[0]["digest"] != before[0]["digest"]
    assert codes(model="run/going", source="train", digest=before[0]["digest"])[0]["source"] == "train"
    assert codes(digest=before[0]["digest"])[0]["digest"] != before[0]["digest"], "another model's codes"


# Questions


@pytest.mark.parametrize(
    "question",
    [
        {"seed": -1}, {"seed": 1.5}, {"seed": "0"}, {"seed": True}, {"seed": 2**31}, {"seed": None}, {"embed_seed": -1},
        {"source": 3}, {"model": None}, {"model": ["tiny"]}, {"of": "mode"}, {"of": None}, {"dims": 4}, {"dims": "2"},
        {"method": "magic"}, {"method": 3}, {"options": []}, {"options": {"first": "0"}}, {"options": {"first": [0]}},
        {"options": {"first": True}}, {"options": {"first": 10**400}}, {"options": {"x" * 100: 1}}, {"digest": 3},
        {"options": {"first": float("inf")}}, {"options": {"first": float("nan")}}, {"size": 7}, {"size": 10**6},
    ],
)  # fmt: skip
def test_what_is_no_question_gets_one_line(question: dict) -> None:
    answer = ask("map/picture", **question)
    assert answer.status == 400
    assert len(answer.error) < 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"{}", b"[" * 10_000, b'{"model": "' + b"x" * 20_000])
def test_broken_json_gets_one_line(body: bytes) -> None:
    for route in ("encoded", "map/picture", "map/density", "map/figures", "map/fetch", "jobs/cancel"):
        assert post(f"/vaex/{route}", body).status in (400, 413)
        assert post(f"/vaex/{route}", body).error


def test_other_sites_may_not_ask() -> None:
    for route in ("encoded", "map/picture", "map/density", "map/figures", "map/fetch", "map/upload", "jobs/cancel"):
        answer = post(f"/vaex/{route}", json.dumps({"model": "tiny"}).encode(), {"Sec-Fetch-Site": "cross-site"})
        assert (answer.status, answer.read) == (403, 0)
        assert get(f"/vaex/{route}").status == 405


# Pictures


@pytest.mark.parametrize(
    ("method", "dims", "of"), [("dimensions", 2, "mean"), ("pca", 3, "mean"), ("pca", 2, "sample")]
)
def test_straight_pictures_are_those_of_the_library(models: Path, method: str, dims: int, of: str) -> None:
    found = picture(method=method, dims=dims, of=of)
    vae = checkpoints.load(models / "tiny.safetensors")
    seen = evaluation.encode_all(vae, datasets.load("digits").test, 0, lambda *_: None)
    expected = embed(method, getattr(seen, of), dims)
    assert np.array_equal(array(found, "coordinates", (360, dims)), expected.coordinates)
    header = found[0]
    assert (header["method"], header["dims"], header["axis_titles"]) == (method, dims, list(expected.axis_titles))
    assert header["caution"] == expected.caution
    assert header["parameters"] == expected.parameters
    assert np.allclose(header["axes"], expected.axes) and np.allclose(header["centre"], expected.centre)
    assert (header["shares"] is None) == (expected.shares is None)
    low, high = expected.coordinates.min(0), expected.coordinates.max(0)
    window = np.reshape(header["window"], (dims, 2))
    assert (window[:, 0] < low).all() and (window[:, 1] > high).all()
    assert header["window_note"] == ""


def test_slow_pictures_are_made_apart_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = apart.embed
    monkeypatch.setattr(apart, "embed", lambda *given, **more: calls.append(given) or real(*given, **more))
    question = {"method": "tsne", "options": {"perplexity": 10, "iterations": 250}, "source": "test", "seed": 9}
    answers: list[Document] = []
    threads = [threading.Thread(target=lambda: answers.append(picture(**question))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] == answers[1] == picture(**question)
    assert len(calls) == 1
    assert answers[0][0]["axes"] is None
    assert array(answers[0], "coordinates", (360, 2)).std() > 0.1


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"method": "tsne", "source": "kept"}, "perplexity 30 needs more points than that: 5 allow 4 at most"),
        ({"method": "umap", "source": "kept"}, "15 neighbours need more points than that: 5 allow 4 at most"),
        ({"method": "tsne", "options": {"perplexity": 0}}, "Perplexity must be a number from 1 to 500"),
        ({"method": "pca", "options": {"perplexity": 5}}, "PCA has no option 'perplexity'"),
        ({"method": "dimensions", "options": {"first": 7}}, "2 different dimensions from z1 to z3, got z8, z2"),
        ({"method": "dimensions", "options": {"first": 1}}, "got z2, z2"),
    ],
)
def test_what_has_no_picture_says_why(question: dict, words: str) -> None:
    answer = ask("map/picture", **question)
    assert answer.status == 422
    assert words in answer.error


def test_far_outliers_do_not_shrink_the_picture() -> None:
    places = np.random.default_rng(0).normal(size=(5000, 2))
    places[0], places[1] = (400, 0), (0, -400)
    header = picture(source=uploaded(codes=places), method="dimensions")[0]
    assert np.abs(header["window"]).max() < 5
    assert "points lie far out" in header["window_note"]
    assert 2 <= int(header["window_note"].split()[0]) < 30
    same = picture(source=uploaded(codes=np.ones((4, 2))), method="dimensions")[0]
    assert same["window"] == [0, 2, 0, 2]
    assert "all 4 codes are the same" in ask("map/picture", source=uploaded(codes=np.ones((4, 2))), method="pca").error


def test_large_straight_pictures_are_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    from vaeexplorer.ui import map_pictures

    small = picture(method="pca", seed=21)
    monkeypatch.setattr(map_pictures, "LARGE", 10)
    encoded.JOBS._jobs.clear()  # the picture that is known
    assert picture(method="pca", seed=21) == small


def test_methods_for_a_form() -> None:
    found = get("/vaex/map/methods").json
    assert list(found) == list(EMBEDDINGS)
    assert [method["slow"] for method in found.values()] == [False, False, True, True]
    assert found["tsne"]["options"]["perplexity"] == {
        "title": "Perplexity", "default": 30.0, "least": 1, "most": 500, "whole": False,
    }  # fmt: skip
    assert found["dimensions"]["options"]["first"]["most"] is None
    assert found["umap"]["options"]["neighbours"]["whole"] is True


# Densities


@pytest.mark.parametrize("name", ["tiny", "correlated"])
def test_densities_are_those_of_the_mixture_and_of_the_prior(name: str, models: Path) -> None:
    window, size = [-3.0, 4.0, -5.0, 6.0], 40
    found = document(ask("map/density", model=name, source="kept", method="pca", window=window, size=size))
    shown = picture(model=name, source="kept", method="pca")[0]
    tensors = checkpoints.read_tensors(models / f"{name}.safetensors")
    header = found[0]
    assert (header["size"], header["window"], header["n"]) == ([size, size], window, 5)
    assert "5 images: exact for these" in header["note"] and "Nats" in header["note"]
    axes, centre = np.array(shown["axes"]), np.array(shown["centre"])
    x, y = np.linspace(*window[:2], size), np.linspace(*window[2:], size)
    places = np.stack(np.meshgrid(x, y), axis=-1)
    mixture = np.mean(
        [
            multivariate_normal(axes @ (mean - centre), axes @ np.diag(std**2) @ axes.T).pdf(places)
            for mean, std in zip(tensors["codes.mean"], tensors["codes.std"], strict=True)
        ],
        axis=0,
    )
    assert np.allclose(array(found, "log_q", (size, size)), np.log(mixture), atol=1e-4)
    mean, lower = np.zeros(3), np.eye(3)
    if name == "correlated":
        mean = tensors["prior.mean"]
        lower = np.tril(tensors["prior.below"], -1) + np.diag(np.exp(tensors["prior.log_diagonal"]))
    prior = multivariate_normal(axes @ (mean - centre), axes @ lower @ lower.T @ axes.T).logpdf(places)
    assert np.allclose(array(found, "log_prior", (size, size)), prior, atol=1e-4)


def test_the_mixture_is_of_evenly_chosen_images_and_sums_to_one() -> None:
    found = document(ask("map/density", source="all", method="dimensions", window=[-9, 9, -9, 9], size=120))
    assert found[0]["n"] == 1797
    for key in ("log_q", "log_prior"):
        total = np.exp(array(found, key, (120, 120)).astype(float)).sum() * (18 / 119) ** 2
        assert total == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"model": "bits"}, "Gaussian latents"),
        ({"method": "tsne"}, "straight picture"),
        ({"method": "pca", "dims": 3}, "straight picture with two axes"),
        ({"window": None}, "four numbers"),
        ({"window": [0, 1, 2]}, "four numbers"),
        ({"window": [1, 0, 0, 1]}, "x0 < x1"),
        ({"window": [0, float("nan"), 0, 1]}, "four numbers"),
        ({"window": [0, 1e300, 0, 1]}, "four numbers"),
        ({"window": [0, "1", 0, 1]}, "four numbers"),
    ],
)
def test_where_there_is_no_density_it_says_why(question: dict, words: str) -> None:
    answer = ask("map/density", **{"window": [-1, 1, -1, 1], "method": "dimensions", **question})
    assert answer.status == 422
    assert words in answer.error


# Figures


def test_figures_are_those_of_the_command_line(capsys: pytest.CaptureFixture, models: Path) -> None:
    from vaeexplorer import __main__

    path = str(models / "tiny.safetensors")
    __main__.main(["evaluate", path, "--methods", "representation", "--json"])
    expected = json.loads(capsys.readouterr().out)["estimates"]
    found = ask("map/figures").json
    assert [e["name"] for e in found["estimates"]] == [e["name"] for e in expected]
    for ours, theirs in zip(found["estimates"], expected, strict=True):
        assert ours.items() >= {"n": theirs["n"], "kind": theirs["kind"], "over": theirs["over"]}.items()
        assert ours["value"] == pytest.approx(theirs["value"], rel=1e-5)
    assert found["notes"] == []
    assert "test images" in ask("map/figures", source="train").json["notes"][0]


@pytest.mark.parametrize("name", ["tiny", "correlated", "bits"])
def test_figures_of_known_codes_are_those_of_their_images(name: str, models: Path) -> None:
    """The same posteriors with and without their images give the same figures."""
    import torch

    from vaeexplorer.evaluation.known_codes import representation_of

    vae, data = checkpoints.load(models / f"{name}.safetensors"), datasets.load("digits")
    seen = evaluation.encode_all(vae, data.test, 0, lambda *_: None)
    expected = {
        e.name: e
        for e in evaluation.evaluate(
            vae, data.test, ("representation",), {}, 0, lambda *_: None, labels=data.test_labels
        )
    }
    generator = torch.Generator().manual_seed(0)
    found = representation_of(vae, seen.mean, seen.std, data.test_labels, generator, lambda *_: None)
    assert [e.name for e in found] == list(expected)
    for estimate in found:
        wanted = expected[estimate.name]
        assert abs(estimate.value - wanted.value) <= 1e-4 * abs(wanted.value) + 4 * wanted.stderr + 1e-6
        assert (estimate.kind, estimate.n) == (wanted.kind, wanted.n)
    with pytest.raises(ValueError, match=r"expected codes \(N, 3\)"):
        representation_of(vae, seen.mean[:, :2], seen.std[:, :2], None, generator, lambda *_: None)


def test_figures_of_codes_without_images() -> None:
    kept = ask("map/figures", model="elsewhere", source="kept").json
    assert "without their images" in kept["notes"][0]
    assert {"kl", "mutual_information", "marginal_kl"} <= {e["name"] for e in kept["estimates"]}
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    apart_codes = rng.normal(size=(200, 7)) + 9 * labels[:, None]
    found = ask("map/figures", source=uploaded(codes=apart_codes, labels=labels)).json
    assert [(e["name"], e["value"]) for e in found["estimates"]] == [("linear_probe", 1), ("nearest_neighbours", 1)]
    assert "no KL" in " ".join(found["notes"])
    nothing = ask("map/figures", source=uploaded(codes=apart_codes)).json
    assert nothing["estimates"] == []
    assert "no classes" in nothing["notes"][-1]


# Files with codes


def test_an_upload_is_shown_as_it_is() -> None:
    given = np.random.default_rng(0).normal(size=(30, 7))
    answer = upload(npz(codes=given, labels=np.arange(30) % 3, names=["a", "b", "<b>"]), "my codes.npz").json
    assert answer.items() >= {"count": 30, "dimensions": 7, "title": "30 codes of my codes.npz"}.items()
    found = codes(source=answer["source"])
    assert found[0].items() >= {"dimensions": 7, "class_names": ["a", "b", "<b>"], "title": answer["title"]}.items()
    assert np.array_equal(array(found, "mean", (30, 7), "<f2"), given.astype(np.float32).astype(np.float16))
    assert np.array_equal(array(found, "label", (30,), "<i2"), np.arange(30) % 3)
    assert {"id": answer["source"], "title": answer["title"], "here": True, "why": ""} in found[0]["sources"]
    assert array(picture(source=answer["source"], method="pca", dims=3), "coordinates", (30, 3)).std() > 0
    assert "only the codes" in ask("map/density", source=answer["source"], window=[0, 1, 0, 1]).error
    again = upload(npz(codes=given, labels=np.arange(30) % 3, names=["a", "b", "<b>"]), "<b>é\n" + "x" * 99).json
    assert again["source"] == answer["source"]
    assert codes(source=again["source"])[0]["title"] == again["title"] == f"30 codes of <b> {'x' * 56}"


@pytest.mark.parametrize(
    ("labels", "names", "expected", "shown"),
    [
        (np.array(["cat", "dog", "cat"]), None, [0, 1, 0], ["cat", "dog"]),
        (np.array([7, 3, 7]), None, [1, 0, 1], ["3", "7"]),
        (np.array([0, -1, 1]), None, [0, -1, 1], ["0", "1"]),
        (np.array([0.0, np.nan, 2.0]), None, [0, -1, 1], ["0", "2"]),
        (np.array([0.0, np.nan, 2.0]), ["x", "y", "z"], [0, -1, 2], ["x", "y", "z"]),
        (np.array([1, 0, 2]), ["only one"], [1, 0, 2], ["0", "1", "2"]),
        (np.array([True, False, True]), None, [1, 0, 1], ["False", "True"]),
        (np.array([2, 0, 1], np.uint8), ["x", "y", "z"], [2, 0, 1], ["x", "y", "z"]),
        (np.array([-1, -1, -1]), None, None, []),
        (np.array([np.nan] * 3), None, None, []),
    ],
)
def test_labels_of_every_kind(labels: np.ndarray, names: list | None, expected: list | None, shown: list) -> None:
    given = {"names": np.array(names)} if names else {}
    found = codes(source=uploaded(codes=np.eye(3), labels=labels, **given))
    assert found[0]["class_names"] == shown
    if expected is None:
        assert found[0]["label"] is None
    else:
        assert array(found, "label", (3,), "<i2").tolist() == expected


def test_too_many_labels_are_no_classes() -> None:
    answer = upload(npz(codes=np.zeros((2000, 2)), labels=np.arange(2000))).json
    assert "labels not used, for they take 2,000 values" in answer["title"]


class Evil:
    """Unpickling it would be noticed."""

    def __reduce__(self) -> Any:
        return (print, ("unpickled",))


def spoiled(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


def claiming(shape: tuple[int, ...], dtype: str = "<f8", data: bytes = b"") -> bytes:
    """A file whose array claims a shape."""
    member, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("codes.npy", member.getvalue() + data)
    return file.getvalue()


GOOD = npz(codes=np.zeros((50, 2)))
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no .npz file"),
    "text": (b"z1,z2\n1,2\n", "no .npz file"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "no .npz file"),
    "a pickle": (pickle.dumps(np.zeros((3, 2))), "no .npz file"),
    "a plain array": (b"\x93NUMPY\x01\x00", "numpy.savez"),
    "cut short": (GOOD[:300], "no .npz file"),
    "damaged": (spoiled(GOOD, 200, b"\xff" * 20), "damaged"),
    "another zip": (npz(x=np.zeros(3)), "the file holds x: expected codes"),
    "nothing": (npz(), "the file holds nothing: expected codes"),
    "objects": (npz(codes=np.array([[Evil()]], dtype=object)), "Python objects, which are never read"),
    "objects as labels": (npz(codes=np.eye(3), labels=np.array([Evil()] * 3)), "labels holds Python objects"),
    "one axis": (npz(codes=np.zeros(5)), "shape (5,): expected numbers (N, D)"),
    "three axes": (npz(codes=np.zeros((5, 2, 2))), "shape (5, 2, 2)"),
    "no codes": (npz(codes=np.zeros((0, 2))), "shape (0, 2)"),
    "no dimensions": (npz(codes=np.zeros((5, 0))), "shape (5, 0)"),
    "too wide": (npz(codes=np.zeros((2, 5000))), "at most 4,096 dimensions"),
    "words": (npz(codes=np.array([["a", "b"]])), "<U1"),
    "complex": (npz(codes=np.zeros((2, 2), complex)), "complex128"),
    "NaN": (npz(codes=np.float32([[0, 1], [np.nan, 1], [0, np.inf]])), "2 of 3 codes are not finite"),
    "too large": (npz(codes=np.float64([[1e300, 0]])), "1 of 1 codes are not finite"),
    "fewer labels": (npz(codes=np.eye(3), labels=np.zeros(2)), "one number or word for each of 3"),
    "more axes of labels": (npz(codes=np.eye(3), labels=np.zeros((3, 1))), "shape (3, 1)"),
    "labels of another kind": (npz(codes=np.eye(3), labels=np.zeros(3, complex)), "complex128"),
    "claims more than it holds": (claiming((1000, 2), data=bytes(160)), "does not hold"),
    "holds more than it claims": (claiming((10, 2), data=bytes(200)), "does not hold"),
    "claims terabytes": (claiming((10**12, 10**3)), "unpacks to"),
    "claims to be negative": (claiming((-5, 2)), "claims the shape (-5, 2)"),
    "claims to be negative twice": (claiming((-5, -2)), "claims the shape (-5, -2)"),
    "a bomb": (claiming((600_000, 300), data=bytes(4 * MB)), "unpacks to"),
    "records": (claiming((3,), dtype="|V8", data=bytes(24)), "expected numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_line_and_is_never_unpickled(name: str, capsys: pytest.CaptureFixture) -> None:
    content, words = BAD[name]
    answer = upload(content, "x.npz")
    assert answer.status == 422
    assert words in answer.error
    assert len(answer.error) < 300
    assert "unpickled" not in capsys.readouterr().out


def test_a_million_codes() -> None:
    given = np.random.default_rng(0).normal(size=(1_000_000, 10)).astype(np.float32)
    content = npz(codes=given, labels=np.arange(1_000_000) % 10)
    source = upload(content).json["source"]
    found = codes(source=source)
    shown = picture(source=source, method="pca")
    assert found[0]["count"] == 1_000_000
    assert len(found[1]) < 24 * MB
    assert array(shown, "coordinates", (1_000_000, 2)).std() > 0.5


def test_only_the_last_two_files_are_kept() -> None:
    first, second = (uploaded(codes=np.full((3, 2), value)) for value in (0.0, 1.0))
    codes(source=first)
    third = uploaded(codes=np.full((3, 2), 2.0))
    assert set(code_uploads.listing()) == {second, third} or set(code_uploads.listing()) == {first, third}
    assert codes(source=third)[0]["count"] == 3


def test_a_file_beyond_the_limit_is_refused_without_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_uploads, "MOST_BYTES", 4 * MB)

    def flood() -> Iterator[bytes]:
        for _ in range(10**6):
            yield bytes(MB)

    answer = upload(flood())
    assert answer.status == 413
    assert "at most 4 MB" in answer.error
    assert answer.read < 300 * MB


# Jobs


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Encodings wait for this."""
    go, real = threading.Event(), evaluation.encode_all

    def slowly(vae: Any, images: np.ndarray, seed: int, progress: Any) -> Any:
        end = time.monotonic() + LONG
        while not go.is_set() and time.monotonic() < end:
            progress(0.5, "codes: half way")
            time.sleep(0.01)
        return real(vae, images, seed, progress)

    monkeypatch.setattr(evaluation, "encode_all", slowly)
    yield go
    go.set()


def test_an_encoding_tells_how_far_it_is_and_holds_nobody_up(held: threading.Event) -> None:
    body = json.dumps({"model": "tiny", "seed": 71}).encode()
    end = time.monotonic() + LONG
    while (going := post("/vaex/encoded", body)).json["text"] != "codes: half way":
        assert going.status == 202
        assert time.monotonic() < end
    assert going.json["fraction"] == 0.5
    begun = time.monotonic()
    assert post("/vaex/decode", bytes(12), model="tiny").status == 200
    assert post("/vaex/encode", b'{"index": 1}', model="tiny", kind="data").status == 200
    assert time.monotonic() - begun < 5, "sliders wait for no encoding"
    second = post("/vaex/encoded", json.dumps({"model": "tiny", "seed": 72}).encode())
    assert (second.status, second.json["text"]) == (202, "waiting for another computation")
    assert post("/vaex/map/picture", body).json["job"] == going.json["job"], "a picture waits for its codes"
    held.set()
    assert codes(seed=71)[0]["count"] == codes(seed=72)[0]["count"] == 360


def test_a_cancelled_encoding_is_told_and_begins_again_when_asked(held: threading.Event) -> None:
    body = json.dumps({"model": "tiny", "seed": 73}).encode()
    job = post("/vaex/encoded", body).json["job"]
    assert post("/vaex/jobs/cancel", json.dumps({"job": job}).encode()).json == {}
    answer = post("/vaex/encoded", body)
    assert (answer.status, answer.error) == (409, "cancelled")
    again = post("/vaex/encoded", json.dumps({"model": "tiny", "seed": 73, "again": True}).encode())
    assert again.status == 202
    assert again.json["job"] != job
    held.set()
    assert codes(seed=73)[0]["count"] == 360
    assert post("/vaex/jobs/cancel", json.dumps({"job": job}).encode()).json == {}
    assert post("/vaex/jobs/cancel", json.dumps({"job": None}).encode()).status == 200


def test_a_model_that_vanishes_meanwhile_gets_one_line(held: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(checkpoints.runs_folder() / "gone" / "last.safetensors", seed=5)
    monkeypatch.setattr(questions, "PATIENCE", 0)
    assert post("/vaex/encoded", json.dumps({"model": "run/gone"}).encode()).status == 202
    path.unlink()
    held.set()
    assert ask("encoded", model="run/gone").status == 404


# Downloads


class Download:
    """Stands in for torchvision: writes MNIST's files, in steps that report."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.steps, self.roots = threading.Event(), 0, []
        loader = DATASETS["mnist"].loader
        source = type(loader)(**{**vars(loader), "download": self})
        entry = type(DATASETS["mnist"])(**{**vars(DATASETS["mnist"]), "loader": source})
        monkeypatch.setitem(DATASETS, "mnist", entry)
        monkeypatch.setattr("vaeexplorer.torchvision_sets._reported", self.reported)

    def reported(self, progress: Any, title: str) -> Any:
        import contextlib

        self.progress = progress
        return contextlib.nullcontext()

    def __call__(self, root: Path) -> None:
        self.roots.append(root)
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for part, count in (("train", 20), ("t10k", 12)):
            images, labels = np.zeros((count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
            (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + labels.tobytes())
        end = time.monotonic() + LONG
        while not self.go.is_set() and time.monotonic() < end:
            self.progress(0.25, "MNIST: 1.0 MB of this file downloaded")
            time.sleep(0.01)


def test_a_data_set_is_fetched_with_progress_and_then_here(monkeypatch: pytest.MonkeyPatch) -> None:
    download = Download(monkeypatch)
    body, end = json.dumps({"model": "elsewhere"}).encode(), time.monotonic() + LONG
    while "1.0 MB" not in post("/vaex/map/fetch", body).json["text"]:
        assert time.monotonic() < end
    assert not cached.has_data("elsewhere"), "nothing is where it is looked for until all is there"
    download.go.set()
    assert ask("map/fetch", model="elsewhere").json == {}
    root = Path(datasets.data_root(None))
    assert [path.name for path in root.iterdir()] == ["MNIST"]
    assert codes(model="elsewhere")[0]["title"] == "12 test images of mnist"
    data_fetch.download("mnist", lambda *_: pytest.fail("it is here already"))
    assert len(download.roots) == 1


def test_a_download_that_is_cancelled_or_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(BaseException):
        pass

    def stop(fraction: float, text: str) -> None:
        raise Stop

    download = Download(monkeypatch)
    with pytest.raises(Stop):
        data_fetch.download("mnist", stop)
    root = Path(datasets.data_root(None))
    assert list(root.iterdir()) == []
    monkeypatch.setattr(Download, "__call__", lambda self, root: 1 / 0)
    with pytest.raises(DataError, match=r"MNIST could not be downloaded .*: check the connection"):
        data_fetch.download("mnist", stop)
    assert list(root.iterdir()) == []
    root.rmdir()
    root.write_text("a file")
    with pytest.raises(DataError, match=r"cannot write to .*; set .VAEEXPLORER_DATA to another folder"):
        data_fetch.download("mnist", stop)
    assert download.roots


def test_what_nobody_offers_is_not_fetched() -> None:
    for name in ("tiny", "foreign"):
        answer = ask("map/fetch", model=name)
        assert answer.status == 404
        assert "nobody offers" in answer.error


def test_images_of_a_large_set_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_codes, "SHOWN_BYTES", 10)
    assert codes(seed=99)[0]["has_images"] is False
