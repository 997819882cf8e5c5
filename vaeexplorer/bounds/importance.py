"""log p(x) from importance weights log p(x, z) - log q(z|x), the hinge between a model and every number about it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds.memory import keep_freed_memory
from vaeexplorer.bounds.method import Method, Stage
from vaeexplorer.bounds.pareto import pareto_k, tail_size
from vaeexplorer.latent_model import LatentModel
from vaeexplorer.numerics import logmeanexp
from vaeexplorer.records import LogMarginal

ROWS = 1000  # codes through the decoder at a time: enough for quick matrix products, few enough for the cache
PARTS = 4  # of the draws, whose values are compared with each other
PAUSE = 0.2  # seconds between two stages, at least
SHARE = 0.01  # of the time may go into records that are not the last


Shape = tuple[int, ...]


class Proposal(Protocol):
    """What importance sampling needs of a distribution over z: a Posterior has it, the prior by PriorProposal."""

    def noise(self, shape: Shape, generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor: ...

    def sample(self, noise: Tensor) -> Tensor: ...

    def log_prob(self, z: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class PriorProposal:
    """p(z) in the place of q(z|x): the same for every image, but drawn anew for each."""

    model: LatentModel

    def noise(self, shape: Shape, generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
        return self.model.prior.posterior.noise(shape, generator, device).to(self.model.dtype)

    def sample(self, noise: Tensor) -> Tensor:
        return self.model.prior.sample(noise)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.model.prior.log_prob(z)


def log_weights(model: LatentModel, x: Tensor, q: Proposal, noise: Tensor) -> Tensor:
    """log p(x, z) - log q(z|x) at z = q.sample(noise), (S, B) in nats; their mean over S is an unbiased ELBO."""
    z = q.sample(noise)
    return model.log_joint(x, z) - q.log_prob(z)


def iwae_bound(weights: Tensor) -> Tensor:
    """log (1/S) sum_s w_s from log-weights (S, B) -> (B,), float64 nats: E of it is a lower bound of log p(x).

    The bound rises with S and is low by about Var(w) / (2 S E[w]^2).   Source: Burda et al. 2016, eq. 8.
    """
    return logmeanexp(weights, 0)


def iwae(model: LatentModel, x: Tensor, samples: int, generator: torch.Generator, rows: int = ROWS) -> Iterator[Tensor]:
    """Draw the IWAE bound of each image with exactly `samples` draws of q; memory stays flat.

    Encodes once, then decodes about `rows` codes at a time; yields the running bound (B,) in float64 nats after every
    chunk, so that a caller can show progress or stop; the last one is the bound at K = samples.
    """
    total, drawn = None, 0
    for weights in draw_weights(model, x, model.posterior(x), samples, generator, rows):
        chunk = torch.logsumexp(weights, 0)
        total = chunk if total is None else torch.logaddexp(total, chunk)
        drawn += len(weights)
        yield total - math.log(drawn)


@torch.no_grad()
def draw_weights(
    model: LatentModel, x: Tensor, q: Proposal, samples: int, generator: torch.Generator, rows: int = ROWS
) -> Iterator[Tensor]:
    """Log-weights of exactly `samples` independent draws of q for each of B images, in chunks (size, B), float64.

    At most about `rows` codes are decoded at a time, also where there are more images than that.
    """
    keep_freed_memory()
    images, dims = len(x), model.latent_dim
    chunk = max(1, rows // images)
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        z = q.sample(q.noise((size, images, dims), generator, x.device))
        parts = zip(x.split(rows), z.split(rows, 1), strict=True)
        likelihood = torch.cat([model.log_likelihood(*part).double() for part in parts], 1)
        yield likelihood + (model.prior.log_prob(z).double() - q.log_prob(z).double())


class Sums:
    """What is kept of the weights so far: sums of w in PARTS parts, of w^2, and the largest, all per image."""

    def __init__(self, images: int, asked: int, device: torch.device) -> None:
        self.drawn = 0
        self._parts = torch.full((PARTS, images), -math.inf, dtype=torch.float64, device=device)
        self._squares = self._parts[0].clone()
        self._tail = tail_size(asked) + 1
        self._largest = [torch.empty((0, images), dtype=torch.float64, device=device)]

    def add(self, weights: Tensor) -> None:
        """Take in log-weights (size, B), float64.   Raises: ValueError if one of them is NaN or +inf."""
        for part in range(PARTS):  # draw s belongs to part s mod PARTS: equal parts, however long the chunks are
            own = weights[(part - self.drawn) % PARTS :: PARTS]
            self._parts[part] = torch.logaddexp(self._parts[part], torch.logsumexp(own, 0))
        self._squares = torch.logaddexp(self._squares, torch.logsumexp(2 * weights, 0))
        self.drawn += len(weights)
        if not bool((self._squares < math.inf).all()):  # NaN is not below either
            raise ValueError(
                "expected finite log-weights, got NaN or infinite ones: the model gives no number for some image; "
                "look at its weights, or at the images"
            )
        self._largest.append(weights)
        if sum(map(len, self._largest[1:])) >= self._tail:
            self._largest = [self.largest]

    @property
    def largest(self) -> Tensor:
        """The largest log-weights, as many as the tail needs, (M + 1, B)."""
        together = torch.cat(self._largest)
        return together.topk(min(self._tail, len(together)), 0).values

    def statistics(self) -> dict[str, np.ndarray | None]:
        """Fields of LogMarginal, float64 numpy (B,)."""
        total, draws = torch.logsumexp(self._parts, 0), self.drawn
        share = torch.exp(self._squares - 2 * total)  # sum w^2 / (sum w)^2
        relative_variance = ((draws * share - 1) * draws / max(1, draws - 1)).clamp_min(0)
        stderr = (relative_variance / draws).sqrt() if draws > 1 else torch.full_like(total, math.inf)
        return {
            "value": _numpy(total - math.log(draws)),
            "stderr": _numpy(stderr),
            "effective_sample_size": _numpy(1 / share),
            "pareto_k": pareto_k(_numpy(self.largest), draws),
            "spread": _numpy(self._spread()) if draws >= PARTS else None,
        }

    def _spread(self) -> Tensor:
        sizes = [len(range(part, self.drawn, PARTS)) for part in range(PARTS)]
        values = self._parts - torch.tensor(sizes, dtype=torch.float64, device=self._parts.device).log()[:, None]
        return values.amax(0) - values.amin(0)


def run(
    model: LatentModel,
    x: Tensor,
    q: Proposal,
    *,
    samples: int,
    generator: torch.Generator,
    keep_weights: bool = False,
    method: str = "importance",
    before: float = 0.0,
    details: Mapping[str, Any] | None = None,
    rows: int = ROWS,
) -> Iterator[Stage]:
    """log p(x) by importance sampling with fresh draws of any proposal: log (1/K) sum_k p(x, z_k) / q(z_k|x).

    Args: x (B, ...) as the likelihood wants it; q over z for these B images; samples: K, drawn exactly; keep_weights:
    the record holds log_weights (K, B); method, details: for the record; before: decodings per image that q has cost.
    Yields: Stages with the record so far (value (B,), float64 nats), after the first chunk, then about every PAUSE s.
    Error: stderr is the delta method's, sqrt(Var(w) / K) / E[w], too small where the weights have a heavy tail (Pareto
    k above 0.7). The value is low by about Var(w) / (2 K E[w]^2): a lower bound in expectation for every K.
    Raises: ValueError if the model gives NaN.
    Source: Burda et al. 2016, eq. 8; Kong 1992 (effective sample size); Vehtari et al. 2024 (Pareto k).
    """
    sums, due = Sums(len(x), samples, x.device), -math.inf
    kept = torch.empty((samples, len(x)), dtype=torch.float64) if keep_weights else None
    for weights in draw_weights(model, x, q, samples, generator, rows):
        if kept is not None:
            kept[sums.drawn : sums.drawn + len(weights)] = weights
        sums.add(weights)
        done = sums.drawn
        begun = time.monotonic()
        if done < samples and begun < due:
            continue
        fields = sums.statistics() | {"log_weights": None if kept is None else kept[:done].numpy()}
        counts = {"samples": done, "asked": samples, "decodings": before + done}
        record = LogMarginal(method, "lower bound", **fields, **counts, details=dict(details or {}))  # type: ignore[arg-type]
        due = time.monotonic() + max(PAUSE, (time.monotonic() - begun) / SHARE)
        yield Stage(done / samples, f"{done:,} of {samples:,} draws", record)


def prior(model: LatentModel, x: Tensor, **how: Any) -> Iterator[Stage]:
    """Importance sampling with q = p(z); see `run`."""
    return run(model, x, PriorProposal(model), method="prior", **how)


def encoder(model: LatentModel, x: Tensor, **how: Any) -> Iterator[Stage]:
    """Importance sampling with the encoder's q(z|x); see `run`."""
    return run(model, x, model.posterior(x), method="iwae", **how)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().astype(np.float64)


def _one_each(model: LatentModel, samples: int, options: Mapping[str, Any]) -> float:
    return float(samples)


PRIOR = Method(
    title="Prior Monte Carlo",
    words="Draws codes from the prior and averages how well each explains the image: honest, but hopeless in many "
    "dimensions, where almost no draw comes near the image's own codes.",
    kind="lower bound",
    run=prior,
    samples=5000,
    counted="draws of p(z)",
    source="Kingma & Welling 2014, appendix D, names the problem; the average itself is plain Monte Carlo",
    decodings=_one_each,
)

IWAE = Method(
    title="Importance sampling with the encoder's q",
    words="Draws codes where the encoder expects them and corrects each by its weight p(x, z) / q(z|x).",
    kind="lower bound",
    run=encoder,
    samples=5000,
    counted="draws of q",
    source="Burda, Grosse & Salakhutdinov 2016, eq. 8",
    decodings=_one_each,
)
