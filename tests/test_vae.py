import itertools

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.exact import z_score
from vaeexplorer.architectures import ARCHITECTURES
from vaeexplorer.checkpoints import expected_shapes
from vaeexplorer.configs import TrainConfig, VaeConfig, fit_together, one_line
from vaeexplorer.distributions import LIKELIHOODS
from vaeexplorer.latent_model import ExactModel
from vaeexplorer.vae import VAE

LATENTS = [("gaussian", "standard_normal"), ("gaussian", "learned_gaussian"), ("bernoulli", "fair_bits")]


def small(architecture, **fields):
    side = max(8, ARCHITECTURES[architecture].multiple)
    fields = {"image_shape": (1, side, 2 * side), "hidden": (12,), "channels": 4, "latent_dim": 3, **fields}
    return VaeConfig(architecture=architecture, **fields)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("posterior", "prior"), LATENTS)
def test_every_combination_keeps_the_contract(architecture, likelihood, posterior, prior):
    for channels in (1, 3):
        config = small(architecture, likelihood=likelihood, posterior=posterior, prior=prior)
        config = config.model_copy(update={"image_shape": (channels, *config.image_shape[1:])})
        vae = VAE(config).eval()
        generator = torch.Generator().manual_seed(0)
        x = vae.binarized(torch.rand(2, *config.image_shape, generator=generator), generator)
        q = vae.posterior(x)
        assert q.mean.shape == q.std.shape == (2, 3)
        z = q.sample(q.noise((5, 2, 3), generator))
        assert vae.log_joint(x, z).shape == (5, 2)
        images = vae.decode(z)
        assert images.shape == (5, 2, *config.image_shape)
        assert images.min() >= 0 and images.max() <= 1
        assert vae.prior.kl_per_dimension(q).shape == (2, 3)
        # What an estimator of log p(x) asks of any model.
        vae.check(x)
        assert (vae.latent_dim, vae.dtype, vae.device) == (3, torch.float32, torch.device("cpu"))
        table = vae.log_likelihood_table(x, z[:, 0])
        each = vae.log_likelihood(x, z[:, :1].expand(-1, 2, -1))
        assert table.shape == (5, 2) and torch.allclose(table, each, rtol=1e-5, atol=1e-3)
        drawn, code = vae.simulate(4, generator)
        assert drawn.shape == (4, *config.image_shape) and code.shape == (4, 3)
        vae.check(drawn)
        assert not isinstance(vae, ExactModel)
        # The shapes that a checkpoint is checked against are those of the model itself.
        assert expected_shapes(config) == {name: tuple(value.shape) for name, value in vae.state_dict().items()}


def test_samples_and_images_do_not_mix():
    vae = VAE(small("mlp")).eval()
    z = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))
    x = torch.rand(2, 1, 8, 16, generator=torch.Generator().manual_seed(1)).round()
    together = vae.log_joint(x, z)
    for s, b in itertools.product(range(4), range(2)):
        alone = vae.log_joint(x[b : b + 1], z[s : s + 1, b : b + 1])
        assert together[s, b].item() == pytest.approx(alone.item(), abs=1e-4)


@torch.no_grad()
def test_simulated_images_come_from_the_model():
    # Resolution: 20,000 images; a pixel's mean and the reconstruction term have their own standard errors.
    config = VaeConfig(
        image_shape=(1, 1, 3), architecture="linear", latent_dim=2, likelihood="gaussian", output="identity"
    )
    vae = VAE(config).double()
    x, z = vae.simulate(20_000, torch.Generator().manual_seed(0))
    mean = vae.likelihood.mean(vae.decoder_outputs(z[None]))[0]
    for pixel in range(3):
        assert abs(z_score((x - mean)[:, 0, 0, pixel] ** 2, 0.01)) < 5
    for j in range(2):
        assert abs(z_score(z[:, j], 0)) < 5 and abs(z_score(z[:, j] ** 2, 1)) < 5
    again, _ = vae.simulate(20_000, torch.Generator().manual_seed(0))
    assert torch.equal(x, again)
    fair = VAE(small("mlp", posterior="bernoulli"))
    assert set(fair.simulate(50, torch.Generator().manual_seed(0))[1].unique().tolist()) == {0.0, 1.0}


def test_images_that_no_estimate_should_start_with():
    vae, x = VAE(small("mlp")), torch.zeros(2, 1, 8, 16)
    vae.check(x)
    for wrong, says in (
        (x + 0.25, "expected binary images .* got grey values: .*vae.binarized"),
        (x * np.nan, "expected finite images, got NaN"),
        (x.double(), "of torch.float32, got 2 of torch.float64"),
        (x.to(torch.uint8), "got 2 of torch.uint8"),
        (x[:0], "at least one image of torch.float32, got 0"),
        (x[0], r"expected images \(B, 1, 8, 16\), got \(1, 8, 16\)"),
        (x[..., :8], r"got \(2, 1, 8, 8\)"),
    ):
        with pytest.raises(ValueError, match=says) as error:
            vae.check(wrong)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        VAE(small("mlp", likelihood="continuous_bernoulli")).check(x + 2)


def test_wrong_shapes_are_named():
    vae = VAE(small("mlp"))
    with pytest.raises(ValueError, match=r"expected images \(B, 1, 8, 16\), got \(2, 1, 8, 8\)"):
        vae.posterior(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match=r"expected z \(samples, images, 3\), got \(2, 3\)"):
        vae.decode(torch.zeros(2, 3))


def test_binarizations():
    generator = torch.Generator().manual_seed(0)
    grey = torch.full((1, 1, 8, 16), 0.25).repeat(200, 1, 1, 1)
    dynamic = VAE(small("mlp")).binarized(grey, generator)
    assert set(dynamic.unique().tolist()) == {0.0, 1.0}
    # 25,600 pixels: five standard errors are 0.0135.
    assert abs(dynamic.mean().item() - 0.25) < 0.0135
    assert not torch.equal(dynamic, VAE(small("mlp")).binarized(grey, generator))  # drawn anew each time
    assert VAE(small("mlp", binarization="threshold")).binarized(grey, generator).sum() == 0
    with pytest.raises(ValueError, match="needs binary images"):
        VAE(small("mlp", binarization="none")).binarized(grey, generator)
    unchanged = VAE(small("mlp", likelihood="gaussian")).binarized(grey, generator)
    assert unchanged is grey


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"architecture": "transformer"}, "architecture must be one of mlp"),
        ({"activation": "sine"}, "activation must be one of tanh"),
        ({"posterior": "bernoulli", "prior": "standard_normal"}, "do not go together"),
        ({"prior": "fair_bits"}, "do not go together"),
        ({"image_shape": (2, 8, 8)}, "1 or 3 channels, got 2"),
        ({"architecture": "conv64"}, "multiples of 16, got 28x28"),
        ({"latent_dim": 0}, "greater than or equal to 1"),
        ({"likelihood_std": 0.0}, "greater than 0"),
        ({"likelihood_std": float("nan")}, "likelihood_std"),
        ({"width": 3}, "width"),
    ],
)
def test_impossible_configurations_say_why(fields, says):
    with pytest.raises(ValidationError) as error:
        VaeConfig(**fields)
    text = one_line(error.value)
    assert says in text
    assert "\n" not in text


def test_configs_survive_json_and_follow_the_posterior():
    config = VaeConfig(posterior="bernoulli", hidden=(7, 5))
    assert config.prior == "fair_bits"
    assert VaeConfig.model_validate_json(config.model_dump_json()) == config
    assert TrainConfig.model_validate_json(TrainConfig(beta=4).model_dump_json()).beta == 4


def test_a_model_and_a_training_that_do_not_go_together_say_why():
    bits, plain = VaeConfig(posterior="bernoulli"), VaeConfig()
    fit_together(plain, TrainConfig(estimator="pathwise"))
    fit_together(bits, TrainConfig())
    with pytest.raises(ValueError, match="use leave_one_out"):
        fit_together(bits, TrainConfig(estimator="pathwise"))
    with pytest.raises(ValueError, match="at least 2 samples"):
        fit_together(plain, TrainConfig(estimator="leave_one_out"))


def test_decoder_mirrors_the_encoder():
    vae = VAE(VaeConfig(hidden=(30, 20), latent_dim=4))
    widths = [tuple(p.shape) for n, p in vae.decoder.named_parameters() if n.endswith("weight")]
    assert widths == [(20, 4), (30, 20), (784, 30)]
    flat = np.prod([8, 28 // 4, 28 // 4])
    conv = VAE(VaeConfig(architecture="conv28", channels=4, hidden=(16,)))
    assert conv.encoder[5].weight.shape == (16, flat)
