"""A folder of image files as a data set."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np

from vaeexplorer.image_set import FEWEST_IMAGES, OWN_LICENCE, DataError, ImageSet, Progress, held_out_tenth, join_words
from vaeexplorer.pictures import fit, is_grey, open_picture, upright_rgb

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
LARGEST_KEPT = 128  # pixels a side: images of one common size up to this stay as they are
DEFAULT_SIDE = 64  # pixels a side, for images of differing sizes


def load_folder(folder: Path, image_size: int | None = None, progress: Progress | None = None) -> ImageSet:
    """Read every image file of a folder and of its subfolders, which are the classes if all images lie in them.

    Images of one common size of at most 128 pixels keep it, others are fitted into image_size (64) pixels a side.
    The set is grey if every image is. A tenth, always the same, is the test set. Other files are skipped and named.
    Raises: DataError, with the file's name, for a damaged, tiny or huge image; or if there are fewer than ten.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    if len(paths) < FEWEST_IMAGES:
        kinds = " ".join(SUFFIXES)
        raise DataError(f"{folder} has {len(paths)} image files: expected at least {FEWEST_IMAGES} of {kinds}")
    height, width = (image_size, image_size) if image_size else _common_size(paths)
    images, words = _read_pictures(paths, height, width, progress)
    labels, names, class_words = _classes(folder, paths)
    skipped = [str(path.relative_to(folder)) for path in files if path.suffix.lower() not in SUFFIXES]
    return held_out_tenth(
        ImageSet(
            name=str(folder),
            title=folder.resolve().name,
            licence=OWN_LICENCE,
            train=images,
            test=images[:0],
            train_labels=labels,
            class_names=names,
            preprocessing=join_words(words, class_words, _skipped_words(skipped)),
        )
    )


def _common_size(paths: list[Path]) -> tuple[int, int]:
    """(height, width) of all images if they agree and are small, else the default. Reads the headers only."""
    sizes = set()
    for path in paths:
        with open_picture(path, str(path)) as picture:
            sizes.add((picture.height, picture.width))
    height, width = sizes.pop()
    return (height, width) if not sizes and max(height, width) <= LARGEST_KEPT else (DEFAULT_SIDE, DEFAULT_SIDE)


def _read_pictures(paths: list[Path], height: int, width: int, progress: Progress | None) -> tuple[np.ndarray, str]:
    """All pictures as uint8 (N, C, height, width), C = 1 if all are grey, and in words what was done to how many."""
    pixels = np.empty((len(paths), height, width, 3), np.uint8)
    done: collections.Counter[str] = collections.Counter()
    for row, path in enumerate(paths):
        with open_picture(path, str(path)) as picture:
            colour, words = upright_rgb(picture, str(path))
        fitted, scaled = fit(colour, height, width)
        pixels[row] = np.asarray(fitted)
        done.update(words.split("; ") if words else ())
        done.update([f"fitted into {height}x{width} pixels on black"] if scaled else ())
        if progress and (row + 1) % 100 == 0:
            progress((row + 1) / len(paths), f"{row + 1:,} of {len(paths):,} images read")
    channels = 1 if all(map(is_grey, pixels)) else 3
    images = np.ascontiguousarray(pixels[..., :channels].transpose(0, 3, 1, 2))
    return images, join_words(*(f"{count:,} of {len(paths):,} images {what}" for what, count in sorted(done.items())))


def _classes(folder: Path, paths: list[Path]) -> tuple[np.ndarray | None, tuple[str, ...], str]:
    """Labels (N,), class names and a remark: the names of the subfolders, if every image lies in one."""
    tops = [path.relative_to(folder).parts[0] if path.parent != folder else "" for path in paths]
    names = tuple(sorted(set(tops)))
    if names == ("",):
        return None, (), ""
    if "" in names:
        return None, (), f"no classes, for {tops.count(''):,} images lie outside the subfolders"
    places = {name: position for position, name in enumerate(names)}
    return np.array([places[top] for top in tops], np.int64), names, ""


def _skipped_words(skipped: list[str]) -> str:
    if not skipped:
        return ""
    others = f" and {len(skipped) - 3:,} more" if len(skipped) > 3 else ""
    return f"skipped {', '.join(skipped[:3])}{others}: not image files"
