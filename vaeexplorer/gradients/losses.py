"""What training minimises: for each image a loss whose derivative is (minus) an estimate of the gradient of its bound.

The estimators are those of ESTIMATORS. What one of them says about the encoder's outputs times these outputs has its
derivative, and the decoder learns by its own loss at the same draws, which are decoded once for both. Two of them,
pathwise and leave_one_out, need no more than one way back through both networks; that is written out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, autograd

from vaeexplorer.distributions import BernoulliLatent
from vaeexplorer.elbo import ElboTerms, elbo_terms
from vaeexplorer.gradients.baselines import BASELINES, Baseline
from vaeexplorer.gradients.expectations import BernoulliDraws, Draws, GaussianDraws
from vaeexplorer.gradients.registry import ESTIMATORS, GradientEstimator
from vaeexplorer.processes import ALONE, Processes
from vaeexplorer.vae import VAE, Posterior

Charge = Callable[[Tensor], Tensor]  # KL per dimension (B, D) -> its part of the loss (B,), such as beta times its sum
Estimate = tuple[Tensor, ElboTerms]  # the loss of each image (B,), and the terms of its ELBO


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


AT_ONCE: dict[str, Callable[[VAE, Tensor, Tensor, Charge], Estimate]] = {
    "pathwise": pathwise, "leave_one_out": leave_one_out,
}  # fmt: skip


class Bound:
    """The loss of one training by the estimator of this name, with what it remembers from step to step.

    seed: of a baseline's network.   options: of the estimator, where they are not its defaults.
    """

    def __init__(
        self, name: str, vae: VAE, seed: int, options: Mapping[str, Any], processes: Processes = ALONE
    ) -> None:
        self.estimator, self.at_once = ESTIMATORS[name], AT_ONCE.get(name)
        self.options = {**self.estimator.options, **{k: v for k, v in options.items() if k in self.estimator.options}}
        self.baseline: Baseline | None = BASELINES[name](vae, seed, processes) if name in BASELINES else None

    def __call__(self, vae: VAE, x: Tensor, noise: Tensor, charge: Charge, size: int) -> Estimate:
        """Of this process's images x (B, ...) of a batch of `size`; noise (S, B, D) of q.

        Raises ValueError for latents that the estimator cannot do, or too few samples.
        """
        if self.at_once:
            return self.at_once(vae, x, noise, charge)
        return surrogate(vae, x, noise, charge, self.estimator, lambda draws: self._gradient(x, draws, size))

    def _gradient(self, x: Tensor, draws: Draws, size: int) -> Tensor:
        if self.baseline is None:
            return self.estimator.run(draws, None, **self.options)
        return self.baseline.gradient(x, draws, size)

    def state(self) -> dict[str, Tensor]:
        """What `load_state` needs, by name; on the CPU."""
        return self.baseline.state() if self.baseline else {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Raises ValueError if these are not what `state` gave."""
        if self.baseline:
            self.baseline.load_state(tensors)


def surrogate(
    vae: VAE, x: Tensor, noise: Tensor, charge: Charge, estimator: GradientEstimator, run: Callable[[Draws], Tensor]
) -> Estimate:
    """loss = -(g . outputs) - the decoder's part [+ charge(KL)], the constant g what `run` says of the outputs.

    "expectation": g of E_q log p(x|z), the KL by its own derivative, the decoder by (1/S) sum_s log p(x|z_s);
    "elbo": g of the whole ELBO, the decoder and the prior by (1/S) sum_s log p(x, z_s);
    "iwae": g of the bound of S samples, the decoder and the prior by sum_s w~_s log p(x, z_s), w~ = w / sum w.
    The value of this loss means nothing, only its derivative.   Source: of the last, Burda et al. 2016, eq. 14.
    """
    q = vae.posterior(x)
    seen = _Seen(vae, x, whole=estimator.objective != "expectation")
    outputs, draws = _draws(q, seen, noise.unsqueeze(0))
    seen.decode(draws.z)
    with torch.no_grad():
        gradient = run(draws)[0]
        weights = torch.softmax(seen.values - draws.log_q(draws.z), 1) if estimator.objective == "iwae" else None
    terms = ElboTerms(seen.log_likelihood[0].mean(0), vae.prior.kl_per_dimension(q))
    decoder = seen.values.mean(1) if weights is None else (weights * seen.values).sum(1)
    loss = -(gradient * outputs).flatten(1).sum(-1) - decoder[0]
    return (loss + charge(terms.kl_per_dimension) if estimator.objective == "expectation" else loss), terms


def _draws(q: Posterior, f: Callable[[Tensor], Tensor], noise: Tensor) -> tuple[Tensor, Draws]:
    """The encoder's outputs (B, [2,] D) with their graph, and draws that hold them fixed."""
    if isinstance(q, BernoulliLatent):
        return q.logits, _Bits(f, q.logits.detach(), noise)
    return torch.stack([q.mean, q.log_std], -2), _Points(f, q.mean.detach(), q.log_std.detach(), noise)


class _Points(GaussianDraws):
    """Draws that are computed once, so that their place in memory tells them from others."""

    @cached_property
    def z(self) -> Tensor:  # type: ignore[override]
        return self.loc + self.log_scale.exp() * self.noise


class _Bits(BernoulliDraws):
    """The same of bits."""

    @cached_property
    def z(self) -> Tensor:  # type: ignore[override]
        return (self.noise < self.p).to(self.logits.dtype)


class _Seen:
    """f as an estimator asks for it: log p(x|z), or log p(x, z) where `whole`, (1, S, B) for z (1, S, B, D).

    The draws themselves are decoded once. Their values keep the graph, for the decoder's loss, and give slopes by z.
    """

    def __init__(self, vae: VAE, x: Tensor, whole: bool) -> None:
        self.vae, self.x, self.whole = vae, x, whole

    def decode(self, z: Tensor) -> None:
        self.place, self.z = z.data_ptr(), z.detach().requires_grad_()
        self.log_likelihood, self.values = self._values(self.z)

    def __call__(self, z: Tensor) -> Tensor:
        if z.data_ptr() == self.place and z.shape == self.z.shape:
            return _Once.apply(z, self) if z.requires_grad else self.values.detach()
        return self._values(z)[1]

    def _values(self, z: Tensor) -> tuple[Tensor, Tensor]:
        found = self.vae.log_likelihood(self.x, z[0]).unsqueeze(0)
        return found, found + self.vae.prior.log_prob(z[0]).unsqueeze(0) if self.whole else found


class _Once(autograd.Function):
    """Values that are known, whose slope goes through the graph that they came from and leaves it as it is."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, seen: _Seen) -> Tensor:
        ctx.seen = seen
        return seen.values.detach().clone()

    @staticmethod
    def backward(ctx: Any, *by_values: Tensor) -> tuple[Tensor, None]:
        (slope,) = autograd.grad(ctx.seen.values, ctx.seen.z, by_values[0], retain_graph=True)
        return slope, None
