"""Which way round is the KL? One Gaussian is fitted to a target with two humps, by KL(q || p) and by KL(p || q).

Both are exact by quadrature, and estimated by draws beside it: of q for the first, of the target for the second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.demos.demo import Demo, Moment, Outcome, Settings, Slider
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.records import Estimate

FIT, COUNT = 50, 24  # moments of fitting, and then of counting draws
STEPS, RATE = 2, 0.1  # of a moment of fitting; share of the way to go, near the end
LONGEST = 0.2  # of a step, in standard deviations of q and in log s
NODES, REACH = 1201, 10.0  # of the quadrature, and how many standard deviations it reaches
DRAWS, SHOWN, MOST = 200, 40, 100_000  # draws for a moment of fitting, those shown of them, and those counted at last
FAR = 6.0  # distance of humps, in their standard deviations, from which one hardly feels the other
START_STD = 1.0

DIRECTIONS = ("q_p", "p_q")


@dataclass
class Gaussian:
    """q = N(mean, exp(log_std)^2): one number each, float64."""

    mean: Tensor
    log_std: Tensor

    @classmethod
    def of(cls, mean: float, std: float) -> Gaussian:
        return cls(torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64).log())

    @property
    def std(self) -> Tensor:
        return self.log_std.exp()

    def log_prob(self, x: Tensor) -> Tensor:
        """(n,) for x (n,)."""
        return DiagonalGaussian(self.mean.reshape(1, 1), self.log_std.reshape(1, 1)).log_prob(x.reshape(-1, 1, 1))[:, 0]


class Target:
    """Two humps of width 1, `distance` apart, the left one with `share` of the whole: p(x).

    Args: distance >= 0, share in (0, 1).   Its moments are exact; KLs are by the trapezoid rule over 10 standard
    deviations each way, whose error is below 1e-9 nats as everything is smooth and vanishes at the ends.
    """

    def __init__(self, distance: float, share: float) -> None:
        means = torch.tensor([-distance / 2, distance / 2], dtype=torch.float64)
        weights = torch.tensor([share, 1 - share], dtype=torch.float64)
        self.humps, self.weights = means, weights
        self.model = MixtureOfGaussians(weights, means, torch.ones(2, dtype=torch.float64))
        self.mean = float(weights @ means)
        self.std = math.sqrt(1 + share * (1 - share) * distance**2)
        reach = distance / 2 + REACH
        self.nodes = torch.linspace(-reach, reach, NODES, dtype=torch.float64)
        self.mass = self.log_prob(self.nodes).exp() * (self.nodes[1] - self.nodes[0])
        self._t = torch.linspace(-REACH, REACH, NODES, dtype=torch.float64)
        self._normal = torch.exp(-0.5 * self._t**2) / math.sqrt(2 * math.pi) * (self._t[1] - self._t[0])

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x), (n,) for x (n,)."""
        return self.model.log_marginal(x[:, None])

    def kl(self, q: Gaussian, direction: str) -> Tensor:
        """KL(q || p) for "q_p", KL(p || q) for "p_q": nats, exact but for the quadrature, with its gradient by q."""
        if direction == "p_q":
            return (self.mass * (self.log_prob(self.nodes) - q.log_prob(self.nodes))).sum()
        x = q.mean + q.std * self._t
        return (self._normal * (q.log_prob(x) - self.log_prob(x))).sum()

    def spread(self, q: Gaussian, direction: str) -> float:
        """Standard deviation of one draw's cost, by quadrature. Rare dear draws make the one of a sample too small."""
        if direction == "p_q":
            cost, mass = self.log_prob(self.nodes) - q.log_prob(self.nodes), self.mass
        else:
            x = q.mean + q.std * self._t
            cost, mass = q.log_prob(x) - self.log_prob(x), self._normal
        return math.sqrt(max(0.0, float((mass * cost**2).sum() - (mass * cost).sum() ** 2)))

    def draw(self, q: Gaussian, direction: str, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draws from where the KL looks, and the cost of each: the log-ratio whose mean is the KL."""
        if direction == "p_q":
            x = self.model.simulate(count, generator)[0][:, 0]
            return x, self.log_prob(x) - q.log_prob(x)
        x = q.mean + q.std * torch.randn(count, generator=generator, dtype=torch.float64)
        return x, q.log_prob(x) - self.log_prob(x)


def improved(target: Target, q: Gaussian, direction: str) -> Gaussian:
    """One step down the natural gradient of a KL: that of the mean in units of q's variance, of log s halved."""
    mean, log_std = (value.detach().requires_grad_() for value in (q.mean, q.log_std))
    slopes = torch.autograd.grad(target.kl(Gaussian(mean, log_std), direction), (mean, log_std))
    std = log_std.detach().exp()
    along = (RATE * std * slopes[0]).clamp(-LONGEST, LONGEST) * std
    return Gaussian(mean.detach() - along, log_std.detach() - (RATE / 2 * slopes[1]).clamp(-LONGEST, LONGEST))


class Count:
    """Mean and standard error of costs, as they come."""

    def __init__(self) -> None:
        self.n, self.sum, self.squares = 0, 0.0, 0.0

    def add(self, costs: Tensor) -> None:
        self.n += len(costs)
        self.sum += costs.sum().item()
        self.squares += (costs**2).sum().item()

    @property
    def mean(self) -> float:
        return self.sum / self.n

    @property
    def stderr(self) -> float:
        return math.sqrt(max(0.0, self.squares - self.n * self.mean**2) / (self.n - 1) / self.n)


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """Both fits side by side; then the draws of the last q are counted until their mean is the KL.

    Data: `target` {humps, weights}; `act` fit or count; `step` of `steps`;
    for each of "q_p" and "p_q": mean, std of q; own and other: its KL by which
    it is fitted and the other one, exact; drawn [value, stderr, n] of its own KL; x, cost of a few draws.
    """
    target = Target(float(settings["distance"]), float(settings["share"]))
    generator = torch.Generator().manual_seed(seed)
    start = Gaussian.of(float(settings["start"]), START_STD)
    fits = dict.fromkeys(DIRECTIONS, start)
    for i in range(FIT):
        told = {name: _seen(target, q, name, Count(), DRAWS, generator) for name, q in fits.items()}
        yield Moment((i + 1) / (FIT + COUNT), _fit_text(target, fits, i), _data(target, "fit", i * STEPS, told))
        for _ in range(STEPS):
            fits = {name: improved(target, q, name) for name, q in fits.items()}
    counts, n = {name: Count() for name in DIRECTIONS}, 0
    for i in range(1, COUNT + 1):
        more = round(10 * (MOST / 10) ** (i / COUNT)) - n
        n += more
        told = {name: _seen(target, q, name, counts[name], more, generator) for name, q in fits.items()}
        data = _data(target, "count", FIT * STEPS, told) | {"n": n}
        outcomes = outcomes_of(target, fits, counts) if i == COUNT else ()
        yield Moment((FIT + i) / (FIT + COUNT), _count_text(n, told), data, outcomes)


def _seen(
    target: Target, q: Gaussian, name: str, count: Count, draws: int, generator: torch.Generator
) -> dict[str, Any]:
    other = DIRECTIONS[1 - DIRECTIONS.index(name)]
    x, cost = target.draw(q, name, draws, generator)
    count.add(cost)
    return {
        "mean": round(q.mean.item(), 4), "std": round(q.std.item(), 4),
        "own": round(target.kl(q, name).item(), 6), "other": round(target.kl(q, other).item(), 6),
        "drawn": [round(count.mean, 5), round(count.stderr, 5), count.n],
        "x": [round(v, 2) for v in x[:SHOWN].tolist()], "cost": [round(v, 2) for v in cost[:SHOWN].tolist()],
    }  # fmt: skip


def _data(target: Target, act: str, step: int, told: dict[str, Any]) -> dict[str, Any]:
    known = {"humps": target.humps.tolist(), "weights": target.weights.tolist()}
    return {"target": known, "act": act, "step": step, "steps": FIT * STEPS, **told}


def _place(target: Target, q: Gaussian) -> str:
    """Where q sits, in words: on one hump, over both, or on its way."""
    left, right = target.humps.tolist()
    mean, std = q.mean.item(), q.std.item()
    if right - left < 2:
        return "on the one hump that there is"
    if std < 1.3:
        return "on the left hump" if abs(mean - left) < 0.5 else "on the right hump" if abs(mean - right) < 0.5 else (
            "between the humps" if left < mean < right else "beside the target")  # fmt: skip
    return "across both humps" if std > 0.75 * target.std else "wide over one side"


def _fit_text(target: Target, fits: dict[str, Gaussian], step: int) -> str:
    if step == 0:
        return "Both begin with the same q. Each measures its distance to the target the other way round."
    where = {name: _place(target, q) for name, q in fits.items()}
    return f"KL(q ‖ p) has its q {where['q_p']}; KL(p ‖ q) has its q {where['p_q']}."


def _count_text(n: int, told: dict[str, Any]) -> str:
    words = []
    for name in DIRECTIONS:
        value, stderr, _ = told[name]["drawn"]
        words.append(f"{value:.4f} ± {stderr:.4f} (exact {max(0.0, told[name]['own']):.4f})")
    return f"{n:,} draws: KL(q ‖ p) is {words[0]}, KL(p ‖ q) is {words[1]} nats."


def outcomes_of(target: Target, fits: dict[str, Gaussian], counts: dict[str, Count]) -> tuple[Outcome, ...]:
    """Bands. KL(p || q): its best q has the target's mean and variance: to 2 % of the width, what 100 steps leave.
    KL(q || p): never above -log(share of its hump), as p is at least that share of the hump, and less than 0.03
    below it for humps 6 widths apart, where q is at most a tenth too wide.
    Estimates by draws: 5 exact standard errors (`spread`) around the exact value.
    """
    one, both = fits["q_p"], fits["p_q"]
    hump = int((target.humps - one.mean).abs().argmin())
    share = float(target.weights[hump])
    far = float(target.humps[1] - target.humps[0]) >= FAR and one.std.item() < 1.3
    limit = -math.log(share)
    close = 0.02 * target.std
    kl = {name: max(0.0, target.kl(q, name).item()) for name, q in fits.items()}

    def exact(value: float, name: str, unit: str = "nats") -> Estimate:
        return Estimate(value, 0.0, 1, "exact", "quadrature", name, unit)

    return (
        Outcome("kl_q_p", "KL(q ‖ p), fitted by itself", exact(kl["q_p"], "KL(q || p)"), limit if far else None,
                (limit - 0.03, limit + 1e-3) if far else None,
                "Sitting on one hump costs minus the logarithm of its share of the whole."),
        Outcome("width_q_p", "width of the q of KL(q ‖ p)", exact(one.std.item(), "std of q", ""), 1.0 if far else None,
                (0.98, 1.1) if far else None, "As narrow as one hump: it seeks a mode."),
        Outcome("kl_p_q", "KL(p ‖ q), fitted by itself", exact(kl["p_q"], "KL(p || q)"), None, None,
                "What is lost when one wide Gaussian stands for two humps."),
        Outcome("mean_p_q", "centre of the q of KL(p ‖ q)", exact(both.mean.item(), "mean of q", ""), target.mean,
                (target.mean - close, target.mean + close), "The target's own mean, where there may be nothing."),
        Outcome("width_p_q", "width of the q of KL(p ‖ q)", exact(both.std.item(), "std of q", ""), target.std,
                (target.std - close, target.std + close), "The target's own width: it covers all of the mass."),
        *(_drawn(kl[name], target.spread(fits[name], name), counts[name], words, over) for name, words, over in (
            ("q_p", "KL(q ‖ p) by drawing", "draws of q"), ("p_q", "KL(p ‖ q) by drawing", "draws of p"))),
    )  # fmt: skip


def _drawn(kl: float, spread: float, count: Count, title: str, over: str) -> Outcome:
    name = "drawn_q_p" if over == "draws of q" else "drawn_p_q"
    estimate = Estimate(count.mean, count.stderr, count.n, "unbiased", over, "mean log-ratio")
    wide = 5 * spread / math.sqrt(count.n) + 1e-9
    return Outcome(name, title, estimate, kl, (kl - wide, kl + wide), "Monte Carlo beside the exact value.")


DEMO = Demo(
    title="Which way round is the KL?",
    question="One hump to describe two. Should it sit on one of them, or stretch over both?",
    story=(
        (
            "A model's true beliefs about a picture can have two humps: it is this, or it is that. The encoder "
            "answers with a single hump q. How well q fits is measured by the KL, a distance with a direction."
        ),
        (
            "KL(q ‖ p) draws from q and asks: is each draw plausible under the target p? What q leaves out is "
            "never looked at. KL(p ‖ q) draws from the target and asks: did q expect this? What q leaves out is "
            "punished hard."
        ),
        "A variational autoencoder uses the first, since it can draw from q but not from the target.",
    ),
    notice=(
        "KL(q ‖ p) picks one hump and forgets the other (mode-seeking). Which one depends on where it started.",
        "KL(p ‖ q) covers both and puts much of its mass in between, where the target has nothing (mass-covering).",
        "The dots are draws, red where they cost: each direction only feels what its own dots meet.",
        "Bring the humps closer than about 5 and both directions agree: one wide q is the better answer to either.",
        "With more draws the estimate settles on the exact value, as one over the square root of their number.",
    ),
    controls=(
        Slider("distance", "Distance of the humps", 0.0, 8.0, 0.25, 7.0, "In widths of a hump."),
        Slider("share", "Share of the left hump", 0.1, 0.9, 0.05, 0.5, "How much of the target lies on the left."),
        Slider("start", "q begins at", -6.0, 6.0, 0.25, 1.0, "At 0, with equal shares, it cannot choose."),
    ),
    run=run,
    source="Text 001 on the order of the arguments, with E. Jang's post on it; Bishop 2006, section 10.1.2",
    seconds=2.0,
)
