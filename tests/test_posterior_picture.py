"""The picture of the true posterior: exact where it says so, right within its error where it is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from vaeexplorer.bounds import enumeration
from vaeexplorer.configs import VaeConfig
from vaeexplorer.evaluation import posterior_picture as module
from vaeexplorer.evaluation.posterior_picture import PosteriorPicture, posterior_bits, posterior_picture, smoothed
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.vae import VAE

PIXELS = 6
X = torch.linspace(-0.5, 1.5, PIXELS).reshape(1, 1, 2, 3)
NOISE = 0.4


def linear(dims: int, prior: str = "standard_normal") -> tuple[VAE, LinearGaussian]:
    """A linear VAE whose q is off in every dimension, each differently, and the same model in closed form."""
    torch.manual_seed(dims)
    config = VaeConfig(
        image_shape=(1, 2, 3), architecture="linear", latent_dim=dims, prior=prior,
        likelihood="gaussian", likelihood_std=NOISE, output="identity",
    )  # fmt: skip
    vae = VAE(config).eval()
    with torch.no_grad():
        vae.decoder[0].weight.copy_(torch.randn(PIXELS, dims) * torch.linspace(0.4, 0.9, dims))
        vae.decoder[0].bias.copy_(torch.randn(PIXELS) * 0.2)
        exact = LinearGaussian(vae.decoder[0].weight.double(), vae.decoder[0].bias.double(), NOISE**2)
        mean = exact.true_posterior(X.flatten(1).double()).mean[0]
        off = torch.arange(1.0, dims + 1)  # q is the further off the later the dimension
        vae.encoder[1].weight.zero_()
        vae.encoder[1].bias.copy_(torch.cat([mean.float() + 0.15 * off, torch.full((dims,), math.log(0.3))]))
    return vae, exact


def pictured(vae: VAE, x: Tensor = X, dims: tuple[int, ...] | None = None, seed: int = 0) -> PosteriorPicture:
    *_, (fraction, _, found) = posterior_picture(vae, x, torch.Generator().manual_seed(seed), dims)
    assert fraction == 1 and found is not None
    return found


def places(found: PosteriorPicture) -> tuple[np.ndarray, np.ndarray]:
    """The codes of a picture (h, w, 2), and the area of a cell."""
    height, width = found.log_density.shape
    across, up = np.linspace(*found.window[:2], width), np.linspace(*found.window[2:], height)
    return np.stack(np.meshgrid(across, up), -1), (across[1] - across[0]) * (up[1] - up[0])


@pytest.fixture(scope="module")
def plane() -> tuple[PosteriorPicture, LinearGaussian]:
    vae, exact = linear(2)
    return pictured(vae), exact


def test_in_two_dimensions_the_density_is_the_exact_one(plane: tuple[PosteriorPicture, LinearGaussian]) -> None:
    found, exact = plane
    posterior = exact.true_posterior(X.flatten(1).double())
    codes, area = places(found)
    expected = posterior.log_prob(torch.from_numpy(codes).reshape(-1, 1, 2))[:, 0].reshape(codes.shape[:2]).numpy()
    assert found.exact and found.points is None
    assert np.abs(found.log_density - expected).max() < 1e-3, "rows are z2 and columns z1, and log p is taken away"
    assert abs(np.exp(found.log_density).sum() * area - 1) < 2e-3, "the window holds the posterior"
    assert np.allclose(found.truth[0], posterior.mean[0], atol=1e-4)
    assert np.allclose(found.truth[1], posterior.covariance[0], atol=1e-4)
    assert found.log_marginal.kind == "exact"
    assert abs(found.log_marginal.value[0] - float(exact.log_marginal(X.flatten(1).double()))) < 1e-4


def test_a_transposed_picture_would_be_caught(plane: tuple[PosteriorPicture, LinearGaussian]) -> None:
    found, exact = plane
    codes, _ = places(found)
    posterior = exact.true_posterior(X.flatten(1).double())
    expected = posterior.log_prob(torch.from_numpy(codes).reshape(-1, 1, 2))[:, 0].reshape(codes.shape[:2]).numpy()
    assert np.abs(found.log_density.T - expected).max() > 1


def test_the_gaussians_beside_it(plane: tuple[PosteriorPicture, LinearGaussian]) -> None:
    found, exact = plane
    x = X.flatten(1).double()
    posterior, best = exact.true_posterior(x), exact.best_diagonal(x)
    assert np.allclose(found.q[0], posterior.mean[0].numpy() + np.array([0.15, 0.3]), atol=1e-5)
    assert np.allclose(found.q[1], np.diag([0.09, 0.09]), atol=1e-6)
    assert np.allclose(found.full[0], posterior.mean[0], atol=0.02)
    assert np.allclose(found.full[1], posterior.covariance[0], atol=0.02)
    assert np.allclose(found.diagonal[1], np.diag(best.std[0].numpy() ** 2), atol=0.02)
    assert np.allclose(found.prior[0], 0) and np.allclose(found.prior[1], np.eye(2))


def test_the_other_order_of_two_dimensions_turns_the_picture(plane: tuple[PosteriorPicture, LinearGaussian]) -> None:
    straight = plane[0]
    turned = pictured(linear(2)[0], dims=(1, 0))
    assert turned.dims == (1, 0)
    assert np.allclose(turned.log_density, straight.log_density.T)
    assert turned.window == (*straight.window[2:], *straight.window[:2])
    assert np.allclose(turned.truth[1], straight.truth[1][::-1, ::-1])
    assert np.allclose(turned.q[0], straight.q[0][::-1])


def test_one_dimension_is_a_curve() -> None:
    vae, exact = linear(1)
    found = pictured(vae)
    left, right = found.window
    z = np.linspace(left, right, found.log_density.shape[1])
    posterior = exact.true_posterior(X.flatten(1).double())
    expected = posterior.log_prob(torch.from_numpy(z).reshape(-1, 1, 1))[:, 0].numpy()
    assert found.log_density.shape[0] == 1 and found.dims == (0,)
    assert np.abs(found.log_density[0] - expected).max() < 1e-3
    assert np.allclose(found.full[1], found.diagonal[1])


def test_more_dimensions_are_drawn_where_q_is_the_furthest_off() -> None:
    vae, exact = linear(4)
    found = pictured(vae)
    posterior = exact.true_posterior(X.flatten(1).double())
    assert not found.exact
    assert set(found.dims) == set(np.argsort(found.marginal_kl)[-2:]) and found.marginal_kl.shape == (4,)
    assert found.why.startswith(f"z{found.dims[0] + 1} and z{found.dims[1] + 1} of 4: there")
    order = list(found.dims)
    full, q = (
        torch.distributions.Normal(torch.from_numpy(mean), torch.from_numpy(np.diagonal(covariance).copy()).sqrt())
        for mean, covariance in (found.full, found.q)
    )
    apart = torch.distributions.kl_divergence(full, q).numpy()
    assert np.allclose(found.marginal_kl[order], apart, rtol=1e-3), "KL(full || q) of each, not the reverse"
    std = np.sqrt(np.diagonal(posterior.covariance[0].numpy()))[order]
    size = found.log_marginal.effective_sample_size
    assert size is not None and size[0] > 1000, "the refined proposal is nearly the posterior here"
    error = 5 * std / math.sqrt(size[0])
    assert (np.abs(found.truth[0] - posterior.mean[0].numpy()[order]) < error).all()
    assert np.allclose(
        found.truth[1], posterior.covariance[0].numpy()[np.ix_(order, order)], atol=5 * std.max() ** 2 / 30
    )
    value, stderr = found.log_marginal.value[0], found.log_marginal.stderr[0]
    assert abs(value - float(exact.log_marginal(X.flatten(1).double()))) < 5 * stderr
    codes, area = places(found)
    density = np.exp(found.log_density)
    assert abs(density.sum() * area - 1) < 0.01
    centre = (codes * density[..., None]).sum((0, 1)) * area
    assert (np.abs(centre - posterior.mean[0].numpy()[order]) < error + 0.02).all(), "columns are the first dimension"
    assert found.points is not None and found.points.shape == (module.SHOWN, 2)
    drawn = std / math.sqrt(module.SHOWN) + std / math.sqrt(size[0])
    assert (np.abs(found.points.mean(0) - posterior.mean[0].numpy()[order]) < 5 * drawn).all()


def test_chosen_dimensions_and_the_same_draws_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 150)
    vae, exact = linear(4)
    found, again, other = (pictured(vae, dims=(3, 0), seed=seed) for seed in (0, 0, 1))
    assert found.dims == (3, 0) and found.why == "z4 and z1 of 4, as chosen"
    assert np.array_equal(found.log_density, again.log_density)
    assert not np.array_equal(found.log_density, other.log_density)
    mean = exact.true_posterior(X.flatten(1).double()).mean[0].numpy()
    assert np.abs(found.truth[0] - mean[[3, 0]]).max() < 0.05


def test_a_learned_prior_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 20)
    vae, _ = linear(3, "learned_gaussian")
    with torch.no_grad():
        vae.prior.mean.copy_(torch.tensor([1.0, 2.0, 3.0]))  # type: ignore[union-attr]
        vae.prior.below.copy_(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))  # type: ignore[union-attr]
    found = pictured(vae, dims=(2, 0))
    covariance = (vae.prior.cholesky @ vae.prior.cholesky.T).detach().numpy()  # type: ignore[union-attr]
    assert np.allclose(found.prior[0], [3, 1])
    assert np.allclose(found.prior[1], covariance[np.ix_([2, 0], [2, 0])], atol=1e-6)


def test_it_tells_how_far_it_is_and_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 100)
    stages = list(posterior_picture(linear(3)[0], X, torch.Generator().manual_seed(0)))
    fractions = [fraction for fraction, _, _ in stages]
    assert fractions == sorted(fractions) and 0 < fractions[0] < 0.1 and fractions[-1] == 1
    assert all(text for _, text, _ in stages)
    assert [found is not None for *_, found in stages].count(True) == 1


def test_bits_are_the_enumerated_ones() -> None:
    torch.manual_seed(1)
    config = VaeConfig(
        image_shape=(1, 2, 3), hidden=(5,), latent_dim=4, posterior="bernoulli", likelihood="gaussian",
        likelihood_std=0.3,
    )  # fmt: skip
    vae, x = VAE(config).eval(), torch.rand(1, 1, 2, 3)
    exact, q = posterior_bits(vae, x)
    with torch.no_grad():
        z = enumeration.codes(4).float()
        share = torch.softmax(vae.log_joint(x, z[:, None])[:, 0].double(), 0).numpy()
        expected = vae.posterior(x).mean[0].numpy()
    assert np.allclose(exact, share @ z.numpy(), atol=1e-5)
    assert np.allclose(q, expected, atol=1e-6)
    with pytest.raises(ValueError, match="bits have no density"):
        posterior_picture(vae, x, torch.Generator())


@pytest.mark.parametrize("dims", [(0,), (0, 0), (0, 4), (-1, 0), (0, 1, 2), ()])
def test_dimensions_that_there_are_not(dims: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^expected 2 different dimensions from 0 to 3, got"):
        posterior_picture(linear(4)[0], X, torch.Generator(), dims)


@pytest.mark.parametrize("x", [torch.full((1, 1, 2, 3), math.nan), torch.zeros(1, 1, 3, 2), torch.zeros(0, 1, 2, 3)])
def test_images_that_the_model_cannot_take_are_refused_at_once(x: Tensor) -> None:
    with pytest.raises(ValueError) as refused:
        posterior_picture(linear(2)[0], x, torch.Generator())
    assert "\n" not in str(refused.value)


def test_smoothing_counts_weights_and_keeps_the_axes_apart() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 2)) * [0.5, 2.0] + [3.0, -1.0]
    share = np.exp(0.5 * (z[:, 0] - 3))  # moves the first axis: a Gaussian times e^(a u) has its mean moved by a s^2
    share /= share.sum()
    window = (0.0, 6.0, -9.0, 7.0)
    density = np.exp(smoothed(z, share, window, 121))
    across, up = np.linspace(0, 6, 121), np.linspace(-9, 7, 121)
    area = (across[1] - across[0]) * (up[1] - up[0])
    assert abs(density.sum() * area - 1) < 1e-3
    assert abs((density * across).sum() * area - (3 + 0.5 * 0.25)) < 0.05
    assert abs((density * up[:, None]).sum() * area + 1) < 0.15
    spread = math.sqrt((density * (up[:, None] + 1) ** 2).sum() * area)
    assert 1.9 < spread < 2.2


def test_a_single_draw_with_all_the_weight_is_a_spot_and_no_error() -> None:
    z, share = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([1.0, 0.0])
    density = smoothed(z, share, (-1.0, 1.0, -1.0, 1.0), 41)
    assert np.isfinite(density).all()
    assert np.unravel_index(density.argmax(), density.shape) == (20, 20)
