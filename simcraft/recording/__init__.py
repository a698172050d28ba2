"""Recording: geometry and fields over time, cameras; no pixels yet. See `simcraft.recording.format`."""

from .format import (
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
    load_recording,
    save_recording,
)

__all__ = [
    "Body",
    "CameraTrack",
    "ChangingBody",
    "DeformingBody",
    "Instances",
    "Lighting",
    "Material",
    "Mesh",
    "Particles",
    "Recording",
    "RecordingError",
    "RigidBody",
    "Volume",
    "load_recording",
    "save_recording",
]
