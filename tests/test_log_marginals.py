"""Measures of many images: right where there is a closed form, the same whoever computes them, honest when cut off."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.exact import ELBO, GAP, LOG_P, RECONSTRUCTION, X, linear_vae
from vaeexplorer import bounds, checkpoints, datasets, evaluation, gaps
from vaeexplorer.configs import VaeConfig
from vaeexplorer.evaluation import Settings, measures
from vaeexplorer.evaluation.answers import Found
from vaeexplorer.evaluation.batches import Batch, Part, batches
from vaeexplorer.image_set import image_seed, unit_floats
from vaeexplorer.processes import Processes
from vaeexplorer.records import LogMarginal
from vaeexplorer.vae import VAE

QUICK = Settings(samples=50, ais_steps=5, chains=2, grid_points=41, simulated=22, fit_steps=10)
EVERYTHING = ("elbo", "prior", "iwae", "refined", "ais", "bdmc", "grid", "gap", "representation")


def quiet(fraction, text):
    pass


def measure(vae, images, *names, settings=QUICK, seed=0, progress=quiet, **others):
    return evaluation.measure(vae, images, names, settings, seed, progress, **others)


@pytest.fixture(scope="module")
def exact():
    """The linear-Gaussian model in float32, and its image 400 times: each copy is one independent draw."""
    return linear_vae().float(), X.float().expand(400, -1, -1, -1).numpy()


@pytest.fixture(scope="module")
def digits():
    path = checkpoints.SHIPPED / "digits-2d.safetensors"
    return checkpoints.load(path), datasets.load("digits").test[:45]


@pytest.fixture(scope="module")
def found(exact):
    vae, images = exact
    answers, complete = measure(vae, images, "elbo", "prior", "iwae", settings=Settings(samples=200))
    assert complete
    return answers


def test_every_measure_meets_the_closed_form(exact, found):
    truths = {"elbo": ELBO, "reconstruction": RECONSTRUCTION, "prior_200": LOG_P, "iwae_200": LOG_P}
    bias = {"prior_200": 3.478453 / 400, "iwae_200": 2.485104 / 400}  # relvar / 2K: the bounds are low by this
    estimates = {e.name: e for answer in found.values() for e in answer.estimates}
    for name, truth in truths.items():
        e = estimates[name]
        assert abs(e.value - truth + bias.get(name, 0)) < 5 * e.stderr, name
        assert 0 < e.stderr < 0.02
        assert (e.n, e.over, e.unit) == (400, "test images", "nats")
    vae, images = exact
    few = Settings(samples=200, ais_steps=20, fit_steps=100)
    answers, _ = measure(vae, images[:20], "refined", "ais", "grid", "gap", settings=few)
    estimates = {e.name: e for answer in answers.values() for e in answer.estimates}
    for name, truth in {"refined_200": LOG_P, "ais_8": LOG_P, "grid": LOG_P, "gap_total": GAP}.items():
        e = estimates[name]
        assert abs(e.value - truth) < max(5 * e.stderr, 1e-4), name
    assert estimates["grid"].kind == "exact"
    assert estimates["refined_200"].kind == estimates["iwae_200" if "iwae_200" in estimates else "ais_8"].kind
    parts = estimates["gap_approximation"].value + estimates["gap_amortization"].value
    assert parts == pytest.approx(estimates["gap_total"].value, abs=1e-9)


def test_error_bars_of_single_images_are_those_of_their_draws(found):
    """400 copies of one image: each has its own error bar, and the spread over copies is what they should say."""
    for name, value in (("elbo", "elbo"), ("prior", "value"), ("iwae", "value")):
        values, stderr = found[name].arrays[value], found[name].arrays["stderr"]
        assert np.sqrt((stderr**2).mean()) == pytest.approx(values.std(ddof=1), rel=0.15), name
    assert {"effective_sample_size", "pareto_k", "spread"} <= found["iwae"].arrays.keys()


def test_a_mean_of_logs_would_be_noticed(exact, found, monkeypatch):
    """The planted mistake of the texts: the mean of log-weights is the ELBO, not log p(x)."""
    value = next(e for e in found["iwae"].estimates)
    assert abs(ELBO - LOG_P) > 100 * value.stderr
    one_draw = measure(*exact, "iwae", settings=Settings(samples=1))[0]["iwae"].estimates[0]
    assert abs(one_draw.value - ELBO) < 5 * one_draw.stderr  # K = 1 is the ELBO
    assert abs(one_draw.value - LOG_P) > 5 * one_draw.stderr


def test_one_image_has_the_error_of_its_draws(exact):
    vae, images = exact
    answers, _ = measure(vae, images[:1], "elbo", "iwae")
    for answer in answers.values():
        e = answer.estimates[0]
        assert e.n == 1
        assert e.stderr == answer.arrays["stderr"][0] > 0
        assert "error over draws" in e.over
    alone, _ = measure(vae, images[:1], "elbo", settings=Settings())
    assert alone["elbo"].to_dict()["stderr"] is None  # a single draw knows no error


def test_all_measures_see_the_same_images_as_the_pages(digits):
    vae, images = digits
    seeds = [image_seed(3, i) for i in range(len(images))]
    seen = evaluation.reconstruct(vae, images, seeds, samples=2, shown=0).seen
    assert set(np.unique(seen)) == {0, 1}
    assert np.array_equal(Batch(images, range(45), 3).seen(vae).numpy(), seen)
    assert np.array_equal(Batch(images[20:], range(20, 45), 3).seen(vae).numpy(), seen[20:])
    again = measure(vae, images[20:40], "elbo")[0]["elbo"]
    assert not np.array_equal(again.arrays["kl"], measure(vae, images, "elbo")[0]["elbo"].arrays["kl"][20:40])


@pytest.fixture(scope="module")
def alone(digits):
    """Every measure of 25 images, two batches, by one process."""
    vae, images = digits
    return measure(vae, images[:25], *EVERYTHING)[0]


class Together(Processes):
    """One of several processes that work one after the other: what each has to share is kept for the last."""

    shares: list

    def gather(self, thing):
        self.shares.insert(0, thing)
        return self.shares


def test_the_numbers_do_not_depend_on_how_many_processes_there_are(digits, alone):
    vae, images = digits
    shares: list = []
    for rank in (1, 0):
        one = Together(rank, 2)
        object.__setattr__(one, "shares", shares)
        together, complete = measure(vae, images[:25], *EVERYTHING, processes=one)
    assert complete and len(shares) == 2
    for name in EVERYTHING:
        assert together[name].arrays.keys() == alone[name].arrays.keys()
        for array, values in alone[name].arrays.items():
            assert np.array_equal(values, together[name].arrays[array], equal_nan=True), (name, array)
        for mine, theirs in zip(alone[name].estimates, together[name].estimates, strict=True):
            assert (mine.name, mine.n, mine.kind) == (theirs.name, theirs.n, theirs.kind)
            assert (mine.value, mine.stderr) == pytest.approx((theirs.value, theirs.stderr), rel=1e-12)
        assert alone[name].warnings == together[name].warnings


def test_batches_come_back_in_their_order(digits):
    vae, images = digits
    shares: list = []
    for rank in (1, 0):  # the second of three batches is the other one's
        one = Together(rank, 2)
        object.__setattr__(one, "shares", shares)
        together, _ = measure(vae, images, "iwae", processes=one)
    whole, _ = measure(vae, images, "iwae")
    assert together["iwae"].index.tolist() == list(range(45))
    assert np.array_equal(together["iwae"].arrays["value"], whole["iwae"].arrays["value"])


def test_a_process_in_trouble_is_heard_by_all(digits):
    vae, images = digits
    one = Together(0, 2)
    trouble = Found(trouble=["image 7 has no number"])
    object.__setattr__(one, "shares", [trouble])
    with pytest.raises(ValueError, match="image 7 has no number"):
        measure(vae, images, "elbo", processes=one)


def test_measures_do_not_disturb_each_other_and_the_seed_counts(digits):
    vae, images = digits
    both, _ = measure(vae, images[:20], "prior", "iwae")
    alone, _ = measure(vae, images[:20], "iwae")
    other, _ = measure(vae, images[:20], "iwae", seed=1)
    assert np.array_equal(both["iwae"].arrays["value"], alone["iwae"].arrays["value"])
    assert not np.array_equal(other["iwae"].arrays["value"], alone["iwae"].arrays["value"])


def test_every_measure_has_a_complete_json_entry(alone):
    documents = json.loads(json.dumps({n: a.to_dict() for n, a in alone.items()}, allow_nan=False))
    assert list(documents) == list(EVERYTHING)
    for name, entry in documents.items():
        wanted = {"value", "stderr", "n", "kind", "over", "unit", "samples", "asked", "seconds", "complete", "warnings"}
        assert wanted <= entry.keys(), name
        assert entry["n"] == (22 if name == "bdmc" else 25)
        assert entry["complete"] and entry["unit"] == "nats" and entry["stderr"] > 0
    for name, kind in (("elbo", "lower bound"), ("iwae", "lower bound"), ("grid", "exact"), ("bdmc", "lower bound")):
        assert documents[name]["kind"] == kind
    assert documents["bdmc"]["lower"] == documents["bdmc"]["value"] <= documents["bdmc"]["upper"]
    assert documents["elbo"]["reconstruction"] - documents["elbo"]["kl"] == pytest.approx(documents["elbo"]["value"])
    gap = documents["gap"]
    assert gap["approximation"] + gap["amortization"] == pytest.approx(gap["total"]) == pytest.approx(gap["value"])
    assert gap["log_marginal_method"] == "grid" and gap["log_marginal_kind"] == "exact"
    assert documents["ais"]["samples"] == 2 and documents["ais"]["steps"] == 5
    assert documents["prior"]["warnings"]["effective"] == 25  # 50 draws cannot be worth 50


def test_an_interruption_keeps_what_is_done(digits):
    vae, images = digits
    calls = []

    def stop(fraction, text):
        calls.append(fraction)
        if "image 41 of 45" in text:
            raise KeyboardInterrupt

    answers, complete = measure(vae, images, "iwae", "prior", progress=stop)
    assert not complete
    whole, _ = measure(vae, images, "iwae")
    done = answers["iwae"]
    assert (done.images, done.of, done.complete) == (40, 45, False)
    assert np.array_equal(done.arrays["value"], whole["iwae"].arrays["value"][:40])
    assert done.estimates[0].n == 40
    assert answers["prior"].estimates == () and answers["prior"].to_dict()["value"] is None
    assert calls == sorted(calls) and calls[-1] <= 0.5  # the first of two measures


def test_a_batch_that_was_cut_off_counts_where_nothing_is_complete(digits, monkeypatch):
    vae, images = digits
    monkeypatch.setattr(bounds.importance, "PAUSE", 0)

    told = []

    def stop(fraction, text):
        told.append(text)
        if len(told) == 2:  # how often it tells depends on the machine
            raise KeyboardInterrupt

    answers, complete = measure(vae, images[:1], "iwae", settings=Settings(samples=10**6), progress=stop)
    partial = answers["iwae"]
    assert not complete and not partial.complete
    assert 0 < partial.samples < partial.asked == 10**6
    assert partial.warnings["partial"] == 1
    assert partial.estimates[0].n == 1


def test_a_batch_that_was_cut_off_does_not_mix_with_complete_ones(digits, monkeypatch):
    vae, images = digits
    monkeypatch.setattr(bounds.importance, "PAUSE", 0)
    seen = []

    def stop(fraction, text):
        seen.append(text)
        if "image 21 of 45" in text and sum("image 21 of 45" in before for before in seen) == 2:
            raise KeyboardInterrupt

    answers, _ = measure(vae, images, "iwae", settings=Settings(samples=2000), progress=stop)
    assert (answers["iwae"].images, answers["iwae"].samples, answers["iwae"].complete) == (20, 2000, False)
    assert "partial" not in answers["iwae"].warnings


def test_progress_goes_from_nothing_to_everything(digits):
    vae, images = digits
    seen = []
    measure(vae, images, "elbo", "iwae", "grid", progress=lambda *args: seen.append(args))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any("image 21 of 45" in text for _, text in seen)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "10", float("nan")])
def test_numbers_of_draws_are_whole_and_positive(value):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        Settings(samples=value)


def test_what_cannot_be_measured_is_refused_before_the_work(exact, digits):
    vae, images = digits
    for names, says in (
        (("magic",), "unknown method 'magic': choose from elbo, prior, iwae, refined, ais, grid, enumeration"),
        ((), "expected one method or more"),
        (("elbo", "enumeration"), "enumeration: "),
        (("exact",), "exact: "),
    ):
        with pytest.raises(ValueError, match=says):
            measure(vae, images, *names, progress=None)
    with pytest.raises(ValueError, match="the model takes images of shape"):
        measure(vae, np.zeros((2, 1, 28, 28), np.uint8), "elbo")
    wrong = exact[1][:25].copy()
    wrong[22] = np.nan
    with pytest.raises(ValueError, match=r"finite|numbers"):
        measure(exact[0], wrong, "elbo")


def test_bernoulli_latents_have_methods_of_their_own():
    torch.manual_seed(0)
    vae = VAE(VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=3, posterior="bernoulli")).eval()
    images = datasets.load("digits").test[:10]
    answers, _ = measure(vae, images, "elbo", "iwae", "enumeration", settings=Settings(samples=2000))
    truth = answers["enumeration"].arrays["value"]
    z = (answers["iwae"].arrays["value"] - truth) / np.maximum(answers["iwae"].arrays["stderr"], 1e-6)
    assert np.abs(z).max() < 5
    assert (answers["elbo"].arrays["elbo"] < truth + 5 * answers["elbo"].arrays["stderr"]).all()
    for name in ("grid", "refined", "ais", "bdmc"):
        with pytest.raises(ValueError, match=f"{name}: "):
            measure(vae, images, name)


def test_a_model_that_has_diverged_is_named():
    vae = linear_vae().float()
    with torch.no_grad():
        vae.decoder[0].bias.fill_(np.nan)
    images = X.float().expand(3, -1, -1, -1).numpy()
    for name in ("elbo", "iwae"):
        with pytest.raises(ValueError, match="finite"):
            measure(vae, images, name)


def test_grey_images_are_binarised_by_the_models_rule_or_refused():
    torch.manual_seed(0)
    images = datasets.load("digits").test[:4]
    assert len(np.unique(images)) > 2
    shape = {"image_shape": (1, 8, 8), "hidden": (8,), "latent_dim": 2}
    threshold = VAE(VaeConfig(**shape, binarization="threshold")).eval()
    assert np.array_equal(Batch(images, range(4), 0).seen(threshold).numpy(), unit_floats(images) >= 0.5)
    as_they_are = VAE(VaeConfig(**shape, binarization="none")).eval()
    with pytest.raises(ValueError, match="grey"):
        measure(as_they_are, images, "elbo")


def test_batches_cover_everything_at_fixed_places():
    assert batches(45, 20) == [range(20), range(20, 40), range(40, 45)]
    assert batches(0, 20) == []
    first, second = (Batch(np.zeros((1, 1, 1, 1), np.uint8), [i], 0).generator(torch.device("cpu")) for i in (0, 20))
    assert first.initial_seed() != second.initial_seed()
    assert first.initial_seed() >= 2**32  # never that of an image


def test_parts_are_joined_along_images():
    def part(size, samples=7):
        record = LogMarginal(
            "iwae", "lower bound", np.arange(size) * 1.0, np.ones(size), samples, 7, np.full(size, 10.0),
            np.full(size, np.nan), None, decodings=7, details={"steps": 3, "array": np.ones(size)},
        )  # fmt: skip
        return Part.of(record)

    joined = Part.joined([part(2), part(3, 5)])
    assert joined.arrays["value"].tolist() == [0, 1, 0, 1, 2]
    assert "spread" not in joined.arrays
    assert (len(joined), joined.samples, joined.asked, joined.decodings) == (5, 5, 7, 35)
    assert joined.warnings == (("effective",),) * 2 + (("effective", "partial"),) * 3
    assert dict(joined.details) == {"steps": 3}


@pytest.mark.parametrize(("kind", "error", "between"), [("lower bound", 0.1, "unbiased"), ("exact", 0.0, "exact")])
def test_only_what_rests_on_log_p_shares_its_kind(kind, error, between):
    names = ("total", "approximation", "amortization", "full", "log_marginal")
    arrays = {n: np.arange(3.0) for n in names} | {f"{n}_stderr": np.full(3, error) for n in names}
    part = Part(arrays, ((),) * 3, 1, 1, kind, details={"log_marginal_kind": kind})
    kinds = {e.name: e.kind for e in measures.MEASURES["gap"].estimates(part, {})}
    assert kinds["gap_total"] == kinds["gap_approximation"] == kinds["gap_log_marginal"] == kind
    assert kinds["gap_amortization"] == kinds["gap_full"] == between


def test_data_gaps_meet_the_closed_form_and_grow(exact):
    vae, images = exact
    steps = list(evaluation.data_gaps(vae, images[:100], np.arange(100), samples=500))
    fractions = [fraction for fraction, _, _ in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    sizes = [len(found.index) for _, _, found in steps if found]
    assert sizes == sorted(sizes) and set(sizes) == {20, 40, 60, 80, 100}
    last = steps[-1][2]
    assert last.complete and not steps[-2][2].complete
    means = last.means()
    for name, truth in (("elbo", ELBO), ("log_marginal", LOG_P), ("gap", GAP)):
        assert abs(means[name].value - truth) < 5 * means[name].stderr + 2.485 / 1000, name
    assert [means[n].kind for n in ("elbo", "log_marginal", "gap")] == ["lower bound"] * 3
    assert np.allclose(last.gap, last.log_marginal - last.elbo)
    assert last.gap_stderr.mean() == pytest.approx(last.gap.std(), rel=0.3)
    assert (last.samples, last.asked, last.method, last.kind) == (500, 100, "iwae", "lower bound")


def test_data_gaps_of_chosen_images_by_an_exact_method(digits):
    vae, images = digits
    chosen = [40, 3, 17]
    *_, (_, text, found) = evaluation.data_gaps(vae, images[chosen], chosen, "grid", 81, seed=5)
    assert found.index.tolist() == chosen
    assert text == "3 of 3 images"
    seen = Batch(images[chosen], chosen, 5).seen(vae)
    truth = bounds.estimate_log_marginal(vae, seen, "grid", samples=81, generator=torch.Generator())
    assert np.allclose(found.log_marginal, truth.value)
    assert found.means()["gap"].kind == "unbiased"
    assert (found.gap > -5 * found.gap_stderr).all()
    assert found.flagged == sum(bool(codes) for codes in found.warnings)


def test_data_gaps_can_be_left_and_refuse(digits):
    vae, images = digits
    steps = evaluation.data_gaps(vae, images, range(45), samples=20)
    for _, _, found in steps:
        if found is not None:
            break
    steps.close()
    assert len(found.index) == 20 and not found.complete
    for given, says in (
        ((images, range(44)), "the number of each"),
        ((images[:0], []), "expected 1 to 10,000 images"),
        ((images, range(45), "magic"), "unknown method 'magic'"),
        ((images, range(45), "enumeration"), "ernoulli"),
        ((np.zeros((1, 1, 28, 28), np.uint8), [0]), "takes images of shape"),
    ):
        with pytest.raises(ValueError, match=says):
            evaluation.data_gaps(vae, *given)  # at once, not at the first step


def test_every_method_of_the_bounds_is_a_measure():
    assert set(bounds.METHODS) <= measures.MEASURES.keys()
    assert set(measures.OPTIONS) <= bounds.METHODS.keys()
    assert gaps.surest(linear_vae()) == "grid"
