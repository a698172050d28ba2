"""The exporter on a scene with one of everything that moves, in PyPI's bpy and in a Blender executable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simcraft.recording import (
    CameraTrack,
    ChangingBody,
    DeformingBody,
    Instances,
    Particles,
    Recording,
    RigidBody,
    load_recording,
)
from tests.blender.conftest import Built

GRAVITY = 9.81
T = np.minimum(np.arange(12) / 10, 1)
EASE = 3 * T**2 - 2 * T**3
"""Blender's default interpolation between keyframes at 1 and 11, for frames 1 to 12."""


def body(built: Built, name: str, kind: type) -> Any:
    found = next(b for b in built.recording.bodies if b.name == name)
    assert isinstance(found, kind)
    return found


def assert_projects(camera: CameraTrack, notes: dict[str, Any]) -> None:
    """The landmark falls on the pixel that Blender's own `world_to_camera_view` names, in every frame."""
    for t, expected in enumerate(notes["pixels"]):
        x, y, z = (np.linalg.inv(camera.camera_to_world[t]) @ [*notes["landmark"], 1])[:3]
        scale = z if camera.projection == "perspective" else 1.0
        u, v, _ = camera.intrinsics[t] @ [x / scale, y / scale, 1]
        np.testing.assert_allclose((u, v), expected, atol=2e-3)


def test_free_fall_follows_the_closed_form(zoo: Built) -> None:
    falling = body(zoo, "Falling", RigidBody)
    height = falling.transforms[:, 2, 3]
    seconds = np.arange(12) / 24
    expected = 5 - GRAVITY / 2 * seconds**2
    # Bullet's semi-implicit Euler with 10 substeps a frame falls g t h / 2 deeper, h = 1/240 s
    np.testing.assert_allclose(height, expected - GRAVITY * seconds / 480, atol=2e-5)
    assert falling.solver == "bullet"
    assert body(zoo, "Floor", RigidBody).solver == "static"


def test_keyframes_are_exact(zoo: Built) -> None:
    cube = body(zoo, "Keyframed", RigidBody)
    np.testing.assert_allclose(cube.transforms[:, 0, 3], 5 * EASE, atol=1e-5)
    np.testing.assert_array_equal(cube.transforms[:, :3, :3], np.broadcast_to(np.eye(3), (12, 3, 3)))
    assert cube.solver == "keyframes"
    assert len(cube.mesh.faces) == 12
    assert cube.mesh.uv.shape == (12, 3, 2)


def test_simple_drivers_run(zoo: Built) -> None:
    np.testing.assert_allclose(body(zoo, "Driven", RigidBody).transforms[:, 2, 3], np.arange(1, 13) / 10, atol=1e-6)


def test_animated_hiding_is_presence(zoo: Built) -> None:
    np.testing.assert_array_equal(body(zoo, "Blinking", RigidBody).present, [1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1])


def test_what_is_hidden_from_render_is_left_out(zoo: Built) -> None:
    names = {b.name for b in zoo.recording.bodies}
    assert names.isdisjoint({"Hidden", "InExcluded", "InHiddenCollection", "Faceless"})
    # the viewport's own switches say nothing about the render
    assert {"ViewportHidden", "EyeClosed"} <= names
    assert any("'Faceless' has no faces" in w for w in zoo.recording.warnings)


def test_shape_keys_deform(zoo: Built) -> None:
    cube = body(zoo, "ShapeKey", DeformingBody)
    rise = cube.vertices[:, :, 2] - cube.vertices[0, :, 2]
    np.testing.assert_allclose(rise, np.repeat(2 * EASE[:, None], 8, axis=1), atol=1e-5)


def test_armatures_deform(zoo: Built) -> None:
    bar = body(zoo, "Bar", DeformingBody)
    assert bar.solver == "armature"
    top = bar.vertices[0, :, 2] > 0.5
    moved = np.linalg.norm(bar.vertices[-1] - bar.vertices[0], axis=1)
    # the bone's tail is 1 m from its head and turns by 0.5 rad: a chord of 2 sin(0.25)
    assert moved[~top].max() == 0
    np.testing.assert_allclose(moved[top].mean(), 2 * np.sin(0.25), atol=0.02)


def test_cloth_and_soft_bodies_fall(zoo: Built) -> None:
    for name, solver in (("Cloth", "cloth"), ("Soft", "soft body")):
        found = body(zoo, name, DeformingBody)
        assert found.solver == solver
        height = found.vertices[:, :, 2].mean(1, dtype=np.float64)
        # damped by air: slower than free fall, and from rest, step by step faster
        assert 0.5 < (height[0] - height[-1]) / (GRAVITY / 2 * (11 / 24) ** 2) < 1
        assert (np.diff(height, 2) < 0).all()


def test_collection_instances_are_where_their_empties_are(zoo: Built) -> None:
    for i in range(2):
        instance = body(zoo, f"PairInstance{i}/PairMember", RigidBody)
        np.testing.assert_allclose(instance.transforms[0, :3, 3], (0, 8 + i, 0))
    assert not any(b.name == "PairMember" for b in zoo.recording.bodies)


def test_geometry_nodes_instances_keep_their_identity(zoo: Built) -> None:
    cubes = body(zoo, "Scattered", Instances)
    assert cubes.transforms.shape == (12, 4, 4, 4)
    assert cubes.present is None
    start = cubes.transforms[0, :, :3, 3]
    np.testing.assert_allclose(
        sorted(map(tuple, start)), [(-2, -2, -2), (-2, 2, -2), (2, -2, -2), (2, 2, -2)], atol=1e-6
    )
    np.testing.assert_allclose(cubes.transforms[:, :, 0, 3] - start[:, 0], np.tile(10 * EASE[:, None], 4), atol=1e-5)


def test_geometry_that_only_time_changes_is_seen(zoo: Built) -> None:
    timed = body(zoo, "Timed", DeformingBody)
    np.testing.assert_allclose(timed.vertices[:, :, 0].mean(1), np.arange(1, 13), atol=1e-5)


def test_an_instance_of_what_deforms_deforms(zoo: Built) -> None:
    lifted = body(zoo, "LiftedInstance/Lifted", DeformingBody)
    np.testing.assert_allclose(lifted.vertices[:, :, 2].mean(1), 1 + 2 * EASE, atol=1e-5)


def test_instances_on_vertices_hide_their_original(zoo: Built) -> None:
    assert body(zoo, "OnVertices/VertexCube", Instances).transforms.shape[1] == 4
    assert not any(b.name == "VertexCube" for b in zoo.recording.bodies)


def test_parents_stretch_and_mirror(zoo: Built) -> None:
    child = body(zoo, "Child", RigidBody)
    turned = np.stack([np.cos(EASE), np.sin(EASE), 0 * EASE], axis=1)
    np.testing.assert_allclose(child.transforms[:, :3, 3], 3 * turned, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(child.transforms[:, :3, :3]), -1, atol=1e-5)


def test_changing_topology_gets_a_mesh_a_frame(zoo: Built) -> None:
    growing = body(zoo, "Growing", ChangingBody)
    faces = np.diff(growing.face_offsets)
    # a grid of 4 x 4 quads appears over frames 0 to 11
    assert faces[-1] == 32
    assert (np.diff(faces) >= 0).all()
    assert len(set(faces)) > 4
    assert growing.velocity is None


def test_the_velocity_attribute_is_turned_and_stretched_with_its_object(zoo: Built) -> None:
    """Cycles' Vector pass reads it in the object's space, units a second: 3.4 and 4.5 agree to 1e-4 px."""
    streaming = body(zoo, "Streaming", ChangingBody)
    expected = np.broadcast_to((-0.125, 0.5, 1.0), streaming.vertices.shape)
    np.testing.assert_allclose(streaming.velocity, expected, atol=1e-6)


def test_point_particles_are_born_and_die(zoo: Built) -> None:
    points = body(zoo, "Points/Points", Particles)
    assert points.positions.shape == (12, 20, 3)
    np.testing.assert_array_equal(points.present.sum(1) > 0, np.arange(12) < 9)
    np.testing.assert_allclose(points.radius, 0.05, atol=1e-6)
    # a living particle moves by its velocity, but for what gravity adds in one frame
    both = points.present[2] & points.present[3]
    step = (points.positions[3] - points.positions[2])[both]
    np.testing.assert_allclose(step, points.velocity[2][both] / 24, atol=2 * GRAVITY / 24**2)
    assert np.linalg.norm(step, axis=1).min() > 0


def test_object_particles_are_instances(zoo: Built) -> None:
    chips = body(zoo, "Chips/Chip", Instances)
    assert chips.solver == "particles"
    assert chips.transforms.shape[1] == chips.present.any(0).sum() == 20
    np.testing.assert_array_equal(chips.present.sum(1), body(zoo, "Points/Points", Particles).present.sum(1))


def test_text_becomes_a_mesh_once(zoo: Built) -> None:
    text = [b for b in zoo.recording.bodies if b.name.startswith("Text")]
    assert [type(b) for b in text] == [RigidBody]
    assert len(text[0].mesh.faces) > 50


def test_the_camera_projects_like_blender(zoo: Built) -> None:
    camera = zoo.recording.camera
    assert_projects(camera, zoo.notes)
    assert np.ptp(camera.intrinsics[:, 0, 0]) > 1


def test_two_blenders_agree(both_zoos: tuple[Built, Built]) -> None:
    first, second = (b.recording for b in both_zoos)
    assert [(b.name, b.kind, b.solver) for b in first.bodies] == [(b.name, b.kind, b.solver) for b in second.bodies]
    np.testing.assert_allclose(first.camera.camera_to_world, second.camera.camera_to_world, atol=1e-5)
    for a, b in zip(first.bodies, second.bodies, strict=True):
        for name in ("transforms", "vertices", "positions"):
            if hasattr(a, name):
                np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-3, err_msg=f"{a.name}: {name}")


@pytest.mark.parametrize("field", ["fps", "size", "frame_numbers"])
def test_the_timeline_is_the_scenes(zoo: Built, field: str) -> None:
    expected = {"fps": 24.0, "size": (64, 48), "frame_numbers": list(range(1, 13))}[field]
    np.testing.assert_array_equal(getattr(zoo.recording, field), expected)


CAMERAS = ["portrait", "vertical fit", "horizontal fit", "wide pixels", "tall pixels", "orthographic", "portrait ortho"]


SWITCHES = ["markers", "late markers", "markers before"]


@pytest.mark.parametrize("case", [*CAMERAS, "moving orthographic", *SWITCHES, "frame step", "other size"])
def test_any_camera_projects_like_blender(cases: Built, case: str) -> None:
    notes = cases.notes[case]
    assert "error" not in notes, notes
    assert_projects(load_recording(notes["recording"]).camera, notes)


def test_each_frame_has_the_clipping_of_its_camera(cases: Built) -> None:
    """A camera with an animated clip_end, then another one, which a marker makes the active one."""
    camera = load_recording(cases.notes["markers"]["recording"]).camera
    np.testing.assert_allclose(camera.clip_start, [4.0] * 5 + [0.5] * 5)
    eased = [0, 0.15625, 0.5, 0.84375, 1]
    np.testing.assert_allclose(camera.clip_end, [*(100 + 400 * np.array(eased)), *[50.0] * 5], rtol=1e-5)


def test_a_deforming_body_before_a_moving_orthographic_camera(cases: Built) -> None:
    """Its middle starts at the landmark and rises by two metres: by as many pixels as the camera says."""
    recording = load_recording(cases.notes["moving orthographic"]["recording"])
    pixels = np.array(cases.notes["moving orthographic"]["pixels"])
    cube = next(b for b in recording.bodies if b.name == "Deforming")
    assert isinstance(cube, DeformingBody)
    rise = 2 * EASE[:10]
    # the part of the world's upward direction that the camera sees, downwards in the picture
    up = np.linalg.inv(recording.camera.camera_to_world)[:, :2, 2]
    focal = recording.camera.intrinsics[:, 0, 0]
    np.testing.assert_allclose(focal, 64 / (7 + 2 * EASE[:10]), rtol=1e-5)
    middle = np.concatenate([cube.vertices.mean(1), np.ones((10, 1))], axis=1)
    seen = np.einsum("tij,tj->ti", np.linalg.inv(recording.camera.camera_to_world), middle)[:, :2]
    seen = seen * focal[:, None] + recording.camera.intrinsics[:, :2, 2]
    np.testing.assert_allclose(seen, pixels + up * (focal * rise)[:, None], atol=2e-3)


def test_frame_step_and_rate(cases: Built) -> None:
    stepped = load_recording(cases.notes["frame step"]["recording"])
    np.testing.assert_array_equal(stepped.frame_numbers, [1, 4, 7, 10])
    assert stepped.fps == pytest.approx(30 / 1.001 / 3)


def test_a_scene_steps_through_frames_it_does_not_record(cases: Built) -> None:
    """Frame 10 of a fall is the same whether all frames are recorded or every third from the fourth on."""
    every = load_recording(cases.notes["fall"]["recording"])
    some = load_recording(cases.notes["late fall"]["recording"])
    np.testing.assert_array_equal(some.frame_numbers, [4, 7, 10])
    height = {int(n): float(b) for n, b in zip(every.frame_numbers, falling(every), strict=True)}
    np.testing.assert_allclose(falling(some), [height[n] for n in (4, 7, 10)], atol=1e-6)


def falling(recording: Recording) -> np.ndarray:
    return next(b for b in recording.bodies if b.name == "Falling").transforms[:, 2, 3]


def test_results_saved_with_the_scene_are_simulated_again(cases: Built) -> None:
    """The body was moved after its fall had been played: the old frames must not come back."""
    again = load_recording(cases.notes["moved after playing"]["recording"])
    np.testing.assert_allclose(falling(again)[0], 9.0, atol=1e-5)
    fresh = load_recording(cases.notes["fall"]["recording"])
    np.testing.assert_allclose(falling(again) - 9.0, falling(fresh) - 5.0, atol=1e-4)


def test_a_bake_is_used_as_it_is(cases: Built) -> None:
    baked = load_recording(cases.notes["baked"]["recording"])
    np.testing.assert_allclose(falling(baked), falling(load_recording(cases.notes["fall"]["recording"])), atol=1e-6)
    assert baked.warnings == ()


def test_what_is_far_away_and_stays_there_has_not_exploded(cases: Built) -> None:
    notes = cases.notes["far and still"]
    assert "error" not in notes, notes
    planet = next(b for b in load_recording(notes["recording"]).bodies if b.name == "Planet")
    np.testing.assert_allclose(planet.transforms[:, 1, 3], 1.5e8)


ERRORS = {
    "no camera": ("SceneError", "no active camera"),
    "panorama": ("SceneError", "PANO"),
    "only faceless": ("SceneError", "no object that is rendered has faces"),
    "reversed": ("SceneError", "5:2 is reversed"),
    "no pixels": ("SceneError", "0 x 48"),
    "too many pixels": ("SceneError", "20000 x 48"),
    "beyond the cache": ("SceneError", "1:10, the cache of the rigid-body world"),
    "before the cache": ("SceneError", "1:10, the cache of the rigid-body world"),
    "explodes": ("RecordFailure", "'Flung' has exploded at frame 3"),
    "vertices explode": ("RecordFailure", "'Burst' has exploded at frame 2"),
    "two projections": ("SceneError", "switches between"),
    "negative seed": ("SceneError", "seed is -1"),
    "large seed": ("SceneError", "seed is 99999999999"),
    "not a recording": ("SceneError", "is not a recording"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_mistakes_are_named(cases: Built, case: str) -> None:
    kind, text = ERRORS[case]
    assert cases.notes[case].get("error") == kind, cases.notes[case]
    assert text in cases.notes[case]["message"]
    assert cases.notes[case]["fix"]
    assert not list(cases.folder.glob(".*.partial"))
    assert not list(cases.folder.glob(".*.spool"))


WARNINGS = {
    "nothing moves": "Nothing moves between frames 1 and 10: add keyframes",
    "border": "render border is ignored",
    "cut off": "only frames 1:10 were recorded",
    "python driver": "The driver of Object 'Driven' (location) needs Python",
    "stale bake": "was baked with other settings or for other frames",
}


@pytest.mark.parametrize("case", WARNINGS)
def test_what_the_user_should_know_is_kept(cases: Built, case: str) -> None:
    notes = cases.notes[case]
    assert "error" not in notes, notes
    assert any(WARNINGS[case] in w for w in load_recording(notes["recording"]).warnings)


def test_the_scene_is_left_as_it_was(cases: Built) -> None:
    before, after = cases.notes["left alone"]["states"]
    assert before == after
