"""The drawn set: white shapes on black, 64x64 pixels, every combination of five known factors, in about a second.

3 shapes x 6 sizes x 12 angles x 15 x 15 positions = 48,600 images. The factors are made to be told apart: all shapes of
one size have the same area, so that the number of white pixels tells the size whatever the shape; the position is the
centre of mass; and all have the same elongation, so that the angle shows in each. The angles span 120 degrees, less
than a half turn: an ellipse and a rectangle look the same again after 180 degrees, and an angle that runs in a circle
cannot be carried by one latent dimension.
"""

from __future__ import annotations

import itertools

import numpy as np

from vaeexplorer.image_set import MAX_VALUE, ImageSet, fixed_order

SIDE = 64  # pixels
AREA = 200.0  # square pixels of a shape of size 1; the triangle's tip then stays inside the frame at every position
ELONGATION = 1.6  # length over width
LICENCE = "MIT (drawn by this program)"

NAMES = ("ellipse", "rectangle", "triangle")
SIZES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of length and width, relative to the largest
ANGLES = tuple(np.linspace(-60, 60, 12).round(2).tolist())  # degrees, counter-clockwise
POSITIONS = tuple(range(-14, 15, 2))  # pixels to the right of and below the middle
FACTOR_VALUES: dict[str, tuple] = {"shape": NAMES, "size": SIZES, "angle": ANGLES, "x": POSITIONS, "y": POSITIONS}


def load_shapes() -> ImageSet:
    """Draw the complete set, in a fixed order of which the last tenth is the test set. Images are uint8 (200 MB)."""
    counts = [len(values) for values in FACTOR_VALUES.values()]
    factors = np.stack(np.unravel_index(np.arange(np.prod(counts)), counts), axis=1)
    order = fixed_order(len(factors))
    place = np.argsort(order)  # where the image of each row of `factors` goes
    images = np.empty((len(factors), 1, SIDE, SIDE), np.uint8)
    places = place.reshape(-1, len(POSITIONS) ** 2)  # a row for each look: shape, size and angle
    for row, look in zip(places, itertools.product(NAMES, SIZES, ANGLES), strict=True):
        images[row, 0] = _at_every_position(*look)
    factors = factors[order]
    held_out = len(factors) // 10
    return ImageSet(
        name="shapes",
        title="Drawn shapes",
        licence=LICENCE,
        train=images[:-held_out],
        test=images[-held_out:],
        train_labels=factors[:-held_out, 0],
        test_labels=factors[-held_out:, 0],
        class_names=NAMES,
        factor_names=tuple(FACTOR_VALUES),
        train_factors=factors[:-held_out],
        test_factors=factors[-held_out:],
        factor_values=FACTOR_VALUES,
    )


def draw(shape: str, size: float, angle: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """One image, uint8 (64, 64), its edges anti-aliased over one pixel from the signed distance.

    Args: size: 1 is the largest; angle: degrees counter-clockwise; x, y: pixels to the right of and below the middle.
    """
    grid = np.arange(SIDE) - (SIDE - 1) / 2
    right, up = grid[None, :] - x, y - grid[:, None]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    distance = OUTLINES[shape](cosine * right + sine * up, cosine * up - sine * right, AREA * size**2)
    return np.rint(np.clip(0.5 - distance, 0, 1) * MAX_VALUE).astype(np.uint8)


def _at_every_position(shape: str, size: float, angle: float) -> np.ndarray:
    """The shape drawn once and moved by whole pixels: (positions, 64, 64), y varies fastest."""
    margin = max(POSITIONS)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(draw(shape, size, angle), margin), (SIDE, SIDE))
    starts = margin - np.array(POSITIONS)
    return windows[starts[None, :], starts[:, None]].reshape(-1, SIDE, SIDE)


def _ellipse(u: np.ndarray, v: np.ndarray, area: float) -> np.ndarray:
    """Signed distance in pixels to first order (value over gradient), negative inside; u is along the length."""
    a = np.sqrt(area * ELONGATION / np.pi)
    b = a / ELONGATION
    level = (u / a) ** 2 + (v / b) ** 2 - 1
    slope = 2 * np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2)
    return level / np.maximum(slope, 1 / a)


def _rectangle(u: np.ndarray, v: np.ndarray, area: float) -> np.ndarray:
    """Signed distance to the nearest of the four sides."""
    a = np.sqrt(area * ELONGATION / 4)
    return np.maximum(np.abs(u) - a, np.abs(v) - a / ELONGATION)


def _triangle(u: np.ndarray, v: np.ndarray, area: float) -> np.ndarray:
    """Signed distance to the sides of an isosceles triangle, its centre of mass in the origin, its tip towards +u."""
    length = np.sqrt(2 * area * ELONGATION)
    half_width = length / ELONGATION / 2
    side = np.hypot(length, half_width)
    slanted = (length * np.abs(v) - half_width * (2 * length / 3 - u)) / side
    return np.maximum(slanted, -u - length / 3)


OUTLINES = {"ellipse": _ellipse, "rectangle": _rectangle, "triangle": _triangle}
