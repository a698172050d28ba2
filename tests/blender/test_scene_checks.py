"""What is found missing in a scene, from facts alone; and what an effect will take."""

from __future__ import annotations

import dataclasses

import pytest

from blender_addon.physics import Cache
from blender_addon.staging.checks import ERROR, HINT, PROBLEMS, WARNING, findings
from blender_addon.staging.facts import Movers, SceneFacts
from blender_addon.staging.memory import in_words, need
from blender_addon.staging.substances import SUBSTANCES

BODIES = Movers((("rigid", 2),), ("a", "b"))
READY = SceneFacts(1, 48, 1, 512, 512, True, True, 1.0, True, BODIES, (Cache("the rigid-body world", 1, 48, False),))


def found(**changes: object) -> list[tuple[str, str]]:
    return [(f.problem, f.level) for f in findings(dataclasses.replace(READY, **changes))]


def test_of_a_scene_that_is_ready_nothing_is_said() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "problem", "level"),
    [
        ({"has_camera": False}, "CAMERA", ERROR),
        ({"seen": 0.2}, "VIEW", WARNING),
        ({"movers": Movers(), "caches": ()}, "MOTION", ERROR),
        ({"movers": Movers(asleep=True)}, "ASLEEP", ERROR),
        ({"movers": dataclasses.replace(BODIES, asleep=True)}, "ASLEEP", WARNING),
        ({"movers": dataclasses.replace(BODIES, frames=(60.0, 90.0))}, "WHEN", ERROR),
        ({"movers": dataclasses.replace(BODIES, frames=(-9.0, 1.0))}, "WHEN", ERROR),
        ({"last": 1}, "RANGE", ERROR),
        ({"last": -5}, "RANGE", ERROR),
        ({"last": 8, "step": 10}, "RANGE", ERROR),
        ({"last": 5000, "caches": ()}, "LONG", WARNING),
        ({"caches": (Cache("the cloth of 'Flag'", 10, 90, False),)}, "CACHE", WARNING),
        ({"caches": (Cache("the cloth of 'Flag'", 1, 20, True),)}, "CACHE", WARNING),
        ({"caches": (Cache("the cloth of 'Flag'", 1, 48, True, stale=True),)}, "CACHE", WARNING),
        ({"hungry": (("Smoke", "emitter"),)}, "SOURCE", ERROR),
        ({"width": 40}, "SIZE", WARNING),
        ({"width": 1920, "height": 1080}, "SIZE", HINT),
        ({"has_light": False}, "LIGHT", WARNING),
        ({"unit_scale": 0.01}, "UNITS", WARNING),
        ({"saved": False}, "SAVE", HINT),
    ],
)
def test_one_thing_that_is_wrong_is_found(changes: dict[str, object], problem: str, level: str) -> None:
    assert found(**changes) == [(problem, level)]
    assert problem in PROBLEMS


@pytest.mark.parametrize(
    "changes",
    [
        {"caches": (Cache("the particles", 10, 20, False, freezes_before=False, freezes_after=False),)},
        {"caches": (Cache("the rigid-body world", -50, 250, False),)},
        {"movers": Movers(camera=True), "seen": 0.0},
        {"movers": dataclasses.replace(BODIES, frames=(40.0, 90.0))},
        {"width": 0, "height": 0},
        {"step": 4},
    ],
)
def test_what_is_fine_is_not_complained_about(changes: dict[str, object]) -> None:
    assert found(**changes) == []


def test_the_worst_comes_first() -> None:
    levels = [level for _, level in found(saved=False, has_light=False, has_camera=False)]
    assert levels == [ERROR, WARNING, HINT]


def test_what_moves_is_counted_in_words() -> None:
    movers = Movers((("rigid", 20), ("smoke", 1)), ("a",), camera=True)
    assert movers.words() == "20 rigid bodies, 1 smoke, camera"


def test_smoke_takes_density_and_velocity_of_every_cell_and_frame() -> None:
    needs = need("smoke", (2.0, 1.0, 4.0), 64, 48)
    assert needs.cells == (32, 16, 64)
    assert needs.disk == 32 * 16 * 64 * 48 * 16
    assert needs.memory > 2 * needs.disk
    assert need("fire", (2.0, 1.0, 4.0), 64, 48).disk > needs.disk
    # twice the resolution, eight times the cells
    assert need("smoke", (2.0, 1.0, 4.0), 128, 48).memory == pytest.approx(8 * needs.memory)


def test_sizes_are_read_easily() -> None:
    assert [in_words(n) for n in (1, 350_000_000, 1_240_000_000)] == ["1 MB", "350 MB", "1.2 GB"]


def test_bullets_products_are_the_coefficients_of_a_pair() -> None:
    for substance in SUBSTANCES.values():
        assert substance.friction**2 == pytest.approx(substance.sliding)
        assert substance.restitution**2 == pytest.approx(substance.bounce)
    assert SUBSTANCES["ICE"].density < 1000 < SUBSTANCES["STONE"].density < SUBSTANCES["METAL"].density
