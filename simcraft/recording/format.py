"""The Recording: what moved, before any camera pixel exists, and its files on disk.

This one file writes and reads the format for everybody. Blender's own Python runs it too (the add-on's zip carries a
copy), so it uses numpy and the standard library alone, and nothing newer than Python 3.10.

On disk a recording is a folder: `recording.json` names everything, and every array is one `.npy` beside it. The
folder is written under a temporary name and renamed when complete, so a folder with a `recording.json` is whole.

Conventions: metres and seconds; world frame as in Blender (right-handed, z up); camera frame as in OpenCV (x right, y
down, z forward); pixel coordinates run from 0 to W and 0 to H, so that pixel centres are at +0.5.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import reprlib
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import IO, Any, ClassVar

import numpy as np

FORMAT = "simcraft-recording"
VERSION = 1

EXPLODED = 1e6
"""Metres from where it was in the first frame: what moves beyond this is taken for exploded."""
FARTHEST = 1e9
"""Metres from the origin: not even what stands still, like a horizon, may lie beyond this."""
LARGEST = 2**16
"""Width and height of a picture in pixels."""


class RecordingError(ValueError):
    """A recording's files are missing, damaged or contradict each other; the text names file and field."""


class BeingWritten(RecordingError):
    """Somebody else is writing to the same path just now."""


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
            if _is_number(value) and isinstance(self.intrinsics, np.ndarray):
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


def replace_folder(new: Path, path: Path) -> None:
    """Give the folder `new` the name `path`, on the same file system; what had that name is removed afterwards.

    Raises `OSError` where that is not possible; both are then as they were. At no time is there neither.
    """
    old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.replaced")
    replaces = os.path.lexists(path)
    if replaces:
        path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        if replaces:
            old.rename(path)
        raise
    if replaces and old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    elif replaces:
        old.unlink()


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """While the block runs, nobody else gets into an `only_writer` of the same `path`.

    The operating system's lock of `.NAME.lock` beside `path` ends with the process, however that ends. Raises
    `BeingWritten`, and `OSError` where the folder of `path` is missing or may not be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    file = _locked_file(lock)
    if file is None:
        raise BeingWritten(f"Another process is writing {path}.")
    with file:
        try:
            yield
        finally:
            # Windows removes no open file; the next writer finds it unlocked
            with contextlib.suppress(OSError):
                lock.unlink()


def _locked_file(lock: Path) -> IO[bytes] | None:
    """The file `lock`, open and locked; None where it is locked by somebody else."""
    while True:
        file = lock.open("ab")
        if not _take_lock(file.fileno()):
            file.close()
            return None
        # who had it may have removed the file after it was opened here
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        file.close()


def _take_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # any other error: a file system that knows no locks
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
    return True


def save_recording(
    recording: Recording, path: str | os.PathLike[str], work: Path | None = None, *, bodies_checked: bool = False
) -> Path:
    """Write `recording` as the folder `path`, replacing a recording that is there.

    Parameters
    ----------
    recording: what to write; it is checked first.
    path: the folder to make.
    work: a temporary folder beside `path` in which arrays of `open_array` lie already; they are not written again.
    bodies_checked: `check_recording` has seen these very bodies already; everything else is checked all the same.

    Raises
    ------
    RecordingError: the recording contradicts itself, `path` is something other than a recording, or another process is
        writing it.
    OSError: the disk is full or not writable; `path` is then as it was.
    """
    check_recording(recording, bodies=not bodies_checked)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(path):
        if path.exists() and not (path / "recording.json").is_file():
            raise RecordingError(f"{path} exists and is not a recording; it was left as it is.")
        temporary = work or temporary_sibling(path)
        temporary.mkdir(exist_ok=True)
        try:
            tree = {"format": FORMAT, "version": VERSION, **_pack(recording, temporary, "", {})}
            (temporary / "recording.json").write_text(json.dumps(tree, indent=1), encoding="utf-8")
            replace_folder(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return path


def load_recording(path: str | os.PathLike[str]) -> Recording:
    """Read the recording in folder `path`; big arrays are mapped, not copied.

    Raises `RecordingError` that names the file, the field and what was expected of it.
    """
    path = Path(path)
    index = path / "recording.json"
    if not index.is_file():
        raise RecordingError(f"{path} is not a recording: it has no recording.json.")
    try:
        tree = json.loads(index.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(f"{index} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{index} is not valid JSON: {error}.") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise RecordingError(f"{index}: field 'format' should be '{FORMAT}'.")
    if tree.get("version") != VERSION:
        raise RecordingError(f"{index}: version {tree.get('version')!r}; this SimCraft reads version {VERSION}.")
    try:
        recording = _unpack(Recording, tree, path, "")
        check_recording(recording)
    except RecordingError as error:
        raise RecordingError(f"{index}: {error}") from None
    return recording


def check_recording(recording: Recording, *, bodies: bool = True) -> None:
    """Raise `RecordingError` that names the first field that is of the wrong kind or shape, or cannot be.

    Afterwards every index points at something, every position is finite, and nothing that moves has exploded: code
    that checks no bounds may run on it. All numbers are read for that; `bodies=False` leaves those of the bodies out.
    """
    _check_kinds(recording, "")
    numbers = recording.frame_numbers
    _expect("frame_numbers", numbers, (None,))
    t = len(numbers)
    _require(t > 0, "frame_numbers is empty: the recording has no frames.")
    _require(recording.fps > 0, f"fps is {recording.fps}; it should be above 0.")
    width, height = recording.size
    _require(1 <= width <= LARGEST and 1 <= height <= LARGEST, f"size should be 1 to {LARGEST}, not {recording.size}.")
    _check_camera(recording.camera, numbers)
    _require(any(recording.lighting.sun_direction), "lighting.sun_direction is zero.")
    for name, picture, shape in (
        ("image", recording.image, (height, width, 3)),
        ("frames", recording.frames, (t, height, width, 3)),
        ("lighting.sky_image", recording.lighting.sky_image, (None, None, 3)),
        *((f"materials[{i}].texture", m.texture, (None, None, 3)) for i, m in enumerate(recording.materials)),
    ):
        if picture is not None:
            _expect(name, picture, shape)
            _require(picture.size > 0, f"{name} has no pixels.")
    for body in recording.bodies if bodies else ():
        _CHECKS[type(body)](f"Body '{body.name}'", body, numbers, max(1, len(recording.materials)))


def _require(condition: Any, message: str) -> None:
    if not condition:
        raise RecordingError(message)


def _wrong(name: str, expected: str, value: Any) -> RecordingError:
    # values are put into words only where they are wrong: an array's text takes longer than checking it
    return RecordingError(f"{name} should be {expected}, not {reprlib.repr(value)}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    # whole numbers in JSON have no largest, and NaN fails every comparison
    return (_is_whole(value) or isinstance(value, (float, np.floating))) and abs(value) < 1e300


def _is_row(value: Any, test: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, (tuple, list)) and length in (None, len(value)) and all(map(test, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


# annotation of a field (text, because of the __future__ import) -> what it should hold, in words and as a test
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("text", _is_text),
    "bool": ("true or false", lambda v: isinstance(v, (bool, np.bool_))),
    "int": ("a whole number", _is_whole),
    "int | None": ("a whole number or nothing", lambda v: v is None or _is_whole(v)),
    "float": ("a finite number", _is_number),
    "tuple[int, int]": ("two whole numbers", lambda v: _is_row(v, _is_whole, 2)),
    "tuple[float, float, float]": ("three finite numbers", lambda v: _is_row(v, _is_number, 3)),
    "tuple[str, ...]": ("a list of texts", lambda v: _is_row(v, _is_text)),
    "dict[str, str]": ("names and texts", lambda v: isinstance(v, dict) and _is_row([*v, *v.values()], _is_text)),
}
_WHOLE = {"faces", "face_material", "vertex_offsets", "face_offsets", "frame_numbers"}
_PICTURES = {"texture", "sky_image", "image", "frames"}


def _check_kinds(value: Any, where: str) -> None:
    """Does every field of a dataclass tree hold what its annotation says?"""
    for f in dataclasses.fields(value):
        name, item, kind = f"{where}{f.name}", getattr(value, f.name), str(f.type)
        if kind in _KINDS:
            words, test = _KINDS[kind]
            if not test(item):
                raise _wrong(name, words, item)
        elif kind in _NESTED:
            if not isinstance(item, _NESTED[kind]):
                raise _wrong(name, f"a {kind}", item)
            _check_kinds(item, f"{name}.")
        elif kind in _ROWS:
            if not isinstance(item, tuple):
                raise _wrong(name, "a tuple", item)
            for i, entry in enumerate(item):
                if not isinstance(entry, _ROWS[kind]):
                    raise _wrong(f"{name}[{i}]", f"a {kind[6:-6]}", entry)
                _check_kinds(entry, f"{name}[{i}].")
        elif item is not None or not kind.endswith("None"):
            _check_numbers(name, f.name, item)


def _check_numbers(name: str, field_name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise _wrong(name, "an array", array)
    if field_name in _PICTURES:
        words, fits = "8-bit colours (uint8)", array.dtype == np.uint8
    elif field_name in _WHOLE:
        words, fits = "whole numbers", array.dtype.kind in "iu"
    elif field_name == "present":
        words, fits = "true and false (bool)", array.dtype == bool
    else:
        words, fits = "floating-point numbers", array.dtype.kind == "f"
    _require(fits and array.dtype.isnative, f"{name} should hold {words}, not {array.dtype}.")


def _check_camera(camera: CameraTrack, numbers: np.ndarray) -> None:
    t, k, pose = len(numbers), camera.intrinsics, camera.camera_to_world
    start, end = np.asarray(camera.clip_start), np.asarray(camera.clip_end)
    known = camera.projection in ("perspective", "orthographic")
    _require(known, f"camera.projection is {camera.projection!r}; it should be perspective or orthographic.")
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
        _require(rises, f"{who}: {name} should rise from 0 to {len(rows)}.")
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
    _require((body.radius >= 0).all(), f"{who}: a radius is negative.")
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
    for name in ("density", "velocity"):
        _check_range(who, name, getattr(body, name))
    _check_motion(who, body.grid_to_world, numbers)
    _require_frames(np.linalg.det(body.grid_to_world) != 0, f"{who}: grid_to_world is singular", numbers)
    _check_index(who, "material", body.material, materials)


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
    _require(inside, f"{who}: a face points past the last vertex.")


def _check_index(who: str, name: str, index: Any, materials: int) -> None:
    inside = not np.size(index) or (np.min(index) >= 0 and np.max(index) < materials)
    _require(inside, f"{who}: {name} points past the last material.")


def _check_range(who: str, name: str, array: np.ndarray) -> None:
    peak = _peak(array)
    _require(peak < np.inf, f"{who}: {name} holds NaN or infinity.")
    _require(peak <= FARTHEST, f"{who}: {name} holds a value beyond {FARTHEST:.0e}.")


def _check_motion(who: str, frames: Iterable[np.ndarray], numbers: np.ndarray) -> None:
    """No frame holds NaN, and none has exploded since the first; a new mesh in each frame counts from the origin."""
    if isinstance(frames, np.ndarray) and _peak(frames) <= EXPLODED / 2:
        return
    first: Any = None
    for frame, number in zip(frames, numbers, strict=True):
        peak = _peak(frame)
        if first is None:
            first, first_peak = frame, peak
        _require(peak < np.inf, f"{who} holds NaN or infinity at frame {number}.")
        if max(peak, first_peak) > EXPLODED / 2:
            way = _peak(frame - first) if frame.shape == first.shape else peak
            _require(way <= EXPLODED, f"{who} has exploded at frame {number}: it moves beyond {EXPLODED:.0e} metres.")
            _require(peak <= FARTHEST, f"{who} lies beyond {FARTHEST:.0e} metres at frame {number}.")


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
    _require(fits, f"{name} should have shape {words}, not {array.shape}.")


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
    if isinstance(value, np.generic):
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


_NESTED: dict[str, type] = {"Mesh": Mesh, "CameraTrack": CameraTrack, "Lighting": Lighting}
_ROWS: dict[str, tuple[type, ...]] = {
    "tuple[Material, ...]": (Material,),
    "tuple[Body, ...]": tuple(BODY_TYPES.values()),
}


def _unpack(cls: type, tree: Any, folder: Path, where: str) -> Any:
    """The inverse of `_pack`, guided by the dataclass's fields; what a field holds is checked afterwards."""
    if not isinstance(tree, dict):
        raise _wrong(where.rstrip("."), "an object", tree)
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):
        name, kind = f"{where}{f.name}", str(f.type)
        if f.name not in tree:
            optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
            _require(optional, f"field {name} is missing.")
            continue
        value = tree[f.name]
        if kind in _NESTED:
            value = _unpack(_NESTED[kind], value, folder, f"{name}.")
        elif kind in _ROWS:
            if not isinstance(value, list):
                raise _wrong(name, "a list", value)
            value = tuple(_unpack_entry(kind, entry, folder, f"{name}[{i}].") for i, entry in enumerate(value))
        elif "np.ndarray" in kind and isinstance(value, dict):
            value = _load_array(folder, name, value.get("array"))
        elif isinstance(value, list):
            value = tuple(value)
        values[f.name] = value
    return cls(**values)


def _unpack_entry(row: str, tree: Any, folder: Path, where: str) -> Any:
    """A material, or a body of the type that its `kind` names."""
    if row != "tuple[Body, ...]":
        return _unpack(Material, tree, folder, where)
    kind = tree.get("kind") if isinstance(tree, dict) else None
    cls = BODY_TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise _wrong(f"{where}kind", f"one of {', '.join(BODY_TYPES)}", kind)
    return _unpack(cls, tree, folder, where)


def _load_array(folder: Path, field_name: str, name: Any) -> np.ndarray:
    """The array in file `name` of `folder`; a big one is mapped."""
    plain = isinstance(name, str) and Path(name).name == name == PureWindowsPath(name).name
    _require(plain and name.endswith(".npy"), f"{field_name}: {name!r} is not the name of a .npy file in this folder.")
    path = folder / name
    try:
        # an empty array cannot be mapped
        if path.stat().st_size > 4096:
            return np.lib.format.open_memmap(str(path), mode="r")
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise RecordingError(f"{path} is missing: the recording is incomplete.") from None
    except Exception as error:  # a damaged header is evaluated, and fails as whatever it happens to look like
        raise RecordingError(f"{path} is not a readable .npy array: {error}.") from None
