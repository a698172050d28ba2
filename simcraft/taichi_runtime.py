"""The one place that imports and initialises Taichi: `from simcraft.taichi_runtime import ti`.

A second `ti.init` would destroy the kernels of the first and crash the process when one is used, so nobody else calls
it. Importing this module takes about a second; modules with kernels are therefore imported on use only. Such modules
must not use `from __future__ import annotations`: Taichi reads the annotations of kernels as objects.

Standard output stays clean (the worker and `--json` speak on it): Taichi's greeting is swallowed.
"""

import contextlib
import io
import os

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
os.environ.setdefault("TI_LOG_LEVEL", "error")
with contextlib.redirect_stdout(io.StringIO()):
    import taichi as ti

    # Without fast_math NaN and infinity keep their meaning, and results are the same whatever the compiler reorders.
    # Forking after a kernel has run hangs: start child processes by spawn.
    ti.init(arch=ti.cpu, fast_math=False, log_level=ti.ERROR, random_seed=0)

__all__ = ["ti"]
