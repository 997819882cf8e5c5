import math

import numpy as np
import pytest

from vaeexplorer.records import Estimate, nats_to_bits


def test_mean_and_standard_error():
    estimate = Estimate.mean_of(np.array([1.0, 2.0, 3.0, 4.0]), kind="unbiased", over="images")
    assert estimate.value == 2.5
    assert estimate.stderr == pytest.approx(math.sqrt(5 / 3) / 2)  # ddof 1
    assert estimate.n == 4


def test_one_value_has_no_known_error_and_survives_json():
    estimate = Estimate.mean_of(np.array([3.0]), kind="exact", over="images")
    assert estimate.stderr == math.inf
    assert estimate.to_dict()["stderr"] is None
    assert Estimate.from_dict(estimate.to_dict()) == estimate


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (-94.5234, 0.263, "-94.52 ± 0.26 nats"),
        (-94.5234, 12.3, "-95 ± 12 nats"),
        (0.41234, 0.0031, "0.4123 ± 0.0031 nats"),
        (2.0, 0.0, "2 nats"),
    ],
)
def test_text_shows_the_digits_the_error_allows(value, stderr, text):
    assert str(Estimate(value, stderr, 10, "unbiased", "images")) == text


@pytest.mark.parametrize(
    "bad", [{"kind": "guess"}, {"n": 0}, {"stderr": -1.0}, {"value": math.nan}, {"stderr": math.nan}]
)
def test_impossible_estimates_are_refused(bad):
    with pytest.raises(ValueError, match=r"kind|needs"):
        Estimate(**{"value": 1.0, "stderr": 0.1, "n": 3, "kind": "exact", "over": "images", **bad})


def test_no_values_is_an_error_and_bits_are_smaller_units():
    with pytest.raises(ValueError, match="at least one value"):
        Estimate.mean_of(np.array([]), kind="exact", over="images")
    assert nats_to_bits(math.log(2)) == pytest.approx(1)
