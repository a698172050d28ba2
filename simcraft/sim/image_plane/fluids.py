"""The solvers of the fluids in a picture: the mask fills the grid's cells, and the obstacle blocks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from simcraft.sim.fluid import liquid, smoke
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.grid import Sides
from simcraft.sim.fluid.smoke_state import Fire, Inflow, SmokeConfig, SmokeState
from simcraft.sim.image_plane.plane import Plane
from simcraft.sim.silhouette import image_coverage, image_mask
from simcraft.sim.solver import Solver

Settings = dict[str, Any]

VARIATION = 0.3
"""Share by which what is fed wanders in space and time, so that a plume does not rise like a column."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture's fluid on its grid, before anything moves."""

    plane: Plane
    thing: np.ndarray
    """(X, Z) bool: cells of the mask."""
    blocked: np.ndarray
    """(X, Z) bool: cells of the obstacle, and of nothing else."""
    melting: np.ndarray
    """(H, W) float64, seconds: when each pixel of the mask has melted; 0 or less: from the beginning; inf outside."""
    fps: float

    def melts_in(self) -> np.ndarray:
        """(X, Z) int: the frame by which each cell has melted, 0 for what is liquid from the beginning."""
        width, height = self.plane.size
        x, y = np.moveaxis(self.plane.to_pixels(np.moveaxis(np.indices(self.plane.grid.cells), 0, -1) + 0.5), -1, 0)
        seconds = self.melting[y.astype(int).clip(0, height - 1), x.astype(int).clip(0, width - 1)]
        # the centre of a cell at the outline may lie outside the mask, where nothing melts
        frame = np.ceil(np.where(np.isfinite(seconds), seconds, self.melting.min()) * self.fps - 1e-9)
        return np.where(self.thing, np.maximum(frame, 0), 0).astype(int)

    def frame_at(self, time: float) -> int:
        return max(int(np.floor(time * self.fps + 1e-6)), 0)


SINKING = (0.0, -1e-6)
"""Metres a second to the right and up, of what has just melted: practically at rest."""


def scene_of(plane: Plane, mask: np.ndarray, obstacle: np.ndarray | None, melting: float, fps: float) -> Scene:
    """The scene of a (H, W) mask and obstacle; all has melted `melting` seconds after the first frame.

    Raises `UserError` where the mask is too small for the grid.
    """
    thing = image_mask(mask, plane.grid.cells)
    blocked = np.zeros_like(thing)
    if obstacle is not None:
        blocked = (image_coverage(obstacle, plane.grid.cells) >= 0.5) & ~thing
    return Scene(plane, thing, blocked, melting_times(mask, obstacle, melting), fps)


def melting_times(mask: np.ndarray, obstacle: np.ndarray | None, duration: float) -> np.ndarray:
    """(H, W) float64, seconds: heat comes from the air, so the front moves inwards from the outline at even speed.

    Where the thing touches the obstacle or the picture's border it is not heated. inf outside the mask.
    """
    from scipy.ndimage import distance_transform_edt

    air = ~mask if obstacle is None else ~mask & ~obstacle
    if duration == 0 or not air.any():
        return np.where(mask, 0.0, np.inf)
    depth = distance_transform_edt(~air)
    return np.where(mask, duration * depth / depth[mask].max(), np.inf)


def gas(scene: Scene, settings: Settings, kind: str, seed: int) -> Solver[SmokeState]:
    """Smoke or fire that fills the mask, and keeps coming out of it where it is fed."""
    speed = (settings["speed_x"], settings["speed_up"])
    density, fuel = (0.0, 1.0) if kind == "fire" else (1.0, 0.0)
    source = Inflow(scene.thing, density, 1.0, fuel, velocity=speed if any(speed) else None, variation=VARIATION)
    flame = ("burning_rate", "flame_heat", "soot")
    forces = ("buoyancy", "heat_buoyancy", "vorticity", "dissipation", "cooling")
    made = smoke.solver(
        SmokeConfig(
            scene.plane.grid,
            [source] if settings["feed"] else [],
            Obstacle(scene.blocked) if scene.blocked.any() else None,
            open_sides=_sides(settings["closed"]),
            wind=(settings["wind_x"], 0.0),
            fire=Fire(**{name: settings[name] for name in flame}) if kind == "fire" else None,
            warm_up=warm_up(settings),
            seed=seed,
            solver=settings["solver"],
            **{name: settings[name] for name in forces},
        )
    )
    filled = scene.thing.astype(np.float32)

    def init() -> SmokeState:
        return replace(
            made.init(), density=np.float32(density) * filled, temperature=filled, fuel=np.float32(fuel) * filled
        )

    return replace(made, init=init)


def warm_up(settings: Settings) -> float:
    """Seconds that the simulation starts before the first frame: what is not fed begins as the picture shows it."""
    return settings["warm_up"] if settings["feed"] and "warm_up" in settings else 0.0


def heavy_fluid(scene: Scene, settings: Settings, seed: int) -> Solver[SmokeState]:
    """Melt as a heavy fluid that sinks through the air, slowed down as between two close panes of glass.

    What has not melted is an obstacle. Drag is the flow's friction at such panes (Hele-Shaw, 1898): the speed is
    multiplied by the same number everywhere, so it stays free of divergence.
    """
    when = scene.melts_in()
    velocity = (settings["speed_x"], settings["speed_up"])

    def inflows(time: float) -> Sequence[Inflow]:
        frame = scene.frame_at(time)
        # what a frame has set free counts as full until the next one: solid cells held no density of their own
        melts = (when > 0) & (when <= frame) & (when >= frame - 1)
        if settings["feed"]:
            return [
                Inflow(scene.thing & (when <= frame), temperature=0.0, velocity=velocity if any(velocity) else None)
            ]
        return [Inflow(melts, temperature=0.0)] if melts.any() else []

    made = smoke.solver(
        SmokeConfig(
            scene.plane.grid,
            inflows,
            _shrinking_obstacle(scene, when),
            open_sides=_sides(settings["closed"]),
            buoyancy=-settings["gravity"],
            heat_buoyancy=0.0,
            vorticity=0.0,
            dissipation=0.0,
            seed=seed,
            solver=settings["solver"],
        ),
        "melt",
    )
    slow = settings["drag"]

    def step(state: SmokeState, dt: float) -> SmokeState:
        following = made.step(state, dt)
        rest = np.float32(np.exp(-slow * dt))
        return replace(following, velocity=tuple(component * rest for component in following.velocity))

    filled = (scene.thing & (when == 0)).astype(np.float32)
    return replace(made, init=lambda: replace(made.init(), density=filled), step=step)


def particles(scene: Scene, settings: Settings, seed: int) -> Solver[liquid.LiquidState]:
    """Liquid particles that fill the mask, or what of it has melted."""
    when = scene.melts_in()
    if when.any() and not settings["feed"]:
        # with some speed, an emitter that grows fills exactly the cells by which it has grown
        emitters = [liquid.Emitter(lambda time: scene.thing & (when <= scene.frame_at(time)), SINKING, once=False)]
    else:
        velocity = (settings["speed_x"], settings["speed_up"])
        emitters = [
            liquid.Emitter(scene.thing & (when == frame), velocity, once=not settings["feed"], start=frame / scene.fps)
            for frame in np.unique(when[scene.thing])
        ]
    config = liquid.LiquidConfig(
        scene.plane.grid,
        tuple(emitters),
        _shrinking_obstacle(scene, when),
        gravity=-settings["gravity"],
        viscosity=settings["viscosity"],
        flip=settings["flip"],
        closed=settings["closed"],
        solver=settings["solver"],
        seed=seed,
    )
    return liquid.liquid_solver(config, name="melt", output="particles")


def _shrinking_obstacle(scene: Scene, when: np.ndarray) -> Callable[[float], Obstacle]:
    """The obstacle, and what has not melted yet, at any time; the same object as long as nothing changes."""

    @lru_cache(maxsize=4)
    def obstacle(frame: int) -> Obstacle:
        return Obstacle(scene.blocked | (when > frame))

    last = int(when.max())
    return lambda time: obstacle(min(scene.frame_at(time), last))


def _sides(closed: bool) -> Sides:
    return ((not closed, not closed), (not closed, not closed))
