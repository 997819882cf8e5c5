"""Training by each estimator: every weight's gradient against exact sums, what is remembered, and that it learns."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from tests.test_gradients import PIXELS, bits_vae, exact_loss, gradients
from vaeexplorer import costs
from vaeexplorer.configs import TrainConfig, VaeConfig, fit_together
from vaeexplorer.gradients import ESTIMATORS, baselines, losses
from vaeexplorer.gradients.losses import Bound, surrogate, weighted
from vaeexplorer.processes import Processes
from vaeexplorer.training import Training, rehearse
from vaeexplorer.training_estimators import AUTO, TRAINING_ESTIMATORS, fitting
from vaeexplorer.vae import VAE

FLAT = weighted(1.0)
REMEMBERING = [name for name in ESTIMATORS if name in baselines.BASELINES]
BIASED = ("gumbel_softmax", "straight_through")


def test_what_is_known_without_torch_is_what_the_estimators_say():
    assert set(TRAINING_ESTIMATORS) == set(ESTIMATORS)
    for name, known in TRAINING_ESTIMATORS.items():
        estimator = ESTIMATORS[name]
        assert set(known.latents) == set(estimator.latents), name
        assert (known.fewest, known.temperature) == (estimator.fewest, "temperature" in estimator.options), name
        assert known.whole_bound == (estimator.objective != "expectation"), name
        assert ("biased" in known.words) == (not estimator.unbiased) or name == "rebar", name
        assert bool(estimator.pilot) == (name in REMEMBERING), name
    assert all(AUTO[posterior] in fitting(posterior) for posterior in ("gaussian", "bernoulli"))


# ---- the gradient of every weight


def one_dimension():
    """One Gaussian latent and four binary pixels: integrals over z are sums over a grid. The prior is learned."""
    torch.manual_seed(3)
    config = VaeConfig(image_shape=(1, 2, 2), hidden=(4,), latent_dim=1, prior="learned_gaussian")
    vae = VAE(config).double()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(2).add_(0.1)
    return vae


def nodes(count=40):
    """Points and weights whose weighted sum is E f(noise), noise ~ N(0, 1)."""
    points, shares = np.polynomial.hermite_e.hermegauss(count)
    return torch.from_numpy(points), torch.from_numpy(shares / math.sqrt(2 * math.pi))


def exact_gaussian_loss(vae, samples):
    """-E log (1/K) sum_k w_k over K draws; K = 1 is the ELBO."""
    points, shares = nodes()
    noise = torch.cartesian_prod(*[points] * samples).reshape(-1, samples)
    share = torch.cartesian_prod(*[shares] * samples).reshape(-1, samples).prod(1)
    q = vae.posterior(PIXELS)
    z = q.sample(noise.T.reshape(-1, 1, 1))
    logs = (vae.log_joint(PIXELS, z) - q.log_prob(z))[:, 0].reshape(samples, -1)
    return -(share * (torch.logsumexp(logs, 0) - math.log(samples))).sum()


@pytest.fixture(scope="module")
def truths():
    gaussian, bits = one_dimension(), bits_vae()
    return {
        ("gaussian", 1): gradients(gaussian, exact_gaussian_loss(gaussian, 1)),
        ("gaussian", 2): gradients(gaussian, exact_gaussian_loss(gaussian, 2)),
        ("bernoulli", 1): gradients(bits, exact_loss(bits, 1.0)),
    }


CASES = [
    (posterior, name)
    for name, about in ESTIMATORS.items()
    for posterior in about.latents
    # VIMCO of bits has another objective than the sum over codes above.
    if name not in REMEMBERING and (posterior, name) != ("bernoulli", "vimco")
]


def scores_of(bound, vae, samples, truth, together=400, rounds=40):
    """z of each weight's gradient: means over `together` copies of the image, `rounds` times."""
    generator = torch.Generator().manual_seed(5)
    draw = torch.rand if vae.config.posterior == "bernoulli" else torch.randn
    x = PIXELS.expand(together, -1, -1, -1)
    found = []
    for _ in range(rounds):
        noise = draw(samples, together, vae.latent_dim, generator=generator, dtype=torch.float64)
        found.append(gradients(vae, bound(vae, x, noise, FLAT, together)[0].mean()))
    draws = torch.stack(found)
    return (draws.mean(0) - truth).abs() / (draws.std(0) / rounds**0.5).clamp_min(1e-12), draws


@pytest.mark.parametrize(("posterior", "name"), CASES)
def test_every_weight_gets_the_gradient_of_its_bound_on_average(posterior, name, truths):
    vae = one_dimension() if posterior == "gaussian" else bits_vae()
    samples = max(2 if ESTIMATORS[name].objective == "iwae" else 1, ESTIMATORS[name].fewest)
    truth = truths[posterior, samples if ESTIMATORS[name].objective == "iwae" else 1]
    scores, draws = scores_of(Bound(name, vae, 0, {}), vae, samples, truth)
    encoder = sum(p.numel() for p in vae.encoder.parameters())
    # 16,000 draws. Decoder and prior are unbiased in all of them; at most 63 weights beyond 5 by chance: 8e-4 at 39
    # degrees of freedom. The resolution: the gradient is seen to a tenth of its size.
    assert scores[encoder:].max() < 5
    assert (scores[:encoder].max() < 5) == (name not in BIASED)
    assert (draws.std(0) / 40**0.5).norm() < 0.1 * truth.norm()


@pytest.fixture(scope="module")
def bare_spread(truths):
    """Variance of the gradient of a few images without a baseline."""
    vae = bits_vae()
    _, bare = scores_of(Bound("score_function", vae, 0, {}), vae, 1, truths["bernoulli", 1], together=4, rounds=600)
    return bare.var(0).sum()


@pytest.mark.parametrize("name", REMEMBERING)
def test_baselines_of_the_batches_before_are_unbiased_and_help(name, truths, bare_spread):
    vae, truth = bits_vae(), truths["bernoulli", 1]
    bound = Bound(name, vae, 0, {})
    if bound.baseline is not None and hasattr(bound.baseline, "network"):
        bound.baseline.network.double()
    scores_of(bound, vae, 1, truth, together=50, rounds=20)  # the first batches
    scores, draws = scores_of(bound, vae, 1, truth, together=4, rounds=600)
    assert scores.max() < 5
    assert draws.var(0).sum() < 0.7 * bare_spread


def test_what_needs_no_surrogate_agrees_with_it():
    for name, vae in (("pathwise", one_dimension()), ("leave_one_out", bits_vae())):
        noise = torch.rand(3, 1, vae.latent_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        estimator = ESTIMATORS[name]
        one, terms = losses.AT_ONCE[name](vae, PIXELS, noise, weighted(0.3))
        two, again = surrogate(vae, PIXELS, noise, weighted(0.3), estimator, lambda d, e=estimator: e.run(d, None))
        assert torch.allclose(gradients(vae, one.sum()), gradients(vae, two.sum()), rtol=1e-12, atol=1e-13)
        assert torch.equal(terms.elbo, again.elbo)


def test_the_draws_are_decoded_once(monkeypatch):
    rows = []

    def decoded(self, z):
        rows.append(z.shape[0])
        return inner(self, z)

    inner = VAE.decoder_outputs
    monkeypatch.setattr(VAE, "decoder_outputs", decoded)
    vae, noise = one_dimension(), torch.randn(3, 1, 1, dtype=torch.float64)
    for name in fitting("gaussian"):
        Bound(name, vae, 0, {})(vae, PIXELS, noise, FLAT, 1)
    assert rows == [3] * len(fitting("gaussian"))


# ---- what is remembered


class Half(Processes):
    """One of two processes whose partner's sums are known: what they add is twice their own, here."""

    def sum_(self, tensor):
        return tensor.mul_(2)

    def sum_gradients(self, parameters):
        for parameter in parameters:
            parameter.grad.mul_(2)


@pytest.mark.parametrize("name", REMEMBERING)
def test_processes_remember_the_whole_batch(name):
    """Two with the same images each remember what one alone does of both."""
    torch.manual_seed(0)
    vae = VAE(VaeConfig(image_shape=(1, 2, 2), hidden=(4,), latent_dim=2))
    x, noise = torch.rand(3, 1, 2, 2).round(), torch.randn(1, 3, 2)
    alone, half = Bound(name, vae, 0, {}), Bound(name, vae, 0, {}, Half())
    for _ in range(3):
        alone(vae, x.repeat(2, 1, 1, 1), noise.repeat(1, 2, 1), FLAT, 6)
        half(vae, x, noise, FLAT, 6)
    for key, value in alone.state().items():
        assert torch.allclose(value, half.state()[key], rtol=1e-4, atol=1e-5), key


def test_without_a_batch_before_the_score_function_is_left_out():
    vae, noise = bits_vae(), torch.rand(1, 1, 3, dtype=torch.float64)
    loss, terms = Bound("score_function_mean_baseline", vae, 0, {})(vae, PIXELS, noise, FLAT, 1)
    assert torch.allclose(loss, terms.kl - terms.reconstruction)


def test_a_state_without_its_baseline_is_refused():
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    vae = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(4,), latent_dim=2))
    training = Training(vae, images, TrainConfig(epochs=1, estimator="score_function_learned_baseline"))
    state = training.state()
    with pytest.raises(ValueError, match="lacks that of its baseline"):
        training.load_state({name: value for name, value in state.items() if name != "bound.weight"})
    with pytest.raises(ValueError, match="baseline of another shape"):
        training.load_state(state | {"bound.network.first.weight": torch.zeros(2, 2)})


# ---- settings


def test_settings_that_do_not_go_together_are_refused_in_words():
    bits, gaussian = VaeConfig(posterior="bernoulli"), VaeConfig()
    for vae, fields, says in (
        (
            bits,
            {"estimator": "doubly_reparameterized"},
            "needs Gaussian latents and these are Bernoulli: use leave_one",
        ),
        (gaussian, {"estimator": "disarm"}, "needs Bernoulli latents and these are Gaussian: use pathwise, or one of"),
        (gaussian, {"estimator": "leave_one_out"}, "leave_one_out needs at least 2 samples for each image, got 1"),
        (gaussian, {"estimator": "vimco"}, "vimco needs at least 2 samples"),
        (gaussian, {"estimator": "iwae", "beta": 2.0}, "it needs beta 1 all along and no free bits"),
        (gaussian, {"estimator": "sticking_the_landing", "free_bits": 0.1}, "no free bits"),
        (gaussian, {"estimator": "pathwise_joint", "beta_schedule": "linear"}, "beta 1 all along"),
    ):
        with pytest.raises(ValueError, match=says):
            fit_together(vae, TrainConfig(**fields))
        with pytest.raises(ValueError, match=says):
            rehearse(VAE(vae), torch.zeros(2, 1, 28, 28, dtype=torch.uint8), TrainConfig(**fields))
    with pytest.raises(ValueError, match="estimator must be one of auto, pathwise"):
        TrainConfig(estimator="reinforce")
    with pytest.raises(ValueError, match="temperature"):
        TrainConfig(temperature=0)


def test_the_temperature_reaches_the_relaxed_bits():
    vae, noise = bits_vae(), torch.rand(1, 1, 3, dtype=torch.float64)

    def found(temperature):
        bound = Bound("gumbel_softmax", vae, 0, {"temperature": temperature})
        return gradients(vae, bound(vae, PIXELS, noise, FLAT, 1)[0].sum())

    assert torch.equal(found(0.5), gradients(vae, Bound("gumbel_softmax", vae, 0, {})(vae, PIXELS, noise, FLAT, 1)[0]))
    assert not torch.allclose(found(0.5), found(2.0))


def test_a_step_costs_what_the_estimator_asks_of_the_decoder():
    vae, bits = VaeConfig(), VaeConfig(posterior="bernoulli")
    usual = costs.step_work(vae, TrainConfig())
    assert costs.step_work(vae, TrainConfig(estimator="pathwise")) == usual
    assert costs.step_work(vae, TrainConfig(estimator="iwae")) > usual
    assert costs.step_work(bits, TrainConfig(estimator="disarm")) < costs.step_work(bits, TrainConfig())


# ---- learning


DIGITS = torch.from_numpy((load_digits().images * 255 / 16).astype(np.uint8)).reshape(-1, 1, 8, 8)[:1400]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_digits_are_learned(name):
    posterior = ESTIMATORS[name].latents[-1]
    config = VaeConfig(image_shape=(1, 8, 8), hidden=(32,), latent_dim=4, posterior=posterior)
    settings = TrainConfig(epochs=6, batch_size=100, learning_rate=5e-3, estimator=name, samples=2)
    torch.manual_seed(0)
    elbo = np.array([record.elbo() for record in Training(VAE(config), DIGITS, settings)])
    # Means over a hundred images each, with an error of about .3 nats; untrained it is -44.
    assert np.isfinite(elbo).all()
    assert elbo[-14:].mean() - elbo[0] > 10


def test_without_a_baseline_the_score_function_stays_behind():
    """What happens to it: the decoder learns, the code little. By 20 epochs it is a nat and more behind pathwise."""
    reached = {}
    for name in ("score_function", "pathwise"):
        config = VaeConfig(image_shape=(1, 8, 8), hidden=(32,), latent_dim=4)
        torch.manual_seed(0)
        settings = TrainConfig(epochs=20, batch_size=100, learning_rate=5e-3, estimator=name, samples=2)
        elbo = np.array([record.elbo() for record in Training(VAE(config), DIGITS, settings)][-14:])
        reached[name] = elbo.mean()
        assert elbo.std(ddof=1) / 14**0.5 < 0.14
    assert reached["pathwise"] - reached["score_function"] > 1.0  # five standard errors of the difference
