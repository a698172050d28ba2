"""What an evaluation found: plain numbers with units, as JSON, as a sentence and as a picture."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.errors import UserError

AGREES = 0.5
"""Median error, in pixels, up to which a video counts as moved as simulated; or twice the estimator's floor."""
BETTER_THAN_STILL = 0.5
"""And the share of a frozen video's error below which it has to be: half a pixel is all the motion of a slow clip."""


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

    median: float | None
    """Pixels; None, like all that follow, where there is nothing to compare."""
    mean: float | None
    """Pixels."""
    percentile_90: float | None
    """Pixels."""
    moving_median: float | None
    """Pixels; over pixels that move by half a pixel or more a frame (less in slow clips), the number to look at: still
    surroundings hide every error in the other three. None where nothing moves."""
    pixels: int
    """Number of compared pixels: those with a correspondence that is visible in both frames."""
    per_frame: tuple[float | None, ...]
    """(T-1) medians over moving pixels, pixels; None where nothing moves."""
    per_instance: tuple[InstanceError, ...]

    @property
    def typical(self) -> float | None:
        """Pixels: the median where things move, or everywhere if nothing does; None with nothing to compare."""
        return self.median if self.moving_median is None else self.moving_median


def saved_typical(error: Mapping[str, Any] | None) -> float | None:
    """`FlowError.typical` of an error that was saved as JSON, pixels."""
    if error is None:
        return None
    return error["median"] if error["moving_median"] is None else error["moving_median"]


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
    standstill_error: float | None
    """Pixels: `end_point_error.moving_median` of a video that stands still. None where nothing moves."""
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
        """The verdict, the error behind it, what the estimator errs by itself and what a frozen video would err."""
        error = self.end_point_error.typical
        if error is None:
            return f"Could not be measured: {self._nothing_to_compare}."
        where = "" if self.standstill_error is None else " where things move"
        floor = None if self.floor is None else self.floor.typical
        beside = "unknown (no true frames)" if floor is None else f"{floor:.2f} px on the {self.floor_source}"
        still = "Nothing moves in the clip."
        if self.standstill_error is not None:
            still = f"A video that stands still would err by {self.standstill_error:.2f} px."
        verdict = self._verdict(error, floor)
        return f"{verdict}: {error:.2f} px median error{where}, estimator floor {beside}. {still}"

    @property
    def _nothing_to_compare(self) -> str:
        if self.frame_count < 2:
            return "the clip has a single frame"
        return "the clip has no pixel that corresponds to one in the next frame and is visible in both"

    def _verdict(self, error: float, floor: float | None) -> str:
        agrees = error <= max(AGREES, 2 * (floor or 0))
        if floor is None and not agrees:
            # on plain surfaces the estimator alone errs this much
            return "Could not be judged without true frames (a recording is observed with them by --true-frames)"
        if self.standstill_error is None:
            return "Stood still as simulated" if agrees else "Did not stand still as simulated"
        most = BETTER_THAN_STILL * self.standstill_error
        if agrees and error < most:
            return "Moved as simulated"
        if agrees and (floor or 0) >= most:
            return "Could not be told from a video that stands still"
        return "Did not move as simulated"

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
    "end_point_error, floor, standstill_error": "pixels",
    "likeness.psnr": "decibels",
    "likeness.ssim, motion_consistency": "structural similarity, 1 = equal",
    "frame_consistency": "cosine, 1 = equal",
}
