"""How quickly log p(x) is estimated: 200 images x 1000 draws. Run `python benchmarks/log_likelihood.py`.

The model is 784-512-16 with ReLU and a Bernoulli likelihood, the estimator importance sampling with the encoder's q.

ours      bounds.estimate_log_marginal: value, error, effective sample size, Pareto k and spread of each image
bare      the decoder's two matrix products for as many codes and nothing else, in its quickest chunk size
pythae    VAE.get_nll of pythae 0.1.2 with the same weights and images, in a process of its own (--pythae)

The rows are measured in turns and ratios taken within a round, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table, write  # noqa: E402
from vaeexplorer.bounds import estimate_log_marginal  # noqa: E402
from vaeexplorer.configs import VaeConfig  # noqa: E402
from vaeexplorer.vae import VAE  # noqa: E402

IMAGES, SAMPLES, ROUNDS = 200, 1000, 9
CHUNKS = (500, 1000, 2000)  # rows of a matrix product, for the bare ones
OURS, BARE, PYTHAE = "ours", "bare", "pythae 0.1.2"
COLUMNS = {
    "seconds": ("seconds", "{:.2f}"),
    "codes": ("codes/s", "{:,.0f}"),
    "of_bare": ("of the bare products", "{:.2f}"),
    "times_pythae": ("times pythae", "{:.1f}"),
}
TARGETS = {"of_bare": 0.65, "times_pythae": 4.0}
CLOSE = 0.5  # nats between the means of two estimates of the same images, which share no draws

Round = dict[str, float]  # row -> seconds


def model_and_images(images: int) -> tuple[VAE, Tensor]:
    """A model with random weights (the time does not depend on them) and binary images that it made."""
    torch.manual_seed(0)
    vae = VAE(VaeConfig.model_validate({"hidden": (512,), "activation": "relu", "latent_dim": 16})).eval()
    with torch.no_grad():
        x, _ = vae.simulate(images, torch.Generator().manual_seed(0))
    return vae, x


def ours(vae: VAE, x: Tensor, samples: int) -> float:
    """The mean of log p(x)."""
    record = estimate_log_marginal(vae, x, "iwae", samples=samples, generator=torch.Generator().manual_seed(1))
    return float(record.value.mean())


@torch.inference_mode()
def bare(vae: VAE, codes: int, rows: int) -> None:
    """The decoder's matrix products for so many codes."""
    first, last = (layer.weight.T for layer in vae.decoder if isinstance(layer, torch.nn.Linear))
    z = torch.randn(rows, vae.latent_dim)
    for start in range(0, codes, rows):
        (z[: codes - start] @ first) @ last


def seconds(work: Callable[..., Any], *arguments: Any) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def elsewhere(python: str, file: Path, samples: int) -> dict[str, float]:
    """What pythae_nll.py found.   Raises: SystemExit with the end of its complaint."""
    words = [python, str(ROOT / "benchmarks" / "pythae_nll.py"), str(file), str(samples)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", cwd=file.parent)
    if done.returncode:
        raise SystemExit(f"log_likelihood: pythae ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def save(file: Path, vae: VAE, x: Tensor) -> None:
    """Weights by layer, and the images, for pythae_nll.py."""
    arrays = {name.replace(".", "_"): value.numpy() for name, value in vae.state_dict().items()}
    np.savez(file, images=x.numpy(), **arrays)


def measure(options: argparse.Namespace) -> tuple[list[Round], dict[str, float]]:
    """Seconds of every row in each round, and the mean of log p(x) by ours and by pythae."""
    vae, x = model_and_images(options.images)
    codes = options.images * options.samples
    values: dict[str, float] = {}
    rounds: list[Round] = []
    ours(vae, x, 20)  # warm
    quickest = min(CHUNKS, key=lambda rows: min(seconds(bare, vae, 20_000, rows) for _ in range(5)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.npz"
        save(file, vae, x)
        for number in range(options.rounds):
            row = {BARE: seconds(bare, vae, codes, quickest)}
            begun = time.perf_counter()
            values[OURS] = ours(vae, x, options.samples)
            row[OURS] = time.perf_counter() - begun
            if options.pythae:
                found = elsewhere(options.pythae, file, options.samples)
                row[PYTHAE], values[PYTHAE] = found["seconds"], found["value"]
            print(f"round {number + 1}: " + ", ".join(f"{k} {v:.2f} s" for k, v in row.items()), file=sys.stderr)
            rounds.append(row)
    return rounds, values


def summary(rounds: Sequence[Round], codes: int) -> dict[str, dict[str, float]]:
    """Row -> column -> median over the rounds; ratios are taken within a round first."""
    rows = {}
    for name in rounds[0]:
        columns = {"seconds": [each[name] for each in rounds], "codes": [codes / each[name] for each in rounds]}
        columns["of_bare"] = [each[BARE] / each[name] for each in rounds]
        if PYTHAE in rounds[0]:
            columns["times_pythae"] = [each[PYTHAE] / each[name] for each in rounds]
        rows[name] = {key: statistics.median(values) for key, values in columns.items()}
    return rows


def missed(rows: Mapping[str, Mapping[str, float]], values: Mapping[str, float]) -> list[str]:
    """One line for each promise that our row breaks, and one if the two estimates disagree."""
    found = rows[OURS]
    lines = [
        f"{OURS}: {COLUMNS[key][0]} is {found[key]:.2f}, wanted {limit:g}"
        for key, limit in TARGETS.items()
        if key in found and found[key] < limit
    ]
    if PYTHAE in values and abs(values[PYTHAE] - values[OURS]) > CLOSE:
        lines.append(f"the estimates disagree: {values[OURS]:.3f} by ours, {values[PYTHAE]:.3f} by {PYTHAE}")
    return lines


def compare(options: argparse.Namespace) -> tuple[str, dict[str, Any], list[str]]:
    """The report, everything for --json, and what was missed."""
    rounds, values = measure(options)
    rows = summary(rounds, options.images * options.samples)
    where = machine(f"{torch.get_num_threads()} threads", f"torch {torch.__version__}")
    means = ", ".join(f"{value:.3f} by {name}" for name, value in values.items())
    what = (
        f"{options.images} images x {options.samples:,} draws, medians of {len(rounds)} rounds; mean log p(x) {means}"
    )
    report = f"{where}; {what}.\n\n{table('', COLUMNS, rows)}"
    if not options.pythae:
        report += f"\n\n{PYTHAE} was not measured: name an environment's Python with --pythae."
    return report, {"rounds": rounds, "rows": rows, "values": values}, missed(rows, values)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure how quickly log p(x) is estimated.")
    parser.add_argument("--pythae", metavar="PYTHON", help="python of an environment with pythae 0.1.2, see README.md")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="draws of q for each image")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each row is measured")
    parser.add_argument("--quick", action="store_true", help="20 images x 100 draws, once: a try, no numbers")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--quick gives no numbers to --write")
    if options.quick:
        options.images, options.samples, options.rounds = 20, 100, 1
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a target is missed."""
    options = parse(arguments)
    report, everything, problems = compare(options)
    text = f"{report}\n\n" + ("\n".join(problems) or "All targets are met.")
    print(json.dumps({**everything, "missed": problems}) if options.json else text)
    if options.write:
        write("log_likelihood", text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
