"""The exact model against the published numbers, quadrature, torch's own distributions and draws of its own."""

import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.exact import (
    ELBO,
    ESS_SHARE,
    GAP,
    KL,
    LOG_P,
    POSTERIOR_COVARIANCE,
    POSTERIOR_MEAN,
    RECONSTRUCTION,
    RELATIVE_VARIANCE,
    X,
    linear_vae,
    z_score,
)
from vaeexplorer import distributions, linear_gaussian
from vaeexplorer.distributions import DiagonalGaussian, FullGaussian, divergences
from vaeexplorer.latent_model import ExactModel
from vaeexplorer.linear_gaussian import LinearGaussian, example

SIX = 6e-7  # the numbers are printed with six digits behind the point
PRIOR_TERM, PRIOR_GAP, PRIOR_RELATIVE_VARIANCE = -7.642374, 4.743826, 3.478453
APPROXIMATION, AMORTIZATION = 0.004757, 0.779374


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def random_model(pixels=5, latents=3, **more):
    return LinearGaussian(normal(pixels, latents), normal(pixels, seed=1), 0.3, **more)


def random_full(images, dims, seed=3):
    lower = 0.4 * torch.tril(normal(images, dims, dims, seed=seed), -1)
    return FullGaussian(normal(images, dims, seed=seed + 1), lower + torch.diag_embed(0.3 + normal(images, dims).abs()))


def check_the_numbers():
    """Every value of the reference, to its last digit."""
    model, x, q = example()
    prior = model.prior.as_posterior(q.mean)
    truth = model.true_posterior(x)
    assert torch.allclose(truth.mean[0], POSTERIOR_MEAN, atol=SIX)
    assert torch.allclose(truth.covariance[0], POSTERIOR_COVARIANCE, atol=SIX)
    found = {
        "log p": (model.log_marginal(x), LOG_P),
        "reconstruction": (model.reconstruction(x, q), RECONSTRUCTION),
        "kl": (model.prior.kl_per_dimension(q).sum(-1), KL),
        "elbo": (model.elbo(x, q), ELBO),
        "gap": (model.gap(x, q), GAP),
        "approximation": (model.gap(x), APPROXIMATION),
        "amortization": (model.elbo(x, model.best_diagonal(x)) - model.elbo(x, q), AMORTIZATION),
        "prior term": (model.elbo(x, prior), PRIOR_TERM),
        "prior gap": (model.gap(x, prior), PRIOR_GAP),
        "prior relvar": (model.relative_variance(x), PRIOR_RELATIVE_VARIANCE),
        "relvar": (model.relative_variance(x, q), RELATIVE_VARIANCE),
        "ess": (1 / (1 + model.relative_variance(x, q)), ESS_SHARE),
    }
    for name, (value, truth_value) in found.items():
        assert value.shape == (1,) and value.dtype == torch.float64, name
        assert value.item() == pytest.approx(truth_value, abs=SIX), name


def test_all_numbers_of_the_reference():
    check_the_numbers()


MISTAKES = {
    "the constant of the Gaussian is dropped": (linear_gaussian, "LOG_TWO_PI", 0.0),
    "the noise is taken for its standard deviation": (
        linear_gaussian, "LinearGaussian._log_normal",
        lambda model, d: -0.5 * (3 * (math.log(2 * math.pi) + math.log(0.5)) + d / model.variance),
    ),
    "the prior is forgotten in the precision": (
        linear_gaussian, "LinearGaussian._precision", lambda model: model.weight.T @ model.weight / model.variance,
    ),
    "the KL is averaged over dimensions": (
        distributions.priors, "StandardNormal.kl_per_dimension",
        lambda prior, q: 0.5 * (q.mean**2 + q.variance - 1 - torch.log(q.variance)) / 2,
    ),
    "the KL is the other way round": (
        linear_gaussian, "kl_divergence", lambda q, p: divergences.kl_divergence(p, q),
    ),
    "the weight's variance is of p / q under p": (
        linear_gaussian, "chi_square", lambda p, q: divergences.chi_square(q, p),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(mistake, monkeypatch):
    module, name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(f"{module.__name__}.{name}", wrong)
    with pytest.raises(AssertionError):
        check_the_numbers()


@pytest.mark.parametrize(
    ("latents", "truth"),
    [(1, 2.70075), (2, 12.6955), (5, 693.139), (10, 4.81828e5), (20, 2.32159e11), (50, 2.59696e28)],
)
def test_relative_variance_of_the_prior_explodes_with_the_latent_dimensions(latents, truth):
    model = LinearGaussian(torch.eye(latents, dtype=torch.float64), torch.zeros(latents), 0.1)
    x = torch.ones(1, latents, dtype=torch.float64)
    assert model.relative_variance(x).item() == pytest.approx(truth, rel=3e-6)
    # The other form: (4 pi s2)^(-d/2) N(x; b, W W' + s2 I / 2) / p(x)^2 - 1.
    half = MultivariateNormal(torch.zeros(latents).double(), 1.05 * torch.eye(latents).double()).log_prob(x)
    log_second = -0.5 * latents * math.log(4 * math.pi * 0.1) + half - 2 * model.log_marginal(x)
    assert model.relative_variance(x).item() == pytest.approx(torch.expm1(log_second).item(), rel=1e-9)


def test_closed_forms_against_torch_and_quadrature():
    model, x, q = example()
    eye = torch.eye(3, dtype=torch.float64)
    reference = MultivariateNormal(model.bias, model.weight @ model.weight.T + 0.25 * eye)
    assert torch.allclose(model.log_marginal(x), reference.log_prob(x), atol=1e-13)
    axis = torch.linspace(-9, 9, 721, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)[:, None]
    log_cell = 2 * math.log(axis[1] - axis[0])
    joint, log_q = model.log_joint(x, z), q.log_prob(z)
    assert torch.logsumexp(joint + log_cell, 0).item() == pytest.approx(model.log_marginal(x).item(), abs=1e-12)
    elbo = (torch.exp(log_q + log_cell) * (joint - log_q)).sum(0)
    assert elbo.item() == pytest.approx(model.elbo(x, q).item(), abs=1e-12)
    second = torch.exp(2 * (joint - model.log_marginal(x)) - log_q + log_cell).sum(0)
    assert second.item() - 1 == pytest.approx(model.relative_variance(x, q).item(), abs=1e-9)


@pytest.mark.parametrize("family", ["diagonal", "full"])
def test_gap_and_elbo_add_up_for_any_gaussian(family):
    model, x = random_model(), normal(4, 5, seed=2)
    full = random_full(4, 3)
    q = full if family == "full" else DiagonalGaussian(full.mean, full.std.log())
    assert torch.allclose(model.elbo(x, q) + model.gap(x, q), model.log_marginal(x), atol=1e-12)
    z = q.sample(normal(200_000, 4, 3, seed=5))
    weights = model.log_joint(x, z) - q.log_prob(z)
    for image in range(4):
        assert abs(z_score(weights[:, image], model.elbo(x, q)[image].item())) < 5
    assert (model.gap(x, q) >= model.gap(x) - 1e-12).all() if family == "diagonal" else True


def test_at_the_posterior_every_draw_is_log_p():
    model, x = random_model(), normal(4, 5, seed=2)
    q = model.true_posterior(x)
    z = q.sample(normal(50, 4, 3))
    weights = model.log_joint(x, z) - q.log_prob(z)
    assert torch.allclose(weights, model.log_marginal(x).expand_as(weights), atol=1e-12)
    assert torch.allclose(model.gap(x, q), torch.zeros(4, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(model.relative_variance(x, q), torch.zeros(4, dtype=torch.float64), atol=1e-9)


def test_the_best_diagonal_is_the_best():
    model, x = random_model(), normal(2, 5, seed=2)
    best = model.best_diagonal(x)
    precision = torch.linalg.inv(model.true_posterior(x).covariance)
    known = 0.5 * (torch.diagonal(precision, dim1=-2, dim2=-1).log().sum(-1) - torch.logdet(precision))
    assert torch.allclose(model.gap(x, best), known, atol=1e-12)
    for step, part in itertools.product((-0.01, 0.01), ("mean", "log_std")):
        for j in range(3):
            fields = {"mean": best.mean.clone(), "log_std": best.log_std.clone()}
            fields[part][:, j] += step
            assert (model.gap(x, DiagonalGaussian(**fields)) > known).all()


def test_a_q_that_is_too_narrow_has_infinite_variance():
    model, x = random_model(), normal(2, 5, seed=2)
    truth = model.true_posterior(x)
    # Along any direction the limit is a proposal with half the posterior's variance.
    for factor, infinite in ((0.5, True), (0.707, True), (0.708, False), (1.0, False), (2.0, False)):
        found = model.relative_variance(x, FullGaussian(truth.mean, factor * truth.cholesky))
        assert torch.isinf(found).all() == infinite, factor
        assert (found > -1e-9).all()
    # The best diagonal q may be too narrow along one direction where the posterior is strongly correlated.
    assert torch.isinf(model.relative_variance(x, model.best_diagonal(x))).all()
    narrow = example()[2]
    narrow = DiagonalGaussian(narrow.mean, narrow.log_std - 2)
    assert torch.isinf(example()[0].relative_variance(example()[1], narrow)).all()


def test_the_encoder_is_the_q_in_use():
    model, x, q = example()
    assert torch.equal(model.posterior(x).log_std, model.best_diagonal(x).log_std)
    other = LinearGaussian(model.weight, model.bias, 0.25, encoder=lambda x: q)
    assert other.posterior(x) is q
    assert other.gap(x).item() == pytest.approx(GAP, abs=SIX)
    assert other.elbo(x).item() == pytest.approx(ELBO, abs=SIX)
    module = LinearGaussian(model.weight, model.bias, 0.25, encoder=torch.nn.Identity())
    assert module.posterior(x) is x


def test_it_is_the_linear_vae():
    model, _, _ = example()
    vae, z = linear_vae(), normal(6, 1, 2)
    assert torch.allclose(vae.log_joint(X, z), model.log_joint(X.flatten(1), z), atol=1e-12)
    assert torch.allclose(vae.log_likelihood_table(X, z[:, 0]), model.log_likelihood_table(X.flatten(1), z[:, 0]))


def test_the_table_is_every_point_under_every_code():
    model, x, z = random_model(), normal(4, 5, seed=2), normal(6, 3, seed=3)
    table = model.log_likelihood_table(x, z)
    assert table.shape == (6, 4)
    assert torch.allclose(table, model.log_likelihood(x, z[:, None].expand(-1, 4, -1)), atol=1e-12)


def test_simulated_points_have_the_covariance_of_the_model():
    model = random_model(pixels=3)
    x, z = model.simulate(100_000, generator())
    assert x.shape == (100_000, 3) and z.shape == (100_000, 3)
    model.check(x)
    covariance = model.weight @ model.weight.T + 0.3 * torch.eye(3)
    centred = x - model.bias
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        assert abs(z_score(centred[:, i] * centred[:, j], covariance[i, j].item())) < 5
    noise = x - z @ model.weight.T - model.bias
    assert abs(z_score(noise[:, 0] ** 2, 0.3)) < 5
    assert torch.equal(x, model.simulate(100_000, generator())[0])


def test_single_precision_loses_no_digit_that_it_has():
    double, x, q = example()
    single = LinearGaussian(double.weight.float(), double.bias.float(), 0.25)
    assert single.dtype == torch.float32 and isinstance(single, ExactModel)
    own = DiagonalGaussian(q.mean.float(), q.log_std.float())
    for name in ("elbo", "gap", "relative_variance"):
        close = getattr(single, name)(x.float(), own)
        assert close.dtype == torch.float64
        assert torch.allclose(close, getattr(double, name)(x, q), rtol=1e-5)
    assert single.true_posterior(x.float()).mean.dtype == single.best_diagonal(x.float()).std.dtype == torch.float32
    z = normal(7, 1, 2)
    assert torch.allclose(single.log_joint(x.float(), z.float()).double(), double.log_joint(x, z), atol=1e-5)
    # A float64 model takes noise of torch's default type.
    assert double.log_joint(x, z.float()).dtype == torch.float64


def test_tiny_noise_and_many_points_stay_exact():
    model = LinearGaussian(normal(30, 4), torch.zeros(30), 1e-6)
    x, _ = model.simulate(1000, generator())
    assert torch.allclose(model.elbo(x, model.true_posterior(x)), model.log_marginal(x), rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((torch.eye(2), torch.zeros(3), 1.0), r"expected weight \(d, k\) and bias \(d,\), got \(2, 2\) and \(3,\)"),
        ((torch.zeros(2), torch.zeros(2), 1.0), "expected weight"),
        ((torch.eye(2), torch.tensor([0, math.nan]), 1.0), "finite values"),
        ((torch.eye(2), torch.zeros(2), 0.0), "variance above 0, got 0.0"),
        ((torch.eye(2), torch.zeros(2), math.inf), "variance above 0"),
        ((torch.eye(2), torch.zeros(2), math.nan), "variance above 0"),
    ],
)
def test_impossible_models_say_why(arguments, says):
    with pytest.raises(ValueError, match=says) as error:
        LinearGaussian(*arguments)
    assert "\n" not in str(error.value)


def test_points_that_do_not_fit_say_why():
    model, x, _ = example()
    for wrong, says in (
        (x[0], r"expected x \(points, 3\), at least one, got \(3,\)"),
        (x[:, :2], r"got \(1, 2\)"),
        (x[:0], r"got \(0, 3\)"),
        (x * math.nan, "NaN"),
    ):
        for question in (model.check, model.log_marginal, model.true_posterior, model.gap):
            with pytest.raises(ValueError, match=says) as error:
                question(wrong)
            assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"expected z \(samples, points, 2\), got \(4, 2\)"):
        model.log_joint(x, torch.zeros(4, 2))
