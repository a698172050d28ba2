"""How fast data sets are made, and what exact annotation costs beside Cycles' passes, in one run.

    python -m benchmarks.dataset [--quick] [--json PATH]

Clips of 128 x 128 pixels and 16 frames of the shipped recipe `physion`, as `simcraft dataset make` makes them:
simulated in Blender, observed with all annotations, with pictures of all frames by the preview or by Cycles,
compressed, written and marked; the start of the processes is part of it. Then, for some of these scenes, in one
process: what `observe` takes for flow both ways with validity and visibility, depth and instances, against Cycles'
1-sample Vector, Depth and Object Index passes of the same frames, read back from EXR.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import make_data_set
from simcraft.data.manifest import Row, expand
from simcraft.data.recipe import LoadedRecipe, load_recipe
from simcraft.observe import observe
from simcraft.sim import simulate

CLIPS = {"preview": 60, "cycles": 6}
ANNOTATED = 10


@dataclass(frozen=True)
class Throughput:
    """One run of `dataset make`."""

    renderer: str
    processes: int
    clips: int
    seconds: float
    megabytes: float
    """Of all clips on disk."""

    @property
    def a_minute(self) -> float:
        return 60 * self.clips / self.seconds


@dataclass(frozen=True)
class Annotation:
    """One scene; wall and CPU seconds for all frames of its clip."""

    family: str
    observe: tuple[float, float]
    cycles: tuple[float, float]
    simulate: float
    """Wall seconds of building, simulating and recording the scene in a Blender that runs already."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few clips only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    recipe = load_recipe("physion")
    # kernels are compiled once for a machine, and kept
    make_clips(recipe, "preview", 2, 2)
    runs = [
        make_clips(recipe, renderer, count // (6 if options.quick else 1), processes)
        for renderer, count in CLIPS.items()
        for processes in (1, 2)
    ]
    rows = annotate(expand(recipe, 2 if options.quick else ANNOTATED))
    machine = measuring.machine()
    print(f"{throughput_table(runs)}\n\n{annotation_table(rows)}\n\n{machine}.")
    if options.json:
        numbers = {"machine": machine, "runs": [asdict(r) for r in runs], "annotation": [asdict(r) for r in rows]}
        options.json.write_text(json.dumps(numbers, indent=1))


def make_clips(loaded: LoadedRecipe, renderer: str, count: int, processes: int) -> Throughput:
    """A data set of `count` clips, made in a temporary folder."""
    changed = LoadedRecipe(loaded.recipe.model_copy(update={"renderer": renderer}), loaded.path, loaded.text)
    with tempfile.TemporaryDirectory(prefix="simcraft-benchmark-") as folder:
        start = time.perf_counter()
        make_data_set(changed, count, Path(folder) / "set", pool=LocalPool(processes))
        seconds = time.perf_counter() - start
        sizes = [path.stat().st_size for path in (Path(folder) / "set/clips").glob("*.npz")]
    assert len(sizes) == count, f"{count - len(sizes)} of {count} clips could not be made"
    return Throughput(renderer, processes, count, seconds, sum(sizes) / 1e6)


def annotate(rows: list[Row]) -> list[Annotation]:
    """Both ways of annotating the scenes of `rows`, one after the other, in this process."""
    from simcraft.sim.blender import blender_session

    found = []
    with blender_session() as session, tempfile.TemporaryDirectory(prefix="simcraft-benchmark-") as folder:
        for number, row in enumerate([rows[0], *rows]):
            start = time.perf_counter()
            recording = simulate(
                row.family,
                settings=row.settings,
                seed=row.seed,
                frames=(row.first, row.last),
                every=row.every,
                size=row.size,
                preview=True,
                session=session,
            )
            simulated = time.perf_counter() - start
            ours = measuring.measure(lambda recording=recording: observe(recording, tracks=0))  # type: ignore[misc]
            theirs = cycles_passes(row, Path(folder))
            if number:  # the first one warms both up
                found.append(Annotation(row.family, ours, theirs, simulated))
    return found


def cycles_passes(row: Row, folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of Cycles' passes of the row's frames; stepping the simulation is not counted."""
    from scenes.builders import catalogue
    from tests.observe.cycles import render_passes, set_up_passes

    scene: Any = catalogue.build(row.family, row.seed, row.settings)
    set_up_passes(scene)
    scene.render.resolution_x, scene.render.resolution_y = row.size
    scene.render.resolution_percentage = 100
    for frame in range(scene.frame_start, row.last + 1):
        scene.frame_set(frame)
    frames = [row.first - 1 + i * row.every for i in range(row.frames)]  # counted from 0
    scene.frame_set(row.first)
    return measuring.measure(lambda: render_passes(scene, frames, folder))


def throughput_table(runs: list[Throughput]) -> str:
    """Clips a minute; the efficiency of n processes is their speed over n times that of one."""
    lines = [
        "| renderer | processes | clips | s | clips/min | scaling efficiency | MB a clip |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    alone = {run.renderer: run.a_minute for run in runs if run.processes == 1}
    for run in runs:
        efficiency = run.a_minute / (run.processes * alone[run.renderer])
        lines.append(
            f"| {run.renderer} | {run.processes} | {run.clips} | {run.seconds:.1f} | {run.a_minute:.1f} "
            f"| {efficiency:.0%} | {run.megabytes / run.clips:.2f} |"
        )
    return "\n".join(lines)


def annotation_table(rows: list[Annotation]) -> str:
    """Milliseconds a clip."""
    lines = [
        "| scene | simulate ms | observe ms (CPU) | Cycles' passes ms (CPU) | ratio wall | ratio CPU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    total = Annotation(
        "median",
        (float(np.median([r.observe[0] for r in rows])), float(np.median([r.observe[1] for r in rows]))),
        (float(np.median([r.cycles[0] for r in rows])), float(np.median([r.cycles[1] for r in rows]))),
        float(np.median([r.simulate for r in rows])),
    )
    for row in [*rows, total]:
        (wall, cpu), (their_wall, their_cpu) = row.observe, row.cycles
        lines.append(
            f"| {row.family} | {1e3 * row.simulate:.0f} | {1e3 * wall:.0f} ({1e3 * cpu:.0f}) "
            f"| {1e3 * their_wall:.0f} ({1e3 * their_cpu:.0f}) | {their_wall / wall:.1f} | {their_cpu / cpu:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
