"""Where the action is: a viewer that frames a floor of a hundred metres shows nothing of the dominoes on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.recording.format import (
    Body,
    ChangingBody,
    DeformingBody,
    Instances,
    Mesh,
    Particles,
    Recording,
    RigidBody,
    Volume,
)

_SAMPLED = 5
"""Frames at which it is looked where things are."""
_AROUND = 0.6
"""How much of the surroundings is kept on each side, as a multiple of the diagonal of what moves."""


@dataclass(frozen=True)
class Region:
    """A box along the world's axes, metres."""

    low: np.ndarray
    """(3,) float64."""
    high: np.ndarray
    """(3,) float64."""

    def holds(self, points: np.ndarray) -> bool:
        """Are all `points` (P, 3) inside?"""
        return bool(((points >= self.low) & (points <= self.high)).all())


def region_of(recording: Recording) -> Region | None:
    """The box of everything that moves, with room around it; None where nothing does."""
    frames = np.unique(np.linspace(0, recording.frame_count - 1, _SAMPLED).round().astype(int))
    moving = [points for body in recording.bodies for t in frames if len(points := _moving_points(body, int(t)))]
    if not moving:
        return None
    everything = np.concatenate(moving)
    low, high = everything.min(0), everything.max(0)
    room = _AROUND * float(np.linalg.norm(high - low))
    return Region(low - room, high + room)


def _moving_points(body: Body, frame: int) -> np.ndarray:
    """(P, 3) world positions whose box is that of the body in `frame`; none of what stands still or is not there."""
    nothing = np.zeros((0, 3))
    if isinstance(body, (RigidBody, Instances)):
        if is_still(body):
            return nothing
        matrices = np.asarray(body.transforms[frame]).reshape(-1, 4, 4)
        if body.present is not None:
            matrices = matrices[np.atleast_1d(body.present[frame])]
        corners = _corners(body.vertices)
        return (np.einsum("nij,pj->npi", matrices[:, :3, :3], corners) + matrices[:, None, :3, 3]).reshape(-1, 3)
    if isinstance(body, Particles):
        return np.asarray(body.positions[frame])[slice(None) if body.present is None else body.present[frame]]
    if body.present is not None and not body.present[frame]:
        return nothing
    if isinstance(body, DeformingBody):
        return np.asarray(body.vertices[frame])
    if isinstance(body, ChangingBody):
        return np.asarray(body.vertices[int(body.vertex_offsets[frame]) : int(body.vertex_offsets[frame + 1])])
    return volume_corners(body, frame)


def is_still(body: RigidBody | Instances) -> bool:
    """Is it at the same place in all frames?"""
    return bool((body.transforms == body.transforms[:1]).all())


def _corners(vertices: np.ndarray) -> np.ndarray:
    """(8, 3): the corners of the box around `vertices`."""
    ends = np.indices((2, 2, 2)).reshape(3, 8).T
    return np.where(ends == 0, vertices.min(0), vertices.max(0)) if len(vertices) else np.zeros((0, 3))


def volume_corners(body: Volume, frame: int) -> np.ndarray:
    """(8, 3): the corners of a volume's box in the world."""
    ends = np.indices((2, 2, 2)).reshape(3, 8).T * np.array(body.density.shape[1:])
    matrix = np.asarray(body.grid_to_world[frame], np.float64)
    return ends @ matrix[:3, :3].T + matrix[:3, 3]


def cut(mesh: Mesh, vertices: np.ndarray, region: Region) -> tuple[Mesh, np.ndarray]:
    """The part of a mesh inside `region`: a mesh whose faces share no vertices, and its (3 F, 3) vertices.

    Each face is cut by the six planes of the box in turn (Sutherland and Hodgman, CACM 1974) and filled by a fan of
    triangles; texture coordinates are carried along. `vertices` are (V, 3) world positions.
    """
    uv = np.zeros((len(mesh.faces), 3, 2)) if mesh.uv is None else np.asarray(mesh.uv, np.float64)
    corners = np.concatenate([np.asarray(vertices, np.float64)[mesh.faces], uv], -1)
    pieces, origin = [], []
    outside = (corners[..., :3] < region.low).all(1).any(-1) | (corners[..., :3] > region.high).all(1).any(-1)
    inside = ((corners[..., :3] >= region.low) & (corners[..., :3] <= region.high)).all((1, 2))
    for face in np.flatnonzero(~outside):
        polygon = corners[face] if inside[face] else _cut_polygon(corners[face], region)
        for k in range(1, len(polygon) - 1):
            pieces.append(polygon[[0, k, k + 1]])
            origin.append(face)
    kept = np.array(pieces).reshape(-1, 3, 5)
    material = None if mesh.face_material is None else np.asarray(mesh.face_material)[origin]
    faces = np.arange(3 * len(kept), dtype=np.int32).reshape(-1, 3)
    texture = None if mesh.uv is None else kept[..., 3:].astype(np.float32)
    return Mesh(faces, texture, material, False), kept[..., :3].reshape(-1, 3).astype(np.float32)


def _cut_polygon(polygon: np.ndarray, region: Region) -> np.ndarray:
    """(P, 5) corners, positions and texture coordinates, of what is inside the box."""
    for axis in range(3):
        for sign, limit in ((1, region.low[axis]), (-1, region.high[axis])):
            height = sign * (polygon[:, axis] - limit)
            kept = []
            for k in range(len(polygon)):
                before = k - 1
                if (height[k] >= 0) != (height[before] >= 0):
                    part = height[before] / (height[before] - height[k])
                    kept.append(polygon[before] + part * (polygon[k] - polygon[before]))
                if height[k] >= 0:
                    kept.append(polygon[k])
            polygon = np.array(kept).reshape(-1, 5)
    return polygon
