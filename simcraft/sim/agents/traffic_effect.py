"""A scene's traffic: lanes are curves, or as many as fit side by side along the domain; obstacles are followed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simcraft.recording import Effect
from simcraft.sim.agents.domain import box_of, model_of, names_of, paint_of
from simcraft.sim.agents.lane_obstacles import obstacles_over_time
from simcraft.sim.agents.meshes import car
from simcraft.sim.agents.traffic import SIDE_ROOM, Traffic, TrafficState, road_of
from simcraft.sim.agents.traffic import solver as traffic_solver
from simcraft.sim.effects import settings_of
from simcraft.sim.solver import Solver
from simcraft.sim.surroundings import Surroundings, roles


def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Solver[TrafficState]:
    """The traffic that `effect` asks for, among the bodies of `surroundings`.

    A lane is the line of a curve (a role's points) in the direction of travel. Without any there are straight ones
    along the longer side of the domain, on its floor; where there are two or more, those on the left run the other way.

    Raises `UserError` where a lane has no length, the lanes have no room, or a role's body has no mesh.
    """
    settings = settings_of(effect)
    lines = tuple(surroundings.place(role, 0.0) for role in roles(effect, "lane"))
    lines = lines or straight_lanes(*box_of(effect), settings["lane_width"])
    model = model_of(effect, surroundings, standing=True) or car()
    traffic = Traffic(lanes=lines, seed=seed, **settings)
    names = names_of(effect, "obstacle")
    if names:
        road = road_of(traffic, model)
        corridor = road.width / 2 + SIDE_ROOM
        traffic = replace(traffic, obstacles=obstacles_over_time(surroundings, names, road.lanes, corridor))
    return traffic_solver(traffic, model=model, name=effect.name, paint=paint_of(effect, surroundings))


def straight_lanes(size: np.ndarray, place: np.ndarray, width: float) -> tuple[np.ndarray, ...]:
    """Lines (2, 3) in the world along the longer side of a floor of `size` metres, for driving on the right."""
    long = int(np.argmax(size[:2]))
    count = max(int(size[1 - long] / width + 1e-6), 1)
    lines = []
    for number in range(count):
        # counted from the right-hand side of who looks along the longer axis
        aside = (size[1 - long] - count * width) / 2 + (number + 0.5) * width
        line = np.zeros((2, 3))
        line[1, long] = size[long]
        line[:, 1 - long] = aside if long == 0 else size[0] - aside
        lines.append(line[::-1] if number >= (count + 1) // 2 else line)
    return tuple(line @ place[:3, :3].T + place[:3, 3] for line in lines)
