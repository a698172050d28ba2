"""The pictures of a clip or a video: one layer each for what was seen, how it moves, how far away it is, and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.video import Video
from simcraft.view.inputs import Input
from simcraft.webpage import css_colour

VISIBILITY = (
    ("seen before and after", (58, 62, 72)),
    ("hidden next", (240, 150, 40)),
    ("hidden before", (60, 190, 220)),
    ("seen only now", (200, 90, 220)),
    ("unknown", (110, 40, 50)),
)
"""Name and sRGB colour of each class of `visibility_classes`, in order."""
_SAMPLED = 8
"""Frames from which the range of a colour scale is taken."""


@dataclass(frozen=True)
class Layer:
    """One way to look at every frame of an input."""

    key: str
    """"picture", "flow", "depth", "instances", "visibility", "smoke" or "normals"."""
    label: str
    draw: Callable[[int], np.ndarray]
    """Frame index to (H, W, 3) uint8 sRGB."""
    frame_count: int
    """How many frames there are to draw: T, T-1 for flow, 1 where only the first is known."""
    photographic: bool = False
    """Smooth like a photo: may be interpolated, and stored with loss."""
    speed: float | None = None
    """Pixels a frame at the rim of the colour wheel; None where colours are no directions."""
    legend: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    """What single colours mean."""


def layers_of(source: Input) -> list[Layer]:
    """All layers for which `source` has data."""
    return clip_layers(source.clip) if source.clip is not None else video_layers(source.video)


def video_layers(video: Video | None) -> list[Layer]:
    """The one layer of a video."""
    assert video is not None
    label = str(video.made_by.get("generator") or "video")
    return [Layer("picture", label, lambda t: video.frames[t], video.frame_count, photographic=True)]


def clip_layers(clip: MotionClip) -> list[Layer]:
    """The layers of a clip, of what it knows."""
    found = [_picture_layer(clip)]
    if clip.frame_count > 1:
        found.append(_flow_layer(clip))
    if clip.depth is not None:
        found.append(_depth_layer(clip, clip.depth))
    if clip.instances is not None:
        found.append(_instances_layer(clip.instances))
    if clip.visible_forward is not None and clip.visible_backward is not None and clip.frame_count > 1:
        found.append(_visibility_layer(clip))
    if has_smoke(clip):
        found.append(_smoke_layer(clip))
    if clip.normals is not None:
        found.append(_normals_layer(clip.normals))
    return found


def has_smoke(clip: MotionClip) -> bool:
    """Is anything covered by smoke in any frame?"""
    return clip.coverage is not None and any(np.asarray(clip.coverage[t]).any() for t in range(clip.frame_count))


def visibility_classes(clip: MotionClip, frame: int) -> np.ndarray:
    """(H, W) uint8: index into `VISIBILITY` of each pixel of `frame`.

    A surface point is hidden in the other frame also where it lies outside its picture. At either end of the clip
    there is no other frame on one side, and nothing is said about it.
    """
    assert clip.visible_forward is not None and clip.visible_backward is not None
    shape = clip.image.shape[:2]
    vanishes, appears, unknown = (np.zeros(shape, bool) for _ in range(3))
    if frame < clip.frame_count - 1:
        known = np.asarray(clip.flow_valid_forward[frame])
        vanishes, unknown = known & ~np.asarray(clip.visible_forward[frame]), unknown | ~known
    if frame > 0:
        known = np.asarray(clip.flow_valid_backward[frame - 1])
        appears, unknown = known & ~np.asarray(clip.visible_backward[frame - 1]), unknown | ~known
    return np.where(unknown, 4, vanishes + 2 * appears).astype(np.uint8)


def _picture_layer(clip: MotionClip) -> Layer:
    frames = clip.frames
    if frames is None:
        return Layer("picture", "first frame", lambda t: clip.image, 1, photographic=True)
    label = {"render": "rendered frames", "preview": "previewed frames"}.get(clip.frames_source or "", "frames")
    return Layer("picture", label, lambda t: np.asarray(frames[t]), clip.frame_count, photographic=True)


def _flow_layer(clip: MotionClip) -> Layer:
    from simcraft.observe.colour import flow_to_wheel, typical_speed

    step = max(1, (clip.frame_count - 1) // _SAMPLED)
    some = np.asarray(clip.flow_forward[::step]), np.asarray(clip.flow_valid_forward[::step])
    speed = typical_speed(*some, percent=90)

    def draw(t: int) -> np.ndarray:
        return flow_to_wheel(np.asarray(clip.flow_forward[t]), speed, np.asarray(clip.flow_valid_forward[t]))

    return Layer("flow", "flow", draw, clip.frame_count - 1, speed=speed)


def depth_range(depth: np.ndarray, farthest: float = 99) -> tuple[float, float]:
    """Metres at the two ends of the colours: the 1st percentile of some frames and that numbered `farthest`.

    (1, 2) where nothing is hit.
    """
    some = np.asarray(depth[:: max(1, len(depth) // _SAMPLED)])
    hit = some[np.isfinite(some) & (some > 0)]
    if not len(hit):
        return 1.0, 2.0
    near, far = (float(p) for p in np.percentile(hit, (1, farthest)))
    return near, max(far, near * 1.001)


def _depth_layer(clip: MotionClip, depth: np.ndarray) -> Layer:
    from simcraft.observe.colour import depth_to_colour

    near, far = depth_range(depth)
    label = f"depth, {_metres(near)} to {_metres(far)} m"
    return Layer("depth", label, lambda t: depth_to_colour(np.asarray(depth[t]), near, far), clip.frame_count)


def _metres(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _instances_layer(instances: np.ndarray) -> Layer:
    from simcraft.observe.colour import instances_to_colour

    return Layer("instances", "instances", lambda t: instances_to_colour(np.asarray(instances[t])), len(instances))


def instance_rows(clip: MotionClip) -> list[tuple[str, int, str, str, str]]:
    """Colour as of style sheets, id, name, material and solver of everything in the clip's table, by id."""
    from simcraft.observe.colour import palette

    colours = palette(1 + max((info.id for info in clip.instance_table), default=0))
    return [
        (css_colour(colours[info.id]), info.id, info.name, info.material, info.solver)
        for info in sorted(clip.instance_table, key=lambda info: info.id)
    ]


def _visibility_layer(clip: MotionClip) -> Layer:
    colours = np.array([colour for _, colour in VISIBILITY], np.uint8)

    def draw(t: int) -> np.ndarray:
        return colours[visibility_classes(clip, t)]

    return Layer("visibility", "visibility", draw, clip.frame_count, legend=VISIBILITY)


def _smoke_layer(clip: MotionClip) -> Layer:
    def draw(t: int) -> np.ndarray:
        grey = (np.asarray(clip.coverage[t]) * 255 + 0.5).astype(np.uint8)  # type: ignore[index]
        return np.repeat(grey[..., None], 3, -1)

    ends = (("clear", (0, 0, 0)), ("nothing is seen through it", (255, 255, 255)))
    return Layer("smoke", "smoke", draw, clip.frame_count, legend=ends)


def _normals_layer(normals: np.ndarray) -> Layer:
    def draw(t: int) -> np.ndarray:
        normal = np.asarray(normals[t])
        # towards the viewer is blue, right is red and up is green, as painters of normal maps expect
        colour = (normal * np.array([1, -1, -1], np.float32) * 0.5 + 0.5) * 255
        return np.where(normal.any(-1, keepdims=True), colour + 0.5, 40).astype(np.uint8)

    return Layer("normals", "normals", draw, len(normals))


def shrunk(image: np.ndarray, size: tuple[int, int], photographic: bool) -> np.ndarray:
    """(H, W) or (H, W, 3) at (width, height), where that is smaller; maps of labels keep their exact values."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if photographic else cv2.INTER_NEAREST)


def encode(image: np.ndarray, photographic: bool) -> tuple[bytes, str]:
    """(H, W, 3 or 4) uint8, RGB order, as a file and its media type: photos as JPEG, maps without loss as PNG.

    WebP files are half as large, and take ten times as long to write.
    """
    import cv2

    ending, options = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 90]) if photographic else (".png", [])
    order = [2, 1, 0, 3][: image.shape[2]]
    _, data = cv2.imencode(ending, np.ascontiguousarray(image[..., order]), options)
    return data.tobytes(), "image/jpeg" if photographic else "image/png"


def chosen_tracks(clip: MotionClip, most: int) -> np.ndarray:
    """Indices of at most `most` tracks to draw: rather those that move against the rest, spread by a fixed shuffle."""
    if clip.tracks is None or clip.track_visible is None or not len(clip.tracks):
        return np.zeros(0, int)
    tracks, visible = np.asarray(clip.tracks), np.asarray(clip.track_visible)
    start = tracks[np.arange(len(tracks)), visible.argmax(1)][:, None]
    far = np.where(visible, np.linalg.norm(np.nan_to_num(tracks - start), axis=-1), 0).max(1)
    order = np.random.default_rng(0).permutation(np.nonzero(visible.any(1))[0])
    moving = far[order] > max(2.0, float(np.median(far)) * 1.5)
    fast, slow = order[moving][: most * 2 // 3], order[~moving]
    return np.sort(np.concatenate([fast, slow[: most - len(fast)]]))
