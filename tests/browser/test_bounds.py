"""The Bounds page as a visitor uses it: pictures, switches, the bar of terms and its words, on the real app.

What the panels further down do is tested beside their modules (test_bounder_charts_js.py, test_bounder_panels_js.py).
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from tests.browser.driver import settled
from tests.browser.legible import nameless, small_print
from tests.browser.test_reconstruct import SEVEN, becomes, button, number, pixels, stroke


@pytest.fixture(scope="module")
def url(app_url: str) -> str:
    return app_url


@pytest.fixture
def page(page: Any, console_errors: list[str]) -> Iterator[Any]:
    """Streamlit asks for its health below the page's own address first, and not in vain later: no fault of ours."""
    page.emulate_media(reduced_motion="reduce")
    yield page
    console_errors[:] = [line for line in console_errors if "/_stcore/" not in line]


def visit(page: Any, url: str, model: str = "digits-2d", images: str = "", ready: str = "all") -> Any:
    """Open a model and wait until the first image has its terms and a first estimate of log p(x)."""
    page.goto(f"{url}/bounds?model={model}{f'&images={images}' if images else ''}")
    settled(page)
    page.locator(f'[data-testid="bounds-bar"][data-ready{"=" + ready if ready else ""}]').wait_for()
    return page


def value(page: Any, row: str) -> float:
    return number(page.locator(f'[data-row="{row}"] .wf-value').inner_text())


def picked(page: Any) -> list[str]:
    return page.get_by_test_id("picked").locator(".picked-image").evaluate_all("all => all.map((e) => e.dataset.key)")


def looked_at(page: Any) -> str:
    return page.locator('.picked-look[aria-pressed="true"]').locator("..").get_attribute("data-key")


def words(page: Any) -> str:
    return page.get_by_test_id("bar-words").inner_text()


def terms_of(url: str, model: str, images: list[str]) -> dict[str, Any]:
    body = json.dumps({"model": model, "images": images, "seed": 0, "samples": 128}).encode()
    with urlopen(Request(f"{url}/vaex/bounds/terms", body, {"Content-Type": "application/json"})) as answer:
        data = answer.read()
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length])


def test_the_page_is_alive_before_the_first_click(page: Any, url: str) -> None:
    visit(page, url)
    assert picked(page) == [f"test:{i}" for i in range(8)]
    assert looked_at(page) == "test:0"
    (item,) = terms_of(url, "digits-2d", ["test:0"])["items"]
    for row in ("elbo", "reconstruction", "kl"):
        assert value(page, row) == pytest.approx(item[row]["value"], abs=0.02)
    assert value(page, "marginal") >= value(page, "elbo") - 1
    assert value(page, "gap") == pytest.approx(value(page, "marginal") - value(page, "elbo"), abs=0.02)
    assert "100 draws" in words(page)
    assert "lower bound" in page.locator('[data-row="marginal"]').inner_text()
    assert "n = 128 samples of q" in page.get_by_test_id("bar-caption").inner_text()
    given = pixels(page.locator(".bar-picture canvas").first)
    assert given.shape[:2] == (8, 8)
    assert given[..., 0].max() > 100


def test_units_and_sign_change_everything_at_once_and_ask_nobody(page: Any, url: str) -> None:
    visit(page, url)
    elbo, kl, asked = value(page, "elbo"), value(page, "kl"), []
    page.wait_for_timeout(1500)  # what the panels ask for by themselves
    page.on("request", lambda request: asked.append(request.url) if "/vaex/" in request.url else None)
    button(page, "bits").click()
    assert value(page, "elbo") == pytest.approx(elbo / math.log(2), rel=2e-3)
    assert value(page, "kl") == pytest.approx(kl / math.log(2), rel=2e-3)
    assert " bits" in words(page)
    button(page, "bits per dimension").click()
    assert value(page, "elbo") == pytest.approx(elbo / math.log(2) / 64, rel=5e-3)
    assert "64 dimensions" in page.get_by_test_id("bar-caption").inner_text()
    button(page, "nats").click()
    button(page, "surprisal and its bound").click()
    assert value(page, "elbo") == pytest.approx(-elbo, abs=0.02)
    assert value(page, "kl") == pytest.approx(kl, abs=0.002)
    assert "upper bound" in page.locator('[data-row="elbo"]').inner_text()
    assert asked == []


def test_a_press_looks_at_another_image_and_the_table_has_all_of_them(page: Any, url: str) -> None:
    visit(page, url)
    before, asked = words(page), []
    page.on("request", lambda request: asked.append(request.url) if "bounds/terms" in request.url else None)
    page.locator('[data-key="test:3"] .picked-look').click()
    assert looked_at(page) == "test:3"
    assert words(page) != before
    assert words(page).startswith("Test image 3")
    page.get_by_text("All chosen images, and their mean").click()
    table = page.get_by_test_id("terms-table")
    cells = table.locator('tbody tr:not(.mean) td[data-column="elbo"]').all_inner_texts()
    values = np.array([number(text) for text in cells])
    assert len(values) == 8
    mean = table.get_by_test_id("terms-mean").locator('td[data-column="elbo"]').inner_text()
    assert number(mean) == pytest.approx(values.mean(), abs=0.1)
    error = number(mean.split("±")[1])
    assert error == pytest.approx(values.std(ddof=1) / math.sqrt(8), rel=0.1)
    table.get_by_role("button", name="test image 5").click()
    assert looked_at(page) == "test:5"
    assert not asked


def test_the_gap_is_split_and_its_parts_add_up(page: Any, url: str) -> None:
    visit(page, url, images="test:2")
    button(page, "Split the gap").click()
    legend = page.get_by_test_id("gap-parts")
    becomes(page, legend.is_visible, bool, 60)
    parts = [
        float(v)
        for v in page.locator('[data-row="gap"] [data-part]').evaluate_all("a => a.map((e) => e.dataset.value)")
    ]
    assert len(parts) == 3
    assert sum(parts) == pytest.approx(value(page, "gap"), abs=0.02)
    assert value(page, "elbo") + value(page, "gap") == pytest.approx(value(page, "marginal"), abs=0.02)
    assert "with the split" in page.get_by_test_id("marginal-by").locator("option:checked").inner_text()
    page.get_by_test_id("marginal-by").select_option("iwae")
    assert legend.is_hidden()
    assert "100 draws" in words(page)


def test_a_link_opens_with_its_images_and_says_what_is_not_there(
    page: Any, url: str, console_errors: list[str]
) -> None:
    visit(page, url, images="test:3,test:99999,picture:0123456789ab")
    assert picked(page) == ["test:3"]
    line = page.get_by_test_id("notice").inner_text()
    assert "test:99999 is left out" in line
    assert "(and 1 more)" in line
    assert "\n" not in line
    visit_nothing(page, url)
    console_errors[:] = [text for text in console_errors if "status of 404" not in text]


def visit_nothing(page: Any, url: str) -> None:
    """A link of which nothing is left says so, and the page goes on."""
    page.goto(f"{url}/bounds?model=digits-2d&images=test:99999")
    settled(page)
    becomes(page, lambda: page.get_by_test_id("notice").is_visible(), bool)
    assert "99999" in page.get_by_test_id("notice").inner_text() or "test" in page.get_by_test_id("notice").inner_text()
    page.locator('[data-key="test:0"]').wait_for()


def test_a_drawing_becomes_an_image_and_the_next_stroke_replaces_it(page: Any, url: str) -> None:
    visit(page, url)
    page.get_by_role("tab", name="Draw").click()
    stroke(page, SEVEN)
    (first,) = becomes(page, lambda: [k for k in picked(page) if k.startswith("picture:")], bool)
    assert re.fullmatch(r"picture:[0-9a-f]{12}", first)
    becomes(page, lambda: words(page), lambda text: text.startswith("Your drawing") and "100 draws" in text)
    assert looked_at(page) == first
    stroke(page, [(0.2, 0.5), (0.8, 0.5)])
    (second,) = becomes(page, lambda: [k for k in picked(page) if k.startswith("picture:")], lambda ks: ks != [first])
    assert second != first
    assert len(picked(page)) == 9
    page.get_by_label("put your drawing away").click()
    assert len(picked(page)) == 8


def test_a_link_to_a_drawing_brings_it_back(page: Any, url: str) -> None:
    picture = json.dumps({"width": 8, "height": 8, "pixels": [float(2 <= i % 8 <= 4) for i in range(64)]}).encode()
    asked = Request(f"{url}/vaex/bounds/pictures?model=digits-2d&kind=drawing", picture)
    with urlopen(asked) as answer:
        key = json.loads(answer.read())["key"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, url, images=f"{key},test:4")
    assert picked(page) == [key, "test:4"]
    assert words(page).startswith("Your drawing")
    button(page, "copy a link to these images").click()
    field = page.get_by_label("link to this page")
    link = field.input_value() if field.is_visible() else page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(link).query)["images"] == [f"{key},test:4"]


def test_an_upload_joins_the_images_and_a_file_that_is_none_is_one_line(
    page: Any, url: str, console_errors: list[str]
) -> None:
    visit(page, url)
    page.get_by_role("tab", name="Upload").click()
    field, line = page.get_by_label("image file"), page.locator(".sources .error")
    for data in (b"", b"no image at all"):
        field.set_input_files({"name": "<b>x</b>.png", "mimeType": "image/png", "buffer": data})
        line.wait_for()
        assert "\n" not in line.inner_text().strip()
        assert picked(page) == [f"test:{i}" for i in range(8)]
    file = io.BytesIO()
    Image.new("L", (40, 40), 160).save(file, "PNG")
    field.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": file.getvalue()})
    becomes(page, lambda: words(page), lambda text: text.startswith("Your image"))
    assert len(picked(page)) == 9
    assert line.is_hidden()
    console_errors[:] = [text for text in console_errors if "status of 4" not in text]


def test_what_one_left_is_there_when_one_comes_back(page: Any, url: str) -> None:
    visit(page, url)
    page.locator('[data-key="test:6"] .picked-look').click()
    button(page, "keep only the image that is looked at").click()
    button(page, "bits").click()
    elbo, asked = value(page, "elbo"), []
    page.get_by_role("link", name="Explore").click()
    page.get_by_test_id("decoded-image").wait_for()
    page.on("request", lambda request: asked.append(request.url) if "bounds/terms" in request.url else None)
    page.get_by_role("link", name="Bounds").click()
    page.locator('[data-testid="bounds-bar"][data-ready]').wait_for()
    assert picked(page) == ["test:6"]
    assert button(page, "bits").get_attribute("aria-pressed") == "true"
    assert value(page, "elbo") == elbo
    assert asked == []


def test_the_gallery_of_reconstruct_leads_here(page: Any, url: str) -> None:
    page.goto(f"{url}/reconstruct?model=digits-2d")
    settled(page)
    entry = page.get_by_test_id("gallery-entry").nth(2)
    entry.wait_for()
    page.locator(".entry header", has_text="sorted by").first.wait_for()
    index = entry.get_attribute("data-index")
    entry.get_by_role("button", name="in Bounds").click()
    page.locator('[data-testid="bounds-bar"][data-ready]').wait_for()
    assert picked(page) == [f"test:{index}"]
    assert parse_qs(urlsplit(page.url).query)["images"] == [f"test:{index}"]


def test_a_damaged_drawing_of_reconstruct_leads_here_as_it_is(page: Any, url: str) -> None:
    page.goto(f"{url}/reconstruct?model=digits-2d")
    settled(page)
    page.get_by_test_id("term-elbo").first.wait_for()
    page.get_by_role("slider", name="rotation", exact=True).fill("90")
    becomes(page, lambda: "damaged" in page.get_by_test_id("bench-title").inner_text(), bool)
    shown = pixels(page.locator(".chain canvas").first)[..., 0]
    button(page, "Open in Bounds").click()
    page.locator('[data-testid="bounds-bar"][data-ready]').wait_for()
    (key,) = picked(page)
    assert key.startswith("picture:")
    assert np.abs(pixels(page.locator(".bar-picture canvas").first)[..., 0].astype(int) - shown).max() <= 1


def test_a_point_of_the_map_leads_here(page: Any, url: str) -> None:
    page.goto(f"{url}/map?model=digits-2d")
    settled(page)
    page.locator(".mapper.ready").wait_for()
    page.get_by_test_id("map-status").filter(has_text="test images of").wait_for(timeout=60_000)
    field = page.get_by_label("number of the point")
    field.fill("11")
    field.press("Enter")
    button(page, "Open in Bounds").click()
    page.locator('[data-testid="bounds-bar"][data-ready]').wait_for()
    assert picked(page) == ["test:11"]


def test_bits_of_a_code_have_their_terms_too(page: Any, url: str) -> None:
    visit(page, url, "digits-bernoulli")
    assert value(page, "elbo") == pytest.approx(value(page, "reconstruction") - value(page, "kl"), abs=0.05)
    assert "exact" in page.locator('[data-row="kl"]').inner_text()


def test_an_estimate_that_fails_leaves_the_terms_and_one_line(page: Any, url: str, console_errors: list[str]) -> None:
    fault = json.dumps({"error": "the weights hold no numbers <b>"})
    page.route(
        "**/vaex/bounds/estimate",
        lambda route: route.fulfill(status=422, body=fault, content_type="application/json"),
    )
    visit(page, url, ready="terms")
    becomes(page, lambda: page.get_by_test_id("notice").is_visible(), bool)
    assert "the weights hold no numbers <b>" in page.get_by_test_id("notice").inner_text()
    assert page.locator('[data-row="elbo"]').is_visible()
    assert page.locator('[data-row="gap"]').count() == 0
    console_errors[:] = [text for text in console_errors if "status of 422" not in text]


def test_without_data_the_pen_draws_one_picture(page: Any, url: str) -> None:
    visit(page, url, "mnist-2d")
    (key,) = picked(page)
    assert key.startswith("picture:")
    assert words(page).startswith("Your drawing")
    page.get_by_text("Test images are not here").click()
    assert button(page, "Fetch MNIST").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_narrow_page_stays_within_its_width(page: Any, url: str, theme: Any) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.emulate_media(color_scheme=theme)
    visit(page, url)
    page.get_by_text("All chosen images, and their mean").click()
    for summary in page.get_by_text("Show the formula").all():
        summary.click()
    wide = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert wide[0] <= wide[1]
    assert small_print(page.locator(".bounder")) == []
    assert page.locator(".bounder").get_attribute("data-theme") == theme


def test_everything_has_a_name_keys_reach_it_and_the_formula_its_sources(page: Any, url: str) -> None:
    visit(page, url)
    assert nameless(page.locator(".bounder")) == []
    page.locator('[data-key="test:1"] .picked-look').focus()
    page.keyboard.press("Enter")
    assert looked_at(page) == "test:1"
    button(page, "bits").focus()
    page.keyboard.press("Space")
    assert button(page, "bits").get_attribute("aria-pressed") == "true"
    card = page.get_by_test_id("bounds-bar")
    card.get_by_text("Show the formula").click()
    assert "eq. 3" in card.inner_text()
    links = [link.get_attribute("href") for link in card.get_by_role("link").all()]
    assert links == ["https://arxiv.org/abs/1312.6114", "https://arxiv.org/abs/1801.03558"]
