"""STAND-IN, to be replaced by its owner."""

from __future__ import annotations

from collections.abc import Iterator

from vaeexplorer.demos.demo import Demo, Moment, Settings, Slider


def run(settings: Settings, seed: int) -> Iterator[Moment]:
    for i in range(20):
        yield Moment((i + 1) / 20, f"Moment {i}.", {"value": i})


DEMO = Demo("A bound without a floor", "A question?", ("A story.",), ("Notice.",), (Slider("size", "Size", 1, 10, 1, 5),), run, "", 1.0)
