"""Did it move as simulated? Flow estimated from the frames of a video, against the exact flow of the clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.metrics.report import FlowError, InstanceError
from simcraft.progress import Progress, silent, track

MOVING = 0.5
"""Pixels a frame from which a pixel counts as moving: still surroundings would hide every error in a median."""
STILL = 0.05
"""Pixels a frame below which nothing counts as moving, however slow the clip is."""
_SMALLEST = 16
"""DIS needs at least so many pixels on each side; smaller frames are padded."""


def estimated_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W, 2) float32, pixels: DIS flow (Kroeger et al. 2016, medium preset, full resolution) between two frames."""
    import cv2

    height, width = first.shape[:2]
    pad = [(0, max(0, _SMALLEST - height)), (0, max(0, _SMALLEST - width))]
    grey = [np.pad(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), pad, mode="edge") for f in (first, second)]
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    estimator.setFinestScale(0)
    return estimator.calc(grey[0], grey[1], None)[:height, :width]


def comparable(clip: MotionClip, frame: int) -> np.ndarray:
    """(H, W) bool: pixels of `frame` whose surface point is known to be seen in the next frame too."""
    valid = np.asarray(clip.flow_valid_forward[frame])
    return valid if clip.visible_forward is None else valid & np.asarray(clip.visible_forward[frame])


@dataclass(frozen=True)
class ClipMotion:
    """How fast a clip is, and so what a video of it can be tested for."""

    threshold: float
    """Pixels a frame from which its pixels count as moving: `MOVING`, or half its greatest speed where it is slow."""
    standstill_error: float | None
    """Pixels: the median speed of what moves, which is how much a video that stands still errs. None: nothing moves."""


def clip_motion(clip: MotionClip) -> ClipMotion:
    """Measure the speed of the comparable pixels of `clip`; one in a thousand may be faster than "the greatest"."""
    speeds = [
        np.linalg.norm(np.asarray(clip.flow_forward[t])[comparable(clip, t)], axis=-1)
        for t in range(clip.frame_count - 1)
    ]
    speed = np.concatenate(speeds) if speeds else np.zeros(0, np.float32)
    if not len(speed):
        return ClipMotion(MOVING, None)
    threshold = min(MOVING, max(STILL, float(np.percentile(speed, 99.9)) / 2))
    return ClipMotion(threshold, _median(speed[speed >= threshold]))


def flow_error(
    frames: np.ndarray, clip: MotionClip, threshold: float, stage: str, progress: Progress = silent
) -> FlowError:
    """End-point error of the flow estimated from `frames` (T, H, W, 3) against `clip.flow_forward`.

    `threshold` is the speed, in pixels a frame, from which pixels count as moving (`clip_motion`), `stage` names the
    work for `progress`. Compared are pixels with a correspondence, seen in both frames (all pixels with a
    correspondence where the clip does not know what is visible).
    """
    errors, moving, labels, per_frame = [], [], [], []
    for t in track(range(clip.frame_count - 1), stage, clip.frame_count - 1, progress):
        mask = comparable(clip, t)
        exact = np.asarray(clip.flow_forward[t])[mask]
        error = np.linalg.norm(estimated_flow(frames[t], frames[t + 1])[mask] - exact, axis=-1)
        errors.append(error)
        moves = np.linalg.norm(exact, axis=-1) >= threshold
        moving.append(error[moves])
        per_frame.append(_median(moving[-1]))
        if clip.instances is not None:
            labels.append(np.asarray(clip.instances[t])[mask])
    error = np.concatenate(errors) if errors else np.zeros(0, np.float32)
    if not len(error):
        return FlowError(None, None, None, None, 0, tuple(per_frame), ())
    return FlowError(
        median=float(np.median(error)),
        mean=float(error.mean(dtype=np.float64)),
        percentile_90=float(np.percentile(error, 90)),
        moving_median=_median(np.concatenate(moving)),
        pixels=len(error),
        per_frame=tuple(per_frame),
        per_instance=_per_instance(error, np.concatenate(labels), clip) if labels else (),
    )


def _median(error: np.ndarray) -> float | None:
    return float(np.median(error)) if len(error) else None


def _per_instance(error: np.ndarray, labels: np.ndarray, clip: MotionClip) -> tuple[InstanceError, ...]:
    names = {info.id: info.name for info in clip.instance_table}
    names.setdefault(0, "background")
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    return tuple(
        InstanceError(int(k), names.get(int(k), f"instance {k}"), float(np.median(e)), float(e.mean()), len(e))
        for k, e in zip(present, np.split(error[order], starts[1:]), strict=True)
    )
