"""What becomes of the form's answers: the two configurations, the command that trains them, and the way back.

What goes together is for the configurations themselves to say; their complaints are put in plain words here.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from pydantic import BaseModel, ValidationError

from vaeexplorer.configs import TrainConfig, VaeConfig, fit_together
from vaeexplorer.ui.train_fields import (
    ASKS,
    FIRST,
    FROM_DATA,
    NOT_OFFERED,
    Values,
    choices,
    defaults,
    fields,
    may_be_none,
    relevant,
    several,
    whole,
)

COMMAND = "python -m vaeexplorer train"


class SettingsError(ValueError):
    """Settings that do not go together; the text is one line for people."""


def configs(values: Values, image_shape: tuple[int, int, int]) -> tuple[VaeConfig, TrainConfig]:
    """The two configurations.   Raises SettingsError with one line for people if the values do not go together."""
    used = {name: values[name] for name in relevant(values) if values[name] is not None or not may_be_none(name)}
    try:
        train = TrainConfig(**_only(used, TrainConfig))
        vae = VaeConfig(**{**_only(used, VaeConfig), "image_shape": image_shape})
        fit_together(vae, train)
    except ValidationError as error:
        raise SettingsError("; ".join(_plainly(problem) for problem in error.errors())) from None
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return vae, train


def arguments(vae: VaeConfig, train: TrainConfig) -> list[str]:
    """What follows `python -m vaeexplorer train`: the first fields, and everything that is not as usual."""
    both, usual = {**train.model_dump(), **vae.model_dump()}, defaults()
    always = (*FIRST, "seed")
    words: list[str] = []
    for name in (*always, *(name for name in both if name not in (*always, *FROM_DATA))):
        changed = name in always or both[name] != usual[name]
        if changed and both[name] is not None and both[name] not in NOT_OFFERED:
            words += [f"--{name.replace('_', '-')}", *_words(both[name])]
    return words


def command(words: list[str]) -> str:
    """The line to copy into a terminal."""
    return f"{COMMAND} {shlex.join(words)}"


def from_configs(vae: VaeConfig, train: TrainConfig) -> Values:
    """The values that would ask for these configurations again."""
    both = {**train.model_dump(), **vae.model_dump()}
    values = {name: both[name] for name in fields()}
    return values | ({"prior": defaults()["prior"]} if vae.posterior == "bernoulli" else {})


def from_arguments(words: list[str]) -> Values:
    """The values that stand in a command; what is unknown is passed over, a number that is none stays a text."""
    given: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            given[name.replace("-", "_")] = [value] if value else []
        elif given:
            given[next(reversed(given))].append(word)
    values = defaults()
    for name, parts in given.items():
        if name in values:
            values[name] = _parsed(name, parts, values[name])
    return values


def _parsed(name: str, parts: list[str], usual: Any) -> Any:
    if several(name):
        return tuple(parts)
    if name == "dataset" or choices(name):
        return parts[0] if parts else usual
    try:
        return int(parts[0]) if whole(name) else float(parts[0])
    except (ValueError, IndexError):
        return usual


def _words(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [str(part) for part in value]
    return [repr(value).removesuffix(".0") if isinstance(value, float) else str(value)]


def _only(values: Values, config: type[BaseModel]) -> Values:
    return {name: value for name, value in values.items() if name in config.model_fields}


def split_widths(text: str) -> tuple[str, ...]:
    """'500, 500' or '500-500' -> ("500", "500"); whether they are numbers is for the configuration to say."""
    return tuple(part for part in re.split(r"[\s,;×x–-]+", text) if part)


def _plainly(problem: Any) -> str:
    """One complaint of pydantic in words for people: which field, what it takes, what came."""
    where = ASKS[problem["loc"][0]].label if problem["loc"] and problem["loc"][0] in ASKS else ""
    text = PLAIN.get(problem["type"])
    if text is None:
        said = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {said}" if where else said[:1].upper() + said[1:]
    came = "nothing" if problem["input"] is None else repr(problem["input"])
    return f"{where} must be {text.format(**problem.get('ctx', {}))}, not {came}"


PLAIN = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number",
    "greater_than": "more than {gt:g}", "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}", "less_than_equal": "at most {le:g}",
    "literal_error": "one of {expected}",
}  # fmt: skip
