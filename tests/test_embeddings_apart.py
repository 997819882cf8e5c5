"""Embeddings by another process: the same bits, told how far it is, ended when nobody wants it, and lost politely."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from vaeexplorer.embeddings import EMBEDDINGS, Embedding, apart, embed

CODES = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32) * [3, 2, 1, 1] + np.arange(80)[:, None] % 3
QUICK = {"tsne": {"perplexity": 10, "iterations": 260}, "umap": {"neighbours": 6}}


class Stop(Exception):
    pass


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen]:
    """The processes that were started."""
    real, found = subprocess.Popen, []

    def popen(*given, **options):
        found.append(real(*given, **options))
        return found[-1]

    monkeypatch.setattr(apart.subprocess, "Popen", popen)
    return found


def alike(here: Embedding, there: Embedding) -> None:
    """The same answer, from this process and from another."""
    assert there.coordinates.tobytes() == here.coordinates.tobytes()
    assert there.coordinates.flags.writeable
    assert (there.axis_titles, there.caution, there.note) == (here.axis_titles, here.caution, here.note)
    assert there.parameters == here.parameters
    for key in ("shares", "axes", "centre"):
        ours, theirs = getattr(here, key), getattr(there, key)
        assert (theirs is None) if ours is None else np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS if name != "umap"])  # it is in test_embeddings.py
def test_the_same_picture_to_the_last_bit(name: str) -> None:
    options = QUICK.get(name, {})
    alike(embed(name, CODES, 2, options, seed=3), apart.embed(name, CODES, 2, options, seed=3))


def test_progress_is_told_and_every_process_ends(started: list[subprocess.Popen]) -> None:
    seen: list[tuple[float, str]] = []
    apart.embed("tsne", CODES, 2, QUICK["tsne"], progress=lambda *told: seen.append(told))
    assert seen[0] == (0, "t-SNE: starting")
    assert any("step 260 of 260" in text for _, text in seen)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    (process,) = started
    assert process.returncode is not None


def test_cancelling_ends_the_process_soon_also_while_it_says_nothing(started: list[subprocess.Popen]) -> None:
    """While it starts, which takes a second, nothing comes; the callback is asked all the same."""

    def stop(fraction: float, text: str) -> None:
        raise Stop

    begun = time.monotonic()
    with pytest.raises(Stop):
        apart.embed("umap", CODES, 2, QUICK["umap"], progress=stop)
    assert time.monotonic() - begun < 1
    assert started[0].returncode is not None

    calls = iter(range(100))

    def stop_later(fraction: float, text: str) -> None:
        if next(calls) == 2:
            raise Stop

    begun = time.monotonic()
    with pytest.raises(Stop):
        apart.embed("tsne", CODES, 2, {"perplexity": 10, "iterations": 5000}, progress=stop_later)
    assert time.monotonic() - begun < 5
    assert started[1].returncode is not None


@pytest.mark.parametrize(
    ("name", "codes", "options", "message"),
    [
        ("tsne", CODES, {"perplexity": 80}, "80 allow 79 at most"),
        ("umap", CODES, {"neighbours": 200}, "80 allow 79 at most"),
        ("umap", CODES, {"magic": 1}, "has no option 'magic'"),
        ("none", CODES, {}, "unknown embedding 'none'"),
        ("tsne", CODES[:1], {}, "at least 2 points"),
        ("tsne", np.full((20, 3), 0.5), {"perplexity": 5}, "all 20 codes are the same"),
        ("pca", np.full((20, 3), np.nan), {}, "20 of 20 codes are not finite"),
        ("pca", np.full((20, 3), 1e300), {}, "20 of 20 codes are not finite"),
        ("pca", np.zeros((0, 3)), {}, "shape \\(0, 3\\)"),
        ("pca", np.zeros(3), {}, "shape \\(3,\\)"),
    ],
)
def test_what_has_no_picture_is_said_in_the_same_words(
    name: str, codes: np.ndarray, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        apart.embed(name, codes, 2, options)


def test_a_process_that_is_lost_gets_one_line(started: list[subprocess.Popen]) -> None:
    def kill(fraction: float, text: str) -> None:
        started[0].kill()

    with pytest.raises(apart.EndedEarly, match=r"process of t-SNE ended early .*: try fewer points") as caught:
        apart.embed("tsne", CODES, 2, {"perplexity": 10, "iterations": 5000}, progress=kill)
    assert "\n" not in str(caught.value)


def test_a_process_that_cannot_start_or_fails_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(apart.EndedEarly, match="no process for PCA could be started: No such file"):
        apart.embed("pca", CODES)
    monkeypatch.undo()
    monkeypatch.setattr(apart, "ROOT", Path("/nowhere"))
    monkeypatch.setattr(apart, "__name__", "vaeexplorer_that_is_not_there")
    with pytest.raises(apart.EndedEarly, match="No module named"):
        apart.embed("pca", CODES)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_has_few_threads_and_lower_priority(started: list[subprocess.Popen]) -> None:
    seen: list[tuple[int, int]] = []

    def look(fraction: float, text: str) -> None:
        if "step" in text:
            stat = Path(f"/proc/{started[0].pid}/stat").read_text().rpartition(") ")[2].split()
            seen.append((int(stat[16]), int(stat[17])))  # nice, threads

    apart.embed("tsne", CODES, 2, QUICK["tsne"], progress=look)
    assert seen
    nices, threads = zip(*seen, strict=True)
    assert min(nices) >= min(apart.NICE, 19)
    assert max(threads) <= 2  # the one that computes, and an idle one of a library


def test_large_codes_neither_hang_nor_are_cut(started: list[subprocess.Popen]) -> None:
    """More than a pipe holds, both ways; and a child that never reads them."""
    codes = np.random.default_rng(0).normal(size=(100_000, 5)).astype(np.float32)
    assert np.array_equal(apart.embed("dimensions", codes, 3).coordinates, codes[:, :3])

    def kill(fraction: float, text: str) -> None:
        started[-1].kill()

    with pytest.raises(apart.EndedEarly):
        apart.embed("dimensions", codes, 3, progress=kill)


def test_the_process_ends_when_its_listener_is_gone() -> None:
    """As when the app is killed: the pipe breaks at the next report."""
    question = b'{"name":"tsne","dims":2,"options":{"perplexity":10,"iterations":5000},"seed":0,"shape":[80,4]}\n'
    process = subprocess.Popen(
        [sys.executable, "-m", "vaeexplorer.embeddings.apart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=apart.ROOT,
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(question + CODES.astype(np.float32).tobytes())
    process.stdin.flush()
    assert b"t-SNE" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) is not None
    assert b"Traceback" not in process.stderr.read().replace(b"Exception ignored", b"")
    process.stdin.close()
    process.stderr.close()


def test_it_works_from_a_thread_beside_others() -> None:
    found: dict[int, np.ndarray] = {}

    def run(seed: int) -> None:
        found[seed] = apart.embed("pca", CODES + seed).coordinates

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
