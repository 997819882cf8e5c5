"""Sweeps: the statistics of a point and of a slope, the known rates, theory beside what is measured, what is refused.

Resolution: a slope is held against its rate at 5 of its own standard errors; points against theory at 5 of theirs.
"""

import json
import math

import pytest
import torch

from tests.test_gradient_exact import BITS_X, GAUSSIAN_X, small_vae
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.gradients import at_model, sweep_axes
from vaeexplorer.gradients.at_model import local_gradients
from vaeexplorer.gradients.registry import ESTIMATORS
from vaeexplorer.gradients.score_moments import score_moments
from vaeexplorer.gradients.sweep_axes import QUADRATICS, SCORES
from vaeexplorer.gradients.sweep_results import Point, SweepResult, point, slope
from vaeexplorer.gradients.sweeps import SWEEPS, fitting, sweep
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.vae import VAE

CUT, NORMAL_95 = 5.0, 1.96


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def last(*args, **options):
    stages = list(sweep(*args, **({"generator": generator()} | options)))
    fractions = [fraction for fraction, _, _ in stages]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and fractions[0] >= 0
    assert [result.complete for _, _, result in stages] == [False] * (len(stages) - 1) + [True]
    return stages[-1][2]


def off(found: Point, truth: float) -> float:
    """Standard errors between a measured variance and the truth, on the scale of logarithms."""
    return abs(math.log(found.variance / truth)) / (math.log(found.high / found.low) / (2 * NORMAL_95))


# --- statistics ---


def normal(replicates, seed, factor, mean):
    draws = torch.randn(replicates, 2, 3, generator=generator(seed), dtype=torch.float64)
    return mean + draws @ factor


def test_a_point_of_correlated_draws_with_known_moments():
    """Its 95 % intervals hold the truth in 95 % of 400 cases, within 5 standard errors of that share."""
    factor = torch.tensor([[1.0, 0.8, 0.2], [0, 0.5, -0.3], [0, 0, 2.0]], dtype=torch.float64)
    mean = torch.tensor([[0.3, -0.2, 0.1], [0.0, 0.2, 0.4]], dtype=torch.float64)
    trace = float((factor**2).sum())
    ratio = math.sqrt(float((mean**2).sum()) / (2 * trace))
    points = [point(1.0, normal(200, seed, factor, mean)) for seed in range(400)]
    within = CUT * math.sqrt(0.05 * 0.95 / 400)
    assert abs(sum(p.low < trace < p.high for p in points) / 400 - 0.95) < within
    assert abs(sum(p.snr_low < ratio < p.snr_high for p in points) / 400 - 0.95) < within
    strong = [point(1.0, normal(200, seed, factor, 9 * mean)) for seed in range(400)]  # its error is that of the trace
    assert abs(sum(p.snr_low < 9 * ratio < p.snr_high for p in strong) / 400 - 0.95) < within
    squares = torch.tensor([p.snr**2 for p in points])
    assert abs(squares.mean() - ratio**2) < CUT * squares.std() / 20  # the noise of the mean has been taken off
    claimed = torch.tensor([math.log(p.high / p.low) / (2 * NORMAL_95) for p in points])
    measured = torch.tensor([math.log(p.variance) for p in points]).var()
    assert (claimed**2).mean() == pytest.approx(float(measured), rel=CUT * math.sqrt(2 / 400))
    biased = point(1.0, normal(200, 0, factor, mean), (mean + 1, torch.zeros_like(mean))).squared_bias
    unbiased = [point(1.0, normal(200, s, factor, mean), (mean, torch.zeros_like(mean))).squared_bias for s in range(9)]
    assert biased == pytest.approx(3, rel=0.3) and max(unbiased) < 0.2 and min(unbiased) == 0


def test_a_gradient_that_does_not_vary():
    found = point(2.0, torch.ones(5, 1, 2))
    assert (found.variance, found.low, found.high, found.snr) == (0, 0, 0, math.inf)
    result = SweepResult("samples", "S", "variance", True, True, {"pathwise": (found,)}, {"pathwise": None})
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["series"] == [
        {"estimator": "pathwise", "points": [[2.0, 0, 0, 0, None, None, None, None]], "theory": None}
    ]
    with pytest.raises(ValueError, match="one replicate has no variance"):
        point(1.0, torch.ones(1, 1, 2))


def test_the_slope_of_a_power_law_and_its_error():
    def at(x, variance, relative):
        factor = math.exp(NORMAL_95 * relative)
        return Point(x, variance, variance / factor, variance * factor, 1.0, 0.9, 1.1)

    exact = slope([at(x, 3 * x**-1.5, 0.1) for x in (1, 2, 4, 8)], "variance")
    assert exact.value == pytest.approx(-1.5)
    spread = math.log(2) ** 2 * 5  # sum of squares about the centre
    assert exact.stderr == pytest.approx(0.1 / math.sqrt(spread))
    careless = [at(1, 1, 0.01), at(10, 0.1, 0.01), at(100, 5, 10.0)]  # the last point says nothing
    assert slope(careless, "variance").value == pytest.approx(-1, abs=0.01)
    assert slope([at(1, 1, 0.1)], "variance") is None and slope([at(0, 1, 0.1), at(3, 0, 0.1)], "variance") is None
    assert slope([at(1, 1, 0.1), at(4, 1, 0.1)], "snr").value == 0


# --- axes ---


def test_the_variance_falls_as_one_over_the_samples_and_as_theory_says():
    model, x, q = example()
    names = ("pathwise", "score_function", "leave_one_out")
    found = last(model, x, names, "samples", (1, 2, 4, 8), replicates=4000, q=q)
    for name in ("pathwise", "score_function"):
        assert abs(found.slopes[name].value + 1) < CUT * found.slopes[name].stderr < 0.3
    moments = score_moments(model, x, q=q)
    for name in names[1:]:
        theory = dict(found.theory[name])
        assert [p.x for p in found.series[name]] == list(theory)
        assert all(off(p, theory[p.x]) < CUT for p in found.series[name])
        assert theory[4] == pytest.approx(float(SCORES[name](moments, 4).sum()))
    assert found.theory["pathwise"][3][1] == pytest.approx(found.series["pathwise"][0].variance / 8)
    assert min(found.theory["leave_one_out"])[0] == 2


def test_more_samples_of_the_bound_drown_the_signal_of_iwae_and_not_of_dreg():
    """SNR as K^-1/2 and K^1/2.   Source: Rainforth et al. 2018; Tucker et al. 2019."""
    model, x, _ = example()
    one = LinearGaussian(model.weight[:, :1], model.bias, 0.25)
    posterior = one.true_posterior(x)
    q = DiagonalGaussian(posterior.mean + 0.1, (1.3 * posterior.std).log())  # wide: the weights are bounded
    names = ("iwae", "doubly_reparameterized")
    found = last(one, x, names, "k", (4, 16, 64), replicates=6000, q=q)
    for name, rate in zip(names, (-0.5, 0.5), strict=True):
        assert abs(found.slopes[name].value - rate) < CUT * found.slopes[name].stderr < 0.5
        assert found.theory[name][0][1] == pytest.approx(found.series[name][-1].snr * 16**-rate)
    assert found.measure == "snr"
    assert abs(found.slopes["iwae"].value - 0.5) > CUT * found.slopes["iwae"].stderr  # they are told apart


def test_the_parabola_of_the_baseline():
    model, x, q = example()
    found = last(model, x, ["score_function"], "baseline", (-6, -2, 0, 3), replicates=4000, q=q)
    moments = score_moments(model, x, q=q)
    for each in found.series["score_function"]:
        assert off(each, float(moments.score_function(moments.mean + each.x).sum())) < CUT
    line = found.theory["score_function"]
    marks = {mark.words: mark.x for mark in found.marks}
    lowest = min(line, key=lambda pair: pair[1])[0]
    assert marks["the least variance"] == pytest.approx(lowest, abs=0.15)
    assert marks["the least variance"] == pytest.approx(float(moments.best_common_baseline() - moments.mean))
    assert marks["C = 0, no baseline"] == pytest.approx(-float(moments.mean))
    assert line[0][0] == -6 and line[-1][0] == 3


def test_baselines_of_images_and_of_codes_that_can_only_be_drawn():
    found = last(small_vae("gaussian", 3), GAUSSIAN_X, ["score_function"], "baseline", (-20, 0), replicates=3000)
    assert [mark.words for mark in found.marks] == ["C = E f, the mean", "the least variance"][: len(found.marks)]
    for each in found.series["score_function"]:  # both are estimates
        assert each.variance == pytest.approx(dict(found.theory["score_function"])[each.x], rel=0.3)


def test_at_the_posterior_nothing_is_left_of_the_noise_when_sticking_the_landing():
    weight = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)  # its posterior has no correlation
    model = LinearGaussian(weight, torch.zeros(3).double(), 0.5)
    q = DiagonalGaussian(torch.tensor([[0.5, 0.1]]).double(), torch.tensor([[-0.4, 0.2]]).double())
    names = ("sticking_the_landing", "pathwise")
    found = last(model, torch.ones(1, 3).double(), names, "distance", (0, 0.5, 1), replicates=200, q=q)
    landing, pathwise = (found.series[name] for name in names)
    assert landing[0].variance < 1e-20 and pathwise[0].variance > 0.1
    assert landing[0].variance < landing[1].variance < landing[2].variance
    assert [mark.x for mark in found.marks] == [0, 1]


@pytest.mark.parametrize("posterior", ["gaussian", "bernoulli"])
def test_the_best_q_of_a_trained_kind_of_model(posterior, monkeypatch):
    """t = 0: next to nothing is left of the gradient there, as the fit is short."""
    monkeypatch.setattr(sweep_axes, "FIT", 100)
    vae = small_vae(posterior, 3)
    x = BITS_X if posterior == "bernoulli" else GAUSSIAN_X
    name = "disarm" if posterior == "bernoulli" else "sticking_the_landing"
    here, there = last(vae, x, [name], "distance", (0, 1), replicates=2000).series[name]
    size_here, size_there = (each.snr * math.sqrt(each.variance) for each in (here, there))
    assert size_here < 0.1 * size_there


def test_softer_bits_vary_less_and_are_further_off_but_not_with_rebar():
    vae = small_vae("bernoulli", 4)
    found = last(vae, BITS_X, ["gumbel_softmax", "rebar"], "temperature", (0.2, 1, 3), replicates=4000)
    soft, rebar = found.series["gumbel_softmax"], found.series["rebar"]
    assert soft[0].variance > soft[1].variance > soft[2].variance
    assert soft[0].squared_bias < soft[1].squared_bias < soft[2].squared_bias
    for each in rebar:  # chance: a few standard errors of the mean
        assert each.squared_bias < CUT * each.variance / 4000 < 0.1 * soft[2].squared_bias


def test_unrelated_dimensions_cost_the_score_function_only():
    names = tuple(QUADRATICS)
    found = last(None, None, names, "dimension", (1, 8, 64), replicates=2000)
    for name in names:
        theory = dict(found.theory[name])
        assert all(off(p, theory[p.x]) < CUT for p in found.series[name])
        dear = name in SCORES
        assert (theory[64] > 1.5 * theory[1]) == dear
        assert theory[64] == pytest.approx(theory[1]) or dear


def test_over_the_weights_that_a_run_kept():
    models = {0: small_vae("gaussian", 2), 40: small_vae("gaussian", 2, "relu")}
    weights = [(step, lambda step=step: models[step]) for step in models]
    found = last(None, GAUSSIAN_X, ["pathwise"], "step", replicates=50, weights=weights)
    again = generator()
    for each, model in zip(found.series["pathwise"], models.values(), strict=True):
        gradients = torch.cat(list(local_gradients(model, GAUSSIAN_X, "pathwise", replicates=50, generator=again)))
        assert each.variance == pytest.approx(float(gradients.double().var(0).sum(-1).mean()))
    assert [p.x for p in found.series["pathwise"]] == [1, 41]
    bits = [(3, lambda: small_vae("bernoulli", 3))]
    assert last(None, BITS_X, ["disarm"], "step", replicates=5, weights=bits).series["disarm"][0].x == 4
    with pytest.raises(ValueError, match="disarm needs bernoulli latents"):
        sweep(None, GAUSSIAN_X, ["disarm"], "step", replicates=5, weights=weights, generator=generator())


# --- manners ---


def test_the_registry_says_what_is_so():
    for over, entry in SWEEPS.items():
        assert entry.title and entry.words and entry.x_title
        assert set(entry.estimators) <= ESTIMATORS.keys() and 1 <= entry.defaults <= len(entry.estimators)
        assert list(entry.values) == sorted(set(entry.values))
        assert not (entry.log_x and any(value <= 0 for value in entry.values)), over
    bits, smooth = small_vae("bernoulli", 3), small_vae("gaussian", 3)
    assert fitting("k", bits) == ("vimco",) and "disarm" in fitting("samples", bits)
    assert "disarm" not in fitting("samples", smooth) and fitting("dimension", None) == SWEEPS["dimension"].estimators
    assert "Bernoulli latents" in SWEEPS["temperature"].problem(smooth) and SWEEPS["temperature"].problem(bits) is None


def test_same_seed_same_numbers():
    asked = (small_vae("gaussian", 2), GAUSSIAN_X, ["pathwise", "leave_one_out"], "samples", (2, 4))
    assert last(*asked, replicates=30).series == last(*asked, replicates=30).series
    assert last(*asked, replicates=30).series != last(*asked, replicates=30, generator=generator(1)).series


def test_leaving_cancels(monkeypatch):
    monkeypatch.setattr(at_model, "ROWS", 30)
    vae, calls = small_vae("gaussian", 3).train(), []
    decoder = VAE.decoder_outputs
    monkeypatch.setattr(VAE, "decoder_outputs", lambda *given: calls.append(1) or decoder(*given))
    stages = sweep(vae, GAUSSIAN_X, ["pathwise"], "samples", (1, 2), replicates=1000, generator=generator())
    assert not calls  # nothing before one listens
    _, words, result = next(stages)
    stages.close()
    assert len(calls) == 1 and vae.training and "pathwise" in words and result.series == {"pathwise": ()}


REFUSED = [
    ({"over": "colour"}, "expected one of the sweeps samples, k, "),
    ({"replicates": 1}, "one replicate has no variance"),
    ({"replicates": 2.5}, "expected replicates of 2 or more, got 2.5"),
    ({"estimators": []}, "a sweep needs one estimator or more, such as pathwise"),
    ({"estimators": ["iwae"]}, "a sweep over samples is for pathwise"),
    ({"estimators": ["disarm"]}, "disarm needs bernoulli latents, these are gaussian"),
    ({"values": (1, 2.5)}, "a sweep over samples needs whole numbers of 1 or more, got 2.5"),
    ({"values": (0,)}, "whole numbers of 1 or more, got 0"),
    ({"values": ()}, "needs one place or more on its axis"),
    ({"estimators": ["leave_one_out"], "values": (1,)}, "leave_one_out needs 2 samples or more, and the sweep ends"),
    ({"over": "k", "estimators": ["vimco"], "values": (1,)}, "vimco needs 2 samples or more"),
    ({"over": "temperature", "estimators": ["rebar"]}, "these latents are Gaussian"),
    ({"over": "baseline", "estimators": ["score_function"], "values": (math.nan,)}, "finite numbers, got nan"),
    ({"over": "step"}, "needs a run that kept its weights"),
    ({"model": None}, "a sweep over samples needs a model"),
    ({"samples": 0}, "expected samples as a whole number of 1 or more, got 0"),
    ({"x": torch.rand(2, 1, 9, 9)}, "expected images"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_cannot_be_is_said_in_one_line_and_at_once(change, words):
    asked = {
        "model": small_vae("gaussian", 3), "x": GAUSSIAN_X, "estimators": ["pathwise"], "over": "samples",
        "replicates": 10, "generator": generator(),
    }  # fmt: skip
    with pytest.raises(ValueError, match=words) as caught:
        sweep(**asked | change)
    assert "\n" not in str(caught.value)
