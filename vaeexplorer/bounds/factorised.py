"""The best factorised q of Bernoulli latents, exactly: every code is decoded, nothing is sampled."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vaeexplorer.bounds.enumeration import METHOD, codes
from vaeexplorer.bounds.tables import codes_at_a_time, in_double, joint_table
from vaeexplorer.latent_model import LatentModel

SWEEPS = 500  # over all bits, at most
SETTLED = 1e-9  # nats that a sweep must gain to be followed by another


class Bits(NamedTuple):
    """Of B images, exact, float64: ELBO (B,) of the encoder's q and of the best factorised one, log p(x) (B,), and the
    best one's logits (B, D).
    """

    elbo: Tensor
    elbo_best: Tensor
    log_marginal: Tensor
    logits: Tensor


def best_factorised(model: LatentModel, x: Tensor) -> Bits:
    """argmin KL(q || p(z|x)) over q(z|x) = prod_j Bernoulli(z_j), by coordinate ascent from several starts.

    Each step sets one bit's logit to E_q[log p(x, z_j = 1, rest) - log p(x, z_j = 0, rest)], which is the best for the
    others as they are, so the ELBO never falls. It can end in a local optimum: the best end of four starts is taken
    (the encoder's q, the true marginals, the likeliest code, even bits), which is fair as no value carries noise.
    Args: x (B, ...).   Raises: ValueError for more than 16 bits.   Source: Bishop 2006, eq. 10.9.
    """
    if problem := METHOD.problem(model):
        raise ValueError(problem)
    twin = in_double(model)
    x = x.to(twin.device, torch.float64)
    z = codes(twin.latent_dim).to(twin.device)
    joint = torch.cat([joint_table(twin, x, part) for part in z.split(codes_at_a_time(len(x)))])
    log_marginal, encoder = joint.logsumexp(0), twin.posterior(x).logits
    found = torch.stack([ascend(joint, start) for start in _starts(joint - log_marginal, z, encoder)])
    values = torch.stack([elbo(joint, logits) for logits in found])
    chosen = values.argmax(0)
    best = found[chosen, torch.arange(len(x), device=x.device)]
    return Bits(elbo(joint, encoder), values.max(0).values, log_marginal, best)


def elbo(joint: Tensor, logits: Tensor) -> Tensor:
    """E_q log p(x, z) + H(q), (B,) nats, exact, for logits (B, D) and log p(x, z) of all codes (2^D, B)."""
    mean = joint
    for j in range(logits.shape[1]):
        mean = _average(mean, logits[:, j])
    entropy = F.softplus(logits) - logits * torch.sigmoid(logits)
    return mean[0] + entropy.sum(-1)


def ascend(joint: Tensor, logits: Tensor) -> Tensor:
    """Logits (B, D) at the end of coordinate ascent from `logits`."""
    logits = logits.clamp(-50, 50)
    before = elbo(joint, logits)
    for _ in range(SWEEPS):
        logits = _sweep(joint, logits)
        now = elbo(joint, logits)
        if bool((now - before < SETTLED).all()):
            break
        before = now
    return logits


def _sweep(joint: Tensor, logits: Tensor) -> Tensor:
    """Every bit once. The bits already visited are averaged out for good, so a sweep costs about 4 x 2^D."""
    logits, left = logits.clone(), joint
    for j in range(logits.shape[1]):
        off, on = left.chunk(2)
        difference = on - off
        for k in range(j + 1, logits.shape[1]):
            difference = _average(difference, logits[:, k])
        logits[:, j] = difference[0]
        left = _average(left, logits[:, j])
    return logits


def _average(table: Tensor, logits: Tensor) -> Tensor:
    """(2 M, B) -> (M, B): the mean over the first bit that is left; in `codes` the first one changes last."""
    off, on = table.chunk(2)
    return torch.lerp(off, on, torch.sigmoid(logits))


def _starts(log_posterior: Tensor, z: Tensor, encoder: Tensor) -> list[Tensor]:
    marginals = (log_posterior.exp().T @ z).clamp(1e-9, 1 - 1e-9)
    likeliest = z[log_posterior.argmax(0)]
    return [encoder, torch.logit(marginals), 6 * likeliest - 3, torch.zeros_like(encoder)]
