"""What every estimator of log p(x) looks like, so that one loop serves the page, the command line and Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import Kind, LogMarginal


@dataclass(frozen=True)
class Stage:
    """How far an estimate is: 0..1, in words, and the record so far (None before there is a value)."""

    fraction: float
    text: str
    record: LogMarginal | None


def _none(model: LatentModel) -> None:
    return None


@dataclass(frozen=True)
class Method:
    """One way to log p(x).

    run(model, x, *, samples, generator, keep_weights=False, **options) yields Stages, the last one with the complete
    record; who stops listening cancels it. Memory stays flat; exactly `samples` are drawn.
    title, words: a name and a plain sentence.   kind: of the value it gives.   samples: the default, None where there
    is nothing to choose; least, most: its limits; counted: what is counted ("draws of q").
    options: further arguments of `run` with their defaults.
    problem(model): why the method does not apply, one line, or None.
    decodings(model, samples, options): decoder evaluations per image, forward passes; a gradient counts as 2 more.
    growth: what each further image of one call adds, as a share of `decodings`: 1 where every image has codes of its
    own, less where codes are decoded once for all of them.   source: the paper.
    """

    title: str
    words: str
    kind: Kind
    run: Callable[..., Iterator[Stage]]
    samples: int | None
    counted: str
    source: str
    decodings: Callable[[LatentModel, int, Mapping[str, Any]], float]
    options: Mapping[str, Any] = field(default_factory=dict)
    problem: Callable[[LatentModel], str | None] = _none
    growth: float = 1.0
    least: int = 1
    most: int = 10**9

    @property
    def shared(self) -> bool:
        """Whether the images of a call share codes, so that many of them had better be asked about together."""
        return self.growth < 1
