"""The images of a question to Bounds by their keys, and other sources of images for a whole data set of them.

test:17             held-out image 17 of the model's data set
picture:1a2b...     a picture that was brought along (image_store), by the digest of what it holds
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vaeexplorer.datasets import DataError
from vaeexplorer.image_set import join_words
from vaeexplorer.ui import cached, model_card, pictures_in
from vaeexplorer.ui.image_store import PICTURES
from vaeexplorer.ui.jobs import Unanswerable
from vaeexplorer.ui.pictures_in import Taken

if TYPE_CHECKING:
    from torch import Tensor

    from vaeexplorer.vae import VAE

LONGEST_TITLE = 80
KINDS = ("drawing", "upload", "pixels")  # of pictures that are brought along


@dataclass(frozen=True)
class Chosen:
    """One image of a question: its key, what it is, and the seed of its binarisation and draws on every page."""

    key: str
    taken: Taken
    seed: int


def keep(name: str, body: bytes, kind: str, title: str = "") -> tuple[str, Taken]:
    """A picture in a request's body, kept; its key, and the picture as the model `name` takes it.

    title: what to call it, shortened to LONGEST_TITLE letters; "" for what its kind is called.
    Raises: HTTPException 400 for a body of another form; DataError for an image that cannot be used.
    """
    source, config = pictures_in.source(kind), cached.header(name).vae
    taken = source.take(name, config.image_shape, body)
    pictures_in.refuse_grey(config, taken.x)
    taken = replace(taken, title=" ".join(title.split())[:LONGEST_TITLE] or taken.title)
    return f"picture:{PICTURES.keep(taken)}", _with_words(name, taken)


def choose(name: str, keys: Sequence[str], seed: int) -> list[Chosen]:
    """The images of these keys in the model's shape.   Raises Unanswerable, one line, for one that is not here."""
    return [_chosen(name, key, seed) for key in keys]


def known(name: str, keys: Sequence[str], seed: int) -> tuple[list[Chosen], list[dict[str, str]]]:
    """The images that are here, and of the others the key and why; a link may be old.

    Raises Unanswerable if none is here.
    """
    found, left_out = [], []
    for key in keys:
        try:
            found.append(_chosen(name, key, seed))
        except (Unanswerable, DataError) as error:
            left_out.append({"key": key, "why": str(error)})
    if not found:
        raise Unanswerable(left_out[0]["why"])
    return found, left_out


def as_seen(vae: VAE, chosen: Sequence[Chosen]) -> Tensor:
    """The images (B, C, H, W) as the likelihood wants them, each binarised from its own seed, as everywhere."""
    import torch

    own = torch.Generator(vae.device)
    x = [torch.from_numpy(image.taken.x).float().unsqueeze(0).to(vae.device) for image in chosen]
    return torch.cat([vae.binarized(part, own.manual_seed(image.seed)) for part, image in zip(x, chosen, strict=True)])


def _chosen(name: str, key: str, seed: int) -> Chosen:
    source, _, text = key.partition(":")
    if source not in FINDERS:
        raise Unanswerable(f"there is no image {key[:40]!r}: expected test: and a number, or picture: and a digest")
    taken = FINDERS[source](name, text)
    return Chosen(key, _with_words(name, taken), taken.seed(seed))


def _held_out(name: str, text: str) -> Taken:
    try:
        found = cached.held_out(name)
    except DataError as error:
        raise Unanswerable(str(error)) from None
    last = len(found.images) - 1
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) > last:
        raise Unanswerable(f"there is no test image {text[:40]!r}: they are numbered from 0 to {last:,}")
    return pictures_in.held_out(found, int(text))


def _brought(name: str, text: str) -> Taken:
    taken, config = PICTURES.find(text), cached.header(name).vae
    if taken.x.shape != config.image_shape:
        raise Unanswerable(
            f"{taken.title} has the shape {taken.x.shape} and this model takes {config.image_shape}: "
            "draw it or choose its file again"
        )
    pictures_in.refuse_grey(config, taken.x)
    return taken


def _with_words(name: str, taken: Taken) -> Taken:
    return replace(taken, words=join_words(taken.words, model_card.binarization_words(cached.header(name).vae)))


# what stands before the colon of a key -> (model, what stands after it) -> the image
FINDERS = {"test": _held_out, "picture": _brought}
