"""What tells a worker to go on, wait or leave: orders in control.json, signals of the system, and the clock."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vaeexplorer.run_files import read_order, version_of

LOOK_SECONDS = 0.05  # between two looks at control.json
RATE_SECONDS = 5.0  # over which the speed is measured


class Signals:
    """Which signal asked the worker to leave, if any. It leaves between two steps; asked twice, at once."""

    def __init__(self) -> None:
        self.number = 0

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number

    @contextmanager
    def noted(self) -> Iterator[Signals]:
        """While it lasts, Ctrl-C, termination and the end of a terminal are noted instead of cutting a step in two."""
        names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
        numbers = [getattr(signal, name) for name in names] if _in_main_thread() else []
        before = {n: signal.signal(n, self._note) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Control:
    """The orders of one run, each taken up once, and the pace of slow motion.

    taken_up: the last order that an earlier worker took up: it counts no more, nor does its pace.
    """

    def __init__(self, path: Path, taken_up: str) -> None:
        self.file, self.taken_up = path / "control.json", taken_up
        self.pace: float | None = None
        old = read_order(path).serial == taken_up
        self._version = version_of(self.file) if old else (0, 0, 0)

    def changed(self) -> bool:
        return version_of(self.file) != self._version

    def fresh(self) -> str | None:
        """The wish of an order that was not taken up before, else None."""
        version = version_of(self.file)
        if version == self._version:
            return None
        self._version = version
        order = read_order(self.file.parent)
        self.pace = order.pace
        if order.serial == self.taken_up:
            return None
        self.taken_up = order.serial
        return order.wish


class Meter:
    """Steps a second of late, without the time that was spent waiting."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def reset(self) -> None:
        self._marks.clear()

    def rate(self, step: int) -> float | None:
        """Mark this step; the speed since RATE_SECONDS ago, None while unknown."""
        now = time.monotonic()
        self._marks.append((now, step))
        while len(self._marks) > 2 and now - self._marks[1][0] > RATE_SECONDS:
            self._marks.popleft()
        since, first = self._marks[0]
        return (step - first) / (now - since) if now - since > 0.1 and step > first else None


def wait_until(due: float, control: Control, signals: Signals) -> None:
    """Until then by the monotonic clock, but no longer than until the next order or signal."""
    while (left := due - time.monotonic()) > 0 and not signals.number and not control.changed():
        time.sleep(min(left, LOOK_SECONDS))


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
