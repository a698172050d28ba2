"""Shards: what a sample holds, how exact it is, and that nothing in it can run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.clip import ARRAYS, MotionClip
from simcraft.data.export import export_set, sample
from simcraft.data.export.sample import FIELDS, PACKED, decode_clip, encode_sample
from simcraft.data.folder import open_set
from simcraft.data.shards import load_sample, read_shard
from tests.clip.clips import assert_same_clip, random_clip

Exports = Callable[[str], Path]


def through_a_sample(small_set: Path, clip: MotionClip, exact: bool) -> MotionClip:
    row = open_set(small_set).rows[0]
    return decode_clip(encode_sample(row, clip, exact), "a test")


def test_every_field_of_a_clip_has_an_entry() -> None:
    assert sorted(FIELDS) == sorted(ARRAYS)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(2, 7),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    optional=st.booleans(),
)
def test_an_exact_sample_is_the_clip(
    small_set: Path, seed: int, frames: int, height: int, width: int, optional: bool
) -> None:
    clip = random_clip(seed, frames, height, width, points=3, optional=optional)
    assert_same_clip(through_a_sample(small_set, clip, exact=True), clip)


@pytest.mark.parametrize("largest", [3, 100, 1e5])
def test_a_rounded_sample_is_as_near_as_is_stated(small_set: Path, largest: float) -> None:
    clip = open_set(small_set).clip(open_set(small_set).rows[2])
    rng = np.random.default_rng(0)
    flow = rng.uniform(-largest, largest, clip.flow_forward.shape).astype(np.float32)
    depth = np.where(rng.random(clip.depth.shape) < 0.1, np.float32(1e5), clip.depth)
    to_first = np.where(rng.random((*clip.depth.shape, 1)) < 0.1, np.nan, clip.to_first + largest).astype(np.float32)
    clip = dataclasses.replace(clip, flow_forward=flow, depth=depth, to_first=to_first)
    back = through_a_sample(small_set, clip, exact=False)
    nearest_float = np.spacing(np.float32(2 * largest))
    assert np.abs(back.flow_forward - flow).max() <= 1 / 512 + nearest_float
    assert np.nanmax(np.abs(back.to_first - to_first)) <= 1 / 512 + nearest_float
    np.testing.assert_array_equal(np.isnan(back.to_first), np.isnan(to_first))
    np.testing.assert_array_equal(np.isinf(back.depth), np.isinf(depth))
    held = np.minimum(depth, 65504)[np.isfinite(depth)]  # beyond what float16 holds
    assert (np.abs(back.depth[np.isfinite(depth)] - held) <= held / 2048).all()
    assert np.abs(back.normals - clip.normals).max() <= 0.004
    rounded = ("flow_forward", "flow_backward", "depth", "to_first", "normals")
    assert_same_clip(dataclasses.replace(back, **{name: getattr(clip, name) for name in rounded}), clip)


@pytest.mark.parametrize(("width", "largest"), [(9000, sample.LARGEST_SHEET), (9, 35)])
def test_pictures_beyond_webp_and_pillow_are_stored_as_arrays(
    width: int, largest: int, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    assert (Image.MAX_IMAGE_PIXELS or 0) >= sample.LARGEST_SHEET  # beyond it Pillow warns, beyond twice that it refuses
    monkeypatch.setattr(sample, "LARGEST_SHEET", largest)
    row = open_set(small_set).rows[0]
    clip = random_clip(frames=3, height=1, width=width)
    entries = encode_sample(row, clip, exact=True)
    assert "frames.webp" not in entries
    assert_same_clip(decode_clip(entries, "a test"), clip)


def test_shards_are_the_same_bytes_in_every_run(small_set: Path, exports: Exports, tmp_path: Path) -> None:
    export_set(small_set, "webdataset", tmp_path / "out", splits=["train"], clips=2)
    index = json.loads((tmp_path / "out" / "train.json").read_text())
    for part in index["parts"]:
        data = (tmp_path / "out" / part["name"]).read_bytes()
        assert data == (exports("webdataset") / part["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == part["sha256"] and len(data) == part["bytes"]


def test_a_shard_holds_nothing_but_known_entries(exports: Exports) -> None:
    with tarfile.open(exports("webdataset") / "train-000000.tar") as tar:
        members = tar.getmembers()
    known = {"meta.json", "image.png", "frames.webp", *PACKED}
    assert {m.name.split(".", 1)[1] for m in members} <= known
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


def test_samples_are_read_back_one_by_one(exports: Exports, small_set: Path) -> None:
    data_set = open_set(small_set)
    shard = exports("webdataset") / "train-000001.tar"
    assert [id for id, _ in read_shard(shard)] == ["000003", "000005"]
    clip, truth = load_sample(shard, "000005"), data_set.clip(data_set.rows[5])
    np.testing.assert_array_equal(clip.frames, truth.frames)
    np.testing.assert_array_equal(clip.instances, truth.instances)
    assert clip.captions == truth.captions and clip.instance_table == truth.instance_table
