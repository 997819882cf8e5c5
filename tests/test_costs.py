"""Counts against torch's own counter; when rows are written and the model is looked at."""

import itertools
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vaeexplorer import costs
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.vae import VAE

MODELS = [
    VaeConfig(hidden=(512,), latent_dim=16),
    VaeConfig(architecture="conv28", channels=8, hidden=(64,)),
    VaeConfig(image_shape=(3, 64, 64), architecture="conv64", channels=4, hidden=(32,)),
    VaeConfig(architecture="linear"),
]


@pytest.mark.parametrize("config", MODELS, ids=lambda config: config.architecture)
def test_multiply_adds_are_those_that_torch_counts(config):
    vae = VAE(config)
    with FlopCounterMode(display=False) as counter:
        vae.encoder(torch.zeros(1, *config.image_shape))
    assert 2 * costs.multiply_adds(config.encoder_layers, config.image_shape) == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        vae.decoder(torch.zeros(1, config.latent_dim))
    assert 2 * costs.multiply_adds(config.decoder_layers, config.image_shape) == counter.get_total_flops()
    assert costs.parameters(config) == sum(p.numel() for p in vae.parameters())


def test_rows_are_many_in_short_runs_and_bounded_in_long_ones():
    small, large = VaeConfig(image_shape=(1, 8, 8), hidden=(64,)), MODELS[2].model_copy(update={"channels": 64})
    assert costs.row_every(small, TrainConfig(), 72) == 1
    assert costs.row_every(small, TrainConfig(), 10**6) == costs.MOST_STEPS_A_ROW
    assert costs.row_every(large, TrainConfig(), 10**6) == 1


def test_looking_takes_its_share_of_the_time_and_no_more():
    config, train = MODELS[0], TrainConfig()
    every, steps = costs.observe_every(config, train), 100_000
    looks = [step for step in range(steps + 1) if costs.observed(step, every, steps)]
    assert looks[:3] == [0, 1, 2]
    assert looks[-1] == steps
    work = len(looks) * costs.observation_work(config)
    assert work / (steps * costs.step_work(config, train)) == pytest.approx(costs.SHARE, rel=0.05)


def test_what_is_kept_grows_with_the_logarithm_of_the_steps():
    every, steps = 223, 10**6
    kept = [s for s in range(steps + 1) if costs.observed(s, every, steps) and costs.kept(s, every, steps)]
    assert (kept[0], kept[-1]) == (0, steps)
    assert len(kept) < 2 + math.log(steps) / math.log(costs.KEPT_GROWTH)
    late = [b / a for a, b in itertools.pairwise(kept) if a > 10 * every]
    assert max(late[:-1]) < costs.KEPT_GROWTH + 0.12  # the time line has no wide gaps


def test_the_estimate_of_the_time_follows_epochs_images_and_machine():
    config, train = MODELS[0], TrainConfig(epochs=10)
    once = costs.seconds(config, train, 60_000, 4e10)
    assert costs.seconds(config, train, 120_000, 4e10) == pytest.approx(2 * once, rel=1e-3)
    assert costs.seconds(config, train, 60_000, 8e10) < once
    assert 20 < once < 120
    assert costs.machine_rate() > 1e8
