"""ELBO terms and IWAE bounds against the linear-Gaussian model, where every number has a closed form."""

import pytest
import torch

from tests.exact import (
    ELBO,
    ESS_SHARE,
    GAP,
    IWAE_GAP,
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
from vaeexplorer.bounds import iwae, iwae_bound, log_weights
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.elbo import ElboTerms, elbo_terms, mean_of_draws, sampled_terms, term_estimates
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.numerics import effective_sample_size


def noise(samples, images=1, seed=0):
    return torch.randn(samples, images, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@torch.no_grad()
def test_two_terms_of_the_bound():
    vae = linear_vae()
    terms = elbo_terms(vae, X, noise(200_000))
    assert terms.kl.item() == pytest.approx(KL, abs=1e-6)
    # Resolution: 200,000 draws, standard error about 0.004 nats.
    q = vae.posterior(X)
    draws = vae.log_likelihood(X, q.sample(noise(200_000)))
    assert abs(z_score(draws, RECONSTRUCTION)) < 5
    assert terms.reconstruction.item() == pytest.approx(draws.mean().item())
    assert abs(z_score(draws - terms.kl, ELBO)) < 5
    assert terms.elbo.item() == pytest.approx(terms.reconstruction.item() - KL, abs=1e-6)


@torch.no_grad()
def test_sampled_joint_form_is_the_analytic_form_and_the_gap_is_known():
    vae = linear_vae()
    weights = log_weights(vae, X, vae.posterior(X), noise(200_000))
    assert abs(z_score(weights, ELBO)) < 5
    assert pytest.approx(GAP, abs=2e-6) == LOG_P - ELBO


@torch.no_grad()
def test_importance_weights_have_the_known_mean_and_variance():
    vae = linear_vae()
    ratios = torch.exp(log_weights(vae, X, vae.posterior(X), noise(400_000)) - LOG_P)
    assert abs(z_score(ratios, 1.0)) < 5
    # The fourth moment of the weights is large, so the relative variance is seen to about 5 %.
    assert ratios.var().item() == pytest.approx(RELATIVE_VARIANCE, rel=0.1)
    share = effective_sample_size(ratios.log()) / len(ratios)
    assert share.item() == pytest.approx(ESS_SHARE, rel=0.1)


@torch.no_grad()
@pytest.mark.parametrize("samples", IWAE_GAP)
def test_iwae_bound_is_low_by_the_known_amount(samples):
    vae, repeats = linear_vae(), 20_000
    x = X.expand(repeats, -1, -1, -1)
    weights = log_weights(vae, x, vae.posterior(x), noise(samples, repeats))
    bounds = iwae_bound(weights)
    assert bounds.shape == (repeats,)
    # The reference is rounded to 5e-5, the standard error here is about 3e-3 (K = 10) and 1e-3 (K = 100).
    assert abs(z_score(bounds, LOG_P - IWAE_GAP[samples])) < 5


@torch.no_grad()
def test_bound_with_one_sample_is_the_elbo():
    vae = linear_vae()
    weights = log_weights(vae, X, vae.posterior(X), noise(1))
    assert iwae_bound(weights).item() == pytest.approx(weights.item())


@torch.no_grad()
def test_chunks_use_exactly_the_draws_asked_for():
    vae = linear_vae().float()
    x = X.expand(3, -1, -1, -1).float()
    bounds = list(iwae(vae, x, 50, torch.Generator().manual_seed(3), rows=21))
    assert len(bounds) == 8  # seven chunks of 7 draws and one of 1
    generator = torch.Generator().manual_seed(3)
    parts = torch.cat([torch.randn(size, 3, 2, generator=generator) for size in [7] * 7 + [1]])
    assert len(parts) == 50
    assert torch.allclose(bounds[-1], iwae_bound(log_weights(vae, x, vae.posterior(x), parts)), atol=1e-5)
    assert torch.allclose(bounds[0], iwae_bound(log_weights(vae, x, vae.posterior(x), parts[:7])), atol=1e-5)


@torch.no_grad()
def test_the_bound_is_tight_at_the_best_diagonal_q_but_for_the_correlation():
    # Best diagonal q: the posterior's mean and the inverse of the precision's diagonal; its gap is 0.004757.
    vae = linear_vae()
    precision = torch.linalg.inv(POSTERIOR_COVARIANCE)
    best = DiagonalGaussian(POSTERIOR_MEAN[None], -0.5 * torch.log(torch.diagonal(precision))[None])
    weights = log_weights(vae, X, best, noise(200_000))
    assert abs(z_score(weights, LOG_P - 0.004757)) < 5


def the_example(encoder=None):
    model, x, q = example()
    same = encoder or (lambda x: DiagonalGaussian(q.mean.expand(len(x), -1), q.log_std.expand(len(x), -1)))
    return LinearGaussian(model.weight, model.bias, model.variance, same), x


@torch.no_grad()
def test_terms_work_for_any_model_of_x_and_z():
    model, x = the_example()
    vae = linear_vae()
    for function in (elbo_terms, sampled_terms):
        ours, theirs = function(model, x, noise(5)), function(vae, X, noise(5))
        assert torch.allclose(ours.reconstruction, theirs.reconstruction, atol=1e-12)
        assert torch.allclose(ours.kl_per_dimension, theirs.kl_per_dimension, atol=1e-12)
    mixture = MixtureOfGaussians(*(torch.tensor(v, dtype=torch.float64) for v in ([0.3, 0.7], [-1, 2], [0.5, 1])))
    points = torch.tensor([[-1.0], [0], [2.5]], dtype=torch.float64)
    uniform = torch.rand(4, 3, 1, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        sampled_terms(mixture, points, uniform).elbo, mixture.log_marginal(points).expand(4, -1), atol=1e-12
    )


@torch.no_grad()
def test_rate_and_distortion_are_the_terms():
    model, x = the_example()
    terms = elbo_terms(model, x, noise(5))
    assert torch.equal(terms.rate, terms.kl) and torch.equal(terms.distortion, -terms.reconstruction)
    assert torch.allclose(terms.elbo, -(terms.distortion + terms.rate))


@torch.no_grad()
@pytest.mark.parametrize("family", ["diagonal", "full"])
def test_sampled_terms_are_unbiased_for_the_exact_ones(family):
    # Also per dimension, and for a q with correlations, where dimension j is given those before it.
    plain = the_example()[0]
    q = plain.posterior(X) if family == "diagonal" else plain.true_posterior(X.flatten(1))
    model, x = the_example(lambda x: q)
    draws, exact = sampled_terms(model, x, noise(200_000)), elbo_terms(model, x, noise(10))
    assert draws.kl_per_dimension.shape == (200_000, 1, 2) and draws.reconstruction.shape == (200_000, 1)
    for j in range(2):
        assert abs(z_score(draws.kl_per_dimension[:, 0, j], exact.kl_per_dimension[0, j].item())) < 5
    assert abs(z_score(draws.reconstruction, model.reconstruction(x, q).item())) < 5
    if family == "full":  # every draw of the posterior says log p(x)
        assert torch.allclose(draws.elbo, torch.tensor(LOG_P, dtype=torch.float64), atol=6e-7)
    else:
        assert abs(z_score(draws.elbo, ELBO)) < 5
        assert torch.allclose(draws.elbo, log_weights(model, x, q, noise(200_000)), atol=1e-12)
    means = mean_of_draws(draws)
    assert torch.allclose(means.elbo, draws.elbo.mean(0)) and means.kl_per_dimension.shape == (1, 2)


def test_estimates_of_each_image_know_their_kind_and_error():
    model, x = the_example()
    x = torch.cat([x, x + 1])
    (first, second), (sampled, _) = (term_estimates(model, x, noise(4000, 2), sampled=s) for s in (False, True))
    assert list(first) == ["elbo", "reconstruction", "kl", "distortion", "kl_1", "kl_2"]
    assert [e.kind for e in first.values()] == ["lower bound", "unbiased", "exact", "unbiased", "exact", "exact"]
    assert [e.kind for e in sampled.values()] == ["lower bound", *["unbiased"] * 5]
    assert first["kl"].value == pytest.approx(KL, abs=6e-7) and first["kl"].stderr == 0 and first["kl"].n == 1
    assert first["kl_1"].value + first["kl_2"].value == pytest.approx(KL, abs=6e-7)
    for found in (first, sampled):
        for name, truth in (("elbo", ELBO), ("reconstruction", RECONSTRUCTION), ("distortion", -RECONSTRUCTION)):
            assert 0 < found[name].stderr < 0.1 and found[name].n == 4000
            assert abs(found[name].value - truth) < 5 * found[name].stderr
        assert found["elbo"].value == pytest.approx(found["reconstruction"].value - found["kl"].value, abs=1e-9)
    assert abs(sampled["kl"].value - KL) < 5 * sampled["kl"].stderr
    assert second["elbo"].value != first["elbo"].value
    (single,) = term_estimates(model, x[:1], noise(1))
    assert single["elbo"].stderr == float("inf")


MISTAKES = {
    "the KL has the other sign": lambda m, x, e: ElboTerms(
        elbo_terms(m, x, e).reconstruction, -elbo_terms(m, x, e).kl_per_dimension),
    "the KL is a mean over dimensions": lambda m, x, e: ElboTerms(
        elbo_terms(m, x, e).reconstruction, elbo_terms(m, x, e).kl_per_dimension / 2),
    "the reconstruction is a mean over pixels": lambda m, x, e: ElboTerms(
        elbo_terms(m, x, e).reconstruction / 3, elbo_terms(m, x, e).kl_per_dimension),
    "the draws are those of the prior": lambda m, x, e: ElboTerms(
        m.log_likelihood(x, e).mean(0), elbo_terms(m, x, e).kl_per_dimension),
}  # fmt: skip


@pytest.mark.parametrize("mistake", [None, *MISTAKES])
@torch.no_grad()
def test_a_planted_mistake_is_caught(mistake):
    model, x = the_example()
    found = (MISTAKES[mistake] if mistake else elbo_terms)(model, x, noise(50_000)).elbo.item()
    # 50,000 draws: the standard error is below 0.01 nats.
    assert (abs(found - ELBO) < 0.05) == (mistake is None)


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected noise \(samples, 1, 2\), got \(4, 1, 3\)"):
        elbo_terms(linear_vae(), X, torch.zeros(4, 1, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"expected noise \(samples, 1, 2\), got \(4, 2\)"):
        sampled_terms(linear_vae(), X, torch.zeros(4, 2, dtype=torch.float64))
