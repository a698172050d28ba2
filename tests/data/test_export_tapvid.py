"""TAP-Vid points, against what TAP-Vid's own sampling of queries does with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simcraft.data.export.tapvid import points_of
from simcraft.data.folder import open_set

Exports = Callable[[str], Path]


def test_points_are_the_tracks(exports: Exports, small_set: Path) -> None:
    data_set = open_set(small_set)
    truth = data_set.clip(data_set.rows[0])
    with np.load(exports("tapvid") / "train" / "000000.npz", allow_pickle=False) as file:
        clip = dict(file)
    assert {k: (v.dtype.name, v.ndim) for k, v in clip.items()} == {
        "video": ("uint8", 4),
        "points": ("float32", 3),
        "occluded": ("bool", 2),
        "query_points": ("float32", 2),
        "track": ("int32", 1),
    }
    np.testing.assert_array_equal(clip["video"], truth.frames)
    np.testing.assert_allclose(clip["points"] * [48, 32], truth.tracks[clip["track"]], atol=1e-4)
    np.testing.assert_array_equal(clip["occluded"], ~truth.track_visible[clip["track"]])


def test_queries_are_where_the_point_is_first_seen(small_set: Path) -> None:
    clip = open_set(small_set).clip(open_set(small_set).rows[0])
    rng = np.random.default_rng(0)
    visible = rng.random(clip.track_visible.shape) < 0.4
    visible[3] = False
    tracks = np.where(visible[..., None], clip.tracks, np.nan).astype(np.float32)
    found = points_of(dataclasses.replace(clip, track_visible=visible, tracks=tracks))
    assert 3 not in found["track"] and np.isfinite(found["points"]).all()
    for n, track in enumerate(found["track"]):
        t, y, x = found["query_points"][n]
        assert t == np.flatnonzero(visible[track])[0]
        np.testing.assert_array_equal([x, y], tracks[track, int(t)])
        assert not found["occluded"][n, int(t)] and found["occluded"][n, : int(t)].all()
