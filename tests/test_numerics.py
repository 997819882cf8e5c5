import math

import pytest
import torch

from vaeexplorer.numerics import (
    continuous_bernoulli_mean,
    effective_sample_size,
    log_continuous_bernoulli_constant,
    logmeanexp,
)


def logit(p):
    return torch.tensor(math.log(p / (1 - p)), dtype=torch.float64)


def test_logmeanexp_survives_tiny_and_huge_values():
    values = torch.tensor([[-1000.0, 1000.0], [-1000.0, 1000.0 + math.log(3)]])
    assert logmeanexp(values).tolist() == pytest.approx([-1000, 1000 + math.log(2)])
    assert logmeanexp(torch.full((3, 1), -math.inf)).item() == -math.inf


def test_effective_sample_size_of_equal_and_of_one_weight():
    weights = torch.tensor([[0.0, 0.0], [0.0, -1000.0], [0.0, -1000.0], [0.0, -1000.0]])
    assert effective_sample_size(weights - 500).tolist() == pytest.approx([4, 1])


@pytest.mark.parametrize(
    ("p", "constant", "mean"), [(0.1, 2.746531, 0.330120), (0.9, 2.746531, 0.669880), (0.5, 2.0, 0.5)]
)
def test_continuous_bernoulli_reference_values(p, constant, mean):
    assert log_continuous_bernoulli_constant(logit(p)).exp().item() == pytest.approx(constant, abs=1e-6)
    assert continuous_bernoulli_mean(logit(p)).item() == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_continuous_bernoulli_is_smooth_across_the_series_and_finite_far_out(dtype):
    # float64 by the plain formula, away from 0 where it cancels, against both branches.
    logits = torch.linspace(-0.4, 0.4, 401, dtype=dtype)
    logits = logits[logits.abs() > 2e-3]
    exact = logits.double()
    plain_constant = torch.log(exact / torch.tanh(exact / 2))
    plain_mean = 1 / (1 - torch.exp(-exact)) - 1 / exact
    assert (log_continuous_bernoulli_constant(logits) - plain_constant).abs().max() < 1e-6
    assert (continuous_bernoulli_mean(logits) - plain_mean).abs().max() < 3e-6
    far = torch.tensor([-300.0, 300.0], dtype=dtype, requires_grad=True)
    total = log_continuous_bernoulli_constant(far).sum() + continuous_bernoulli_mean(far).sum()
    total.backward()
    assert torch.isfinite(total) and torch.isfinite(far.grad).all()


def test_continuous_bernoulli_density_integrates_to_one():
    x = torch.linspace(0, 1, 20001, dtype=torch.float64)
    for logits in (-4.0, -0.005, 0.0, 1.5, 30.0):
        value = torch.tensor(logits, dtype=torch.float64)
        log_density = x * value - torch.nn.functional.softplus(value) + log_continuous_bernoulli_constant(value)
        assert torch.trapezoid(log_density.exp(), x).item() == pytest.approx(1, abs=2e-6)
