"""What a solver sees of the recording around it: surfaces of bodies at any time, with their velocity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.recording import ChangingBody, DeformingBody, Effect, Instances, Recording, RigidBody, Role


@dataclass(frozen=True)
class Surface:
    """Triangles at one moment."""

    vertices: np.ndarray
    """(V, 3) float64, world, metres."""
    velocity: np.ndarray
    """(V, 3) float64, world, metres a second."""
    faces: np.ndarray
    """(F, 3) int32."""


@dataclass(frozen=True)
class Surroundings:
    """A recording whose bodies are there already, seen as things to run into.

    Time 0 is the first frame. Between frames every vertex moves in a straight line; before the first and after the last
    everything stands still. Bodies are there whether or not they are seen (`present`): what has been replaced by
    something that melts is hidden, and later effects still run into it.
    """

    recording: Recording

    @property
    def frame_count(self) -> int:
        return self.recording.frame_count

    def moves(self, name: str) -> bool:
        """Does the body named `name` ever move or change?"""
        body = self._body(name)
        if isinstance(body, ChangingBody):
            return True
        places = body.vertices if isinstance(body, DeformingBody) else body.transforms
        return bool((places != places[:1]).any())

    def surface(self, name: str, time: float) -> Surface:
        """The surface of the body named `name` at `time` seconds; all copies of an `Instances` body together.

        Raises `UserError` where there is no such body, or one without faces.
        """
        body = self._body(name)
        position = min(max(time * self.recording.fps, 0.0), self.frame_count - 1.0)
        first = min(int(position), self.frame_count - 2) if self.frame_count > 1 else 0
        if isinstance(body, ChangingBody):
            return _changing_surface(body, round(position))
        here, faces = self._vertices(body, first)
        if self.frame_count == 1:
            return Surface(here, np.zeros_like(here), faces)
        there, _ = self._vertices(body, first + 1)
        # a time that should be the first or last frame's may be off by rounding
        inside = -1e-6 <= time * self.recording.fps <= self.frame_count - 1 + 1e-6
        velocity = (there - here) * (self.recording.fps if inside else 0.0)
        return Surface(here + (position - first) * (there - here), velocity, faces)

    def place(self, role: Role, time: float) -> np.ndarray:
        """(P, 3) float64, world: the points of a role at `time`, or the middle of its body's vertices (1, 3)."""
        if role.points is None:
            return self.surface(role.name, time).vertices.mean(0, keepdims=True)
        position = min(max(time * self.recording.fps, 0.0), self.frame_count - 1.0)
        first = min(int(position), max(self.frame_count - 2, 0))
        here = np.asarray(role.points[first], np.float64)
        there = np.asarray(role.points[min(first + 1, self.frame_count - 1)], np.float64)
        return here + (position - first) * (there - here)

    def _body(self, name: str) -> RigidBody | DeformingBody | ChangingBody | Instances:
        body = next((b for b in self.recording.bodies if b.name == name), None)
        if isinstance(body, (RigidBody, DeformingBody, ChangingBody, Instances)):
            return body
        raise UserError(
            f"There is no body with faces named '{name}' in '{self.recording.name}'.",
            f"There are: {', '.join(b.name for b in self.recording.bodies)}.",
        )

    def _vertices(self, body: RigidBody | DeformingBody | Instances, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """World vertices (V, 3) in one frame, and the faces."""
        faces = np.asarray(body.mesh.faces)
        if isinstance(body, DeformingBody):
            return np.asarray(body.vertices[frame], np.float64), faces
        transforms = np.asarray(body.transforms[frame]).reshape(-1, 4, 4)
        local = np.asarray(body.vertices, np.float64)
        placed = np.einsum("nij,vj->nvi", transforms[:, :3, :3], local) + transforms[:, None, :3, 3]
        copies = np.arange(len(transforms))[:, None, None] * len(local)
        return placed.reshape(-1, 3), (faces[None] + copies).reshape(-1, 3).astype(np.int32)


def _changing_surface(body: ChangingBody, frame: int) -> Surface:
    rows = slice(int(body.vertex_offsets[frame]), int(body.vertex_offsets[frame + 1]))
    vertices = np.asarray(body.vertices[rows], np.float64)
    velocity = np.zeros_like(vertices) if body.velocity is None else np.asarray(body.velocity[rows], np.float64)
    faces = np.asarray(body.faces[int(body.face_offsets[frame]) : int(body.face_offsets[frame + 1])])
    return Surface(vertices, velocity, faces)


def roles(effect: Effect, role: str) -> tuple[Role, ...]:
    """The things that have `role` in `effect`."""
    return tuple(r for r in effect.roles if r.role == role)
