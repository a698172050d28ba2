"""Run by `test_families` in a child process with bpy: builds or opens scenes and prints what is in them as JSON.

Its argument is a JSON list of requests: a path of a .blend, or {"name", "seed", "parameters"}; "index" for what the
index should say.
"""

import json
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import blender_addon  # noqa: E402
from scenes.builders import catalogue  # noqa: E402
from scenes.builders.family import fmt  # noqa: E402


def numbers(values: Any) -> list[float]:
    return [round(float(v), 4) + 0.0 for v in values]


def mesh_of(thing: Any) -> list[Any]:
    if thing.type != "MESH":
        return []
    corners = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", corners)
    spread = numbers(np.ptp(corners.reshape(-1, 3), axis=0)) if len(corners) else []
    return [len(thing.data.vertices), len(thing.data.polygons), spread]


def effect_of(thing: Any) -> dict[str, Any]:
    own = thing.simcraft
    said: dict[str, Any] = {"kind": own.kind, "role": own.role, "domain": own.domain.name if own.domain else ""}
    for group in [own.kind] + [f"{kind}_{own.role}" for kind in fmt.KINDS]:
        settings = getattr(own, group, None)
        names = [p.identifier for p in settings.bl_rna.properties] if hasattr(settings, "bl_rna") else []
        said |= {f"{group}.{n}": getattr(settings, n) for n in names if n not in ("rna_type", "name")}
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in said.items()}


def object_of(thing: Any) -> dict[str, Any]:
    body, animation = thing.rigid_body, thing.animation_data
    curves = animation.action.fcurves if animation and animation.action else ()
    return {
        "place": numbers(thing.location) + numbers(thing.rotation_euler),
        "mesh": mesh_of(thing),
        "hidden": thing.hide_render,
        "body": [body.type, *numbers((body.mass, body.friction, body.restitution))] if body else [],
        "keys": [[c.data_path, c.array_index, [numbers(k.co) for k in c.keyframe_points]] for c in curves],
        "modifiers": [m.type for m in thing.modifiers],
        "materials": [slot.material.name for slot in thing.material_slots if slot.material],
        "lens": round(thing.data.lens, 4) if thing.type == "CAMERA" else 0.0,
        "effect": effect_of(thing),
    }


def summary(request: Any) -> dict[str, Any]:
    """What the scene holds, without simulating anything."""
    if isinstance(request, str):
        bpy.ops.wm.open_mainfile(filepath=request, use_scripts=False)
        scene = bpy.context.scene
    else:
        scene = catalogue.build(request["name"], request["seed"], request["parameters"])
    return {
        "caption": scene["caption"],
        "details": json.loads(scene.get("details", "[]")),
        "sun": numbers(bpy.data.objects["sun"].matrix_basis.to_3x3().col[2]),
        "camera": [numbers(row) for row in scene.camera.matrix_basis],
        "frames": [scene.frame_start, scene.frame_end],
        "objects": {thing.name: object_of(thing) for thing in scene.objects},
    }


if __name__ == "__main__":
    blender_addon.register()
    asked = json.loads(sys.argv[1])
    found = [catalogue.index() if request == "index" else summary(request) for request in asked]
    print("\nSUMMARY " + json.dumps(found), flush=True)
