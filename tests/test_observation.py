"""What is seen of a model in training: the split of U against models whose numbers are known, and what stays put."""

import itertools
import math

import numpy as np
import pytest
import torch

from tests.exact import ELBO, GAP, IWAE_GAP, KL, LOG_P, X, linear_vae
from vaeexplorer.bounds import log_weights
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.observation import CODES, DECODED, SHOWN, Diverged, Watch, split
from vaeexplorer.training import train
from vaeexplorer.vae import VAE

CONFIG = VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3)
BITS = {"posterior": "bernoulli", "prior": "fair_bits"}
EXACT = {"subo": -ELBO, "surprisal": -LOG_P + IWAE_GAP[100], "gap": GAP - IWAE_GAP[100]}


def model(**fields):
    torch.manual_seed(0)
    return VAE(CONFIG.model_copy(update=fields))


def pictures(count=40, shape=(1, 8, 8), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def by_name(observation):
    return {estimate.name: estimate for estimate in observation.estimates}


def same(one, other):
    arrays = ("kl_per_dimension", "reconstructions", "decoded", "codes")
    return one.estimates == other.estimates and all(np.array_equal(getattr(one, a), getattr(other, a)) for a in arrays)


def repeated(vae, x, repeats, draws, seed=0):
    """name -> (values, standard errors) of `repeats` independent splits."""
    generator = torch.Generator().manual_seed(seed)
    found = {"subo": [], "surprisal": [], "gap": []}
    with torch.no_grad():
        q = vae.posterior(x)
        for _ in range(repeats):
            noise = q.noise((draws, *q.mean.shape), generator).to(q.mean.dtype)
            for estimate in split(log_weights(vae, x, q, noise).double()):
                found[estimate.name].append((estimate.value, estimate.stderr))
    return {name: np.array(pairs).T for name, pairs in found.items()}


def deviation(values, truth):
    """Of their mean from the truth, in standard errors."""
    return (values.mean() - truth) / (values.std(ddof=1) / math.sqrt(len(values)))


@pytest.fixture(scope="module")
def splits():
    """2000 splits of the linear-Gaussian model, each of 16 times the same image with 100 draws."""
    return repeated(linear_vae(), X.expand(16, -1, -1, -1), 2000, 100)


@pytest.mark.parametrize("name", EXACT)
def test_the_split_has_the_known_mean(splits, name):
    # The standard error is 6e-4 to 9e-4 nats; the reference of the IWAE gap is rounded to 5e-5.
    assert abs(deviation(splits[name][0], EXACT[name])) < 5


def test_surprisal_is_an_upper_bound_and_the_gap_a_lower_bound(splits):
    # By .0118 nats, 13 to 19 standard errors.
    assert deviation(splits["surprisal"][0], -LOG_P) > 5
    assert deviation(splits["gap"][0], GAP) < -5
    assert np.allclose(splits["gap"][0], splits["subo"][0] - splits["surprisal"][0])


@pytest.mark.parametrize("name", EXACT)
def test_error_bars_cover_the_expectation_as_often_as_they_say(splits, name):
    # 68.3 and 95.4 %, to 5 standard errors of a share among 2000. Without the covariance of U and S the bars of the gap
    # would be 1.8 times as long and cover 93 and 99.97 %.
    values, errors = splits[name]
    away = np.abs(values - EXACT[name]) / errors
    assert np.mean(away < 1) == pytest.approx(0.683, abs=0.052)
    assert np.mean(away < 2) == pytest.approx(0.954, abs=0.024)


def test_bernoulli_latents_against_the_sum_over_all_codes():
    vae = model(**BITS).double()
    with torch.no_grad():
        vae.encoder[-1].weight.mul_(4)  # away from the prior
        vae.decoder[0].weight.mul_(4)
        x = torch.from_numpy(pictures(4) / 255.0).round()
        q = vae.posterior(x)
        codes = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
        z = codes.unsqueeze(1).expand(-1, 4, -1)
        log_q = q.log_prob(z)
        weights = vae.log_joint(x, z) - log_q
        log_p = torch.logsumexp(log_q + weights, 0)
        subo = -(log_q.exp() * weights).sum(0).mean().item()
        spread = (torch.exp(log_q + 2 * (weights - log_p)).sum(0) - 1).mean().item()  # variance of w / p(x)
    found = repeated(vae, x, 1500, 100)
    assert subo + log_p.mean().item() > 0.05  # there is something to split
    assert abs(deviation(found["subo"][0], subo)) < 5
    assert found["surprisal"][0].mean() > -log_p.mean().item()
    assert abs(deviation(found["surprisal"][0], -log_p.mean().item() + spread / 200)) < 5  # spread / 2 K
    for name, (values, errors) in found.items():
        away = np.abs(values - values.mean()) / errors
        assert np.mean(away < 1) == pytest.approx(0.683, abs=0.06), name
        assert np.mean(away < 2) == pytest.approx(0.954, abs=0.03), name


def test_a_single_draw_has_no_known_error():
    subo, surprisal, gap = split(torch.tensor([[-3.0, -5.0]]))
    assert (subo.value, surprisal.value, gap.value) == (4.0, 4.0, 0.0)
    assert subo.stderr == surprisal.stderr == gap.stderr == math.inf


def test_equal_weights_have_no_gap_and_no_error():
    for estimate, value in zip(split(torch.full((100, 3), -7.0).double()), (7, 7, 0), strict=True):
        assert estimate.value == pytest.approx(value, abs=1e-12)
        assert estimate.stderr == pytest.approx(0, abs=1e-12)
        assert estimate.n == 300


def test_a_watch_sees_the_exact_values():
    # 300 watches with other noise, each of 16 times the same image.
    vae, images = linear_vae().float(), X.float().expand(16, -1, -1, -1).numpy()
    seen = [by_name(Watch(images, None, vae, seed).observe(vae, 7)) for seed in range(300)]
    for name, truth in {**EXACT, "elbo": ELBO}.items():
        assert abs(deviation(np.array([one[name].value for one in seen]), truth)) < 5, name
    assert seen[0]["kl"].value == pytest.approx(KL, abs=1e-5)
    assert seen[0]["elbo"].value == pytest.approx(seen[0]["reconstruction"].value - KL, abs=1e-5)


def test_an_observation_says_what_it_is_of():
    vae, labels = model(), np.arange(600) % 10
    watch = Watch(pictures(600), labels, vae, 0)
    observation = watch.observe(vae, 12)
    assert observation.step == 12
    assert [(e.name, e.kind, e.n, e.over) for e in observation.estimates] == [
        ("elbo", "lower bound", CODES, "held-out images"),
        ("reconstruction", "unbiased", CODES, "held-out images"),
        ("kl", "unbiased", CODES, "held-out images"),
        ("subo", "upper bound", 1600, "samples of q for 16 held-out images"),
        ("surprisal", "upper bound", 1600, "samples of q for 16 held-out images"),
        ("gap", "lower bound", 1600, "samples of q for 16 held-out images"),
    ]
    assert observation.kl_per_dimension.sum() == pytest.approx(by_name(observation)["kl"].value)
    assert observation.reconstructions.shape == watch.originals.images.shape == (SHOWN, 1, 8, 8)
    assert observation.decoded.shape == (DECODED, 1, 8, 8)
    assert observation.reconstructions.dtype == observation.decoded.dtype == watch.originals.images.dtype == np.uint8
    assert observation.codes.shape == (CODES, 3) and observation.codes.dtype == np.float16
    assert watch.originals.labels.shape == (CODES,) and watch.originals.labels.dtype == np.int16
    assert watch.originals.shown_labels.tolist() == list(range(10))


@pytest.mark.parametrize("fields", [{}, BITS, {"prior": "learned_gaussian"}, {"binarization": "threshold"}])
def test_the_same_bits_each_time_and_after_a_restart(fields):
    vae, images = model(**fields), pictures()
    watch = Watch(images, None, vae, 3)
    first = watch.observe(vae, 1)
    torch.manual_seed(99)
    assert same(first, watch.observe(vae, 1))
    assert same(first, Watch(images, None, vae, 3).observe(vae, 1))
    assert not same(first, Watch(images, None, vae, 4).observe(vae, 1))


@pytest.mark.parametrize("training", [True, False])
def test_a_look_leaves_the_model_and_every_random_stream_as_they_were(training):
    vae = model().train(training)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    Watch(pictures(), None, vae, 0).observe(vae, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert vae.training is training and all(module.training is training for module in vae.modules())
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    assert all(parameter.grad is None for parameter in vae.parameters())


def test_training_goes_the_same_way_watched_or_not():
    def trained(watched):
        vae, data = model(), torch.from_numpy(pictures(64, seed=1))
        watch = Watch(pictures(), None, vae, 0)
        settings = TrainConfig(epochs=3, batch_size=16)
        for record in train(vae, data, settings, torch.Generator().manual_seed(0)):
            if watched:
                watch.observe(vae, record.step)
        return vae.state_dict()

    alone, seen = trained(False), trained(True)
    assert all(torch.equal(alone[name], seen[name]) for name in alone)


@pytest.mark.parametrize("count", [1, 2, 15])
def test_few_images(count):
    vae = model()
    watch = Watch(pictures(count), np.zeros(count, int), vae, 0)
    observation = watch.observe(vae, 1)
    assert observation.codes.shape == (count, 3)
    assert len(observation.reconstructions) == len(watch.originals.images) == min(count, SHOWN)
    found = by_name(observation)
    assert found["elbo"].n == count and found["gap"].n == 100 * count
    assert math.isinf(found["elbo"].stderr) == (count == 1)
    assert math.isfinite(found["gap"].stderr)
    assert found["gap"].over == f"samples of q for {count} held-out image{'s' if count > 1 else ''}"


@pytest.mark.parametrize("architecture", ["mlp", "conv28"])
def test_three_colours(architecture):
    vae = model(image_shape=(3, 8, 8), architecture=architecture, likelihood="continuous_bernoulli", channels=4)
    images = pictures(20, (3, 8, 8))
    watch = Watch(images, None, vae, 0)
    observation = watch.observe(vae, 1)
    assert observation.reconstructions.shape == (SHOWN, 3, 8, 8)
    assert all(any(np.array_equal(image, original) for original in images) for image in watch.originals.images)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian_learned", "gaussian_pixel"])
def test_grey_levels_and_floats_are_the_same_pictures(likelihood):
    vae, images = model(likelihood=likelihood), pictures()
    bytes_, floats = Watch(images, None, vae, 0), Watch(images.astype(np.float32) / 255, None, vae, 0)
    assert np.array_equal(bytes_.originals.images, floats.originals.images)
    assert same(bytes_.observe(vae, 0), floats.observe(vae, 0))
    assert len(np.unique(bytes_.originals.images)) > 2  # shown as they are, not as drawn for the likelihood


def test_labels_belong_to_their_codes_and_pictures():
    # A linear encoder whose first mean is the first pixel, which holds 20 times the label.
    vae = model(image_shape=(1, 1, 2), architecture="linear", latent_dim=2, likelihood="gaussian", output="identity")
    labels = np.random.default_rng(0).integers(0, 4, 300)
    with torch.no_grad():
        vae.encoder[1].weight.copy_(torch.eye(4, 2))
        vae.encoder[1].bias.zero_()
        vae.decoder[0].weight.copy_(torch.eye(2))
        vae.decoder[0].bias.zero_()
    images = np.stack([20 * labels, np.zeros(300)], 1).astype(np.uint8).reshape(-1, 1, 1, 2)
    watch = Watch(images, labels, vae, 0)
    observation = watch.observe(vae, 0)
    assert np.allclose(observation.codes[:, 0], 20 * watch.originals.labels / 255, atol=1e-3)
    assert np.array_equal(observation.reconstructions[:, 0, 0, 0], 20 * watch.originals.shown_labels)
    assert np.array_equal(observation.reconstructions, watch.originals.images)
    assert watch.originals.shown_labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ([5] * 12, [5] * 10),  # a single class: simply the first
        ([0] * 11 + [7], [0, 7] + [0] * 8),
        (range(12), None),  # more classes than are shown
        ([2, 1, 0], [0, 1, 2]),
    ],
)
def test_one_of_each_class_is_shown_in_order(labels, shown):
    watch = Watch(pictures(len(labels)), np.array(labels), model(), 0)
    found = watch.originals.shown_labels.tolist()
    assert found == (watch.originals.labels[:SHOWN].tolist() if shown is None else shown)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_diverged_model_is_named_and_left_in_its_mode(part, value):
    vae = model().train()
    watch = Watch(pictures(), None, vae, 0)
    with torch.no_grad():
        getattr(vae, part)[-2 if part == "decoder" else -1].bias[0] = value
    with pytest.raises(Diverged, match="at step 1,234 its numbers are no longer finite"):
        watch.observe(vae, 1234)
    assert vae.training


def test_pictures_that_are_not_finite_count_as_well(monkeypatch):
    vae = model()
    watch = Watch(pictures(), None, vae, 0)
    monkeypatch.setattr(vae, "decode", lambda z: torch.full((1, z.shape[1], 1, 8, 8), math.nan))
    with pytest.raises(Diverged, match="at step 5 "):
        watch.observe(vae, 5)


def test_codes_beyond_half_precision_stay_finite():
    vae = model()
    with torch.no_grad():
        vae.encoder[-1].bias[0] = 1e5
    observation = Watch(pictures(), None, vae, 0).observe(vae, 0)
    assert observation.codes[:, 0].tolist() == [65504.0] * 40
