"""Figures of one clip that tell what a data set is like: how much moves, how fast, how much appears from nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip

MOVING = 0.1
"""Pixels a frame beyond which a pixel counts as moving."""
LEAST_SHARE = 5e-4
"""Share of the pixels that have to move for a pair of frames to count as moving: 8 pixels of 128 x 128."""
OCTAVES = tuple(2.0**k for k in range(-7, 8))
"""Speeds in pixels a frame between the bins of the histogram; the first bin is below, the last one beyond all."""
QUANTILES = (0.5, 0.9, 0.99)
_STRIDE = 2
"""Every second pixel of every second line says enough of what moves beside the camera."""


def statistics_of(clip: MotionClip) -> dict[str, Any]:
    """JSON values that depend on the clip alone; None where the clip does not know what it takes.

    - `flow`: of the forward flow of pixels that have one, in pixels a frame: `median`, `p90`, `p99`, `largest`, and
      `histogram`, the number of pixels between the speeds `OCTAVES`;
    - `moving`: share of the pixels that move by more than `MOVING`;
    - `moving_itself`: share of the pixels that move by more than `MOVING` beside what the camera's motion explains;
    - `dead`: in no pair of frames do `LEAST_SHARE` of the pixels move;
    - `still_after`: the frame (from 0) after which that is so; None where the clip moves to its end;
    - `camera_moves`: does the camera move, turn or zoom;
    - `valid`: share of the pixels that have a forward flow;
    - `disoccluded`: share of the pixels of frames 1 to T-1 that were not seen in the frame before;
    - `instances`: how many things are seen in all, without the background;
    - `brightness`: `mean` and `deviation` of the first image's luma (Rec. 709), 0 to 1;
    - `depth`: `nearest` and `farthest` in metres, without the background; both None where nothing is hit.
    """
    speed = np.sqrt(np.einsum("...i,...i", clip.flow_forward, clip.flow_forward))
    moving = (speed > MOVING) & clip.flow_valid_forward
    return {
        "flow": _speeds(speed if clip.flow_valid_forward.all() else speed[clip.flow_valid_forward]),
        "moving": _share(moving),
        "moving_itself": _moving_itself(clip, moving),
        **_standstill(moving),
        "camera_moves": camera_moves(clip),
        "valid": _share(clip.flow_valid_forward),
        "disoccluded": None
        if clip.visible_backward is None
        else _share(clip.flow_valid_backward & ~clip.visible_backward),
        "instances": None if clip.instances is None else int((np.bincount(clip.instances.ravel())[1:] > 0).sum()),
        "brightness": _brightness(clip.image),
        "depth": None if clip.depth is None else _depths(clip.depth),
    }


def camera_moves(clip: MotionClip) -> bool | None:
    """Does the camera move, turn or zoom; None where the clip does not know its camera."""
    if clip.camera_to_world is None:
        return None
    poses, lenses = clip.camera_to_world, clip.intrinsics
    return bool(np.ptp(poses, axis=0).max() > 1e-6 or (lenses is not None and np.ptp(lenses, axis=0).max() > 1e-6))


def flow_of_still_world(clip: MotionClip, frame: int, stride: int = 1) -> np.ndarray | None:
    """The flow that the camera alone would cause: (H', W', 2) float64 pixels from `frame` to the next one.

    Holds every `stride`th pixel of every `stride`th line. What the camera sees at the planar depth Z in direction
    K^-1 (u, v, 1) is put into the world by the pose of `frame` and projected by that of the next. The background turns
    with the camera and does not shift. None where the clip does not know its depth or camera.
    """
    if clip.depth is None or clip.camera_to_world is None or clip.intrinsics is None:
        return None
    depth = clip.depth[frame, ::stride, ::stride].astype(np.float64)
    y, x = np.indices(depth.shape) * stride + 0.5
    perspective, background = clip.projection == "perspective", np.isinf(depth)
    lens, next_lens = clip.intrinsics[frame], clip.intrinsics[frame + 1]
    scale = np.where(background, 1.0, depth) if perspective else 1.0
    there = [(x - lens[0, 2]) / lens[0, 0] * scale, (y - lens[1, 2]) / lens[1, 1] * scale]
    there += [np.where(background, 1.0 if perspective else 0.0, depth)]
    way = np.linalg.inv(clip.camera_to_world[frame + 1]) @ clip.camera_to_world[frame]
    shift = np.where(background, 0.0, 1.0)
    seen = [sum(way[r, c] * there[c] for c in range(3)) + way[r, 3] * shift for r in range(3)]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = seen[2] if perspective else 1.0
        u = next_lens[0, 0] * seen[0] / distance + next_lens[0, 2]
        v = next_lens[1, 1] * seen[1] / distance + next_lens[1, 2]
    return np.stack([u - x, v - y], axis=-1)


def _speeds(speed: np.ndarray) -> dict[str, Any]:
    speed = speed.ravel()
    # a float32's exponent is its octave; that of 0 is 0
    octave = np.frexp(np.maximum(speed, np.float32(OCTAVES[0] / 2)))[1] - np.frexp(OCTAVES[0])[1] + 1
    histogram = np.bincount(np.minimum(octave, len(OCTAVES)), minlength=len(OCTAVES) + 1)
    names = ["median", *(f"p{round(100 * q)}" for q in QUANTILES[1:]), "largest"]
    if not len(speed):
        return {**dict.fromkeys(names), "histogram": histogram.tolist()}
    places = [int(q * (len(speed) - 1)) for q in (*QUANTILES, 1.0)]
    found = np.partition(speed, places)[places]
    return {
        **{name: _rounded(value) for name, value in zip(names, found, strict=True)},
        "histogram": histogram.tolist(),
    }


def _moving_itself(clip: MotionClip, moving: np.ndarray) -> float | None:
    if camera_moves(clip) is False:
        return _share(moving)
    count, pixels = 0, 0
    for t in range(clip.frame_count - 1):
        still = flow_of_still_world(clip, t, _STRIDE)
        if still is None:
            return None
        own = clip.flow_forward[t, ::_STRIDE, ::_STRIDE] - still
        moves = np.einsum("...i,...i", own, own) > MOVING**2
        count += int((moves & clip.flow_valid_forward[t, ::_STRIDE, ::_STRIDE]).sum())
        pixels += moves.size
    return _rounded(count / max(pixels, 1))


def _standstill(moving: np.ndarray) -> dict[str, Any]:
    """`moving` is (T-1, H, W) bool."""
    (lively,) = np.nonzero(moving.mean(axis=(1, 2)) >= LEAST_SHARE)
    if not len(lively):
        return {"dead": True, "still_after": 0}
    last = int(lively[-1]) + 1
    return {"dead": False, "still_after": last if last < len(moving) else None}


def _brightness(image: np.ndarray) -> dict[str, float]:
    luma = image.reshape(-1, 3) @ np.array([0.2126, 0.7152, 0.0722]) / 255
    return {"mean": _rounded(luma.mean()), "deviation": _rounded(luma.std())}


def _depths(depth: np.ndarray) -> dict[str, float | None]:
    nearest, farthest = float(depth.min()), float(np.where(np.isinf(depth), -1.0, depth).max())
    if np.isinf(nearest):
        return {"nearest": None, "farthest": None}
    return {"nearest": _rounded(nearest), "farthest": _rounded(farthest)}


def _share(mask: np.ndarray) -> float:
    return _rounded(np.count_nonzero(mask) / max(mask.size, 1))


def _rounded(value: float) -> float:
    """Five decimals: enough for a table, and the same on machines whose last bits differ."""
    return round(float(value), 5)
