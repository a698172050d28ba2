"""What a material leaves in a recording: its own mesh deformed, a surface around it, or its particles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.recording import Body, ChangingBody, DeformingBody, Particles
from simcraft.sim.mpm.skin import Skin
from simcraft.sim.mpm.state import Domain
from simcraft.sim.mpm.surface import surface_mesh, velocity_at

GRAIN = 0.6
"""Of the distance between particles: radius of the spheres that stand for them, so that neighbours overlap a little."""


@dataclass(frozen=True)
class Portion:
    """One body's particles at one moment, in the order in which they were made."""

    position: np.ndarray
    """(N, D) float32, metres from the domain's lower corner."""
    velocity: np.ndarray
    """(N, D) float32, m/s."""
    deformation: np.ndarray
    """(N, D, D) float32."""
    grid: np.ndarray
    """(nodes, D + 1) float32: momentum and mass of all material at the grid's nodes."""


Frame = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Look:
    """How a body is captured in a frame, and becomes a body of the recording."""

    capture: Callable[[Portion], Frame]
    gather: Callable[[Sequence[Frame]], Body]


def in_world(vectors: np.ndarray, to_world: np.ndarray) -> np.ndarray:
    """(N, 3) float64: directions (N, D) of the domain; a plane's stand upright in x and z."""
    if vectors.shape[1] == 2:
        vectors = np.stack([vectors[:, 0], np.zeros(len(vectors), vectors.dtype), vectors[:, 1]], axis=1)
    placed: np.ndarray = vectors.astype(np.float64) @ to_world[:3, :3].T
    return placed


def places_in_world(places: np.ndarray, to_world: np.ndarray) -> np.ndarray:
    """(N, 3) float32: places (N, D) of the domain."""
    return (in_world(places, to_world) + to_world[:3, 3]).astype(np.float32)


def as_particles(domain: Domain, name: str, to_world: np.ndarray, material: int) -> Look:
    """Spheres of a size that makes resting material opaque."""

    def capture(portion: Portion) -> Frame:
        velocity = in_world(portion.velocity, to_world).astype(np.float32)
        return {"position": places_in_world(portion.position, to_world), "velocity": velocity}

    def gather(frames: Sequence[Frame]) -> Body:
        position = np.stack([f["position"] for f in frames])
        velocity = np.stack([f["velocity"] for f in frames])
        radius = np.full(position.shape[1], GRAIN * domain.particle_spacing, np.float32)
        return Particles(name, position, radius, velocity=velocity, solver="mpm", material=material)

    return Look(capture, gather)


def as_skin(name: str, to_world: np.ndarray, skin: Skin) -> Look:
    """The body's own mesh, carried by its particles."""

    def capture(portion: Portion) -> Frame:
        carried = skin.carried(portion.position, portion.deformation)
        return {"vertices": places_in_world(carried, to_world)}

    def gather(frames: Sequence[Frame]) -> Body:
        return DeformingBody(name, skin.mesh, np.stack([f["vertices"] for f in frames]), solver="mpm")

    return Look(capture, gather)


def as_surface(domain: Domain, name: str, to_world: np.ndarray, material: int) -> Look:
    """A new mesh around the particles in each frame."""

    def capture(portion: Portion) -> Frame:
        vertices, faces = surface_mesh(domain, portion.position)
        velocity = in_world(velocity_at(domain, portion.grid, vertices), to_world).astype(np.float32)
        return {"vertices": places_in_world(vertices, to_world), "faces": faces, "velocity": velocity}

    def gather(frames: Sequence[Frame]) -> Body:
        return ChangingBody(
            name,
            np.concatenate([f["vertices"] for f in frames]),
            np.cumsum([0, *(len(f["vertices"]) for f in frames)]),
            np.concatenate([f["faces"] for f in frames]),
            np.cumsum([0, *(len(f["faces"]) for f in frames)]),
            np.concatenate([f["velocity"] for f in frames]),
            solver="mpm",
            material=material,
        )

    return Look(capture, gather)
