"""What all export formats share: what is asked for, going on after a stop, and the folder's index."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import make_format_tables
from simcraft.clip.store import load_clip, save_clip
from simcraft.data.export import FORMATS, export_set
from simcraft.data.folder import open_set
from simcraft.errors import Cancelled, DiskFull, UserError
from simcraft.recording.format import only_writer
from tests.clip.clips import assert_same_clip
from tests.data.sets import make_small_set

Exports = Callable[[str], Path]
ROOT = Path(__file__).parents[2]


def content(folder: Path) -> dict[str, bytes]:
    """All files, those of the zarr clips and of the notes as well."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_reads_what_was_written(
    name: str, exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").symlink_to(exports(name))
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(FORMATS[name].example, found)
    result = {"webdataset": "flow", "zarr": "flow", "kubric": "row_column", "tapvid": "target_points", "coco": "masks"}
    assert len(found[result[name]])


@pytest.mark.parametrize("name", FORMATS)
def test_the_index_tells_every_clip_and_nothing_is_left_over(name: str, exports: Exports, small_set: Path) -> None:
    folder = exports(name)
    for split in ("train", "validation"):
        index = json.loads((folder / f"{split}.json").read_text())
        ids = [id for part in index["parts"] for id in part["ids"]]
        assert ids == [row.id for row in open_set(small_set).rows if row.split == split]
        assert index["clips"] == len(ids) and index["missing"] == [] and index["left_out"] == {}
        assert all((folder / part["name"]).exists() for part in index["parts"])
    assert not [p for p in folder.rglob("*") if ".partial" in p.name or p.name.endswith(".lock")]
    assert FORMATS[name].title in (folder / "README.md").read_text()


def test_zarr_clips_are_the_clips(exports: Exports, small_set: Path) -> None:
    row = open_set(small_set).rows[0]
    assert_same_clip(load_clip(exports("zarr") / "train" / f"{row.id}.zarr"), open_set(small_set).clip(row))


def test_a_second_run_writes_nothing(small_set: Path, tmp_path: Path) -> None:
    first = export_set(small_set, "tapvid", tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npz")}
    second = export_set(small_set, "tapvid", tmp_path / "out")
    assert (first.written, first.kept, second.written, second.kept) == (6, 0, 0, 6)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npz")}


@pytest.mark.parametrize("name", ["webdataset", "coco"])
def test_an_export_that_was_stopped_goes_on_to_the_same_bytes(
    name: str, small_set: Path, exports: Exports, tmp_path: Path
) -> None:
    def stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 3:
            raise Cancelled("enough")

    options = {"clips": 2} if name == "webdataset" else {}
    with pytest.raises(Cancelled):
        export_set(small_set, name, tmp_path / "out", progress=stop, **options)
    assert not (tmp_path / "out" / "train.json").exists()
    again = export_set(small_set, name, tmp_path / "out", **options)
    assert again.kept > 0
    assert content(tmp_path / "out") == content(exports(name))


def export_until_killed(source: Path, out: Path) -> None:
    def kill(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    export_set(source, "webdataset", out, progress=kill, clips=2)


def test_an_export_that_was_killed_goes_on_to_the_same_bytes(small_set: Path, exports: Exports, tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=export_until_killed, args=(small_set, tmp_path / "out"))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / "out" / ".partial" / "train-000001.tar").exists()
    assert export_set(small_set, "webdataset", tmp_path / "out", clips=2).kept == 1
    left = content(tmp_path / "out")
    left.pop(".export.lock", None)
    assert left == content(exports("webdataset"))


def test_a_clip_that_was_made_anew_is_written_anew(small_set: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(small_set, tmp_path / "copy"))
    export_set(copy, "tapvid", tmp_path / "out")
    data_set = open_set(copy)
    row = data_set.rows[0]
    turned = dataclasses.replace(data_set.clip(row), frames=data_set.clip(row).frames[:, ::-1])
    save_clip(turned, data_set.clip_path(row), force=True)
    marker = json.loads(data_set.marker_path(row).read_text())
    marker["files"] = {f"{row.id}.npz": hashlib.sha256(data_set.clip_path(row).read_bytes()).hexdigest()}
    data_set.marker_path(row).write_text(json.dumps(marker))
    again = export_set(copy, "tapvid", tmp_path / "out")
    assert (again.written, again.kept) == (1, 5)
    with np.load(tmp_path / "out" / row.split / f"{row.id}.npz") as part:
        np.testing.assert_array_equal(part["video"], turned.frames)


def test_a_set_in_the_making_is_exported_as_far_as_it_is(tmp_path: Path) -> None:
    half = make_small_set(tmp_path / "half", missing=2)
    done = export_set(half, "webdataset", tmp_path / "out", clips=3)
    assert done.missing == ("000004", "000005") and done.clips == 4
    assert json.loads((tmp_path / "out" / "train.json").read_text())["missing"] == ["000005"]
    # the rest comes, and the shards that lacked clips are written again
    whole = make_small_set(tmp_path / "half")
    more = export_set(whole, "webdataset", tmp_path / "out", clips=3)
    assert more.missing == () and (more.written, more.kept) == (2, 1)
    fresh = export_set(whole, "webdataset", tmp_path / "fresh", clips=3)
    assert fresh.clips == 6 and content(tmp_path / "fresh") == content(tmp_path / "out")


def test_one_split_alone(small_set: Path, tmp_path: Path) -> None:
    done = export_set(small_set, "tapvid", tmp_path / "out", splits=["validation"])
    assert done.clips == 2
    assert not (tmp_path / "out" / "train").exists() and not (tmp_path / "out" / "train.json").exists()
    with pytest.raises(UserError, match=r"no split 'test'.*train, validation"):
        export_set(small_set, "tapvid", tmp_path / "out", splits=["test"])


def test_a_missing_annotation_is_named_before_any_work(tmp_path: Path) -> None:
    plain = make_small_set(tmp_path, count=1, annotations=("frames",))
    for name, lacks in (("tapvid", "tracks"), ("coco", "instances")):
        with pytest.raises(UserError, match=rf"needs the annotation '{lacks}'.*`annotations`"):
            export_set(plain, name, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    assert export_set(plain, "webdataset", tmp_path / "out").clips == 1


def test_what_was_asked_for_wrongly_is_told(small_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"no export format 'tfrecord'.*webdataset"):
        export_set(small_set, "tfrecord", out)
    with pytest.raises(UserError, match=r"'webdataset' has no option 'size'.*clips, exact"):
        export_set(small_set, "webdataset", out, size=3)
    with pytest.raises(UserError, match=r"clips should be a whole number"):
        export_set(small_set, "webdataset", out, clips="many")
    with pytest.raises(UserError, match="no data set"):
        export_set(tmp_path, "webdataset", out)
    with pytest.raises(UserError, match="no finished clip"):
        export_set(make_small_set(tmp_path / "none", count=1, missing=1), "webdataset", out)
    with pytest.raises(UserError, match="is the data set itself"):
        export_set(small_set, "webdataset", small_set)
    assert not out.exists()


def test_a_folder_of_something_else_is_left_alone(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("sun")
    with pytest.raises(UserError, match="holds something else"):
        export_set(small_set, "tapvid", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]
    export_set(small_set, "tapvid", tmp_path / "out")
    with pytest.raises(UserError, match='another format: "tapvid", not "coco"'):
        export_set(small_set, "coco", tmp_path / "out")
    with pytest.raises(UserError, match="is a file"):
        export_set(small_set, "tapvid", tmp_path / "holiday.jpg")


def test_two_exporters_into_one_folder(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with only_writer(tmp_path / "out" / "export"), pytest.raises(UserError, match="Another process is exporting"):
        export_set(small_set, "tapvid", tmp_path / "out")


def test_a_damaged_clip_is_named_and_a_lost_part_is_written_again(small_set: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(small_set, tmp_path / "copy"))
    export_set(copy, "tapvid", tmp_path / "out")
    (tmp_path / "out" / "train" / "000000.npz").unlink()
    victim = copy / "clips" / "000000.npz"
    whole = victim.read_bytes()
    victim.write_bytes(whole[:1000])
    with pytest.raises(UserError, match=r"000000\.npz is damaged"):
        export_set(copy, "tapvid", tmp_path / "out")
    victim.write_bytes(whole)
    again = export_set(copy, "tapvid", tmp_path / "out")
    assert (again.written, again.kept) == (1, 5)


def test_a_clip_that_the_format_cannot_hold_is_left_out_and_told(small_set: Path, tmp_path: Path) -> None:
    data_set = open_set(Path(shutil.copytree(small_set, tmp_path / "copy")))
    row = data_set.rows[2]
    flat = dataclasses.replace(data_set.clip(row), projection="orthographic")
    save_clip(flat, data_set.clip_path(row), force=True)
    reason = {row.id: "its camera is orthographic"}
    for written, kept in ((6, 0), (0, 6)):
        done = export_set(data_set.folder, "kubric", tmp_path / "out")
        assert (done.left_out, done.clips, done.written, done.kept) == (reason, 5, written, kept)
    assert not (tmp_path / "out" / row.split / row.id).exists()
    assert json.loads((tmp_path / "out" / "train.json").read_text())["left_out"] == reason
    assert json.loads((tmp_path / "out" / "validation.json").read_text())["left_out"] == {}


def test_a_full_disk_keeps_what_is_whole(
    small_set: Path, tmp_path: Path, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = tarfile.TarFile.addfile

    def full(tar: tarfile.TarFile, member: tarfile.TarInfo, content: Any = None) -> None:
        if member.name.startswith("000005."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(tar, member, content)

    with monkeypatch.context() as patch, pytest.raises(DiskFull, match=r"disk is full.*train-000001\.tar"):
        patch.setattr(tarfile.TarFile, "addfile", full)
        export_set(small_set, "webdataset", tmp_path / "out", clips=2)
    assert [p.name for p in (tmp_path / "out").glob("*.tar")] == ["train-000000.tar"]
    assert not (tmp_path / "out" / ".partial").exists()
    export_set(small_set, "webdataset", tmp_path / "out", clips=2)
    assert content(tmp_path / "out") == content(exports("webdataset"))


def test_the_page_of_formats_is_that_of_the_table() -> None:
    assert (ROOT / "docs" / "formats.md").read_text(encoding="utf-8") == make_format_tables.page()


def test_the_examples_of_the_page_run(small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").symlink_to(small_set)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    for block in (make_format_tables.INTRODUCTION, make_format_tables.LOADER):
        exec(block.split("```python\n")[1].split("```")[0], found)
    assert found["flow"].shape == (2, 5, 32, 48, 2) and found["frames"].shape == (2, 6, 32, 48, 3)
