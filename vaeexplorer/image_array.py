"""An array of images in a .npz or .npy file as a data set. Pickled objects are never read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vaeexplorer.image_set import (
    FEWEST_IMAGES,
    MAX_VALUE,
    OWN_LICENCE,
    DataError,
    ImageSet,
    held_out_tenth,
    join_words,
)

SUFFIXES = (".npz", ".npy")
IMAGE_KEYS = ("x_train", "images", "x", "X", "imgs", "data", "arr_0")
LABEL_KEYS = ("y_train", "labels", "y", "targets")
MOST_BYTES = 16 * 2**30  # of a file once unpacked
MOST_CLASSES = 1000  # more different labels than this are a measurement, not classes
SMALLEST_SIDE = 2  # pixels


def load_array(path: Path) -> ImageSet:
    """Read images, and labels if there are any.

    Images are (N, H, W), (N, C, H, W) or (N, H, W, C) with C = 1 or 3, of bool, integers 0..255 or floats in [0, 1].
    A .npz holds them as images, x or an unnamed array, with labels or y beside them; or as x_train, y_train, x_test and
    y_test. Without a test part a tenth, always the same, is held out.
    Raises: DataError that says what was expected and what was found.
    """
    arrays = _read(path)
    key = next((key for key in IMAGE_KEYS if key in arrays), None)
    if key is None:
        found = ", ".join(arrays) or "nothing"
        raise DataError(f"{path} holds {found}: expected the images under images, x, or x_train and x_test")
    images, words = as_images(arrays[key], f"{key} in {path}")
    labels = next((arrays[label] for label in LABEL_KEYS if label in arrays), None)
    test = images[:0]
    if key == "x_train" and "x_test" in arrays:
        test, _ = as_images(arrays["x_test"], f"x_test in {path}")
        labels = np.concatenate([labels, arrays["y_test"]]) if labels is not None and "y_test" in arrays else None
    if len(images) < FEWEST_IMAGES:
        raise DataError(f"{path} holds {len(images)} images: expected at least {FEWEST_IMAGES}")
    if test.shape[1:] != images.shape[1:] or test.dtype != images.dtype:
        sizes = " and ".join("x".join(map(str, part.shape[1:])) + f" {part.dtype}" for part in (images, test))
        raise DataError(f"{path}: x_train and x_test differ, {sizes}: expected images of one shape and type")
    positions, names, label_words = as_classes(labels, len(images) + len(test), str(path))
    images_of = ImageSet(
        name=str(path),
        title=path.stem,
        licence=OWN_LICENCE,
        train=images,
        test=test,
        train_labels=None if positions is None else positions[: len(images)],
        test_labels=None if positions is None else positions[len(images) :],
        class_names=names,
        preprocessing=join_words(words, label_words),
    )
    return images_of if len(test) else held_out_tenth(images_of)


def as_images(array: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """An array as (N, C, H, W), uint8 or float32 in [0, 1], and in words how it was read.

    Raises: DataError, with `name` in it, if its shape, type or values are others than `load_array` takes.
    """
    shape = "x".join(map(str, array.shape)) or "a single number"
    if array.ndim == 3:
        array, words = array[:, None], f"{shape} {array.dtype} read as images x height x width"
    elif array.ndim == 4 and array.shape[1] in (1, 3):
        words = f"{shape} {array.dtype} read as images x channels x height x width"
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array, words = array.transpose(0, 3, 1, 2), f"{shape} {array.dtype} read as images x height x width x channels"
    else:
        raise DataError(f"{name} is {shape}: expected NxHxW, NxCxHxW or NxHxWxC with 1 or 3 channels C; reshape it")
    if array.size == 0 or min(array.shape[2:]) < SMALLEST_SIDE:
        raise DataError(f"{name} is {shape}: expected images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels")
    values, value_words = _as_values(array, name)
    return np.ascontiguousarray(values), join_words(words, value_words)


def as_classes(labels: np.ndarray | None, count: int, name: str) -> tuple[np.ndarray | None, tuple[str, ...], str]:
    """Labels of any kind as positions (N,) in their sorted names, and a remark in words.

    Numbers below 0, NaN and empty words mean that the class is unknown: position -1, and no name.
    Raises: DataError if there is not one label for each of `count` images.
    """
    if labels is None:
        return None, (), ""
    if labels.size != count:
        raise DataError(f"{name} holds {labels.size} labels for {count} images: expected one for each")
    labels = labels.ravel()
    known = labels >= 0 if labels.dtype.kind in "iuf" else labels.astype(str) != ""  # NaN >= 0 is false
    values, positions = np.unique(labels[known], return_inverse=True)
    if len(values) > MOST_CLASSES:
        return None, (), f"labels not used, for they take {len(values):,} values"
    if not len(values):
        return None, (), "no image has a label"
    classes = np.full(count, -1, np.int64)
    classes[known] = positions
    remark = "" if known.all() else f"{count - known.sum():,} of {count:,} images have no label"
    return classes, tuple(str(value) for value in values), remark


def _as_values(array: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """The pixels as uint8 or float32, and a remark where their scale changed."""
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(MAX_VALUE), "true made white"
    if array.dtype.kind not in "iuf":
        raise DataError(f"{name} is of type {array.dtype}: expected uint8, bool or floats in [0, 1]; convert it")
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # false for NaN, too
            raise DataError(f"{name} has values from {low:g} to {high:g}: expected floats in [0, 1]; rescale it")
        return array.astype(np.float32), ""
    if low < 0 or high > MAX_VALUE:
        raise DataError(f"{name} has values from {low} to {high}: expected integers in 0..{MAX_VALUE}; rescale it")
    if high <= 1:
        return array.astype(np.uint8) * np.uint8(MAX_VALUE), "0 and 1 made black and white"
    return array.astype(np.uint8), ""


def _read(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays of a file by name. Those that are neither images nor labels are named only, not read."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size > MOST_BYTES:
                raise DataError(f"{path} unpacks to {size / 2**30:.0f} GiB: expected at most {MOST_BYTES // 2**30}")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"arr_0": loaded}
        with loaded:
            wanted = [key for key in loaded.files if key in {*IMAGE_KEYS, *LABEL_KEYS, "x_test", "y_test"}]
            return {key: loaded[key] for key in wanted} or dict.fromkeys(loaded.files, np.empty(0))
    except DataError:
        raise
    except Exception as error:  # zip, zlib, struct, end-of-file and memory errors, all for one kind of damage
        reason = "Python objects, which are never read" if "pickle" in str(error) else "no intact array"
        raise DataError(f"{path} holds {reason}: save plain numbers with numpy.save or numpy.savez") from error
