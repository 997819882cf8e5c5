"""Images in batches whose results do not depend on the order or the process in which they are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.evaluation.question import binarized_each
from vaeexplorer.image_set import image_seed
from vaeexplorer.records import Kind, LogMarginal
from vaeexplorer.training import unit
from vaeexplorer.vae import VAE

APART = 2**32  # seeds of batches lie above those of images: no image is drawn by the numbers that move its latents


@dataclass(frozen=True)
class Batch:
    """Some images of a set, and what is random about them.

    images (N, C, H, W): uint8 or float in [0, 1].   numbers (N,): which ones of their set they are; image number i is
    binarised by image_seed(seed, i), as everywhere. The first number fixes the generator of everything else.
    """

    images: np.ndarray
    numbers: Sequence[int]
    seed: int

    def __len__(self) -> int:
        return len(self.numbers)

    def seen(self, vae: VAE) -> Tensor:
        """The images as the likelihood wants them, on the model's device.   Raises ValueError if it takes none such."""
        x = unit(torch.from_numpy(np.ascontiguousarray(self.images)).to(vae.device))
        x = binarized_each(vae, x, self.seed, self.numbers)
        vae.check(x)
        return x

    def generator(self, device: torch.device) -> torch.Generator:
        return torch.Generator(device).manual_seed(image_seed(self.seed, int(self.numbers[0])) + APART)


@dataclass(frozen=True)
class Part:
    """What is known of the images of a batch, or of several: arrays (N, ...) by name, in nats.

    warnings: of each image, codes of records.WARNINGS.   samples, asked: draws behind each value, and how many were
    asked for.   decodings: decoder evaluations, for all images.   details: whatever else a method says.
    """

    arrays: Mapping[str, np.ndarray]
    warnings: tuple[tuple[str, ...], ...]
    samples: int
    asked: int
    kind: Kind
    decodings: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.warnings)

    @classmethod
    def of(cls, record: LogMarginal) -> Part:
        """log p(x) with its error and its diagnostics, under the names that LogMarginal gives them."""
        names = ("value", "stderr", "effective_sample_size", "pareto_k", "spread")
        arrays = {name: getattr(record, name) for name in names if getattr(record, name) is not None}
        numbers = {k: v for k, v in record.details.items() if isinstance(v, bool | int | float | str)}
        warnings = tuple(record.warnings(i) for i in range(len(record.value)))
        decodings = record.decodings * len(warnings)
        return cls(arrays, warnings, record.samples, record.asked, record.kind, decodings, numbers)

    @classmethod
    def joined(cls, parts: Sequence[Part]) -> Part:
        """Several batches as one; of details, samples and kind those of the first."""
        first = parts[0]
        arrays = {name: np.concatenate([p.arrays[name] for p in parts]) for name in first.arrays}
        warnings = tuple(codes for p in parts for codes in p.warnings)
        samples = min(p.samples for p in parts)
        decodings = sum(p.decodings for p in parts)
        return cls(arrays, warnings, samples, first.asked, first.kind, decodings, first.details)


Steps = Iterator[tuple[float, str, Part | None]]  # how far, in words, and what is known so far
Run = Callable[[VAE, Batch, Mapping[str, Any]], Steps]


def batches(count: int, size: int) -> list[range]:
    """The places 0 .. count-1, `size` at a time: where the cuts lie depends on nothing else."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
