"""Small meshes from rings of points, as the built-in agents are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.recording import Mesh
from simcraft.sim.agents.bodies import Angle, Part

SEGMENTS = 20
"""Around a wheel; a multiple of the pattern on it."""


@dataclass(frozen=True)
class Piece:
    """Triangles, and the number of the material that each is made of."""

    vertices: np.ndarray
    """(V, 3) float64."""
    faces: np.ndarray
    """(F, 3) int32, counterclockwise seen from outside."""
    slots: np.ndarray
    """(F,) int32."""


def ring(middle: Sequence[float], first: Sequence[float], second: Sequence[float], segments: int) -> np.ndarray:
    """(segments, 3) points of an ellipse with the half axes `first` and `second`."""
    angle = 2 * np.pi * np.arange(segments)[:, None] / segments
    return (
        np.asarray(middle, float) + np.cos(angle) * np.asarray(first, float) + np.sin(angle) * np.asarray(second, float)
    )


def loft(rings: Sequence[np.ndarray], slot: Callable[[np.ndarray, np.ndarray], int]) -> Piece:
    """The skin over rings of equally many points, closed at both ends.

    `slot` gets middle and normal of each triangle. Faces turn outwards whichever way the rings run.
    """
    size, vertices = len(rings[0]), np.concatenate(rings)
    faces = []
    for level in range(len(rings) - 1):
        for k in range(size):
            a, b = level * size + k, level * size + (k + 1) % size
            faces += [[a, b, b + size], [a, b + size, a + size]]
    last = (len(rings) - 1) * size
    for k in range(1, size - 1):
        faces += [[0, k + 1, k], [last, last + k, last + k + 1]]
    return _outward(vertices, np.array(faces, np.int32), slot)


def block(middle: Sequence[float], size: Sequence[float], slot: int, lean: float = 0.0) -> Piece:
    """A box; `lean` turns it about x, radians."""
    half = np.asarray(size, float) / 2
    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    rings = [np.column_stack([np.full(4, s * half[0]), square * half[1:]]) for s in (-1, 1)]
    turn = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    return loft([r @ turn.T + np.asarray(middle, float) for r in rings], lambda middle, normal: slot)


def disc(middle: Sequence[float], radius: float, width: float, slot: Callable[[int], int], side: float) -> Piece:
    """A cylinder along y whose outer face (towards `side`) has the material `slot(n)` in its n-th sector."""
    x, y, z = middle
    rings = [ring((x, y + s * width / 2, z), (radius, 0, 0), (0, 0, radius), SEGMENTS) for s in (-side, side)]
    hubs = [[x, y - side * width / 2, z], [x, y + side * width / 2, z]]
    around, faces, slots = np.arange(SEGMENTS), [], []
    inner, outer = 2 * SEGMENTS, 2 * SEGMENTS + 1
    for k, after in zip(around, np.roll(around, -1), strict=True):
        rim, following = k + SEGMENTS, after + SEGMENTS
        faces += [[k, after, following], [k, following, rim], [rim, following, outer], [after, k, inner]]
        slots += [slot(-1), slot(-1), slot(int(k)), slot(-1)]
    piece = _outward(np.concatenate([*rings, hubs]), np.array(faces, np.int32), lambda middle, normal: 0)
    return Piece(piece.vertices, piece.faces, np.array(slots, np.int32))


def joined(*pieces: Piece) -> Piece:
    """All pieces as one."""
    first = np.cumsum([0, *(len(p.vertices) for p in pieces)])
    faces = np.concatenate([p.faces + n for p, n in zip(pieces, first[:-1], strict=True)])
    return Piece(
        np.concatenate([p.vertices for p in pieces]), faces.astype(np.int32), np.concatenate([p.slots for p in pieces])
    )


def part(
    name: str,
    piece: Piece,
    scale: float,
    hinge: tuple[float, float, float] = (0.0, 0.0, 0.0),
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0),
    angle: Angle | None = None,
    parent: str = "",
) -> Part:
    """`piece` and its hinge, `scale` times as large, as part of an agent."""
    x, y, z = hinge
    mesh = Mesh(piece.faces, face_material=piece.slots)
    return Part(
        name, (scale * piece.vertices).astype(np.float32), mesh, (scale * x, scale * y, scale * z), axis, angle, parent
    )


def _outward(vertices: np.ndarray, faces: np.ndarray, slot: Callable[[np.ndarray, np.ndarray], int]) -> Piece:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    # a closed surface whose volume comes out negative is inside out
    if np.einsum("fi,fi->", a - vertices.mean(0), normals) < 0:
        faces, normals = faces[:, [0, 2, 1]], -normals
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    slots = [slot(middle, normal) for middle, normal in zip((a + b + c) / 3, normals, strict=True)]
    return Piece(vertices, faces.astype(np.int32), np.array(slots, np.int32))
