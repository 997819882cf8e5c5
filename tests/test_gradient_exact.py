"""The exact gradients at a model: each way against another that shares nothing with it.

Resolution: closed forms, sums and quadrature to 1e-7 or better; references at 5 of their own standard errors.
"""

import math

import pytest
import torch

from tests.exact import X as IMAGE
from tests.exact import linear_vae
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian, FullGaussian
from vaeexplorer.gradients import exact
from vaeexplorer.gradients.exact import exact_bound_gradient, exact_gradient, exact_stages
from vaeexplorer.gradients.quadratic import Quadratic
from vaeexplorer.gradients.score_moments import drawn_moments, score_moments
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.vae import VAE

CUT = 5.0
GAUSSIAN_X, BITS_X = (torch.rand(3, 1, 2, 3, generator=torch.Generator().manual_seed(n)) for n in (0, 1))


def generator():
    return torch.Generator().manual_seed(0)


def small_vae(posterior, dims, activation="tanh"):
    torch.manual_seed(dims)
    prior = "fair_bits" if posterior == "bernoulli" else "standard_normal"
    config = VaeConfig(
        image_shape=(1, 2, 3), hidden=(8,), latent_dim=dims, posterior=posterior, prior=prior, activation=activation,
        likelihood="gaussian", likelihood_std=0.3,
    )  # fmt: skip
    vae = VAE(config).eval()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(2)  # a decoder that does something
    return vae


def test_the_closed_form_is_what_the_formula_says():
    """d/dmu = W'(x - b)/s2 - Lam mu, d/dlog s = 1 - Lam_jj s_j^2."""
    model, x, q = example()
    truth = exact_gradient(model, x, q=q, generator=generator())
    precision = torch.eye(2) + model.weight.T @ model.weight / model.variance
    mean = (x - model.bias) @ model.weight / model.variance - q.mean @ precision
    wanted = torch.cat([mean, 1 - precision.diagonal() * q.variance], -1)
    torch.testing.assert_close(truth.gradient, wanted, rtol=1e-10, atol=1e-12)
    assert truth.how == "closed form" and truth.stderr.max() == 0
    best = exact_gradient(model, x, generator=generator())  # its own q is the best one
    assert best.gradient.abs().max() < 1e-12


def test_quadrature_of_the_same_model_as_a_vae():
    model, x, q = example()
    truth = exact_gradient(linear_vae(), IMAGE.double(), generator=generator())
    assert truth.how == "quadrature"
    torch.testing.assert_close(
        truth.gradient, exact_gradient(model, x, q=q, generator=generator()).gradient, rtol=1e-9, atol=1e-9
    )
    assert (truth.stderr < 1e-6).all()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_error_of_quadrature_is_not_understated(activation):
    """In one dimension, against sums over 40,001 points of slopes, not scores. Straight pieces converge slowly."""
    vae = small_vae("gaussian", 1, activation).double()
    x = GAUSSIAN_X.double()
    truth = exact_gradient(vae, x, generator=generator())
    with torch.no_grad():
        outputs = vae.encoder(x)
    outputs.requires_grad_()
    q = DiagonalGaussian.from_encoder(outputs)
    noise = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    weights = torch.exp(-0.5 * noise**2) * (noise[1] - noise[0]) / math.sqrt(2 * math.pi)
    expected = (weights[:, None] * vae.log_likelihood(x, q.sample(noise[:, None, None].expand(-1, 3, 1)))).sum(0)
    elbo = expected - vae.prior.kl_per_dimension(q).sum(-1)
    (wanted,) = torch.autograd.grad(elbo.sum(), outputs)
    assert ((truth.gradient - wanted).abs() <= truth.stderr + 1e-7).all()
    assert truth.stderr.max() < (1e-6 if activation == "tanh" else 0.05)


def by_all_codes(vae, x):
    """grad of sum_z q(z) [log p(x, z) - log q(z)], by automatic differentiation of the whole sum."""
    vae, x = vae.double(), x.double()
    codes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * vae.latent_dim)
    logits = vae.encoder(x).detach().requires_grad_()
    q, z = BernoulliLatent(logits), codes[:, None].expand(-1, len(x), -1)
    log_q = q.log_prob(z)
    elbo = (log_q.exp() * (vae.log_joint(x, z) - log_q)).sum(0)
    (gradient,) = torch.autograd.grad(elbo.sum(), logits)
    return gradient


def test_enumeration_in_parts_and_its_reference(monkeypatch):
    vae = small_vae("bernoulli", 5)
    monkeypatch.setattr("vaeexplorer.gradients.score_moments.CODES", 7)  # codes at a time
    stages = list(exact_stages(vae, BITS_X, generator=generator()))
    truth = stages[-1][2]
    assert truth.how == "enumeration" and truth.stderr.max() == 0
    assert [part for *_, part in stages[:-1]] == [None] * 5
    assert [fraction for fraction, _, _ in stages] == sorted(fraction for fraction, _, _ in stages)
    monkeypatch.setattr(exact, "how_exact", lambda *_: "reference")
    reference = exact_gradient(vae, BITS_X, generator=generator())
    assert reference.how == "reference"
    assert ((reference.gradient - truth.gradient) / reference.stderr).abs().max() < CUT
    assert (reference.stderr < 0.1).all()
    torch.testing.assert_close(truth.gradient, by_all_codes(vae, BITS_X), rtol=1e-5, atol=1e-6)  # q was in float32


class Hidden:
    """An exact model that does not show that it is one."""

    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        if name in ("true_posterior", "log_marginal"):
            raise AttributeError(name)
        return getattr(self.model, name)


def three_dimensions():
    weight = torch.tensor([[1.0, 0.5, 0], [-0.3, 0.8, 0.4], [0.2, -0.6, 1.0]], dtype=torch.float64)
    model = LinearGaussian(weight, torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64), 0.25)
    x = torch.tensor([[1.0, -0.5, 0.75], [0.0, 0.3, -1.0]], dtype=torch.float64)
    return model, x, DiagonalGaussian(torch.full((2, 3), 0.2).double(), torch.full((2, 3), -0.5).double())


def test_a_reference_is_right_within_its_error():
    model, x, q = three_dimensions()
    truth = exact_gradient(model, x, q=q, generator=generator())
    reference = exact_gradient(Hidden(model), x, q=q, objective="elbo", reference=50_000, generator=generator())
    assert (truth.how, reference.how) == ("closed form", "reference")
    z = (reference.gradient - truth.gradient) / reference.stderr
    assert z.abs().max() < CUT and (z**2).mean() > 0.1  # nor is the error far too large
    assert reference.stderr.max() < 0.02


def test_the_bound_of_one_sample_is_the_elbo_and_of_two_what_a_grid_of_pairs_says():
    model, x, _ = example()
    one, two = LinearGaussian(model.weight[:, :1], model.bias, 0.25), 8 * torch.linspace(-1, 1, 401).double()
    q = DiagonalGaussian(torch.tensor([[0.2]]).double(), torch.tensor([[-0.3]]).double())
    truth = exact_bound_gradient(one, x, 1, q=q, generator=generator())
    assert truth.how == "closed form"
    found = exact_bound_gradient(one, x, 2, q=q, generator=generator(), reference=200_000)
    outputs = torch.cat([q.mean, q.log_std], -1).requires_grad_()
    own = DiagonalGaussian.from_encoder(outputs)
    z = own.sample(two[:, None, None])
    log_weight = (one.log_joint(x, z) - own.log_prob(z))[:, 0]
    pairs = torch.logaddexp(log_weight[:, None], log_weight) - math.log(2)
    density = torch.exp(-0.5 * two**2) * (two[1] - two[0]) / math.sqrt(2 * math.pi)
    (wanted,) = torch.autograd.grad((density[:, None] * density * pairs).sum(), outputs)
    assert found.how == "reference"
    assert ((found.gradient - wanted) / found.stderr).abs().max() < CUT
    assert ((truth.gradient - wanted) / found.stderr).abs().max() > CUT  # the two bounds are told apart


def as_quadratic(model, x):
    """log p(x|z) of the linear-Gaussian model, of one x."""
    deviation, weight = x - model.bias, model.weight
    constant = -0.5 * float(deviation @ deviation) / model.variance
    constant -= 0.5 * len(x) * math.log(2 * math.pi * model.variance)
    return Quadratic(-weight.T @ weight / (2 * model.variance), deviation @ weight / model.variance, constant)


def test_the_variances_of_the_score_functions_are_those_of_a_quadratic():
    model, x, q = example()
    moments, wanted = score_moments(model, x, q=q), as_quadratic(model, x[0]).under(q.mean[0], q.log_std[0])

    def close(found, truth):
        torch.testing.assert_close(found, truth.reshape(found.shape), rtol=1e-8, atol=1e-8)

    close(moments.mean, wanted.mean)
    close(moments.variance, wanted.variance)
    close(moments.score_function(), wanted.score_function())
    close(moments.score_function(moments.mean[:, None]), wanted.score_function(wanted.mean))
    close(moments.optimal_baseline(), wanted.optimal_baseline())
    close(moments.leave_one_out(3), wanted.leave_one_out(3))
    common = moments.best_common_baseline()[:, None]
    least = moments.score_function(common).sum()
    assert all(moments.score_function(common + step).sum() > least for step in (-0.1, 0.1))
    drawn = drawn_moments(model, x, q=q, draws=50_000, generator=generator())
    assert abs(drawn.mean - moments.mean) < CUT * (moments.variance / 50_000).sqrt()
    # (f s)^2 has a heavy tail: the error of its mean is 5 %
    torch.testing.assert_close(drawn.score_function(), moments.score_function(), rtol=0.25, atol=0)
    assert score_moments(*three_dimensions()[:2]) is None


def test_moments_of_bits():
    vae = small_vae("bernoulli", 4)
    moments = score_moments(vae, BITS_X)
    with torch.no_grad():
        known = exact.kl_gradient(vae, vae.posterior(BITS_X)).double()
    truth = exact_gradient(vae, BITS_X, generator=generator())
    torch.testing.assert_close(moments.gradient - known, truth.gradient, rtol=1e-5, atol=1e-6)
    drawn = drawn_moments(vae, BITS_X, draws=50_000, generator=generator())
    torch.testing.assert_close(drawn.leave_one_out(2), moments.leave_one_out(2), rtol=0.1, atol=1e-3)


def test_a_bit_that_was_never_drawn_is_not_known_without_error(monkeypatch):
    monkeypatch.setattr(exact, "how_exact", lambda *_: "reference")
    vae = small_vae("bernoulli", 3)
    q = BernoulliLatent(torch.tensor([[30.0, 0.5, -1.0]] * 3))
    assert (exact_gradient(vae, BITS_X, q=q, generator=generator(), reference=1000).stderr > 1e-5).all()


def test_leaving_cancels(monkeypatch):
    vae, calls = small_vae("bernoulli", 5), []
    monkeypatch.setattr("vaeexplorer.gradients.score_moments.CODES", 4)
    table = VAE.log_likelihood_table
    monkeypatch.setattr(VAE, "log_likelihood_table", lambda *given: calls.append(1) or table(*given))
    stages = exact_stages(vae.train(), BITS_X, generator=generator())
    next(stages)
    stages.close()
    assert len(calls) == 1 and vae.training


def test_what_cannot_be_is_said_in_one_line():
    model, x, q = example()
    full = FullGaussian.of_covariance(q.mean, torch.eye(2).double()[None])
    broken = small_vae("gaussian", 2)
    with torch.no_grad():
        broken.decoder[0].weight.fill_(math.nan)
    for asked, words in (
        (lambda: exact_gradient(model, x, q=full, generator=generator()), "without correlations"),
        (lambda: exact_gradient(broken, GAUSSIAN_X, generator=generator()), "the model has diverged"),
        (lambda: exact_stages(model, x[0], q=q, generator=generator()), "expected x"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            asked()
        assert "\n" not in str(caught.value)
