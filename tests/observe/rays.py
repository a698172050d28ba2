"""Ray casting by Embree: an independent answer to what a camera sees."""

from __future__ import annotations

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

from simcraft.observe.camera import View
from simcraft.observe.geometry import Geometry


class RayCaster:
    """The triangles of one frame in an Embree scene."""

    def __init__(self, geometry: Geometry) -> None:
        self.triangles = geometry.points[geometry.faces].astype(np.float32)
        self.scene = rtcore_scene.EmbreeScene()
        self.mesh = TriangleMesh(self.scene, self.triangles)

    def first_hits(self, view: View, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Triangle (-1 for none) and planar depth (inf for none) that the rays of image points (P, 2) hit first."""
        x, y = pixels[:, :1].astype(np.float64), pixels[:, 1:].astype(np.float64)
        r = view.rays
        origin = r[0] + x * r[1] + y * r[2]
        direction = r[3] + x * r[4] + y * r[5]
        scale = np.linalg.norm(direction, axis=1, keepdims=True)
        start = origin + view.near * direction
        hits = self.scene.run(start.astype(np.float32), (direction / scale).astype(np.float32), output=True)
        found = np.asarray(hits["primID"]).astype(np.int64)
        depth = np.where(found >= 0, np.asarray(hits["tfar"], np.float64) / scale[:, 0] + view.near, np.inf)
        return found, depth


def pixel_centres(view: View) -> np.ndarray:
    """(H * W, 2) float64 centres of all pixels, row by row."""
    y, x = np.mgrid[: view.size[1], : view.size[0]]
    return np.stack([x.ravel(), y.ravel()], axis=1) + 0.5
