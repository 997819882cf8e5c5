import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian
from vaeexplorer.latents import log_aggregate_posterior, total_correlation


def test_aggregate_posterior_is_the_mixture():
    q = DiagonalGaussian(torch.tensor([[0.0, 0.0], [3.0, -1.0]]), torch.tensor([[0.0, 0.1], [-0.5, 0.3]]))
    z = torch.tensor([[0.2, 0.1], [2.5, -1.0], [50.0, 0.0]])
    density = sum(
        0.5 * MultivariateNormal(m, torch.diag(s**2)).log_prob(z).double().exp()
        for m, s in zip(q.mean, q.std, strict=True)
    )
    found = log_aggregate_posterior(q, z)
    assert torch.allclose(found[:2], density[:2].log(), atol=1e-5)
    assert found[2] < -500  # finite where the density itself underflows
    bits = BernoulliLatent(torch.tensor([[0.0, 2.0], [1.0, -1.0]]))
    codes = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert log_aggregate_posterior(bits, codes).exp().sum().item() == pytest.approx(1)


def test_total_correlation_of_a_correlated_gaussian():
    # q(z|x) with small spread around means of correlation r: TC of the aggregate is -1/2 log(1 - r^2).
    # With the whole data set as the batch (N = B) the estimate is -log N per density too low, so it is off by log N
    # (D - 1).
    count, r, spread = 2000, 0.9, 0.5
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 2, generator=generator)
    mean = torch.stack([noise[:, 0], r * noise[:, 0] + math.sqrt(1 - r * r) * noise[:, 1]], 1)
    for means, correlation in ((mean, r / (1 + spread**2)), (noise, 0.0)):
        q = DiagonalGaussian(means, torch.full_like(means, math.log(spread)))
        z = q.sample(torch.randn(count, 2, generator=generator))
        found = total_correlation(q, z, count).item() - math.log(count)
        assert found == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.06)
