"""Bring the results of a solved recording back into its scene, so that Blender can show and render them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .properties import NONE, register
from .results import MARK, marked, remove_results, replace_objects, results, results_collection
from .shader import Graph
from .shown_surfaces import show_copies, show_particles, show_sequence
from .shown_volume import show_volume

MANY_COPIES = 2000
"""Blender becomes slow when more objects than this move on their own."""


def show(recording: str | os.PathLike[str], scene: Any, *, files: Path | None = None) -> tuple[str, ...]:
    """Add to `scene` what the recording in the folder `recording` has beyond the scene's own objects.

    That is what effects have made: liquids and other surfaces as one mesh a frame, agents as objects with keyframes,
    particles as balls, smoke and fire as a box with a volume shader. All of it lies in the collection "SimCraft
    results", replaces what was shown before, and is never recorded.

    Parameters
    ----------
    files: folder for the pictures that volume shaders read, which have to stay where they are; "shown" inside the
        recording's folder by default. Replaced where it exists.

    Returns warnings. Raises `recording_format.RecordingError` where the folder holds no recording, and what Blender
    raises where pictures cannot be written; the scene is without results then.
    """
    register()
    loaded = fmt.load_recording(recording)
    files = Path(recording) / "shown" if files is None else files
    hide(scene)
    shutil.rmtree(files, ignore_errors=True)
    try:
        return _show(loaded, scene, files.absolute())
    except BaseException:
        hide(scene)
        raise


def _show(loaded: Any, scene: Any, files: Path) -> tuple[str, ...]:
    """Add what effects have made to a scene without results; returns warnings."""
    collection = results_collection(scene)
    numbers = [int(n) for n in loaded.frame_numbers]
    made = _made_by_effects(loaded, scene)
    described = loaded.materials or (fmt.Material("default"),)
    materials = _blender_materials(described, made)
    # what has melted away is not seen beside the liquid that it is now
    gone = {b.name for b in loaded.bodies if b.present is not None and not np.any(b.present)}
    replace_objects(scene, gone)
    warnings = []
    for index, body in enumerate(made):
        if body.kind in ("changing", "deforming"):
            show_sequence(body, numbers, materials, collection)
        elif body.kind == "particles":
            show_particles(body, numbers, materials, collection)
        elif body.kind == "volume":
            color = described[body.material].base_color
            show_volume(body, numbers, color, collection, files / f"volume_{index}")
        else:
            copies = body.transforms.shape[1] if body.kind == "instances" else 1
            if copies > MANY_COPIES:
                warnings.append(f"'{body.name}' has {copies} copies: Blender will be slow.")
            show_copies(body, numbers, materials, collection)
    return tuple(warnings)


def hide(scene: Any) -> None:
    """Remove everything that `show` has added to `scene`, and render again what it stood for."""
    remove_results(scene)


def _made_by_effects(recording: Any, scene: Any) -> list[Any]:
    """The bodies that are not of the scene's own objects."""
    shown = results(scene)
    own = {o.name_full for o in scene.objects if o.simcraft.kind == NONE and o.name_full not in shown}

    def is_own(name: str) -> bool:
        # a body is called "object", "object (2)", or "object/source" where it is instanced
        return name in own or name.rpartition(" (")[0] in own or name.partition("/")[0] in own

    return [body for body in recording.bodies if not is_own(body.name)]


def _blender_materials(described: Sequence[Any], bodies: Sequence[Any]) -> dict[int, Any]:
    """Number -> material of what `bodies` use: the file's own of that name, or else one made to look like it."""
    import bpy

    materials = {}
    for number in sorted(set().union(*map(_used_materials, bodies))):
        own = bpy.data.materials.get(described[number].name)
        materials[number] = own if own is not None and MARK not in own else _material(described[number])
    return materials


def _used_materials(body: Any) -> set[int]:
    """The numbers of the materials of a body's surface."""
    if body.kind == "volume":
        return set()
    if body.kind in ("changing", "particles"):
        return {body.material}
    return {0} if body.mesh.face_material is None else {int(n) for n in np.unique(body.mesh.face_material)}


def _material(described: Any) -> Any:
    import bpy

    material = marked(bpy.data.materials.new(described.name))
    material.use_nodes = True
    material.diffuse_color = (*described.base_color, 1.0)
    graph = Graph(material.node_tree)
    color = (*described.base_color, 1.0)
    shader = graph.node("ShaderNodeBsdfPrincipled", **{"Base Color": color, "Roughness": described.roughness})
    if described.emission:
        # until 4.0 it was called Emission
        name = "Emission Color" if "Emission Color" in shader.inputs else "Emission"
        shader.inputs[name].default_value = color
        shader.inputs["Emission Strength"].default_value = described.emission
    graph.link(shader.outputs[0], graph.node("ShaderNodeOutputMaterial").inputs["Surface"])
    return material
