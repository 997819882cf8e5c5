"""The Gradients page's panels about a model (table, histograms, cloud, sweeps): numbers, words, what one sees."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser import gradient_answers as made
from tests.browser.modules import Modules

Show = Callable[..., Any]


# ---- numbers


def test_variances_at_a_price(modules: Modules) -> None:
    rows = [made.row("pathwise"), made.row("score_function")]
    found = modules.call(
        "grd_numbers.js",
        "rows.map((row) => ['estimate', 'evaluations', 'seconds'].map((price) => m.varianceOf(row, part, price)))",
        rows=rows, part="loc",
    )  # fmt: skip
    for row, prices in zip(rows, found, strict=True):
        for factor, one in zip((1, row["evaluations"], row["seconds"]), prices, strict=True):
            third = row["variance"]["total"]["value"] * 2 / 3
            expected = {"value": third * factor, "low": 0.9 * third * factor, "high": 1.1 * third * factor}
            assert one == pytest.approx(expected)
    none = made.row("pathwise", 0.0) | {"per_evaluation": 0.0}
    assert modules.call("grd_numbers.js", "m.varianceOf(none, 'total', 'evaluations').value", none=none) == 0
    lost = made.row("pathwise") | {"per_second": None}
    assert modules.call("grd_numbers.js", "m.varianceOf(lost, 'total', 'seconds')", lost=lost) is None
    assert modules.call("grd_numbers.js", "m.varianceOf(lost, 'layer 1', 'estimate')", lost=lost) is None


def test_the_order_of_rows(modules: Modules) -> None:
    rows = [made.row("pathwise"), made.row("score_function", cosine_of_one=None), made.row("iwae", cosine_of_one=0.4)]
    script = "m.sorted(rows, sort, { part: 'total', price }).map(({ estimator }) => estimator)"

    def order(column: str, down: bool, price: str = "estimate") -> list[str]:
        return modules.call("grd_numbers.js", script, rows=rows, sort={"column": column, "down": down}, price=price)

    assert order("variance", False) == ["iwae", "pathwise", "score_function"]
    assert order("variance", True) == ["score_function", "pathwise", "iwae"]
    assert order("cosine", True) == ["iwae", "pathwise", "score_function"]
    assert order("cosine", False) == ["pathwise", "iwae", "score_function"], "who has no number stands last"
    assert order("title", False) == ["iwae", "pathwise", "score_function"]
    cheap = [made.row("pathwise", 3.0), made.row("leave_one_out", 4.0)]  # 18 and 8 at equal evaluations
    assert modules.call("grd_numbers.js", script, rows=cheap, sort={"column": "variance", "down": False},
                        price="evaluations") == ["leave_one_out", "pathwise"]  # fmt: skip


def test_bars_are_logarithmic(modules: Modules) -> None:
    found = [{"value": v, "low": v / 2, "high": v * 2} for v in (0.5, 30.0, 1e4)] + [None]
    low, high = modules.call("grd_numbers.js", "m.barRange(found)", found=found)
    assert (low, high) == (-1, 5)
    places = modules.call("grd_numbers.js", "v.map((one) => m.onBar(one, [low, high]))", v=[0, 0.5, 30, 1e4, 1e9],
                          low=low, high=high)  # fmt: skip
    assert places == pytest.approx([0, *((np.log10([0.5, 30, 1e4]) + 1) / 6), 1])
    assert modules.call("grd_numbers.js", "m.barRange([{ value: 0, low: 0, high: 0 }])") is None


def test_heights_do_not_depend_on_the_width_of_bins(modules: Modules) -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    edges = np.array([-3, -2, -1.5, -1, 0, 0.25, 0.5, 1, 3])
    counts = np.histogram(values, edges)[0]
    found = modules.call("grd_histogram_marks.js", "m.heights({ edges, counts })", edges=edges.tolist(),
                         counts=counts.tolist())  # fmt: skip
    density = counts / np.diff(edges)
    assert found == pytest.approx(density / density.max())


def test_the_axis_of_the_histograms_holds_the_truth(modules: Modules) -> None:
    series = made.histogram()["series"]
    script = "m.rangeOf(series, truth, zoom)"
    wide = modules.call("grd_histogram_marks.js", script, series=series, truth=1.5, zoom="wide")
    narrow = modules.call("grd_histogram_marks.js", script, series=series, truth=1.5, zoom="narrow")
    assert wide[0] < -100 and wide[1] > 100
    assert -1 < narrow[0] < 0.5 and 2.5 < narrow[1] < 4
    beside = modules.call("grd_histogram_marks.js", script, series=series, truth=40, zoom="narrow")
    assert beside[1] > 40
    assert modules.call("grd_histogram_marks.js", script, series=[], truth=None, zoom="wide") is None


def test_windows_of_clouds(modules: Modules) -> None:
    found = made.cloud()
    script = "m.windowOf(clouds, [exact], zoom)"
    for zoom, reach in (("wide", 40), ("narrow", 1.5), ("exact", 2.5)):
        u0, u1, v0, v1 = modules.call("grd_arrows.js", script, clouds=found["clouds"], exact=[1, 2], zoom=zoom)
        assert u0 < 0 < 1 < u1 and v0 < 0 < 2 < v1
        assert reach / 2 < (u1 - u0) / 2 < 3 * reach, zoom
    aside = modules.call("grd_arrows.js", script, clouds=found["clouds"][:1], exact=[9, -7], zoom="narrow")
    assert aside[1] > 9 and aside[2] < -7, "an exact gradient beside its cloud is a bias to be seen"
    points = np.array(found["clouds"][1]["points"])
    inside = (np.abs(points) < 10).all(1)
    out = modules.call("grd_arrows.js", "m.outsideOf(points, [-10, 10, -10, 10])", points=points.tolist())
    assert out == (~inside).sum()


def test_who_points_uphill(modules: Modules) -> None:
    points = np.random.default_rng(1).normal(size=(500, 2))
    share = modules.call("grd_cloud_words.js", "m.uphill(points, [1, 2])", points=points.tolist())
    assert share == pytest.approx((points @ [1, 2] > 0).mean())
    angles = modules.call(
        "grd_cloud_words.js", "[m.angle([1, 0], [0, 2]), m.angle([1, 1], [3, 3]), m.angle([1, 0], [-1, 1])]"
    )
    assert angles == pytest.approx([90, 0, 135], abs=1e-5)
    head = modules.call("grd_arrows.js", "m.headOf([0, 0], [10, 0], 4)")
    assert np.ravel(head) == pytest.approx([10, 0, 6, 1.68, 6, -1.68])
    assert modules.call("grd_arrows.js", "m.headOf([5, 5], [5, 5.2], 4)") is None


def test_zeros_have_no_place_on_a_logarithmic_axis(modules: Modules) -> None:
    points = [[1, 0.5, 0.2, 0.8], [2, 0.1, 0, 0.4], [4, 0, 0, 0.3]]
    script = "((f) => [f, m.risen(p, f).map((q) => q.map(String))])(m.footOf([p]))"
    foot, risen = modules.call("grd_sweep_marks.js", script, p=points)
    assert foot == pytest.approx(0.1 / 1.5)
    assert risen[0] == ["1", "0.5", "0.2", "0.8"]
    assert float(risen[1][2]) == pytest.approx(foot)
    assert risen[2][1:] == ["NaN"] * 3


@pytest.mark.parametrize(
    ("text", "values"),
    [("1, 2, 4", [1, 2, 4]), ("0.1 1e2;-3", [0.1, 100, -3]), ("−2", [-2]), ("", None), ("1, two", None)],
)
def test_lists_of_values(modules: Modules, text: str, values: list[float] | None) -> None:
    assert modules.call("grd_fields.js", "m.valuesOf(text)", text=text) == values


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.012"), (4321, "4,300"), (-1250, "−1,300"), (1.25e6, "1.3·10⁶"), (9.96e-5, "1·10⁻⁴"), (0, "0")],
)
def test_figures_in_running_text(modules: Modules, value: float, text: str) -> None:
    assert modules.call("grd_words.js", "m.rough(value)", value=value) == text


def test_estimators_that_meet_have_colours_of_their_own(modules: Modules) -> None:
    from vaeexplorer.gradients import ESTIMATORS

    for latents in ("gaussian", "bernoulli"):
        names = [name for name, one in ESTIMATORS.items() if latents in one.latents]
        for theme in ("light", "dark"):
            colours = modules.call(
                "grd_looks.js", "names.map((name) => m.colourOf(name, theme))", names=names, theme=theme
            )
            assert len(set(colours)) == len(names)


# ---- panels


@pytest.fixture
def show(page: Any, address: str) -> Show:
    """A function that shows panels: show("table", theme="dark", answers={...}, about={...}) -> the first panel."""

    def start(*panels: str, theme: str = "light", digest: str = "d0", **context: Any) -> Any:
        if page.url != f"{address}/":
            page.goto(address)
        answers = made.answers() | context.pop("answers", {})
        about = context.pop("about", None) or made.about()
        images = context.pop("images", ["test:3", "test:8"])
        page.evaluate(made.HARNESS, {"theme": theme, "panels": list(panels), "answers": answers, "about": about,
                                     "images": images, "digest": digest})  # fmt: skip
        return page.get_by_test_id(f"gradients-{panels[0]}")

    return start


def asked(page: Any, route: str) -> list[dict[str, Any]]:
    return [one[1] for one in page.evaluate("window.asked") if one[0] == route]


def last(page: Any, route: str, fits: str) -> dict[str, Any]:
    """The newest question to a route, once it fits; fields that were filled one by one may have asked before."""
    script = f"(route) => ({fits})(window.asked.filter(([other]) => other === route).at(-1)[1])"
    page.wait_for_function(script, arg=route)
    return asked(page, route)[-1]


def says(page: Any, panel: str, text: str) -> None:
    page.get_by_test_id(f"{panel}-words").get_by_text(text).wait_for(timeout=5000)


def rows(page: Any) -> list[str]:
    return page.locator("[data-estimator]").evaluate_all("(all) => all.map((one) => one.dataset.estimator)")


def colours(page: Any, testid: str) -> set[tuple[int, ...]]:
    """The solid colours that a canvas shows."""
    script = """(c) => { const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height), seen = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add(data.slice(i, i + 3).join());
        return [...seen]; }"""
    return {tuple(int(v) for v in text.split(",")) for text in page.get_by_test_id(testid).evaluate(script)}


def test_the_table_fills_by_itself_and_can_be_sorted(page: Any, show: Show) -> None:
    panel = show("table")
    says(
        page, "table", "Sticking the landing varies the least of the unbiased estimators; score function varies 21,000"
    )
    fitting = ["pathwise", "sticking_the_landing", "score_function", "leave_one_out", "iwae", "doubly_reparameterized"]
    assert asked(page, "gradients/diagnose") == [
        {"model": "tiny/one", "images": ["test:3"], "seed": 0, "estimators": fitting, "samples": 2,
         "replicates": 2000, "target": "outputs"}
    ]  # fmt: skip
    assert rows(page) == ["doubly_reparameterized", "sticking_the_landing", "iwae", "pathwise", "leave_one_out",
                          "score_function"]  # fmt: skip
    text = page.get_by_test_id("gradient-score_function").inner_text()
    for part in ("10,300", "9,200 to 11,000", "21,000 ×", "0.3", "0.210", "none seen", "|z| 2.1, limit 4.5", "1.5 s"):
        assert part in text
    panel.get_by_role("button", name="estimator", exact=True).click()
    assert rows(page)[0] == "doubly_reparameterized" and rows(page)[-1] == "sticking_the_landing"
    panel.get_by_role("button", name="variance", exact=True).click()
    panel.get_by_role("button", name="variance", exact=True).click()
    assert rows(page)[0] == "score_function"
    assert panel.locator("[aria-sort=descending]").inner_text() == "variance"
    assert "2 do not apply here" in panel.inner_text()
    panel.get_by_text("2 do not apply here").click()
    assert "DisARM – needs bits" in panel.inner_text()


def test_looking_otherwise_at_the_table_asks_nobody(page: Any, show: Show) -> None:
    panel = show("table")
    row = page.get_by_test_id("gradient-pathwise")
    row.wait_for()
    panel.get_by_role("button", name="equal evaluations").click()
    assert "15" in row.inner_text()  # 2.5 x 6
    says(page, "table", "at equal decoder evaluations; score function varies 21,000 times")
    panel.get_by_role("button", name="equal time").click()
    assert "3.75" in row.inner_text()  # 2.5 x 1.5 s
    panel.get_by_role("button", name="one estimate").click()
    page.get_by_test_id("table-part").select_option("log_scale")
    assert "0.833" in row.inner_text()
    assert len(asked(page, "gradients/diagnose")) == 1


def test_another_question_is_asked(page: Any, show: Show) -> None:
    show("table")
    page.get_by_test_id("gradient-pathwise").wait_for()
    page.get_by_test_id("table-target").select_option("encoder")
    page.get_by_test_id("table-images").select_option("all")
    page.get_by_test_id("table-samples").fill("1")
    page.get_by_test_id("table-samples").press("Enter")
    body = last(page, "gradients/diagnose", "(body) => body.samples === 1 && body.target === 'encoder'")
    assert body["images"] == ["test:3", "test:8"]
    assert "leave_one_out" not in body["estimators"]
    panel = page.get_by_test_id("gradients-table")
    panel.get_by_text("3 do not apply here").click()
    assert "leave one out – needs S of at least 2" in panel.inner_text()
    assert panel.get_by_test_id("table-target").locator("option").count() == 2  # what does not apply is not offered


@pytest.mark.parametrize(
    ("field", "value"), [("samples", "0"), ("samples", "1.5"), ("replicates", "1"), ("samples", "")]
)
def test_numbers_that_make_no_sense_are_refused(page: Any, show: Show, field: str, value: str) -> None:
    panel = show("table")
    page.get_by_test_id("gradient-pathwise").wait_for()
    page.get_by_test_id(f"table-{field}").fill(value)
    panel.get_by_role("button", name="Measure all estimators").click()
    assert "a whole number from" in panel.get_by_role("alert").inner_text()
    assert len(asked(page, "gradients/diagnose")) == 1


def test_bits_have_a_temperature(page: Any, show: Show) -> None:
    about = made.about("bernoulli")
    next(one for one in about["estimators"] if one["name"] == "gumbel_softmax")["options"] = {"temperature": 0.5}
    found = made.diagnosed([made.row("leave_one_out"), made.row("gumbel_softmax", 1.0)])
    panel = show("table", about=about, answers={"gradients/diagnose": found})
    page.get_by_test_id("gradient-gumbel_softmax").wait_for()
    assert asked(page, "gradients/diagnose")[0]["options"] == {"temperature": 0.5}
    page.get_by_test_id("table-temperature").fill("0")
    panel.get_by_role("button", name="Measure all estimators").click()
    assert panel.get_by_role("alert").inner_text().startswith("Temperature: a number above 0, please.")
    page.get_by_test_id("table-temperature").fill("0.1")
    page.get_by_test_id("table-temperature").press("Enter")
    last(page, "gradients/diagnose", "(body) => body.options.temperature === 0.1")


def test_bias_is_said_in_words(page: Any, show: Show) -> None:
    off = {"largest_z": 31.0, "limit": 3.9, "biased": True}
    found = made.diagnosed([
        made.row("pathwise"), made.row("gumbel_softmax", 0.1, bias=off), made.row("score_function", bias=off),
        made.row("leave_one_out", warnings=["few replicates"]), made.row("iwae", warnings=["few replicates"]),
    ])  # fmt: skip
    panel = show("table", answers={"gradients/diagnose": found})
    says(page, "table", "Gumbel-softmax is wrong on average: its mean misses a large reference sample")
    says(page, "table", "The mean of score function should be right and is not: do not trust this row.")
    assert page.get_by_test_id("gradient-gumbel_softmax").locator(".grd-badge").all_inner_texts() == ["biased", "seen"]
    assert "! off" in page.get_by_test_id("gradient-score_function").inner_text()
    assert "! leave one out; importance weighted: few replicates" in panel.inner_text()


def test_warnings_of_many_rows_are_one_line(modules: Modules) -> None:
    warned = {"pathwise": ["8 of q's parameters hang", "too few"], "iwae": ["13 of q's parameters hang"],
              "score_function": ["too few"]}  # fmt: skip
    found = [made.row(name, warnings=warnings) for name, warnings in warned.items()]
    lines = modules.call("grd_table_rows.js", "m.doubtLines(found)", found=found)
    assert lines == ["pathwise: 8; importance weighted: 13 of q's parameters hang", "pathwise; score function: too few"]
    same = [made.row(name, warnings=["8 of q's parameters hang"]) for name in warned]
    lines = modules.call("grd_table_rows.js", "m.doubtLines(same)", same=same)
    assert lines == ["all of them: 8 of q's parameters hang"]


def test_with_several_images_the_minibatch_has_a_column(page: Any, show: Show) -> None:
    found = made.diagnosed([made.row("pathwise", minibatch={"sampling": 1.0, "images": 3.0}),
                            made.row("score_function")], images=2)  # fmt: skip
    panel = show("table", answers={"gradients/diagnose": found})
    page.get_by_test_id("gradient-pathwise").wait_for()
    assert "75 %" in page.get_by_test_id("gradient-pathwise").inner_text()
    assert panel.get_by_role("columnheader", name="from the images").is_visible()
    assert "mean over 2 images" in page.get_by_test_id("table-caption").inner_text()


def test_the_table_as_a_file(page: Any, show: Show) -> None:
    panel = show("table")
    page.get_by_test_id("gradient-pathwise").wait_for()
    with page.expect_download() as caught:
        panel.get_by_role("button", name="Download the table as CSV").click()
    assert caught.value.suggested_filename == "tiny-one-gradients.csv"
    lines = list(csv.DictReader(io.StringIO(Path(caught.value.path()).read_text())))
    assert [line["estimator"] for line in lines] == list(made.VARIANCE)
    score = lines[2]
    assert float(score["variance total"]) == 10250 and float(score["variance loc"]) == pytest.approx(10250 * 2 / 3)
    assert (score["biased"], score["largest z"], score["cosine of one"]) == ("false", "2.1", "0.21")


def test_partial_results_cancel_and_coming_back(page: Any, show: Show) -> None:
    part = made.diagnosed([made.row("pathwise"), made.row("score_function", replicates=400, warnings=["so few"])],
                          complete=False)  # fmt: skip
    partials = {"gradients/diagnose partials": [part, part]}
    page.add_init_script("window.hold = true")
    panel = show("table", answers=partials)
    text = page.get_by_test_id("gradient-score_function")
    text.wait_for()
    assert "400 so far" in text.inner_text() and "so few" not in panel.inner_text()
    assert panel.get_by_role("progressbar").is_visible()
    page.wait_for_function("Boolean(window.release)")
    page.evaluate("window.panels.forEach((one) => one.stop()); window.hold = false; window.release()")
    assert not asked(page, "jobs/cancel"), "who leaves lets it run"
    first = asked(page, "gradients/diagnose")
    page.evaluate("window.hold = true; window.release = null")
    show("table", answers=partials)
    page.wait_for_function("Boolean(window.release)")
    assert asked(page, "gradients/diagnose") == first, "the same question, taken up again"
    assert page.evaluate("window.asked[0][2]") is False
    page.get_by_role("button", name="Cancel: The table of estimators").click()
    page.evaluate("window.hold = false; window.release()")
    page.get_by_text("400 so far").wait_for(state="detached")
    assert asked(page, "jobs/cancel") == [{"job": "j1"}]
    assert "so few" in panel.inner_text() and "Stopped early." in page.get_by_test_id("table-caption").inner_text()


def test_a_failure_is_said_once_and_can_be_tried_again(page: Any, show: Show) -> None:
    page.clock.install()
    panel = show(
        "table", answers={"gradients/diagnose": {"error": "the model has diverged: not every weight is finite"}}
    )
    panel.get_by_role("alert").wait_for()
    assert "the model has diverged" in panel.get_by_role("alert").inner_text()
    page.evaluate("window.panels[0].refresh()")
    page.clock.fast_forward(5000)  # longer than the panel waits before it asks by itself
    assert len(asked(page, "gradients/diagnose")) == 1
    page.evaluate("(found) => { window.answers['gradients/diagnose'] = found; }", made.diagnosed())
    panel.get_by_role("button", name="Try again: The table of estimators").click()
    page.get_by_test_id("gradient-pathwise").wait_for()
    assert panel.get_by_role("alert").count() == 0


def test_histograms_stand_over_one_axis(page: Any, show: Show) -> None:
    panel = show("histograms")
    says(page, "histograms", "Around the true derivative by the mean of z4, score function scatters")
    (body,) = asked(page, "gradients/histogram")
    assert body["images"] == ["test:3"] and body["parameter"] == {"part": "loc"}
    assert body["estimators"] == ["pathwise", "sticking_the_landing", "score_function", "leave_one_out"]
    assert panel.locator(".grd-strip").count() == 2
    spread = np.std(1.5 + 0.5 * np.random.default_rng(1).normal(size=2000))
    assert f"standard deviation {spread:.3g}" in panel.locator("[data-estimator=pathwise]").inner_text()
    assert "lie beyond" in panel.inner_text()
    assert "a large reference sample" in page.get_by_test_id("histograms-caption").inner_text()
    wide = colours(page, "histogram-pathwise")
    panel.get_by_role("button", name="the narrowest").click()
    assert colours(page, "histogram-pathwise") != wide
    assert len(asked(page, "gradients/histogram")) == 1
    page.get_by_test_id("histograms-part").select_option("log_scale")
    page.get_by_test_id("histograms-dim").select_option("3")
    page.get_by_test_id("histograms-samples").fill("1")
    page.get_by_test_id("histograms-samples").press("Enter")
    body = last(page, "gradients/histogram", "(body) => body.parameter.dim === 3 && body.samples === 1")
    assert panel.get_by_role("button", name="leave one out").is_disabled()  # it needs two samples
    assert body["parameter"] == {"part": "log_scale", "dim": 3} and "leave_one_out" not in body["estimators"]


def test_a_mean_beside_the_truth_is_said(modules: Modules) -> None:
    found = made.histogram()
    found["series"][0]["truth"] = 3.0
    words = modules.call("grd_histogram_marks.js", "m.histogramWords(found, (name) => name, 2000)", found=found)
    assert words.endswith("Pathwise: the mean lies beside the true value by more than chance explains.")
    assert "beside" not in modules.call(
        "grd_histogram_marks.js", "m.histogramWords(found, (name) => name, 2000)", found=made.histogram()
    )


def test_the_last_estimator_stays_on(page: Any, show: Show) -> None:
    panel = show("cloud")
    says(page, "cloud", "point uphill")
    panel.get_by_role("button", name="score function").click()
    panel.get_by_role("button", name="pathwise").click()
    assert "At least one." in panel.inner_text()
    for name in ("sticking the landing", "leave one out", "importance weighted", "DReG"):
        panel.get_by_role("button", name=name).click()
    assert "At most 4 at once" in panel.inner_text()
    assert panel.get_by_role("button", name="DReG").get_attribute("aria-pressed") == "false"


def test_the_cloud_of_gradients(page: Any, show: Show) -> None:
    panel = show("cloud")
    found = made.cloud()
    uphill = [(np.array(one["points"]) @ [1, 2] > 0).mean() for one in found["clouds"]]
    says(
        page,
        "cloud",
        f"{100 * uphill[0]:.0f} % of the estimates by pathwise and {100 * uphill[1]:.0f} % by score function",
    )
    (body,) = asked(page, "gradients/cloud")
    assert body["dims"] is None and body["images"] == ["test:3"] and body["replicates"] == 300
    caption = page.get_by_test_id("cloud-caption").inner_text()
    assert "The two of the largest exact gradient." in caption and "by score function" in caption
    blue, red, ink = (44, 87, 211), (201, 42, 56), (38, 39, 48)  # pathwise, score function, the exact gradient
    assert {blue, red, ink} <= colours(page, "gradients-plane")
    panel.get_by_role("button", name="everything").click()
    panel.get_by_role("button", name="points").click()
    assert red in colours(page, "gradients-plane")
    assert len(asked(page, "gradients/cloud")) == 1
    page.get_by_test_id("cloud-dim-0").select_option("7")  # what was up goes across: never the same twice
    last(page, "gradients/cloud", "(body) => body.dims?.join() === '7,3'")
    page.get_by_test_id("gradients-plane").hover(position={"x": 300, "y": 200})
    assert "° from the exact gradient" in panel.locator(".tip").inner_text()


def test_sweeps_over_samples(page: Any, show: Show) -> None:
    panel = show("sweeps")
    says(
        page, "sweeps", "a slope of −1: the slope on logarithmic axes is −1.004 ± 0.012 for pathwise and −1.020 ± 0.050"
    )
    (body,) = asked(page, "gradients/sweep")
    assert body | {"model": "tiny/one", "seed": 0} == body
    assert (body["over"], body["values"], body["images"]) == ("samples", [1, 2, 4, 8], ["test:3"])
    assert "slope −1.004 ± 0.012" in panel.locator(".keys").first.inner_text()
    assert (44, 87, 211) in colours(page, "sweep-samples-chart")
    chart = page.get_by_test_id("sweep-samples-chart")
    chart.focus()
    chart.press("ArrowRight")
    tip = panel.locator(".xy-tip").first.inner_text()
    assert "pathwise: 8, 7 to 9" in tip and "pathwise, theory: 8" in tip and "score function: 80, 70 to 90" in tip
    with page.expect_download() as caught:
        panel.get_by_role("button", name="Download as CSV: Samples S").click()
    lines = list(csv.reader(io.StringIO(Path(caught.value.path()).read_text())))
    assert lines[1][:3] == ["pathwise", "1", "8"] and len(lines) == 9


def test_other_sweeps_have_tabs(page: Any, show: Show) -> None:
    panel = show("sweeps")
    panel.get_by_role("tab", name="Samples K").click()
    says(page, "sweeps", "of importance weighted drowns (slope −0.500 ± 0.030) and of DReG rises (slope 0.500 ± 0.030)")
    assert panel.get_by_role("button", name="signal to noise").get_attribute("aria-pressed") == "true"
    panel.get_by_role("tab", name="Baseline C").click()
    says(page, "sweeps", "score function varies the least at the mean of f itself, 34 times less than 40 nats below it")
    panel.get_by_role("tab", name="Temperature").click()
    assert "Does not apply: The codes are not binary." in panel.inner_text()
    assert [body["over"] for body in asked(page, "gradients/sweep")] == ["samples", "k", "baseline"]


@pytest.mark.parametrize("text", ["", "1, two", "1, 1", ", ".join(map(str, range(25)))])
def test_values_that_make_no_sense_are_refused(page: Any, show: Show, text: str) -> None:
    panel = show("sweeps")
    says(page, "sweeps", "a slope of −1")
    page.get_by_test_id("sweep-samples-values").fill(text)
    panel.get_by_role("button", name="Measure: Samples S").click()
    assert panel.get_by_role("alert").inner_text().startswith("Samples S: ")
    assert len(asked(page, "gradients/sweep")) == 1


def test_a_bias_is_drawn_beside_the_variance(modules: Modules) -> None:
    points = [[t, 4 / t, 3 / t, 5 / t, 1, 0.9, 1.1, max(0, t - 0.5)] for t in (0.1, 0.5, 1, 2, 8)]
    found = made.swept(
        "temperature", slope={}, series=[{"estimator": "gumbel_softmax", "points": points, "theory": None}]
    )
    marks = modules.call(
        "grd_sweep_marks.js", "m.sweepMarks(found, 'variance', () => 'red', (name) => name)", found=found
    )
    assert [mark["label"] for mark in marks] == ["gumbel_softmax, bias²", "gumbel_softmax"]
    assert marks[0]["points"][-1][:2] == [8, 7.5]
    words = modules.call("grd_sweep_marks.js", "m.sweepWords(found, (name) => name, '')", found=found)
    assert "together are least at temperature 2 for gumbel_softmax" in words


def test_another_image_is_asked_about_and_the_first_one_is_remembered(page: Any, show: Show) -> None:
    show("table", "histograms")
    says(page, "histograms", "Around the true")
    says(page, "table", "varies the least")
    page.evaluate("ctx.state.set({ active: 'test:8' })")
    last(page, "gradients/histogram", "(body) => body.images.join() === 'test:8'")
    last(page, "gradients/diagnose", "(body) => body.images.join() === 'test:8'")
    page.evaluate("ctx.state.set({ active: 'test:3' })")
    assert page.locator(".grd-old").count() == 0
    show("table", "histograms")  # coming back
    says(page, "table", "varies the least")
    assert asked(page, "gradients/diagnose") == []


def test_light_and_dark_have_their_own_colours(page: Any, show: Show) -> None:
    show("cloud", theme="dark", digest="d-dark")
    says(page, "cloud", "point uphill")
    assert {(111, 147, 255), (242, 92, 102), (250, 250, 250)} <= colours(page, "gradients-plane")


def test_nothing_is_wider_than_a_telephone(page: Any, show: Show) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    show("table", "histograms", "cloud", "sweeps")
    page.get_by_test_id("gradient-pathwise").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.get_by_role("columnheader").count() == 0
