"""A small data set whose clips follow from formulas: what the tests of everything that reads a set work on."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.clip.store import save_clip
from simcraft.data.folder import DataSet, Made, commit, writing
from simcraft.data.manifest import Row
from simcraft.data.recipe import KEPT, LoadedRecipe, load_recipe
from simcraft.data.statistics import statistics_of
from tests.analytic import Layer, make_clip, waves
from tests.scenes import camera_looking_along_y

RECIPE = """\
name: small
description: Squares that slide before a wall (dominoes) or the sky (tower).
seed: 5
size: 48x32
frames: 6
every: 2
tracks: 12
annotations: [{annotations}]
families: [dominoes, tower]
splits: {{train: 2, validation: 1}}
"""


def small_recipe(folder: Path, annotations: tuple[str, ...] = tuple(KEPT)) -> LoadedRecipe:
    """The recipe of a small set, as `recipe.yaml` in `folder`."""
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(annotations=", ".join(annotations)), encoding="utf-8")
    return load_recipe(path)


def make_small_set(folder: Path, count: int = 6, annotations: tuple[str, ...] = tuple(KEPT), missing: int = 0) -> Path:
    """Make the set in `folder`/set and return that; the last `missing` rows are not made.

    48 x 32 pixels, 6 frames, both families in both splits: of 6 rows, 4 are for training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as held:
        # no code of this package makes these clips
        patch.setattr("simcraft.data.folder.versions", lambda: {"code": "formulas"})
        data_set = held.enter_context(writing(folder / "set", small_recipe(folder, annotations), count))
        for row in data_set.rows[: count - missing]:
            commit(data_set, row, made_of(data_set, row))
    return folder / "set"


def made_of(data_set: DataSet, row: Row) -> Made:
    """The row's clip as a worker would hand it over."""
    clip = analytic_clip(row)
    path = save_clip(clip, data_set.folder / "work" / f"{row.id}.npz")
    data = path.read_bytes()
    path.unlink()
    return Made({".npz": data}, clip.captions, statistics_of(clip), {"simulate": 0.0})


def analytic_clip(row: Row) -> MotionClip:
    """Two squares that slide as the row's seed has it; "tower" before the sky, all others before a wall."""
    (width, height), count = row.size, row.frames
    rng = np.random.default_rng(row.seed)
    still = (np.zeros((count, 2)), np.ones(count))
    behind = np.inf if row.family == "tower" else 10.0
    layers = [Layer((-999, -999, 999, 999), *still, waves((70, 110, 160), 12, 1), behind)]
    for depth in (6.0, 5.0):
        left, top = rng.integers(2, width // 2), rng.integers(2, height // 2)
        shift = np.arange(count)[:, None] * rng.uniform(-2.5, 2.5, 2)
        box = (left, top, left + width // 4, top + height // 3)
        texture = waves(tuple(rng.uniform(60, 200, 3)), 9, row.seed)
        layers.append(Layer(box, shift, np.ones(count), texture, depth))
    clip = make_clip(layers, height, width)
    camera = camera_looking_along_y(count, row.size)
    facing = np.where(np.isfinite(clip.depth)[..., None], np.array([0, 0, -1], np.float32), np.float32(0))
    dropped = {field: None for name, fields in KEPT.items() if name not in row.annotations for field in fields}
    known = {
        "intrinsics": camera.intrinsics,
        "camera_to_world": camera.camera_to_world,
        "normals": facing,
        "captions": (f"Two squares slide, {row.family}.", "Two things move."),
        "fps": 24 / row.every,
        "name": row.family,
        "seed": row.seed,
        "frames_source": "preview",
        "image_source": "preview",
        "metadata": {"frame_numbers": list(range(row.first, row.last + 1, row.every)), "warnings": []},
    }
    if "frames" not in row.annotations:
        known["frames_source"] = None
    return dataclasses.replace(clip, **{**known, **dropped})


def contents(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of all files of a set but its log: what must not depend on how it was made."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "log.jsonl"
    }
