"""The mixture: exact likelihood, responsibilities as posterior, gap 0."""

import math

import pytest
import torch

from tests.exact import z_score
from vaeexplorer import mixture_of_gaussians
from vaeexplorer.distributions import Categorical, CategoricalLatent
from vaeexplorer.latent_model import ExactModel
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians

LOG_P = [-1.416887, -2.656574, -1.400613]
FIRST = [0.987205, 0.461538, 0.0]
PRIOR_TERM = [-3.860994, -2.710994, -8.148494]


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def the_mixture(encoder=None):
    return MixtureOfGaussians(numbers(0.3, 0.7), numbers(-1, 2), numbers(0.5, 1), encoder)


X = numbers(-1, 0, 2.5)[:, None]


def check_the_numbers():
    model = the_mixture()
    assert model.log_marginal(X).tolist() == pytest.approx(LOG_P, abs=6e-7)
    assert model.true_posterior(X).probabilities[:, 0].tolist() == pytest.approx(FIRST, abs=6e-7)
    prior = model.prior.as_posterior(X)
    assert model.elbo(X, prior).tolist() == pytest.approx(PRIOR_TERM, abs=6e-7)
    assert model.prior.kl_per_dimension(prior)[:, 0].tolist() == pytest.approx([0, 0, 0], abs=1e-12)
    # A density of one Gaussian, by hand: log N(0; 2, 1).
    assert model.log_likelihood(X, torch.ones(1, 3, 1))[0, 1].item() == pytest.approx(-2.918939, abs=6e-7)


def test_all_numbers_of_the_reference():
    check_the_numbers()


MISTAKES = {
    "a constant is dropped": ("LOG_TWO_PI", 0.0),
    "the weights are forgotten": ("MixtureOfGaussians._joint", lambda model, x: model._components(x)),
    "the mean of the logs": (
        "MixtureOfGaussians.log_marginal", lambda model, x: (model._components(x) * numbers(0.3, 0.7)).sum(-1),
    ),
    "a sum over the wrong axis": (
        "MixtureOfGaussians.log_marginal", lambda model, x: torch.logsumexp(model._joint(x), 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(mistake, monkeypatch):
    name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(f"{mixture_of_gaussians.__name__}.{name}", wrong)
    with pytest.raises(AssertionError):
        check_the_numbers()


def test_the_gap_of_the_responsibilities_is_0_and_every_draw_says_log_p():
    model = the_mixture()
    q = model.posterior(X)
    assert model.gap(X).tolist() == pytest.approx([0, 0, 0], abs=1e-12)
    assert torch.allclose(model.elbo(X), model.log_marginal(X), atol=1e-12)
    z = q.sample(q.noise((500, 3, 1), generator()))
    weights = model.log_joint(X, z) - q.log_prob(z)
    assert torch.allclose(weights, model.log_marginal(X).expand_as(weights), atol=1e-12)
    assert isinstance(model, ExactModel)
    assert torch.equal(model.best_diagonal(X).logits, q.logits)


def test_another_q_loses_its_divergence():
    fixed = CategoricalLatent(numbers(0.2, 1.3).expand(3, -1))
    model = the_mixture(encoder=lambda x: fixed)
    assert torch.allclose(model.elbo(X) + model.gap(X), model.log_marginal(X), atol=1e-12)
    assert (model.gap(X) > 0).all()
    z = fixed.sample(fixed.noise((100_000, 3, 1), generator()))
    weights = model.log_joint(X, z) - fixed.log_prob(z)
    for point in range(3):
        assert abs(z_score(weights[:, point], model.elbo(X)[point].item())) < 5
    excluding = CategoricalLatent(numbers(0, -math.inf).expand(3, -1))
    assert torch.isfinite(model.elbo(X, excluding)).all()
    assert torch.allclose(model.gap(X, excluding), -model.true_posterior(X).log_probabilities[:, 0])
    assert torch.allclose(model.prior.kl_per_dimension(excluding), torch.full((3, 1), -math.log(0.3)).double())


def test_categorical_draws_have_their_probabilities():
    weights = numbers(0.1, 0.25, 0.05, 0.6)
    q = CategoricalLatent(weights.log().expand(2, -1) + 3)  # logits need not be normalised
    z = q.sample(q.noise((100_000, 2, 1), generator()))
    for number, share in enumerate(weights.tolist()):
        assert abs(z_score((z[:, 1, 0] == number).double(), share)) < 5
    assert abs(z_score(z[:, 0, 0], q.mean[0, 0].item())) < 5
    assert abs(z_score((z[:, 0, 0] - q.mean[0, 0]) ** 2, q.std[0, 0].item() ** 2)) < 5
    assert q.likeliest.tolist() == [[3], [3]]
    prior = Categorical(weights)
    assert torch.allclose(prior.log_prob(z), q.log_prob(z))
    noise = q.noise((9, 2, 1), generator())
    assert torch.equal(prior.sample(noise), q.sample(noise))
    assert (q.sample(torch.full((1, 2, 1), 1 - 1e-9, dtype=torch.float64)) == 3).all()


def test_simulated_points_follow_the_density():
    model = the_mixture()
    x, z = model.simulate(100_000, generator())
    assert x.shape == z.shape == (100_000, 1)
    model.check(x)
    assert abs(z_score((z[:, 0] == 0).double(), 0.3)) < 5
    assert abs(z_score(x[z == 0], -1)) < 5
    assert abs(z_score((x[z == 1] - 2) ** 2, 1.0)) < 5


def test_the_table_is_every_point_under_every_component():
    model = the_mixture()
    z = numbers(1, 0, 1)[:, None]
    table = model.log_likelihood_table(X, z)
    assert torch.allclose(table, model.log_likelihood(X, z[:, None].expand(-1, 3, -1)))
    assert table.shape == (3, 3)
    single = MixtureOfGaussians(torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 2]), torch.tensor([0.5, 1]))
    assert single.log_joint(X.float(), z.float()[:, None]).dtype == torch.float32
    assert single.log_marginal(X.float()).tolist() == pytest.approx(LOG_P, abs=2e-6)


def test_impossible_mixtures_and_points_say_why():
    for arguments, says in (
        (([0.3, 0.6], [0, 1], [1, 1]), "sum 1"),
        (([0.0, 1.0], [0, 1], [1, 1]), "above 0"),
        (([0.5, 0.5], [0, 1, 2], [1, 1]), "as many means and stds"),
        (([0.5, 0.5], [0, 1], [1, 0]), "stds above 0"),
        (([0.5, 0.5], [0, math.nan], [1, 1]), "finite means"),
    ):
        with pytest.raises(ValueError, match=says) as error:
            MixtureOfGaussians(*(numbers(*values) for values in arguments))
        assert "\n" not in str(error.value)
    for wrong, says in ((X[:, 0], r"got \(3,\)"), (X[:0], "at least one"), (X * math.nan, "NaN")):
        with pytest.raises(ValueError, match=says):
            the_mixture().log_marginal(wrong)
