"""What is known before anything moves: the first frame, its instances and, where there is one, its depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simcraft.clip.files import read_rgb
from simcraft.clip.types import InstanceInfo, MotionClip, require
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.depths import photo_depth
from simcraft.generate.motion_dreamer.masks import photo_instances
from simcraft.progress import Progress, silent

Picture = np.ndarray | str | os.PathLike[str]


@dataclass(frozen=True)
class FirstScene:
    """A first frame that can be told apart into instances; the arrays are those of a MotionClip's frame 0."""

    image: np.ndarray
    """(H, W, 3) uint8 sRGB."""
    instances: np.ndarray
    """(H, W) uint16, 0 = background."""
    instance_table: tuple[InstanceInfo, ...] = ()
    """Names of the instances; may also name some that the first frame does not show."""
    depth: np.ndarray | None = None
    """(H, W) float32, planar z in metres, +inf for background; may be right but for one factor (see `depths`)."""
    intrinsics: np.ndarray | None = None
    """(3, 3) float64, pixels, of a perspective camera."""

    def __post_init__(self) -> None:
        _check_scene(self)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]

    def names(self) -> dict[int, str]:
        """Id to name of each instance that the first frame shows; one without a name is called by its number."""
        named = {info.id: info.name for info in self.instance_table}
        return {int(i): named.get(int(i)) or str(i) for i in np.unique(self.instances) if i > 0}


def first_scene(clip: MotionClip) -> FirstScene:
    """What the first frame of `clip` shows. Raises `UserError` where the clip has no `instances`."""
    require(clip, "A scene that arrows move", "instances")
    assert clip.instances is not None
    known = clip.intrinsics is not None and clip.projection == "perspective"
    return FirstScene(
        np.asarray(clip.image),
        np.asarray(clip.instances[0]),
        clip.instance_table,
        None if clip.depth is None else np.asarray(clip.depth[0]),
        np.asarray(clip.intrinsics[0]) if known and clip.intrinsics is not None else None,
    )


def fixed_instances(clip: MotionClip) -> set[int]:
    """The ids of the instances that never move in the world."""
    return {row.id for row in clip.instance_table if row.solver == "static"}


def photo_scene(
    image: Picture,
    masks: Picture,
    depth: Picture | None = None,
    *,
    points: Sequence[tuple[float, float]] = (),
    device: Any = "cpu",
    progress: Progress = silent,
) -> FirstScene:
    """A scene from a photo and what tells its things apart.

    Parameters
    ----------
    image: (H, W, 3) uint8 sRGB, or the path of a picture.
    masks: what `masks.photo_instances` takes: a painted mask, a folder of masks, or the folder of a Segment Anything
        checkpoint.
    depth: what `depths.photo_depth` takes: depth, its file, or the folder of a depth checkpoint; None: unknown.
    points: (x, y) pixels: a Segment Anything checkpoint is asked for what is there, and for nothing else.
    device: where checkpoints run, as torch names it.

    Raises `UserError` that names what cannot be read, or has another size than the photo.
    """
    pixels = image if isinstance(image, np.ndarray) else read_rgb(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise UserError(f"The picture is {pixels.dtype} {pixels.shape}; expected uint8 (H, W, 3).")
    instances, table = photo_instances(masks, pixels, points=points, device=device, progress=progress)
    known = None if depth is None else photo_depth(depth, pixels, device=device)
    return FirstScene(pixels, instances, table, known)


def resize_scene(scene: FirstScene, size: tuple[int, int]) -> FirstScene:
    """The scene in a picture of `size` (width, height): colours averaged, labels as `labels_at` gives them.

    The depth of a pixel is the median over those that have its label.
    """
    from simcraft.generate.motioncraft.warping import cell_samples
    from simcraft.picture import resize

    if size == scene.size:
        return scene
    labels, depth, intrinsics = labels_at(scene, size), scene.depth, scene.intrinsics
    if depth is not None:
        mine = cell_samples(scene.instances, size) == labels[..., None]
        depth = np.ma.median(np.ma.array(cell_samples(depth, size), mask=~mine), -1).filled(np.inf)
        depth = depth.astype(np.float32)
    if intrinsics is not None:
        intrinsics = np.array([size[0] / scene.size[0], size[1] / scene.size[1], 1.0])[:, None] * intrinsics
    return replace(scene, image=resize(scene.image, size), instances=labels, depth=depth, intrinsics=intrinsics)


def labels_at(scene: FirstScene, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint16: the instances in a picture of `size` (w, h), in each pixel the one that fills most of it."""
    from simcraft.generate.motioncraft.warping import cell_samples, most_frequent

    return scene.instances if size == scene.size else most_frequent(cell_samples(scene.instances, size))


def _check_scene(scene: FirstScene) -> None:
    image, size = scene.image, scene.image.shape[:2]
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UserError(f"The first frame is {image.dtype} {image.shape}; expected uint8 (H, W, 3).")
    for name, array, dtype in (("instances", scene.instances, "uint16"), ("depth", scene.depth, "float32")):
        if array is None:
            continue
        if array.dtype != np.dtype(dtype) or array.shape != size:
            raise UserError(
                f"The array of {name} is {array.dtype} {array.shape}; expected {dtype} {size} as the first frame."
            )
    if scene.intrinsics is not None and np.shape(scene.intrinsics) != (3, 3):
        raise UserError(f"The scene's intrinsics are {np.shape(scene.intrinsics)}; expected (3, 3).")
