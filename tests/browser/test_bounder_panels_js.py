"""The Bounds page's panels (posterior, data set, history, wrong roads, playground): numbers, words, what one sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser import panel_answers as made
from tests.browser.modules import Modules
from vaeexplorer.linear_gaussian import example

START: dict[str, list[float]] = {"x": [1, -0.5, 0.75], "mean": [0.3, -0.1], "std": [0.2**0.5, 0.3**0.5]}


UNITS = "m2.createUnits(Object.assign({ units: 'nats', sign: 'log p' }, state ?? {}), 64)"


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def floats(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()


# ---- the exact model


def terms(modules: Modules, **wish: Any) -> dict[str, Any]:
    script = "((t) => ({ ...t, relativeVariance: String(t.relativeVariance) }))(m.exactTerms(wish))"
    return modules.call("bnd_gaussian.js", script, wish=wish)


def test_the_reference_to_six_digits(modules: Modules) -> None:
    found = terms(modules, **START)
    expected = {
        "logMarginal": -2.898548, "reconstruction": -2.975974, "kl": 0.706705, "elbo": -3.682679, "gap": 0.784131,
        "approximation": 0.004757, "amortization": 0.779374, "prior": 3.478453,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=6e-7)
    assert float(found["relativeVariance"]) == pytest.approx(2.485104, abs=6e-7)
    assert found["posterior"]["mean"] == pytest.approx([0.794187, -0.114124], abs=6e-7)
    covariance = np.ravel(found["posterior"]["covariance"])
    assert covariance == pytest.approx([0.182891, -0.01707, -0.01707, 0.16826], abs=6e-7)
    assert found["gap"] == pytest.approx(found["logMarginal"] - found["elbo"], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_browser_and_torch_agree(modules: Modules, seed: int) -> None:
    model, _, q = example()
    draw = random(seed)
    x, mean, std = draw.normal(size=3), draw.normal(size=2), draw.uniform(0.3, 1.2, 2)
    found = terms(modules, x=x.tolist(), mean=mean.tolist(), std=std.tolist())
    point = torch.tensor(x)[None]
    own = type(q)(torch.tensor(mean)[None], torch.tensor(np.log(std))[None])
    assert found["logMarginal"] == pytest.approx(model.log_marginal(point).item(), abs=1e-10)
    assert found["elbo"] == pytest.approx(model.elbo(point, own).item(), abs=1e-10)
    assert found["gap"] == pytest.approx(model.gap(point, own).item(), abs=1e-10)
    spread = model.relative_variance(point, own).item()
    assert float(found["relativeVariance"].replace("Infinity", "inf")) == pytest.approx(spread, rel=1e-9)
    best = model.best_diagonal(point)
    assert found["best"]["mean"] == pytest.approx(best.mean[0].tolist())
    assert found["best"]["std"] == pytest.approx(best.std[0].tolist())


def test_a_q_that_is_too_narrow_has_an_infinite_variance(modules: Modules) -> None:
    best = terms(modules, **START)["best"]
    for share, infinite in [(1.0, False), (0.75, False), (0.74, True), (0.1, True)]:  # 1 / c^2 = 2 - 2 |correlation|
        narrow = terms(modules, **{**START, "mean": best["mean"], "std": [share * s for s in best["std"]]})
        assert (narrow["relativeVariance"] == "Infinity") == infinite, share


def test_the_best_q_leaves_only_the_approximation(modules: Modules) -> None:
    best = terms(modules, **START)["best"]
    found = terms(modules, **{**START, **best})
    assert found["amortization"] == pytest.approx(0, abs=1e-12)
    assert found["gap"] == pytest.approx(0.004757, abs=6e-7)


# ---- densities on a grid


def grid(modules: Modules, script: str, density: np.ndarray | None = None, **values: Any) -> Any:
    density = made.normal_grid() if density is None else density
    values |= {"size": made.SIZE, "window": made.WINDOW, "data": floats(density)}
    return modules.call("bnd_moments.js", f"((d) => {script})(new Float32Array(data))", **values)


def test_moments_of_a_density(modules: Modules) -> None:
    found = grid(modules, "m.gridMoments(d, size, window)")
    assert found["mass"] == pytest.approx(1, abs=2e-3)
    assert found["mean"] == pytest.approx(made.MEAN, abs=2e-3)
    assert np.array(found["covariance"]) == pytest.approx(made.COVARIANCE, rel=0.02)
    assert found["correlation"] == pytest.approx(0.05 / np.sqrt(0.09 * 0.06), rel=0.01)


def test_rows_of_a_density_go_up_the_second_dimension(modules: Modules) -> None:
    density = np.full(made.SIZE[::-1], -1e4)
    density[60:, :5] = 0
    found = grid(modules, "m.gridMoments(d, size, window)", density)
    assert found["mean"][0] < -1 and found["mean"][1] > 0.6


def test_the_divergence_on_a_grid_is_the_closed_one(modules: Modules) -> None:
    mean, variance = np.array(made.Q_MEAN), np.array(made.Q_STD) ** 2
    precision, off = np.linalg.inv(made.COVARIANCE), made.MEAN - mean
    expected = 0.5 * (
        np.trace(precision * variance) - 2 + off @ precision @ off + np.log(np.linalg.det(made.COVARIANCE))
        - np.log(variance).sum()
    )  # fmt: skip
    q = {"mean": made.Q_MEAN, "std": made.Q_STD}
    near = {"mean": made.MEAN.tolist(), "covariance": (1.3 * made.COVARIANCE).tolist()}  # only like the posterior
    assert grid(modules, "m.gridKl(d, size, window, q, near)", q=q, near=near) == pytest.approx(expected, abs=1e-3)
    gaussian = "m.klNormal(m.diagonal(q), { mean, covariance })"
    covariance = made.COVARIANCE.tolist()
    found = modules.call("bnd_gaussian.js", gaussian, q=q, mean=made.MEAN.tolist(), covariance=covariance)
    assert found == pytest.approx(expected, abs=1e-12)


def test_tails_of_q_beyond_the_window_count(modules: Modules) -> None:
    """q reaches 3.3 standard deviations into the window, where the posterior has long ended."""
    q, std = {"mean": [0.4, -0.3], "std": [0.48, 0.39]}, np.array([0.16, 0.13])
    u, v = np.linspace(-1.2, 2, 81), np.linspace(-1.6, 1, 71)
    density = -0.5 * (((u - 0.4) / std[0]) ** 2 + ((v[:, None] + 0.3) / std[1]) ** 2) - np.log(2 * np.pi * std.prod())
    near = {"mean": [0.4, -0.3], "covariance": np.diag(std**2).tolist()}
    expected = (9 - 1) - 2 * np.log(3)
    found = grid(modules, "m.gridKl(d, size, window, q, near)", density, q=q, near=near)
    assert found == pytest.approx(expected, abs=1e-3)


def test_no_divergence_where_the_grid_misses_q(modules: Modules) -> None:
    near = {"mean": made.MEAN.tolist(), "covariance": made.COVARIANCE.tolist()}
    for q in ({"mean": [5.0, 0.0], "std": [0.1, 0.1]}, {"mean": [0.41, -0.31], "std": [0.004, 0.004]}):
        assert grid(modules, "m.gridKl(d, size, window, q, near)", q=q, near=near) is None


def test_peaks_are_counted(modules: Modules) -> None:
    assert grid(modules, "m.peaks(d, size, window)") == 1
    u, v = np.meshgrid(np.linspace(-1.2, 2, 81), np.linspace(-1.6, 1, 71))
    bump = lambda a, b: np.exp(-0.5 * (((u - a) / 0.12) ** 2 + ((v - b) / 0.12) ** 2)) / (2 * np.pi * 0.12**2)  # noqa: E731
    two = np.log(0.6 * bump(-0.4, 0) + 0.4 * bump(1.2, -0.5) + 1e-30)
    assert grid(modules, "m.peaks(d, size, window)", two) == 2
    speck = np.log(0.995 * bump(-0.4, 0) + 0.005 * bump(1.2, -0.5) + 1e-30)
    assert grid(modules, "m.peaks(d, size, window)", speck) == 1


# ---- values of many images


def test_quantiles_and_order(modules: Modules) -> None:
    values = random(1).normal(size=101)
    for share in (0, 0.1, 0.25, 0.5, 0.99, 1):
        found = modules.call("bnd_scores.js", "m.quantile(m.ascending(v), s)", v=values.tolist(), s=share)
        assert found == pytest.approx(np.quantile(values, share))
    mixed = [3, None, -1, 3, 7]
    assert modules.call("bnd_scores.js", "m.extremes(v, true)", v=mixed) == [4, 0, 3, 2]
    assert modules.call("bnd_scores.js", "m.extremes(v, false)", v=mixed) == [2, 0, 3, 4]
    assert modules.call("bnd_scores.js", "Array.from(m.ascending(v))", v=mixed) == [-1, 3, 3, 7]


@pytest.mark.parametrize("kind", ["normal", "an outlier", "one value", "all the same"])
def test_every_value_is_in_a_bin(modules: Modules, kind: str) -> None:
    values = {"normal": random().normal(size=500), "an outlier": np.append(random().normal(size=500), 1e4),
              "one value": np.array([2.5]), "all the same": np.full(9, -3.0)}[kind]  # fmt: skip
    script = "((e) => [e, m.countsIn(v, e)])(m.edgesFor([v]))"
    edges, found = modules.call("bnd_scores.js", script, v=values.tolist())
    assert sum(found["counts"]) == len(values)
    assert np.all(np.diff(edges) > 0)
    assert found["beyond"] == (1 if kind == "an outlier" else 0)
    if kind == "normal":
        np.testing.assert_array_equal(found["counts"], np.histogram(values, edges)[0])
    if kind == "an outlier":
        assert edges[-1] < 20, "one outlier does not hide the others"


def area(own: np.ndarray, other: np.ndarray) -> float:
    """How often a value of own is the greater one; ties count half."""
    return float((own[:, None] > other).mean() + (own[:, None] == other).mean() / 2)


@pytest.mark.parametrize("sign", ["log p", "surprisal"])
def test_marks_of_a_histogram(modules: Modules, sign: str) -> None:
    mean = {name: {"value": value} for name, value in [("gap", 2.0), ("log_marginal", -90.0), ("elbo", -92.0)]}
    one = {"gap": [1, None, 3], "log_marginal": [-80, -90, -100], "elbo": [-81, -92, -103], "mean": mean}
    two = {"gap": [2] * 10, "log_marginal": [-500] * 10, "elbo": [-502] * 10, "mean": None}
    turn = -1 if sign == "surprisal" else 1

    def marks(quantity: str, *answers: dict[str, Any]) -> list[dict[str, Any]]:
        sets = [{"answer": answer, "colour": "gap", "name": f"set {k}"} for k, answer in enumerate(answers)]
        script = f"import('/bnd_units.js').then((m2) => m.histogramMarks(sets, q, {UNITS}))"
        state = {"sign": sign, "units": "bits"}
        return modules.call("bnd_spread.js", f"(await {script}).marks", sets=sets, q=quantity, state=state)

    bars, middle = marks("gap", one)
    assert sum(bars["counts"]) == 2 and bars["edges"][0] == pytest.approx(1 / np.log(2)), "a gap has no sign to turn"
    assert middle["x"] == pytest.approx(2 / np.log(2))
    bars, middle = marks("log_marginal", one)
    assert middle["x"] == pytest.approx(turn * -90 / np.log(2))
    assert sorted(bars["edges"])[0] == pytest.approx((80 if turn < 0 else -100) / np.log(2))
    first, second, *middles = marks("elbo", one, two)
    assert sum(first["counts"]) == pytest.approx(100) and sum(second["counts"]) == pytest.approx(100), "shares"
    assert first["edges"] == second["edges"] and [mark["words"] for mark in middles] == ["mean of set 0"]


def test_separation_is_the_area_under_the_curve(modules: Modules) -> None:
    draw = random(4)
    own, other = np.round(draw.normal(1, 1, 150), 1), np.round(draw.normal(0, 2, 90), 1)  # with ties
    found = modules.call("bnd_scores.js", "m.separation(a, b)", a=own.tolist(), b=other.tolist())
    assert found["value"] == pytest.approx(area(own, other))
    assert found["n"] == [150, 90]
    again = [area(draw.choice(own, 150), draw.choice(other, 90)) for _ in range(800)]
    assert found["stderr"] == pytest.approx(np.std(again), rel=0.12)


# ---- the plane


def test_places_and_pixels_of_a_plane(modules: Modules) -> None:
    box = {"left": 40, "top": 8, "width": 500, "height": 300}
    script = """((s) => [s.toData(...s.toPixel(0.3, -0.7)), s.toPixel(0, 1)[1] < s.toPixel(0, 0)[1], s.ku, s.kv,
        s.stretched, s.window])(m.scaleFor(window, box))"""
    place, up, ku, kv, stretched, window = modules.call("plane.js", script, window=[-1, 1, -2, 1], box=box)
    assert place == pytest.approx([0.3, -0.7]) and up
    assert ku == pytest.approx(kv) and not stretched
    assert window[2] == pytest.approx(-2) and window[0] < -1, "all of the window, and more where there is room"
    *_, ku, kv, stretched, window = modules.call("plane.js", script, window=[-10, 10, -0.1, 0.1], box=box)
    assert stretched and kv > 30 * ku
    assert window == pytest.approx([-10, 10, -0.1, 0.1])


def test_lines_hold_the_share_that_they_say(modules: Modules) -> None:
    radius = np.hypot(*random(2).normal(size=(2, 200_000)))
    for share in (0.5, 0.9):
        reach = modules.call("plane.js", "m.reachOf(s)", s=share)
        assert (radius < reach).mean() == pytest.approx(share, abs=0.004)


def test_a_shade_has_its_first_row_below(modules: Modules) -> None:
    density = np.array([[0.0, -np.inf], [-np.inf, -np.inf], [-np.inf, -np.inf]])
    script = "Array.from(m.shadeOf(new Float32Array(data), [2, 3], [10, 20, 30]))"
    found = np.array(modules.call("plane.js", script, data=floats(density))).reshape(3, 2, 4)
    assert found[2, 0, 3] > 100 and found[:, :, 3].sum() == found[2, 0, 3]
    assert found[2, 0, :3].tolist() == [10, 20, 30]


# ---- words


def words(modules: Modules, expression: str, **values: Any) -> str:
    values = {"state": None} | values
    script = f"(async () => {{ const m2 = await import('/bnd_units.js'), units = {UNITS}; return {expression}; }})()"
    return modules.call("bnd_panel_words.js", f"await {script}", **values)


TRUTH = {"mean": [0, 0], "covariance": [[1, 0], [0, 1]], "std": [1, 1], "correlation": 0}


@pytest.mark.parametrize(
    ("q", "truth", "modes", "said", "unsaid"),
    [
        ({"mean": [0.1, 0], "std": [1, 1.1]}, {}, 1, ["in the middle", "about as wide"], ["tilted", "peaks"]),
        ({"mean": [0.6, 0], "std": [0.5, 1]}, {}, 1, ["0.6 standard deviations", "too narrow along z1 (0.5"], []),
        ({"mean": [3, 4], "std": [1, 2]}, {}, 1, ["misses the middle", "5 standard", "too wide along z2 (2 times"], []),
        ({"mean": [0, 0], "std": [1, 1]}, {"correlation": -0.62}, 1, ["correlation −0.62"], ["peaks"]),
        ({"mean": [0, 0], "std": [1, 1]}, {}, 2, ["2 separate peaks"], ["tilted"]),
    ],
)
def test_words_about_a_posterior(
    modules: Modules, q: dict[str, Any], truth: dict[str, Any], modes: int, said: list[str], unsaid: list[str]
) -> None:
    script = "m.posteriorWords({ truth, q, names: ['z1', 'z2'], modes })"
    text = words(modules, script, truth=TRUTH | truth, q=q, modes=modes)
    assert all(part in text for part in said), text
    assert not any(part in text for part in unsaid), text


def test_words_about_bits(modules: Modules) -> None:
    pairs = [{"posterior": 0.97, "q": 0.9}, {"posterior": 0.2, "q": 0.85}]
    assert "bit 2" in words(modules, "m.bitsWords(bits)", bits=pairs)
    assert "agrees" in words(modules, "m.bitsWords(bits)", bits=[{"posterior": 0.5, "q": 0.51}])


def test_words_about_strangers(modules: Modules) -> None:
    means = [("test", -90), ("noise", -700)]
    own, other = ({"title": name, "mean": {"log_marginal": {"value": value}}} for name, value in means)
    script = "m.outsideWords({ own, other, score, units })"
    for value, part in [(0.99, "tells them apart"), (0.6, "does not tell them apart"), (0.2, "MORE likely")]:
        text = words(modules, script, own=own, other=other, score={"value": value, "stderr": 0.01})
        assert part in text and "−700 against −90 nats" in text
    turned = words(modules, script, own=own, other=other, score={"value": 0.9, "stderr": 0.01},
                   state={"sign": "surprisal", "units": "bits"})  # fmt: skip
    assert "mean surprisal 1010 against 129.8" in turned


def test_words_about_a_run(modules: Modules) -> None:
    run = made.history()
    text = words(modules, "m.historyWords(run, units)", run=run)
    assert "In 3,000 steps the bound (ELBO) went from −201 to −98.9 nats" in text
    assert "Since step 2,000 the gap has grown by 0.8: the encoder falls behind" in text
    falling = run | {"gap": [1, 6, 8, 7, 5, 4.4, 3.6, 3.0]}
    assert "the encoder catches up" in words(modules, "m.historyWords(run, units)", run=falling)
    steady = run | {"gap_stderr": [2.0] * 8}
    assert "Since" not in words(modules, "m.historyWords(run, units)", run=steady), "within its error: nothing to tell"
    assert "not been observed" in words(modules, "m.historyWords(run, units)", run=run | {"gap": [None] * 8})
    holes = run | {"subo": [None, *run["subo"][1:]]}
    assert "In 2,990 steps" in words(modules, "m.historyWords(run, units)", run=holes)


def test_words_about_a_hand_on_q(modules: Modules) -> None:
    base = {"gap": 0.784, "approximation": 0.005, "amortization": 0.779, "relativeVariance": 2.5}
    assert "Nearly all of it" in words(modules, "m.exactWords(t, units)", t=base)
    best = base | {"amortization": 0.001, "gap": 0.006}
    assert "as good as" in words(modules, "m.exactWords(t, units)", t=best)
    script = "m.exactWords({ ...t, relativeVariance: Infinity }, units)"
    assert "INFINITE" in words(modules, script, t=best)


@pytest.mark.parametrize(
    ("quantity", "on", "state", "shown", "label"),
    [
        ("log p", "this model", {}, "−7.64", "nats"),
        ("log p", "this model", {"sign": "surprisal"}, "7.64", "nats"),
        ("log p", "this model", {"units": "bits"}, "−11.02", "bits"),
        ("log p", "an exact model", {"units": "bits per dimension"}, "−7.64", "nats"),
        ("log p", "an exact model", {"units": "bits per dimension", "sign": "surprisal"}, "7.64", "nats"),
        ("KL", "an exact model", {"sign": "surprisal", "units": "bits"}, "−11.02", "bits"),
        ("gradient", "an exact model", {"sign": "surprisal", "units": "bits"}, "−7.64", ""),
    ],
)
def test_numbers_of_a_road_follow_the_switches(
    modules: Modules, quantity: str, on: str, state: dict[str, str], shown: str, label: str
) -> None:
    road = {"quantity": quantity, "on": on}
    script = f"""(async () => {{ const m2 = await import('/bnd_units.js'), w = m.writerOf(road, {UNITS});
        return [w.text(-7.64, null), w.label]; }})()"""
    assert modules.call("bnd_roads.js", f"await {script}", road=road, state=state) == [shown, label]


# ---- panels

Show = Callable[..., Any]


@pytest.fixture
def show(page: Any, address: str) -> Show:
    """show(name, answers={...}, **context): one panel on a page of its own, with answers beside the made ones."""

    def start(name: str, answers: dict[str, Any] | None = None, **context: Any) -> Any:
        page.goto(address)
        found = made.encoded(made.answers() | (answers or {}))
        page.evaluate(made.HARNESS, {"theme": "light", "panels": [name], "answers": found} | context)
        return page.get_by_test_id(f"bounds-{name}")

    return start


def asked(page: Any, route: str) -> list[dict[str, Any]]:
    return [wish for name, wish in page.evaluate("window.asked") if name == route]


def ink(page: Any, testid: str) -> int:
    """How many pixels of a canvas are not empty."""
    return page.get_by_test_id(testid).evaluate(
        "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length"
    )


def says(page: Any, panel: str, text: str) -> None:
    page.get_by_test_id(f"{panel}-words").get_by_text(text).wait_for(timeout=5000)


def test_posterior_of_two_dimensions(page: Any, show: Show) -> None:
    panel = show("posterior")
    says(page, "posterior", "that is this image's whole gap")
    assert asked(page, "bounds/posterior") == [{"model": "tiny", "image": "test:3", "seed": 0, "dims": None}]
    before = page.get_by_test_id("posterior-words").inner_text()
    assert "0.42 standard" in before and "about 0.43 nats" in before
    full = ink(page, "posterior-plane")
    assert full > 5000
    panel.get_by_role("button", name="q(z|x) of the encoder").click()
    assert panel.get_by_role("button", name="q(z|x) of the encoder").get_attribute("aria-pressed") == "false"
    assert ink(page, "posterior-plane") < full
    page.evaluate("ctx.state.set({ units: 'bits' })")
    says(page, "posterior", "about 0.62 bits")
    box = page.get_by_test_id("posterior-plane").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = panel.locator(".planebox .tip").inner_text()
    assert "log p(z|x)" in tip and "difference" in tip and "bits" in tip
    assert len(asked(page, "bounds/posterior")) == 1, "switches ask nothing"
    caption = page.get_by_test_id("posterior-caption").inner_text()
    assert "grid of 81 x 71" in caption and "50 % and 90 %" in caption and "Test image 3" in caption


def test_posterior_follows_the_image_and_remembers(page: Any, show: Show) -> None:
    show("posterior", {"bounds/posterior test:8": made.posterior(q={"mean": [1.4, -0.3], "std": [0.1, 0.2]})})
    says(page, "posterior", "whole gap")
    page.evaluate("ctx.state.set({ active: 'test:8' })")
    says(page, "posterior", "misses the middle")
    page.evaluate("ctx.state.set({ active: 'test:3' })")
    says(page, "posterior", "0.42 standard deviations beside")
    assert len(asked(page, "bounds/posterior")) == 2
    page.evaluate("ctx.state.set({ images: [] })")
    says(page, "posterior", "Pick an image")
    assert not page.get_by_test_id("posterior-plane").is_visible()


def test_posterior_of_many_dimensions_waits_for_a_click(page: Any, show: Show) -> None:
    found = made.posterior(
        latent_dim=50, dims=[6, 2], kind="estimate", ess=312.4, why="z7 and z3 of 50: q errs the most there",
        marginal_kl=[0.1] * 50, truth={"mean": [0.4, -0.3], "covariance": made.COVARIANCE.tolist()},
    )  # fmt: skip
    panel = show("posterior", {"bounds/posterior": found}, latent=50)
    says(page, "posterior", "has to be found first")
    assert not asked(page, "bounds/posterior")
    panel.get_by_role("button", name="Find the posterior").click()
    says(page, "posterior", "tilted")
    assert "gap" not in page.get_by_test_id("posterior-words").inner_text(), "marginals are not the whole gap"
    caption = page.get_by_test_id("posterior-caption").inner_text()
    assert "Effective sample size 312." in caption and "z7 and z3 of 50: q errs the most there." in caption
    assert panel.get_by_label("Dimension across").input_value() == "6"
    panel.get_by_label("Dimension upwards").select_option("11")
    page.wait_for_function("window.asked.length > 1")
    assert asked(page, "bounds/posterior")[-1]["dims"] == [6, 11]
    panel.get_by_label("Dimension upwards").select_option("6")
    page.wait_for_function("window.asked.length > 2")
    one, other = asked(page, "bounds/posterior")[-1]["dims"]
    assert one != other, "never a dimension against itself"
    panel.get_by_role("button", name="Most different").click()
    page.wait_for_function("window.asked.length > 2")
    assert panel.get_by_role("button", name="Most different").get_attribute("aria-pressed") == "true"


def test_posterior_of_one_dimension_and_of_bits(page: Any, show: Show) -> None:
    show("posterior", {"bounds/posterior": made.one_dimension()}, latent=1)
    says(page, "posterior", "1 standard deviations")
    assert ink(page, "posterior-curve") > 1000 and not page.get_by_test_id("posterior-plane").is_visible()
    panel = show("posterior", {"bounds/posterior": made.bits()}, latent=3, posterior="bernoulli")
    says(page, "posterior", "errs the most on bit 2: it gives 85 %")
    assert panel.locator(".bitrow").count() == 3
    widths = panel.locator(".bitrow").nth(1).locator("i").evaluate_all("(all) => all.map((i) => i.style.width)")
    assert widths == ["20%", "85%"]


def test_the_same_question_is_asked_once(page: Any, show: Show) -> None:
    show("posterior", {"bounds/posterior partials": [None]})
    page.evaluate("window.panels[0].refresh(); window.panels[0].refresh()")
    says(page, "posterior", "whole gap")
    page.evaluate("window.panels[0].refresh()")
    assert len(asked(page, "bounds/posterior")) == 1


def test_a_failure_is_told_where_it_happened(page: Any, show: Show) -> None:
    panel = show("posterior", {"bounds/posterior": {"error": "Posterior: 17 bits are too many to go through"}})
    assert "17 bits are too many" in panel.get_by_role("alert").inner_text()
    assert not panel.get_by_role("progressbar").is_visible()
    assert not page.get_by_test_id("posterior-plane").is_visible(), "no picture of another image"
    page.evaluate("(answer) => { window.answers['bounds/posterior'] = answer; }", made.encoded()["bounds/posterior"])
    panel.get_by_role("button", name="Try again").click()
    says(page, "posterior", "whole gap")
    assert not panel.get_by_role("alert").is_visible()


def test_a_data_set_is_measured_and_its_worst_shown(page: Any, show: Show, address: str) -> None:
    panel = show("dataset")
    page.get_by_test_id("dataset-count").fill("120")
    page.get_by_test_id("dataset-method").select_option("iwae")
    page.get_by_test_id("dataset-samples").fill("500")
    assert "about 6 s" in panel.inner_text()
    panel.get_by_role("button", name="Measure").click()
    says(page, "dataset", "Test images: on 120 images the bound loses at least")
    wish = {"model": "tiny", "source": "test", "count": 120, "method": "iwae", "samples": 500, "seed": 0}
    assert asked(page, "bounds/dataset") == [wish]
    answer = made.data_set("test", 120, -90)
    order = np.argsort(-np.array(answer["gap"]))[:12]
    cards = panel.locator(".thumb")
    assert cards.count() == 12
    assert f"{answer['gap'][order[0]]:.3f}" in cards.first.inner_text()
    page.wait_for_function("document.querySelectorAll('.thumb canvas').length === 12")
    assert asked(page, "bounds/images")[0]["index"] == ",".join(str(answer["index"][i]) for i in order)
    cards.first.click()
    assert page.evaluate("ctx.state.active") == f"test:{answer['index'][order[0]]}"
    panel.get_by_role("button", name="Best", exact=True).click()
    page.wait_for_function("window.asked.filter(([route]) => route === 'bounds/images').length === 2")
    best = np.argmin(answer["gap"])
    assert float(cards.first.inner_text().split()[0]) == pytest.approx(answer["gap"][best], rel=1e-3)
    caption = page.get_by_test_id("dataset-caption").inner_text()
    assert "120 of 120 images" in caption and "lower bound" in caption and "nats" in caption
    assert "3 of 120 Few draws decide." in panel.locator(".doubts").inner_text()


def test_units_and_sign_change_without_a_word_to_the_app(page: Any, show: Show) -> None:
    panel = show("dataset")
    panel.get_by_role("button", name="Measure").click()
    says(page, "dataset", "nats on average")
    count = len(page.evaluate("window.asked"))
    answer = made.data_set("test", 120, -90)
    panel.get_by_role("button", name="log p(x)").click()
    page.evaluate("ctx.state.set({ units: 'bits', sign: 'surprisal' })")
    says(page, "dataset", "bits on average")
    worst = max(-np.array(answer["log_marginal"])) / np.log(2)
    assert f"{worst:.1f}" in panel.locator(".thumb").first.inner_text()
    assert panel.get_by_role("button", name="surprisal", exact=True).get_attribute("aria-pressed") == "true"
    assert [name for name, _ in page.evaluate("window.asked")[count:]] == ["bounds/images"], "only pictures"


def test_strangers_are_compared_and_can_be_looked_at(page: Any, show: Show) -> None:
    panel = show("dataset")
    panel.get_by_role("button", name="Measure").click()
    says(page, "dataset", "Test images")
    page.get_by_test_id("dataset-source").select_option("inverted")
    panel.get_by_role("button", name="Measure").click()
    panel.get_by_text("in every pair the model's own image is the more likely one").wait_for()
    says(page, "dataset", "Inverted test images: on 80 images")
    page.wait_for_function("document.querySelectorAll('.thumb canvas').length === 12")
    sent: list[bytes] = []

    def picture(route: Any) -> None:
        sent.append(route.request.post_data_buffer)
        route.fulfill(json={"key": "picture:0123456789ab", "title": "your image", "words": ""})

    page.route("**/vaex/bounds/pictures*", picture)
    panel.locator(".thumb").first.click()
    page.wait_for_function("ctx.state.active === 'picture:0123456789ab'")
    assert np.frombuffer(sent[0], "<f4").shape == (64,) and np.frombuffer(sent[0], "<f4").max() == 1
    panel.get_by_role("button", name="test images", exact=True).click()
    says(page, "dataset", "Test images: on 120 images")
    panel.get_by_role("button", name="Remove inverted test images").click()
    says(page, "dataset", "Test images: on 120 images")
    assert not panel.get_by_text("in every pair").is_visible()


def test_a_data_set_grows_and_can_be_stopped_half_way(page: Any, show: Show) -> None:
    part = made.data_set("test", 120, -90, done=40)
    page.add_init_script("window.hold = true")
    panel = show("dataset", {"bounds/dataset partials": [part]})
    panel.get_by_role("button", name="Measure").click()
    says(page, "dataset", "on 40 images")
    assert "40 of 120 images so far" in page.get_by_test_id("dataset-caption").inner_text()
    assert panel.get_by_role("progressbar").get_attribute("aria-valuenow") == "50"
    page.wait_for_function("Boolean(window.release)")
    panel.get_by_role("button", name="Cancel").click()
    page.evaluate("window.release()")
    page.get_by_test_id("dataset-caption").get_by_text("40 of 120 images, stopped early").wait_for()
    assert asked(page, "jobs/cancel") == [{"job": "j1"}]
    assert not panel.get_by_role("progressbar").is_visible()


def test_one_comes_back_to_what_was_measured(page: Any, show: Show) -> None:
    panel = show("dataset")
    panel.get_by_role("button", name="Measure").click()
    says(page, "dataset", "on 120 images")
    found = made.encoded()
    page.evaluate(made.HARNESS, {"theme": "dark", "panels": ["dataset"], "answers": found})
    says(page, "dataset", "on 120 images")
    assert not asked(page, "bounds/dataset")


def test_work_goes_on_while_one_is_on_another_page(page: Any, show: Show) -> None:
    part = made.data_set("test", 120, -90, done=40)
    page.add_init_script("window.hold = true")
    panel = show("dataset", {"bounds/dataset partials": [part]})
    panel.get_by_role("button", name="Measure").click()
    says(page, "dataset", "on 40 images")
    (first,) = asked(page, "bounds/dataset")
    page.wait_for_function("Boolean(window.release)")  # the next question after the partial answer has come
    page.evaluate("window.hold = false; window.panels.forEach((one) => one.stop())")
    page.evaluate("window.release()")
    assert not asked(page, "jobs/cancel")
    page.evaluate(made.HARNESS, {"theme": "light", "panels": ["dataset"], "answers": made.encoded()})
    says(page, "dataset", "on 120 images")
    assert asked(page, "bounds/dataset") == [first], "the same question, without a click"


@pytest.mark.parametrize(("field", "value"), [("count", "0"), ("count", "2.5"), ("count", "10001"), ("samples", "0")])
def test_numbers_that_make_no_sense_are_refused(page: Any, show: Show, field: str, value: str) -> None:
    panel = show("dataset")
    page.get_by_test_id(f"dataset-{field}").fill(value)
    panel.get_by_role("button", name="Measure").click()
    assert "whole number" in panel.get_by_role("alert").inner_text()
    assert not asked(page, "bounds/dataset")


def test_without_data_the_panel_says_why(page: Any, show: Show) -> None:
    about: dict[str, Any] = {"run": False, "truth": None, "others": [], "sources": [], "methods": []}
    about |= {"data": None, "why": "MNIST is not on this machine"}
    panel = show("dataset", about=about)
    assert "MNIST is not on this machine" in panel.get_by_role("alert").inner_text()
    assert panel.get_by_role("button", name="Measure").is_disabled()


def test_a_runs_history(page: Any, show: Show) -> None:
    panel = show("history")
    says(page, "history", "In 3,000 steps the bound (ELBO) went from −201 to −98.9 nats")
    assert ink(page, "history-bound") > 1000 and ink(page, "history-gap") > 1000
    page.evaluate("ctx.state.set({ sign: 'surprisal' })")
    says(page, "history", "went from 201 to 98.9 nats")
    panel.get_by_role("button", name="Logarithmic").click()
    assert "Step 0 has no place" in page.get_by_test_id("history-caption").inner_text()
    assert len(asked(page, "bounds/history")) == 1


def test_a_model_that_is_no_run_has_no_history(page: Any, show: Show) -> None:
    show("history", about={"run": False, "methods": []})
    says(page, "history", "Train a model on the page Train")
    assert not asked(page, "bounds/history") and not page.get_by_test_id("history-bound").is_visible()


def test_points_of_a_history(modules: Modules) -> None:
    run = {"steps": [0, 10, 20], "gap": [1, None, 3], "gap_stderr": [0.5, 0.5, None]}
    script = "m.pointsOf(run, 'gap', (v) => -2 * v, log)"
    assert modules.call("bnd_history.js", script, run=run, log=False) == [
        [0, -2, pytest.approx(-3.96), pytest.approx(-0.04)],
        [20, -6],
    ]
    assert modules.call("bnd_history.js", script, run=run, log=True) == [[20, -6]]


@pytest.mark.parametrize(("sign", "turn"), [("log p", -1), ("surprisal", 1)])
def test_lines_of_a_history_have_the_sign_of_the_page(modules: Modules, sign: str, turn: int) -> None:
    run = {"steps": [1, 9], "subo": [100, 90], "surprisal": [95, 88], "gap": [5, 2]}
    script = f"import('/bnd_units.js').then((m2) => m.marksOf(run, {UNITS}, false))"
    found = modules.call("bnd_history.js", f"await {script}", run=run, state={"sign": sign, "units": "bits"})
    bound, marginal = (np.array(mark["points"])[:, 1] * np.log(2) for mark in found["upper"])
    assert bound == pytest.approx(turn * np.array([100, 90])) and marginal == pytest.approx(turn * np.array([95, 88]))
    assert np.array(found["lower"][0]["points"])[:, 1] * np.log(2) == pytest.approx([5, 2])


def test_wrong_roads_side_by_side(page: Any, show: Show) -> None:
    panel = show("roads")
    panel.locator("[data-road]").nth(1).wait_for()
    first, second = (panel.locator("[data-road]").nth(i) for i in range(2))
    assert "As printed −7.642, where the truth is −2.899: off by 4.74 nats." in first.inner_text()
    assert "−2.900 ± 0.020" in first.inner_text() and "tends to −7.642" in first.inner_text()
    assert "off by 0.304." in second.inner_text() and second.locator("canvas").count() == 2
    page.evaluate("ctx.state.set({ units: 'bits', sign: 'surprisal' })")
    panel.get_by_text("As printed 11.03, where the truth is 4.182: off by 6.84 bits.").wait_for()
    assert "off by 0.304." in second.inner_text(), "a gradient is no surprisal"
    assert len(asked(page, "bounds/roads")) == 1
    page.evaluate("ctx.state.set({ active: 'test:8' })")
    page.wait_for_function("window.asked.length === 2")
    assert asked(page, "bounds/roads")[1]["images"] == ["test:8"]


def test_marks_of_a_road(modules: Modules) -> None:
    road = made.roads()["roads"][1]
    same = "{ number: (v) => -v, amount: (v) => v }"
    level, printed, correct = modules.call("bnd_roads.js", f"m.roadMarks(road, {same})", road=road)
    assert level["y"] == pytest.approx(-0.308219)
    assert printed["points"][0] == pytest.approx([0, -0.0039, -0.0039 - 0.00784, -0.0039 + 0.00784])
    assert correct["points"][0][1] == pytest.approx(-0.3078)
    _, line = modules.call("bnd_roads.js", f"m.tableMarks(road, {same})", road=road)
    assert [point[0] for point in line["points"]] == [1, 2, 5, 10, 100]
    unknown = road | {"truth": None, "printed_value": None}
    marks = modules.call("bnd_roads.js", f"m.roadMarks(road, {same})", road=unknown)
    assert marks[0]["points"] == []


def rows(panel: Any) -> dict[str, str]:
    cells = "(all) => all.map((row) => [...row.cells].map((cell) => cell.innerText))"
    return dict(panel.locator(".terms tr").evaluate_all(cells))


def test_the_playground_begins_with_the_reference(page: Any, show: Show) -> None:
    panel = show("exact")
    says(page, "exact", "loses 0.784 nats")
    found = rows(panel)
    assert found["log p(x)"] == "−2.899" and found["ELBO"] == "−3.683" and found["approximation"] == "0.004757"
    page.wait_for_function("window.asked.length === 1")
    (wish,) = asked(page, "bounds/exact")
    assert all(wish[name] == pytest.approx(START[name]) for name in START)
    assert wish["samples"][0] == 1 and wish["samples"][-1] == 1000


def test_the_playground_follows_a_slider_at_once_and_asks_when_it_rests(page: Any, show: Show) -> None:
    panel = show("exact")
    page.wait_for_function("window.asked.length === 1")
    slider = panel.get_by_label("mean of q, dimension 1")
    seen = slider.evaluate("""(input) => {
        const said = [];
        for (const value of [0, 0.5, 0.794187]) {
            input.value = value;
            input.dispatchEvent(new Event("input"));
            said.push(document.querySelector('[data-testid="exact-words"]').textContent);
        }
        return said;
    }""")
    losses = [float(text.split("loses ")[1].split(" ")[0]) for text in seen]
    assert losses[0] > losses[1] > losses[2], "without waiting for anybody"
    page.wait_for_function("window.asked.length === 2")
    assert asked(page, "bounds/exact")[1]["mean"][0] == pytest.approx(0.794187)
    panel.get_by_role("button", name="Best independent q").click()
    says(page, "exact", "as good as one with independent dimensions can be")
    assert rows(panel)["KL gap"] == "0.004757"
    panel.get_by_role("button", name="Too narrow").click()
    says(page, "exact", "INFINITE variance")
    assert rows(panel)["relative variance of a weight"] == "infinite"
    panel.get_by_role("button", name="Reset").click()
    says(page, "exact", "loses 0.784 nats")


def test_a_hand_can_move_and_widen_q_on_the_plane(page: Any, show: Show) -> None:
    panel = show("exact")
    page.get_by_test_id("exact-plane").scroll_into_view_if_needed()
    box = page.get_by_test_id("exact-plane").bounding_box()
    script = """([u, v]) => {
        const w = [-2.2, 2.6, -2.2, 2.2], c = document.querySelector('[data-testid="exact-plane"]');
        return import("/plane.js").then((m) => m.scaleFor(w, { left: 38, top: 8, width: c.clientWidth - 46,
            height: c.clientHeight - 42 }).toPixel(u, v)); }"""

    def drag(start: list[float], end: list[float]) -> None:
        places = [page.evaluate(script, place) for place in (start, end)]
        page.mouse.move(box["x"] + places[0][0], box["y"] + places[0][1])
        page.mouse.down()
        page.mouse.move(box["x"] + places[1][0], box["y"] + places[1][1], steps=4)
        page.mouse.up()

    drag(START["mean"], [0.8, -0.1])
    value = panel.get_by_label("mean of q, dimension 1")
    assert value.input_value() == pytest.approx("0.8") or float(value.input_value()) == pytest.approx(0.8, abs=0.02)
    reach = 2.145966 * 0.2**0.5
    drag([0.8 + reach, -0.1], [0.8 + 2 * reach, -0.1])
    wide = float(panel.get_by_label("standard deviation of q, dimension 1").input_value())
    assert wide == pytest.approx(2 * 0.2**0.5, abs=0.03)


def test_units_of_the_playground_are_its_own(page: Any, show: Show) -> None:
    panel = show("exact")
    page.evaluate("ctx.state.set({ units: 'bits per dimension', sign: 'surprisal' })")
    expected = 2.898548 / np.log(2) / 3
    assert float(rows(panel)["surprisal −log p(x)"]) == pytest.approx(expected, abs=1e-3)


def test_marks_of_the_importance_weighted_bound(modules: Modules) -> None:
    script = """(async () => { const m2 = await import('/bnd_units.js');
        return m.curveMarks(curve, { logMarginal: -2.9, elbo: -3.7 }, m2.createUnits(state, 3)); })()"""
    curve = [[1, -3.7, 0.01, -4.1], [10, -3.0, 0.01, -3.02], [100, -2.91, 0.001, None]]
    marks = modules.call("bnd_exact.js", f"await {script}", curve=curve, state={"units": "nats", "sign": "surprisal"})
    truth, elbo, foretold, bound = marks
    assert (truth["y"], elbo["y"]) == (2.9, 3.7)
    assert [point[0] for point in foretold["points"]] == [10], "where the prediction can be one"
    assert bound["points"][0] == pytest.approx([1, 3.7, 3.7 - 0.0196, 3.7 + 0.0196])


@pytest.mark.parametrize("name", ["posterior", "dataset", "history", "roads", "exact"])
def test_every_panel_fits_a_phone_and_explains_itself(page: Any, show: Show, name: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    panel = show(name, theme="dark")
    panel.scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    small = panel.evaluate("""(root) => [...root.querySelectorAll("*")].filter((e) => e.childNodes.length
        && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
        && e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 12).map((e) => e.textContent)""")
    assert small == [], "letters of at least 12 pixels"
    panel.get_by_text("Show the formula").click()
    assert panel.locator(".formula").first.is_visible()
    assert json.dumps(panel.locator("h3").inner_text())


def test_nothing_is_left_behind(page: Any, show: Show) -> None:
    show("exact")
    page.wait_for_function("window.asked.length === 1")
    page.evaluate("window.panels.forEach((panel) => panel.stop()); ctx.state.set({ units: 'bits', seed: 4 })")
    page.wait_for_timeout(400)
    assert len(page.evaluate("window.asked")) == 1
