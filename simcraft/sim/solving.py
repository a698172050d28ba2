"""Effects on disk: a recorded folder becomes one with the results of its effects, and gets its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.progress import Progress
from simcraft.recording import Recording, RecordingError, load_recording, save_recording
from simcraft.sim.effects import change_settings, simulate_effects
from simcraft.sim.solver import SimulationStopped


def solve(recorded: Path, solved: Path, settings: Mapping[str, Any], target: Path, progress: Progress) -> Path:
    """Simulate the effects of the recording in `recorded` into the folder `solved`; returns where the result lies.

    A recording without effects stays as it is, and `recorded` is returned.

    Parameters
    ----------
    settings: changes, see `change_settings`.
    solved: may be `recorded` itself, which is then replaced.
    target: what the user calls the recording: where an effect diverges, the frames until then are kept beside it.

    Raises `UserError` for wrong settings, `SimulationStopped` where an effect diverges.
    """
    recording = change_settings(load_recording(recorded), settings)
    if all(effect.solved for effect in recording.effects):
        return recorded
    try:
        return save_recording(simulate_effects(recording, progress=progress), solved)
    except SimulationStopped as stopped:
        if stopped.recording is not None:
            stopped.message += f" {_keep(stopped.recording, target)}"
        raise


def _keep(recording: Recording, target: Path) -> str:
    """Save the frames until a divergence beside `target`; returns a sentence that says where they are, or why not."""
    kept = target.with_name(f"{target.name.removesuffix('.recording')}.until_it_diverged.recording")
    try:
        save_recording(recording, kept)
    except (OSError, RecordingError) as error:
        # that it diverged is what the user has to hear
        return f"The {recording.frame_count} frames until then could not be kept: {error}"
    return f"The {recording.frame_count} frames until then are in {kept}."


def add_pictures(solved: Path, images: Path, out: Path) -> Path:
    """Put the pictures that Blender rendered into `images` into the recording in `solved`; returns `out`.

    The arrays of `solved` are moved, not copied.
    """
    recording = load_recording(solved)
    image, frames = images / "image.npy", images / "frames.npy"
    warnings = json.loads((images / "warnings.json").read_text(encoding="utf-8"))
    whole = replace(
        recording,
        image=np.load(image, allow_pickle=False) if image.exists() else None,
        frames=np.load(frames, mmap_mode="r", allow_pickle=False) if frames.exists() else None,
        warnings=(*recording.warnings, *warnings),
    )
    return save_recording(whole, out, work=solved, bodies_checked=True)
