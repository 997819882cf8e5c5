"""The exact model with two latent numbers as a toy: whichever q one sets, all about the bound is known in closed form.

The numbers are those of REFERENCE.md, section 2a.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vaeexplorer.ui.questions import Question, number

if TYPE_CHECKING:
    from torch import Tensor

DATA_DIM, LATENT_DIM = 3, 2
SAMPLES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MOST_SAMPLES, MOST_CURVE = 10_000, 20
DRAWS = 60_000  # behind each point of the curve
LARGEST, SMALLEST_STD, LARGEST_STD = 10.0, 0.01, 10.0
SOURCE = "x = W z + b + noise of variance 0.25, z standard normal in two dimensions"


def playground(question: Question) -> dict[str, Any]:
    """log p(x), the bound of q = N(mean, diag(std)^2), its gap in two parts, and E L_K by draws beside its prediction.

    The curve's rows: K, the mean of L_K over independent repeats of K draws, its stderr, and log p - relvar / (2 K),
    None where the variance is infinite; the prediction is good for large K only.
    """
    import torch

    from vaeexplorer.distributions import DiagonalGaussian
    from vaeexplorer.linear_gaussian import example

    given, mean, std, samples = _read(question)
    model, point, _ = example()
    if given is not None:
        point = torch.tensor([given], dtype=torch.float64)
    q = DiagonalGaussian(torch.tensor([mean], dtype=torch.float64), torch.tensor([std], dtype=torch.float64).log())
    posterior, best = model.true_posterior(point), model.best_diagonal(point)
    log_marginal, elbo = float(model.log_marginal(point)), float(model.elbo(point, q))
    approximation, relative = float(model.gap(point, best)), float(model.relative_variance(point, q))
    gap = float(model.gap(point, q))
    generator = torch.Generator().manual_seed(question.seed)
    z = q.sample(q.noise((DRAWS, 1, len(mean)), generator).double())
    weights = (model.log_joint(point, z) - q.log_prob(z))[:, 0]
    return {
        "x": point[0].tolist(), "mean": list(mean), "std": list(std), "words": SOURCE,
        "log_marginal": log_marginal, "elbo": elbo, "gap": gap, "reconstruction": float(model.reconstruction(point, q)),
        "kl": float(model.prior.kl_per_dimension(q).sum()), "approximation": approximation,
        "amortization": gap - approximation, "relative_variance": number(relative),
        "posterior": {"mean": posterior.mean[0].tolist(), "covariance": posterior.covariance[0].tolist()},
        "best": {"mean": best.mean[0].tolist(), "std": best.std[0].tolist()},
        "prior": {"mean": [0.0, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.0]]},
        "curve": [[*_point(weights, count), number(log_marginal - relative / (2 * count))] for count in samples],
        "draws": DRAWS,
    }  # fmt: skip


def _read(
    question: Question,
) -> tuple[tuple[float, ...] | None, tuple[float, ...], tuple[float, ...], tuple[int, ...]]:
    """x (None for the example's own), mean and std of q, and the numbers of draws of the curve."""
    given = question.asked.get("x") is not None
    x = question.numbers("x", (DATA_DIM, DATA_DIM), -LARGEST, LARGEST) if given else None
    chosen = question.asked.get("samples") is not None
    samples = question.wholes("samples", (1, MOST_CURVE), 1, MOST_SAMPLES) if chosen else SAMPLES
    std = question.numbers("std", (LATENT_DIM, LATENT_DIM), SMALLEST_STD, LARGEST_STD)
    return x, question.numbers("mean", (LATENT_DIM, LATENT_DIM), -LARGEST, LARGEST), std, samples


def _point(weights: Tensor, count: int) -> tuple[int, float, float]:
    """K, and the mean of L_K over blocks of the draws that share none, with its error."""
    from vaeexplorer.numerics import logmeanexp

    blocks = len(weights) // count
    bounds = logmeanexp(weights[: blocks * count].reshape(blocks, count), 1)
    return count, float(bounds.mean()), float(bounds.std()) / math.sqrt(blocks)
