"""A quick RGB picture of each frame, shaded from the visibility buffer: textures, sun with shadows, sky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simcraft.errors import UserError
from simcraft.observe import shading
from simcraft.observe.appearance import Materials, Skin, ground_color, materials_of, skin_of
from simcraft.observe.camera import Crop, crop_of, view_of
from simcraft.observe.geometry import Geometry, geometry_of, layout_of
from simcraft.observe.haze import NOTHING, haze_of
from simcraft.observe.lights import SUN_NEAR, Light, light_of, seen_points, sun_maps
from simcraft.observe.normals import Normals, normals_of, smooth_meshes
from simcraft.observe.raster import NearestSurfaces, nearest_surfaces
from simcraft.observe.volumes import Grids, grids_of
from simcraft.progress import Progress, silent, track
from simcraft.recording.format import ChangingBody, Recording

_MOST_SUPERSAMPLED = 2**22
"""Pixels; larger images take one sample a pixel, which their own resolution forgives."""
_SMALLEST_SHADOW_MAP, _LARGEST_SHADOW_MAP = 256, 1024
"""Limits of the shadow maps' sides, which are as long as the picture's longer one. Edges are exact whatever the
resolution; it decides how small a triangle may be that is still found, see `shadows.in_shadow`."""
_STEP = 8
"""Every 8th sample in each direction tells where shadows are needed."""


def preview_frames(
    recording: Recording,
    size: tuple[int, int],
    frames: Sequence[int] | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Pictures of `recording` without a render engine, the same on every run.

    Base colours and textures, one sun with sharp shadows, the sky as background, as ambient light and as reflection,
    2 x 2 samples a pixel, and sRGB as Blender's "Standard" view transform. Smoke scatters the light of sun and sky,
    casts a shadow and takes its colour from its material; flames glow and light what is around them, without shadows.

    Parameters
    ----------
    size: (width, height) in pixels; another aspect than the recording's is covered and cut around the middle.
    frames: indices into the recording's frames, from 0; None for all.

    Returns (T, H, W, 3) uint8 sRGB. Raises `UserError` for a size or frame out of range.
    """
    chosen = range(recording.frame_count) if frames is None else frames
    for frame in chosen:
        if not 0 <= frame < recording.frame_count:
            raise UserError(f"The recording has frames 0 to {recording.frame_count - 1}; {frame} was asked for.")
    crop = crop_of(recording, size)
    samples = 2 if crop.size[0] * crop.size[1] <= _MOST_SUPERSAMPLED else 1
    fine = _enlarge(crop, samples)
    images = np.empty((len(chosen), crop.size[1], crop.size[0], 3), np.uint8)
    layout, materials = layout_of(recording), materials_of(recording)
    first = geometry_of(recording, layout, 0)
    smooth = smooth_meshes(recording)
    skin = skin_of(recording, first, smooth)
    light = light_of(recording.lighting, ground_color(first, skin, materials))
    changes = any(isinstance(body, ChangingBody) for body in recording.bodies)
    for n, frame in enumerate(track(chosen, "preview", len(chosen), progress)):
        geometry = geometry_of(recording, layout, frame)
        if changes:
            skin = skin_of(recording, geometry, smooth)
        nearest = nearest_surfaces(geometry, view_of(recording.camera, frame, fine))
        normals = normals_of(recording, layout, smooth, geometry, frame)
        grids = grids_of(recording, layout, frame)
        _shade(nearest, geometry, skin, normals, materials, light, grids, samples, images[n])
    return images


def _enlarge(crop: Crop, samples: int) -> Crop:
    """The same picture with `samples` times as many pixels in each direction, aligned with its pixels."""
    scaled, offset, size = ((samples * x, samples * y) for x, y in (crop.scaled, crop.offset, crop.size))
    return Crop(crop.source, scaled, offset, size)


def _shade(
    nearest: NearestSurfaces,
    geometry: Geometry,
    skin: Skin,
    normals: Normals,
    materials: Materials,
    light: Light,
    grids: Grids | None,
    samples: int,
    image: np.ndarray,
) -> None:
    """Fill `image` (H, W, 3) uint8 with the picture of one frame; `nearest` has `samples` as many pixels a side."""
    view = nearest.view
    resolution = min(max(_SMALLEST_SHADOW_MAP, *image.shape[:2]), _LARGEST_SHADOW_MAP)
    seen = seen_points(view, nearest.depth(_STEP), _STEP)
    if grids is not None:
        seen = np.concatenate([seen, grids.corners])
    sun = sun_maps(light.sun_direction, geometry, seen, resolution)
    maps = [nearest_surfaces(geometry, sun.close), nearest_surfaces(geometry, sun.wide)]
    haze = NOTHING if grids is None else haze_of(grids, nearest, maps[1], light, materials, samples)
    shading.shade(
        geometry.points, nearest.projected, geometry.faces, geometry.radii, geometry.surface_owner,
        view.rays, view.near, nearest.id_bits, nearest.keys,
        skin.uv, skin.material, skin.normal, normals.vectors, normals.transforms,
        materials.colors, materials.roughness, materials.emission,
        materials.levels, materials.last_level, materials.texels,
        light.sky, light.ambient, light.sun_direction, light.sun_radiance.reshape(1, 3),
        np.stack([m.view.matrix for m in maps]), np.stack([m.keys for m in maps]), SUN_NEAR,
        np.array([m.shift for m in maps], np.int32), sun.bias,
        haze.samples, haze.lamps, int(grids is not None), samples, image,
    )  # fmt: skip
