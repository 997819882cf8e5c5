"""Means and variances of the estimators, in standard errors, against closed forms and enumeration.

Resolution: with 200,000 replicates a mean is known to 0.2 % of the standard deviation; a variance to about
sqrt((kurtosis - 1) / 200,000) of itself, which is computed from the draws.
"""

import itertools
import math

import pytest
import torch

from vaeexplorer.gradients import bernoulli_gradient_samples, gradient_samples
from vaeexplorer.gradients.expectations import BernoulliDraws
from vaeexplorer.gradients.quadratic import Quadratic

REPLICATES, CUT = 200_000, 5.0

F = Quadratic(
    torch.tensor([[1, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, -0.8]], dtype=torch.float64),
    torch.tensor([0.5, -1, 0.25], dtype=torch.float64), 1.0,
)  # fmt: skip
LOC, LOG_SCALE = (
    torch.tensor([0.2, -0.4, 0.6], dtype=torch.float64),
    torch.tensor([0.7, 1.1, 0.4], dtype=torch.float64).log(),
)
MOMENTS = F.under(LOC, LOG_SCALE)
LANDED = torch.tensor([[0.0], [1.0]], dtype=torch.float64)  # what the entropy of q adds to the gradient

LOGITS, T = torch.tensor([0.5, -1, 0, 2], dtype=torch.float64), torch.tensor([1, -2, 0.5, 1.5], dtype=torch.float64)


def bits(z):
    return (z @ T - 0.7) ** 2 + z[..., 0] * z[..., 1]


def mean_score(values, truth):
    """Largest |z-score| of the means of replicates."""
    return float(((values.mean(0) - truth) / (values.std(0) / math.sqrt(len(values)))).abs().max())


def variance_score(values, truth):
    """Largest |z-score| of the sample variances: Var(s^2) = (mu4 - s^4) / R."""
    centred = values - values.mean(0)
    variance, fourth = (centred**2).mean(0), (centred**4).mean(0)
    return float(((variance - truth) / ((fourth - variance**2) / len(values)).sqrt()).abs().max())


GAUSSIAN = {
    "pathwise": (1, MOMENTS.gradient, MOMENTS.pathwise()),
    "score_function": (1, MOMENTS.gradient, MOMENTS.score_function()),
    "score_function_mean_baseline": (1, MOMENTS.gradient, MOMENTS.score_function(MOMENTS.mean)),
    "score_function_optimal_baseline": (1, MOMENTS.gradient, MOMENTS.score_function(MOMENTS.optimal_baseline())),
    "leave_one_out": (4, MOMENTS.gradient, MOMENTS.leave_one_out(4)),
    "sticking_the_landing": (1, MOMENTS.gradient + LANDED, MOMENTS.sticking_the_landing()),
}


@pytest.mark.parametrize("name", GAUSSIAN)
def test_gaussian_means_and_variances(name):
    samples, gradient, variance = GAUSSIAN[name]
    generator = torch.Generator().manual_seed(1)
    found = gradient_samples(name, F, LOC, LOG_SCALE, replicates=REPLICATES, samples=samples, generator=generator)
    assert found.shape == (REPLICATES, 2, 3) and found.dtype == torch.float64
    assert mean_score(found, gradient) < CUT
    assert variance_score(found, variance) < CUT


def enumerated(value):
    """E value(z) over the 16 codes."""
    total = 0
    for code in itertools.product((0.0, 1.0), repeat=4):
        z = torch.tensor(code).double()
        probability = torch.exp((z * LOGITS - torch.nn.functional.softplus(LOGITS)).sum())
        total = total + probability * value(z)
    return total


P = torch.sigmoid(LOGITS)
GRADIENT = enumerated(lambda z: bits(z) * (z - P))
MEAN = enumerated(bits)
BEST = enumerated(lambda z: bits(z) * (z - P) ** 2) / (P * (1 - P))


def test_the_enumeration_itself():
    assert float(MEAN) == pytest.approx(2.401092, abs=6e-7)
    assert GRADIENT.tolist() == pytest.approx([0.454865, -0.265851, 0.238943, 0.121134], abs=6e-7)
    assert BEST.tolist() == pytest.approx([1.927036, 1.776236, 2.401092, 1.522419], abs=6e-7)


def variance_with(baseline):
    return enumerated(lambda z: ((bits(z) - baseline) * (z - P)) ** 2) - GRADIENT**2


BERNOULLI = {
    ("score_function", 1): [1.322753, 1.021757, 2.210093, 0.638977],
    ("score_function_mean_baseline", 1): [0.502887, 0.478210, 0.768782, 0.476689],
    ("score_function_optimal_baseline", 1): [0.450074, 0.401443, 0.768782, 0.395627],
    ("leave_one_out", 2): [0.743062, 0.599197, 0.825875, 0.419105],
    ("leave_one_out", 4): [0.207658, 0.179568, 0.265776, 0.149299],
}


def test_the_variances_by_enumeration():
    for baseline, key in ((0.0, "score_function"), (MEAN, "score_function_mean_baseline")):
        assert variance_with(baseline).tolist() == pytest.approx(BERNOULLI[key, 1], abs=6e-7)
    assert variance_with(BEST).tolist() == pytest.approx(BERNOULLI["score_function_optimal_baseline", 1], abs=6e-7)


@pytest.mark.parametrize(("name", "samples"), BERNOULLI)
def test_bernoulli_means_and_variances(name, samples):
    generator = torch.Generator().manual_seed(2)
    found = bernoulli_gradient_samples(name, bits, LOGITS, replicates=REPLICATES, samples=samples, generator=generator)
    assert found.shape == (REPLICATES, 4) and found.dtype == torch.float64
    assert mean_score(found, GRADIENT) < CUT
    assert variance_score(found, torch.tensor(BERNOULLI[name, samples], dtype=torch.float64)) < CUT


@pytest.mark.parametrize(
    ("name", "about"), [("arm", [0.447, 0.454, 0.601, 0.577]), ("disarm", [0.367, 0.350, 0.437, 0.262])]
)
def test_two_bits_that_are_opposite_draws(name, about):
    generator = torch.Generator().manual_seed(3)
    found = bernoulli_gradient_samples(name, bits, LOGITS, replicates=REPLICATES, generator=generator)
    assert mean_score(found, GRADIENT) < CUT
    assert found.var(0).tolist() == pytest.approx(about, rel=0.03)  # measured values, one seed


def test_straight_through_is_biased_by_a_known_amount():
    generator = torch.Generator().manual_seed(4)
    found = bernoulli_gradient_samples("straight_through", bits, LOGITS, replicates=REPLICATES, generator=generator)
    assert mean_score(found, torch.tensor([0.512422, -0.629282, 0.238943, 0.301050], dtype=torch.float64)) < CUT
    assert mean_score(found, GRADIENT) > 50


def test_gumbel_softmax_is_biased_and_the_less_the_more_it_varies():
    generator = torch.Generator().manual_seed(5)
    found = [
        bernoulli_gradient_samples(
            "gumbel_softmax", bits, LOGITS, replicates=REPLICATES, temperature=temperature, generator=generator
        )
        for temperature in (0.1, 0.5, 2.0)
    ]
    assert all(mean_score(values, GRADIENT) > CUT for values in found)
    cold, warm, hot = (float((values.mean(0) - GRADIENT).norm()) for values in found)
    assert cold < warm < hot
    assert found[0].var(0).sum() > found[1].var(0).sum() > found[2].var(0).sum()


@pytest.mark.parametrize("name", ["score_function_optimal_baseline", "leave_one_out", "disarm", "rebar"])
def test_bits_that_never_flip(name):
    """In float32 the probability of a logit of 20 is 1."""
    logits = torch.tensor([0.5, -1.0, 20.0, -120.0])
    found = bernoulli_gradient_samples(
        name, lambda z: bits(z.double()).float() - 1000, logits, replicates=200, samples=2,
        generator=torch.Generator().manual_seed(6),
    )  # fmt: skip
    assert found.isfinite().all() and found[:, 2:].abs().max() < 1e-3


def test_the_score_keeps_its_digits_where_a_bit_is_nearly_certain():
    draws = BernoulliDraws(bits, torch.full((4,), 20.0), torch.full((1, 1, 4), 0.5))
    assert draws.scores().flatten().tolist() == pytest.approx([math.exp(-20)] * 4, rel=1e-5)
