"""The wrong roads of the texts, walked with one image of the model or on a small exact model: numbers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaeexplorer.ui import bounds_images, cached, model_jobs
from vaeexplorer.ui.bounds_images import Chosen
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question, number

if TYPE_CHECKING:
    from vaeexplorer.wrong_roads import Outcome, Road

SAMPLES, LEAST, MOST = 10_000, 100, 100_000


def roads(question: Question) -> Job:
    """The job that walks all of them; the first image of the question is the one that is used."""
    name, seed, keys = question.model, question.seed, question.keys()
    samples = question.whole("samples", SAMPLES, LEAST, MOST)
    (chosen,) = bounds_images.choose(name, keys[:1], seed)
    what = ("roads", keys[0], seed, samples)
    return model_jobs.begin(question, "posteriors", what, lambda report: _roads(name, chosen, seed, samples, report))


def _roads(name: str, chosen: Chosen, seed: int, samples: int, report: Report) -> list[dict[str, Any]]:
    import torch

    from vaeexplorer.wrong_roads import WRONG_ROADS, truth_of

    report(0, "log p(x) of this image")
    vae, found = cached.network(name), []
    x, generator = bounds_images.as_seen(vae, [chosen]), torch.Generator(vae.device)
    truth = truth_of(vae, x, generator.manual_seed(seed))
    for done, (key, road) in enumerate(WRONG_ROADS.items(), 1):
        report(done / (1 + len(WRONG_ROADS)), road.title)
        outcome = road.run(vae, x, samples=samples, generator=generator.manual_seed(seed), truth=truth)
        found.append(_told(key, road, outcome))
    return found


def _told(key: str, road: Road, outcome: Outcome) -> dict[str, Any]:
    """A road and where it led to; a stderr of None is exact or not known."""
    truth, table = outcome.truth, outcome.table
    return {
        "name": key, "title": road.title, "source": road.source, "printed": road.printed, "correct": road.correct,
        "words": road.words, "on": outcome.on, "quantity": road.quantity,
        "printed_value": number(outcome.printed_value), "printed_stderr": number(outcome.printed_stderr),
        "printed_limit": number(outcome.printed_limit),
        "correct_value": number(outcome.correct_value), "correct_stderr": number(outcome.correct_stderr),
        "truth": number(truth.value), "truth_stderr": number(truth.stderr), "truth_kind": truth.kind,
        "truth_by": truth.by, "table_words": outcome.table_words, "note": outcome.note,
        "table": None if table is None else [[count, number(mean), number(error)] for count, mean, error in table],
    }  # fmt: skip
