# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernel of correspondence: where is a surface point of one frame in another one, and is it seen there.

Visibility asks the triangles themselves, not their depths: the point lands between four pixel centres of the other
frame; the surfaces seen at these four are intersected with the ray of the landing point. The point is hidden if one of
them covers it, and seen if one of them is the point's own surface (or, where triangles are smaller than pixels, its
neighbour on the same body) with the same side towards the camera. Mostly all four see the point's own surface, which
settles it; the rest is left to a kernel of its own (one kernel with both is twice as slow).
"""

from simcraft.observe.kernels import RUN, Array, edge_functions, inverse_depth, ray_sphere, row, vec3
from simcraft.taichi_runtime import ti

SAME_DEPTH = 1e-6
"""Relative difference of inverse depth up to which two surfaces do not hide each other."""
NEIGHBOUR = 3.0
"""In sizes of a pixel at that depth: where triangles are smaller than pixels, none of the four centres may see the
point's own; a triangle of the same body whose plane is as near as this to the point is then its neighbour."""
CARRIED = 6.0
"""In the same unit: how far a changing body's new surface may be from where the velocity has carried the old one."""
UNDECIDED = 2
"""Value of `visible` between the two kernels."""


@ti.func
def surface_at(
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


@ti.func
def landing(
    p: ti.i32,
    s: ti.i32,
    x: ti.f64,
    y: ti.f64,
    coordinates: ti.template(),
    faces: ti.template(),
    carried: ti.template(),
    radii: ti.template(),
    matrix: ti.template(),
    sky: ti.template(),
    far: ti.f64,
):
    """(U, V, W) and planar depth, in the other frame, of point p on surface s, or of the sky at (x, y) if s is -1."""
    spheres = radii.shape[0]
    at, depth = vec3(0, 0, 0), far
    if s < 0:
        for r in ti.static(range(3)):
            at[r] = sky[r, 0] * x + sky[r, 1] * y + sky[r, 2]
    else:
        here = vec3(coordinates[p, 0], coordinates[p, 1], coordinates[p, 2])
        if s < spheres:
            arm = here * radii[s]
            for r in ti.static(range(3)):
                at[r] = carried[s, r] + arm.dot(row(matrix, r))
            depth = carried[s, 3] + arm.dot(row(matrix, 3))
        else:
            depth = 0.0
            for i in ti.static(range(3)):
                point = faces[s - spheres, i]
                at += here[i] * vec3(carried[point, 0], carried[point, 1], carried[point, 2])
                depth += here[i] * carried[point, 3]
    return at, depth


@ti.kernel
def transport(
    sides: Array,
    coordinates: Array,
    faces: Array,
    surface_owner: Array,
    carried: Array,
    known: Array,
    sky: Array,
    persistent: ti.i32,
    width: ti.i32,
    there_sides: Array,
    radii: Array,
    matrix: Array,
    limits: Array,
    relative: ti.i32,
    position: Array,
    valid: Array,
    visible: Array,
):
    """Carry the points p = (sides[p], coordinates[p]), P of them in rows of `width`, to another frame.

    `carried` (V, 4) are the points of the first frame's surfaces, moved to the other frame and projected there;
    `matrix` and `limits` are the other camera's projection, near, far and inverse focal length. Writes `position`
    (P, 2) float32, as a difference to pixel p's centre if `relative`; positions of points that have none stay as they
    were. Writes `valid` and `visible` (P,) uint8, the latter `UNDECIDED` where `settle_visibility` has to look.
    """
    count = sides.shape[0]
    last_column, last_line = there_sides.shape[1] - 1, there_sides.shape[0] - 1
    for run in range((count + RUN - 1) // RUN):
        column, line = run * RUN % width, run * RUN // width
        for p in range(run * RUN, ti.min(run * RUN + RUN, count)):
            side, px, py = sides[p], column + 0.5, line + 0.5
            column += 1
            if column == width:
                column, line = 0, line + 1
            s = side >> 1
            at, depth = landing(p, s, px, py, coordinates, faces, carried, radii, matrix, sky, limits[1])
            is_valid, is_visible = at[2] > 0, 0
            if s >= 0:
                is_valid = is_valid and known[surface_owner[s]] != 0
            if is_valid:
                scale = 1.0 / at[2]
                x, y = at[0] * scale, at[1] * scale
                position[p, 0] = ti.cast(x - px if relative == 1 else x, ti.f32)
                position[p, 1] = ti.cast(y - py if relative == 1 else y, ti.f32)
                inside = x >= 0 and y >= 0 and x < last_column + 1 and y < last_line + 1
                if inside and depth >= limits[0] and depth <= limits[1]:
                    is_visible = UNDECIDED
                    left, top = ti.floor(x - 0.5, ti.i32), ti.floor(y - 0.5, ti.i32)
                    if s < persistent and left >= 0 and top >= 0 and left < last_column and top < last_line:
                        agreeing = 0
                        for n in ti.static(range(4)):
                            cx, cy = left + n % 2, top + n // 2
                            agreeing += there_sides[cy, cx] == side
                        if agreeing == 4:
                            is_visible = 1
            valid[p], visible[p] = ti.cast(is_valid, ti.u8), ti.cast(is_visible, ti.u8)


@ti.kernel
def settle_visibility(
    sides: Array,
    coordinates: Array,
    faces: Array,
    surface_owner: Array,
    carried: Array,
    sky: Array,
    persistent: ti.i32,
    width: ti.i32,
    there_sides: Array,
    there_points: Array,
    there_projected: Array,
    there_faces: Array,
    radii: Array,
    there_owner: Array,
    there_rays: Array,
    matrix: Array,
    limits: Array,
    perspective: ti.i32,
    visible: Array,
):
    """Decide what `transport` has left `UNDECIDED`; the arguments are the same, and the other frame's surfaces."""
    for p in range(sides.shape[0]):
        if visible[p] == UNDECIDED:
            side, owner = sides[p], -1
            s = side >> 1
            if s >= 0:
                owner = surface_owner[s]
            px, py = p % width + 0.5, p // width + 0.5
            at, depth = landing(p, s, px, py, coordinates, faces, carried, radii, matrix, sky, limits[1])
            x, y = at[0] / at[2], at[1] / at[2]
            inverse = 0.0 if s < 0 else 1.0 / depth
            pixel = limits[2] * (inverse if perspective == 1 else inverse * inverse)
            left, top = ti.floor(x - 0.5, ti.i32), ti.floor(y - 0.5, ti.i32)
            own, hidden, neighbour, last = 0, 0, 0, -1
            for n in range(4):
                cx, cy = left + n % 2, top + n // 2
                if cx >= 0 and cy >= 0 and cx < there_sides.shape[1] and cy < there_sides.shape[0]:
                    k = there_sides[cy, cx] >> 1
                    if k == s and s < persistent:
                        if there_sides[cy, cx] == side:
                            own = 1
                    elif k >= 0 and k != last:
                        last = k
                        other, hit = surface_at(
                            *(k, x, y, there_points, there_projected, there_faces, radii, there_rays),
                            *(perspective, limits[0]),
                        )
                        gap = ti.abs(other - inverse)  # of inverse depths
                        same_owner = there_owner[k] == owner
                        if s >= persistent and same_owner:
                            neighbour |= ti.cast(gap <= CARRIED * pixel, ti.i32)
                        elif hit == 1 and other > inverse * (1.0 + SAME_DEPTH):
                            hidden = 1
                        elif same_owner:
                            neighbour |= ti.cast(gap <= NEIGHBOUR * pixel, ti.i32)
            spheres = radii.shape[0]
            if own == 0 and hidden == 0 and neighbour == 1 and s >= spheres:
                _, determinant = edge_functions(carried, faces, s - spheres)
                own = ti.cast((determinant < 0) == (side & 1), ti.i32)
            visible[p] = ti.cast(own == 1 and hidden == 0, ti.u8)
