"""torchvision's data sets, found on disk or downloaded by torchvision.

The files of the MNIST family are read here directly: torchvision, and torch with it, is imported only to download and
for the sets whose files need it, which keeps a page that shows a few digits quick.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vaeexplorer.image_set import DataError, Progress

Part = tuple[np.ndarray, np.ndarray | None]  # images (N, C, H, W) uint8, labels (N,) int64 or None
Reader = Callable[[Any, bool, Progress | None], Part]

CELEBA_SIDE = 64
CELEBA_CROP = 148  # the usual square around the face in the aligned 178x218 pictures
MNIST_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
EMNIST_FILES = tuple(f"emnist-balanced-{name.replace('t10k', 'test')}" for name in MNIST_FILES)


@dataclasses.dataclass(frozen=True)
class TorchvisionSet:
    """How to find, read and download one of torchvision's sets.

    folder: its class in torchvision.datasets and the folder it may lie in.   wanted: the files to look for, in words.
    find(root): what `read` takes, or None if the files are not there.
    read(found, train, progress): the training or the test part.   download(root): fetch the files for `find`.
    preprocessing: what `read` does to the images, in words.
    """

    folder: str
    wanted: str
    find: Callable[[Path], Any]
    read: Reader
    download: Callable[[Path], None]
    preprocessing: str = ""


def load_parts(source: TorchvisionSet, root: Path, download: bool, progress: Progress | None) -> tuple[Part, Part]:
    """The training and the test part of a set under `root`.   Raises: DataError if they are missing or damaged."""
    found = source.find(root)
    if found is None and download:
        _download(source, root, progress)
        found = source.find(root)
    if found is None:
        raise DataError(
            f"{source.folder} is not on this machine: looked for {source.wanted} under {root}; "
            "set $VAEEXPLORER_DATA or --data-dir to the folder that has it, or download it with --download"
        )
    try:
        parts = source.read(found, True, progress), source.read(found, False, progress)
    except DataError:
        raise
    except Exception as error:  # torchvision and its readers raise all kinds for a damaged file
        raise DataError(
            f"{source.folder} under {root} cannot be read ({_reason(error)}): delete its files and use --download"
        ) from error
    for images, labels in parts:
        if len(images) == 0 or (labels is not None and len(labels) != len(images)):
            count = 0 if labels is None else len(labels)
            raise DataError(
                f"{source.folder} under {root} is damaged: {len(images)} images but {count} labels; "
                "delete its files and use --download"
            )
    return parts


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an idx file, plain or .gz.   Raises: DataError if it is something else or cut short."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({_reason(error)}): delete it and use --download") from error
    axes = data[3] if len(data) > 3 and data[:3] == b"\0\0\x08" else 0
    header = 4 + 4 * axes
    if axes not in (1, 3) or len(data) < header:
        raise DataError(f"{path} is not an idx file of bytes: delete it and use --download")
    shape = struct.unpack(f">{axes}I", data[4:header])
    expected = header + int(np.prod(shape, dtype=object))
    if len(data) != expected:
        raise DataError(
            f"{path} is damaged: expected {expected:,} bytes, found {len(data):,}; delete it and use --download"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy()  # a copy, for it can be written to


def _find_idx(folder: str, names: tuple[str, ...], root: Path) -> list[Path] | None:
    """The four files, plain or .gz, in torchvision's layout root/MNIST/raw or a level less deep."""
    for place in (root / folder / "raw", root / folder):
        candidates = [[place / f"{name}-ubyte", place / f"{name}-ubyte.gz"] for name in names]
        found = [path for pair in candidates for path in pair[: 1 if pair[0].is_file() else 2] if path.is_file()]
        if len(found) == len(names):
            return found
    return None


def _read_idx_part(transposed: bool, paths: list[Path], train: bool, progress: Progress | None) -> Part:
    images_path, labels_path = paths[:2] if train else paths[2:]
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or labels.ndim != 1:
        raise DataError(f"{images_path} and {labels_path.name} are no images and labels: delete both, use --download")
    upright = np.ascontiguousarray(images.transpose(0, 2, 1)) if transposed else images
    return upright[:, None], labels.astype(np.int64)


def _find_root(folder: str, files: tuple[str, ...], root: Path) -> Path | None:
    """The folder below which torchvision finds its files: root itself or a folder of the set's name in it."""
    for place in (root, root / folder, root / folder.lower()):
        if all((place / file).exists() for file in files):
            return place
    return None


def _read_cifar10(root: Path, train: bool, progress: Progress | None) -> Part:
    from torchvision.datasets import CIFAR10  # checks the files' checksums before it unpickles them

    part = CIFAR10(root, train=train)
    return np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.array(part.targets, np.int64)


def _read_svhn(root: Path, train: bool, progress: Progress | None) -> Part:
    from torchvision.datasets import SVHN

    part = SVHN(root, split="train" if train else "test")
    return np.ascontiguousarray(part.data), part.labels.astype(np.int64)


def _read_celeba(root: Path, train: bool, progress: Progress | None) -> Part:
    from torchvision.datasets import CelebA

    part = CelebA(root, split="train" if train else "test", target_type=[])
    images = np.empty((len(part), 3, CELEBA_SIDE, CELEBA_SIDE), np.uint8)
    for row, (picture, _) in enumerate(part):
        images[row] = crop_face(picture)
        if progress and (row + 1) % 1000 == 0:
            progress((row + 1) / len(part), f"CelebA: {row + 1:,} of {len(part):,} pictures read")
    return images, None


def crop_face(picture: Image.Image) -> np.ndarray:
    """The middle 148x148 pixels of an aligned CelebA picture, made 64x64: uint8 (3, 64, 64)."""
    left, top = (picture.width - CELEBA_CROP) // 2, (picture.height - CELEBA_CROP) // 2
    box = (left, top, left + CELEBA_CROP, top + CELEBA_CROP)
    small = picture.convert("RGB").resize((CELEBA_SIDE, CELEBA_SIDE), Image.Resampling.LANCZOS, box=box)
    return np.asarray(small).transpose(2, 0, 1)


def _download(source: TorchvisionSet, root: Path, progress: Progress | None) -> None:
    try:
        with _reported(progress, source.folder):
            source.download(root)
    except Exception as error:  # no network, no gdown, a checksum that differs, a full disk, ...
        raise DataError(
            f"{source.folder} could not be downloaded ({_reason(error)}): check the connection and try again, "
            f"or put {source.wanted} under {root}"
        ) from error


def _fetch(folder: str, options: dict[str, Any], root: Path) -> None:
    """Let torchvision download and unpack a set into `root`; it verifies the checksums."""
    import torchvision

    root.mkdir(parents=True, exist_ok=True)
    getattr(torchvision.datasets, folder)(root, download=True, **options)


_one_download = threading.Lock()  # the progress bar below is one for the process


@contextlib.contextmanager
def _reported(progress: Progress | None, title: str) -> Iterator[None]:
    """While torchvision downloads, call `progress` where it would draw its own bar in the terminal."""
    if progress is None:
        yield
        return
    from torchvision.datasets import utils

    with _one_download:
        own_bar = utils.tqdm
        utils.tqdm = functools.partial(_Reporter, progress, title)
        try:
            yield
        finally:
            utils.tqdm = own_bar


class _Reporter:
    """Stands in for the progress bar that torchvision opens for each file it downloads."""

    def __init__(self, progress: Progress, title: str, *, total: int | None = None, **ignored: Any):
        self.progress, self.title, self.total, self.done = progress, title, total, 0

    def __enter__(self) -> _Reporter:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, count: int) -> None:
        """`count` more bytes have arrived."""
        self.done += count
        fraction = min(self.done / self.total, 1.0) if self.total else 0.0
        self.progress(fraction, f"{self.title}: {self.done / 1e6:.1f} MB of this file downloaded")


def _reason(error: BaseException) -> str:
    return str(error).strip()[:300] or type(error).__name__


def _mnist_like(folder: str) -> TorchvisionSet:
    return TorchvisionSet(
        folder=folder,
        wanted=f"{folder}/raw/{MNIST_FILES[0]}-ubyte and its three companions",
        find=functools.partial(_find_idx, folder, MNIST_FILES),
        read=functools.partial(_read_idx_part, False),
        download=functools.partial(_fetch, folder, {}),
    )


def _in_root(folder: str, wanted: str, files: tuple[str, ...], read: Reader, preprocessing: str = "") -> TorchvisionSet:
    find, download = functools.partial(_find_root, folder, files), functools.partial(_fetch, folder, {})
    return TorchvisionSet(folder, wanted, find, read, download, preprocessing)


MNIST = _mnist_like("MNIST")
FASHION_MNIST = _mnist_like("FashionMNIST")
KMNIST = _mnist_like("KMNIST")
EMNIST = TorchvisionSet(
    folder="EMNIST",
    wanted=f"EMNIST/raw/{EMNIST_FILES[0]}-ubyte and its three companions",
    find=functools.partial(_find_idx, "EMNIST", EMNIST_FILES),
    read=functools.partial(_read_idx_part, True),
    download=functools.partial(_fetch, "EMNIST", {"split": "balanced"}),
    preprocessing="turned upright, for the files hold each character transposed",
)
CIFAR_FILES = tuple(f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"))
CIFAR10 = _in_root("CIFAR10", "cifar-10-batches-py", CIFAR_FILES, _read_cifar10)
SVHN_FILES = ("train_32x32.mat", "test_32x32.mat")
SVHN = _in_root("SVHN", " and ".join(SVHN_FILES), SVHN_FILES, _read_svhn)
CELEBA_FILES = ("celeba/img_align_celeba", "celeba/list_eval_partition.txt")
CELEBA = _in_root(
    "CelebA", "celeba/img_align_celeba and the lists beside it", CELEBA_FILES, _read_celeba,
    f"the middle {CELEBA_CROP}x{CELEBA_CROP} pixels made {CELEBA_SIDE}x{CELEBA_SIDE}",
)  # fmt: skip
