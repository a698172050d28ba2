"""Clips on disk: what is written is read, and what is damaged is named."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcraft.clip.header import clip_header
from simcraft.clip.store import load_clip, save_clip
from simcraft.clip.zarr_store import STATE, ClipWriter, is_per_frame, partial_path
from simcraft.errors import Failure, UserError

from .clips import assert_same_clip, random_clip

file_settings = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["clip.zarr", "clip.npz"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    save_clip(random_clip(), path)
    return path


def write_frames(writer: ClipWriter, clip, stop: int) -> None:
    names = [n for n in writer.header["arrays"] if is_per_frame(n)]
    for frame in range(writer.frames_done, stop):
        writer.write_frame({n: getattr(clip, n)[frame] for n in names if frame < len(getattr(clip, n))})


def write_end(writer: ClipWriter, clip) -> Path:
    return writer.finish({n: getattr(clip, n) for n in writer.header["arrays"] if not is_per_frame(n)})


@file_settings
@given(
    suffix=st.sampled_from([".zarr", ".npz"]),
    seed=st.integers(0, 1000),
    frames=st.integers(1, 4),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    points=st.integers(0, 3),
    optional=st.booleans(),
)
def test_round_trip(tmp_path: Path, suffix, seed, frames, size, points, optional):
    clip = random_clip(seed, frames, *size, points, optional)
    path = save_clip(clip, tmp_path / f"clip{suffix}", force=True)
    assert_same_clip(clip, load_clip(path))


def test_no_temporary_files_remain(stored: Path):
    assert [p.name for p in stored.parent.iterdir()] == [stored.name]


def test_zarr_is_one_chunk_per_frame_with_attributes(tmp_path: Path):
    import zarr

    clip = random_clip()
    group = zarr.open_group(str(save_clip(clip, tmp_path / "clip.zarr")), mode="r")
    assert group.metadata.zarr_format == 3
    assert group["flow_forward"].chunks == (1, 4, 5, 2)
    assert group["image"].chunks == (4, 5, 3)
    attributes = dict(group.attrs)["simcraft"]
    assert attributes["seed"] == 7 and attributes["fps"] == 12.5 and attributes["units"]["depth"] == "metres"
    assert attributes["conventions"]["pixel_centers"] == 0.5
    assert {"simcraft", "zarr", "numpy"} <= set(attributes["software"])


def test_overwriting_needs_force(stored: Path):
    before = load_clip(stored)
    with pytest.raises(UserError, match="--force"):
        save_clip(random_clip(1), stored)
    assert_same_clip(before, load_clip(stored))
    save_clip(random_clip(1), stored, force=True)
    assert_same_clip(random_clip(1), load_clip(stored))


def test_force_never_removes_a_folder_that_is_no_clip(tmp_path: Path):
    path = tmp_path / "clip.zarr"
    path.mkdir()
    (path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="not a clip"):
        save_clip(random_clip(), path, force=True)
    assert (path / "holiday.jpg").exists()


def test_unknown_suffix(tmp_path: Path):
    with pytest.raises(UserError, match=r"\.zarr or \.npz"):
        save_clip(random_clip(), tmp_path / "clip.pickle")


def test_nothing_there(tmp_path: Path):
    with pytest.raises(UserError, match="no clip at"):
        load_clip(tmp_path / "absent.zarr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no clip"):
        load_clip(tmp_path / "empty")


def test_metadata_that_json_cannot_express(tmp_path: Path):
    import dataclasses

    clip = dataclasses.replace(random_clip(), metadata={"x": float("nan")})
    with pytest.raises(UserError, match="metadata"):
        save_clip(clip, tmp_path / "clip.npz")


def test_pickles_are_never_loaded(tmp_path: Path):
    path = tmp_path / "clip.npz"
    np.savez(path, header=np.array([{"format": "simcraft-clip"}], dtype=object))
    with pytest.raises(UserError, match=r"clip\.npz"):
        load_clip(path)


def test_missing_chunk_is_named(tmp_path: Path):
    path = save_clip(random_clip(), tmp_path / "clip.zarr")
    chunk = path / "depth" / "c" / "1" / "0" / "0"
    chunk.unlink()
    with pytest.raises(UserError, match=r"depth/c/1/0/0 is missing"):
        load_clip(path)


def test_chunks_of_zeros_are_written(tmp_path: Path):
    import dataclasses

    clip = random_clip()
    clip = dataclasses.replace(clip, instances=np.zeros_like(clip.instances))
    assert_same_clip(clip, load_clip(save_clip(clip, tmp_path / "clip.zarr")))


def test_flipped_bit_in_chunk_is_named(tmp_path: Path):
    path = save_clip(random_clip(), tmp_path / "clip.zarr")
    chunk = path / "flow_forward" / "c" / "0" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(UserError, match="flow_forward/c/0"):
        load_clip(path)


def test_missing_array_is_named(tmp_path: Path):
    path = save_clip(random_clip(), tmp_path / "clip.zarr")
    shutil.rmtree(path / "depth")
    with pytest.raises(UserError, match="depth"):
        load_clip(path)


def test_other_version(tmp_path: Path):
    path = save_clip(random_clip(), tmp_path / "clip.zarr")
    index = json.loads((path / "zarr.json").read_text())
    index["attributes"]["simcraft"]["version"] = 99
    (path / "zarr.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="version 99"):
        load_clip(path)


@file_settings
@given(fraction=st.floats(0, 0.999), which=st.integers(0, 10_000))
def test_truncated_files_are_user_errors(stored: Path, fraction: float, which: int):
    files = [stored] if stored.is_file() else sorted(p for p in stored.rglob("*") if p.is_file())
    victim = files[which % len(files)]
    whole = victim.read_bytes()
    try:
        victim.write_bytes(whole[: int(len(whole) * fraction)])
        with pytest.raises(UserError) as error:
            load_clip(stored)
        assert stored.name in error.value.message
    finally:
        victim.write_bytes(whole)


@settings(file_settings, max_examples=40)
@given(position=st.floats(0, 0.999), value=st.integers(0, 255), which=st.integers(0, 10_000))
def test_changed_bytes_never_escape_as_other_errors(stored: Path, position: float, value: int, which: int):
    files = [stored] if stored.is_file() else sorted(p for p in stored.rglob("*") if p.is_file())
    victim = files[which % len(files)]
    whole = victim.read_bytes()
    damaged = bytearray(whole)
    damaged[int(len(whole) * position)] = value
    try:
        victim.write_bytes(damaged)
        try:
            load_clip(stored)
        except UserError as error:
            assert stored.name in error.message
    finally:
        victim.write_bytes(whole)


def test_interrupted_writing_is_recognised_and_resumes(tmp_path: Path):
    clip, path = random_clip(frames=4), tmp_path / "clip.zarr"
    with pytest.raises(KeyboardInterrupt), ClipWriter(path, clip_header(clip)) as writer:
        write_frames(writer, clip, 2)
        raise KeyboardInterrupt
    with pytest.raises(UserError, match=r"incomplete.*after 2 frames"):
        load_clip(path)
    with pytest.raises(UserError, match="incomplete"):
        load_clip(partial_path(path))
    with ClipWriter(path, clip_header(clip), resume=True) as writer:
        assert writer.frames_done == 2
        write_frames(writer, clip, 4)
        write_end(writer, clip)
    assert_same_clip(clip, load_clip(path))
    assert not partial_path(path).exists()


def test_save_interrupted_by_the_user_leaves_an_incomplete_clip(tmp_path: Path):
    def stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 2:
            raise KeyboardInterrupt

    path = tmp_path / "clip.zarr"
    with pytest.raises(KeyboardInterrupt):
        save_clip(random_clip(), path, progress=stop)
    with pytest.raises(UserError, match="incomplete"):
        load_clip(path)
    save_clip(random_clip(), path)
    assert_same_clip(random_clip(), load_clip(path))


def test_resume_refuses_another_clip(tmp_path: Path):
    path = tmp_path / "clip.zarr"
    with ClipWriter(path, clip_header(random_clip(frames=4))) as writer:
        write_frames(writer, random_clip(frames=4), 1)
    with pytest.raises(UserError, match="other settings"):
        ClipWriter(path, clip_header(random_clip(frames=5)), resume=True)


def test_an_unfinished_clip_of_another_source_is_written_afresh(tmp_path: Path):
    path, clip = tmp_path / "clip.zarr", random_clip(1)
    with ClipWriter(path, clip_header(random_clip(frames=4)), source="a") as writer:
        writer.notes["colour"] = "red"
        write_frames(writer, random_clip(frames=4), 2)
    with ClipWriter(path, clip_header(random_clip(frames=4)), source="a", resume=True) as writer:
        assert (writer.frames_done, writer.notes) == (2, {"colour": "red"})
    with ClipWriter(path, clip_header(clip), source="b", resume=True) as writer:
        assert (writer.frames_done, writer.notes) == (0, {})
        write_frames(writer, clip, 3)
        write_end(writer, clip)
    assert_same_clip(clip, load_clip(path))


def test_one_writer_at_a_time(tmp_path: Path):
    path, clip = tmp_path / "clip.zarr", random_clip()
    with ClipWriter(path, clip_header(clip)) as writer:
        write_frames(writer, clip, 2)
        for options in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(UserError, match="Another process is writing"):
                ClipWriter(path, clip_header(clip), **options)
        write_frames(writer, clip, 3)
        write_end(writer, clip)
    assert_same_clip(clip, load_clip(path))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.zarr"]


def test_a_commit_that_fails_loses_neither_the_old_nor_the_new_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old, new = random_clip(0), random_clip(1)
    path = save_clip(old, tmp_path / "clip.zarr")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self == partial_path(path):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(Failure, match="Input/output error"):
        save_clip(new, path, force=True)
    assert_same_clip(old, load_clip(path))
    monkeypatch.undo()
    with ClipWriter(path, clip_header(new), force=True, resume=True) as writer:
        assert writer.frames_done == writer.frame_count
        write_end(writer, new)
    assert_same_clip(new, load_clip(path))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.zarr"]


def test_killed_between_renaming_and_tidying_the_clip_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, unlink = tmp_path / "clip.zarr", Path.unlink

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self.name == STATE:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        save_clip(random_clip(), path)
    assert_same_clip(random_clip(), load_clip(path))


def test_writer_wants_every_frame(tmp_path: Path):
    clip = random_clip()
    with ClipWriter(tmp_path / "clip.zarr", clip_header(clip)) as writer:
        with pytest.raises(ValueError, match="frame 0 needs"):
            writer.write_frame({"depth": clip.depth[0]})
        with pytest.raises(ValueError, match="0 of 3 frames"):
            write_end(writer, clip)


@pytest.mark.parametrize("name", ["clip.zarr", "clip.npz"])
def test_folder_that_may_not_be_written(tmp_path: Path, name: str):
    if os.geteuid() == 0:
        blocker = tmp_path / "folder"  # root may write anywhere, yet not below a file
        blocker.write_text("")
    else:
        blocker = tmp_path / "folder"
        blocker.mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be written"):
        save_clip(random_clip(), blocker / name)


@pytest.mark.parametrize("name", ["clip.zarr", "clip.npz"])
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Failure, match=f"disk is full.*{name}"):
        save_clip(random_clip(), tmp_path / name)
    assert not (tmp_path / name).exists()
