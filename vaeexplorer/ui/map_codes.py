"""Codes of many images and what is known about each: how they are made of images, of a checkpoint, a run or a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vaeexplorer import checkpoints, runs
from vaeexplorer.image_set import MAX_VALUE, Progress, join_words
from vaeexplorer.ui import cached, code_uploads, model_card
from vaeexplorer.ui.jobs import Unanswerable

if TYPE_CHECKING:
    from vaeexplorer.evaluation import Encoded

SHOWN_BYTES = 2**29  # of images that are kept for looking at
KINDS = {"test": "test image", "train": "training image", "all": "image"}


@dataclass(frozen=True)
class Codes:
    """Codes of N images, and what is known about each. Read-only; None where nothing is known.

    mean, std, sample (N, D) float32: of q(z|x), and one draw of it.   kl, reconstruction (N,) float32, nats.
    label (N,) int16, -1 unknown.   factor (N, F) int16: positions in factors[j]["values"].   step (N,) int32.
    images: arrays (n, C, H, W) that make up the N images one after another, () where there are none to show.
    seed: of the binarisation and the draws, None where nothing is drawn.   digest: of all that made them.
    """

    source: str
    title: str
    words: str
    posterior: str
    seed: int | None
    digest: str
    mean: np.ndarray
    std: np.ndarray | None = None
    sample: np.ndarray | None = None
    kl: np.ndarray | None = None
    reconstruction: np.ndarray | None = None
    label: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    factor: np.ndarray | None = None
    factors: tuple[Mapping[str, Any], ...] = ()
    step: np.ndarray | None = None
    images: tuple[np.ndarray, ...] = field(default=(), repr=False)

    @property
    def nbytes(self) -> int:
        arrays = (value for value in vars(self).values() if isinstance(value, np.ndarray))
        return sum(array.nbytes for array in (*arrays, *self.images))

    @property
    def elbo(self) -> np.ndarray | None:
        """(N,) nats, from one draw of q for each image."""
        return None if self.kl is None or self.reconstruction is None else self.reconstruction - self.kl

    def points(self, of: str) -> np.ndarray:
        """The means or one sample of each q, (N, D).   Raises ValueError where q is not known."""
        if of == "mean":
            return self.mean
        if self.sample is None:
            raise ValueError(f"{self.title}: only the codes themselves are known, so there are no samples of q(z|x)")
        return self.sample

    def pictures(self, indices: list[int]) -> np.ndarray:
        """Images (n, C, H, W) uint8 of these indices."""
        starts = np.cumsum([0, *(len(part) for part in self.images)])
        parts = np.searchsorted(starts, indices, side="right") - 1
        chosen = [self.images[part][index - starts[part]] for part, index in zip(parts, indices, strict=True)]
        return np.stack([_grey_levels(image) for image in chosen])


def of_images(name: str, source: str, seed: int, digest: str, progress: Progress) -> Codes:
    """Encode one or both parts of the data set, each from the same seed, so that a part is the same in "all".

    Takes seconds to minutes; progress may raise, to cancel.   Raises: DataError; ValueError for a diverged model.
    """
    progress(0, "reading the images")
    parts = _parts(name, source)
    total, done, encoded = sum(len(part.images) for part in parts), 0, []
    for part in parts:
        within = partial(_within, progress, done / total, len(part.images) / total)
        encoded.append(_encode(name, part.images, seed, within))
        done += len(part.images)
    found = {key: np.concatenate([columns[key] for columns in encoded]) for key in encoded[0]}
    _refuse_what_is_not_finite(found["mean"], found["std"])
    about, images = cached.header(name), tuple(part.images for part in parts)
    title = f"{_counted(total, KINDS[source])} of {about.dataset.title}"
    return Codes(
        source, f"{title} (test, then training)" if source == "all" else title,
        _words(name, parts[0].preprocessing), about.vae.posterior, seed, digest, **found,
        label=_joined([part.labels for part in parts]), class_names=parts[0].class_names or about.class_names,
        factor=_joined([part.factors for part in parts]), factors=_factors(parts[0]),
        images=images if sum(array.nbytes for array in images) <= SHOWN_BYTES else (),
    )  # fmt: skip


def of_checkpoint(name: str, seed: int, digest: str) -> Codes:
    """The codes of held-out images that the checkpoint carries.   Raises Unanswerable if it carries none."""
    about, tensors = cached.header(name), checkpoints.read_tensors(cached.path_of(name))
    if "codes.mean" not in tensors:
        raise Unanswerable("this checkpoint carries no codes: choose images of its data set")
    mean, std, rng = tensors["codes.mean"], tensors["codes.std"], np.random.default_rng(seed)
    if about.vae.posterior == "gaussian":
        sample = mean + std * rng.standard_normal(mean.shape, np.float32)
    else:
        sample = (rng.random(mean.shape) < mean).astype(np.float32)
    label = tensors.get("codes.label")
    return Codes(
        "kept", f"{_counted(len(mean), 'held-out image')} of {about.dataset.title}, whose codes the checkpoint carries",
        _words(name, about.dataset.preprocessing), about.vae.posterior, seed, digest, mean, std, sample,
        label=label if label is not None and (label >= 0).any() else None, class_names=about.class_names,
    )  # fmt: skip


def of_run(name: str, steps: list[int], digest: str) -> Codes:
    """The codes of the same held-out images at each of these steps of a run, one step after another.

    Raises: ValueError (RunError) if a snapshot is damaged.
    """
    path, about = runs.find(name.removeprefix("run/")), cached.header(name)
    codes = [runs.snapshot(path, step).codes.astype(np.float32) for step in steps]
    labels, count = runs.originals(path).labels, len(codes[0])
    if any(part.shape != codes[0].shape for part in codes) or (labels is not None and len(labels) != count):
        raise ValueError(f"the snapshots of the run {path.name} do not belong together: some are damaged")
    title = f"{_counted(count, 'held-out image')} of {about.dataset.title} at each of {_counted(len(steps), 'step')}"
    return Codes(
        "course", title,
        _words(name, about.dataset.preprocessing), about.vae.posterior, None, digest, np.concatenate(codes),
        label=None if labels is None else np.tile(labels, len(steps)).astype(np.int16), class_names=about.class_names,
        step=np.repeat(np.array(steps, np.int32), count),
    )  # fmt: skip


def of_upload(name: str, source: str, digest: str) -> Codes:
    """Codes from a file of the user's.   Raises Unanswerable if it is no longer kept."""
    upload = code_uploads.find(source)
    return Codes(
        source, upload.title, "codes from a file, taken as they are", cached.header(name).vae.posterior, None, digest,
        upload.codes, label=upload.label, class_names=upload.class_names,
    )  # fmt: skip


def _parts(name: str, source: str) -> list[cached.HeldOut]:
    if source == "test":
        return [cached.held_out(name)]
    found = cached.image_set(name)
    return [cached.part_of(found, train) for train in ((False, True) if source == "all" else (True,))]


def _encode(name: str, images: np.ndarray, seed: int, progress: Progress) -> dict[str, np.ndarray]:
    vae = cached.network(name)
    from vaeexplorer import evaluation

    found: Encoded = evaluation.encode_all(vae, images, seed, progress)
    return {
        "mean": found.mean, "std": found.std, "sample": found.sample, "kl": found.kl,
        "reconstruction": found.reconstruction,
    }  # fmt: skip


def _within(progress: Progress, start: float, share: float, fraction: float, text: str) -> None:
    progress(start + share * fraction, text)


def _refuse_what_is_not_finite(*arrays: np.ndarray) -> None:
    good = np.logical_and.reduce([np.isfinite(array).all(axis=1) for array in arrays])
    if not good.all():
        raise ValueError(
            f"{int((~good).sum()):,} of {len(good):,} codes are not finite numbers: the model may have diverged"
        )


def _joined(parts: list[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known).astype(np.int16) if len(known) == len(parts) else None


def _factors(part: cached.HeldOut) -> tuple[Mapping[str, Any], ...]:
    values = {name: part.factor_values.get(name) for name in part.factor_names} if part.factors is not None else {}
    return tuple({"name": name, "values": list(found) if found else None} for name, found in values.items())


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _words(name: str, preprocessing: str) -> str:
    return join_words(preprocessing, model_card.binarization_words(cached.header(name).vae))


def _grey_levels(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else np.rint(image * MAX_VALUE).astype(np.uint8)
