"""Rows of metrics, status and configuration of a run, made fit for questions; what is missing is nan or None."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vaeexplorer.records import Estimate

Told = tuple[str, str] | None  # headline and text of a rule that applies
LEVEL = 5  # rows of metrics that are averaged to say where the training images stand
OFF = 0.01  # nats: a dimension of the code that carries less is switched off
SETTLED = 100  # steps, before which a code that is not used yet, or a held-out score that falls, means little


@dataclass(frozen=True)
class Seen:
    """The held-out estimates of one observation by name, and the KL of each dimension (D,); nan where not known."""

    step: int
    estimates: dict[str, Estimate]
    kl: np.ndarray


@dataclass(frozen=True)
class Change:
    """From `before` to `now`: by how much, and the error that a difference must exceed to count."""

    before: Seen
    now: Seen
    value: float
    error: float

    @property
    def rises(self) -> bool:
        return self.value > self.error

    @property
    def falls(self) -> bool:
        return -self.value > self.error


class History:
    """What the rules ask. `score` is what training raises, with the present beta: reconstruction - beta * KL.

    Whether two scores on held-out images differ is judged by sqrt(a^2 + b^2) of their standard errors. Every
    observation has the same images and noise, so most of both errors is common and cancels in the difference: taken per
    image, on digits and MNIST, its standard error was 0.1 to 0.6 times sqrt(a^2 + b^2) after 250 steps (0.8 at most
    before), and mostly below 0.4; so this limit is about two standard errors of the difference or more.
    """

    def __init__(self, rows: list[dict], status: dict, config: dict) -> None:
        self.rows = [row for row in rows if isinstance(row, dict) and math.isfinite(number(row.get("step")))]
        self.state = str(status.get("state") or "running")
        self.error = str(status.get("error") or "").strip()
        self.settings = {**config, **(config.get("vae") or {}), **(config.get("train") or {})}
        self.steps = self.column("step")
        self.step = int(self.steps[-1]) if self.rows else 0
        self.of_steps = number(status.get("steps"))
        betas = self.column("beta")
        self.beta = float(betas[-1]) if self.rows and math.isfinite(betas[-1]) else self.setting("beta", 1.0)

    def setting(self, name: str, default: float) -> float:
        """A number of the configuration."""
        value = number(self.settings.get(name))
        return value if math.isfinite(value) else default

    def column(self, name: str) -> np.ndarray:
        """One number of every row."""
        return np.array([number(row.get(name)) for row in self.rows])

    @cached_property
    def score(self) -> np.ndarray:
        """Of the training images, every row."""
        return self.column("reconstruction") - self.beta * self.column("kl")

    @property
    def score_name(self) -> str:
        return "ELBO" if self.beta == 1 else f"score (reconstruction - {self.beta:.3g} x KL)"

    def level(self, values: np.ndarray, step: float) -> float:
        """Mean of the last few rows up to this step."""
        last = values[(self.steps <= step) & np.isfinite(values)][-LEVEL:]
        return float(np.mean(last)) if len(last) else math.nan

    @cached_property
    def seen(self) -> list[Seen]:
        found = (_seen(row) for row in self.rows)
        return [one for one in found if one is not None]

    @property
    def now(self) -> Seen | None:
        return self.seen[-1] if self.seen else None

    @cached_property
    def off(self) -> int:
        """Dimensions of the code that carry less than OFF nats on held-out images, at the last observation."""
        return int(np.sum(self.now.kl < OFF)) if self.now else 0

    def held_out(self, seen: Seen) -> Estimate:
        """The score on held-out images; with beta other than 1 the errors of its two terms add up: at most that."""
        if self.beta == 1:
            return seen.estimates["elbo"]
        fit, kl = seen.estimates["reconstruction"], seen.estimates["kl"]
        error = fit.stderr + abs(self.beta) * kl.stderr
        return Estimate(fit.value - self.beta * kl.value, error, fit.n, "unbiased", fit.over, "score")

    def change(self, before: Seen, now: Seen) -> Change:
        """Of the score on held-out images."""
        a, b = self.held_out(before), self.held_out(now)
        return Change(before, now, b.value - a.value, math.hypot(a.stderr, b.stderr))

    @cached_property
    def lately(self) -> Change | None:
        """From the last observation at or before half of the steps to the present one."""
        if self.now is None:
            return None
        earlier = [one for one in self.seen if one.step <= self.now.step / 2]
        return self.change(earlier[-1], self.now) if earlier else None

    @cached_property
    def since_best(self) -> Change | None:
        """From the observation with the best held-out score to the present one."""
        if self.now is None:
            return None
        return self.change(max(self.seen, key=lambda one: self.held_out(one).value), self.now)

    def training_rise(self, change: Change) -> float:
        """Of the score on training images meanwhile."""
        return self.level(self.score, change.now.step) - self.level(self.score, change.before.step)


def number(value: Any) -> float:
    """A number as it is, anything else as nan."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _seen(row: dict) -> Seen | None:
    """The observation that came with a row, if one did and is whole."""
    try:
        estimates = {fields["name"]: Estimate.from_dict(fields) for fields in row.get("held_out") or ()}
    except (KeyError, TypeError, ValueError):
        return None
    if not {"elbo", "reconstruction", "kl"} <= estimates.keys():
        return None
    return Seen(int(row["step"]), estimates, np.array([number(value) for value in row.get("held_out_kl") or ()]))
