"""Colours and layout that the figures share: those of the pages (`.streamlit/config.toml`), for light and for dark."""

from __future__ import annotations

import plotly.graph_objects as go

# For things that stand side by side, such as runs: the theme's own order.
SERIES = {
    "light": ("#2f9be0", "#2e9e4f", "#7c4df0", "#ef8e2c", "#d9488f", "#2e9b8f", "#d63c33"),
    "dark": ("#4aa8e8", "#3fae5f", "#9263f7", "#f39a3d", "#e96bab", "#3fb5a8", "#e2504a"),
}
DASHES = ("solid", "dash", "dot", "dashdot")  # once the colours are used up
BAND = 0.18  # opacity of an error band
LABEL_PIXELS = 13
HEIGHT = 400


def colour(number: int, theme: str) -> str:
    """The colour of the series with this number, from 0, as #rrggbb."""
    series = SERIES[theme]
    return series[number % len(series)]


def dash(number: int, theme: str) -> str:
    return DASHES[number // len(SERIES[theme]) % len(DASHES)]


def faint(colour: str) -> str:
    """The same colour for an area behind a line."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND})"


def text(foreign: str, limit: int = 48) -> str:
    """Foreign text for a figure, which would take tags in it for markup: shown as it is, one line, not too long."""
    line = " ".join(foreign.split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain_layout(figure: go.Figure) -> go.Figure:
    """No frame, no background of its own (the page's shows through), the legend above, one hover for all series."""
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": LABEL_PIXELS},
        hovermode="x unified",
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "title": None},
    )
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=8)
    return figure
