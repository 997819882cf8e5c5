"""The drawn set: complete, and its factors are what the images show."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from vaeexplorer import shapes
from vaeexplorer.image_set import ImageSet, unit_floats


@pytest.fixture(scope="module")
def drawn() -> ImageSet:
    return shapes.load_shapes()


@pytest.fixture(scope="module")
def some(drawn: ImageSet) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Every eighth image as floats (N, 64, 64), and the values of their factors by name."""
    columns = drawn.train_factors[::8].T
    values = {
        name: np.array(drawn.factor_values[name])[column]
        for name, column in zip(drawn.factor_names, columns, strict=True)
    }
    return unit_floats(drawn.train[::8, 0]), values


def moments(images: np.ndarray) -> tuple[np.ndarray, ...]:
    """Area, centre right of and below the middle, and the direction (degrees) and elongation of the white pixels."""
    grid = np.arange(shapes.SIDE) - (shapes.SIDE - 1) / 2
    area = images.sum(axis=(1, 2))
    x, y = (images.sum(axis=axis) @ grid / area for axis in (1, 2))
    right, up = grid[None, None, :] - x[:, None, None], y[:, None, None] - grid[None, :, None]
    xx, yy, xy = ((images * product).sum(axis=(1, 2)) / area for product in (right**2, up**2, right * up))
    spread = np.hypot(xx - yy, 2 * xy)
    return area, x, y, np.degrees(np.arctan2(2 * xy, xx - yy)) / 2, np.sqrt((xx + yy + spread) / (xx + yy - spread))


def test_it_is_the_complete_grid_without_repeats(drawn: ImageSet) -> None:
    factors = np.concatenate([drawn.train_factors, drawn.test_factors])
    counts = [len(drawn.factor_values[name]) for name in drawn.factor_names]
    assert drawn.factor_names == ("shape", "size", "angle", "x", "y")
    assert counts == [3, 6, 12, 15, 15]
    assert (len(drawn.train), len(drawn.test)) == (43_740, 4_860)
    assert len(np.unique(np.ravel_multi_index(factors.T, counts))) == 48_600
    assert factors.dtype == np.int64
    digests = {hashlib.md5(image).digest() for part in (drawn.train, drawn.test) for image in part}
    assert len(digests) == 48_600  # no two images are equal, so each tells its factors


def test_labels_are_the_shapes(drawn: ImageSet) -> None:
    np.testing.assert_array_equal(drawn.train_labels, drawn.train_factors[:, 0])
    np.testing.assert_array_equal(drawn.test_labels, drawn.test_factors[:, 0])
    assert drawn.class_names == ("ellipse", "rectangle", "triangle")


def test_the_images_show_their_factors(some: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    images, values = some
    area, x, y, angle, _ = moments(images)
    np.testing.assert_allclose(area, shapes.AREA * values["size"] ** 2, rtol=0.06)
    np.testing.assert_allclose(x, values["x"], atol=0.2)
    np.testing.assert_allclose(y, values["y"], atol=0.2)
    np.testing.assert_allclose(angle, values["angle"], atol=3)


def test_the_angle_shows_in_every_shape(some: tuple[np.ndarray, dict[str, np.ndarray]]) -> None:
    images, values = some
    elongation = moments(images)[-1]
    for name in shapes.NAMES:
        assert elongation[values["shape"] == name].min() > 1.25, name
    assert max(shapes.ANGLES) - min(shapes.ANGLES) < 180 - 180 / len(shapes.ANGLES)


def test_nothing_is_cut_off_at_the_rim(drawn: ImageSet) -> None:
    rim = np.concatenate([drawn.train[..., 0, :], drawn.train[..., -1, :], drawn.train[..., 0], drawn.train[..., -1]])
    assert rim.max() < 50


def test_edges_are_smooth_and_the_inside_is_white() -> None:
    image = shapes.draw("rectangle", 1.0, 0.0)
    assert image[32, 32] == 255
    assert image[0, 0] == 0
    turned = shapes.draw("rectangle", 1.0, 27.0)
    assert ((turned > 0) & (turned < 255)).sum() > 20
    np.testing.assert_array_equal(image, image[::-1])
    np.testing.assert_array_equal(image, image[:, ::-1])


def test_a_drawing_moves_by_whole_pixels(drawn: ImageSet) -> None:
    for index in range(0, len(drawn.test), 500):
        look = [
            drawn.factor_values[name][value]
            for name, value in zip(drawn.factor_names, drawn.test_factors[index], strict=True)
        ]
        np.testing.assert_array_equal(drawn.test[index, 0], shapes.draw(*look))


def test_it_is_the_same_everywhere_for_good(drawn: ImageSet) -> None:
    """The split by its factors, not by its pixels, whose last grey level may differ with the machine's arithmetic."""
    assert hashlib.sha256(drawn.test_factors.tobytes()).hexdigest()[:16] == "30c4cb553b685039"
