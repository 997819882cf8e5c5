"""One picture from outside, an image file or a drawing, made into what a model takes.

Sizes are checked before anything is decoded, so that a small file that claims to be an enormous image costs nothing.
"""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vaeexplorer.image_set import MAX_VALUE, DataError, join_words

MAX_BYTES = 20 * 2**20  # of an uploaded file
MAX_PIXELS = 50_000_000  # 50 megapixels: most photographs; 150 MB once decoded
LARGEST = f"{MAX_PIXELS // 10**6} megapixels"
MIN_SIDE = 2  # pixels: an image of 1x1 shows nothing
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # no other reader of Pillow's runs on a foreign file
MNIST_SHARE = 20 / 28  # MNIST fits each digit into 20 of its 28 pixels
SMALL_SIDE = 16  # pixels: images below this have no margin to spare; the 8x8 digits fill their frame
INK = 0.05  # a drawing's pixels below this are paper
EXIF_ORIENTATION = 0x0112
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
DEEP_COLOURS = re.compile(r";16[BLN]")  # 16-bit colours as Pillow's readers name them, which cut them to 8 bits
PRINT_MODES = ("CMYK", "LAB")  # a conversion to RGB may change the colours


def prepare_image(source: bytes | Path | Image.Image, shape: tuple[int, int, int]) -> tuple[np.ndarray, str]:
    """Make any image file into what a model takes.

    Args: source: the file's bytes, its path, or a Pillow image; shape (channels, height, width).
    Returns: x float32 (C, H, W) in [0, 1], and what was done to the image in words, "" if nothing.
    Raises: DataError if it is no readable image, or too small or too large.
    """
    channels, height, width = shape
    colour, words = upright_rgb(open_picture(source))
    fitted, fit_words = fit(colour, height, width)
    pixels = np.asarray(fitted)
    if channels == 1 and not is_grey(pixels):
        pixels, words = np.asarray(fitted.convert("L")), join_words(words, "made grey")
    pixels = pixels.reshape(height, width, -1)[..., :channels].transpose(2, 0, 1)
    return pixels.astype(np.float32) / np.float32(MAX_VALUE), join_words(words, fit_words)


def open_picture(source: bytes | Path | Image.Image, name: str = "the image") -> Image.Image:
    """Read the header of an image and check its size; a file's pixels are not decoded yet.

    Raises: DataError, with `name` in it, if it is no image of a known format, too small or too large.
    """
    if isinstance(source, bytes) and len(source) > MAX_BYTES:
        size, limit = len(source) / 2**20, MAX_BYTES // 2**20
        raise DataError(f"{name} has {size:.0f} MB: expected at most {limit} MB; make it smaller")
    try:
        with warnings.catch_warnings(action="ignore"):  # of the size, for our own limit is lower; of odd metadata
            stream = io.BytesIO(source) if isinstance(source, bytes) else source
            picture = stream if isinstance(stream, Image.Image) else Image.open(stream, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(f"{name} is too large: expected at most {LARGEST}; make it smaller") from error
    except Exception as error:  # Pillow's readers raise all kinds for a damaged header
        raise DataError(f"{name} cannot be read: expected an intact image, one of {', '.join(FORMATS)}") from error
    columns, rows = picture.size
    if min(columns, rows) < MIN_SIDE:
        raise DataError(f"{name} is {columns}x{rows}: expected at least {MIN_SIDE} pixels a side; take a larger one")
    if columns * rows > MAX_PIXELS:
        raise DataError(f"{name} is {columns:,}x{rows:,}: expected at most {LARGEST}; make it smaller")
    return picture


def upright_rgb(picture: Image.Image, name: str = "the image") -> tuple[Image.Image, str]:
    """Decode an image to 8-bit RGB: upright as EXIF says, the first frame, transparent parts black.

    Returns: the image, and what was done in words.   Raises: DataError if the pixels are damaged.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of odd metadata
            deep = _is_deep(picture)
            frames = getattr(picture, "n_frames", 1)
            turned = picture.getexif().get(EXIF_ORIENTATION, 1) in range(2, 9)
            picture = ImageOps.exif_transpose(picture)
            picture.load()
    except Exception as error:  # Pillow's decoders raise all kinds for damaged pixels
        raise DataError(f"{name} is damaged: its pixels cannot be decoded; save it again or take it out") from error
    words = join_words(
        f"first of {frames} frames" if frames > 1 else "",
        "turned as its EXIF data say" if turned else "",
        "reduced to 8 bits" if deep else "",
    )
    if picture.mode in DEEP_MODES:
        return _from_deep(picture, name).convert("RGB"), words
    if picture.has_transparency_data:
        black = Image.new("RGBA", picture.size, "black")
        black.alpha_composite(picture.convert("RGBA"))
        return black.convert("RGB"), join_words(words, "laid over black")
    changed = f"converted from {picture.mode} to RGB" if picture.mode in PRINT_MODES else ""
    return picture.convert("RGB"), join_words(words, changed)


def fit(picture: Image.Image, height: int, width: int) -> tuple[Image.Image, str]:
    """Scale an image of any mode to fit into height x width, in the middle of black; and in words what was done."""
    if picture.size == (width, height):
        return picture, ""
    scale = min(width / picture.width, height / picture.height)
    columns, rows = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    small = picture.resize((columns, rows), Image.Resampling.LANCZOS, reducing_gap=3.0)
    frame = Image.new(picture.mode, (width, height))
    frame.paste(small, ((width - columns) // 2, (height - rows) // 2))
    if small.size == picture.size:
        return frame, f"{rows}x{columns} pixels in the middle of {height}x{width}, the rest black"
    margins = ", the rest black" if (columns, rows) != (width, height) else ""
    return frame, f"scaled from {picture.height}x{picture.width} to {rows}x{columns}{margins}"


def fit_all(images: np.ndarray, side: int) -> np.ndarray:
    """Fit every image of (N, C, H, W), uint8 or float32 in [0, 1], into side x side pixels as `fit` does."""
    fitted = np.empty((*images.shape[:2], side, side), images.dtype)
    for row, channel in np.ndindex(images.shape[:2]):
        fitted[row, channel] = np.asarray(fit(Image.fromarray(images[row, channel]), side, side)[0])
    return fitted if images.dtype == np.uint8 else fitted.clip(0, 1)  # the filter overshoots at sharp edges


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the channels of (..., 3) are equal everywhere."""
    return bool((pixels[..., 1:] == pixels[..., :1]).all())


def prepare_drawing(strokes: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Centre a drawing as MNIST centres its digits: scaled into 20/28 of the frame, its centre of mass in the middle.

    In frames below 16 pixels it is scaled to the rim, as scikit-learn's 8x8 digits are.
    Args: strokes (H, W) in [0, 1], 0 is paper and 1 ink; shape (channels, height, width) of the model.
    Returns: x float32 (C, height, width) in [0, 1], the darkest ink at 1.
    Raises: DataError if the array is not such a drawing or nothing is drawn.
    """
    strokes = np.asarray(strokes, np.float32)
    if strokes.ndim != 2 or strokes.size > MAX_PIXELS or not np.isfinite(strokes).all():
        raise DataError(f"a drawing is a table of numbers (height, width), got {strokes.shape}: draw it again")
    darkest = strokes.max(initial=0)
    if darkest < INK:
        raise DataError("nothing is drawn yet: draw a stroke first")
    strokes = (strokes / darkest).clip(0, 1)
    channels, height, width = shape
    rows, columns = (np.flatnonzero((strokes > INK).any(axis=axis)) for axis in (1, 0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    share = MNIST_SHARE if min(height, width) >= SMALL_SIDE else 1.0
    scale = share * min(width / (box[2] - box[0]), height / (box[3] - box[1]))
    size = [max(round(scale * extent), 1) for extent in (box[2] - box[0], box[3] - box[1])]
    ink = np.asarray(Image.fromarray(strokes).resize(size, Image.Resampling.LANCZOS, box=box)).clip(0, 1)
    top, left = (_start(ink.sum(axis=1 - axis), frame) for axis, frame in ((0, height), (1, width)))
    image = np.zeros((height, width), np.float32)
    image[top : top + size[1], left : left + size[0]] = ink / ink.max()
    return np.repeat(image[None], channels, axis=0)


def _start(mass: np.ndarray, frame: int) -> int:
    """The pixel of a frame where a profile of `mass` starts, so that its centre of mass is in the middle and all in it.

    The centres of MNIST's digits lie 0 to 1 pixel below and right of the middle, those of the 8x8 digits half a pixel
    around it: with these two roundings their own images stay where they are.
    """
    middle = frame / 2 if frame >= SMALL_SIDE else (frame - 1) / 2
    centre = float((np.arange(len(mass)) + 0.5) @ mass / mass.sum())
    return int(np.clip(np.ceil(middle - centre), 0, frame - len(mass)))


def _is_deep(picture: Image.Image) -> bool:
    """Whether a picture that is not decoded yet holds more than 8 bits for each number."""
    tiles = getattr(picture, "tile", ())  # what is to be decoded; gone once that is done
    return picture.mode in DEEP_MODES or any(DEEP_COLOURS.search(str(tile)) for tile in tiles)


def _from_deep(picture: Image.Image, name: str) -> Image.Image:
    """An image of 16-bit numbers, or of floats in [0, 1], in 8 bits. (Pillow's own conversion cuts at 255.)"""
    values = np.asarray(picture).astype(np.float64)
    white = 1.0 if picture.mode == "F" else 65535.0
    if not (values.min() >= 0 and values.max() <= white):  # false for NaN, too
        raise DataError(f"{name} has values outside 0..{white:g}: expected 8 or 16 bits, or floats in [0, 1]")
    return Image.fromarray(np.rint(values / white * MAX_VALUE).astype(np.uint8))
