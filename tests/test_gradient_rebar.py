"""REBAR: its mean against enumeration, each replicate against the formula of the paper, and mistakes that tests find.

Resolution: with 200,000 replicates a mean is known to 0.2 % of its standard deviation; cut at 5 standard errors.
"""

import pytest
import torch

from tests.test_gradient_expectations import CUT, GRADIENT, LOGITS, REPLICATES, bits, mean_score
from vaeexplorer.gradients import bernoulli_gradient_samples
from vaeexplorer.gradients.expectations import BernoulliDraws
from vaeexplorer.gradients.rebar import rebar


def drawn(replicates=REPLICATES, samples=1, seed=7):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand((replicates, samples, 4), generator=generator, dtype=torch.float64)
    return BernoulliDraws(bits, LOGITS, noise)


@pytest.mark.parametrize(("temperature", "eta"), [(0.1, 1.0), (0.5, 1.0), (2.0, 1.0), (0.5, 0.6), (1.0, -0.5)])
def test_unbiased_whatever_its_options(temperature, eta):
    """Gumbel-softmax at the same temperatures is far off: see test_gradient_expectations."""
    assert mean_score(rebar(drawn(), temperature, eta), GRADIENT) < CUT


def test_half_the_variance_of_the_score_function_which_is_what_an_eta_of_0_leaves():
    bare = bernoulli_gradient_samples(
        "score_function", bits, LOGITS, replicates=1000, generator=torch.Generator().manual_seed(7)
    )
    torch.testing.assert_close(rebar(drawn(1000), 0.5, 0.0), bare, rtol=1e-12, atol=1e-12)
    assert rebar(drawn(20_000), 0.5, 1.0).var(0).sum() < 0.6 * rebar(drawn(20_000), 0.5, 0.0).var(0).sum()


def as_in_the_paper(draws, temperature, eta):
    """Equation 9, with its slopes by automatic differentiation: f(H(z)) and f(relaxed) from u, f(relaxed) again from
    the bit and v, where v is what makes both relaxed bits the same.
    """
    z, u = draws.z, draws.noise
    p = draws.p
    v = torch.where(z > 0, u / p, (u - p) / (1 - p))  # where u lies among the values that give this bit
    logits = draws.logits.expand_as(u).clone().requires_grad_()
    theta = torch.sigmoid(logits)
    first = torch.sigmoid((logits - torch.logit(u)) / temperature)
    place = torch.where(z > 0, v * theta, theta + v * (1 - theta))
    second = torch.sigmoid((logits - torch.logit(place)) / temperature)
    (difference,) = torch.autograd.grad((bits(first) - bits(second)).sum(), logits)
    return ((bits(z) - eta * bits(second)).detach()[..., None] * (z - p) + eta * difference).mean(1)


@pytest.mark.parametrize(("temperature", "eta"), [(0.3, 1.0), (1.5, 0.4)])
def test_each_replicate_is_that_of_the_paper(temperature, eta):
    draws = drawn(2000, samples=3)
    torch.testing.assert_close(
        rebar(draws, temperature, eta), as_in_the_paper(draws, temperature, eta), rtol=1e-7, atol=1e-9
    )


def test_uniform_numbers_at_their_ends():
    """torch.rand gives 0 and, in float32, 1 - 2^-24."""
    noise = torch.tensor([0.0, 1 - 2**-24]).expand(4, 2).T[None]
    found = rebar(BernoulliDraws(lambda z: z.sum(-1), LOGITS.float(), noise), 0.5, 1.0)
    assert found.shape == (1, 4) and found.isfinite().all()


# Each must be seen by the test of the mean.
MISTAKES = {
    "the relaxed value taken off and not given back": lambda d: rebar(d, 0.5, 1.0) - correction(d),
    "the slope at fixed u alone": lambda d: rebar(d, 0.5, 1.0) + correction(d, parting=False) - correction(d),
    "p and 1 - p in each other's place": lambda d: rebar(d, 0.5, 1.0) + correction(turned(d)) - correction(d),
}


def correction(draws, parting=True):
    """The slopes' part of the estimate, at temperature 0.5."""
    u, p = draws.noise, draws.p
    relaxed = torch.sigmoid((draws.logits - torch.logit(u)) / 0.5).requires_grad_()
    (slope,) = torch.autograd.grad(bits(relaxed).sum(), relaxed)
    factor = torch.where(draws.z > 0, (1 - p) / (1 - u), p / u) if parting else 1.0
    return (slope * relaxed * (1 - relaxed) / 0.5 * factor).mean(1).detach()


def turned(draws):
    return BernoulliDraws(draws.f, -draws.logits, 1 - draws.noise)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake):
    assert mean_score(MISTAKES[mistake](drawn()), GRADIENT) > CUT


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0}, "rebar needs a finite temperature above 0, got 0"),
        ({"eta": float("nan")}, "rebar needs a finite eta, got nan"),
        ({"heat": 1}, "rebar has no option heat; its options: temperature, eta"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        bernoulli_gradient_samples("rebar", bits, LOGITS, replicates=5, generator=torch.Generator(), **options)
