"""Arrays of images in .npz and .npy files, and what is refused in them."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeexplorer import image_array
from vaeexplorer.datasets import DataError, load

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (40, 28, 20), np.uint8)
PHOTOGRAPHS = RNG.integers(0, 256, (40, 32, 32, 3), np.uint8)


def saved(folder: Path, *unnamed: Any, **named: Any) -> Path:
    """One array as .npy, several as .npz."""
    path = folder / ("images.npy" if unnamed else "images.npz")
    np.save(path, unnamed[0]) if unnamed else np.savez(path, **named)
    return path


def everything(path: Path) -> np.ndarray:
    """All images of the file in a fixed order, (N, C, H, W)."""
    images = load(path)
    both = np.concatenate([images.train, images.test])
    return both[np.lexsort(both.reshape(len(both), -1).T)]


def in_order(images: np.ndarray) -> np.ndarray:
    return images[np.lexsort(images.reshape(len(images), -1).T)]


def test_28x20_faces_and_32x32_photographs(tmp_path: Path) -> None:
    np.testing.assert_array_equal(everything(saved(tmp_path, FACES)), in_order(FACES[:, None]))
    assert load(tmp_path / "images.npy").preprocessing == "40x28x20 uint8 read as images x height x width"
    photographs = np.ascontiguousarray(PHOTOGRAPHS.transpose(0, 3, 1, 2))
    for array, words in (
        (PHOTOGRAPHS, "images x height x width x channels"),
        (photographs, "images x channels x height x width"),
    ):
        path = saved(tmp_path, array)
        np.testing.assert_array_equal(everything(path), in_order(photographs))
        assert load(path).preprocessing.endswith(f"read as {words}")


def test_a_tenth_is_held_out_with_its_labels(tmp_path: Path) -> None:
    names = np.array(["cat", "dog", "eel", "fox"])
    images = load(saved(tmp_path, images=FACES, labels=names[FACES[:, 0, 0] % 4]))
    assert (len(images.train), len(images.test)) == (36, 4)
    assert images.class_names == ("cat", "dog", "eel", "fox")
    for part, labels in ((images.train, images.train_labels), (images.test, images.test_labels)):
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, part[:, 0, 0, 0] % 4)


@pytest.mark.parametrize("keys", [("x", "y"), ("arr_0", "labels"), ("data", "targets"), ("x_train", "y_train")])
def test_the_usual_names_are_known(tmp_path: Path, keys: tuple[str, str]) -> None:
    images = load(saved(tmp_path, **{keys[0]: FACES, keys[1]: np.arange(40)[:, None] // 20 * 5}))
    assert images.class_names == ("0", "5")
    assert set(images.train_labels) == {0, 1}


def test_a_given_test_part_is_kept(tmp_path: Path) -> None:
    parts = {"x_train": FACES[:30], "x_test": FACES[30:], "y_train": np.arange(30) % 3, "y_test": np.arange(10) % 2}
    images = load(saved(tmp_path, **parts))
    np.testing.assert_array_equal(images.train[:, 0], FACES[:30])
    np.testing.assert_array_equal(images.test[:, 0], FACES[30:])
    np.testing.assert_array_equal(images.test_labels, np.arange(10) % 2)
    assert images.class_names == ("0", "1", "2")
    del parts["y_test"]
    assert load(saved(tmp_path, **parts)).class_names == ()


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.tile([-1, 4, 7, 4], 10), ("4", "7")),
        (np.tile([np.nan, 4, 7, 4], 10), ("4.0", "7.0")),
        (np.tile(["", "ape", "bee", "ape"], 10), ("ape", "bee")),
    ],
)
def test_images_without_a_label(tmp_path: Path, labels: np.ndarray, names: tuple[str, ...]) -> None:
    images = load(saved(tmp_path, images=FACES, labels=labels))
    assert images.class_names == names
    assert images.preprocessing.endswith("10 of 40 images have no label")
    found = np.concatenate([images.train_labels, images.test_labels])
    assert sorted(found) == [-1] * 10 + [0] * 20 + [1] * 10


def test_no_image_has_a_label(tmp_path: Path) -> None:
    images = load(saved(tmp_path, images=FACES, labels=np.full(40, -1)))
    assert images.train_labels is None and images.preprocessing.endswith("no image has a label")


def test_labels_that_are_measurements_are_not_classes(tmp_path: Path) -> None:
    many = np.zeros((1200, 4, 4), np.uint8)
    images = load(saved(tmp_path, x=many, y=np.arange(1200) / 7))
    assert images.train_labels is None
    assert images.preprocessing.endswith("labels not used, for they take 1,200 values")


@pytest.mark.parametrize(
    ("array", "expected", "words"),
    [
        (FACES > 99, (FACES > 99) * 255, "true made white"),
        ((FACES > 99).astype(np.int64), (FACES > 99) * 255, "0 and 1 made black and white"),
        (FACES.astype(np.int32), FACES, ""),
        (FACES.astype(">u2"), FACES, ""),
        ((FACES / 255).astype(np.float64), (FACES / 255).astype(np.float32), ""),
        ((FACES / 255).astype(np.float16), (FACES / 255).astype(np.float16).astype(np.float32), ""),
    ],
)
def test_types_and_scales(array: np.ndarray, expected: np.ndarray, words: str) -> None:
    images, said = image_array.as_images(array, "a")
    assert images.dtype == (np.float32 if array.dtype.kind == "f" else np.uint8)
    np.testing.assert_array_equal(images[:, 0], expected)
    assert said.partition("; ")[2] == words


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (FACES.reshape(40, -1), "is 40x560: expected NxHxW, NxCxHxW or NxHxWxC"),
        (np.zeros((40, 2, 8, 8)), "is 40x2x8x8: expected NxHxW"),
        (np.zeros((40, 8, 8, 4)), "is 40x8x8x4: expected NxHxW"),
        (np.zeros((2, 3, 4, 5, 6)), "expected NxHxW"),
        (np.float64(3.0), "is a single number: expected NxHxW"),
        (np.zeros((40, 1, 8)), "expected images of at least 2x2"),
        (np.zeros((0, 8, 8)), "expected images of at least 2x2"),
        (np.zeros((9, 8, 8)), "holds 9 images: expected at least 10"),
        (FACES.astype(np.float32), "has values from 0 to 255: expected floats in"),
        (np.where(FACES > 99, np.nan, 0.5), "has values from nan to nan: expected floats in"),
        (np.where(FACES > 99, np.inf, 0.5), "to inf: expected floats in"),
        (FACES / 255 - 0.1, "expected floats in"),
        (FACES.astype(np.int16) * 2, r"has values from 0 to 510: expected integers in 0\.\.255"),
        (FACES.astype(np.int16) - 1, "has values from -1 to 254: expected integers"),
        (FACES * 1j, "is of type complex128: expected uint8, bool or floats"),
        (FACES.astype(str), "is of type <U3: expected uint8"),
        (FACES.astype("M8[s]"), "is of type datetime64"),
        (np.zeros((40, 8, 8), [("r", "u1"), ("g", "u1")]), "is of type .*expected uint8"),
        (FACES.astype(object), "holds Python objects, which are never read: save plain numbers"),
    ],
)
def test_what_is_no_array_of_images_is_refused_in_one_line(tmp_path: Path, array: Any, message: str) -> None:
    for path in (saved(tmp_path, array), saved(tmp_path, images=array)):
        with pytest.raises(DataError, match=message) as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weights": FACES, "other": FACES}, "holds weights, other: expected the images under images, x, or"),
        ({}, "holds nothing: expected the images under"),
        ({"x": FACES, "y": np.zeros(39)}, "holds 39 labels for 40 images: expected one for each"),
        ({"x": FACES, "y": np.zeros((40, 10))}, "holds 400 labels for 40 images"),
        ({"x_train": FACES, "x_test": FACES[:, :20]}, "differ, 1x28x20 uint8 and 1x20x20 uint8: expected"),
        ({"x_train": FACES, "x_test": FACES / 255}, "differ, 1x28x20 uint8 and 1x28x20 float32: expected"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(saved(tmp_path, **arrays))


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "executed")


def test_pickles_are_never_executed(tmp_path: Path) -> None:
    written = tmp_path / "written"
    bomb = np.full((20, 8, 8), Bomb(written), dtype=object)
    raw = tmp_path / "raw.npy"
    raw.write_bytes(pickle.dumps(Bomb(written)))
    named_npz = tmp_path / "raw.npz"
    named_npz.write_bytes(pickle.dumps(Bomb(written)))
    arrays = tmp_path / "labels.npz"
    np.savez(arrays, x=FACES, y=bomb)
    np.save(tmp_path / "objects.npy", bomb, allow_pickle=True)
    for path in (raw, named_npz, arrays, tmp_path / "objects.npy"):
        with pytest.raises(DataError, match="Python objects, which are never read"):
            load(path)
    assert not written.exists()
    pickle.loads(raw.read_bytes())
    assert written.exists()  # it would have been


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros((40, 256, 256), np.uint8))
    monkeypatch.setattr(image_array, "MOST_BYTES", 2**20)
    with pytest.raises(DataError, match=r"bomb\.npz unpacks to"):
        load(path)


def test_a_member_with_a_lying_header_is_refused(tmp_path: Path) -> None:
    """A header that claims more numbers than there are, or than memory could hold."""
    header = str({"descr": "|u1", "fortran_order": False, "shape": (10**12, 8, 8)}).encode().ljust(117) + b"\n"
    claim = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100)
    (tmp_path / "lie.npy").write_bytes(claim)
    with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive:
        archive.writestr("x.npy", claim)
    for name in ("lie.npy", "lie.npz"):
        with pytest.raises(DataError, match="holds no intact array"):
            load(tmp_path / name)


@given(
    cut=st.integers(0, 2300),
    position=st.integers(0, 2300),
    value=st.integers(0, 255),
    kind=st.sampled_from(["npy", "npz"]),
)
def test_a_damaged_file_never_does_more_than_refuse(
    tmp_path_factory: pytest.TempPathFactory, cut: int, position: int, value: int, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = saved(folder, FACES[:, :6, :6]) if kind == "npy" else saved(folder, x=FACES[:, :6, :6])
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data[: len(data) - cut % len(data) if cut % 2 else len(data)])
    try:
        images = load(path)
    except DataError:
        return
    assert images.train.dtype in (np.uint8, np.float32)
    assert images.train.shape[1] in (1, 3)
