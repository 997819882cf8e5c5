"""The axes of sweeps: what is measured at each place, and what theory says of it.

Each function takes a Question, tells how far its preparations are, and ends with the Plan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from vaeexplorer.bounds import refined
from vaeexplorer.bounds.factorised import best_factorised
from vaeexplorer.distributions import BernoulliLatent
from vaeexplorer.gradients.at_model import Factorised, local_gradients, parameters
from vaeexplorer.gradients.exact import exact_stages
from vaeexplorer.gradients.quadratic import Quadratic, QuadraticMoments
from vaeexplorer.gradients.registry import ESTIMATORS
from vaeexplorer.gradients.samples import NUMBERS, gradient_samples
from vaeexplorer.gradients.score_moments import ScoreMoments, drawn_moments, moment_stages
from vaeexplorer.gradients.sweep_results import Line, Mark, Point
from vaeexplorer.latent_model import ExactModel, LatentModel

DRAWS = 5000  # behind the mean of f where it cannot be worked out
PARABOLA = 41  # points of the line
FIT = 300  # steps to the best q of an image
SUREST = 8.0  # logits of the best bits, beyond which nothing varies any more

Weights = Sequence[tuple[int, Callable[[], LatentModel]]]  # (step, load), rising
Stage = tuple[float, str]  # of preparations


@dataclass(frozen=True)
class Question:
    """What `sweep` was asked."""

    model: Any
    x: Any
    q: Factorised | None
    estimators: tuple[str, ...]
    values: tuple[float, ...]
    replicates: int
    samples: int
    generator: torch.Generator
    weights: Weights

    def gradients(self, name: str, *, samples: int | None = None, **change: Any) -> Iterator[Tensor]:
        """Replicates of one estimator, in pieces."""
        asked: dict[str, Any] = {"model": self.model, "q": self.q, "options": None} | change
        return local_gradients(
            asked["model"], self.x, name, q=asked["q"], replicates=self.replicates,
            samples=samples or self.at_least(name), generator=self.generator, options=asked["options"],
        )  # fmt: skip

    def at_least(self, name: str) -> int:
        return max(self.samples, ESTIMATORS[name].fewest)


@dataclass(frozen=True)
class Case:
    """One point that is to be measured; cost: of its replicates, in decoder evaluations, for the bar of progress."""

    estimator: str
    x: float
    cost: float
    gradients: Callable[[], Iterator[Tensor]]
    truth: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Plan:
    """What a sweep goes through, what theory says of the points found so far, and the places with a name."""

    cases: tuple[Case, ...]
    theory: Callable[[str, tuple[Point, ...]], Line | None] = field(default=lambda name, points: None)
    marks: tuple[Mark, ...] = ()


def over_samples(question: Question) -> Generator[Stage | Plan, None, None]:
    moments = None
    if set(question.estimators) & SCORES.keys():
        moments = yield from _told("the exact variances", moment_stages(question.model, question.x, q=question.q))

    def theory(name: str, points: tuple[Point, ...]) -> Line | None:
        """Exact where E_q can be worked out; else 1 / S from the first point on, for a mean of independent draws."""
        if moments is not None and name in SCORES:
            found = [(s, SCORES[name](moments, int(s))) for s in question.values if s >= ESTIMATORS[name].fewest]
            return tuple((s, float(variance.sum(-1).mean())) for s, variance in found)
        if not points or ESTIMATORS[name].fewest > 1:  # whose samples share what they are compared with
            return None
        first = points[0]
        return tuple((s, first.variance * first.x / s) for s in question.values)

    yield Plan(_with_samples(question), theory)


def _told(
    what: str, stages: Generator[tuple[float, str, None], None, ScoreMoments | None]
) -> Generator[Stage, None, ScoreMoments | None]:
    """The same stages, with what they are for."""
    while True:
        try:
            fraction, words, _ = next(stages)
        except StopIteration as done:
            return cast(ScoreMoments | None, done.value)
        yield fraction, f"{what}: {words}"


def over_k(question: Question) -> Iterator[Stage | Plan]:
    def theory(name: str, points: tuple[Point, ...]) -> Line | None:
        """The rate for many samples, through the last point."""
        if name not in RATES or not points or not 0 < points[-1].snr < math.inf:
            return None
        last = points[-1]
        return tuple((k, last.snr * (k / last.x) ** RATES[name]) for k in question.values)

    yield Plan(_with_samples(question), theory)


def _with_samples(question: Question) -> tuple[Case, ...]:
    """Every estimator with S = each value that it can do, the quick ones first."""
    return tuple(
        _case(question, name, value, int(value), samples=int(value))
        for value in question.values
        for name in question.estimators
        if value >= ESTIMATORS[name].fewest
    )


def _case(question: Question, name: str, x: float, draws: int, truth: Any = None, **change: Any) -> Case:
    cost = ESTIMATORS[name].cost * draws * question.replicates * len(question.x)
    return Case(name, x, cost, partial(question.gradients, name, **change), truth)


def over_baseline(question: Question) -> Generator[Stage | Plan, None, None]:
    """C = E f + value, each image with its own E f."""
    moments = yield from _told("the mean of f", moment_stages(question.model, question.x, q=question.q))
    if moments is None:
        moments = drawn_moments(
            question.model, question.x, q=question.q, draws=DRAWS, generator=question.generator
        )  # fmt: skip
    mean = moments.mean

    def variance(offset: float) -> float:
        return float((moments.score_function((mean + offset)[:, None]) / question.samples).sum(-1).mean())

    ends = question.values[0], question.values[-1]
    line = tuple((c, variance(c)) for c in torch.linspace(*ends, PARABOLA).tolist())
    shares = moments.squares.sum(-1)  # what an image's distance from its own best C weighs
    best = float(((moments.best_common_baseline() - mean) * shares).sum() / shares.sum())
    named = [Mark(0.0, "C = E f, the mean"), Mark(best, "the least variance")]
    if len(mean) == 1:
        named.append(Mark(-float(mean[0]), "C = 0, no baseline"))
    cases = tuple(
        _case(question, name, value, question.at_least(name), options={"baseline": (mean + value).to(question.x)})
        for value in question.values
        for name in question.estimators
    )
    marks = tuple(mark for mark in named if ends[0] <= mark.x <= ends[1])
    yield Plan(cases, lambda name, points: line, marks)


def over_distance(question: Question) -> Iterator[Stage | Plan]:
    """q = (1 - t) best + t encoder's, parameter by parameter."""
    best = question.q
    for found in _best(question):
        if isinstance(found, tuple):
            yield found
        else:
            best = found
    assert best is not None and question.q is not None
    here, there = parameters(best), parameters(question.q)
    cases = tuple(
        _case(
            question, name, value, question.at_least(name),
            q=type(question.q).from_encoder(torch.lerp(here, there, value)),
        )
        for value in question.values
        for name in question.estimators
    )  # fmt: skip
    yield Plan(cases, marks=(Mark(0.0, "the best q of each image"), Mark(1.0, "the encoder's q")))


def _best(question: Question) -> Iterator[Stage | Factorised]:
    """The q without correlations nearest to the posterior of each image."""
    model, x, q = question.model, question.x, question.q
    assert q is not None
    if isinstance(q, BernoulliLatent):
        yield 0.0, "the best bits"
        logits = best_factorised(model, x).logits.to(q.logits)
        yield BernoulliLatent(logits.clamp(-SUREST, SUREST))
    elif isinstance(model, ExactModel):
        yield model.best_diagonal(x)
    else:
        best: Any = q
        for fraction, fit in refined.fit(model, x, "diagonal", steps=FIT, generator=question.generator):
            best = fit
            yield fraction, f"the best q of each image: {fraction:.0%}"
        yield best


def over_temperature(question: Question) -> Iterator[Stage | Plan]:
    truth = None
    for fraction, words, found in exact_stages(question.model, question.x, q=question.q, generator=question.generator):
        yield fraction, f"the exact gradient: {words}"
        truth = found
    assert truth is not None
    cases = tuple(
        _case(
            question, name, value, question.at_least(name), (truth.gradient, truth.stderr),
            options={"temperature": value},
        )
        for value in question.values
        for name in question.estimators
    )  # fmt: skip
    yield Plan(cases)


def over_steps(question: Question) -> Iterator[Stage | Plan]:
    def gradients(name: str, load: Callable[[], LatentModel]) -> Iterator[Tensor]:
        model = load()
        return question.gradients(name, model=model, q=None)

    cases = tuple(
        replace(_case(question, name, step + 1.0, question.at_least(name)),
                gradients=partial(gradients, name, load))
        for step, load in question.weights
        for name in question.estimators
    )  # fmt: skip
    yield Plan(cases)


def over_dimensions(question: Question) -> Iterator[Stage | Plan]:
    def gradients(name: str, dims: int) -> Iterator[Tensor]:
        """By the two parameters of the first dimension, as one image's."""
        f, loc, log_scale = unrelated(dims)
        samples = question.at_least(name)
        size = max(1, NUMBERS // (samples * dims))
        for done in range(0, question.replicates, size):
            found = gradient_samples(
                name, f, loc, log_scale, replicates=min(size, question.replicates - done), samples=samples,
                generator=question.generator,
            )  # fmt: skip
            yield found[:, None, :, 0]

    def theory(name: str, points: tuple[Point, ...]) -> Line:
        found = ((d, unrelated(int(d))) for d in question.values)
        samples = question.at_least(name)
        return tuple((d, float(QUADRATICS[name](f.under(*q), samples)[:, 0].sum())) for d, (f, *q) in found)

    cases = tuple(
        Case(name, value, value * question.at_least(name), partial(gradients, name, int(value)))
        for value in question.values
        for name in question.estimators
    )
    yield Plan(cases, theory)


def unrelated(dims: int) -> tuple[Quadratic, Tensor, Tensor]:
    """f(z) = 1.5 z_1^2 - 0.7 z_1 + 2 + z_2 + ... + z_D, under q = N(0.4, 0.8^2) x N(0, 1)^(D-1): f, loc, log_scale.

    What is added has mean 0 and says nothing of the first dimension.
    """
    matrix, vector = torch.zeros(dims, dims, dtype=torch.float64), torch.ones(dims, dtype=torch.float64)
    loc, std = torch.zeros(dims, dtype=torch.float64), torch.ones(dims, dtype=torch.float64)
    matrix[0, 0], vector[0], loc[0], std[0] = 1.5, -0.7, 0.4, 0.8
    return Quadratic(matrix, vector, 2.0), loc, std.log()


# estimator -> its exact variance (B, O) from S samples
SCORES: dict[str, Callable[[ScoreMoments, int], Tensor]] = {
    "score_function": lambda moments, samples: moments.score_function() / samples,
    "score_function_mean_baseline": lambda moments, samples: moments.score_function(moments.mean[:, None]) / samples,
    "score_function_optimal_baseline": lambda moments, samples: (
        moments.score_function(moments.optimal_baseline()) / samples
    ),
    "leave_one_out": lambda moments, samples: moments.leave_one_out(samples),
}

# estimator -> its exact variance (2, D) from S samples, for a quadratic
QUADRATICS: dict[str, Callable[[QuadraticMoments, int], Tensor]] = {
    "pathwise": lambda f, samples: f.pathwise() / samples,
    "pathwise_joint": lambda f, samples: f.pathwise() / samples,
    "sticking_the_landing": lambda f, samples: f.sticking_the_landing() / samples,
    "score_function": lambda f, samples: f.score_function() / samples,
    "score_function_mean_baseline": lambda f, samples: f.score_function(f.mean) / samples,
    "score_function_optimal_baseline": lambda f, samples: f.score_function(f.optimal_baseline()) / samples,
    "leave_one_out": lambda f, samples: f.leave_one_out(samples),
}

# estimator -> power of K in its signal-to-noise ratio for large K.   Source: Rainforth et al. 2018; Tucker et al. 2019
RATES: dict[str, float] = {"iwae": -0.5, "doubly_reparameterized": 0.5}
