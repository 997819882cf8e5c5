"""A model's data set that is not on this machine: what to do about it in one line, and its download."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from vaeexplorer import datasets
from vaeexplorer.datasets import DATASETS, DataError
from vaeexplorer.image_set import Progress
from vaeexplorer.torchvision_sets import TorchvisionSet
from vaeexplorer.ui import cached


def offered(name: str) -> str | None:
    """The name of the model's data set if torchvision offers it for download."""
    source = cached.data_source(name)
    return source if source in DATASETS and isinstance(DATASETS[source].loader, TorchvisionSet) else None


def missing_words(name: str) -> str:
    """Why the model's images are not here, and what to do about it: one line."""
    source, title = offered(name), cached.header(name).dataset.title
    loader = DATASETS[source].loader if source is not None else None
    if isinstance(loader, TorchvisionSet):
        return (
            f"{title} is not on this machine: download it, or set $VAEEXPLORER_DATA to the folder that has "
            f"{loader.wanted}"
        )
    return f"the images of {title} are not on this machine"


def download(source: str, progress: Progress) -> None:
    """Fetch a data set of torchvision's to where `datasets.load` looks for it; a broken download leaves nothing there.

    progress may raise, to cancel.   Raises: DataError, one line.
    """
    if datasets.available(source):
        return
    root = datasets.data_root(None)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".download-", ignore_cleanup_errors=True) as place:
            datasets.load(source, place, download=True, progress=progress)
            for entry in Path(place).iterdir():
                _move(entry, root / entry.name)
    except OSError as error:
        raise DataError(f"cannot write to {root}: {error.strerror}; set $VAEEXPLORER_DATA to another folder") from None


def _move(entry: Path, target: Path) -> None:
    if entry.is_dir() and target.exists():
        shutil.copytree(entry, target, dirs_exist_ok=True)
    else:
        shutil.move(entry, target)
