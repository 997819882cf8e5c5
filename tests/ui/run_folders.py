"""Run folders for the tests of the Train page, written by numpy alone: nothing is trained, every number is made up."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from vaeexplorer import run_files, run_snapshots
from vaeexplorer.checkpoints import DatasetNote, Header
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.records import Estimate, Observation, Originals
from vaeexplorer.run_files import Status

STEPS = 600
EVERY = 2  # steps a row
KEPT = (0, 1, 2, 4, 8, 16, 30, 50, 80, 120, 180, 260, 360, 480, 600)
SHAPE = (1, 8, 8)
SHOWN, DECODED, CODES, DIMS = 10, 16, 60, 3
_VALUES = {"elbo": -20.0, "reconstruction": -16.0, "kl": 4.0, "subo": 20.5, "surprisal": 19.0, "gap": 1.5}
_KINDS = {"elbo": "lower bound", "gap": "lower bound", "surprisal": "upper bound", "subo": "upper bound"}


def estimates(step: int) -> tuple[Estimate, ...]:
    """Held-out figures that rise with the steps; the ELBO is exactly -20 - 20 / (1 + step / 10)."""
    far = 20 / (1 + step / 10)
    shifts = {"elbo": -far, "reconstruction": -far, "kl": 0.0, "subo": far, "surprisal": far, "gap": 0.0}
    return tuple(
        Estimate(value + shifts[name], 0.25, 500, _KINDS.get(name, "unbiased"), "held-out images", name)  # type: ignore[arg-type]
        for name, value in _VALUES.items()
    )


def kl_at(step: int, dims: int = DIMS) -> np.ndarray:
    """Nats of each dimension: it grows, but the last one stays unused."""
    kl = np.linspace(2.0, 1.0, dims) * (1 - math.exp(-step / 60))
    kl[-1] = 0.001
    return kl


def observation(step: int, dims: int = DIMS) -> Observation:
    """What is seen at a step: pictures brighten, codes move apart by class."""
    rng = np.random.default_rng(0)
    grown = 1 - math.exp(-step / 80)
    pictures = rng.integers(0, 256, (SHOWN + DECODED, *SHAPE)) * grown
    places = rng.normal(size=(CODES, dims)) * 0.3 + grown * 2 * np.eye(10, dims)[np.arange(CODES) % 10]
    shown = pictures.astype(np.uint8)
    return Observation(
        step, estimates(step), kl_at(step, dims), shown[:SHOWN], shown[SHOWN:], places.astype(np.float16)
    )


def row(step: int, dims: int = DIMS) -> dict[str, Any]:
    kl, (elbo, reconstruction, *_) = kl_at(step, dims), estimates(step)
    found: dict[str, Any] = {
        "step": step, "epoch": 1 + step // 100, "elbo": elbo.value + 0.5, "reconstruction": reconstruction.value + 0.5,
        "kl": float(kl.sum()), "kl_per_dimension": kl.tolist(), "gradient_norm": 5.0 + step % 7, "learning_rate": 1e-3,
        "beta": 1.0, "images": 128,
    }  # fmt: skip
    if step in KEPT:
        found |= {"held_out": [e.to_dict() for e in estimates(step)], "held_out_kl": kl.tolist()}
    return found


def add_rows(path: Path, steps: range | list[int], dims: int = DIMS) -> None:
    run_files.append_metrics(path, [json.dumps(row(step, dims)) for step in steps])


def write_config(path: Path, dims: int = DIMS, **train: Any) -> None:
    """config.json of digits with the classes 0 to 9."""
    header = Header(
        name=path.name,
        vae=VaeConfig(image_shape=SHAPE, hidden=(6,), latent_dim=dims),
        train=TrainConfig(dataset="digits", epochs=7, batch_size=64, **train),
        dataset=DatasetNote(name="digits", title="Digits 8x8"),
        class_names=tuple("0123456789"),
    )
    (path / "config.json").write_text(header.model_dump_json(exclude={"digest"}))


def write_run(
    folder: Path, name: str = "digits-1", *, title: str = "a run", state: str = "finished", last: int = STEPS,
    dims: int = DIMS, error: str = "",
) -> Path:  # fmt: skip
    """A whole run as far as step `last`: rows, snapshots, the latest observation, status."""
    path = folder / name
    path.mkdir(parents=True)
    run_files.write_atomically(path / "about.json", json.dumps({"title": title}).encode())
    run_files.write_atomically(path / "command.json", json.dumps({"arguments": [], "folder": str(folder)}).encode())
    write_config(path, dims)
    add_rows(path, sorted({*range(EVERY, last + 1, EVERY), *(s for s in KEPT if 0 < s <= last)}), dims)
    labels = (np.arange(CODES) % 10).astype(np.int16)
    images = np.random.default_rng(1).integers(0, 256, (SHOWN, *SHAPE)).astype(np.uint8)
    run_snapshots.write_originals(path, Originals(images, labels, labels[:SHOWN]))
    for step in KEPT:
        if step <= last:
            run_snapshots.write_snapshot(path, step, observation(step, dims))
    run_snapshots.write_snapshot(path, None, observation(last, dims))
    run_files.write_status(path, Status(state, last, STEPS, 1 + last // 100, 7, 1234.0, 56.0, error))
    return path
