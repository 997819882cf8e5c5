"""Slow embeddings in a process of their own: t-SNE and UMAP hold the interpreter's lock, and a web server stutters.

The process is this module, run by `python -m`; nothing of the program that asks is imported there (as multiprocessing
would, which breaks under `streamlit run`). It reads a JSON line and codes, and writes JSON lines:

    stdin   {"name", "dims", "options", "seed", "shape"}  float32 (N, D)
    stdout  {"fraction", "text"} ...  then {"error"} or {"embedding": {...}, "shape"}  float32 (N, dims)
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from vaeexplorer.embeddings import EMBEDDINGS, Embedding
from vaeexplorer.embeddings import embed as embed_here
from vaeexplorer.image_set import Progress

NICE = 10
PATIENCE = 0.2  # seconds between two looks whether to go on, while the process says nothing
ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class EndedEarly(ValueError):
    """The process could not be started or was lost; the text is one line for people."""


def _silent(fraction: float, text: str) -> None:
    pass


def embed(
    name: str,
    codes: np.ndarray,
    dims: int = 2,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Embedding:
    """As embeddings.embed, and the same picture to the last bit, by another process on one thread, at lower priority.

    progress is called several times a second, also while there is nothing new; raising in it ends the process.
    Raises: ValueError as embeddings.embed; EndedEarly if the process cannot be started or is lost.
    """
    codes = np.asarray(codes)
    with np.errstate(over="ignore"):
        codes = np.ascontiguousarray(codes, np.float32)
    question = {"name": name, "dims": dims, "options": dict(options or {}), "seed": seed, "shape": codes.shape}
    with tempfile.TemporaryFile() as said:
        title = EMBEDDINGS[name].title if name in EMBEDDINGS else name
        process = _start(said, title)
        try:
            threading.Thread(target=_feed, args=(process, question, codes), daemon=True).start()
            return _listen(process, progress, said, title)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _start(said: IO[bytes], title: str) -> subprocess.Popen[bytes]:
    flags = ("BELOW_NORMAL_PRIORITY_CLASS", "CREATE_NO_WINDOW") if os.name == "nt" else ()
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
            creationflags=sum(getattr(subprocess, flag) for flag in flags),
        )  # fmt: skip
    except OSError as error:
        raise EndedEarly(f"no process for {title} could be started: {error.strerror}") from None


def _feed(process: subprocess.Popen[bytes], question: dict[str, Any], codes: np.ndarray) -> None:
    """Send the question; if the process ends meanwhile, that is noticed where its answer is read."""
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError), process.stdin as stream:
        stream.write(json.dumps(question).encode() + b"\n")
        stream.write(codes.data.cast("B") if codes.size else b"")


def _listen(process: subprocess.Popen[bytes], progress: Progress, said: IO[bytes], title: str) -> Embedding:
    """Pass progress on until the embedding is there."""
    messages: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, messages), daemon=True).start()
    last = 0.0, f"{title}: starting"
    while True:
        progress(*last)
        try:
            message = messages.get(timeout=PATIENCE)
        except queue.Empty:
            continue
        if message is None:
            raise EndedEarly(f"the process of {title} ended early ({_last_words(process, said)}): try fewer points")
        found, data = message
        if "error" in found:
            raise ValueError(found["error"])
        if "embedding" in found:
            return _embedding(found, data)
        last = found["fraction"], found["text"]


def _read(stream: IO[bytes], messages: queue.Queue[tuple[dict[str, Any], bytes] | None]) -> None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        while line := stream.readline():
            found = json.loads(line)
            size = 4 * math.prod(found["shape"]) if "embedding" in found else 0
            data = stream.read(size)
            if len(data) == size:
                messages.put((found, data))
    messages.put(None)


def _last_words(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    """The last line that the process wrote, or how it ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
    said.seek(0)
    lines = said.read()[-4000:].decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else f"status {process.returncode}"


def _embedding(found: dict[str, Any], data: bytes) -> Embedding:
    fields = found["embedding"]
    coordinates = np.frombuffer(bytearray(data), np.float32).reshape(found["shape"])
    arrays = {key: None if fields[key] is None else np.array(fields[key]) for key in ARRAYS}
    return Embedding(**{**fields, **arrays, "coordinates": coordinates, "axis_titles": tuple(fields["axis_titles"])})


# The process


def main() -> None:
    """Answer one question; ends by itself when nobody listens any more."""
    source, answers = sys.stdin.buffer, _own_output()
    if hasattr(os, "nice"):
        os.nice(NICE)
    question = json.loads(source.readline())
    codes = np.frombuffer(source.read(4 * math.prod(question["shape"])), np.float32).reshape(question.pop("shape"))

    def say(message: dict[str, Any], data: bytes = b"") -> None:
        answers.write(json.dumps(message).encode() + b"\n" + data)
        answers.flush()

    try:
        found = embed_here(codes=codes, progress=lambda done, text: say({"fraction": done, "text": text}), **question)
    except ValueError as error:
        return say({"error": str(error)})
    fields = {key: _plain(value) for key, value in vars(found).items() if key != "coordinates"}
    coordinates = np.ascontiguousarray(found.coordinates, np.float32)
    say({"embedding": fields, "shape": coordinates.shape}, coordinates.tobytes())


def _own_output() -> IO[bytes]:
    """The way back for answers alone: what libraries print goes to the errors."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


ARRAYS = ("shares", "axes", "centre")

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
