"""What shares a mesh, an emitter or a scene with others is still recorded as itself."""

from __future__ import annotations

from typing import Any

import pytest

from simcraft.recording import DeformingBody, RigidBody
from tests.blender.conftest import BLENDERS, Built, build


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
