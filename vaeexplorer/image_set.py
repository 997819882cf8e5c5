"""What every loader returns: one set of images, split into a training and a test part (numpy only)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

Progress = Callable[[float, str], None]  # told the fraction that is done, 0..1, and what is going on

MAX_VALUE = 255  # of a uint8 image: white
FEWEST_IMAGES = 10  # that make a data set
OWN_LICENCE = "your own images"


class DataError(ValueError):
    """Data that cannot be used; its text is one line for a person: what was expected, what was found, what to do."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images of one data set, all of one shape.

    train, test: (N, C, H, W) uint8 in 0..255 or float32 in [0, 1], C is 1 or 3, 0 is black.
    train_labels, test_labels: int64 (N,), positions in class_names, -1 where unknown; None without classes.
    train_factors, test_factors: int64 (N, F), positions in factor_values[name] of each of the F factor_names; or None.
    preprocessing: plain words of what was done to the images, "" if nothing.
    """

    name: str
    title: str
    licence: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    train_factors: np.ndarray | None = None
    test_factors: np.ndarray | None = None
    factor_values: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    preprocessing: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""
        return self.train.shape[1:]


def unit_floats(images: np.ndarray) -> np.ndarray:
    """Images as float32 in [0, 1]: uint8 is divided by 255, floats are taken as they are. Shape unchanged."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(MAX_VALUE)
    return images.astype(np.float32, copy=False)


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the positions 0..count-1, evenly spaced from the first to the last; all if there are fewer."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def fixed_order(count: int, seed: int = 0) -> np.ndarray:
    """The same permutation of 0..count-1 on every machine and with every version of numpy, int64 (count,)."""
    return np.random.RandomState(seed).permutation(count)  # the legacy generator: its stream is frozen for good


def image_seed(seed: int, index: int) -> int:
    """The seed of what is drawn at random for image number `index` of a set: the same wherever the image is shown."""
    return (seed + 0x9E3779B1 * (index + 1)) % 2**32  # an odd factor keeps all images apart


def held_out_tenth(images: ImageSet) -> ImageSet:
    """The training images split into a training part and, a tenth of them, a test part: alike for the same number."""
    order = fixed_order(len(images.train))
    test, train = np.split(order, [max(len(order) // 10, 1)])
    labels = images.train_labels
    return dataclasses.replace(
        images,
        train=images.train[train],
        test=images.train[test],
        train_labels=None if labels is None else labels[train],
        test_labels=None if labels is None else labels[test],
    )


def pad_to_multiple(images: ImageSet, multiple: int) -> ImageSet:
    """The same images in the middle of a black frame whose height and width are multiples of `multiple` pixels."""
    _, height, width = images.image_shape
    rows, columns = -height % multiple, -width % multiple
    if rows == 0 and columns == 0:
        return images
    frame = ((0, 0), (0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    words = f"padded with black from {height}x{width} to {height + rows}x{width + columns}"
    return dataclasses.replace(
        images,
        train=np.pad(images.train, frame),
        test=np.pad(images.test, frame),
        preprocessing=join_words(images.preprocessing, words),
    )


def join_words(*parts: str) -> str:
    """The parts that say something, joined by semicolons."""
    return "; ".join(part for part in parts if part)
