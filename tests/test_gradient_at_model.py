"""Gradients at a frozen model against closed forms and enumeration, at LinearGaussian models and a small VAE of bits.

Resolution: with 40,000 replicates a mean is known to 0.5 % of the standard deviation; a variance to about
sqrt((kurtosis - 1) / 40,000) of itself, which is computed from the draws. The cut is at 5 standard errors.
"""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from tests.exact import W, linear_vae
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian, FullGaussian
from vaeexplorer.gradients import ESTIMATORS, at_model
from vaeexplorer.gradients.at_model import kl_gradient, local_gradients, parameters, prepared, problem, q_of
from vaeexplorer.gradients.baseline_network import fitted_baseline
from vaeexplorer.gradients.quadratic import Quadratic
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.vae import VAE

REPLICATES, CUT = 40_000, 5.0
MODEL, _, _ = example()
X = torch.tensor([[1.0, -0.5, 0.75], [-0.4, 0.9, 0.2]], dtype=torch.float64)
Q = DiagonalGaussian(
    torch.tensor([[0.3, -0.1], [-0.2, 0.5]], dtype=torch.float64),
    0.5 * torch.tensor([[0.2, 0.3], [0.15, 0.4]], dtype=torch.float64).log(),
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(name, model=MODEL, x=X, q=Q, replicates=REPLICATES, samples=None, seed=0, **options):
    samples = samples or ESTIMATORS[name].fewest
    pieces = local_gradients(
        model, x, name, q=q, replicates=replicates, samples=samples, generator=generator(seed), options=options
    )
    return torch.cat(list(pieces))


def elbo_gradient(x=X, q=Q):
    """By automatic differentiation of the exact ELBO, (B, O)."""
    outputs = parameters(q).requires_grad_()
    (gradient,) = torch.autograd.grad(MODEL.elbo(x, DiagonalGaussian.from_encoder(outputs)).sum(), outputs)
    return gradient


def moments(image):
    """log p(x|z) of an image as the quadratic that it is, under q."""
    deviation = X[image] - MODEL.bias
    matrix, vector = -W.T @ W / (2 * MODEL.variance), W.T @ deviation / MODEL.variance
    constant = MODEL._log_normal((deviation**2).sum()).item()
    return Quadratic(matrix, vector, constant).under(Q.mean[image], Q.log_std[image])


def score(difference, values):
    return float((difference / (values / len(values)).sqrt()).abs().max())


def mean_score(values, truth):
    return float(((values.mean(0) - truth) / (values.var(0) / len(values)).sqrt()).abs().max())


def variance_score(values, truth):
    """Largest |z| of the sample variances: Var(s^2) = (mu4 - s^4) / R."""
    centred = values - values.mean(0)
    variance, fourth = (centred**2).mean(0), (centred**4).mean(0)
    return float(((variance - truth) / ((fourth - variance**2) / len(values)).sqrt()).abs().max())


VARIANCES = {
    "pathwise": lambda m: m.pathwise(),
    "score_function": lambda m: m.score_function(),
    "leave_one_out": lambda m: m.leave_one_out(2),
    "sticking_the_landing": lambda m: with_prior(m).sticking_the_landing(),
    "pathwise_joint": lambda m: with_prior(m).pathwise(),
}


def with_prior(m):
    """The same of log p(x, z)."""
    matrix = m.f.matrix - torch.eye(2, dtype=torch.float64) / 2
    constant = m.f.constant - math.log(2 * math.pi)
    return Quadratic(matrix, m.f.vector, constant).under(m.loc, m.std.log())


@pytest.mark.parametrize("name", [n for n, e in ESTIMATORS.items() if "gaussian" in e.latents and n != "vimco"])
def test_the_mean_is_the_exact_gradient_and_the_variance_its_closed_form(name):
    samples = 1 if ESTIMATORS[name].objective == "iwae" else None  # whose bound of one sample is the ELBO
    values = drawn(name, samples=samples)
    assert values.shape == (REPLICATES, 2, 4) and values.dtype == torch.float64
    assert mean_score(values, elbo_gradient()) < CUT
    if name in VARIANCES:
        truth = torch.stack([VARIANCES[name](moments(image)).flatten() for image in range(2)])
        assert variance_score(values, truth) < CUT


def test_baselines_from_a_pilot_come_near_their_closed_form():
    """Within their error: what a pilot of 1000 draws leaves of noise in the baseline adds 2 % to the variance."""
    for name, best in (
        ("score_function_mean_baseline", lambda m: m.score_function(m.mean)),
        ("score_function_learned_baseline", lambda m: m.score_function(m.mean)),
        ("score_function_optimal_baseline", lambda m: m.score_function(m.optimal_baseline())),
    ):
        truth = torch.stack([best(moments(image)).flatten() for image in range(2)])
        assert variance_score(drawn(name), truth) < CUT, name


def test_three_estimators_of_one_bound_agree():
    found = {name: drawn(name, samples=3) for name in ("iwae", "doubly_reparameterized", "vimco")}
    for one, other in itertools.combinations(found.values(), 2):
        error = ((one.var(0) + other.var(0)) / REPLICATES).sqrt()
        assert float(((one.mean(0) - other.mean(0)) / error).abs().max()) < CUT
    # ... which is not the ELBO's
    assert mean_score(found["doubly_reparameterized"], elbo_gradient()) > 10 * CUT


def test_a_vae_and_its_exact_twin_give_the_same_replicates():
    vae, x = linear_vae(), X.reshape(2, 1, 1, 3)
    q = vae.posterior(x)
    for name in ("pathwise", "sticking_the_landing", "vimco"):
        own = drawn(name, vae, x, None, replicates=50)
        torch.testing.assert_close(own, drawn(name, q=DiagonalGaussian(q.mean, q.log_std), replicates=50))


@pytest.fixture(scope="module")
def bits():
    """A VAE with three bits for each of two images, none of them nearly certain, with E_q log p(x|z) - KL's gradient by
    going through the eight codes.
    """
    torch.manual_seed(1)
    config = VaeConfig(
        image_shape=(1, 2, 3), architecture="mlp", hidden=(5,), latent_dim=3, posterior="bernoulli", prior="fair_bits"
    )
    vae = VAE(config).double().eval()
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.mul_(4)
    x = (torch.rand(2, 1, 2, 3, generator=generator(3)) < 0.5).double()
    codes = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    logits = parameters(q_of(vae, x)).requires_grad_()
    with torch.no_grad():
        values = vae.log_likelihood(x, codes[:, None].expand(-1, 2, -1))
    log_q = (codes[:, None] * logits - F.softplus(logits)).sum(-1)
    elbo = (log_q.exp() * values).sum() - vae.prior.kl_per_dimension(BernoulliLatent(logits)).sum()
    return vae, x, torch.autograd.grad(elbo, logits)[0]


@pytest.mark.parametrize("name", [n for n, e in ESTIMATORS.items() if "bernoulli" in e.latents and n != "vimco"])
def test_bits_against_enumeration(bits, name):
    vae, x, truth = bits
    z = mean_score(drawn(name, vae, x, None), truth)
    assert z < CUT if ESTIMATORS[name].unbiased else z > 2 * CUT


def test_the_bound_of_many_bits_is_a_tighter_one(bits):
    """VIMCO against the leave-one-out form of the same bound by enumeration of two bits' codes: K = 2."""
    vae, x, _ = bits
    codes = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    logits = parameters(q_of(vae, x)).requires_grad_()
    with torch.no_grad():
        joint = vae.log_joint(x, codes[:, None].expand(-1, 2, -1))
    log_q = (codes[:, None] * logits - F.softplus(logits)).sum(-1)
    weights = joint - log_q
    bound = torch.logaddexp(weights[:, None], weights[None]) - math.log(2)  # of every pair of codes
    total = ((log_q[:, None] + log_q[None]).exp() * bound).sum()
    (truth,) = torch.autograd.grad(total, logits)
    assert mean_score(drawn("vimco", vae, x, None, samples=2), truth) < CUT


def test_pieces_bound_the_rows_and_change_nothing_else(monkeypatch):
    monkeypatch.setattr(at_model, "ROWS", 6)
    seen, original = [], LinearGaussian.log_likelihood

    def counted(self, x, z):
        seen.append(z.shape[0] * z.shape[1])
        return original(self, x, z)

    monkeypatch.setattr(LinearGaussian, "log_likelihood", counted)
    x = torch.cat([X, X[:1]])
    q = DiagonalGaussian(torch.cat([Q.mean, Q.mean[:1]]), torch.cat([Q.log_std, Q.log_std[:1]]))
    for name, samples in (("pathwise", 1), ("score_function_mean_baseline", 1), ("leave_one_out", 4), ("iwae", 5)):
        assert drawn(name, x=x, q=q, replicates=11, samples=samples).shape == (11, 3, 4)
    assert max(seen) <= 6
    values = drawn("leave_one_out", samples=4, replicates=400)  # one image at a time
    assert mean_score(values, elbo_gradient()) < CUT


def test_an_option_for_each_image_goes_to_its_image(monkeypatch):
    constants = torch.tensor([0.0, -40.0], dtype=torch.float64)
    whole = drawn("score_function", replicates=200, baseline=constants)
    assert whole[:, 1].var(0).sum() > 20 * drawn("score_function", replicates=200)[:, 1].var(0).sum()
    monkeypatch.setattr(at_model, "ROWS", 1)  # each image alone
    values = drawn("score_function", replicates=200, baseline=constants)
    assert values[:, 1].var(0).sum() > 20 * values[:, 0].var(0).sum()


def test_same_seed_same_bits_and_nothing_of_others_is_touched():
    vae, x = linear_vae().train(), X.reshape(2, 1, 1, 3)
    state = torch.random.get_rng_state()
    for name in ("pathwise", "score_function_learned_baseline"):
        first, second = (drawn(name, vae, x, None, replicates=5) for _ in range(2))
        assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert vae.training and all(parameter.grad is None for parameter in vae.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(
            drawn("pathwise", vae, x.clone(), None, replicates=5), drawn("pathwise", vae, x, None, replicates=5)
        )
    pieces = local_gradients(vae, x, "pathwise", replicates=10_000, generator=generator())
    next(pieces)
    assert vae.training and torch.is_grad_enabled()
    pieces.close()
    assert vae.training


def test_prepared_is_the_same_in_two_steps():
    draw = prepared(MODEL, X, "score_function_mean_baseline", q=Q, generator=generator())
    torch.testing.assert_close(torch.cat(list(draw(50))), drawn("score_function_mean_baseline", replicates=50))


def test_the_gradient_of_the_kl():
    """d/dmean = mean and d/dlog_std = s^2 - 1 for a standard normal prior; p (1 - p) l for fair bits."""
    truth = torch.cat([Q.mean, Q.variance - 1], -1)
    torch.testing.assert_close(kl_gradient(MODEL, Q), truth)


def test_the_network_learns_what_f_is_on_average():
    values = torch.tensor([-90.0, -120.0, -60.0]) + 10 * torch.randn(4000, 3, generator=generator())
    baseline = fitted_baseline(torch.rand(3, 1, 4, 4, generator=generator()), values, generator(5))
    torch.testing.assert_close(baseline, values.mean(0), atol=1.0, rtol=0)
    again = fitted_baseline(torch.rand(3, 1, 4, 4, generator=generator()), values, generator(5))
    assert torch.equal(baseline, again)


def diverged():
    vae = linear_vae()
    with torch.no_grad():
        vae.decoder[0].bias.fill_(math.nan)
    return vae, X.reshape(2, 1, 1, 3)


def confused():
    """A model whose encoder has diverged."""
    vae = linear_vae()
    with torch.no_grad():
        vae.encoder[1].bias.fill_(math.inf)
    return vae, X.reshape(2, 1, 1, 3)


MIXTURE = MixtureOfGaussians(torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 2.0]), torch.tensor([0.5, 1.0]))
CORRELATED = LinearGaussian(MODEL.weight, MODEL.bias, 0.25, encoder=MODEL.true_posterior)


@pytest.mark.parametrize(
    ("model", "x", "change", "words"),
    [
        (MODEL, X, {"estimator": "no"}, "expected one of the estimators pathwise"),
        (MODEL, X, {"estimator": "disarm"}, "disarm needs bernoulli latents, these are gaussian"),
        (MODEL, X, {"estimator": "leave_one_out"}, "leave_one_out needs samples as a whole number of 2 or more, got 1"),
        (MODEL, X, {"estimator": "vimco"}, "vimco needs samples as a whole number of 2 or more, got 1"),
        (MODEL, X, {"replicates": 0}, "replicates as a whole number"),
        (MODEL, X[0], {}, r"expected x \(points, 3\)"),
        (MODEL, X * math.nan, {}, "expected finite values of x"),
        (MODEL, X, {"q": DiagonalGaussian(Q.mean[:1], Q.log_std[:1])}, r"expected q of shape \(2, 2\), got \(1, 2\)"),
        (MODEL, X, {"q": BernoulliLatent(Q.mean)}, "need a q without correlations for this model, got BernoulliLatent"),
        (CORRELATED, X, {}, "need a q without correlations for this model, got FullGaussian"),
        (MIXTURE, torch.zeros(2, 1), {}, "need Gaussian or Bernoulli latents"),
        (*confused(), {}, "the model has diverged"),
        (*diverged(), {}, "the model has diverged: it gives NaN or infinity"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(model, x, change, words):
    settings = {"estimator": "pathwise", "replicates": 5, "generator": generator()} | change
    with pytest.raises(ValueError, match=words) as caught:
        list(local_gradients(model, x, **settings))
    assert "\n" not in str(caught.value)


def test_temperature_zero_is_refused(bits):
    vae, x, _ = bits
    with pytest.raises(ValueError, match="needs a finite temperature above 0, got 0"):
        local_gradients(vae, x, "gumbel_softmax", replicates=5, generator=generator(), options={"temperature": 0})


def test_why_an_estimator_does_not_apply(bits):
    vae, _, _ = bits
    assert problem(MODEL, "pathwise") is None and problem(vae, "vimco") is None
    assert "needs gaussian latents" in problem(vae, "pathwise")
    assert "samples as a whole number of 2 or more, got 1" in problem(MODEL, "vimco", samples=1)
    assert "Gaussian or Bernoulli" in problem(MIXTURE, "score_function")
    assert isinstance(CORRELATED.posterior(X), FullGaussian)
