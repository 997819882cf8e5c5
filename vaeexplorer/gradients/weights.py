"""The mean and variance of the gradient of every weight of a dense network, without ever forming one gradient.

For a fixed input a dense layer's weight gradient is an outer product, dL/dW = delta h', of the random gradient at its
output and its input h. In an encoder the inputs are not random, so Var(W_ij) = Var(delta_i) h_j^2; in a decoder both
are, and E[W_ij^2] = E[delta_i^2 h_j^2] is one matrix product of squares. Draws for different images are independent, so
variances over a batch add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Moments:
    """Of one parameter's gradient, summed over the images: mean and variance of one replicate, in the shape of it."""

    name: str
    mean: Tensor
    variance: Tensor


def layer_names(network: nn.Sequential) -> dict[int, str]:
    """Number of each module that has weights -> "layer 1" and so on, as people count."""
    numbers = [number for number, module in enumerate(network) if list(module.parameters())]
    return {number: f"layer {place}" for place, number in enumerate(numbers, 1)}


@dataclass(frozen=True)
class _Layer:
    """A dense layer that was passed: its number among the modules, its input (N, I), and the slope of what follows it
    up to the next one at its output (N, O), None where nothing does.
    """

    number: int
    module: nn.Linear
    inputs: Tensor
    slope: Tensor | None


@torch.no_grad()
def encoder_moments(encoder: nn.Sequential, x: Tensor, gradients: Tensor) -> list[Moments]:
    """Moments of the gradient of every weight of an encoder, from replicates of the gradient at its outputs.

    Args: x (B, ...) the images; gradients (R, B, O) of the objective by the encoder's outputs, R >= 2 replicates,
    independent over replicates and images.
    Error: the variances are those of the R replicates themselves (over R - 1), what a loop over R backward passes for
    each image would give but for rounding.
    """
    replicates = len(gradients)
    mean = gradients.mean(0)  # (B, O)
    factor = (gradients - mean).transpose(0, 1) / (replicates - 1) ** 0.5  # (B, R, O): the covariance is factor' factor
    if replicates > gradients.shape[-1]:
        factor = torch.linalg.qr(factor, mode="r").R  # fewer rows with the same covariance
    return through_encoder(encoder, x, mean, factor)


@torch.no_grad()
def through_encoder(encoder: nn.Sequential, x: Tensor, mean: Tensor, factor: Tensor) -> list[Moments]:
    """Moments of the gradient of every weight where that at the outputs has this mean (B, O), and for each image the
    covariance factor' factor, factor (B, N, O); images are independent. Any encoder, dense ones without forming one
    gradient.
    """
    return (_through_dense if is_dense(encoder) else _through_any)(encoder, x, mean, factor)


def _through_dense(encoder: nn.Sequential, x: Tensor, mean: Tensor, factor: Tensor) -> list[Moments]:
    moments: list[Moments] = []
    for layer in reversed(dense_layers(encoder, x)):
        if layer.slope is not None:
            mean, factor = mean * layer.slope, factor * layer.slope[:, None]
        variance = (factor**2).sum(1)  # (B, outputs)
        moments += [
            Moments(f"{layer.number}.bias", mean.sum(0), variance.sum(0)),
            Moments(f"{layer.number}.weight", mean.T @ layer.inputs, variance.T @ layer.inputs**2),
        ]
        mean, factor = mean @ layer.module.weight, factor @ layer.module.weight
    return moments[::-1]


def _through_any(encoder: nn.Sequential, x: Tensor, mean: Tensor, factor: Tensor) -> list[Moments]:
    """One vector-Jacobian product for the mean and for each row of the factor."""
    sums = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in encoder.named_parameters()}
    for image in range(len(x)):
        rows = torch.cat([mean[image, None], factor[image]])
        for name, product in zip(sums, _products(encoder, x[image, None], rows), strict=True):
            sums[name][0].add_(product[0])
            sums[name][1].add_((product[1:] ** 2).sum(0))
    return [Moments(name, *both) for name, both in sums.items()]


def _products(encoder: nn.Sequential, x: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
    """rows (N, O) of gradients at the outputs of one image -> of each parameter, (N, ...)."""
    with torch.enable_grad():
        outputs = encoder(x)[0]
        return torch.autograd.grad(outputs, list(encoder.parameters()), rows, is_grads_batched=True)


@torch.no_grad()
def encoder_kernels(encoder: nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    """Layer -> K (B, O, B, O) = J_b J_c' of its weights and biases, J_b the Jacobian of the outputs at image b.

    A gradient g_b at the outputs is J_b' g_b at the weights, so K has all products of such. Of a dense layer, with what
    the outputs' slopes are at it and its input h:  K = (slope_b slope_c') (h_b h_c' + 1).
    Source: Jacot et al. 2018, section 4 (the tangent kernel, layer by layer).
    """
    return (_dense_kernels if is_dense(encoder) else _any_kernels)(encoder, x)


def _dense_kernels(encoder: nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    layers, names = dense_layers(encoder, x), layer_names(encoder)
    outputs = layers[-1].module.out_features
    slopes = torch.eye(outputs, dtype=x.dtype, device=x.device).expand(len(x), -1, -1)  # (B, O, width)
    kernels = {}
    for layer in reversed(layers):
        if layer.slope is not None:
            slopes = slopes * layer.slope[:, None]
        alike = layer.inputs @ layer.inputs.T + (layer.module.bias is not None)
        kernels[names[layer.number]] = torch.einsum("bow,cpw->bocp", slopes, slopes) * alike[:, None, :, None]
        slopes = slopes @ layer.module.weight
    return dict(reversed(kernels.items()))


def _any_kernels(encoder: nn.Sequential, x: Tensor) -> dict[str, Tensor]:
    """By the Jacobians themselves, a layer at a time, as they are large."""
    eye, kernels = None, {}
    for number, name in layer_names(encoder).items():
        weights = list(encoder[number].parameters())
        rows = []
        for image in x:
            with torch.enable_grad():
                outputs = encoder(image[None])[0]
                eye = torch.eye(len(outputs), dtype=x.dtype, device=x.device) if eye is None else eye
                found = torch.autograd.grad(outputs, weights, eye, is_grads_batched=True)
            rows.append(torch.cat([part.flatten(1) for part in found], 1))
        table = torch.cat(rows)
        kernels[name] = (table @ table.T).unflatten(1, (len(x), -1)).unflatten(0, (len(x), -1))
    return kernels


def is_dense(network: nn.Sequential) -> bool:
    """Whether all weights are those of dense layers."""
    return all(isinstance(module, nn.Linear) for module in network if list(module.parameters()))


@torch.no_grad()
def decoder_moments(decoder: nn.Sequential, z: Tensor, gradients: Tensor) -> list[Moments]:
    """The same of a decoder, whose inputs are random as well.

    Args: z (R, B, D), one draw for each replicate and image; gradients (R, B, O...) of the objective by the decoder's
    outputs at these. E[g^2] of an image is delta^2' h^2 / R, and its square of the mean is taken off.
    """
    replicates, images = z.shape[:2]
    delta = gradients.reshape(replicates * images, -1)
    moments = []
    for layer in reversed(dense_layers(decoder, z.reshape(replicates * images, -1))):
        if layer.slope is not None:
            delta = delta * layer.slope
        moments += [_of_products(layer, delta, replicates, "bias"), _of_products(layer, delta, replicates, "weight")]
        delta = delta @ layer.module.weight
    return moments[::-1]


def _of_products(layer: _Layer, delta: Tensor, replicates: int, kind: str) -> Moments:
    """Of delta h' (h = 1 for a bias) over the replicates, image by image."""
    inputs = layer.inputs if kind == "weight" else torch.ones_like(layer.inputs[:, :1])
    d, h = (part.unflatten(0, (replicates, -1)).transpose(0, 1) for part in (delta, inputs))  # (B, R, .)
    first = d.transpose(1, 2) @ h / replicates
    second = (d**2).transpose(1, 2) @ h**2 / replicates
    variance = (second - first**2).clamp_min(0).sum(0) * (replicates / (replicates - 1))
    mean = first.sum(0)
    return Moments(f"{layer.number}.{kind}", *(part[:, 0] if kind == "bias" else part for part in (mean, variance)))


def dense_layers(network: nn.Sequential, inputs: Tensor) -> list[_Layer]:
    """The dense layers as they were passed by inputs (N, ...).

    Raises ValueError for a network that has others than dense layers, elementwise functions and changes of shape.
    """
    layers: list[_Layer] = []
    h = inputs
    for number, module in enumerate(network):
        if isinstance(module, nn.Linear):
            layers.append(_Layer(number, module, h, None))
            h = module(h)
        elif isinstance(module, nn.Flatten | nn.Unflatten):
            h = module(h)
        elif not list(module.parameters()) and layers:
            value, slope = _with_slope(module, h)
            last = layers[-1]
            layers[-1] = replace(last, slope=slope if last.slope is None else last.slope * slope)
            h = value
        else:
            raise ValueError(
                f"the variance of every weight is known for dense networks only, and this one has a "
                f"{type(module).__name__}: choose a model with the mlp or linear architecture"
            )
    return layers


def _with_slope(function: nn.Module, h: Tensor) -> tuple[Tensor, Tensor]:
    """An elementwise function's value and derivative."""
    with torch.enable_grad():
        h = h.detach().requires_grad_()
        value = function(h)
        (slope,) = torch.autograd.grad(value.sum(), h)
    return value.detach(), slope
