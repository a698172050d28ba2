"""Smoke and fire in Blender: a box whose shader reads the grid from pictures, one a frame.

No Blender has a way to write OpenVDB files from Python, and not every one can render the grids that it makes itself. So
the slices of the grid lie side by side in one picture, and the shader looks points up in it. Each slice's pixels hold
its density (red) and glow (blue), and those of the slice above (green and alpha): one look is linear in all directions.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .keyframes import animate_transforms, animate_visibility
from .results import marked, new_object
from .shader import Graph, Value
from .shown_surfaces import new_mesh

FLAME_GLOWS = np.linspace(0.0, 1.5, 16)
"""Where the shader knows the radiance of flames; between it is linear, and beyond it stays."""
_CELLS_A_STEP = 2.0
_CYCLES_STEP = 0.1
"""Cycles marches in steps of this share of the mean side of a mesh's bounds, times the material's step rate."""
_INVISIBLE = 1e-3
"""Optical density across the whole grid, and glow, below which nothing can be seen."""
_GAP = 1e-3
"""Share of the box by which it is drawn smaller."""
_CORNERS = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(-1, 3)
_FACES = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
_FACES += [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]


def show_volume(
    body: Any, numbers: Sequence[int], color: tuple[float, float, float], collection: Any, files: Path
) -> None:
    """`Volume` as an object; its pictures are written to the new folder `files`."""
    part = filled(body)
    cells = tuple(s.stop - s.start for s in part)
    columns = int(np.ceil(np.sqrt(cells[2] * cells[1] / cells[0])))
    image = _write_pictures(body, part, numbers, columns, files)
    material = _material(body, cells, columns, color)
    _read_sequence(material, image, numbers)
    place = np.diag([*cells, 1.0])
    place[:3, 3] = [s.start for s in part]
    boxes = np.asarray(body.grid_to_world) @ place
    _set_steps(material, cells, boxes[0])
    # domains stand on floors: a box that shares a plane with one could not be told from it
    inside = np.clip(_CORNERS, _GAP, 1 - _GAP)
    obj = new_object(body.name, new_mesh(body.name, inside, np.array(_FACES), materials=[material]), collection)
    obj.display_type = "WIRE"
    animate_transforms(obj, numbers, boxes)
    if body.present is not None:
        animate_visibility(obj, numbers, np.asarray(body.present))


def filled(body: Any) -> tuple[slice, slice, slice]:
    """The part of a `Volume`'s grid that ever holds anything, and the cells around it where there are any."""
    cells = np.array(body.density.shape[1:])
    longest = np.linalg.norm(body.grid_to_world[0][:3, :3], axis=0).max() * cells.max()
    holds = np.zeros(cells, bool)
    for t in range(len(body.density)):
        holds |= body.density[t] * longest > _INVISIBLE
        if body.glow is not None:
            holds |= body.glow[t] > _INVISIBLE
    places = np.argwhere(holds) if holds.any() else np.zeros((1, 3), int)
    low, high = np.maximum(places.min(0) - 1, 0), np.minimum(places.max(0) + 2, cells)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return x, y, z


def atlas(grid: np.ndarray, columns: int) -> np.ndarray:
    """(rows Y, columns X) of a grid (X, Y, Z): slice z is in column z mod `columns`, row z // `columns`; y upwards."""
    x, y, z = grid.shape
    rows = -(-z // columns)
    slices = np.zeros((rows * columns, y, x), np.float32)
    slices[:z] = grid.transpose(2, 1, 0)
    return slices.reshape(rows, columns, y, x).transpose(0, 2, 1, 3).reshape(rows * y, columns * x)


def _pixels(body: Any, part: tuple[slice, slice, slice], t: int, columns: int) -> np.ndarray:
    """(h, w, 4) float32: density, that of the slice above, glow, that of the slice above; above the last is itself."""
    layers = []
    for field in (body.density, body.glow):
        grid = np.zeros_like(body.density[t][part]) if field is None else np.asarray(field[t][part])
        above = np.concatenate([grid[..., 1:], grid[..., -1:]], axis=2)
        layers += [atlas(grid, columns), atlas(above, columns)]
    return np.stack(layers, axis=-1)


def _write_pictures(
    body: Any, part: tuple[slice, slice, slice], numbers: Sequence[int], columns: int, files: Path
) -> Any:
    """Write `0001.exr`, ... for every frame of the scene from the first recorded one to the last; returns the sequence.

    Between recorded frames the last one stays.
    """
    import bpy

    files.mkdir(parents=True)
    paths = [files / f"{n - numbers[0] + 1:04d}.exr" for n in range(numbers[0], numbers[-1] + 1)]
    height, width, _ = _pixels(body, part, 0, columns).shape
    picture = bpy.data.images.new("simcraft", width, height, alpha=True, float_buffer=True, is_data=True)
    picture.file_format, picture.alpha_mode = "OPEN_EXR", "CHANNEL_PACKED"
    try:
        for t, number in enumerate(numbers):
            first = number - numbers[0]
            picture.pixels.foreach_set(_pixels(body, part, t, columns).ravel())
            picture.filepath_raw = str(paths[first])
            picture.save()
            last = numbers[t + 1] - numbers[0] if t + 1 < len(numbers) else first + 1
            for path in paths[first + 1 : last]:
                shutil.copyfile(paths[first], path)
    finally:
        bpy.data.images.remove(picture)
    image = marked(bpy.data.images.load(str(paths[0])))
    image.source = "SEQUENCE"
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    return image


def _material(body: Any, cells: tuple[int, ...], columns: int, color: tuple[float, float, float]) -> Any:
    """A material whose volume is smoke of the density in the pictures, and flames of the glow in them."""
    import bpy

    material = marked(bpy.data.materials.new(body.name))
    material.use_nodes = True
    graph = Graph(material.node_tree)
    density, glow = _looked_up(graph, cells, columns)
    volume = graph.node("ShaderNodeVolumePrincipled", Density=density, Color=(*color, 1.0)).outputs[0]
    if body.glow is not None:
        soot = graph.math("MULTIPLY", glow, fmt.flames.FLAME_DENSITY)
        hidden = graph.node("ShaderNodeVolumeAbsorption", Density=soot, Color=(0.0, 0.0, 0.0, 1.0))
        brightest = float(flame_radiance(FLAME_GLOWS).max())
        light = graph.math("MULTIPLY", soot, brightest)
        flame = graph.node("ShaderNodeEmission", Color=_flame_color(graph, glow, brightest), Strength=light)
        volume = graph.add_shaders(volume, graph.add_shaders(hidden.outputs[0], flame.outputs[0]))
    output = graph.node("ShaderNodeOutputMaterial")
    graph.link(volume, output.inputs["Volume"])
    return material


def _read_sequence(material: Any, image: Any, numbers: Sequence[int]) -> None:
    """Let the material's image node read `image`, whose first picture is that of the frame `numbers[0]`."""
    texture = next(node for node in material.node_tree.nodes if node.type == "TEX_IMAGE")
    texture.image = image
    user = texture.image_user
    user.frame_start, user.frame_duration, user.frame_offset = numbers[0], numbers[-1] - numbers[0] + 1, 0
    user.use_auto_refresh = True


def flame_radiance(glow: np.ndarray) -> np.ndarray:
    """(n, 3) linear RGB of a black body by Planck's law at 610, 550 and 465 nm, in Wien's approximation."""
    lengths = np.array([0.610, 0.550, 0.465])  # micrometres
    coolest, hottest = fmt.flames.COOLEST, fmt.flames.HOTTEST
    temperature = coolest + (hottest - coolest) * np.asarray(glow)[:, None]
    change = 14388.0 / (lengths * temperature) - 14388.0 / (lengths[0] * hottest)
    return np.asarray(fmt.flames.BRIGHTEST * (lengths[0] / lengths) ** 5 * np.exp(-change))


def _flame_color(graph: Graph, glow: Value, brightest: float) -> Value:
    """The radiance of flames as a share of `brightest`."""
    ramp = graph.node("ShaderNodeValToRGB", Fac=graph.math("DIVIDE", glow, FLAME_GLOWS[-1]))
    elements = ramp.color_ramp.elements
    for _ in range(len(FLAME_GLOWS) - len(elements)):
        elements.new(0.5)
    colors = flame_radiance(FLAME_GLOWS) / brightest
    for element, at, color in zip(elements, FLAME_GLOWS / FLAME_GLOWS[-1], colors, strict=True):
        element.position, element.color = at, (*color, 1.0)
    return ramp.outputs["Color"]


def _looked_up(graph: Graph, cells: tuple[int, ...], columns: int) -> tuple[Value, Value]:
    """(density, glow) at the shaded point of the unit cube.

    Within half a cell of the box's faces they are what they are at the outermost cell centres.
    """
    place = graph.node("ShaderNodeTexCoord").outputs["Object"]
    x, y, z = graph.node("ShaderNodeSeparateXYZ", Vector=place).outputs
    x = graph.clamped(graph.math("MULTIPLY", x, cells[0]), 0.5, cells[0] - 0.5)
    y = graph.clamped(graph.math("MULTIPLY", y, cells[1]), 0.5, cells[1] - 0.5)
    height = graph.clamped(graph.math("MULTIPLY_ADD", z, cells[2], -0.5), 0.0, cells[2] - 1.0)
    layer = graph.math("FLOOR", height)
    rows = -(-cells[2] // columns)
    row = graph.math("FLOOR", graph.math("MULTIPLY_ADD", layer, 1 / columns, 0.5 / columns))
    column = graph.math("MULTIPLY_ADD", row, -columns, layer)
    u = graph.math("DIVIDE", graph.math("MULTIPLY_ADD", column, cells[0], x), columns * cells[0])
    v = graph.math("DIVIDE", graph.math("MULTIPLY_ADD", row, cells[1], y), rows * cells[1])
    texture = graph.node("ShaderNodeTexImage", Vector=graph.node("ShaderNodeCombineXYZ", X=u, Y=v).outputs[0])
    texture.interpolation, texture.extension = "Linear", "EXTEND"
    density, above, glow = graph.node("ShaderNodeSeparateColor", Color=texture.outputs["Color"]).outputs
    share = graph.math("SUBTRACT", height, layer)
    return graph.mix(share, density, above), graph.mix(share, glow, texture.outputs["Alpha"])


def _set_steps(material: Any, cells: tuple[int, ...], box: np.ndarray) -> None:
    """Let Cycles march through the volume in steps of a few cells."""
    cell = np.mean(np.linalg.norm(box[:3, :3], axis=0) / cells)
    bounds = np.ptp(_CORNERS @ box[:3, :3].T, axis=0).mean()
    if hasattr(material, "cycles") and hasattr(material.cycles, "volume_step_rate"):
        material.cycles.volume_step_rate = _CELLS_A_STEP * cell / (_CYCLES_STEP * bounds)
