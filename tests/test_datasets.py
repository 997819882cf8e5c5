"""Loading by name or path, and what every set has in common."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vaeexplorer import datasets
from vaeexplorer.datasets import DATASETS, DataError, ImageSet, load, unit_floats
from vaeexplorer.image_set import held_out_tenth, pad_to_multiple

EMBEDDED = [name for name, entry in DATASETS.items() if entry.source == "embedded"]


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load("digits")


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_set_is_as_its_entry_says(name: str) -> None:
    entry, images = DATASETS[name], load(name)
    assert (images.name, images.title, images.licence, images.image_shape) == (
        name, entry.title, entry.licence, entry.shape,
    )  # fmt: skip
    assert images.class_names == entry.classes
    assert len(images.train) == entry.train_images
    for part, labels in ((images.train, images.train_labels), (images.test, images.test_labels)):
        assert part.shape == (len(labels), *entry.shape)
        assert labels.dtype == np.int64
        assert set(np.unique(labels)) == set(range(len(entry.classes)))
        floats = unit_floats(part[:2000])
        assert floats.dtype == np.float32
        assert (floats.min(), floats.max()) == (0, 1)
    assert datasets.available(name, "no such folder")


@pytest.mark.parametrize("entry", DATASETS.values(), ids=list(DATASETS))
def test_every_entry_is_complete(entry: datasets.DatasetEntry) -> None:
    channels, height, width = entry.shape
    assert channels in (1, 3)
    assert min(height, width) >= 8
    assert entry.title
    assert entry.licence
    assert entry.train_images > 1000
    assert len(set(entry.classes)) == len(entry.classes)


def test_digits_are_all_of_scikit_learns(digits: ImageSet) -> None:
    from sklearn.datasets import load_digits

    assert (len(digits.train), len(digits.test)) == (1437, 360)
    both = np.concatenate([digits.train, digits.test])
    assert sorted(map(bytes, (both * 16).astype(np.uint8))) == sorted(map(bytes, load_digits().images.astype(np.uint8)))
    shares = np.bincount(digits.train_labels) / np.bincount(np.concatenate([digits.train_labels, digits.test_labels]))
    np.testing.assert_allclose(shares, 0.8, atol=0.005)  # of each class alike


def test_digits_are_split_the_same_way_for_good(digits: ImageSet) -> None:
    """A published test figure means something only while its test images stay the same."""
    digest = hashlib.sha256((digits.test * 16).astype(np.uint8).tobytes() + digits.test_labels.tobytes()).hexdigest()
    assert digest[:16] == "3ea49a6c5c1f0810"


def test_an_unknown_name_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(DataError) as caught:
        load("fashion_mnist")
    message = str(caught.value)
    assert "\n" not in message
    assert all(name in message for name in DATASETS)
    assert "path" in message
    assert message.endswith("did you mean fashion-mnist?")


def test_a_name_like_no_other_has_no_guess() -> None:
    with pytest.raises(DataError, match=r"no data set 'qqqqqqqq'.*npy file$"):
        load("qqqqqqqq")


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "../../etc/nothing", "nothing.npz"])
def test_a_name_that_no_file_has_is_unknown(name: str) -> None:
    with pytest.raises(DataError, match="no data set"):
        load(name)
    assert not datasets.available(name)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(DataError, match=r"notes\.txt is a file of another kind: expected a folder"):
        load(path)
    assert not datasets.available(path)


def test_paths_load_and_are_available(tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", np.random.default_rng(0).integers(0, 256, (20, 28, 20), np.uint8))
    images = load(str(tmp_path / "faces.npy"))
    assert images.image_shape == (1, 28, 20)
    assert load(images.name).train.tobytes() == images.train.tobytes()
    assert datasets.available(tmp_path / "faces.npy")
    assert datasets.available(tmp_path)
    assert not datasets.available(tmp_path / "other.npy")


def test_padding_puts_the_image_in_the_middle_of_black_and_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", np.full((20, 28, 20), 200, np.uint8))
    images = load(tmp_path / "faces.npy", multiple=16)
    assert images.image_shape == (1, 32, 32)
    assert (images.train[:, :, 2:30, 6:26] == 200).all()
    assert images.train.sum() == 200 * 28 * 20 * len(images.train)
    assert images.preprocessing.endswith("padded with black from 28x20 to 32x32")


@given(height=st.integers(2, 40), width=st.integers(2, 40), multiple=st.integers(1, 20))
def test_padding_is_the_least_that_does(height: int, width: int, multiple: int) -> None:
    ones = np.ones((3, 1, height, width), np.float32)
    padded = pad_to_multiple(ImageSet("a", "A", "", ones, ones[:1]), multiple)
    _, rows, columns = padded.image_shape
    assert rows % multiple == columns % multiple == 0
    assert 0 <= rows - height < multiple
    assert 0 <= columns - width < multiple
    assert padded.train.sum() == ones.sum()
    assert bool(padded.preprocessing) == ((rows, columns) != (height, width))


def test_image_size_fits_any_set(tmp_path: Path) -> None:
    wide = np.zeros((20, 10, 20), np.uint8)
    wide[:, :, :10] = 255  # left half white
    np.save(tmp_path / "wide.npy", wide)
    images = load(tmp_path / "wide.npy", image_size=40)
    assert images.image_shape == (1, 40, 40)
    assert (images.test[:, 0, 12:28, 2:18] > 240).all()
    assert not images.test[:, 0, :10].any()
    assert images.test[:, 0, :, 22:].max() < 20  # the filter rings a little
    assert "fitted from 10x20 into 40x40 pixels on black" in images.preprocessing


def test_image_size_keeps_floats_in_their_range(digits: ImageSet) -> None:
    images = load("digits", image_size=16)
    assert images.train.dtype == np.float32
    assert (images.train.min(), images.train.max()) == (0, 1)
    assert images.train[:50].mean() == pytest.approx(digits.train[:50].mean(), abs=0.01)
    assert load("digits", image_size=8).train.tobytes() == digits.train.tobytes()


@pytest.mark.parametrize("options", [{"image_size": 0}, {"image_size": -3}, {"multiple": 0}])
def test_impossible_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(DataError, match="expected at least"):
        load("digits", **options)


@given(count=st.integers(10, 300))
def test_a_tenth_is_held_out_and_always_the_same(count: int) -> None:
    images = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    whole = ImageSet("a", "A", "", images, images[:0], np.arange(count))
    parts = [held_out_tenth(whole) for _ in range(2)]
    assert len(parts[0].test) == count // 10
    assert sorted(np.concatenate([parts[0].train, parts[0].test]).ravel()) == list(range(count))
    np.testing.assert_array_equal(parts[0].train_labels, parts[0].train.ravel())
    np.testing.assert_array_equal(parts[0].test_labels, parts[0].test.ravel())
    np.testing.assert_array_equal(parts[0].test, parts[1].test)


def test_unit_floats() -> None:
    np.testing.assert_array_equal(unit_floats(np.array([0, 51, 255], np.uint8)), np.array([0, 0.2, 1], np.float32))
    halves = np.array([0, 0.5], np.float32)
    assert unit_floats(halves) is halves


def test_messages_are_one_line() -> None:
    assert str(DataError("a\n  b")) == "a b"


def test_torch_is_not_imported() -> None:
    """A page that shows digits must not wait for torch; nor do the MNIST files need it."""
    code = "import sys, vaeexplorer.datasets as d; d.load('digits'); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.strip() == "False"


def test_a_10_000_pixel_image_in_a_folder_is_one_line_and_no_warning(tmp_path: Path) -> None:
    """As the command line meets it: nothing else may reach the terminal."""
    for number in range(10):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    Image.new("L", (10_000, 10_000)).save(tmp_path / "huge.png")
    code = (
        f"import vaeexplorer.datasets as d\ntry: d.load({str(tmp_path)!r})\nexcept d.DataError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stderr == ""
    assert "huge.png is 10,000x10,000: expected at most 50 megapixels" in done.stdout
