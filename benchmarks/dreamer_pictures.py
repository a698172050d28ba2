"""Pictures of the benchmark of Motion Dreamer: videos of the rows, and the motion that they predict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.dreamer_cases import Case
from benchmarks.sheets import Block, sheet
from simcraft.observe.colour import flow_to_wheel, instances_to_colour

VIDEOS = {
    "the truth": "truth",
    "warp": "warp",
    "motioncraft": "motioncraft",
    "simulation in place of stage one": "stage two",
    "two stages": "two stages",
    "two stages, no arrows": "no arrows",
    "one stage, small budget": "one stage",
}
"""Row -> what pictures call it."""
MOTIONS = {"the truth": "truth", "two stages": "arrows", "two stages, no arrows": "no arrows"}
Arrays = Mapping[Case, Mapping[str, Mapping[str, np.ndarray]]]
"""Case -> row -> what the store has of it."""


def video_sheet(found: Arrays) -> np.ndarray:
    """(H, W, 3) uint8."""
    blocks = []
    for case, rows in found.items():
        shown = [(label, rows[name]["frames"]) for name, label in VIDEOS.items() if "frames" in rows.get(name, {})]
        blocks.append(Block(case.name, tuple(shown)))
    return sheet(blocks)


def motion_sheet(found: Arrays) -> np.ndarray:
    """(H, W, 3) uint8: flow, on the scale of the truth's, and instances."""
    blocks = []
    for case, rows in found.items():
        fastest = max(float(np.abs(case.motion.flow).max()), 1.0)
        shown = [("frames", case.frames)]
        known = [(label, rows[name]) for name, label in MOTIONS.items() if "flow" in rows.get(name, {})]
        for name, each in known:
            flow = each["flow"].astype(np.float32)
            shown.append((f"flow, {name}", np.stack([flow_to_wheel(frame, fastest) for frame in flow])))
        for name, each in known:
            labels = np.stack([instances_to_colour(frame) for frame in each["segmentation"]])
            shown.append((f"instances, {name}", labels))
        blocks.append(Block(case.name, tuple(shown)))
    return sheet(blocks)
