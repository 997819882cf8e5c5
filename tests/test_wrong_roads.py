"""What the texts print, what it computes, and that the right ways lead to the truth."""

import math

import pytest
import torch

from tests.exact import ELBO, GAP, LOG_P, linear_vae, z_score
from vaeexplorer import wrong_roads
from vaeexplorer.distributions import chi_square
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.wrong_roads import WRONG_ROADS, Truth, on_exact_models, outcome, truth_of
from vaeexplorer.wrong_roads.on_exact_models import COUNTS, Line, Quadratic

# The reference: means of the right gradient and of the logarithm of a mean, for 1, 2, 5, 10, 100 draws; made by
# sampling with two to three digits, so a test allows for both errors.
GRADIENTS = (0.0008, 0.2028, 0.2885, 0.3020, 0.3078)
LOGS = (-4.281, -2.440, -1.809, -1.708, -1.648)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def the_example():
    """The exact model with the q of the reference in use."""
    model, x, q = example()
    return LinearGaussian(model.weight, model.bias, model.variance, encoder=lambda x: q), x


def walk(name, model=None, x=None, samples=20_000, **more):
    model, x = (model, x) if model is not None else the_example()
    return WRONG_ROADS[name].run(model, x, samples=samples, generator=generator(), **more)


def near(value, stderr, truth, slack=0.0):
    return abs(value - truth) < 5 * stderr + slack


def test_the_registry_is_complete_and_in_plain_words():
    assert list(WRONG_ROADS) == [
        "log_inside", "printed_bound", "ratio_for_log_ratio", "average_of_f_grad_q", "gradient_without_weight",
        "log_of_a_mean",
    ]  # fmt: skip
    for name, road in WRONG_ROADS.items():
        assert all((road.title, road.source, road.printed, road.correct, road.words)), name
        assert road.printed != road.correct and "\n" not in road.words + road.printed + road.correct
        found = walk(name)
        values = (found.printed_value, found.printed_stderr, found.correct_value, found.correct_stderr)
        assert all(map(math.isfinite, values)) and found.truth.kind == "exact"
        assert found == walk(name), "same seed, same numbers"
        # It is a wrong road: what is printed is far from the truth.
        assert abs(found.printed_value - found.truth.value) > 5 * found.printed_stderr


def test_log_inside_the_expectation():
    found = walk("log_inside")
    assert found.truth == Truth(pytest.approx(LOG_P, abs=6e-7))
    assert found.printed_limit == pytest.approx(-7.642374, abs=6e-7)
    assert found.truth.value - found.printed_limit == pytest.approx(4.743826, abs=1e-6)
    assert near(found.printed_value, found.printed_stderr, -7.642374)
    # The right formula from 20,000 draws is low by relvar / (2 K) = 9e-5.
    assert near(found.correct_value, found.correct_stderr, LOG_P)
    assert "effective draws of 20,000" in found.note


def test_no_error_bar_on_a_handful_of_effective_draws():
    model = LinearGaussian(torch.eye(30, dtype=torch.float64), torch.zeros(30), 0.05)
    found = walk("log_inside", model, torch.ones(1, 30, dtype=torch.float64), samples=500)
    assert math.isinf(found.correct_stderr) and "too few for an error bar" in found.note


def test_the_printed_importance_bound():
    found = walk("printed_bound", samples=200_000)
    assert found.printed_limit == pytest.approx(10 * ELBO - math.log(10), abs=6e-6)
    assert found.printed_limit == pytest.approx(-39.12, abs=0.01)  # the reference has two digits
    assert near(found.printed_value, found.printed_stderr, found.printed_limit)
    # The right one for M = 10 is low by the published 0.1075.
    assert near(found.correct_value, found.correct_stderr, LOG_P - 0.1075, 5e-5)
    assert [row[0] for row in found.table] == [1, 2, 5, 10, 100]
    for count, value, stderr in found.table:
        assert near(value, stderr, count * ELBO - math.log(count))
    with pytest.raises(ValueError, match="at least 10 samples for a bound of 10 draws, got 9"):
        walk("printed_bound", samples=9)


def test_a_ratio_for_its_logarithm():
    found = walk("ratio_for_log_ratio", samples=400_000)
    model, x, q = example()
    assert found.truth.value == pytest.approx(0.004757, abs=6e-7)
    assert near(found.correct_value, found.correct_stderr, 0.004757)
    assert near(found.printed_value, found.printed_stderr, found.printed_limit)
    # By quadrature: the integral of q^2 / p(z|x), which is 1 and not 0 at the posterior.
    axis = torch.linspace(-6, 6, 481, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)[:, None]
    best, posterior = model.best_diagonal(x), model.true_posterior(x)
    log_cell = 2 * math.log(axis[1] - axis[0])
    integral = torch.exp(2 * best.log_prob(z) - posterior.log_prob(z) + log_cell).sum().item()
    assert found.printed_limit == pytest.approx(integral, abs=1e-9)
    assert 1 + chi_square(posterior, posterior).item() == pytest.approx(1, abs=1e-12)
    assert model.gap(x, q).item() == pytest.approx(GAP, abs=6e-7)


def test_the_average_of_f_grad_q():
    found = walk("average_of_f_grad_q", samples=2_000_000)
    assert found.truth.value == pytest.approx(0.5, abs=1e-12)
    assert found.printed_limit == pytest.approx(0.088155, abs=6e-7)
    assert near(found.printed_value, found.printed_stderr, 0.088155)
    assert near(found.correct_value, found.correct_stderr, 0.5)


def test_its_limit_by_quadrature():
    f = Quadratic(a=-2.5, b=1, c=-8, mean=0.3, std=0.5)
    z = torch.linspace(-5, 6, 20_001, dtype=torch.float64)
    q = torch.exp(-0.5 * ((z - f.mean) / f.std) ** 2) / (f.std * math.sqrt(2 * math.pi))
    grad = q * (z - f.mean) / f.std**2
    assert torch.trapezoid(f(z) * grad, z).item() == pytest.approx(f.slope, abs=1e-9)
    assert torch.trapezoid(f(z) * grad * q, z).item() == pytest.approx(f.average_of_f_grad_q, abs=1e-9)


def test_the_gradient_that_lost_its_weight():
    found = walk("gradient_without_weight", samples=400_000)
    assert found.truth.value == pytest.approx(0.308219, abs=6e-7)
    assert near(found.correct_value, found.correct_stderr, 0.308219)
    assert near(found.printed_value, found.printed_stderr, 0.0)
    for (count, value, stderr), expected in zip(found.table, GRADIENTS, strict=True):
        assert near(value, stderr, expected, 8e-4), count
    assert found.table[0][1] == pytest.approx(0, abs=5 * found.table[0][2])  # with one draw the weight cancels
    values = [row[1] for row in found.table]
    assert values == sorted(values), "the bias falls with the draws"


def test_the_gradient_of_two_draws_by_quadrature():
    line = Line()
    u = torch.linspace(-7, 7, 1401, dtype=torch.float64)
    mass = torch.exp(-0.5 * u**2) * (u[1] - u[0]) / math.sqrt(2 * math.pi)
    deviation = math.sqrt(line.prior_variance) * u
    log_w = -0.5 * (line.x - line.slope * (line.mean + deviation)) ** 2 / line.variance
    share = torch.sigmoid(log_w[:, None] - log_w)
    score = deviation / line.prior_variance
    exact = (mass[:, None] * mass * (share * score[:, None] + (1 - share) * score)).sum().item()
    assert exact == pytest.approx(GRADIENTS[1], abs=8e-4)
    _, value, stderr = walk("gradient_without_weight").table[1]
    assert near(value, stderr, exact)


def test_the_logarithm_of_a_mean():
    found = walk("log_of_a_mean", samples=400_000)
    assert found.truth.value == pytest.approx(-1.643357, abs=6e-7)
    assert near(found.correct_value, found.correct_stderr, -1.643357)
    # One draw in closed form: -(1/2) log 2 pi v - [(x - s m)^2 + s^2 prior variance] / (2 v).
    assert near(*found.table[0][1:], -0.5 * math.log(math.pi) - (0.75**2 + 1.5**2 * 1.4))
    for (count, value, stderr), expected in zip(found.table, LOGS, strict=True):
        assert near(value, stderr, expected, 5e-3), count
    values = [row[1] for row in found.table]
    assert values == sorted(values) and values[-1] < found.truth.value + 5 * found.table[-1][2]
    assert found.printed_value == values[COUNTS.index(10)]


def test_any_model_may_be_sent_down():
    vae, x = linear_vae(), example()[1].reshape(1, 1, 1, 3)
    truth = truth_of(vae, x, generator())
    assert truth.by == "grid" and truth.value == pytest.approx(LOG_P, abs=1e-6)
    inside = walk("log_inside", vae, x.expand(2, -1, -1, -1), truth=truth)  # the first image is the one
    assert near(inside.printed_value, inside.printed_stderr, -7.642374) and inside.printed_limit is None
    assert inside.truth is truth
    assert near(*(walk("printed_bound", vae, x, truth=truth).table[0][1:]), ELBO)
    mixture = MixtureOfGaussians(*(torch.tensor(v, dtype=torch.float64) for v in ([0.3, 0.7], [-1, 2], [0.5, 1])))
    of_mixture = walk("log_inside", mixture, torch.zeros(1, 1, dtype=torch.float64))
    assert of_mixture.printed_limit == pytest.approx(-2.710994, abs=6e-7)
    assert near(of_mixture.printed_value, of_mixture.printed_stderr, -2.710994)
    assert near(of_mixture.correct_value, of_mixture.correct_stderr, -2.656574)
    with pytest.raises(ValueError, match="NaN"):
        walk("log_inside", vae, x * math.nan)


def test_draws_taken_in_pieces_are_the_same_draws(monkeypatch):
    whole = walk("printed_bound", samples=96)
    monkeypatch.setattr(wrong_roads.on_any_model, "ROWS", 16)
    assert walk("printed_bound", samples=96).printed_value == pytest.approx(whole.printed_value, abs=1e-9)


def unweighted(line, shape, draws):
    score, log_w = Line.draws(line, shape, draws)
    return score, torch.zeros_like(log_w)


MISTAKES = {
    "the weight is forgotten on the right side too": (
        test_the_gradient_that_lost_its_weight, "Line", type("Unweighted", (Line,), {"draws": unweighted}),
    ),
    "the mean of the logs": (test_the_logarithm_of_a_mean, "logmeanexp", lambda logs, axis: logs.mean(axis)),
    "the wrong axis": (
        test_the_logarithm_of_a_mean, "logmeanexp", lambda logs, axis: torch.logsumexp(logs, 0) - math.log(len(logs)),
    ),
    "a constant is dropped": (test_the_logarithm_of_a_mean, "LOG_TWO_PI", 0.0),
    "the gradient of log q in place of that of q": (test_the_average_of_f_grad_q, "torch.exp", torch.ones_like),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(mistake, monkeypatch):
    check, name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(f"{on_exact_models.__name__}.{name}", wrong)
    with pytest.raises(AssertionError):
        check()


def test_z_scores_of_repeated_walks_are_those_of_honest_errors():
    # The error bars of the right ways: 60 walks each, of which the standardised errors have a variance of about 1.
    for name in ("ratio_for_log_ratio", "average_of_f_grad_q"):
        walks = [WRONG_ROADS[name].run(None, None, samples=4000, generator=generator(seed)) for seed in range(60)]
        scores = torch.tensor([(w.correct_value - w.truth.value) / w.correct_stderr for w in walks])
        assert abs(z_score(scores, 0)) < 5
        assert 0.5 < scores.var() < 2


def test_the_error_of_a_ratio_and_of_a_logarithm_by_repetition():
    # 400 repeats of 2,000 draws: the standard deviation of the values is seen to 4 %.
    line, g = Line(), generator()
    ratios, logs = [], []
    for _ in range(400):
        score, log_w = line.draws((2000,), g)
        ratios.append(outcome.ratio_of(score * log_w.exp(), log_w.exp()))
        logs.append(outcome.log_mean_of(log_w))
    for found in (torch.tensor(ratios), torch.tensor(logs)):
        assert found[:, 0].std().item() == pytest.approx(found[:, 1].mean().item(), rel=0.15)
    assert outcome.mean_of(torch.ones(1)) == (1.0, math.inf)
