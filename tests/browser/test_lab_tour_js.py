"""The first tour's picture: its numbers against torch, what a hand does in each step, and that it comes to rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.modules import Modules
from vaeexplorer import checkpoints, portable
from vaeexplorer.demos import first_tour, play, tour_words

MODEL = checkpoints.listing()[first_tour.MODEL]
STYLES = ("base.css", "lab_first_tour.css")
KINDS = ("text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma", "noise", "z", "decoder", "gap")
SHOW = """async ([moments, styles, kinds]) => {
    const { picture } = await import("/lab_first_tour.js");
    document.body.replaceChildren();
    const sheets = await Promise.all(styles.map(async (file) => (await fetch("/" + file)).text()));
    const style = document.createElement("style"), root = document.createElement("div"), quit = new AbortController();
    style.textContent = sheets.join("\\n");
    root.className = "live";
    root.dataset.theme = "light";
    document.body.append(style, root);
    const own = window.requestAnimationFrame;
    window.frames_asked = 0;
    window.requestAnimationFrame = (task) => { window.frames_asked++; return own.call(window, task); };
    window.moments = moments;
    window.quit = quit;
    window.tour = picture({ root: new URL("/", location.href), signal: quit.signal, large: false });
    root.append(window.tour.element);
    window.tour.theme(Object.fromEntries(kinds.map((kind) => [kind, "#808080"])), "light");
    window.tour.show([], -1);
}"""


@pytest.fixture(scope="module")
def moments() -> list[dict[str, Any]]:
    return [moment.to_dict() for moment in play(first_tour.DEMO, {}, 0)]


class Tour:
    """The picture on a page of its own, with the app's two routes answered by torch."""

    def __init__(self, page: Any, moments: list[dict[str, Any]]) -> None:
        self.page, self.vae, self.encoded = page, checkpoints.load(MODEL), list[np.ndarray]()
        document = portable.pack_decoder(MODEL)
        page.route("**/vaex/decoder?model=digits-2d", lambda route: route.fulfill(body=document))
        page.route("**/vaex/encode?*", self.encode)
        page.evaluate(SHOW, [moments, STYLES, KINDS])

    def encode(self, route: Any) -> None:
        x = np.frombuffer(route.request.post_data_buffer, "<f4").reshape(1, 1, 8, 8)
        self.encoded.append(x)
        mean = self.vae.posterior(torch.from_numpy(x.copy())).mean[0]
        route.fulfill(body=json.dumps({"z": mean.tolist()}))

    def step(self, number: int) -> None:
        self.page.evaluate("(n) => window.tour.show(window.moments, n)", number)
        self.page.wait_for_selector("[data-testid=tour-output]")

    def text(self, testid: str) -> str:
        return str(self.page.get_by_test_id(testid).inner_text())

    def greys(self, testid: str) -> np.ndarray:
        """The 64 pixels of a picture, 0..255."""
        script = "(c) => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
        return np.asarray(self.page.get_by_test_id(testid).evaluate(script))[::4]

    def slide(self, testid: str, value: float) -> None:
        script = "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); return e.valueAsNumber; }"
        assert self.page.get_by_test_id(testid).evaluate(script, value) == pytest.approx(value)

    def decoded(self, z: list[float]) -> np.ndarray:
        with torch.no_grad():
            return self.vae.decode(torch.tensor(z)[None, None])[0, 0].flatten().numpy() * 255


@pytest.fixture(scope="module")
def tour(browser: Any, address: str, moments: list[dict[str, Any]]) -> Iterator[Tour]:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield Tour(page, moments)
    context.close()
    assert errors == []


# ---- numbers


def test_prices_agree_with_torch(modules: Modules) -> None:
    vae, x = checkpoints.load(MODEL), first_tour._image(0)
    q = vae.posterior(x)
    expression = """await import("/decoder.js").then(({ createDecoder }) => {
        const { decode } = createDecoder(document);
        return m.pricesOf(decode, pixels, mean, std);
    })"""
    pixels, mean, std = x.flatten().tolist(), q.mean[0].tolist(), q.std[0].tolist()
    found = modules.call("lab_tour_numbers.js", expression, document=portable.pack_decoder(MODEL), pixels=pixels,
                         mean=mean, std=std)  # fmt: skip
    truth = first_tour.lattice_averages(vae, x, 0.0)
    assert found["code"] == pytest.approx(truth["kl"], abs=1e-5)
    assert found["pixels"] == pytest.approx(-truth["reconstruction"], abs=0.01)
    assert found["sum"] == found["code"] + found["pixels"]


def test_the_lattice_is_a_standard_normal_cloud(modules: Modules) -> None:
    u, v, weight = np.asarray(modules.call("lab_tour_numbers.js", "m.LATTICE")).T
    assert weight.sum() == pytest.approx(1)
    for a, b, moment in ((2, 0, 1), (0, 2, 1), (1, 1, 0), (4, 0, 3), (2, 2, 1), (1, 0, 0)):
        assert (weight * u**a * v**b).sum() == pytest.approx(moment, abs=0.01)


def test_heights_come_back_from_their_letters(modules: Modules) -> None:
    assert modules.call("lab_tour_numbers.js", "Array.from(m.heightsOf('#$-}'))") == pytest.approx([0, -0.1, -1, -9])


# ---- the steps


def test_each_term_is_new_where_it_is_underlined(tour: Tour) -> None:
    """What is read on the screen, in order, labels of sliders and bars as well: no term before its explanation."""
    looks = {
        "centre μ": r"[μ]",
        "width σ": r"[σ]",
        "latent space": r"latent",
        "the gap": r"\bgap\b",
        "pixels": r"pixel",
    }
    read: list[tuple[int, str, list[str]]] = []
    for number in range(1, tour_words.COUNT + 1):
        tour.step(number)
        page = tour.page
        terms = page.locator(".tour-term").all_inner_texts()
        words = page.locator(".tour-words").inner_text()
        rest = page.locator(".tour-place, .tour-after").all_inner_texts()
        read.append((number, "\n".join([words, *rest]), terms))
    explained = [term for _, _, terms in read for term in terms]
    assert len(explained) == len(set(explained)) > 15
    for number, _, terms in read:
        for term in terms:
            pattern = looks.get(term, rf"\b{re.escape(term)}")
            for earlier, text, _ in read[: number - 1]:
                assert not re.search(pattern, text, 0 if term.isupper() else re.I), f"{term} is read in step {earlier}"


def test_pixels_can_be_clicked_and_go_through_the_encoder(tour: Tour, moments: list[dict[str, Any]]) -> None:
    tour.step(1)
    data = moments[1]["data"]
    given = np.array([int(pixel) for pixel in data["pixels"]])
    assert (tour.greys("tour-input") == given * 255).all()
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded(data["mean"]), atol=1)
    before, code = len(tour.encoded), tour.text("tour-code")
    box = tour.page.get_by_test_id("tour-input").bounding_box()
    tour.page.mouse.click(box["x"] + box["width"] * 6.5 / 8, box["y"] + box["height"] * 1.5 / 8)
    tour.page.wait_for_function(
        "(code) => document.querySelector('[data-testid=tour-code]').innerText !== code", arg=code
    )
    assert len(tour.encoded) == before + 1
    given[14] = 1 - given[14]
    assert (tour.encoded[-1].ravel() == given).all()
    assert (tour.greys("tour-input") == given * 255).all()
    mean = tour.vae.posterior(torch.from_numpy(given.reshape(1, 1, 8, 8)).float()).mean[0].tolist()
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded(mean), atol=1)
    assert tour.text("tour-code").split() == [f"{value:.2f}".replace("-", "−") for value in mean]


def test_the_picture_follows_the_place_on_the_map(tour: Tour) -> None:
    tour.step(2)
    box = tour.page.get_by_test_id("tour-map").bounding_box()
    tour.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    tour.page.mouse.down()
    tour.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.1)
    z = [float(value.replace("−", "-")) for value in re.findall(r"[−\d.]+\d", tour.text("tour-place"))]
    tour.page.mouse.up()
    assert z == pytest.approx([-1.4, 2.24], abs=0.03)
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded(z), atol=4)
    tour.slide("tour-z1", 1.0)
    tour.slide("tour-z2", -0.5)
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded([1.0, -0.5]), atol=1)


def test_without_noise_every_draw_is_the_centre(tour: Tour, moments: list[dict[str, Any]]) -> None:
    tour.step(3)
    data = moments[3]["data"]
    z = [m + s * e for m, s, e in zip(data["mean"], data["std"], data["rolls"][0], strict=True)]
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded(z), atol=1)
    tour.page.get_by_role("button", name="Roll the dice").click()
    z = [m + s * e for m, s, e in zip(data["mean"], data["std"], data["rolls"][1], strict=True)]
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded(z), atol=1)
    tour.slide("tour-noise", 0)
    np.testing.assert_allclose(tour.greys("tour-output"), tour.decoded(data["mean"]), atol=1)


def nats(text: str) -> list[float]:
    return [float(value.replace("−", "-")) for value in re.findall(r"−?\d+\.\d+", text)]


def test_both_prices_follow_the_cloud(tour: Tour, moments: list[dict[str, Any]]) -> None:
    tour.step(4)
    terms = moments[4]["data"]["terms"]
    expected = [terms["kl"] - terms["reconstruction"], terms["kl"], -terms["reconstruction"]]
    assert nats(tour.text("tour-theirs")) == pytest.approx(expected, abs=0.06 + 5 * terms["stderr"])
    assert nats(tour.text("tour-here")) == nats(tour.text("tour-theirs"))
    assert nats(tour.text("tour-plain"))[0] == pytest.approx(44.4)
    theirs = tour.text("tour-theirs")
    for testid in ("tour-mu1", "tour-mu2"):
        tour.slide(testid, 0)
    tour.slide("tour-width", -1)
    std = [0.5 * width for width in moments[4]["data"]["std"]]
    kl = sum(0.5 * (width**2 - 1) - np.log(width) for width in std)
    here = nats(tour.text("tour-here"))
    assert here[1] == pytest.approx(kl, abs=0.06) and here[0] == pytest.approx(here[1] + here[2], abs=0.11)
    assert here[0] > nats(theirs)[0] + 5, "the middle of the map is not where this digit belongs"
    assert tour.text("tour-theirs") == theirs
    tour.page.get_by_role("button", name="Encoder's cloud").click()
    assert nats(tour.text("tour-here")) == nats(theirs)


def test_the_gap_moves_and_the_surprise_stays(tour: Tour, moments: list[dict[str, Any]]) -> None:
    tour.step(5)
    terms, outcomes = moments[5]["data"]["terms"], {one["name"]: one for one in moments[5]["outcomes"]}
    assert nats(tour.text("tour-gap"))[0] == pytest.approx(outcomes["gap"]["theory"], abs=0.01)
    box = tour.page.get_by_test_id("tour-map").bounding_box()
    for across, up in ((0.2, 0.2), (0.5, 0.5), (0.9, 0.3)):
        tour.page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * up)
        price, surprise, gap = (nats(tour.text(f"tour-{name}")) for name in ("here", "surprise", "gap"))
        assert surprise[1] == pytest.approx(-terms["log_marginal"], abs=0.06)
        assert gap[0] == pytest.approx(price[0] + terms["log_marginal"], abs=0.06) and gap[0] > 0.05
        widths = tour.page.get_by_test_id("tour-surprise").locator("i").evaluate_all(
            "(parts) => parts.map((part) => part.getBoundingClientRect().width)")  # fmt: skip
        if price[0] < 27:
            assert widths[1] / widths[0] == pytest.approx(gap[0] / surprise[1], rel=0.05)


# ---- what goes wrong, and rest


def test_a_decoder_that_does_not_come_is_told(browser: Any, address: str, moments: list[dict[str, Any]]) -> None:
    page = browser.new_page()
    page.goto(address)
    page.route("**/vaex/decoder?*", lambda route: route.fulfill(status=404, body='{"error": "there is no such model"}'))
    page.evaluate(SHOW, [moments, STYLES, KINDS])
    page.evaluate("window.tour.show(window.moments, 1)")
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text() == "The model: there is no such model"
    assert page.locator(".tour-title").inner_text() == "1. What is compressed?"
    page.close()


def test_it_moves_until_it_is_touched_and_rests_when_it_is_left(browser: Any, address: str, moments: Any) -> None:
    page = browser.new_page()
    page.goto(address)
    tour = Tour(page, moments)
    tour.step(2)
    page.wait_for_function("(start) => document.querySelector('[data-testid=tour-place]').innerText !== start",
                           arg=tour.text("tour-place"))  # fmt: skip
    box = page.get_by_test_id("tour-map").bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert frames_asked(page) == 0, "a touch ends the walk"
    for number in (1, 3, 4, 5, 2):
        tour.step(number)
        assert frames_asked(page) > 0, "the step is alive"
    page.evaluate("window.tour.stop()")
    assert frames_asked(page) == 0, "nothing goes on after it is left"
    page.close()


def frames_asked(page: Any) -> int:
    """How often the picture asks for a frame while four of them pass."""
    return int(
        page.evaluate("""async () => {
        const before = window.frames_asked, own = Object.getPrototypeOf(window).requestAnimationFrame;
        const next = () => new Promise((done) => { setTimeout(done, 17); });
        for (let i = 0; i < 4; i++) await next();
        return window.frames_asked - before;
    }""")
    )
