"""Smoke against closed forms of homogeneous boxes, and against a plain march in numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from simcraft.clip.store import load_clip
from simcraft.observe import flow_between, observe, observe_to
from simcraft.observe.camera import View, crop_of, view_of
from simcraft.observe.geometry import layout_of
from simcraft.observe.smoke import COVERS, Smoke, see_smoke
from simcraft.observe.volumes import grids_of
from simcraft.recording import Recording
from simcraft.recording.format.flames import FLAME_DENSITY

from . import ray_march
from .scenes import camera, look_at, moving_camera, plane, pose, recording, rigid, rotation, smoke_box, still_camera
from .test_observation import assert_same, interrupt

SIZE = (96, 72)
OPAQUE = 1e4
"""Optical density a metre: nothing gets a millimetre deep."""
FLOW_ERROR = 1e-3
"""Pixels, promised for an opaque box in uniform motion."""
ALPHA_ERROR = 2e-5
"""Rays stop where less than 1e-5 gets through, and alpha is of single precision."""
PROJECTIONS = ("perspective", "orthographic")


def see(scene: Recording, frame: int = 0, wall: float = np.inf, **more) -> tuple[Smoke, View]:
    """The smoke of one frame, before a wall of a planar depth, and the camera that sees it."""
    crop = crop_of(scene, None)
    views = [view_of(scene.camera, t, crop) if 0 <= t < scene.frame_count else None for t in range(-1, frame + 2)]
    grids = grids_of(scene, layout_of(scene), frame)
    surface = np.full(SIZE[::-1], wall, np.float32)
    before, view, after = views[frame : frame + 3]
    assert view is not None
    return see_smoke(grids, surface, view, after, before, 1 / scene.fps, **more), view


def slab_alpha(density: float, enter: np.ndarray, leave: np.ndarray, view: View) -> np.ndarray:
    metres = (leave - enter) * np.linalg.norm(ray_march.rays(view)[1], axis=-1)
    return 1 - np.exp(-density * metres)


def noisy_field(cells: int = 24, seed: int = 0) -> np.ndarray:
    """A ball of smoke with billows of a few cells."""
    grid = (np.indices((cells,) * 3) + 0.5) / cells * 2 - 1
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((cells,) * 3), 1.5)
    return 6.0 * np.clip(1.2 - np.linalg.norm(grid, axis=0) * 1.5 + 0.4 * noise / noise.std(), 0, 1)


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("density", [0.02, 0.7, 40.0])
def test_a_homogeneous_box_lets_through_what_beer_and_lambert_say(projection: str, density: float):
    box = smoke_box(density, turn=rotation(2, 0.4) @ rotation(0, 0.2))
    smoke, view = see(recording([box], moving_camera(SIZE, projection), SIZE), 1)
    expected = slab_alpha(density, *ray_march.box_depths(box, 1, view), view)
    assert 0.1 < (expected > 0).mean() < 0.9
    np.testing.assert_allclose(smoke.alpha, expected, rtol=0, atol=ALPHA_ERROR)
    assert np.isinf(smoke.depth[smoke.alpha == 0]).all() and np.isfinite(smoke.depth[smoke.alpha > 0]).all()


def test_a_sheet_of_one_cell_is_a_slab():
    sheet = smoke_box(np.full((8, 1, 6), 3.0), turn=rotation(2, 0.4))
    smoke, view = see(recording([sheet], moving_camera(SIZE), SIZE), 1)
    expected = slab_alpha(3.0, *ray_march.box_depths(sheet, 1, view), view)
    assert 0.4 < expected.max() < 0.9
    np.testing.assert_allclose(smoke.alpha, expected, rtol=0, atol=ALPHA_ERROR)


def test_a_camera_inside_the_smoke_sees_it_from_its_near_clip_on():
    box = smoke_box(0.3, (-4, -4, -4), 8.0)
    track = camera([look_at((0, 0.3 * t, 0), (1, 1, 0.2)) for t in range(3)], SIZE)
    for near in (0.1, 2.0):
        scene = recording([box], dataclasses.replace(track, clip_start=np.full(3, near)), SIZE)
        smoke, view = see(scene, 1)
        enter, leave = ray_march.box_depths(box, 1, view)
        assert (enter == near).all()
        np.testing.assert_allclose(smoke.alpha, slab_alpha(0.3, enter, leave, view), rtol=0, atol=ALPHA_ERROR)


def test_surfaces_and_the_far_clip_end_the_way_through_smoke():
    box = smoke_box(0.5)
    scene = recording([box], still_camera(SIZE), SIZE)
    for ends in ({"wall": 7.5}, {"far": 7.5}):
        track = dataclasses.replace(scene.camera, clip_end=np.full(3, ends.get("far", 100.0)))
        smoke, view = see(dataclasses.replace(scene, camera=track), 0, ends.get("wall", np.inf))
        enter, leave = (depth.clip(None, 7.5) for depth in ray_march.box_depths(box, 0, view))
        assert (leave == 7.5).any()
        np.testing.assert_allclose(smoke.alpha, slab_alpha(0.5, enter, leave, view), rtol=0, atol=ALPHA_ERROR)


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize(("frame", "other"), [(0, 1), (1, 2), (1, 0)])
def test_flow_of_an_opaque_box_in_uniform_motion(projection: str, frame: int, other: int):
    """Its front's points move with the box and are seen by the camera of the other frame."""
    size, speed = (256, 192), (0.22, -0.4, 0.15)
    box = smoke_box(OPAQUE, speed=speed, turn=rotation(2, 0.5))
    scene = recording([box], moving_camera(size, projection), size)
    found, crop = flow_between(scene, frame, other), crop_of(scene, None)
    here, there = (view_of(scene.camera, t, crop) for t in (frame, other))
    (origin, way), (enter, leave) = ray_march.rays(here), ray_march.box_depths(box, frame, here)
    fronts = origin + enter[..., None] * way
    moved = fronts + (other - frame) * np.array(speed)
    expected = ray_march.pixels_of(there, moved) - ray_march.pixels_of(here, fronts)
    seen = leave > enter + 0.01
    assert seen.sum() > 3000
    assert np.linalg.norm(expected[seen], axis=-1).max() > 2.5
    assert np.linalg.norm(found.flow - expected, axis=-1)[seen].max() <= FLOW_ERROR
    assert found.valid[seen].all()


@pytest.mark.parametrize("step", [2.0, 1.0, 0.25])
def test_a_homogeneous_box_is_the_same_at_all_step_lengths(step: float):
    scene = recording([smoke_box(1.5, speed=(0.1, -0.1, 0))], moving_camera(SIZE), SIZE)
    smoke, _ = see(scene, 1, step=step)
    fine, _ = see(scene, 1, step=0.05)
    some = fine.alpha > 0.01
    np.testing.assert_allclose(smoke.alpha, fine.alpha, rtol=0, atol=ALPHA_ERROR)
    np.testing.assert_allclose(smoke.depth[some], fine.depth[some], rtol=1e-5)
    assert np.abs(smoke.ways - fine.ways)[:, some].max() < 2e-3


@pytest.mark.parametrize("density", [1.0, 0.05], ids=["dense", "thin"])
def test_billows_are_those_of_a_fine_march_in_numpy(density: float):
    field = noisy_field()
    box = smoke_box(density * field, speed=(0.1, -0.15, 0.05))
    gusts = np.random.default_rng(1).normal(0, 2, (3, *field.shape, 3))
    box = dataclasses.replace(box, velocity=gaussian_filter(gusts, (0, 2, 2, 2, 0)).astype(np.float32) * 8)
    scene = recording([box], moving_camera(SIZE), SIZE)
    smoke, here = see(scene, 1)
    there = view_of(scene.camera, 2, crop_of(scene, None))
    alpha, depth, flow = ray_march.march(box, 1, here, there, 1 / scene.fps, step=0.1)
    some = alpha > 0.05 * density
    assert some.sum() > 500
    assert np.abs(smoke.alpha - alpha).max() < 5e-3
    assert np.abs(smoke.depth - depth)[some].max() < 0.02
    error = np.linalg.norm(smoke.ways[0] - flow, axis=-1)[some]
    assert np.median(error) < 5e-3 and error.max() < 0.1


def test_overlapping_volumes_add_up_and_the_greater_share_gives_the_id():
    thin, thick = smoke_box(0.2, name="thin"), smoke_box(0.6, (-0.5, -1.2, 0.4), 1.5, cells=5, name="thick")
    scene = recording([thin, thick], moving_camera(SIZE), SIZE)
    smoke, view = see(scene)
    depths = 0
    for box, density in ((thin, 0.2), (thick, 0.6)):
        depths = depths - np.log(1 - slab_alpha(density, *ray_march.box_depths(box, 0, view), view))
    np.testing.assert_allclose(smoke.alpha, 1 - np.exp(-depths), rtol=0, atol=ALPHA_ERROR)
    enter, leave = ray_march.box_depths(thick, 0, view)
    assert (smoke.owner[leave > enter + 1.2] == 1).all()
    assert (smoke.owner[(smoke.alpha > 0) & (leave == enter)] == 0).all()


def test_smoke_behind_opaque_smoke_is_not_seen():
    near, far = smoke_box(OPAQUE, (-1, -1, 0), name="near"), smoke_box(3.0, (-1, 2, 0), name="far", speed=(1, 0, 0))
    for bodies, owner in (([near, far], 0), ([far, near], 1)):
        smoke, view = see(recording(bodies, still_camera(SIZE), SIZE))
        enter, leave = ray_march.box_depths(near, 0, view)
        front = leave > enter + 0.01
        assert (smoke.owner[front] == owner).all()
        np.testing.assert_allclose(smoke.depth[front], enter[front], rtol=1e-4)
        assert np.abs(smoke.ways[:, front]).max() < 1e-4


def test_pixels_belong_to_smoke_from_the_threshold_on():
    """A wedge of smoke before a wall: its alpha grows from left to right."""
    field = np.repeat(np.linspace(0, 1.5, 16)[:, None, None], 16, 1).repeat(16, 2)
    wall = rigid("wall", plane(), [pose((0, 3, 0), rotation(0, np.pi / 2))] * 3)
    scene = recording([wall, smoke_box(field, speed=(0.05, 0, 0))], still_camera(SIZE), SIZE)
    clip, bare = observe(scene, tracks=300), observe(dataclasses.replace(scene, bodies=(wall,)), tracks=300)
    assert bare.coverage is None and clip.coverage is not None
    smoky = clip.coverage >= COVERS
    assert 200 < smoky[0].sum() < (clip.coverage[0] > 0.02).sum() - 200
    assert (clip.instances == np.where(smoky, 2, 1)).all()
    assert [row.name for row in clip.instance_table] == ["wall", "smoke"]
    assert (clip.depth[smoky] < bare.depth[smoky] - 1).all() and (clip.normals[smoky] == 0).all()
    for name in ("depth", "instances", "normals"):
        np.testing.assert_array_equal(getattr(clip, name)[~smoky], getattr(bare, name)[~smoky], name)
    assert clip.flow_valid_forward.all() and clip.flow_valid_backward.all()
    assert np.abs(clip.flow_forward[~smoky[:-1]]).max() < 1e-9
    # metres a frame times focal length over depth
    expected = 0.05 * clip.intrinsics[0, 0, 0] / clip.depth[0]
    assert np.abs(clip.flow_forward[0, ..., 0] - expected)[smoky[0]].max() < 0.01
    assert not clip.metadata["warnings"]


def test_smoke_hides_and_is_seen_again_only_while_it_is_there():
    wall = rigid("wall", plane(), [pose((0, 3, 0), rotation(0, np.pi / 2))] * 4)
    gone = np.array([True, True, True, False])
    box = smoke_box(OPAQUE, (-2, -1, 0), speed=(0.5, 0, 0), frames=4, present=gone)
    scene = recording([wall, box], still_camera(SIZE, frames=4), SIZE)
    clip = observe(scene, tracks=500)
    smoke = clip.instances == 2
    assert smoke[:3].any(axis=(1, 2)).all() and not smoke[3].any() and (clip.coverage[3] == 0).all()
    # the wall's points stand still: what smoke covers next is not visible there
    for t in range(3):
        np.testing.assert_array_equal(clip.visible_forward[t][~smoke[t]], ~smoke[t + 1][~smoke[t]])
    assert clip.visible_forward[0][smoke[0]].mean() > 0.9
    assert clip.flow_valid_forward[:2].all()
    assert not clip.flow_valid_forward[2][smoke[2]].any() and (clip.flow_forward[2][smoke[2]] == 0).all()
    assert np.isnan(clip.to_first[2][smoke[2]]).all() and not clip.to_first_visible[2][smoke[2]].any()
    assert np.isfinite(clip.to_first[1][smoke[1]]).all()
    x, y = clip.tracks[..., 0].astype(int), clip.tracks[..., 1].astype(int)
    assert not smoke[0][y[:, 0], x[:, 0]].any()
    for t in range(4):
        np.testing.assert_array_equal(clip.track_visible[:, t], ~smoke[t][y[:, t], x[:, t]])


def test_flow_of_smoke_reaches_one_frame_each_way():
    scene = recording([smoke_box(OPAQUE, speed=(0.1, 0, 0))], still_camera(SIZE), SIZE)
    smoke = observe(scene).instances[0] == 1
    far, same = flow_between(scene, 0, 2), flow_between(scene, 0, 0)
    assert not far.valid[smoke].any() and not far.visible[smoke].any() and (far.flow[smoke] == 0).all()
    assert same.valid[smoke].all() and same.visible[smoke].all() and (same.flow[smoke] == 0).all()


def test_smoke_behind_the_next_camera_has_no_flow_to_it():
    track = camera([look_at((0, y, 1), (0, 20, 1)) for y in (-8, 5, 6)], SIZE)
    clip = observe(recording([smoke_box(OPAQUE)], track, SIZE))
    smoke = clip.instances[0] == 1
    assert smoke.sum() > 100
    assert not clip.flow_valid_forward[0][smoke].any() and (clip.flow_forward[0][smoke] == 0).all()


def test_empty_volumes_are_not_marched():
    field = np.zeros((8, 8, 8))
    field[3, 3, 3] = -1.0
    scene = recording([smoke_box(field)], still_camera(SIZE), SIZE)
    assert grids_of(scene, layout_of(scene), 0) is None
    clip = observe(scene)
    assert clip.coverage.shape == (3, *SIZE[::-1]) and not clip.coverage.any() and not clip.instances.any()


def test_flames_cover_like_smoke():
    glow = np.full((3, 8, 8, 8), 0.5, np.float32)
    flame, soot = smoke_box(0.0, glow=glow), smoke_box(0.5 * FLAME_DENSITY)
    alphas = [see(recording([body], still_camera(SIZE), SIZE))[0].alpha for body in (flame, soot)]
    assert alphas[0].max() > 0.99
    np.testing.assert_array_equal(*alphas)


def test_coverage_is_written_to_disk_and_resumed(tmp_path):
    scene = recording([smoke_box(noisy_field(), speed=(0.1, 0, 0))], moving_camera(SIZE), SIZE)
    interrupt(scene, tmp_path / "a.zarr", 1)
    observe_to(scene, tmp_path / "a.zarr", tracks=50)
    clip = observe(scene, tracks=50)
    assert clip.coverage.max() > 0.9
    assert_same(load_clip(tmp_path / "a.zarr"), clip)
