import numpy as np
import pytest
import torch

from tests.exact import ELBO, KL, RECONSTRUCTION, X, linear_vae
from vaeexplorer import evaluation
from vaeexplorer.configs import VaeConfig
from vaeexplorer.vae import VAE


def ask(vae, images, *methods, samples=None, seed=0):
    return {e.name: e for e in evaluation.evaluate(vae, images, methods, samples or {}, seed, lambda *_: None)}


@pytest.fixture(scope="module")
def exact():
    """The linear-Gaussian model in float32, and its image 4000 times: each copy is one independent draw."""
    return linear_vae().float(), X.float().expand(4000, -1, -1, -1).numpy()


def test_elbo_estimates_meet_the_exact_values(exact):
    found = ask(*exact, "elbo")
    for name, truth in (("elbo", ELBO), ("reconstruction", RECONSTRUCTION)):
        assert abs(found[name].value - truth) < 5 * found[name].stderr
        assert 0 < found[name].stderr < 0.05
    assert found["kl"].value == pytest.approx(KL, abs=1e-5)
    assert found["kl_1"].value + found["kl_2"].value == pytest.approx(KL, abs=1e-5)
    assert found["elbo"].kind == "lower bound"
    assert found["elbo"].n == 4000
    assert found["elbo"].over == "test images"


def test_iwae_lies_between_the_elbo_and_log_p(exact):
    vae, images = exact
    found = ask(vae, images[:400], "iwae", samples={"iwae": 10})["iwae_10"]
    # Exact mean at K = 10: log p - .1075.
    assert abs(found.value - (-2.898548 - 0.1075)) < 5 * found.stderr


def test_same_seed_same_numbers_and_methods_do_not_disturb_each_other(exact):
    vae, images = exact
    alone = ask(vae, images[:50], "elbo")["elbo"]
    assert alone == ask(vae, images[:50], "iwae", "elbo", samples={"iwae": 3})["elbo"]
    assert alone != ask(vae, images[:50], "elbo", seed=1)["elbo"]


def test_progress_moves_on(exact):
    seen = []
    vae, images = exact
    evaluation.evaluate(vae, images[:1200], ("elbo",), {}, 0, lambda fraction, text: seen.append((fraction, text)))
    assert [round(f, 3) for f, _ in seen] == [0, 0.417, 0.833]
    assert "image 500 of 1,200" in seen[1][1]


def test_unknown_methods_and_wrong_images_are_named(exact):
    vae, images = exact
    with pytest.raises(ValueError, match="unknown method 'magic': choose from elbo, iwae"):
        ask(vae, images, "magic")
    with pytest.raises(ValueError, match="the model takes images of shape"):
        ask(vae, np.zeros((2, 1, 8, 8), np.float32), "elbo")


def test_encode_gives_the_posterior_and_the_bound_of_one_image():
    record = evaluation.encode(linear_vae().float(), X[0].float().numpy(), seed=0, samples=4000)
    assert record.mean == pytest.approx([0.3, -0.1], abs=1e-6)
    assert record.std == pytest.approx(np.sqrt([0.2, 0.3]), abs=1e-6)
    assert record.kl.kind == "exact"
    assert record.kl.value == pytest.approx(KL, abs=1e-5)
    assert record.kl_per_dimension.sum() == pytest.approx(KL, abs=1e-5)
    assert abs(record.elbo.value - ELBO) < 5 * record.elbo.stderr
    assert abs(record.reconstruction.value - RECONSTRUCTION) < 5 * record.reconstruction.stderr


@pytest.mark.parametrize("posterior", ["gaussian", "bernoulli"])
def test_codes_of_held_out_images_and_their_quantiles(posterior):
    torch.manual_seed(0)
    vae = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3, posterior=posterior)).eval()
    images = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), dtype=np.uint8)
    codes, quantiles = evaluation.aggregate_codes(vae, images, np.arange(300) % 10, seed=0, count=100)
    assert codes["mean"].shape == codes["std"].shape == (100, 3)
    assert codes["label"].dtype == np.int16
    assert len(quantiles) == 101
    assert list(quantiles) == sorted(quantiles)
    again, _ = evaluation.aggregate_codes(vae, images, None, seed=0, count=100)
    assert np.array_equal(again["mean"], codes["mean"])
    assert set(again["label"]) == {-1}


def test_decode_gives_images():
    vae = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3)).eval()
    images = evaluation.decode(vae, np.zeros((5, 3), np.float32))
    assert images.shape == (5, 1, 8, 8)
    assert images.dtype == np.float32


def test_disentanglement_of_a_code_that_is_the_factors():
    # A linear encoder that copies two pixels; the pixels are the factors.
    config = VaeConfig(
        image_shape=(1, 1, 2), architecture="linear", latent_dim=2, likelihood="gaussian", output="identity"
    )
    vae = VAE(config).eval()
    with torch.no_grad():
        vae.encoder[1].weight.copy_(torch.eye(4, 2))
        vae.encoder[1].bias.zero_()
    factors = np.random.default_rng(0).integers(0, 5, (3000, 2))
    images = (factors / 4).astype(np.float32).reshape(-1, 1, 1, 2)
    found = evaluation.disentanglement(vae, images, factors, seed=0)
    assert found.value > 0.98
    assert found.stderr < 0.01
    assert found.unit == ""
