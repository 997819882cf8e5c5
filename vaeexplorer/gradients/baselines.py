"""Baselines that a training keeps from step to step: what f was over the batches before, so blind to this one's draws.

Without any batch before, as at the first step, they say nothing: the score function's part is left out then, since with
C = 0 one step would be as large as f itself and be remembered by Adam for a thousand more.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vaeexplorer.gradients.baseline_network import BaselineNetwork
from vaeexplorer.gradients.expectations import Draws, score_function_with
from vaeexplorer.processes import Processes
from vaeexplorer.vae import VAE

KEPT = 0.9  # of what was known, at each step: a mean over the last ten batches or so
RATE = 1e-3  # of the network's Adam


class Baseline:
    """C from the batches before. A subclass says what it gathers (`_found`) and what C is (`_constant`).

    gathered: by name, running sums with weights that fall as KEPT^age; `weight` the sum of these.
    """

    def __init__(self, vae: VAE, seed: int, processes: Processes) -> None:
        self.processes = processes
        self.gathered: dict[str, Tensor] = {}
        self.weight = torch.zeros((), device=vae.device)

    def gradient(self, x: Tensor, draws: Draws, size: int) -> Tensor:
        """The score function less C, (1, B, [2,] D); then this batch, of `size` images in all processes, is learned."""
        values, scores = draws.values(), draws.scores()
        found = self._found(values, scores)
        if not self.gathered:
            self.gathered = {name: torch.zeros_like(value) for name, value in found.items()}
        constant = self._constant(x, scores)
        estimate = score_function_with(lambda _: constant)(draws, draws) * (self.weight > 0)
        self._learn(found, x, values, size)
        return estimate

    def _found(self, values: Tensor, scores: Tensor) -> dict[str, Tensor]:
        """Sums over this process's images of what is to be remembered of each; means over their draws."""
        return {"level": values.mean(1).sum()}

    def _constant(self, x: Tensor, scores: Tensor) -> Tensor:
        """C, of a shape that goes with f score (1, S, B, [2,] D)."""
        return self._mean("level")

    def _mean(self, name: str) -> Tensor:
        return self.gathered[name] / self.weight.clamp_min(1 - KEPT)

    def _learn(self, found: dict[str, Tensor], x: Tensor, values: Tensor, size: int) -> None:
        for name, total in found.items():
            mean = self.processes.sum_(total / size)
            self.gathered[name] = KEPT * self.gathered[name] + (1 - KEPT) * mean
        self.weight = KEPT * self.weight + (1 - KEPT)

    def state(self) -> dict[str, Tensor]:
        """On the CPU, for `load_state`."""
        known = {"weight": self.weight, **{f"gathered.{name}": value for name, value in self.gathered.items()}}
        return {name: value.detach().cpu().clone() for name, value in known.items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Raises ValueError if it is the state of something else."""
        if "weight" not in tensors:
            raise ValueError("the saved state of the training lacks that of its baseline")
        device = self.weight.device
        self.weight = tensors["weight"].to(device, copy=True)
        named = {name.removeprefix("gathered."): v for name, v in tensors.items() if name.startswith("gathered.")}
        self.gathered = {name: value.to(device, copy=True) for name, value in named.items()}


class OptimalBaseline(Baseline):
    """C = E[f score^2] / E[score^2] for each output, over all images: the constant of least variance.

    Both means are of the same draws, so that the level of f does not add to the error of their ratio.
    Source: Greensmith et al. 2004, theorem 8.
    """

    def _found(self, values: Tensor, scores: Tensor) -> dict[str, Tensor]:
        squares = scores**2
        spread = values.reshape(*values.shape, *([1] * (scores.ndim - values.ndim)))
        return {"above": (spread * squares).mean(1)[0].sum(0), "below": squares.mean(1)[0].sum(0)}

    def _constant(self, x: Tensor, scores: Tensor) -> Tensor:
        return self._mean("above") / self._mean("below").clamp_min(torch.finfo(scores.dtype).tiny)


class LearnedBaseline(Baseline):
    """C(x) = level + spread net(x): a small network beside, which follows f by one step of Adam at each of training's.

    min over net of the mean of (f - C(x))^2 / spread^2; level and spread are those of the batches before.
    Source: Mnih & Gregor 2014, section 2.3.
    """

    def __init__(self, vae: VAE, seed: int, processes: Processes) -> None:
        super().__init__(vae, seed, processes)
        self.network = BaselineNetwork(math.prod(vae.config.image_shape), torch.Generator().manual_seed(seed)).to(
            vae.device
        )
        self.optimizer = torch.optim.Adam(self.network.parameters(), RATE)

    def _found(self, values: Tensor, scores: Tensor) -> dict[str, Tensor]:
        mean = values.mean(1)
        return {"level": mean.sum(), "square": (mean**2).sum()}

    def _constant(self, x: Tensor, scores: Tensor) -> Tensor:
        with torch.no_grad():
            return self._expected(x).reshape(-1, *([1] * (scores.ndim - 3)))

    def _expected(self, x: Tensor) -> Tensor:
        """C (B,)."""
        level = self._mean("level")
        spread = (self._mean("square") - level**2).clamp_min(1.0).sqrt()
        self.network.level.copy_(level)
        self.network.spread.copy_(spread)
        with torch.autocast(x.device.type, enabled=False):
            return self.network(x)

    def _learn(self, found: dict[str, Tensor], x: Tensor, values: Tensor, size: int) -> None:
        super()._learn(found, x, values, size)
        with torch.enable_grad():
            error = (values.mean(1)[0] - self._expected(x)) / self.network.spread
            self.optimizer.zero_grad()
            ((error**2).sum() / size).backward()
        self.processes.sum_gradients(self.network.parameters())
        self.optimizer.step()

    def state(self) -> dict[str, Tensor]:
        known = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for number, parameter in enumerate(self.network.parameters()):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                known[f"adam.{number}.{name}"] = value
        return {**super().state(), **{name: value.detach().cpu().clone() for name, value in known.items()}}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        super().load_state(tensors)
        try:
            self.network.load_state_dict(_below("network.", tensors))
        except RuntimeError:
            raise ValueError("the saved state belongs to a baseline of another shape") from None
        for number, parameter in enumerate(self.network.parameters()):
            moments = _below(f"adam.{number}.", tensors)
            if moments:
                self.optimizer.state[parameter] = {name: _like(value, parameter) for name, value in moments.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """A moment beside its parameter; Adam keeps the number of steps on the CPU."""
    return value.to(parameter.device, copy=True) if value.ndim else value.clone()


BASELINES: dict[str, type[Baseline]] = {
    "score_function_mean_baseline": Baseline,
    "score_function_optimal_baseline": OptimalBaseline,
    "score_function_learned_baseline": LearnedBaseline,
}
