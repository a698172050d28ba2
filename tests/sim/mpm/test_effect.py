"""A scene's bodies become materials: end to end, from an effect to bodies in the recording."""

from typing import Any

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import ChangingBody, DeformingBody, Effect, Particles, Recording, Role
from simcraft.recording.format import check_recording
from simcraft.sim.effects import simulate_effects
from simcraft.sim.surroundings import Surroundings

from ..recordings import box_body, recording_of

FRAMES = 4
BOX = np.array([[2.0, 0, 0, -1], [0, 2, 0, -1], [0, 0, 2, 0], [0, 0, 0, 1]])


def scene(emitter: dict[str, Any] | None, place: tuple = (0, 0, 0.5), box: np.ndarray = BOX, **own: Any) -> Recording:
    thing = box_body("thing", (0.5, 0.5, 0.5), np.tile(place, (FRAMES, 1)))
    slab = box_body("slab", (1.0, 1.0, 0.2), np.tile((0, 0, 0.1), (FRAMES, 1)))
    cast = () if emitter is None else (Role("emitter", "thing", emitter), Role("obstacle", "slab"))
    effect = Effect("material", "stuff", box, {"resolution": 16, **own}, cast)
    return recording_of((thing, slab), FRAMES, effects=(effect,))


def test_a_jelly_takes_its_bodys_mesh_along_and_its_place() -> None:
    solved = simulate_effects(scene({"material": "jelly"}), seed=2)
    check_recording(solved)
    body = solved.bodies[-1]
    assert isinstance(body, DeformingBody) and body.name == "stuff"
    assert solved.bodies[0].present is not None and not solved.bodies[0].present.any()
    assert solved.bodies[1].present is None
    # nothing is deformed in the first frame: the skin is the cube
    low, high = body.vertices[0].min(0), body.vertices[0].max(0)
    np.testing.assert_allclose([low, high], [[-0.25, -0.25, 0.25], [0.25, 0.25, 0.75]], atol=1e-5)
    assert len(body.vertices[0]) > 50  # eight corners could not bend
    fall = body.vertices[0, :, 2] - body.vertices[1, :, 2]
    assert fall.mean() == pytest.approx(9.81 / 24**2 / 2, rel=0.1)
    assert body.vertices[:, :, 2].min() > 0.2 - 0.02  # it lands on the slab


@pytest.mark.parametrize("law", ["water", "snow", "sand"])
def test_loose_material_gets_a_surface_that_moves_with_it(law: str) -> None:
    solved = simulate_effects(scene({"material": law, "speed_x": 1.0}), seed=2)
    check_recording(solved)
    body = solved.bodies[-1]
    assert isinstance(body, ChangingBody) and body.velocity is not None
    assert solved.materials[body.material].name == law
    first = slice(0, int(body.vertex_offsets[1]))
    np.testing.assert_allclose(body.velocity[first], np.tile([1.0, 0, 0], (first.stop, 1)), atol=1e-3)
    extent = np.ptp(body.vertices[first], axis=0)
    np.testing.assert_allclose(extent, 0.5, atol=0.125)  # to a cell
    assert (_centre(body, 1) - _centre(body, 0))[0] == pytest.approx(1.0 / 24, rel=0.1)


def _centre(body: ChangingBody, frame: int) -> np.ndarray:
    """(3,) centre of what the mesh encloses, by the tetrahedra that its faces make with the origin."""
    vertices = body.vertices[body.vertex_offsets[frame] : body.vertex_offsets[frame + 1]].astype(np.float64)
    corners = vertices[body.faces[body.face_offsets[frame] : body.face_offsets[frame + 1]]]
    volume = np.linalg.det(corners)
    assert volume.sum() > 0
    return volume @ corners.sum(1) / 4 / volume.sum()


def test_particles_are_asked_for_by_name() -> None:
    solved = simulate_effects(scene({"material": "sand"}, output="particles"), seed=2)
    check_recording(solved)
    body = solved.bodies[-1]
    assert isinstance(body, Particles)
    assert len(body.radius) == pytest.approx(8**3, rel=0.05)
    assert not np.array_equal(
        body.positions[0], simulate_effects(scene({}, output="particles")).bodies[-1].positions[0]
    )


def test_a_turned_domain_knows_where_down_is() -> None:
    quarter = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])  # its x axis points down
    turned = quarter @ np.diag([2.0, 2, 2, 1])
    turned[:3, 3] = -turned[:3, :3].sum(1) / 2 + [0, 0, 1]
    solved = simulate_effects(scene({"material": "jelly"}, box=turned), seed=2)
    straight = simulate_effects(scene({"material": "jelly"}), seed=2)
    a, b = (s.bodies[-1].vertices.mean(1) for s in (solved, straight))
    np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (scene(None), "has no emitter"),
        (scene({}, place=(5, 0, 0.5)), "'thing' of 'stuff' holds no material"),
        (scene({}, box=BOX @ np.diag([1, 0.05, 1, 1])), "thin"),
        (scene({}, box=np.array([[2.0, 1, 0, -1], [0, 2, 0, -1], [0, 0, 2, 0], [0, 0, 0, 1]])), "sheared"),
    ],
)
def test_what_makes_no_sense_is_said(recording: Recording, words: str) -> None:
    with pytest.raises(UserError, match=words):
        simulate_effects(recording)


def test_the_seed_says_where_particles_are() -> None:
    from simcraft.sim.mpm.effect import solver

    recording = scene({"material": "sand"})
    first, second = (solver(recording.effects[0], Surroundings(recording), seed).init() for seed in (1, 1))
    other = solver(recording.effects[0], Surroundings(recording), 2).init()
    np.testing.assert_array_equal(first.position, second.position)
    assert not np.array_equal(first.position, other.position)
