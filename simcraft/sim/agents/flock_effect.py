"""A scene's flock: the domain is the sky that it flies in."""

from __future__ import annotations

from simcraft.recording import Effect
from simcraft.sim.agents.distance import distance_over_time
from simcraft.sim.agents.domain import box_of, model_of, names_of, paint_of, rows_over_time
from simcraft.sim.agents.flock import Flock, FlockState
from simcraft.sim.agents.flock import solver as flock_solver
from simcraft.sim.effects import settings_of
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings


def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[FlockState]:
    """The flock that `effect` asks for, among the bodies of `surroundings`.

    Raises `UserError` where the domain is no box, has no room, or a role's body has no mesh.
    """
    size, place = box_of(effect)
    settings = settings_of(effect)
    obstacles = names_of(effect, "obstacle")
    flock = Flock(
        box=(float(size[0]), float(size[1]), float(size[2])),
        seed=seed,
        goals=rows_over_time(effect, surroundings, "goal", place),
        predators=rows_over_time(effect, surroundings, "predator", place),
        obstacles=distance_over_time(surroundings, obstacles, size, place, 1.25 * settings["clearance"])
        if obstacles
        else None,
        box_to_world=place,
        **settings,
    )
    model = model_of(effect, surroundings, standing=False)
    return flock_solver(flock, model=model, name=effect.name, paint=paint_of(effect, surroundings))
