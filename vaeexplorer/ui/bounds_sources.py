"""Many images for the data-set question of Bounds: the model's own, and some that it has never seen the like of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vaeexplorer import datasets
from vaeexplorer.datasets import DATASETS, DataError
from vaeexplorer.image_set import MAX_VALUE, image_seed, join_words
from vaeexplorer.ui import cached, data_fetch
from vaeexplorer.ui.jobs import Unanswerable

OTHER = "other:"


@dataclass(frozen=True)
class Images:
    """Images (N, C, H, W) of a source, uint8 or float32 in [0, 1]; labels (N,), -1 unknown, or None.

    words: what was done to them, one line.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    title: str
    words: str


def here(name: str) -> list[dict[str, str]]:
    """Sources of images for this model that are on this machine: id and title, without loading any."""
    own = {key: made.title for key, made in MADE.items()} if cached.has_data(name) else {}
    title = cached.header(name).dataset.title
    found = [{"id": key, "title": words.format(title)} for key, words in own.items()]
    return found + [{"id": f"{OTHER}{key}", "title": DATASETS[key].title} for key in _others(name)]


def refuse_unknown(name: str, source: str) -> None:
    """Raises Unanswerable, one line, for a source that there is not or whose images are not on this machine."""
    known = [one["id"] for one in here(name)]
    if source in known:
        return
    if source in MADE:
        raise Unanswerable(data_fetch.missing_words(name))
    raise Unanswerable(f"there is no source {source[:40]!r} on this machine; here are: {', '.join(known) or 'none'}")


def load(name: str, source: str) -> Images:
    """The images of a source before it changes them, in the model's shape.

    Raises: Unanswerable for a source that is unknown or not here; DataError for data that cannot be used.
    """
    refuse_unknown(name, source)
    if source.startswith(OTHER):
        return _other(name, source.removeprefix(OTHER))
    try:
        found = cached.part_of(cached.image_set(name), train=True) if source == "train" else cached.held_out(name)
    except DataError as error:
        raise Unanswerable(str(error)) from None
    made = MADE[source]
    title = made.title.format(found.title)
    return Images(found.images, found.labels, found.class_names, title, join_words(found.preprocessing, made.words))


def pictures(source: str, found: Images, indices: np.ndarray, seed: int) -> np.ndarray:
    """Images (n, C, H, W) of these places, changed as the source says; uint8 or float32 in [0, 1], as they are kept.

    seed: of what is drawn for "noise" and "shuffled"; each image has its own stream (image_set.image_seed).
    """
    change = MADE[source].change if source in MADE else _unchanged
    chosen = found.images[indices]
    return np.stack([change(x, image_seed(seed, int(index))) for x, index in zip(chosen, indices, strict=True)])


def _others(name: str) -> list[str]:
    """Data sets by name that are here and whose images have the shape that the model takes."""
    about = cached.header(name)
    return [
        key
        for key, entry in DATASETS.items()
        if key != cached.data_source(name)
        and _padded(entry.shape, about.dataset.multiple) == about.vae.image_shape
        and datasets.available(key)
    ]


def _padded(shape: tuple[int, int, int], multiple: int) -> tuple[int, int, int]:
    channels, height, width = shape
    return channels, height + -height % multiple, width + -width % multiple


def _other(name: str, key: str) -> Images:
    multiple, shape = cached.header(name).dataset.multiple, cached.header(name).vae.image_shape
    found = cached.test_images(key, multiple, shape)
    title = f"Test images of {found.title}"
    return Images(found.images, found.labels, found.class_names, title, found.preprocessing)


def _unchanged(x: np.ndarray, seed: int) -> np.ndarray:
    return x


def _inverted(x: np.ndarray, seed: int) -> np.ndarray:
    return MAX_VALUE - x if x.dtype == np.uint8 else 1 - x


def _noise(x: np.ndarray, seed: int) -> np.ndarray:
    """Uniform grey values; a Bernoulli likelihood sees each pixel black or white by a fair coin."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, MAX_VALUE + 1, x.shape, x.dtype) if x.dtype == np.uint8 else rng.random(x.shape, x.dtype)


def _shuffled(x: np.ndarray, seed: int) -> np.ndarray:
    """The same pixels in another order, another one for each image."""
    return np.random.default_rng(seed).permutation(x.ravel()).reshape(x.shape)


@dataclass(frozen=True)
class Made:
    """title: with a place for the data set's.   change: (image, seed) -> image.   words: what was done."""

    title: str
    change: Callable[[np.ndarray, int], np.ndarray]
    words: str = ""


MADE = {
    "test": Made("Test images of {}", _unchanged),
    "train": Made("Training images of {}", _unchanged),
    "inverted": Made("{}, inverted", _inverted, "test images with black and white exchanged"),
    "noise": Made("Noise in place of {}", _noise, "uniform noise instead of images"),
    "shuffled": Made("{}, pixels shuffled", _shuffled, "test images with their pixels in another order, each its own"),
}
