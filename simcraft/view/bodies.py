"""A recording's bodies in Rerun's terms: what is logged below one entity, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcraft.recording.format import (
    Body,
    ChangingBody,
    DeformingBody,
    Instances,
    Material,
    Mesh,
    Particles,
    Recording,
    RigidBody,
    Volume,
)
from simcraft.recording.format.flames import FLAME_DENSITY
from simcraft.view.surroundings import Region, cut, is_still, volume_corners

MOST_POINTS = 20_000
"""Points that stand for a volume in a frame, or for the particles of a body: what shows the shape and still turns."""
_GREY = (204, 204, 204)
_FLAME = np.array([255, 150, 40], np.float32)


def log_bodies(stream: Any, entity: str, recording: Recording, region: Region | None, frame: int) -> None:
    """Log what `recording` holds in `frame` below `entity`; the stream's time is set by the caller.

    What never changes (meshes, bodies that stand still) is logged once, as static. Of rigid bodies that stand still
    only the part in `region` is shown. Call it for the frames in order.
    """
    import rerun as rr

    for name, body in zip(body_names(recording.bodies), recording.bodies, strict=True):
        path = f"{entity}/{rr.escape_entity_path_part(name)}"
        if isinstance(body, RigidBody) and is_still(body) and body.present is None:
            if frame == 0:
                _log_still(stream, path, body, recording, region)
        elif isinstance(body, RigidBody):
            _log_rigid(stream, path, body, recording, frame)
        elif isinstance(body, DeformingBody):
            _log_deforming(stream, path, body, recording, frame)
        elif isinstance(body, ChangingBody):
            _log_changing(stream, path, body, recording, frame)
        elif isinstance(body, Instances):
            _log_instances(stream, path, body, recording, frame)
        elif isinstance(body, Particles):
            _log_particles(stream, path, body, recording, frame)
        else:
            _log_volume(stream, path, body, recording, frame)


def body_names(bodies: Sequence[Body]) -> list[str]:
    """One name a body, unlike all others."""
    from simcraft.view.inputs import unique_names

    return unique_names([body.name or body.kind for body in bodies])


# ---------------------------------------------------------------------------------------------------------- meshes


def _log_still(stream: Any, path: str, body: RigidBody, recording: Recording, region: Region | None) -> None:
    matrix = np.asarray(body.transforms[0])
    mesh, vertices = body.mesh, np.asarray(body.vertices) @ matrix[:3, :3].T + matrix[:3, 3]
    if region is not None and not region.holds(vertices):
        mesh, vertices = cut(mesh, vertices, region)
    if len(mesh.faces):
        stream.log(path, _mesh(mesh, vertices, recording.materials), static=True)


def _log_rigid(stream: Any, path: str, body: RigidBody, recording: Recording, frame: int) -> None:
    import rerun as rr

    matrix = np.asarray(body.transforms[frame])
    stream.log(path, rr.Transform3D(translation=matrix[:3, 3], mat3x3=matrix[:3, :3]))
    if body.present is None:
        if frame == 0:
            stream.log(path, _mesh(body.mesh, body.vertices, recording.materials), static=True)
    elif _turns(body.present, frame, True):
        stream.log(path, _mesh(body.mesh, body.vertices, recording.materials))
    elif _turns(body.present, frame, False):
        stream.log(path, _nothing())


def _turns(present: np.ndarray, frame: int, state: bool) -> bool:
    """Does `present` become `state` in `frame`?"""
    now = bool(present[frame])
    return now == state and (frame == 0 or bool(present[frame - 1]) != state)


def _nothing() -> Any:
    """A mesh without triangles: what is logged where a body is not there."""
    import rerun as rr

    return rr.Mesh3D(vertex_positions=np.zeros((1, 3)), triangle_indices=np.zeros((0, 3), np.uint32))


def _log_deforming(stream: Any, path: str, body: DeformingBody, recording: Recording, frame: int) -> None:
    if body.present is not None and not body.present[frame]:
        stream.log(path, _nothing())
        return
    stream.log(path, _mesh(body.mesh, np.asarray(body.vertices[frame]), recording.materials))


def _log_changing(stream: Any, path: str, body: ChangingBody, recording: Recording, frame: int) -> None:
    import rerun as rr

    vertices = body.vertices[int(body.vertex_offsets[frame]) : int(body.vertex_offsets[frame + 1])]
    faces = np.asarray(body.faces[int(body.face_offsets[frame]) : int(body.face_offsets[frame + 1])])
    if not len(faces) or (body.present is not None and not body.present[frame]):
        stream.log(path, _nothing())
        return
    colour = _colour(recording.materials, body.material)
    normals = vertex_normals(np.asarray(vertices), faces)
    mesh = rr.Mesh3D(
        vertex_positions=vertices, triangle_indices=faces, vertex_normals=normals, albedo_factor=(*colour, 255)
    )
    stream.log(path, mesh)


def _log_instances(stream: Any, path: str, body: Instances, recording: Recording, frame: int) -> None:
    import rerun as rr

    here = np.ones(body.transforms.shape[1], bool) if body.present is None else np.asarray(body.present[frame])
    before = here if body.present is None or frame == 0 else np.asarray(body.present[frame - 1])
    if not here.any():  # without any pose the mesh itself would stand at the origin
        if frame == 0 or before.any():
            stream.log(path, _nothing())
        return
    if frame == 0 or not before.any():
        stream.log(path, _mesh(body.mesh, body.vertices, recording.materials))
    matrices = np.asarray(body.transforms[frame])[here]
    stream.log(path, rr.InstancePoses3D(translations=matrices[:, :3, 3], mat3x3=matrices[:, :3, :3]))


def _mesh(mesh: Mesh, vertices: np.ndarray, materials: Sequence[Material]) -> Any:
    """A Rerun mesh: with its texture where one material covers it, else in one colour a face."""
    import rerun as rr

    vertices = np.asarray(vertices, np.float32)
    of_face = np.zeros(len(mesh.faces), int) if mesh.face_material is None else np.asarray(mesh.face_material)
    used = np.unique(of_face)
    single = materials[int(used[0])] if materials and len(used) == 1 and used[0] < len(materials) else None
    if mesh.uv is not None and single is not None and single.texture is not None:
        # a corner of a face has its own texture coordinate, so that faces share no vertices; v runs downwards
        corners = np.asarray(mesh.uv, np.float32).reshape(-1, 2) * np.array([1, -1], np.float32) + np.array([0, 1])
        return rr.Mesh3D(
            vertex_positions=vertices[mesh.faces].reshape(-1, 3),
            triangle_indices=np.arange(3 * len(mesh.faces), dtype=np.uint32).reshape(-1, 3),
            vertex_normals=_corner_normals(mesh, vertices),
            vertex_texcoords=corners,
            albedo_texture=single.texture,
            albedo_factor=(*_srgb(single.base_color), 255),
        )
    if len(used) <= 1 and mesh.smooth:
        colour = _colour(materials, int(used[0]) if len(used) else 0)
        return rr.Mesh3D(
            vertex_positions=vertices,
            triangle_indices=mesh.faces,
            vertex_normals=vertex_normals(vertices, mesh.faces),
            albedo_factor=(*colour, 255),
        )
    colours = np.array([_colour(materials, k) for k in range(int(of_face.max(initial=0)) + 1)], np.uint8)
    return rr.Mesh3D(
        vertex_positions=vertices[mesh.faces].reshape(-1, 3),
        triangle_indices=np.arange(3 * len(mesh.faces), dtype=np.uint32).reshape(-1, 3),
        vertex_normals=_corner_normals(mesh, vertices),
        vertex_colors=np.repeat(colours[of_face], 3, 0),
    )


def _corner_normals(mesh: Mesh, vertices: np.ndarray) -> np.ndarray:
    """(3 F, 3) float32: one normal a corner of a face, shared by its neighbours where the mesh is smooth."""
    faces = np.asarray(mesh.faces)
    if mesh.smooth:
        return vertex_normals(vertices, faces)[faces].reshape(-1, 3)
    return np.repeat(_unit(_face_normals(vertices, faces)), 3, 0).astype(np.float32)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) float32: the mean of the adjacent faces' normals by area; (0, 0, 1) where a vertex has no face."""
    normals = np.zeros((len(vertices), 3))
    by_area = _face_normals(vertices, faces)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], by_area)
    return _unit(normals).astype(np.float32)


def _face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3), as long as twice the triangle's area."""
    a, b, c = np.moveaxis(np.asarray(vertices, np.float64)[faces], 1, 0)
    return np.cross(b - a, c - a)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-20, vectors / np.maximum(length, 1e-20), np.array([0.0, 0.0, 1.0]))


# --------------------------------------------------------------------------------------------- particles and volumes


def _log_particles(stream: Any, path: str, body: Particles, recording: Recording, frame: int) -> None:
    import rerun as rr

    # the same ones in all frames, so that each can be followed
    rows = np.arange(0, len(body.radius), -(-len(body.radius) // MOST_POINTS) or 1)
    if body.present is not None:
        rows = rows[np.asarray(body.present[frame])[rows]]
    colour = _colour(recording.materials, body.material)
    stream.log(path, rr.Points3D(body.positions[frame][rows], radii=np.asarray(body.radius)[rows], colors=colour))


def _log_volume(stream: Any, path: str, body: Volume, recording: Recording, frame: int) -> None:
    import rerun as rr

    if body.present is not None and not body.present[frame]:
        stream.log(path, rr.Clear(recursive=True))
        return
    stream.log(
        f"{path}/box", rr.LineStrips3D(_box_edges(body, frame), colors=(110, 120, 140), radii=rr.Radius.ui_points(0.5))
    )
    places, radii, colours = volume_points(body, frame, _colour(recording.materials, body.material))
    stream.log(path, rr.Points3D(places, radii=radii, colors=colours))


def volume_points(body: Volume, frame: int, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The densest cells of a volume as spheres: the denser the larger, and flames in their own colour.

    Returns (P, 3) float32 world positions, (P,) float32 radii in metres and (P, 3) uint8 colours, P up to
    `MOST_POINTS`. Bigger grids are reduced by the maximum over cubes of cells, so that no wisp is lost.
    """
    density = np.maximum(np.asarray(body.density[frame], np.float32), 0)
    glow = np.zeros_like(density) if body.glow is None else np.maximum(np.asarray(body.glow[frame], np.float32), 0)
    total = density + FLAME_DENSITY * glow
    step = 1
    while np.count_nonzero(_largest(total, step) > _faintest(total)) > MOST_POINTS:
        step += 1
    total, glow = _largest(total, step), _largest(glow, step)
    cells = np.argwhere(total > _faintest(total))
    level, burning = total[tuple(cells.T)], np.minimum(glow[tuple(cells.T)], 1)[:, None]
    matrix = np.asarray(body.grid_to_world[frame], np.float64)
    centres = (cells + 0.5) * step
    places = centres @ matrix[:3, :3].T + matrix[:3, 3]
    side = step * float(np.abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3))
    radii = side * (0.12 + 0.38 * np.sqrt(level / max(float(total.max()), 1e-9))) if len(level) else np.zeros(0)
    colours = np.asarray(colour, np.float32) * (1 - burning) + _FLAME * burning
    return places.astype(np.float32), radii.astype(np.float32), colours.astype(np.uint8).reshape(-1, 3)


def _faintest(total: np.ndarray) -> float:
    """The density below which nothing is shown: a thirtieth of the greatest."""
    return max(float(total.max(initial=0)) / 30, 1e-6)


def _largest(field: np.ndarray, step: int) -> np.ndarray:
    """The greatest value in every cube of `step` cells a side."""
    if step == 1:
        return field
    padded = np.pad(field, [(0, -n % step) for n in field.shape])
    x, y, z = (n // step for n in padded.shape)
    return padded.reshape(x, step, y, step, z, step).max((1, 3, 5))


def _box_edges(body: Volume, frame: int) -> list[np.ndarray]:
    """The twelve edges of the volume's box in the world: the corners are numbered by their binary digits x, y, z."""
    corners = volume_corners(body, frame)
    return [corners[[k, k + step]] for step in (1, 2, 4) for k in range(8) if not k & step]


# ---------------------------------------------------------------------------------------------------------- colours


def _colour(materials: Sequence[Material], index: int) -> tuple[int, int, int]:
    """The mean sRGB colour of a material; light grey where there is none."""
    if not 0 <= index < len(materials):
        return _GREY
    material = materials[index]
    colour = np.array(_srgb(material.base_color), float)
    if material.texture is not None:
        colour *= np.asarray(material.texture).reshape(-1, 3).mean(0) / 255
    return tuple(int(c) for c in colour)  # type: ignore[return-value]


def _srgb(linear: Sequence[float]) -> tuple[int, int, int]:
    """Linear RGB, 0 to 1, as 8-bit sRGB (IEC 61966-2-1)."""
    value = np.clip(np.asarray(linear, float), 0, 1)
    encoded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return tuple(int(c) for c in encoded * 255 + 0.5)  # type: ignore[return-value]
