"""What a model makes of real images: beside each its reconstructions, the spread over q, and its own terms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vaeexplorer.evaluation.codes import code_record, refuse_what_is_not_finite
from vaeexplorer.records import CodeRecord, ReconstructionRecord
from vaeexplorer.training import unit
from vaeexplorer.vae import VAE

NUMBERS = 2**22  # of one chunk of decoded pictures: 16 MB of float32


@torch.inference_mode()
def reconstruct(
    vae: VAE, images: np.ndarray, seeds: Sequence[int], samples: int = 64, shown: int = 4
) -> ReconstructionRecord:
    """Encode images, decode the mean and `samples` draws of q(z|x) of each, and weigh them.

    Each image starts from its own seed and goes through the networks alone: its terms are those that `encode` gives
    for it with that seed, to the last bit, whatever is asked for beside it.
    Args: images (N, C, H, W), uint8 or float in [0, 1]; seeds: one for each image (image_set.image_seed); samples >= 2
    draws of q per image, the first `shown` of them returned as pictures. A Bernoulli likelihood sees binarised images.
    Error: kl is exact; reconstruction and elbo carry the error over the draws; the relative error of a spread is about
    1 / sqrt(2 samples).
    Raises: ValueError for images of another shape than the model's, none, or some with pixels outside [0, 1] (NaN too);
    for numbers of draws out of range; for grey images where the likelihood wants binary ones; and if the model's
    numbers are not finite.
    """
    _refuse(vae, images, samples, shown)
    found = [_of_image(vae, image[None], seed, samples, shown) for image, seed in zip(images, seeds, strict=True)]
    seen, mean, draws, spread = (np.stack(column) for column in zip(*(pictures for pictures, _ in found), strict=True))
    return ReconstructionRecord(seen, mean, draws, spread, tuple(code for _, code in found))


def _refuse(vae: VAE, images: np.ndarray, samples: int, shown: int) -> None:
    if images.ndim != 4 or tuple(images.shape[1:]) != vae.config.image_shape or not len(images):
        raise ValueError(f"expected images (N, {vae.config.image_shape}), at least one, got {images.shape}")
    if images.dtype != np.uint8 and not ((images >= 0) & (images <= 1)).all():  # false for NaN, too
        raise ValueError("expected images with values from 0 to 1: some are outside of it, or no numbers")
    if samples < 2 or not 0 <= shown <= samples:
        raise ValueError(f"expected 2 draws of q or more, and at most as many shown; got {samples} and {shown}")


def _of_image(vae: VAE, image: np.ndarray, seed: int, samples: int, shown: int) -> tuple[list[np.ndarray], CodeRecord]:
    """What is to be known of one image (1, C, H, W): seen, mean, draws and spread, then its code and terms."""
    generator = torch.Generator(vae.device).manual_seed(seed)
    x = vae.binarized(unit(torch.from_numpy(image).to(vae.device)), generator)
    q = vae.posterior(x)
    z = q.sample(q.noise((samples, *q.mean.shape), generator, vae.device))
    likely = vae.decode(q.likeliest.unsqueeze(0))[0, 0]
    kl = vae.prior.kl_per_dimension(q)
    log_likelihood, draws, spread = _decoded(vae, x, z, shown)
    refuse_what_is_not_finite(likely, spread)
    return [part.float().cpu().numpy() for part in (x[0], likely, draws, spread)], code_record(q, kl, log_likelihood)


def _decoded(vae: VAE, x: Tensor, z: Tensor, shown: int) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x|z) (S,) of one image and its draws z (S, 1, D), the first pictures, and the spread of all of them."""
    logs: list[Tensor] = []
    draws: list[Tensor] = []
    first: Tensor | None = None
    total = squares = torch.zeros((), dtype=torch.float64, device=x.device)
    for part in z.split(max(1, NUMBERS // x[0].numel())):
        outputs = vae.decoder_outputs(part)
        logs.append(vae.likelihood.log_prob(outputs, x)[:, 0])
        pictures = vae.likelihood.mean(outputs).clamp(0, 1)[:, 0]
        draws.append(pictures[: max(0, shown - sum(len(more) for more in draws))])
        # As distances from one of them, equal pictures have a spread of exactly 0.
        first = pictures[:1] if first is None else first
        away = (pictures - first).double()
        total, squares = total + away.sum(0), squares + (away**2).sum(0)
    variance = (squares - total**2 / len(z)) / (len(z) - 1)
    return torch.cat(logs), torch.cat(draws), variance.clamp_min(0).sqrt()
