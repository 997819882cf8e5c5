"""The first of the Bounds page's questions: log p(x) of a few images by one method, told as it grows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeexplorer.records import PARTIAL_WORDS, WARNINGS, Estimate, LogMarginal
from vaeexplorer.ui import bounds_about, bounds_images, cached, model_jobs
from vaeexplorer.ui.bounds_images import Chosen
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.model_jobs import Document
from vaeexplorer.ui.questions import Question, number, numbers

if TYPE_CHECKING:
    from vaeexplorer.bound_curves import Curve

KEPT_WEIGHTS = 2_000_000  # log-weights of all images that are kept for pictures, 16 MB
QUICK_WEIGHTS = 200_000  # of which all pictures are made quickly enough while the work goes on
FEWEST_WEIGHTS = 20  # whose distribution is worth a picture
LARGEST_DETAIL = 4096  # numbers of an array among a record's details
WARNING_WORDS = {code: words for code, (_, _, words) in WARNINGS.items()} | {"partial": PARTIAL_WORDS}


def estimate(question: Question) -> Job:
    """log p(x) of the images by one method; its partial results have the same form, with complete false."""
    name, seed, keys = question.model, question.seed, question.keys()
    method, options = question.text("method"), question.options()
    samples = _samples(question, name, method)
    chosen = bounds_images.choose(name, keys, seed)
    bounds_about.refuse_options(method, options)
    bounds_about.refuse_endless(name, method, samples, options, len(keys))
    what = ("estimate", keys, seed, method, samples, tuple(sorted(options.items())))
    return model_jobs.begin(
        question, "bounds", what, lambda report: _estimate(name, chosen, seed, method, samples, options, report)
    )


def _samples(question: Question, name: str, method: str) -> int | None:
    """How many samples are asked for; None for a method that has nothing to choose, or for its default."""
    bounds_about.refuse_unknown(name, method)
    if question.asked.get("samples") is None:
        return None
    return question.whole("samples", None, *bounds_about.limits(method))


def _estimate(
    name: str, chosen: list[Chosen], seed: int, method: str, samples: int | None, options: Mapping[str, Any],
    report: Report,
) -> Document:  # fmt: skip
    import torch

    from vaeexplorer import bounds

    report(0, "getting ready")
    vae = cached.network(name)
    x, generator = bounds_images.as_seen(vae, chosen), torch.Generator(vae.device).manual_seed(seed)
    most = samples or bounds.METHODS[method].samples or 1
    found = bounds.stages(
        vae, x, method, samples=samples, generator=generator, keep_weights=most * len(x) <= KEPT_WEIGHTS, **options
    )
    told = ((stage.fraction, stage.text, stage.record) for stage in found)
    return model_jobs.listened(told, report, _Course(method, [image.key for image in chosen]))


class _Course:
    """Packs the records of one method, and remembers those on the way for the picture of convergence."""

    def __init__(self, method: str, keys: list[str]) -> None:
        self.method, self.keys = method, keys
        self.seen: list[LogMarginal] = []

    def __call__(self, record: LogMarginal, whole: bool) -> Document:
        from vaeexplorer import bounds

        about = bounds.METHODS[self.method]
        self._remember(record)
        return {
            "method": self.method, "title": about.title, "kind": record.kind, "counted": about.counted,
            "samples": record.samples, "asked": record.asked, "complete": whole, "seconds": record.seconds,
            "decodings": record.decodings, "mean": mean_over_images(record, about.counted),
            "images": _images(self.keys, record, self._curve(record), whole), "details": details(record.details),
        }  # fmt: skip

    def _remember(self, record: LogMarginal) -> None:
        """The newest record without its weights, and of the others those whose samples grow by a tenth each."""
        if len(self.seen) > 1 and self.seen[-1].samples < 1.1 * self.seen[-2].samples:
            self.seen.pop()
        self.seen.append(replace(record, log_weights=None, details={}))

    def _curve(self, record: LogMarginal) -> Curve:
        from vaeexplorer import bound_curves

        return (
            bound_curves.course(self.seen) if record.log_weights is None else bound_curves.running(record.log_weights)
        )


def _images(keys: list[str], record: LogMarginal, curve: Curve, whole: bool) -> list[Document]:
    weights = record.log_weights
    if weights is not None and not (whole or weights.size <= QUICK_WEIGHTS):
        weights = None
    nested = None if weights is None else _nested(weights)
    return [
        {
            "key": key, "value": number(record.value[i]), "stderr": number(record.stderr[i]),
            "effective_sample_size": _of(record.effective_sample_size, i), "pareto_k": _of(record.pareto_k, i),
            "spread": _of(record.spread, i), "warnings": warnings(record, i),
            "curve": _rows(curve.samples, curve.value[:, i], curve.low[:, i], curve.high[:, i]),
            "nested": None if nested is None else _rows(nested.samples, nested.value[:, i], nested.stderr[:, i]),
            "weights": None if weights is None else _weights(weights[:, i]),
        }
        for i, key in enumerate(keys)
    ]  # fmt: skip


def _rows(samples: np.ndarray, *columns: np.ndarray) -> list[list[float | None]]:
    return [[int(k), *map(number, row)] for k, *row in zip(samples, *columns, strict=True)]


def _nested(log_weights: np.ndarray) -> Curve:
    from vaeexplorer import bound_curves

    return bound_curves.nested(log_weights)


def _weights(log_weights: np.ndarray) -> Document | None:
    """The distribution of one image's log-weights with its fitted tail; None for a few, or where one is not finite."""
    from vaeexplorer import bound_curves

    if len(log_weights) < FEWEST_WEIGHTS or not np.isfinite(log_weights).all():
        return None
    found = bound_curves.histogram(log_weights)
    tail = found.tail
    points = [] if tail is None else [numbers(point) for point in tail.points]
    return {
        "edges": numbers(found.edges), "counts": [int(count) for count in found.counts], "below": found.below,
        "tail": None if tail is None else {"k": number(tail.k), "from": number(tail.start), "points": points},
    }  # fmt: skip


def mean_over_images(record: LogMarginal, counted: str) -> Document | None:
    """The mean over the images with the error of the draws, not of the choice of images."""
    count = len(record.value)
    value, stderr = float(record.value.mean()), math.sqrt(float((record.stderr**2).sum())) / count
    if not math.isfinite(value):
        return None
    over = f"{counted} for {count} image{'s' if count > 1 else ''}"
    return Estimate(value, stderr, record.samples * count, record.kind, over, "log_marginal").to_dict()


def warnings(record: LogMarginal, i: int) -> list[dict[str, str]]:
    return [{"code": code, "text": WARNING_WORDS[code]} for code in record.warnings(i)]


def details(found: Mapping[str, Any]) -> Document:
    """What of a record's details JSON can hold; large arrays are left out."""
    return {key: value for key, given in found.items() if (value := _plain(given)) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        flat = value.size <= LARGEST_DETAIL and value.dtype.kind in "fiub"
        return _finite(value.tolist()) if flat else None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, int | str | bool) else None


def _finite(values: Any) -> Any:
    """Nested lists of numbers with None for those that JSON does not know."""
    if isinstance(values, list):
        return [_finite(value) for value in values]
    return number(values) if isinstance(values, float) else values


def _of(values: np.ndarray | None, i: int) -> float | None:
    return None if values is None else number(values[i])
