"""torchvision's sets: found in its layout, downloaded with progress, and damaged files named in one line."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import pickle
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaeexplorer import datasets, torchvision_sets
from vaeexplorer.datasets import DATASETS, DataError, load

RNG = np.random.default_rng(0)
TORCHVISION = [name for name, entry in DATASETS.items() if entry.source == "torchvision"]
FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def arrays(train: int = 30, test: int = 12) -> list[np.ndarray]:
    """Images and labels of both parts, in the order of the files."""
    return [
        array
        for count in (train, test)
        for array in (RNG.integers(0, 256, (count, 28, 28), np.uint8), RNG.integers(0, 10, count).astype(np.uint8))
    ]


def write_idx(folder: Path, parts: list[np.ndarray], names: tuple[str, ...] = torchvision_sets.MNIST_FILES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(names, parts, strict=True):
        (folder / f"{name}-ubyte").write_bytes(idx(part))


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("layout", ["raw", "."])
def test_the_mnist_family_is_found(tmp_path: Path, name: str, layout: str) -> None:
    assert not datasets.available(name, tmp_path)
    parts = arrays()
    write_idx(tmp_path / FOLDERS[name] / layout, parts)
    images = load(name, tmp_path)
    np.testing.assert_array_equal(images.train[:, 0], parts[0])
    np.testing.assert_array_equal(images.train_labels, parts[1])
    np.testing.assert_array_equal(images.test[:, 0], parts[2])
    np.testing.assert_array_equal(images.test_labels, parts[3])
    assert images.train_labels.dtype == np.int64
    assert images.train.flags.writeable
    assert (images.name, images.class_names, images.preprocessing) == (name, DATASETS[name].classes, "")
    assert [datasets.available(other, tmp_path) for other in FOLDERS] == [other == name for other in FOLDERS]


def test_torchvision_reads_the_same(tmp_path: Path) -> None:
    from torchvision.datasets import EMNIST, MNIST

    parts = arrays()
    write_idx(tmp_path / "MNIST" / "raw", parts)
    write_idx(tmp_path / "EMNIST" / "raw", parts, torchvision_sets.EMNIST_FILES)
    images, theirs = load("mnist", tmp_path), MNIST(tmp_path)
    np.testing.assert_array_equal(images.train[:, 0], theirs.data.numpy())
    assert len(images.class_names) == len(MNIST.classes)
    letters = EMNIST(tmp_path, "balanced", train=False)
    np.testing.assert_array_equal(load("emnist", tmp_path).test[:, 0], letters.data.numpy().transpose(0, 2, 1))
    assert load("emnist", tmp_path).class_names == tuple(letters.classes)


def test_the_environment_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "MNIST" / "raw", arrays())
    monkeypatch.setenv("VAEEXPLORER_DATA", str(tmp_path))
    assert datasets.available("mnist")
    assert len(load("mnist").test) == 12
    monkeypatch.delenv("VAEEXPLORER_DATA")
    monkeypatch.chdir(tmp_path)
    assert not datasets.available("mnist")
    (tmp_path / "MNIST").rename(tmp_path / "moved")
    (tmp_path / "data").mkdir()
    (tmp_path / "moved").rename(tmp_path / "data" / "MNIST")
    assert datasets.available("mnist")


def test_compressed_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    parts = arrays()
    write_idx(folder, parts)
    for path in list(folder.iterdir())[:3]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    np.testing.assert_array_equal(load("mnist", tmp_path).train[:, 0], parts[0])


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_missing_set_says_what_where_and_how(tmp_path: Path, name: str) -> None:
    source = DATASETS[name].loader
    with pytest.raises(DataError) as caught:
        load(name, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (source.folder, source.wanted, str(tmp_path), "$VAEEXPLORER_DATA", "--data-dir", "--download"):
        assert word in message
    assert not datasets.available(name, tmp_path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-1], r"train-images-idx3-ubyte is damaged: expected 23,536 bytes, found 23,535; delete it"),
        (lambda data: data + b"x", "is damaged: expected 23,536 bytes, found 23,537"),
        (lambda data: data[:10], "is not an idx file of bytes: delete it and use --download"),
        (lambda data: b"", "is not an idx file of bytes"),
        (lambda data: b"<html>404</html>", "is not an idx file of bytes"),
        (lambda data: data[:2] + b"\x0d" + data[3:], "is not an idx file of bytes"),  # floats
        (
            lambda data: data[:4] + b"\xff" * 12 + data[16:],
            "is damaged: expected 79,228,162,458,924,105,385,300,197,391",
        ),
        (lambda data: idx(np.zeros(30)), "are no images and labels: delete both"),
        (lambda data: idx(np.zeros((29, 28, 28))), "is damaged: 29 images but 30 labels"),
        (lambda data: idx(np.zeros((30, 28, 20))), r"of MNIST are damaged: expected images of \(1, 28, 28\)"),
        (lambda data: idx(np.zeros((0, 28, 28))), "is damaged: 0 images but 30 labels"),
    ],
)
def test_damaged_idx_files_are_named_in_one_line(tmp_path: Path, spoil: Any, message: str) -> None:
    write_idx(tmp_path / "MNIST" / "raw", arrays())
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=message) as caught:
        load("mnist", tmp_path)
    assert "\n" not in str(caught.value)


def test_labels_beyond_the_classes_are_refused(tmp_path: Path) -> None:
    parts = arrays()
    parts[3][5] = 10
    write_idx(tmp_path / "MNIST" / "raw", parts)
    with pytest.raises(DataError, match=r"the files of MNIST are damaged: .* of 10 classes"):
        load("mnist", tmp_path)


def test_a_damaged_gz_is_named(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw", arrays())
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    for damaged in (packed[:100], b"text", packed[:50] + bytes(50) + packed[100:]):
        path.with_name(path.name + ".gz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"ubyte\.gz cannot be read .*: delete it and use --download"):
            load("mnist", tmp_path)


def cifar_files(folder: Path) -> dict[str, np.ndarray]:
    """Small files as CIFAR-10's: the pixels (N, 3, 32, 32) by file name; each image is labelled by its first pixel."""
    folder.mkdir(parents=True)
    pixels = {}
    for name in [path.rpartition("/")[2] for path in torchvision_sets.CIFAR_FILES]:
        pixels[name] = RNG.integers(0, 10, (4, 3, 32, 32), np.uint8)
        entry = {"data": pixels[name].reshape(4, -1), "labels": pixels[name][:, 0, 0, 0].tolist()}
        (folder / name).write_bytes(pickle.dumps(entry))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(DATASETS["cifar10"].classes)}))
    return pixels


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("place", [".", "CIFAR10", "cifar10"])
def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    from torchvision.datasets import CIFAR10

    folder = tmp_path / place / "cifar-10-batches-py"
    pixels = cifar_files(folder)
    with pytest.raises(DataError, match=r"CIFAR10 under .* cannot be read \(Dataset not found or corrupted"):
        load("cifar10", tmp_path)  # the checksums are not the published ones, so nothing was unpickled
    names = [f"data_batch_{number}" for number in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(folder / name)] for name in names])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(folder / "test_batch")]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(folder / "batches.meta")})
    assert datasets.available("cifar10", tmp_path)
    images = load("cifar10", tmp_path)
    np.testing.assert_array_equal(images.train, np.concatenate([pixels[name] for name in names]))
    np.testing.assert_array_equal(images.test, pixels["test_batch"])
    np.testing.assert_array_equal(images.train_labels, images.train[:, 0, 0, 0])
    assert images.train_labels.dtype == np.int64
    (folder / "data_batch_3").unlink()
    assert not datasets.available("cifar10", tmp_path)


def test_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    pixels, split_list = {}, {}
    for part in ("train", "test"):
        path = tmp_path / f"{part}_32x32.mat"
        pixels[part] = RNG.integers(1, 11, (32, 32, 3, 5), np.uint8)
        savemat(path, {"X": pixels[part], "y": pixels[part][0, 0, 0][:, None]})
        split_list[part] = ["", path.name, md5(path)]
    monkeypatch.setattr(SVHN, "split_list", split_list)
    images = load("svhn", tmp_path)
    np.testing.assert_array_equal(images.test, pixels["test"].transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(images.test_labels, images.test[:, 0, 0, 0] % 10)  # 10 stands for a nought


def test_celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CelebA

    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(9)]
    for number, name in enumerate(names):
        picture = Image.new("RGB", (178, 218), (255, 0, 0))
        picture.paste((0, 20 * number, 0), (15, 35, 163, 183))  # the face: 148x148 pixels in the middle
        picture.save(folder / "img_align_celeba" / name, quality=100, subsampling=0)
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {number % 3}\n" for number, name in enumerate(names))
    )
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} 1\n" for name in names))
    for name in ("list_attr_celeba.txt", "list_bbox_celeba.txt", "list_landmarks_align_celeba.txt"):
        (folder / name).write_text("9\na b\n" + "".join(f"{image} 1 -1\n" for image in names))
    monkeypatch.setattr(CelebA, "file_list", [("", md5(path), path.name) for path in folder.glob("*.txt")])
    images = load("celeba", tmp_path)
    assert (images.train.shape, images.test.shape) == (
        (3, 3, 64, 64),
        (3, 3, 64, 64),
    )  # the validation part is left out
    assert images.train[:, 0].max() < 60  # nothing of the red margin
    np.testing.assert_allclose(images.test[:, 1, 32, 32], [40, 100, 160], atol=4)
    assert images.train_labels is None
    assert images.preprocessing == "the middle 148x148 pixels made 64x64"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[np.ndarray]]:
    """A server of a small MNIST that torchvision downloads from; its arrays."""
    from torchvision.datasets import MNIST

    folder, parts = tmp_path / "server", arrays(3000)
    folder.mkdir()
    resources = []
    for name, part in zip(torchvision_sets.MNIST_FILES, parts, strict=True):
        path = folder / f"{name}-ubyte.gz"
        path.write_bytes(gzip.compress(idx(part)))
        resources.append((path.name, md5(path)))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: Any) -> None:
            """torchvision asks for each file twice and hangs up the first time."""

    server = Server(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(MNIST, "resources", resources)
    yield parts
    server.shutdown()
    server.server_close()


def test_a_download_reports_its_progress(
    tmp_path: Path, mirror: list[np.ndarray], capfd: pytest.CaptureFixture[str]
) -> None:
    from torchvision.datasets import utils

    told: list[tuple[float, str]] = []
    bar = utils.tqdm
    images = load("mnist", tmp_path / "data", download=True, progress=lambda *news: told.append(news))
    np.testing.assert_array_equal(images.train[:, 0], mirror[0])
    assert (tmp_path / "data" / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file()
    fractions = [fraction for fraction, _ in told]
    assert fractions.count(1.0) == 4  # each file to its end
    assert 0 < min(fractions) < 0.5
    assert told[0][1].startswith("MNIST: 0.0 MB of this file downloaded")
    assert utils.tqdm is bar
    assert capfd.readouterr().err == ""
    told.clear()
    load("mnist", tmp_path / "data", download=True, progress=lambda *news: told.append(news))
    assert told == []  # what is there is not downloaded again


def test_a_failed_download_says_why_in_one_line(
    tmp_path: Path, mirror: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import MNIST, utils

    bar = utils.tqdm
    monkeypatch.setattr(MNIST, "resources", [(MNIST.resources[0][0], "0" * 32), *MNIST.resources[1:]])
    with pytest.raises(
        DataError,
        match=r"MNIST could not be downloaded .*not found or corrupted.*: check the connection and try again, or put",
    ) as caught:
        load("mnist", tmp_path / "data", download=True, progress=lambda *news: None)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DataError, match="could not be downloaded"):
        load("mnist", tmp_path / "data", download=True)
    assert utils.tqdm is bar
    assert not datasets.available("mnist", tmp_path / "data")


def test_a_download_can_be_stopped(tmp_path: Path, mirror: list[np.ndarray]) -> None:
    def stop(fraction: float, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("mnist", tmp_path / "data", download=True, progress=stop)
    assert not datasets.available("mnist", tmp_path / "data")
    np.testing.assert_array_equal(load("mnist", tmp_path / "data", download=True).test[:, 0], mirror[2])
