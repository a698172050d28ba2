"""What a simulation of smoke or fire depends on, and what it consists of at one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.sim.fluid.boundary import Boundary, Obstacle, boundary_of
from simcraft.sim.fluid.grid import Faces, Grid, Sides, open_but_floor

SOLVERS = ("taichi", "phiflow")
BACKENDS = ("numpy", "jax")


@dataclass(frozen=True, eq=False)
class Inflow:
    """Cells that something comes out of."""

    region: np.ndarray
    """(*cells) bool."""
    density: float = 1.0
    """Of the smoke; denser smoke that is there already stays."""
    temperature: float = 1.0
    """Above the surrounding air's; 1 is hot. Hotter air that is there already stays, for negative ones colder air."""
    fuel: float = 0.0
    velocity: tuple[float, ...] | None = None
    """Metres a second along each axis, of the air that comes out; None: the air only changes what it carries."""
    start: float = -np.inf
    """Seconds since the first frame."""
    stop: float = np.inf
    once: bool = False
    """Fill the region at `start`, or when the simulation begins after it, and then leave it."""
    variation: float = 0.0
    """By what share density, heat and fuel wander in space and time: 0 is a steady source, 0.5 a lively one."""


@dataclass(frozen=True)
class Fire:
    """How fuel burns."""

    burning_rate: float = 1.5
    """Fuel that burns in a second, in units of density."""
    flame_heat: float = 1.0
    """Temperature that burnt fuel of density 1 gives."""
    soot: float = 0.6
    """Smoke that burnt fuel of density 1 leaves."""


@dataclass(frozen=True, eq=False)
class SmokeConfig:
    """Everything that a simulation of smoke or fire depends on. Lengths in metres, times in seconds."""

    grid: Grid
    inflows: Sequence[Inflow] | Callable[[float], Sequence[Inflow]] = ()
    """What comes out of where; a function of time where it moves."""
    obstacle: Obstacle | Callable[[float], Obstacle] | None = None
    """Solid cells; a function of time where they move."""
    open_sides: Sides | None = None
    """Through which sides smoke leaves and clean air enters; None: through all but the floor."""
    wind: tuple[float, ...] | None = None
    """Metres a second along each axis: the air starts with it, and it enters by the open sides that it blows into."""
    up: tuple[float, ...] | None = None
    """The direction that hot air rises in, of length 1; None: the last axis."""
    buoyancy: float = 0.6
    """Upward acceleration of smoke of density 1, m/s²."""
    heat_buoyancy: float = 2.0
    """Upward acceleration of smoke of temperature 1, m/s²."""
    vorticity: float = 2.0
    """Strength of vorticity confinement, 1/s."""
    dissipation: float = 0.1
    """Share of the density that is lost, 1/s."""
    cooling: float = 0.8
    """Share of the temperature that is lost, 1/s."""
    fire: Fire | None = None
    """None where nothing burns; fuel stays what it is then."""
    thickness: float = 12.0
    """Optical density of smoke of density 1, 1/m."""
    to_world: np.ndarray | None = None
    """(4, 4) float64, rigid: from the box (x, y, z in metres; y is 0 in 2D) to the world; None: they are the same."""
    warm_up: float = 0.0
    """Seconds before the first frame."""
    seed: int = 0
    """Of the inflows' variation."""
    solver: str = "taichi"
    """"taichi", or "phiflow" for the reference."""
    backend: str = "numpy"
    """PhiFlow's: "numpy" or "jax"."""

    def __post_init__(self) -> None:
        dimension = self.grid.dimension
        for name in ("open_sides", "wind", "up"):
            value = getattr(self, name)
            if value is not None and len(value) != dimension:
                raise UserError(f"{name} of smoke in {dimension}D should have {dimension} entries, not {len(value)}.")
        if self.solver not in SOLVERS:
            raise UserError(f"There is no smoke solver '{self.solver}'.", f"There are: {', '.join(SOLVERS)}.")
        if self.backend not in BACKENDS:
            raise UserError(f"There is no PhiFlow backend '{self.backend}'.", f"There are: {', '.join(BACKENDS)}.")

    @property
    def sides(self) -> Sides:
        return self.open_sides or open_but_floor(self.grid.dimension)

    @property
    def wind_vector(self) -> tuple[float, ...]:
        return self.wind or (0.0,) * self.grid.dimension

    @property
    def up_vector(self) -> tuple[float, ...]:
        return self.up or (*(0.0,) * (self.grid.dimension - 1), 1.0)

    def inflows_at(self, time: float) -> Sequence[Inflow]:
        return self.inflows(time) if callable(self.inflows) else self.inflows

    def boundary_at(self, time: float) -> Boundary:
        if callable(self.obstacle):
            return boundary_of(self.grid, self.sides, self.wind_vector, self.obstacle(time))
        return boundary_of(self.grid, self.sides, self.wind_vector, self.obstacle, is_still=True)


@dataclass(frozen=True)
class SmokeState:
    """The air at one moment; arrays as in `grid`, float32.

    Solid cells beside fluid hold the mean of their fluid neighbours, so that looking between cells mixes in nothing
    else; what lies deeper means nothing.
    """

    time: float
    """Seconds since the first frame."""
    density: np.ndarray
    """(*cells): how much smoke, 1 is dense."""
    temperature: np.ndarray
    """(*cells): above the surrounding air's, 1 is hot."""
    fuel: np.ndarray
    """(*cells): what can still burn; 0 everywhere in smoke."""
    velocity: Faces
    """Metres a second, at the faces, free of divergence."""
    pressure: np.ndarray
    """(*cells), m²/s²: pressure over density of the air, where the next solve begins."""
    divergence: float = 0.0
    """The largest that is left in a cell, in cell units: the share of its volume that it won or lost in the step."""
