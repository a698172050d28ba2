"""The few drawing helpers that sheets and reports share: text, scaling, saving."""

from __future__ import annotations

import functools
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.errors import Failure, UserError

Colour = tuple[int, int, int]


@functools.cache
def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)  # the font that comes inside Pillow: the same on every machine


def text_size(text: str, size: float) -> tuple[int, int]:
    """(width, height) in pixels of one line of text."""
    left, _, right, _ = _font(size).getbbox(text)
    ascent, descent = _font(size).getmetrics()
    return int(right - left), int(ascent + descent)


def draw_text(image: np.ndarray, text: str, corner: tuple[float, float], size: float, colour: Colour) -> np.ndarray:
    """A copy of `image` (H, W, 3) uint8 with one line of text whose upper left corner is at `corner` (x, y)."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(corner, text, fill=colour, font=_font(size))
    return np.array(picture)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`image` at (width, height): averaged when it shrinks, interpolated when it grows."""
    import cv2

    shrinks = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def paste(sheet: np.ndarray, picture: np.ndarray, corner: tuple[int, int]) -> None:
    """Into `sheet`, (H, W, 3) uint8, `picture`, (h, w, 4) uint8 with alpha; `corner` is (x, y), its upper left one."""
    x, y = corner
    place = sheet[y : y + picture.shape[0], x : x + picture.shape[1]]
    alpha = picture[..., 3:] / 255
    place[:] = (picture[..., :3] * alpha + place * (1 - alpha)).astype(np.uint8)


def save_png(image: np.ndarray, path: str | os.PathLike[str]) -> Path:
    """Write (H, W, 3) uint8, or (H, W, 4) with alpha, as PNG under a temporary name, then rename.

    Raises `UserError` where `path` does not end in .png, `Failure` where it cannot be written.
    """
    import cv2

    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: a picture is written as PNG.", "Use a name that ends in .png.")
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    _, data = cv2.imencode(".png", cv2.cvtColor(image, order))
    return write_bytes(data.tobytes(), path)


def write_bytes(data: bytes, path: Path) -> Path:
    """Write a file under a temporary name, then rename it; `Failure` where that does not work."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(
            f"{path} could not be written: {error.strerror or error}.",
            "Free some space, or choose a folder that you may write to.",
        ) from error
    return path
