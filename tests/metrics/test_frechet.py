"""The Frechet distance has the values that formulas give."""

from __future__ import annotations

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.metrics.frechet import frechet_distance


def gaussian(mean: np.ndarray, root: np.ndarray, count: int = 50, seed: int = 0) -> np.ndarray:
    """(count, D) rows with exactly this mean and the covariance root' root."""
    drawn = np.random.default_rng(seed).normal(size=(count, len(root)))
    white, _ = np.linalg.qr(drawn - drawn.mean(0))
    return mean + np.sqrt(count - 1) * white @ root


def test_equal_sets_have_no_distance() -> None:
    features = np.random.default_rng(0).normal(3, 10, (40, 8))
    assert frechet_distance(features, features) < 1e-10
    assert frechet_distance(features, features[::-1]) < 1e-10


def test_a_shift_gives_its_square() -> None:
    features = np.random.default_rng(1).normal(size=(30, 5))
    assert frechet_distance(features, features + np.array([3, 0, 0, -4, 0])) == pytest.approx(25)


def test_covariances_that_commute() -> None:
    """The distance of diagonal ones, in any common basis, is that of their standard deviations."""
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))
    ours, theirs = np.array([1.0, 2, 3, 0.5]), np.array([4.0, 2, 0.1, 0.5])
    mean = np.array([1.0, -1, 0, 2])
    a = gaussian(mean, np.diag(ours) @ turn.T)
    b = gaussian(0 * mean, np.diag(theirs) @ turn.T, count=31, seed=5)
    assert frechet_distance(a, b) == pytest.approx(6 + np.square(ours - theirs).sum(), rel=1e-12)


def test_covariances_that_do_not_commute() -> None:
    """In two dimensions tr (AB)^(1/2) is the root of tr AB + 2 (det AB)^(1/2)."""
    roots = np.array([[2.0, 1], [0, 0.5]]), np.array([[0.3, 0], [2, 1.5]])
    A, B = (root.T @ root for root in roots)
    overlap = np.sqrt(np.trace(A @ B) + 2 * np.sqrt(np.linalg.det(A) * np.linalg.det(B)))
    expected = np.trace(A) + np.trace(B) - 2 * overlap
    a, b = (gaussian(np.zeros(2), root, seed=seed) for seed, root in enumerate(roots))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)


def test_singular_covariances() -> None:
    """Two lines at an angle: tr (AB)^(1/2) is the cosine times both deviations."""
    steps = np.array([-1.0, 0, 1])[:, None]
    across = np.array([[1.0, 0, 0, 0, 0]])
    aslant = np.array([[3.0, 4, 0, 0, 0]]) / 5
    assert frechet_distance(2 * steps * across, 7 * steps * aslant) == pytest.approx(4 + 49 - 2 * 2 * 7 * 3 / 5)
    assert frechet_distance(steps * across, np.zeros((2, 5))) == pytest.approx(1)


def test_more_features_than_rows() -> None:
    features = np.random.default_rng(3).normal(size=(10, 64))
    assert frechet_distance(features, features) < 1e-10
    assert frechet_distance(features, 3 * features) == pytest.approx(
        4 * (np.square(features.mean(0)).sum() + features.var(0, ddof=1).sum())
    )


def test_what_is_no_set_of_features() -> None:
    good = np.zeros((3, 4))
    with pytest.raises(UserError, match=r"two or more rows .* the second set is of shape \(1, 4\)"):
        frechet_distance(good, good[:1])
    with pytest.raises(UserError, match=r"the first set is of shape \(4,\)"):
        frechet_distance(good[0], good)
    with pytest.raises(UserError, match="of one length; these have 4 and 3"):
        frechet_distance(good, good[:, :3])
    bad = good.copy()
    bad[1, 2] = np.nan
    with pytest.raises(UserError, match="row 1 of the second set"):
        frechet_distance(good, bad)
