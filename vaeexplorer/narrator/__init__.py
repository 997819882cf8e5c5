"""What is happening in a run, in one or two plain sentences, by stated rules; each names the numbers it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vaeexplorer.narrator import progress, troubles
from vaeexplorer.narrator.history import LEVEL, OFF, SETTLED, History, Told

__all__ = ["RULES", "History", "Narration", "Rule", "narrate"]


@dataclass(frozen=True)
class Narration:
    """headline and text for people; `rule` is a name in RULES, and `statement` says when that rule applies."""

    headline: str
    text: str
    rule: str
    statement: str


@dataclass(frozen=True)
class Rule:
    """check gives headline and text where the rule applies, else None."""

    title: str
    statement: str
    check: Callable[[History], Told]


def narrate(rows: list[dict], status: dict, config: dict) -> Narration:
    """Tell the first of RULES that applies; the last one always does, however short or odd the history.

    Args: rows of metrics.jsonl, all or thinned; status: "state", and "steps" and "error" where known; config: the
    fields of the two configurations, flat or below "vae" and "train". Where something is missing fewer rules apply.
    """
    history = History(rows, status or {}, config or {})
    name, (headline, text) = next(
        (name, told) for name, rule in RULES.items() if (told := rule.check(history)) is not None
    )
    rests = RESTING.get(history.state, "") if name in TROUBLES else ""
    return Narration(headline, text + rests, name, RULES[name].statement)


RESTING = {
    "paused": " The run is paused.",
    "measuring": " Training is over, and the model is being measured.",
    "stopped": " The run was stopped.",
    "interrupted": " The run was interrupted and can go on.",
    "finished": " The run is finished.",
}

_EARLY = f"Not in the first {SETTLED} steps."
_TRAIN = f"The score of the training images is the mean of the last {LEVEL} rows of the table of metrics."
_SCORE = (
    "Score means what training raises: the ELBO (a lower bound of log p(x), of how probable the model finds an image), "
    "or reconstruction - beta x KL where beta is not 1; always with the present beta. Held-out images are never "
    "trained on, and always the same with the same noise, so the error of a difference is smaller than that of either "
    "value: the limit is the root of the sum of their squared standard errors, which was found to be about two "
    "standard errors of the difference or more."
)

# Name -> rule, the most urgent first.
RULES: dict[str, Rule] = {
    "failed": Rule(
        "Failed",
        "The run ended with an error, or the ELBO of its last row is not a finite number. The text is the run's own "
        "message.",
        troubles.failed,
    ),
    "diverging": Rule(
        "Coming apart",
        f"The score of the training images (the median of the last {troubles.LAST} rows; while beta moves, the "
        f"reconstruction term) is {troubles.STEEP:.0f} nats or more below its best row, and that is "
        f"{100 * troubles.LOST:.0f} % or more of all that it gained since the first row; in the first {SETTLED} steps "
        f"it must also be below the first row, by {troubles.BOUNCE:.0f} nats and by as much as that row's own size. Or "
        f"the gradient (the median of the last {troubles.LAST} rows) is more than {troubles.JUMP:.0f} times as long as "
        f"the median of those before. At least {troubles.USUAL} rows, and {troubles.USUAL + troubles.LAST} with a "
        "gradient, must be there.",
        troubles.diverging,
    ),
    "spread": Rule(
        "Spread running to zero",
        f"Only for a Gaussian likelihood with a learned spread: on the training images the reconstruction term per "
        f"pixel is {troubles.DENSE:.0f} nat or more, which takes a spread below 0.15 where white is 1, and rose by "
        f"{troubles.GROWTH} nats or more in the second half of the steps so far.",
        troubles.shrinking_spread,
    ),
    "lagging": Rule(
        "Lagging encoder",
        f"At the last look the gap E, less two of its standard errors, is above {troubles.LAG} nats and above the KL "
        "of the whole code (the mean over held-out images), and beta is not above 1. Not where Encoder overfitting "
        "applies, nor while the score on held-out images rises as under Still improving. E is measured by importance "
        f"sampling on a few of the held-out images, and is at least so large. {_EARLY}",
        troubles.lagging,
    ),
    "collapse": Rule(
        "Posterior collapse",
        f"At the last look every dimension of the code carries less than {OFF} nats (its KL, the mean over held-out "
        f"images) and the gap E, less two of its standard errors, is {troubles.LAG} nats at most, so that the decoder "
        "makes no use of the code either; or more than half of the dimensions carry so little and beta is above 1. "
        f"{_EARLY}",
        troubles.collapsed,
    ),
    "encoder": Rule(
        "Encoder overfitting",
        f"Since the step with the best score on held-out images, the gap E rose by more than {troubles.MUCH} nats and "
        "by more than two of its standard errors, while the score of the training images rose. E is measured by "
        "importance sampling on a few of the held-out images, and is at least so large. "
        f"{_EARLY} {_TRAIN} {_SCORE}",
        troubles.encoder_overfits,
    ),
    "overfitting": Rule(
        "Overfitting",
        f"The score on held-out images is below its best by more than {troubles.MUCH} nats and by more than its error, "
        f"while the score of the training images rose since. {_EARLY} {_TRAIN} {_SCORE}",
        troubles.overfits,
    ),
    "warming": Rule(
        "Beta on its way",
        "The run has a linear or cyclical schedule for beta, and beta is not at its full value.",
        progress.warming_up,
    ),
    "improving": Rule(
        "Still improving",
        f"Since half of the steps, the score on held-out images rose by more than its error. It learns fast if that is "
        f"{100 * progress.FAST:.0f} % or more of all that it gained since the first look, and polishes details below "
        f"{100 * progress.SLOW:.0f} %. {_SCORE}",
        progress.improving,
    ),
    "falling": Rule(
        "Losing ground",
        f"Since half of the steps, the score on held-out images fell by more than its error, and no rule about "
        f"overfitting applies. {_EARLY} {_SCORE}",
        progress.falling_back,
    ),
    "unused": Rule(
        "Dimensions switched off",
        "The score on held-out images has levelled off, and at least one dimension of the code carries less than "
        f"{OFF} nats (its KL, the mean over held-out images). {_EARLY} {_SCORE}",
        progress.partly_off,
    ),
    "levelled": Rule(
        "Levelled off",
        f"Since half of the steps, the score on held-out images changed by no more than its error. {_EARLY} {_SCORE}",
        progress.levelled_off,
    ),
    "paused": Rule("Paused", "The run waits, and goes on when asked to.", progress.paused),
    "measuring": Rule("Measuring", "All steps are done, and the final figures are not there yet.", progress.measuring),
    "stopped": Rule("Stopped", "The run was stopped before its last step, and can go on.", progress.stopped),
    "interrupted": Rule(
        "Interrupted",
        "The run is not finished and no process works on it: it was killed, or the computer was switched off.",
        progress.interrupted,
    ),
    "done": Rule("Done", "All steps are done and the model is measured.", progress.finished),
    "going_on": Rule(
        "Starting, or too little to say",
        f"No other rule applies: there are not yet two looks at held-out images, one at twice the step of the other, "
        f"or their error is not known, or they show no rise in the first {SETTLED} steps.",
        progress.going_on,
    ),
}
TROUBLES = ("diverging", "spread", "lagging", "collapse", "encoder", "overfitting")
