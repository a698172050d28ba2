"""Skies that are brighter than white, as the preview sees them."""

import numpy as np
import pytest

from simcraft.observe.lights import harmonics, light_of
from simcraft.recording.format import Lighting

BLACK = np.zeros(3)
UP = np.array([0.0, 0.0, 1.0])


def white_sheet(sky: np.ndarray, normal: np.ndarray = UP) -> np.ndarray:
    """(3,) radiance of a white sheet with this normal over black ground, without a sun."""
    light = light_of(Lighting(sun_color=(0.0, 0.0, 0.0), sky_image=sky), BLACK)
    return harmonics(normal) @ light.ambient


def test_radiance_is_taken_as_it_is() -> None:
    sky = np.random.default_rng(1).uniform(0.0, 9.0, (64, 128, 3)).astype(np.float32)
    np.testing.assert_array_equal(light_of(Lighting(sky_image=sky), BLACK).sky, sky)


def test_white_bytes_are_a_radiance_of_one() -> None:
    encoded, radiance = np.full((64, 128, 3), 255, np.uint8), np.ones((64, 128, 3), np.float32)
    np.testing.assert_allclose(white_sheet(encoded), white_sheet(radiance), rtol=1e-6)
    np.testing.assert_allclose(white_sheet(4 * radiance), 4 * white_sheet(radiance), rtol=1e-6)


@pytest.mark.parametrize("height", [64, 256])
def test_a_small_lamp_gives_all_its_light(height: int) -> None:
    """A spot of the radiance L and the solid angle w in the zenith lights a sheet by L w / pi.

    Two bands of the cosine lobe make 1/4 + 1/2 + 5/16 of that.
    """
    sky = np.zeros((height, 2 * height, 3), np.float32)
    rows = height // 32
    sky[:rows] = 50.0
    solid_angle = 2 * np.pi * (1 - np.cos(np.pi * rows / height))
    np.testing.assert_allclose(white_sheet(sky), 50.0 * solid_angle / np.pi * 1.0625, rtol=0.01)


def test_lamps_between_the_samples_are_not_lost() -> None:
    """One column of pixels, wherever it is, is as bright."""
    lit = []
    for column in range(8):
        sky = np.zeros((256, 512, 3), np.float32)
        sky[40:60, column] = 80.0
        lit.append(white_sheet(sky)[0])
    np.testing.assert_allclose(lit, lit[0], rtol=1e-5)
