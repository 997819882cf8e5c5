"""Pictures of the demonstrations prior_sampling and kl_directions: their numbers, marks, and what one sees."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.modules import Modules
from vaeexplorer.demos import kl_directions, prior_sampling_gradient
from vaeexplorer.demos.demo import Moment, play
from vaeexplorer.demos.kl_directions import Gaussian, Target
from vaeexplorer.demos.prior_sampling import DEMO as SAMPLING

Show = Callable[..., Any]

HARNESS = """async ([name, moments, theme, width]) => {
    const [{ el }, { dress }, { picture }] = await Promise.all(
        ["dom", "theme", `lab_${name}`].map((one) => import(`/${one}.js`)));
    window.made?.stop();
    document.adoptedStyleSheets = [];
    for (const file of ["base.css", "panels.css", "laboratory.css", `lab_${name}.css`]) {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(await (await fetch(`/${file}`)).text());
        document.adoptedStyleSheets.push(sheet);
    }
    document.body.style.setProperty("--st-background-color", theme === "dark" ? "#111" : "#fff");
    document.body.style.setProperty("--st-text-color", theme === "dark" ? "#fff" : "#222");
    const place = el("div", { class: "lab-main", style: "--stage:420px" });
    const root = el("div", { class: "live panelled laboratory", style: `width:${width}px` }, place);
    document.body.replaceChildren(root);
    const look = dress(root, document.body, ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu",
                                             "sigma", "noise", "z", "decoder", "gap", "rare"]);
    window.made = picture({ settings: {}, large: false });
    place.append(made.element);
    made.theme(look.colours, look.theme);
    window.moments = moments;
    window.look = look;
    made.show(moments, moments.length - 1);
}"""

BITS = "(c) => c.toDataURL()"
COLOURS = """(c) => { const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height), seen = new Set();
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] === 255) seen.add(`rgb(${data.slice(i, i + 3).join(", ")})`);
    }
    return [...seen]; }"""


@pytest.fixture(scope="module")
def films() -> dict[str, list[dict[str, Any]]]:
    """Short real films, and one of digits made by hand, which would take long."""

    def of(moments: Iterator[Moment]) -> list[dict[str, Any]]:
        return [moment.to_dict() for moment in moments]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prior_sampling_gradient, "MOMENTS", 3)
        patch.setattr(kl_directions, "FIT", 12)
        patch.setattr(kl_directions, "COUNT", 6)
        return {
            "dimensions": of(play(SAMPLING, {"draws": 400, "dimensions": 12}, 0)),
            "gradient": of(play(SAMPLING, {"scene": "gradient"}, 0)),
            "kl": of(play(kl_directions.DEMO, {}, 0)),
            "digits": digits(),
        }


def digits() -> list[dict[str, Any]]:
    def tile(value: int) -> str:
        return base64.b64encode(bytes([value] * 784)).decode()

    data: list[dict[str, Any]] = [
        {"k": 0},
        {"k": 1, "what": "pictures that the model drew itself", "images": 25, "asked": 1000, "prior": -300.0,
         "encoder": -95.0, "best": -300.0, "counting": 1.0, "counting_encoder": 1.0,
         "pictures": {"x": tile(255), "prior": tile(90), "best": tile(91), "encoder": tile(200)}},
        {"k": 1000, "prior": -140.0, "encoder": -90.0, "best": -133.1, "counting": 1.2, "counting_encoder": 8.0,
         "pictures": {"prior": tile(40)}},
        {"k": 1000, "prior": -140.0, "encoder": -90.0, "best": -133.1, "counting": 1.2, "counting_encoder": 8.0,
         "truth": [-89.2, 0.05]},
    ]  # fmt: skip
    return [{"fraction": 0.5, "text": "", "data": {"scene": "digits", **one}, "outcomes": []} for one in data]


@pytest.fixture
def show(page: Any, address: str) -> Show:
    def start(name: str, moments: list[dict[str, Any]], theme: str = "light", width: int = 700) -> None:
        if page.url != f"{address}/":
            page.goto(address)
        page.evaluate(HARNESS, [name, moments, theme, width])

    return start


# ---- numbers


@pytest.mark.parametrize(
    ("mean", "std", "distance", "share"), [(1.0, 1.0, 7.0, 0.5), (-4, 0.4, 8, 0.1), (0.3, 4, 0, 0.7)]
)
def test_both_kls_are_those_of_the_demonstration(
    modules: Modules, mean: float, std: float, distance: float, share: float
) -> None:
    target = {"humps": [-distance / 2, distance / 2], "weights": [share, 1 - share]}
    found = modules.call("lab_kl_numbers.js", "['q_p', 'p_q'].map((way) => m.kl(q, target, way))",
                         q={"mean": mean, "std": std}, target=target)  # fmt: skip
    exact = Target(distance, share)
    expected = [exact.kl(Gaussian.of(mean, std), way).item() for way in kl_directions.DIRECTIONS]
    assert found == pytest.approx(expected, abs=1e-9)


def test_where_the_kl_comes_from_adds_up_to_it(modules: Modules) -> None:
    script = """['q_p', 'p_q'].map((way) => {
        let sum = 0;
        for (let i = -2000; i <= 2000; i++) sum += m.costAt(i / 100, q, target, way) / 100;
        return [sum, m.kl(q, target, way)];
    })"""
    target = {"humps": [-3, 3], "weights": [0.3, 0.7]}
    for total, kl in modules.call("lab_kl_numbers.js", script, q={"mean": 1, "std": 1.5}, target=target):
        assert total == pytest.approx(kl, abs=1e-6)


def test_large_numbers_in_words(modules: Modules) -> None:
    words = modules.call("lab_prior_gates.js", "logs.map((v) => [m.large(v), m.waiting(v)])",
                         logs=[0.5, 3.38, 8, 11, 16, 28.4])  # fmt: skip
    assert words == [["3", "under a second"], ["2,399", "under a second"], ["10⁸", "2 minutes"], ["10¹¹", "1 day"],
                     ["10¹⁶", "317 years"], ["10²⁸", "10¹⁵ years"]]  # fmt: skip


def test_a_hand_moves_q_within_limits(modules: Modules) -> None:
    found = modules.call("lab_kl_panel.js", "ways.map((way) => m.moved({ mean: 1, std: 2 }, ...way))",
                         ways=[[0.5, 0], [0, 90], [99, -9999]])  # fmt: skip
    assert [one["mean"] for one in found] == [1.5, 1, 9]
    assert [one["std"] for one in found] == pytest.approx([2, 2 / 2.718281828, 7])


def test_each_row_of_votes_has_its_own_draws(modules: Modules, films: dict[str, Any]) -> None:
    data = films["gradient"][-1]["data"]
    rows = modules.call("lab_prior_votes.js", "m.rowsOf(data)", data=data)
    assert [row["z"] for row in rows] == [data["drawn"]["z"], data["drawn"]["z"], data["drawn"]["encoder"]]
    assert [row["mean"][0] for row in rows] == [data["means"][name][0] for name in ("printed", "5", "encoder")]
    assert rows[0]["weight"] == pytest.approx([0.2] * 5) and rows[1]["weight"] == data["drawn"]["weight"]
    marks = {mark["label"]: mark for mark in modules.call("lab_prior_votes.js", "m.pushMarks(data)", data=data)}
    assert [x for x, *_ in marks["weighted"]["points"]] == [1, 2, 5, 10, 100]
    value, stderr = data["means"]["10"]
    assert marks["weighted"]["points"][3] == pytest.approx([10, value, value - 2 * stderr, value + 2 * stderr])
    assert marks["exact"]["y"] == pytest.approx(0.308219, abs=1e-6)


# ---- pictures


def test_gates(page: Any, show: Show, films: dict[str, Any]) -> None:
    moments = films["dimensions"]
    show("prior_sampling", moments)
    last = moments[-1]["data"]
    assert page.get_by_test_id("prior-hits").inner_text() == f"{last['hits']} of 400"
    assert page.get_by_test_id("prior-needed").inner_text() == "10⁶"
    assert page.get_by_test_id("prior-encoder").inner_text() == "right"
    assert "×" in page.get_by_test_id("prior-short").inner_text()
    course = page.get_by_test_id("prior-course")
    colours = set(course.evaluate(COLOURS))
    assert {page.evaluate(f"look.colours.{kind}") for kind in ("z", "encoder")} <= colours
    end = course.evaluate(BITS)
    page.evaluate("made.show(moments, 3)")
    assert course.evaluate(BITS) != end
    page.evaluate("made.show(moments, moments.length - 1)")
    assert course.evaluate(BITS) == end, "the same moment is the same picture, however one came there"
    assert "gates" in course.get_attribute("aria-label")


def test_the_last_gate_is_passed_before_ones_eyes(page: Any, show: Show, films: dict[str, Any]) -> None:
    moments = films["dimensions"]
    show("prior_sampling", moments)
    course = page.get_by_test_id("prior-course")
    end = course.evaluate(BITS)
    page.evaluate("made.show(moments, moments.length - 2)")
    before = course.evaluate(BITS)
    page.evaluate("made.show(moments, moments.length - 1)")
    page.wait_for_function("(end) => document.querySelector('.prior-course').toDataURL() === end", arg=end)
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("made.show(moments, moments.length - 2)")
    assert course.evaluate(BITS) == before
    page.evaluate("made.show(moments, moments.length - 1)")
    assert course.evaluate(BITS) == end, "at once where people prefer stillness"


def test_the_race(page: Any, show: Show, films: dict[str, Any]) -> None:
    show("prior_sampling", films["digits"])
    words = page.get_by_test_id("prior-sampling").inner_text()
    assert "50 nats apart: a factor of 10²²" in words
    assert "the best of 1,000" in words and "pictures that the model drew itself" in words
    grey = "(c) => c.getContext('2d').getImageData(14, 14, 1, 1).data[0]"
    assert [page.get_by_test_id(f"prior-{name}").evaluate(grey) for name in ("x", "prior", "best", "encoder")] == [
        255, 40, 91, 200]  # fmt: skip
    page.evaluate("made.show(moments, 1)")
    assert page.get_by_test_id("prior-prior").evaluate(grey) == 90
    page.evaluate("made.show(moments, 0)")
    assert page.get_by_test_id("prior-gap").inner_text() == ""


def test_stories_take_each_others_place(page: Any, show: Show, films: dict[str, Any]) -> None:
    show("prior_sampling", films["gradient"])
    assert "as printed" in page.get_by_test_id("prior-push-words").inner_text()
    page.evaluate("(other) => made.show(other, 2)", films["dimensions"])
    assert page.get_by_test_id("prior-votes").count() == 0 and page.get_by_test_id("prior-course").count() == 1
    assert page.evaluate("made.formula.length") >= 8


def test_one_q_for_two_humps(page: Any, show: Show, films: dict[str, Any]) -> None:
    moments = films["kl"]
    show("kl_directions", moments, theme="dark")
    data = moments[-1]["data"]

    def values() -> list[str]:
        return [page.get_by_test_id(f"kl-value-{way}").inner_text() for way in ("q_p", "p_q")]

    film = [f"{data[way]['own']:.3f} nats" for way in ("q_p", "p_q")]
    assert values() == film
    assert "by 100,000 draws" in page.get_by_test_id("kl-drawn-p_q").inner_text()
    plane = page.get_by_test_id("kl-q_p")
    assert page.evaluate("look.colours.encoder") in plane.evaluate(COLOURS)
    box = plane.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 - 40)
    page.mouse.up()
    mine = values()
    assert mine[0] != film[0] and mine[1] != film[1], "the same q has its KL in both directions"
    assert "exact, of this q" in page.get_by_test_id("kl-drawn-q_p").inner_text()
    plane.press("ArrowLeft")
    assert values() != mine
    page.get_by_role("button", name="Back to the film").click()
    assert values() == film
    page.evaluate("made.react({ distance: 0, share: 0.5 })")
    q = Gaussian.of(data["p_q"]["mean"], data["p_q"]["std"])
    assert values()[1] == f"{Target(0.0, 0.5).kl(q, 'p_q').item():.3f} nats"


@pytest.mark.parametrize("name", ["dimensions", "digits", "gradient", "kl"])
def test_nothing_is_wider_than_a_telephone(page: Any, show: Show, films: dict[str, Any], name: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    show("kl_directions" if name == "kl" else "prior_sampling", films[name], width=388)
    assert page.evaluate("document.querySelector('.lab-main').scrollWidth") <= 388
    size = "e.checkVisibility() && e.textContent ? parseFloat(getComputedStyle(e).fontSize) : 99"
    sizes = f"(all) => all.map((e) => {size})"
    assert min(page.locator(".lab-main *").evaluate_all(sizes)) >= 12
