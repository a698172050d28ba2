"""What the gallery draws of a data set and writes down; `test_gallery_page.py` opens it in a browser."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.clip.store import load_clip, save_clip
from simcraft.clip.types import MotionClip
from simcraft.data.folder import commit, give_up, open_set
from simcraft.data.gallery import make_gallery
from simcraft.data.gallery.make import common_speed, round_number
from simcraft.data.gallery.sprites import (
    LARGEST,
    LAYERS,
    MOST_FRAMES,
    MOST_PIXELS,
    Layout,
    layers_to_show,
    layout_of,
    sprite,
    tracks_entry,
)
from simcraft.data.statistics import MOVING, statistics_of
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.video import Video, save_video
from tests.data.sets import made_of, make_small_set


@pytest.fixture
def own_set(small_set: Path, tmp_path: Path) -> Path:
    """A copy of the small set to change."""
    return Path(shutil.copytree(small_set, tmp_path / "set"))


@pytest.fixture(scope="module")
def clip(small_set: Path) -> MotionClip:
    return load_clip(small_set / "clips" / "000001.npz")


def decoded(image: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def cell(sheet: np.ndarray, layout: Layout, k: int) -> np.ndarray:
    """Frame `k` of an image with all frames, as the page takes it out."""
    (width, height), (row, column) = layout.size, divmod(k, layout.columns)
    return sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]


def page_data(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    return json.loads(text.split("const DATA = ")[1].split(";</script>")[0])


def clip_data(page: Path, row_id: str) -> dict[str, Any]:
    text = (page.parent / "clips" / row_id / "clip.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("gallery(").removesuffix(");\n"))


# --------------------------------------------------------------------------------------------------------- drawing


@pytest.mark.parametrize(
    "size, frames",
    [((128, 128), 16), ((48, 32), 6), ((832, 480), 81), ((256, 256), 64), ((16, 900), 2), ((9, 9), 1000)],
)
def test_all_frames_fit_one_image_that_browsers_take(size: tuple[int, int], frames: int) -> None:
    layout = layout_of(size, frames)
    rows = math.ceil(layout.frames / layout.columns)
    width, height = layout.columns * layout.size[0], rows * layout.size[1]
    assert len(layout.shown(frames)) == layout.frames <= MOST_FRAMES
    assert max(layout.size) <= LARGEST and max(width, height) < 16384
    assert layout.frames * layout.size[0] * layout.size[1] <= MOST_PIXELS
    assert layout.size[0] / layout.size[1] == pytest.approx(size[0] / size[1], rel=0.2)


def test_usual_clips_are_drawn_as_large_and_as_often_as_they_are() -> None:
    assert layout_of((128, 128), 16) == Layout((128, 128), 16, 1, 4)


def test_maps_come_back_with_their_edges_and_photos_nearly(clip: MotionClip) -> None:
    layout = layout_of(clip.size, clip.frame_count)
    layers = layers_to_show(clip, 2.0, LAYERS)
    assert [layer.key for layer in layers] == ["picture", "flow", "depth", "instances", "visibility", "normals"]
    for layer in layers:
        sheet = decoded(sprite(layer, layout))
        for t in range(layer.frame_count):
            error = cell(sheet, layout, t).astype(float) - layer.draw(t)
            if layer.photographic:
                assert np.sqrt((error**2).mean()) < 10, (layer.key, t)
            else:
                most = 2 if layer.key in ("flow", "normals") else 0
                assert np.abs(error).max() <= most, (layer.key, t)


def test_frames_of_long_clips_are_skipped_alike_in_all_layers(clip: MotionClip) -> None:
    layout = Layout((24, 16), 3, 2, 2)  # frames 0, 2 and 4 at half the size
    instances = next(layer for layer in layers_to_show(clip, 2.0, LAYERS) if layer.key == "instances")
    sheet = decoded(sprite(instances, layout))
    for k, t in enumerate((0, 2, 4)):
        labels = {tuple(colour) for colour in instances.draw(t).reshape(-1, 3)}
        assert {tuple(colour) for colour in cell(sheet, layout, k).reshape(-1, 3)} <= labels, "no mixed colours"


def test_tracks_come_back_to_a_sixteenth_of_a_pixel(clip: MotionClip) -> None:
    assert clip.tracks is not None and clip.track_visible is not None
    entry = tracks_entry(clip, layout_of(clip.size, clip.frame_count))
    assert entry is not None and entry["of"] == len(clip.tracks)
    count = entry["count"]
    points = np.frombuffer(base64.b64decode(entry["points"]), "<i2").reshape(count, clip.frame_count, 2)
    seen = np.unpackbits(np.frombuffer(base64.b64decode(entry["seen"]), np.uint8))[: count * clip.frame_count]
    # all of the set's tracks are few enough to be shown
    assert count == clip.track_visible.any(1).sum()
    chosen = clip.track_visible.any(1)
    assert np.array_equal(seen.reshape(count, -1).astype(bool), clip.track_visible[chosen])
    exists = np.isfinite(clip.tracks[chosen])
    assert np.array_equal(points != -(2**15), exists)
    assert np.abs(points / 8 - clip.tracks[chosen])[exists].max() <= 1 / 16


def test_points_that_do_not_exist_stay_apart_from_those_far_outside(clip: MotionClip) -> None:
    assert clip.tracks is not None
    tracks = clip.tracks.copy()
    tracks[0, 0], tracks[0, 1] = np.nan, (-1e6, 1e6)
    odd = dataclasses.replace(clip, tracks=tracks)
    entry = tracks_entry(odd, layout_of(odd.size, odd.frame_count))
    assert entry is not None
    points = np.frombuffer(base64.b64decode(entry["points"]), "<i2").reshape(-1, odd.frame_count, 2)
    assert points[0, 0].tolist() == [-32768, -32768] and points[0, 1].tolist() == [-32767, 32767]


@pytest.mark.parametrize(
    "value, rounded", [(1, 1), (1.01, 1.5), (7, 8), (9.9, 10), (0.03, 0.03), (0.031, 0.04), (240, 250)]
)
def test_round_numbers_are_not_below(value: float, rounded: float) -> None:
    assert round_number(value) == pytest.approx(rounded)


def test_the_common_speed_holds_most_of_what_moves(clip: MotionClip) -> None:
    rng = np.random.default_rng(0)
    flow = np.zeros_like(clip.flow_forward)
    flow[..., 0] = rng.uniform(0.5, 12, flow.shape[:-1]) * (rng.random(flow.shape[:-1]) < 0.1)
    marker = {"statistics": statistics_of(dataclasses.replace(clip, flow_forward=flow))}
    speed = common_speed([marker])
    moving = np.abs(flow[..., 0][flow[..., 0] > 0])
    assert 0.75 < (moving <= speed).mean() <= 1
    still = {"statistics": statistics_of(dataclasses.replace(clip, flow_forward=np.zeros_like(flow)))}
    assert common_speed([marker, still]) == speed
    assert common_speed([still]) == common_speed([{"statistics": {}}]) == 1


# ---------------------------------------------------------------------------------------------------------- a folder


def test_a_gallery_tells_all_of_a_set(small_set: Path, tmp_path: Path) -> None:
    page = make_gallery(small_set, tmp_path / "out")
    data_set, data = open_set(small_set), page_data(page)
    assert page == tmp_path / "out" / "index.html"
    assert [c["id"] for c in data["clips"]] == [row.id for row in data_set.rows]
    for row, about in zip(data_set.rows, data["clips"], strict=True):
        marker, detail = data_set.marker(row), clip_data(page, row.id)
        assert (about["family"], about["split"], about["mark"]) == (row.family, row.split, "")
        assert about["captions"] == marker["captions"]
        flow = np.linalg.norm(data_set.clip(row).flow_forward, axis=-1)
        # from a histogram of octaves: 0.85 of what moves, to within one of them
        assert 0.5 < about["motion"] / np.percentile(flow[flow > MOVING], 85) < 2
        assert detail["settings"] == row.settings and detail["statistics"] == marker["statistics"]
        assert (detail["facts"]["seed"], detail["facts"]["hash"]) == (row.seed, row.hash)
        images = {path.stem for path in (page.parent / "clips" / row.id).glob("*.webp")}
        assert images == set(about["counts"]) == {"picture", "flow", "depth", "instances", "visibility", "normals"}
        assert about["tracks"]
    assert data["command"].endswith(f"dataset row {small_set}")


def test_nothing_comes_from_elsewhere(small_set: Path, tmp_path: Path) -> None:
    page = make_gallery(small_set, tmp_path / "out")
    for path in page.parent.rglob("*.*"):
        if path.suffix in (".html", ".js"):
            text = path.read_text(encoding="utf-8")
            assert "http:" not in text and "https:" not in text and 'src="//' not in text, path
            assert "fetch(" not in text and "XMLHttpRequest" not in text and "import(" not in text, path


def test_what_is_drawn_is_kept_while_its_clip_is_the_same(own_set: Path) -> None:
    page = make_gallery(own_set)
    before = {path: path.stat().st_mtime_ns for path in page.parent.glob("clips/*/*")}
    assert page == own_set / "gallery" / "index.html" and len(before) == 6 * 7
    changed = clip_of_another_colour(own_set, "000002")
    assert make_gallery(own_set) == page
    drawn = {path.parent.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert drawn == {changed}


def clip_of_another_colour(folder: Path, row_id: str) -> str:
    data_set = open_set(folder)
    row = next(row for row in data_set.rows if row.id == row_id)
    made = made_of_folder(folder, row_id)
    path = folder / "other.npz"
    clip = data_set.clip(row)
    save_clip(dataclasses.replace(clip, image=255 - clip.image), path)
    commit(data_set, row, dataclasses.replace(made, files={".npz": path.read_bytes()}))
    path.unlink()
    return row_id


def made_of_folder(folder: Path, row_id: str):
    data_set = open_set(folder)
    (folder / "work").mkdir(exist_ok=True)
    return made_of(data_set, next(row for row in data_set.rows if row.id == row_id))


def test_a_run_that_is_stopped_goes_on_where_it_was(own_set: Path) -> None:
    def stop(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 3:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        make_gallery(own_set, progress=stop)
    gallery = own_set / "gallery"
    assert not (gallery / "index.html").exists(), "the page comes last"
    done = {path: path.stat().st_mtime_ns for path in gallery.glob("clips/0*/clip.js")}
    assert len(done) >= 3
    (gallery / "clips" / ".000005.12345678.partial").mkdir()
    page = make_gallery(own_set, workers=3)
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())
    assert len(page_data(page)["clips"]) == 6
    assert not list(gallery.rglob("*.partial*"))


def test_two_workers_draw_what_one_does(own_set: Path, tmp_path: Path) -> None:
    one, two = make_gallery(own_set, tmp_path / "one"), make_gallery(own_set, tmp_path / "two", workers=2)
    files = [path.relative_to(one.parent) for path in one.parent.rglob("*.*")]
    assert len(files) > 40
    for path in files:
        assert (one.parent / path).read_bytes() == (two.parent / path).read_bytes(), path


def test_failed_damaged_and_still_clips_are_marked(tmp_path: Path) -> None:
    folder = make_small_set(tmp_path, missing=2)
    data_set = open_set(folder)
    give_up(data_set, data_set.rows[4], Failure("Blender stopped.", "Try again."), 2)
    (folder / "clips" / "000001.npz").write_bytes(b"PK half a clip")
    make_still(folder, "000002")
    clips = page_data(make_gallery(folder))["clips"]
    assert [(c["id"], c["mark"]) for c in clips] == [
        ("000000", ""),
        ("000001", "damaged"),
        ("000002", "still"),
        ("000003", ""),
        ("000004", "failed"),
    ]
    assert "000001.npz" in clips[1]["detail"]["message"]
    assert clips[4]["detail"]["message"] == "Blender stopped." and clips[4]["detail"]["fix"] == "Try again."
    assert clips[4]["detail"]["facts"]["seed"] == data_set.rows[4].seed


def make_still(folder: Path, row_id: str) -> None:
    data_set = open_set(folder)
    row = next(row for row in data_set.rows if row.id == row_id)
    clip = data_set.clip(row)
    still = dataclasses.replace(clip, flow_forward=np.zeros_like(clip.flow_forward))
    commit(data_set, row, dataclasses.replace(made_of_folder(folder, row_id), statistics=statistics_of(still)))


def test_a_clip_of_another_size_than_its_row_is_damaged(own_set: Path) -> None:
    data_set = open_set(own_set)
    large = data_set.clip(data_set.rows[0])
    half = {
        f.name: value[..., ::2, ::2, :]
        if f.name in ("image", "frames", "flow_forward", "flow_backward", "normals", "to_first")
        else value[..., ::2, ::2]
        if f.name not in ("tracks", "track_visible", "intrinsics", "camera_to_world")
        else value
        for f in dataclasses.fields(large)
        if isinstance(value := getattr(large, f.name), np.ndarray)
    }
    path = own_set / "clips" / "000000.npz"
    save_clip(dataclasses.replace(large, **half), path, force=True)
    message = page_data(make_gallery(own_set))["clips"][0]["detail"]["message"]
    assert "6 frames of 24x16 pixels" in message and "48x32" in message


def test_videos_made_from_the_clips_are_layers(own_set: Path) -> None:
    make_gallery(own_set)
    clip = load_clip(own_set / "clips" / "000003.npz")
    video = Video(255 - np.asarray(clip.frames), clip.fps, {"generator": "warp"})
    save_video(video, own_set / "videos" / "warp" / "000003.mp4")
    page = make_gallery(own_set)
    about = page_data(page)["clips"]
    assert about[3]["counts"]["video-warp"] == 6 and "video-warp" not in about[2]["counts"]
    sheet = decoded((page.parent / "clips" / "000003" / "video-warp.webp").read_bytes())
    shown = cell(sheet, layout_of(clip.size, 6), 5).astype(float)
    assert np.sqrt(((shown - video.frames[5]) ** 2).mean()) < 25


def test_both_renderers_pictures_are_layers_where_both_ran(own_set: Path) -> None:
    data_set = open_set(own_set)
    row, path = data_set.rows[1], own_set / "preview.npz"
    clip = data_set.clip(row)
    save_clip(dataclasses.replace(clip, frames=255 - np.asarray(clip.frames)), path)
    made = made_of_folder(own_set, row.id)
    commit(data_set, row, dataclasses.replace(made, files={**made.files, ".preview.npz": path.read_bytes()}))
    page = make_gallery(own_set)
    assert list(page_data(page)["clips"][1]["counts"])[:3] == ["picture", "preview", "flow"]
    shown = [decoded((page.parent / "clips" / row.id / f"{key}.webp").read_bytes()) for key in ("picture", "preview")]
    assert np.abs(shown[0].astype(float) - (255 - shown[1].astype(float))).mean() < 10


def test_only_the_layers_and_clips_that_are_asked_for_are_there(small_set: Path, tmp_path: Path) -> None:
    page = make_gallery(small_set, tmp_path / "out", limit=2, layers=("flow", "tracks"))
    assert [(c["counts"], c["tracks"]) for c in page_data(page)["clips"]] == [({"flow": 5}, True)] * 2


def test_a_set_of_flow_alone_is_shown_too(tmp_path: Path) -> None:
    page = make_gallery(make_small_set(tmp_path, count=2, annotations=()))
    assert [(c["counts"], c["tracks"]) for c in page_data(page)["clips"]] == [({"picture": 1, "flow": 5}, False)] * 2


def test_captions_and_names_cannot_become_tags(own_set: Path) -> None:
    header = own_set / "dataset.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "name": "<b>{{data}}", "description": "<b>"}))
    path = own_set / "done" / "000000.json"
    marker = json.loads(path.read_text())
    marker["captions"] = ["</script><script>alert(1)</script> & {{script}} «»"]
    path.write_text(json.dumps(marker))
    page = make_gallery(own_set)
    text = page.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text and "<b>" not in text
    assert "<title>&lt;b&gt;{{data}}</title>" in text
    assert page_data(page)["clips"][0]["captions"] == marker["captions"]


def test_mistakes_are_told_in_a_line(own_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no layer 'deep'"):
        make_gallery(own_set, layers=("deep",))
    with pytest.raises(UserError, match="limit is 0"):
        make_gallery(own_set, limit=0)
    with pytest.raises(UserError, match="workers is 0"):
        make_gallery(own_set, workers=0)
    with pytest.raises(UserError, match="is no data set"):
        make_gallery(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds something else: (thesis.txt|set)"):
        make_gallery(own_set, tmp_path)
    with pytest.raises(UserError, match="is a file"):
        make_gallery(own_set, tmp_path / "thesis.txt")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>My site</h1>")
    with pytest.raises(UserError, match=r"holds something else: index.html"):
        make_gallery(own_set, tmp_path / "site")
    with pytest.raises(UserError, match="no clips yet"):
        make_gallery(make_small_set(tmp_path / "empty", count=2, missing=2))
