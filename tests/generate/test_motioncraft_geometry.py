"""What an inpainting network is told of surfaces, against planes and spheres whose normals are known."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import first_frame, pixel_centres
from simcraft.generate.motioncraft.geometry import CHANNELS, Geometry, normals_of

INTRINSICS = np.array([[50.0, 0, 24], [0, 60.0, 16], [0, 0, 1]])
HEIGHT, WIDTH = 32, 48
CELLS = (WIDTH // 4, HEIGHT // 4)


def rays() -> np.ndarray:
    """(H, W, 3) directions of depth 1."""
    xy = (pixel_centres(HEIGHT, WIDTH) - INTRINSICS[:2, 2]) / INTRINSICS[[0, 1], [0, 1]]
    return np.concatenate([xy, np.ones((HEIGHT, WIDTH, 1))], -1)


def plane_depth(normal: np.ndarray, distance: float) -> np.ndarray:
    """Planar depth (H, W) of the plane normal . p = -distance."""
    return np.asarray(-distance / (rays() @ normal), np.float32)


@pytest.mark.parametrize("direction", [(0, 0, -1), (0.3, -0.5, -1), (-0.6, 0.2, -0.7)])
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_normals_of_a_plane_are_its_own(direction: tuple[float, float, float], projection: str) -> None:
    normal = np.array(direction) / np.linalg.norm(direction)
    if projection == "perspective":
        depth = plane_depth(normal, 3.0)
    else:
        depth = (-3 - rays()[..., :2] @ normal[:2]) / normal[2]
    np.testing.assert_allclose(
        normals_of(depth, INTRINSICS, projection), np.broadcast_to(normal, (32, 48, 3)), atol=2e-5
    )


def test_silhouettes_keep_the_normals_of_both_sides() -> None:
    """A square in front of a tilted plane: no pixel takes the step between them for a surface."""
    tilted = np.array([0.3, -0.5, -1]) / np.linalg.norm([0.3, -0.5, -1])
    depth = plane_depth(tilted, 5.0)
    depth[8:20, 10:30] = 1.5
    normals = normals_of(depth, INTRINSICS)
    expected = np.broadcast_to(tilted, normals.shape).copy()
    expected[8:20, 10:30] = (0, 0, -1)
    np.testing.assert_allclose(normals, expected, atol=1e-4)


def test_normals_of_a_sphere_point_away_from_its_centre() -> None:
    centre, radius = np.array([0.2, -0.1, 4.0]), 1.0
    direction = rays()
    a, b = (direction**2).sum(-1), direction @ centre
    inside = b**2 - a * (centre @ centre - radius**2)
    z = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)
    expected = (direction * np.where(np.isfinite(z), z, 0)[..., None] - centre) / radius
    normals = normals_of(z.astype(np.float32), INTRINSICS)
    facing = np.isfinite(z) & (-(expected * direction).sum(-1) / np.sqrt(a) > 0.5)
    assert facing.sum() > 100
    assert (normals * expected).sum(-1)[facing].min() > np.cos(np.radians(10))
    assert not normals[~np.isfinite(z)].any()


def moving_camera(turn: float) -> MotionClip:
    """Two frames of a wall; the camera turns by `turn` radians about its own upright axis."""
    wall = np.array([0.0, 0, -1])
    turned = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    poses = np.stack([np.eye(4)] * 2)
    poses[1, :3, :3] = turned
    depth = np.stack([plane_depth(wall, 4.0), plane_depth(turned.T @ wall, 4.0)])
    nothing = np.zeros((1, HEIGHT, WIDTH, 2), np.float32)
    valid = np.ones((1, HEIGHT, WIDTH), bool)
    return MotionClip(
        image=np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        flow_forward=nothing,
        flow_backward=nothing,
        flow_valid_forward=valid,
        flow_valid_backward=valid,
        depth=depth,
        intrinsics=np.stack([INTRINSICS] * 2),
        camera_to_world=poses,
    )


def test_a_wall_faces_where_it_did_when_the_camera_turns() -> None:
    clip = moving_camera(0.3)
    geometry = Geometry(clip, first_frame(clip))
    for t in range(2):
        np.testing.assert_allclose(geometry.at(t, CELLS)[1:4].transpose(1, 2, 0), [[(0, 0, -1)] * 12] * 8, atol=1e-4)
    assert geometry.at(0, CELLS).shape == (CHANNELS, 8, 12)
    np.testing.assert_allclose(geometry.at(0, CELLS)[0], 0.5, atol=1e-6)


def test_the_first_frames_surfaces_come_along_with_their_points() -> None:
    """All moves 4 pixels to the right: what was a cell to the left is here, and the left border was not seen."""
    clip = moving_camera(0.0)
    flow = np.zeros((1, HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = 4
    seen = np.ones((1, HEIGHT, WIDTH), bool)
    seen[:, :, :4] = False
    tilted = np.asarray(clip.depth).copy()
    tilted[0] = plane_depth(np.array([0.5, 0, -np.sqrt(0.75)]), 4.0)
    moved = replace(clip, depth=tilted, flow_forward=flow, flow_backward=-flow, visible_backward=seen)
    geometry = Geometry(moved, first_frame(moved))
    now, first = geometry.at(1, CELLS), geometry.at(0, CELLS)
    np.testing.assert_array_equal(first[4:], first[:4])
    np.testing.assert_allclose(now[4:, :, 1:], first[:4, :, :-1], atol=1e-6)
    assert not now[4:, :, 0].any()


def test_without_depth_or_camera_nothing_is_told() -> None:
    clip = moving_camera(0.2)
    for missing in ("depth", "intrinsics", "camera_to_world"):
        without = replace(clip, **{missing: None})
        assert not Geometry(without, first_frame(without)).at(1, CELLS).any()
