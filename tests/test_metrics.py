"""The mutual information gap on codes whose answer is known exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaeexplorer.metrics import mutual_information_gap


def grid(*counts: int) -> np.ndarray:
    """Every combination of factors with so many values each, (N, F)."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, counts), indexing="ij")], axis=1)


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
