"""ESTIMATORS: every estimator of the encoder's gradient, with what it is for, what it costs and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from vaeexplorer.gradients import expectations, many_samples
from vaeexplorer.gradients.rebar import rebar

Objective = Literal["expectation", "elbo", "iwae"]
Latents = Literal["gaussian", "bernoulli"]
Pilot = Literal["", "draws", "network"]


@dataclass(frozen=True)
class GradientEstimator:
    """One way to the gradient by q's parameters.

    run(draws, pilot, **options) -> (R, ..., [2,] D), a replicate for each row of draws.
    pilot: what its baseline comes from, found before and independent of the draws: "" None; "draws" draws of their own,
        of one f and q; "network" the values of a network C at the places, (...,).
    objective: whose gradient: "expectation" E_q f (for an ELBO f = log p(x|z), and the exact gradient of the KL is
        added), "elbo" E_q[f - log q], "iwae" E log mean_k exp(f - log q), with f = log p(x, z).
    latents: kinds of q that it can do.   unbiased: for its objective.   fewest: samples of q that it needs.
    cost: decoder evaluations of one sample; a pass back through the decoder counts as two more.
    options: further arguments and their defaults; those in POSITIVE must be above 0.
    """

    title: str
    words: str
    run: Callable[..., Tensor]
    objective: Objective
    latents: tuple[Latents, ...]
    unbiased: bool
    cost: float
    source: str
    fewest: int = 1
    pilot: Pilot = ""
    options: Mapping[str, Any] = field(default_factory=dict)


POSITIVE = {"temperature"}  # options
SLOPE = 3.0  # a forward pass and its way back


def _alone(estimate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An estimator that needs no pilot."""
    return lambda draws, pilot, **options: estimate(draws, **options)


ESTIMATORS: dict[str, GradientEstimator] = {
    "pathwise": GradientEstimator(
        "pathwise",
        "moves each sample with the parameters and follows the slope of f (the reparametrization trick)",
        _alone(expectations.pathwise), "expectation", ("gaussian",), True, SLOPE,
        "Kingma & Welling 2014; Rezende et al. 2014",
    ),
    "pathwise_joint": GradientEstimator(
        "pathwise, KL sampled too",
        "follows the slope of the whole bound along the sample's path, with the KL drawn instead of worked out",
        _alone(expectations.pathwise_joint), "elbo", ("gaussian",), True, SLOPE,
        "Kingma & Welling 2014, estimator A",
    ),
    "sticking_the_landing": GradientEstimator(
        "sticking the landing",
        "pathwise without the part that is zero on average: no variance left where q is the posterior",
        _alone(expectations.sticking_the_landing), "elbo", ("gaussian",), True, SLOPE,
        "Roeder et al. 2017",
    ),
    "score_function": GradientEstimator(
        "score function",
        "weighs the direction in which a sample becomes likelier by the value of f there",
        _alone(expectations.score_function), "expectation", ("gaussian", "bernoulli"), True, 1.0,
        "Williams 1992; Ranganath et al. 2014", options={"baseline": 0.0},
    ),
    "score_function_mean_baseline": GradientEstimator(
        "score function, mean as baseline",
        "the same after the mean of f has been taken off",
        lambda draws, pilot: expectations.score_function_with(expectations.mean_baseline)(draws, pilot),
        "expectation", ("gaussian", "bernoulli"), True, 1.0,
        "Williams 1992", pilot="draws",
    ),
    "score_function_optimal_baseline": GradientEstimator(
        "score function, best baseline",
        "the same with the constant of least variance for each parameter",
        lambda draws, pilot: expectations.score_function_with(expectations.optimal_baseline)(draws, pilot),
        "expectation", ("gaussian", "bernoulli"), True, 1.0,
        "Greensmith et al. 2004", pilot="draws",
    ),
    "score_function_learned_baseline": GradientEstimator(
        "score function, learned baseline",
        "the same after what a small network expects of f for this image has been taken off",
        lambda draws, pilot: expectations.score_function(draws, baseline=pilot),
        "expectation", ("gaussian", "bernoulli"), True, 1.0,
        "Mnih & Gregor 2014", pilot="network",
    ),
    "leave_one_out": GradientEstimator(
        "leave one out",
        "each sample's baseline is the mean of f over the others",
        _alone(expectations.leave_one_out), "expectation", ("gaussian", "bernoulli"), True, 1.0,
        "Salimans & Knowles 2014; Kool et al. 2019", fewest=2,
    ),
    "iwae": GradientEstimator(
        "importance weighted",
        "pathwise for the bound of K samples",
        _alone(many_samples.iwae), "iwae", ("gaussian",), True, SLOPE,
        "Burda et al. 2016",
    ),
    "doubly_reparameterized": GradientEstimator(
        "doubly reparameterized (DReG)",
        "the same with the score inside moved along the path once more",
        _alone(many_samples.doubly_reparameterized), "iwae", ("gaussian",), True, SLOPE,
        "Tucker et al. 2019",
    ),
    "vimco": GradientEstimator(
        "VIMCO",
        "score function for the bound of K samples, each sample's baseline made of the others",
        _alone(many_samples.vimco), "iwae", ("gaussian", "bernoulli"), True, 1.0,
        "Mnih & Rezende 2016", fewest=2,
    ),
    "arm": GradientEstimator(
        "ARM",
        "compares two bits that are opposite draws",
        _alone(expectations.arm), "expectation", ("bernoulli",), True, 2.0,
        "Yin & Zhou 2019",
    ),
    "disarm": GradientEstimator(
        "DisARM",
        "ARM with the randomness that is left averaged out",
        _alone(expectations.disarm), "expectation", ("bernoulli",), True, 2.0,
        "Dong et al. 2020",
    ),
    "rebar": GradientEstimator(
        "REBAR",
        "score function helped by the relaxed bits, whose bias is taken out again by their own slope",
        _alone(rebar), "expectation", ("bernoulli",), True, 1.0 + SLOPE,
        "Tucker et al. 2017", options={"temperature": 0.5, "eta": 1.0},
    ),
    "gumbel_softmax": GradientEstimator(
        "Gumbel-softmax",
        "replaces bits by numbers between 0 and 1 and follows the slope there: the gradient of another problem",
        _alone(expectations.gumbel_softmax), "expectation", ("bernoulli",), False, SLOPE,
        "Maddison et al. 2017; Jang et al. 2017", options={"temperature": 0.5},
    ),
    "straight_through": GradientEstimator(
        "straight through",
        "follows the slope at the bits as if they were their probabilities",
        _alone(expectations.straight_through), "expectation", ("bernoulli",), False, SLOPE,
        "Bengio et al. 2013",
    ),
}  # fmt: skip
