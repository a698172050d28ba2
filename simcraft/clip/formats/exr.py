"""Multilayer OpenEXR: a frame of a clip as named layers, and the passes that Blender renders.

This project's layers: `depth.Z`, `flow_forward.X/.Y`, `flow_backward.X/.Y`, `flow_valid_forward.V`,
`flow_valid_backward.V`, `instances.V` (integers), `normals.X/.Y/.Z`; all belong to the pixels of one frame t, so
`flow_backward` is the flow from t to t-1.

Blender's passes are found by their names in 3.4 to 5.x, in single- and multi-part files: Depth; Vector, whose
channels mean forward flow = (-Z, +W) and backward flow = (X, -Y) with y down (measured against closed forms); IndexOB
or Object Index. Blender's Normal pass is in world space and so is no camera-space normal: it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcraft.clip.files import PathLike, complete_file, read_errors
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError

_BACKGROUND_DEPTH = 1e9
"""Blender writes 1e10 metres where nothing was hit."""

Layers = dict[str, dict[str, np.ndarray]]
"""Layer name -> channel name -> (H, W) pixels. Channels without a layer are under ""."""


@dataclass(frozen=True)
class FrameLayers:
    """What an EXR file says of one frame t, in the conventions of MotionClip; None where it says nothing."""

    depth: np.ndarray | None = None
    """(H, W) float32, planar z in metres, +inf for background."""
    flow_forward: np.ndarray | None = None
    """(H, W, 2) float32, pixels, from frame t to t+1."""
    flow_backward: np.ndarray | None = None
    """(H, W, 2) float32, pixels, from frame t to t-1."""
    flow_valid_forward: np.ndarray | None = None
    """(H, W) bool."""
    flow_valid_backward: np.ndarray | None = None
    """(H, W) bool."""
    instances: np.ndarray | None = None
    """(H, W) uint16, 0 = background."""
    normals: np.ndarray | None = None
    """(H, W, 3) float32, camera space."""


# layer -> its channels and the dtype on disk; bool is stored as 0 and 1
_OWN_LAYERS: dict[str, tuple[str, str]] = {
    "depth": ("Z", "float32"),
    "flow_forward": ("XY", "float32"),
    "flow_backward": ("XY", "float32"),
    "flow_valid_forward": ("V", "uint32"),
    "flow_valid_backward": ("V", "uint32"),
    "instances": ("V", "uint32"),
    "normals": ("XYZ", "float32"),
}


def frame_layers(clip: MotionClip, frame: int) -> FrameLayers:
    """What `clip` knows of the pixels of `frame` (0 to T-1)."""
    if not 0 <= frame < clip.frame_count:
        raise UserError(f"The clip has frames 0 to {clip.frame_count - 1}; {frame} was asked for.")
    layers: dict[str, np.ndarray] = {}
    for name in ("depth", "instances", "normals"):
        if (value := getattr(clip, name)) is not None:
            layers[name] = value[frame]
    if frame < clip.frame_count - 1:
        layers["flow_forward"] = clip.flow_forward[frame]
        layers["flow_valid_forward"] = clip.flow_valid_forward[frame]
    if frame > 0:
        layers["flow_backward"] = clip.flow_backward[frame - 1]
        layers["flow_valid_backward"] = clip.flow_valid_backward[frame - 1]
    return FrameLayers(**layers)


def write_exr(path: PathLike, layers: FrameLayers) -> None:
    """Write the layers of one frame, losslessly, in one part."""
    import OpenEXR

    channels: dict[str, np.ndarray] = {}
    for name, (letters, dtype) in _OWN_LAYERS.items():
        value = getattr(layers, name)
        if value is None:
            continue
        planes = value.reshape(*value.shape[:2], len(letters))
        for i, letter in enumerate(letters):
            channels[f"{name}.{letter}"] = np.ascontiguousarray(planes[..., i], dtype)
    if not channels:
        raise UserError(f"There is nothing to write to {path}: every layer is None.")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with complete_file(path) as temporary:
        OpenEXR.File(header, channels).write(str(temporary))


def read_exr_layers(path: PathLike) -> Layers:
    """All layers of a single- or multi-part file, whoever wrote it.

    The layer of a channel is what stands before its last dot ("ViewLayer.Depth" for "ViewLayer.Depth.Z"), else the
    name of its part in a multi-part file. Raises `UserError` where the file is missing, truncated or no EXR.
    """
    path = Path(path)
    with read_errors(path, "an OpenEXR file"):
        import OpenEXR

        _check_magic(path)
        layers: Layers = {}
        parts = OpenEXR.File(str(path), separate_channels=True).parts
        for part in parts:
            for name, channel in part.channels.items():
                layer, dot, letter = name.rpartition(".")
                if not dot and len(parts) > 1:
                    layer = part.name()
                layers.setdefault(layer, {})[letter] = channel.pixels
    return layers


def read_exr(path: PathLike) -> FrameLayers:
    """What `path` says of one frame: this project's own layers, or Blender's passes.

    Blender's background has Vector 0 even when the camera moves, so its flow is valid only where Depth is finite; in
    a file without Depth everything counts as valid. Raises `UserError` where neither is found.
    """
    layers = read_exr_layers(path)
    by_pass = {name.rpartition(".")[2]: channels for name, channels in layers.items()}
    with read_errors(Path(path), "a file with depth, flow or instance layers"):
        found = _own_layers(by_pass) if set(by_pass) & set(_OWN_LAYERS) else _blender_passes(by_pass)
    if all(value is None for value in vars(found).values()):
        raise UserError(
            f"{path} has none of the layers Depth, Vector, Object Index; it has {', '.join(sorted(layers)) or 'none'}.",
            "Switch these passes on in Blender's View Layer properties.",
        )
    return found


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"\x76\x2f\x31\x01":
        raise ValueError(f"it begins with {magic!r}")


def _own_layers(layers: Layers) -> FrameLayers:
    dtypes = {"flow_valid_forward": bool, "flow_valid_backward": bool, "instances": np.uint16}
    found = {}
    for name, (letters, _) in _OWN_LAYERS.items():
        if name in layers:
            value = np.stack([layers[name][letter] for letter in letters], -1)
            found[name] = (value[..., 0] if len(letters) == 1 else value).astype(dtypes.get(name, np.float32))
    return FrameLayers(**found)


def _blender_passes(layers: Layers) -> FrameLayers:
    found: dict[str, np.ndarray] = {}
    if "Depth" in layers:
        depth = _only_channel(layers["Depth"]).astype(np.float32)
        found["depth"] = np.where(depth >= _BACKGROUND_DEPTH, np.float32(np.inf), depth)
    if "Vector" in layers:
        x, y, z, w = (layers["Vector"][letter].astype(np.float32) for letter in "XYZW")
        hit = np.isfinite(found["depth"]) if "depth" in found else np.ones(x.shape, bool)
        found |= {
            "flow_forward": np.stack([-z, w], -1),
            "flow_backward": np.stack([x, -y], -1),
            "flow_valid_forward": hit,
            "flow_valid_backward": hit,
        }
    for name in ("Object Index", "IndexOB"):
        if name in layers:
            found["instances"] = np.rint(_only_channel(layers[name])).astype(np.uint16)
    return FrameLayers(**found)


def _only_channel(channels: dict[str, np.ndarray]) -> np.ndarray:
    (pixels,) = channels.values()
    return pixels
