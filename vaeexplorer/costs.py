"""What training costs, counted in multiply-adds before anything runs: how long it takes, and when to look at it.

When a row of metrics is written and when the model is observed depends on the step alone, never on a clock, so that a
resumed run writes what an uninterrupted one does; the counts make it about as often on small models as on large ones.
Nothing here imports torch.
"""

from __future__ import annotations

import math
import os
import statistics
import time

import numpy as np

from vaeexplorer.architectures import Conv, ConvTranspose, Dense, Layers, Reshape, parameter_shapes
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.training_estimators import TRAINING_ESTIMATORS

STEP_SECONDS = 4e-4  # of a step however small the model: the calls themselves, on the 2-core machine this was made on
EFFICIENCY = 0.8  # of a step's products against numpy's in `machine_rate`, there
ROW_WORK = 4e9  # multiply-adds between two rows of metrics: about a tenth of a second there
MOST_STEPS_A_ROW = 50
FEWEST_ROWS = 500  # of a run that has as many steps
OBSERVED_IMAGES, WEIGHED_DECODES = 500, 1600  # work of one observation, in images through the networks
SHARE = 0.015  # of the time that goes into observing, in the long run
OBSERVED_GROWTH, KEPT_GROWTH = 1.5, 1.12  # between two early observations, and between two that are kept


def multiply_adds(layers: Layers, image_shape: tuple[int, int, int]) -> int:
    """Of one image through these layers; image_shape: what the first one gets, if it is a convolution."""
    total, (height, width) = 0, image_shape[1:]
    for layer in layers:
        if isinstance(layer, Dense):
            total += layer.inputs * layer.outputs
        elif isinstance(layer, Reshape):
            height, width = layer.shape[-2:] if len(layer.shape) == 3 else (1, 1)
        elif isinstance(layer, Conv):
            height, width = height // layer.stride, width // layer.stride
            total += layer.inputs * layer.outputs * layer.kernel**2 * height * width
        elif isinstance(layer, ConvTranspose):
            total += layer.inputs * layer.outputs * layer.kernel**2 * height * width
            height, width = height * layer.stride, width * layer.stride
    return total


def parameters(vae: VaeConfig) -> int:
    """Numbers that training moves, without those of a learned prior or variance."""
    shapes = [*parameter_shapes(vae.encoder_layers).values(), *parameter_shapes(vae.decoder_layers).values()]
    return sum(math.prod(shape) for shape in shapes)


def step_work(vae: VaeConfig, train: TrainConfig) -> float:
    """Multiply-adds of one step: forward, and twice that backward; the decoder once for each sample of q, and what the
    estimator asks of it beside.
    """
    encoder = multiply_adds(vae.encoder_layers, vae.image_shape)
    decoder = multiply_adds(vae.decoder_layers, vae.image_shape)
    several = vae.posterior == "bernoulli" and train.estimator in ("auto", "leave_one_out")
    samples = max(train.samples, 4 if several else 1)
    about = TRAINING_ESTIMATORS.get(train.estimator)
    decodings = samples * (1 + (about.passes if about else 0) / 3)
    return 3.0 * train.batch_size * (encoder + decodings * decoder) + 3.0 * parameters(vae)


def observation_work(vae: VaeConfig) -> float:
    """Multiply-adds of one look at the model, see `observation`."""
    encoder = multiply_adds(vae.encoder_layers, vae.image_shape)
    decoder = multiply_adds(vae.decoder_layers, vae.image_shape)
    return OBSERVED_IMAGES * (encoder + decoder) + WEIGHED_DECODES * decoder


def row_every(vae: VaeConfig, train: TrainConfig, steps: int) -> int:
    """Steps that a row of metrics averages: more when steps are quick, but at least FEWEST_ROWS rows where possible."""
    quick = max(1, round(ROW_WORK / step_work(vae, train)))
    return max(1, min(quick, MOST_STEPS_A_ROW, steps // FEWEST_ROWS))


def observe_every(vae: VaeConfig, train: TrainConfig) -> int:
    """Steps between two observations, so that they take SHARE of the time."""
    return max(1, math.ceil(observation_work(vae) / step_work(vae, train) / SHARE))


def observed(step: int, every: int, steps: int) -> bool:
    """Whether the model is observed after this step: at growing steps first, then regularly, and at the end."""
    if step in (0, 1, steps) or step % every == 0:
        return True
    return step < every and _stage(step, OBSERVED_GROWTH) != _stage(step - 1, OBSERVED_GROWTH)


def kept(step: int, every: int, steps: int) -> bool:
    """Whether this observation is kept for looking back: few, each at about KEPT_GROWTH times the step before."""
    if step in (0, 1, steps) or step < every:
        return True
    return _stage(step, KEPT_GROWTH) != _stage(max(step - every, 1), KEPT_GROWTH)


def seconds(vae: VaeConfig, train: TrainConfig, images: int, rate: float) -> float:
    """Estimate of a whole run at `rate` multiply-adds a second (see machine_rate): right within a factor of two."""
    steps = train.epochs * math.ceil(images / train.batch_size)
    return steps * (STEP_SECONDS + step_work(vae, train) / (EFFICIENCY * rate)) * (1 + SHARE)


def machine_rate() -> float:
    """Multiply-adds a second that this machine leaves for a training, by a few small products: takes about 20 ms.

    The app leaves one core to itself; numpy uses all that there are, and so does a training without the app.
    """
    one = np.ones((128, 512), np.float32)
    two = np.ones((512, 512), np.float32)
    one @ two
    times = []
    for _ in range(15):
        start = time.perf_counter()
        one @ two
        times.append(time.perf_counter() - start)
    cores = os.cpu_count() or 1
    return 128 * 512 * 512 / statistics.median(times) * max(1, cores - 1) / cores


def _stage(step: int, growth: float) -> int:
    return math.floor(math.log(step) / math.log(growth) + 1e-9)
