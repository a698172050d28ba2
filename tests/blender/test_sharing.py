"""What shares a mesh, an emitter or a scene with others is still recorded as itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simcraft.recording import DeformingBody, Instances, Particles, RigidBody
from tests.blender.conftest import BLENDERS, Built, build

STEP = 0.04
"""Seconds a frame of Blender's particles, whatever the frame rate: metres at 1 m/s."""


@pytest.fixture(scope="module", params=BLENDERS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build("sharing", request.param, tmp_path_factory.mktemp(f"sharing-{request.param}"))


def body(built: Built, name: str, kind: type) -> Any:
    found = next(b for b in built.recording.bodies if b.name == name)
    assert isinstance(found, kind)
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Still", RigidBody),
        ("Sliding", RigidBody),
        ("Waving", DeformingBody),
        ("Rising", DeformingBody),
        ("Instance/Instanced", RigidBody),
    ],
)
def test_objects_of_one_mesh_keep_their_own_materials(shared: Built, name: str, kind: type) -> None:
    for color in ("Red", "Blue"):
        materials = body(shared, f"{name} {color}", kind).mesh.face_material
        assert [shared.recording.materials[i].name for i in materials] == [color] * 12


def test_systems_of_one_emitter_are_told_apart(shared: Built) -> None:
    for system, count, born, way in (("Up", 20, 0, 1), ("Down", 7, 2, -1)):
        points = body(shared, f"Points/{system}", Particles)
        assert points.positions.shape == (12, count, 3)
        np.testing.assert_array_equal(points.present[born:].sum(1), count)
        assert not points.present[:born].any()
        climb = np.diff(points.positions[born:, :, 2], axis=0)
        np.testing.assert_allclose(climb, way * STEP, atol=1e-5)
        np.testing.assert_allclose(points.velocity[born:-1, :, 2] / 24, climb, atol=1e-5)


def test_copies_from_systems_of_one_emitter_keep_their_identity(shared: Built) -> None:
    chips = body(shared, "Chips/Chip", Instances)
    assert chips.transforms.shape == (12, 27, 4, 4)
    height = chips.transforms[:, :, 2, 3]
    present = np.ones((12, 27), bool) if chips.present is None else chips.present
    late = ~present[0]
    assert late.sum() == 7
    np.testing.assert_allclose(np.diff(height[:, ~late], axis=0), STEP, atol=1e-5)
    np.testing.assert_allclose(np.diff(height[2:, late], axis=0), -STEP, atol=1e-5)
