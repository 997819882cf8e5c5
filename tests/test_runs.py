"""A run's folder and what people do with it, without training anything: names, status, orders, rows, observations."""

import json
import os
import sys
import time

import numpy as np
import pytest
from filelock import FileLock

from vaeexplorer import checkpoints, run_files, run_launch, run_snapshots, runs
from vaeexplorer.checkpoints import DatasetNote, Header
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.records import Estimate, Observation, Originals
from vaeexplorer.run_files import Order, Status

ODD = ["../x", "<script>alert(1)</script>", "👩‍🔬 модель", "a/b\\c", "x" * 100, "run; rm -rf /"]


@pytest.fixture
def run():
    return runs.create("first", ["--dataset", "digits", "--epochs", "2"])


@pytest.fixture
def no_worker(monkeypatch):
    """Starting a worker is noted instead of done."""
    started = []
    monkeypatch.setattr(runs, "launch", lambda *arguments: started.append(arguments))
    return started


def header(**more):
    note = DatasetNote(name="digits", title="Digits")
    return Header(name="x", vae=VaeConfig(image_shape=(1, 8, 8)), train=TrainConfig(), dataset=note, **more)


def observation(step=3):
    rng = np.random.default_rng(step)
    return Observation(
        step,
        (Estimate(-20.5, 0.1, 360, "lower bound", "held-out images", "elbo"), Estimate(1.0, np.inf, 1, "exact", "it")),
        rng.random(2),
        rng.integers(0, 256, (10, 1, 8, 8), dtype=np.uint8),
        rng.integers(0, 256, (16, 1, 8, 8), dtype=np.uint8),
        rng.random((30, 2)).astype(np.float16),
    )


def same(one, two):
    for name, value in vars(one).items():
        other = getattr(two, name)
        if isinstance(value, np.ndarray):
            assert (value.dtype, value.shape) == (other.dtype, other.shape) and np.array_equal(value, other)
        else:
            assert value == other
    return True


# --- names and folders


@pytest.mark.parametrize("title", ODD)
def test_a_title_is_data_and_never_a_path(title):
    path = runs.create(title, ["--dataset", title])
    assert runs.title(path) == title
    assert path.parent == checkpoints.runs_folder()
    assert path.name.replace("-", "").isalnum() and path.name.isascii() and len(path.name) < 50
    assert [p.name for p in checkpoints.runs_folder().iterdir()] == [path.name]
    assert runs.arguments(path) == ["--dataset", title]
    with pytest.raises(runs.RunError, match="there is no run named"):
        runs.find(title)


@pytest.mark.parametrize(
    ("title", "says"),
    [("x" * 300, "at most 100 characters, this has 300"), ("", "at least one"), (" \u200d ", "at least one"),
     ("two\nlines", "one line"), ("\x1b[31mred", "control"), ("\ud800", "control")],
)  # fmt: skip
def test_a_title_that_cannot_be_shown_is_refused_in_one_line(run, title, says):
    with pytest.raises(runs.RunError, match=says) as error:
        runs.rename(run, title)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200
    assert runs.title(run) == "first"


def test_rename_keeps_the_folder(run):
    runs.rename(run, "  β = 4  ")
    assert runs.title(run) == "β = 4"
    assert runs.find(run.name) == run


@pytest.mark.parametrize("name", ["..", ".", "/etc", "digits-1/..", "uploads", "x" * 300, "", "digits-1\n"])
def test_only_names_of_the_listing_are_found(run, name):
    (checkpoints.runs_folder() / "uploads").mkdir()
    with pytest.raises(runs.RunError) as error:
        runs.find(name)
    assert len(str(error.value)) < 120 and "\n" not in str(error.value)


def test_listing_has_the_newest_first_and_no_links_or_other_folders(run, tmp_path):
    later = runs.create("", ["--dataset", "mnist"])
    os.utime(later / "command.json", (time.time() + 5, time.time() + 5))
    (checkpoints.runs_folder() / "notes").mkdir()
    (checkpoints.runs_folder() / "a-file").write_text("x")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text("{}")
    (checkpoints.runs_folder() / "link").symlink_to(other)
    assert list(runs.listing()) == ["mnist-1", "digits-1"]
    assert runs.title(later) == "mnist-1"


def test_automatic_names_are_never_shared(monkeypatch):
    assert [runs.create("", []).name for _ in range(3)] == ["digits-1", "digits-2", "digits-3"]
    assert runs.new_folder("/home/me/My Photos (2)/").name == "my-photos-2-1"
    assert runs.new_folder("...").name == "run-1"


def test_a_runs_folder_that_cannot_be_made_says_so(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAEEXPLORER_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(runs.RunError, match="cannot create a run in"):
        runs.create("x", [])


# --- arguments


@pytest.mark.parametrize(
    ("before", "option", "value", "after"),
    [
        (["--beta", "1", "--epochs", "3"], "--beta", "4", ["--beta", "4", "--epochs", "3"]),
        (["--beta=1", "--epochs", "3"], "--beta", "4", ["--beta", "4", "--epochs", "3"]),
        (["--epochs", "3"], "--beta", "4", ["--epochs", "3", "--beta", "4"]),
        (["--hidden", "9", "8", "--beta", "1"], "--hidden", ["5"], ["--hidden", "5", "--beta", "1"]),
        (["--hidden", "9", "8", "--beta", "1"], "--hidden", None, ["--beta", "1"]),
        (["--beta-start", "3"], "--beta", "4", ["--beta-start", "3", "--beta", "4"]),
        (["--beta", "1", "--beta", "2"], "--beta", "4", ["--beta", "4"]),
        (["--resume", "--x", "1"], "--resume", None, ["--x", "1"]),
    ],
)
def test_with_option_replaces_or_adds(before, option, value, after):
    assert runs.with_option(before, option, value) == after


def test_the_command_is_kept_without_its_place(run):
    runs.write_command(run, ["--run-dir", "runs/x", "--beta", "4", "--resume", "--json"])
    assert runs.arguments(run) == ["--beta", "4"]
    assert json.loads((run / "command.json").read_text())["folder"] == os.getcwd()


@pytest.mark.parametrize("text", ["", "[]", '{"arguments": [1]}', '{"arguments": "x"}', "\x00"])
def test_a_damaged_command_counts_as_unknown(run, text):
    (run / "command.json").write_text(text)
    assert runs.arguments(run) == []


# --- config.json


def test_config_is_read_back(run):
    (run / "config.json").write_text(header().model_dump_json())
    assert runs.config(run).train.dataset == "digits"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "has no config.json yet"),
        ("{", "has a damaged config.json"),
        (json.dumps({"format": 99, "wings": 2}), r"newer version \(format 99, this one reads 1\): update"),
        (json.dumps({"vae": {}, "train": {}}), "does not fit"),
        (header().model_dump_json().replace('"mlp"', '"resnet"'), "architecture must be one of"),
    ],
)
def test_a_config_that_cannot_be_read_gets_one_line(run, text, says):
    if text is not None:
        (run / "config.json").write_text(text)
    with pytest.raises(runs.RunError, match=says) as error:
        runs.config(run)
    assert "\n" not in str(error.value)


# --- status


def test_a_worker_that_was_launched_has_some_time_to_come(run, no_worker, monkeypatch):
    assert (runs.status(run).state, runs.status(run).live) == ("interrupted", False)
    runs.start(run)
    assert (runs.status(run).state, runs.status(run).live) == ("starting", True)
    monkeypatch.setattr(run_launch, "STARTING_SECONDS", 0)
    assert (runs.status(run).state, runs.status(run).live) == ("interrupted", False)


@pytest.mark.parametrize("state", ["starting", "running", "measuring"])
def test_whoever_holds_the_lock_is_alive(run, state):
    run_files.write_status(run, Status(state, step=5, steps=10))
    with runs.held(run):
        assert runs.status(run) == run_files.read_status(run).__class__(
            **{**vars(run_files.read_status(run)), "live": True}
        )
    assert (runs.status(run).state, runs.status(run).step) == ("interrupted", 5)


@pytest.mark.parametrize("state", ["paused", "finished", "stopped", "failed"])
def test_a_state_that_nobody_need_hold_stays(run, state):
    run_files.write_status(run, Status(state))
    assert (runs.status(run).state, runs.status(run).live) == (state, False)
    with runs.held(run):
        assert runs.status(run).live


def test_asking_does_not_disturb_the_lock_nor_make_one(run):
    runs.status(run)
    assert not (run / "worker.lock").exists()
    with runs.held(run):
        pass
    mine = FileLock(run / "worker.lock")
    with mine.acquire(timeout=0):
        assert run_launch.is_held(run)
    assert not run_launch.is_held(run)


def test_a_second_holder_gets_one_line(run, monkeypatch):
    monkeypatch.setattr(run_launch, "LOCK_SECONDS", 0.05)
    with runs.held(run), pytest.raises(runs.RunError, match="another process is training the run in"), runs.held(run):
        pass


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"state": "flying", "step": "x", "error": 3, "updated": NaN}'])
def test_a_damaged_status_counts_as_interrupted(run, text, monkeypatch):
    (run / "status.json").write_text(text)
    monkeypatch.setattr(run_launch, "STARTING_SECONDS", 0)
    assert runs.status(run).state == "interrupted"


def test_a_status_of_a_newer_version_is_read_as_far_as_it_is_known(run):
    (run / "status.json").write_text(json.dumps({"state": "finished", "step": 7, "wings": 2}))
    assert (runs.status(run).state, runs.status(run).step) == ("finished", 7)


@pytest.mark.parametrize(
    ("log", "taken", "says"),
    [
        ("--- a\npython -m vaeexplorer: no data set 'x'\n", False, "no data set 'x'"),
        ("--- a\npython: No module named vaeexplorer\n", False, "python: No module named vaeexplorer"),
        ("--- a\nTraceback (most recent call last):\n  File\nKeyError: 'x'\n\n", True, "KeyError: 'x'"),
        ("--- a\nDigits: padded with black\n", True, ""),
        ("--- a\npython -m vaeexplorer: old\n--- b\n", False, ""),
        ("", False, ""),
    ],
)
def test_the_log_says_why_a_worker_died(run, log, taken, says, monkeypatch):
    monkeypatch.setattr(run_launch, "STARTING_SECONDS", 0)
    run_files.write_status(run, Status("running" if taken else "starting", taken=taken))
    (run / "worker.log").write_text(log)
    assert (runs.status(run).state, runs.status(run).error) == ("interrupted", says)


def test_a_log_older_than_the_last_status_says_nothing(run):
    (run / "worker.log").write_text("--- a\npython -m vaeexplorer: old\n")
    os.utime(run / "worker.log", (time.time() - 60, time.time() - 60))
    run_files.write_status(run, Status("running"))
    assert runs.status(run).error == ""


def test_a_status_is_written_in_place_where_there_is_no_room(run, monkeypatch):
    run_files.write_status(run, Status("running", step=1))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_files, "write_atomically", full)
    run_files.write_status(run, Status("failed", step=2, error="the disk\nis full " * 100))
    assert (run / "status.json").stat().st_size == run_files.STATUS_BYTES
    status = runs.status(run)
    assert (status.state, status.step) == ("failed", 2)
    assert status.error.startswith("the disk is full") and "\n" not in status.error


# --- orders


def test_orders_reach_the_control_file_and_start_a_worker_where_needed(run, no_worker):
    run_files.write_status(run, Status("paused"))
    runs.order(run, "pause")
    assert no_worker == []
    runs.order(run, "batch", pace=2)
    first = run_files.read_order(run)
    assert (first.wish, first.pace) == ("batch", 2)
    assert no_worker == [(run, ["--dataset", "digits", "--epochs", "2"], os.getcwd())]
    assert (runs.status(run).state, runs.status(run).live) == ("starting", True)
    runs.order(run, "batch")  # while it is starting: no second worker
    second = run_files.read_order(run)
    assert len(no_worker) == 1
    assert (second.wish, second.pace) == ("batch", 2) and second.serial != first.serial
    runs.order(run, None, pace=None)
    assert run_files.read_order(run) == Order("batch", None, second.serial)


def test_orders_that_cannot_be_followed_are_refused(run, no_worker):
    for wish, pace in (("fly", None), ("run", 0), ("run", float("nan")), ("run", 1e9), ("run", "x"), ("run", True)):
        with pytest.raises(runs.RunError, match="an order is one of"):
            runs.order(run, wish, pace)
    run_files.write_status(run, Status("finished"))
    with pytest.raises(runs.RunError, match="is finished"):
        runs.order(run, "run")
    run_files.write_status(run, Status("running"))  # and nobody there
    with pytest.raises(runs.RunError, match="nothing to pause"):
        runs.order(run, "pause")
    assert no_worker == []


@pytest.mark.parametrize("text", ["", "{", '{"wish": "fly", "pace": -1}', '{"wish": ["run"], "pace": "x"}'])
def test_a_damaged_order_means_go_on(run, text):
    (run / "control.json").write_text(text)
    assert (run_files.read_order(run).wish, run_files.read_order(run).pace) == ("run", None)


def test_a_worker_that_cannot_be_started_is_told_in_one_line(run, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    run_files.write_status(run, Status("paused"))
    with pytest.raises(runs.RunError, match="cannot start a worker"):
        runs.start(run)
    assert runs.status(run).state == "failed"


def test_start_refuses_a_run_that_is_trained_already(run, no_worker):
    with runs.held(run), pytest.raises(runs.RunError, match="is being trained already"):
        runs.start(run)
    assert no_worker == []


def test_a_folder_that_is_gone_or_cannot_be_written_gets_one_line(run, no_worker, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for module in (runs, run_files):
        monkeypatch.setattr(module, "write_atomically", full)
    run_files.write_status(run, Status("paused"))
    for attempt in (lambda: runs.order(run, "run"), lambda: runs.rename(run, "x")):
        with pytest.raises(runs.RunError, match="cannot write in the folder of the run digits-1: No space left"):
            attempt()
    assert no_worker == []


# --- rows


def test_rows_are_read_from_an_offset_and_a_torn_line_waits(run):
    file = run / "metrics.jsonl"
    assert runs.metrics(run) == ([], 0)
    file.write_text('{"step": 1}\n{"step": 2}\n{"st')
    rows, offset = runs.metrics(run)
    assert [row["step"] for row in rows] == [1, 2]
    with file.open("a") as more:
        more.write('ep": 3}\n')
    assert runs.metrics(run, offset) == ([{"step": 3}], file.stat().st_size)


@pytest.mark.parametrize("offset", [10**6, 5, -3])
def test_an_offset_that_is_no_beginning_of_a_line_starts_again(run, offset):
    (run / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    rows, end = runs.metrics(run, offset)
    assert [row["step"] for row in rows] == [1, 2] and end == 24


def test_a_line_that_is_no_row_is_passed_over(run):
    (run / "metrics.jsonl").write_bytes(b'{"step": 1}\n\xff\xfe\n[2]\n{"step": 3}\n')
    assert [row["step"] for row in runs.metrics(run)[0]] == [1, 3]


@pytest.mark.parametrize(
    ("step", "left"),
    [(0, b""), (1, b'{"step":1}\n'), (2, b'{"step":1}\n{"step":2}\n'), (9, b'{"step":1}\n{"step":2}\n')],
)
def test_cutting_back_forgets_later_rows_and_a_torn_line(run, step, left):
    (run / "metrics.jsonl").write_bytes(b'{"step":1}\n{"step":2}\n{"step":')
    run_files.cut_metrics(run, step)
    assert (run / "metrics.jsonl").read_bytes() == left


# --- observations


def test_observations_are_read_back_to_the_bit(run):
    assert runs.now_version(run) == ""
    run_snapshots.write_snapshot(run, None, observation())
    before = runs.now_version(run)
    assert same(runs.snapshot(run, None), observation())
    for step in (1, 120, 9):
        run_snapshots.write_snapshot(run, step, observation(step))
    run_snapshots.write_snapshot(run, None, observation(9))
    assert runs.now_version(run) not in ("", before)
    assert runs.snapshots(run) == [1, 9, 120]
    assert same(runs.snapshot(run, 120), observation(120))
    run_snapshots.cut_snapshots(run, 9)
    assert runs.snapshots(run) == [1, 9]


def test_originals_are_read_back_with_and_without_labels(run):
    images, labels = np.zeros((2, 1, 8, 8), np.uint8), np.arange(2, dtype=np.int16)
    for originals in (Originals(images, labels, labels), Originals(images, None, None)):
        run_snapshots.write_originals(run, originals)
        assert same(runs.originals(run), originals)


@pytest.mark.parametrize("damage", [b"", b"x" * 4, b"\xff" * 100, None])
def test_an_observation_that_is_missing_or_damaged_gets_one_line(run, damage):
    with pytest.raises(runs.RunError, match=r"has no now\.safetensors yet"):
        runs.snapshot(run, None)
    run_snapshots.write_snapshot(run, 7, observation(7))
    file = run / "snapshots" / "00000007.safetensors"
    file.write_bytes(file.read_bytes()[:-5] if damage is None else damage)
    with pytest.raises(runs.RunError, match=r"00000007\.safetensors of the run digits-1 is damaged") as error:
        runs.snapshot(run, 7)
    assert "\n" not in str(error.value)


# --- deleting


def test_delete_removes_the_run_alone(run, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "photo").write_text("x")
    (run / "link").symlink_to(precious)
    other = runs.create("other", [])
    run_files.write_status(run, Status("paused"))
    runs.delete(run)
    assert list(runs.listing()) == [other.name]
    assert (precious / "photo").exists()
    assert [p.name for p in checkpoints.runs_folder().iterdir()] == [other.name]


def test_delete_refuses_what_is_alive_or_no_run(run, tmp_path):
    with runs.held(run), pytest.raises(runs.RunError, match="stop it first"):
        runs.delete(run)
    link = checkpoints.runs_folder() / "link"
    link.symlink_to(tmp_path)
    for path in (tmp_path, checkpoints.runs_folder(), run / "..", link, checkpoints.runs_folder() / "nothing"):
        with pytest.raises(runs.RunError, match="is no run of this machine"):
            runs.delete(path)
    assert run.exists() and tmp_path.exists()
