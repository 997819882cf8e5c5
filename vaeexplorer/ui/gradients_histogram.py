"""How one entry of one image's gradient is distributed under a few estimators, beside its true value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeexplorer.ui import cached, gradients_asked, gradients_draws, model_jobs
from vaeexplorer.ui.gradients_asked import Asked, Document
from vaeexplorer.ui.gradients_draws import Draws
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question, number, numbers

if TYPE_CHECKING:
    from vaeexplorer.gradients.exact import Truth

MOST_ESTIMATORS, MOST_REPLICATES = 16, gradients_asked.MOST_REPLICATES
BINS, CENTRAL = 60, 0.99  # equal bins over the central share of an estimator's own replicates


@dataclass(frozen=True)
class _Known:
    """dim: whose entry it is.   truths: none until they are known."""

    dim: int
    found: Draws
    truths: dict[str, Truth]


def histogram(question: Question) -> Job:
    """The job that draws replicates of one entry; its partial results have the same form, with complete false."""
    asked = gradients_asked.read(
        question, images=(1, 1), most_estimators=MOST_ESTIMATORS, most_replicates=MOST_REPLICATES
    )
    part, dim = _parameter(question, asked.name)
    gradients_asked.refuse_unfit(asked)
    gradients_asked.refuse_long(asked, gradients_asked.work(asked))
    what = ("histogram", *asked.what, part, dim)
    return model_jobs.begin(question, gradients_asked.LANE, what, lambda report: _histogram(asked, part, dim, report))


def _parameter(question: Question, name: str) -> tuple[str, int | None]:
    """Part (the first by default) and dimension of the field `parameter`; None for that of the largest gradient."""
    given = question.asked.get("parameter", {})
    inner = Question(given if isinstance(given, dict) else {"part": None})
    known = gradients_asked.parts(name)
    part = inner.choice("part", known, known[0])
    if inner.asked.get("dim") is None:
        return part, None
    return part, inner.whole("dim", None, 0, cached.header(name).vae.latent_dim - 1)


def _histogram(asked: Asked, part: str, dim: int | None, report: Report) -> Document:
    report(0, "getting ready")
    return model_jobs.listened(_stages(asked, part, dim), report, lambda known, whole: _pack(asked, part, known, whole))


def _stages(asked: Asked, part: str, dim: int | None) -> Iterator[tuple[float, str, _Known | None]]:
    """The draws first, as they are there sooner, unless the truth has to say of which dimension."""
    model, x = asked.load()
    exact, truths, share = gradients_draws.truths(asked, model, x), {}, 0.0  # type: ignore[var-annotated]
    if dim is None:
        truths, share = (yield from gradients_asked.between(0, 0.5, exact)), 0.5
        dim = _largest(asked, truths[asked.estimators[0]], part)
    column = gradients_draws.column(asked.name, part, dim)
    for fraction, text, found in gradients_draws.draws(asked, model, x, [column]):
        known = _Known(dim, found, truths)
        yield share + fraction / 2, text, known
    if not truths:
        truths = yield from gradients_asked.between(0.5, 1, exact, known)
        yield 1.0, "beside the exact gradient", _Known(dim, found, truths)


def _largest(asked: Asked, truth: Truth, part: str) -> int:
    """The dimension of this part whose exact gradient is the largest."""
    begin = gradients_draws.column(asked.name, part, 0)
    return int(truth.gradient[0, begin : begin + cached.header(asked.name).vae.latent_dim].abs().argmax())


def _pack(asked: Asked, part: str, known: _Known, whole: bool) -> Document:
    column, truths = gradients_draws.column(asked.name, part, known.dim), known.truths
    exact = {name: _exact(truths[name], column) if truths else {} for name in asked.estimators}
    series = [_series(name, values[:, 0]) | exact[name] for name, values in known.found.items() if len(values)]
    return {
        "parameter": {"part": part, "dim": known.dim, "title": gradients_draws.title(part, known.dim)},
        "complete": whole, "samples": asked.samples, "replicates": asked.replicates, "series": series,
    } | exact[asked.estimators[0]]  # fmt: skip


def _exact(truth: Truth, column: int) -> Document:
    """The true value of the entry, its error, and how it is known."""
    value, error = float(truth.gradient[0, column]), float(truth.stderr[0, column])
    return {"truth": number(value), "truth_error": number(error), "how": truth.how}


def _series(name: str, values: np.ndarray) -> dict[str, Any]:
    from vaeexplorer.gradients import ESTIMATORS

    one, edges = ESTIMATORS[name], bins(values)
    counts, _ = np.histogram(values, edges)
    std = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return {
        "estimator": name, "title": one.title, "unbiased": one.unbiased, "objective": one.objective,
        "edges": numbers(edges), "counts": counts.tolist(),
        "beyond": [int((values < edges[0]).sum()), int((values > edges[-1]).sum())], "replicates": len(values),
        "mean": number(values.mean()), "stderr": number(std / math.sqrt(len(values))), "std": number(std),
    }  # fmt: skip


def bins(values: np.ndarray) -> np.ndarray:
    """Edges of equal bins over the central share of the values; about as wide as rounding where all are the same."""
    low, high = np.quantile(values, [(1 - CENTRAL) / 2, (1 + CENTRAL) / 2])
    least = 1e-9 * max(1.0, abs(low))
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    return np.linspace(low, high, BINS + 1)
