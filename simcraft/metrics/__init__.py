"""Did the video move as simulated, and does it look like the truth?"""

from __future__ import annotations

import os

import numpy as np

from simcraft._verbs import make_callable
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.metrics.report import FlowError as FlowError
from simcraft.metrics.report import InstanceError as InstanceError
from simcraft.metrics.report import Likeness as Likeness
from simcraft.metrics.report import Report as Report
from simcraft.progress import Progress, silent
from simcraft.video import Video, load_video

AnyPath = str | os.PathLike[str]


def evaluate(
    video: Video | AnyPath,
    clip: MotionClip | AnyPath,
    truth: Video | np.ndarray | AnyPath | None = None,
    *,
    clip_model: AnyPath | None = None,
    progress: Progress = silent,
) -> Report:
    """Measure how well `video` follows `clip`, and how much it looks like the truth.

    Parameters
    ----------
    video: what was generated, or its path.
    clip: the motion it was generated from, or its path.
    truth: the true frames: a video, (T, H, W, 3) uint8, or a path. By default `clip.frames`, where they were rendered.
    clip_model: a local folder with a CLIP model (transformers layout, safetensors), for frame consistency.
    progress: called with stage, step and steps.

    The error of the motion is the end-point error of flow estimated by OpenCV's DIS. That estimator errs by itself, so
    the report puts its error on the true frames beside it (`floor`: on `truth`, else on `clip.frames`), and the error
    of a video that does not move at all (`standstill_error`).

    Raises `UserError` where sizes or numbers of frames differ, or `clip_model` is no complete CLIP model.
    """
    from simcraft.metrics.flow_error import clip_motion, flow_error
    from simcraft.metrics.likeness import frame_consistency, likeness, motion_consistency

    if not isinstance(video, Video):
        video = load_video(video)
    if not isinstance(clip, MotionClip):
        from simcraft.clip.store import load_clip

        clip = load_clip(clip)
    _check_shape("The video", video.frames, clip)
    true_frames, source = _true_frames(truth, clip)
    looks = true_frames if source != "preview" else None
    same = None
    if looks is not None and source is not None:
        same = likeness(video.frames, looks, source, progress)
    motion = clip_motion(clip)
    floor = None
    if true_frames is not None:
        floor = flow_error(true_frames, clip, motion.threshold, "motion of the truth", progress)
    return Report(
        clip=clip.name,
        generator=str(video.made_by.get("generator", "unknown")),
        size=video.size,
        frame_count=video.frame_count,
        end_point_error=flow_error(video.frames, clip, motion.threshold, "motion of the video", progress),
        floor=floor,
        floor_source=source,
        standstill_error=motion.standstill_error,
        likeness=same,
        motion_consistency=motion_consistency(video.frames, clip, progress),
        frame_consistency=None if clip_model is None else frame_consistency(video.frames, clip_model, progress),
        notes=_notes(clip, source, clip_model),
    )


def _true_frames(truth: Video | np.ndarray | AnyPath | None, clip: MotionClip) -> tuple[np.ndarray | None, str | None]:
    """The frames to compare with, and what they are."""
    if truth is None:
        return (None, None) if clip.frames is None else (np.asarray(clip.frames), clip.frames_source or "render")
    if not isinstance(truth, np.ndarray | Video):
        truth = load_video(truth)
    frames = truth.frames if isinstance(truth, Video) else truth
    _check_shape("The truth", frames, clip)
    return frames, "truth"


def _check_shape(who: str, frames: np.ndarray, clip: MotionClip) -> None:
    expected = (clip.frame_count, *clip.image.shape)
    if frames.shape != expected or frames.dtype != np.uint8:
        shape = "x".join(map(str, frames.shape[2:0:-1]))
        raise UserError(
            f"{who} has {len(frames)} frames of {shape} pixels ({frames.dtype}); "
            f"the clip has {expected[0]} of {expected[2]}x{expected[1]} (uint8).",
            "Compare a video with the clip that it was generated from.",
        )


def _notes(clip: MotionClip, source: str | None, clip_model: AnyPath | None) -> tuple[str, ...]:
    notes = ["Flow estimated by OpenCV DIS (medium preset, finest scale 0) on consecutive frames."]
    if clip.visible_forward is None:
        notes.append("The clip does not know what is visible: covered pixels count as errors.")
    if source is None:
        notes.append("Floor, PSNR and SSIM not measured: no true frames.")
    elif source == "preview":
        notes.append("PSNR and SSIM not measured: the clip's frames are a preview, not a render.")
    if clip.instances is None:
        notes.append("Error per instance not measured: the clip has no instances.")
    notes.append("Motion consistency: SSIM of frame t and frame t+1 warped back by the clip's flow, on visible pixels.")
    if clip_model is None:
        notes.append("Frame consistency not measured: no CLIP weights.")
    return tuple(notes)


make_callable(__name__, evaluate)
