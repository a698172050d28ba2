"""What an evaluation found: plain numbers with units, as JSON, as a sentence and as a picture."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.errors import UserError

AGREES = 0.5
"""Median error, in pixels, up to which a video counts as moved as simulated; or twice the estimator's floor."""


@dataclass(frozen=True)
class InstanceError:
    """End-point error within one instance, over all frames."""

    id: int
    name: str
    median: float
    """Pixels."""
    mean: float
    """Pixels."""
    pixels: int


@dataclass(frozen=True)
class FlowError:
    """End-point error of flow that was estimated from frames, against the clip's exact flow."""

    median: float
    """Pixels."""
    mean: float
    """Pixels."""
    percentile_90: float
    """Pixels."""
    moving_median: float | None
    """Pixels; over pixels that move by half a pixel or more a frame, the number to look at: still surroundings hide
    every error in the other two. None where nothing moves."""
    pixels: int
    """Number of compared pixels: those with a correspondence that is visible in both frames."""
    per_frame: tuple[float | None, ...]
    """(T-1) medians over moving pixels, pixels; None where nothing moves."""
    per_instance: tuple[InstanceError, ...]

    @property
    def typical(self) -> float:
        """Pixels: the median where things move, or everywhere if nothing does."""
        return self.median if self.moving_median is None else self.moving_median


@dataclass(frozen=True)
class Likeness:
    """Likeness to the true frames, the first frame (given, so equal) left out."""

    source: str
    """"truth" (the array or video that was given) or "render" (`clip.frames`)."""
    psnr: float | None
    """Decibels, of the mean squared error over all pixels and frames; None where both are equal."""
    ssim: float
    """-1 to 1, the mean over frames (Wang et al. 2004, Gaussian window, colour channels averaged)."""
    psnr_per_frame: tuple[float | None, ...]
    ssim_per_frame: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """How well a video follows a clip."""

    clip: str
    generator: str
    size: tuple[int, int]
    """(width, height), pixels."""
    frame_count: int
    end_point_error: FlowError
    floor: FlowError | None
    """The same estimator on the true frames: no video can be told to move better. None where there are none."""
    floor_source: str | None
    """"truth", "render" or "preview"."""
    likeness: Likeness | None
    """None where no true frames are known."""
    motion_consistency: float | None
    """-1 to 1: SSIM of each frame and the next one warped back by the clip's flow, over visible pixels."""
    frame_consistency: float | None
    """-1 to 1: mean CLIP cosine of consecutive frames. None where it was not measured."""
    notes: tuple[str, ...]
    """What was not measured and why; how it was measured."""

    @property
    def summary(self) -> str:
        """One sentence: the verdict, the error behind it, and what the estimator errs by itself."""
        error = self.end_point_error.typical
        floor = 0.0 if self.floor is None else self.floor.typical
        verdict = "Moved as simulated" if error <= max(AGREES, 2 * floor) else "Did not move as simulated"
        beside = "unknown (no true frames)" if self.floor is None else f"{floor:.2f} px on the {self.floor_source}"
        where = "" if self.end_point_error.moving_median is None else " where things move"
        return f"{verdict}: {error:.2f} px median error{where}, estimator floor {beside}."

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with the units beside them."""
        return {"summary": self.summary, **dataclasses.asdict(self), "units": UNITS}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as JSON; `UserError` unless `path` ends in .json, `Failure` where it cannot be written."""
        from simcraft.picture import write_bytes

        path = Path(path)
        if path.suffix.lower() != ".json":
            raise UserError(f"{path}: a report is written as JSON.", "Use a name that ends in .json.")
        return write_bytes((json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n").encode(), path)

    def save_picture(self, path: str | os.PathLike[str]) -> Path:
        """Draw the report as PNG: the numbers, the error over time and the error of each instance."""
        from simcraft.metrics.chart import draw_report
        from simcraft.picture import save_png

        return save_png(draw_report(self), path)


UNITS = {
    "end_point_error, floor": "pixels",
    "likeness.psnr": "decibels",
    "likeness.ssim, motion_consistency": "structural similarity, 1 = equal",
    "frame_consistency": "cosine, 1 = equal",
}
