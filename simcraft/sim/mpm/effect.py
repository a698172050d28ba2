"""The effect "material": bodies of a scene become water, jelly, snow or sand."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import DeformingBody, Effect, Material, Mesh, RigidBody, Role
from simcraft.recording.format import KINDS, complete
from simcraft.sim.effects import settings_of
from simcraft.sim.mpm.looks import as_particles, as_skin, as_surface
from simcraft.sim.mpm.material import Part, material_solver
from simcraft.sim.mpm.obstacles import STICKY, surrounding_obstacles
from simcraft.sim.mpm.seeding import fill_surface
from simcraft.sim.mpm.skin import bind
from simcraft.sim.mpm.state import Domain, MaterialState
from simcraft.sim.mpm.substances import HABITS, Substance, substance
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings, roles

FINEST_SKIN = 1.5
"""Cells: longer edges of a jelly's mesh are divided, so that it can bend."""


def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[MaterialState]:
    """The solver of a "material" effect. The emitters' own bodies are hidden, what they became takes their place.

    Raises `UserError` where the domain is no box, where there is no emitter, or one holds no material.
    """
    settings = settings_of(effect)
    domain, to_world = domain_of(effect, settings)
    emitters = roles(effect, "emitter")
    if not emitters:
        raise UserError(
            f"The material '{effect.name}' has no emitter.", "Give some closed mesh in its box the role of an emitter."
        )
    numbers, made = _materials(effect, surroundings)
    positions = _positions(effect, surroundings, domain, to_world, seed)
    names = [effect.name if len(emitters) == 1 else f"{effect.name} {role.name}" for role in emitters]
    parts = [
        _part(role, surroundings, domain, to_world, position, name, number, settings["output"])
        for role, position, name, number in zip(emitters, positions, names, numbers, strict=True)
    ]
    return material_solver(
        domain,
        parts,
        obstacles=surrounding_obstacles(domain, to_world, surroundings, _obstacle_frictions(effect)),
        to_world=to_world,
        warm_up=float(settings["warm_up"]),
        name=effect.name,
        materials=made,
        materials_before=len(surroundings.recording.materials),
        hidden=[role.name for role in emitters],
    )


def domain_of(effect: Effect, settings: dict[str, Any]) -> tuple[Domain, np.ndarray]:
    """The domain and the (4, 4) placement of its metres in the world. Raises `UserError` for a box that is sheared."""
    matrix = np.asarray(effect.box_to_world, np.float64)
    size = np.linalg.norm(matrix[:3, :3], axis=0)
    axes = matrix[:3, :3] / size
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        raise UserError(
            f"The domain '{effect.name}' is sheared, so it is no box.", "Apply its scale in Blender (Ctrl+A)."
        )
    corner = matrix[:3, 3].copy()
    if np.linalg.det(axes) < 0:  # mirrored: the same box, seen from its other end along x
        corner += matrix[:3, 0]
        axes[:, 0] *= -1
    spacing = float(size.max()) / settings["resolution"]
    cells = tuple(max(round(float(s) / spacing), 1) for s in size)
    if min(cells) < 4:
        raise UserError(
            f"The domain '{effect.name}' is {size.min():.3g} m thin, less than 4 cells of {spacing:.3g} m.",
            "Make it thicker or raise the resolution.",
        )
    placement = np.eye(4)
    placement[:3, :3], placement[:3, 3] = axes, corner
    gravity = axes.T @ np.array([0.0, 0.0, settings["gravity"]])
    return Domain(cells, spacing, tuple(float(g) for g in gravity), settings["wall_friction"]), placement


def _obstacle_frictions(effect: Effect) -> list[tuple[str, float]]:
    chosen = []
    for role in roles(effect, "obstacle"):
        own = complete(KINDS[effect.kind].roles["obstacle"], role.settings)
        chosen.append((role.name, STICKY if own["sticky"] else float(own["friction"])))
    return chosen


def _part(
    role: Role,
    surroundings: Surroundings,
    domain: Domain,
    to_world: np.ndarray,
    position: np.ndarray,
    name: str,
    material: int,
    output: str,
) -> Part:
    """What the body of `role` becomes."""
    own = _emitter_settings(role)
    surface = surroundings.surface(role.name, 0.0)
    stuff = _substance(own, domain, float(np.ptp(surface.vertices[:, 2])))
    velocity = np.array([own["speed_x"], own["speed_y"], own["speed_z"]]) @ to_world[:3, :3]
    look = as_particles(domain, name, to_world, material)
    if output == "mesh" and stuff.law == "jelly":
        to_local = np.linalg.inv(to_world)
        vertices = surface.vertices @ to_local[:3, :3].T + to_local[:3, 3]
        mesh = _mesh(surroundings, role.name, surface.faces)
        look = as_skin(name, to_world, bind(mesh, vertices, position, FINEST_SKIN * domain.spacing))
    elif output == "mesh":
        look = as_surface(domain, name, to_world, material)
    return Part(name, stuff, position, tuple(float(v) for v in velocity), look)


def _positions(
    effect: Effect, surroundings: Surroundings, domain: Domain, to_world: np.ndarray, seed: int
) -> list[np.ndarray]:
    """The particles of each emitter; where emitters overlap, the earlier one has the place."""
    rng = np.random.default_rng(seed)
    taken = np.zeros([2 * n for n in domain.cells], bool)
    positions = []
    for role in roles(effect, "emitter"):
        made = fill_surface(domain, to_world, surroundings.surface(role.name, 0.0), rng, taken)
        if not len(made):
            raise UserError(
                f"The emitter '{role.name}' of '{effect.name}' holds no material.",
                "It should be a closed mesh in the domain's box, larger than a cell, and not inside another emitter.",
            )
        positions.append(made)
    return positions


def _substance(own: dict[str, Any], domain: Domain, height: float) -> Substance:
    gravity = float(np.linalg.norm(domain.gravity))
    return substance(own["material"], height, own["density"], own["stiffness"], own["friction_angle"], gravity)


def _emitter_settings(role: Role) -> dict[str, Any]:
    return complete(KINDS["material"].roles["emitter"], role.settings)


def _mesh(surroundings: Surroundings, name: str, faces: np.ndarray) -> Mesh:
    """The mesh of the body `name` with what is painted on it; bare faces where its mesh changes from frame to frame."""
    body = next(b for b in surroundings.recording.bodies if b.name == name)
    return body.mesh if isinstance(body, (RigidBody, DeformingBody)) else Mesh(faces)


def _materials(effect: Effect, surroundings: Surroundings) -> tuple[list[int], list[Material]]:
    """For each emitter the index of what its result is made of, and the materials that must be added for that."""
    made: list[Material] = []
    numbers = []
    for role in roles(effect, "emitter"):
        body = next((b for b in surroundings.recording.bodies if b.name == role.name), None)
        painted = getattr(getattr(body, "mesh", None), "face_material", None)
        law = _emitter_settings(role)["material"]
        if effect.material >= 0:
            numbers.append(effect.material)
        elif painted is not None and len(painted):
            numbers.append(int(painted[0]))
        else:
            numbers.append(len(surroundings.recording.materials) + len(made))
            made.append(Material(law, HABITS[law].color, roughness=0.1 if law == "water" else 0.8))
    return numbers, made
