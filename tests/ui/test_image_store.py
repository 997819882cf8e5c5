"""Pictures of one's own by the digest of what they hold: the same for the same picture, bounded, one line if gone."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from vaeexplorer.ui.image_store import DIGITS, ImageStore
from vaeexplorer.ui.jobs import Unanswerable
from vaeexplorer.ui.pictures_in import Taken


def picture(seed: int, shape: tuple[int, int, int] = (1, 8, 8), title: str = "your drawing") -> Taken:
    return Taken(np.random.default_rng(seed).random(shape, np.float32), "words", title)


def test_what_is_kept_is_found_by_a_key_of_what_it_holds() -> None:
    store, one = ImageStore(10**6), picture(0)
    key = store.keep(one)
    assert len(key) == DIGITS and set(key) <= set("0123456789abcdef")
    assert store.find(key) is one
    assert store.keep(picture(0)) == key, "the same picture has the same key"
    assert store.keep(picture(1)) != key


def test_one_pixel_or_another_shape_makes_another_picture() -> None:
    store, zeros = ImageStore(10**6), np.zeros((1, 4, 4), np.float32)
    changed = zeros.copy()
    changed[0, 3, 3] = np.nextafter(np.float32(0), np.float32(1))
    keys = {store.keep(Taken(x, "", "a")) for x in (zeros, changed, zeros.reshape(1, 2, 8), zeros.reshape(1, 8, 2))}
    assert len(keys) == 4


def test_the_last_words_about_a_picture_count() -> None:
    store = ImageStore(10**6)
    key = store.keep(picture(0, title="your drawing"))
    store.keep(picture(0, title="your image"))
    assert store.find(key).title == "your image"


def test_the_ones_asked_for_the_longest_ago_go_first() -> None:
    size = picture(0).x.nbytes
    store = ImageStore(3 * size)
    first, second, third = (store.keep(picture(seed)) for seed in range(3))
    store.find(first)
    fourth = store.keep(picture(3))
    with pytest.raises(Unanswerable, match=f"^the picture {second} is no longer kept here: draw it") as gone:
        store.find(second)
    assert "\n" not in str(gone.value)
    for key in (first, third, fourth):
        assert store.find(key)


def test_the_newest_stays_however_large_it_is() -> None:
    store = ImageStore(1)
    key = store.keep(picture(0))
    assert store.find(key)
    other = store.keep(picture(1))
    assert store.find(other)
    with pytest.raises(Unanswerable):
        store.find(key)


@pytest.mark.parametrize("digest", ["", "0" * 12, "x", "../" * 40, "a" * 10_000, "\x00"])
def test_a_key_that_nobody_gave_is_refused_in_one_short_line(digest: str) -> None:
    with pytest.raises(Unanswerable) as gone:
        ImageStore(10**6).find(digest)
    assert len(str(gone.value)) < 120


def test_many_at_once_keep_within_the_bytes() -> None:
    store = ImageStore(5 * picture(0).x.nbytes)
    threads = [threading.Thread(target=lambda seed=seed: store.keep(picture(seed))) for seed in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store._pictures) == 5
