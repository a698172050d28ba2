"""Layers show what the clip has, and only that."""

from __future__ import annotations

import dataclasses

import numpy as np

from simcraft.clip import MotionClip
from simcraft.video import Video
from simcraft.view.layers import VISIBILITY, chosen_tracks, clip_layers, shrunk, video_layers, visibility_classes


def test_layers_follow_the_clip(clip: MotionClip) -> None:
    keys = [layer.key for layer in clip_layers(clip)]
    assert keys == ["picture", "flow", "depth", "instances", "visibility"]
    bare = dataclasses.replace(clip, depth=None, instances=None, visible_forward=None, frames=None)
    assert [(layer.key, layer.frame_count) for layer in clip_layers(bare)] == [("picture", 1), ("flow", 5)]
    smoky = np.zeros(clip.depth.shape, np.float32)  # type: ignore[union-attr]
    assert "smoke" not in [layer.key for layer in clip_layers(dataclasses.replace(clip, coverage=smoky))]
    smoky[3, 5:9] = 0.6
    layer = next(layer for layer in clip_layers(dataclasses.replace(clip, coverage=smoky)) if layer.key == "smoke")
    assert (layer.draw(3)[5:9] == 153).all()
    assert not layer.draw(2).any()


def test_every_layer_draws_every_frame(clip: MotionClip) -> None:
    for layer in clip_layers(clip):
        for t in range(layer.frame_count):
            picture = layer.draw(t)
            assert picture.shape == clip.image.shape
            assert picture.dtype == np.uint8
    assert (clip_layers(clip)[0].draw(4) == clip.frames[4]).all()  # type: ignore[index]


def test_visibility_tells_what_comes_and_goes(clip: MotionClip) -> None:
    """The square moves 3.3 px to the right: before it, background is about to vanish; behind it, it has come out."""
    assert clip.instances is not None
    square = clip.instances[2] == 1
    classes = visibility_classes(clip, 2)
    names = [name for name, _ in VISIBILITY]
    row = np.flatnonzero(square.any(1))[18]
    left, right = np.flatnonzero(square[row])[[0, -1]]
    assert (classes[row, right + 1 : right + 4] == names.index("hidden next")).all()
    assert (classes[row, left - 3 : left] == names.index("hidden before")).all()
    assert (classes[row, left + 2 : right - 1] == names.index("seen before and after")).all()
    assert not (visibility_classes(clip, 0) == names.index("hidden before")).any()  # nothing is known before the clip


def test_unknown_correspondences_are_not_called_hidden(clip: MotionClip) -> None:
    unknown = clip.flow_valid_forward.copy()
    unknown[2, :10] = False
    classes = visibility_classes(dataclasses.replace(clip, flow_valid_forward=unknown), 2)
    assert (classes[:10] == 4).all()
    assert not (classes[10:] == 4).any()


def test_labels_stay_labels_when_they_shrink() -> None:
    labels = np.kron([[1, 9], [5, 1]], np.ones((8, 8))).astype(np.uint16)
    assert set(np.unique(shrunk(labels, (5, 5), False))) == {1, 5, 9}


def test_tracks_that_move_come_first(clip: MotionClip) -> None:
    assert clip.tracks is not None and clip.track_visible is not None
    far = np.linalg.norm(clip.tracks[:, -1] - clip.tracks[:, 0], axis=-1)
    assert 0 < (far > 2).sum() < len(far)
    chosen = chosen_tracks(clip, 6)
    assert len(set(chosen)) == 6
    assert (far[chosen] > 2).sum() >= min(4, (far > 2).sum())
    assert len(chosen_tracks(clip, 10_000)) == clip.track_visible.any(1).sum()


def test_a_video_has_one_layer() -> None:
    frames = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    (layer,) = video_layers(Video(frames, made_by={"generator": "warp"}))
    assert (layer.key, layer.label, layer.frame_count) == ("picture", "warp", 2)
    assert (layer.draw(1) == frames[1]).all()
