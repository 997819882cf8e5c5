"""Why not just sample? log p(x) by prior samples, where it fails, and the encoder as the way out.

Three stories: the exact linear-Gaussian model with a growing code, a model of handwritten digits, and the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from vaeexplorer.demos import prior_sampling_digits, prior_sampling_dimensions, prior_sampling_gradient
from vaeexplorer.demos.demo import SCENE, Choice, Demo, Moment, Settings, Slider

STORIES: dict[str, Callable[[Settings, int], Iterator[Moment]]] = {
    "dimensions": prior_sampling_dimensions.run,
    "digits": prior_sampling_digits.run,
    "gradient": prior_sampling_gradient.run,
}


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """The moments of the story that is asked for; each says in its data which one it is of: `scene`."""
    scene = str(settings[SCENE])
    for moment in STORIES[scene](settings, seed):
        yield replace(moment, data={SCENE: scene, **moment.data})


DEMO = Demo(
    title="Why not just sample?",
    question="How likely is this picture? Could we not simply try codes at random and see?",
    story=(
        (
            "A decoder turns a code, a short list of numbers, into a picture. How likely a picture is, under such"
            " a model, is an average over all codes: of how well each of them explains it."
        ),
        (
            "So draw codes at random, decode, compare, average. That is a correct recipe, and it works as long as"
            " the code is a handful of numbers. Then it breaks down, and no computer is fast enough to help."
        ),
        (
            "The encoder is the way out: it looks at the picture and says where its code must be, so that we draw"
            " there, and correct for having looked."
        ),
    ),
    notice=(
        (
            "Every further number of the code is another gate that a random code must pass: what comes through "
            "shrinks by the same factor each time."
        ),
        (
            "The average over random codes does not scatter around the truth. It is too low, nearly always: the "
            "few codes that matter were not drawn."
        ),
        "Ten draws of the encoder do what 10²⁸ random ones could not.",
        "The same holds for the gradient: without the weight of each draw, nothing of the picture is left in it.",
    ),
    controls=(
        Choice(SCENE, "Story", (("dimensions", "Codes of growing length"), ("digits", "Handwritten digits"),
                                ("gradient", "Which way to push")), "dimensions"),
        Slider("dimensions", "Numbers in the code, up to", 1, 50, 1, 20, "How long the code grows.",
               scenes=("dimensions",)),
        Slider("draws", "Random codes", 10, 20_000, 1, 5000, "How many codes are tried.", log=True,
               scenes=("dimensions", "digits")),
        Slider("image", "Picture", 1, prior_sampling_digits.IMAGES, 1, 1, "Which of the pictures is shown.",
               scenes=("digits",)),
        Choice("together", "Draws behind one estimate", tuple((n, str(n)) for n in prior_sampling_gradient.COUNTS), 5,
               "How many draws vote together.", scenes=("gradient",)),
        Slider("encoder_off", "The encoder is off by", -1.0, 1.0, 0.05, 0.0, "0: it finds the true posterior.",
               scenes=("gradient",)),
    ),
    run=run,
    source="Questions why one does not sample from the prior (texts 000 and 003); Kingma & Welling 2014, section 2.1; "
    "Burda, Grosse & Salakhutdinov 2016; Chatterjee & Diaconis 2018 (how many draws importance sampling needs)",
    seconds=6.0,
)  # fmt: skip
