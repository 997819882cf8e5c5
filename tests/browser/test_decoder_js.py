"""The browser's arithmetic against torch and scipy: layers, whole decoders, the prior, paths, densities."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from tests.browser.modules import Modules
from vaeexplorer import checkpoints, portable
from vaeexplorer.distributions import BernoulliLatent, ContinuousBernoulliLikelihood, DiagonalGaussian
from vaeexplorer.latents import log_aggregate_posterior

CHECKPOINTS = sorted((Path(__file__).parents[2] / "checkpoints").glob("*.safetensors"))

TORCH_ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": nn.functional.leaky_relu,
    "elu": nn.functional.elu,
    "softplus": nn.functional.softplus,
    "sigmoid": torch.sigmoid,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "clip": lambda x: x.clamp(0, 1),
}


def packed(layers: list[dict[str, Any]], shape: tuple[int, int, int], inputs: int, dtype: str = "float32") -> bytes:
    """A decoder document; weights and biases are given as arrays in the layers themselves."""
    buffers = portable.Buffers()
    code = {"float32": "<f4", "float16": "<f2"}[dtype]

    def stored(value: Any) -> Any:
        return buffers.add(value, code) if isinstance(value, np.ndarray) else value

    described = [{name: stored(value) for name, value in layer.items()} for layer in layers]
    header = {"layers": described, "shape": list(shape), "latent_dim": inputs, "dtype": dtype}
    return portable.document(header, buffers)


def parameters(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


def compare(
    modules: Modules, document: bytes, module: nn.Module, z: torch.Tensor, shape: tuple[int, ...], atol: float
) -> None:
    """JavaScript and torch on the same codes z (N, D), the module fed with z of shape (N, *shape)."""
    with torch.inference_mode():
        expected = module(z.reshape(len(z), *shape)).reshape(len(z), -1).numpy()
    np.testing.assert_allclose(modules.decode(document, z.numpy()), expected, rtol=0, atol=atol)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 8), (5, 7), (10, 500), (500, 33)])
def test_dense(modules: Modules, inputs: int, outputs: int) -> None:
    torch.manual_seed(inputs)
    layer = nn.Linear(inputs, outputs)
    spec = {"type": "dense", "inputs": inputs, "outputs": outputs, **parameters(layer)}
    compare(modules, packed([spec], (1, 1, outputs), inputs), layer, torch.randn(3, inputs), (inputs,), 1e-4)


CONVOLUTIONS = [  # inputs, outputs, kernel, stride, padding, height, width
    (1, 1, 3, 1, 1, 5, 5),
    (3, 2, 4, 2, 1, 4, 6),
    (2, 5, 3, 2, 0, 7, 5),
    (4, 3, 5, 3, 2, 6, 9),
    (8, 9, 4, 2, 1, 8, 8),
    (2, 3, 2, 3, 0, 8, 9),
    (3, 4, 1, 1, 0, 3, 2),
]


@pytest.mark.parametrize("sizes", CONVOLUTIONS)
@pytest.mark.parametrize(("name", "kind"), [("conv", nn.Conv2d), ("conv_transpose", nn.ConvTranspose2d)])
def test_convolutions(modules: Modules, name: str, kind: type, sizes: tuple[int, ...]) -> None:
    inputs, outputs, kernel, stride, padding, height, width = sizes
    torch.manual_seed(kernel)
    layer = kind(inputs, outputs, kernel, stride, padding)
    spec = {"type": name, "inputs": inputs, "outputs": outputs, "kernel": kernel, "stride": stride, "padding": padding}
    spec |= {"height": height, "width": width, **parameters(layer)}
    z = torch.randn(2, inputs * height * width)
    shape = tuple(layer(z.reshape(2, inputs, height, width)).shape[1:])
    compare(modules, packed([spec], shape, z.shape[1]), layer, z, (inputs, height, width), 1e-4)


@pytest.mark.parametrize("name", TORCH_ACTIVATIONS)
def test_activations(modules: Modules, name: str) -> None:
    z = torch.cat([torch.linspace(-9, 9, 181), torch.tensor([-90.0, -30.0, 0.0, 30.0, 90.0])]).unsqueeze(0)
    document = packed([{"type": "activation", "name": name}], (1, 1, z.shape[1]), z.shape[1])
    expected = TORCH_ACTIVATIONS[name](z).numpy()
    np.testing.assert_allclose(modules.decode(document, z.numpy()), expected, rtol=1e-6, atol=1e-6)


def test_mean_of_the_continuous_bernoulli(modules: Modules) -> None:
    logits = torch.cat([torch.linspace(-40, 40, 401), torch.linspace(-0.02, 0.02, 41), torch.tensor([-800.0, 800.0])])
    document = packed([{"type": "activation", "name": "continuous_bernoulli_mean"}], (1, 1, len(logits)), len(logits))
    expected = ContinuousBernoulliLikelihood().mean(logits.double()).numpy()
    np.testing.assert_allclose(modules.decode(document, logits[None].numpy())[0], expected, rtol=0, atol=1e-5)


def test_known_means_of_the_continuous_bernoulli(modules: Modules) -> None:
    logits = np.log(np.array([0.1, 0.9]) / np.array([0.9, 0.1]))
    document = packed([{"type": "activation", "name": "continuous_bernoulli_mean"}], (1, 1, 2), 2)
    np.testing.assert_allclose(modules.decode(document, logits[None])[0], [0.330120, 0.669880], atol=1e-6)


def test_take_drops_the_rest(modules: Modules) -> None:
    document = packed([{"type": "take", "count": 2}], (1, 1, 2), 5)
    assert modules.decode(document, np.array([[1.0, 2, 3, 4, 5], [6, 7, 8, 9, 0]])).tolist() == [[1, 2], [6, 7]]


def test_half_precision_weights(modules: Modules) -> None:
    """Normal, tiny (subnormal) and negative numbers come through exactly."""
    weight = np.array([[1.5, -2.25], [6e-8, -1e-5], [65504, 0.0]], dtype=np.float16)
    spec = {"type": "dense", "inputs": 2, "outputs": 3, "weight": weight, "bias": np.array([0, 0, -1], np.float16)}
    document = packed([spec], (1, 1, 3), 2, "float16")
    expected = weight.astype(np.float32) @ [1, 1] + [0, 0, -1]
    np.testing.assert_allclose(modules.decode(document, np.ones((1, 2)))[0], expected, rtol=1e-6)


def test_a_whole_convolutional_decoder(modules: Modules) -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(3, 32), nn.ReLU(), nn.Unflatten(1, (8, 2, 2)), nn.ConvTranspose2d(8, 6, 4, 2, 1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.ConvTranspose2d(6, 3, 4, 2, 1), nn.Sigmoid())
    common = {"type": "conv_transpose", "kernel": 4, "stride": 2, "padding": 1}
    relu, sigmoid = ({"type": "activation", "name": name} for name in ("relu", "sigmoid"))
    specs = [{"type": "dense", "inputs": 3, "outputs": 32, **parameters(net[0])}, relu]
    specs += [common | {"inputs": 8, "outputs": 6, "height": 2, "width": 2, **parameters(net[3])}, relu]
    specs += [common | {"inputs": 6, "outputs": 3, "height": 4, "width": 4, **parameters(net[5])}, sigmoid]
    compare(modules, packed(specs, (3, 8, 8), 3), net, torch.randn(4, 3), (3,), 1e-5)


def failure(modules: Modules, document: bytes) -> list[str]:
    expression = """(() => {
        try { m.createDecoder(document); return null; } catch (e) { return [e.constructor.name, e.message]; }
    })()"""
    return modules.call("decoder.js", expression, document=document)


def test_a_layer_that_is_not_known_is_told_from_a_broken_document(modules: Modules) -> None:
    unknown = packed([{"type": "attention"}], (1, 1, 2), 2)
    assert failure(modules, unknown) == ["UnknownLayerError", "The layer “attention” is not known to this page."]
    odd = packed([{"type": "activation", "name": "mish"}], (1, 1, 2), 2)
    assert failure(modules, odd)[0] == "UnknownLayerError"
    spec = {"type": "dense", "inputs": 4, "outputs": 2, "weight": np.zeros((2, 4)), "bias": np.zeros(2)}
    whole = packed([spec], (1, 1, 2), 4)
    misfits = packed([spec], (1, 1, 3), 4), packed([spec], (1, 1, 2), 5)
    for broken in (b"", whole[:3], whole[:40], whole[:-24], b"\xff" * 64, *misfits):
        kind, message = failure(modules, broken)
        assert kind == "DecoderError"
        assert message.endswith(".")
        assert "\n" not in message


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.stem)
def test_shipped_models_agree_with_torch(modules: Modules, path: Path) -> None:
    vae = checkpoints.load(path)
    torch.manual_seed(1)
    z = torch.randn(1, 12, vae.config.latent_dim)
    if vae.config.posterior == "bernoulli":
        z = (z > 0).float()
    with torch.inference_mode():
        expected = vae.decode(z)[0].reshape(12, -1).numpy()
    np.testing.assert_allclose(modules.decode(portable.pack_decoder(path), z[0].numpy()), expected, rtol=0, atol=1e-3)


def codes_document(kind: str, mean: np.ndarray, std: np.ndarray | None) -> bytes:
    buffers = portable.Buffers()
    header = {"count": len(mean), "latent_dim": mean.shape[1], "kind": kind, "mean": buffers.add(mean), "label": None}
    header |= {"std": None if std is None else buffers.add(std), "quantiles": list(range(101))}
    return portable.document(header, buffers)


@pytest.mark.parametrize("kind", ["gaussian", "bernoulli"])
def test_aggregate_posterior(modules: Modules, kind: str) -> None:
    torch.manual_seed(2)
    mean, std = torch.randn(40, 6).double(), torch.rand(40, 6).double() * 0.5 + 0.02
    if kind == "gaussian":
        q, z = DiagonalGaussian(mean, std.log()), mean[:9] + std[:9] * torch.randn(9, 6)
        document = codes_document(kind, mean.numpy(), std.numpy())
    else:
        q, z = BernoulliLatent(3 * mean), torch.randint(0, 2, (9, 6)).double()
        document = codes_document(kind, q.mean.numpy(), None)
    expression = "((d) => zs.map((z) => d.logDensity(z)))(m.createDensity(document))"
    found = modules.call("density.js", expression, document=document, zs=z.tolist())
    np.testing.assert_allclose(found, log_aggregate_posterior(q, z).numpy(), rtol=1e-5, atol=1e-4)


def test_rank_among_quantiles(modules: Modules) -> None:
    ranks = modules.call("density.js", "[-5, 0, 5, 37.25, 100, 200].map((v) => m.rank(q, v))", q=list(range(101)))
    assert ranks == [0, 0, 5, 37.25, 100, 100]


@pytest.mark.parametrize("dims", [1, 2, 3, 10, 50, 400])
def test_chi_square(modules: Modules, dims: int) -> None:
    x = stats.chi2.ppf([1e-6, 0.001, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9], dims)
    found = modules.call("prior.js", "x.map((v) => m.chiSquareCdf(v, d))", x=x.tolist(), d=dims)
    np.testing.assert_allclose(found, stats.chi2.cdf(x, dims), rtol=1e-8, atol=1e-12)
    radii = modules.call("prior.js", "[0.01, 0.5, 0.999].map((p) => m.distanceQuantile(p, d))", d=dims)
    np.testing.assert_allclose(radii, np.sqrt(stats.chi2.ppf([0.01, 0.5, 0.999], dims)), rtol=1e-8)


def test_normal_distribution(modules: Modules) -> None:
    x, p = np.linspace(-5, 5, 41), [0.0005, 0.02, 0.5, 0.7, 0.9995]
    found = modules.call("prior.js", "x.map(m.normalCdf)", x=x.tolist())
    np.testing.assert_allclose(found, stats.norm.cdf(x), atol=1e-10)
    np.testing.assert_allclose(modules.call("prior.js", "p.map(m.normalQuantile)", p=p), stats.norm.ppf(p), atol=1e-7)


def test_draws_repeat_with_the_seed(modules: Modules) -> None:
    first, again, other = (modules.call("random.js", f"Array.from(m.normals({s}, 7))") for s in (7, 7, 8))
    assert first == again
    assert len(set(first) | set(other)) == 14


def test_draws_are_normal_and_uniform(modules: Modules) -> None:
    draws = np.asarray(modules.call("random.js", "Array.from(m.normals(3, 20000))"))
    assert stats.kstest(draws, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4 / math.sqrt(len(draws))
    # First numbers of neighbouring seeds: what a visitor sees who tries 1, 2, 3, ...
    firsts = np.asarray(modules.call("random.js", "Array.from({length: 2000}, (_, s) => Array.from(m.normals(s, 2)))"))
    assert all(stats.kstest(column, "norm").pvalue > 1e-3 for column in firsts.T)
    uniform = np.asarray(modules.call("random.js", "((u) => Array.from({length: 20000}, u))(m.uniforms(5))"))
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3


PRIOR = {"mean": [0.5, -1.0, 2.0], "std": [1.0, 0.5, 2.0], "cholesky": [[1.0, 0, 0], [0.3, 0.4, 0], [-1.2, 0.6, 1.4]]}


def test_learned_prior(modules: Modules) -> None:
    """Draws have the covariance L L'; distances are those of Mahalanobis; standard coordinates go there and back."""
    made = "m.createPrior({posterior: 'gaussian', prior})"
    expression = f"((p) => Array.from({{length: 4000}}, (_, s) => Array.from(p.draw(s))))({made})"
    draws = np.asarray(modules.call("prior.js", expression, prior=PRIOR))
    factor = np.asarray(PRIOR["cholesky"])
    covariance = factor @ factor.T
    np.testing.assert_allclose(draws.mean(0), PRIOR["mean"], atol=0.12)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.25)
    z = [1.0, 0.25, -3.0]
    expression = f"((p) => [p.distance(z), Array.from(p.fromStandard(p.toStandard(z)))])({made})"
    distance, back = modules.call("prior.js", expression, prior=PRIOR, z=z)
    offset = np.asarray(z) - PRIOR["mean"]
    assert distance == pytest.approx(math.sqrt(offset @ np.linalg.solve(covariance, offset)))
    assert back == pytest.approx(z)


def test_fair_bits(modules: Modules) -> None:
    prior = {"mean": [0.5] * 8, "std": [0.5] * 8, "cholesky": None}
    made = "m.createPrior({posterior: 'bernoulli', prior})"
    expression = f"((p) => Array.from({{length: 500}}, (_, s) => Array.from(p.draw(s))))({made})"
    draws = np.asarray(modules.call("prior.js", expression, prior=prior))
    assert set(np.unique(draws)) == {0, 1}
    assert (np.abs(draws.mean(0) - 0.5) < 0.12).all()


A, B = [1.0, 2.0, -0.5], [-0.3, 0.4, 2.5]


@pytest.mark.parametrize("name", ["straight", "greatCircle"])
def test_paths_reach_their_ends_exactly(modules: Modules, name: str) -> None:
    ends = modules.call("path.js", f"[0, 1].map((t) => Array.from(m.{name}(a, b, t)))", a=A, b=B)
    assert ends == [A, B]


def test_great_circle_turns_at_a_constant_rate(modules: Modules) -> None:
    """With ends of equal norm the path stays on the sphere and equal steps are equal angles."""
    a, b = np.array(A) / np.linalg.norm(A) * 3, np.array(B) / np.linalg.norm(B) * 3
    expression = "[0, .25, .5, .75, 1].map((t) => Array.from(m.greatCircle(a, b, t)))"
    points = np.asarray(modules.call("path.js", expression, a=a.tolist(), b=b.tolist()))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 3)
    np.testing.assert_allclose(points[2], 3 * (a + b) / np.linalg.norm(a + b))
    angles = np.arccos((points[:-1] * points[1:]).sum(1) / 9)
    np.testing.assert_allclose(angles, angles[0])


def test_great_circle_between_opposite_places_is_a_line(modules: Modules) -> None:
    middle = modules.call("path.js", "Array.from(m.greatCircle([1, 0], [-1, 0], 0.5))")
    assert middle == [0, 0]
    assert modules.call("path.js", "Array.from(m.greatCircle([0, 0], [1, 1], 0.5))") == [0.5, 0.5]


def test_circles_under_a_learned_prior_keep_their_mahalanobis_distance(modules: Modules) -> None:
    expression = """await import("/prior.js").then(({createPrior}) => {
        const p = createPrior({posterior: "gaussian", prior}), way = m.pathBetween(p, [0, 1, 2], "circle");
        const [a, b] = [[3, 0, 0], [0, 0, 3]].map((e) => p.fromStandard(e));
        return [0, .3, .5, 1].map((t) => p.distance(way(a, b, t)));
    })"""
    assert modules.call("path.js", expression, prior=PRIOR) == pytest.approx([3, 3, 3, 3])


def test_bits_flip_one_by_one_in_order(modules: Modules) -> None:
    expression = "[0, .3, .5, .7, 1].map((t) => Array.from(m.flips([0, 1, 0, 1], [1, 1, 1, 0], t, [3, 2, 1, 0])))"
    assert modules.call("path.js", expression) == [[0, 1, 0, 1], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]]


def test_pictures_are_rows_of_rgba(modules: Modules) -> None:
    expression = "Array.from(m.decodeRow((z) => [z[0], 1 - z[0]], [1, 1, 2], Float32Array.from([0, 0.5]), 2))"
    grey = [0, 0, 0, 255, 255, 255, 255, 255, 128, 128, 128, 255, 128, 128, 128, 255]
    assert modules.call("pictures.js", expression) == grey
    colour = "Array.from(m.decodeRow(() => [0, 1, 0.2, 0, 1, 0.4], [3, 1, 2], Float32Array.from([0]), 1))"
    assert modules.call("pictures.js", colour) == [0, 51, 255, 255, 255, 0, 102, 255]
