"""The Lab's picture of two losses in one: the sum, the clouds and outlines on the map, the path, for given films."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.browser.modules import Modules

KINDS = ("input", "encoder", "mu", "sigma", "noise", "z", "decoder", "gap", "text", "quiet", "edge", "page", "surface")
MAKE = """
async (kinds) => {
  const { dress } = await import("/theme.js"), { picture } = await import("/lab_two_losses.js");
  const names = ["base", "panels", "laboratory", "lab_packed", "lab_two_losses"];
  const sheets = await Promise.all(names.map(async (name) => (await fetch(`/${name}.css`)).text()));
  document.body.innerHTML = `<style>${sheets.join("\\n")}</style><div class="live panelled laboratory">`
    + '<div class="lab-demo"><div class="lab-main"><div class="lab-picture"></div></div></div></div>';
  const root = document.querySelector(".live"), { colours, theme } = dress(root, root, kinds);
  window.picture?.stop();
  window.picture = picture({});
  document.querySelector(".lab-picture").append(window.picture.element);
  window.picture.show([], -1);
  window.picture.theme(colours, theme);
  return colours;
}
"""
SMALL = """[...document.querySelectorAll(".two-losses *")]
  .filter((one) => one.firstChild?.nodeType === 3 && parseFloat(getComputedStyle(one).fontSize) < 12)
  .map((one) => one.className)"""  # elements with words that are hard to read
PACKED = base64.b64encode(bytes(3 * 64)).decode()


def lane(s: float, e: float, codes: tuple[tuple[float, float], ...] = ((-1.5, 1.5), (0, 0), (1.5, -1.5)),
         guesses: tuple[tuple[float, float], ...] | None = None) -> dict[str, Any]:  # fmt: skip
    """One VAE: clouds of 3 x 3 codes, the middle one the densest, and small outlines."""
    return {
        "u": s + e, "s": s, "e": e, "q": [[u, v, 0.2, 0.2] for u, v in guesses or codes], "means": PACKED,
        "clouds": [[u - 0.2, v - 0.2, 0.2, 3, "111" + "1z1" + "111"] for u, v in codes],
    }  # fmt: skip


def moment(step: int, part: str, *lanes: dict[str, Any], warm: bool = False, **more: Any) -> dict[str, Any]:
    data = {"step": step, "part": part, "warm": warm, "lanes": list(lanes), **more}
    return {"fraction": 0.5, "text": "", "data": data, "outcomes": []}


ABOUT = {"images": PACKED, "digits": [0, 1, 4], "side": 8}
TURNS = [
    moment(0, "", lane(44, 0.1), warm=True, about=ABOUT), moment(5, "both", lane(27, 0.4), warm=True),
    moment(10, "both", lane(26, 0.2), warm=True), moment(15, "decoder", lane(25.9, 0.25)),
    moment(20, "decoder", lane(25.75, 0.32)), moment(25, "encoder", lane(25.75, 0.3)),
    moment(30, "encoder", lane(25.75, 0.281)),
]  # fmt: skip


@pytest.fixture(scope="module")
def stage(modules: Modules) -> Iterator[Any]:
    errors: list[str] = []
    page = modules.page
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": 760, "height": 900})
    page.colours = page.evaluate(MAKE, list(KINDS))
    yield page
    assert errors == []


def show(page: Any, moments: list[dict[str, Any]], index: int) -> None:
    page.evaluate("([moments, index]) => window.picture.show(moments, index)", [moments, index])


def pixel(page: Any, number: int, u: float, v: float) -> np.ndarray:
    """Red, green and blue at a code of a map."""
    script = """([number, u, v]) => {
        const canvas = document.querySelector(`[data-testid="tl-map-${number}"]`), { width, height } = canvas;
        const side = Math.min(width, height), at = (w) => side * (w + 3) / 6;
        const x = (width - side) / 2 + at(u), y = (height + side) / 2 - at(v);
        return [...canvas.getContext("2d").getImageData(Math.round(x), Math.round(y), 1, 1).data];
    }"""
    return np.array(page.evaluate(script, [number, u, v]))


def rgb(page: Any, kind: str) -> np.ndarray:
    return np.array([float(part) for part in page.colours[kind].strip("rgb()").split(",")[:3]])


def test_the_sum_and_what_this_turn_has_changed(stage: Any) -> None:
    show(stage, TURNS, 6)
    values = [stage.get_by_test_id(f"tl-{key}").inner_text() for key in "use"]
    assert values == ["26.03", "25.75", "0.28"]
    moved = stage.locator(".tl-moved").all_inner_texts()
    assert [text.strip() for text in moved] == ["▼ 0.039 in this turn", "does not move at all", "▼ 0.039 in this turn"]
    assert [icon.is_visible() for icon in stage.locator(".tl-moved svg").all()] == [False, True, False]
    assert stage.locator(".tl-name").inner_text() == "The encoder learns: the outlines move, the clouds stay"
    show(stage, TURNS, 4)
    moved = stage.locator(".tl-moved").all_inner_texts()
    assert [text.strip() for text in moved] == ["▼ 0.130 in this turn", "▼ 0.250 in this turn", "▲ 0.120 in this turn"]
    assert not stage.locator(".tl-moved svg").nth(1).is_visible()
    show(stage, TURNS, 0)
    assert stage.locator(".tl-name").inner_text() == "Before the first step"
    assert "".join(stage.locator(".tl-moved").all_inner_texts()).strip() == ""


def test_a_turn_begins_where_another_part_moved(modules: Modules, stage: Any) -> None:
    script = "moments.map((_, i) => m.beginOfTurn(moments, i))"
    assert modules.call("lab_two_losses.js", script, moments=TURNS) == [0, 0, 0, 2, 2, 4, 4]
    again = [*TURNS[:3], moment(15, "both", lane(25.9, 0.2))]  # both learn, by hand, after the beginning
    assert modules.call("lab_two_losses.js", script, moments=again) == [0, 0, 0, 2]


def test_clouds_and_outlines_stand_where_their_codes_are(stage: Any) -> None:
    show(stage, [moment(0, "", lane(26, 0.2, guesses=((2, 2), (2, -2), (-2, -2))), about=ABOUT)], 0)
    cloud, page = rgb(stage, "z"), pixel(stage, 0, -2.5, 2.5)[:3]
    for u, v in ((-1.5, 1.5), (0, 0), (1.5, -1.5)):
        middle, beside = pixel(stage, 0, u, v)[:3], pixel(stage, 0, u + 0.6, v)[:3]
        assert np.abs(middle - cloud).sum() < np.abs(beside - cloud).sum() / 2, (u, v)
        assert np.abs(beside - page).sum() < 60
    corner = {**lane(26, 0.2), "clouds": [[-0.5, -0.5, 1, 2, "z000"]] * 3}  # its lower left place alone is dense
    show(stage, [moment(0, "", corner, about=ABOUT)], 0)
    places = ((-0.9, -0.9), (0.9, 0.9), (-0.9, 0.9), (0.9, -0.9))
    shades = {at: np.abs(pixel(stage, 0, *at)[:3] - page).sum() for at in places}
    assert shades.pop((-0.9, -0.9)) > 100 and max(shades.values()) < 30
    show(stage, [moment(0, "", lane(26, 0.2, guesses=((2, 2), (2, -2), (-2, -2))), about=ABOUT)], 0)
    violet = rgb(stage, "encoder")
    for u, v in ((2, 2), (2, -2), (-2, -2)):  # 2.146 standard deviations hold 90 % of q
        assert np.abs(pixel(stage, 0, u + 0.2 * 2.146, v)[:3] - violet).sum() < 90
        assert np.abs(pixel(stage, 0, u + 0.2 * 1.5, v)[:3] - violet).sum() > 150


def test_a_cloud_is_read(modules: Modules) -> None:
    script = "(({ box, size, share }) => [box, size, [...share]])(m.readCloud(cloud))"
    found = modules.call("lab_two_losses_map.js", script, cloud=[-1.0, 0.4, 0.2, 2, "0z" + "hz" + "00"])
    assert found[0] == pytest.approx([-1.1, -0.7, 0.3, 0.9]) and found[1] == [2, 3]
    assert found[2] == pytest.approx([0, 1, (17 / 35) ** 2, 1, 0, 0])


def test_the_path_forgets_the_beginning_when_turns_begin(modules: Modules) -> None:
    script = "m.pieces(moments, index).map(({ part, points }) => [part, points])"
    early = modules.call("lab_two_losses_charts.js", script, moments=TURNS, index=2)
    assert early == [["both", [[27, 0.4], [26, 0.2]]]], "what is above 28 nats would hide the rest"
    late = modules.call("lab_two_losses_charts.js", script, moments=TURNS, index=6)
    assert late == [["decoder", [[26, 0.2], [25.9, 0.25], [25.75, 0.32]]],
                    ["encoder", [[25.75, 0.32], [25.75, 0.3], [25.75, 0.281]]]]  # fmt: skip


def test_three_side_by_side_and_a_change_of_scene(stage: Any) -> None:
    names = ["Ordinary encoder: 1 step to 1", "Eager encoder: 5 steps to 1", "Slow encoder: 200 times slower"]
    race = [moment(0, "", *[lane(44, 0.1)] * 3, about={**ABOUT, "lanes": names}),
            moment(4, "both", lane(25, 0.3), lane(24, 0.25), lane(27, 0.125))]  # fmt: skip
    show(stage, race, 1)
    assert stage.locator(".tl-name").all_inner_texts() == names
    assert [stage.get_by_test_id("tl-s").nth(i).inner_text() for i in range(3)] == ["25.00", "24.00", "27.00"]
    assert "S is 25.00, 24.00, 27.00 nats" in stage.get_by_test_id("tl-course").get_attribute("aria-label")
    assert stage.get_by_test_id("tl-map-2").bounding_box()["height"] > 90, "the maps have room"
    assert stage.get_by_test_id("tl-course").bounding_box()["height"] > 80
    show(stage, TURNS, 3)
    assert stage.locator(".tl-lane").count() == 1


def test_narrow_and_short(stage: Any) -> None:
    for width in (420, 760):
        stage.set_viewport_size({"width": width, "height": 700})
        show(stage, TURNS, 5)
        assert stage.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        box = stage.get_by_test_id("tl-map-0").bounding_box()
        assert min(box["width"], box["height"]) > 150
        small = stage.evaluate(SMALL)
        assert small == []


def test_the_formula(stage: Any) -> None:
    text = stage.evaluate("window.picture.formula.map((node) => node.textContent).join(' ')")
    assert "KL( q(z|x) ‖ p(z|x) ) ≥ 0" in text and "Text 001" in text
    links = stage.evaluate(
        "window.picture.formula.flatMap((node) => [...node.querySelectorAll('a')].map((a) => a.href))"
    )
    assert links == ["https://arxiv.org/abs/1901.05534", "https://arxiv.org/abs/1312.6114"]
