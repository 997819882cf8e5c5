"""What the pages and the routes ask for again and again: one place, every cache bounded, keyed by what a file holds.

Streamlit's resource cache also works outside of a script, so the routes share these entries with the pages. Nothing
is copied on the way out: treat it as read-only. Torch is imported by the first model that is loaded, never before.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from vaeexplorer import checkpoints, datasets, portable
from vaeexplorer.checkpoints import CheckpointError, Header
from vaeexplorer.datasets import DATASETS, DataError, ImageSet
from vaeexplorer.records import CodeRecord, ReconstructionRecord
from vaeexplorer.ui.jobs import Unanswerable

if TYPE_CHECKING:
    from vaeexplorer.vae import VAE

FAVOURITE = "mnist-10d"  # opens first where it is shipped
KNOWN_SHOWN = 12  # names in a message

# One at a time: two inferences at once on the same cores are slower than one after the other.
_inference = threading.Lock()

# Complete data sets, for as long as somebody holds them; one is read at a time.
_sets: weakref.WeakValueDictionary[tuple[str, int, tuple[int, ...]], ImageSet] = weakref.WeakValueDictionary()
_reading = threading.Lock()


class UnknownModel(Unanswerable):
    """A name that no model has; the text is one line for a person."""


@dataclass(frozen=True)
class HeldOut:
    """The test images of a model's data set, in its shape: images (N, C, H, W); labels (N,), -1 unknown, or None.

    factors (N, F): positions in factor_values of each of the factor_names; None without known factors.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    title: str
    preprocessing: str
    factors: np.ndarray | None = None
    factor_names: tuple[str, ...] = ()
    factor_values: Mapping[str, tuple] = field(default_factory=dict)

    def label(self, index: int) -> str | None:
        label = -1 if self.labels is None else int(self.labels[index])
        if label < 0:
            return None
        return self.class_names[label] if label < len(self.class_names) else str(label)


def default_model(names: list[str]) -> int:
    """Position of the model that opens first. None of them needs a download: a decoder is all that sliders need."""
    return names.index(FAVOURITE) if FAVOURITE in names else 0


def path_of(name: str) -> Path:
    """The file of a listed model. The name is looked up, never joined into a path.   Raises UnknownModel."""
    models = checkpoints.listing()
    if name not in models:
        shown = list(models)[:KNOWN_SHOWN]
        more = f" and {len(models) - len(shown)} more" if len(models) > len(shown) else ""
        raise UnknownModel(f"there is no model {name[:80]!r}; known are: {', '.join(shown) or 'none'}{more}")
    return models[name]


def header(name: str) -> Header:
    """What is known about a model.   Raises UnknownModel, or CheckpointError if its file is none of ours."""
    path = path_of(name)
    return _header(str(path), *_stamp(path))


def decoder_document(name: str) -> bytes:
    """The decoder as the browser fetches it (portable.pack_decoder)."""
    return _decoder_document(header(name).digest, str(path_of(name)))


def codes_document(name: str) -> bytes | None:
    """The aggregate posterior as the browser fetches it (portable.pack_codes); None if the model has no codes."""
    return _codes_document(header(name).digest, str(path_of(name)))


def decode(name: str, z: np.ndarray) -> np.ndarray:
    """z (N, D) -> mean images (N, C, H, W) float32, computed by torch here: for models too slow for the browser."""
    with _model(name) as vae:
        from vaeexplorer import evaluation

        return evaluation.decode(vae, z)


def encode(name: str, x: np.ndarray, seed: int = 0) -> CodeRecord:
    """One image (C, H, W) float32 in [0, 1] as the model sees it."""
    with _model(name) as vae:
        from vaeexplorer import evaluation

        return evaluation.encode(vae, x, seed)


def reconstruct(name: str, images: np.ndarray, seeds: list[int], samples: int, shown: int) -> ReconstructionRecord:
    """Some images (N, C, H, W), each with its seed, as the model gives them back (evaluation.reconstruct)."""
    with _model(name) as vae:
        from vaeexplorer import evaluation

        return evaluation.reconstruct(vae, images, seeds, samples, shown)


def network(name: str) -> VAE:
    """The model for a job in a thread of its own, which does not wait for other inferences nor hold them up.

    Its weights are shared: they are to be read only. From here on the calling thread computes on one core.
    """
    vae = _vae(header(name).digest, str(path_of(name)))
    import torch

    torch.set_num_threads(1)
    return vae


def has_data(name: str) -> bool:
    """Whether the images that the model was trained on are on this machine (nothing is loaded)."""
    source = data_source(name)
    return source is not None and datasets.available(source)


def data_source(name: str) -> str | None:
    """What `datasets.load` may be asked for: a known data set or, for the user's own runs alone, a folder or array.

    An uploaded file's header is foreign text: a path in it must not make the app read from the disk.
    """
    known = header(name).dataset.name
    return known if known in DATASETS or name.startswith("run/") else None


def held_out(name: str) -> HeldOut:
    """The test images of the model's data set.   Raises DataError with one line if they are not on this machine."""
    source, multiple, shape = _wanted(name)
    found = _held_out(source, multiple, shape)
    _check_shape(name, found.images.shape[1:])
    return found


def test_images(source: str, multiple: int, shape: tuple[int, int, int]) -> HeldOut:
    """The test images of any known data set in this shape, as `held_out`; what is asked for is on this machine."""
    return _held_out(source, multiple, shape)


def image_set(name: str) -> ImageSet:
    """All images of the model's data set, in the model's shape; shared, and forgotten once nobody holds them.

    Reading takes seconds for large sets: for jobs.   Raises DataError as held_out.
    """
    source, multiple, shape = key = _wanted(name)
    with _reading:
        found = _sets.get(key)
        if found is None:
            found = _sets[key] = _load(source, multiple, shape)
    _check_shape(name, found.image_shape)
    return found


def part_of(found: ImageSet, train: bool) -> HeldOut:
    """One part of a data set: the training images, or the test images."""
    images, labels, factors = found.test, found.test_labels, found.test_factors
    if train:
        images, labels, factors = found.train, found.train_labels, found.train_factors
    return HeldOut(
        images, labels, tuple(found.class_names), found.title, found.preprocessing, factors,
        tuple(found.factor_names), found.factor_values,
    )  # fmt: skip


def _wanted(name: str) -> tuple[str, int, tuple[int, int, int]]:
    """What to load: the data set, its multiple, the shape of the model's images.   Raises DataError."""
    about, source = header(name), data_source(name)
    if source is None:
        raise DataError(f"the images of {about.dataset.title} are not on this machine: upload one or draw one instead")
    return source, about.dataset.multiple, about.vae.image_shape


def _check_shape(name: str, shape: tuple[int, ...]) -> None:
    about = header(name)
    if shape != about.vae.image_shape:
        raise DataError(
            f"{about.dataset.title} has images of shape {shape}, this model takes {about.vae.image_shape}: "
            "upload one or draw one instead"
        )


@contextmanager
def _model(name: str) -> Iterator[VAE]:
    """The model, for one caller at a time and on one thread: the pages must stay quick, also while a training runs."""
    vae = _vae(header(name).digest, str(path_of(name)))
    import torch

    with _inference:
        torch.set_num_threads(1)
        yield vae


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does; cheaper than its digest."""
    try:
        status = path.stat()
    except OSError as error:
        raise CheckpointError(f"cannot read the model's file: {error.strerror}") from None
    return status.st_mtime_ns, status.st_size


@st.cache_resource(max_entries=64, show_spinner=False)
def _header(path: str, modified: int, size: int) -> Header:
    return checkpoints.read_header(Path(path))


@st.cache_resource(max_entries=4, show_spinner=False)
def _decoder_document(digest: str, _path: str) -> bytes:
    return portable.pack_decoder(Path(_path))


@st.cache_resource(max_entries=8, show_spinner=False)
def _codes_document(digest: str, _path: str) -> bytes | None:
    return portable.pack_codes(Path(_path))


@st.cache_resource(max_entries=4, show_spinner=False)
def _vae(digest: str, _path: str) -> VAE:
    return checkpoints.load(_path)


@st.cache_resource(max_entries=3, show_spinner=False)
def _held_out(source: str, multiple: int, shape: tuple[int, int, int]) -> HeldOut:
    found = part_of(_load(source, multiple, shape), train=False)
    # The copy lets go of the training images, which may share one large array with these.
    return replace(found, images=np.array(found.images))


def _load(source: str, multiple: int, shape: tuple[int, int, int]) -> ImageSet:
    found = datasets.load(source, multiple=multiple)
    if found.image_shape != shape and shape[1] == shape[2]:
        found = datasets.load(source, multiple=multiple, image_size=shape[1])
    return found
