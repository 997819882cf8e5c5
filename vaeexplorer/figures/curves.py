"""One quantity of several runs over their steps: lines with error bands, drawn on top of each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from vaeexplorer.figures import style

MOST_POINTS = 1000  # of one line: more are slow in the browser and no sharper on a screen
SETTLED = 0.1  # part of the steps after which the first plunge is over: what comes later decides the frame
MARGIN = 0.06  # of the frame, above and below


@dataclass(frozen=True)
class Curve:
    """What one run says about one quantity: title (foreign text), steps (N,) rising, values (N,).

    stderr: (N,) of each value, or None where it is not known.
    """

    title: str
    steps: np.ndarray
    values: np.ndarray
    stderr: np.ndarray | None = None


def thinned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """At most `most` points: the first, the last, and the least and the greatest value of each stretch between."""
    count = len(curve.steps)
    if count <= most:
        return curve
    edges = np.linspace(0, count, (most - 2) // 2 + 1).astype(int)
    kept = {0, count - 1}
    for start, end in itertools.pairwise(edges):
        part = curve.values[start:end]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    rows = np.array(sorted(kept))
    return Curve(
        curve.title,
        curve.steps[rows],
        curve.values[rows],
        None if curve.stderr is None else curve.stderr[rows],
    )


def finite(curve: Curve) -> Curve:
    """Without the points that are no number, for example after a run diverged."""
    rows = np.isfinite(curve.values)
    return Curve(
        curve.title, curve.steps[rows], curve.values[rows], None if curve.stderr is None else curve.stderr[rows]
    )


def frame(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """Lowest and highest value that the figure shows at first: those after the first plunge; None without any point."""
    later = [c.values[c.steps >= SETTLED * c.steps[-1]] for c in curves if len(c.steps)]
    values = np.concatenate(later) if later else np.empty(0)
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low or abs(high) or 1.0)
    return low - margin, high + margin


def overlay(curves: Sequence[Curve], quantity: str, theme: str = "light", along: str = "training step") -> go.Figure:
    """The curves in one figure, thinned, each with a band of one standard error where that is known.

    quantity: the axis's words, with its unit.   theme: "light" or "dark".   along: what the steps of the curves are.
    """
    figure = style.plain_layout(go.Figure())
    shown = [thinned(finite(curve)) for curve in curves]
    for number, curve in enumerate(shown):
        colour = style.colour(number, theme)
        if curve.stderr is not None and len(curve.steps):
            figure.add_trace(_band(curve, curve.stderr, number, colour))
        figure.add_trace(
            go.Scatter(
                x=curve.steps, y=curve.values, name=style.text(curve.title), legendgroup=str(number), mode="lines",
                line={"color": colour, "width": 2, "dash": style.dash(number, theme)},
            )
        )  # fmt: skip
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title=along, tickformat=",", hoverformat=",d" if along == "training step" else ".1f")
    figure.update_yaxes(title=quantity, range=frame(shown), hoverformat=".4~r")
    return figure


def _band(curve: Curve, stderr: np.ndarray, number: int, colour: str) -> go.Scatter:
    """Value ± standard error as one closed area; an unknown error has no width."""
    error = np.where(np.isfinite(stderr), stderr, 0.0)
    return go.Scatter(
        x=np.concatenate([curve.steps, curve.steps[::-1]]),
        y=np.concatenate([curve.values + error, (curve.values - error)[::-1]]),
        fill="toself", fillcolor=style.faint(colour), line={"width": 0}, mode="lines",
        legendgroup=str(number), showlegend=False, hoverinfo="skip",
    )  # fmt: skip
