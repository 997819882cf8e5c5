"""README's table of estimators says what the registry says, and nothing else."""

from __future__ import annotations

from pathlib import Path

from vaeexplorer.gradients.registry import ESTIMATORS

README = Path(__file__).resolve().parents[1] / "README.md"
LATENTS = {"gaussian": "Gaussian", "bernoulli": "Bernoulli"}
BOUNDS = {"expectation": "the ELBO, KL exact", "elbo": "the ELBO, KL sampled", "iwae": "the bound of S samples"}


def rows(text: str) -> list[list[str]]:
    """The cells of the lines below the table's head."""
    table = text.split("<!-- estimators -->")[1].split("<!-- end -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_estimator_has_its_row():
    expected = []
    for name, entry in ESTIMATORS.items():
        options = "".join(f"; `--{key}` [{value:g}]" for key, value in entry.options.items())
        expected.append([
            f"`{name}`", ", ".join(LATENTS[each] for each in entry.latents), "yes" if entry.unbiased else "no",
            BOUNDS[entry.objective], f"{entry.cost:g}", f"{entry.fewest} or more{options}", entry.source,
        ])  # fmt: skip
    assert rows(README.read_text(encoding="utf-8")) == expected
