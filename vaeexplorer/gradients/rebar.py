"""REBAR: a score function helped by the relaxed bits, whose bias is taken out again by their own slope."""

from __future__ import annotations

import torch
from torch import Tensor

from vaeexplorer.gradients.expectations import BernoulliDraws, value_and_slope, weighted


def rebar(draws: BernoulliDraws, temperature: float, eta: float) -> Tensor:
    """[f(z) - eta f(r)] (z - p) + eta f'(r) dr/da w, at the relaxed bits r = sigmoid(a / temperature), a = l - logit u.

    r takes part twice: as a function of l and u, and as one of l, the bit z and the place v of u among the values that
    give this bit. By the first r has the slope dr/da in l, by the second dr/da (1 - w), with w = da/dl at fixed u less
    da/dl at fixed z and v:  (1 - p) / (1 - u) where z = 1, p / u where z = 0. v and z are independent, so the part
    E[f(r) (z - p)] that is taken off comes back as the difference of the two slopes; as both use the same u, f is
    relaxed once only.
    Args: temperature > 0, the lower the nearer is r to z; eta: the share of the control variate, any number; 0 leaves
    the score function.
    Source: Tucker et al. 2017, section 3.1 and appendix (the coupling of u and v).
    """
    z, p, u = draws.z, draws.p, draws.noise
    not_p = torch.sigmoid(-draws.logits)
    relaxed = torch.sigmoid((draws.logits - torch.logit(u)) / temperature)
    soft, slope = value_and_slope(draws.f, relaxed)
    # where() would compute p / u of a u of 0 as well, but never choose it: u < p has z = 1.
    parting = torch.where(z > 0, not_p / (1 - u), p / u.clamp_min(torch.finfo(u.dtype).tiny))
    correction = slope * relaxed * (1 - relaxed) / temperature * parting
    return (weighted(draws.values() - eta * soft, draws.scores()) + eta * correction).mean(1)
