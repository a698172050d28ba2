"""Tracks follow what moves, and their histograms tell motions apart."""

from __future__ import annotations

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.metrics.motion_distance import FEW_CLIPS, PUBLISHED, Histograms, motion_distance, motion_features
from simcraft.metrics.tracks import estimated_tracks, flow_tracks
from tests.analytic import sliding_square, zooming_plane

SIZE = 64
ONE_CELL = Histograms(cells=1, segments=1, still=1e-6)


def grid(count: int = 10, size: float = SIZE) -> np.ndarray:
    """(count^2, 2) points as `flow_tracks` lays them."""
    line = np.linspace(size / 32, size * 31 / 32, count)
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


def moving(velocity: tuple[float, float], frames: int = 14, push: float = 0.0) -> np.ndarray:
    """Tracks of the whole grid, `velocity` pixels a frame, and faster by `push` times that with each frame."""
    time = np.arange(frames)[:, None, None]
    return grid() + np.array(velocity) * (time + push * time * (time - 1) / 2)


def some_clips(seed: int, jitter: float = 0.0) -> list[np.ndarray]:
    """Motion in random directions with random accelerations, and `jitter` pixels of noise each frame."""
    random = np.random.default_rng(seed)
    clips = [moving(tuple(random.normal(0, 1, 2)), push=random.uniform(0, 0.5)) for _ in range(40)]
    return [clip + jitter * random.normal(size=clip.shape) * (np.arange(14) > 0)[:, None, None] for clip in clips]


def test_a_translation_has_one_direction_and_no_acceleration() -> None:
    """1 pixel of 64 is 4 of 256, and log2(1 + |(4, 2)|) = 2.45 rounds up to 3 of 8, in 13 frames of 14."""
    features = motion_features(moving((1.0, 0.5)), ONE_CELL)
    assert features.shape == (16,)
    assert features.max() == pytest.approx(100 * 3 / 8 * 13 / 14)
    assert np.count_nonzero(features[:8]) == 1 and not features[8:].any()


def test_each_eighth_of_a_turn_is_a_direction_of_its_own() -> None:
    angles = (np.arange(8) + 0.5) * np.pi / 4
    found = [motion_features(moving((np.cos(a), np.sin(a))), ONE_CELL)[:8].argmax() for a in angles]
    assert sorted(found) == list(range(8))


def test_acceleration_has_a_direction_too() -> None:
    """(0.1, 0.2) pixels a frame faster with each frame is 0.9 pixels of 256, which rounds up to the first octave."""
    features = motion_features(moving((0.2, 0.4), push=0.5), ONE_CELL)
    assert features[8:].max() == pytest.approx(100 * 1 / 8 * 12 / 14)
    assert features[8:].argmax() == features[:8].argmax()


def test_cells_say_where_and_segments_say_when() -> None:
    tracks = np.repeat(grid()[None], 14, 0)
    corner = (grid() < SIZE / 2).all(-1)
    tracks[8:, corner] += np.arange(1, 7)[:, None, None] * np.array([1.0, 0.5])
    features = motion_features(tracks, Histograms(cells=2, segments=2, still=0)).reshape(2, 2, 2, 2, 8)
    velocity = features[0].sum(-1)
    assert velocity[1, 0, 0] > 0
    assert np.count_nonzero(velocity) == 1


def test_the_published_features() -> None:
    """At 16 frames and 20 x 20 points, written out vector by vector: velocity's histograms, then acceleration's."""
    start = 8 + 240 / 19 * np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2)
    tracks = start + np.random.default_rng(0).normal(0, 4, (16, 400, 2)) * (np.arange(16) > 0)[:, None, None]
    expected = np.zeros((2, 4, 4, 4, 8))
    for t in range(1, 16):
        for point in range(400):
            velocity = tracks[t, point] - tracks[t - 1, point]
            fields = [velocity] if t == 1 else [velocity, velocity - tracks[t - 1, point] + tracks[t - 2, point]]
            for kind, (x, y) in enumerate(fields):
                direction = int((np.arctan2(x, y) + np.pi) // (np.pi / 4))
                size = np.ceil(np.log2(1 + np.hypot(x, y))) / 8
                expected[kind, t // 4, point // 20 // 5, point % 20 // 5, direction] += size
    np.testing.assert_allclose(motion_features(tracks, PUBLISHED), expected.ravel())


def test_features_depend_little_on_resolution_length_and_grid() -> None:
    long = motion_features(moving((1.0, 0.5), frames=100), FEW_CLIPS)
    line = np.linspace(4, 124, 7)
    large = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2) + np.arange(100)[:, None, None] * np.array([2.0, 1.0])
    np.testing.assert_allclose(motion_features(large, FEW_CLIPS), long)
    assert motion_features(moving((1.0, 0.5), frames=50), FEW_CLIPS) == pytest.approx(long, rel=0.02)


def test_what_hardly_moves_is_still() -> None:
    noise = np.random.default_rng(0).normal(0, 0.005, (14, 100, 2)) * (np.arange(14) > 0)[:, None, None]
    assert not motion_features(grid() + noise, FEW_CLIPS).any()
    assert motion_features(grid() + noise, PUBLISHED).any()


def test_the_distance_is_nothing_for_equal_sets_and_grows_with_jitter() -> None:
    truth = some_clips(0)
    assert motion_distance(truth, truth) < 1e-9
    other = motion_distance(some_clips(1), truth)
    distances = [motion_distance(some_clips(0, jitter), truth) for jitter in (0.05, 0.2, 0.8)]
    assert 0 < distances[0] < distances[1] < distances[2]
    assert distances[2] > 2 * other  # two draws of the same motions are nearer


def test_still_clips_are_far_from_moving_ones() -> None:
    truth = some_clips(0)
    frozen = [np.repeat(clip[:1], 14, 0) for clip in truth]
    slowed = [clip[:1] + (clip - clip[:1]) / 2 for clip in truth]
    assert motion_distance(frozen, truth) > 2 * motion_distance(slowed, truth) > 0


def test_tracks_that_are_none() -> None:
    with pytest.raises(UserError, match=r"finite tracks .* of 3 or more frames; these are \(2, 100, 2\)"):
        motion_features(moving((1, 0), frames=2))
    with pytest.raises(UserError, match="regular grid, row by row"):
        motion_features(moving((1, 0))[:, np.random.default_rng(0).permutation(100)])
    with pytest.raises(UserError, match="regular grid, row by row"):
        motion_features(moving((1, 0))[:, :15])
    with pytest.raises(UserError, match="14 frames of 10 x 10 points are too few for 1 x 20 x 20"):
        motion_features(moving((1, 0)), Histograms(cells=20, segments=1, still=0))
    with pytest.raises(UserError, match="two or more rows"):
        motion_distance([moving((1, 0))], [moving((1, 0))])


def test_exact_flow_carries_points_on() -> None:
    """A zooming plane has flow that is linear in space, which bilinear reading follows exactly."""
    clip = zooming_plane(count=6)
    tracks = flow_tracks(clip.flow_forward, 8)
    inner = (np.abs(tracks[-1] - (64, 48)) < (62, 46)).all(-1)
    expected = (64, 48) + (tracks[0] - (64, 48)) * 1.03 ** np.arange(6)[:, None, None]
    assert tracks.shape == (6, 64, 2) and 20 < inner.sum() < 64
    np.testing.assert_allclose(tracks[:, inner], expected[:, inner], atol=1e-4)


def test_points_that_leave_keep_their_velocity() -> None:
    flow = np.zeros((6, 32, 32, 2))
    flow[:3, ..., 0] = 4.0
    tracks = flow_tracks(flow, 4)
    gone, staying = tracks[:, 3], tracks[:, 0]
    assert gone[1, 0] > 32
    np.testing.assert_allclose(np.diff(gone, axis=0), [[4, 0]] * 6)
    np.testing.assert_allclose(np.diff(staying, axis=0), [[4, 0]] * 3 + [[0, 0]] * 3)


def test_estimated_tracks_follow_a_sliding_square() -> None:
    clip = sliding_square()
    tracks = estimated_tracks(clip.frames)
    shift = np.arange(8)[:, None, None] * np.array([3.3, 0.6])
    on_square = (np.abs(tracks[0] - (42, 48)) < 10).all(-1)  # and a patch of DIS, 8 pixels, from its edges
    assert on_square.sum() >= 12
    assert np.linalg.norm(tracks - tracks[0] - shift, axis=-1)[:, on_square].max() < 0.5
    beside = tracks[0, :, 1] < 20
    assert np.linalg.norm(tracks - tracks[0], axis=-1)[:, beside].max() < 0.5


def test_estimated_tracks_have_nearly_the_features_of_exact_ones() -> None:
    clip = sliding_square()
    exact, estimated = flow_tracks(clip.flow_forward), estimated_tracks(clip.frames)
    apart = np.linalg.norm(motion_features(exact) - motion_features(estimated))
    frozen = np.linalg.norm(motion_features(exact))
    assert apart < frozen / 2


def test_flow_and_frames_that_are_none() -> None:
    with pytest.raises(UserError, match=r"flow of shape \(T-1, H, W, 2\); this is \(4, 5, 2\)"):
        flow_tracks(np.zeros((4, 5, 2)))
    with pytest.raises(UserError, match="NaN or infinity"):
        flow_tracks(np.full((2, 16, 16, 2), np.nan))
    with pytest.raises(UserError, match="2 or more points a side, not 1"):
        flow_tracks(np.zeros((2, 16, 16, 2)), 1)
    with pytest.raises(UserError, match=r"2 or more frames, .* float64"):
        estimated_tracks(np.zeros((3, 16, 16, 3)))
