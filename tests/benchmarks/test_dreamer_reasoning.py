"""What the benchmark of Motion Dreamer says of one arrow, and of chains of dominoes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.dreamer_reasoning import (
    CONSTANT,
    PREDICTIONS,
    SIMULATION,
    arrow_of,
    ball,
    onset,
    predictions,
    prompted,
    rank_correlation,
    topple_time,
    toppled,
    unprompted,
    unprompted_errors,
)
from benchmarks.dreamer_table import reasoning_table, topple_table
from tests.benchmarks.tiny_case import FASTER, FRAMES, SLOWER, Tiny, saved, two_squares
from tests.generate import tiny_dreamer


def test_the_arrow_goes_to_what_moves_and_its_error_is_not_counted(tmp_path: Path) -> None:
    case = saved(tiny_dreamer.small_clip(FRAMES), tmp_path)
    assert case.motion.segmentation is not None
    label = prompted(case)
    assert label is not None and onset(case.motion)[label] == 1
    np.testing.assert_array_equal(arrow_of(case, label).known, case.motion.segmentation[0] == label)
    # nothing else moves: there is nothing that reasoning could be wrong about
    assert np.isnan(list(unprompted_errors(case, label, {"truth": case.motion}).values())).all()


def test_where_the_camera_moves_nothing_is_prompted(tmp_path: Path) -> None:
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3] = 0.01 * np.arange(FRAMES)
    case = saved(replace(two_squares(), camera_to_world=poses), tmp_path)
    assert prompted(case) is None and unprompted(case, Tiny().pipeline) == {}


def test_constant_motion_goes_on_and_on_without_an_arrow(tmp_path: Path) -> None:
    case = saved(two_squares(), tmp_path)
    assert prompted(case) == FASTER
    errors = unprompted(case, Tiny().pipeline)
    assert tuple(errors) == PREDICTIONS and np.isfinite(list(errors.values())).all()
    # the other square truly goes on as it begins, and that is not told by the arrow
    assert errors[CONSTANT] < 0.1
    assert errors["only the arrow moves"] == pytest.approx(2.0, abs=0.01) == errors["still"]
    found = predictions(case, FASTER, Tiny().pipeline)
    told, untold = (found[f"stage one, {arrows}"].flow for arrows in ("one arrow", "no arrows"))
    assert not np.array_equal(told, untold)


def test_stones_are_all_but_the_ball(tmp_path: Path) -> None:
    case = saved(two_squares("stone", "ball"), tmp_path)
    assert ball(case) == SLOWER  # not what is faster
    times = toppled(case, Tiny().pipeline)
    assert tuple(times) == (SIMULATION, *PREDICTIONS)
    assert times[SIMULATION] == times[CONSTANT] == 1
    assert times["only the arrow moves"] == times["still"] == FRAMES
    nameless = saved(two_squares(), tmp_path, "nameless")
    assert ball(nameless) is None and toppled(nameless, Tiny().pipeline) == {}


def test_predictions_do_not_depend_on_what_is_scored(tmp_path: Path) -> None:
    case = saved(two_squares(), tmp_path)
    found = predictions(case, SLOWER, Tiny().pipeline)
    assert unprompted_errors(case, SLOWER, found)["only the arrow moves"] == pytest.approx(3.0, abs=0.01)
    assert unprompted_errors(case, FASTER, found)["only the arrow moves"] < 0.1


def test_the_time_of_toppling_is_the_mean_onset(tmp_path: Path) -> None:
    flow, labels = np.zeros((FRAMES, 4, 4, 2), np.float32), np.zeros((FRAMES, 4, 4), np.uint8)
    labels[:, 0], labels[:, 1] = 1, 2
    flow[2:, 0] = 1.0
    motion = replace(saved(two_squares(), tmp_path).motion, flow=flow, segmentation=labels)
    assert onset(motion) == {1: 2, 2: FRAMES}
    assert topple_time(motion, {1}) == 2 and topple_time(motion, {1, 2}) == (2 + FRAMES) / 2
    assert np.isnan(topple_time(motion, {3}))


def test_rank_correlation_is_of_ranks() -> None:
    rising = np.arange(20.0)
    assert rank_correlation(rising, np.exp(rising)) == pytest.approx((1, 1, 1))
    falling = rank_correlation(rising, -rising)
    assert falling is not None and falling[0] == pytest.approx(-1)
    assert rank_correlation(np.ones(20), rising) is None


def test_the_table_of_toppling_tells_what_follows_and_counts_the_rest() -> None:
    times: dict[str, dict[str, float]] = {
        str(i): {SIMULATION: i, "still": 13, **dict.fromkeys(PREDICTIONS[:-1], 2.0 * i), "stage one, one arrow": -i}
        for i in range(6)
    }
    table = topple_table({**times, "no ball": {}})
    assert "| stage one, all arrows | 6 | +1.00" in table and "| stage one, one arrow | 6 | -1.00" in table
    assert "| still | 6 | - |" in table and "1 of 7 clips" in table
    assert "2 of 2 clips" in topple_table({"no ball": {}, "nor here": {}})


def test_the_table_of_one_arrow_is_against_constant_motion() -> None:
    errors = {str(i): {**dict.fromkeys(PREDICTIONS, 2.0 + i), "still": 2.5 + i} for i in range(4)}
    table = reasoning_table({**errors, "turns": {}, "alone": dict.fromkeys(PREDICTIONS, np.nan)})
    assert f"| {CONSTANT} | 4 | 3.500 | - |" in table
    assert "| still | 4 | 4.000 | +0.500 [+0.500, +0.500] (100% higher) |" in table
    assert "1 of 6 clips are left out" in table
