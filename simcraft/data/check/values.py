"""Is every array of a clip what its docstring says: there if asked for, finite, and within its range?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.data.manifest import Row
from simcraft.data.recipe import KEPT
from simcraft.sim.families import families

Finding = tuple[str, str]
"""What was found, and what was expected."""

_ROUNDING = 0.01
"""Pixels: by how much float32 positions may pass the image's edge."""


def asked_for(clip: MotionClip, row: Row) -> Iterator[Finding]:
    """What the row says of the clip: its size, length and seed, and which annotations it keeps."""
    if clip.size != row.size or clip.frame_count != row.frames:
        yield f"{_extent(clip.size, clip.frame_count)}", f"{_extent(row.size, row.frames)}, as the row says"
    if clip.seed != row.seed:
        yield f"the clip's seed is {clip.seed}: it is of another row", f"{row.seed}"
    # a fluid in the picture's plane has no depth, so that what hangs on it may be missing
    flat = any(family.name == row.family and family.image_plane is not None for family in families())
    for annotation, names in KEPT.items():
        for name in names:
            there = getattr(clip, name) is not None
            if annotation in row.annotations and not there and not flat:
                yield f"{name} is missing", f"it, since the row keeps {annotation}"
            if annotation not in row.annotations and there:
                yield f"{name} is there", f"not to be, since the row does not keep {annotation}"


def values(clip: MotionClip) -> Iterator[Finding]:
    """Values that no clip may have, field by field. Shapes and dtypes are checked by `load_clip`."""
    for way in ("forward", "backward"):
        yield from _flow_values(clip, way)
    yield from _depth_values(clip)
    yield from _track_values(clip)
    yield from _camera_values(clip)
    if clip.instances is not None:
        known = {0, *(info.id for info in clip.instance_table)}
        strange = sorted({int(k) for k in np.unique(clip.instances)} - known)
        if strange:
            yield f"instances has {strange[0]}, which the instance table lacks", "ids of the table, and 0"
    if clip.coverage is not None and not _all(clip.coverage >= 0, clip.coverage <= 1):
        yield "coverage leaves the range of an alpha", "0 to 1"
    if clip.to_first is not None and clip.to_first_visible is not None:
        yield from _seen_inside("to_first", clip.to_first[clip.to_first_visible], clip.size)


def _flow_values(clip: MotionClip, way: str) -> Iterator[Finding]:
    flow, valid = getattr(clip, f"flow_{way}"), getattr(clip, f"flow_valid_{way}")
    if not np.isfinite(flow).all():
        t, y, x = (int(k) for k in np.argwhere(~np.isfinite(flow).all(axis=-1))[0])
        yield f"flow_{way} is not finite, first at frame {t}, column {x}, line {y}", "numbers, 0 where not valid"
    elif flow[~valid].any():
        yield f"flow_{way} is not 0 where it is not valid", "0"
    visible = getattr(clip, f"visible_{way}")
    if visible is not None and (visible & ~valid).any():
        yield f"visible_{way} is true where flow_valid_{way} is not", "points that are seen again to have a flow"


def _depth_values(clip: MotionClip) -> Iterator[Finding]:
    if clip.depth is None:
        return
    if not _all(clip.depth > 0):
        yield "depth has values that are not positive", "metres before the camera, infinite for the background"
    if clip.normals is not None:
        length = np.linalg.norm(clip.normals, axis=-1)
        if not _all(np.abs(length - (length > 0.5)) < 1e-3):
            yield "normals are not of length 1", "unit vectors, or 0 for the background"


def _track_values(clip: MotionClip) -> Iterator[Finding]:
    if clip.tracks is None or clip.track_visible is None:
        return
    yield from _seen_inside("tracks", clip.tracks[clip.track_visible], clip.size)
    if np.isinf(clip.tracks).any():
        yield "tracks are infinite", "pixels, or NaN where the point does not exist"


def _seen_inside(name: str, points: np.ndarray, size: tuple[int, int]) -> Iterator[Finding]:
    outside = ~((points >= -_ROUNDING) & (points <= np.array(size) + _ROUNDING)).all(axis=-1)
    if outside.any():
        yield f"{int(outside.sum())} points of {name} are said to be seen outside the image", "them inside"


def _camera_values(clip: MotionClip) -> Iterator[Finding]:
    if clip.camera_to_world is not None:
        turn = clip.camera_to_world[:, :3, :3]
        rigid = np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max() < 1e-5 and (np.linalg.det(turn) > 0).all()
        if not rigid or not np.isfinite(clip.camera_to_world).all():
            yield "camera_to_world is not rigid", "rotations and shifts"
    if clip.intrinsics is not None and not _all(clip.intrinsics[:, 0, 0] > 0, clip.intrinsics[:, 1, 1] > 0):
        yield "intrinsics have focal lengths that are not positive", "pixels"


def _all(*conditions: np.ndarray) -> bool:
    """NaN fulfils none."""
    return all(bool(condition.all()) for condition in conditions)


def _extent(size: tuple[int, int], frames: int) -> str:
    return f"{frames} frames of {size[0]}x{size[1]} pixels"
