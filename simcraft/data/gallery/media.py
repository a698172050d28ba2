"""What the gallery keeps of one clip: a folder with its layers' images and `clip.js`, which tells all the rest."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.clip.files import sha256_of, write_errors
from simcraft.clip.store import load_clip
from simcraft.clip.types import MotionClip
from simcraft.data.folder import DataSet
from simcraft.data.gallery.sprites import Layout, layers_to_show, sprite, tracks_entry
from simcraft.data.manifest import Row
from simcraft.errors import UserError
from simcraft.recording.format import replace_folder
from simcraft.video import Video, load_video
from simcraft.view.layers import Layer, instance_rows, video_layers

FORMAT = 1
"""Of what is kept; raise it where the same clip would be kept otherwise."""
_BEFORE, _AFTER = "gallery(", ");\n"
"""What stands around the JSON of `clip.js`: pages that are opened as files may run scripts, but not fetch data."""


@dataclass(frozen=True)
class Look:
    """How the clips of a set are drawn."""

    layout: Layout
    layers: tuple[str, ...]
    """Keys of `sprites.LAYERS`."""
    speed: float
    """Pixels a frame at the rim of the flow's colour wheel."""


@dataclass(frozen=True)
class Source:
    """A finished row and where to find everything of it."""

    row: Row
    marker: Mapping[str, Any]
    clip: Path
    preview: Path | None
    """The clip as the preview saw it, where that is another file."""
    videos: Mapping[str, Path]
    """Generator -> the video that it made from the clip."""

    def key(self, look: Look) -> str:
        """Tells whether what is kept is of this very clip and would be drawn in this way again."""
        videos = {name: sha256_of(path) for name, path in self.videos.items()}
        what = [FORMAT, self.row.hash, self.marker, videos, look.layers, look.speed, vars(look.layout)]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def source_of(data_set: DataSet, row: Row) -> Source:
    """The files of a finished row. Raises `UserError` where its marker is damaged."""
    marker = data_set.marker(row)
    preview = data_set.clip_path(row, ".preview.npz")
    videos = {path.parent.name: path for path in sorted(data_set.folder.glob(f"videos/*/{row.id}.mp4"))}
    return Source(row, marker, data_set.clip_path(row), preview if preview.name in marker["files"] else None, videos)


def kept(folder: Path, key: str) -> dict[str, Any] | None:
    """What `clip.js` in `folder` says, None where there is none or it is of another key."""
    try:
        text = (folder / "clip.js").read_text(encoding="utf-8")
        about = json.loads(text.removeprefix(_BEFORE).removesuffix(_AFTER))
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) and about.get("key") == key else None


def draw_media(source: Source, look: Look, folder: Path) -> dict[str, Any]:
    """Draw all layers of a clip into `folder`, which appears when it is complete; returns what its `clip.js` says.

    Raises `UserError` where the clip or a video of it is damaged, or the clip is not as large or long as its row says,
    or nothing may be written; `Failure` where the disk is full.
    """
    clip = _load(source.clip, source.row)
    layers = layers_to_show(clip, look.speed, look.layers)
    if source.preview is not None and "preview" in look.layers:
        layers[1:1] = _preview_layers(_load(source.preview, source.row))
    for name, path in source.videos.items():
        layers += _video_layers(name, load_video(path), source.row.frames)
    tracks = tracks_entry(clip, look.layout) if "tracks" in look.layers else None
    about = {"key": source.key(look), **_describe(source, clip, layers, look), "tracks": tracks}
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with write_errors(folder):
            temporary.mkdir()
            for layer in layers:
                (temporary / f"{layer.key}.webp").write_bytes(sprite(layer, look.layout))
            text = json.dumps(about, ensure_ascii=False)
            (temporary / "clip.js").write_text(f"{_BEFORE}{text}{_AFTER}", encoding="utf-8")
            replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return about


def _load(path: Path, row: Row) -> MotionClip:
    clip = load_clip(path)
    if (clip.size, clip.frame_count) != (row.size, row.frames):
        there, asked = _extent(clip.size, clip.frame_count), _extent(row.size, row.frames)
        raise UserError(f"{path} has {there}; its row says {asked}.")
    return clip


def _extent(size: tuple[int, int], frames: int) -> str:
    return f"{frames} frames of {size[0]}x{size[1]} pixels"


def _preview_layers(clip: MotionClip) -> list[Layer]:
    picture = layers_to_show(clip, 1.0, ("picture",))
    return [Layer("preview", "preview", layer.draw, layer.frame_count, photographic=True) for layer in picture]


def _video_layers(name: str, video: Video, most: int) -> list[Layer]:
    return [
        Layer(f"video-{name}", f"made by {name}", layer.draw, min(layer.frame_count, most), photographic=True)
        for layer in video_layers(video)
    ]


def _describe(source: Source, clip: MotionClip, layers: list[Layer], look: Look) -> dict[str, Any]:
    row = source.row
    return {
        "id": row.id,
        "fps": clip.fps,
        "counts": {layer.key: len(look.layout.shown(layer.frame_count)) for layer in layers},
        "labels": {layer.key: layer.label for layer in layers},
        "instances": instance_rows(clip) if clip.instances is not None else [],
        "statistics": source.marker["statistics"],
        "files": source.marker["files"],
        **row_details(row),
    }


def row_details(row: Row) -> dict[str, Any]:
    """What the manifest says of a clip, for the page."""
    return {
        "settings": row.settings,
        "facts": {
            "seed": row.seed,
            "hash": row.hash,
            "first frame": row.first,
            "every": row.every,
            "renderer": row.renderer if row.renderer == "preview" else f"{row.renderer}, {row.samples} samples",
        },
    }
