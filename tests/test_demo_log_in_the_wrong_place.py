"""The log in the wrong place: both goals against enumeration, both optima against theory, the film and its corners."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from torch import Tensor

from vaeexplorer.demos import log_in_the_wrong_place, two_bells
from vaeexplorer.demos.demo import Moment, play
from vaeexplorer.demos.log_in_the_wrong_place import DEMO, film, steps_of_film
from vaeexplorer.demos.two_bells import Bells, best_of, inside, one_bell, outside, points, truth
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians

X = points(3.5, 0)
SHORT = 600  # steps after which both fits have all but arrived


def bells(weight: float = 0.3, means: tuple[float, float] = (-1.0, 2.0)) -> MixtureOfGaussians:
    weights = torch.tensor([weight, 1 - weight], dtype=torch.float64)
    stds = torch.tensor([0.5, 1.0], dtype=torch.float64)
    return MixtureOfGaussians(weights, torch.tensor(means, dtype=torch.float64), stds)


def enumerated(model: MixtureOfGaussians, x: Tensor, draws: int) -> float:
    """E log mean p(x|z_l) over all 2^K draws, by torch's own normal distribution."""
    weights = model.prior.log_weights.exp().tolist()
    pairs = zip(model.means, model.stds, strict=True)
    densities = [torch.distributions.Normal(m, s).log_prob(x[:, 0]).exp() for m, s in pairs]
    total = torch.zeros(len(x), dtype=torch.float64)
    for zs in itertools.product((0, 1), repeat=draws):
        mean = torch.stack([densities[z] for z in zs]).mean(0)
        total += math.prod(weights[z] for z in zs) * mean.log()
    return total.mean().item()


def check_goals() -> None:
    x, model = X[::50], bells()
    prior = model.elbo(x, model.prior.as_posterior(x)).mean().item()
    assert inside(model, x).item() == pytest.approx(prior, abs=1e-12), "one draw: the ELBO with q = prior"
    for draws in (1, 2, 5):
        assert inside(model, x, draws).item() == pytest.approx(enumerated(model, x, draws), abs=1e-12)
    rising = [inside(model, x, draws).item() for draws in (1, 2, 5, 20, 200)]
    assert rising == sorted(rising)
    assert rising[-1] < outside(model, x).item() < rising[-1] + 0.02


def check_optima() -> None:
    mean, std, level = one_bell(X)
    alike = Bells.at((mean, mean))
    alike.log_stds.data += math.log(std)
    alike.logits.data[0] = 0.7  # the weights do not matter there
    goal = inside(alike.model(), X)
    assert goal.item() == pytest.approx(level, abs=1e-12)
    assert all(part.abs().max() < 1e-12 for part in torch.autograd.grad(goal, alike.parameters))
    *_, best = best_of(X, truth(3.5))
    free = Bells(best.prior.log_weights.clone(), best.means.clone(), best.stds.log())
    for part in free.parameters:
        part.requires_grad_()
    slopes = torch.autograd.grad(outside(free.model(), X), free.parameters)
    assert all(part.abs().max() < 1e-5 for part in slopes), "expectation maximisation ends where the slope is 0"


def check_all() -> None:
    check_goals()
    check_optima()


def test_the_two_goals() -> None:
    check_goals()


def test_the_two_optima() -> None:
    check_optima()


MISTAKES = {
    "both recipes are the same": ("inside", lambda model, x, draws=1: outside(model, x)),
    "all draws are one": ("_log_chances", lambda model, counts, draws: torch.where(
        (counts == 0) | (counts == draws), 0.0, -math.inf).double()),
    "the wrong spread": ("one_bell", lambda x: (x.mean().item(), 1.0, -0.5 * math.log(2 * math.pi * math.e))),
    "the best is where it began": ("best_of", lambda x, start: iter([start])),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(two_bells, name, wrong)
    monkeypatch.setitem(globals(), name, wrong)
    with pytest.raises(AssertionError):
        check_all()


def test_each_round_of_expectation_maximisation_gains() -> None:
    start = bells(0.5)
    values = [outside(start, X).item(), *(outside(model, X).item() for model in best_of(X, start))]
    assert all(later >= earlier - 1e-13 for earlier, later in itertools.pairwise(values))


@pytest.fixture(scope="module")
def played() -> list[Moment]:
    return list(film(DEMO.settings({}), 0, SHORT))


def test_the_film(played: list[Moment]) -> None:
    assert [moment.data["step"] for moment in played] == steps_of_film(SHORT)
    assert played[0].fraction == 0 and played[-1].fraction == 1
    assert all(moment.outcomes == () for moment in played[:-1])
    about = played[0].data["about"]
    assert sum(about["counts"]) == about["n"] == 1500 and len(about["points"]) == log_in_the_wrong_place.SHOWN
    sizes = [len(json.dumps(moment.to_dict())) for moment in played]
    assert max(sizes) < 6000 and sum(sizes) < 100_000
    assert "become one" in played[-1].text and "close in" in played[5].text


def test_the_outcomes_reach_theory_and_reference(played: list[Moment]) -> None:
    found = {outcome.name: outcome for outcome in played[-1].outcomes}
    assert all(outcome.inside is not False for outcome in found.values()), found
    assert {name for name, outcome in found.items() if outcome.theory is None} == {"lost", "information"}
    spread = truth(3.5).log_marginal(X).std().item() / math.sqrt(len(X))  # from one draw of the points to another
    reference = {"log_p": (-1.6708, spread), "log_p_wrong": (-2.0081, 0.012), "mean_left": (-1.977, 0.035),
                 "mean_right": (1.529, 0.035), "wrong_mean_1": (0.367, 0.047), "wrong_mean_2": (0.367, 0.047),
                 "wrong_std_1": (1.802, 0.03), "wrong_std_2": (1.802, 0.03)}  # fmt: skip
    for name, (value, stderr) in reference.items():
        assert abs(found[name].estimate.value - value) < 5 * stderr, name
    assert found["information"].estimate.value > 0.5 > math.log(2) - 0.2
    assert all(outcome.estimate.kind == "exact" for outcome in found.values())


def test_same_seed_same_bits(played: list[Moment]) -> None:
    again = itertools.islice(film(DEMO.settings({}), 0, SHORT), 12)
    assert [moment.data for moment in again] == [moment.data for moment in played[:12]]
    other = next(film(DEMO.settings({}), 1, SHORT))
    assert other.data != played[0].data


CORNERS = list(itertools.product((0.0, 8.0), (1, 20), ("crossed", "aside")))


@pytest.mark.parametrize(("distance", "draws", "start"), CORNERS)
def test_corners(distance: float, draws: int, start: str) -> None:
    given = {"distance": distance, "draws": draws, "start": start}
    moments = list(itertools.islice(play(DEMO, given, 2), 4))
    assert len(moments) == 4 and all(moment.text for moment in moments)


def test_more_draws_promise_nothing_and_are_better() -> None:
    *_, last = film(DEMO.settings({"draws": 5}), 0, 120)
    found = {outcome.name: outcome for outcome in last.outcomes}
    assert found["log_p_wrong"].band is found["wrong_mean_1"].theory is None
    assert found["log_p_wrong"].estimate.value > one_bell(X)[2] + 0.1
    assert "5 draws" in last.text


def test_the_steps_of_the_film() -> None:
    steps = steps_of_film(2000)
    assert steps[0] == 0 and steps[-1] == 2000 and 20 <= len(steps) <= 200
    assert all(later > earlier for earlier, later in itertools.pairwise(steps))
