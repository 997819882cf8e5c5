"""Pictures that people brought along, for as long as there is room: a page asks about one again by its key.

A key names what the picture holds, so the same drawing has the same key, and no key can mean two pictures.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from vaeexplorer.ui.jobs import Unanswerable
from vaeexplorer.ui.pictures_in import Taken

MOST_BYTES = 64 * 2**20
DIGITS = 12  # hexadecimal ones of a digest
GONE = "the picture {} is no longer kept here: draw it or choose its file again"


class ImageStore:
    """Pictures by digest, at most so many bytes of them; those asked for the longest ago go first, the newest stays."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._pictures: OrderedDict[str, Taken] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, picture: Taken) -> str:
        """Keep a picture x (C, H, W) float32 with its title and words; returns its digest."""
        digest = _digest(picture)
        with self._lock:
            self._pictures[digest] = picture
            self._pictures.move_to_end(digest)
            while self._size() > self._most_bytes and len(self._pictures) > 1:
                self._pictures.popitem(last=False)
        return digest

    def find(self, digest: str) -> Taken:
        """Raises Unanswerable, one line, for one that is not kept."""
        with self._lock:
            if digest not in self._pictures:
                raise Unanswerable(GONE.format(digest[:DIGITS]))
            self._pictures.move_to_end(digest)
            return self._pictures[digest]

    def _size(self) -> int:
        return sum(picture.x.nbytes for picture in self._pictures.values())


def _digest(picture: Taken) -> str:
    told = hashlib.sha256(repr(picture.x.shape).encode())
    told.update(picture.x.astype("<f4").tobytes())
    return told.hexdigest()[:DIGITS]


PICTURES = ImageStore(MOST_BYTES)
