"""Do a clip's annotations agree with each other? Flow there and back, visibility, tracks, cameras and pictures.

The limits are several times what sound clips of all shipped families measure, and far below what a wrong sign, a shift
by some pixels or a frame, or another clip's array makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.data.check.values import Finding
from simcraft.data.statistics import MOVING, flow_of_still_world

TYPICAL, WORST = 0.1, 0.5
"""Pixels: limits of the median and of the 99th percentile, where flow is compared with itself between pixel centres."""
EXACT = 0.02
"""Pixels: limit of the 99th percentile where two annotations say the same thing of the same pixel."""
FEW, _VERY_FEW = 50, 8
"""Fewer points than this are not judged by their worst, or not at all."""
ELSEWHERE = 0.05
"""Points said to be seen that may land beside their own instance, as a share of those said to be hidden."""
HIDDEN = 0.02
"""Share of the points said to be hidden that may be seen all the same."""
BY_VELOCITY = ("liquid",)
"""Solvers whose surfaces have no points that last: their flow is the velocity, and does not come back exactly."""
_EDGE = 0.5
"""Pixels: neighbours whose flow differs by more are taken to be on both sides of an edge."""
_COLOUR = 12.0
"""Levels of 255: pictures that agree this well along the flow are not questioned."""


@dataclass(frozen=True)
class _Way:
    """One direction of time between two neighbouring frames, and all that is known of both."""

    name: str
    """"forward" or "backward"."""
    here: int
    there: int
    flow: np.ndarray
    """(H, W, 2) of `here`, to `there`."""
    valid: np.ndarray
    visible: np.ndarray | None
    back: np.ndarray
    """(H, W, 2) of `there`, to `here`."""
    back_valid: np.ndarray
    back_visible: np.ndarray | None


@dataclass(frozen=True)
class _Landing:
    """P points between the pixel centres of an image."""

    lines: np.ndarray
    """(4, P): the four pixels around each point; those outside are replaced by the nearest."""
    columns: np.ndarray
    weights: np.ndarray
    """(4, P), bilinear."""

    def read(self, image: np.ndarray) -> np.ndarray:
        """(4, P, ...): the values of the four."""
        return image[self.lines, self.columns]

    def between(self, image: np.ndarray) -> np.ndarray:
        """(P, C): the bilinear value."""
        return np.einsum("np,npc->pc", self.weights, self.read(image).astype(np.float64))

    def is_smooth(self, flow: np.ndarray) -> np.ndarray:
        """(P,) bool: do the four flows (H, W, 2) differ little, so that there is no edge between them?"""
        return (np.ptp(self.read(flow), axis=0) < _EDGE).all(axis=-1)


def disagreements(clip: MotionClip) -> Iterator[Finding]:
    """Everything in which the clip contradicts itself. Its values must be finite (`values.values`)."""
    found: dict[str, list[np.ndarray]] = {}
    for way in _ways(clip):
        for name, sample in _measure_way(clip, way):
            found.setdefault(name, []).append(sample)
    measured = {name: np.concatenate(samples) for name, samples in found.items()}
    for direction in ("forward", "backward"):
        yield from _judge_way(measured, direction, clip.instances is not None)
    yield from _still_world(clip)
    yield from _tracks(clip)
    yield from _to_first(clip)
    yield from _pictures(clip)


def _ways(clip: MotionClip) -> Iterator[_Way]:
    def side(name: str, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        visible = getattr(clip, f"visible_{name}")
        return (
            getattr(clip, f"flow_{name}")[t],
            getattr(clip, f"flow_valid_{name}")[t],
            None if visible is None else visible[t],
        )

    for t in range(clip.frame_count - 1):
        yield _Way("forward", t, t + 1, *side("forward", t), *side("backward", t))
        yield _Way("backward", t + 1, t, *side("backward", t), *side("forward", t))


def _measure_way(clip: MotionClip, way: _Way) -> Iterator[tuple[str, np.ndarray]]:
    """Samples to judge over the whole clip, each with the name of what was measured and the direction."""
    if way.visible is None:
        return
    centres = _centres(way.valid.shape)
    inside = _inside(centres + way.flow, clip.size)
    yield f"outside {way.name}", ~inside[way.visible]
    seen = way.visible & inside
    flow = way.flow[seen].astype(np.float64)
    landing = _landing((centres + way.flow)[seen], clip.size)
    own = _same_instance(clip, way, seen, landing)
    yield f"elsewhere {way.name}", ~own.any(axis=0)
    error = np.linalg.norm(flow + landing.between(way.back), axis=-1)
    # beside another thing, nothing, or another fold of the same thing, flow is not to be had between pixel centres
    judged = own.all(axis=0) & landing.read(way.back_valid).all(axis=0) & landing.is_smooth(way.back)
    judged &= np.linalg.norm(flow, axis=-1) > MOVING
    judged &= _has_lasting_points(clip, way.here)[seen]
    yield f"return {way.name}", error[judged]
    if way.back_visible is not None:
        yield f"hidden {way.name}", _seen_although_hidden(clip, way, centres)


def _seen_although_hidden(clip: MotionClip, way: _Way, centres: np.ndarray) -> np.ndarray:
    """(P,) bool of the points said to be hidden: they land amid their own instance, and its points come right back."""
    position = centres + way.flow
    hidden = way.valid & ~way.visible & _inside(position, clip.size, margin=1.0)  # type: ignore[operator]
    landing = _landing(position[hidden], clip.size)
    own = _same_instance(clip, way, hidden, landing).all(axis=0)
    seen_back = landing.read(way.back_visible).all(axis=0)  # type: ignore[arg-type]
    error = np.linalg.norm(way.flow[hidden] + landing.between(way.back), axis=-1)
    return own & seen_back & (error < EXACT)


def _has_lasting_points(clip: MotionClip, frame: int) -> np.ndarray:
    """(H, W) bool: false for smoke and liquids, which are followed by their velocity."""
    lasting = np.ones(clip.flow_forward.shape[1:3], bool)
    if clip.coverage is not None:
        lasting &= clip.coverage[frame] < 0.05
    if clip.instances is not None:
        flowing = [info.id for info in clip.instance_table if info.solver in BY_VELOCITY]
        lasting &= ~np.isin(clip.instances[frame], flowing)
    return lasting


def _same_instance(clip: MotionClip, way: _Way, mask: np.ndarray, landing: _Landing) -> np.ndarray:
    """(4, P) bool: do the pixels around the landing show the same instance? True where the clip does not know."""
    if clip.instances is None:
        return np.ones(landing.lines.shape, bool)
    return landing.read(clip.instances[way.there]) == clip.instances[way.here][mask]


def _judge_way(measured: dict[str, np.ndarray], direction: str, apart: bool) -> Iterator[Finding]:
    outside = measured.get(f"outside {direction}", np.zeros(0))
    if outside.any():
        yield (
            f"visible_{direction}: {int(outside.sum())} visible points land outside the image",
            "none: what is seen is inside",
        )
    elsewhere = measured.get(f"elsewhere {direction}", np.zeros(0))
    hidden = measured.get(f"hidden {direction}", np.zeros(0))
    most = max(20, round(ELSEWHERE * len(hidden)))
    if elsewhere.sum() > most:
        yield f"visible_{direction}: {int(elsewhere.sum())} visible points land on another instance", f"{most} at most"
    yield from _judge_error(
        measured.get(f"return {direction}", np.zeros(0)),
        f"flow_{direction}: visible moving points that go there and come back miss their start",
        apart,
    )
    if hidden.sum() > max(5, HIDDEN * len(hidden)):
        yield (
            f"visible_{direction}: {hidden.mean():.1%} of the points that are said to be hidden are seen",
            f"{HIDDEN:.0%} at most",
        )


def _judge_error(error: np.ndarray, what: str, apart: bool) -> Iterator[Finding]:
    """`apart`: are instances told apart, so that none of the points lies at the edge of another thing?"""
    if len(error) < _VERY_FEW:
        return
    median, worst = np.percentile(error, (50, 99))
    # NaN fails every comparison
    if not median <= TYPICAL or (apart and len(error) >= FEW and not worst <= WORST):
        yield (
            f"{what} by {median:.2f} px (median), {worst:.2f} px (99 %)",
            f"{TYPICAL:g} px and {WORST:g} px at most",
        )


def _still_world(clip: MotionClip) -> Iterator[Finding]:
    """What does not move by itself has exactly the flow that depth and camera give it."""
    if clip.instances is None:
        return
    static = [info.id for info in clip.instance_table if info.solver == "static"]
    errors = []
    for t in range(clip.frame_count - 1):
        expected = flow_of_still_world(clip, t)
        if expected is None:
            return
        still = np.isin(clip.instances[t], static) & clip.flow_valid_forward[t]
        errors.append(np.linalg.norm(clip.flow_forward[t] - expected, axis=-1)[still])
    error = np.concatenate(errors)
    if len(error) >= FEW and not (worst := float(np.percentile(error, 99))) <= EXACT:
        yield (
            f"flow_forward: what stands still moves {worst:.2f} px (99 %) otherwise than depth and camera say",
            f"{EXACT:g} px at most",
        )


def _tracks(clip: MotionClip) -> Iterator[Finding]:
    """A track goes from frame to frame as the flow does where it is."""
    if clip.tracks is None or clip.track_visible is None:
        return
    errors = []
    for t in range(clip.frame_count - 1):
        here, step = clip.tracks[:, t], clip.tracks[:, t + 1] - clip.tracks[:, t]
        known = clip.track_visible[:, t] & np.isfinite(step).all(axis=-1) & _inside(here, clip.size)
        landing = _landing(here[known], clip.size)
        amid = landing.read(clip.flow_valid_forward[t]).all(axis=0) & landing.is_smooth(clip.flow_forward[t])
        if clip.instances is not None:
            around = landing.read(clip.instances[t])
            amid &= (around == around[:1]).all(axis=0)
        step, flow = step[known], landing.between(clip.flow_forward[t])
        moves = np.maximum(np.linalg.norm(step, axis=-1), np.linalg.norm(flow, axis=-1)) > MOVING
        errors.append(np.linalg.norm(step - flow, axis=-1)[amid & moves])
    yield from _judge_error(
        np.concatenate(errors), "tracks and flow_forward: visible moving points differ", clip.instances is not None
    )


def _to_first(clip: MotionClip) -> Iterator[Finding]:
    """In the first frame everything is where it is, and one frame later where the backward flow says."""
    if clip.to_first is None:
        return
    centres = _centres(clip.to_first.shape[1:3])
    for t, expected, valid in (
        (0, centres, np.isfinite(clip.to_first[0]).all(axis=-1)),
        (1, centres + clip.flow_backward[0], clip.flow_valid_backward[0]),
    ):
        error = np.linalg.norm(clip.to_first[t] - expected, axis=-1)[valid]
        if len(error) >= FEW and not (worst := float(np.percentile(error, 99))) <= EXACT:
            where = "the pixels themselves" if t == 0 else "flow_backward"
            yield f"to_first of frame {t} differs from {where} by {worst:.2f} px (99 %)", f"{EXACT:g} px at most"


def _pictures(clip: MotionClip) -> Iterator[Finding]:
    """Along the flow, pictures agree better than where they are: loosely, since light and gloss change too."""
    if clip.frames is None:
        return
    if clip.frames_source == clip.image_source:
        difference = np.abs(clip.image.astype(np.int16) - clip.frames[0]).mean()
        if difference > 2:
            yield f"image differs from the first of frames by {difference:.0f} levels of 255", "the same picture"
    along, in_place = [], []
    for way in _ways(clip):
        if way.name == "backward" or way.visible is None:
            continue
        moving = way.visible & (np.linalg.norm(way.flow, axis=-1) > 0.5) & _has_lasting_points(clip, way.here)
        before = clip.frames[way.here][moving].astype(np.float64)
        landing = _landing((_centres(way.valid.shape) + way.flow)[moving], clip.size)
        along.append(np.abs(before - landing.between(clip.frames[way.there])).mean(axis=-1))
        in_place.append(np.abs(before - clip.frames[way.there][moving]).mean(axis=-1))
    flowing, still = (np.concatenate(levels) if levels else np.zeros(0) for levels in (along, in_place))
    if len(flowing) >= FEW and np.median(flowing) > _COLOUR and flowing.mean() > 1.25 * still.mean():
        yield (
            f"frames: along flow_forward the pictures differ by {flowing.mean():.0f} levels of 255, more than without "
            f"it ({still.mean():.0f})",
            "less",
        )


# ----------------------------------------------------------------------------------------------------------- positions


def _centres(shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, 2) float32 positions of the pixel centres."""
    y, x = np.indices(shape, np.float32)
    return np.stack([x, y], axis=-1) + np.float32(0.5)


def _inside(position: np.ndarray, size: tuple[int, int], margin: float = -0.01) -> np.ndarray:
    """(...) bool: are the positions (..., 2) inside the image, at least `margin` pixels from its edge?"""
    return ((position >= margin) & (position <= np.array(size) - margin)).all(axis=-1)


def _landing(position: np.ndarray, size: tuple[int, int]) -> _Landing:
    """`position` is (P, 2) pixels."""
    column, line = position.T - 0.5
    left, top = np.floor(column), np.floor(line)
    x, y = (column - left).astype(np.float64), (line - top).astype(np.float64)
    columns = left.astype(np.int64) + np.array([[0], [1], [0], [1]])
    lines = top.astype(np.int64) + np.array([[0], [0], [1], [1]])
    weights = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    return _Landing(np.clip(lines, 0, size[1] - 1), np.clip(columns, 0, size[0] - 1), weights)
