"""The browser's documents, read back by a small numpy decoder of the tests: layout, offsets and the mean of x."""

import json
import struct

import numpy as np
import pytest
import torch

from vaeexplorer.architectures import ARCHITECTURES
from vaeexplorer.checkpoints import Header, save
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.distributions import LIKELIHOODS
from vaeexplorer.portable import pack_codes, pack_decoder
from vaeexplorer.vae import VAE


def unpack(document):
    (length,) = struct.unpack("<I", document[:4])
    assert (4 + length) % 8 == 0
    return json.loads(document[4 : 4 + length]), document[4 + length :]


def floats(body, offset, *shape):
    assert offset % 8 == 0
    return np.frombuffer(body, "<f4", int(np.prod(shape)), offset).reshape(shape)


def dense(layer, body, values):
    weight = floats(body, layer["weight"], layer["outputs"], layer["inputs"])
    return weight @ values + floats(body, layer["bias"], layer["outputs"])


def conv_transpose(layer, body, values):
    k = layer["kernel"]
    weight = floats(body, layer["weight"], layer["inputs"], layer["outputs"], k, k)
    image = torch.from_numpy(values.reshape(1, layer["inputs"], layer["height"], layer["width"]))
    arrays = torch.from_numpy(weight.copy()), torch.from_numpy(floats(body, layer["bias"], layer["outputs"]).copy())
    out = torch.nn.functional.conv_transpose2d(image, *arrays, stride=layer["stride"], padding=layer["padding"])
    return out.numpy().ravel()


ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda v: np.maximum(v, 0),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "clip": lambda v: np.clip(v, 0, 1),
    "continuous_bernoulli_mean": lambda v: 1 / (1 - np.exp(-v.astype(np.float64))) - 1 / v.astype(np.float64),
}
LAYERS = {
    "dense": dense,
    "conv_transpose": conv_transpose,
    "activation": lambda layer, body, values: ACTIVATIONS[layer["name"]](values),
    "take": lambda layer, body, values: values[: layer["count"]],
}


def written(tmp_path, config, codes=None, **more):
    torch.manual_seed(0)
    vae = VAE(config).eval()
    note = {"name": "digits", "title": "Digits"}
    path = tmp_path / "model.safetensors"
    save(path, vae, Header(name="test", vae=config, train=TrainConfig(), dataset=note, **more), codes)
    return path, vae


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_document_decodes_to_the_models_mean(architecture, likelihood, tmp_path):
    side = max(8, ARCHITECTURES[architecture].multiple)
    config = VaeConfig(
        image_shape=(3, side, 2 * side), architecture=architecture, hidden=(12, 9), channels=4, latent_dim=3,
        likelihood=likelihood, activation="relu", output="identity" if architecture == "linear" else "sigmoid",
    )  # fmt: skip
    path, vae = written(tmp_path, config)
    header, body = unpack(pack_decoder(path))
    assert (header["shape"], header["latent_dim"]) == ([3, side, 2 * side], 3)
    z = np.array([0.5, -1.0, 2.0], np.float32)
    values = z
    for layer in header["layers"]:
        values = LAYERS[layer["type"]](layer, body, values)
    with torch.no_grad():
        expected = vae.decode(torch.from_numpy(z).reshape(1, 1, 3)).numpy().ravel()
    assert np.abs(values - expected).max() < 1e-4


def test_codes_document(tmp_path):
    config = VaeConfig(image_shape=(1, 4, 4), hidden=(5,), latent_dim=3)
    rng = np.random.default_rng(0)
    codes = {
        "mean": rng.normal(size=(7, 3)).astype(np.float32), "std": rng.random((7, 3)).astype(np.float32),
        "label": np.arange(-1, 6, dtype=np.int16),
    }  # fmt: skip
    path, _ = written(tmp_path, config, codes, code_quantiles=tuple(range(101)))
    header, body = unpack(pack_codes(path))
    assert (header["count"], header["latent_dim"], header["kind"]) == (7, 3, "gaussian")
    assert header["quantiles"] == list(range(101))
    assert np.array_equal(floats(body, header["mean"], 7, 3), codes["mean"])
    assert np.array_equal(floats(body, header["std"], 7, 3), codes["std"])
    assert np.frombuffer(body, "<i2", 7, header["label"]).tolist() == codes["label"].tolist()


def test_no_codes_no_document(tmp_path):
    path, _ = written(tmp_path, VaeConfig(image_shape=(1, 4, 4), hidden=(5,), latent_dim=3))
    assert pack_codes(path) is None
