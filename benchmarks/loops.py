"""One training loop in a process of its own: `python benchmarks/loops.py NAME IMAGES.npy --counter FILE`.

Started by train.py, which stops and continues it; prints one JSON object about itself and then trains for ever, with
the number of images it has trained on in the counter. All train the same model on the same device, 784-512-16 with ReLU
and a Bernoulli likelihood, batches of 128, Adam at 1e-3.

bare        forward, backward and fused Adam on one batch that lies on the device: nothing is loaded, shuffled, made
            binary, noted or shown. On a GPU also recorded as a CUDA graph; the quickest form goes on.
generator   `training.Training`, whose records nobody reads
pythae      pythae 0.1.2: its VAE, TrainingPipeline and DataLoader as they are, with the same model, batch and Adam.
            Needs nothing of this project, so that another environment's Python can run it.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PIXELS, HIDDEN, LATENT, BATCH, RATE = 784, 512, 16, 128, 1e-3
TRY_SECONDS = 2.0  # for which each of a device's forms is tried

Count = Callable[[float], None]  # told the images of a step after each one


def counter(file: str) -> Count:
    """Adds up images in a file of eight bytes that another process reads, whenever the device has done them."""
    total = np.memmap(file, np.float64, "r+", shape=(1,))
    finish = _finish()

    def count(images: float) -> None:
        finish()
        total[0] += images

    return count


def _finish() -> Callable[[], None]:
    """Waits for the device now and then: a GPU would otherwise be told of steps that it has not done."""
    import torch

    steps = 0

    def finish() -> None:
        nonlocal steps
        steps += 1
        if steps % 100 == 0:
            torch.cuda.synchronize()

    return finish if torch.cuda.is_available() else lambda: None


def say(**about: Any) -> None:
    """The line that train.py reads."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(json.dumps({**about, "device": device, "threads": torch.get_num_threads(), "torch": torch.__version__}))
    sys.stdout.flush()


def bare(images: np.ndarray, count: Count) -> None:
    """The quickest of the plain forms on this device."""
    import torch

    cuda = torch.cuda.is_available()
    forms: dict[str, Callable[[Callable[[], None]], Callable[[], None]]] = {"plain": lambda step: step}
    forms |= {"CUDA graph": recorded} if cuda else {}
    steps = {form: prepare(bare_step(images[:BATCH], "cuda" if cuda else "cpu")) for form, prepare in forms.items()}
    form = max(steps, key=lambda form: _pace(steps[form])) if cuda else "plain"
    say(form=form)
    while True:
        steps[form]()
        count(BATCH)


def _pace(step: Callable[[], None]) -> float:
    """Steps a second on a GPU."""
    import torch

    step()
    torch.cuda.synchronize()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < TRY_SECONDS:
        for _ in range(100):
            step()
        torch.cuda.synchronize()
        done += 100
    return done / (time.perf_counter() - start)


def bare_step(batch: np.ndarray, device: str) -> Callable[[], None]:
    """A function that takes one step of Adam on this batch, with fresh noise."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    x = torch.from_numpy(batch).to(device).flatten(1).ge(128).float()
    encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT)).to(device)
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS)).to(device)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True, capturable=device == "cuda")

    def step() -> None:
        mean, log_std = encoder(x).chunk(2, -1)
        z = mean + log_std.exp() * torch.randn_like(mean)
        kl = (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum()
        loss = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") + kl
        optimizer.zero_grad()
        (loss / len(x)).backward()
        optimizer.step()

    return step


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """The step as one CUDA graph: the GPU repeats it without being told each part again."""
    import torch

    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):  # what is made at the first call must not become part of the graph
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def generator(images: np.ndarray, count: Count) -> None:
    """Our loop with nobody who reads its records."""
    sys.path.insert(0, str(ROOT))
    import torch

    from vaeexplorer import devices
    from vaeexplorer.configs import TrainConfig, VaeConfig
    from vaeexplorer.training import Training
    from vaeexplorer.vae import VAE

    device = devices.choose()
    vae = VAE(VaeConfig.model_validate({"hidden": (HIDDEN,), "activation": "relu", "latent_dim": LATENT})).to(device)
    config = TrainConfig.model_validate({"batch_size": BATCH, "learning_rate": RATE, "epochs": 10**6})
    say()
    for _ in Training(vae, torch.from_numpy(images)[:, None].to(device), config):
        count(images_a_step(len(images)))


def pythae(images: np.ndarray, count: Count) -> None:
    """The other library as its own instructions have it, with a callback that counts."""
    from pythae import models, pipelines, trainers  # type: ignore[import-not-found]
    from pythae.trainers.training_callbacks import TrainingCallback  # type: ignore[import-not-found]

    class Counted(TrainingCallback):
        def on_train_step_end(self, training_config: Any, **_: Any) -> None:
            count(images_a_step(len(images)))

    logging.disable(logging.INFO)
    # Its own networks for this shape are 784-512-16 with ReLU; "bce" is the Bernoulli likelihood.
    model = models.VAE(models.VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce"))
    say(parameters=sum(p.numel() for p in model.parameters()))
    with tempfile.TemporaryDirectory() as folder:
        config = trainers.BaseTrainerConfig(
            output_dir=folder, num_epochs=10**6, per_device_train_batch_size=BATCH, learning_rate=RATE
        )
        pipeline = pipelines.TrainingPipeline(model=model, training_config=config)
        pipeline(train_data=images[:, None].astype(np.float32) / 255, callbacks=[Counted()])


def images_a_step(images: int) -> float:
    """Their mean number: an epoch's last batch is smaller."""
    return images / math.ceil(images / BATCH)


LOOPS: dict[str, Callable[[np.ndarray, Count], None]] = {"bare": bare, "generator": generator, "pythae": pythae}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train for ever."""
    parser = argparse.ArgumentParser(description="Run one training loop until it is killed.")
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("images", help="a .npy file of uint8 images (N, 28, 28)")
    parser.add_argument("--counter", required=True, help="a file of eight bytes: float64, images so far")
    options = parser.parse_args(arguments)
    LOOPS[options.loop](np.load(options.images, allow_pickle=False), counter(options.counter))


if __name__ == "__main__":
    main()
