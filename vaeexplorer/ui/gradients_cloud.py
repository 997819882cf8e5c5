"""Single estimates of one image's gradient as arrows in two of q's parameters, beside the exact gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeexplorer.ui import cached, gradients_asked, gradients_draws, model_jobs
from vaeexplorer.ui.gradients_asked import Asked, Document
from vaeexplorer.ui.gradients_draws import Draws
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question

if TYPE_CHECKING:
    from vaeexplorer.gradients.exact import Truth

MOST_ESTIMATORS, MOST_REPLICATES = 4, 500
DIGITS = 6  # of a coordinate
ONE_LOGIT = "a cloud needs two parameters, and this model's q has only one: see the histogram"
LARGEST = "the two dimensions whose exact gradient is the largest"
CHOSEN = "the dimensions that were asked for"
ONE_DIMENSION = "the latent space has one dimension: its mean, and the logarithm of its standard deviation"

Axis = tuple[str, int]  # part and dimension


@dataclass(frozen=True)
class _Known:
    truths: dict[str, Truth]
    axes: tuple[Axis, Axis]
    why: str
    found: Draws


def cloud(question: Question) -> Job:
    """The job that draws the arrows; its partial results have the same form, with complete false."""
    asked = gradients_asked.read(
        question, images=(1, 1), most_estimators=MOST_ESTIMATORS, most_replicates=MOST_REPLICATES
    )
    dims = _dims(question, asked.name)
    gradients_asked.refuse_unfit(asked)
    gradients_asked.refuse_long(asked, gradients_asked.work(asked))
    what = ("cloud", *asked.what, dims)
    return model_jobs.begin(question, gradients_asked.LANE, what, lambda report: _cloud(asked, dims, report))


def _dims(question: Question, name: str) -> tuple[int, ...] | None:
    """Two dimensions; None for those of the largest gradient, or for all that there is."""
    latent_dim = cached.header(name).vae.latent_dim
    if question.asked.get("dims") is None or latent_dim == 1:
        return None
    dims = question.wholes("dims", (2, 2), 0, latent_dim - 1)
    if dims[0] == dims[1]:
        raise ValueError(f"a cloud needs two different dimensions, got {dims[0]} twice")
    return dims


def _cloud(asked: Asked, dims: tuple[int, ...] | None, report: Report) -> Document:
    report(0, "getting ready")
    if cached.header(asked.name).vae.latent_dim == 1 and len(gradients_asked.parts(asked.name)) == 1:
        return {"dims": [], "axes": [], "why": ONE_LOGIT, "exact": None, "clouds": [], "complete": True}
    return model_jobs.listened(_stages(asked, dims), report, lambda known, whole: _pack(asked, known, whole))


def _stages(asked: Asked, dims: tuple[int, ...] | None) -> Iterator[tuple[float, str, _Known | None]]:
    model, x = asked.load()
    truths = yield from gradients_asked.between(0, 0.7, gradients_draws.truths(asked, model, x))
    axes, why = _axes(asked, truths[asked.estimators[0]], dims)
    columns = [gradients_draws.column(asked.name, part, dim) for part, dim in axes]
    for fraction, text, found in gradients_draws.draws(asked, model, x, columns):
        yield 0.7 + 0.3 * fraction, text, _Known(truths, axes, why, found)


def _axes(asked: Asked, truth: Truth, dims: tuple[int, ...] | None) -> tuple[tuple[Axis, Axis], str]:
    """By which two parameters, and why these: means or logits, of two dimensions."""
    latent_dim = cached.header(asked.name).vae.latent_dim
    first, *others = gradients_asked.parts(asked.name)
    if latent_dim == 1:
        return ((first, 0), (others[0], 0)), ONE_DIMENSION
    why = LARGEST if dims is None else CHOSEN
    if dims is None:
        sizes = truth.gradient[0, :latent_dim].abs()
        dims = tuple(sorted(int(dim) for dim in sizes.topk(2).indices))
    return ((first, dims[0]), (first, dims[1])), why


def _pack(asked: Asked, known: _Known, whole: bool) -> Document:
    columns = [gradients_draws.column(asked.name, part, dim) for part, dim in known.axes]
    clouds = [
        _one(name, known.found[name], _exact(known.truths[name], columns))
        for name in asked.estimators
        if len(known.found[name])
    ]
    return _exact(known.truths[asked.estimators[0]], columns) | {
        "dims": [dim for _, dim in known.axes], "why": known.why, "complete": whole, "samples": asked.samples,
        "axes": [
            {"part": part, "dim": dim, "title": gradients_draws.title(part, dim)} for part, dim in known.axes
        ],
        "replicates": asked.replicates, "clouds": clouds,
    }  # fmt: skip


def _exact(truth: Truth, columns: list[int]) -> Document:
    """The arrow that the mean of an unbiased estimator must be, its error, and how it is known."""
    return {
        "exact": truth.gradient[0, columns].tolist(), "exact_error": truth.stderr[0, columns].tolist(),
        "truth": truth.how,
    }  # fmt: skip


def _one(name: str, points: np.ndarray, exact: Document) -> dict[str, Any]:
    from vaeexplorer.gradients import ESTIMATORS

    one = ESTIMATORS[name]
    covariance = np.cov(points.T) if len(points) > 1 else np.zeros((2, 2))
    return {
        "estimator": name, "title": one.title, "unbiased": one.unbiased, "objective": one.objective,
        "points": [[float(f"{value:.{DIGITS}g}") for value in point] for point in points],
        "mean": points.mean(0).tolist(), "covariance": covariance.tolist(),
    } | exact  # fmt: skip
