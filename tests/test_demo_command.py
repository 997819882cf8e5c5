"""`demo` as a person uses it: the list, the figures of a demonstration beside theory and band, and what it refuses."""

from __future__ import annotations

import json
import os

import pytest

from tests import command_line
from vaeexplorer import demo_command, demos
from vaeexplorer.__main__ import main
from vaeexplorer.demos import Choice, Demo, Moment, Outcome, Slider, Steps
from vaeexplorer.records import Estimate

STORY = {"story": ("A story.",), "notice": ("Look.",), "source": "text 001", "seconds": 1.0}


def run(settings, seed):
    """One figure that says what it was asked for, inside of its band for sizes up to 3."""
    yield Moment(0.0, "It begins.", {})
    if settings["size"] == 9:
        raise KeyboardInterrupt
    if settings["size"] == 8:
        yield Moment(0.5, "It grows.", {"value": float("inf")})
    value = settings["size"] + 100 * seed + 1000 * (settings["scene"] == "second")
    estimate = Estimate(value, 0.25, 7, "unbiased", "draws", "value")
    exact = Estimate(0.5, 0.0, 1, "exact", "one model", "sum", "")
    yield Moment(1.0, "It ends.", {}, (Outcome("value", "The value", estimate, 2.0, (0.0, 3.0), "It is what it is."),
                                       Outcome("sum", "The sum", exact)))  # fmt: skip


CONTROLS = (
    Choice("scene", "Scene", (("first", "One"), ("second", "Two")), "first"),
    Slider("size", "Size", 1, 9, 1, 2),
    Steps("moves", "Moves", (("E", "encoder"), ("D", "decoder")), "E", scenes=("second",)),
    Slider("late", "Late", 0.0, 1.0, 0.1, 0.5, scenes=("first",)),
)
FAKE = {"pair": Demo("A pair", "Which?", controls=CONTROLS, run=run, **STORY),
        "single": Demo("A single", "Why?", controls=(), source="text 002", story=(), notice=(), seconds=2.0,
                       run=lambda settings, seed: run({"size": 1, "scene": None}, seed))}  # fmt: skip


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(demos, "DEMOS", FAKE)


def document(capsys, *arguments):
    return command_line.document(capsys, "demo", *arguments)


def refused(capsys, *arguments):
    return command_line.refused(capsys, "demo", *arguments)


def test_every_scene_is_played_at_its_defaults(capsys):
    found = document(capsys, "pair", "--seed", "3")
    assert (found["demo"], found["title"], found["question"]) == ("pair", "A pair", "Which?")
    assert (found["seed"], found["source"], found["complete"]) == (3, "text 001", True)
    assert found["settings"] == {"size": 2, "moves": "E", "late": 0.5} and found["scenes"] == ["first", "second"]
    rows = [(row["scene"], row["name"], row["value"], row["inside"]) for row in found["outcomes"]]
    assert rows == [("first", "value", 302, False), ("first", "sum", 0.5, None),
                    ("second", "value", 1302, False), ("second", "sum", 0.5, None)]  # fmt: skip
    value, total = found["outcomes"][:2]
    assert (value["theory"], value["band"], value["words"]) == (2.0, [0.0, 3.0], "It is what it is.")
    assert (value["stderr"], value["n"], value["kind"], value["over"], value["unit"]) == (
        0.25, 7, "unbiased", "draws", "nats")  # fmt: skip
    assert (total["theory"], total["band"], total["stderr"]) == (None, None, 0)


def test_settings_choose_the_scene(capsys):
    found = document(capsys, "pair", "--set", "scene=second")
    assert found["scenes"] == ["second"] and found["settings"] == {"size": 2, "moves": "E"}, "those that have a say"
    found = document(capsys, "pair", "--set", "late=0.2", "size=3")
    assert found["scenes"] == ["first"] and (found["settings"]["late"], found["settings"]["size"]) == (0.2, 3)
    found = document(capsys, "pair", "--set", "moves=", "--set", "size=1")
    assert found["scenes"] == ["second"] and found["settings"]["moves"] == ""
    found = document(capsys, "single")
    assert (found["scenes"], found["settings"]) == ([], {})
    assert {row["scene"] for row in found["outcomes"]} == {None}


def test_figures_for_people(capsys):
    assert main(["demo", "pair", "--set", "size=3"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "A pair: Which?"
    assert lines[1] == "seed 0, size=3 moves=E late=0.5; text 001"
    first = "The value" + " " * 36 + "3.00 ± 0.25 nats  (unbiased, n = 7 draws); theory 2; inside of 0 to 3"
    assert lines[2:4] == ["scene first", first]
    assert lines[4].split("  (")[0].split() == ["The", "sum", "0.5"] and "inside" not in lines[4]
    assert "1003.00 ± 0.25 nats" in lines[6] and lines[6].endswith("OUTSIDE of 0 to 3")
    assert lines[-1] == "outside of their bands: value (scene second)"
    assert main(["demo", "single"]) == 0
    assert "outside" not in capsys.readouterr().out


def test_the_list(capsys):
    rows = document(capsys, "--list")
    assert [row["name"] for row in rows] == ["pair", "single"]
    assert [control["kind"] for control in rows[0]["controls"]] == ["choice", "slider", "steps", "slider"]
    assert main(["demo", "--list"]) == 0
    out = capsys.readouterr().out
    assert "pair" + " " * 20 + "A pair: Which? (about 1 s)" in out
    assert "scene=first  one of first, second" in out
    assert "size=2  from 1 to 9\n" in out
    assert "moves=E  E: encoder, D: decoder, in the scene second" in out
    assert [row["name"] for row in document(capsys, "single", "--list")] == ["single"]


def test_the_real_list(capsys, monkeypatch):
    monkeypatch.undo()
    assert [row["name"] for row in document(capsys, "--list")] == list(demos.DEMOS)
    assert main(["demo", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name} " in out for name in demos.DEMOS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a demonstration, or ask for --list: there are pair, single"),
        (["no_such"], "there is no demonstration 'no_such': name one of pair, single"),
        (["no_such", "--list"], "there is no demonstration 'no_such'"),
        (["pair", "--set", "size"], "--set takes name=value, got 'size'"),
        (["pair", "--set", "=3"], "--set takes name=value, got '=3'"),
        (["pair", "--set", "size=1", "size=2"], "--set has size twice"),
        (["pair", "--set", "colour=red"], "there is no setting 'colour': there are scene, size, moves, late"),
        (["single", "--set", "size=1"], "there is no setting 'size': there are none"),
        (["pair", "--set", "size=10"], "size is a whole number from 1 to 9; got '10'"),
        (["pair", "--set", "size=nan"], "size is a whole number"),
        (["pair", "--set", "scene=third"], "scene is one of first, second; got 'third'"),
        (["pair", "--set", "moves=X"], "moves is a text of at most"),
        (["pair", "--set", "scene=first", "moves=D"], "no scene in which all that is set has a say: moves belongs to"),
        (["pair", "--set", "late=0.1", "moves=D"], "moves belongs to second; late belongs to first"),
        (["pair", "--seed", "-1"], "seed is a whole number from 0 to"),
        (["pair", "--seed", "99999999999"], "seed is a whole number from 0 to"),
        (["pair", "--seed", "one"], "invalid int value"),
        (["pair", "--set", "size=8"], "the numbers left all bounds: It grows."),
    ],
)
def test_mistakes_get_one_line(capsys, arguments, words):
    assert words in refused(capsys, *arguments)


def test_ctrl_c_prints_what_has_been_found(capsys, monkeypatch):
    assert main(["demo", "pair", "--set", "size=9", "--json"]) == 130
    out, err = capsys.readouterr()
    assert json.loads(out)["outcomes"] == [] and not json.loads(out)["complete"]
    assert err == "interrupted: what is printed is a part of what was asked for\n"

    def second_never_ends(settings, seed):
        if settings["scene"] == "second":
            raise KeyboardInterrupt
        yield from run(settings, seed)

    monkeypatch.setattr(demos, "DEMOS", {"pair": Demo("A pair", "Which?", controls=CONTROLS, run=second_never_ends,
                                                      **STORY)})  # fmt: skip
    assert main(["demo", "pair"]) == 130
    out, err = capsys.readouterr()
    assert "The value" in out and "scene second" not in out and err.startswith("interrupted")


def test_data_are_looked_for_where_one_says(capsys, tmp_path):
    document(capsys, "single", "--data-dir", str(tmp_path))
    assert os.environ["VAEEXPLORER_DATA"] == str(tmp_path)


@pytest.mark.parametrize(
    ("band", "words"), [((1.0, 2.5), "1 to 2.5"), ((None, 66.3712), "66.371 or less"), ((-3.0, None), "-3 or more")]
)
def test_a_band_may_be_open_on_one_side(band, words):
    assert demo_command._band(*band) == words
