"""A run's worker seen from outside: the lock that it holds all its life, how it is launched, what its log says.

The system frees the lock however the worker ends, so no process numbers are kept. Nothing here imports torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vaeexplorer.run_files import RunError, Status, one_line, read_status

ENTRY = "python -m vaeexplorer"
STARTING_SECONDS = 20.0  # that a worker may take from being launched to taking the lock
LOCK_SECONDS = 1.0  # for which a worker tries: somebody may just be asking whether it is held
PROBE_SECONDS = 0.01
NICE = 5
LARGEST_LOG = 2**20  # bytes, before it is begun anew
ROOT = Path(__file__).resolve().parent.parent

_children: dict[Path, subprocess.Popen] = {}  # workers launched by this process


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the run's lock: whoever trains it does so all the time.   Raises RunError if somebody else holds it."""
    lock = FileLock(path / "worker.lock")
    try:
        lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.02)
    except Timeout:
        text = f"another process is training the run in {path}: wait for it, or choose another --run-dir"
        raise RunError(text) from None
    except OSError as error:
        raise RunError(f"cannot write in the run's folder {path}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a worker holds the run's lock. Where we may not open it, a status that is fresh counts as held."""
    if not (path / "worker.lock").exists():
        return False
    lock = FileLock(path / "worker.lock")
    try:
        with lock.acquire(timeout=PROBE_SECONDS, poll_interval=PROBE_SECONDS / 3):
            return False
    except Timeout:
        return True
    except OSError:
        return time.time() - read_status(path).updated < STARTING_SECONDS


def launch(path: Path, arguments: Sequence[str], folder: str | None) -> None:
    """A worker in a session of its own, so that it outlives whoever started it; it looks for paths from `folder`.

    Raises OSError if it cannot be started.
    """
    place = ["--run-dir", str(path.absolute()), "--resume"]
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = ("CREATE_NEW_PROCESS_GROUP", "BELOW_NORMAL_PRIORITY_CLASS", "CREATE_NO_WINDOW")
        apart = {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    log_file = path / "worker.log"
    grown = log_file.exists() and log_file.stat().st_size > LARGEST_LOG
    with log_file.open("wb" if grown else "ab") as log:
        log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        log.flush()
        child = subprocess.Popen(
            [sys.executable, "-m", "vaeexplorer", "train", *arguments, *place],
            cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **apart,
        )  # fmt: skip
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, child.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE))
    _children[path.absolute()] = child
    threading.Thread(target=child.wait, daemon=True, name=f"reaper of {path.name}").start()


def _environment() -> dict[str, str]:
    """One core stays free for the page; the package is found from whatever folder the command names."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"OMP_NUM_THREADS": str(max(1, cores - 1)), "PYTHONPATH": os.pathsep.join(paths), "PYTHONFAULTHANDLER": "1"}
    return {**os.environ, **own, "PYTHONIOENCODING": "utf-8"}


def may_still_start(path: Path, said: Status) -> bool:
    """Whether a worker was launched that has not come to take the lock, and may yet do so."""
    if said.state != "starting" or said.taken:
        return False
    child = _children.get(path.absolute())
    return time.time() - said.updated < STARTING_SECONDS if child is None else child.returncode is None


def last_words(path: Path, said: Status) -> str:
    """What the worker's log ends with, if that is an error and came after its last status; one line."""
    try:
        if (path / "worker.log").stat().st_mtime < said.updated - 1:
            return ""
        text = (path / "worker.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line for line in text.rpartition("\n--- ")[2].splitlines()[1:] if line.strip()]
    last = lines[-1] if lines else ""
    if last.startswith(f"{ENTRY}: "):
        return one_line(last.removeprefix(f"{ENTRY}: "))
    failed = not said.taken or any(line.startswith("Traceback (most recent call last)") for line in lines)
    return one_line(last) if failed else ""
