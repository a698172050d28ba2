"""Recordings on disk: what goes in comes out, and what is wrong is named."""

import dataclasses
import errno
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.recording import (
    ChangingBody,
    DeformingBody,
    Instances,
    Lighting,
    Material,
    Particles,
    Recording,
    RecordingError,
    RigidBody,
    Volume,
    load_recording,
    save_recording,
)
from simcraft.recording.format import check_recording, open_array, temporary_sibling
from tests.scenes import SQUARE, sliding_square


def full_recording(frames: int = 4, seed: int = 0) -> Recording:
    """One body of every kind, with random numbers in every array."""
    rng = np.random.default_rng(seed)
    base = sliding_square(frames)
    mesh = dataclasses.replace(
        base.bodies[0].mesh, uv=rng.random((2, 3, 2), np.float32), face_material=np.array([0, 1], np.int32), smooth=True
    )
    many = np.tile(np.eye(4), (frames, 3, 1, 1))
    many[..., :3, 3] = rng.normal(size=(frames, 3, 3))
    offsets = np.arange(frames + 1, dtype=np.int64)
    bodies = (
        RigidBody("rigid", mesh, SQUARE, base.bodies[0].transforms, present=rng.random(frames) > 0.3, solver="bullet"),
        DeformingBody("cloth", mesh, rng.normal(size=(frames, 4, 3)).astype(np.float32)),
        ChangingBody(
            "liquid",
            rng.normal(size=(4 * frames, 3)).astype(np.float32),
            offsets * 4,
            np.tile(mesh.faces, (frames, 1)),
            offsets * 2,
            velocity=rng.normal(size=(4 * frames, 3)).astype(np.float32),
            material=1,
        ),
        Instances("flock", mesh, SQUARE, many, present=rng.random((frames, 3)) > 0.5),
        Particles("sparks", rng.normal(size=(frames, 5, 3)).astype(np.float32), np.ones(5, np.float32)),
        Volume(
            "smoke",
            rng.random((frames, 2, 3, 4), np.float32),
            rng.random((frames, 2, 3, 4, 3), np.float32),
            np.tile(np.eye(4), (frames, 1, 1)),
        ),
    )
    materials = (Material("plain"), Material("wood", (1.0, 0.5, 0.25), rng.integers(0, 255, (4, 8, 3), np.uint8)))
    image = rng.integers(0, 255, (base.size[1], base.size[0], 3), np.uint8)
    return dataclasses.replace(
        base,
        bodies=bodies,
        materials=materials,
        lighting=Lighting(sky_image=rng.integers(0, 255, (4, 8, 3), np.uint8)),
        image=image,
        caption="a square",
        details=("seen from above", "low sun from the left"),
        warnings=("one warning",),
        software={"blender": "3.4.1"},
    )


def same(a: object, b: object) -> bool:
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(frames=st.integers(2, 5), seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, frames: int, seed: int) -> None:
    recording = full_recording(frames, seed)
    path = save_recording(recording, tmp_path_factory.mktemp("r") / "a.recording")
    assert same(load_recording(path), recording)


def test_arrays_already_in_the_folder_are_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    work = temporary_sibling(path)
    work.mkdir()
    recording = sliding_square()
    transforms = open_array(work, "streamed", recording.bodies[0].transforms.shape, np.float64)
    transforms[:] = recording.bodies[0].transforms
    body = dataclasses.replace(recording.bodies[0], transforms=transforms)
    save_recording(dataclasses.replace(recording, bodies=(body,)), path, work=work)
    assert (path / "streamed.npy").is_file()
    assert not list(path.glob("*transforms*"))
    assert same(load_recording(path), recording)


def test_equal_arrays_share_a_file(tmp_path: Path) -> None:
    recording = sliding_square()
    bodies = tuple(dataclasses.replace(recording.bodies[0], name=f"copy {n}") for n in range(20))
    recording = dataclasses.replace(recording, bodies=bodies)
    path = save_recording(recording, tmp_path / "a")
    assert len(list(path.glob("*.npy"))) <= 8
    assert same(load_recording(path), recording)


def test_failed_save_leaves_the_old_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = save_recording(sliding_square(), tmp_path / "a")
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_recording(sliding_square(speed=0.2), path)
    assert same(load_recording(path), sliding_square())
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_disk_without_room_for_the_rest_of_an_array_is_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", small], capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with pytest.raises(OSError, match="No space") as caught:
            save_recording(sliding_square(), small / "a")
        assert caught.value.errno == errno.ENOSPC
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(RecordingError, match="not a recording"):
        save_recording(sliding_square(), tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: (p / "recording.json").unlink(), "recording.json"),
        (lambda p: (p / "recording.json").write_text("{"), "JSON"),
        (lambda p: (p / "recording.json").write_text('{"format": "x"}'), "format"),
        (lambda p: next(p.glob("*transforms.npy")).unlink(), "transforms.npy is missing"),
        (lambda p: next(p.glob("*transforms.npy")).write_bytes(b"short"), "transforms.npy"),
        (lambda p: edit(p, lambda tree: tree.update(version=99)), "version 99"),
        (lambda p: edit(p, lambda tree: tree.pop("camera")), "camera"),
        (lambda p: edit(p, lambda tree: tree["bodies"][0].update(kind="ghost")), "ghost"),
        (lambda p: edit(p, lambda tree: tree["bodies"][0]["vertices"].update(array="../x.npy")), "file in this folder"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage, words: str) -> None:
    path = save_recording(sliding_square(), tmp_path / "a")
    damage(path)
    with pytest.raises(RecordingError, match=words):
        load_recording(path)


def edit(path: Path, change) -> None:
    index = path / "recording.json"
    tree = json.loads(index.read_text())
    change(tree)
    index.write_text(json.dumps(tree))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e12])
def test_exploded_simulation_names_body_and_frame(value: float) -> None:
    recording = sliding_square()
    transforms = recording.bodies[0].transforms.copy()
    transforms[3, 0, 3] = value
    bad = dataclasses.replace(recording, bodies=(dataclasses.replace(recording.bodies[0], transforms=transforms),))
    with pytest.raises(RecordingError, match=r"'square'.*frame 4"):
        check_recording(bad)


def test_a_slice_of_a_mapped_array_is_not_taken_for_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.recording"
    work = temporary_sibling(path)
    work.mkdir()
    recording = sliding_square(frames=4)
    transforms = open_array(work, "long", (9, 4, 4), np.float64)
    transforms[:] = np.eye(4)
    transforms[2:6] = recording.bodies[0].transforms
    body = dataclasses.replace(recording.bodies[0], transforms=transforms[2:6])
    save_recording(dataclasses.replace(recording, bodies=(body,)), path, work=work)
    assert same(load_recording(path), recording)
