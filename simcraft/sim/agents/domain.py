"""What agents read from an effect of a scene: their box, and the things that have a role in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Effect
from simcraft.recording.format import KINDS, complete
from simcraft.sim.agents.bodies import Model, Paint, scene_model
from simcraft.sim.surroundings import Surroundings, roles


def box_of(effect: Effect) -> tuple[np.ndarray, np.ndarray]:
    """The domain's sides (3,) in metres, and the rigid (4, 4) that places a box at the origin there.

    Raises `UserError` where the domain is sheared or mirrored.
    """
    matrix = np.asarray(effect.box_to_world, np.float64)
    size = np.linalg.norm(matrix[:3, :3], axis=0)
    place = matrix.copy()
    place[:3, :3] /= size
    if not np.allclose(place[:3, :3].T @ place[:3, :3], np.eye(3), atol=1e-5) or np.linalg.det(place[:3, :3]) < 0:
        raise UserError(
            f"The domain '{effect.name}' is no box: it is sheared or mirrored.",
            "Apply its scale, and parent it to nothing that is scaled unevenly.",
        )
    return size, place


def model_of(effect: Effect, surroundings: Surroundings, standing: bool) -> Model | None:
    """The mesh that the role "body" names; None where nothing has it. `standing`: on the floor, by its lowest point.

    Raises `UserError` where several have it, or it has no mesh.
    """
    bodies = roles(effect, "body")
    if len(bodies) > 1:
        names = ", ".join(f"'{b.name}'" for b in bodies)
        raise UserError(f"'{effect.name}' has several bodies for its agents: {names}.", "Leave one of them.")
    return scene_model(surroundings, bodies[0].name, standing) if bodies else None


def paint_of(effect: Effect, surroundings: Surroundings) -> Paint:
    """How the agents' materials follow those of the recording."""
    return Paint(len(surroundings.recording.materials), effect.material)


def names_of(effect: Effect, role: str) -> tuple[str, ...]:
    """The names of the bodies in a role."""
    return tuple(r.name for r in roles(effect, role))


def rows_over_time(
    effect: Effect, surroundings: Surroundings, role: str, place: np.ndarray
) -> Callable[[float], np.ndarray]:
    """Time -> rows x, y, z and the role's settings in the order of their table, for each point of each thing in `role`.

    Positions are metres in the frame that `place` (4, 4) puts in the world.
    """
    things = roles(effect, role)
    parameters = KINDS[effect.kind].roles[role]
    to_local = np.linalg.inv(place)

    def rows(time: float) -> np.ndarray:
        result = [np.zeros((0, 3 + len(parameters)))]
        for thing in things:
            points = surroundings.place(thing, time) @ to_local[:3, :3].T + to_local[:3, 3]
            settings = np.array(list(complete(parameters, thing.settings).values()), np.float64)
            result.append(np.column_stack([points, np.tile(settings, (len(points), 1))]))
        return np.ascontiguousarray(np.concatenate(result))

    return rows
