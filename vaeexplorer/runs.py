"""A run's folder: config.json, metrics.jsonl (append only), status.json (by rename), last.safetensors."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vaeexplorer.checkpoints import Header, save, write_atomically
from vaeexplorer.training import StepRecord, steps_in, train
from vaeexplorer.vae import VAE

SAVE_SECONDS = 30.0
METRIC_SECONDS = 0.5  # reading a metric waits for the device, so it happens a few times a second at most


class RunError(ValueError):
    """A run that cannot start or go on; the text is one line for people."""


class RunFolder:
    """Where one run writes. Creating it refuses a folder that already holds a run: nothing is overwritten."""

    def __init__(self, path: Path, header: Header) -> None:
        if (path / "config.json").exists():
            raise RunError(f"{path} already holds a run: choose another --run-dir, or delete it first")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot create the run folder {path}: {error.strerror}") from None
        self.path, self.header = path, header
        config = {"vae": header.vae.model_dump(mode="json"), "train": header.train.model_dump(mode="json")}
        write_atomically(path / "config.json", json.dumps(config, indent=1).encode())

    def append(self, record: StepRecord) -> float:
        """One line of metrics.jsonl; returns the batch's ELBO in nats.   Raises RunError if it is no longer finite."""
        kl = [round(value, 5) for value in record.kl_per_dimension.tolist()]
        row = {"step": record.step, "epoch": record.epoch, "reconstruction": float(record.reconstruction), "kl": kl}
        elbo = row["reconstruction"] - sum(kl)
        if not math.isfinite(elbo):
            raise RunError(f"the run diverged at step {record.step}: its ELBO is {elbo}; try a smaller --learning-rate")
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        return elbo

    def status(self, state: str, **more: Any) -> None:
        text = json.dumps({"state": state, "time": time.time(), **more})
        write_atomically(self.path / "status.json", text.encode())

    def save(self, vae: VAE, header: Header | None = None, codes: dict | None = None) -> Path:
        target = self.path / "last.safetensors"
        save(target, vae, header or self.header, codes)
        return target


def execute(
    vae: VAE, images: torch.Tensor, folder: RunFolder, progress: Callable[[StepRecord, float, int], None]
) -> StepRecord:
    """Train to the end, writing metrics and checkpoints on the way (each epoch, and at most SAVE_SECONDS apart).

    progress(record, elbo of its batch, total steps) comes a few times a second. An interruption saves what there is,
    marks the run as stopped and goes on to the caller.   Raises RunError if the run diverges.
    """
    config = folder.header.train
    total = steps_in(config, len(images))
    generator = torch.Generator(images.device).manual_seed(config.seed)
    shown = saved = time.monotonic()
    epoch = 1
    folder.status("running", step=0, steps=total)
    try:
        for record in train(vae, images, config, generator):
            now = time.monotonic()
            if now - shown > METRIC_SECONDS or record.step in (1, total):
                progress(record, folder.append(record), total)
                shown = now
            if record.epoch != epoch or now - saved > SAVE_SECONDS:
                folder.save(vae)
                folder.status("running", step=record.step, steps=total)
                epoch, saved = record.epoch, now
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        folder.status("stopped" if stopped else "failed", error=str(error))
        if stopped:
            folder.save(vae)
        raise
    folder.save(vae)
    folder.status("trained", step=total, steps=total)
    return record
