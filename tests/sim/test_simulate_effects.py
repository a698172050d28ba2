"""A Blender scene that asks for smoke: recorded, simulated beside it, and rendered with it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.errors import UserError
from simcraft.recording import Volume, load_recording, save_recording
from simcraft.sim import effects, solving
from simcraft.sim.blender import ChildCrash
from simcraft.sim.simulate import record_in_child
from simcraft.sim.solver import SimulationStopped
from simcraft.sim.solving import solve
from tests.blender.conftest import BLENDERS, blender_executable

from .test_effects import scene, smoke
from .test_solver import falling

SCRIPT = Path(__file__).with_name("scenes_for_effects.py")


def record(kind: str, out: Path, **options: Any) -> sc.Recording:
    settings = options.pop("settings", {})
    source = {"build": {"script": str(SCRIPT), "function": "smoking", "data": str(out)}}
    return record_in_child(source, options, settings=settings, out=out, blender=blender_executable(kind))


@pytest.mark.parametrize("kind", BLENDERS)
def test_smoke_is_among_the_bodies_and_in_the_pictures(kind: str, tmp_path: Path) -> None:
    recording = record(kind, tmp_path / "r", true_frames=True)
    assert [effect.solved for effect in recording.effects] == [True]
    volume = next(body for body in recording.bodies if isinstance(body, Volume))
    assert volume.density.shape[0] == 4 and volume.density.max() > 10
    assert recording.image is not None and recording.frames is not None
    np.testing.assert_array_equal(recording.image, recording.frames[0])
    # where our own march says that smoke covers the wall, Blender's picture differs from the wall beside it
    clip = sc.observe(recording)
    assert clip.coverage is not None
    covered, clear = clip.coverage[0] > 0.9, clip.coverage[0] < 0.01
    picture = recording.image.astype(float).mean(-1)
    assert covered.sum() > 20
    assert abs(picture[covered].mean() - np.median(picture[clear])) > 20
    assert not [p.name for p in tmp_path.iterdir() if p.name != "r"]


@pytest.mark.bpy
def test_settings_reach_the_solver_and_the_preview_renders_nothing(tmp_path: Path) -> None:
    recording = record("bpy", tmp_path / "r", preview=True, settings={"Smoke.warm_up": "0", "resolution": 12})
    volume = next(body for body in recording.bodies if isinstance(body, Volume))
    assert max(volume.density.shape[1:]) == 12 and recording.image is None
    assert recording.effects[0].settings["warm_up"] == 0.0


@pytest.mark.bpy
def test_a_preview_with_true_frames_has_no_image(tmp_path: Path) -> None:
    recording = record("bpy", tmp_path / "r", preview=True, true_frames=True, frames=(1, 2), samples=1)
    assert recording.image is None and recording.frames is not None
    assert recording.frames.shape == (2, 48, 48, 3) and recording.frames.max() > 0


def test_effects_are_simulated_once_though_blender_renders_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines, runs = [], []

    def crash_first(blender: Any, request: dict[str, Any], log: Path, progress: Any, solve: Any) -> Path:
        folder = Path(request["out"]).parent
        log.touch()
        solve(save_recording(scene(smoke()), folder / "recording"))
        engines.append(request["options"].get("engine"))
        if len(engines) == 1:
            raise ChildCrash("crashed", "", "render", killed=False)
        images = folder / "images"
        images.mkdir()
        np.save(images / "image.npy", np.zeros((48, 64, 3), np.uint8))
        (images / "warnings.json").write_text("[]", encoding="utf-8")
        return images

    def solver_of(*_: Any) -> Any:
        runs.append(1)
        return falling()

    monkeypatch.setattr(sys.modules["simcraft.sim.simulate"], "run_child", crash_first)
    monkeypatch.setattr(effects, "solver_of", solver_of)
    recording = record_in_child({"blend": "x.blend"}, {}, out=tmp_path / "r")
    assert engines == [None, "CYCLES"] and len(runs) == 1
    assert recording.image is not None and recording.bodies[-1].name == "ball"


@pytest.mark.bpy
def test_an_unknown_setting_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no setting 'colour'.*Smoke\.buoyancy"):
        record("bpy", tmp_path / "r", preview=True, settings={"colour": "red"})
    assert not list(tmp_path.iterdir())


def test_the_frames_before_a_divergence_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = falling()
    broken = replace(
        whole, step=lambda state, dt: replace(whole.step(state, dt), speed=np.nan if state.time > 0.1 else 0.0)
    )
    monkeypatch.setattr(effects, "solver_of", lambda *_: broken)
    recorded = save_recording(scene(smoke()), tmp_path / "recorded")
    with pytest.raises(SimulationStopped, match=r"3 frames until then are in .*x\.until_it_diverged"):
        solve(recorded, tmp_path / "solved", {}, tmp_path / "x.recording", lambda *_: None)
    kept = load_recording(tmp_path / "x.until_it_diverged.recording")
    assert kept.frame_count == 3 and kept.bodies[-1].name == "ball"
    assert not (tmp_path / "solved").exists()


def test_a_divergence_is_told_even_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = replace(scene(), name="broken")

    def diverge(*_: Any, **__: Any) -> None:
        stopped = SimulationStopped("It diverged.", "")
        stopped.recording = recording
        raise stopped

    monkeypatch.setattr(solving, "simulate_effects", diverge)
    recorded = save_recording(scene(smoke()), tmp_path / "recorded")
    (tmp_path / "x.until_it_diverged.recording").write_text("something else", encoding="utf-8")
    with pytest.raises(SimulationStopped, match=r"It diverged\. The \d+ frames until then could not be kept: .*exists"):
        solve(recorded, tmp_path / "solved", {}, tmp_path / "x", lambda *_: None)


def test_a_recording_without_effects_stays_where_it_is(tmp_path: Path) -> None:
    recorded = save_recording(scene(), tmp_path / "recorded")
    assert solve(recorded, tmp_path / "solved", {}, tmp_path / "x", lambda *_: None) == recorded
