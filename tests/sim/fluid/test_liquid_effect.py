"""Liquid in a scene: glasses without thickness, turned domains, taps that move."""

from typing import Any

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import Body, ChangingBody, Effect, Material, Mesh, Particles, Recording, RigidBody, Role
from simcraft.recording.format import check_recording
from simcraft.sim import primitives
from simcraft.sim.effects import simulate_effects
from tests.sim.recordings import box_body, recording_of

FRAMES = 16


def glass(radius: float = 0.3, height: float = 0.6) -> RigidBody:
    """An open cup whose wall and bottom have no thickness."""
    vertices, faces, _ = primitives.revolve(np.array([[0, 0], [0.7 * radius, 0], [radius, height], [0, height]]))
    lid = (np.abs(vertices[faces][:, :, 2] - height) < 1e-9).all(1)
    place = np.tile(np.eye(4), (FRAMES, 1, 1))
    return RigidBody("glass", Mesh(faces[~lid].astype(np.int32)), vertices.astype(np.float32), place)


def still(place: tuple[float, float, float]) -> np.ndarray:
    return np.tile(np.array(place), (FRAMES, 1))


def turned(degrees: float) -> np.ndarray:
    """(4, 4): a box of 1 x 1 x 1.2 metres around the z axis, turned about it; its floor is at -0.1."""
    angle = np.radians(degrees)
    placed = np.eye(4)
    placed[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    placed[:3, :3] = placed[:3, :3] @ np.diag([1, 1, 1.2])
    placed[:3, 3] = -placed[:3, :3] @ [0.5, 0.5, 0.1 / 1.2]
    return placed


def drink(bodies: tuple[Body, ...], box_to_world: np.ndarray, roles: tuple[Role, ...], **settings: Any) -> Recording:
    given = {"resolution": 24, "output": "particles", **settings}
    return recording_of(bodies, FRAMES, 24, (Effect("liquid", "drink", box_to_world, given, roles),))


@pytest.mark.parametrize(("degrees", "resolution"), [(0.0, 24), (30.0, 17)])
def test_a_glass_without_thickness_holds_what_is_in_it(degrees: float, resolution: int) -> None:
    content = box_body("content", (0.16, 0.16, 0.35), still((0.0, 0.0, 0.25)))
    roles = (Role("emitter", "content"), Role("obstacle", "glass"))
    recording = simulate_effects(drink((glass(), content), turned(degrees), roles, resolution=resolution))
    liquid = recording.bodies[-1]
    assert isinstance(liquid, Particles) and liquid.name == "drink" and liquid.present is None
    check_recording(recording)
    cell = 1.2 / resolution
    radius = np.linalg.norm(liquid.positions[..., :2], axis=-1)
    wall = 0.21 + 0.15 * np.clip(liquid.positions[..., 2], 0, 0.6)
    assert (radius < wall + 0.6 * cell).all()
    assert liquid.positions[..., 2].min() > -0.6 * cell
    assert liquid.positions[-1, :, 2].mean() < liquid.positions[0, :, 2].mean() - 0.05  # it has spread to the wall
    volume = len(liquid.radius) / 8 * cell**3
    assert volume == pytest.approx(0.16 * 0.16 * 0.35, rel=0.2)


def test_a_tap_pours_along_its_own_axis_and_the_mesh_has_velocity_and_a_material() -> None:
    tap = box_body("tap", (0.2, 0.2, 0.2), still((0.0, 0.0, 0.8)))
    tap.transforms[:, :3, :3] = np.diag([1.0, -1.0, -1.0])  # upside down
    roles = (Role("emitter", "tap", {"once": False, "speed": 1.5}),)
    scene = drink((tap,), turned(30), roles, output="mesh", gravity=0.0, resolution=16)
    scene = Recording(**{**vars(scene), "materials": (Material("grey"),)})
    recording = simulate_effects(scene)
    liquid = recording.bodies[-1]
    assert isinstance(liquid, ChangingBody) and liquid.velocity is not None
    check_recording(recording)
    assert recording.materials[liquid.material].name == "water"
    first = slice(0, liquid.vertex_offsets[1])
    last = slice(liquid.vertex_offsets[-2], liquid.vertex_offsets[-1])
    np.testing.assert_allclose(np.median(liquid.velocity[first], axis=0), [0, 0, -1.5], atol=0.05)
    fallen = liquid.vertices[first, 2].min() - liquid.vertices[last, 2].min()
    assert fallen == pytest.approx(min(1.5 * (FRAMES - 1) / 24, 0.8), abs=0.15)


def test_a_moving_box_pushes_and_a_tilted_domain_still_falls_down() -> None:
    x = np.linspace(-0.7, -0.2, FRAMES)
    pusher = box_body("pusher", (0.6, 1.1, 0.9), np.stack([x, 0 * x, 0 * x + 0.3], 1))
    pool = box_body("pool", (0.5, 0.9, 0.2), still((0.2, 0.0, 0.02)))
    roles = (Role("emitter", "pool"), Role("obstacle", "pusher"))
    recording = simulate_effects(drink((pusher, pool), turned(0), roles, resolution=16))
    positions = recording.bodies[-1].positions  # type: ignore[union-attr]
    assert positions[-1, :, 0].min() > x[-1] + 0.3 - 1.2 / 16
    tipped = np.eye(4)
    tipped[:3, :3] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]  # the box's x axis points along the world's y
    tipped[:3, 3] = [-0.5, -0.5, -0.5]
    drop = box_body("drop", (0.3, 0.3, 0.3), still((0.0, 0.0, 0.2)))
    recording = simulate_effects(drink((drop,), tipped, (Role("emitter", "drop"),), resolution=12))
    positions = recording.bodies[-1].positions  # type: ignore[union-attr]
    expected = positions[0].mean(0) - [0, 0, 9.81 / 2 * (4 / 24) ** 2]
    np.testing.assert_allclose(positions[4].mean(0), expected, atol=0.05)  # half a cell, the error of a step


def test_a_moving_source_without_a_speed_fills_up_again_and_gives_its_own_speed() -> None:
    x = np.linspace(-0.3, 0.3, FRAMES)
    source = box_body("source", (0.2, 0.2, 0.2), np.stack([x, 0 * x, 0 * x + 0.8], 1))
    roles = (Role("emitter", "source", {"once": False, "speed": 0.0}),)
    liquid = simulate_effects(drink((source,), turned(0), roles, resolution=16)).bodies[-1]
    assert isinstance(liquid, Particles) and liquid.present is not None and liquid.velocity is not None
    there = liquid.present.sum(1)
    assert there[-1] > 2 * there[0]
    new = liquid.present[5] & ~liquid.present[4]
    # what was born within the frame has not slowed down yet, but it falls
    assert np.median(liquid.velocity[5, new, 0]) == pytest.approx(0.6 / (FRAMES - 1) * 24, rel=0.1)


def test_points_emit_and_what_makes_no_sense_is_refused() -> None:
    body = box_body("thing", (0.2, 0.2, 0.2), still((0.0, 0.0, 0.5)))
    spring = Role("emitter", "spring", {"once": False}, points=np.zeros((FRAMES, 1, 3), np.float32) + 0.4)
    recording = simulate_effects(drink((body,), turned(0), (spring,), resolution=12))
    assert recording.bodies[-1].present.any(1).all()  # type: ignore[union-attr]
    with pytest.raises(UserError, match="no emitter"):
        simulate_effects(drink((body,), turned(0), (Role("obstacle", "thing"),)))
    with pytest.raises(UserError, match="nobody"):
        simulate_effects(drink((body,), turned(0), (Role("emitter", "nobody"),)))
    with pytest.raises(UserError, match="flat"):
        simulate_effects(drink((body,), np.diag([1.0, 1.0, 0.0, 1.0]), (Role("emitter", "thing"),)))
