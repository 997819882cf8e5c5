"""The terms of the bound of a few images, quick enough to be there before the first click: one binary document."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaeexplorer.portable import Buffers, document
from vaeexplorer.records import CodeRecord, ReconstructionRecord
from vaeexplorer.ui import bounds_images, cached, model_card
from vaeexplorer.ui.bounds_images import Chosen
from vaeexplorer.ui.questions import Question

SAMPLES, MOST_SAMPLES = 64, 512
TERMS = ("elbo", "reconstruction", "kl")


def terms(question: Question) -> bytes:
    """ELBO, reconstruction and KL of each image by its own draws of q, as on Reconstruct; pictures; KL by dimension."""
    name, seed, samples = question.model, question.seed, question.whole("samples", SAMPLES, 2, MOST_SAMPLES)
    cached.path_of(name)
    chosen, left_out = bounds_images.known(name, question.keys(), seed)
    originals, seeds = np.stack([image.taken.x for image in chosen]), [image.seed for image in chosen]
    record = cached.reconstruct(name, originals, seeds, samples, 0)
    return _pack(name, chosen, originals, record, {"samples": samples, "seed": seed, "left_out": left_out})


def _pack(name: str, chosen: list[Chosen], originals: np.ndarray, record: ReconstructionRecord, told: dict) -> bytes:
    config, buffers = cached.header(name).vae, Buffers()
    kl = np.stack([code.kl_per_dimension for code in record.codes])
    header: dict[str, Any] = told | {
        "count": len(chosen), "shape": list(config.image_shape), "latent_dim": config.latent_dim,
        "posterior": config.posterior, "likelihood": config.likelihood,
        "likelihood_title": model_card.LIKELIHOOD_WORDS[config.likelihood],
        "items": [_item(image, code) for image, code in zip(chosen, record.codes, strict=True)],
    }  # fmt: skip
    for key, pictures in {"original": originals, "seen": record.seen, "mean": record.mean}.items():
        header[key] = buffers.add(np.rint(pictures * 255), "u1")
    return document(header | {"kl_per_dimension": buffers.add(kl)}, buffers)


def _item(image: Chosen, code: CodeRecord) -> dict[str, Any]:
    taken = image.taken
    about = {"key": image.key, "title": taken.title, "label": taken.label, "words": taken.words, "index": taken.index}
    return about | {term: getattr(code, term).to_dict() for term in TERMS}
