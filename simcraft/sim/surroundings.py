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

    def moves(self, thing: str | Role) -> bool:
        """Does the body of this name, or the thing that has a role, ever move or change?"""
        places = self._places(thing)
        return places is None or bool((places != places[:1]).any())

    def surface(self, name: str, time: float) -> Surface:
        """The surface of the body named `name` at `time` seconds; all copies of an `Instances` body together.

        Raises `UserError` where there is no such body, or one without faces.
        """
        body = self._body(name)
        first, share = self._between(time)
        if isinstance(body, ChangingBody):
            return _changing_surface(body, round(first + share))
        here, faces = self._vertices(body, first)
        if self.frame_count == 1:
            return Surface(here, np.zeros_like(here), faces)
        there, _ = self._vertices(body, first + 1)
        velocity = (there - here) * (self.recording.fps if self._is_during(time) else 0.0)
        return Surface(here + share * (there - here), velocity, faces)

    def spin(self, name: str, time: float) -> np.ndarray | None:
        """(3, 4) float64: what leads from a world point of a rigid body, inside or on it, to its velocity there.

        The same as the velocity of its `surface`. None for bodies that are not rigid, and where it is not known: the
        body is flat, or turns by half a turn in a frame.
        """
        body = self._body(name)
        if not isinstance(body, RigidBody):
            return None
        first, share = self._between(time)
        here = np.asarray(body.transforms[first], np.float64)
        way = np.asarray(body.transforms[min(first + 1, self.frame_count - 1)], np.float64) - here
        now = here + share * way
        if not self._is_during(time):
            return np.zeros((3, 4))
        if not np.linalg.cond(now[:3, :3]) < 1e6:
            return None
        return np.asarray(self.recording.fps * (way @ np.linalg.inv(now))[:3])

    def standing_since(self, thing: str | Role, time: float) -> float:
        """A time, the same for all of a thing's rest, at which it stands as it does at `time`; `time` where it moves.

        For who remembers what belongs to a time.
        """
        places, fps = self._places(thing), self.recording.fps
        if not self._is_during(time):
            return (-1.0 if time < 0 else float(self.frame_count)) / fps
        if self.frame_count == 1 or places is None:
            return time
        first, _ = self._between(time)
        poses = places[: first + 2].reshape(first + 2, -1)
        if (poses[first] != poses[first + 1]).any():
            return time
        moved = np.flatnonzero((poses[:first] != poses[first]).any(1))
        # the middle between two frames: a frame's own time may be rounded to before it
        return ((moved[-1] + 1 if len(moved) else 0) + 0.5) / fps

    def place(self, role: Role, time: float) -> np.ndarray:
        """(P, 3) float64, world: the points of a role at `time`, or the middle of its body's vertices (1, 3)."""
        if role.points is None:
            return self.surface(role.name, time).vertices.mean(0, keepdims=True)
        first, share = self._between(time)
        here = np.asarray(role.points[first], np.float64)
        there = np.asarray(role.points[min(first + 1, self.frame_count - 1)], np.float64)
        return here + share * (there - here)

    def drift(self, role: Role, time: float) -> np.ndarray:
        """(3,) float64, metres a second, world: how fast a thing moves as a whole."""
        if role.points is None:
            return np.asarray(self.surface(role.name, time).velocity.mean(0))
        first, _ = self._between(time)
        following = min(first + 1, self.frame_count - 1)
        way = (np.asarray(role.points[following], np.float64) - role.points[first]).mean(0)
        return np.asarray(way * (self.recording.fps if self._is_during(time) else 0.0))

    def _places(self, thing: str | Role) -> np.ndarray | None:
        """What moves with a thing, one row a frame; None for a body whose mesh is another in each frame."""
        if isinstance(thing, Role) and thing.points is not None:
            return thing.points
        body = self._body(thing.name if isinstance(thing, Role) else thing)
        if isinstance(body, ChangingBody):
            return None
        return body.vertices if isinstance(body, DeformingBody) else body.transforms

    def _between(self, time: float) -> tuple[int, float]:
        """The frame index before `time` and the share, 0 to 1, of the way to the next; never the last of several."""
        position = min(max(time * self.recording.fps, 0.0), self.frame_count - 1.0)
        first = min(int(position), max(self.frame_count - 2, 0))
        return first, position - first

    def _is_during(self, time: float) -> bool:
        """Is `time` within the recording? One that should be the first or last frame's may be off by rounding."""
        return -1e-6 <= time * self.recording.fps <= self.frame_count - 1 + 1e-6

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
