"""A `Solver` of materials: what fills the domain, stepped together, each part with its own look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.recording import Material
from simcraft.sim.mpm.looks import Look, Portion, as_particles, places_in_world
from simcraft.sim.mpm.obstacles import Obstacles, no_obstacles
from simcraft.sim.mpm.state import Domain, MaterialState
from simcraft.sim.mpm.step import Setup, measure, particles_to_grid, rest_state, stable_step, step
from simcraft.sim.mpm.substances import HABITS, Substance
from simcraft.sim.solver import Contribution, Snapshot, Solver


@dataclass(frozen=True)
class Part:
    """Some material that starts out as one body."""

    name: str
    substance: Substance
    position: np.ndarray
    """(N, D) float32, metres from the domain's lower corner; see `seeding`."""
    velocity: tuple[float, ...] | None = None
    """(D,) m/s at the start; None for rest."""
    look: Look | None = None
    """How it is recorded; None for particles of the material's usual colour."""


def material_solver(
    domain: Domain,
    parts: Sequence[Part],
    *,
    obstacles: Obstacles | None = None,
    to_world: np.ndarray | None = None,
    warm_up: float = 0.0,
    name: str = "material",
    materials: Sequence[Material] = (),
    materials_before: int = 0,
    hidden: Sequence[str] = (),
) -> Solver[MaterialState]:
    """Water, jelly, snow and sand in one domain, in 2D or 3D.

    Parameters
    ----------
    obstacles: what they run into besides the domain's walls; see `obstacles`.
    to_world: (4, 4) float64, from the domain's metres to the world; a rotation and a shift. None for none.
    warm_up: seconds that it starts before the first frame.
    materials: what the parts' looks are made of beyond the recording's own materials.
    materials_before: how many these are (`len(setting.materials)`); the colours of parts without a look come after.
    hidden: bodies of the recording that the parts stand for.
    """
    placement = np.eye(4) if to_world is None else np.asarray(to_world, np.float64)
    setup = Setup(domain, tuple(p.substance for p in parts), obstacles or no_obstacles(domain.dimension))
    used = list(materials)
    looks = []
    for part in parts:
        look = part.look
        if look is None:
            look = as_particles(domain, part.name, placement, materials_before + len(used))
            used.append(Material(part.substance.law, HABITS[part.substance.law].color, roughness=0.7))
        looks.append(look)
    ends = np.cumsum([0, *(len(p.position) for p in parts)])

    def gather(snapshots: Sequence[Snapshot]) -> Contribution:
        bodies = (look.gather([_own(s, number) for s in snapshots]) for number, look in enumerate(looks))
        return Contribution(tuple(bodies), tuple(used), tuple(hidden))

    corners = np.stack(np.meshgrid(*[(0.0, s) for s in domain.size], indexing="ij"), -1).reshape(-1, domain.dimension)
    placed = places_in_world(corners, placement).astype(np.float64)
    return Solver(
        name,
        init=lambda: _start(setup, parts, -warm_up),
        step=lambda state, dt: step(setup, state, dt),
        stable_step=lambda state: stable_step(setup, state),
        measure=measure,
        capture=lambda state: _captured(setup, state, looks, ends),
        gather=gather,
        bounds=np.stack([placed.min(0), placed.max(0)]),
        fix="Lower the speeds, or the stiffness of the materials, or raise the resolution.",
    )


def _start(setup: Setup, parts: Sequence[Part], time: float) -> MaterialState:
    dimension = setup.domain.dimension
    velocity = [np.tile(p.velocity or (0.0,) * dimension, (len(p.position), 1)) for p in parts]
    substance = np.repeat(np.arange(len(parts)), [len(p.position) for p in parts])
    return rest_state(setup, np.concatenate([p.position for p in parts]), np.concatenate(velocity), substance, time)


def _captured(setup: Setup, state: MaterialState, looks: Sequence[Look], ends: np.ndarray) -> Snapshot:
    """All parts' frames in one snapshot; names start with the part's number."""
    grid = particles_to_grid(setup, state, 0.0)
    original = np.argsort(state.identity)
    snapshot: dict[str, np.ndarray] = {}
    for number, look in enumerate(looks):
        own = original[ends[number] : ends[number + 1]]
        portion = Portion(state.position[own], state.velocity[own], state.deformation[own], grid)
        snapshot |= {f"{number} {name}": values for name, values in look.capture(portion).items()}
    return snapshot


def _own(snapshot: Snapshot, number: int) -> dict[str, np.ndarray]:
    start = f"{number} "
    return {name.removeprefix(start): values for name, values in snapshot.items() if name.startswith(start)}
