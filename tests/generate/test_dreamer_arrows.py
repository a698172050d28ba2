"""Motion Dreamer's instance flow: from arrows (eq. 4), from a clip (eq. 1 to 3), and hidden (eq. 9 and 10)."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import (
    Arrow,
    InstanceFlow,
    arrow_flow,
    clip_flow,
    find_instance,
    mask_elements,
    mask_instances,
)
from simcraft.generate.motion_dreamer.given_arrows import arrow_from_text, given_arrows, part_of_line, read_arrows
from simcraft.generate.motion_dreamer.scene import FirstScene

SIZE = (48, 32)


def scene(**changes: Any) -> FirstScene:
    """A ball (3) of 8x8 pixels at (8, 8), a box (7) of 16x12 at (28, 12), and one that is out of sight (9)."""
    instances = np.zeros(SIZE[::-1], np.uint16)
    instances[8:16, 8:16] = 3
    instances[12:24, 28:44] = 7
    table = (InstanceInfo(3, "ball"), InstanceInfo(7, "box"), InstanceInfo(9, "boat"))
    fields = {"image": np.zeros((*instances.shape, 3), np.uint8), "instances": instances, "instance_table": table}
    return FirstScene(**{**fields, **changes})


# --------------------------------------------------------------------------------------------------- eq. 4 and names


def test_arrows_are_painted_over_their_instances() -> None:
    """Eq. 4: delta times the arrow, spread over T - 1 steps, inside the mask and nowhere else."""
    flow = arrow_flow(scene(), [Arrow("ball", ((14.0, -7.0),)), Arrow(7, ((0.0, 0.0),))], frames=8, delta=1.5)
    ball, box = scene().instances == 3, scene().instances == 7
    np.testing.assert_allclose(flow.flow[ball], np.tile([3.0, -1.5], (64, 1)))
    assert not flow.flow[~ball].any()
    np.testing.assert_array_equal(flow.known, ball | box)


def test_several_arrows_on_one_instance_give_their_mean() -> None:
    drags = [Arrow(None, ((10.0, 0.0),), (9.0, 9.0)), Arrow(None, ((4.0, 1.0), (0.0, 6.0)), (15.9, 15.9))]
    flow = arrow_flow(scene(), drags, frames=2)
    np.testing.assert_allclose(flow.flow[scene().instances == 3], np.tile([5.0, 3.0], (64, 1)))


def test_no_arrows_say_nothing() -> None:
    flow = arrow_flow(scene(), [], frames=14)
    assert not flow.known.any()
    assert not flow.flow.any()


def test_arrows_in_a_smaller_picture_are_as_much_smaller() -> None:
    flow = arrow_flow(scene(), [Arrow("box", ((12.0, 8.0),))], frames=5, size=(12, 16))
    assert flow.flow.shape == (16, 12, 2)
    np.testing.assert_allclose(flow.flow[flow.known], np.tile([0.75, 1.0], (6 * 4, 1)))


@pytest.mark.parametrize(
    ("arrow", "instance"),
    [
        (Arrow("ball", ((1, 1),)), 3),
        (Arrow(3, ((1, 1),)), 3),
        (Arrow("7", ((1, 1),)), 7),
        (Arrow(None, ((1, 1),), (8.0, 8.0)), 3),
        (Arrow(None, ((1, 1),), (43.99, 23.99)), 7),
        (Arrow("box", ((1, 1),), (8.0, 8.0)), 7),
    ],
)
def test_instances_are_found_by_name_id_and_place(arrow: Arrow, instance: int) -> None:
    assert find_instance(scene(), arrow) == instance


def test_a_name_that_is_a_number_goes_before_the_id() -> None:
    numbered = scene(instance_table=(InstanceInfo(3, "7"), InstanceInfo(7, "3")))
    assert find_instance(numbered, Arrow("7", ((1, 1),))) == 3
    assert find_instance(numbered, Arrow(7, ((1, 1),))) == 7


@pytest.mark.parametrize(
    ("arrow", "message"),
    [
        (Arrow("bal", ((1, 1),)), r"no instance 'bal' for an arrow to move. Nearest name first: ball, box\."),
        (Arrow(4, ((1, 1),)), "no instance '4'"),
        (Arrow(0, ((1, 1),)), "no instance '0'"),
        (Arrow("²", ((1, 1),)), "no instance '²'"),
        (Arrow("boat", ((1, 1),)), "first frame does not show 'boat'"),
        (Arrow(9, ((1, 1),)), "first frame does not show '9'"),
        (Arrow("9", ((1, 1),)), "first frame does not show '9'"),
        (Arrow(None, ((1, 1),), (1.0, 2.5)), r"begins at \(1, 2.5\) on no instance.*ball, box"),
        (Arrow(None, ((1, 1),), (48.0, 2.0), "Push"), r"'Push' begins at \(48, 2\), outside .* 48x32"),
        (Arrow(None, ((1, 1),), (-0.1, 2.0)), "outside"),
    ],
)
def test_arrows_on_nothing_are_told(arrow: Arrow, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_instance(scene(), arrow)


def test_names_that_several_have_ask_for_ids() -> None:
    twins = scene(instance_table=(InstanceInfo(3, "box"), InstanceInfo(7, "box")))
    with pytest.raises(UserError, match=r"2 instances are called 'box'. Use one of their ids: 3, 7."):
        find_instance(twins, Arrow("box", ((1, 1),)))


def test_long_lists_of_names_are_cut() -> None:
    many = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE[::-1])
    with pytest.raises(UserError, match="and 1523 more"):
        find_instance(scene(instances=many), Arrow("cube", ((1, 1),)))


def test_scenes_without_instances_have_nothing_to_move() -> None:
    with pytest.raises(UserError, match="shows no instance"):
        find_instance(scene(instances=np.zeros(SIZE[::-1], np.uint16)), Arrow("ball", ((1, 1),)))


def test_clips_of_one_frame_have_no_motion() -> None:
    with pytest.raises(UserError, match="A clip of 1 frames"):
        arrow_flow(scene(), [], frames=1)


def test_instances_that_vanish_in_a_smaller_picture_are_told() -> None:
    instances = np.zeros(SIZE[::-1], np.uint16)
    instances[0, 0] = 3
    with pytest.raises(UserError, match="'ball' is too small: nothing of it is left in 6x4 pixels"):
        arrow_flow(scene(instances=instances), [Arrow("ball", ((1, 1),))], frames=2, size=(6, 4))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "ball", "offsets": ()}, "'ball' leads nowhere"),
        ({"target": "ball", "offsets": ((1.0, math.nan),)}, "'ball' has a number that is not finite"),
        ({"target": None, "offsets": ((1.0, 0.0),), "start": (math.inf, 0.0)}, "not finite"),
        ({"target": None, "offsets": ((1.0, 0.0),)}, "names no instance and begins nowhere"),
    ],
)
def test_arrows_that_mean_nothing_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Arrow(**fields)


def test_flows_and_masks_have_one_size() -> None:
    with pytest.raises(UserError, match="Instance flow is"):
        InstanceFlow(np.zeros((4, 4, 2), np.float32), np.zeros((4, 5), bool))


# ------------------------------------------------------------------------------------------- eq. 1 to 3, eq. 9 and 10


def test_clips_say_how_their_instances_move(clip: MotionClip) -> None:
    """The square slides by the same step in every frame; the background, and what never has flow, is not known."""
    flow = clip_flow(clip)
    assert clip.instances is not None
    square = clip.instances[0] == 1
    np.testing.assert_array_equal(flow.known, square)
    np.testing.assert_allclose(flow.flow[square], np.tile([3.3, 0.6], (square.sum(), 1)), atol=1e-5)
    blind = dataclasses.replace(clip, flow_valid_forward=np.zeros_like(clip.flow_valid_forward))
    assert not clip_flow(blind).known.any()


def moving() -> InstanceFlow:
    rng = np.random.default_rng(5)
    return InstanceFlow(rng.normal(size=(64, 96, 2)).astype(np.float32), rng.random((64, 96)) < 0.75)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_single_elements_are_hidden(share: float) -> None:
    """Eq. 10, F' = M * F: what stays is untouched, the rest is 0 and unknown; M is 0 with probability p (eq. 9)."""
    flow = moving()
    hidden = mask_elements(flow, share, np.random.default_rng(0))
    assert not (hidden.known & ~flow.known).any()
    np.testing.assert_array_equal(hidden.flow[hidden.known], flow.flow[hidden.known])
    assert not hidden.flow[~hidden.known].any()
    # 4608 draws: the standard deviation is at most 0.0075
    assert hidden.known[flow.known].mean() == pytest.approx(1 - share, abs=0.03)


def test_whole_instances_are_hidden() -> None:
    flow = moving()
    instances = np.repeat(np.arange(64, dtype=np.uint16)[:, None] // 2, 96, 1)
    kept = []
    for seed in range(40):
        hidden = mask_instances(flow, instances, 0.25, np.random.default_rng(seed))
        shares = np.array([hidden.known[(instances == i) & flow.known].mean() for i in range(32)])
        assert set(shares) <= {0.0, 1.0}
        assert not hidden.flow[~hidden.known].any()
        kept.append(shares)
    # 1280 draws: the standard deviation is 0.012
    assert np.mean(kept) == pytest.approx(0.75, abs=0.05)
    assert np.array_equal(mask_instances(flow, instances, 0.0, np.random.default_rng(0)).known, flow.known)
    assert not mask_instances(flow, instances, 1.0, np.random.default_rng(0)).known.any()


# ------------------------------------------------------------------------------------------------------ given arrows

numbers = st.floats(-1e4, 1e4, allow_nan=False)
names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).map(str.strip).filter(bool)


@given(name=names, dx=numbers, dy=numbers)
def test_texts_name_any_instance(name: str, dx: float, dy: float) -> None:
    arrow = arrow_from_text(f"{name}={dx!r}, {dy!r}")
    assert arrow.displacement == (dx, dy)
    assert arrow.target == name or (arrow.target is None and "," in name)


@given(x=numbers, y=numbers, dx=numbers, dy=numbers)
def test_texts_name_points(x: float, y: float, dx: float, dy: float) -> None:
    assert arrow_from_text(f"{x!r},{y!r}={dx!r},{dy!r}") == Arrow(None, ((dx, dy),), (x, y))


@given(st.text(max_size=30))
def test_any_other_text_is_told(text: str) -> None:
    try:
        arrow = arrow_from_text(text)
    except UserError as error:
        assert f"Arrow '{text}' is not INSTANCE=DX,DY" in str(error)
    else:
        assert "=" in text
        assert np.isfinite(arrow.displacement).all()


@pytest.mark.parametrize("text", ["ball", "ball=", "=1,2", "ball=1", "ball=1,2,3", "ball=a,b", "ball=nan,1", ""])
def test_wrong_texts_are_told(text: str) -> None:
    with pytest.raises(UserError, match="is not INSTANCE=DX,DY"):
        arrow_from_text(text)


def test_huge_numbers_in_texts_are_told() -> None:
    with pytest.raises(UserError, match="'ball' has a number that is not finite"):
        arrow_from_text("ball=1e999,0")


def test_mappings_and_lists_are_arrows() -> None:
    expected = (Arrow("ball", ((40.0, -5.0),)), Arrow(7, ((0.0, 0.0),)))
    assert given_arrows({"ball": (40, -5), 7: np.zeros(2)}, SIZE) == expected
    assert given_arrows(["ball=40,-5", expected[1]], SIZE) == expected
    assert given_arrows({}, SIZE) == ()


@pytest.mark.parametrize("displacement", [3, (1,), (1, 2, 3), "12", (math.nan, 0), (True, 1), ("1", "2"), None])
def test_mappings_to_anything_else_are_told(displacement: Any) -> None:
    with pytest.raises(UserError, match=r"arrow of 'ball' is .*; expected \(dx, dy\) in pixels"):
        given_arrows({"ball": displacement}, SIZE)


# ------------------------------------------------------------------------------------------------------------- files

ROW = {"name": "Push", "object": "Ball", "kind": "instance", "frames": [1, 48], "points": [[10, 20], [30, 15]]}


def written(folder: Path, *rows: Any, **changes: Any) -> Path:
    path = folder / "arrows.json"
    path.write_text(json.dumps({"version": 1, "size": [100, 50], "arrows": list(rows), **changes}))
    return path


def test_files_are_scaled_to_the_picture(tmp_path: Path) -> None:
    drag = {"name": "", "object": None, "kind": "drag", "frames": [1, 24], "points": [[40, 10], [45, 10], [50, 5]]}
    first, second = read_arrows(written(tmp_path, ROW, drag), (200, 25))
    assert first == Arrow("Ball", ((40.0, -2.5),), (20.0, 10.0), "Push")
    assert second == Arrow(None, ((10.0, 0.0), (20.0, -2.5)), (80.0, 5.0))


def test_only_the_clips_part_of_an_arrow_counts(tmp_path: Path) -> None:
    """At constant speed along the line: 47 steps of it, of which the clip sees some."""
    path = written(tmp_path, ROW)
    (arrow,) = read_arrows(path, (100, 50), frames=(1, 48))
    assert arrow.displacement == pytest.approx((20, -5))
    (arrow,) = read_arrows(path, (100, 50), frames=(-50, 100))
    assert arrow.displacement == pytest.approx((20, -5))
    (arrow,) = read_arrows(path, (100, 50), frames=(11, 24))
    assert arrow.start == pytest.approx((10 + 20 * 10 / 47, 20 - 5 * 10 / 47))
    assert arrow.displacement == pytest.approx((20 * 13 / 47, -5 * 13 / 47))


@given(
    line=st.lists(st.tuples(numbers, numbers), min_size=2, max_size=6),
    first=st.floats(0, 1),
    last=st.floats(0, 1),
)
def test_parts_of_lines_are_as_long_as_asked(line: list[tuple[float, float]], first: float, last: float) -> None:
    first, last = min(first, last), max(first, last)
    points = np.array(line)
    part = part_of_line(points, first, last)

    def length(line: np.ndarray) -> float:
        return float(np.hypot(*np.diff(line, axis=0).T).sum())

    assert length(part) == pytest.approx((last - first) * length(points), rel=1e-6, abs=1e-6 * (1 + length(points)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 60) | st.floats() | st.sampled_from(["Ball", "drag", "instance", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ROW)), inner, max_size=5),
    max_leaves=8,
)


@given(row=st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, json_values)) | json_values, whole=json_values)
def test_any_json_is_read_or_told(row: Any, whole: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    changed = {**ROW, **row} if isinstance(row, dict) else row
    for path in (written(folder, changed), written(folder, ROW, size=whole), written(folder, arrows=whole)):
        try:
            arrows = read_arrows(path, SIZE, frames=(1, 30))
        except UserError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert all(np.isfinite(arrow.offsets).all() for arrow in arrows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "push"}, r"arrow 1, 'Push', is of kind 'push'. Known: instance, drag"),
        ({"object": 3}, "has object 3; expected a name or null"),
        ({"object": None}, "names no object to move"),
        ({"frames": [48, 1]}, r"has frames \[48, 1\]; expected \[first, last\]"),
        ({"frames": None}, "has frames None"),
        ({"points": [[1, 2]]}, r"has points \[\[1, 2\]\]; expected two or more"),
        ({"points": [[1, 2], [1]]}, "expected two or more"),
        ({"points": [[1, 2, 3]] * 40}, r"has points .{57}\.\.\.; expected"),
        ({"frames": [31, 40]}, "moves in frames 31 to 40, but the clip has 1 to 31"),
    ],
)
def test_wrong_rows_are_told(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_arrows(written(tmp_path, {**ROW, **changes}), SIZE, frames=(1, 31))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged or not a JSON file of arrows"),
        ("[]", r"no file of arrows of version 1 \(version: None\)"),
        ('{"version": 2, "size": [4, 4], "arrows": []}', r"version: 2"),
        ('{"version": 1, "arrows": []}', "lacks 'size'"),
        ('{"version": 1, "size": [0, 4], "arrows": []}', "lacks 'size'"),
        ('{"version": 1, "size": [4, 4]}', "or 'arrows', a list"),
    ],
)
def test_wrong_files_are_told(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "arrows.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        given_arrows(path, SIZE)
    with pytest.raises(UserError, match="does not exist; expected a JSON file of arrows"):
        given_arrows(str(tmp_path / "none.json"), SIZE)


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "arrows.md").read_text(encoding="utf-8")
    path = tmp_path / "example.json"
    path.write_text(page.split("```json")[1].split("```")[0])
    instance, drag = read_arrows(path, (512, 512))
    assert (instance.target, instance.displacement) == ("Ball", (139.5, -9.5))
    assert (drag.target, drag.start, len(drag.offsets)) == (None, (40.0, 60.0), 2)
