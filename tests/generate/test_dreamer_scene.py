"""A first frame with its instances and depth: from clips, and from photos."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from transformers import AutoImageProcessor

from simcraft.clip.files import write_png
from simcraft.clip.formats.exr import FrameLayers, write_exr
from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.depths import FARTHEST, depth_of_nearness, estimate_depth, photo_depth
from simcraft.generate.motion_dreamer.scene import FirstScene, first_scene, photo_scene, resize_scene
from simcraft.generate.motioncraft.warping import most_frequent
from tests.generate import vision

PHOTO = np.kron(np.random.default_rng(1).integers(0, 255, (5, 6, 3)), np.ones((8, 10, 1))).astype(np.uint8)
SHAPE = PHOTO.shape[:2]
METRES = np.linspace(1, 4, PHOTO.size // 3, dtype=np.float32).reshape(SHAPE)

# ------------------------------------------------------------------------------------------------------------- scenes


def test_clips_have_a_first_scene(clip: MotionClip) -> None:
    scene = first_scene(clip)
    assert clip.instances is not None and clip.depth is not None
    np.testing.assert_array_equal(scene.image, clip.image)
    np.testing.assert_array_equal(scene.instances, clip.instances[0])
    np.testing.assert_array_equal(scene.depth, clip.depth[0])
    assert scene.names() == {1: "square 1"}
    assert scene.intrinsics is None
    camera = np.tile(np.diag([100.0, 100.0, 1.0]), (clip.frame_count, 1, 1))
    seen = dataclasses.replace(clip, intrinsics=camera, depth=None)
    np.testing.assert_array_equal(first_scene(seen).intrinsics, camera[0])
    assert first_scene(seen).depth is None
    assert first_scene(dataclasses.replace(seen, projection="orthographic")).intrinsics is None


def test_clips_without_instances_are_told(clip: MotionClip) -> None:
    with pytest.raises(UserError, match="needs instances, which this clip does not have"):
        first_scene(dataclasses.replace(clip, instances=None))


def test_instances_without_a_name_are_called_by_their_number() -> None:
    instances = np.array([[0, 4], [9, 9]], np.uint16)
    scene = FirstScene(np.zeros((2, 2, 3), np.uint8), instances, (InstanceInfo(9, ""), InstanceInfo(5, "unseen")))
    assert scene.names() == {4: "4", 9: "9"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": np.zeros((4, 6), np.uint8)}, r"first frame is uint8 \(4, 6\); expected uint8 \(H, W, 3\)"),
        ({"instances": np.zeros((4, 5), np.uint16)}, r"instances is uint16 \(4, 5\); expected uint16 \(4, 6\)"),
        ({"instances": np.zeros((4, 6), np.uint8)}, "instances is uint8"),
        ({"depth": np.zeros((2, 6), np.float32)}, r"depth is float32 \(2, 6\); expected float32 \(4, 6\)"),
        ({"intrinsics": np.zeros((1, 3, 3))}, r"intrinsics are \(1, 3, 3\)"),
    ],
)
def test_scenes_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    fields = {"image": np.zeros((4, 6, 3), np.uint8), "instances": np.zeros((4, 6), np.uint16)}
    with pytest.raises(UserError, match=message):
        FirstScene(**{**fields, **changes})


def test_smaller_scenes_show_what_fills_most_of_a_pixel() -> None:
    """Of four pixels three are the ball's, at 2, 4 and 6 metres; what lies behind it does not mix in."""
    image = np.zeros((2, 4, 3), np.uint8)
    instances = np.array([[1, 1, 2, 2], [1, 2, 2, 2]], np.uint16)
    depth = np.array([[2, 4, 1, 3], [6, 50, np.inf, np.inf]], np.float32)
    small = resize_scene(FirstScene(image, instances, (), depth, np.diag([8.0, 6.0, 1.0])), (2, 1))
    np.testing.assert_array_equal(small.instances, [[1, 2]])
    np.testing.assert_array_equal(small.depth, [[4, np.inf]])
    assert small.image.shape == (1, 2, 3)
    np.testing.assert_array_equal(small.intrinsics, np.diag([4.0, 3.0, 1.0]))
    assert resize_scene(small, (2, 1)) is small


@given(arrays(np.uint16, array_shapes(min_dims=1, max_dims=3, max_side=9), elements=st.integers(0, 4)))
def test_most_frequent_labels_are_counted(samples: np.ndarray) -> None:
    counts = (samples[..., None] == np.arange(5)).sum(-2)
    np.testing.assert_array_equal(most_frequent(samples), counts.argmax(-1))


def test_photos_become_scenes(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 10:30] = 255
    for name, pixels in (("photo", PHOTO), ("mask", mask)):
        write_png(tmp_path / f"{name}.png", pixels)
    scene = photo_scene(tmp_path / "photo.png", tmp_path / "mask.png", METRES)
    np.testing.assert_array_equal(scene.image, PHOTO)
    assert scene.names() == {255: "white"}
    np.testing.assert_array_equal(scene.depth, METRES)
    assert photo_scene(PHOTO, mask).depth is None
    with pytest.raises(UserError, match=r"none.png does not exist; expected an image"):
        photo_scene(tmp_path / "none.png", mask)
    with pytest.raises(UserError, match=r"The picture is float64 \(4, 4\); expected uint8"):
        photo_scene(np.zeros((4, 4)), mask)


# -------------------------------------------------------------------------------------------------------------- depth


def test_depth_is_read_from_files(tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", METRES.astype(np.float64))
    np.savez(tmp_path / "only.npz", z=METRES)
    np.savez(tmp_path / "named.npz", other=np.zeros(3), depth=METRES)
    write_exr(tmp_path / "depth.exr", FrameLayers(depth=METRES))
    write_png(tmp_path / "depth.png", (METRES * 1000).round().astype(np.uint16))
    for path in tmp_path.iterdir():
        np.testing.assert_allclose(photo_depth(path, PHOTO), METRES, atol=5e-4 if path.suffix == ".png" else 1e-6)
        assert photo_depth(path, PHOTO).dtype == np.float32


def test_what_has_no_depth_is_infinitely_far() -> None:
    gaps = METRES.copy()
    gaps[0, :4] = 0, -1, np.nan, np.inf
    depth = photo_depth(gaps, PHOTO)
    assert np.isposinf(depth[0, :4]).all()
    np.testing.assert_array_equal(depth[1:], METRES[1:])


def test_wrong_depth_is_told(tmp_path: Path) -> None:
    def told(depth: Any, message: str) -> None:
        with pytest.raises(UserError, match=message) as caught:
            photo_depth(depth, PHOTO)
        assert "\n" not in str(caught.value)

    told(METRES[:20], "The depth has 60x20 pixels, but the picture 60x40. Resize it")
    told(METRES[..., None], r"The depth is float32 \(40, 60, 1\); expected \(H, W\) numbers")
    told(np.zeros(SHAPE, bool), "The depth is bool")
    told(np.zeros(SHAPE), "has no number above 0")
    told(tmp_path / "none.npy", r"none.npy does not exist; expected an array of numpy")
    told(tmp_path / "depth.jpg", "is no file of depth. Give .npy, .npz")
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}]), allow_pickle=True)
    told(tmp_path / "pickle.npy", "damaged or not an array of numpy, without pickles")
    np.savez(tmp_path / "two.npz", near=METRES, far=METRES)
    told(tmp_path / "two.npz", "has no array 'depth' but near, far")
    write_png(tmp_path / "grey.png", np.zeros(SHAPE, np.uint8))
    told(tmp_path / "grey.png", r"grey.png is uint8 \(40, 60\); depth is a grey PNG of 16 bits, in millimetres")
    write_exr(tmp_path / "flow.exr", FrameLayers(instances=np.zeros(SHAPE, np.uint16)))
    told(tmp_path / "flow.exr", "has no layer of depth")
    told(tmp_path, "has no readable config.json: it is no checkpoint")


def test_nearness_becomes_depth() -> None:
    """1 / depth grows linearly from the farthest to the nearest, ten times as near; the median is 1."""
    depth = depth_of_nearness(np.linspace(-3, 5, 10001).reshape(73, 137))
    assert depth.max() / depth.min() == pytest.approx(FARTHEST, rel=1e-4)
    assert np.median(depth) == pytest.approx(1)
    middle = 1 / depth.ravel()[200:-200]
    np.testing.assert_allclose(np.diff(middle), np.diff(middle).mean(), rtol=0.02)
    assert (np.diff(depth.ravel()) <= 0).all()


SAVED = {
    "depth_anything": vision.save_depth_anything,
    "metric": lambda folder: vision.save_depth_anything(folder, depth_estimation_type="metric", max_depth=20),
    "dpt": vision.save_dpt,
    "glpn": vision.save_glpn,
}


@pytest.mark.parametrize("kind", SAVED)
def test_checkpoints_estimate_depth(kind: str, tmp_path: Path, one_thread: None) -> None:
    """Metres as the network says them, or nearness as `depth_of_nearness` reads it."""
    model = SAVED[kind](tmp_path)
    depth = estimate_depth(PHOTO, tmp_path)
    assert depth.shape == SHAPE
    assert depth.dtype == np.float32
    assert (depth > 0).all()
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    with torch.inference_mode():
        answer = model(**processor(images=PHOTO, return_tensors="pt")).predicted_depth[None]
    raw = torch.nn.functional.interpolate(answer, SHAPE, mode="bicubic")[0, 0].numpy()
    metres = kind in ("metric", "glpn")
    np.testing.assert_allclose(depth, np.maximum(raw, 1e-3) if metres else depth_of_nearness(raw), rtol=1e-3)
    np.testing.assert_array_equal(photo_depth(tmp_path, PHOTO), depth)


def test_other_checkpoints_are_told(tmp_path: Path) -> None:
    vision.save_segment_anything(tmp_path)
    with pytest.raises(UserError, match=r"type 'sam', not a network that estimates depth. Known: depth_anything, dpt"):
        estimate_depth(PHOTO, tmp_path)


def test_estimates_that_say_nothing_are_told(tmp_path: Path, one_thread: None) -> None:
    model = vision.save_dpt(tmp_path)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.zero_()
    model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="estimates the same depth, or none, everywhere"):
        estimate_depth(PHOTO, tmp_path)
