"""What a demonstration is: a question in plain words, a few controls, a film that is computed, and its figures.

A demonstration computes moments, one after the other; a page shows them as a film while they come, the command line
reads the last one. Whoever stops listening ends the computation. Same settings and seed, same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vaeexplorer.records import Estimate

Value = str | int | float
Settings = Mapping[str, Value]
Band = tuple[float | None, float | None]  # from and to; None: no end on this side

LONGEST_HISTORY = 200
SCENE = "scene"  # the name of the control, if there is one, that decides which of its stories is told


@dataclass(frozen=True)
class Choice:
    """One of a few things, each with its words. scenes: those in which it has a say, none named: in all."""

    name: str
    title: str
    values: tuple[tuple[Value, str], ...]
    default: Value
    words: str = ""
    scenes: tuple[str, ...] = ()

    def check(self, value: object) -> Value:
        """The value of that name.   Raises: ValueError, one line."""
        for known, _ in self.values:
            if value == known or str(value) == str(known):
                return known
        raise ValueError(f"{self.name} is one of {', '.join(str(known) for known, _ in self.values)}; got {value!r}")


@dataclass(frozen=True)
class Slider:
    """A number from low to high; whole numbers if `step` is a whole number. log: equal ways are equal factors."""

    name: str
    title: str
    low: float
    high: float
    step: float
    default: float
    words: str = ""
    log: bool = False
    scenes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return isinstance(self.step, int)

    def check(self, value: object) -> Value:
        """The number.   Raises: ValueError, one line."""
        kind = "a whole number" if self.whole else "a number"
        expected = f"{self.name} is {kind} from {self.low:g} to {self.high:g}; got {value!r}"
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise ValueError(expected) from None
        if isinstance(value, bool) or not self.low <= number <= self.high or (self.whole and number % 1):
            raise ValueError(expected)
        return int(number) if self.whole else number


@dataclass(frozen=True)
class Steps:
    """What was done by hand, one letter after the other: each button adds its letter. `buttons`: letter and words."""

    name: str
    title: str
    buttons: tuple[tuple[str, str], ...]
    default: str = ""
    words: str = ""
    most: int = LONGEST_HISTORY
    scenes: tuple[str, ...] = ()

    def check(self, value: object) -> Value:
        """The letters.   Raises: ValueError, one line."""
        letters = "".join(letter for letter, _ in self.buttons)
        if not isinstance(value, str) or len(value) > self.most or not set(value) <= set(letters):
            text = f"{self.name} is a text of at most {self.most} letters out of {letters}"
            raise ValueError(f"{text}; got {value!r:.60}")
        return value


Control = Choice | Slider | Steps


@dataclass(frozen=True)
class Outcome:
    """One figure that a demonstration ends with.

    name: for programs; title: for people; estimate: value, error, unit and kind; theory: the value that mathematics
    gives, None where it gives none; band: from and to, where the figure has to lie, None where nothing is promised;
    words: what it means, a sentence.
    """

    name: str
    title: str
    estimate: Estimate
    theory: float | None = None
    band: Band | None = None
    words: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether the figure lies in its band; None where it has none."""
        if self.band is None:
            return None
        low, high = self.band
        value = self.estimate.value
        return (low is None or low <= value) and (high is None or value <= high)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: value, stderr (null: unknown), n, kind, over, unit, and name, title, theory, band, inside."""
        own = {"name": self.name, "title": self.title, "theory": self.theory, "band": self.band, "inside": self.inside}
        return {**self.estimate.to_dict(), **own, "words": self.words}


@dataclass(frozen=True)
class Moment:
    """One picture of the film. fraction: of the work, 0..1; text: what happens here, a sentence; data: JSON-ready
    numbers of the picture, all of them finite or None; outcomes: the figures, in the last moment."""

    fraction: float
    text: str
    data: Mapping[str, Any]
    outcomes: tuple[Outcome, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {"fraction": self.fraction, "text": self.text, "data": dict(self.data),
                "outcomes": [outcome.to_dict() for outcome in self.outcomes]}  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """One demonstration of the lab.

    title, question: in plain words; story: sentences to begin with; notice: what to look at, a sentence each;
    controls: two or three; run(settings, seed) computes the moments, the last of which has the outcomes; source: the
    text or paper with its place; seconds: about how long it takes with its defaults on two cores.
    """

    title: str
    question: str
    story: tuple[str, ...]
    notice: tuple[str, ...]
    controls: tuple[Control, ...]
    run: Callable[[Settings, int], Iterator[Moment]]
    source: str
    seconds: float

    @property
    def scenes(self) -> tuple[str, ...]:
        """The names of its stories, in their order; empty if it tells one."""
        found = [control for control in self.controls if control.name == SCENE and isinstance(control, Choice)]
        return tuple(str(value) for value, _ in found[0].values) if found else ()

    def settings(self, given: Mapping[str, object]) -> dict[str, Value]:
        """All settings, those that are not given at their defaults.   Raises: ValueError, one line."""
        names = [control.name for control in self.controls]
        for name in given:
            if name not in names:
                raise ValueError(f"there is no setting {name!r:.60}: there are {', '.join(names) or 'none'}")
        return {control.name: control.check(given.get(control.name, control.default)) for control in self.controls}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: everything that is told about it, without its computation."""
        told = {name: getattr(self, name) for name in ("title", "question", "story", "notice", "source", "seconds")}
        return {**told, "controls": [{"kind": type(c).__name__.lower(), **asdict(c)} for c in self.controls]}


def play(demo: Demo, given: Mapping[str, object], seed: int) -> Generator[Moment, None, None]:
    """The moments of a demonstration, its settings checked before the first.

    Raises: ValueError for settings that are none, and where a number is not finite: what diverged says so in words.
    """
    settings = demo.settings(given)
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise ValueError(f"seed is a whole number from 0 to {2**31 - 1}; got {seed!r}")
    return _finite(demo.run(settings, seed))


def _finite(moments: Iterator[Moment]) -> Generator[Moment, None, None]:
    for moment in moments:
        if not all_finite(moment.data):
            raise ValueError(f"the numbers left all bounds: {moment.text} Choose milder settings, or reset them")
        yield moment


def all_finite(data: Any) -> bool:
    """Whether each number in nested lists and objects is finite; None, words and truth values are none."""
    if isinstance(data, Mapping):
        return all(map(all_finite, data.values()))
    if isinstance(data, list | tuple):
        return all(map(all_finite, data))
    return not isinstance(data, float) or math.isfinite(data)
