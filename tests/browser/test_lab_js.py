"""The Lab's modules with numbers: the film player, the page's address, sliders, keys, how figures are written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.modules import Modules

CONTROLS: list[dict[str, Any]] = [
    {"kind": "slider", "name": "size", "low": 1, "high": 50, "step": 1, "whole": True, "log": False, "default": 5},
    {"kind": "slider", "name": "rate", "low": 0.001, "high": 10, "step": 0.1, "whole": False, "log": True,
     "default": 0.1},
    {"kind": "choice", "name": "scene", "values": [["one", "One"], ["two", "Two"]], "default": "one"},
    {"kind": "choice", "name": "count", "values": [[1, "One"], [10, "Ten"]], "default": 10},
    {"kind": "steps", "name": "moves", "buttons": [["E", "Encoder"], ["D", "Decoder"]], "most": 6, "default": ""},
]  # fmt: skip
DEMOS = [{"name": "alpha", "title": "Alpha", "controls": CONTROLS}, {"name": "beta", "title": "Beta", "controls": []}]
USUAL = {"size": 5, "rate": 0.1, "scene": "one", "count": 10, "moves": ""}

# A player whose timers are in our hands: tick() runs the next one; `log` has what was shown, "n" is how many wait.
PLAYER = """(() => {
  const waiting = new Map(), real = [window.setTimeout, window.clearTimeout], log = [];
  let last = 0;
  window.setTimeout = (task, ms) => (waiting.set(++last, { task, ms }), last);
  window.clearTimeout = (id) => waiting.delete(id);
  const player = new m.Player({ onShow: (moments, index) => log.push(moments[index].text), onState: () => {} });
  const film = (name, count, from = 0, holds = []) => Array.from({ length: count }, (_, i) => (
    { fraction: (from + i + 1) / 10, text: name + (from + i), data: { hold: holds.includes(from + i) } }));
  const tick = (times = 1) => {
    for (let k = 0; k < times && waiting.size; k++) {
      const [[id, { task }]] = waiting;
      waiting.delete(id);
      task();
    }
    return log.at(-1);
  };
  const waits = () => [...waiting.values()].map(({ ms }) => ms);
  try {
    const told = [];
    %s
    return told;
  } finally {
    [window.setTimeout, window.clearTimeout] = real;
  }
})()"""


def played(modules: Modules, script: str) -> list[Any]:
    return modules.call("lab_film.js", PLAYER % script)


def test_a_film_plays_as_it_comes_and_waits_without_a_timer(modules: Modules) -> None:
    assert played(modules, """
        player.begin();
        player.wake(true);
        player.add(film("a", 3), false);
        told.push(log.at(-1), waits().length);
        told.push(tick(10), waits().length, player.playing, player.ended);
        player.add(film("a", 7, 3), true);
        told.push(waits().length, tick(20), waits().length, player.playing, player.ended, log.length);
    """) == ["a0", 1, "a2", 0, True, False, 1, "a9", 0, False, True, 10]  # fmt: skip


def test_a_film_that_nobody_sees_costs_nothing(modules: Modules) -> None:
    assert played(modules, """
        player.begin();
        player.add(film("a", 10), true);
        told.push(log.at(-1), waits().length);
        player.wake(true);
        tick(3);
        told.push(log.at(-1), waits().length);
        player.wake(false);
        told.push(waits().length);
        player.wake(true);
        told.push(waits().length, tick());
        player.pause();
        told.push(waits().length);
    """) == ["a0", 0, "a3", 1, 0, 1, "a4", 0]  # fmt: skip


def test_one_seeks_steps_and_plays_again(modules: Modules) -> None:
    assert played(modules, """
        player.begin();
        player.wake(true);
        player.add(film("a", 10), true);
        player.seek(7);
        told.push(log.at(-1), player.playing, waits().length);
        player.step(1);
        player.step(1);
        player.step(1);
        told.push(log.at(-1), player.ended);
        player.toggle();
        told.push(log.at(-1), player.playing, tick());
        player.toggle();
        told.push(player.playing, waits().length);
    """) == ["a7", False, 0, "a9", True, "a0", True, "a1", False, 0]  # fmt: skip


def test_a_film_waits_for_its_visitor_where_it_says_so(modules: Modules) -> None:
    assert played(modules, """
        player.begin();
        player.wake(true);
        player.add(film("a", 10, 0, [2, 5]), true);
        told.push(tick(20), player.playing, waits().length);
        player.wake(false);
        player.wake(true);
        told.push(waits().length);
        player.play();
        told.push(tick(20), player.playing);
        told.push([[2, 1], [3, 1], [5, 1], [5, -1], [2, -1]].map(([at, by]) => (
          m.stepFrom(player.moments, at, by))));
    """) == ["a2", False, 0, 0, "a5", False, [5, 5, None, 2, None]]  # fmt: skip


def test_a_film_may_begin_by_waiting(modules: Modules) -> None:
    assert played(modules, """
        player.begin();
        player.wake(true);
        player.add(film("a", 10, 0, [0]), true);
        told.push(log.at(-1), player.playing, waits().length);
        player.play();
        told.push(waits(), tick(20), player.ended);
    """) == ["a0", False, 0, [0], "a9", True]  # fmt: skip


def test_the_film_before_stays_in_sight_until_the_next_one_has_something_to_show(modules: Modules) -> None:
    assert played(modules, """
        player.begin();
        player.wake(true);
        player.add(film("a", 5), true);
        player.seek(3);
        player.begin();
        told.push(log.at(-1), player.count, player.ended, player.whole);
        player.add(film("b", 2), false);
        told.push(log.at(-1), player.count);
        player.add(film("b", 8, 2), true);
        tick(20);
        player.begin({ from: 9 });
        player.add(film("b", 8), false);
        told.push(log.at(-1), player.count);
        player.add(film("b", 6, 8), true);
        told.push(log.at(-1), player.count, tick(20), log.slice(-4));
    """) == ["a3", 5, False, False, "b0", 2, "b9", 10, "b9", 14, "b13", ["b10", "b11", "b12", "b13"]]  # fmt: skip


def test_a_film_takes_some_twelve_seconds_whether_it_has_twenty_moments_or_two_hundred(modules: Modules) -> None:
    counts = [1, 20, 40, 100, 200, 1000]
    paces = modules.call("lab_film.js", "counts.map(m.pace)", counts=counts)
    assert paces == [420, 420, 300, 120, 60, 60]
    many = "m.expected(Array.from({ length: 5 }, (_, i) => ({ fraction: (i + 1) / 40 })), complete)"
    assert modules.call("lab_film.js", many, complete=False) == 40
    assert modules.call("lab_film.js", many, complete=True) == 5
    assert modules.call("lab_film.js", "m.expected([], false)") == 0


# ---- the address


def read(modules: Modules, search: str) -> dict[str, Any]:
    return modules.call("lab_address.js", "m.readAddress(search, demos)", search=search, demos=DEMOS)


def test_a_link_brings_back_what_it_was_made_of(modules: Modules) -> None:
    settings = {"size": 12, "rate": 0.37, "scene": "two", "count": 1, "moves": "EED"}
    base = "http://x/lab?model=mnist-2d&demo=beta&nonsense=1&present=1&embed=true"
    url = modules.call("lab_address.js", "m.addressOf(base, demos[0], settings, 7, true)", base=base, demos=DEMOS,
                       settings=settings)  # fmt: skip
    assert url == ("http://x/lab?model=mnist-2d&embed=true&demo=alpha&seed=7&size=12&rate=0.37&scene=two&count=1"
                   "&moves=EED&present=1")  # fmt: skip
    found = read(modules, url.partition("?")[2])
    assert found == {"demo": "alpha", "settings": settings, "seed": 7, "present": True, "complaints": []}
    plain = modules.call("lab_address.js", "m.addressOf('http://x/lab', demos[0], usual, 0, false)", demos=DEMOS,
                         usual=USUAL)  # fmt: skip
    assert plain == "http://x/lab?demo=alpha&seed=0"


def test_no_link_asks_for_nothing(modules: Modules) -> None:
    nothing = {"demo": None, "settings": None, "seed": None, "present": False, "complaints": []}
    assert read(modules, "") == nothing
    assert read(modules, "?model=mnist-2d") == nothing


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("size=51", "The link's size=51 cannot be"),
        ("size=0", "The link's size=0 cannot be"),
        ("size=2.5", "The link's size=2.5 cannot be"),
        ("size=", "The link's size= cannot be"),
        ("size=NaN", "The link's size=NaN cannot be"),
        ("rate=1e9", "The link's rate=1e9 cannot be"),
        ("scene=three", "The link's scene=three cannot be"),
        ("count=2", "The link's count=2 cannot be"),
        ("moves=EX", "The link's moves=EX cannot be"),
        ("moves=EEEEEEE", "The link's moves=EEEEEEE cannot be"),
        ("wrong=1", "“Alpha” has no setting “wrong”"),
        ("seed=-1", "The link's seed is no whole number"),
        ("seed=2147483648", "The link's seed is no whole number"),
        ("seed=1e3", "The link's seed is no whole number"),
    ],
)
def test_what_cannot_be_is_told_and_left_out(modules: Modules, query: str, words: str) -> None:
    found = read(modules, f"?demo=alpha&{query}")
    (line,) = found["complaints"]
    assert line.startswith(words)
    assert (found["demo"], found["settings"], found["seed"]) == ("alpha", USUAL, None)


def test_an_unknown_demonstration_is_told(modules: Modules) -> None:
    found = read(modules, "?demo=<b>&size=3&seed=2147483647")
    assert found["complaints"] == ["There is no demonstration “<b>”: here are the others."]
    assert (found["demo"], found["settings"], found["seed"]) == (None, None, 2147483647)


# ---- sliders, keys, sizes, figures


def test_sliders_go_from_end_to_end(modules: Modules) -> None:
    size, rate = CONTROLS[:2]
    values = "[0, 0.25, 0.5, 1].map((place) => m.valueAt(control, place))"
    assert modules.call("lab_controls.js", values, control=size) == [1, 13, 26, 50]
    assert modules.call("lab_controls.js", values, control=rate) == pytest.approx([0.001, 0.01, 0.1, 10])
    whole = {**size, "log": True}
    assert modules.call("lab_controls.js", values, control=whole) == [1, 3, 7, 50]
    back = "given.map((value) => m.placeOf(control, value))"
    assert modules.call("lab_controls.js", back, control=rate, given=[0.001, 0.1, 10]) == pytest.approx([0, 0.5, 1])
    assert modules.call("lab_controls.js", back, control=size, given=[1, 50]) == [0, 1]


def test_only_more_steps_by_hand_go_on_with_a_film(modules: Modules) -> None:
    before = {**USUAL, "moves": "EE"}
    script = "changes.map((change) => m.continues(demo, before, { ...before, ...change }))"
    changes = [{"moves": "EED"}, {"moves": "EE"}, {"moves": "E"}, {"moves": "DE"}, {"moves": "EED", "size": 6}]
    found = modules.call("lab_demonstration.js", script, demo=DEMOS[0], before=before, changes=changes)
    assert found == [True, True, False, False, False]


def test_keys_belong_to_what_has_the_focus(modules: Modules) -> None:
    script = """keys.map((key) => m.meaning({ key }, target && document.createElement(target)))"""
    keys = ["ArrowRight", "PageUp", " ", "R", "Escape", "x"]

    def means(target: str | None) -> list[Any]:
        return modules.call("lab_presenter.js", script, keys=keys, target=target)

    toggle, reset, leave = ({"call": name} for name in ("toggle", "reset", "leave"))
    assert means(None) == [{"by": 1}, {"by": -1}, toggle, reset, leave, None]
    assert means("button") == [{"by": 1}, {"by": -1}, None, reset, leave, None]
    assert means("input") == [None, None, None, None, leave, None]
    with_control = "m.meaning({ key: 'r', ctrlKey: true }, null)"
    assert modules.call("lab_presenter.js", with_control) is None


def test_a_presentation_is_as_large_as_the_window_allows(modules: Modules) -> None:
    sizes = [[420, 800], [1080, 660], [1440, 900], [1920, 1080], [1440, 600], [9000, 9000]]
    found = modules.call("lab_presenter.js", "sizes.map(([w, h]) => m.enlargement(w, h))", sizes=sizes)
    assert found == [1, 1, 1.3, 1.6, 1, 2.4]


def test_the_stage_takes_what_the_rest_of_the_screen_leaves(modules: Modules) -> None:
    pictures = ["100 + s", "100 + 2 * s", "100 + Math.max(s, 350)", "900", "100 + Math.round(1.1 * s) + 30"]
    script = "m.stageFor(700, new Function('s', `return ${picture}`))"
    found = [modules.call("lab_presenter.js", script, picture=picture) for picture in pictures]
    assert found == [600, 300, 450, 200, 518]


def test_figures_have_four_digits_that_say_something(modules: Modules) -> None:
    values = [None, 0, 5, -1.67083, 66.3712, 1234.567, 123456, 0.012345, 1e-9, -3.2e7, 16]
    found = modules.call("lab_outcomes.js", "given.map((value) => m.digits(value))", given=values)
    assert found == ["–", "0", "5", "−1.671", "66.37", "1235", "123,456", "0.01235", "1.00·10⁻⁹", "−3.20·10⁷", "16"]


def test_a_band_may_be_open_on_one_side(modules: Modules) -> None:
    bands = [None, [1, 2.5], [None, 66.3712], [-3, None]]
    found = modules.call("lab_outcomes.js", "given.map((band) => m.bandWords(band))", given=bands)
    assert found == ["–", "1 to 2.5", "up to 66.37", "from −3"]
