"""The pictures of two demonstrations, the log in the wrong place and the bound without a floor: numbers and looks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.modules import Modules
from vaeexplorer.demos import DEMOS
from vaeexplorer.demos.log_in_the_wrong_place import film as bells_film
from vaeexplorer.demos.no_floor import film as floor_film
from vaeexplorer.demos.two_bells import inside, outside
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians

FIT = {"weights": [0.3, 0.7], "means": [-1.0, 2.0], "stds": [0.5, 1.0]}
STYLES = ["base.css", "panels.css", "laboratory.css"]


def pulls(x: float, draws: int | None) -> float:
    """d goal / d log p(x|first bell) by autograd of the demonstration's own goal."""
    shift = torch.zeros(1, dtype=torch.float64, requires_grad=True)

    class Shifted(MixtureOfGaussians):
        def _components(self, x: torch.Tensor) -> torch.Tensor:
            return super()._components(x) + torch.cat([shift, torch.zeros(1, dtype=torch.float64)])

    parts = {name: torch.tensor(values, dtype=torch.float64) for name, values in FIT.items()}
    model = Shifted(parts["weights"], parts["means"], parts["stds"])
    point = torch.tensor([[x]], dtype=torch.float64)
    goal = outside(model, point) if draws is None else inside(model, point, draws)
    return torch.autograd.grad(goal, shift)[0].item()


@pytest.mark.parametrize("draws", [None, 1, 2, 20])
def test_threads_are_as_strong_as_the_gradient(modules: Modules, draws: int | None) -> None:
    xs = [-3.0, -1.0, 0.0, 0.4, 9.0]
    found = modules.call("lab_two_bells.js", "xs.map((x) => m.pull(fit, x, draws))", xs=xs, fit=FIT, draws=draws)
    assert found == pytest.approx([pulls(x, draws) for x in xs], abs=1e-9)


def test_densities_and_the_posterior(modules: Modules) -> None:
    values = modules.call("lab_two_bells.js", "[-1, 0, 2.5].map((x) => Math.log(m.mixture(fit, x)))", fit=FIT)
    assert values == pytest.approx([-1.416887, -2.656574, -1.400613], abs=2e-6), "REFERENCE 2d"
    shares = modules.call("lab_two_bells.js", "[-1, 0, 60, -60].map((x) => m.responsibility(fit, x))", fit=FIT)
    assert shares[:2] == pytest.approx([0.987205, 0.461538], abs=1e-6)
    assert all(0 <= share <= 1 for share in shares), "far away nothing vanishes into 0 / 0"


def test_what_a_point_gives_away(modules: Modules) -> None:
    fits = [{"information": value, "weights": [0.25, 0.75]} for value in (0.5623351, 0.28116756, 1e-9, -1e-17)]
    shares = modules.call("lab_log_in_the_wrong_place.js", "fits.map(m.known)", fits=fits)
    assert shares == pytest.approx([1, 0.5, 0, 0], abs=1e-6)
    alone = {"information": 0, "weights": [0, 1]}
    assert modules.call("lab_log_in_the_wrong_place.js", "m.known(alone)", alone=alone) == 0


def test_bells_have_the_same_area(modules: Modules) -> None:
    for std in (0.002, 0.05, 0.12):
        points = np.array(modules.call("lab_no_floor_bells.js", "m.bell(std)", std=std))
        assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(1, abs=0.01)
        assert points[:, 1].max() == pytest.approx(0.39894 / std, rel=1e-4)
    words = modules.call("lab_no_floor_bells.js", "[[.4, .14], [.14, .14], [.1, .14], [.0014, .14]].map((p) => "
                         "m.heightWords(...p))")  # fmt: skip
    assert words == ["lower and wider", "as tall", "1.4 × as tall", "100 × as tall"]


def test_a_drawn_picture_is_guess_plus_noise(modules: Modules) -> None:
    found = modules.call("lab_no_floor_tiles.js", "Array.from(m.drawn([0, 100, 250], 0.1, [-1, 1, 2]))")
    assert found == [0, 126, 255]


def test_the_chart_keeps_the_ceiling_in_sight(modules: Modules) -> None:
    def moment(step: int, free: float, fixed: float) -> dict[str, Any]:
        one = {"elbo": fixed, "stderr": 0.1, "ceiling": 66.4}
        return {"data": {"step": step, "learned": {**one, "elbo": free}, "fixed": one}}

    moments = [moment(0, -65, -600), moment(40, 10, 50), moment(80, -90_000, 55)]
    for index in range(3):
        low, high = modules.call("lab_no_floor.js", "m.scoreRange(moments, i)", moments=moments, i=index)
        assert -140 < low < high and high > 66.4, "a fall out of sight does not flatten the rest"
    marks = modules.call("lab_no_floor.js", "m.scoreMarks(moments, 1)", moments=moments)
    assert [len(mark["points"]) for mark in marks if mark["type"] == "line"] == [2, 2]
    texts = modules.call("lab_no_floor.js", "[12.34, -1234567, -3e9, 0.046].map(m.nats)")
    assert texts == ["12.3", "−1,234,567", "−3.0 × 10^9", "0.05"]


FILMS = {
    "log_in_the_wrong_place": lambda: bells_film(DEMOS["log_in_the_wrong_place"].settings({}), 0, 40),
    "no_floor": lambda: floor_film(DEMOS["no_floor"].settings({"points": 3}), 0, 80),
}
MOUNT = """async ([name, moments, sheets, theme]) => {
    document.body.replaceChildren();
    document.body.style.margin = "0";
    await Promise.all(sheets.map((sheet) => new Promise((done) => {
        const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/" + sheet });
        link.onload = done;
        document.head.append(link);
    })));
    const make = (parent, className) => (
        parent.appendChild(Object.assign(document.createElement("div"), { className })));
    const root = make(document.body, "live laboratory"), holder = make(make(root, "lab-demo"), "lab-picture");
    document.body.style.setProperty("--st-background-color", theme === "dark" ? "#0e1117" : "#fff");
    document.body.style.setProperty("--st-text-color", theme === "dark" ? "#fafafa" : "#31333f");
    const { dress } = await import("/theme.js"), { picture } = await import(`/lab_${name}.js`);
    const look = dress(root, document.body, ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu",
                                             "sigma", "noise", "z", "decoder", "gap", "rare"]);
    const made = window.made = picture({ settings: {}, large: false });
    holder.append(made.element);
    made.show([], -1);
    made.theme(look.colours, look.theme);
    window.show = (index) => {
        made.show(moments.slice(0, index + 1), index);
        return [...document.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
    };
}"""
TINY = """() => [...document.querySelectorAll(".lab-picture *")].filter((element) => element.textContent.trim()
    && [...element.childNodes].some((node) => node.nodeType === 3)
    && parseFloat(getComputedStyle(element).fontSize) < 12).length"""


@pytest.fixture(scope="module")
def films() -> dict[str, list[dict[str, Any]]]:
    return {name: [moment.to_dict() for moment in make()] for name, make in FILMS.items()}


@pytest.fixture
def own_page(browser: Any, address: str) -> Iterator[Any]:
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page
    page.close()
    assert errors == []


@pytest.mark.parametrize("name", FILMS)
def test_the_picture_at_all_widths_and_in_both_themes(own_page: Any, films: Any, name: str) -> None:
    moments = films[name]
    for width, theme in itertools.product((1440, 420), ("light", "dark")):
        own_page.set_viewport_size({"width": width, "height": 900})
        own_page.evaluate(MOUNT, [name, moments, [*STYLES, f"lab_{name}.css"], theme])
        shown = [own_page.evaluate("(index) => window.show(index)", index) for index in (0, len(moments) - 1, 0)]
        assert shown[0] == shown[2] != shown[1], "a moment looks the same whenever it is shown"
        assert len(set(shown[1])) == len(shown[1]) >= 3, "each canvas has its own picture"
        assert own_page.evaluate("document.documentElement.scrollWidth") <= width
        assert own_page.evaluate(TINY) == 0
        boxes = own_page.evaluate(
            "[...document.querySelectorAll('.lab-picture canvas')].map((c) => [c.clientWidth, c.clientHeight])"
        )
        assert all(wide > 100 and tall > 25 for wide, tall in boxes), boxes
        own_page.evaluate("window.made.stop()")


def test_what_the_pictures_say(own_page: Any, films: Any) -> None:
    own_page.evaluate(MOUNT, ["log_in_the_wrong_place", films["log_in_the_wrong_place"], STYLES, "light"])
    own_page.evaluate("window.show(0)")
    notes = own_page.locator(".lw-note").all_text_contents()
    assert len(notes) == 2 and all("nats a point (exact); a point gives" in note for note in notes)
    assert own_page.locator(".lw-side strong").all_text_contents() == [
        "log outside: the right place", "log inside: the wrong place"]  # fmt: skip
    own_page.evaluate(MOUNT, ["no_floor", films["no_floor"], STYLES, "light"])
    own_page.evaluate("window.show(2)")
    last = films["no_floor"][2]["data"]
    table = own_page.get_by_test_id("nf-scores").inner_text()
    for model in ("learned", "fixed"):
        assert f"{last[model]['elbo']:.1f}".replace("-", "−") in table
    assert "fixed noise" in own_page.get_by_test_id("nf-chart").get_attribute("aria-label")
