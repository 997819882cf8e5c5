"""How quickly a model trains, against the bare computation and another library: `python benchmarks/train.py`.

The model is 784-512-16 with ReLU and a Bernoulli likelihood, batches of 128, Adam at 1e-3, on MNIST or, without it, on
random images of the same kind. Each row is a process; all of them are started, and then all but one are stopped: they
take turns of a second with the whole machine, for the pace of a shared machine changes from one second to the next. A
round is several turns each, and a ratio is the median of the rounds' ratios. (Needs signals that stop a process: Linux
or macOS.)

bare loop        forward, backward, fused Adam on one batch that lies on the device (loops.py): what no loop can beat
our worker       `python -m vaeexplorer train` as the app starts it, but at the normal priority, with all that the Train
                 page shows: rows of metrics, observations, snapshots, saved states; by the steps in its status
our loop         `training.Training`, whose records nobody reads
pythae 0.1.2     another library, as its instructions have it; --pythae PYTHON names an environment that has it

With --page instead: the worker at the app's priority alone, and with the Train page open in a browser; and a slider of
another page without and beside that training (beside.py).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.loops import BATCH, HIDDEN, LATENT, RATE, images_a_step  # noqa: E402
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

WARM_UP = 50  # steps before the turns begin
EPOCHS = 1000  # of the worker's run, which ends with the benchmark

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


class Turns:
    """Processes that are stopped but for the one whose turn it is.

    rows: name -> the words that start it.   done: name -> how many images it has trained on so far.
    """

    def __init__(
        self, rows: Mapping[str, Sequence[str]], done: Mapping[str, Callable[[], float]], folder: Path
    ) -> None:
        self.done, self.folder = done, folder
        self.processes: dict[str, subprocess.Popen] = {}
        for name, words in rows.items():  # one after the other: each warms up alone
            with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
                self.processes[name] = subprocess.Popen(
                    list(words), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
                )
            self._wait(name, WARM_UP * BATCH)
            self._signal(name, signal.SIGSTOP)

    def round(self, turns: int, seconds: float) -> Round:
        """Images a second of each, over so many turns of so many seconds."""
        before, spent = {name: done() for name, done in self.done.items()}, dict.fromkeys(self.done, 0.0)
        for _ in range(turns):
            for name in self.done:
                start = time.perf_counter()
                self._signal(name, signal.SIGCONT)
                time.sleep(seconds)
                self._signal(name, signal.SIGSTOP)
                spent[name] += time.perf_counter() - start
                self._check(name)
        return {name: (done() - before[name]) / spent[name] for name, done in self.done.items()}

    def about(self, name: str) -> dict[str, Any]:
        """What a loop says of itself."""
        return json.loads((self.folder / f"{name}.out").read_text().splitlines()[0])

    def close(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is None:
                self._signal(name, signal.SIGKILL)
            process.wait()

    def _wait(self, name: str, images: float) -> None:
        deadline = time.monotonic() + 180
        while self.done[name]() < images:
            self._check(name)
            if time.monotonic() > deadline:
                raise SystemExit(f"train: {name} did not begin to train within three minutes")
            time.sleep(0.05)

    def _check(self, name: str) -> None:
        if (status := self.processes[name].poll()) is not None:
            said = (self.folder / f"{name}.err").read_text(errors="replace")[-2000:]
            raise SystemExit(f"train: {name} ended with status {status}:\n{said}")

    def _signal(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.processes[name].pid, number)


def counted(file: Path) -> Callable[[], float]:
    """Reads the counter of a loop, which begins at nothing."""
    np.zeros(1).tofile(file)
    return lambda: float(np.fromfile(file)[0])


def trained(run: Path, images: int) -> Callable[[], float]:
    """Images that a run's worker says it has trained on: its status is a fraction of a second old."""
    from vaeexplorer.run_files import RunError, read_status

    def done() -> float:
        try:
            return read_status(run).step * images_a_step(images)
        except RunError:  # not there yet
            return 0.0

    return done


def measure(options: argparse.Namespace) -> tuple[list[Round], dict[str, Any]]:
    """All rounds, and what the bare loop says about the device."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images, dataset = training_images(options.data_dir, folder)
        np.save(folder / "images.npy", images)
        run = folder / "run"
        rows: dict[str, list[str]] = {}
        done: dict[str, Callable[[], float]] = {}
        for name in [BARE, WORKER, LOOP, *([PYTHAE] if options.pythae else [])]:
            if name == WORKER:
                words = [*command(dataset, EPOCHS), "--run-dir", str(run)]
                rows[name] = [sys.executable, "-m", "vaeexplorer", "train", *words]
                done[name] = trained(run, len(images))
            else:
                python, file = options.pythae if name == PYTHAE else sys.executable, folder / f"{LOOPS[name]}.count"
                loop = [str(ROOT / "benchmarks" / "loops.py"), LOOPS[name], str(folder / "images.npy")]
                rows[name], done[name] = [python, *loop, "--counter", str(file)], counted(file)
        turns = Turns(rows, done, folder)
        try:
            turns.round(1, options.seconds)  # the first observations of a run are close together
            rounds = [turns.round(options.turns, options.seconds) for _ in range(options.rounds)]
            about = turns.about(BARE)
        finally:
            turns.close()
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
        f"the bare loop's quickest form: {about['form']}; medians of {len(rounds)} rounds of {options.turns} turns "
        f"of {options.seconds:g} s each"
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
    parser.add_argument("--rounds", type=int, help="how many rounds (default 5)")
    parser.add_argument("--turns", type=int, default=8, help="turns of each row in a round (default 8)")
    parser.add_argument("--seconds", type=float, help="how long a turn is (default 1; with --page 10)")
    parser.add_argument("--quick", action="store_true", help="2 rounds (--page: 1 of 4 s): a try, no numbers")
    parser.add_argument("--data-dir", default=os.environ.get("VAEEXPLORER_DATA"), help="where MNIST lies")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    options = parser.parse_args(arguments)
    if options.quick and options.write:
        parser.error("--quick gives no numbers to --write")
    quick, slow = ((1, 4.0), (5, 10.0)) if options.page else ((2, 1.0), (5, 1.0))
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
