"""From a first frame and arrows to motion: what `simcraft.predict` and `simcraft predict` do, with Motion Dreamer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.options import FPS, LOADING, REASONING
from simcraft.generate.registry import Generator, complete_options
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.generate.motion_dreamer.arrows import Arrow
    from simcraft.generate.motion_dreamer.given_arrows import Given
    from simcraft.generate.motion_dreamer.scene import FirstScene, Picture

First = MotionClip | np.ndarray | str | os.PathLike[str]
"""A clip, or the path of one, or a picture, (H, W, 3) uint8 or its file."""
FRAMES = 14
"""Of what is predicted from a picture: the embedded model has learnt so many."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
PREDICTOR = Generator(
    "predict",
    "Stage one of Motion Dreamer.",
    "simcraft.generate.motion_dreamer.loading:load_pipeline",
    (*REASONING, *LOADING),
    loads=True,
    checks="simcraft.generate.motion_dreamer.checkpoints:check_reasoning",
)
"""No generator of videos, but options and a model as those have."""


@dataclass(frozen=True)
class Asked:
    """What is to be predicted."""

    scene: FirstScene
    arrows: tuple[Arrow, ...]
    frames: int
    """T."""
    fps: float
    camera_to_world: np.ndarray | None = None
    """(T, 4, 4); None: the camera stands still."""
    delta: float | None = None
    """Scale of the arrows; None: the model's, or 1 where none is known."""
    clip: MotionClip | None = None
    """The clip whose first frame it is; None: it is a picture."""

    def picture(self) -> np.ndarray:
        """(h, w, 3) uint8: how scene and arrows were understood. No model is needed."""
        from simcraft.generate.motion_dreamer.arrows import arrow_flow
        from simcraft.generate.motion_dreamer.understood import understood

        flow = arrow_flow(self.scene, self.arrows, self.frames, 1.0 if self.delta is None else self.delta)
        return understood(self.scene, flow, self.arrows, self.frames)


def asked(
    first: First,
    arrows: Given,
    *,
    masks: Picture | None = None,
    depth: Picture | None = None,
    points: Sequence[tuple[float, float]] = (),
    frames: int | None = None,
    fps: float | None = None,
    delta: float | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> Asked:
    """Read and check everything but the model; parameters and errors as those of `predict`."""
    from simcraft.generate.motion_dreamer.arrows import arrow_flow
    from simcraft.generate.motion_dreamer.given_arrows import frame_numbers, given_arrows

    clip = _clip(first, progress)
    scene = _scene(first, clip, masks, depth, points, device, progress)
    count = frames or (clip.frame_count if clip is not None else FRAMES)
    poses = None if clip is None else clip.camera_to_world
    if poses is not None:
        # after the clip's last frame the camera stands still
        poses = np.asarray(poses)[np.minimum(np.arange(count), len(poses) - 1)]
    numbers = None if clip is None else frame_numbers(clip, count)
    read = given_arrows(arrows, scene.size, None if numbers is None else (numbers[0], numbers[-1]))
    arrow_flow(scene, read, count)  # a mistake is told before a model is loaded
    return Asked(scene, read, count, fps or (FPS if clip is None else clip.fps), poses, delta, clip)


def predict(
    first: First,
    arrows: Given = (),
    *,
    masks: Picture | None = None,
    depth: Picture | None = None,
    points: Sequence[tuple[float, float]] = (),
    frames: int | None = None,
    fps: float | None = None,
    progress: Progress = silent,
    **options: Any,
) -> MotionClip:
    """Predict what moves, how, when things are pushed along arrows: stage one of Motion Dreamer.

    Parameters
    ----------
    first: a clip, whose first frame and camera count, or a picture.
    arrows: {"ball": (40, -5), "cube": (0, 8)}, pixels of the first frame over the whole clip, by the names or ids of
        instances; texts such as "ball=40,-5"; or the path of a .json as docs/arrows.md describes it. What has none
        moves as the model sees fit.
    masks: for a picture, what tells its things apart: a painted mask, a folder of masks, or the folder of a Segment
        Anything checkpoint, which `points` (x, y) may ask for what is there.
    depth: for a picture, its depth in metres, a file of it, or the folder of a depth checkpoint; None: unknown.
    frames: T; by default the clip's, or 14.
    fps: by default the clip's, or 12.
    options: those of `PREDICTOR`: `model`, `device`, `steps`, `seed`, `delta` and so on.

    Returns a clip that every generator takes. Raises `UserError` for arrows that move nothing, pictures without masks,
    files that cannot be read, and a model that is not there.
    """
    complete = complete_options(PREDICTOR, options)
    PREDICTOR.check(complete)
    # the network that finds things in a photo runs where the other does
    what = asked(
        first,
        arrows,
        masks=masks,
        depth=depth,
        points=points,
        frames=frames,
        fps=fps,
        device=network_device(complete["device"]),
        progress=progress,
    )
    return load_and_predict(what, complete, progress)


def load_and_predict(what: Asked, options: dict[str, Any], progress: Progress = silent) -> MotionClip:
    """The prediction itself; `options` are all of `PREDICTOR`'s."""
    from simcraft.generate.motion_dreamer.generator import predict_asked
    from simcraft.generate.motion_dreamer.loading import load_pipeline
    from simcraft.generate.placing import loading_memory

    loading, settings = PREDICTOR.split(options)
    progress("load model", 0, 1)
    with loading_memory(str(options["model"] or "the model")):
        pipeline = load_pipeline(**loading)
    progress("load model", 1, 1)
    return predict_asked(pipeline, what, progress=progress, **settings)


def network_device(name: str) -> str:
    """The torch device that `name` means, "auto" included."""
    if name == "cpu":
        return name
    from simcraft.generate.placing import device_of

    return str(device_of(name))


def _clip(first: First, progress: Progress) -> MotionClip | None:
    """The clip that `first` is, or is the path of; None for a picture."""
    if isinstance(first, MotionClip):
        return first
    if isinstance(first, np.ndarray) or Path(first).suffix.lower() in PICTURES:
        return None
    from simcraft.clip.store import load_clip

    return load_clip(first, progress)


def _scene(
    first: First,
    clip: MotionClip | None,
    masks: Picture | None,
    depth: Picture | None,
    points: Sequence[tuple[float, float]],
    device: str,
    progress: Progress,
) -> FirstScene:
    from simcraft.generate.motion_dreamer.depths import photo_depth
    from simcraft.generate.motion_dreamer.masks import photo_instances, useless_points
    from simcraft.generate.motion_dreamer.scene import first_scene, photo_scene

    if masks is None and points:
        raise useless_points()
    if clip is not None:
        if masks is not None:
            found, table = photo_instances(masks, clip.image, points=points, device=device, progress=progress)
            every = np.broadcast_to(found, (clip.frame_count, *found.shape))
            clip = replace(clip, instances=every, instance_table=table)
        scene = first_scene(clip)
        return scene if depth is None else replace(scene, depth=photo_depth(depth, scene.image, device=device))
    if masks is None:
        raise UserError(
            "What is in the picture is not known: arrows need masks of what can move.",
            "Give --masks: a painted PNG (a colour for each thing), a folder of masks, or a Segment Anything folder.",
            ("masks",),
        )
    picture: Any = first
    return photo_scene(picture, masks, depth, points=points, device=device, progress=progress)
