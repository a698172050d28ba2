"""Blender's camera as intrinsics and a pose in OpenCV's axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SceneError

# Blender's camera looks along -z with y up, OpenCV's along +z with y down
_OPENCV_FROM_BLENDER = np.diag([1.0, -1.0, -1.0, 1.0])
_PROJECTIONS = {"PERSP": "perspective", "ORTHO": "orthographic"}


@dataclass(frozen=True)
class CameraFrame:
    """The camera at one frame."""

    name: str
    projection: str
    intrinsics: np.ndarray
    """(3, 3) float64, pixels (orthographic: pixels a metre)."""
    camera_to_world: np.ndarray
    """(4, 4) float64, OpenCV axes."""
    clip: tuple[float, float]


def camera_frame(scene: Any, depsgraph: Any, size: tuple[int, int]) -> CameraFrame:
    """The scene's active camera (markers may have switched it) for a picture of `size` pixels.

    Raises `SceneError` where there is none or it is a panorama.
    """
    if scene.camera is None or scene.camera.type != "CAMERA":
        raise SceneError(f"Scene '{scene.name}' has no active camera.", "Add one and make it active (Ctrl-Numpad 0).")
    camera = scene.camera.evaluated_get(depsgraph)
    if camera.data.type not in _PROJECTIONS:
        raise SceneError(
            f"Camera '{camera.name}' is of type {camera.data.type}, which has no pinhole geometry.",
            "Make it perspective or orthographic.",
        )
    return CameraFrame(
        camera.name,
        _PROJECTIONS[camera.data.type],
        intrinsics(camera.data, scene.render, size),
        pose(np.array(camera.matrix_world, np.float64)),
        (camera.data.clip_start, camera.data.clip_end),
    )


def intrinsics(camera: Any, render: Any, size: tuple[int, int]) -> np.ndarray:
    """(3, 3) matrix of Blender's view plane (BKE_camera_params_compute_viewplane), in pixels.

    The sensor spans `fit` pixels: the width, or the height measured in pixels as wide as they are high. Both shifts
    are fractions of that span.
    """
    width, height = size
    tall = render.pixel_aspect_y / render.pixel_aspect_x
    horizontal = camera.sensor_fit == "HORIZONTAL" or (
        camera.sensor_fit == "AUTO" and width * render.pixel_aspect_x >= height * render.pixel_aspect_y
    )
    fit = width if horizontal else tall * height
    sensor = camera.sensor_height if camera.sensor_fit == "VERTICAL" else camera.sensor_width
    focal = fit / camera.ortho_scale if camera.type == "ORTHO" else fit * camera.lens / sensor
    return np.array(
        [
            [focal, 0.0, width / 2 - camera.shift_x * fit],
            [0.0, focal / tall, height / 2 + camera.shift_y * fit / tall],
            [0.0, 0.0, 1.0],
        ]
    )


def pose(matrix_world: np.ndarray) -> np.ndarray:
    """Camera to world in OpenCV's axes; like the renderer, without the camera object's scale."""
    rigid = matrix_world.copy()
    rigid[:3, :3] /= np.linalg.norm(rigid[:3, :3], axis=0)
    return rigid @ _OPENCV_FROM_BLENDER


def pixels(camera: CameraFrame, points: np.ndarray) -> np.ndarray:
    """(P, 2) float64: where in the picture `points` (P, 3) of the world are seen, x to the right and y down.

    Pixel centres lie at +0.5. NaN for points that are not in front of the camera.
    """
    to_camera = np.linalg.inv(camera.camera_to_world)
    local = np.asarray(points, np.float64) @ to_camera[:3, :3].T + to_camera[:3, 3]
    depth = np.where(local[:, 2:] > 0, local[:, 2:], np.nan)
    flat = local[:, :2] / depth if camera.projection == "perspective" else local[:, :2] + 0 * depth
    return flat * np.diag(camera.intrinsics)[:2] + camera.intrinsics[:2, 2]
