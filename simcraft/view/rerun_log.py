"""Inputs in Rerun's terms: entities on a common timeline.

Entities of an input called NAME (fields that it does not have are left out):

    NAME/world/bodies/BODY          meshes, points and boxes of a recording, world frame, metres, z up
    NAME/world/camera               pose and pinhole
    NAME/world/depth                the depth map as points in the world, where there are no bodies to see
    NAME/image/LAYER                picture, flow, depth, instances, visibility, smoke, normals
    NAME/image/picture/tracks       point tracks, and .../trails behind them

Timelines: `frame` (from 0) and `time` (seconds).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.progress import Progress, silent, track
from simcraft.view.bodies import log_bodies
from simcraft.view.inputs import Input, fitted
from simcraft.view.layers import (
    VISIBILITY,
    Layer,
    chosen_tracks,
    depth_range,
    encode,
    layers_of,
    shrunk,
    visibility_classes,
)
from simcraft.view.surroundings import region_of

_MOST_TRACKS = 320
_MOST_DEPTH_POINTS = 20_000
_FAR_PERCENTILE = 80
"""Of the depth of all pixels: where its linear colours end, so that a horizon does not take them all."""
_BEYOND = 1.5
_TAIL = 12
"""Frames that the trail of a track reaches back."""


def log_inputs(
    stream: Any, inputs: Sequence[Input], size: tuple[int, int] | None = None, progress: Progress = silent
) -> None:
    """Log all frames of all inputs, one at a time."""
    stories = [_Story(stream, source, fitted(source.size, size) if size else source.size) for source in inputs]
    steps = max(source.frame_count for source in inputs)
    for frame in track(range(steps), "log to Rerun", steps, progress):
        for story in stories:
            story.log(stream, frame)


class _Story:
    """One input: what is prepared once to log its frames one after the other."""

    def __init__(self, stream: Any, source: Input, shown: tuple[int, int]) -> None:
        self.source, self.shown = source, shown
        self.layers = layers_of(source)
        self.tracks = _Tracks(source, shown)
        self.region = None if source.recording is None else region_of(source.recording)
        depth = None if source.clip is None else source.clip.depth
        self.near, self.far = (2.0, 4.0) if depth is None else depth_range(depth, _FAR_PERCENTILE)
        _log_static(stream, source, self.layers)

    def log(self, stream: Any, frame: int) -> None:
        source = self.source
        if frame >= source.frame_count:
            return
        stream.set_time("frame", sequence=frame)
        stream.set_time("time", duration=frame / source.fps)
        if source.recording is not None:
            log_bodies(stream, f"{root_of(source)}/world/bodies", source.recording, self.region, frame)
        if has_cameras(source):
            self._log_camera(stream, frame)
        for layer in self.layers:
            if frame < layer.frame_count:
                self._log_layer(stream, layer, frame)
        self.tracks.log(stream, frame)

    def _log_camera(self, stream: Any, frame: int) -> None:
        """Pose and lens; and the depth map as points where no bodies are known."""
        import rerun as rr

        source, clip = self.source, self.source.clip
        assert clip is not None and clip.camera_to_world is not None and clip.intrinsics is not None
        pose, lens = np.asarray(clip.camera_to_world[frame]), np.asarray(clip.intrinsics[frame])
        camera = f"{root_of(source)}/world/camera"
        stream.log(camera, rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]))
        if clip.projection == "perspective":
            scaled = np.diag([self.shown[0] / clip.size[0], self.shown[1] / clip.size[1], 1.0]) @ lens
            # the viewer holds up the picture before all that is seen; axes as in OpenCV
            kinds = {"camera_xyz": rr.ViewCoordinates.RDF, "image_plane_distance": 0.5 * self.near}
            stream.log(camera, rr.Pinhole(image_from_camera=scaled, resolution=self.shown, **kinds))
        else:
            stream.log(f"{camera}/outline", rr.LineStrips3D([_outline(clip, lens)], colors=(150, 160, 180)))
        if clip.depth is not None and source.recording is None:
            places, colours = depth_points(clip, frame, (self.near, self.far))
            dots = rr.Points3D(places, colors=colours, radii=rr.Radius.ui_points(1.5))
            stream.log(f"{root_of(source)}/world/depth", dots)

    def _log_layer(self, stream: Any, layer: Layer, frame: int) -> None:
        """One picture as what Rerun knows best: depth in metres, classes with names, else compressed colours."""
        import rerun as rr

        path, clip, shown = f"{root_of(self.source)}/image/{layer.key}", self.source.clip, self.shown
        if layer.key == "depth" and clip is not None and clip.depth is not None:
            depth = shrunk(np.asarray(clip.depth[frame]), shown, False)
            metres = np.where(np.isfinite(depth), depth, 0)  # 0 is "nothing" to Rerun
            stream.log(path, rr.DepthImage(metres, meter=1.0, colormap="turbo", depth_range=(self.near, self.far)))
        elif layer.key == "instances" and clip is not None and clip.instances is not None:
            stream.log(path, rr.SegmentationImage(shrunk(np.asarray(clip.instances[frame]), shown, False)))
        elif layer.key == "visibility" and clip is not None:
            stream.log(path, rr.SegmentationImage(shrunk(visibility_classes(clip, frame), shown, False)))
        else:
            data, media_type = encode(shrunk(layer.draw(frame), shown, layer.photographic), layer.photographic)
            picture = rr.EncodedImage(contents=data, media_type=media_type)
            still = layer.frame_count == 1
            stream.log(path, picture, static=still)
            if layer.key == "picture" and has_pinhole(self.source):
                stream.log(f"{root_of(self.source)}/world/camera", picture, static=still)


def root_of(source: Input) -> str:
    """The entity below which all of `source` is logged."""
    import rerun as rr

    return rr.escape_entity_path_part(source.name)


# ------------------------------------------------------------------------------------------------------------ static


def _log_static(stream: Any, source: Input, layers: Sequence[Layer]) -> None:
    import rerun as rr

    root, clip = root_of(source), source.clip
    if has_world(source):
        stream.log(f"{root}/world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    if clip is not None and clip.instances is not None:
        stream.log(f"{root}/image/instances", _classes(_instance_classes(clip)), static=True)
    if any(layer.key == "visibility" for layer in layers):
        classes = [(k, label, colour) for k, (label, colour) in enumerate(VISIBILITY)]
        stream.log(f"{root}/image/visibility", _classes(classes), static=True)
    if text := _about(source):
        stream.log(f"{root}/about", rr.TextDocument(text, media_type=rr.MediaType.MARKDOWN), static=True)


def has_cameras(source: Input) -> bool:
    """Is it known where the camera is and how it sees?"""
    clip = source.clip
    return clip is not None and clip.camera_to_world is not None and clip.intrinsics is not None


def has_pinhole(source: Input) -> bool:
    """Can the picture be held up before the camera? An orthographic one has no pinhole."""
    return has_cameras(source) and source.clip is not None and source.clip.projection == "perspective"


def has_world(source: Input) -> bool:
    """Is there anything to show in three dimensions?"""
    return source.recording is not None or has_cameras(source)


def _classes(rows: Sequence[tuple[int, str, tuple[int, ...]]]) -> Any:
    """Rerun's names and colours of class ids."""
    import rerun as rr
    from rerun.datatypes import ClassDescriptionMapElem

    entries = []
    for k, name, colour in rows:
        description = rr.ClassDescription(info=rr.AnnotationInfo(k, name, colour))
        entry = ClassDescriptionMapElem(class_id=k, class_description=description)
        # a plain number: 0.23 turns its own ClassId into an array in a way that numpy 1.26 does not know
        object.__setattr__(entry, "class_id", k)
        entries.append(entry)
    return rr.AnnotationContext(entries)


def _instance_classes(clip: MotionClip) -> list[tuple[int, str, tuple[int, ...]]]:
    from simcraft.observe.colour import palette

    names = {info.id: info.name for info in clip.instance_table}
    colours = palette(max(names, default=0) + 1)
    return [(k, names.get(k, "background"), tuple(int(c) for c in colours[k])) for k in sorted({0, *names})]


def _about(source: Input) -> str:
    """What is known beside the pictures, as Markdown."""
    width, height = source.size
    facts = f"{source.kind}, {width} x {height} px, {source.frame_count} frames, {source.fps:g} frames/s"
    lines = [f"# {source.name}", facts]
    if source.clip is not None:
        lines += [f"> {caption}" for caption in source.clip.captions]
        lines += [f"**{warning}**" for warning in source.clip.metadata.get("warnings", ())]
    return "\n\n".join(lines)


# ------------------------------------------------------------------------------------------------------------- frames


def _outline(clip: MotionClip, lens: np.ndarray) -> np.ndarray:
    """(5, 3) the rectangle that an orthographic camera sees, in its own frame, metres."""
    (width, height), (fx, fy) = clip.size, (lens[0, 0], lens[1, 1])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]], float)
    return np.column_stack([(corners - lens[:2, 2]) / [fx, fy], np.zeros(5)])


def depth_points(clip: MotionClip, frame: int, span: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels that hit something, as points in the world, every second, third, ... of a row and column of big pictures.

    Nothing beyond `_BEYOND` times the far end of `span`, in metres, is among them: a horizon would dwarf the scene.

    Returns (P, 3) float32 metres and (P, 3) uint8 colours: of the true frame, or by depth where there is none.
    """
    assert clip.depth is not None and clip.intrinsics is not None and clip.camera_to_world is not None
    depth, lens = np.asarray(clip.depth[frame]), np.asarray(clip.intrinsics[frame])
    step = int(np.ceil(np.sqrt(depth.size / _MOST_DEPTH_POINTS)))
    y, x = (axis[::step, ::step] for axis in np.indices(depth.shape))
    z = depth[::step, ::step]
    hit = (z > 0) & (z < _BEYOND * span[1])
    x, y, z = x[hit] + 0.5, y[hit] + 0.5, z[hit].astype(np.float64)
    along = z if clip.projection == "perspective" else np.ones_like(z)
    camera = np.stack([(x - lens[0, 2]) / lens[0, 0] * along, (y - lens[1, 2]) / lens[1, 1] * along, z], -1)
    pose = np.asarray(clip.camera_to_world[frame])
    places = (camera @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
    if clip.frames is not None or frame == 0:
        picture = clip.image if clip.frames is None else np.asarray(clip.frames[frame])
    else:
        from simcraft.observe.colour import depth_to_colour

        picture = depth_to_colour(depth, *span)
    return places, picture[::step, ::step][hit]


class _Tracks:
    """Point tracks of one input: coloured where they are seen, dim and small where they are hidden."""

    def __init__(self, source: Input, shown: tuple[int, int]) -> None:
        from simcraft.observe.colour import track_colours

        clip = source.clip
        chosen = np.zeros(0, int) if clip is None else chosen_tracks(clip, _MOST_TRACKS)
        self.path = f"{root_of(source)}/image/picture/tracks"
        self.count = len(chosen)
        if self.count and clip is not None:
            scale = np.array(shown) / np.array(clip.size)
            self.points = np.asarray(clip.tracks)[chosen] * scale
            self.visible = np.asarray(clip.track_visible)[chosen]
            self.colours = track_colours(self.points)
            self.radius = max(0.6, shown[0] / 240)

    def log(self, stream: Any, frame: int) -> None:
        import rerun as rr

        if not self.count:
            return
        here = np.isfinite(self.points[:, frame]).all(-1)
        seen = self.visible[here, frame]
        colours = np.where(seen[:, None], self.colours[here], self.colours[here] // 3 + 40)
        radii = np.where(seen, self.radius, self.radius * 0.6)
        stream.log(self.path, rr.Points2D(self.points[here, frame], colors=colours, radii=radii, draw_order=30.0))
        tail = self.points[here, max(0, frame - _TAIL + 1) : frame + 1]
        whole = np.isfinite(tail).all((1, 2))
        lines = rr.LineStrips2D(tail[whole], colors=colours[whole], radii=self.radius * 0.4, draw_order=20.0)
        stream.log(f"{self.path}/trails", lines)
