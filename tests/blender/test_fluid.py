"""Liquids baked by Mantaflow: a new mesh in each frame, and a velocity attribute in units of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import ChangingBody
from tests.blender.conftest import BLENDERS, build


def volume_center(corners: np.ndarray) -> tuple[np.ndarray, float]:
    """(centre of mass, volume) of the closed mesh whose triangles have these (F, 3, 3) corners."""
    origin = corners.mean((0, 1))
    a = corners - origin
    volumes = np.einsum("ij,ij->i", a[:, 0], np.cross(a[:, 1], a[:, 2])) / 6
    return origin + (volumes[:, None] * a.sum(1) / 4).sum(0) / volumes.sum(), float(volumes.sum())


def center_velocity(corners: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """How fast the centre of mass moves when the surface moves by `velocity` (F, 3, 3): Reynolds' transport theorem."""
    center, volume = volume_center(corners)
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    flux = np.einsum("ij,ij->i", velocity.mean(1), areas)
    return ((corners.mean(1) - center) * flux[:, None]).sum(0) / volume


@pytest.mark.blender
def test_the_velocity_of_a_liquid_is_in_world_metres_a_second(tmp_path: Path) -> None:
    recording = build("fluid", "blender", tmp_path).recording
    liquid = next(b for b in recording.bodies if isinstance(b, ChangingBody))
    assert liquid.name == "Liquid"
    assert liquid.solver == "mantaflow"
    assert liquid.velocity is not None
    centers, predicted = [], []
    for t in range(recording.frame_count):
        rows = slice(liquid.vertex_offsets[t], liquid.vertex_offsets[t + 1])
        faces = liquid.faces[liquid.face_offsets[t] : liquid.face_offsets[t + 1]]
        corners = np.asarray(liquid.vertices[rows], np.float64)[faces]
        centers.append(volume_center(corners)[0])
        predicted.append(center_velocity(corners, liquid.velocity[rows][faces]))
    measured = np.diff(centers, axis=0) * recording.fps
    # Mantaflow's surface jitters by a fraction of a cell (here 9 cm) a frame; the fall dominates from frame 3 on
    np.testing.assert_allclose(measured[2:, 2], np.array(predicted)[2:-1, 2], rtol=0.05)
    drift = measured[:, :2].mean(0)
    np.testing.assert_allclose(drift, np.mean(predicted, axis=0)[:2], rtol=0.15)
    # along the domain's own x axis
    np.testing.assert_allclose(drift[1] / drift[0], np.tan(0.7), rtol=0.1)


@pytest.mark.parametrize("kind", BLENDERS)
def test_a_fluid_that_cannot_be_simulated_is_refused(tmp_path: Path, kind: str) -> None:
    reason = "the bpy package cannot run fluids" if kind == "bpy" else "'Liquid' is not baked"
    with pytest.raises(UserError, match=reason):
        build("unbaked_fluid", kind, tmp_path, script="fluid")
