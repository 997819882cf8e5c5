"""Every route: what it answers, and that whatever is wrong with a request gets one line and never a traceback."""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.ui.client import ask, get, post
from tests.ui.models import write_model
from vaeexplorer import checkpoints, datasets, portable
from vaeexplorer.image_set import image_seed
from vaeexplorer.ui import cached
from vaeexplorer.ui.components import live_files

pytestmark = pytest.mark.usefixtures("models")
MB = 2**20


def picture(address: str) -> np.ndarray:
    """The pixels behind a data: address of a PNG."""
    head, text = address.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def encode(kind: str, body: Any, model: str = "tiny") -> Any:
    return post("/vaex/encode", body if isinstance(body, bytes) else json.dumps(body).encode(), model=model, kind=kind)


def image_file(size: tuple[int, int] = (20, 10), mode: str = "RGB", form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, form)
    return file.getvalue()


# The component's own files


def test_live_serves_the_modules_for_good() -> None:
    assert {"explorer.js", "dom.js", "trainer.js"} <= set(live_files.FILES)
    for name, path in live_files.FILES.items():
        answer = get(f"/vaex/live/{live_files.VERSION}/{name}")
        assert answer.status == 200
        assert answer.content == path.read_bytes()
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] == (
            "text/css" if name.endswith("css") else "text/javascript"
        )


def test_live_keeps_nothing_under_another_version() -> None:
    assert get("/vaex/live/0/decoder.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["__init__.py", "..", "../__init__.py", "%2e%2e%2f__init__.py", "..\\__init__.py", "none.js", ""]
)
def test_live_gives_nothing_else(path: str) -> None:
    assert get(f"/vaex/live/{live_files.VERSION}/{path}").error


# Weights and codes


def test_decoder_is_the_packed_document_and_may_be_kept_by_its_digest(models: Path) -> None:
    digest = checkpoints.read_header(models / "tiny.safetensors").digest
    answer = get("/vaex/decoder", model="tiny", v=digest)
    assert answer.content == portable.pack_decoder(models / "tiny.safetensors")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "identity"  # else Streamlit spends its time on compressing weights
    assert get("/vaex/decoder", model="tiny", v="other").headers["cache-control"] == "no-cache"
    assert get("/vaex/decoder", model="tiny").headers["cache-control"] == "no-cache"


def test_a_file_that_changed_is_read_again() -> None:
    path = checkpoints.runs_folder() / "mine" / "last.safetensors"
    write_model(path, seed=1)
    before = get("/vaex/decoder", model="run/mine").content
    write_model(path, seed=2)
    assert get("/vaex/decoder", model="run/mine").content == portable.pack_decoder(path) != before


def test_codes(models: Path) -> None:
    assert get("/vaex/codes", model="tiny").content == portable.pack_codes(models / "tiny.safetensors")
    assert get("/vaex/codes", model="bits").status == 204


@pytest.mark.parametrize("route", ["decoder", "codes", "images"])
@pytest.mark.parametrize(
    "name", ["", "none", "../checkpoints/tiny", "tiny.safetensors", "/etc/passwd", "run/../../x", "ti\nny"]
)
def test_names_are_looked_up_and_never_joined(route: str, name: str) -> None:
    answer = get(f"/vaex/{route}", model=name)
    assert answer.status == 404
    assert "tiny" in answer.error, "the message names the known models"


def test_a_name_that_leads_to_a_file_is_still_unknown(models: Path) -> None:
    for name in (f"../{models.name}/tiny", str(models / "tiny"), str(models / "tiny.safetensors"), "./tiny"):
        assert get("/vaex/decoder", model=name).status == 404


def test_a_damaged_model_gets_one_line_everywhere() -> None:
    path = checkpoints.runs_folder() / "broken" / "last.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x80\x04 not a checkpoint")
    for route in ("decoder", "codes", "images"):
        assert "pickle" in get(f"/vaex/{route}", model="run/broken").error
    assert "pickle" in encode("data", {"index": 0}, "run/broken").error
    assert "pickle" in post("/vaex/decode", bytes(12), model="run/broken").error


# Decoding by torch


def test_decode_agrees_with_torch(models: Path) -> None:
    import torch

    z = np.random.default_rng(0).normal(size=(3, 3)).astype("<f4")
    answer = post("/vaex/decode", z.tobytes(), model="tiny")
    expected = checkpoints.load(models / "tiny.safetensors").decode(torch.from_numpy(z)[None])[0]
    assert np.allclose(np.frombuffer(answer.content, "<f4").reshape(3, 1, 8, 8), expected.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "body", [b"", bytes(11), bytes(16), np.float32([np.nan, 0, 0]).tobytes(), np.float32([np.inf, 0, 0]).tobytes(),
             np.float32([0, 2000, 0]).tobytes(), bytes(65 * 12)],
)  # fmt: skip
def test_decode_refuses_what_is_no_z(body: bytes) -> None:
    assert post("/vaex/decode", body, model="tiny").error


# Held-out images


def test_images_are_the_held_out_ones_with_their_labels() -> None:
    found = datasets.load("digits")
    answer = get("/vaex/images", model="tiny", start=5, count=3).json
    assert (answer["total"], answer["start"]) == (360, 5)
    assert [image["index"] for image in answer["images"]] == [5, 6, 7]
    for image in answer["images"]:
        assert np.array_equal(picture(image["png"]), np.round(found.test[image["index"], 0] * 255))
        assert image["label"] == str(found.test_labels[image["index"]])


def test_images_beyond_the_end_are_none() -> None:
    assert [image["index"] for image in get("/vaex/images", model="tiny", start=358, count=24).json["images"]] == [
        358,
        359,
    ]
    assert get("/vaex/images", model="tiny", start=10**6).json["images"] == []


def test_images_that_are_not_on_this_machine() -> None:
    answer = get("/vaex/images", model="elsewhere")
    assert answer.status == 404
    assert "MNIST" in answer.error


def test_a_path_in_a_header_is_never_opened() -> None:
    """Whoever made a checkpoint wrote its header: a data set that is a path must not make the app read that folder."""
    answer = get("/vaex/images", model="foreign")
    assert answer.status == 404
    assert "not on this machine" in answer.error


def test_the_users_own_array_is_shown_for_a_run_but_not_for_an_upload(tmp_path: Path) -> None:
    array = tmp_path / "mine.npy"
    np.save(array, np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    path = write_model(checkpoints.runs_folder() / "mine" / "last.safetensors", dataset=str(array))
    expected = datasets.load(array).test
    answer = get("/vaex/images", model="run/mine", count=1).json
    assert answer["total"] == len(expected)
    assert np.array_equal(picture(answer["images"][0]["png"]), expected[0, 0])
    uploaded = checkpoints.adopt(path.read_bytes(), "mine.safetensors")
    assert get("/vaex/images", model=uploaded).status == 404


@pytest.mark.parametrize(
    "query",
    [
        {"start": -1},
        {"start": "x"},
        {"start": "1e3"},
        {"count": 0},
        {"count": 100000},
        {"start": "9" * 5000},
        {"count": "٣"},
    ],
)
def test_images_refuses_numbers_out_of_range(query: dict) -> None:
    assert next(iter(query)) in get("/vaex/images", model="tiny", **query).error


# Encoding


def test_encode_a_test_image(models: Path) -> None:
    from vaeexplorer import evaluation

    found = datasets.load("digits")
    answer = encode("data", {"index": 12}).json
    record = evaluation.encode(checkpoints.load(models / "tiny.safetensors"), found.test[12], image_seed(0, 12))
    assert np.allclose(answer["z"], record.mean)
    assert np.allclose(answer["std"], record.std)
    assert np.allclose(answer["kl_per_dimension"], record.kl_per_dimension)
    assert answer["elbo"] == pytest.approx(record.elbo.to_dict())
    assert answer["reconstruction"]["kind"] == "unbiased"
    assert answer["kl"]["kind"] == "exact"
    assert answer["title"] == f"test image 12 (a “{found.test_labels[12]}”)"
    assert np.array_equal(picture(answer["png"]), np.round(found.test[12, 0] * 255))


@pytest.mark.parametrize("model", ["tiny", "bits", "correlated"])
def test_encode_the_same_twice_gives_the_same(model: str) -> None:
    first = encode("data", {"index": 3}, model)
    assert first.status == 200
    assert encode("data", {"index": 3}, model).content == first.content


def test_encode_an_upload_says_what_was_done() -> None:
    answer = encode("upload", image_file((40, 20))).json
    assert "scaled" in answer["words"]
    assert "drawn black or white" in answer["words"], "a Bernoulli likelihood binarises"
    assert "drawn" not in encode("upload", image_file((40, 20)), "correlated").json["words"]
    assert picture(answer["png"]).shape == (8, 8)


@pytest.mark.parametrize(
    ("mode", "form"), [("CMYK", "JPEG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("P", "GIF"), ("1", "BMP"), ("LA", "PNG")]
)
def test_encode_takes_every_kind_of_image(mode: str, form: str) -> None:
    assert encode("upload", image_file((12, 9), mode, form)).status == 200


def enormous_png() -> bytes:
    """A few bytes that claim to be 10,000 x 10,000 pixels."""
    small = image_file((2, 2))
    at = small.index(b"IHDR")
    head = b"IHDR" + struct.pack(">II", 10_000, 10_000) + small[at + 12 : at + 17]
    import zlib

    return small[:at] + head + struct.pack(">I", zlib.crc32(head)) + small[at + 21 :]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "image"),
        (b"this is a text file", "image"),
        (image_file()[:40], "image"),
        (image_file((1, 1)), "1x1"),
        (enormous_png(), "10,000x10,000"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image"),
    ],
)
def test_encode_refuses_what_is_no_picture(body: bytes, word: str) -> None:
    assert word in encode("upload", body).error


def cross(side: int = 20) -> dict:
    pixels = np.zeros((side, side))
    pixels[side // 2] = pixels[:, side // 2] = 1
    return {"width": side, "height": side, "pixels": pixels.ravel().tolist()}


def test_encode_a_drawing() -> None:
    answer = encode("drawing", cross()).json
    assert np.allclose(
        picture(answer["png"]) / 255,
        datasets.prepare_drawing(np.reshape(cross()["pixels"], (20, 20)), (1, 8, 8))[0],
        atol=1 / 255,
    )
    assert answer["title"] == "your drawing"


def test_the_largest_drawing_fits() -> None:
    assert encode("drawing", cross(512)).status == 200


@pytest.mark.parametrize(
    "drawing",
    [
        {}, [], "x", {"width": 2, "height": 2}, {"width": 2, "height": 2, "pixels": [0, 0, 0]},
        {"width": 2, "height": 2, "pixels": [0, 0, 0, 2]}, {"width": 2, "height": 2, "pixels": [0, 0, 0, float("nan")]},
        {"width": 2, "height": 2, "pixels": [0, 0, 0, "ink"]}, {"width": 2, "height": 2, "pixels": [[0, 1], [0]]},
        {"width": 2, "height": 2, "pixels": None}, {"width": 2.0, "height": 2, "pixels": [0, 0, 0, 1]},
        {"width": True, "height": 4, "pixels": [0, 0, 0, 1]}, {"width": 0, "height": 0, "pixels": []},
        {"width": 513, "height": 1, "pixels": [0] * 513}, {"width": -1, "height": -4, "pixels": [0, 0, 0, 1]},
        {"width": 2, "height": 2, "pixels": [0, 0, 0, 0]}, {"width": 2, "height": 2, "pixels": [10**400, 0, 0, 0]},
    ],
)  # fmt: skip
def test_encode_refuses_what_is_no_drawing(drawing: Any) -> None:
    assert encode("drawing", drawing).error


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"index":' + b"9" * 900 + b"}"])
def test_encode_refuses_broken_json(body: bytes) -> None:
    for kind in ("data", "drawing"):
        assert encode(kind, body).error


@pytest.mark.parametrize("index", [-1, 360, 1.5, "3", None, True, [1], 10**30])
def test_encode_checks_the_index(index: Any) -> None:
    assert "index" in encode("data", {"index": index}).error


@pytest.mark.parametrize("kind", ["", "camera", "../data"])
def test_encode_names_the_kinds(kind: str) -> None:
    assert "data, upload, drawing" in encode(kind, b"{}").error


def test_encode_without_the_data_on_this_machine() -> None:
    assert "MNIST" in encode("data", {"index": 0}, "elsewhere").error


# GIF


def film(frames: int = 5, side: int = 4, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (frames, side, side, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_has_every_frame_in_its_size_and_time(channels: int) -> None:
    frames = film(channels=channels)
    answer = post("/vaex/gif", frames.tobytes(), width=4, height=4, frames=5, channels=channels, ms=80, scale=3)
    made = Image.open(io.BytesIO(answer.content))
    assert (made.format, made.size, made.n_frames, made.info["loop"]) == ("GIF", (12, 12), 5, 0)
    for number in range(5):
        made.seek(number)
        assert made.info["duration"] == 80
        if channels == 1:
            shown = np.asarray(made.convert("L"))
            assert np.array_equal(shown, np.kron(frames[number, ..., 0], np.ones((3, 3), np.uint8)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"width": 0}, "width"), ({"width": 5000}, "width"), ({"width": ""}, "width"), ({"height": "-4"}, "height"),
        ({"frames": 0}, "frames"), ({"frames": 10**6}, "frames"), ({"channels": 2}, "1 or 3"),
        ({"channels": 4}, "channels"),
        ({"ms": 0}, "ms"), ({"ms": "fast"}, "ms"), ({"scale": 0}, "scale"), ({"scale": 1000}, "scale"),
        ({"width": 5}, "need 100 bytes, got 80"), ({"frames": 4}, "at most 64 bytes"),
        ({"width": 1024, "height": 1024, "frames": 300, "scale": 1}, "too large"),
        ({"width": 1024, "scale": 2}, "too large"),
        ({"width": 200, "height": 200, "frames": 300, "scale": 5}, "too large"),
    ],
)  # fmt: skip
def test_gif_checks_its_numbers(change: dict, word: str) -> None:
    sizes = {"width": 4, "height": 4, "frames": 5, "channels": 1, "ms": 80, "scale": 3} | change
    assert word in post("/vaex/gif", film().tobytes(), **sizes).error


def test_gif_needs_its_numbers() -> None:
    assert "width" in post("/vaex/gif", film().tobytes()).error


# Limits, other sites, other addresses


def endless(total: int) -> Iterator[bytes]:
    for _ in range(total // MB):
        yield bytes(MB)


@pytest.mark.parametrize(
    ("path", "query", "limit"),
    [
        ("/vaex/encode", {"kind": "upload"}, 20 * MB),
        ("/vaex/encode", {"kind": "drawing"}, 8 * MB),
        ("/vaex/encode", {"kind": "data"}, 1024),
        ("/vaex/decode", {}, 64 * 12),
        ("/vaex/gif", {"width": 4, "height": 4, "frames": 5}, 80),
    ],
)
def test_too_much_is_refused_without_being_kept(path: str, query: dict, limit: int) -> None:
    import tracemalloc

    tracemalloc.start()
    answer = post(path, endless(64 * MB), model="tiny", **query)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 413
    assert "at most" in answer.error
    assert peak < limit + 8 * MB, "the body was kept beyond its limit"


def test_a_flood_is_cut_off() -> None:
    assert post("/vaex/encode", endless(10**10), model="tiny", kind="upload").read < 300 * MB


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something"])
@pytest.mark.parametrize("path", ["/vaex/encode", "/vaex/decode", "/vaex/gif"])
def test_other_sites_may_not_post(path: str, site: str) -> None:
    answer = post(path, endless(MB), {"Sec-Fetch-Site": site}, model="tiny", kind="data")
    assert (answer.status, answer.read) == (403, 0)
    assert answer.error


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_own_pages_may_post(site: str) -> None:
    assert post("/vaex/decode", bytes(12), {"Sec-Fetch-Site": site}, model="tiny").status == 200


def test_other_sites_cannot_embed_or_read_an_answer() -> None:
    for answer in (get("/vaex/decoder", model="tiny"), get("/vaex/images", model="tiny"), get("/vaex/none")):
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_unknown_addresses_and_methods_get_json() -> None:
    assert get("/vaex/none").status == 404
    assert get("/vaex/none").error
    assert get("/vaex/decode", model="tiny").status == 405
    assert get("/vaex/decode", model="tiny").error
    assert ask("DELETE", "/vaex/decoder", {"model": "tiny"}).error


def test_a_fault_of_ours_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette answers and then raises again, for the server's log; the browser sees the line only."""
    sent: list[dict] = []
    monkeypatch.setattr(cached, "decoder_document", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask("GET", "/vaex/decoder", {"model": "tiny"}, sent=sent)
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"]) == {"error": "this failed on the server; its log says why"}


def test_one_inference_at_a_time_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    import torch

    from vaeexplorer import evaluation

    busy = threading.Lock()
    whole = evaluation.decode

    def alone(*arguments: Any) -> Any:
        assert busy.acquire(blocking=False), "two inferences at once"
        try:
            assert torch.get_num_threads() == 1
            return whole(*arguments)
        finally:
            busy.release()

    monkeypatch.setattr(evaluation, "decode", alone)
    failures: list[BaseException] = []

    def worker() -> None:
        try:
            for _ in range(20):
                cached.decode("tiny", np.zeros((64, 3), np.float32))
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert not failures
