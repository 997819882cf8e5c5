"""Codes from a file of the user's, for the Map: checked completely, two at most in memory, never unpickled.

The file is a .npz of numpy with `codes` (N, D), and if they are known `labels` (N,) and `names` of the classes.
"""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from vaeexplorer.ui.jobs import Unanswerable

MB = 2**20
MOST_BYTES = 400 * MB
UNPACKED_BYTES = 1024 * MB  # of one array
MOST_DIMENSIONS = 4096
MOST_CLASSES = 1000
KEPT = 2
LONGEST_NAME = 60
WANTED = ("codes", "labels", "names")
EXAMPLE = "write one with numpy.savez(file, codes=codes, labels=labels)"


class UploadError(ValueError):
    """A file that holds no codes; the text is one line: what was expected, what came, what to do."""


@dataclass(frozen=True)
class Upload:
    """codes (N, D) float32, finite; label (N,) int16, -1 unknown, or None; title: what people read."""

    codes: np.ndarray
    label: np.ndarray | None
    class_names: tuple[str, ...]
    title: str


_uploads: OrderedDict[str, Upload] = OrderedDict()
_lock = threading.Lock()


def listing() -> dict[str, Upload]:
    """Source -> upload, those that are kept."""
    with _lock:
        return dict(_uploads)


def find(source: str) -> Upload:
    """Raises Unanswerable for one that is not kept."""
    with _lock:
        if source not in _uploads:
            raise Unanswerable("these codes are no longer kept here: choose the file again")
        _uploads.move_to_end(source)
        return _uploads[source]


def adopt(file: IO[bytes], name: str) -> str:
    """Read codes and keep them; returns their source.   Raises UploadError, one line."""
    arrays = _read(file)
    codes = _codes(arrays["codes"])
    label, names, words = _classes(arrays.get("labels"), arrays.get("names"), len(codes))
    digest = hashlib.blake2b(codes.data.cast("B"), digest_size=6)
    digest.update(b"" if label is None else label.tobytes())
    digest.update("\0".join(names).encode())
    shown = re.sub(r"[^\x20-\x7e]+", " ", name).strip()[:LONGEST_NAME] or "your file"
    title = f"{len(codes):,} code{'' if len(codes) == 1 else 's'} of {shown}{words}"
    source = f"upload-{digest.hexdigest()}"
    with _lock:
        _uploads[source] = Upload(codes, label, names, title)
        _uploads.move_to_end(source)
        while len(_uploads) > KEPT:
            _uploads.popitem(last=False)
    return source


def _codes(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.size == 0 or array.shape[1] > MOST_DIMENSIONS:
        raise UploadError(
            f"codes is {array.dtype} of shape {array.shape}: expected numbers (N, D), at least one code and at most "
            f"{MOST_DIMENSIONS:,} dimensions"
        )
    with np.errstate(over="ignore"):
        codes = np.ascontiguousarray(array, np.float32)
    bad = len(codes) - int(np.isfinite(codes).all(axis=1).sum())
    if bad:
        raise UploadError(f"{bad:,} of {len(codes):,} codes are not finite numbers: leave them out")
    return codes


def _classes(
    labels: np.ndarray | None, names: np.ndarray | None, count: int
) -> tuple[np.ndarray | None, tuple[str, ...], str]:
    """Positions (N,) int16 in the names of the classes, -1 unknown, and a remark for the title."""
    if labels is None:
        return None, (), ""
    if labels.shape != (count,) or labels.dtype.kind not in "iufbU":
        raise UploadError(
            f"labels is {labels.dtype} of shape {labels.shape}: expected one number or word for each of {count:,} codes"
        )
    known = np.isfinite(labels) if labels.dtype.kind == "f" else np.ones(count, bool)
    if labels.dtype.kind in "if":
        known &= labels >= 0  # a negative number: not known
    values, positions = np.unique(labels[known], return_inverse=True)
    if len(values) > MOST_CLASSES:
        return None, (), f" (labels not used, for they take {len(values):,} values)"
    if names is not None and _fits(names, values):
        chosen, positions = tuple(map(str, names)), values.astype(np.int64)[positions]
    else:
        chosen = tuple(f"{value:g}" if labels.dtype.kind == "f" else str(value) for value in values)
    label = np.full(count, -1, np.int16)
    label[known] = positions
    return (label if known.any() else None), tuple(name[:LONGEST_NAME] for name in chosen), ""


def _fits(names: np.ndarray, values: np.ndarray) -> bool:
    """Whether each label is the position of its name."""
    whole = values.dtype.kind in "iu" or (values.dtype.kind == "f" and bool((values == np.rint(values)).all()))
    return names.ndim == 1 and len(names) <= MOST_CLASSES and whole and bool((values < len(names)).all())


def _read(file: IO[bytes]) -> dict[str, np.ndarray]:
    """The wanted arrays. Sizes are checked before anything is unpacked: a small file can claim to be a large one."""
    try:
        with zipfile.ZipFile(file) as archive:
            held = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if "codes" not in held:
                found = ", ".join(sorted(held))[:120] or "nothing"
                raise UploadError(f"the file holds {found}: expected codes; {EXAMPLE}")
            return {name: _array(archive, held[name]) for name in WANTED if name in held}
    except UploadError:
        raise
    except zipfile.BadZipFile:
        raise UploadError(f"this is no .npz file, or it is damaged; {EXAMPLE}") from None
    except Exception as error:  # zlib, struct, end-of-file and memory errors, encryption: all for one kind of damage
        raise UploadError(f"the .npz file cannot be read ({type(error).__name__}); {EXAMPLE}") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        shape, in_columns, dtype = _header(stream)
        if dtype.hasobject:
            raise UploadError(f"{name} holds Python objects, which are never read: save plain numbers; {EXAMPLE}")
        if min(shape, default=0) < 0:
            raise UploadError(f"{name} claims the shape {shape}: the file is damaged")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size > UNPACKED_BYTES:
            raise UploadError(f"{name} unpacks to {size / MB:,.0f} MB: at most {UNPACKED_BYTES // MB:,} are read")
        data = stream.read(size)
        if len(data) < size or stream.read(1):
            raise UploadError(f"{name} does not hold the {shape} numbers that it claims: the file is damaged")
    values = np.frombuffer(data, dtype)
    return values.reshape(shape[::-1]).T if in_columns else values.reshape(shape)


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise UploadError(f"an array of numpy's format {version} is not read here; {EXAMPLE}")
    return read(stream)
