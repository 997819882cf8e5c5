"""t-SNE and UMAP: pictures that keep neighbours together. Both report progress, can be cancelled and repeat exactly."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from vaeexplorer.embeddings.parts import Picture, Question, spread_out
from vaeexplorer.embeddings.straight import pca
from vaeexplorer.image_set import Progress

PLACED_BY = 5  # nearest neighbours that tell where a point goes that the method did not see
PLACING = 0.1  # of the progress
_one_at_a_time = threading.Lock()  # numba's plainest threading layer ends the process if two threads use it at once


def tsne(question: Question) -> Picture:
    """Barnes-Hut t-SNE, started at the PCA, in one thread: with more, sums are taken in another order each time.

    Error: a local optimum; another seed gives another one.   Raises ValueError for perplexity >= points.
    Source: van der Maaten 2014; start: Kobak & Berens 2019.
    """
    perplexity, points = question.options["perplexity"], _seen(question)
    if points < 2:
        raise ValueError(f"t-SNE needs at least 2 points, got {points}")
    if perplexity >= points:
        raise ValueError(f"perplexity {perplexity:g} needs more points than that: {points} allow {points - 1} at most")
    return _with_others(question, "t-SNE", _tsne)


def _tsne(codes: np.ndarray, question: Question) -> np.ndarray:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    steps = question.options["iterations"]
    count = iter(range(1, steps + 1))

    def tick() -> None:
        step = next(count, steps)
        question.progress((1 - PLACING) * step / steps, f"t-SNE: step {step:,} of {steps:,}")

    question.progress(0, f"t-SNE: neighbours of {len(codes):,} points")
    start = _start(codes, question).view(_Watched)
    start.tick = tick
    perplexity = question.options["perplexity"]
    model = TSNE(question.dims, perplexity=perplexity, max_iter=steps, init=start, random_state=question.seed)
    with threadpool_limits(1, "openmp"):
        return np.asarray(model.fit_transform(codes))


def _start(codes: np.ndarray, question: Question) -> np.ndarray:
    """The PCA, or noise if there are fewer latent dimensions than axes; float32, standard deviation 1e-4."""
    if codes.shape[1] < question.dims:
        rng = np.random.default_rng(question.seed)
        return rng.normal(scale=1e-4, size=(len(codes), question.dims)).astype(np.float32)
    found = pca(replace(question, codes=codes)).coordinates
    return found / found[:, 0].std() * np.float32(1e-4)


class _Watched(np.ndarray):
    """Coordinates that call `tick` when a step is added to them: scikit-learn's t-SNE has no other way to watch it."""

    tick: Callable[[], None] | None = None

    def __array_finalize__(self, source: Any) -> None:
        self.tick = getattr(source, "tick", None)

    def __iadd__(self, step: Any) -> Any:  # type: ignore[misc]
        if self.tick is not None and isinstance(step, np.ndarray):
            self.tick()
        return super().__iadd__(step)


def umap(question: Question) -> Picture:
    """UMAP on exact nearest neighbours. The first call of a process compiles for some seconds.

    Error: a local optimum; another seed gives another one.   Raises ValueError for too few points or neighbours >=
    points.   Source: McInnes, Healy & Melville 2018.
    """
    neighbours, points, least = question.options["neighbours"], _seen(question), question.dims + 3
    if points < least:
        raise ValueError(f"UMAP in {question.dims} dimensions needs at least {least} points, got {points}")
    if neighbours >= points:
        raise ValueError(f"{neighbours} neighbours need more points than that: {points} allow {points - 1} at most")
    return _with_others(question, "UMAP", _umap)


def _umap(codes: np.ndarray, question: Question) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    question.progress(0, "UMAP: getting ready (for some seconds the first time)")
    neighbours = question.options["neighbours"]
    distance, index = NearestNeighbors(n_neighbors=neighbours).fit(codes).kneighbors(codes)
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no parametric UMAP, and of no transform of other points
        from umap import UMAP, layouts  # type: ignore[import-untyped]

        model = UMAP(
            neighbours, question.dims, min_dist=question.options["min_dist"], random_state=question.seed, n_jobs=1,
            precomputed_knn=(index.astype(np.int32), distance.astype(np.float32)), force_approximation_algorithm=True,
        )  # fmt: skip
        own_bar, layouts.tqdm = layouts.tqdm, partial(_watched, question.progress)
        try:
            return model.fit_transform(codes)
        finally:
            layouts.tqdm = own_bar


def _watched(progress: Progress, epochs: range, **_: Any) -> Iterator[int]:
    """In place of umap's progress bar, which stays locked for every thread if it is left by an exception."""
    for epoch in epochs:
        progress((1 - PLACING) * epoch / len(epochs), f"UMAP: epoch {epoch + 1:,} of {len(epochs):,}")
        yield epoch


def _seen(question: Question) -> int:
    """Number of points that the method itself places."""
    return min(len(question.codes), question.options["points"])


def _with_others(question: Question, title: str, place: Callable[[np.ndarray, Question], np.ndarray]) -> Picture:
    """Place at most `points` codes by the method itself, drawn by the seed, and the others beside the nearest of them.

    The other ones: mean of the places of the nearest seen codes, weighted by the inverse distance.
    """
    codes, seen = spread_out(question.codes).astype(np.float32), _seen(question)
    order = np.random.default_rng(question.seed).permutation(len(codes))
    first, others = np.sort(order[:seen]), np.sort(order[seen:])
    coordinates = np.empty((len(codes), question.dims), np.float32)
    coordinates[first] = place(codes[first], question)
    titles, note = tuple(f"{title} {axis + 1}" for axis in range(question.dims)), ""
    if len(others):
        _beside(coordinates, codes, first, others, question.progress)
        note = (
            f"{title} saw {seen:,} of the {len(codes):,} points, drawn at random; each other point lies at the "
            f"weighted mean of its {min(PLACED_BY, seen)} nearest among them."
        )
    return Picture(coordinates, titles, note)


def _beside(
    coordinates: np.ndarray, codes: np.ndarray, first: np.ndarray, others: np.ndarray, progress: Progress
) -> None:
    """Fill in the coordinates of the others."""
    from sklearn.neighbors import KNeighborsRegressor

    nearest = KNeighborsRegressor(min(PLACED_BY, len(first)), weights="distance").fit(codes[first], coordinates[first])
    for start in range(0, len(others), 10_000):
        part = others[start : start + 10_000]
        share = 1 - PLACING * (1 - start / len(others))
        progress(share, f"placing point {start:,} of {len(others):,} beside its neighbours")
        coordinates[part] = nearest.predict(codes[part])
