"""Shards: what a sample holds, how exact it is, and that nothing in it can run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.clip import ARRAYS, MotionClip
from simcraft.data.export import export_set
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


def test_a_halved_sample_is_as_near_as_is_stated(small_set: Path) -> None:
    clip = open_set(small_set).clip(open_set(small_set).rows[2])
    rng = np.random.default_rng(0)
    flow = (rng.normal(size=clip.flow_forward.shape) * 10.0 ** rng.uniform(-2, 6, clip.flow_forward.shape)).astype("f4")
    clip = dataclasses.replace(clip, flow_forward=flow, to_first=np.where(rng.random() < 0.1, np.nan, clip.to_first))
    back = through_a_sample(small_set, clip, exact=False)
    held = np.clip(flow, -65504, 65504)
    assert (np.abs(back.flow_forward - held) <= np.abs(held) / 2048 + 1e-7).all() and np.abs(flow).max() > 65504
    assert (np.isinf(back.depth) == np.isinf(clip.depth)).all()
    near = np.isfinite(clip.depth)
    assert (np.abs(back.depth[near] - clip.depth[near]) <= clip.depth[near] / 2048).all()
    x, y = np.meshgrid(np.arange(48) + 0.5, np.arange(32) + 0.5)
    shift = np.abs(clip.to_first - np.stack([x, y], -1))
    assert np.nanmax(np.abs(back.to_first - clip.to_first) - shift / 2048) < 1e-5
    assert np.abs(back.normals - clip.normals).max() <= 0.004
    rounded = ("flow_forward", "flow_backward", "depth", "to_first", "normals")
    assert_same_clip(dataclasses.replace(back, **{name: getattr(clip, name) for name in rounded}), clip)


def test_pictures_beyond_webp_are_stored_as_arrays(small_set: Path) -> None:
    row = open_set(small_set).rows[0]
    clip = random_clip(frames=3, height=1, width=9000)
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
