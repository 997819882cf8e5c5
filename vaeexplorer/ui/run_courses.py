"""What may be compared between runs: quantities over their steps, and the figures to judge a run by.

A run's metrics are read again only when the file has grown.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from vaeexplorer import run_clock, runs
from vaeexplorer.checkpoints import CheckpointError
from vaeexplorer.records import Estimate
from vaeexplorer.ui import cached

Row = dict[str, Any]
Course = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # steps, values, standard errors or None


@dataclass(frozen=True)
class Quantity:
    """What may be compared. axis: its words with the unit; about: what is averaged, and what kind of statement it is.

    estimate: its name among a row's estimates of held-out data, or scalar: its name in every row.
    """

    axis: str
    about: str
    estimate: str = ""
    scalar: str = ""


QUANTITIES: dict[str, Quantity] = {
    "Held-out ELBO": Quantity("ELBO, nats per image", "lower bound of log p(x), higher is better", estimate="elbo"),
    "Reconstruction": Quantity("E log p(x|z), nats per image", "unbiased, higher is better", estimate="reconstruction"),
    "KL": Quantity("KL(q‖p(z)), nats per image", "how much the code says about an image", estimate="kl"),
    "Gap": Quantity(
        "KL(q‖p(z|x)), nats per image", "lower bound of the gap between log p(x) and the ELBO", estimate="gap"
    ),
    "Training ELBO": Quantity("ELBO of the batches, nats per image", "mean since the row before", scalar="elbo"),
    "Gradient norm": Quantity("gradient norm", "of the loss, on the batch of that step", scalar="gradient_norm"),
}


ALONG = {"Steps": "training step", "Time": "seconds of training"}  # what may be below the curves, and its words


def course(path: Path, quantity: str, along: str = "Steps") -> Course:
    """Steps, values and standard errors (None without) of a quantity in a run's metrics.

    along "Time": seconds of work in place of steps, without the points whose time is not known.
    """
    steps, values, errors = _courses(str(path), _size(path / "metrics.jsonl"))[quantity]
    if along == "Steps":
        return steps, values, errors
    seconds = run_clock.seconds_at(path, steps)
    known = np.isfinite(seconds)
    return seconds[known], values[known], None if errors is None else errors[known]


def latest(path: Path) -> tuple[list[Estimate], str]:
    """The figures to judge a run by, and where they come from: its checkpoint's if it was measured, else the newest."""
    with contextlib.suppress(CheckpointError, cached.UnknownModel):
        measured = cached.header(f"run/{path.name}").estimates
        if measured:
            return [e for e in measured if not e.name.startswith("kl_")], "at its end"
    estimates, step = newest(path)
    return estimates, f"at step {step:,}"


def newest(path: Path) -> tuple[list[Estimate], int]:
    """The estimates of the last observation in a run's metrics, and its step; ([], 0) before the first."""
    return _newest(str(path), _size(path / "metrics.jsonl"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@st.cache_resource(max_entries=32, show_spinner=False)
def _courses(path: str, size: int) -> dict[str, Course]:
    rows, _ = runs.metrics(Path(path))
    return {name: _course(rows, quantity) for name, quantity in QUANTITIES.items()}


def _course(rows: list[Row], quantity: Quantity) -> Course:
    if quantity.scalar:
        points = [(row["step"], row[quantity.scalar]) for row in rows if row.get(quantity.scalar) is not None]
        steps, values = np.array(points, np.float64).reshape(-1, 2).T
        return steps, values, None
    found = [(row["step"], e) for row in rows for e in row.get("held_out") or () if e["name"] == quantity.estimate]
    steps = np.array([step for step, _ in found], np.float64)
    values = np.array([e["value"] for _, e in found], np.float64)
    errors = np.array([np.inf if e["stderr"] is None else e["stderr"] for _, e in found], np.float64)
    return steps, values, errors


@st.cache_resource(max_entries=32, show_spinner=False)
def _newest(path: str, size: int) -> tuple[list[Estimate], int]:
    rows, _ = runs.metrics(Path(path))
    row = next((row for row in reversed(rows) if row.get("held_out")), None)
    return ([Estimate.from_dict(e) for e in row["held_out"]], row["step"]) if row else ([], 0)
