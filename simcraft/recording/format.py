"""The Recording: what moved, before any camera pixel exists, and its files on disk.

This one file writes and reads the format for everybody. Blender's own Python runs it too (the add-on's zip carries a
copy), so it uses numpy and the standard library alone, and nothing newer than Python 3.10.

On disk a recording is a folder: `recording.json` names everything, and every array is one `.npy` beside it. The
folder is written under a temporary name and renamed when complete, so a folder with a `recording.json` is whole.

Conventions: metres and seconds; world frame as in Blender (right-handed, z up); camera frame as in OpenCV (x right, y
down, z forward); pixel coordinates run from 0 to W and 0 to H, so that pixel centres are at +0.5.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

FORMAT = "simcraft-recording"
VERSION = 1


class RecordingError(ValueError):
    """A recording's files are missing, damaged or contradict each other; the text names file and field."""


@dataclass(frozen=True)
class Material:
    """What a surface looks like, as far as the quick preview needs it."""

    name: str
    base_color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    """Linear RGB, 0 to 1; multiplied with the texture where there is one."""
    texture: np.ndarray | None = None
    """(h, w, 3) uint8 sRGB, row 0 on top, repeated outside 0 to 1; None for a plain colour."""
    roughness: float = 0.5
    emission: float = 0.0
    """Emitted radiance as a multiple of the base colour."""


@dataclass(frozen=True)
class Mesh:
    """Triangles and what is painted on them; the vertices are stored by the body that moves them."""

    faces: np.ndarray
    """(F, 3) int32, vertex indices."""
    uv: np.ndarray | None = None
    """(F, 3, 2) float32, one texture coordinate a corner, v upwards; None where the mesh has none."""
    face_material: np.ndarray | None = None
    """(F,) int32 index into `Recording.materials`; None means material 0 for all (or grey where there is none)."""
    smooth: bool = False
    """Shade with interpolated vertex normals."""


@dataclass(frozen=True)
class RigidBody:
    """One mesh and where it is in each frame (scale and shear allowed)."""

    kind: ClassVar[str] = "rigid"
    name: str
    mesh: Mesh
    vertices: np.ndarray
    """(V, 3) float32, object space, metres."""
    transforms: np.ndarray
    """(T, 4, 4) float64, object to world."""
    present: np.ndarray | None = None
    """(T,) bool, false where hidden from render; None means always there."""
    solver: str = ""
    """What moved it: "bullet", "keyframes", "static", ..."""


@dataclass(frozen=True)
class DeformingBody:
    """One connectivity, new vertex positions in each frame (cloth, soft bodies, armatures, shape keys)."""

    kind: ClassVar[str] = "deforming"
    name: str
    mesh: Mesh
    vertices: np.ndarray
    """(T, V, 3) float32, world space, metres."""
    present: np.ndarray | None = None
    solver: str = ""


@dataclass(frozen=True)
class ChangingBody:
    """A new mesh in each frame (liquids, remeshed or booleaned surfaces), all frames concatenated."""

    kind: ClassVar[str] = "changing"
    name: str
    vertices: np.ndarray
    """(sum of V, 3) float32, world space, metres."""
    vertex_offsets: np.ndarray
    """(T + 1,) int64: frame t owns vertices[vertex_offsets[t]:vertex_offsets[t + 1]]."""
    faces: np.ndarray
    """(sum of F, 3) int32, indices within the frame's own vertices."""
    face_offsets: np.ndarray
    """(T + 1,) int64, as for the vertices."""
    velocity: np.ndarray | None = None
    """(sum of V, 3) float32, world metres a second; None where unknown, and then flow is marked invalid."""
    present: np.ndarray | None = None
    solver: str = ""
    material: int = 0
    """Index into `Recording.materials`."""


@dataclass(frozen=True)
class Instances:
    """Copies of one rigid mesh: collection and geometry-nodes instances, agents, hair of objects."""

    kind: ClassVar[str] = "instances"
    name: str
    mesh: Mesh
    vertices: np.ndarray
    """(V, 3) float32, object space, metres."""
    transforms: np.ndarray
    """(T, N, 4, 4) float64, object to world."""
    present: np.ndarray | None = None
    """(T, N) bool; None means always there."""
    solver: str = ""


@dataclass(frozen=True)
class Particles:
    """Spheres without rotation."""

    kind: ClassVar[str] = "particles"
    name: str
    positions: np.ndarray
    """(T, N, 3) float32, world space, metres; a particle keeps its index for life."""
    radius: np.ndarray
    """(N,) float32, metres."""
    present: np.ndarray | None = None
    """(T, N) bool, false before birth and after death."""
    velocity: np.ndarray | None = None
    """(T, N, 3) float32, metres a second."""
    solver: str = ""
    material: int = 0


@dataclass(frozen=True)
class Volume:
    """A grid of smoke or the like in a box of the world."""

    kind: ClassVar[str] = "volume"
    name: str
    density: np.ndarray
    """(T, X, Y, Z) float32, optical density a metre."""
    velocity: np.ndarray
    """(T, X, Y, Z, 3) float32, world metres a second, at cell centres."""
    grid_to_world: np.ndarray
    """(T, 4, 4) float64, from cell units (0 to X, 0 to Y, 0 to Z) to world."""
    present: np.ndarray | None = None
    solver: str = ""
    material: int = 0


Body = RigidBody | DeformingBody | ChangingBody | Instances | Particles | Volume
BODY_TYPES: dict[str, type] = {
    c.kind: c for c in (RigidBody, DeformingBody, ChangingBody, Instances, Particles, Volume)
}


@dataclass(frozen=True)
class CameraTrack:
    """The camera of each frame, for an image of `Recording.size` pixels."""

    projection: str
    """"perspective" or "orthographic"."""
    intrinsics: np.ndarray
    """(T, 3, 3) float64, pixels. Perspective: u = fx X/Z + cx. Orthographic: u = fx X + cx, fx in pixels a metre."""
    camera_to_world: np.ndarray
    """(T, 4, 4) float64, rigid, OpenCV axes."""
    clip_start: np.ndarray | float = 0.1
    """(T,) float64, planar depth in metres below which nothing is seen; a number becomes that for all frames."""
    clip_end: np.ndarray | float = 1000.0
    """(T,) float64, planar depth in metres beyond which nothing is seen; likewise."""

    def __post_init__(self) -> None:
        for name in ("clip_start", "clip_end"):
            value = getattr(self, name)
            if isinstance(value, (int, float)) and isinstance(self.intrinsics, np.ndarray):
                object.__setattr__(self, name, np.full(self.intrinsics.shape[:1], value, np.float64))


@dataclass(frozen=True)
class Lighting:
    """Enough light for the preview: one sun and one sky colour, linear RGB."""

    sun_direction: tuple[float, float, float] = (0.4, 0.3, -0.85)
    """World direction in which the light travels."""
    sun_color: tuple[float, float, float] = (2.0, 1.9, 1.75)
    """Irradiance on a surface that faces the sun."""
    sky_color: tuple[float, float, float] = (0.28, 0.36, 0.46)
    """Radiance seen in the background, and of the ambient light."""
    sky_image: np.ndarray | None = None
    """(h, 2h, 3) uint8 sRGB equirectangular sky in Blender's layout; None for the plain colour."""


@dataclass(frozen=True)
class Recording:
    """Geometry over time and the camera that looks at it; no pixels but the optional rendered frames."""

    name: str
    fps: float
    """Recorded frames a second: already divided by the scene's frame step."""
    size: tuple[int, int]
    """(width, height) in pixels that `camera.intrinsics` and the images are for."""
    camera: CameraTrack
    bodies: tuple[Body, ...]
    frame_numbers: np.ndarray
    """(T,) int32, the source's own frame numbers."""
    materials: tuple[Material, ...] = ()
    lighting: Lighting = field(default_factory=Lighting)
    seed: int | None = None
    units: str = "metres"
    image: np.ndarray | None = None
    """(H, W, 3) uint8 sRGB first frame; None where it was not rendered (the preview then stands in)."""
    frames: np.ndarray | None = None
    """(T, H, W, 3) uint8 sRGB true frames; None unless they were asked for."""
    caption: str = ""
    warnings: tuple[str, ...] = ()
    """What the user should know: stale caches, disabled drivers, frames cut off."""
    software: dict[str, str] = field(default_factory=dict)
    """Names and versions of what made it."""

    @property
    def frame_count(self) -> int:
        return len(self.frame_numbers)


# ---------------------------------------------------------------------------------------------------------- on disk


def open_array(folder: Path, name: str, shape: tuple[int, ...], dtype: Any) -> np.memmap:
    """A new array, backed by `folder/name.npy`: long recordings are filled frame by frame, outside memory.

    Raises `OSError` where the disk has no room for it.
    """
    path = Path(folder) / f"{name}.npy"
    # plain integers: numpy 2 would write its own into the header as text that nobody can read back
    array = np.lib.format.open_memmap(str(path), mode="w+", dtype=dtype, shape=tuple(int(n) for n in shape))
    if hasattr(os, "posix_fallocate"):
        # writing to a mapped page that the disk has no room for would kill the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def temporary_sibling(path: Path) -> Path:
    """An unused name beside `path`, on the same file system, so that a rename completes the writing."""
    path = Path(path)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def save_recording(recording: Recording, path: str | os.PathLike[str], work: Path | None = None) -> Path:
    """Write `recording` as the folder `path`, replacing a recording that is there.

    Parameters
    ----------
    recording: what to write; it is checked first.
    path: the folder to make.
    work: a temporary folder beside `path` in which arrays of `open_array` lie already; they are not written again.

    Raises
    ------
    RecordingError: the recording contradicts itself, or `path` is something other than a recording.
    OSError: the disk is full or not writable; `path` is then as it was.
    """
    check_recording(recording)
    path = Path(path)
    if path.exists() and not (path / "recording.json").is_file():
        raise RecordingError(f"{path} exists and is not a recording; it was left as it is.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = work or temporary_sibling(path)
    temporary.mkdir(exist_ok=True)
    try:
        tree = _pack(recording, temporary, "", {})
        tree = {"format": FORMAT, "version": VERSION, **tree}
        (temporary / "recording.json").write_text(json.dumps(tree, indent=1), encoding="utf-8")
        old = temporary_sibling(path)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return path


def load_recording(path: str | os.PathLike[str]) -> Recording:
    """Read the recording in folder `path`; big arrays are mapped, not copied.

    Raises `RecordingError` that names the file and what was expected of it.
    """
    path = Path(path)
    index = path / "recording.json"
    if not index.is_file():
        raise RecordingError(f"{path} is not a recording: it has no recording.json.")
    try:
        tree = json.loads(index.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecordingError(f"{index} is not valid JSON: {error}.") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise RecordingError(f"{index}: field 'format' should be '{FORMAT}'.")
    if tree.get("version") != VERSION:
        raise RecordingError(f"{index}: version {tree.get('version')!r}; this SimCraft reads version {VERSION}.")
    try:
        bodies = tuple(_unpack(BODY_TYPES[b["kind"]], b, path) for b in tree.pop("bodies"))
        recording = _unpack(Recording, {**tree, "bodies": ()}, path)
    except (KeyError, TypeError) as error:
        raise RecordingError(f"{index}: a field is missing or of the wrong kind: {error}.") from None
    recording = dataclasses.replace(recording, bodies=bodies)
    check_recording(recording)
    return recording


def check_recording(recording: Recording) -> None:
    """Raise `RecordingError` where shapes disagree, indices point nowhere, or a position is not finite."""
    t = recording.frame_count
    if t < 1:
        raise RecordingError("The recording has no frames.")
    if recording.camera.projection not in ("perspective", "orthographic"):
        raise RecordingError(f"camera.projection is {recording.camera.projection!r}.")
    _expect("camera.intrinsics", recording.camera.intrinsics, (t, 3, 3))
    _expect("camera.camera_to_world", recording.camera.camera_to_world, (t, 4, 4))
    for name in ("clip_start", "clip_end"):
        _expect(f"camera.{name}", np.asarray(getattr(recording.camera, name)), (t,))
    _first_bad_frame("The camera", recording.camera.camera_to_world, recording.frame_numbers)
    _first_bad_frame("The camera's intrinsics", recording.camera.intrinsics, recording.frame_numbers)
    width, height = recording.size
    if recording.image is not None:
        _expect("image", recording.image, (height, width, 3))
    if recording.frames is not None:
        _expect("frames", recording.frames, (t, height, width, 3))
    for body in recording.bodies:
        _check_body(body, t, recording.frame_numbers)


def _check_body(body: Body, t: int, numbers: np.ndarray) -> None:
    who = f"Body '{body.name}'"
    if isinstance(body, ChangingBody):
        _expect(f"{who}: vertex_offsets", body.vertex_offsets, (t + 1,))
        _expect(f"{who}: face_offsets", body.face_offsets, (t + 1,))
        for offsets, rows, name in (
            (body.vertex_offsets, body.vertices, "vertex_offsets"),
            (body.face_offsets, body.faces, "face_offsets"),
        ):
            if offsets[0] != 0 or offsets[-1] != len(rows) or (np.diff(offsets) < 0).any():
                raise RecordingError(f"{who}: {name} should rise from 0 to {len(rows)}.")
        counts = np.repeat(np.diff(body.vertex_offsets), np.diff(body.face_offsets))
        _check_faces(who, body.faces, counts[:, None])
        _check_finite(who, "vertices", body.vertices)
        if body.velocity is not None:
            _expect(f"{who}: velocity", body.velocity, body.vertices.shape)
        _present(who, body.present, (t,))
    elif isinstance(body, Particles):
        n = body.positions.shape[1]
        _expect(f"{who}: positions", body.positions, (t, n, 3))
        _expect(f"{who}: radius", body.radius, (n,))
        _present(who, body.present, (t, n))
        positions = body.positions if body.present is None else np.where(body.present[..., None], body.positions, 0)
        _first_bad_frame(who, positions, numbers)
    elif isinstance(body, Volume):
        _expect(f"{who}: velocity", body.velocity, (*body.density.shape, 3))
        _expect(f"{who}: grid_to_world", body.grid_to_world, (t, 4, 4))
        _first_bad_frame(who, body.density, numbers)
        _present(who, body.present, (t,))
    elif isinstance(body, DeformingBody):
        _expect(f"{who}: vertices", body.vertices, (t, body.vertices.shape[-2], 3))
        _first_bad_frame(who, body.vertices, numbers)
        _check_faces(who, body.mesh.faces, body.vertices.shape[1])
        _present(who, body.present, (t,))
    else:
        lead = (t,) if isinstance(body, RigidBody) else (t, body.transforms.shape[1])
        _expect(f"{who}: transforms", body.transforms, (*lead, 4, 4))
        _first_bad_frame(who, body.transforms, numbers)
        _check_finite(who, "vertices", body.vertices)
        _check_faces(who, body.mesh.faces, len(body.vertices))
        _present(who, body.present, lead)


def _present(who: str, array: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if array is not None:
        _expect(f"{who}: present", array, shape)


def _check_faces(who: str, faces: np.ndarray, vertex_count: Any) -> None:
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise RecordingError(f"{who}: faces should have shape (F, 3), not {faces.shape}.")
    if len(faces) and (faces.min() < 0 or (faces >= vertex_count).any()):
        raise RecordingError(f"{who}: a face points past the last vertex.")


def _check_finite(who: str, name: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise RecordingError(f"{who}: {name} holds NaN or infinity.")


def _first_bad_frame(who: str, array: np.ndarray, numbers: np.ndarray) -> None:
    for t, frame in enumerate(array):
        if not np.isfinite(frame).all():
            raise RecordingError(f"{who} holds NaN or infinity at frame {int(numbers[t])}.")
        if frame.size and np.abs(frame).max() > 1e9:
            raise RecordingError(f"{who} has exploded at frame {int(numbers[t])}: a value is beyond 1e9.")


def _expect(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if tuple(array.shape) != tuple(shape):
        raise RecordingError(f"{name} should have shape {tuple(shape)}, not {tuple(array.shape)}.")


def _pack(value: Any, folder: Path, prefix: str, written: dict[bytes, str]) -> Any:
    """JSON of a dataclass tree; arrays become {"array": file name}, and equal ones (copies of a mesh) one file."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        tree = {"kind": value.kind} if hasattr(value, "kind") else {}
        for f in dataclasses.fields(value):
            tree[f.name] = _pack(getattr(value, f.name), folder, f"{prefix}{f.name}.", written)
        return tree
    if isinstance(value, np.ndarray):
        return {"array": _write_array(value, folder, f"{prefix[:-1]}.npy", written)}
    if isinstance(value, (list, tuple)):
        return [_pack(v, folder, f"{prefix}{i}.", written) for i, v in enumerate(value)]
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    return value


def _write_array(array: np.ndarray, folder: Path, name: str, written: dict[bytes, str]) -> str:
    """Write `array` as `folder/name` unless it, or an equal one, lies there; returns the file's name."""
    backing = getattr(array, "filename", None)
    if backing is not None and Path(backing).resolve().parent == folder.resolve():
        array.flush()  # type: ignore[attr-defined]
        return Path(backing).name
    array = np.ascontiguousarray(array)
    key = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).digest()
    if key not in written:
        np.save(folder / name, array, allow_pickle=False)
        written[key] = name
    return written[key]


def _unpack(cls: type, tree: dict[str, Any], folder: Path) -> Any:
    """The inverse of `_pack`, guided by the dataclass's field names."""
    nested = {"mesh": Mesh, "camera": CameraTrack, "lighting": Lighting}
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):
        if f.name not in tree:
            continue
        value = tree[f.name]
        if isinstance(value, dict) and set(value) == {"array"}:
            value = _load_array(folder, value["array"])
        elif f.name in nested and isinstance(value, dict):
            value = _unpack(nested[f.name], value, folder)
        elif f.name == "materials":
            value = tuple(_unpack(Material, m, folder) for m in value)
        elif isinstance(value, list):
            value = tuple(value)
        values[f.name] = value
    return cls(**values)


def _load_array(folder: Path, name: str) -> np.ndarray:
    if Path(name).name != name:
        raise RecordingError(f"{folder / 'recording.json'}: array name {name!r} leaves the folder.")
    path = folder / name
    try:
        # an empty array cannot be mapped
        mode = "r" if path.stat().st_size > 4096 else None
        return np.load(path, mmap_mode=mode, allow_pickle=False)  # type: ignore[arg-type]
    except FileNotFoundError:
        raise RecordingError(f"{path} is missing: the recording is incomplete.") from None
    except (ValueError, EOFError) as error:
        raise RecordingError(f"{path} is not a readable .npy array: {error}.") from None
