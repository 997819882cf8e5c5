"""Rules about a run that goes on, and about one that rests: headline and text where they apply, else None."""

from __future__ import annotations

import math

from vaeexplorer.narrator.history import SETTLED, History, Told
from vaeexplorer.narrator.words import about_beta, apart, be, carried, nats, so_far, standing, switched_off

FAST, SLOW = 0.5, 0.1  # share of all that was gained since the first observation


def warming_up(history: History) -> Told:
    schedule, aim = history.settings.get("beta_schedule"), history.setting("beta", history.beta)
    if history.state != "running" or not history.rows or schedule not in ("linear", "cyclical"):
        return None
    if math.isclose(history.beta, aim, rel_tol=1e-6):
        return None
    cycles = f" and moves in {history.setting('beta_cycles', 4):.0f} cycles" if schedule == "cyclical" else ""
    kl = history.level(history.column("kl"), history.step)
    return f"Beta is on its way from {history.setting('beta_start', 0.0):.3g} to {aim:.3g}.", (
        f"Beta, the price of a nat of code, is {history.beta:.2g} now{cycles}; the code carries {nats(kl)} an image. "
        "While beta moves, the ELBO is not yet what training raises."
    )


def improving(history: History) -> Told:
    change = history.lately
    if change is None or not change.rises or history.state != "running":
        return None
    total = history.change(history.seen[0], change.now).value
    share = change.value / total if total > change.value else 1.0
    headline = next(words for least, words in PACES.items() if share >= least)
    text = f"{so_far(history).strip()} That is {100 * share:.0f} % of all that it gained since the first look."
    return headline, text + (apart(history) if share < SLOW else "") + switched_off(history)


def falling_back(history: History) -> Told:
    change = history.lately
    if change is None or not change.falls or history.step < SETTLED or history.state != "running":
        return None
    return "It is losing ground.", (so_far(history) + apart(history)).strip()


def partly_off(history: History) -> Told:
    if levelled_off(history) is None or not history.off or history.now is None:
        return None
    dimensions, off = len(history.now.kl), history.off
    return f"It has levelled off, and {off} of {dimensions} dimensions of the code {be(off)} switched off.", (
        f"{carried(history)}. {about_beta(history)}{so_far(history)}"
    )


def levelled_off(history: History) -> Told:
    change = history.lately
    if change is None or not math.isfinite(change.error) or history.step < SETTLED or history.state != "running":
        return None
    return "It has levelled off.", f"{so_far(history).strip()} That is too little to be sure of.{apart(history)}"


def paused(history: History) -> Told:
    if history.state != "paused":
        return None
    return f"Paused{_where(history)}.", (standing(history) + so_far(history)).strip() or "It waits for you."


def measuring(history: History) -> Told:
    if history.state != "measuring":
        return None
    text = "The final figures come from all held-out images, not only from those seen on the way."
    return "Training is over; now the model is measured.", text + standing(history)


def stopped(history: History) -> Told:
    if history.state != "stopped":
        return None
    text = (standing(history) + switched_off(history)).strip()
    return f"Stopped{_where(history)}, as you asked.", text or "It can go on from there."


def interrupted(history: History) -> Told:
    if history.state != "interrupted":
        return None
    text = "The process that trained it is gone; the run can go on from what it saved last."
    return f"Interrupted{_where(history)}.", text + standing(history)


def finished(history: History) -> Told:
    if history.state != "finished":
        return None
    gap = history.now.estimates.get("gap") if history.now else None
    text = standing(history) + switched_off(history)
    if gap:
        text += f" The gap between the two is at least {gap} ({gap.over})."
    return f"Done: {history.step:,} steps.", text.strip() or "Nothing was measured on held-out images."


def going_on(history: History) -> Told:
    if not history.rows:
        return "It is starting.", "The data are being read; no step is measured yet."
    level = history.level(history.column("elbo"), history.step)
    headline = "It has only begun." if history.step < SETTLED else "It is training."
    text = f"On the training images the ELBO, the score that training raises, is {nats(level)}"
    return headline, f"{text} at step {history.step:,}."


def _where(history: History) -> str:
    of = f" of {history.of_steps:,.0f}" if math.isfinite(history.of_steps) else ""
    return f" at step {history.step:,}{of}" if history.step else ""


PACES = {FAST: "It is learning fast.", SLOW: "It is learning.", -math.inf: "Most is learned; now it polishes details."}
