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
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.progress import Progress, silent
from simcraft.recording import Material, Recording
from simcraft.sim import primitives
from simcraft.sim.blender import BlenderSession
from simcraft.sim.rigid_check import check
from simcraft.sim.rigid_scene import (
    GREY,
    Body,
    Box,
    Camera,
    Capsule,
    Cone,
    Constraint,
    ConstraintKind,
    Cylinder,
    Mesh,
    Quaternion,
    RigidScene,
    Shape,
    Sphere,
    Sun,
    Vector3,
)
from simcraft.sim.simulate import record_in_child

__all__ = [
    "GREY",
    "Body",
    "Box",
    "Camera",
    "Capsule",
    "Cone",
    "Constraint",
    "ConstraintKind",
    "Cylinder",
    "Material",
    "Mesh",
    "RigidScene",
    "Shape",
    "Sphere",
    "Sun",
    "check",
    "rotation",
    "simulate",
]

CHILD = Path(__file__).with_name("rigid_child.py")


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
    session: BlenderSession | None = None,
    progress: Progress = silent,
) -> Recording:
    """Record `frames` frames of `scene`, numbered from 1, moved by Bullet in a child process.

    Parameters
    ----------
    substeps: of Bullet in each frame; tall stacks and long chains need more (20), bounces want few, see above.
    solver_iterations: of Bullet's contact solver in each substep.
    seed, preview, true_frames, samples, out, blender, session: as for `simcraft.simulate`. By default nothing is
        rendered (`preview=True`). Bullet draws no random numbers: the same scene moves the same for every seed.

    Raises
    ------
    UserError: the scene contradicts itself; the text names body and field.
    Failure: Blender crashed, or the simulation exploded.
    """
    check(scene, frames, fps, substeps, solver_iterations)
    settings = {"frames": frames, "fps": fps, "substeps": substeps, "solver_iterations": solver_iterations}
    options = {"frames": (1, frames), "size": size, "seed": seed, "samples": samples}
    options |= {"preview": preview, "true_frames": true_frames}
    with tempfile.TemporaryDirectory(prefix="simcraft-rigid-") as folder:
        _write(scene, settings, Path(folder))
        source = {"build": {"script": str(CHILD), "function": "build", "data": folder}}
        return record_in_child(source, options, out=out, blender=blender, session=session, progress=progress)


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
    (folder / "scene.json").write_text(json.dumps(data, default=_plain), encoding="utf-8")
    np.savez(folder / "arrays.npz", **arrays)


def _plain(value: Any) -> Any:
    """Numbers and lists of what numpy made."""
    return value.tolist()
