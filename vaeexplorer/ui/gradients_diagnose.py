"""The table of estimators on a model: bias, variance, signal and cost of each, told as the replicates come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vaeexplorer.ui import cached, gradients_asked, model_jobs
from vaeexplorer.ui.gradients_asked import Asked, Document
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question

if TYPE_CHECKING:
    from vaeexplorer.records import GradientDiagnostics

BACKWARD = 3.0  # a way through the decoder and back, where every weight of it is asked about


def diagnose(question: Question) -> Job:
    """The job that measures the estimators; its partial results have the same form, with complete false."""
    from vaeexplorer.gradients.diagnostics import TARGETS

    asked = gradients_asked.read(question)
    target = question.choice("target", tuple(TARGETS), next(iter(TARGETS)))
    _refuse(asked, target)
    what = ("diagnose", *asked.what, target)
    return model_jobs.begin(question, gradients_asked.LANE, what, lambda report: _diagnose(asked, target, report))


def _diagnose(asked: Asked, target: str, report: Report) -> Document:
    from vaeexplorer.gradients import diagnostics

    report(0, "getting ready")
    model, x = asked.load()
    found = diagnostics.diagnose(
        model, x, asked.estimators, replicates=asked.replicates, samples=asked.samples,
        generator=asked.generator(model), target=target, options=asked.options,
    )  # fmt: skip
    told = ((stage.fraction, stage.text, stage.records or None) for stage in found)
    return model_jobs.listened(told, report, lambda records, whole: _pack(asked, target, records, whole))


def _refuse(asked: Asked, target: str) -> None:
    """Raises ValueError, one line, for what does not apply, or for more work than a page waits for."""
    from vaeexplorer.gradients.diagnostics import TARGETS

    problem = TARGETS[target].problem(cached.network(asked.name))
    if problem is not None:
        raise ValueError(problem)
    gradients_asked.refuse_unfit(asked)
    gradients_asked.refuse_large(asked)
    work = gradients_asked.work(asked, compared=target != "decoder")
    gradients_asked.refuse_long(asked, work.times(BACKWARD) if target == "decoder" else work)


def _pack(asked: Asked, target: str, records: Sequence[GradientDiagnostics], whole: bool) -> Document:
    rows = [record.to_dict() for record in records]
    return {
        "target": target, "truth": next((row["how"] for row in rows if row["how"]), None), "complete": whole,
        "images": len(asked.chosen), "samples": asked.samples, "replicates": asked.replicates, "rows": rows,
    }  # fmt: skip
