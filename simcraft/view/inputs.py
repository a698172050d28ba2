"""What is to be shown: clips, recordings and videos, told apart by what lies at their paths."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simcraft.clip.lazy import open_clip
from simcraft.clip.types import MotionClip
from simcraft.clip.zarr_store import refuse_unfinished
from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.recording import Recording
from simcraft.video import EXTENSIONS, Video, load_video

Viewable = str | Path | MotionClip | Recording | Video

LARGEST_OBSERVED = 512
"""Pixels: a recording without --size is observed with its longer side no longer than this."""
_TRACKS = 256
_CLIP_FILES = ("zarr.json", "forward_flow_*.png", "*.hdf5", "*.flo")
_EXPECTED = "Give a clip (.zarr, .npz), a recording (the folder with recording.json) or a video (.mp4, .webm, .gif)."


@dataclass(frozen=True)
class Input:
    """One thing to show; a recording has two sides, its bodies and what its camera sees of them."""

    name: str
    """Unlike that of every other input that is shown with it."""
    kind: str
    """"clip", "recording" or "video"."""
    source: str
    """Its path, "" where it came from memory."""
    recording: Recording | None = None
    clip: MotionClip | None = None
    """The clip, or the observation of the recording."""
    video: Video | None = None

    @property
    def frame_count(self) -> int:
        """T."""
        if self.video is not None:
            return self.video.frame_count
        assert self.clip is not None
        return self.clip.frame_count

    @property
    def fps(self) -> float:
        """Frames a second."""
        if self.video is not None:
            return self.video.fps
        assert self.clip is not None
        return float(self.clip.fps)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        if self.video is not None:
            return self.video.size
        assert self.clip is not None
        return self.clip.size


def kind_of(source: Viewable) -> str:
    """ "clip", "recording" or "video"; reads no content.

    Raises `UserError` that says what was expected where there is nothing, or something else, at a path.
    """
    if isinstance(source, MotionClip):
        return "clip"
    if isinstance(source, Recording):
        return "recording"
    if isinstance(source, Video):
        return "video"
    path = Path(source)
    refuse_unfinished(path)
    if not path.exists():
        raise UserError(f"{path} does not exist.", _EXPECTED)
    return _kind_of_folder(path) if path.is_dir() else _kind_of_file(path)


def _kind_of_folder(path: Path) -> str:
    if (path / "recording.json").is_file():
        return "recording"
    if (path / "manifest.jsonl").is_file():
        raise UserError(
            f"{path} is a whole data set.",
            f"Give one of the clips in {path / 'clips'}, or look at all of it with: simcraft dataset gallery {path}",
        )
    if path.suffix == ".zarr" or any(any(path.glob(pattern)) for pattern in _CLIP_FILES):
        return "clip"
    if any(path.glob("*.png")):
        return "video"
    raise UserError(f"{path} holds no clip, recording or video.", _EXPECTED)


def _kind_of_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if path.name == "recording.json":
        return "recording"
    if suffix == ".npz":
        return "clip"
    if suffix in EXTENSIONS:
        return "video"
    hints = {
        ".rrd": f"Rerun's own viewer opens it: rerun {path}",
        ".blend": f"Simulate it first: simcraft simulate {path}",
        ".html": "Open it with a web browser.",
    }
    raise UserError(f"{path} is no clip, recording or video.", hints.get(suffix, _EXPECTED))


@contextmanager
def opened(
    sources: Sequence[Viewable], size: tuple[int, int] | None = None, progress: Progress = silent
) -> Iterator[tuple[Input, ...]]:
    """Open everything that is to be shown; recordings are observed, into a temporary folder that ends with the block.

    `size` bounds the pictures of observed recordings, (width, height) in pixels. Raises `UserError` that names the
    source that is missing, damaged or of another kind, before anything is observed where that can be known.
    """
    kinds = [kind_of(source) for source in sources]
    names = unique_names([name_of(source) for source in sources])
    with tempfile.TemporaryDirectory(prefix="simcraft-view-") as folder:
        yield tuple(
            _open(source, kind, name, Path(folder) / f"{k}.zarr", size, progress)
            for k, (source, kind, name) in enumerate(zip(sources, kinds, names, strict=True))
        )


def _open(
    source: Viewable, kind: str, name: str, scratch: Path, size: tuple[int, int] | None, progress: Progress
) -> Input:
    where = str(source) if isinstance(source, (str, Path)) else ""
    if kind == "video":
        return Input(name, kind, where, video=source if isinstance(source, Video) else load_video(Path(where)))
    if kind == "clip":
        return Input(name, kind, where, clip=source if isinstance(source, MotionClip) else open_clip(Path(where)))
    from simcraft.observe.observation import observe_to, open_recording

    path = Path(where).parent if where.endswith("recording.json") else Path(where)
    recording = source if isinstance(source, Recording) else open_recording(path)
    box = size or (LARGEST_OBSERVED, LARGEST_OBSERVED)
    pictures = fitted((int(recording.size[0]), int(recording.size[1])), box)
    observe_to(recording, scratch, pictures, tracks=_TRACKS, true_frames=True, progress=progress)
    return Input(name, kind, where, recording=recording, clip=open_clip(scratch))


def fitted(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """`size`, (width, height) in pixels, shrunk in proportion to fit `box`; never enlarged."""
    scale = min(1.0, box[0] / size[0], box[1] / size[1])
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))


def name_of(source: Viewable) -> str:
    """The file's name without its ending, or the name that the thing itself has."""
    if isinstance(source, Video):
        return str(source.made_by.get("generator") or "video")
    if isinstance(source, (MotionClip, Recording)):
        return source.name or type(source).__name__
    path = Path(source).resolve()
    path = path.parent if path.name == "recording.json" else path
    for ending in (".zarr", ".npz", ".recording", *EXTENSIONS):
        if path.name.lower().endswith(ending) and len(path.name) > len(ending):
            return path.name[: -len(ending)]
    return path.name


def unique_names(names: Sequence[str]) -> list[str]:
    """`names`, with a number behind each that another has taken before."""
    taken: list[str] = []
    for name in names:
        candidates = (name, *(f"{name} {k}" for k in range(2, len(names) + 2)))
        taken.append(next(candidate for candidate in candidates if candidate not in taken))
    return taken
