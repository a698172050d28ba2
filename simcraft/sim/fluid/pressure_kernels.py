# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernel of the pressure equation."""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray(dtype=ti.f32, ndim=3)


@ti.kernel
def apply_laplacian(x: Array, u: Array, v: Array, w: Array, image: Array):
    """In every cell the sum over its faces of openness (`u`, `v`, `w`) times the difference to the other side."""
    for i, j, k in ti.ndrange(x.shape[0], x.shape[1], x.shape[2]):
        here = x[i, j, k]
        total = here * (u[i, j, k] + u[i + 1, j, k] + v[i, j, k] + v[i, j + 1, k] + w[i, j, k] + w[i, j, k + 1])
        if i > 0:
            total -= u[i, j, k] * x[i - 1, j, k]
        if i < x.shape[0] - 1:
            total -= u[i + 1, j, k] * x[i + 1, j, k]
        if j > 0:
            total -= v[i, j, k] * x[i, j - 1, k]
        if j < x.shape[1] - 1:
            total -= v[i, j + 1, k] * x[i, j + 1, k]
        if k > 0:
            total -= w[i, j, k] * x[i, j, k - 1]
        if k < x.shape[2] - 1:
            total -= w[i, j, k + 1] * x[i, j, k + 1]
        image[i, j, k] = total
