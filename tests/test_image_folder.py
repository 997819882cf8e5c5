"""A folder of images becomes a data set; one bad file is named in one line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaeexplorer.datasets import DataError, ImageSet, load


def fill(folder: Path, count: int = 20, size: tuple[int, int] = (20, 28), mode: str = "L", suffix: str = "png") -> Path:
    """Write `count` images of width x height, each of one grey value of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", size, 10 + number).convert(mode).save(folder / f"{number:03}.{suffix}")
    return folder


def values(images: ImageSet) -> list[int]:
    """The middle pixel of each image, training images first."""
    both = np.concatenate([images.train, images.test])
    return both[:, 0, both.shape[2] // 2, both.shape[3] // 2].tolist()


def test_images_of_one_size_keep_it(tmp_path: Path) -> None:
    images = load(fill(tmp_path / "faces"))
    assert (images.train.shape, images.test.shape) == ((18, 1, 28, 20), (2, 1, 28, 20))
    assert images.train.dtype == np.uint8
    assert sorted(values(images)) == list(range(10, 30))
    assert (images.title, images.class_names, images.train_labels, images.preprocessing) == ("faces", (), None, "")


def test_the_split_is_the_same_each_time(tmp_path: Path) -> None:
    fill(tmp_path)
    assert values(load(tmp_path)) == values(load(tmp_path))
    assert values(load(tmp_path)) != sorted(values(load(tmp_path)))  # and mixed


def test_subfolders_are_the_classes(tmp_path: Path) -> None:
    fill(tmp_path / "cats", 8, (16, 16))
    fill(tmp_path / "dogs" / "small", 7, (16, 16))
    (tmp_path / "empty").mkdir()
    images = load(tmp_path)
    assert images.class_names == ("cats", "dogs")
    assert np.bincount(np.concatenate([images.train_labels, images.test_labels])).tolist() == [8, 7]
    assert images.train_labels.dtype == np.int64
    Image.new("L", (16, 16), 200).save(tmp_path / "cats" / "bright.png")
    images = load(tmp_path)
    labels = np.concatenate([images.train_labels, images.test_labels])
    assert labels[values(images).index(200)] == 0


def test_images_beside_the_subfolders_mean_no_classes(tmp_path: Path) -> None:
    fill(tmp_path / "cats", 8, (16, 16))
    fill(tmp_path, 4, (16, 16))
    images = load(tmp_path)
    assert (images.class_names, images.train_labels) == ((), None)
    assert images.preprocessing == "no classes, for 4 images lie outside the subfolders"


def test_differing_sizes_are_fitted_and_said(tmp_path: Path) -> None:
    fill(tmp_path, 10, (64, 64))
    Image.new("L", (100, 50), 255).save(tmp_path / "wide.png")
    images = load(tmp_path)
    assert images.image_shape == (1, 64, 64)
    assert images.preprocessing == "1 of 11 images fitted into 64x64 pixels on black"
    wide = next(image for image in np.concatenate([images.train, images.test])[:, 0] if image[32, 32] == 255)
    assert (wide[16:48] == 255).all()
    assert not wide[:16].any()
    assert not wide[48:].any()
    assert load(tmp_path, image_size=32).image_shape == (1, 32, 32)


def test_large_images_are_fitted_though_alike(tmp_path: Path) -> None:
    assert load(fill(tmp_path / "a", 10, (128, 100))).image_shape == (1, 100, 128)
    images = load(fill(tmp_path / "b", 10, (129, 100)))
    assert images.image_shape == (1, 64, 64)
    assert images.preprocessing == "10 of 10 images fitted into 64x64 pixels on black"


def test_grey_images_in_colour_files_are_grey_and_one_coloured_makes_all_colour(tmp_path: Path) -> None:
    assert load(fill(tmp_path, 12, mode="RGB")).image_shape == (1, 28, 20)
    Image.new("RGB", (20, 28), (1, 2, 3)).save(tmp_path / "colour.png")
    images = load(tmp_path)
    assert images.image_shape == (3, 28, 20)
    assert [1, 2, 3] in np.concatenate([images.train, images.test])[:, :, 0, 0].tolist()


def test_every_usual_format_is_read(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "GIF", "bmp", "tiff", "webp", "pgm"):
        fill(tmp_path / suffix, 2, (16, 16), suffix=suffix)
    images = load(tmp_path)
    assert len(images.train) + len(images.test) == 14


def test_a_cmyk_image_is_converted_and_said(tmp_path: Path) -> None:
    fill(tmp_path, 12)
    Image.new("CMYK", (20, 28), (255, 0, 0, 0)).save(tmp_path / "print.tif")
    images = load(tmp_path)
    assert images.preprocessing == "1 of 13 images converted from CMYK to RGB"
    assert [0, 255, 255] in np.concatenate([images.train, images.test])[:, :, 0, 0].tolist()


def test_other_files_are_skipped_and_named_hidden_ones_not(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_text("")
    assert load(tmp_path).preprocessing == "skipped notes.txt: not image files"
    for number in range(4):
        (tmp_path / f"z{number}.csv").write_text("1,2")
    assert load(tmp_path).preprocessing == "skipped notes.txt, z0.csv, z1.csv and 2 more: not image files"


def broken_png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 20), np.uint8)).save(stream, "PNG")
    return stream.getvalue()[:200]


def tiny_png() -> bytes:
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (broken_png(), r"bad\.png is damaged: its pixels cannot be decoded; save it again or take it out"),
        (tiny_png(), r"bad\.png is 1x1: expected at least 2 pixels a side; take a larger one"),
        (b"I am a text", r"bad\.png cannot be read: expected an intact image, one of PNG"),
        (b"", r"bad\.png cannot be read: expected an intact image"),
    ],
)
@pytest.mark.parametrize("image_size", [None, 32])
def test_a_bad_image_is_named_in_one_line(tmp_path: Path, data: bytes, message: str, image_size: int | None) -> None:
    fill(tmp_path)
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, image_size=image_size)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [0, 9])
def test_too_few_images_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(DataError, match=f"has {count} image files: expected at least 10"):
        load(fill(tmp_path, count))
    fill(tmp_path, 10)
    assert len(load(tmp_path).test) == 1


def test_progress_is_reported(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    load(fill(tmp_path, 200, (4, 4)), progress=lambda fraction, text: told.append((fraction, text)))
    assert told == [(0.5, "100 of 200 images read"), (1.0, "200 of 200 images read")]
