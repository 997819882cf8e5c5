"""Posterior collapse: what happens to the code when it becomes too dear, exactly and on real models."""

from __future__ import annotations

from collections.abc import Iterator

from vaeexplorer.demos import collapse_curve, collapse_exact
from vaeexplorer.demos.demo import Choice, Demo, Moment, Settings, Slider


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """The film of the scene that is chosen."""
    return SCENES[str(settings["scene"])](settings, seed)


SCENES = {"exact": collapse_exact.run, "rate_distortion": collapse_curve.run}

DEMO = Demo(
    title="Posterior collapse",
    question="Why does a model sometimes stop using its code altogether?",
    story=(
        "A model describes each picture by a short list of numbers, its code, and draws the picture again from it.",
        "What a code tells has a price, and the models here differ in nothing but this price.",
        (
            "A part of the code that costs more than it improves the picture falls silent. If all of them do, that is "
            "posterior collapse: whatever the model is shown, it draws the same blurred average."
        ),
    ),
    notice=(
        "From top to bottom the code gets dearer, and the pictures that come back look more and more alike.",
        (
            "The numbers of the code do not fade together: one after the other falls silent, the least useful first. "
            "Theory (the short lines) says which, before any training."
        ),
        (
            "In the second story, look at the gap, which says how far the model is from its own best reading of a "
            "picture. At the highest price it is zero, and the model is useless: there is nothing left to read."
        ),
    ),
    controls=(
        Choice("scene", "Story", (("exact", "Which parts fall silent"), ("rate_distortion", "What a nat buys")),
               "exact", "Exactly, for the simplest models; or measured, for small networks. A nat is 1.44 bits."),
        Slider("noise", "Noise the model expects", 0.01, 0.5, 0.01, collapse_exact.DEFAULTS["noise"],
               "Variance of each pixel around the drawn picture. More noise: detail is worth less.", True, ("exact",)),
        Slider("dimensions", "Numbers in the code", 2, collapse_exact.MOST, 1, collapse_exact.DEFAULTS["dimensions"],
               "How many there are to be used.", False, ("exact",)),
        Slider("latent_dim", "Numbers in the code", 2, 20, 1, collapse_curve.DEFAULTS["latent_dim"],
               "How many there are to be used.", False, ("rate_distortion",)),
        Choice("steps", "Training", ((1000, "1,000 steps"), (3000, "3,000 steps")), collapse_curve.DEFAULTS["steps"],
               "", ("rate_distortion",)),
    ),
    run=run,
    source="Lucas, Tucker, Grosse and Norouzi 2019 (the linear model); Alemi et al. 2018 (rate and distortion)",
    seconds=8.0,
)  # fmt: skip
