"""Holes in the map: lattices against closed forms and independent draws, the film, and what its texts hold."""

from __future__ import annotations

import base64
import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from vaeexplorer.demos import holes, holes_map
from vaeexplorer.demos.demo import play
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.distributions.priors import StandardNormal
from vaeexplorer.latents import split_kl

BETAS, STEPS = (0.1, 1.0, 4.0), 100


def gaussians(means, stds):
    return DiagonalGaussian(torch.tensor(means, dtype=torch.float64), torch.tensor(stds, dtype=torch.float64).log())


def cloud(images=150, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mean = 1.2 * torch.randn(images, 2, generator=generator, dtype=torch.float64)
    return DiagonalGaussian(mean, -2 + 0.4 * torch.randn(images, 2, generator=generator, dtype=torch.float64))


@pytest.fixture(scope="module")
def film():
    return [moment.to_dict() for moment in holes.film(BETAS, STEPS, 5, 5, {**holes.DEFAULTS, "steps": STEPS})]


# ---- the lattice


def test_codes_like_the_prior_have_no_hole():
    found = holes_map.lattice(gaussians([[0, 0]] * 3, [[1, 1]] * 3), 200)
    assert found.mass == pytest.approx(1, abs=1e-8)
    assert found.marginal == pytest.approx(0, abs=1e-8)
    assert found.hole_share == 0
    assert holes_map.deepest_hole(gaussians([[0, 0]], [[1, 1]]), 1.8) is None


@pytest.mark.parametrize("std", [0.05, 0.4])
def test_one_gaussian_has_the_kl_of_the_closed_form(std):
    q = gaussians([[1.5, -0.5]], [[std, 2 * std]])
    found = holes_map.lattice(q, holes_map.nodes_for(q))
    assert found.marginal == pytest.approx(float(StandardNormal(2).kl_per_dimension(q).sum()), abs=1e-6)
    assert found.mass == pytest.approx(1, abs=1e-9)


def test_both_parts_of_the_kl_agree_with_independent_draws():
    q, prior, generator = cloud(), StandardNormal(2), torch.Generator().manual_seed(1)
    exact = holes_map.lattice(q, holes_map.nodes_for(q)).marginal
    told = float(prior.kl_per_dimension(q).sum(-1).mean()) - exact
    draws = torch.randn(60, 1, *q.mean.shape, generator=generator, dtype=torch.float64)
    sampled = torch.stack([split_kl(prior, q, q.sample(noise)).information.mean() for noise in draws])
    stderr = float(sampled.std()) / math.sqrt(len(sampled))
    assert stderr < 0.006, "a mistake of 0.03 nats would be seen"
    assert abs(float(sampled.mean()) - told) < 5 * stderr
    assert 0.1 < exact < 3 < told, "both parts are there"


def test_the_share_of_holes_of_one_narrow_gaussian():
    std = 0.5  # q < p / 10 outside of the circle r^2 = 2 log(10 / s^2) / (1 / s^2 - 1)
    expected = math.exp(-math.log(10 / std**2) / (1 / std**2 - 1))
    found = holes_map.lattice(gaussians([[0, 0]], [[std, std]]), 600)
    assert found.hole_share == pytest.approx(expected, rel=0.01)
    assert 0.2 < expected < 0.4


def test_the_ratio_at_a_place():
    q, z = cloud(), torch.tensor([[0.3, -0.7], [2.0, 1.0]], dtype=torch.float64)
    normal = torch.distributions.Normal(q.mean, q.std)
    expected = [torch.logsumexp(normal.log_prob(place).sum(-1), 0) - math.log(150)
                - torch.distributions.Normal(0, 1).log_prob(place).sum() for place in z]  # fmt: skip
    assert torch.allclose(holes_map.log_ratio_at(q, z), torch.stack(expected), atol=1e-10)


def test_squares_overlook_nothing_however_narrow():
    q = gaussians([[0.55, -1.25], [2.15, 3.0]], [[1e-4, 1e-4], [1e-4, 1e-4]])
    ratio = holes_map.squares(q, 3.5, 35)
    edges = torch.linspace(-3.5, 3.5, 36, dtype=torch.float64)
    of_prior = torch.special.ndtr(edges).diff()
    shares = ratio * of_prior[:, None] * of_prior
    assert float(shares.sum()) == pytest.approx(1)
    assert shares.nonzero().tolist() == [[20, 11], [28, 32]], "z1 is the first axis"
    assert torch.allclose(holes_map.squares(gaussians([[0, 0]], [[1, 1]]), 3.5, 35), torch.ones(35, 35).double())


def test_the_deepest_hole_lies_between_the_islands_and_stays():
    corners = [[a, b] for a in (-1.5, 1.5) for b in (-1.5, 1.5)]
    q = gaussians(corners, [[0.4, 0.4]] * 4)
    hole = holes_map.deepest_hole(q, 1.0)
    assert hole is not None and float(hole.norm()) < 0.05
    beside = torch.tensor([0.2, 0.1], dtype=torch.float64)
    assert holes_map.deepest_hole(q, 1.0, beside) is beside, "nearly as deep: it stays where it was"
    shore = torch.tensor([0.95, 0.3], dtype=torch.float64)
    assert holes_map.deepest_hole(q, 1.0, shore) is not shore


# ---- the film


def test_the_film(film):
    first, *between, _ = film
    assert first["data"]["betas"] == list(BETAS) and "maps" not in first["data"], "there before any picture is loaded"
    trained = [moment for moment in film if "maps" in moment["data"]]
    assert [moment["data"]["step"] for moment in trained] == [0, 18, 42, 70, 100]
    fractions = [moment["fraction"] for moment in film]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    for moment in trained:
        assert len(json.dumps(moment["data"])) < 9000, "36 of them make the whole film, beside the decoders"
        for one in moment["data"]["maps"]:
            assert len(one["map"]) == 35**2 and len(one["dots"]) == 4 * holes.DOTS and len(one["lost"]) == holes.DARTS
            pictures = len(base64.b64decode(one["pictures"])) / 64
            assert pictures == holes.DARTS + (one["hole"] is not None)
            assert 0 <= one["share"] <= 1 and one["marginal"] <= one["kl"] + 1e-3
    assert all(moment["outcomes"] == [] for moment in [first, *between])


def test_prices_pull_the_maps_apart(film):
    low, middle, high = (moment["kl"] for moment in film[5]["data"]["maps"])
    assert low > middle + 0.5 > high + 0.5, "so early already"
    start = [one["kl"] for one in film[1]["data"]["maps"]]
    assert max(start) == min(start), "all begin alike"


def test_the_figures(film):
    found = {outcome["name"]: outcome for outcome in film[-1]["outcomes"]}
    for name in holes.NAMES:
        kl, told, paid = (found[f"{part}_{name}"] for part in ("kl", "information", "marginal"))
        assert kl["value"] == pytest.approx(told["value"] + paid["value"])
        assert kl["kind"] == told["kind"] == "exact" and kl["n"] == 1437 and paid["stderr"] < 1e-3
        assert kl["band"] is None, "only the defaults promise anything"
        assert found[f"hole_share_{name}"]["unit"] == "%"
    shown = film[5]["data"]["maps"][0]
    assert found["kl_low"]["value"] == pytest.approx(shown["kl"], abs=1e-3)
    assert found["marginal_low"]["value"] == pytest.approx(shown["marginal"], abs=2e-3)


def test_bands_at_the_defaults_hold_the_values_of_the_reference():
    fine = holes_map.Lattice(1.0, 0.405, 0.09, 0.01)
    found = {o.name: o for o in holes.figures(0, BETAS, 5.588, fine, fine, 1437, holes.DEFAULTS)}
    assert all(outcome.inside for outcome in found.values())
    middle = holes_map.Lattice(1.0, 0.081, 0.001, 0.01)
    assert all(outcome.inside for outcome in holes.figures(1, BETAS, 2.677, middle, middle, 1437, holes.DEFAULTS))
    wrong = holes.figures(0, BETAS, 2.677, middle, middle, 1437, holes.DEFAULTS)
    assert [outcome.inside for outcome in wrong] == [False] * 4, "one price's bands do not hold another's figures"


def test_pictures_from_holes_are_measured_in_holes():
    """A decoder that shows a real digit near the codes, and noise elsewhere."""
    stack = holes.begin(1, 0)
    q, generator = gaussians([[0, 0]] * 4, [[0.5, 0.5]] * 4), torch.Generator().manual_seed(2)
    throws = torch.randn(400, 2, generator=generator)
    real, noise = holes.digits().grey[7], torch.rand(1, 8, 8, generator=generator)
    lost = holes_map.log_ratio_at(q, throws) < math.log(0.1)
    stack.decode = lambda z: torch.where(lost[None, :, None, None, None], noise, real)
    (outcome,) = holes.strangeness(stack, 0, q, throws, BETAS)
    expected = float((holes.digits().grey - noise).flatten(1).norm(dim=1).min())
    assert outcome.estimate.value == pytest.approx(expected, rel=1e-3) and outcome.estimate.stderr < 1e-3
    assert holes.strangeness(stack, 0, gaussians([[0, 0]], [[1, 1]]), throws, BETAS) == [], "no hole, no figure"


def test_the_decoder_travels_as_it_is(film):
    widths, weights = (film[-1]["data"]["decoders"][1][name] for name in ("widths", "weights"))
    assert widths == [2, 64, 64, 64]
    halves = np.frombuffer(base64.b64decode(weights), "<f2")
    assert len(halves) == sum(a * b + b for a, b in pairwise(widths))


def test_extreme_prices_stay_finite():
    given = {"low": 0.02, "high": 6.0, "steps": 300}
    found = list(holes.film((0.02, 1.0, 6.0), 60, 0, 3, given))
    assert found[-1].outcomes and all(math.isfinite(o.estimate.value) for o in found[-1].outcomes)
    with pytest.raises(ValueError, match=r"low is a number from 0\.02 to 0\.9"):
        play(holes.DEMO, {"low": 0}, 0)


def test_what_diverged_says_so():
    stack = holes.begin(2, 0)
    with torch.no_grad():
        stack.parameters()[0][1] *= torch.nan
    x = torch.bernoulli(holes.digits().grey[:5])
    assert holes.q_of(stack, 0, x).mean.shape == (5, 2)
    with pytest.raises(ValueError, match="left all bounds"):
        holes.q_of(stack, 1, x)


def test_darts_keep_apart_and_on_the_map():
    for seed in range(5):
        darts = holes.thrown(torch.Generator().manual_seed(seed))
        assert darts.shape == (holes.DARTS, 2) and darts.abs().max() < holes.REACH
        assert torch.pdist(darts).min() > holes.APART
