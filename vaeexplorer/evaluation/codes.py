"""Images to codes and codes to images, as numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.evaluation.question import ROWS, Progress, Question, binarized_each, posteriors
from vaeexplorer.latents import log_aggregate_posterior
from vaeexplorer.records import CodeRecord, Estimate
from vaeexplorer.training import unit
from vaeexplorer.vae import VAE, Posterior


@dataclass(frozen=True)
class Encoded:
    """N images as the model sees them, float32, nats.

    mean, std (N, D): of q(z|x); for Bernoulli latents the probabilities and sqrt(p (1 - p)).   sample (N, D): one draw.
    kl_per_dimension (N, D): exact.   reconstruction (N,): log p(x|z) at that draw, unbiased for E_q log p(x|z).
    """

    mean: np.ndarray
    std: np.ndarray
    sample: np.ndarray
    kl_per_dimension: np.ndarray
    reconstruction: np.ndarray

    @property
    def kl(self) -> np.ndarray:
        return self.kl_per_dimension.sum(axis=1)

    @property
    def elbo(self) -> np.ndarray:
        """(N,), from one draw of q each: unbiased for the lower bound of log p(x)."""
        return self.reconstruction - self.kl


@torch.inference_mode()
def encode(vae: VAE, x: np.ndarray, seed: int, samples: int = 64) -> CodeRecord:
    """q(z|x) of one image x (C, H, W) in [0, 1], and the terms of its bound by `samples` draws.

    A Bernoulli likelihood sees the binarised image, drawn by the same seed.
    Raises ValueError if the model's numbers are not finite.
    """
    generator = torch.Generator(vae.device).manual_seed(seed)
    batch = vae.binarized(torch.from_numpy(x).float().unsqueeze(0).to(vae.device), generator)
    q = vae.posterior(batch)
    noise = q.noise((samples, *q.mean.shape), generator, vae.device)
    log_likelihood = vae.log_likelihood(batch, q.sample(noise))[:, 0]
    return code_record(q, vae.prior.kl_per_dimension(q), log_likelihood)


def code_record(q: Posterior, kl_per_dimension: Tensor, log_likelihood: Tensor) -> CodeRecord:
    """The record of one image from its q, the KL (1, D) of each dimension, and log p(x|z) (S,) of S draws of q.

    Raises ValueError if one of them is not finite.
    """
    refuse_what_is_not_finite(q.mean, q.std, kl_per_dimension, log_likelihood)
    kl, over = kl_per_dimension[0].double().cpu().numpy(), "samples of q"
    logs = log_likelihood.double().cpu().numpy()
    reconstruction = Estimate.mean_of(logs, kind="unbiased", over=over, name="reconstruction")
    exact = Estimate(float(kl.sum()), 0.0, 1, "exact", "this image", "kl")
    bound = Estimate(reconstruction.value - exact.value, reconstruction.stderr, len(logs), "lower bound", over, "elbo")
    return CodeRecord(q.mean[0].cpu().numpy(), q.std[0].cpu().numpy(), kl, reconstruction, exact, bound)


def refuse_what_is_not_finite(*numbers: Tensor) -> None:
    """Raises ValueError, one line for people, if one of a model's numbers for an image is not finite."""
    if not all(bool(torch.isfinite(part).all()) for part in numbers):
        raise ValueError("the model's numbers for this image are not finite: choose another checkpoint")


@torch.inference_mode()
def decode(vae: VAE, z: np.ndarray) -> np.ndarray:
    """Mean images (N, C, H, W) float32 in [0, 1] of codes z (N, D)."""
    return vae.decode(torch.from_numpy(z).float().unsqueeze(0).to(vae.device))[0].cpu().numpy()


@torch.inference_mode()
def posterior_parameters(vae: VAE, images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations (N, D) of q(z|x) for images (N, C, H, W)."""
    generator = torch.Generator(vae.device).manual_seed(seed)
    q = posteriors(vae, Question(torch.from_numpy(images), 1, generator, lambda *_: None), "codes")
    return q.mean.float().cpu().numpy(), q.std.float().cpu().numpy()


@torch.inference_mode()
def encode_all(vae: VAE, images: np.ndarray, seed: int, progress: Progress) -> Encoded:
    """Encode, draw, decode: everything that a map shows of images (N, C, H, W), uint8 or float in [0, 1], in one pass.

    A Bernoulli likelihood sees binarised images: number i is drawn from image_seed(seed, i), and by that seed `encode`
    and `reconstruct` see the same image.
    Args: progress is told before every 500 images, and may raise to cancel.
    Raises: ValueError for images of another shape than the model's, or none.
    """
    if tuple(images.shape[1:]) != vae.config.image_shape or not len(images):
        raise ValueError(f"expected images (N, {vae.config.image_shape}), at least one, got {images.shape}")
    noise = torch.Generator(vae.device).manual_seed(seed)
    rows = []
    for start in range(0, len(images), ROWS):
        progress(start / len(images), f"codes: image {start:,} of {len(images):,}")
        x = unit(torch.from_numpy(images[start : start + ROWS]).to(vae.device))
        x = binarized_each(vae, x, seed, range(start, start + len(x)))
        q = vae.posterior(x)
        z = q.sample(q.noise((1, *q.mean.shape), noise, vae.device))
        found = (q.mean, q.std, z[0], vae.prior.kl_per_dimension(q), vae.log_likelihood(x, z)[0])
        rows.append([part.float().cpu().numpy() for part in found])
    return Encoded(*(np.concatenate(column) for column in zip(*rows, strict=True)))


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
