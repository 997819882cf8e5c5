"""Nats of error against seconds: IWAE, refined proposals, AIS. Run `python benchmarks/nats_and_seconds.py`.

The images are the first of MNIST's test set, binarised once; the model is mnist-50d. The yardstick is AIS from the
encoder's q at T = 1000, whose own bias at such a length is below a hundredth of a nat; each row is one setting of one
method on all images together.

log p(x)   mean over the images and its random error: that of the estimator, the choice of the images left out
off        mean minus the yardstick's; its error is that of both
largest    the largest |difference| of one image
doubtful   images that carry a warning: Pareto k, effective sample size or the spread of parts
unmarked   images with Pareto k above 0.7 and no warning (there must be none)
seconds    for all images, decoder evaluations per image beside it

The second table gives seconds against images and samples for IWAE: twice the work must take twice the time.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table, write  # noqa: E402
from vaeexplorer import checkpoints, datasets  # noqa: E402
from vaeexplorer.bounds import METHODS, estimate_log_marginal  # noqa: E402
from vaeexplorer.image_set import image_seed, unit_floats  # noqa: E402
from vaeexplorer.records import PARETO_LIMIT, LogMarginal  # noqa: E402
from vaeexplorer.vae import VAE  # noqa: E402

MODEL, IMAGES = "mnist-50d", 50
YARDSTICK: tuple[str, dict[str, Any]] = ("ais", {"samples": 8, "steps": 1000})
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "iwae, K = 50": ("iwae", {"samples": 50}),
    "iwae, K = 500": ("iwae", {"samples": 500}),
    "iwae, K = 5,000": ("iwae", {"samples": 5000}),
    "iwae, K = 20,000": ("iwae", {"samples": 20000}),
    "refined, diagonal": ("refined", {"proposal": "diagonal"}),
    "refined, full": ("refined", {}),
    "ais from q, T = 100": ("ais", {"steps": 100}),
    "ais from q, T = 200": ("ais", {"steps": 200}),
    "ais from the prior, T = 200": ("ais", {"steps": 200, "start": "prior"}),
}
TARGET = "refined, full"
MOST_OFF, MOST_SECONDS = 0.05, 8.0  # nats, and seconds for all images on two cores that have nothing else to do

COLUMNS = {
    "value": ("log p(x) (nats)", "{:.3f}"),
    "stderr": ("error", "{:.3f}"),
    "off": ("off", "{:+.3f}"),
    "off_stderr": ("error", "{:.3f}"),
    "largest": ("largest", "{:.2f}"),
    "doubtful": ("doubtful", "{:.0f}"),
    "unmarked": ("unmarked", "{:.0f}"),
    "seconds": ("seconds", "{:.1f}"),
    "decodings": ("decodings", "{:,.0f}"),
}
COST = {"seconds": ("seconds", "{:.2f}"), "each": ("µs per draw and image", "{:.2f}")}


def images(vae: VAE, count: int, data_dir: str | None) -> Tensor:
    """The first `count` test images, (count, 1, 28, 28), each binarised by its own seed."""
    grey = torch.as_tensor(unit_floats(datasets.load("mnist", data_dir=data_dir).test[:count]))
    seeds = [image_seed(0, index) for index in range(count)]
    pairs = zip(grey, seeds, strict=True)
    return torch.cat([vae.binarized(one[None], torch.Generator().manual_seed(seed)) for one, seed in pairs])


def row(record: LogMarginal, yardstick: LogMarginal) -> dict[str, float]:
    """What the table says of one setting."""
    off, stderr = record.value - yardstick.value, _of_mean(record.stderr)
    tails = np.zeros(len(off)) if record.pareto_k is None else record.pareto_k
    heavy = np.nonzero(tails > PARETO_LIMIT)[0]
    return {
        "value": float(record.value.mean()),
        "stderr": stderr,
        "off": float(off.mean()),
        "off_stderr": math.hypot(stderr, _of_mean(yardstick.stderr)),
        "largest": float(np.abs(off).max()),
        "doubtful": float(sum(bool(record.warnings(image)) for image in range(len(off)))),
        "unmarked": float(sum("pareto" not in record.warnings(int(image)) for image in heavy)),
        "seconds": record.seconds,
        "decodings": record.decodings,
    }


def _of_mean(stderr: np.ndarray) -> float:
    """Error of a mean over images whose errors are independent."""
    return float(np.sqrt((stderr**2).sum()) / len(stderr))


def measure(vae: VAE, x: Tensor, chosen: Sequence[str]) -> dict[str, dict[str, float]]:
    """One row per setting, and the yardstick's as the last one."""
    estimate_log_marginal(vae, x[:2], "refined", generator=_seeded(), samples=20, steps=2)  # what loads once
    yardstick = _estimate(vae, x, *YARDSTICK)
    print(f"yardstick: {yardstick.value.mean():.3f} nats in {yardstick.seconds:.1f} s", file=sys.stderr)
    rows = {}
    for name in chosen:
        rows[name] = row(_estimate(vae, x, *SETTINGS[name]), yardstick)
        print(f"{name}: {rows[name]}", file=sys.stderr)
    return {**rows, f"yardstick: ais from q, T = {YARDSTICK[1]['steps']:,}": row(yardstick, yardstick)}


def _estimate(vae: VAE, x: Tensor, method: str, options: dict[str, Any]) -> LogMarginal:
    return estimate_log_marginal(vae, x, method, generator=_seeded(), **{"samples": METHODS[method].samples, **options})


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def cost(vae: VAE, x: Tensor, counts: Sequence[tuple[int, int]]) -> dict[str, dict[str, float]]:
    """Seconds of IWAE for (images, samples), images in batches of 20 and repeated as often as needed."""
    rows = {}
    for count, samples in counts:
        begin = time.perf_counter()
        for start in range(0, count, 20):
            batch = x[torch.arange(start, min(start + 20, count)) % len(x)]
            estimate_log_marginal(vae, batch, "iwae", samples=samples, generator=_seeded())
        seconds = time.perf_counter() - begin
        rows[f"{count:,} images x {samples:,} draws"] = {"seconds": seconds, "each": 1e6 * seconds / count / samples}
        print(f"{count} x {samples}: {seconds:.2f} s", file=sys.stderr)
    return rows


def missed(rows: dict[str, dict[str, float]]) -> list[str]:
    """One line for each promise that is broken."""
    lines = []
    if target := rows.get(TARGET):
        # Two estimates can differ by their own errors; what is promised is what they agree to beyond that.
        if abs(target["off"]) > MOST_OFF + 2 * target["off_stderr"]:
            lines.append(f"{TARGET}: {target['off']:+.3f} nats off the yardstick, wanted at most {MOST_OFF}")
        if target["seconds"] > MOST_SECONDS:
            lines.append(f"{TARGET}: {target['seconds']:.1f} s, wanted at most {MOST_SECONDS:g}")
    for name, values in rows.items():
        if values["unmarked"]:
            lines.append(f"{name}: {values['unmarked']:.0f} images with a heavy tail are not marked")
    return lines


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Nats of error against seconds for the estimators of log p(x).")
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS), metavar="SETTING")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"test images (default {IMAGES})")
    parser.add_argument("--data-dir", help="where MNIST is, otherwise $VAEEXPLORER_DATA or data/")
    parser.add_argument("--threads", type=int, help="of torch (default: all cores)")
    parser.add_argument("--cost", action="store_true", help="also time IWAE from 100 to 10,000 images")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the tables")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a target is missed."""
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    vae = checkpoints.load(ROOT / "checkpoints" / f"{MODEL}.safetensors")
    x = images(vae, options.images, options.data_dir)
    rows = measure(vae, x, options.settings)
    counts = [(100, 100), (100, 1000), (1000, 100), (10_000, 100)] if options.cost else []
    costs = cost(vae, x, counts)
    about = machine(f"torch {torch.__version__}", f"{torch.get_num_threads()} threads", f"{options.images} images")
    parts = [f"{about}\n", table("estimator", COLUMNS, rows), *(["", table("IWAE", COST, costs)] if costs else [])]
    report = "\n".join(parts)
    print(json.dumps({"machine": about, "rows": rows, "cost": costs}) if options.json else report)
    if options.write:
        write("nats_and_seconds", report)
    problems = missed(rows)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
