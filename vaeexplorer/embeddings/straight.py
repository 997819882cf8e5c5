"""Straight projections: two or three dimensions as they are, and PCA."""

from __future__ import annotations

import numpy as np

from vaeexplorer.embeddings.parts import Picture, Question, spread_out


def dimensions(question: Question) -> Picture:
    """Two or three chosen dimensions of the codes as they are.   Raises ValueError if there are not as many."""
    have = question.codes.shape[1]
    chosen = [question.options[name] for name in ("first", "second", "third")][: question.dims]
    if have < question.dims:
        raise ValueError(f"{question.dims} axes need {question.dims} latent dimensions, and this model has {have}")
    if max(chosen) >= have or len(set(chosen)) < len(chosen):
        names = ", ".join(f"z{index + 1}" for index in chosen)
        raise ValueError(f"choose {question.dims} different dimensions from z1 to z{have}, got {names}")
    titles = tuple(f"z{index + 1}" for index in chosen)
    return Picture(question.codes[:, chosen], titles, axes=np.eye(have)[chosen], centre=np.zeros(have))


def pca(question: Question) -> Picture:
    """Projection on the orthogonal directions of greatest variance, the greatest first; their shares of the variance.

    Of the two signs of a direction the one is taken that makes its largest entry positive.
    Raises ValueError for fewer latent dimensions than axes, fewer than 2 points, or codes that are all the same.
    """
    points, have = question.codes.shape
    if have < question.dims or points < 2:
        raise ValueError(
            f"PCA in {question.dims} dimensions needs at least {question.dims} latent dimensions and 2 points, "
            f"and there are {have} and {points}"
        )
    variance, directions = np.linalg.eigh(np.atleast_2d(np.cov(spread_out(question.codes).T)))
    order = np.argsort(variance)[::-1][: question.dims]
    axes = directions[:, order].T
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    shares = np.clip(variance[order] / variance.sum(), 0, 1)
    titles = tuple(f"principal component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares))
    centre = question.codes.mean(axis=0, dtype=np.float64)
    note = f"This picture holds {shares.sum():.0%} of the variance of the codes."
    return Picture(((question.codes - centre) @ axes.T).astype(np.float32), titles, note, shares, axes, centre)
