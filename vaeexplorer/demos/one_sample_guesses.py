"""How far single guesses of the encoder's gradient are from the true one: by angle and by variance.

A guess is what one step of training would use: the gradient of a batch's mean bound by all weights of the encoder, from
fresh draws of q. Model and batch are held fixed, so that the draws alone make the difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaeexplorer.gradients.at_model import local_gradients
from vaeexplorer.vae import VAE

TRUTH_DRAWS, TRUTH_REPLICATES = 10, 60  # of the pathwise guess whose mean stands for the true gradient


@dataclass(frozen=True)
class Kind:
    """One way to guess: a key of ESTIMATORS, its draws of q for each image, and what is taken off log p(x|z) before."""

    estimator: str
    draws: int
    baseline: float = 0.0


@dataclass(frozen=True)
class Guesses:
    """Of K kinds, R guesses each.

    angle (K, R): to the true gradient, 0..180 degrees.   turn (K, R): where around it, -180..180, among two random
    directions across it.   variance, stderr (K,): the trace of the covariance of one guess, with its error.
    signal: |true gradient|^2.
    """

    angle: Tensor
    turn: Tensor
    variance: Tensor
    stderr: Tensor
    signal: float


def guessed(vae: VAE, x: Tensor, kinds: Sequence[Kind], replicates: int, generator: torch.Generator) -> Guesses:
    """Guesses at a frozen model for a batch x (B, C, H, W) as its likelihood wants it.

    The true gradient is a mean of TRUTH_DRAWS * TRUTH_REPLICATES pathwise draws: its own error is that much smaller.
    Error: of the variance by the scatter of |guess - mean|^2 over the R guesses.
    Raises: ValueError, one line, if the model has diverged.
    """
    truth = by_weights(vae, x, Kind("pathwise", TRUTH_DRAWS), TRUTH_REPLICATES, generator).mean(0)
    across = torch.randn(len(truth), 2, generator=torch.Generator().manual_seed(0))
    up = truth / truth.norm().clamp_min(1e-30)
    across = across - up[:, None] * (up @ across)
    angles, turns, squares = [], [], []
    for kind in kinds:
        found = by_weights(vae, x, kind, replicates, generator)
        cosine = found @ up / found.norm(dim=1).clamp_min(1e-30)
        angles.append(cosine.clamp(-1, 1).acos().rad2deg())
        turns.append(torch.atan2(*(found @ across).T).rad2deg())
        squares.append(((found - found.mean(0)) ** 2).sum(1) * replicates / (replicates - 1))
    spread = torch.stack(squares).double()
    stderr = spread.std(1) / math.sqrt(replicates)
    return Guesses(torch.stack(angles), torch.stack(turns), spread.mean(1), stderr, float((truth**2).sum()))


def by_weights(vae: VAE, x: Tensor, kind: Kind, replicates: int, generator: torch.Generator) -> Tensor:
    """Replicates (R, weights) of the estimated gradient of the batch's mean ELBO by all weights of the encoder."""
    options = {"baseline": kind.baseline} if kind.baseline else None
    pieces = local_gradients(
        vae, x, kind.estimator, replicates=replicates, samples=kind.draws, generator=generator, options=options
    )
    local = torch.cat(list(pieces)) / len(x)
    with torch.enable_grad():
        outputs, weights = vae.encoder(x), list(vae.encoder.parameters())
        found = torch.autograd.grad(outputs, weights, local, is_grads_batched=True)
    return torch.cat([part.flatten(1) for part in found], 1)


@torch.no_grad()
def usual_value(vae: VAE, x: Tensor, generator: torch.Generator) -> float:
    """E_q log p(x|z), the mean over a batch, nats: the baseline that training keeps from the batches before."""
    q = vae.posterior(x)
    return float(vae.log_likelihood(x, q.sample(torch.randn(8, *q.mean.shape, generator=generator))).mean())
