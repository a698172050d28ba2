"""Flow and depth against Cycles, against closed forms and against themselves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from simcraft.observe import flow_between, observe

from . import closed_forms as truth
from .scenes import (
    camera,
    droplets,
    floor,
    look_at,
    moving_camera,
    recording,
    rolling_ball,
    still_camera,
    tumbling_box,
    waving_cloth,
)

SIZE = (256, 192)
MEDIAN, PERCENTILE_99 = 1e-3, 1e-2
"""Pixels of end-point error that are promised."""
PROJECTIONS = ("perspective", "orthographic")


def everything(track):
    return recording([floor(), tumbling_box(), rolling_ball(), waving_cloth()], track, SIZE)


def rigid_only(track):
    return recording([floor(), tumbling_box(), rolling_ball()], track, SIZE)


@pytest.mark.bpy
@pytest.mark.parametrize(
    "track",
    [moving_camera(SIZE), still_camera(SIZE), still_camera(SIZE, "orthographic")],
    ids=["moving perspective", "still perspective", "still orthographic"],
)
def test_flow_and_depth_are_those_of_cycles(track):
    from .cycles import cycles_passes

    scene = everything(track)
    passes, clip = cycles_passes(scene, [1]), observe(scene)
    assert (passes.index[0] == clip.instances[1]).mean() > 0.999
    calm = truth.calm(clip, 1) & (passes.index[0] == clip.instances[1])
    for number in range(1, 5):
        where = calm & (clip.instances[1] == number)
        for mine, theirs in ((clip.flow_forward[1], passes.forward[0]), (clip.flow_backward[0], passes.backward[0])):
            median, percentile = truth.errors(mine, theirs, where)
            assert median <= MEDIAN
            assert percentile <= PERCENTILE_99
    relative = np.abs(clip.depth[1][calm] / passes.depth[0][calm] - 1)
    assert np.median(relative) <= 1e-5


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (0, 2), (2, 0)])
def test_flow_of_rigid_bodies_is_their_transform_seen_by_the_camera(projection, pair):
    scene = rigid_only(moving_camera(SIZE, projection))
    clip = observe(scene)
    found = flow_between(scene, *pair)
    expected = truth.rigid_flow(scene, clip, *pair)
    median, percentile = truth.errors(found.flow, expected, clip.instances[pair[0]] > 0)
    assert median <= MEDIAN
    assert percentile <= PERCENTILE_99
    assert found.valid.all() or projection == "orthographic"


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_depth_and_pose_reproject_to_the_flow_of_a_static_scene(projection):
    still = [floor(), tumbling_box(1), rolling_ball(1)]
    frozen = [type(b)(b.name, b.mesh, b.vertices, np.repeat(np.asarray(b.transforms)[:1], 3, axis=0)) for b in still]
    clip = observe(recording(frozen, moving_camera(SIZE, projection), SIZE))
    x, y = truth.centres(clip)
    seen = clip.instances[0] > 0
    world = truth.unproject(clip, 0, np.where(seen, clip.depth[0], 1).astype(float))
    expected = truth.project(clip, 1, world) - np.stack([x, y], axis=-1)
    median, percentile = truth.errors(clip.flow_forward[0], expected, seen)
    assert median <= MEDIAN
    assert percentile <= PERCENTILE_99


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_depth_of_a_floor_and_of_spheres(projection):
    drops = droplets(count=6)
    clip = observe(recording([floor(), drops], moving_camera(SIZE, projection), SIZE))
    on_floor = clip.instances[0] == 1
    relative = np.abs(clip.depth[0][on_floor] / truth.floor_depth(clip, 0)[on_floor] - 1)
    assert np.median(relative) <= 1e-5
    spheres = [
        truth.sphere_depth(clip, 0, drops.positions[0, n].astype(float), float(r)) for n, r in enumerate(drops.radius)
    ]
    nearest = np.fmin.reduce(spheres)
    on_drops = clip.instances[0] == 2
    assert on_drops.sum() > 200
    assert np.median(np.abs(clip.depth[0][on_drops] / nearest[on_drops] - 1)) <= 1e-6
    floor_there = truth.floor_depth(clip, 0)
    in_front = np.isfinite(nearest) & ((floor_there < 0) | (nearest < floor_there))
    assert (in_front == on_drops).mean() > 0.9999


def test_a_floor_under_the_camera_fills_the_image_below_the_horizon():
    """Its two triangles cross the camera's plane; a renderer that clips carelessly loses them."""
    track = camera([look_at((0, 0, 1.5), (0.2 * t, 10, 1.5)) for t in range(2)], SIZE)
    clip = observe(recording([floor(2)], track, SIZE))
    expected = truth.floor_depth(clip, 0)
    reach = np.abs(truth.unproject(clip, 0, np.where(expected > 0, expected, 1))[..., :2]).max(axis=-1)
    below = (expected > 0) & (reach < 49.9)
    assert below.any()
    assert (clip.instances[0][below] == 1).all()
    assert np.allclose(clip.depth[0][below], expected[below], rtol=1e-5)
    assert (clip.instances[0][expected <= 0] == 0).all()


def test_sky_moves_with_the_rotation_of_a_perspective_camera():
    poses = [look_at((5.0 * t, -8, 3), (5.0 * t + 0.4 * t, 0, 8), roll=0.05 * t) for t in range(2)]
    clip = observe(recording([tumbling_box(2)], camera(poses, SIZE), SIZE))
    sky = (clip.instances[0] == 0) & (clip.flow_valid_forward[0])
    (x, y), k = truth.centres(clip), clip.intrinsics[0]
    turn = poses[1][:3, :3].T @ poses[0][:3, :3]
    there = np.stack([x, y, np.ones_like(x)], axis=-1) @ (k @ turn @ np.linalg.inv(k)).T
    expected = there[..., :2] / there[..., 2:] - np.stack([x, y], axis=-1)
    assert sky.mean() > 0.9
    assert np.abs(clip.flow_forward[0][sky] - expected[sky]).max() < 1e-4


def test_sky_of_an_orthographic_camera_is_valid_only_while_it_does_not_turn():
    still = observe(recording([tumbling_box()], still_camera(SIZE, "orthographic"), SIZE))
    turning = observe(recording([tumbling_box()], moving_camera(SIZE, "orthographic"), SIZE))
    sky = still.instances[0] == 0
    assert still.flow_valid_forward[0][sky].all()
    assert (still.flow_forward[0][sky] == 0).all()
    assert not turning.flow_valid_forward[0][turning.instances[0] == 0].any()


def test_sky_of_an_orthographic_camera_that_slides_is_valid_in_single_precision():
    """Blender's camera matrices are float32, so that their rotations are not exactly rigid."""
    camera = still_camera(SIZE, "orthographic")
    tilt = moving_camera(SIZE, "orthographic").camera_to_world[2]
    poses = np.repeat(tilt[None].astype(np.float32).astype(float), len(camera.camera_to_world), axis=0)
    poses[:, 0, 3] += 0.1 * np.arange(len(poses))
    clip = observe(recording([tumbling_box()], dataclasses.replace(camera, camera_to_world=poses), SIZE))
    sky = clip.instances[0] == 0
    assert sky.any()
    assert clip.flow_valid_forward[0][sky].all()


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_backward_flow_leads_back_along_the_forward_flow(projection):
    clip = observe(everything(moving_camera(SIZE, projection)))
    x, y = truth.centres(clip)
    there = np.stack([x, y], axis=-1) + clip.flow_forward[0]
    at = [there[..., 1] - 0.5, there[..., 0] - 0.5]
    back = np.stack([map_coordinates(clip.flow_backward[0][..., c], at, order=1) for c in (0, 1)], axis=-1)
    calm = map_coordinates(truth.calm(clip, 1).astype(float), at, order=1) > 0.999
    median, percentile = truth.errors(back, -clip.flow_forward[0], clip.visible_forward[0] & calm)
    assert median <= 2e-3  # bilinear interpolation of the backward flow is what is left
    assert percentile <= 0.1


def test_to_first_is_the_flow_to_the_first_frame():
    scene = rigid_only(moving_camera(SIZE))
    clip = observe(scene)
    x, y = truth.centres(clip)
    for t in range(3):
        covered = clip.instances[t] > 0
        expected = truth.rigid_flow(scene, clip, t, 0) + np.stack([x, y], axis=-1)
        median, percentile = truth.errors(clip.to_first[t], expected, covered)
        assert median <= MEDIAN
        assert percentile <= PERCENTILE_99
        assert (clip.to_first_visible[t] == flow_between(scene, t, 0).visible).all()
    assert clip.to_first_visible[0].all()
    assert 0.5 < clip.to_first_visible[2].mean() < 0.99


def test_normals_are_unit_and_face_the_camera():
    clip = observe(everything(still_camera(SIZE)))
    seen = clip.instances[0] > 0
    assert np.allclose(np.linalg.norm(clip.normals[0][seen], axis=-1), 1, atol=1e-5)
    assert (clip.normals[0][~seen] == 0).all()
    up = clip.camera_to_world[0, :3, :3].T @ (0, 0, 1)
    assert np.allclose(clip.normals[0][clip.instances[0] == 1], up, atol=1e-6)
