"""Which bodies can get in the way of what is simulated in a box."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np


def in_the_way(body: Any, box_to_world: np.ndarray) -> bool:
    """Does the surface of `body` ever come into the box (4, 4), or pass through it between two frames?

    What is all around the box without touching it, like the sphere of a sky, is not in the way.
    """
    to_box = np.linalg.inv(box_to_world)
    bounds = np.array([_bounds(v @ to_box[:3, :3].T + to_box[:3, 3]) for v in _world_vertices(body)])
    if not len(bounds):
        return False
    low, high = bounds[:, 0].min(0), bounds[:, 1].max(0)
    if (low > 1).any() or (high < 0).any():
        return False
    moves = (bounds != bounds[0]).any()
    if moves or (low > 0).any() or (high < 1).any():
        return True
    return _any_triangle_inside(body, to_box)


def _bounds(points: np.ndarray) -> np.ndarray:
    """(2, 3): the lowest and the highest coordinates."""
    return np.stack([points.min(0), points.max(0)])


def _world_vertices(body: Any) -> list[np.ndarray]:
    """World vertices (V, 3) in each frame; nothing for what has no surface."""
    if body.kind == "changing":
        starts = body.vertex_offsets
        pieces = [body.vertices[a:b] for a, b in pairwise(starts)]
        return [p for p in pieces if len(p)]
    if body.kind == "deforming":
        return list(body.vertices)
    if body.kind not in ("rigid", "instances"):
        return []
    # the corners of its box bound a body that moves as a whole
    low, high = _bounds(body.vertices.astype(np.float64))
    corners = np.stack(np.meshgrid(*np.stack([low, high], 1), indexing="ij"), -1).reshape(-1, 3)
    frames = body.transforms.reshape(len(body.transforms), -1, 4, 4)
    placed = np.einsum("tnij,vj->tnvi", frames[..., :3, :3], corners) + frames[:, :, None, :3, 3]
    return list(placed.reshape(len(frames), -1, 3))


def _any_triangle_inside(body: Any, to_box: np.ndarray) -> bool:
    """Does the box of some triangle touch the unit cube? The body, which stands still, encloses it."""
    if body.kind == "rigid":
        matrix = to_box @ body.transforms[0]
    elif body.kind == "deforming":
        matrix = to_box
    else:
        return True
    vertices = body.vertices if body.kind == "rigid" else body.vertices[0]
    corners = (vertices @ matrix[:3, :3].T + matrix[:3, 3])[body.mesh.faces]
    return bool(((corners.min(1) <= 1).all(1) & (corners.max(1) >= 0).all(1)).any())
