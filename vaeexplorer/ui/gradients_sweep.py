"""Variance and signal of a few estimators while one thing changes (gradients.sweeps.SWEEPS), value by value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vaeexplorer import run_weights
from vaeexplorer.ui import gradients_about, gradients_asked, model_jobs, patience
from vaeexplorer.ui.gradients_asked import Asked, Document
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import LARGEST_NUMBER, Question

if TYPE_CHECKING:
    from vaeexplorer.gradients.sweep_results import SweepResult
    from vaeexplorer.vae import VAE

MOST_ESTIMATORS, MOST_VALUES, MOST_REPLICATES = 8, 24, 20_000
# sweep -> the largest of its values here: a replicate of so many draws, or of so many dimensions, is held at once
LARGEST = {"samples": gradients_asked.MOST_SAMPLES, "k": gradients_asked.MOST_SAMPLES, "dimension": 128}
NUMBER_SECONDS = 2e-7  # for each number that is drawn where no model is needed

Values = tuple[float, ...]
Weights = list[tuple[int, Callable[[], "VAE"]]]


def sweep(question: Question) -> Job:
    """The job that measures at one value after the other; its partial results have the same form, complete false."""
    from vaeexplorer.gradients.sweeps import SWEEPS

    over = question.choice("over", tuple(SWEEPS))
    gradients_about.refuse_sweep(question.model, over)
    images = (1 if SWEEPS[over].needs_model else 0, gradients_asked.MOST_IMAGES)
    asked = gradients_asked.read(
        question, images=images, most_estimators=MOST_ESTIMATORS, most_replicates=MOST_REPLICATES
    )
    if asked.options:
        raise ValueError(f"a sweep goes without options, it sets them itself; got {', '.join(asked.options)}")
    gradients_asked.refuse_large(asked)
    values = _values(question, over)
    weights = _weights(asked.name, values) if over == "step" else []
    _refuse_long(asked, over, values or SWEEPS[over].values, len(weights))
    what = ("sweep", *asked.what, over, values, tuple(step for step, _ in weights))
    return model_jobs.begin(
        question, gradients_asked.LANE, what, lambda report: _sweep(asked, over, values, weights, report)
    )


def _values(question: Question, over: str) -> Values | None:
    """Where to measure; None for the sweep's own values."""
    if question.asked.get("values") is None:
        return None
    most = LARGEST.get(over, LARGEST_NUMBER)
    return question.numbers("values", (1, MOST_VALUES), -most, most)


def _weights(name: str, values: Values | None) -> Weights:
    """Steps of a run and the model at each: all whose weights are kept, or those that are asked for.

    Raises ValueError, one line, for a step whose weights are not kept.
    """
    path = gradients_about.run_folder(name)
    kept = run_weights.weights_at(path)
    missing = [value for value in values or () if value not in kept]
    if missing:
        steps = ", ".join(map(str, kept))
        raise ValueError(f"the run keeps no weights of step {missing[0]:g}; it keeps those of {steps}")
    return [(step, partial(run_weights.load_at, path, step)) for step in kept if values is None or step in values]


def _refuse_long(asked: Asked, over: str, values: Values, steps: int) -> None:
    """Raises ValueError, one line, for more than a page waits for."""
    from vaeexplorer.gradients.sweeps import SWEEPS

    if not SWEEPS[over].needs_model:
        numbers = asked.replicates * asked.samples * sum(values) * len(asked.estimators)
        patience.refuse_long(NUMBER_SECONDS * numbers)
        return
    if SWEEPS[over].whole:
        parts = [gradients_asked.work(asked, int(value), compared=False) for value in values]
    else:
        parts = [gradients_asked.work(asked, compared=False).times(steps or len(values))]
    gradients_asked.refuse_long(asked, *parts)


def _sweep(asked: Asked, over: str, values: Values | None, weights: Weights, report: Report) -> Document:
    from vaeexplorer.gradients import sweeps

    report(0, "getting ready")
    model, x = asked.load() if sweeps.SWEEPS[over].needs_model else (None, None)
    found = sweeps.sweep(
        model, x, asked.estimators, over, values, replicates=asked.replicates, samples=asked.samples,
        generator=asked.generator(model), weights=weights,
    )  # fmt: skip
    return model_jobs.listened(found, report, _pack)


def _pack(result: SweepResult, whole: bool) -> Document:
    return result.to_dict() | {"complete": whole}
