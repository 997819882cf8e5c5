"""`gradients` as a person uses it: what it prints, what it refuses, and that its numbers are those of the library."""

from __future__ import annotations

import json
import math

import pytest
import torch

from tests import command_line
from vaeexplorer import checkpoints, commands, datasets, forecast, linear_gaussian
from vaeexplorer.__main__ import main
from vaeexplorer.evaluation.batches import Batch
from vaeexplorer.gradients import diagnostics, sweeps
from vaeexplorer.gradients.at_model import PILOT
from vaeexplorer.gradients.exact import REFERENCE
from vaeexplorer.gradients.quadratic import Quadratic
from vaeexplorer.gradients.registry import ESTIMATORS

FEW = ["--images", "2", "--replicates", "60"]
GAUSSIAN = [name for name, entry in ESTIMATORS.items() if "gaussian" in entry.latents]


def document(capsys, *arguments):
    return command_line.document(capsys, "gradients", *arguments)


def refused(capsys, *arguments):
    return command_line.refused(capsys, "gradients", *arguments)


def test_all_estimators_that_apply_are_measured_and_the_others_say_why(capsys):
    found = document(capsys, "digits-2d", *FEW, "--seed", "3")
    assert (found["model"], found["dataset"], found["images"], found["seed"]) == ("digits-2d", "digits", 2, 3)
    assert (found["binarization"], found["target"], found["replicates"]) == ("dynamic", "outputs", 60)
    assert found["complete"]
    assert [row["estimator"] for row in found["rows"]] == GAUSSIAN
    assert found["left_out"].keys() == ESTIMATORS.keys() - set(GAUSSIAN)
    assert all("latents" in why for why in found["left_out"].values())
    for row in found["rows"]:
        entry = ESTIMATORS[row["estimator"]]
        assert row["samples"] == entry.fewest, "as few as it needs"
        assert row["evaluations"] == entry.fewest * entry.cost
        total = row["variance"]["total"]
        assert total["low"] < total["value"] < total["high"]
        assert total["value"] == pytest.approx(row["variance"]["loc"]["value"] + row["variance"]["log_scale"]["value"])
        assert row["per_evaluation"] == pytest.approx(total["value"] * row["evaluations"])
        assert row["how"] == ("quadrature" if entry.objective != "iwae" or row["samples"] == 1 else "reference")


def test_the_numbers_are_those_of_the_library_for_the_images_and_the_seed(capsys):
    found = document(capsys, "digits-2d", *FEW, "--seed", "3", "--estimators", "leave_one_out", "--samples", "3")
    vae = checkpoints.load(checkpoints.SHIPPED / "digits-2d.safetensors")
    x = Batch(datasets.load("digits").test[:2], range(2), 3).seen(vae)
    *_, last = diagnostics.diagnose(
        vae, x, ["leave_one_out"], replicates=60, samples=3, generator=torch.Generator().manual_seed(3)
    )
    (row,) = found["rows"]
    assert row["samples"] == 3 and found["left_out"] == {}
    assert row["variance"] == last.records[0].to_dict()["variance"]
    assert row["bias"] == last.records[0].to_dict()["bias"]
    other = document(capsys, "digits-2d", *FEW, "--seed", "4", "--estimators", "leave_one_out", "--samples", "3")
    assert other["rows"][0]["variance"] != row["variance"]


def test_the_exact_model_gives_the_variances_of_the_closed_form(capsys):
    names = {"pathwise": "pathwise", "score_function": "score_function", "sticking_the_landing": "sticking_the_landing"}
    found = document(capsys, "demo", "--estimators", ",".join(names), "--replicates", "20000")
    model, x, q = linear_gaussian.example()
    w, s2 = model.weight, model.variance
    constant = -1.5 * torch.log(torch.tensor(2 * torch.pi * s2)) - ((x[0] - model.bias) ** 2).sum() / (2 * s2)
    likelihood = Quadratic(-w.T @ w / (2 * s2), w.T @ (x[0] - model.bias) / s2, float(constant))
    joint = Quadratic(likelihood.matrix - 0.5 * torch.eye(2, dtype=w.dtype), likelihood.vector, 0.0)
    exact = {
        "pathwise": likelihood.under(q.mean[0], q.log_std[0]).pathwise(),
        "score_function": likelihood.under(q.mean[0], q.log_std[0]).score_function(0.0),
        "sticking_the_landing": joint.under(q.mean[0], q.log_std[0]).sticking_the_landing(),
    }
    assert found["model"] == "demo" and "dataset" not in found
    for row in found["rows"]:
        assert row["how"] == "closed form" and not row["bias"]["biased"]
        for part, variance in zip(("loc", "log_scale"), exact[row["estimator"]], strict=True):
            measured = row["variance"][part]
            error = (measured["high"] - measured["low"]) / (2 * 1.96)  # 1 to 5 % here
            assert abs(measured["value"] - float(variance.sum())) < 5 * error, (row["estimator"], part)


def test_weights_of_the_encoder_and_of_the_decoder(capsys):
    for target in ("encoder", "decoder"):
        arguments = ["digits-2d", *FEW, "--target", target, "--estimators", "pathwise"]
        (row,) = document(capsys, *arguments)["rows"]
        layers = {part: entry["value"] for part, entry in row["variance"].items() if part != "total"}
        assert len(layers) == 3
        assert sum(layers.values()) == pytest.approx(row["variance"]["total"]["value"], rel=1e-6)
        assert main(["gradients", *arguments]) == 0
        assert f"all weights of the {target}" in capsys.readouterr().out


def test_the_table_for_people(capsys):
    assert main(["gradients", "digits-bernoulli", *FEW, "--estimators", "disarm,gumbel_softmax"]) == 0
    out = capsys.readouterr().out
    assert "by the outputs of the encoder, 60 replicates of each of 2 images" in out
    assert "exact gradient by enumeration" in out
    assert out.index("disarm ") < out.index("gumbel_softmax ")
    assert "left out" not in out and "binary images" not in out
    assert main(["gradients", "digits-2d", *FEW, "--samples", "1", "--estimators", "all"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("binary images (dynamic)")
    assert "left out, as they need more samples: leave_one_out, vimco" in out


def test_options_of_an_estimator_reach_it(capsys):
    arguments = ["digits-bernoulli", *FEW, "--estimators", "gumbel_softmax,arm"]
    sharp, smooth = (document(capsys, *arguments, "--temperature", t)["rows"] for t in ("0.1", "2"))
    assert sharp[0]["variance"]["total"]["value"] > 5 * smooth[0]["variance"]["total"]["value"]


def test_the_list_is_the_registry(capsys):
    rows = document(capsys, "--list")
    assert [row["name"] for row in rows] == list(ESTIMATORS)
    assert all(row["source"] == ESTIMATORS[row["name"]].source and "why_not" not in row for row in rows)
    found = {row["name"]: row["why_not"] for row in document(capsys, "digits-bernoulli", "--list")}
    assert {name for name, why in found.items() if why is None} == {
        name for name, entry in ESTIMATORS.items() if "bernoulli" in entry.latents
    }
    assert main(["gradients", "demo", "--list"]) == 0
    assert "not here: arm needs bernoulli latents" in capsys.readouterr().out


def test_a_sweep_in_numbers_and_for_people(capsys):
    arguments = ["demo", "--sweep", "samples=1,4,16", "--estimators", "pathwise", "--replicates", "1000"]
    found = document(capsys, *arguments)
    assert found["over"] == "samples" and found["complete"]
    (series,) = found["series"]
    assert [point[0] for point in series["points"]] == [1, 4, 16]
    slope = found["slope"]["pathwise"]
    assert slope["stderr"] < 0.05 and abs(slope["value"] + 1) < 5 * slope["stderr"]
    assert main(["gradients", *arguments]) == 0
    out = capsys.readouterr().out
    assert f"pathwise: slope of the variance {slope['value']:.3f} ± {slope['stderr']:.3f}" in out
    assert len(out.splitlines()) == 6


def test_a_sweep_takes_what_fits_the_model_and_needs_none_for_dimensions(capsys):
    found = document(capsys, "digits-bernoulli", *FEW, "--sweep", "temperature=0.5")
    assert {series["estimator"] for series in found["series"]} == set(sweeps.fitting("temperature", None))
    found = document(capsys, "demo", "--replicates", "60", "--sweep", "samples=1")
    assert {series["estimator"] for series in found["series"]} == set(GAUSSIAN) & set(
        sweeps.fitting("samples", None)
    ) - {"leave_one_out"}
    found = document(capsys, "--sweep", "dimension=1,3", "--estimators", "pathwise", "--replicates", "200")
    assert "model" not in found and len(found["series"][0]["theory"]) == 2


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    quick = ["--dataset", "digits", "--hidden", "8", "--latent-dim", "2", "--epochs", "1"]
    assert main(["train", *quick, "--run-dir", str(path)]) == 0
    return path


def test_a_sweep_over_the_steps_of_a_run(run, capsys):
    arguments = [str(run), *FEW, "--estimators", "pathwise", "--sweep"]
    found = document(capsys, *arguments, "step")
    steps = [point[0] - 1 for point in found["series"][0]["points"]]
    assert steps[0] == 0 and len(steps) >= 3 and steps == sorted(set(steps))
    chosen = document(capsys, *arguments, f"step={steps[-1]:g},0")
    assert [point[0] - 1 for point in chosen["series"][0]["points"]] == [0, steps[-1]]
    assert "keeps its weights of the steps 0, " in refused(capsys, *arguments, "step=0,123456")
    assert "keeps its weights of the steps 0, " in refused(capsys, *arguments, "step=0.5")


POINTS = "digits-2d"
BITS = "digits-bernoulli"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([POINTS, "--estimators", "arm"], "arm needs bernoulli latents, these are gaussian"),
        ([BITS, "--estimators", "score_function,pathwise"], "pathwise needs gaussian latents, these are bernoulli"),
        ([POINTS, "--estimators", "pathwise,reinforce"], "--estimators takes all, or some of pathwise, "),
        ([POINTS, "--estimators", " , "], "--estimators takes all, or some of pathwise, "),
        ([POINTS, "--replicates", "1"], "a variance needs replicates as a whole number of 2 or more, got 1"),
        ([POINTS, "--replicates", "0"], "expected a whole number of at least 1, got '0'"),
        ([POINTS, "--samples", "-2"], "--samples"),
        ([POINTS, "--samples", "1", "--estimators", "leave_one_out"], "leave_one_out needs samples as a whole number"),
        ([POINTS, "--samples", "1", "--estimators", "vimco"], "vimco needs samples as a whole number of 2 or more"),
        ([BITS, "--temperature", "0", "--estimators", "gumbel_softmax"], "gumbel_softmax needs a finite temperature"),
        ([BITS, "--temperature", "nan"], "needs a finite temperature above 0, got nan"),
        ([BITS, "--temperature", "warm"], "--temperature"),
        ([POINTS, "--temperature", "0.5"], "none of these estimators has a temperature: leave out"),
        ([POINTS, "--target", "weights"], "--target is one of outputs, encoder, decoder; got 'weights'"),
        (["demo", "--target", "encoder"], "no encoder network"),
        (["demo", "--dataset", "digits"], "demo has a point of its own"),
        ([], "name a model"),
        (["no-such-model"], "no checkpoint 'no-such-model'"),
        ([POINTS, "--dataset", "no-such-data"], "no-such-data"),
        (["mnist-2d", "--dataset", "digits"], "the model takes images of shape (1, 28, 28), the data set"),
        ([POINTS, "--sweep", "time"], "--sweep is one of samples, k, "),
        ([POINTS, "--sweep", "samples=1,two"], "--sweep takes numbers with commas between them"),
        ([POINTS, "--sweep", "samples=inf"], "--sweep takes numbers with commas between them"),
        ([POINTS, "--sweep", "samples="], "--sweep takes numbers with commas between them"),
        ([POINTS, "--sweep", "samples=0,1"], "a sweep over samples needs whole numbers of 1 or more, got 0.0"),
        ([POINTS, "--sweep", "samples=1", "--estimators", "leave_one_out"], "leave_one_out needs 2 samples or more"),
        ([POINTS, "--sweep", "k=1", "--estimators", "vimco"], "vimco needs 2 samples or more"),
        ([POINTS, "--sweep", "k", "--estimators", "pathwise"], "a sweep over k is for iwae, "),
        ([POINTS, "--sweep", "samples", "--replicates", "1"], "one replicate has no variance"),
        ([POINTS, "--sweep", "temperature"], "a temperature relaxes bits"),
        ([BITS, "--sweep", "temperature=0"], "a sweep over temperature needs finite numbers above 0, got 0.0"),
        ([POINTS, "--sweep", "step"], "--sweep step goes through a run's training"),
        (["--sweep", "samples"], "name a model"),
        ([POINTS, "--sweep", "samples", "--target", "encoder"], "--sweep goes without --target"),
        ([BITS, "--sweep", "samples", "--temperature", "1"], "--sweep goes without --temperature"),
    ],
)  # fmt: skip
def test_mistakes_get_one_line(capsys, monkeypatch, arguments, words):
    for name in ("TOLD_SECONDS", "PATIENT_SECONDS"):  # how long the machine would take is not the mistake
        monkeypatch.setattr(commands, name, math.inf)
    assert words in refused(capsys, *arguments)


def test_a_diverged_model_gets_one_line(capsys, tmp_path):
    vae = checkpoints.load(checkpoints.SHIPPED / "digits-2d.safetensors")
    with torch.no_grad():
        vae.encoder[-1].bias[2:] = 1000  # log standard deviations
    path = tmp_path / "diverged.safetensors"
    checkpoints.save(path, vae, checkpoints.read_header(checkpoints.SHIPPED / "digits-2d.safetensors"))
    arguments = [str(path), *FEW, "--estimators", "pathwise"]
    assert "the model has diverged" in refused(capsys, *arguments)
    assert "the model has diverged" in refused(capsys, *arguments, "--sweep", "samples=1")


def test_what_would_take_too_long_is_refused_before_the_work(capsys, monkeypatch):
    line = refused(capsys, "digits-2d", "--replicates", "200000000")
    assert "this would take about" in line and ("--patient" in line or "this machine has" in line)
    line = refused(capsys, "digits-2d", "--sweep", "samples=1,10000000")
    assert "this would take about" in line and "--patient" in line
    monkeypatch.setattr(commands, "TOLD_SECONDS", 0.0)
    monkeypatch.setattr(commands, "PATIENT_SECONDS", 1e-9)
    arguments = ["digits-2d", *FEW, "--estimators", "pathwise", "--json"]
    assert "--patient" in refused(capsys, *arguments)
    assert main(["gradients", *arguments, "--patient"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("this will take about") and json.loads(out)["complete"]


def test_the_forecast_counts_decoder_evaluations():
    vae = checkpoints.load(checkpoints.SHIPPED / "digits-2d.safetensors")
    pairs = [("pathwise", 1), ("leave_one_out", 4)]
    work = forecast.gradient_work(vae, pairs, images=2, replicates=100)
    assert work.decodings == 2 * 100 * (3 * 1 + 1 * 4), "its exact gradient is known without draws"
    assert work.numbers == 2 * 100 * 4
    assert forecast.gradient_work(vae, [("score_function_mean_baseline", 1)], 2, 100).decodings == 2 * (100 + PILOT)
    bound = forecast.gradient_work(vae, [("iwae", 5), ("vimco", 5)], 2, 100)
    assert bound.decodings == 2 * (100 * 5 * (3 + 1) + 3 * REFERENCE), "one reference for both"
    assert forecast.gradient_work(vae, [("iwae", 5)], 2, 100, compared=False).decodings == 2 * 100 * 5 * 3


def interrupted(real, after):
    """The same iterator, with Ctrl-C where it would give its item number `after`."""

    def stages(*arguments, **options):
        for number, stage in enumerate(real(*arguments, **options)):
            if number == after:
                raise KeyboardInterrupt
            yield stage

    return stages


def test_ctrl_c_prints_what_has_been_found(capsys, monkeypatch):
    real = diagnostics.diagnose
    arguments = ["gradients", "digits-2d", *FEW, "--estimators", "pathwise,score_function"]
    stages = list(real_stages(real))
    first = next(n for n, stage in enumerate(stages) if stage.records and stage.records[0].replicates == 60)
    for after, rows in ((first + 1, 1), (0, 0)):
        monkeypatch.setattr(diagnostics, "diagnose", interrupted(real, after))
        assert main([*arguments, "--json"]) == 130
        out, err = capsys.readouterr()
        assert err == "interrupted: what is printed is a part of what was asked for\n"
        found = json.loads(out)
        assert not found["complete"] and len(found["rows"]) == rows
        assert main(arguments) == 130
        assert ("pathwise " in capsys.readouterr().out) == bool(rows)


def real_stages(real):
    vae = checkpoints.load(checkpoints.SHIPPED / "digits-2d.safetensors")
    x = Batch(datasets.load("digits").test[:2], range(2), 0).seen(vae)
    return real(vae, x, ["pathwise", "score_function"], replicates=60, generator=torch.Generator().manual_seed(0))


def test_ctrl_c_in_a_sweep(capsys, monkeypatch):
    real = sweeps.sweep
    arguments = ["gradients", "demo", "--replicates", "60", "--estimators", "pathwise", "--sweep", "samples=1,2,4"]
    for after, points in ((2, 2), (0, 0)):
        monkeypatch.setattr(sweeps, "sweep", interrupted(real, after))
        assert main([*arguments, "--json"]) == 130
        found = json.loads(capsys.readouterr().out)
        assert not found["complete"]
        assert sum(len(series["points"]) for series in found["series"]) == points
        assert main(arguments) == 130
        capsys.readouterr()
