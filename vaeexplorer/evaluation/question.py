"""What an evaluation method gets beside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.image_set import image_seed
from vaeexplorer.training import unit
from vaeexplorer.vae import VAE, Posterior

Progress = Callable[[float, str], None]

ROWS = 500  # images through a network at a time


@dataclass(frozen=True)
class Question:
    """Images (N, C, H, W), draws of q per image, randomness, progress, and what is known about the images.

    labels (N,): their classes, below 0 where unknown; factors (N, F): positions of their factors' values; train: images
    and labels of the training set, to fit probes to. None where there are none: a method leaves out what needs them.
    """

    images: Tensor
    samples: int
    generator: torch.Generator
    progress: Progress
    labels: np.ndarray | None = None
    factors: np.ndarray | None = None
    train: tuple[np.ndarray, np.ndarray] | None = None

    def batches(self, vae: VAE, size: int, title: str) -> Iterator[Tensor]:
        """Images as the likelihood wants them, `size` at a time, with progress."""
        for start in range(0, len(self.images), size):
            self.progress(start / len(self.images), f"{title}: image {start:,} of {len(self.images):,}")
            yield vae.binarized(unit(self.images[start : start + size].to(vae.device)), self.generator)

    def part(self, start: float, end: float) -> Question:
        """The same question, whose progress from 0 to 1 counts as from `start` to `end`."""
        return replace(self, progress=lambda done, text: self.progress(start + (end - start) * done, text))


def posteriors(vae: VAE, question: Question, title: str) -> Posterior:
    """q(z|x) of all images of a question, its parameters (N, D)."""
    return joined([vae.posterior(x) for x in question.batches(vae, ROWS, title)])


def joined(parts: list[Posterior]) -> Posterior:
    """The posteriors of several batches as one."""
    kind = type(parts[0])
    return kind(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(kind)})


def binarized_each(vae: VAE, x: Tensor, seed: int, numbers: Sequence[int]) -> Tensor:
    """Images (B, C, H, W) in [0, 1] as the likelihood wants them, each drawn by the seed of its number in its set.

    So an image looks the same wherever it is shown and whatever is asked for beside it; see image_set.image_seed.
    Raises ValueError for grey images where the model's rule is that they are binary already.
    """
    if vae.config.likelihood != "bernoulli":
        return x
    own = torch.Generator(vae.device)
    seeds = [image_seed(seed, int(number)) for number in numbers]
    return torch.cat([vae.binarized(x[i : i + 1], own.manual_seed(of_image)) for i, of_image in enumerate(seeds)])
