"""A silhouette in a picture (a photo's statue, a glass) as cells of a two-dimensional grid.

A mask is (H, W), row 0 on top; a grid is (X, Z) with z upwards, so the picture is turned: cell (i, j) lies in column i
from the left and row j from the *bottom*. The grid always spans the whole picture, whatever its number of cells.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from simcraft.errors import UserError


def read_mask(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> np.ndarray:
    """(H, W) bool of a picture: inside is where its alpha is at least one half, or, without alpha, where it is bright.

    Parameters
    ----------
    path: PNG or any picture that OpenCV reads, 8 or 16 bits. An alpha channel that is opaque throughout says nothing
        and does not count.
    size: (width, height) that the mask has to have, because it belongs to a picture of that size.

    Raises `UserError` where there is no such picture, where it has another size, or where nothing or everything is
    inside.
    """
    import cv2

    if not Path(path).is_file():
        raise UserError(f"There is no mask picture {path}.", "Give a PNG that is white where the thing is.")
    data = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if Path(path).stat().st_size else None
    if data is None:
        raise UserError(f"{path} is not a picture that can be read.", "Save the mask as PNG.")
    if data.dtype.kind != "u":
        raise UserError(f"{path} has {data.dtype} pixels; a mask has 8 or 16 bits.", "Save the mask as PNG.")
    return check_mask(_inside(data), str(path), size)


def check_mask(mask: np.ndarray, name: str = "The mask", size: tuple[int, int] | None = None) -> np.ndarray:
    """`mask` as (H, W) bool. Raises `UserError`, beginning with `name`, as `read_mask` does."""
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise UserError(f"{name} is an array of shape {mask.shape}; expected (H, W), true inside.")
    if mask.dtype != bool:
        if not np.isin(mask, (0, 1)).all() and not np.isin(mask, (0, 255)).all():
            raise UserError(f"{name} holds {mask.dtype} numbers; expected truth values, or only 0 and 1 (or 255).")
        mask = mask > 0
    if size is not None and mask.shape != (size[1], size[0]):
        raise UserError(
            f"{name} has {mask.shape[1]}x{mask.shape[0]} pixels, but the picture {size[0]}x{size[1]}.",
            "Both should have the same size: draw the mask on a copy of the picture.",
        )
    if not mask.any():
        raise UserError(f"{name} is empty: no pixel is inside.", "White (or opaque) is inside, black outside.")
    if mask.all():
        raise UserError(f"{name} is full: every pixel is inside.", "White (or opaque) is inside, black outside.")
    return mask


def image_coverage(mask: np.ndarray, cells: tuple[int, ...]) -> np.ndarray:
    """(X, Z) float32: the share of each cell's area that lies inside `mask` (H, W), exactly, for any two sizes."""
    upright = np.flip(np.asarray(mask, np.float64), 0).T
    return (_overlaps(upright.shape[0], cells[0]) @ upright @ _overlaps(upright.shape[1], cells[1]).T).astype(
        np.float32
    )


def image_mask(
    source: np.ndarray | str | os.PathLike[str], cells: tuple[int, ...], size: tuple[int, int] | None = None
) -> np.ndarray:
    """(X, Z) bool: the cells of a grid over the whole picture that lie inside a mask with at least half of their area.

    Parameters
    ----------
    source: (H, W) mask, bool or 0 and 1 (or 255), or the path of a picture (see `read_mask`).
    cells: the grid's size (X, Z); z is up. Cells need not be square.
    size: (width, height) that the mask has to have.

    Raises `UserError` as `read_mask` does, and where the mask is too thin for the grid: no cell is half inside.
    """
    is_path = isinstance(source, (str, os.PathLike))
    name = str(source) if is_path else "The mask"
    mask = read_mask(source, size) if is_path else check_mask(source, name, size)  # type: ignore[arg-type]
    if len(cells) != 2 or min(cells) < 1:
        raise UserError(f"A grid of {cells} cells is none.", "Give two whole numbers from 1.")
    inside = image_coverage(mask, cells) >= 0.5 - 1e-6
    if not inside.any():
        raise UserError(
            f"{name} is too small for a grid of {cells[0]}x{cells[1]} cells: none of them is half inside.",
            "Raise the resolution, or draw a larger mask.",
        )
    return inside


def _inside(data: np.ndarray) -> np.ndarray:
    """(H, W) bool of the pixels of a picture as OpenCV reads it (grey, BGR, or BGR and alpha)."""
    half = np.iinfo(data.dtype).max / 2
    if data.ndim == 2:
        return data > half
    if data.shape[2] == 4 and (data[..., 3] != np.iinfo(data.dtype).max).any():
        return data[..., 3] > half
    return data[..., :3] @ np.array([0.114, 0.587, 0.299]) > half


def _overlaps(pixels: int, cells: int) -> np.ndarray:
    """(cells, pixels): which share of each cell lies in each pixel, along one axis."""
    edges = np.arange(cells + 1)[:, None] * (pixels / cells)
    inside = np.clip(edges - np.arange(pixels), 0, 1)  # of each pixel, the part below each edge
    return np.diff(inside, axis=0) * (cells / pixels)
