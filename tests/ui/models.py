"""Small models with random weights, written as checkpoints, and their bytes to spoil."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from vaeexplorer import checkpoints
from vaeexplorer.checkpoints import DatasetNote, Header
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.records import Estimate

DIGITS = tuple("0123456789")


def write_model(path: Path, *, dataset: str = "digits", codes: bool = True, seed: int = 0, **config: Any) -> Path:
    """A checkpoint for 8x8 digits with three latent dimensions, the last of them dead."""
    import torch

    from vaeexplorer.vae import VAE

    fields: dict[str, Any] = {"image_shape": (1, 8, 8), "hidden": (6,), "latent_dim": 3} | config
    torch.manual_seed(seed)
    vae = VAE(VaeConfig(**fields))
    for parameter in vae.prior.parameters():  # a learned prior starts as a standard normal
        torch.nn.init.normal_(parameter, std=0.3)
    dims = vae.config.latent_dim
    rng = np.random.default_rng(seed)
    drawn = {"mean": rng.normal(size=(5, dims)), "std": np.full((5, dims), 0.5), "label": np.arange(5)}
    kept = {name: values.astype(np.int16 if name == "label" else np.float32) for name, values in drawn.items()}
    header = Header(
        name=path.stem,
        vae=vae.config,
        train=TrainConfig(dataset=dataset),
        dataset=DatasetNote(name=dataset, title="Digits 8x8" if dataset == "digits" else dataset),
        estimates=(Estimate(-21.5, 0.25, 360, "lower bound", "test images", "elbo"),),
        class_names=DIGITS,
        kl_per_dimension=(*np.linspace(2, 1, dims - 1), 0.001),
        code_quantiles=tuple(np.linspace(-9, -1, 101)) if codes else (),
    )
    checkpoints.save(path, vae, header, kept if codes else None)
    return path


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """A safetensors file's table and buffers."""
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(table: dict[str, Any], buffers: bytes) -> bytes:
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + buffers
