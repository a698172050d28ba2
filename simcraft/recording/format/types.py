"""What a recording is made of: frozen dataclasses, every array's shape, unit and frame beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .effects import Effect, Role

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
    part_of: str = ""
    """The name of an earlier `Instances` body with as many copies, whose copy n this copy n is a part of (a bird's
    wing, a car's wheel): they share one instance id. Empty for what stands alone."""


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
    glow: np.ndarray | None = None
    """(T, X, Y, Z) float32, light emitted by flames, from 0 (none) to about 1 (bright); None where nothing burns.
    Flames cover what is behind them: a glow of 1 counts as an optical density of 6 a metre beside `density`."""
    present: np.ndarray | None = None
    solver: str = ""
    material: int = 0


Body = RigidBody | DeformingBody | ChangingBody | Instances | Particles | Volume
BODY_TYPES: dict[str, type] = {
    c.kind: c for c in (RigidBody, DeformingBody, ChangingBody, Instances, Particles, Volume)
}


def is_whole(value: Any) -> bool:
    """A whole number, and no truth value."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """A finite number, and no truth value."""
    # whole numbers in JSON have no largest, and NaN fails every comparison
    return (is_whole(value) or isinstance(value, (float, np.floating))) and abs(value) < 1e300


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
            if is_number(value) and isinstance(self.intrinsics, np.ndarray):
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
    """(h, 2h, 3) equirectangular sky in Blender's layout: uint8 sRGB, or float32 linear radiance where it is brighter
    than white; None for the plain colour."""


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
    effects: tuple[Effect, ...] = ()
    """What SimCraft's own solvers add, or have added, to the bodies."""
    caption: str = ""
    """A sentence that says what is to be seen."""
    details: tuple[str, ...] = ()
    """Short phrases that are true of it as well (light, background, camera): in lower case and without a full stop, so
    that each may stand after a comma."""
    warnings: tuple[str, ...] = ()
    """What the user should know: stale caches, disabled drivers, frames cut off."""
    software: dict[str, str] = field(default_factory=dict)
    """Names and versions of what made it."""

    @property
    def frame_count(self) -> int:
        return len(self.frame_numbers)


# annotation of a field (text, because of the __future__ import) -> the dataclasses that it holds
NESTED: dict[str, type] = {"Mesh": Mesh, "CameraTrack": CameraTrack, "Lighting": Lighting}
ROWS: dict[str, tuple[type, ...]] = {
    "tuple[Material, ...]": (Material,),
    "tuple[Body, ...]": tuple(BODY_TYPES.values()),
    "tuple[Effect, ...]": (Effect,),
    "tuple[Role, ...]": (Role,),
}
