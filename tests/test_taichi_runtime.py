"""Taichi must not disturb the rest of the process. Each test has a process of its own: Taichi starts only once."""

from __future__ import annotations

import os
import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_denormal_numbers_survive():
    code = (
        "import numpy as np; from simcraft.taichi_runtime import ti; "
        "assert np.float32(1e-40) * np.float32(1) > 0, 'flushed to zero'"
    )
    assert run(code) == ""


def test_standard_output_stays_clean_and_taichi_unloaded_until_used():
    code = (
        "import sys, simcraft.observe; assert 'taichi' not in sys.modules; "
        "from simcraft.taichi_runtime import ti; assert 'taichi' in sys.modules"
    )
    assert run(code) == ""


def test_kernels_run_in_other_threads_than_the_one_that_imports():
    code = """
import threading
import numpy as np
thread = threading.Thread(target=lambda: __import__("simcraft.taichi_runtime"))
thread.start()
thread.join()
from simcraft.observe.kernels import project_points
projected = np.zeros((1, 4))
project_points(np.ones((1, 3)), np.eye(4), projected)
print(projected.tolist())
"""
    assert run(code) == "[[1.0, 1.0, 1.0, 1.0]]\n"


def test_a_process_without_a_home_survives() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    command = [sys.executable, "-c", "from simcraft.taichi_runtime import ti; print(ti.cfg.arch)"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0 and "Arch" in run.stdout, run.stderr
