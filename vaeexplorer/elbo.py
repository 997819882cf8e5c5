"""The evidence lower bound of each image and its two terms, with the KL worked out or drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vaeexplorer.latent_model import LatentModel
from vaeexplorer.records import Estimate, Kind


@dataclass(frozen=True)
class ElboTerms:
    """Per image, in nats. reconstruction (B,), kl_per_dimension (B, D); all else follows from them.

    rate = kl and distortion = -reconstruction are their names in rate-distortion theory, -elbo = distortion + rate.
    """

    reconstruction: Tensor
    kl_per_dimension: Tensor

    @property
    def kl(self) -> Tensor:
        return self.kl_per_dimension.sum(-1)

    @property
    def elbo(self) -> Tensor:
        return self.reconstruction - self.kl

    @property
    def rate(self) -> Tensor:
        return self.kl

    @property
    def distortion(self) -> Tensor:
        return -self.reconstruction


def elbo_terms(model: LatentModel, x: Tensor, noise: Tensor) -> ElboTerms:
    """Split the evidence lower bound of each image into its two terms.

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || p(z))

    Args: x (B, ...) as the likelihood wants it (see VAE.binarized); noise (S, B, D) of the posterior's kind.
    Returns: ElboTerms of shape (B,), nats per image.
    Error: kl is exact; reconstruction averages S draws of q, unbiased, its variance falls as 1/S.
    Raises: ValueError if x or the noise has another shape than the model's.
    Source: Kingma & Welling 2014, eq. 3.
    """
    q = _posterior(model, x, noise)
    reconstruction = model.log_likelihood(x, q.sample(noise)).mean(0)
    return ElboTerms(reconstruction, model.prior.kl_per_dimension(q))


def sampled_terms(model: LatentModel, x: Tensor, noise: Tensor) -> ElboTerms:
    """The same terms with the KL drawn as well: log q(z|x) - log p(z) at the same z; what each draw says.

    E_q[log p(x|z)] - E_q[log q(z|x) - log p(z)], and per dimension E_q[log q(z_j|z_1 .. z_(j-1)) - log p(z_j|...)]

    Args: as for elbo_terms.
    Returns: ElboTerms with an axis of draws, (S, B) and (S, B, D), nats per image; the elbo of a draw is the log-weight
        log p(x, z) - log q(z|x). `mean_of_draws` averages them.
    Error: each draw is unbiased for the term of elbo_terms, the elbo for the bound; one KL may come out below 0. The
        two terms of a draw depend on each other: at q = p(z|x) the elbo of every draw is log p(x).
    Raises: as elbo_terms.   Source: Kingma & Welling 2014, eq. 6 (estimator A).
    """
    q = _posterior(model, x, noise)
    z = q.sample(noise)
    kl = q.log_prob_per_dimension(z) - model.prior.log_prob_per_dimension(z)
    return ElboTerms(model.log_likelihood(x, z), kl)


def mean_of_draws(draws: ElboTerms) -> ElboTerms:
    """ElboTerms (B,), (B, D) from those of S draws, each an unbiased mean."""
    return ElboTerms(draws.reconstruction.mean(0), draws.kl_per_dimension.mean(0))


def term_estimates(model: LatentModel, x: Tensor, noise: Tensor, *, sampled: bool = False) -> list[dict[str, Estimate]]:
    """The terms of each image with their error and kind: elbo, reconstruction, kl (the rate), distortion, kl_1, ...

    sampled: the KL drawn, as in sampled_terms, and unbiased; else it is exact and has no error.
    Args, raises: as elbo_terms. The error is over the S draws of q, unknown (inf) for one.
    """
    draws = sampled_terms(model, x, noise)
    exact = None if sampled else model.prior.kl_per_dimension(model.posterior(x))
    return [_image(draws, exact, image) for image in range(len(x))]


def _image(draws: ElboTerms, exact: Tensor | None, image: int) -> dict[str, Estimate]:
    reconstruction = draws.reconstruction[:, image].double()
    kl = (draws.kl_per_dimension if exact is None else exact.expand_as(draws.kl_per_dimension))[:, image].double()
    of_kl: Kind = "unbiased" if exact is None else "exact"
    columns: dict[str, tuple[Kind, Tensor]] = {
        "elbo": ("lower bound", reconstruction - kl.sum(-1)),
        "reconstruction": ("unbiased", reconstruction),
        "kl": (of_kl, kl.sum(-1)),
        "distortion": ("unbiased", -reconstruction),
        **{f"kl_{number}": (of_kl, column) for number, column in enumerate(kl.T, 1)},
    }
    return {name: _estimate(name, kind, values) for name, (kind, values) in columns.items()}


def _estimate(name: str, kind: Kind, values: Tensor) -> Estimate:
    if kind == "exact":
        return Estimate(values[0].item(), 0.0, 1, kind, "closed form", name)
    return Estimate.mean_of(values.detach().cpu().numpy(), kind=kind, over="samples of q", name=name)


def _posterior(model: LatentModel, x: Tensor, noise: Tensor) -> Any:
    q = model.posterior(x)
    if noise.ndim != 3 or noise.shape[1:] != q.mean.shape:
        raise ValueError(f"expected noise (samples, {q.mean.shape[0]}, {q.mean.shape[1]}), got {tuple(noise.shape)}")
    return q
