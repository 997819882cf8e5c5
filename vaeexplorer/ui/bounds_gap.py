"""Where the bound of a few images loses against log p(x), as a job; a gap names the estimator that it rests on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vaeexplorer.records import Estimate, Gap, Kind
from vaeexplorer.ui import bounds_about, bounds_images, bounds_work, cached, model_jobs
from vaeexplorer.ui.bounds_images import Chosen
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question, number

PARTS = ("total", "approximation", "amortization", "full")
DIFFERENCES = ("amortization", "full")  # of two bounds: they do not rest on log p(x)


def gap(question: Question) -> Job:
    """The job that splits the gap of the images, by the surest estimator of log p(x) that applies."""
    from vaeexplorer import gaps

    name, seed, keys = question.model, question.seed, question.keys()
    samples = None
    if question.asked.get("samples") is not None:
        samples = question.whole("samples", None, bounds_about.LEAST, bounds_about.MOST)
    chosen = bounds_images.choose(name, keys, seed)
    surest = gaps.surest(cached.network(name))
    bounds_about.refuse_endless(name, surest, samples if surest == "refined" else None, {}, len(keys))
    what = ("gap", keys, seed, samples)
    return model_jobs.begin(question, "bounds", what, lambda report: _gap(name, chosen, seed, samples, report))


def _gap(name: str, chosen: list[Chosen], seed: int, samples: int | None, report: Report) -> dict[str, Any]:
    import torch

    from vaeexplorer import gaps

    report(0, "getting ready")
    vae = cached.network(name)
    x, generator = bounds_images.as_seen(vae, chosen), torch.Generator(vae.device).manual_seed(seed)
    own = samples if gaps.surest(vae) == "refined" else None  # points of a grid are no draws
    found = gaps.gap_stages(vae, x, generator=generator, samples=own)
    keys = [image.key for image in chosen]
    told = ((stage.fraction, stage.text, stage.record) for stage in found)
    return model_jobs.listened(told, report, lambda record, whole: _pack(keys, record, whole))


def _pack(keys: list[str], found: Gap, whole: bool) -> dict[str, Any]:
    from vaeexplorer import bounds

    marginal, about = found.log_marginal, bounds.METHODS[found.log_marginal.method]
    values = {part: (getattr(found, part), getattr(found, f"{part}_stderr")) for part in PARTS}
    values |= {"log_marginal": (marginal.value, marginal.stderr), "elbo": (found.elbo, _elbo_error(found))}
    images = [
        {"key": key, "warnings": bounds_work.warnings(marginal, i)}
        | {part: {"value": number(value[i]), "stderr": number(error[i])} for part, (value, error) in values.items()}
        for i, key in enumerate(keys)
    ]
    kinds = _kinds(found)
    return {
        "kind": found.kind, "method": marginal.method, "title": about.title, "samples": marginal.samples,
        "counted": about.counted, "complete": whole, "seconds": marginal.seconds, "images": images,
        "mean": {part: _mean(part, *both, kinds[part]) for part, both in values.items()},
    }  # fmt: skip


def _kinds(found: Gap) -> dict[str, Kind]:
    """What the number of each part is of that part."""
    difference: Kind = "exact" if found.kind == "exact" else "unbiased"
    kinds: dict[str, Kind] = {part: difference if part in DIFFERENCES else found.kind for part in PARTS}
    return kinds | {"log_marginal": found.log_marginal.kind, "elbo": "lower bound"}


def _mean(part: str, values: np.ndarray, errors: np.ndarray, kind: Kind) -> dict[str, Any] | None:
    """The mean over the images with the error of the draws, not of the choice of images."""
    count = len(values)
    value, stderr = float(values.mean()), math.sqrt(float((errors**2).sum())) / count
    if not math.isfinite(value):
        return None
    over = f"{count} image{'s' if count > 1 else ''}, each by its own draws"
    return Estimate(value, stderr, count, kind, over, part).to_dict()


def _elbo_error(found: Gap) -> np.ndarray:
    """The error of the ELBO by its draws: those of total = log p - ELBO are independent of log p's."""
    return np.sqrt(np.clip(found.total_stderr**2 - found.log_marginal.stderr**2, 0, None))
