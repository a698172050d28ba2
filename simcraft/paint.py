"""A clip becomes a video file: finished frames are kept beside it meanwhile, and work that was stopped goes on."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcraft.errors import Cancelled
from simcraft.generate.embedded import Choice, choose
from simcraft.generate.registry import complete_options, find_generator
from simcraft.generate.streaming import OtherWork, kept_frame, kept_index, opened, streaming_arguments
from simcraft.progress import Progress, silent
from simcraft.recording.format import BeingWritten, only_writer

if TYPE_CHECKING:
    import numpy as np

    from simcraft.clip import MotionClip
    from simcraft.video import Video

FrameWritten = Callable[[int, int, Path], None]
"""Called with the index of a finished frame, 1 and up, the number of all frames, and the PNG that shows it."""


def kept_folder(video: Path) -> Path:
    """Where the finished frames of `video` lie until it is written: `.NAME.frames` beside it."""
    return video.with_name(f".{video.name}.frames")


def check_choice(generator: str, options: Mapping[str, Any]) -> Choice:
    """The generator that will paint ("auto" is decided), with the options given and those that go with it.

    Raises `UserError` for an unknown generator or option, a value out of range, or a model that is not there. Cheap:
    call it before the work.
    """
    choice = choose(generator, options)
    found = find_generator(choice.generator)
    found.check(complete_options(found, choice.options))
    return choice


def paint_to(
    out: Path,
    clip: MotionClip,
    choice: Choice,
    *,
    painter: Callable[..., Video] | None = None,
    keep: Path | None = None,
    frame_written: FrameWritten | None = None,
    progress: Progress = silent,
) -> Video:
    """Generate the video of `clip` and write it as `out`.

    A generator that makes frame after frame keeps them as PNGs in `kept_folder(out)`, or in `keep`. When the same work
    is asked for again it goes on after the last of them, whatever ended it: Ctrl-C, a kill, too little memory. The
    folder is removed when the video is written; `keep` stays. `painter` is what the generator's `open` returned for
    these options, where that has been called.

    Raises what the generator raises, `Cancelled` in place of Ctrl-C where frames were kept, `OtherWork` where `keep`
    has frames of other work (in `kept_folder(out)` they are replaced), `UserError` for a `keep` that has no use.
    """
    generator = find_generator(choice.generator)
    options = complete_options(generator, choice.options)
    if not generator.streams:
        streaming_arguments(generator, keep, None)
    if painter is None:
        painter = opened(generator, options, progress)
    paint = partial(painter, clip, progress=progress, **generator.split(options)[1])
    if not generator.streams:
        return _saved(paint(), out, progress)
    folder = keep or kept_folder(out)
    try:
        with _told_where(folder):
            video = _paint_frames(paint, clip.frame_count, folder, keep is None, frame_written)
            _saved(video, out, progress)
    except BaseException:
        if keep is None and not _finished(folder):
            _remove(folder)
        raise
    if keep is None:
        _remove(folder)
    return video


def _paint_frames(
    paint: Callable[..., Video], count: int, folder: Path, replace: bool, frame_written: FrameWritten | None
) -> Video:
    """Frames are kept in `folder`; where it has those of other work they are removed, if `replace` says so."""

    def frame_done(index: int, image: np.ndarray) -> None:
        if frame_written is not None:
            frame_written(index, count, kept_frame(folder, index))

    try:
        return paint(keep=folder, frame_done=frame_done)
    except OtherWork:
        if not replace:
            raise
    _remove(folder)
    return paint(keep=folder, frame_done=frame_done)


def _saved(video: Video, out: Path, progress: Progress) -> Video:
    from simcraft.video import save_video

    save_video(video, out, progress=progress)
    return video


@contextlib.contextmanager
def _told_where(folder: Path) -> Iterator[None]:
    """Say where the finished frames are when the work is stopped."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt) as error:
        if not (finished := _finished(folder)):
            raise
        raise Cancelled(
            "Stopped.", f"{finished} finished frames are kept in {folder}; the same command goes on after them."
        ) from error


def _finished(folder: Path) -> int:
    """How many frames after the first one are in the folder."""
    return sum(1 for path in folder.glob("frame_*.png") if path != kept_frame(folder, 0))


def _remove(folder: Path) -> None:
    """Unless another process is at work there."""
    with contextlib.suppress(BeingWritten, OSError), only_writer(kept_index(folder)):
        shutil.rmtree(folder)
