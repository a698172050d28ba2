"""A falling drop of Mantaflow's liquid, baked inside a Blender executable (the bpy package aborts at that)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from zoo import _camera, add_cube


def fluid(data: Path) -> None:
    """The drop falls in a turned and stretched domain, and drifts along the domain's own x at 1 m/s."""
    domain = _drop_in_domain(data)
    with bpy.context.temp_override(object=domain, active_object=domain, scene=bpy.context.scene):
        bpy.ops.fluid.bake_all()
    data.write_text("{}", encoding="utf-8")


def unbaked_fluid(data: Path) -> None:
    _drop_in_domain(data)


def _drop_in_domain(data: Path) -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 6
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    _camera(scene)
    domain = add_cube("Liquid", (1.0, 2.0, 3.0), 2.0)
    domain.scale, domain.rotation_euler = (1.0, 1.0, 1.5), (0.0, 0.0, 0.7)
    domain.modifiers.new("Fluid", "FLUID").fluid_type = "DOMAIN"
    settings = domain.modifiers[0].domain_settings
    settings.domain_type, settings.resolution_max = "LIQUID", 32
    settings.cache_frame_start, settings.cache_frame_end = 1, 6
    settings.cache_directory = str(data.parent / "fluid")
    settings.cache_type, settings.cache_data_format = "ALL", "UNI"
    settings.use_mesh = settings.use_speed_vectors = True
    bpy.context.view_layer.update()
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.4, location=(1.0, 2.0, 4.0))
    drop = bpy.context.object
    drop.hide_render = True
    drop.modifiers.new("Fluid", "FLUID").fluid_type = "FLOW"
    flow = drop.modifiers[0].flow_settings
    flow.flow_type, flow.flow_behavior = "LIQUID", "GEOMETRY"
    flow.use_initial_velocity, flow.velocity_coord = True, (1.0, 0.0, 0.0)
    return domain
