"""Data sets by name, and the user's own folders and arrays: `load` gives an ImageSet, wherever it comes from."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from vaeexplorer import image_array, shapes, torchvision_sets
from vaeexplorer.image_array import load_array
from vaeexplorer.image_folder import load_folder
from vaeexplorer.image_set import DataError, ImageSet, Progress, join_words, pad_to_multiple, unit_floats
from vaeexplorer.pictures import fit_all, prepare_drawing, prepare_image
from vaeexplorer.torchvision_sets import Part, TorchvisionSet, load_parts

__all__ = [
    "DATASETS",
    "DataError",
    "DatasetEntry",
    "ImageSet",
    "available",
    "load",
    "prepare_drawing",
    "prepare_image",
    "unit_floats",
]

DIGITS_HELD_OUT = 360  # of the 1,797 digits


@dataclasses.dataclass(frozen=True)
class DatasetEntry:
    """A data set that has a name here.

    shape: (channels, height, width).   classes: their names, in the order of the labels; () without classes.
    source: "embedded" sets need no files; "torchvision" ones are found on disk or downloaded.
    loader: what makes an embedded set, or finds, reads and downloads one of torchvision's.
    train_images: how many images the training part has, known without loading them; 0 where nobody has counted.
    """

    title: str
    licence: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    source: Literal["embedded", "torchvision"]
    loader: Callable[[], ImageSet] | TorchvisionSet
    train_images: int = 0


def load(
    name_or_path: str | Path,
    data_dir: str | Path | None = None,
    *,
    download: bool = False,
    progress: Progress | None = None,
    image_size: int | None = None,
    multiple: int = 1,
) -> ImageSet:
    """Load a data set by its name in DATASETS, or the user's folder of images or .npz/.npy file by its path.

    Args: data_dir: where torchvision's files lie, else $VAEEXPLORER_DATA, else data/; download: fetch missing files;
    progress: called with the fraction done and words; image_size: fit all images into so many pixels a side;
    multiple: pad height and width with black to a multiple of it.
    Returns: the images; `preprocessing` tells what was done to them, `name` is what loads them again.
    Raises: DataError, one line, for an unknown name and for data that are missing, damaged or not as expected.
    """
    if (image_size is not None and image_size < 2) or multiple < 1:
        raise DataError(f"image_size {image_size} and multiple {multiple}: expected at least 2 and 1 pixels")
    entry = DATASETS.get(str(name_or_path))
    if entry is None:
        images = _load_path(str(name_or_path), image_size, progress)
    elif isinstance(entry.loader, TorchvisionSet):
        train, test = load_parts(entry.loader, data_root(data_dir), download, progress)
        images = _from_parts(str(name_or_path), train, test, entry.loader.preprocessing)
    else:
        images = entry.loader()
    return pad_to_multiple(_sized(images, image_size), multiple)


def available(name_or_path: str | Path, data_dir: str | Path | None = None) -> bool:
    """Whether `load` would find the data on this machine, without loading them."""
    entry = DATASETS.get(str(name_or_path))
    if entry is None:
        return os.path.isdir(name_or_path) or _is_array(str(name_or_path))
    return not isinstance(entry.loader, TorchvisionSet) or entry.loader.find(data_root(data_dir)) is not None


def data_root(data_dir: str | Path | None) -> Path:
    """Where torchvision's data sets lie: the folder that is named, else $VAEEXPLORER_DATA, else `data`."""
    return Path(data_dir or os.environ.get("VAEEXPLORER_DATA") or "data").expanduser()


def _is_array(path: str) -> bool:
    return path.lower().endswith(image_array.SUFFIXES) and os.path.isfile(path)


def _load_path(path: str, image_size: int | None, progress: Progress | None) -> ImageSet:
    if os.path.isdir(path):  # unlike pathlib, says no to a name that no file could have, and to ""
        return load_folder(Path(path), image_size, progress)
    if _is_array(path):
        return load_array(Path(path))
    if os.path.isfile(path):
        raise DataError(f"{path} is a file of another kind: expected a folder of images or a .npz or .npy file")
    nearest = difflib.get_close_matches(path.lower(), DATASETS, n=1)
    guess = f"; did you mean {nearest[0]}?" if nearest else ""
    raise DataError(
        f"no data set {path!r}: expected one of {', '.join(DATASETS)}, "
        f"or the path of a folder of images or of a .npz or .npy file{guess}"
    )


def _from_parts(name: str, train: Part, test: Part, preprocessing: str) -> ImageSet:
    """The set of this name from its two parts.   Raises: DataError if they are not as the entry says."""
    entry = DATASETS[name]
    for images, labels in (train, test):
        if images.shape[1:] != entry.shape or (labels is not None and labels.max() >= len(entry.classes)):
            raise DataError(
                f"the files of {entry.title} are damaged: expected images of {entry.shape} of {len(entry.classes)} "
                f"classes, found images of {images.shape[1:]}; delete them and use --download"
            )
    return ImageSet(
        name=name,
        title=entry.title,
        licence=entry.licence,
        train=train[0],
        test=test[0],
        train_labels=train[1],
        test_labels=test[1],
        class_names=entry.classes,
        preprocessing=preprocessing,
    )


def _sized(images: ImageSet, side: int | None) -> ImageSet:
    """The images fitted into side x side pixels, if that is asked for and not so yet."""
    _, height, width = images.image_shape
    if side is None or (height, width) == (side, side):
        return images
    words = join_words(images.preprocessing, f"fitted from {height}x{width} into {side}x{side} pixels on black")
    train, test = fit_all(images.train, side), fit_all(images.test, side)
    return dataclasses.replace(images, train=train, test=test, preprocessing=words)


def _load_digits() -> ImageSet:
    """scikit-learn's 1,797 digits, grey values 0..16 as 0..1, with the same shares of each class in both parts."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    labels = digits.target.astype(np.int64)
    train, test = train_test_split(np.arange(len(images)), test_size=DIGITS_HELD_OUT, stratify=labels, random_state=0)
    return _from_parts("digits", (images[train], labels[train]), (images[test], labels[test]), "")


NUMERALS = tuple("0123456789")
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CHARACTERS = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

DATASETS: dict[str, DatasetEntry] = {
    "digits": DatasetEntry("Digits 8x8", "CC BY 4.0", (1, 8, 8), NUMERALS, "embedded", _load_digits, 1_437),
    "shapes": DatasetEntry(
        "Drawn shapes", shapes.LICENCE, (1, 64, 64), shapes.NAMES, "embedded", shapes.load_shapes, 43_740
    ),
    "mnist": DatasetEntry(
        "MNIST", "CC BY-SA 3.0", (1, 28, 28), NUMERALS, "torchvision", torchvision_sets.MNIST, 60_000
    ),
    "fashion-mnist": DatasetEntry(
        "Fashion-MNIST", "MIT", (1, 28, 28), GARMENTS, "torchvision", torchvision_sets.FASHION_MNIST, 60_000
    ),
    "kmnist": DatasetEntry(
        "Kuzushiji-MNIST", "CC BY-SA 4.0", (1, 28, 28), KANA, "torchvision", torchvision_sets.KMNIST, 60_000
    ),
    "emnist": DatasetEntry(
        "EMNIST (balanced)", "NIST, none stated", (1, 28, 28), CHARACTERS, "torchvision", torchvision_sets.EMNIST,
        112_800,
    ),
    "cifar10": DatasetEntry(
        "CIFAR-10", "none stated", (3, 32, 32), OBJECTS, "torchvision", torchvision_sets.CIFAR10, 50_000
    ),
    "svhn": DatasetEntry(
        "SVHN", "non-commercial use only", (3, 32, 32), NUMERALS, "torchvision", torchvision_sets.SVHN, 73_257
    ),
    "celeba": DatasetEntry(
        "CelebA", "non-commercial research only", (3, 64, 64), (), "torchvision", torchvision_sets.CELEBA, 162_770
    ),
}  # fmt: skip
