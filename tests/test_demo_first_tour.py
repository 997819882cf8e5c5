"""The first tour: five steps that wait, figures that a second way confirms, words that explain themselves."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from vaeexplorer import checkpoints
from vaeexplorer.bounds import grid
from vaeexplorer.datasets import load, unit_floats
from vaeexplorer.demos import first_tour, play, tour_words
from vaeexplorer.demos.first_tour import DEMO, IMAGES
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.linear_gaussian import LinearGaussian, example

MARK = re.compile(r"\[(\w+)\|([^\]]+)\]")
KINDS = {"input", "encoder", "mu", "sigma", "noise", "z", "decoder", "gap", "term"}
# Words that a newcomer need not know, as they are marked where they are explained.
TERMS = (
    "pixels", "encoder", "decoder", "model", "training", "code", "latent space", "centre μ", "width σ", "noise", "bits",
    "nat", "KL", "prior", "reconstruction", "ELBO", "posterior", "the gap", "surprise",
)  # fmt: skip
LOOKS_LIKE = {"centre μ": r"μ|\bmu\b", "width σ": r"σ|\bsigma\b", "latent space": r"latent", "the gap": r"\bgap",
              "pixels": r"\bpixel", "bits": r"\bbits?\b", "nat": r"\bnats?\b"}  # fmt: skip


@pytest.fixture(scope="module")
def films():
    """The moments for the default digit and three seeds."""
    return {seed: list(play(DEMO, {}, seed)) for seed in (0, 1, 2)}


def named(moments):
    return {outcome.name: outcome for outcome in moments[-1].outcomes}


# ---- the film


def test_an_opening_and_five_steps_that_wait(films):
    moments = films[0]
    assert [moment.data["step"] for moment in moments] == [0, 1, 2, 3, 4, 5]
    assert [moment.data.get("hold", False) for moment in moments] == [False, True, True, True, True, True]
    assert [bool(moment.outcomes) for moment in moments] == [False] * 5 + [True]
    fractions = [moment.fraction for moment in moments]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    sizes = [len(json.dumps(moment.to_dict(), allow_nan=False)) for moment in moments]
    assert max(sizes) < 7_000 and sum(sizes) < 20_000


def test_the_opening_waits_for_nothing(monkeypatch):
    def never(*_):
        raise AssertionError("the opening must not wait for this")

    monkeypatch.setattr(first_tour, "load", never)
    monkeypatch.setattr(first_tour, "_model", never)
    (opening,) = islice(play(DEMO, {}, 0), 1)
    assert opening.data["model"] in checkpoints.listing()


def test_same_seed_same_bits_and_another_seed_other_dice(films):
    again = [moment.to_dict() for moment in play(DEMO, {"digit": "4"}, 1)]
    assert again == [moment.to_dict() for moment in films[1]]
    rolls = [films[seed][3].data["rolls"] for seed in films]
    assert rolls[0] != rolls[1] != rolls[2] != rolls[0]
    assert films[0][5].data["terms"]["log_marginal"] == films[1][5].data["terms"]["log_marginal"]


def test_a_missing_model_is_told(monkeypatch):
    monkeypatch.setattr(checkpoints, "listing", dict)
    with pytest.raises(ValueError, match=r"needs the model digits-2d, which is not in the folder checkpoints: put"):
        list(play(DEMO, {}, 0))


# ---- the figures


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_figure_lies_in_its_band(films, seed):
    found = named(films[seed])
    assert list(found) == ["pixels", "code", "kl", "reconstruction", "log_marginal", "gap"]
    for outcome in found.values():
        assert outcome.inside is True, outcome
    assert (found["pixels"].estimate.value, found["code"].estimate.value) == (64, 2)
    assert [o.estimate.kind for o in found.values()] == ["exact", "exact", "exact", "unbiased", "exact", "unbiased"]
    low, high = found["gap"].band
    assert high - low < 0.4 and low > 0, "the gap is seen to be there"
    sums = found["reconstruction"].estimate.value - found["kl"].estimate.value + found["gap"].estimate.value
    assert sums == pytest.approx(found["log_marginal"].estimate.value, abs=1e-5)


def test_averages_over_the_lattice_on_a_model_that_is_known_exactly():
    model, x, q = example()
    model = LinearGaussian(model.weight, model.bias, model.variance, encoder=lambda _: q)
    found = first_tour.lattice_averages(cast(LatentModel, model), x, float(model.log_marginal(x)))
    assert found["reconstruction"] == pytest.approx(float(model.reconstruction(x, q)), abs=1e-7)
    assert found["kl"] == pytest.approx(0.706705, abs=1e-6)
    assert found["gap"] == pytest.approx(float(model.gap(x)), abs=1e-7)


@torch.no_grad()
def test_every_digit_is_what_it_says_and_has_a_gap_to_be_seen():
    vae, digits = first_tour._model(), load("digits")
    assert digits.test_labels is not None
    assert {digit: digits.test_labels[index] for digit, index in IMAGES.items()} == {
        digit: digit for digit in range(10)
    }
    for digit in IMAGES:
        x = first_tour._image(digit)
        log_marginal = float(grid.density(vae, x, None, (9, 9)).log_marginal.value[0])
        averages = first_tour.lattice_averages(vae, x, log_marginal)
        assert 0.25 <= averages["gap"] <= 1.4, digit
        assert averages["kl"] - averages["reconstruction"] < 0.7 * 64 * np.log(2), "cheaper than pixel by pixel"


@torch.no_grad()
def test_what_is_drawn_is_what_was_computed(films):
    vae, x = first_tour._model(), first_tour._image(4)
    q = vae.posterior(x)
    for moment in films[0][1:]:
        assert moment.data["pixels"] == "".join(str(int(value)) for value in x.flatten().tolist())
        assert moment.data["mean"] == pytest.approx(q.mean[0].tolist(), abs=1e-4)
        assert moment.data["std"] == pytest.approx(q.std[0].tolist(), abs=1e-4)
    told = films[0][5].data["posterior"]
    side, window = told["side"], tuple(told["window"])
    density = grid.density(vae, x, window, (side, side)).log_density
    below = np.array([ord(letter) - 35 for letter in told["below"]]).reshape(side, side) / 10
    expected = np.clip(density.max() - density, 0, first_tour.FAINTEST)
    np.testing.assert_allclose(below, expected, atol=0.06)
    area = (window[1] - window[0]) * (window[3] - window[2]) / (side - 1) ** 2
    assert np.exp(density).sum() * area == pytest.approx(1, abs=0.01), "the window holds the posterior"
    places = np.array(films[0][2].data["dots"])
    means = vae.posterior(torch.from_numpy(unit_floats(load("digits").test[: len(places)])).round()).mean
    np.testing.assert_allclose(places, means.numpy(), atol=0.006)
    assert len(films[0][2].data["labels"]) == len(places)


# ---- the words


def texts() -> list[tuple[str, str]]:
    """(where, text) in the order in which a visitor reads them; titles of steps name what the step then explains."""
    facts = {"digit": "4", "weights": "99,908", "images": "1,437"}
    told = [("question", DEMO.question), *(("story", text) for text in DEMO.story)]
    told += [("notice", text) for text in (*DEMO.notice, *(control.words for control in DEMO.controls))]
    for number in range(1, tour_words.COUNT + 1):
        step = tour_words.step(number, facts)
        links = [link["words"] for link in step["links"]]
        told += [(f"step {number}", text) for text in (*step["words"], step["task"], *links)]
    return told


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_explained_where_it_first_appears(term):
    looks = re.compile(LOOKS_LIKE.get(term, rf"\b{re.escape(term)}"), 0 if term.isupper() else re.IGNORECASE)
    where, text, first = next((where, text, found) for where, text in texts() for found in looks.finditer(text))
    marks = [mark for mark in MARK.finditer(text) if mark.start() <= first.start() < mark.end()]
    assert marks and marks[0][2] == term, f"{where}: {text}"
    sentence = next(part for part in re.split(r"(?<=[.?!]) ", text) if f"|{term}]" in part)
    assert len(sentence.split()) >= 6, "an explanation has more words than the term"


def test_every_mark_is_a_term_with_a_colour():
    marks = [mark for _, text in texts() for mark in MARK.findall(text)]
    assert {kind for kind, _ in marks} <= KINDS
    assert sorted(term for _, term in marks) == sorted(TERMS), "each is explained once"
    assert not any(set("[]{}|") & set(MARK.sub("", text)) for _, text in texts())


def test_steps_are_short_and_lead_to_pages():
    for number in range(1, tour_words.COUNT + 1):
        step = tour_words.step(number, {"digit": "4", "weights": "1", "images": "1"})
        assert step["title"].endswith("?")
        assert 2 <= len(step["words"]) <= 4 and step["task"] and step["links"]
        for text in (*step["words"], step["task"]):
            assert len(text.split()) < 75, text
        for link in step["links"]:
            assert (Path(__file__).parents[1] / "pages" / f"{link['page']}.py").is_file()
