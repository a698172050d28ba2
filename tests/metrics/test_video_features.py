"""A random network sees damage of all kinds, and more of it the more there is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.metrics.frechet import frechet_distance
from simcraft.metrics.video_features import FEATURES, _layers, video_distance, video_features
from tests.analytic import Layer, render, still, waves

CLIPS, FRAMES, SIZE = 16, 14, 64


def sliding(seed: int) -> np.ndarray:
    """(14, 64, 64, 3) uint8: a textured square of any colour slides any way over a still ground."""
    random = np.random.default_rng(seed)
    ground = Layer((-999, -999, 999, 999), *still(FRAMES), waves(tuple(random.uniform(60, 190, 3)), 24, seed), 10.0)
    x, y = random.uniform(8, 28, 2)
    shift = np.arange(FRAMES)[:, None] * random.uniform(-1.5, 1.5, 2)
    texture = waves(tuple(random.uniform(40, 210, 3)), 12, seed + 999)
    square = Layer((x, y, x + 24, y + 24), shift, np.ones(FRAMES), texture, 5.0)
    return np.stack([render([ground, square], SIZE, SIZE, t) for t in range(FRAMES)])


@pytest.fixture(scope="module")
def truth() -> list[np.ndarray]:
    return [sliding(seed) for seed in range(CLIPS)]


@pytest.fixture(scope="module")
def features(truth: list[np.ndarray]) -> np.ndarray:
    return np.array([video_features(video) for video in truth])


def distance(videos: list[np.ndarray], features: np.ndarray) -> float:
    return frechet_distance(np.array([video_features(video) for video in videos]), features)


def blurred(video: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in video])


def shuffled(video: np.ndarray, among: int) -> np.ndarray:
    """Frames change places with those less than `among` away."""
    places = np.arange(FRAMES) + np.random.default_rng(0).uniform(0, among, FRAMES)
    return video[np.argsort(places)]


def frozen(video: np.ndarray, after: int) -> np.ndarray:
    return video[np.minimum(np.arange(FRAMES), after)]


def noisy(video: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, video.shape)
    return np.clip(video + noise, 0, 255).round().astype(np.uint8)


def test_features_are_as_many_as_said_and_finite(truth: list[np.ndarray], features: np.ndarray) -> None:
    assert features.shape == (CLIPS, FEATURES) and features.dtype == np.float64
    assert (features.std(0) > 0.02).all()  # none is idle
    black = video_features(np.zeros((2, 5, 7, 3), np.uint8))
    np.testing.assert_allclose(black, np.log(0.01))


def test_filters_are_orthogonal_and_the_first_do_not_see_what_is_even() -> None:
    for seed in (1, 2):
        for weights in _layers(seed):
            rows = weights.flatten(1).double().numpy()
            np.testing.assert_allclose(rows @ rows.T, 2 * np.eye(len(rows)), atol=1e-6)
        np.testing.assert_allclose(_layers(seed)[0].sum((2, 3, 4)), 0, atol=1e-6)


def test_filters_are_the_same_everywhere() -> None:
    """Figures of different machines are compared: these are the weights that reports were made with."""
    first, last = _layers(1)[0].flatten(), _layers(2)[2].flatten()
    np.testing.assert_allclose(first[:3], [0.22637135, 0.01078099, -0.07039200], atol=1e-6)
    np.testing.assert_allclose(last[-3:], [-0.10901888, -0.01917347, -0.01015488], atol=1e-6)


def test_equal_sets_have_no_distance_and_halves_of_the_truth_little(truth: list[np.ndarray]) -> None:
    assert video_distance(truth, truth) < 1e-9
    half = video_distance(truth[::2], truth[1::2])
    assert 0 < half < video_distance([blurred(video, 1.5) for video in truth[::2]], truth[::2])
    assert half < video_distance([frozen(video, 0) for video in truth[::2]], truth[::2])


@pytest.mark.parametrize(
    ("damage", "strengths"),
    [(blurred, (0.5, 1, 2)), (noisy, (2, 6, 18)), (shuffled, (2, 5, 14)), (frozen, (10, 6, 0))],
)
def test_distance_grows_with_damage(damage, strengths: tuple, truth: list[np.ndarray], features: np.ndarray) -> None:
    distances = [distance([damage(video, strength) for video in truth], features) for strength in strengths]
    assert 0.01 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize(
    "change",
    [
        lambda video: video[::-1],
        lambda video: video[:, :, ::-1],
        lambda video: video[:, ::-1],
        lambda video: video[..., ::-1],
        lambda video: video // 10 * 9,
        lambda video: video[np.arange(FRAMES) // 2],
        lambda video: 255 - video,
    ],
    ids=["backwards", "mirrored", "upside down", "red for blue", "darker", "at half speed", "negative"],
)
def test_a_video_so_changed_is_another(change, truth: list[np.ndarray]) -> None:
    """Each single video is told from what it was changed to, by far more than rounding."""
    apart = [np.linalg.norm(video_features(change(video)) - video_features(video)) for video in truth[:8]]
    assert min(apart) > 0.05


def test_what_is_no_video(truth: list[np.ndarray]) -> None:
    with pytest.raises(UserError, match=r"2 or more frames .* these are \(1, 64, 64, 3\) uint8"):
        video_features(truth[0][:1])
    with pytest.raises(UserError, match=r"these are .* float64"):
        video_features(truth[0] / 255)
    with pytest.raises(UserError, match="two or more rows"):
        video_distance(truth[:1], truth)
