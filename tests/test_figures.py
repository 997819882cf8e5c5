"""Figures: what a record holds is what is drawn, and foreign text stays text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from vaeexplorer.figures import curves, style
from vaeexplorer.figures.curves import Curve, finite, frame, overlay, thinned

MARKUP = '<a href="javascript:alert(1)">b</a> & <b>c</b>'


def curve(count: int = 50, title: str = "a", errors: bool = False) -> Curve:
    steps = np.arange(1.0, count + 1)
    return Curve(title, steps, np.sin(steps), np.full(count, 0.25) if errors else None)


def lines(figure) -> list:
    return [trace for trace in figure.data if trace.showlegend is not False]


def test_a_short_curve_is_drawn_as_it_is() -> None:
    (line,) = lines(overlay([curve()], "ELBO, nats"))
    np.testing.assert_array_equal(line.x, curve().steps)
    np.testing.assert_array_equal(line.y, curve().values)


def test_a_long_curve_is_thinned_and_keeps_its_peaks() -> None:
    long = curve(20_600)
    spiked = Curve("a", long.steps, long.values.copy(), np.arange(20_600.0))
    spiked.values[12_345], spiked.values[777] = 50, -50
    short = thinned(spiked)
    assert 900 < len(short.steps) <= curves.MOST_POINTS
    assert (short.values.max(), short.values.min()) == (50, -50)
    assert (short.steps[0], short.steps[-1]) == (1, 20_600)
    assert (np.diff(short.steps) > 0).all()
    np.testing.assert_array_equal(short.stderr, short.steps - 1)
    assert len(overlay([spiked], "x").data[0].x) <= 2 * curves.MOST_POINTS


@pytest.mark.parametrize("count", [1000, 1001, 1002, 1003, 2001])
def test_thinning_never_leaves_more_than_asked(count: int) -> None:
    assert len(thinned(curve(count)).steps) <= 1000


def test_the_band_is_one_standard_error_wide() -> None:
    band, _ = overlay([curve(errors=True)], "x").data
    assert band.fill == "toself"
    assert band.hoverinfo == "skip"
    np.testing.assert_allclose(band.y[:50], curve().values + 0.25)
    np.testing.assert_allclose(band.y[50:], (curve().values - 0.25)[::-1])


def test_an_unknown_error_has_no_band() -> None:
    one = Curve("a", np.array([1.0, 2]), np.array([3.0, 4]), np.array([np.inf, 0.5]))
    band = overlay([one], "x").data[0]
    np.testing.assert_allclose(band.y, [3, 4.5, 3.5, 3])


def test_what_is_no_number_is_left_out() -> None:
    diverged = Curve("a", np.arange(4.0), np.array([1, np.nan, np.inf, 2]), np.ones(4))
    np.testing.assert_array_equal(finite(diverged).steps, [0, 3])
    (line,) = lines(overlay([diverged], "x"))
    np.testing.assert_array_equal(line.y, [1, 2])


def test_a_run_without_a_point_is_no_error() -> None:
    empty = Curve("a", np.empty(0), np.empty(0), np.empty(0))
    assert frame([empty]) is None
    assert len(lines(overlay([empty, curve()], "x"))) == 2


def test_the_frame_leaves_out_the_first_plunge() -> None:
    steps = np.arange(0.0, 101)
    falling = Curve("a", steps, np.where(steps < 5, -1000.0, -100 + steps / 100))
    low, high = frame([falling]) or (0, 0)
    assert -101 < low < -99.9
    assert -99 <= high < -98


def test_a_constant_curve_has_a_frame() -> None:
    low, high = frame([Curve("a", np.arange(3.0), np.zeros(3))]) or (0, 0)
    assert low < 0 < high


def test_a_title_is_never_markup() -> None:
    (line,) = lines(overlay([curve(title=MARKUP)], "x"))
    assert "<" not in line.name
    assert line.name.startswith("&lt;a href")
    assert len(style.text("x" * 500)) == 48
    assert style.text("a\n b") == "a b"


@pytest.mark.parametrize("theme", style.SERIES)
def test_runs_differ_in_colour_and_then_in_dash(theme: str) -> None:
    looks = {(line.line.color, line.line.dash) for line in lines(overlay([curve()] * 20, "x", theme))}
    assert len(looks) == 20


@pytest.mark.parametrize("theme", style.SERIES)
def test_the_colours_are_those_of_the_pages(root: Path, theme: str) -> None:
    config = tomllib.loads((root / ".streamlit" / "config.toml").read_text())
    assert list(style.SERIES[theme]) == config["theme"][theme]["chartCategoricalColors"]


def test_light_and_dark_share_the_page_behind_them() -> None:
    figure = overlay([curve()], "ELBO, nats per image")
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.yaxis.title.text == "ELBO, nats per image"
    assert figure.layout.font.size >= 12
