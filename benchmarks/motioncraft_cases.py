"""The clips that the benchmark of MotionCraft measures on; made once, and kept."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from benchmarks.held_out import held_out_clips
from simcraft.clip import MotionClip
from simcraft.clip.store import load_clip
from simcraft.clip.types import ARRAYS
from simcraft.data.clips import CLIP, make_row
from simcraft.data.manifest import Row
from simcraft.generate.correspondence import first_frame
from simcraft.picture import write_bytes

GROUPS = ("scenes", "twelve", "physion")
"""The six scenes; twelve of the held-out clips, for what takes long; all fifty."""
SCENES = ("satellite", "earth", "melting", "pour", "dragon", "birds")
"""Those of the MotionCraft paper, as shipped."""
RECIPE = "motioncraft-benchmark"
CLIPS, FEW_CLIPS, FRAMES = 50, 12, 8


@dataclass(frozen=True)
class Case:
    """One clip, read when it is needed."""

    name: str
    """"earth", or family and number: "dominoes 000004"."""
    path: Path
    frames: int
    """So many of its first frames."""

    @property
    def clip(self) -> MotionClip:
        """The clip, cut to its frames."""
        return _read(self)[0]

    @property
    def truth(self) -> np.ndarray | None:
        """(T, H, W, 3) uint8, the true frames; None where the scene is a photo that flows."""
        return None if self.clip.frames is None else np.asarray(self.clip.frames)

    @property
    def new(self) -> np.ndarray:
        """(T, H, W) bool: the first frame does not show this surface."""
        return _read(self)[1]

    @property
    def prompt(self) -> str:
        """Its caption."""
        return self.clip.captions[0] if self.clip.captions else ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, and the number of frames."""
        return f"{hashlib.sha256(self.path.read_bytes()).hexdigest()}-{self.frames}"


@lru_cache(maxsize=2)
def _read(case: Case) -> tuple[MotionClip, np.ndarray]:
    """The clip and what is new in it; not all clips are kept in memory."""
    clip = cut_clip(load_clip(case.path), case.frames)
    return clip, ~first_frame(clip).seen


def cases_of(group: str, folder: Path, quick: bool, workers: int) -> list[Case]:
    """The cases of a group; made in `folder` where they are not there. `quick`: few of them, of four frames."""
    if group == "scenes":
        names = ("earth",) if quick else SCENES
        return [Case(name, scene_clip(name, folder), 4 if quick else FRAMES) for name in names]
    clips = held_out_clips(RECIPE, folder, 2 if quick else CLIPS, workers)
    return [
        Case(name, path, 4 if quick else FRAMES) for name, path in clips[: FEW_CLIPS if group == "twelve" else CLIPS]
    ]


def scene_clip(name: str, folder: Path) -> Path:
    """The file of a shipped scene's clip: frames 9, 13, 17, ... of 48, when things are under way."""
    from simcraft.sim.blender import blender_session

    row = Row(
        id="000000",
        split="scenes",
        family=name,
        seed=7,  # of the shipped scenes
        settings={},
        size=(128, 128),
        frames=FRAMES,
        first=9,
        every=4,
        renderer="preview",
        samples=1,
        tracks=0,
        annotations=("visibility", "depth", "instances", "to_first", "frames"),
    )
    path = folder / "scenes" / f"{name}-{row.hash[:12]}.npz"
    if not path.is_file():
        with blender_session() as session:
            write_bytes(make_row(row, session=session).files[CLIP], path)
    return path


def cut_clip(clip: MotionClip, frames: int) -> MotionClip:
    """The first `frames` frames of a clip, without tracks."""
    if frames >= clip.frame_count:
        return clip
    lengths = {"T": frames, "T-1": frames - 1}
    cut = {
        name: np.asarray(getattr(clip, name)[: lengths[str(shape[0])]])
        for name, (shape, _) in ARRAYS.items()
        if shape[0] in lengths and getattr(clip, name) is not None
    }
    return dataclasses.replace(clip, **{**cut, "tracks": None, "track_visible": None})  # type: ignore[arg-type]
