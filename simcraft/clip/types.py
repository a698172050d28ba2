"""MotionClip: what the camera saw, for T frames of H x W pixels.

Conventions, the same for every field and every file:

- image coordinates in pixels, x to the right, y down, pixel centres at +0.5;
- flow channel 0 = x, 1 = y: the point seen at p in frame t is at p + flow in the other frame;
- depth is planar z in metres, +inf where nothing was hit; camera axes as in OpenCV (x right, y down, z forward);
- colours are sRGB, 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from simcraft.errors import UserError


@dataclass(frozen=True)
class InstanceInfo:
    """One row of the instance table; `id` is the value in `MotionClip.instances` (1 and up)."""

    id: int
    name: str
    material: str = ""
    solver: str = ""


@dataclass(frozen=True)
class MotionClip:
    """Exact motion seen by a camera. Only `image`, the flows and their valid masks are required."""

    image: np.ndarray
    """(H, W, 3) uint8, the first frame."""
    flow_forward: np.ndarray
    """(T-1, H, W, 2) float32, pixels, from frame t to t+1; 0 where not valid."""
    flow_backward: np.ndarray
    """(T-1, H, W, 2) float32, pixels, from frame t+1 to t; entry t belongs to the pixels of frame t+1."""
    flow_valid_forward: np.ndarray
    """(T-1, H, W) bool, false where the pixel has no correspondence."""
    flow_valid_backward: np.ndarray
    """(T-1, H, W) bool, the same for `flow_backward`."""
    visible_forward: np.ndarray | None = None
    """(T-1, H, W) bool: that very surface point is also seen in frame t+1."""
    visible_backward: np.ndarray | None = None
    """(T-1, H, W) bool: the surface point of frame t+1 is also seen in frame t."""
    depth: np.ndarray | None = None
    """(T, H, W) float32, planar z in metres, +inf for background."""
    instances: np.ndarray | None = None
    """(T, H, W) uint16, 0 = background."""
    tracks: np.ndarray | None = None
    """(N, T, 2) float32, pixels; may leave the image; NaN where the point does not exist."""
    track_visible: np.ndarray | None = None
    """(N, T) bool, false where occluded, outside the image or not existing."""
    projection: str = "perspective"
    """"perspective" (u = fx X/Z + cx) or "orthographic" (u = fx X + cx)."""
    intrinsics: np.ndarray | None = None
    """(T, 3, 3) float64, pixels."""
    camera_to_world: np.ndarray | None = None
    """(T, 4, 4) float64, rigid, OpenCV axes."""
    to_first: np.ndarray | None = None
    """(T, H, W, 2) float32: position in the first frame of the surface point seen here; NaN where it did not exist."""
    to_first_visible: np.ndarray | None = None
    """(T, H, W) bool: that point was seen in the first frame."""
    frames: np.ndarray | None = None
    """(T, H, W, 3) uint8, the true frames."""
    frames_source: str | None = None
    """"render" or "preview": what made `frames`."""
    coverage: np.ndarray | None = None
    """(T, H, W) float32, 0 to 1: alpha of smoke and flames, 1 - transmittance of all volumes between the camera and the
    nearest surface (or the background); None where there are no volumes at all. From 0.5 on a pixel belongs to the
    smoke: `depth`, `instances`, flow and visibility are its own, below that those of what is behind it."""
    normals: np.ndarray | None = None
    """(T, H, W, 3) float32, unit, camera space, facing the camera; 0 for background."""
    captions: tuple[str, ...] = ()
    instance_table: tuple[InstanceInfo, ...] = ()
    fps: float = 24.0
    name: str = ""
    seed: int | None = None
    image_source: str = ""
    """"render", "preview", "photo" or "" where unknown."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """JSON values: versions of the software, origin, warnings."""

    def __post_init__(self) -> None:
        check_clip(self)

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.flow_forward) + 1

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


# field -> (shape in terms of T, H, W and N, dtype); the one table that checks, files and documentation use
ARRAYS: dict[str, tuple[tuple[str | int, ...], str]] = {
    "image": (("H", "W", 3), "uint8"),
    "flow_forward": (("T-1", "H", "W", 2), "float32"),
    "flow_backward": (("T-1", "H", "W", 2), "float32"),
    "flow_valid_forward": (("T-1", "H", "W"), "bool"),
    "flow_valid_backward": (("T-1", "H", "W"), "bool"),
    "visible_forward": (("T-1", "H", "W"), "bool"),
    "visible_backward": (("T-1", "H", "W"), "bool"),
    "depth": (("T", "H", "W"), "float32"),
    "instances": (("T", "H", "W"), "uint16"),
    "tracks": (("N", "T", 2), "float32"),
    "track_visible": (("N", "T"), "bool"),
    "intrinsics": (("T", 3, 3), "float64"),
    "camera_to_world": (("T", 4, 4), "float64"),
    "to_first": (("T", "H", "W", 2), "float32"),
    "to_first_visible": (("T", "H", "W"), "bool"),
    "frames": (("T", "H", "W", 3), "uint8"),
    "coverage": (("T", "H", "W"), "float32"),
    "normals": (("T", "H", "W", 3), "float32"),
}


def check_clip(clip: MotionClip) -> None:
    """Raise `UserError` that names the first field whose dtype or shape contradicts the others."""
    sizes: dict[str | int, int] = {"T": len(clip.flow_forward) + 1, "T-1": len(clip.flow_forward)}
    sizes["H"], sizes["W"] = clip.image.shape[:2]
    sizes["N"] = 0 if clip.tracks is None else len(clip.tracks)
    for name, (shape, dtype) in ARRAYS.items():
        value = getattr(clip, name)
        if value is None:
            continue
        expected = tuple(sizes.get(n, n) for n in shape)
        if tuple(value.shape) != expected or value.dtype != np.dtype(dtype):
            raise UserError(f"clip.{name} is {value.dtype} {tuple(value.shape)}; expected {dtype} {expected}.")


def require(clip: MotionClip, who: str, *names: str) -> None:
    """Raise `UserError` unless every field in `names` is known: `who` (a generator or metric) needs them."""
    known = {f.name for f in fields(clip)}
    missing = [n for n in names if n in known and getattr(clip, n) is None]
    if missing:
        raise UserError(
            f"{who} needs {', '.join(missing)}, which this clip does not have.",
            "Imported flow has no 3D scene; use a simulated clip or a generator that does without.",
        )
