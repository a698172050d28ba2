"""Whatever is wrong with a recording, in memory or on disk, is a `RecordingError` that names the field."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcraft.recording import Recording, RecordingError, load_recording, save_recording
from simcraft.recording.format import EXPLODED, FARTHEST, check, check_recording

from .test_format import full_recording


def changed(recording: Recording, path: str, value: Any) -> Recording:
    """A copy in which the field at `path` ("bodies.0.mesh.uv") is `value`, or `value(old)` if it is a function."""

    def change(node: Any, keys: list[str]) -> Any:
        if not keys:
            return value(node) if callable(value) else value
        if isinstance(node, tuple):
            i = int(keys[0])
            return (*node[:i], change(node[i], keys[1:]), *node[i + 1 :])
        return dataclasses.replace(node, **{keys[0]: change(getattr(node, keys[0]), keys[1:])})

    return change(recording, path.split("."))


def entry(*where: Any, value: Any) -> Any:
    """A function that copies an array and sets one entry of it."""

    def write(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[where] = value
        return array

    return write


IMPOSSIBLE = [
    ("fps", 0.0, "fps"),
    ("fps", -1.0, "fps"),
    ("fps", np.nan, "fps"),
    ("fps", "24", "fps"),
    ("seed", "a", "seed"),
    ("seed", 1.5, "seed"),
    ("size", (64, 0), "size"),
    ("size", (64, 10**400), "size"),
    ("size", (48, 64), "image"),
    ("name", None, "name"),
    ("caption", 3, "caption"),
    ("details", "low sun", "details should be a list of texts"),
    ("details", ("low sun", 3), "details should be a list of texts"),
    ("warnings", ("a", 1), "warnings"),
    ("software", {"blender": 3.4}, "software"),
    ("bodies", None, "bodies"),
    ("bodies", ("rigid",), r"bodies\[0\]"),
    ("frame_numbers", np.zeros(0, np.int32), "frame_numbers"),
    ("frame_numbers", np.zeros((), np.int32), "frame_numbers"),
    ("frame_numbers", lambda a: a.astype(float), "frame_numbers"),
    ("image", lambda a: a.astype(np.float32), "image"),
    ("image", lambda a: a[:-1], "image"),
    ("camera", None, "camera"),
    ("camera.projection", "fisheye", "camera.projection"),
    ("camera.intrinsics", lambda a: a.tolist(), "camera.intrinsics"),
    ("camera.intrinsics", np.zeros((4, 3, 3)), "camera.intrinsics.*frame 1"),
    ("camera.intrinsics", entry(2, 0, 0, value=np.nan), "camera.intrinsics.*frame 3"),
    ("camera.intrinsics", entry(1, 0, 1, value=3.0), "camera.intrinsics.*frame 2"),
    ("camera.camera_to_world", np.zeros((4, 4, 4)), "camera.camera_to_world.*frame 1"),
    ("camera.camera_to_world", lambda a: a[:-1], "camera.camera_to_world"),
    ("camera.camera_to_world", entry(3, 0, 0, value=2.0), "camera.camera_to_world.*frame 4"),
    ("camera.clip_start", np.nan, "clip_start"),
    ("camera.clip_start", -1.0, "clip_start"),
    ("camera.clip_start", "near", "clip_start"),
    ("camera.clip_start", np.zeros(3), "clip_start"),
    ("camera.clip_end", entry(2, value=0.01), "clip_end.*frame 3"),
    ("camera.clip_end", np.inf, "clip_"),
    ("lighting", None, "lighting"),
    ("lighting.sun_color", "abc", "lighting.sun_color"),
    ("lighting.sun_color", (1.0, np.nan, 1.0), "lighting.sun_color"),
    ("lighting.sun_direction", (0.0, 0.0, 0.0), "lighting.sun_direction"),
    ("lighting.sky_image", np.zeros((4, 8), np.uint8), "lighting.sky_image"),
    ("lighting.sky_image", np.zeros((4, 8, 3), np.float64), "lighting.sky_image"),
    ("lighting.sky_image", np.full((4, 8, 3), np.inf, np.float32), "lighting.sky_image"),
    ("lighting.sky_image", np.full((4, 8, 3), -1.0, np.float32), "lighting.sky_image"),
    ("materials.1.texture", np.zeros((4, 4, 4), np.uint8), r"materials\[1\].texture"),
    ("materials.1.texture", np.zeros((0, 4, 3), np.uint8), r"materials\[1\].texture"),
    ("materials.1.texture", np.zeros((4, 4, 3)), r"materials\[1\].texture"),
    ("materials.0.roughness", np.inf, r"materials\[0\].roughness"),
    ("bodies.0.mesh", None, r"bodies\[0\].mesh"),
    ("bodies.0.mesh.smooth", "yes", "mesh.smooth"),
    ("bodies.0.mesh.faces", np.array([[0, 1, 4]], np.int32), "'rigid'.*past the last vertex"),
    ("bodies.0.mesh.faces", np.array([[0, 1, -1]], np.int32), "'rigid'.*past the last vertex"),
    ("bodies.0.mesh.faces", np.array([0, 1, 2], np.int32), "'rigid': mesh.faces"),
    ("bodies.0.mesh.faces", lambda a: a.astype(np.float32), "mesh.faces"),
    ("bodies.0.mesh.uv", lambda a: a[:1], "'rigid': mesh.uv"),
    ("bodies.0.mesh.uv", lambda a: a[..., :1], "'rigid': mesh.uv"),
    ("bodies.0.mesh.uv", entry(0, 0, 0, value=np.inf), "'rigid': mesh.uv"),
    ("bodies.0.mesh.face_material", np.zeros(3, np.int32), "'rigid': mesh.face_material"),
    ("bodies.0.mesh.face_material", np.array([0, 2], np.int32), "'rigid': mesh.face_material"),
    ("bodies.0.mesh.face_material", np.array([0, -1], np.int32), "'rigid': mesh.face_material"),
    ("bodies.0.vertices", lambda a: a[:, :2], "'rigid': vertices"),
    ("bodies.0.vertices", lambda a: tuple(a.tolist()), r"bodies\[0\].vertices"),
    ("bodies.0.present", lambda a: a.astype(np.uint8), r"bodies\[0\].present"),
    ("bodies.1.vertices", lambda a: a[0], "'cloth': vertices"),
    ("bodies.1.vertices", entry(2, 0, 0, value=np.nan), "'cloth'.*frame 3"),
    ("bodies.2.vertex_offsets", entry(1, value=99), "'liquid': vertex_offsets"),
    ("bodies.2.faces", entry(0, 0, value=4), "'liquid'.*past the last vertex"),
    ("bodies.2.vertices", entry(5, 0, value=np.nan), "'liquid'.*frame 2"),
    ("bodies.2.vertices", entry(5, 0, value=1e7), "'liquid' has exploded at frame 2"),
    ("bodies.2.velocity", entry(5, 0, value=np.nan), "'liquid': velocity"),
    ("bodies.2.material", 2, "'liquid': material"),
    ("bodies.3.transforms", lambda a: a[:, 0], "'flock': transforms"),
    ("bodies.3.present", lambda a: a[:, :1], "'flock': present"),
    ("bodies.4.radius", entry(0, value=-1), "'sparks'.*radius"),
    ("bodies.4.radius", entry(0, value=np.nan), "'sparks': radius"),
    ("bodies.4.positions", lambda a: a[0], "'sparks': positions"),
    ("bodies.4.velocity", np.zeros((4, 1, 3), np.float32), "'sparks': velocity"),
    ("bodies.5.density", entry(0, 0, 0, 0, value=np.nan), "'smoke': density"),
    ("bodies.5.velocity", lambda a: a[..., :2], "'smoke': velocity"),
    ("bodies.5.grid_to_world", np.zeros((4, 4, 4)), "'smoke': grid_to_world.*frame 1"),
    ("bodies.5.material", -1, "'smoke': material"),
]


@pytest.mark.parametrize(("path", "value", "words"), IMPOSSIBLE)
def test_what_cannot_be_is_named(path: str, value: Any, words: str) -> None:
    check_recording(full_recording())
    with pytest.raises(RecordingError, match=words):
        check_recording(changed(full_recording(), path, value))


def test_what_stands_still_may_be_farther_than_what_moves() -> None:
    def at(x: float, moved: float) -> Recording:
        transforms = np.tile(np.eye(4), (4, 1, 1))
        transforms[:, 0, 3] = x
        transforms[2, 0, 3] += moved
        return changed(full_recording(), "bodies.0.transforms", transforms)

    check_recording(at(FARTHEST, 0.0))
    check_recording(at(2 * EXPLODED, 1.0))
    with pytest.raises(RecordingError, match=r"'rigid' lies beyond .* frame 1"):
        check_recording(at(2 * FARTHEST, 0.0))
    with pytest.raises(RecordingError, match=r"'rigid' has exploded at frame 3"):
        check_recording(at(0.0, 1.1 * EXPLODED))
    with pytest.raises(RecordingError, match=r"'rigid' has exploded at frame 3"):
        check_recording(at(-0.6 * EXPLODED, 1.2 * EXPLODED))


def test_bodies_are_read_once_when_saved_and_once_when_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for kind, test in check._CHECKS.items():
        monkeypatch.setitem(check._CHECKS, kind, lambda who, *rest, test=test: (seen.append(who), test(who, *rest)))
    names = [f"Body '{body.name}'" for body in full_recording().bodies]
    path = save_recording(full_recording(), tmp_path / "a")
    assert seen == names
    load_recording(path)
    assert seen == 2 * names
    check_recording(full_recording())
    save_recording(full_recording(), tmp_path / "b", bodies_checked=True)
    assert seen == 3 * names
    with pytest.raises(RecordingError, match="image"):
        save_recording(changed(full_recording(), "image", lambda a: a[1:]), tmp_path / "b", bodies_checked=True)


def test_particles_that_are_not_there_may_be_anywhere() -> None:
    sparks = changed(full_recording(), "bodies.4.positions", entry(1, 0, value=np.nan))
    with pytest.raises(RecordingError, match=r"'sparks'.*frame 2"):
        check_recording(sparks)
    present = np.ones((4, 5), bool)
    present[1, 0] = False
    check_recording(changed(sparks, "bodies.4.present", present))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.one_of(st.integers(-2, 2), st.text(max_size=2), st.floats()), max_size=3),
    st.sampled_from(["..", "", ".", "recording.json", "x.npy", "../a/recording.json", "a\0.npy", "C:x.npy"]).map(
        lambda name: {"array": name}
    ),
    st.just({"array": None}),
    st.just({"kind": "rigid"}),
    st.just({}),
)


def places(node: Any, path: tuple = ()) -> list[tuple]:
    """Every place in a JSON tree."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(p for key, child in items for p in places(child, (*path, key)))]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_recording(full_recording(), tmp_path_factory.mktemp("stored") / "a")


fuzz = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(data=st.data())
def test_any_value_in_the_index_is_read_or_refused(stored: Path, data: st.DataObject) -> None:
    index = stored / "recording.json"
    whole = index.read_text()
    tree = json.loads(whole)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(tree)[1:]))
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        if isinstance(parent, dict) and data.draw(st.booleans()):
            del parent[path[-1]]
        else:
            parent[path[-1]] = copy.deepcopy(data.draw(JUNK))  # `just` gives out one object again and again
    try:
        index.write_text(json.dumps(tree))
        load_recording(stored)
    except RecordingError as error:
        assert str(stored) in str(error)
    finally:
        index.write_text(whole)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # headers are Python, damaged ones strange Python
@fuzz
@given(which=st.integers(0, 1000), fraction=st.floats(0, 0.999), damage=st.binary(max_size=4))
def test_damaged_arrays_are_read_or_refused(stored: Path, which: int, fraction: float, damage: bytes) -> None:
    """Truncated files always are refused; with `damage` they keep their length."""
    files = sorted(stored.glob("*.npy"))
    victim = files[which % len(files)]
    whole = victim.read_bytes()
    keep = int(len(whole) * fraction)
    try:
        victim.write_bytes(whole[:keep] + (damage + whole[keep + len(damage) :] if damage else b""))
        load_recording(stored)
        assert damage, f"{victim.name} was cut to {keep} of {len(whole)} bytes and read all the same"
    except RecordingError as error:
        assert str(stored) in str(error)
    finally:
        victim.write_bytes(whole)


@pytest.mark.parametrize("text", ["[" * 100_000, "\udcff", '{"a":'])
def test_an_index_that_is_no_json(stored: Path, text: str) -> None:
    index = stored / "recording.json"
    whole = index.read_text()
    try:
        index.write_text(text, errors="surrogateescape")
        with pytest.raises(RecordingError, match="JSON"):
            load_recording(stored)
    finally:
        index.write_text(whole)
