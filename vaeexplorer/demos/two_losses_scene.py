"""What a moment of "Two losses in one" holds: both losses, and where codes lie and where the encoder says they lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vaeexplorer.demos.demo import Outcome
from vaeexplorer.demos.pixels import packed
from vaeexplorer.demos.two_losses_learner import REACH, SHOWN, SPACING, Reading, test_images
from vaeexplorer.records import Estimate

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
TOP = len(ALPHABET) - 1
CELLS = 400  # of one cloud: a larger one is told by every second code of the lattice, or fewer
DIGITS = 5  # of the losses, behind the point


BEFORE = "Both are new: the decoder's world is a blur, and the encoder guesses at random."
WHO = {"encoder": "The encoder learns", "decoder": "The decoder learns", "both": "Both learn"}


def moment_data(step: int, part: str, *readings: Reading, warm: bool = False) -> dict[str, Any]:
    """The data of a moment: after so many steps, of which the last moved this part, one VAE for each lane; warm: they
    still learn together, before one looks at single moves.
    """
    return {"step": step, "part": part, "warm": warm, "lanes": [lane_data(reading) for reading in readings]}


def about() -> dict[str, Any]:
    """What the first moment holds beside: the shown images, packed, and the digits that they show."""
    x, shown = test_images()
    return {"images": packed(x[shown].numpy()), "digits": list(SHOWN), "side": x.shape[-1]}


def moved(part: str, before: Reading, now: Reading) -> str:
    """Who learned, and what became of both losses, in a sentence."""
    s, e = (float((getattr(now, name) - getattr(before, name)).mean()) for name in ("s", "gap"))
    of_s = "S does not move at all" if s == 0 else f"S {_way(s)}"
    return f"{WHO[part]}: {of_s}, the gap E {_way(e)}."


def _way(change: float) -> str:
    """By how much it went which way, nats."""
    if abs(change) < 0.0005:
        return "stays where it is"
    return f"{'rises' if change > 0 else 'falls'} by {abs(change):.3f} nats"


def lane_data(reading: Reading) -> dict[str, Any]:
    """One VAE as a picture needs it: u, s, e (means over the test images, nats), and of each shown image the cloud of
    its true codes, q as [mean, mean, std, std], and what the decoder makes of the means of q, packed.
    """
    u, s = round(float(reading.u.mean()), DIGITS), round(float(reading.s.mean()), DIGITS)
    q = np.concatenate([reading.mean, reading.std], 1)
    return {
        "u": u, "s": s, "e": round(u - s, DIGITS), "q": [[round(float(v), 3) for v in row] for row in q],
        "clouds": [cloud(log) for log in reading.log_posterior.T], "means": packed(reading.means),
    }  # fmt: skip


def cloud(log_density: np.ndarray) -> list[Any]:
    """A density on the lattice as [left, low, distance, columns, text]: a character of ALPHABET for the square root of
    each code's share of the highest one, row by row upwards, within the box where it is not 0.
    """
    side = math.isqrt(len(log_density))
    levels = np.rint(TOP * np.exp((log_density - log_density.max()) / 2)).astype(int).reshape(side, side)
    rows, columns = (np.flatnonzero(levels.any(axis)) for axis in (1, 0))
    low, left = int(rows[0]), int(columns[0])
    stride = 1
    while math.ceil((rows[-1] + 1 - low) / stride) * math.ceil((columns[-1] + 1 - left) / stride) > CELLS:
        stride += 1
    box = levels[low : rows[-1] + 1 : stride, left : columns[-1] + 1 : stride]
    place = [round(at * SPACING - REACH, 3) for at in (left, low)]
    return [*place, round(stride * SPACING, 3), box.shape[1], "".join(ALPHABET[v] for v in box.ravel())]


def losses(reading: Reading, prefix: str = "", bands: Mapping[str, tuple[float, float]] | None = None,
           whose: str = "") -> tuple[Outcome, ...]:  # fmt: skip
    """U, S and E of the test images as outcomes; the error is that of the mean over images."""
    named: Sequence[tuple[str, str, np.ndarray, str]] = (
        ("u", "U, what training sees", reading.u, "The sum of the two losses below."),
        ("s", "S, surprise of the model", reading.s, "How badly the decoder's world explains the images."),
        ("e", "E, gap of the encoder", reading.gap, "How far the encoder's answers are from the right ones."),
    )
    return tuple(
        Outcome(prefix + key, title + (f" ({whose})" if whose else ""),
                Estimate.mean_of(values, kind="exact", over="test images", name=prefix + key),
                band=(bands or {}).get(prefix + key), words=words)
        for key, title, values, words in named
    )  # fmt: skip
