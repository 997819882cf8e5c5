"""The addresses of a run: what they say of a folder, what they order, and one line for whatever is wrong."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ui.client import ask, get, post
from tests.ui.run_folders import (
    CODES,
    DECODED,
    DIMS,
    KEPT,
    SHAPE,
    SHOWN,
    STEPS,
    add_rows,
    estimates,
    kl_at,
    observation,
    row,
    write_config,
    write_run,
)  # fmt: skip
from vaeexplorer import run_files, run_snapshots, runs
from vaeexplorer.run_files import Status
from vaeexplorer.ui import run_routes

NASTY = ["../digits-1", "..", "", "/etc", "digits-1/..", "digits-1\0", "<script>", "😀", "x" * 300, "DIGITS-1/"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's runs lie."""
    monkeypatch.setenv("VAEEXPLORER_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def run(folder: Path) -> Path:
    return write_run(folder)


def state(since: int = 0, name: str = "digits-1") -> Any:
    answer = get("/vaex/run", name=name, since=since)
    assert answer.status == 200, answer.content
    assert answer.headers["cache-control"] == "no-store"
    return answer.json


def document(content: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<I", content[:4])
    return json.loads(content[4 : 4 + length]), content[4 + length :]


def array(body: bytes, offset: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.frombuffer(body, dtype, int(np.prod(shape)), offset).reshape(shape)


def order(body: Any, name: str = "digits-1", **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return post("/vaex/run/order", content, headers, name=name)


# What a run is


def test_a_run_as_it_is(run: Path) -> None:
    found = state()
    assert (found["name"], found["title"], found["problem"], found["restart"]) == ("digits-1", "a run", None, False)
    expected = {"state": "finished", "step": STEPS, "steps": STEPS, "live": False, "pace": None, "error": ""}
    assert found["status"].items() >= expected.items()
    assert found["snapshots"] == list(KEPT)
    assert found["now"] == {"step": STEPS, "version": runs.now_version(run)}
    assert found["rows"][-1] == row(STEPS)
    assert len(found["rows"]) == STEPS // 2 + 1
    config = found["config"]
    assert config.items() >= {"dataset": "Digits 8x8", "shape": list(SHAPE), "latent_dim": DIMS, "beta": 1.0}.items()
    assert config["class_names"] == list("0123456789")
    assert config["network"] == "64-6-3, Bernoulli"
    assert {"headline", "text", "rule", "statement", "title", "trouble"} == found["narration"].keys()
    assert all(found["narration"][key] for key in ("headline", "rule", "statement", "title"))


def test_only_what_is_new_comes_again(run: Path) -> None:
    offset = state()["offset"]
    assert state(offset)["rows"] == []
    add_rows(run, [602, 604])
    found = state(offset)
    assert [row["step"] for row in found["rows"]] == [602, 604]
    assert not found["restart"]
    assert found["offset"] > offset
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 606, "elb')
    torn = state(found["offset"])
    assert (torn["rows"], torn["offset"]) == ([], found["offset"])


def test_rows_that_were_cut_off_begin_anew(run: Path) -> None:
    offset = state()["offset"]
    run_files.cut_metrics(run, 300)
    found = state(offset)
    assert found["restart"]
    assert [found["rows"][0]["step"], found["rows"][-1]["step"]] == [1, 300]
    add_rows(run, range(302, 400, 2))  # beyond the reader's old place again
    add_rows(run, [400] * 200)
    again = state(offset + 1)
    assert again["restart"]
    assert again["rows"][0]["step"] == 1
    assert state(found["offset"])["restart"] is False


def test_a_run_made_anew_under_the_same_name_is_another_run(folder: Path, run: Path) -> None:
    state()
    for file in sorted(run.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    run.rmdir()
    write_run(folder, title="another", last=80)
    found = state()
    assert (found["title"], found["rows"][-1]["step"]) == ("another", 80)


def test_a_long_run_is_thinned_for_the_first_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(folder, last=8)
    add_rows(path, range(9, 12_000))
    found = state()
    steps = [row["step"] for row in found["rows"]]
    assert len(steps) <= run_routes.FIRST_ROWS
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (1, 11_999)
    assert set(KEPT[1:]) <= set(steps)
    assert max(np.diff(np.log(steps))) < 0.7
    add_rows(path, range(12_000, 12_010))
    assert [row["step"] for row in state(found["offset"])["rows"]] == list(range(12_000, 12_010))
    (history,) = (h for key, h in run_routes._histories.items() if key[0] == path)
    assert len(history.rows) <= run_routes.KEPT_ROWS


def test_thinning_keeps_peaks() -> None:
    rows = [{"step": i, "elbo": -50.0 if i == 7777 else float(i % 3)} for i in range(1, 10_000)]
    kept = run_routes.thin(rows, 400)
    assert len(kept) <= 400
    assert {"step": 7777, "elbo": -50.0} in kept
    assert run_routes.thin(rows[:400], 400) == rows[:400]
    watched = [row | {"held_out": [1]} for row in rows]
    assert 100 < len(run_routes.thin(watched, 400)) <= 400


def test_a_run_that_has_only_been_asked_for(folder: Path) -> None:
    path = runs.create("fresh", ["--dataset", "digits"])
    found = state(name=path.name)
    expected = {"rows": [], "snapshots": [], "now": None, "config": None, "problem": None, "offset": 0}
    assert found.items() >= expected.items()
    assert found["title"] == "fresh"
    assert found["narration"]["headline"]
    assert get("/vaex/run/originals", name=path.name).status == 404
    assert "has not been observed yet" in get("/vaex/run/snapshot", name=path.name, step="now").error


def test_a_run_that_diverged_is_told_in_json(folder: Path) -> None:
    path = write_run(folder, state="failed", last=80, error="it diverged at step 81: try a smaller --learning-rate")
    run_files.append_metrics(path, ['{"step": 81, "elbo": NaN, "kl": Infinity, "kl_per_dimension": [1, NaN, 2]}'])
    found = state()
    assert found["rows"][-1]["elbo"] is None
    assert found["rows"][-1]["kl_per_dimension"] == [1, None, 2]
    assert "diverged at step 81" in found["status"]["error"]
    assert found["narration"]["trouble"]


def test_a_folder_of_a_newer_version_says_so(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"format": 99}))
    found = state()
    assert found["config"] is None
    assert "newer version" in found["problem"]
    assert len(found["rows"]) > 100


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe"])
@pytest.mark.parametrize("file", ["config", "status", "about", "control", "metrics.jsonl", "now.safetensors"])
def test_a_damaged_file_costs_no_more_than_itself(run: Path, file: str, damage: bytes) -> None:
    (run / (file if "." in file else f"{file}.json")).write_bytes(damage)
    found = state()
    assert found["name"] == "digits-1"
    assert (found["now"] is None) == (file == "now.safetensors")
    assert bool(found["problem"]) == (file == "config")


def test_titles_are_data(folder: Path) -> None:
    for number, title in enumerate(["<script>alert(1)</script>", "../x", "😀 ß", "x" * 100]):
        write_run(folder, f"digits-{number}", title=title, last=4)
        assert state(name=f"digits-{number}")["title"] == title


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("path", ["/vaex/run", "/vaex/run/originals", "/vaex/run/snapshot"])
def test_names_are_looked_up(run: Path, name: str, path: str) -> None:
    answer = get(path, name=name, step="now")
    assert answer.status == 404
    assert "there is no run" in answer.error
    assert len(answer.error) < 200


@pytest.mark.parametrize("since", ["-1", "1e3", "x", "٣", "9" * 13, "99999999999999999999", "0.5", ""])
def test_since_must_be_a_place_in_a_file(run: Path, since: str) -> None:
    assert "since must be" in get("/vaex/run", name="digits-1", since=since).error


def test_since_far_beyond_the_end_begins_anew(run: Path) -> None:
    found = state(99_999_999_999)
    assert found["restart"]
    assert found["rows"][0]["step"] == 1


# What was seen


def test_originals(run: Path) -> None:
    header, body = document(get("/vaex/run/originals", name="digits-1").content)
    saved = run_snapshots.originals(run)
    assert (header["count"], header["shape"]) == (SHOWN, list(SHAPE))
    np.testing.assert_array_equal(array(body, header["images"], (SHOWN, *SHAPE), "u1"), saved.images)
    assert header["labels"] == saved.labels.tolist()
    assert header["shown_labels"] == list(range(10))


@pytest.mark.parametrize("step", ["0", "80", "now"])
def test_a_snapshot(run: Path, step: str) -> None:
    answer = get("/vaex/run/snapshot", name="digits-1", step=step)
    header, body = document(answer.content)
    wanted = STEPS if step == "now" else int(step)
    seen = observation(wanted)
    assert (header["step"], header["codes_shape"], header["decoded_count"]) == (wanted, [CODES, DIMS], DECODED)
    assert header["estimates"] == [e.to_dict() for e in estimates(wanted)]
    assert header["kl_per_dimension"] == pytest.approx(kl_at(wanted))
    pictures = array(body, header["reconstructions"], (SHOWN, *SHAPE), "u1")
    np.testing.assert_array_equal(pictures, seen.reconstructions)
    np.testing.assert_array_equal(array(body, header["decoded"], (DECODED, *SHAPE), "u1"), seen.decoded)
    np.testing.assert_array_equal(array(body, header["codes"], (CODES, DIMS), "<f4"), seen.codes.astype(np.float32))
    assert answer.headers["content-encoding"] == "identity"


@pytest.mark.parametrize("step", ["3", "9" * 11, "-1", "x", "", "1" * 40])
def test_a_snapshot_that_is_not_there(run: Path, step: str) -> None:
    answer = get("/vaex/run/snapshot", name="digits-1", step=step)
    assert answer.status == (404 if step in ("3", "9" * 11) else 400)
    assert answer.error


def test_a_damaged_snapshot(run: Path) -> None:
    run_snapshots.snapshot_file(run, 80).write_bytes(b"nonsense")
    assert "damaged" in get("/vaex/run/snapshot", name="digits-1", step=80).error
    assert state()["snapshots"] == list(KEPT)


# Orders


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Runs whose worker was started; none is."""
    started: list[Path] = []
    monkeypatch.setattr(runs, "start", started.append)
    return started


@pytest.mark.parametrize("wish", ["run", "batch", "epoch", "stop"])
def test_a_wish_starts_a_worker_where_none_is(folder: Path, launched: list[Path], wish: str) -> None:
    path = write_run(folder, state="paused", last=80)
    answer = order({"wish": wish, "pace": 10})
    assert answer.status == 200
    assert answer.json["status"].items() >= {"state": "paused", "step": 80, "pace": 10.0}.items()
    assert run_files.read_order(path).wish == wish
    assert launched == [path]


def test_a_worker_that_lives_hears_the_wish(folder: Path, launched: list[Path]) -> None:
    path = write_run(folder, state="running", last=80)
    with runs.held(path):
        answer = order({"wish": "pause"})
        assert answer.json["status"].items() >= {"state": "running", "live": True}.items()
        assert order({"wish": None, "pace": 2}).json["status"]["pace"] == 2.0
        assert run_files.read_order(path).wish == "pause"
        assert order({"wish": "run"}).json["status"]["pace"] == 2.0  # stays as it was
        assert order({"wish": None, "pace": None}).json["status"]["pace"] is None
    assert launched == []


def test_what_cannot_be_is_refused(folder: Path, run: Path, launched: list[Path]) -> None:
    answer = order({"wish": "run"})
    assert answer.status == 409
    assert "finished" in answer.error
    write_run(folder, "digits-2", state="running", last=80)  # and nobody holds its lock
    answer = order({"wish": "pause"}, "digits-2")
    assert answer.status == 409
    assert answer.error
    assert launched == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'{"pace": 3}', {"wish": "go"}, {"wish": 1}, {"wish": None},
        {"wish": ["run"]}, {"wish": {}}, {"wish": "run" * 100}, {"wish": "run", "pace": 0}, {"wish": "run", "pace": -1},
        {"wish": "run", "pace": "fast"}, {"wish": "run", "pace": True}, {"wish": "run", "pace": 1e9},
        {"wish": "run", "pace": []}, b'{"wish": "run", "pace": NaN}', b'{"wish": "run", "pace": Infinity}',
    ],
)  # fmt: skip
def test_orders_that_say_nothing(folder: Path, launched: list[Path], body: Any) -> None:
    path = write_run(folder, state="paused", last=80)
    answer = order(body)
    assert answer.status == 400
    assert len(answer.error) < 200
    assert launched == []
    assert not (path / "control.json").exists()


def test_orders_are_small_and_for_this_app_only(run: Path) -> None:
    assert order({"wish": "run", "more": "x" * 10_000}).status == 413
    answer = post("/vaex/run/order", b'{"wish": "run"}', {"sec-fetch-site": "cross-site"}, name="digits-1")
    assert answer.status == 403
    assert ask("GET", "/vaex/run/order", {"name": "digits-1"}).status == 405
    assert ask("POST", "/vaex/run", {"name": "digits-1"}).status == 405


@pytest.mark.parametrize("name", NASTY)
def test_orders_look_names_up(run: Path, launched: list[Path], name: str) -> None:
    assert order({"wish": "run"}, name).status == 404
    assert launched == []


def test_reading_a_run_needs_no_torch(run: Path) -> None:
    code = (
        "import sys; from tests.ui.client import get;"
        "assert get('/vaex/run', name='digits-1').status == 200;"
        "assert get('/vaex/run/snapshot', name='digits-1', step='now').status == 200;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_configuration_that_comes_later_is_told(folder: Path) -> None:
    path = folder / "digits-1"
    path.mkdir()
    (path / "command.json").write_text("{}")
    run_files.write_status(path, Status(taken=False))
    assert state()["config"] is None
    write_config(path, beta=4.0)
    assert state()["config"]["beta"] == 4.0
