"""The verb itself: bodies of all kinds, sizes, pictures, warnings, and bad input."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import simcraft
from simcraft.errors import UserError
from simcraft.observe import flow_between, moves, observe
from simcraft.recording import Instances, Material, Mesh, save_recording

from . import closed_forms as truth
from .scenes import (
    box,
    camera,
    crowd,
    droplets,
    floor,
    liquid,
    look_at,
    moving_camera,
    plane,
    pose,
    recording,
    rigid,
    rotation,
    still_camera,
    tumbling_box,
    waving_cloth,
)

SIZE = (128, 96)
CLIP_ARRAYS = [
    "flow_forward",
    "flow_backward",
    "flow_valid_forward",
    "flow_valid_backward",
    "visible_forward",
    "visible_backward",
    "depth",
    "instances",
    "normals",
    "to_first",
    "to_first_visible",
    "tracks",
    "track_visible",
]


def all_bodies():
    bodies = [floor(), tumbling_box(), waving_cloth(), crowd(), droplets(), liquid()]
    return recording(bodies, moving_camera(SIZE), SIZE, materials=(Material("clay"),))


@pytest.fixture(scope="module")
def clip():
    return observe(all_bodies(), tracks=200)


def test_the_room_is_callable_and_reads_folders(tmp_path, clip):
    save_recording(all_bodies(), tmp_path / "all")
    again = simcraft.observe(tmp_path / "all", tracks=200)
    for name in CLIP_ARRAYS:
        assert np.array_equal(getattr(again, name), getattr(clip, name), equal_nan=name in ("tracks", "to_first")), name


def test_two_runs_give_the_same_bits(clip):
    again = observe(all_bodies(), tracks=200)
    for name in CLIP_ARRAYS:
        assert getattr(again, name).tobytes() == getattr(clip, name).tobytes(), name


def test_ids_number_bodies_and_copies(clip):
    names = {row.id: row.name for row in clip.instance_table}
    crowd_names = {4 + n: f"crowd[{n}]" for n in range(4)}
    assert names == {1: "floor", 2: "box", 3: "cloth", **crowd_names, 8: "drops", 9: "water"}
    assert clip.instance_table[1].solver == "bullet"
    assert {row.material for row in clip.instance_table} == {"clay"}
    assert set(np.unique(clip.instances)) == set(range(10)) - {5}  # the second copy is behind the box
    assert np.isinf(clip.depth[clip.instances == 0]).all()
    assert np.isfinite(clip.depth[clip.instances > 0]).all()


def test_who_is_absent_from_the_other_frame_has_no_flow(clip):
    newcomer = clip.instances[1] == 7
    assert newcomer.sum() > 20
    assert not (clip.instances[0] == 7).any()
    assert not clip.flow_valid_backward[0][newcomer].any()
    assert (clip.flow_backward[0][newcomer] == 0).all()
    assert np.isnan(clip.to_first[1][newcomer]).all()
    assert clip.flow_valid_forward[1][newcomer].all()
    drops = clip.instances[0] == 8
    assert 0 < (~clip.flow_valid_forward[0][drops]).sum() < drops.sum()  # one of them dies


def test_flow_is_invalid_exactly_where_it_has_no_meaning(clip):
    for flow, valid in (
        (clip.flow_forward, clip.flow_valid_forward),
        (clip.flow_backward, clip.flow_valid_backward),
    ):
        assert np.isfinite(flow).all()
        assert (flow[~valid] == 0).all()
    assert not (clip.visible_forward & ~clip.flow_valid_forward).any()
    assert not (clip.visible_backward & ~clip.flow_valid_backward).any()
    assert (np.isnan(clip.tracks).any(axis=-1) & clip.track_visible).sum() == 0


def test_particles_carry_the_point_of_their_surface():
    drops = droplets(count=5)
    drops = dataclasses.replace(drops, present=None)
    clip = observe(recording([drops], moving_camera(SIZE), SIZE))
    seen = clip.instances[0] == 1
    world = truth.unproject(clip, 0, np.where(seen, clip.depth[0], 1).astype(float))
    expected = truth.project(clip, 1, world + (drops.positions[1, 0] - drops.positions[0, 0]))
    x, y = truth.centres(clip)
    flow = expected - np.stack([x, y], axis=-1)
    assert seen.sum() > 50
    assert np.linalg.norm(clip.flow_forward[0] - flow, axis=-1)[seen].max() < 1e-3
    assert clip.visible_forward[0][seen].mean() > 0.9


def test_changing_meshes_move_with_their_velocity():
    water = liquid()
    clip = observe(recording([water], moving_camera(SIZE), SIZE))
    seen = clip.instances[0] == 1
    world = truth.unproject(clip, 0, np.where(seen, clip.depth[0], 1).astype(float))
    # the mesh is a ball of radius 0.8 about (0, 0, 1.2); linear interpolation over a facet shortens its outward speed
    moved = world + (world - (0, 0, 1.2)) / 0.8 * 0.02 + (0.1, 0, 0.05)
    x, y = truth.centres(clip)
    expected = truth.project(clip, 1, moved) - np.stack([x, y], axis=-1)
    assert np.linalg.norm(clip.flow_forward[0] - expected, axis=-1)[seen].max() < 2e-3
    assert clip.flow_valid_forward[0].all()
    assert clip.visible_forward[0][seen].mean() > 0.9
    assert np.isnan(clip.to_first[2][clip.instances[2] == 1]).all()  # two frames away nobody knows


def test_changing_meshes_without_velocity_have_no_flow():
    clip = observe(recording([liquid(velocity=False)], moving_camera(SIZE), SIZE))
    assert any("has no velocity" in warning for warning in clip.metadata["warnings"])
    seen = clip.instances[0] == 1
    assert seen.any()
    assert not clip.flow_valid_forward[0][seen].any()
    assert (clip.flow_forward[0][seen] == 0).all()
    assert clip.flow_valid_forward[0][~seen].all()


def test_copies_of_parts_share_the_ids_of_the_whole():
    whole = crowd()
    lifted = np.array(whole.transforms)
    lifted[..., 2, 3] += 1.0
    hats = dataclasses.replace(whole, name="hats", transforms=lifted, part_of="crowd")
    aside = rigid("box", box(), [pose((0, 30, 1))] * 3)
    clip = observe(recording([whole, aside, hats, floor()], moving_camera(SIZE), SIZE))
    table = {row.id: row.name for row in clip.instance_table}
    assert table == {**{n + 1: f"crowd[{n}]" for n in range(4)}, 5: "box", 6: "floor"}
    alone = whole, dataclasses.replace(hats, part_of="")
    bare = [observe(recording([body, floor()], moving_camera(SIZE), SIZE)).instances for body in alone]
    for n in (1, 2, 3, 4):
        body, hat = (ids[1] == n for ids in bare)
        assert hat.sum() > 20
        assert (clip.instances[1][body | hat] == n).mean() > 0.95  # a few pixels lie behind a neighbour
    assert not (clip.instances[0] == 4).any()


def test_too_many_copies_for_16_bits_share_ids():
    transforms = np.zeros((2, 66_000, 4, 4))
    transforms[:] = np.eye(4)
    transforms[..., 0, 3] = np.linspace(-3, 3, 66_000)
    vertices, faces = plane(0.5)
    many = Instances("grains", Mesh(faces), vertices, transforms)
    clip = observe(recording([many, tumbling_box(2)], moving_camera(SIZE, frames=2), SIZE))
    assert [row.name for row in clip.instance_table] == ["grains", "box"]
    assert any("share one id" in warning for warning in clip.metadata["warnings"])
    assert set(np.unique(clip.instances)) == {0, 1, 2}


def test_nothing_moving_is_a_warning_and_not_an_error():
    still = [rigid("box", box(), [pose((0, 0, 1))] * 3)]
    clip = observe(recording(still, still_camera(SIZE), SIZE))
    assert not moves(clip)
    assert any(warning.startswith("Nothing moves") for warning in clip.metadata["warnings"])
    moving = observe(recording([tumbling_box()], still_camera(SIZE), SIZE))
    assert moves(moving)
    assert moving.metadata["warnings"] == []


@pytest.mark.parametrize("size", [(64, 48), (64, 64), (200, 60)])
def test_another_aspect_covers_and_cuts_the_middle(size):
    scene = recording([floor(), tumbling_box()], moving_camera(SIZE), SIZE)
    full = observe(scene)
    # paint the depth into the picture: the picture and the geometry must be cut alike
    shade = np.where(np.isfinite(full.depth[0]), 1 / full.depth[0], 0)
    picture = np.repeat((shade / shade.max() * 255).astype(np.uint8)[..., None], 3, axis=2)
    clip = observe(dataclasses.replace(scene, image=picture), size=size)
    assert clip.size == size
    assert clip.image.shape == (size[1], size[0], 3)
    expected = np.where(np.isfinite(clip.depth[0]), 1 / clip.depth[0], 0) / shade.max() * 255
    assert np.median(np.abs(clip.image[..., 0] - expected)) < 2
    assert np.corrcoef(clip.image[..., 0].ravel(), expected.ravel())[0, 1] > 0.99
    below = clip.instances[0] == 1
    assert np.allclose(truth.floor_depth(clip, 0)[below], clip.depth[0][below], rtol=1e-5)


def test_rendered_frames_come_along():
    frames = np.random.default_rng(0).integers(0, 255, (3, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    clip = observe(recording([tumbling_box()], moving_camera(SIZE), SIZE, frames=frames, image=None))
    assert clip.frames_source == "render"
    assert clip.image_source == "render"
    assert np.array_equal(clip.frames, frames)
    assert np.array_equal(clip.image, frames[0])


def test_each_frame_is_clipped_as_its_own_camera_is():
    """Two walls at depths 2 and 10: which one is seen depends on the frame's clip_start and clip_end."""
    walls = [rigid(f"wall {y}", plane(), [pose((0, y, 0), rotation(0, np.pi / 2))] * 4) for y in (-6, 2)]
    seen_from = [look_at((0, -8, 0), (0, 0, 0))] * 4
    track = dataclasses.replace(
        camera(seen_from, SIZE),
        clip_start=np.array([0.1, 5.0, 0.1, 5.0]),
        clip_end=np.array([100.0, 100.0, 5.0, 8.0]),
    )
    clip = observe(recording(walls, track, SIZE))
    assert [np.unique(clip.instances[t]).tolist() for t in range(4)] == [[1], [2], [1], [0]]
    np.testing.assert_allclose(clip.depth[:, 0, 0], [2, 10, 2, np.inf], rtol=1e-5)


def test_any_whole_number_is_a_seed():
    assert len(observe(recording([tumbling_box()], still_camera(SIZE), SIZE, seed=-3), tracks=9).tracks) == 9


def test_progress_counts_the_frames():
    calls = []
    observe(all_bodies(), tracks=0, progress=lambda stage, step, steps: calls.append((stage, step, steps)))
    assert [c for c in calls if c[0] == "observe"] == [("observe", n, 3) for n in range(4)]


@pytest.mark.parametrize("size", [(0, 0), (1, 64), (20_000, 64), (64, 20_000), (-4, 64)])
def test_sizes_that_cannot_be(size):
    with pytest.raises(UserError, match="2 to 16384"):
        observe(all_bodies(), size=size)


def test_one_frame_is_no_motion():
    with pytest.raises(UserError, match="single frame"):
        observe(recording([tumbling_box(1)], moving_camera(SIZE, frames=1), SIZE))


def test_a_frame_that_does_not_exist():
    with pytest.raises(UserError, match="0 to 2"):
        flow_between(all_bodies(), 0, 3)


def test_exploded_transforms_name_body_and_frame():
    body = tumbling_box()
    body.transforms[2, 0, 3] = np.nan
    with pytest.raises(UserError, match=r"'box'.*frame 3"):
        observe(recording([body], moving_camera(SIZE), SIZE))


def test_a_folder_that_is_no_recording(tmp_path):
    with pytest.raises(UserError, match=r"recording\.json"):
        observe(tmp_path)
