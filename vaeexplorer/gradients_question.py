"""What a line of `gradients` asks about: a model with images, estimators of the gradient, and an axis of a sweep."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaeexplorer import checkpoints
from vaeexplorer.commands import binarization, computing_device, find_checkpoint, first, load_data

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vaeexplorer.latent_model import LatentModel
    from vaeexplorer.vae import VAE

DEMO, ALL = "demo", "all"
OF_ESTIMATORS = ("temperature", "eta", "baseline")  # options of this command that are options of estimators


@dataclass(frozen=True)
class Subject:
    """Whose gradients: a model and images as its likelihood wants them.

    about: what the document says of both.   run: the folder of its training, None if it is not a run's.
    """

    model: LatentModel
    x: Tensor
    about: Mapping[str, Any]
    run: Path | None = None


@dataclass(frozen=True)
class Choice:
    """Which estimators: name -> draws of q for one replicate; of the others that might have been, name -> why not."""

    samples: Mapping[str, int]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Axis:
    """What --sweep says: over, of SWEEPS, and the places if it names any."""

    over: str
    values: tuple[float, ...] | None


def axis_of(text: str | None) -> Axis | None:
    """Raises ValueError for a sweep that there is not, or values that are not numbers."""
    from vaeexplorer.gradients.sweeps import SWEEPS

    if text is None:
        return None
    over, equals, listed = text.partition("=")
    if over not in SWEEPS:
        raise ValueError(f"--sweep is one of {', '.join(SWEEPS)}, with places if you like (samples=1,2); got {text!r}")
    return Axis(over, tuple(_number(part) for part in listed.split(",")) if equals else None)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"--sweep takes numbers with commas between them, as in samples=1,2,4; got {text!r}")
    return value


def subject_of(options: argparse.Namespace, axis: Axis | None) -> Subject | None:
    """None where a sweep asks for no model and none is named.   Raises ValueError."""
    from vaeexplorer.evaluation.batches import Batch
    from vaeexplorer.gradients.sweeps import SWEEPS

    if not options.checkpoint:
        if axis and not SWEEPS[axis.over].needs_model:
            return None
        raise ValueError(f"name a model: a file, a run's folder, one of `checkpoints`, or {DEMO} (known exactly)")
    if options.checkpoint == DEMO:
        if options.dataset:
            raise ValueError(f"{DEMO} has a point of its own: leave --dataset out")
        model, x = demo()
        return Subject(model, x, {"model": DEMO, "images": len(x), "seed": options.seed})
    path = find_checkpoint(options.checkpoint)
    header, vae = checkpoints.read_header(path), vae_of(path)
    data = load_data(options.dataset or header.dataset.name, options, header.dataset.multiple)
    images = first(data.test, options.images)
    shape = header.vae.image_shape
    if tuple(images.shape[1:]) != shape:
        raise ValueError(f"the model takes images of shape {shape}, the data set has {images.shape[1:]}")
    about = {
        "checkpoint": str(path), "model": header.name, "dataset": data.name, "images": len(images),
        "binarization": binarization(header), "seed": options.seed,
    }  # fmt: skip
    run = path.parent if (path.parent / "config.json").is_file() else None
    return Subject(vae, Batch(images, range(len(images)), options.seed).seen(vae), about, run)


def demo() -> tuple[LatentModel, Tensor]:
    """A model in which everything is known exactly, whose q does not fit well, and a point."""
    from vaeexplorer.linear_gaussian import LinearGaussian, example

    model, x, q = example()
    known: Any = LinearGaussian(model.weight, model.bias, model.variance, encoder=lambda x: q)
    return known, x


def vae_of(path: Path) -> VAE:
    return checkpoints.load(path).to(computing_device())


def chosen(model: LatentModel, options: argparse.Namespace) -> Choice:
    """The estimators that --estimators names, each with --samples draws, by default as few as it needs.

    Raises ValueError for one that is not known or does not apply; `all` leaves such ones out.
    """
    from vaeexplorer.gradients.at_model import problem
    from vaeexplorer.gradients.registry import ESTIMATORS

    names = names_of(options.estimators)
    samples: dict[str, int] = {}
    left_out: dict[str, str] = {}
    for name in names or ESTIMATORS:
        count = options.samples or ESTIMATORS[name].fewest
        why = problem(model, name, count)
        if why and names:
            raise ValueError(why)
        if why:
            left_out[name] = why
        else:
            samples[name] = count
    return Choice(samples, left_out)


def names_of(text: str) -> tuple[str, ...]:
    """Those that are named, each once; none for `all`.   Raises ValueError."""
    from vaeexplorer.gradients.registry import ESTIMATORS

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if names == (ALL,):
        return ()
    if not names or not set(names) <= ESTIMATORS.keys():
        raise ValueError(f"--estimators takes {ALL}, or some of {', '.join(ESTIMATORS)}; got {text!r}")
    return names


def own_options(names: Iterable[str], options: argparse.Namespace) -> dict[str, float]:
    """Values such as --temperature, for the estimators that have them.   Raises ValueError."""
    from vaeexplorer.gradients.registry import ESTIMATORS

    given = {key: getattr(options, key) for key in OF_ESTIMATORS if getattr(options, key) is not None}
    for key in given:
        if not any(key in ESTIMATORS[name].options for name in names):
            having = ", ".join(name for name, entry in ESTIMATORS.items() if key in entry.options)
            raise ValueError(f"none of these estimators has a {key}: leave out --{key}, or choose {having}")
    return given


def weights_of(subject: Subject | None, axis: Axis) -> tuple[tuple[int, Callable[[], VAE]], ...]:
    """The kept weights of a run at the steps that were asked for, by default at all.   Raises ValueError."""
    from vaeexplorer import run_weights

    if subject is None or subject.run is None:
        raise ValueError("--sweep step goes through a run's training: name a run's folder or run/NAME of `checkpoints`")
    run, device = subject.run, subject.model.device
    kept = run_weights.weights_at(run)
    if not kept:
        raise ValueError(run_weights.why_no_weights(run))
    steps = kept if axis.values is None else sorted({int(value) for value in axis.values})
    if not set(steps) <= set(kept) or (axis.values and any(value != int(value) for value in axis.values)):
        raise ValueError(f"the run {run.name} keeps its weights of the steps {', '.join(map(str, kept))} only")
    return tuple((step, partial(_loaded, run, step, device)) for step in steps)


def _loaded(run: Path, step: int, device: torch.device) -> VAE:
    from vaeexplorer import run_weights

    return run_weights.load_at(run, step).to(device)
