"""What is seen of smoke and fire: a volume of the recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simcraft.recording import Material, Volume
from simcraft.sim.fluid.smoke_state import SmokeConfig, SmokeState
from simcraft.sim.fluid.staggered import at_centres
from simcraft.sim.solver import Contribution, Snapshot

DEPTH_2D = 0.25
"""Of the longest side: how deep smoke in 2D is taken to be, so that light has something to be absorbed in."""


def capture(config: SmokeConfig, state: SmokeState) -> Mapping[str, np.ndarray]:
    """Density, velocity and glow at the cell centres, with one cell along y in 2D, axes of the box."""
    fluid = config.boundary_at(state.time).fluid
    snapshot = {
        "density": np.where(fluid, np.maximum(state.density, 0), 0).astype(np.float32),
        "velocity": np.where(fluid[..., None], at_centres(state.velocity), 0).astype(np.float32),
    }
    if config.fire:
        snapshot["glow"] = np.where(fluid, glow(state), 0).astype(np.float32)
    if config.grid.dimension == 3:
        return snapshot
    x, up = np.moveaxis(snapshot["velocity"], -1, 0)
    snapshot["velocity"] = np.stack([x, np.zeros_like(x), up], axis=-1)
    return {name: values[:, None] for name, values in snapshot.items()}


def glow(state: SmokeState) -> np.ndarray:
    """(*cells), 0 to 1: the light of what burns. Fuel of density 1 glows with brightness 1, the last of it faintly."""
    fuel = np.clip(state.fuel, 0, 1)
    return np.asarray(fuel * (2 - fuel))


def gather(
    config: SmokeConfig, name: str, material: int | None, materials_before: int, snapshots: Sequence[Snapshot]
) -> Contribution:
    """All frames as one volume, and its material where it is a new one."""
    to_world = cells_to_world(config)
    turn = to_world[:3, :3] / np.linalg.norm(to_world[:3, :3], axis=0)
    # frame by frame into one array each: a fine grid's frames fill gigabytes, and copies of all would double that
    density = np.empty((len(snapshots), *snapshots[0]["density"].shape), np.float32)
    velocity = np.empty((*density.shape, 3), np.float32)
    for frame, snapshot in enumerate(snapshots):
        np.multiply(snapshot["density"], np.float32(config.thickness), out=density[frame])
        np.matmul(snapshot["velocity"], turn.T.astype(np.float32), out=velocity[frame])
    body = Volume(
        name,
        density=density,
        velocity=velocity,
        grid_to_world=np.tile(to_world, (len(snapshots), 1, 1)),
        glow=np.stack([s["glow"] for s in snapshots]) if config.fire else None,
        solver=config.solver,
        material=materials_before if material is None else material,
    )
    return Contribution((body,), (SOOT if config.fire else SMOKE,) if material is None else ())


SMOKE = Material("smoke", base_color=(0.8, 0.8, 0.8), roughness=1.0)
SOOT = Material("soot", base_color=(0.12, 0.11, 0.1), roughness=1.0)


def cells_to_world(config: SmokeConfig) -> np.ndarray:
    """(4, 4) float64, from cell units to the world; smoke in 2D lies around y = 0."""
    matrix = np.diag([*(config.grid.spacing,) * 3, 1.0])
    if config.grid.dimension == 2:
        depth = DEPTH_2D * max(config.grid.size)
        matrix[1] = (0, depth, 0, -depth / 2)
    return matrix if config.to_world is None else np.asarray(config.to_world, np.float64) @ matrix


def bounds(config: SmokeConfig) -> np.ndarray:
    """(2, 3) float64, world: lowest and highest corner around the box; flat in y for smoke in 2D."""
    size = np.array(config.grid.size if config.grid.dimension == 3 else (config.grid.size[0], 0.0, config.grid.size[1]))
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(-1, 3) * size
    if config.to_world is not None:
        matrix = np.asarray(config.to_world, np.float64)
        corners = corners @ matrix[:3, :3].T + matrix[:3, 3]
    return np.stack([corners.min(0), corners.max(0)])
