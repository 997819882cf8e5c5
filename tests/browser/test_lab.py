"""The Lab as a visitor and a presenter use it, in the real app, with demonstrations of the test's own.

What the app computes is tested in tests/ui/test_lab_routes.py, the pictures by their owners; here the app's two answers
are the test's, so that a film comes as slowly as it is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.browser.driver import settled
from tests.browser.legible import nameless, small_print
from tests.browser.test_reconstruct import becomes

COUNT = 6
SIZE = {"kind": "slider", "name": "size", "title": "Size", "low": 1, "high": 9, "step": 1, "default": 5, "log": False,
        "whole": True, "words": "How large.", "scenes": []}  # fmt: skip
SCENE = {"kind": "choice", "name": "scene", "title": "Story", "values": [["one", "First"], ["two", "Second"]],
         "default": "one", "words": "", "scenes": []}  # fmt: skip
RATE = {**SIZE, "name": "rate", "title": "Rate", "low": 1, "high": 100_000, "default": 5000, "log": True}
DEPTH = {**SIZE, "name": "depth", "title": "Depth", "scenes": ["two"]}
MOVES = {"kind": "steps", "name": "moves", "title": "Steps", "buttons": [["E", "Encoder step"], ["D", "Decoder step"]],
         "default": "", "words": "", "most": 9, "scenes": []}  # fmt: skip
OUTCOME = {"name": "cost", "title": "The cost", "value": 12.3456, "stderr": 0.021, "n": 9, "kind": "unbiased",
           "over": "draws", "unit": "nats", "theory": 12.0, "band": [11.5, 12.5], "inside": True,
           "words": "So much."}  # fmt: skip

# A picture that notes what it is asked: window.seenLab.shown, .coming (what a slider says on its way), .stopped.
PICTURE = """
import { formula } from "./panel.js";
export function picture(ctx) {
  const element = document.createElement("div");
  const lab = window.seenLab ??= { shown: [], coming: [], stopped: 0, large: [] };
  element.style.height = "var(--stage)";
  return {
    element, formula: [formula.line("log p(x)")],
    show(moments, index) {
      if (index >= 0) lab.shown.push(moments[index].text);
      element.textContent = `${ctx.demo.name} ${moments[index]?.text ?? "empty"}`;
      element.style.paddingBottom = index < 2 ? "0" : "60px";
      element.style.boxSizing = "content-box";
    },
    theme(colours, theme) { lab.theme = theme; lab.large.push(ctx.large); },
    react(settings) { lab.coming.push(settings); },
    stop() { lab.stopped += 1; },
  };
}
"""


def demo(name: str, *controls: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": name.title(), "question": f"What is {name}?", "story": ["A story.", "Its end."],
            "notice": ["This.", "That."], "source": "A paper, 2014", "seconds": 1, "controls": list(controls),
            "scenes": []}  # fmt: skip


def moments(question: dict[str, Any]) -> list[dict[str, Any]]:
    """The film of a question: of "moves" one more for each letter, of "tour" some that wait for their visitor."""
    settings = question["settings"]
    count = COUNT + len(settings.get("moves", ""))
    say = "".join(f"{name}{settings[name]} " for name in ("size", "scene") if name in settings)
    return [{"fraction": (i + 1) / count, "text": f"{say}seed{question['seed']} moment{i}",
             "data": {"hold": question["demo"] == "tour" and i in (1, 3, 5)},
             "outcomes": [OUTCOME] if i == count - 1 else []} for i in range(count)]  # fmt: skip


class Answers:
    """Stands in for the app's answers: `played` and `left` have the questions; `most` moments are told at a time."""

    def __init__(self, page: Any) -> None:
        self.demos = [demo("alpha", SIZE, SCENE, DEPTH, RATE), demo("tour"), demo("moves", MOVES)]
        self.played: list[dict[str, Any]] = []
        self.left: list[dict[str, Any]] = []
        self.limit = COUNT * 9  # moments that are there so far
        self.fails: tuple[int, str] | None = None
        page.route("**/vaex/lab/demos", lambda route: route.fulfill(json=self.demos))
        page.route("**/vaex/lab/play", self.play)
        page.route("**/vaex/lab/leave", self.leave)
        page.route("**/vaex/live/*/lab_*.js", self.module)

    def module(self, route: Any) -> None:
        own = any(urlsplit(route.request.url).path.endswith(f"/lab_{one['name']}.js") for one in self.demos)
        route.fulfill(body=PICTURE, content_type="text/javascript") if own else route.fallback()

    def leave(self, route: Any) -> None:
        self.left.append(route.request.post_data_json)
        route.fulfill(json={})

    def play(self, route: Any) -> None:
        question = route.request.post_data_json
        self.played.append(question)
        if self.fails:
            status, line = self.fails
            route.fulfill(status=status, json={"error": line})
            return
        film, have = moments(question), question["have"]
        if self.limit < len(film):
            part = {"start": have, "moments": film[have : self.limit]}
            route.fulfill(status=202, json={"job": "j", "fraction": 0.5, "text": "", "partial": part})
            return
        route.fulfill(json={"start": have, "moments": film[have:], "complete": True})


@pytest.fixture
def page(page: Any, console_errors: list[str]) -> Iterator[Any]:
    """Streamlit asks for its health below the page's own address first, and not in vain later: no fault of ours."""
    yield page
    console_errors[:] = [line for line in console_errors if "/_stcore/" not in line]


@pytest.fixture
def answers(page: Any) -> Answers:
    return Answers(page)


def visit(page: Any, url: str, **query: Any) -> Any:
    page.goto(f"{url}/lab?{'&'.join(f'{name}={value}' for name, value in query.items())}")
    page.get_by_test_id("lab-stage").wait_for(timeout=60_000)
    return page


def stage(page: Any, name: str) -> str:
    return page.get_by_test_id("lab-stage").get_attribute(f"data-{name}")


def caption(page: Any) -> str:
    return page.get_by_test_id("lab-caption").inner_text()


def ended(page: Any, words: str) -> None:
    """The film in sight has these words and has come to its end."""
    last = f"{words} moment{COUNT - 1}" if words else f"moment{COUNT - 1}"
    becomes(page, lambda: (caption(page), stage(page, "playing")), lambda now: now[0].endswith(last)
            and now[1] == "false")  # fmt: skip


def address(page: Any) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def shown(page: Any) -> list[str]:
    return page.evaluate("window.seenLab.shown")


def opened(page: Any) -> str:
    return page.locator(".lab-card[aria-current]").get_attribute("data-name")


def test_a_film_plays_before_the_first_click_and_then_all_is_quiet(page: Any, app_url: str, answers: Answers) -> None:
    visit(page, app_url)
    ended(page, "seed0")
    seen = shown(page)
    assert [text[-1] for text in dict.fromkeys(seen)] == [str(i) for i in range(COUNT)], "each moment, in order"
    assert page.get_by_role("heading", level=2).inner_text() == "What is alpha?"
    assert page.get_by_test_id("lab-picture").inner_text().startswith("alpha size5 sceneone seed0 moment5")
    assert "Source: A paper, 2014" in page.get_by_test_id("demo-alpha").inner_text()
    row = page.get_by_test_id("lab-outcomes").locator("tbody tr")
    assert row.get_attribute("data-inside") == "true"
    cells = [" ".join(text.split()) for text in row.locator("th, td").all_inner_texts()]
    assert cells == ["The cost So much.", "12.35 ± 0.021 nats", "sampled", "12", "11.5 to 12.5", "✓"]
    page.get_by_text("Show the formula").click()
    assert page.get_by_test_id("lab-formula").locator(".formula").is_visible()
    assert address(page) == {"demo": "alpha", "seed": "0"}
    asked = len(answers.played)
    page.evaluate("""() => {
        const [timeout, frame] = [window.setTimeout, window.requestAnimationFrame];
        window.calls = 0;
        window.setTimeout = (...a) => (String(a[0]).includes("onShow") && (window.calls += 1), timeout(...a));
    }""")
    page.wait_for_timeout(300)
    assert (len(answers.played), len(shown(page)), page.evaluate("window.calls")) == (asked, len(seen), 0)
    assert answers.left == [], "a film that came to its end needs no leave"


def test_controls_seed_and_reset_play_anew_and_the_address_follows(page: Any, app_url: str, answers: Answers) -> None:
    visit(page, app_url, demo="alpha", size=7, seed=3)
    ended(page, "size7 sceneone seed3")
    slider = page.get_by_role("slider", name="Size")
    assert slider.input_value() == "7"
    rate = page.locator(".lab-control[data-name=rate] output")
    assert rate.inner_text() == "5000", "as it is set, though no place of the slider is just there"
    assert answers.played[0]["settings"]["rate"] == 5000
    assert page.get_by_role("slider", name="Depth").count() == 0
    slider.focus()
    slider.press("ArrowRight")
    ended(page, "size8 sceneone seed3")
    assert page.evaluate("window.seenLab.coming.map(({ size }) => size)")[0] == 8, "the picture hears of it at once"
    page.get_by_role("button", name="Second").click()
    ended(page, "size8 scenetwo seed3")
    assert page.get_by_role("slider", name="Depth").is_visible()
    assert address(page) == {"demo": "alpha", "seed": "3", "size": "8", "scene": "two"}
    page.get_by_role("spinbutton", name="seed of all chance").fill("-4")
    page.get_by_role("spinbutton", name="seed of all chance").press("Enter")
    assert page.get_by_role("spinbutton", name="seed of all chance").input_value() == "3"
    page.get_by_role("slider", name="Rate").focus()
    page.get_by_role("slider", name="Rate").press("End")
    assert rate.inner_text() == "100,000"
    becomes(page, lambda: answers.played[-1]["settings"]["rate"], lambda value: value == 100_000)
    page.get_by_test_id("lab-controls").get_by_role("button", name="Reset").click()
    ended(page, "size5 sceneone seed3")
    assert address(page) == {"demo": "alpha", "seed": "3"}
    asked = [one for one in answers.played if one["have"] == 0]
    assert len({one["who"] for one in asked}) == 1
    assert [one["settings"]["size"] for one in asked] == [7, 8, 8, 8, 5]
    page.locator(".lab-card[data-name=tour]").click()
    page.locator(".lab-card[data-name=alpha]").click()
    assert opened(page) == "alpha"
    page.go_back()
    becomes(page, lambda: opened(page), lambda name: name == "tour")
    assert address(page)["demo"] == "tour"


def test_what_a_link_cannot_have_is_told(page: Any, app_url: str, answers: Answers) -> None:
    visit(page, app_url, demo="alpha", size=77, wrong=1, scene="two", seed="x")
    said = page.get_by_test_id("notice").inner_text()
    for words in ("The link's size=77 cannot be", "has no setting “wrong”", "seed is no whole number"):
        assert words in said
    ended(page, "size5 scenetwo seed0")
    visit(page, app_url, demo="nonsense")
    assert "There is no demonstration “nonsense”" in page.get_by_test_id("notice").inner_text()
    assert opened(page) == "alpha"


def test_steps_by_hand_go_on_where_the_film_was(page: Any, app_url: str, answers: Answers) -> None:
    visit(page, app_url, demo="moves")
    ended(page, "")
    before = len(shown(page))
    page.get_by_role("button", name="Encoder step").click()
    becomes(page, lambda: caption(page), lambda text: text.endswith(f"moment{COUNT}"))
    assert {text[-1] for text in shown(page)[before:]} == {str(COUNT - 1), str(COUNT)}, "not from the beginning"
    assert answers.played[-1]["settings"] == {"moves": "E"} and address(page)["moves"] == "E"
    page.get_by_role("button", name="Decoder step").click()
    becomes(page, lambda: caption(page), lambda text: text.endswith(f"moment{COUNT + 1}"))
    assert address(page)["moves"] == "ED"
    before = len(shown(page))
    page.get_by_role("button", name="Steps: take the last one back").click()
    becomes(page, lambda: (address(page)["moves"], stage(page, "count")), lambda now: now == ("E", str(COUNT + 1)))
    becomes(page, lambda: shown(page)[before:], lambda texts: bool(texts) and texts[0].endswith("moment0"))


def test_a_tour_waits_for_its_visitor(page: Any, app_url: str, answers: Answers) -> None:
    visit(page, app_url, demo="tour")
    becomes(page, lambda: (stage(page, "index"), stage(page, "held")), lambda now: now == ("1", "true"))
    walk = page.locator(".lab-walk")
    assert walk.locator("[role=img]").get_attribute("aria-label") == "step 1 of 3"
    assert walk.get_by_role("button", name="Back").is_disabled()
    walk.get_by_role("button", name="Next").click()
    assert stage(page, "index") == "3"
    page.get_by_role("button", name="Present", exact=True).click()
    page.keyboard.press("ArrowRight")
    assert (stage(page, "index"), opened(page)) == ("5", "tour")
    page.keyboard.press("PageDown")
    assert opened(page) == "moves", "after its last step comes the next demonstration"
    page.keyboard.press("ArrowLeft")
    assert opened(page) == "tour"


def test_a_presenter_needs_no_mouse(page: Any, app_url: str, answers: Answers) -> None:
    visit(page, app_url, demo="alpha", size=7, present=1)
    ended(page, "size7 sceneone seed0")
    stand = page.get_by_test_id("lab-open")
    assert stand.evaluate("(e) => e.getRootNode().activeElement === e"), "no button has the focus: space plays"
    box = stand.bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1440, 900), "over all of Streamlit"
    scale = page.get_by_test_id("demo-alpha").evaluate("(e) => e.getBoundingClientRect().width / e.offsetWidth")
    assert scale == pytest.approx(1.3, abs=0.01)
    bar = page.get_by_test_id("lab-presenter").bounding_box()["y"]
    low = page.get_by_test_id("lab-controls")
    becomes(page, lambda: low.bounding_box()["y"] + low.bounding_box()["height"], lambda end: bar - 30 < end < bar)
    picture = page.get_by_test_id("lab-picture").bounding_box()
    assert picture["height"] > 350 and picture["width"] > 1300, "large, and all of it in sight"
    page.keyboard.press("r")
    ended(page, "size5 sceneone seed0")
    assert address(page) == {"demo": "alpha", "seed": "0", "present": "1"}
    page.keyboard.press(" ")
    assert stage(page, "playing") == "true", "it plays again"
    page.keyboard.press(" ")
    assert stage(page, "playing") == "false"
    page.get_by_role("slider", name="Size").focus()
    page.keyboard.press("ArrowRight")
    assert opened(page) == "alpha" and address(page)["size"] == "6", "the arrows belong to the slider"
    page.keyboard.press("Escape")
    assert stand.bounding_box()["x"] > 0
    assert "present" not in address(page)
    assert page.evaluate("window.seenLab.large.at(-1)") is False
    page.keyboard.press("ArrowRight")
    assert opened(page) == "alpha", "no key means anything outside"


def test_who_leaves_ends_the_work(page: Any, app_url: str, answers: Answers) -> None:
    answers.limit = 3
    visit(page, app_url, demo="alpha", seed=5)
    becomes(page, lambda: caption(page), lambda text: text.endswith("moment2"))
    page.locator(".lab-card[data-name=moves]").click()
    becomes(page, lambda: answers.left, lambda left: len(left) == 1)
    (left,) = answers.left
    first = answers.played[0]
    assert {name: left[name] for name in ("demo", "settings", "seed", "who")} == {
        name: first[name] for name in ("demo", "settings", "seed", "who")
    }
    assert page.evaluate("window.seenLab.stopped") == 1
    becomes(page, lambda: answers.played[-1]["demo"], lambda name: name == "moves")
    page.get_by_role("link", name="Train").click()
    becomes(page, lambda: answers.left, lambda left: len(left) == 2)
    assert answers.left[1]["demo"] == "moves"
    settled(page)
    asked, seen = len(answers.played), len(shown(page))
    page.wait_for_timeout(300)
    assert (len(answers.played), len(shown(page))) == (asked, seen), "nothing goes on"
    assert not {"demo", "seed"} & set(address(page))


def test_what_goes_wrong_is_told_with_a_way_back(
    page: Any, app_url: str, answers: Answers, console_errors: list[str]
) -> None:
    answers.fails = (422, "the numbers left all bounds: choose milder settings")
    visit(page, app_url, demo="alpha", size=9)
    error = page.get_by_test_id("lab-error")
    error.wait_for()
    assert "the numbers left all bounds: choose milder settings" in error.inner_text()
    answers.fails = None
    error.get_by_role("button", name="Reset").click()
    ended(page, "size5 sceneone seed0")
    assert error.is_hidden()
    answers.demos.append(demo("unseen"))
    page.route("**/lab_unseen.js", lambda route: route.fulfill(status=404, body="none"))
    visit(page, app_url, demo="unseen")
    ended(page, "seed0")
    assert "cannot be shown" in page.get_by_test_id("lab-picture").inner_text()
    broken = PICTURE.replace("show(moments, index) {", "show(moments, index) { if (index > 2) throw Error('no ink');")
    page.route("**/lab_moves.js", lambda route: route.fulfill(body=broken, content_type="text/javascript"))
    page.locator(".lab-card[data-name=moves]").click()
    ended(page, "")
    assert "cannot be shown" in page.get_by_test_id("lab-picture").inner_text()
    expected = ("422", "404", "no ink", "lab_unseen.js")
    assert [line for line in console_errors if not any(one in line for one in (*expected, "/_stcore/"))] == []
    console_errors.clear()


@pytest.mark.parametrize(("width", "theme"), [(420, "light"), (1440, "dark")])
def test_it_fits_and_can_be_read(page: Any, app_url: str, answers: Answers, width: int, theme: str) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    answers.limit = 3
    visit(page, app_url, demo="alpha", scene="two")
    becomes(page, lambda: len(answers.played), lambda asked: asked > 30, seconds=30)  # longer than two moments take
    assert (stage(page, "count"), caption(page)[-7:]) == ("3", "moment0"), "no film unasked"
    answers.limit = COUNT
    becomes(page, lambda: caption(page), lambda text: text.endswith(f"moment{COUNT - 1}"))
    assert set(shown(page)) == {f"size5 scenetwo seed0 moment{i}" for i in (0, COUNT - 1)}
    root = page.locator(".laboratory")
    assert root.get_attribute("data-theme") == theme == page.evaluate("window.seenLab.theme")
    reads_well(page)
    figure = page.locator(".lab-outcomes td[data-label=here] > *")
    feet = figure.evaluate_all("(parts) => parts.map((part) => part.getBoundingClientRect().bottom)")
    assert len(feet) == 2 and abs(feet[0] - feet[1]) < 6, "a number and its unit stand in one line"
    page.get_by_role("button", name="Present", exact=True).click()
    reads_well(page)
    page.get_by_role("button", name="leave the presentation").click()
    side, main = page.locator(".lab-story").bounding_box(), page.get_by_test_id("lab-stage").bounding_box()
    assert (side["x"] > main["x"] + main["width"]) == (width > 1000), "beside the picture, or above it"


def reads_well(page: Any) -> None:
    """No small print, no control without a name, nothing wider than its place."""
    root = page.locator(".laboratory")
    assert small_print(root) == [] == nameless(root)
    for place in ("html", ".lab-view"):
        assert page.locator(place).evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0, place


def test_two_tabs_play_two_real_demonstrations(page: Any, app_url: str) -> None:
    """No answers of the test's own: the app's demonstrations, their films and pictures, side by side."""
    told: list[dict[str, Any]] = []
    other = page.context.new_page()
    for tab, name in ((page, "kl_directions"), (other, "first_tour")):
        tab.on("request", lambda request: told.append(request.post_data_json) if "lab/play" in request.url else None)
        visit(tab, app_url, demo=name)
    for tab, name in ((page, "kl_directions"), (other, "first_tour")):
        becomes(tab, lambda tab=tab: int(stage(tab, "count")), lambda count: count >= 2, seconds=60)
        assert opened(tab) == name
        assert tab.get_by_test_id("lab-picture").locator("*").count() > 3, "its own picture"
    assert len({one["who"] for one in told}) == 2
    other.close()


def test_the_answers_here_have_the_apps_shapes(page: Any, app_url: str, answers: Answers) -> None:
    real = page.request.get(f"{app_url}/vaex/lab/demos").json()
    assert set(answers.demos[0]) == set(real[0])
    body = json.dumps({"demo": "kl_directions", "settings": {}, "seed": 0, "have": 0, "who": "test"})
    part = page.request.post(f"{app_url}/vaex/lab/play", data=body).json()
    assert set(part) in ({"job", "fraction", "text", "partial"}, {"start", "moments", "complete"})
    (first, *_) = (part.get("partial") or part)["moments"]
    assert set(first) == set(moments({"demo": "alpha", "settings": {}, "seed": 0})[0])
    page.request.post(f"{app_url}/vaex/lab/leave", data=body)
