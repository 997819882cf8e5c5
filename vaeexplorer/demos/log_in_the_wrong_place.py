"""The log in the wrong place: two bells fitted to points with log E_z p(x|z), and with E_z log p(x|z) in its stead.

log p(x) = log sum_k w_k N(x; m_k, s_k^2) lets each point choose its bell. With the logarithm inside the sum, every bell
is judged by every point; sum_k w_k mean_x log N(x; m_k, s_k^2) is largest where each of them is, and that is the same
single Gaussian for all k: mean and standard deviation of all points. It is the ELBO with q = prior, which loses
KL(p(z) || p(z|x)) and wins it back by making z say nothing.   Source: text 003, question and answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.demos.demo import Choice, Demo, Moment, Outcome, Settings, Slider
from vaeexplorer.demos.two_bells import Bells, best_of, information, inside, one_bell, outside, points, truth
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.records import Estimate

RATE, STEPS = 0.02, 2000  # of Adam
STARTS = {"between": (-1.0, 1.0), "crossed": (1.0, -1.0), "aside": (6.0, 8.0)}
ROUNDS = 25  # of expectation maximisation from one moment to the next
SHOWN, BARS = 60, 60  # points with threads; bars of the histogram
TOGETHER = 0.05  # of a standard deviation: two bells so near are one


def steps_of_film(steps: int) -> list[int]:
    """Steps at which there is a moment: often at first, where most happens, then more and more rarely."""
    found, step = [0], 0
    while step < steps:
        step = min(steps, step + max(5, 5 * (step // 100)))
        found.append(step)
    return found


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    yield from film(settings, seed, STEPS)


def film(settings: Settings, seed: int, steps: int) -> Iterator[Moment]:
    """Both fits side by side; see `run`, which makes 2000 steps."""
    distance, draws = float(settings["distance"]), int(settings["draws"])
    x, best = points(distance, seed), truth(distance)
    bells = {name: Bells.at(STARTS[str(settings["start"])]) for name in ("outside", "inside")}
    fits = _models(bells)
    yield Moment(0.0, _words(0, fits, draws), _data(0, x, fits, draws) | {"about": _about(x, distance, draws)})
    adam = torch.optim.Adam([p for one in bells.values() for p in one.parameters], lr=RATE)
    rising = best_of(x, best)
    for before, step in pairwise(steps_of_film(steps)):
        for _ in range(before, step):
            _climb(x, bells, draws, adam)
        *_, best = best, *islice(rising, ROUNDS)
        fits = _models(bells)
        data = _data(step, x, fits, draws) | {"best": round(outside(best, x).item(), 6)}
        ends = outcomes(x, fits, best, draws) if step == steps else ()
        yield Moment(step / steps, _words(step, fits, draws), data, ends)


def _models(bells: dict[str, Bells]) -> dict[str, MixtureOfGaussians]:
    return {name: one.model() for name, one in bells.items()}


def _climb(x: Tensor, bells: dict[str, Bells], draws: int, adam: torch.optim.Optimizer) -> None:
    """One step of Adam uphill for both fits; neither has a part in the other's goal."""
    goal = outside(bells["outside"].model(), x) + inside(bells["inside"].model(), x, draws)
    adam.zero_grad()
    (-goal).backward()
    adam.step()


@torch.no_grad()
def _data(step: int, x: Tensor, fits: dict[str, MixtureOfGaussians], draws: int) -> dict[str, Any]:
    """What the picture needs of both fits: weights, means, stds, mean log p(x), goal, and what z says about x."""
    goals = {"outside": outside(fits["outside"], x), "inside": inside(fits["inside"], x, draws)}
    return {"step": step} | {
        name: {
            "weights": _rounded(model.prior.log_weights.exp()), "means": _rounded(model.means),
            "stds": _rounded(model.stds), "log_p": round(outside(model, x).item(), 6),
            "goal": round(goals[name].item(), 6), "information": round(information(model, x), 6),
        }
        for name, model in fits.items()
    }  # fmt: skip


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 6) for value in values.tolist()]


def _about(x: Tensor, distance: float, draws: int) -> dict[str, Any]:
    """The points as a histogram, some of them one by one, and where they come from; all of it in the first moment."""
    low, high = x.min().item(), x.max().item()
    counts = torch.histc(x, BARS, low, high).int().tolist()
    chosen = x[:: len(x) // SHOWN, 0]
    made = truth(distance)
    return {
        "low": round(low, 4), "high": round(high, 4), "counts": counts, "points": _rounded(chosen), "n": len(x),
        "draws": draws, "truth": {"weights": _rounded(made.prior.log_weights.exp()), "means": made.means.tolist(),
                  "stds": made.stds.tolist()},
    }  # fmt: skip


def _words(step: int, fits: dict[str, MixtureOfGaussians], draws: int) -> str:
    """What happens at this step, by stated rules."""
    if not step:
        return "Both fits begin with the same two bells, in the same places."
    apart = {name: _apart(model) for name, model in fits.items()}
    where = "With the log in the wrong place" if draws == 1 else f"With {draws} draws inside the log"
    if apart["inside"] < TOGETHER:
        return f"Step {step}: {where.lower()}, both bells have become one: the same place, the same width."
    if draws == 1:
        return f"Step {step}: {where.lower()}, every point pulls at both bells, and they close in on one another."
    return f"Step {step}: {where.lower()}, the bells stand {apart['inside']:.1f} standard deviations apart."


def _apart(model: MixtureOfGaussians) -> float:
    """How different the two bells are, in standard deviations of the narrower one."""
    means, stds = model.means.detach(), model.stds.detach()
    return ((means[0] - means[1]).abs().max((stds[0] - stds[1]).abs()) / stds.min()).item()


@torch.no_grad()
def outcomes(
    x: Tensor, fits: dict[str, MixtureOfGaussians], best: MixtureOfGaussians, draws: int
) -> tuple[Outcome, ...]:
    """Bands: theory and what optimisation leaves over, 0.002 nats and 0.03 in places and widths.

    Theory of the right fit is what expectation maximisation reaches, of the wrong one the closed form of `one_bell`,
    which holds for one draw only: for more of them nothing is promised.
    """
    good, bad = fits["outside"], fits["inside"]
    low, high = good.means.argsort().tolist()
    b_low, b_high = best.means.argsort().tolist()
    mean, std, level = one_bell(x) if draws == 1 else (None, None, None)
    gap = (good.log_marginal(x) - good.elbo(x)).abs().max().item()
    found = outside(good, x).item(), outside(bad, x).item()
    n = len(x)
    return (
        _exact("log_p", "Log outside: mean log p(x)", found[0], n, outside(best, x).item(), 0.002,
               "As good as two bells can be. Other points from the same source would move it by about "
               f"{good.log_marginal(x).std().item() / math.sqrt(n):.3f}."),
        _exact("log_p_wrong", "Log inside: mean log p(x)", found[1], n, level, 0.002,
               "What the model that was fitted with the wrong formula is worth, measured with the right one."),
        _exact("lost", "Lost by the wrong place of the log", found[0] - found[1], n),
        _place("mean_left", "Log outside: left bell", good.means[low].item(), n, best.means[b_low].item()),
        _place("mean_right", "Log outside: right bell", good.means[high].item(), n, best.means[b_high].item()),
        _place("wrong_mean_1", "Log inside: first bell", bad.means[0].item(), n, mean),
        _place("wrong_mean_2", "Log inside: second bell", bad.means[1].item(), n, mean),
        _place("wrong_std_1", "Log inside: width of the first bell", bad.stds[0].item(), n, std),
        _place("wrong_std_2", "Log inside: width of the second bell", bad.stds[1].item(), n, std),
        _exact("information", "Log outside: what a point says about its bell", information(good, x), n),
        _exact("wrong_information", "Log inside: what a point says about its bell", information(bad, x), n,
               0.0 if draws == 1 else None, 0.001, "0: the model has learned to ignore z."),
        _exact("gap", "Gap of the responsibilities", gap, n, 0.0, 1e-9,
               "q = the responsibilities is the posterior itself, so the bound is log p(x)."),
    )  # fmt: skip


def _exact(
    name: str, title: str, value: float, n: int, theory: float | None = None, room: float = 0.0, words: str = "",
    unit: str = "nats",
) -> Outcome:  # fmt: skip
    estimate = Estimate(value, 0.0, n, "exact", "points", title, unit)
    return Outcome(name, title, estimate, theory, None if theory is None else (theory - room, theory + room), words)


def _place(name: str, title: str, value: float, n: int, theory: float | None) -> Outcome:
    return _exact(name, title, value, n, theory, 0.03, unit="units of x")


DEMO = Demo(
    "The log in the wrong place",
    "Why may the logarithm not slip past the average?",
    (
        "Each of these points was made by one of two bells, and nobody wrote down by which. That hidden choice is z.",
        (
            "To learn both bells one makes the points as probable as possible: average over the two choices of z, then "
            "take the logarithm. Somebody asked: why not take the logarithm first and average afterwards?"
        ),
        "Both recipes start with the same two bells and learn from the same points. They differ in where the log is.",
    ),
    (
        (
            "Threads show which bell answers for which point. With the log outside, a point belongs to the bell that "
            "fits it. With the log inside, every point pulls at both bells."
        ),
        (
            "So with the log inside each bell has the same task, the best single bell for all points, and the same "
            "task has the same solution: the two become one."
        ),
        "The strip below the points says which bell made a point there. It fades to plain guessing: z means nothing.",
        (
            "Average more draws of z before the log: two are still too few here, with five the fit comes back to life, "
            "and with more it tends to the other one, from below."
        ),
    ),
    (
        Choice(
            "draws",
            "Draws of z averaged before the log",
            ((1, "1, the wrong place"), (2, "2"), (5, "5"), (20, "20")),
            1,
            "In the second fit: draw z so many times, average p(x|z), then take the logarithm.",
        ),
        Slider("distance", "Distance of the two groups", 0.0, 8.0, 0.1, 3.5, "Between their centres, in units of x."),
        Choice(
            "start",
            "The bells begin",
            (("between", "between the groups"), ("crossed", "the other way round"), ("aside", "far to one side")),
            "between",
            "Where they begin makes no difference to where the wrong recipe ends.",
        ),
    ),
    run,
    "Text 003: the question why one does not sample from the prior, and its answer (Stack Exchange)",
    5.0,
)
