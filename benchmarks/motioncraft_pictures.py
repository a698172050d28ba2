"""Pictures of the benchmark of MotionCraft: what is new, and failures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.motioncraft_store import Result
from benchmarks.motioncraft_table import of


def new_content_picture(truth: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) uint8: the true frames, dark where the first frame shows the same surface."""
    return np.where(new[..., None], truth, truth // 4).astype(np.uint8)


def worst_cases(results: Sequence[Result], method: str, count: int) -> list[str]:
    """Names of the cases in which `method` is furthest below `warp` in PSNR of new content, the worst first."""
    value = of("new_psnr")
    found = {(result.method, result.case): value(result) for result in results}
    behind = []
    for (name, case), ours in found.items():
        theirs = found.get(("warp", case))
        if name == method and ours is not None and theirs is not None:
            behind.append((ours - theirs, case))
    return [case for _, case in sorted(behind)[:count]]
