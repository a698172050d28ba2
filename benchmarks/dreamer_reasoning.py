"""Does stage one reason? What it makes of one arrow, beside predictions without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.dreamer_cases import Case
from benchmarks.dreamer_rows import nothing, reasoned
from benchmarks.tables import drawn
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, instance_vectors, kept
from simcraft.generate.motion_dreamer.moved import moved
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.scene import fixed_instances
from simcraft.train.dreamer_evaluate import held_still, motion_errors

MOVES = 0.2
"""Pixels a frame from which an instance counts as moving."""
PREDICTIONS = ("stage one, all arrows", "stage one, one arrow", "stage one, no arrows", "constant motion", "still")


def bodies(case: Case) -> set[int]:
    """Labels of the instances that can move."""
    fixed = fixed_instances(case.clip)
    return {label for label, number in enumerate(case.motion.ids, 1) if number not in fixed}


def prompted(case: Case) -> int | None:
    """The label that one arrow is given to: what moves first, and of such the fastest; None where nothing moves."""
    motion, arrows = case.motion, case.arrows
    assert motion.segmentation is not None
    onsets = onset(motion)
    vectors = instance_vectors(arrows, motion.segmentation[0])
    moving = [label for label in bodies(case) & vectors.keys() if onsets[label] < len(motion.flow)]
    return min(moving, key=lambda label: (onsets[label], -float(np.hypot(*vectors[label]))), default=None)


def onset(motion: Representation) -> dict[int, int]:
    """Label of the first frame -> the frame in which it first moves; T where it never does."""
    assert motion.segmentation is not None
    speed, frames = np.hypot(motion.flow[..., 0], motion.flow[..., 1]), len(motion.flow)
    found = {}
    for label in (int(each) for each in np.unique(motion.segmentation[0]) if each):
        mine = motion.segmentation == label
        means = [float(speed[t][mine[t]].mean()) if mine[t].any() else 0.0 for t in range(frames)]
        found[label] = next((t for t, mean in enumerate(means) if mean > MOVES), frames)
    return found


def one_arrow(case: Case) -> InstanceFlow | None:
    """The arrow of what moves first; None where nothing does."""
    label = prompted(case)
    if label is None:
        return None
    assert case.motion.segmentation is not None
    return kept(case.arrows, case.motion.segmentation[0] == label)


def predictions(case: Case, pipeline: MotionDreamerPipeline) -> dict[str, Representation] | None:
    """R by name of `PREDICTIONS`; None where nothing moves."""
    arrow, poses = one_arrow(case), case.clip.camera_to_world
    if arrow is None:
        return None
    assert poses is not None
    given = dict(zip(PREDICTIONS, (case.arrows, arrow, nothing(case)), strict=False))
    return {
        **{name: reasoned(case, pipeline, arrows)[0] for name, arrows in given.items()},
        "constant motion": moved(case.motion.first, arrow, poses, case.scene.intrinsics).representation,
        "still": held_still(case.motion),
    }


def unprompted_errors(case: Case, found: Mapping[str, Representation], threshold: float) -> dict[str, float]:
    """By prediction: end-point error of the flow of what moves and has no arrow, in pixels; NaN where nothing does."""
    assert case.motion.segmentation is not None
    others = np.isin(case.motion.segmentation, sorted(bodies(case) - {prompted(case)}))
    return {
        name: motion_errors(each, case.motion, threshold, among=others)["flow of what moves"]
        for name, each in found.items()
    }


def topple_time(motion: Representation, labels: set[int]) -> float:
    """The mean frame in which these instances begin to move; T for those that never do."""
    onsets = onset(motion)
    return float(np.mean([onsets[label] for label in labels if label in onsets]))


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's, and its 95 % interval by bootstrap over clips."""
    x, y = np.asarray(a), np.asarray(b)
    value = _spearman(x, y)
    samples = [_spearman(x[i], y[i]) for i in drawn(len(x), 1000)]
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return value, float(low), float(high)


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    from scipy.stats import spearmanr

    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0  # what never changes follows nothing
    return float(spearmanr(x, y).statistic)
