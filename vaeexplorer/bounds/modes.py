"""Where else the posterior of an image may have mass: q sits on one peak, and there may be a higher one."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaeexplorer.bounds.slope import joint_and_slope
from vaeexplorer.latent_model import LatentModel, Posterior

DRAWS, CLIMBERS = 1000, 7  # codes of the prior that are looked at, and those of them that climb, for each image
CLIMB, FIRST_STEP = 60, 0.1  # steps of Adam, the first one in units of z; they fall to 0 as a cosine
CROWD = 0.5  # climbers start at least so far from each other, in units of z
APART = 4.0  # standard deviations of q in some dimension: nearer peaks are one
WORTH = 8.0  # nats: a peak lower by more than this holds too little mass to matter


class Peak(NamedTuple):
    """A further peak of log p(x, z): z (n, D) for the images (n,) that have it."""

    images: Tensor
    z: Tensor


def further_peaks(model: LatentModel, x: Tensor, q: Posterior, generator: torch.Generator, most: int = 2) -> list[Peak]:
    """Peaks of log p(x, z) away from the mean of q, the highest first, at most `most` for an image.

    The mean of q climbs log p(x, z), and draws of the prior outside q do from where it is greatest. In many dimensions
    no draw comes near a peak and nothing is found: a search for what is easy to find, no proof that there is nothing
    else.
    """
    start = torch.cat([q.mean[None], _promising(model, x, q, generator)])
    z, height = _climbed(model, x, start)
    taken, found = [q.mean], []
    for _ in range(most):
        far = torch.stack([((z - peak).abs() / q.std).amax(-1) > APART for peak in taken]).all(0)
        best = height.masked_fill(~far, -math.inf).max(0)
        peak = z[best.indices, torch.arange(len(x), device=z.device)]
        images = torch.nonzero(best.values > height.amax(0) - WORTH)[:, 0]
        taken.append(peak)
        if len(images):
            found.append(Peak(images, peak[images]))
    return found


def _promising(model: LatentModel, x: Tensor, q: Posterior, generator: torch.Generator) -> Tensor:
    """(CLIMBERS, B, D): draws of the prior outside q where log p(x, z) is greatest, not all in one place."""
    noise = q.noise((DRAWS, 1, model.latent_dim), generator, x.device).to(model.dtype)
    z = model.prior.sample(noise)
    joint = model.log_likelihood_table(x, z[:, 0]) + model.prior.log_prob(z)
    joint = joint.masked_fill(((z - q.mean).abs() / q.std).amax(-1) <= APART, -math.inf)
    chosen = []
    for _ in range(CLIMBERS):
        chosen.append(z[joint.argmax(0), 0])
        joint = joint.masked_fill((z - chosen[-1]).norm(dim=-1) < CROWD, -math.inf)
    return torch.stack(chosen)


def _climbed(model: LatentModel, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (S, B, D) at the end of a climb, and log p(x, z) there (S, B)."""
    z = z.clone()
    adam = torch.optim.Adam([z], maximize=True, fused=True)
    for step in range(CLIMB):
        adam.param_groups[0]["lr"] = FIRST_STEP * 0.5 * (1 + math.cos(math.pi * step / CLIMB))
        _, z.grad = joint_and_slope(model, x, z)
        adam.step()
    return z, joint_and_slope(model, x, z)[0]
