"""The rules on small histories made by hand: each applies where its statement says, and not just beside it."""

import math

import pytest

from vaeexplorer.narrator import RULES, narrate
from vaeexplorer.narrator.words import figure
from vaeexplorer.records import Estimate

RUNNING = {"state": "running", "steps": 4000}
CONFIG = {"vae": {"image_shape": [1, 8, 8], "likelihood": "bernoulli"}, "train": {"beta": 1.0}}


def seen(elbo, stderr=0.2, kl=4.0, gap=0.3, gap_error=0.02, over="held-out images"):
    """The held-out estimates of one row."""

    def one(name, value, error, kind="lower bound"):
        return Estimate(value, math.inf if error is None else error, 360, kind, over, name).to_dict()

    return [
        one("elbo", elbo, stderr), one("reconstruction", elbo + kl, stderr), one("kl", kl, 0.01),
        one("subo", -elbo, 0.02), one("surprisal", -elbo - gap, 0.02), one("gap", gap, gap_error),
    ]  # fmt: skip


def late(rows):
    """The same rows, later than the first steps."""
    return [{**one, "step": one["step"] + 200} for one in rows]


def row(step, elbo=-25.0, kl=4.0, held_out=None, held_out_kl=None, **more):
    fields = {
        "step": step, "epoch": 1 + step // 12, "elbo": elbo, "reconstruction": elbo + kl, "kl": kl,
        "kl_per_dimension": [kl / 4] * 4, "gradient_norm": 4.0, "learning_rate": 1e-3, "beta": 1.0, "images": 128,
    }  # fmt: skip
    if held_out is not None:
        fields |= {"held_out": held_out, "held_out_kl": held_out_kl or [kl / 4] * 4}
    return {**fields, **more}


def curve(*points, **more):
    """A row with an observation at each (step, training ELBO, held-out ELBO)."""
    return [row(step, elbo, held_out=seen(held), **more) for step, elbo, held in points]


def told(rows, status=RUNNING, config=CONFIG):
    return narrate(rows, status, config)


LEVEL = curve((1, -45, -45), (500, -25, -25.1), (1000, -24.9, -25.0))
RISING = curve((1, -45, -45), (500, -26, -26), (1000, -25, -25.1))


@pytest.mark.parametrize("rows", [[], [row(1)], [row(1, held_out=seen(-45))], [row(k) for k in range(1, 4)]])
def test_a_run_that_has_only_begun(rows):
    found = told(rows)
    assert found.rule == "going_on"
    assert found.headline == ("It has only begun." if rows else "It is starting.")
    assert found.statement == RULES["going_on"].statement


def test_improving_says_by_how_much_and_since_when():
    found = told(RISING)
    assert found.rule == "improving"
    assert "the ELBO rose by 0.90 nats since step 500 (error at most 0.28)" in found.text
    assert found.headline == "Most is learned; now it polishes details."  # 0.9 of 19.9 nats
    assert "5 % of all that it gained" in found.text
    assert "On the training images it is 6.90 nats lower." in found.text  # the mean of the three rows is -32


def test_fast_learning_has_another_headline():
    assert told(curve((1, -45, -45), (2, -30, -30))).headline == "It is learning fast."
    assert told(curve((1, -45, -45), (2, -30, -30), (4, -25, -25))).headline == "It is learning."  # 5 of 20 nats


@pytest.mark.parametrize(("rise", "rule"), [(0.29, "improving"), (0.28, "levelled"), (-0.28, "levelled")])
def test_the_limit_is_the_root_of_the_squared_errors(rise, rule):
    # sqrt(.2^2 + .2^2) = .2828
    assert told(curve((1, -45, -45), (500, -25, -25), (1000, -26, -25 + rise))).rule == rule


def test_losing_ground_on_both_kinds_of_images():
    found = told(curve((1, -45, -45), (500, -25, -25), (1000, -60, -26)))
    assert found.rule == "falling"
    assert "fell by 1.00 nats since step 500" in found.text
    assert told(curve((1, -45, -45), (20, -25, -25), (40, -60, -26))).rule == "going_on"


def test_an_unknown_error_decides_nothing():
    # A single held-out image: its standard error is null in the row.
    rows = [row(k, held_out=seen(e, None)) for k, e in ((1, -45), (500, -26), (1000, -20))]
    assert rows[0]["held_out"][0]["stderr"] is None
    assert told(rows).rule == "going_on"


@pytest.mark.parametrize("state", ["paused", "stopped", "interrupted"])
def test_a_run_that_rests_says_where(state):
    found = told(LEVEL, {"state": state, "steps": 4000})
    assert found.rule == state
    assert "at step 1,000 of 4,000" in found.headline
    assert "-25.00 ± 0.20 nats" in found.text
    assert told([], {"state": state}).rule == state


def test_measuring_and_done():
    assert told(LEVEL, {"state": "measuring"}).rule == "measuring"
    found = told(LEVEL, {"state": "finished"})
    assert found.rule == "done"
    assert found.headline == "Done: 1,000 steps."
    assert "On 360 held-out images the ELBO, a lower bound of log p(x), is -25.00 ± 0.20 nats" in found.text
    assert "The gap between the two is at least 0.300 ± 0.020 nats" in found.text


def test_a_failed_run_gives_the_step_and_its_own_message():
    found = told(LEVEL, {"state": "failed", "error": "the run diverged at step 1003: its ELBO is nan"})
    assert (found.rule, found.headline) == ("failed", "Training stopped by itself after step 1,000.")
    assert found.text == "The run diverged at step 1003: its ELBO is nan"
    assert told([], {"state": "failed"}).headline == "Training stopped by itself."
    assert told([*LEVEL, row(1001, math.nan)]).rule == "failed"


def test_a_score_that_plunges():
    rows = [row(k, -45 + k) for k in range(1, 21)]
    assert told(late(rows)).rule == "going_on"
    assert told(late([*rows, row(21, -90)])).rule == "going_on"  # one row may be an accident
    assert told(late([*rows, row(21, -34), row(22, -34)])).rule == "going_on"  # less than half of 19 nats
    found = told(late([*rows, row(21, -41), row(22, -90)]))
    assert found.rule == "diverging"
    assert "was -44.0 nats at first, -25.0 nats at its best, and is -41.0 nats now" in found.text
    assert "The learning rate is 0.001" in found.text


def test_the_first_steps_may_bounce():
    rows = [row(k, -45 + k) for k in range(1, 21)]
    assert told([*rows, row(21, -90), row(22, -90)]).rule == "going_on"
    assert told([*rows, row(21, -95), row(22, -95)]).rule == "diverging"  # 50 nats below the first row


def test_while_beta_moves_the_code_may_get_expensive():
    # The reconstruction rises, and the score with the present beta of 7.8 falls from -22 to -94.
    rows = [row(k, -20 - k / 5, kl=k / 4, beta=k / 5) for k in range(1, 40)]
    config = {"train": {"beta": 20.0, "beta_schedule": "linear", "beta_start": 0.0}}
    found = told(rows, config=config)
    assert (found.rule, found.headline) == ("warming", "Beta is on its way from 0 to 20.")
    assert "is 7.8 now" in found.text
    assert told([*rows, row(41, beta=20.0)], config=config).rule == "going_on"
    assert "moves in 3 cycles" in told(rows, config={"beta": 9, "beta_schedule": "cyclical", "beta_cycles": 3}).text


def test_a_gradient_that_explodes():
    rows = [row(k) for k in range(1, 20)]
    assert told([*rows, row(20, gradient_norm=900.0)]).rule == "going_on"  # one odd step
    found = told([*rows, *(row(k, gradient_norm=900.0) for k in (20, 21))])
    assert found.rule == "diverging"
    assert "has the length 900.0; it was 4.00 in the middle" in found.text
    assert told([row(k, gradient_norm=None) for k in range(1, 20)]).rule == "going_on"


@pytest.mark.parametrize(
    ("likelihood", "now", "rule"),
    [
        ("gaussian_learned", 1.3, "spread"),
        ("gaussian_pixel", 1.3, "spread"),
        ("gaussian_learned", 0.9, "going_on"),
        ("gaussian", 1.3, "going_on"),
    ],
)
def test_a_spread_that_runs_to_zero(likelihood, now, rule):
    # 64 pixels; the reconstruction term rises evenly from 0 to `now` nats a pixel.
    rows = [row(k, 64 * now * k / 1000 - 4) for k in range(10, 1001, 10)]
    assert rows[-1]["reconstruction"] == pytest.approx(64 * now)
    config = {**CONFIG["vae"], "likelihood": likelihood, **CONFIG["train"]}
    found = told(rows, config=config)
    assert found.rule == rule
    if rule == "spread":
        assert "is 1.27 nats a pixel and rose by 0.65 since step 500" in found.text


def test_a_spread_that_stays_is_no_trouble():
    config = {**CONFIG["vae"], "likelihood": "gaussian_learned"}
    rows = [row(k, 64 * min(1.5, 1.5 * k / 300)) for k in range(10, 1001, 10)]
    assert told(rows, config=config).rule == "going_on"


@pytest.mark.parametrize(
    ("kl", "beta", "rule", "words"),
    [
        ([0.002] * 4, 20.0, "collapse", "All 4 dimensions carry less than 0.01 nats"),
        ([0.002] * 4, 1.0, "collapse", "Beta is 1, so the reason is not a large beta."),
        ([0.002, 0.003, 0.001, 3], 4.0, "collapse", "the other one carries 3.00 nats. Beta is 4: a nat of code"),
        ([0.002, 0.003, 0.001, 3], 1.0, "unused", "the other one carries 3.00 nats. Beta is 1, so"),
        ([0.002, 1, 1, 1], 4.0, "unused", "It carries less than 0.01 nats on held-out images; the other 3 carry 3.00"),
        ([0.0101, 1, 1, 1], 4.0, "levelled", "too little to be sure of"),
        ([0.002], 1.0, "collapse", "Its one dimension carries less"),
    ],
)
def test_dimensions_that_are_switched_off(kl, beta, rule, words):
    rows = [{**one, "beta": beta, "held_out": seen(one["elbo"], gap=0.02), "held_out_kl": kl} for one in LEVEL]
    found = told(rows)
    assert found.rule == rule
    assert words in found.text


@pytest.mark.parametrize(
    ("gap", "kl", "beta", "rule"),
    [
        (0.6, 0.1, 1.0, "lagging"),
        (0.6, 0.0, 0.5, "lagging"),  # rather than a collapse: the true posterior is not the prior
        (0.6, 0.6, 1.0, "levelled"),
        (0.09, 0.0, 1.0, "collapse"),
        (0.6, 0.1, 4.0, "levelled"),  # a large beta makes the encoder say less than it could
        (0.6, 0.0, 4.0, "collapse"),
    ],
)
def test_an_encoder_that_lags_behind(gap, kl, beta, rule):
    points = ((1, -45), (500, -25), (1000, -25))
    rows = [row(k, elbo, kl=kl, beta=beta, held_out=seen(elbo, kl=kl, gap=gap)) for k, elbo in points]
    found = told(rows)
    assert found.rule == rule
    if rule == "lagging":
        assert f"is at least 0.600 ± 0.020 nats, and the code carries only {kl:.2f} nats" in found.text
        assert "0.001" in told(rows, config={"encoder_learning_rate": 1e-3}).headline
        assert told([*rows[:2], {**rows[2], "held_out": seen(-20, kl=kl, gap=gap)}]).rule == "improving"


def test_an_empty_code_at_the_start_is_no_collapse():
    rows = [{**one, "step": one["step"] // 20 + 1, "held_out_kl": [0.001] * 4} for one in LEVEL]
    assert rows[-1]["step"] == 51
    assert told(rows).rule == "improving"


def test_overfitting_needs_a_fall_beyond_the_errors_and_a_rise_in_training():
    start = curve((1, -45, -45), (500, -25, -25))
    assert told([*start, *curve((1000, -20, -25.51))]).rule == "overfitting"
    assert told([*start, *curve((1000, -20, -25.49))]).rule == "falling"  # more than the error, not than half a nat
    assert told([*start, *curve((1000, -60, -25.6))]).rule == "falling"  # the training images fell as well
    noisy = [row(1, -45, held_out=seen(-45, 2.0)), row(500, -25, held_out=seen(-25, 2.0))]
    assert told([*noisy, row(1000, -20, held_out=seen(-26, 2.0))]).rule == "levelled"
    found = told([*start, *curve((1000, -20, -26.5))])
    assert "was best at step 500 and has fallen by 1.50 nats since (error at most 0.28)" in found.text


def test_the_encoder_overfits_where_the_gap_grows():
    def history(gap, error=0.02, training=-20):
        rows = curve((1, -45, -45), (500, -25, -25))
        return [*rows, row(1000, training, held_out=seen(-25.2, gap=gap, gap_error=error))]

    found = told(history(0.9))
    assert found.rule == "encoder"
    assert "from 0.30 nats at step 500 to 0.90 nats (error 0.03)" in found.text
    assert told(history(6.0)).rule == "encoder"  # a gap above the code's 4 nats, but one that grew: not a lag
    assert told(history(0.79)).rule == "levelled"  # less than half a nat
    assert told(history(0.9, error=0.31)).rule == "levelled"  # less than two errors
    assert told(history(0.9, training=-60)).rule == "levelled"  # no gain on the training images
    assert told([{**one, "held_out": one["held_out"][:3]} for one in history(0.9)]).rule == "levelled"  # no gap known


def test_a_gap_that_grows_while_the_bound_still_rises_is_no_alarm():
    # A code that comes into use has a gap, where an unused one had none.
    rows = [row(1, -45, held_out=seen(-45, gap=0.0)), *curve((500, -26, -26))]
    assert told([*rows, row(1000, -22, held_out=seen(-22, gap=3.0))]).rule == "improving"


def test_with_another_beta_the_score_is_what_training_raises():
    # The ELBO falls from -25 to -28 as the code grows, and reconstruction - 0.1 KL rises from -21.4 to -20.
    start = [row(k, e, held_out=seen(e), beta=0.1) for k, e in ((1, -45), (500, -25))]
    found = told([*start, row(1000, -28, kl=9.0, held_out=seen(-28, kl=9.0), beta=0.1)])
    assert found.rule == "improving"
    assert "the score (reconstruction - 0.1 x KL) rose by 1.50 nats" in found.text  # -19.9 after -21.4


def test_with_another_beta_the_training_images_are_judged_alike():
    # Their ELBO falls from -25 to -27 while reconstruction - 0.1 KL rises from -21.4 to -18.9: that is a gain.
    rows = [row(500, -25, held_out=seen(-25), beta=0.1)]
    rows += [row(k, -27, kl=9.0, beta=0.1) for k in range(510, 1000, 10)]
    found = told([*rows, row(1000, -27, kl=9.0, held_out=seen(-30, kl=4.0), beta=0.1)])
    assert found.rule == "overfitting"
    assert "on the training images it rose by 2.50 nats" in found.text


def test_troubles_outlast_the_run_and_say_that_it_rests():
    rows = [{**one, "held_out": seen(-25, gap=0.02), "held_out_kl": [0.001] * 4} for one in LEVEL]
    found = told(rows, {"state": "finished"})
    assert found.rule == "collapse"
    assert found.text.endswith("The run is finished.")


def test_urgent_rules_come_first():
    order = list(RULES)
    urgent = ["failed", "diverging", "spread", "lagging", "collapse", "encoder", "overfitting"]
    urgent += ["warming", "improving", "levelled"]
    assert [name for name in order if name in urgent] == urgent
    assert all(rule.title and rule.statement.endswith(".") for rule in RULES.values())


@pytest.mark.parametrize("keep", [1, 2, 3, 7, 50])
def test_a_thinned_history_tells_the_same(keep):
    rows = [row(k, -45 + 20 * (1 - math.exp(-k / 100))) for k in range(1, 2001)]
    for one in rows[::10]:
        one |= {"held_out": seen(one["elbo"] - 0.1), "held_out_kl": [1.0] * 4}
    kept = [one for i, one in enumerate(rows) if i % keep == 0 or "held_out" in one]
    assert told(kept).rule == "levelled"


ODD = [
    {}, {"step": None}, {"step": "7"}, {"step": 5}, {"step": 9, "elbo": None}, {"step": 9, "beta": None, "kl": "x"}, 3,
    {"step": 10, "held_out": None}, {"step": 10, "held_out": 5}, {"step": 10, "held_out": [{}]},
    {"step": 10, "held_out": [None]}, {"step": 10, "held_out": [{**seen(-25)[0], "value": None}]},
    {"step": 10, "held_out": [{**seen(-25)[0], "value": math.nan}]}, {"step": 10, "held_out": seen(-25)[:1]},
    {"step": 10, "held_out": seen(-25)}, {"step": 500, "held_out": seen(-25), "held_out_kl": [None, math.nan, 0.001]},
    {"step": 1000, "held_out": seen(-25), "held_out_kl": []}, {"step": 1000, "elbo": math.inf, "kl": -math.inf},
]  # fmt: skip


@pytest.mark.parametrize("status", [{}, RUNNING, {"state": "paused"}, {"state": "finished", "steps": None}])
@pytest.mark.parametrize("config", [{}, CONFIG, {"vae": None, "beta": None, "likelihood": "gaussian_learned"}])
def test_nothing_odd_stops_the_narrator(status, config):
    for rows in ([one] for one in ODD):
        assert told(rows * 12, status, config).headline
    assert told(ODD, status, config).text
    assert told([*ODD, *LEVEL, *ODD], status, config).text
    assert narrate(LEVEL, None, None).rule == "levelled"


def test_numbers_are_short():
    assert [figure(v) for v in (0.123, -25.04, 1234.5, -1.9e12)] == ["0.12", "-25.0", "1,234", "-1.9e+12"]
    assert "an unknown number of nats" in told([{"step": 1}]).text
