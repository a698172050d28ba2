# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernel of correspondence: where is a surface point of one frame in another one, and is it seen there.

Visibility asks the triangles themselves, not their depths: the point lands between four pixel centres of the other
frame; the surfaces seen at these four are intersected with the ray of the landing point. The point is hidden if one of
them covers it, and seen if one of them is the point's own surface (or, where triangles are smaller than pixels, its
neighbour on the same body) with the same side towards the camera.
"""

from simcraft.observe.kernels import Array, edge_functions, inverse_depth, ray_sphere, row, vec3
from simcraft.taichi_runtime import ti

SAME_DEPTH = 1e-6
"""Relative difference of inverse depth up to which two surfaces do not hide each other."""
NEIGHBOUR = 3.0
"""In sizes of a pixel at that depth: where triangles are smaller than pixels, none of the four centres may see the
point's own; a triangle of the same body whose plane is as near as this to the point is then its neighbour."""
CARRIED = 6.0
"""In the same unit: how far a changing body's new surface may be from where the velocity has carried the old one."""


@ti.func
def nearer_surface(
    surface: ti.i32,
    x: ti.f64,
    y: ti.f64,
    points: ti.template(),
    projected: ti.template(),
    faces: ti.template(),
    radii: ti.template(),
    rays: ti.template(),
    perspective: ti.i32,
    near: ti.f64,
):
    """Inverse depth of `surface` (a triangle's plane) on the ray of image point (x, y), and whether it is hit."""
    inverse, hit = ti.cast(0.0, ti.f64), 0
    spheres = radii.shape[0]
    if surface < spheres:
        depth = ray_sphere(rays, x, y, row(points, surface), radii[surface], near)
        if depth > 0:
            inverse, hit = 1.0 / depth, 1
    else:
        edges, _ = edge_functions(projected, faces, surface - spheres)
        weights = edges @ vec3(x, y, 1.0)
        inverse = inverse_depth(weights, projected, faces, surface - spheres, perspective)
        if weights.min() >= 0 and inverse > 0 and inverse * near <= 1:
            hit = 1
    return inverse, hit


@ti.kernel
def transport(
    surfaces: Array,
    coordinates: Array,
    faces: Array,
    projected: Array,
    surface_owner: Array,
    rays: Array,
    carried: Array,
    known: Array,
    sky: Array,
    persistent: ti.i32,
    width: ti.i32,
    there_surfaces: Array,
    there_points: Array,
    there_projected: Array,
    there_faces: Array,
    there_radii: Array,
    there_owner: Array,
    there_rays: Array,
    there_matrix: Array,
    there_limits: Array,
    perspective: ti.i32,
    relative: ti.i32,
    position: Array,
    valid: Array,
    visible: Array,
):
    """Carry the points (surfaces[p], coordinates[p]) of one frame to another.

    `projected` and `carried` are the corners of the first frame's surfaces, projected in the first and in the other
    frame. `there_limits` are near, far and the inverse focal length. Writes `position` (P, 2) float32, as a difference to pixel p's centre if `relative`, `valid` and `visible`
    (P,) uint8. Positions of points that have none stay as they were.
    """
    spheres = there_radii.shape[0]
    near, far = there_limits[0], there_limits[1]
    for p in range(surfaces.shape[0]):
        s = surfaces[p]
        px, py = ti.cast(p % width, ti.f64) + 0.5, ti.cast(p // width, ti.f64) + 0.5
        at, depth, same_side, exists = vec3(0, 0, 0), ti.cast(0.0, ti.f64), 1, 0
        if s < 0:
            for r in ti.static(range(3)):
                at[r] = sky[r, 0] * px + sky[r, 1] * py + sky[r, 2]
            depth = far
            exists = 1
        elif known[surface_owner[s]] != 0:
            exists = 1
            here = vec3(coordinates[p, 0], coordinates[p, 1], coordinates[p, 2])
            if s < spheres:
                for r in ti.static(range(3)):
                    arm = here * there_radii[s]
                    at[r] = carried[s, r] + arm.dot(vec3(there_matrix[r, 0], there_matrix[r, 1], there_matrix[r, 2]))
                depth = carried[s, 3] + there_radii[s] * here.dot(
                    vec3(there_matrix[3, 0], there_matrix[3, 1], there_matrix[3, 2])
                )
            else:
                face = s - spheres
                for i in ti.static(range(3)):
                    point = faces[face, i]
                    at += here[i] * vec3(carried[point, 0], carried[point, 1], carried[point, 2])
                    depth += here[i] * carried[point, 3]
                _, determinant = edge_functions(projected, faces, face)
                _, there_determinant = edge_functions(carried, faces, face)
                same_side = determinant * there_determinant > 0
        if exists == 1 and at[2] > 0:
            x, y = at[0] / at[2], at[1] / at[2]
            valid[p] = ti.cast(1, ti.u8)
            position[p, 0] = ti.cast(x - px if relative == 1 else x, ti.f32)
            position[p, 1] = ti.cast(y - py if relative == 1 else y, ti.f32)
            if s >= 0 and s < spheres:
                here = vec3(coordinates[p, 0], coordinates[p, 1], coordinates[p, 2])
                view = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
                there_view = row(there_rays, 3) + x * row(there_rays, 4) + y * row(there_rays, 5)
                same_side = here.dot(view) * here.dot(there_view) > 0
            inside = x >= 0 and y >= 0 and x < there_surfaces.shape[1] and y < there_surfaces.shape[0]
            if inside and same_side and (s < 0 or (depth >= near and depth <= far)):
                inverse = 1.0 / depth
                pixel = there_limits[2] * (inverse if perspective == 1 else inverse * inverse)
                if s < 0:
                    inverse = 0.0
                owner = -1
                if s >= 0:
                    owner = surface_owner[s]
                column, line = ti.floor(x - 0.5, ti.i32), ti.floor(y - 0.5, ti.i32)
                own, hidden, touching, last = 0, 0, 0, -2
                for n in ti.static(range(4)):
                    cx, cy = column + n % 2, line + n // 2
                    if cx >= 0 and cy >= 0 and cx < there_surfaces.shape[1] and cy < there_surfaces.shape[0]:
                        k = there_surfaces[cy, cx]
                        if k == s and (s < persistent):
                            own = 1
                        elif k >= 0 and k != last:
                            last = k
                            other, hit = nearer_surface(
                                k,
                                x,
                                y,
                                there_points,
                                there_projected,
                                there_faces,
                                there_radii,
                                there_rays,
                                perspective,
                                near,
                            )
                            gap = ti.abs(other - inverse)  # of inverse depths
                            if s >= persistent and there_owner[k] == owner:
                                if gap <= CARRIED * pixel:
                                    own = 1
                            elif hit == 1 and other > inverse * (1.0 + SAME_DEPTH):
                                hidden = 1
                            elif s >= 0 and there_owner[k] == owner and gap <= NEIGHBOUR * pixel:
                                touching = 1
                visible[p] = ti.cast(hidden == 0 and (own == 1 or touching == 1), ti.u8)
