"""What the benchmark of Motion Dreamer measures: of each clip, and of all clips of a row together.

Errors belong to a clip. Frechet distances compare sets: each clip gives a vector of features, kept here, and
`frechet` compares those of a row with those of the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.dreamer_cases import Case
from benchmarks.dreamer_rows import Made
from benchmarks.tables import drawn
from simcraft.metrics.frechet import frechet_distance
from simcraft.metrics.i3d import I3D, i3d_features
from simcraft.metrics.likeness import likeness
from simcraft.metrics.motion_distance import motion_features
from simcraft.metrics.new_content import parts
from simcraft.metrics.tracks import estimated_tracks, flow_tracks
from simcraft.metrics.video_features import video_features
from simcraft.train.dreamer_evaluate import motion_errors

GRID = 16
"""Points a side whose tracks are compared."""
DISTANCES = {
    "frames": "FVD, own features",
    "i3d": "FVD, I3D",
    "tracks": "FVMD, exact tracks",
    "estimated": "FVMD, estimated tracks",
}
"""Kind of features -> what the distance between sets of them is called."""
_SAMPLES = 400
"""Of the bootstrap of a distance."""


@dataclass(frozen=True)
class Measured:
    """One row on one case."""

    values: dict[str, float | None]
    """By name; None where the case does not allow it."""
    features: dict[str, list[float]] = field(default_factory=dict)
    """By kind, see `DISTANCES`."""


@dataclass(frozen=True)
class Distance:
    """A Frechet distance, or a difference of two, with its 95 % interval by bootstrap over clips."""

    value: float
    low: float
    high: float
    clips: int


def measure(case: Case, made: Made, i3d: I3D | None = None) -> Measured:
    """All that is told of what a row made of a case; see docs/benchmarks/dreamer.md."""
    values: dict[str, float | None] = {}
    features: dict[str, np.ndarray] = {}
    if made.frames is not None:
        values |= _frame_values(case, made.frames)
        features["frames"] = video_features(made.frames)
        features["estimated"] = motion_features(estimated_tracks(made.frames, GRID))
        if i3d is not None:
            features["i3d"] = i3d_features(made.frames, i3d)
    if made.motion is not None:
        values |= motion_errors(made.motion, case.motion, case.threshold)
    if made.clip is not None:
        features["tracks"] = motion_features(flow_tracks(np.asarray(made.clip.flow_forward), GRID))
    return Measured(finite(values), {name: each.tolist() for name, each in features.items()})


def finite(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """With None in place of what is no number: files of results hold JSON."""
    return {name: None if value is None or not np.isfinite(value) else float(value) for name, value in values.items()}


def _frame_values(case: Case, frames: np.ndarray) -> dict[str, float | None]:
    alike, split = likeness(frames, case.frames, "truth"), parts(frames, case.frames, case.new)
    return {
        "psnr": alike.psnr,
        "ssim": alike.ssim,
        "new_psnr": split.new.psnr,
        "new_sharpness": split.new.sharpness,
        "elsewhere_psnr": split.elsewhere.psnr,
    }


def frechet(found: Mapping[str, Measured], truth: Mapping[str, Measured], kind: str) -> Distance | None:
    """The distance between a row and the truth, by case, on the cases that both have; None for fewer than three."""
    ours, theirs = _features(found, truth, kind)
    if len(ours) < 3:
        return None
    return _resampled(lambda chosen: frechet_distance(ours[chosen], theirs[chosen]), len(ours))


def frechet_order(
    a: Mapping[str, Measured], b: Mapping[str, Measured], truth: Mapping[str, Measured], kind: str
) -> Distance | None:
    """How much farther a is from the truth than b: the difference, on clips that all have, both resampled alike."""
    both = {case: measured for case, measured in truth.items() if case in a and case in b}
    (ours, theirs), (others, _) = (_features(each, both, kind) for each in (a, b))
    if len(ours) < 3 or len(ours) != len(others):
        return None

    def difference(chosen: np.ndarray) -> float:
        return frechet_distance(ours[chosen], theirs[chosen]) - frechet_distance(others[chosen], theirs[chosen])

    return _resampled(difference, len(ours))


def _resampled(distance: Callable[[np.ndarray], float], count: int) -> Distance:
    """A function of which clips are taken, for all `count` of them.

    Clips that are drawn twice make a set smaller than it is, and Frechet distances of small sets are larger: samples
    lie around another value than that of all clips, and are moved back to it.
    """
    value = distance(np.arange(count))
    samples = [distance(chosen) for chosen in drawn(count, _SAMPLES)]
    low, high = np.percentile(samples, [2.5, 97.5]) - (np.mean(samples) - value)
    return Distance(value, float(low), float(high), count)


def _features(found: Mapping[str, Measured], truth: Mapping[str, Measured], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) features of both, of the cases that both have."""
    both: Sequence[str] = sorted(
        case for case in found.keys() & truth.keys() if kind in found[case].features and kind in truth[case].features
    )
    ours, theirs = ([each[case].features[kind] for case in both] for each in (found, truth))
    return np.array(ours), np.array(theirs)
