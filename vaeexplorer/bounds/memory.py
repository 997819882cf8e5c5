"""Freed memory stays with the process, so that the next chunk of codes does not have to ask for it again."""

from __future__ import annotations

from functools import cache

import torch

LARGEST_KEPT = 31 * 2**20  # bytes; the C library of Linux stops at 32 MiB


@cache
def keep_freed_memory() -> None:
    """Once per process: let blocks of up to 31 MiB be taken from memory freed before.

    glibc gets large blocks from the kernel, gives them back when they are freed, and the kernel fills each new one with
    zeros: a chunk's logits of a few MB cost more time so than what is computed from them. It learns from the largest
    block freed so far which sizes it had better keep; this frees one. Elsewhere it does nothing.
    Source: mallopt(3), M_MMAP_THRESHOLD, "dynamic mmap threshold".
    """
    torch.empty(LARGEST_KEPT, dtype=torch.uint8)
