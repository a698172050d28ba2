"""What materials run into: measured rightly, pushing, and never passed through."""

import numpy as np
import pytest

from simcraft.recording import DeformingBody, Mesh, Recording, RigidBody
from simcraft.sim import primitives
from simcraft.sim.mpm.obstacles import (
    STICKY,
    THINNEST,
    node_places,
    still_obstacles,
    surrounding_obstacles,
    thickened,
)
from simcraft.sim.mpm.state import Domain
from simcraft.sim.mpm.substances import LAWS
from simcraft.sim.surroundings import Surroundings

from ..recordings import box_body, recording_of
from .materials import box_domain, last, piece, run

FRAMES = 13


def drum(turn: float = 0.0, frames: int = FRAMES) -> RigidBody:
    """A long box around the middle of the domain that turns by `turn` radians a frame about the vertical."""
    vertices, faces, _ = primitives.box((0.5, 0.25, 0.5))
    transforms = np.tile(np.eye(4), (frames, 1, 1))
    transforms[:, :3, 3] = 0.5
    angle = turn * np.arange(frames)
    transforms[:, 0, 0] = transforms[:, 1, 1] = np.cos(angle)
    transforms[:, 1, 0], transforms[:, 0, 1] = np.sin(angle), -np.sin(angle)
    return RigidBody("drum", Mesh(faces), vertices.astype(np.float32), transforms)


def box_distance(places: np.ndarray, half: tuple[float, float, float]) -> np.ndarray:
    """Signed distance of places (..., 3) to a box about the origin."""
    beyond = np.abs(places) - np.array(half)
    return np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(-1), 0)


def around(domain: Domain, recording: Recording, *names: str, friction: float = 0.0):
    return surrounding_obstacles(domain, np.eye(4), Surroundings(recording), [(name, friction) for name in names])


def test_a_turning_body_is_where_it_is_and_moves_as_it_does() -> None:
    domain = box_domain(3, 24)
    obstacles = around(domain, recording_of((drum(0.1),), FRAMES), "drum")
    time = 2.5 / 24
    field = obstacles.at(domain, time)
    assert len(obstacles.moving) == 1 and obstacles.still.distance.min() > 0
    places = node_places(domain).reshape(-1, 3) - 0.5
    angle = 0.25
    local = places @ np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    true = box_distance(local, (0.25, 0.125, 0.25))
    near = np.abs(true) < 0.08
    np.testing.assert_allclose(field.distance[near], true[near], atol=0.015)
    inside = true < -0.02
    turning = 0.1 * 24 * np.stack([-places[:, 1], places[:, 0], np.zeros(len(places))], axis=1)
    np.testing.assert_allclose(field.velocity[inside], turning[inside], atol=0.01)
    assert obstacles.fastest(time) >= np.abs(turning[inside]).max()


def test_a_bending_body_is_measured_in_every_frame() -> None:
    domain = box_domain(3, 16)
    rigid = drum()
    moved = rigid.vertices[None] + 0.5 + np.linspace(0, 0.1, FRAMES)[:, None, None] * np.array([1.0, 0, 0])
    body = DeformingBody("drum", rigid.mesh, moved.astype(np.float32))
    field = around(domain, recording_of((body,), FRAMES), "drum").at(domain, 6.5 / 24)
    inside = field.distance < 0
    there = np.array([0.5 + 6.5 / 12 * 0.1, 0.5, 0.5])
    true = box_distance(node_places(domain).reshape(-1, 3) - there, (0.25, 0.125, 0.25))
    np.testing.assert_allclose(field.distance[inside], true[inside], atol=1e-5)
    assert inside.sum() == (true < 0).sum()
    np.testing.assert_allclose(field.velocity[inside], np.tile([0.2, 0, 0], (inside.sum(), 1)), atol=1e-5)


def test_thin_parts_become_thick_enough_and_thick_ones_stay() -> None:
    step = spacing = 0.1
    x = (np.indices((40, 40, 40)) * step).transpose(1, 2, 3, 0)
    cube = box_distance(x - 2.0, (1.0, 1.0, 1.0)).astype(np.float32)
    np.testing.assert_array_equal(thickened(cube, True, step, spacing), cube)
    sheet = (np.abs(x[..., 0] - 2.03) - 0.01).astype(np.float32)  # no node is inside
    np.testing.assert_allclose(thickened(sheet, True, step, spacing).min(), 0.02 - THINNEST * spacing, atol=1e-6)
    slab = (np.abs(x[..., 0] - 2.03) - 0.08).astype(np.float32)  # thick enough, which the points do not quite see
    assert 0 <= (slab - thickened(slab, True, step, spacing)).max() < 0.03
    fin = np.minimum(cube, np.where(x[..., 2] > 2.0, np.maximum(sheet, x[..., 2] - 3.6), 9.0)).astype(np.float32)
    both = thickened(fin, True, step, spacing)
    assert both[20, 20, 35] < 0  # in the fin, far above the cube
    np.testing.assert_array_equal(both[:, :, :17], cube[:, :, :17])


@pytest.mark.parametrize("law", ["jelly", "sand"])
def test_a_paddle_pushes_and_gives_its_speed(law: str) -> None:
    places = np.stack([0.1 + 0.4 / 24 * np.arange(FRAMES), np.full(FRAMES, 0.5), np.full(FRAMES, 0.3)], axis=1)
    paddle = box_body("paddle", (0.15, 0.9, 0.6), places)
    domain = box_domain(3, 16, gravity=0.0, friction=0.0)
    obstacles = around(domain, recording_of((paddle,), FRAMES), "paddle")
    setup, state = piece(domain, law, (0.2, 0.3, 0.2), (0.4, 0.7, 0.4), obstacles=obstacles, stiffness=2e4)
    start = state.position[:, 0].mean()
    state = last(setup, state, 0.45)
    assert state.position[:, 0].mean() > start + 0.1
    # jelly is at least as fast as the paddle; of sand some flies aside, and what is thinned out presses no more
    assert state.velocity[:, 0].mean() > (0.38 if law == "jelly" else 0.25)
    # nothing is left behind or inside: the paddle's front is at 0.175 + 0.4 t
    assert state.position[:, 0].min() > 0.175 + 0.4 * 0.45 - 0.25 * domain.spacing


@pytest.mark.parametrize("law", LAWS)
def test_nothing_passes_through_an_open_sheet(law: str) -> None:
    sheet = np.array([[-1, -1, 0.4], [2, -1, 0.4], [2, 2, 0.4], [-1, 2, 0.4]], np.float32)
    mesh = Mesh(np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    body = RigidBody("sheet", mesh, sheet, np.tile(np.eye(4), (2, 1, 1)))
    domain = box_domain(3, 16)
    obstacles = around(domain, recording_of((body,), 2), "sheet", friction=0.3)
    setup, state = piece(domain, law, (0.3, 0.3, 0.6), (0.7, 0.7, 0.9), (0.0, 0.0, -8.0), obstacles)
    lowest = min(following.position[:, 2].min() for following in run(setup, state, 0.25))
    assert 0.4 < lowest < 0.5


def test_friction_holds_slips_and_sticks() -> None:
    """A block slides on a floor: it stops after v² / (2 mu g), or never, or at once."""
    domain = box_domain(2, 24, friction=0.0)
    distance = node_places(domain)[..., 1] - 0.25
    moved = {}
    for friction in (0.0, 0.5, STICKY):
        obstacles = still_obstacles(domain, distance, friction)
        setup, state = piece(domain, "jelly", (0.1, 0.25), (0.4, 0.4), (1.0, 0.0), obstacles, stiffness=1e5)
        places = {s.time: s.position[:, 0].mean() for s in (state, *run(setup, state, 0.4))}
        late = [place for time, place in places.items() if time > 0.3]  # when it trembles around its last place
        moved[friction] = np.mean(late) - places[0.0]
    assert moved[0.0] == pytest.approx(0.35, rel=0.02)
    assert moved[0.5] == pytest.approx(1 / (2 * 0.5 * 9.81), rel=0.25)
    assert moved[STICKY] < 0.06
