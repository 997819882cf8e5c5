"""Estimators of the ELBO's gradient: each gives a loss whose derivative is (minus) an estimate of that gradient.

One signature for all: (vae, x, noise, charge) -> (loss per image (B,), ElboTerms); x as the likelihood wants it, noise
(S, B, D) of the posterior's kind, charge: KL per dimension (B, D) -> its part of the loss (B,), for example beta times
its sum. Adding an estimator is one function and one line in GRADIENT_ESTIMATORS.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from vaeexplorer.elbo import ElboTerms, elbo_terms
from vaeexplorer.vae import VAE

Charge = Callable[[Tensor], Tensor]


def weighted(beta: float) -> Charge:
    """The charge of a beta-VAE: beta KL(q(z|x) || p(z)).   Source: Higgins et al. 2017, eq. 4."""
    return lambda kl_per_dimension: beta * kl_per_dimension.sum(-1)


def free_of_charge(kl_per_dimension: Tensor, mean: Tensor, nats: float) -> Tensor:
    """KL per dimension (B, D) with the first `nats` of each dimension free -> (B,); `mean` (D,) is its batch mean.

    The mean over the batch is sum_j max(nats, mean_j): a dimension whose mean is below gets no gradient. The maximum is
    of the batch mean, not of each image's KL.   Source: Kingma et al. 2016, eq. 15 (appendix C.8).
    """
    used = mean > nats
    return (kl_per_dimension * used).sum(-1) + nats * (~used).sum()


def pathwise(vae: VAE, x: Tensor, noise: Tensor, charge: Charge) -> tuple[Tensor, ElboTerms]:
    """Differentiate through z = mu + s * noise, with the analytic KL. Unbiased; needs latents that can be
    differentiated.

    loss = -(1/S) sum_s log p(x|z_s) + charge(KL)   Source: Kingma & Welling 2014, eq. 10.
    Raises ValueError for Bernoulli latents, whose samples have no derivative.
    """
    if vae.config.posterior != "gaussian":
        raise ValueError("the pathwise estimator needs Gaussian latents; use leave_one_out for Bernoulli ones")
    terms = elbo_terms(vae, x, noise)
    return charge(terms.kl_per_dimension) - terms.reconstruction, terms


def leave_one_out(vae: VAE, x: Tensor, noise: Tensor, charge: Charge) -> tuple[Tensor, ElboTerms]:
    """Score function with the mean of the other samples as each sample's baseline. Unbiased for any latents.

    d/dphi E_q f ~ (1/S) sum_s (f_s - mean_(t != s) f_t) d/dphi log q(z_s|x), f = log p(x|z); the KL stays analytic.
    Raises ValueError for fewer than 2 samples: there is no other one to compare with.
    Source: Kool et al. 2019; Mnih & Rezende 2016.
    """
    samples = noise.shape[0]
    if samples < 2:
        raise ValueError(
            f"leave_one_out needs at least 2 samples for each image, got {samples}: set samples to 2 or more"
        )
    q = vae.posterior(x)
    z = q.sample(noise).detach()
    log_likelihood = vae.log_likelihood(x, z)
    # f_s - mean of the others = (f_s - mean of all) S / (S - 1); a constant for the derivative.
    advantage = (log_likelihood - log_likelihood.mean(0)).detach() * samples / (samples - 1)
    terms = ElboTerms(log_likelihood.mean(0), vae.prior.kl_per_dimension(q))
    score = (advantage * q.log_prob(z)).mean(0)
    return charge(terms.kl_per_dimension) - terms.reconstruction - score, terms


GradientEstimator = Callable[[VAE, Tensor, Tensor, Charge], tuple[Tensor, ElboTerms]]

GRADIENT_ESTIMATORS: dict[str, GradientEstimator] = {"pathwise": pathwise, "leave_one_out": leave_one_out}
