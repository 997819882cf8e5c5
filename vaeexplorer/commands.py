"""What the subcommands do; `__main__` reads the command line and calls them."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vaeexplorer import checkpoints, datasets
from vaeexplorer.records import Estimate


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


def evaluate(options: argparse.Namespace) -> None:
    """Measure a checkpoint on a data set's test images."""
    from vaeexplorer import devices, evaluation

    path = _find_checkpoint(options.checkpoint)
    header = checkpoints.read_header(path)
    vae = checkpoints.load(path).to(devices.choose())
    data = load_data(options.dataset or header.dataset.name, options, header.dataset.multiple)
    images = data.test if options.images is None else data.test[: options.images]
    methods = tuple(name.strip() for name in options.methods.split(",") if name.strip())
    samples = dict.fromkeys(methods, options.samples) if options.samples else {}
    with tqdm(total=1.0, file=sys.stderr, disable=None, bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_description(text, refresh=False)
            bar.update(fraction - bar.n)

        estimates = evaluation.evaluate(
            vae, images, methods, samples, options.seed, show,
            labels=_first(data.test_labels, len(images)), factors=_first(data.test_factors, len(images)),
            train=None if data.train_labels is None else (data.train, data.train_labels),
        )  # fmt: skip
    if options.store:
        _store(path, header, estimates)
    if options.json:
        document = {
            "checkpoint": str(path), "model": header.name, "dataset": data.name, "images": len(images),
            "binarization": header.vae.binarization if header.vae.likelihood == "bernoulli" else None,
            "seed": options.seed, "estimates": [e.to_dict() for e in estimates],
        }  # fmt: skip
        return print(json.dumps(document, indent=1))
    for estimate in estimates:
        print(f"{estimate.name:24}{estimate}  ({estimate.kind}, n = {estimate.n:,} {estimate.over})")


def _first(values: Any, count: int) -> Any:
    """What is known of the first so many images, None where nothing is."""
    return None if values is None else values[:count]


def _store(path: Path, header: checkpoints.Header, estimates: list[Estimate]) -> None:
    """Put what was measured into the checkpoint's own header, in place of an older figure of that name."""
    fresh = {e.name: e for e in estimates if not e.name.startswith("kl_")}
    kept = [e for e in header.estimates if e.name not in fresh]
    arrays = checkpoints.read_tensors(path)
    codes = {name.removeprefix("codes."): value for name, value in arrays.items() if name.startswith("codes.")}
    updated = header.model_copy(update={"estimates": (*kept, *fresh.values())})
    checkpoints.save(path, checkpoints.load(path), updated, codes)


def _find_checkpoint(name: str) -> Path:
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
    with tqdm(total=1.0, file=sys.stderr, disable=None, leave=False, bar_format="{desc} {l_bar}{bar}|") as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update(fraction - bar.n)

        return datasets.load(
            name,
            options.data_dir,
            download=options.download,
            progress=show,
            image_size=options.image_size,
            multiple=multiple,
        )
