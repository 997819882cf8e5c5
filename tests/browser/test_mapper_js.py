"""The arithmetic of the Map page's drawing core, against numpy; test_scatter_js.py has its canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.browser.modules import Modules

WIDTH, HEIGHT = 600, 400


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def floats(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()


# halves.js


def test_every_half_is_the_number_that_numpy_reads(modules: Modules) -> None:
    halves = np.arange(65536, dtype="<u2").view("<f2")
    script = "Array.from(m.toFloats(data, 16, 65536, 'float16'), String)"
    found = np.array(modules.call("halves.js", script, data=bytes(16) + halves.tobytes()), float)
    np.testing.assert_array_equal(found.astype("<f4"), halves.astype("<f4"))


def test_floats_are_not_copied(modules: Modules) -> None:
    data = floats(np.array([0, 1.5, -2.25]))
    script = "((f) => [f.buffer === data, Array.from(f)])(m.toFloats(data, 4, 2, 'float32'))"
    assert modules.call("halves.js", script, data=data) == [True, [1.5, -2.25]]


# camera.js


def camera(modules: Modules, script: str, **values: Any) -> Any:
    before = f"const c = new m.Camera(); c.resize({WIDTH}, {HEIGHT}); c.fit([-3, 3, -1, 3]); c.reset();"
    return modules.call("camera.js", f"(() => {{ {before} {script} }})()", **values)


def test_places_and_pixels_are_inverse_and_up_is_up(modules: Modules) -> None:
    script = """c.pan(33, -21); c.zoomAt(100, 50, 3.7);
        return [c.toPixel(...c.toData(123, 45)), c.toData(0, 0), c.toData(9, 9)];"""
    back, first, second = camera(modules, script)
    assert back == pytest.approx([123, 45])
    assert second[0] > first[0] and second[1] < first[1]
    assert second[0] - first[0] == pytest.approx(first[1] - second[1]), "one scale for both axes"


def test_what_is_fitted_is_in_sight_with_some_room(modules: Modules) -> None:
    u0, u1, v0, v1 = camera(modules, "return c.window;")
    assert u0 < -3 and u1 > 3 and v0 < -1 and v1 > 3
    assert (u0 + u1) / 2 == pytest.approx(0) and (v0 + v1) / 2 == pytest.approx(1)
    assert min((u1 - u0) / 6, (v1 - v0) / 4) == pytest.approx(1 / 0.9)


@pytest.mark.parametrize("factor", [0.5, 1.2, 40.0])
def test_zooming_keeps_what_is_under_the_pointer(modules: Modules, factor: float) -> None:
    script = "const at = c.toData(430, 90); c.zoomAt(430, 90, factor); return [c.toPixel(...at), c.zoom];"
    pixel, zoom = camera(modules, script, factor=factor)
    assert pixel == pytest.approx([430, 90]) and zoom == pytest.approx(factor)


def test_zoom_and_pan_have_ends(modules: Modules) -> None:
    script = """c.zoomAt(0, 0, 1e9); const near = c.zoom; c.reset(); c.zoomAt(0, 0, 1e-9); const far = c.zoom;
        c.reset(); c.pan(1e6, 1e6); return [near, far, c.u, c.v];"""
    near, far, u, v = camera(modules, script)
    assert near == pytest.approx(20_000) and far == pytest.approx(0.2)
    assert -9 < u < -3 and 3 < v < 9, "the points stay within reach"


def test_another_size_keeps_how_close_and_where(modules: Modules) -> None:
    script = """c.zoomAt(200, 100, 5); const before = [c.u, c.v, c.zoom]; c.resize(300, 300);
        const after = [c.u, c.v, c.zoom]; c.reset(); c.resize(900, 100); return [before, after, c.zoom];"""
    before, after, whole = camera(modules, script)
    assert after == pytest.approx(before) and whole == pytest.approx(1)


# point_index.js


def nearest(
    modules: Modules, points: np.ndarray, asked: np.ndarray, radius: float, shown: np.ndarray | None
) -> list[int]:
    script = """(() => {
        const f = new Float32Array(data), us = f.filter((_, i) => i % 2 === 0), vs = f.filter((_, i) => i % 2);
        const index = new m.PointIndex(us, vs).finish(), mask = shown && Uint8Array.from(shown);
        return asked.map(([u, v]) => index.nearest(u, v, radius, mask));
    })()"""
    mask = None if shown is None else shown.astype(int).tolist()
    return modules.call("point_index.js", script, data=floats(points), asked=asked.tolist(), radius=radius, shown=mask)


def expected_distances(points: np.ndarray, asked: np.ndarray, radius: float, shown: np.ndarray | None) -> np.ndarray:
    """Distance to the nearest point that counts, NaN if it is beyond the radius."""
    points = points.astype("<f4").astype(float)
    squares = ((asked[:, None] - points[None]) ** 2).sum(-1)
    squares[~np.isfinite(squares)] = np.inf
    if shown is not None:
        squares[:, ~shown] = np.inf
    best = np.sqrt(squares.min(1))
    return np.where(best <= radius, best, np.nan)


CLOUDS: dict[str, Callable[[], np.ndarray]] = {
    "a cloud": lambda: random().normal(size=(3000, 2)),
    "clusters far apart": lambda: random().normal(size=(3000, 2)) * 0.01 + random(1).integers(0, 4, (3000, 1)) * 50,
    "an outlier": lambda: np.vstack([random().normal(size=(999, 2)), [[1e6, -1e6]]]),
    "a line": lambda: np.stack([random().normal(size=500), np.zeros(500)], 1),
    "one place": lambda: np.full((200, 2), 0.5),
    "one point": lambda: np.array([[0.3, -0.2]]),
    "some are not numbers": lambda: np.where(random(2).random((800, 1)) < 0.2, np.nan, random().normal(size=(800, 2))),
}


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("radius", [0.02, 0.5])
@pytest.mark.parametrize("name", CLOUDS)
def test_the_nearest_point_is_the_nearest(modules: Modules, name: str, radius: float, hidden: bool) -> None:
    points = CLOUDS[name]()
    shown = random(3).random(len(points)) < 0.5 if hidden else None
    asked = np.vstack([random(4).normal(size=(60, 2)), np.nan_to_num(points[:20]) + 0.01])
    found = nearest(modules, points, asked, radius, shown)
    wanted = expected_distances(points, asked, radius, shown)
    single = points.astype("<f4").astype(float)
    for place, k, distance in zip(asked, found, wanted, strict=True):
        assert (k < 0) == np.isnan(distance)
        if k >= 0:
            assert np.hypot(*(place - single[k])) == pytest.approx(distance, abs=1e-6)
            assert shown is None or shown[k]


def test_no_points_have_no_nearest(modules: Modules) -> None:
    assert nearest(modules, np.zeros((0, 2)), np.zeros((1, 2)), 1.0, None) == [-1]


def test_the_index_of_many_points_is_made_in_slices(modules: Modules) -> None:
    script = """(() => {
        const n = 400000, us = Float32Array.from({ length: n }, (_, i) => Math.sin(i * i)), vs = us.slice().reverse();
        const index = new m.PointIndex(us, vs), before = index.ready, times = [];
        for (const task = index.build(); ;) {
            const begin = performance.now(), { done } = task.next();
            times.push(performance.now() - begin);
            if (done) return [before, index.ready, times.length, times.sort((a, b) => a - b)[times.length >> 1]];
        }
    })()"""
    before, ready, slices, median = modules.call("point_index.js", script)
    assert (before, ready) == (False, True) and slices > 15 and median < 20


# lasso.js


def inside(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The even-odd rule, edge by edge."""
    odd = np.zeros(len(points), bool)
    x, y = points.T
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if ay != by:
            odd ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) / (by - ay) * (bx - ax))
    return odd


POLYGONS = {
    "triangle": np.array([[-1, -1], [1.5, -0.5], [0, 1.2]]),
    "star that crosses itself": np.array([[np.sin(a), np.cos(a)] for a in np.arange(5) * 0.8 * np.pi]),
    "a hand's path": random(7).normal(size=(400, 2)).cumsum(0) * 0.06,
    "rectangle": np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]),
    "flat": np.array([[-1, 0.1], [1, 0.1], [0.2, 0.1]]),
}


@pytest.mark.parametrize("name", POLYGONS)
def test_the_lasso_holds_what_lies_inside(modules: Modules, name: str) -> None:
    points, polygon = random(5).normal(size=(5000, 2)).astype("<f4").astype(float), POLYGONS[name]
    points[::50] = np.nan
    script = """(() => {
        const f = new Float32Array(data), us = f.filter((_, i) => i % 2 === 0), vs = f.filter((_, i) => i % 2);
        return Array.from(m.pointsInside(polygon, us, vs, us.length));
    })()"""
    found = modules.call("lasso.js", script, data=floats(points), polygon=polygon.ravel().tolist())
    np.testing.assert_array_equal(found, np.flatnonzero(inside(polygon, points)))


def test_no_lasso_holds_nothing(modules: Modules) -> None:
    script = "[[], [0, 0], [0, 0, 1, 1]].map((p) => m.pointsInside(p, [0, 0.5], [0, 0.5], 2).length)"
    assert modules.call("lasso.js", script) == [0, 0, 0]


def test_a_path_is_thinned(modules: Modules) -> None:
    assert modules.call("lasso.js", "m.thinned([0, 0, 0.5, 0, 2, 0, 2, 0.1, 2, 3], 1)") == [0, 0, 2, 0, 2, 3]


# contours.js


SIZE, WINDOW = (81, 61), (-4.0, 4.0, -3.0, 3.0)


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Places (h, w) of the nodes."""
    return np.meshgrid(np.linspace(*WINDOW[:2], SIZE[0]), np.linspace(*WINDOW[2:], SIZE[1]))


def lines(modules: Modules, values: np.ndarray, levels: list[float | None]) -> list[np.ndarray]:
    """Polylines (n, 2) of the levels."""
    script = "Array.from(m.contourLines(field, size, window, levels), (v) => (v === v ? v : null))"
    where = {"size": SIZE, "window": WINDOW, "levels": levels}
    found = np.array(modules.call("contours.js", script, field=values.ravel().tolist(), **where), float).reshape(-1, 2)
    ends = np.flatnonzero(np.isnan(found[:, 0]))
    return [part[~np.isnan(part[:, 0])] for part in np.split(found, ends) if len(part) > 1]


def test_lines_of_a_bowl_are_circles(modules: Modules) -> None:
    u, v = grid()
    found = lines(modules, -(u**2 + v**2), [-1.0, -4.0, None])
    assert len(found) == 2
    for line, radius in zip(found, (1, 2), strict=True):
        np.testing.assert_allclose(np.hypot(*line.T), radius, atol=0.01)
        np.testing.assert_array_equal(line[0], line[-1])
        assert np.linalg.norm(np.diff(line, axis=0), axis=1).max() < 0.2, "a line goes from cell to neighbouring cell"
        turns = np.unwrap(np.arctan2(line[:, 1], line[:, 0]))
        assert abs(turns[-1] - turns[0]) == pytest.approx(2 * np.pi, abs=1e-6), "once around"


def test_a_straight_line_is_exact_and_ends_at_the_border(modules: Modules) -> None:
    u, v = grid()
    (line,) = lines(modules, 2 * u + v, [0.3])
    np.testing.assert_allclose(2 * line[:, 0] + line[:, 1], 0.3, atol=1e-6)
    assert sorted([line[0, 1], line[-1, 1]]) == pytest.approx([-3, 3])


def test_a_saddle_keeps_two_lines_apart(modules: Modules) -> None:
    u, v = grid()
    for level in (-0.02, 0.02):
        found = lines(modules, (u + 0.03) * (v + 0.02), [level])
        assert len(found) == 2
        for line in found:
            # Within the cell of the saddle itself the line is straight and the curve is not.
            assert np.median(np.abs((line[:, 0] + 0.03) * (line[:, 1] + 0.02) - level)) < 1e-3
            assert np.linalg.norm(np.diff(line, axis=0), axis=1).max() < 0.2


def test_nothing_and_nowhere_make_no_trouble(modules: Modules) -> None:
    u, v = grid()
    values = np.where(u > 0, -(u**2) - v**2, -1e30)
    assert lines(modules, np.zeros_like(u), [0.0, 1.0]) == []
    assert all(np.isfinite(line).all() for line in lines(modules, values, [-1.0]))
    script = "m.contourLines(field, size, window, [-1]).every((v) => v !== Infinity && v !== -Infinity)"
    infinite = np.where(u > 0, -(u**2), 0.0).ravel().tolist()
    infinite[::3] = [None] * len(infinite[::3])
    assert modules.call("contours.js", script, field=infinite, size=SIZE, window=WINDOW)


def gaussian(mean: tuple[float, float] = (0, 0), covariance: np.ndarray | None = None) -> np.ndarray:
    """Log density (h, w) in nats at the nodes."""
    covariance = np.eye(2) if covariance is None else covariance
    away = np.stack(grid(), -1) - mean
    square = np.einsum("...i,ij,...j", away, np.linalg.inv(covariance), away)
    return -0.5 * square - 0.5 * np.log(np.linalg.det(covariance)) - np.log(2 * np.pi)


def call_levels(modules: Modules, log_density: np.ndarray, shares: list[float]) -> list[float | None]:
    script = "m.levelsOf(field, m.cellArea(size, window), shares)"
    where = {"size": SIZE, "window": WINDOW, "shares": shares}
    return modules.call("contours.js", script, field=log_density.ravel().tolist(), **where)


def test_levels_of_a_gaussian_are_those_of_its_formula(modules: Modules) -> None:
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    found = call_levels(modules, gaussian(covariance=covariance), [0.9, 0.5])
    peak = -np.log(2 * np.pi) - 0.5 * np.log(np.linalg.det(covariance))
    assert found == pytest.approx([peak + np.log(0.1), peak + np.log(0.5)], abs=0.03)


def test_a_window_that_holds_too_little_has_no_level(modules: Modules) -> None:
    half = gaussian((4.0, 0.0))
    found = call_levels(modules, half, [0.3, 0.9])
    assert found[0] is not None and found[1] is None


def call_holes(modules: Modules, log_q: np.ndarray, log_prior: np.ndarray, **options: float) -> dict[str, Any]:
    script = """((h) => ({ share: h.share, mask: Array.from(h.mask),
        points: Array.from(h.points, (v) => v === v ? v : null) }))(m.holes(q, prior, size, window, options))"""
    where = {"size": SIZE, "window": WINDOW, "options": options}
    values = {"q": np.maximum(log_q, -1e6).ravel().tolist(), "prior": log_prior.ravel().tolist()}
    return modules.call("contours.js", script, **values, **where)


def test_codes_like_the_prior_leave_no_hole(modules: Modules) -> None:
    found = call_holes(modules, gaussian(), gaussian())
    assert found["share"] == 0 and found["points"] == [] and not any(found["mask"])


def test_a_hole_is_where_codes_are_missing_and_the_prior_is_not(modules: Modules) -> None:
    u, v = grid()
    prior, missing = gaussian(), np.hypot(u - 0.5, v) < 0.8
    found = call_holes(modules, np.where(missing, -np.inf, prior), prior, inside=0.9, ratio=10)
    np.testing.assert_array_equal(np.reshape(found["mask"], missing.shape), missing)
    mass = np.exp(prior[missing]).sum() * (u[0, 1] - u[0, 0]) * (v[1, 0] - v[0, 0])
    assert found["share"] == pytest.approx(mass)
    points = np.array(found["points"][:-2], float).reshape(-1, 2)
    np.testing.assert_array_equal(points[0], points[-1])
    np.testing.assert_allclose(np.hypot(points[:, 0] - 0.5, points[:, 1]), 0.8, atol=0.12)


def test_a_hole_at_the_border_of_the_window_is_closed(modules: Modules) -> None:
    nothing = np.full(grid()[0].shape, -np.inf)
    found = call_holes(modules, nothing, gaussian((4.0, 0.0)), inside=0.4)
    points = np.array(found["points"], float).reshape(-1, 2)
    np.testing.assert_array_equal(points[0], points[-2])
    assert points[:-1, 0].max() == pytest.approx(4, abs=0.01)


def test_holes_stay_within_the_prior(modules: Modules) -> None:
    found = call_holes(modules, np.full(grid()[0].shape, -np.inf), gaussian(), inside=0.5)
    assert found["share"] == pytest.approx(0.5, abs=0.01)


def test_the_ellipse_of_a_covariance(modules: Modules) -> None:
    for seed in range(4):
        a = random(seed).normal(size=(2, 2))
        covariance = a @ a.T
        found = modules.call("contours.js", "m.ellipseOf(covariance, 2)", covariance=covariance.tolist())
        values, vectors = np.linalg.eigh(covariance)
        np.testing.assert_allclose(found["radii"], 2 * np.sqrt(values[::-1]), rtol=1e-6)
        axis = [np.cos(found["angle"]), np.sin(found["angle"])]
        assert abs(axis @ vectors[:, 1]) == pytest.approx(1)


# turning.js


def test_three_axes_are_seen_by_a_rotation(modules: Modules) -> None:
    points = random(6).normal(size=(50, 3)) + 3
    script = """(() => {
        const t = new m.Turning([3, 3, 3], 2), n = xs.length, [u, v, d] = [0, 1, 2].map(() => new Float32Array(n));
        t.turn(40, -25); t.turn(-7, 90);
        t.project(xs, ys, zs, 0, n, u, v, d);
        const order = new Uint32Array(n);
        t.sort(d, n, order);
        return [Array.from(t.matrix), [u, v, d].map((a) => Array.from(a)), t.seen(1, 2, 3), Array.from(order)];
    })()"""
    xs, ys, zs = points.T.tolist()
    matrix, seen, one, order = modules.call("turning.js", script, xs=xs, ys=ys, zs=zs)
    rotation = np.reshape(matrix, (3, 3))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(seen, rotation @ (points - 3).T, atol=1e-5)
    np.testing.assert_allclose(one, rotation @ [1, 2, 3])
    assert sorted(order) == list(range(50))
    assert (np.diff(np.clip(np.array(seen[2]), -2, 2)[order]) > -2 * 2 / 64 - 1e-6).all(), "from the back to the front"


def test_the_front_of_the_cloud_follows_the_hand(modules: Modules) -> None:
    script = """((t) => { t.matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1]; const before = t.seen(0, 0, 1);
        t.turn(30, 0); const right = t.seen(0, 0, 1); t.matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1]; t.turn(0, 30);
        return [before, right, t.seen(0, 0, 1)]; })(new m.Turning())"""
    before, right, down = modules.call("turning.js", script)
    assert right[0] > before[0] and right[1] == pytest.approx(before[1])
    assert down[1] < before[1] and down[0] == pytest.approx(before[0])


# colours.js, colouring.js


def rgba(css: str) -> int:
    """The pixel of a colour #rrggbb."""
    red, green, blue = (int(css[k : k + 2], 16) for k in (1, 3, 5))
    return 0xFF000000 | blue << 16 | green << 8 | red


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_classes_have_colours_of_their_own(modules: Modules, theme: str) -> None:
    for count in (1, 2, 5, 6, 10):
        colours = modules.call("colours.js", "m.classColours(theme, count)", theme=theme, count=count)
        assert len(set(colours)) == len(colours) == count
    many = modules.call("colours.js", "m.classColours(theme, 26)", theme=theme)
    assert len(many) == 26 and many[:6] == many[20:]


def test_colouring_by_class_counts_and_keeps_the_unknown(modules: Modules) -> None:
    script = """((f) => [Array.from(f.colours), f.legend, f.ramp])(
        m.colourBy({ kind: "class", values: Int16Array.from(labels), names, theme: "light" }))"""
    colours, legend, ramp = modules.call("colouring.js", script, labels=[2, 0, 2, -1, 3], names=["a", "b", "<i>c</i>"])
    assert [(one["name"], one["count"], one["key"]) for one in legend] == [
        ("a", 1, 0), ("b", 0, 1), ("<i>c</i>", 2, 2), ("3", 1, 3), ("not known", 1, -1)
    ]  # fmt: skip
    assert ramp is None
    assert [colours[k] for k in (0, 1, 3)] == [rgba(legend[k]["colour"]) for k in (2, 0, 4)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("around", [False, True])
def test_colouring_by_number(modules: Modules, theme: str, around: bool) -> None:
    values = [*np.linspace(-1, 3, 400), None, 1e9]
    script = """((f) => [Array.from(f.colours), f.legend, f.ramp])(m.colourBy({ kind: "number", theme, around,
        values: Float32Array.from(numbers, (v) => v ?? NaN) }))"""
    colours, legend, ramp = modules.call("colouring.js", script, numbers=values, theme=theme, around=around)
    assert (ramp["low"], ramp["high"]) == pytest.approx((-ramp["high"], 3) if around else (-0.96, 2.96), abs=0.05)
    assert colours[-1] == rgba(ramp["stops"][-1]), "beyond the ramp: its end"
    assert [(one["count"], one["key"]) for one in legend] == [(1, -1)] and colours[-2] == rgba(legend[0]["colour"])
    channels = np.array(colours[:400], "<u4").view("u1").reshape(-1, 4).astype(int)
    assert np.abs(np.diff(channels, axis=0)).max() < 12, "no jumps"
    if around:
        assert colours[100] == pytest.approx(rgba(ramp["stops"][2]), rel=0.02), "zero has the middle colour"


@pytest.mark.parametrize("values", [[], [None, None], [2.5, 2.5]])
def test_colouring_by_numbers_that_are_hardly_any(modules: Modules, values: list[float | None]) -> None:
    script = """((f) => [f.colours.length, f.ramp.low, f.ramp.high, f.ramp.stops.length])(m.colourBy({ kind: "number",
        theme: "dark", values: Float32Array.from(numbers, (v) => v ?? NaN) }))"""
    count, low, high, stops = modules.call("colouring.js", script, numbers=values)
    assert count == len(values) and low <= high and stops > 2


# cloud.js, splats.js


def test_the_order_of_drawing_is_shuffled_and_fair(modules: Modules) -> None:
    order = np.array(modules.call("cloud.js", "Array.from(m.shuffled(10000))"))
    assert sorted(order) == list(range(10000))
    shares = np.bincount(order[:2000] // 1000, minlength=10) / 2000  # ten classes, one after another
    np.testing.assert_allclose(shares, 0.1, atol=0.03)
    assert modules.call("cloud.js", "[m.shuffled(0).length, m.shuffled(1)[0]]") == [0, 0]


def test_a_point_far_away_does_not_make_the_rest_small(modules: Modules) -> None:
    values = [*np.linspace(-2, 2, 999), 1e5, None]
    script = "m.reachOf(Float32Array.from(numbers, (v) => v ?? NaN), numbers.length)"
    low, high = modules.call("cloud.js", script, numbers=values)
    assert low == pytest.approx(-2) and 2 < high < 4
    assert modules.call("cloud.js", "[m.reachOf([NaN], 1), m.reachOf([7, 7], 2), m.reachOf([], 0)]") == [
        [-0.5, 0.5], [pytest.approx(6.3), pytest.approx(7.7)], [-0.5, 0.5]
    ]  # fmt: skip


def splatted(modules: Modules, colours: list[int], radius: float = 1.0, crowd: float = 1.0) -> np.ndarray:
    """Pixels (21, 21, 4) with all points on the middle one."""
    script = """(() => {
        const s = new m.Splats(), canvas = document.createElement("canvas");
        canvas.width = canvas.height = 21;
        s.begin(21, 21, radius, crowd);
        const n = colours.length, at = new Float32Array(n);
        s.add(at, at, Uint32Array.from(colours), 0, n, 1, 10, 10);
        const context = canvas.getContext("2d");
        s.show(context);
        return Array.from(context.getImageData(0, 0, 21, 21).data);
    })()"""
    found = modules.call("splats.js", script, colours=colours, radius=radius, crowd=crowd)
    return np.reshape(found, (21, 21, 4))


RED, BLUE = rgba("#ff0000"), rgba("#0000ff")


@pytest.mark.parametrize("radius", [0.5, 1.1, 2.0, 4.6])
def test_a_point_is_a_round_spot_in_its_colour(modules: Modules, radius: float) -> None:
    pixels = splatted(modules, [RED], radius)
    assert pixels[10, 10, :3].tolist() == [255, 0, 0] and pixels[10, 10, 3] > 200
    np.testing.assert_array_equal(pixels, pixels[::-1])
    np.testing.assert_array_equal(pixels, pixels.transpose(1, 0, 2))
    cover = (pixels[..., 3] / pixels[10, 10, 3]).sum()
    assert cover == pytest.approx(np.pi * radius**2, rel=0.25, abs=0.4)


def test_a_pixel_of_two_classes_is_their_mixture_whoever_comes_last(modules: Modules) -> None:
    fair = random(1).permutation([RED, BLUE] * 30).tolist()
    one, other = (splatted(modules, order, 0.5, 60)[10, 10] for order in (fair, fair[::-1]))
    for pixel in (one, other):
        assert 60 < pixel[0] < 195 and 60 < pixel[2] < 195
        assert pixel[0] + pixel[2] == pytest.approx(255, abs=12)


def test_one_colour_stays_itself_however_many_points(modules: Modules) -> None:
    pixel = splatted(modules, [rgba("#37b9c2")] * 500, 1.5, 100)[10, 10]
    np.testing.assert_allclose(pixel[:3], [0x37, 0xB9, 0xC2], atol=2)


def test_many_points_are_more_opaque_and_the_middle_of_a_cloud_has_a_shape(modules: Modules) -> None:
    alphas = [int(splatted(modules, [RED] * n, 0.5, 100)[10, 10, 3]) for n in (1, 3, 10, 30, 100)]
    assert alphas == sorted(alphas) and alphas[0] >= 0.4 * 255 - 2 and alphas[-1] == 255
    assert min(np.diff(alphas)) > 15, "each step shows"
    few = splatted(modules, [RED], 0.5, 1)[10, 10, 3]
    assert few > 210, "where points are few, each is plain to see"
