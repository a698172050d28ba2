"""A sound set passes its check; every planted defect is found, in its row and in no other."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.clip.store import load_clip, save_clip
from simcraft.data.check import CheckReport, Problem, check_export, check_set
from simcraft.data.check.consistency import disagreements
from simcraft.data.check.page import page_of
from simcraft.data.check.rows import check_row
from simcraft.data.export import export_set
from simcraft.data.folder import open_set
from simcraft.data.statistics import OCTAVES, statistics_of
from simcraft.errors import UserError
from tests.browser import chromium_tab, contrasts, needs_chromium

ROW = "000003"


@pytest.fixture
def a_set(small_set: Path, tmp_path: Path) -> Path:
    """A copy of the small set, to break."""
    return shutil.copytree(small_set, tmp_path / "set")


def sign(folder: Path, id: str = ROW, **changes: object) -> None:
    """Make the marker fit to the clip that is there now, so that only what is in the clip can give it away."""
    path, clip = folder / "done" / f"{id}.json", folder / "clips" / f"{id}.npz"
    marker = json.loads(path.read_text())
    marker["files"] = {clip.name: hashlib.sha256(clip.read_bytes()).hexdigest()}
    path.write_text(json.dumps({**marker, **changes}))


def alter(folder: Path, change: Callable[[MotionClip], dict[str, np.ndarray | None]], id: str = ROW) -> None:
    """Replace arrays of a clip, and all that its marker tells of it."""
    path = folder / "clips" / f"{id}.npz"
    clip = load_clip(path)
    clip = dataclasses.replace(clip, **change(clip))
    save_clip(clip, path, force=True)
    sign(folder, id, statistics=statistics_of(clip))


def problems(folder: Path) -> dict[str, str]:
    """Row -> all that is wrong with it, in one text."""
    found: dict[str, str] = {}
    for problem in check_set(folder).problems:
        found[problem.row] = f"{found.get(problem.row, '')}{problem.what} (expected: {problem.expected})\n"
    return found


def test_sound_set_passes(small_set: Path) -> None:
    steps = []
    report = check_set(small_set, progress=lambda stage, step, steps_, detail="": steps.append((step, steps_)))
    assert report.problems == ()
    assert report.exit_code == 0
    assert report.counts == {"done": 6, "failed": 0, "missing": 0}
    assert len(report.checked) == 6
    assert all(clip.picture[8:12] == b"WEBP" for clip in report.clips)
    assert report.summary == "6 of 6 clips are made, 6 checked: no problems."
    assert steps[0] == (0, 6)
    assert steps[-1] == (6, 6)


def at(array: np.ndarray, index: tuple, value: object) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


DEFECTS: dict[str, tuple[Callable[[MotionClip], dict[str, np.ndarray | None]], str]] = {
    "sign of the forward flow": (lambda c: {"flow_forward": -c.flow_forward}, "come back miss their start"),
    "sign of the backward flow": (lambda c: {"flow_backward": -c.flow_backward}, "come back miss their start"),
    "sign of both flows": (
        lambda c: {"flow_forward": -c.flow_forward, "flow_backward": -c.flow_backward},
        "visible points land on another instance",
    ),
    "x and y of both flows": (
        lambda c: {"flow_forward": c.flow_forward[..., ::-1], "flow_backward": c.flow_backward[..., ::-1]},
        "visible points land on another instance",
    ),
    "flow of the next frame": (
        lambda c: {"flow_forward": np.roll(c.flow_forward, 1, axis=0)},
        "come back miss their start",
    ),
    "shifted visibility": (
        lambda c: {"visible_forward": np.roll(c.visible_forward, 3, axis=2)},
        "said to be hidden are seen",
    ),
    "shifted backward visibility": (
        lambda c: {"visible_backward": np.roll(c.visible_backward, 3, axis=1)},
        "visible_backward",
    ),
    "everything visible": (lambda c: {"visible_forward": c.flow_valid_forward.copy()}, "visible_forward"),
    "nothing visible": (lambda c: {"visible_forward": c.visible_forward & False}, "said to be hidden are seen"),
    "visible without flow": (
        lambda c: {
            "flow_valid_forward": at(c.flow_valid_forward, (0, 3, 4), False),
            "flow_forward": at(c.flow_forward, (0, 3, 4), 0),
        },
        "visible_forward is true where flow_valid_forward is not",
    ),
    "NaN": (
        lambda c: {"flow_forward": at(c.flow_forward, (2, 5, 7, 0), np.nan)},
        "not finite, first at frame 2, column 7, line 5",
    ),
    "flow where there is none": (
        lambda c: {"flow_valid_backward": at(c.flow_valid_backward, (0,), False), "flow_backward": c.flow_backward + 1},
        "flow_backward is not 0",
    ),
    "depth": (lambda c: {"depth": at(c.depth, (1, 2, 3), -1)}, "depth has values that are not positive"),
    "depth NaN": (lambda c: {"depth": at(c.depth, (1, 2, 3), np.nan)}, "depth has values that are not positive"),
    "normals": (lambda c: {"normals": c.normals * np.float32(2)}, "normals are not of length 1"),
    "instances": (lambda c: {"instances": at(c.instances, (1, 2, 3), 77)}, "instances has 77"),
    "tracks": (
        lambda c: {"tracks": c.tracks + 0.4 * np.arange(c.frame_count, dtype=np.float32)[:, None]},
        "tracks and flow_forward: visible moving points differ",
    ),
    "tracks outside": (lambda c: {"tracks": c.tracks + np.float32(1000)}, "seen outside the image"),
    "to_first": (lambda c: {"to_first": np.roll(c.to_first, 1, axis=0)}, "to_first of frame 0"),
    "camera": (lambda c: {"camera_to_world": c.camera_to_world * 1.1}, "camera_to_world is not rigid"),
    "lens": (lambda c: {"intrinsics": -c.intrinsics}, "focal lengths"),
    "pictures": (lambda c: {"frames": 255 - c.frames}, "image differs from the first of frames"),
    "missing annotation": (lambda c: {"depth": None}, "depth is missing"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_in_a_clip_is_found(a_set: Path, defect: str) -> None:
    change, words = DEFECTS[defect]
    alter(a_set, change)
    found = problems(a_set)
    assert set(found) == {ROW}
    assert words in found[ROW]


def test_still_things_have_the_flow_of_the_camera(small_set: Path) -> None:
    clip = load_clip(small_set / "clips" / f"{ROW}.npz")
    static = tuple(dataclasses.replace(info, solver="static") for info in clip.instance_table)
    found = [what for what, _ in disagreements(dataclasses.replace(clip, instance_table=static))]
    assert len(found) == 1
    assert "what stands still moves" in found[0]


def test_pictures_tell_that_both_flows_are_wrong(a_set: Path) -> None:
    alter(
        a_set,
        lambda c: {
            "flow_forward": -c.flow_forward,
            "flow_backward": -c.flow_backward,
            "tracks": None,
            "track_visible": None,
        },
    )
    assert "along flow_forward the pictures differ" in problems(a_set)[ROW]


def test_annotation_that_was_not_asked_for(tmp_path: Path) -> None:
    from tests.data.sets import make_small_set

    folder = make_small_set(tmp_path, annotations=("visibility",))
    assert problems(folder) == {}
    alter(folder, lambda c: {"depth": np.ones((c.frame_count, *c.image.shape[:2]), np.float32)})
    assert "depth is there" in problems(folder)[ROW]


def test_wrong_dtype(a_set: Path) -> None:
    path = a_set / "clips" / f"{ROW}.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **{**arrays, "depth": arrays["depth"].astype(np.float64)})
    sign(a_set)
    assert "'depth' is float64" in problems(a_set)[ROW]


def test_flipped_bit(a_set: Path) -> None:
    path = a_set / "clips" / f"{ROW}.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = problems(a_set)
    assert set(found) == {ROW}
    assert f"clips/{ROW}.npz has changed since it was made" in found[ROW]


def test_missing_file(a_set: Path) -> None:
    (a_set / "clips" / f"{ROW}.npz").unlink()
    assert f"clips/{ROW}.npz is missing" in problems(a_set)[ROW]


def test_swapped_clips(a_set: Path) -> None:
    one, other = (a_set / "clips" / f"{id}.npz" for id in ("000001", ROW))
    data = one.read_bytes(), other.read_bytes()
    other.write_bytes(data[0])
    one.write_bytes(data[1])
    assert set(problems(a_set)) == {"000001", ROW}
    for path in (one, other):
        clip = load_clip(path)
        sign(a_set, path.stem, statistics=statistics_of(clip), captions=list(clip.captions))
    found = problems(a_set)
    assert set(found) == {"000001", ROW}
    assert all("it is of another row" in text for text in found.values())


def test_marker_of_another_row(a_set: Path) -> None:
    sign(a_set, hash="0" * 64, split="elsewhere")
    found = problems(a_set)[ROW]
    assert "the marker's hash is another one" in found
    assert "the marker's split is elsewhere" in found


def test_marker_that_tells_something_else(a_set: Path) -> None:
    sign(a_set, captions=["A lie."], statistics={})
    found = problems(a_set)[ROW]
    assert "the marker's captions are not those of the clip" in found
    assert "the marker's statistics are not those of the clip" in found


def test_damaged_marker(a_set: Path) -> None:
    (a_set / "done" / f"{ROW}.json").write_text("{")
    found = problems(a_set)
    assert set(found) == {ROW}
    assert f"{ROW}.json" in found[ROW]
    assert str(check_set(a_set).problems[0]).startswith(f"{ROW}: ")


def test_rows_that_are_missing_or_failed(a_set: Path) -> None:
    for id in ("000001", ROW):
        (a_set / "done" / f"{id}.json").unlink()
        (a_set / "clips" / f"{id}.npz").unlink()
    failure = {"id": ROW, "hash": "", "message": "It <exploded>.", "fix": "", "attempts": 2}
    (a_set / "failed" / f"{ROW}.json").write_text(json.dumps(failure))
    report = check_set(a_set)
    assert report.counts == {"done": 4, "failed": 1, "missing": 1}
    assert [(p.row, p.what) for p in report.problems] == [("000001", "the clip is not made")]
    assert "It &lt;exploded&gt;." in page_of(report)


def test_files_of_nobody(a_set: Path) -> None:
    shutil.copy(a_set / "clips" / f"{ROW}.npz", a_set / "clips" / "000099.npz")
    shutil.copy(a_set / "done" / f"{ROW}.json", a_set / "done" / "000098.json")
    (a_set / "done" / f"{ROW}.json").unlink()
    found = problems(a_set)
    assert set(found) == {"", ROW}
    for words in ("clips/000099.npz belongs to no row", "done/000098.json belongs", f"clips/{ROW}.npz has no marker"):
        assert words in found[""]


def test_changed_recipe(a_set: Path) -> None:
    recipe = a_set / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 5", "seed: 6"))
    assert "recipe.yaml was changed" in problems(a_set)[""]
    recipe.unlink()
    assert "recipe.yaml is missing" in problems(a_set)[""]


def test_edited_manifest_is_refused(a_set: Path) -> None:
    manifest = a_set / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"tracks": 12', '"tracks": 13', 1))
    with pytest.raises(UserError, match="line 1"):
        check_set(a_set)


def stop(clip: MotionClip) -> dict[str, np.ndarray]:
    """The clip, with its first frame throughout."""
    frames = clip.frame_count
    still = {name: np.repeat(getattr(clip, name)[:1], frames, axis=0) for name in ("depth", "instances", "frames")}
    centres = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) + 0.5 for n in clip.size)), -1)
    seen = np.ones(clip.flow_valid_forward.shape, bool)
    flow = {name: np.zeros_like(clip.flow_forward) for name in ("flow_forward", "flow_backward")}
    masks = ("flow_valid_forward", "flow_valid_backward", "visible_forward", "visible_backward")
    return {
        **still,
        **flow,
        **dict.fromkeys(masks, seen),
        "normals": np.repeat(clip.normals[:1], frames, axis=0),
        "tracks": np.repeat(clip.tracks[:, :1], frames, axis=1),
        "track_visible": np.repeat(clip.track_visible[:, :1], frames, axis=1),
        "to_first": np.repeat(centres[None], frames, axis=0),
        "to_first_visible": np.ones((frames, *seen.shape[1:]), bool),
    }


def test_dead_clip_is_named_and_is_no_problem(a_set: Path) -> None:
    alter(a_set, stop)
    report = check_set(a_set)
    assert report.problems == ()
    assert [clip.id for clip in report.clips if clip.dead] == [ROW]
    assert "one does not move" in report.summary


def test_what_looks_odd_or_alike_is_named(a_set: Path) -> None:
    alter(a_set, lambda c: {"image": c.image // 20, "frames": c.frames // 20})
    twin = load_clip(a_set / "clips" / "000001.npz")
    alter(a_set, lambda c: {"image": twin.image, "frames": np.stack([twin.image, *c.frames[1:]])}, id="000002")
    report = check_set(a_set)
    assert report.odd_brightness == {"dark": (ROW,), "bright": (), "flat": (ROW,)}
    assert report.near_duplicates == (("000001", "000002"),)


def test_what_is_wrong_or_still_is_shown_beside_the_chosen_ones(a_set: Path) -> None:
    alter(a_set, lambda c: {"flow_forward": -c.flow_forward})
    alter(a_set, stop, id="000004")
    data_set = open_set(a_set)
    shown = [row.id for row in data_set.rows if check_row(data_set, row, picture=False).picture]
    assert shown == [ROW, "000004"]


def test_sample_reads_only_some(a_set: Path) -> None:
    alter(a_set, lambda c: {"depth": None}, id="000001")
    report = check_set(a_set, sample=3)
    assert [clip.id for clip in report.checked] == ["000000", "000002", "000004"]
    assert report.problems == ()
    assert report.counts["done"] == 6


def test_wrong_numbers_are_refused(small_set: Path) -> None:
    for wrong in ({"sample": 0}, {"workers": 0}):
        with pytest.raises(UserError, match="expected 1 or more"):
            check_set(small_set, **wrong)


def test_processes_find_the_same(a_set: Path) -> None:
    alter(a_set, lambda c: {"flow_forward": -c.flow_forward})
    alone, together = check_set(a_set), check_set(a_set, workers=2)
    assert json.dumps(saved(alone)) == json.dumps(saved(together))
    assert [clip.picture for clip in alone.clips] == [clip.picture for clip in together.clips]


def saved(report: CheckReport) -> dict:
    from simcraft.data.check.report import to_json

    return json.loads(json.dumps(to_json(report)))


def test_figures_of_the_set(small_set: Path) -> None:
    report = saved(check_set(small_set))
    total = np.zeros(len(OCTAVES) + 1, int)
    for row in open_set(small_set).rows:
        total += statistics_of(load_clip(small_set / "clips" / f"{row.id}.npz"))["flow"]["histogram"]
    assert report["motion"]["pixels"] == total.tolist()
    families, splits = report["groups"]["family"], report["groups"]["split"]
    assert {name: group["share_wanted"] for name, group in families.items()} == {"dominoes": 0.5, "tower": 0.5}
    assert splits["train"]["share_wanted"] == splits["train"]["share"] == pytest.approx(2 / 3, abs=1e-4)
    assert np.sum([group["motion"] for group in families.values()], axis=0).tolist() == total.tolist()


def test_report_is_written(a_set: Path, tmp_path: Path) -> None:
    alter(a_set, lambda c: {"flow_forward": -c.flow_forward})
    written = check_set(a_set).save(tmp_path / "out" / "here")
    data, page = Path(written["report"]), Path(written["page"])
    assert written["summary"].startswith("6 of 6 clips are made")
    assert json.loads(data.read_text())["problems"][0]["row"] == ROW
    text = page.read_text()
    assert text.count("<figure id=") == 6
    assert f'<figure id="c{ROW}" class="bad"' in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text
    assert sorted(p.name for p in page.parent.iterdir()) == ["check.html", "check.json"]
    # the set is still one, with the report beside its clips as well
    check_set(a_set).save()
    assert set(problems(a_set)) == {ROW}


def test_texts_of_a_set_stay_texts_on_the_page(a_set: Path) -> None:
    bad = "<img src=x onerror=alert(1)>\"'"
    report = check_set(a_set)
    clips = [
        dataclasses.replace(clip, captions=(bad,), family=bad, split=bad, failure=bad, state=state)
        for clip, state in zip(report.clips, ("done", "failed", "done", "done", "done", "done"), strict=True)
    ]
    clips[2] = dataclasses.replace(clips[2], problems=(Problem(clips[2].id, bad, bad),))
    page = page_of(dataclasses.replace(report, name=bad, clips=tuple(clips)))
    assert "<img src=x" not in page and page.count("&lt;img src=x") > 20
    assert 'alert(1)>"' not in page


def test_export_is_checked_part_by_part(small_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    export_set(small_set, "webdataset", out)
    assert check_export(out) == ()
    shard, other = sorted(out.glob("*.tar"))[:2]
    data = bytearray(shard.read_bytes())
    data[-2000] ^= 1
    shard.write_bytes(data)
    other.unlink()
    found = [problem.what for problem in check_export(out)]
    assert found == [f"{shard.name} has changed since it was written", f"{other.name} is missing"]
    with pytest.raises(UserError, match="is no export"):
        check_export(small_set)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", 3, None])
def test_index_of_an_export_that_leads_elsewhere(small_set: Path, tmp_path: Path, name: object) -> None:
    out = export_set(small_set, "webdataset", tmp_path / "out", splits=["train"]).folder
    index = json.loads((out / "train.json").read_text())
    index["parts"][0]["name"] = name
    (out / "train.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"train\.json is damaged"):
        check_export(out)


@pytest.mark.browser
@needs_chromium
def test_page_in_a_browser(a_set: Path, tmp_path: Path) -> None:
    alter(a_set, lambda c: {"flow_forward": -c.flow_forward})
    alter(a_set, stop, id="000004")
    page = Path(check_set(a_set).save(tmp_path / "out")["page"])
    paper = []
    with chromium_tab() as tab:
        for dark in (False, True):
            tab.open(page, dark=dark)
            assert tab.console == []
            shown = tab.run(
                "await until(() => [...document.images].every((i) => i.complete));"
                "return [...document.images].map((i) => [i.naturalWidth, i.naturalHeight]);"
            )
            assert shown == [[96, 32]] * 6
            parts = (
                "h1",
                ".verdict",
                "header p",
                "dt",
                "th",
                "td",
                "figcaption small",
                ".sheet figcaption",
                "a",
                "footer",
            )
            assert {what: ratio for what, ratio in contrasts(tab, parts).items() if ratio < 4.5} == {}
            paper.append(tab.run("return getComputedStyle(document.body).backgroundColor"))
            wide = tab.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0
        tab.open(page, size=(380, 800))
        assert tab.run("return document.documentElement.scrollWidth") == 380
        assert tab.run(f"document.querySelector('a[href=\"#c{ROW}\"]').click(); return location.hash") == f"#c{ROW}"
        marks = tab.run("return [...document.querySelectorAll('.sheet figure')].map((f) => f.id + ' ' + f.className)")
    assert {f"c{ROW} bad", "c000004 warn"} <= set(marks)
    assert paper[0] != paper[1]
