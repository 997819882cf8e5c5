"""The gap of many images of one source, told as it grows: what the model has learned, and what is foreign to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeexplorer.image_set import evenly, join_words
from vaeexplorer.portable import Buffers, document
from vaeexplorer.ui import bounds_about, bounds_sources, bounds_work, cached, model_card, model_jobs
from vaeexplorer.ui.bounds_sources import Images
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question, numbers

if TYPE_CHECKING:
    from vaeexplorer.evaluation.log_marginals import DataGaps

MOST_IMAGES = 10_000
QUICK, QUICK_SAMPLES = "iwae", 1000
MOST_SHOWN = 48  # pictures in one request


def dataset(question: Question) -> Job:
    """The job that measures ELBO, log p(x) and gap of many images; its partial results hold those done so far."""
    name, seed, source = question.model, question.seed, question.text("source", "test")
    count = question.whole("count", 200, 1, MOST_IMAGES)
    method, options = question.text("method", QUICK), question.options()
    bounds_about.refuse_unknown(name, method)
    samples = QUICK_SAMPLES if method == QUICK else None
    if question.asked.get("samples") is not None:
        samples = question.whole("samples", None, *bounds_about.limits(method))
    bounds_about.refuse_options(method, options)
    bounds_about.refuse_endless(name, method, samples, options, count)
    bounds_sources.refuse_unknown(name, source)
    what = ("dataset", source, count, method, samples, seed, tuple(sorted(options.items())))
    return model_jobs.begin(
        question, "gaps", what, lambda report: _dataset(name, source, count, method, samples, options, seed, report)
    )


def _dataset(
    name: str, source: str, count: int, method: str, samples: int | None, options: dict[str, Any], seed: int,
    report: Report,
) -> dict[str, Any]:  # fmt: skip
    from vaeexplorer import evaluation

    report(0, "reading the images")
    images = bounds_sources.load(name, source)
    chosen = evenly(len(images.images), count)
    pictures = bounds_sources.pictures(source, images, chosen, seed)
    found = evaluation.data_gaps(cached.network(name), pictures, chosen, method, samples, seed, options)
    return model_jobs.listened(found, report, _Pack(name, source, images, len(chosen)))


class _Pack:
    """Makes the answer of what is measured so far."""

    def __init__(self, name: str, source: str, images: Images, asked: int) -> None:
        self.source, self.images, self.asked, self.begun = source, images, asked, time.monotonic()
        self.words = join_words(images.words, model_card.binarization_words(cached.header(name).vae))

    def __call__(self, found: DataGaps, whole: bool) -> dict[str, Any]:
        from vaeexplorer.bounds import METHODS

        about = METHODS[found.method]
        return {
            "source": self.source, "title": self.images.title, "words": self.words, "count": self.asked,
            "done": len(found.index), "complete": whole, "method": found.method, "method_title": about.title,
            "kind": found.kind, "samples": found.samples, "counted": about.counted,
            "seconds": time.monotonic() - self.begun, "index": found.index.tolist(), "elbo": numbers(found.elbo),
            "elbo_stderr": numbers(found.elbo_stderr), "log_marginal": numbers(found.log_marginal),
            "gap": numbers(found.gap), "stderr": numbers(found.stderr), "gap_stderr": numbers(found.gap_stderr),
            "label": self._labels(found.index),
            "flagged": found.flagged, "warnings": _counted(found.warnings), "mean": _means(found),
        }  # fmt: skip

    def _labels(self, index: np.ndarray) -> list[str | None] | None:
        """Names of the classes, None where unknown."""
        labels, names = self.images.labels, self.images.class_names
        if labels is None:
            return None
        known = [int(label) for label in labels[index]]
        return [None if label < 0 else names[label] if label < len(names) else str(label) for label in known]


def _means(found: DataGaps) -> dict[str, Any]:
    """Means over the images; None where one of them is not finite."""
    if not all(np.isfinite(values).all() for values in (found.elbo, found.log_marginal)):
        return dict.fromkeys(("elbo", "log_marginal", "gap"))
    return {name: estimate.to_dict() for name, estimate in found.means().items()}


def _counted(warnings: tuple[tuple[str, ...], ...]) -> list[dict[str, Any]]:
    """Each warning with its words and the number of images that have it."""
    codes = [code for image in warnings for code in image]
    words = bounds_work.WARNING_WORDS
    return [{"code": code, "text": words[code], "count": codes.count(code)} for code in words if code in codes]


def images(name: str, source: str, seed: int, indices: list[int]) -> bytes:
    """The pictures of some images of a source, uint8, as one document.

    Raises: Unanswerable; ValueError for an index that there is not.
    """
    found = bounds_sources.load(name, source)
    if max(indices) >= len(found.images):
        raise ValueError(f"index must be whole numbers from 0 to {len(found.images) - 1:,}")
    pixels = bounds_sources.pictures(source, found, np.array(indices), seed)
    levels = pixels if pixels.dtype == np.uint8 else np.rint(pixels * 255)
    buffers = Buffers()
    header = {"source": source, "shape": list(pixels.shape[1:]), "index": indices, "images": buffers.add(levels, "u1")}
    return document(header, buffers)
