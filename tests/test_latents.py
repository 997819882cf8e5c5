import pytest
import torch
from torch.distributions import MultivariateNormal

from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian
from vaeexplorer.latents import log_aggregate_posterior


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
