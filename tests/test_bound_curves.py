"""What is drawn of log-weights: against plain formulas, the exact model, and weights whose tail is known."""

import math

import numpy as np
import pytest

from tests.test_bounds import LOG_P, generator, model_with
from vaeexplorer import bound_curves
from vaeexplorer.bound_curves import course, geometric, histogram, nested, running
from vaeexplorer.bounds import estimate_log_marginal, stages

ELBO, GAP_AT = -3.682679, {1: 0.784131, 10: 0.1075, 100: 0.0118}


@pytest.fixture(scope="module")
def record():
    model, x = model_with()
    return estimate_log_marginal(
        model, x.expand(3, -1), "iwae", samples=200_000, generator=generator(4), keep_weights=True
    )


def test_places_are_whole_rising_and_end_at_the_end():
    assert geometric(1).tolist() == [1]
    assert geometric(5).tolist() == [1, 2, 3, 5]
    places = geometric(1_000_000)
    assert places[0] == 1 and places[-1] == 1_000_000 and len(places) <= 40
    assert np.all(np.diff(places) > 0)


def test_the_running_estimate_is_that_of_the_first_draws(record):
    weights = record.log_weights
    curve = running(weights)
    assert curve.value[-1] == pytest.approx(record.value, abs=1e-10)
    assert curve.stderr[-1] == pytest.approx(record.stderr, rel=1e-6)
    for at, value, stderr in zip(curve.samples, curve.value, curve.stderr, strict=True):
        w = np.exp(weights[:at])
        assert value == pytest.approx(np.log(w.mean(0)), abs=1e-9)
        if at > 1:
            assert stderr == pytest.approx(w.std(0, ddof=1) / w.mean(0) / math.sqrt(at), rel=1e-6)
    assert np.isinf(curve.stderr[0]).all() and np.isneginf(curve.low[0]).all()
    assert curve.high[-1] - curve.value[-1] == pytest.approx(1.96 * record.stderr)


def check_nested(weights):
    """The ELBO at K = 1, then up to log p(x) by the known gaps; within five of the stated errors."""
    curve = nested(weights, places=12)
    assert curve.value[-1] == pytest.approx(running(weights).value[-1])
    for size, gap in GAP_AT.items():
        value, stderr = (each[:, 0] for each in bound_curves_at(weights, size))
        assert abs(value - (LOG_P - gap)) < 5 * stderr + 6e-5, size
    known = np.isfinite(curve.stderr[:, 0])
    assert known.tolist() == (curve.samples <= len(weights) / 2).tolist()
    assert np.all(np.diff(curve.value[:, 0])[known[1:]] > -3 * curve.stderr[1:, 0][known[1:]])


def bound_curves_at(weights, size):
    """Value and stderr at exactly one K, through the public function on a length that has it as a place."""
    curve = nested(weights, places=len(weights))
    at = int(np.searchsorted(curve.samples, size))
    assert curve.samples[at] == size
    return curve.value[at : at + 1], curve.stderr[at : at + 1]


def test_nested_bounds_rise_by_the_known_amounts(record):
    check_nested(record.log_weights[:4000, :1])


def mean_of_logs(monkeypatch):
    monkeypatch.setattr(bound_curves, "_log_sum", lambda v, axis=0: v.mean(axis) + math.log(v.shape[axis]))


def without_log_k(monkeypatch):
    kept = bound_curves._log_sum
    monkeypatch.setattr(bound_curves, "_log_sum", lambda v, axis=0: kept(v, axis) + 0.01 * math.log(v.shape[axis]))


def wrong_axis(monkeypatch):
    """Draws far apart in one block: the mean over the wrong axis of (blocks, K)."""
    kept = bound_curves._log_sum
    swapped = lambda v, axis=0: kept(v.swapaxes(0, 1), axis)[: len(v)] if v.ndim == 3 else kept(v, axis)  # noqa: E731
    monkeypatch.setattr(bound_curves, "_log_sum", swapped)


@pytest.mark.parametrize("plant", [mean_of_logs, without_log_k, wrong_axis])
def test_a_planted_mistake_is_found(record, monkeypatch, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_nested(record.log_weights[:4000, :1])


def test_weights_that_are_nothing_at_first_do_not_break_the_curve():
    weights = np.concatenate([np.full((50, 1), -5000.0), np.full((50, 1), -3.0)])
    curve = running(weights)
    assert curve.value[0] == -5000 and curve.value[-1] == pytest.approx(-3 - math.log(2))
    assert not np.isnan(curve.stderr).any()
    nothing = running(np.array([[-np.inf], [0.0]]))
    assert nothing.value[-1] == pytest.approx(-math.log(2))


def test_the_course_of_an_estimate_without_its_weights(record, monkeypatch):
    monkeypatch.setattr("vaeexplorer.bounds.importance.PAUSE", 0)
    monkeypatch.setattr("vaeexplorer.bounds.importance.SHARE", 1e9)
    model, x = model_with()
    records = [s.record for s in stages(model, x, "iwae", samples=5000, generator=generator())]
    curve = course([*records[::-1], records[0]])
    assert curve.samples.tolist() == [1000, 2000, 3000, 4000, 5000]
    assert curve.value.shape == (5, 1) and curve.value[-1] == records[-1].value
    with pytest.raises(ValueError, match="one record or more"):
        course([])


def test_a_histogram_counts_every_draw(record):
    found = histogram(record.log_weights[:, 0])
    assert found.counts.sum() + found.below == 200_000
    assert 0 < found.below < 0.0101 * 200_000
    assert found.edges[-1] == record.log_weights[:, 0].max()
    assert np.diff(found.edges) == pytest.approx(found.edges[1] - found.edges[0])


@pytest.mark.parametrize("shape", [-0.3, 0.4, 0.9])
def test_the_tail_lies_on_the_histogram(shape):
    uniform = np.random.default_rng(2).random(100_000)
    found = histogram(np.log(1 + np.expm1(-shape * np.log(uniform)) / shape), bins=100)
    middles = (found.edges[1:] + found.edges[:-1]) / 2
    inside = middles > found.tail.start
    expected = np.interp(middles[inside], *found.tail.points.T)
    many = expected > 20
    off = (found.counts[inside] - expected)[many] / np.sqrt(expected[many])
    assert found.tail.k == pytest.approx(shape, abs=0.15)
    assert np.sqrt((off[1:] ** 2).mean()) < 2.5  # in standard errors of a count; the first bin is cut by the threshold


def test_equal_weights_have_one_bar_and_no_tail():
    found = histogram(np.full(500, -90.0))
    assert found.counts.sum() == 500 and (found.counts > 0).sum() == 1 and found.tail is None
    assert histogram(np.array([-3.0])).counts.sum() == 1


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((0, 2)), np.full((3, 2), np.nan), np.zeros((2, 2, 2))])
def test_other_shapes_are_refused(bad):
    for draw in (running, nested):
        with pytest.raises(ValueError, match="expected log-weights"):
            draw(bad)
    with pytest.raises(ValueError, match="of one image, got 2"):
        histogram(np.zeros((3, 2)))
