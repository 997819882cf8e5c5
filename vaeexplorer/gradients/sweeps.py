"""SWEEPS: how the variance and the signal of estimators change along an axis, from samples to training steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vaeexplorer.bounds import enumeration
from vaeexplorer.gradients.at_model import Factorised, latents_of, problem, q_of
from vaeexplorer.gradients.registry import ESTIMATORS
from vaeexplorer.gradients.samples import checked
from vaeexplorer.gradients.sweep_axes import (
    QUADRATICS,
    Plan,
    Question,
    Stage,
    Weights,
    over_baseline,
    over_dimensions,
    over_distance,
    over_k,
    over_samples,
    over_steps,
    over_temperature,
)
from vaeexplorer.gradients.sweep_results import Measure, Point, SweepResult, point, slope
from vaeexplorer.latent_model import LatentModel

PREPARING = 0.2  # share of the bar for what must be found before

SweepStage = tuple[float, str, SweepResult]


@dataclass(frozen=True)
class Sweep:
    """One axis along which estimators are compared.

    title, x_title, words: a name, the axis and a plain sentence.   values: the default places, log_x: on which axis,
    whole: only whole numbers, positive: only above 0.   estimators: those it is for; defaults: how many of those that
    apply are a good choice to begin with, they stand first.   measure: what its chart, slope and theory are of;
    sloped: a power law is expected.   needs_model: else it works on functions of its own.
    problem(model): why it does not apply, one line, or None.   prepare(question): what must be found before, telling
    how far it is, and at last the Plan.
    """

    title: str
    x_title: str
    words: str
    values: tuple[float, ...]
    estimators: tuple[str, ...]
    prepare: Callable[[Question], Iterator[Stage | Plan]]
    measure: Measure = "variance"
    log_x: bool = True
    whole: bool = False
    positive: bool = True
    sloped: bool = False
    needs_model: bool = True
    defaults: int = 3
    problem: Callable[[LatentModel], str | None] = field(default=lambda model: None)


def sweep(
    model: LatentModel | None, x: Tensor | None, estimators: Sequence[str], over: str,
    values: Sequence[float] | None = None, *, replicates: int, samples: int = 1, generator: torch.Generator,
    q: Factorised | None = None, weights: Weights = (),
) -> Iterator[SweepStage]:  # fmt: skip
    """Variance and signal-to-noise ratio of estimators at each place of an axis, telling how far it is.

    Args: model, x (B, ...), q: as for local_gradients (None for over="dimension"); over: of SWEEPS; values: places on
    its axis; samples: S of each replicate, where they are not the axis; weights: of over="step", the kept weights of a
    run as (step, load), whose places are chosen by step.
    Yields: (share of the work done, words, SweepResult so far); who stops listening cancels.
    Error: 95 % intervals, see sweep_results.point; every point has draws of its own.
    Raises: ValueError, one line and at once, for what cannot be asked. Places that ask for fewer samples than an
    estimator needs are left out.   Source: the axes of REFERENCE.md, section 4.
    """
    if over not in SWEEPS:
        raise ValueError(f"expected one of the sweeps {', '.join(SWEEPS)}; got {over!r}")
    chosen = SWEEPS[over]
    if over == "step" and model is None and weights:
        model = weights[0][1]()  # tells the kind of its latents
    places = _places(over, chosen.values if values is None else values, weights)
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 2:
        raise ValueError(f"one replicate has no variance: expected replicates of 2 or more, got {replicates!r}")
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ValueError(f"expected samples as a whole number of 1 or more, got {samples!r}")
    _check(over, model, estimators, replicates, samples, places)
    if chosen.needs_model and over != "step":
        assert model is not None and x is not None
        q = q_of(model, x, q)
    question = Question(model, x, q, tuple(estimators), places, replicates, samples, generator, weights)
    return _measured(over, question)


def fitting(over: str, model: LatentModel | None) -> tuple[str, ...]:
    """Estimators that this sweep can compare at this model."""
    names = SWEEPS[over].estimators
    return names if model is None else tuple(name for name in names if problem(model, name) is None)


def _measured(over: str, question: Question) -> Iterator[SweepStage]:
    chosen, plan = SWEEPS[over], Plan(())
    series: dict[str, tuple[Point, ...]] = dict.fromkeys(question.estimators, ())

    def result(complete: bool) -> SweepResult:
        slopes = {name: slope(points, chosen.measure) for name, points in series.items()} if chosen.sloped else {}
        return SweepResult(
            over, chosen.x_title, chosen.measure, chosen.log_x, complete, dict(series),
            {name: plan.theory(name, points) for name, points in series.items()},
            {name: found for name, found in slopes.items() if found is not None}, plan.marks,
        )  # fmt: skip

    begin = 0.0
    for found in chosen.prepare(question):
        if isinstance(found, Plan):
            plan = found
        else:
            begin = PREPARING
            yield PREPARING * found[0], found[1], result(False)
    total, done = sum(case.cost for case in plan.cases), 0.0
    for case in plan.cases:
        pieces, count = [], 0
        words = f"{ESTIMATORS[case.estimator].title}, {chosen.x_title} {case.x:g}"
        for piece in case.gradients():
            pieces.append(piece.cpu())
            count += len(piece)
            share = (done + case.cost * count / question.replicates) / total
            if count < question.replicates:
                yield begin + (1 - begin) * share, words, result(False)
        done += case.cost
        series[case.estimator] += (point(case.x, torch.cat(pieces), case.truth),)
        complete = case is plan.cases[-1]
        yield 1.0 if complete else begin + (1 - begin) * done / total, words, result(complete)


def _places(over: str, values: Sequence[float], weights: Weights) -> tuple[float, ...]:
    chosen = SWEEPS[over]
    if over == "step":
        if not weights:
            raise ValueError("a sweep over training steps needs a run that kept its weights on the way")
        return tuple(float(step) for step, _ in weights)
    places = tuple(values)
    for value in places:
        wrong = isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value)
        if wrong or (chosen.positive and value <= 0) or (chosen.whole and value != int(value)):
            kind = "whole numbers of 1 or more" if chosen.whole else f"finite numbers{' above 0' * chosen.positive}"
            raise ValueError(f"a sweep over {over} needs {kind}, got {value!r}")
    if not places:
        raise ValueError(f"a sweep over {over} needs one place or more on its axis, got none")
    return tuple(sorted({float(value) for value in places}))


def _check(
    over: str, model: LatentModel | None, estimators: Sequence[str], replicates: int, samples: int,
    places: tuple[float, ...],
) -> None:  # fmt: skip
    chosen = SWEEPS[over]
    if chosen.needs_model and model is not None and (reason := chosen.problem(model)):
        raise ValueError(reason)
    if chosen.needs_model and model is None and over != "step":
        raise ValueError(f"a sweep over {over} needs a model")
    if not estimators:
        raise ValueError(f"a sweep needs one estimator or more, such as {', '.join(fitting(over, model)[:3])}")
    for name in estimators:
        if name not in chosen.estimators:
            raise ValueError(f"a sweep over {over} is for {', '.join(chosen.estimators)}; got {name!r}")
        fewest = ESTIMATORS[name].fewest
        latents = "gaussian" if model is None else latents_of(model)
        checked(name, latents, replicates, max(samples, fewest))
        if over in ("samples", "k") and places[-1] < fewest:
            raise ValueError(f"{name} needs {fewest} samples or more, and the sweep ends at {places[-1]:g}")


def _bits_only(model: LatentModel) -> str | None:
    if latents_of(model) == "bernoulli":
        return None
    return "a temperature relaxes bits, and these latents are Gaussian: choose a model with Bernoulli latents"


def _with_a_best_q(model: LatentModel) -> str | None:
    return enumeration.METHOD.problem(model) if latents_of(model) == "bernoulli" else None


def _first(names: tuple[str, ...], *chosen: str) -> tuple[str, ...]:
    """The same names, those that are a good choice to begin with in front."""
    return (*chosen, *(name for name in names if name not in chosen))


BASELINES = (-40, -30, -20, -10, -5, 0, 5, 10, 20, 30, 40)
EVERY = tuple(name for name, entry in ESTIMATORS.items() if entry.objective != "iwae")

SWEEPS: dict[str, Sweep] = {
    "samples": Sweep(
        "samples", "samples S",
        "each estimate averages S draws of q: its variance falls as 1 / S, a slope of -1 on these axes",
        (1, 2, 4, 8, 16), _first(EVERY, "pathwise", "score_function", "leave_one_out", "disarm"), over_samples,
        whole=True, sloped=True,
    ),
    "k": Sweep(
        "samples of the bound", "samples K",
        "a tighter bound drowns the encoder's gradient in noise, unless it is doubly reparameterized",
        (1, 2, 4, 8, 16, 32), ("iwae", "doubly_reparameterized", "vimco"), over_k,
        measure="snr", whole=True, sloped=True,
    ),
    "baseline": Sweep(
        "baseline", "C - E f (nats)",
        "taking a constant C off f changes no mean but the variance, which is a parabola in C",
        BASELINES, ("score_function",), over_baseline, log_x=False, positive=False, defaults=1,
    ),
    "distance": Sweep(
        "distance of q", "from the best q (0) to the encoder's (1)",
        "the nearer q is to the posterior, the less of the noise is left when sticking the landing",
        (0, 0.25, 0.5, 0.75, 1, 1.5, 2),
        _first(EVERY, "sticking_the_landing", "pathwise", "pathwise_joint", "leave_one_out", "disarm"), over_distance,
        log_x=False, positive=False, problem=_with_a_best_q,
    ),
    "temperature": Sweep(
        "temperature", "temperature",
        "softer bits vary less and are further from the truth; REBAR takes that bias out again",
        (0.1, 0.2, 0.5, 1, 2), ("gumbel_softmax", "rebar"), over_temperature, defaults=2, problem=_bits_only,
    ),
    "dimension": Sweep(
        "dimensions", "dimensions D",
        "f gets further terms that have nothing to do with the parameter: the score function pays for them",
        (1, 2, 5, 10, 20, 50, 100), _first(tuple(QUADRATICS), "pathwise", "score_function_optimal_baseline",
                                          "score_function"), over_dimensions,
        whole=True, sloped=True, needs_model=False,
    ),
    "step": Sweep(
        "training step", "training step + 1",
        "how the noise of each estimator changes while the model learns",
        (), _first(EVERY, "pathwise", "sticking_the_landing", "leave_one_out", "disarm"), over_steps,
    ),
}  # fmt: skip
