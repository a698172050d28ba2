"""Where motion arrows come from: new empties, and strokes of the annotation tool or of grease pencil objects."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from .arrows import SOURCES, centre
from .camera import camera_frame
from .effect_export import world_points
from .errors import SceneError
from .results import marked, results

MADE = "simcraft_arrow"
"""The custom property of objects that were made to be arrows, and go with them."""
SHARE_OF_OBJECT = 1.5
"""How long a new arrow is, compared with the largest side of its object."""


def source_and_target(selected: list[Any], active: Any | None) -> tuple[Any | None, Any | None]:
    """Of the selected objects, the one that is an arrow and the one that it moves; the active object comes first."""
    ordered = sorted(selected, key=lambda obj: obj != active)
    source = next((obj for obj in ordered if obj.type in SOURCES), None)
    target = next((obj for obj in ordered if obj.type not in {*SOURCES, "CAMERA", "LIGHT"}), None)
    return source, target


def new_arrow_empty(scene: Any, target: Any) -> Any:
    """An empty of the kind "Single Arrow" that starts at the middle of `target` and points to the camera's right."""
    empty = marked(bpy.data.objects.new(f"Arrow {target.name}", None))
    empty[MADE] = True
    empty.empty_display_type = "SINGLE_ARROW"
    empty.empty_display_size = SHARE_OF_OBJECT * (max(target.dimensions) or 1.0)
    empty.show_in_front = True
    # before a level camera older Blenders' Euler angles would be wrong by degrees
    empty.rotation_mode = "QUATERNION"
    camera = np.array(scene.camera.matrix_world, np.float64)[:3, :3] if scene.camera else np.eye(3)
    right, up, back = camera.T / np.linalg.norm(camera, axis=0)[:, None]
    matrix = np.eye(4)
    # z along the picture's x axis: turning it about the view axis keeps it in the picture's plane
    matrix[:3, :3] = np.stack([up, back, right], axis=1)
    matrix[:3, 3] = centre(target)
    empty.matrix_world = Matrix(matrix.tolist())
    scene.collection.objects.link(empty)
    return empty


def new_arrow_curve(scene: Any, points: np.ndarray) -> Any:
    """A curve through `points` (P, 3) of the world; it is never rendered."""
    data = bpy.data.curves.new("Arrow", "CURVE")
    data.dimensions = "3D"
    spline = data.splines.new("POLY")
    spline.points.add(len(points) - 1)
    spline.points.foreach_set("co", np.column_stack([points, np.ones(len(points))]).astype(np.float32).ravel())
    curve = marked(bpy.data.objects.new("Arrow", marked(data)))
    curve[MADE] = True
    curve.hide_render = True
    curve.show_in_front = True
    scene.collection.objects.link(curve)
    return curve


def remove_source(source: Any) -> None:
    """Remove an object that was made to be an arrow; others stay."""
    if MADE in source:
        bpy.data.objects.remove(source)


def start_of(source: Any, depsgraph: Any) -> np.ndarray:
    """(3,) float64, world: where the empty or curve `source` begins."""
    line = world_points(source.evaluated_get(depsgraph))
    return np.array(source.matrix_world.translation if line is None else line[0], np.float64)


def object_below(scene: Any, depsgraph: Any, point: np.ndarray) -> Any | None:
    """The object that the camera sees in the direction of `point` (3,) of the world; None where there is none."""
    camera = camera_frame(scene, depsgraph, (100, 100))
    origin = camera.camera_to_world[:3, 3].copy()
    direction = camera.camera_to_world[:3, 2].copy()
    if camera.projection == "perspective":
        direction = np.asarray(point, np.float64) - origin
    else:
        # from the camera's plane, straight on
        origin = point - direction * np.dot(point - origin, direction)
    hit, _, _, _, found, _ = scene.ray_cast(depsgraph, origin.tolist(), direction.tolist())
    if not hit or found.name_full in results(scene):
        return None
    return found.original


def newest_stroke(scene: Any, active: Any | None) -> np.ndarray:
    """(P, 3) float64, world: the last stroke of the active grease pencil object, or else of the annotations.

    Raises `SceneError` where there is none, it is a single point, or it was drawn on the screen and lies nowhere.
    """
    if active is not None and active.type in {"GPENCIL", "GREASEPENCIL"}:
        points = _pencil_stroke(active, scene.frame_current)
    else:
        points = _annotation_stroke(scene)
    if len(points) < 2:
        raise SceneError(
            "There is no stroke to make an arrow of.",
            "Look through the camera and draw one with the Annotate tool, or select a grease pencil object with one.",
        )
    return points


def _pencil_stroke(obj: Any, frame: int) -> np.ndarray:
    """(P, 3) world points of the last stroke in the drawing that a grease pencil object shows in this frame."""
    layer = obj.data.layers.active
    keyframe = None if layer is None else _keyframe(layer, frame)
    # since 4.3 a keyframe has a drawing
    strokes: Any = () if keyframe is None else getattr(keyframe, "drawing", keyframe).strokes
    if not len(strokes):
        return np.zeros((0, 3))
    local = np.array([p.position if hasattr(p, "position") else p.co for p in strokes[-1].points], np.float64)
    inside = layer.matrix_local if hasattr(layer, "matrix_local") else layer.matrix_layer
    matrix = np.array(obj.matrix_world, np.float64) @ np.array(inside, np.float64)
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def _annotation_stroke(scene: Any) -> np.ndarray:
    """(P, 3) world points of the last annotation of the scene, those of the active layer first."""
    # since 5.0 annotations are no grease pencil any more
    notes = scene.annotation if hasattr(scene, "annotation") else scene.grease_pencil
    layers = list(notes.layers) if notes else []
    active = layers[notes.layers.active_index : notes.layers.active_index + 1] if notes else []
    for layer in [*active, *reversed(layers)]:
        keyframe = None if layer.annotation_hide else _keyframe(layer, scene.frame_current)
        if keyframe is None or not len(keyframe.strokes):
            continue
        stroke = keyframe.strokes[-1]
        if getattr(stroke, "display_mode", "3DSPACE") != "3DSPACE":
            raise SceneError(
                "The annotation was drawn on the screen, so it lies nowhere in the scene.",
                "Set the Annotate tool's Placement to 3D Cursor or Surface, and draw it again.",
            )
        return np.array([point.co for point in stroke.points], np.float64).reshape(-1, 3)
    return np.zeros((0, 3))


def _keyframe(layer: Any, frame: int) -> Any | None:
    """What a layer shows in a frame of the scene."""
    return max(
        (key for key in layer.frames if key.frame_number <= frame), key=lambda key: key.frame_number, default=None
    )
