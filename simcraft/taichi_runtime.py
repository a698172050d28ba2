"""The one place that imports and initialises Taichi: `from simcraft.taichi_runtime import ti`.

A second `ti.init` would destroy the kernels of the first and crash the process when one is used, so nobody else calls
it. Importing this module takes about a second; modules with kernels are therefore imported on use only. Such modules
must not use `from __future__ import annotations`: Taichi reads the annotations of kernels as objects. Kernels on numpy
arrays run in any thread afterwards; fields may only be made in the thread that first imported this module.

As many threads as there are cores, or OMP_NUM_THREADS, share the work.

Standard output stays clean (the worker and `--json` speak on it): Taichi starts silently, its errors are raised.
"""

import contextlib
import ctypes
import ctypes.util
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def _floating_point_kept() -> Iterator[None]:
    """Undo what `ti.init` does to the calling thread: it flushes denormal numbers to zero, for numpy and torch too."""
    library = ctypes.util.find_library("m")
    if library is None:
        yield
        return
    libm, environment = ctypes.CDLL(library), ctypes.create_string_buffer(1024)  # fenv_t has 32 bytes on x86-64
    libm.fegetenv(environment)
    try:
        yield
    finally:
        libm.fesetenv(environment)


if "HOME" not in os.environ:  # as in containers and under cron; Taichi would abort the process when it is imported
    try:
        os.environ["HOME"] = str(Path.home())
    except RuntimeError:  # this user has none
        os.environ["HOME"] = tempfile.gettempdir()
os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
os.environ.setdefault("TI_LOG_LEVEL", "error")
with contextlib.redirect_stdout(io.StringIO()), _floating_point_kept():
    import taichi as ti

    # the variable that numpy's and torch's libraries read, and that pools of processes set
    limit = os.environ.get("OMP_NUM_THREADS", "")
    threads = {"cpu_max_num_threads": int(limit)} if limit.isdecimal() and int(limit) else {}
    # Without fast_math NaN and infinity keep their meaning, and results are the same whatever the compiler reorders.
    # Forking after a kernel has run hangs: start child processes by spawn.
    ti.init(arch=ti.cpu, fast_math=False, log_level=ti.ERROR, random_seed=0, **threads)

    @ti.kernel
    def _finish_initialising(array: ti.types.ndarray(dtype=ti.i32, ndim=1)):  # type: ignore[valid-type]
        """Taichi completes itself when the first kernel runs, and insists on doing so in the thread of `ti.init`."""
        for i in range(1):
            array[i] = 1

    _finish_initialising(np.zeros(1, np.int32))

__all__ = ["ti"]
