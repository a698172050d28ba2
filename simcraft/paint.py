"""A clip becomes a video file: finished frames are kept beside it meanwhile, and work that was stopped goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcraft.errors import Cancelled
from simcraft.generate.embedded import Choice, choose
from simcraft.generate.registry import Generator, complete_options, find_generator
from simcraft.generate.streaming import OtherWork, kept_frame, loaded, streaming_arguments
from simcraft.progress import Progress, silent

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
    keep: Path | None = None,
    frame_written: FrameWritten | None = None,
    progress: Progress = silent,
) -> Video:
    """Generate the video of `clip` and write it as `out`.

    A generator that makes frame after frame keeps them as PNGs in `kept_folder(out)`, or in `keep`. When the same work
    is asked for again it goes on after the last of them, whatever ended it: Ctrl-C, a kill, too little memory. The
    folder is removed when the video is written; `keep` stays.

    Raises what the generator raises, `Cancelled` in place of Ctrl-C where frames were kept, `OtherWork` where `keep`
    has frames of other work (in `kept_folder(out)` they are replaced), `UserError` for a `keep` that has no use.
    """
    generator = find_generator(choice.generator)
    options = complete_options(generator, choice.options)
    if not generator.streams:
        streaming_arguments(generator, keep, None)
        return _saved(loaded(generator, options, progress)(clip, progress=progress), out, progress)
    folder = keep or kept_folder(out)
    try:
        with _told_where(folder):
            video = _paint_streaming(generator, options, clip, folder, keep is None, frame_written, progress)
            _saved(video, out, progress)
    except BaseException:
        if keep is None and not _finished(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return video


def _paint_streaming(
    generator: Generator,
    options: Mapping[str, Any],
    clip: MotionClip,
    folder: Path,
    replace: bool,
    frame_written: FrameWritten | None,
    progress: Progress,
) -> Video:
    """Frames are kept in `folder`; where it has those of other work they are removed if `replace` says so."""

    def frame_done(index: int, image: np.ndarray) -> None:
        if frame_written is not None:
            frame_written(index, clip.frame_count, kept_frame(folder, index))

    paint = loaded(generator, options, progress)
    arguments = streaming_arguments(generator, folder, frame_done)
    try:
        return paint(clip, progress=progress, **arguments)
    except OtherWork:
        if not replace:
            raise
    shutil.rmtree(folder)
    return paint(clip, progress=progress, **arguments)


def _saved(video: Video, out: Path, progress: Progress) -> Video:
    from simcraft.video import save_video

    save_video(video, out, progress=progress)
    return video


@contextmanager
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
