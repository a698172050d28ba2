"""Middlebury `.flo`: the bytes "PIEH", width and height as int32, then (u, v) float32 pairs, row by row.

Format: Baker et al., "A Database and Evaluation Methodology for Optical Flow", vision.middlebury.edu/flow.
Its u and v are this project's flow channels 0 and 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simcraft.clip.files import PathLike, complete_file, read_errors, read_rgb
from simcraft.clip.from_flow import clear_unknown, clip_from_flow
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError

MAGIC = b"PIEH"
_UNKNOWN_VALUE = 1e10
_IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


def read_flo(path: PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns flow (H, W, 2) float32 in pixels, 0 where unknown, and valid (H, W) bool.

    Raises `UserError` on a wrong magic number, impossible size, or a length that does not fit the size.
    """
    path = Path(path)
    with read_errors(path, "a .flo file"):
        data = path.read_bytes()
    if data[:4] != MAGIC:
        raise UserError(f"{path} is not a .flo file: it begins with {data[:4]!r}, expected {MAGIC!r}.")
    width, height = np.frombuffer(data.ljust(12, b"\0"), "<i4", 2, 4).tolist()
    expected = 12 + width * height * 8
    if width < 1 or height < 1 or len(data) != expected:
        raise UserError(
            f"{path} is {len(data)} bytes; a .flo file of {width} x {height} pixels has {expected}.",
            "Write or download it again.",
        )
    return clear_unknown(np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32))


def write_flo(path: PathLike, flow: np.ndarray, valid: np.ndarray | None = None) -> None:
    """Write (H, W, 2) flow in pixels; where `valid` (H, W) is false it is marked unknown (1e10)."""
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise UserError(f"Flow is {flow.shape}; expected (H, W, 2).")
    flow, known = clear_unknown(np.asarray(flow, np.float32), valid)
    values = np.where(known[..., None], flow, np.float32(_UNKNOWN_VALUE)).astype("<f4")
    size = np.array([flow.shape[1], flow.shape[0]], "<i4")
    with complete_file(path) as temporary:
        temporary.write_bytes(MAGIC + size.tobytes() + values.tobytes())


def read_flo_folder(folder: PathLike) -> MotionClip:
    """A folder with a first frame and `.flo` files in the order of their names.

    Files whose name begins with "backward" are flow from frame t+1 to t, all others from frame t to t+1. The first
    frame is the picture that comes first by name.

    Raises `UserError` where there is no picture, or where sizes or numbers of files disagree.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.flo"))
    backward_files = [f for f in files if f.name.startswith("backward")]
    forward_files = [f for f in files if f not in backward_files]
    pictures = sorted(f for f in folder.iterdir() if f.suffix.lower() in _IMAGES)
    if not pictures:
        raise UserError(f"{folder} has .flo files but no first frame.", "Put it there, for example as first.png.")
    if not forward_files or (backward_files and len(backward_files) != len(forward_files)):
        raise UserError(
            f"{folder} has {len(forward_files)} forward and {len(backward_files)} backward .flo files; "
            "expected as many of each, or no backward ones."
        )
    forward, valid = _read_all(forward_files)
    backward, backward_valid = _read_all(backward_files) if backward_files else (None, None)
    origin = {"origin": "flo", "folder": str(folder)}
    return clip_from_flow(
        read_rgb(pictures[0]), forward, backward, valid, backward_valid, name=folder.name, metadata=origin
    )


def _read_all(files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    flows, masks = zip(*(read_flo(f) for f in files), strict=True)
    for file, flow in zip(files, flows, strict=True):
        if flow.shape != flows[0].shape:
            raise UserError(f"{file} is {flow.shape[1]} x {flow.shape[0]} pixels, unlike {files[0].name}.")
    return np.stack(flows), np.stack(masks)
