"""What several rules say in the same way."""

from __future__ import annotations

import math

import numpy as np

from vaeexplorer.narrator.history import OFF, SETTLED, History


def figure(value: float) -> str:
    """A number with two decimals while it is small, fewer when it is large."""
    size = abs(value)
    return f"{value:.2g}" if size >= 1e6 else f"{value:,.{2 if size < 10 else 1 if size < 1000 else 0}f}"


def nats(value: float) -> str:
    return f"{figure(value)} nats" if math.isfinite(value) else "an unknown number of nats"


def so_far(history: History) -> str:
    """A sentence on the held-out score since half of the steps, with a space before it; "" where it is not known."""
    change = history.lately
    if change is None:
        return ""
    verb = "rose" if change.value >= 0 else "fell"
    error = f" (error at most {figure(change.error)})" if math.isfinite(change.error) else ""
    return (
        f" On held-out images, which it never trains on, the {history.score_name} {verb} by {nats(abs(change.value))} "
        f"since step {change.before.step:,}{error}."
    )


def apart(history: History) -> str:
    """A sentence on how far training and held-out images are apart, with a space before it; "" where not known."""
    if history.now is None:
        return ""
    ahead = history.level(history.score, history.now.step) - history.held_out(history.now).value
    if not math.isfinite(ahead):
        return ""
    return f" On the training images it is {nats(abs(ahead))} {'higher' if ahead >= 0 else 'lower'}."


def standing(history: History) -> str:
    """A sentence on the last held-out ELBO, with a space before it; "" where it is not known."""
    if history.now is None:
        return ""
    elbo = history.now.estimates["elbo"]
    many = f"{elbo.n:,} held-out images" if elbo.n > 1 else "one held-out image"
    return f" On {many} the ELBO, a lower bound of log p(x), is {elbo} at step {history.now.step:,}."


def carried(history: History) -> str:
    """What the dimensions carry that are switched off, and what the others do; two clauses, no full stop."""
    if history.now is None:
        return ""
    off, rest = history.off, len(history.now.kl) - history.off
    text = f"{'Each of these carries' if off > 1 else 'It carries'} less than {OFF} nats on held-out images"
    if not rest:
        return text
    others = f"the other {f'{rest} carry' if rest > 1 else 'one carries'}"
    return f"{text}; {others} {nats(float(np.nansum(history.now.kl[history.now.kl >= OFF])))}"


def switched_off(history: History) -> str:
    """A sentence on the dimensions that are switched off, with a space before it; "" if none are, or it is early."""
    if not history.off or history.now is None or history.step < SETTLED:
        return ""
    return f" {history.off} of the {len(history.now.kl)} dimensions of its code {be(history.off)} switched off."


def about_beta(history: History) -> str:
    """Whether a large beta is behind it."""
    if history.beta > 1:
        return (
            f"Beta is {history.beta:.3g}: a nat of code costs {history.beta:.3g} times what the ELBO asks. "
            "A smaller beta, or one that starts at 0, gives the code a chance."
        )
    return f"Beta is {history.beta:.3g}, so the reason is not a large beta."


def be(count: int) -> str:
    return "is" if count == 1 else "are"
