"""A direction on the Explore page: one more slider, its pictures, its arithmetic, and the link that keeps it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest

from tests.browser.driver import PICTURE, drag, settled
from tests.browser.modules import Modules, serving
from tests.browser.test_explorer_component import button, changes, exact, middle, picture, saved, slider, values

NAME = "direction: from 3 to 8"
Z = [0.5, -0.5]
DIRECTION = [1.0, 0.5]


def visit(page: Any, url: str, model: str = "digits-2d", z: Any = Z, direction: Any = DIRECTION, **more: str) -> Any:
    """Open a link with a direction and wait until its pictures are drawn."""
    listed = {"z": z, "direction": direction}
    query = {"model": model, "about": "from 3 to 8"} | more
    query |= {name: ",".join(map(str, numbers)) for name, numbers in listed.items() if numbers}
    page.goto(f"{url}/?{urlencode(query)}")
    settled(page)
    page.locator(".way .strip.drawn").wait_for()
    return page


def way(page: Any, name: str = NAME) -> Any:
    return page.get_by_role("slider", name=name, exact=True)


def gone(page: Any) -> float:
    """How many directions z has gone, as the number field says."""
    return float(page.get_by_label(f"exact value, {NAME}", exact=True).input_value())


# ---- arithmetic


@pytest.fixture
def modules(page: Any) -> Any:
    with serving() as url:
        page.goto(url)
        yield Modules(page)


def test_a_straight_way_moves_along_and_keeps_what_is_across(modules: Modules) -> None:
    start, direction, z = np.array([1.0, -2, 0.5]), np.array([2.0, 1, -2]), np.array([0.3, 4, -1])
    call = "((w) => [w.t(z), Array.from(w.at(z, 1.5)), w.t(w.at(z, 1.5))])(m.straightWay(start, direction))"
    numbers = {"start": start.tolist(), "direction": direction.tolist(), "z": z.tolist()}
    t, moved, there = modules.call("along.js", call, **numbers)
    expected = direction @ (z - start) / (direction @ direction)
    assert t == pytest.approx(expected)
    assert there == pytest.approx(1.5)
    np.testing.assert_allclose(moved, z + (1.5 - expected) * direction, rtol=1e-12)


def test_bits_switch_where_they_cross_one_half_and_keep_other_changes(modules: Modules) -> None:
    call = """((w) => {
        const go = (z, t) => { const next = Array.from(w.at(z, t)); w.moved(next, t); return next; };
        const one = go([0, 1, 0, 0], 1), other = one.map((v, i) => (i === 3 ? 1 : v));
        const told = [one, w.t(one), w.t(other), go(other, 2), w.t(one), w.t([0, 1, 0, 0])];
        return [...told, Array.from(w.at([0, 1, 0, 0], -1))];
    })(m.bitWay([0, 1, 0.2, 0], [0.6, -0.3, 0.1, 0]))"""
    one, t, same, two, undone, start, back = modules.call("along.js", call)
    assert (one, t) == ([1, 1, 0, 0], 1)
    assert same == 1, "another switch leaves the way where it is"
    assert two == [1, 0, 0, 1], "1 - 2 * 0.3 is less than one half; the switch of another hand stays"
    assert (undone, start) == (1, 0), "going back to bits goes back to their place on the way"
    assert back == [0, 1, 0, 0]


# ---- on the page


def test_the_slider_moves_z_along_the_direction(page: Any, app_url: str) -> None:
    visit(page, app_url)
    assert gone(page) == 0
    assert page.get_by_role("heading", name="from 3 to 8").is_visible()
    x, y, width = middle(page, way(page))
    before = picture(page)
    page.mouse.move(x - width / 6, y)
    page.mouse.down()
    page.mouse.move(x + width / 6, y, steps=8)
    held = picture(page)
    assert not np.array_equal(held, before), "the picture follows while the button is held"
    page.mouse.up()
    assert gone(page) == pytest.approx(1, abs=0.03)
    assert values(page) == pytest.approx({"z1": Z[0] + gone(page), "z2": Z[1] + gone(page) / 2}, abs=0.01)
    button(page, "Undo").click()
    assert gone(page) == 0
    assert values(page) == pytest.approx({"z1": Z[0], "z2": Z[1]})


@pytest.mark.alone
def test_a_drag_along_a_direction_shows_fifty_pictures_a_second(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-10d", [0.1] * 10, [0.5, -0.5] * 5)
    assert max(drag(page, NAME, seconds=1.5).images_per_second for _ in range(3)) >= 50


def test_keys_exact_values_and_reset(page: Any, app_url: str) -> None:
    visit(page, app_url)
    way(page).press("ArrowRight")
    assert values(page) == pytest.approx({"z1": Z[0] + 3 / 70, "z2": Z[1] + 1.5 / 70}, abs=1e-3)
    way(page).press("End")
    assert values(page) == pytest.approx({"z1": Z[0] + 2, "z2": Z[1] + 1})
    field = page.get_by_label(f"exact value, {NAME}", exact=True)
    field.fill("0.5")
    field.press("Enter")
    assert values(page) == pytest.approx({"z1": 1, "z2": -0.25})
    field.fill("5000")
    field.press("Enter")
    assert gone(page) == 0.5, "z would leave what decoders know"
    button(page, f"reset, {NAME}").click()
    assert values(page) == pytest.approx({"z1": Z[0], "z2": Z[1]})


def test_other_sliders_move_it_by_their_part_and_stay_across(page: Any, app_url: str) -> None:
    visit(page, app_url)
    shown = page.locator(".way .strip").evaluate("c => c.toDataURL()")
    exact(page, 2).fill("1")
    exact(page, 2).press("Enter")
    assert gone(page) == pytest.approx(1.5 * 0.5 / 1.25, abs=0.005)
    page.wait_for_timeout(500)
    assert page.locator(".way .strip").evaluate("c => c.toDataURL()") != shown, "its pictures follow what is across"
    button(page, f"reset, {NAME}").click()
    assert gone(page) == 0
    assert values(page) == pytest.approx({"z1": Z[0] - 0.6, "z2": 1 - 0.3})


def test_its_pictures_are_what_z_becomes(page: Any, app_url: str) -> None:
    visit(page, app_url)
    strip = page.locator(".way .strip")
    count = strip.evaluate("c => c.width") // 8
    assert count >= 5
    k = count // 2
    script = "(c, k) => Array.from(c.getContext('2d').getImageData(8 * k, 0, 8, 8).data)"
    small = np.asarray(strip.evaluate(script, k), np.uint8).reshape(8, 8, 4)
    box = way(page).bounding_box()
    share = ((k + 0.5) / count * box["width"] - 3) / (box["width"] - 6)
    field = page.get_by_label(f"exact value, {NAME}", exact=True)
    field.fill(str(-1 + 3 * share))
    field.press("Enter")
    assert np.abs(picture(page)[..., 0].astype(int) - small[..., 0]).max() <= 2


def test_the_link_keeps_the_direction_and_the_place_on_it(page: Any, app_url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, app_url, about="<b>3</b> & 8")
    field = page.get_by_label("exact value, direction: <b>3</b> & 8", exact=True)
    field.fill("0.75")
    field.press("Enter")
    button(page, "Link").click()
    page.get_by_text("Link copied").wait_for()
    address = page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(address).query) == {
        "model": ["digits-2d"], "z": ["1.25,-0.125"], "direction": ["1,0.5"], "about": ["<b>3</b> & 8"],
        "along": ["0.75"],
    }  # fmt: skip
    page.goto(address)
    settled(page)
    page.locator(".way .strip.drawn").wait_for()
    assert field.input_value() == "0.75"
    assert values(page) == pytest.approx({"z1": 1.25, "z2": -0.125})
    assert page.locator(".way b").count() == 0, "a name is text"
    button(page, "reset, direction: <b>3</b> & 8").click()
    assert values(page) == pytest.approx({"z1": Z[0], "z2": Z[1]})


def test_the_film_goes_along_it(page: Any, app_url: str) -> None:
    visit(page, app_url)
    name, film = saved(page, "GIF")
    assert (name, film.n_frames) == ("digits-2d-from-3-to-8.gif", 62)
    slider(page, 1).press("ArrowRight")
    assert saved(page, "GIF")[0] == "digits-2d-z1.gif"
    way(page).press("ArrowRight")
    assert saved(page, "GIF")[0] == "digits-2d-from-3-to-8.gif"


def test_without_a_place_it_begins_in_the_middle_and_stands_still(page: Any, app_url: str) -> None:
    visit(page, app_url, z=None)
    assert values(page) == {"z1": 0, "z2": 0}
    assert not changes(page, picture(page), 0.7)


def test_bits_along_a_direction(page: Any, app_url: str) -> None:
    page.goto(f"{app_url}/?model=digits-bernoulli")
    settled(page)
    page.locator(".row .strip.drawn").first.wait_for()
    size = len(values(page))
    visit(page, app_url, "digits-bernoulli", [0.2] * size, [0.4, 0.2, -0.3] + [0] * (size - 3))
    assert not any(values(page).values())
    way(page).press("End")
    assert [i for i, on in enumerate(values(page).values()) if on] == [
        i for i, name in enumerate(values(page)) if name in ("z1", "z2")
    ]
    button(page, "Undo").click()
    assert not any(values(page).values())
    assert gone(page) == 0


def test_a_long_name_fits_a_narrow_page(page: Any, app_url: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    visit(page, app_url, about="W" * 300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator(".explorer").evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    assert page.locator(PICTURE).is_visible()
