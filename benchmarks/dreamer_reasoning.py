"""Does stage one reason? What it makes of one arrow, beside predictions without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.dreamer_cases import Case
from benchmarks.dreamer_rows import nothing, reasoned, scaled
from benchmarks.tables import drawn
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, instance_vectors, kept
from simcraft.generate.motion_dreamer.moved import moved
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motion_dreamer.scene import fixed_instances
from simcraft.generate.motion_dreamer.stage_one import painted_flow
from simcraft.train.dreamer_evaluate import held_still, motion_errors

MOVES = 0.2
"""Pixels a frame from which an instance counts as moving."""
MOVING = "flow of what moves"
"""The error that is told here, see `motion_errors`."""
GIVEN = ("all arrows", "one arrow", "no arrows")
"""What stage one is told."""
CONSTANT = "constant motion"
PREDICTIONS = (*(f"stage one, {name}" for name in GIVEN), CONSTANT, "only the arrow moves", "still")
SIMULATION = "simulation"
"""What the predicted times of toppling are compared with."""


# ---------------------------------------------------------------------------------------------------------- of one case


def unprompted(case: Case, pipeline: MotionDreamerPipeline) -> dict[str, float]:
    """Of `PREDICTIONS`, `unprompted_errors` where what moves first has the one arrow; empty where none can have it."""
    label = prompted(case)
    return {} if label is None else unprompted_errors(case, label, predictions(case, label, pipeline))


def toppled(case: Case, pipeline: MotionDreamerPipeline) -> dict[str, float]:
    """Of `SIMULATION` and `PREDICTIONS`, the `topple_time` of the stones where the ball has the one arrow.

    Empty where the first frame does not show the ball.
    """
    label = ball(case)
    if label is None:
        return {}
    found = {SIMULATION: case.motion, **predictions(case, label, pipeline)}
    return {name: topple_time(each, bodies(case) - {label}) for name, each in found.items()}


def errors_told(case: Case, pipeline: MotionDreamerPipeline, delta: float) -> dict[str, float]:
    """Errors of the flow of what moves, by what of `GIVEN` stage one is told, and of instances and depth.

    Arrows are told as they are, times `delta`.
    """
    label = prompted(case)
    told = {"all arrows": case.arrows, "no arrows": nothing(case)}
    if label is not None:
        told["one arrow"] = arrow_of(case, label)
    values = {}
    for name, arrows in told.items():
        motion, _ = reasoned(case, pipeline, scaled(arrows, delta))
        errors = motion_errors(motion, case.motion, case.threshold)
        values[f"{MOVING}, {name}"] = errors[MOVING]
        if name == "all arrows":
            values |= {what: errors[what] for what in ("labels", "depth")}
    return values


# --------------------------------------------------------------------------------------------------------------- bodies


def bodies(case: Case) -> set[int]:
    """Labels of the instances that can move."""
    fixed = fixed_instances(case.clip)
    return {label for label, number in enumerate(case.motion.ids, 1) if number not in fixed}


def ball(case: Case) -> int | None:
    """The label of what is called so; None where the first frame does not show it."""
    named = [info.id for info in case.clip.instance_table if info.name == "ball"]
    return next((label for label, number in enumerate(case.motion.ids, 1) if number in named), None)


def prompted(case: Case) -> int | None:
    """The label that one arrow is given to: what moves first, and of such the fastest.

    None where nothing moves, and where the camera does: what is at rest then moves in the picture, too.
    """
    motion, poses = case.motion, case.clip.camera_to_world
    assert motion.segmentation is not None and poses is not None
    if not np.allclose(poses, poses[:1]):
        return None
    onsets = onset(motion)
    vectors = instance_vectors(case.arrows, motion.segmentation[0])
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


# ---------------------------------------------------------------------------------------------------------- predictions


def predictions(case: Case, label: int, pipeline: MotionDreamerPipeline) -> dict[str, Representation]:
    """R by name of `PREDICTIONS`; "one arrow" is that of the instance `label`."""
    arrow, poses = arrow_of(case, label), case.clip.camera_to_world
    assert poses is not None
    told = dict(zip(PREDICTIONS, (case.arrows, arrow, nothing(case)), strict=False))
    sent = dict(zip(PREDICTIONS[len(told) :], (first_steps(case), arrow), strict=False))
    first, intrinsics = case.motion.first, case.scene.intrinsics
    return {
        **{name: reasoned(case, pipeline, arrows)[0] for name, arrows in told.items()},
        **{name: moved(first, arrows, poses, intrinsics).representation for name, arrows in sent.items()},
        "still": held_still(case.motion),
    }


def arrow_of(case: Case, label: int) -> InstanceFlow:
    """The one arrow of the instance `label`."""
    assert case.motion.segmentation is not None
    return kept(case.arrows, case.motion.segmentation[0] == label)


def first_steps(case: Case) -> InstanceFlow:
    """How each body truly moves from the first frame to the second: on and on, that is constant motion."""
    motion = case.motion
    assert motion.segmentation is not None
    vectors = {}
    for label in bodies(case):
        mine = (motion.segmentation[1] == label) & motion.flow_valid[1]
        if mine.any():
            vectors[label] = -motion.flow[1][mine].mean(0)  # flow leads back
    return painted_flow(vectors, motion.segmentation[0])


def unprompted_errors(case: Case, label: int, found: Mapping[str, Representation]) -> dict[str, float]:
    """By prediction: end-point error of the flow of what moves and is not `label`, in pixels; NaN where nothing is."""
    assert case.motion.segmentation is not None
    others = np.isin(case.motion.segmentation, sorted(bodies(case) - {label}))
    return {
        name: motion_errors(each, case.motion, case.threshold, among=others)[MOVING] for name, each in found.items()
    }


def topple_time(motion: Representation, labels: set[int]) -> float:
    """The mean frame in which these instances begin to move; T for those that never do. NaN where there are none."""
    onsets = onset(motion)
    known = [onsets[label] for label in labels if label in onsets]
    return float(np.mean(known)) if known else float("nan")


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float] | None:
    """Spearman's, and its 95 % interval by bootstrap over clips; None where it is undefined, as one never changes."""
    x, y = np.asarray(a), np.asarray(b)
    value = _spearman(x, y)
    if np.isnan(value):
        return None
    low, high = np.nanpercentile([_spearman(x[i], y[i]) for i in drawn(len(x), 1000)], [2.5, 97.5])
    return value, float(low), float(high)


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    from scipy.stats import rankdata

    if not len(x) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
