"""A model as bytes that a browser can run: the decoder's layers and weights, and the codes of held-out images.

Both documents: uint32 length of the header (little endian), a JSON header padded with blanks so that what follows
begins at
a multiple of 8, then the buffers. Offsets in the header count bytes from there; every buffer begins at a multiple of 8.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vaeexplorer.architectures import Activation, Conv, ConvTranspose, Dense, Reshape
from vaeexplorer.checkpoints import read_header, read_tensors
from vaeexplorer.configs import VaeConfig


@dataclass
class Buffers:
    """Arrays laid one after another, each at a multiple of 8 bytes."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: np.ndarray, dtype: str = "<f4") -> int:
        """Append the array; returns its offset in bytes."""
        data = np.ascontiguousarray(values, dtype=dtype).tobytes()
        data += bytes(-len(data) % 8)
        self.parts.append(data)
        self.size += len(data)
        return self.size - len(data)


def document(header: dict[str, Any], buffers: Buffers) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return b"".join([struct.pack("<I", len(text)), text, *buffers.parts])


def pack_decoder(path: Path) -> bytes:
    """The layers of p(x|z)'s mean, z (D,) -> image (C, H, W) in [0, 1], with weights as float32.

    Raises CheckpointError if the file is not a checkpoint of ours.
    """
    header, tensors, buffers = read_header(path), read_tensors(path), Buffers()
    config = header.vae
    layers, (height, width) = [], (1, 1)
    for number, layer in enumerate(config.decoder_layers):
        if isinstance(layer, Reshape):
            height, width = layer.shape[-2:]
            continue
        described: dict[str, Any] = {"type": LAYER_NAMES[type(layer)], **layer.__dict__}
        if isinstance(layer, Conv | ConvTranspose):
            described |= {"height": height, "width": width}
            height, width = SIZES_AFTER[type(layer)](layer, height), SIZES_AFTER[type(layer)](layer, width)
        for part in ("weight", "bias") if not isinstance(layer, Activation) else ():
            described[part] = buffers.add(tensors[f"decoder.{number}.{part}"])
        layers.append(described)
    layers += MEAN_LAYERS[config.likelihood](config)
    shape = list(config.image_shape)
    return document({"layers": layers, "shape": shape, "latent_dim": config.latent_dim, "dtype": "float32"}, buffers)


def pack_codes(path: Path) -> bytes | None:
    """The aggregate posterior that the checkpoint keeps, or None if it keeps none.   Raises CheckpointError as
    above.
    """
    header, tensors, buffers = read_header(path), read_tensors(path), Buffers()
    if "codes.mean" not in tensors:
        return None
    gaussian = header.vae.posterior == "gaussian"
    label = tensors.get("codes.label")
    described = {
        "count": len(tensors["codes.mean"]),
        "latent_dim": header.vae.latent_dim,
        "kind": header.vae.posterior,
        "mean": buffers.add(tensors["codes.mean"]),
        "std": buffers.add(tensors["codes.std"]) if gaussian else None,
        "label": buffers.add(label, "<i2") if label is not None else None,
        "quantiles": list(header.code_quantiles),
    }
    return document(described, buffers)


def _pixels(config: VaeConfig) -> int:
    channels, height, width = config.image_shape
    return channels * height * width


def _gaussian_mean(config: VaeConfig) -> list[dict[str, Any]]:
    link = {"type": "activation", "name": "sigmoid" if config.output == "sigmoid" else "clip"}
    return [{"type": "take", "count": _pixels(config)}, link]


LAYER_NAMES = {Dense: "dense", Conv: "conv", ConvTranspose: "conv_transpose", Activation: "activation"}

SIZES_AFTER: dict[type, Callable[[Any, int], int]] = {
    Conv: lambda layer, size: (size + 2 * layer.padding - layer.kernel) // layer.stride + 1,
    ConvTranspose: lambda layer, size: (size - 1) * layer.stride - 2 * layer.padding + layer.kernel,
}

# likelihood -> the layers from the decoder's outputs to E[x|z]
MEAN_LAYERS: dict[str, Callable[[VaeConfig], list[dict[str, Any]]]] = {
    "bernoulli": lambda config: [{"type": "activation", "name": "sigmoid"}],
    "continuous_bernoulli": lambda config: [{"type": "activation", "name": "continuous_bernoulli_mean"}],
    "gaussian": _gaussian_mean,
    "gaussian_learned": _gaussian_mean,
    "gaussian_pixel": _gaussian_mean,
}
