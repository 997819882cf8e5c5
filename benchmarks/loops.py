"""One training loop, timed in a process of its own: `python benchmarks/loops.py NAME IMAGES.npy --seconds 8`.

Started by train.py, one at a time; prints one JSON object. All train the same model on the same device, 784-512-16 with
ReLU and a Bernoulli likelihood, batches of 128, Adam at 1e-3, and all are timed in the same way: some steps to warm up,
then whole steps until the seconds are over, with the device's work finished at both ends.

bare        forward, backward and fused Adam on one batch that lies on the device: nothing is loaded, shuffled, made
            binary, noted or shown. On a GPU also recorded as a CUDA graph; the quickest form counts.
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
WARM_UP = 50  # steps

Result = dict[str, Any]  # images_per_second and what is worth saying about how


class Clock:
    """Counts steps between the end of the warm-up and the end of the time.

    images: how many there are; an epoch's last batch is smaller, so a step has their mean number.
    """

    def __init__(self, images: int, seconds: float) -> None:
        self.seconds, self.images_a_step = seconds, images / math.ceil(images / BATCH)
        self.steps, self.start = 0, 0.0

    def tick(self) -> bool:
        """After each step; whether the time is over."""
        self.steps += 1
        if self.steps == WARM_UP:
            self.start = now()
        return self.steps > WARM_UP and time.perf_counter() - self.start >= self.seconds

    def result(self, **more: Any) -> Result:
        """Rate over all timed steps."""
        rate = self.images_a_step * (self.steps - WARM_UP) / (now() - self.start)
        return {"images_per_second": rate, **more}


def now() -> float:
    """Seconds, when the device has done what it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def bare(images: np.ndarray, seconds: float) -> Result:
    """The quickest of the plain forms on this device."""
    import torch

    cuda = torch.cuda.is_available()
    forms: dict[str, Callable[[Callable[[], None]], Callable[[], None]]] = {"plain": lambda step: step}
    forms |= {"CUDA graph": recorded} if cuda else {}
    results = []
    for form, prepare in forms.items():
        step, clock = prepare(bare_step(images[:BATCH], "cuda" if cuda else "cpu")), Clock(BATCH, seconds / len(forms))
        step()
        while not clock.tick():
            step()
        results.append(clock.result(form=form))
    return max(results, key=lambda result: result["images_per_second"])


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


def generator(images: np.ndarray, seconds: float) -> Result:
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
    clock = Clock(len(images), seconds)
    for _ in Training(vae, torch.from_numpy(images)[:, None].to(device), config):
        if clock.tick():
            break
    return clock.result()


def pythae(images: np.ndarray, seconds: float) -> Result:
    """The other library as its own instructions have it, with a callback that looks at the clock."""
    from pythae import models, pipelines, trainers  # type: ignore[import-not-found]
    from pythae.trainers.training_callbacks import TrainingCallback  # type: ignore[import-not-found]

    class Enough(Exception):
        pass

    class Stop(TrainingCallback):
        def on_train_step_end(self, training_config: Any, **_: Any) -> None:
            if clock.tick():
                raise Enough

    logging.disable(logging.INFO)
    # Its own networks for this shape are 784-512-16 with ReLU; "bce" is the Bernoulli likelihood.
    model = models.VAE(models.VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce"))
    clock = Clock(len(images), seconds)
    with tempfile.TemporaryDirectory() as folder:
        config = trainers.BaseTrainerConfig(
            output_dir=folder, num_epochs=10**6, per_device_train_batch_size=BATCH, learning_rate=RATE
        )
        pipeline = pipelines.TrainingPipeline(model=model, training_config=config)
        try:
            pipeline(train_data=images[:, None].astype(np.float32) / 255, callbacks=[Stop()])
        except Enough:
            return clock.result(parameters=sum(p.numel() for p in model.parameters()))
    raise AssertionError("a million epochs have ended")


LOOPS: dict[str, Callable[[np.ndarray, float], Result]] = {"bare": bare, "generator": generator, "pythae": pythae}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time one loop and print what it did."""
    parser = argparse.ArgumentParser(description="Time one training loop.")
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("images", help="a .npy file of uint8 images (N, 28, 28)")
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args(arguments)
    result = LOOPS[options.loop](np.load(options.images, allow_pickle=False), options.seconds)
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(json.dumps({**result, "device": device, "threads": torch.get_num_threads(), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
