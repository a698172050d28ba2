"""From a scene to orders: all that is needed of Blender's data is read here, at once, and the scene is copied."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import record
from ..arrows import Arrow, save_arrows
from ..checks import check_scene
from ..errors import RecordFailure, SceneError
from ..followed_arrows import followed_arrows
from ..timeline import picture_size, plan_timeline
from . import changes, signature
from .options import ARROWS, follows_arrows, options_of
from .orders import MotionOrder, Order, VideoOrder
from .session import Session
from .stores import UNSAVED, Facts

ARROWS_FILE = "arrows.json"
"""In the folder of a video that follows arrows."""
VIDEO_SUFFIXES = (".mp4", ".webm", ".gif")
_token = uuid.uuid4().hex[:8]
"""What stands for the name of a file that was never saved."""


def file_was_loaded() -> None:
    """Another file is open: if it was never saved, what was made of the last such one is not its own."""
    global _token
    _token = uuid.uuid4().hex[:8]


def key_of(scene: Any, path: str | None = None) -> str:
    """What a scene is called in the stores: its file (`path`, or the open one) and its name."""
    path = bpy.data.filepath if path is None else path
    return f"{path or f'{UNSAVED} {_token}'}|{scene.name_full}"


def label_of(scene: Any) -> str:
    """What a scene is called in names of files."""
    return Path(bpy.data.filepath).stem or scene.name


def video_size(scene: Any) -> tuple[int, int]:
    """(width, height) in pixels of the scene's video. Raises `SceneError`."""
    settings = scene.simcraft
    custom = (settings.width, settings.height) if settings.size_from == "CUSTOM" else None
    size = picture_size(scene, custom)
    if min(size) < 16:
        raise SceneError(f"A video of {size[0]} x {size[1]} pixels is too small.", "Give each side at least 16 pixels.")
    return size


def motion_facts(scene: Any) -> Facts:
    """What there is to know of a motion of `scene` as it is now, before it is made. Raises `SceneError`."""
    timeline, size = plan_timeline(scene, None), video_size(scene)
    if len(timeline.frames) < 2:
        raise SceneError(
            f"Scene '{scene.name}' has one frame only, in which nothing can move.",
            "Set a later end frame in the output properties.",
        )
    sign = signature.signature(scene, size)
    frames = (timeline.first, timeline.last)
    return Facts(key_of(scene), sign, changes.stamp_of_file(), frames, size, (), time.time())


def order_motion(session: Session, scene: Any) -> MotionOrder:
    """Copy the scene to a work folder, and order its motion. Raises `SceneError`, and `RecordFailure` without space."""
    check_scene(scene)
    # what a script has changed just now counts as well, and is in the copy
    bpy.context.view_layer.update()
    facts, settings = motion_facts(scene), scene.simcraft
    try:
        folder = session.motions.new(label_of(scene))
    except OSError as error:
        raise _unwritable(session.work, error) from None
    order = MotionOrder(
        folder=folder,
        scene_name=scene.name,
        facts=facts,
        changes=changes.count,
        preview=settings.preview_first_frame,
        samples=settings.samples or None,
        has_effects=record.asks_for_effects(scene),
    )
    try:
        with _without_thumbnail():
            bpy.ops.wm.save_as_mainfile(filepath=str(order.copy), copy=True, check_existing=False, compress=False)
    except RuntimeError as error:
        session.motions.discard(folder)
        raise _unwritable(folder, error) from None
    return order


@contextlib.contextmanager
def _without_thumbnail() -> Iterator[None]:
    """Let Blender save without a picture of the scene, which takes it a second."""
    preferences = bpy.context.preferences
    before, was_dirty = preferences.filepaths.file_preview_type, preferences.is_dirty
    preferences.filepaths.file_preview_type = "NONE"
    try:
        yield
    finally:
        preferences.filepaths.file_preview_type = before
        preferences.is_dirty = was_dirty


def order_arrows(session: Session, scene: Any) -> list[Arrow] | None:
    """The arrows that say what moves in the scene's video; None where the simulation does. Raises `SceneError`."""
    if not follows_arrows(scene.simcraft, session.knowledge):
        return None
    # to look at them in their frames is no change of the scene
    with changes.uncounted():
        return followed_arrows(scene, video_size(scene))


def order_videos(
    session: Session,
    scene: Any,
    motion: Path,
    arrows: Sequence[Arrow] | None,
    *,
    seed: int,
    variations: int,
    output: str,
) -> list[VideoOrder]:
    """Order one video a variation, from the motion in a folder, and the arrows that `order_arrows` has found.

    Raises `SceneError` and `RecordFailure`.
    """
    options = options_of(scene.simcraft, session.knowledge)
    if "seed" not in options:
        # there is no chance in it: all would be the same
        variations = 1
    wanted = output_path(session, scene, output)
    names = (
        [f"{wanted.stem}_seed{seed + k}{wanted.suffix}" for k in range(variations)] if variations > 1 else [wanted.name]
    )
    try:
        folders = [session.results.new(label_of(scene)) for _ in names]
        files = [session.take_name(wanted.with_name(name)) for name in names]
        if arrows is not None:
            for folder in folders:
                save_arrows(arrows, video_size(scene), folder / ARROWS_FILE)
    except OSError as error:
        raise _unwritable(Path(error.filename or session.work), error) from None
    videos = []
    for number, (out, folder) in enumerate(zip(files, folders, strict=True), start=seed):
        own = {**options, "seed": number} if "seed" in options else dict(options)
        if arrows is not None:
            own[ARROWS] = folder / ARROWS_FILE
        videos.append(VideoOrder(key_of(scene), motion, folder, wanted, out, scene.simcraft.generator, own))
    return videos


def output_path(session: Session, scene: Any, output: str) -> Path:
    """Where the video should go: `output`, or a name beside the .blend. Raises `SceneError`."""
    if not output:
        if bpy.data.filepath:
            return Path(bpy.data.filepath).with_suffix(".mp4")
        return session.work / "videos" / f"{label_of(scene)}.mp4"
    if output.startswith("//") and not bpy.data.filepath:
        raise SceneError(
            f"The output {output} is to lie beside the .blend, which has never been saved.",
            "Save it, or choose another output.",
        )
    path = Path(bpy.path.abspath(output))
    if output.endswith(("/", "\\")) or path.is_dir():
        path = path / f"{label_of(scene)}.mp4"
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise SceneError(
            f"The output {path.name} has no ending that says what it is.", f"End it in {', '.join(VIDEO_SUFFIXES)}."
        )
    return path.absolute()


def orders_of(scene: Any, motion: MotionOrder | None, videos: list[VideoOrder]) -> list[Order]:
    """The jobs: one where there is one video, else one for the motion that they share, and one a video."""
    if motion is not None and len(videos) != 1:
        first = Order(tip("Motion of {}").format(scene.name), motion, None, next(iter(videos), None))
        return [first, *(Order(video.out.name, None, video) for video in videos)]
    return [Order(video.out.name, motion, video) for video in videos]


def _unwritable(folder: Path, error: Exception) -> RecordFailure:
    reason = getattr(error, "strerror", None) or str(error).strip()
    return RecordFailure(
        f"{folder} cannot be written to: {reason.rstrip('.')}.", "Free space, or choose another folder."
    )
