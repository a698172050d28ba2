"""Smoke and flames in the preview: closed forms of what homogeneous boxes let through, and what light does in them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simcraft.observe.appearance import srgb_to_linear
from simcraft.observe.camera import crop_of, view_of
from simcraft.observe.preview import preview_frames
from simcraft.observe.shading import SPECULAR
from simcraft.recording import Lighting, Material, Recording
from simcraft.recording.format.flames import FLAME_DENSITY

from . import ray_march
from .scenes import box, camera, floor, look_at, plane, pose, recording, rigid, rotation, smoke_box

SIZE = (64, 48)
DARK = Lighting(sun_color=(0, 0, 0), sky_color=(0, 0, 0))
BLACK, WHITE, LAMP = Material("black", (0, 0, 0)), Material("white", (1, 1, 1)), Material("lamp", emission=1.25)


def scene(*bodies, lighting=DARK, eye=(0, -8, 3), target=(0, 0, 1), projection="perspective", materials=(BLACK,)):
    track = camera([look_at(eye, target)] * 2, SIZE, projection)
    return recording(bodies, track, SIZE, lighting=lighting, materials=materials)


def smoke(density, *corner, **more):
    return smoke_box(density, *corner, frames=2, **more)


def picture(of: Recording, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Linear light, 0 to 1."""
    return srgb_to_linear(preview_frames(of, size, [0])[0])


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_black_smoke_dims_what_is_behind_it_by_beers_law(projection: str):
    box = smoke(0.4, turn=rotation(2, 0.3))
    seen = scene(box, lighting=Lighting(sun_color=(3, 3, 3), sky_color=(0.8, 0.8, 0.8)), projection=projection)
    view = view_of(seen.camera, 0, crop_of(seen, None))
    enter, leave = ray_march.box_depths(box, 0, view)
    through = np.exp(-0.4 * (leave - enter) * np.linalg.norm(ray_march.rays(view)[1], axis=-1))
    assert through.min() < 0.5
    # bytes round by a 200th at this brightness, and rays through the middle stand for a pixel
    assert np.quantile(np.abs(picture(seen)[..., 0] - 0.8 * through), 0.95) < 0.006


def test_smoke_shades_the_floor_below_it():
    sun = Lighting(sun_direction=(0, 0, -1), sun_color=(2, 2, 2), sky_color=(0, 0, 0))
    materials = (Material("floor", (0.8, 0.8, 0.8), roughness=1.0), BLACK)
    above = smoke(0.5, (-2, -2, 4), 4.0, material=1)
    shaded, bare = (
        picture(scene(floor(2), *bodies, lighting=sun, materials=materials, target=(0, 0, 0)))
        for bodies in ((above,), ())
    )
    middle = (slice(20, 30), slice(24, 40))
    np.testing.assert_allclose(shaded[middle] / bare[middle], np.exp(-0.5 * 4), rtol=0.05)
    np.testing.assert_allclose(shaded[46:, :4], bare[46:, :4], rtol=1e-6)


def test_the_sun_gets_less_bright_on_its_way_through_smoke():
    """Lit from the left, a dense box of white smoke is bright on the left and dark on the right."""
    lighting = Lighting(sun_direction=(1, 0, 0), sun_color=(2, 2, 2), sky_color=(0, 0, 0))
    image = picture(scene(smoke(4.0), lighting=lighting, materials=(WHITE,)))[24, :, 0]
    row = image[image > 1e-3]
    assert len(row) > 15
    assert row[2] > 5 * row[-3] and (np.diff(row[2:-2]) <= 1e-3).all()


def test_thick_white_smoke_is_nearly_as_bright_as_white_paper():
    lighting = Lighting(sun_direction=(0, 1, 0), sun_color=(2, 2, 2), sky_color=(0, 0, 0))
    cloud = np.pad(np.full((36, 36, 36), 12.0), 2)
    paper = rigid("paper", plane(1.0), [pose((0, -1, 1), rotation(0, np.pi / 2))] * 2)
    view = {"lighting": lighting, "materials": (dataclasses.replace(WHITE, roughness=1.0),), "eye": (0, -8, 1)}
    white, paper_white = (picture(scene(body, **view))[24, 32, 0] for body in (smoke(cloud), paper))
    assert 0.5 < white / paper_white < 0.9


def test_a_body_shades_the_smoke_behind_it():
    lighting = Lighting(sun_direction=(0, 0, -1), sun_color=(2, 2, 2), sky_color=(0, 0, 0))
    lid = rigid("lid", plane(0.5), [pose((0.5, 0, 2.5))] * 2)
    image = picture(scene(lid, smoke(0.3, cells=16), lighting=lighting, materials=(WHITE,), eye=(0, -8, 1)))
    assert image[24, 38, 0] < 0.75 * image[24, 24, 0]


def test_flames_glow_redder_where_they_are_weaker():
    bright, weak = (
        picture(scene(smoke(0.0, glow=np.full((2, 8, 8, 8), glow, np.float32))))[24, 32] for glow in (1.0, 0.3)
    )
    assert (bright[:2] == 1).all() and 0.2 < bright[2] < 0.8
    assert 1 >= weak[0] > 2 * weak[1] > 6 * weak[2]


def test_flames_light_the_floor_like_far_lamps():
    """A flame's light is its density times a black body's, less what does not get out of it, over distance squared."""
    glow, density = np.full((2, 8, 8, 8), 0.4, np.float32), 0.4 * FLAME_DENSITY
    materials = (Material("floor", (0.8, 0.8, 0.8), roughness=1.0),)
    flame = smoke(0.0, (-0.25, -0.25, 1.75), 0.5, glow=glow)
    floor_below = picture(scene(floor(2), flame, materials=materials, eye=(0, -6, 5), target=(0, 0, 0)))[24, 32, 0]
    black_body = picture(scene(smoke(0.0, (-5, 0, -4), 10.0, glow=glow)))[24, 32, 0]
    escaping = (1 - np.exp(-density * 0.25)) / (density * 0.25)
    intensity = black_body * density * 0.5**3 * escaping
    assert floor_below == pytest.approx(0.8 * (1 - SPECULAR) * intensity / np.pi / 2**2, rel=0.1)


def test_what_stands_before_smoke_is_not_touched_by_it():
    lamp = rigid("lamp", box(1.0), [pose((0, -2.5, 1))] * 2)
    bodies = lamp, smoke(30.0, material=1)
    image = picture(scene(*bodies, materials=(LAMP, BLACK), lighting=Lighting(sun_color=(0, 0, 0))))
    alone = picture(scene(lamp, materials=(LAMP, BLACK), lighting=Lighting(sun_color=(0, 0, 0))))
    bright = (alone == alone[24, 32]).all(axis=-1)
    assert bright.sum() > 80
    np.testing.assert_array_equal(image[bright], alone[bright])


def test_pictures_of_smoke_are_the_same_on_every_run():
    rng = np.random.default_rng(0)
    glow = rng.random((2, 6, 6, 6)).astype(np.float32)
    seen = scene(floor(2), smoke(rng.random((6, 6, 6)) * 3, glow=glow), lighting=Lighting(), materials=(WHITE,))
    np.testing.assert_array_equal(preview_frames(seen, SIZE), preview_frames(seen, SIZE))
