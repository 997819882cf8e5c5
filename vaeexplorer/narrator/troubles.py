"""Rules about what goes wrong: each gives a headline and a text with its numbers where it applies, else None."""

from __future__ import annotations

import math

import numpy as np

from vaeexplorer.narrator.history import OFF, SETTLED, History, Told
from vaeexplorer.narrator.words import about_beta, carried, figure, nats
from vaeexplorer.records import Estimate

LOST, STEEP = 0.5, 5.0  # share of all that was gained; nats
BOUNCE = 50.0  # nats below the first row, in the first steps
JUMP, USUAL, LAST = 50.0, 5, 3  # times the usual gradient; rows that say what is usual, and what is now
DENSE, GROWTH = 1.0, 0.25  # nats per pixel
LAG = 0.1  # nats
MUCH = 0.5  # nats: a smaller loss on held-out images is not worth an alarm


def failed(history: History) -> Told:
    value = history.rows[-1].get("elbo") if history.rows else None
    broken = isinstance(value, float) and not math.isfinite(value)
    if history.state != "failed" and not broken:
        return None
    after = f" after step {history.step:,}" if history.step else ""
    text = history.error or "Its numbers are no longer finite."
    return f"Training stopped by itself{after}.", text[0].upper() + text[1:]


def diverging(history: History) -> Told:
    return _plunging(history) or _jumping(history)


def _plunging(history: History) -> Told:
    """While beta moves, the score of older rows means little, and the reconstruction term is followed instead."""
    betas = history.column("beta")
    still = bool(np.all(betas == betas[:1]))
    values = history.score if still else history.column("reconstruction")
    values = values[np.isfinite(values)]
    if len(values) < USUAL:
        return None
    first, best, now = float(values[0]), float(values.max()), float(np.median(values[-LAST:]))
    if best - now < max(STEEP, LOST * (best - first)):
        return None
    if history.step < SETTLED and first - now < max(BOUNCE, abs(first)):
        return None  # the first steps of a training that goes well may bounce
    rate = history.column("learning_rate")[-1]
    hint = f" The learning rate is {rate:.3g}; a smaller one makes smaller steps." if math.isfinite(rate) else ""
    return "Training is coming apart: the score falls steeply.", (
        f"On the training images the {history.score_name if still else 'reconstruction term'} was {nats(first)} at "
        f"first, {nats(best)} at its best, and is {nats(now)} now.{hint}"
    )


def _jumping(history: History) -> Told:
    norms = history.column("gradient_norm")
    norms = norms[np.isfinite(norms)]
    if len(norms) < USUAL + LAST:
        return None
    before, now = float(np.median(norms[:-LAST])), float(np.median(norms[-LAST:]))
    if not now > JUMP * before:
        return None
    return "Training may be coming apart: its steps are far larger than before.", (
        f"The gradient, the push that each step gives to the weights, has the length {figure(now)}; "
        f"it was {figure(before)} in the middle of all the steps before."
    )


def shrinking_spread(history: History) -> Told:
    shape = history.settings.get("image_shape") or history.settings.get("shape")
    if history.settings.get("likelihood") not in ("gaussian_learned", "gaussian_pixel") or not (history.rows and shape):
        return None
    values = history.column("reconstruction") / math.prod(shape)
    now, half = history.level(values, history.step), history.level(values, history.step / 2)
    if not (now >= DENSE and now - half >= GROWTH):
        return None
    return "The spread of the pixels runs to zero, and the score has no ceiling.", (
        f"The reconstruction term is {now:.2f} nats a pixel and rose by {now - half:.2f} since step "
        f"{history.step // 2:,}. A density grows without end as its learned spread shrinks around the training images, "
        "so a higher score need not mean better pictures."
    )


def lagging(history: History) -> Told:
    if history.now is None or history.beta > 1 or history.step < SETTLED:
        return None
    gap, code = history.now.estimates.get("gap"), history.now.estimates["kl"].value
    if gap is None or not _surely(gap) > max(LAG, code):
        return None
    if (history.lately is not None and history.lately.rises) or encoder_overfits(history):
        return None
    own = history.setting("encoder_learning_rate", math.nan)
    rates = f", with a learning rate of {own:.3g} for it" if math.isfinite(own) else ""
    return f"The encoder lags behind the decoder{rates}.", (
        f"On held-out images the gap E (what the ELBO loses because the encoder's q is not the true posterior) is at "
        f"least {gap}, and the code carries only {nats(code)}: the encoder is farther from what it should say than "
        "from saying nothing."
    )


def _surely(gap: Estimate) -> float:
    return gap.value - 2 * gap.stderr


def collapsed(history: History) -> Told:
    if history.now is None or history.step < SETTLED or not history.off:
        return None
    dimensions, off, gap = len(history.now.kl), history.off, history.now.estimates.get("gap")
    if off == dimensions and (gap is None or _surely(gap) <= LAG):  # else the true posterior is not the prior
        which = {1: "Its one dimension carries", 2: "Both dimensions carry"}.get(off, f"All {off} dimensions carry")
        text = f"{which} less than {OFF} nats on held-out images, so every code is drawn as nearly the same picture."
        return "The code is switched off: the decoder ignores it.", f"{text} {about_beta(history)}"
    if not (history.beta > 1 and off > dimensions / 2):
        return None
    return (
        f"Most of the code is switched off: {off} of {dimensions} dimensions.",
        f"{carried(history)}. {about_beta(history)}",
    )


def encoder_overfits(history: History) -> Told:
    change = history.since_best
    if change is None or history.step < SETTLED or not history.training_rise(change) > 0:
        return None
    before, now = (one.estimates.get("gap") for one in (change.before, change.now))
    if before is None or now is None:
        return None
    rise, error = now.value - before.value, math.hypot(before.stderr, now.stderr)
    if not rise > max(MUCH, 2 * error):
        return None
    return "The encoder is overfitting: its codes for new images get worse.", (
        f"On held-out images the gap E (what the ELBO loses because the encoder's q is not the true posterior) rose "
        f"from {nats(before.value)} at step {change.before.step:,} to {nats(now.value)} (error {figure(error)}), while "
        f"the {history.score_name} of the training images rose by {nats(history.training_rise(change))}."
    )


def overfits(history: History) -> Told:
    change = history.since_best
    if change is None or history.step < SETTLED or not history.training_rise(change) > 0:
        return None
    if not change.falls or -change.value <= MUCH:
        return None
    return "It is overfitting: it learns the training images by heart.", (
        f"On held-out images, which it never trains on, the {history.score_name} was best at step "
        f"{change.before.step:,} and has fallen by {nats(-change.value)} since (error at most {figure(change.error)}); "
        f"on the training images it rose by {nats(history.training_rise(change))}."
    )
