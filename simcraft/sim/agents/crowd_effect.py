"""A scene's crowd: the floor of the domain is where it walks, obstacles are cut at walking height."""

from __future__ import annotations

import numpy as np

from simcraft.recording import Effect, Role
from simcraft.recording.format import KINDS, complete
from simcraft.sim.agents.crowd import Crowd, CrowdState
from simcraft.sim.agents.crowd import solver as crowd_solver
from simcraft.sim.agents.domain import box_of, model_of, names_of, paint_of
from simcraft.sim.agents.routes import Goal
from simcraft.sim.agents.walls import no_walls, walls_over_time
from simcraft.sim.effects import settings_of
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings, roles


def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[CrowdState]:
    """The crowd that `effect` asks for, among the bodies of `surroundings`.

    Raises `UserError` where the domain is no box, has no room, or a role's body has no mesh.
    """
    size, place = box_of(effect)
    settings = settings_of(effect)
    obstacles = names_of(effect, "obstacle")
    crowd = Crowd(
        floor=(float(size[0]), float(size[1])),
        seed=seed,
        goals=tuple(_goal(role, surroundings, place) for role in roles(effect, "goal")),
        walls=walls_over_time(surroundings, obstacles, size, place, settings["size"]) if obstacles else no_walls,
        floor_to_world=place,
        **settings,
    )
    model = model_of(effect, surroundings, standing=True)
    return crowd_solver(crowd, model=model, name=effect.name, paint=paint_of(effect, surroundings))


def _goal(role: Role, surroundings: Surroundings, place: np.ndarray) -> Goal:
    """An empty is a point to walk to; a curve is a line, between its ends."""
    points = surroundings.place(role, 0.0)[[0, -1]]
    to_local = np.linalg.inv(place)
    start, end = (points @ to_local[:3, :3].T + to_local[:3, 3])[:, :2]
    radius = complete(KINDS["crowd"].roles["goal"], role.settings)["radius"]
    return Goal((start[0], start[1]), (end[0], end[1]), radius)
