"""How quickly a model trains, against the bare computation and another library: `python benchmarks/train.py`.

The model is 784-512-16 with ReLU and a Bernoulli likelihood, batches of 128, Adam at 1e-3, on MNIST or, without it, on
random images of the same kind. Each row is one process at a time with the whole machine; the rows take turns, several
rounds of them, and a ratio is the median of the rounds' ratios.

bare loop        forward, backward, fused Adam on one batch that lies on the device (loops.py): what no loop can beat
our worker       `python -m vaeexplorer train` as the app starts it, but at the normal priority, with all that the Train
                 page shows: rows of metrics, observations, snapshots, saved states; from its first status to the last
our loop         `training.Training`, whose records nobody reads
pythae 0.1.2     another library, as its instructions have it; --pythae PYTHON names an environment that has it

With --page instead: the worker at the app's priority alone, and with the Train page open in a browser; and a slider of
another page without and beside that training (beside.py).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.loops import BATCH, HIDDEN, LATENT, RATE  # noqa: E402
from benchmarks.report import machine, table, write  # noqa: E402

BARE, WORKER, LOOP, PYTHAE = "bare loop", "our worker", "our loop", "pythae 0.1.2"
LOOPS = {BARE: "bare", LOOP: "generator", PYTHAE: "pythae"}  # what loops.py calls them
COLUMNS = {
    "images_per_second": ("images/s", "{:,.0f}"),
    "step_ms": ("a step (ms)", "{:.3f}"),
    "of_bare": ("of the bare loop", "{:.3f}"),
    "times_pythae": ("times pythae", "{:.2f}"),
}
# What we promise of our worker, by the kind of device.
TARGETS = {"cpu": {"of_bare": 0.95, "times_pythae": 1.9}, "cuda": {"of_bare": 0.8, "times_pythae": 10.0}}

Round = dict[str, float]  # row -> images a second


def training_images(data_dir: str | None, folder: Path) -> tuple[np.ndarray, list[str]]:
    """Images (N, 28, 28) uint8, and the options that give our command the same ones."""
    from vaeexplorer import datasets

    if datasets.available("mnist", data_dir):
        where = ["--data-dir", str(Path(data_dir).resolve())] if data_dir else []
        return datasets.load("mnist", data_dir).train[:, 0], ["--dataset", "mnist", *where]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (70_000, 28, 28), np.uint8) * (random.random((70_000, 28, 28)) < 0.19)
    np.savez(folder / "images.npz", images=images.astype(np.uint8))
    path = str(folder / "images.npz")
    return datasets.load(path).train[:, 0], ["--dataset", path]


def command(dataset: Sequence[str], epochs: int) -> list[str]:
    """The options of `python -m vaeexplorer train` for the model of this benchmark."""
    fields = {
        "architecture": "mlp", "hidden": HIDDEN, "activation": "relu", "latent-dim": LATENT,
        "batch-size": BATCH, "learning-rate": RATE, "epochs": epochs,
    }  # fmt: skip
    return [*dataset, *(word for name, value in fields.items() for word in (f"--{name}", str(value)))]


def time_loop(python: str, loop: str, images: Path, seconds: float) -> dict[str, Any]:
    """What loops.py found.   Raises: SystemExit with the end of its complaint."""
    words = [python, str(ROOT / "benchmarks" / "loops.py"), loop, str(images), "--seconds", str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", cwd=images.parent)
    if done.returncode:
        raise SystemExit(f"train: the loop {loop} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def time_worker(dataset: Sequence[str], images: int, seconds: float, expected: float) -> float:
    """Images a second of the real command in a process of its own, over its first `seconds` and a little more.

    expected: images a second; the run is made as long as the default one at least, and longer than what is timed.
    """
    from benchmarks.beside import rate_of, wait_for_step

    epochs = max(50, math.ceil(2 * seconds * expected / images))
    with tempfile.TemporaryDirectory() as folder:
        run, log = Path(folder) / "run", Path(folder) / "log"
        words = [sys.executable, "-m", "vaeexplorer", "train", *command(dataset, epochs), "--run-dir", str(run)]
        with log.open("wb") as file:
            process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        try:
            wait_for_step(run, process)
            steps = rate_of(run, seconds)
        except TimeoutError as error:
            raise SystemExit(f"train: {error}:\n{log.read_text(errors='replace')[-2000:]}") from None
        finally:
            process.kill()  # the folder goes as well; what it would still measure belongs to no row
            process.wait()
    return steps * images / math.ceil(images / BATCH)


def measure(options: argparse.Namespace) -> tuple[list[Round], dict[str, Any]]:
    """All rounds, and what the bare loop says about the device."""
    rounds: list[Round] = []
    about: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        images, dataset = training_images(options.data_dir, Path(folder))
        file = Path(folder) / "images.npy"
        np.save(file, images)
        for number in range(options.rounds):
            row: Round = {}
            for name in [BARE, WORKER, LOOP, *([PYTHAE] if options.pythae else [])]:
                if name == WORKER:
                    row[name] = time_worker(dataset, len(images), options.seconds, row[BARE])
                else:
                    python = options.pythae if name == PYTHAE else sys.executable
                    found = time_loop(python, LOOPS[name], file, options.seconds)
                    row[name], about = found["images_per_second"], about or found
                print(f"round {number + 1}, {name}: {row[name]:,.0f} images/s", file=sys.stderr)
            rounds.append(row)
    about = {key: about[key] for key in ("form", "device", "threads", "torch")}
    return rounds, {**about, "data": "MNIST" if "mnist" in dataset else "random images"}


def summary(rounds: Sequence[Round]) -> dict[str, dict[str, float]]:
    """Row -> column -> median over the rounds; ratios are taken within a round first."""
    rows = {}
    for name in rounds[0]:
        values: dict[str, list[float]] = {"images_per_second": [each[name] for each in rounds]}
        values["step_ms"] = [1000 * BATCH / each[name] for each in rounds]
        values["of_bare"] = [each[name] / each[BARE] for each in rounds]
        if PYTHAE in rounds[0]:
            values["times_pythae"] = [each[name] / each[PYTHAE] for each in rounds]
        rows[name] = {key: statistics.median(each) for key, each in values.items()}
    return rows


def missed(rows: Mapping[str, Mapping[str, float]], device: str) -> list[str]:
    """One line for each promise that the worker's row breaks."""
    limits = TARGETS["cpu" if device == "CPU" else "cuda"]
    found = rows[WORKER]
    return [
        f"{WORKER}: {COLUMNS[key][0]} is {found[key]:.3f}, wanted {limit:g}"
        for key, limit in limits.items()
        if key in found and found[key] < limit
    ]


def compare(options: argparse.Namespace) -> tuple[str, dict[str, Any], list[str]]:
    """The table of loops: report, everything for --json, and what was missed."""
    rounds, about = measure(options)
    rows = summary(rounds)
    where = machine(about["device"], f"{about['threads']} threads", f"torch {about['torch']}")
    how = (
        f"the bare loop's quickest form: {about['form']}; medians of {len(rounds)} rounds of {options.seconds:g} s each"
    )
    report = f"{where}; {about['data']}; {how}.\n\n{table('', COLUMNS, rows)}"
    if not options.pythae:
        report += f"\n\n{PYTHAE} was not measured: name an environment's Python with --pythae."
    return report, {"about": about, "rounds": rounds, "rows": rows}, missed(rows, about["device"])


def compare_pages(options: argparse.Namespace) -> tuple[str, dict[str, Any], list[str]]:
    """The same for --page."""
    from benchmarks import beside

    with tempfile.TemporaryDirectory() as folder:
        dataset = training_images(options.data_dir, Path(folder))[1]
        return beside.compare(command(dataset, epochs=10_000), options.rounds, options.seconds)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure how quickly a model trains.")
    parser.add_argument("--pythae", metavar="PYTHON", help="python of an environment with pythae 0.1.2, see README.md")
    parser.add_argument("--page", action="store_true", help="measure training beside the app's pages instead")
    parser.add_argument("--rounds", type=int, help="how often each row is measured (default 5)")
    parser.add_argument("--seconds", type=float, help="how long each time (default 8; with --page 10)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s (--page: 1 of 4 s): a try, no numbers")
    parser.add_argument("--data-dir", default=os.environ.get("VAEEXPLORER_DATA"), help="where MNIST lies")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--quick gives no numbers to --write")
    quick, slow = ((1, 4.0), (5, 10.0)) if options.page else ((2, 2.0), (5, 8.0))
    rounds, seconds = quick if options.quick else slow
    options.rounds, options.seconds = options.rounds or rounds, options.seconds or seconds
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a target is missed."""
    options = parse(arguments)
    try:
        report, everything, problems = (compare_pages if options.page else compare)(options)
    except TimeoutError as error:
        raise SystemExit(f"train: {error}") from None
    text = f"{report}\n\n" + ("\n".join(problems) or "All targets are met.")
    if options.json:
        print(json.dumps({**everything, "missed": problems}))
    else:
        print(text)
    if options.write:
        write("page" if options.page else "train", text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
