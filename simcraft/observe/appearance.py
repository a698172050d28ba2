"""What the surfaces of a recording look like: materials, textures with mip levels, texture coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.observe.geometry import Geometry
from simcraft.observe.normals import SmoothMesh, corner_rows, face_areas
from simcraft.recording.format import ChangingBody, DeformingBody, Instances, Material, Particles, Recording, RigidBody

GREY = Material("grey")
"""What a recording without materials is made of."""


@dataclass(frozen=True)
class Materials:
    """All materials, and all their textures in one array of texels."""

    colors: np.ndarray
    """(M, 3) float32, linear base colour; multiplied with the texture."""
    roughness: np.ndarray
    """(M,) float32, 0 to 1."""
    emission: np.ndarray
    """(M,) float32."""
    levels: np.ndarray
    """(M, L, 3) int32: first texel, width, height of each mip level; width 0 where there is none."""
    last_level: np.ndarray
    """(M,) int32: the coarsest level."""
    texels: np.ndarray
    """(P, 3) float32, linear."""

    @property
    def mean_colors(self) -> np.ndarray:
        """(M, 3) float32: base colour times the mean of the texture."""
        means = self.texels[self.levels[np.arange(len(self.levels)), self.last_level, 0]]  # texel 0 is white
        return means * self.colors


@dataclass(frozen=True)
class Skin:
    """What is painted on each surface of one frame; numbered as in `Geometry`."""

    material: np.ndarray
    """(S + F,) int32 index of the material."""
    uv: np.ndarray
    """(F, 3, 2) float32 texture coordinates, v upwards; 0 where the mesh has none."""
    normal: np.ndarray
    """(F, 3) int32: the row of `Normals.vectors` at each corner; -1 where the triangle is flat."""


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """uint8 sRGB of any shape to linear float32, 0 to 1 (IEC 61966-2-1)."""
    encoded = np.arange(256) / 255
    table = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return table.astype(np.float32)[values]


def materials_of(recording: Recording) -> Materials:
    """The materials of `recording`, or one grey one."""
    materials = recording.materials or (GREY,)
    pyramids = [_mip_levels(m.texture) for m in materials]
    levels = np.zeros((len(materials), max(1, *(len(p) for p in pyramids)), 3), np.int32)
    texels, first = [np.ones((1, 3), np.float32)], 1
    for m, pyramid in enumerate(pyramids):
        for n, image in enumerate(pyramid):
            levels[m, n] = first, image.shape[1], image.shape[0]
            texels.append(image.reshape(-1, 3))
            first += len(texels[-1])
    return Materials(
        colors=np.array([m.base_color for m in materials], np.float32),
        roughness=np.array([m.roughness for m in materials], np.float32).clip(0.05, 1),
        emission=np.array([m.emission for m in materials], np.float32),
        levels=levels,
        last_level=np.array([max(0, len(p) - 1) for p in pyramids], np.int32),
        texels=np.concatenate(texels),
    )


def _mip_levels(texture: np.ndarray | None) -> list[np.ndarray]:
    """Linear float32 images, each half as large as the one before, down to one texel."""
    if texture is None or texture.size == 0:
        return []
    import cv2

    levels = [srgb_to_linear(texture[..., :3])]
    while max(levels[-1].shape[:2]) > 1:
        height, width = (max(1, n // 2) for n in levels[-1].shape[:2])
        levels.append(cv2.resize(levels[-1], (width, height), interpolation=cv2.INTER_AREA))
    return levels


def skin_of(recording: Recording, geometry: Geometry, smooth: tuple[SmoothMesh | None, ...]) -> Skin:
    """Material, texture coordinates and normals of every surface of `geometry`; changing bodies have no texture."""
    spheres, count = geometry.sphere_count, len(geometry.surface_owner)
    material = np.zeros(count, np.int32)
    uv = np.zeros((count - spheres, 3, 2), np.float32)
    body_of_surface = geometry.owner_body[geometry.surface_owner]
    for b, body in enumerate(recording.bodies):
        own = np.flatnonzero(body_of_surface == b)
        if isinstance(body, (Particles, ChangingBody)):
            material[own] = body.material
        elif isinstance(body, (RigidBody, DeformingBody, Instances)):
            element = geometry.surface_element[own]
            if body.mesh.face_material is not None:
                material[own] = body.mesh.face_material[element]
            if body.mesh.uv is not None:
                uv[own - spheres] = body.mesh.uv[element]
    last = max(0, len(recording.materials) - 1)
    return Skin(material.clip(0, last), np.nan_to_num(uv, posinf=0, neginf=0), corner_rows(smooth, geometry))


def ground_color(geometry: Geometry, skin: Skin, materials: Materials) -> np.ndarray:
    """(3,) float32: the mean base colour of all faces by their area, which is mostly the floor's."""
    if len(geometry.faces) == 0:
        return materials.mean_colors.mean(0)
    area = np.linalg.norm(face_areas(geometry.points, geometry.faces), axis=1) + 1e-30
    colors = materials.mean_colors[skin.material[geometry.sphere_count :]]
    return (colors * area[:, None]).sum(0).astype(np.float32) / np.float32(area.sum())
