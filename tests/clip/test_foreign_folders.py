"""Folders in the very layout that Kubric and BlenderProc write, with pixels of known meaning."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from simcraft.clip.files import write_png
from simcraft.clip.store import load_clip
from simcraft.errors import UserError

T, SIZE = 3, 8
FOCAL, SENSOR = 50.0, 25.0
FOCAL_PIXELS = FOCAL / SENSOR * SIZE
file_settings = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# what happens: frame t shows a body that moves 3 px right and 1 px down a frame; its flow to t-1 is then (-3, -1)
FORWARD, BACKWARD = np.array([3.0, 1.0]), np.array([-3.0, -1.0])
BODY = np.zeros((SIZE, SIZE), bool)
BODY[2:5, 1:4] = True
DEPTH = 4.0


def distance_image() -> np.ndarray:
    """(8, 8) Euclidean distance to a plane 4 m before the camera."""
    offset = np.arange(SIZE) + 0.5 - SIZE / 2
    rays = np.stack(np.broadcast_arrays(offset, offset[:, None], FOCAL_PIXELS), -1)
    return DEPTH * np.linalg.norm(rays, axis=-1) / FOCAL_PIXELS


def write_kubric_flow(folder: Path, name: str, flow: np.ndarray) -> dict[str, float]:
    """`flow` is (T, H, W, 2), rows first; as `write_flow_batch` of kubric/file_io.py does it."""
    low, high = float(flow.min()), float(flow.max())
    scaled = ((flow - low) * 65535 / (high - low)).astype(np.uint16)
    for t in range(T):
        write_png(folder / f"{name}_{t:05d}.png", np.dstack([scaled[t], np.zeros_like(scaled[t, ..., 0])]))
    return {"min": low, "max": high}


@pytest.fixture
def kubric(tmp_path: Path) -> Path:
    folder = tmp_path / "kubric"
    folder.mkdir()
    # Kubric stores (row, column), and both flows in the direction of time: the body's backward flow is also (1, 3)
    stored = np.where(BODY[..., None], FORWARD[::-1], 0.0)
    flow = np.tile(stored, (T, 1, 1, 1))
    outside = flow.copy()
    outside[-1] += 0.5  # the last forward and first backward images speak of frames outside the video
    backward = flow.copy()
    backward[0] -= 0.5
    ranges = {
        "forward_flow": write_kubric_flow(folder, "forward_flow", outside),
        "backward_flow": write_kubric_flow(folder, "backward_flow", backward),
    }
    (folder / "data_ranges.json").write_text(json.dumps(ranges))
    distance = np.where(BODY, distance_image(), 1e10).astype(np.float32)
    normal = ((np.array([0, 0, 1.0]) + 1) * 65535 / 2).astype(np.uint16)  # world z, which is towards this camera
    for t in range(T):
        write_png(folder / f"rgba_{t:05d}.png", np.full((SIZE, SIZE, 4), 10 * t + 5, np.uint8))
        cv2.imwrite(str(folder / f"depth_{t:05d}.tiff"), distance)
        write_png(folder / f"normal_{t:05d}.png", np.tile(normal, (SIZE, SIZE, 1)))
        palette = Image.fromarray(BODY.astype(np.uint8), "P")
        palette.putpalette([0, 0, 0, 250, 10, 10])
        palette.save(folder / f"segmentation_{t:05d}.png")
    camera = {
        "focal_length": FOCAL,
        "sensor_width": SENSOR,
        "positions": [[t, 0, 5] for t in range(T)],
        "quaternions": [[1, 0, 0, 0]] * T,  # Blender's camera without rotation looks down, image up is world y
    }
    document = {"flags": {"frame_rate": 12}, "camera": camera, "instances": [{"asset_id": "teapot"}]}
    (folder / "metadata.json").write_text(json.dumps(document))
    return folder


def test_kubric_flow(kubric: Path):
    clip = load_clip(kubric)
    assert clip.frame_count == T and clip.size == (SIZE, SIZE)
    step = 3.5 / 65535
    np.testing.assert_allclose(clip.flow_forward[:, BODY], np.tile(FORWARD, (T - 1, 9, 1)), atol=2 * step)
    np.testing.assert_allclose(clip.flow_backward[:, BODY], np.tile(BACKWARD, (T - 1, 9, 1)), atol=2 * step)
    np.testing.assert_allclose(clip.flow_forward[:, ~BODY], 0, atol=2 * step)
    assert clip.flow_valid_forward.all() and clip.flow_valid_backward.all()


def test_kubric_everything_else(kubric: Path):
    clip = load_clip(kubric)
    np.testing.assert_array_equal(clip.frames[:, 0, 0, 0], [5, 15, 25])
    np.testing.assert_array_equal(clip.image, clip.frames[0])
    np.testing.assert_allclose(clip.depth[:, BODY], DEPTH, rtol=1e-6)
    assert np.isinf(clip.depth[:, ~BODY]).all()
    np.testing.assert_array_equal(clip.instances, np.tile(BODY, (T, 1, 1)))
    assert [(row.id, row.name) for row in clip.instance_table] == [(1, "teapot")]
    assert clip.fps == 12 and clip.metadata["origin"] == "kubric"
    np.testing.assert_allclose(clip.intrinsics[0], [[16, 0, 4], [0, 16, 4], [0, 0, 1]])
    # a normal that faces the camera points against its z axis
    np.testing.assert_allclose(clip.normals, np.tile([0, 0, -1], (*clip.depth.shape, 1)), atol=1e-4)


def test_kubric_camera_projects_as_kubric_does(kubric: Path):
    clip = load_clip(kubric)
    point = np.array([1.5, 0.25, 1.0, 1.0])  # half a metre right of the camera of frame 1, a quarter up, 4 m before it
    x, y, z = (np.linalg.inv(clip.camera_to_world[1]) @ point)[:3]
    u, v, w = clip.intrinsics[1] @ [x, y, z]
    np.testing.assert_allclose([u / w, v / w, w], [4 + 16 * 0.5 / 4, 4 - 16 * 0.25 / 4, 4])


@pytest.mark.parametrize("name", ["data_ranges.json", "forward_flow_00001.png", "depth_00002.tiff", "rgba_00000.png"])
def test_kubric_missing_or_damaged_file_is_named(kubric: Path, name: str):
    whole = (kubric / name).read_bytes()
    (kubric / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=name):
        load_clip(kubric)
    (kubric / name).unlink()
    with pytest.raises(UserError, match=r"rgba|forward_flow|data_ranges|depth"):
        load_clip(kubric)


def test_kubric_without_metadata_has_no_depth(kubric: Path):
    (kubric / "metadata.json").unlink()
    clip = load_clip(kubric)
    assert clip.depth is None and clip.intrinsics is None and clip.normals is None
    assert clip.instances is not None


@file_settings
@given(cut=st.floats(0, 0.98), which=st.integers(0, 1000))
def test_kubric_truncated_files_are_user_errors(kubric: Path, cut: float, which: int):
    files = sorted(p for p in kubric.iterdir() if p.stem not in ("forward_flow_00002", "backward_flow_00000"))
    victim = files[which % len(files)]
    whole = victim.read_bytes()
    try:
        victim.write_bytes(whole[: int(len(whole) * cut)])
        with pytest.raises(UserError):
            load_clip(kubric)
    finally:
        victim.write_bytes(whole)


@pytest.fixture
def blenderproc(tmp_path: Path) -> Path:
    import h5py

    folder = tmp_path / "blenderproc"
    folder.mkdir()
    table = [{"idx": 0, "name": "World"}, {"idx": 1, "name": "mug", "category_id": 4}]
    pose = {
        # principal point of whole-numbered pixel centres; world to camera: camera 2 m behind the origin along -z
        "cam_K": [FOCAL_PIXELS, 0, (SIZE - 1) / 2, 0, FOCAL_PIXELS, (SIZE - 1) / 2, 0, 0, 1],
        "cam_R_w2c": np.eye(3).ravel().tolist(),
        "cam_t_w2c": [0, 0, 2],
    }
    for t in range(11):  # more than ten: 10.hdf5 must not come before 2.hdf5
        with h5py.File(folder / f"{t}.hdf5", "w") as file:
            arrays = {
                "colors": np.full((SIZE, SIZE, 3), t, np.uint8),
                "forward_flow": np.where(BODY[..., None], FORWARD, 0).astype(np.float32) + (99 if t == 10 else 0),
                "backward_flow": np.where(BODY[..., None], BACKWARD, 0).astype(np.float32) + (99 if t == 0 else 0),
                "depth": np.where(BODY, DEPTH, 1e10).astype(np.float32),
                "distance": distance_image().astype(np.float32),
                "instance_segmaps": BODY.astype(np.uint8),
            }
            for key, value in arrays.items():
                file.create_dataset(key, data=value, compression="gzip")
            for key, value in {"instance_attribute_maps": table, "camera_pose": pose}.items():
                file.create_dataset(key, data=np.array(np.bytes_(json.dumps(value))))
            file.create_dataset("blender_proc_version", data=np.array(np.bytes_("2.7.0")))
    return folder


def test_blenderproc(blenderproc: Path):
    clip = load_clip(blenderproc)
    assert clip.frame_count == 11
    np.testing.assert_array_equal(clip.frames[:, 0, 0, 0], np.arange(11))
    np.testing.assert_array_equal(clip.flow_forward[:, BODY], np.tile(FORWARD, (10, 9, 1)))
    np.testing.assert_array_equal(clip.flow_backward[:, BODY], np.tile(BACKWARD, (10, 9, 1)))
    assert np.abs(clip.flow_backward).max() == 3
    np.testing.assert_array_equal(clip.depth[0], np.where(BODY, np.float32(DEPTH), np.inf))
    np.testing.assert_array_equal(clip.instances[0], BODY)
    assert [(row.id, row.name) for row in clip.instance_table] == [(1, "mug")]


def test_blenderproc_camera(blenderproc: Path):
    clip = load_clip(blenderproc)
    np.testing.assert_allclose(clip.intrinsics[0, :2, 2], SIZE / 2)
    np.testing.assert_allclose(clip.camera_to_world[0, :3, 3], [0, 0, -2])


def test_blenderproc_distance_becomes_planar_depth(blenderproc: Path):
    import h5py

    for file in blenderproc.glob("*.hdf5"):
        with h5py.File(file, "a") as frame:
            del frame["depth"]
    np.testing.assert_allclose(load_clip(blenderproc).depth, DEPTH, rtol=1e-6)


def test_blenderproc_names_what_is_missing(blenderproc: Path):
    import h5py

    with h5py.File(blenderproc / "3.hdf5", "a") as file:
        del file["forward_flow"]
    with pytest.raises(UserError, match=r"3\.hdf5 has no 'forward_flow'"):
        load_clip(blenderproc)
    (blenderproc / "3.hdf5").unlink()
    with pytest.raises(UserError, match="gaps"):
        load_clip(blenderproc)


@file_settings
@given(cut=st.floats(0, 0.98), which=st.integers(0, 10))
def test_blenderproc_truncated_files_are_user_errors(blenderproc: Path, cut: float, which: int):
    victim = blenderproc / f"{which}.hdf5"
    whole = victim.read_bytes()
    try:
        victim.write_bytes(whole[: int(len(whole) * cut)])
        with pytest.raises(UserError, match=victim.name):
            load_clip(blenderproc)
    finally:
        victim.write_bytes(whole)
