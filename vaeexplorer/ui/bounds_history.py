"""A run's history of U = S + E, as the run has kept it: the bound, the surprisal, and the gap between them."""

from __future__ import annotations

from typing import Any

from vaeexplorer import runs
from vaeexplorer.records import Estimate
from vaeexplorer.ui import cached
from vaeexplorer.ui.jobs import Unanswerable
from vaeexplorer.ui.questions import number

PARTS = ("subo", "surprisal", "gap")
WORDS = {
    "subo": "U = −ELBO, unbiased", "surprisal": "S ≤ −log(mean weight): an upper bound of the surprisal",
    "gap": "E = U − S: a lower bound of the gap",
}  # fmt: skip
NOTE = (
    "Held-out images, the same at each step with the same noise of q. S lies above −log p(x) and E below the gap, both "
    "by about the same amount, less as q improves; the error is that of the draws, not of the choice of images."
)
NOTHING = "this run has not been observed yet: come back when it has taken its first steps"


def history(name: str) -> dict[str, Any]:
    """Steps, and at each U, S and E in nats per image with their errors (None where not known).

    Raises: Unanswerable for a model that is no run of this machine's.
    """
    cached.path_of(name)
    if not name.startswith("run/"):
        raise Unanswerable("only runs have a history: train a model on the page Train, and open it from there")
    try:
        rows, _ = runs.metrics(runs.find(name.removeprefix("run/")))
    except runs.RunError as error:
        raise Unanswerable(str(error)) from None
    seen = [(row["step"], found) for row in rows if set(PARTS) <= (found := _estimates(row)).keys()]
    last = seen[-1][1]["surprisal"] if seen else None
    answer: dict[str, Any] = {"run": True, "steps": [step for step, _ in seen], "words": WORDS}
    for part in PARTS:
        answer[part] = [number(found[part].value) for _, found in seen]
        answer[f"{part}_stderr"] = [number(found[part].stderr) for _, found in seen]
    return answer | {"n": last.n if last else 0, "over": last.over if last else "", "note": NOTE if last else NOTHING}


def _estimates(row: dict[str, Any]) -> dict[str, Estimate]:
    """What was estimated of held-out images after this row's step, by name; nothing from a row that is not whole."""
    try:
        return {fields["name"]: Estimate.from_dict(fields) for fields in row.get("held_out") or ()}
    except (TypeError, KeyError, ValueError):
        return {}
