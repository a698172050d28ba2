"""Motion arrows: objects of the scene that say what should move where, for generators that take sparse motion.

Each arrow of `Scene.simcraft_arrows` has a *source*, an object that shows it in the viewport:

- an empty of the kind "Single Arrow" is the arrow itself, from its origin along its local z axis,
- any other empty is the place that the moved object should go to,
- a curve is the way that the moved thing should take, from its first point on.

`arrows_of` tells what the camera sees of them; `write_arrows` writes that as JSON (docs/arrows.md).
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .camera import CameraFrame, camera_frame, pixels
from .effect_export import world_points
from .errors import SceneError
from .restore import temporary_changes
from .timeline import picture_size
from .walk import recorded_layer

VERSION = 1
"""Of the JSON that `write_arrows` writes."""
SOURCES = frozenset({"EMPTY", "CURVE"})
"""The types of objects that can be the source of an arrow."""

# a .blend keeps an item's number
KINDS = (
    ("instance", "Instance", "The whole object moves by the arrow, as far as the camera sees it", 1),
    ("drag", "Drag", "The point under the arrow's start is dragged along it, and takes along what it belongs to", 2),
)


@dataclass(frozen=True)
class Arrow:
    """A motion arrow as the camera sees it at the arrow's first frame."""

    name: str
    object: str | None
    """Full name of the object that moves; None for whatever is seen at the arrow's start."""
    kind: str
    """"instance" or "drag"."""
    frames: tuple[int, int]
    """First and last frame of the motion, as the scene numbers them."""
    points: np.ndarray
    """(P, 2) float64, P >= 2: pixels, x to the right, y down, pixel centres at +0.5; from start to end."""

    @property
    def start(self) -> np.ndarray:
        """(2,) pixels."""
        return self.points[0]

    @property
    def displacement(self) -> np.ndarray:
        """(2,) pixels: dx to the right, dy down."""
        return self.points[-1] - self.points[0]


class SIMCRAFT_PG_arrow(bpy.types.PropertyGroup):
    """One motion arrow."""

    source: bpy.props.PointerProperty(
        name="Shown by",
        description="The empty or curve that is the arrow",
        type=bpy.types.Object,
        poll=lambda _, obj: obj.type in SOURCES,
    )
    target: bpy.props.PointerProperty(
        name="Moves",
        description="The object that moves; empty for whatever the camera sees at the arrow's start (drags only)",
        type=bpy.types.Object,
        poll=lambda _, obj: obj.type not in {*SOURCES, "CAMERA", "LIGHT"},
    )
    kind: bpy.props.EnumProperty(name="Kind", description="What the arrow moves", items=KINDS)
    frame_start: bpy.props.IntProperty(
        name="First frame", description="The frame in which the motion starts, and the arrow is seen by the camera"
    )
    frame_end: bpy.props.IntProperty(name="Last frame", description="The frame in which the motion has arrived")


def add_arrow(scene: Any, source: Any, target: Any | None, kind: str) -> Any:
    """A new arrow over all frames of `scene`, made the chosen one; returns its `SIMCRAFT_PG_arrow`.

    Raises `SceneError` where `source` cannot be an arrow, is one already, or an instance arrow has no `target`.
    """
    if source.type not in SOURCES:
        raise SceneError(
            f"'{source.name}' is no empty and no curve.", "Select the empty or the curve that shows the way."
        )
    if any(item.source == source for item in scene.simcraft_arrows):
        raise SceneError(f"'{source.name}' is a motion arrow already.", "Select another empty or curve.")
    if kind == "instance" and target is None:
        raise SceneError(
            f"No object is known that '{source.name}' should move.",
            "Select the object together with the arrow, or let the arrow start on it as the camera sees it.",
        )
    item = scene.simcraft_arrows.add()
    item.name, item.source, item.target, item.kind = source.name, source, target, kind
    item.frame_start, item.frame_end = scene.frame_start, scene.frame_end
    scene.simcraft_arrow_index = len(scene.simcraft_arrows) - 1
    return item


def is_shown(item: Any, scene: Any) -> bool:
    """Is the arrow's source still in the scene? Whoever deletes it has deleted the arrow."""
    return item.source is not None and scene.objects.get(item.source.name) == item.source


def shown_arrows(scene: Any) -> list[Any]:
    """Those of the scene's arrows that are shown. Cheap."""
    return [item for item in scene.simcraft_arrows if is_shown(item, scene)]


def arrows_of(scene: Any, size: tuple[int, int] | None = None) -> list[Arrow]:
    """What the camera sees of the scene's arrows in a picture of `size` pixels; the scene is left as it was.

    `size` is (width, height), the scene's own by default. One for each of `shown_arrows`, in their order. Raises
    `SceneError` that names the arrow where one is not in front of the camera, has no length, moves nothing, or ends
    before it starts.
    """
    size = picture_size(scene, size)
    shown = shown_arrows(scene)
    seen = dict(_seen(scene, shown, size)) if shown else {}
    return [seen[index] for index in range(len(shown))]


def _seen(scene: Any, items: list[Any], size: tuple[int, int]) -> Iterator[tuple[int, Arrow]]:
    """The arrows and their places in `items`, frame by frame: a moving camera sees each at its own first frame."""
    layer = recorded_layer(scene)
    with temporary_changes(scene):
        for frame in sorted({item.frame_start for item in items}):
            scene.frame_set(frame)
            camera = camera_frame(scene, layer.depsgraph, size)
            for index, item in enumerate(items):
                if item.frame_start == frame:
                    yield index, _arrow(item, layer.depsgraph, camera)


def _arrow(item: Any, depsgraph: Any, camera: CameraFrame) -> Arrow:
    """One arrow as `camera` sees it."""
    name = item.name
    if item.kind == "instance" and item.target is None:
        raise SceneError(f"Motion arrow '{name}' moves no object.", "Choose one in its field Moves, or make it a drag.")
    if item.frame_end <= item.frame_start:
        raise SceneError(
            f"Motion arrow '{name}' ends in frame {item.frame_end}, but starts in frame {item.frame_start}.",
            "Give it a later last frame.",
        )
    points = pixels(camera, _world_line(item, depsgraph))
    if not np.isfinite(points).all():
        raise SceneError(
            f"Motion arrow '{name}' is not in front of the camera in frame {item.frame_start}.",
            "Move its empty or curve into the picture.",
        )
    if np.ptp(points, axis=0).max() < 1e-3:
        raise SceneError(
            f"The camera sees no length of motion arrow '{name}': it points at the camera, or is a single point.",
            "Turn it, or make it longer.",
        )
    target = None if item.target is None else item.target.name_full
    return Arrow(name, target, item.kind, (item.frame_start, item.frame_end), points)


def _world_line(item: Any, depsgraph: Any) -> np.ndarray:
    """(P, 3) float64, world: the arrow from its start to its end."""
    source = item.source.evaluated_get(depsgraph)
    if source.type == "CURVE":
        line = world_points(source)
        if line is None or len(line) < 2:
            raise SceneError(
                f"The curve '{item.source.name}' of motion arrow '{item.name}' is not a plain line.",
                "Give it two points or more, and take away its bevel, extrusion and filling.",
            )
        return line.astype(np.float64)
    matrix = np.array(source.matrix_world, np.float64)
    if source.empty_display_type == "SINGLE_ARROW" or item.target is None:
        return np.stack([matrix[:3, 3], matrix[:3, 3] + matrix[:3, 2] * source.empty_display_size])
    return np.stack([centre(item.target.evaluated_get(depsgraph)), matrix[:3, 3]])


def centre(obj: Any) -> np.ndarray:
    """(3,) float64, world: the middle of an object's bounding box, or its origin where it has none."""
    matrix = np.array(obj.matrix_world, np.float64)
    corners = np.array(obj.bound_box, np.float64)
    middle = (corners.min(0) + corners.max(0)) / 2
    return matrix[:3, :3] @ middle + matrix[:3, 3]


def write_arrows(scene: Any, path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> Path:
    """Write the scene's arrows as JSON; errors as of `arrows_of`. The file appears when it is complete."""
    size = picture_size(scene, size)
    return save_arrows(arrows_of(scene, size), size, path)


def save_arrows(arrows: Sequence[Arrow], size: tuple[int, int], path: str | os.PathLike[str]) -> Path:
    """Write what is seen in a picture of `size` pixels as JSON. The file appears when it is complete."""
    path = Path(path)
    rows = [
        {
            "name": arrow.name,
            "object": arrow.object,
            "kind": arrow.kind,
            "frames": list(arrow.frames),
            "points": arrow.points.round(4).tolist(),
        }
        for arrow in arrows
    ]
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        temporary.write_text(json.dumps({"version": VERSION, "size": list(size), "arrows": rows}), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


CLASSES = (SIMCRAFT_PG_arrow,)


def register_more() -> None:
    """Let every scene have arrows."""
    bpy.types.Scene.simcraft_arrows = bpy.props.CollectionProperty(
        name="Motion arrows", description="What should move where, as the camera sees it", type=SIMCRAFT_PG_arrow
    )
    bpy.types.Scene.simcraft_arrow_index = bpy.props.IntProperty(
        name="Motion arrow", description="The arrow whose settings are shown", options={"SKIP_SAVE"}
    )


def unregister_more() -> None:
    """Undo `register_more`; arrows in open scenes are kept, and found again."""
    del bpy.types.Scene.simcraft_arrow_index
    del bpy.types.Scene.simcraft_arrows
