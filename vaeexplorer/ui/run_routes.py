"""Addresses of a run for the Train page: what its folder says, its pictures at a step, and orders to its worker.

The folder is the only truth: nothing is remembered here but the rows that were read already, and those only so that
a visitor once a second does not read a long run again and again.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vaeexplorer import narrator, portable, run_clock, run_files, runs
from vaeexplorer.checkpoints import Header
from vaeexplorer.records import Observation
from vaeexplorer.ui import http, model_card

FIRST_ROWS = 1500  # at most, of a run that is opened
KEPT_ROWS = 4000  # of a run in memory; more are thinned
RECENT_ROWS = 500  # that stay complete
TOLD_ROWS, TOLD_RECENT = 400, 100  # that the narrator gets: thinned ones, and the last ones complete
KEPT_RUNS = 8
ORDER_BYTES = 4096
LARGEST_OFFSET = 2**40
SLOWEST = 0.05  # steps a second of slow motion

Row = dict[str, Any]


async def state(request: Request) -> Response:
    """A run as it is now, and the rows of its metrics after `since` (a byte offset that an earlier answer gave)."""
    since = http.whole(request, "since", 0, 0, LARGEST_OFFSET)
    return await run_in_threadpool(_state, request.query_params.get("name", ""), since)


def _state(name: str, since: int) -> Response:
    path = _find(name)
    with _failing(422):
        status, (rows, offset, restart) = _status(path), _rows(path, since)
        steps = runs.snapshots(path)
    header, problem = _header(path)
    answer = {
        "name": path.name,
        "title": runs.title(path),
        "status": status,
        "rows": rows,
        "offset": offset,
        "restart": restart,
        "snapshots": steps,
        "now": _now(path),
        "narration": _narration(path, status, header),
        "config": _config(header) if header else None,
        "problem": problem,
    }
    return _json(answer)


async def originals(request: Request) -> Response:
    """The held-out images that a run is watched with, and the classes of its codes, as one binary document."""
    return await run_in_threadpool(_originals, request.query_params.get("name", ""))


def _originals(name: str) -> Response:
    with _failing(404):
        found = runs.originals(_find(name))
    buffers = portable.Buffers()
    described = {
        "count": len(found.images),
        "shape": list(found.images.shape[1:]),
        "images": buffers.add(found.images, "u1"),
        "labels": _whole_numbers(found.labels),
        "shown_labels": _whole_numbers(found.shown_labels),
    }
    return http.binary(portable.document(described, buffers))


def _whole_numbers(values: np.ndarray | None) -> list[int] | None:
    return None if values is None else [int(value) for value in values]


async def snapshot(request: Request) -> Response:
    """What was seen of the model at one step, or is seen `now`, as one binary document."""
    return await run_in_threadpool(
        _snapshot, request.query_params.get("name", ""), request.query_params.get("step", "")
    )


def _snapshot(name: str, step: str) -> Response:
    path = _find(name)
    if step == "now":
        version = runs.now_version(path)
        if not version:
            raise HTTPException(404, "this run has not been observed yet")
        with _failing(404):
            return http.binary(_now_document(path, version)[1])
    if not (step.isascii() and step.isdigit() and len(step) < 12):
        raise HTTPException(400, "step must be a whole number, or now")
    if int(step) not in runs.snapshots(path):
        raise HTTPException(404, f"this run keeps no snapshot of step {int(step):,}")
    with _failing(404):
        return http.binary(pack_observation(runs.snapshot(path, int(step))))


def pack_observation(seen: Observation) -> bytes:
    """Pictures as uint8, codes as float32, and the numbers in the header (portable.document)."""
    buffers = portable.Buffers()
    described = {
        "step": seen.step,
        "estimates": [estimate.to_dict() for estimate in seen.estimates],
        "kl_per_dimension": [float(value) for value in seen.kl_per_dimension],
        "shape": list(seen.reconstructions.shape[1:]),
        "shown": len(seen.reconstructions),
        "reconstructions": buffers.add(seen.reconstructions, "u1"),
        "decoded_count": len(seen.decoded),
        "decoded": buffers.add(seen.decoded, "u1"),
        "codes_shape": list(seen.codes.shape),
        "codes": buffers.add(seen.codes),
    }
    return portable.document(described, buffers)


async def order(request: Request) -> Response:
    """A wish for the run's worker, the speed of slow motion, or both; starts a worker where the wish needs one."""
    content = await http.body(request, ORDER_BYTES)
    (wish,) = http.fields(content, "wish")
    document = json.loads(content)
    if wish not in runs.WISHES and not (wish is None and "pace" in document):
        raise HTTPException(400, f"wish must be one of {', '.join(runs.WISHES)}; got {str(wish)[:40]!r}")
    pace = (_pace(document["pace"]),) if "pace" in document else ()
    return await run_in_threadpool(_order, request.query_params.get("name", ""), wish, pace)


def _pace(value: Any) -> float | None:
    """Steps a second, None for full speed.   Raises HTTPException 400 for anything else."""
    if value is None:
        return None
    if not run_files.is_pace(value) or value < SLOWEST:
        fastest = run_files.FASTEST_PACE
        raise HTTPException(400, f"pace must be null (full speed) or {SLOWEST:g} to {fastest:g} steps a second")
    return float(value)


def _order(name: str, wish: str | None, pace: tuple[float | None, ...]) -> Response:
    path = _find(name)
    with _failing(409):
        runs.order(path, wish, *pace)
        return _json({"status": _status(path)})


class _failing:
    """Turns a RunError into an answer with this status."""

    def __init__(self, status: int) -> None:
        self.status = status

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, runs.RunError):
            raise HTTPException(self.status, str(error)) from None


def _find(name: str) -> Path:
    with _failing(404):
        return runs.find(name)


def _status(path: Path) -> dict[str, Any]:
    """The run's status; its pace is the one that is wished for, which a worker that waits has not taken up yet."""
    return dataclasses.asdict(runs.status(path)) | {"pace": run_files.read_order(path).pace}


def _now(path: Path) -> dict[str, Any] | None:
    """The latest observation's step and version; None before the first one or while it cannot be read."""
    version = runs.now_version(path)
    try:
        return {"step": _now_document(path, version)[0], "version": version} if version else None
    except runs.RunError:
        return None


@lru_cache(maxsize=4)
def _now_document(path: Path, version: str) -> tuple[int, bytes]:
    seen = runs.snapshot(path, None)
    return seen.step, pack_observation(seen)


def _header(path: Path) -> tuple[Header | None, str | None]:
    """What is trained and how, and no problem; or None and why that cannot be read."""
    try:
        return runs.config(path), None
    except runs.RunError as error:
        # A run that was just begun has no configuration yet, and that is no problem.
        return None, str(error) if (path / "config.json").exists() else None


def _config(header: Header) -> dict[str, Any]:
    """The run in words and numbers for people."""
    vae, train = header.vae, header.train
    return {
        "dataset": header.dataset.title,
        "network": model_card.network_words(vae),
        "binarization": model_card.binarization_words(vae),
        "shape": list(vae.image_shape),
        "class_names": list(header.class_names),
        **vae.model_dump(mode="json", include={"latent_dim", "posterior", "prior", "likelihood"}),
        **train.model_dump(mode="json", exclude={"dataset"}),
    }


def _narration(path: Path, status: dict[str, Any], header: Header | None) -> dict[str, Any]:
    """What the narrator says of the rows that were read, with the rule's title and whether it is about trouble."""
    history = _history(path)
    key = (history.offset, status["state"], status["error"])
    if history.told[0] == key:
        return history.told[1]
    config = {part: getattr(header, part).model_dump(mode="json") for part in ("vae", "train")} if header else {}
    rows = thin(history.rows[:-TOLD_RECENT], TOLD_ROWS) + history.rows[-TOLD_RECENT:]
    said = narrator.narrate(rows, status, config)
    trouble = said.rule in (*narrator.TROUBLES, "failed")
    history.told = key, dataclasses.asdict(said) | {"title": narrator.RULES[said.rule].title, "trouble": trouble}
    return history.told[1]


class _History:
    """The rows of one run as far as they were read, the older ones thinned; one reader at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: list[Row] = []
        self.offset = 0
        self.told: tuple[Any, dict[str, Any]] = (None, {})  # the narration, and of what

    def advance(self, path: Path) -> None:
        with self.lock:
            rows, offset = _metrics(path, self.offset)
            rows = rows if _from_the_start(rows, offset, self.offset, self.rows) else self.rows + rows
            if len(rows) > KEPT_ROWS:
                rows = thin(rows[:-RECENT_ROWS], FIRST_ROWS) + rows[-RECENT_ROWS:]
            self.rows, self.offset = rows, offset


_histories: OrderedDict[tuple[Path, int, int], _History] = OrderedDict()
_histories_lock = threading.Lock()


def _history(path: Path) -> _History:
    """The rows that are known of this run. A folder that was deleted and made anew is another run."""
    try:
        key = (path, path.stat().st_ino, (path / "config.json").stat().st_mtime_ns)
    except OSError:
        return _History()
    with _histories_lock:
        found = _histories.setdefault(key, _History())
        _histories.move_to_end(key)
        while len(_histories) > KEPT_RUNS:
            _histories.popitem(last=False)
    return found


def _rows(path: Path, since: int) -> tuple[list[Row], int, bool]:
    """Rows after the offset, the offset after them, and whether the reader must forget what it has."""
    history = _history(path)
    history.advance(path)
    if since == 0:
        return thin(history.rows, FIRST_ROWS), history.offset, False
    if since == history.offset:
        return [], since, False
    rows, offset = _metrics(path, since)
    return thin(rows, FIRST_ROWS), offset, _from_the_start(rows, offset, since, history.rows)


def _metrics(path: Path, since: int) -> tuple[list[Row], int]:
    """Rows after the offset, each with the seconds of work until then, and the offset after them."""
    rows, offset = runs.metrics(path, since)
    return run_clock.timed(path, rows), offset


def _from_the_start(rows: list[Row], offset: int, since: int, known: list[Row]) -> bool:
    """Whether these rows, asked for after `since`, are all there are: a resumed worker had cut the file shorter."""
    return offset < since or bool(rows and known and rows[0].get("step") == known[0].get("step"))


def thin(rows: list[Row], most: int) -> list[Row]:
    """At most about `most` of the rows, in order: the first, the last, those with held-out figures, and of the other
    stretches (evenly long, and evenly long on a logarithmic axis) the rows with the lowest and the highest ELBO.
    """
    if len(rows) <= most:
        return rows
    observed = np.array([i for i, row in enumerate(rows) if row.get("held_out")], dtype=np.int64)
    if len(observed) > most - 2:
        observed = observed[_spread(len(observed), most - 2)]
    elbo = np.array([_finite(row.get("elbo")) for row in rows])
    kept = {0, len(rows) - 1, *observed.tolist()}
    edges = _spread(len(rows), max(2, (most - len(kept)) // 2))
    for first, last in itertools.pairwise(edges):
        kept |= {first + int(np.argmin(elbo[first:last])), first + int(np.argmax(elbo[first:last]))}
    return [rows[i] for i in sorted(kept)]


def _spread(count: int, wanted: int) -> np.ndarray:
    """Increasing indices from 0 to count - 1: half of them evenly spaced, half evenly in their logarithm."""
    even = np.linspace(0, count - 1, wanted - wanted // 2)
    early = np.geomspace(1, count, wanted // 2 or 1) - 1
    return np.unique(np.concatenate([even, early]).astype(np.int64))


def _finite(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _json(answer: dict[str, Any]) -> Response:
    try:
        text = json.dumps(answer, allow_nan=False, separators=(",", ":"))
    except ValueError:  # a run that diverged
        text = json.dumps(_speakable(answer), allow_nan=False, separators=(",", ":"))
    headers = http.HEADERS | {"Cache-Control": "no-store"}
    return Response(text, media_type="application/json", headers=headers)


def _speakable(value: Any) -> Any:
    """The same with null for the numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _speakable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_speakable(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


ROUTES = [
    Route("/run", state),
    Route("/run/originals", originals),
    Route("/run/snapshot", snapshot),
    Route("/run/order", order, methods=["POST"]),
]
