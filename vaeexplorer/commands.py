"""What the subcommands do; `__main__` reads the command line and calls them."""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from vaeexplorer import checkpoints, datasets
from vaeexplorer.image_set import Progress
from vaeexplorer.records import Estimate, Kind

if TYPE_CHECKING:
    import torch

    from vaeexplorer.evaluation import Encoded
    from vaeexplorer.forecast import Forecast

TOLD_SECONDS, PATIENT_SECONDS = 60.0, 1800.0
BINARIZATION_WORDS = {
    "dynamic": "each pixel drawn white with its grey value as the probability, by --seed and the image's number",
    "threshold": "pixels of at least half white are white",
    "none": "taken as they are, since they are binary",
}


def list_datasets(options: argparse.Namespace) -> None:
    """Names, whether they are on this machine, and their licence."""
    rows: list[dict[str, Any]] = [
        {"name": name, "title": entry.title, "shape": list(entry.shape), "licence": entry.licence,
         "here": datasets.available(name, options.data_dir)}
        for name, entry in datasets.DATASETS.items()
    ]  # fmt: skip
    if options.json:
        return print(json.dumps(rows, indent=1))
    for row in rows:
        size = "x".join(map(str, row["shape"]))
        print(
            f"{row['name']:15}{size:10}{'here' if row['here'] else 'to download':13}{row['title']} ({row['licence']})"
        )


def list_checkpoints(options: argparse.Namespace) -> None:
    """Shipped models, runs and uploads with their test ELBO; a file that cannot be read says why."""
    rows: list[dict[str, Any]] = []
    for name, path in checkpoints.listing().items():
        try:
            header = checkpoints.read_header(path)
        except checkpoints.CheckpointError as error:
            rows.append({"name": name, "error": str(error)})
            continue
        elbo = next((e.to_dict() for e in header.estimates if e.name == "elbo"), None)
        rows.append({"name": name, "dataset": header.dataset.name, "latent_dim": header.vae.latent_dim, "elbo": elbo})
    if options.json:
        return print(json.dumps(rows, indent=1))
    for row in rows:
        measured = f"ELBO {Estimate.from_dict(row['elbo'])}" if row.get("elbo") else "not measured"
        about = row.get("error") or f"{row['dataset']}, {row['latent_dim']} dimensions, {measured}"
        print(f"{row['name']:24}{about}")


def doctor(options: argparse.Namespace) -> None:
    """Versions, device, data and models: what to look at first when something is odd."""
    from vaeexplorer import devices

    facts = {name: version(name) for name in ("streamlit", "torch", "torchvision", "numpy", "scikit-learn", "pydantic")}
    facts = {"python": platform.python_version(), **facts, "device": devices.describe(devices.choose())}
    facts["data sets here"] = ", ".join(n for n in datasets.DATASETS if datasets.available(n, options.data_dir))
    facts["models"] = ", ".join(checkpoints.listing()) or "none"
    if options.json:
        return print(json.dumps(facts, indent=1))
    for name, value in facts.items():
        print(f"{name:16}{value}")


def encode(options: argparse.Namespace) -> None:
    """Write the codes of a data set's test images, and what each image costs, to a file that the Map page opens."""
    from vaeexplorer import devices, evaluation

    out = writable("--out", Path(options.out))
    path = find_checkpoint(options.checkpoint)
    header = checkpoints.read_header(path)
    vae = checkpoints.load(path).to(devices.choose())
    data = load_data(options.dataset or header.dataset.name, options, header.dataset.multiple)
    images = data.test[: options.images]
    with progress_bar() as show:
        found = evaluation.encode_all(vae, images, options.seed, show)
    arrays = _arrays(found, first(data.test_labels, len(images)), data.class_names)
    about = {
        "model": header.name, "digest": header.digest, "dataset": data.name, "images": len(images),
        "dimensions": found.mean.shape[1], "binarization": binarization(header), "seed": options.seed,
    }  # fmt: skip
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]  # names are never options
    checkpoints.write_atomically(out, buffer.getvalue())
    estimates = [_mean(found.elbo, "elbo", "lower bound"), _mean(found.reconstruction, "reconstruction", "unbiased")]
    estimates += [_mean(found.kl, "kl", "unbiased")]
    if options.json:
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        document = {"checkpoint": str(path), **about, "out": str(out), "arrays": shapes}
        document["estimates"] = [e.to_dict() for e in estimates]
        return print(json.dumps(document, indent=1))
    print_estimates(estimates)
    print(f"{len(images):,} codes of {about['dimensions']} dimensions are in {out}: open it on the Map page")


def _arrays(found: Encoded, labels: np.ndarray | None, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What the file holds; labels and the names of the classes only where they are known.   Raises ValueError."""
    bad = len(found.mean) - int(np.isfinite(found.mean).all(axis=1).sum())
    if bad:
        raise ValueError(f"{bad:,} of {len(found.mean):,} codes are not finite numbers: the model may have diverged")
    arrays = {"codes": found.mean, "std": found.std, "kl": found.kl, "reconstruction": found.reconstruction}
    arrays["elbo"] = found.elbo
    if labels is not None:
        arrays["labels"] = labels
        arrays["names"] = np.array(names, dtype=str)
    return arrays


def _mean(values: np.ndarray, name: str, kind: Kind) -> Estimate:
    return Estimate.mean_of(values.astype(np.float64), kind=kind, over="test images", name=name)


def writable(option: str, out: Path) -> Path:
    """Where to write, found out before the work is done.   Raises ValueError."""
    if out.suffix != ".npz":
        raise ValueError(f"{option} names a file that ends in .npz, got {str(out)!r}")
    if out.is_dir():
        raise ValueError(f"{option} {out} is a folder: give the name of a file")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise ValueError(f"{option} {out} cannot be written: there is no folder {out.parent} that you may write to")
    return out


def first(values: Any, count: int) -> Any:
    """What is known of the first so many images, None where nothing is."""
    return None if values is None else values[:count]


def binarization(header: checkpoints.Header) -> str | None:
    return header.vae.binarization if header.vae.likelihood == "bernoulli" else None


def print_binarization(rule: str | None) -> None:
    """How grey images became binary ones, for a model that wants these."""
    if rule:
        print(f"binary images ({rule}): {BINARIZATION_WORDS[rule]}")


def computing_device() -> torch.device:
    """The one that is chosen for everything, unless it cannot add up in float64."""
    import torch

    from vaeexplorer import devices

    device = devices.choose()
    return torch.device("cpu") if device.type == "mps" else device


def objection(ahead: Forecast, patient: bool) -> str:
    """Why not to begin: longer than one who is not patient would wait, or more memory than there is; else "".

    What takes long but is to be done is said on stderr.
    """
    from vaeexplorer import forecast

    here = forecast.machine_memory()
    if ahead.bytes > here:
        return f"this would take {ahead}, and this machine has {forecast.size(here)}: ask for fewer draws or points"
    if ahead.seconds > PATIENT_SECONDS and not patient:
        return f"this would take {ahead}: ask for fewer images or samples, or add --patient to do it nevertheless"
    if ahead.seconds > TOLD_SECONDS:
        print(f"this will take {ahead}", file=sys.stderr)
    return ""


def print_estimates(estimates: list[Estimate]) -> None:
    for estimate in estimates:
        print(f"{estimate.name:24}{estimate}  ({estimate.kind}, n = {estimate.n:,} {estimate.over})")


def find_checkpoint(name: str) -> Path:
    """A path to a file or a run's folder, or a name from `checkpoints`."""
    known, path = checkpoints.listing(), Path(name)
    if name in known:
        return known[name]
    if path.is_dir():
        path = path / "last.safetensors"
    if not path.is_file():
        raise checkpoints.CheckpointError(
            f"no checkpoint {name!r}: give a file, a run's folder, or one of {', '.join(known)}"
        )
    return path


def load_data(name: str, options: Any, multiple: int) -> datasets.ImageSet:
    """The data set that options (data_dir, download, image_size) point to, with a progress bar.   Raises DataError."""
    with progress_bar(leave=False) as show:
        return datasets.load(
            name,
            options.data_dir,
            download=options.download,
            progress=show,
            image_size=options.image_size,
            multiple=multiple,
        )


@contextmanager
def progress_bar(leave: bool = True) -> Iterator[Progress]:
    """A bar on stderr, none where nobody looks, as a function that is told what is done, 0..1, and what goes on."""
    style = "{l_bar}{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, file=sys.stderr, disable=None, leave=leave, bar_format=style) as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_description(text, refresh=False)
            bar.update(fraction - bar.n)

        yield show


@contextmanager
def silence() -> Iterator[Progress]:
    """In place of a bar, for the processes beside the first one."""
    yield lambda fraction, text: None
