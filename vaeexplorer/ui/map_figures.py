"""Numbers beside the map: what the codes hold, as Estimates; from images where they are here, else from codes alone."""

from __future__ import annotations

from functools import partial

import numpy as np

from vaeexplorer import metrics
from vaeexplorer.image_set import Progress, evenly
from vaeexplorer.records import Estimate
from vaeexplorer.ui import cached
from vaeexplorer.ui.encoded import JOBS, OF_DATA
from vaeexplorer.ui.jobs import Job
from vaeexplorer.ui.map_codes import Codes

MOST_IMAGES = 10_000
Figures = tuple[list[Estimate], list[str]]


def ask(name: str, codes: Codes, again: bool) -> Job:
    """The job that measures the codes; its result is (estimates, notes)."""
    work = partial(_of_images if codes.source in OF_DATA else _of_codes, name, codes)
    return JOBS.ask(("figures", name, codes.digest), "encoding", work, again=again)


def _of_images(name: str, codes: Codes, progress: Progress) -> Figures:
    """Evaluation's "representation" of held-out images, as the command line computes it."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from vaeexplorer import evaluation

    progress(0, "reading the images")
    data, vae = cached.image_set(name), cached.network(name)
    chosen = evenly(len(data.test), MOST_IMAGES)
    train = None if data.train_labels is None else (data.train, data.train_labels)
    labels, factors = _of(data.test_labels, chosen), _of(data.test_factors, chosen)
    images = data.test if len(chosen) == len(data.test) else data.test[chosen]
    with threadpool_limits(1):
        estimates = evaluation.evaluate(
            vae, images, ("representation",), {}, codes.seed or 0, progress, labels=labels, factors=factors, train=train
        )
    flattering = ["Measured on test images, for the training images would flatter the model."]
    notes = flattering if codes.source != "test" else []
    if len(chosen) < len(data.test):
        notes.append(f"{len(chosen):,} of {len(data.test):,} test images, evenly chosen.")
    return estimates, [*notes, *_probe_note(labels)]


def _of_codes(name: str, codes: Codes, progress: Progress) -> Figures:
    """What codes alone tell: of q, if it is known, and of their classes."""
    from threadpoolctl import threadpool_limits

    latest = len(codes.mean) if codes.step is None else int((codes.step == codes.step[-1]).sum())
    which = len(codes.mean) - latest + evenly(latest, MOST_IMAGES)
    labels, notes = _of(codes.label, which), ["From the codes alone, without their images."]
    if codes.step is not None:
        notes = [f"Of the codes at step {int(codes.step[-1]):,}, the last one that is kept."]
    if len(which) < latest:
        notes.append(f"{len(which):,} of {latest:,} codes, evenly chosen.")
    with threadpool_limits(1):
        if codes.std is not None:
            estimates = _of_posteriors(name, codes.mean[which], codes.std[which], labels, codes.seed or 0, progress)
        else:
            notes.append("q(z|x) is not known, so there is no KL and no mutual information.")
            estimates = _probes(codes.mean[which], labels, codes.seed or 0, progress)
    return estimates, [*notes, *_probe_note(labels)]


def _of(values: np.ndarray | None, which: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[which]


def _probe_note(labels: np.ndarray | None) -> list[str]:
    problem = metrics.probe_problem(labels)
    return [] if problem is None else [f"No accuracy of the class: {problem[0].lower()}{problem[1:]}"]


def _of_posteriors(
    name: str, mean: np.ndarray, std: np.ndarray, labels: np.ndarray | None, seed: int, progress: Progress
) -> list[Estimate]:
    import torch

    from vaeexplorer.evaluation.known_codes import representation_of

    generator = torch.Generator().manual_seed(seed)
    return representation_of(cached.network(name), mean, std, labels, generator, progress)


def _probes(codes: np.ndarray, labels: np.ndarray | None, seed: int, progress: Progress) -> list[Estimate]:
    progress(0, "probes")
    if labels is None or metrics.probe_problem(labels) is not None:
        return []
    fit, test = metrics.balanced_split(labels, 0.5, seed)
    return metrics.probes(codes[fit], labels[fit], codes[test], labels[test])
