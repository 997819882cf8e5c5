"""Any image file or drawing becomes what a model takes; what cannot be is refused before it is decoded."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vaeexplorer import pictures
from vaeexplorer.datasets import DataError, load, prepare_drawing, prepare_image

GREY = (1, 28, 28)
COLOUR = (3, 32, 32)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def noise(mode: str, size: tuple[int, int], seed: int = 0) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (channels, size[1], size[0]), np.uint8)
    return Image.merge(mode, [Image.fromarray(channel) for channel in pixels])


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG file from its rows, each a byte 0 and its numbers; colour 0 is grey, 2 RGB, 4 and 6 these with alpha."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no pixels."""
    return png(width, height, 8, 0, b"\0" * 100)


def test_an_image_of_the_right_size_passes_unchanged() -> None:
    for mode, shape in (("L", GREY), ("RGB", COLOUR)):
        picture = noise(mode, shape[:0:-1])
        x, words = prepare_image(encoded(picture), shape)
        expected = np.asarray(picture).reshape(*shape[1:], -1).transpose(2, 0, 1) / np.float32(255)
        np.testing.assert_array_equal(x, expected)
        assert (x.dtype, x.shape, words) == (np.float32, shape, "")


def test_bytes_path_and_pillow_image_are_alike(tmp_path: Path) -> None:
    picture = noise("RGB", (50, 40))
    path = tmp_path / "a.png"
    path.write_bytes(encoded(picture))
    results = [prepare_image(source, GREY) for source in (path.read_bytes(), path, picture)]
    for x, words in results[1:]:
        np.testing.assert_array_equal(x, results[0][0])
        assert words == results[0][1]


def test_it_is_fitted_into_the_middle_of_black() -> None:
    x, words = prepare_image(encoded(Image.new("L", (56, 28), "white")), GREY)
    assert (x[0, 7:21] == 1).all()
    assert not x[0, :7].any()
    assert not x[0, 21:].any()
    assert words == "scaled from 28x56 to 14x28, the rest black"


def test_grey_becomes_colour_and_colour_grey() -> None:
    x, words = prepare_image(encoded(noise("L", (32, 32))), COLOUR)
    np.testing.assert_array_equal(x[0], x[2])
    assert words == ""
    x, words = prepare_image(encoded(Image.new("RGB", (28, 28), (255, 0, 0))), GREY)
    assert x == pytest.approx(0.299, abs=0.002)  # the luma of red
    assert words == "made grey"
    assert prepare_image(encoded(noise("L", (28, 28)).convert("RGB")), GREY)[1] == ""  # nothing is lost


def test_exif_rotation_is_obeyed() -> None:
    picture = Image.new("L", (28, 28))
    picture.paste(255, (0, 0, 28, 14))  # the upper half is white
    exif = Image.Exif()
    exif[pictures.EXIF_ORIENTATION] = 6  # to be shown turned right by 90 degrees: white on the right
    x, words = prepare_image(encoded(picture, exif=exif.tobytes()), GREY)
    assert (x[0, :, 14:] == 1).all()
    assert not x[0, :, :14].any()
    assert words == "turned as its EXIF data say"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_black(mode: str) -> None:
    picture = Image.new("RGBA", (28, 28), (255, 255, 255, 0))  # white, but not to be seen
    picture.paste((255, 255, 255, 255), (0, 0, 28, 14))
    options = {"transparency": 0} if mode == "P" else {}
    if mode == "P":
        picture = Image.fromarray(np.repeat(np.uint8([1, 0]), 14)[:, None].repeat(28, 1)).convert("P")
        picture.putpalette([255] * 6)
    x, words = prepare_image(encoded(picture if mode == "P" else picture.convert(mode), **options), GREY)
    assert (x[0, :14] == 1).all()
    assert not x[0, 14:].any()
    assert words == "laid over black"


def test_sixteen_bits_keep_their_greys() -> None:
    values = np.linspace(0, 65535, 28 * 28).reshape(28, 28).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        x, words = prepare_image(encoded(Image.fromarray(values), kind), GREY)
        np.testing.assert_allclose(x[0], values / 65535, atol=0.5 / 255)
        assert words == "reduced to 8 bits"


@pytest.mark.parametrize(("colour", "numbers"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colours_are_said_to_be_reduced(colour: int, numbers: int) -> None:
    values = np.linspace(0, 65535, 28 * 28 * numbers).reshape(28, -1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    assert prepare_image(png(28, 28, 16, colour, rows), GREY)[1].split("; ")[0] == "reduced to 8 bits"
    eight = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in values)
    assert "8 bits" not in prepare_image(png(28, 28, 8, colour, eight), GREY)[1]


def test_an_image_that_fits_in_one_direction_is_not_called_scaled() -> None:
    x, words = prepare_image(encoded(Image.new("L", (28, 14), "white")), GREY)
    assert (x[0, 7:21] == 1).all()
    assert words == "14x28 pixels in the middle of 28x28, the rest black"


def test_float_tiffs_are_unit_floats_or_refused() -> None:
    values = np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(28, 28)
    np.testing.assert_allclose(prepare_image(encoded(Image.fromarray(values), "TIFF"), GREY)[0][0], values, atol=0.003)
    for wrong in (values * 255, values - 0.5, np.full_like(values, np.nan)):
        with pytest.raises(DataError, match=r"outside 0\.\.1: expected"):
            prepare_image(encoded(Image.fromarray(wrong), "TIFF"), GREY)


def test_cmyk_is_converted_and_said() -> None:
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    x, words = prepare_image(encoded(cyan, "TIFF"), COLOUR)
    np.testing.assert_array_equal(x[:, 0, 0], [0, 1, 1])
    assert words == "converted from CMYK to RGB"
    assert "CMYK" in prepare_image(encoded(cyan, "JPEG"), COLOUR)[1]


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("L", (28, 28), value) for value in (255, 0)]
    x, words = prepare_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), GREY)
    assert x.min() == 1
    assert words == "first of 2 frames"


def test_one_bit_and_palette_images_are_read() -> None:
    half = np.zeros((28, 28), bool)
    half[:14] = True
    for picture in (Image.fromarray(half), Image.fromarray(half).convert("P")):
        x, words = prepare_image(encoded(picture), GREY)
        np.testing.assert_array_equal(x[0], half)
        assert words == ""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read: expected an intact image"),
        (b"hello, I am a text", "cannot be read: expected an intact image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be read: expected an intact image"),
        (encoded(noise("L", (28, 28)))[:300], "is damaged"),
        (encoded(noise("RGB", (64, 64)), "JPEG")[:700], "is damaged"),
        (encoded(Image.new("L", (1, 1))), "is 1x1: expected at least 2 pixels a side"),
        (encoded(Image.new("L", (500, 1))), "is 500x1: expected at least 2 pixels a side"),
        (png_header(10_000, 10_000), "is 10,000x10,000: expected at most 50 megapixels"),
        (png_header(2**31 - 1, 2**31 - 1), "is too large: expected at most 50 megapixels"),
        (bytes(21 * 2**20), "has 21 MB: expected at most 20 MB"),
    ],
)
def test_what_is_no_usable_image_is_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        prepare_image(data, GREY)
    assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_not_decoded() -> None:
    bomb = encoded(Image.new("L", (10_000, 10_000)))  # 97 kB that would take 100 MB
    tracemalloc.start()
    with pytest.raises(DataError, match="10,000x10,000"):
        prepare_image(bomb, GREY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


@given(
    position=st.integers(0, 2000),
    value=st.integers(0, 255),
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]),
)
def test_a_changed_byte_never_does_more_than_refuse(position: int, value: int, kind: str) -> None:
    data = bytearray(encoded(noise("RGB", (40, 20)), kind))
    data[position % len(data)] = value
    try:
        x, _ = prepare_image(bytes(data), GREY)
    except DataError:
        return
    assert x.shape == GREY
    assert ((x >= 0) & (x <= 1)).all()


@given(width=st.integers(2, 90), height=st.integers(2, 90), rows=st.integers(2, 40), columns=st.integers(2, 40))
def test_fitting_keeps_the_proportions(width: int, height: int, rows: int, columns: int) -> None:
    x, words = prepare_image(Image.new("L", (width, height), "white"), (1, rows, columns))
    lit_rows, lit_columns = (int((x[0] > 0).any(axis=axis).sum()) for axis in (1, 0))
    scale = min(columns / width, rows / height)
    assert abs(lit_rows - height * scale) <= 1
    assert abs(lit_columns - width * scale) <= 1
    assert lit_rows == rows or lit_columns == columns
    assert bool(words) == ((height, width) != (rows, columns))


def drawn(height: int = 280, width: int = 280) -> np.ndarray:
    """A stroke that is not symmetric: an L."""
    strokes = np.zeros((height, width), np.float32)
    strokes[30:150, 20:40] = 1
    strokes[130:150, 20:90] = 1
    return strokes


def centre(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.arange(image.shape[0]) + 0.5, np.arange(image.shape[1]) + 0.5
    return float(image.sum(axis=1) @ rows / image.sum()), float(image.sum(axis=0) @ columns / image.sum())


def test_a_drawing_is_centred_as_mnist_centres_its_digits() -> None:
    x = prepare_drawing(drawn(), GREY)
    assert (x.dtype, x.shape, x.min(), x.max()) == (np.float32, GREY, 0, 1)
    assert all(14 <= middle < 15 for middle in centre(x[0]))  # true of every digit of MNIST
    rows, columns = ((x[0] > 0.05).any(axis=axis).sum() for axis in (1, 0))
    assert rows == 20  # 120 pixels tall: the longer side fills the box
    assert columns == pytest.approx(20 * 70 / 120, abs=1)


def test_where_and_how_large_one_draws_makes_no_difference() -> None:
    here = prepare_drawing(drawn(), GREY)
    np.testing.assert_allclose(prepare_drawing(np.roll(drawn(), (100, 170), (0, 1)), GREY), here, atol=1e-6)
    np.testing.assert_allclose(prepare_drawing(drawn().repeat(2, 0).repeat(2, 1), GREY), here, atol=0.1)
    np.testing.assert_allclose(prepare_drawing(drawn() * 0.5, GREY), here, atol=1e-6)


@given(
    top=st.integers(0, 200), left=st.integers(0, 200), rows=st.integers(1, 80), columns=st.integers(1, 80),
    shape=st.sampled_from([GREY, (1, 8, 8), (1, 28, 20), (3, 64, 64), (1, 33, 17)]),
)  # fmt: skip
def test_a_drawing_stays_in_its_frame(
    top: int, left: int, rows: int, columns: int, shape: tuple[int, int, int]
) -> None:
    strokes = np.zeros((280, 280), np.float32)
    strokes[top : top + rows, left : left + columns] = 1
    x = prepare_drawing(strokes, shape)
    assert x.shape == shape
    assert x.max() == 1
    assert centre(x[0]) == pytest.approx((shape[1] / 2, shape[2] / 2), abs=1.01)
    if min(shape[1:]) >= pictures.SMALL_SIDE:
        lit_rows, lit_columns = ((x[0] > 0).any(axis=axis).sum() for axis in (1, 0))
        assert lit_rows <= round(shape[1] * 20 / 28)
        assert lit_columns <= round(shape[2] * 20 / 28)


def test_the_digits_themselves_stay_as_they_are() -> None:
    """A drawing that looks like an image of the set must become that image. (MNIST's 60,000 do, to 1e-4 on average.)"""
    digits = load("digits").test[:, 0]
    redrawn = np.stack([prepare_drawing(digit, (1, 8, 8))[0] for digit in digits])
    assert np.abs(redrawn - digits).mean() < 0.1 * digits.mean()


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        (np.zeros((28, 28)), "nothing is drawn yet"),
        (np.full((28, 28), -1.0), "nothing is drawn yet"),
        (np.full((28, 28), np.nan), "draw it again"),
        (np.ones(784), "draw it again"),
        (np.zeros((0, 0)), "nothing is drawn yet"),
    ],
)
def test_what_is_no_drawing_is_refused(strokes: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare_drawing(strokes, GREY)
