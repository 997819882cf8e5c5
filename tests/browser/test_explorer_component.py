"""The Explore page as a visitor uses it: mouse, keys and files on the real app with the shipped models."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from tests.browser.driver import PICTURE, VIEWPORT, drag, settled, slider_names
from tests.ui.models import write_model
from vaeexplorer.ui.components.explorer import Direction, explorer

SLIDERS = "input[type=range][aria-label^=z]"


def visit(page: Any, url: str, model: str, z: list[float] | None = None) -> Any:
    """Open a model and wait until its filmstrips are drawn; a given z keeps it from walking."""
    page.goto(f"{url}/?model={model}" + (f"&z={','.join(map(str, z))}" if z else ""))
    settled(page)
    page.locator(".row .strip.drawn").first.wait_for()
    return page


def slider(page: Any, dimension: int) -> Any:
    return page.get_by_role("slider", name=f"z{dimension}", exact=True)


def exact(page: Any, dimension: int) -> Any:
    return page.get_by_label(f"exact value, dimension {dimension}", exact=True)


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def values(page: Any) -> dict[str, float]:
    """What every slider says, also the folded ones."""
    return dict(page.locator(SLIDERS).evaluate_all("all => all.map((s) => [s.ariaLabel, s.valueAsNumber])"))


def picture(page: Any) -> np.ndarray:
    """The large picture's pixels (H, W, 4)."""
    script = "c => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    height, width, pixels = page.locator(PICTURE).evaluate(script)
    return np.asarray(pixels, np.uint8).reshape(height, width, 4)


def changes(page: Any, before: np.ndarray, seconds: float = 5.0) -> bool:
    """Whether the large picture becomes another one within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not np.array_equal(picture(page), before):
            return True
        page.wait_for_timeout(30)
    return False


def middle(page: Any, locator: Any) -> tuple[float, float, float]:
    """x and y of an element's middle, and its width."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]


# ---- dragging


@pytest.mark.alone
@pytest.mark.parametrize("model", ["digits-2d", "mnist-10d", "shapes-10d"])
def test_a_drag_shows_fifty_pictures_a_second(page: Any, app_url: str, model: str) -> None:
    visit(page, app_url, model)
    name = slider_names(page)[0]
    assert max(drag(page, name, seconds=1.5).images_per_second for _ in range(3)) >= 50


def test_a_switch_follows_the_hand_while_it_is_held(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-bernoulli")
    name = slider_names(page)[0]
    switch = page.get_by_role("slider", name=name, exact=True)
    assert switch.get_attribute("min"), switch.get_attribute("max") == ("0", "1")
    x, y, width = middle(page, switch)
    page.mouse.move(x - width / 4, y)
    page.mouse.down()
    off = picture(page)
    assert values(page)[name] == 0
    page.mouse.move(x + width / 4, y, steps=4)
    assert values(page)[name] == 1
    assert not np.array_equal(picture(page), off)
    page.mouse.move(x - width / 4, y, steps=4)
    assert np.array_equal(picture(page), off)
    page.mouse.up()
    switch.press("ArrowRight")
    assert values(page)[name] == 1


def test_streamlit_hears_of_z_on_release_only(page: Any, app_url: str) -> None:
    sent: list[float] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append(time.monotonic())))
    visit(page, app_url, "digits-2d", [0.5, 0.5])
    page.wait_for_timeout(1500)
    x, y, width = middle(page, slider(page, 1))
    page.mouse.move(x, y)
    page.mouse.down()
    before = len(sent)
    for k in range(60):
        page.mouse.move(x + k * width / 150, y)
        page.wait_for_timeout(10)
    assert len(sent) == before
    page.mouse.up()
    page.wait_for_timeout(1500)
    assert len(sent) > before
    settled(page)
    assert values(page)["z1"] > 0.5


def test_a_finger_drags_along_the_strip_and_scrolls_across_it(browser: Any, app_url: str) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page = visit(context.new_page(), app_url, "mnist-10d", [0.1] * 10)
    fingers = context.new_cdp_session(page)

    def swipe(points: list[tuple[float, float]]) -> None:
        for k, (x, y) in enumerate(points):
            kind = "touchMove" if k else "touchStart"
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    name = slider_names(page)[0]
    x, y, _ = middle(page, page.get_by_role("slider", name=name, exact=True))
    swipe([(x + 6 * k, y) for k in range(20)])
    dragged = values(page)
    assert dragged[name] > 1.5
    x, y, _ = middle(page, page.get_by_role("slider", name=name, exact=True))
    swipe([(x - 80, y - 10 * k) for k in range(20)])
    page.wait_for_timeout(300)
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollTop") > 50
    assert values(page) == dragged
    context.close()


# ---- single steps


def test_every_dimension_is_a_range_input_with_its_name(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-50d")
    assert sorted(values(page), key=lambda name: int(name[1:])) == [f"z{i}" for i in range(1, 51)]
    assert len(slider_names(page)) == 6
    nats = [float(text.split()[0]) for text in page.locator(".row .nats").all_inner_texts()[:6]]
    assert nats == sorted(nats, reverse=True)
    summary = page.locator("details.fold > summary").first
    assert re.fullmatch(r"\d+ more dimensions, [\d.]+ to [\d.]+ nats each", summary.inner_text())
    summary.click()
    page.wait_for_function("document.querySelectorAll('*').length > 0")
    assert len(slider_names(page)) > 6
    page.locator("details.fold .strip.drawn").nth(3).wait_for()


def test_arrow_keys(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-2d", [0.5, -0.25])
    before = picture(page)
    slider(page, 1).press("ArrowRight")
    assert values(page) == pytest.approx({"z1": 0.6, "z2": -0.25})
    assert not np.array_equal(picture(page), before)
    slider(page, 1).press("Shift+ArrowLeft")
    assert values(page)["z1"] == pytest.approx(0.59)
    slider(page, 2).press("Home")
    assert values(page)["z2"] == -3.5


def test_exact_values_also_beyond_the_slider(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-2d", [0.5, 0.5])
    exact(page, 2).fill("-1.2345")
    exact(page, 2).press("Enter")
    assert values(page)["z2"] == pytest.approx(-1.2345)
    page.get_by_text("Off the map").wait_for(state="hidden")
    exact(page, 1).fill("9")
    exact(page, 1).press("Enter")
    assert values(page)["z1"] == 3.5
    warning = page.get_by_text("Off the map")
    warning.wait_for()
    assert "‖z‖ = 9.08" in warning.inner_text()
    exact(page, 1).fill("")
    exact(page, 1).press("Enter")
    assert exact(page, 1).input_value() == "9"


def test_undo_reset_and_lock(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-2d", [0.5, 0.5])
    for value in ("1", "2"):
        exact(page, 1).fill(value)
        exact(page, 1).press("Enter")
    button(page, "lock, dimension 2").click()
    button(page, "Reset all").click()
    assert values(page) == {"z1": 0, "z2": 0.5}
    button(page, "Surprise me").click()
    assert values(page)["z1"] != 0
    assert values(page)["z2"] == 0.5
    button(page, "lock, dimension 2").click()
    button(page, "reset, dimension 2").click()
    assert values(page)["z2"] == 0
    trail = []
    while button(page, "Undo").is_enabled():
        page.locator(PICTURE).click()
        page.keyboard.press("Control+z")
        trail.append((values(page)["z1"], values(page)["z2"]))
        page.wait_for_timeout(150)
    assert trail[1:] == [(0, 0.5), (2, 0.5), (1, 0.5), (0.5, 0.5)]


def test_the_same_seed_gives_the_same_place(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-10d")
    seed = page.get_by_label("seed of the random sample", exact=True)
    button(page, "Surprise me").click()
    first, shown = values(page), seed.input_value()
    button(page, "Surprise me").click()
    assert values(page) != first
    seed.fill(shown)
    seed.press("Enter")
    assert values(page) == first


def test_the_middle_of_many_dimensions_is_called_unusual(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-50d", [0.0] * 50)
    words = page.get_by_text("the very middle")
    words.wait_for()
    assert "50 dimensions" in words.inner_text()


# ---- before the first touch


def test_the_walk_moves_and_the_first_touch_ends_it(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-10d")
    assert changes(page, picture(page))
    page.mouse.move(700, 300)
    assert changes(page, picture(page))
    page.mouse.down()
    page.mouse.up()
    resting = picture(page)
    assert not changes(page, resting, 1.0)
    assert button(page, "Undo").is_disabled()


def test_a_key_ends_the_walk_too(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-bernoulli")
    assert changes(page, picture(page))
    page.keyboard.press("Shift")
    assert not changes(page, picture(page), 1.5)


def test_no_walk_for_those_who_asked_for_stillness(page: Any, app_url: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    visit(page, app_url, "mnist-10d")
    assert picture(page)[..., :3].max() > 100
    assert not changes(page, picture(page), 1.0)


# ---- taking away


def test_link(page: Any, app_url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, app_url, "digits-2d", [1.23456, -0.5])
    exact(page, 2).fill("-0.123456")
    exact(page, 2).press("Enter")
    button(page, "Link").click()
    page.get_by_text("Link copied").wait_for()
    address = page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(address).query) == {"model": ["digits-2d"], "z": ["1.235,-0.1235"]}
    page.goto(address)
    settled(page)
    page.locator(".row .strip.drawn").first.wait_for()
    assert values(page) == pytest.approx({"z1": 1.235, "z2": -0.1235})


def test_link_where_the_clipboard_is_denied(page: Any, app_url: str) -> None:
    page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('denied'))")
    visit(page, app_url, "digits-2d", [1.0, 0.0])
    button(page, "Link").click()
    field = page.get_by_label("link to this place", exact=True)
    field.wait_for()
    assert field.input_value().endswith("?model=digits-2d&z=1,0")
    assert field.evaluate("f => f.selectionEnd - f.selectionStart") == len(field.input_value())


def saved(page: Any, name: str) -> tuple[str, Image.Image]:
    with page.expect_download() as waiting:
        button(page, name).click()
    return waiting.value.suggested_filename, Image.open(io.BytesIO(Path(waiting.value.path()).read_bytes()))


def test_png_and_gif(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-10d", [0.5] * 10)
    name, image = saved(page, "PNG")
    assert (name, image.format) == ("mnist-10d.png", "PNG")
    small = np.asarray(image.convert("L").resize((28, 28), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(small, picture(page)[..., 0])
    name, film = saved(page, "GIF")
    assert (film.format, film.n_frames) == ("GIF", 62)
    assert name.startswith("mnist-10d-z")
    name, film = saved(page, "GIF of the way from A to B")
    assert (name, film.format) == ("mnist-10d-A-to-B.gif", "GIF")
    name, image = saved(page, "PNG of the traversal grid")
    assert (name, image.format) == ("mnist-10d-traversals.png", "PNG")
    assert np.asarray(image.convert("L")).max() > 100


# ---- starting from pictures


def test_start_from_a_test_image(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-2d", [0.0, 0.0])
    page.get_by_role("button", name=re.compile(r"^test image 3, ")).click()
    page.get_by_text("Started from test image 3").wait_for()
    card = page.get_by_label("What this picture costs")
    assert re.search(r"= −[\d.]+ ± [\d.]+ − [\d.]+ = −[\d.]+ ± [\d.]+ nats", card.inner_text())
    assert "lower bound" in card.inner_text()
    start = values(page)
    slider(page, 1).press("Home")
    button(page, "Back to its code").click()
    assert values(page) == start
    button(page, "next images").click()
    page.get_by_text("24 to 47 of 360").wait_for()


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (200, 30, 90)).save(data, "PNG")
    return data.getvalue()


def test_upload(page: Any, app_url: str, console_errors: list[str]) -> None:
    visit(page, app_url, "mnist-10d", [0.0] * 10)
    page.get_by_role("tab", name="Upload").click()
    field = page.get_by_label("image file", exact=True)
    field.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": png()})
    page.get_by_text("Started from your image").wait_for()
    assert any(values(page).values())
    field.set_input_files({"name": "b.png", "mimeType": "image/png", "buffer": png()[:50]})
    page.get_by_role("alert").filter(has_text="This picture:").wait_for()
    assert all("400" in error or "422" in error or "415" in error for error in console_errors)
    console_errors.clear()


def test_drawing(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-10d", [0.0] * 10)
    page.get_by_role("tab", name="Draw").click()
    x, y, width = middle(page, page.get_by_label(re.compile("^drawing")))
    before = picture(page)
    page.mouse.move(x, y - width / 3)
    page.mouse.down()
    page.mouse.move(x, y, steps=10)
    assert changes(page, before, 20), "the picture follows the pen before it is lifted"
    page.mouse.move(x, y + width / 3, steps=10)
    page.mouse.up()
    page.get_by_text("Started from your drawing").wait_for()
    drawn = page.locator("canvas.paper").evaluate("c => c.getContext('2d').getImageData(56, 56, 1, 1).data[0]")
    assert drawn == 255
    page.keyboard.press("Control+z")
    assert page.get_by_label("drawing, empty").count() == 1, "at the pad, Ctrl+Z takes back a stroke"
    assert any(values(page).values()), "and leaves z where it is"
    assert not changes(page, picture(page), 1.0), "no answer comes to a drawing that is gone"


def test_no_data_says_how_to_get_it(page: Any, app_url: str) -> None:
    visit(page, app_url, "mnist-10d", [0.0] * 10)
    page.get_by_role("tab", name="A test image").click()
    assert "MNIST" in page.locator(".hint").inner_text()


# ---- A to B, grids


def test_from_a_to_b(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-2d", [1.0, 0.0])
    button(page, "Set A here").click()
    exact(page, 1).fill("0")
    exact(page, 2).fill("1")
    exact(page, 2).press("Enter")
    button(page, "Set B here").click()
    way = page.get_by_role("slider", name="from A to B", exact=True)
    way.press("Home")
    assert values(page) == {"z1": 1, "z2": 0}
    way.fill("0.5")
    assert values(page) == pytest.approx({"z1": 0.5**0.5, "z2": 0.5**0.5})
    page.get_by_label("straight line").check()
    assert values(page) == pytest.approx({"z1": 0.5, "z2": 0.5})
    way.press("End")
    assert values(page) == {"z1": 0, "z2": 1}
    way.press("Home")
    button(page, "Play").click()
    assert changes(page, picture(page))
    button(page, "Pause").click()
    assert not changes(page, picture(page), 0.5)
    button(page, "A to B").click()
    assert changes(page, picture(page))
    slider(page, 1).press("ArrowRight")
    assert not changes(page, picture(page), 0.5)


def test_grids_are_drawn_and_lead_there(page: Any, app_url: str) -> None:
    visit(page, app_url, "digits-2d", [0.3, 0.3])
    x, y, width = middle(page, page.get_by_label(re.compile("^manifold grid")))
    page.mouse.click(x, y)
    assert values(page) == pytest.approx({"z1": 0, "z2": 0}, abs=0.02)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + width / 4, y, steps=5)
    page.mouse.up()
    assert values(page) == pytest.approx({"z1": 0.674, "z2": 0}, abs=0.03)
    name, image = saved(page, "PNG of the manifold grid")
    assert name == "digits-2d-manifold.png"
    assert np.asarray(image.convert("L")).std() > 20
    page.get_by_role("tab", name="Traversals").click()
    grid = page.get_by_label("traversal grid", exact=True)
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + 2)
    assert min(values(page).values()) == pytest.approx(-3)


# ---- other models, themes, sizes


@pytest.fixture(scope="module")
def own_models(tmp_path_factory: pytest.TempPathFactory, start_app: Any) -> Iterator[str]:
    """An app with two runs: one has a dead dimension, one colour images of odd shape and a learned prior."""
    runs = tmp_path_factory.mktemp("runs")
    colour = {"image_shape": (3, 28, 20), "prior": "learned_gaussian", "likelihood": "gaussian_learned"}
    kinds: dict[str, dict[str, Any]] = {"dead": {}, "colour": {**colour, "latent_dim": 9}}
    for name, config in kinds.items():
        (runs / name).mkdir()
        write_model(runs / name / "last.safetensors", dataset="photos", **config)
    with start_app(VAEEXPLORER_RUNS=str(runs)) as server:
        yield server.url


def test_dead_dimensions_are_grey_and_say_why(page: Any, own_models: str) -> None:
    visit(page, own_models, "run/dead")
    assert slider_names(page) == ["z1", "z2"]
    page.get_by_text("1 dead dimension", exact=True).click()
    assert page.locator("details .reason").inner_text()
    assert page.locator(".row.dead").count() == 1
    assert slider_names(page) == ["z1", "z2", "z3"]


def test_colour_images_of_any_shape(page: Any, own_models: str) -> None:
    visit(page, own_models, "run/colour", [0.5, -1, 2, 0, 0, 0, 0, 0, 0])
    pixels = picture(page)
    assert pixels.shape == (28, 20, 4)
    assert not np.array_equal(pixels[..., 0], pixels[..., 1])
    box = page.locator(PICTURE).bounding_box()
    assert box["height"] / box["width"] == pytest.approx(28 / 20, rel=0.02)
    assert "Mahalanobis" in page.locator(".ordinary").inner_text()
    name, image = saved(page, "PNG")
    assert (name, image.size[0] * 28) == ("run-colour.png", image.size[1] * 20)
    _, film = saved(page, "GIF")
    assert film.convert("RGB").getextrema()[0] != film.convert("RGB").getextrema()[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_themes_and_readable_sizes(page: Any, app_url: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    visit(page, app_url, "digits-2d", [0.5, 0.5])
    assert page.locator(".explorer").get_attribute("data-theme") == scheme
    page.get_by_text("Show the formula").click()
    smallest = page.locator(".explorer").evaluate("""root => Math.min(...[...root.querySelectorAll("*")]
        .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => parseFloat(getComputedStyle(e).fontSize)))""")
    assert smallest >= 12
    assert "Kingma" in page.locator(".formulas").inner_text()


def test_narrow_page(page: Any, app_url: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    visit(page, app_url, "mnist-10d", [0.5] * 10)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator(".explorer").evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    page.mouse.move(200, 700)
    page.mouse.wheel(0, 500)
    page.wait_for_timeout(500)
    box = page.locator(PICTURE).bounding_box()
    assert box["y"] >= 0, "the picture stays in sight while the sliders scroll"
    assert box["y"] + box["height"] < 800
    page.set_viewport_size(VIEWPORT)


# ---- when something fails


def test_a_decoder_that_cannot_be_loaded_is_one_clear_line(page: Any, app_url: str, console_errors: list[str]) -> None:
    page.route("**/vaex/decoder*", lambda route: route.abort())
    page.goto(f"{app_url}/?model=digits-2d")
    page.get_by_role("alert").filter(has_text="did not answer").wait_for()
    page.unroute("**/vaex/decoder*")
    page.route("**/vaex/decoder*", lambda route: route.fulfill(status=404, body='{"error": "no such model"}'))
    page.goto(f"{app_url}/?model=digits-2d")
    page.get_by_role("alert").filter(has_text="Model: no such model").wait_for()
    page.unroute("**/vaex/decoder*")
    page.route("**/vaex/decoder*", lambda route: route.fulfill(status=200, body="<html>not a document</html>"))
    page.goto(f"{app_url}/?model=digits-2d")
    page.get_by_role("alert").filter(has_text="could not be read").wait_for()
    console_errors.clear()


def test_an_unknown_layer_goes_to_the_server(page: Any, app_url: str) -> None:
    def foreign(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body().replace(b'"sigmoid"', b'"sigmoud"'))

    page.route("**/vaex/decoder*", foreign)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/vaex/decode?" in request.url else None)
    visit(page, app_url, "digits-2d", [0.5, 0.5])
    page.get_by_text("Decoded by the server").wait_for()
    before, count = picture(page), len(asked)
    assert before[..., 0].max() > 50
    slider(page, 1).press("Home")
    assert changes(page, before)
    assert len(asked) > count


def test_the_component_refuses_what_does_not_fit() -> None:
    model = {"name": "m", "digest": "d", "latent_dim": 2, "posterior": "gaussian", "shape": [1, 2, 2], "kl": [1.0, 0.5]}
    model |= {"active": [True, True], "prior": {"mean": [0, 0], "std": [1, 1], "cholesky": None}, "link": "model=m"}
    with pytest.raises(ValueError, match="z has 3 values"):
        explorer(model, [0, 0, 0], "k")
    with pytest.raises(ValueError, match="finite"):
        explorer(model, [0, float("nan")], "k")
    with pytest.raises(ValueError, match="kl has 1 entries"):
        explorer(model | {"kl": [1.0]}, None, "k")
    way = {"values": [1.0, 0.0], "about": "a", "along": 0.0}
    for wrong, says in (
        ({"values": [1.0]}, "direction has 1 values"),
        ({"values": [0.0, 0.0]}, "not all 0"),
        (
            {"along": float("inf")},
            "finite",
        ),
    ):
        with pytest.raises(ValueError, match=says):
            explorer(model, [0, 0], "k", Direction(**(way | wrong)))
    with pytest.raises(ValueError, match="needs link of the model"):
        explorer({k: v for k, v in model.items() if k != "link"}, None, "k")
