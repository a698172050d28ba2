"""Rigid bodies from Python: plain data in, Blender's Bullet in a child process, a Recording out.

    from simcraft.sim import rigid

    floor = rigid.Body("floor", rigid.Box((20, 20, 1)), position=(0, 0, -0.5))
    ball = rigid.Body("ball", rigid.Sphere(0.3), position=(-2, 0, 1), mass=2, velocity=(4, 0, 1))
    recording = rigid.simulate(rigid.RigidScene((floor, ball)), frames=48)

Metres, kilograms, seconds, radians; world frame, z up. Rotations are unit quaternions (w, x, y, z), see `rotation`.
Frame 1 of the recording shows every body exactly as described; Bullet moves it from there with the given velocities
(to 1 %, see tests/sim/test_rigid.py).

Where two bodies touch, Bullet multiplies their frictions, and their restitutions. It also parts bodies that overlap at
a fifth of their overlap a substep, which a bounce keeps: the speeds after and before a bounce have the ratio of the
product plus something between 0 and 0.2 (measured, for any number of substeps), and momentum is conserved. And it
takes bodies for touching a little early, by 2 % of their size: bounces that are slower than about 0.04 radius a substep
(1 m/s for a ball of 0.2 m at 24 fps with 6 substeps) are swallowed, other than between two balls.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.recording import Material, Recording
from simcraft.sim import primitives
from simcraft.sim.simulate import record_in_child

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
ConstraintKind = Literal["fixed", "point", "hinge", "slider"]

GREY = Material("grey")

CHILD = Path(__file__).with_name("rigid_child.py")


@dataclass(frozen=True)
class Box:
    size: Vector3
    """Metres along x, y and z."""


@dataclass(frozen=True)
class Sphere:
    radius: float


@dataclass(frozen=True)
class Cylinder:
    """Along z."""

    radius: float
    height: float


@dataclass(frozen=True)
class Cone:
    """Along z, its tip up; Bullet puts the centre of mass at the middle of the height."""

    radius: float
    height: float


@dataclass(frozen=True)
class Capsule:
    """Along z."""

    radius: float
    height: float
    """From end to end, more than twice the radius."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Any triangle mesh; its origin is the centre of mass."""

    vertices: np.ndarray
    """(V, 3), metres, object space."""
    faces: np.ndarray
    """(F, 3) vertex indices."""
    uv: np.ndarray | None = None
    """(F, 3, 2) texture coordinate of each corner."""
    convex: bool = True
    """Collide as the convex hull; false collides as the triangles themselves, which is slow for moving bodies."""


Shape = Box | Sphere | Cylinder | Cone | Capsule | Mesh


@dataclass(frozen=True, eq=False)
class Body:
    """A rigid body as it is in frame 1."""

    name: str
    shape: Shape
    position: Vector3 = (0.0, 0.0, 0.0)
    """Of the centre of mass."""
    rotation: Quaternion = (1.0, 0.0, 0.0, 0.0)
    """(w, x, y, z), object to world."""
    mass: float = 0.0
    """Kilograms; 0 stands still for ever."""
    friction: float = 0.5
    """Coulomb coefficient; the product of both bodies' counts."""
    restitution: float = 0.0
    """0 to 1; the product of both bodies' counts, see above for how well."""
    linear_damping: float = 0.0
    """Share of the velocity lost in a second, 0 to 1."""
    angular_damping: float = 0.0
    velocity: Vector3 = (0.0, 0.0, 0.0)
    """Metres a second in frame 1, world frame."""
    angular_velocity: Vector3 = (0.0, 0.0, 0.0)
    """Radians a second in frame 1, world frame: the direction is the axis (right-handed)."""
    material: Material = GREY


@dataclass(frozen=True)
class Constraint:
    """Binds two bodies that touch or not; bound bodies pass through each other."""

    kind: ConstraintKind
    first: str
    """A body's name."""
    second: str
    position: Vector3
    """The pivot, in frame 1."""
    axis: Vector3 = (0.0, 0.0, 1.0)
    """What a hinge turns about, or a slider moves along; world frame."""


@dataclass(frozen=True)
class Camera:
    position: Vector3 = (0.0, -8.0, 3.0)
    target: Vector3 = (0.0, 0.0, 0.5)
    vertical_fov: float = 40.0
    """Degrees from the bottom to the top of the picture."""


@dataclass(frozen=True)
class Sun:
    direction: Vector3 = (0.4, 0.5, -1.0)
    """In which the light travels."""
    strength: float = 3.0
    """Watts a square metre on a surface that faces it."""
    color: Vector3 = (1.0, 0.96, 0.9)


@dataclass(frozen=True)
class RigidScene:
    bodies: tuple[Body, ...]
    constraints: tuple[Constraint, ...] = ()
    camera: Camera = Camera()
    sun: Sun = Sun()
    sky_color: Vector3 = (0.55, 0.7, 0.9)
    """Linear RGB radiance."""
    gravity: Vector3 = (0.0, 0.0, -9.81)
    name: str = "rigid"


def rotation(axis: Vector3, angle: float) -> Quaternion:
    """The quaternion (w, x, y, z) of a turn by `angle` radians about `axis`, right-handed."""
    unit = np.asarray(axis, float) / np.linalg.norm(axis)
    x, y, z = (float(c) for c in math.sin(angle / 2) * unit)
    return math.cos(angle / 2), x, y, z


def simulate(
    scene: RigidScene,
    frames: int = 48,
    fps: float = 24.0,
    *,
    size: tuple[int, int] = (512, 512),
    substeps: int = 6,
    solver_iterations: int = 30,
    seed: int | None = None,
    preview: bool = True,
    true_frames: bool = False,
    samples: int | None = None,
    out: str | os.PathLike[str] | None = None,
    blender: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
) -> Recording:
    """Record `frames` frames of `scene`, numbered from 1, moved by Bullet in a child process.

    Parameters
    ----------
    substeps: of Bullet in each frame; tall stacks and long chains need more (20), bounces want few, see above.
    solver_iterations: of Bullet's contact solver in each substep.
    seed, preview, true_frames, samples, out, blender: as for `simcraft.simulate`. By default nothing is rendered
        (`preview=True`). Bullet draws no random numbers: the same scene moves the same for every seed.

    Raises
    ------
    UserError: the scene contradicts itself; the text names body and field.
    Failure: Blender crashed, or the simulation exploded.
    """
    check(scene, frames, fps)
    settings = {"frames": frames, "fps": fps, "substeps": substeps, "solver_iterations": solver_iterations}
    options = {"frames": (1, frames), "size": size, "seed": seed, "samples": samples}
    options |= {"preview": preview, "true_frames": true_frames}
    with tempfile.TemporaryDirectory(prefix="simcraft-rigid-") as folder:
        _write(scene, settings, Path(folder))
        source = {"build": {"script": str(CHILD), "function": "build", "data": folder}}
        return record_in_child(source, options, out=out, blender=blender, progress=progress)


def check(scene: RigidScene, frames: int, fps: float) -> None:
    """Raise `UserError` that names body and field where the scene cannot be simulated."""
    if frames < 1 or not fps > 0:
        raise UserError(f"{frames} frames at {fps} a second cannot be simulated.", "Ask for one frame or more.")
    names = [body.name for body in scene.bodies]
    for name in names:
        if not name or names.count(name) > 1:
            raise UserError(f"Two bodies are called '{name}', or one has no name.", "Give each body its own name.")
    for body in scene.bodies:
        _check_body(body, fps)
    for i, constraint in enumerate(scene.constraints):
        _check_constraint(constraint, f"Constraint {i}", names)


def _check_constraint(constraint: Constraint, who: str, names: list[str]) -> None:
    for end in (constraint.first, constraint.second):
        if end not in names:
            raise UserError(f"{who} binds '{end}', which is no body.", f"Bodies: {', '.join(names)}.")
    if constraint.first == constraint.second:
        raise UserError(f"{who} binds '{constraint.first}' to itself.", "Name two bodies.")
    if constraint.kind not in get_args(ConstraintKind):
        raise UserError(f"{who}: kind is '{constraint.kind}'.", f"It is one of {', '.join(get_args(ConstraintKind))}.")
    if not 0 < math.hypot(*constraint.axis) < math.inf:
        raise UserError(f"{who}: axis is {constraint.axis}.", "Give a direction.")


def _check_body(body: Body, fps: float) -> None:
    def expect(good: bool, field: str, wanted: str) -> None:
        if not good:
            value = getattr(body, field)
            raise UserError(f"Body '{body.name}': {field} is {value!r}.", f"It should be {wanted}.")

    for field in ("position", "velocity", "angular_velocity"):
        vector = getattr(body, field)
        expect(len(vector) == 3 and all(map(math.isfinite, vector)), field, "three finite numbers")
    norm = math.hypot(*body.rotation) if len(body.rotation) == 4 else 0.0
    expect(abs(norm - 1.0) < 1e-3, "rotation", "a unit quaternion (w, x, y, z)")
    expect(body.mass >= 0 and math.isfinite(body.mass), "mass", "0 (never moves) or a finite number of kilograms")
    expect(body.friction >= 0, "friction", "0 or more")
    for field in ("restitution", "linear_damping", "angular_damping"):
        expect(0 <= getattr(body, field) <= 1, field, "between 0 and 1")
    moving = any(body.velocity) or any(body.angular_velocity)
    expect(body.mass > 0 or not moving, "mass", "above 0 for a body with a velocity")
    turn = math.hypot(*body.angular_velocity) / fps
    expect(turn < math.pi, "angular_velocity", f"below half a turn a frame ({math.pi * fps:.0f} rad/s)")
    _check_shape(body)


def _check_shape(body: Body) -> None:
    shape = body.shape
    if isinstance(shape, Mesh):
        faces = np.asarray(shape.faces)
        if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces) or faces.min() < 0:
            raise UserError(f"Body '{body.name}': faces has shape {faces.shape}.", "It should be (F, 3), F above 0.")
        if faces.max() >= len(shape.vertices) or not np.isfinite(shape.vertices).all():
            raise UserError(f"Body '{body.name}': its mesh points past its vertices or is not finite.", "Repair it.")
        return
    for field in fields(shape):
        values = np.ravel(getattr(shape, field.name))
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise UserError(f"Body '{body.name}': its {field.name} is {values.tolist()}.", "Give metres above 0.")
    if isinstance(shape, Capsule) and shape.height <= 2 * shape.radius:
        raise UserError(f"Body '{body.name}': a capsule is higher than twice its radius.", "Use a Sphere.")


def _surface(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Vertices, faces and texture coordinates of a shape."""
    if isinstance(shape, Mesh):
        return np.asarray(shape.vertices, float), np.asarray(shape.faces, np.int32), shape.uv
    if isinstance(shape, Box):
        return primitives.box(shape.size)
    if isinstance(shape, Sphere):
        return primitives.sphere(shape.radius)
    solids = {Cylinder: primitives.cylinder, Cone: primitives.cone, Capsule: primitives.capsule}
    return solids[type(shape)](shape.radius, shape.height)


def _write(scene: RigidScene, settings: dict[str, Any], folder: Path) -> None:
    """The scene as `scene.json` and `arrays.npz`, for `rigid_child`."""
    arrays: dict[str, np.ndarray] = {}
    bodies = []
    for i, body in enumerate(scene.bodies):
        key = f"body{i}"
        vertices, faces, uv = _surface(body.shape)
        arrays |= {f"{key}.vertices": vertices, f"{key}.faces": faces}
        if uv is not None:
            arrays[f"{key}.uv"] = uv
        if body.material.texture is not None:
            arrays[f"{key}.texture"] = body.material.texture
        plain = {f.name: getattr(body, f.name) for f in fields(body) if f.name not in ("shape", "material")}
        look = {name: getattr(body.material, name) for name in ("name", "base_color", "roughness")}
        bodies.append(
            {
                **plain,
                "shape": type(body.shape).__name__,
                "convex": getattr(body.shape, "convex", True),
                "smooth": isinstance(body.shape, (Sphere, Capsule)),
                "arrays": key,
                "material": look,
            }
        )
    constraints = [{**asdict(c), "name": f"constraint_{i + 1}"} for i, c in enumerate(scene.constraints)]
    data = {
        **settings,
        "name": scene.name,
        "gravity": scene.gravity,
        "sky_color": scene.sky_color,
        "camera": asdict(scene.camera),
        "sun": asdict(scene.sun),
        "bodies": bodies,
        "constraints": constraints,
    }
    (folder / "scene.json").write_text(json.dumps(data), encoding="utf-8")
    np.savez(folder / "arrays.npz", **arrays)
