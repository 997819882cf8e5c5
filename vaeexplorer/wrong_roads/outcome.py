"""Where a wrong road and the right way lead to, and the few statistics that say so: means with standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from vaeexplorer.numerics import logmeanexp
from vaeexplorer.records import Kind

Row = tuple[int, float, float]  # number of draws, mean, standard error


@dataclass(frozen=True)
class Truth:
    """The number that both ways are meant to give; `kind` of what it is where it had to be estimated `by` a method."""

    value: float
    stderr: float = 0.0
    kind: Kind = "exact"
    by: str = "closed form"


@dataclass(frozen=True)
class Outcome:
    """Where a road and the right way lead to.

    printed_value, correct_value: by the formula as printed and by the right one, from the same draws; *_stderr: their
        standard errors.   printed_limit: what the printed one tends to with more draws, None where that is not known.
    table: how one of them depends on the number of draws, as table_words say.   note: what else to know about these.
    """

    on: Literal["this model", "an exact model"]
    truth: Truth
    printed_value: float
    printed_stderr: float
    correct_value: float
    correct_stderr: float
    printed_limit: float | None = None
    table: tuple[Row, ...] | None = None
    table_words: str = ""
    note: str = ""


def on_exact(
    truth: float,
    printed: tuple[float, float],
    correct: tuple[float, float],
    limit: float | None,
    *rest: Any,
    **more: Any,
) -> Outcome:
    """printed and correct as (value, stderr); the rest as in Outcome from `table` on."""
    return Outcome("an exact model", Truth(truth), *printed, *correct, limit, *rest, **more)


def mean_of(values: Tensor) -> tuple[float, float]:
    """Mean of independent values (n,) and its standard error, inf for a single one."""
    values = values.double()
    stderr = (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else math.inf
    return values.mean().item(), stderr


def log_mean_of(log_values: Tensor) -> tuple[float, float]:
    """log of the mean of values given by their logarithms, with its error by the delta method."""
    value = logmeanexp(log_values, 0)
    return value.item(), mean_of(torch.exp(log_values.double() - value))[1]


def ratio_of(above: Tensor, below: Tensor) -> tuple[float, float]:
    """A ratio of means with its error by the delta method."""
    value = above.mean() / below.mean()
    return value.item(), mean_of((above - value * below) / below.mean())[1]
