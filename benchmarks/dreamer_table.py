"""The tables of the benchmark of Motion Dreamer, in Markdown, and what they say of its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.dreamer_measures import DISTANCES, Distance, Measured, frechet, frechet_order
from benchmarks.dreamer_reasoning import CONSTANT, PREDICTIONS, SIMULATION, rank_correlation
from benchmarks.dreamer_rows import MOVED
from benchmarks.tables import FEWEST, MARGIN, markdown, mean_text, paired, verdict

Results = Mapping[str, Mapping[str, Measured]]
"""Row -> case -> what was measured."""
TRUTH = "the truth"
PAINTED = (
    ("psnr", "PSNR", 2),
    ("ssim", "SSIM", 3),
    ("new_psnr", "new: PSNR", 2),
    ("new_sharpness", "new: sharpness", 2),
    ("elsewhere_psnr", "elsewhere: PSNR", 2),
)
PREDICTED = (
    ("flow", "flow: end-point error, px", 3),
    ("flow of what moves", "of what moves", 3),
    ("labels", "instances: IoU", 3),
    ("depth", "depth: error, %", 2),
)
"""Value, head of its column, digits."""
FULL, SIMULATED = "two stages", "simulation in place of stage one"
PAPER = (
    ("two stages", 157.8, 205.1),
    ("two stages, small budget, no enhancement loss", 165.1, 210.1),
    ("two stages, without depth", 167.0, 228.8),
    ("two stages, sparse flow", 169.1, 217.5),
    ("two stages, without flow", 173.0, 224.3),
    ("one stage, small budget", 173.0, None),
    ("two stages, without segmentation", 243.7, 259.0),
)
"""Our row, and FVD and FVMD of it in the paper, as far as they are known to us."""
_ROUNDING = 1e-9
"""What distances of equal sets are, instead of 0."""
EQUAL_BUDGET = "two stages, small budget"
"""What the rows of a small budget are compared with."""


def main_table(results: Results, names: Sequence[str], kinds: Sequence[str]) -> str:
    """A row a method: distances between sets, then means over clips; in brackets over how many, where not all."""
    head = ["row", "clips", *(DISTANCES[kind] for kind in kinds), *(title for _, title, _ in PAINTED)]
    rows = []
    for name in (name for name in names if results.get(name)):
        mine = results[name]
        far = [_distance_text(frechet(mine, results[TRUTH], kind)) for kind in kinds]
        rows.append([name, str(len(mine)), *far, *_means(mine, PAINTED)])
    return markdown(head, rows)


def motion_table(results: Results, names: Sequence[str]) -> str:
    """The same of predicted motion, with the distance of exact tracks; empty where no row predicts."""
    head = ["row", DISTANCES["tracks"], *(title for _, title, _ in PREDICTED)]
    rows = []
    for name in names:
        mine = {case: measured for case, measured in results.get(name, {}).items() if "flow" in measured.values}
        if mine and name != TRUTH:
            far = _distance_text(frechet(mine, results[TRUTH], "tracks"))
            rows.append([name, far, *_means(mine, PREDICTED)])
    return markdown(head, rows) if rows else ""


def against_moved(results: Results) -> str | None:
    """What does stage one make of the moved first frame that it adds to? None where one of the rows is not there."""
    if not results.get(FULL) or not results.get(MOVED):
        return None
    found = []
    for name, title, digits in PREDICTED:
        pair = paired(_values(results, FULL, name), _values(results, MOVED, name))
        found.append(f"{title} {'-' if pair is None else pair.text(digits)}")
    return f"{FULL.capitalize()} minus {MOVED}: {'; '.join(found)}."


def order_table(results: Results, kinds: Sequence[str]) -> str:
    """Each row of the paper's ablation against the full method: is it farther from the truth, as in the paper?

    Empty where none of them is there.
    """
    rows = []
    for name, video, motion in PAPER[1:]:
        other = EQUAL_BUDGET if "small budget" in name else FULL
        if results.get(name) and results.get(other):
            cells = [_order_text(frechet_order(results[name], results[other], results[TRUTH], kind)) for kind in kinds]
            published = [f"{video - PAPER[0][1]:+.1f}", "-" if motion is None else f"{motion - PAPER[0][2]:+.1f}"]
            rows.append([name, other, *cells, *published])
    head = ["row", "minus", *(DISTANCES[kind] for kind in kinds), "paper: FVD", "paper: FVMD"]
    return markdown(head, rows) if rows else ""


def against_warp(results: Results, name: str, kinds: Sequence[str]) -> str | None:
    """Does a row beat `warp` where content is new, and not lose elsewhere? And is it nearer to the truth?"""
    values = ("new_psnr", "elsewhere_psnr")
    new, elsewhere = (paired(_values(results, name, value), _values(results, "warp", value)) for value in values)
    if new is None or elsewhere is None:
        return None
    holds = verdict(new.low > 0 and elsewhere.low > -MARGIN, min(new.clips, elsewhere.clips))
    return (
        f"- {name}: {holds}. New content, PSNR {new.text()}; elsewhere {elsewhere.text()}, {new.clips} and "
        f"{elsewhere.clips} clips. Distance to the truth, minus that of warp: {_orders(results, name, 'warp', kinds)}."
    )


def against_simulation(results: Results, kinds: Sequence[str]) -> str | None:
    """How much is lost where stage one takes the simulation's place? None where one of the rows is not there."""
    if not results.get(FULL) or not results.get(SIMULATED):
        return None
    orders = _orders(results, FULL, SIMULATED, kinds)
    return f"{FULL.capitalize()} minus {SIMULATED}, distance to the truth: {orders}."


def _orders(results: Results, name: str, other: str, kinds: Sequence[str]) -> str:
    found = {kind: frechet_order(results[name], results[other], results[TRUTH], kind) for kind in kinds}
    return "; ".join(f"{DISTANCES[kind]} {_order_text(each)}" for kind, each in found.items())


def reasoning_table(errors: Mapping[str, Mapping[str, float]]) -> str:
    """Errors of the unprompted bodies' flow, by case and prediction; means, and differences to constant motion.

    Cases without errors are left out, and counted.
    """
    by_name = {
        name: {case: each[name] for case, each in errors.items() if np.isfinite(each.get(name, np.nan))}
        for name in PREDICTIONS
    }
    rows = []
    for name, values in by_name.items():
        pair = None if name == CONSTANT else paired(values, by_name[CONSTANT])
        known = list(values.values())
        rows.append([name, str(len(known)), mean_text(known, 3), "-" if pair is None else pair.text(3)])
    table = markdown(["prediction", "clips", "end-point error, px", f"minus {CONSTANT}"], rows)
    out = sum(not each for each in errors.values())
    return f"{table}\n\n{out} of {len(errors)} clips are left out: the camera moves, or nothing does."


def topple_table(times: Mapping[str, Mapping[str, float]]) -> str:
    """Does the predicted time of toppling follow the simulated one? `times` by case and prediction, in frames.

    Cases without times are left out, and counted.
    """
    known = [each for each in times.values() if each and np.isfinite(list(each.values())).all()]
    truth = [each[SIMULATION] for each in known]
    rows = []
    for name in PREDICTIONS if known else ():
        found = [each[name] for each in known]
        off = float(np.mean(np.abs(np.subtract(found, truth))))
        rows.append([name, str(len(found)), _correlation_text(rank_correlation(found, truth)), f"{off:.2f}"])
    table = markdown(["prediction", "clips", "rank correlation", "off by, frames"], rows)
    out = len(times) - len(known)
    return f"{table}\n\n{out} of {len(times)} clips are left out: their first frame does not show the ball."


def _correlation_text(found: tuple[float, float, float] | None) -> str:
    return "-" if found is None else "{:+.2f} [{:+.2f}, {:+.2f}]".format(*found)


def _values(results: Results, name: str, value: str) -> dict[str, float]:
    found = {case: measured.values.get(value) for case, measured in results.get(name, {}).items()}
    return {case: number for case, number in found.items() if number is not None}


def _means(mine: Mapping[str, Measured], columns: Sequence[tuple[str, str, int]]) -> list[str]:
    return [mean_text([each.values.get(value) for each in mine.values()], digits) for value, _, digits in columns]


def _distance_text(distance: Distance | None) -> str:
    if distance is None:
        return "-"
    known = (distance.value, distance.low, distance.high)
    value, low, high = (0.0 if abs(each) < _ROUNDING else each for each in known)
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


def _order_text(distance: Distance | None) -> str:
    if distance is None:
        return "-"
    told = "farther" if distance.low > 0 else "nearer" if distance.high < 0 else "cannot be told"
    if distance.clips < FEWEST:
        told = "too few clips to tell"
    return f"{distance.value:+.3g} [{distance.low:+.3g}, {distance.high:+.3g}], {told}"
