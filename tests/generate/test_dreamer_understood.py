"""The picture of what arrows were understood to mean."""

from __future__ import annotations

import numpy as np
import pytest

from simcraft.clip.types import InstanceInfo
from simcraft.generate.motion_dreamer.arrows import Arrow, arrow_flow
from simcraft.generate.motion_dreamer.scene import FirstScene
from simcraft.generate.motion_dreamer.understood import understood
from simcraft.observe.colour import palette

GREY = 100


def scene(width: int = 64, height: int = 48) -> FirstScene:
    """A ball (1) on the left and a box (2) below the middle of a grey picture."""
    instances = np.zeros((height, width), np.uint16)
    instances[16:32, 4:16] = 1
    instances[34:46, 28:44] = 2
    table = (InstanceInfo(1, "ball"), InstanceInfo(2, "box"))
    return FirstScene(np.full((height, width, 3), GREY, np.uint8), instances, table)


def drawn(arrows: list[Arrow], scene: FirstScene, frames: int = 8, **options: object) -> np.ndarray:
    return understood(scene, arrow_flow(scene, arrows, frames, **options), arrows, frames)  # type: ignore[arg-type]


def is_shade_of(colour: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(...) bool: the pixels are brighter than grey just where `colour` (3,) is brightest."""
    return (pixels.argmax(-1) == colour.argmax()) & (np.ptp(pixels.astype(int), axis=-1) > 40)


@pytest.mark.parametrize(
    ("size", "width"), [((64, 48), 640), ((500, 320), 1000), ((640, 48), 640), ((1024, 768), 1024), ((3840, 60), 1280)]
)
def test_pictures_have_a_readable_size(size: tuple[int, int], width: int) -> None:
    picture = drawn([Arrow("ball", ((3.0, 0.0),))], scene(*size))
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (width, 3)
    assert picture.shape[0] > round(size[1] * width / size[0])


def test_what_moves_is_tinted_with_an_arrow_to_where_it_arrives() -> None:
    picture, colours = drawn([Arrow("ball", ((30.0, -5.0),), (10.0, 24.0))], scene()), palette(3)
    before = drawn([], scene())
    # between the arrow, the label and the outline
    assert is_shade_of(colours[1], picture[300:315, 50:80]).all()
    np.testing.assert_array_equal(picture[310, 60], (GREY + colours[1].astype(int)) // 2)
    # the middle of the arrow, on the background
    assert is_shade_of(colours[1], picture[215, 250])
    # the dashed outline, 30 pixels farther right and 5 higher, is there in part only
    edge = is_shade_of(colours[1], picture[115:265, 340 + 118])
    assert 0.2 < edge.mean() < 0.8
    assert (before[110:120, 340:460] == GREY).all()
    # where nothing is the photo is untouched
    assert (picture[20:60, 500:] == GREY).all()


def test_what_is_free_is_hatched() -> None:
    picture, colour = drawn([Arrow("ball", ((30.0, 0.0),))], scene()), palette(3)[2].astype(int)
    inside = picture[400:450, 290:430].reshape(-1, 3).astype(int)
    shares = ((inside - GREY) @ (colour - GREY)) / ((colour - GREY) @ (colour - GREY))
    values, counts = np.unique(shares.round(1), return_counts=True)
    common = values[counts > 0.1 * counts.sum()]
    np.testing.assert_allclose(common, [0.1, 0.3], atol=0.01)


def test_what_is_told_to_stay_has_a_ring_and_no_arrow() -> None:
    stays, free = (drawn(arrows, scene()) for arrows in ([Arrow("ball", ((0.0, 0.0),))], []))
    middle = np.array([240, 100])
    ring = is_shade_of(palette(3)[1], stays[middle[0] - 20 : middle[0] + 20, middle[1] - 20 : middle[1] + 20])
    assert ring.any()
    # nothing is drawn to the right of the ball but its name
    assert (stays[160:180, 200:640] == free[160:180, 200:640]).all()


def test_given_arrows_are_thin_where_they_say_more() -> None:
    """Two drags on one ball: each is white, and the mean of both has the ball's colour."""
    drags = [Arrow(None, ((0.0, -20.0), (30.0, -20.0)), (10.0, 24.0)), Arrow(None, ((30.0, 20.0),), (10.0, 26.0))]
    picture = drawn(drags, scene())
    assert (picture[40, 200:380] > 200).all(-1).mean() > 0.9
    assert is_shade_of(palette(3)[1], picture[236:246, 280]).any()
    alone = drawn([Arrow("ball", ((30.0, 0.0),))], scene())
    assert not (alone[:480] > 250).all(-1)[:, 200:].any()


def test_a_flow_of_another_size_means_the_same() -> None:
    arrows = [Arrow("ball", ((30.0, -6.0),))]
    np.testing.assert_array_equal(drawn(arrows, scene(), size=(32, 24)), drawn(arrows, scene()))


def test_the_legend_tells_scaled_arrows_apart() -> None:
    """Three of the four pictures differ below the first frame: in what is told, and in how far."""
    arrow = Arrow("ball", ((10.0, 0.0),))
    legends = [drawn(arrows, scene(), delta=delta)[480:] for arrows, delta in (([], 1), ([arrow], 1), ([arrow], 2))]
    assert legends[0].shape != legends[1].shape or (legends[0] != legends[1]).any()
    assert legends[1].shape == legends[2].shape
    assert (legends[1] != legends[2]).any()


def test_crowds_and_long_names_fit() -> None:
    """A hundred instances, one pixel each at least, whose names are longer than the picture is wide."""
    labels = np.kron(np.arange(1, 101, dtype=np.uint16).reshape(10, 10), np.ones((2, 6), np.uint16))
    table = tuple(InstanceInfo(k, f"{k} " + "very long name " * 20) for k in range(1, 101))
    crowd = FirstScene(np.zeros((20, 60, 3), np.uint8), labels, table)
    picture = drawn([Arrow(k, ((500.0, 1.0),)) for k in range(1, 50)], crowd)
    assert picture.shape[1] == 660
