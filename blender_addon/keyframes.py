"""Keyframes of many objects at once, in any Blender: actions have layers and slots since 4.4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def animate_visibility(obj: Any, numbers: Sequence[int], present: np.ndarray) -> None:
    """Hide `obj`, in renders and viewports, in the frames `numbers` in which it is not `present` (T,) bool.

    What holds at the first and the last of these frames holds before and after as well.
    """
    changes = np.flatnonzero(np.concatenate([[True], present[1:] != present[:-1]]))
    obj.hide_render = obj.hide_viewport = not present[0]
    if len(changes) > 1:
        curves = new_curves(obj)
        for path in ("hide_render", "hide_viewport"):
            add_curve(curves, path, 0, np.asarray(numbers)[changes], ~present[changes], "CONSTANT")


def animate_transforms(obj: Any, numbers: Sequence[int], transforms: np.ndarray) -> None:
    """Move `obj` by `transforms` (T, 4, 4), object to world, in a straight line from frame to frame; shear is lost."""
    obj.rotation_mode = "QUATERNION"
    curves = None
    for path, values in zip(("location", "rotation_quaternion", "scale"), decompose(transforms), strict=True):
        setattr(obj, path, values[0])
        if (values != values[0]).any():
            curves = curves or new_curves(obj)
            for index in range(values.shape[1]):
                add_curve(curves, path, index, np.asarray(numbers), values[:, index], "LINEAR")


def new_curves(obj: Any) -> Any:
    """The animation curves of `obj`, to which others can be added."""
    import bpy

    data = obj.animation_data_create()
    if data.action is None:
        data.action = bpy.data.actions.new(obj.name)
    if bpy.app.version < (4, 4):
        return data.action.fcurves
    action = data.action
    if not action.slots:
        slot = action.slots.new(id_type="OBJECT", name=obj.name)
        data.action_slot = slot
        action.layers.new("Layer").strips.new(type="KEYFRAME")
    return action.layers[0].strips[0].channelbag(action.slots[0], ensure=True).fcurves


def add_curve(curves: Any, path: str, index: int, frames: np.ndarray, values: np.ndarray, interpolation: str) -> None:
    """A new curve through `values` (n,) at `frames` (n,)."""
    curve = curves.new(path, index=index)
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    kind = points[0].bl_rna.properties["interpolation"].enum_items[interpolation].value
    points.foreach_set("interpolation", np.full(len(frames), kind, np.int32))
    curve.update()


def decompose(transforms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(locations (T, 3), unit quaternions (T, 4) w first, scales (T, 3)) of `transforms` (T, 4, 4).

    Neighbouring quaternions lie on the same side, so that what is between two frames is, too.
    """
    linear = transforms[:, :3, :3]
    scales = np.linalg.norm(linear, axis=1)
    scales = np.where(np.linalg.det(linear)[:, None] < 0, -scales, scales)
    rotation = linear / np.where(scales == 0, 1, scales)[:, None, :]
    quaternions = _quaternions(rotation)
    turned = (quaternions[1:] * quaternions[:-1]).sum(1) < 0
    signs = np.cumprod(np.concatenate([[1.0], np.where(turned, -1.0, 1.0)]))
    return transforms[:, :3, 3], quaternions * signs[:, None], scales


def _quaternions(rotation: np.ndarray) -> np.ndarray:
    """(T, 4) w first, of rotation matrices (T, 3, 3), by the largest of the four components (Shepperd 1978)."""
    r = rotation
    trace = np.trace(r, axis1=1, axis2=2)
    diagonal = r[:, [0, 1, 2], [0, 1, 2]]
    # 4 q qᵀ, whose rows are multiples of the quaternion
    product = np.empty((len(r), 4, 4))
    product[:, 0, 0] = 1 + trace
    product[:, [1, 2, 3], [1, 2, 3]] = 1 + 2 * diagonal - trace[:, None]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        product[:, 1 + i, 1 + j] = product[:, 1 + j, 1 + i] = r[:, i, j] + r[:, j, i]
    for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1))):
        product[:, 0, 1 + i] = product[:, 1 + i, 0] = r[:, k, j] - r[:, j, k]
    largest = np.argmax(product[:, range(4), range(4)], axis=1)
    rows = product[np.arange(len(r)), largest]
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
