"""A stand-in for the app behind the Gradients page's panels: answers in the form of its routes, of known numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

TITLES = {
    "pathwise": "pathwise", "sticking_the_landing": "sticking the landing", "score_function": "score function",
    "leave_one_out": "leave one out", "iwae": "importance weighted", "doubly_reparameterized": "DReG",
    "gumbel_softmax": "Gumbel-softmax", "disarm": "DisARM",
}  # fmt: skip
BITS = ("gumbel_softmax", "disarm")
FEWEST = {"leave_one_out": 2}
VARIANCE = {
    "pathwise": 2.5, "sticking_the_landing": 0.5, "score_function": 10250.0, "leave_one_out": 60.0, "iwae": 2.0,
    "doubly_reparameterized": 0.4,
}  # fmt: skip

HARNESS = """async ({ theme, panels, answers, about, images, digest }) => {
    const { createState } = await import("/page_state.js"), { dress } = await import("/theme.js");
    const { latest, Withdrawn } = await import("/jobs.js"), { styleSheet } = await import("/mounting.js");
    const css = await Promise.all(["base.css", "panels.css", "gradienter.css", "grd_charts.css"].map(
        async (file) => (await fetch("/" + file)).text()));
    document.adoptedStyleSheets = [styleSheet(css)];
    const dark = theme === "dark", host = document.body;
    const look = { "background-color": dark ? "#0e1117" : "#ffffff", "secondary-background-color": dark ? "#181c24"
        : "#f6f7f9", "text-color": dark ? "#fafafa" : "#262730", font: "sans-serif" };
    for (const [name, value] of Object.entries(look)) host.style.setProperty(`--st-${name}`, value);
    host.style.background = look["background-color"];
    for (const old of window.panels ?? []) old.stop();
    const asked = window.asked = [];
    Object.assign(window, { answers, panels: [], hold: window.hold ?? false });
    const json = (answer) => new Response(JSON.stringify(answer));
    const reply = (route, wish) => {
        const answer = window.answers[`${route} ${wish?.over ?? ""}`] ?? window.answers[route];
        if (answer?.error) throw Object.assign(new Error(answer.error), { status: answer.status ?? 422 });
        return json(answer ?? {});
    };
    const free = () => new Promise((done) => { window.release = done; });
    const state = createState({ images, titles: new Map([["test:3", "test image 3"]]) }, 8);
    const ctx = window.ctx = {
        root: location.href, state, theme, colours: null, about, model: { name: "tiny/one", digest },
        notice: (text) => { window.noticed = text; },
        question: (extra) => ({ model: "tiny/one", images: [...state.images], seed: state.seed, ...extra }),
        ask: async (route, what, wish) => { asked.push([route, wish]); return reply(route, wish); },
        jobs: { latest, untilDone: async (route, what, wish, watch) => {
            asked.push([route, wish, Boolean(watch.again)]);
            for (const partial of window.answers[`${route} partials`] ?? []) {
                watch.onProgress({ job: "j1", fraction: 0.5, text: "half-way", partial });
                if (window.hold) await free();
                if (watch.signal.aborted) throw new Withdrawn(what);
                if (asked.some(([other]) => other === "jobs/cancel")) return json({ ...partial, complete: false });
            }
            return reply(route, wish);
        } },
    };
    const root = Object.assign(document.createElement("div"), { className: "live panelled gradienter" });
    document.body.replaceChildren(root);
    ctx.colours = dress(root, host, ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma",
        "noise", "z", "decoder", "gap", "rare"]).colours;
    for (const name of panels) {
        const panel = (await import(`/grd_${name}.js`))[name](ctx);
        root.append(panel.element);
        panel.theme(ctx.colours, theme);
        window.panels.push(panel);
    }
}"""
"""Shows panels on a blank page with a context like the page's own; `window.asked` holds what they asked."""


def about(posterior: str = "gaussian", latent: int = 10, **changes: Any) -> dict[str, Any]:
    """The answer of gradients/about."""
    bits = posterior == "bernoulli"
    estimators = []
    for name, title in TITLES.items():
        fits = (name in BITS) == bits or name.startswith(("score", "leave"))
        estimators.append({
            "name": name, "title": title, "words": "moves", "source": "somebody 2014", "unbiased": name != BITS[0],
            "objective": "iwae" if name in ("iwae", "doubly_reparameterized") else "expectation",
            "fewest": FEWEST.get(name, 1), "cost": 3, "options": {}, "applies": fits,
            "why": "" if fits else "needs bits" if name in BITS else "needs a Gaussian",
        })  # fmt: skip
    sweeps = [
        sweep("samples", "Samples S", [1, 2, 4, 8], ["pathwise", "score_function", "leave_one_out"]),
        sweep("k", "Samples K", [1, 2, 4, 8], ["iwae", "doubly_reparameterized"], measure="snr"),
        sweep("baseline", "Baseline C", [-40, -20, 0, 20, 40], ["score_function"], log_x=False),
        sweep("temperature", "Temperature", [0.1, 1.0], ["gumbel_softmax"], why="the codes are not binary"),
    ]
    targets = [
        {"name": "outputs", "title": "outputs of the encoder", "applies": True, "why": ""},
        {"name": "encoder", "title": "weights of the encoder", "applies": True, "why": ""},
        {"name": "decoder", "title": "weights of the decoder", "applies": False, "why": "no decoder"},
    ]
    return {
        "model": "tiny/one", "latent_dim": latent, "posterior": posterior, "run": False, "why": "", "data": {},
        "truth": "reference", "estimators": estimators, "sweeps": sweeps, "targets": targets,
        "defaults": {"images": 4, "replicates": 2000, "samples": 2},
    } | changes  # fmt: skip


def sweep(over: str, title: str, values: list[float], names: list[str], **changes: Any) -> dict[str, Any]:
    why = changes.pop("why", "")
    return {
        "over": over, "title": title, "x_title": title, "words": "what happens",
        "values": values, "estimators": names, "applies": not why, "why": why, "measure": "variance", "log_x": True,
    } | changes  # fmt: skip


def row(name: str, variance: float | None = None, **changes: Any) -> dict[str, Any]:
    """A row of gradients/diagnose: two thirds of the variance by the means; 4 decoder evaluations, 1.5 s."""
    total = VARIANCE[name] if variance is None else variance

    def three(value: float) -> dict[str, float]:
        return {"value": value, "low": 0.9 * value, "high": 1.1 * value}

    cost = 6 if name == "pathwise" else 2
    return {
        "estimator": name, "title": TITLES[name], "unbiased": name != "gumbel_softmax", "samples": 2,
        "objective": "iwae" if name in ("iwae", "doubly_reparameterized") else "expectation", "replicates": 2000,
        "evaluations": cost, "seconds": 1.5,
        "variance": {"loc": three(total * 2 / 3), "log_scale": three(total / 3), "total": three(total)},
        "per_evaluation": total * cost, "per_second": total * 1.5,
        "bias": {"largest_z": 2.1, "limit": 4.5, "biased": False}, "snr": {"value": 0.3, "low": 0.28, "high": 0.33},
        "cosine": 0.998, "cosine_of_one": 0.21, "how": "reference", "minibatch": None, "warnings": [],
    } | changes  # fmt: skip


def diagnosed(rows: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """The answer of gradients/diagnose."""
    rows = [row(name) for name in VARIANCE] if rows is None else rows
    return {"target": "outputs", "truth": "reference", "complete": True, "samples": 2, "replicates": 2000,
            "rows": rows} | changes  # fmt: skip


def swept(over: str = "samples", **changes: Any) -> dict[str, Any]:
    """The answer of gradients/sweep: variance 8 / x for pathwise, 80 / x for the score function."""
    points = [[x, 8 / x, 7 / x, 9 / x, x**0.5, 0.9 * x**0.5, 1.1 * x**0.5] for x in (1, 2, 4, 8)]
    high = [[x, *(10 * v for v in rest)] for x, *rest in points]
    return {
        "over": over, "x_title": "samples S", "log_x": True, "measure": "variance", "complete": True, "marks": [],
        "series": [{"estimator": "pathwise", "points": points, "theory": [[1, 8], [8, 1]]},
                   {"estimator": "score_function", "points": high, "theory": None}],
        "slope": {"pathwise": {"value": -1.004, "stderr": 0.012}, "score_function": {"value": -1.02, "stderr": 0.05}},
    } | changes  # fmt: skip


def signal() -> dict[str, Any]:
    """IWAE's signal falls with the root of K, DReG's rises with it."""
    series = []
    for name, power in (("iwae", -0.5), ("doubly_reparameterized", 0.5)):
        points = [
            [k, 1 / k, 0.9 / k, 1.1 / k, 2 * k**power, 1.8 * k**power, 2.2 * k**power, None] for k in (1, 2, 4, 8)
        ]
        series.append({"estimator": name, "points": points, "theory": None})
    slope = {"iwae": {"value": -0.5, "stderr": 0.03}, "doubly_reparameterized": {"value": 0.5, "stderr": 0.03}}
    return swept("k", series=series, slope=slope, measure="snr", x_title="samples K")


def parabola() -> dict[str, Any]:
    """Variance (c - 2)^2 + 50 of the score function against its baseline C = E f + c."""
    points = [[c, (c - 2) ** 2 + 50, None, None, 0.1, None, None] for c in (-40, -20, 0, 20, 40)]
    series = [{"estimator": "score_function", "points": points, "theory": None}]
    marks = [{"x": 0, "words": "C = E f, the mean"}, {"x": 2, "words": "the least variance"}]
    return swept("baseline", series=series, marks=marks, slope={}, log_x=False, x_title="C - E f, nats")


def cloud(count: int = 200) -> dict[str, Any]:
    """Around the exact gradient (1, 2): pathwise tight, the score function wide."""
    random, exact = np.random.default_rng(0), np.array([1.0, 2.0])
    clouds = []
    for name, scale in (("pathwise", 0.3), ("score_function", 20.0)):
        points = exact + scale * random.normal(size=(count, 2))
        clouds.append({"estimator": name, "points": points.tolist(), "mean": points.mean(0).tolist(),
                       "covariance": np.cov(points.T).tolist(), "objective": "expectation",
                       "exact": exact.tolist()})  # fmt: skip
    axes = [{"part": "loc", "dim": dim, "title": f"mean of z{dim + 1}"} for dim in (3, 7)]
    return {"dims": [3, 7], "axes": axes, "samples": 2, "why": "the two of the largest exact gradient",
            "exact": exact.tolist(), "truth": "reference", "clouds": clouds, "complete": True}  # fmt: skip


def histogram(replicates: int = 2000) -> dict[str, Any]:
    """Around the true derivative 1.5: pathwise with standard deviation 0.5, the score function with 50."""
    random, series = np.random.default_rng(1), []
    for name, scale in (("pathwise", 0.5), ("score_function", 50.0)):
        values = 1.5 + scale * random.normal(size=replicates)
        counts, edges = np.histogram(values, bins=60, range=(1.5 - 2.5 * scale, 1.5 + 2.5 * scale))
        beyond = [int((values < edges[0]).sum()), int((values >= edges[-1]).sum())]
        series.append({"estimator": name, "edges": edges.tolist(), "counts": counts.tolist(), "beyond": beyond,
                       "mean": float(values.mean()), "stderr": float(values.std() / replicates**0.5),
                       "std": float(values.std()), "truth": 1.5, "truth_error": 0.004})  # fmt: skip
    return {"truth": 1.5, "truth_error": 0.004, "how": "reference", "parameter": {"part": "loc", "dim": 3},
            "series": series}  # fmt: skip


def answers() -> dict[str, Any]:
    return {
        "gradients/diagnose": diagnosed(), "gradients/cloud": cloud(), "gradients/histogram": histogram(),
        "gradients/sweep": swept(), "gradients/sweep k": signal(), "gradients/sweep baseline": parabola(),
        "jobs/cancel": {},
    }  # fmt: skip
