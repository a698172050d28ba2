"""Temporary changes of a scene are undone, whatever happens."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from blender_addon.restore import Changes, temporary_changes


class Picky(dict):
    """Refuses numbers of more than 31 bits, as Blender's custom properties do."""

    def __setitem__(self, name: str, value: int) -> None:
        if value >= 2**31:
            raise OverflowError(f"{value} is too large")
        super().__setitem__(name, value)


def stage() -> SimpleNamespace:
    scene = SimpleNamespace(frame_current=3, frame_subframe=0.0, camera="own", samples=8)

    def frame_set(frame: int, subframe: float = 0.0) -> None:
        scene.frame_current, scene.camera = frame, "the marker's"

    scene.frame_set = frame_set
    return scene


def test_items_are_put_back() -> None:
    owner = Picky(old=1)
    changes = Changes()
    changes.set_item(owner, "old", 2)
    changes.set_item(owner, "new", 3)
    assert owner == {"old": 2, "new": 3}
    changes.undo()
    assert owner == {"old": 1}


def test_a_refused_item_is_the_error_that_is_told() -> None:
    owner = Picky()
    with pytest.raises(OverflowError, match="too large"), temporary_changes(stage()) as changes:
        changes.set_item(owner, "seed", 99999999999)
    assert owner == {}


def test_one_failing_action_does_not_keep_the_others_from_undoing() -> None:
    scene, done = stage(), []

    def fail() -> None:
        raise RuntimeError("cannot be undone")

    def record() -> None:
        with temporary_changes(scene) as changes:
            changes.on_undo(lambda: done.append("first"))
            changes.on_undo(fail)
            changes.set(scene, "samples", 1)
            scene.frame_set(9)

    with pytest.raises(RuntimeError, match="cannot be undone"):
        record()
    assert done == ["first"]
    assert (scene.samples, scene.frame_current, scene.camera) == (8, 3, "own")


def test_an_error_of_the_block_comes_before_one_of_undoing() -> None:
    def fail() -> None:
        raise RuntimeError("cannot be undone")

    with pytest.raises(KeyError, match="the cause"), temporary_changes(stage()) as changes:
        changes.on_undo(fail)
        raise KeyError("the cause")
