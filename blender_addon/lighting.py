"""The scene's light, reduced to one sun and one sky."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .materials import Color, rgb, upstream
from .textures import image_array, linear_to_srgb, srgb_to_linear

_SKY_SIZE = (1024, 512)


def lighting(scene: Any, depsgraph: Any, offered: set[str]) -> Any:
    """A `recording_format.Lighting` of the current frame.

    The strongest sun counts; without one, the lamp that lights the origin most stands in for it.
    """
    lamps = [
        _as_sun(np.array(i.matrix_world, np.float64), i.object.data)
        for i in depsgraph.object_instances
        if i.object.type == "LIGHT"
        and (i.parent if i.is_instance else i.object).original.name_full in offered
        and not i.object.hide_render
    ]
    suns = [lamp for lamp in lamps if lamp[2]] or lamps
    direction, color, _ = max(suns, key=lambda lamp: sum(lamp[1]), default=((0.0, 0.0, -1.0), (0.0, 0.0, 0.0), True))
    sky_color, sky_image = _sky(scene.world)
    return fmt.Lighting(direction, color, sky_color, sky_image)


def _as_sun(matrix: np.ndarray, lamp: Any) -> tuple[Color, Color, bool]:
    """(direction in which the light travels, irradiance of a surface that faces it, is it a sun)."""
    # lamps have an exposure since 4.5
    power = lamp.energy * 2.0 ** getattr(lamp, "exposure", 0.0)
    axis = -matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
    if lamp.type == "SUN":
        return rgb(axis), rgb(lamp.color, power), True
    distance = max(float(np.linalg.norm(matrix[:3, 3])), 1e-3)
    # watts a steradian: a point or spot lamp shines evenly, an area lamp by the cosine, so ahead four times as much
    intensity = power / (np.pi if lamp.type == "AREA" else 4 * np.pi)
    return rgb(-matrix[:3, 3] / distance), rgb(lamp.color, intensity / distance**2), False


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
    if image is not None and image.shape[1] == 2 * image.shape[0]:
        radiance = srgb_to_linear(image / 255.0) * strength
        return rgb(radiance.mean((0, 1))), (linear_to_srgb(radiance) * 255 + 0.5).astype(np.uint8)
    if any(n.type == "TEX_SKY" for n in feeding):
        return rgb(fmt.Lighting().sky_color, strength), None
    return rgb(world.color), None
