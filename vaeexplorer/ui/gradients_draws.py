"""The truth about a few entries of one image's gradient, and replicates of them: what histograms and clouds show."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from vaeexplorer.ui import cached
from vaeexplorer.ui.gradients_asked import Asked, Work, parts

if TYPE_CHECKING:
    from torch import Tensor

    from vaeexplorer.gradients.exact import Truth
    from vaeexplorer.gradients.registry import Objective
    from vaeexplorer.vae import VAE

KEPT_TRUTHS = 128  # of each model, each as small as q's parameters
TRUTH_SEED = 2**40  # beside the question's: a reference must not rest on the draws that are compared with it
TITLES = {"loc": "mean of z{}", "log_scale": "log s of z{}", "logits": "logit of z{}"}

Draws = dict[str, np.ndarray]  # estimator -> (replicates so far, entries) float64

_truths: WeakKeyDictionary[VAE, OrderedDict[tuple, Truth]] = WeakKeyDictionary()
_keeping = threading.Lock()


def title(part: str, dim: int) -> str:
    """What an entry of the gradient is taken by; dimensions are counted from 1 for people."""
    return TITLES[part].format(dim + 1)


def column(name: str, part: str, dim: int) -> int:
    """Where the gradient has the entry of this part and dimension."""
    return parts(name).index(part) * cached.header(name).vae.latent_dim + dim


def truths(asked: Asked, model: VAE, x: Tensor) -> Work[dict[str, Truth]]:
    """The exact gradient of each estimator's own bound: the ELBO, or for "iwae" with several samples that of these.

    Yields how far this is; returns estimator -> Truth. One that was worked out before is known at once.
    """
    bounds = {name: _bound(name, asked.samples) for name in asked.estimators}
    found: dict[Objective, Truth] = {}
    for number, bound in enumerate(wanted := dict.fromkeys(bounds.values())):
        for fraction, text, truth in _truth(asked, model, x, bound):
            yield (number + fraction) / len(wanted), f"the exact gradient: {text}", None
            if truth is not None:
                found[bound] = truth
    return {name: found[bound] for name, bound in bounds.items()}


def draws(asked: Asked, model: VAE, x: Tensor, columns: Sequence[int]) -> Iterator[tuple[float, str, Draws]]:
    """Replicates of some entries of the first image's gradient, of all estimators in turn.

    Each estimator draws from a generator of its own that begins alike: what one gives does not depend on the others.
    """
    from vaeexplorer.gradients.at_model import local_gradients

    entries = list(columns)
    pieces = {
        name: local_gradients(
            model, x[:1], name, replicates=asked.replicates, samples=asked.samples, generator=asked.generator(model),
            options=asked.options_of(name),
        )
        for name in asked.estimators
    }  # fmt: skip
    found: Draws = {name: np.empty((0, len(entries))) for name in pieces}
    total = asked.replicates * len(pieces)
    while sum(map(len, found.values())) < total:
        for name in pieces:
            piece = next(pieces[name])[:, 0, entries].cpu().double().numpy()
            found[name] = np.concatenate([found[name], piece])
            done = sum(map(len, found.values()))
            yield done / total, f"{done:,} of {total:,} gradients", found


def _bound(name: str, samples: int) -> Objective:
    from vaeexplorer.gradients import ESTIMATORS

    return "iwae" if ESTIMATORS[name].objective == "iwae" and samples > 1 else "elbo"


def _truth(asked: Asked, model: VAE, x: Tensor, bound: Objective) -> Iterator[tuple[float, str, Truth | None]]:
    import torch

    from vaeexplorer.gradients.exact import exact_stages

    samples = asked.samples if bound == "iwae" else 1
    key = (asked.chosen[0].key, asked.seed, bound, samples)
    with _keeping:
        kept = _truths.setdefault(model, OrderedDict())
        known = kept.get(key)
    if known is not None:
        yield 1.0, known.how, known
        return
    generator = torch.Generator(model.device).manual_seed(TRUTH_SEED + asked.seed)
    for fraction, text, truth in exact_stages(model, x[:1], objective=bound, samples=samples, generator=generator):
        yield fraction, text, truth
    assert truth is not None
    with _keeping:
        kept[key] = truth
        while len(kept) > KEPT_TRUTHS:
            kept.popitem(last=False)
