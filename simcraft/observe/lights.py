"""The light of the preview: a sky as spherical harmonics, and the sun's own camera for its shadow map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.observe.appearance import srgb_to_linear
from simcraft.observe.camera import Crop, View, view_of
from simcraft.observe.geometry import Geometry
from simcraft.recording.format import CameraTrack, Lighting

_MARGIN = 0.05
"""Of the shadow map's width, around what the camera sees."""
SUN_NEAR = 0.5
"""Metres; nothing is nearer to a camera in the sun than 1."""
GROUND_IN_LIGHT = 0.5
"""How much of its light the ground throws up: near bodies, where it matters, about half of it lies in their shadow.
Of 0, 1/4, 1/2, 3/4 and 1 this is nearest to Cycles on the shipped scenes (30 dB on the dominoes)."""
_FARTHEST = 8
"""Times the median depth: what is farther away than that is too small to show its shadows."""


@dataclass(frozen=True)
class Light:
    """All light of one recording, linear RGB."""

    sun_direction: np.ndarray
    """(3,) float64, unit, the way the light travels."""
    sun_radiance: np.ndarray
    """(3,) float32: what a white diffuse surface that faces the sun radiates."""
    ambient: np.ndarray
    """(9, 3) float32: spherical-harmonics coefficients of the radiance of a white diffuse surface by its normal."""
    sky: np.ndarray
    """(h, w, 3) float32 equirectangular background, row 0 at the zenith; (1, 1, 3) where it is plain."""


def light_of(lighting: Lighting, ground: np.ndarray) -> Light:
    """Sun, sky and the light that a ground of the colour `ground` (3,) throws up."""
    direction = np.asarray(lighting.sun_direction, np.float64)
    length = np.linalg.norm(direction)
    direction = direction / length if length > 0 else np.array([0.0, 0.0, -1.0])
    # a Lambertian surface radiates irradiance / pi
    sun = np.asarray(lighting.sun_color, np.float32) / np.float32(np.pi)
    if lighting.sky_image is not None:
        picture = lighting.sky_image[..., :3]
        sky = srgb_to_linear(picture) if picture.dtype == np.uint8 else picture.astype(np.float32)
    else:
        sky = np.asarray(lighting.sky_color, np.float32).reshape(1, 1, 3)
    return Light(direction, sun, _ambient(sky, ground, sun * max(0.0, -direction[2])), np.ascontiguousarray(sky))


def _ambient(sky: np.ndarray, ground: np.ndarray, sun_on_ground: np.ndarray) -> np.ndarray:
    """Diffuse radiance by normal, as nine coefficients of the basis of `harmonics`.

    Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps", SIGGRAPH 2001, eq. 8: the
    cosine lobe multiplies the bands of the sky's radiance by pi, 2 pi/3 and pi/4; white paper radiates 1/pi of that.
    Below the horizon the sky is replaced by the ground, lit by the sun and by the upper half of the sky.
    """
    height, width = 32, 64
    radiance = _resampled(sky, height, width)
    elevation = np.pi / 2 - (np.arange(height)[:, None] + 0.5) / height * np.pi
    azimuth = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    # Blender's equirectangular layout, as in `sky_radiance` of the kernels
    direction = np.stack(
        [
            np.cos(elevation) * np.cos(azimuth),
            -np.cos(elevation) * np.sin(azimuth),
            np.broadcast_to(np.sin(elevation), (height, width)),
        ],
        -1,
    )
    solid_angle = np.cos(elevation) * (np.pi / height) * (2 * np.pi / width)
    upper = elevation[:, 0] > 0
    above = (radiance * solid_angle[..., None] * np.sin(elevation)[..., None])[upper].sum((0, 1)) / np.pi
    radiance[~upper] = GROUND_IN_LIGHT * ground * (above + sun_on_ground)
    projected = np.einsum(
        "hwc,hwk,hw->kc", radiance, harmonics(direction), np.broadcast_to(solid_angle, (height, width))
    )
    lobe = np.array([1, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
    return (projected * lobe[:, None]).astype(np.float32)


def _resampled(sky: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width, 3) float64. A sky that is brighter than white is averaged: its lamps may be small."""
    rows, columns = len(sky) // height, sky.shape[1] // width
    if sky.max() > 1 and rows and columns:
        cut = sky[: rows * height, : columns * width].astype(np.float64)
        return cut.reshape(height, rows, width, columns, 3).mean((1, 3))
    nearest = sky[(np.arange(height) * len(sky)) // height][:, (np.arange(width) * sky.shape[1]) // width]
    return nearest.astype(np.float64)


def harmonics(direction: np.ndarray) -> np.ndarray:
    """The first nine real spherical harmonics (..., 9) of unit directions (..., 3)."""
    x, y, z = np.moveaxis(direction, -1, 0)
    return np.stack(
        [
            np.full_like(x, 0.282095),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        -1,
    )


@dataclass(frozen=True)
class SunMaps:
    """Two orthographic cameras in the sun: a close one around the small bodies, and a wide one for everything seen."""

    close: View
    wide: View
    bias: np.ndarray
    """(2,) float64: the depths in metres below which a shadow is rounding, of the close and the wide map."""


def sun_maps(direction: np.ndarray, geometry: Geometry, seen: np.ndarray, resolution: int) -> SunMaps:
    """Where shadow maps are needed: a body's shadow falls at the body's own place, seen from the sun.

    Parameters
    ----------
    direction: (3,) float64 unit, the way the light travels.
    seen: (N, 3) float64, world points that the camera sees.
    resolution: pixels of the maps' sides.
    """
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    across = np.cross(helper, direction)
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(direction, across), direction], 1)
    flat = seen @ axes[:, :2] if len(seen) else np.zeros((1, 2))
    wide = np.stack([flat.min(0), flat.max(0)])
    close = _small_bodies(geometry, axes[:, :2], wide)
    depth = geometry.points @ direction
    reach = float(geometry.radii.max(initial=0)) + 1e-3
    span = float(depth.min(initial=0)) - reach, float(depth.max(initial=0)) + reach
    views, biases = zip(*(_sun_view(axes, box, span, resolution) for box in (close, wide)), strict=True)
    return SunMaps(views[0], views[1], np.array(biases))


def _small_bodies(geometry: Geometry, plane: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """(2, 2) lower and upper corner, within `wide`, of all bodies less than half as large; `wide` if there are none."""
    points, faces = geometry.points @ plane, geometry.faces
    spheres, owners = geometry.sphere_count, geometry.surface_owner
    radii = geometry.radii[:, None]
    low = np.concatenate([points[:spheres] - radii, points[faces].min(1)])
    high = np.concatenate([points[:spheres] + radii, points[faces].max(1)])
    here = geometry.owner_present[owners] != 0
    if not here.any():
        return wide
    low, high, owners = low[here], high[here], owners[here]
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    low, high = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    low, high = np.maximum(low, wide[0]), np.minimum(high, wide[1])
    small = ((high - low).max(1) < 0.5 * (wide[1] - wide[0]).max()) & (high > low).all(1)
    return np.stack([low[small].min(0), high[small].max(0)]) if small.any() else wide


def _sun_view(axes: np.ndarray, box: np.ndarray, span: tuple[float, float], resolution: int) -> tuple[View, float]:
    extent = max(float((box[1] - box[0]).max()) * (1 + 2 * _MARGIN), 1e-6)
    pose = np.eye(4)
    pose[:3, :3] = axes
    pose[:3, 3] = axes @ [*box.mean(0), span[0] - 1]
    scale = resolution / extent
    lens = np.array([[scale, 0, resolution / 2], [0, scale, resolution / 2], [0, 0, 1.0]])
    track = CameraTrack("orthographic", lens[None], pose[None], clip_start=SUN_NEAR, clip_end=span[1] - span[0] + 2)
    size = (resolution, resolution)
    return view_of(track, 0, Crop(size, size, (0, 0), size)), 1e-4 * extent


def seen_points(view: View, depth: np.ndarray, step: int) -> np.ndarray:
    """(N, 3) float64 world points of the pixels of `depth` (H, W), which holds every `step`-th pixel of the image.

    Pixels without a surface or far beyond the others are left out.
    """
    rows, columns = np.nonzero(np.isfinite(depth))
    z = depth[rows, columns].astype(np.float64)
    if len(z) == 0:
        return np.zeros((0, 3))
    near = z <= _FARTHEST * np.median(z)
    x, y, z = columns[near, None] * step + 0.5, rows[near, None] * step + 0.5, z[near, None]
    rays = view.rays
    return rays[0] + x * rays[1] + y * rays[2] + z * (rays[3] + x * rays[4] + y * rays[5])
