"""A baseline C(x) that a small network learns: near E_q f for each image, and blind to the draw that it is taken off.

Source: Mnih & Gregor 2014, section 2.3 ("input-dependent baselines").
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

HIDDEN, STEPS, RATE = 64, 150, 1e-2  # of the network and of its fit
BETAS = (0.9, 0.999)


class BaselineNetwork(nn.Module):
    """x (B, ...) -> C(x) (B,) in the unit of f, by one hidden layer; level and spread set where f's values start."""

    level: Tensor
    spread: Tensor

    def __init__(self, pixels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = _dense(pixels, HIDDEN, generator)
        self.second = _dense(HIDDEN, 1, generator)
        self.register_buffer("level", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(x.flatten(1).to(self.first.weight.dtype)))
        return self.level + self.spread * self.second(hidden)[:, 0]


def fitted_baseline(x: Tensor, values: Tensor, generator: torch.Generator) -> Tensor:
    """C(x) (B,), fitted to f on draws of its own.   min over the network of sum_b mean_s (f_sb - C(x_b))^2

    Args: x (B, ...); values (S, B) of f at S draws of q that serve for nothing else; generator: of the first weights.
    Returns: (B,) in the dtype of values, without a graph. Independent of all further draws, so no bias comes of it.
    """
    network = BaselineNetwork(x[0].numel(), generator).to(x.device)
    # The spread of f about C does not depend on the network: its mean over the draws is all there is to learn.
    target = values.detach().mean(0).float()
    network.level.copy_(target.mean())
    network.spread.copy_(target.std(correction=0).clamp_min(1.0))
    _fit(network, lambda: ((network(x) - target) / network.spread).square().mean())
    return network(x).detach().to(values.dtype)


def _fit(network: nn.Module, loss: Callable[[], Tensor]) -> None:
    """Adam, written out: torch's own takes seconds to load what it needs, longer than all of this.

    Source: Kingma & Ba 2015, algorithm 1.
    """
    weights = list(network.parameters())
    firsts, seconds = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    for step in range(1, STEPS + 1):
        with torch.enable_grad():
            slopes = torch.autograd.grad(loss(), weights)
        rate = RATE * math.sqrt(1 - BETAS[1] ** step) / (1 - BETAS[0] ** step)
        with torch.no_grad():
            for weight, slope, first, second in zip(weights, slopes, firsts, seconds, strict=True):
                first.lerp_(slope, 1 - BETAS[0])
                second.lerp_(slope**2, 1 - BETAS[1])
                weight.sub_(rate * first / (second.sqrt() + 1e-8))


def _dense(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A dense layer whose weights come from this generator, uniform within 1 / sqrt(inputs) as torch draws them."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    limit = 1 / math.sqrt(inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            made = torch.rand(parameter.shape, generator=generator, device=generator.device)
            parameter.copy_(limit * (2 * made - 1))
    return layer
