"""A model and a question make a record: the only border between torch and numpy."""

from __future__ import annotations

import numpy as np
import torch

from vaeexplorer.evaluation.answers import NAMES, Answer, Known, foretold, measure, refuse
from vaeexplorer.evaluation.codes import Encoded, aggregate_codes, decode, encode, encode_all, posterior_parameters
from vaeexplorer.evaluation.estimators import DEFAULT_SAMPLES, ESTIMATORS, disentanglement
from vaeexplorer.evaluation.log_marginals import DataGaps, data_gaps
from vaeexplorer.evaluation.measures import MEASURES, Settings
from vaeexplorer.evaluation.question import Progress, Question
from vaeexplorer.evaluation.reconstructions import reconstruct
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE

__all__ = [
    "DEFAULT_SAMPLES", "ESTIMATORS", "MEASURES", "NAMES", "Answer", "DataGaps", "Encoded", "Known", "Progress",
    "Question", "Settings", "aggregate_codes", "data_gaps", "decode", "disentanglement", "encode", "encode_all",
    "evaluate", "foretold", "measure", "posterior_parameters", "reconstruct", "refuse",
]  # fmt: skip


def evaluate(
    vae: VAE,
    images: np.ndarray,
    methods: tuple[str, ...],
    samples: dict[str, int],
    seed: int,
    progress: Progress,
    *,
    labels: np.ndarray | None = None,
    factors: np.ndarray | None = None,
    train: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Estimate]:
    """The figures of a set as a whole, by ESTIMATORS, all from one stream of random numbers: what a run's end measures.

    `measure` is what asks for log p(x), the gap, and the ELBO of each image.
    Args: images (N, C, H, W), uint8 or float in [0, 1]; every method starts from the same seed.
    labels (N,), factors (N, F) and train (images, labels) serve "representation", as Question says.
    Raises ValueError for an unknown method, images of another shape than the model's, or as many labels or factors as
    there are no images.
    """
    unknown = [name for name in methods if name not in ESTIMATORS]
    if unknown:
        raise ValueError(f"unknown method {unknown[0]!r}: choose from {', '.join(ESTIMATORS)}")
    if tuple(images.shape[1:]) != vae.config.image_shape or not len(images):
        raise ValueError(
            f"the model takes images of shape {vae.config.image_shape}, the data set has {images.shape[1:]}"
        )
    for what, known in (("labels", labels), ("factors", factors)):
        if known is not None and len(known) != len(images):
            raise ValueError(f"expected {what} of {len(images):,} images, got {len(known):,}")
    results: list[Estimate] = []
    for name in methods:
        generator = torch.Generator(vae.device).manual_seed(seed)
        count = samples.get(name, DEFAULT_SAMPLES[name])
        question = Question(torch.from_numpy(images), count, generator, progress, labels, factors, train)
        results += ESTIMATORS[name](vae, question)
    return results
