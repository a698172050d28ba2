"""Continuing a texture: what comes out looks like what is around, where a smooth filling would not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simcraft.generate.texture import continue_texture, half_width


def striped(size: int = 96) -> np.ndarray:
    """Stripes of two colours, eight pixels wide, slightly slanted."""
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    stripe = ((x + y // 8) // 8) % 2
    return np.array([[60, 80, 120], [200, 170, 90]], np.uint8)[stripe]


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The truth, the hole, and the truth with the hole filled smoothly."""
    truth = striped()
    hole = np.zeros(truth.shape[:2], bool)
    hole[34:62, 30:66] = True
    return truth, hole, cv2.inpaint(truth, hole.astype(np.uint8), 4, cv2.INPAINT_TELEA)


def test_stripes_go_on(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, hole, smooth = case
    filled = continue_texture(smooth, ~hole, hole)
    assert (filled[~hole] == truth[~hole]).all()

    def error(image: np.ndarray) -> float:
        return float(np.abs(image[hole].astype(int) - truth[hole]).mean())

    assert error(filled) < 0.5 * error(smooth)


def test_what_is_not_known_is_not_copied(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Red beside the hole belongs to something else."""
    _, hole, smooth = case
    foreign = np.zeros_like(hole)
    foreign[:, 70:] = True
    image = np.where(foreign[..., None], np.uint8([255, 0, 0]), smooth)
    filled = continue_texture(image, ~hole & ~foreign, hole)
    assert (filled[~hole] == image[~hole]).all()
    assert (filled[hole].astype(int) @ [1, -1, -1] < 40).all()


def test_the_same_input_gives_the_same_output(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, hole, smooth = case
    assert (continue_texture(smooth, ~hole, hole) == continue_texture(smooth, ~hole, hole)).all()


def test_small_holes_and_images_without_patches_stay_smooth(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, hole, smooth = case
    assert (continue_texture(smooth, np.zeros_like(hole), hole) == smooth).all()
    dot = np.zeros_like(hole)
    dot[40:43, 40:43] = True
    assert half_width(dot) < 3
    assert (continue_texture(smooth, ~dot, dot) == smooth).all()
    assert half_width(np.zeros_like(hole)) == 0


def test_holes_at_the_edge_of_the_image(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, _, _ = case
    hole = np.zeros(truth.shape[:2], bool)
    hole[:, :14] = True
    smooth = cv2.inpaint(truth, hole.astype(np.uint8), 4, cv2.INPAINT_TELEA)
    filled = continue_texture(smooth, ~hole, hole)
    assert (filled[~hole] == truth[~hole]).all()
    assert filled[hole].std() > 0.5 * truth[hole].std()
