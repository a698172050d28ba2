# mypy: disable-error-code="valid-type, index, attr-defined"
"""The kernel that looks a moving rigid obstacle up from the grid's nodes."""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()


@ti.func
def affine(matrix: ti.template(), x: ti.f64, y: ti.f64, z: ti.f64):
    """A (3, 4) matrix on a point."""
    return ti.Vector(
        [matrix[r, 0] * x + matrix[r, 1] * y + matrix[r, 2] * z + matrix[r, 3] for r in ti.static(range(3))]
    )


@ti.func
def sampled(distance: ti.template(), place: ti.template()) -> ti.f64:
    """Trilinear interpolation at a place in points of the grid, which must be inside."""
    corner = ti.cast(ti.floor(place), ti.i32)
    for d in ti.static(range(3)):
        corner[d] = ti.min(corner[d], distance.shape[d] - 2)
    share = place - corner
    result = ti.cast(0.0, ti.f64)
    for step in ti.static(ti.grouped(ti.ndrange(2, 2, 2))):
        weight = ti.cast(1.0, ti.f64)
        for d in ti.static(range(3)):
            weight *= share[d] if step[d] == 1 else 1.0 - share[d]
        result += weight * distance[corner[0] + step[0], corner[1] + step[1], corner[2] + step[2]]
    return result


@ti.kernel
def add_rigid(
    low: Array,
    high: Array,
    nodes: Array,
    lookup: Array,
    motion: Array,
    distance: Array,
    friction: ti.f32,
    field_distance: Array,
    field_velocity: Array,
    field_friction: Array,
):
    """Write an obstacle into the fields at the nodes `low` to `high` (3,) where it is nearer than what is there.

    `lookup` (3, 4) leads from a node's indices to points of `distance` (X, Y, Z); `motion` (3, 4) from a node's indices
    to the obstacle's velocity there.
    """
    across = high[1] - low[1]
    for pair in range((high[0] - low[0]) * across):
        i, j = low[0] + pair // across, low[1] + pair % across
        for k in range(low[2], high[2]):
            place = affine(lookup, i, j, k)
            inside = True
            for d in ti.static(range(3)):
                inside = inside and place[d] >= 0.0 and place[d] <= distance.shape[d] - 1.0
            if inside:
                own = ti.cast(sampled(distance, place), ti.f32)
                node = (i * nodes[1] + j) * nodes[2] + k
                if own < field_distance[node]:
                    velocity = affine(motion, i, j, k)
                    field_distance[node] = own
                    field_friction[node] = friction
                    for d in ti.static(range(3)):
                        field_velocity[node, d] = ti.cast(velocity[d], ti.f32)
