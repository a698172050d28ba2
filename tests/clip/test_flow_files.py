"""Middlebury .flo and KITTI PNG, byte by byte, and clips made of them."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simcraft.clip.files import write_png
from simcraft.clip.formats.flo import read_flo, write_flo
from simcraft.clip.formats.kitti import STEP, read_kitti, write_kitti
from simcraft.clip.from_flow import clip_from_flow
from simcraft.clip.store import load_clip
from simcraft.errors import UserError

file_settings = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def flows(limit: float):
    values = st.floats(-limit, limit, width=32)
    return sizes.flatmap(lambda s: hnp.arrays(np.float32, (*s, 2), elements=values))


def masks_for(flow: np.ndarray) -> np.ndarray:
    return np.indices(flow.shape[:2]).sum(0) % 3 != 0


def test_flo_bytes_are_middleburys(tmp_path: Path):
    path = tmp_path / "a.flo"
    path.write_bytes(struct.pack("<fii4f", 202021.25, 2, 1, 1.5, -2.0, 1e10, 1e10))
    flow, valid = read_flo(path)
    np.testing.assert_array_equal(flow, [[[1.5, -2.0], [0, 0]]])
    np.testing.assert_array_equal(valid, [[True, False]])


@file_settings
@given(flow=flows(1e6))
def test_flo_round_trip(tmp_path: Path, flow: np.ndarray):
    mask = masks_for(flow)
    write_flo(tmp_path / "a.flo", flow, mask)
    read, valid = read_flo(tmp_path / "a.flo")
    np.testing.assert_array_equal(valid, mask)
    np.testing.assert_array_equal(read, np.where(mask[..., None], flow, 0))


def test_flo_agrees_with_opencv(tmp_path: Path):
    flow = np.random.default_rng(0).normal(size=(4, 7, 2)).astype(np.float32)
    write_flo(tmp_path / "a.flo", flow)
    np.testing.assert_array_equal(cv2.readOpticalFlow(str(tmp_path / "a.flo")), flow)


def test_flo_with_wrong_magic(tmp_path: Path):
    (tmp_path / "a.flo").write_bytes(b"FLOW" + bytes(16))
    with pytest.raises(UserError, match=r"a\.flo is not a .flo file.*PIEH"):
        read_flo(tmp_path / "a.flo")


def test_missing_file_is_named(tmp_path: Path):
    for read in (read_flo, read_kitti):
        with pytest.raises(UserError, match="absent"):
            read(tmp_path / "absent")


def test_kitti_bytes_are_the_devkits(tmp_path: Path):
    # OpenCV stores BGR: valid, v, u
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[[1, 2**15 - 64, 2**15 + 96], [0, 9, 9]]], np.uint16))
    flow, valid = read_kitti(tmp_path / "a.png")
    np.testing.assert_array_equal(flow, [[[1.5, -1.0], [0, 0]]])
    np.testing.assert_array_equal(valid, [[True, False]])


@file_settings
@given(flow=flows(511))
def test_kitti_round_trip(tmp_path: Path, flow: np.ndarray):
    mask = masks_for(flow)
    write_kitti(tmp_path / "a.png", flow, mask)
    read, valid = read_kitti(tmp_path / "a.png")
    np.testing.assert_array_equal(valid, mask)
    np.testing.assert_allclose(read, np.where(mask[..., None], flow, 0), atol=STEP / 2)


def test_kitti_refuses_long_flow_but_not_where_invalid(tmp_path: Path):
    flow = np.full((2, 2, 2), 600, np.float32)
    with pytest.raises(UserError, match="600 pixels"):
        write_kitti(tmp_path / "a.png", flow)
    write_kitti(tmp_path / "a.png", flow, np.zeros((2, 2), bool))
    assert not read_kitti(tmp_path / "a.png")[1].any()


def test_kitti_refuses_an_ordinary_png(tmp_path: Path):
    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(UserError, match="16-bit RGB"):
        read_kitti(tmp_path / "a.png")


@file_settings
@given(cut=st.floats(0, 0.999), kind=st.sampled_from(["flo", "png"]))
def test_truncated_files_are_user_errors(tmp_path: Path, cut: float, kind: str):
    path = tmp_path / f"a.{kind}"
    read, write = {"flo": (read_flo, write_flo), "png": (read_kitti, write_kitti)}[kind]
    write(path, np.random.default_rng(0).normal(size=(9, 7, 2)).astype(np.float32))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(UserError, match=path.name):
        read(path)


@file_settings
@given(position=st.floats(0, 0.999), value=st.integers(0, 255), kind=st.sampled_from(["flo", "png"]))
def test_changed_bytes_never_escape_as_other_errors(tmp_path: Path, position: float, value: int, kind: str):
    path = tmp_path / f"a.{kind}"
    read, write = {"flo": (read_flo, write_flo), "png": (read_kitti, write_kitti)}[kind]
    write(path, np.random.default_rng(0).normal(size=(5, 4, 2)).astype(np.float32))
    data = bytearray(path.read_bytes())
    data[int(len(data) * position)] = value
    path.write_bytes(data)
    try:
        flow, _ = read(path)
        assert np.isfinite(flow).all()
    except UserError as error:
        assert path.name in error.message


def test_folder_of_flo_files_is_a_clip(tmp_path: Path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (4, 6, 3)).astype(np.uint8)
    forward, backward = rng.normal(size=(2, 3, 4, 6, 2)).astype(np.float32)
    write_png(tmp_path / "first.png", image)
    for t in range(3):
        write_flo(tmp_path / f"forward_{t:03d}.flo", forward[t])
    clip = load_clip(tmp_path)
    np.testing.assert_array_equal(clip.image, image)
    np.testing.assert_array_equal(clip.flow_forward, forward)
    assert clip.flow_valid_forward.all() and not clip.flow_valid_backward.any()
    for t in range(3):
        write_flo(tmp_path / f"backward_{t:03d}.flo", backward[t])
    clip = load_clip(tmp_path)
    np.testing.assert_array_equal(clip.flow_backward, backward)
    assert clip.flow_valid_backward.all()


def test_folder_of_flo_files_that_do_not_fit(tmp_path: Path):
    write_flo(tmp_path / "0.flo", np.zeros((4, 6, 2), np.float32))
    with pytest.raises(UserError, match="no first frame"):
        load_clip(tmp_path)
    write_png(tmp_path / "first.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(UserError, match="forward_flows is"):
        load_clip(tmp_path)
    write_flo(tmp_path / "1.flo", np.zeros((4, 5, 2), np.float32))
    with pytest.raises(UserError, match=r"1\.flo is 5 x 4"):
        load_clip(tmp_path)


def test_clip_from_flow_keeps_masks_and_clears_unknown_values():
    image, flow = np.zeros((2, 3, 3), np.uint8), np.ones((1, 2, 3, 2))
    flow[0, 0, 0] = np.nan
    flow[0, 0, 1] = 2e9
    given_mask = np.ones((1, 2, 3), bool)
    given_mask[0, 1, 2] = False
    clip = clip_from_flow(image, flow, valid=given_mask, fps=10.0)
    np.testing.assert_array_equal(clip.flow_valid_forward, [[[False, False, True], [True, True, False]]])
    np.testing.assert_array_equal(clip.flow_forward[..., 0], clip.flow_valid_forward)
    assert clip.fps == 10.0 and clip.flow_forward.dtype == np.float32


def test_clip_from_flow_names_what_does_not_fit():
    image, flow = np.zeros((2, 3, 3), np.uint8), np.ones((1, 2, 3, 2))
    with pytest.raises(UserError, match="backward_flows"):
        clip_from_flow(image, flow, flow[:, :1])
    with pytest.raises(UserError, match="valid mask"):
        clip_from_flow(image, flow, valid=np.ones((2, 3), bool))
    with pytest.raises(UserError, match="first frame is float64"):
        clip_from_flow(image.astype(float), flow)
