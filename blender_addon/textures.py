"""Blender images as small sRGB arrays, with numpy alone."""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST_TEXTURE = 1024


def image_array(image: Any, largest: tuple[int, int] = (LARGEST_TEXTURE, LARGEST_TEXTURE)) -> np.ndarray | None:
    """(h, w, 3) uint8 sRGB with row 0 on top, at most `largest` (width, height); None where the file is missing."""
    width, height = image.size
    if width == 0 or height == 0 or not image.channels:
        return None
    pixels = shrink(_pixels(image), largest)
    # byte images hold their file's own values, float images linear light
    encoded = linear_to_srgb(pixels) if image.is_float else pixels
    return (np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)


def bright_array(image: Any, largest: tuple[int, int]) -> np.ndarray | None:
    """(h, w, 3) float32 linear light with row 0 on top, at most `largest`; None of an image that has only bytes."""
    if not image.is_float or not image.channels or 0 in image.size:
        return None
    return np.maximum(shrink(_pixels(image), largest), 0).astype(np.float32)


def _pixels(image: Any) -> np.ndarray:
    """(h, w, 3) float32 as the image holds them, with row 0 on top."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    pixels = values.reshape(height, width, image.channels)[::-1, :, :3]
    return np.nan_to_num(np.repeat(pixels, 3, axis=2) if image.channels < 3 else pixels)


def shrink(pixels: np.ndarray, largest: tuple[int, int]) -> np.ndarray:
    """(h, w, c) averaged over boxes of equal whole size until it fits in `largest` (width, height)."""
    height, width = pixels.shape[:2]
    step_y, step_x = -(-height // largest[1]), -(-width // largest[0])
    if step_x == step_y == 1:
        return pixels
    rows, columns = height // step_y, width // step_x
    cut = pixels[: rows * step_y, : columns * step_x]
    return cut.reshape(rows, step_y, columns, step_x, -1).mean((1, 3))


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """The sRGB transfer curve (IEC 61966-2-1) on values clipped to 0 to 1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_to_linear(encoded: np.ndarray) -> np.ndarray:
    """The inverse of `linear_to_srgb`."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
