"""What stands in a run's folder and how: status, orders, rows of metrics, observations. Nothing here imports torch.

command.json  about.json            what was asked for, and the title: written once, and on renaming
config.json                         a checkpoint's header: what is trained on what, and how
status.json  control.json           what the worker says, and what people wish; both replaced as a whole
metrics.jsonl                       one row a line, append only; a torn last line is dropped on reading
clock.txt                           seconds of work until each row, apart, for rows must not depend on a clock
originals, now, snapshots/STEP      .safetensors: what is observed, the latest observation, those that are kept
last.safetensors                    the model as a checkpoint, from step 0 on
weights/STEP.safetensors            the model at a few steps, in half precision (run_weights)
resume.safetensors                  all that a resumed training needs, in one file
worker.lock  worker.log             held while a worker lives; what it said
"""

from __future__ import annotations

import json
import math
import os
import time
import uuid
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from vaeexplorer.checkpoints import write_atomically

FORMAT = 1
STATES = ("starting", "running", "paused", "measuring", "finished", "stopped", "failed", "interrupted")
ENDED = ("finished", "stopped", "failed")
WISHES = ("run", "pause", "batch", "epoch", "stop")
FASTEST_PACE = 1000.0  # steps a second
STATUS_BYTES = 1024
LONGEST_ERROR = 500


class RunError(ValueError):
    """A run that cannot start or go on; the text is one line for people."""


@dataclass(frozen=True)
class Status:
    """What a worker last said about its run.

    step of steps, epoch of epochs: done so far.   images_per_second, seconds_left: None while unknown.
    error: one line for people, "" for none.   updated: seconds since 1970.   order: the last one that was taken up.
    pace: steps a second in slow motion, else None.   taken: a worker has said this, not who launched it.
    live: a worker is at it (or is being started).
    """

    state: str = "starting"
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    images_per_second: float | None = None
    seconds_left: float | None = None
    error: str = ""
    updated: float = 0.0
    pace: float | None = None
    order: str = ""
    taken: bool = True
    live: bool = False


@dataclass(frozen=True)
class Order:
    """What people wish: one of WISHES, and the pace of slow motion in steps a second (None: full speed).

    serial: another one each time, so that the same wish twice is two wishes.
    """

    wish: str = "run"
    pace: float | None = None
    serial: str = field(default_factory=lambda: uuid.uuid4().hex)


def sweep(path: Path) -> None:
    """Remove what a worker left behind that was killed while it wrote; orders and titles are written by others."""
    folders = ("", "snapshots/", "weights/")
    for pattern in (*(f"{folder}.*.safetensors.*" for folder in folders), ".config.json.*", ".status.json.*"):
        for file in path.glob(pattern):
            file.unlink(missing_ok=True)


def read_status(path: Path) -> Status:
    """As the worker wrote it; a missing or damaged file says "starting", unknown fields are passed over."""
    found = read_json(path / "status.json")
    names = [f.name for f in fields(Status) if f.name in found and f.name != "live"]
    kept = {name: found[name] for name in names if _fits(found[name], name)}
    return Status(**{"updated": _modified(path), **kept})


def write_status(path: Path, status: Status) -> None:
    """Replace the status. On a full disk it is written over the old one, which takes no room: it is always as long."""
    said = replace(status, updated=time.time(), error=one_line(status.error))
    data = json.dumps({k: v for k, v in asdict(said).items() if k != "live"}).encode().ljust(STATUS_BYTES)
    try:
        write_atomically(path / "status.json", data, durable=False)
    except OSError:
        with (path / "status.json").open("r+b") as file:
            file.write(data)


def read_order(path: Path) -> Order:
    """The latest wish; one that cannot be read is "run" at full speed."""
    found = read_json(path / "control.json")
    wish, pace, serial = found.get("wish"), found.get("pace"), found.get("serial")
    return Order(wish if wish in WISHES else "run", pace if is_pace(pace) else None, str(serial or ""))


def write_order(path: Path, order: Order) -> None:
    write_atomically(path / "control.json", json.dumps(asdict(order)).encode(), durable=False)


def is_pace(value: Any) -> bool:
    """Steps a second, or None for full speed."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and math.isfinite(value) and 0 < value <= FASTEST_PACE)


def version_of(file: Path) -> tuple[int, int, int]:
    """Changes whenever the file is replaced; zeros if there is none. Takes microseconds."""
    try:
        found = os.stat(file)
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def metrics(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """The rows from this byte on, and where to go on reading. A line that is not complete yet stays unread.

    After a resumed run has cut the file shorter, an old offset no longer is the beginning of a line: then all is read
    from the start again.
    """
    try:
        with (path / "metrics.jsonl").open("rb") as file:
            if offset > 0:
                file.seek(offset - 1)
                offset = offset if file.read(1) == b"\n" else 0
            file.seek(max(offset, 0))
            data = file.read()
    except FileNotFoundError:
        return [], 0
    end = data.rfind(b"\n") + 1
    rows = [row for line in data[:end].splitlines() if (row := _parsed(line))]
    return rows, max(offset, 0) + end


def append_metrics(path: Path, lines: list[str]) -> None:
    if lines:
        with (path / "metrics.jsonl").open("ab") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())


def flush_metrics(path: Path) -> None:
    """Onto the disk: a saved state must never be ahead of its rows."""
    with (path / "metrics.jsonl").open("ab") as file:
        os.fsync(file.fileno())


def cut_metrics(path: Path, step: int) -> None:
    """Forget the rows after this step, and a torn last line: a resumed run writes them again."""
    file, end = path / "metrics.jsonl", 0
    for line in file.read_bytes().splitlines(keepends=True) if file.exists() else ():
        row = _parsed(line)
        if not line.endswith(b"\n") or not row or row.get("step", math.inf) > step:
            os.truncate(file, end)
            break
        end += len(line)


def one_line(text: str, limit: int = LONGEST_ERROR) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def read_json(file: Path) -> dict[str, Any]:
    try:
        return _parsed(file.read_bytes())
    except OSError:
        return {}


def _parsed(data: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one if it is damaged."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fits(value: Any, name: str) -> bool:
    default = getattr(Status, name)
    if name == "state":
        return value in STATES
    if isinstance(default, str):
        return isinstance(value, str)
    if isinstance(default, bool):
        return isinstance(value, bool)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return number if default is not None else number or value is None


def _modified(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
