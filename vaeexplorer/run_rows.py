"""Steps gathered into rows of metrics: what a row holds depends on the steps alone, never on when it was written."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.records import Observation
from vaeexplorer.training import StepRecord, Training

DIGITS = 7  # that are written: all that float32 has


class NotFinite(ValueError):
    """A training whose numbers are no longer numbers: since which step, and which ones."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"the run diverged at step {step}: {what}")


class Rows:
    """The steps since the last row. `add` costs next to nothing; `settle` waits for the device and reads them."""

    def __init__(self, training: Training) -> None:
        self.training, self.processes = training, training.processes
        self.start = training.step  # the last step of the last row
        self.values = np.zeros((0, 1 + training.vae.config.latent_dim), np.float32)  # reconstruction, KL per dimension
        self.norm = self.elbo = math.nan  # elbo: of the last row
        self._pending: list[Tensor] = []
        self._pending_norm: Tensor | None = None

    def add(self, record: StepRecord) -> None:
        self._pending += (record.reconstruction, record.kl_per_dimension)
        if record.gradient_norm is not None:
            self._pending_norm = record.gradient_norm

    def settle(self) -> None:
        """Read what was added, summed over processes: all of them call this after the same step.

        Raises NotFinite for the first step whose ELBO is no longer a number.
        """
        if self._pending:
            fresh = self.processes.sum_(torch.cat([value.reshape(-1) for value in self._pending]).float())
            self._pending = []
            table = fresh.cpu().numpy().reshape(-1, self.values.shape[1])
            if not np.isfinite(table).all():
                self._refuse(table)
            self.values = np.concatenate([self.values, table]) if len(self.values) else table
        if self._pending_norm is not None:
            self.norm, self._pending_norm = float(self._pending_norm), None

    def _refuse(self, table: np.ndarray) -> None:
        first = int(np.flatnonzero(~np.isfinite(table).all(1))[0])
        elbo = table[first, 0] - table[first, 1:].sum()
        raise NotFinite(self.start + len(self.values) + first + 1, f"its ELBO is {elbo}")

    def row(self, record: StepRecord, seen: Observation | None) -> str:
        """The row that ends with this step, as a line of JSON; the next one begins. The steps must be settled."""
        steps = np.arange(self.start, record.step)
        images = self._images(steps)
        count = int(images.sum())
        means = (images @ self.values.astype(np.float64) / count).tolist()
        kl = means[1:]
        row: dict[str, Any] = {
            "step": record.step,
            "epoch": record.epoch,
            "elbo": rounded(means[0] - sum(kl)),
            "reconstruction": rounded(means[0]),
            "kl": rounded(sum(kl)),
            "kl_per_dimension": [rounded(value) for value in kl],
            "gradient_norm": rounded(self.norm) if math.isfinite(self.norm) else None,
            "learning_rate": rounded(record.learning_rate),
            "beta": rounded(record.beta),
            "images": count,
        }
        if seen is not None:
            row["held_out"] = [estimate.to_dict() for estimate in seen.estimates]
            row["held_out_kl"] = [rounded(value) for value in seen.kl_per_dimension]
        self.start, self.values, self.norm, self.elbo = record.step, self.values[:0], math.nan, row["elbo"]
        return json.dumps(row, separators=(",", ":"))

    def _images(self, steps: np.ndarray) -> np.ndarray:
        """How many images each of these steps (counted from 0) worked on: the last one of an epoch may be smaller."""
        training = self.training
        size, count = training.config.batch_size, len(training.images)
        return np.minimum(size, count - steps % training.steps_per_epoch * size)

    def state(self) -> dict[str, Tensor]:
        """The settled steps, for `load_state`."""
        return {"values": torch.from_numpy(self.values), "norm": torch.tensor(self.norm, dtype=torch.float64)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self.values, self.norm = tensors["values"].numpy(), float(tensors["norm"])
        self.start = self.training.step - len(self.values)


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
