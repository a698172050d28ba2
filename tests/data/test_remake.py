"""One row made again: how it is found, and how it compares with the clip in the set."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import simcraft.data.clips
import simcraft.sim.blender
from simcraft.clip.store import npz_bytes
from simcraft.data.folder import Made, open_set
from simcraft.data.manifest import Row
from simcraft.data.remake import compare_clips, find_row, remake
from simcraft.errors import UserError
from tests.analytic import sliding_square
from tests.data.sets import analytic_clip


@pytest.fixture(autouse=True)
def formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips by formula, as those of the small set, which take no Blender."""

    @contextlib.contextmanager
    def no_blender() -> Iterator[None]:
        yield None

    def make_row(row: Row, **_: object) -> Made:
        clip = analytic_clip(row)
        return Made({".npz": npz_bytes(clip)}, clip.captions, {}, {})

    monkeypatch.setattr(simcraft.data.clips, "make_row", make_row)
    monkeypatch.setattr(simcraft.sim.blender, "blender_session", no_blender)
    monkeypatch.setattr("simcraft.data.remake.versions", lambda: {"code": "formulas"})


def test_rows_are_found_with_and_without_leading_zeros(small_set: Path) -> None:
    data_set = open_set(small_set)
    assert find_row(data_set, "3") == find_row(data_set, "000003") == data_set.rows[3]
    for wrong in ("6", "-1", "three", ""):
        with pytest.raises(UserError, match="has no row") as caught:
            find_row(data_set, wrong)
        assert caught.value.fix == "Its rows are 000000 to 000005."


def test_the_same_bytes_are_identical(small_set: Path, tmp_path: Path) -> None:
    result = remake(small_set, "2", tmp_path / "again.npz")
    assert result["compared"] == "identical"
    assert result["caption"] == open_set(small_set).marker(open_set(small_set).rows[2])["captions"][0]
    assert (tmp_path / "again.npz").read_bytes() == (small_set / "clips/000002.npz").read_bytes()


def test_what_differs_is_told_with_what_made_it(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(row: Row, **_: object) -> Made:
        clip = analytic_clip(row)
        return Made({".npz": npz_bytes(dataclasses.replace(clip, depth=clip.depth + np.float32(0.5)))}, (), {}, {})

    monkeypatch.setattr(simcraft.data.clips, "make_row", other)
    result = remake(small_set, "2", tmp_path / "again.npz")
    assert result["compared"].startswith("depth differs in ") and result["compared"].endswith("by up to 0.5")
    assert "the set was made by" not in result
    monkeypatch.setattr("simcraft.data.remake.versions", lambda: {"code": "other"})
    assert remake(small_set, "2", tmp_path / "again.npz")["the set was made by"] == "code formulas"


def test_clips_are_compared_array_by_array() -> None:
    clip = sliding_square()
    assert compare_clips(clip, clip) == {}
    flow, seen = clip.flow_forward.copy(), ~clip.visible_forward
    flow[0, 0, 0] += (0.25, -0.5)
    other = dataclasses.replace(
        clip, flow_forward=flow, visible_forward=seen, depth=None, tracks=clip.tracks[:-1], track_visible=None
    )
    found = compare_clips(other, clip)
    assert found == {
        "flow_forward": f"differs in {2 / flow.size:.2%} by up to 0.5",
        "visible_forward": "differs in 100.00% by up to 1",
        "depth": "is missing",
        "tracks": f"has shape {clip.tracks[:-1].shape}, not {clip.tracks.shape}",
        "track_visible": "is missing",
    }


def test_a_clip_of_another_kind_is_not_written(small_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written as"):
        remake(small_set, "2", tmp_path / "again.zarr")
    assert not list(tmp_path.iterdir())
