"""The Map page's canvas alone on a blank page, under a real mouse, keys and fingers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.browser.test_mapper_js import inside, random

WIDTH, HEIGHT = 600, 400
THEME = {"text": "#111111", "quiet": "#555555", "edge": "#dddddd", "page": "#ffffff", "z": "#0000ff"}


class Canvas:
    """A Scatter of points on a page, `window.s`; what it tells is kept in `window.told` and `window.views`."""

    def __init__(self, page: Any, points: np.ndarray, labels: np.ndarray | None = None) -> None:
        self.page, self.points = page, points.astype("<f4").astype(float)
        create = """async ([data, dims, labels, theme, size]) => {
            const { Scatter } = await import("/scatter.js"), canvas = document.createElement("canvas");
            document.body.style.cssText = "margin: 0; height: 3000px; background: #fff";
            canvas.style.cssText = `width: ${size[0]}px; height: ${size[1]}px; display: block`;
            document.body.append(canvas);
            Object.assign(window, { told: [], views: [] });
            const s = window.s = new Scatter(canvas, { onPoint: (p) => window.told.push({ ...p,
                indices: p.indices && Array.from(p.indices), polygon: null }), onView: (v) => window.views.push(v) });
            s.setTheme(theme);
            s.setPoints(Float32Array.from(data, (v) => v ?? NaN), dims);
            const tints = [0xff0000ff, 0xff00ff00, 0xffff0000];
            if (labels) s.setColours(Uint32Array.from(labels, (k) => tints[k]));
            window.pixel = (x, y) => Array.from(canvas.getContext("2d").getImageData(
                x * devicePixelRatio, y * devicePixelRatio, 1, 1).data);
        }"""
        data = [value if np.isfinite(value) else None for value in self.points.ravel().tolist()]
        kinds = None if labels is None else labels.tolist()
        page.evaluate(create, [data, points.shape[1], kinds, THEME, [WIDTH, HEIGHT]])
        self.rest()

    def __call__(self, script: str, *values: Any) -> Any:
        return self.page.evaluate(f"(a) => {{ const s = window.s; return {script}; }}", list(values))

    def rest(self) -> None:
        """Wait until all that is to be drawn is drawn."""
        self.page.wait_for_function("!window.s.frame && !window.s.motion.moving && window.s.painting.complete")

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self("window.told") if each["kind"] == kind]

    def pixels(self) -> np.ndarray:
        """Where the points are on the picture (N, 2), by the camera's own words."""
        return np.array(self("Array.from({ length: s.cloud.count }, (_, i) => s.pixelOf(i))"), float)

    def drag(self, *path: tuple[float, float], button: str = "left") -> None:
        mouse = self.page.mouse
        mouse.move(*path[0])
        mouse.down(button=button)
        for place in path[1:]:
            mouse.move(*place, steps=4)
        mouse.up(button=button)
        self.rest()


@pytest.fixture
def sheet(page: Any, address: str) -> Callable[..., Canvas]:
    def make(points: np.ndarray, labels: np.ndarray | None = None) -> Canvas:
        page.goto(address)
        return Canvas(page, points, labels)

    return make


def some(count: int = 2000, dims: int = 2) -> np.ndarray:
    return random(11).normal(size=(count, dims)) * np.array([2.0, 1.0, 1.0])[:dims]


def test_hovering_finds_what_numpy_finds(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some())
    pixels = canvas.pixels()
    places = random(12).uniform((100, 80), (500, 320), (30, 2)).round()
    for x, y in places:
        canvas.page.mouse.move(x, y)
    found = canvas.told("move")
    assert [(each["x"], each["y"]) for each in found] == [tuple(place) for place in places]
    for each, place in zip(found, places, strict=True):
        away = np.hypot(*(pixels - place).T)
        if each["index"] < 0:
            assert away.min() > 9
        else:
            assert away[each["index"]] == pytest.approx(away.min(), abs=1e-3) and away.min() <= 9
        u, v = each["data"]
        assert canvas("s.toPixel(...a)", u, v) == pytest.approx(list(place))


def test_a_point_is_painted_where_it_is_found_and_in_its_colour(sheet: Callable[..., Canvas]) -> None:
    points = np.array([[-2.0, -1], [2, -1], [0, 1.5]])
    canvas = sheet(points, np.arange(3))
    for (x, y), colour in zip(canvas.pixels(), ([255, 0, 0], [0, 255, 0], [0, 0, 255]), strict=True):
        seen = canvas("window.pixel(...a)", float(x), float(y))
        assert seen[:3] == colour and seen[3] > 180
    assert canvas("window.pixel(300, 40)")[3] == 0, "the page shows through where there is no point"


def test_dragging_moves_the_picture_with_the_hand(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some())
    before = canvas.pixels()
    canvas.drag((300, 200), (340, 190), (371, 158))
    np.testing.assert_allclose(canvas.pixels() - before, np.broadcast_to([71, -42], before.shape), atol=1e-3)
    assert not canvas.told("click"), "a drag is no click"
    views = canvas("window.views")
    assert views[-1]["moving"] is False and any(view["moving"] for view in views)
    assert canvas("s.view().zoom") == pytest.approx(1)


def test_the_wheel_zooms_at_the_pointer_and_scrolls_the_page_at_its_end(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some())
    at = canvas("s.toData(200, 120)")
    canvas.page.mouse.move(200, 120)
    canvas.page.mouse.wheel(0, -300)
    canvas.page.wait_for_function("window.s.camera.zoom > 1.2")
    canvas.rest()
    assert canvas("s.toPixel(...a)", *at) == pytest.approx([200, 120])
    assert canvas("scrollY") == 0
    for _ in range(8):
        canvas.page.mouse.wheel(0, 400)
    canvas.page.wait_for_function("window.scrollY > 0")
    assert canvas("s.camera.farthest")


def test_keys_pan_zoom_and_bring_everything_back(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some())
    home = canvas("s.view().window")
    canvas("s.canvas.focus()")
    before = canvas.pixels()
    canvas.page.keyboard.press("ArrowLeft")
    canvas.page.keyboard.press("ArrowUp")
    np.testing.assert_allclose(canvas.pixels() - before, np.broadcast_to([60, 60], before.shape), atol=1e-3)
    canvas.page.keyboard.press("+")
    assert canvas("s.view().zoom") == pytest.approx(1.4)
    canvas.page.keyboard.press("-")
    assert canvas("s.view().zoom") == pytest.approx(1)
    canvas.page.keyboard.press("0")
    canvas.rest()
    assert canvas("s.view().window") == pytest.approx(home)


def test_clicks_are_told_at_once_and_twice_as_one(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(np.array([[0.0, 0], [1, 1]]))
    x, y = canvas.pixels()[1]
    canvas.page.mouse.click(x + 3, y)
    assert [each["index"] for each in canvas.told("click")] == [1]
    canvas.page.wait_for_timeout(500)
    canvas.page.mouse.dblclick(300, 30)
    assert [each["index"] for each in canvas.told("click")] == [1, -1]
    assert [each["index"] for each in canvas.told("doubleclick")] == [-1]


@pytest.mark.parametrize("how", ["mode", "shift"])
def test_a_lasso_by_hand_holds_what_lies_inside(sheet: Callable[..., Canvas], how: str) -> None:
    canvas = sheet(some())
    if how == "mode":
        canvas("(s.mode = 'lasso')")
    else:
        canvas.page.keyboard.down("Shift")
    path = [(200.0, 120.0), (420.0, 150.0), (400.0, 300.0), (300.0, 210.0), (220.0, 290.0)]
    pixels = canvas.pixels()
    canvas.drag(*path)
    (told,) = canvas.told("lasso")
    np.testing.assert_array_equal(told["indices"], np.flatnonzero(inside(np.array(path), pixels)))
    np.testing.assert_array_equal(canvas.pixels(), pixels)
    canvas("(window.told.length = 0)")
    canvas.drag((5, 5), (15, 5), (15, 15))
    assert canvas.told("lasso")[0]["indices"] == [], "a lasso over nothing is told, too"


def test_escape_leaves_the_lasso(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some(200))
    canvas("(s.mode = 'lasso', s.canvas.focus())")
    canvas.page.mouse.move(100, 100)
    canvas.page.mouse.down()
    canvas.page.mouse.move(300, 300, steps=3)
    canvas.page.keyboard.press("Escape")
    canvas.page.mouse.up()
    assert canvas.told("lasso") == [] and canvas("s.lasso") == []


def test_hidden_points_are_neither_seen_nor_found(sheet: Callable[..., Canvas]) -> None:
    points = np.array([[0.0, 0.0], [-2, -1], [2, 1]])
    canvas = sheet(points, np.arange(3))
    x, y = canvas.pixels()[0]
    assert canvas("s.nearest(...a)", x, y) == 0
    canvas("s.setColours(s.cloud.colours, Uint8Array.from([0, 1, 1]))")
    canvas.rest()
    assert canvas("s.nearest(...a)", x, y) == -1
    assert canvas("window.pixel(...a)", x, y)[3] == 0
    assert canvas("Array.from(s.within([0, 0, 600, 0, 600, 400, 0, 400]))") == [1, 2]


def test_chosen_points_stand_out_and_are_still_found(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(np.array([[-2.0, 0.0], [2, 0], [0, 1], [0, -1]]), np.array([0, 0, 1, 2]))
    canvas("s.setChosen([1])")
    canvas.rest()
    rest, chosen = (canvas("window.pixel(...a)", *canvas.pixels()[k])[3] for k in (0, 1))
    assert chosen > 2 * rest > 0
    assert canvas("Array.from(s.within([0, 0, 600, 0, 600, 400, 0, 400]))") == [0, 1, 2, 3]
    for k, place in enumerate(canvas.pixels().tolist()):
        assert canvas("s.nearest(...a)", *place) == k
    canvas("s.setChosen(null)")
    canvas.rest()
    assert canvas("window.pixel(...a)", *canvas.pixels()[0])[3] > 1.5 * rest


def test_rings_contours_and_ellipses_lie_over_the_points(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(np.array([[-2.0, -1.0], [2, 1]]))
    scale = canvas("s.view().scale")
    canvas("s.setEllipses([{ centre: [0, 0], radii: [1, 0.5], angle: 0, kind: 'prior' }])")
    canvas("s.setContours({ lines: [{ kind: 'aggregate', points: Float32Array.from([-1, 0.8, 1, 0.8, NaN, NaN]) }] })")
    canvas("s.ring(1)")
    canvas.rest()
    x, y = canvas("s.toPixel(0, 0.8)")
    assert canvas("[-1, 0, 1].some((d) => window.pixel(a[0], a[1] + d)[3] > 100)", x, y)
    x, y = canvas("s.toPixel(0, 0)")
    assert canvas("window.pixel(...a)", x, y)[3] == 0, "the prior's circle is not filled"
    around = "window.pixel(a[0] + Math.cos(k) * a[2], a[1] + Math.sin(k) * a[2] / 2)[3]"
    assert max(canvas(f"Array.from({{ length: 24 }}, (_, k) => {around})", x, y, scale)) > 100
    x, y = canvas.pixels()[1]
    assert canvas("window.pixel(...a)", x + 7, y)[3] > 200
    canvas("s.ring(null)")
    canvas.rest()
    assert canvas("window.pixel(...a)", x + 7, y)[3] == 0


def test_three_axes_turn_with_the_hand(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some(1500, 3))
    before, pixels = np.reshape(canvas("s.view().turn"), (3, 3)), canvas.pixels()
    rotation_of = canvas("[s.turning.centre, s.view().scale]")
    seen = (before @ (canvas.points - rotation_of[0]).T)[:2] * [[1], [-1]] * rotation_of[1]
    np.testing.assert_allclose(pixels - [WIDTH / 2, HEIGHT / 2], seen.T, atol=1e-2)
    x, y = pixels[17]
    k = canvas("s.nearest(...a)", x, y)
    assert np.hypot(*(pixels[k] - [x, y])) == pytest.approx(0, abs=0.01)
    canvas.drag((300, 200), (380, 230))
    after = np.reshape(canvas("s.view().turn"), (3, 3))
    assert np.abs(after - before).max() > 0.2
    np.testing.assert_allclose(after @ after.T, np.eye(3), atol=1e-9)
    path = [(150.0, 100.0), (420.0, 120.0), (300.0, 330.0)]
    found = canvas("Array.from(s.within(a))", *path)
    np.testing.assert_array_equal(found, np.flatnonzero(inside(np.array(path), canvas.pixels())))


def test_two_fingers_zoom_and_one_pans(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some(500))
    session = canvas.page.context.new_cdp_session(canvas.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    before, at = canvas.pixels(), canvas("s.toData(300, 200)")
    touch("Start", (200, 200))
    for x in (230, 260, 280):
        touch("Move", (x, 210))
    touch("End")
    canvas.rest()
    np.testing.assert_allclose(canvas.pixels() - before, np.broadcast_to([80, 10], before.shape), atol=1e-3)
    canvas("s.fit()")
    touch("Start", (250, 200), (350, 200))
    for d in (60, 80, 100):
        touch("Move", (300 - d, 200), (300 + d, 200))
    touch("End")
    canvas.rest()
    assert canvas("s.view().zoom") == pytest.approx(2, rel=0.01)
    assert canvas("s.toPixel(...a)", *at) == pytest.approx([300, 200], abs=1)


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 2)), np.array([[1.5, -2.5]]), np.full((50, 2), 3.0), np.full((4, 2), np.nan), np.zeros((0, 3))],
    ids=["none", "one", "all in one place", "none is a number", "none in space"],
)
def test_clouds_that_are_hardly_any(sheet: Callable[..., Canvas], points: np.ndarray) -> None:
    canvas = sheet(points)
    canvas("s.setAxes({ titles: ['z1', 'z2'], numbers: true })")
    canvas.drag((300, 200), (320, 220))
    canvas("s.zoomBy(3)")
    canvas("s.reset()")
    canvas.rest()
    found = canvas("s.nearest(300, 200)")
    assert found in ({0} if len(points) == 1 else set(range(50)) if len(points) == 50 else {-1})
    assert all(np.isfinite(canvas("s.view().window")))
    assert canvas("s.within([0, 0, 600, 0, 600, 400, 0, 400]).length") == np.isfinite(points).all(1).sum()


def test_a_fine_screen_gets_fine_points(browser: Any, address: str) -> None:
    context = browser.new_context(device_scale_factor=2, viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.goto(address)
    canvas = Canvas(page, np.array([[-1.0, -1.0], [1, 1]]), np.array([0, 1]))
    assert canvas("[s.canvas.width, s.canvas.height]") == [2 * WIDTH, 2 * HEIGHT]
    assert canvas("s.painting.shown[0].canvas.width") == 2 * WIDTH
    x, y = canvas.pixels()[1]
    assert canvas("window.pixel(...a)", x, y)[:3] == [0, 255, 0]
    canvas("(s.canvas.style.width = '300px')")
    page.wait_for_function("window.s.canvas.width === 600")
    canvas.rest()
    assert canvas("s.camera.width") == 300
    context.close()


def test_other_points_in_the_same_place(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some(300), random(1).integers(0, 3, 300))
    canvas("s.setPoints(Float32Array.from({ length: 600 }, (_, i) => 100 + (i * 37) % 91), 2)")
    canvas.rest()
    assert canvas("new Set(s.cloud.colours).size") == 3, "as many points: the colours stay"
    u0, u1, _, _ = canvas("s.view().window")
    assert u0 < 101 and u1 > 189 and u1 - u0 < 250
    canvas("s.setPoints(new Float32Array(10), 2)")
    assert canvas("new Set(s.cloud.colours).size") == 1


def test_a_search_brings_its_point_into_sight(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some(300))
    canvas("s.zoomBy(30)")
    canvas.rest()
    far = int(np.argmax(canvas.points[:, 0]))
    canvas("s.show(...a)", far)
    canvas.rest()
    assert canvas("s.pixelOf(...a)", far) == pytest.approx([WIDTH / 2, HEIGHT / 2], abs=1)


def test_after_the_end_nothing_listens(sheet: Callable[..., Canvas]) -> None:
    canvas = sheet(some(300))
    canvas("s.stop()")
    count = canvas("window.told.length + window.views.length")
    canvas.page.mouse.move(300, 200)
    canvas.page.mouse.wheel(0, -100)
    canvas.page.wait_for_function("window.scrollY === 0")
    canvas("s.draw()")
    assert canvas("window.told.length + window.views.length") == count


MANY = """async (count) => {
    const { Scatter } = await import("/scatter.js"), canvas = document.createElement("canvas");
    document.body.style.margin = 0;
    canvas.style.cssText = "width: 600px; height: 400px; display: block";
    document.body.append(canvas);
    const xy = new Float32Array(2 * count), colours = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
        xy[2 * i] = Math.sin(i * 12.9898) * 3;
        xy[2 * i + 1] = Math.sin(i * 78.233 + i * i * 1e-7) * 2;
        colours[i] = 0xff000000 | (i < count / 2 ? 255 : 255 << 16);
    }
    window.told = [];
    window.drawn = [];
    const s = window.s = new Scatter(canvas, { onPoint: (p) => window.told.push(p), onView: () => {
        const [layer] = s.painting.shown;
        if (layer?.group) window.drawn.push([s.motion.moving, layer.done]);
    } });
    s.setPoints(xy, 2);
    s.setColours(colours);
    window.xy = xy;
}"""


def test_a_million_points_open_pan_and_hover(page: Any, address: str) -> None:
    count = 1_000_000
    page.goto(address)
    page.evaluate(MANY, count)
    ready = "!window.s.frame && window.s.index.ready && window.s.painting.complete && !window.s.motion.moving"
    page.wait_for_function(ready, timeout=60_000)
    assert page.evaluate("window.s.painting.shown[0].done") == count
    page.mouse.move(300, 200)
    page.mouse.down()
    for k in range(12):
        page.mouse.move(300 + 5 * k, 200)
    page.mouse.up()
    page.wait_for_function(ready)
    moving = [done for was, done in page.evaluate("window.drawn") if was]
    assert moving and min(moving) >= 15_000, "what moves is drawn, too"
    assert page.evaluate("window.s.painting.shown[0].done") == count, "all of them at rest"
    page.mouse.move(222, 222)
    told = page.evaluate("window.told.at(-1)")
    wanted = page.evaluate("""() => { const [u, v] = window.s.toData(222, 222); let best = Infinity, found = -1;
        for (let i = 0; i < window.xy.length; i += 2) {
            const d = (window.xy[i] - u) ** 2 + (window.xy[i + 1] - v) ** 2;
            if (d < best) [best, found] = [d, i / 2];
        }
        return found; }""")
    assert told["index"] == wanted
    red, blue = page.evaluate("""() => { const { data } = window.s.context.getImageData(0, 0, 600, 400), sum = [0, 0];
        for (let i = 0; i < data.length; i += 4) {
            sum[0] += data[i] * data[i + 3];
            sum[1] += data[i + 2] * data[i + 3];
        }
        return sum; }""")
    assert red / blue == pytest.approx(1, abs=0.05), "no class lies over the other"
