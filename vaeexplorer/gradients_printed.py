"""What `gradients` prints for people: the estimators that there are, the table of them, and the places of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Of what the gradient is, and by what it is taken.
OBJECTIVES = {
    "expectation": "the ELBO, its KL worked out", "elbo": "the ELBO, its KL sampled", "iwae": "the bound of S samples",
}  # fmt: skip
TARGET_WORDS = {
    "outputs": "the outputs of the encoder", "encoder": "all weights of the encoder",
    "decoder": "all weights of the decoder",
}  # fmt: skip


def print_list(rows: Sequence[Mapping[str, Any]]) -> None:
    """Of each estimator what it is for and what it does, and for a model why it does not apply."""
    for row in rows:
        kind = "unbiased" if row["unbiased"] else "biased"
        least = f", S of {row['fewest']} or more" if row["fewest"] > 1 else ""
        latents = f"{' or '.join(row['latents'])} latents"
        print(f"{row['name']:33}{kind} for {OBJECTIVES[row['objective']]}; {latents}{least}")
        print(f"{'':33}{row['words']} ({row['source']})")
        if row.get("why_not"):
            print(f"{'':33}not here: {row['why_not']}")


def print_diagnosis(document: Mapping[str, Any]) -> None:
    print(f"gradient by {TARGET_WORDS[document['target']]}, {document['replicates']:,} replicates of each of "
          f"{document['images']:,} images; variance of one image's, added up over all coordinates")  # fmt: skip
    print(f"{'':33}{'S':>4}{'variance':>12}{'95 %':>25}{'x evaluations':>16}{'SNR':>9}{'cosine':>8}{'z':>8}  bias")
    for row in document["rows"]:
        total, bias = row["variance"]["total"], row["bias"]
        interval = f"{_short(total['low'])} to {_short(total['high'])}"
        cells = f"{_short(total['value']):>12}{interval:>25}{_short(row['per_evaluation']):>16}"
        cells += f"{_short((row['snr'] or {}).get('value')):>9}{_short(row['cosine_of_one']):>8}"
        print(f"{row['estimator']:33}{row['samples']:>4}{cells}{_short(bias['largest_z']):>8}  {_verdict(row)}")
        for words in row["warnings"]:
            print(f"{'':33}  {words}")
    exact = sorted({row["how"] for row in document["rows"] if row["how"]})
    print(f"exact gradient by {', '.join(exact) or 'nothing'}; cosine of one replicate; z of the mean, the largest")
    few = [name for name, why in document["left_out"].items() if "samples" in why]
    if few:
        print(f"left out, as they need more samples: {', '.join(few)}")


def _verdict(row: Mapping[str, Any]) -> str:
    """What the z-scores say, beside what the theory promises."""
    biased = row["bias"]["biased"]
    if biased is None:
        return "unknown"
    found = f"biased (limit {row['bias']['limit']:.1f})" if biased else "none found"
    return found if biased != row["unbiased"] else f"{found}, theory: {'none' if row['unbiased'] else 'biased'}"


def print_sweep(document: Mapping[str, Any]) -> None:
    over = document["over"]
    if document["series"]:
        print(f"{over}: x is {document['x_title']}; {document['replicates']:,} replicates at each place")
    for series in document["series"]:
        slope = document["slope"].get(series["estimator"])
        found = f": slope of the {document['measure']} {slope['value']:.3f} ± {slope['stderr']:.3f}" if slope else ""
        theory = f"theory ({document['measure']})"
        print(f"{series['estimator']}{found}")
        print(f"{'x':>14}{'variance':>12}{'95 %':>25}{'SNR':>9}{'95 %':>21}{theory:>18}{'squared bias':>14}")
        known = dict(series["theory"] or ())
        for x, variance, low, high, snr, snr_low, snr_high, bias in series["points"]:
            intervals = (f"{_short(low)} to {_short(high)}", f"{_short(snr_low)} to {_short(snr_high)}")
            cells = f"{_short(variance):>12}{intervals[0]:>25}{_short(snr):>9}{intervals[1]:>21}"
            print(f"{x:>14g}{cells}{_short(known.get(x)):>18}{_short(bias):>14}")
    for mark in document.get("marks", ()):
        print(f"{mark['x']:>14.4g}  {mark['words']}")


def _short(value: float | None) -> str:
    """Three digits, a dash for what is not known."""
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.2e}"
