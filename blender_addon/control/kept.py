"""What is kept of a scene between jobs: its motion, and the videos that were made of it. Free of Blender's data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Motion:
    """What moves in a scene and what its camera sees of it, simulated once and used by any number of videos."""

    folder: Path
    """Where all of it lies."""
    up_to_date: bool
    """False where the scene has changed since, or may have."""
    warnings: tuple[str, ...]
    """What should be known of it: nothing moves, the simulation exploded, an object was left out."""
    frames: tuple[int, int]
    """The first and the last frame of the scene."""
    size: tuple[int, int]
    """(width, height) in pixels."""

    @property
    def recording(self) -> Path:
        """A folder."""
        return self.folder / "recording"

    @property
    def clip(self) -> Path:
        return self.folder / "clip.zarr"

    @property
    def overlays(self) -> Path:
        """A folder of folders of pictures: flow/0001.png, depth/..., instances/..., tracks/..."""
        return self.folder / "overlays"


@dataclass(frozen=True)
class Result:
    """A finished video."""

    video: Path
    generator: str
    prompt: str
    """Empty where the scene's caption was the prompt, or the generator takes none."""
    seed: int | None
    """None where the generator has no chance in it."""
    summary: str
    """How well it moves as simulated, in one sentence; empty where that is not known."""
    report: Path | None
    """The adherence report, JSON."""
    picture: Path | None
    """The same as a picture, PNG."""
    made: float
    """When, in seconds since 1970."""
    frames: tuple[int, int]
    """The first and the last frame of the scene that it shows."""
    earlier: tuple[Result, ...] = ()
    """Those of the same scene that came before, the newest first; theirs are empty."""
