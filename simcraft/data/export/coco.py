"""Instance masks as COCO has them (Lin et al., ECCV 2014), with TAO's videos and tracks (Dave et al., ECCV 2020)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip import MotionClip
from simcraft.clip.files import write_json
from simcraft.clip.types import InstanceInfo
from simcraft.data.export.files import read_json
from simcraft.data.export.format import Clips, ExportFormat, Key, Options, Unfit, Written, one_a_clip
from simcraft.data.export.rle import compressed, run_lengths
from simcraft.data.manifest import Row
from simcraft.recording.format import Parameter

OF_ONE_CLIP = "instances.json"
_CATEGORIES = "categories.json"
_MOST_FRAMES, _MOST_INSTANCES = 1000, 65536
"""A recipe's and a clip's limits, from which ids are made that stay the same whatever else is exported."""


def write(clips: Clips, path: Path, options: Options) -> dict[str, Any]:
    """One clip as the folder `path`: its pictures and their masks. Raises `Unfit` where it has no instances."""
    from PIL import Image

    ((row, clip),) = clips
    if clip.frames is None or clip.instances is None:
        raise Unfit("it has no frames or no instances")
    path.mkdir()
    settings: dict[str, Any] = {"quality": 95} if options["pictures"] == "jpg" else {"compress_level": 6}
    for t, frame in enumerate(clip.frames):
        Image.fromarray(frame).save(path / f"{t:05d}.{options['pictures']}", **settings)
    of_clip = {
        "frames": clip.frame_count,
        "size": list(clip.size),
        "fps": clip.fps,
        "captions": list(clip.captions),
        "masks": list(_masks(row, clip, options["category"])),
    }
    (path / OF_ONE_CLIP).write_text(json.dumps(of_clip), encoding="utf-8")
    return {}


def finish(folder: Path, split: str, written: Sequence[Written], options: Options) -> None:
    """Write instances_SPLIT.json from the masks of all its clips."""
    found = [(w.part.rows[0], w.part.name, read_json(folder / w.part.name / OF_ONE_CLIP)) for w in written]
    categories = _categories(folder, {mask["category"] for _, _, clip in found for mask in clip["masks"]})
    document: dict[str, Any] = {
        "info": {"description": f"{split}, exported by SimCraft", "version": "1"},
        "licenses": [],
        "categories": [{"id": id, "name": name} for name, id in categories.items()],
        "videos": [],
        "images": [],
        "tracks": [],
        "annotations": [],
    }
    for row, name, clip in found:
        _add_clip(document, row, name, clip, options["pictures"], categories)
    for number, annotation in enumerate(document["annotations"], start=1):
        annotation["id"] = number
    write_json(folder / f"instances_{split}.json", document, indent=None)


def _masks(row: Row, clip: MotionClip, category: str) -> Iterator[dict[str, Any]]:
    """What is known of each instance in each frame where it is seen."""
    assert clip.instances is not None
    table = {info.id: info for info in clip.instance_table}
    for t, image in enumerate(clip.instances):
        for instance in np.unique(image[image > 0]).tolist():
            mask = image == instance
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            left, top = int(columns[0]), int(rows[0])
            info = table.get(instance, InstanceInfo(instance, "thing"))
            yield {
                "frame": t,
                "instance": instance,
                "name": info.name,
                "category": _category(row, info, category),
                "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
                "area": int(mask.sum()),
                "counts": compressed(run_lengths(mask)),
            }


def _category(row: Row, info: InstanceInfo, kind: str) -> str:
    if kind == "family":
        return row.family
    if kind == "material":
        return info.material or "none"
    # "domino_03", "Cube.001" and "wall piece 12" are a domino, a Cube and a wall piece
    return re.sub(r"[\s._-]*\d+$", "", info.name) or info.name


def _categories(folder: Path, names: set[str]) -> dict[str, int]:
    """Name -> id; those that were given once stay, so that all splits agree."""
    path = folder / _CATEGORIES
    known: dict[str, int] = read_json(path) if path.is_file() else {}
    for name in sorted(names - known.keys()):
        known[name] = len(known) + 1
    write_json(path, known)
    return known


def _add_clip(
    document: dict[str, Any], row: Row, name: str, clip: dict[str, Any], suffix: str, categories: dict[str, int]
) -> None:
    number = int(row.id)
    width, height = clip["size"]
    about = {"family": row.family, "seed": row.seed, "fps": clip["fps"], "captions": clip["captions"]}
    document["videos"].append({"id": number + 1, "name": name, "width": width, "height": height, **about})
    for t in range(clip["frames"]):
        document["images"].append(
            {
                "id": number * _MOST_FRAMES + t + 1,
                "video_id": number + 1,
                "frame_index": t,
                "file_name": f"{name}/{t:05d}.{suffix}",
                "width": width,
                "height": height,
            }
        )
    tracks = {}
    for mask in clip["masks"]:
        track = number * _MOST_INSTANCES + mask["instance"]
        category = categories[mask["category"]]
        tracks[track] = {"id": track, "video_id": number + 1, "category_id": category, "name": mask["name"]}
        document["annotations"].append(
            {
                "id": 0,
                "image_id": number * _MOST_FRAMES + mask["frame"] + 1,
                "video_id": number + 1,
                "track_id": track,
                "instance_id": mask["instance"],
                "category_id": category,
                "bbox": mask["bbox"],
                "area": mask["area"],
                "segmentation": {"size": [height, width], "counts": mask["counts"]},
                "iscrowd": 0,
            }
        )
    document["tracks"] += tracks.values()


FORMAT = ExportFormat(
    name="coco",
    title="COCO instance masks",
    explanation="For detectors and segmenters. Every frame is an image of one COCO file a split, every instance in it "
    "an annotation with its mask as compressed RLE; videos and tracks, as TAO has them, tie the frames together. "
    "`pycocotools.coco.COCO` reads it.",
    tree="""\
instances_train.json       the annotations of a split
train/000000/00000.png     the pictures
train/000000/instances.json    the masks of one clip, from which the file above is put together
categories.json            name -> id, the same for all splits
train.json                 which clips are there, missing, or left out and why""",
    keys=(
        Key(
            "`images`",
            "",
            "JSON",
            "`id`, `video_id`, `frame_index` from 0, `file_name` below the export, `width`, `height`",
        ),
        Key(
            "`annotations`: `segmentation`", "", "JSON", "`size` (H, W) and `counts`, compressed RLE, column by column"
        ),
        Key(
            "`annotations`: `bbox`", "(4,)", "whole numbers", "x, y, width, height in pixels, from the upper left edge"
        ),
        Key("`annotations`: `area`", "", "whole number", "pixels of the mask"),
        Key(
            "`annotations`: others",
            "",
            "JSON",
            "`image_id`, `category_id`, `iscrowd` 0, `instance_id` (its number in the clip), `track_id` (the same "
            "instance in all frames of a clip, no two clips share one), `video_id`",
        ),
        Key("`videos`", "", "JSON", "one a clip: `id`, `name`, `width`, `height`, `family`, `seed`, `fps`, `captions`"),
        Key("`tracks`", "", "JSON", "one an instance of a clip: `id`, `video_id`, `category_id`, `name`"),
        Key("`categories`", "", "JSON", "`id`, `name`; ids agree between splits"),
    ),
    lost="everything but frames, instances and texts.",
    example="""\
from pycocotools.coco import COCO

coco = COCO("out/instances_train.json")
image = coco.loadImgs(coco.getImgIds())[0]
annotations = coco.loadAnns(coco.getAnnIds(image["id"]))
masks = [coco.annToMask(annotation) for annotation in annotations]  # (H, W) uint8 each
""",
    needs=("frames", "instances"),
    plan=one_a_clip(""),
    write=write,
    options=(
        Parameter(
            "category",
            "name",
            "What makes a category: the instance's name without its number (domino), its material, or the family.",
            choices=("name", "material", "family"),
        ),
        Parameter("pictures", "png", "PNG, which is lossless, or JPEG of quality 95.", choices=("png", "jpg")),
    ),
    finish=finish,
)
