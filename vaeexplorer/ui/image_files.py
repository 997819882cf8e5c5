"""Arrays as files that a browser shows or keeps: PNG for a page, GIF for a download."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

GREY, COLOUR = 1, 3  # channels


def to_bytes(image: np.ndarray) -> np.ndarray:
    """(C, H, W) in [0, 1] or uint8 -> (H, W) or (H, W, 3) uint8, as Pillow wants it."""
    if image.dtype != np.uint8:
        image = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return image[0] if image.shape[0] == GREY else image.transpose(1, 2, 0)


def png_address(image: np.ndarray) -> str:
    """An image (C, H, W) as a data: address that <img> shows."""
    file = io.BytesIO()
    Image.fromarray(to_bytes(image)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def gif(frames: np.ndarray, milliseconds: int, scale: int) -> bytes:
    """Frames (N, H, W, C) uint8 as an endless GIF, each pixel drawn as a square of `scale` pixels."""
    images = [_enlarged(frame, scale) for frame in frames]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0)
    return file.getvalue()


def _enlarged(frame: np.ndarray, scale: int) -> Image.Image:
    image = Image.fromarray(frame[..., 0] if frame.shape[-1] == GREY else frame)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
