"""Latent codes in two or three dimensions; every picture says what it shows and what it does not (no torch)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vaeexplorer.embeddings.neighbours import tsne, umap
from vaeexplorer.embeddings.parts import Embedding, Method, Option, Question
from vaeexplorer.embeddings.straight import dimensions, pca
from vaeexplorer.image_set import Progress

__all__ = ["EMBEDDINGS", "Embedding", "Method", "Option", "embed"]


def _silent(fraction: float, text: str) -> None:
    pass


def embed(
    name: str,
    codes: np.ndarray,
    dims: int = 2,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Embedding:
    """Embed codes by a method of EMBEDDINGS; the same arguments give the same bits on one machine.

    Args: codes (N, D), for example posterior means; dims 2 or 3; options: some of the method's, the others have their
    defaults; progress(fraction, text) is called often by the slow methods and cancels by raising.
    Returns: Embedding with coordinates (N, dims).
    Raises: ValueError, one line for a person, for an unknown name or option, a value out of range, codes that are no
    finite (N, D) array, or too few points or latent dimensions for the method.
    """
    if name not in EMBEDDINGS:
        raise ValueError(f"unknown embedding {name!r}: choose from {', '.join(EMBEDDINGS)}")
    method, codes = EMBEDDINGS[name], _finite(codes)
    if dims not in (2, 3):
        raise ValueError(f"a picture has 2 or 3 dimensions, got {dims}")
    chosen = _complete(method, options or {})
    picture = method.place(Question(codes, dims, chosen, seed % 2**32, progress))
    caution = f"{method.caution} {picture.note}".strip()
    parameters = {"method": name, **chosen, "dims": dims, "seed": seed}
    return Embedding(**vars(picture), caution=caution, parameters=parameters)


def _finite(codes: np.ndarray) -> np.ndarray:
    """Codes as float32.   Raises ValueError if they are no (N, D) array or one of them is not finite."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.size == 0:
        raise ValueError(f"expected codes (N, D), at least one, got an array of shape {codes.shape}")
    with np.errstate(over="ignore"):
        codes = codes.astype(np.float32)
    bad = int((~np.isfinite(codes)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{bad:,} of {len(codes):,} codes are not finite numbers: the model may have diverged")
    return codes


def _complete(method: Method, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a method: those given, checked, and the defaults."""
    for name in options:
        if name not in method.options:
            raise ValueError(f"{method.title} has no option {name!r}; it has: {', '.join(method.options) or 'none'}")
    return {name: option.checked(options.get(name, option.default)) for name, option in method.options.items()}


EMBEDDINGS: dict[str, Method] = {
    "dimensions": Method(
        "Latent dimensions",
        dimensions,
        {  # counted from 0; on the pages from z1
            "first": Option("First dimension", 0, 0, math.inf),
            "second": Option("Second dimension", 1, 0, math.inf),
            "third": Option("Third dimension", 2, 0, math.inf),
        },
        slow=False,
        caution="Distances are those of the latent space along these axes. Codes that differ in other dimensions alone "
        "fall on one place.",
    ),
    "pca": Method(
        "PCA",
        pca,
        {},
        slow=False,
        caution="A straight projection: no distance is longer than in the latent space, but codes that look close may "
        "differ in the directions left out. The axes are where the codes vary most, which need not mean anything.",
    ),
    "tsne": Method(
        "t-SNE",
        tsne,
        {
            "perplexity": Option("Perplexity", 30.0, 1, 500),
            "iterations": Option("Iterations", 1000, 250, 5000),
            "points": Option("Points at most", 10_000, 10, 50_000),
        },
        slow=True,
        caution="Only neighbourhood counts: codes close together here are close in the latent space. The distance "
        "between clusters, their size and their density mean nothing, the axes have no unit, and noise can form "
        "clusters. Another perplexity or seed gives another picture: look at several.",
    ),
    "umap": Method(
        "UMAP",
        umap,
        {
            "neighbours": Option("Neighbours", 15, 2, 200),
            "min_dist": Option("Least distance", 0.1, 0, 1),
            "points": Option("Points at most", 20_000, 10, 100_000),
        },
        slow=True,
        caution="Only neighbourhood counts: codes close together here are close in the latent space. The distance "
        "between clusters says little, their size and density nothing, and the axes have no unit. Few neighbours tear "
        "the codes into clusters that are not there. Another seed gives another picture: look at several.",
    ),
}
