"""Images beside their reconstructions: the same numbers as `encode`, and each again by hand or by numpy."""

import numpy as np
import pytest
import torch

from vaeexplorer import evaluation
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import LIKELIHOODS, BernoulliLatent
from vaeexplorer.evaluation import reconstructions
from vaeexplorer.image_set import image_seed
from vaeexplorer.vae import VAE

TERMS = ("elbo", "reconstruction", "kl")
SEEDS = (1, 2, 3)


def model(**config):
    torch.manual_seed(0)
    return VAE(VaeConfig(**{"image_shape": (1, 4, 5), "hidden": (6,), "latent_dim": 3} | config)).eval()


def grey(count=3, shape=(1, 4, 5)):
    return np.random.default_rng(1).random((count, *shape), dtype=np.float32)


def draws_by_hand(vae, image, seed, samples):
    """What the likelihood sees (1, C, H, W), q, and z (S, 1, D): the generator first binarises, then draws."""
    generator = torch.Generator().manual_seed(seed)
    x = vae.binarized(torch.from_numpy(image)[None], generator)
    with torch.no_grad():
        q = vae.posterior(x)
        return x, q, q.sample(q.noise((samples, 1, vae.config.latent_dim), generator))


@pytest.mark.parametrize("posterior", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_model_gets_the_numbers_of_encode_and_the_pictures_of_decode(likelihood, posterior):
    vae, images = model(likelihood=likelihood, posterior=posterior), grey()
    found = evaluation.reconstruct(vae, images, [7, 8, 9], samples=16, shown=3)
    for row, image in enumerate(images):
        x, q, z = draws_by_hand(vae, image, 7 + row, 16)
        code, alone = found.codes[row], evaluation.encode(vae, image, 7 + row, 16)
        assert [getattr(code, term) for term in TERMS] == [getattr(alone, term) for term in TERMS]
        for part in ("mean", "std", "kl_per_dimension"):
            assert np.array_equal(getattr(code, part), getattr(alone, part))
        decoded = evaluation.decode(vae, z[:, 0].numpy())
        likely = q.mean.round() if isinstance(q, BernoulliLatent) else q.mean
        assert np.array_equal(found.seen[row], x[0].numpy())
        assert np.allclose(found.draws[row], decoded[:3], atol=1e-6)
        assert np.allclose(found.spread[row], decoded.astype(np.float64).std(0, ddof=1), rtol=1e-4, atol=1e-7)
        assert np.allclose(found.mean[row], evaluation.decode(vae, likely.numpy())[0], atol=1e-6)
    assert np.isin(found.seen, (0, 1)).all() == (likelihood == "bernoulli")
    assert found.draws.shape == (3, 3, 1, 4, 5)
    for part in (found.seen, found.mean, found.draws, found.spread):
        assert part.dtype == np.float32


@pytest.fixture(scope="module")
def by_hand():
    """x = W z + b + N(0, 0.5^2 I) of 3 pixels and 2 latent dimensions, with q = N((0.3, -0.1), diag(0.2, 0.3)^2)."""
    vae = model(
        image_shape=(1, 1, 3), architecture="linear", latent_dim=2,
        likelihood="gaussian", likelihood_std=0.5, output="identity",
    )  # fmt: skip
    w, b = np.array([[0.3, 0.1], [-0.2, 0.2], [0.1, -0.1]]), np.array([0.4, 0.5, 0.6])
    mean, std = np.array([0.3, -0.1]), np.array([0.2, 0.3])
    with torch.no_grad():
        vae.decoder[0].weight.copy_(torch.tensor(w))
        vae.decoder[0].bias.copy_(torch.tensor(b))
        vae.encoder[1].weight.zero_()
        vae.encoder[1].bias.copy_(torch.tensor([*mean, *np.log(std)]))
    return vae, w, b, mean, std


def log_normal(x, mean, variance):
    return (-0.5 * (x - mean) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)).sum(-1)


def test_terms_and_pictures_of_a_model_computed_by_hand(by_hand):
    vae, w, b, mean, std = by_hand
    x, samples = np.array([0.9, 0.1, 0.4]), 6
    found = evaluation.reconstruct(vae, x.reshape(1, 1, 1, 3).astype(np.float32), [5], samples, shown=samples)
    noise = torch.randn((samples, 1, 2), generator=torch.Generator().manual_seed(5)).numpy()[:, 0]
    pictures = (mean + std * noise) @ w.T + b
    logs = log_normal(x, pictures, 0.25)
    kl = (0.5 * (mean**2 + std**2 - 1) - np.log(std)).sum()
    code = found.codes[0]
    assert code.kl.value == pytest.approx(kl, abs=1e-6)
    assert code.reconstruction.value == pytest.approx(logs.mean(), abs=1e-5)
    assert code.elbo.value == pytest.approx(logs.mean() - kl, abs=1e-5)
    assert code.elbo.stderr == code.reconstruction.stderr == pytest.approx(logs.std(ddof=1) / 6**0.5, rel=1e-4)
    assert (code.kl.stderr, code.elbo.n, code.reconstruction.n) == (0, 6, 6)
    assert [getattr(code, term).kind for term in TERMS] == ["lower bound", "unbiased", "exact"]
    assert np.allclose(found.draws[0, :, 0, 0], pictures, atol=1e-6)
    assert np.allclose(found.mean[0, 0, 0], w @ mean + b, atol=1e-6)
    assert np.allclose(found.spread[0, 0, 0], pictures.std(0, ddof=1), atol=1e-6)


def test_many_draws_meet_the_closed_forms(by_hand):
    """E log p(x|z) = log N(x; W m + b, 1/4) - 2 sum (W s)^2,  Var(W z) = sum (W s)^2."""
    vae, w, b, mean, std = by_hand
    x, variance, samples = np.array([0.9, 0.1, 0.4]), (w**2) @ std**2, 20_000
    found = evaluation.reconstruct(vae, x.reshape(1, 1, 1, 3).astype(np.float32), [0], samples, shown=0)
    expected = log_normal(x, w @ mean + b, 0.25) - 2 * variance.sum()
    reconstruction = found.codes[0].reconstruction
    assert abs(reconstruction.value - expected) < 5 * reconstruction.stderr < 0.05
    assert np.allclose(found.spread[0, 0, 0], np.sqrt(variance), rtol=5 / np.sqrt(2 * samples))
    assert found.draws.shape == (1, 0, 1, 1, 3)


def test_an_image_does_not_depend_on_its_neighbours_and_bytes_are_grey_values():
    vae, images = model(), np.random.default_rng(0).integers(0, 256, (4, 1, 4, 5), dtype=np.uint8)
    together = evaluation.reconstruct(vae, images, [1, 2, 3, 4], 8, 2)
    alone = evaluation.reconstruct(vae, images[2:3].astype(np.float32) / np.float32(255), [3], 8, 2)
    for part in ("seen", "mean", "draws", "spread"):
        assert np.array_equal(getattr(together, part)[2], getattr(alone, part)[0])
    assert together.codes[2].elbo == alone.codes[0].elbo
    assert evaluation.reconstruct(vae, images[2:3], [4], 8, 2).codes[0].elbo != alone.codes[0].elbo


def test_a_picture_that_leaves_its_range_is_cut_at_black_and_white():
    vae = model(likelihood="gaussian", output="identity")
    with torch.no_grad():
        vae.decoder[-2].weight.mul_(9)
    found = evaluation.reconstruct(vae, grey(), SEEDS, 16, 16)
    assert (found.draws.min(), found.draws.max()) == (0, 1)
    assert np.allclose(found.spread, found.draws.astype(np.float64).std(1, ddof=1), atol=1e-6)


def test_a_seed_for_each_image():
    with pytest.raises(ValueError, match="longer"):
        evaluation.reconstruct(model(), grey(), [1, 2, 3, 4])


def test_a_map_of_all_images_speaks_of_the_same_ones():
    vae, images = model(), grey(40)
    seeds = [image_seed(3, i) for i in range(40)]
    assert len(set(seeds)) == 40
    together = evaluation.encode_all(vae, images, 3, lambda *_: None)
    found = evaluation.reconstruct(vae, images, seeds, 400, 0)
    np.testing.assert_allclose(together.kl, [code.kl.value for code in found.codes], atol=1e-4)
    away = [
        (one - code.elbo.value) / code.elbo.stderr / 20 for one, code in zip(together.elbo, found.codes, strict=True)
    ]
    assert np.abs(away).max() < 5  # one draw against the mean of 400


def test_pieces_make_the_same_whole(monkeypatch):
    vae, images = model(likelihood="gaussian_pixel"), grey()
    whole = evaluation.reconstruct(vae, images, SEEDS, 17, 5)
    monkeypatch.setattr(reconstructions, "NUMBERS", 3 * 20)  # 3 draws at a time
    pieces = evaluation.reconstruct(vae, images, SEEDS, 17, 5)
    for part in ("seen", "mean", "draws", "spread"):
        assert np.allclose(getattr(pieces, part), getattr(whole, part), atol=1e-6)
    for one, other in zip(pieces.codes, whole.codes, strict=True):
        assert one.elbo.value == pytest.approx(other.elbo.value, abs=1e-4)


def test_bits_that_are_certain_leave_no_spread():
    vae = model(posterior="bernoulli")
    with torch.no_grad():
        vae.encoder[-1].weight.zero_()
        vae.encoder[-1].bias.copy_(torch.tensor([60.0, -60.0, 60.0]))
    found = evaluation.reconstruct(vae, grey(1), [0])
    assert (found.spread == 0).all()
    assert np.allclose(found.mean[0], found.draws[0, 3], atol=1e-6)
    assert found.codes[0].reconstruction.stderr < 1e-6
    assert found.codes[0].kl.value == pytest.approx(3 * np.log(2), abs=1e-6)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((0, 1, 4, 5), np.float32), "at least one"),
        (np.zeros((2, 1, 5, 4), np.float32), "expected images"),
        (np.zeros((1, 4, 5), np.float32), "expected images"),
        (np.full((1, 1, 4, 5), np.nan, np.float32), "from 0 to 1"),
        (np.full((1, 1, 4, 5), 1.5, np.float32), "from 0 to 1"),
        (np.full((1, 1, 4, 5), -np.inf, np.float32), "from 0 to 1"),
    ],
)
def test_images_that_cannot_be_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        evaluation.reconstruct(model(), images, range(len(images)))


@pytest.mark.parametrize(("samples", "shown"), [(1, 0), (0, 0), (4, 5), (4, -1)])
def test_draws_that_cannot_be_are_refused(samples, shown):
    with pytest.raises(ValueError, match="draws"):
        evaluation.reconstruct(model(), grey(), SEEDS, samples, shown)


def test_a_model_for_binary_images_refuses_grey_ones():
    vae = model(binarization="none")
    with pytest.raises(ValueError, match="binary"):
        evaluation.reconstruct(vae, grey(), SEEDS)
    assert len(evaluation.reconstruct(vae, grey().round(), SEEDS).codes) == 3


@pytest.mark.parametrize("where", ["encoder", "decoder"])
def test_a_model_that_diverged_says_so(where):
    vae = model(likelihood="gaussian", output="identity")
    with torch.no_grad():
        getattr(vae, where)[-1 if where == "encoder" else -2].bias.fill_(1e30)
    with pytest.raises(ValueError, match="not finite"):
        evaluation.reconstruct(vae, grey(1), [0])
