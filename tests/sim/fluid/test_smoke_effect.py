"""Smoke and fire in a scene: bodies emit and obstruct, wherever and however turned the domain is."""

from typing import Any

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import Body, Effect, Recording, Role, Volume
from simcraft.recording.format import check_recording
from simcraft.sim.effects import simulate_effects, solver_of
from simcraft.sim.fluid.boundary import Obstacle
from simcraft.sim.fluid.smoke_effect import open_but_lowest
from simcraft.sim.surroundings import Surroundings
from tests.sim.recordings import box_body, recording_of

FRAMES = 6


def still(x: float, y: float, z: float) -> np.ndarray:
    return np.tile([[x, y, z]], (FRAMES, 1)).astype(float)


def box(low: tuple[float, ...] = (-0.5, -0.4, 0.0), size: tuple[float, ...] = (1.0, 0.8, 1.2)) -> np.ndarray:
    """A domain on the ground."""
    matrix = np.diag([*size, 1.0])
    matrix[:3, 3] = low
    return matrix


def scene(
    kind: str = "smoke",
    *others: Role,
    bodies: tuple[Body, ...] = (),
    domain: np.ndarray | None = None,
    emitter: dict[str, Any] | None = None,
    **settings: Any,
) -> Recording:
    """A burner at the bottom of the domain."""
    effect = Effect(
        kind,
        "Plume",
        box() if domain is None else domain,
        {"resolution": 24, **settings},
        (Role("emitter", "burner", emitter or {}), *others),
    )
    burner = box_body("burner", (0.3, 0.3, 0.2), still(0, 0, 0.1))
    return recording_of((burner, *bodies), FRAMES, fps=12, effects=(effect,))


def simulated(recording: Recording) -> Volume:
    made = simulate_effects(recording)
    check_recording(made)
    body = made.bodies[-1]
    assert isinstance(body, Volume)
    return body


def middle(volume: Volume, frame: int) -> np.ndarray:
    """(3,) world: centre of mass of the density."""
    density = volume.density[frame].astype(np.float64)
    cells = np.moveaxis(np.indices(density.shape), 0, -1) + 0.5
    place = (density[..., None] * cells).sum((0, 1, 2)) / density.sum()
    matrix = volume.grid_to_world[frame]
    found: np.ndarray = matrix[:3, :3] @ place + matrix[:3, 3]
    return found


def test_smoke_rises_from_its_emitter() -> None:
    volume = simulated(scene(heat_buoyancy=6.0))
    assert volume.name == "Plume" and volume.glow is None
    assert volume.density.shape == (FRAMES, 20, 16, 24)
    np.testing.assert_allclose(np.linalg.norm(volume.grid_to_world[0][:3, :3], axis=0), 0.05)
    np.testing.assert_allclose(middle(volume, 1), [0, 0, 0.1], atol=0.03)
    assert middle(volume, -1)[2] > middle(volume, 1)[2] + 0.05
    assert volume.velocity[-1, ..., 2].max() > 0.3
    assert 12 < volume.density[-1].max() < 1.3 * 12


def test_the_warm_up_is_over_in_the_first_frame() -> None:
    early = simulated(scene(warm_up=0.5))
    assert early.density[0].max() > 1 and simulated(scene()).density[0].max() == 0


def test_fire_glows_and_leaves_soot() -> None:
    volume = simulated(scene("fire"))
    assert volume.glow is not None and 0.5 < volume.glow.max() <= 1
    assert 0 < volume.density[-1].max() < volume.density.max() + 1
    assert volume.velocity[-1, ..., 2].max() > 0.2


def test_a_turned_domain_knows_where_up_is() -> None:
    """Lying on its side, the box's own z axis along the world's x: smoke still rises in the world."""
    turned = np.eye(4)
    turned[:3, 0], turned[:3, 1], turned[:3, 2] = (0, 0, 1.2), (0, 0.8, 0), (-1.0, 0, 0)
    turned[:3, 3] = (0.5, -0.4, 0)
    assert np.linalg.det(turned[:3, :3]) > 0
    lying, upright = simulated(scene(domain=turned, heat_buoyancy=6.0)), simulated(scene(heat_buoyancy=6.0))
    np.testing.assert_allclose(middle(lying, -1), middle(upright, -1), atol=0.02)
    fastest = lying.velocity[-1].reshape(-1, 3)[np.abs(lying.velocity[-1]).max(-1).argmax()]
    assert fastest[2] > 0.3 and abs(fastest[2]) > abs(fastest[0])


def test_the_floor_is_the_lowest_side() -> None:
    assert open_but_lowest(np.array([0.0, 0, 1])) == ((True, True), (True, True), (False, True))
    assert open_but_lowest(np.array([0.0, 0, -1])) == ((True, True), (True, True), (True, False))
    assert open_but_lowest(np.array([0.9, 0.3, 0])) == ((False, True), (True, True), (True, True))


def test_smoke_goes_around_an_obstacle() -> None:
    plate = box_body("plate", (0.4, 0.4, 0.1), still(0, 0, 0.35))
    volume = simulated(scene("smoke", Role("obstacle", "plate"), bodies=(plate,), heat_buoyancy=8.0))
    inside = volume.density[-1, 7:13, 5:11, 7]
    assert (inside == 0).all() and (volume.velocity[-1, 7:13, 5:11, 7] == 0).all()
    assert volume.density[-1].sum() > 0


def test_a_moving_obstacle_pushes_the_air() -> None:
    places = still(-0.3, 0, 0.7)
    places[:, 0] += 0.06 * np.arange(FRAMES)
    block = box_body("block", (0.25, 0.25, 0.25), places)
    recording = scene("smoke", Role("obstacle", "block"), bodies=(block,))
    solver = solver_of(recording.effects[0], Surroundings(recording), 0)
    config = solver.init.args[0]  # type: ignore[attr-defined]
    now = config.obstacle(0.2)
    assert isinstance(now, Obstacle) and now.velocity is not None
    np.testing.assert_allclose(now.velocity[now.cells], np.tile([0.72, 0, 0], (now.cells.sum(), 1)), atol=1e-5)
    volume = simulated(recording)
    at = np.linalg.inv(volume.grid_to_world[0]) @ [*(places[-1] + [0.16, 0, 0]), 1]
    assert volume.velocity[-1][tuple(at[:3].astype(int))][0] > 0.3


def test_an_obstacle_at_rest_is_looked_at_once() -> None:
    """It stands until the third frame; the tower that nobody has pushed yet costs nothing."""
    places = still(-0.3, 0, 0.7)
    places[3:, 0] += 0.06 * np.arange(1, FRAMES - 2)
    block = box_body("block", (0.25, 0.25, 0.25), places)
    recording = scene("smoke", Role("obstacle", "block"), bodies=(block,))
    obstacle = solver_of(recording.effects[0], Surroundings(recording), 0).init.args[0].obstacle  # type: ignore[attr-defined]
    assert obstacle(0.0) is obstacle(0.1) and obstacle(-0.1) is obstacle(-0.2)
    assert (obstacle(-0.1).cells == obstacle(0.1).cells).all() and not obstacle(0.1).velocity.any()
    assert obstacle(0.3) is not obstacle(0.31) and (obstacle(0.4).cells != obstacle(0.1).cells).any()


def test_an_emitter_may_be_flat_or_a_point_and_blow() -> None:
    flat = recording_of(
        (box_body("burner", (0.3, 0.3, 0.0), still(0, 0, 0.2)),),
        FRAMES,
        fps=12,
        effects=scene(emitter={"speed": 1.5}).effects,
    )
    blown = simulated(flat)
    assert blown.density[1].max() > 5 and blown.velocity[1, ..., 2].max() == pytest.approx(1.5, rel=0.2)
    point = Role("emitter", "nozzle", points=np.full((FRAMES, 1, 3), 0.3, np.float32))
    recording = scene()
    effect = Effect("smoke", "Plume", box(), {"resolution": 24}, (point,))
    volume = simulated(recording_of(recording.bodies, FRAMES, fps=12, effects=(effect,)))
    np.testing.assert_allclose(middle(volume, 1), 0.3, atol=0.03)


def test_the_seed_decides_how_it_wanders() -> None:
    recording = scene(resolution=12)
    first, again, other = (
        simulate_effects(recording, seed=seed).bodies[-1].density  # type: ignore[union-attr]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_comes_out_has_a_material() -> None:
    recording = scene(resolution=12)
    own = simulate_effects(recording)
    assert own.materials[own.bodies[-1].material].name == "smoke"  # type: ignore[union-attr]


def test_nothing_to_simulate_is_refused() -> None:
    effect = Effect("smoke", "Plume", box())
    with pytest.raises(UserError, match="'Plume' has no emitter"):
        solver_of(effect, Surroundings(scene()), 0)
    flat = Effect("smoke", "Plume", np.diag([1.0, 1, 0, 1]), roles=scene().effects[0].roles)
    with pytest.raises(UserError, match="flat or sheared"):
        solver_of(flat, Surroundings(scene()), 0)
