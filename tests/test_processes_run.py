"""Several processes train one run as torchrun starts them: the same results, whatever their number; one writes.

Two tests begin with a real torchrun; where it is not the point, its processes are forked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.forks import Forks
from tests.leaving import left_at
from tests.run_folders import ROOT, descendants, ended, rows, train, wait_for
from vaeexplorer import checkpoints, costs, run_desk, run_state, runs

# 30 steps; the last one of each epoch has a single image, so that only one process has any work.
SMALL = ["--dataset", "digits", "--hidden", "16", "--latent-dim", "2", "--batch-size", "359"]
EPOCHS = ["--epochs", "6"]


def torchrun(path: Path, *arguments: str) -> subprocess.Popen:
    """`torchrun` itself, on a port that is free."""
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         "-m", "vaeexplorer", "train", *arguments, "--run-dir", str(path)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def forked(path: Path, *arguments: str, **how: Any) -> Forks:
    """The processes that torchrun would start."""
    return Forks("train", *arguments, "--run-dir", str(path), **{"count": 2, **how})


def finish(process: subprocess.Popen) -> str:
    with ended(process):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    path = tmp_path_factory.mktemp("alone") / "run"
    assert train(path, *SMALL, *EPOCHS) == 0
    return path


def alike(one: Path, two: Path) -> None:
    """The same run but for rounding: sums over images are taken in another order."""
    first, second = (checkpoints.read_tensors(path / "last.safetensors") for path in (one, two))
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert np.allclose(values, second[name], atol=2e-5), name
    assert len(rows(one)) == len(rows(two))
    for mine, theirs in zip(rows(one), rows(two), strict=True):
        assert (mine["step"], mine["epoch"], mine["images"]) == (theirs["step"], theirs["epoch"], theirs["images"])
        assert mine["elbo"] == pytest.approx(theirs["elbo"], rel=1e-5)
        assert (mine["gradient_norm"] or 0) == pytest.approx(theirs["gradient_norm"] or 0, rel=1e-4)
        assert ("held_out" in mine) == ("held_out" in theirs)
    assert any(row["gradient_norm"] for row in rows(one))
    assert runs.snapshots(one) == runs.snapshots(two)


def test_two_processes_give_what_one_gives(alone, tmp_path):
    out = finish(torchrun(tmp_path / "two", *SMALL, *EPOCHS, "--json"))
    document = json.loads(out)  # one process speaks
    assert (document["state"], document["step"]) == ("finished", 30)
    alike(alone, tmp_path / "two")


def test_resumed_with_another_number_of_processes(alone, tmp_path, monkeypatch):
    """One, cut off; three; one again. In the middle of an epoch, with a row begun."""
    path = tmp_path / "run"

    def one(leave: int, *arguments: str) -> int:
        with monkeypatch.context() as patch:
            for owner, name in ((run_desk, "SAVE_APART_SECONDS"), (run_desk.Desk, "decide"), (costs, "row_every")):
                patch.setattr(owner, name, getattr(owner, name))  # to be as it was afterwards
            left_at(leave)
            with contextlib.suppress(SystemExit) if leave <= 30 else contextlib.nullcontext():
                assert train(path, *arguments) == 0
        return saved()

    def three(leave: int, *arguments: str) -> int:
        with ended(forked(path, *arguments, count=3, first=(left_at, leave))) as process:
            _, err = process.communicate(timeout=120)
            assert process.returncode != 0, err
        return saved()

    def saved() -> int:
        return run_state.State.from_bytes(run_state.read(path)).step

    assert one(9, *SMALL, *EPOCHS) == 9
    assert three(22, "--resume") == 22
    state = run_state.State.from_bytes(run_state.read(path))
    assert len(state.tensors["rows.values"]) == 2  # steps 21 and 22, summed over all three
    assert one(99, "--resume") == 30
    first, second = (checkpoints.read_tensors(p / "last.safetensors") for p in (alone, path))
    assert all(np.allclose(first[name], second[name], atol=2e-5) for name in first)
    assert sum(row["images"] for row in rows(path)) == 6 * 1437


def test_orders_reach_all_processes(tmp_path):
    path = tmp_path / "run"
    with ended(forked(path, *SMALL, "--epochs", "100000")) as process:
        wait_for(lambda: runs.status(path).step > 10)
        runs.order(path, "pause")
        wait_for(lambda: runs.status(path).state == "paused")
        step = runs.status(path).step
        runs.order(path, "batch")
        wait_for(lambda: runs.status(path).state == "paused" and runs.status(path).step == step + 1)
        runs.order(path, "run", pace=20.0)
        wait_for(lambda: runs.status(path).step > step + 3)
        runs.order(path, "stop")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert runs.status(path).state == "stopped"
    assert out.count("elbo") == 1


def test_a_killed_process_ends_them_all_and_the_run_is_resumed(tmp_path):
    path = tmp_path / "run"
    with ended(torchrun(path, *SMALL, "--epochs", "100000")) as process:
        wait_for(lambda: runs.status(path).step > 10, 240)
        os.kill(descendants(process.pid)[-1], signal.SIGKILL)
        _, err = process.communicate(timeout=90)
        assert process.returncode != 0
        assert "python -m vaeexplorer: another process of this run has ended; the state of step" in err
    assert (runs.status(path).state, runs.status(path).live) == ("failed", False)
    step = run_state.State.from_bytes(run_state.read(path)).step
    with ended(forked(path, "--resume")) as process:
        wait_for(lambda: runs.status(path).state == "running" and runs.status(path).step > step + 5)
        process.send_signal(signal.SIGTERM)  # as Ctrl-C or the end of a session reaches them all
        process.communicate(timeout=60)
    assert runs.status(path).state == "interrupted"
    assert run_state.State.from_bytes(run_state.read(path)).step > step


def test_divergence_is_told_once(tmp_path):
    with ended(forked(tmp_path / "run", *SMALL, *EPOCHS, "--learning-rate", "1e20")) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode != 0 and out == ""
    assert err.count("the run diverged at step") == 1
    assert err.count("vaeexplorer/worker.py") == 0  # no traceback through our code
    assert runs.status(tmp_path / "run").state == "failed"


def test_a_mistake_is_told_once_and_nobody_waits(tmp_path):
    began = time.monotonic()
    with ended(forked(tmp_path / "run", "--dataset", "digitz")) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode != 0 and out == ""
    assert err.count("no data set 'digitz'") == 1
    assert time.monotonic() - began < 45
    assert not (tmp_path / "run").exists()
