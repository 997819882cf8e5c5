"""A stand-in for the app behind the Bounds page's panels: answers in the form of its routes, made of known numbers."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from vaeexplorer.portable import Buffers, document

SHAPE = (1, 8, 8)
MEAN, COVARIANCE = np.array([0.4, -0.3]), np.array([[0.09, 0.05], [0.05, 0.06]])  # the true posterior
Q_MEAN, Q_STD = [0.5, -0.2], [0.25, 0.2]
WINDOW, SIZE = [-1.2, 2.0, -1.6, 1.0], [81, 71]

HARNESS = """async ({ theme, panels, answers, posterior = "normal", latent = 2, about = null }) => {
    const { createState } = await import("/page_state.js"), { createUnits } = await import("/bnd_units.js");
    const { dress } = await import("/theme.js"), { latest, Withdrawn } = await import("/jobs.js");
    const { styleSheet } = await import("/mounting.js");
    const css = await Promise.all(["base.css", "panels.css", "bounder.css", "bnd_charts.css", "bnd_panels.css"].map(
        async (file) => { const a = await fetch("/" + file); return a.headers.get("Content-Type") === "text/css"
            ? a.text() : ""; }));
    document.adoptedStyleSheets = [styleSheet(css)];
    const dark = theme === "dark", host = document.body;
    const look = { "background-color": dark ? "#0e1117" : "#ffffff", "secondary-background-color": dark ? "#181c24"
        : "#f6f7f9", "text-color": dark ? "#fafafa" : "#262730", font: "sans-serif" };
    for (const [name, value] of Object.entries(look)) host.style.setProperty(`--st-${name}`, value);
    host.style.background = look["background-color"];
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
    const body = (answer) => (typeof answer === "string" ? bytes(answer) : JSON.stringify(answer));
    const asked = window.asked = [], given = window.answers = answers;
    const reply = (route, wish) => {
        const answer = given[`${route} ${wish?.source ?? wish?.image ?? ""}`] ?? given[route];
        if (answer?.error) throw Object.assign(new Error(answer.error), { status: answer.status ?? 500 });
        return new Response(body(answer));
    };
    const state = createState({ images: ["test:3", "test:8"], titles: new Map([["test:3", "test image 3"]]) });
    const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
    const ctx = window.ctx = {
        root: location.href, state, units: createUnits(state, 64), theme, colours: null, found: null,
        model: { name: "tiny", digest: window.digest ?? "d0", latent_dim: latent, posterior, shape: [1, 8, 8] },
        about: about ?? {
            run: true, truth: latent < 3 ? "grid" : null, data: { count: 200, title: "digits" }, why: "", others: [],
            sources: [{ id: "test", title: "test images" }, { id: "inverted", title: "inverted test images" }],
            methods: [{ name: "iwae", title: "IWAE", kind: "lower bound", counted: "draws", samples: 1000, least: 1,
                        most: 100000, problem: null, seconds_per_image: 0.1 },
                      { name: "grid", title: "Grid", kind: "exact", counted: "points", samples: 161, least: 2,
                        most: 641, problem: latent > 2 ? "too many" : null, seconds_per_image: 0.05 }] },
        notice: (text) => { window.noticed = text; },
        ask: async (route, what, wish = null, query = {}) => { asked.push([route, wish ?? query]);
            return reply(route, wish ?? query); },
        jobs: { latest, untilDone: async (route, what, wish, watch) => {
            asked.push([route, wish]);
            for (const partial of given[`${route} partials`] ?? []) {
                watch.onProgress({ job: "j1", fraction: 0.5, text: "half-way", partial });
                await wait(40);
                if (watch.signal.aborted) throw new Withdrawn(what);
                if (window.hold) await new Promise((done) => { window.release = done; });
                if (asked.some(([other]) => other === "jobs/cancel")) return new Response(body({ ...partial,
                    complete: false }));
            }
            return reply(route, wish);
        } },
    };
    const root = Object.assign(document.createElement("div"), { className: "live panelled bounder" });
    document.body.replaceChildren(root);
    ctx.colours = dress(root, host, ["text", "quiet", "edge", "surface", "page", "input", "encoder", "mu", "sigma",
        "noise", "z", "decoder", "gap", "rare"]).colours;
    for (const old of window.panels ?? []) old.stop();
    window.panels = [];
    for (const name of panels) {
        const panel = (await import(`/bnd_${name}.js`))[name](ctx);
        root.append(panel.element);
        panel.theme(ctx.colours, theme);
        window.panels.push(panel);
    }
}"""
"""Shows panels on a blank page with a context like the page's own; `window.asked` holds what they asked."""


def normal_grid() -> np.ndarray:
    """Logarithm of the true posterior at the nodes of the grid (h, w)."""
    u, v = np.linspace(WINDOW[0], WINDOW[1], SIZE[0]), np.linspace(WINDOW[2], WINDOW[3], SIZE[1])
    off = np.stack(np.meshgrid(u, v), -1) - MEAN
    square = np.einsum("hwi,ij,hwj->hw", off, np.linalg.inv(COVARIANCE), off)
    return -0.5 * square - np.log(2 * np.pi) - 0.5 * np.log(np.linalg.det(COVARIANCE))


def posterior(grid: np.ndarray | None = None, **changes: Any) -> bytes:
    """The document of bounds/posterior for two latent dimensions."""
    buffers = Buffers()
    header = {
        "latent_dim": 2, "dims": [0, 1], "why": "the only two dimensions", "window": WINDOW, "size": SIZE,
        "density": buffers.add(normal_grid() if grid is None else grid),
        "points": buffers.add(np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, 300)), "count": 300,
        "kind": "exact", "note": "from a grid of 81 x 71 points", "ess": None, "bits": None,
        "q": {"mean": Q_MEAN, "std": Q_STD}, "diagonal": {"mean": MEAN.tolist(), "std": [0.22, 0.18]},
        "full": {"mean": MEAN.tolist(), "covariance": COVARIANCE.tolist()},
        "prior": {"mean": [0, 0], "covariance": [[1, 0], [0, 1]]},
    }  # fmt: skip
    return document(header | changes, buffers)


def one_dimension() -> bytes:
    buffers, z = Buffers(), np.linspace(-2, 3, 201)
    density = buffers.add(-0.5 * ((z - 0.5) / 0.4) ** 2 - np.log(0.4 * np.sqrt(2 * np.pi)))
    header = {
        "latent_dim": 1, "dims": [0], "why": "", "window": [-2, 3], "size": [201, 1], "density": density,
        "points": None, "kind": "exact", "note": "from a grid of 201 points", "q": {"mean": [0.9], "std": [0.2]},
        "diagonal": None, "full": None, "prior": {"mean": [0], "covariance": [[1]]}, "bits": None, "ess": None,
    }  # fmt: skip
    return document(header, buffers)


def bits() -> bytes:
    pairs = [{"posterior": 0.97, "q": 0.9}, {"posterior": 0.2, "q": 0.85}, {"posterior": 0.5, "q": 0.48}]
    header = {
        "latent_dim": 3, "dims": None, "why": "", "window": None, "size": None, "density": None, "points": None,
        "kind": "exact", "note": "by enumeration of 8 codes", "q": None, "bits": pairs,
    }  # fmt: skip
    return document(header, Buffers())


def estimate(values: np.ndarray, name: str) -> dict[str, Any]:
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return {"value": float(values.mean()), "stderr": error, "n": len(values), "kind": "unbiased", "over": "images",
            "name": name, "unit": "nats"}  # fmt: skip


def data_set(source: str, count: int, middle: float, done: int | None = None) -> dict[str, Any]:
    """The answer of bounds/dataset: log p(x) around `middle`, gaps around 2."""
    random, done = np.random.default_rng(len(source)), done or count
    marginal, gap = middle + 4 * random.normal(size=done), random.gamma(4, 0.5, done)
    values = {"elbo": marginal - gap, "log_marginal": marginal, "gap": gap}
    return {
        "source": source, "title": {"test": "test images", "inverted": "inverted test images"}[source], "count": count,
        "done": done, "complete": done == count, "method": "iwae", "kind": "lower bound", "samples": 1000,
        "index": list(range(5, 5 + done)), **{name: value.tolist() for name, value in values.items()},
        "stderr": [0.05] * done, "label": ["7"] * done, "flagged": 3,
        "warnings": [{"code": "pareto", "text": "few draws decide", "count": 3}],
        "words": "binarised as on the other pages",
        "mean": {name: estimate(value, name) for name, value in values.items()},
    }  # fmt: skip


def images(source: str, indices: list[int]) -> bytes:
    """Pictures whose pixels all are their index."""
    buffers = Buffers()
    pixels = np.repeat(np.array(indices, np.uint8), 64).reshape(-1, *SHAPE)
    pixels[:, 0, 2:6, 3:5] = 255
    return document(
        {"source": source, "shape": list(SHAPE), "index": indices, "images": buffers.add(pixels, "u1")}, buffers
    )


def history() -> dict[str, Any]:
    steps = [0, 10, 30, 100, 300, 1000, 2000, 3000]
    surprisal, gap = [200, 150, 120, 105, 99, 96, 95, 94.5], [1, 6, 8, 7, 5, 3, 3.6, 4.4]
    return {
        "run": True, "steps": steps, "surprisal": surprisal, "gap": gap, "n": 64, "over": "samples of q",
        "subo": [s + g for s, g in zip(surprisal, gap, strict=True)], "note": "held-out images, the same at each step",
        **{f"{part}_stderr": [0.1] * len(steps) for part in ("subo", "surprisal", "gap")},
    }  # fmt: skip


def roads() -> dict[str, Any]:
    log_inside = {
        "name": "log_inside", "title": "The logarithm pushed inside the expectation", "quantity": "log p",
        "source": "question on sampling from the prior (text 003)", "printed": "log p(x) = E_p(z)[ log p(x|z) ]",
        "correct": "log p(x) = log E_p(z)[ p(x|z) ]", "words": "the printed mean is the ELBO with the prior as q",
        "printed_value": -7.642, "printed_stderr": 0.05, "correct_value": -2.9, "correct_stderr": 0.02,
        "truth": -2.898548, "truth_stderr": 0, "truth_kind": "exact", "truth_by": "closed form", "table": None,
        "on": "this model", "printed_limit": -7.642374, "note": "",
    }  # fmt: skip
    gradient = log_inside | {
        "name": "gradient_without_weight", "title": "A gradient that lost its weight", "quantity": "gradient",
        "printed": "∇ log p(x) ≈ Σ ∇log p(z_l) / Σ p(x|z_l)", "correct": "∇ log p(x) ≈ Σ w_l ∇log p(z_l) / Σ w_l",
        "printed_value": 0.0039, "printed_stderr": 0.004, "correct_value": 0.3078, "correct_stderr": 0.002,
        "truth": 0.308219, "table": [[1, 0.0008, 0.001], [2, 0.2028, 0.001], [5, 0.2885, 0.001], [10, 0.302, 0.001],
                                     [100, 0.3078, 0.001]],
        "table_words": "The mean of the right estimate from L draws.", "on": "an exact model", "printed_limit": 0,
    }  # fmt: skip
    return {"roads": [log_inside, gradient]}


def playground() -> dict[str, Any]:
    counts, truth, spread = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], -2.898548, 2.485104
    curve = [[k, truth - 0.784131 / k**0.9, 0.01 / k**0.5, truth - spread / (2 * k)] for k in counts]
    return {"curve": curve, "draws": 60_000, "log_marginal": truth}


def answers() -> dict[str, Any]:
    return {
        "bounds/posterior": posterior(), "bounds/history": history(), "bounds/roads": roads(),
        "bounds/exact": playground(), "bounds/dataset test": data_set("test", 120, -90),
        "bounds/dataset inverted": data_set("inverted", 80, -400),
        "bounds/images test": images("test", list(range(12))),
        "bounds/images inverted": images("inverted", list(range(12))),
        "jobs/cancel": {},
    }  # fmt: skip


def encoded(found: dict[str, Any] | None = None) -> dict[str, Any]:
    """Answers as JSON can carry them: bytes as base64."""
    found = answers() if found is None else found
    return {name: base64.b64encode(v).decode() if isinstance(v, bytes) else v for name, v in found.items()}
