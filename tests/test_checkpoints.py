import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save as to_bytes

from vaeexplorer import checkpoints
from vaeexplorer.checkpoints import CheckpointError, Header, adopt, listing, load, read_header, read_tensors, save
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.records import Estimate
from vaeexplorer.vae import VAE

NOTE = {"name": "digits", "title": "Digits"}


def header_for(config, **more):
    return Header(name="test", vae=config, train=TrainConfig(), dataset=NOTE, **more)


@pytest.fixture
def config():
    return VaeConfig(image_shape=(1, 4, 4), hidden=(6,), latent_dim=2)


@pytest.fixture
def written(config, tmp_path):
    """A checkpoint with everything in it, and the model it came from."""
    vae = VAE(config)
    estimates = (Estimate(-3.5, 0.1, 10, "lower bound", "test images", "elbo"),)
    codes = {
        "mean": np.zeros((5, 2), np.float32), "std": np.ones((5, 2), np.float32), "label": np.arange(5, dtype=np.int16),
    }  # fmt: skip
    path = tmp_path / "model.safetensors"
    more = {"class_names": ("a", "ü"), "kl_per_dimension": (1.5, 0.001), "code_quantiles": (0.0,) * 101}
    save(path, vae, header_for(config, estimates=estimates, **more), codes)
    return path, vae


def test_what_is_saved_comes_back(written, config):
    path, vae = written
    header = read_header(path)
    assert header.vae == config
    assert header.estimates[0] == Estimate(-3.5, 0.1, 10, "lower bound", "test images", "elbo")
    assert header.class_names == ("a", "ü")
    assert header.active == (True, False)
    assert len(header.digest) == 16
    again = load(path)
    assert not again.training
    x = torch.rand(3, 1, 4, 4)
    assert torch.equal(again.posterior(x).mean, vae.posterior(x).mean)
    assert torch.equal(again.decode(torch.ones(1, 3, 2)), vae.decode(torch.ones(1, 3, 2)))
    assert read_tensors(path)["codes.label"].tolist() == [0, 1, 2, 3, 4]


def test_a_learned_spread_without_dimensions_keeps_its_shape(config, tmp_path):
    path = tmp_path / "model.safetensors"
    learned = config.model_copy(update={"likelihood": "gaussian_learned", "prior": "learned_gaussian"})
    save(path, VAE(learned), header_for(learned))
    assert load(path).likelihood.log_std.shape == ()


def test_loading_leaves_the_callers_random_numbers_alone(written):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load(written[0])
    assert torch.equal(torch.rand(1), expected)


def test_half_precision_weights_are_read(written, config, tmp_path):
    arrays = {name: value.astype(np.float16) for name, value in read_tensors(written[0]).items() if "codes" not in name}
    path = tmp_path / "half.safetensors"
    path.write_bytes(to_bytes(arrays, {"vaeexplorer": header_for(config).model_dump_json()}))
    assert load(path).decoder[0].weight.dtype == torch.float32


def test_saving_is_atomic(written, config, monkeypatch):
    path, vae = written
    before = path.read_bytes()

    def full(_):
        raise OSError("disk full")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        save(path, vae, header_for(config))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


class Writer:
    """Would create a file when unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (Path(self.target).write_text, ("the pickle ran",))


def rewritten(data, change, size=0):
    """The same file with its JSON table changed and padded with blanks to `size` bytes."""
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    change(table)
    text = json.dumps(table).encode().ljust(size)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def header_change(**fields):
    def change(table):
        header = json.loads(table["__metadata__"]["vaeexplorer"])
        table["__metadata__"]["vaeexplorer"] = json.dumps({**header, **fields})

    return change


def with_value(data, value):
    """The last float of the file replaced."""
    return data[:-4] + struct.pack("<f", value)


def other_hidden(width):
    return header_change(vae={"image_shape": [1, 4, 4], "hidden": [width], "latent_dim": 2})


def overlap(table):
    table["decoder.0.bias"]["data_offsets"] = table["decoder.2.bias"]["data_offsets"]


BAD_FILES = {
    "empty": (lambda data: b"", "too few for a safetensors file"),
    "truncated in the weights": (lambda data: data[:-50], "cut short: 50 bytes are missing"),
    "truncated in the header": (lambda data: data[:300], "ends inside its header"),
    "2 GB header length": (lambda data: struct.pack("<Q", 2 * 2**30) + data[8:], "claims 2,147,483,648 bytes"),
    "huge header length": (lambda data: b"\xff" * 8 + data[8:], "claims"),
    "torch zip": (lambda data: b"PK\x03\x04" + data, "could run code"),
    "text": (lambda data: b"hello, this is not a model at all, only text " * 9, "claims"),
    "no JSON": (lambda data: struct.pack("<Q", 16) + b"x" * 100, "does not begin with a safetensors header"),
    "JSON list": (lambda data: struct.pack("<Q", 2) + b"[]", "does not begin with a safetensors header"),
    "foreign": (lambda data: to_bytes({"a": np.zeros(3)}), "not a VAE Explorer checkpoint"),
    "newer": (lambda data: rewritten(data, header_change(format=9)), "has format 9, this version reads 1"),
    "unknown field": (lambda data: rewritten(data, header_change(surprise=1)), "header does not fit: surprise"),
    "bad config": (
        lambda data: rewritten(data, header_change(vae={"latent_dim": -1})),
        "header does not fit: vae.latent_dim",
    ),
    "other model": (
        lambda data: rewritten(data, other_hidden(7)),
        "the model in the header needs",
    ),
    "giant model": (
        lambda data: rewritten(data, other_hidden(10**12)),
        "the model in the header needs",
    ),
    "missing weight": (
        lambda data: rewritten(data, lambda table: table.pop("decoder.0.bias")),
        "missing or too many: decoder.0.bias",
    ),
    "shape is no list": (
        lambda data: rewritten(data, lambda table: table["decoder.0.bias"].update(shape=5)),
        "does not begin with a safetensors header",
    ),
    "NaN in the header": (
        lambda data: rewritten(data, header_change(code_quantiles=[float("nan")])),
        "header does not fit: code_quantiles",
    ),
    "wrong KL count": (lambda data: rewritten(data, header_change(kl_per_dimension=[1.0])), "1 KL values for 2"),
    "overlapping": (
        lambda data: rewritten(data, overlap),
        "damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_get_one_clear_line(name, written):
    spoil, says = BAD_FILES[name]
    path = written[0]
    path.write_bytes(spoil(path.read_bytes()))
    for use in (read_tensors, load, lambda p: adopt(p.read_bytes(), "my file.safetensors")):
        with pytest.raises(CheckpointError) as error:
            use(path)
        assert says in str(error.value)
        assert "\n" not in str(error.value)
    assert not (checkpoints.runs_folder() / "uploads").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(value, written, config):
    vae = written[1]
    with torch.no_grad():
        vae.encoder[1].weight[2, 3] = value
    save(written[0], vae, header_for(config))
    with pytest.raises(CheckpointError, match=r"encoder\.1\.weight holds NaN or infinite"):
        load(written[0])


def test_a_pickle_under_the_right_name_never_runs(tmp_path):
    target = tmp_path / "written-by-pickle"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / "model.safetensors"
        path.write_bytes(pickle.dumps(Writer(str(target)), protocol))
        with pytest.raises(CheckpointError):
            load(path)
        with pytest.raises(CheckpointError):
            adopt(path.read_bytes(), "model.safetensors")
    torch.save(Writer(str(target)), path)
    with pytest.raises(CheckpointError, match="could run code"):
        load(path)
    assert not target.exists()
    pickle.loads(pickle.dumps(Writer(str(target))))  # the trap itself works
    assert target.read_text() == "the pickle ran"


@pytest.mark.parametrize("length", [0x10280, 0x10480, 0x10580])
def test_a_header_whose_length_looks_like_a_pickle_is_read(length, written):
    path = written[0]
    path.write_bytes(rewritten(path.read_bytes(), lambda table: None, size=length))
    assert path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x04", b"\x80\x05")
    assert not load(path).training


def test_missing_file_and_folder():
    with pytest.raises(CheckpointError, match="No such file"):
        load("nowhere.safetensors")
    with pytest.raises(CheckpointError, match="Is a directory"):
        load(".")


def test_uploads_are_listed_by_digest_and_never_by_their_name(written):
    data = written[0].read_bytes()
    name = adopt(data, "../../etc/passwd")
    assert name == f"upload/{read_header(written[0]).digest}"
    assert listing()[name].read_bytes() == data
    assert listing()[name].parent == checkpoints.runs_folder() / "uploads"
    assert adopt(data, "again.safetensors") == name


def test_messages_about_foreign_files_are_one_printable_line(written):
    nasty = "\x1b[31m\n<script>" + "x" * 5000
    path = written[0]
    path.write_bytes(rewritten(path.read_bytes(), lambda table: table.update({nasty: table["decoder.0.bias"]})))
    with pytest.raises(CheckpointError) as error:
        load(path)
    assert len(str(error.value)) < 300
    assert str(error.value).isprintable()
