import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from tests.exact import z_score
from vaeexplorer.distributions import (
    LIKELIHOODS,
    BernoulliLatent,
    DiagonalGaussian,
    FairBits,
    LearnedGaussian,
    StandardNormal,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(batch=4, dims=3):
    draw = torch.randn(2, batch, dims, generator=generator(), dtype=torch.float64)
    return DiagonalGaussian(draw[0], 0.5 * draw[1])


def bits(batch=4, dims=3):
    return BernoulliLatent(2 * torch.randn(batch, dims, generator=generator(), dtype=torch.float64))


def learned_prior(dims=3):
    prior = LearnedGaussian(dims).double()
    with torch.no_grad():
        for number, parameter in enumerate(prior.parameters()):
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator(number + 1), dtype=torch.float64))
    return prior


def test_log_densities_agree_with_torch():
    q, b, prior = gaussian(), bits(), learned_prior()
    z = torch.randn(5, 4, 3, generator=generator(1), dtype=torch.float64)
    assert torch.allclose(q.log_prob(z), Independent(Normal(q.mean, q.std), 1).log_prob(z))
    assert torch.allclose(StandardNormal(3).log_prob(z), Independent(Normal(torch.zeros(3), 1.0), 1).log_prob(z))
    reference = MultivariateNormal(prior.mean, scale_tril=prior.cholesky)
    assert torch.allclose(prior.log_prob(z), reference.log_prob(z))
    hard = (z > 0).double()
    assert torch.allclose(b.log_prob(hard), Independent(Bernoulli(logits=b.logits), 1).log_prob(hard))
    assert torch.allclose(FairBits(3).log_prob(hard), torch.tensor(-3 * math.log(2), dtype=torch.float64))


def test_kl_per_dimension_is_exact_and_sums_to_torchs():
    q = gaussian()
    standard = StandardNormal(3).kl_per_dimension(q)
    assert torch.allclose(standard, kl_divergence(Normal(q.mean, q.std), Normal(torch.zeros_like(q.mean), 1.0)))
    prior = learned_prior()
    full = kl_divergence(
        MultivariateNormal(q.mean, scale_tril=torch.diag_embed(q.std)),
        MultivariateNormal(prior.mean, scale_tril=prior.cholesky),
    )
    terms = prior.kl_per_dimension(q)
    assert torch.allclose(terms.sum(-1), full)
    assert (terms >= 0).all()


def test_kl_of_bits_by_enumeration():
    q = bits(1, 4)
    codes = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)), dtype=torch.float64).unsqueeze(1)
    log_q, log_p = q.log_prob(codes), FairBits(4).log_prob(codes)
    assert torch.logsumexp(log_q, 0).item() == pytest.approx(0, abs=1e-12)
    truth = (log_q.exp() * (log_q - log_p)).sum().item()
    assert FairBits(4).kl_per_dimension(q).sum().item() == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize(("q", "kind"), [(gaussian(1), DiagonalGaussian), (bits(1), BernoulliLatent)])
def test_samples_have_the_moments_of_q(q, kind):
    # Resolution: 40,000 draws see an error of the mean of 0.5 % of a standard deviation.
    z = q.sample(kind.noise((40_000, 1, 3), generator()).double())
    for j in range(3):
        assert abs(z_score(z[:, 0, j], q.mean[0, j].item())) < 5
        assert abs(z_score((z[:, 0, j] - q.mean[0, j]) ** 2, q.std[0, j].item() ** 2)) < 5


def test_no_code_is_likelier_than_the_likeliest():
    others = torch.randn((500, 4, 3), generator=generator(), dtype=torch.float64)
    for q, codes in ((gaussian(), others), (bits(), (others > 0).double())):
        assert (q.log_prob(q.likeliest[None]) >= q.log_prob(codes)).all()


def test_same_seed_same_bits():
    for kind in (DiagonalGaussian, BernoulliLatent):
        assert torch.equal(kind.noise((2, 3, 4), generator(7)), kind.noise((2, 3, 4), generator(7)))


def test_learned_prior_samples_have_its_covariance():
    prior = learned_prior()
    z = prior.sample(torch.randn(100_000, 3, generator=generator(), dtype=torch.float64)).detach()
    centred = z - prior.mean.detach()
    truth = (prior.cholesky @ prior.cholesky.T).detach()
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        assert abs(z_score(centred[:, i] * centred[:, j], truth[i, j].item())) < 5


def outputs_and_images(heads, binary):
    outputs = torch.randn(2, 3, heads * 3, 4, 5, generator=generator(), dtype=torch.float64)
    x = torch.rand(3, 3, 4, 5, generator=generator(1), dtype=torch.float64)
    return outputs, (x > 0.5).double() if binary else x


def test_bernoulli_likelihood_is_a_mass_summed_over_pixels():
    outputs, x = outputs_and_images(1, binary=True)
    likelihood = LIKELIHOODS["bernoulli"](0.1, "sigmoid")
    expected = Bernoulli(logits=outputs).log_prob(x.expand_as(outputs)).sum((-3, -2, -1))
    assert torch.allclose(likelihood.log_prob(outputs, x), expected)
    assert (likelihood.log_prob(outputs, x) <= 0).all()
    extreme = likelihood.log_prob(torch.full((1, 1, 1, 1, 1), 200.0), torch.ones(1, 1, 1, 1))
    assert extreme.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("output", ["sigmoid", "identity"])
@pytest.mark.parametrize("name", ["gaussian", "gaussian_learned", "gaussian_pixel"])
def test_gaussian_likelihoods_keep_every_constant(name, output):
    likelihood = LIKELIHOODS[name](0.3, output).double()
    outputs, x = outputs_and_images(likelihood.heads, binary=False)
    mean = outputs[:, :, :3].sigmoid() if output == "sigmoid" else outputs[:, :, :3]
    std = 0.3 * outputs[:, :, 3:].exp() if name == "gaussian_pixel" else torch.tensor(0.3, dtype=torch.float64)
    expected = Normal(mean, std).log_prob(x.expand_as(mean)).sum((-3, -2, -1))
    assert torch.allclose(likelihood.log_prob(outputs, x), expected)
    assert torch.allclose(likelihood.mean(outputs), mean)
    assert len(list(likelihood.parameters())) == (name == "gaussian_learned")


def test_fixed_variance_has_its_ceiling():
    # log p(x) <= -(d/2) log(2 pi s2), reached where the mean is the image itself.
    likelihood = LIKELIHOODS["gaussian"](math.sqrt(0.02), "identity").double()
    x = torch.rand(1, 1, 8, 8, generator=generator(), dtype=torch.float64)
    assert likelihood.log_prob(x.unsqueeze(0), x).item() == pytest.approx(66.37, abs=0.01)


def test_continuous_bernoulli_agrees_with_torch():
    outputs, x = outputs_and_images(1, binary=False)
    reference = torch.distributions.ContinuousBernoulli(logits=outputs)
    likelihood = LIKELIHOODS["continuous_bernoulli"](0.1, "sigmoid")
    assert torch.allclose(
        likelihood.log_prob(outputs, x), reference.log_prob(x.expand_as(outputs)).sum((-3, -2, -1)), atol=1e-6
    )
    assert torch.allclose(likelihood.mean(outputs), reference.mean, atol=1e-6)


def test_the_written_out_derivative_of_the_bernoulli_likelihood():
    outputs = 4 * torch.randn(2, 3, 1, 2, 2, generator=generator(), dtype=torch.float64)
    outputs[0, 0, 0, 0, 0] = 0.0
    x = torch.rand(3, 1, 2, 2, generator=generator(1), dtype=torch.float64)
    plain = (x * outputs - torch.nn.functional.softplus(outputs)).sum((-3, -2, -1))
    likelihood = LIKELIHOODS["bernoulli"](0.1, "sigmoid")
    assert torch.allclose(likelihood.log_prob(outputs, x), plain, atol=1e-12)
    assert torch.autograd.gradcheck(likelihood.log_prob, (outputs.requires_grad_(), x.requires_grad_()))
    several = x.detach().expand(2, -1, -1, -1, -1)[:, :, None]
    each = torch.func.vmap(likelihood.log_prob)(outputs.detach()[:, :, None], several)
    assert torch.allclose(each[..., 0], plain.detach())


def test_extreme_logits_cost_what_they_should():
    likelihood = LIKELIHOODS["bernoulli"](0.1, "sigmoid")
    outputs = torch.tensor([1e4, -1e4, 40.0, -40.0]).reshape(1, 1, 1, 2, 2).requires_grad_()
    right, wrong = torch.tensor([1.0, 0, 1, 0]).reshape(1, 1, 2, 2), torch.tensor([0.0, 1, 0, 1]).reshape(1, 1, 2, 2)
    assert likelihood.log_prob(outputs, right).item() == 0.0
    assert likelihood.log_prob(outputs, wrong).item() == -20_080.0
    likelihood.log_prob(outputs, wrong).sum().backward()
    assert outputs.grad.flatten().tolist() == [-1, 1, -1, 1]
