"""Packs are small, repeatable, and unpack to the same data."""

from pathlib import Path

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.train.pack import pack_prepared, unpack_prepared
from simcraft.train.prepared import PreparedSet


def test_a_pack_is_deterministic_and_unpacks(prepared: PreparedSet, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert pack_prepared(prepared, tmp_path / name, 2**20) == 6
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    unpacked = unpack_prepared(tmp_path / "a.zip", tmp_path / "out")
    originals = {clip.id: clip for clip in prepared.clips}
    for clip in unpacked.clips:
        original = originals[clip.id]
        here, there = (slice(c.start, c.start + c.frames) for c in (clip, original))
        assert (clip.captions, clip.split, clip.family) == (original.captions, original.split, original.family)
        for name in ("frames", "previous", "previous_seen", "warped", "new", "geometry"):
            assert np.array_equal(getattr(unpacked, name)[here], getattr(prepared, name)[there]), name


def test_a_limit_is_kept_and_leaves_every_kind_in(prepared: PreparedSet, tmp_path: Path) -> None:
    whole = pack_prepared(prepared, tmp_path / "whole.zip", 2**20)
    limit = (tmp_path / "whole.zip").stat().st_size - 100
    fewer = pack_prepared(prepared, tmp_path / "fewer.zip", limit)
    assert 4 <= fewer < whole
    assert (tmp_path / "fewer.zip").stat().st_size <= limit
    kinds = {(clip.split, clip.family) for clip in unpack_prepared(tmp_path / "fewer.zip", tmp_path / "out").clips}
    assert kinds == {(clip.split, clip.family) for clip in prepared.clips}


def test_a_limit_too_small_is_refused(prepared: PreparedSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="larger --limit"):
        pack_prepared(prepared, tmp_path / "small.zip", 3000)
    assert not (tmp_path / "small.zip").exists()


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"no\.zip is damaged or not packed training data"):
        unpack_prepared(tmp_path / "no.zip", tmp_path / "out")
