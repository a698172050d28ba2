"""What a stored clip says beside its arrays: one JSON object, the same in zarr and npz."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

import simcraft
from simcraft.clip.types import ARRAYS, InstanceInfo, MotionClip
from simcraft.errors import UserError

FORMAT = "simcraft-clip"
VERSION = 1

CONVENTIONS = {
    "flow": "channel 0 = x to the right, 1 = y down; a point seen at p in one frame is at p + flow in the other",
    "pixel_centers": 0.5,
    "camera_axes": "OpenCV: x right, y down, z forward",
    "depth": "planar z, +inf where nothing was hit",
    "colors": "sRGB, 8 bits",
}
UNITS = {"flow": "pixels", "tracks": "pixels", "depth": "metres", "camera_to_world": "metres"}

# the fields of MotionClip that are not arrays, and the JSON type of each
_SCALARS: dict[str, tuple[type, ...]] = {
    "projection": (str,),
    "frames_source": (str, type(None)),
    "captions": (list,),
    "instance_table": (list,),
    "fps": (int, float),
    "name": (str,),
    "seed": (int, type(None)),
    "image_source": (str,),
    "metadata": (dict,),
}


def clip_header(clip: MotionClip) -> dict[str, Any]:
    """Everything about `clip` but its arrays, as JSON values.

    Raises `UserError` where `clip.metadata` holds something that JSON cannot express.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "conventions": CONVENTIONS,
        "units": UNITS,
        "software": _software(),
        "arrays": {name: list(getattr(clip, name).shape) for name in ARRAYS if getattr(clip, name) is not None},
        **{name: getattr(clip, name) for name in _SCALARS},
        "captions": list(clip.captions),
        "instance_table": [asdict(row) for row in clip.instance_table],
    }
    try:
        return json.loads(json.dumps(header, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"clip.metadata cannot be stored: {error}.", "Use strings, finite numbers, lists and dicts."
        ) from None


def check_header(header: Any, where: str) -> dict[str, Any]:
    """Return `header` if it describes a clip of this version, else raise `UserError` that begins with `where`."""
    if not isinstance(header, Mapping) or header.get("format") != FORMAT:
        raise UserError(f"{where} is not a SimCraft clip: its field 'format' should be '{FORMAT}'.")
    if header.get("version") != VERSION:
        raise UserError(
            f"{where} has clip version {header.get('version')!r}; this SimCraft reads version {VERSION}.",
            "Update SimCraft.",
        )
    for name, types in _SCALARS.items():
        if not isinstance(header.get(name), types):
            raise UserError(f"{where}: field '{name}' is missing or of the wrong kind.")
    arrays = header.get("arrays")
    if not isinstance(arrays, Mapping) or not set(arrays) <= set(ARRAYS):
        raise UserError(f"{where}: field 'arrays' should map array names to shapes.")
    for name, shape in arrays.items():
        if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise UserError(f"{where}: the shape of '{name}' is {shape!r}.")
    return dict(header)


def build_clip(header: dict[str, Any], arrays: Mapping[str, np.ndarray], where: str) -> MotionClip:
    """The clip that `header` and `arrays` describe; `UserError` where they contradict each other."""
    values: dict[str, Any] = {**arrays, **{name: header[name] for name in _SCALARS}}
    try:
        table = tuple(InstanceInfo(**row) for row in header["instance_table"])
        return MotionClip(**values | {"captions": tuple(header["captions"]), "instance_table": table})
    except (TypeError, AttributeError) as error:
        raise UserError(f"{where}: a required field is missing or of the wrong kind: {error}.") from None
    except UserError as error:
        raise UserError(f"{where}: {error.message}") from None


def _software() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "zarr")}
    return {"simcraft": simcraft.__version__, "python": platform.python_version(), **versions}
