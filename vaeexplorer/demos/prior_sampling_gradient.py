"""Which way the prior should move: the gradient by prior samples, with its weight and without, and by the encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vaeexplorer.demos.demo import Moment, Outcome, Settings
from vaeexplorer.records import Estimate
from vaeexplorer.wrong_roads.on_exact_models import Line
from vaeexplorer.wrong_roads.outcome import mean_of, ratio_of

COUNTS = (1, 2, 5, 10, 100)  # draws behind one estimate
EXPECTED = {1: 0.0008, 2: 0.2028, 5: 0.2885, 10: 0.3020, 100: 0.3078}  # measured in the reference
MOMENTS = 40
DRAWS = 10_000  # of a moment, for each number of draws


def posterior_of(line: Line) -> tuple[float, float]:
    """Mean and standard deviation of p(z|x).   precision 1 / prior variance + slope^2 / variance"""
    precision = 1 / line.prior_variance + line.slope**2 / line.variance
    mean = (line.mean / line.prior_variance + line.slope * line.x / line.variance) / precision
    return mean, precision**-0.5


class Votes:
    """All estimates so far: by weighted draws for each of COUNTS, as printed, and by the encoder's draws."""

    def __init__(self, line: Line, off: float, seed: int) -> None:
        self.line, self.generator = line, torch.Generator().manual_seed(seed)
        mean, self.std = posterior_of(line)
        self.mean = mean + off
        self.weighted: dict[int, list[Tensor]] = {count: [] for count in COUNTS}
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.encoder: list[Tensor] = []

    def add(self) -> None:
        for count in COUNTS:
            scores, logs = self.line.draws((DRAWS // count, count), self.generator)
            self.weighted[count].append((torch.softmax(logs, 1) * scores).sum(1))
        scores, logs = self.line.draws((DRAWS,), self.generator)
        self.pairs.append((scores, logs.exp()))
        z = self.mean + self.std * torch.randn(DRAWS, generator=self.generator, dtype=torch.float64)
        self.encoder.append((z - self.line.mean) / self.line.prior_variance)

    def shown(self, count: int) -> dict[str, Any]:
        """A few draws as they vote: where they are, how much each counts, what comes out."""
        scores, logs = self.line.draws((count,), self.generator)
        weights = torch.softmax(logs, 0)
        z = self.line.mean + scores * self.line.prior_variance
        encoder = self.mean + self.std * torch.randn(count, generator=self.generator, dtype=torch.float64)
        pull = (encoder.mean().item() - self.line.mean) / self.line.prior_variance
        return {
            "encoder": [round(v, 3) for v in encoder.tolist()], "encoder_vote": round(pull, 4),
            "z": [round(v, 3) for v in z.tolist()],
            "weight": [round(v, 4) for v in weights.tolist()],
            "vote": round((weights * scores).sum().item(), 4),
            "equal": round(scores.mean().item(), 4),
        }  # fmt: skip

    def means(self) -> dict[str, list[float]]:
        """[value, standard error] of each estimate."""
        rows = {str(count): mean_of(torch.cat(found)) for count, found in self.weighted.items()}
        scores, weights = (torch.cat(parts) for parts in zip(*self.pairs, strict=True))
        rows |= {"printed": ratio_of(scores, weights), "encoder": mean_of(torch.cat(self.encoder))}
        return {name: [round(value, 6), round(stderr, 6)] for name, (value, stderr) in rows.items()}


@torch.no_grad()
def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """A moment for every 10,000 draws of each way.

    Data: `line` (what is known), `off`, `estimates` behind each mean for one draw, `means` {way: [value, stderr]},
    `drawn`: a handful of draws with their votes. The gradient has no unit: nats for each unit of z.
    """
    line, count, off = Line(), int(settings["together"]), float(settings["encoder_off"])
    votes = Votes(line, off, seed)
    mean, std = posterior_of(line)
    known = {"mean": line.mean, "std": math.sqrt(line.prior_variance), "x": line.x, "slope": line.slope,
             "noise": math.sqrt(line.variance), "posterior": [mean, std], "exact": line.gradient}  # fmt: skip
    for i in range(1, MOMENTS + 1):
        votes.add()
        means = votes.means()
        data = {"line": known, "off": off, "together": count, "estimates": i * DRAWS, "means": means,
                "drawn": votes.shown(count)}  # fmt: skip
        last = i == MOMENTS
        yield Moment(i / MOMENTS, _text(count, means), data, outcomes_of(line, off, means) if last else ())


def _text(count: int, means: dict[str, list[float]]) -> str:
    draws = "1 draw" if count == 1 else f"{count} draws"
    return (f"Each draw votes for left or right. Counted by how well they explain x, estimates of {draws} push by "
            f"{means[str(count)][0]:+.2f} on average; as printed, by {means['printed'][0]:+.2f}.")  # fmt: skip


def outcomes_of(line: Line, off: float, means: dict[str, list[float]]) -> tuple[Outcome, ...]:
    """Bands: the reference's figures at 5 standard errors of ours and of theirs (400,000 draws both); 0 as printed."""

    def of(name: str, way: str, title: str, theory: float, words: str, n: int, extra: float = 0.0) -> Outcome:
        value, stderr = means[way]
        estimate = Estimate(value, stderr, n, "unbiased", "estimates", "d/dm log p(x)", "nats per unit of z")
        wide = 5 * math.hypot(stderr, extra)
        return Outcome(name, title, estimate, theory, (theory - wide, theory + wide), words)

    total, exact = MOMENTS * DRAWS, line.gradient
    rows = [
        of(f"weighted_{count}", str(count), f"weighted, {count} draw{'s' * (count > 1)} an estimate", expected,
           f"The exact gradient is {exact:.4f}: with few draws the estimate is too small on average.", total // count,
           means[str(count)][1])
        for count, expected in EXPECTED.items()
    ]  # fmt: skip
    there = (posterior_of(line)[0] + off - line.mean) / line.prior_variance
    truth = Estimate(exact, 0.0, 1, "exact", "closed form", "d/dm log p(x)", "nats per unit of z")
    return (
        Outcome("exact", "the right push", truth, 0.308219, (0.308218, 0.30822), "In closed form."),
        *rows,
        of("printed", "printed", "as printed, without the weight", 0.0,
           "Every draw counts the same: left and right cancel, whatever the picture is.", total),
        of("encoder", "encoder", "by the encoder, 1 draw an estimate", there,
           "Its draws are where the picture's code is; right on average if q is the posterior.", total),
    )  # fmt: skip
