"""An empty scene with its render settings, light, sky and camera."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Euler, Vector

from ..family import Draws
from . import skies as hdr_skies
from . import sunlight, textures
from .sunlight import Sun

Vector3 = tuple[float, float, float]

SKIES = {
    "day": ((0.30, 0.52, 0.84), (0.80, 0.88, 0.95), (0.60, 0.56, 0.52)),
    "dusk": ((0.34, 0.38, 0.62), (0.98, 0.80, 0.64), (0.50, 0.42, 0.40)),
    "studio": ((0.88, 0.90, 0.93), (0.76, 0.79, 0.83), (0.58, 0.57, 0.56)),
}


def begin(name: str, frames: int, seed: int, substeps: int) -> bpy.types.Scene:
    """Let the empty scene in the context have `frames` frames at 24 fps and a rigid-body world of the same range."""
    scene = bpy.context.scene
    scene.name = name
    scene.frame_start, scene.frame_end = 1, frames
    scene.gravity = (0.0, 0.0, -9.81)
    render = scene.render
    render.fps = 24
    render.resolution_x = render.resolution_y = 512
    render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 32
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.seed = seed
    scene.cycles.max_bounces = 6
    scene.view_settings.view_transform = "Standard"
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    world.collection = bpy.data.collections.new("bodies")
    world.constraints = bpy.data.collections.new("constraints")
    world.substeps_per_frame = substeps
    world.solver_iterations = 30
    world.point_cache.frame_start, world.point_cache.frame_end = 1, frames
    return scene


def things() -> dict[str, bpy.types.Object]:
    """The scene's objects by the names they were given; Blender numbers those that another scene has as well."""
    return {thing.name.partition(".")[0]: thing for thing in bpy.context.scene.objects}


def image(name: str, picture: np.ndarray) -> bpy.types.Image:
    """`picture` ((h, w, 3) sRGB from 0 to 1, row 0 on top); whoever saves the scene has to pack it into the file."""
    height, width = picture.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1]
    made = bpy.data.images.new(name, width, height)
    made.pixels.foreach_set(pixels.ravel())
    made.update()
    return made


def radiance(name: str, picture: np.ndarray) -> bpy.types.Image:
    """`picture` ((h, w, 3) linear radiance, row 0 on top), which may be brighter than 1."""
    height, width = picture.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1]
    made = bpy.data.images.new(name, width, height, float_buffer=True)
    made.pixels.foreach_set(pixels.ravel())
    made.update()
    return made


def daylight(
    draws: Draws,
    kind: str = "day",
    sun: Vector3 = (-0.5, 0.6, -1.0),
    strength: float = 3.0,
    softness: float = 0.03,
    skies: Sequence[str] = tuple(SKIES),
) -> None:
    """A generated sky and one sun that shines along `sun`, with an angular size of `softness` radians.

    Another seed turns the sun by up to a radian and may choose another of the `skies`.
    """
    kind = draws.pick("sky", kind, skies)
    direction = Vector(sun)
    direction.rotate(Euler((0.0, 0.0, draws.real("sun turn", 0.0, -1.0, 1.0))))
    strength *= draws.real("sun strength", 1.0, 0.85, 1.15)
    lit = sunlight.seen_through(draws.look, Sun(tuple(direction), strength, softness))
    if draws.look.sky in hdr_skies.SKIES:
        to_sun = -Vector(lit.direction)
        _background(radiance("sky", hdr_skies.radiance(draws.look.sky, to_sun)), 1.0)
    else:
        backdrop(textures.sky(*SKIES[kind]))
    _lamp(lit)


def backdrop(picture: np.ndarray, strength: float = 0.8) -> None:
    """The equirectangular `picture` (sRGB) all around, which lights the scene as well."""
    _background(image("sky", picture), strength)


def lamp(draws: Draws, direction: Vector3, strength: float, softness: float = 0.03) -> bpy.types.Object:
    """The sun, which shines along `direction`, as the look has it."""
    return _lamp(sunlight.seen_through(draws.look, Sun(direction, strength, softness)))


def _background(environment: bpy.types.Image, strength: float) -> None:
    world = bpy.context.scene.world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    texture = nodes.new("ShaderNodeTexEnvironment")
    texture.image = environment
    background = next(node for node in nodes if node.type == "BACKGROUND")
    background.inputs["Strength"].default_value = strength
    links.new(texture.outputs["Color"], background.inputs["Color"])


def _lamp(sun: Sun) -> bpy.types.Object:
    light = bpy.data.lights.new("sun", "SUN")
    light.energy = sun.strength
    light.angle = sun.softness
    light.color = sun.colour
    holder = bpy.data.objects.new("sun", light)
    holder.rotation_euler = Vector(sun.direction).to_track_quat("-Z", "Y").to_euler()
    holder.location = (0.0, 0.0, 6.0)
    bpy.context.scene.collection.objects.link(holder)
    return holder


def camera(location: Vector3, target: Vector3, lens: float = 50.0) -> bpy.types.Object:
    """The scene's camera at `location`, looking at `target`, with a focal length in mm on a 36 mm sensor."""
    data = bpy.data.cameras.new("camera")
    data.lens = lens
    made = bpy.data.objects.new("camera", data)
    made.location = location
    made.rotation_euler = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(made)
    bpy.context.scene.camera = made
    return made


def circling_camera(centre: Vector3, away: Vector3, turns: tuple[float, float], lens: float) -> bpy.types.Object:
    """A camera at the offset `away` that turns about `centre` between two angles, over the whole range."""
    scene = bpy.context.scene
    pivot = bpy.data.objects.new("camera_pivot", None)
    pivot.location = centre
    scene.collection.objects.link(pivot)
    made = camera(away, (0.0, 0.0, 0.0), lens)
    made.parent = pivot
    for frame, turn in zip((scene.frame_start, scene.frame_end), turns, strict=True):
        pivot.rotation_euler = (0.0, 0.0, turn)
        pivot.keyframe_insert("rotation_euler", frame=frame)
    _evenly(pivot)
    return made


def spin(thing: bpy.types.Object, start: float, speed: float) -> None:
    """`thing` turns about its own z axis from the angle `start` on at `speed` rad/s, over the whole range."""
    scene = bpy.context.scene
    # turned by z first, so that z is its own axis
    thing.rotation_mode = "ZYX"
    for frame in (scene.frame_start, scene.frame_end):
        thing.rotation_euler.z = start + speed * (frame - scene.frame_start) / scene.render.fps
        thing.keyframe_insert("rotation_euler", frame=frame)
    thing.rotation_euler.z = start
    _evenly(thing)


def ride(thing: bpy.types.Object, start: np.ndarray, end: np.ndarray) -> None:
    """`thing` goes from `start` (3,) to `end` (3,) at one speed over the whole range."""
    scene = bpy.context.scene
    for frame, place in ((scene.frame_end, end), (scene.frame_start, start)):
        thing.location = tuple(place)
        thing.keyframe_insert("location", frame=frame)
    _evenly(thing)


def curves(thing: bpy.types.Object) -> bpy.types.bpy_prop_collection:
    """The animation curves of `thing`, which has some; actions have layers and slots since 4.4."""
    data = thing.animation_data
    if bpy.app.version < (4, 4):
        return data.action.fcurves
    return data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves


def _evenly(thing: bpy.types.Object) -> None:
    for curve in curves(thing):
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
