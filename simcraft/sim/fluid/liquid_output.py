"""What a liquid leaves in a recording: its particles, or the surface around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.recording import Body, ChangingBody, Material, Particles
from simcraft.sim.fluid.liquid import LiquidConfig, LiquidState
from simcraft.sim.solver import Contribution, Snapshot

DROP = 0.35
"""Cells: radius of the spheres that are shown for particles; neighbours touch."""


@dataclass(frozen=True)
class Output:
    """Turns states into a body in the world."""

    config: LiquidConfig
    name: str
    to_world: np.ndarray
    """(4, 4) float64, metres in the box to the world."""
    material: int
    """Index into the recording's materials."""
    look: Material | None
    """A material to add to the recording's."""

    def bounds(self) -> np.ndarray:
        """(2, 3) float64, world: the lowest and highest corner of the box."""
        corners = np.stack(np.meshgrid(*((0.0, size) for size in self.config.grid.size), indexing="ij"), -1)
        placed = self._places(corners.reshape(-1, self.config.grid.dimension))
        return np.stack([placed.min(0), placed.max(0)])

    def capture_particles(self, state: LiquidState) -> Snapshot:
        return {
            "ids": state.ids.copy(),
            "positions": self._places(state.positions).astype(np.float32),
            "velocity": self._directions(state.velocities).astype(np.float32),
        }

    def gather_particles(self, snapshots: Sequence[Snapshot]) -> Contribution:
        """Each particle keeps its index; before its birth and after its end it stays where it was."""
        ids = np.unique(np.concatenate([s["ids"] for s in snapshots]))
        frames, count = len(snapshots), len(ids)
        positions, velocity = (np.full((frames, count, 3), np.nan, np.float32) for _ in range(2))
        present = np.zeros((frames, count), bool)
        for t, snapshot in enumerate(snapshots):
            place = np.searchsorted(ids, snapshot["ids"])
            positions[t, place], velocity[t, place] = snapshot["positions"], snapshot["velocity"]
            present[t, place] = True
        first, last = present.argmax(0), frames - 1 - present[::-1].argmax(0)
        held = np.clip(np.arange(frames)[:, None], first, last)
        positions = np.take_along_axis(positions, held[:, :, None], 0)
        velocity = np.where(present[:, :, None], velocity, 0)
        radius = np.full(count, DROP * self.config.grid.spacing * self._scale(), np.float32)
        everywhere = None if present.all() else present
        return self._contribution(
            Particles(self.name, positions, radius, everywhere, velocity, solver="liquid", material=self.material)
        )

    def capture_mesh(self, state: LiquidState) -> Snapshot:
        from simcraft.sim.fluid.liquid_surface import liquid_surface

        mesh = liquid_surface(self.config.grid, state)
        return {
            "vertices": self._places(mesh.vertices).astype(np.float32),
            "faces": mesh.faces,
            "velocity": self._directions(mesh.velocity).astype(np.float32),
        }

    def gather_mesh(self, snapshots: Sequence[Snapshot]) -> Contribution:
        """A new mesh in each frame; it moves with the liquid."""
        vertices, faces, velocity = ([s[name] for s in snapshots] for name in ("vertices", "faces", "velocity"))
        body = ChangingBody(
            self.name,
            np.concatenate(vertices),
            np.cumsum([0, *(len(v) for v in vertices)]),
            np.concatenate(faces),
            np.cumsum([0, *(len(f) for f in faces)]),
            np.concatenate(velocity),
            solver="liquid",
            material=self.material,
        )
        return self._contribution(body)

    def _contribution(self, body: Body) -> Contribution:
        return Contribution((body,), () if self.look is None else (self.look,))

    def _places(self, positions: np.ndarray) -> np.ndarray:
        return self._directions(positions) + self.to_world[:3, 3]

    def _directions(self, vectors: np.ndarray) -> np.ndarray:
        """(N, 3) float64 world vectors of (N, dimension) in the box; 2D boxes stand upright in x and z."""
        if vectors.shape[1] == 2:
            vectors = np.stack([vectors[:, 0], np.zeros(len(vectors)), vectors[:, 1]], 1)
        placed: np.ndarray = vectors.astype(np.float64) @ self.to_world[:3, :3].T
        return placed

    def _scale(self) -> float:
        return float(abs(np.linalg.det(self.to_world[:3, :3])) ** (1 / 3))
