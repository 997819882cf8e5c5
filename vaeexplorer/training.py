"""The training loop: the data rests on the device as one tensor, a step is index_select, forward, backward, Adam."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaeexplorer.configs import TrainConfig
from vaeexplorer.gradients import GRADIENT_ESTIMATORS
from vaeexplorer.vae import VAE


@dataclass(frozen=True)
class StepRecord:
    """One step. The tensors stay on the device, averaged over the batch: reading them waits for the step, so read few.

    step, epoch count from 1; reconstruction () and kl_per_dimension (D,) in nats per image.
    """

    step: int
    epoch: int
    reconstruction: Tensor
    kl_per_dimension: Tensor

    def elbo(self) -> float:
        return float(self.reconstruction - self.kl_per_dimension.sum())


def steps_in(config: TrainConfig, images: int) -> int:
    """Steps of a whole run on so many training images; the last batch of an epoch may be smaller."""
    return config.epochs * math.ceil(images / config.batch_size)


def train(vae: VAE, images: Tensor, config: TrainConfig, generator: torch.Generator) -> Iterator[StepRecord]:
    """Train `vae` on images (N, C, H, W), uint8 or float in [0, 1], on the model's device; yields a record per step.

    Each epoch goes through a fresh permutation. All randomness (order, binarisation, noise of q) comes from
    `generator`, so on the CPU the same seed gives the same bits. Stop by leaving the loop.
    Raises ValueError for an estimator that does not fit the latents.
    """
    estimate = GRADIENT_ESTIMATORS[estimator_for(vae, config)]
    samples = samples_for(vae, config)
    optimizer = torch.optim.Adam(vae.parameters(), lr=config.learning_rate, fused=True)
    rate, total = SCHEDULES[config.schedule], steps_in(config, len(images))
    posterior, layout = vae.prior.posterior, memory_layout(vae)
    vae.train().to(memory_format=layout)
    step = 0
    for epoch in range(1, config.epochs + 1):
        order = torch.randperm(len(images), generator=generator, device=images.device)
        for batch in order.split(config.batch_size):
            x = vae.binarized(unit(images.index_select(0, batch)), generator).contiguous(memory_format=layout)
            noise = posterior.noise((samples, len(x), vae.config.latent_dim), generator, x.device)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * rate(step / total)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                loss, terms = estimate(vae, x, noise, beta_at(step / total, config))
            optimizer.zero_grad()
            loss.mean().backward()
            optimizer.step()
            step += 1
            yield StepRecord(step, epoch, terms.reconstruction.detach().mean(), terms.kl_per_dimension.detach().mean(0))


def rehearse(vae: VAE, images: Tensor, config: TrainConfig) -> None:
    """One step on a copy and two images, so that settings which do not go together are refused before a run begins.

    Raises ValueError as `train` does.
    """
    state = torch.Generator(images.device).manual_seed(config.seed)
    next(train(copy.deepcopy(vae), images[:2], config, state))


def unit(images: Tensor) -> Tensor:
    """float32 in [0, 1] from uint8 or float images."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def beta_at(progress: float, config: TrainConfig) -> float:
    """Weight of the KL term at this part (0 to 1) of the run."""
    start = config.beta if config.beta_start is None else config.beta_start
    return start + (config.beta - start) * min(1.0, 2 * progress)


def memory_layout(vae: VAE) -> torch.memory_format:
    """Convolutions are twice as fast with the channels last; dense networks would pay for a copy."""
    convolutional = any(isinstance(module, nn.Conv2d) for module in vae.modules())
    return torch.channels_last if convolutional else torch.contiguous_format


def estimator_for(vae: VAE, config: TrainConfig) -> str:
    """The name in GRADIENT_ESTIMATORS: "auto" is the one of least variance that fits the latents."""
    return AUTO_ESTIMATOR[vae.config.posterior] if config.estimator == "auto" else config.estimator


def samples_for(vae: VAE, config: TrainConfig) -> int:
    """Samples of q per image: what was asked for; leave_one_out chosen by "auto" takes 4 where 1 would not do."""
    chosen = config.estimator == "auto" and estimator_for(vae, config) == "leave_one_out"
    return max(config.samples, 4) if chosen and config.samples == 1 else config.samples


def _stages(progress: float) -> float:
    """Eight stages of 3^i passes (i = 0..7), each at 10^(-i/7).   Source: Burda et al. 2016, section 5."""
    passes = progress * sum(3**i for i in range(8))
    stage = math.floor(math.log(2 * passes + 1, 3) + 1e-9)
    return 10 ** (-min(stage, 7) / 7)


AUTO_ESTIMATOR = {"gaussian": "pathwise", "bernoulli": "leave_one_out"}

# How far the run is (0 to 1) -> factor of the learning rate.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "stages": _stages,
}
