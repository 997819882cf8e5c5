"""Variances of every weight's gradient, against a loop over backward passes."""

import pytest
import torch
from torch import nn

from vaeexplorer.gradients.weights import decoder_moments, encoder_moments

REPLICATES, IMAGES = 9, 3


@pytest.fixture
def random():
    torch.manual_seed(0)


def looped(network, inputs, gradients):
    """name -> mean and variance over replicates, added up over images; one backward pass for each."""
    means, variances = {}, {}
    for image in range(IMAGES):
        rows = {name: [] for name, _ in network.named_parameters()}
        for replicate in range(REPLICATES):
            network.zero_grad()
            (network(inputs[replicate, image][None]) * gradients[replicate, image]).sum().backward()
            for name, parameter in network.named_parameters():
                rows[name].append(parameter.grad.clone())
        for name, found in rows.items():
            table = torch.stack(found)
            means[name] = means.get(name, 0) + table.mean(0)
            variances[name] = variances.get(name, 0) + table.var(0)
    return means, variances


def same(found, network, inputs, gradients):
    means, variances = looped(network, inputs, gradients)
    assert {m.name for m in found} == means.keys()
    for m in found:
        torch.testing.assert_close(m.mean, means[m.name], atol=1e-12, rtol=1e-10)
        torch.testing.assert_close(m.variance, variances[m.name], atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_an_encoder(random, kind):
    layers = {
        "dense": [nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 4)],
        "convolutional": [nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(36, 4)],
    }
    encoder = nn.Sequential(*layers[kind]).double()
    x, gradients = torch.rand(IMAGES, 1, 3, 4).double(), torch.randn(REPLICATES, IMAGES, 4).double()
    found = encoder_moments(encoder, x, gradients)
    same(found, encoder, x.expand(REPLICATES, *x.shape), gradients)
    assert not any(moment.mean.requires_grad or moment.variance.requires_grad for moment in found)


def test_an_encoder_with_fewer_replicates_than_outputs(random):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(12, 20)).double()
    x, gradients = torch.rand(IMAGES, 1, 3, 4).double(), torch.randn(REPLICATES, IMAGES, 20).double()
    same(encoder_moments(encoder, x, gradients), encoder, x.expand(REPLICATES, *x.shape), gradients)


def test_a_decoder(random):
    decoder = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 12), nn.Unflatten(1, (1, 3, 4))).double()
    z, gradients = torch.randn(REPLICATES, IMAGES, 2).double(), torch.randn(REPLICATES, IMAGES, 1, 3, 4).double()
    same(decoder_moments(decoder, z, gradients), decoder, z, gradients)


def test_convolutions_of_a_decoder_are_refused():
    network = nn.Sequential(nn.Linear(2, 16), nn.Unflatten(1, (1, 4, 4)), nn.ConvTranspose2d(1, 1, 2))
    with pytest.raises(ValueError, match="dense networks only"):
        decoder_moments(network, torch.rand(4, 1, 2), torch.randn(4, 1, 1, 5, 5))
