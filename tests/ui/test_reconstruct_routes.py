"""The Reconstruct page's addresses: the documents, every bad upload and wrong number; one line, never a traceback."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.ui.client import Answer, get, post
from tests.ui.models import write_model
from vaeexplorer import checkpoints, datasets
from vaeexplorer.image_set import image_seed

pytestmark = pytest.mark.usefixtures("models")
MB = 2**20
OFFSETS = ("original", "seen", "mean", "draws", "spread", "code_mean", "code_std", "kl_per_dimension")
TERMS = ("elbo", "reconstruction", "kl")


def gallery(indices: Any, model: str = "tiny", **more: Any) -> Answer:
    return post("/vaex/reconstructions", json.dumps({"indices": indices, **more}).encode(), model=model)


def one(kind: str, body: Any, model: str = "tiny", **query: Any) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return post("/vaex/reconstructions/one", data, model=model, kind=kind, **query)


def unpack(answer: Answer) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays that it names."""
    assert answer.status == 200, answer.content[:300]
    (length,) = struct.unpack("<I", answer.content[:4])
    header, body = json.loads(answer.content[4 : 4 + length]), answer.content[4 + length :]
    count, pictures, dims = header["count"], header["shape"], header["latent_dim"]
    shapes = dict.fromkeys(OFFSETS, (count, *pictures)) | {"draws": (count, header["shown"], *pictures)}
    shapes |= dict.fromkeys(OFFSETS[5:], (count, dims))
    kinds = dict.fromkeys(OFFSETS, "u1") | dict.fromkeys(OFFSETS[4:], "<f4")
    assert all(header[name] % 8 == 0 for name in OFFSETS)
    return header, {
        name: np.frombuffer(body, kinds[name], int(np.prod(shapes[name])), header[name]).reshape(shapes[name])
        for name in OFFSETS
    }


def words(answer: Answer) -> str:
    (item,) = unpack(answer)[0]["items"]
    text: str = item["words"]
    return text


# The gallery


@pytest.mark.parametrize("model", ["tiny", "bits", "correlated"])
def test_the_gallery_is_what_evaluation_says(models: Path, model: str) -> None:
    from vaeexplorer import evaluation

    found, indices = datasets.load("digits"), [7, 0, 359]
    header, arrays = unpack(gallery(indices, model, seed=5, samples=20, shown=2))
    vae = checkpoints.load(models / f"{model}.safetensors")
    record = evaluation.reconstruct(vae, found.test[indices], [image_seed(5, index) for index in indices], 20, 2)
    assert np.array_equal(arrays["original"], np.rint(found.test[indices] * 255))
    for name in ("seen", "mean", "draws"):
        assert np.array_equal(arrays[name], np.rint(getattr(record, name) * 255))
    assert np.array_equal(arrays["spread"], record.spread)
    for row, (item, code) in enumerate(zip(header["items"], record.codes, strict=True)):
        assert item["index"] == indices[row]
        assert item["label"] == str(found.test_labels[indices[row]])
        assert item["title"] == f"test image {indices[row]} (a “{item['label']}”)"
        assert [item[term] for term in TERMS] == [getattr(code, term).to_dict() for term in TERMS]
        assert np.array_equal(arrays["code_mean"][row], code.mean)
        assert np.array_equal(arrays["code_std"][row], code.std)
        assert np.allclose(arrays["kl_per_dimension"][row], code.kl_per_dimension)
    assert {key: header[key] for key in ("count", "samples", "shown", "seed", "shape", "latent_dim", "likelihood")} == {
        "count": 3, "samples": 20, "shown": 2, "seed": 5, "shape": [1, 8, 8], "latent_dim": 3,
        "likelihood": vae.config.likelihood,
    }  # fmt: skip


def test_the_gallery_says_the_same_as_encode() -> None:
    (item,) = unpack(gallery([12]))[0]["items"]
    answer = post("/vaex/encode", b'{"index": 12}', model="tiny", kind="data").json
    assert [item[term] for term in TERMS] == [answer[term] for term in TERMS]
    assert item["words"] == answer["words"] == words(one("data", {"index": 12}))


def test_asking_again_gives_the_same_and_another_seed_another() -> None:
    assert gallery([1, 2], seed=3).content == gallery([1, 2], seed=3).content
    assert gallery([1, 2]).content == gallery([1, 2], seed=0, samples=64, shown=4, source="test").content
    assert gallery([1, 2], seed=4).content != gallery([1, 2], seed=3).content


def test_no_draws_shown_and_the_same_image_twice() -> None:
    header, arrays = unpack(gallery([4, 4], shown=0))
    assert arrays["draws"].shape == (2, 0, 1, 8, 8)
    assert header["items"][0] == header["items"][1]


@pytest.mark.parametrize(
    "indices", [[], [-1], [360], [0.0], ["3"], [None], [True], [[1]], [10**30], list(range(49)), None, "3", 3, {"0": 1}]
)
def test_the_gallery_checks_its_indices(indices: Any) -> None:
    assert "ind" in gallery(indices).error


@pytest.mark.parametrize(
    "more",
    [
        {"seed": -1}, {"seed": 2**32}, {"seed": 1.5}, {"seed": "1"}, {"seed": None}, {"seed": True},
        {"samples": 1}, {"samples": 10**6}, {"samples": "many"}, {"shown": -1}, {"shown": 17}, {"shown": None},
        {"source": "train"}, {"source": None}, {"source": ["test"]}, {"source": "../x"},
    ],
)  # fmt: skip
def test_the_gallery_checks_its_numbers(more: dict) -> None:
    assert next(iter(more)) in gallery([0], **more).error


def test_the_gallery_bounds_its_work() -> None:
    assert gallery([0], samples=512).status == 200
    assert "at most 64 samples each" in gallery(list(range(48)), samples=65).error
    assert "shown must be at most samples" in gallery([0], samples=3, shown=4).error


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"{}", b"[" * 4000, b'{"indices": [NaN]}'])
def test_the_gallery_refuses_broken_json(body: bytes) -> None:
    assert post("/vaex/reconstructions", body, model="tiny").error


def test_a_gallery_without_its_data_says_so() -> None:
    answer = gallery([0], "elsewhere")
    assert answer.status == 404
    assert "MNIST" in answer.error
    assert gallery([0], "foreign").status == 404
    assert unpack(one("pixels", bytes(4 * 784), "elsewhere"))[0]["items"][0]["index"] is None


@pytest.mark.parametrize("name", ["", "none", "../checkpoints/tiny", "tiny.safetensors", "run/../../x", "ti\nny"])
def test_names_are_looked_up(name: str) -> None:
    for answer in (gallery([0], name), one("upload", b"", name), one("pixels", b"", name)):
        assert answer.status == 404
        assert "tiny" in answer.error


def test_a_model_that_diverged_gets_one_line() -> None:
    import torch

    path = checkpoints.runs_folder() / "wild" / "last.safetensors"
    write_model(path, likelihood="gaussian", output="identity")
    vae, header = checkpoints.load(path), checkpoints.read_header(path)
    with torch.no_grad():
        vae.decoder[-2].bias.fill_(1e30)
    checkpoints.save(path, vae, header, None)
    assert "not finite" in gallery([0], "run/wild").error
    assert "not finite" in post("/vaex/encode", b'{"index": 0}', model="run/wild", kind="data").error


def test_a_model_for_black_and_white_images_refuses_grey_ones() -> None:
    write_model(checkpoints.runs_folder() / "binary" / "last.safetensors", binarization="none")
    assert "binary" in gallery([0], "run/binary").error
    grey = np.full(64, 0.5, "<f4").tobytes()
    assert "grey" in one("pixels", grey, "run/binary").error
    assert "grey" in post("/vaex/encode", grey, model="run/binary", kind="pixels").error
    assert one("pixels", bytes(256), "run/binary").status == 200


# One image


def test_one_of_the_data_is_that_of_the_gallery() -> None:
    header, arrays = unpack(gallery([3, 12], seed=4))
    alone, of_alone = unpack(one("data", {"index": 12}, seed=4))
    assert alone["items"] == header["items"][1:]
    assert all(np.array_equal(of_alone[name][0], arrays[name][1]) for name in OFFSETS)


def test_a_changed_image_shares_the_draws_of_the_one_it_was_made_from() -> None:
    x = datasets.load("digits").test[12].astype("<f4").tobytes()
    made = {key: unpack(one("pixels", x, seed=4, **more))[1] for key, more in (("like", {"like": 12}), ("own", {}))}
    expected = unpack(gallery([12], seed=4))[1]
    assert all(np.array_equal(made["like"][name], expected[name]) for name in OFFSETS)
    assert not np.array_equal(made["own"]["draws"], expected["draws"])
    assert "like" in one("pixels", x, like=-1).error


def test_pixels_are_taken_as_they_are() -> None:
    x = np.random.default_rng(0).random((1, 8, 8)).astype("<f4")
    header, arrays = unpack(one("pixels", x.tobytes(), "correlated", seed=3, samples=5, shown=5))
    assert np.array_equal(arrays["original"], arrays["seen"])
    assert np.array_equal(arrays["original"][0], np.rint(x * 255))
    assert (header["count"], header["items"][0]["title"], words(one("pixels", x.tobytes(), "correlated"))) == (
        1, "your image", "",
    )  # fmt: skip
    assert "drawn black or white" in words(one("pixels", x.tobytes()))
    assert set(np.unique(unpack(one("pixels", x.tobytes()))[1]["seen"])) == {0, 255}


def filled(value: float, count: int = 64) -> bytes:
    return np.full(count, value, "<f4").tobytes()


@pytest.mark.parametrize(
    "body", [b"", bytes(255), bytes(257), bytes(512), filled(np.nan), filled(np.inf), filled(-0.01), filled(1.01)]
)
def test_pixels_that_are_none_are_refused(body: bytes) -> None:
    assert one("pixels", body).status == 400
    assert one("pixels", body).error


def test_a_drawing_is_named_by_what_is_done_to_it() -> None:
    cross = np.zeros((20, 20))
    cross[9:11] = cross[:, 9:11] = 1
    drawing = {"width": 20, "height": 20, "pixels": cross.ravel().tolist()}
    assert "fill the frame" in words(one("drawing", drawing))
    assert "20/28 of the frame" in words(one("drawing", drawing, "elsewhere"))
    assert "nothing is drawn" in one("drawing", drawing | {"pixels": [0] * 400}).error
    assert "numbers" in one("drawing", drawing | {"pixels": [float("nan")] * 400}).error


@pytest.mark.parametrize(
    "query",
    [{"seed": "x"}, {"seed": 2**32}, {"samples": 1}, {"samples": "1e3"}, {"shown": -1}, {"shown": 17}, {"samples": ""}],
)
def test_one_checks_its_numbers(query: dict) -> None:
    assert next(iter(query)) in one("pixels", bytes(256), **query).error


@pytest.mark.parametrize("kind", ["", "camera", "../data", "PIXELS"])
def test_one_names_the_kinds(kind: str) -> None:
    assert "data, upload, drawing, pixels" in one(kind, b"{}").error


@pytest.mark.parametrize("index", [-1, 360, 1.5, "3", None, True])
def test_one_checks_the_index(index: Any) -> None:
    assert "index" in one("data", {"index": index}).error


# Uploads


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def noise(channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (20, 30, channels), dtype)
    return values[..., 0] if channels == 1 else values


def colours() -> Image.Image:
    return Image.fromarray(noise())


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG by hand: Pillow writes no 16-bit colours, and no size that is a lie."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def turned() -> bytes:
    """Upright it is 30 pixels high and 20 wide."""
    exif = Image.Exif()
    exif[0x112] = 6
    return encoded(colours(), "JPEG", exif=exif.tobytes())


def animated(form: str) -> bytes:
    return encoded(colours(), form, save_all=True, append_images=[colours().rotate(90)])


DEEP_ROWS = b"".join(b"\0" + row.astype(">u2").tobytes() for row in noise(3, np.uint16).reshape(20, -1))
STRANGE = {
    "an animated GIF": (animated("GIF"), "first of 2 frames"),
    "an animated WebP": (animated("WEBP"), "first of 2 frames"),
    "an animated PNG": (animated("PNG"), "first of 2 frames"),
    "transparent": (encoded(Image.fromarray(noise(4))), "laid over black"),
    "transparent and grey": (encoded(Image.fromarray(noise(4)).convert("LA")), "laid over black"),
    "nothing but transparent": (encoded(Image.new("RGBA", (20, 20), (255, 255, 255, 0))), "laid over black"),
    "a palette with a transparent colour": (encoded(colours().convert("P"), transparency=0), "laid over black"),
    "16 bits, grey": (encoded(Image.fromarray(noise(1, np.uint16))), "reduced to 8 bits"),
    "16 bits, colours": (png(30, 20, 16, 2, DEEP_ROWS), "reduced to 8 bits"),
    "16 bits, TIFF": (encoded(Image.fromarray(noise(1, np.uint16)), "TIFF"), "reduced to 8 bits"),
    "CMYK": (encoded(colours().convert("CMYK"), "JPEG"), "converted from CMYK to RGB"),
    "CMYK, TIFF": (encoded(colours().convert("CMYK"), "TIFF"), "converted from CMYK to RGB"),
    "turned by EXIF": (turned(), "turned as its EXIF data say"),
    "colours for a grey model": (encoded(colours()), "made grey"),
    "very long": (encoded(Image.new("L", (4000, 2))), "scaled from 2x4000 to 1x8, the rest black"),
}  # fmt: skip


@pytest.mark.parametrize("case", STRANGE)
def test_a_strange_image_is_shown_as_the_model_gets_it_and_the_words_say_what_was_done(case: str) -> None:
    body, expected = STRANGE[case]
    answer = one("upload", body)
    header, arrays = unpack(answer)
    assert expected in words(answer)
    assert header["items"][0]["title"] == "your image"
    x, _ = datasets.prepare_image(body, (1, 8, 8))
    assert np.array_equal(arrays["original"][0], np.rint(x * 255))


def test_an_image_turned_by_exif_stands_upright() -> None:
    assert "scaled from 30x20 to 8x5" in words(one("upload", turned()))


PNG, JPEG = encoded(colours()), encoded(colours(), "JPEG")
REFUSED = {
    "0 bytes": (b"", "cannot be read"),
    "a text": (b"this is a text file", "cannot be read"),
    "a drawing program's file": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read"),
    "a program in PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be read"),
    "a format that is left out": (encoded(colours(), "ICO"), "PNG, JPEG, GIF"),
    "a cut PNG": (PNG[: len(PNG) // 2], "damaged"),
    "a cut JPEG": (JPEG[:-100], "damaged"),
    "a cut head": (PNG[:20], "cannot be read"),
    "damaged pixels": (PNG[:100] + bytes(80) + PNG[180:], "damaged"),
    "one pixel": (encoded(Image.new("RGB", (1, 1))), "1x1"),
    "a size that is a lie": (png(10_000, 10_000, 8, 0, bytes(100)), "10,000x10,000"),
    "an enormous size": (png(2**31 - 1, 2**31 - 1, 8, 0, bytes(100)), "at most 50 megapixels"),
    "not a number": (encoded(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"), "outside 0..1"),
}


@pytest.mark.parametrize("model", ["tiny", "elsewhere"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_gets_one_line(case: str, model: str) -> None:
    body, expected = REFUSED[case]
    answer = one("upload", body, model)
    assert answer.status == 422
    assert expected in answer.error
    assert len(answer.error) < 150


def endless(total: int) -> Iterator[bytes]:
    for _ in range(total // MB):
        yield bytes(MB)


@pytest.mark.parametrize("kind", ["upload", "drawing", "data", "pixels"])
def test_a_hundred_megabytes_are_refused_without_being_kept(kind: str) -> None:
    import tracemalloc

    tracemalloc.start()
    answer = post("/vaex/reconstructions/one", endless(100 * MB), model="tiny", kind=kind)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 413
    assert "at most" in answer.error
    assert peak < 28 * MB
    assert post("/vaex/reconstructions", endless(MB), model="tiny").status == 413


def test_an_interrupted_upload_and_other_sites_and_methods() -> None:
    for path in ("/vaex/reconstructions", "/vaex/reconstructions/one"):
        refused = post(path, endless(MB), {"Sec-Fetch-Site": "cross-site"}, model="tiny", kind="upload")
        assert (refused.status, refused.read) == (403, 0)
        assert get(path, model="tiny").status == 405
        assert get(path, model="tiny").error
