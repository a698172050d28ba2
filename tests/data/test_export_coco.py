"""COCO files, read by pycocotools, and our run-length encoding beside theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from pycocotools import mask as theirs
from pycocotools.coco import COCO

from simcraft.data.export import export_set
from simcraft.data.export.rle import compressed, mask_of, run_lengths
from simcraft.data.folder import open_set

Exports = Callable[[str], Path]


def their_counts(mask: np.ndarray) -> str:
    return theirs.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


@settings(max_examples=200, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_masks_are_encoded_as_by_pycocotools(mask: np.ndarray) -> None:
    text = compressed(run_lengths(mask))
    assert text == their_counts(mask)
    np.testing.assert_array_equal(mask_of(text, *mask.shape), mask)


@pytest.mark.parametrize("fill", ["nothing", "all", "far corner", "long runs and short ones"])
def test_large_masks_are_encoded_as_by_pycocotools(fill: str) -> None:
    mask = np.zeros((1500, 2000), bool)
    if fill == "all":
        mask[:] = True
    if fill == "far corner":
        mask[-1, -1] = True
    if fill == "long runs and short ones":
        mask[:, 300:1200] = True
        mask[::7, ::11] ^= True
    text = compressed(run_lengths(mask))
    assert text == their_counts(mask)
    np.testing.assert_array_equal(mask_of(text, *mask.shape), mask)


def test_pycocotools_finds_every_instance_of_every_frame(exports: Exports, small_set: Path) -> None:
    folder, data_set = exports("coco"), open_set(small_set)
    coco = COCO(str(folder / "instances_train.json"))
    rows = [row for row in data_set.rows if row.split == "train"]
    assert [v["id"] for v in coco.dataset["videos"]] == [int(row.id) + 1 for row in rows]
    for row in rows:
        clip = data_set.clip(row)
        images = [image for image in coco.loadImgs(coco.getImgIds()) if image["video_id"] == int(row.id) + 1]
        assert [image["frame_index"] for image in images] == list(range(row.frames))
        for image in images:
            t = image["frame_index"]
            np.testing.assert_array_equal(np.asarray(Image.open(folder / image["file_name"])), clip.frames[t])
            rebuilt = np.zeros_like(clip.instances[t])
            for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
                mask = coco.annToMask(annotation).astype(bool)
                rebuilt[mask] = annotation["instance_id"]
                assert annotation["area"] == mask.sum() == theirs.area(annotation["segmentation"])
                np.testing.assert_array_equal(annotation["bbox"], theirs.toBbox(annotation["segmentation"]))
            np.testing.assert_array_equal(rebuilt, clip.instances[t])


def test_tracks_follow_one_instance_of_one_clip(exports: Exports) -> None:
    document = json.loads((exports("coco") / "instances_train.json").read_text())
    tracks = {track["id"]: track for track in document["tracks"]}
    assert len(tracks) == len(document["tracks"]) == 8  # two squares in four clips
    for annotation in document["annotations"]:
        track = tracks[annotation["track_id"]]
        assert (track["video_id"], track["category_id"]) == (annotation["video_id"], annotation["category_id"])
    pairs = {(a["track_id"], a["instance_id"]) for a in document["annotations"]}
    assert len(pairs) == len(tracks)
    ids = [annotation["id"] for annotation in document["annotations"]]
    assert ids == list(range(1, len(ids) + 1))


def test_categories_agree_between_splits_that_are_exported_one_by_one(small_set: Path, tmp_path: Path) -> None:
    for split in ("validation", "train"):
        export_set(small_set, "coco", tmp_path / "out", splits=[split], category="family")
    known = json.loads((tmp_path / "out" / "categories.json").read_text())
    assert known == {"dominoes": 1, "tower": 2}
    for split in ("validation", "train"):
        document = json.loads((tmp_path / "out" / f"instances_{split}.json").read_text())
        assert {c["name"]: c["id"] for c in document["categories"]} == known
        families = {v["id"]: v["family"] for v in document["videos"]}
        assert all(known[families[a["video_id"]]] == a["category_id"] for a in document["annotations"])
    # ids that were given once stay, also those of another order
    (tmp_path / "out" / "categories.json").write_text('{"tower": 1, "fountain": 2}')
    export_set(small_set, "coco", tmp_path / "out", splits=["train"], category="family")
    document = json.loads((tmp_path / "out" / "instances_train.json").read_text())
    assert {c["name"]: c["id"] for c in document["categories"]} == {"tower": 1, "fountain": 2, "dominoes": 3}


def test_names_lose_their_numbers(exports: Exports) -> None:
    # "square 1" and "square 2" are squares
    assert json.loads((exports("coco") / "categories.json").read_text()) == {"square": 1}


def test_pictures_as_jpeg(small_set: Path, tmp_path: Path) -> None:
    export_set(small_set, "coco", tmp_path / "out", splits=["validation"], pictures="jpg")
    image = json.loads((tmp_path / "out" / "instances_validation.json").read_text())["images"][0]
    with Image.open(tmp_path / "out" / image["file_name"]) as picture:
        assert picture.format == "JPEG" and picture.size == (48, 32)
