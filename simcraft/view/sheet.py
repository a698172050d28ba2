"""A picture of a few moments of everything that is viewed: one row a moment, one column a layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simcraft.picture import draw_text, paste, save_png, text_size
from simcraft.view.inputs import Input
from simcraft.view.layers import Layer, chosen_tracks, layers_of, shrunk

_PAPER, _INK, _FAINT = (15, 17, 21), (231, 233, 238), (148, 156, 173)
_GAP, _HEADER, _LABEL = 10, 62, 24
_WIDEST = 1800
"""Pixels that the columns of an input share."""
_TALLEST, _LARGEST = 420, 320
"""Pixels: no cell is higher, or wider."""
_MOST_TRACKS = 160


def save_overview(inputs: Sequence[Input], path: Path, *, rows: int = 4) -> Path:
    """Write a picture, .png, of `rows` moments of every input, one input below the other; returns its path.

    Raises `UserError` for another ending, `Failure` where nothing can be written.
    """
    blocks = [draw_overview(source, rows) for source in inputs]
    width = max(block.shape[1] for block in blocks)
    padded = [np.pad(block, [(0, 0), (0, width - block.shape[1]), (0, 0)]) for block in blocks]
    for block, whole in zip(blocks, padded, strict=True):
        whole[:, block.shape[1] :] = _PAPER
    return save_png(np.concatenate(padded), path)


def draw_overview(source: Input, rows: int) -> np.ndarray:
    """(H, W, 3) uint8: name, facts and the colour wheel on top, then a row for each of `rows` moments.

    Where there is a single layer the moments stand side by side.
    """
    layers = [*layers_of(source), *_tracks_layer(source)]
    moments = np.unique(np.linspace(0, source.frame_count - 1, max(rows, 1)).round().astype(int))
    across = len(layers) == 1
    columns, lines = (len(moments), 1) if across else (len(layers), len(moments))
    cell = _cell_size(source, columns)
    width, height = columns * (cell[0] + _GAP) + _GAP, _HEADER + _LABEL + lines * (cell[1] + _GAP)
    sheet = np.full((height, max(460, width), 3), _PAPER, np.uint8)
    sheet = _draw_header(sheet, source, next((layer.speed for layer in layers if layer.speed is not None), None))
    for k, layer in enumerate(layers):
        sheet = draw_text(sheet, _cut(layer.label, cell[0]), (_GAP + k * (cell[0] + _GAP), _HEADER + 3), 13, _INK)
        for n, t in enumerate(moments):
            column, row = (n, 0) if across else (k, n)
            x, y = _GAP + column * (cell[0] + _GAP), _HEADER + _LABEL + row * (cell[1] + _GAP)
            if layer.frame_count > 1 or n == 0:  # of some layers only the first frame is known
                picture = layer.draw(min(int(t), layer.frame_count - 1))
                sheet[y : y + cell[1], x : x + cell[0]] = _scaled(picture, cell, layer.photographic)
            if k == 0:
                sheet = _draw_moment(sheet, f"{t}  ·  {t / source.fps:.2f} s", (x, y + cell[1]))
    return sheet


def _tracks_layer(source: Input) -> list[Layer]:
    """Tracks over the dimmed picture."""
    clip = source.clip
    if clip is None or not len(chosen := chosen_tracks(clip, _MOST_TRACKS)):
        return []
    from simcraft.observe.colour import draw_tracks

    tracks, visible = np.asarray(clip.tracks)[chosen], np.asarray(clip.track_visible)[chosen]
    scale = max(1, 256 // clip.size[0])

    def draw(t: int) -> np.ndarray:
        picture = clip.image if clip.frames is None else np.asarray(clip.frames[t])
        dim = (picture.repeat(scale, 0).repeat(scale, 1) * 0.4).astype(np.uint8)
        return draw_tracks(dim, tracks, visible, t, scale=scale, radius=max(1.5, dim.shape[1] / 150))

    return [Layer("tracks", f"{len(chosen)} tracks", draw, clip.frame_count, photographic=True)]


def _cell_size(source: Input, columns: int) -> tuple[int, int]:
    """(width, height) of a cell in the input's proportions."""
    width = min(_LARGEST, _WIDEST // columns)
    scale = min(width / source.size[0], _TALLEST / source.size[1])
    return max(24, round(source.size[0] * scale)), max(24, round(source.size[1] * scale))


def _scaled(image: np.ndarray, size: tuple[int, int], photographic: bool) -> np.ndarray:
    """At `size`; maps keep their hard edges when they grow."""
    if size[0] <= image.shape[1]:
        return shrunk(image, size, True)
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if photographic else cv2.INTER_NEAREST)


def _draw_header(sheet: np.ndarray, source: Input, speed: float | None) -> np.ndarray:
    width, height = source.size
    facts = f"{source.kind}  ·  {width} x {height} px  ·  {source.frame_count} frames  ·  {source.fps:g} frames/s"
    sheet = draw_text(sheet, source.name, (_GAP, 8), 22, _INK)
    sheet = draw_text(sheet, facts, (_GAP, 38), 13, _FAINT)
    if speed is not None:
        from simcraft.observe.colour import colour_wheel

        side, text = 44, f"rim {speed:.2g} px/frame"
        left = sheet.shape[1] - _GAP - side
        paste(sheet, colour_wheel(side), (left, 9))
        sheet = draw_text(sheet, text, (left - 8 - text_size(text, 13)[0], 24), 13, _FAINT)
    return sheet


def _draw_moment(sheet: np.ndarray, text: str, corner: tuple[int, int]) -> np.ndarray:
    """Frame and time in a dark box; `corner` is the lower left one of its cell."""
    width, height = text_size(text, 12)
    x, y = corner
    box = sheet[y - height - 6 : y, x : x + width + 10]
    box[:] = (box * 0.25).astype(np.uint8)
    return draw_text(sheet, text, (x + 5, y - height - 3), 12, _INK)


def _cut(text: str, width: int) -> str:
    """As much of `text` as fits `width` pixels."""
    while len(text) > 1 and text_size(text, 13)[0] > width:
        text = text[:-2] + "…"
    return text
