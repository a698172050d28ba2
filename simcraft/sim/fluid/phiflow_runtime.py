"""The one place that imports PhiFlow and mends what in it is in our way.

Raises `UserError` on import where PhiFlow is not installed. Importing takes about a second, so import on use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simcraft.errors import UserError

try:
    import phi.physics  # noqa: F401  (its modules must be loaded before a backend is chosen)
    from phiml import backend as phi_backend
    from phiml import math
    from phiml.backend._numpy_backend import NumPyBackend
except ModuleNotFoundError as error:
    raise UserError(
        "The solver 'phiflow' needs the package phiflow.", "Install it: pip install -e .[phiflow]", ("solver",)
    ) from error

_original_ravel = NumPyBackend.ravel_multi_index


def _wide_ravel(self: Any, multi_index: Any, shape: Any, mode: str | int = "undefined") -> Any:
    # phiml casts the flat index back to the type of the parts; the sparse matrix of n cells has n² entries, and beyond
    # 46,340 cells n² does not fit in 32 bits
    return _original_ravel(self, np.asarray(multi_index, np.int64), shape, mode)


NumPyBackend.ravel_multi_index = _wide_ravel


def backend(name: str) -> Any:
    """PhiFlow's backend "numpy" or "jax", to be used in a `with`. Raises `UserError` where jax is missing."""
    if name == "numpy":
        return phi_backend.NUMPY
    try:
        from phiml.backend.jax import JAX
    except ImportError as error:
        raise UserError(
            "PhiFlow's backend 'jax' needs the package jax.", "Install it: pip install -e .[jax]", ("solver",)
        ) from error
    return JAX


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled where the backend in use can (jax), as it is elsewhere (numpy)."""
    fast = math.jit_compile(function)
    warm: set[str] = set()

    def run(*arguments: Any) -> Any:
        used = phi_backend.default_backend()
        if not used.supports(type(used).jit_compile):
            return function(*arguments)
        if used.name not in warm:
            # the first trace in a process fills caches of phiml; inside jit they would keep tracers of it, which fail
            # when they are used outside
            warm.add(used.name)
            return function(*arguments)
        return fast(*arguments)

    return run
