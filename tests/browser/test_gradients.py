"""The Gradients page as a visitor uses it: the playground, the images, the wrong average, on the real app.

The playground's numbers are tested in test_gradient_playground_js.py, the panels about a model in
test_gradienter_js.py; here a hand moves things.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.driver import settled
from tests.browser.legible import nameless, small_print
from tests.browser.test_reconstruct import becomes, button, number

MANY = "2000"


@pytest.fixture(scope="module")
def url(app_url: str) -> str:
    return app_url


@pytest.fixture
def page(page: Any, console_errors: list[str]) -> Iterator[Any]:
    """Streamlit asks for its health below the page's own address first, and not in vain later: no fault of ours."""
    page.emulate_media(reduced_motion="reduce")
    yield page
    console_errors[:] = [line for line in console_errors if "/_stcore/" not in line]


def visit(page: Any, url: str, model: str = "digits-2d", images: str = "test:3") -> Any:
    """Open a model and wait until the playground stands and the page knows its estimators."""
    page.goto(f"{url}/gradients?model={model}&images={images}")
    settled(page)
    ground(page).wait_for()
    page.get_by_test_id("gradients-table").wait_for()
    return page


def ground(page: Any) -> Any:
    return page.get_by_test_id("gradients-playground")


def words(page: Any) -> str:
    return page.get_by_test_id("playground-words").inner_text()


def example(page: Any, name: str) -> None:
    page.locator(f'[data-example="{name}"]').click()


def cells(page: Any, way: str) -> list[str]:
    """The column of numbers of one way: true gradient, mean, variance, measured variance."""
    return page.get_by_test_id(f"numbers-{way}").locator("td").all_inner_texts()


def exact(page: Any, title: str) -> Any:
    return page.get_by_role("spinbutton", name=f"{title}, exactly")


def picture(page: Any, testid: str) -> str:
    """A canvas as it is now, in a few letters."""
    data = page.get_by_test_id(testid).evaluate("(canvas) => canvas.toDataURL()")
    return hashlib.sha256(data.encode()).hexdigest()[:12]


def pressed(page: Any, label: str) -> str:
    return page.get_by_role("group", name=label).locator('[aria-pressed="true"]').inner_text()


def test_draws_fall_before_the_first_click_and_rest_after_it(page: Any, url: str) -> None:
    page.emulate_media(reduced_motion="no-preference")
    visit(page, url)
    assert ground(page).get_attribute("data-playing") == "true"
    first = becomes(page, lambda: int(ground(page).get_attribute("data-counted")), lambda n: n >= 2)
    assert first < int(MANY)
    before = picture(page, "stage-pathwise")
    becomes(page, lambda: picture(page, "stage-pathwise"), lambda now: now != before)
    page.mouse.click(5, 5)
    becomes(page, lambda: ground(page).get_attribute("data-playing"), lambda on: on == "false")
    assert ground(page).get_attribute("data-counted") == MANY
    still = picture(page, "stage-score")
    button(page, "let draws fall, or stop").click()
    assert ground(page).get_attribute("data-playing") == "true"
    becomes(page, lambda: picture(page, "stage-score"), lambda now: now != still)
    button(page, "let draws fall, or stop").click()
    assert ground(page).get_attribute("data-counted") == MANY


def test_who_wants_stillness_has_all_numbers_at_once_and_the_examples_theirs(page: Any, url: str) -> None:
    visit(page, url)
    assert ground(page).get_attribute("data-playing") == "false"
    assert ground(page).get_attribute("data-counted") == MANY
    truth, mean, variance, measured = cells(page, "pathwise")
    assert (number(truth), number(variance)) == (-0.5, 6.25)
    assert number(mean) == pytest.approx(-0.5, abs=5 * math.sqrt(6.25 / 2000))
    assert number(measured) == pytest.approx(6.25, abs=5 * 6.25 * math.sqrt(2 / 2000))
    assert number(cells(page, "score")[2]) == 22.835
    a_constant_ruins_it_and_the_baseline_saves_it(page)
    a_step_and_a_wave(page)


def a_constant_ruins_it_and_the_baseline_saves_it(page: Any) -> None:
    example(page, "ruined")
    assert number(cells(page, "score")[2]) == pytest.approx(26774.8, abs=0.05)
    assert number(cells(page, "pathwise")[2]) == 6.25
    assert "4,300 times as many draws" in words(page) and "bare height" in words(page)
    button(page, "mean of f").click()
    assert number(cells(page, "score")[2]) == 16.125
    assert number(exact(page, "C, the baseline of the score function").input_value()) == -80.55
    button(page, "best C").click()
    assert number(cells(page, "score")[2]) == 9.875
    assert number(exact(page, "C, the baseline of the score function").input_value()) == -81.8
    button(page, "widen q: by log σ").click()
    assert number(cells(page, "score")[2]) == 10.0
    button(page, "move q: by μ").click()
    button(page, "the other draws").click()
    assert number(cells(page, "score")[2]) == 9.875
    assert exact(page, "C, the baseline of the score function").is_disabled()
    assert "S = 2 draws" in page.get_by_test_id("playground-caption").inner_text()


def a_step_and_a_wave(page: Any) -> None:
    example(page, "step")
    assert cells(page, "pathwise")[1:] == ["0", "0", "0"]
    assert number(cells(page, "score")[0]) == pytest.approx(
        math.exp(-0.5 * (0.3 / 0.6) ** 2) / (0.6 * math.sqrt(2 * math.pi)), abs=1e-6
    )
    assert "Pathwise answers 0" in words(page)
    example(page, "wave")
    assert number(cells(page, "score")[2]) < number(cells(page, "pathwise")[2]) / 4
    assert "the score function is the better one here" in words(page)
    assert "cos(w z)" in page.get_by_test_id("playground-f").inner_text()


def test_hands_and_keys_move_the_numbers(page: Any, url: str) -> None:
    visit(page, url)
    before = picture(page, "stage-pathwise")
    box = page.get_by_test_id("stage-pathwise").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 40, steps=4)
    page.mouse.up()
    middle = number(exact(page, "μ, the middle of q").input_value())
    assert 1.4 < middle < 2.1
    assert number(cells(page, "score")[0]) == pytest.approx(-5 * middle + 1, abs=0.01)
    assert picture(page, "stage-pathwise") != before
    exact(page, "σ, the width of q").fill("0.75")
    exact(page, "σ, the width of q").press("Enter")
    assert number(cells(page, "pathwise")[2]) == pytest.approx(25 * 0.75**2, abs=1e-3)
    exact(page, "σ, the width of q").fill("-3")
    exact(page, "σ, the width of q").press("Enter")
    assert exact(page, "σ, the width of q").input_value() == "0.1"
    draws = page.get_by_role("slider", name="S, draws behind one estimate")
    draws.focus()
    draws.press("End")
    assert number(cells(page, "pathwise")[2]) == pytest.approx(25 * 0.1**2 / 100, rel=1e-4)
    baseline = page.get_by_role("slider", name="C, the baseline of the score function")
    button(page, "best C").click()
    baseline.focus()
    baseline.press("ArrowRight")
    assert pressed(page, "baseline") == "C by hand"
    assert page.locator('[data-example][aria-pressed="true"]').count() == 0


def test_the_model_has_its_images_and_its_panels(page: Any, url: str) -> None:
    visit(page, url, images="test:3,test:99999")
    picked = page.get_by_test_id("picked").locator(".picked-image")
    becomes(page, lambda: picked.evaluate_all("all => all.map((e) => e.dataset.key)"), lambda keys: keys == ["test:3"])
    line = page.get_by_test_id("notice").inner_text()
    assert "test:99999 is left out" in line
    order = page.locator("section.panel").evaluate_all("all => all.map((e) => e.dataset.testid)")
    names = ("playground", "table", "histograms", "cloud", "sweeps", "wrong")
    assert order == [f"gradients-{name}" for name in names]
    page.get_by_role("spinbutton", name="test image number").fill("7")
    page.get_by_role("spinbutton", name="test image number").press("Enter")
    becomes(page, lambda: picked.count(), lambda count: count == 2)
    the_wrong_average_and_the_right_one(page)


def the_wrong_average_and_the_right_one(page: Any) -> None:
    wrong = page.get_by_test_id("gradients-wrong")
    wrong.scroll_into_view_if_needed()
    becomes(page, lambda: wrong.get_attribute("data-draws"), lambda n: n == "100000")
    said = page.get_by_test_id("wrong-now").inner_text()
    assert "surer of 0.0881546, 5.7 times too small" in said and "The true gradient is 0.5;" in said
    button(page, "the playground's f and q").click()
    assert "The true gradient is −0.5;" in page.get_by_test_id("wrong-now").inner_text()
    assert "a = −2.5, b = 1, c = 0; q = N(0.3, 0.5²)" in page.get_by_test_id("wrong-caption").inner_text()


def test_one_comes_back_to_what_one_left(page: Any, url: str) -> None:
    visit(page, url)
    example(page, "peaks")
    left = words(page)
    page.get_by_role("link", name="Bounds").click()
    page.get_by_test_id("bounds-bar").wait_for()
    page.get_by_role("link", name="Gradients").click()
    ground(page).wait_for()
    assert words(page) == left
    assert pressed(page, "the function f") == "two peaks"


@pytest.mark.parametrize(("width", "theme"), [(420, "light"), (1440, "dark")])
def test_it_fits_and_can_be_read(page: Any, url: str, width: int, theme: str) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, url)
    root = page.locator(".gradienter")
    assert root.get_attribute("data-theme") == theme
    assert small_print(root) == [] == nameless(root)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    stages = [page.get_by_test_id(f"stage-{way}").bounding_box() for way in ("pathwise", "score")]
    side_by_side = stages[0]["y"] == pytest.approx(stages[1]["y"], abs=2)
    assert side_by_side == (width > 1000)
