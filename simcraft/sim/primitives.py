"""Triangle meshes of simple solids, as numpy arrays: what a rigid body looks like."""

from __future__ import annotations

import numpy as np

Solid = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vertices (V, 3) float64 in metres about the solid's middle, faces (F, 3) int32 that turn counterclockwise seen from
outside, texture coordinates of each corner (F, 3, 2) float32."""

SEGMENTS = 48
"""Around an axis; a multiple of 4, so that a round solid is as wide as it says along x and y."""


def box(size: tuple[float, float, float]) -> Solid:
    """A box of `size` metres along x, y and z; a texture covers one metre."""
    half = np.asarray(size, float) / 2
    vertices: list[np.ndarray] = []
    faces, uv = [], []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1.0, 1.0):
            corners = np.zeros((4, 3))
            corners[:, axis] = side * half[axis]
            corners[:, u] = np.array([-1, 1, 1, -1]) * half[u] * side
            corners[:, v] = np.array([-1, -1, 1, 1]) * half[v]
            first = 4 * len(vertices)
            vertices.append(corners)
            for triangle in ((0, 1, 2), (0, 2, 3)):
                faces.append([first + k for k in triangle])
                uv.append(corners[list(triangle)][:, [u, v]])
    return _weld(np.concatenate(vertices), np.array(faces, np.int32), np.array(uv, np.float32))


def sphere(radius: float) -> Solid:
    """A ball; texture coordinates are longitude and latitude."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, SEGMENTS // 2 + 1)
    return revolve(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def cylinder(radius: float, height: float) -> Solid:
    """An upright cylinder with its middle at the origin."""
    half = height / 2
    return revolve(np.array([[0.0, -half], [radius, -half], [radius, half], [0.0, half]]))


def cone(radius: float, height: float) -> Solid:
    """A cone that points up, with the middle of its height at the origin."""
    return revolve(np.array([[0.0, -height / 2], [radius, -height / 2], [0.0, height / 2]]))


def capsule(radius: float, height: float) -> Solid:
    """An upright cylinder with half balls as ends, `height` metres high from end to end."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, SEGMENTS // 2 + 2)
    cap = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    shift = np.where(angle < 0, -1.0, 1.0) * (height / 2 - radius)
    return revolve(cap + np.stack([np.zeros_like(shift), shift], axis=1))


def revolve(profile: np.ndarray) -> Solid:
    """The solid between a profile and the z axis.

    `profile`, shape (P, 2), holds distance from the axis and height, from a pole at the bottom (distance 0) to one at
    the top. A texture goes once around, and from bottom to top by the length of the profile.
    """
    profile = np.where(np.abs(profile) < 1e-12, 0.0, profile)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    v = length / length[-1]
    u = np.arange(SEGMENTS + 1) / SEGMENTS
    angle = 2 * np.pi * u[:-1]
    rings = np.stack(
        [
            profile[:, :1] * np.cos(angle),
            profile[:, :1] * np.sin(angle),
            np.broadcast_to(profile[:, 1:], (len(profile), SEGMENTS)),
        ],
        axis=2,
    )
    faces, uv = [], []
    for row in range(len(profile) - 1):
        for column in range(SEGMENTS):
            corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
            for triangle in ([0, 1, 2], [0, 2, 3]):
                points = [corners[k] for k in triangle]
                # at a pole one of the two triangles has no area
                poles = sum(profile[r, 0] == 0.0 for r, _ in points)
                if poles < 2:
                    faces.append([r * SEGMENTS + c % SEGMENTS for r, c in points])
                    uv.append([(u[c], v[r]) for r, c in points])
    return _weld(rings.reshape(-1, 3), np.array(faces, np.int32), np.array(uv, np.float32))


def _weld(vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> Solid:
    """One vertex a place."""
    _, first, index = np.unique(vertices.round(9), axis=0, return_index=True, return_inverse=True)
    return vertices[first], index.reshape(-1)[faces].astype(np.int32), uv
