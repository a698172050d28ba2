"""Footage over or behind what the scene's cameras see in the viewport: their background images.

Blender itself draws these, at the right frame and in the camera's frame, in every viewport and version, and they
travel in the .blend; a handler that draws with the graphics card would do so in windows of running sessions only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from ..camera import intrinsics
from ..errors import SceneError
from ..timeline import picture_size
from .footage import Footage, load, play

PURPOSE = "simcraft_background"
"""The custom property of images that cameras show: "video" or "motion"."""


def set_background(scene: Any, footage: Footage, purpose: str, *, alpha: float, front: bool) -> None:
    """Show the footage in all cameras of `scene`, in the place of what they show for the same purpose.

    `alpha` is its opacity, 0 to 1; `front` draws it over the scene instead of behind it. Raises `SceneError` where
    there is no camera that can be changed, or Blender cannot read the footage.
    """
    cameras = cameras_of(scene)
    if not cameras:
        raise SceneError(f"Scene '{scene.name}' has no camera to show it.", "Add one and make it active.")
    for camera in cameras:
        if camera.data.library is not None:
            raise SceneError(
                f"Camera '{camera.name}' comes from another .blend and cannot be changed here.",
                "Make it local (Object > Relations > Make Local).",
            )
    loaded = load(footage)
    remove_background(scene, purpose, keep=loaded.image)
    loaded.image[PURPOSE] = purpose
    for data in {camera.data for camera in cameras}:
        background = data.background_images.new()
        background.source, background.image = "IMAGE", loaded.image
        background.alpha, background.display_depth = alpha, "FRONT" if front else "BACK"
        background.show_expanded = False
        _fit(background, data, scene, loaded.size)
        play(background.image_user, loaded)
        data.show_background_images = True


def remove_background(scene: Any, purpose: str, keep: Any | None = None) -> bool:
    """Show nothing for this purpose any more; true where something was shown. The image `keep` stays in the file."""
    shown = [(data, background) for data in _camera_data(scene) for background in _of(data, purpose)]
    images = {background.image for _, background in shown}
    for data, background in shown:
        # else Blender counts a user too many
        background.image = None
        data.background_images.remove(background)
    for image in images - {keep}:
        if not image.users:
            bpy.data.images.remove(image)
    return bool(shown)


def background_of(scene: Any, purpose: str) -> Any | None:
    """The image that the cameras of `scene` show for this purpose."""
    return next((b.image for data in _camera_data(scene) for b in _of(data, purpose)), None)


def opacity(scene: Any, purpose: str) -> float:
    """How opaque the cameras show what they show for this purpose; 0 where that is nothing."""
    return next((float(b.alpha) for data in _camera_data(scene) for b in _of(data, purpose)), 0.0)


def set_opacity(scene: Any, purpose: str, alpha: float) -> None:
    """Make it that opaque in all cameras, 0 to 1."""
    for data in _camera_data(scene):
        for background in _of(data, purpose):
            background.alpha = alpha


def in_front(scene: Any, purpose: str) -> bool:
    """Do the cameras show it over the scene, not behind it?"""
    return any(b.display_depth == "FRONT" for data in _camera_data(scene) for b in _of(data, purpose))


def set_in_front(scene: Any, purpose: str, front: bool) -> None:
    """Show it over the scene in all cameras, or behind it."""
    for data in _camera_data(scene):
        for background in _of(data, purpose):
            background.display_depth = "FRONT" if front else "BACK"


def cameras_of(scene: Any) -> list[Any]:
    """The scene's camera and those that its markers switch to."""
    found = [scene.camera, *(marker.camera for marker in scene.timeline_markers)]
    return [obj for obj in dict.fromkeys(found) if obj is not None and obj.type == "CAMERA"]


def _camera_data(scene: Any) -> set[Any]:
    """Of all cameras: one that is not active any more may still show something."""
    return {obj.data for obj in scene.objects if obj.type == "CAMERA" and obj.data.library is None}


def _of(data: Any, purpose: str) -> Iterator[Any]:
    for background in list(data.background_images):
        if background.image is not None and background.image.get(PURPOSE) == purpose:
            yield background


def _fit(background: Any, camera: Any, scene: Any, size: tuple[int, int]) -> None:
    """Lay the picture exactly where its pixels were seen, also where its shape is not that of the camera's frame.

    "Fit" makes a picture as large as it can be within the frame; from there it is scaled so that an angle is as wide
    in the picture as in the frame. Both have the same middle.
    """
    frame = picture_size(scene, None)
    if size[0] * frame[1] == size[1] * frame[0]:
        background.frame_method, background.scale = "STRETCH", 1.0
        return
    tall = scene.render.pixel_aspect_y / scene.render.pixel_aspect_x
    seen, shown = (1 / (intrinsics(camera, scene.render, s)[0, 0] / s[0]) for s in (size, frame))
    fitted = min(1.0, size[0] / (size[1] * tall) / (frame[0] / (frame[1] * tall)))
    background.frame_method, background.scale = "FIT", seen / shown / fitted
