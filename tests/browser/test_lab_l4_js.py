"""The Lab's pictures of posterior collapse and of the encoder that overfits: what one sees of given films."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.browser.modules import Modules

KINDS = ("input", "encoder", "mu", "sigma", "noise", "z", "decoder", "gap", "text", "quiet", "edge", "page", "surface")
MAKE = """
async ([name, kinds]) => {
  const { dress } = await import("/theme.js"), { picture } = await import(`/lab_${name}.js`);
  const styles = ["base", "panels", "laboratory", "lab_packed", `lab_${name}`].map((sheet) => fetch(`/${sheet}.css`));
  const texts = await Promise.all((await Promise.all(styles)).map((answer) => answer.text()));
  const frame = (name, inside) => `<div class="${name}">${inside}</div>`;
  document.body.innerHTML = `<style>${texts.join("\\n")}</style>`
    + frame("live panelled laboratory", frame("lab-demo", frame("lab-stage", frame("lab-picture", ""))));
  const root = document.querySelector(".live"), { colours, theme } = dress(root, root, kinds);
  window.picture?.stop();
  window.picture = picture({ settings: {}, colours, theme, large: false });
  document.querySelector(".lab-picture").append(window.picture.element);
  window.picture.show([], -1);
  window.picture.theme(colours, theme);
}
"""


class Stage:
    """A picture in a blank page, and the film that it is shown."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, name: str) -> None:
        self.page.evaluate(MAKE, [name, KINDS])

    def show(self, moments: list[dict[str, Any]], index: int = -1) -> None:
        index = index % len(moments)
        self.page.evaluate("([moments, index]) => window.picture.show(moments, index)", [moments, index])

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def pixels(self, testid: str, tile: int = 0) -> np.ndarray:
        """RGBA of a tile of a row, (8, 8, 4), or of the canvas that has the name."""
        script = """([testid, tile]) => {
            const found = document.querySelector(`[data-testid="${testid}"]`);
            const canvas = found.tagName === "CANVAS" ? found : found.querySelectorAll("canvas")[tile];
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return [height, width, btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""))];
        }"""
        height, width, data = self.page.evaluate(script, [testid, tile])
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)

    def fits(self) -> bool:
        """Whether nothing is wider than the stage."""
        return self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture(scope="module")
def stage(modules: Modules) -> Iterator[Stage]:
    errors: list[str] = []
    page = modules.page
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": 760, "height": 700})
    yield Stage(page)
    assert [error for error in errors if "favicon" not in error and "404" not in error] == []


def pack(*pictures: np.ndarray) -> str:
    return base64.b64encode(np.concatenate([p.ravel() for p in pictures]).astype(np.uint8).tobytes()).decode()


def grey(value: int, count: int) -> list[np.ndarray]:
    return [np.full((8, 8), value + i) for i in range(count)]


def moment(**data: Any) -> dict[str, Any]:
    return {"fraction": 0.5, "text": "", "data": data, "outcomes": []}


def exact_film() -> list[dict[str, Any]]:
    prices, theory = [1, 16], [[1.2, 0.6, 0.1], [0, 0, 0]]
    once = {"scene": "exact", "prices": prices, "originals": pack(*grey(200, 5)), "theory": theory,
            "variances": [0.55, 0.17, 0.06, 0.01]}  # fmt: skip
    return [
        moment(**once, step=0, kl=[[0.02, 0.01, 0.01]] * 2, pictures=[pack(*grey(10, 5)), pack(*grey(20, 5))]),
        moment(step=9, kl=[[1.2, 0.6, 0.004], [0.001, 0, 0]], pictures=[pack(*grey(50, 5)), pack(*grey(90, 5))]),
    ]


def curve_film() -> list[dict[str, Any]]:
    once = {"scene": "rate_distortion", "prices": [0.1, 4], "originals": pack(*grey(200, 5))}
    return [
        moment(**once, step=0, rate=[1, 1], distortion=[44, 44], pictures=[pack(*grey(1, 5)), pack(*grey(2, 5))]),
        moment(step=50, rate=[18.7, 0.0], distortion=[12.4, 27.2], pictures=[pack(*grey(3, 5)), pack(*grey(4, 5))]),
        moment(measuring=1),
        moment(step=50, rate=[18.7, 0.0], distortion=[12.4, 27.2], gap=[[7.45, 0.17], [0.0012, 0.0006]],
               made=[pack(*grey(70, 5)), pack(*grey(80, 5))]),
    ]  # fmt: skip


def test_rows_of_the_exact_models(stage: Stage) -> None:
    stage.open("collapse")
    film = exact_film()
    stage.show(film)
    words = [stage.page.locator(".collapse-words").nth(i).inner_text() for i in range(2)]
    assert words == ["2 of 3 in use, 1.80 nats", "silent, 0.00 nats"]
    assert (stage.pixels("collapse-pictures-16", 2)[..., :3] == 92).all()
    assert "2 of 3 numbers in use" in (stage.page.get_by_test_id("collapse-bars-1").get_attribute("aria-label") or "")
    before = stage.pixels("collapse-bars-1")
    stage.show(film, 0)
    assert stage.page.locator(".collapse-words").nth(1).inner_text() == "3 of 3 in use, 0.04 nats"
    assert (stage.pixels("collapse-pictures-1", 0)[..., :3] == 10).all()
    stage.show(film)
    assert (stage.pixels("collapse-bars-1") == before).all(), "a moment looks the same whenever it is shown"


def test_the_bars_have_the_height_of_their_nats(stage: Stage) -> None:
    stage.open("collapse")
    stage.show(exact_film())
    bars = stage.pixels("collapse-bars-1").astype(int)
    purple = (bars[..., 2] > bars[..., 0] + 40) & (bars[..., 3] > 150)
    third = bars.shape[1] // 3
    heights = [purple[:, k * third : (k + 1) * third].sum(0).max() for k in range(3)]
    assert heights[0] / heights[1] == pytest.approx(2, rel=0.15)  # the mark of theory hides two pixels
    assert heights[2] == 0, "not in use: grey"


def test_theory_follows_a_slider_before_its_film_comes(stage: Stage, modules: Modules) -> None:
    found = modules.call("lab_collapse_exact.js", "m.expected([0.8, 0.2, 0.1], 4, 0.05)")
    assert found == pytest.approx([0.5 * np.log(4), 0, 0])
    stage.open("collapse")
    stage.show(exact_film())
    before = stage.page.get_by_test_id("collapse-bars-16").get_attribute("aria-label") or ""
    assert before.endswith("theory says 0")
    stage.page.evaluate("window.picture.react({ noise: 0.01, dimensions: 4 })")
    after = stage.page.get_by_test_id("collapse-bars-16").get_attribute("aria-label") or ""
    assert after.endswith("theory says 2"), "0.55 and 0.17 lie above 16 * 0.01"


def test_rows_and_curve_of_the_networks(stage: Stage) -> None:
    stage.open("collapse")
    film = curve_film()
    stage.show(film, 2)
    assert (stage.pixels("collapse-pictures-4", 1)[..., :3] == 5).all(), "what has not changed stays"
    assert "gap" not in stage.text('[data-testid="collapse-strip-4"]')
    random = stage.page.get_by_role("button", name="Random codes")
    assert not random.is_visible(), "no such pictures yet"
    stage.show(film)
    assert stage.text('[data-testid="collapse-strip-0.1"]').split("\n") == ["carries 18.7", "gap 7.45 ± 0.17"]
    assert "gap 0.00 ± 0.00" in stage.text('[data-testid="collapse-strip-4"]')
    stage.page.get_by_test_id("collapse-curve").focus()
    stage.page.keyboard.press("ArrowRight")
    assert "price ×4" in stage.text(".xy-tip") and "loses 27.20 nats" in stage.text(".xy-tip")
    random.click()
    assert (stage.pixels("collapse-pictures-4", 1)[..., :3] == 81).all()
    stage.show(film, 1)
    assert (stage.pixels("collapse-pictures-4", 1)[..., :3] == 5).all()
    stage.show(exact_film())
    assert stage.page.get_by_test_id("collapse-curve").count() == 0, "the film decides the scene"


def overfit_film() -> list[dict[str, Any]]:
    truth = np.zeros((8, 8))
    truth[2:6, 3:5] = 255
    drawn = truth.copy()
    drawn[0, 0], drawn[2, 3] = 255, 0
    six = [truth] * 6
    once = {"originals": pack(*six), "steps": 1000}
    return [
        moment(**once, step=0, bound=[-44, -44], by_encoder=pack(*six), by_search=pack(*six), wrong=[[0, 0], [0, 0]]),
        moment(step=1000, bound=[-14, -22], best=[-13.6, -20], gap=[[0.4, 0.04], [2.0, 0.31]],
               by_encoder=pack(*[truth] * 3, *[drawn] * 3), by_search=pack(*six), wrong=[[0, 2], [0, 0.5]]),
    ]  # fmt: skip


def test_both_sides_of_the_encoder(stage: Stage) -> None:
    stage.open("overfitted_encoder")
    film = overfit_film()
    stage.show(film)
    assert stage.text('[data-testid="overfit-loss-new"]') == "the encoder loses 2.0 ± 0.3 nats"
    assert stage.text('[data-testid="overfit-loss-practised"]') == "the encoder loses 0.40 ± 0.04 nats"
    assert stage.text('[data-testid="overfit-wrong-new-by_encoder"]') == "2.0 of 64 pixels wrong"
    wrong = stage.pixels("overfit-new-by_encoder")[..., :3].astype(int)
    red = wrong[..., 0] > wrong[..., 1] + 40
    assert np.argwhere(red).tolist() == [[0, 0], [2, 3]]
    assert wrong[0, 0, 0] > wrong[2, 3, 0], "ink where there should be none is bright"
    practised = stage.pixels("overfit-practised-by_encoder")[..., :3]
    assert (practised == stage.pixels("overfit-practised-originals")[..., :3]).all()
    stage.show(film, 0)
    assert stage.text('[data-testid="overfit-loss-new"]') == "", "not measured yet"


def test_pictures_fit_a_narrow_page(stage: Stage) -> None:
    stage.page.set_viewport_size({"width": 400, "height": 800})
    for name, film in (("collapse", exact_film()), ("collapse", curve_film()), ("overfitted_encoder", overfit_film())):
        stage.open(name)
        stage.show(film)
        assert stage.fits(), name
    stage.page.set_viewport_size({"width": 760, "height": 700})


def test_formulas_cite_their_sources(modules: Modules) -> None:
    links = "m.%s().map((node) => node.outerHTML).join('').match(/arxiv.org[^\"]*/g)"
    assert modules.call("lab_collapse_formulas.js", links % "collapseFormulas") == [
        "arxiv.org/abs/1711.00464", "arxiv.org/abs/1911.02469"]  # fmt: skip
    assert modules.call("lab_overfitted_formulas.js", links % "overfitFormulas") == ["arxiv.org/abs/1801.03558"]
