"""Demonstrations for everyone: what goes wrong with latent variable models, and why. DEMOS has a line for each.

A demonstration is a file here, a file `lab_NAME.js` with its picture, and its line below.
"""

from __future__ import annotations

from vaeexplorer.demos import (
    collapse,
    first_tour,
    holes,
    kl_directions,
    log_in_the_wrong_place,
    no_floor,
    one_sample,
    overfitted_encoder,
    prior_sampling,
    two_losses,
)
from vaeexplorer.demos.demo import Choice, Control, Demo, Moment, Outcome, Slider, Steps, play

__all__ = ["DEMOS", "Choice", "Control", "Demo", "Moment", "Outcome", "Slider", "Steps", "play"]

DEMOS: dict[str, Demo] = {
    "first_tour": first_tour.DEMO,
    "prior_sampling": prior_sampling.DEMO,
    "log_in_the_wrong_place": log_in_the_wrong_place.DEMO,
    "two_losses": two_losses.DEMO,
    "no_floor": no_floor.DEMO,
    "collapse": collapse.DEMO,
    "overfitted_encoder": overfitted_encoder.DEMO,
    "holes": holes.DEMO,
    "kl_directions": kl_directions.DEMO,
    "one_sample": one_sample.DEMO,
}
