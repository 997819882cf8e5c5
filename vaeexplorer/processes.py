"""Several processes that train one model: what `torchrun` started, or one process alone, in the same code.

Every process draws the same random numbers and works on its share of each batch; sums over processes then give what
one process alone would have computed, but for rounding. So a run does not depend on their number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

T = TypeVar("T")

LONGEST_WAIT = timedelta(hours=1)  # while the first process is paused, the others wait in a sum


@dataclass(frozen=True)
class Processes:
    """This process's place among those that train together: rank of count, from 0."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """The one that writes files and talks to people."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch (B, ...); the parts of all processes make up the whole."""
        return batch if self.count == 1 else batch[self.rank :: self.count]

    def sum_(self, tensor: Tensor) -> Tensor:
        """The sum over processes, in place and everywhere the same."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Each gradient becomes the sum over processes: one message for all of them, since models here are small."""
        gradients = [p.grad for p in parameters if p.grad is not None] if self.count > 1 else []
        if gradients:
            total = self.sum_(torch.cat([g.reshape(-1) for g in gradients]))
            for gradient, part in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(part.view_as(gradient))

    def agree(self, number: int) -> int:
        """The first process's number, everywhere: for decisions that depend on a clock or a file."""
        if self.count == 1:
            return number
        box = [number]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, thing: T) -> list[T]:
        """What every process has, in the order of their ranks, everywhere; they may take their time to get here."""
        if self.count == 1:
            return [thing]
        box: list[Any] = [None] * self.count
        distributed.all_gather_object(box, thing)
        return box

    def leave(self) -> None:
        """Part from the others; alone there is nothing to do."""
        if self.count > 1:
            distributed.destroy_process_group()


ALONE = Processes()


def join() -> Processes:
    """Join the processes that torchrun started, by gloo on CPUs and NCCL on GPUs; alone if it started none.

    Raises ValueError if there are more processes on this machine than it has GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return ALONE
    backend, local = "gloo", int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise ValueError(
                f"process {local + 1} on this machine has no GPU of its own: start at most {torch.cuda.device_count()}"
            )
        torch.cuda.set_device(local)
        backend = "nccl"
    distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    return Processes(distributed.get_rank(), count)
