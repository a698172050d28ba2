# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernel that unpacks the visibility buffer: surface, place on it, depth, instance and normal of each pixel."""

from simcraft.observe.kernels import EMPTY, RUN, Array, edge_functions, mat3, ray_sphere, row, vec3
from simcraft.taichi_runtime import ti


@ti.func
def plane_normal(edges: mat3, lens: ti.template()):
    """Camera-space normal of a perspective camera's triangle, towards the camera: with 1 / Z = s . (x, y, 1), the sum
    of the edge functions, the plane is K^T s . X = 1."""
    s = vec3(0, 0, 0)
    for i in ti.static(range(3)):
        s += vec3(edges[i, 0], edges[i, 1], edges[i, 2])
    return -vec3(lens[0] * s[0], lens[1] * s[1], lens[2] * s[0] + lens[3] * s[1] + s[2])


@ti.func
def parallel_normal(edges: mat3, heights: vec3, lens: ti.template()):
    """The same for an orthographic camera, where Z = s . (x, y, 1), the edge functions weighted by the corners' Z."""
    s = vec3(0, 0, 0)
    for i in ti.static(range(3)):
        s += heights[i] * vec3(edges[i, 0], edges[i, 1], edges[i, 2])
    return vec3(lens[0] * s[0], lens[1] * s[1], -1.0)


@ti.kernel
def resolve(
    points: Array,
    projected: Array,
    faces: Array,
    radii: Array,
    surface_owner: Array,
    owner_instance: Array,
    rays: Array,
    lens: Array,
    camera: Array,
    perspective: ti.i32,
    near: ti.f64,
    id_bits: ti.i32,
    keys: Array,
    sides: Array,
    coordinates: Array,
    depth: Array,
    instances: Array,
    normals: Array,
):
    """Unpack `keys` into surface numbers, and compute afresh in float64 what is seen where.

    Pixels are taken in short runs, in which what belongs to a triangle is computed once.
    """
    mask = (ti.cast(1, ti.i64) << id_bits) - 1
    spheres = radii.shape[0]
    runs = (keys.shape[1] + RUN - 1) // RUN
    for n in range(keys.shape[0] * runs):
        y, first = n // runs, (n % runs) * RUN
        last, side, instance = -1, 0, ti.cast(0, ti.u16)
        edges = mat3([vec3(0, 0, 0), vec3(0, 0, 0), vec3(0, 0, 0)])
        heights, normal = vec3(0, 0, 0), vec3(0, 0, 0)
        for x in range(first, ti.min(first + RUN, keys.shape[1])):
            surface = -1
            if keys[y, x] != ti.i64(EMPTY):
                surface = ti.cast(keys[y, x] & mask, ti.i32)
            px, py = x + 0.5, y + 0.5
            if surface < 0:
                sides[y, x], depth[y, x], instances[y, x] = -1, ti.math.inf, ti.u16(0)
                for i in ti.static(range(3)):
                    normals[y, x, i] = 0.0
            else:
                at, z = vec3(0, 0, 0), ti.cast(0.0, ti.f64)
                if surface != last:
                    instance = ti.cast(owner_instance[surface_owner[surface]], ti.u16)
                if surface < spheres:
                    z = ray_sphere(rays, px, py, row(points, surface), radii[surface], near)
                    direction = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
                    hit = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2) + z * direction
                    at = (hit - row(points, surface)) / radii[surface]
                    side = ti.cast(at.dot(direction) > 0, ti.i32)
                    for i in ti.static(range(3)):
                        normal[i] = (1 - 2 * side) * at.dot(vec3(camera[0, i], camera[1, i], camera[2, i]))
                else:
                    face = surface - spheres
                    if surface != last:
                        edges, determinant = edge_functions(projected, faces, face)
                        side = ti.cast(determinant < 0, ti.i32)
                        for i in ti.static(range(3)):
                            heights[i] = projected[faces[face, i], 3]
                        if perspective == 1:
                            normal = plane_normal(edges, lens)
                        else:
                            normal = parallel_normal(edges, heights, lens)
                        normal /= ti.max(normal.norm(), 1e-30)
                    weights = ti.max(edges @ vec3(px, py, 1.0), 0.0)
                    at = weights / weights.sum()
                    z = at.dot(heights)
                last = surface
                sides[y, x], instances[y, x] = 2 * surface + side, instance
                depth[y, x] = ti.cast(z, ti.f32)
                for i in ti.static(range(3)):
                    coordinates[y, x, i] = at[i]
                    normals[y, x, i] = ti.cast(normal[i], ti.f32)
