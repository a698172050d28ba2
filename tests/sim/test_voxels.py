"""Cells of meshes: against closed forms and trimesh, for bodies in any pose, open, reversed and degenerate ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from simcraft.errors import UserError
from simcraft.sim import primitives, voxels
from simcraft.sim.surroundings import Surface

CELLS = (24, 20, 28)


def surface(solid: primitives.Solid, offset: tuple[float, float, float] = (0, 0, 0)) -> Surface:
    vertices = solid[0] + offset
    return Surface(vertices, np.zeros_like(vertices), solid[1])


def grid(cells: tuple[int, int, int] = CELLS, edge: float = 0.1) -> np.ndarray:
    """A grid of cubes around the origin."""
    matrix = np.diag([edge, edge, edge, 1.0])
    matrix[:3, 3] = -edge * np.array(cells) / 2
    return matrix


def union(*parts: Surface) -> Surface:
    starts = np.cumsum([0, *(len(p.vertices) for p in parts[:-1])])
    return Surface(
        np.concatenate([p.vertices for p in parts]),
        np.concatenate([p.velocity for p in parts]),
        np.concatenate([p.faces + n for p, n in zip(parts, starts, strict=True)]).astype(np.int32),
    )


def without(whole: Surface, gone: np.ndarray) -> Surface:
    return replace(whole, faces=whole.faces[~gone])


def cup(radius: float = 0.7, height: float = 1.4) -> Surface:
    """A cylinder of one sheet without its lid."""
    whole = surface(primitives.cylinder(radius, height))
    lid = (whole.vertices[whole.faces][..., 2] > height / 2 - 1e-9).all(1)
    return without(whole, lid)


def reached(blocked: np.ndarray, start: tuple[int, int, int]) -> np.ndarray:
    """The free cells that something can flow to from `start`, from cell to neighbouring cell."""
    labels, _ = ndimage.label(~blocked)
    assert labels[start] > 0
    return labels == labels[start]


def test_a_ball_has_its_volume_and_its_cells() -> None:
    ball = surface(primitives.sphere(0.8))
    inside = voxels.occupancy(ball, CELLS, grid())
    np.testing.assert_allclose(inside.sum() * 1e-3, 4 / 3 * np.pi * 0.8**3, rtol=0.02)
    away = np.linalg.norm(voxels.cell_centres(CELLS, grid()), axis=-1)
    assert inside[away < 0.79].all() and not inside[away > 0.8].any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_boxes_in_any_pose_on_any_grid(seed: int) -> None:
    """Rotated, stretched, sheared and mirrored grids; boxes that reach beyond the grid."""
    random = np.random.default_rng(seed)
    size = random.uniform(0.05, 3, 3)
    turn = Rotation.random(random_state=seed % 1000).as_matrix()
    place = random.uniform(-0.5, 0.5, 3)
    local = primitives.box(tuple(size))
    body = surface((local[0] @ turn.T, *local[1:]), place)
    matrix = grid()
    matrix[:3, :3] = random.normal(size=(3, 3)) * 0.1 + 0.1 * np.eye(3)
    inside = voxels.occupancy(body, CELLS, matrix)
    own = (voxels.cell_centres(CELLS, matrix) - place) @ turn
    depth = np.abs(own) - size / 2  # positive outside
    assert inside[(depth < -1e-9).all(-1)].all()
    assert not inside[(depth > 1e-9).any(-1)].any()


def test_faces_that_lie_on_cell_centres_count_once() -> None:
    """Rays run exactly along edges and through corners here."""
    body = surface(primitives.box((1.0, 1.0, 1.0)))
    for shift in (0.0, 0.05):
        matrix = grid((20, 20, 20))
        matrix[:3, 3] += shift
        assert voxels.occupancy(body, (20, 20, 20), matrix).sum() == 10**3, shift


def test_cells_equal_trimesh_on_a_body_with_hollows() -> None:
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.creation.annulus(r_min=0.4, r_max=0.8, height=0.9)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(0.6, [1, 2, 3]))
    body = Surface(np.array(mesh.vertices), np.zeros_like(mesh.vertices), np.array(mesh.faces, np.int32))
    inside = voxels.occupancy(body, CELLS, grid())
    expected = mesh.contains(voxels.cell_centres(CELLS, grid()).reshape(-1, 3)).reshape(CELLS)
    assert 0.05 < expected.mean() < 0.5
    np.testing.assert_array_equal(inside, expected)


def test_overlapping_parts_unite() -> None:
    parts = [surface(primitives.sphere(0.6), (x, 0, 0)) for x in (-0.3, 0.3)]
    both = voxels.occupancy(union(*parts), CELLS, grid())
    np.testing.assert_array_equal(both, np.logical_or(*(voxels.occupancy(p, CELLS, grid()) for p in parts)))


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_reversed_faces_change_nothing(share: float) -> None:
    ball = surface(primitives.sphere(0.8))
    reverse = np.random.default_rng(0).random(len(ball.faces)) < share
    turned = replace(ball, faces=np.where(reverse[:, None], ball.faces[:, ::-1], ball.faces))
    assert reverse.any()
    np.testing.assert_array_equal(voxels.occupancy(turned, CELLS, grid()), voxels.occupancy(ball, CELLS, grid()))


def test_degenerate_faces_change_nothing() -> None:
    ball = surface(primitives.sphere(0.8))
    extra = np.array([[0, 0, 0], [0, 1, 1], [5, 9, 5]], np.int32)
    line = Surface(np.array([[0.0, 0, -9], [0, 0, 0], [0, 0, 9]]), np.zeros((3, 3)), np.array([[0, 1, 2]]))
    needle = union(ball, line)
    needle = replace(needle, faces=np.concatenate([needle.faces, extra]).astype(np.int32))
    np.testing.assert_array_equal(voxels.occupancy(needle, CELLS, grid()), voxels.occupancy(ball, CELLS, grid()))
    assert np.isfinite(voxels.signed_distance(needle, CELLS, grid(), 0.3)).all()


def test_nothing_and_everything() -> None:
    nothing = Surface(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert not voxels.occupancy(nothing, CELLS, grid()).any()
    assert not voxels.obstacle(nothing, CELLS, grid()).any()
    assert not voxels.shell(nothing, CELLS, grid()).any()
    assert (voxels.signed_distance(nothing, CELLS, grid(), 0.2) == np.float32(0.2)).all()
    around = surface(primitives.box((50.0, 50.0, 50.0)))
    assert voxels.occupancy(around, CELLS, grid()).all()
    assert voxels.obstacle(around, CELLS, grid()).all()
    assert (voxels.signed_distance(around, CELLS, grid(), 0.2) == np.float32(-0.2)).all()


def test_an_open_cup_is_filled_as_a_seed_and_holds_a_drink_as_an_obstacle() -> None:
    vessel = cup()
    centres = voxels.cell_centres(CELLS, grid())
    content = (np.linalg.norm(centres[..., :2], axis=-1) < 0.69) & (np.abs(centres[..., 2]) < 0.7)
    filled = voxels.occupancy(vessel, CELLS, grid())
    assert filled[content].all()
    np.testing.assert_allclose(filled.sum() * 1e-3, np.pi * 0.7**2 * 1.4, rtol=0.05)

    assert not voxels.is_closed(vessel)
    blocked = voxels.obstacle(vessel, CELLS, grid())
    assert not blocked[content & (np.linalg.norm(centres[..., :2], axis=-1) < 0.55) & (centres[..., 2] > -0.6)].any()
    middle = (12, 10, 12)
    outside = reached(blocked, (0, 0, 0))
    assert outside[middle]  # from above
    blocked[..., centres[0, 0, :, 2] > 0.6] = True  # a lid over everything
    assert not reached(blocked, (0, 0, 0))[middle]  # neither wall nor bottom leaks


def test_a_plane_encloses_nothing_and_blocks() -> None:
    corners = np.array([[-9.0, -9, 0.03], [9, -9, 0.03], [9, 9, 0.03], [-9, 9, 0.03]])
    plane = Surface(corners, np.zeros((4, 3)), np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    assert not voxels.occupancy(plane, CELLS, grid()).any()
    tilted = replace(plane, vertices=corners @ Rotation.from_euler("xy", [0.4, 0.7]).as_matrix().T)
    for case in (plane, tilted):
        for blocked in (voxels.obstacle(case, CELLS, grid()), voxels.shell(case, CELLS, grid())):
            assert 0 < blocked.mean() < 0.15
            assert not reached(blocked, (0, 0, 0))[-1, -1, -1]
    assert voxels.obstacle(plane, CELLS, grid()).sum() == CELLS[0] * CELLS[1]  # one layer


def test_a_body_with_a_hole_smaller_than_a_cell_is_solid() -> None:
    """Like Blender's monkey, which is open at its eyes."""
    ball = surface(primitives.sphere(0.8))
    corners = ball.vertices[ball.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
    torn = without(ball, np.arange(len(ball.faces)) == area.argmin())
    assert not voxels.is_closed(torn)
    blocked = voxels.obstacle(torn, CELLS, grid())
    away = np.linalg.norm(voxels.cell_centres(CELLS, grid()), axis=-1)
    assert blocked[away < 0.74].all() and not blocked[away > 0.87].any()
    # a box inside the ball sees a wall around it, not a full box
    inner = voxels.obstacle(torn, (8, 8, 8), grid((8, 8, 8)))
    assert not inner.any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_closed_glass_thinner_than_a_cell_keeps_what_is_in_it(seed: int) -> None:
    """A hollow ball with walls of a hundredth of a cell, anywhere."""
    place = np.random.default_rng(seed).uniform(-0.2, 0.2, 3)
    outer = surface(primitives.sphere(0.7), tuple(place))
    inner = surface(primitives.sphere(0.699), tuple(place))
    glass = union(outer, replace(inner, faces=inner.faces[:, ::-1]))
    assert voxels.is_closed(glass)
    blocked = voxels.obstacle(glass, CELLS, grid())
    assert blocked.mean() < 0.15
    assert not reached(blocked, (0, 0, 0))[12, 10, 14]


def test_a_thick_obstacle_is_what_it_encloses_and_no_more() -> None:
    ball = surface(primitives.sphere(0.8))
    np.testing.assert_array_equal(voxels.obstacle(ball, CELLS, grid()), voxels.occupancy(ball, CELLS, grid()))


def test_closed_with_seams_but_not_with_a_hole() -> None:
    ball = surface(primitives.sphere(0.8))
    torn = Surface(ball.vertices[ball.faces].reshape(-1, 3), np.zeros((ball.faces.size, 3)), np.arange(ball.faces.size))
    torn = replace(torn, faces=torn.faces.reshape(-1, 3).astype(np.int32))
    assert voxels.is_closed(ball) and voxels.is_closed(torn)
    assert not voxels.is_closed(without(torn, np.arange(len(torn.faces)) == 7))


def test_shell_is_as_thick_as_asked() -> None:
    ball = surface(primitives.sphere(0.8))
    away = np.abs(np.linalg.norm(voxels.cell_centres(CELLS, grid()), axis=-1) - 0.8)
    thick = voxels.shell(ball, CELLS, grid(), 0.4)
    assert thick[away < 0.195].all() and not thick[away > 0.205].any()


def test_signed_distance_of_a_ball_and_of_a_box() -> None:
    band = 0.35
    centres = voxels.cell_centres(CELLS, grid())
    ball = voxels.signed_distance(surface(primitives.sphere(0.8)), CELLS, grid(), band)
    assert ball.dtype == np.float32
    expected = np.clip(np.linalg.norm(centres, axis=-1) - 0.8, -band, band)
    np.testing.assert_allclose(ball, expected, atol=4e-3)  # facets of the ball
    sides = np.abs(centres) - [0.6, 0.45, 0.8]
    exact = np.linalg.norm(np.maximum(sides, 0), axis=-1) + np.minimum(sides.max(-1), 0)
    measured = voxels.signed_distance(surface(primitives.box((1.2, 0.9, 1.6))), CELLS, grid(), band)
    np.testing.assert_allclose(measured, np.clip(exact, -band, band), atol=1e-6)


def test_distance_is_in_metres_on_a_stretched_and_turned_grid() -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [0.3, 0.8, -0.5]).as_matrix() @ np.diag([0.05, 0.1, 0.2])
    matrix[:3, 3] = matrix[:3, :3] @ -np.array([20, 12, 6])
    cells = (40, 24, 12)
    away = np.linalg.norm(voxels.cell_centres(cells, matrix), axis=-1)
    measured = voxels.signed_distance(surface(primitives.sphere(0.5)), cells, matrix, 0.3)
    np.testing.assert_allclose(measured, np.clip(away - 0.5, -0.3, 0.3), atol=3e-3)


def test_velocity_of_a_spinning_ball() -> None:
    ball = surface(primitives.sphere(0.8))
    spin, drift = np.array([0.3, -1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    ball = replace(ball, velocity=np.cross(spin, ball.vertices) + drift)
    mask = voxels.occupancy(ball, CELLS, grid())
    velocity = voxels.surface_velocity(ball, CELLS, grid(), mask)
    assert velocity.dtype == np.float32 and not velocity[~mask].any()
    centres = voxels.cell_centres(CELLS, grid())
    away = np.linalg.norm(centres, axis=-1, keepdims=True)
    expected = np.cross(spin, 0.8 * centres / away) + drift
    near = mask & (away[..., 0] > 0.61)
    np.testing.assert_allclose(velocity[near], expected[near], atol=0.03)
    deep = mask & ~near
    assert np.abs(velocity[deep] - expected[deep]).max() < 2.5  # taken over from a cell near by
    assert (velocity[mask] != 0).any(-1).all()


def test_velocity_far_from_any_surface_is_that_of_the_nearest_vertex() -> None:
    around = surface(primitives.box((50.0, 50.0, 50.0)))
    around = replace(around, velocity=np.full_like(around.vertices, 2.0))
    assert (voxels.surface_velocity(around, CELLS, grid(), np.ones(CELLS, bool)) == 2).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 0.9), st.floats(-2.0, 2.0))
def test_a_sphere_without_a_mesh_has_its_cells_wherever_it_is(radius: float, x: float) -> None:
    centre = np.array([x, 0.21, -0.33])
    away = np.linalg.norm(voxels.cell_centres(CELLS, grid()) - centre, axis=-1)
    ball = voxels.sphere(CELLS, grid(), centre, radius)
    assert ball[away < radius - 1e-9].all() and not ball[away > radius + 1e-9].any()


def test_a_part_of_the_grid_says_the_same_as_the_whole() -> None:
    """Only a block of cells around the surface is looked at, wherever it lies in the grid."""
    body = union(surface(primitives.sphere(0.3), (0.4, -0.2, 0.5)), surface(primitives.box((0.9, 0.02, 0.3))))
    body = replace(body, velocity=body.vertices[:, ::-1].copy())
    wide, offset = (40, 44, 60), np.array([8, 12, 16])
    matrix = grid(wide)
    inner = matrix.copy()
    inner[:3, 3] += 0.1 * offset
    part = tuple(slice(low, low + count) for low, count in zip(offset, CELLS, strict=True))
    for look in (voxels.occupancy, voxels.obstacle, voxels.shell, lambda *a: voxels.signed_distance(*a, 0.3)):
        whole, own = look(body, wide, matrix), look(body, CELLS, inner)
        np.testing.assert_allclose(whole[part], own, atol=1e-6)
        outside = np.ones(wide, bool)
        outside[part] = False
        assert len(np.unique(whole[outside])) == 1
    mask = np.zeros(wide, bool)
    mask[part] = True
    moving = voxels.surface_velocity(body, wide, matrix, mask)
    own = voxels.surface_velocity(body, CELLS, inner, mask[part])
    assert (np.abs(moving[part] - own).max(-1) < 1e-5).mean() > 0.99 and not moving[~mask].any()  # ties may differ


def test_two_runs_are_bitwise_equal() -> None:
    body = union(surface(primitives.sphere(0.8)), cup(), surface(primitives.box((1.0, 0.3, 0.2))))
    first, second = (
        [
            voxels.obstacle(body, CELLS, grid()),
            voxels.signed_distance(body, CELLS, grid(), 0.3),
            voxels.surface_velocity(replace(body, velocity=body.vertices), CELLS, grid(), np.ones(CELLS, bool)),
        ]
        for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_makes_no_sense_is_named() -> None:
    ball = surface(primitives.sphere(0.8))
    flat = grid()
    flat[:, 2] = 0
    cases = [
        (ball, CELLS, flat, "invertible"),
        (ball, (4, 0, 4), grid(), "cells is none"),
        (replace(ball, faces=ball.faces + 5000), CELLS, grid(), "vertices"),
        (replace(ball, vertices=ball.vertices * np.nan), CELLS, grid(), "not finite"),
        (replace(ball, velocity=ball.velocity[:3]), CELLS, grid(), "velocities"),
    ]
    for body, cells, matrix, words in cases:
        with pytest.raises(UserError) as raised:
            voxels.occupancy(body, cells, matrix)
        assert words in raised.value.message
    with pytest.raises(UserError):
        voxels.surface_velocity(ball, CELLS, grid(), np.ones((3, 3, 3), bool))
