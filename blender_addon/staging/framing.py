"""A camera that sees all of something, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .boxes import box_around, corners_of
from .motion import curves_of, movers, simulated_by

MARGIN = 1.12
"""How much larger than what it has to show the picture is."""
VAST = 40.0
"""Metres: a thing that stands still and is longer is ground or sky, and need not be in the picture."""
SENSOR = 36.0
"""Width of a new camera's sensor, mm."""
USUAL_VIEW = (1.19, 0.0, 0.49)
"""Euler angles of a camera where no view says otherwise: from the front right, 22 degrees from above."""


def points_to_show(scene: Any, objects: Sequence[Any] = ()) -> np.ndarray:
    """(P, 3) world: the corners of `objects`, or of what moves in `scene`, or else of all there is; P is 0 for nothing.

    Bodies that fall are shown where they may lie as well, and what is keyed where it goes.
    """
    chosen = list(objects) or moving_objects(scene)
    chosen = chosen or [o for o in scene.objects if o.type == "MESH" and not o.hide_render and max(o.dimensions) < VAST]
    if not chosen:
        return np.zeros((0, 3))
    return np.concatenate([corners_of(obj) for obj in chosen] + _landings(scene, chosen) + _ways(scene, chosen))


def moving_objects(scene: Any) -> list[Any]:
    """The objects that move, the camera aside."""
    names = set(movers(scene).names)
    return [obj for obj in scene.objects if obj.name in names]


def _landings(scene: Any, objects: Sequence[Any]) -> list[np.ndarray]:
    """Corners of the rigid bodies among `objects`, moved down to what they can land on."""
    ground = box_around(o for o in scene.objects if o.rigid_body is not None and o.rigid_body.type == "PASSIVE")
    if ground is None:
        return []
    # a floor is landed on from above, a bowl inside
    level = ground.high[2] if ground.size[2] < 0.2 * ground.size[:2].max() else ground.low[2]
    fallen = [corners_of(obj) for obj in objects if simulated_by(obj) == "rigid"]
    return [corners - (0.0, 0.0, max(corners[:, 2].min() - level, 0.0)) for corners in fallen]


def _ways(scene: Any, objects: Sequence[Any]) -> list[np.ndarray]:
    """Corners of those with a keyed location at the beginning, in the middle and at the end."""
    frames = np.linspace(scene.frame_start, scene.frame_end, 3)
    places = []
    for obj in objects:
        if obj.animation_data is None or obj.parent is not None:
            continue
        curves = [c for c in curves_of(obj.animation_data) if c.data_path == "location"]
        for frame in frames if curves else ():
            away = np.zeros(3)
            for curve in curves:
                away[curve.array_index] = curve.evaluate(frame) - obj.location[curve.array_index]
            places.append(corners_of(obj) + away)
    return places


def add_camera(scene: Any, collection: Any, points: np.ndarray, rotation: Any, lens: float) -> Any:
    """A new camera, made that of `scene`, which sees all `points` (P, 3), turned by `rotation` (a mathutils matrix)."""
    import bpy

    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width = lens, SENSOR
    camera = bpy.data.objects.new("Camera", data)
    collection.objects.link(camera)
    scene.camera = camera
    place_camera(scene, camera, points, rotation)
    return camera


def place_camera(scene: Any, camera: Any, points: np.ndarray, rotation: Any) -> None:
    """Turn `camera` by `rotation` and put it where it sees all `points` (P, 3), of which there is at least one."""
    turn = np.array(rotation.to_3x3(), np.float64)
    half = half_view(scene, camera.data)
    place = fit(_with_size(points), turn, *half)
    if camera.data.type == "ORTHO":
        across, up = np.ptp(_with_size(points) @ turn, axis=0)[:2]
        # measured along the longer side of the picture
        camera.data.ortho_scale = MARGIN * float(max(across / half[0], up / half[1])) * max(half)
    matrix = rotation.to_4x4()
    matrix.translation = place.tolist()
    camera.matrix_world = matrix
    distance = float(np.linalg.norm(points - place, axis=1).max())
    camera.data.clip_start = min(camera.data.clip_start, distance / 100)
    camera.data.clip_end = max(camera.data.clip_end, 10 * distance)


def _with_size(points: np.ndarray) -> np.ndarray:
    """`points`, and where they are all but one, such as are a few centimetres around it."""
    around = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return np.concatenate([points, points.mean(0) + 0.05 * around])


def half_view(scene: Any, data: Any) -> tuple[float, float]:
    """Tangents of half the camera's field of view, across and up, less a margin."""
    render = scene.render
    width = render.resolution_x * render.pixel_aspect_x
    height = render.resolution_y * render.pixel_aspect_y
    upright = data.sensor_fit == "VERTICAL" or (data.sensor_fit == "AUTO" and height > width)
    sensor = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    half = sensor / 2 / data.lens / MARGIN
    return (half * width / height, half) if upright else (half, half * height / width)


def fit(points: np.ndarray, rotation: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    """(3,) the nearest place from which a camera turned by `rotation` (3, 3) sees all `points` (P, 3) of the world.

    Parameters
    ----------
    rotation: its columns are the camera's axes in the world: right, up, and backwards.
    half_width, half_height: tangents of half the field of view.

    In the camera's axes a point (x, z) is seen from (cx, cz) where |x - cx| <= h (cz - z): that is cx + h cz >= x + h z
    and cx - h cz <= x - h z. The outermost points bound both sides, and cx lies in the middle between them.
    """
    right, up, back = (points @ rotation).T
    place, distances = np.zeros(3), []
    for axis, along, half in ((0, right, half_width), (1, up, half_height)):
        most, least = (along + half * back).max(), (along - half * back).min()
        place[axis] = (most + least) / 2
        distances.append((most - least) / (2 * half))
    place[2] = max(distances)
    return rotation @ place


def sees(scene: Any, camera: Any, points: np.ndarray) -> float:
    """The share of `points` (P, 3) that lie in the picture of `camera` as it stands, 0 to 1."""
    frame = np.array(camera.data.view_frame(scene=scene), np.float64)
    local = np.linalg.inv(np.array(camera.matrix_world.normalized(), np.float64))
    seen = points @ local[:3, :3].T + local[:3, 3]
    low, high = frame[:, :2].min(0), frame[:, :2].max(0)
    flat = seen[:, :2]
    if camera.data.type == "PERSP":
        depth = np.where(seen[:, 2:] < 0, -seen[:, 2:], np.nan)
        # the frame lies at this depth
        flat = flat / depth * -frame[0, 2]
    with np.errstate(invalid="ignore"):
        return float(((flat >= low) & (flat <= high)).all(1).mean())
