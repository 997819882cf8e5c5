"""The fields of the two configurations as the form asks for them: order, groups, words, and when one plays a part.

Names, defaults, bounds and descriptions are the configurations' own. Nothing is drawn here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from vaeexplorer.architectures import ACTIVATIONS, ARCHITECTURES
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.training_estimators import TRAINING_ESTIMATORS
from vaeexplorer.ui.model_card import LIKELIHOOD_WORDS

Values = dict[str, Any]  # field of either configuration -> value

LARGEST = 2**53 - 1  # whole number that a browser keeps exactly

FROM_DATA = ("image_shape",)  # the images decide it
NOT_OFFERED = ("fair_bits",)  # the prior of a Bernoulli posterior: the configuration chooses it


@dataclass(frozen=True)
class Ask:
    """How one field is asked for. label; words: value -> words for it, of a choice; step: of a number's buttons.

    when: whether the field plays a part, given the other values.   empty: what stands in the field if it has no value.
    fits: whether a choice does, given the other values.   about: more words about the choice that is made.
    """

    label: str
    words: Mapping[str, str] | None = None
    step: float | None = None
    when: Callable[[Values], bool] = lambda values: True
    empty: str | None = None
    fits: Callable[[str, Values], bool] = lambda value, values: True
    about: Mapping[str, str] | None = None


def _does(estimator: str, values: Values) -> bool:
    """Whether an estimator can do the latents."""
    return estimator == "auto" or values["posterior"] in TRAINING_ESTIMATORS[estimator].latents


def _relaxes(values: Values) -> bool:
    """Whether the estimator has a temperature."""
    about = TRAINING_ESTIMATORS.get(values["estimator"])
    return about is not None and about.temperature and _does(values["estimator"], values)


def _is(field: str, *wanted: str) -> Callable[[Values], bool]:
    return lambda values: values[field] in wanted


def _is_not(field: str, *unwanted: str) -> Callable[[Values], bool]:
    return lambda values: values[field] not in unwanted


FIRST = ("dataset", "latent_dim", "beta", "epochs")  # the few that matter

GROUPS: dict[str, tuple[str, ...]] = {
    "Network": ("architecture", "hidden", "activation", "channels"),
    "Latents and images": ("posterior", "prior", "likelihood", "likelihood_std", "output", "binarization"),
    "What the KL term weighs": ("beta_schedule", "beta_start", "beta_cycles", "free_bits"),
    "What a step moves": (
        "updates", "encoder_steps", "decoder_steps", "aggressive_epochs",
    ),
    "How its direction is estimated": ("estimator", "samples", "temperature"),
    "Optimiser": ("batch_size", "learning_rate", "encoder_learning_rate", "schedule", "precision", "seed"),
}  # fmt: skip

ASKS: dict[str, Ask] = {
    "dataset": Ask("Images"),
    "latent_dim": Ask("Latent dimensions"),
    "beta": Ask("β, weight of the KL term", step=0.5),
    "epochs": Ask("Epochs", step=10),
    "architecture": Ask("Architecture", {n: f"{a.title.capitalize()} ({n})" for n, a in ARCHITECTURES.items()}),
    "hidden": Ask("Hidden layers, widths", when=_is_not("architecture", "linear"), empty="none"),
    "activation": Ask(
        "Activation", {name: name.replace("_", " ") for name in ACTIVATIONS}, when=_is_not("architecture", "linear")
    ),
    "channels": Ask("Channels", when=_is("architecture", "conv28", "conv64")),
    "posterior": Ask("Posterior q(z|x)", {"gaussian": "Gaussian", "bernoulli": "Bernoulli (on or off)"}),
    "prior": Ask(
        "Prior p(z)", {"standard_normal": "Standard normal", "learned_gaussian": "Learned Gaussian"},
        when=_is("posterior", "gaussian"),
    ),
    "likelihood": Ask("Likelihood p(x|z)", {n: words[0].upper() + words[1:] for n, words in LIKELIHOOD_WORDS.items()}),
    "likelihood_std": Ask("Its standard deviation", step=0.01, when=_is("likelihood", "gaussian", "gaussian_learned")),
    "output": Ask(
        "Output of the decoder", {"sigmoid": "Sigmoid, between 0 and 1", "identity": "Any number"},
        when=_is("likelihood", "gaussian", "gaussian_learned", "gaussian_pixel"),
    ),
    "binarization": Ask(
        "Grey to black and white",
        {"dynamic": "Drawn anew each time", "threshold": "Cut at 1/2", "none": "As they are"},
        when=_is("likelihood", "bernoulli"),
    ),
    "beta_schedule": Ask("Schedule of β", {"constant": "Constant", "linear": "Linear", "cyclical": "Cyclical"}),
    "beta_start": Ask("β at the start", step=0.5, when=_is_not("beta_schedule", "constant"), empty="0"),
    "beta_cycles": Ask("Cycles", when=_is("beta_schedule", "cyclical")),
    "free_bits": Ask("Free nats per dimension", step=0.1),
    "updates": Ask(
        "Updates", {"joint": "Both together", "alternating": "Alternating", "aggressive": "Aggressive encoder"}
    ),
    "encoder_steps": Ask("Encoder steps in a row", when=_is("updates", "alternating")),
    "decoder_steps": Ask("Decoder steps in a row", when=_is("updates", "alternating")),
    "aggressive_epochs": Ask("Aggressive epochs", when=_is("updates", "aggressive")),
    "estimator": Ask(
        "Gradient estimator", {"auto": "Automatic", **{n: about.title for n, about in TRAINING_ESTIMATORS.items()}},
        fits=_does,
        about={
            "auto": "pathwise, and for on-or-off latents leave one out with 4 samples",
            **{name: about.words for name, about in TRAINING_ESTIMATORS.items()},
        },
    ),
    "temperature": Ask("Temperature of relaxed bits", step=0.1, when=_relaxes),
    "samples": Ask("Samples per image"),
    "batch_size": Ask("Batch size", step=32),
    "learning_rate": Ask("Learning rate", step=1e-4),
    "encoder_learning_rate": Ask("Encoder's own rate", step=1e-4, empty="the same"),
    "schedule": Ask(
        "Schedule of the rate", {"constant": "Constant", "cosine": "Cosine to 0", "stages": "Eight stages"}
    ),
    "precision": Ask("Precision", {"float32": "float32", "bfloat16": "bfloat16"}),
    "seed": Ask("Seed"),
}  # fmt: skip


def fields() -> dict[str, FieldInfo]:
    """Every field of the two configurations that a person may set."""
    both: dict[str, FieldInfo] = {**TrainConfig.model_fields, **VaeConfig.model_fields}
    return {name: field for name, field in both.items() if name not in FROM_DATA}


def defaults() -> Values:
    return {name: field.default for name, field in fields().items()}


def help_of(name: str) -> str:
    """The configuration's own description, as a sentence."""
    text = fields()[name].description or ""
    return f"{text[:1].upper()}{text[1:]}."


def bounds(name: str) -> tuple[float | None, float | None]:
    """Lowest and highest number that the field takes, where it says so; a bound that is excluded counts as well."""
    marks = [*fields()[name].metadata]
    for part in get_args(fields()[name].annotation):  # a number or none
        marks += [mark for info in getattr(part, "__metadata__", ()) for mark in getattr(info, "metadata", ())]
    low = next((getattr(m, key) for m in marks for key in ("ge", "gt") if getattr(m, key, None) is not None), None)
    high = next((getattr(m, key) for m in marks for key in ("le", "lt") if getattr(m, key, None) is not None), None)
    return low, high


def choices(name: str, values: Values | None = None) -> list[str]:
    """The values that the form offers for a choice, those that fit the other values if these are given; none for a
    number or a text.
    """
    every = _choices(name)
    return every if values is None else [value for value in every if ASKS[name].fits(value, values)]


def _choices(name: str) -> list[str]:
    literal = [value for value in get_args(fields()[name].annotation) if isinstance(value, str)]
    return [value for value in literal if value not in NOT_OFFERED] or list(ASKS[name].words or ())


def word(name: str, value: str) -> str:
    """A choice in words."""
    return (ASKS[name].words or {}).get(value) or value.replace("_", " ").capitalize()


def whole(name: str) -> bool:
    """Whether the field is a whole number."""
    return fields()[name].annotation is int


def several(name: str) -> bool:
    """Whether the field is a list of numbers."""
    return get_origin(fields()[name].annotation) is tuple


def may_be_none(name: str) -> bool:
    """Whether the field may be left empty."""
    return type(None) in get_args(fields()[name].annotation)


def offered(name: str, value: Any) -> Any:
    """The value if the form can show it, else the default: settings may come from a command that somebody typed."""
    options, usual = choices(name), fields()[name].default
    if options:
        return value if value in options else usual
    if several(name) or name == "dataset" or (value is None and may_be_none(name)):
        return value
    low, _ = bounds(name)
    fits = isinstance(value, int | float) and math.isfinite(value) and (low or 0) <= value <= LARGEST
    return (int(value) if whole(name) else float(value)) if fits else usual


def relevant(values: Values) -> list[str]:
    """The fields that play a part beside these values, in the form's order."""
    shown = [*FIRST, *(name for group in GROUPS.values() for name in group)]
    return [name for name in shown if ASKS[name].when(values)]
