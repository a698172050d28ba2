"""A contact sheet of a clip and its video: what went in, what was known and what came out, side by side."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.picture import draw_text, paste, resize, save_png, text_size
from simcraft.progress import Progress, silent, track
from simcraft.video import EXTENSIONS, Video, check_video_path, save_video

_PAPER = (18, 20, 24)
_INK = (236, 238, 242)
_FAINT = (150, 156, 168)
_GAP = 10
_HEADER = 58
_LABEL = 24
_MOST_TRACKS = 240


@dataclass(frozen=True)
class Panel:
    """One column of the sheet."""

    label: str
    draw: Callable[[int, tuple[int, int]], np.ndarray]
    """(frame, (width, height)) -> (height, width, 3) uint8."""
    speed: float | None = None
    """Pixels a frame at the rim of the colour wheel; None where colours are no directions."""


def check_sheet_path(path: Path) -> None:
    """Raise `UserError` where no sheet can be written as `path`. Cheap: call it before the work."""
    if path.suffix.lower() not in (".png", *EXTENSIONS):
        raise UserError(f"{path}: a sheet is written as .png, {', '.join(EXTENSIONS)}.", "Use one of these endings.")
    if path.suffix.lower() != ".png":
        check_video_path(path)


def save_sheet(
    clip: MotionClip,
    video: Video | None,
    path: str | os.PathLike[str],
    *,
    rows: int = 4,
    progress: Progress = silent,
) -> Path:
    """Show a clip and the video made from it: as a picture of a few moments, or as a video in which all panels move.

    Parameters
    ----------
    clip: what it does not know (depth, instances, tracks) is left out.
    video: the result; None for a sheet of the clip alone.
    path: .png for a picture; .mp4, .gif or .webm for a video.
    rows: how many moments the picture shows.

    Raises `UserError` for another extension or where the video does not fit the clip, `Failure` where nothing can be
    written.
    """
    path = Path(path)
    check_sheet_path(path)
    if video is not None and video.frames.shape[:3] != (clip.frame_count, *clip.image.shape[:2]):
        raise UserError(f"The video has {video.frames.shape[:3]} frames, height and width; the clip has others.")
    panels = make_panels(clip, video)
    if path.suffix.lower() == ".png":
        return save_png(draw_still_sheet(clip, video, panels, rows), path)
    frames = [
        draw_moving_sheet(clip, video, panels, t)
        for t in track(range(clip.frame_count), "draw sheet", clip.frame_count, progress)
    ]
    return save_video(Video(np.stack(frames), clip.fps, {"sheet_of": clip.name}), path, progress)


# ------------------------------------------------------------------------------------------------------------- panels


def make_panels(clip: MotionClip, video: Video | None) -> list[Panel]:
    """The panels for which the clip has data: first frame, flow, depth, instances, smoke, tracks, result."""
    panels = [Panel("first frame", lambda t, size: resize(clip.image, size)), _flow_panel(clip)]
    if clip.depth is not None:
        panels.append(_depth_panel(clip, clip.depth))
    if clip.instances is not None:
        panels.append(_instances_panel(clip.instances))
    if clip.coverage is not None and any(np.asarray(frame).any() for frame in clip.coverage):
        panels.append(_coverage_panel(clip.coverage))
    background = video.frames if video is not None else clip.frames
    if clip.tracks is not None and clip.track_visible is not None and len(clip.tracks):
        panels.append(_tracks_panel(clip, clip.tracks, clip.track_visible, background))
    if video is not None:
        name = str(video.made_by.get("generator", "result"))
        panels.append(Panel(f"result ({name})", lambda t, size: resize(video.frames[t], size)))
    return panels


def _flow_panel(clip: MotionClip) -> Panel:
    from simcraft.observe.colour import flow_to_wheel

    speed = _fastest(clip)

    def draw(t: int, size: tuple[int, int]) -> np.ndarray:
        t = min(t, clip.frame_count - 2)  # the last frame has no next one
        flow, valid = np.asarray(clip.flow_forward[t]), np.asarray(clip.flow_valid_forward[t])
        return _enlarged(flow_to_wheel(flow, speed, valid), size)

    if clip.frame_count < 2:
        return Panel("flow", lambda t, size: np.full((size[1], size[0], 3), 255, np.uint8))
    return Panel("flow", draw, speed)


def _depth_panel(clip: MotionClip, depth: np.ndarray) -> Panel:
    from simcraft.observe.colour import depth_to_colour

    some = np.asarray(depth[:: max(1, clip.frame_count // 8)])
    hit = some[np.isfinite(some)]
    near, far = (float(p) for p in np.percentile(hit, (1, 99))) if len(hit) else (1.0, 2.0)
    label = f"depth, {_metres(near)} to {_metres(far)} m" if len(hit) else "depth"
    return Panel(label, lambda t, size: _enlarged(depth_to_colour(np.asarray(depth[t]), near, far), size))


def _metres(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _instances_panel(instances: np.ndarray) -> Panel:
    from simcraft.observe.colour import instances_to_colour

    return Panel("instances", lambda t, size: _enlarged(instances_to_colour(np.asarray(instances[t])), size))


def _coverage_panel(coverage: np.ndarray) -> Panel:
    """Alpha of smoke, white where nothing is seen through it."""

    def draw(t: int, size: tuple[int, int]) -> np.ndarray:
        grey = (np.asarray(coverage[t]) * 255 + 0.5).astype(np.uint8)
        return _enlarged(grey[..., None].repeat(3, -1), size)

    return Panel("smoke", draw)


def _tracks_panel(clip: MotionClip, tracks: np.ndarray, visible: np.ndarray, background: np.ndarray | None) -> Panel:
    from simcraft.observe.colour import draw_tracks

    chosen = _some_tracks(tracks, visible)
    tracks, visible = tracks[chosen], visible[chosen]

    def draw(t: int, size: tuple[int, int]) -> np.ndarray:
        picture = resize(clip.image if background is None else background[t], size)
        grey = picture.mean(-1, keepdims=True).repeat(3, -1)
        dim = (0.35 * picture + 0.2 * grey).astype(np.uint8)
        return draw_tracks(dim, tracks, visible, t, scale=size[0] / clip.image.shape[1], radius=max(1.5, size[0] / 150))

    return Panel("tracks", draw)


def _some_tracks(tracks: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Indices of tracks to draw: rather those that move against the rest, spread by a fixed shuffle."""
    first = visible.argmax(1)
    start = tracks[np.arange(len(tracks)), first][:, None]
    far = np.where(visible, np.linalg.norm(np.nan_to_num(tracks - start), axis=-1), 0).max(1)
    order = np.random.default_rng(0).permutation(np.nonzero(visible.any(1))[0])
    moving = far[order] > max(2.0, float(np.median(far)) * 1.5)
    chosen = np.concatenate([order[moving][: _MOST_TRACKS * 2 // 3], order[~moving][: _MOST_TRACKS // 3]])
    return np.sort(chosen)


def _enlarged(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps keep their hard edges when they grow."""
    import cv2

    if size[0] < image.shape[1]:
        return resize(image, size)
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)


def _fastest(clip: MotionClip) -> float:
    from simcraft.observe.colour import typical_speed

    step = max(1, (clip.frame_count - 1) // 8)
    return typical_speed(np.asarray(clip.flow_forward[::step]), np.asarray(clip.flow_valid_forward[::step]), 90)


# ------------------------------------------------------------------------------------------------------------- layout


def draw_still_sheet(clip: MotionClip, video: Video | None, panels: list[Panel], rows: int) -> np.ndarray:
    """A row for each of `rows` moments; the first frame stands once, with the legend of the flow below it."""
    moments = np.unique(np.linspace(0, clip.frame_count - 1, max(rows, 1)).round().astype(int))
    size = _panel_size(clip, 1500 // len(panels))
    sheet = _canvas(len(panels), len(moments), size, row_label=0)
    sheet = _draw_header(sheet, clip, video, panels, size, "")
    for column, panel in enumerate(panels):
        for row, t in enumerate(moments):
            if column == 0 and row > 0:
                continue
            x, y = _corner(column, row, size, 0)
            sheet[y : y + size[1], x : x + size[0]] = panel.draw(int(t), size)
    for row, t in enumerate(moments[1:], start=1):
        x, y = _corner(0, row, size, 0)
        text = f"frame {t}  ·  {t / clip.fps:.2f} s"
        width, height = text_size(text, 14)
        sheet = draw_text(sheet, text, (x + size[0] - width - 4, y + (size[1] - height) // 2), 14, _FAINT)
        if row == 1:
            for speed in (panel.speed for panel in panels if panel.speed is not None):
                sheet = _draw_legend(sheet, speed, (x, y), size)
    return sheet


def draw_moving_sheet(clip: MotionClip, video: Video | None, panels: list[Panel], frame: int) -> np.ndarray:
    """All panels at one moment, in rows of three."""
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    size = _panel_size(clip, 1200 // columns)
    sheet = _canvas(columns, rows, size, row_label=_LABEL)
    moment = f"frame {frame} of {clip.frame_count - 1}  ·  {frame / clip.fps:.2f} s"
    sheet = _draw_header(sheet, clip, video, [], size, moment)
    for k, panel in enumerate(panels):
        x, y = _corner(k % columns, k // columns, size, _LABEL)
        sheet[y : y + size[1], x : x + size[0]] = panel.draw(frame, size)
        sheet = draw_text(sheet, panel.label, (x, y - _LABEL + 4), 14, _INK)
        if panel.speed is not None:
            room = size[0] - text_size(panel.label, 14)[0] - 8
            sheet = _draw_small_legend(sheet, panel.speed, (x + size[0], y - _LABEL), room)
    return sheet


def _panel_size(clip: MotionClip, width: int) -> tuple[int, int]:
    """(width, height) of a panel: as wide as asked, in the clip's proportions, and not too high for a screen."""
    scale = min(width / clip.size[0], 420 / clip.size[1])
    return max(24, round(clip.size[0] * scale)), max(24, round(clip.size[1] * scale))


def _corner(column: int, row: int, size: tuple[int, int], row_label: int) -> tuple[int, int]:
    """(x, y) of a panel's upper left pixel."""
    top = _HEADER + (0 if row_label else _LABEL)
    return _GAP + column * (size[0] + _GAP), top + row_label + row * (size[1] + _GAP + row_label)


def _canvas(columns: int, rows: int, size: tuple[int, int], row_label: int) -> np.ndarray:
    width, height = _corner(columns, rows, size, row_label)
    return np.full((height - row_label, max(width, 420), 3), _PAPER, np.uint8)


def _draw_header(
    sheet: np.ndarray, clip: MotionClip, video: Video | None, panels: list[Panel], size: tuple[int, int], right: str
) -> np.ndarray:
    """Name, facts, and, where there are `panels`, the columns' labels."""
    facts = f"{clip.size[0]} x {clip.size[1]} px, {clip.frame_count} frames, {clip.fps:g} frames/s"
    sheet = draw_text(sheet, clip.name or "motion clip", (_GAP, 8), 22, _INK)
    sheet = draw_text(sheet, facts, (_GAP, 36), 13, _FAINT)
    if right:
        sheet = draw_text(sheet, right, (sheet.shape[1] - _GAP - text_size(right, 14)[0], 14), 14, _FAINT)
    for column, panel in enumerate(panels):
        x, y = _corner(column, 0, size, 0)
        sheet = draw_text(sheet, panel.label, (x, y - _LABEL + 4), 14, _INK)
    return sheet


def _draw_legend(sheet: np.ndarray, speed: float, corner: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """The colour wheel of the flow and the speed at its rim, in the cell at `corner`."""
    x, y = corner
    side = min(72, size[1] - 30, size[0] // 3)
    top = y + (size[1] - side) // 2
    _draw_wheel(sheet, (x, top), side)
    return draw_text(sheet, f"rim: {speed:.2g} px/frame", (x, top + side + 2), 12, _FAINT)


def _draw_small_legend(sheet: np.ndarray, speed: float, corner: tuple[int, int], room: int) -> np.ndarray:
    """The same in the line of a panel's label: `corner` is its upper right one; with as many words as there is room."""
    (right, y), side = corner, _LABEL - 4
    for text in (f"rim: {speed:.2g} px/frame", f"{speed:.2g} px"):
        width = text_size(text, 12)[0]
        if width + side + 6 <= room:
            sheet = draw_text(sheet, text, (right - side - 6 - width, y + 5), 12, _FAINT)
            break
    _draw_wheel(sheet, (right - side, y + 2), side)
    return sheet


def _draw_wheel(sheet: np.ndarray, corner: tuple[int, int], side: int) -> None:
    from simcraft.observe.colour import colour_wheel

    paste(sheet, colour_wheel(side), corner)
