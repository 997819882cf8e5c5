"""`demo`: a demonstration of the lab without its page, its figures beside theory and the band they have to lie in."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vaeexplorer.commands import progress_bar
from vaeexplorer.records import Estimate

if TYPE_CHECKING:
    from vaeexplorer.demos import Demo, Moment
    from vaeexplorer.image_set import Progress

OUTCOME_ONLY = ("title", "theory", "band", "inside", "words", "scene")  # what a row has beside an Estimate's fields


def demo(options: argparse.Namespace) -> None:
    """Play a demonstration, every story of it unless one is chosen, and print the figures that it ends with."""
    from vaeexplorer.demos import DEMOS

    if options.name is not None and options.name not in DEMOS:
        raise ValueError(f"there is no demonstration {options.name!r}: name one of {', '.join(DEMOS)}")
    if options.list:
        return _list({name: DEMOS[name] for name in ([options.name] if options.name else DEMOS)}, options.json)
    if options.name is None:
        raise ValueError(f"name a demonstration, or ask for --list: there are {', '.join(DEMOS)}")
    if options.data_dir:
        os.environ["VAEEXPLORER_DATA"] = options.data_dir  # where a demonstration that likes real images looks
    document = _played(options.name, DEMOS[options.name], given(options.set), options.seed)
    if options.json:
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        _print_played(document)
    if not document["complete"]:
        raise KeyboardInterrupt("interrupted: what is printed is a part of what was asked for")


def given(texts: Sequence[str]) -> dict[str, str]:
    """What --set says, as text.   Raises: ValueError for what is no name=value, and for a name that comes twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--set takes name=value, got {text!r:.60}")
        if name.strip() in found:
            raise ValueError(f"--set has {name.strip()} twice: leave one out")
        found[name.strip()] = value.strip()
    return found


def _played(name: str, demo: Demo, chosen: Mapping[str, str], seed: int) -> dict[str, Any]:
    """The document: the settings, the scenes that were played, and the figures of each, or of those that were done."""
    from vaeexplorer.demos import play

    scenes = scenes_for(demo, chosen)
    films = [play(demo, {**chosen, **({"scene": scene} if scene else {})}, seed) for scene in scenes]
    heard = {c.name for c in demo.controls if not c.scenes or set(c.scenes) & set(scenes)} - {"scene"}
    settings = {name: value for name, value in demo.settings(chosen).items() if name in heard}
    document: dict[str, Any] = {
        "demo": name, "title": demo.title, "question": demo.question, "source": demo.source, "seed": seed,
        "settings": settings, "scenes": [scene for scene in scenes if scene], "outcomes": [], "complete": False,
    }  # fmt: skip
    with progress_bar() as show:
        try:
            for number, (scene, film) in enumerate(zip(scenes, films, strict=True)):
                last = _last(film, number, len(films), show)
                document["outcomes"] += [{"scene": scene, **outcome.to_dict()} for outcome in last.outcomes]
            document["complete"] = True
        except KeyboardInterrupt:
            pass  # the films that came to their end are told
    return document


def scenes_for(demo: Demo, chosen: Mapping[str, str]) -> tuple[str | None, ...]:
    """The stories to play: the one that was chosen, else all in which what was set has a say; (None,) if it tells one.

    Raises: ValueError for a setting that has no say there, and for what Demo.settings refuses.
    """
    known = demo.settings(chosen)
    if not demo.scenes:
        return (None,)
    limits = {control.name: control.scenes for control in demo.controls if control.name in chosen and control.scenes}
    wanted = (str(known["scene"]),) if "scene" in chosen else demo.scenes
    fitting = tuple(scene for scene in wanted if all(scene in scenes for scenes in limits.values()))
    if not fitting:
        places = "; ".join(f"{name} belongs to {' and '.join(scenes)}" for name, scenes in limits.items())
        raise ValueError(f"there is no scene in which all that is set has a say: {places}")
    return fitting


def _last(film: Iterator[Moment], number: int, count: int, show: Progress) -> Moment:
    """Play one of several films to its end."""
    last = None
    for moment in film:
        last = moment
        show((number + moment.fraction) / count, moment.text)
    if last is None:
        raise ValueError("this demonstration has nothing to show")
    return last


def _list(demos: Mapping[str, Demo], as_json: bool) -> None:
    if as_json:
        return print(json.dumps([{"name": name, **demo.to_dict()} for name, demo in demos.items()], indent=1))
    for name, demo in demos.items():
        print(f"{name:24}{demo.title}: {demo.question} (about {demo.seconds:.0f} s)")
        for control in demo.to_dict()["controls"]:
            limits = f", in the scene {' and '.join(control['scenes'])}" if control["scenes"] else ""
            print(f"{'':24}{control['name']}={control['default']}  {_range(control)}{limits}")


def _range(control: Mapping[str, Any]) -> str:
    """What a control may be set to, in words."""
    return RANGES[control["kind"]](control)


RANGES = {
    "choice": lambda control: f"one of {', '.join(str(value) for value, _ in control['values'])}",
    "slider": lambda control: f"from {control['low']:g} to {control['high']:g}",
    "steps": lambda control: ", ".join(f"{letter}: {words}" for letter, words in control["buttons"]),
}


def _print_played(document: Mapping[str, Any]) -> None:
    settings = " ".join(f"{name}={value}" for name, value in document["settings"].items())
    print(f"{document['title']}: {document['question']}")
    print(f"seed {document['seed']}{', ' if settings else ''}{settings}; {document['source']}")
    scene = None
    for outcome in document["outcomes"]:
        if outcome["scene"] != scene:
            scene = outcome["scene"]
            print(f"scene {scene}")
        _print_outcome(outcome)
    outside = [
        outcome["name"] + (f" (scene {outcome['scene']})" if outcome["scene"] else "")
        for outcome in document["outcomes"] if outcome["inside"] is False
    ]  # fmt: skip
    if outside:
        print(f"outside of their bands: {', '.join(outside)}")


def _band(low: float | None, high: float | None) -> str:
    ends = (f"{low:.5g} or more" if low is not None else "", f"{high:.5g} or less" if high is not None else "")
    return "".join(ends) if None in (low, high) else f"{low:.5g} to {high:.5g}"


def _print_outcome(outcome: Mapping[str, Any]) -> None:
    estimate = Estimate.from_dict({key: value for key, value in outcome.items() if key not in OUTCOME_ONLY})
    about = f"({estimate.kind}, n = {estimate.n:,} {estimate.over})"
    theory = "" if outcome["theory"] is None else f"; theory {outcome['theory']:.5g}"
    band = ""
    if outcome["band"] is not None:
        verdict = "inside" if outcome["inside"] else "OUTSIDE"
        band = f"; {verdict} of {_band(*outcome['band'])}"
    print(f"{outcome['title']:44} {estimate}  {about}{theory}{band}")
