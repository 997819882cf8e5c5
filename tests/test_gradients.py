"""Gradient estimators against exact gradients: linear-Gaussian for pathwise, enumeration for Bernoulli latents."""

import itertools

import pytest
import torch

from tests.exact import X, linear_vae
from vaeexplorer.configs import VaeConfig
from vaeexplorer.gradients.losses import free_of_charge, leave_one_out, pathwise, weighted
from vaeexplorer.vae import VAE

PIXELS = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64).reshape(1, 1, 2, 2)


def bits_vae():
    """Three Bernoulli latents, four binary pixels: 8 codes, so everything can be summed exactly."""
    torch.manual_seed(1)
    config = VaeConfig(image_shape=(1, 2, 2), architecture="mlp", hidden=(5,), latent_dim=3, posterior="bernoulli")
    vae = VAE(config).double()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(3)
    return vae


def gradients(vae, loss):
    vae.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in vae.parameters()])


def exact_loss(vae, beta):
    codes = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64).unsqueeze(1)
    q = vae.posterior(PIXELS)
    reconstruction = (q.log_prob(codes).exp() * vae.log_likelihood(PIXELS, codes)).sum()
    return beta * vae.prior.kl_per_dimension(q).sum() - reconstruction


def z_scores(draws, truth):
    """Of each parameter's gradient, absolute; where nothing varies the error itself must vanish."""
    error, spread = draws.mean(0) - truth, draws.std(0) / len(draws) ** 0.5
    return (error / spread.clamp_min(1e-12)).abs()


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_leave_one_out_is_unbiased_for_encoder_and_decoder(beta):
    vae = bits_vae()
    truth = gradients(vae, exact_loss(vae, beta))
    # Independent copies of the image are replicates; per-replicate gradients by a batch of one each.
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1500, 4, 1, 3, generator=generator, dtype=torch.float64)
    draws = torch.stack([gradients(vae, leave_one_out(vae, PIXELS, part, weighted(beta))[0].sum()) for part in noise])
    scores = z_scores(draws, truth)
    # 63 parameters: one of them beyond 5 standard errors has a chance of 4e-5.
    assert scores.max() < 5
    # Resolution: the encoder's gradient is seen to a few per cent of its size.
    assert (draws.std(0) / 1500**0.5).norm() < 0.1 * truth.norm()


def test_leave_one_out_terms_are_those_of_the_bound():
    vae = bits_vae()
    noise = torch.rand(6, 1, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, terms = leave_one_out(vae, PIXELS, noise, weighted(1.0))
    q = vae.posterior(PIXELS)
    assert terms.reconstruction.item() == pytest.approx(vae.log_likelihood(PIXELS, q.sample(noise)).mean().item())


def test_pathwise_gradient_of_the_linear_gaussian_model():
    # E_q log p(x|z) = -(1/2 s2) [ |x - b - W mu|^2 + sum_j (W'W)_jj s_j^2 ] + const, so both gradients are known.
    vae = linear_vae()
    weight, bias = vae.decoder[0].weight.detach(), vae.decoder[0].bias.detach()
    mu, s = vae.encoder[1].bias.detach()[:2], vae.encoder[1].bias.detach()[2:].exp()
    by_mu = -(weight.T @ (X.flatten() - bias - weight @ mu)) / 0.25 + mu
    by_log_std = (weight**2).sum(0) * s**2 / 0.25 + s**2 - 1
    noise = torch.randn(200_000, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    draws = []
    for part in noise.split(1000):
        loss, _ = pathwise(vae, X, part, weighted(1.0))
        vae.zero_grad()
        loss.sum().backward()
        draws.append(vae.encoder[1].bias.grad.clone())
    found = torch.stack(draws)
    truth = torch.cat([by_mu, by_log_std])
    assert ((found.mean(0) - truth).abs() / (found.std(0) / 200**0.5)).max() < 5


def test_estimators_refuse_what_they_cannot_do():
    vae, noise = bits_vae(), torch.rand(1, 1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="use leave_one_out"):
        pathwise(vae, PIXELS, noise, weighted(1.0))
    with pytest.raises(ValueError, match="at least 2 samples"):
        leave_one_out(vae, PIXELS, noise, weighted(1.0))


def test_free_bits_charge_the_batch_mean_and_not_each_image():
    kl = torch.tensor([[0.1, 2.0, 0.0], [0.7, 4.0, 0.2]], dtype=torch.float64, requires_grad=True)
    charged = free_of_charge(kl, kl.detach().mean(0), 0.5)
    # Means .4, 3, .1: the first and last are below half a nat, though one image alone has .7.
    assert charged.mean().item() == pytest.approx(0.5 + 3.0 + 0.5)
    charged.mean().backward()
    assert kl.grad.tolist() == [[0.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
