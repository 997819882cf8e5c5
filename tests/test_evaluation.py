import numpy as np
import pytest
import torch

from tests.exact import ELBO, KL, RECONSTRUCTION, X, linear_vae
from vaeexplorer import evaluation
from vaeexplorer.configs import VaeConfig
from vaeexplorer.image_set import image_seed
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


def test_same_seed_same_numbers_and_methods_do_not_disturb_each_other(exact):
    vae, images = exact
    alone = ask(vae, images[:50], "elbo")["elbo"]
    assert alone == ask(vae, images[:50], "representation", "elbo")["elbo"]
    assert alone != ask(vae, images[:50], "elbo", seed=1)["elbo"]


def test_progress_moves_on(exact):
    seen = []
    vae, images = exact
    evaluation.evaluate(vae, images[:1200], ("elbo",), {}, 0, lambda fraction, text: seen.append((fraction, text)))
    assert [round(f, 3) for f, _ in seen] == [0, 0.417, 0.833]
    assert "image 500 of 1,200" in seen[1][1]


def test_unknown_methods_and_wrong_images_are_named(exact):
    vae, images = exact
    with pytest.raises(ValueError, match="unknown method 'magic': choose from elbo, representation"):
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


@pytest.fixture(scope="module")
def copying():
    """A linear encoder that copies two pixels with q's std 0.02; the pixels are the factors: (vae, images, factors)."""
    config = VaeConfig(
        image_shape=(1, 1, 2), architecture="linear", latent_dim=2, likelihood="gaussian", output="identity"
    )
    vae = VAE(config).eval()
    with torch.no_grad():
        vae.encoder[1].weight.copy_(torch.eye(4, 2))
        vae.encoder[1].bias.copy_(torch.tensor([0, 0, *np.log([0.02, 0.02])]))
    factors = np.random.default_rng(0).integers(0, 5, (3000, 2))
    return vae, (factors / 4).astype(np.float32).reshape(-1, 1, 1, 2), factors


def test_disentanglement_of_a_code_that_is_the_factors(copying):
    found = evaluation.disentanglement(*copying, seed=0)
    assert found.value > 0.98
    assert found.stderr < 0.01
    assert found.unit == ""


def measure(vae, images, progress=lambda *_: None, samples=1, **known):
    found = evaluation.evaluate(vae, images, ("representation",), {"representation": samples}, 0, progress, **known)
    return {e.name: e for e in found}


def test_representation_of_codes_that_are_the_factors(copying):
    vae, images, factors = copying
    found = measure(vae, images, labels=factors[:, 1], factors=factors)
    assert list(found) == [
        "kl", "kl_1", "kl_2", "active_units", "active_units_covariance",
        "mutual_information", "mutual_information_upper", "marginal_kl", "marginal_kl_lower",
        "linear_probe", "nearest_neighbours",
        "mutual information gap", "dci_disentanglement", "dci_completeness", "dci_informativeness", "factor_vae_score",
    ]  # fmt: skip
    value = {name: e.value for name, e in found.items()}
    # 25 places, 12 standard deviations apart: the code tells which one, and no more.
    assert value["mutual_information"] == pytest.approx(np.log(25), abs=0.01)
    assert found["mutual_information"].kind == found["marginal_kl_lower"].kind == "lower bound"
    assert found["marginal_kl"].kind == found["mutual_information_upper"].kind == "upper bound"
    assert value["mutual_information"] + value["marginal_kl"] == pytest.approx(value["kl"], abs=1e-9)
    assert value["mutual_information_upper"] + value["marginal_kl_lower"] == pytest.approx(value["kl"], abs=1e-9)
    assert value["kl_1"] + value["kl_2"] == pytest.approx(value["kl"], abs=1e-9)
    assert (value["active_units"], value["active_units_covariance"]) == (2, 2)
    for name in ("linear_probe", "nearest_neighbours", "dci_informativeness", "factor_vae_score"):
        assert value[name] > 0.99
    assert found["linear_probe"].over == "test images (fitted to 1,499 others of them)"
    assert found["linear_probe"].n == 1501
    assert measure(vae, images, labels=factors[:, 1], factors=factors) == found


def test_more_draws_serve_the_information_alone_up_to_a_limit(copying, monkeypatch):
    vae, images, _ = copying
    one, four = measure(vae, images[:300]), measure(vae, images[:300], samples=4)
    assert one["kl"] == four["kl"]
    assert one["mutual_information"] != four["mutual_information"]
    assert one["mutual_information"].n == four["mutual_information"].n == 300
    monkeypatch.setattr(evaluation.estimators, "DRAWN", 1200)
    assert measure(vae, images[:300], samples=5000) == four


def test_probes_are_fitted_to_training_images_where_there_are_some(copying):
    vae, images, factors = copying
    labels = factors[:, 0].copy()
    labels[:40] = -1
    found = measure(vae, images[:500], labels=labels[:500], train=(images[500:], labels[500:]))
    assert found["linear_probe"].n == 460
    assert found["linear_probe"].over == "test images (fitted to 2,500 training images)"
    swapped = measure(vae, images[:500], labels=labels[:500], train=(images[500:], (labels[500:] + 1) % 5))
    assert found["nearest_neighbours"].value == 1
    assert swapped["nearest_neighbours"].value == 0  # what it says was learned there
    one_class = measure(vae, images[:500], labels=labels[:500], train=(images[500:], np.zeros(2500, int)))
    assert one_class["linear_probe"].n < 460


@pytest.mark.parametrize("known", [{}, {"labels": np.full(6, -1)}, {"labels": np.ones(6, int)}])
def test_what_cannot_be_said_is_left_out(copying, known):
    vae, images, factors = copying
    found = measure(vae, images[:6], **known)
    assert list(found)[-1] == "marginal_kl_lower"
    assert list(measure(vae, images[:19], factors=factors[:19]))[-1] == "marginal_kl_lower"
    assert list(measure(vae, images[:40], factors=np.ones((40, 2), int)))[-1] == "mutual information gap"
    alone = measure(vae, images[:1])
    assert list(alone)[-1] == "active_units_covariance"
    assert alone["kl"].stderr == np.inf


def test_the_kl_is_the_upper_bound_where_no_codes_overlap():
    vae = linear_vae().float()
    with torch.no_grad():
        vae.encoder[1].weight.copy_(torch.eye(4, 3) * torch.tensor([1.0, 1, 0]))
        vae.encoder[1].bias.copy_(torch.tensor([0.0, 0, -6, -6]))
    images = np.random.default_rng(0).normal(size=(50, 1, 1, 3)).astype(np.float32)
    found = measure(vae, images)
    assert found["mutual_information"].value == pytest.approx(np.log(50), abs=0.01)
    assert found["mutual_information_upper"].value == found["kl"].value
    assert (found["marginal_kl_lower"].value, found["marginal_kl_lower"].stderr) == (0, 0)


def test_a_code_that_is_always_the_same_is_active_by_its_kl_alone(exact):
    vae, images = exact
    found = measure(vae, images[:50])
    assert (found["active_units"].value, found["active_units_covariance"].value) == (2, 0)
    assert found["kl"].value == pytest.approx(KL, abs=1e-5)
    assert found["mutual_information"].value == pytest.approx(0, abs=1e-5)
    assert found["marginal_kl"].value == pytest.approx(KL, abs=1e-5)


def test_representation_of_bernoulli_latents_and_progress():
    torch.manual_seed(0)
    vae = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3, posterior="bernoulli")).eval()
    images = np.random.default_rng(0).integers(0, 256, (1200, 1, 8, 8), dtype=np.uint8)
    seen = []
    found = measure(vae, images, lambda *args: seen.append(args), labels=np.arange(1200) % 3)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0 and fractions[-1] <= 1
    assert any("aggregate posterior" in text for _, text in seen)
    assert 0 <= found["mutual_information"].value <= 3 * np.log(2)
    assert abs(found["linear_probe"].value - 1 / 3) < 5 * found["linear_probe"].stderr


def test_labels_and_factors_of_other_images_are_refused(copying):
    vae, images, factors = copying
    for known in ({"labels": factors[:7, 0]}, {"factors": factors[:7]}):
        with pytest.raises(ValueError, match="of 3,000 images, got 7"):
            measure(vae, images, **known)


def test_encode_all_gives_each_image_its_code_and_terms(exact):
    vae, images = exact
    found = evaluation.encode_all(vae, images, 0, lambda *_: None)
    assert found.mean.shape == found.std.shape == found.sample.shape == found.kl_per_dimension.shape == (4000, 2)
    assert found.reconstruction.shape == found.elbo.shape == found.kl.shape == (4000,)
    assert {array.dtype for array in vars(found).values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found.kl, KL, atol=1e-5)
    for values, truth in ((found.reconstruction, RECONSTRUCTION), (found.elbo, ELBO)):
        assert abs(values.mean() - truth) < 5 * values.std() / np.sqrt(4000)
    standard = (found.sample - found.mean) / found.std
    assert abs(standard.mean()) < 5 / np.sqrt(8000)
    assert standard.std() == pytest.approx(1, abs=0.05)


def test_encode_all_sees_each_image_as_encode_sees_it_and_can_be_cancelled():
    torch.manual_seed(0)
    vae = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3)).eval()
    images = np.random.default_rng(0).integers(0, 256, (1100, 1, 8, 8), dtype=np.uint8)
    seen = []
    found = evaluation.encode_all(vae, images, 5, lambda *args: seen.append(args))
    for i in (0, 1, 499, 500, 1099):
        alone = evaluation.encode(vae, images[i] / np.float32(255), image_seed(5, i))
        np.testing.assert_allclose(found.mean[i], alone.mean, atol=1e-5)
        np.testing.assert_allclose(found.std[i], alone.std, atol=1e-5)
        np.testing.assert_allclose(found.kl_per_dimension[i], alone.kl_per_dimension, atol=1e-5)
    assert [text for _, text in seen][1] == "codes: image 500 of 1,100"
    np.testing.assert_array_equal(found.elbo, evaluation.encode_all(vae, images, 5, lambda *_: None).elbo)
    assert not np.array_equal(found.sample, evaluation.encode_all(vae, images, 6, lambda *_: None).sample)

    def stop(fraction, text):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        evaluation.encode_all(vae, images, 5, stop)
    for wrong in (images[:0], images[:, :, :4]):
        with pytest.raises(ValueError, match="expected images"):
            evaluation.encode_all(vae, wrong, 5, lambda *_: None)
