"""What the exporter takes over of materials and light, for the preview."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.blender.conftest import BLENDERS, Built, build


@pytest.fixture(scope="module", params=BLENDERS)
def painted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build("appearance", request.param, tmp_path_factory.mktemp(f"appearance-{request.param}"))


def material(built: Built, name: str) -> Any:
    return next(m for m in built.recording.materials if m.name == name)


def test_plain_colours(painted: Built) -> None:
    plain = material(painted, "Plain")
    np.testing.assert_allclose(plain.base_color, (0.1, 0.2, 0.3), atol=1e-6)
    assert plain.texture is None
    assert plain.roughness == pytest.approx(0.25)


def test_a_picture_behind_other_nodes_is_found(painted: Built) -> None:
    textured = material(painted, "Textured")
    assert textured.base_color == (1, 1, 1)
    # red on the left, green on the right, the upper half darker; row 0 is the top
    assert textured.texture.shape == (8, 8, 3)
    np.testing.assert_allclose(textured.texture[0, 0], (128, 0, 0), atol=1)
    np.testing.assert_allclose(textured.texture[-1, -1], (0, 255, 0), atol=1)


def test_large_pictures_shrink(painted: Built) -> None:
    large = material(painted, "Large").texture
    assert large.shape == (8, 1000, 3)
    np.testing.assert_allclose(large, 64, atol=1)


def test_the_mapping_node_moves_texture_coordinates(painted: Built) -> None:
    plane = next(b for b in painted.recording.bodies if b.name == "Mapped")
    corners = plane.vertices[plane.mesh.faces][..., :2]
    # the plane's own coordinates run from 0 to 1 over 2 m; the node doubles them, and adds (0.5, 0)
    np.testing.assert_allclose(plane.mesh.uv, (corners + 1) / 2 * 2 + (0.5, 0), atol=1e-6)


def test_procedural_colours_are_averaged(painted: Built) -> None:
    np.testing.assert_allclose(material(painted, "Checker").base_color, (0.5, 0.25, 0.0), atol=1e-6)


def test_faces_keep_their_materials(painted: Built) -> None:
    both = next(b for b in painted.recording.bodies if b.name == "TwoMaterials")
    names = [painted.recording.materials[i].name for i in both.mesh.face_material]
    assert sorted(set(names)) == ["Object's", "Plain"]
    assert names.count("Object's") == 2


def test_smooth_shading(painted: Built) -> None:
    smooth = {b.name: b.mesh.smooth for b in painted.recording.bodies}
    assert smooth["Ball"] and not smooth["TwoMaterials"]
    # one smooth face is enough: edges are sharp by their angle
    assert smooth["CheckerCube"]


def test_the_sun_and_the_sky(painted: Built) -> None:
    light = painted.recording.lighting
    # turned by 30 degrees about x: it leans towards +y
    np.testing.assert_allclose(light.sun_direction, (0, 0.5, -np.sqrt(0.75)), atol=1e-6)
    np.testing.assert_allclose(light.sun_color, (3, 1.5, 0.75), atol=1e-6)
    np.testing.assert_allclose(light.sky_color, (0.2, 0.4, 0.6), atol=1e-6)
    assert light.sky_image is None


def test_paths_do_not_matter(painted: Built) -> None:
    """The pictures are part of the recording: nothing points back to where they came from."""
    tree = (Path(painted.folder) / "recording" / "recording.json").read_text()
    assert str(painted.folder) not in tree
