"""A model, images and a list of measures make answers: means with their errors, and what is known of each image.

Whole batches are dealt to processes, and each batch has its own seed, so the numbers do not depend on how many
processes there are. Who interrupts gets what has been found until then, marked as a part.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from vaeexplorer import forecast
from vaeexplorer.evaluation.batches import Batch, Part, batches
from vaeexplorer.evaluation.estimators import DEFAULT_SAMPLES, representation_method
from vaeexplorer.evaluation.measures import MEASURES, Measure, Settings, out_of_range
from vaeexplorer.evaluation.question import Progress, Question
from vaeexplorer.processes import ALONE, Processes
from vaeexplorer.records import WARNINGS, Estimate
from vaeexplorer.vae import VAE

WHOLE = {"representation": "mutual_information"}  # measures of the set as a whole, and the figure that stands for each
NAMES = (*MEASURES, *WHOLE)

# Estimates that stand by their names beside the main one in `to_dict`.
BESIDE: Mapping[str, tuple[str, ...]] = {
    "elbo": ("reconstruction", "kl"),
    "bdmc": ("bdmc_lower", "bdmc_upper"),
    "gap": ("gap_total", "gap_approximation", "gap_amortization", "gap_full", "gap_log_marginal"),
}


@dataclass(frozen=True)
class Answer:
    """What one measure has found.

    estimates: means over images; none where there was no time for any.
    arrays: per image (N, ...) by name, of images numbered `index`.   warnings: code -> how many images it holds for.
    samples, asked: draws behind each value, and how many were asked for.   images, of: how many are done, of how many.
    seconds: they took, in the slowest process.   decodings: decoder evaluations in all.
    """

    method: str
    estimates: tuple[Estimate, ...]
    images: int
    of: int
    samples: int = 0
    asked: int = 0
    seconds: float = 0.0
    decodings: float = 0.0
    warnings: Mapping[str, int] = field(default_factory=dict)
    index: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.images == self.of and self.samples == self.asked

    @property
    def main(self) -> Estimate | None:
        """The estimate that stands for the measure."""
        named = [e for e in self.estimates if e.name == WHOLE.get(self.method)]
        return next(iter((*named, *self.estimates)), None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the main estimate, the others by name beside it, and how it was found."""
        main: dict[str, Any] = dict.fromkeys(("name", "value", "stderr", "kind", "over", "unit")) | {"n": 0}
        numbers = {e.name: e.to_dict() for e in self.estimates}
        if self.main:
            main = {field: numbers[self.main.name][field] for field in main}
        for name in BESIDE.get(self.method, ()):
            short, found = name.removeprefix(f"{self.method}_"), numbers.get(name, {})
            main |= {short: found.get("value"), f"{short}_stderr": found.get("stderr")}
        work = {"samples": self.samples, "asked": self.asked, "seconds": self.seconds, "decodings": self.decodings}
        return {**main, **work, "complete": self.complete, "warnings": dict(self.warnings), **self.details}


@dataclass(frozen=True)
class Found:
    """A process's share of the work: parts by measure and batch, seconds by measure, and why it ended early, if so."""

    parts: dict[str, list[tuple[int, Part]]] = field(default_factory=dict)
    whole: dict[str, list[Estimate]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    interrupted: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class Known:
    """What else is known of the images, for "representation"; see Question."""

    labels: np.ndarray | None = None
    factors: np.ndarray | None = None
    train: tuple[np.ndarray, np.ndarray] | None = None


def refuse(vae: VAE, images: np.ndarray, names: Sequence[str], settings: Settings) -> None:
    """Everything that can be refused before the work.   Raises ValueError, one line."""
    if not names:
        raise ValueError(f"expected one method or more, got none: choose from {', '.join(NAMES)}")
    for name in names:
        if name not in NAMES:
            raise ValueError(f"unknown method {name!r}: choose from {', '.join(NAMES)}")
        problem = MEASURES[name].problem(vae) if name in MEASURES else None
        problem = problem or out_of_range(name, settings)
        if problem is not None:
            raise ValueError(f"{name}: {problem}")
    if tuple(images.shape[1:]) != vae.config.image_shape or not len(images):
        raise ValueError(
            f"the model takes images of shape {vae.config.image_shape}, the data set has {len(images):,} of "
            f"shape {images.shape[1:]}"
        )


def foretold(
    vae: VAE, images: np.ndarray, names: Sequence[str], settings: Settings, seed: int, processes: int = 1
) -> forecast.Forecast:
    """How long the measures will take on this machine and what memory they need: see forecast.Forecast."""
    pace = forecast.pace(vae, Batch(images[:1], [0], seed).seen(vae))
    seconds, most = 0.0, 0.0
    for name in names:
        if name in MEASURES:
            measure = MEASURES[name]
            options = measure.options(vae, settings)
            count = _count(measure, options, len(images))
            together = min(count, measure.batch)
            one = pace.forecast(measure.work(vae, together, options))
            seconds += one.seconds * count / together / min(processes, math.ceil(count / together))
            most = max(most, one.bytes)
    return forecast.Forecast(seconds, most)


def measure(
    vae: VAE,
    images: np.ndarray,
    names: Sequence[str],
    settings: Settings,
    seed: int,
    progress: Progress,
    *,
    known: Known | None = None,
    processes: Processes = ALONE,
) -> tuple[dict[str, Answer], bool]:
    """Ask for each measure of images (N, C, H, W), uint8 or float in [0, 1].

    Image number i is binarised by image_seed(seed, i), for every measure alike.
    Returns: the answers by name, and whether they are complete: KeyboardInterrupt ends the work, not the answer. With
    several processes each of them returns all of it.
    Error: that of each Estimate.   Raises: ValueError, one line, as `refuse` says and for numbers that are not finite.
    """
    refuse(vae, images, names, settings)
    names = list(dict.fromkeys(names))
    found = Found()
    try:
        for place, name in enumerate(names):
            part = _part_of(progress, place / len(names), (place + 1) / len(names))
            _work(found, vae, images, name, settings, seed, part, known or Known(), processes)
    except KeyboardInterrupt:
        found.interrupted.append(True)
    except ValueError as error:
        if processes.count == 1:
            raise
        found.trouble.append(str(error))  # the others wait for this process's share
    shares = processes.gather(found)
    troubles = [text for share in shares for text in share.trouble]
    if troubles:
        raise ValueError(troubles[0])
    answers = {name: _answer(vae, name, shares, settings, len(images)) for name in names}
    return answers, not any(share.interrupted for share in shares)


def _work(
    found: Found, vae: VAE, images: np.ndarray, name: str, settings: Settings, seed: int, progress: Progress,
    known: Known, processes: Processes,
) -> None:  # fmt: skip
    """One measure: this process's batches of it, put into `found` as they are done."""
    start = time.perf_counter()
    try:
        if name in WHOLE:
            if processes.first:
                found.whole[name] = _whole(vae, images, settings, seed, progress, known)
            return
        own = found.parts.setdefault(name, [])
        for part in _batches(vae, images, MEASURES[name], settings, seed, progress, processes):
            if own and own[-1][0] == part[0]:
                own[-1] = part
            else:
                own.append(part)
    finally:
        found.seconds[name] = time.perf_counter() - start


def _batches(
    vae: VAE, images: np.ndarray, measure: Measure, settings: Settings, seed: int, progress: Progress,
    processes: Processes,
) -> Iterator[tuple[int, Part]]:  # fmt: skip
    """(first place, what is known so far) of each batch of this process."""
    options = measure.options(vae, settings)
    count = _count(measure, options, len(images))
    own = batches(count, measure.batch)[processes.rank :: processes.count]
    for turn, places in enumerate(own):
        shown = images[places.start : places.stop] if measure.images else images[:0]
        for fraction, text, part in measure.run(vae, Batch(shown, places, seed), options):
            where = f"{measure.title}: image {places.start + 1:,} of {count:,}, {text}"
            progress((turn + fraction) / len(own), where)
            if part is not None:
                yield places.start, part


def _whole(
    vae: VAE, images: np.ndarray, settings: Settings, seed: int, progress: Progress, known: Known
) -> list[Estimate]:
    generator = torch.Generator(vae.device).manual_seed(seed)
    samples = settings.samples or DEFAULT_SAMPLES["representation"]
    question = Question(
        torch.from_numpy(images), samples, generator, progress, known.labels, known.factors, known.train
    )
    return representation_method(vae, question)


def _answer(vae: VAE, name: str, shares: Sequence[Found], settings: Settings, images: int) -> Answer:
    """The shares of all processes as one; parts of a batch count only where nothing is complete."""
    seconds = max(share.seconds.get(name, 0.0) for share in shares)
    if name in WHOLE:
        estimates = [e for share in shares for e in share.whole.get(name, [])]
        samples = settings.samples or DEFAULT_SAMPLES[name]
        return Answer(name, tuple(estimates), images if estimates else 0, images, samples, samples, seconds)
    measure = MEASURES[name]
    options = measure.options(vae, settings)
    count = _count(measure, options, images)
    parts = sorted((item for share in shares for item in share.parts.get(name, [])), key=lambda item: item[0])
    parts = [item for item in parts if item[1].samples == item[1].asked] or parts[:1]
    if not parts:
        return Answer(name, (), 0, count, seconds=seconds)
    part = Part.joined([of_batch for _, of_batch in parts])
    index = np.concatenate([np.arange(start, start + len(of_batch)) for start, of_batch in parts])
    warnings = {code: sum(code in codes for codes in part.warnings) for code in (*WARNINGS, "partial")}
    return Answer(
        name, tuple(measure.estimates(part, options)), len(part), count, part.samples, part.asked, seconds,
        part.decodings, {code: n for code, n in warnings.items() if n}, index, part.arrays, part.details,
    )  # fmt: skip


def _count(measure: Measure, options: Mapping[str, Any], images: int) -> int:
    return images if measure.images else int(options["count"])


def _part_of(progress: Progress, start: float, end: float) -> Progress:
    return lambda done, text: progress(start + (end - start) * done, text)
