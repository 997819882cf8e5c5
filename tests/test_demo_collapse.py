"""Posterior collapse: theory of the linear VAE, the stack of models, and what both films show and end with."""

import base64
import itertools
import math

import numpy as np
import pytest
import torch

from vaeexplorer.bounds import METHODS
from vaeexplorer.configs import VaeConfig
from vaeexplorer.demos import collapse_curve, collapse_exact
from vaeexplorer.demos.collapse import DEMO
from vaeexplorer.demos.demo import all_finite, play
from vaeexplorer.demos.pixels import packed
from vaeexplorer.demos.stacked import Stack
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.vae import VAE

SHORT = 400  # steps: enough for price 16 to fall silent


def settings(**given):
    return DEMO.settings(given)


def outcomes(moment):
    return {outcome.name: outcome for outcome in moment.outcomes}


# ---- theory


def test_theory_by_hand():
    # Variances 4, 1 and 1/4 along the axes, mean 0.
    x = np.array([[2.0, 0, 0], [0, 1, 0], [0, 0, 0.5]]) * math.sqrt(3)
    found = collapse_exact.theory(np.concatenate([x, -x]), beta=2.0, variance=0.3, dimensions=3)
    assert found.kl == pytest.approx([0.5 * math.log(4 / 0.6), 0.5 * math.log(1 / 0.6), 0])
    assert found.active == 2
    assert found.rate == pytest.approx(0.5 * math.log(4 / 0.36))
    assert found.reconstruction == pytest.approx(-1.5 * math.log(0.6 * math.pi) - 0.5 * (0.6 + 0.6 + 0.25) / 0.3)


def test_theory_at_price_1_is_the_best_likelihood_of_the_linear_gaussian_model():
    """Probabilistic PCA has the same optimum, and the gap is zero there (Tipping & Bishop 1999, eq. 7)."""
    images, variance, k = collapse_exact.digits().images, 0.05, 5
    values, vectors = np.linalg.eigh(np.cov(images.T, bias=True))
    weight = vectors[:, ::-1][:, :k] * np.sqrt(values[::-1][:k] - variance)
    model = LinearGaussian(torch.from_numpy(weight.copy()), torch.zeros(64, dtype=torch.float64), variance)
    found = collapse_exact.theory(images, 1.0, variance, k)
    likelihood = model.log_marginal(torch.from_numpy(images)).mean().item()
    assert found.reconstruction - found.rate == pytest.approx(likelihood)


def test_the_exact_terms_are_the_means_over_all_images():
    data = collapse_exact.digits()
    covariance = torch.from_numpy(data.images.T @ data.images / len(data.images)).float()
    vaes = collapse_exact.LinearVaes(covariance, 0.1, 6, torch.Generator().manual_seed(3))
    with torch.no_grad():
        vaes.log_std += torch.linspace(-1, 0.5, 6)
        reconstruction, kl = vaes.terms()
    for number in range(len(collapse_exact.PRICES)):
        model = LinearGaussian(vaes.weight[number].detach().double(), torch.zeros(64, dtype=torch.float64), 0.1)
        x = torch.from_numpy(data.images)
        mean = x @ vaes.encoder[number].detach().double().T
        q = DiagonalGaussian(mean, vaes.log_std[number].detach().double().expand_as(mean))
        assert reconstruction[number].item() == pytest.approx(model.reconstruction(x, q).mean().item(), rel=1e-5)
        assert kl[number].numpy() == pytest.approx(model.prior.kl_per_dimension(q).mean(0).numpy(), rel=1e-4)


# ---- the exact film


@pytest.fixture(scope="module")
def exact():
    return list(collapse_exact.run(settings(), 0, steps=SHORT))


def test_the_dearest_code_falls_silent_and_gives_everything_the_same_back(exact):
    assert 20 <= len(exact) <= 200
    first, last = exact[0].data, exact[-1].data
    assert sum(first["kl"][3]) > 0.05 and max(last["kl"][3]) < 0.005
    dear, ordinary = (np.frombuffer(base64.b64decode(last["pictures"][row]), np.uint8).reshape(5, 64) for row in (3, 0))
    original = np.frombuffer(base64.b64decode(first["originals"]), np.uint8).reshape(5, 64).astype(float)
    assert np.ptp(dear.astype(int), axis=0).max() <= 2, "the same average, whatever is shown"
    assert np.abs(ordinary - original).mean() < 0.6 * np.abs(dear - original).mean()
    assert [o.theory for o in exact[-1].outcomes[::2]] == [16, 7, 3, 0]
    found = outcomes(exact[-1])
    assert found["active_16"].inside and found["rate_16"].inside
    assert found["rate_16"].estimate.kind == "exact" and found["rate_16"].estimate.unit == "nats"
    assert found["active_4"].estimate.unit == "dimensions"
    for price, row in zip(collapse_exact.PRICES, last["kl"], strict=True):
        assert found[f"rate_{price:g}"].estimate.value == pytest.approx(sum(row), abs=1e-3)
    assert all(not moment.outcomes for moment in exact[:-1])


def test_the_first_moment_holds_what_the_picture_needs_once(exact):
    once = {"scene", "prices", "originals", "theory", "variances"}
    assert once <= exact[0].data.keys() and not once & exact[1].data.keys()
    assert [len(row) for row in exact[0].data["theory"]] == [16] * 4
    steps = [moment.data["step"] for moment in exact]
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == SHORT
    assert exact[-1].fraction == 1


def test_the_full_recipe_reaches_theory():
    """In closed form it takes seconds, so the recipe of the page is tested as it is."""
    *_, last = play(DEMO, {}, 1)
    assert [outcome.inside for outcome in last.outcomes] == [True] * 8


@pytest.mark.parametrize("noise", [0.01, 0.5])
@pytest.mark.parametrize("dimensions", [2, 24])
def test_the_corners_of_the_settings(noise, dimensions):
    *_, last = collapse_exact.run(settings(noise=noise, dimensions=dimensions), 0, steps=60)
    assert all_finite(last.data)
    assert all(outcome.band is None for outcome in last.outcomes), "promised at the defaults only"
    assert all(outcome.theory is not None for outcome in last.outcomes)


# ---- the stack


@pytest.fixture(scope="module")
def vaes():
    config = VaeConfig(image_shape=(1, 8, 8), hidden=(12, 9), latent_dim=3)
    torch.manual_seed(0)
    return [VAE(config) for _ in range(3)]


def test_a_stack_is_its_models_side_by_side(vaes):
    x = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    noise = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(1))
    stack = Stack(vaes)
    distortion, kl = stack.terms(x, noise)
    for number, vae in enumerate(vaes):
        terms = elbo_terms(vae, x, noise[number][None])
        assert distortion[number].detach().numpy() == pytest.approx(terms.distortion.detach().numpy(), abs=1e-4)
        assert kl[number].detach().numpy() == pytest.approx(terms.kl_per_dimension.detach().numpy(), abs=1e-5)
        mine = vae.decode(noise[number][None])[0].detach().numpy()
        assert stack.decode(noise)[number].detach().numpy() == pytest.approx(mine, abs=1e-6)


def test_a_stack_trains_each_model_as_if_alone(vaes):
    x = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    stack, noise = Stack(vaes), torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(1))
    alone = Stack([vaes[1]])
    for some, prices in ((stack, torch.tensor([0.1, 2.0, 30.0])), (alone, torch.tensor([2.0]))):
        adam = torch.optim.Adam(some.parameters(), lr=1e-2)
        for _ in range(5):
            adam.zero_grad()
            distortion, kl = some.terms(x, noise)
            (distortion + prices[:, None] * kl.sum(-1)).mean(1).sum().backward()
            adam.step()
    mine, other = stack.vae(1), alone.vae(0)
    for a, b in zip(mine.parameters(), other.parameters(), strict=True):
        assert a.detach().numpy() == pytest.approx(b.detach().numpy(), abs=1e-5)
    assert not torch.allclose(mine.encoder[1].weight, vaes[1].encoder[1].weight), "the given ones stay as they are"


def test_a_stack_refuses_what_it_cannot_put_together(vaes):
    other = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(4,), latent_dim=3))
    for models in ([], [vaes[0], other]):
        with pytest.raises(ValueError, match="one configuration"):
            Stack(models)
    with pytest.raises(ValueError, match="dense"):
        Stack([VAE(VaeConfig(image_shape=(1, 8, 8), architecture="conv28", hidden=(4,), latent_dim=2, channels=2))])


# ---- the curve


def test_the_curve_in_short(monkeypatch):
    """A dearer code carries less and loses more; at the end every price has its figures."""
    monkeypatch.setattr(collapse_curve, "FIT_STEPS", 20)
    monkeypatch.setattr(collapse_curve, "GAP_SAMPLES", 200)
    given = settings(scene="rate_distortion") | {"steps": 150}
    moments = list(collapse_curve.run(given, 0))
    assert 10 <= len(moments) <= 200
    last = moments[-1]
    found = outcomes(last)
    rates = [found[f"rate_{price:g}"].estimate for price in collapse_curve.PRICES]
    assert all(a.value > b.value for a, b in itertools.pairwise(rates[:4]))
    assert rates[0].kind == "unbiased" and rates[0].n == collapse_curve.ALL and rates[0].stderr > 0
    gaps = [found[f"gap_{price:g}"].estimate for price in collapse_curve.PRICES]
    assert all(gap.kind == "lower bound" and gap.n == collapse_curve.GAP_IMAGES for gap in gaps)
    assert abs(gaps[-1].value) < 0.1
    assert all(outcome.band is None for outcome in last.outcomes), "promised at the defaults only"
    assert last.data["rate"] == pytest.approx([rate.value for rate in rates], abs=1e-3)
    assert sum("measuring" in moment.data for moment in moments) >= 6


def test_terms_and_gap_of_one_model_are_those_of_the_ordinary_code(vaes):
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    found = []

    def search():
        found.append((yield from collapse_curve.gap_of(vaes[0], x, torch.Generator().manual_seed(0))))

    assert all(0 <= share <= 1 for share in search())
    (gap,) = found
    generator = torch.Generator().manual_seed(5)
    *_, stage = METHODS["iwae"].run(vaes[0], x, samples=5000, generator=generator)
    terms = elbo_terms(vaes[0], x, torch.randn(5000, 6, 3, generator=generator))
    expected = stage.record.value - terms.elbo.detach().numpy()
    assert gap.value == pytest.approx(expected.mean(), abs=0.05)  # both sampled, an untrained q is near the posterior


def test_pictures_as_text():
    assert base64.b64decode(packed(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))) == bytes([0, 0, 128, 255, 255])


def test_settings_and_source():
    assert DEMO.scenes == ("exact", "rate_distortion")
    assert DEMO.source and len(DEMO.story) == 3
    with pytest.raises(ValueError, match="noise"):
        play(DEMO, {"noise": 0}, 0)
