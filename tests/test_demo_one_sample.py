"""One sample is enough: guesses against the true gradient, the runners' film, and its figures."""

from __future__ import annotations

import json
import math
from itertools import islice

import numpy as np
import pytest
import torch

from vaeexplorer.configs import VaeConfig
from vaeexplorer.demos import one_sample
from vaeexplorer.demos.demo import play
from vaeexplorer.demos.one_sample_guesses import Guesses, Kind, by_weights, guessed, usual_value
from vaeexplorer.demos.stacked import fresh
from vaeexplorer.elbo import elbo_terms

SETTINGS = {"draws": 4, "latent_dim": 3, "steps": 40}
KINDS = (Kind("pathwise", 1), Kind("pathwise", 8), Kind("leave_one_out", 2), Kind("score_function", 1, -44.0),
         Kind("score_function", 1))  # fmt: skip


@pytest.fixture(scope="module")
def model():
    """A small model and twelve binary digits."""
    x = torch.bernoulli(one_sample.digits()[1][:12], generator=torch.Generator().manual_seed(0))
    return fresh(VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3), 3), x


@pytest.fixture(scope="module")
def film():
    return [moment.to_dict() for moment in one_sample.film(SETTINGS, 4, 5)]


# ---- guesses


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.estimator}-{kind.draws}-{kind.baseline:g}")
def test_every_guess_is_right_on_average(model, kind):
    vae, x = model
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(3000, len(x), 3, generator=generator)
    elbo = elbo_terms(vae, x, noise).elbo.mean()
    truth = torch.cat([g.flatten() for g in torch.autograd.grad(elbo, list(vae.encoder.parameters()))])
    found = by_weights(vae, x, kind, 4000 if kind.estimator == "score_function" else 400, generator)
    along = found @ truth / truth.norm()
    stderr = float(along.std()) / math.sqrt(len(along))
    assert abs(float(along.mean() - truth.norm())) < 5 * stderr + 0.01 * float(truth.norm())
    if kind.estimator != "score_function" or kind.baseline:
        assert stderr < 0.1 * float(truth.norm()), "a gradient of another length would be seen"


def test_scatter_and_angles(model):
    vae, x = model
    found = guessed(vae, x, KINDS, 300, torch.Generator().manual_seed(2))
    one, many, compared, less, bare = found.variance.tolist()
    error = float((found.stderr / found.variance)[:2].square().sum().sqrt())
    assert error < 0.1
    assert abs(many / one - 1 / 8) < 5 * error / 8, "of 8 draws: an eighth of one draw's"
    assert many < one < compared < less < bare / 10
    median = found.angle.median(1).values.tolist()
    assert median[1] < median[0] < median[2] < 90 and median[4] > 75
    assert found.angle.min() >= 0 and found.angle.max() <= 180
    assert -180 <= found.turn.min() < -90 and 90 < found.turn.max() <= 180, "all around the true way"


def test_the_usual_value_is_the_mean_of_what_a_throw_gets(model):
    vae, x = model
    noise = torch.randn(500, len(x), 3, generator=torch.Generator().manual_seed(1))
    reconstruction = elbo_terms(vae, x, noise).reconstruction.mean().item()
    assert usual_value(vae, x, torch.Generator().manual_seed(0)) == pytest.approx(reconstruction, abs=0.3)


# ---- the film


def test_the_film(film):
    first, last = film[1], film[-1]
    assert film[0]["data"]["draws"] == [1, 4, 2, 1, 1] and "elbo" not in film[0]["data"], "there before any picture"
    assert max(first["data"]["elbo"]) == min(first["data"]["elbo"]), "all start at the same place"
    seen = [moment["data"]["step"] for moment in film if "elbo" in moment["data"]]
    assert seen == [0, 9, 10, 19, 29, 40, 40], "a moment where many draws have cost as much as one has at the end"
    for moment in film:
        assert len(json.dumps(moment["data"])) < 3000
    assert [len(row) for row in last["data"]["angles"]] == [one_sample.GUESSES] * 5
    assert last["fraction"] == 1 and all(moment["outcomes"] == [] for moment in film[:-1])
    assert last["data"]["elbo"][0] > first["data"]["elbo"][0] + 3, "it learns"


def test_the_figures(film):
    found = {outcome["name"]: outcome for outcome in film[-1]["outcomes"]}
    assert set(found) == set(one_sample.TITLES)
    for name in ("pathwise_many", "leave_one_out", "mean_baseline", "bare"):
        lead, gap = found[f"lead_{name}"], found["elbo_pathwise"]["value"] - found[f"elbo_{name}"]["value"]
        assert lead["value"] == pytest.approx(gap, abs=1e-4)
        assert 0 < lead["stderr"] < found["elbo_pathwise"]["stderr"], "image by image: what they differ by drops out"
        assert lead["band"] is None, "only the defaults promise anything"
    many = found["variance_pathwise_many"]
    assert many["theory"] == 1 / 4 and abs(many["value"] - 1 / 4) < 5 * many["stderr"]
    assert found["elbo_bare"]["kind"] == "lower bound" and found["elbo_bare"]["n"] == 360
    assert found["lead_at_equal_cost"]["value"] > 1


def test_a_runner_that_is_lost_leaves_a_gap_and_no_figure():
    good, lost = np.array([-20.0, -22.0, -21.0]), np.array([-20.0, np.nan, -30.0])
    assert one_sample.lead("lead_bare", good, lost) == []
    lanes = one_sample.begin(SETTINGS, 0)
    with torch.no_grad():
        next(lanes[4].vae.decoder.parameters()).fill_(torch.nan)
    test = one_sample.digits()[1].round()
    assert one_sample.level(lanes[4].vae, test, torch.zeros(1, len(test), 3)) is None
    guesses = Guesses(torch.zeros(5, 3), torch.zeros(5, 3), torch.ones(5), torch.ones(5), 1.0)
    found = one_sample.figures(lanes, [good, good, good, good, lost], good, guesses, SETTINGS)
    assert {"elbo_bare", "lead_bare"} & {outcome.name for outcome in found} == set()


def test_bands_are_promised_at_the_defaults_alone():
    lanes, values = one_sample.begin(SETTINGS, 0), np.linspace(-24, -23, 5)
    guesses = Guesses(torch.zeros(5, 3), torch.zeros(5, 3), torch.ones(5), torch.ones(5), 1.0)
    found = one_sample.figures(lanes, [values] * 5, values, guesses, one_sample.DEFAULTS)
    banded = {outcome.name: outcome.inside for outcome in found if outcome.band}
    assert set(banded) == set(one_sample.BANDS) and banded["lead_bare"] is False, "no lead is outside of its band"


def test_bad_and_extreme_settings():
    with pytest.raises(ValueError, match="draws is a whole number from 2 to 40"):
        play(one_sample.DEMO, {"draws": 1}, 0)
    corner = {"draws": 40, "latent_dim": 30, "steps": 100}
    _, first, second = islice(play(one_sample.DEMO, corner, 0), 3)
    assert first.data["step"] == 0 < second.data["step"] and len(second.data["elbo"]) == 5
