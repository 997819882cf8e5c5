"""What all demonstrations have in common: settings that are checked, a film that starts at once, figures, a picture."""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path

import pytest

import vaeexplorer
from vaeexplorer.demos import DEMOS, Choice, Demo, Moment, Outcome, Slider, Steps, play
from vaeexplorer.demos.demo import SCENE, all_finite
from vaeexplorer.records import Estimate

PICTURES = Path(vaeexplorer.__file__).parent / "ui" / "components" / "laboratory"
ALL = pytest.mark.parametrize("name", DEMOS)
MOST_CONTROLS = 3  # in one scene, beside the choice of the scene

SIZE = Slider("size", "Size", 1, 10, 1, 5)
RATE = Slider("rate", "Rate", 0.001, 1.0, 0.001, 0.01, log=True)
KIND = Choice("kind", "Kind", (("a", "The first"), (2, "The second")), "a")
STEPS = Steps("history", "By hand", (("E", "Encoder"), ("D", "Decoder")), most=5)


def settings_of(demo: Demo) -> list[dict[str, str]]:
    return [{SCENE: scene} for scene in demo.scenes] or [{}]


@ALL
def test_it_says_what_it_is_about(name):
    demo = DEMOS[name]
    assert demo.title and demo.source and demo.seconds > 0
    assert demo.question.endswith("?")
    for sentence in (*demo.story, *demo.notice):
        assert sentence[0].isupper() and sentence.rstrip("”)")[-1] in ".?!:", sentence
    assert demo.story and demo.notice
    told = json.loads(json.dumps(demo.to_dict(), allow_nan=False))
    assert [control["name"] for control in told["controls"]] == [control.name for control in demo.controls]


@ALL
def test_it_has_a_few_controls_each_with_a_title(name):
    demo = DEMOS[name]
    assert len({control.name for control in demo.controls}) == len(demo.controls)
    for control in demo.controls:
        assert control.title and control.check(control.default) == control.default
        assert set(control.scenes) <= set(demo.scenes)
    for scene in demo.scenes or ("",):
        shown = [c for c in demo.controls if c.name != SCENE and (not c.scenes or scene in c.scenes)]
        assert len(shown) <= MOST_CONTROLS, [c.name for c in shown]


@ALL
def test_its_picture_lies_beside_the_others(name):
    source = (PICTURES / f"lab_{name}.js").read_text(encoding="utf-8")
    assert "export function picture(" in source


@ALL
def test_the_same_seed_begins_the_same_film(name):
    demo = DEMOS[name]
    for given in settings_of(demo):
        films = [play(demo, given, 3), play(demo, given, 3)]
        first, again = ([moment.to_dict() for moment in islice(film, 2)] for film in films)
        assert first == again and first[0]["text"]
        assert json.loads(json.dumps(first, allow_nan=False))
        for film in films:
            film.close()  # whoever leaves ends the work


def test_settings_that_are_not_given_are_the_defaults():
    demo = Demo("t", "q?", (), (), (SIZE, RATE, KIND, STEPS), lambda settings, seed: iter(()), "s", 1)
    assert demo.settings({}) == {"size": 5, "rate": 0.01, "kind": "a", "history": ""}
    found = demo.settings({"size": "7", "rate": "0.5", "kind": "2", "history": "EED"})
    assert found == {"size": 7, "rate": 0.5, "kind": 2, "history": "EED"}
    assert type(found["size"]) is int and type(found["kind"]) is int


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        (SIZE, 11, "size is a whole number from 1 to 10; got 11"),
        (SIZE, 0, "whole number from 1"),
        (SIZE, 2.5, "whole number"),
        (SIZE, "many", "got 'many'"),
        (SIZE, True, "whole number"),
        (SIZE, None, "whole number"),
        (RATE, math.nan, "rate is a number from 0.001 to 1"),
        (RATE, math.inf, "got inf"),
        (RATE, [1], "a number"),
        (KIND, "b", "kind is one of a, 2; got 'b'"),
        (STEPS, "EX", "at most 5 letters out of ED"),
        (STEPS, "EEEEEE", "at most 5"),
        (STEPS, 3, "letters"),
    ],
)
def test_a_value_that_is_none_is_refused_in_one_line(control, value, words):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused:
        control.check(value)
    assert words in str(refused.value)


def test_the_ends_of_a_slider_belong_to_it():
    assert [SIZE.check(1), SIZE.check(10), RATE.check(0.001), RATE.check(1.0)] == [1, 10, 0.001, 1.0]


def test_a_setting_that_does_not_exist_is_refused():
    demo = Demo("t", "q?", (), (), (SIZE,), lambda settings, seed: iter(()), "s", 1)
    with pytest.raises(ValueError, match="there is no setting 'sise': there are size"):
        demo.settings({"sise": 3})


@pytest.mark.parametrize("seed", [-1, 2**31, 1.0, "0", True])
def test_a_seed_that_is_none_is_refused_before_the_work(seed):
    demo = Demo("t", "q?", (), (), (SIZE,), lambda settings, seed: pytest.fail("began"), "s", 1)
    with pytest.raises(ValueError, match="seed is a whole number"):
        play(demo, {}, seed)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_left_all_bounds_end_the_film_in_words(bad):
    def run(settings, seed):
        yield Moment(0.5, "All is well.", {"curve": [1.0, None, "a", {"x": 2}]})
        yield Moment(1.0, "Step 20.", {"curve": [1.0, {"x": [bad]}]})

    film = play(Demo("t", "q?", (), (), (), run, "s", 1), {}, 0)
    assert next(film).text == "All is well."
    with pytest.raises(ValueError, match=r"left all bounds: Step 20\. .*reset"):
        next(film)


def test_only_finite_numbers_count_as_finite():
    assert all_finite({"a": [1, 2.0, None, True, "nan", (3.0,)]})
    assert not all_finite({"a": [1, {"b": (math.nan,)}]})


def test_the_work_ends_when_nobody_listens_any_more():
    ended = []

    def run(settings, seed):
        try:
            while True:
                yield Moment(0.0, "On.", {})
        finally:
            ended.append(True)

    film = play(Demo("t", "q?", (), (), (), run, "s", 1), {}, 0)
    next(film)
    film.close()
    assert ended == [True]


@pytest.mark.parametrize(("value", "inside"), [(0.9, False), (1.0, True), (2.0, True), (2.1, False)])
def test_a_figure_says_whether_it_lies_in_its_band(value, inside):
    outcome = Outcome("gap", "Gap", Estimate(value, math.inf, 3, "unbiased", "runs"), theory=1.5, band=(1.0, 2.0))
    told = outcome.to_dict()
    assert told["inside"] is inside and told["theory"] == 1.5 and told["stderr"] is None
    assert told["unit"] == "nats" and told["kind"] == "unbiased" and told["name"] == "gap"
    assert Outcome("gap", "Gap", outcome.estimate).inside is None
    assert Outcome("gap", "Gap", outcome.estimate, band=(None, 2.0)).inside is (value <= 2)
    assert Outcome("gap", "Gap", outcome.estimate, band=(1.0, None)).inside is (value >= 1)
