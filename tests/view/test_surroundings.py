"""The view is cut to where something happens."""

from __future__ import annotations

import numpy as np

from simcraft.recording import Mesh
from simcraft.view.bodies import MOST_POINTS, vertex_normals, volume_points
from simcraft.view.surroundings import Region, cut, region_of
from tests.scenes import SQUARE_FACES, sliding_square
from tests.view.scenes import every_kind


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = np.moveaxis(vertices.astype(float)[faces], 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=-1).sum() / 2)


def test_a_floor_is_cut_to_the_region_with_its_texture() -> None:
    corners = np.array([[-50, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]], np.float32)
    uv = (corners[SQUARE_FACES][..., :2] * 0.1).astype(np.float32)
    mesh = Mesh(SQUARE_FACES, uv, np.array([3, 4], np.int32))
    region = Region(np.array([-1.0, -2, -1]), np.array([5.0, 7, 1]))
    part, vertices = cut(mesh, corners, region)
    assert region.holds(vertices)
    np.testing.assert_allclose(area(vertices, part.faces), 6 * 9, rtol=1e-6)
    assert part.uv is not None and part.face_material is not None
    np.testing.assert_allclose(part.uv.reshape(-1, 2), vertices[:, :2] * 0.1, atol=1e-6)
    assert set(part.face_material) == {3, 4}
    assert len(part.face_material) == len(part.faces)


def test_what_lies_outside_is_gone_and_what_lies_inside_is_whole() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    inside, vertices = cut(Mesh(SQUARE_FACES), corners, Region(np.full(3, -2.0), np.full(3, 2.0)))
    assert len(inside.faces) == 2
    assert area(vertices, inside.faces) == 1
    outside, _ = cut(Mesh(SQUARE_FACES), corners, Region(np.full(3, 5.0), np.full(3, 6.0)))
    assert len(outside.faces) == 0


def test_the_region_holds_all_that_moves_and_not_the_horizon() -> None:
    region = region_of(every_kind())
    assert region is not None
    assert region.holds(np.array([[-0.3, 0, -0.3], [0.6, 0, 0.3], [1.3, 0, 1.3], [0.2, -0.4, -0.8], [0, 0, 0.9]]))
    assert (region.high - region.low).max() < 20  # of the floor's 200 m
    assert region_of(sliding_square(speed=0.0)) is None


def test_volumes_are_reduced_without_losing_wisps() -> None:
    volume = every_kind().bodies[-1]
    places, radii, _ = volume_points(volume, 1, (200, 200, 200))  # type: ignore[arg-type]
    assert len(places) == 2 * 2 * 2  # cells 1 and 2 across, 0 and 1 upwards
    np.testing.assert_allclose(places.min(0), [0.2 + 1.5 * 0.2, -0.4 + 1.5 * 0.2, -0.8 + 0.5 * 0.2], atol=1e-6)
    assert (radii > 0).all()
    dense = np.ones((1, 64, 64, 64), np.float32)
    dense[0, 0, 0, 0] = 10
    big = type(volume)("big", dense, np.zeros((1, 1, 1, 1, 3), np.float32), np.eye(4)[None])  # type: ignore[call-arg]
    places, radii, _ = volume_points(big, 0, (200, 200, 200))  # type: ignore[arg-type]
    assert 1000 < len(places) <= MOST_POINTS
    assert radii.argmax() == np.linalg.norm(places, axis=1).argmin()  # the dense cell is still the largest dot


def test_normals_of_a_folded_sheet() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [9, 9, 9]], float)
    np.testing.assert_allclose(vertex_normals(vertices, SQUARE_FACES), np.tile([0, 0, 1], (5, 1)))
