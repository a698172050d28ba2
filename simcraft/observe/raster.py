"""The visibility buffer: which surface each pixel of one frame sees, and exactly where on it.

Every surface is drawn in parallel; each pixel keeps the smallest 64-bit key, made of inverse depth and surface number,
by an atomic minimum. Equal depths go to the smaller number, so the result does not depend on the order of the threads.
What else is asked of a frame (flow, tracks, shading) is a gather from this buffer.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from simcraft.observe import kernels
from simcraft.observe.camera import Crop, View, view_of
from simcraft.observe.geometry import Geometry, Layout, geometry_of
from simcraft.observe.resolve import resolve
from simcraft.observe.smoke import Smoke, see_smoke
from simcraft.observe.volumes import grids_of, has_volumes
from simcraft.recording.format import Recording


@dataclass(frozen=True)
class Frame:
    """Geometry, camera and visibility buffer of one frame; H x W pixels.

    `sides` and `coordinates` are of the surfaces, be they behind smoke or not; `depth`, `instances` and `normals` are
    the smoke's where it covers them (`smoke.covers`).
    """

    index: int
    """Frame index in the recording, from 0."""
    geometry: Geometry
    """World geometry; its docstring tells how surfaces are numbered."""
    view: View
    projected: np.ndarray
    """(V, 4) float64: (U, V, W, Z) of `geometry.points`; the pixel is (U/W, V/W), Z planar depth in metres."""
    sides: np.ndarray
    """(H, W) int32: what is seen at the pixel's centre: 2 s for the one side of surface s, 2 s + 1 for its other side
    (the inside of a sphere); -1 for background."""
    coordinates: np.ndarray
    """(H, W, 3) float64: barycentric coordinates in the triangle (perspective-correct, sum 1): the world point is
    their sum with points[faces[triangle]]. On a sphere: the world direction of unit length from its centre.
    Undefined for background."""
    depth: np.ndarray
    """(H, W) float32: planar z in metres, +inf for background."""
    instances: np.ndarray
    """(H, W) uint16: instance id, 0 for background."""
    normals: np.ndarray
    """(H, W, 3) float32: unit geometric normal in camera axes, facing the camera; 0 for background and smoke."""
    smoke: Smoke | None = None
    """What is seen of the volumes; None where the recording has none in any frame."""

    @property
    def surfaces(self) -> np.ndarray:
        """(H, W) int32: s < sphere_count is a sphere, else triangle s - sphere_count of `geometry.faces`; -1 for
        background."""
        return self.sides >> 1

    @property
    def triangles(self) -> np.ndarray:
        """(H, W) int32: row of `geometry.faces` seen here; negative for background and spheres."""
        return np.where(self.sides >= 0, self.surfaces - self.geometry.sphere_count, -1)


@dataclass(frozen=True)
class NearestSurfaces:
    """The nearest surface in each pixel, still packed as keys; enough for shadow maps and shading."""

    view: View
    projected: np.ndarray
    """(V, 4) float64, see `View.matrix`."""
    keys: np.ndarray
    """(H, W) int64: (bits of 1 / near - bits of 1 / depth) >> shift << id_bits | surface; `kernels.EMPTY` for
    background."""
    shift: int
    id_bits: int

    def depth(self, step: int = 1) -> np.ndarray:
        """(h, w) float64 planar depth of every `step`-th pixel, rounded to the key's bits; +inf for background."""
        keys = self.keys[::step, ::step]
        nearest = np.float64(1 / self.view.near).view(np.int64)
        inverse = (nearest - (keys >> self.id_bits << self.shift)).view(np.float64)
        return np.where(keys == kernels.EMPTY, np.inf, 1 / np.where(keys == kernels.EMPTY, 1.0, inverse))


def render_frame(recording: Recording, layout: Layout, frame: int, crop: Crop) -> Frame:
    """Rasterise frame index `frame` of `recording` for the image that `crop` describes, and see its smoke."""
    surfaces = rasterise(frame, geometry_of(recording, layout, frame), view_of(recording.camera, frame, crop))
    if not has_volumes(recording):
        return surfaces
    after, before = (
        view_of(recording.camera, other, crop) if 0 <= other < recording.frame_count else None
        for other in (frame + 1, frame - 1)
    )
    grids = grids_of(recording, layout, frame)
    smoke = see_smoke(grids, surfaces.depth, surfaces.view, after, before, 1 / recording.fps)
    covers = smoke.covers
    surfaces.depth[covers] = smoke.depth[covers]
    surfaces.instances[covers] = layout.owner_instance[smoke.owner[covers]]
    surfaces.normals[covers] = 0
    return dataclasses.replace(surfaces, smoke=smoke)


def project(points: np.ndarray, view: View) -> np.ndarray:
    """(V, 4) float64 (U, V, W, Z) of (V, 3) float64 world points; see `View.matrix`."""
    projected = np.empty((len(points), 4))
    kernels.project_points(points, view.matrix, projected)
    return projected


def rasterise(index: int, geometry: Geometry, view: View) -> Frame:
    """The visibility buffer of the surfaces of `geometry` seen through `view`."""
    nearest = nearest_surfaces(geometry, view)
    (width, height), projected = view.size, nearest.projected
    seen = (
        np.empty((height, width), np.int32),
        np.empty((height, width, 3), np.float64),
        np.empty((height, width), np.float32),
        np.empty((height, width), np.uint16),
        np.empty((height, width, 3), np.float32),
    )
    ids = geometry.surface_owner, geometry.owner_instance
    camera = view.rays, view.lens, view.camera_to_world, int(view.perspective), view.near, nearest.id_bits
    shapes = geometry.points, projected, geometry.faces, geometry.radii
    resolve(*shapes, *ids, *camera, nearest.keys, *seen)
    return Frame(index, geometry, view, projected, *seen)


def nearest_surfaces(geometry: Geometry, view: View) -> NearestSurfaces:
    """Rasterise without resolving where on its surface each pixel is."""
    width, height = view.size
    projected = project(geometry.points, view)
    surface_count = len(geometry.surface_owner)
    id_bits = max(1, int(surface_count - 1).bit_length())
    shift = _depth_shift(view, id_bits)
    keys = np.full((height, width), kernels.EMPTY, np.int64)
    if surface_count:
        large, large_count = np.empty(surface_count, np.int32), np.zeros(1, np.int32)
        shapes = geometry.points, projected, geometry.faces, geometry.radii
        owners = geometry.surface_owner, geometry.owner_present
        lens = view.rays, view.lens, int(view.perspective), view.near, view.far, shift, id_bits
        kernels.rasterise_small(*shapes, *owners, *lens, keys, large, large_count)
        if large_count[0]:
            kernels.rasterise_large(*shapes, *lens, keys, large, large_count)
    return NearestSurfaces(view, projected, keys, shift, id_bits)


def _depth_shift(view: View, id_bits: int) -> int:
    """Low bits of the inverse depth to drop, such that it and the surface number fill 63 bits."""
    bits = np.array([1 / view.near, 1 / view.far]).view(np.int64)
    return max(0, int(bits[0] - bits[1]).bit_length() - (63 - id_bits))
