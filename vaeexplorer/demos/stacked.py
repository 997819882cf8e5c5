"""Small VAEs for films: weights of a seed, and several of one shape side by side as one batch of matrix products."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.vae import VAE

Layer = Callable[[Tensor], Tensor]


class Stack:
    """M dense VAEs of one configuration, Gaussian latents; shapes as in VAE, but with the models as the first axis.

    Where a VAE has samples of z as its first axis this has models, each with one sample. The sum of the models' losses
    trains each of them as if it were alone, for none has a part in another's and Adam moves each weight by itself.
    Raises: ValueError, one line, for models of different configurations or with other layers than dense ones.
    """

    def __init__(self, vaes: Sequence[VAE]) -> None:
        self.vaes = list(vaes)
        if not vaes or any(vae.config != vaes[0].config for vae in vaes):
            raise ValueError("expected one model or more, all of one configuration")
        self.encoder = _layers([vae.encoder for vae in vaes])
        self.decoder = _layers([vae.decoder for vae in vaes])

    def parameters(self) -> list[Tensor]:
        """Weights and biases, (M, ...) each."""
        return [tensor for _, part in self._parts() for _, tensor in part]

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        """q(z|x) of every model for images x (B, C, H, W); mean and log_std are (M, B, D)."""
        hidden = x.flatten(1).expand(len(self.vaes), len(x), -1)
        return DiagonalGaussian.from_encoder(_through(self.encoder, hidden))

    def decoder_outputs(self, z: Tensor) -> Tensor:
        """z (M, B, D) -> the likelihood's parameters (M, B, C, H, W)."""
        return _through(self.decoder, z).unflatten(-1, self.vaes[0].config.sizes.output_shape)

    def decode(self, z: Tensor) -> Tensor:
        """E[x|z], (M, B, C, H, W)."""
        return self.vaes[0].likelihood.mean(self.decoder_outputs(z)).clamp(0, 1)

    def terms(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """E_q[-log p(x|z)] by one draw (M, B) and KL(q || p) of each dimension (M, B, D), nats; noise (M, B, D)."""
        q = self.posterior(x)
        distortion = -self.vaes[0].likelihood.log_prob(self.decoder_outputs(q.sample(noise)), x)
        return distortion, self.vaes[0].prior.kl_per_dimension(q)

    def vae(self, number: int) -> VAE:
        """One of the models as it is now, by itself."""
        vae = copy.deepcopy(self.vaes[number])
        with torch.no_grad():
            for name, part in self._parts():
                own = getattr(vae, name)
                for (layer, kind), tensor in part:
                    getattr(own[layer], kind).copy_(tensor[number])
        return vae

    def _parts(self) -> list[tuple[str, list[tuple[tuple[int, str], Tensor]]]]:
        """Of each network its weights by (number of the layer, "weight" or "bias")."""
        found = []
        for name in ("encoder", "decoder"):
            layers = enumerate(getattr(self, name))
            dense = [(number, layer) for number, layer in layers if isinstance(layer, Dense)]
            found.append((name, [((n, kind), getattr(layer, kind)) for n, layer in dense for kind in KINDS]))
        return found


KINDS = ("weight", "bias")


@torch.no_grad()
def fresh(config: VaeConfig, seed: int) -> VAE:
    """A dense VAE whose weights are drawn as torch draws them, uniform within 1 / sqrt(inputs), by a generator of its
    own: torch's global one belongs to everybody, and two films may be made at the same time.
    """
    vae, generator = VAE(config), torch.Generator().manual_seed(seed)
    for layer in (module for module in vae.modules() if isinstance(module, nn.Linear)):
        reach = layer.in_features**-0.5
        for tensor in (layer.weight, layer.bias):
            tensor.uniform_(-reach, reach, generator=generator)
    return vae


class Dense:
    """The same dense layer of M networks: (M, B, in) -> (M, B, out)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self.weight = torch.stack([layer.weight.detach() for layer in layers]).requires_grad_()
        self.bias = torch.stack([layer.bias.detach() for layer in layers]).requires_grad_()

    def __call__(self, hidden: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, None], hidden, self.weight.mT)


def _layers(networks: Sequence[nn.Sequential]) -> list[Layer]:
    """A stacked layer for each of the networks'; reshaping is done at the ends."""
    return [_stacked(same) for same in zip(*networks, strict=True)]


def _stacked(same: Sequence[nn.Module]) -> Layer:
    if isinstance(same[0], nn.Linear):
        return Dense([layer for layer in same if isinstance(layer, nn.Linear)])
    if isinstance(same[0], (nn.Flatten, nn.Unflatten)):
        return lambda hidden: hidden
    if any(True for _ in same[0].parameters()):
        raise ValueError(f"expected dense layers and activations, got {type(same[0]).__name__}")
    return same[0]


def _through(layers: Sequence[Layer], hidden: Tensor) -> Tensor:
    for layer in layers:
        hidden = layer(hidden)
    return hidden
