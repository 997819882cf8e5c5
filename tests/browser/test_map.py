"""The Map page as a visitor uses it: mouse, keys and files on the real app with the shipped models."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.browser.driver import VIEWPORT, AppServer, hand, settled
from tests.browser.modules import Modules
from tests.ui.models import write_model

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"  # images of MNIST, where someone has put them
MAP, BUBBLE, CARD = "latent-map", "map-bubble", "map-card"
PIXELS = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
# Times from the mouse's event to the decoded picture, and how many frames a second the page shows.
WATCH = """() => {
  const watch = window.mapWatch = { delays: [], frames: [], last: null };
  addEventListener("pointermove", (event) => { watch.last = event.timeStamp; }, true);
  const { putImageData } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.putImageData = function (...values) {
    putImageData.apply(this, values);
    if (this.canvas.dataset?.testid !== "hover-decoded" || watch.last === null) return;
    watch.delays.push(performance.now() - watch.last);
    watch.last = null;
  };
  const frame = (now) => { watch.frames.push(now); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


@pytest.fixture
def page(page: Any, console_errors: list[str]) -> Iterator[Any]:
    """Streamlit asks for its health below the page's own address first, and not in vain later: no fault of ours."""
    yield page
    console_errors[:] = [line for line in console_errors if "/map/_stcore/" not in line]


def visit(page: Any, url: str, model: str = "digits-2d", images: bool = True) -> Any:
    """Open the map of a model; wait for the codes of its test images, or for those that the checkpoint keeps."""
    page.goto(f"{url}/map?model={model}")
    settled(page)
    page.locator(".mapper.ready").wait_for()
    if images:
        status(page, "test images of")
        page.locator("select[aria-label='what is shown']").wait_for()
    return page


def status(page: Any, words: str, seconds: float = 60) -> str:
    """What stands above the map, once these words are in it."""
    line = page.get_by_test_id("map-status").filter(has_text=words)
    line.wait_for(timeout=seconds * 1000)
    return line.inner_text()


def until(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """A place of the map by its share of width and height."""
    box = page.get_by_test_id(MAP).bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def lasso(page: Any, x: float, y: float, size: float = 0.2, shift: bool = False) -> None:
    """Draw a square around a place."""
    if shift:
        page.keyboard.down("Shift")
    else:
        button(page, "Lasso").click()
    corners = [(x - size / 2, y - size / 2), (x + size / 2, y - size / 2), (x + size / 2, y + size / 2)]
    corners += [(x - size / 2, y + size / 2), (x - size / 2, y - size / 2)]
    page.mouse.move(*place(page, *corners[0]))
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*place(page, *corner), steps=5)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def choose(page: Any, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).select_option(value)


def find(page: Any, index: int) -> None:
    field = page.get_by_label("number of the point")
    field.fill(str(index))
    field.press("Enter")


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def upload(page: Any, data: bytes, name: str) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.locator(".upload input").set_input_files(file)


def selection(page: Any) -> str:
    return page.get_by_test_id("map-selection").inner_text()


# Arithmetic without a page


def test_the_nearest_codes_are_those_that_numpy_finds(modules: Modules) -> None:
    codes = np.random.default_rng(1).normal(size=(200, 5)).astype("f4")
    script = "m.nearestCodes({mean: Float32Array.from(z), count: 200, dimensions: 5}, z.slice(35, 40), 12, 7)"
    found = modules.call("map_codes.js", script, z=codes.ravel().tolist())
    distances = np.linalg.norm(codes - codes[7], axis=1)
    expected = [int(i) for i in np.argsort(distances) if i != 7][:12]
    assert [item["index"] for item in found] == expected
    np.testing.assert_allclose([item["distance"] for item in found], distances[expected], rtol=1e-5)


def test_the_ellipse_is_the_covariance_on_the_picture(modules: Modules) -> None:
    rng = np.random.default_rng(2)
    axes = np.linalg.qr(rng.normal(size=(4, 2)))[0].T
    centre, mean, std = rng.normal(size=4), rng.normal(size=4), rng.uniform(0.1, 2, 4)
    script = "m.posteriorEllipses({axes, centre}, mean, std)"
    values = {"axes": axes.tolist(), "centre": centre.tolist(), "mean": mean.tolist(), "std": std.tolist()}
    one, two = modules.call("map_density.js", script, **values)
    turn = np.array([[np.cos(one["angle"]), -np.sin(one["angle"])], [np.sin(one["angle"]), np.cos(one["angle"])]])
    covariance = turn @ np.diag(np.square(one["radii"])) @ turn.T
    np.testing.assert_allclose(covariance, axes @ np.diag(std**2) @ axes.T, atol=1e-9)
    np.testing.assert_allclose(one["centre"], axes @ (mean - centre))
    np.testing.assert_allclose(two["radii"], 2 * np.array(one["radii"]))


def test_a_learned_prior_lies_on_the_picture_as_it_should(modules: Modules) -> None:
    rng = np.random.default_rng(3)
    axes, mean, centre = np.linalg.qr(rng.normal(size=(3, 2)))[0].T, rng.normal(size=3), rng.normal(size=3)
    cholesky = np.tril(rng.normal(size=(3, 3)))
    std = np.sqrt(np.diag(cholesky @ cholesky.T))
    prior = {"mean": mean.tolist(), "std": std.tolist(), "cholesky": cholesky.tolist()}
    script = "m.priorOnPicture({axes, centre}, prior)"
    found = modules.call("map_density.js", script, axes=axes.tolist(), centre=centre.tolist(), prior=prior)
    np.testing.assert_allclose(found["place"], axes @ (mean - centre))
    np.testing.assert_allclose(found["spread"], np.sqrt(np.diag(axes @ cholesky @ cholesky.T @ axes.T)))


def test_bins_of_a_number_are_filled_equally(modules: Modules) -> None:
    values = np.random.default_rng(4).normal(size=601).tolist()
    found = modules.call("map_colour.js", "m.binned([...some, NaN])", some=values)
    assert sum(found["counts"]) == 601
    assert max(found["counts"]) - min(found["counts"]) <= 2
    assert modules.call("map_colour.js", "m.binned([1, NaN, 2]).binOf[1]") == -1
    same = modules.call("map_colour.js", "m.binned([2, 2, 2])")
    assert same["counts"] == [3]


def test_cells_of_a_table_are_quoted_and_no_formulas(modules: Modules) -> None:
    cells = ["plain", 'a "b", c', "-1.5", "=SUM(A1)", "@x", "two\nlines"]
    found = modules.call("csv.js", "cells.map(m.cell)", cells=cells)
    assert found == ["plain", '"a ""b"", c"', "-1.5", "'=SUM(A1)", "'@x", '"two\nlines"']


def test_the_rest_of_a_computation_is_guessed_when_it_can_be(modules: Modules) -> None:
    assert modules.call("map_progress.js", "m.remaining(1, 0.2, 0.2)") == ""
    assert modules.call("map_progress.js", "m.remaining(10, 0.2, 0.25)") == ", about 38 s left"


# Before the first click


def test_the_map_is_there_at_once_with_its_words(page: Any, app_url: str) -> None:
    visit(page, app_url)
    assert "360 test images of Digits 8x8" in status(page, "360 test images")
    canvas = page.get_by_test_id(MAP)
    assert len(set(map(tuple, np.reshape(canvas.evaluate(PIXELS), (-1, 4)).tolist()))) > 20
    assert canvas.bounding_box()["width"] > 500
    assert "Arrow keys" in canvas.get_attribute("aria-label")
    assert "Distances are those of the latent space" in page.get_by_test_id("map-caution").inner_text()
    words = until(lambda: page.get_by_test_id("map-contours").inner_text())
    until(lambda: "aggregate posterior" in page.get_by_test_id("map-contours").inner_text())
    assert words
    assert page.locator(".legend .entry").count() == 10


def test_the_numbers_come_with_error_kind_n_and_unit(page: Any, app_url: str) -> None:
    visit(page, app_url)
    table = page.get_by_test_id("map-figures")
    table.scroll_into_view_if_needed()
    table.get_by_role("row", name=re.compile("E KL")).wait_for(timeout=90_000)
    rows = [row.inner_text().split("\t") for row in table.locator("tbody tr").all()]
    by_name = {row[0].split("\n")[0]: row[1:] for row in rows}
    assert re.fullmatch(r"3\.\d+ ± 0\.0\d+", by_name["E KL(q(z|x) ‖ p(z))"][0])
    assert by_name["I(x; z), from below"][1:3] == ["nats", "lower bound"]
    assert by_name["KL(q(z) ‖ p(z)), from above"][2] == "upper bound"
    assert "360 test images" in by_name["Linear probe"][3]
    assert table.locator(".dimensions li").count() == 2
    page.get_by_text("Show the formula").click()
    assert page.get_by_text("ELBO surgery").is_visible()


# Pointing and clicking


def test_hovering_anywhere_in_a_plane_decodes_that_place(page: Any, app_url: str) -> None:
    visit(page, app_url)
    seen = set()
    for k in range(8):
        page.mouse.move(*place(page, 0.2 + 0.08 * k, 0.75))
        decoded = until(lambda: page.get_by_test_id(BUBBLE).is_visible()) and page.get_by_test_id("hover-decoded")
        seen.add(str(decoded.evaluate(PIXELS)))
    assert len(seen) >= 7
    page.mouse.move(2, 2)
    page.get_by_test_id(BUBBLE).wait_for(state="hidden")


def test_the_bubble_does_not_flicker_between_points(page: Any, app_url: str) -> None:
    """Along a line through the cloud of a 10-D model: once it is there it stays, and shows real images as well."""
    visit(page, app_url, "shapes-10d", images=False)
    page.mouse.move(*place(page, 0.4, 0.5))
    page.mouse.move(*place(page, 0.41, 0.5))
    page.get_by_test_id(BUBBLE).wait_for()
    page.evaluate("""() => {
      const bubble = document.querySelector('[data-testid="stApp"]').ownerDocument;
      window.hiddenTimes = 0;
      const find = (root) => root.querySelector?.('[data-testid="map-bubble"]')
        ?? [...root.querySelectorAll('*')].map((e) => e.shadowRoot && find(e.shadowRoot)).find(Boolean);
      new MutationObserver((all) => { for (const one of all) if (one.target.hidden) window.hiddenTimes++; })
        .observe(find(bubble), { attributes: true, attributeFilter: ['hidden'] });
    }""")
    for k in range(60):
        page.mouse.move(*place(page, 0.41 + 0.003 * k, 0.5))
    assert page.evaluate("window.hiddenTimes") <= 2


def test_a_click_pins_a_point_and_takes_it_to_explore(page: Any, app_url: str) -> None:
    visit(page, app_url)
    find(page, 17)
    card = page.get_by_test_id(CARD)
    card.get_by_text("test image 17").wait_for()
    until(lambda: "±" in card.inner_text())
    text = card.inner_text()
    for words in ("labelled", "ELBO", "lower bound, 64 samples of q", "Reconstruction", "unbiased", "KL", "exact"):
        assert words in text
    until(lambda: card.locator(".thumb").count() == 12)
    real, decoded = (card.get_by_test_id(name).evaluate(PIXELS) for name in ("card-real", "card-decoded"))
    assert real != decoded
    assert max(real[::4]) > 200
    button(page, "Open in Explore").click()
    page.wait_for_url(re.compile("/explore"))
    z = [float(v) for v in parse_qs(urlsplit(page.url).query)["z"][0].split(",")]
    settled(page)
    slider = page.get_by_role("slider", name="z1", exact=True)
    slider.wait_for()
    assert float(slider.input_value()) == pytest.approx(z[0], abs=0.02)


def test_a_double_click_goes_to_explore_at_once(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-2d", images=False)
    page.mouse.dblclick(*place(page, 0.5, 0.5))
    page.wait_for_url(re.compile("/explore.*z="))


def test_keys_choose_the_point_in_the_middle(page: Any, app_url: str) -> None:
    visit(page, app_url)
    page.get_by_test_id(MAP).focus()
    for key in ("+", "+", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    page.get_by_test_id(CARD).get_by_text(re.compile(r"test image \d+")).first.wait_for()
    button(page, "close the card").click()
    assert "Click a point" in page.get_by_test_id(CARD).inner_text()


# Selecting


def test_a_lasso_gives_images_counts_a_table_and_a_direction(page: Any, app_url: str) -> None:
    visit(page, app_url)
    lasso(page, 0.35, 0.35, 0.25)
    until(lambda: "Selection: " in selection(page))
    assert button(page, "Lasso").get_attribute("aria-pressed") == "false"
    count = int(re.search(r"Selection: ([\d,]+) point", selection(page))[1])
    shares = page.locator(".selection .counts b").all_inner_texts()
    assert sum(map(int, shares)) == count > 3
    with page.expect_download() as caught:
        button(page, "Download the selection as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(caught.value.path()).read_text())))
    assert len(rows) == count
    assert list(rows[0]) == ["index", "class", "elbo", "reconstruction", "kl", "z1", "z2"]
    page.locator(".selection summary").click()
    assert page.locator(".selection tbody tr").count() == min(50, count)
    mean = page.get_by_test_id("selection-mean").evaluate(PIXELS)
    button(page, "Keep as A").click()
    lasso(page, 0.65, 0.6, 0.25, shift=True)
    until(lambda: page.get_by_test_id("selection-mean").evaluate(PIXELS) != mean)
    other = [float(row["z1"]) for row in rows]
    button(page, "Keep as B").click()
    assert page.locator(".direction .film canvas").count() == 7
    button(page, "Try it in Explore").click()
    page.wait_for_url(re.compile("/explore.*direction="))
    query = parse_qs(urlsplit(page.url).query)
    assert float(query["z"][0].split(",")[0]) == pytest.approx(statistics.mean(other), abs=1e-3)
    assert query["about"][0].startswith("A (")


def test_a_lasso_over_nothing_says_so(page: Any, app_url: str) -> None:
    visit(page, app_url)
    lasso(page, 0.03, 0.5, 0.02)
    assert "no visible point inside this loop" in page.get_by_role("alert").filter(has_text="loop").inner_text()
    assert "Press Lasso" in selection(page)


def test_the_legend_hides_and_the_search_finds(page: Any, app_url: str) -> None:
    visit(page, app_url)
    entry = page.locator(".legend .entry").first
    hidden = int(entry.locator("b").inner_text())
    entry.click()
    assert f", {hidden} points hidden" in status(page, "hidden")
    button(page, "Show all").click()
    until(lambda: "hidden" not in status(page, "360 test images"))
    entry.dblclick()
    assert f", {360 - hidden} points hidden" in status(page, f"{360 - hidden} points hidden")
    entry.focus()
    page.keyboard.press("Enter")
    status(page, "360 points hidden")
    assert entry.evaluate("e => e.getRootNode().activeElement === e")
    button(page, "Show all").click()
    choose(page, "class to show", "3")
    status(page, "points hidden")
    button(page, "next point").click()
    page.get_by_test_id(CARD).get_by_text("“3”").wait_for()
    find(page, 360)
    page.get_by_text("There is no point 360: they are numbered 0 to 359.").wait_for()


def test_colours_of_numbers_have_a_legend_that_filters(page: Any, app_url: str) -> None:
    visit(page, app_url)
    for key in ("elbo", "kl", "z:1"):
        choose(page, "colour by", key)
        counts = [int(text) for text in page.locator(".legend .entry b").all_inner_texts()]
        assert sum(counts) == 360
    page.locator(".legend .entry").first.click()
    assert f", {counts[0]} points hidden" in status(page, "hidden")


# Kinds of pictures


def test_a_slow_picture_has_progress_and_can_be_cancelled(page: Any, app_url: str, console_errors: list[str]) -> None:
    visit(page, app_url)
    choose(page, "kind of picture", "tsne")
    page.get_by_label("Iterations").fill("5000")
    progress = page.get_by_test_id("map-progress")
    progress.get_by_text(re.compile("t-SNE: step")).wait_for(timeout=60_000)
    button(page, "Cancel this computation").click()
    page.get_by_text("Cancelled. What was shown before stays.").wait_for()
    assert "Latent dimensions" in status(page, "360 test images")
    page.get_by_label("Iterations").fill("250")
    status(page, "t-SNE")
    assert "Only neighbourhood counts" in page.get_by_test_id("map-caution").inner_text()
    assert "bends the latent space" in page.get_by_test_id("map-contours").inner_text()
    page.get_by_label("Perplexity").fill("400")
    page.get_by_role("alert").filter(has_text="perplexity 400 needs more points").wait_for()
    console_errors[:] = [line for line in console_errors if "422" not in line]


def test_every_kind_of_picture_of_a_model_with_bits(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-bernoulli")
    until(lambda: "no density" in page.get_by_test_id("map-contours").inner_text())
    choose(page, "kind of picture", "pca3")
    until(lambda: page.get_by_test_id(MAP).get_attribute("aria-label").count("PCA"))
    choose(page, "kind of picture", "dimensions")
    choose(page, "Up", "4")
    status(page, "z1, z5")
    button(page, "samples").click()
    status(page, "one draw")
    find(page, 3)
    page.get_by_test_id(CARD).get_by_text("π").wait_for()


# Files, and data that are not here


def test_a_bad_file_of_codes_gets_one_line(page: Any, app_url: str, console_errors: list[str]) -> None:
    visit(page, app_url)
    for data, words in (
        (b"", "is empty"),
        (b"no zip", "no .npz file"),
        (npz(other=np.zeros((3, 2))), "expected codes"),
        (npz(codes=np.full((4, 2), np.nan)), "not finite"),
    ):
        upload(page, data, "codes.npz")
        page.get_by_role("alert").filter(has_text=words).wait_for()
        assert "360 test images" in status(page, "360 test images"), words  # the map stays
    console_errors[:] = [line for line in console_errors if "422" not in line]


def test_a_single_code_and_a_single_dimension_have_a_map(page: Any, app_url: str, console_errors: list[str]) -> None:
    visit(page, app_url, "mnist-10d", images=False)
    upload(page, npz(codes=np.ones((1, 3), "f4")), "one.npz")
    page.get_by_role("alert").filter(has_text="Shown instead: latent dimensions").wait_for()
    status(page, "1 code")
    upload(page, npz(codes=np.arange(20, dtype="f4")[:, None], labels=np.arange(20) % 2), "line.npz")
    status(page, "20 codes of line.npz")
    assert "only keeps points apart" in page.get_by_test_id("map-caution").inner_text()
    console_errors[:] = [line for line in console_errors if "422" not in line]


def test_without_the_images_there_is_the_map_and_a_way_to_fetch_them(
    page: Any, app_url: str, console_errors: list[str]
) -> None:
    asked = []

    def fetch(route: Any) -> None:
        asked.append(route.request.post_data_json)
        answer = {"job": "abc", "fraction": 0.4, "text": "MNIST: 4 of 11 MB"} if len(asked) < 4 else {}
        route.fulfill(status=202 if answer else 200, content_type="application/json", body=json.dumps(answer))

    page.route("**/vaex/map/fetch", fetch)
    visit(page, app_url, "mnist-10d", images=False)
    assert "1,000 held-out images of MNIST" in status(page, "checkpoint")
    missing = page.get_by_test_id("map-missing")
    assert "$VAEEXPLORER_DATA" in missing.inner_text()
    button(page, "Fetch MNIST").click()
    page.get_by_test_id("map-progress").get_by_text("MNIST: 4 of 11 MB").wait_for()
    page.get_by_role("alert").filter(has_text="MNIST is not on this machine").wait_for()  # nothing was really fetched
    assert asked == 4 * [{"model": "mnist-10d"}]
    assert "1,000 held-out images of MNIST" in status(page, "checkpoint")
    console_errors[:] = [line for line in console_errors if "404" not in line]


def test_a_model_without_codes_and_images_says_what_to_do(
    page: Any, start_app: Callable[..., AppServer], tmp_path: Path, console_errors: list[str]
) -> None:
    write_model(tmp_path / "runs" / "bare" / "last.safetensors", dataset="mnist", image_shape=(1, 28, 28), codes=False)
    with start_app(VAEEXPLORER_RUNS=str(tmp_path / "runs")) as server:
        page.goto(f"{server.url}/map?model=run/bare")
        status(page, "There is nothing to show yet")
        assert button(page, "Fetch mnist").is_visible()
        upload(page, npz(codes=np.random.default_rng(0).normal(size=(50, 3))), "mine.npz")
        status(page, "50 codes of mine.npz")
    console_errors[:] = [line for line in console_errors if "404" not in line]


# Many points


@pytest.fixture(scope="module")
def big_url(start_app: Callable[..., AppServer]) -> Iterator[str]:
    """An app that sees MNIST where it is on this machine."""
    with start_app(VAEEXPLORER_DATA=str(DATA)) as server:
        yield server.url


def test_seventy_thousand_points_are_panned_and_hovered(page: Any, big_url: str) -> None:
    """All of MNIST where it is on this machine, generated points elsewhere. How quickly is for benchmarks/map.py."""
    visit(page, big_url, "mnist-2d", images=False)
    if (DATA / "MNIST").is_dir():
        choose(page, "what is shown", "all")
    else:
        rng = np.random.default_rng(0)
        codes = rng.normal(size=(70_000, 2)).astype("f2")
        upload(page, npz(codes=codes, labels=rng.integers(0, 10, 70_000)), "many.npz")
    status(page, "70,000", seconds=200)
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    x, y = place(page, 0.5, 0.5)
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("window.mapWatch.frames.length = 0")
    with hand(page) as move:
        for k in range(60):
            time.sleep(1 / 60)
            move(x + 120 * np.sin(k / 10), y + 60 * np.cos(k / 10))
    page.mouse.up()
    assert page.evaluate("window.mapWatch.frames.length") > 10
    button(page, "show everything").click()
    page.wait_for_timeout(800)
    page.evaluate("window.mapWatch.delays.length = 0")
    for k in range(40):
        page.mouse.move(*place(page, 0.35 + 0.008 * k, 0.45 + 0.002 * k))
    assert page.evaluate("window.mapWatch.delays.length") > 20


# Looks


@pytest.mark.parametrize("width", [1440, 420])
def test_nothing_is_cut_off_and_nothing_is_smaller_than_12_pixels(page: Any, app_url: str, width: int) -> None:
    page.set_viewport_size({**VIEWPORT, "width": width})
    visit(page, app_url)
    find(page, 5)
    until(lambda: page.get_by_test_id(CARD).locator(".thumb").count() == 12)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    root = page.locator(".mapper")
    assert root.evaluate("e => e.scrollWidth - e.clientWidth") <= 1
    small = root.evaluate("""root => [...root.querySelectorAll('*')].filter((e) => [...e.childNodes].some((n) =>
        n.nodeType === 3 && n.textContent.trim()) && parseFloat(getComputedStyle(e).fontSize) < 12)
        .map((e) => e.className || e.tagName)""")
    assert small == []


def test_everything_that_can_be_pressed_has_a_name(page: Any, app_url: str) -> None:
    visit(page, app_url)
    find(page, 5)
    nameless = page.locator(".mapper").evaluate("""root => [...root.querySelectorAll('button, input, select, canvas')]
        .filter((e) => !e.closest('[aria-hidden=true], button:not(:scope)') || e.tagName === 'BUTTON')
        .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.closest('label')?.textContent.trim()))
        .map((e) => e.outerHTML.slice(0, 120))""")
    assert [line for line in nameless if not line.startswith("<canvas width")] == []
