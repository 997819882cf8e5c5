"""What there is to know of the gradient estimators without loading them: for configurations, the form and forecasts.

The estimators themselves are gradients.ESTIMATORS; a test holds the two against each other. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingEstimator:
    """An estimator that training can use.

    title, words: for a form.   latents: kinds of q that it can do.   fewest: samples of q for each image.
    whole_bound: estimates the gradient of a bound that cannot be taken apart into reconstruction and KL, so that beta
        and free bits have nothing to weigh.   temperature: whether it relaxes bits.
    passes: of the decoder for each sample beyond the three of a training step (there, back, and back to the weights).
    """

    title: str
    words: str
    latents: tuple[str, ...]
    fewest: int = 1
    whole_bound: bool = False
    temperature: bool = False
    passes: float = 0.0


BOTH = ("gaussian", "bernoulli")

TRAINING_ESTIMATORS: dict[str, TrainingEstimator] = {
    "pathwise": TrainingEstimator(
        "Pathwise", "follows the slope of log p(x|z) along z = μ + σ·noise; the usual one", ("gaussian",)
    ),
    "pathwise_joint": TrainingEstimator(
        "Pathwise, KL sampled too", "the same with the KL drawn instead of worked out: noisier", ("gaussian",),
        whole_bound=True, passes=1,
    ),
    "sticking_the_landing": TrainingEstimator(
        "Sticking the landing", "pathwise without a part that is zero on average: no noise where q is the posterior",
        ("gaussian",), whole_bound=True, passes=1,
    ),
    "score_function": TrainingEstimator(
        "Score function", "weighs each draw by log p(x|z) itself: so noisy that it learns little", BOTH
    ),
    "score_function_mean_baseline": TrainingEstimator(
        "Score function, mean as baseline", "the same less the mean of log p(x|z) over the batches before", BOTH
    ),
    "score_function_optimal_baseline": TrainingEstimator(
        "Score function, best baseline", "the same less the best constant for each output, from the batches before",
        BOTH,
    ),
    "score_function_learned_baseline": TrainingEstimator(
        "Score function, learned baseline", "the same less what a small network, trained beside, expects of the image",
        BOTH,
    ),
    "leave_one_out": TrainingEstimator(
        "Leave one out", "score function; each draw is compared with the image's other draws (2 samples or more)", BOTH,
        fewest=2,
    ),
    "iwae": TrainingEstimator(
        "Importance weighted (IWAE)", "pathwise for the tighter bound of K samples", ("gaussian",), whole_bound=True,
        passes=1,
    ),
    "doubly_reparameterized": TrainingEstimator(
        "Doubly reparameterized (DReG)", "for the same bound, with a signal that grows with K", ("gaussian",),
        whole_bound=True, passes=1,
    ),
    "vimco": TrainingEstimator(
        "VIMCO", "score function for the bound of K samples; each draw is compared with the others (2 or more)", BOTH,
        fewest=2, whole_bound=True,
    ),
    "arm": TrainingEstimator("ARM", "compares two opposite draws of the bits", ("bernoulli",), passes=1),
    "disarm": TrainingEstimator(
        "DisARM", "ARM with the randomness that is left averaged out", ("bernoulli",), passes=1
    ),
    "gumbel_softmax": TrainingEstimator(
        "Gumbel-softmax", "follows the slope at relaxed bits between 0 and 1: quiet, and biased", ("bernoulli",),
        temperature=True, passes=2,
    ),
    "straight_through": TrainingEstimator(
        "Straight through", "follows the slope at the bits as if they were their probabilities: biased", ("bernoulli",),
        passes=1,
    ),
    "rebar": TrainingEstimator(
        "REBAR", "score function helped by relaxed bits, their bias taken out again", ("bernoulli",),
        temperature=True, passes=2,
    ),
}  # fmt: skip


AUTO = {"gaussian": "pathwise", "bernoulli": "leave_one_out"}  # posterior -> the one of least variance, or the cheapest


def fitting(posterior: str) -> list[str]:
    """The names of those that can do this kind of q."""
    return [name for name, about in TRAINING_ESTIMATORS.items() if posterior in about.latents]
