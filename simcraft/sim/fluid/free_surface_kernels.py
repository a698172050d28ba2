# mypy: disable-error-code="valid-type, index, attr-defined, name-defined"
# ruff: noqa: SIM102 - "and" in a kernel may read both sides, also beyond an array's end
"""Taichi kernels of the pressure under a free surface: the system of the liquid cells, and its solution.

The whole solve is one serial kernel: forward and backward substitution follow the cells in order anyway, nothing is
launched in between, and sums do not depend on the number of threads.
"""

from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()

NONE = -1
TUNING = 0.97
"""Between incomplete Cholesky (0) and modified incomplete Cholesky (1)."""
SAFETY = 0.25


@ti.kernel
def build_system(dimension: ti.template(), closed: ti.i32, number: Array, solid: Array, diagonal: Array, beside: Array):
    """Row n of the Laplacian for each liquid cell, where `number` is not -1.

    diagonal (n,): how many of its faces are open to liquid or air. beside (n, 2 D): numbers of the liquid cells before
    (first D) and after (last D) along each axis, -1 for none.
    """
    for cell in ti.grouped(number):
        n = number[cell]
        if n >= 0:
            count = 0
            for d in ti.static(range(dimension)):
                for side in ti.static(range(2)):
                    other = cell + (2 * side - 1) * ti.Vector.unit(dimension, d, ti.i32)
                    found = NONE
                    if other[d] < 0 or other[d] >= number.shape[d]:
                        count += 1 - closed
                    elif solid[other] == 0:
                        count += 1
                        found = number[other]
                    beside[n, side * dimension + d] = found
            diagonal[n] = count


@ti.kernel
def factorise(dimension: ti.template(), diagonal: Array, beside: Array, factor: Array):
    """Modified incomplete Cholesky factorisation of level 0 (Bridson, "Fluid simulation", 2nd edition, figure 5.6)."""
    ti.loop_config(serialize=True)
    for n in range(diagonal.shape[0]):
        e = ti.cast(diagonal[n], ti.f64)
        for d in ti.static(range(dimension)):
            m = beside[n, d]
            if m >= 0:
                square = factor[m] * factor[m]
                others = 0.0
                for other in ti.static(range(dimension)):
                    if ti.static(other != d):
                        if beside[m, dimension + other] >= 0:
                            others += 1.0
                e -= square + TUNING * others * square
        if e < SAFETY * diagonal[n]:
            e = ti.cast(diagonal[n], ti.f64)
        factor[n] = 1.0 / ti.sqrt(e) if e > 0 else 0.0


@ti.func
def precondition(
    dimension: ti.template(), beside: ti.template(), factor: ti.template(), residual: ti.template(), z: ti.template()
) -> ti.f64:
    """z = the factorised inverse of the residual; returns their product."""
    count = residual.shape[0]
    for n in range(count):
        value = residual[n]
        for d in ti.static(range(dimension)):
            m = beside[n, d]
            if m >= 0:
                value += factor[m] * z[m]
        z[n] = value * factor[n]
    product = ti.cast(0.0, ti.f64)
    for k in range(count):
        n = count - 1 - k
        value = z[n]
        for d in ti.static(range(dimension)):
            m = beside[n, dimension + d]
            if m >= 0:
                value += factor[n] * z[m]
        z[n] = value * factor[n]
        product += z[n] * residual[n]
    return product


@ti.func
def multiply(
    dimension: ti.template(), diagonal: ti.template(), beside: ti.template(), x: ti.template(), image: ti.template()
) -> ti.f64:
    """image = A x; returns x . A x."""
    product = ti.cast(0.0, ti.f64)
    for n in range(x.shape[0]):
        value = diagonal[n] * x[n]
        for k in ti.static(range(2 * dimension)):
            m = beside[n, k]
            if m >= 0:
                value -= x[m]
        image[n] = value
        product += value * x[n]
    return product


@ti.kernel
def conjugate_gradients(
    dimension: ti.template(),
    diagonal: Array,
    beside: Array,
    factor: Array,
    right: Array,
    tolerance: ti.f64,
    limit: ti.i32,
    x: Array,
    residual: Array,
    z: Array,
    search: Array,
    outcome: Array,
):
    """Solve A x = right from the given x until no entry of the residual exceeds `tolerance`.

    outcome (2,): the largest entry that is left, and the number of iterations.
    """
    ti.loop_config(serialize=True)
    for _ in range(1):
        count = right.shape[0]
        multiply(dimension, diagonal, beside, x, z)
        largest = ti.cast(0.0, ti.f64)
        for n in range(count):
            residual[n] = right[n] - z[n]
            largest = ti.max(largest, ti.abs(residual[n]))
        product, iterations = ti.cast(1.0, ti.f64), 0
        while largest > tolerance and iterations < limit:
            new_product = precondition(dimension, beside, factor, residual, z)
            share = new_product / product if iterations > 0 else 0.0
            product = new_product
            for n in range(count):
                search[n] = z[n] + share * search[n]
            curvature = multiply(dimension, diagonal, beside, search, z)
            length = product / curvature if curvature > 0 else 0.0
            largest = 0.0
            for n in range(count):
                x[n] += length * search[n]
                residual[n] -= length * z[n]
                largest = ti.max(largest, ti.abs(residual[n]))
            iterations += 1
        outcome[0] = largest
        outcome[1] = iterations
