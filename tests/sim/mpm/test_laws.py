"""The decompositions that the laws rest on."""

import numpy as np
import pytest

from simcraft.sim.mpm.laws import principal_stretches, rotation_of
from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()


@ti.kernel
def decompose(D: ti.template(), F: Array, U: Array, s: Array, V: Array, R: Array):
    for p in range(F.shape[0]):
        whole = ti.Matrix([[F[p, i, j] for j in ti.static(range(D))] for i in ti.static(range(D))])
        left, stretch, right = principal_stretches(whole, D)
        turned = rotation_of(whole, D)
        for i in ti.static(range(D)):
            s[p, i] = stretch[i]
            for j in ti.static(range(D)):
                U[p, i, j], V[p, i, j], R[p, i, j] = left[i, j], right[i, j], turned[i, j]


@pytest.mark.parametrize("scale", [0.0, 0.01, 0.5, 2.0])
@pytest.mark.parametrize("dimension", [2, 3])
def test_principal_stretches_and_rotation(dimension: int, scale: float) -> None:
    """Also of what is turned inside out (half of the largest), and of the identity, whose axes are arbitrary."""
    noise = np.random.default_rng(0).normal(size=(500, dimension, dimension))
    F = (np.eye(dimension) + scale * noise).astype(np.float32)
    U, V, R = np.zeros_like(F), np.zeros_like(F), np.zeros_like(F)
    s = np.zeros(F.shape[:2], np.float32)
    decompose(dimension, F, U, s, V, R)
    np.testing.assert_allclose(np.einsum("pij,pj,pkj->pik", U, s, V), F, atol=1e-5)
    for rotation in (U, V):
        np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-5)
        np.testing.assert_allclose(
            rotation @ rotation.transpose(0, 2, 1), np.tile(np.eye(dimension), (500, 1, 1)), atol=1e-5
        )
    expected = np.linalg.svd(F.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(np.sort(np.abs(s), axis=1)[:, ::-1], expected, atol=1e-5)
    # the nearest rotation, of what is neither turned inside out nor nearly flat
    sound = np.linalg.det(F) > 0.1
    np.testing.assert_allclose(R[sound], (U @ V.transpose(0, 2, 1))[sound], atol=1e-4)
