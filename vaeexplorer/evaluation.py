"""A model and a question make a record: the only border between torch and numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import iwae
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.latents import log_aggregate_posterior
from vaeexplorer.metrics import mutual_information_gap
from vaeexplorer.records import CodeRecord, Estimate
from vaeexplorer.training import unit
from vaeexplorer.vae import VAE

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Question:
    """What an evaluation method gets beside the model: images (N, C, H, W), draws per image, randomness, progress."""

    images: Tensor
    samples: int
    generator: torch.Generator
    progress: Progress

    def batches(self, vae: VAE, size: int, title: str) -> Iterator[Tensor]:
        """Images as the likelihood wants them, `size` at a time, with progress."""
        for start in range(0, len(self.images), size):
            self.progress(start / len(self.images), f"{title}: image {start:,} of {len(self.images):,}")
            yield vae.binarized(unit(self.images[start : start + size].to(vae.device)), self.generator)


@torch.inference_mode()
def elbo_method(vae: VAE, question: Question) -> list[Estimate]:
    """The ELBO, its two terms, and the KL of each dimension, as means over images with the error over images."""
    rows = [_terms(vae, x, question) for x in question.batches(vae, 500, "ELBO")]
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
def iwae_method(vae: VAE, question: Question) -> list[Estimate]:
    """The IWAE bound with exactly `samples` draws of q for each image."""
    values: list[np.ndarray] = []
    for x in question.batches(vae, 20, f"IWAE-{question.samples}"):
        for bound in iwae(vae, x, question.samples, question.generator):
            last = bound
        values.append(last.cpu().numpy())
    name = f"iwae_{question.samples}"
    return [Estimate.mean_of(np.concatenate(values), kind="lower bound", over="test images", name=name)]


def evaluate(
    vae: VAE, images: np.ndarray, methods: tuple[str, ...], samples: dict[str, int], seed: int, progress: Progress
) -> list[Estimate]:
    """Ask each method about images (N, C, H, W), uint8 or float in [0, 1]; every method starts from the same seed.

    Raises ValueError for an unknown method or images of another shape than the model's.
    """
    unknown = [name for name in methods if name not in ESTIMATORS]
    if unknown:
        raise ValueError(f"unknown method {unknown[0]!r}: choose from {', '.join(ESTIMATORS)}")
    if tuple(images.shape[1:]) != vae.config.image_shape or not len(images):
        raise ValueError(
            f"the model takes images of shape {vae.config.image_shape}, the data set has {images.shape[1:]}"
        )
    results: list[Estimate] = []
    for name in methods:
        generator = torch.Generator(vae.device).manual_seed(seed)
        count = samples.get(name, DEFAULT_SAMPLES[name])
        results += ESTIMATORS[name](vae, Question(torch.from_numpy(images), count, generator, progress))
    return results


@torch.inference_mode()
def encode(vae: VAE, x: np.ndarray, seed: int, samples: int = 64) -> CodeRecord:
    """q(z|x) of one image x (C, H, W) in [0, 1], and the terms of its bound by `samples` draws.

    A Bernoulli likelihood sees the binarised image, drawn by the same seed.
    """
    generator = torch.Generator(vae.device).manual_seed(seed)
    batch = vae.binarized(torch.from_numpy(x).float().unsqueeze(0).to(vae.device), generator)
    q = vae.posterior(batch)
    noise = q.noise((samples, *q.mean.shape), generator, vae.device)
    log_likelihood = vae.log_likelihood(batch, q.sample(noise))[:, 0].double().cpu().numpy()
    kl = vae.prior.kl_per_dimension(q)[0].double().cpu().numpy()
    reconstruction = Estimate.mean_of(log_likelihood, kind="unbiased", over="samples of q", name="reconstruction")
    bound = Estimate(
        reconstruction.value - kl.sum(), reconstruction.stderr, samples, "lower bound", "samples of q", "elbo"
    )
    exact = Estimate(float(kl.sum()), 0.0, 1, "exact", "this image", "kl")
    return CodeRecord(q.mean[0].cpu().numpy(), q.std[0].cpu().numpy(), kl, reconstruction, exact, bound)


@torch.inference_mode()
def decode(vae: VAE, z: np.ndarray) -> np.ndarray:
    """Mean images (N, C, H, W) float32 in [0, 1] of codes z (N, D)."""
    return vae.decode(torch.from_numpy(z).float().unsqueeze(0).to(vae.device))[0].cpu().numpy()


@torch.inference_mode()
def posterior_parameters(vae: VAE, images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations (N, D) of q(z|x) for images (N, C, H, W)."""
    question = Question(torch.from_numpy(images), 1, torch.Generator(vae.device).manual_seed(seed), lambda *_: None)
    found = [vae.posterior(x) for x in question.batches(vae, 500, "codes")]
    return tuple(torch.cat([getattr(q, part) for q in found]).float().cpu().numpy() for part in ("mean", "std"))  # type: ignore[return-value]


@torch.inference_mode()
def aggregate_codes(
    vae: VAE, images: np.ndarray, labels: np.ndarray | None, seed: int, count: int = 1000
) -> tuple[dict[str, np.ndarray], tuple[float, ...]]:
    """The aggregate posterior of held-out images in short: what a checkpoint keeps for the "off the map" cue.

    Returns q(z|x_i) of up to `count` images (at most half of them) as "mean", "std" (M, D) and "label" (M,), and the
    0..100 % quantiles of log q(z) under that mixture for z ~ q(z|x_j) of the other images: a code of an image that the
    mixture does not contain is the fair comparison for any other z. Both are empty for fewer than 2 images.
    """
    if len(images) < 2:
        return {}, ()
    generator = torch.Generator(vae.device).manual_seed(seed)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).numpy()
    half = min(count, len(images) // 2)
    x = [
        vae.binarized(unit(torch.from_numpy(images[part]).to(vae.device)), generator)
        for part in (order[:half], order[half : 2 * half])
    ]
    kept, others = (vae.posterior(part) for part in x)
    z = others.sample(others.noise((1, *others.mean.shape), generator, vae.device))[0]
    quantiles = np.quantile(log_aggregate_posterior(kept, z).cpu().numpy(), np.linspace(0, 1, 101))
    label = np.full(half, -1) if labels is None else labels[order[:half]]
    codes = {"mean": kept.mean.cpu().numpy(), "std": kept.std.cpu().numpy(), "label": label.astype(np.int16)}
    return codes, tuple(float(value) for value in quantiles)


def disentanglement(vae: VAE, images: np.ndarray, factors: np.ndarray, seed: int) -> Estimate:
    """MIG of the posterior means against the known factors (N, F), with a bootstrap error over images."""
    mean, _ = posterior_parameters(vae, images, seed)
    rng = np.random.default_rng(seed)
    picks = [rng.integers(0, len(mean), len(mean)) for _ in range(20)]
    spread = np.std([mutual_information_gap(mean[pick], factors[pick]).mig for pick in picks], ddof=1)
    value = mutual_information_gap(mean, factors).mig
    return Estimate(float(value), float(spread), len(mean), "unbiased", "test images", "mutual information gap", "")


ESTIMATORS: dict[str, Callable[[VAE, Question], list[Estimate]]] = {"elbo": elbo_method, "iwae": iwae_method}
DEFAULT_SAMPLES = {"elbo": 1, "iwae": 5000}
