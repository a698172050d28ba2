"""Liquid as particles that carry velocity, on a grid that keeps their volume (FLIP and APIC).

Two solvers share what is written here: "taichi", the quick one, and "phiflow", the reference. Each step the particles
hand their velocity to the faces of the grid; gravity, viscosity and pressure act there; the particles take the change
back and move along the flow (Zhu and Bridson, "Animating sand as a fluid", SIGGRAPH 2005).

    grid = Grid((64, 64), 1 / 64)
    pool = Emitter(box(grid, (0, 0), (0.3, 0.6)))
    recording = record(liquid_solver(LiquidConfig(grid, emitters=(pool,))), frames=48)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import Material
from simcraft.sim.fluid.boundary import Boundary, Obstacle, boundary_of
from simcraft.sim.fluid.grid import Faces, Grid, Sides, all_walls
from simcraft.sim.solver import Contribution, Snapshot, Solver

WATER = Material("water", (0.10, 0.32, 0.48), roughness=0.2)
COURANT = 1.0
"""Cells that the fastest particle may move in a step."""
ALONG_EDGE = 2
"""Particles along each edge of a full cell: 4 a cell in 2D, 8 in 3D."""

Region = np.ndarray
"""Where something is, one value a cell: bool, whole cells; or float, signed distance of the centre in metres, negative
inside, which makes rounder shapes."""
Vector = Sequence[float] | np.ndarray
"""(dimension,) numbers, or none for 0."""


@dataclass(frozen=True, eq=False)
class Emitter:
    """Where liquid comes from."""

    region: Region | Callable[[float], Region]
    """Or a function of the time in seconds, for one that moves."""
    velocity: Vector | Callable[[float], Vector] = ()
    """(dimension,) metres a second, of what comes out; nothing for liquid at rest. Or a function of the time."""
    drift: Vector | Callable[[float], Vector] = ()
    """(dimension,) metres a second, of the region itself. Or a function of the time."""
    once: bool = True
    """Fill the region once; otherwise feed it all the time: by its velocity, or where that is no other than its drift,
    whenever cells of it have run dry."""
    start: float = 0.0
    """Seconds; 0 or less: from the very beginning, the warm-up included."""
    stop: float = math.inf

    def region_at(self, time: float) -> Region:
        return self.region(time) if callable(self.region) else self.region

    def velocity_at(self, time: float, dimension: int) -> np.ndarray:
        """(dimension,) float64."""
        return _vector_at(self.velocity, time, dimension)

    def drift_at(self, time: float, dimension: int) -> np.ndarray:
        """(dimension,) float64."""
        return _vector_at(self.drift, time, dimension)


def _vector_at(vector: Vector | Callable[[float], Vector], time: float, dimension: int) -> np.ndarray:
    now = vector(time) if callable(vector) else vector
    return np.asarray(now, np.float64) if len(now) else np.zeros(dimension)


@dataclass(frozen=True, eq=False)
class LiquidConfig:
    """One liquid in its box. Positions are metres from the box's lower corner."""

    grid: Grid
    emitters: tuple[Emitter, ...] = ()
    obstacle: Obstacle | Callable[[float], Obstacle | None] | None = None
    """Solid cells, or a function of the time in seconds that gives them."""
    gravity: float | Sequence[float] = -9.81
    """m/s²: along the last axis, or a vector (dimension,)."""
    viscosity: float = 0.0
    """Kinematic, m²/s."""
    flip: float = 0.95
    """Share of FLIP (lively, noisy) against APIC (calm)."""
    closed: bool = True
    """Walls on all sides; otherwise liquid leaves the box on all sides and is gone."""
    solver: str = "taichi"
    """"taichi" or "phiflow"."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.solver not in ("taichi", "phiflow"):
            raise UserError(f"There is no liquid solver '{self.solver}'.", "There are 'taichi' and 'phiflow'.")
        if not 0 <= self.flip <= 1:
            raise UserError(f"flip should be a share from 0 to 1, not {self.flip}.")
        if not 0 <= self.viscosity < np.inf:
            raise UserError(f"The viscosity should be at least 0 m²/s, not {self.viscosity}.")
        if self.gravity_vector.shape != (self.grid.dimension,):
            raise UserError(f"Gravity {self.gravity} should be a number, or {self.grid.dimension} numbers.")

    @property
    def gravity_vector(self) -> np.ndarray:
        """(dimension,) float64, m/s²."""
        if isinstance(self.gravity, (int, float)):
            return np.array([0.0] * (self.grid.dimension - 1) + [self.gravity])
        return np.asarray(self.gravity, np.float64)

    def boundary(self, time: float) -> Boundary:
        """Walls and obstacles at `time` seconds."""
        obstacle = self.obstacle(time) if callable(self.obstacle) else self.obstacle
        dimension = self.grid.dimension
        sides: Sides = all_walls(dimension) if self.closed else ((True, True),) * dimension
        return boundary_of(self.grid, sides, (0.0,) * dimension, obstacle)


@dataclass(frozen=True, eq=False)
class LiquidState:
    """A liquid at one moment. The order of particles means nothing and changes; their ids stay."""

    time: float
    """Seconds."""
    positions: np.ndarray
    """(N, dimension) float32, metres from the box's lower corner."""
    velocities: np.ndarray
    """(N, dimension) float32, metres a second."""
    affine: np.ndarray
    """(N, dimension, dimension) float32, 1/s: how component i of the velocity changes along axis j around it. Zero with
    PhiFlow."""
    ids: np.ndarray
    """(N,) int64, from 0 in the order of birth, never used twice."""
    born: np.ndarray
    """(N,) float32, seconds."""
    velocity: Faces
    """Metres a second at the grid's faces, without divergence in the liquid, continued some cells beyond it."""
    pressure: np.ndarray
    """(*cells) float32, m²/s²: pressure over density; where the next search begins."""
    divergence: float = 0.0
    """The largest that the last step left in the liquid, in cell units (share of a cell's volume a step)."""
    made: int = 0
    """Particles made so far."""


def liquid_start(config: LiquidConfig, time: float = 0.0) -> LiquidState:
    """The state at `time` seconds, with what emitters fill from the beginning."""
    from simcraft.sim.fluid.liquid_emitters import emit

    dimension = config.grid.dimension
    nothing = LiquidState(
        time,
        positions=np.zeros((0, dimension), np.float32),
        velocities=np.zeros((0, dimension), np.float32),
        affine=np.zeros((0, dimension, dimension), np.float32),
        ids=np.zeros(0, np.int64),
        born=np.zeros(0, np.float32),
        velocity=config.grid.still(),
        pressure=config.grid.zeros(),
    )
    return emit(config, nothing, -math.inf)


def liquid_step(config: LiquidConfig, state: LiquidState, dt: float) -> LiquidState:
    """`state` after `dt` seconds. Raises `Diverged`."""
    from simcraft.sim.fluid.liquid_emitters import emit

    if config.solver == "phiflow":
        from simcraft.sim.fluid.liquid_phiflow import flow
    else:
        from simcraft.sim.fluid.liquid_taichi import flow
    boundary = config.boundary(state.time + dt)
    moved = flow(config, state, boundary, dt)
    inside = (moved.positions >= 0).all(1) & (moved.positions < np.asarray(config.grid.size, np.float32)).all(1)
    return emit(config, select(moved, inside), state.time)


def select(state: LiquidState, chosen: np.ndarray) -> LiquidState:
    """`state` with only the `chosen` particles: a mask (N,) bool, or their places in their new order."""
    if chosen.dtype == bool and chosen.all():
        return state
    fields = ("positions", "velocities", "affine", "ids", "born")
    return replace(state, **{name: getattr(state, name)[chosen] for name in fields})


def stable_step(config: LiquidConfig, state: LiquidState) -> float:
    """Seconds in which nothing moves further than `COURANT` cells, falling from its speed of now."""
    speed = _fastest(config, state)
    pull = float(np.linalg.norm(config.gravity_vector))
    way = COURANT * config.grid.spacing
    if not math.isfinite(speed):
        return math.nan
    # the positive root of pull t² + speed t = way, without cancellation
    return 2 * way / (speed + math.sqrt(speed**2 + 4 * pull * way) + 1e-12)


def _fastest(config: LiquidConfig, state: LiquidState) -> float:
    """Metres a second, along an axis, of particles, emitters and obstacles."""
    speeds = [float(np.abs(state.velocities).max(initial=0.0))]
    for emitter in config.emitters:
        if not emitter.once and emitter.stop > state.time:
            speeds.append(float(np.abs(emitter.velocity_at(state.time, config.grid.dimension)).max()))
    speeds += [float(np.abs(component).max(initial=0.0)) for component in config.boundary(state.time).velocity]
    return max(speeds)


def measure(state: LiquidState) -> Mapping[str, float]:
    """What the driver shows and watches."""
    speed = float(np.linalg.norm(state.velocities, axis=1).max(initial=0.0))
    return {"speed m/s": speed, "divergence": state.divergence, "particles": float(len(state.ids))}


def liquid_solver(
    config: LiquidConfig,
    *,
    name: str = "liquid",
    output: str = "mesh",
    to_world: np.ndarray | None = None,
    warm_up: float = 0.0,
    material: int = 0,
    look: Material | None = WATER,
) -> Solver[LiquidState]:
    """A solver that `simcraft.sim.record` can run.

    Parameters
    ----------
    name: of the body that comes out.
    output: "mesh" or "particles"; liquids in 2D are always particles.
    to_world: (4, 4), from metres in the box to the world; a 2D box stands upright in the plane y = 0 of it.
    warm_up: seconds that it starts before the first frame.
    material: index into the recording's materials, of which there are as many before `look`.
    look: a material to add to the recording's, None for none.
    """
    from simcraft.sim.fluid.liquid_output import Output

    if output not in ("mesh", "particles"):
        raise UserError(f"The output of a liquid is 'mesh' or 'particles', not '{output}'.")
    place = np.eye(4) if to_world is None else np.asarray(to_world, np.float64)
    out = Output(config, name, place, material, look)
    capture: Callable[[LiquidState], Snapshot] = out.capture_particles
    gather: Callable[[Sequence[Snapshot]], Contribution] = out.gather_particles
    if output == "mesh" and config.grid.dimension == 3:
        capture, gather = out.capture_mesh, out.gather_mesh
    return Solver(
        name,
        init=lambda: liquid_start(config, -warm_up),
        step=lambda state, dt: liquid_step(config, state, dt),
        stable_step=lambda state: stable_step(config, state),
        measure=measure,
        capture=capture,
        gather=gather,
        bounds=out.bounds(),
    )


def box(grid: Grid, low: Sequence[float], high: Sequence[float]) -> Region:
    """Signed distance of an upright box between two corners (dimension,), metres."""
    outside = np.maximum(np.asarray(low) - grid.centres(), grid.centres() - np.asarray(high)).max(-1)
    return outside.astype(np.float32)


def ball(grid: Grid, centre: Sequence[float], radius: float) -> Region:
    """Signed distance of a ball (a disc in 2D), metres."""
    away: np.ndarray = np.linalg.norm(grid.centres() - np.asarray(centre), axis=-1) - radius
    return away.astype(np.float32)
