"""Bring the results of a solved recording back into its scene, so that Blender can show and render them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ._format import recording_format as fmt
from .properties import NONE, register
from .results import MARK, marked, remove_results, results, results_collection
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

    Returns warnings. Raises `recording_format.RecordingError` where the folder holds no recording.
    """
    register()
    loaded = fmt.load_recording(recording)
    files = Path(recording) / "shown" if files is None else files
    hide(scene)
    shutil.rmtree(files, ignore_errors=True)
    collection = results_collection(scene)
    numbers = [int(n) for n in loaded.frame_numbers]
    materials = _Materials(loaded)
    warnings = []
    for index, body in enumerate(_made_by_effects(loaded, scene)):
        if body.kind in ("changing", "deforming"):
            show_sequence(body, numbers, materials, collection)
        elif body.kind == "particles":
            show_particles(body, numbers, materials, collection)
        elif body.kind == "volume":
            color = materials.color(body.material)
            show_volume(body, numbers, color, collection, files.absolute() / f"volume_{index}")
        else:
            copies = body.transforms.shape[1] if body.kind == "instances" else 1
            if copies > MANY_COPIES:
                warnings.append(f"'{body.name}' has {copies} copies: Blender will be slow.")
            show_copies(body, numbers, materials, collection)
    return tuple(warnings)


def hide(scene: Any) -> None:
    """Remove everything that `show` has added to `scene`."""
    remove_results(scene)


def _made_by_effects(recording: Any, scene: Any) -> list[Any]:
    """The bodies that are not of the scene's own objects."""
    shown = results(scene)
    own = {o.name_full for o in scene.objects if o.simcraft.kind == NONE and o.name_full not in shown}

    def is_own(name: str) -> bool:
        # a body is called "object", "object (2)", or "object/source" where it is instanced
        return name in own or name.rpartition(" (")[0] in own or name.partition("/")[0] in own

    return [body for body in recording.bodies if not is_own(body.name)]


class _Materials:
    """The Blender material of each of a recording's: the file's own of that name, or else one made to look like it."""

    def __init__(self, recording: Any) -> None:
        self._described = recording.materials or (fmt.Material("default"),)
        self._made: dict[int, Any] = {}

    def __getitem__(self, index: int) -> Any:
        import bpy

        if index not in self._made:
            described = self._described[index]
            own = bpy.data.materials.get(described.name)
            self._made[index] = own if own is not None and MARK not in own else _material(described)
        return self._made[index]

    def __len__(self) -> int:
        return len(self._described)

    def color(self, index: int) -> tuple[float, float, float]:
        """Linear RGB."""
        return tuple(self._described[index].base_color)  # type: ignore[return-value]


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
