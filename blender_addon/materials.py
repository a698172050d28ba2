"""Blender's materials, reduced to what the quick preview can show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .textures import image_array

Color = tuple[float, float, float]
"""Linear RGB."""


class MaterialTable:
    """The recording's materials by number; a material is looked at once."""

    def __init__(self) -> None:
        self.materials: list[Any] = []
        self._numbers: dict[str, int] = {}
        self._placements: dict[int, np.ndarray] = {}

    def slots(self, obj: Any) -> list[int]:
        """The number of the material in each slot of an evaluated mesh object (at least one)."""
        own = obj.data.materials
        linked = obj.material_slots
        count = max(len(own), 1)
        return [self.number(_slot_material(i, own, linked)) for i in range(count)]

    def number(self, material: Any | None) -> int:
        """The number of one material; None is Blender's default grey."""
        name = "" if material is None else material.name_full
        if name not in self._numbers:
            number = self._numbers[name] = len(self.materials)
            if material is None:
                self.materials.append(fmt.Material("default"))
            else:
                self.materials.append(describe(material))
                placement = texture_placement(material)
                if placement is not None:
                    self._placements[number] = placement
        return self._numbers[name]

    def place_textures(self, uv: np.ndarray, face_material: np.ndarray) -> np.ndarray:
        """(F, 3, 2) texture coordinates after the Mapping node of each face's material."""
        for number, placement in self._placements.items():
            chosen = face_material == number
            if chosen.any():
                uv[chosen] = uv[chosen] @ placement[:2, :2].T + placement[:2, 2]
        return uv


def _slot_material(index: int, own: Any, linked: Any) -> Any | None:
    if index < len(linked) and linked[index].link == "OBJECT":
        return linked[index].material
    return own[index] if index < len(own) else None


def describe(material: Any) -> Any:
    """A `recording_format.Material` of a Blender material.

    The base colour is the surface shader's, or the texture linked to it; a procedural one becomes the average of the
    colours that flow into it.
    """
    shader = surface_shader(material)
    if shader is None:
        return fmt.Material(material.name, rgb(material.diffuse_color), None, float(material.roughness))
    socket = _socket(shader, "Base Color", "Color")
    texture, color = None, rgb(material.diffuse_color)
    if socket is not None:
        texture, color = base_color(socket, color)
    return fmt.Material(material.name, color, texture, _number(shader, "Roughness", 0.5), _emission(shader))


def surface_shader(material: Any) -> Any | None:
    """The node that shades the surface: the Principled one among those linked to the output, else any other shader."""
    tree = material.node_tree if getattr(material, "use_nodes", True) else None
    if tree is None:
        return None
    output = tree.get_output_node("ALL") or tree.get_output_node("CYCLES") or tree.get_output_node("EEVEE")
    if output is None:
        return None
    nodes = list(upstream(output.inputs["Surface"]))
    principled = [n for n in nodes if n.type == "BSDF_PRINCIPLED"]
    others = [n for n in nodes if _socket(n, "Base Color", "Color") and n.type.startswith(("BSDF", "EMISSION"))]
    return (principled or others or [None])[0]


def upstream(socket: Any) -> Iterator[Any]:
    """All nodes that feed `socket`, nearest first, each once."""
    queue, seen = [link.from_node for link in socket.links], set()
    while queue:
        node = queue.pop(0)
        if node.name in seen:
            continue
        seen.add(node.name)
        yield node
        queue += [link.from_node for s in node.inputs for link in s.links]


def base_color(socket: Any, viewport: Color) -> tuple[np.ndarray | None, Color]:
    """(texture or None, linear RGB it is multiplied with) of a colour socket."""
    if not socket.is_linked:
        return None, rgb(socket.default_value)
    nodes = list(upstream(socket))
    for node in nodes:
        if node.type == "TEX_IMAGE" and node.image is not None:
            texture = image_array(node.image)
            if texture is not None:
                return texture, (1.0, 1.0, 1.0)
    colors = [c for node in nodes for c in _node_colors(node)]
    if colors:
        return None, rgb(np.mean(colors, axis=0))
    return None, viewport


def _node_colors(node: Any) -> list[Color]:
    """The colours written in a node: of a ramp, of the RGB node, or of its unlinked colour inputs."""
    if node.type == "VALTORGB":
        return [rgb(e.color) for e in node.color_ramp.elements]
    if node.type == "RGB":
        return [rgb(node.outputs[0].default_value)]
    return [rgb(s.default_value) for s in node.inputs if s.type == "RGBA" and not s.is_linked and s.enabled]


def texture_placement(material: Any) -> np.ndarray | None:
    """(3, 3) matrix of the Mapping node before the base colour's image, in the texture's plane; None without one."""
    shader = surface_shader(material)
    socket = None if shader is None else _socket(shader, "Base Color", "Color")
    image = None if socket is None else next((n for n in upstream(socket) if n.type == "TEX_IMAGE"), None)
    node = None if image is None else next((n for n in upstream(image.inputs["Vector"]) if n.type == "MAPPING"), None)
    if node is None or node.vector_type != "POINT":
        return None
    scale, angle = node.inputs["Scale"].default_value, node.inputs["Rotation"].default_value[2]
    location = node.inputs["Location"].default_value
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array(
        [
            [cos * scale[0], -sin * scale[1], location[0]],
            [sin * scale[0], cos * scale[1], location[1]],
            [0.0, 0.0, 1.0],
        ]
    )


def _emission(shader: Any) -> float:
    """Emitted radiance as a multiple of the base colour."""
    if shader.type == "EMISSION":
        return _number(shader, "Strength", 1.0)
    color = _socket(shader, "Emission Color", "Emission")
    if color is None or color.is_linked:
        return 0.0
    return _number(shader, "Emission Strength", 0.0) * max(rgb(color.default_value))


def _number(node: Any, name: str, default: float) -> float:
    socket = node.inputs.get(name)
    return default if socket is None or socket.is_linked else float(socket.default_value)


def _socket(node: Any, *names: str) -> Any | None:
    return next((node.inputs[n] for n in names if node.inputs.get(n) is not None), None)


def rgb(color: Any, strength: float = 1.0) -> Color:
    """The first three components times `strength`, as plain floats."""
    return (float(color[0] * strength), float(color[1] * strength), float(color[2] * strength))
