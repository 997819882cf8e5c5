"""Observations in a run's folder: the latest, those that are kept, and what they are of. Nothing here imports torch."""

from __future__ import annotations

import json
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from vaeexplorer.checkpoints import write_atomically
from vaeexplorer.records import Estimate, Observation, Originals
from vaeexplorer.run_files import FORMAT, RunError, one_line


def snapshots(path: Path) -> list[int]:
    """The steps whose observations are kept, in order."""
    return sorted(int(file.stem) for file in (path / "snapshots").glob("[0-9]*.safetensors") if file.stem.isdigit())


def snapshot_file(path: Path, step: int | None) -> Path:
    return path / "now.safetensors" if step is None else path / "snapshots" / f"{step:08}.safetensors"


def snapshot(path: Path, step: int | None) -> Observation:
    """The observation kept at this step; None: the latest.   Raises RunError if there is none or it is damaged."""
    about, arrays = _read_arrays(snapshot_file(path, step))
    try:
        estimates = tuple(Estimate.from_dict(e) for e in about["estimates"])
        return Observation(step=int(about["step"]), estimates=estimates, **arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"an observation of the run {path.name} is damaged: {one_line(repr(error))}") from None


def write_snapshot(path: Path, step: int | None, seen: Observation) -> None:
    """Keep an observation under its step, or as the latest (None)."""
    arrays = {f.name: getattr(seen, f.name) for f in fields(seen) if f.name not in ("step", "estimates")}
    about = {"format": FORMAT, "step": seen.step, "estimates": [e.to_dict() for e in seen.estimates]}
    file = snapshot_file(path, step)
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, _arrays(arrays, about), durable=step is not None)


def cut_snapshots(path: Path, step: int) -> None:
    """Forget the observations after this step: a resumed run makes them again."""
    for later in snapshots(path):
        if later > step:
            snapshot_file(path, later).unlink()


def originals(path: Path) -> Originals:
    """What the observations are of.   Raises RunError if they are missing or damaged."""
    arrays = _read_arrays(path / "originals.safetensors")[1]
    try:
        return Originals(arrays["images"], arrays.get("labels"), arrays.get("shown_labels"))
    except KeyError:
        raise RunError(f"originals.safetensors of the run {path.name} holds no images: it is damaged") from None


def write_originals(path: Path, shown: Originals) -> None:
    arrays = {f.name: getattr(shown, f.name) for f in fields(shown) if getattr(shown, f.name) is not None}
    write_atomically(path / "originals.safetensors", _arrays(arrays, {"format": FORMAT}))


def _arrays(arrays: dict[str, np.ndarray], about: dict[str, Any]) -> bytes:
    from safetensors.numpy import save

    return save({k: np.ascontiguousarray(v) for k, v in arrays.items()}, {"vaeexplorer": json.dumps(about)})


def _read_arrays(file: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = file.read_bytes()  # at once, so that the file is open for a moment only
        (length,) = struct.unpack("<Q", data[:8])
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["vaeexplorer"])
        if about["format"] > FORMAT:
            raise RunError(f"{file.name} was written by a newer version of VAE Explorer: update it")
        return about, load(data)
    except FileNotFoundError:
        raise RunError(f"the run {_run_of(file).name} has no {file.name} yet") from None
    except RunError:
        raise
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, struct.error) as error:
        raise RunError(f"{file.name} of the run {_run_of(file).name} is damaged: {one_line(str(error), 120)}") from None


def _run_of(file: Path) -> Path:
    return file.parent.parent if file.parent.name == "snapshots" else file.parent
