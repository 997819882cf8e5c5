"""For the tests of runs: start and cut off trainings, and compare what two of them left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vaeexplorer import checkpoints, run_desk, runs
from vaeexplorer.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
# 5 steps an epoch, the last one of 237 images.
SMALL = ["--dataset", "digits", "--hidden", "16", "--latent-dim", "2", "--batch-size", "300"]


class Cut(BaseException):
    """The worker's end without a chance to do anything more, as a test in the same process can have it."""


def train(path: Path, *arguments: str) -> int:
    """`train` in this process; its exit status."""
    return main(["train", *arguments, "--run-dir", str(path)])


def cut_at(monkeypatch, step: int, path: Path, *arguments: str) -> None:
    """Train in this process until this step and then drop everything, without a save and without a last word."""

    def look(self: run_desk.Desk) -> int:
        if self.training.step >= step:
            raise Cut
        self.training.step and self.training.step % 7 == 0 and self.save()
        return 1

    with monkeypatch.context() as patch:
        patch.setattr(run_desk.Desk, "decide", look)
        patch.setattr(run_desk.Desk, "fail", lambda self, state, text: None)
        with contextlib.suppress(Cut):
            train(path, *arguments)


def differences(one: Path, two: Path) -> list[str]:
    """What two runs do not have in common, to the last bit: rows, snapshots, state, model and its figures."""
    names = {"metrics.jsonl", "resume.safetensors", "originals.safetensors", "now.safetensors"}
    names |= {f"snapshots/{p.name}" for path in (one, two) for p in (path / "snapshots").iterdir()}
    found = [name for name in sorted(names) if _bytes(one / name) != _bytes(two / name)]
    first, second = (checkpoints.read_tensors(path / "last.safetensors") for path in (one, two))
    found += [f"last: {n}" for n in first.keys() | second.keys() if not np.array_equal(first.get(n), second.get(n))]
    headers = [checkpoints.read_header(path / "last.safetensors") for path in (one, two)]
    fields = ("vae", "train", "estimates", "kl_per_dimension", "code_quantiles")
    found += [f"header: {name}" for name in fields if getattr(headers[0], name) != getattr(headers[1], name)]
    states = [runs.status(path).state for path in (one, two)]
    return found + ([f"states {states}"] if states != ["finished"] * 2 else [])


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def command(path: Path, *arguments: str) -> subprocess.Popen:
    """`python -m vaeexplorer train`, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "vaeexplorer", "train", *arguments, "--run-dir", str(path)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Until it holds.   Raises TimeoutError if it does not in so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what was waited for did not happen")
        time.sleep(0.02)


@contextlib.contextmanager
def ended(process: Any) -> Iterator[Any]:
    """The process (a Popen or Forks) and those that it started are gone afterwards, whatever happens."""
    try:
        yield process
    finally:
        left = descendants(process.pid)
        if process.poll() is None:
            process.kill()
        for number in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.communicate()


def descendants(pid: int) -> list[int]:
    """Processes that this one started, and so on; where the system has no /proc, none are known."""
    files = list(Path(f"/proc/{pid}/task").glob("*/children"))
    children = [int(number) for file in files for number in file.read_text().split()]
    return [number for child in children for number in (child, *descendants(child))]


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""
