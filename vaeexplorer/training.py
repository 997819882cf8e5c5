"""The training loop: the data rests on the device as one tensor, a step is index_select, forward, backward, Adam."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaeexplorer.configs import TrainConfig, fit_together
from vaeexplorer.gradients import Bound, Charge, free_of_charge, weighted
from vaeexplorer.processes import ALONE, Processes
from vaeexplorer.schedules import SCHEDULES, beta_at
from vaeexplorer.training_estimators import AUTO
from vaeexplorer.vae import VAE

WINDOW = 10  # steps that aggressive training compares with the ten before
MOST_ENCODER_STEPS = 100  # in a row, of aggressive training


@dataclass(frozen=True)
class StepRecord:
    """One step. The tensors stay on the device, averaged over the batch: reading them waits for the step, so read few.

    step, epoch count from 1; reconstruction () and kl_per_dimension (D,) in nats per image; with several processes each
    holds its part, and the sum over processes is the batch's mean. gradient_norm (): of the loss, where asked for.
    part: what the step moved, "both", "encoder" or "decoder".
    """

    step: int
    epoch: int
    reconstruction: Tensor
    kl_per_dimension: Tensor
    gradient_norm: Tensor | None
    learning_rate: float
    beta: float
    part: str

    def elbo(self) -> float:
        return float(self.reconstruction - self.kl_per_dimension.sum())


class Training:
    """A training that can be left between any two steps and continued to the same bits, here or in another process.

    `images` (N, C, H, W), uint8 or float in [0, 1], lie on the model's device. Each epoch goes through a fresh
    permutation. All randomness (order, binarisation, noise of q) comes from `generator`, seeded by the configuration
    unless given. norm_every: the gradient's norm is measured each so many steps, 0 for never.
    Raises ValueError for an estimator that does not fit the latents or the other settings.
    """

    def __init__(
        self, vae: VAE, images: Tensor, config: TrainConfig, generator: torch.Generator | None = None,
        processes: Processes = ALONE, norm_every: int = 0,
    ) -> None:  # fmt: skip
        self.vae, self.images, self.config = vae, images, config
        self.processes, self.norm_every = processes, norm_every
        self.generator = generator or torch.Generator(images.device).manual_seed(config.seed)
        fit_together(vae.config, config)
        options = {"temperature": config.temperature}
        self.bound = Bound(estimator_for(vae, config), vae, config.seed, options, processes)
        self.samples = samples_for(vae, config)
        self.parts = parts_of(vae)
        self.optimizer = torch.optim.Adam([{"params": part} for part in self.parts.values()], fused=True)
        self.layout = memory_layout(vae)
        vae.train().to(memory_format=self.layout)
        self.steps_per_epoch = math.ceil(len(images) / config.batch_size)
        self.steps = config.epochs * self.steps_per_epoch
        self.step = 0
        self.lead = torch.zeros(3, dtype=torch.float64)  # aggressive training: steps, ELBO of this window, of the last
        self._shuffle()

    @property
    def epoch(self) -> int:
        """Of the last step that was done, from 1."""
        return max(1, math.ceil(self.step / self.steps_per_epoch))

    def __iter__(self) -> Iterator[StepRecord]:
        while self.step < self.steps:
            yield self._advance()

    def _advance(self) -> StepRecord:
        """One step: the next batch, the loss of this process's share of it, its gradient, Adam."""
        vae, config, progress = self.vae, self.config, self.step / self.steps
        part, beta, rate = self._part(), beta_at(progress, config), SCHEDULES[config.schedule](progress)
        x, noise, size = self._batch()
        self._set_rates(rate)
        with only(self.parts, part), self._precision():
            loss, terms = self.bound(vae, x, noise, self._charge(beta, size), size)
            self.optimizer.zero_grad()
            (loss.sum() / size).backward()
        self.processes.sum_gradients(vae.parameters())
        norm = self._norm() if self.norm_every and (self.step + 1) % self.norm_every == 0 else None
        self.optimizer.step()
        self.step += 1
        reconstruction, kl = terms.reconstruction.detach().sum() / size, terms.kl_per_dimension.detach().sum(0) / size
        self._follow(part, reconstruction - kl.sum())
        if self.step % self.steps_per_epoch == 0:
            self._shuffle()
        return StepRecord(
            self.step, self.epoch, reconstruction, kl, norm, rate * config.learning_rate, beta, part
        )  # fmt: skip

    def _batch(self) -> tuple[Tensor, Tensor, int]:
        """This process's images as the likelihood wants them, the noise of q for them, and the whole batch's size."""
        start = self.step % self.steps_per_epoch * self.config.batch_size
        chosen = self.images.index_select(0, self.order[start : start + self.config.batch_size])
        x = self._as_likelihood_wants(chosen)
        shape = (self.samples, len(x), self.vae.config.latent_dim)
        noise = self.vae.prior.posterior.noise(shape, self.generator, x.device)
        share = self.processes.share
        return share(x).contiguous(memory_format=self.layout), share(noise.transpose(0, 1)).transpose(0, 1), len(x)

    def _as_likelihood_wants(self, images: Tensor) -> Tensor:
        config = self.vae.config
        dynamic = config.likelihood == "bernoulli" and config.binarization == "dynamic"
        return drawn(images, self.generator) if dynamic else self.vae.binarized(unit(images), self.generator)

    def _shuffle(self) -> None:
        """A fresh order for the epoch; the generator's state before it brings the same order back on resuming."""
        self.epoch_state = self.generator.get_state()
        self.order = torch.randperm(len(self.images), generator=self.generator, device=self.images.device)

    def _charge(self, beta: float, size: int) -> Charge:
        nats = self.config.free_bits
        if not nats:
            return weighted(beta)

        def charge(kl_per_dimension: Tensor) -> Tensor:
            mean = self.processes.sum_(kl_per_dimension.detach().sum(0) / size)
            return beta * free_of_charge(kl_per_dimension, mean, nats)

        return charge

    def _precision(self):
        half = self.config.precision == "bfloat16"
        return torch.autocast(self.images.device.type, torch.bfloat16) if half else nullcontext()

    def _set_rates(self, factor: float) -> None:
        rates = (self.config.encoder_learning_rate or self.config.learning_rate, self.config.learning_rate)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor

    def _norm(self) -> Tensor:
        return nn.utils.get_total_norm([p.grad for p in self.vae.parameters() if p.grad is not None])

    def _part(self) -> str:
        """What the next step moves."""
        config = self.config
        if config.updates == "alternating":
            cycle = config.encoder_steps + config.decoder_steps
            return "encoder" if self.step % cycle < config.encoder_steps else "decoder"
        if config.updates == "aggressive" and self.step < config.aggressive_epochs * self.steps_per_epoch:
            return "decoder" if self.lead[0] < 0 else "encoder"
        return "both"

    def _follow(self, part: str, elbo: Tensor) -> None:
        """Aggressive training: the encoder goes on until ten steps gain nothing over the ten before, then the decoder
        has one step.   Source: He et al. 2019, algorithm 1.
        """
        if self.config.updates != "aggressive":
            return
        if part != "encoder":
            self.lead.zero_()
            return
        self.lead[0] += 1
        self.lead[1] += self.processes.sum_(elbo.double().clone()).cpu()
        steps, now, before = self.lead.tolist()
        if steps % WINDOW == 0:
            settled = steps >= MOST_ENCODER_STEPS or (steps > WINDOW and now <= before)
            self.lead.copy_(torch.tensor([-1.0 if settled else steps, 0.0, now]))

    def state(self) -> dict[str, Tensor]:
        """All that `load_state` needs beside the weights: position, randomness, and Adam's moments, on the CPU."""
        tensors = {
            "step": torch.tensor(self.step), "lead": self.lead.clone(),
            "generator": self.generator.get_state(), "epoch_state": self.epoch_state,
        }  # fmt: skip
        tensors |= {f"bound.{name}": value for name, value in self.bound.state().items()}
        for number, parameter in enumerate(self.vae.parameters()):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"adam.{number}.{name}"] = value.detach().cpu().clone()
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from where `state` was taken; the weights are loaded by the caller.

        Raises ValueError if the state belongs to another model or data set.
        """
        missing = {"step", "lead", "generator", "epoch_state"} - tensors.keys()
        if missing:
            raise ValueError(f"the saved state of the training lacks {', '.join(sorted(missing))}")
        if not 0 <= int(tensors["step"]) <= self.steps:
            raise ValueError(f"the saved state is at step {int(tensors['step'])} of a run of {self.steps} steps")
        self.generator.set_state(tensors["epoch_state"])
        self._shuffle()
        self.generator.set_state(tensors["generator"])
        self.step, self.lead = int(tensors["step"]), tensors["lead"].clone()
        self.bound.load_state({k.removeprefix("bound."): v for k, v in tensors.items() if k.startswith("bound.")})
        for number, parameter in enumerate(self.vae.parameters()):
            moments = {k.split(".")[-1]: v for k, v in tensors.items() if k.startswith(f"adam.{number}.")}
            if any(v.ndim and v.shape != parameter.shape for v in moments.values()):
                raise ValueError("the saved state belongs to a model of another shape")
            if moments:
                self.optimizer.state[parameter] = {k: _placed(v, parameter) for k, v in moments.items()}


def _placed(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """A moment in its parameter's own memory layout, which fused Adam takes for granted; a scalar as it is."""
    if not value.ndim:
        return value.to(parameter.device, copy=True)
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def train(vae: VAE, images: Tensor, config: TrainConfig, generator: torch.Generator) -> Iterator[StepRecord]:
    """Train `vae` to the end, a record per step; stop by leaving the loop. See Training."""
    yield from Training(vae, images, config, generator)


def steps_in(config: TrainConfig, images: int) -> int:
    """Steps of a whole run on so many training images; the last batch of an epoch may be smaller."""
    return config.epochs * math.ceil(images / config.batch_size)


def rehearse(vae: VAE, images: Tensor, config: TrainConfig) -> None:
    """One step on a copy and two images, so that settings which do not go together are refused before a run begins.

    Raises ValueError as `Training` does.
    """
    next(iter(Training(copy.deepcopy(vae), images[:2], config)))


def unit(images: Tensor) -> Tensor:
    """float32 in [0, 1] from uint8 or float images."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def drawn(images: Tensor, generator: torch.Generator) -> Tensor:
    """Dynamic binarisation at the pace of training: uint8 or float in [0, 1] -> 0 or 1 by 16 random bits a pixel.

    The probability is the grey value rounded to a multiple of 2^-16, exact at black and white; torch.bernoulli takes a
    fifth of a step.
    """
    white = 255 if images.dtype == torch.uint8 else 1
    bits = torch.empty((images.numel() + 3) // 4, dtype=torch.int64, device=images.device)
    words = bits.random_(-(2**63), None, generator=generator).view(torch.int16)[: images.numel()].view(images.shape)
    return words.float().lt_(images.float().mul_(65536 / white).sub_(32768.5))


def parts_of(vae: VAE) -> dict[str, list[nn.Parameter]]:
    """The two players: the encoder, and the decoder with what else the model of x and z learns (prior, variance)."""
    encoder = list(vae.encoder.parameters())
    theirs = {id(parameter) for parameter in encoder}
    return {"encoder": encoder, "decoder": [p for p in vae.parameters() if id(p) not in theirs]}


class only:
    """While it lasts, one part alone gets gradients ("both": all do); Adam leaves alone what has none."""

    def __init__(self, parts: dict[str, list[nn.Parameter]], part: str) -> None:
        self.frozen = [p for name, group in parts.items() if part not in ("both", name) for p in group]

    def __enter__(self) -> None:
        for parameter in self.frozen:
            parameter.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for parameter in self.frozen:
            parameter.requires_grad_(True)


def memory_layout(vae: VAE) -> torch.memory_format:
    """Convolutions are twice as fast with the channels last; dense networks would pay for a copy."""
    convolutional = any(isinstance(module, nn.Conv2d) for module in vae.modules())
    return torch.channels_last if convolutional else torch.contiguous_format


def estimator_for(vae: VAE, config: TrainConfig) -> str:
    """The name in ESTIMATORS: "auto" is the one of least variance that fits the latents."""
    return AUTO[vae.config.posterior] if config.estimator == "auto" else config.estimator


def samples_for(vae: VAE, config: TrainConfig) -> int:
    """Samples of q per image: what was asked for; leave_one_out chosen by "auto" takes 4 where 1 would not do."""
    chosen = config.estimator == "auto" and estimator_for(vae, config) == "leave_one_out"
    return max(config.samples, 4) if chosen and config.samples == 1 else config.samples
