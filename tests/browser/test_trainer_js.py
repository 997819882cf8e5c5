"""The arithmetic of the Train page's modules, called with numbers: axes, figures, columns of rows, planes, frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.browser.modules import Modules
from tests.ui.run_folders import CODES, DIMS, SHAPE, observation, row
from vaeexplorer.ui.run_routes import pack_observation

# scales.js


@pytest.mark.parametrize("kind", ["log", "linear"])
def test_a_step_and_its_place_are_inverse(modules: Modules, kind: str) -> None:
    script = "((a) => [0, 1, 17, 600].map((s) => [a.at(s), a.step(a.at(s))]))(m.stepAxis(kind, 600))"
    places = np.asarray(modules.call("scales.js", script, kind=kind))
    np.testing.assert_allclose(places[:, 1], [0, 1, 17, 600], atol=1e-9)
    expected = np.log1p([0, 1, 17, 600]) / np.log1p(600) if kind == "log" else np.array([0, 1, 17, 600]) / 600
    np.testing.assert_allclose(places[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize("last", [0, 1, 2, 7, 60, 4690, 10**7])
@pytest.mark.parametrize("kind", ["log", "linear"])
def test_ticks_never_touch(modules: Modules, kind: str, last: int) -> None:
    ticks = modules.call("scales.js", "m.stepTicks(m.stepAxis(kind, last), 400)", kind=kind, last=last)
    assert ticks
    assert ticks[0] == [0, 0]
    assert all(0 <= at <= 1.0001 and step == int(step) for step, at in ticks)
    assert all(d * 400 >= 52 for d in np.diff([at for _, at in ticks]))


# time_axis.js


def test_an_axis_of_seconds_bends_with_the_clock(modules: Modules) -> None:
    rows = [row(step) | {"seconds": seconds} for step, seconds in ((10, 1.0), (20, 4.0), (40, 8.0))]
    script = """import("/rows.js").then(({ Rows }) => {
        const known = new Rows(); known.add(rows); const a = m.timeAxis(known);
        return { timed: m.timed(known), places: [0, 5, 10, 15, 30, 40, 99].map((s) => a.at(s)),
                 steps: [0, 0.125, 0.5, 1].map((u) => a.step(u)), marks: a.marks(400) }; })"""
    found = modules.call("time_axis.js", script, rows=rows)
    assert found["timed"]
    assert found["places"] == pytest.approx([0, 0.0625, 0.125, 0.3125, 0.75, 1, 1])
    assert found["steps"] == pytest.approx([0, 10, 20, 40])
    assert found["marks"][0] == ["0 s", 0] and found["marks"][-1] == ["8 s", 1]
    without = modules.call("time_axis.js", "m.timed({ length: 2, train: { seconds: [NaN, NaN] } })")
    assert without is False


@pytest.mark.parametrize(
    ("value", "stderr", "expected"),
    [
        (-94.5213, 0.2634, ["−94.52", "± 0.26"]),
        (17.0, 12.3, ["17", "± 12"]),
        (0.00123, 0.00045, ["0.00123", "± 0.00045"]),
        (-1.5, None, ["−1.5", ""]),
        (-1.5, 0, ["−1.5", ""]),
    ],
)
def test_a_figure_has_the_digits_its_error_allows(
    modules: Modules, value: float, stderr: float | None, expected: list[str]
) -> None:
    found = modules.call("scales.js", "m.parts({ value, stderr })", value=value, stderr=stderr)
    assert [found["value"], found["error"]] == expected


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (130, "2 min 10 s"), (300, "5 min"), (3900, "1 h 5 min")]
)
def test_durations(modules: Modules, seconds: float, words: str) -> None:
    assert modules.call("scales.js", "m.duration(seconds)", seconds=seconds) == words


# rows.js


def rows_after(modules: Modules, rows: list[dict[str, Any]], expression: str) -> Any:
    script = f"((r) => {{ r.add(rows.slice(0, 3)); r.add(rows); return {expression}; }})(new m.Rows())"
    return modules.call("rows.js", script, rows=rows)


def test_rows_that_come_twice_count_once(modules: Modules) -> None:
    rows = [row(step) for step in range(2, 700, 2)]
    assert rows_after(modules, rows, "[r.length, r.last, r.dimensions]") == [len(rows), 698, DIMS]
    steps = rows_after(modules, rows, "Array.from({ length: r.length }, (_, i) => r.train.step.at(i))")
    assert steps == [r["step"] for r in rows]


def test_held_out_figures_as_they_were(modules: Modules) -> None:
    rows = [row(step) for step in range(2, 201, 2)]
    found = rows_after(modules, rows, "[0, 49, 50, 51, 1e9].map((s) => r.heldAt('elbo', s))")
    assert found[0] is None
    assert [one["step"] for one in found[1:]] == [30, 50, 50, 180]
    assert found[2].items() >= {"value": row(50)["held_out"][0]["value"], "stderr": 0.25, "n": 500}.items()
    kl = rows_after(modules, rows, "Array.from(r.klAt(60))")
    assert kl == pytest.approx(row(50)["held_out_kl"], rel=1e-6)


def test_rows_of_a_run_that_diverged(modules: Modules) -> None:
    odd = [{"step": 2, "elbo": None, "kl_per_dimension": [1, None, 2]}, {"step": None}, {}, {"step": 4, "held_out": []}]
    assert rows_after(modules, odd, "[r.length, String(r.train.elbo.at(0)), r.heldAt('elbo', 9)]") == [2, "NaN", None]


# pca.js


def plane(modules: Modules, codes: np.ndarray, before: list[list[float]] | None = None) -> tuple[np.ndarray, float]:
    """Axes (2, D) and the share of the variance in them."""
    script = """((axes) => [axes.map((a) => Array.from(a)), m.project(codes, n, d, axes).share])(
        m.principalPlane(codes, n, d, before))"""
    n, d = codes.shape
    axes, share = modules.call("pca.js", script, codes=codes.ravel().tolist(), n=n, d=d, before=before)
    return np.asarray(axes), share


def cloud(seed: int = 0, d: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(300, d)) * np.array([3.0, 2.0, *np.linspace(0.8, 0.1, d - 2)]) @ rotation(d) + 1.5


def rotation(d: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(9).normal(size=(d, d)))[0]


def test_the_plane_is_that_of_the_first_two_components(modules: Modules) -> None:
    codes = cloud()
    axes, share = plane(modules, codes)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    values, vectors = np.linalg.eigh(np.cov(codes.T))
    for axis, expected in zip(axes, vectors.T[:-3:-1], strict=True):
        assert abs(axis @ expected) == pytest.approx(1, abs=1e-5)
    assert share == pytest.approx(values[-2:].sum() / values.sum(), abs=1e-5)


@pytest.mark.parametrize("change", ["mirrored", "turned", "swapped"])
def test_the_plane_follows_the_one_before(modules: Modules, change: str) -> None:
    codes = cloud()
    first, _ = plane(modules, codes)
    a, b = first
    old = {"mirrored": [-a, b], "turned": [0.6 * a + 0.8 * b, 0.8 * a - 0.6 * b], "swapped": [b, a]}[change]
    axes, share = plane(modules, codes + 0.01 * cloud(1), [axis.tolist() for axis in old])
    for axis, before in zip(axes, old, strict=True):
        assert axis @ before > 0.99
    assert share == pytest.approx(plane(modules, codes)[1], abs=0.02)


@pytest.mark.parametrize("codes", [np.zeros((5, 4)), np.ones((1, 3)), np.outer(np.arange(6.0), [1, 2, 0])])
def test_planes_of_clouds_that_have_none(modules: Modules, codes: np.ndarray) -> None:
    axes, share = plane(modules, codes)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    assert share == pytest.approx(1)


def test_two_dimensions_stay_as_they_are(modules: Modules) -> None:
    axes, share = plane(modules, cloud(d=2))
    np.testing.assert_array_equal(axes, np.eye(2))
    assert share == pytest.approx(1)


# film.js


@pytest.mark.parametrize("n", [0, 1, 2, 3, 15, 100])
def test_frames_come_coarse_to_fine(modules: Modules, n: int) -> None:
    order = modules.call("film.js", "m.coarseToFine(n)", n=n)
    assert sorted(order) == list(range(n))
    if n == 100:
        assert order[:3] == [99, 0, 50]
        assert max(np.diff(sorted(order[:9]))) <= 13


def test_a_frame_is_what_was_seen(modules: Modules) -> None:
    seen = observation(80)
    script = """((f) => [f.step, f.shape, Array.from(f.reconstructions), Array.from(f.decoded), Array.from(f.codes),
        f.kl, f.estimates[0].value])(m.readFrame(document))"""
    step, shape, shown, decoded, codes, kl, elbo = modules.call("film.js", script, document=pack_observation(seen))
    assert (step, shape, elbo) == (80, list(SHAPE), seen.estimates[0].value)
    np.testing.assert_array_equal(shown, seen.reconstructions.ravel())
    np.testing.assert_array_equal(decoded, seen.decoded.ravel())
    np.testing.assert_allclose(np.reshape(codes, (CODES, DIMS)), seen.codes.astype(np.float32), rtol=1e-6)
    assert kl == pytest.approx(seen.kl_per_dimension.tolist())


def test_moments_between_frames(modules: Modules) -> None:
    script = """((f) => {
        f.steps = [0, 8, 80];
        for (const s of f.steps) f.keep({ step: s, bytes: 1 });
        f.now = { step: 100 };
        return [0, 3, 8, 90, 500].map((s) => { const { a, b, t } = f.around(s); return [a.step, b.step, t]; });
    })(new m.Film({}, {}))"""
    found = modules.call("film.js", script)
    assert [pair[:2] for pair in found] == [[0, 0], [0, 8], [8, 8], [80, 100], [100, 100]]
    assert found[1][2] == pytest.approx(np.log(4) / np.log(9))


# pixels.js


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_blend(modules: Modules, channels: int) -> None:
    shape = [channels, 2, 3]
    one, two = (np.random.default_rng(k).integers(0, 256, channels * 6).tolist() for k in (0, 1))
    script = """[0, 0.5, 1].map((t) => {
        const sheet = m.createSheet(shape, 2, 1, 1), [a, b] = [one, two].map((values) => Uint8Array.from(values));
        m.writeBytes(a, 0, b, t, shape, sheet.pixels, sheet.width, ...sheet.place(1, 0));
        return [sheet.width, sheet.height, Array.from(sheet.image.data)];
    })"""
    sheets = modules.call("pixels.js", script, shape=shape, one=one, two=two)
    for t, (width, height, pixels) in zip((0, 0.5, 1), sheets, strict=True):
        assert (width, height) == (7, 2)
        sheet = np.reshape(pixels, (2, 7, 4))
        assert (sheet[..., 3] == 255).all()
        assert (sheet[:, :4, :3] == 0).all()
        mixed = (1 - t) * np.reshape(one, shape) + t * np.reshape(two, shape)
        expected = np.broadcast_to(mixed.transpose(1, 2, 0), (2, 3, 3))
        np.testing.assert_allclose(sheet[:, 4:, :3], expected, atol=1)
