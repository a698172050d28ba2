"""What looks are painted with: grounds, coats, skies and camera paths, without Blender."""

import numpy as np
import pytest

from scenes.builders.kit import camera_motion, coats, grounds, skies, sunlight
from scenes.builders.look import MOTIONS, Look, look_of


def test_pictures_are_small_and_between_black_and_white() -> None:
    pictures = [grounds.picture_of(name) for name in grounds.GROUNDS]
    pictures += [coats.picture_of(name, v) for name, coat in coats.COATS.items() for v in range(len(coat.pictures))]
    for picture in pictures:
        assert picture.ndim == 3 and picture.shape[2] == 3 and max(picture.shape) <= 512
        assert picture.min() >= 0.0 and picture.max() <= 1.0
        assert 0.03 < picture.mean() < 0.95


@pytest.mark.parametrize("name", grounds.GROUNDS)
def test_grounds_repeat_without_a_seam(name: str) -> None:
    """The step over the border is no larger than the largest one inside."""
    picture = grounds.picture_of(name).astype(float)
    for axis in (0, 1):
        steps = np.abs(np.diff(picture, axis=axis)).mean(axis=(1 - axis, 2))
        seam = np.abs(np.take(picture, 0, axis) - np.take(picture, -1, axis)).mean()
        assert seam <= 1.05 * steps.max() + 1e-3


def test_colours_of_a_coat_differ() -> None:
    for name, coat in coats.COATS.items():
        means = np.array([coats.picture_of(name, v).mean((0, 1)) for v in range(len(coat.pictures))])
        apart = np.abs(means[:, None] - means[None]).max(-1) + np.eye(len(means))
        assert apart.min() > 0.02, name


@pytest.mark.parametrize("name", skies.SKIES)
def test_skies_light_a_white_sheet_as_they_say(name: str) -> None:
    """Integral of radiance times cosine over the upper hemisphere, over pi, without the light around the sun."""
    picture = skies.radiance(name, (1.0, 0.5, 0.4))
    assert picture.shape == (skies.HEIGHT, 2 * skies.HEIGHT, 3) and picture.dtype == np.float32
    assert np.isfinite(picture).all() and picture.min() >= 0.0
    height = skies.directions()[..., 2]
    solid_angle = np.sqrt(1 - height**2) * (np.pi / skies.HEIGHT) ** 2
    light = (picture.mean(-1) * np.maximum(height, 0.0) * solid_angle).sum() / np.pi
    around_the_sun = 0.0 if skies.SKIES[name].glow is None else 0.25
    assert skies.SKIES[name].ambient * 0.98 < light < skies.SKIES[name].ambient * 1.02 + around_the_sun


def test_skies_are_brightest_at_the_sun() -> None:
    to_sun = np.array([0.3, -0.8, 0.5]) / np.linalg.norm([0.3, -0.8, 0.5])
    for name in ("clear", "golden", "sunset"):
        picture = skies.radiance(name, to_sun).sum(-1)
        brightest = skies.directions()[np.unravel_index(picture.argmax(), picture.shape)]
        assert brightest @ to_sun > 0.999 and picture.max() > 10.0


def test_a_neutral_look_leaves_the_sun_alone() -> None:
    sun = sunlight.Sun((0.1, 0.2, -0.3), 3.1, 0.03)
    assert sunlight.seen_through(Look(), sun) == sun


def test_the_sun_is_moved_in_degrees() -> None:
    sun = sunlight.Sun((-1.0, 0.0, -1.0), 3.0, 0.03)
    moved = sunlight.seen_through(Look(sun_turn=90.0, sun_height=-15.0, sun_strength=0.5, sun_warmth=1.0), sun)
    np.testing.assert_allclose(moved.direction, (0.0, -np.cos(np.pi / 6), -0.5), atol=1e-9)
    assert moved.strength == 1.5
    assert moved.colour[0] == sun.colour[0] and moved.colour[2] < 0.5 * sun.colour[2]
    low = sunlight.seen_through(Look(sun_height=-80.0), sun)
    assert low.direction[2] == pytest.approx(-np.sin(np.radians(sunlight.LOWEST)))


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("speed", [0.5, 3.0])
def test_cameras_keep_the_middle_in_the_picture(motion: str, speed: float) -> None:
    start, target = camera_motion.orbit_of(np.array([1.0, -4.0, 2.0])), np.array([0.2, 0.1, 0.5])
    path = camera_motion.shot(motion, start, target, 48, speed, np.random.default_rng(3))
    assert path.places.shape == path.targets.shape == (48, 3)
    forward = path.targets - path.places
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    to_middle = target - path.places
    to_middle /= np.linalg.norm(to_middle, axis=1, keepdims=True)
    # a lens of 50 mm sees 19.8 degrees to each side
    assert np.degrees(np.arccos(np.minimum((forward * to_middle).sum(1), 1.0))).max() < 12.0
    assert path.places[:, 2].min() > 0.1
    moves = np.linalg.norm(np.diff(path.places, axis=0), axis=1)
    assert (moves.max() > 1e-4) == (motion != "still")
    assert moves.max() < 0.03 * speed * start.distance
    # no jerk: its speed changes little from frame to frame
    assert np.linalg.norm(np.diff(path.places, n=2, axis=0), axis=1).max() < 0.006 * speed * start.distance


def test_orbits_are_places() -> None:
    away = np.array([1.3, -2.0, 0.7])
    orbit = camera_motion.orbit_of(away)
    np.testing.assert_allclose(camera_motion.place_of(orbit), away)
    assert camera_motion.moved(orbit, 0.0, 0.0, 1.0) == orbit
    assert camera_motion.moved(orbit, 0.0, -90.0, 1.0).height == camera_motion.LOWEST


def test_a_family_ignores_what_it_lacks() -> None:
    asked = {"floor": "grass", "sky": "room", "sun_height": "12"}
    assert look_of(asked) == Look(floor="grass", sky="room", sun_height=12.0)
    assert look_of(asked, lacks=("floor",), outdoors=True) == Look(sun_height=12.0)
