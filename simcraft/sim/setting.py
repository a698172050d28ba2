"""Where a simulation from Python takes place: camera, light and things that stand around."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from simcraft.recording import Body, CameraTrack, Lighting, Material, Recording
from simcraft.sim.rigid_scene import Camera
from simcraft.version import __version__


@dataclass(frozen=True)
class Setting:
    """A still camera, the light, and bodies that the solver does not move."""

    camera: Camera
    size: tuple[int, int] = (512, 512)
    """(width, height) of the picture in pixels."""
    orthographic_width: float | None = None
    """Metres across the picture: the camera is orthographic then; None for a perspective one."""
    bodies: tuple[Body, ...] = ()
    """With as many frames as are recorded."""
    materials: tuple[Material, ...] = ()
    lighting: Lighting = field(default_factory=Lighting)
    caption: str = ""

    def stage(self, name: str, frames: int, fps: float) -> Recording:
        """A recording of the setting alone."""
        return Recording(
            name=name,
            fps=fps,
            size=self.size,
            camera=camera_track(self.camera, self.size, frames, self.orthographic_width),
            bodies=self.bodies,
            frame_numbers=np.arange(1, frames + 1, dtype=np.int32),
            materials=self.materials,
            lighting=self.lighting,
            caption=self.caption,
            software={"simcraft": __version__},
        )


def default_setting(bounds: np.ndarray, size: tuple[int, int] = (512, 512)) -> Setting:
    """A camera in front (towards +y) that sees all of `bounds` (2, 3); an orthographic one where they are flat in y."""
    low, high = np.asarray(bounds, np.float64)
    middle, extent = (low + high) / 2, np.maximum(high - low, 1e-6)
    aspect = size[0] / size[1]
    across = 1.05 * max(extent[0], extent[2] * aspect)
    if extent[1] < 1e-3 * extent.max():
        camera = Camera(tuple(middle - [0.0, 2.0 * extent.max(), 0.0]), tuple(middle))
        return Setting(camera, size, across)
    fov = 35.0
    away = 1.1 * (across / aspect / 2) / math.tan(math.radians(fov / 2)) + extent[1] / 2
    place = middle + away * np.array([0.0, -math.cos(0.25), math.sin(0.25)])
    return Setting(Camera(tuple(place), tuple(middle), fov), size)


def camera_track(
    camera: Camera, size: tuple[int, int], frames: int, orthographic_width: float | None = None
) -> CameraTrack:
    """The still `camera` for `frames` frames of `size` pixels."""
    width, height = size
    position, target = np.asarray(camera.position, float), np.asarray(camera.target, float)
    forward = (target - position) / np.linalg.norm(target - position)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    if orthographic_width is None:
        focal = height / 2 / math.tan(math.radians(camera.vertical_fov) / 2)
    else:
        focal = width / orthographic_width
    lens = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    away = float(np.linalg.norm(target - position))
    return CameraTrack(
        "perspective" if orthographic_width is None else "orthographic",
        np.tile(lens, (frames, 1, 1)),
        np.tile(pose, (frames, 1, 1)),
        clip_start=away * 1e-3,
        clip_end=away * 1e3,
    )
