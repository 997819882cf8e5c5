"""The Gradients page's addresses: answers against the estimators, work that can be cancelled, one line for all bad."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.ui.bounds_client import LONG, asked_until_done, forget, model_of, plane, seen
from tests.ui.client import Answer, get, post
from tests.ui.models import write_model
from vaeexplorer import checkpoints, forecast, run_weights
from vaeexplorer.gradients import ESTIMATORS, at_model, baseline_network, diagnostics, exact, sweep_axes, sweeps
from vaeexplorer.gradients.diagnostics import TARGETS
from vaeexplorer.gradients.sweeps import SWEEPS
from vaeexplorer.ui import cached, encoded, gradients_draws, model_jobs, patience

pytestmark = pytest.mark.usefixtures("models", "fresh")

QUESTIONS = ("diagnose", "sweep", "cloud", "histogram")
FEW: dict[str, Any] = {"images": ["test:3"], "estimators": ["pathwise"], "replicates": 40, "over": "samples"}
STEPS = (0, 2, 8)


@pytest.fixture
def fresh() -> Iterator[None]:
    forget()
    gradients_draws._truths.clear()
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("gradients "):  # of a job that was cancelled or left alone
            thread.join(LONG)
    forget()


def ask(path: str, again: bool = True, **question: Any) -> Answer:
    return asked_until_done(f"/vaex/gradients/{path}", again, **FEW | question)


def found(path: str, **question: Any) -> Any:
    answer = ask(path, **question)
    assert answer.status == 200, answer.content[:300]
    return json.loads(answer.content, parse_constant=pytest.fail)  # a browser knows no NaN


def about(model: str = "tiny") -> dict[str, Any]:
    answer = get("/vaex/gradients/about", model=model)
    assert answer.status == 200, answer.content
    return answer.json


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def replicates(model: str, estimator: str, count: int, samples: int = 2, seed: int = 0, **options: Any) -> np.ndarray:
    """(count, O) of test image 3, straight from the estimator."""
    vae = model_of(model)
    pieces = at_model.local_gradients(
        vae, seen(vae, [3], seed), estimator, replicates=count, samples=samples, generator=generator(seed),
        options=options,
    )  # fmt: skip
    return torch.cat(list(pieces))[:, 0].double().numpy()


def truth(model: str, seed: int = 0) -> np.ndarray:
    vae = model_of(model)
    return exact.exact_gradient(vae, seen(vae, [3], seed), generator=generator()).gradient[0].numpy()


@pytest.fixture
def run() -> str:
    """A run that kept its weights at three steps, which differ."""
    name = plane("trained")
    path = cached.path_of(name)
    header = checkpoints.read_header(path)
    for step in STEPS:
        vae = checkpoints.load(write_model(path.parent / "other.safetensors", seed=step, codes=False, latent_dim=2))
        run_weights.write_weights(path.parent, step, vae, header)
    (path.parent / "other.safetensors").unlink()
    return name


# About


@pytest.mark.parametrize(("model", "how"), [("tiny", "reference"), ("bits", "enumeration"), ("plane", "quadrature")])
def test_about_tells_what_applies_and_why_not(model: str, how: str) -> None:
    name = plane() if model == "plane" else model
    told, vae = about(name), model_of(name)
    assert told["truth"] == how and told["latent_dim"] == vae.latent_dim
    assert told["data"] == {"count": 360, "title": "Digits 8x8"}
    assert [one["name"] for one in told["estimators"]] == list(ESTIMATORS)
    assert [one["over"] for one in told["sweeps"]] == list(SWEEPS)
    assert [one["name"] for one in told["targets"]] == list(TARGETS)
    for one in told["estimators"]:
        assert one["applies"] == (at_model.problem(vae, one["name"]) is None)
        for key in ("title", "words", "source", "objective", "unbiased", "fewest", "cost"):
            assert one[key] == getattr(ESTIMATORS[one["name"]], key)
    for one in told["sweeps"]:
        assert one["begin_with"] == one["estimators"][: len(one["begin_with"])]
        assert (one["estimators"] != []) or not one["applies"]
    for one in (*told["estimators"], *told["sweeps"], *told["targets"]):
        assert one["applies"] == (one["why"] == "") and "\n" not in one["why"]
    samples = told["defaults"]["samples"]
    assert all(ESTIMATORS[one["name"]].fewest <= samples for one in told["estimators"])


def test_what_about_calls_applicable_can_be_asked(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every sweep the first estimators at its first places, and of every target all estimators: no refusals."""
    monkeypatch.setattr(sweep_axes, "FIT", 10)  # how well is looked at elsewhere
    monkeypatch.setattr(baseline_network, "STEPS", 5)
    for name in ("bits", run):
        told = about(name)
        every = [one["name"] for one in told["estimators"] if one["applies"]]
        for target in [one["name"] for one in told["targets"] if one["applies"]]:
            rows = found("diagnose", model=name, estimators=every, target=target, replicates=4)["rows"]
            assert [row["estimator"] for row in rows] == every
        for one in [sweep for sweep in told["sweeps"] if sweep["applies"]]:
            how = {"over": one["over"], "estimators": one["begin_with"], "values": one["values"][:2], "replicates": 4}
            answer = found("sweep", model=name, **how, images=["test:3"] if one["needs_images"] else [])
            assert [series["estimator"] for series in answer["series"]] == one["begin_with"]
            assert all(series["points"] for series in answer["series"])
    assert [one["values"] for one in about(run)["sweeps"] if one["over"] == "step"] == [list(STEPS)]


@pytest.mark.parametrize("name", ["", "none", "../tiny", "tiny.safetensors", "run/../../x", "ti\nny"])
def test_names_of_models_are_looked_up(name: str) -> None:
    for answer in [get("/vaex/gradients/about", model=name), *(ask(path, model=name) for path in QUESTIONS)]:
        assert answer.status == 404
        assert "there is no model" in answer.error


def test_a_model_whose_data_are_elsewhere_can_still_be_asked_what_needs_none() -> None:
    told = about("elsewhere")
    assert told["data"] is None and "$VAEEXPLORER_DATA" in told["why"]
    assert ask("diagnose", model="elsewhere").status == 404
    answer = found("sweep", model="elsewhere", over="dimension", values=[1, 3], images=[])
    (series,) = answer["series"]
    assert [point[0] for point in series["points"]] == [1, 3] and len(series["theory"]) == 2


# The table


@pytest.mark.parametrize("target", list(TARGETS))
def test_the_table_is_what_the_estimators_say(target: str) -> None:
    """Two images, two seeds: the same as straight from diagnose, but for the seconds."""
    names, vae = ["pathwise", "leave_one_out"], model_of("tiny")
    for seed in (0, 7):
        asked = {"images": ["test:3", "test:5"], "estimators": names, "target": target, "samples": 3, "seed": seed}
        answer = found("diagnose", **asked)
        *_, last = diagnostics.diagnose(
            vae, seen(vae, [3, 5], seed), names, replicates=40, samples=3, generator=generator(seed), target=target
        )
        expected = [record.to_dict() for record in last.records]
        for row in (*answer["rows"], *expected):
            assert row.pop("seconds") > 0 and row.pop("per_second") > 0
        assert answer.pop("rows") == expected
        how = None if target == "decoder" else "reference"
        assert answer == {
            "target": target, "truth": how, "complete": True, "images": 2, "samples": 3, "replicates": 40,
        }  # fmt: skip


def test_options_reach_those_that_have_them() -> None:
    """A baseline far away ruins the score function and leaves the others alone; a soft temperature calms bits."""

    def variances(**how: Any) -> list[float]:
        return [row["variance"]["total"]["value"] for row in found("diagnose", **how)["rows"]]

    names = ["pathwise", "score_function"]
    (calm, usual), (still, ruined) = (variances(estimators=names, options=o) for o in ({}, {"baseline": 1e4}))
    assert ruined > 1000 * usual and still == calm
    hard, soft = (
        variances(model="bits", estimators=["gumbel_softmax"], options={"temperature": t}) for t in (0.1, 5.0)
    )
    assert hard[0] > 10 * soft[0]


# Sweeps


def test_a_sweep_is_what_the_estimators_say() -> None:
    vae, names = model_of("tiny"), ["pathwise", "leave_one_out"]
    answer = found("sweep", estimators=names, values=[2, 4], seed=5)
    *_, (_, _, last) = sweeps.sweep(
        vae, seen(vae, [3], 5), names, "samples", [2, 4], replicates=40, generator=generator(5)
    )
    assert answer == json.loads(json.dumps(last.to_dict())) and answer["complete"] is True
    assert set(answer["slope"]) == set(names)


def test_a_sweep_over_the_steps_of_a_run_takes_the_weights_of_each(run: str) -> None:
    """Each step's variance is that of its own model, by hand; steps can be chosen among those that are kept."""
    answer = found("sweep", model=run, over="step")
    (series,) = answer["series"]
    assert [point[0] for point in series["points"]] == [step + 1 for step in STEPS]
    vae = model_of(run)
    x, draws, path = seen(vae, [3]), generator(), cached.path_of(run).parent
    for step, point in zip(STEPS, series["points"], strict=True):
        gradients = at_model.local_gradients(
            run_weights.load_at(path, step), x, "pathwise", replicates=40, samples=2, generator=draws
        )
        assert point[1] == pytest.approx(float(torch.cat(list(gradients))[:, 0].double().var(0).sum()), rel=1e-9)
    (series,) = found("sweep", model=run, over="step", values=[0, 8])["series"]
    assert [point[0] for point in series["points"]] == [1, 9]
    answer = ask("sweep", model=run, over="step", values=[0, 3])
    assert answer.status == 422 and "no weights of step 3; it keeps those of 0, 2, 8" in answer.error


def test_sweeps_that_do_not_apply_say_why() -> None:
    for model, over, words in (
        ("tiny", "temperature", "Bernoulli"), ("tiny", "step", "only a run"), (plane(), "step", "run plane"),
    ):  # fmt: skip
        (why,) = [one["why"] for one in about(model)["sweeps"] if one["over"] == over]
        answer = ask("sweep", model=model, over=over)
        assert answer.status == 422 and answer.error.endswith(why) and words in why


# Histograms


ENTRIES = [("plane", "loc", 1), ("plane", "log_scale", 3), ("bits", "logits", 1)]  # model, part, place in a gradient


@pytest.mark.parametrize(("model", "part", "place"), ENTRIES)
def test_a_histogram_is_of_the_entry_that_was_asked_for(model: str, part: str, place: int) -> None:
    """Dimension 1 of each part: values, truth and counts of that entry, which differs from all others."""
    name = plane() if model == "plane" else model
    answer = found(
        "histogram", model=name, estimators=["score_function", "leave_one_out"], replicates=500,
        parameter={"part": part, "dim": 1},
    )  # fmt: skip
    assert answer["parameter"]["part"] == part and answer["parameter"]["dim"] == 1
    assert answer["truth"] == pytest.approx(truth(name)[place], abs=1e-9)
    assert answer["how"] == ("enumeration" if model == "bits" else "quadrature") and answer["complete"] is True
    for series in answer["series"]:
        values, edges = replicates(name, series["estimator"], 500)[:, place], np.array(series["edges"])
        assert (series["mean"], series["std"]) == pytest.approx((values.mean(), values.std(ddof=1)), rel=1e-12)
        assert series["stderr"] == pytest.approx(values.std(ddof=1) / math.sqrt(500), rel=1e-12)
        assert abs(series["mean"] - answer["truth"]) < 5 * series["stderr"]
        assert np.allclose(np.diff(edges), (edges[-1] - edges[0]) / 60)
        assert series["counts"] == np.histogram(values, edges)[0].tolist()
        below, above = series["beyond"]
        assert below == (values < edges[0]).sum() and above == (values > edges[-1]).sum()
        assert below + above <= 0.02 * 500 and sum(series["counts"]) + below + above == 500


def test_a_histogram_without_a_dimension_takes_the_one_that_matters_most() -> None:
    exactly = truth(plane("wide", latent_dim=7, posterior="bernoulli", prior="fair_bits"))
    for question in ({}, {"parameter": {"part": "logits"}}, {"parameter": {"dim": None}}):
        answer = found("histogram", model="run/wide", estimators=["disarm"], **question)
        assert answer["parameter"]["dim"] == np.abs(exactly).argmax()
        assert answer["truth"] == pytest.approx(exactly[answer["parameter"]["dim"]], abs=1e-12)
    exactly = truth(plane())
    answer = found("histogram", model="run/plane", parameter={"part": "log_scale"})
    assert answer["parameter"]["dim"] == np.abs(exactly[2:]).argmax()


def test_each_estimator_stands_beside_the_truth_of_its_own_bound() -> None:
    """That of five samples has another gradient than the ELBO; nothing that one says depends on who else is asked."""
    name = plane()
    both = found(
        "histogram", model=name, estimators=["pathwise", "iwae"], samples=5, replicates=500, parameter={"dim": 1}
    )
    for series in both["series"]:
        assert abs(series["mean"] - series["truth"]) < 5 * math.hypot(series["stderr"], series["truth_error"])
    elbo, bound = both["series"]
    assert both["truth"] == elbo["truth"] and elbo["truth"] != bound["truth"]
    assert (elbo["how"], bound["how"]) == ("quadrature", "reference")
    alone = found("histogram", model=name, estimators=["iwae"], samples=5, replicates=500, parameter={"dim": 1})
    assert alone["series"] == [bound] and alone["truth"] == bound["truth"]
    vae, column = model_of(name), alone["parameter"]["dim"]
    own = generator(gradients_draws.TRUTH_SEED)
    expected = exact.exact_gradient(vae, seen(vae, [3]), objective="iwae", samples=5, generator=own)
    assert bound["truth"] == float(expected.gradient[0, column])
    assert bound["truth_error"] == float(expected.stderr[0, column]) > 0
    fewer = found("histogram", model=name, estimators=["iwae"], samples=2, replicates=500, parameter={"dim": 0})
    again = found("histogram", model=name, estimators=["iwae"], samples=5, replicates=50, parameter={"dim": 0})
    assert fewer["truth"] != again["truth"]


def test_a_truth_is_worked_out_once_for_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    stages = exact.exact_stages
    monkeypatch.setattr(exact, "exact_stages", lambda *args, **how: asked.append(how) or stages(*args, **how))
    name = plane()
    for dim in (0, 1):
        found("histogram", model=name, parameter={"dim": dim})
    found("cloud", model=name)
    assert len(asked) == 1
    found("histogram", model=name, images=["test:4"])
    found("histogram", model=name, seed=1)
    assert len(asked) == 3


def test_bins_hold_where_nothing_varies() -> None:
    from vaeexplorer.ui.gradients_histogram import bins

    for values in (np.zeros(5), np.full(3, -1234.5), np.array([2.0])):
        edges = bins(values)
        assert len(edges) == 61 and (np.diff(edges) > 0).all() and edges[0] <= values[0] <= edges[-1]


# Clouds


def test_a_cloud_shows_the_two_dimensions_that_matter_most_or_those_asked_for() -> None:
    name = plane("five", latent_dim=5, posterior="bernoulli", prior="fair_bits")
    exactly = truth(name)
    largest = sorted(np.argsort(np.abs(exactly))[-2:].tolist())
    for dims, expected in ((None, largest), ([4, 1], [4, 1])):
        answer = found("cloud", model=name, estimators=["disarm", "score_function"], replicates=100, dims=dims)
        assert answer["dims"] == expected and answer["truth"] == "enumeration"
        assert answer["exact"] == pytest.approx(exactly[expected], abs=1e-12)
        assert ("largest" in answer["why"]) == (dims is None)
        for one in answer["clouds"]:
            values = replicates(name, one["estimator"], 100)[:, expected]
            assert np.allclose(one["points"], values, rtol=1e-5)
            assert one["mean"] == pytest.approx(values.mean(0)) and np.allclose(one["covariance"], np.cov(values.T))


def test_a_cloud_in_one_dimension_is_by_mean_and_scale() -> None:
    line = plane("line", latent_dim=1)
    answer = found("cloud", model=line, dims=[0, 5], replicates=100)
    assert [(axis["part"], axis["dim"]) for axis in answer["axes"]] == [("loc", 0), ("log_scale", 0)]
    assert np.allclose(answer["clouds"][0]["points"], replicates(line, "pathwise", 100), rtol=1e-5)
    bit = plane("bit", latent_dim=1, posterior="bernoulli", prior="fair_bits")
    answer = found("cloud", model=bit, estimators=["disarm"])
    assert answer["clouds"] == [] and "only one" in answer["why"]


# Bad input


@pytest.mark.parametrize(
    ("paths", "bad", "words"),
    [
        (QUESTIONS, {"replicates": 1}, "whole number from 2"),
        (QUESTIONS, {"replicates": 10**9}, "whole number from 2"),
        (QUESTIONS, {"samples": 0}, "whole number from 1"),
        (QUESTIONS, {"samples": 2.5}, "whole number from 1"),
        (QUESTIONS, {"seed": -1}, "seed must be"),
        (QUESTIONS, {"estimators": []}, "different names"),
        (QUESTIONS, {"estimators": ["pathwise", "pathwise"]}, "different names"),
        (QUESTIONS, {"estimators": "pathwise"}, "different names"),
        (QUESTIONS, {"estimators": ["magic"]}, "there is no estimator 'magic'"),
        (QUESTIONS, {"estimators": ["arm"]}, ""),
        (QUESTIONS, {"images": ["test:3", "test:3"]}, "different keys"),
        (QUESTIONS, {"images": []}, "different keys"),
        (QUESTIONS, {"images": [f"test:{i}" for i in range(9)]}, "different keys"),
        (QUESTIONS, {"images": ["test:360"]}, "no test image"),
        (QUESTIONS, {"images": ["picture:nothing"]}, ""),
        (QUESTIONS, {"options": {"magic": 1}}, "no"),
        (QUESTIONS, {"options": [1]}, "options must be"),
        (("diagnose", "cloud", "histogram"), {"estimators": ["leave_one_out"], "samples": 1}, "2 or more"),
        (("diagnose", "cloud", "histogram"), {"estimators": ["vimco"], "samples": 1}, "2 or more"),
        (("sweep",), {"estimators": ["vimco"], "over": "k", "values": [1]}, "needs 2 samples or more"),
        (("diagnose", "cloud", "histogram"), {"options": {"temperature": 0}, "model": "bits",
                                              "estimators": ["gumbel_softmax"]}, "temperature"),
        (("sweep",), {"model": "bits", "over": "temperature", "values": [0], "estimators": ["rebar"]}, "above 0"),
        (("diagnose", "histogram"), {"options": {"baseline": "far"}, "estimators": ["score_function"]}, "a number"),
        (("cloud", "histogram"), {"images": ["test:3", "test:4"]}, "1 different keys"),
        (("cloud",), {"replicates": 501}, "from 2 to 500"),
        (("cloud",), {"estimators": ["pathwise", "iwae", "vimco", "leave_one_out", "pathwise_joint"]}, "1 to 4"),
        (("cloud",), {"dims": [0, 0]}, "two different dimensions"),
        (("cloud",), {"dims": [0, 3]}, "dims must be"),
        (("cloud",), {"dims": [0]}, "dims must be"),
        (("histogram",), {"parameter": {"part": "logits"}}, "one of loc, log_scale"),
        (("histogram",), {"parameter": {"dim": 3}}, "from 0 to 2"),
        (("histogram",), {"parameter": 7}, "part must be"),
        (("diagnose",), {"target": "all"}, "one of outputs, encoder, decoder"),
        (("sweep",), {"over": "moon"}, "one of samples"),
        (("sweep",), {"values": []}, "values must be"),
        (("sweep",), {"values": [1.5]}, "whole numbers"),
        (("sweep",), {"values": [10**4]}, "values must be"),
        (("sweep",), {"values": [True]}, "values must be"),
        (("sweep",), {"over": "k"}, "is for iwae"),
        (("sweep",), {"options": {"baseline": -80}, "estimators": ["score_function"]}, "a sweep goes without options"),
    ],
)  # fmt: skip
def test_bad_questions_are_one_line(paths: tuple[str, ...], bad: dict[str, Any], words: str) -> None:
    for path in paths:
        answer = ask(path, **bad)
        assert answer.status in (400, 404, 422)
        assert words in answer.error and "server" not in answer.error


def test_a_target_that_does_not_apply_is_one_line() -> None:
    name = plane("folded", architecture="conv28", image_shape=(1, 28, 28), hidden=(8,))
    (why,) = [one["why"] for one in about(name)["targets"] if one["name"] == "decoder"]
    answer = ask("diagnose", model=name, target="decoder", images=["test:1"])
    assert answer.status in (404, 422) and "convolutions" in why


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_diverged_model_is_one_line(path: str) -> None:
    from safetensors.numpy import load_file, save_file

    name = plane("diverged")
    file = cached.path_of(name)
    text = {"vaeexplorer": checkpoints.read_header(file).model_dump_json(exclude={"digest"})}
    save_file({k: np.full_like(v, 3e38) if "decoder" in k else v for k, v in load_file(file).items()}, file, text)
    answer = ask(path, model=name)
    assert answer.status == 422 and "diverged" in answer.error


@pytest.mark.parametrize("path", QUESTIONS)
def test_nobody_can_ask_for_hours(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
    answer = ask(path)
    assert answer.status == 422 and answer.error.startswith("this would take about ")
    assert not encoded.JOBS._jobs


def test_time_grows_with_everything_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is counted: what takes twice as long is told so, in images, replicates, samples, estimators, places."""
    counted: list[float] = []
    monkeypatch.setattr(sweep_axes, "FIT", 10)
    monkeypatch.setattr(patience, "seconds", lambda name, work: counted.append(work.decodings) or 0.0)
    exactly, usual = forecast.SLOPE * forecast.REFERENCE, 3 * 2 * 40

    def work(path: str, **more: Any) -> set[float]:
        counted.clear()
        ask(path, **more)
        return set(counted)  # it is looked at whenever the page asks

    assert work("diagnose") == work("cloud") == work("histogram") == {usual + exactly}
    assert work("diagnose", replicates=80) == work("diagnose", samples=4) == {2 * usual + exactly}
    assert work("diagnose", images=["test:3", "test:4"]) == {2 * (usual + exactly)}
    assert work("diagnose", estimators=["pathwise", "score_function"]) == {usual + usual / 3 + exactly}
    assert work("diagnose", target="decoder") == {3 * usual}
    assert work("sweep", values=[1, 3, 4]) == {usual / 2 * value for value in (1, 3, 4)}
    assert work("sweep", over="distance", values=[0, 0.5, 1]) == {3 * usual}
    long = ask("sweep", over="dimension", images=[], replicates=20_000, samples=1000, values=[100, 110, 120, 128])
    assert long.status == 422 and long.error.startswith("this would take about 31 minutes")


def test_what_would_fill_the_memory_is_refused() -> None:
    wide = plane("wide", latent_dim=50)
    for path, model, many in (("diagnose", "tiny", 100_000), ("sweep", wide, 20_000)):
        answer = ask(path, model=model, replicates=many, images=[f"test:{i}" for i in range(8)])
        assert answer.status == 422 and "is the most here" in answer.error and "ask for fewer" in answer.error
    assert not encoded.JOBS._jobs


# Partial results, cancelling, one after the other


class Slow:
    """A diagnosis that goes on only when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.begun = threading.Semaphore(0), 0
        monkeypatch.setattr(model_jobs, "TOLD", 0.0)
        self.diagnose = diagnostics.diagnose
        monkeypatch.setattr(diagnostics, "diagnose", self)

    def __call__(self, *args: Any, **how: Any) -> Iterator[Any]:
        self.begun += 1
        for stage in self.diagnose(*args, **how):
            if stage.records:
                assert self.go.acquire(timeout=LONG)
                yield stage

    def step(self, body: bytes) -> dict[str, Any]:
        """One stage further; what the page is then told."""
        before = told(body)["fraction"]
        self.go.release()
        end = time.monotonic() + LONG
        while (now := told(body))["fraction"] == before:
            assert time.monotonic() < end
            time.sleep(0.01)
        return now


def told(body: bytes) -> dict[str, Any]:
    answer = post("/vaex/gradients/diagnose", body)
    assert answer.status == 202, answer.content
    return answer.json


def body(**question: Any) -> bytes:
    asked = {"model": "tiny", **FEW, "estimators": ["pathwise", "score_function"], "replicates": 3000} | question
    return json.dumps(asked).encode()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    hand = Slow(monkeypatch)
    yield hand
    for _ in range(50):
        hand.go.release()


def test_cancelled_half_way_the_part_is_the_answer(slow: Slow) -> None:
    now = slow.step(body())
    (row,) = now["partial"]["rows"]
    assert row["estimator"] == "pathwise" and 2 <= row["replicates"] < 3000
    assert now["partial"]["complete"] is False and "pathwise" in now["text"]
    assert post("/vaex/jobs/cancel", json.dumps({"job": now["job"]}).encode()).status == 200
    for _ in range(2):
        answer = post("/vaex/gradients/diagnose", body())
        assert answer.status == 200 and answer.json == now["partial"]


def test_one_question_after_the_other_and_each_asked_once(slow: Slow) -> None:
    """A second one waits and does not begin; the same question from another tab is the same job."""
    first = slow.step(body())
    assert told(body())["job"] == first["job"]
    second = told(body(seed=1))
    assert second["job"] != first["job"] and second["text"] == "waiting for another computation"
    assert slow.begun == 1
    post("/vaex/jobs/cancel", json.dumps({"job": first["job"]}).encode())
    slow.go.release()  # the first one's thread stops at its next stage
    assert slow.step(body(seed=1))["partial"]["rows"]
    assert slow.begun == 2


def _drawn(part: dict[str, Any]) -> int:
    return int(part["series"][0]["replicates"])


def test_draws_are_shown_before_the_truth_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them: time passes only once the truth is worked on, so that no later piece than the first was told."""
    go, stages, now = threading.Event(), exact.exact_stages, [0.0]

    def waiting(*args: Any, **how: Any) -> Iterator[Any]:
        for stage in stages(*args, **how):
            now[0] += 2 * model_jobs.TOLD
            yield stage
            assert go.wait(LONG)

    monkeypatch.setattr(exact, "exact_stages", waiting)
    monkeypatch.setattr(model_jobs, "time", SimpleNamespace(monotonic=lambda: now[0]))
    asked = FEW | {"parameter": {"dim": 1}, "replicates": 3000}
    question = json.dumps({"model": "tiny", **asked}).encode()
    end = time.monotonic() + LONG
    while not (part := post("/vaex/gradients/histogram", question).json["partial"]) or _drawn(part) < 3000:
        assert time.monotonic() < end, part
        time.sleep(0.01)
    assert part["complete"] is False and "truth" not in part and "truth" not in part["series"][0]
    go.set()
    answer = found("histogram", again=False, **asked)
    assert answer["truth"] is not None and answer["series"][0]["truth"] == answer["truth"]


def test_every_part_of_a_question_makes_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_axes, "FIT", 10)
    changes = (
        {}, {"seed": 1}, {"images": ["test:4"]}, {"estimators": ["score_function"]}, {"samples": 3}, {"replicates": 41},
        {"estimators": ["score_function"], "options": {"baseline": 1}}, {"parameter": {"part": "log_scale"}},
    )  # fmt: skip
    means = {json.dumps(change): found("histogram", **change)["series"][0]["mean"] for change in changes}
    assert len(set(means.values())) == len(changes)
    other = [found("sweep", **change)["series"][0]["points"] for change in ({}, {"values": [3]}, {"over": "distance"})]
    assert len({json.dumps(points) for points in other}) == 3
    rows = [found("diagnose", target=target)["rows"] for target in TARGETS]
    assert len({row["variance"]["total"]["value"] for (row,) in rows}) == len(TARGETS)


def test_the_same_question_gives_the_same_bits_and_leaves_the_model_alone() -> None:
    vae = cached.network("tiny")
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    first = [found(path) for path in ("sweep", "cloud", "histogram")]
    forget()
    assert [found(path) for path in ("sweep", "cloud", "histogram")] == first
    assert not vae.training and all(parameter.grad is None for parameter in vae.parameters())
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
