"""Disentanglement scores and probes on codes whose answer is known exactly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaeexplorer import metrics
from vaeexplorer.metrics import (
    balanced_split,
    dci,
    factor_vae_score,
    mutual_information_gap,
    probe_problem,
    probes,
)
from vaeexplorer.records import Estimate


def grid(*counts: int) -> np.ndarray:
    """Every combination of factors with so many values each, (N, F)."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, counts), indexing="ij")], axis=1)


def binomial_error(share: Estimate) -> float:
    """sqrt(p (1 - p) / n) with p = (right + 1) / (n + 2)."""
    p = (share.value * share.n + 1) / (share.n + 2)
    return math.sqrt(p * (1 - p) / share.n)


def test_a_perfect_code_has_gap_one() -> None:
    factors = grid(3, 6, 15)
    gap = mutual_information_gap(factors[:, [2, 0, 1]] * [0.3, -7.0, 1e6], factors)
    assert gap.mig == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(gap.mutual_information, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], atol=1e-12)
    np.testing.assert_array_equal(gap.top_dimension, [1, 2, 0])
    assert gap.carried.all()
    assert gap.n == 270


def test_independent_noise_has_gap_about_zero() -> None:
    noise = np.random.default_rng(0).normal(size=(20_000, 5))
    gap = mutual_information_gap(noise, grid(10, 20, 100)[:, :2])
    assert 0 <= gap.mig < 0.005
    assert gap.mutual_information.max() < 0.01
    assert not gap.carried.any()


def test_two_factors_turned_by_45_degrees_have_gap_about_zero() -> None:
    factors = grid(15, 15)
    turned = (factors - 7) @ np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    gap = mutual_information_gap(turned, factors)
    assert gap.mig < 0.02
    assert gap.mutual_information.min() > 0.15  # each dimension does know of each factor
    remainder = np.linalg.lstsq(turned, factors - 7.0, rcond=None)[1]
    np.testing.assert_allclose(remainder, 0, atol=1e-9)  # yet a linear map of both tells each: R^2 = 1


def test_a_factor_carried_twice_has_gap_zero() -> None:
    factors = grid(4, 5)
    gap = mutual_information_gap(factors[:, [0, 0, 1]], factors)
    np.testing.assert_allclose(gap.per_factor, [0, 1], atol=1e-12)


def test_half_of_a_factor_in_bits() -> None:
    """A dimension that tells which half of four equally frequent values it is shares one of two bits."""
    gap = mutual_information_gap(np.array([[0.0], [0], [1], [1]]), np.array([[0], [1], [2], [3]]))
    assert gap.mutual_information.item() == pytest.approx(0.5)
    assert gap.mig == pytest.approx(0.5)  # with one dimension alone nothing competes


def test_bins_are_of_equal_width_and_the_greatest_value_is_in_the_last() -> None:
    """Three of four values fall into the second of two bins: I is the entropy of (1/4, 3/4), H = log 4."""
    gap = mutual_information_gap(np.array([[0.0], [0.5], [0.9], [1.0]]), np.arange(4)[:, None], bins=2)
    expected = -(np.log(1 / 4) / 4 + 3 * np.log(3 / 4) / 4) / np.log(4)
    assert gap.mig == pytest.approx(expected)


def test_constants_share_nothing() -> None:
    factors = np.column_stack([np.arange(10), np.zeros(10, int)])
    gap = mutual_information_gap(np.column_stack([np.ones(10), np.arange(10)]), factors)
    np.testing.assert_allclose(gap.mutual_information, [[0, 1], [0, 0]], atol=1e-12)
    assert gap.mig == pytest.approx(0.5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), dimensions=st.integers(1, 4), bins=st.integers(2, 30))
def test_bounded_and_blind_to_order_and_scale(seed: int, dimensions: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 5, size=(60, 2))
    codes = np.round(rng.normal(size=(60, dimensions)) + factors[:, :1], 3)
    gap = mutual_information_gap(codes, factors, bins)
    assert ((gap.mutual_information >= 0) & (gap.mutual_information <= 1 + 1e-12)).all()
    order, columns = rng.permutation(60), rng.permutation(dimensions)
    other = mutual_information_gap(codes[order][:, columns] * 4, factors[order], bins)
    np.testing.assert_allclose(other.mutual_information, gap.mutual_information[:, columns], atol=1e-9)
    assert other.mig == pytest.approx(gap.mig, abs=1e-9)


def test_sentences_name_the_dimension_as_the_pages_do() -> None:
    factors = grid(4, 5)
    codes = np.column_stack([np.zeros(20), factors[:, 0], factors[:, 0]])
    first, second = mutual_information_gap(codes[:, :2], factors).sentences(("x", "size"))
    assert first == "x: carried by mainly one dimension, z2 (gap 1.00)"
    assert second == "size: not carried by mainly one dimension (gap 0.00)"


@pytest.mark.parametrize(
    ("codes", "factors", "bins"),
    [
        (np.zeros((5, 2)), np.zeros((4, 1)), 20),
        (np.zeros(5), np.zeros((5, 1)), 20),
        (np.zeros((0, 2)), np.zeros((0, 1)), 20),
        (np.full((5, 2), np.nan), np.zeros((5, 1)), 20),
        (np.zeros((5, 2)), np.zeros((5, 1)), 1),
    ],
)
def test_what_does_not_match_is_refused(codes: np.ndarray, factors: np.ndarray, bins: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        mutual_information_gap(codes, factors, bins)


def many(seed: int, *counts: int, images: int = 3000) -> np.ndarray:
    """Independent factors with so many values each, (N, F)."""
    return np.random.default_rng(seed).integers(0, counts, (images, len(counts)))


def test_dci_and_factor_vae_score_of_a_perfect_code_are_one() -> None:
    factors = many(0, 3, 6, 15)
    codes = factors[:, [2, 0, 1]] * [0.3, -7.0, 1e6]
    found = dci(codes, factors, seed=0)
    np.testing.assert_allclose(found.importance, [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-12)
    for share in (found.disentanglement, found.completeness, found.informativeness):
        assert (share.value, share.stderr) == pytest.approx((1, 0), abs=1e-12)
    score = factor_vae_score(codes, factors, seed=0)
    assert (score.value, score.n) == (1, 800)
    assert score.stderr == pytest.approx(binomial_error(score))


def test_dci_and_factor_vae_score_of_independent_noise() -> None:
    factors = many(0, 4, 4, 4)
    noise = np.random.default_rng(1).normal(size=(3000, 5))
    found = dci(noise, factors, seed=0)
    assert found.disentanglement.value < 0.01
    assert found.completeness.value < 0.01
    assert abs(found.informativeness.value - 1 / 4) < 5 * found.informativeness.stderr
    assert found.informativeness.stderr == pytest.approx(math.sqrt(3 / 16 / 3 / 1500), rel=0.1)
    score = factor_vae_score(noise, factors, seed=0, votes=8000)
    assert abs(score.value - 1 / 3) < 5 * score.stderr
    assert score.stderr == pytest.approx(binomial_error(score))


def test_disentanglement_and_completeness_are_different_things() -> None:
    factors = many(0, 5, 5)
    both = np.column_stack([factors @ [5, 1], np.random.default_rng(0).normal(size=3000)])  # one dimension tells both
    found = dci(both, factors, seed=0)
    assert found.disentanglement.value < 0.01
    assert found.completeness.value > 0.99
    assert found.informativeness.value == 1
    twice = factors[:, [0, 0, 1]]  # the first factor stands in two dimensions
    found = dci(twice, factors, seed=0)
    assert found.disentanglement.value == pytest.approx(1)
    assert found.completeness.value == pytest.approx(1 - 0.5 * math.log(2) / math.log(3), abs=0.02)
    assert found.informativeness.value == 1


def test_concentration_by_hand() -> None:
    rows = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 6.0], [0.0, 0.0, 0.0]])
    assert metrics._concentration(rows) == pytest.approx((2 * (1 - math.log(2) / math.log(3)) + 6) / 8)
    assert metrics._concentration(np.ones((3, 1))) == 1
    assert metrics._concentration(np.zeros((2, 2))) == 0


def test_factor_vae_score_of_a_code_that_knows_one_of_two_factors() -> None:
    """Held fixed, the known factor is found each time; the other one by the second dimension's noise, half the time."""
    factors = many(0, 6, 6)
    codes = np.column_stack([factors[:, 0], np.random.default_rng(0).normal(size=3000)])
    assert factor_vae_score(codes, factors, seed=0, votes=8000).value == pytest.approx(3 / 4, abs=0.04)
    alone = factor_vae_score(codes[:, :1], factors, seed=0)
    assert abs(alone.value - 0.5) < 5 * alone.stderr
    assert factor_vae_score(np.column_stack([np.ones(3000), factors]), factors, seed=0).value == 1  # not the constant


def test_factor_vae_score_does_not_flatter_itself_with_few_votes() -> None:
    """Counted on the votes that made the rule, noise would get 0.5 here."""
    factors, noise = many(0, 4, 4, 4), np.random.default_rng(1).normal(size=(3000, 5))
    scores = np.array([factor_vae_score(noise, factors, seed, votes=60).value for seed in range(60)])
    assert abs(scores.mean() - 1 / 3) < 5 * scores.std() / math.sqrt(60)


def test_a_factor_that_never_changes_takes_no_part() -> None:
    factors = np.column_stack([many(0, 4, 4), np.zeros(3000, int)])
    found = dci(factors[:, :2], factors, seed=0)
    assert (found.importance[:, 2] == 0).all()
    assert found.disentanglement.value == found.completeness.value == found.informativeness.value == 1
    assert factor_vae_score(factors[:, :2], factors, seed=0).value == 1


def test_scores_repeat_for_a_seed_and_refuse_what_they_cannot_say() -> None:
    factors, noise = many(0, 4, 4, images=400), np.random.default_rng(0).normal(size=(400, 3))
    assert dci(noise, factors, seed=3).completeness == dci(noise, factors, seed=3).completeness
    assert factor_vae_score(noise, factors, seed=3) == factor_vae_score(noise, factors, seed=3)
    assert dci(np.zeros((400, 3)), factors, seed=0).disentanglement.value == 0
    for score in (dci, factor_vae_score):
        with pytest.raises(ValueError, match="factor that changes"):
            score(noise, np.ones((400, 2), int), seed=0)
        with pytest.raises(ValueError, match="finite"):
            score(np.full((400, 2), np.nan), factors, seed=0)
    with pytest.raises(ValueError, match="20 codes that differ"):
        factor_vae_score(np.zeros((400, 3)), factors, seed=0)
    for score in (dci, factor_vae_score):
        with pytest.raises(ValueError, match="20 codes"):
            score(noise[:19], factors[:19], seed=0)


def test_probes_on_codes_they_can_and_cannot_tell_apart() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(2000, 2)).astype(np.float32)
    sides = (codes[:, 0] > 0).astype(int)
    checkers = (codes.prod(axis=1) > 0).astype(int)  # no straight line tells these
    chance = rng.integers(0, 4, 2000)
    found = {}
    for name, labels in (("sides", sides), ("checkers", checkers), ("chance", chance)):
        fit, test = balanced_split(labels, 0.5, seed=0)
        found[name] = probes(codes[fit], labels[fit], codes[test], labels[test])
    assert [e.name for e in found["sides"]] == ["linear_probe", "nearest_neighbours"]
    assert min(e.value for e in found["sides"]) > 0.97
    linear, nearest = found["checkers"]
    assert abs(linear.value - 0.5) < 0.08
    assert nearest.value > 0.95
    for estimate in found["chance"]:
        assert abs(estimate.value - 0.25) < 5 * estimate.stderr
        assert estimate.stderr == pytest.approx(binomial_error(estimate))


def test_split_takes_the_same_share_of_each_class_and_nothing_without_one() -> None:
    labels = np.array([0] * 40 + [1] * 10 + [-1] * 7 + [2])
    fit, test = balanced_split(labels, 0.5, seed=0)
    np.testing.assert_array_equal(np.bincount(labels[fit], minlength=3), [20, 5, 0])
    np.testing.assert_array_equal(np.bincount(labels[test], minlength=3), [20, 5, 1])
    assert not set(fit) & set(test)
    assert (labels[np.concatenate([fit, test])] >= 0).all()
    np.testing.assert_array_equal(fit, balanced_split(labels, 0.5, seed=0)[0])
    assert list(fit) != list(balanced_split(labels, 0.5, seed=1)[0])


def test_a_rare_class_is_among_those_fitted_to_and_counted():
    labels = np.array([0] * 10_000 + [1] * 2 + [2])
    fit, rest = balanced_split(labels, 0.1, seed=0)
    assert [int((labels[part] == k).sum()) for part in (fit, rest) for k in (0, 1, 2)] == [1000, 1, 0, 9000, 1, 1]


def test_all_right_or_all_wrong_is_no_certainty():
    codes = np.array([[0.0], [1], [10], [11]])
    for estimate in probes(codes, np.array([0, 0, 1, 1]), codes[[0, 2]], np.array([0, 1]), neighbours=1):
        assert estimate.value == 1
        assert estimate.stderr == pytest.approx(math.sqrt(0.75 * 0.25 / 2))  # p = (2 + 1) / (2 + 2)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, "no classes"),
        (np.full(5, -1), "no classes"),
        (np.array([3, 3, -1]), "one class"),
        (np.array([0, 1, 1]), "two images each"),
        (np.array([0, 1, 1, 0]), None),
    ],
)
def test_what_cannot_be_probed_says_why(labels: np.ndarray | None, reason: str | None) -> None:
    assert (probe_problem(labels) is None) if reason is None else reason in str(probe_problem(labels))
