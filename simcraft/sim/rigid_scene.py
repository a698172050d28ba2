"""What a scene of rigid bodies is made of, as plain data; see `simcraft.sim.rigid`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcraft.recording import Material

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
ConstraintKind = Literal["fixed", "point", "hinge", "slider"]

GREY = Material("grey")


@dataclass(frozen=True)
class Box:
    """A box around its centre of mass."""

    size: Vector3
    """Metres along x, y and z."""


@dataclass(frozen=True)
class Sphere:
    """A ball around its centre of mass."""

    radius: float
    """Metres."""


@dataclass(frozen=True)
class Cylinder:
    """Along z, around its centre of mass; metres."""

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
    """A still perspective camera that looks at a point, z upwards."""

    position: Vector3 = (0.0, -8.0, 3.0)
    """Metres, world frame."""
    target: Vector3 = (0.0, 0.0, 0.5)
    """Metres, world frame; in the middle of the picture."""
    vertical_fov: float = 40.0
    """Degrees from the bottom to the top of the picture."""


@dataclass(frozen=True)
class Sun:
    """The only lamp, beside the sky."""

    direction: Vector3 = (0.4, 0.5, -1.0)
    """In which the light travels."""
    strength: float = 3.0
    """Watts a square metre on a surface that faces it."""
    color: Vector3 = (1.0, 0.96, 0.9)
    """Linear RGB."""


@dataclass(frozen=True)
class RigidScene:
    """Everything that `rigid.simulate` needs to know."""

    bodies: tuple[Body, ...]
    constraints: tuple[Constraint, ...] = ()
    camera: Camera = Camera()
    sun: Sun = Sun()
    sky_color: Vector3 = (0.55, 0.7, 0.9)
    """Linear RGB radiance."""
    gravity: Vector3 = (0.0, 0.0, -9.81)
    """Metres a second squared, world frame."""
    name: str = "rigid"
