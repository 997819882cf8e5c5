"""The Reconstruct page's modules that compute, against numpy and torch: damage, ranks, documents, colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from tests.browser.modules import Modules
from vaeexplorer.portable import Buffers, document

WHOLE = {"rotation": 0, "shift": 0, "occlusion": 0, "noise": 0, "invert": False, "seed": 1}


def image(shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def damaged(modules: Modules, x: np.ndarray, **settings: Any) -> np.ndarray:
    out = modules.call(
        "corrupt.js", "Array.from(m.corrupt(Float32Array.from(x), shape, settings))", x=x.ravel().tolist(),
        shape=list(x.shape), settings=WHOLE | settings,
    )  # fmt: skip
    return np.asarray(out, np.float32).reshape(x.shape)


# ---- damage


def test_no_damage_leaves_every_pixel(modules: Modules) -> None:
    x = image((3, 6, 8))
    np.testing.assert_array_equal(damaged(modules, x), x)
    assert modules.call("corrupt.js", "m.untouched(m.whole())")
    for change in ({"rotation": 3}, {"shift": 1}, {"occlusion": 1}, {"noise": 0.02}, {"invert": True}):
        assert not modules.call("corrupt.js", "m.untouched({ ...m.whole(), ...change })", change=change)


@pytest.mark.parametrize("turns", [1, 2, -1])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 7)])
def test_quarter_turns_are_exact(modules: Modules, turns: int, shape: tuple[int, int, int]) -> None:
    x = image(shape)
    expected = np.rot90(x, turns, axes=(1, 2))
    np.testing.assert_allclose(damaged(modules, x, rotation=90 * turns), expected, atol=1e-6)


def test_a_shift_moves_black_in(modules: Modules) -> None:
    x = image((3, 5, 8))
    expected = np.zeros_like(x)
    expected[:, :, 2:] = x[:, :, :-2]
    np.testing.assert_allclose(damaged(modules, x, shift=2), expected, atol=1e-6)
    half = damaged(modules, x, shift=-0.5)
    np.testing.assert_allclose(half[:, :, :-1], (x[:, :, :-1] + x[:, :, 1:]) / 2, atol=1e-6)


def test_the_square_is_black_inside_the_picture_and_as_large_as_said(modules: Modules) -> None:
    x = np.ones((3, 20, 20), np.float32)
    places = set()
    for seed in range(1, 12):
        out = damaged(modules, x, occlusion=25, seed=seed)
        rows, columns = np.nonzero(out[0] == 0)
        assert len(rows) == 100 == out[0].size * 0.25
        assert (np.ptp(rows), np.ptp(columns)) == (9, 9)
        np.testing.assert_array_equal(out[0], out[2])
        places.add((rows[0], columns[0]))
    assert len(places) > 5


def test_noise_is_normal_cut_to_the_range_and_fixed_by_its_seed(modules: Modules) -> None:
    x = np.full((1, 64, 64), 0.5, np.float32)
    out = damaged(modules, x, noise=0.1)
    assert abs(out.mean() - 0.5) < 4 * 0.1 / 64
    assert abs(out.std() / 0.1 - 1) < 0.05
    np.testing.assert_array_equal(damaged(modules, x, noise=0.1), out)
    assert not np.array_equal(damaged(modules, x, noise=0.1, seed=2), out)
    expected = np.clip(0.5 + 2 * (out - 0.5), 0, 1)
    np.testing.assert_allclose(damaged(modules, x, noise=0.2), expected, atol=1e-5)  # the same draws
    strong = damaged(modules, x, noise=0.6)
    assert (strong.min(), strong.max()) == (0, 1)


def test_inverting_twice_is_nothing(modules: Modules) -> None:
    x = image()
    np.testing.assert_allclose(damaged(modules, x, invert=True), 1 - x, atol=1e-6)


# ---- ranks

VALUES = [-3.5, -1.25, float("nan"), -9.0, -1.25, -2.0]


def ordered(modules: Modules, term: str, order: str, labels: Any = None, wanted: Any = None) -> list[int]:
    return modules.call(
        "rank.js", "m.ordered(Float32Array.from(v.map((x) => x ?? NaN)), term, order, labels, wanted)",
        v=[None if v != v else v for v in VALUES], term=term, order=order, labels=labels, wanted=wanted,
    )  # fmt: skip


def test_orders(modules: Modules) -> None:
    assert ordered(modules, "elbo", "best") == [1, 4, 5, 0, 3, 2]
    assert ordered(modules, "elbo", "worst") == [3, 0, 5, 1, 4, 2]
    assert ordered(modules, "kl", "best") == [3, 0, 5, 1, 4, 2]  # less is better
    assert ordered(modules, "elbo", "typical") == [5, 1, 4, 0, 3, 2]  # the median is -2
    assert ordered(modules, "elbo", "given") == [0, 1, 2, 3, 4, 5]
    assert ordered(modules, "elbo", "best", [7, 8, 7, 7, 7, 8], 7) == [4, 0, 3, 2]


def test_ranks_agree_with_numpy(modules: Modules) -> None:
    values = np.random.default_rng(3).normal(size=999).astype(np.float32)
    ascending = np.sort(values)
    for value in [-9.0, float(ascending[0]), float(ascending[499]), 0.1, 9.0]:
        found = modules.call("rank.js", "m.share(Float32Array.from(a), v)", a=ascending.tolist(), v=value)
        expected = (values < np.float32(value)).mean() + (values == np.float32(value)).mean() / 2
        assert found == pytest.approx(expected)
    counts = modules.call("rank.js", "Array.from(m.histogram(Float32Array.from(a), 12, -2, 2))", a=ascending.tolist())
    np.testing.assert_array_equal(counts, np.histogram(np.clip(values, -2, 1.999), 12, (-2, 2))[0])
    assert modules.call("rank.js", "m.median(m.sorted(Float32Array.from(a)))", a=values.tolist()) == np.median(values)
    assert modules.call("rank.js", "[...m.classCounts([2, -1, 2, 0])]") == [[-1, 1], [0, 1], [2, 2]]


def test_the_paired_mean_is_that_of_the_differences(modules: Modules) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=50) + 1, rng.normal(size=50)
    found = modules.call("rank.js", "m.pairedMean(a, b)", a=a.tolist(), b=b.tolist())
    assert found["value"] == pytest.approx((a - b).mean())
    assert found["stderr"] == pytest.approx((a - b).std(ddof=1) / np.sqrt(50))
    assert found["n"] == 50
    assert modules.call("rank.js", "m.pairedMean([1], [0.5])") == {"value": 0.5, "stderr": None, "n": 1}


@pytest.mark.parametrize(
    ("part", "far", "words"),
    [
        (0, True, "lower than that of every one of 360"),
        (0.004, True, "lower than that of 99.6 % of 360"),
        (0.23, False, "higher than that of 23 % of 360"),
        (1, False, "higher than that of every one of 360"),
    ],
)
def test_an_image_far_from_the_data_is_said_to_be(modules: Modules, part: float, far: bool, words: str) -> None:
    found = modules.call("standing.js", "m.standingWords(part, 360, 'held-out images')", part=part)
    assert found["far"] is far
    assert words in found["text"]
    assert found["text"].startswith("Far from the data") is far


# ---- findings


def findings(
    shape: tuple[int, int, int] = (3, 4, 5), count: int = 2, shown: int = 2, dims: int = 3
) -> tuple[bytes, dict]:
    rng = np.random.default_rng(1)
    pixels = {name: rng.integers(0, 256, (count, *shape), np.uint8) for name in ("original", "seen", "mean")}
    pixels["draws"] = rng.integers(0, 256, (count, shown, *shape), np.uint8)
    numbers = {"spread": rng.random((count, *shape))}
    numbers |= {name: rng.random((count, dims)) for name in ("code_mean", "code_std", "kl_per_dimension")}
    buffers = Buffers()
    header: dict[str, Any] = {"shape": shape, "count": count, "shown": shown, "samples": 64, "latent_dim": dims}
    header |= {"likelihood": "bernoulli", "items": [{"index": i, "title": f"image {i}"} for i in range(count)]}
    header |= {name: buffers.add(values, "u1") for name, values in pixels.items()}
    header |= {name: buffers.add(values) for name, values in numbers.items()}
    return document(header, buffers), pixels | numbers


def test_findings_are_read_as_they_were_written(modules: Modules) -> None:
    data, expected = findings()
    found = modules.call(
        "findings.js",
        """m.readFindings(data).map((f) => ({ title: f.title, original: [...f.original], mean: [...f.mean],
            seen: [...f.seen], draws: f.draws.map((d) => [...d]), spread: [...f.spread], kl: [...f.code.kl],
            code: [...f.code.mean], std: [...f.code.std], away: [...m.difference(f)], unsure: [...m.spreadOf(f)] }))""",
        data=data,
    )
    for i, one in enumerate(found):
        assert one["title"] == f"image {i}"
        for name in ("original", "seen", "mean", "draws", "spread"):
            np.testing.assert_allclose(np.ravel(one[name]), expected[name][i].ravel(), rtol=1e-6)
        for name, key in (("code", "code_mean"), ("std", "code_std"), ("kl", "kl_per_dimension")):
            np.testing.assert_allclose(one[name], expected[key][i], rtol=1e-6)
        away = (expected["mean"][i].astype(float) - expected["seen"][i]).mean(0) / 255
        np.testing.assert_allclose(one["away"], away.ravel(), atol=1e-6)
        np.testing.assert_allclose(one["unsure"], np.sqrt((expected["spread"][i] ** 2).mean(0)).ravel(), rtol=1e-5)


def test_the_shift_of_a_code_is_its_kl(modules: Modules) -> None:
    rng = np.random.default_rng(2)
    m, s = rng.normal(size=(2, 4)), rng.uniform(0.2, 2, (2, 4))
    codes = [{"mean": m[k].tolist(), "std": s[k].tolist()} for k in range(2)]
    expected = kl_divergence(Normal(*map(torch.tensor, (m[0], s[0]))), Normal(*map(torch.tensor, (m[1], s[1])))).sum()
    found = modules.call("findings.js", "m.codeShift(a, b, false)", a=codes[0], b=codes[1])
    assert found == pytest.approx(float(expected))
    p = rng.uniform(0.05, 0.95, (2, 4))
    bits = [{"mean": p[k].tolist(), "std": p[k].tolist()} for k in range(2)]
    expected = kl_divergence(Bernoulli(torch.tensor(p[0])), Bernoulli(torch.tensor(p[1]))).sum()
    found = modules.call("findings.js", "m.codeShift(a, b, true)", a=bits[0], b=bits[1])
    assert found == pytest.approx(float(expected))
    same = modules.call("findings.js", "[m.codeShift(a, a, true), m.codeShift(b, b, false)]", a=bits[0], b=codes[0])
    np.testing.assert_allclose(same, 0, atol=1e-12)


def test_errors_of_a_change_add_in_squares(modules: Modules) -> None:
    a, b = {"value": 2, "stderr": 3, "kind": "unbiased"}, {"value": 5, "stderr": 4, "kind": "unbiased"}
    assert modules.call("findings.js", "m.change(a, b)", a=a, b=b) == {"value": -3, "stderr": 5, "kind": "unbiased"}


# ---- colours


def test_the_colours_of_differences(modules: Modules) -> None:
    def rgb(value: float) -> list[int]:
        word = modules.call("shades.js", "m.signedColour(v) >>> 0", v=value)
        return [word & 255, word >> 8 & 255, word >> 16 & 255]

    assert rgb(0) == [0, 0, 0]
    assert rgb(1)[1] > max(rgb(1)[0], rgb(1)[2])  # the reconstruction is brighter: green
    assert rgb(-1)[1] < min(rgb(-1)[0], rgb(-1)[2])  # darker: pink
    assert sum(rgb(0.2)) < sum(rgb(0.6)) < sum(rgb(1)) == sum(rgb(5))


def test_the_scale_of_uncertainties_ends_at_a_round_number(modules: Modules) -> None:
    ends = modules.call("shades.js", "[[0], [0.03, 0.01], [0.31], [0.5], [0.73]].map((s) => m.spreadEnd([s]))")
    assert ends == [0.02, 0.05, 0.4, 0.5, 0.8]


# ---- asking


def test_while_one_question_is_open_only_the_newest_waits(modules: Modules) -> None:
    asked = modules.call(
        "jobs.js",
        """await (async () => {
            const asked = [], ask = m.latest(async (n) => {
                asked.push(n);
                await new Promise((done) => setTimeout(done, 20));
            });
            const first = ask(1);
            ask(2);
            ask(3);
            await first;
            await ask(4);
            return asked;
        })()""",
    )
    assert asked == [1, 3, 4]


def test_a_job_is_asked_for_until_it_is_done(modules: Modules) -> None:
    told = modules.call(
        "jobs.js",
        """await (async () => {
            const answers = [202, 202, 200], bodies = [], told = [], real = window.fetch;
            window.fetch = async (url, options) => {
                bodies.push(JSON.parse(options.body));
                const state = JSON.stringify({ job: "a", fraction: 0.5, text: "half" });
                return new Response(state, { status: answers.shift() });
            };
            const answer = await m.untilDone("http://127.0.0.1/", "encoded", "Codes", { model: "x" },
                                             { onProgress: (p) => told.push(p.text), again: true });
            window.fetch = real;
            return [answer.status, bodies, told];
        })()""",
    )
    assert told == [200, [{"model": "x", "again": True}, {"model": "x"}, {"model": "x"}], ["half", "half"]]


def test_the_pen_draws_whole_strokes(modules: Modules) -> None:
    path = modules.call("pen.js", "m.pathOf([[[0, 0], [1, 1]], [[0, 1], [1, 0], [1, 1]]])")
    gap = path.index(None)
    assert (path[0], path[gap - 1], path[gap + 1], path[-1]) == ([0, 0], [1, 1], [0, 1], [1, 1])
    assert [1, 0] in path
