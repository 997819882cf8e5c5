"""What is seen of a model while it trains: held-out terms, U = S + E, pictures and codes; cheap, and repeatable."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.bounds import iwae_bound, log_weights
from vaeexplorer.elbo import ElboTerms
from vaeexplorer.image_set import fixed_order
from vaeexplorer.records import Estimate, Kind, Observation, Originals
from vaeexplorer.training import unit
from vaeexplorer.vae import VAE, Posterior

CODES = 500  # held-out images that are encoded and give the ELBO
SHOWN = 10  # of them that are shown beside their reconstructions
WEIGHED = 16  # of them whose U is split into S and E
SAMPLES = 100  # draws of q for each of those
DECODED = 16  # codes z ~ p(z) that are decoded
ROWS = 500  # images through the decoder at a time: a convolution's memory grows with them


class Diverged(ValueError):
    """A model whose numbers are no longer finite; the text is one line for people."""


class Watch:
    """Looks at one model again and again with the same images, the same binarisation and the same noise.

    images: held-out (N, C, H, W), uint8 or float in [0, 1], at least one; labels: (N,) or None. Everything random comes
    from `seed`, is drawn once on the CPU, and is the same on every device and after a restart. What is decoded is the
    same noise through the prior: the same z, unless the prior is learned.
    """

    originals: Originals

    def __init__(self, images: np.ndarray, labels: np.ndarray | None, vae: VAE, seed: int) -> None:
        kept = fixed_order(len(images), seed % 2**32)[:CODES]
        labels = None if labels is None else np.asarray(labels)[kept].astype(np.int16)
        self._shown = _shown(labels, len(kept))
        x = unit(torch.from_numpy(np.ascontiguousarray(images[kept])))
        shown_labels = None if labels is None else labels[self._shown]
        self.originals = Originals(_uint8(x[self._shown]), labels, shown_labels)
        generator, noise = torch.Generator().manual_seed(seed), vae.prior.posterior.noise
        dims, weighed = vae.config.latent_dim, min(WEIGHED, len(kept))
        self._x = vae.binarized(x, generator).to(vae.device)
        self._noise = noise((1, len(kept), dims), generator).to(vae.device)
        self._weighing_noise = noise((SAMPLES, weighed, dims), generator).to(vae.device)
        self._prior_noise = noise((DECODED, dims), generator).to(vae.device)

    @torch.inference_mode()
    def observe(self, vae: VAE, step: int) -> Observation:
        """See the model after so many steps; leaves it, its mode and every random stream as they were.

        One encoding of all CODES images, as many decodings, and SAMPLES * WEIGHED more for the split of U.
        Raises: Diverged if a number or a picture is not finite.
        """
        training = vae.training
        vae.eval()
        try:
            return self._observe(vae, step)
        finally:
            vae.train(training)

    def _observe(self, vae: VAE, step: int) -> Observation:
        q = vae.posterior(self._x)
        reconstruction = vae.log_likelihood(self._x, q.sample(self._noise))[0]
        terms = ElboTerms(reconstruction.cpu().double(), vae.prior.kl_per_dimension(q).cpu().double())
        z = torch.cat([q.likeliest[self._shown], vae.prior.sample(self._prior_noise)])
        pictures = vae.decode(z.unsqueeze(0))[0]
        weights = self._weights(vae, q)
        _refuse_what_is_not_finite(step, (terms.elbo, weights, pictures, q.mean))
        shown = _uint8(pictures)
        return Observation(
            step,
            (*_over_images(terms), *split(weights)),
            terms.kl_per_dimension.mean(0).numpy(),
            shown[: len(self._shown)],
            shown[len(self._shown) :],
            _float16(q.mean),
        )

    def _weights(self, vae: VAE, q: Posterior) -> Tensor:
        """Log-weights (SAMPLES, images), float64, of the first few images."""
        images = self._weighing_noise.shape[1]
        first = _part(q, slice(images))
        chunks = self._weighing_noise.split(max(1, ROWS // images))
        return torch.cat([log_weights(vae, self._x[:images], first, noise) for noise in chunks]).cpu().double()


def split(weights: Tensor) -> tuple[Estimate, Estimate, Estimate]:
    """U, S and E of images from ONE matrix of log-weights (K, B): subo, surprisal and gap, means over the B images.

    U = -mean_k log w_k,  S = -log mean_k w_k,  E = U - S >= 0.   S lies above -log p(x) in expectation and E below the
    KL gap, both by about Var(w) / (2 K E[w]^2); U is unbiased for -ELBO.
    Error: of the K draws for these images (not of the choice of images), to first order in 1 / K (the delta method).
    With v_k = w_k / mean w a draw moves U by -log w_k / K, S by -v_k / K and E by (v_k - log w_k) / K. U and S share
    the draws: E's variance is that of v - log w, which holds their covariance. Too small where a few weights dominate.
    One draw has no known error: stderr inf.   Raises: ValueError if a weight is not a number.
    """
    draws, images = weights.shape
    bound = iwae_bound(weights)
    relative = torch.exp(weights - bound)
    moves = {"subo": weights, "surprisal": relative, "gap": relative - weights}
    values = {"subo": -weights.mean(0), "surprisal": -bound, "gap": bound - weights.mean(0)}
    over = f"samples of q for {images} held-out image{'s' if images > 1 else ''}"

    def estimate(name: str) -> Estimate:
        variances = moves[name].var(0) / draws if draws > 1 else torch.full((images,), math.inf)
        stderr = math.sqrt(float(variances.sum())) / images
        kind: Kind = "lower bound" if name == "gap" else "upper bound"
        return Estimate(float(values[name].mean()), stderr, draws * images, kind, over, name)

    return estimate("subo"), estimate("surprisal"), estimate("gap")


def _over_images(terms: ElboTerms) -> tuple[Estimate, Estimate, Estimate]:
    """elbo, reconstruction and kl: means over the images with the error over images."""
    over = "held-out images"
    return (
        Estimate.mean_of(terms.elbo.numpy(), kind="lower bound", over=over, name="elbo"),
        Estimate.mean_of(terms.reconstruction.numpy(), kind="unbiased", over=over, name="reconstruction"),
        Estimate.mean_of(terms.kl.numpy(), kind="unbiased", over=over, name="kl"),
    )


def _shown(labels: np.ndarray | None, count: int) -> np.ndarray:
    """Positions of the images to show: one of each class in order, then a second of each, and so on up to SHOWN.

    Without labels, or with one class or more than SHOWN, simply the first.
    """
    classes = np.unique(labels if labels is not None else 0)
    if labels is None or not 2 <= len(classes) <= SHOWN:
        return np.arange(min(SHOWN, count))
    turn = np.zeros(count, dtype=np.int64)
    for label in classes:
        turn[labels == label] = np.arange((labels == label).sum())
    return np.lexsort((labels, turn))[:SHOWN]


def _part(q: Posterior, which: slice) -> Posterior:
    return type(q)(**{name: value[which] for name, value in vars(q).items()})


def _refuse_what_is_not_finite(step: int, tensors: tuple[Tensor, ...]) -> None:
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
        raise Diverged(
            f"the model diverged: at step {step:,} its numbers are no longer finite; try a smaller learning rate"
        )


def _uint8(images: Tensor) -> np.ndarray:
    """Grey levels 0..255 of images in [0, 1]."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def _float16(codes: Tensor) -> np.ndarray:
    """Half precision is finer than a pixel of the map; what it cannot hold stays at its largest number."""
    largest = float(np.finfo(np.float16).max)
    return codes.clamp(-largest, largest).to(torch.float16).cpu().numpy()
