"""Rows become clips: as their manifest says, and to the last bit the same wherever they are made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.clip.store import npz_bytes
from simcraft.clip.types import ARRAYS
from simcraft.data.clips import CLIP, PREVIEW, make_row
from simcraft.data.folder import Made
from simcraft.data.manifest import Row
from simcraft.data.recipe import KEPT
from simcraft.data.statistics import statistics_of
from simcraft.sim.blender import BlenderSession, blender_session
from simcraft.sim.image_plane import image_plane

ROW = Row(
    id="000007",
    split="train",
    family="dominoes",
    seed=11,
    settings={"count": 5},
    size=(48, 32),
    frames=4,
    first=2,
    every=3,
    renderer="preview",
    samples=2,
    tracks=32,
    annotations=tuple(KEPT),
)
CLOTH = dataclasses.replace(ROW, family="drape", seed=12, settings={})
EFFECTS = (
    dataclasses.replace(ROW, family="smoke_dominoes", seed=13, settings={"resolution": 24}),
    dataclasses.replace(ROW, family="birds", seed=14, settings={"count": 20}),
    dataclasses.replace(ROW, family="jelly_drum", seed=15, settings={"resolution": 24}),
)
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def session() -> Iterator[BlenderSession]:
    pytest.importorskip("bpy")
    with blender_session() as running:
        yield running


@pytest.fixture(scope="module")
def dominoes(session: BlenderSession) -> Made:
    return make_row(ROW, session=session)


def clip_of(made: Made, folder: Path, suffix: str = CLIP) -> sc.MotionClip:
    path = folder / f"clip{suffix}"
    path.write_bytes(made.files[suffix])
    return sc.load_clip(path)


@pytest.mark.bpy
def test_a_clip_is_what_its_row_says(dominoes: Made, tmp_path: Path) -> None:
    assert set(dominoes.files) == {CLIP}
    clip = clip_of(dominoes, tmp_path)
    assert clip.size == (48, 32) and clip.frame_count == 4 and clip.seed == 11
    assert clip.metadata["frame_numbers"] == [2, 5, 8, 11] and clip.fps == 24 / 3
    assert clip.frames_source == clip.image_source == "preview"
    np.testing.assert_array_equal(clip.frames[0], clip.image)
    assert len(clip.tracks) == 32
    # five stones
    assert sum(info.name.startswith("domino_") for info in clip.instance_table) == 5
    assert clip.captions == dominoes.captions and "dominoes" in clip.captions[0]
    assert dominoes.statistics == statistics_of(clip) and dominoes.statistics["moving"] > 0
    assert npz_bytes(clip) == dominoes.files[CLIP]


@pytest.mark.bpy
def test_only_what_was_asked_for_is_kept(session: BlenderSession, dominoes: Made, tmp_path: Path) -> None:
    made = make_row(dataclasses.replace(ROW, annotations=("depth",)), session=session)
    bare, whole = clip_of(made, tmp_path), clip_of(dominoes, tmp_path)
    dropped = {name for annotation, names in KEPT.items() if annotation != "depth" for name in names}
    for name in ARRAYS:
        value = getattr(bare, name)
        if name in dropped:
            assert value is None
        else:
            np.testing.assert_array_equal(value, getattr(whole, name))
    assert bare.frames_source is None and bare.captions == whole.captions


@pytest.mark.bpy
def test_both_renderers_make_a_file_each(session: BlenderSession, dominoes: Made, tmp_path: Path) -> None:
    made = make_row(dataclasses.replace(ROW, renderer="both"), session=session)
    rendered, previewed = clip_of(made, tmp_path), clip_of(made, tmp_path, PREVIEW)
    simple = clip_of(dominoes, tmp_path)
    assert rendered.frames_source == rendered.image_source == "render"
    assert previewed.frames_source == previewed.image_source == "preview"
    np.testing.assert_array_equal(previewed.frames, simple.frames)
    for name in ("flow_forward", "flow_backward", "flow_valid_forward"):
        np.testing.assert_array_equal(getattr(rendered, name), getattr(simple, name))
        np.testing.assert_array_equal(getattr(previewed, name), getattr(simple, name))
    assert previewed.depth is None
    # the same scene in both, and not the same picture
    one, other = rendered.frames.astype(float), previewed.frames.astype(float)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.8
    assert (one != other).any()


@pytest.mark.bpy
def test_a_scene_may_flow_in_the_plane_of_its_picture(
    session: BlenderSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = []

    def watched(image: np.ndarray, mask: np.ndarray, **options: Any) -> sc.MotionClip:
        blocked.append(options["obstacles"])
        assert mask.any() and not (mask & blocked[0]).any()
        return image_plane(image, mask, **options)

    monkeypatch.setattr("simcraft.sim.image_plane.image_plane", watched)
    row = dataclasses.replace(ROW, family="melting", settings={"resolution": 32}, frames=8)
    clip = clip_of(make_row(row, session=session), tmp_path)
    assert clip.frame_count == 8 and clip.size == (48, 32)
    assert clip.frames is None and clip.frames_source is None
    assert np.abs(clip.flow_forward).max() > 0
    # the ground in front of the plinth, and not the one behind it, which lies higher in the picture
    assert blocked[0][-1].all() and not blocked[0][0].any()


def fingerprints(rows: tuple[Row, ...], session: BlenderSession) -> dict[str, str]:
    """Family -> digest of all that is made of its row."""
    found = {}
    for row in rows:
        made = make_row(row, session=session)
        with np.load(BytesIO(made.files[CLIP])) as file:
            # first where they differ, should they
            parts = {name: hashlib.sha256(file[name].tobytes()).hexdigest()[:8] for name in file.files}
        parts["file"] = hashlib.sha256(made.files[CLIP]).hexdigest()
        found[row.family] = json.dumps([parts, made.captions, made.statistics])
    return found


ELSEWHERE = """
import json, sys
from tests.data.test_clips import CLOTH, EFFECTS, ROW, blender_session, fingerprints
rows = {"few": (CLOTH, ROW), "many": (*EFFECTS[::-1], CLOTH, ROW)}[sys.argv[1]]
with blender_session() as session:
    print(json.dumps(fingerprints(rows, session)))
"""


def made_elsewhere(rows: str, threads: int) -> dict[str, str]:
    """The same of another process with so many threads, which makes them in another order."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", ELSEWHERE, rows]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.bpy
def test_another_process_makes_the_same_bytes(session: BlenderSession) -> None:
    assert made_elsewhere("few", threads=1) == fingerprints((ROW, CLOTH), session)


@pytest.mark.bpy
@pytest.mark.slow
def test_effects_are_the_same_bytes_in_any_company(session: BlenderSession) -> None:
    here = fingerprints((ROW, *EFFECTS, CLOTH), session)
    for threads in (1, 2):
        assert made_elsewhere("many", threads) == here
