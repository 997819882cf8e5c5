"""The pictures of two demonstrations, holes in the map and the runners in the fog: their numbers, and what one sees."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.modules import Modules
from vaeexplorer.demos import holes, one_sample
from vaeexplorer.demos.holes_map import squares
from vaeexplorer.distributions import DiagonalGaussian

COLOURS = dict.fromkeys(("text", "quiet", "edge", "surface", "page"), "rgb(10, 20, 30)")
COLOURS |= {"encoder": "rgb(116, 64, 224)", "gap": "rgb(192, 48, 42)", "decoder": "rgb(35, 125, 60)",
            "z": "rgb(24, 120, 184)", "mu": "rgb(184, 90, 16)"}  # fmt: skip


def of(film: Iterator[Any]) -> list[dict[str, Any]]:
    return [moment.to_dict() for moment in film]


@pytest.fixture(scope="module")
def maps() -> list[dict[str, Any]]:
    return of(holes.film((0.1, 1.0, 4.0), 120, 1, 3, {**holes.DEFAULTS, "steps": 120}))


@pytest.fixture(scope="module")
def runners() -> list[dict[str, Any]]:
    return of(one_sample.film({"draws": 4, "latent_dim": 3, "steps": 20}, 0, 3))


def mount(modules: Modules, name: str, moments: list[dict[str, Any]], index: int, width: int = 1000) -> None:
    """The picture on the page, with the styles that it has in the app."""
    modules.page.set_viewport_size({"width": width, "height": 1400})
    modules.call(
        f"lab_{name}.js",
        """(async () => {
            for (const sheet of ["base.css", "panels.css", "laboratory.css", style]) {
                const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/" + sheet });
                document.head.append(link);
                await new Promise((resolve) => { link.onload = resolve; });
            }
            const root = document.createElement("div"), demo = document.createElement("div");
            root.className = "live panelled laboratory"; demo.className = "lab-demo";
            demo.style.setProperty("--stage", "440px");
            document.body.replaceChildren(root); root.append(demo);
            window.shown = m.picture({}); demo.append(window.shown.element);
            window.shown.show([], -1);
            window.shown.theme(colours, "light");
            window.shown.show(moments, index);
            return window.shown.formula.length;
        })()""",
        style=f"lab_{name}.css", moments=moments, index=index, colours=COLOURS,
    )  # fmt: skip
    modules.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


# ---- holes: numbers


def test_maps_and_places_come_back_as_they_were_sent(modules: Modules) -> None:
    q = DiagonalGaussian(torch.tensor([[0.4, -1.0], [1.5, 2.0]]), torch.tensor([[-1.0, -0.5], [-2.0, -1.0]]))
    ratio = squares(q, 3.5, 35)
    found = modules.call("lab_holes_map.js", "Array.from(m.ratiosOf(text))", text=holes.levels(ratio))
    expected = ratio.clamp_min(1e-9).log().clamp(-6, 3).flatten().numpy()
    assert np.abs(np.asarray(found) - expected).max() < 9 / 63 / 2 + 1e-6
    z = torch.tensor([[0.123, -3.4], [2.5, 3.49], [9.0, -9.0]])
    places = modules.call("lab_holes_map.js", "m.placesOf(text, 3.5)", text=holes.placed(z))
    assert np.asarray(places) == pytest.approx(z.clamp(-3.5, 3.5).numpy(), abs=7 / 4095)
    at = modules.call("lab_holes_map.js", "zs.map((z) => m.ratioAt(m.ratiosOf(text), 35, 3.5, z))",
                      text=holes.levels(ratio), zs=[[0.4, -1.0], [-1.0, 0.4], [3.6, 0]])  # fmt: skip
    assert at[0] == pytest.approx(expected.reshape(35, 35)[19, 12], abs=0.1), "z1 is the first axis"
    assert at[1] == pytest.approx(-6, abs=0.1) and at[2] is None


def test_the_words_of_a_place(modules: Modules) -> None:
    words = modules.call("lab_holes_map.js", "rs.map(m.ratioWords)",
                         rs=[0.05, math.log(3), -math.log(4), -math.log(20), -6, None])  # fmt: skip
    assert words == ["as many codes as darts", "3.0 times as many codes as darts", "codes are 4.0 times too rare",
                     "a hole: codes are 20 times too rare", "a hole: codes are over 400 times too rare",
                     "off the map"]  # fmt: skip


def test_holes_are_red_where_darts_fall_and_nowhere_else(modules: Modules) -> None:
    ratio = torch.ones(35, 35)
    ratio[17, 20], ratio[0, 0] = 0.01, 0.01
    shade = modules.call("lab_holes_map.js", "Array.from(m.shadeOf(m.ratiosOf(text), 35, 3.5, [1, 2, 3], [200, 0, 0]))",
                         text=holes.levels(ratio))  # fmt: skip
    picture = np.asarray(shade).reshape(35, 35, 4)
    red = [tuple(int(v) for v in place) for place in np.argwhere(picture[..., 0] == 200)]
    assert red == [(34 - 20, 17)], "z2 goes up; no dart falls into the corner"
    assert picture[17, 17, 3] > picture[17, 30, 3] > picture[17, 34, 3], "the denser the stronger"


def test_the_decoder_in_the_page_is_the_one_that_was_trained(modules: Modules, maps: list[dict[str, Any]]) -> None:
    sent = maps[-1]["data"]["decoders"][0]
    document = modules.call("lab_holes.js", "Array.from(new Uint8Array(m.documentOf(sent)))", sent=sent)
    last = [moment for moment in maps if "maps" in moment["data"]][-1]["data"]["maps"][0]
    darts = np.asarray(maps[0]["data"]["darts"])
    pictures = modules.decode(bytes(document), darts)
    expected = np.frombuffer(base64.b64decode(last["pictures"]), np.uint8)[: 64 * len(darts)].reshape(-1, 64) / 255
    assert np.abs(pictures - expected).max() < 0.01


# ---- holes: the picture


def test_the_maps(modules: Modules, maps: list[dict[str, Any]]) -> None:
    mount(modules, "holes", maps, len(maps) - 1)
    page, last = modules.page, [m for m in maps if "maps" in m["data"]][-1]["data"]["maps"]
    titles = page.locator(".holes-column h3").all_text_contents()
    assert titles == ["β = 0.1: places are cheap", "β = 1: the bound itself", "β = 4: places are dear"]
    cost = page.get_by_test_id("holes-cost-0").text_content()
    assert cost == f"tells {last[0]['kl'] - last[0]['marginal']:.2f} nats + holes {last[0]['marginal']:.2f}"
    lost = page.locator(".holes-column").first.locator(".holes-darts .lost").count()
    assert lost == sum(last[0]["lost"]) + (last[0]["hole"] is not None)
    colours = page.get_by_test_id("holes-map-0").evaluate(
        "(c) => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    )
    assert colours > 100, "a map, not a blank"
    tip = page.locator(".holes-tip").first
    assert tip.is_hidden()
    page.get_by_test_id("holes-map-0").hover()
    assert tip.is_visible() and "codes" in (tip.text_content() or "")
    page.mouse.move(5, 1390)
    assert tip.is_hidden()
    page.evaluate("(moments) => window.shown.show(moments, 1)", maps)
    page.get_by_test_id("holes-map-0").hover()
    assert tip.is_hidden(), "the decoder comes with the last moment"
    assert page.get_by_test_id("holes-cost-0").text_content() != cost
    page.evaluate("(moments) => window.shown.show(moments, 0)", maps)
    assert page.get_by_test_id("holes-cost-0").is_hidden(), "darts alone, before there is a picture"
    page.evaluate("() => window.shown.stop()")


@pytest.mark.parametrize("name", ["holes", "one_sample"])
def test_nothing_hangs_over_in_a_narrow_window(modules: Modules, maps, runners, name: str) -> None:
    mount(modules, name, {"holes": maps, "one_sample": runners}[name], 2, width=400)
    over = modules.page.evaluate("""() => [...document.querySelectorAll(".lab-demo *")].filter((e) => (
        e.getBoundingClientRect().right > innerWidth + 1)).map((e) => e.className)""")
    small = modules.page.evaluate("""() => [...document.querySelectorAll(".lab-demo *")].filter((e) => (
        e.childNodes.length && parseFloat(getComputedStyle(e).fontSize) < 12)).map((e) => e.className)""")
    assert over == [] and small == []


# ---- the runners


def test_angles_ways_and_scatter(modules: Modules) -> None:
    call = modules.call
    assert call("lab_one_sample.js", "m.middleAngle([90, 10, 30])") == 30
    assert call("lab_one_sample.js", "m.middleAngle([100, 9, 20, 40])") == 30
    tips = call("lab_one_sample.js", "[[0, 50], [90, 90], [90, -90], [180, 0], [60, 0]].map((t) => m.tipOf(...t))")
    assert np.asarray(tips) == pytest.approx(np.asarray([[0, 1], [1, 0], [-1, 0], [0, -1], [0, 0.5]]), abs=1e-12)
    words = call("lab_one_sample.js", "[1, 0.1, 9.96, 39.7, 1046.3].map((v) => m.scatterWords(2 * v, 2))")
    assert words == ["scatter: 1", "scatter: 0.1 ×", "scatter: 10 ×", "scatter: 40 ×", "scatter: 1,050 ×"]
    moments = [{"data": {"batch": 64, "draws": [1, 10], "steps": 5, "step": 0, "elbo": [-44, -44]}},
               {"data": {"step": 5, "elbo": [-30, None]}}, {"data": {}}]  # fmt: skip
    way = "m.wayOf(moments, 2, runner, axis).map(([x, y]) => [x, y || null])"
    assert call("lab_one_sample.js", way, moments=moments, runner=0, axis="steps") == [[0, -44], [5, -30]]
    assert call("lab_one_sample.js", way, moments=moments, runner=1, axis="pictures") == [[0, -44], [3200, None]]
    assert call("lab_one_sample.js", "m.limitsOf(moments)", moments=moments) == {"low": -31, "high": -29}


def test_the_runners(modules: Modules, runners: list[dict[str, Any]]) -> None:
    mount(modules, "one_sample", runners, len(runners) - 1)
    page, last = modules.page, runners[-1]["data"]
    titles = page.locator(".sample-runner h3").all_text_contents()
    assert titles == ["The trick, 1 draw", "The trick, 4 draws", "2 draws compared", "Score less its usual value",
                      "Bare score"]  # fmt: skip
    middle = sorted(last["angles"][4])
    off = (middle[11] + middle[12]) / 2
    assert page.get_by_test_id("sample-off-4").text_content() == f"off by {math.floor(off + 0.5)}°"
    reds = page.get_by_test_id("sample-compass-4").evaluate("""(c) => {
        const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        let found = 0;
        for (let i = 0; i < data.length; i += 4) found += data[i] > 120 && data[i + 1] < 80 && data[i + 3] > 100;
        return found;
    }""")
    assert reds > 200, "arrows in the runner's colour"
    chart = page.get_by_test_id("sample-chart")
    before = chart.evaluate("(c) => c.toDataURL()")
    page.get_by_text("per picture decoded").click()
    assert chart.evaluate("(c) => c.toDataURL()") != before
    page.evaluate("() => window.shown.stop()")
