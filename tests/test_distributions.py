import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from tests.exact import z_score
from vaeexplorer.distributions import (
    LIKELIHOODS,
    BernoulliLatent,
    Categorical,
    CategoricalLatent,
    DiagonalGaussian,
    FairBits,
    FullGaussian,
    LearnedGaussian,
    StandardNormal,
    chi_square,
    likelihoods,
)
from vaeexplorer.distributions import kl_divergence as gaussian_kl


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(batch=4, dims=3):
    draw = torch.randn(2, batch, dims, generator=generator(), dtype=torch.float64)
    return DiagonalGaussian(draw[0], 0.5 * draw[1])


def full_gaussian(batch=4, dims=3):
    draw = torch.randn(batch, dims, dims + 1, generator=generator(2), dtype=torch.float64)
    return FullGaussian(draw[..., 0], torch.tril(draw[..., 1:], -1) + torch.diag_embed(0.2 + draw[:, 0, 1:].abs()))


def as_torch(q):
    return MultivariateNormal(q.mean, scale_tril=q.cholesky)


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


def test_a_full_gaussian_agrees_with_torch():
    q, diagonal = full_gaussian(), gaussian()
    z = torch.randn(5, 4, 3, generator=generator(1), dtype=torch.float64)
    assert torch.allclose(q.log_prob(z), as_torch(q).log_prob(z))
    assert torch.allclose(q.covariance, as_torch(q).covariance_matrix)
    assert torch.allclose(q.std**2, torch.diagonal(q.covariance, dim1=-2, dim2=-1))
    again = FullGaussian.of_covariance(q.mean, q.covariance)
    assert torch.allclose(again.cholesky, q.cholesky)
    assert torch.allclose(FullGaussian.of_covariance(q.mean, torch.eye(3).double()).std, torch.ones(4, 3).double())
    # A diagonal one is a special case.
    same = FullGaussian(diagonal.mean, diagonal.cholesky)
    assert torch.allclose(same.log_prob(z), diagonal.log_prob(z))
    assert torch.allclose(same.covariance, diagonal.covariance) and torch.allclose(same.std, diagonal.std)
    noise = same.noise((6, 4, 3), generator())
    assert torch.allclose(same.sample(noise), diagonal.sample(noise))
    assert same.sample(noise).dtype == torch.float64


def test_draws_of_a_full_gaussian_have_its_moments():
    # Resolution: 100,000 draws. A transposed triangle would have another covariance.
    q = full_gaussian(2)
    z = q.sample(torch.randn(100_000, 2, 3, generator=generator(), dtype=torch.float64))
    centred = z - q.mean
    for image, i, j in itertools.product(range(2), range(3), range(3)):
        products = centred[:, image, i] * centred[:, image, j]
        assert abs(z_score(products, q.covariance[image, i, j].item())) < 5
        assert abs(z_score(z[:, image, i], q.mean[image, i].item())) < 5
    transposed = FullGaussian(q.mean, q.cholesky.mT)
    wrong = transposed.sample(torch.randn(100_000, 2, 3, generator=generator(), dtype=torch.float64)) - q.mean
    assert abs(z_score(wrong[:, 0, 0] * wrong[:, 0, 0], q.covariance[0, 0, 0].item())) > 5


def test_a_full_gaussian_can_be_fitted():
    q = full_gaussian(2)
    leaves = [q.mean.clone().requires_grad_(), q.cholesky.clone().requires_grad_()]
    noise = torch.randn(5, 2, 3, generator=generator(), dtype=torch.float64)

    def bound(mean, cholesky):
        moved = FullGaussian(mean, torch.tril(cholesky))
        return (moved.log_prob(moved.sample(noise)) + StandardNormal(3).kl_per_dimension(moved).sum(-1)).sum()

    assert torch.autograd.gradcheck(bound, leaves)


def test_kl_of_a_full_gaussian_is_exact_and_splits_by_the_chain_rule():
    q, prior = full_gaussian(), learned_prior()
    standard = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    learned = MultivariateNormal(prior.mean, scale_tril=prior.cholesky)
    for own, theirs in ((StandardNormal(3), standard), (prior, learned)):
        terms = own.kl_per_dimension(q)
        assert torch.allclose(terms.sum(-1), kl_divergence(as_torch(q), theirs))
        assert (terms >= 0).all()
        draws = q.sample(torch.randn(100_000, 4, 3, generator=generator(), dtype=torch.float64))
        ratio = (q.log_prob_per_dimension(draws) - own.log_prob_per_dimension(draws)).detach()
        for image, j in itertools.product(range(4), range(3)):
            assert abs(z_score(ratio[:, image, j], terms[image, j].item())) < 5


@pytest.mark.parametrize("first", [gaussian(), full_gaussian()])
@pytest.mark.parametrize("second", [gaussian(), full_gaussian()])
def test_divergences_between_gaussians(first, second):
    assert torch.allclose(gaussian_kl(first, second), kl_divergence(as_torch(first), as_torch(second)))
    wide = FullGaussian(second.mean + 0.1, 1.5 * first.cholesky)
    z = wide.sample(torch.randn(400_000, 4, 3, generator=generator(), dtype=torch.float64))
    ratio = torch.exp(first.log_prob(z) - wide.log_prob(z))
    truth = chi_square(first, wide)
    for image in range(4):
        if truth[image] < 20:  # else the fourth moment is too large to see the second by draws
            assert abs(z_score((ratio[:, image] - 1) ** 2, truth[image].item())) < 5
    assert torch.allclose(chi_square(first, first), torch.zeros(4).double(), atol=1e-9)
    assert torch.isinf(chi_square(first, FullGaussian(first.mean, 0.7 * first.cholesky))).all()


def test_terms_per_dimension_add_up():
    z = torch.randn(5, 4, 3, generator=generator(1), dtype=torch.float64)
    hard, number = (z > 0).double(), (z[..., :1] > 0).double()
    categorical = CategoricalLatent(torch.randn(4, 2, generator=generator(), dtype=torch.float64))
    pairs = [(p, z) for p in (gaussian(), full_gaussian(), StandardNormal(3), learned_prior())]
    pairs += [(p, hard) for p in (bits(), FairBits(3))]
    pairs += [(p, number) for p in (categorical, Categorical(torch.tensor([0.25, 0.75], dtype=torch.float64)))]
    for distribution, codes in pairs:
        terms = distribution.log_prob_per_dimension(codes)
        assert terms.shape == codes.shape
        assert torch.allclose(terms.sum(-1), distribution.log_prob(codes))


def test_a_prior_as_posterior_is_itself():
    like = torch.zeros(4, 3, dtype=torch.float64)
    z = torch.randn(5, 4, 3, generator=generator(1), dtype=torch.float64)
    for prior, codes in ((StandardNormal(3), z), (learned_prior(), z), (FairBits(3), (z > 0).double())):
        q = prior.as_posterior(like)
        assert q.mean.shape == q.std.shape == (4, 3) and q.mean.dtype == torch.float64
        assert torch.allclose(q.log_prob(codes), prior.log_prob(codes).expand(5, 4))
        assert torch.allclose(prior.kl_per_dimension(q), torch.zeros_like(like), atol=1e-12)
        noise = q.noise((5, 4, 3), generator()).double()
        assert torch.allclose(q.sample(noise), prior.sample(noise))


@pytest.mark.parametrize("size", [0.5, 8.0, 15.0, 30.0, 60.0, 500.0])
@pytest.mark.parametrize("pixels", [(4, 8), (4, 5), (3, 2), (3, 3)])  # 64, 40, 12 and 18 pixels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_bernoulli_likelihood_without_a_derivative_is_the_same_number(size, pixels, dtype):
    likelihood = LIKELIHOODS["bernoulli"](0.1, "sigmoid")
    outputs = size * (2 * torch.rand(5, 3, 2, *pixels, generator=generator(), dtype=dtype) - 1)
    x = (torch.rand(3, 2, *pixels, generator=generator(1)) > 0.5).to(dtype)
    outputs[0, 0, 0, 0, 0], outputs[0, 1, 0, 0, 0] = size, -size
    kept = outputs.clone()
    exact = (x.double() * outputs.double() - torch.nn.functional.softplus(outputs.double())).sum((-3, -2, -1))
    with torch.no_grad():
        quick = likelihood.log_prob(outputs, x)
        assert torch.equal(outputs, kept), "the caller's outputs are left alone"
        assert quick.dtype == dtype
        assert torch.allclose(quick.double(), exact, rtol=1e-6 if dtype == torch.float32 else 1e-13, atol=2e-6)
        worst = likelihood.log_prob(-size * (2 * x - 1)[None], x) / x[0].numel()
        assert torch.allclose(worst.double(), torch.tensor(-math.log1p(math.exp(-size)) - size).double(), rtol=1e-6)
        grey = likelihood.log_prob(outputs, x / 2)
        terms = x.double() / 2 * outputs.double() - torch.nn.functional.softplus(outputs.double())
        assert torch.allclose(grey.double(), terms.sum((-3, -2, -1)), rtol=1e-6, atol=1e-5)
        assert likelihood.log_prob(outputs[:0], x).shape == (0, 3)
        assert torch.isnan(likelihood.log_prob(outputs * math.nan, x)).all()


def every_likelihood(double=True):
    for name, make in LIKELIHOODS.items():
        for output in ("sigmoid", "identity") if name.startswith("gaussian") else ("sigmoid",):
            likelihood = make(0.3, output)
            yield name, likelihood.double() if double else likelihood


def test_a_table_is_every_image_under_every_output(monkeypatch):
    monkeypatch.setattr(likelihoods, "PIECE", 200)  # several pieces
    for name, likelihood in every_likelihood():
        outputs, x = outputs_and_images(likelihood.heads, binary=name == "bernoulli")
        outputs = torch.cat([3 * outputs[0], outputs[1], -outputs[0, :1]])  # 7 of them
        table = likelihood.table(outputs, x)
        assert table.shape == (7, 3) and table.dtype == torch.float64
        one_by_one = likelihood.log_prob(outputs[:, None].expand(-1, 3, -1, -1, -1), x)
        assert torch.allclose(table, one_by_one, atol=1e-9), name


def test_a_table_in_single_precision_keeps_its_digits():
    # 784 pixels, a narrow likelihood: |x|^2 + |m|^2 - 2 x.m in float32 would be wrong by a tenth of a nat.
    x = torch.rand(5, 1, 28, 28, generator=generator())
    outputs = x + 0.01 * torch.randn(5, 1, 28, 28, generator=generator(1))
    narrow = LIKELIHOODS["gaussian"](0.01, "identity")
    exact = narrow.double().log_prob(outputs.double()[:, None].expand(-1, 5, -1, -1, -1), x.double())
    close = narrow.float().table(outputs, x)
    assert close.dtype == torch.float32
    diagonal = (torch.diagonal(close).double() - torch.diagonal(exact)).abs().max()
    assert diagonal < 2e-3  # values of about 2,500 nats, to the last digit of float32
    binary = x.round()
    bernoulli = LIKELIHOODS["bernoulli"](0.1, "sigmoid")
    exact = bernoulli.log_prob(20 * outputs.double()[:, None].expand(-1, 5, -1, -1, -1), binary.double())
    assert torch.allclose(bernoulli.table(20 * outputs, binary).double(), exact, rtol=1e-6)


def test_drawn_images_have_the_moments_of_the_likelihood_and_pass_its_check():
    # Resolution: 40,000 draws of each of four pixels.
    for name, likelihood in every_likelihood():
        outputs = 2 * torch.randn(1, 1, likelihood.heads, 2, 2, generator=generator(), dtype=torch.float64)
        if name == "gaussian_pixel":
            outputs[:, :, 1] *= 0.3
        x = likelihood.sample(outputs.expand(40_000, -1, -1, -1, -1), generator()).detach()
        assert x.shape == (40_000, 1, 1, 2, 2) and x.dtype == torch.float64
        likelihood.check(x[:, 0])
        mean, first = likelihood.mean(outputs).flatten(), x.flatten(1)
        for pixel in range(4):
            assert abs(z_score(first[:, pixel], mean[pixel].item())) < 5, name
        assert torch.equal(likelihood.sample(outputs, generator(3)), likelihood.sample(outputs, generator(3)))
        if name == "bernoulli":
            continue
        # E log p(x|z) is minus the entropy: for a Gaussian -(1/2)(1 + log 2 pi s2) for each pixel.
        log_prob = likelihood.log_prob(outputs, x[:, 0]).flatten().detach()
        if name == "gaussian":
            assert abs(z_score(log_prob, -2 * (1 + math.log(2 * math.pi * 0.09)))) < 5
        if name == "gaussian_pixel":
            log_std = math.log(0.3) * 4 + outputs[0, 0, 1].sum().item()
            assert abs(z_score(log_prob, -2 * (1 + math.log(2 * math.pi)) - log_std)) < 5


def test_continuous_bernoulli_draws_follow_their_distribution():
    # By the probability integral: P(X <= x) at the draws is uniform, for steep, flat and level densities.
    likelihood = LIKELIHOODS["continuous_bernoulli"](0.1, "sigmoid")
    for logit in (-300.0, -5.0, -1e-7, 0.0, 0.3, 5.0, 300.0):
        outputs = torch.full((20_000, 1, 1, 1, 1), logit, dtype=torch.float64)
        x = likelihood.sample(outputs, generator()).flatten()
        assert ((x >= 0) & (x <= 1)).all() and torch.isfinite(x).all()
        cumulative = torch.expm1(logit * x) / math.expm1(logit) if abs(logit) > 1e-3 else x
        assert abs(z_score(cumulative, 0.5)) < 5, logit
        assert abs(z_score((cumulative - 0.5) ** 2, 1 / 12)) < 5, logit
        assert torch.isfinite(likelihood.sample(outputs.float(), generator())).all()


@pytest.mark.parametrize(
    ("name", "output", "value", "says"),
    [
        ("bernoulli", "sigmoid", 0.5, "expected binary images .* grey values: .* vae.binarized"),
        ("bernoulli", "sigmoid", -1.0, "expected binary images"),
        ("continuous_bernoulli", "sigmoid", 1.01, r"in \[0, 1\] .* got 0.2 to 1.01"),
        ("continuous_bernoulli", "sigmoid", -0.01, r"in \[0, 1\]"),
        ("gaussian", "sigmoid", 255.0, r"got 0.2 to 255"),
        ("gaussian_learned", "sigmoid", -50.0, "got -50"),
        ("gaussian_pixel", "sigmoid", 255.0, "scale them first"),
    ],
)
def test_images_that_a_likelihood_is_not_made_for(name, output, value, says):
    x = torch.full((2, 1, 2, 2), 0.2)
    x[1, 0, 1, 1] = value
    with pytest.raises(ValueError, match=says) as error:
        LIKELIHOODS[name](0.3, output).check(x)
    assert "\n" not in str(error.value)


def test_images_that_a_likelihood_is_made_for():
    LIKELIHOODS["bernoulli"](0.3, "sigmoid").check(torch.tensor([0.0, 1.0]))
    LIKELIHOODS["continuous_bernoulli"](0.3, "sigmoid").check(torch.tensor([0.0, 0.3, 1.0]))
    LIKELIHOODS["gaussian"](0.3, "sigmoid").check(torch.tensor([-0.5, 1.5]))
    LIKELIHOODS["gaussian"](0.3, "identity").check(torch.tensor([-500.0, 1500.0]))
