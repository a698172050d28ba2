"""Speed of the quick preview against Blender's Cycles on the same frames, in the same run.

    python -m benchmarks.preview [--quick] [--json PATH]

Shipped scenes, simulated first. The preview shades all frames of each; Cycles renders some of them, with 1 and with 16
samples a pixel, its data kept from frame to frame, and no file is written. CPU seconds, summed over all threads, are
given beside the wall clock, because they hold when other processes share the machine.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from simcraft.assets import asset
from simcraft.observe.preview import preview_frames
from simcraft.recording import Recording
from simcraft.sim import simulate

SCENES = ("dominoes", "link")
SIZES = (256, 512)
ROUNDS = 3
CYCLES_FRAMES = range(2, 48, 15)
CYCLES_SAMPLES = (1, 16)

Seconds = tuple[float, float]
"""Wall clock and CPU."""


@dataclass(frozen=True)
class Row:
    """One scene in one size: wall clock and CPU seconds a frame."""

    scene: str
    size: int
    preview: Seconds
    cycles: tuple[Seconds, ...]
    """For each of `CYCLES_SAMPLES`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one scene in one size, and one run")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    scenes, sizes, rounds = (SCENES[:1], SIZES[:1], 1) if options.quick else (SCENES, SIZES, ROUNDS)
    recordings = {name: simulate(name, preview=True) for name in scenes}
    compile_seconds = measuring.measure(lambda: preview_frames(recordings[scenes[0]], (64, 64), [0]))[0]
    rows = [compare(name, recordings[name], size, rounds) for name in scenes for size in sizes]
    machine = measuring.machine()
    print(f"{report(rows)}\n\nThe first frame of all compiles the kernels: {compile_seconds:.1f} s. {machine}.")
    if options.json:
        numbers = {"machine": machine, "compile_seconds": compile_seconds, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(numbers, indent=1))


def compare(name: str, recording: Recording, size: int, rounds: int) -> Row:
    """The median of `rounds` previews of all frames, and of Cycles' frames."""
    previews = [measuring.measure(lambda: preview_frames(recording, (size, size))) for _ in range(rounds)]
    wall, cpu = np.median(previews, axis=0) / recording.frame_count
    return Row(name, size, (wall, cpu), tuple(time_cycles(name, size, samples) for samples in CYCLES_SAMPLES))


def time_cycles(name: str, size: int, samples: int) -> Seconds:
    """Median of some frames after the first one, which builds what the others share."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(asset(f"scenes/{name}.blend")))
    scene: Any = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", samples, False
    scene.render.use_persistent_data = True
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    seconds = []
    # every frame in order: bodies are simulated as the scene steps
    for frame in range(scene.frame_start, CYCLES_FRAMES[-1] + 1):
        scene.frame_set(frame)
        if frame in CYCLES_FRAMES:
            seconds.append(measuring.measure(bpy.ops.render.render))
    wall, cpu = np.median(seconds[1:], axis=0)
    return wall, cpu


def report(rows: list[Row]) -> str:
    """The table, milliseconds a frame."""
    cycles = " | ".join(f"Cycles, {n} spp, ms (CPU) | ratio wall | ratio CPU" for n in CYCLES_SAMPLES)
    lines = [
        f"| scene | size | preview ms (CPU) | frames/s | {cycles} |",
        "| --- " * (4 + 3 * len(CYCLES_SAMPLES)) + "|",
    ]
    for row in rows:
        wall, cpu = row.preview
        cells = [row.scene, f"{row.size} x {row.size}", f"{1e3 * wall:.1f} ({1e3 * cpu:.1f})", f"{1 / wall:.1f}"]
        for their_wall, their_cpu in row.cycles:
            cells += [f"{1e3 * their_wall:.0f} ({1e3 * their_cpu:.0f})", f"{their_wall / wall:.1f}"]
            cells += [f"{their_cpu / cpu:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
