"""What a run survives: kills, a dead app, a full disk, a loss that is no number, data that vanish, two at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.forks import Forks
from tests.run_folders import ROOT, SMALL, command, cut_at, differences, ended, rows, train, wait_for
from vaeexplorer import checkpoints, run_desk, run_files, run_state, runs
from vaeexplorer.run_files import Status

pytest.importorskip("resource", reason="limits, signals and forks as POSIX has them")
EPOCHS = ["--epochs", "6"]  # 30 steps
KILLED_RUN = [*SMALL, "--epochs", "300"]
LIFE = 45  # steps after which a process waits to be killed: 20 lives are over before these epochs
LONG_RUN = [*SMALL, "--epochs", "100000"]


def hasty(before: int) -> None:
    """From now on: save often, in the middle of epochs as well. `before` a step: a short life that goes beyond it."""
    run_desk.SAVE_APART_SECONDS = run_desk.SAVE_SECONDS = 0.02
    run_desk.SAVE_SHARE, run_desk.FLUSH_SECONDS = 1.0, 0.05
    if before < 0:
        return
    decide, began = run_desk.Desk.decide, []

    def look(self: run_desk.Desk) -> int:
        began.append(self.training.step)
        if self.training.step >= began[0] + LIFE and runs.status(self.folder).step > before:
            time.sleep(600)
        time.sleep(0.004)  # longer than a step takes, so that a life has moments enough to be killed at
        return decide(self)

    run_desk.Desk.decide = look


def limited(size: int) -> None:
    """From now on no file of this process can grow beyond so many bytes: any system has that."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def gone_on(process, path: Path, step: int) -> None:
    """Until the run is further than this step, or its process has ended."""
    alive = process.is_alive if hasattr(process, "is_alive") else lambda: process.poll() is None
    wait_for(lambda: not alive() or runs.status(path).step > step)


# --- killed


def test_killed_twenty_times_in_a_row_and_nothing_is_lost(tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "run"
    uninterrupted = Forks("train", *KILLED_RUN, "--run-dir", str(whole), first=(hasty, -1))
    moments, saved = random.Random(0), [0]
    with ended(uninterrupted):
        gone_on(uninterrupted, whole, 0)  # by now the server of the forks is warm
        for kills in range(20):
            before = run_files.read_status(path).step
            process = Forks("train", *KILLED_RUN, "--run-dir", str(path), "--resume", first=(hasty, before))
            with ended(process):
                if kills % 4:  # the others are killed while they begin
                    gone_on(process, path, before)
                time.sleep(moments.uniform(0, 0.1))
                process.kill()
                _, err = process.communicate(60)
                assert process.returncode == -signal.SIGKILL, (process.returncode, err)
            assert runs.status(path).state == "interrupted" and not runs.status(path).live
            if kills:
                saved.append(run_state.State.from_bytes(run_state.read(path)).step)
                checkpoints.read_tensors(path / "last.safetensors")
        assert saved == sorted(saved) and len(set(saved)) > 10
        with ended(Forks("train", "--run-dir", str(path), "--resume", first=(hasty, -1))) as last:
            _, err = last.communicate(120)
            assert last.returncode == 0, err
        _, err = uninterrupted.communicate(120)
        assert uninterrupted.returncode == 0, err
    assert differences(path, whole) == []
    assert [p.name for p in path.rglob(".*")] == []  # nothing half-written stays


def test_the_command_itself_killed(tmp_path, capsys):
    """As a user has it: fresh processes, saves a second apart. In slow motion until it is killed."""
    whole, path = tmp_path / "whole", tmp_path / "run"
    arguments = [*SMALL, "--epochs", "100"]
    path.mkdir()
    for saves in (False, True):
        before, state = run_files.read_status(path).step, run_files.version_of(path / "resume.safetensors")
        run_files.write_order(path, run_files.Order("run", pace=10.0))
        with ended(command(path, *arguments, "--resume")) as process:
            gone_on(process, path, before)
            if saves:
                wait_for(lambda state=state: run_files.version_of(path / "resume.safetensors") != state)
            else:
                time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
            assert process.wait(30) == -signal.SIGKILL, process.communicate()
        assert runs.status(path).state == "interrupted"
    for target, more in ((path, ["--resume"]), (whole, [])):
        assert train(target, *arguments, *more) == 0
        assert capsys.readouterr().out.splitlines()[-1] == str(target / "last.safetensors")
    assert differences(path, whole) == []


def test_killed_before_anything_was_saved(tmp_path):
    path = tmp_path / "run"
    train(path, *SMALL, *EPOCHS)
    (path / "resume.safetensors").unlink()
    (path / "last.safetensors").unlink()
    run_files.write_status(path, Status("running"))
    whole = tmp_path / "whole"
    train(whole, *SMALL, *EPOCHS)
    assert train(path, "--resume") == 0
    assert differences(path, whole) == []


def test_the_app_is_killed_and_the_run_goes_on(tmp_path):
    app = (
        "import sys, time\nfrom vaeexplorer import runs\n"
        f"path = runs.create('mine', {LONG_RUN!r})\nruns.order(path, 'run')\n"
        "print(path.name, flush=True)\ntime.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", app], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with ended(process):
        path = runs.find(process.stdout.readline().strip())
        os.killpg(process.pid, signal.SIGKILL)  # the app and all that it has not let go
        process.wait()
    wait_for(lambda: runs.status(path).step > 5)
    step = runs.status(path).step
    wait_for(lambda: runs.status(path).step > step)
    assert (runs.status(path).state, runs.status(path).live) == ("running", True)
    with pytest.raises(runs.RunError, match="is being trained already"):
        runs.start(path)
    runs.order(path, "stop")
    wait_for(lambda: runs.status(path).state == "stopped")
    assert (path / "worker.log").read_text().count("---") == 1


def test_a_worker_of_this_app_leaves_no_zombie_and_runs_politely(monkeypatch):
    path = runs.create("", LONG_RUN)
    runs.order(path, "run")
    wait_for(lambda: runs.status(path).step > 5)
    from vaeexplorer.run_launch import _children

    child = _children[path.absolute()]
    assert os.getsid(child.pid) == child.pid  # closing this terminal or Ctrl-C here does not reach it
    assert os.getpriority(os.PRIO_PROCESS, child.pid) >= 5
    os.kill(child.pid, signal.SIGTERM)
    wait_for(lambda: not runs.status(path).live)
    assert runs.status(path).state == "interrupted" and runs.status(path).error == ""
    wait_for(lambda: child.returncode is not None)  # somebody has asked for its exit status


def test_a_worker_that_cannot_begin_says_why():
    path = runs.create("", ["--dataset", "no-such-data"])
    runs.order(path, "run")
    assert runs.status(path).live
    wait_for(lambda: not runs.status(path).live)
    status = runs.status(path)
    assert status.state == "failed"
    assert status.error.startswith("no data set 'no-such-data': expected one of")
    path = runs.create("", ["--no-such-option", "1"])
    runs.order(path, "run")
    wait_for(lambda: not runs.status(path).live)
    assert runs.status(path).state == "interrupted"
    assert "unrecognized arguments: --no-such-option" in runs.status(path).error


# --- a full disk


def test_no_room_for_the_state(tmp_path, monkeypatch):
    path, whole = tmp_path / "run", tmp_path / "whole"
    cut_at(monkeypatch, 12, path, *SMALL, *EPOCHS)
    before = {name: (path / name).read_bytes() for name in ("resume.safetensors", "last.safetensors")}
    size = len(before["resume.safetensors"]) - 100
    with ended(Forks("train", "--resume", "--run-dir", str(path), first=(limited, size))) as done:
        _, err = done.communicate(timeout=120)
        assert done.returncode == 2 and err.count("\n") == 1 and "Traceback" not in err
    assert "the disk is full (File too large); the state of step 7 is kept: make room" in err
    assert {name: (path / name).read_bytes() for name in before if name.startswith("resume")} == {
        "resume.safetensors": before["resume.safetensors"]
    }
    checkpoints.read_tensors(path / "last.safetensors")
    assert [p.name for p in path.glob(".*")] == []
    status = runs.status(path)
    assert (status.state, status.live) == ("failed", False)
    assert status.error.startswith("the disk is full")
    assert train(path, "--resume") == 0  # there is room again
    train(whole, *SMALL, *EPOCHS)
    assert differences(path, whole) == []


def test_no_room_for_a_row_nor_for_the_status(tmp_path, monkeypatch, capsys):
    """The disk is full to the last byte: even the status can only be written over itself."""
    path, whole = tmp_path / "run", tmp_path / "whole"
    cut_at(monkeypatch, 12, path, *SMALL, *EPOCHS)
    before = (path / "resume.safetensors").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    def torn(folder, lines):
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 13, "elb')
        full()

    with monkeypatch.context() as patch:
        patch.setattr(run_desk, "append_metrics", torn)
        patch.setattr(run_desk, "FLUSH_SECONDS", 0.0)
        patch.setattr(run_files, "write_atomically", full)
        patch.setattr(run_desk.Desk, "open", lambda self, resumed: setattr(self, "saved_step", 7))
        assert train(path, "--resume") == 2
    assert "the disk is full (No space left on device); the state of step 7 is kept" in capsys.readouterr().err
    assert (path / "resume.safetensors").read_bytes() == before
    assert runs.status(path).state == "failed" and runs.status(path).error.startswith("the disk is full")
    assert train(path, "--resume") == 0
    train(whole, *SMALL, *EPOCHS)
    assert differences(path, whole) == []


def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        return  # nobody but root may do that; the tests above do without
    try:
        with ended(Forks("train", *LONG_RUN, "--run-dir", str(disk / "run"))) as process:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 2
        assert "the disk is full (No space left on device)" in err and "Traceback" not in err
        status = runs.status(disk / "run")
        assert status.state == "failed" and status.error.startswith("the disk is full")
        assert run_state.State.from_bytes(run_state.read(disk / "run")).step >= 0
        checkpoints.read_tensors(disk / "run" / "last.safetensors")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_folder_is_removed_under_way(tmp_path, monkeypatch, capsys):
    import shutil

    path = tmp_path / "run"
    decide = run_desk.Desk.decide
    monkeypatch.setattr(run_desk, "FLUSH_SECONDS", 0.0)

    def look(self):
        if self.training.step == 10:
            shutil.rmtree(path)
        return min(1, decide(self))

    monkeypatch.setattr(run_desk.Desk, "decide", look)
    assert train(path, *SMALL, *EPOCHS) == 2
    assert "cannot write the run's folder" in capsys.readouterr().err


# --- a loss that is no number


def poisoned(monkeypatch, step: int, value: float) -> None:
    """From this step on, one weight is not a number."""
    from vaeexplorer.training import Training

    before = Training._advance

    def advance(self):
        if self.step == step - 1 and len(self.images) > 2:  # and not in the rehearsal
            next(self.vae.parameters()).data.view(-1)[0] = value
        return before(self)

    monkeypatch.setattr(Training, "_advance", advance)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("row_every", [1, 8])
def test_a_loss_that_is_no_number_stops_the_run_and_says_where(value, row_every, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vaeexplorer.costs.row_every", lambda *_: row_every)
    monkeypatch.setattr("vaeexplorer.costs.observe_every", lambda *_: 1000)
    monkeypatch.setattr(run_desk, "SAVE_APART_SECONDS", 0.0)
    monkeypatch.setattr(run_desk, "SAVE_SHARE", 1e9)
    path = tmp_path / "run"
    poisoned(monkeypatch, 13, value)
    assert train(path, *SMALL, *EPOCHS) == 2
    err = capsys.readouterr().err
    assert "the run diverged at step 13: its ELBO is nan; the state of step 10 is kept; try a smaller" in err
    status = runs.status(path)
    assert (status.state, status.live) == ("failed", False)
    assert status.error in err
    assert run_state.State.from_bytes(run_state.read(path)).step == 10
    checkpoints.read_tensors(path / "last.safetensors")  # all finite
    assert max(row["step"] for row in rows(path)) < 13
    assert "NaN" not in (path / "metrics.jsonl").read_text()


def test_parameters_that_are_no_numbers_are_never_saved(tmp_path, monkeypatch, capsys):
    """Even where no loss has shown it yet."""
    monkeypatch.setattr(run_desk, "SAVE_APART_SECONDS", 0.0)
    monkeypatch.setattr(run_desk, "SAVE_SHARE", 1e9)
    path = tmp_path / "run"
    decide = run_desk.Desk.decide

    def look(self):
        if self.training.step == 10:
            list(self.training.vae.parameters())[-1].data[0] = float("inf")
        return decide(self)

    monkeypatch.setattr(run_desk.Desk, "decide", look)
    assert train(path, *SMALL, *EPOCHS) == 2
    assert "diverged at step 10: its parameters are not finite; the state of step 5 is kept" in capsys.readouterr().err
    assert run_state.State.from_bytes(run_state.read(path)).step == 5


# --- data, folders, versions


@pytest.fixture
def own_data(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "faces.npy", rng.integers(0, 256, (60, 8, 8), dtype=np.uint8))
    return tmp_path / "faces.npy"


OWN = ["--hidden", "8", "--latent-dim", "2", "--batch-size", "20", "--epochs", "10"]


def test_data_that_are_deleted_under_way(own_data, tmp_path, monkeypatch, capsys):
    path, decide = tmp_path / "run", run_desk.Desk.decide
    monkeypatch.setattr(run_desk.Desk, "decide", lambda self: (own_data.unlink(missing_ok=True), decide(self))[1])
    assert train(path, "--dataset", str(own_data), *OWN) == 0  # it has them in memory
    assert runs.status(path).state == "finished"


def test_data_that_are_gone_or_changed_when_a_run_is_resumed(own_data, tmp_path, monkeypatch, capsys):
    path, whole = tmp_path / "run", tmp_path / "whole"
    train(whole, "--dataset", str(own_data), *OWN)
    cut_at(monkeypatch, 10, path, "--dataset", str(own_data), *OWN)
    kept = own_data.read_bytes()
    for change, says in (
        (lambda: own_data.unlink(), "the images of this run cannot be loaded any more: no data set"),
        (lambda: np.save(own_data, np.zeros((60, 8, 8), np.uint8)), "are not those that this run began with"),
        (lambda: np.save(own_data, np.zeros((60, 9, 8), np.uint8)), "had the shape (1, 8, 8) and now have (1, 9, 8)"),
    ):
        change()
        capsys.readouterr()
        assert train(path, "--resume") == 2
        err = capsys.readouterr().err
        assert says in err and err.count("\n") == 1
        assert runs.status(path).state == "failed" and says in runs.status(path).error
    own_data.write_bytes(kept)
    assert train(path, "--resume") == 0
    assert differences(path, whole) == []


def test_two_runs_started_at_once(tmp_path):
    """In one folder: one trains, the other gets a line. With automatic names: each has its own."""
    path = tmp_path / "run"
    arguments = [*SMALL, "--epochs", "60"]
    words = ["train", *arguments, "--run-dir", str(path)]
    with ended(Forks(*words)) as one, ended(Forks(*words)) as two:
        results = [(p.communicate(timeout=120), p.returncode) for p in (one, two)]
    (_, good), ((out, err), bad) = sorted(results, key=lambda result: result[1])
    assert (good, bad) == (0, 2)
    assert out == "" and err.count("\n") == 1
    assert "another process is training the run in" in err or "already holds a run" in err
    assert runs.status(path).state == "finished"
    words = ["train", *SMALL, "--epochs", "1", "--json"]
    with ended(Forks(*words)) as one, ended(Forks(*words)) as two:
        named = {json.loads(p.communicate(timeout=120)[0])["run"] for p in (one, two)}
    assert len(named) == 2 and all(runs.status(Path(name)).state == "finished" for name in named)


def test_a_second_worker_for_a_run_that_is_trained(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    cut_at(monkeypatch, 10, path, *SMALL, *EPOCHS)
    before = {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}
    with runs.held(path):
        for arguments in (["--resume"], SMALL):
            assert train(path, *arguments) == 2
            err = capsys.readouterr().err
            assert err.count("\n") == 1
            assert "another process is training" in err or "already holds a run" in err
    assert {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()} == before


def test_a_run_of_a_newer_version_is_left_alone(tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    cut_at(monkeypatch, 10, path, *SMALL, *EPOCHS)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "format": 2, "wings": True}))
    assert train(path, "--resume") == 2
    assert "was written by a newer version (format 2, this one reads 1): update VAE Explorer" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 50, None])
def test_a_damaged_state_gets_one_line(damage, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"
    cut_at(monkeypatch, 10, path, *SMALL, *EPOCHS)
    file = path / "resume.safetensors"
    file.write_bytes(file.read_bytes()[:-9] if damage is None else damage)
    status = train(path, "--resume")
    err = capsys.readouterr().err
    if damage == b"":  # as if nothing had been saved: it begins again
        return
    assert status == 2 and err.count("\n") == 1 and "resume.safetensors is damaged" in err


def test_a_torn_last_line_is_written_again(tmp_path, monkeypatch):
    path, whole = tmp_path / "run", tmp_path / "whole"
    train(whole, *SMALL, *EPOCHS)
    cut_at(monkeypatch, 12, path, *SMALL, *EPOCHS)
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "elbo": -3')
    assert [row["step"] for row in runs.metrics(path)[0]][-1] <= 12
    assert train(path, "--resume") == 0
    assert differences(path, whole) == []


@pytest.mark.parametrize("name", ["<script>alert(1)<", "🦆 модель", "a b;c", "x" * 200, "..."])
def test_odd_folder_names_on_the_command_line_are_folder_names(name, tmp_path):
    path = tmp_path / name
    assert train(path, *SMALL, "--epochs", "1") == 0
    assert checkpoints.read_header(path / "last.safetensors").name == name
    assert runs.title(path) == name


def test_a_folder_name_that_the_system_refuses_gets_one_line(tmp_path, capsys):
    for path in (tmp_path / ("x" * 300), Path("/proc/nothing")):
        assert train(path, *SMALL, "--epochs", "1") == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and "cannot create the run folder" in err
