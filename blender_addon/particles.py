"""Particles of emitters that are drawn as points; those drawn as objects arrive as instances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .errors import RecordFailure
from .materials import MaterialTable
from .shapes import values_of

_POINTS = {"HALO", "LINE"}


@dataclass(frozen=True)
class _System:
    name: str
    positions: np.ndarray
    velocity: np.ndarray
    present: np.ndarray
    radius: np.ndarray
    material: int


class ParticleLog:
    """Fills one `recording_format.Particles` for each emitter's particle system, frame by frame."""

    def __init__(self, scene: Any, offered: set[str], work: Path, frame_count: int) -> None:
        """`offered` are the names of the objects that may be rendered, see `walk.renderable_objects`."""
        self._emitters = [
            o for o in scene.objects if o.name_full in offered and any(map(_is_drawn, o.particle_systems))
        ]
        self._work = work
        self._frame_count = frame_count
        self._fps = scene.render.fps / scene.render.fps_base
        self._step = 0
        self._systems: dict[tuple[str, str], _System] = {}
        self.owners: set[str] = set()

    def look(self, depsgraph: Any, frame: int, materials: MaterialTable) -> None:
        """Add one frame; to be called for every recorded frame in order.

        Raises `RecordFailure` where a particle's position is not finite.
        """
        for emitter in self._emitters:
            obj = emitter.evaluated_get(depsgraph)
            if not obj.hide_render:
                for system in filter(_is_drawn, obj.particle_systems):
                    self._add(emitter.name_full, system, obj, frame, materials)
        self._step += 1

    def _add(self, owner: str, system: Any, obj: Any, frame: int, materials: MaterialTable) -> None:
        count = len(system.particles)
        if count == 0:
            return
        key = (owner, system.name)
        if key not in self._systems:
            self._systems[key] = self._open(key, count, _material(system, obj, materials))
            self.owners.add(owner)
        log, t = self._systems[key], self._step
        count = min(count, len(log.radius))
        log.positions[t, :count] = values_of(system.particles, "location", 3)[:count]
        # a frame lasts `timestep` seconds (0.04 by default) for the particles, whatever the scene's frame rate is
        to_scene_time = system.settings.timestep * self._fps
        log.velocity[t, :count] = values_of(system.particles, "velocity", 3)[:count] * to_scene_time
        # a dead or unborn particle has no size in the picture, whatever its size is
        alive = values_of(system.particles, "alive_state", 1, np.int32)[:count] == _alive(system)
        if not np.isfinite(log.positions[t, :count][alive]).all():
            raise RecordFailure(
                f"The particles '{system.name}' of '{owner}' have exploded at frame {frame}: a position is not finite.",
                "Make the simulation's steps smaller.",
            )
        log.present[t, :count] = alive
        log.radius[:count] = np.maximum(log.radius[:count], values_of(system.particles, "size", 1)[:count])

    def _open(self, key: tuple[str, str], count: int, material: int) -> _System:
        prefix, frames = f"particles.{len(self._systems)}", self._frame_count

        def new(field: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
            return fmt.open_array(self._work, f"{prefix}.{field}", shape, np.dtype(dtype))

        return _System(
            "/".join(key),
            new("positions", (frames, count, 3), np.float32),
            new("velocity", (frames, count, 3), np.float32),
            new("present", (frames, count), np.bool_),
            np.zeros(count, np.float32),
            material,
        )

    def bodies(self) -> list[Any]:
        return [
            fmt.Particles(s.name, s.positions, s.radius, s.present, s.velocity, "particles", s.material)
            for s in self._systems.values()
        ]


def _is_drawn(system: Any) -> bool:
    return system.settings.type == "EMITTER" and system.settings.render_type in _POINTS


def _alive(system: Any) -> int:
    states = system.particles[0].bl_rna.properties["alive_state"].enum_items
    return int(states["ALIVE"].value)


def _material(system: Any, obj: Any, materials: MaterialTable) -> int:
    """The emitter's slot that the system renders with, counted from 1 by Blender."""
    slots = obj.material_slots
    return materials.number(slots[min(system.settings.material, len(slots)) - 1].material if len(slots) else None)
