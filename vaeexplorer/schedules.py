"""What changes over a run by plan: the learning rate and the weight of the KL term. Nothing here imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable

from vaeexplorer.configs import TrainConfig


def beta_at(progress: float, config: TrainConfig) -> float:
    """Weight of the KL term at this part (0 to 1) of the run."""
    start = config.beta_start or 0.0
    return start + (config.beta - start) * BETA_SCHEDULES[config.beta_schedule](progress, config.beta_cycles)


def _stages(progress: float) -> float:
    """Eight stages of 3^i passes (i = 0..7), each at 10^(-i/7).   Source: Burda et al. 2016, section 5."""
    passes = progress * sum(3**i for i in range(8))
    stage = math.floor(math.log(2 * passes + 1, 3) + 1e-9)
    return 10 ** (-min(stage, 7) / 7)


# How far the run is (0 to 1) -> factor of the learning rate.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "stages": _stages,
}

# How far the run is (0 to 1), number of cycles -> how far beta is from its start (0) to its full weight (1). Both ramps
# take half of their time. Source of the cycles: Fu et al. 2019, eq. 6.
BETA_SCHEDULES: dict[str, Callable[[float, int], float]] = {
    "constant": lambda progress, cycles: 1.0,
    "linear": lambda progress, cycles: min(1.0, 2 * progress),
    "cyclical": lambda progress, cycles: min(1.0, 2 * (progress * cycles % 1)),
}
