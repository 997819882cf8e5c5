"""For all tests: the folders of the person who runs them are out of reach; random examples are the same each time."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

# Before anything loads torch, and for every process that a test starts: several trainings side by side, each with all
# cores, run ten times slower than with one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["VAEEXPLORER_FIRST_LOOK"] = "0"  # no training that a test has not asked for

# A shell's background job, as a server of CI may be, ignores Ctrl-C and hands that on to all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]

hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")


# The tests of the browser without others between them, or it and the app are started anew after each of those; files
# that take long before those that do not, so that all workers end at about the same time.
ORDER = ("tests/browser/", "tests/ui/", "tests/pages/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by folder, the rest last; within a folder the order stays (`make test` keeps it: --no-loadscope-reorder)."""
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in ORDER])


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets and runs of a test live in folders of its own."""
    folder = tmp_path_factory.mktemp("folders")
    monkeypatch.setenv("VAEEXPLORER_DATA", str(folder / "data"))
    monkeypatch.setenv("VAEEXPLORER_RUNS", str(folder / "runs"))


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that AppTest ran leaves itself behind as `__main__`, and a later process would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
