"""What the worker does beside rendering: observe, generate, describe, estimate; what it keeps, and what it says."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from simcraft.clip.lazy import open_clip
from simcraft.errors import Failure, UserError
from simcraft.generate.motioncraft import loading
from simcraft.observe.colour import flow_to_wheel
from simcraft.recording import Recording, save_recording
from simcraft.sim.explosion import dead_warnings, explosion_warnings
from simcraft.video import load_video
from simcraft.worker import Mailbox, carry_out, told
from simcraft.worker_tasks import Desk
from tests.generate.checkpoints import save_checkpoint
from tests.scenes import sliding_square


def ask(desk: Desk, **fields: Any) -> dict[str, Any]:
    return carry_out({"version": 2, "id": "a", **fields}, "a", Mailbox(), lambda **_: None, desk)


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("observed")
    recording = save_recording(sliding_square(), folder / "r.recording")
    request = {"recording": str(recording), "clip": str(folder / "c.zarr"), "overlays": str(folder / "look")}
    yield folder, ask(Desk(), request="observe", size=[64, 48], **request)


def test_observing_gives_a_clip_and_pictures(observed: tuple[Path, dict[str, Any]]) -> None:
    folder, result = observed
    assert result == {
        "event": "result",
        "clip": str(folder / "c.zarr"),
        "overlays": str(folder / "look"),
        "frames": 6,
        "size": [64, 48],
        "warnings": [],
    }
    index = json.loads((folder / "look" / "overlays.json").read_text())
    assert (index["frames"], index["size"]) == (6, [64, 48])
    assert sorted(index["kinds"]) == ["arrows", "depth", "flow", "instances", "tracks"]
    clip = open_clip(folder / "c.zarr")
    assert clip.frames is not None
    for kind in index["kinds"]:
        pictures = load_frames(folder / "look" / kind)
        assert pictures.shape == (6, 48, 64, 3)
        assert pictures.std() > 5
    flow, valid = np.asarray(clip.flow_forward[2]), np.asarray(clip.flow_valid_forward[2])
    wheel = flow_to_wheel(flow, index["kinds"]["flow"]["pixels_a_frame"], valid)
    np.testing.assert_array_equal(load_frames(folder / "look" / "flow")[2], wheel)


def load_frames(folder: Path) -> np.ndarray:
    import cv2

    return np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted(folder.glob("*.png"))])


def test_a_clip_that_is_there_is_not_replaced_unasked(observed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = observed
    request = {"recording": str(folder / "r.recording"), "clip": str(folder / "c.zarr")}
    assert "exists" in ask(Desk(), request="observe", **request)["message"]
    assert "end the name in .zarr" in ask(Desk(), request="observe", **{**request, "clip": "c.npz"})["fix"].lower()


def test_a_video_of_a_kept_clip(observed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    clip, out = observed[0] / "c.zarr", tmp_path / "v.mp4"
    request = {"clip": str(clip), "out": str(out), "report": str(tmp_path / "r.json")}
    assert ask(Desk(), request="check", **request) == {"event": "result"}
    result = ask(Desk(), request="generate", **request)
    assert result["event"] == "result", result
    assert load_video(out).frame_count == 6
    # with true frames in the clip the report knows its floor
    assert "estimator floor" in result["summary"]
    assert "exists" in ask(Desk(), request="check", **request)["message"]


@pytest.fixture
def tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "models" / "simcraft-image")
    monkeypatch.setenv("SIMCRAFT_MODELS", str(tmp_path / "models"))


@pytest.mark.usefixtures("tiny_model")
def test_a_model_stays_loaded_until_another_is_asked_for(
    observed: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = loading.MotionCraftPipeline.from_pretrained
    monkeypatch.setattr(
        loading.MotionCraftPipeline, "from_pretrained", lambda *a, **k: loaded.append(1) or load(*a, **k)
    )
    desk = Desk()

    def generate(name: str, **options: Any) -> None:
        usual = {"model": "simcraft-image", "steps": 1, "guidance": 1.0, "invert": False, **options}
        request = {"clip": str(observed[0] / "c.zarr"), "out": str(tmp_path / f"{name}.mp4"), "options": usual}
        result = ask(desk, request="generate", generator="motioncraft", **request)
        assert result["event"] == "result", result

    generate("first")
    generate("same", seed=3, prompt="a square")
    assert len(loaded) == 1
    generate("other", dtype="bfloat16")
    assert len(loaded) == 2


@pytest.mark.usefixtures("tiny_model")
def test_an_estimate_is_measured_once_and_grows_with_the_work() -> None:
    desk = Desk()

    def estimate(frames: int, **options: Any) -> dict[str, Any]:
        request = {"generator": "motioncraft", "size": [64, 48], "frames": frames}
        result = ask(desk, request="estimate", **request, options={"model": "simcraft-image", **options})
        assert result["event"] == "result", result
        return result

    few, many = estimate(10, steps=4), estimate(100, steps=4)
    assert many["seconds"] == pytest.approx(10 * few["seconds"], rel=0.1)
    assert estimate(10, steps=40)["seconds"] > few["seconds"]
    # four steps with guidance, and as many to invert the frame
    assert few["basis"].startswith("12 evaluations of the network a frame")
    assert few["bytes"] > 1e6
    assert len(desk.estimator._probes) == 1
    assert estimate(10, steps=4, guidance=1.0)["basis"].startswith("8 evaluations")


def test_an_estimate_of_warp_stands_on_pixels() -> None:
    small, large = (
        ask(Desk(), request="estimate", generator="warp", size=size, frames=10) for size in ([256, 256], [512, 512])
    )
    assert large["seconds"] == pytest.approx(4 * small["seconds"], rel=0.1)
    assert "pixels" in small["basis"]
    assert ask(Desk(), request="estimate", generator="magic", size=[64, 64], frames=2)["reason"] == "request"


def test_the_engine_describes_itself() -> None:
    told = ask(Desk(), request="describe")
    assert told["event"] == "result"
    assert {"simcraft", "python", "device", "memory_bytes", "generators", "models", "best", "doctor"} < told.keys()
    json.dumps(told)
    options = {g["name"]: {o["name"]: o for o in g["options"]} for g in told["generators"]}
    assert options["warp"]["inpaint_radius"]["type"] == "int"
    assert options["motioncraft"]["offload"]["choices"] == ["none", "model", "sequential"]
    assert options["motioncraft"]["strength"]["maximum"] == 1
    assert {row["state"] for row in told["doctor"]} <= {"ok", "missing", "note"}
    assert told["memory_bytes"] > 1e8


# ------------------------------------------------------------------------------------------- dead and exploding motion


def falling(*paths: np.ndarray) -> Recording:
    """Rigid squares that are where `paths` (T,) say, in metres to the right, moved by Bullet."""
    square = sliding_square(frames=len(paths[0])).bodies[0]
    solid = square.vertices + np.array([[0, 0.5, 0], [0, -0.5, 0], [0, 0.5, 0], [0, -0.5, 0]], np.float32)
    bodies = []
    for n, path in enumerate(paths):
        transforms = np.tile(np.eye(4), (len(path), 1, 1))
        transforms[:, 0, 3] = path
        body = replace(square, name=f"body {n}", transforms=transforms, vertices=solid, solver="bullet")
        bodies.append(body)
    return replace(sliding_square(frames=len(paths[0])), bodies=tuple(bodies))


def test_bodies_that_shoot_away_are_named() -> None:
    still, shot = np.zeros(24), np.concatenate([np.zeros(5), np.arange(19) * 2.0])  # 48 m/s from one frame to the next
    assert explosion_warnings(falling(still, still).bodies, 24) == ()
    (warning,) = explosion_warnings(falling(still, shot, shot).bodies, 24)
    assert warning.startswith("'body 1' and 1 others shoot away after frame 6, at 48 m/s")


def test_bodies_that_overlap_at_the_start_are_told_apart_from_those_that_are_thrown() -> None:
    thrown = 60.0 / 24 * np.arange(12)
    assert explosion_warnings(falling(5 + thrown, np.zeros(12)).bodies, 24) == ()
    (warning,) = explosion_warnings(falling(0.5 + thrown, np.zeros(12)).bodies, 24)
    assert warning.startswith("'body 0' shoots away in the very first frame, at 60 m/s: bodies overlap at the start")


def test_what_falls_or_is_hit_is_no_explosion() -> None:
    seconds = np.arange(72) / 24
    fall, thrown = 9.81 / 2 * seconds**2, 60.0 * seconds
    assert explosion_warnings(falling(fall, 9 + thrown).bodies, 24) == ()
    hit = np.concatenate([np.zeros(10), 100.0 / 24 * np.arange(62)])  # by what is slower
    assert explosion_warnings(falling(9 + thrown, hit).bodies, 24) == ()


def test_simulated_bodies_that_never_move_are_told() -> None:
    still = np.zeros(8)
    assert "'body 0' and 1 others" in dead_warnings(falling(still, still).bodies, 24)[0]
    assert dead_warnings(falling(still, np.arange(8.0)).bodies, 24) == ()
    assert dead_warnings(sliding_square(speed=0).bodies, 24) == ()  # nothing is simulated


# --------------------------------------------------------------------------------------------------------------- errors


def test_errors_carry_their_reason() -> None:
    try:
        raise Failure("Out of memory at frame 3.", "Try --offload.") from torch.OutOfMemoryError("CUDA out of memory")
    except Failure as error:
        assert told(error)["reason"] == "memory"
    assert told(RuntimeError("DefaultCPUAllocator: can't allocate memory"))["message"] == "Out of memory."
    assert told(UserError("No."))["reason"] == "request"
    assert told(UserError("No.", "Use --device cpu.", ("device",)))["about"] == ["device"]
    assert told(OSError(errno.ENOSPC, "full"))["about"] == ["disk", "out"]
    assert told(ModuleNotFoundError(name="torch"))["about"] == ["engine"]
    assert told(KeyError("x")) == {
        "message": "KeyError: 'x'",
        "fix": "This is a defect: report it with the log.",
        "exit_code": 1,
        "reason": "defect",
    }
