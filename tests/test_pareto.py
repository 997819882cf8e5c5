"""The tail of importance weights against samples with a known shape and against scipy's maximum likelihood."""

import math

import numpy as np
import pytest
from scipy import stats

from vaeexplorer.bounds import pareto
from vaeexplorer.bounds.pareto import fit_tail, pareto_k, tail_size

DRAWS = 100_000


def log_draws(shape, images=1, draws=DRAWS, seed=0):
    """Log of generalised Pareto weights, sigma 1, made positive by a shift that leaves the tail's shape alone."""
    uniform = np.random.default_rng(seed).random((draws, images))
    return np.log(1 + np.expm1(-shape * np.log(uniform)) / shape if shape else 1 - np.log(uniform))


def check_shapes():
    """Within four standard deviations (1 + k) / sqrt(M) of the truth, M = 949 of 100,000 draws."""
    for shape in (-0.4, 0.2, 0.5, 0.7, 1.0, 1.5):
        found = pareto_k(log_draws(shape), DRAWS).item()
        assert abs(found - shape) < 4 * (1 + shape) / math.sqrt(tail_size(DRAWS)), shape


def test_the_shape_of_known_tails():
    check_shapes()


def without_threshold(monkeypatch):
    """The weights themselves in the place of their excess over the threshold."""
    kept = pareto._zhang_stephens
    monkeypatch.setattr(pareto, "_zhang_stephens", lambda excess: kept(excess + 0.5 * excess[-1]))


def turned_sign(monkeypatch):
    """k with the sign of Zhang & Stephens' paper, where a heavy tail has k < 0."""
    kept = pareto._zhang_stephens
    monkeypatch.setattr(pareto, "_zhang_stephens", lambda excess: (-kept(excess)[0], kept(excess)[1]))


def of_the_logs(monkeypatch):
    """Fitted to log-weights."""
    kept = pareto._zhang_stephens
    monkeypatch.setattr(pareto, "_zhang_stephens", lambda excess: kept(np.log1p(excess / excess[0])))


@pytest.mark.parametrize("plant", [without_threshold, turned_sign, of_the_logs])
def test_a_planted_mistake_is_found(monkeypatch, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_shapes()


def test_the_tail_is_as_large_as_the_paper_says():
    assert [tail_size(draws) for draws in (1, 25, 100, 225, 1000, 100_000)] == [1, 5, 20, 45, 95, 949]


@pytest.mark.parametrize("shape", [-0.3, 0.3, 0.8])
def test_nearly_the_maximum_likelihood_fit_and_shrunk_to_one_half(shape):
    weights = log_draws(shape, seed=1)
    size = tail_size(DRAWS)
    largest = np.sort(np.exp(weights[:, 0]))[::-1][: size + 1]
    likeliest, _, scale = stats.genpareto.fit(largest[:-1] - largest[-1], floc=0)
    tail = fit_tail(weights, DRAWS)
    raw = (tail.shape.item() * (size + 10) - 5) / size
    assert raw == pytest.approx(likeliest, abs=0.02)
    assert math.exp(tail.log_scale.item()) == pytest.approx(scale, rel=0.03)
    assert math.exp(tail.log_threshold.item()) == pytest.approx(largest[-1])
    assert tail.share.item() == size / DRAWS


@pytest.mark.parametrize("ratio", [0.5, 0.7, 0.9])
def test_a_narrow_gaussian_proposal_has_a_known_tail(ratio):
    """Target N(0, 1), proposal N(0, r^2): P(w > t) falls as t^(-1 / (1 - r^2)), so k = 1 - r^2, approached slowly."""
    z = ratio * np.random.default_rng(0).standard_normal((DRAWS, 1))
    found = pareto_k(0.5 * z**2 * (1 / ratio**2 - 1), DRAWS).item()
    assert found == pytest.approx(1 - ratio**2, abs=0.12)


def test_only_the_largest_matter_in_any_order_and_at_any_scale():
    weights = log_draws(0.6, images=3, draws=1000)
    largest = np.sort(weights, axis=0)[-(tail_size(1000) + 1) :]
    whole = pareto_k(weights, 1000)
    assert pareto_k(np.random.default_rng(1).permutation(largest), 1000) == pytest.approx(whole)
    assert pareto_k(weights - 1e4, 1000) == pytest.approx(whole, rel=1e-6)
    assert pareto_k(weights + 700, 1000) == pytest.approx(whole, rel=1e-6)


def test_every_image_is_fitted_by_itself(monkeypatch):
    weights = np.concatenate([log_draws(shape, draws=400, seed=3) for shape in (0.1, 0.9, 0.5)], 1)
    weights[:390, 1] = weights[:390, 1].min()  # ten weights above the tied ones: fewer exceedances than the others
    alone = np.array([pareto_k(weights[:, [i]], 400).item() for i in range(3)])
    assert pareto_k(weights, 400) == pytest.approx(alone)
    monkeypatch.setattr(pareto, "PAIRS", 60)
    assert pareto_k(weights, 400) == pytest.approx(alone)


def test_no_fit_without_a_tail():
    assert np.isnan(pareto_k(np.zeros((1000, 2)), 1000)).all()  # equal weights, as from the true posterior
    noise = 1e-14 * np.random.default_rng(0).random((1000, 1))
    assert np.isnan(pareto_k(noise, 1000)).all()
    assert np.isnan(pareto_k(log_draws(0.5, draws=20), 20)).all()
    assert np.isfinite(pareto_k(log_draws(0.5, draws=25), 25)).all()
    assert np.isnan(pareto_k(np.zeros((1, 1)), 1)).all()
    few = np.zeros((1000, 1))
    few[:3] = 0.2  # two different weights, as with few codes: no reason to worry
    assert np.isnan(pareto_k(few, 1000)).all()


def test_one_weight_above_all_others_is_a_heavy_tail():
    weights = np.random.default_rng(0).standard_normal((1000, 1))
    for height in (10, 20, 40, 800):
        weights[17] = height
        assert pareto_k(weights, 1000).item() > 0.7


def test_too_few_of_the_largest_are_refused():
    with pytest.raises(ValueError, match="expected the 96 largest of 1000 log-weights, got 95"):
        pareto_k(np.zeros((95, 1)), 1000)
