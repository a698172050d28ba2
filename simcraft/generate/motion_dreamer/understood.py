"""A picture of what arrows were understood to mean, before anything is generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simcraft.flow_arrows import draw_arrow
from simcraft.generate.motion_dreamer.arrows import Arrow, InstanceFlow, find_instance
from simcraft.generate.motion_dreamer.scene import FirstScene, labels_at, resize_scene
from simcraft.observe.colour import palette
from simcraft.picture import draw_text, text_size

_PAPER, _INK, _FAINT = (18, 20, 24), (236, 238, 242), (150, 156, 168)
_LEAST_SIDE = 640
"""Pixels: smaller pictures grow by a whole factor until one side has as many, so that labels are readable."""
_MOST_SIDE = 1280
"""Pixels: larger pictures shrink to so many."""
_TINT, _HATCH, _BETWEEN = 0.5, 0.35, 0.06
"""How much of an instance's colour covers it where its motion is said, and, where it is not, in and between lines."""
_HATCH_PERIOD, _HATCH_WIDTH = 14, 3
"""Pixels in a picture of 640."""
_LONGEST_NAME = 26
"""Letters."""
_WELL_INSIDE = 0.8
"""Share of the distance from its outline that an instance's innermost pixel has."""
_PADDING = 4

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels of the picture."""


@dataclass(frozen=True)
class _Thing:
    """One instance of the first frame, in pixels of the drawn picture."""

    id: int
    name: str
    colour: tuple[int, int, int]
    mask: np.ndarray
    """(H, W) bool."""
    move: np.ndarray | None
    """(2,) pixels over the whole clip; None: not said."""
    said: str
    """The same in words, in pixels of the scene."""
    arrows: tuple[Arrow, ...]

    @property
    def box(self) -> Box:
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)

    def middle(self) -> np.ndarray:
        """(2,): well inside the mask, and near to the mean of its pixels."""
        import cv2

        framed = np.pad(self.mask, 1).astype(np.uint8)
        depth = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
        inner = np.argwhere(depth >= _WELL_INSIDE * depth.max())[:, ::-1] + 0.5
        mean = np.argwhere(self.mask)[:, ::-1].mean(0) + 0.5
        return inner[np.square(inner - mean).sum(1).argmin()]


def understood(scene: FirstScene, flow: InstanceFlow, arrows: Sequence[Arrow], frames: int) -> np.ndarray:
    """The first frame with its instances tinted and named, how each was told to move, and a legend below.

    What moves as told is tinted, with a thick arrow of its own colour and a dashed outline where it should arrive;
    what was told to stay has a ring. Arrows as they were given are thin and white, where they say more than the thick
    one: a path, or one of several for an instance. What the model is free to move is hatched.

    Parameters
    ----------
    flow: what will be asked for, as `arrow_flow` makes it of `arrows`, of the scene's or any other size.
    frames: T of the clip, in which all this happens.

    Returns (h, w, 3) uint8. The first frame is above the legend; small ones grow to 640 pixels, large ones shrink to
    1280. An instance of which nothing is left then is left out.
    """
    picture, labels, factor = _drawn_size(scene)
    things = _things(scene, flow, arrows, frames, labels, factor)
    for thing in things:
        _tint(picture, thing)
    for thing in things:
        if thing.move is not None:
            _draw_arrival(picture, thing)
    lines = [line for thing in things for line in _draw_arrows(picture, thing, factor)]
    picture = _draw_labels(picture, things, lines)
    return np.concatenate([picture, _legend(things, frames, picture.shape[1])])


def _drawn_size(scene: FirstScene) -> tuple[np.ndarray, np.ndarray, float]:
    """The first frame and its labels as large as they are drawn, and how many times as large as before."""
    longest = max(scene.size)
    if longest > _MOST_SIDE:
        factor = _MOST_SIDE / longest
        scene = resize_scene(scene, (max(1, round(scene.size[0] * factor)), max(1, round(scene.size[1] * factor))))
        return scene.image, scene.instances, factor
    times = -(-_LEAST_SIDE // longest)
    return scene.image.repeat(times, 0).repeat(times, 1), scene.instances.repeat(times, 0).repeat(times, 1), times


def _things(
    scene: FirstScene, flow: InstanceFlow, arrows: Sequence[Arrow], frames: int, large: np.ndarray, factor: float
) -> list[_Thing]:
    """The instances, the largest first; `large` are the labels as they are drawn."""
    size = flow.known.shape[1], flow.known.shape[0]
    labels, scale = labels_at(scene, size), np.divide(scene.size, size)
    colours = palette(int(scene.instances.max()) + 1)
    given: dict[int, list[Arrow]] = {}
    for arrow in arrows:
        given.setdefault(find_instance(scene, arrow), []).append(arrow)
    things = []
    names, drawn = scene.names(), np.unique(large)
    for number in (int(i) for i in drawn if i):
        name = names[number]
        known = flow.known & (labels == number)
        move = flow.flow[known].astype(np.float64).mean(0) * scale * (frames - 1) if known.any() else None
        red, green, blue = (int(value) for value in colours[number])
        things.append(
            _Thing(
                number,
                name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…",
                (red, green, blue),
                large == number,
                None if move is None else move * factor,
                _in_words(move),
                tuple(given.get(number, ())),
            )
        )
    return sorted(things, key=lambda thing: -np.count_nonzero(thing.mask))


def _in_words(move: np.ndarray | None) -> str:
    if move is None:
        return ""
    x, y = (round(float(value), 1) for value in move)
    if x == 0 and y == 0:
        return "stays"
    words = [f"{abs(x):g} px {'right' if x > 0 else 'left'}"] if x else []
    words += [f"{abs(y):g} px {'down' if y > 0 else 'up'}"] if y else []
    return ", ".join(words)


# ------------------------------------------------------------------------------------------------------------ picture


def _tint(picture: np.ndarray, thing: _Thing) -> None:
    """Colour over an instance, whole or hatched, and its outline."""
    share = np.full(thing.mask.shape, _TINT)
    if thing.move is None:
        rows, columns = np.indices(thing.mask.shape)
        place = (rows + columns) * (_LEAST_SIDE / max(_LEAST_SIDE, *thing.mask.shape))
        share = np.where(place % _HATCH_PERIOD < _HATCH_WIDTH, _HATCH, _BETWEEN)
    inner = _eroded(thing.mask, 2 if thing.move is None else 3)
    share = np.where(inner, share, 1.0)[thing.mask][:, None]
    picture[thing.mask] = (picture[thing.mask] * (1 - share) + np.array(thing.colour) * share).astype(np.uint8)


def _eroded(mask: np.ndarray, pixels: int) -> np.ndarray:
    import cv2

    around = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return cv2.erode(mask.astype(np.uint8), around, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0


def _draw_arrival(picture: np.ndarray, thing: _Thing) -> None:
    """The dashed outline of an instance, where it should be in the last frame."""
    import cv2

    assert thing.move is not None
    if not np.abs(thing.move).max() >= 1:
        return
    outlines, _ = cv2.findContours(thing.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    shift, length = thing.move.round().astype(np.int32), max(picture.shape[:2]) // 64
    for outline in outlines:
        points = outline[:, 0] + shift
        for begin in range(0, len(points), 2 * length):
            dash = [points[begin : begin + length]]
            cv2.polylines(picture, dash, False, _PAPER, 4, cv2.LINE_AA)
            cv2.polylines(picture, dash, False, _lighter(thing.colour), 2, cv2.LINE_AA)


def _draw_arrows(picture: np.ndarray, thing: _Thing, factor: float) -> list[np.ndarray]:
    """The arrows of an instance; returns their lines, (P, 2) pixels."""
    import cv2

    if thing.move is None:
        return []
    starts = [np.array(arrow.start) * factor if arrow.start is not None else thing.middle() for arrow in thing.arrows]
    begin = starts[0] if len(starts) == 1 else thing.middle()
    width = max(3, round(max(picture.shape[:2]) / 170))
    lines = []
    for arrow, start in zip(thing.arrows, starts, strict=True):
        line = np.concatenate([[start], start + np.array(arrow.offsets) * factor])
        as_drawn = len(line) == 2 and len(starts) == 1 and np.allclose(line[1] - start, thing.move, atol=factor / 2)
        if not as_drawn and np.ptp(line, axis=0).max() >= 1:
            draw_arrow(picture, line, max(2, width // 2), (255, 255, 255), _PAPER, 2.5 * width)
            lines.append(line)
    if np.hypot(*thing.move) >= 1:
        line = np.stack([begin, begin + thing.move])
        draw_arrow(picture, line, width, _lighter(thing.colour), _PAPER, 4.0 * width)
        lines.append(line)
    else:
        place = tuple(int(value) for value in begin)
        for colour, wide in ((_PAPER, width + 2), (_lighter(thing.colour), width)):
            cv2.circle(picture, place, 2 * width, colour, wide, cv2.LINE_AA)
        lines.append(np.stack([begin - 2 * width, begin + 2 * width]))
    return lines


def _lighter(colour: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(round(128 + value / 2) for value in colour)


# ------------------------------------------------------------------------------------------------------------- labels


def _draw_labels(picture: np.ndarray, things: list[_Thing], lines: list[np.ndarray]) -> np.ndarray:
    """Names where they hide least; where there is no room for one, the legend has it."""
    size = max(picture.shape[:2]) / 42
    parts = [start + (end - start) * _SHARES for line in lines for start, end in pairwise(line)]
    drawn = np.concatenate([np.zeros((0, 2)), *parts])
    # a name may lie on what is much larger, but hide nothing small
    small = [thing for thing in things if np.count_nonzero(thing.mask) < _SMALL * size**2]
    counts = np.zeros(picture.shape[:2], np.uint8)
    for thing in small:
        counts[thing.mask] = 1
    covered = np.pad(counts.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    occupied: list[Box] = []
    for thing in sorted(things, key=lambda thing: thing.move is None):
        letters = size if thing.move is not None else 0.8 * size
        width, height = text_size(thing.name, letters)
        wanted = (width + 3 * _PADDING, height + _PADDING)
        box = _place(thing, wanted, occupied, drawn, covered)
        if thing.move is None and any(_overlap(box, other) for other in occupied):
            continue
        occupied.append(box)
        left, top, right, bottom = (int(value) for value in box)
        plate = picture[top:bottom, left:right]
        plate[:] = (plate * 0.2 + np.array(_PAPER) * 0.8).astype(np.uint8)
        plate[:, :_PADDING] = thing.colour
        picture = draw_text(picture, thing.name, (left + 2 * _PADDING, top + _PADDING / 2), letters, _INK)
    return picture


_SHARES = np.linspace(0, 1, 17)[:, None]
_SMALL = 20
"""Letters' heights squared: about the area of five short names."""


def _place(thing: _Thing, size: tuple[int, int], occupied: list[Box], drawn: np.ndarray, covered: np.ndarray) -> Box:
    """Of the places around and in an instance the one that hides least.

    `size` is (width, height), `drawn` (N, 2) are points of arrows, and `covered` (H + 1, W + 1) counts the pixels of
    small instances above and left of each corner.
    """
    left, top, right, bottom = thing.box
    (x, y), (width, height) = thing.middle(), size
    corners = [
        (across, down)
        for across in (left - width - 3, x - width, x - width / 2, x, right + 3)
        for down in (top - height - 3, y - height, y - height / 2, y, bottom + 3)
    ]
    limits = (covered.shape[1] - 1 - width, covered.shape[0] - 1 - height)
    inside = [[float(np.clip(round(corner[k]), 0, max(limits[k], 0))) for k in (0, 1)] for corner in corners]
    boxes = [(x0, y0, x0 + width, y0 + height) for x0, y0 in inside]

    def hidden(box: Box) -> float:
        names = sum(_overlap(box, other) for other in occupied) / (width * height)
        arrows = ((drawn >= (box[0] - 4, box[1] - 4)) & (drawn <= (box[2] + 4, box[3] + 4))).all(1).sum()
        away = float(np.hypot((box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y))
        return 20 * names + arrows + 4 * _pixels_in(covered, box) / (width * height) + away / 100

    return min(boxes, key=hidden)


def _pixels_in(counts: np.ndarray, box: Box) -> float:
    """How many are counted inside `box`, from sums over all that is above and left."""
    left, top, right, bottom = (int(value) for value in box)
    bottom, right = min(bottom, len(counts) - 1), min(right, counts.shape[1] - 1)
    return float(counts[bottom, right] - counts[top, right] - counts[bottom, left] + counts[top, left])


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


# ------------------------------------------------------------------------------------------------------------- legend


def _legend(things: list[_Thing], frames: int, width: int) -> np.ndarray:
    """(h, width, 3) uint8: what moves as told and how far, and what is left to the model."""
    size = max(width / 48, 12)
    line = round(size * 1.7)
    told = [thing for thing in things if thing.move is not None]
    free = [thing for thing in things if thing.move is None]
    parts = [(f"In {frames} frames, as told:", told), ("Left to the model:", free)]
    legend = np.full((line // 3, width, 3), _PAPER, np.uint8)
    for title, listed in parts:
        if listed:
            legend = np.concatenate([legend, _entries(title, listed, width, size, line)])
    if not told:
        legend = draw_text(
            np.concatenate([legend, np.full((line, width, 3), _PAPER, np.uint8)]),
            "Nothing is told to move.",
            (2 * _PADDING, len(legend)),
            size,
            _FAINT,
        )
    return legend


def _entries(title: str, things: list[_Thing], width: int, size: float, line: int) -> np.ndarray:
    """A title and one entry for each instance, in as many lines as they take."""
    x, row, swatch = 2 * _PADDING, 1, round(size)
    placed: list[tuple[int, int, _Thing, str]] = []
    for thing in things:
        text = f"{thing.name}  {thing.said}".rstrip()
        needed = swatch + 2 * _PADDING + text_size(text, size)[0]
        if x > 2 * _PADDING and x + needed > width:
            x, row = 2 * _PADDING, row + 1
        placed.append((x, row * line, thing, text))
        x += needed + 5 * _PADDING
    strip = np.full(((row + 1) * line, width, 3), _PAPER, np.uint8)
    for x, y, thing, _ in placed:
        block = strip[y + 1 : y + 1 + swatch, x : x + swatch]
        sample = _Thing(thing.id, "", thing.colour, np.ones(block.shape[:2], bool), thing.move, "", ())
        _tint(block, sample)
    strip = draw_text(strip, title, (2 * _PADDING, 0), size, _FAINT)
    for x, y, _, text in placed:
        strip = draw_text(strip, text, (x + swatch + _PADDING, y), size, _INK)
    return strip
