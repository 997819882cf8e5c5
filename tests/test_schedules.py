"""What changes over a run by plan."""

import pytest
from pydantic import ValidationError

from vaeexplorer.configs import TrainConfig, one_line
from vaeexplorer.schedules import SCHEDULES, beta_at


def test_learning_rates_start_at_one_and_end_low():
    assert {name: rate(0.0) for name, rate in SCHEDULES.items()} == dict.fromkeys(SCHEDULES, 1.0)
    assert SCHEDULES["cosine"](1.0) == pytest.approx(0)
    stages = [SCHEDULES["stages"](passes / 3280) for passes in (0.5, 1, 3.9, 4, 13, 1093, 3279)]
    expected = [0, 1, 1, 2, 3, 7, 7]
    assert stages == pytest.approx([10 ** (-stage / 7) for stage in expected])


def test_linear_beta_moves_evenly_over_the_first_half():
    config = TrainConfig(beta=2, beta_start=10)  # a start alone means linear
    assert config.beta_schedule == "linear"
    assert [beta_at(p, config) for p in (0, 0.25, 0.5, 1)] == [10, 6, 2, 2]
    assert beta_at(0.25, TrainConfig(beta=1, beta_schedule="linear")) == 0.5
    assert [beta_at(p, TrainConfig(beta=3)) for p in (0, 0.5, 1)] == [3, 3, 3]


def test_cyclical_beta_rises_in_the_first_half_of_each_cycle():
    config = TrainConfig(beta=4, beta_schedule="cyclical", beta_cycles=2)
    assert [beta_at(p, config) for p in (0, 0.125, 0.25, 0.49, 0.5, 0.625, 0.75)] == [0, 2, 4, 4, 0, 2, 4]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"beta_start": 1.0, "beta_schedule": "constant"}, "belongs to a linear or cyclical"),
        ({"encoder_steps": 5}, "belong to updates alternating"),
        ({"beta_schedule": "sine"}, "beta_schedule"),
        ({"free_bits": -1}, "free_bits"),
        ({"encoder_learning_rate": 0}, "encoder_learning_rate"),
    ],
)
def test_settings_that_do_not_go_together_say_so(fields, says):
    with pytest.raises(ValidationError) as error:
        TrainConfig(**fields)
    assert says in one_line(error.value)


def test_a_header_from_before_these_fields_reads_as_it_was_meant():
    old = {"dataset": "shapes", "beta": 3.0, "beta_start": 40.0}
    assert TrainConfig(**old).beta_schedule == "linear"
    assert TrainConfig(dataset="digits", beta_start=None).beta_schedule == "constant"
