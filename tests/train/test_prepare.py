"""Prepared arrays hold what the clips hold."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from simcraft.data.folder import open_set
from simcraft.errors import UserError
from simcraft.generate.warp import warp
from simcraft.train.layout import FACTOR
from simcraft.train.prepare import IMAGE, prepare
from simcraft.train.prepared import PreparedSet, open_prepared
from tests.data.sets import make_small_set


def test_frames_captions_and_splits_are_the_clips(clips: Path, prepared: PreparedSet) -> None:
    data_set = open_set(clips)
    assert len(prepared.frames) == sum(clip.frames for clip in prepared.clips) == 36
    for row, ready in zip(data_set.rows, prepared.clips, strict=True):
        clip = data_set.clip(row)
        assert (ready.id, ready.split, ready.family) == (f"small/{row.id}", row.split, row.family)
        assert ready.captions == clip.captions
        assert np.array_equal(prepared.frames[ready.start : ready.start + ready.frames], clip.frames)
    assert [len(prepared.of_training(wanted)) for wanted in (True, False)] == [4, 2]


def test_motion_is_the_clips_in_cells(clips: Path, prepared: PreparedSet) -> None:
    """Where all pixels of a cell move alike, that is the cell's motion; the first frames rest."""
    data_set = open_set(clips)
    compared = 0
    for row, ready in zip(data_set.rows, prepared.clips, strict=True):
        clip = data_set.clip(row)
        assert not prepared.previous[ready.start].any() and prepared.previous_seen[ready.start].all()
        for t in range(1, ready.frames):
            number = ready.start + t
            motion, seen = _cells(clip.flow_backward[t - 1]), _cells(clip.visible_backward[t - 1])
            alike = seen.all(-1) & (np.ptp(motion, axis=2) < 1e-3).all(-1)
            assert prepared.previous_seen[number][alike].all()
            assert not prepared.previous_seen[number][~seen.any(-1)].any()
            assert np.allclose(prepared.previous[number][alike], motion[alike][:, 0] / FACTOR, atol=4e-3)
            compared += int(alike.sum())
    assert compared > 500


def test_warped_frames_are_those_of_the_generator(clips: Path, prepared: PreparedSet) -> None:
    data_set = open_set(clips)
    for row, ready in zip(data_set.rows, prepared.clips, strict=True):
        clip = data_set.clip(row)
        there = slice(ready.start, ready.start + ready.frames)
        assert np.array_equal(prepared.warped[there], warp(clip).frames)
        shares = np.stack([_cells(~seen).mean(-1) for seen in clip.to_first_visible])
        assert np.abs(prepared.new[there] / 255 - shares).max() <= 0.5 / 255 + 1e-6
        assert shares[0].max() == 0 < shares[1:].max()


def test_many_clips_in_several_processes_give_the_same(
    clips: Path, prepared: PreparedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcraft.train.prepare._CLIPS_A_WORKER", 3)
    monkeypatch.setattr("simcraft.train.prepare.core_count", lambda: 2)
    assert prepare([clips], tmp_path / "out", IMAGE).digest == prepared.digest
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (prepared.folder / path.name).read_bytes(), path.name


def _cells(field: np.ndarray) -> np.ndarray:
    """(h, w, pixels of a cell, ...)."""
    h, w = field.shape[0] // FACTOR, field.shape[1] // FACTOR
    split = field.reshape(h, FACTOR, w, FACTOR, *field.shape[2:]).swapaxes(1, 2)
    return split.reshape(h, w, FACTOR * FACTOR, *field.shape[2:])


def test_the_same_set_gives_the_same_bytes(clips: Path, prepared: PreparedSet, tmp_path: Path) -> None:
    again = prepare([clips], tmp_path / "again", IMAGE)
    names = {path.name for path in again.folder.iterdir()}
    assert {"prepared.json", "clips.jsonl", "frames.bin", "warped.bin"} <= names
    for name in names:
        assert (again.folder / name).read_bytes() == (prepared.folder / name).read_bytes(), name


def test_sets_add_up(clips: Path, tmp_path: Path) -> None:
    twice = prepare([clips, clips], tmp_path / "twice", IMAGE)
    assert len(twice.clips) == 12
    assert np.array_equal(twice.frames[:36], twice.frames[36:])


def test_refusals_name_what_is_wrong(clips: Path, prepared: PreparedSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is there already"):
        prepare([clips], prepared.folder, IMAGE)
    with pytest.raises(UserError, match="is no data set"):
        prepare([tmp_path], tmp_path / "out", IMAGE)
    with pytest.raises(UserError, match="simcraft train prepare"):
        open_prepared(tmp_path, PreparedSet)
    damaged = tmp_path / "damaged"
    shutil.copytree(prepared.folder, damaged)
    (damaged / "frames.bin").write_bytes((damaged / "frames.bin").read_bytes()[:-1])
    with pytest.raises(UserError, match=r"frames\.bin has \d+ bytes"):
        open_prepared(damaged, PreparedSet)


def test_a_set_without_instances_is_refused(tmp_path: Path) -> None:
    poor = make_small_set(tmp_path, annotations=("visibility", "to_first", "depth", "frames"))
    with pytest.raises(UserError, match="without the annotation 'instances'"):
        prepare([poor], tmp_path / "out", IMAGE)


def test_a_set_without_a_held_out_split_is_refused(clips: Path, tmp_path: Path) -> None:
    copied = tmp_path / "set"
    shutil.copytree(clips, copied)
    for row in open_set(copied).rows:
        if row.split != "train":
            open_set(copied).marker_path(row).unlink()
    with pytest.raises(UserError, match="none is held out"):
        prepare([copied], tmp_path / "out", IMAGE)
    assert not (tmp_path / "out").exists()
