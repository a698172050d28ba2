"""Multilayer EXR: this project's layers and the passes that Blender writes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcraft.clip.formats.exr import FrameLayers, frame_layers, read_exr, read_exr_layers, write_exr
from simcraft.errors import UserError

from .clips import random_clip

file_settings = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def header() -> dict:
    """A new one each time: OpenEXR writes the picture's size and the part's name into it."""
    return {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


def assert_same_layers(left: FrameLayers, right: FrameLayers) -> None:
    for name in FrameLayers.__dataclass_fields__:
        a, b = getattr(left, name), getattr(right, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)


@file_settings
@given(seed=st.integers(0, 99), frame=st.integers(0, 2), size=st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_round_trip(tmp_path: Path, seed: int, frame: int, size: tuple[int, int]):
    layers = frame_layers(random_clip(seed, 3, *size), frame)
    write_exr(tmp_path / "a.exr", layers)
    assert_same_layers(layers, read_exr(tmp_path / "a.exr"))


def test_layers_belong_to_the_pixels_of_their_frame():
    clip = random_clip(frames=3)
    first, last = frame_layers(clip, 0), frame_layers(clip, 2)
    assert first.flow_backward is None and last.flow_forward is None
    np.testing.assert_array_equal(first.flow_forward, clip.flow_forward[0])
    np.testing.assert_array_equal(last.flow_backward, clip.flow_backward[1])
    with pytest.raises(UserError, match="frames 0 to 2; 3"):
        frame_layers(clip, 3)


def blender_channels(prefix: str, depth: str, index: str) -> dict[str, np.ndarray]:
    """A 1 x 2 picture as Blender names it: left a body 5 m away that came from (-1, +2) and goes to (+3, -4) pixels."""
    values = {"Vector.X": -1, "Vector.Y": -2, "Vector.Z": -3, "Vector.W": -4, index: 7}
    channels = {prefix + name: np.array([[value, 0]], np.float32) for name, value in values.items()}
    return channels | {prefix + depth: np.array([[5, 1e10]], np.float32)}


def assert_blender_meaning(layers: FrameLayers) -> None:
    np.testing.assert_array_equal(layers.flow_forward, [[[3, -4], [0, 0]]])
    np.testing.assert_array_equal(layers.flow_backward, [[[-1, 2], [0, 0]]])
    np.testing.assert_array_equal(layers.depth, [[5, np.inf]])
    np.testing.assert_array_equal(layers.flow_valid_forward, [[True, False]])
    np.testing.assert_array_equal(layers.instances, [[7, 0]])
    assert layers.instances.dtype == np.uint16 and layers.depth.dtype == np.float32


@pytest.mark.parametrize(("depth", "index"), [("Depth.Z", "IndexOB.X"), ("Depth.V", "Object Index.V")])
def test_blender_passes_in_one_part(tmp_path: Path, depth: str, index: str):
    OpenEXR.File(header(), blender_channels("ViewLayer.", depth, index)).write(str(tmp_path / "a.exr"))
    assert_blender_meaning(read_exr(tmp_path / "a.exr"))


def test_blender_passes_in_several_parts(tmp_path: Path):
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, pixels in blender_channels("", "Depth.V", "Object Index.V").items():
        layer, _, letter = name.rpartition(".")
        parts.setdefault(f"ViewLayer.{layer}", {})[letter] = pixels
    OpenEXR.File([OpenEXR.Part(header(), channels, name) for name, channels in parts.items()]).write(
        str(tmp_path / "a.exr")
    )
    assert set(read_exr_layers(tmp_path / "a.exr")) == set(parts)
    assert_blender_meaning(read_exr(tmp_path / "a.exr"))


def test_file_without_known_layers_lists_what_it_has(tmp_path: Path):
    OpenEXR.File(header(), {"Foo.R": np.zeros((2, 2), np.float32)}).write(str(tmp_path / "a.exr"))
    with pytest.raises(UserError, match="Object Index; it has Foo"):
        read_exr(tmp_path / "a.exr")


def test_no_exr_at_all(tmp_path: Path):
    (tmp_path / "a.exr").write_bytes(b"not an image")
    for name in ("a.exr", "absent.exr"):
        with pytest.raises(UserError, match=name):
            read_exr(tmp_path / name)
    with pytest.raises(UserError, match="nothing to write"):
        write_exr(tmp_path / "b.exr", FrameLayers())


@file_settings
@given(cut=st.floats(0, 0.999))
def test_truncated_files_are_user_errors(tmp_path: Path, cut: float):
    path = tmp_path / "a.exr"
    write_exr(path, frame_layers(random_clip(0, 3, 16, 16), 1))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(UserError, match=r"a\.exr"):
        read_exr(path)


BLENDER_SCENE = """
import bpy, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
bpy.ops.mesh.primitive_plane_add(size=2)
plane = bpy.context.object
plane.pass_index = 5
for frame, x, y in ((1, -.2, .1), (2, 0, 0), (3, .3, .2)):
    plane.location = (x, y, 0)
    plane.keyframe_insert("location", frame=frame)
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(camera)
camera.location = (0, 0, 4)
camera.data.sensor_width, camera.data.lens = 36, 36
scene.camera = camera
scene.render.engine = "CYCLES"
scene.cycles.samples, scene.cycles.use_denoising = 1, False
scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BLACKMAN_HARRIS", 0.01
scene.render.resolution_x = scene.render.resolution_y = 32
scene.render.use_motion_blur = False
layer = scene.view_layers[0]
layer.use_pass_vector = layer.use_pass_z = layer.use_pass_object_index = True
if hasattr(scene.render.image_settings, "media_type"):
    scene.render.image_settings.media_type = "MULTI_LAYER_IMAGE"
scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
scene.render.image_settings.color_depth = "32"
scene.render.filepath = OUT
scene.frame_set(2)
bpy.ops.render.render(write_still=True)
"""


def assert_rendered_plane(path: Path) -> None:
    """A 2 m plane seen from 4 m by a 90-degree-like camera of f = 32 px: 8 px a metre, so 2.4 and 1.6 px a frame."""
    layers = read_exr(path)
    inside = layers.instances == 5
    assert inside.sum() == 16 * 16
    np.testing.assert_allclose(layers.depth[inside], 4, rtol=1e-5)
    assert np.isinf(layers.depth[~inside]).all()
    # keyframes are met exactly: +0.3 m right and 0.2 m up to frame 3, -0.2 m and 0.1 m up to frame 1
    np.testing.assert_allclose(layers.flow_forward[inside], [[2.4, -1.6]] * 256, atol=1e-3)
    np.testing.assert_allclose(layers.flow_backward[inside], [[-1.6, -0.8]] * 256, atol=1e-3)
    np.testing.assert_array_equal(layers.flow_valid_forward, inside)


@pytest.mark.blender
def test_file_rendered_by_a_blender_executable(tmp_path: Path):
    import os
    import shutil

    blender = os.environ.get("SIMCRAFT_BLENDER") or shutil.which("blender")
    if blender is None:
        pytest.skip("no Blender executable")
    script = tmp_path / "scene.py"
    script.write_text(f"OUT = {str(tmp_path / 'a.exr')!r}\n{BLENDER_SCENE}")
    subprocess.run(
        [blender, "-b", "--factory-startup", "--python-exit-code", "3", "-P", script], check=True, capture_output=True
    )
    assert_rendered_plane(tmp_path / "a.exr")


@pytest.mark.bpy
def test_file_rendered_by_bpy(tmp_path: Path):
    pytest.importorskip("importlib.metadata").distribution("bpy")
    code = f"OUT = {str(tmp_path / 'a.exr')!r}\n{BLENDER_SCENE}"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert_rendered_plane(tmp_path / "a.exr")
