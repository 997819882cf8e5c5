"""What everybody can read and name on a page."""

from __future__ import annotations

from typing import Any

FEWEST_PIXELS = 12  # of a letter's height, in layout pixels

SMALL = """(root, least) => [...root.querySelectorAll("*")].filter((e) => e.getClientRects().length
    && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
    && parseFloat(getComputedStyle(e).fontSize) < least).map((e) => e.outerHTML.slice(0, 80))"""
NAMELESS = """(root) => [...root.querySelectorAll("button, input, select, canvas[tabindex]")].filter((e) => (
    e.getClientRects().length && !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)
    )).map((e) => e.outerHTML.slice(0, 90))"""


def small_print(root: Any) -> list[str]:
    """Elements of this locator's tree that show text in letters too small."""
    return root.evaluate(SMALL, FEWEST_PIXELS)


def nameless(root: Any) -> list[str]:
    """Controls of this locator's tree that have no name for those who cannot see them."""
    return root.evaluate(NAMELESS)
