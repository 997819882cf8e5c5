"""The methods of evaluation: a model and a question make Estimates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vaeexplorer import metrics
from vaeexplorer.checkpoints import ACTIVE_NATS
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.evaluation.codes import posterior_parameters
from vaeexplorer.evaluation.question import ROWS, Question, posteriors
from vaeexplorer.latents import ACTIVE_COVARIANCE, active_units, split_kl, squared_deviations
from vaeexplorer.records import Estimate, Kind
from vaeexplorer.vae import VAE, Posterior

FITTED = 10_000  # training images that a probe is fitted to, at most
DRAWN = 100_000  # codes that serve the mutual information, at most: further draws of the same images tell little


@torch.inference_mode()
def elbo_method(vae: VAE, question: Question) -> list[Estimate]:
    """The ELBO, its two terms, and the KL of each dimension, as means over images with the error over images."""
    rows = [_terms(vae, x, question) for x in question.batches(vae, ROWS, "ELBO")]
    reconstruction, kl = (np.concatenate(column) for column in zip(*rows, strict=True))
    total = kl.sum(1)
    named = {
        "elbo": ("lower bound", reconstruction - total),
        "reconstruction": ("unbiased", reconstruction),
        "kl": ("unbiased", total),
    }
    named |= {f"kl_{j + 1}": ("unbiased", kl[:, j]) for j in range(kl.shape[1])}
    return [Estimate.mean_of(v, kind=k, over="test images", name=n) for n, (k, v) in named.items()]  # type: ignore[arg-type]


def _terms(vae: VAE, x: Tensor, question: Question) -> tuple[np.ndarray, np.ndarray]:
    noise = vae.prior.posterior.noise((question.samples, len(x), vae.config.latent_dim), question.generator, vae.device)
    terms = elbo_terms(vae, x, noise)
    return terms.reconstruction.double().cpu().numpy(), terms.kl_per_dimension.double().cpu().numpy()


@torch.inference_mode()
def representation_method(vae: VAE, question: Question) -> list[Estimate]:
    """What the codes hold: KL per dimension, active units, mutual information, and what they tell of what is known.

    kl, kl_1 ..., active_units (KL above 0.01 nats), active_units_covariance (Cov_x(E_q z) above 0.01).
    mutual_information + marginal_kl = kl and mutual_information_upper + marginal_kl_lower = kl, exactly: a lower and an
    upper bound of I(x; z), and what they leave for KL(q(z) || p(z)); see latents.split_kl. Two images or more.
    linear_probe, nearest_neighbours: accuracy of the class from the posterior means, where there are labels; fitted to
    training images where given, else to half of the images, the same share of each class, and counted on the others.
    mutual information gap, dci_*, factor_vae_score: of the posterior means, where there are factors and 20 images.
    """
    q = posteriors(vae, question.part(0, 0.4), "codes")
    kl = vae.prior.kl_per_dimension(q).double()
    named = {"kl": kl.sum(1)} | {f"kl_{j + 1}": column for j, column in enumerate(kl.T)}
    found = [_mean(name, "unbiased", values) for name, values in named.items()]
    found += [
        _count("active_units", kl, ACTIVE_NATS),
        _count("active_units_covariance", squared_deviations(q.mean), ACTIVE_COVARIANCE),
    ]
    if len(kl) > 1:
        found += _information(vae, q, question.part(0.4, 0.8))
    codes = q.mean.float().cpu().numpy()
    if metrics.probe_problem(question.labels) is None:
        found += _probes(vae, codes, question.part(0.8, 0.9))
    if question.factors is not None and len(codes) >= metrics.FEWEST:
        found += _factor_scores(codes, question.part(0.9, 1))
    return found


def _mean(name: str, kind: Kind, values: Tensor) -> Estimate:
    return Estimate.mean_of(values.cpu().numpy(), kind=kind, over="test images", name=name)


def _count(name: str, evidence: Tensor, threshold: float) -> Estimate:
    count, stderr = active_units(evidence, threshold)
    return Estimate(count, stderr, len(evidence), "unbiased", "test images", name, "dimensions")


def _information(vae: VAE, q: Posterior, question: Question) -> list[Estimate]:
    draws = max(1, min(question.samples, DRAWN // len(q.mean)))
    noise = q.noise((draws, *q.mean.shape), question.generator, vae.device)
    split = split_kl(vae.prior, q, q.sample(noise), question.progress)
    upper = split.information_upper
    if upper.mean() > split.kl.mean():  # the KL is an upper bound as well, and then the better one
        upper = split.kl
    return [
        _mean("mutual_information", "lower bound", split.information),
        _mean("mutual_information_upper", "upper bound", upper),
        _mean("marginal_kl", "upper bound", split.marginal),
        _mean("marginal_kl_lower", "lower bound", split.kl - upper),
    ]


def _probes(vae: VAE, codes: np.ndarray, question: Question) -> list[Estimate]:
    """Accuracies on held-out images, of probes fitted to training images if there are any, else to half of these."""
    labels, seed = np.asarray(question.labels), question.generator.initial_seed() % 2**32
    if question.train is None or metrics.probe_problem(question.train[1]):
        fit, test = metrics.balanced_split(labels, 0.5, seed)
        fit_codes, fit_labels, where = codes[fit], labels[fit], "others of them"
    else:
        images, known = question.train
        fit, _ = metrics.balanced_split(known, min(1.0, FITTED / len(known)), seed)
        shown = replace(question, images=torch.from_numpy(images[fit]))
        fit_codes = posteriors(vae, shown, "codes of training images").mean.float().cpu().numpy()
        fit_labels, test, where = known[fit], np.flatnonzero(labels >= 0), "training images"
    question.progress(1, "probes")
    over = f"test images (fitted to {len(fit):,} {where})"
    return [replace(e, over=over) for e in metrics.probes(fit_codes, fit_labels, codes[test], labels[test])]


def _factor_scores(codes: np.ndarray, question: Question) -> list[Estimate]:
    factors, seed = np.asarray(question.factors), question.generator.initial_seed() % 2**32
    question.progress(0, "disentanglement scores")
    found = [_gap(codes, factors, seed)]
    with suppress(ValueError):  # none of the factors changes among these images
        scores = metrics.dci(codes, factors, seed)
        found += [scores.disentanglement, scores.completeness, scores.informativeness]
    with suppress(ValueError):
        found.append(metrics.factor_vae_score(codes, factors, seed))
    return found


def disentanglement(vae: VAE, images: np.ndarray, factors: np.ndarray, seed: int) -> Estimate:
    """MIG of the posterior means against the known factors (N, F), with a bootstrap error over images."""
    return _gap(posterior_parameters(vae, images, seed)[0], factors, seed)


def _gap(codes: np.ndarray, factors: np.ndarray, seed: int) -> Estimate:
    rng = np.random.default_rng(seed)
    picks = [rng.integers(0, len(codes), len(codes)) for _ in range(20)]
    spread = np.std([metrics.mutual_information_gap(codes[pick], factors[pick]).mig for pick in picks], ddof=1)
    value = metrics.mutual_information_gap(codes, factors).mig
    return Estimate(float(value), float(spread), len(codes), "unbiased", "test images", "mutual information gap", "")


ESTIMATORS: dict[str, Callable[[VAE, Question], list[Estimate]]] = {
    "elbo": elbo_method,
    "representation": representation_method,
}
DEFAULT_SAMPLES = {"elbo": 1, "representation": 1}
