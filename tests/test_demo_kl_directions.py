"""Which way round is the KL: exact KLs against another quadrature, the fits against theory, estimates by draws."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, optimize
from scipy.special import logsumexp
from scipy.stats import norm

from vaeexplorer.demos import kl_directions as story
from vaeexplorer.demos.demo import Moment, Outcome, play
from vaeexplorer.demos.kl_directions import DEMO, Gaussian, Target


def film(seed: int = 0, **settings: object) -> list[Moment]:
    return list(play(DEMO, settings, seed))


def outcomes(moments: list[Moment]) -> Mapping[str, Outcome]:
    return {outcome.name: outcome for outcome in moments[-1].outcomes}


def log_target(x: Any, distance: float, share: float) -> Any:
    parts = [math.log(w) + norm.logpdf(x, hump) for w, hump in ((share, -distance / 2), (1 - share, distance / 2))]
    return logsumexp(parts, axis=0)


def by_scipy(q: tuple[float, float], distance: float, share: float, direction: str) -> float:
    """Adaptive quadrature of the definition, with densities of scipy's own."""

    def cost(x: float) -> float:
        log_q, log_p = norm.logpdf(x, *q), log_target(x, distance, share)
        return math.exp(log_q) * (log_q - log_p) if direction == "q_p" else math.exp(log_p) * (log_p - log_q)

    ends = (q[0] - 12 * q[1], q[0] + 12 * q[1]) if direction == "q_p" else (-distance / 2 - 12, distance / 2 + 12)
    return float(integrate.quad(cost, *ends, limit=400, epsabs=1e-11, epsrel=1e-11)[0])


@pytest.mark.parametrize("direction", story.DIRECTIONS)
@pytest.mark.parametrize(
    ("mean", "std", "distance", "share"),
    [(1.0, 1.0, 7.0, 0.5), (-4, 0.4, 8, 0.1), (0.3, 4, 3, 0.7), (0.2, 1.3, 0, 0.5)],
)
def test_kl_is_exact(direction: str, mean: float, std: float, distance: float, share: float) -> None:
    found = Target(distance, share).kl(Gaussian.of(mean, std), direction).item()
    assert found == pytest.approx(by_scipy((mean, std), distance, share, direction), abs=1e-8)


def test_two_gaussians_have_a_closed_form() -> None:
    target, q = Target(0.0, 0.5), Gaussian.of(0.7, 1.8)
    log_std, of_q, of_p = math.log(1.8), 1.8**2, 1 + 0.7**2
    assert target.kl(q, "q_p").item() == pytest.approx(0.5 * (of_q + 0.49 - 1) - log_std, abs=1e-10)
    assert target.kl(q, "p_q").item() == pytest.approx(0.5 * (of_p / of_q - 1) + log_std, abs=1e-10)


@pytest.mark.parametrize("direction", story.DIRECTIONS)
def test_draws_cost_the_kl_on_average(direction: str) -> None:
    target, q, n = Target(4.0, 0.3), Gaussian.of(0.5, 1.7), 40_000
    x, cost = target.draw(q, direction, n, torch.Generator().manual_seed(3))
    spread = target.spread(q, direction)
    assert abs(cost.mean().item() - target.kl(q, direction).item()) < 5 * spread / math.sqrt(n)
    assert cost.std().item() == pytest.approx(spread, rel=0.05)
    mean, std = (q.mean.item(), q.std.item()) if direction == "q_p" else (target.mean, target.std)
    assert x.mean().item() == pytest.approx(mean, abs=5 * std / math.sqrt(n))
    assert x.std().item() == pytest.approx(std, rel=0.03)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_outcomes_lie_in_their_bands(seed: int) -> None:
    found = outcomes(film(seed))
    assert [name for name, outcome in found.items() if outcome.inside is False] == []
    assert found["kl_q_p"].theory == pytest.approx(math.log(2))
    assert all(found[name].band for name in ("kl_q_p", "width_q_p", "mean_p_q", "width_p_q", "drawn_q_p", "drawn_p_q"))
    assert found["drawn_q_p"].estimate.n == story.MOST


@pytest.mark.parametrize(
    "settings",
    [
        {"distance": 0, "start": 6}, {"distance": 8, "share": 0.1}, {"distance": 8, "start": -6},
        {"start": 0}, {"share": 0.1, "start": -6}, {"distance": 6, "share": 0.9, "start": 6}, {"distance": 2},
    ],
)  # fmt: skip
def test_extremes_stay_in_their_bands_and_films_are_small(settings: dict[str, Any]) -> None:
    moments = film(**settings)
    assert [outcome.name for outcome in moments[-1].outcomes if outcome.inside is False] == []
    texts = [json.dumps(moment.to_dict(), allow_nan=False) for moment in moments]
    assert max(map(len, texts[:-1])) < 3000 and sum(map(len, texts)) < 400_000


def test_the_fit_by_its_own_kl_ends_at_a_minimum_that_another_optimiser_finds() -> None:
    last = film(distance=6.5, share=0.3, start=-2)[-1].data
    for direction in story.DIRECTIONS:
        start = [last[direction]["mean"], math.log(last[direction]["std"])]
        least = optimize.minimize(
            lambda v, d=direction: by_scipy((v[0], math.exp(v[1])), 6.5, 0.3, d), start, method="BFGS"
        )
        assert last[direction]["own"] == pytest.approx(least.fun, abs=2e-6)


def test_each_kl_falls_all_the_way() -> None:
    moments = film()
    for direction in story.DIRECTIONS:
        own = np.array([moment.data[direction]["own"] for moment in moments[: story.FIT]])
        assert (np.diff(own) < 1e-6).all() and own[0] > 3
        assert moments[-1].data[direction]["own"] < moments[-1].data[direction]["other"] or direction == "p_q"


def test_where_it_starts_decides_which_hump_it_finds() -> None:
    left, right = (film(start=start)[-1].data for start in (-1, 1))
    assert left["q_p"]["mean"] == pytest.approx(-3.5, abs=0.02)
    assert right["q_p"]["mean"] == pytest.approx(3.5, abs=0.02)
    assert left["p_q"]["mean"] == pytest.approx(0, abs=0.01)
    assert "left hump" in film(start=-1)[story.FIT - 1].text and "across both humps" in film()[story.FIT - 1].text


def test_humps_that_are_close_are_covered_by_both() -> None:
    """The notice under the picture: below a distance of about 5 one wide q is the better answer to either KL."""
    near = film(distance=4, start=1)[-1].data
    assert near["q_p"]["mean"] == pytest.approx(0, abs=0.05)
    assert near["q_p"]["std"] == pytest.approx(2.047, abs=0.01)
    assert outcomes(film(distance=4))["kl_q_p"].band is None
    wide = film(start=0)[-1].data  # no side is nearer: it stays where it is no better than a fence-sitter
    assert wide["q_p"]["own"] == pytest.approx(1.3045, abs=1e-3) and wide["q_p"]["own"] > math.log(2)


def test_counting_draws_makes_the_error_small() -> None:
    moments = film()[story.FIT :]
    counted = [moment.data["p_q"]["drawn"] for moment in moments]
    assert [n for _, _, n in counted] == [moment.data["n"] for moment in moments]
    assert counted[-1][2] == story.MOST
    for mean, _, n in counted:
        target, q = Target(7.0, 0.5), Gaussian.of(moments[-1].data["p_q"]["mean"], moments[-1].data["p_q"]["std"])
        assert abs(mean - moments[-1].data["p_q"]["own"]) < 5 * target.spread(q, "p_q") / math.sqrt(n)
    assert counted[-1][1] * math.sqrt(counted[-1][2]) == pytest.approx(
        counted[-6][1] * math.sqrt(counted[-6][2]), rel=0.1
    )


def test_same_seed_same_bits() -> None:
    one, again, other = (film(seed, distance=3) for seed in (5, 5, 6))
    assert [moment.to_dict() for moment in one] == [moment.to_dict() for moment in again]
    assert one[0].data["q_p"]["x"] != other[0].data["q_p"]["x"]
    assert one[-1].data["q_p"]["own"] == other[-1].data["q_p"]["own"], "the fit itself has no randomness"
