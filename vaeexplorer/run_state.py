"""All that a training needs to go on to the same bits, as one file: weights, optimizer, randomness, unfinished row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vaeexplorer.run_files import FORMAT, RunError, one_line
from vaeexplorer.run_rows import Rows
from vaeexplorer.training import Training

FILE = "resume.safetensors"


@dataclass(frozen=True)
class State:
    """A training between two steps. tensors: by name, on the CPU; data: the checksum of the training images."""

    step: int
    data: str
    tensors: dict[str, Tensor]

    @classmethod
    def of(cls, training: Training, rows: Rows, data: str) -> State:
        """Raises FloatingPointError if a number in it is not finite: such a state is not worth keeping."""
        parts = {"weights": training.vae.state_dict(), "training": training.state(), "rows": rows.state()}
        tensors = {
            f"{part}.{name}": value.detach().cpu().contiguous()
            for part, found in parts.items()
            for name, value in found.items()
        }
        for name, value in tensors.items():
            if value.is_floating_point() and name != "rows.norm" and not bool(torch.isfinite(value).all()):
                raise FloatingPointError(f"{name} is no longer finite")
        return cls(training.step, data, tensors)

    def restore(self, training: Training, rows: Rows) -> None:
        """Bring a fresh training to this state.   Raises RunError if it is one of another model or other data."""
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "training": {}, "rows": {}}
        for name, value in self.tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = value
        try:
            training.vae.load_state_dict(parts["weights"])
            training.load_state(parts["training"])
            rows.load_state(parts["rows"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise RunError(f"the saved state does not fit this run: {one_line(str(error), 200)}") from None

    def to_bytes(self) -> bytes:
        about = {"format": FORMAT, "step": self.step, "data": self.data}
        return save(self.tensors, {"vaeexplorer": json.dumps(about)})

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """Raises RunError, one line, if these bytes are damaged or of a newer version."""
        try:
            about = _about(data)
            if about["format"] > FORMAT:
                raise RunError(f"{FILE} was written by a newer version of VAE Explorer: update it")
            return cls(int(about["step"]), str(about["data"]), load(data))
        except (SafetensorError, ValueError, TypeError, KeyError) as error:
            if isinstance(error, RunError):
                raise
            raise RunError(f"{FILE} is damaged ({one_line(str(error), 120)}): start a new run") from None

    def check_data(self, data: str) -> None:
        """Raises RunError if the training images are not those that the run began with."""
        if data != self.data:
            raise RunError(
                "the training images are not those that this run began with: bring them back, or start a new run "
                "with the new ones"
            )


def read(path: Path) -> bytes:
    """The saved state in a run's folder, b"" if nothing was saved yet.   Raises RunError if it cannot be read."""
    try:
        return (path / FILE).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RunError(f"cannot read {path / FILE}: {error.strerror}") from None


def checksum(images: np.ndarray) -> str:
    """Of shape, type and every value: tells whether these are the images of last time."""
    found = hashlib.sha256(f"{images.shape} {images.dtype}".encode())
    found.update(np.ascontiguousarray(images).data)
    return found.hexdigest()


def _about(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["vaeexplorer"])
