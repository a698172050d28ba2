"""Choosing a generator and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate import registry
from simcraft.generate.registry import Generator, Option, complete_options, find_generator, generator_names, register
from simcraft.progress import Progress, silent
from simcraft.video import Video
from tests.analytic import sliding_square


def tint(clip: MotionClip, *, progress: Progress = silent, strength: float, steps: int, soft: bool) -> Video:
    return Video(np.repeat(clip.image[None], clip.frame_count, 0), clip.fps, {"options": [strength, steps, soft]})


def load_tint(model: str) -> Callable[..., Video]:
    def paint(clip: MotionClip, *, progress: Progress, strength: float) -> Video:
        return Video(np.repeat(clip.image[None], clip.frame_count, 0), clip.fps, {"options": [model, strength]})

    return paint


@pytest.fixture
def tinting() -> Iterator[Generator]:
    options = (Option("strength", float, 0.5, minimum=0), Option("steps", int, 4), Option("soft", bool, False))
    generator = Generator("tint", "For this test.", f"{__name__}:tint", options)
    register(generator)
    yield generator
    del registry._GENERATORS["tint"]


def test_a_registered_generator_is_called_with_all_its_options(tinting: Generator) -> None:
    assert generator_names() == tuple(sorted(generator_names())) and {"tint", "warp"} <= set(generator_names())
    clip = sliding_square(count=3)
    assert sc.generate(clip, "tint").made_by == {"options": [0.5, 4, False]}
    assert sc.generate(clip, "tint", strength="0.25", steps="9", soft="yes").made_by == {"options": [0.25, 9, True]}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"speed": 1}, "no option 'speed'. It takes: strength, steps, soft"),
        ({"steps": "many"}, "'steps' is 'many'; expected int"),
        ({"steps": 1.5}, "'steps' is 1.5; expected int"),
        ({"soft": "perhaps"}, "'soft' is 'perhaps'; expected bool"),
        ({"strength": -1}, "'strength' is -1.0; expected 0 or more"),
        ({"strength": float("nan")}, "'strength' is nan; expected 0 or more"),
        ({"strength": "inf"}, "'strength' is inf; expected a finite number"),
        ({"steps": float("inf")}, "'steps' is inf; expected int"),
    ],
)
def test_wrong_options(tinting: Generator, given: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError, match=text):
        complete_options(tinting, given)


def test_too_large_a_value_is_named() -> None:
    with pytest.raises(UserError, match=r"'strength' is 1\.5; expected 1 or less"):
        complete_options(find_generator("motioncraft"), {"strength": "1.5"})


@pytest.mark.parametrize("value", ["nan", "-inf", float("nan")])
def test_numbers_without_limits_are_finite(value: Any) -> None:
    with pytest.raises(UserError, match=r"'delta' is (nan|-inf); expected a finite number"):
        complete_options(find_generator("motion_dreamer"), {"delta": value})


def test_defaults_in_words() -> None:
    usual = (Option("a", bool, True), Option("b", int, 0), Option("c", str, ""), Option("d", int, None, unset="mine"))
    assert [option.usual for option in usual] == ["yes", "0", "none", "mine"]


def test_a_model_is_loaded_with_its_own_options_and_paints_with_the_others() -> None:
    options = (Option("model", str, "small", loading=True), Option("strength", float, 0.5))
    generator = Generator("loading", "For this test.", f"{__name__}:load_tint", options, loads=True)
    clip, complete = sliding_square(count=3), complete_options(generator, {})
    painter = generator.open(complete)
    assert painter(clip, progress=silent, strength=0.1).made_by == {"options": ["small", 0.1]}
    assert generator.load(complete)(clip, progress=silent).made_by == {"options": ["small", 0.5]}
    assert generator.check(complete) == ""


def test_wrong_choice_lists_the_choices() -> None:
    with pytest.raises(UserError, match="bicubic, bilinear, nearest"):
        complete_options(find_generator("warp"), {"interpolation": "lanczos"})


def test_unknown_generator_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"no generator 'wrap'.*warp"):
        sc.generate(sliding_square(count=3), "wrap")


def test_the_room_is_the_verb() -> None:
    import simcraft.generate

    assert simcraft.generate(sliding_square(count=3)).frame_count == 3
