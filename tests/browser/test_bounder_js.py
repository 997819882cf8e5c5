"""The numbers, the bar and the words of the Bounds page, without the app: what its modules make of given estimates."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.browser.modules import Modules
from vaeexplorer.portable import Buffers, document

TERMS = {
    "elbo": {"value": -95.0, "stderr": 0.3, "n": 64, "kind": "lower bound", "over": "samples of q"},
    "reconstruction": {"value": -70.0, "stderr": 0.3, "n": 64, "kind": "unbiased", "over": "samples of q"},
    "kl": {"value": 25.0, "stderr": 0.0, "n": 1, "kind": "exact", "over": "samples of q"},
}
IWAE = {"value": -90.0, "stderr": 0.4, "kind": "lower bound", "title": "IWAE", "samples": 100, "counted": "draws of q"}
GRID = {"value": -89.5, "stderr": 0.0, "kind": "exact", "title": "Grid", "samples": 161, "counted": "points per axis"}
SPLIT = {
    "elbo": {"value": -94.8, "stderr": 0.1}, "log_marginal": {"value": -89.5, "stderr": 0.05},
    "total": {"value": 5.3, "stderr": 0.11}, "approximation": {"value": 2.1, "stderr": 0.06},
    "amortization": {"value": 3.2, "stderr": 0.08}, "full": {"value": 1.5, "stderr": 0.04}, "kind": "lower bound",
    "by": {"method": "refined", "title": "Refined", "samples": 5000, "counted": "draws", "kind": "lower bound"},
}  # fmt: skip


def units(modules: Modules, expression: str, unit: str = "nats", sign: str = "log p", **values: Any) -> Any:
    """What an expression over `u`, the units of a page with 784 pixels, gives."""
    page = f"((u) => {expression})(m.createUnits({{ units: unit, sign }}, 784))"
    return modules.call("bnd_units.js", page, unit=unit, sign=sign, **values)


@pytest.mark.parametrize(
    ("unit", "factor"), [("nats", 1), ("bits", 1 / math.log(2)), ("bits per dimension", 1 / math.log(2) / 784)]
)
def test_every_unit_has_its_factor_and_every_sign_its_side(modules: Modules, unit: str, factor: float) -> None:
    shown = "[u.number(-94.5), u.amount(5.25), u.nats(u.number(-94.5)), u.number(null), u.label()]"
    log, amount, back, unknown, label = units(modules, shown, unit)
    assert [log, amount, back] == pytest.approx([-94.5 * factor, 5.25 * factor, -94.5], rel=1e-12)
    assert (unknown, label) == (None, unit)
    log, amount, back, *_ = units(modules, shown, unit, "surprisal")
    assert [log, amount, back] == pytest.approx([94.5 * factor, 5.25 * factor, -94.5], rel=1e-12)


def test_a_bound_of_the_other_sign_lies_on_the_other_side(modules: Modules) -> None:
    kinds = "['lower bound', 'upper bound', 'exact', 'unbiased'].map(u.kindWord)"
    assert units(modules, kinds) == ["lower bound", "upper bound", "exact", "unbiased"]
    assert units(modules, kinds, sign="surprisal") == ["upper bound", "lower bound", "exact", "unbiased"]
    assert units(modules, "u.text(-94.52, 0.26, 'lower bound')") == "−94.52 ± 0.26 (lower bound)"
    assert units(modules, "u.text(-94.52, 0.26, 'lower bound')", sign="surprisal") == "94.52 ± 0.26 (upper bound)"
    assert units(modules, "u.amountText(5.25, null)", sign="surprisal") == "5.25"


def test_an_error_beyond_the_seventh_digit_is_not_written(modules: Modules) -> None:
    assert units(modules, "u.text(-80.38623041, 4e-6)") == "−80.38623"
    assert units(modules, "u.text(-80.38623041, 4e-5)") == "−80.386230 ± 0.000040"
    assert units(modules, "u.text(0, 1e-9)") == "0"


def test_the_state_tells_once_and_only_of_what_changed(modules: Modules) -> None:
    told = modules.call(
        "page_state.js",
        """(() => {
            const state = m.createState({ images: ["test:1", "test:2"], active: "test:9" }), told = [];
            const end = state.subscribe((changed) => told.push([...changed].sort()));
            const first = state.active;
            state.set({ units: "nats" });
            state.set({ images: ["test:1", "test:2"] });
            state.set({ active: "test:2" });
            state.set({ images: ["test:1", "test:1"] });
            state.show("test:7");
            const last = [state.images, state.active];
            end();
            state.set({ units: "bits" });
            return [told, first, last];
        })()""",
    )
    assert told == [
        [["active"], ["active", "images"], ["active", "images"]], "test:1", [["test:1", "test:7"], "test:7"],
    ]  # fmt: skip


def test_there_are_at_most_sixteen_images_and_the_shown_one_is_among_them(modules: Modules) -> None:
    many = "Array.from({ length: 30 }, (_, i) => `test:${i}`)"
    code = "((s) => { s.show('test:99'); return [s.images.length, s.images.at(-1), s.active]; })"
    assert modules.call("page_state.js", f"{code}(m.createState({{ images: {many} }}))") == [16, "test:99", "test:99"]
    assert modules.call("page_state.js", f"{code}(m.createState({{ images: {many} }}, 8))") == [8, "test:99", "test:99"]


def test_the_surest_method_stands_not_the_highest_value(modules: Modules) -> None:
    document = {"title": "t", "kind": "lower bound", "counted": "draws", "complete": True, "seconds": 1}
    puts = [
        document | {"method": "prior", "samples": 9000, "images": [{"key": "a", "value": -1.0, "stderr": 9.0}]},
        document | {"method": "iwae", "samples": 5000, "images": [{"key": "a", "value": -90.0, "stderr": 0.1}]},
        document | {"method": "iwae", "samples": 100, "images": [{"key": "a", "value": -92.0, "stderr": 0.4}]},
        document | {"method": "grid", "samples": 161, "images": [{"key": "a", "value": -95.0, "stderr": 0.0}]},
        document | {"method": "iwae", "samples": 100, "images": [{"key": "b", "value": -80.0, "stderr": 0.4}]},
    ]
    found = modules.call(
        "bnd_state.js",
        """((f) => {
            for (const one of puts) f.put(one);
            return [f.best("a").method, f.of("iwae", "a").value, f.all("a").map((e) => e.method), f.best("c"),
                    f.common(["a", "b"]), f.common([])];
        })(m.createFound())""",
        puts=puts,
    )
    assert found == ["grid", -90.0, ["grid", "iwae", "prior"], None, ["iwae"], []]


def test_terms_are_read_as_they_were_written(modules: Modules) -> None:
    rng, shape, dims = np.random.default_rng(1), (2, 3, 4), 5
    pictures = {name: rng.integers(0, 256, (3, *shape)) for name in ("original", "seen", "mean")}
    kl = rng.gamma(1, 2, (3, dims)).astype(np.float32)
    buffers = Buffers()
    header = {"shape": shape, "latent_dim": dims, "items": [{"key": f"test:{i}"} for i in range(3)]}
    header |= {name: buffers.add(values, "u1") for name, values in pictures.items()}
    header |= {"kl_per_dimension": buffers.add(kl), "left_out": [{"key": "test:9", "why": "none"}]}
    read = modules.call(
        "image_terms.js",
        """((r) => [r.leftOut, r.images.map((one) => ({ ...one, original: [...one.original], seen: [...one.seen],
            mean: [...one.mean], kl_per_dimension: [...one.kl_per_dimension] }))])(m.readTerms(sent))""",
        sent=document(header, buffers),
    )
    assert read[0] == [{"key": "test:9", "why": "none"}]
    for i, image in enumerate(read[1]):
        assert image["key"] == f"test:{i}"
        for name, values in pictures.items():
            assert image[name] == values[i].ravel().tolist()
        assert image["kl_per_dimension"] == kl[i].tolist()


def balance(modules: Modules, found: Any, split: Any = None) -> Any:
    return modules.call("bnd_terms.js", "m.balance(terms, found, split)", terms=TERMS, found=found, split=split)


def test_a_gap_is_no_surer_than_what_it_rests_on(modules: Modules) -> None:
    sum_ = balance(modules, IWAE)
    assert sum_["gap"]["value"] == pytest.approx(5.0)
    assert sum_["gap"]["stderr"] == pytest.approx(0.5)
    assert sum_["gap"]["kind"] == "lower bound"
    assert balance(modules, GRID)["gap"]["kind"] == "unbiased"
    assert balance(modules, None)["gap"] is None
    assert balance(modules, IWAE | {"stderr": None})["gap"]["stderr"] is None


def test_the_parts_of_the_gap_add_up_and_stand_on_their_own_bound(modules: Modules) -> None:
    sum_ = balance(modules, IWAE, SPLIT)
    parts = {part["id"]: part["value"] for part in sum_["parts"]}
    assert parts == pytest.approx({"amortization": 3.2, "covariance": 1.5, "shape": 0.6})
    assert sum(parts.values()) == pytest.approx(sum_["gap"]["value"])
    assert sum_["elbo"]["value"] + sum_["gap"]["value"] == pytest.approx(sum_["marginal"]["value"])
    assert sum_["reconstruction"]["value"] - sum_["kl"]["value"] == pytest.approx(sum_["elbo"]["value"])


def test_a_split_knows_the_kind_of_its_estimate_and_of_the_gap(modules: Modules) -> None:
    document = {
        "kind": "unbiased",
        "method": "grid",
        "title": "Grid",
        "samples": 161,
        "counted": "points",
        "images": [{}],
    }
    read = "[m.readSplit(document)[0].by.kind, m.readSplit(document, [{ name: 'grid', kind: 'exact' }])[0]]"
    unknown, known = modules.call("bnd_terms.js", read, document=document)
    assert unknown == "unbiased"
    assert (known["by"]["kind"], known["kind"]) == ("exact", "unbiased")


def test_a_family_without_covariances_has_two_parts(modules: Modules) -> None:
    parts = balance(modules, IWAE, SPLIT | {"full": {"value": None, "stderr": None}})["parts"]
    assert {part["id"]: part["value"] for part in parts} == {"amortization": 3.2, "family": 2.1}


def test_the_mean_over_images_is_numpys(modules: Modules) -> None:
    values = np.random.default_rng(0).normal(-90, 8, 12)
    mean = modules.call("bnd_terms.js", "m.meanOf(given)", given=values.tolist())
    assert mean["value"] == pytest.approx(values.mean())
    assert mean["stderr"] == pytest.approx(values.std(ddof=1) / math.sqrt(12))
    assert modules.call("bnd_terms.js", "[m.meanOf([]), m.meanOf([1]).stderr]") == [None, None]


ROWS = """(async () => {
    const { createUnits } = await import("/bnd_units.js"), { balance } = await import("/bnd_terms.js");
    const units = createUnits({ units: "nats", sign }, 784), rows = m.rowsOf(balance(terms, found, split), units);
    return { rows, near: m.rangeOf(rows, false), whole: m.rangeOf(rows, true) };
})()"""


def rows(modules: Modules, sign: str = "log p", terms: Any = None, split: Any = None) -> dict[str, Any]:
    drawn = modules.call("bnd_waterfall.js", f"await {ROWS}", sign=sign, terms=terms or TERMS, found=IWAE, split=split)
    return drawn | {"rows": {row["id"]: row for row in drawn["rows"]}}


def test_the_bar_leads_from_the_reconstruction_down_to_the_bound_and_up_to_log_p(modules: Modules) -> None:
    drawn = rows(modules)
    ends = {name: (row["from"], row["to"]) for name, row in drawn["rows"].items()}
    assert ends == {
        "reconstruction": (0, -70), "kl": (-70, -95), "elbo": (0, -95), "gap": (-95, -90), "marginal": (0, -90),
    }  # fmt: skip
    low, high = drawn["near"]
    assert low < -95 - 1.96 * 0.3
    assert -70 + 1.96 * 0.3 < high < 0
    assert drawn["whole"][0] < -95
    assert drawn["whole"][1] >= 0


def test_surprisals_are_the_mirror_image(modules: Modules) -> None:
    plain, turned = rows(modules), rows(modules, "surprisal")
    for name, row in plain["rows"].items():
        assert (turned["rows"][name]["from"], turned["rows"][name]["to"]) == (-row["from"], -row["to"])
    assert turned["near"] == pytest.approx([-plain["near"][1], -plain["near"][0]])


def test_a_density_above_1_stands_on_the_other_side_of_zero(modules: Modules) -> None:
    above = {**TERMS, "reconstruction": {**TERMS["reconstruction"], "value": 500.0}}
    above |= {"elbo": {**TERMS["elbo"], "value": 475.0}}
    drawn = rows(modules, terms=above)
    assert (drawn["rows"]["kl"]["from"], drawn["rows"]["kl"]["to"]) == (500, 475)
    low, high = drawn["whole"]
    assert low < -90
    assert high > 500


def test_the_parts_fill_the_gap_without_a_hole(modules: Modules) -> None:
    row = rows(modules, split=SPLIT)["rows"]["gap"]
    parts = row["parts"]
    assert parts[0]["from"] == pytest.approx(row["from"])
    assert [part["to"] for part in parts[:-1]] == pytest.approx([part["from"] for part in parts[1:]])
    assert parts[-1]["to"] == pytest.approx(row["to"])


SENTENCE = """(async () => {
    const { createUnits } = await import("/bnd_units.js"), { balance } = await import("/bnd_terms.js");
    const units = createUnits({ units: "nats", sign }, 784), sum = balance(terms, found, null);
    const about = { source: "Somebody 2016", pixels: 784 };
    return [m.sentenceOf("Test image 3", sum, units), m.captionOf(sum, units, about)];
})()"""


def said(modules: Modules, found: Any = None, sign: str = "log p", terms: Any = None) -> tuple[str, str]:
    return tuple(modules.call("bnd_bar_words.js", f"await {SENTENCE}", sign=sign, terms=terms or TERMS, found=found))


def test_the_sentence_says_what_the_numbers_say(modules: Modules) -> None:
    sentence, caption = said(modules, IWAE)
    assert "the pixels cost 70.00 ± 0.30 nats and its code takes 25 nats: ELBO = −95.00 ± 0.30 nats." in sentence
    assert "The true log p(x) is at least about −90.00 ± 0.40 nats (IWAE, 100 draws of q)." in sentence
    assert "the bound is at least 5.00 ± 0.50 nats too low" in sentence
    for words in ("n = 64 samples of q", "KL: exact", "lower bound", "nats of one image", "eq. 3", "Somebody 2016"):
        assert words in caption
    sentence, _ = said(modules, GRID)
    assert "The true log p(x) is −89.5 nats (Grid, 161 points per axis)." in sentence
    assert "the bound is 5.50 ± 0.30 nats too low" in sentence
    assert "being estimated" in said(modules)[0]


def test_the_sentence_turns_with_the_sign(modules: Modules) -> None:
    sentence, caption = said(modules, IWAE, "surprisal")
    assert "U = −ELBO = 95.00 ± 0.30 nats" in sentence
    assert "The surprisal is at most about 90.00 ± 0.40 nats" in sentence
    assert "5.00 ± 0.50 nats too high" in sentence
    assert "the bound is an upper bound of surprisal" in caption


def test_what_is_not_told_apart_from_nothing_is_not_called_a_gap(modules: Modules) -> None:
    sentence, _ = said(modules, IWAE | {"value": -94.5})
    assert "A gap of 0.50 ± 0.50 is not told apart from 0 by these draws." in sentence
    assert "too low" not in sentence


def test_a_density_is_not_called_a_cost(modules: Modules) -> None:
    above = {**TERMS, "reconstruction": {**TERMS["reconstruction"], "value": 500.0}}
    assert "have a density of 500.00 ± 0.30 nats above 1" in said(modules, IWAE, terms=above)[0]


def test_the_link_names_model_and_images(modules: Modules) -> None:
    here = "http://127.0.0.1:1/x/bounds?model=old&z=1#there"
    link = modules.call("bnd_switches.js", "m.linkOf(here, 'run/a b', ['test:3', 'picture:0123456789ab'])", here=here)
    assert urlsplit(link).path == "/x/bounds"
    assert parse_qs(urlsplit(link).query) == {"model": ["run/a b"], "images": ["test:3,picture:0123456789ab"]}
