"""Is a recording what it says? Kinds and shapes of its fields, ranges, indices, and where something exploded."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .effect_kinds import KINDS
from .effects import Effect, Parameter, SettingError, complete
from .types import (
    EXPLODED,
    FARTHEST,
    LARGEST,
    NESTED,
    ROWS,
    CameraTrack,
    ChangingBody,
    DeformingBody,
    Instances,
    Mesh,
    Particles,
    Recording,
    RecordingError,
    RigidBody,
    Volume,
    is_number,
    is_whole,
)


def check_recording(recording: Recording, *, bodies: bool = True) -> None:
    """Raise `RecordingError` that names the first field that is of the wrong kind or shape, or cannot be.

    Afterwards every index points at something, every position is finite, and nothing that moves has exploded: code
    that checks no bounds may run on it. All numbers are read for that; `bodies=False` leaves those of the bodies out.
    """
    _check_kinds(recording, "")
    numbers = recording.frame_numbers
    _expect("frame_numbers", numbers, (None,))
    t = len(numbers)
    require(t > 0, "frame_numbers is empty: the recording has no frames.")
    require(recording.fps > 0, f"fps is {recording.fps}; it should be above 0.")
    width, height = recording.size
    require(1 <= width <= LARGEST and 1 <= height <= LARGEST, f"size should be 1 to {LARGEST}, not {recording.size}.")
    _check_camera(recording.camera, numbers)
    require(any(recording.lighting.sun_direction), "lighting.sun_direction is zero.")
    for name, picture, shape in (
        ("image", recording.image, (height, width, 3)),
        ("frames", recording.frames, (t, height, width, 3)),
        ("lighting.sky_image", recording.lighting.sky_image, (None, None, 3)),
        *((f"materials[{i}].texture", m.texture, (None, None, 3)) for i, m in enumerate(recording.materials)),
    ):
        if picture is not None:
            _expect(name, picture, shape)
            require(picture.size > 0, f"{name} has no pixels.")
    sky = recording.lighting.sky_image
    if sky is not None:
        require(_peak(sky) < np.inf and sky.min() >= 0, "lighting.sky_image is below 0 or not finite.")
    for effect in recording.effects:
        _check_effect(effect, recording)
    _check_parts(recording)
    for body in recording.bodies if bodies else ():
        _CHECKS[type(body)](f"Body '{body.name}'", body, numbers, max(1, len(recording.materials)))


def require(condition: Any, message: str) -> None:
    """Raise `RecordingError` with `message` unless `condition` holds."""
    if not condition:
        raise RecordingError(message)


def wrong(name: str, expected: str, value: Any) -> RecordingError:
    """The error that a field is not what it should be."""
    # values are put into words only where they are wrong: an array's text takes longer than checking it
    return RecordingError(f"{name} should be {expected}, not {reprlib.repr(value)}.")


def _is_row(value: Any, test: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, (tuple, list)) and length in (None, len(value)) and all(map(test, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_setting(value: Any) -> bool:
    return is_number(value) or _is_text(value) or isinstance(value, (bool, np.bool_))


# annotation of a field (text, because of the __future__ import) -> what it should hold, in words and as a test
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("text", _is_text),
    "bool": ("true or false", lambda v: isinstance(v, (bool, np.bool_))),
    "int": ("a whole number", is_whole),
    "int | None": ("a whole number or nothing", lambda v: v is None or is_whole(v)),
    "float": ("a finite number", is_number),
    "tuple[int, int]": ("two whole numbers", lambda v: _is_row(v, is_whole, 2)),
    "tuple[float, float, float]": ("three finite numbers", lambda v: _is_row(v, is_number, 3)),
    "tuple[str, ...]": ("a list of texts", lambda v: _is_row(v, _is_text)),
    "dict[str, Any]": (
        "names with numbers, texts or truth values",
        lambda v: isinstance(v, dict) and _is_row([*v], _is_text) and _is_row([*v.values()], _is_setting),
    ),
    "dict[str, str]": ("names and texts", lambda v: isinstance(v, dict) and _is_row([*v, *v.values()], _is_text)),
}
_WHOLE = {"faces", "face_material", "vertex_offsets", "face_offsets", "frame_numbers"}
_PICTURES = {"texture", "image", "frames"}


def _check_kinds(value: Any, where: str) -> None:
    """Does every field of a dataclass tree hold what its annotation says?"""
    for f in dataclasses.fields(value):
        name, item, kind = f"{where}{f.name}", getattr(value, f.name), str(f.type)
        if kind in _KINDS:
            words, test = _KINDS[kind]
            if not test(item):
                raise wrong(name, words, item)
        elif kind in NESTED:
            if not isinstance(item, NESTED[kind]):
                raise wrong(name, f"a {kind}", item)
            _check_kinds(item, f"{name}.")
        elif kind in ROWS:
            if not isinstance(item, tuple):
                raise wrong(name, "a tuple", item)
            for i, entry in enumerate(item):
                if not isinstance(entry, ROWS[kind]):
                    raise wrong(f"{name}[{i}]", f"a {kind[6:-6]}", entry)
                _check_kinds(entry, f"{name}[{i}].")
        elif item is not None or not kind.endswith("None"):
            _check_numbers(name, f.name, item)


def _check_numbers(name: str, field_name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise wrong(name, "an array", array)
    if field_name == "sky_image":
        words, fits = "8-bit colours (uint8) or radiance (float32)", array.dtype in (np.uint8, np.float32)
    elif field_name in _PICTURES:
        words, fits = "8-bit colours (uint8)", array.dtype == np.uint8
    elif field_name in _WHOLE:
        words, fits = "whole numbers", array.dtype.kind in "iu"
    elif field_name == "present":
        words, fits = "true and false (bool)", array.dtype == bool
    else:
        words, fits = "floating-point numbers", array.dtype.kind == "f"
    require(fits and array.dtype.isnative, f"{name} should hold {words}, not {array.dtype}.")


def _check_camera(camera: CameraTrack, numbers: np.ndarray) -> None:
    t, k, pose = len(numbers), camera.intrinsics, camera.camera_to_world
    start, end = np.asarray(camera.clip_start), np.asarray(camera.clip_end)
    known = camera.projection in ("perspective", "orthographic")
    require(known, f"camera.projection is {camera.projection!r}; it should be perspective or orthographic.")
    _expect("camera.intrinsics", k, (t, 3, 3))
    _expect("camera.camera_to_world", pose, (t, 4, 4))
    _expect("camera.clip_start", start, (t,))
    _expect("camera.clip_end", end, (t,))
    _check_motion("The camera", pose, numbers)
    lens = np.zeros_like(k)
    lens[:, [0, 1], [0, 1]], lens[:, :, 2] = k[:, [0, 1], [0, 1]], [0, 0, 1]
    lens[:, :2, 2] = k[:, :2, 2]
    pinhole = np.isfinite(k).all((1, 2)) & (k[:, [0, 1], [0, 1]] > 0).all(1)
    pinhole &= np.isclose(k, lens, rtol=0, atol=1e-9).all((1, 2))
    _require_frames(
        pinhole, "camera.intrinsics is not [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy above 0", numbers
    )
    turn = pose[:, :3, :3]
    rigid = np.isclose(turn.transpose(0, 2, 1) @ turn, np.eye(3), rtol=0, atol=1e-3).all((1, 2))
    rigid &= np.isclose(pose[:, 3], [0, 0, 0, 1], rtol=0, atol=1e-9).all(1)
    _require_frames(rigid, "camera.camera_to_world is not rigid (does a scaled parent shear it?)", numbers)
    clips = (start >= 0) & (end > start) & np.isfinite(end)
    _require_frames(clips, "camera.clip_start is negative, not finite, or not below clip_end", numbers)


def _check_rigid(who: str, body: Any, numbers: np.ndarray, materials: int) -> None:
    """A `RigidBody` or `Instances`."""
    t = len(numbers)
    copies = () if isinstance(body, RigidBody) else (body.transforms.shape[1] if body.transforms.ndim == 4 else None,)
    _expect(f"{who}: transforms", body.transforms, (t, *copies, 4, 4))
    _expect(f"{who}: vertices", body.vertices, (None, 3))
    _check_present(who, body.present, (t, *copies))
    _check_motion(who, body.transforms, numbers)
    _check_range(who, "vertices", body.vertices)
    _check_mesh(who, body.mesh, len(body.vertices), materials)


def _check_deforming(who: str, body: DeformingBody, numbers: np.ndarray, materials: int) -> None:
    _expect(f"{who}: vertices", body.vertices, (len(numbers), None, 3))
    _check_present(who, body.present, (len(numbers),))
    _check_motion(who, body.vertices, numbers)
    _check_mesh(who, body.mesh, body.vertices.shape[1], materials)


def _check_changing(who: str, body: ChangingBody, numbers: np.ndarray, materials: int) -> None:
    t, counts = len(numbers), {}
    for name, offsets, rows in (
        ("vertex_offsets", body.vertex_offsets, body.vertices),
        ("face_offsets", body.face_offsets, body.faces),
    ):
        _expect(f"{who}: {name[:6].rstrip('_')}", rows, (None, 3))
        _expect(f"{who}: {name}", offsets, (t + 1,))
        counts[name] = np.diff(offsets.astype(np.int64))
        rises = offsets[0] == 0 and offsets[-1] == len(rows) and (counts[name] >= 0).all()
        require(rises, f"{who}: {name} should rise from 0 to {len(rows)}.")
    _check_faces(who, body.faces, np.repeat(counts["vertex_offsets"], counts["face_offsets"])[:, None])
    starts = body.vertex_offsets
    _check_motion(who, (body.vertices[starts[n] : starts[n + 1]] for n in range(t)), numbers)
    if body.velocity is not None:
        _expect(f"{who}: velocity", body.velocity, body.vertices.shape)
        _check_range(who, "velocity", body.velocity)
    _check_present(who, body.present, (t,))
    _check_index(who, "material", body.material, materials)


def _check_particles(who: str, body: Particles, numbers: np.ndarray, materials: int) -> None:
    t = len(numbers)
    _expect(f"{who}: positions", body.positions, (t, None, 3))
    n = body.positions.shape[1]
    _expect(f"{who}: radius", body.radius, (n,))
    _check_present(who, body.present, (t, n))
    _check_range(who, "radius", body.radius)
    require((body.radius >= 0).all(), f"{who}: a radius is negative.")
    if body.velocity is not None:
        _expect(f"{who}: velocity", body.velocity, (t, n, 3))
    # who is not there may be anywhere
    there = np.broadcast_to(True, (t, n)) if body.present is None else body.present
    _check_motion(who, (np.where(there[i, :, None], body.positions[i], 0) for i in range(t)), numbers)
    _check_index(who, "material", body.material, materials)


def _check_volume(who: str, body: Volume, numbers: np.ndarray, materials: int) -> None:
    t = len(numbers)
    _expect(f"{who}: density", body.density, (t, None, None, None))
    _expect(f"{who}: velocity", body.velocity, (*body.density.shape, 3))
    _expect(f"{who}: grid_to_world", body.grid_to_world, (t, 4, 4))
    _check_present(who, body.present, (t,))
    if body.glow is not None:
        _expect(f"{who}: glow", body.glow, body.density.shape)
        _check_range(who, "glow", body.glow)
    for name in ("density", "velocity"):
        _check_range(who, name, getattr(body, name))
    _check_motion(who, body.grid_to_world, numbers)
    _require_frames(np.linalg.det(body.grid_to_world) != 0, f"{who}: grid_to_world is singular", numbers)
    _check_index(who, "material", body.material, materials)


def _check_effect(effect: Effect, recording: Recording) -> None:
    """Its kind, settings and roles are known, and what it points at is there."""
    who = f"Effect '{effect.name}'"
    kind = KINDS.get(effect.kind)
    if kind is None:
        raise wrong(f"{who}: kind", f"one of {', '.join(KINDS)}", effect.kind)
    _expect(f"{who}: box_to_world", effect.box_to_world, (4, 4))
    _check_range(who, "box_to_world", effect.box_to_world)
    require(np.linalg.det(effect.box_to_world) != 0, f"{who}: its box is flat.")
    require(effect.material < len(recording.materials), f"{who}: material points past the last material.")
    _check_settings(who, kind.parameters, effect.settings)
    bodies = {body.name for body in recording.bodies}
    for role in effect.roles:
        what = f"{who}: {role.role} '{role.name}'"
        require(role.role in kind.roles, f"{what}: a {effect.kind} has no such role, only {', '.join(kind.roles)}.")
        _check_settings(what, kind.roles[role.role], role.settings)
        if role.points is None:
            require(role.name in bodies, f"{what} is not among the bodies.")
        else:
            _expect(f"{what}: points", role.points, (recording.frame_count, None, 3))
            _check_range(what, "points", role.points)


def _check_settings(who: str, parameters: tuple[Parameter, ...], settings: dict[str, Any]) -> None:
    try:
        complete(parameters, settings)
    except SettingError as error:
        raise RecordingError(f"{who}: {error}.") from None


def _check_parts(recording: Recording) -> None:
    """Every `part_of` names an earlier body with as many copies."""
    copies: dict[str, int] = {}
    for body in recording.bodies:
        if not isinstance(body, Instances) or body.transforms.ndim != 4:
            continue
        count = body.transforms.shape[1]
        if body.part_of:
            whole = f"Body '{body.name}': part_of '{body.part_of}'"
            require(body.part_of in copies, f"{whole} is no earlier body of instances.")
            require(copies[body.part_of] == count, f"{whole} has {copies[body.part_of]} copies, not {count}.")
        else:
            copies[body.name] = count


_CHECKS: dict[type, Callable[[str, Any, np.ndarray, int], None]] = {
    RigidBody: _check_rigid,
    Instances: _check_rigid,
    DeformingBody: _check_deforming,
    ChangingBody: _check_changing,
    Particles: _check_particles,
    Volume: _check_volume,
}


def _check_mesh(who: str, mesh: Mesh, vertex_count: int, materials: int) -> None:
    _expect(f"{who}: mesh.faces", mesh.faces, (None, 3))
    _check_faces(who, mesh.faces, vertex_count)
    if mesh.uv is not None:
        _expect(f"{who}: mesh.uv", mesh.uv, (len(mesh.faces), 3, 2))
        _check_range(who, "mesh.uv", mesh.uv)
    if mesh.face_material is not None:
        _expect(f"{who}: mesh.face_material", mesh.face_material, (len(mesh.faces),))
        _check_index(who, "mesh.face_material", mesh.face_material, materials)


def _check_present(who: str, array: np.ndarray | None, shape: tuple[int | None, ...]) -> None:
    if array is not None:
        _expect(f"{who}: present", array, shape)


def _check_faces(who: str, faces: np.ndarray, vertex_count: Any) -> None:
    inside = not len(faces) or (faces.min() >= 0 and (faces < vertex_count).all())
    require(inside, f"{who}: a face points past the last vertex.")


def _check_index(who: str, name: str, index: Any, materials: int) -> None:
    inside = not np.size(index) or (np.min(index) >= 0 and np.max(index) < materials)
    require(inside, f"{who}: {name} points past the last material.")


def _check_range(who: str, name: str, array: np.ndarray) -> None:
    peak = _peak(array)
    require(peak < np.inf, f"{who}: {name} holds NaN or infinity.")
    require(peak <= FARTHEST, f"{who}: {name} holds a value beyond {FARTHEST:.0e}.")


def _check_motion(who: str, frames: Iterable[np.ndarray], numbers: np.ndarray) -> None:
    """No frame holds NaN, and none has exploded since the first; a new mesh in each frame counts from the origin."""
    if isinstance(frames, np.ndarray) and _peak(frames) <= EXPLODED / 2:
        return
    first: Any = None
    for frame, number in zip(frames, numbers, strict=True):
        peak = _peak(frame)
        if first is None:
            first, first_peak = frame, peak
        require(peak < np.inf, f"{who} holds NaN or infinity at frame {number}.")
        if max(peak, first_peak) > EXPLODED / 2:
            way = _peak(frame - first) if frame.shape == first.shape else peak
            require(way <= EXPLODED, f"{who} has exploded at frame {number}: it moves beyond {EXPLODED:.0e} metres.")
            require(peak <= FARTHEST, f"{who} lies beyond {FARTHEST:.0e} metres at frame {number}.")


def _peak(array: np.ndarray) -> float:
    """The largest magnitude, NaN where there is one; memory is read twice and none is taken."""
    if not array.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        return max(abs(float(array.min())), abs(float(array.max())), key=lambda n: (n != n, n))


def _require_frames(good: np.ndarray, message: str, numbers: np.ndarray) -> None:
    if not good.all():
        raise RecordingError(f"{message} at frame {numbers[good.argmin()]}.")


def _expect(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Has `array` this shape? None stands for any length."""
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    words = str(shape).replace("None", "any")
    require(fits, f"{name} should have shape {words}, not {array.shape}.")
