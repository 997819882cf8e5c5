"""The numbers and sentences of the Gradients page's playground, without the app, against the package's own."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.modules import Modules
from vaeexplorer.gradients import expectations
from vaeexplorer.gradients.expectations import GaussianDraws
from vaeexplorer.gradients.quadratic import Quadratic
from vaeexplorer.wrong_roads import on_exact_models

BY = ("mu", "lam")
MODES = ("constant", "mean", "best", "others")
PLACES: list[dict[str, Any]] = [
    {"kind": "quadratic", "values": {"a": 1.5, "b": -0.7}, "c": 2.0, "mu": 0.4, "sigma": 0.8},
    {"kind": "quadratic", "values": {"a": -2.5, "b": 1.0}, "c": -80.0, "mu": 0.3, "sigma": 0.5},
    {"kind": "wave", "values": {"w": 4.0}, "c": 0.5, "mu": 0.4, "sigma": 0.5},
    {"kind": "wave", "values": {"w": 12.0}, "c": -3.0, "mu": -2.0, "sigma": 2.0},
    {"kind": "step", "values": {"t": 0.47}, "c": -1.0, "mu": 0.2, "sigma": 0.6},
    {"kind": "step", "values": {"t": -3.0}, "c": 0.0, "mu": 3.0, "sigma": 0.1},
    {"kind": "peaks", "values": {"d": 1.6}, "c": -80.0, "mu": 0.2, "sigma": 0.6},
]
NAMES = [f"{place['kind']}-{place['c']}" for place in PLACES]

SETUP = """
    const { FUNCTIONS } = await import("/grd_functions.js"), F = await import("/grd_formulas.js");
    const f = FUNCTIONS[place.kind].of({ ...place.values, c: place.c });
    const moments = F.momentsOf(f, place.mu, place.sigma);
"""
SETTINGS = """
    const settings = (by, mode, samples) => ({ mu: place.mu, sigma: place.sigma, by, samples, others: mode === "others",
        baseline: mode === "mean" ? moments.mean : mode === "best" ? moments.by[by].best : place.baseline ?? 0 });
"""


def with_f(modules: Modules, place: dict[str, Any], body: str, **values: Any) -> Any:
    """What a function body gives that sees `f`, its `moments`, the module `F` and `settings` at a place."""
    script = f"(async () => {{ {SETUP} {SETTINGS} {body} }})()"
    return modules.call("grd_formulas.js", f"await {script}", place=place, **values)


def python_of(place: dict[str, Any]) -> Any:
    """The same function in torch."""
    v, c = place["values"], place["c"]
    peak = lambda z, m, s: -0.5 * ((z - m) / s) ** 2 - math.log(s) - 0.5 * math.log(2 * math.pi)  # noqa: E731
    return {
        "quadratic": lambda z: v["a"] * z**2 + v["b"] * z + c,
        "wave": lambda z: torch.cos(v["w"] * z) + c,
        "step": lambda z: (z > v["t"]).to(z.dtype) + c + 0 * z,
        "peaks": lambda z: torch.logaddexp(peak(z, -v["d"], 0.5), peak(z, v["d"], 0.8)) - math.log(2) + c,
    }[place["kind"]]


def reference(place: dict[str, Any]) -> dict[str, Any]:
    """Mean and variances by a fine midpoint rule in numpy; breaks of f lie on the edges of its cells."""
    mu, s = place["mu"], place["sigma"]
    edges = np.linspace(-10, 10, 400_001)
    if place["kind"] == "step":
        jump = (place["values"]["t"] - mu) / s
        edges = np.concatenate([np.linspace(-40, jump, 400_001), np.linspace(jump, 40, 400_001)[1:]])
    noise, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    weight = width * np.exp(-0.5 * noise**2) / math.sqrt(2 * math.pi)
    z = torch.tensor(mu + s * noise, requires_grad=True)
    values = python_of(place)(z)
    (slope,) = torch.autograd.grad(values.sum(), z)
    f, slope = values.detach().numpy(), slope.numpy()
    score = {"mu": noise / s, "lam": noise**2 - 1}
    carried = {"mu": slope, "lam": slope * s * noise}
    mean = float(weight @ f)

    def score_variance(by: str, baseline: float) -> float:
        parts = (f - baseline) * score[by]
        return float(weight @ parts**2 - (weight @ parts) ** 2)

    return {
        "mean": mean,
        "variance": float(weight @ (f - mean) ** 2),
        "gradient": {by: float(weight @ ((f - mean) * score[by])) for by in BY},
        "pathwise": {
            by: (float(weight @ carried[by]), float(weight @ (carried[by] - weight @ carried[by]) ** 2)) for by in BY
        },
        "score": score_variance,
        "best": {by: float((weight @ (f * score[by] ** 2)) / (weight @ score[by] ** 2)) for by in BY},
    }


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_means_and_variances_are_those_of_a_fine_grid(modules: Modules, place: dict[str, Any]) -> None:
    known = reference(place)
    found, scores = with_f(
        modules,
        place,
        "return [moments, F.BY.map((by) => [0, 7, moments.mean, moments.by[by].best].map((C) => "
        "F.scoreVariance(moments, by, C)))];",
    )
    assert found["how"] == ("closed form" if place["kind"] == "quadratic" else "quadrature")
    near = {"rel": 1e-6, "abs": 1e-8}
    assert [found["mean"], found["variance"]] == pytest.approx([known["mean"], known["variance"]], **near)
    for by, found_scores in zip(BY, scores, strict=True):
        part = found["by"][by]
        assert part["gradient"] == pytest.approx(known["gradient"][by], **near)
        assert part["best"] == pytest.approx(known["best"][by], **near)
        assert [part["pathwise"]["mean"], part["pathwise"]["variance"]] == pytest.approx(known["pathwise"][by], **near)
        baselines = [0, 7, known["mean"], known["best"][by]]
        assert found_scores == pytest.approx([known["score"](by, C) for C in baselines], rel=1e-5, abs=1e-8)


def test_closed_forms_are_those_of_the_package(modules: Modules) -> None:
    rng = np.random.default_rng(3)
    for _ in range(12):
        a, b, c, mu = rng.normal(size=4) * [2, 2, 40, 1]
        s = float(rng.uniform(0.1, 2))
        place = {"kind": "quadratic", "values": {"a": a, "b": b}, "c": c, "mu": mu, "sigma": s}
        known = Quadratic(exact([[a]]), exact([b]), c).under(exact([mu]), exact([math.log(s)]))
        found = with_f(
            modules,
            place,
            """const all = (m) => [m.mean, m.variance, ...F.BY.flatMap((by) => [m.by[by].gradient, m.by[by].best,
                m.by[by].pathwise.variance, F.scoreVariance(m, by, 0), F.scoreVariance(m, by, m.mean),
                F.scoreVariance(m, by, m.by[by].best), ...[2, 4, 10].map((S) => F.othersVariance(m, by, S))])];
            return [all(moments), all(F.momentsOf({ ...f, quadratic: null }, place.mu, place.sigma))];""",
        )
        rows = [
            known.gradient, known.optimal_baseline(), known.pathwise(), known.score_function(),
            known.score_function(known.mean), known.score_function(known.optimal_baseline()),
            *(known.leave_one_out(samples) for samples in (2, 4, 10)),
        ]  # fmt: skip
        expected = [known.mean.item(), known.variance.item(), *(row[i].item() for i in (0, 1) for row in rows)]
        assert found[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert found[1] == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_estimates_are_those_of_the_package_on_the_same_draws(modules: Modules, place: dict[str, Any]) -> None:
    samples, count = 3, 40
    noise = np.random.default_rng(5).normal(size=(count, samples))
    draws = GaussianDraws(
        lambda z: python_of(place)(z).sum(-1),
        exact([place["mu"]]),
        exact([math.log(place["sigma"])]),
        torch.tensor(noise)[..., None],
    )
    constant = expectations.score_function_with(lambda pilot: torch.tensor(7.0))
    known = {
        "pathwise": expectations.pathwise(draws), "constant": constant(draws, draws),
        "others": expectations.leave_one_out(draws),
    }  # fmt: skip
    found = with_f(
        modules,
        place | {"baseline": 7},
        """const { estimates, estimateAt } = await import("/grd_playground_draws.js");
        return F.BY.map((by) => ["constant", "others"].map((mode) => {
            const now = settings(by, mode, samples), { pathwise, score } = estimates(f, now, noise, count);
            const each = Array.from({ length: count }, (_, i) => estimateAt(f, now, noise, i * samples));
            return [[...pathwise], [...score], each.map((one) => one.pathwise), each.map((one) => one.score)];
        }));""",
        noise=noise.ravel().tolist(),
        samples=samples,
        count=count,
    )
    for i in range(2):
        for mode, (pathwise, score, *drawn) in zip(("constant", "others"), found[i], strict=True):
            assert pathwise == pytest.approx(known["pathwise"][:, i, 0].tolist(), rel=1e-9, abs=1e-9)
            assert score == pytest.approx(known[mode][:, i, 0].tolist(), rel=1e-9, abs=1e-9)
            assert drawn == [pytest.approx(values, rel=1e-9, abs=1e-9) for values in (pathwise, score)]


@pytest.mark.parametrize("place", PLACES[:5] + PLACES[6:], ids=NAMES[:5] + NAMES[6:])
def test_what_is_measured_agrees_with_what_is_foretold(modules: Modules, place: dict[str, Any]) -> None:
    """2000 estimates of a fixed seed: mean and variance within 5 of their standard errors, at every baseline."""
    found = with_f(
        modules,
        place | {"baseline": -20},
        """const { estimates, summary } = await import("/grd_playground_draws.js");
        const { normals } = await import("/random.js"), noise = normals(4, 2000 * 5), rows = [];
        for (const by of F.BY) for (const mode of modes) for (const samples of mode === "others" ? [2, 5] : [1, 5]) {
            const now = settings(by, mode, samples), all = estimates(f, now, noise, 2000);
            const foretold = F.variancesOf(moments, now), { gradient, pathwise } = moments.by[by];
            rows.push(["score", gradient, foretold.score, summary(all.score)]);
            rows.push(["pathwise", pathwise.mean, foretold.pathwise, summary(all.pathwise)]);
        }
        return rows;""",
        modes=MODES,
    )
    assert len(found) == 2 * 2 * 2 * len(MODES)
    for name, mean, variance, measured in found:
        assert measured["mean"] == pytest.approx(mean, abs=5 * measured["stderr"] + 1e-9), name
        assert measured["variance"] == pytest.approx(variance, abs=5 * measured["varianceError"] + 1e-9), name


def test_a_summary_knows_its_errors(modules: Modules) -> None:
    values = np.random.default_rng(8).standard_t(9, 500)
    found = modules.call("grd_playground_draws.js", "m.summary(Float64Array.from(v))", v=values.tolist())
    variance, n = values.var(ddof=1), len(values)
    fourth = ((values - values.mean()) ** 4).mean()
    error = math.sqrt((fourth - variance**2 * (n - 3) / (n - 1)) / n)
    assert found == pytest.approx(
        {"mean": values.mean(), "stderr": math.sqrt(variance / n), "variance": variance, "varianceError": error,
         "count": n}
    )  # fmt: skip
    few = modules.call("grd_playground_draws.js", "[m.summary([3]).stderr === Infinity, m.summary([3, 4], 1).mean]")
    assert few == [True, 3]


def test_nothing_is_lost_between_the_bins(modules: Modules) -> None:
    values = np.concatenate([np.random.default_rng(2).normal(size=300), [-1.0, 1.0, 2.5, -7]])
    found = modules.call("grd_playground_draws.js", "m.binned(v, -1, 1, 7)", v=values.tolist())
    inside = values[(values >= -1) & (values <= 1)]
    assert found["counts"] == np.histogram(inside, np.linspace(-1, 1, 8))[0].tolist()
    assert (found["below"], found["above"]) == ((values < -1).sum(), (values > 1).sum())
    assert found["edges"] == pytest.approx(np.linspace(-1, 1, 8).tolist())


def exact(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def evaluated(text: str) -> float:
    """What a printed formula comes to, as a student would reckon."""
    plain = text.translate(str.maketrans({"·": "*", "⁄": "/", "−": "-", "[": "(", "]": ")"}))
    plain = re.sub(r"(\d)\(", r"\1*(", plain).replace("²", "**2")
    assert re.fullmatch(r"[\d.eE+*/() -]+", plain), text
    return float(eval(plain))


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_filled_formulas_come_to_what_they_say(modules: Modules, place: dict[str, Any]) -> None:
    found = with_f(
        modules,
        place | {"baseline": -3.25},
        """const { filled } = await import("/grd_playground_words.js"), rows = [];
        for (const by of F.BY) for (const mode of modes) for (const samples of mode === "others" ? [2, 10] : [1, 10]) {
            const now = settings(by, mode, samples), variances = F.variancesOf(moments, now);
            const text = filled(f, moments, variances, now);
            for (const name of ["pathwise", "score"]) rows.push([text[name], variances[name], mode, name]);
        }
        return rows;""",
        modes=MODES,
    )
    for text, variance, mode, name in found:
        cancels = 1e-5 * 100**2 if mode != "others" and name == "score" and place["c"] < -10 else 0
        near = {"rel": 2e-4, "abs": 1e-6 + (cancels if place["kind"] != "quadratic" else 0)}
        assert evaluated(text["numbers"]) == pytest.approx(variance, **near), (mode, name, text)
        assert evaluated(text["value"]) == pytest.approx(variance, rel=1e-5, abs=1e-9)
        assert text["letters"].count("(") == text["letters"].count(")")


def lead(modules: Modules, place: dict[str, Any], mode: str = "constant", by: str = "mu", samples: int = 1) -> str:
    script = """const { leadWords } = await import("/grd_playground_words.js");
        const now = settings(by, mode, samples);
        return leadWords(moments, F.variancesOf(moments, now), now);"""
    return with_f(modules, place, script, by=by, mode=mode, samples=samples)


def test_the_sentence_says_who_is_surer_and_why(modules: Modules) -> None:
    ruined = lead(modules, PLACES[1])
    assert "The true gradient by μ is −0.5: to the left." in ruined
    assert "scatters 65 times as widely, so it needs 4,300 times as many draws" in ruined
    assert "97 % of its variance comes from the bare height E f − C = −80.55" in ruined
    saved = lead(modules, PLACES[1], "mean")
    assert "needs 2.6 times as many draws" in saved and "bare height" not in saved
    assert "The true gradient by log σ is −1.25: narrower." in lead(modules, PLACES[1], by="lam")
    wave = lead(modules, PLACES[2] | {"c": 0})
    assert "the score function is the better one here: pathwise needs 4.5 times as many draws" in wave
    step = lead(modules, PLACES[4] | {"values": {"t": 0.5}})
    assert "Pathwise answers 0: where f only jumps there is no slope" in step and "is 0.586776: to the right" in step
    flat = lead(modules, {"kind": "quadratic", "values": {"a": 0, "b": 0}, "c": 0, "mu": 0, "sigma": 1})
    assert "nothing is left to chance" in flat and "NaN" not in flat
    assert "from 5 draws" in lead(modules, PLACES[1], "others", samples=5)


def test_the_wrong_average_counts_q_twice(modules: Modules) -> None:
    """Against the wrong road of the package, and against a mean in numpy over the same draws; 5 standard errors."""
    road = on_exact_models.Quadratic()
    noise = np.random.default_rng(6).normal(size=20_000)
    places = [1, 2, 10, 1000, 20_000]
    found, limit = with_f(
        modules,
        PLACES[0],
        """const { runningMeans } = await import("/grd_wrong.js");
        return [runningMeans(f, place.mu, place.sigma, noise, places), F.averageOfGradQ(f, place.mu, place.sigma)];""",
        noise=noise.tolist(),
        places=places,
    )
    assert limit["mean"] == pytest.approx(road.average_of_f_grad_q, rel=1e-9)
    assert limit["mean"] == pytest.approx(0.088155, abs=5e-7)
    z = road.mean + road.std * noise
    right = (road.a * z**2 + road.b * z + road.c) * noise / road.std
    printed = right * np.exp(-0.5 * noise**2) / (road.std * math.sqrt(2 * math.pi))
    for name, values, truth in (("right", right, road.slope), ("printed", printed, limit["mean"])):
        assert [point[0] for point in found[name]] == places
        assert [point[1] for point in found[name]] == pytest.approx([values[:n].mean() for n in places], rel=1e-9)
        _, mean, low, high = found[name][-1]
        error = values.std(ddof=1) / math.sqrt(len(values))
        assert [low, high] == pytest.approx([mean - 1.96 * error, mean + 1.96 * error], rel=1e-4)
        assert mean == pytest.approx(truth, abs=5 * error)
    assert limit["std"] == pytest.approx(printed.std(), rel=0.05)


def test_the_words_of_the_wrong_average(modules: Modules) -> None:
    say = "m.wrongWords({ printed: [100, 0.09, 0.05, 0.13], right: [100, 0.45, 0.1, 0.8] }, truth, limit)"
    text = modules.call("grd_wrong.js", say, truth=0.5, limit=0.088155)
    assert "After 100 draws the printed average says 0.090 ± 0.020, the right one 0.45 ± 0.18." in text
    assert "only make the printed one surer of 0.088155, 5.7 times too small." in text
    assert "times too large" in modules.call("grd_wrong.js", say, truth=0.5, limit=2)
    assert "points the wrong way" in modules.call("grd_wrong.js", say, truth=-0.5, limit=2)
    assert modules.call("grd_wrong.js", say, truth=0, limit=0).endswith("surer of 0.")
