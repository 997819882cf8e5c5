"""The aggregate posterior q(z) = E_x q(z|x): where the codes of real images lie, and how much they tell of the image.

All N images against all M codes are N M densities; they are computed a block at a time and never held together.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vaeexplorer.distributions import LOG_TWO_PI, BernoulliLatent, DiagonalGaussian, Prior
from vaeexplorer.image_set import Progress
from vaeexplorer.vae import Posterior

ACTIVE_COVARIANCE = 0.01  # Burda et al. 2016, section 5.2
PAIRS = 2_000_000  # densities held at a time: 16 MB


@dataclass(frozen=True)
class KlSplit:
    """KL(q(z|x_i) || p(z)) of each of N images in the two parts of its mean, E KL = I(x; z) + KL(q(z) || p(z)).

    kl (N,): exact, nats.   information, information_upper (N,): the mean over images of the first is at most, that of
    the second at least, I(x; z) in expectation (see split_kl).   All float64.
    """

    kl: Tensor
    information: Tensor
    information_upper: Tensor

    @property
    def marginal(self) -> Tensor:
        """What information leaves of kl: its mean is at least KL(q(z) || p(z)) in expectation."""
        return self.kl - self.information

    @property
    def marginal_lower(self) -> Tensor:
        """What information_upper leaves of kl: its mean is at most KL(q(z) || p(z)) in expectation."""
        return self.kl - self.information_upper


def _silent(fraction: float, text: str) -> None:
    pass


def split_kl(prior: Prior, q: Posterior, z: Tensor, progress: Progress = _silent) -> KlSplit:
    """Mutual information of image and code, and the KL of the aggregate posterior, from one set of draws.

    I(x; z) = E_x E_q(z|x) [log q(z|x) - log q(z)],   KL(q(z) || p(z)) = E_x KL(q(z|x) || p(z)) - I(x; z)

    q(z) is not known; a mixture of the q(z|x_j) of the same images takes its place, in two ways.
    - information has the image's own q(z|x_i) in the mixture, (1/N) sum_j: at most log N. For the N images themselves
      (which of them made z?) it is unbiased. For the images that they are drawn from it is a lower bound in
      expectation: the mixture holds the one component that z came from once in N times, which is too often.
    - information_upper leaves it out, 1/(N-1) sum_(j != i): given z, that is an unbiased estimate of q(z), and its log
      is low by Jensen's inequality: an upper bound. Both biases fall about as 1/N where codes of different images
      overlap. Where they do not, the lower bound stands near log N and says little; E KL is an upper bound, too.
    Args: q of N >= 2 independent images; z (S, N, D): S draws of each image's q; progress may raise, to cancel.
    Returns: KlSplit, averaged over the draws of each image; information + marginal = kl holds for each image.
    Error: over images; the stderr of these N values is right to first order in 1/N (the other images in a mixture move
    the mean in second order only). The noise of the draws is reduced by d = kl - log q(z|x_i) + log p(z), whose mean is
    known to be 0, with the weight that minimises the variance; estimating the weight costs a bias of order 1/N.
    Raises: ValueError for fewer than 2 images or z of another shape.
    Source: Hoffman & Johnson 2016 (the split; information is their index-code mutual information);
    Poole et al. 2019 (both bounds, for a known conditional density).
    """
    images = len(q.mean)
    if images < 2 or z.ndim != 3 or z.shape[1:] != q.mean.shape:
        raise ValueError(f"expected q of 2 images or more and z (draws, {images}, dims), got {tuple(z.shape)}")
    kl = prior.kl_per_dimension(q).double().sum(-1)
    log_q = _double(q).log_prob(z.double())
    drift = kl - log_q + prior.log_prob(z).double()
    own = torch.arange(images, device=z.device).repeat(len(z))
    others = _log_sums(_pairs(q), z.flatten(0, 1), own, progress).view(log_q.shape)
    mixture = torch.logaddexp(others, log_q) - math.log(images)
    return KlSplit(kl, _steadied(log_q - mixture, drift), _steadied(log_q - others + math.log(images - 1), drift))


def _steadied(values: Tensor, drift: Tensor) -> Tensor:
    """Means over draws of values (S, N) with less noise: drift has mean 0 for each image, so any multiple may go."""
    square = (drift**2).mean()
    weight = ((values - values.mean()) * drift).mean() / square if square > 0 else square
    return (values - weight * drift).mean(0)


def log_aggregate_posterior(q: Posterior, z: Tensor, progress: Progress = _silent) -> Tensor:
    """log (1/N) sum_i q(z|x_i) for codes z (M, D) under the N images that q describes -> (M,), nats, float64.

    It is the mixture over these N images only: for codes of other images it is a lower estimate of the density over the
    whole data set, the more so the more dimensions there are. Compare like with like.
    """
    return _log_sums(_pairs(q), z, None, progress) - math.log(len(q.mean))


def log_map_density(q: DiagonalGaussian, axes: Tensor, centre: Tensor, y: Tensor) -> Tensor:
    """log density of y = A (z - c) for z ~ (1/N) sum_i q(z|x_i): the aggregate posterior as a linear map shows it.

    Exact: each image gives N(y; A (mu_i - c), A diag(s_i^2) A'). Under the prior N(0, I), y is N(-A c, A A').
    Args: axes A (k, D), of full rank; centre c (D,); y (M, k).   Returns: (M,) nats, float64.
    Raises: ValueError for Bernoulli latents: they have no density.
    """
    if not isinstance(q, DiagonalGaussian):
        raise ValueError("a density on the map needs Gaussian latents, and these are Bernoulli")
    q, axes, centre = _double(q), axes.double(), centre.double()
    mean = (q.mean - centre) @ axes.T
    precision = torch.linalg.inv((axes * q.std.unsqueeze(1) ** 2) @ axes.T)
    pull = (precision @ mean.unsqueeze(-1)).squeeze(-1)
    constant = -0.5 * (mean * pull).sum(-1) + 0.5 * torch.logdet(precision) - 0.5 * len(axes) * LOG_TWO_PI
    weights = torch.cat([pull, -0.5 * precision.flatten(1)], 1)
    pairs = Pairs(weights, constant, lambda y: torch.cat([y, (y.unsqueeze(2) * y.unsqueeze(1)).flatten(1)], 1))
    return _log_sums(pairs, y, None, _silent) - math.log(len(mean))


def active_units(evidence: Tensor, threshold: float) -> tuple[int, float]:
    """Number of latent dimensions whose mean evidence over images is above a threshold, and its standard error.

    Args: evidence (N, D), KL(q(z_j|x_i) || p(z_j)) in nats, or squared_deviations(q.mean).
    Error: sqrt(sum_j P_j (1 - P_j)), where P_j is the normal probability that dimension j is above the threshold.
    Source: Burda et al. 2016, section 5.2, for the second kind of evidence with threshold 0.01.
    """
    evidence = evidence.double()
    mean, images = evidence.mean(0), len(evidence)
    stderr = evidence.std(0) / math.sqrt(images) if images > 1 else torch.full_like(mean, math.inf)
    above = torch.special.ndtr((mean - threshold) / stderr.clamp_min(1e-300))
    return int((mean > threshold).sum()), float((above * (1 - above)).sum().sqrt())


def squared_deviations(mean: Tensor) -> Tensor:
    """Per image and dimension, (N, D) float64; the mean over images is Cov_x(E_q z), with N - 1 in the denominator."""
    mean = mean.double()
    return (mean - mean.mean(0)) ** 2 * (len(mean) / max(len(mean) - 1, 1))


@dataclass(frozen=True)
class Pairs:
    """log q_i(z) of all i and z as one matrix product: constant_i + weights_i . features(z).

    Ten times as fast as broadcasting (M, N, D). In float64 the products cancel to about 1e-16 (mu / s)^2 nats.
    """

    weights: Tensor
    constant: Tensor
    features: Callable[[Tensor], Tensor]

    def log_prob(self, z: Tensor) -> Tensor:
        """(M, N) for z (M, D)."""
        return torch.addmm(self.constant, self.features(z.double()), self.weights.T)


def _log_sums(pairs: Pairs, z: Tensor, own: Tensor | None, progress: Progress) -> Tensor:
    """log sum_i q_i(z_m) -> (M,) float64, without the image own[m] if given."""
    rows = max(1, PAIRS // len(pairs.constant))
    found = []
    for start in range(0, len(z), rows):
        progress(start / len(z), f"aggregate posterior: code {start:,} of {len(z):,}")
        values = pairs.log_prob(z[start : start + rows])
        if own is not None:
            values.scatter_(1, own[start : start + rows, None], -math.inf)
        found.append(torch.logsumexp(values, 1))
    return torch.cat(found)


def _pairs(q: Posterior) -> Pairs:
    return PAIRS_OF[type(q)](_double(q))


def _gaussian_pairs(q: DiagonalGaussian) -> Pairs:
    centre = q.mean.mean(0)  # less to cancel
    mean, precision = q.mean - centre, torch.exp(-2 * q.log_std)
    constant = -0.5 * (mean**2 * precision + LOG_TWO_PI).sum(1) - q.log_std.sum(1)
    weights = torch.cat([mean * precision, -0.5 * precision], 1)
    return Pairs(weights, constant, lambda z: torch.cat([z - centre, (z - centre) ** 2], 1))


def _bernoulli_pairs(q: BernoulliLatent) -> Pairs:
    return Pairs(q.logits, -F.softplus(q.logits).sum(1), lambda z: z)


def _double(q: Posterior) -> Any:
    return dataclasses.replace(q, **{f.name: getattr(q, f.name).double() for f in dataclasses.fields(q)})


PAIRS_OF: dict[type, Callable[..., Pairs]] = {DiagonalGaussian: _gaussian_pairs, BernoulliLatent: _bernoulli_pairs}
