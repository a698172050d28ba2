"""Colours are apart, found again, and mean nothing; labels are handed out as promised."""

import numpy as np
import pytest

from simcraft.generate.motion_dreamer.palette import BACKGROUND, CAPACITY, labelled, labels_of, nearest_labels, palette


@pytest.mark.parametrize("rng", [None, np.random.default_rng(0)])
@pytest.mark.parametrize(("count", "apart"), [(1, 2.0), (7, 2.0), (8, 2**0.5), (13, 2**0.5), (14, 1.0), (26, 1.0)])
def test_colours_are_as_far_apart_as_promised(count: int, apart: float, rng: np.random.Generator | None) -> None:
    colours = palette(count, rng)
    assert colours.shape == (count + 1, 3) and colours.dtype == np.float32
    np.testing.assert_array_equal(colours[0], BACKGROUND)
    distances = np.linalg.norm(colours[:, None] - colours, axis=-1)[~np.eye(count + 1, dtype=bool)]
    assert distances.min() >= apart - 1e-6
    assert set(np.unique(colours)) <= {-1, 0, 1}


def test_which_instance_has_which_colour_is_drawn() -> None:
    """Every label gets every colour of the first seven, and every one of 26 is used for some palette of eight."""
    rng = np.random.default_rng(1)
    drawn = np.stack([palette(7, rng)[1:] for _ in range(200)])
    for label in range(7):
        assert len(np.unique(drawn[:, label], axis=0)) == 7
    eighth = {tuple(colour) for _ in range(200) for colour in palette(8, rng)[1:]}
    assert len(eighth) == 13
    np.testing.assert_array_equal(palette(26), palette(26))
    np.testing.assert_array_equal(palette(26, np.random.default_rng(4)), palette(26, np.random.default_rng(4)))


def test_labels_are_found_again_in_disturbed_colours() -> None:
    rng = np.random.default_rng(2)
    table = palette(26, rng)
    labels = rng.integers(0, 27, (3, 8, 9)).astype(np.uint8)
    noise = rng.normal(size=(*labels.shape, 3))
    noise *= 0.49 / np.linalg.norm(noise, axis=-1, keepdims=True)
    np.testing.assert_array_equal(nearest_labels(table[labels] + noise, table, range(27)), labels)


def test_a_blurred_silhouette_is_no_third_instance() -> None:
    """Half way from (1, 1, 1) to (-1, -1, 1) lies (0, 0, 1), as near to two instances that are elsewhere."""
    table = np.array([BACKGROUND, (1, 1, 1), (-1, -1, 1), (1, -1, 1)], np.float32)
    labels = np.ones((1, 6, 12), np.uint8)
    labels[:, :, 4:8], labels[:, :, 9:] = 2, 3
    colours = table[labels]
    colours[:, :, 4] = (0.1, -0.1, 1)
    assert np.linalg.norm(colours[0, 0, 4] - table, axis=-1).argmin() == 3
    found = nearest_labels(colours, table, [1, 2, 3])
    assert set(np.unique(found[:, :, 4])) <= {1, 2}
    np.testing.assert_array_equal(np.delete(found, 4, 2), np.delete(labels, 4, 2))


def test_what_is_expected_is_found_where_no_colour_is_sure() -> None:
    """A thing of one pixel, paler than it was: it is where it is expected or beside that, and nowhere else."""
    table = palette(3)
    expected = np.zeros((1, 5, 9), np.uint8)
    expected[0, 2, 2] = 1
    colours = table[np.zeros((1, 5, 9), int)]
    pale = 0.4 * table[0] + 0.6 * table[1]
    colours[0, 2, 3], colours[0, 2, 7] = pale, pale
    np.testing.assert_array_equal(nearest_labels(colours, table, [0, 1]), np.zeros((1, 5, 9)))
    found = nearest_labels(colours, table, [0, 1], expected)
    assert np.argwhere(found).tolist() == [[0, 2, 3]]
    colours[0, 2, 7:] = table[1]
    assert np.argwhere(nearest_labels(colours, table, [0, 1], expected)).tolist() == [[0, 2, 3], [0, 2, 7]]


def test_only_candidates_are_found() -> None:
    table = palette(7)
    found = nearest_labels(table[np.arange(8)][None, None], table, [0, 3])
    assert set(np.unique(found)) == {0, 3}


def test_labels_follow_the_order_of_the_ids_and_begin_again() -> None:
    instances = np.array([[0, 7, 3], [900, 3, 7]], np.uint16)
    np.testing.assert_array_equal(labels_of(instances, (3, 900)), [[0, 0, 1], [2, 1, 0]])
    np.testing.assert_array_equal(labels_of(instances, ()), np.zeros((2, 3)))
    many = np.arange(60, dtype=np.uint16)
    np.testing.assert_array_equal(labels_of(many, tuple(range(1, 60)))[1:], np.arange(59) % CAPACITY + 1)


def test_who_becomes_background_first() -> None:
    few, many = tuple(range(1, 27)), tuple(range(1, 41))
    pixels = {i: 10.0 if i > 20 else 3.0 for i in many}
    assert labelled(few, few, pixels) == few
    assert labelled(many, range(1, 15), pixels) == tuple(range(15, 41))
    assert labelled(many, range(1, 14), pixels) == tuple(range(21, 41))
