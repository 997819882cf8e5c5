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
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from torch.distributed import TCPStore

ROOT = Path(__file__).resolve().parents[1]

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["tests.forks", "tests.leaving", "tests.test_faults", "vaeexplorer.__main__", "vaeexplorer.worker",
     "sklearn.datasets", "torch._dynamo"]
)  # fmt: skip


class Forks:
    """`count` processes of the command with these words, as torchrun starts them; one alone is a plain process.

    Used as a `subprocess.Popen` whose output is text. Unlike torchrun it stops nobody when one of them fails: they
    must find out by themselves.
    """

    def __init__(self, *words: str, count: int = 1, first: Callable[[], None] | None = None) -> None:
        self.returncode: int | None = None
        self._files = [tempfile.TemporaryFile() for _ in range(2)]
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=60))
        paths = tuple(f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in self._files)
        self.processes = []
        for rank in range(count):
            process = context.Process(target=_become, args=(words, self._environment(rank, count), paths, first))
            process.start()
            self.processes.append(process)

    def _environment(self, rank: int, count: int) -> dict[str, str]:
        """What torchrun tells a process; this one here keeps the store, so that no port can be taken meanwhile."""
        alone = {**os.environ, "PYTHONPATH": str(ROOT)}
        if count == 1:
            return alone
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        place |= {"MASTER_PORT": self._store.port, "TORCHELASTIC_RESTART_COUNT": 0, "TORCHELASTIC_RUN_ID": "none"}
        known = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_USE_AGENT_STORE": "True"}
        return alone | known | {name: str(value) for name, value in place.items()}
