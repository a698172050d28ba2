"""From agents to bodies: built-in meshes, parts that hang together, colours, comings and goings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import (
    Effect,
    Instances,
    Material,
    Mesh,
    Particles,
    RigidBody,
    Role,
    load_recording,
    save_recording,
)
from simcraft.sim.agents import crowd, flock, traffic
from simcraft.sim.agents.bodies import Model, Paint, extent_of, gather_agents, part_transforms, poses_of
from simcraft.sim.agents.meshes import bird, car, person
from simcraft.sim.effects import simulate_effects
from simcraft.sim.primitives import box
from simcraft.sim.setting import default_setting
from simcraft.sim.standstill import standstill_warnings

MODELS = {"bird": bird(1.0), "person": person(1.75), "car": car()}


@pytest.mark.parametrize("name", MODELS)
def test_built_in_meshes_are_closed_and_face_outwards(name: str) -> None:
    for part in MODELS[name].parts:
        faces, points = part.mesh.faces, part.vertices.astype(np.float64)
        a, b, c = (points[faces[:, k]] for k in range(3))
        assert np.einsum("fi,fi->", a, np.cross(b, c)) > 0  # six times the volume
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
        there, back = (np.sort(e[:, 0] * len(points) + e[:, 1]) for e in (edges, edges[:, ::-1]))
        np.testing.assert_array_equal(there, back)
        slots = len(MODELS[name].variants[0])
        assert part.mesh.face_material is not None and part.mesh.face_material.max() < slots


def test_built_in_agents_have_the_size_they_are_asked_for() -> None:
    low, high = extent_of(bird(0.8))
    assert abs(np.ptp([low[1], high[1]]) - 0.8) < 0.06  # wings at rest are not quite stretched
    low, high = extent_of(person(1.8))
    assert abs(low[2]) < 0.03 and abs(high[2] - 1.8) < 0.01
    low, high = extent_of(car())
    assert abs(low[2]) < 0.01 and abs(high[0] - low[0] - 4.4) < 0.01 and 1.3 < high[2] < 1.6


def test_wings_mirror_each_other_and_legs_alternate() -> None:
    rows = {"id": np.zeros((1, 1)), "phase": np.full((1, 1), 0.7), "effort": np.ones((1, 1)), "swing": np.ones((1, 1))}
    flip = np.diag([1.0, -1, 1, 1])
    for model, phase in (("bird", 0.7), ("person", 0.7 + np.pi)):
        parts = {p.name: m for p, m in zip(MODELS[model].parts, part_transforms(MODELS[model], rows), strict=True)}
        other = part_transforms(MODELS[model], rows | {"phase": np.full((1, 1), phase)})
        mirrored = {p.name: m for p, m in zip(MODELS[model].parts, other, strict=True)}
        for name, left in parts.items():
            if name.startswith("left"):
                right = mirrored[name.replace("left", "right")]
                np.testing.assert_allclose(flip @ left @ flip, right, atol=1e-12)


def test_a_pose_looks_ahead_with_its_back_up() -> None:
    forward, up = np.array([[3.0, 4, 0]]), np.array([[0.0, 0, 2]])
    pose = poses_of(np.array([[1.0, 2, 3]]), forward, up)[0]
    np.testing.assert_allclose(pose @ [1, 0, 0, 1], [1.6, 2.8, 3, 1])
    np.testing.assert_allclose(pose @ [0, 1, 0, 1], [1 - 0.8, 2 + 0.6, 3, 1])
    np.testing.assert_allclose(pose @ [0, 0, 1, 1], [1, 2, 4, 1])
    assert np.linalg.det(pose) == pytest.approx(1)


def test_who_comes_and_goes_is_absent_before_and_after() -> None:
    model = Model(MODELS["car"].parts[:1], MODELS["car"].variants[:1])

    def frame(ids: list[int], x: float) -> dict[str, np.ndarray]:
        n = len(ids)
        place = np.column_stack([np.array(ids) * 10 + x, np.zeros((n, 2))])
        ahead, up = np.tile([1.0, 0, 0], (n, 1)), np.tile([0.0, 0, 1], (n, 1))
        return {"id": np.array(ids), "position": place, "forward": ahead, "up": up}

    shots = [frame([3, 5], 0.0), frame([3, 5], 1.0), frame([5, 9], 2.0), frame([5, 9], 3.0)]
    made = gather_agents(shots, model, "cars", "traffic", np.eye(4), Paint(4))
    (body,) = made.bodies
    assert isinstance(body, Instances) and body.mesh.face_material.min() >= 4
    np.testing.assert_array_equal(body.present.T, [[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1]])
    np.testing.assert_allclose(body.transforms[:, :, 0, 3].T, [[30, 31, 31, 31], [50, 51, 52, 53], [92, 92, 92, 93]])
    # those that have left do not count as standing still
    assert (
        standstill_warnings([replace(body, transforms=body.transforms[:, :1], present=body.present[:, :1])], 24) == ()
    )


@pytest.mark.parametrize("name", ["flock", "crowd", "traffic"])
def test_a_few_lines_of_python_record_a_whole_scene(name: str, tmp_path: Path) -> None:
    simulate = {
        "flock": lambda: flock.simulate(flock.Flock(count=9), 3),
        "crowd": lambda: crowd.simulate(crowd.Crowd(count=9), 3),
        "traffic": lambda: traffic.simulate(traffic.Traffic(count=9), 3),
    }[name]
    save_recording(simulate(), tmp_path / name)  # checks everything
    loaded = load_recording(tmp_path / name)
    whole = [b for b in loaded.bodies if isinstance(b, Instances) and not b.part_of]
    assert sum(b.transforms.shape[1] for b in whole) == 9 and all(b.solver == name for b in whole)
    assert len({m.name for m in loaded.materials}) == len(loaded.materials)


def test_a_mesh_of_the_scene_stands_in_for_the_built_in_one() -> None:
    vertices, faces, _ = box((2.0, 1.0, 1.0))
    place = np.tile(np.diag([2.0, 1, 1, 1]), (4, 1, 1))
    truck = RigidBody("truck", Mesh(faces, face_material=np.full(12, 1, np.int32)), vertices.astype(np.float32), place)
    stage = default_setting(np.array([[0, -4, 0], [80.0, 4, 2]])).stage("road", 4, 24.0)
    paint = (Material("grey"), Material("yellow", (0.8, 0.7, 0.1)))
    domain = np.diag([80.0, 8, 3, 1])
    trucks = Effect("traffic", "trucks", domain, {"count": 4}, (Role("body", "truck"),))
    scene = replace(stage, bodies=(truck,), materials=paint, effects=(trucks,))
    made = simulate_effects(scene)
    assert [b.name for b in made.bodies] == ["truck", "trucks"] and made.materials == paint
    body = made.bodies[1]
    assert isinstance(body, Instances) and (body.mesh.face_material == 1).all()
    # 4 m long by its object's scale, and on the road
    assert np.ptp(body.vertices[:, 0]) == pytest.approx(4) and body.vertices[:, 2].min() == pytest.approx(0)
    # the two lanes of the domain run opposite ways, on the right
    ahead, y = body.transforms[0, :, 0, 0], body.transforms[0, :, 1, 3]
    assert (ahead[y < 4] > 0.99).all() and (ahead[y > 4] < -0.99).all() and {1} == set(np.sign(y))


def test_a_material_of_the_scene_becomes_the_livery() -> None:
    stage = default_setting(np.array([[0, 0, 0], [30.0, 30, 20]])).stage("sky", 2, 24.0)
    paint = (Material("grey"), Material("black", (0.0, 0.0, 0.0)))
    crows = Effect("flock", "crows", np.diag([30.0, 30, 20, 1]), {"count": 4}, material=1)
    made = simulate_effects(replace(stage, materials=paint, effects=(crows,)))
    used = set(np.concatenate([b.mesh.face_material for b in made.bodies]))
    assert 1 in used and {made.materials[n].name for n in used} == {"black", "beak"}


def test_only_one_mesh_can_be_the_body() -> None:
    stage = default_setting(np.array([[0, -4, 0], [80.0, 4, 2]])).stage("road", 2, 24.0)
    dust = Particles("dust", np.zeros((2, 1, 3), np.float32), np.ones(1, np.float32))
    birds = Effect("flock", "birds", np.diag([30.0, 30, 20, 1]), {"count": 4}, (Role("body", "dust"),))
    with pytest.raises(UserError, match="'dust' has no mesh"):
        simulate_effects(replace(stage, bodies=(dust,), effects=(birds,)))
    with pytest.raises(UserError, match="'birds' has several bodies"):
        simulate_effects(replace(stage, bodies=(dust,), effects=(replace(birds, roles=(birds.roles * 2)),)))
