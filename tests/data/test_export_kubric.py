"""Kubric-like folders, read back by the reader of Kubric's own folders."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.clip.files import read_png
from simcraft.clip.store import load_clip
from simcraft.data.export import kubric
from simcraft.data.export.format import Unfit
from simcraft.data.folder import open_set

Exports = Callable[[str], Path]


def written(clip: MotionClip, small_set: Path, path: Path) -> Path:
    kubric.write(iter([(open_set(small_set).rows[0], clip)]), path, {})
    return path


def some_clip(small_set: Path, number: int = 2) -> MotionClip:
    data_set = open_set(small_set)
    return data_set.clip(data_set.rows[number])


@pytest.mark.parametrize("number", [0, 2])
def test_what_the_reader_reads_is_what_was_written(number: int, exports: Exports, small_set: Path) -> None:
    truth = some_clip(small_set, number)
    folder = exports("kubric") / "train" / f"{number:06d}"
    clip = load_clip(folder)
    ranges = json.loads((folder / "data_ranges.json").read_text())
    for name, stored in (("flow_forward", "forward_flow"), ("flow_backward", "backward_flow")):
        step = (ranges[stored]["max"] - ranges[stored]["min"]) / 65535
        assert np.abs(getattr(clip, name) - getattr(truth, name)).max() <= 0.51 * step
    np.testing.assert_array_equal(clip.frames, truth.frames)
    np.testing.assert_array_equal(clip.instances, truth.instances)
    np.testing.assert_allclose(clip.depth, truth.depth, rtol=1e-6)
    np.testing.assert_allclose(clip.normals, truth.normals, atol=3e-5)
    np.testing.assert_allclose(clip.intrinsics, truth.intrinsics, rtol=1e-12)
    np.testing.assert_allclose(clip.camera_to_world, truth.camera_to_world, atol=1e-12)
    assert [i.name for i in clip.instance_table] == [i.name for i in truth.instance_table]
    assert clip.fps == truth.fps == 12


def test_a_turned_camera_comes_back(small_set: Path, tmp_path: Path) -> None:
    from scipy.spatial.transform import Rotation

    clip = some_clip(small_set)
    pose = clip.camera_to_world.copy()
    pose[:, :3, :3] = Rotation.random(len(pose), random_state=1).as_matrix()
    pose[:, :3, 3] = np.random.default_rng(1).normal(size=(len(pose), 3))
    back = load_clip(written(dataclasses.replace(clip, camera_to_world=pose), small_set, tmp_path / "clip"))
    np.testing.assert_allclose(back.camera_to_world, pose, atol=1e-12)
    np.testing.assert_allclose(back.normals, clip.normals, atol=5e-5)


def test_the_camera_projects_as_kubric_s_does(small_set: Path, tmp_path: Path) -> None:
    """`PerspectiveCamera` of kubric/core/cameras.py: K (R^-1 X), over its third, is the place from 0 to 1."""
    clip = some_clip(small_set)
    camera = json.loads((written(clip, small_set, tmp_path / "clip") / "metadata.json").read_text())["camera"]
    pixels = np.array([[3.0, 20.0], [40.0, 5.0]])
    seen = np.linalg.solve(clip.intrinsics[0], np.column_stack([pixels, np.ones(2)]).T) * 4  # 4 m before the camera
    world = clip.camera_to_world[0] @ np.vstack([seen, np.ones(2)])
    projected = np.array(camera["K"]) @ np.linalg.solve(np.array(camera["R"]), world)[:3]
    np.testing.assert_allclose((projected[:2] / projected[2]).T * clip.size, pixels, atol=1e-6)
    half = np.arctan(camera["sensor_width"] / 2 / camera["focal_length"])
    np.testing.assert_allclose([camera["field_of_view"], np.tan(half)], [2 * half, 24 / clip.intrinsics[0, 0, 0]])


def test_boxes_of_instances_are_rows_before_columns(small_set: Path, tmp_path: Path) -> None:
    clip = some_clip(small_set)
    document = json.loads((written(clip, small_set, tmp_path / "clip") / "metadata.json").read_text())
    assert len(document["instances"]) == len(clip.instance_table) > 0
    for info, row in zip(clip.instance_table, document["instances"], strict=True):
        assert row["asset_id"] == info.name and row["bbox_frames"]
        for t, (top, left, bottom, right) in zip(row["bbox_frames"], row["bboxes"], strict=True):
            lines, columns = np.nonzero(clip.instances[t] == info.id)
            box = np.array([top * 32, bottom * 32, left * 48, right * 48])
            np.testing.assert_allclose(box, [lines.min(), lines.max() + 1, columns.min(), columns.max() + 1])


def test_instances_are_numbered_by_their_place_in_the_table(small_set: Path, tmp_path: Path) -> None:
    clip = some_clip(small_set)
    # numbers with gaps, the last one without a row in the table
    renumbered = np.array([0, 7, 9], np.uint16)[clip.instances]
    table = (dataclasses.replace(clip.instance_table[0], id=7, name="first"),)
    folder = written(
        dataclasses.replace(clip, instances=renumbered, instance_table=table), small_set, tmp_path / "clip"
    )
    back = load_clip(folder)
    np.testing.assert_array_equal(back.instances, clip.instances)
    assert [(i.id, i.name) for i in back.instance_table] == [(1, "first"), (2, "instance 9")]
    counts = [row["visibility"] for row in json.loads((folder / "metadata.json").read_text())["instances"]]
    np.testing.assert_array_equal(counts, [(clip.instances == i).sum((1, 2)) for i in (1, 2)])


def test_more_than_255_instances_take_16_bits(small_set: Path, tmp_path: Path) -> None:
    clip = some_clip(small_set)
    many = np.arange(clip.instances.size, dtype=np.uint16).reshape(clip.instances.shape) % 301
    folder = written(dataclasses.replace(clip, instances=many), small_set, tmp_path / "clip")
    assert read_png(folder / "segmentation_00000.png").dtype == np.uint16
    np.testing.assert_array_equal(load_clip(folder).instances, many)


def test_a_still_clip_keeps_its_zero_flow(small_set: Path, tmp_path: Path) -> None:
    clip = some_clip(small_set)
    still = np.zeros_like(clip.flow_forward)
    folder = written(dataclasses.replace(clip, flow_forward=still), small_set, tmp_path / "clip")
    np.testing.assert_array_equal(load_clip(folder).flow_forward, still)


def test_a_clip_of_flow_alone_is_written_without_camera(small_set: Path, tmp_path: Path) -> None:
    unknown = ("depth", "normals", "intrinsics", "camera_to_world", "instances", "tracks", "track_visible")
    clip = dataclasses.replace(some_clip(small_set), **dict.fromkeys(unknown))
    back = load_clip(written(clip, small_set, tmp_path / "clip"))
    assert back.depth is None and back.instances is None and back.intrinsics is None
    np.testing.assert_allclose(back.flow_forward, clip.flow_forward, atol=1e-4)


@pytest.mark.parametrize("wrong", ["zoom", "shift", "orthographic"])
def test_a_camera_that_kubric_has_not_is_refused(wrong: str, small_set: Path, tmp_path: Path) -> None:
    clip = some_clip(small_set)
    intrinsics = clip.intrinsics.copy()
    if wrong == "zoom":
        intrinsics[-1, 0, 0] *= 1.1
    if wrong == "shift":
        intrinsics[:, 0, 2] += 1
    projection = wrong if wrong == "orthographic" else clip.projection
    with pytest.raises(Unfit, match="camera"):
        written(dataclasses.replace(clip, intrinsics=intrinsics, projection=projection), small_set, tmp_path / "clip")
    assert not (tmp_path / "clip").exists()
