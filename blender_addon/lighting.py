"""The scene's light, reduced to one sun and one sky."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .materials import Color, rgb, upstream
from .textures import bright_array, image_array, linear_to_srgb, srgb_to_linear

_SKY_SIZE = (1024, 512)
_BRIGHT_SKY_SIZE = (512, 256)
"""What is brighter than white takes four times the memory."""
BRIGHTEST = 1000.0
"""Radiance above which a sky is a sun, which the preview knows as one."""


def lighting(scene: Any, depsgraph: Any, offered: set[str]) -> Any:
    """A `recording_format.Lighting` of the current frame.

    `offered` are the names of the objects that may be rendered. Of all lamps the one that lights the middle of the
    scene most counts, as a sun that is as bright there.
    """
    lamps, middles = [], []
    for i in depsgraph.object_instances:
        owner = i.parent if i.is_instance else i.object
        if owner.original.name_full not in offered or i.object.hide_render:
            continue
        matrix = np.array(i.matrix_world, np.float64)
        if i.object.type == "LIGHT":
            lamps.append((matrix, i.object.data))
        elif i.object.type == "MESH":
            middles.append(matrix[:3, :3] @ np.mean(i.object.bound_box, axis=0) + matrix[:3, 3])
    middle = np.median(middles, axis=0) if middles else np.zeros(3)
    suns = [_as_sun(matrix, lamp, middle) for matrix, lamp in lamps]
    direction, color = max(suns, key=lambda sun: sum(sun[1]), default=((0.0, 0.0, -1.0), (0.0, 0.0, 0.0)))
    sky_color, sky_image = _sky(scene.world)
    return fmt.Lighting(direction, color, sky_color, sky_image)


def _as_sun(matrix: np.ndarray, lamp: Any, middle: np.ndarray) -> tuple[Color, Color]:
    """Direction in which the lamp's light travels at the point `middle`, and irradiance of a surface that faces it."""
    # lamps have an exposure since 4.5
    power = lamp.energy * 2.0 ** getattr(lamp, "exposure", 0.0)
    axis = -matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
    if lamp.type == "SUN":
        return rgb(axis), rgb(lamp.color, power)
    way = middle - matrix[:3, 3]
    distance = max(float(np.linalg.norm(way)), 1e-3)
    # watts a steradian: a point or spot lamp shines evenly, an area lamp by the cosine and ahead four times as much
    intensity = power / (4 * np.pi)
    if lamp.type == "AREA":
        intensity *= 4 * max(0.0, float(axis @ way) / distance)
    return rgb(way / distance), rgb(lamp.color, intensity / distance**2)


def _sky(world: Any) -> tuple[Color, np.ndarray | None]:
    """(linear RGB radiance, equirectangular image or None) of the world's background."""
    if world is None:
        return (0.0, 0.0, 0.0), None
    tree = world.node_tree if getattr(world, "use_nodes", True) else None
    output = tree and (tree.get_output_node("ALL") or tree.get_output_node("CYCLES"))
    nodes = list(upstream(output.inputs["Surface"])) if output else []
    background = next((n for n in nodes if n.type == "BACKGROUND"), None)
    if background is None:
        return rgb(world.color), None
    strength = float(background.inputs["Strength"].default_value)
    if not background.inputs["Color"].is_linked:
        return rgb(background.inputs["Color"].default_value, strength), None
    feeding = list(upstream(background.inputs["Color"]))
    environment = next((n for n in feeding if n.type == "TEX_ENVIRONMENT" and n.image), None)
    image = image_array(environment.image, _SKY_SIZE) if environment else None
    if environment is not None and image is not None and image.shape[1] == 2 * image.shape[0]:
        radiance = srgb_to_linear(image / 255.0) * strength
        encoded = (linear_to_srgb(radiance) * 255 + 0.5).astype(np.uint8)
        bright = bright_array(environment.image, _BRIGHT_SKY_SIZE)
        if bright is None or bright.max() * strength <= 1.0:
            return rgb(radiance.mean((0, 1))), encoded
        bright = np.minimum(bright * np.float32(strength), BRIGHTEST)
        return rgb(bright.mean((0, 1))), bright
    if any(n.type == "TEX_SKY" for n in feeding):
        return rgb(fmt.Lighting().sky_color, strength), None
    return rgb(world.color), None
