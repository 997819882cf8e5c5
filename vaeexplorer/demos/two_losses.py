"""Demonstration "Two losses in one": U = S + E, and which of the two players moves which part.

Training sees one number, U = -ELBO. It is a sum: S = -log p(x), which belongs to the decoder alone, and the gap E =
KL(q(z|x) || p(z|x)), in which both have a part. With two latent dimensions both are added up over a lattice, so that
each can be watched by itself. Recipe: digits, dynamic binarisation, 64-64-2 tanh, batches of 128, Adam 2e-3.
"""

from __future__ import annotations

from collections.abc import Iterator

from vaeexplorer.demos.demo import Choice, Demo, Moment, Settings, Slider, Steps
from vaeexplorer.demos.two_losses_by_hand import BUTTONS, MOST, by_hand
from vaeexplorer.demos.two_losses_race import EAGER, LONGEST, SLOWER, race
from vaeexplorer.demos.two_losses_turns import PHASE, turns

SCENES = {"turns": turns, "race": race, "by_hand": by_hand}


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    """The moments of the scene that is chosen.   Raises: ValueError where the training left all bounds."""
    return SCENES[str(settings["scene"])](settings, seed)


STORY = (
    (
        "Two players learn together. The decoder invents a world: a map, each point of which it turns into an image. "
        "The encoder is shown an image and guesses where on the map it came from."
    ),
    (
        "Training makes one number smaller, U. It is a sum: S, how surprised the decoder's world is by the images, "
        "and the gap E, how far the encoder's guesses are from the right answers."
    ),
    (
        "Who trains a large model cannot see the two parts. This one is so small that both can be added up, point by "
        "point of the map, and watched."
    ),
)
NOTICE = (
    (
        "While the encoder learns, S does not move at all. Only the gap shrinks: the violet outlines (its guesses) "
        "walk onto the blue clouds (the right answers)."
    ),
    (
        "While the decoder learns, both parts move. S falls, and the gap often grows: the clouds walk away from under "
        "the outlines."
    ),
    (
        "A slow encoder costs more than its gap. The decoder learns from its wrong guesses, and the model itself, S, "
        "stays bad."
    ),
)

DEMO = Demo(
    title="Two losses in one",
    question="Training makes one number smaller. Which of two very different things gets better?",
    story=STORY,
    notice=NOTICE,
    controls=(
        Choice(
            "scene", "What to watch",
            (("turns", "Taking turns"), ("race", "Three encoders, three speeds"), ("by_hand", "You choose who learns")),
            "turns",
        ),
        Slider("phase", "Steps in a row", 10, 200, 10, PHASE,
               "So many steps for the decoder, then as many for the encoder.", scenes=("turns",)),
        Slider("eager", "Steps of the eager encoder", 2, LONGEST, 1, EAGER,
               "For each step of the decoder; the ordinary encoder makes one.", scenes=("race",)),
        Choice("slow", "The slow encoder", ((200, "200 times slower"), (20, "20 times slower"), (5, "5 times slower")),
               SLOWER, "Its steps are so much smaller than the ordinary encoder's.", scenes=("race",)),
        Steps("moves", "Who learns next", BUTTONS, "", "Each button goes on from where you are.", MOST, ("by_hand",)),
    ),
    run=run,
    source="text 001, Optimization Peculiarities (U = S + E); He et al. 2019 for the lagging encoder",
    seconds=8.0,
)  # fmt: skip
