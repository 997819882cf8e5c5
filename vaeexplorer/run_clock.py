"""How long a run has been worked on, step by step, in a file of its own: rows must not depend on a clock.

Counted is the time of training alone: not the looks at the model, the saves, nor waiting for people. A run that was
cut off goes on from the time of the step that is resumed. Nothing here imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

FILE = "clock.txt"  # a line for each row of metrics: step, seconds


class Clock:
    """Seconds of work on one run. It stands still until it is started, and within `aside`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self._since: float | None = None
        self._lines: list[str] = []

    def begin(self, step: int) -> None:
        """Go on from this step: what was marked after it is forgotten."""
        marks = {s: t for s, t in marks_of(self.folder).items() if s <= step}
        (self.folder / FILE).write_text("".join(_line(s, t) for s, t in marks.items()))
        self.seconds = max(marks.values(), default=0.0)
        self._since = time.monotonic()

    def mark(self, step: int) -> None:
        """Note the time of a step, for `write`."""
        self._lines.append(_line(step, self._now()))

    def write(self) -> None:
        if self._lines:
            with (self.folder / FILE).open("a") as file:
                file.write("".join(self._lines))
            self._lines.clear()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While it lasts, time does not count; one within another changes nothing."""
        if self._since is None:
            yield
            return
        self.seconds, self._since = self._now(), None
        try:
            yield
        finally:
            self._since = time.monotonic()

    def _now(self) -> float:
        return self.seconds + (0.0 if self._since is None else time.monotonic() - self._since)


def marks_of(path: Path) -> dict[int, float]:
    """Step -> seconds of work until then, rising; none for a run without a clock. Damaged lines are passed over."""
    try:
        text = (path / FILE).read_text(errors="replace")
    except OSError:
        return {}
    marks: dict[int, float] = {}
    for line in text.splitlines(keepends=True):
        parts = line.split()
        if line.endswith("\n") and len(parts) == 2 and parts[0].isdigit() and _is_number(parts[1]):
            marks[int(parts[0])] = float(parts[1])
    return marks


def timed(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of metrics with their "seconds" of work, where these are known."""
    marks = marks_of(path) if rows else {}
    return [row | {"seconds": marks[row["step"]]} if row.get("step") in marks else row for row in rows]


def seconds_at(path: Path, steps: np.ndarray) -> np.ndarray:
    """Seconds of work until these steps, between marks in proportion; NaN beyond the last one or without a clock."""
    marks = {0: 0.0, **marks_of(path)}
    known = np.array(list(marks), np.float64)
    return np.interp(steps, known, np.array(list(marks.values())), right=np.nan) if len(marks) > 1 else steps * np.nan


def _line(step: int, seconds: float) -> str:
    return f"{step} {seconds:.3f}\n"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
