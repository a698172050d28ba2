"""Smoke and fire in Blender: a box whose shader reads the grid from pictures, one a frame.

No Blender here has a way to write OpenVDB files from Python. So the slices of the grid lie side by side in one picture
(red: density, green: glow), and the shader looks a point up in the two slices around it: linear in all directions.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .keyframes import animate_transforms, animate_visibility
from .results import marked, new_object
from .shader import Graph, Value
from .shown_surfaces import new_mesh

FLAME_DENSITY = 6.0
"""Optical density a metre of a flame whose glow is 1, as in `simcraft.observe`: soot hides as much as it emits."""
FLAME_RADIANCE = 5.0
"""Radiance of a flame of glow 1 that nothing can be seen through, as a multiple of the colour ramp."""
# glow -> linear RGB, from dull red embers to yellow flames
_FLAME_COLORS = ((0.0, (0.5, 0.02, 0.0)), (0.4, (1.0, 0.14, 0.01)), (0.8, (1.0, 0.4, 0.08)), (1.2, (1.0, 0.72, 0.35)))
_CYCLES_STEP = 0.1
"""Cycles marches in steps of this share of the mean side of a mesh's bounds, times the material's step rate."""
_CORNERS = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(-1, 3)
_FACES = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
_FACES += [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]


def show_volume(
    body: Any, numbers: Sequence[int], color: tuple[float, float, float], collection: Any, files: Path
) -> None:
    """`Volume` as an object; its pictures are written to the new folder `files`."""
    cells = body.density.shape[1:]
    columns = int(np.ceil(np.sqrt(cells[2] * cells[1] / cells[0])))
    image = _write_pictures(body, numbers, columns, files)
    boxes = np.asarray(body.grid_to_world) @ np.diag([*cells, 1.0])
    material = _material(body, image, numbers, columns, color)
    _set_steps(material, cells, boxes[0])
    data = new_mesh(body.name, _CORNERS, np.array(_FACES), materials=[material])
    obj = new_object(body.name, data, collection)
    obj.display_type = "WIRE"
    animate_transforms(obj, numbers, boxes)
    if body.present is not None:
        animate_visibility(obj, numbers, np.asarray(body.present))


def atlas(grid: np.ndarray, columns: int) -> np.ndarray:
    """(rows Y, columns X) of a grid (X, Y, Z): slice z is in column z mod `columns`, row z // `columns`; y upwards."""
    x, y, z = grid.shape
    rows = -(-z // columns)
    slices = np.zeros((rows * columns, y, x), np.float32)
    slices[:z] = grid.transpose(2, 1, 0)
    return slices.reshape(rows, columns, y, x).transpose(0, 2, 1, 3).reshape(rows * y, columns * x)


def _write_pictures(body: Any, numbers: Sequence[int], columns: int, files: Path) -> Any:
    """Write `0001.exr`, ... for every frame of the scene from the first recorded one to the last; returns the sequence.

    Between recorded frames the last one stays.
    """
    import bpy

    files.mkdir(parents=True)
    paths = [files / f"{n - numbers[0] + 1:04d}.exr" for n in range(numbers[0], numbers[-1] + 1)]
    height, width = atlas(body.density[0], columns).shape
    picture = bpy.data.images.new("simcraft", width, height, alpha=False, float_buffer=True, is_data=True)
    picture.file_format = "OPEN_EXR"
    pixels = np.zeros((height, width, 4), np.float32)
    pixels[..., 3] = 1
    recorded = set(numbers)
    t = -1
    try:
        for number, path in enumerate(paths, start=numbers[0]):
            if number not in recorded:
                shutil.copyfile(paths[numbers[t] - numbers[0]], path)
                continue
            t += 1
            pixels[..., 0] = atlas(body.density[t], columns)
            if body.glow is not None:
                pixels[..., 1] = atlas(body.glow[t], columns)
            picture.pixels.foreach_set(pixels.ravel())
            picture.filepath_raw = str(path)
            picture.save()
    finally:
        bpy.data.images.remove(picture)
    image = marked(bpy.data.images.load(str(paths[0])))
    image.source = "SEQUENCE"
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    return image


def _material(body: Any, image: Any, numbers: Sequence[int], columns: int, color: tuple[float, float, float]) -> Any:
    """A material whose volume is smoke of the density in `image`, and flames of the glow in it."""
    import bpy

    material = marked(bpy.data.materials.new(body.name))
    material.use_nodes = True
    graph = Graph(material.node_tree)
    density, glow = _looked_up(graph, image, numbers, columns, body.density.shape[1:])
    smoke = graph.node("ShaderNodeVolumePrincipled", Density=density, Color=(*color, 1.0))
    volume = smoke.outputs[0]
    if body.glow is not None:
        soot = graph.math("MULTIPLY", glow, FLAME_DENSITY)
        hidden = graph.node("ShaderNodeVolumeAbsorption", Density=soot, Color=(0.0, 0.0, 0.0, 1.0))
        light = graph.math("MULTIPLY", soot, FLAME_RADIANCE)
        flame = graph.node("ShaderNodeEmission", Color=_flame_color(graph, glow), Strength=light)
        volume = graph.add_shaders(volume, graph.add_shaders(hidden.outputs[0], flame.outputs[0]))
    output = graph.node("ShaderNodeOutputMaterial")
    graph.link(volume, output.inputs["Volume"])
    return material


def _flame_color(graph: Graph, glow: Value) -> Any:
    """The colour of flames: of hotter ones nearer to white."""
    hottest = _FLAME_COLORS[-1][0]
    ramp = graph.node("ShaderNodeValToRGB", Fac=graph.math("DIVIDE", glow, hottest))
    elements = ramp.color_ramp.elements
    for _ in range(len(_FLAME_COLORS) - len(elements)):
        elements.new(0.5)
    for element, (at, color) in zip(elements, _FLAME_COLORS, strict=True):
        element.position, element.color = at / hottest, (*color, 1.0)
    return ramp.outputs["Color"]


def _looked_up(
    graph: Graph, image: Any, numbers: Sequence[int], columns: int, cells: tuple[int, ...]
) -> tuple[Value, Value]:
    """(density, glow) at the shaded point of the unit cube."""
    place = graph.node("ShaderNodeTexCoord").outputs["Object"]
    x, y, z = graph.node("ShaderNodeSeparateXYZ", Vector=place).outputs
    across = [_clamped(graph, graph.math("MULTIPLY", v, n), 0.5, n - 0.5) for v, n in ((x, cells[0]), (y, cells[1]))]
    height = _clamped(graph, graph.math("MULTIPLY_ADD", z, cells[2], -0.5), 0.0, cells[2] - 1.0)
    below = graph.math("FLOOR", height)
    above = graph.math("MINIMUM", graph.math("ADD", below, 1.0), cells[2] - 1.0)
    share = graph.math("SUBTRACT", height, below)
    rows = -(-cells[2] // columns)
    looks = []
    for layer in (below, above):
        row = graph.math("FLOOR", graph.math("DIVIDE", graph.math("ADD", layer, 0.5), columns))
        column = graph.math("MULTIPLY_ADD", row, -columns, layer)
        u = graph.math("DIVIDE", graph.math("MULTIPLY_ADD", column, cells[0], across[0]), columns * cells[0])
        v = graph.math("DIVIDE", graph.math("MULTIPLY_ADD", row, cells[1], across[1]), rows * cells[1])
        looks.append(_picture(graph, image, numbers, u, v))
    low, high = looks
    density, glow = (graph.mix(share, low[i], high[i]) for i in range(2))
    return density, glow


def _picture(graph: Graph, image: Any, numbers: Sequence[int], u: Value, v: Value) -> Any:
    """Red, green and blue of the present frame's picture at (u, v)."""
    place = graph.node("ShaderNodeCombineXYZ", X=u, Y=v)
    texture = graph.node("ShaderNodeTexImage", Vector=place.outputs[0])
    texture.image, texture.interpolation, texture.extension = image, "Linear", "EXTEND"
    user = texture.image_user
    user.frame_start, user.frame_duration, user.frame_offset = numbers[0], numbers[-1] - numbers[0] + 1, 0
    user.use_auto_refresh = True
    return graph.node("ShaderNodeSeparateColor", Color=texture.outputs["Color"]).outputs


def _clamped(graph: Graph, value: Value, low: float, high: float) -> Value:
    return graph.math("MINIMUM", graph.math("MAXIMUM", value, low), high)


def _set_steps(material: Any, cells: tuple[int, ...], box: np.ndarray) -> None:
    """March through the volume in steps of a cell. (Since 5.0 Cycles needs no steps.)"""
    cell = np.mean(np.linalg.norm(box[:3, :3], axis=0) / cells)
    corners = _CORNERS @ box[:3, :3].T
    bounds = np.ptp(corners, axis=0).mean()
    if hasattr(material, "cycles") and hasattr(material.cycles, "volume_step_rate"):
        material.cycles.volume_step_rate = cell / (_CYCLES_STEP * bounds)
