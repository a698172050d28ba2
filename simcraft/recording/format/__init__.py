"""The Recording: what moved, before any camera pixel exists, and its files on disk.

This package writes and reads the format for everybody. Blender's own Python runs it too (the add-on's zip carries a
copy), so it uses numpy and the standard library alone, nothing of simcraft, and nothing newer than Python 3.10.

On disk a recording is a folder: `recording.json` names everything, and every array is one `.npy` beside it. The
folder is written under a temporary name and renamed when complete, so a folder with a `recording.json` is whole.

Conventions: metres and seconds; world frame as in Blender (right-handed, z up); camera frame as in OpenCV (x right, y
down, z forward); pixel coordinates run from 0 to W and 0 to H, so that pixel centres are at +0.5.
"""

from . import flames
from .check import check_recording
from .effect_kinds import KINDS
from .effects import Effect, EffectKind, Parameter, Role, SettingError, complete, convert
from .files import load_recording, open_array, save_recording
from .folders import only_writer, replace_folder, temporary_sibling
from .types import (
    BODY_TYPES,
    EXPLODED,
    FARTHEST,
    BeingWritten,
    Body,
    CameraTrack,
    ChangingBody,
    DeformingBody,
    Instances,
    Lighting,
    Material,
    Mesh,
    Particles,
    Recording,
    RecordingError,
    RigidBody,
    Volume,
)

__all__ = [
    "BODY_TYPES",
    "EXPLODED",
    "FARTHEST",
    "KINDS",
    "BeingWritten",
    "Body",
    "CameraTrack",
    "ChangingBody",
    "DeformingBody",
    "Effect",
    "EffectKind",
    "Instances",
    "Lighting",
    "Material",
    "Mesh",
    "Parameter",
    "Particles",
    "Recording",
    "RecordingError",
    "RigidBody",
    "Role",
    "SettingError",
    "Volume",
    "check_recording",
    "complete",
    "convert",
    "flames",
    "load_recording",
    "only_writer",
    "open_array",
    "replace_folder",
    "save_recording",
    "temporary_sibling",
]
