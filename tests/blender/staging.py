"""Scenes with effects, built inside Blender by the child's `build` request; what they tell goes into a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from zoo import _camera, add_cube, ease


def _empty(name: str, location: tuple[float, float, float]) -> Any:
    obj = bpy.data.objects.new(name, None)
    obj.location = location
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _lane(name: str, points: list[tuple[float, float, float]], closed: bool = False) -> Any:
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    for point, place in zip(spline.points, points, strict=True):
        point.co = (*place, 1.0)
    spline.use_cyclic_u = closed
    obj = bpy.data.objects.new(name, curve)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _stage(frames: int) -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.resolution_percentage = 100
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    _camera(scene)
    return scene


def staging(data: Path) -> None:
    """Smoke, a flock and traffic with everything that can take part in them; saved beside `data` as well."""
    from blender_addon.effects import give_role, make_domain

    scene = _stage(4)
    smoke = make_domain(add_cube("Smoke", (0.0, 0.0, 1.0), 2.0), "smoke", buoyancy=0.1, solver="phiflow", resolution=16)
    smoke.rotation_euler = (0.0, 0.0, 0.5)
    smoke.data.materials.append(bpy.data.materials.new("Fog"))
    torch = give_role(add_cube("Torch", (0.0, 0.0, 0.3), 0.3), "emitter", density=2, temperature=1.0)
    torch.hide_render = torch.hide_viewport = True
    ease(torch, "location", (0.0, 0.0, 0.3), (0.0, 0.0, 0.7))
    add_cube("Pole", (0.0, 0.0, 1.0), 0.2)
    add_cube("Far", (50.0, 0.0, 1.0), 0.2)
    add_cube("Sky", (0.0, 0.0, 0.0), 200.0)
    give_role(add_cube("Banner", (0.0, 0.0, 1.0), 0.2), "ignore")
    flock = make_domain(add_cube("Flock", (0.0, 0.0, 3.0), 4.0), "flock", collide="MARKED", count=7)
    ease(give_role(_empty("Goal", (1.0, 2.0, 3.0)), "goal", flock), "location", (1.0, 2.0, 3.0), (4.0, 2.0, 3.0))
    give_role(add_cube("Bird", (9.0, 0.0, 0.0), 0.2), "body").hide_render = True
    give_role(add_cube("Rock", (0.0, 0.5, 1.5), 0.2), "obstacle")
    town = make_domain(add_cube("Town", (0.0, 0.0, 30.0), 4.0), "traffic")
    give_role(_lane("Lane", [(0, 0, 30), (1, 1, 30), (2, 0, 30)]), "lane", town).location = (0.0, 0.0, 1.0)
    give_role(_lane("Ring", [(0, 0, 30), (1, 1, 30), (2, 0, 30)], closed=True), "lane", town)
    hidden = bpy.data.collections.new("Elsewhere")
    bpy.data.objects["Banner"].copy().simcraft.role = "emitter"
    hidden.objects.link(bpy.data.objects["Banner.001"])
    _empty("Instancer", (0.0, 0.0, 60.0)).instance_type = "COLLECTION"
    bpy.data.objects["Instancer"].instance_collection = hidden
    # for something that is no domain
    give_role(_empty("Idle", (0.0, 0.0, 0.0)), "emitter").simcraft.domain = bpy.data.objects["Pole"]
    data.write_text(json.dumps(_refusals(smoke, flock, torch)), encoding="utf-8")
    bpy.ops.wm.save_as_mainfile(filepath=str(data.with_name("staging.blend")))
    scene.frame_set(1)


def _refusals(smoke: Any, flock: Any, torch: Any) -> list[str]:
    """What is said of mistakes, which change nothing."""
    from blender_addon.effects import give_role, make_domain
    from blender_addon.errors import SceneError

    texts = []
    for mistake in (
        lambda: make_domain(smoke, "smok"),
        lambda: make_domain(smoke, "smoke", buoyanc=1),
        lambda: make_domain(smoke, "smoke", buoyancy=100),
        lambda: make_domain(smoke, "smoke", collide="SOME"),
        lambda: give_role(torch, "emitter", flock),
        lambda: give_role(torch, "emitter", torch),
        lambda: give_role(torch, "emitter", wings=2),
        lambda: give_role(torch, "emitter", smoke, density="thick"),
    ):
        try:
            mistake()
        except SceneError as error:
            texts.append(error.message)
        else:
            texts.append("nothing")
    return texts


def only_effects(data: Path) -> None:
    """A scene without anything that Blender could record."""
    from blender_addon.effects import make_domain

    _stage(2)
    make_domain(_empty("Flock", (0.0, 0.0, 2.0)), "flock", count=5).empty_display_size = 3.0


def flat(data: Path) -> None:
    """A domain without a volume."""
    from blender_addon.effects import make_domain

    _stage(2)
    make_domain(add_cube("Flat", (0.0, 0.0, 0.0), 1.0), "smoke")
    for vertex in bpy.data.objects["Flat"].data.vertices:
        vertex.co.z = 0.0


def thick_lane(data: Path) -> None:
    """A lane that is drawn as a tube."""
    from blender_addon.effects import give_role, make_domain

    _stage(2)
    make_domain(add_cube("Town", (0.0, 0.0, 0.0), 4.0), "traffic")
    give_role(_lane("Lane", [(-1, 0, 0), (1, 0, 0)]), "lane").data.bevel_depth = 0.1


def guide(data: Path) -> None:
    """What the documentation shows, which lies in `data` as Python text."""
    _stage(2)
    add_cube("Box", (0.0, 0.0, 1.0), 2.0)
    add_cube("Torch", (0.0, 0.0, 0.3), 0.3)
    exec(data.read_text(encoding="utf-8"), {})


def watched(data: Path) -> None:
    """A body falls beside a domain of smoke that has an emitter, in front of a bright sky."""
    from blender_addon.effects import give_role, make_domain

    scene = _stage(3)
    camera = scene.camera
    camera.animation_data_clear()
    camera.location, camera.rotation_euler = (0.0, -8.0, 1.0), (1.5708, 0.0, 0.0)
    world = scene.world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (1.0, 1.0, 1.0, 1.0)
    scene.view_settings.view_transform = "Standard"
    domain = make_domain(add_cube("Smoke", (-1.0, 0.0, 1.0), 1.5), "smoke", resolution=12, thickness=60.0, warm_up=0.5)
    # as if somebody had switched it on again: a domain is a box and nothing to look at
    domain.hide_render = False
    soot = bpy.data.materials.new("Soot")
    soot.use_nodes = True
    soot.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    domain.data.materials.append(soot)
    give_role(add_cube("Torch", (-1.0, 0.0, 0.8), 0.7), "emitter").hide_render = True
    falling = add_cube("Falling", (1.2, 0.0, 2.0), 0.5)
    bpy.ops.rigidbody.world_add()
    scene.rigidbody_world.collection = bpy.data.collections.new("bodies")
    scene.rigidbody_world.collection.objects.link(falling)
    scene.rigidbody_world.point_cache.frame_end = 3
