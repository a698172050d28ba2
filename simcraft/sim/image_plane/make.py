"""From a picture and a mask to a clip."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.sim.image_plane.eulerian import eulerian_motion, keep_legs
from simcraft.sim.image_plane.fluids import Scene, Settings, gas, heavy_fluid, particles, scene_of, warm_up
from simcraft.sim.image_plane.lagrangian import lagrangian_motion, remember_births
from simcraft.sim.image_plane.motion import THING, Motion, clip_of, warnings_of
from simcraft.sim.image_plane.plane import plane_of
from simcraft.sim.image_plane.settings import complete_settings
from simcraft.sim.silhouette import check_mask, read_mask
from simcraft.sim.solver import SimulationStopped, Snapshot, Solver, simulate_frames

Picture = np.ndarray | str | os.PathLike[str]
MOST_FRAMES = 5000
SLOWEST, FASTEST = 1, 1000
"""Frames a second."""


def image_plane(
    image: Picture,
    mask: Picture,
    *,
    kind: str = "smoke",
    obstacles: Picture | None = None,
    depth: np.ndarray | None = None,
    frames: int = 24,
    fps: float = 24.0,
    seed: int = 0,
    name: str = "",
    progress: Progress = silent,
    **settings: Any,
) -> MotionClip:
    """Let what a mask shows in a picture flow, in the picture's own plane.

    Parameters
    ----------
    image: (H, W, 3) uint8 sRGB, or the path of a picture: the first frame.
    mask: (H, W) bool, or the path of a picture that is white (or opaque) there: what flows.
    kind: "smoke", "fire" or "liquid".
    obstacles: a mask like `mask`, of what it runs into; where the two overlap, the thing wins.
    depth: (H, W) float32 metres, planar, of the picture; the clip has none without it.
    frames, fps: length of the clip, at least two frames.
    settings: see `parameters(kind)`; values may be texts.

    The thing is instance 1 and the obstacle 2; they and the background stand still except for what flows, with a flow
    that is valid and 0. `to_first` says where each point of the thing was in the picture.

    Raises
    ------
    UserError: a picture cannot be read, the sizes differ, a mask is empty, full or too small, a setting is wrong.
    SimulationStopped: the simulation diverged; the error's `clip` holds the frames until then.
    """
    values = complete_settings(kind, settings)
    if not 2 <= frames <= MOST_FRAMES:
        raise UserError(f"A clip of {frames} frames was asked for.", f"Choose 2 to {MOST_FRAMES}.")
    if not SLOWEST <= fps <= FASTEST:
        raise UserError(f"A clip of {fps} frames a second was asked for.", f"Choose {SLOWEST} to {FASTEST}.")
    photo = _photo(image)
    size = (photo.shape[1], photo.shape[0])
    inside = _mask(mask, "The mask", size)
    blocked = None if obstacles is None else _mask(obstacles, "The obstacle mask", size) & ~inside
    if depth is not None and np.shape(depth) != inside.shape:
        raise UserError(f"The depth is {np.shape(depth)}; expected {inside.shape} as the picture.")
    plane = plane_of(size, values["resolution"], values["extent"])
    scene = scene_of(plane, inside, blocked, values.get("melting", 0.0), fps)
    way = _way(scene, kind, values, seed)

    def clip(snapshots: Sequence[Snapshot]) -> MotionClip:
        motion = way.motion(scene, snapshots, inside, feeds=values["feed"], progress=progress)
        notes = {"origin": "image plane", "kind": kind, "settings": values, "warnings": warnings_of(motion, kind)}
        return clip_of(
            photo,
            motion,
            blocked,
            None if depth is None else np.asarray(depth, np.float32),
            InstanceInfo(THING, kind, solver=values.get("method", "eulerian")),
            fps=float(fps),
            name=name or kind,
            seed=seed,
            image_source="photo",
            metadata=notes,
        )

    try:
        return clip(simulate_frames(way.solver, frames, fps, warm_up(values), progress))
    except SimulationStopped as stopped:
        if len(stopped.snapshots) > 1:
            stopped.clip = clip(stopped.snapshots)
        raise


@dataclass(frozen=True)
class _Way:
    """A solver whose snapshots say where the pixels go, and who reads them."""

    solver: Solver[Any]
    motion: Callable[..., Motion]


def _way(scene: Scene, kind: str, settings: Settings, seed: int) -> _Way:
    if settings.get("method") == "lagrangian":
        return _Way(remember_births(particles(scene, settings, seed)), lagrangian_motion)
    made = heavy_fluid(scene, settings, seed) if kind == "liquid" else gas(scene, settings, kind, seed)
    return _Way(keep_legs(made, lambda state: state.velocity, _amount(kind), scene.fps), eulerian_motion)


def _amount(kind: str) -> Any:
    """How much is seen of a state's cells: flames are as hot as they are bright."""
    if kind == "fire":
        return lambda state: np.maximum(state.density, np.maximum(state.temperature, state.fuel))
    return lambda state: state.density


def _photo(image: Picture) -> np.ndarray:
    """(H, W, 3) uint8 sRGB."""
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 2:
            raise UserError(f"The picture is {image.dtype} {image.shape}; expected uint8 (H, W, 3).")
        return image
    import cv2

    path = Path(image)
    data = np.fromfile(path, np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if pixels is None:
        raise UserError(f"{path} is not a picture that can be read.", "Give a PNG or JPEG file.")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _mask(source: Picture, name: str, size: tuple[int, int]) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return check_mask(source, name, size)
    return read_mask(source, size)
