"""How quickly the variance of every encoder weight's gradient is known. Run `python benchmarks/gradients.py`.

From 1000 gradients of one sample each, of one image and of eight.
The model is 784-512-16 with ReLU and a Bernoulli likelihood, the estimator pathwise with the exact KL.

ours         gradients.at_model.local_gradients (by the encoder's outputs, all replicates in a batch) and
             gradients.weights.encoder_moments (Var(W_ij) = Var(delta_i) h_j^2): no weight's gradient is ever formed
loop         a forward and a backward pass for each replicate, sums of the gradients and of their squares
vmap(grad)   the same by torch.func, in the quickest of several chunk sizes

All three take the same draws and must agree. They are measured in turns and ratios taken within a round, so that a
machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table, write  # noqa: E402
from vaeexplorer import devices  # noqa: E402
from vaeexplorer.configs import VaeConfig  # noqa: E402
from vaeexplorer.distributions import DiagonalGaussian  # noqa: E402
from vaeexplorer.gradients.at_model import local_gradients  # noqa: E402
from vaeexplorer.gradients.weights import encoder_moments  # noqa: E402
from vaeexplorer.vae import VAE  # noqa: E402

ESTIMATOR, REPLICATES, IMAGES, ROUNDS = "pathwise", 1000, (1, 8), 5
REPEATS = 5  # of ours in a round, of which the median counts: it is over in a blink
CHUNKS = (5, 20, 100)  # gradients at a time, for vmap
OURS, LOOP, VMAP = "ours", "loop", "vmap(grad)"
COLUMNS = {
    "seconds": ("seconds", "{:.3f}"),
    "gradients": ("gradients/s", "{:,.0f}"),
    "times_loop": ("times the loop", "{:.2f}"),
    "difference": ("difference", "{:.1e}"),
}
TARGETS = {"times_loop": 60.0, "difference": 1e-5}

Weights = dict[str, Tensor]
Round = dict[str, float]  # row -> seconds


@dataclass(frozen=True)
class Problem:
    """What all three compute: `noise` (R, B, D) are the draws behind the replicates of each image."""

    vae: VAE
    x: Tensor
    noise: Tensor

    def elbo(self, outputs: Tensor, image: Tensor, noise: Tensor) -> Tensor:
        """By one draw with the exact KL, at these outputs of the encoder; image (1, ...), noise (D,)."""
        q = DiagonalGaussian.from_encoder(outputs)
        z = q.sample(noise[None, None])
        return (self.vae.log_likelihood(image, z) - self.vae.prior.kl_per_dimension(q).sum(-1)).sum()

    @property
    def weights(self) -> Weights:
        return dict(self.vae.encoder.named_parameters())


class Sums:
    """Sums of gradients and of their squares, the least that a variance can be computed from."""

    def __init__(self, weights: Weights) -> None:
        self.first = [torch.zeros_like(w) for w in weights.values()]
        self.second = [torch.zeros_like(w) for w in weights.values()]
        self.count = 0

    def add(self, gradients: Sequence[Tensor]) -> None:
        torch._foreach_add_(self.first, list(gradients))
        torch._foreach_addcmul_(self.second, list(gradients), list(gradients))
        self.count += 1

    def add_many(self, gradients: Iterable[Tensor]) -> None:
        """Several replicates along the first axis."""
        for first, second, some in zip(self.first, self.second, gradients, strict=True):
            first += some.sum(0)
            second += (some**2).sum(0)
            count = len(some)
        self.count += count

    def variances(self) -> list[Tensor]:
        pairs = zip(self.first, self.second, strict=True)
        return [(second - first**2 / self.count) / (self.count - 1) for first, second in pairs]


@torch.no_grad()
def ours(problem: Problem) -> Weights:
    """Weight -> variance of one replicate, added up over the images; so do the other two."""
    generator = torch.Generator(problem.vae.device).manual_seed(1)
    pieces = local_gradients(problem.vae, problem.x, ESTIMATOR, replicates=len(problem.noise), generator=generator)
    moments = encoder_moments(problem.vae.encoder, problem.x, torch.cat(list(pieces)))
    return {each.name: each.variance for each in moments}


def loop(problem: Problem) -> Weights:
    weights = problem.weights
    inputs = list(weights.values())
    total = dict.fromkeys(weights, torch.zeros((), device=problem.x.device))
    for number, image in enumerate(problem.x.split(1)):
        sums = Sums(weights)
        for noise in problem.noise[:, number]:
            value = problem.elbo(problem.vae.encoder(image), image, noise)
            sums.add(torch.autograd.grad(value, inputs))
        total = {name: total[name] + found for name, found in zip(weights, sums.variances(), strict=True)}
    return total


@torch.no_grad()
def by_vmap(problem: Problem, chunk: int) -> Weights:
    def elbo(weights: Weights, image: Tensor, noise: Tensor) -> Tensor:
        return problem.elbo(functional_call(problem.vae.encoder, weights, image), image, noise)

    weights = {name: w.detach() for name, w in problem.weights.items()}
    gradients = vmap(grad(elbo), in_dims=(None, None, 0))
    total = dict.fromkeys(weights, torch.zeros((), device=problem.x.device))
    for number, image in enumerate(problem.x.split(1)):
        sums = Sums(weights)
        for noise in problem.noise[:, number].split(chunk):
            sums.add_many(gradients(weights, image, noise).values())
        total = {name: total[name] + found for name, found in zip(weights, sums.variances(), strict=True)}
    return total


def problem_of(images: int, replicates: int, device: torch.device) -> Problem:
    """A model with random weights (the time does not depend on them) and binary images that it made."""
    torch.manual_seed(0)
    vae = VAE(VaeConfig.model_validate({"hidden": (512,), "activation": "relu", "latent_dim": 16})).eval().to(device)
    with torch.no_grad():
        x, _ = vae.simulate(images, torch.Generator(device).manual_seed(0))
    return Problem(vae, x, noise_of(vae, x, replicates))


def noise_of(vae: VAE, x: Tensor, replicates: int) -> Tensor:
    """The draws (R, B, D) that `ours` takes: its pieces, one after the other from the same generator."""
    generator, again = (torch.Generator(vae.device).manual_seed(1) for _ in range(2))
    pieces = local_gradients(vae, x, ESTIMATOR, replicates=replicates, generator=generator)
    shapes = [(len(piece), 1, len(x), vae.latent_dim) for piece in pieces]
    return torch.cat([torch.randn(shape, generator=again, device=vae.device)[:, 0] for shape in shapes])


def seconds(work: Callable[..., Weights], *arguments: Any) -> tuple[float, Weights]:
    begun = time.perf_counter()
    found = work(*arguments)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun, found


def difference(found: Weights, expected: Weights) -> float:
    """The largest one between two variances of a weight, in units of the largest variance of its layer."""
    return max(float((found[name] - w).abs().max() / w.abs().max()) for name, w in expected.items())


def measure(images: int, options: argparse.Namespace, device: torch.device) -> tuple[list[Round], dict[str, float]]:
    """Seconds of every row in each round, and how far each one's variances are from the loop's."""
    problem = problem_of(images, options.replicates, device)
    few = problem_of(1, min(2 * max(CHUNKS), options.replicates), device)
    ours(problem), loop(few)  # warm
    chunk = min(CHUNKS, key=lambda size: min(seconds(by_vmap, few, size)[0] for _ in range(2)))
    rounds: list[Round] = []
    differences: dict[str, float] = {}
    for number in range(options.rounds):
        tries = [seconds(ours, problem) for _ in range(REPEATS)]
        row = {OURS: statistics.median(taken for taken, _ in tries)}
        row[LOOP], expected = seconds(loop, problem)
        row[VMAP], other = seconds(by_vmap, problem, chunk)
        differences = {OURS: difference(tries[0][1], expected), VMAP: difference(other, expected)}
        print(f"round {number + 1}: " + ", ".join(f"{k} {v:.3f} s" for k, v in row.items()), file=sys.stderr)
        rounds.append(row)
    return rounds, differences


def summary(rounds: Sequence[Round], differences: Mapping[str, float], gradients: int) -> dict[str, dict[str, float]]:
    """Row -> column -> median over the rounds; ratios are taken within a round first."""
    rows = {}
    for name in rounds[0]:
        columns = {"seconds": [each[name] for each in rounds], "gradients": [gradients / each[name] for each in rounds]}
        columns["times_loop"] = [each[LOOP] / each[name] for each in rounds]
        rows[name] = {key: statistics.median(values) for key, values in columns.items()}
        if name in differences:
            rows[name]["difference"] = differences[name]
    return rows


def missed(where: str, rows: Mapping[str, Mapping[str, float]], on_cpu: bool) -> list[str]:
    """One line for each promise that our row breaks; the pace is promised for a CPU."""
    found, lines = rows[OURS], []
    if on_cpu and found["times_loop"] < TARGETS["times_loop"]:
        lines.append(f"{where}: {found['times_loop']:.1f} times the loop, wanted {TARGETS['times_loop']:g}")
    if not found["difference"] <= TARGETS["difference"]:
        lines.append(f"{where}: differs from the loop by {found['difference']:.1e}, wanted {TARGETS['difference']:g}")
    return lines


def compare(options: argparse.Namespace) -> tuple[str, dict[str, Any], list[str]]:
    """The report, everything for --json, and what was missed."""
    report = machine(f"{torch.get_num_threads()} threads", f"torch {torch.__version__}")
    report += f"; {options.replicates:,} gradients of each image, medians of {options.rounds} rounds."
    everything: dict[str, Any] = {}
    problems: list[str] = []
    for device in dict.fromkeys([torch.device("cpu"), devices.choose()]):
        for images in options.images:
            where = f"{devices.describe(device)}, {images} image{'' if images == 1 else 's'}"
            rounds, differences = measure(images, options, device)
            rows = summary(rounds, differences, options.replicates * images)
            report += f"\n\n{table(where, COLUMNS, rows)}"
            everything[where] = {"rounds": rounds, "rows": rows}
            problems += missed(where, rows, device.type == "cpu")
    return report, everything, problems


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure how quickly the variance of all weights' gradients is known.")
    parser.add_argument("--images", type=int, nargs="+", default=IMAGES, help="how many images, one table for each")
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="gradients of each image")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each row is measured")
    parser.add_argument("--quick", action="store_true", help="50 gradients, once: a try, no numbers")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--quick gives no numbers to --write")
    if options.quick:
        options.replicates, options.rounds = 50, 1
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a target is missed."""
    options = parse(arguments)
    report, everything, problems = compare(options)
    text = f"{report}\n\n" + ("\n".join(problems) or "All targets are met.")
    print(json.dumps({**everything, "missed": problems}) if options.json else text)
    if options.write:
        write("gradients", text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
