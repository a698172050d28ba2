"""A video of every clip of a set: here and on a Ray cluster, in one go and in several, with clips that fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simcraft as sc
from simcraft.cli import app
from simcraft.data.folder import open_set
from simcraft.data.generate_set import generate_set
from simcraft.errors import Cancelled, UserError
from simcraft.generate import registry
from tests.data import generators
from tests.data.ray_nodes import SMALL, small_cluster


@pytest.fixture(autouse=True)
def known_generators(monkeypatch: pytest.MonkeyPatch) -> None:
    for generator in generators.ALL:
        monkeypatch.setitem(registry._GENERATORS, generator.name, generator)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def ids(folder: Path, suffix: str) -> list[str]:
    return sorted(path.stem for path in folder.glob(f"0*{suffix}"))


ALL = [f"{number:06d}" for number in range(6)]


def test_every_clip_gets_a_video_and_a_report(small_set: Path, tmp_path: Path) -> None:
    report = generate_set(small_set, "warp", {"inpaint_radius": "3"}, out=tmp_path / "videos")
    assert (report.made, report.there, report.failed) == (6, 0, {})
    data_set = open_set(small_set)
    row = data_set.rows[0]
    video = sc.load_video(tmp_path / "videos" / f"{row.id}.mp4")
    assert video.made_by["options"]["inpaint_radius"] == 3
    alone = sc.evaluate(sc.generate(data_set.clip(row), "warp", inpaint_radius=3), data_set.clip(row))
    told = json.loads((tmp_path / "videos" / f"{row.id}.json").read_text())["report"]
    assert told["end_point_error"]["mean"] == pytest.approx(alone.end_point_error.mean)
    errors = report.families["all"]
    assert errors.videos == 6 and set(report.families) == {"dominoes", "tower", "all"}
    assert errors.error is not None and errors.standstill is not None and errors.error < errors.standstill
    summary = json.loads((tmp_path / "videos" / "summary.json").read_text())
    assert summary["all"]["error"] == errors.error


def test_the_model_is_loaded_once_and_not_at_all_when_all_is_made(small_set: Path, tmp_path: Path, notes: Path) -> None:
    for made in (6, 0):
        report = generate_set(small_set, "counted", {"notes": str(notes)}, out=tmp_path / "videos")
        assert (report.made, report.there) == (made, 6 - made)
        assert len(list(notes.iterdir())) == 1


def test_a_stopped_run_goes_on_and_leaves_nothing_half_done(small_set: Path, tmp_path: Path, notes: Path) -> None:
    def stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 2:
            raise KeyboardInterrupt

    out, options = tmp_path / "videos", {"notes": str(notes)}
    with pytest.raises(Cancelled, match="2 videos"):
        generate_set(small_set, "counted", options, out=out, progress=stop)
    assert ids(out, ".mp4") == ids(out, ".json") == ALL[:2]
    report = generate_set(small_set, "counted", options, out=out)
    assert (report.made, report.there) == (4, 2)
    assert ids(out, ".mp4") == ids(out, ".json") == ALL
    assert not [path for path in out.iterdir() if "partial" in path.name]


def test_a_clip_that_fails_is_a_line_and_does_not_stop_the_others(small_set: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(small_set, folder)
    damaged, missing = (row for row in open_set(folder).rows if row.family == "dominoes" and row.split == "train")
    (folder / "clips" / f"{damaged.id}.npz").write_bytes(b"nonsense")
    (folder / "clips" / f"{missing.id}.npz").unlink()
    report = generate_set(folder, "squeamish")
    towers = [row.id for row in open_set(folder).rows if row.family == "tower"]
    assert set(report.failed) == {damaged.id, missing.id, *towers}
    assert report.failed[towers[0]] == "A tower is too tall."
    assert "is damaged" in report.failed[damaged.id] and "cannot be read" in report.failed[missing.id]
    assert ids(folder / "videos" / "squeamish", ".mp4") == sorted(set(ALL) - set(report.failed))
    assert report.families["all"].videos == report.made == 6 - len(report.failed)
    assert len(report.result["warnings"]) == len(report.failed)


def test_a_clip_made_anew_gets_a_new_video(small_set: Path, tmp_path: Path, notes: Path) -> None:
    folder, options = tmp_path / "set", {"notes": str(notes)}
    shutil.copytree(small_set, folder)
    generate_set(folder, "counted", options)
    marker = folder / "videos" / "counted" / "000003.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "clip": "that of another clip"}))
    assert generate_set(folder, "counted", options).made == 1


def test_other_options_or_other_contents_are_refused(small_set: Path, tmp_path: Path, notes: Path) -> None:
    out = tmp_path / "videos"
    generate_set(small_set, "counted", {"notes": str(notes)}, out=out)
    with pytest.raises(UserError, match=r"begun with the options .* not .*another.*--out"):
        generate_set(small_set, "counted", {"notes": "another"}, out=out)
    with pytest.raises(UserError, match="begun with the generator counted, not warp"):
        generate_set(small_set, "warp", out=out)
    with pytest.raises(UserError, match="holds something else"):
        generate_set(small_set, "warp", out=small_set / "clips")
    with pytest.raises(UserError, match="no option 'speed'"):
        generate_set(small_set, "warp", {"speed": 2}, out=out)
    with pytest.raises(UserError, match="is no data set"):
        generate_set(tmp_path, "warp", out=out)


def test_the_command_prints_a_table(small_set: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    out = tmp_path / "videos"
    done = CliRunner().invoke(app, ["generate", "--manifest", str(small_set), "--out", str(out), "-q"], obj=[])
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["family", "videos", "error", "px", "floor", "px", "still", "px", "consistency", "PSNR", "dB"] in lines
    assert [line[1] for line in lines if line[0] in ("dominoes", "tower", "all")] == ["3", "3", "6"]
    both = CliRunner().invoke(app, ["generate", "clip.npz", "--manifest", str(small_set)], obj=[])
    assert both.exit_code == 2 and "Expected one CLIP, or --manifest DIR" in both.stderr


# ------------------------------------------------------------------------------------------------------- on a cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray")
    with small_cluster() as nodes:
        yield nodes


@pytest.mark.slow
def test_actors_load_once_each_and_make_the_same_videos(
    cluster: Any, small_set: Path, tmp_path: Path, notes: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"notes": str(notes)}
    generate_set(small_set, "counted", options, out=tmp_path / "here")
    (only,) = notes.iterdir()
    only.unlink()
    report = generate_set(small_set, "counted", options, out=tmp_path / "there", ray=cluster.address)
    assert report.made == 6
    assert len(list(notes.iterdir())) == 2  # an actor for each of the two cores
    for row_id in ALL:
        assert (tmp_path / "there" / f"{row_id}.mp4").read_bytes() == (tmp_path / "here" / f"{row_id}.mp4").read_bytes()
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_an_actor_that_dies_is_started_again_with_its_job(
    cluster: Any, small_set: Path, tmp_path: Path, notes: Path
) -> None:
    report = generate_set(small_set, "dying-once", {"notes": str(notes)}, out=tmp_path / "videos", ray=cluster.address)
    assert (report.made, report.failed) == (6, {})
    assert len(list(notes.glob("died.*"))) == 1
    assert len(list(notes.glob("loaded.*"))) == 3


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_the_run_and_names_the_node(
    cluster: Any, small_set: Path, tmp_path: Path, notes: Path
) -> None:
    with pytest.raises(UserError, match=r"The node .+ cannot load 'nothing': .+ holds no model\."):
        generate_set(small_set, "nothing", {"notes": str(notes)}, out=tmp_path / "videos", ray=cluster.address)


@pytest.mark.slow
def test_a_node_dies_and_its_actor_waits_for_a_place(
    cluster: Any, small_set: Path, tmp_path: Path, notes: Path
) -> None:
    doomed = [cluster.add_node(num_cpus=1, **SMALL)]

    def kill_a_node(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 1:
            cluster.remove_node(doomed.pop(), allow_graceful=False)

    out, options = tmp_path / "videos", {"notes": str(notes)}
    report = generate_set(small_set, "slow", options, out=out, ray=cluster.address, progress=kill_a_node)
    assert not doomed and (report.made, report.failed) == (6, {})
    assert ids(out, ".mp4") == ids(out, ".json") == ALL


@pytest.mark.slow
def test_where_there_are_gpus_there_is_one_actor_for_each(
    cluster: Any, small_set: Path, tmp_path: Path, notes: Path
) -> None:
    # what Ray counts, not what there is
    node = cluster.add_node(num_cpus=1, num_gpus=1, **SMALL)
    try:
        options = {"notes": str(notes)}
        report = generate_set(small_set, "slow", options, out=tmp_path / "videos", ray=cluster.address)
    finally:
        cluster.remove_node(node)
    assert report.made == 6
    assert len(list(notes.iterdir())) == 1
