"""Formulas as texts about VAEs print them, and what they really compute, beside the right ones: numbers, not opinions.

WRONG_ROADS is the registry; each entry runs on the model in use where the formula applies to any, else on a small
model in which everything is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaeexplorer.latent_model import LatentModel
from vaeexplorer.wrong_roads.on_any_model import log_inside, printed_bound, truth_of
from vaeexplorer.wrong_roads.on_exact_models import (
    average_of_f_grad_q,
    gradient_without_weight,
    log_of_a_mean,
    ratio_for_log_ratio,
)
from vaeexplorer.wrong_roads.outcome import Outcome, Truth

__all__ = ["WRONG_ROADS", "Outcome", "Road", "Truth", "truth_of"]


@dataclass(frozen=True)
class Road:
    """title; source: the text; printed, correct: formulas in plain letters; words: what goes wrong; run: do it.

    quantity: what all its values are: a log-density, of which a page may show the surprisal; a divergence, in nats; or
    a gradient, which has no unit.
    run(model, x, samples=, generator=, truth=None) uses the first image of x; `truth` of its log p(x) is found by
    truth_of where it is not given. Roads on an exact model look at none of these.
    """

    title: str
    source: str
    quantity: Literal["log p", "KL", "gradient"]
    printed: str
    correct: str
    words: str
    run: Callable[..., Outcome]


def _alone(road: Callable[[int, torch.Generator], Outcome]) -> Callable[..., Outcome]:
    """A road that brings its own exact model, called like the others."""

    def run(
        model: LatentModel | None,
        x: Tensor | None,
        samples: int,
        generator: torch.Generator,
        truth: Truth | None = None,
    ) -> Outcome:
        return road(samples, generator)

    return run


WRONG_ROADS: dict[str, Road] = {
    "log_inside": Road(
        "The logarithm pushed inside the expectation",
        "Question why one does not sample from the prior (Stack Exchange, text 003)",
        "log p",
        "log p(x) = E_p(z)[ log p(x|z) ]",
        "log p(x) = log E_p(z)[ p(x|z) ]",
        "The printed mean is the ELBO with the prior as q. It is too low by KL(p(z) ‖ p(z|x)), and a model trained "
        "with it does best to ignore z.",
        log_inside,
    ),
    "printed_bound": Road(
        "A bound that falls with every draw",
        "Notes on latent variable models and variational inference (text 002)",
        "log p",
        "log p(x) ≥ -log M + Σ log w_m,   w_m = p(x|z_m) p(z_m) / q(z_m|x)",
        "ELBO: (1/M) Σ log w_m;   importance bound: -log M + log Σ w_m",
        "The printed sum is neither of the two bounds: its mean is M · ELBO - log M, ten draws make it ten times "
        "as far from 0.",
        printed_bound,
    ),
    "ratio_for_log_ratio": Road(
        "A ratio in place of its logarithm",
        "Notes on latent variable models and variational inference (text 002)",
        "KL",
        "KL(q ‖ p(z|x)) = E_q[ q(z|x) / p(z|x) ]",
        "KL(q ‖ p(z|x)) = E_q[ log q(z|x) / p(z|x) ]",
        "Without the logarithm the mean is at least 1, even where q is the posterior and the divergence is 0.",
        _alone(ratio_for_log_ratio),
    ),
    "average_of_f_grad_q": Road(
        "The average of f times the gradient of q",
        "Notes on latent variable models and variational inference (text 002)",
        "gradient",
        "∇ E_q[f] ≈ (1/M) Σ f(z_m) ∇q(z_m)",
        "∇ E_q[f] ≈ (1/M) Σ f(z_m) ∇log q(z_m)",
        "The draws come from q already, so the printed average counts q twice and settles on another number.",
        _alone(average_of_f_grad_q),
    ),
    "gradient_without_weight": Road(
        "A gradient that lost its weight",
        "Question 53747, Intractability in variational autoencoders (Data Science Stack Exchange, text 000)",
        "gradient",
        "∇ log p(x) ≈ Σ ∇log p(z_l) / Σ p(x|z_l),   z_l from p(z)",
        "∇ log p(x) ≈ Σ w_l ∇log p(z_l) / Σ w_l,   w_l = p(x|z_l)",
        "Without p(x|z_l) in the numerator x no longer says which z matter: the printed ratio tends to 0.",
        _alone(gradient_without_weight),
    ),
    "log_of_a_mean": Road(
        "The logarithm of a mean of a few draws",
        "Answer to the question why one does not sample from the prior (Stack Exchange, text 003)",
        "log p",
        "log p(x) ≈ log (1/L) Σ p(x|z_l),   z_l from p(z)",
        "log p(x) ≥ E[ log (1/L) Σ p(x|z_l) ], with equality for L → ∞",
        "The mean is unbiased, its logarithm is too low, the more so the fewer the draws: a lower bound, to be "
        "called one.",
        _alone(log_of_a_mean),
    ),
}
