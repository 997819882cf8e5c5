"""A run in words before there is one: its name, its size, how long it may take."""

from __future__ import annotations

import re

from vaeexplorer.architectures import ARCHITECTURES
from vaeexplorer.datasets import DATASETS
from vaeexplorer.training_estimators import TRAINING_ESTIMATORS
from vaeexplorer.ui.train_fields import Values

LONGEST_TITLE = 100


def image_shape(dataset: str, architecture: str) -> tuple[int, int, int] | None:
    """What the network will get of a known data set, padded as its loader does; None for the user's own images."""
    if dataset not in DATASETS:
        return None
    channels, height, width = DATASETS[dataset].shape
    multiple = ARCHITECTURES[architecture].multiple
    return channels, height + -height % multiple, width + -width % multiple


def title_of(values: Values) -> str:
    """A name for a run with these values, for who gives it none."""
    known = DATASETS.get(values["dataset"])
    images = known.title if known else re.split(r"[\\/]", values["dataset"].rstrip("\\/"))[-1] or "own images"
    dims = values["latent_dim"]
    parts = [images, f"{dims} dimension" + ("" if dims == 1 else "s")]
    if values["beta"] != 1:
        parts.append(f"β = {values['beta']:g}" if isinstance(values["beta"], float | int) else "β")
    parts += [values["updates"]] if values["updates"] != "joint" else []
    estimator = TRAINING_ESTIMATORS.get(values["estimator"])
    parts += [estimator.title] if estimator else []
    return ", ".join(parts)[:LONGEST_TITLE]


def again(title: str) -> str:
    """The name of a second run like the one of this title."""
    words = " (again)"
    return title if title.endswith(words) else title[: LONGEST_TITLE - len(words)] + words


def duration(seconds: float) -> str:
    """'about 40 seconds': as exact as an estimate deserves."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:.0f} {unit}s"
    return f"about {max(5, round(seconds / 5) * 5)} seconds" if seconds < 57 else "about a minute"


def large(number: int) -> str:
    """'1.1 million', '24 thousand', '640'."""
    for size, word in ((1_000_000, "million"), (1_000, "thousand")):
        if number >= 0.9995 * size:
            value = number / size
            return f"{value:.0f} {word}" if value >= 9.95 else f"{value:.1f} {word}".replace(".0 ", " ")
    return str(number)
