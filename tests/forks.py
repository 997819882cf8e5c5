"""`python -m vaeexplorer` and what `torchrun` starts, forked from a process that has torch loaded already.

A fresh process loads for two seconds before it does anything, and torchrun does so once more. What the command does
is the same here; that a fresh one and a real torchrun do it, too, a few tests look at with those.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

from torch.distributed import TCPStore

ROOT = Path(__file__).resolve().parents[1]

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["tests.forks", "tests.leaving", "tests.test_faults", "vaeexplorer.__main__", "vaeexplorer.worker",
     "sklearn.datasets", "torch._dynamo"]
)  # fmt: skip


class Forks:
    """`count` processes of the command with these words, as torchrun starts them; one alone is a plain process.

    Used as a `subprocess.Popen` whose output is text. As torchrun does, it ends the others when one of them fails.
    `first`: a function and its argument, called in each of them before the command.
    """

    def __init__(self, *words: str, count: int = 1, first: tuple[Callable[[int], None], int] | None = None) -> None:
        self._files = [tempfile.NamedTemporaryFile("r+") for _ in range(2)]  # noqa: SIM115
        # The store is kept here, as torchrun does: so nobody can take its port meanwhile.
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False) if count > 1 else None
        names = [file.name for file in self._files]
        self.processes: list[Any] = []
        for rank in range(count):
            given = (words, self._environment(rank, count), names, first)
            self.processes.append(context.Process(target=_become, args=given))
            self.processes[-1].start()

    def _environment(self, rank: int, count: int) -> dict[str, str]:
        """What torchrun tells a process."""
        if self._store is None:
            return dict(os.environ)
        numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        numbers |= {"MASTER_PORT": self._store.port, "TORCHELASTIC_RESTART_COUNT": 0}
        words = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RUN_ID": "none"}
        return {**os.environ, **words, **{name: str(number) for name, number in numbers.items()}}

    @property
    def pid(self) -> int:
        """Of the first one."""
        return self.processes[0].pid

    def poll(self) -> int | None:
        """None while one of them runs; then 0, or the status of the first one that failed."""
        found = [process.exitcode for process in self.processes]
        return None if None in found else next((code for code in found if code), 0)

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def said(self) -> tuple[str, str]:
        """What they have printed so far, and their complaints."""
        return tuple(Path(file.name).read_text() for file in self._files)  # type: ignore[return-value]

    def communicate(self, timeout: float = 120.0) -> tuple[str, str]:
        """Wait for all of them; their output and errors.   Raises TimeoutError."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if any(process.exitcode for process in self.processes):
                self.send_signal(signal.SIGTERM)
            if time.monotonic() > end:
                raise TimeoutError(f"still running after {timeout} s; so far: {self.said()}")
            connection.wait([process.sentinel for process in self.processes if process.is_alive()], 1.0)
        return self.said()

    def send_signal(self, number: int) -> None:
        """To all of them, as Ctrl-C in a terminal or the end of a session."""
        for process in self.processes:
            if process.is_alive():
                os.kill(process.pid, number)

    def kill(self) -> None:
        """End what is left."""
        for process in self.processes:
            process.kill()


def _become(
    words: Sequence[str], environment: dict[str, str], files: list[str], first: tuple[Callable[[int], None], int] | None
) -> None:
    """This process is `python -m vaeexplorer` with these words from now on."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    os.setsid()
    for number, name in enumerate(files, 1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), number)
    sys.argv = ["vaeexplorer", *words]
    if first is not None:
        first[0](first[1])
    from vaeexplorer.__main__ import run

    run()
