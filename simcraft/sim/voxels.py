"""Surfaces and shapes as cells of a grid: what is inside, how far away, and how fast the surface moves there.

What an open mesh means. A cell counts as enclosed where more than three of the six rays along the grid's axes find
it inside. So a closed body is solid, whichever way single faces point; a cup without a lid is *filled* to its rim (five
rays of six meet it); a plane or a ribbon encloses nothing. That is right for what emits: the cup's content. For
something to run into, an open surface is a thin wall with two sides, and the cup must be able to hold a drink:
`obstacle` takes it so, and also closes walls that are thinner than a cell. Use `occupancy` for seeds and emitters,
`obstacle` for obstacles.

Only the block of cells around the surface is looked at, so something small costs little however fine the grid is.

Everywhere `cells` is the grid's size (X, Y, Z), and `grid_to_world` (4, 4) leads from cell units (0 to X, 0 to Y, 0 to
Z; cell (i, j, k) has its centre at +0.5) to the world in metres; it may rotate, stretch and shear. Two-dimensional
grids are grids with one layer. Results are bitwise repeatable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.sim.surroundings import Surface

Cells = tuple[int, int, int]

_NOTHING = np.int64((1 << 63) - 1)
_POCKET = 0.9
"""Share of a closed region's cells that are enclosed; near a small hole the vote may go against some of them."""
_EXACT_CELLS = 2.0
"""Cells around the surface in which its velocity is that of the exactly nearest point."""


def occupancy(surface: Surface, cells: Cells, grid_to_world: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool: the cells whose centre is enclosed by `surface`.

    Six rays along the grid's axes vote, more than three decide. Along a line that meets the surface as often from
    outside as from inside, a centre is inside where these do not cancel yet (so overlapping parts unite); else (open
    surfaces, reversed faces) where the number of crossings is odd (even-odd rule).

    Raises `UserError` where the surface or the grid makes no sense.
    """
    _check(surface, cells, grid_to_world)
    result = np.zeros(cells, bool)
    if block := _block_around(surface.vertices, cells, grid_to_world, 0.0):
        result[block.part] = _enclosed(_all_crossings(surface, block, grid_to_world), block.cells)
    return result


def obstacle(surface: Surface, cells: Cells, grid_to_world: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool: the cells that something that flows from cell to cell must not enter.

    A closed surface blocks what it encloses, an open one only itself, and what can be reached from nowhere else
    because its holes are smaller than a cell. Wherever two neighbouring free cells have a surface between their
    centres, the one nearer to it is blocked as well: so no wall is too thin to block, and none becomes thicker than
    need be.

    Raises `UserError` where the surface or the grid makes no sense.
    """
    _check(surface, cells, grid_to_world)
    result, reach = np.zeros(cells, bool), float(_cell_edges(grid_to_world).max())
    if block := _block_around(surface.vertices, cells, grid_to_world, reach):
        result[block.part] = _blocked(surface, block, grid_to_world, reach)
    return result


def shell(surface: Surface, cells: Cells, grid_to_world: np.ndarray, thickness: float = 0.0) -> np.ndarray:
    """(X, Y, Z) bool: the surface as a wall, `thickness` metres thick and never thinner than a cell.

    Takes the cells whose centre is within half the thickness, or half the longest edge of a cell where that is more; so
    no path from cell to neighbouring cell leads through the wall.

    Raises `UserError` where the surface or the grid makes no sense.
    """
    _check(surface, cells, grid_to_world)
    # a hair more than half an edge: a surface in the very middle between two centres would else depend on rounding
    reach = max(thickness / 2, 0.5001 * float(_cell_edges(grid_to_world).max()))
    result = np.zeros(cells, bool)
    if block := _block_around(surface.vertices, cells, grid_to_world, reach):
        result[block.part] = np.isfinite(_nearest(surface, block, grid_to_world, reach)[0])
    return result


def signed_distance(surface: Surface, cells: Cells, grid_to_world: np.ndarray, band: float) -> np.ndarray:
    """(X, Y, Z) float32: metres from the cell centres to the surface, negative where `occupancy` says inside.

    Exact up to `band` metres from the surface, and `band` or `-band` beyond.

    Raises `UserError` where the surface or the grid makes no sense.
    """
    _check(surface, cells, grid_to_world)
    result = np.full(cells, band, np.float32)
    if block := _block_around(surface.vertices, cells, grid_to_world, band):
        inside = _enclosed(_all_crossings(surface, block, grid_to_world), block.cells)
        distance = np.minimum(_nearest(surface, block, grid_to_world, band)[0], np.float32(band))
        result[block.part] = np.where(inside, -distance, distance)
    return result


def surface_velocity(surface: Surface, cells: Cells, grid_to_world: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(X, Y, Z, 3) float32: world metres a second of the surface's nearest point, in the cells of `mask`.

    Exactly the nearest point up to two cells from the surface; deeper cells take over the velocity of the nearest of
    those (or, where the whole grid is far from the surface, of the nearest vertex). 0 outside the mask, and everywhere
    for a surface without faces.

    Raises `UserError` where the surface, the grid or the mask makes no sense.
    """
    _check(surface, cells, grid_to_world)
    if mask.shape != tuple(cells):
        raise UserError(f"The mask has {mask.shape} cells; expected {tuple(cells)} as the grid.")
    result = np.zeros((*cells, 3), np.float32)
    if not mask.any() or not len(surface.faces) or not surface.velocity.any():
        return result
    reach = _EXACT_CELLS * float(_cell_edges(grid_to_world).max())
    block = _block_around(surface.vertices, cells, grid_to_world, reach)
    faces = _nearest(surface, block, grid_to_world, reach)[1] if block else np.full((0, 0, 0), -1, np.int32)
    if block is None or not (faces >= 0).any():
        return _vertex_velocity(surface, grid_to_world, mask, result)
    around = result[block.part]  # a view
    around[faces >= 0] = _at_nearest(surface, block, grid_to_world, faces)
    _deepen(result, mask, block, faces >= 0, _cell_edges(grid_to_world))
    around[~mask[block.part]] = 0
    return result


def is_closed(surface: Surface) -> bool:
    """Does every edge border an even number of faces? Vertices at the same place count as one."""
    faces = _faces(surface)
    if not len(faces):
        return False
    if _even_edges(faces):
        return True
    # one number for each place: equal coordinates give equal sums
    x, y, z = surface.vertices.T
    _, places = np.unique(x + y * 0.7548776662466927 + z * 0.5698402909980532, return_inverse=True)
    return _even_edges(places[faces])


def sphere(cells: Cells, grid_to_world: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """(X, Y, Z) bool: the cell centres in a ball; `centre` (3,) and `radius` in world metres."""
    middle, matrix = np.asarray(centre, np.float64), np.array(grid_to_world, np.float64)
    result = np.zeros(cells, bool)
    if block := _block_around(middle[None], cells, matrix, radius):
        matrix[:3, 3] += matrix[:3, :3] @ block.low
        result[block.part] = ((cell_centres(block.cells, matrix) - middle) ** 2).sum(-1) <= radius**2
    return result


def cell_centres(cells: Cells, grid_to_world: np.ndarray) -> np.ndarray:
    """(X, Y, Z, 3) float64: world positions of the cell centres, metres."""
    matrix = np.asarray(grid_to_world, np.float64)
    places = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in cells), indexing="ij"), -1)
    return places @ matrix[:3, :3].T + matrix[:3, 3]


# ------------------------------------------------------------------------------------------------------------- blocks


@dataclass(frozen=True)
class _Block:
    """Some neighbouring cells of a grid."""

    low: np.ndarray
    """(3,) int32: the first cell along each axis."""
    cells: Cells

    @property
    def part(self) -> tuple[slice, ...]:
        """What to index the grid's arrays with."""
        return tuple(slice(low, low + count) for low, count in zip(self.low.tolist(), self.cells, strict=True))


def _block_around(points: np.ndarray, cells: Cells, grid_to_world: np.ndarray, reach: float) -> _Block | None:
    """The cells within `reach` metres of the box around `points` (V, 3), and one more on each side, if any."""
    if not len(points):
        return None
    places = _in_cells(points, grid_to_world)
    margin = _margin(grid_to_world, reach) + 1.5
    low = np.clip(np.floor(places.min(0) - margin), 0, cells)
    high = np.clip(np.ceil(places.max(0) + margin), 0, cells)
    if not (high > low).all():
        return None
    x, y, z = (high - low).astype(int).tolist()
    return _Block(low.astype(np.int32), (x, y, z))


def _in_cells(points: np.ndarray, grid_to_world: np.ndarray) -> np.ndarray:
    """(V, 3) float64: world positions in cell units."""
    to_grid = np.linalg.inv(np.asarray(grid_to_world, np.float64))
    return np.asarray(points @ to_grid[:3, :3].T + to_grid[:3, 3])


def _margin(grid_to_world: np.ndarray, reach: float) -> np.ndarray:
    """(3,): how many cells along each axis a way of `reach` metres may lead."""
    to_grid = np.linalg.inv(np.asarray(grid_to_world, np.float64))
    return np.asarray(reach * np.linalg.norm(to_grid[:3, :3], axis=1) + 1e-6)


# ---------------------------------------------------------------------------------------------------------- crossings


def _all_crossings(surface: Surface, block: _Block, grid_to_world: np.ndarray) -> list[np.ndarray]:
    """For each axis the packed crossings (X, Y, Z) of the lines along it, one longer along that axis."""
    from simcraft.sim.voxel_kernels import add_crossings

    local, cells = _in_cells(surface.vertices, grid_to_world) - block.low, block.cells
    result = []
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        crossings = np.zeros((cells[order[0]], cells[order[1]], cells[axis] + 1), np.int32)
        add_crossings(np.ascontiguousarray(local[:, order]), _faces(surface), crossings)
        result.append(crossings.transpose(np.argsort(order)))
    return result


def _blocked(surface: Surface, block: _Block, grid_to_world: np.ndarray, reach: float) -> np.ndarray:
    """(X, Y, Z) bool of the block's cells: what `obstacle` says. `reach` is the longest edge of a cell."""
    crossings = _all_crossings(surface, block, grid_to_world)
    enclosed, closed = _enclosed(crossings, block.cells), is_closed(surface)
    blocked = enclosed.copy() if closed else np.zeros(block.cells, bool)
    crossed = [_part(c, axis, 1, -1) != 0 for axis, c in enumerate(crossings)]
    if not any(c.any() for c in crossed):
        return blocked
    distance = _nearest(surface, block, grid_to_world, reach)[0]
    for axis, between in enumerate(crossed):
        before, after = _part(blocked, axis, 0, -1), _part(blocked, axis, 1, None)
        leak = between & ~before & ~after
        first = _part(distance, axis, 0, -1) <= _part(distance, axis, 1, None)
        before |= leak & first  # views: this writes into `blocked`
        after |= leak & ~first
    return blocked if closed else blocked | _pockets(blocked, enclosed)


def _enclosed(crossings: list[np.ndarray], cells: Cells) -> np.ndarray:
    """(X, Y, Z) bool: what most of the six rays find inside."""
    votes = np.zeros(cells, np.int8)
    for axis, packed in enumerate(crossings):
        sums = packed.cumsum(axis, dtype=np.int32)
        whole_number, whole_signed = _unpack(sums.take([-1], axis))
        number, signed = _unpack(sums.take(range(cells[axis]), axis))
        cancels = whole_signed == 0
        votes += np.where(cancels, signed != 0, number & 1)
        votes += np.where(cancels, signed != 0, (whole_number - number) & 1)
    return votes > 3


def _pockets(blocked: np.ndarray, enclosed: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool: free regions that end within the block and of which nearly every cell is enclosed."""
    from scipy.ndimage import label

    regions, count = label(~blocked)
    share = np.bincount(regions.ravel(), enclosed.ravel(), count + 1) / np.bincount(regions.ravel(), None, count + 1)
    pocket = share > _POCKET
    pocket[0] = False
    for axis in range(3):
        pocket[np.unique(regions.take([0, -1], axis))] = False
    return pocket[regions]


def _unpack(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of crossings, and their signed number."""
    number = packed & 0xFFFF
    return number, (packed - number) >> 16


def _part(values: np.ndarray, axis: int, start: int, stop: int | None) -> np.ndarray:
    """A view of entries `start` to before `stop` along `axis`."""
    return values[(slice(None),) * axis + (slice(start, stop),)]


# ---------------------------------------------------------------------------------------------------------- distances


def _nearest(surface: Surface, block: _Block, grid_to_world: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Of the block's cells: (X, Y, Z) float32 distance in metres, +inf beyond `reach`; and (X, Y, Z) int32 nearest
    face, -1 there."""
    from simcraft.sim.voxel_kernels import find_nearest

    faces, points = _faces(surface), np.ascontiguousarray(surface.vertices, np.float64)
    keys = np.full(block.cells, _NOTHING)
    low, high = _cell_ranges(points, faces, block, grid_to_world, reach)
    layers = np.where((high >= low).all(1), high[:, 0] - low[:, 0] + 1, 0)
    number = np.repeat(np.arange(len(faces)), layers)
    layer = np.arange(len(number)) - np.repeat(layers.cumsum() - layers, layers) + low[number, 0]
    slabs = np.stack([number, layer], 1).astype(np.int32)
    place = np.ascontiguousarray(grid_to_world[:3], np.float64)
    if len(slabs):
        find_nearest(points, faces, place, slabs, low, high, float(reach) ** 2, block.low, keys)
    found = keys != _NOTHING
    squared = (keys >> 32).astype(np.int32).view(np.float32)
    nearest = np.where(found, keys & 0xFFFFFFFF, -1).astype(np.int32)
    return np.sqrt(np.where(found, squared, np.float32(np.inf))), nearest


def _cell_ranges(
    points: np.ndarray, faces: np.ndarray, block: _Block, grid_to_world: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """(F, 3) int32 each: the first and last cell of the block along each axis that may be within `reach` metres of each
    face."""
    corners = (_in_cells(points, grid_to_world) - block.low)[faces]
    margin, last = _margin(grid_to_world, reach), np.array(block.cells) - 1
    low = np.clip(np.ceil(corners.min(1) - margin - 0.5), 0, last + 1)
    high = np.clip(np.floor(corners.max(1) + margin - 0.5), -1, last)
    return low.astype(np.int32), high.astype(np.int32)


def _at_nearest(surface: Surface, block: _Block, grid_to_world: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N, 3) float32: the velocity on the nearest face, of the block's cells whose one is known (`faces` >= 0)."""
    from simcraft.sim.voxel_kernels import interpolate_at_nearest

    near = np.argwhere(faces >= 0).astype(np.int32) + block.low
    known = np.zeros((len(near), 3), np.float32)
    points, velocity = (np.ascontiguousarray(a, np.float64) for a in (surface.vertices, surface.velocity))
    place = np.ascontiguousarray(grid_to_world[:3], np.float64)
    interpolate_at_nearest(points, _faces(surface), velocity, place, near, faces[faces >= 0], known)
    return known


def _deepen(result: np.ndarray, mask: np.ndarray, block: _Block, known: np.ndarray, edges: np.ndarray) -> None:
    """Give the cells of `mask` that are not `known` (of the block's cells) what `result` says in the nearest known."""
    everywhere = np.zeros(mask.shape, bool)
    everywhere[block.part] = known
    deep = mask & ~everywhere
    if not deep.any():
        return
    from scipy import ndimage

    either = deep | everywhere
    plane, upright = either.any(2), either.any(0)
    ends = [np.flatnonzero(line) for line in (plane.any(1), plane.any(0), upright.any(0))]
    part = tuple(slice(int(end[0]), int(end[-1]) + 1) for end in ends)
    source = ndimage.distance_transform_edt(~everywhere[part], edges, return_distances=False, return_indices=True)
    inner = result[part]
    inner[deep[part]] = inner[tuple(source[:, deep[part]])]


def _vertex_velocity(surface: Surface, grid_to_world: np.ndarray, mask: np.ndarray, result: np.ndarray) -> np.ndarray:
    """`result` with the velocity of the nearest vertex in each cell of `mask`."""
    from scipy.spatial import KDTree

    used = np.unique(surface.faces)
    centres = cell_centres(mask.shape, grid_to_world)[mask]  # type: ignore[arg-type]
    result[mask] = surface.velocity[used[KDTree(surface.vertices[used]).query(centres)[1]]]
    return result


def _cell_edges(grid_to_world: np.ndarray) -> np.ndarray:
    """(3,): length of a cell's edges in metres."""
    return np.linalg.norm(np.asarray(grid_to_world, np.float64)[:3, :3], axis=0)


# ------------------------------------------------------------------------------------------------------------- checks


def _faces(surface: Surface) -> np.ndarray:
    return np.ascontiguousarray(surface.faces, np.int32).reshape(-1, 3)


def _even_edges(faces: np.ndarray) -> bool:
    """Is every edge there an even number of times? Faces that use a corner twice do not count."""
    a, b, c = faces.astype(np.int64).T
    a, b, c = (corner[(a != b) & (b != c) & (c != a)] for corner in (a, b, c))
    first, second = np.concatenate([a, b, c]), np.concatenate([b, c, a])
    edges = np.minimum(first, second) << 32 | np.maximum(first, second)
    return len(edges) > 0 and not (np.unique(edges, return_counts=True)[1] % 2).any()


def _check(surface: Surface, cells: Cells, grid_to_world: np.ndarray) -> None:
    """Raise `UserError` for what the kernels could not bear."""
    if len(cells) != 3 or min(cells) < 1:
        raise UserError(f"A grid of {cells} cells is none.", "Give three whole numbers from 1.")
    matrix = np.asarray(grid_to_world, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-300:
        raise UserError(
            "grid_to_world does not place the grid in the world: it should be an invertible (4, 4) matrix.",
            "Is the domain's box flat?",
        )
    if not np.isfinite(surface.vertices).all() or not np.isfinite(surface.velocity).all():
        raise UserError("A surface has vertices or velocities that are not finite numbers.")
    if surface.velocity.shape != surface.vertices.shape:
        raise UserError(f"A surface has {len(surface.vertices)} vertices and {surface.velocity.shape} velocities.")
    if len(surface.faces) and not 0 <= surface.faces.min() <= surface.faces.max() < len(surface.vertices):
        raise UserError(
            f"A surface has faces with vertices {surface.faces.min()} to {surface.faces.max()}, "
            f"but only {len(surface.vertices)} vertices."
        )
