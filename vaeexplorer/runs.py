"""Runs as people handle them: list, start, order about, resume, rename, delete. A run is its folder and nothing else.

Nothing here imports torch. Whether a worker is alive is asked of a lock that it holds all its life: the system frees it
however the worker ends. Names and titles are data: a folder is found by looking through the listing, never by joining.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vaeexplorer import configs
from vaeexplorer.checkpoints import FORMAT, Header, runs_folder, write_atomically
from vaeexplorer.run_files import (
    ENDED,
    STATES,
    WISHES,
    Order,
    RunError,
    Status,
    is_pace,
    metrics,
    one_line,
    read_json,
    read_order,
    read_status,
    version_of,
    write_order,
    write_status,
)
from vaeexplorer.run_launch import held, is_held, last_words, launch, may_still_start
from vaeexplorer.run_snapshots import originals, snapshot, snapshot_file, snapshots

__all__ = [
    "STATES", "UNCHANGED", "WISHES", "RunError", "Status", "arguments", "config", "create", "delete", "find", "held",
    "listing", "metrics", "new_folder", "now_version", "order", "originals", "rename", "snapshot", "snapshots", "start",
    "status", "title", "with_option", "write_command",
]  # fmt: skip

LONGEST_TITLE = 100
UNCHANGED: Any = object()  # a pace that stays as it is
_starting = threading.Lock()  # two people pressing play in one app start one worker


def listing() -> dict[str, Path]:
    """Folder name -> folder of every run, the newest first."""
    begun = {path: _begun(path) for path in runs_folder().glob("*") if path.name[0] != "." and not path.is_symlink()}
    found = [path for path, when in begun.items() if when]
    return {path.name: path for path in sorted(found, key=lambda path: (-begun[path], path.name))}


def find(name: str) -> Path:
    """The folder of a run in the listing.   Raises RunError for any other name."""
    path = listing().get(name)
    if path is None:
        raise RunError(f"there is no run named {one_line(name, 60)!r}")
    return path


def status(path: Path) -> Status:
    """How the run stands. One that is not done and has no worker is "interrupted", unless it was paused."""
    for _ in range(3):  # until the worker neither began nor ended between looking at the lock and at the file
        before, alive, said = read_status(path), is_held(path), read_status(path)
        if before == said:
            break
    if alive or said.state in (*ENDED, "paused"):
        return replace(said, live=alive)
    if may_still_start(path, said):
        return replace(said, live=True)
    return replace(said, state="interrupted", error=said.error or last_words(path, said), seconds_left=None)


def config(path: Path) -> Header:
    """What is trained and how.   Raises RunError, one line, if it is missing, damaged or of a newer version."""
    found = read_json(path / "config.json")
    if not found:
        missing = "has no config.json yet" if not (path / "config.json").exists() else "has a damaged config.json"
        raise RunError(f"the run {path.name} {missing}")
    if isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise RunError(
            f"the run {path.name} was written by a newer version (format {found['format']}, this one reads {FORMAT}): "
            "update VAE Explorer"
        )
    try:
        return Header.model_validate(found)
    except ValidationError as error:
        problem = one_line(configs.one_line(error), 300)
        raise RunError(f"config.json of the run {path.name} does not fit: {problem}") from None


def title(path: Path) -> str:
    """What people call the run; its folder's name if they have not named it."""
    found = read_json(path / "about.json").get("title")
    return found if isinstance(found, str) and found else path.name


def rename(path: Path, title: str) -> None:
    """Give a run another title: 1 to 100 characters that can be shown. It is data: the folder keeps its name."""
    with _writing(path):
        write_atomically(path / "about.json", json.dumps({"title": checked_title(title)}).encode())


def checked_title(title: str) -> str:
    """The title without blanks around it.   Raises RunError if it is empty, too long or cannot be shown in a line."""
    title = title.strip()
    kinds = {unicodedata.category(character) for character in title}
    if kinds & {"Cc", "Cs", "Zl", "Zp"}:
        raise RunError("a title is one line of text: it has control characters in it")
    if not kinds - {"Cf", "Zs"}:
        raise RunError("a run needs a title of at least one character")
    if len(title) > LONGEST_TITLE:
        raise RunError(f"a title has at most {LONGEST_TITLE} characters, this has {len(title)}")
    return title


def create(title: str, arguments: Sequence[str]) -> Path:
    """A new folder for a run with these arguments of `train`, which nobody trains yet; the title may be ""."""
    title = checked_title(title) if title.strip() else ""
    path = new_folder(option_of(arguments, "--dataset") or "digits")
    write_command(path, arguments)
    if title:
        rename(path, title)
    write_status(path, Status())
    return path


def new_folder(dataset: str) -> Path:
    """A folder runs/DATASET-NUMBER that nobody else has. Of a path, its last part; what is no letter becomes a dash."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(dataset).stem).strip("-").lower()[:40] or "run"
    folder, number = runs_folder(), 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                (folder / f"{stem}-{number}").mkdir()
                return folder / f"{stem}-{number}"
            except FileExistsError:
                number += 1
    except OSError as error:
        raise RunError(f"cannot create a run in {folder}: {error.strerror}") from None


def write_command(path: Path, arguments: Sequence[str]) -> None:
    """Keep the arguments of `train`, without those that say where, and the folder that paths in them start from."""
    for option in ("--run-dir", "--resume", "--json"):
        arguments = with_option(arguments, option, None)
    command = {"arguments": arguments, "folder": os.getcwd()}
    with _writing(path):
        write_atomically(path / "command.json", json.dumps(command, indent=1).encode())


def arguments(path: Path) -> list[str]:
    """The arguments of `train` that the run was begun with; none if they are not known."""
    found = read_json(path / "command.json").get("arguments")
    return found if isinstance(found, list) and all(isinstance(part, str) for part in found) else []


def with_option(arguments: Sequence[str], option: str, value: str | Sequence[str] | None) -> list[str]:
    """The arguments with this option set to a value or several, in its place or at the end; None takes it away."""
    new = [] if value is None else [option, *([value] if isinstance(value, str) else value)]
    kept: list[str] = []
    inside = False
    for part in arguments:
        if part.startswith("--"):
            inside = part == option or part.startswith(f"{option}=")
            if inside:
                kept, new = [*kept, *new], []
        if not inside:
            kept.append(part)
    return [*kept, *new]


def option_of(arguments: Sequence[str], option: str) -> str | None:
    """The value of an option among arguments, None without it."""
    for number, part in enumerate(arguments):
        if part.startswith(f"{option}="):
            return part.partition("=")[2]
        if part == option and number + 1 < len(arguments):
            return arguments[number + 1]
    return None


def start(path: Path) -> None:
    """Start a worker that begins the run or goes on with it, in a session of its own: it outlives whoever started it.

    Raises RunError if one is alive, or cannot be started.
    """
    with _starting:
        before = status(path)
        if before.live:
            raise RunError(f"the run {path.name} is being trained already")
        if before.state == "finished":
            raise RunError(f"the run {path.name} is finished")
        with _writing(path):
            write_status(path, replace(before, state="starting", error="", taken=False))
        folder = read_json(path / "command.json").get("folder")
        try:
            launch(path, arguments(path), folder if isinstance(folder, str) else None)
        except OSError as error:
            write_status(path, replace(before, state="failed", error=f"cannot start a worker: {error}"))
            raise RunError(f"cannot start a worker for the run {path.name}: {error}") from None


def order(path: Path, wish: str | None, pace: Any = UNCHANGED) -> None:
    """Tell a run to run, pause, do one batch or one epoch, or stop; a worker is started where that needs one.

    wish None changes the pace alone: steps a second in slow motion, or None for full speed.
    Raises RunError if the run cannot do that.
    """
    if wish not in (*WISHES, None) or not (pace is UNCHANGED or is_pace(pace)):
        raise RunError(f"an order is one of {', '.join(WISHES)} and a pace of up to 1,000 steps a second, or none")
    now, before = status(path), read_order(path)
    if now.state == "finished":
        raise RunError(f"the run {path.name} is finished")
    if wish == "pause" and not now.live and now.state != "paused":
        raise RunError(f"nobody is training the run {path.name}: there is nothing to pause")
    fresh = Order(wish) if wish else before
    with _writing(path):
        write_order(path, replace(fresh, pace=before.pace if pace is UNCHANGED else pace))
    if wish not in ("pause", None) and not now.live:
        start(path)


def now_version(path: Path) -> str:
    """Changes whenever the latest observation does; "" if there is none."""
    version = version_of(snapshot_file(path, None))
    return "-".join(map(str, version)) if any(version) else ""


def delete(path: Path) -> None:
    """Remove a run of the listing for good.   Raises RunError for another folder, and while a worker is alive."""
    if path.absolute() not in {known.absolute() for known in listing().values()}:
        raise RunError(f"{one_line(path.name, 60)!r} is no run of this machine")
    with _starting:
        if status(path).live:
            raise RunError(f"the run {path.name} is being trained: stop it first")
        away = path.with_name(f".deleted-{uuid.uuid4().hex}")
        try:
            path.rename(away)  # first out of sight, so that a listing never sees half a run
            shutil.rmtree(away)
        except OSError as error:
            raise RunError(f"cannot delete the run {path.name} completely: {error.strerror}") from None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A folder that cannot be written is a RunError: no room, no permission, or no folder any more."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write in the folder of the run {path.name}: {error.strerror}") from None


def _begun(path: Path) -> int:
    """When the run in this folder was asked for, in ns; 0 if it holds none."""
    return max(version_of(path / name)[0] for name in ("command.json", "config.json"))
