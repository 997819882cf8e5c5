"""pythae 0.1.2's own estimate of log p(x): `python benchmarks/pythae_nll.py MODEL.npz SAMPLES`, with pythae's Python.

MODEL.npz holds the weights and images of log_likelihood.py. Prints one JSON object: seconds, value (mean of log p(x),
which pythae calls a negative log-likelihood but returns with this sign), threads. Needs nothing of this project.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from pythae.models import VAE, VAEConfig  # type: ignore[import-not-found]

BATCH = 100  # pythae's default; it rounds the number of samples to a multiple of it


def model_of(arrays: Any) -> Any:
    """Its VAE for 28x28 images (784-512-16 with ReLU by default) with these weights."""
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce"))
    dims = len(arrays["encoder_3_bias"]) // 2
    part = {
        model.encoder.layers[0][0]: ("encoder_1", slice(None), 1),
        model.encoder.embedding: ("encoder_3", slice(None, dims), 1),
        model.encoder.log_var: ("encoder_3", slice(dims, None), 2),  # ours is log std
        model.decoder.layers[0][0]: ("decoder_0", slice(None), 1),
        model.decoder.layers[1][0]: ("decoder_2", slice(None), 1),
    }
    with torch.no_grad():
        for layer, (name, rows, factor) in part.items():
            layer.weight.copy_(factor * torch.from_numpy(arrays[f"{name}_weight"][rows]))
            layer.bias.copy_(factor * torch.from_numpy(arrays[f"{name}_bias"][rows]))
    return model.eval()


def main() -> None:
    arrays = np.load(sys.argv[1])
    model, images = model_of(arrays), torch.from_numpy(arrays["images"])
    with torch.inference_mode():
        model.get_nll(images[:2], n_samples=BATCH, batch_size=BATCH)
        begun = time.perf_counter()
        value = model.get_nll(images, n_samples=int(sys.argv[2]), batch_size=BATCH)
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "value": float(value), "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
