"""The command line as a person uses it: what it prints, where, and with which exit status."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.run_folders import cut_at
from vaeexplorer import checkpoints, commands, datasets, evaluate_command, evaluation, runs
from vaeexplorer.__main__ import main
from vaeexplorer.ui import code_uploads

QUICK = ["--dataset", "digits", "--hidden", "16", "--latent-dim", "2", "--epochs", "2"]


@pytest.fixture
def trained(tmp_path, capsys):
    assert main(["train", *QUICK, "--run-dir", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    return tmp_path / "run"


def refused(capsys, *arguments):
    """The one line that a mistake gets: on stderr, exit status 2, nothing on stdout, no traceback."""
    try:
        status = main(arguments)
    except SystemExit as error:  # argparse leaves this way
        status = error.code
    out, err = capsys.readouterr()
    lines = [line for line in err.replace("\r", "\n").split("\n") if line.strip()]
    assert (status, out) == (2, "")
    assert len(lines) == 1, err
    return lines[0]


def test_train_writes_a_complete_run(trained, capsys):
    header = checkpoints.read_header(trained / "last.safetensors")
    assert header.name == "run"
    assert header.vae.image_shape == (1, 8, 8)
    assert (header.vae.hidden, header.train.epochs) == ((16,), 2)
    assert {e.name for e in header.estimates} == {"elbo", "reconstruction", "kl"}
    assert all(e.n == 360 for e in header.estimates)
    assert len(header.kl_per_dimension) == 2
    assert len(header.code_quantiles) == 101
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert (rows[0]["step"], rows[-1]["step"]) == (1, 24)
    assert json.loads((trained / "status.json").read_text())["state"] == "finished"
    assert json.loads((trained / "config.json").read_text())["train"]["epochs"] == 2
    assert "already holds a run" in refused(capsys, "train", *QUICK, "--run-dir", str(trained))


def test_train_as_one_json_document(tmp_path, capsys):
    assert main(["train", *QUICK, "--json", "--run-dir", str(tmp_path / "run")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["run"], document["state"], document["step"]) == (str(tmp_path / "run"), "finished", 24)
    assert {e["name"] for e in document["estimates"]} == {"elbo", "reconstruction", "kl"}


def test_a_run_without_a_name_gets_a_folder_of_its_own(capsys):
    assert main(["train", *QUICK]) == 0
    assert main(["train", *QUICK]) == 0
    assert list(runs.listing()) == ["digits-2", "digits-1"]
    assert capsys.readouterr().out.splitlines()[-1] == str(runs.find("digits-2") / "last.safetensors")
    assert runs.arguments(runs.find("digits-1")) == QUICK


def test_resume_where_nothing_has_begun_starts(tmp_path, capsys):
    assert main(["train", *QUICK, "--resume", "--run-dir", str(tmp_path / "run")]) == 0
    assert "nothing has begun in" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["train", *QUICK, "--run-dir", str(tmp_path / "empty"), "--resume"]) == 0
    assert "nothing has begun in" in capsys.readouterr().err
    assert runs.config(tmp_path / "run").train == runs.config(tmp_path / "empty").train
    assert "--resume" not in runs.config(tmp_path / "run").command


@pytest.mark.parametrize(
    ("again", "says"),
    [
        (["--epochs", "3"], "--epochs 3 does not agree with this run, which has 2: leave --epochs out"),
        (["--hidden", "16", "8"], "--hidden 16 8 does not agree with this run, which has 16"),
        (["--posterior", "bernoulli"], "--posterior bernoulli does not agree with this run, which has gaussian"),
        (["--beta-start", "2"], "--beta-start 2.0 does not agree with this run, which has None"),
        (["--dataset", "mnist"], "--dataset mnist does not agree with this run, which has digits"),
        (["--seed", "x"], "Input should be a valid integer"),
    ],
)
def test_options_given_again_must_agree(again, says, tmp_path, capsys, monkeypatch):
    cut_at(monkeypatch, 5, tmp_path / "run", *QUICK)
    assert says in refused(capsys, "train", "--run-dir", str(tmp_path / "run"), "--resume", *again)
    options = ["--epochs", "2", "--seed", "0", "--hidden", "16", "--beta", "1.0"]
    assert main(["train", "--run-dir", str(tmp_path / "run"), "--resume", *options]) == 0


def test_what_is_no_field_of_a_config_is_kept_for_resuming(tmp_path, capsys, monkeypatch):
    """--image-size and --data-dir, and paths from the folder where the run began."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "faces.npy", rng.integers(0, 256, (60, 28, 20), dtype=np.uint8))
    arguments = ["--dataset", str(tmp_path / "faces.npy"), "--image-size", "16", "--epochs", "3", "--hidden", "8"]
    cut_at(monkeypatch, 2, tmp_path / "run", *arguments)
    assert main(["train", "--resume", "--run-dir", str(tmp_path / "run")]) == 0
    assert checkpoints.read_header(tmp_path / "run" / "last.safetensors").vae.image_shape == (1, 16, 16)


def test_same_seed_same_weights(trained, tmp_path):
    assert main(["train", *QUICK, "--run-dir", str(tmp_path / "again")]) == 0
    first, second = (checkpoints.read_tensors(p / "last.safetensors") for p in (trained, tmp_path / "again"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_evaluate_prints_one_json_document(trained, capsys):
    arguments = ["evaluate", str(trained), "--methods", "elbo,iwae", "--samples", "20", "--images", "50", "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == 50
    assert document["binarization"] == "dynamic"
    found = {e["name"]: e for e in document["estimates"]}
    assert found["iwae_20"]["value"] > found["elbo"]["value"]
    assert found["elbo"]["kind"] == found["iwae_20"]["kind"] == "lower bound"
    assert found["elbo"]["n"] == 50
    assert {"kl_1", "kl_2", "kl", "reconstruction"} <= found.keys()


def test_evaluate_has_an_entry_for_each_method(capsys):
    methods = "elbo,prior,iwae,refined,ais,bdmc,grid,gap,representation"
    quick = ["--samples", "50", "--ais-steps", "5", "--fit-steps", "5", "--chains", "2", "--simulated", "4"]
    assert main(["evaluate", "digits-2d", "--methods", methods, "--images", "5", *quick, "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == "" and document["complete"] and document["processes"] == 1
    assert list(document["methods"]) == methods.split(",")
    for name, entry in document["methods"].items():
        assert {"value", "stderr", "n", "kind", "samples", "seconds", "unit", "over", "warnings"} <= entry.keys()
        assert entry["n"] == (4 if name == "bdmc" else 5)
    found = document["methods"]
    assert (found["iwae"]["samples"], found["ais"]["samples"], found["ais"]["steps"]) == (50, 2, 5)
    assert found["bdmc"]["value"] == found["bdmc"]["lower"] and "upper" in found["bdmc"]
    assert found["gap"]["log_marginal_method"] == "grid"
    assert found["gap"]["total"] == pytest.approx(found["gap"]["approximation"] + found["gap"]["amortization"])
    assert found["gap"]["total"] == pytest.approx(found["grid"]["value"] - found["elbo"]["value"], abs=1)
    assert sum(found["prior"]["warnings"].values()) > 0
    names = {e["name"] for e in document["estimates"]}
    assert {"elbo", "kl_2", "prior_50", "iwae_50", "grid", "bdmc_upper", "gap_full", "mutual_information"} <= names


def test_evaluate_says_how_images_were_binarised_and_what_to_doubt(capsys):
    assert main(["evaluate", "digits-2d", "--methods", "elbo,prior", "--images", "5", "--samples", "20"]) == 0
    out = capsys.readouterr().out
    assert "binary images (dynamic): each pixel drawn white with its grey value as the probability" in out
    assert "5 of 5 images: effective sample size below 50" in out
    assert main(["evaluate", "digits-bernoulli", "--methods", "iwae", "--images", "2", "--samples", "20"]) == 0
    assert "binary" not in capsys.readouterr().out  # a Gaussian likelihood takes grey values


def test_evaluate_keeps_what_is_known_of_each_image(tmp_path, capsys):
    out = tmp_path / "images.npz"
    arguments = ["--methods", "elbo,iwae,gap,bdmc", "--samples", "20", "--fit-steps", "2", "--ais-steps", "2"]
    arguments += ["--simulated", "3", "--images", "25", "--per-image", str(out), "--json"]
    assert main(["evaluate", "digits-2d", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    with np.load(out, allow_pickle=False) as file:
        found = dict(file)
    assert json.loads(str(found["about"]))["methods"]["iwae"]["value"] == document["methods"]["iwae"]["value"]
    assert found["iwae"].mean() == pytest.approx(document["methods"]["iwae"]["value"])
    assert found["elbo"].mean() == pytest.approx(document["methods"]["elbo"]["value"])
    assert np.allclose(found["elbo"], found["reconstruction"] - found["kl"], atol=1e-4)
    wanted = {"iwae_stderr", "iwae_pareto_k", "iwae_effective_sample_size", "iwae_spread", "elbo_stderr", "gap_total"}
    wanted |= {"gap_total_stderr", "gap_approximation", "gap_amortization", "gap_full", "gap_log_marginal", "labels"}
    assert wanted <= found.keys()
    assert all(len(found[name]) == 25 for name in wanted) and found["kl_per_dimension"].shape == (25, 2)
    assert found["bdmc_lower"].shape == found["bdmc_upper"].shape == (3,)
    assert np.array_equal(found["labels"], datasets.load("digits").test_labels[:25])
    assert "ends in .npz" in refused(capsys, "evaluate", "digits-2d", "--per-image", str(tmp_path / "x.txt"))


def test_evaluate_says_before_the_work_that_it_would_take_too_long(capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "measure", None)
    line = refused(capsys, "evaluate", "digits-2d", "--methods", "iwae", "--samples", "1000000000")
    assert "this would take about" in line and "of memory" in line and "--patient" in line
    line = refused(capsys, "evaluate", "digits-2d", "--methods", "ais", "--chains", "1000000000", "--patient")
    assert "this machine has" in line


def test_evaluate_says_how_long_it_will_take_and_goes_on(capsys, monkeypatch):
    monkeypatch.setattr(commands, "TOLD_SECONDS", 0.0)
    monkeypatch.setattr(commands, "PATIENT_SECONDS", 1e-9)
    arguments = ["evaluate", "digits-2d", "--images", "3", "--json"]
    assert "--patient" in refused(capsys, *arguments)
    assert main([*arguments, "--patient"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("this will take about 1 second and")
    assert json.loads(out)["complete"]


def test_evaluate_interrupted_half_way_prints_what_it_has(capsys, monkeypatch, tmp_path):
    real = evaluation.measure

    def interrupted(*arguments, **others):
        before = arguments[:-1]

        def stop(fraction, text):
            if "image 21 of 45" in text:
                raise KeyboardInterrupt

        return real(*before, stop, **others)

    monkeypatch.setattr(evaluation, "measure", interrupted)
    out = tmp_path / "images.npz"
    arguments = ["evaluate", "digits-2d", "--methods", "iwae,prior", "--samples", "50", "--images", "45", "--store"]
    monkeypatch.setattr(evaluate_command, "_store", None)  # a part of the figures is not kept
    assert main([*arguments, "--json", "--per-image", str(out)]) == 130
    printed, err = capsys.readouterr()
    document = json.loads(printed)
    assert "interrupted" in err
    assert not document["complete"]
    iwae, prior = document["methods"]["iwae"], document["methods"]["prior"]
    assert (iwae["n"], iwae["complete"]) == (20, False)
    assert (prior["n"], prior["value"], prior["complete"]) == (0, None, False)
    with np.load(out, allow_pickle=False) as file:
        assert np.isfinite(file["iwae"]).sum() == 20 and len(file["iwae"]) == 45
    assert main(arguments) == 130
    assert "iwae is partial: 20 of 45 images" in capsys.readouterr().out


def test_store_keeps_figures_in_the_header(trained, capsys):
    assert main(["evaluate", str(trained), "--methods", "iwae", "--samples", "20", "--images", "40", "--store"]) == 0
    before = checkpoints.read_tensors(trained / "last.safetensors")
    names = [e.name for e in checkpoints.read_header(trained / "last.safetensors").estimates]
    assert names == ["elbo", "reconstruction", "kl", "iwae_20"]
    assert "codes.mean" in before
    capsys.readouterr()


def test_encode_writes_what_each_image_is_and_costs(trained, tmp_path, capsys):
    out = tmp_path / "codes.npz"
    assert main(["encode", str(trained), "--images", "50", "--seed", "3", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert f"50 codes of 2 dimensions are in {out}" in text
    assert "(lower bound, n = 50 test images)" in text
    vae, data = checkpoints.load(trained / "last.safetensors"), datasets.load("digits")
    expected = evaluation.encode_all(vae, data.test[:50], 3, lambda *_: None)
    with np.load(out, allow_pickle=False) as file:
        found = dict(file)
    assert np.array_equal(found["codes"], expected.mean)
    assert np.array_equal(found["std"], expected.std)
    assert np.array_equal(found["labels"], data.test_labels[:50])
    assert tuple(found["names"]) == data.class_names
    assert all(found[name].shape == (50,) for name in ("kl", "reconstruction", "elbo"))
    assert np.allclose(found["elbo"], found["reconstruction"] - found["kl"], atol=1e-4)
    about = json.loads(str(found["about"]))
    assert (about["dataset"], about["seed"], about["binarization"]) == ("digits", 3, "dynamic")
    with out.open("rb") as file:
        upload = code_uploads.find(code_uploads.adopt(file, out.name))
    assert np.array_equal(upload.codes, expected.mean), "the Map page opens it"
    assert np.array_equal(upload.label, data.test_labels[:50])
    assert upload.class_names == data.class_names


def test_encode_as_one_json_document_of_all_images(trained, tmp_path, capsys):
    first, again = tmp_path / "first.npz", tmp_path / "again.npz"
    assert main(["encode", str(trained), "--out", str(first), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["images"], document["dimensions"], document["out"]) == (360, 2, str(first))
    assert document["arrays"]["codes"] == document["arrays"]["std"] == [360, 2]
    found = {e["name"]: e for e in document["estimates"]}
    measured = {e.name: e for e in checkpoints.read_header(trained / "last.safetensors").estimates}
    assert found["kl"]["value"] == pytest.approx(measured["kl"].value, rel=0.02)
    assert abs(found["elbo"]["value"] - measured["elbo"].value) < 3 * measured["elbo"].stderr
    assert (found["elbo"]["kind"], found["kl"]["n"]) == ("lower bound", 360)
    assert main(["encode", str(trained), "--out", str(again)]) == 0
    assert first.read_bytes() == again.read_bytes()


def test_encode_of_images_without_classes(trained, tmp_path, capsys):
    np.save(tmp_path / "faces.npy", np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8))
    arguments = ["encode", str(trained), "--dataset", str(tmp_path / "faces.npy"), "--out", str(tmp_path / "codes.npz")]
    assert main(arguments) == 0
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        assert sorted(file) == ["about", "codes", "elbo", "kl", "reconstruction", "std"]


def test_encode_says_before_the_work_where_it_cannot_write(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "encode_all", None)
    (tmp_path / "folder.npz").mkdir()
    for out, says in (("codes.txt", "ends in .npz"), ("folder.npz", "is a folder"), ("no/codes.npz", "no folder")):
        assert says in refused(capsys, "encode", str(trained), "--out", str(tmp_path / out))


def test_encode_leaves_the_old_file_where_it_fails(trained, tmp_path, capsys, monkeypatch):
    out = tmp_path / "codes.npz"
    out.write_bytes(b"old")

    def diverged(vae, images, seed, progress):
        found = complete(vae, images, seed, progress)
        found.mean[7] = np.nan
        return found

    complete = evaluation.encode_all
    monkeypatch.setattr(evaluation, "encode_all", diverged)
    assert "1 of 360 codes are not finite" in refused(capsys, "encode", str(trained), "--out", str(out))
    monkeypatch.setattr(evaluation, "encode_all", complete)
    np.save(tmp_path / "big.npy", np.zeros((20, 28, 28), np.uint8))
    arguments = ["encode", str(trained), "--dataset", str(tmp_path / "big.npy"), "--out", str(out)]
    assert "(1, 8, 8)" in refused(capsys, *arguments)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert "No space left on device" in refused(capsys, "encode", str(trained), "--out", str(out))
    assert out.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir() if "codes" in path.name] == ["codes.npz"]


def test_arrays_and_folders_train_without_a_change(tmp_path, capsys):
    from PIL import Image

    rng = np.random.default_rng(0)
    np.save(tmp_path / "faces.npy", rng.integers(0, 256, (60, 28, 20), dtype=np.uint8))
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(30):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    expected = {tmp_path / "faces.npy": [(1, 28, 20), (1, 28, 20), (1, 32, 32)], folder: [(3, 32, 32)] * 3}
    for source, shapes in expected.items():
        for architecture, shape in zip(("mlp", "conv28", "conv64"), shapes, strict=True):
            run = tmp_path / f"{source.stem}-{architecture}"
            arguments = ["--dataset", str(source), "--architecture", architecture, "--hidden", "8", "--channels", "4"]
            assert main(["train", *arguments, "--epochs", "1", "--run-dir", str(run)]) == 0
            header = checkpoints.read_header(run / "last.safetensors")
            assert header.vae.image_shape == shape
    assert "padded with black from 28x20 to 32x32" in capsys.readouterr().err


def test_the_smallest_folder_trains_to_a_complete_checkpoint(tmp_path, capsys):
    from PIL import Image

    (tmp_path / "ten").mkdir()
    for number in range(10):  # nine to train on, one held out: its figures have no known error
        Image.new("L", (8, 8), 25 * number).save(tmp_path / "ten" / f"{number}.png")
    run = tmp_path / "run"
    arguments = ["--dataset", str(tmp_path / "ten"), "--hidden", "8", "--latent-dim", "2", "--epochs", "1"]
    assert main(["train", *arguments, "--run-dir", str(run)]) == 0
    header = checkpoints.read_header(run / "last.safetensors")
    assert {e.name: (e.n, e.stderr) for e in header.estimates}["elbo"] == (1, float("inf"))
    assert header.code_quantiles == ()
    assert main(["checkpoints", "--json"]) == 0
    assert "Infinity" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--dataset", "digitz"], "digits"),
        (["train", "--latent-dim", "x"], "latent_dim: Input should be a valid integer"),
        (["train", "--latent-dim", "0"], "latent_dim: Input should be greater than or equal to 1, got '0'"),
        (["train", "--architecture", "resnet"], "architecture must be one of mlp, conv28"),
        (["train", "--likelihood", "poisson"], "likelihood"),
        (["train", "--beta", "nan"], "beta"),
        (["train", "--posterior", "bernoulli", "--prior", "standard_normal"], "do not go together"),
        (["train", "--posterior", "bernoulli", "--estimator", "pathwise"], "use leave_one_out"),
        (["train", "--estimator", "leave_one_out", "--samples", "1"], "at least 2 samples"),
        (["train", "--binarization", "none"], "needs binary images"),
        (["train", "--latnt-dim", "2"], "unrecognized arguments: --latnt-dim"),
        (["train", "--dataset", "mnist"], "--download"),
        (["train", "--resume"], "--resume needs --run-dir"),
        (["evaluate", "nowhere.safetensors"], "no checkpoint 'nowhere.safetensors'"),
        (["evaluate", "pyproject.toml", "--images", "0"], "expected a whole number of at least 1"),
        (["evaluate", "digits-2d", "--samples", "0"], "expected a whole number of at least 1, got '0'"),
        (["evaluate", "digits-2d", "--samples", "-1"], "expected a whole number of at least 1, got '-1'"),
        (["evaluate", "digits-2d", "--samples", "2.5"], "expected a whole number of at least 1, got '2.5'"),
        (["evaluate", "digits-2d", "--ais-steps", "0"], "expected a whole number of at least 1, got '0'"),
        (["evaluate", "digits-2d", "--methods", ","], "expected one method or more, got none"),
        (["evaluate", "digits-2d", "--methods", "iwae,magic"], "unknown method 'magic': choose from elbo, prior"),
        (["evaluate", "digits-2d", "--methods", "elbo,enumeration"], "enumeration: enumeration needs Bernoulli"),
        (["evaluate", "digits-bernoulli", "--methods", "grid"], "grid: a grid needs Gaussian latents"),
        (["evaluate", "digits-bernoulli", "--methods", "bdmc"], "bdmc: "),
        (["evaluate", "shapes-10d", "--methods", "grid"], "grid: "),
        (["evaluate", "digits-2d", "--methods", "grid", "--grid-points", "1000000000"], "grid: expected 5 to 1,001 "),
        (["evaluate", "digits-2d", "--per-image", "nowhere/x.npz"], "no folder nowhere"),
        (["evaluate", "pyproject.toml"], "not a checkpoint"),
        (["encode", "digits-2d"], "required: --out"),
        (["encode", "nowhere", "--out", "build/x.npz"], "no folder build"),
        (["encode", "nowhere", "--out", "x.npz"], "no checkpoint 'nowhere'"),
        (["encode", "pyproject.toml", "--out", "x.npz"], "not a checkpoint"),
        (["encode", "mnist-2d", "--out", "x.npz"], "--download"),
        (["paint"], "invalid choice: 'paint'"),
        ([], "required: COMMAND"),
    ],
)
def test_mistakes_get_one_line(arguments, says, capsys, root, monkeypatch):
    monkeypatch.chdir(root)
    assert says in refused(capsys, *arguments)


def test_a_method_that_is_unknown_and_data_that_do_not_fit(trained, tmp_path, capsys):
    assert "unknown method 'magic'" in refused(capsys, "evaluate", str(trained), "--methods", "magic")
    np.save(tmp_path / "big.npy", np.zeros((20, 28, 28), np.uint8))
    assert "takes images of shape (1, 8, 8)" in refused(
        capsys, "evaluate", str(trained), "--dataset", str(tmp_path / "big.npy")
    )


def test_divergence_ends_the_run_with_one_line(tmp_path, capsys):
    arguments = ["train", *QUICK, "--learning-rate", "1e20", "--run-dir", str(tmp_path / "run")]
    try:
        status = main(arguments)
    finally:
        err = capsys.readouterr().err
    assert status == 2
    assert "diverged at step" in err
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "failed"


@pytest.mark.parametrize("command", ["datasets", "checkpoints", "doctor"])
def test_listings_print_text_and_json(command, trained, capsys):
    assert main([command]) == 0
    assert "digits" in capsys.readouterr().out
    assert main([command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("words", "status"), [(["datasets", "--json"], 0), (["datasets", "--nonsense"], 2)])
def test_one_of_several_processes_leaves_with_its_words_and_its_status(words, status):
    """It skips the interpreter's clean-up (__main__.run), which must cost neither."""
    done = subprocess.run(
        [sys.executable, "-m", "vaeexplorer", *words], capture_output=True, text=True, timeout=60,
        env={**os.environ, "WORLD_SIZE": "2"},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert json.loads(done.stdout) if not status else done.stderr.count("\n") == 1
