"""A bound without a floor: the ELBO against torch's own normal, the ceiling, the needle, and where numbers end."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
import torch

from vaeexplorer.demos import no_floor, no_floor_pair
from vaeexplorer.demos.demo import Moment, play
from vaeexplorer.demos.no_floor import DEMO, PIXELS, film, images
from vaeexplorer.demos.no_floor_pair import NOISE, Pair, ceiling
from vaeexplorer.records import Estimate

FAST = {"points": 2, "rate": 0.01, "variance": 0.1}  # two digits by heart in a few hundred steps
STEPS = 480


def check_numbers() -> None:
    assert ceiling(math.sqrt(0.02), PIXELS) == pytest.approx(66.37267, abs=1e-5)
    x, _ = images(3, 0)
    pair = Pair(x, 0.02, 0.002, 0)
    pair.log_std.data[0] = -0.7
    state = torch.Generator().manual_seed(NOISE)
    draws = 5
    found = pair._elbos(x, draws)
    for number, std in enumerate(pair.stds):
        vae = pair.stack.vae(number)
        q = vae.posterior(x)
        noise = torch.randn((2, draws * 3, 10), generator=state.manual_seed(NOISE), dtype=torch.float64)[number]
        z = (q.mean + q.std * noise.view(draws, 3, 10)).detach()
        means = torch.sigmoid(vae.decoder(z.flatten(0, 1))).view(draws, 3, 1, 8, 8)
        own = torch.distributions.Normal(means, std).log_prob(x).sum((-3, -2, -1))
        standard = torch.distributions.Normal(torch.zeros(10).double(), torch.ones(10).double())
        kl = torch.distributions.kl_divergence(torch.distributions.Normal(q.mean, q.std), standard).sum(-1)
        assert torch.allclose(found[number], own - kl, atol=1e-9)
    assert (found.mean(1)[1] < ceiling(pair.stds[1], PIXELS)).all()


def weights(pair: Pair) -> list[torch.Tensor]:
    return [next(pair.stack.vae(number).decoder.parameters()) for number in (0, 1)]


def check_steps() -> None:
    x, _ = images(3, 0)
    pair, other = Pair(x, 0.001, 0.01, 0), Pair(x, 0.1, 0.01, 0)
    for _ in range(25):
        pair.step()
        other.step()
    assert pair.stds[1] == pytest.approx(math.sqrt(0.001), rel=1e-12), "fixed is fixed"
    assert pair.stds[0] == other.stds[0] < 0.85, "neither model has a part in the other"
    same = [torch.equal(mine, theirs) for mine, theirs in zip(weights(pair), weights(other), strict=True)]
    assert same == [True, False]


def check_all() -> None:
    check_numbers()
    check_steps()


def test_the_bound_against_an_outside_oracle() -> None:
    check_numbers()


def test_one_learns_its_noise_and_the_other_does_not() -> None:
    check_steps()


def one_length_for_both(pair: Pair, gradients: list[torch.Tensor]) -> None:
    gradients[-1][1] = 0.0
    torch.nn.utils.clip_grad_norm_(pair.moved, 1000.0)


MISTAKES = {
    "the constant of the ceiling": ("LOG_TWO_PI", 0.0),
    "the fixed noise learns, too": ("Pair._tame", lambda pair, gradients: None),
    "both gradients are cut as one": ("Pair._tame", one_length_for_both),
    "the noise is its square": ("Pair.stds", property(lambda pair: (2 * pair.log_std.detach()).exp().view(2).tolist())),
    "no KL": ("Pair._elbos", lambda pair, x, draws: pair.likelihood.log_prob(pair.stack.decoder_outputs(
        pair.stack.posterior(x.repeat(draws, 1, 1, 1)).mean), x.repeat(draws, 1, 1, 1)).unflatten(1, (draws, len(x)))),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(f"{no_floor_pair.__name__}.{name}", wrong)
    with pytest.raises(AssertionError):
        check_all()


@pytest.fixture(scope="module")
def played() -> list[Moment]:
    return list(film(DEMO.settings(FAST), 0, STEPS))


def test_the_film(played: list[Moment]) -> None:
    assert [moment.data["step"] for moment in played] == list(range(0, STEPS + 1, no_floor.BETWEEN))
    assert played[0].data["shown"] == played[0].data["points"] == 2 and "images" not in played[1].data
    sizes = [len(json.dumps(moment.to_dict())) for moment in played]
    assert max(sizes[:-1]) < 3000
    json.dumps([moment.to_dict() for moment in played], allow_nan=False)
    assert all(moment.data["fixed"]["elbo"] < moment.data["fixed"]["ceiling"] for moment in played)
    assert all(moment.data["learned"]["elbo"] < moment.data["learned"]["ceiling"] for moment in played)


def test_the_free_model_goes_through_the_ceiling(played: list[Moment]) -> None:
    end, found = played[-1].data, {outcome.name: outcome for outcome in played[-1].outcomes}
    assert end["learned"]["elbo"] > end["fixed"]["ceiling"] + 40
    assert "above the ceiling" in played[-1].text
    assert found["ceiling"].theory == pytest.approx(found["ceiling"].estimate.value, rel=1e-9)
    assert found["elbo_fixed"].inside
    assert found["unseen_learned"].estimate.value < -1000 < found["unseen_fixed"].estimate.value
    assert found["elbo_at_0.6"].band is None, "two images: nothing was promised"
    assert found["elbo_learned"].estimate.stderr > 0 and found["elbo_learned"].estimate.kind == "lower bound"


def test_what_is_promised_for_eight_digits() -> None:
    pair = Pair(*images(2, 0)[:1], 0.02, 0.002, 0)
    passed = {mark: pair.elbo(pair.x, 2)[0] for mark in no_floor.BANDS}
    promised = no_floor.outcomes(pair, pair.x, passed, DEMO.settings({}))
    bands = {outcome.name: outcome.band for outcome in promised}
    for mark, reference in {0.6: -31, 0.129: 67, 0.0175: 192, 0.0049: 264}.items():
        low, high = bands[f"elbo_at_{mark:g}"] or (0.0, 0.0)
        assert low < reference < high <= ceiling(mark, PIXELS) + 0.05
    faster = no_floor.outcomes(pair, pair.x, passed, DEMO.settings({"rate": 0.003}))
    assert [o.band for o in faster if o.name.startswith(("elbo_at", "per"))] == [None] * 5


def test_what_a_halving_wins() -> None:
    passed = {mark: Estimate(value, 0.3, 9, "lower bound", "draws") for mark, value in ((0.129, 67.0), (0.0175, 192.0))}
    (outcome,) = no_floor._per_halving(passed, True)
    assert outcome.estimate.value == pytest.approx(43.3735, abs=1e-3) and outcome.inside
    assert outcome.estimate.stderr == pytest.approx(0.3 * math.sqrt(2) / 2.8819, abs=1e-4)
    assert outcome.theory == pytest.approx(64 * math.log(2))
    assert list(no_floor._per_halving({0.129: passed[0.129]}, True)) == []


def test_same_seed_same_bits(played: list[Moment]) -> None:
    again = itertools.islice(film(DEMO.settings(FAST), 0, STEPS), 3)
    assert [moment.data for moment in again] == [moment.data for moment in played[:3]]
    assert next(film(DEMO.settings(FAST), 1, STEPS)).data != played[0].data


@pytest.mark.parametrize(("points", "rate"), [(1, 0.05), (64, 0.0005)])
@pytest.mark.parametrize("variance", [0.001, 0.5])
def test_corners(points: int, rate: float, variance: float) -> None:
    moments = list(itertools.islice(play(DEMO, {"points": points, "rate": rate, "variance": variance}, 3), 3))
    assert [moment.data["step"] for moment in moments] == [0, 40, 80]
    assert moments[0].data["shown"] == min(points, 8)


def test_the_end_of_a_computers_numbers_is_told() -> None:
    pair = Pair(images(2, 0)[0], 0.02, 0.002, 0)
    pair.log_std.data[0] = -400.0
    with pytest.raises(ValueError, match=r"left what a computer can hold.*smaller learning rate") as told:
        pair.step()
    assert "\n" not in str(told.value)


def at(elbo: float, std: float = 0.5, fixed: float = 60.0) -> dict[str, Any]:
    return {"step": 40, "learned": {"elbo": elbo, "std": std}, "fixed": {"elbo": fixed, "ceiling": 66.4}}


@pytest.mark.parametrize(
    ("data", "best", "says"),
    [(at(10.0), 10.0, "turns its noise down"), (at(63.0, 0.13), 63.0, "overtaken"), (at(70.0, 0.1), 70.0, "above the"),
     (at(100.0, 0.02), 180.0, "fell from 180 to 100")],
)  # fmt: skip
def test_what_is_said(data: dict[str, Any], best: float, says: str) -> None:
    assert says in no_floor._words(data, best)
