"""`evaluate`: a checkpoint and test images to ELBO, log p(x), gap and more, by one process or by several."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeexplorer import checkpoints
from vaeexplorer.commands import (
    binarization,
    computing_device,
    find_checkpoint,
    first,
    load_data,
    objection,
    print_binarization,
    print_estimates,
    progress_bar,
    silence,
    writable,
)  # fmt: skip
from vaeexplorer.image_set import ImageSet
from vaeexplorer.records import PARTIAL_WORDS, WARNINGS, Estimate

if TYPE_CHECKING:
    from vaeexplorer.evaluation import Answer, Settings
    from vaeexplorer.processes import Processes
    from vaeexplorer.vae import VAE

FIRST_SPEAKS = 10.0  # seconds


def evaluate(options: argparse.Namespace) -> None:
    """Measure a checkpoint on a data set's test images, beside the other processes that torchrun started, if any."""
    from vaeexplorer import processes

    together = processes.join()
    with _heard_once(together):
        _evaluate(options, together)
    together.leave()


@contextmanager
def _heard_once(together: Processes) -> Iterator[None]:
    """Only the first process says what is wrong: the others come to the same end, and torchrun ends them meanwhile."""
    try:
        yield
    except (ValueError, OSError):
        if not together.first:
            time.sleep(FIRST_SPEAKS)  # if nothing ends this process by then, the trouble is its own
        raise
    except KeyboardInterrupt:
        if together.first:
            raise
        sys.exit(130)


def _evaluate(options: argparse.Namespace, together: Processes) -> None:
    from vaeexplorer import evaluation

    names = tuple(name.strip() for name in options.methods.split(",") if name.strip())
    settings = evaluation.Settings(
        options.samples, options.chains, options.ais_steps, options.grid_points, options.simulated, options.fit_steps
    )
    out = writable("--per-image", Path(options.per_image)) if options.per_image and together.first else None
    path = find_checkpoint(options.checkpoint)
    header = checkpoints.read_header(path)
    vae = checkpoints.load(path).to(computing_device())
    data = load_data(options.dataset or header.dataset.name, options, header.dataset.multiple)
    images = first(data.test, options.images or len(data.test))
    evaluation.refuse(vae, images, names, settings)
    _foretell(vae, images, names, settings, options, together)
    train = None if data.train_labels is None else (data.train, data.train_labels)
    labels, factors = first(data.test_labels, len(images)), first(data.test_factors, len(images))
    with progress_bar() if together.first else silence() as show:
        answers, complete = evaluation.measure(
            vae, images, names, settings, options.seed, show,
            known=evaluation.Known(labels, factors, train), processes=together,
        )  # fmt: skip
    if together.first:
        about = {
            "checkpoint": str(path), "model": header.name, "dataset": data.name, "images": len(images),
            "binarization": binarization(header), "seed": options.seed, "processes": together.count,
            "complete": complete,
        }  # fmt: skip
        if options.store and complete:
            _store(path, header, [e for answer in answers.values() for e in answer.estimates])
        if out:
            _write_arrays(out, about, answers, labels, data)
        _report(about, answers, options.json)
    if not complete:
        raise KeyboardInterrupt("interrupted: what is printed is a part of what was asked for")


def _foretell(
    vae: VAE, images: np.ndarray, names: tuple[str, ...], settings: Settings, options: argparse.Namespace,
    together: Processes,
) -> None:  # fmt: skip
    """Say how long it will take, if long.   Raises ValueError if longer than one who is not patient would wait, or if
    this machine has less memory than that.
    """
    from vaeexplorer import evaluation

    text = ""
    if together.first:
        ahead = evaluation.foretold(vae, images, names, settings, options.seed, together.count)
        text = objection(ahead, options.patient)
    if together.agree(bool(text)):
        raise ValueError(text)


def _report(about: dict[str, Any], answers: Mapping[str, Answer], as_json: bool) -> None:
    if as_json:
        estimates = [e.to_dict() for answer in answers.values() for e in answer.estimates]
        methods = {name: answer.to_dict() for name, answer in answers.items()}
        return print(json.dumps({**about, "estimates": estimates, "methods": methods}, indent=1, allow_nan=False))
    print_binarization(about["binarization"])
    for answer in answers.values():
        print_estimates(list(answer.estimates))
        _print_doubts(answer)


def _print_doubts(answer: Answer) -> None:
    """Below a measure's figures: what to doubt, and what is missing."""
    for code, count in answer.warnings.items():
        words = PARTIAL_WORDS if code == "partial" else WARNINGS[code][2]
        print(f"{'':24}{count:,} of {answer.images:,} images: {words}")
    if not answer.complete:
        draws = f", {answer.samples:,} of {answer.asked:,} samples" if answer.samples < answer.asked else ""
        print(f"{'':24}{answer.method} is partial: {answer.images:,} of {answer.of:,} images{draws}")


def _write_arrays(
    out: Path, about: dict[str, Any], answers: Mapping[str, Answer], labels: np.ndarray | None, data: ImageSet
) -> None:
    """The .npz file of --per-image: one row for each image, NaN where there was no time for it."""
    arrays: dict[str, np.ndarray] = {"index": np.arange(about["images"])}
    if labels is not None:
        arrays |= {"labels": labels, "names": np.array(data.class_names, dtype=str)}
    for name, answer in answers.items():
        for array, values in answer.arrays.items():
            key = array if name == "elbo" and array != "stderr" else f"{name}_{array}".removesuffix("_value")
            arrays[key] = _in_place(values, answer)
    about = {**about, "methods": {name: answer.to_dict() for name, answer in answers.items()}}
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # names are never options
    checkpoints.write_atomically(out, buffer.getvalue())


def _in_place(values: np.ndarray, answer: Answer) -> np.ndarray:
    rows = np.full((answer.of, *values.shape[1:]), np.nan)
    rows[answer.index] = values
    return rows


def _store(path: Path, header: checkpoints.Header, estimates: list[Estimate]) -> None:
    """Put what was measured into the checkpoint's own header, in place of an older figure of that name."""
    fresh = {e.name: e for e in estimates if not e.name.startswith("kl_")}
    kept = [e for e in header.estimates if e.name not in fresh]
    arrays = checkpoints.read_tensors(path)
    codes = {name.removeprefix("codes."): value for name, value in arrays.items() if name.startswith("codes.")}
    updated = header.model_copy(update={"estimates": (*kept, *fresh.values())})
    checkpoints.save(path, checkpoints.load(path), updated, codes)
