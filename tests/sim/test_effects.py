"""What a scene asks for is carried out in order, beside what Blender recorded."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import (
    Effect,
    Instances,
    Material,
    Mesh,
    Recording,
    RecordingError,
    Role,
    load_recording,
    save_recording,
)
from simcraft.recording.format import KINDS, SettingError, check_recording, complete
from simcraft.sim import effects
from simcraft.sim.effects import change_settings, cut, simulate_effects
from simcraft.sim.solver import SimulationStopped
from simcraft.sim.surroundings import Surroundings

from .recordings import box_body, drifting_particles, recording_of
from .test_solver import falling


def smoke(name: str = "Smoke", **settings: Any) -> Effect:
    return Effect("smoke", name, np.eye(4), settings, (Role("emitter", "box", {"density": 2.0}),))


def scene(*asked: Effect, frames: int = 6) -> Recording:
    return recording_of((box_body("box", (1, 1, 1), np.zeros((frames, 3))),), frames, effects=asked)


@pytest.fixture
def falls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Every effect becomes a falling point; returns name, seed and number of bodies that each saw."""
    seen: list[tuple[str, int, int]] = []

    def solver(effect: Effect, surroundings: Surroundings, seed: int) -> Any:
        seen.append((effect.name, seed, len(surroundings.recording.bodies)))
        return falling()

    monkeypatch.setattr(effects.importlib, "import_module", lambda name: SimpleNamespace(solver=solver))
    return seen


def test_effects_are_solved_in_order_and_once(falls: list) -> None:
    solved = simulate_effects(scene(smoke("A"), replace(smoke("B"), solved=True), smoke("C")), seed=5)
    assert falls == [("A", 5, 1), ("C", 7, 2)]
    assert len(solved.bodies) == 3 and all(e.solved for e in solved.effects)
    assert simulate_effects(solved) is solved
    check_recording(replace(solved, effects=()))


def test_results_have_names_of_their_own(falls: list) -> None:
    clash = recording_of((box_body("ball", (1, 1, 1), np.zeros((6, 3))),), 6, effects=(smoke("A"), smoke("B")))
    assert [b.name for b in simulate_effects(clash).bodies] == ["ball", "ball result", "ball result result"]


def test_parts_follow_what_carries_them_to_its_new_name() -> None:
    moves = np.tile(np.eye(4), (2, 1, 1, 1))
    bird = Instances("Bird", Mesh(np.array([[0, 1, 2]], np.int32)), np.eye(3, dtype=np.float32), moves)
    wing = replace(bird, name="Bird wing", part_of="Bird")
    renamed = effects._told_apart((bird, wing), {"Bird"})
    assert [(b.name, b.part_of) for b in renamed] == [("Bird result", ""), ("Bird wing", "Bird result")]


def test_what_has_no_material_stays_grey(falls: list) -> None:
    bare = replace(scene(smoke()), materials=())
    assert bare.bodies[0].mesh.face_material is None
    assert simulate_effects(bare).materials[0] == Material("default")
    asked_nothing = replace(bare, effects=())
    assert simulate_effects(asked_nothing) is asked_nothing


def test_what_diverges_keeps_the_frames_until_then(falls: list, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = falling()
    broken = replace(
        whole, step=lambda state, dt: replace(whole.step(state, dt), speed=np.nan if state.time > 0.1 else 0.0)
    )
    monkeypatch.setattr(effects, "solver_of", lambda *_: broken)
    with pytest.raises(SimulationStopped) as stopped:
        simulate_effects(scene(smoke()))
    kept = stopped.value.recording
    assert kept is not None and kept.frame_count == 3
    check_recording(kept)


def test_a_recording_can_be_cut() -> None:
    recording = replace(scene(smoke()), bodies=(*scene().bodies, drifting_particles(6, 1)))
    short = cut(recording, 2)
    check_recording(short)
    assert short.frame_count == 2
    np.testing.assert_array_equal(short.bodies[1].positions, recording.bodies[1].positions[:2])


def test_effects_survive_the_disk(tmp_path: Any) -> None:
    points = np.zeros((6, 2, 3), np.float32)
    flock = Effect("flock", "Birds", np.eye(4), {"count": 7}, (Role("goal", "nest", points=points),))
    loaded = load_recording(save_recording(scene(smoke(closed=True, buoyancy=2), flock), tmp_path / "r"))
    assert loaded.effects[0].settings == {"closed": True, "buoyancy": 2}
    assert loaded.effects[0].roles[0].settings == {"density": 2.0}
    np.testing.assert_array_equal(loaded.effects[1].roles[0].points, points)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (replace(smoke(), kind="fog"), "kind should be one of smoke"),
        (smoke(buoyancy=1000.0), "buoyancy should be a number (-20 to 20 m/s²), not 1000.0"),
        (smoke(colour=1), "no setting 'colour'"),
        (replace(smoke(), box_to_world=np.zeros((4, 4))), "its box is flat"),
        (replace(smoke(), roles=(Role("emitter", "ghost"),)), "emitter 'ghost' is not among the bodies"),
        (replace(smoke(), roles=(Role("goal", "box"),)), "a smoke has no such role"),
        (replace(smoke(), roles=(Role("emitter", "box", {"density": -1.0}),)), "density should be a number"),
    ],
)
def test_effects_that_contradict_themselves_are_refused(effect: Effect, words: str) -> None:
    with pytest.raises(RecordingError) as refused:
        check_recording(scene(effect))
    assert f"Effect '{effect.name}'" in str(refused.value) and words in str(refused.value)


def test_settings_are_changed_by_name() -> None:
    recording = scene(smoke("A"), smoke("B"))
    both = change_settings(recording, {"buoyancy": "2"})
    assert [e.settings["buoyancy"] for e in both.effects] == [2.0, 2.0]
    one = change_settings(recording, {"B.closed": "yes", "A.box.density": 3})
    assert one.effects[1].settings == {"closed": True} and one.effects[0].settings == {}
    assert one.effects[0].roles[0].settings["density"] == 3.0
    check_recording(one)
    with pytest.raises(UserError, match=r"no setting 'B\.colour'.*B\.buoyancy"):
        change_settings(recording, {"B.colour": 1})
    with pytest.raises(UserError, match=r"'buoyancy': .*-20 to 20 m/s²"):
        change_settings(recording, {"buoyancy": "much"})


def test_every_default_is_within_its_own_range() -> None:
    for kind in KINDS.values():
        for parameters in (kind.parameters, *kind.roles.values()):
            defaults = {p.name: p.default for p in parameters}
            assert complete(parameters, {name: str(value) for name, value in defaults.items()}) == defaults
            assert all(p.help and p.help[-1] == "." for p in parameters)
    with pytest.raises(SettingError):
        complete(KINDS["flock"].parameters, {"count": 2.5})
