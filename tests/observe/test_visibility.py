"""Which triangle, and whether it is seen in the other frame, against ray casting by Embree."""

from __future__ import annotations

import numpy as np
import pytest

from simcraft.observe.camera import crop_of
from simcraft.observe.flow import flow_of, passage
from simcraft.observe.geometry import layout_of
from simcraft.observe.raster import render_frame
from simcraft.observe.tracks import seed_points, track_points

from .rays import RayCaster, pixel_centres
from .scenes import box, floor, look_at, moving_camera, plane, pose, recording, rigid, rotation, swarm, tumbling_box

SIZE = (512, 512)


@pytest.mark.parametrize(
    ("triangles", "least_agreement"),
    [(1_000, 0.99), (50_000, 0.96), (500_000, 0.93)],
)
def test_triangles_and_visibility_agree_with_ray_casting(triangles, least_agreement):
    scene = swarm(triangles, SIZE, frames=2)
    layout, crop = layout_of(scene), crop_of(scene, None)
    here, there = (render_frame(scene, layout, t, crop) for t in (0, 1))
    pixels = pixel_centres(here.view)
    hit, _ = RayCaster(here.geometry).first_hits(here.view, pixels)
    mine = here.triangles.ravel()
    assert (hit == mine).mean() >= 0.9999

    found = flow_of(here, there)
    landing = pixels + found.flow.reshape(-1, 2)
    corners = passage(here, there).carried[here.geometry.faces[np.maximum(mine, 0)], 3]
    depth = (here.coordinates.reshape(-1, 3) * corners).sum(axis=1)
    hit_there, depth_there = RayCaster(there.geometry).first_hits(there.view, landing)
    inside = ((landing >= 0) & (landing < SIZE)).all(axis=1)
    with np.errstate(invalid="ignore"):
        reached = (hit_there == mine) | (np.abs(depth_there - depth) < 2e-4 * depth)
    seen = inside & np.where(mine < 0, hit_there < 0, reached)
    visible = found.visible.ravel()
    assert (visible & seen).sum() / (visible | seen).sum() >= least_agreement
    hidden_agreement = (~visible & ~seen).sum() / (~visible | ~seen).sum()
    assert hidden_agreement >= 0.9  # the rarer class, on which marking everything visible would fail


def test_the_other_side_of_a_turned_sheet_is_not_visible():
    turned = [pose((0, 0, 1), rotation(0, angle)) for angle in (np.pi / 2, np.pi / 2, -np.pi / 2)]
    scene = recording([rigid("sheet", plane(1.0), turned)], moving_camera(SIZE), SIZE)
    layout, crop = layout_of(scene), crop_of(scene, (128, 128))
    first, same, flipped = (render_frame(scene, layout, t, crop) for t in range(3))
    seen = first.surfaces >= 0
    assert flow_of(first, same).visible[seen].mean() > 0.98
    assert not flow_of(first, flipped).visible[seen].any()
    assert flow_of(first, flipped).valid.all()


def test_what_leaves_the_image_is_valid_but_not_visible():
    scene = recording([floor(2)], moving_camera(SIZE, frames=2), SIZE)
    layout, crop = layout_of(scene), crop_of(scene, (128, 128))
    found = flow_of(*(render_frame(scene, layout, t, crop) for t in range(2)))
    landing = pixel_centres(render_frame(scene, layout, 0, crop).view).reshape(128, 128, 2) + found.flow
    outside = (landing < 0).any(axis=-1) | (landing > 128).any(axis=-1)
    assert outside.any()
    assert found.valid.all()
    assert not found.visible[outside].any()
    assert found.visible[~outside].mean() > 0.99


def test_tracks_start_on_surfaces_everywhere_and_follow_the_flow():
    scene = recording([floor(), tumbling_box()], moving_camera(SIZE), SIZE)
    layout, crop = layout_of(scene), crop_of(scene, (128, 128))
    first, second = (render_frame(scene, layout, t, crop) for t in (0, 1))
    seeds = seed_points(first, 900, seed=1)
    start, seen = track_points(seeds, first)
    assert len(np.unique(start, axis=0)) == 900
    assert seen.all()
    x, y = np.floor(start).astype(int).T
    assert (first.surfaces[y, x] >= 0).all()
    covered = (first.surfaces >= 0).reshape(4, 32, 4, 32).mean(axis=(1, 3))
    counts = np.histogram2d(y, x, bins=4, range=[[0, 128], [0, 128]])[0]
    assert np.abs(counts / 900 - covered / covered.sum()).max() < 0.01
    moved, visible = track_points(seeds, second)
    flow = flow_of(first, second)
    assert np.allclose(moved - start, flow.flow[y, x], atol=1e-4)
    assert (visible == flow.visible[y, x]).all()


def test_more_tracks_than_pixels_gives_every_pixel_once():
    scene = recording([tumbling_box()], moving_camera(SIZE), SIZE)
    frame = render_frame(scene, layout_of(scene), 0, crop_of(scene, (32, 32)))
    assert len(seed_points(frame, 5000, seed=0).sides) == (frame.surfaces >= 0).sum()


def test_a_camera_inside_a_box_sees_its_walls():
    track = moving_camera(SIZE)
    eye = look_at((0.1, 0.2, 1), (0.1, 5, 1))
    inside = type(track)(track.projection, track.intrinsics, np.repeat(eye[None], 3, axis=0), 0.01, 100.0)
    scene = recording([rigid("room", box(3.0), [pose((0, 0, 1))] * 3)], inside, SIZE)
    frame = render_frame(scene, layout_of(scene), 0, crop_of(scene, (64, 64)))
    assert (frame.surfaces >= 0).all()
    assert np.isfinite(frame.depth).all()
