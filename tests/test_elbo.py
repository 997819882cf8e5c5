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
from vaeexplorer.elbo import elbo_terms
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


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected noise \(samples, 1, 2\), got \(4, 1, 3\)"):
        elbo_terms(linear_vae(), X, torch.zeros(4, 1, 3, dtype=torch.float64))
