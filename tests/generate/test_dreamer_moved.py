"""A first frame, moved: along arrows, by the camera, and by both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from simcraft.generate.motion_dreamer.arrows import InstanceFlow
from simcraft.generate.motion_dreamer.moved import moved
from simcraft.generate.motion_dreamer.representation import Representation

FRAMES, HEIGHT, WIDTH = 4, 24, 32
STILL = np.tile(np.eye(4), (FRAMES, 1, 1))
INTRINSICS = np.array([[40.0, 0, WIDTH / 2], [0, 40.0, HEIGHT / 2], [0, 0, 1]])
SQUARE, POST = 1, 2
WALL, NEAR = 10.0, 5.0
"""Metres."""


@pytest.fixture
def first() -> Representation:
    """A square and a post before a wall; above it is the sky."""
    labels, depth = np.zeros((1, HEIGHT, WIDTH), np.uint8), np.full((1, HEIGHT, WIDTH), WALL, np.float32)
    depth[0, :4] = np.inf
    labels[0, 8:16, 6:14], depth[0, 8:16, 6:14] = SQUARE, NEAR
    labels[0, 8:20, 24:26], depth[0, 8:20, 24:26] = POST, NEAR + 1
    nothing = np.zeros((1, HEIGHT, WIDTH, 2), np.float32)
    return Representation(nothing, np.ones((1, HEIGHT, WIDTH), bool), labels, depth, (7, 9))


def told(first: Representation, arrows: dict[int, tuple[float, float]]) -> InstanceFlow:
    flow, known = np.zeros((HEIGHT, WIDTH, 2), np.float32), np.zeros((HEIGHT, WIDTH), bool)
    assert first.segmentation is not None
    for label, arrow in arrows.items():
        mine = first.segmentation[0] == label
        flow[mine], known[mine] = arrow, True
    return InstanceFlow(flow, known)


def travelled(**metres: float) -> np.ndarray:
    """Poses of a camera that moves evenly so far along its axes by the last frame."""
    poses = STILL.copy()
    for axis, name in enumerate("xyz"):
        poses[:, axis, 3] = np.linspace(0, metres.get(name, 0.0), FRAMES)
    return poses


def test_without_arrows_and_camera_nothing_moves(first: Representation) -> None:
    found = moved(first, told(first, {}), STILL, INTRINSICS)
    for t in range(FRAMES):
        assert first.segmentation is not None and first.depth is not None
        np.testing.assert_array_equal(found.representation.segmentation[t], first.segmentation[0])
        np.testing.assert_array_equal(found.representation.depth[t], first.depth[0])
    assert not found.representation.flow.any() and found.representation.flow_valid.all()
    assert found.representation.ids == first.ids


def test_an_arrow_moves_its_instance_and_the_wall_closes_behind_it(first: Representation) -> None:
    found = moved(first, told(first, {SQUARE: (3.0, 1.0), POST: (0.0, 0.0)}), STILL)
    labels, depth = found.representation.segmentation, found.representation.depth
    assert labels is not None and depth is not None
    for t in range(FRAMES):
        mine = np.zeros((HEIGHT, WIDTH), bool)
        mine[8 + t : 16 + t, 6 + 3 * t : 14 + 3 * t] = True
        np.testing.assert_array_equal(labels[t] == SQUARE, mine)
        np.testing.assert_array_equal(depth[t][mine], NEAR)
        if t:
            np.testing.assert_allclose(found.representation.flow[t][mine], np.tile((-3, -1), (mine.sum(), 1)))
            assert not found.representation.flow[t][~mine].any()
        assert (depth[t][8:12, 4:6] == WALL).all() and (labels[t] == POST).sum() == 24
    assert (depth[3][8:16, 6:8] == WALL).all()  # what it has left


def test_the_nearer_one_covers_the_other(first: Representation) -> None:
    over = moved(first, told(first, {SQUARE: (5.5, 0.0)}), STILL).representation
    assert over.segmentation is not None and (over.segmentation[3][8:16, 24:26] == SQUARE).all()
    assert first.depth is not None
    behind = replace(first, depth=np.where(first.segmentation == SQUARE, NEAR + 2, first.depth).astype(np.float32))
    under = moved(behind, told(first, {SQUARE: (5.5, 0.0)}), STILL).representation
    assert under.segmentation is not None and (under.segmentation[3][8:20, 24:26] == POST).all()
    unknown = moved(replace(first, depth=None), told(first, {SQUARE: (5.5, 0.0)}), STILL).representation
    assert unknown.depth is None and (unknown.segmentation[3][8:16, 24:26] == SQUARE).all()


def test_what_stands_still_moves_as_the_camera_makes_it(first: Representation) -> None:
    """To the right by a metre: 40 px over the depth to the left, and the sky not at all."""
    found = moved(first, told(first, {}), travelled(x=1.5), INTRINSICS).representation
    assert found.segmentation is not None and found.depth is not None
    square = found.segmentation[3] == SQUARE
    np.testing.assert_allclose(found.flow[3][square], np.tile((40 * 0.5 / NEAR, 0), (square.sum(), 1)), atol=1e-4)
    # 12 px to the left: of 8 columns 2 are left; what it uncovers, up to where the wall is seen again, is shared out
    assert square[8:16, 0:2].all() and not square[:, 6:].any()
    np.testing.assert_allclose(found.flow[3][20:, 5:20], np.tile((40 * 0.5 / WALL, 0), (4, 15, 1)), atol=1e-4)
    assert np.isinf(found.depth[3][:4]).all() and np.abs(found.flow[:, :4]).max() < 1e-3


def test_what_comes_nearer_has_no_cracks(first: Representation) -> None:
    found = moved(first, told(first, {}), travelled(z=2.0), INTRINSICS)
    labels, depth = found.representation.segmentation, found.representation.depth
    assert labels is not None and depth is not None
    rows, columns = np.nonzero(labels[3] == SQUARE)
    assert (labels[3][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] == SQUARE).all()
    assert len(rows) == pytest.approx(64 * (NEAR / (NEAR - 2)) ** 2, rel=0.2)
    np.testing.assert_allclose(depth[3][labels[3] == SQUARE], NEAR - 2, rtol=1e-6)


def test_an_arrow_counts_beyond_what_the_camera_does(first: Representation) -> None:
    """An arrow that says what the camera makes of the square at rest says that it is at rest."""
    poses = travelled(y=0.3)
    camera = -40 * 0.1 / NEAR
    at_rest = moved(first, told(first, {}), poses, INTRINSICS).representation
    same = moved(first, told(first, {SQUARE: (0.0, camera)}), poses, INTRINSICS).representation
    np.testing.assert_array_equal(same.flow, at_rest.flow)
    more = moved(first, told(first, {SQUARE: (2.0, camera)}), poses, INTRINSICS).representation
    assert more.segmentation is not None
    np.testing.assert_allclose(more.flow[2][more.segmentation[2] == SQUARE].mean(0), (-2.0, -camera), atol=1e-4)


def test_a_camera_that_turns_moves_the_sky_too(first: Representation) -> None:
    poses = STILL.copy()
    poses[:, :3, :3] = Rotation.from_euler("y", np.linspace(0, 0.3, FRAMES)[:, None]).as_matrix()
    found = moved(replace(first, depth=None), told(first, {}), poses, INTRINSICS).representation
    middle = found.flow[1][HEIGHT // 2 - 1 : HEIGHT // 2 + 1, WIDTH // 2 - 1 : WIDTH // 2 + 1]
    np.testing.assert_allclose(middle[..., 0], 40 * np.tan(0.1), rtol=0.02)
    np.testing.assert_array_equal(moved(first, told(first, {}), poses, None).representation.flow, 0)


def test_pictures_move_as_labels_do(first: Representation) -> None:
    found = moved(first, told(first, {SQUARE: (3.0, 1.0)}), travelled(x=0.4), INTRINSICS)
    assert first.segmentation is not None
    np.testing.assert_array_equal(found.picture(first.segmentation[0]), found.representation.segmentation)
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    assert found.picture(image).shape == (FRAMES, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(found.picture(image)[0], image)


def test_a_picture_that_all_has_left_is_held_on_to(first: Representation) -> None:
    found = moved(first, told(first, {}), travelled(z=30.0), INTRINSICS).representation
    assert np.isfinite(found.flow).all() and found.segmentation is not None
