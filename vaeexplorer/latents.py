"""The aggregate posterior q(z) = (1/N) sum_i q(z|x_i): where the codes of real images lie."""

from __future__ import annotations

from torch import Tensor

from vaeexplorer.numerics import logmeanexp
from vaeexplorer.vae import Posterior


def log_aggregate_posterior(q: Posterior, z: Tensor) -> Tensor:
    """log (1/N) sum_i q(z|x_i) for codes z (M, D) under the N images that q describes -> (M,), nats, float64.

    It is the mixture over these N images only: for codes of other images it is a lower estimate of the density over the
    whole data set, the more so the more dimensions there are. Compare like with like.
    """
    return logmeanexp(q.log_prob(z.unsqueeze(1)), dim=1)
