"""A simulation that stops is reported; one that moves is not."""

from dataclasses import replace

import numpy as np
import pytest

from simcraft.recording import ChangingBody, DeformingBody, Mesh, Particles, Volume
from simcraft.sim.standstill import speeds, standstill_warnings

from .recordings import box_body, drifting_particles


def volume(speed: np.ndarray) -> Volume:
    density = np.zeros((len(speed), 4, 4, 4), np.float32)
    density[:, 1:3, 1:3, 1:3] = 1
    velocity = np.zeros((*density.shape, 3), np.float32)
    velocity[..., 0] = speed[:, None, None, None]
    return Volume("smoke", density, velocity, np.tile(np.eye(4), (len(speed), 1, 1)))


def test_the_speed_of_each_kind_of_body() -> None:
    places = np.zeros((4, 3))
    places[:, 1] = [0, 0.1, 0.3, 0.3]
    assert speeds(box_body("b", (1, 1, 1), places), 10) == pytest.approx([1, 2, 0, 0])
    assert speeds(drifting_particles(3, 1.5), 24) == pytest.approx([1.5] * 3)
    assert speeds(volume(np.array([1.0, 0.5])), 24) == pytest.approx([1.0, 0.5])
    triangle = np.tile(np.eye(3, dtype=np.float32), (2, 1))
    mesh = ChangingBody(
        "liquid",
        triangle,
        np.array([0, 3, 6]),
        np.tile(np.arange(3, dtype=np.int32), (2, 1)),
        np.array([0, 1, 2]),
        velocity=np.repeat(np.array([[0, 0, 2], [0, 0, 1]], np.float32), 3, axis=0),
    )
    assert speeds(mesh, 24) == pytest.approx([2, 1])
    cloth = DeformingBody("cloth", Mesh(np.array([[0, 1, 2]], np.int32)), triangle.reshape(2, 3, 3))
    assert speeds(cloth, 24) == pytest.approx([0, 0])


def test_a_turning_body_moves() -> None:
    body = box_body("top", (1, 1, 1), np.zeros((3, 3)))
    for t, angle in enumerate((0, 0.1, 0.2)):
        body.transforms[t, :2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert (speeds(body, 24) > 1).all()


def test_stopping_early_is_reported_with_the_frame() -> None:
    stops = volume(np.where(np.arange(20) < 6, 1.0, 0.0))
    assert standstill_warnings([stops], 24) == ("'smoke' does not move any more after frame 7 of 20.",)
    assert standstill_warnings([volume(np.zeros(20))], 24) == ("'smoke' does not move at all.",)
    assert standstill_warnings([volume(np.ones(20))], 24) == ()


def test_what_never_appears_is_reported() -> None:
    nothing = replace(drifting_particles(4, 1), present=np.zeros((4, 2), bool))
    empty = replace(volume(np.ones(4)), density=np.zeros((4, 4, 4, 4), np.float32))
    none: Particles = replace(nothing, positions=np.zeros((4, 0, 3), np.float32), radius=np.zeros(0, np.float32))
    for body in (nothing, empty, replace(none, present=None)):
        assert "is empty in all frames" in standstill_warnings([body], 24)[0]
