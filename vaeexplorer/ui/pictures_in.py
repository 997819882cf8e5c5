"""Pictures on their way in: a request's body of some kind becomes an image in the shape of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from starlette.exceptions import HTTPException

from vaeexplorer.configs import VaeConfig
from vaeexplorer.datasets import DataError, prepare_drawing, prepare_image, unit_floats
from vaeexplorer.image_set import image_seed, join_words
from vaeexplorer.pictures import SMALL_SIDE
from vaeexplorer.ui import cached, http, model_card

MB = 2**20
IMAGE_BYTES = 20 * MB
JSON_BYTES = 8 * MB  # the numbers of the largest drawing fit
PIXELS_BYTES = 16 * MB
DRAWING_SIDE = 512

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Taken:
    """x (C, H, W) float32 in [0, 1], what was done to it in words, its title; place and class of a held-out image."""

    x: np.ndarray
    words: str
    title: str
    index: int | None = None
    label: str | None = None

    def seed(self, seed: int) -> int:
        """Where its binarisation and its draws of q start: a held-out image is the same one on every page."""
        return seed if self.index is None else image_seed(seed, self.index)


@dataclass(frozen=True)
class Source:
    """take: (model, its image shape, body) -> the image.   limit: bytes that the body may have."""

    take: Callable[[str, Shape, bytes], Taken]
    limit: int


def source(kind: str) -> Source:
    """The source of this name.   Raises HTTPException 400 if there is none."""
    if kind not in SOURCES:
        raise HTTPException(400, f"kind must be one of {', '.join(SOURCES)}; got {kind[:40]!r}")
    return SOURCES[kind]


def take(name: str, body: bytes, source: Source) -> Taken:
    """The image in the body as the model `name` takes it; the words tell of the binarisation, too.

    Raises: HTTPException 400 for a body of another form; DataError for an image that cannot be used.
    """
    config = cached.header(name).vae
    taken = source.take(name, config.image_shape, body)
    refuse_grey(config, taken.x)
    return replace(taken, words=join_words(taken.words, model_card.binarization_words(config)))


def held_out(found: cached.HeldOut, index: int) -> Taken:
    """A held-out image, named by its place and its class.   Raises HTTPException 400 if there is none of this place."""
    if type(index) is not int or not 0 <= index < len(found.images):
        raise HTTPException(400, f"every index must be a whole number from 0 to {len(found.images) - 1}")
    label = found.label(index)
    title = f"test image {index}" + (f" (a “{label}”)" if label else "")
    return Taken(unit_floats(found.images[index]), found.preprocessing, title, index, label)


def drawing_words(shape: Shape) -> str:
    """What prepare_drawing does for a model of this shape."""
    if min(shape[1:]) < SMALL_SIDE:
        return "scaled to fill the frame with its centre of mass in the middle, as scikit-learn's 8x8 digits are"
    return "fitted into 20/28 of the frame with its centre of mass in the middle, as MNIST's digits are"


def refuse_grey(config: VaeConfig, x: np.ndarray) -> None:
    if config.likelihood == "bernoulli" and config.binarization == "none" and not np.isin(x, (0, 1)).all():
        raise DataError("this model takes black and white images only, and this one has grey values: choose another")


def _from_data(name: str, shape: Shape, body: bytes) -> Taken:
    found = cached.held_out(name)
    (index,) = http.fields(body, "index")
    return held_out(found, index)


def _from_upload(name: str, shape: Shape, body: bytes) -> Taken:
    x, words = prepare_image(body, shape)
    return Taken(x, words, "your image")


def _from_drawing(name: str, shape: Shape, body: bytes) -> Taken:
    width, height, pixels = http.fields(body, "width", "height", "pixels")
    if not all(type(side) is int and 1 <= side <= DRAWING_SIDE for side in (width, height)):
        raise HTTPException(400, f"a drawing may be 1 to {DRAWING_SIDE} pixels wide and high")
    try:
        strokes = np.asarray(pixels, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        raise HTTPException(400, "a drawing's pixels must be numbers") from None
    if strokes.shape != (width * height,) or not ((strokes >= 0) & (strokes <= 1)).all():
        raise HTTPException(400, f"a drawing of {width}x{height} needs {width * height} numbers between 0 and 1")
    return Taken(prepare_drawing(strokes.reshape(height, width), shape), drawing_words(shape), "your drawing")


def _from_pixels(name: str, shape: Shape, body: bytes) -> Taken:
    """float32 (C, H, W) in [0, 1], little endian: what a page has made of an image, taken as it is."""
    channels, height, width = shape
    if len(body) != 4 * channels * height * width:
        need = f"{channels}x{height}x{width} float32 numbers, {4 * channels * height * width:,} bytes"
        raise HTTPException(400, f"this model takes {need}; got {len(body):,} bytes")
    x = np.frombuffer(body, "<f4").astype(np.float32).reshape(shape)
    if not ((x >= 0) & (x <= 1)).all():  # false for NaN, too
        raise HTTPException(400, "every pixel must be a number between 0 and 1")
    return Taken(x, "", "your image")


# kind -> how the body becomes an image
SOURCES: dict[str, Source] = {
    "data": Source(_from_data, 1024),
    "upload": Source(_from_upload, IMAGE_BYTES),
    "drawing": Source(_from_drawing, JSON_BYTES),
    "pixels": Source(_from_pixels, PIXELS_BYTES),
}
