"""The charts of the Bounds page and its panel of estimators: axes, marks, sentences, runs, table, against numpy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.browser.modules import Modules
from vaeexplorer import bounds
from vaeexplorer.records import WARNINGS

COLOURS = {
    "text": "rgb(0, 0, 0)",
    "quiet": "rgb(100, 100, 100)",
    "edge": "rgb(230, 230, 230)",
    "page": "rgb(255, 255, 255)",
    "encoder": "rgb(255, 0, 0)",
    "mu": "rgb(0, 0, 255)",
    "z": "rgb(0, 255, 0)",
    "sigma": "rgb(0, 128, 128)",
    "gap": "rgb(255, 0, 255)",
}


@pytest.fixture(autouse=True)
def clean(modules: Modules) -> None:
    """Every test begins with an empty page."""
    modules.page.evaluate("document.body.replaceChildren()")


# ---- axes


@pytest.mark.parametrize(("kind", "low", "high"), [("linear", -3.0, 5.0), ("log", 1.0, 5000.0), ("log", 0.02, 0.7)])
def test_axes_go_there_and_back(modules: Modules, kind: str, low: float, high: float) -> None:
    inside = np.linspace(low, high, 7)
    at, back, marks = modules.call(
        "xy_axes.js",
        "((a) => [v.map(a.at), v.map((x) => a.value(a.at(x))), a.ticks(6)])(m.createAxis({ kind, low, high }))",
        v=inside.tolist(), kind=kind, low=low, high=high,
    )  # fmt: skip
    scaled = np.log(inside) if kind == "log" else inside
    np.testing.assert_allclose(at, (scaled - scaled[0]) / (scaled[-1] - scaled[0]), atol=1e-12)
    np.testing.assert_allclose(back, inside, rtol=1e-9)
    values = [value for value, _ in marks]
    assert 2 <= len(values) <= 9
    assert values == sorted(values)
    room = 1e-3 * (high - low)
    assert low - room <= values[0] and values[-1] <= high + room


def test_the_marks_give_the_range(modules: Modules) -> None:
    marks = [
        {"type": "line", "points": [[1, -5, -9, -1], [10, None, None, None], [100, 2, None, None]]},
        {"type": "level", "y": 4},
    ]
    x, y = modules.call("xy_axes.js", "((a) => [a.x, a.y].map(({ low, high }) => [low, high]))(m.axesFor(v))", v=marks)
    assert x == [1, 100]
    assert y[0] == pytest.approx(-9 - 0.06 * 13)
    assert y[1] == pytest.approx(4 + 0.06 * 13)
    bars = [{"type": "histogram", "edges": [0, 1, 2], "counts": [3, 9]}]
    assert modules.call("xy_axes.js", "m.axesFor(v).y.low", v=bars) == 0
    given = modules.call("xy_axes.js", "((a) => [a.low, a.high])(m.axesFor(v, {}, { low: -2, high: 1 }).y)", v=marks)
    assert given == [-2, 1]
    assert modules.call("xy_axes.js", "m.axesFor([])") is None
    more = [{"type": "upright", "x": 3}, *bars]
    only = modules.call("xy_axes.js", "((a) => [a.low, a.high])(m.axesFor(v).x)", v=more)
    assert only == [0, 3]


def test_a_log_axis_leaves_out_what_has_no_place(modules: Modules) -> None:
    marks = [{"type": "line", "points": [[0, 1], [-4, 2], [5, 3], [50, 4]]}]
    found = modules.call("xy_axes.js", "((a) => [a.low, a.high])(m.axesFor(v, { kind: 'log' }).x)", v=marks)
    assert found == [5, 50]


def test_the_readout_says_the_nearest_point_of_each_mark(modules: Modules) -> None:
    marks = [
        {"type": "line", "points": [[1, -9], [10, -5, -6, -4], [100, -3]], "label": "a", "colour": "encoder"},
        {"type": "dots", "points": [[2, 7], [20, None], [40, 8]], "label": "b", "colour": "mu"},
        {"type": "level", "y": -2, "label": "c", "colour": "text"},
        {"type": "line", "points": [[9, 0]]},
    ]
    axes = "(await import('/xy_axes.js')).axesFor(v, { kind: 'log' })"
    lines = modules.call("xy.js", f"m.readoutAt(v, {axes}, 11)", v=marks)
    assert lines[0] == ["10", None]
    assert lines[1] == ["a: −5.00, −6.00 to −4.00", "encoder"]
    assert lines[2] == ["b: 8.00", "mu"]  # 40 is nearer to 11 than 2 is, on this axis
    assert lines[3] == ["c: −2.00", "text"]
    assert len(lines) == 4
    bins = {"edges": [0, 1, 2], "counts": [3, 9]}
    found = modules.call("xy.js", "[-1, 0, 0.5, 1, 2].map((x) => m.binAt(v, x)?.count ?? null)", v=bins)
    assert found == [None, 3, 3, 9, None]


# ---- the canvas


def drawn(modules: Modules, spec: dict[str, Any], points: list[list[float]], width: int = 500) -> list[list[int]]:
    """The strongest colours of a chart on white, within a pixel of places given in values of its axes."""
    return modules.call(
        "xy.js",
        """await (async () => {
            const chart = new m.XY({ label: "a", height: 200 }), paper = document.createElement("canvas");
            chart.element.style.width = width + "px";
            document.body.append(chart.element);
            chart.theme(colours);
            chart.show(spec);
            Object.assign(paper, { width: chart.canvas.width, height: chart.canvas.height });
            const context = paper.getContext("2d"), strength = (p) => Math.max(...p) - Math.min(...p);
            context.fillStyle = "#fff";
            context.fillRect(0, 0, paper.width, paper.height);
            context.drawImage(chart.canvas, 0, 0);
            return points.map(([x, y]) => {
                const [px, py] = [chart.scale.x(x), chart.scale.y(y)].map(Math.round), found = [];
                for (const i of [-1, 0, 1]) for (const j of [-1, 0, 1]) {
                    found.push([...context.getImageData(px + i, py + j, 1, 1).data].slice(0, 3));
                }
                return found.reduce((a, b) => (strength(b) > strength(a) ? b : a));
            });
        })()""",
        spec=spec, points=points, width=width, colours=COLOURS,
    )  # fmt: skip


def hue(pixel: list[int]) -> str:
    """Which of the colours of a test a pixel shows: a name, "faint" before it where it is hardly there, or "grey"."""
    strength = max(pixel) - min(pixel)
    if strength < 8:
        return "grey"
    names = {(True, False, False): "red", (False, False, True): "blue", (False, True, False): "green"}
    middle = (max(pixel) + min(pixel)) / 2
    name = names[pixel[0] > middle, pixel[1] > middle, pixel[2] > middle]
    return name if strength > 200 else f"faint {name}"


def test_a_line_and_its_band_stand_where_the_numbers_say(modules: Modules) -> None:
    points = [[1, 0, -2, 2], [10, 5, 3, 7], [100, 5, 4, 6]]
    spec = {"marks": [{"type": "line", "points": points, "colour": "encoder"}], "x": {"kind": "log"}}
    places: list[list[float]] = [[10, 5], [math.sqrt(10), 2.5], [10, 6.3], [10, 2.4], [100 / 1.1, 6.4]]
    line, middle, band, below, above = map(hue, drawn(modules, spec, places))
    assert line == middle == "red"  # straight on the logarithmic axis
    assert band == "faint red"
    assert below == above == "grey"


def test_histograms_bars_levels_and_uprights(modules: Modules) -> None:
    marks = [
        {"type": "histogram", "edges": [0, 1, 2, 4], "counts": [4, 0, 8], "colour": "encoder"},
        {"type": "level", "y": 6, "colour": "mu", "dash": False, "width": 3},
        {"type": "upright", "x": 1.5, "colour": "z", "dash": False, "width": 3},
    ]
    places: list[list[float]] = [[0.5, 3.5], [0.5, 4.5], [1.2, 0.4], [3.5, 7.5], [0.3, 6], [1.5, 3]]
    first, over, gap, last, level, upright = map(hue, drawn(modules, {"marks": marks}, places))
    assert first == last == "faint red"
    assert over == gap == "grey"
    assert (level, upright) == ("blue", "green")
    named = {"marks": [{"type": "bars", "points": [[0, 2], [1, -1]], "colour": "mu"}], "x": {"names": ["a", "b"]}}
    up, down, none = drawn(modules, named, [[0.1, 1.1], [1.1, -0.6], [1.1, 0.7]])
    assert up == down
    assert [hue(up), hue(none)] == ["faint blue", "grey"]


def test_a_line_breaks_where_a_value_is_missing(modules: Modules) -> None:
    spec = {"marks": [{"type": "line", "points": [[0, 1], [1, 1], [2, None], [3, 1], [4, 1]], "colour": "encoder"}]}
    found = drawn(modules, spec | {"y": {"low": 0, "high": 2.13}}, [[0.5, 1], [2.3, 1], [3.5, 1]])
    assert list(map(hue, found)) == ["red", "grey", "red"]


def test_a_chart_follows_its_size_and_stops(modules: Modules) -> None:
    widths = modules.call(
        "xy.js",
        """await (async () => {
            const chart = new m.XY({ label: "a" }), frame = () => new Promise((d) => setTimeout(d, 60)), seen = [];
            chart.element.style.width = "600px";
            document.body.append(chart.element);
            chart.theme(colours);
            chart.show({ marks: [{ type: "line", points: [[0, 1], [1, 2]], colour: "mu" }] });
            seen.push(chart.box.width);
            chart.element.style.width = "300px";
            await frame();
            seen.push(chart.box.width);
            chart.stop();
            chart.element.style.width = "200px";
            await frame();
            return [...seen, chart.box.width];
        })()""",
        colours=COLOURS,
    )
    assert widths[0] == widths[1] + 300
    assert widths[2] == widths[1]


def test_the_arrow_keys_read_point_after_point(modules: Modules) -> None:
    modules.call(
        "xy.js",
        """(() => {
            const chart = new m.XY({ label: "a", testid: "keys" });
            document.body.append(chart.element);
            chart.theme(colours);
            chart.show({ marks: [{ type: "line", points: [[1, 3], [2, 4], [3, 5]], colour: "mu", label: "a" }] });
        })()""",
        colours=COLOURS,
    )
    page, tip = modules.page, modules.page.get_by_role("status")
    page.get_by_test_id("keys").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append(tip.inner_text().split("\n")[1])
    assert [line.split()[1][0] for line in seen] == ["3", "4", "5", "5", "4"]
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_words_on_a_chart_are_text(modules: Modules) -> None:
    evil = "<img src=x onerror=window.evil=1>"
    modules.call(
        "xy.js",
        """(() => {
            const chart = new m.XY({ label: evil, testid: "evil" });
            document.body.append(chart.element);
            chart.theme(colours);
            chart.show({ marks: [{ type: "line", points: [[1, 3], [2, 4]], colour: "mu", label: evil }] });
            chart.point(100, 50);
        })()""",
        colours=COLOURS, evil=evil,
    )  # fmt: skip
    assert evil in modules.page.get_by_role("status").inner_text()
    assert modules.page.evaluate("[document.images.length, window.evil ?? null]") == [0, None]


# ---- what is drawn of estimates


def normal_weights(count: int = 4096, std: float = 1.3, truth: float = -90.0, seed: int = 0) -> np.ndarray:
    return truth - std**2 / 2 + std * np.random.default_rng(seed).standard_normal(count)


def estimate(method: str = "iwae", **changes: Any) -> dict[str, Any]:
    """An estimate as the page keeps it: a document's fields and one image's."""
    start: dict[str, Any] = {
        "method": method, "title": {"iwae": "IWAE", "grid": "Grid", "ais": "AIS"}.get(method, method),
        "kind": "exact" if method == "grid" else "lower bound", "counted": "draws of q", "samples": 1000, "asked": 1000,
        "complete": True, "seconds": 1.5, "decodings": 1000, "details": {}, "key": "test:3", "value": -90.5,
        "stderr": 0.12, "effective_sample_size": 312.4, "pareto_k": 0.41, "spread": 0.1, "warnings": [],
        "curve": [[1, -94.0, None, None], [100, -91.0, -92.0, -90.0], [1000, -90.5, -90.74, -90.26]],
        "nested": [[1, -94.0, 0.1], [10, -92.0, 0.2], [1000, -90.5, None]], "weights": None,
    }  # fmt: skip
    return start | changes


UNITS = "(await import('/bnd_units.js')).createUnits({ units, sign }, 784)"


@pytest.mark.parametrize(
    ("units", "sign", "factor"),
    [
        ("nats", "log p", 1),
        ("bits", "log p", 1 / math.log(2)),
        ("bits per dimension", "surprisal", -1 / 784 / math.log(2)),
    ],
)
def test_curves_follow_unit_and_sign(modules: Modules, units: str, sign: str, factor: float) -> None:
    one = estimate(method="refined", decodings=19_000)
    points, moved, nested = modules.call(
        "bnd_curve.js",
        f"""await (async () => {{
            const u = {UNITS}, n = await import("/bnd_nested.js"), clean = (rows) => rows.map((r) => r.map(
                (v) => Number.isFinite(v) ? v : null));
            return [clean(m.curvePoints(e, u, "draws")), clean(m.curvePoints(e, u, "evaluations")),
                    clean(n.nestedPoints(e, u))];
        }})()""",
        e=one, units=units, sign=sign,
    )  # fmt: skip
    for (x, y, low, high), (k, value, least, most) in zip(points, one["curve"], strict=True):
        assert (x, y) == (k, pytest.approx(value * factor))
        if least is None:
            assert (low, high) == (None, None)
        else:
            assert (low, high) == pytest.approx(tuple(sorted((least * factor, most * factor))))
            assert low <= y <= high
    assert [row[0] for row in moved] == [18_001, 18_100, 19_000]  # a fit comes before the first draw
    assert nested[1][1:] == pytest.approx([-92 * factor, *sorted([-92.2 * factor, -91.8 * factor])])
    assert nested[2][2] is None  # one block has no error


def test_chains_share_their_decoder_evaluations(modules: Modules) -> None:
    spent = modules.call("bnd_methods.js", "[1, 4, 8].map((k) => m.spentAt(e, k))",
                         e={"method": "ais", "samples": 8, "decodings": 16_000})  # fmt: skip
    assert spent == [2000, 8000, 16_000]


def test_the_picture_ends_where_the_answer_is(modules: Modules) -> None:
    elbo = {"value": -95.0, "stderr": 0.2}
    view = {"estimates": [estimate(), estimate("grid", value=-90.0, stderr=1e-8)], "best": None, "elbo": elbo}
    low, high = modules.call("bnd_curve.js", "m.aroundAnswer(v)", v=view)
    assert low == pytest.approx(-95 - 0.35 * 5)
    assert high == pytest.approx(-90 + 0.35 * 5)
    far = [estimate("prior", title="Prior", curve=[[1, -300, None, None], [9, -200, -210, -190]]), estimate()]
    assert modules.call("bnd_curve.js", "m.outside(e, [-97, -88])", e=far) == ["Prior"]
    alone = modules.call("bnd_curve.js", "m.aroundAnswer(v)", v=view | {"estimates": [], "elbo": None})
    assert alone is None


def test_the_exact_value_is_a_level_and_the_others_are_curves(modules: Modules) -> None:
    view = {"estimates": [estimate(), estimate("grid", value=-90.0, stderr=0.01)], "elbo": {"value": -95.0}}
    marks = modules.call("bnd_curve.js", f"m.curveMarks(v, {UNITS}, 'draws')", v=view, units="nats", sign="surprisal")
    assert [mark["type"] for mark in marks] == ["level", "level", "line"]
    elbo, grid, line = marks
    assert (elbo["y"], elbo["words"]) == (95, "U = −ELBO")
    assert (grid["y"], grid["words"], grid["colour"]) == (90, "Grid: exact", "text")
    assert (grid["low"], grid["high"]) == pytest.approx((90 - 0.0196, 90 + 0.0196))
    assert (line["label"], line["colour"]) == ("IWAE", "encoder")


def weights_of(log_weights: np.ndarray, bins: int = 40) -> dict[str, Any]:
    counts, edges = np.histogram(log_weights, bins)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "tail": None}


def test_the_outline_carries_the_weights(modules: Modules) -> None:
    log_weights = normal_weights()
    weights = weights_of(log_weights, 400)
    carried = np.asarray(modules.call("bnd_weights.js", "m.weightedCounts(w)", w=weights))
    assert carried.sum() == pytest.approx(len(log_weights))
    exact, _ = np.histogram(log_weights, weights["edges"], weights=np.exp(log_weights - log_weights.max()))
    np.testing.assert_allclose(carried / carried.sum(), exact / exact.sum(), atol=2e-3)
    middle = (np.asarray(weights["edges"][1:]) + weights["edges"][:-1]) / 2
    assert (carried * middle).sum() / carried.sum() == pytest.approx(-90 + 1.3**2 / 2, abs=0.15)  # moved up by var


@pytest.mark.parametrize("sign", ["log p", "surprisal"])
def test_weights_turn_with_the_sign(modules: Modules, sign: str) -> None:
    weights = {"edges": [-3.0, -2.0, 0.0, 1.0], "counts": [5, 3, 1], "tail": None}
    found = modules.call("bnd_weights.js", f"m.inUnits(w.edges, w.counts, {UNITS})", w=weights, units="nats", sign=sign)
    turned = sign == "surprisal"
    assert found["edges"] == ([-1, 0, 2, 3] if turned else weights["edges"])
    assert found["counts"] == ([1, 3, 5] if turned else [5, 3, 1])


def test_marks_of_the_weights(modules: Modules) -> None:
    tail = {"k": 0.4, "from": -88.0, "points": [[-88.0, 9.0], [-87.0, 0.0]]}
    one = estimate(weights=weights_of(normal_weights()) | {"tail": tail})
    marks = modules.call(
        "bnd_weights.js",
        f"m.weightMarks(e, {{ value: -92 }}, {UNITS}, 0.5).map((k) => [k.type, k.colour, k.x ?? null])",
        e=one, units="nats", sign="log p",
    )  # fmt: skip
    assert marks == [
        ["histogram", "encoder", None], ["histogram", "text", None], ["line", "gap", None], ["upright", "gap", -88],
        ["upright", "quiet", -92], ["upright", "text", -90.5],
    ]  # fmt: skip


def test_what_starts_far_away_does_not_flatten_the_others(modules: Modules) -> None:
    near, prior = estimate(), estimate("prior", nested=[[1, -400.0, 1.0], [1000, -150.0, 1.0]])
    found = modules.call("bnd_nested.js", "m.together([e, p], r).map(({ method }) => method)", e=near, p=prior,
                         r={"value": -90.0})  # fmt: skip
    assert found == ["iwae"]
    low, high = modules.call("bnd_nested.js", "m.nestedRange([e], r)", e=near, r={"value": -90.0})
    assert low < -94 and high > -90


# ---- sentences


def said(modules: Modules, expression: str, sign: str = "log p", units: str = "nats", **values: Any) -> str:
    return modules.call("bnd_estimate_words.js", expression.replace("UNITS", UNITS), units=units, sign=sign, **values)


VERDICT = "m.verdictWords({ estimates, best, elbo, units: UNITS, name: 'test image 3', settles })"


def verdict(modules: Modules, *estimates: dict[str, Any], **values: Any) -> str:
    elbo = {"value": -95.0, "stderr": 0.3}
    start = {"best": None, "elbo": elbo, "settles": None}
    return said(modules, VERDICT, estimates=list(estimates), **(start | values))


def test_the_verdict_names_the_estimator_of_the_gap(modules: Modules) -> None:
    text = verdict(modules, estimate())
    assert text == (
        "IWAE puts the log p(x) of test image 3 at −90.50 ± 0.12 nats. That puts the KL gap to the ELBO at 4.50 ± 0.32 "
        "nats."
    )
    turned = verdict(modules, estimate(), sign="surprisal")
    assert "IWAE puts the surprisal of test image 3 at 90.50 ± 0.12 nats" in turned
    assert "That puts the gap E = U − S at 4.50 ± 0.32 nats." in turned
    assert "Run an estimator" in verdict(modules)


def test_the_verdict_holds_estimates_against_the_exact_value(modules: Modules) -> None:
    grid = estimate("grid", value=-90.0, stderr=1e-9)
    text = verdict(modules, estimate(), estimate("ais", value=-90.02, stderr=0.05), grid)
    assert text.startswith("Grid gives the exact log p(x) of test image 3: −90 nats.")
    assert "AIS agrees with it within 2 standard errors; IWAE is 0.5 nats too low" in text
    turned = verdict(modules, estimate(), grid, sign="surprisal")
    assert "IWAE is 0.5 nats too high" in turned  # of the surprisal


def test_the_verdict_says_where_estimators_differ_and_what_is_doubtful(modules: Modules) -> None:
    bad = estimate("prior", value=-95.0, stderr=0.2, warnings=[{"code": "pareto", "text": WARNINGS["pareto"][2]}])
    text = verdict(modules, estimate(), bad, settles="Grid")
    assert "The estimators differ by up to 4.5 nats, more than their errors explain: Grid would settle it." in text
    assert "Do not trust the error bar of prior: see the warning." in text
    partly = estimate(warnings=[{"code": "partial", "text": "stopped"}])
    assert "trust" not in verdict(modules, partly)
    assert "differ" not in verdict(modules, estimate(), estimate("ais", value=-90.6, stderr=0.1))


@pytest.mark.parametrize(
    ("k", "words"),
    [(0.2, "a light tail"), (0.6, "rough but usable"), (0.71, "cannot be trusted"), (None, "No tail could be fitted")],
)
def test_pareto_k_in_words(modules: Modules, k: float | None, words: str) -> None:
    text = said(modules, "m.weightsWords(e)", e=estimate(pareto_k=k))
    assert text.startswith("IWAE: 1,000 draws of q count as much as 310 with equal weights")
    assert words in text


def test_the_curve_in_words(modules: Modules) -> None:
    text = said(modules, "m.curveWords([e], null, UNITS)", e=estimate())
    assert text.startswith("IWAE goes from −94 after 1 draw of q to −90.5 after 1,000 draws of q: up by 3.5 nats.")
    assert "below the truth" in text
    turned = said(modules, "m.curveWords([e], null, UNITS)", e=estimate(), sign="surprisal")
    assert "down by 3.5" in turned and "above the truth" in turned


def test_nested_bounds_in_words(modules: Modules) -> None:
    reference = {"method": "grid", "title": "Grid", "value": -90.0}
    text = said(modules, "m.nestedWords(e, r, UNITS)", e=estimate(), r=reference)
    assert text == (
        "The average bound of IWAE tightens by 3.5 nats from 1 draw (the ELBO of its q) to 1,000 draws. 0.5 nats are "
        "missing up to Grid."
    )
    near = said(modules, "m.nestedWords(e, r, UNITS)", e=estimate(), r=reference | {"value": -90.4})
    assert "Nothing measurable is missing up to Grid." in near
    passed = said(modules, "m.nestedWords(e, r, UNITS)", e=estimate(), r=reference | {"value": -91.0})
    assert "It has passed Grid by 0.5 nats: one of the two is not to be trusted." in passed


# ---- settings


def test_samples_must_be_a_whole_number_within_the_limits(modules: Modules) -> None:
    method = {"samples": 1000, "least": 1, "most": 1_000_000}
    fine = modules.call("bnd_methods.js", "[1, 500, 1e6].map((n) => m.samplesProblem(a, n))", a=method)
    assert fine == [None] * 3
    wrong = modules.call("bnd_methods.js", "[0, -1, 2.5, 1e9, NaN].map((n) => m.samplesProblem(a, n))", a=method)
    assert wrong == ["a whole number from 1 to 1,000,000, please"] * 5
    assert modules.call("bnd_methods.js", "m.samplesProblem({ samples: null }, null)") is None


OPTIONS = [{}, {"steps": 50}, {"steps": 2000}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dims", [1, 2])
def test_the_forecast_grows_as_the_registry_says(modules: Modules, options: dict[str, int], dims: int) -> None:
    model: Any = SimpleNamespace(latent_dim=dims)
    for name in ("prior", "iwae", "refined", "ais", "grid"):
        method = bounds.METHODS[name]
        assert method.samples is not None
        known = {key: value for key, value in options.items() if key in method.options}
        about = {"name": name, "samples": method.samples, "options": dict(method.options), "seconds_per_image": 0.2}
        usual = method.decodings(model, method.samples, method.options)
        for samples in (method.samples, 3 * method.samples):
            ratio = method.decodings(model, samples, {**method.options, **known}) / usual
            found = modules.call("bnd_methods.js", "m.forecast(a, samples, options, 4)", a=about | {"latent_dim": dims},
                                 samples=samples, options=known)  # fmt: skip
            assert found == pytest.approx(0.8 * ratio), name


def test_what_nobody_can_foresee_is_not_foreseen(modules: Modules) -> None:
    about: dict[str, Any] = {"name": "iwae", "samples": 5, "options": {}, "seconds_per_image": None}
    assert modules.call("bnd_methods.js", "m.forecast(a, 5, {}, 5)", a=about) is None
    about |= {"samples": None, "seconds_per_image": 2}
    assert modules.call("bnd_methods.js", "m.forecast(a, null, {}, 5)", a=about) == 10


def test_codes_that_are_shared_cost_further_images_less(modules: Modules) -> None:
    about = {"name": "grid", "samples": None, "options": {}, "seconds_per_image": 2, "growth": 0.05}
    assert modules.call("bnd_methods.js", "m.forecast(a, null, {}, 5)", a=about) == pytest.approx(2.4)


def test_the_exact_value_comes_by_itself_only_where_it_is_quick(modules: Modules) -> None:
    methods: list[dict[str, Any]] = [
        {"name": "iwae", "kind": "lower bound", "problem": None, "seconds_per_image": 0.1},
        {"name": "grid", "kind": "exact", "problem": None, "seconds_per_image": 1.0},
        {"name": "exact", "kind": "exact", "problem": "no", "seconds_per_image": 0.0},
    ]
    quick = "m.quickTruth({ methods: a })?.name ?? null"
    assert modules.call("bnd_estimators.js", quick, a=methods) == "grid"
    methods[1]["seconds_per_image"] = 20.0
    assert modules.call("bnd_estimators.js", quick, a=methods) is None
    methods[1]["seconds_per_image"] = None
    assert modules.call("bnd_estimators.js", quick, a=methods) is None


# ---- runs and the panel, with an app that answers as it is told

ABOUT = {
    "methods": [
        {"name": "iwae", "title": "IWAE", "words": "draws of q", "kind": "lower bound", "counted": "draws of q",
         "samples": 1000, "least": 1, "most": 100_000, "options": {}, "problem": None, "seconds_per_image": 0.5},
        {"name": "ais", "title": "AIS", "words": "chains", "kind": "lower bound", "counted": "chains", "samples": 8,
         "least": 1, "most": 100, "options": {"steps": 200, "start": "q"}, "problem": None, "seconds_per_image": 40},
        {"name": "enumeration", "title": "All codes", "words": "", "kind": "exact", "counted": "codes",
         "samples": None, "least": 1, "most": 1, "options": {}, "problem": "the codes are not binary",
         "seconds_per_image": None},
    ],
}  # fmt: skip

PANEL = """
    const { createFound } = await import("/bnd_state.js"), { createState } = await import("/page_state.js");
    const { createUnits } = await import("/bnd_units.js");
    const { estimators } = await import("/bnd_estimators.js");
    const state = createState({ images: ["test:3", "test:4"], active: "test:3" }), asked = [], cancelled = [];
    const terms = { value: -95, stderr: 0.3, n: 64, kind: "lower bound", over: "samples of q" };
    const images = new Map(state.images.map((key) => [key, { key, title: key, elbo: terms }]));
    const { title, kind, seconds, decodings, details, ...image } = one, counts = { ais: "chains", iwae: "draws of q" };
    for (const name of ["method", "counted", "samples", "asked", "complete"]) delete image[name];
    const documentOf = (body, samples, complete) => ({
        method: body.method, title, kind, counted: counts[body.method], samples, asked: body.samples, complete, seconds,
        decodings, details, mean: { value: -91, stderr: 0.2 },
        images: body.images.map((key, i) => ({ ...image, key, value: one.value - i })) });
    const app = { steps: 0, fail: null, stopped: false, open: 0, most: 0 };
    const jobs = { async untilDone(route, what, body, { onProgress, signal, again }) {
        asked.push([route, body, again]);
        app.most = Math.max(app.most, ++app.open);
        try {
            for (let i = 1; i <= app.steps && !app.stopped; i++) {
                onProgress({ job: "j1", fraction: i / 100, text: "drawing", partial: documentOf(body, i, false) });
                await new Promise((done) => setTimeout(done, 15));
                if (signal?.aborted) throw new (await import("/jobs.js")).Withdrawn(what);
            }
            if (app.fail) throw Object.assign(new Error(app.fail.text), { status: app.fail.status });
            return new Response(JSON.stringify(documentOf(body, app.stopped ? 3 : body.samples, !app.stopped)));
        } finally { app.open--; }
    } };
    const ctx = {
        model: { name: "m", digest }, about, state, units: createUnits(state, 784), found: createFound(), images, jobs,
        ask: async (route, what, body) => { cancelled.push([route, body]); app.stopped = true; },
        question: (extra) => ({ model: "m", images: state.images, seed: state.seed, ...extra }), notice() {},
    };
    const open = () => { const panel = estimators(ctx); document.body.append(panel.element);
                         panel.theme(colours, "light"); return panel; };
    window.lab = { ctx, app, asked, cancelled, panel: open(), open };
"""


@pytest.fixture
def lab(modules: Modules, request: pytest.FixtureRequest) -> Iterator[Modules]:
    """The panel in the page with an app of the test's own; window.lab has all of its parts."""
    digest = request.node.name
    modules.call("dom.js", f"await (async () => {{ {PANEL} }})()", one=estimate(), about=ABOUT, digest=digest,
                 colours=COLOURS)  # fmt: skip
    yield modules
    modules.page.evaluate("window.lab.panel.stop()")


def row(lab: Modules, name: str) -> Any:
    return lab.page.get_by_test_id(f"estimator-{name}")


def settle(lab: Modules, name: str) -> None:
    lab.page.wait_for_function(
        "(name) => document.querySelector(`[data-method=${name}]`).getAttribute('aria-busy') === 'false'", arg=name
    )
    lab.page.wait_for_timeout(80)


def press(lab: Modules, words: str) -> None:
    lab.page.get_by_role("button", name=words, exact=True).click()


def asked(lab: Modules) -> list[Any]:
    return lab.page.evaluate("window.lab.asked.map(([route, body]) => body)")


def test_a_run_fills_its_row(lab: Modules) -> None:
    assert row(lab, "iwae").locator(".cell-1").inner_text() == "–"
    assert "does not apply: the codes are not binary" in row(lab, "enumeration").inner_text()
    lab.page.get_by_label("IWAE: number of draws of q").fill("2000")
    assert "about 2 s" in row(lab, "iwae").inner_text()  # 0.5 s x 2 images x 2
    press(lab, "Run IWAE")
    settle(lab, "iwae")
    assert asked(lab) == [
        {"model": "m", "images": ["test:3", "test:4"], "seed": 0, "method": "iwae", "samples": 2000, "options": {}}
    ]
    text = row(lab, "iwae").inner_text()
    for part in ("−90.50 ± 0.12", "lower bound", "4.50 ± 0.32", "2,000 draws of q", "ESS 312, k 0.41", "1.5 s", "none"):
        assert part in text
    assert "−95.00 ± 0.30" in row(lab, "elbo").inner_text()
    assert "IWAE puts the log p(x) of test:3" in lab.page.get_by_test_id("estimators-words").inner_text()
    assert "Mean over these 2 images" in lab.page.get_by_test_id("bounds-means").inner_text()
    assert lab.page.evaluate("window.lab.ctx.found.of('iwae', 'test:4').value") == -91.5


def test_switches_are_instant_and_ask_nobody(lab: Modules) -> None:
    press(lab, "Run IWAE")
    settle(lab, "iwae")
    before = len(asked(lab))
    lab.page.evaluate("window.lab.ctx.state.set({ units: 'bits', sign: 'surprisal' })")
    lab.page.wait_for_timeout(100)
    text = row(lab, "iwae").inner_text()
    assert f"{90.5 / math.log(2):.2f} ± 0.17" in text
    assert "upper bound" in text
    gap = row(lab, "iwae").locator(".cell-2").inner_text()
    assert gap == f"{4.5 / math.log(2):.2f} ± 0.47"  # it keeps its sign
    lab.page.evaluate("window.lab.ctx.state.set({ active: 'test:4' })")
    lab.page.wait_for_timeout(100)
    assert f"{91.5 / math.log(2):.2f}" in row(lab, "iwae").inner_text()
    assert len(asked(lab)) == before


@pytest.mark.parametrize("wrong", ["0", "-1", "2.5", "1000000000", ""])
def test_bad_numbers_of_samples_are_refused_in_words(lab: Modules, wrong: str) -> None:
    lab.page.get_by_label("IWAE: number of draws of q").fill(wrong)
    press(lab, "Run IWAE")
    assert "a whole number from 1 to 100,000, please" in row(lab, "iwae").get_by_role("alert").inner_text()
    assert asked(lab) == []


def test_options_are_sent_and_checked(lab: Modules) -> None:
    press(lab, "Options of AIS")
    lab.page.get_by_label("AIS: steps").fill("2.5")
    press(lab, "Run AIS")
    assert "steps: a whole number from 1 to 100,000, please" in row(lab, "ais").get_by_role("alert").inner_text()
    lab.page.get_by_label("AIS: steps").fill("50")
    lab.page.get_by_label("AIS: chains start at").select_option("prior")
    lab.page.get_by_label("AIS: number of chains").press("Enter")
    settle(lab, "ais")
    assert [(body["samples"], body["options"]) for body in asked(lab)] == [(8, {"steps": 50, "start": "prior"})]


def test_all_that_apply_run_one_after_the_other(lab: Modules) -> None:
    lab.page.evaluate("window.lab.app.steps = 20")
    press(lab, "Run all that apply")
    row(lab, "ais").get_by_role("button", name="Cancel AIS").wait_for()
    settle(lab, "ais")
    assert [body["method"] for body in asked(lab)] == ["iwae", "ais"]
    assert lab.page.evaluate("window.lab.app.most") == 1


def test_one_that_waits_is_dropped_without_a_question(lab: Modules) -> None:
    lab.page.evaluate("window.lab.app.steps = 60")
    press(lab, "Run all that apply")
    press(lab, "Cancel AIS")
    settle(lab, "iwae")
    lab.page.wait_for_timeout(100)
    assert [body["method"] for body in asked(lab)] == ["iwae"]
    assert lab.page.evaluate("window.lab.cancelled") == []


def test_a_run_shows_its_progress_and_when_cancelled_keeps_what_it_has(lab: Modules) -> None:
    lab.page.evaluate("window.lab.app.steps = 400")
    press(lab, "Run IWAE")
    lab.page.wait_for_function("document.querySelector('[data-method=iwae] .cell-3').textContent.includes('draws')")
    assert "still running" in row(lab, "iwae").inner_text()
    assert row(lab, "iwae").get_by_role("progressbar").get_attribute("aria-valuenow") is not None
    lab.page.evaluate("void window.lab.ctx.found.subscribe(() => { window.lab.told = true; })")
    press(lab, "Cancel IWAE")
    settle(lab, "iwae")
    assert lab.page.evaluate("window.lab.cancelled") == [["jobs/cancel", {"job": "j1"}]]
    text = row(lab, "iwae").inner_text()
    assert "3 draws of q" in text
    assert "still running" not in text
    assert lab.page.evaluate("window.lab.told") is True


def test_a_failure_is_one_line_and_the_next_run_begins_anew(lab: Modules) -> None:
    lab.page.evaluate("window.lab.app.fail = { text: 'IWAE: out of memory', status: 422 }")
    press(lab, "Run IWAE")
    settle(lab, "iwae")
    assert row(lab, "iwae").get_by_role("alert").inner_text() == "IWAE: out of memory"
    lab.page.evaluate("window.lab.app.fail = null")
    press(lab, "Run IWAE")
    settle(lab, "iwae")
    assert row(lab, "iwae").get_by_role("alert").count() == 0


def test_who_comes_back_finds_results_and_settings_and_what_was_running(lab: Modules) -> None:
    press(lab, "Run IWAE")
    settle(lab, "iwae")
    lab.page.get_by_label("AIS: number of chains").fill("16")
    lab.page.evaluate("window.lab.app.steps = 400")
    press(lab, "Run AIS")
    lab.page.wait_for_timeout(60)
    lab.page.evaluate(
        """async () => {
            const { lab } = window;
            lab.panel.stop();
            document.body.replaceChildren();
            await new Promise((done) => setTimeout(done, 60));
            lab.app.steps = 1;
            lab.panel = lab.open();
        }"""
    )
    assert "−90.50 ± 0.12" in row(lab, "iwae").inner_text()
    assert lab.page.get_by_label("AIS: number of chains").input_value() == "16"
    settle(lab, "ais")
    assert "16 chains" in row(lab, "ais").inner_text()
    assert [body["method"] for body in asked(lab)] == ["iwae", "ais", "ais"]
    again = lab.page.evaluate("window.lab.asked.map(([route, body, again]) => again)")
    assert again == [True, True, False]  # who comes back takes what is under way, who presses Run begins anew
    assert lab.page.evaluate("window.lab.cancelled") == []


@pytest.mark.parametrize(("status", "told"), [(409, False), (422, True)])
def test_a_run_that_ends_without_an_answer_runs_no_more(lab: Modules, status: int, told: bool) -> None:
    lab.page.evaluate("Object.assign(window.lab.app, { steps: 400 })")
    press(lab, "Run IWAE")
    lab.page.wait_for_function("document.querySelector('[data-method=iwae] .cell-3').textContent.includes('draws')")
    lab.page.evaluate("(status) => { window.lab.app.fail = { text: 'over', status }; }", status)
    press(lab, "Cancel IWAE")
    settle(lab, "iwae")
    assert row(lab, "iwae").get_by_role("alert").count() == int(told)
    assert ("cancelled before there was a value" in row(lab, "iwae").inner_text()) is not told
    assert "still running" not in row(lab, "iwae").inner_text()


def test_who_presses_twice_asks_once(lab: Modules) -> None:
    lab.page.evaluate("window.lab.app.steps = 10")
    field = lab.page.get_by_label("IWAE: number of draws of q")
    field.press("Enter")
    field.press("Enter")
    settle(lab, "iwae")
    assert len(asked(lab)) == 1


def test_another_seed_forgets_results_of_the_one_before(lab: Modules) -> None:
    press(lab, "Run IWAE")
    settle(lab, "iwae")
    lab.page.evaluate("window.lab.ctx.found.of = () => null; window.lab.ctx.state.set({ seed: 5 })")
    lab.page.wait_for_timeout(100)
    assert row(lab, "iwae").locator(".cell-1").inner_text() == "–"


def test_what_others_found_out_stands_in_the_table_too(lab: Modules) -> None:
    quick = estimate(samples=100) | {"images": [estimate(samples=100)]}
    lab.page.evaluate("(quick) => window.lab.ctx.found.put(quick)", quick)
    lab.page.wait_for_timeout(100)
    assert "100 draws of q" in row(lab, "iwae").inner_text()


def test_warnings_are_badges_with_their_words(lab: Modules) -> None:
    changes: dict[str, Any] = {"pareto_k": 0.92, "effective_sample_size": 12.3, "spread": 0.4}
    warnings = [{"code": code, "text": words} for code, (_, _, words) in WARNINGS.items()]
    quick = estimate(**changes) | {"images": [estimate(warnings=warnings, **changes)]}
    lab.page.evaluate("(quick) => window.lab.ctx.found.put(quick)", quick)
    lab.page.wait_for_timeout(100)
    assert row(lab, "iwae").locator(".badge").all_inner_texts() == ["! Pareto k 0.92", "! ESS 12", "! spread 0.4"]
    lines = lab.page.get_by_test_id("warning-lines").inner_text()
    for _, _, words in WARNINGS.values():
        assert f"! IWAE: {words}." in lines


def test_a_bound_below_the_elbo_shows_no_gap(lab: Modules) -> None:
    low = estimate(value=-120.0)
    lab.page.evaluate("(low) => window.lab.ctx.found.put(low)", low | {"images": [low]})
    lab.page.wait_for_timeout(100)
    assert row(lab, "iwae").locator(".cell-2").inner_text() == "none: below the ELBO"
