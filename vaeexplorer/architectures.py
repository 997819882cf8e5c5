"""Networks as lists of layers: one description from which torch builds the modules and the browser its own decoder.

Adding a network is one entry in ARCHITECTURES. Nothing here imports torch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Dense:
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Conv:
    """Convolution with padding; turns (inputs, h, w) into (outputs, h / stride, w / stride)."""

    inputs: int
    outputs: int
    kernel: int = 4
    stride: int = 2
    padding: int = 1


@dataclass(frozen=True)
class ConvTranspose:
    """The mirror of `Conv`: (inputs, h, w) becomes (outputs, h * stride, w * stride)."""

    inputs: int
    outputs: int
    kernel: int = 4
    stride: int = 2
    padding: int = 1


@dataclass(frozen=True)
class Activation:
    name: str


@dataclass(frozen=True)
class Reshape:
    """To (channels, height, width), or with one number to a flat vector."""

    shape: tuple[int, ...]


Layer = Dense | Conv | ConvTranspose | Activation | Reshape
Layers = tuple[Layer, ...]

# What an architecture may call for; the browser's decoder knows the same names.
ACTIVATIONS = ("tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu")


@dataclass(frozen=True)
class Sizes:
    """What a network must fit: the image, the code, and the widths asked for.

    encoder_outputs, decoder_channels: numbers per latent dimension and per image channel (2 with a spread of their
    own).
    """

    image_shape: Shape
    latent_dim: int
    hidden: tuple[int, ...]
    activation: str
    channels: int
    encoder_outputs: int = 2
    decoder_channels: int = 1

    @property
    def code(self) -> int:
        return self.encoder_outputs * self.latent_dim

    @property
    def output_shape(self) -> Shape:
        channels, height, width = self.image_shape
        return self.decoder_channels * channels, height, width


@dataclass(frozen=True)
class Architecture:
    """title for people; multiple: height and width must be multiples of it (loaders pad); the two lists of layers."""

    title: str
    multiple: int
    encoder: Callable[[Sizes], Layers]
    decoder: Callable[[Sizes], Layers]


def _dense_chain(widths: tuple[int, ...], activation: str) -> Layers:
    """Dense layers of these widths with an activation between them, none at the end."""
    layers: list[Layer] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [Dense(inputs, outputs), Activation(activation)]
    return tuple(layers[:-1])


def mlp_encoder(sizes: Sizes) -> Layers:
    pixels = math.prod(sizes.image_shape)
    return Reshape((pixels,)), *_dense_chain((pixels, *sizes.hidden, sizes.code), sizes.activation)


def mlp_decoder(sizes: Sizes) -> Layers:
    widths = (sizes.latent_dim, *reversed(sizes.hidden), math.prod(sizes.output_shape))
    return *_dense_chain(widths, sizes.activation), Reshape(sizes.output_shape)


def linear_encoder(sizes: Sizes) -> Layers:
    pixels = math.prod(sizes.image_shape)
    return Reshape((pixels,)), Dense(pixels, sizes.code)


def linear_decoder(sizes: Sizes) -> Layers:
    return Dense(sizes.latent_dim, math.prod(sizes.output_shape)), Reshape(sizes.output_shape)


def _widths(sizes: Sizes, growth: tuple[int, ...]) -> tuple[int, ...]:
    """Channels after each halving of the image: `sizes.channels` times the growth."""
    return tuple(sizes.channels * factor for factor in growth)


def _bottom(sizes: Sizes, growth: tuple[int, ...]) -> Shape:
    """The shape of the smallest feature map."""
    _, height, width = sizes.image_shape
    return _widths(sizes, growth)[-1], height >> len(growth), width >> len(growth)


def conv_encoder(sizes: Sizes, growth: tuple[int, ...]) -> Layers:
    layers: list[Layer] = []
    inputs = sizes.image_shape[0]
    for outputs in _widths(sizes, growth):
        layers += [Conv(inputs, outputs), Activation(sizes.activation)]
        inputs = outputs
    flat = math.prod(_bottom(sizes, growth))
    return *layers, Reshape((flat,)), *_dense_chain((flat, *sizes.hidden, sizes.code), sizes.activation)


def conv_decoder(sizes: Sizes, growth: tuple[int, ...]) -> Layers:
    bottom = _bottom(sizes, growth)
    widths = (sizes.latent_dim, *reversed(sizes.hidden), math.prod(bottom))
    layers: list[Layer] = [*_dense_chain(widths, sizes.activation), Activation(sizes.activation), Reshape(bottom)]
    channels = (*reversed(_widths(sizes, growth)), sizes.output_shape[0])
    for inputs, outputs in itertools.pairwise(channels):
        layers += [ConvTranspose(inputs, outputs), Activation(sizes.activation)]
    return tuple(layers[:-1])


def parameter_shapes(layers: Layers) -> dict[str, tuple[int, ...]]:
    """ "NUMBER.weight" and "NUMBER.bias" -> shape, as torch.nn.Sequential names and shapes them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(layers):
        if type(layer) in WEIGHT_SHAPES:
            shapes[f"{number}.weight"] = WEIGHT_SHAPES[type(layer)](layer)
            shapes[f"{number}.bias"] = (layer.outputs,)  # type: ignore[union-attr]
    return shapes


WEIGHT_SHAPES: dict[type, Callable[[Any], tuple[int, ...]]] = {
    Dense: lambda layer: (layer.outputs, layer.inputs),
    Conv: lambda layer: (layer.outputs, layer.inputs, layer.kernel, layer.kernel),
    ConvTranspose: lambda layer: (layer.inputs, layer.outputs, layer.kernel, layer.kernel),
}

ARCHITECTURES: dict[str, Architecture] = {
    "mlp": Architecture("dense layers", 1, mlp_encoder, mlp_decoder),
    "conv28": Architecture(
        "two strided convolutions", 4, lambda s: conv_encoder(s, (1, 2)), lambda s: conv_decoder(s, (1, 2))
    ),
    "conv64": Architecture(
        "four strided convolutions", 16, lambda s: conv_encoder(s, (1,) * 4), lambda s: conv_decoder(s, (1,) * 4)
    ),
    "linear": Architecture("one linear map each way", 1, linear_encoder, linear_decoder),
}
