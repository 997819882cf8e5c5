"""The distributions a VAE is put together from: posteriors q(z|x), priors p(z), likelihoods p(x|z).

Shapes: z and noise (S, B, D) with S samples for each of B images; parameters of q (B, D); log-densities (S, B) in nats,
summed over latent dimensions or pixels, never averaged. Noise is an argument: same noise, same bits.
"""

from vaeexplorer.distributions.divergences import chi_square, kl_divergence
from vaeexplorer.distributions.likelihoods import (
    LIKELIHOODS,
    BernoulliLikelihood,
    ContinuousBernoulliLikelihood,
    GaussianLikelihood,
    Likelihood,
)
from vaeexplorer.distributions.posteriors import (
    LOG_TWO_PI,
    POSTERIORS,
    BernoulliLatent,
    CategoricalLatent,
    DiagonalGaussian,
    FullGaussian,
)
from vaeexplorer.distributions.priors import PRIORS, Categorical, FairBits, LearnedGaussian, Prior, StandardNormal

__all__ = [
    "LIKELIHOODS", "LOG_TWO_PI", "POSTERIORS", "PRIORS", "BernoulliLatent", "BernoulliLikelihood", "Categorical",
    "CategoricalLatent", "ContinuousBernoulliLikelihood", "DiagonalGaussian", "FairBits", "FullGaussian",
    "GaussianLikelihood", "LearnedGaussian", "Likelihood", "Prior", "StandardNormal", "chi_square", "kl_divergence",
]  # fmt: skip
