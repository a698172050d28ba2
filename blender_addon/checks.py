"""What the user should know about a scene before it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import SceneError
from .physics import smoke_domains


def check_scene(scene: Any) -> None:
    """Raise `SceneError` where the scene has no camera at all."""
    if scene.camera is None and not any(m.camera for m in scene.timeline_markers):
        raise SceneError(f"Scene '{scene.name}' has no active camera.", "Add one and make it active (Ctrl-Numpad 0).")


def check_seed(seed: int | None) -> None:
    """Raise `SceneError` where Cycles' seed and custom properties cannot hold the number."""
    if seed is not None and not 0 <= seed < 2**31:
        raise SceneError(f"The seed is {seed}.", f"Give a whole number from 0 to {2**31 - 1}.")


def scene_warnings(scene: Any) -> list[str]:
    """Settings that the recording cannot follow, and drivers that Blender has disabled."""
    import bpy

    warnings = []
    if scene.render.use_border:
        warnings.append("The render border is ignored: the whole picture is recorded.")
    warnings += [f"The smoke of '{name}' is not recorded." for name in sorted(smoke_domains(scene))]
    layers = [layer for layer in scene.view_layers if layer.use]
    if len(layers) > 1:
        warnings.append(f"Only view layer '{layers[0].name}' of {len(layers)} is recorded.")
    if bpy.app.autoexec_fail or not bpy.context.preferences.filepaths.use_scripts_auto_execute:
        warnings += [
            f"The driver of {where} needs Python, which Blender does not run in this file: its value stays as it is. "
            "Replace it by a simple expression, or bake it to keyframes."
            for where in python_drivers(scene)
        ]
    return warnings


def python_drivers(scene: Any) -> Iterator[str]:
    """ "Object 'Name' (property)" of every driver whose expression is more than simple arithmetic."""
    owners: list[Any] = [scene]
    for obj in scene.objects:
        owners += [obj, obj.data, getattr(obj.data, "shape_keys", None)]
        owners += [slot.material for slot in obj.material_slots]
    for owner in dict.fromkeys(o for o in owners if o is not None):
        drivers = owner.animation_data.drivers if owner.animation_data else ()
        for curve in drivers:
            if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression:
                yield f"{owner.bl_rna.name} '{owner.name}' ({curve.data_path})"
