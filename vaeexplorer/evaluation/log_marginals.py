"""ELBO, log p(x) and the gap between them for many images of a set: what the Bounds page shows of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaeexplorer import bounds
from vaeexplorer.evaluation.batches import Batch, Part, batches
from vaeexplorer.evaluation.measures import BATCH, SHARING
from vaeexplorer.records import Estimate, Kind
from vaeexplorer.vae import VAE

MOST_IMAGES = 10_000
ELBO_DRAWS = 64  # of q for each image's ELBO, the KL being exact
QUICK, QUICK_DRAWS = "iwae", 1000


@dataclass(frozen=True)
class DataGaps:
    """ELBO and log p(x) of images in nats, as many as are done; arrays (n,).

    index: the images' numbers in their set.   elbo: by ELBO_DRAWS draws of q, the KL exact; elbo_stderr: over these.
    log_marginal, stderr: by `method`, whose value is a `kind` of log p(x).   warnings: codes of records.WARNINGS.
    samples: draws behind each log p(x).   asked: images asked for.
    """

    index: np.ndarray
    elbo: np.ndarray
    elbo_stderr: np.ndarray
    log_marginal: np.ndarray
    stderr: np.ndarray
    warnings: tuple[tuple[str, ...], ...]
    method: str
    kind: Kind
    samples: int
    asked: int

    @property
    def complete(self) -> bool:
        return len(self.index) == self.asked

    @property
    def gap(self) -> np.ndarray:
        """log p(x) - ELBO, (n,): KL(q(z|x) || p(z|x)); a lower bound of it in expectation where `kind` is one."""
        return self.log_marginal - self.elbo

    @property
    def gap_stderr(self) -> np.ndarray:
        """(n,): the two are estimated from different draws."""
        return np.hypot(self.stderr, self.elbo_stderr)

    @property
    def flagged(self) -> int:
        """Images with a warning."""
        return sum(bool(codes) for codes in self.warnings)

    def means(self) -> dict[str, Estimate]:
        """elbo, log_marginal and gap as means over the images done, with the error over images."""
        kinds: dict[str, Kind] = {"elbo": "lower bound", "log_marginal": self.kind, "gap": gap_kind(self.kind)}
        over = "images"
        return {n: Estimate.mean_of(getattr(self, n), kind=k, over=over, name=n) for n, k in kinds.items()}


def gap_kind(log_marginal: Kind) -> Kind:
    """What log p(x) - ELBO is of the gap, where the ELBO is estimated without bias and log p(x) by this kind."""
    return "unbiased" if log_marginal == "exact" else log_marginal


def data_gaps(
    vae: VAE,
    images: np.ndarray,
    indices: Sequence[int] | np.ndarray,
    method: str = QUICK,
    samples: int | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Iterator[tuple[float, str, DataGaps | None]]:
    """ELBO and log p(x) of up to MOST_IMAGES images, batch by batch; leave the loop to cancel.

    Args: images (N, C, H, W), uint8 or float in [0, 1]; indices (N,): their numbers in their set, by which a Bernoulli
    likelihood binarises them (image_set.image_seed(seed, number)); method, samples, options: of bounds.METHODS, for
    "iwae" QUICK_DRAWS draws unless given.
    Yields: how far it is, 0..1, in words, and the record so far (None before the first batch is done).
    Raises: ValueError, one line, for no images, too many, others than the model takes, or a method that does not apply.
    """
    _refuse(vae, images, indices, method)
    given = QUICK_DRAWS if samples is None and method == QUICK else samples
    return _data_gaps(vae, images, np.asarray(indices), method, given, seed, options or {})


def _refuse(vae: VAE, images: np.ndarray, indices: Sequence[int] | np.ndarray, method: str) -> None:
    if method not in bounds.METHODS:
        raise ValueError(f"unknown method {method!r}: choose from {', '.join(bounds.METHODS)}")
    problem = bounds.METHODS[method].problem(vae)
    if problem is not None:
        raise ValueError(problem)
    if not 1 <= len(images) <= MOST_IMAGES or len(images) != len(indices):
        raise ValueError(
            f"expected 1 to {MOST_IMAGES:,} images and the number of each; got {len(images):,} and {len(indices):,}"
        )
    if tuple(images.shape[1:]) != vae.config.image_shape:
        raise ValueError(f"the model takes images of shape {vae.config.image_shape}, these have {images.shape[1:]}")


def _data_gaps(
    vae: VAE, images: np.ndarray, indices: np.ndarray, method: str, samples: int | None, seed: int,
    options: Mapping[str, Any],
) -> Iterator[tuple[float, str, DataGaps | None]]:  # fmt: skip
    rows: list[tuple[np.ndarray, ...]] = []
    warnings: list[tuple[str, ...]] = []
    found: DataGaps | None = None
    for places in batches(len(images), SHARING if bounds.METHODS[method].shared else BATCH):
        batch = Batch(images[places.start : places.stop], indices[places.start : places.stop].tolist(), seed)
        x, generator = batch.seen(vae), batch.generator(vae.device)
        elbo, elbo_stderr = _elbo(vae, x, generator)
        for stage in bounds.stages(vae, x, method, samples=samples, generator=generator, **options):
            last = stage.record
            done = (places.start + stage.fraction * len(places)) / len(images)
            yield min(done, 1.0), f"image {places.start + 1:,} of {len(images):,}, {stage.text}", found
        assert last is not None  # the last stage of every method
        part = Part.of(last)
        rows.append((np.asarray(batch.numbers), elbo, elbo_stderr, part.arrays["value"], part.arrays["stderr"]))
        warnings += part.warnings
        index, bound, error, value, stderr = (np.concatenate(column) for column in zip(*rows, strict=True))
        found = DataGaps(
            index, bound, error, value, stderr, tuple(warnings), method, last.kind, last.samples, len(images)
        )  # fmt: skip
        yield places.stop / len(images), f"{places.stop:,} of {len(images):,} images", found


def _elbo(vae: VAE, x: torch.Tensor, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The ELBO of each image and its error over draws, (B,)."""
    with torch.no_grad():
        shape = (ELBO_DRAWS, len(x), vae.config.latent_dim)
        q = vae.posterior(x)
        logs = vae.log_likelihood(x, q.sample(q.noise(shape, generator, vae.device))).double()
        elbo = logs.mean(0) - vae.prior.kl_per_dimension(q).double().sum(1)
        return elbo.cpu().numpy(), (logs.std(0) / ELBO_DRAWS**0.5).cpu().numpy()
