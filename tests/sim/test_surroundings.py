"""What solvers see of a recording: places and velocities between frames."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import Instances, Role
from simcraft.sim.surroundings import Surroundings

from .recordings import box_body, drifting_particles, recording_of


@pytest.fixture
def sliding() -> Surroundings:
    """A box that slides at 2.4 m/s along x for four frames at 24 fps, and one that stands."""
    places = np.zeros((5, 3))
    places[:, 0] = 0.1 * np.arange(5)
    standing = box_body("still", (1, 1, 1), np.zeros((5, 3)))
    return Surroundings(recording_of((box_body("slider", (1, 1, 1), places), standing), 5))


@pytest.mark.parametrize("time", [0.0, -1e-12, 1 / 48, 0.1, 4 / 24 - 1e-12, 4 / 24, 4 / 24 + 1e-12])
def test_between_frames_a_body_moves_in_a_straight_line(sliding: Surroundings, time: float) -> None:
    surface = sliding.surface("slider", time)
    assert surface.vertices.mean(0) == pytest.approx([2.4 * time, 0, 0], abs=1e-9)
    assert surface.velocity == pytest.approx(np.tile([2.4, 0, 0], (len(surface.vertices), 1)))


@pytest.mark.parametrize(("time", "place"), [(-1.0, 0.0), (5 / 24, 0.4), (9.0, 0.4)])
def test_before_and_after_everything_stands_still(sliding: Surroundings, time: float, place: float) -> None:
    surface = sliding.surface("slider", time)
    assert surface.vertices.mean(0) == pytest.approx([place, 0, 0])
    assert not surface.velocity.any()


def test_it_knows_what_moves(sliding: Surroundings) -> None:
    assert sliding.moves("slider") and not sliding.moves("still")


def turning() -> Surroundings:
    """A box that rests for two frames, turns and drifts for three, and rests again."""
    body = box_body("box", (1, 2, 3), np.zeros((7, 3)))
    poses = np.tile(np.eye(4), (7, 1, 1))
    for frame, angle in enumerate((0, 0, 0.2, 0.5, 0.9, 0.9, 0.9)):
        turn = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        poses[frame, :3, :3], poses[frame, :3, 3] = turn, (angle, 2 * angle, 0)
    return Surroundings(recording_of((replace(body, transforms=poses),), 7))


@pytest.mark.parametrize("frame", [-1.0, 0.0, 1.0, 1.7, 2.5, 3.99, 6.0, 8.0])
def test_a_rigid_body_moves_within_as_on_its_surface(frame: float) -> None:
    surroundings = turning()
    surface, spin = surroundings.surface("box", frame / 24), surroundings.spin("box", frame / 24)
    assert spin is not None
    np.testing.assert_allclose(surface.vertices @ spin[:, :3].T + spin[:, 3], surface.velocity, atol=1e-9)


def test_it_knows_since_when_a_body_rests() -> None:
    surroundings = turning()
    since = [
        24 * surroundings.standing_since("box", frame / 24) for frame in (-5, -1, 0, 0.3, 0.9, 1.2, 3, 4.2, 5.5, 6)
    ]
    assert since == pytest.approx([-1, -1, 0.5, 0.5, 0.5, 1.2, 3, 4.5, 4.5, 4.5])
    for frame in (-5, 0.3, 4.2, 5.5, 6, 9):
        here, there = frame / 24, surroundings.standing_since("box", frame / 24)
        one, other = surroundings.surface("box", here), surroundings.surface("box", there)
        np.testing.assert_array_equal(one.vertices, other.vertices)
        np.testing.assert_array_equal(one.velocity, other.velocity)


def test_copies_are_one_surface() -> None:
    box = box_body("box", (1, 1, 1), np.zeros((3, 3)))
    transforms = np.tile(np.eye(4), (3, 2, 1, 1))
    transforms[:, 1, 2, 3] = 5.0
    copies = Instances("copies", box.mesh, box.vertices, transforms)
    surface = Surroundings(recording_of((copies,), 3)).surface("copies", 0.0)
    count = len(box.vertices)
    assert surface.vertices.shape == (2 * count, 3) and surface.faces.max() == 2 * count - 1
    np.testing.assert_allclose(surface.vertices[count:], surface.vertices[:count] + np.array([0, 0, 5]))


def test_a_role_is_where_its_points_or_its_body_are(sliding: Surroundings) -> None:
    points = np.zeros((5, 1, 3), np.float32)
    points[:, 0, 2] = np.arange(5)
    assert sliding.place(Role("goal", "empty", points=points), 1.5 / 24) == pytest.approx(np.array([[0, 0, 1.5]]))
    assert sliding.place(Role("goal", "slider"), 1 / 24) == pytest.approx(np.array([[0.1, 0, 0]]))


def test_a_thing_drifts_as_its_points_or_its_body_do(sliding: Surroundings) -> None:
    points = np.zeros((5, 2, 3), np.float32)
    points[:, :, 2] = [[0], [0], [1], [2], [2]]
    role = Role("emitter", "empty", points=points)
    assert sliding.moves(role) and not sliding.moves(Role("emitter", "empty", points=points[[0] * 5]))
    assert [sliding.drift(role, frame / 24)[2] for frame in (0.5, 1.5, 9)] == pytest.approx([0, 24, 0])
    assert sliding.drift(Role("emitter", "slider"), 0.01) == pytest.approx([2.4, 0, 0])
    assert 24 * sliding.standing_since(role, 0.01) == pytest.approx(0.5)


def test_a_wrong_name_is_answered_with_those_there_are(sliding: Surroundings) -> None:
    with pytest.raises(UserError, match=r"no body with faces named 'door'.*slider, still"):
        sliding.surface("door", 0)
    only = Surroundings(replace(sliding.recording, bodies=(drifting_particles(5, 1),)))
    with pytest.raises(UserError, match="no body with faces"):
        only.surface("drift", 0)
