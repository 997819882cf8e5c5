"""The entrance for functions of one's own: bounds of K samples, rates, repeatability, what is refused, and mistakes."""

import math

import pytest
import torch

from tests.test_gradient_expectations import CUT, LOC, LOG_SCALE, MOMENTS, F, mean_score, variance_score
from vaeexplorer.gradients import ESTIMATORS, bernoulli_gradient_samples, expectations, gradient_samples
from vaeexplorer.gradients.expectations import GaussianDraws

# x = w z + noise with z ~ N(0, 1): the posterior is N(.654545, .181818)
WEIGHT, VARIANCE, X = 1.5, 0.5, 1.2
POSTERIOR = (
    torch.tensor([0.654545454545], dtype=torch.float64),
    torch.tensor([0.181818181818], dtype=torch.float64).log() / 2,
)
NEAR = torch.tensor([0.6], dtype=torch.float64), torch.tensor([0.25], dtype=torch.float64).log() / 2


def log_joint(z):
    log_likelihood = -0.5 * (X - WEIGHT * z) ** 2 / VARIANCE - 0.5 * math.log(2 * math.pi * VARIANCE)
    return (log_likelihood - 0.5 * z**2 - 0.5 * math.log(2 * math.pi)).sum(-1)


def drawn(name, f=F, loc=LOC, log_scale=LOG_SCALE, replicates=100_000, samples=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return gradient_samples(name, f, loc, log_scale, replicates=replicates, samples=samples, generator=generator)


def test_sticking_the_landing_near_the_posterior_and_on_it():
    found = drawn("sticking_the_landing", log_joint, *NEAR)
    assert mean_score(found, torch.tensor([[0.3], [-0.375]], dtype=torch.float64)) < CUT
    assert variance_score(found, torch.tensor([[0.5625], [0.30375]], dtype=torch.float64)) < CUT
    assert drawn("sticking_the_landing", log_joint, *POSTERIOR).var(0).max() < 1e-10


def log_likelihood(z):
    return log_joint(z) + (0.5 * z**2 + 0.5 * math.log(2 * math.pi)).sum(-1)


# (estimator, f) of the ELBO: variances by loc and log s near the posterior and on it
FORMS = {
    "analytic KL": ("pathwise", log_likelihood, (5.0625, 2.73375), (3.681818, 1.416739)),
    "sampled joint": ("pathwise_joint", log_joint, (7.5625, 3.80375), (5.5, 2.0)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_other_two_forms_of_the_elbo(form):
    """The third one stands above. All have the mean (0.3, -0.375) near the posterior and 0 on it, the analytic KL's own
    gradient (0.6, -0.75) taken off the first.
    """
    name, f, near, on = FORMS[form]
    for (loc, log_scale), wanted, gradient in ((NEAR, near, (0.3, -0.375)), (POSTERIOR, on, (0.0, 0.0))):
        found = drawn(name, f, loc, log_scale)
        if name == "pathwise":
            found = found - torch.stack([loc, torch.exp(2 * log_scale) - 1])  # of KL(q || N(0, 1))
        assert mean_score(found, torch.tensor(gradient, dtype=torch.float64)[:, None]) < CUT
        assert variance_score(found, torch.tensor(wanted, dtype=torch.float64)[:, None]) < CUT


def test_the_joint_form_is_the_bound_of_one_sample():
    torch.testing.assert_close(
        drawn("pathwise_joint", log_joint, *NEAR, replicates=50), drawn("iwae", log_joint, *NEAR, replicates=50)
    )


def test_a_constant_baseline_of_ones_own():
    """Another constant changes the variance as the closed form says, and nothing of the mean."""
    found = gradient_samples(
        "score_function", F, LOC, LOG_SCALE, replicates=100_000, generator=torch.Generator().manual_seed(0),
        baseline=-7.0,
    )  # fmt: skip
    assert mean_score(found, MOMENTS.gradient) < CUT
    assert variance_score(found, MOMENTS.score_function(-7.0)) < CUT
    noise = torch.randn((9, 2, 5, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    draws, each = GaussianDraws(F, LOC.expand(5, 3), LOG_SCALE.expand(5, 3), noise), torch.arange(5.0).double()
    learned = ESTIMATORS["score_function_learned_baseline"].run(draws, each)
    for place in range(5):
        alone = GaussianDraws(F, LOC, LOG_SCALE, noise[:, :, place])
        torch.testing.assert_close(learned[:, place], expectations.score_function(alone, baseline=float(place)))


def test_a_short_pilot_finds_the_best_baseline_of_a_function_far_from_zero():
    noise = torch.randn((1, 1000, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    far = GaussianDraws(lambda z: F(z) - 1000, LOC, LOG_SCALE, noise)
    off = expectations.optimal_baseline(far) - (MOMENTS.optimal_baseline() - 1000)
    assert off.abs().max() < 2  # without the centring 100


@pytest.mark.parametrize("samples", [2, 5])
def test_three_estimators_of_one_bound_agree(samples):
    """iwae, DReG and VIMCO: each pair within 5 standard errors; DReG has by far the least variance here."""
    found = {n: drawn(n, log_joint, *NEAR, samples=samples) for n in ("iwae", "doubly_reparameterized", "vimco")}
    means = {name: values.mean(0) for name, values in found.items()}
    errors = {name: values.var(0) / len(values) for name, values in found.items()}
    for other in ("iwae", "vimco"):
        error = (errors[other] + errors["doubly_reparameterized"]).sqrt()
        assert float(((means[other] - means["doubly_reparameterized"]) / error).abs().max()) < CUT
        assert (errors["doubly_reparameterized"] < 0.1 * errors[other]).all()


def test_one_sample_of_the_bound_is_the_elbo():
    found = drawn("iwae", log_joint, *NEAR)
    assert mean_score(found, torch.tensor([[0.3], [-0.375]], dtype=torch.float64)) < CUT
    assert variance_score(found, torch.tensor([[7.5625], [3.80375]], dtype=torch.float64)) < CUT


def test_the_variance_falls_as_one_over_the_samples():
    for name in ("pathwise", "score_function"):
        one, many = (drawn(name, samples=s, replicates=50_000).var(0) for s in (1, 16))
        assert (one / many).flatten().tolist() == pytest.approx([16.0] * 6, rel=0.15)


def test_a_constant_ruins_the_score_function_and_nothing_else():
    shifted = {name: drawn(name, lambda z: F(z) - 80.0, samples=2).var(0) for name in ("pathwise", "leave_one_out")}
    plain = {name: drawn(name, samples=2).var(0) for name in shifted}
    for name, variance in shifted.items():
        torch.testing.assert_close(variance, plain[name], rtol=1e-9, atol=0)
    assert (drawn("score_function", lambda z: F(z) - 80.0).var(0) > 100 * MOMENTS.score_function()).all()


def test_a_step_has_no_slope():
    def step(z):
        return (z.sum(-1) > 0).to(z.dtype)

    assert drawn("pathwise", step, replicates=10).abs().max() == 0  # wrong: the expectation does depend on loc
    assert drawn("score_function", step).mean(0)[0].min() > 0.1


def test_where_the_score_function_wins():
    """f = cos(w z) with w s > 1: the slope of f says less than f itself."""
    zero, one = torch.zeros(1).double(), torch.zeros(1).double()

    def wave(z):
        return torch.cos(4 * z).sum(-1)

    pathwise, score = (drawn(name, wave, zero, one).var(0)[0] for name in ("pathwise", "score_function"))
    assert score < 0.2 * pathwise


def test_same_seed_same_bits_and_memory_in_parts(monkeypatch):
    whole = drawn("leave_one_out", replicates=100, samples=3)
    torch.testing.assert_close(drawn("leave_one_out", replicates=100, samples=3), whole, rtol=0, atol=0)
    monkeypatch.setattr("vaeexplorer.gradients.samples.NUMBERS", 70)  # 7 replicates at a time
    parts = drawn("leave_one_out", replicates=100, samples=3)
    assert parts.shape == whole.shape and parts.isfinite().all()


# Each planted mistake must be seen by the test of the mean or of the variance.
MISTAKES = {
    "pathwise without the scale": lambda d: d.carried(expectations.slope_of(d.f, d.z) * 1.05).mean(1),
    "score without the normalizer": lambda d: expectations.weighted(d.values(), d.scores() + 0.05).mean(1),
    "a baseline that knows the sample": lambda d: expectations.weighted(0.1 * d.values(), d.scores()).mean(1),
    "a mean that holds the sample itself": lambda d: expectations.weighted(
        d.values() - d.values().mean(1, keepdim=True), d.scores()
    ).mean(1),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake):
    noise = torch.randn((100_000, 2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = MISTAKES[mistake](GaussianDraws(F, LOC, LOG_SCALE, noise))
    assert mean_score(found, MOMENTS.gradient) > CUT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimator": "no"}, "expected one of the estimators pathwise"),
        ({"estimator": "arm"}, "arm needs bernoulli latents, these are gaussian: use pathwise"),
        ({"estimator": "leave_one_out"}, "leave_one_out needs samples as a whole number of 2 or more, got 1"),
        ({"estimator": "vimco", "samples": 1}, "vimco needs samples as a whole number of 2 or more, got 1"),
        ({"estimator": "score_function_learned_baseline"}, "learns its baseline from images"),
        ({"baseline": 1.0}, "pathwise has no option baseline; its options: none"),
        ({"estimator": "score_function", "baseline": math.inf}, "needs a finite baseline, got inf"),
        ({"replicates": 0}, "replicates as a whole number of 1 or more, got 0"),
        ({"replicates": True}, "replicates as a whole number"),
        ({"samples": 2.5}, "samples as a whole number"),
        ({"loc": torch.zeros(2).double()}, r"expected loc and log_scale \(D,\)"),
        ({"f": lambda z: z.sum(-1) * math.nan}, "expected finite values of f"),
        ({"f": lambda z: z}, "expected f to map"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(change, words):
    settings = {"estimator": "pathwise", "f": F, "loc": LOC, "log_scale": LOG_SCALE, "replicates": 5} | change
    with pytest.raises(ValueError, match=words) as caught:
        gradient_samples(**settings, generator=torch.Generator())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("pathwise", {}, "pathwise needs gaussian latents, these are bernoulli: use score_function"),
        ("gumbel_softmax", {"temperature": 0}, "needs a finite temperature above 0, got 0"),
        ("gumbel_softmax", {"heat": 1}, "has no option heat; its options: temperature"),
        ("arm", {"temperature": 1}, "arm has no option temperature; its options: none"),
    ],
)
def test_the_same_for_bits(name, options, words):
    with pytest.raises(ValueError, match=words):
        bernoulli_gradient_samples(
            name, lambda z: z.sum(-1), torch.zeros(3), replicates=2, generator=torch.Generator(), **options
        )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_registry_says_what_is_so(name):
    """Every entry works for the latents that it names, gives finite numbers of the right shape, and is told of."""
    entry, generator = ESTIMATORS[name], torch.Generator().manual_seed(0)
    assert entry.title and entry.words and entry.source and entry.cost >= 1
    if entry.pilot == "network":
        return  # needs images: test_gradient_at_model
    if "gaussian" in entry.latents:
        found = drawn(name, replicates=7, samples=entry.fewest)
        assert found.shape == (7, 2, 3) and found.isfinite().all()
    if "bernoulli" in entry.latents:
        logits = torch.zeros(3).double()
        found = bernoulli_gradient_samples(name, F, logits, replicates=7, samples=entry.fewest, generator=generator)
        assert found.shape == (7, 3) and found.isfinite().all()
