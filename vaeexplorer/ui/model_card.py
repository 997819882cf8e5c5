"""A model in words for the sidebar, and as the small document that the live component gets."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from vaeexplorer import checkpoints
from vaeexplorer.architectures import Conv, Dense
from vaeexplorer.configs import VaeConfig
from vaeexplorer.datasets import DATASETS
from vaeexplorer.records import Estimate
from vaeexplorer.ui import cached

DEAD_REASON = (
    f"switched off in training: its KL stays below {checkpoints.ACTIVE_NATS} nats, so the encoder writes nothing into "
    "it and the decoder has learned to ignore it (posterior collapse)"
)


def network_words(config: VaeConfig) -> str:
    """Widths from image to code, and the likelihood: '784-500-500-10, Bernoulli' or '64×64, conv 32-32, 256-10, …'."""
    channels, height, width = config.image_shape
    convolutions = [str(layer.outputs) for layer in config.encoder_layers if isinstance(layer, Conv)]
    dense = [str(layer.outputs) for layer in config.encoder_layers if isinstance(layer, Dense)][:-1]
    widths = "-".join([*dense, str(config.latent_dim)])
    if convolutions:
        size = f"{height}×{width}" + (f"×{channels}" if channels > 1 else "")
        widths = f"{size}, conv {'-'.join(convolutions)}, {widths}"
    else:
        widths = f"{math.prod(config.image_shape)}-{widths}"
    return f"{widths}, {LIKELIHOOD_WORDS[config.likelihood]}"


def binarization_words(config: VaeConfig) -> str:
    """What a Bernoulli likelihood does to an image before the model sees it; "" for the others."""
    return BINARIZATION_WORDS[config.binarization] if config.likelihood == "bernoulli" else ""


def bound_words(estimates: tuple[Estimate, ...]) -> str | None:
    """The test ELBO with its error, kind and number of images; None if the file holds none."""
    bound = _bound(estimates)
    if bound is None:
        return None
    return f"ELBO {bound} ({bound.kind}, n = {bound.n:,} {bound.over})".replace("-", "−")


def summary(name: str) -> list[str]:
    """What the sidebar says about a model, a line each; plain text."""
    about = cached.header(name)
    lines = [
        network_words(about.vae),
        f"{'' if name.endswith(about.name) else about.name + ', '}trained on {about.dataset.title}",
        bound_words(about.estimates),
        f"{sum(about.active)} of {len(about.active)} dimensions active",
        "decoder in your browser, encoder on the CPU",
    ]
    return [line for line in lines if line]


def explore_lead(name: str) -> str:
    """What to do on the Explore page, one line."""
    return EXPLORE_LEADS[cached.header(name).vae.posterior]


def explore_caption(name: str) -> str:
    """What the numbers and pictures of the Explore page are, and where they come from; plain text."""
    about = cached.header(name)
    bound = _bound(about.estimates)
    averaged = f"averaged over {bound.n:,} {bound.over}" if bound else "averaged over held-out images"
    return (
        "The picture is the decoder's mean E[x|z], computed in your browser. The nats beside each z are the KL of that "
        f"dimension, its term of KL(q(z|x) ‖ p(z)), {averaged}: how much it says about an image. "
        f"Model {name}: {about.dataset.title}{_words(about.dataset.preprocessing)}. "
        "Kingma & Welling 2014, Auto-Encoding Variational Bayes."
    )


def explorer_model(name: str) -> dict[str, Any]:
    """What the live component needs to know about a model: JSON only, without weights.

    kl in nats per dimension; prior as mean, std (D,) and, for a learned Gaussian, its Cholesky factor (D, D).
    """
    about = cached.header(name)
    config = about.vae
    return {
        "name": name,
        "digest": about.digest,
        "latent_dim": config.latent_dim,
        "posterior": config.posterior,
        "shape": list(config.image_shape),
        "kl": list(about.kl_per_dimension) or [0.0] * config.latent_dim,
        "active": list(about.active),
        "dead_reason": DEAD_REASON,
        "prior": _prior(about.digest, str(cached.path_of(name)), config),
        "quantiles": bool(about.code_quantiles),
        "class_names": list(about.class_names),
        "dataset": about.dataset.title,
        "data_here": cached.has_data(name),
        "data_hint": data_hint(name),
        "likelihood": LIKELIHOOD_WORDS[config.likelihood],
        "link": urlencode({"model": name}),
        "has_codes": cached.codes_document(name) is not None,
    }


def data_hint(name: str) -> str:
    """How to get the model's images onto this machine, one line."""
    title, source = cached.header(name).dataset.title, cached.data_source(name)
    if source not in DATASETS:
        return f"The images of {title} are not on this machine: upload one or draw one instead."
    command = f"python -m vaeexplorer evaluate {shlex.quote(name)} --images 1 --download"
    return f"{title} is not on this machine. To fetch it: {command}"


def _bound(estimates: tuple[Estimate, ...]) -> Estimate | None:
    return next((e for e in estimates if e.name == "elbo"), None)


def _words(preprocessing: str) -> str:
    return f", {preprocessing}" if preprocessing else ""


@st.cache_resource(max_entries=64, show_spinner=False)
def _prior(digest: str, _path: str, _config: VaeConfig) -> dict[str, Any]:
    """p(z) as numbers: mean (D,), std (D,), and the Cholesky factor (D, D) of a learned covariance, else None."""
    return PRIOR_NUMBERS[_config.prior](_path, _config.latent_dim)


def _learned_gaussian(path: str, dims: int) -> dict[str, Any]:
    tensors = checkpoints.read_tensors(Path(path))
    cholesky = np.tril(tensors["prior.below"], -1) + np.diag(np.exp(tensors["prior.log_diagonal"]))
    std = np.sqrt((cholesky**2).sum(axis=1))
    return {"mean": tensors["prior.mean"].tolist(), "std": std.tolist(), "cholesky": cholesky.tolist()}


PRIOR_NUMBERS = {
    "standard_normal": lambda path, dims: {"mean": [0.0] * dims, "std": [1.0] * dims, "cholesky": None},
    "learned_gaussian": _learned_gaussian,
    "fair_bits": lambda path, dims: {"mean": [0.5] * dims, "std": [0.5] * dims, "cholesky": None},
}

BINARIZATION_WORDS = {
    "dynamic": "each pixel drawn black or white with its grey value as the probability, as in training",
    "threshold": "cut to black and white at one half",
    "none": "",
}

EXPLORE_LEADS = {
    "gaussian": "Drag a strip: the picture follows your hand.",
    "bernoulli": "Flip a switch: the picture follows.",
}

LIKELIHOOD_WORDS = {
    "bernoulli": "Bernoulli",
    "continuous_bernoulli": "continuous Bernoulli",
    "gaussian": "Gaussian",
    "gaussian_learned": "Gaussian, learned variance",
    "gaussian_pixel": "Gaussian, variance per pixel",
}
