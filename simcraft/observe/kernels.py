# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of the visibility buffer: place, project, rasterise.

Coverage is decided by homogeneous edge functions (Olano and Greer, "Triangle Scan Conversion using 2D Homogeneous
Coordinates", Graphics Hardware 1997): with the corners v_i = (U, V, W)_i, the numbers c_i = ((v_j x v_k) . (x, y, 1)) /
det(v_0, v_1, v_2) are affine functions of the pixel, all of them at least 0 inside the triangle and in front of the
camera, and for a perspective camera their sum is the inverse depth. Nothing is divided by a depth, so triangles that
cross the camera's plane need no clipping.

Nothing here checks bounds: faces, owners and sizes are validated by who builds them (`check_recording`, `fit`).
"""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
vec3 = ti.types.vector(3, ti.f64)
mat3 = ti.types.matrix(3, 3, ti.f64)

RUN = 32
"""Pixels in a row that one item of a parallel loop takes. Taichi gives a CPU thread at least 512 items, so whole rows
would leave all but one thread idle."""
TILE = 32
"""Pixels; surfaces larger than a square of this side are split into strips of this width."""
STRIP = 8
"""Pixels; the height of such a strip."""
SLACK = 1e-11
"""Of an edge function: seals the cracks that rounding leaves between neighbours."""
EMPTY = (1 << 63) - 1


@ti.kernel
def place_points(local: Array, point_owner: Array, transforms: Array, points: Array):
    """World points (V, 3) of local ones, by the (O, 3, 4) transform of each point's owner; -1: they are in world."""
    for v in range(local.shape[0]):
        owner = point_owner[v]
        for r in ti.static(range(3)):
            if owner < 0:
                points[v, r] = local[v, r]
            else:
                points[v, r] = (
                    transforms[owner, r, 0] * local[v, 0]
                    + transforms[owner, r, 1] * local[v, 1]
                    + transforms[owner, r, 2] * local[v, 2]
                    + transforms[owner, r, 3]
                )


@ti.kernel
def project_points(points: Array, matrix: Array, projected: Array):
    """(V, 4) rows (U, V, W, Z) of world points (V, 3), by the (4, 4) matrix of `View`."""
    for v in range(points.shape[0]):
        for r in ti.static(range(4)):
            projected[v, r] = (
                matrix[r, 0] * points[v, 0] + matrix[r, 1] * points[v, 1] + matrix[r, 2] * points[v, 2] + matrix[r, 3]
            )


@ti.func
def corner(projected: ti.template(), point: ti.i32) -> vec3:
    return vec3(projected[point, 0], projected[point, 1], projected[point, 2])


@ti.func
def edge_functions(projected: ti.template(), faces: ti.template(), face: ti.i32):
    """Rows E_i with c_i = E_i . (x, y, 1), and the determinant; rows are 0 for a triangle seen exactly edge-on."""
    a = corner(projected, faces[face, 0])
    b = corner(projected, faces[face, 1])
    c = corner(projected, faces[face, 2])
    across_a, across_b, across_c = b.cross(c), c.cross(a), a.cross(b)
    determinant = a.dot(across_a)
    scale = ti.cast(0.0, ti.f64)
    if determinant != 0:
        scale = 1.0 / determinant
    return mat3([across_a * scale, across_b * scale, across_c * scale]), determinant


@ti.func
def inverse_depth(
    weights: vec3, projected: ti.template(), faces: ti.template(), face: ti.i32, perspective: ti.i32
) -> ti.f64:
    """1 / planar depth where the edge functions are `weights`; 0 or less behind the camera."""
    inverse = weights.sum()
    if perspective == 0:
        depth = ti.cast(0.0, ti.f64)
        for i in ti.static(range(3)):
            depth += weights[i] * projected[faces[face, i], 3]
        inverse = 0.0 if depth <= 0 else 1.0 / depth
    return inverse


@ti.func
def row(rays: ti.template(), r: ti.i32) -> vec3:
    return vec3(rays[r, 0], rays[r, 1], rays[r, 2])


@ti.func
def ray_sphere(rays: ti.template(), x: ti.f64, y: ti.f64, centre: vec3, radius: ti.f64, near: ti.f64) -> ti.f64:
    """Planar depth at which the ray of image point (x, y) meets the sphere first beyond `near`; 0 where it misses."""
    origin = row(rays, 0) + x * row(rays, 1) + y * row(rays, 2)
    direction = row(rays, 3) + x * row(rays, 4) + y * row(rays, 5)
    length2 = direction.dot(direction)
    to_centre = centre - origin
    middle = to_centre.dot(direction) / length2
    aside = to_centre - middle * direction
    inside2 = radius * radius - aside.dot(aside)
    depth = ti.cast(0.0, ti.f64)
    if inside2 >= 0:
        half = ti.sqrt(inside2 / length2)
        if middle - half >= near:
            depth = middle - half
        elif middle + half >= near:
            depth = middle + half
    return depth


@ti.func
def sort_key(inverse: ti.f64, nearest: ti.i64, shift: ti.i32, id_bits: ti.i32, surface: ti.i32) -> ti.i64:
    """Nearer first, then the smaller number. The bits of positive floating-point numbers sort like the numbers."""
    return ((nearest - ti.bit_cast(inverse, ti.i64)) >> shift << id_bits) | ti.cast(surface, ti.i64)


@ti.func
def pixel_range(low: ti.f64, high: ti.f64, size: ti.i32):
    """First and last pixel whose centre lies between two image coordinates, within the image."""
    limit = ti.cast(size, ti.f64)
    first = ti.ceil(ti.min(ti.max(low - 1e-6, 0.0), limit) - 0.5)
    last = ti.floor(ti.min(ti.max(high + 1e-6, 0.0), limit) - 0.5)
    return ti.cast(first, ti.i32), ti.cast(last, ti.i32)


@ti.func
def triangle_bounds(projected: ti.template(), faces: ti.template(), face: ti.i32, near: ti.f64, size: ti.template()):
    """Pixels (x0, x1, y0, y1) that may be covered, and the range of inverse depth; x1 < x0 where there are none."""
    low_z, high_z = ti.cast(1e30, ti.f64), ti.cast(-1e30, ti.f64)
    low_x, high_x, low_y, high_y = low_z, high_z, low_z, high_z
    for i in ti.static(range(3)):
        point = faces[face, i]
        z, w = projected[point, 3], projected[point, 2]
        low_z, high_z = ti.min(low_z, z), ti.max(high_z, z)
        x, y = projected[point, 0] / w, projected[point, 1] / w
        low_x, high_x = ti.min(low_x, x), ti.max(high_x, x)
        low_y, high_y = ti.min(low_y, y), ti.max(high_y, y)
    x0, x1 = pixel_range(low_x, high_x, size[0])
    y0, y1 = pixel_range(low_y, high_y, size[1])
    flattest, steepest = ti.cast(0.0, ti.f64), 1.0 / near
    if low_z >= near:
        flattest, steepest = 0.999999 / high_z, 1.000001 / low_z
    elif high_z < near:
        x0, x1, y0, y1 = 0, -1, 0, -1
    else:
        x0, x1, y0, y1 = 0, size[0] - 1, 0, size[1] - 1
    return ti.Vector([x0, x1, y0, y1]), flattest, steepest


@ti.func
def circle_bounds(aside: ti.f64, ahead: ti.f64, radius: ti.f64, focal: ti.f64, centre: ti.f64, size: ti.i32):
    """Pixel range of a sphere in one direction: the tangents from the camera to a circle at (aside, ahead)."""
    distance = ti.sqrt(aside * aside + ahead * ahead)
    x0, x1 = 0, size - 1
    if distance > radius:
        angle, half = ti.atan2(aside, ahead), ti.asin(radius / distance)
        quarter = 0.5 * ti.math.pi - 1e-6
        if angle - half > -quarter and angle + half < quarter:
            x0, x1 = pixel_range(
                focal * ti.tan(angle - half) + centre - 1e-6, focal * ti.tan(angle + half) + centre + 1e-6, size
            )
    return x0, x1


@ti.func
def sphere_bounds(
    projected: ti.template(), s: ti.i32, radius: ti.f64, lens: ti.template(), perspective: ti.i32, size: ti.template()
):
    """Pixels (x0, x1, y0, y1) that a sphere may cover."""
    z = projected[s, 3]
    x0, x1, y0, y1 = 0, -1, 0, -1
    if perspective == 0:
        x, y = projected[s, 0], projected[s, 1]
        x0, x1 = pixel_range(x - radius * lens[0], x + radius * lens[0], size[0])
        y0, y1 = pixel_range(y - radius * lens[1], y + radius * lens[1], size[1])
    elif z > -radius:
        x, y = (projected[s, 0] - lens[2] * z) / lens[0], (projected[s, 1] - lens[3] * z) / lens[1]
        x0, x1 = circle_bounds(x, z, radius, lens[0], lens[2], size[0])
        y0, y1 = circle_bounds(y, z, radius, lens[1], lens[3], size[1])
    return ti.Vector([x0, x1, y0, y1])


@ti.func
def touches(edges: mat3, x0: ti.f64, x1: ti.f64, y0: ti.f64, y1: ti.f64) -> ti.i32:
    """False where one edge function is negative in the whole rectangle."""
    possible = 1
    for i in ti.static(range(3)):
        x = x1 if edges[i, 0] > 0 else x0
        y = y1 if edges[i, 1] > 0 else y0
        highest = edges[i, 0] * x + edges[i, 1] * y + edges[i, 2]
        if highest < -SLACK * (ti.abs(edges[i, 0]) * x + ti.abs(edges[i, 1]) * y + ti.abs(edges[i, 2])):
            possible = 0
    return possible


@ti.func
def bounds(
    s: ti.i32,
    projected: ti.template(),
    faces: ti.template(),
    radii: ti.template(),
    lens: ti.template(),
    perspective: ti.i32,
    near: ti.f64,
    far: ti.f64,
    size: ti.template(),
):
    """Pixels (x0, x1, y0, y1) that surface `s` may cover, and its range of inverse depth, within near and far."""
    box = ti.Vector([0, -1, 0, -1])
    flattest, steepest = 1.0 / far, 1.0 / near
    if s < radii.shape[0]:
        box = sphere_bounds(projected, s, radii[s], lens, perspective, size)
    else:
        own_box, low, high = triangle_bounds(projected, faces, s - radii.shape[0], near, size)
        box, flattest, steepest = own_box, ti.max(flattest, low), ti.min(steepest, high)
    return box, flattest, steepest


@ti.func
def draw(
    s: ti.i32,
    box: ti.template(),
    flattest: ti.f64,
    steepest: ti.f64,
    points: ti.template(),
    projected: ti.template(),
    faces: ti.template(),
    radii: ti.template(),
    rays: ti.template(),
    perspective: ti.i32,
    near: ti.f64,
    shift: ti.i32,
    id_bits: ti.i32,
    keys: ti.template(),
):
    """Lower the keys of the pixels in `box` whose centres surface `s` covers."""
    nearest = ti.bit_cast(1.0 / near, ti.i64)
    if s < radii.shape[0]:
        centre = row(points, s)
        for y in range(box[2], box[3] + 1):
            for x in range(box[0], box[1] + 1):
                depth = ray_sphere(rays, x + 0.5, y + 0.5, centre, radii[s], near)
                if depth > 0 and depth * flattest <= 1:
                    lower(keys, x, y, sort_key(1.0 / depth, nearest, shift, id_bits, s))
    else:
        face = s - radii.shape[0]
        edges, determinant = edge_functions(projected, faces, face)
        if determinant != 0 and touches(edges, box[0] + 0.5, box[1] + 0.5, box[2] + 0.5, box[3] + 0.5):
            for y in range(box[2], box[3] + 1):
                for x in range(box[0], box[1] + 1):
                    weights = edges @ vec3(x + 0.5, y + 0.5, 1.0)
                    if weights.min() >= -SLACK * weights.max():
                        inverse = inverse_depth(weights, projected, faces, face, perspective)
                        if flattest <= inverse <= steepest:
                            lower(keys, x, y, sort_key(inverse, nearest, shift, id_bits, s))


@ti.func
def lower(keys: ti.template(), x: ti.i32, y: ti.i32, key: ti.i64):
    """The atomic minimum; most keys lose already against a plain read."""
    if key < keys[y, x]:
        ti.atomic_min(keys[y, x], key)


@ti.kernel
def rasterise_small(
    points: Array,
    projected: Array,
    faces: Array,
    radii: Array,
    surface_owner: Array,
    owner_present: Array,
    rays: Array,
    lens: Array,
    perspective: ti.i32,
    near: ti.f64,
    far: ti.f64,
    shift: ti.i32,
    id_bits: ti.i32,
    keys: Array,
    large: Array,
    large_count: Array,
):
    """Draw the surfaces that are at most a tile large into `keys` (H, W) int64, and list the others in `large`."""
    size = ti.Vector([keys.shape[1], keys.shape[0]])
    for s in range(surface_owner.shape[0]):
        if owner_present[surface_owner[s]] != 0:
            box, flattest, steepest = bounds(s, projected, faces, radii, lens, perspective, near, far, size)
            if box[0] <= box[1] and box[2] <= box[3]:
                if (box[1] - box[0] + 1) * (box[3] - box[2] + 1) > TILE * TILE:
                    large[ti.atomic_add(large_count[0], 1)] = s
                else:
                    draw(
                        *(s, box, flattest, steepest, points, projected, faces, radii, rays, perspective, near),
                        *(shift, id_bits, keys),
                    )


@ti.kernel
def rasterise_large(
    points: Array,
    projected: Array,
    faces: Array,
    radii: Array,
    rays: Array,
    lens: Array,
    perspective: ti.i32,
    near: ti.f64,
    far: ti.f64,
    shift: ti.i32,
    id_bits: ti.i32,
    keys: Array,
    large: Array,
    large_count: Array,
):
    """Draw the surfaces listed in `large` strip by strip, so that one huge floor keeps all threads busy."""
    size = ti.Vector([keys.shape[1], keys.shape[0]])
    across, down = (size[0] + TILE - 1) // TILE, (size[1] + STRIP - 1) // STRIP
    for strip in range(across * down):
        left, top = (strip % across) * TILE, (strip // across) * STRIP
        for n in range(large_count[0]):
            s = large[n]
            box, flattest, steepest = bounds(s, projected, faces, radii, lens, perspective, near, far, size)
            box[0], box[1] = ti.max(box[0], left), ti.min(box[1], left + TILE - 1)
            box[2], box[3] = ti.max(box[2], top), ti.min(box[3], top + STRIP - 1)
            if box[0] <= box[1] and box[2] <= box[3]:
                draw(
                    *(s, box, flattest, steepest, points, projected, faces, radii, rays, perspective, near),
                    *(shift, id_bits, keys),
                )
