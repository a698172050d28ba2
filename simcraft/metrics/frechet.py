"""How far two sets of feature vectors are apart, each taken as a Gaussian: what FID, FVD and FVMD have in common."""

from __future__ import annotations

import numpy as np

from simcraft.errors import UserError


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared Frechet (2-Wasserstein) distance of the Gaussians with the means and covariances of two sets.

    `first` (N, D) and `second` (M, D) hold a feature vector a row; at least two rows each, with D of any size, so that
    covariances may be singular.

    The distance of Gaussians with means a, b and covariances A, B is |a - b|^2 + tr(A + B - 2 (A B)^(1/2)) (Dowson and
    Landau 1982; Heusel et al. 2017, arXiv 1706.08500, eq. 6). Covariances are those of samples, over N - 1.

    It depends on the numbers of rows: the covariance of few is too small in most directions, and equal distributions
    do not have a distance of 0. Compare distances of sets of one size only.

    Raises `UserError` for other shapes, fewer than two rows and values that are not finite.
    """
    a, b = _checked(first, "first"), _checked(second, "second")
    if a.shape[1] != b.shape[1]:
        raise UserError(f"Frechet distance needs features of one length; these have {a.shape[1]} and {b.shape[1]}.")
    shift = a.mean(0) - b.mean(0)
    root_a, root_b = _covariance_root(a), _covariance_root(b)
    # tr (A B)^(1/2) is the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2), which are the singular values of
    # Ra Rb' for any roots A = Ra' Ra, B = Rb' Rb. So nothing is squared and rooted again, which would lose half of the
    # digits, and singular covariances are like others.
    overlap = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    distance = shift @ shift + np.square(root_a).sum() + np.square(root_b).sum() - 2 * overlap
    return max(0.0, float(distance))  # rounding may leave equal sets just below


def _checked(features: np.ndarray, which: str) -> np.ndarray:
    """(N, D) float64."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2 or not features.shape[1]:
        raise UserError(
            f"Frechet distance needs two or more rows of features a set; the {which} set is of shape {features.shape}."
        )
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(1))[0])
        raise UserError(f"Features must be finite numbers; row {row} of the {which} set has others.")
    return features


def _covariance_root(features: np.ndarray) -> np.ndarray:
    """(min(N, D), D): an R with R' R the covariance of the rows of (N, D) `features`."""
    centred = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))
