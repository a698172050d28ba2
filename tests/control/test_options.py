"""Which settings become options of which generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blender_addon.control.options import Knowledge, options_of


@dataclass
class Settings:
    """`Scene.simcraft` without Blender."""

    generator: str = "motioncraft"
    model: str = ""
    prompt: str = " dominoes "
    negative_prompt: str = ""
    mode: str = "fast"
    use_strength: bool = False
    strength: float = 0.4
    use_steps: bool = True
    steps: int = 7
    use_guidance: bool = False
    guidance: float = 7.5
    seed: int = 3
    device: str = "auto"
    offload: str = "none"


def knowledge(best: str, **generators: list[dict[str, Any]]) -> Knowledge:
    known = [{"name": name, "summary": "", "options": options} for name, options in generators.items()]
    return Knowledge({"best": best, "generators": known})


def test_only_what_is_set_is_an_option() -> None:
    expected = {"prompt": "dominoes", "mode": "fast", "steps": 7, "seed": 3, "device": "auto", "offload": "none"}
    assert options_of(Settings(), Knowledge()) == expected


def test_warp_has_none_of_them() -> None:
    assert options_of(Settings("warp"), Knowledge()) == {}


def test_automatic_has_the_options_of_the_best_one() -> None:
    known = knowledge("dream with big: it scored best", warp=[], dream=[{"name": "prompt"}])
    assert options_of(Settings("auto"), known) == {"prompt": "dominoes"}
    assert options_of(Settings("auto"), knowledge("warp: nothing else is here", warp=[], dream=[])) == {}


def test_before_the_engine_has_answered_automatic_is_not_known() -> None:
    assert not Knowledge().knows("auto")
    assert Knowledge().knows("motioncraft")
    assert knowledge("warp: so", warp=[]).knows("auto")


def test_the_same_word_may_mean_something_else_elsewhere() -> None:
    known = knowledge("", dream=[{"name": "mode", "choices": ["a", "b"]}, {"name": "seed", "choices": []}])
    assert options_of(Settings("dream"), known) == {"seed": 3}
