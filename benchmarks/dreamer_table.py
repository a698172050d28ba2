"""The tables of the benchmark of Motion Dreamer, in Markdown, and what they say of its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.dreamer_measures import DISTANCES, Distance, Measured, frechet, frechet_order
from benchmarks.dreamer_reasoning import PREDICTIONS, rank_correlation
from benchmarks.tables import MARGIN, markdown, mean_text, paired, verdict

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
FULL = "two stages"
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
SIMULATION = "simulation"
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


def against_warp(results: Results, name: str) -> str | None:
    """Does a row beat `warp` where content is new, and not lose elsewhere?"""
    values = ("new_psnr", "elsewhere_psnr")
    new, elsewhere = (paired(_values(results, name, value), _values(results, "warp", value)) for value in values)
    if new is None or elsewhere is None:
        return None
    holds = verdict(new.low > 0 and elsewhere.low > -MARGIN)
    return (
        f"- {name}: {holds}. New content, PSNR {new.text()}; elsewhere {elsewhere.text()}, {new.clips} and "
        f"{elsewhere.clips} clips."
    )


def reasoning_table(errors: Mapping[str, Mapping[str, float]]) -> str:
    """Errors of the unprompted bodies' flow, by case and prediction; means, and differences to constant motion."""
    other = "constant motion"
    by_name = {
        name: {case: each[name] for case, each in errors.items() if np.isfinite(each[name])} for name in PREDICTIONS
    }
    rows = []
    for name, values in by_name.items():
        pair = None if name == other else paired(values, by_name[other])
        rows.append(
            [name, str(len(values)), mean_text(list(values.values()), 3), "-" if pair is None else pair.text(3)]
        )
    return markdown(["prediction", "clips", "end-point error, px", f"minus {other}"], rows)


def topple_table(times: Mapping[str, Mapping[str, float]]) -> str:
    """Does the predicted time of toppling follow the simulated one? `times` by case and prediction, in frames."""
    known = [each for each in times.values() if np.isfinite(list(each.values())).all()]
    truth = [each[SIMULATION] for each in known]
    rows = []
    for name in PREDICTIONS:
        found = [each[name] for each in known]
        value, low, high = rank_correlation(found, truth)
        off = float(np.mean(np.abs(np.subtract(found, truth))))
        rows.append([name, str(len(found)), f"{value:+.2f} [{low:+.2f}, {high:+.2f}]", f"{off:.2f}"])
    return markdown(["prediction", "clips", "rank correlation", "off by, frames"], rows)


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
    verdict = "farther" if distance.low > 0 else "nearer" if distance.high < 0 else "cannot be told"
    return f"{distance.value:+.3g} [{distance.low:+.3g}, {distance.high:+.3g}]: {verdict}"
