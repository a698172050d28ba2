"""Sheets of pictures of the benchmarks: videos below each other, moments side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.picture import draw_text, resize

MOMENTS = 6
_PAPER, _INK, _FAINT = (18, 20, 24), (236, 238, 242), (150, 156, 168)
_GAP, _LABEL, _TITLE = 4, 150, 26


@dataclass(frozen=True)
class Block:
    """A case: its title, and the videos of its rows."""

    title: str
    rows: tuple[tuple[str, np.ndarray], ...]
    """Label and (T, H, W, 3) uint8 frames."""


def sheet(blocks: Sequence[Block], moments: int = MOMENTS) -> np.ndarray:
    """(H, W, 3) uint8: the blocks below each other, each with `moments` frames from the first to the last a row."""
    pieces = [_draw(block, moments) for block in blocks]
    size = sum(len(piece) for piece in pieces), max(piece.shape[1] for piece in pieces)
    result = np.full((*size, 3), _PAPER, np.uint8)
    top = 0
    for piece in pieces:
        result[top : top + len(piece), : piece.shape[1]] = piece
        top += len(piece)
    return result


def _draw(block: Block, moments: int) -> np.ndarray:
    count, height, width = block.rows[0][1].shape[:3]
    chosen = np.unique(np.linspace(0, count - 1, moments).round().astype(int))
    cell = (max(width, 96), max(height, 96))
    size = _TITLE + len(block.rows) * (cell[1] + _GAP), _LABEL + len(chosen) * (cell[0] + _GAP)
    canvas = np.full((*size, 3), _PAPER, np.uint8)
    canvas = draw_text(canvas, block.title, (6, 4), 14, _INK)
    for row, (label, frames) in enumerate(block.rows):
        top = _TITLE + row * (cell[1] + _GAP)
        canvas = draw_text(canvas, label, (6, top + cell[1] // 2 - 8), 13, _FAINT)
        for column, t in enumerate(chosen):
            left = _LABEL + column * (cell[0] + _GAP)
            canvas[top : top + cell[1], left : left + cell[0]] = resize(frames[t], cell)
    return canvas
