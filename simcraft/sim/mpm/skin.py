"""A mesh that a deforming solid carries along: every vertex hangs on the particles around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simcraft.recording import Mesh

NEIGHBOURS = 12
"""Particles that carry a vertex."""
MOST_FACES = 120_000
"""A skin is not subdivided beyond."""


@dataclass(frozen=True)
class Skin:
    """A mesh and what carries it; every vertex is bound to K particles."""

    mesh: Mesh
    carriers: np.ndarray
    """(V, K) int: numbers of particles."""
    weights: np.ndarray
    """(V, K) float32, each row's sum is 1."""
    offsets: np.ndarray
    """(V, K, 3) float32, metres: from the particle to the vertex while nothing is deformed."""

    def carried(self, position: np.ndarray, deformation: np.ndarray) -> np.ndarray:
        """(V, 3) float32, metres: the vertices, by the particles' `position` (N, 3) and `deformation` (N, 3, 3)."""
        reached = np.einsum("vkij,vkj->vki", deformation[self.carriers], self.offsets) + position[self.carriers]
        return np.einsum("vk,vki->vi", self.weights, reached).astype(np.float32)


def bind(mesh: Mesh, vertices: np.ndarray, position: np.ndarray, finest: float) -> Skin:
    """Hang a mesh on the undeformed particles at `position` (N, 3).

    Parameters
    ----------
    vertices: (V, 3) of the mesh, metres, where the particles are.
    finest: metres; longer edges are divided first, because a mesh bends at its vertices only.
    """
    from scipy.spatial import cKDTree

    mesh, vertices = subdivided(mesh, np.asarray(vertices, np.float64), finest)
    count = min(NEIGHBOURS, len(position))
    away, carriers = cKDTree(position).query(vertices, k=count)
    away, carriers = away.reshape(-1, count), carriers.reshape(-1, count)
    # falls to zero at the farthest one, so that neighbours that just miss do not matter
    weights = np.maximum(1.0 - (away / (1.05 * away.max(1, keepdims=True) + 1e-12)) ** 2, 1e-6) ** 2
    weights /= weights.sum(1, keepdims=True)
    offsets = vertices[:, None] - position[carriers]
    return Skin(mesh, carriers, weights.astype(np.float32), offsets.astype(np.float32))


def subdivided(mesh: Mesh, vertices: np.ndarray, longest: float) -> tuple[Mesh, np.ndarray]:
    """`mesh` with every face cut into four, until no edge is longer than `longest` metres (or `MOST_FACES` is reached).

    Texture coordinates and materials stay where they are.
    """
    while 4 * len(mesh.faces) <= MOST_FACES and _longest_edge(mesh.faces, vertices) > longest:
        mesh, vertices = _cut_in_four(mesh, vertices)
    return mesh, vertices


def _longest_edge(faces: np.ndarray, vertices: np.ndarray) -> float:
    corners = vertices[faces]
    return float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(initial=0.0))


def _cut_in_four(mesh: Mesh, vertices: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """Each face becomes the three at its corners and the one in its middle."""
    faces = np.asarray(mesh.faces)
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1), axis=-1).reshape(-1, 2)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    middle = (number.reshape(-1, 3) + len(vertices)).astype(np.int32)
    a, b, c = faces.T
    ab, bc, ca = middle.T
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    cut = np.stack([np.stack(part, axis=1) for part in parts], axis=1).reshape(-1, 3).astype(np.int32)
    uv = None
    if mesh.uv is not None:
        corner = np.asarray(mesh.uv)
        half = (corner + np.roll(corner, -1, axis=1)) / 2
        (ua, ub, uc), (uab, ubc, uca) = corner.transpose(1, 0, 2), half.transpose(1, 0, 2)
        pieces = [(ua, uab, uca), (uab, ub, ubc), (uca, ubc, uc), (uab, ubc, uca)]
        uv = np.stack([np.stack(piece, axis=1) for piece in pieces], axis=1).reshape(-1, 3, 2).astype(np.float32)
    material = None if mesh.face_material is None else np.repeat(mesh.face_material, 4)
    made = np.concatenate([vertices, vertices[unique].mean(axis=1)])
    return replace(mesh, faces=cut, uv=uv, face_material=material), made
