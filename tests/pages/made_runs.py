"""Run folders as a worker would leave them, made in milliseconds: no process, no training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.ui.models import write_model
from vaeexplorer import runs
from vaeexplorer.checkpoints import DatasetNote, Header, runs_folder
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.records import Estimate
from vaeexplorer.run_files import Status, write_status
from vaeexplorer.ui import train_fields, train_settings

SHAPE = (1, 8, 8)


def make_run(title: str, *, state: str = "finished", step: int = 200, model: bool = True, **settings: Any) -> Path:
    """A run on `digits` with these settings that stands at `step`; its curves are drawn, not trained."""
    values = {"dataset": "digits", "hidden": (6,), "latent_dim": 3, "epochs": 10}
    values = train_fields.defaults() | values | settings
    vae, train = train_settings.configs(values, SHAPE)
    path = runs.create(title, train_settings.arguments(vae, train))
    header = Header(name=path.name, vae=vae, train=train, dataset=DatasetNote(name="digits", title="Digits 8x8"))
    (path / "config.json").write_text(header.model_dump_json())
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(step, vae, train)))
    if model:
        write_model(path / "last.safetensors", **_network(vae))
    write_status(path, Status(state=state, step=step, steps=step, images_per_second=20_000.0))
    return path


def rows(steps: int, vae: VaeConfig, train: TrainConfig) -> list[dict[str, Any]]:
    """Metrics as a worker writes them: every tenth step, with held-out estimates at every second row."""
    rng = np.random.default_rng(train.seed)
    made = []
    for step in range(10, steps + 1, 10):
        reconstruction = -20 - 25 * np.exp(-step / 60) + rng.normal(0, 0.2)
        kl = 6 / (1 + train.beta) * (1 - np.exp(-step / 40))
        row = {
            "step": step, "epoch": 1 + step // 100, "elbo": reconstruction - kl, "reconstruction": reconstruction,
            "kl": kl, "kl_per_dimension": [kl / vae.latent_dim] * vae.latent_dim, "gradient_norm": 10 / step,
            "learning_rate": train.learning_rate, "beta": train.beta, "images": 640,
        }  # fmt: skip
        if step % 20 == 0:
            kinds = {"elbo": "lower bound", "reconstruction": "unbiased", "kl": "exact"}
            values = {"elbo": reconstruction - kl - 0.5, "reconstruction": reconstruction - 0.5, "kl": kl}
            row["held_out"] = [
                Estimate(values[name], 0.3, 360, kind, "held-out images", name).to_dict()  # type: ignore[arg-type]
                for name, kind in kinds.items()
            ]
        made.append(row)
    return made


def _network(vae: VaeConfig) -> dict[str, Any]:
    return {name: value for name, value in vae.model_dump().items() if name != "image_shape"}


def names() -> list[str]:
    """The folders of all runs, in the order of the alphabet."""
    folder = runs_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
