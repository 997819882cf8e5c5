"""Small pictures as text, for the moments of a film."""

from __future__ import annotations

import base64

import numpy as np


def packed(pictures: np.ndarray) -> str:
    """Pictures in [0, 1] (what lies outside is cut), one after the other, a byte for each pixel, in base 64."""
    grey = np.rint(255 * np.clip(np.asarray(pictures, np.float64), 0, 1)).astype(np.uint8)
    return base64.b64encode(grey.tobytes()).decode()
