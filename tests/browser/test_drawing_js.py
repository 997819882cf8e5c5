"""The drawing pad by itself, on a blank page: pen, eraser, undo, clear, and what it sends when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.modules import serving

PAD = """async () => {
    const { createDrawing } = await import("/drawing.js");
    window.told = [];
    window.release = () => {};
    window.pad = createDrawing({
        shape: [1, 28, 28],
        send: (drawing, finished) => {
            window.told.push([finished, drawing.pixels.reduce((sum, v) => sum + v, 0)]);
            return window.slow ? new Promise((resolve) => { window.release = resolve; }) : Promise.resolve();
        },
        onempty: () => window.told.push("empty"),
        onbegin: () => window.told.push("begin"),
    });
    document.body.replaceChildren(window.pad.element);
    window.pad.canvas.style.width = "224px";
}"""


@pytest.fixture
def pad(page: Any) -> Iterator[Any]:
    with serving() as url:
        page.goto(url)
        page.evaluate(PAD)
        yield page


def draw(page: Any, points: list[tuple[float, float]], lift: bool = True) -> None:
    """A stroke through points in 0..1 of the pad."""
    box = page.get_by_test_id("draw-pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    if lift:
        page.mouse.up()


def told(page: Any) -> list[Any]:
    """What the pad has told since it was last asked."""
    page.wait_for_timeout(50)
    return page.evaluate("window.told.splice(0)")


def ink(page: Any) -> float:
    """The sum of the pixels: 0 for an empty pad."""
    return page.evaluate("(window.pad.read()?.pixels ?? []).reduce((sum, v) => sum + v, 0)")


DOWN = [(0.5, 0.2), (0.5, 0.8)]
ACROSS = [(0.2, 0.5), (0.8, 0.5)]


def test_it_tells_while_one_draws_and_at_the_end(pad: Any) -> None:
    draw(pad, DOWN, lift=False)
    first, *during = told(pad)
    assert first == "begin"
    assert during
    assert not any(finished for finished, _ in during)
    pad.mouse.up()
    ((finished, amount),) = told(pad)
    assert finished
    assert amount == pytest.approx(ink(pad))
    assert 500 < amount < 1200, "a line of 67 by 10 pixels"
    assert pad.evaluate("[window.pad.read().width, window.pad.read().height]") == [112, 112]


def test_undo_takes_strokes_back_one_by_one(pad: Any) -> None:
    undo = pad.get_by_role("button", name="Undo the last stroke")
    assert undo.is_disabled()
    draw(pad, DOWN)
    one = ink(pad)
    draw(pad, ACROSS)
    two = ink(pad)
    assert two > one * 1.5
    told(pad)
    undo.click()
    assert ink(pad) == one
    assert told(pad)[-1][0] is True
    undo.click()
    assert told(pad) == ["empty"]
    assert pad.evaluate("window.pad.empty()")
    assert undo.is_disabled()


def test_the_eraser_and_its_undo_by_key(pad: Any) -> None:
    draw(pad, DOWN)
    one = ink(pad)
    pad.get_by_role("button", name="Eraser").click()
    draw(pad, [(0.5, 0.5), (0.5, 0.9)])
    assert 0 < ink(pad) < 0.7 * one
    told(pad)
    draw(pad, DOWN)
    assert told(pad)[-1] == "empty"
    pad.keyboard.press("Control+z")
    pad.keyboard.press("Control+z")
    assert ink(pad) == one


def test_clear_can_be_taken_back(pad: Any) -> None:
    draw(pad, DOWN)
    one = ink(pad)
    told(pad)
    pad.get_by_role("button", name="Clear").click()
    pad.get_by_role("button", name="Clear").click()
    assert told(pad) == ["empty"], "an empty pad is cleared once"
    assert pad.get_by_label("drawing, empty").count() == 1
    pad.get_by_role("button", name="Undo the last stroke").click()
    assert ink(pad) == one


def test_only_the_newest_drawing_waits(pad: Any) -> None:
    pad.evaluate("window.slow = true")
    draw(pad, DOWN)
    draw(pad, ACROSS)
    (begun, first, again) = told(pad)
    assert (begun, again) == ("begin", "begin")
    assert first[0] is False
    pad.evaluate("window.slow = false; window.release()")
    (last,) = told(pad)
    assert last[0] is True, "the end of a stroke is told even when later movement overtakes it"
    assert last[1] == pytest.approx(ink(pad))


def test_what_waits_is_forgotten_when_the_pad_is_cleared(pad: Any) -> None:
    pad.evaluate("window.slow = true")
    draw(pad, DOWN)
    told(pad)
    pad.get_by_role("button", name="Clear").click()
    assert told(pad) == ["empty"]
    pad.evaluate("window.slow = false; window.release()")
    assert told(pad) == []


def test_other_buttons_and_second_fingers_draw_nothing(pad: Any) -> None:
    box = pad.get_by_test_id("draw-pad").bounding_box()
    pad.mouse.move(box["x"] + 50, box["y"] + 50)
    pad.mouse.down(button="right")
    pad.mouse.move(box["x"] + 90, box["y"] + 50)
    pad.mouse.up(button="right")
    assert pad.evaluate("window.pad.empty()")
    draw(pad, DOWN, lift=False)
    one = ink(pad)
    pad.evaluate("""() => {
        for (const [type, clientX] of [["pointerdown", 60], ["pointermove", 100], ["pointerup", 100]]) {
            const finger = { pointerId: 77, clientX, clientY: 60, bubbles: true };
            window.pad.canvas.dispatchEvent(new PointerEvent(type, finger));
        }
    }""")
    assert ink(pad) == one
    pad.mouse.up()


def test_a_page_can_draw_by_itself(pad: Any) -> None:
    pad.evaluate("window.pad.stroke([[0.5, 0.2], [0.5, 0.5]], false); window.pad.stroke([[0.5, 0.8]], true)")
    assert [finished for finished, _ in told(pad)] == [False, True]
    by_page = ink(pad)
    pad.evaluate("window.pad.undo()")
    assert pad.evaluate("window.pad.empty()"), "both parts are one stroke"
    draw(pad, DOWN)
    assert ink(pad) == pytest.approx(by_page, rel=0.05)
