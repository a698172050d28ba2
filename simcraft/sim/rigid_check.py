"""Is a rigid scene one that Blender can simulate as it is written? Blender itself would clamp, cut and rename."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, get_args

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Material
from simcraft.sim.rigid_scene import Body, Camera, Capsule, Constraint, ConstraintKind, Mesh, RigidScene, Shape, Sun

LONGEST_NAME = 63
"""Bytes of UTF-8 after which Blender cuts names off (before 5.0)."""
_LEAST_MASS = 0.001
_FIELDS_OF_VIEW = (0.4, 172.0)


def check(scene: RigidScene, frames: int, fps: float, substeps: int, solver_iterations: int) -> None:
    """Raise `UserError` that names body and field where the scene cannot be simulated as it is."""
    _expect(_whole(frames, 1, 1_048_574), "The simulation", "frames", frames, "a whole number from 1 to 1048574")
    _expect(_within(fps, 1e-3, 32767), "The simulation", "fps", fps, "between 0.001 and 32767 frames a second")
    _expect(_whole(substeps, 1, 32767), "The simulation", "substeps", substeps, "a whole number from 1 to 32767")
    good = _whole(solver_iterations, 1, 1000)
    _expect(good, "The simulation", "solver_iterations", solver_iterations, "a whole number from 1 to 1000")
    _check_name(scene.name, "The scene")
    _expect_vector(scene.gravity, "The scene", "gravity")
    _expect_color(scene.sky_color, "The scene", "sky_color")
    _check_camera(scene.camera)
    _check_sun(scene.sun)
    names = [body.name for body in scene.bodies]
    for name in names:
        _check_name(name, "A body")
        if names.count(name) > 1:
            raise UserError(f"Two bodies are called '{name}'.", "Give each body its own name.")
    for body in scene.bodies:
        _check_body(body, fps)
    for i, constraint in enumerate(scene.constraints):
        _check_constraint(constraint, f"Constraint {i}", names)


def _check_name(name: Any, who: str) -> None:
    good = isinstance(name, str) and 0 < len(name.encode(errors="replace")) <= LONGEST_NAME
    _expect(good, who, "name", name, f"a text of 1 to {LONGEST_NAME} bytes, longer ones are cut by Blender")


def _check_camera(camera: Camera) -> None:
    for field in ("position", "target"):
        _expect_vector(getattr(camera, field), "The camera", field)
    distance = math.dist(camera.position, camera.target)
    _expect(distance > 1e-6, "The camera", "target", camera.target, "another place than its position")
    low, high = _FIELDS_OF_VIEW
    good = _within(camera.vertical_fov, low, high)
    _expect(good, "The camera", "vertical_fov", camera.vertical_fov, f"between {low:g} and {high:g} degrees")


def _check_sun(sun: Sun) -> None:
    _expect_vector(sun.direction, "The sun", "direction")
    _expect(any(sun.direction), "The sun", "direction", sun.direction, "a direction, not zero")
    _expect(_within(sun.strength, 0, math.inf), "The sun", "strength", sun.strength, "0 or more")
    _expect_color(sun.color, "The sun", "color")


def _check_constraint(constraint: Constraint, who: str, names: list[str]) -> None:
    for end in (constraint.first, constraint.second):
        if end not in names:
            raise UserError(f"{who} binds '{end}', which is no body.", f"Bodies: {', '.join(names)}.")
    if constraint.first == constraint.second:
        raise UserError(f"{who} binds '{constraint.first}' to itself.", "Name two bodies.")
    kinds = get_args(ConstraintKind)
    _expect(constraint.kind in kinds, who, "kind", constraint.kind, f"one of {', '.join(kinds)}")
    for field in ("position", "axis"):
        _expect_vector(getattr(constraint, field), who, field)
    _expect(any(constraint.axis), who, "axis", constraint.axis, "a direction, not zero")


def _check_body(body: Body, fps: float) -> None:
    who = f"Body '{body.name}'"

    def expect(good: bool, field: str, wanted: str) -> None:
        _expect(good, who, field, getattr(body, field), wanted)

    for field in ("position", "velocity", "angular_velocity"):
        _expect_vector(getattr(body, field), who, field)
    unit = _is_finite(body.rotation, (4,)) and abs(math.hypot(*body.rotation) - 1.0) < 1e-3
    expect(unit, "rotation", "a unit quaternion (w, x, y, z)")
    heavy = _within(body.mass, _LEAST_MASS, math.inf)
    expect(heavy or _within(body.mass, 0, 0), "mass", f"0 (never moves) or {_LEAST_MASS} kilograms and more")
    expect(_within(body.friction, 0, math.inf), "friction", "0 or more")
    for field in ("restitution", "linear_damping", "angular_damping"):
        expect(_within(getattr(body, field), 0, 1), field, "between 0 and 1")
    moving = any(body.velocity) or any(body.angular_velocity)
    expect(body.mass > 0 or not moving, "mass", "above 0 for a body with a velocity")
    turn = math.hypot(*body.angular_velocity) / fps
    expect(turn < math.pi, "angular_velocity", f"below half a turn a frame ({math.pi * fps:.0f} rad/s)")
    _check_shape(body.shape, who)
    _check_material(body.material, who)


def _check_shape(shape: Shape, who: str) -> None:
    _expect(isinstance(shape, get_args(Shape)), who, "shape", shape, "a Box, Sphere, Cylinder, Cone, Capsule or Mesh")
    if isinstance(shape, Mesh):
        _check_mesh(shape, who)
        return
    for field in fields(shape):
        value = getattr(shape, field.name)
        count = (3,) if field.name == "size" else ()
        good = _is_finite(value, count) and bool((np.asarray(value) > 0).all())
        _expect(good, who, field.name, value, f"{'three' if count else 'a'} finite length above 0")
    if isinstance(shape, Capsule) and shape.height <= 2 * shape.radius:
        raise UserError(f"{who}: a capsule is higher than twice its radius.", "Use a Sphere.")


def _check_mesh(mesh: Mesh, who: str) -> None:
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if vertices.ndim != 2 or not _is_finite(vertices, (len(vertices), 3)):
        raise UserError(f"{who}: vertices has shape {vertices.shape} or is not finite.", "It should be (V, 3) metres.")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces) or faces.dtype.kind not in "iu" or faces.min() < 0:
        raise UserError(f"{who}: faces has shape {faces.shape}.", "It should be (F, 3) whole numbers, F above 0.")
    if faces.max() >= len(vertices):
        raise UserError(f"{who}: faces points past the {len(vertices)} vertices.", "Repair the mesh.")
    if mesh.uv is not None and not _is_finite(mesh.uv, (len(faces), 3, 2)):
        raise UserError(f"{who}: uv has shape {np.shape(mesh.uv)} or is not finite.", "It should be (F, 3, 2).")


def _check_material(material: Material, who: str) -> None:
    _check_name(material.name, f"{who}: its material")
    _expect_color(material.base_color, who, "material.base_color")
    _expect(_within(material.roughness, 0, 1), who, "material.roughness", material.roughness, "between 0 and 1")
    texture = material.texture
    if texture is None:
        return
    picture = np.asarray(texture)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise UserError(
            f"{who}: material.texture has shape {picture.shape} and type {picture.dtype}.",
            "It should be (h, w, 3) uint8 sRGB; repeat a grey picture three times.",
        )


def _expect(good: bool, who: str, field: str, value: Any, wanted: str) -> None:
    if not good:
        raise UserError(f"{who}: {field} is {value!r}.", f"It should be {wanted}.")


def _expect_vector(value: Any, who: str, field: str) -> None:
    _expect(_is_finite(value, (3,)), who, field, value, "three finite numbers")


def _expect_color(value: Any, who: str, field: str) -> None:
    good = _is_finite(value, (3,)) and min(value) >= 0
    _expect(good, who, field, value, "three finite numbers, 0 or more: linear red, green and blue")


def _is_finite(value: Any, shape: tuple[int, ...]) -> bool:
    """Are these finite numbers in an array of that shape?"""
    try:
        array = np.asarray(value)
    except ValueError:
        # rows of different length
        return False
    return array.shape == shape and array.dtype.kind in "iuf" and bool(np.isfinite(array).all())


def _within(value: Any, low: float, high: float) -> bool:
    return _is_finite(value, ()) and low <= value <= high


def _whole(value: Any, low: int, high: int) -> bool:
    return _within(value, low, high) and np.asarray(value).dtype.kind in "iu"
