"""Does memory stay flat over a thousand scenes? A data set is made, and all its processes are measured after each clip.

    python -m benchmarks.dataset_soak [--quick] [--clips N] [--workers N] [--recycle K] [--json PATH]

Clips of 64 x 64 pixels and 8 frames of the shipped recipe `physion`, with the preview's pictures, as `simcraft dataset
make` makes them. Memory is the resident set (RSS), which counts shared libraries once a process. The slopes are least
squares over the second half of a run of 100 clips or more (the driver, and all processes together), and over the life
of each process that made ten clips or more, without its first three (the workers and the Blenders; medians).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import measuring
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import Report, make_data_set
from simcraft.data.recipe import LoadedRecipe, load_recipe

WARM_UP = 3
"""Clips after which a process has loaded what it needs."""
SHORTEST_LIFE = 10
"""Clips of a process whose growth is measured."""
SHORTEST_RUN = 100
"""Clips of a run whose growth is measured."""

Life = list[tuple[float, float]]
"""Of one process: (clips that it has made, megabytes) after each clip of the run."""


@dataclass(frozen=True)
class Sample:
    """Memory after one clip, in megabytes."""

    clips: int
    minutes: float
    driver: float
    workers: dict[int, float]
    """Process id -> its own."""
    blenders: dict[int, float]

    @property
    def total(self) -> float:
        return self.driver + sum(self.workers.values()) + sum(self.blenders.values())


@dataclass
class Recorder:
    """A `Progress` that measures after each clip."""

    start: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)

    def __call__(self, stage: str, step: int, steps: int, detail: str = "") -> None:
        driver = psutil.Process()
        workers, blenders = {}, {}
        for worker in driver.children():
            workers[worker.pid] = resident(worker)
            blenders.update({child.pid: resident(child) for child in blenders_of(worker)})
        minutes = (time.monotonic() - self.start) / 60
        self.samples.append(Sample(step, minutes, resident(driver), workers, blenders))
        if step % max(1, steps // 10) == 0:
            print(f"{step} of {steps} ({detail})", flush=True)


def resident(process: psutil.Process) -> float:
    """Megabytes; 0 for one that has ended."""
    try:
        return process.memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def blenders_of(worker: psutil.Process) -> list[psutil.Process]:
    """Its Blenders; other children are there for moments, when a library looks for another one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in worker.children() if any("blender_child" in word for word in child.cmdline())]
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 clips only")
    parser.add_argument("--clips", type=int, default=1000, help="length of the run")
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument("--recycle", type=int, default=50, help="clips after which a process is replaced")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    count = 20 if options.quick else options.clips
    recorder, report = soak(count, options.workers, options.recycle)
    slopes = slopes_of(recorder.samples, options.workers)
    machine = measuring.machine()
    below = (
        f"{report.made} clips in {report.seconds / 60:.1f} min by {options.workers} processes, a fresh one every "
        f"{options.recycle} clips; {len(report.failed)} failed, {len(report.tried_again)} tried again.\n{machine}."
    )
    print(f"\n{table(recorder.samples)}\n\n{slope_table(slopes)}\n\n{below}")
    if options.json:
        numbers: dict[str, Any] = {"machine": machine, "slopes": slopes, "failed": report.failed}
        numbers |= {"workers": options.workers, "recycle": options.recycle, "seconds": report.seconds}
        options.json.write_text(json.dumps({**numbers, "samples": [asdict(s) for s in recorder.samples]}, indent=1))


def soak(count: int, workers: int, recycle: int) -> tuple[Recorder, Report]:
    """Make a set of `count` small clips in a temporary folder."""
    loaded = load_recipe("physion")
    small = loaded.recipe.model_copy(update={"size": (64, 64), "frames": 8})
    recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="simcraft-benchmark-") as folder:
        pool = LocalPool(workers, recycle=recycle)
        recipe = LoadedRecipe(small, loaded.path, loaded.text)
        report = make_data_set(recipe, count, Path(folder) / "set", pool=pool, progress=recorder)
    return recorder, report


def slopes_of(samples: list[Sample], workers: int) -> dict[str, float | None]:
    """Who -> megabytes by which it grows in 1,000 scenes; None where nobody lived long enough."""
    late = samples[len(samples) // 2 :]
    clips = [s.clips for s in late]
    lives: dict[str, dict[int, Life]] = {"workers": defaultdict(list), "blenders": defaultdict(list)}
    for sample in samples:
        for who, by_process in lives.items():
            for process, megabytes in getattr(sample, who).items():
                # each worker makes its share of the clips
                by_process[process].append((sample.clips / workers, megabytes))
    long = len(samples) >= SHORTEST_RUN
    found: dict[str, float | None] = {
        "driver": slope(clips, [s.driver for s in late]) if long else None,
        "all processes together": slope(clips, [s.total for s in late]) if long else None,
    }
    for who, name in (("workers", "a worker, in its life"), ("blenders", "a Blender, in its life")):
        found[name] = median_slope(list(lives[who].values()))
    return found


def slope(clips: Sequence[float], megabytes: Sequence[float]) -> float:
    """Megabytes in 1,000 clips."""
    return float(1000 * np.polyfit(clips, megabytes, 1)[0])


def median_slope(lives: list[Life]) -> float | None:
    """That of the processes which lived long enough, without their first clips and the moment of their end."""
    slopes = []
    for life in lives:
        begin, end = life[0][0] + WARM_UP, life[-1][0]
        kept = [(clips, size) for clips, size in life if begin <= clips < end and size > 0]
        if end - begin >= SHORTEST_LIFE - WARM_UP:
            slopes.append(slope([clips for clips, _ in kept], [size for _, size in kept]))
    return float(np.median(slopes)) if slopes else None


def table(samples: list[Sample]) -> str:
    """The start, every tenth of the run, and its end; the maximum of each column."""
    lines = [
        "| clips | minutes | driver | workers | the largest | Blenders | the largest | all, MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    chosen = sorted({round(i * (len(samples) - 1) / 10) for i in range(11)})
    lines += [f"| {samples[i].clips} | {samples[i].minutes:.1f} | {figures(samples[i])} |" for i in chosen]
    largest = np.array([columns(s) for s in samples]).max(0)
    lines.append(f"| largest | | {' | '.join(f'{value:.0f}' for value in largest)} |")
    return "\n".join(lines)


def columns(sample: Sample) -> list[float]:
    """The table's columns of one sample."""
    parts = [value for group in (sample.workers, sample.blenders) for value in largest_of(group)]
    return [sample.driver, *parts, sample.total]


def largest_of(group: dict[int, float]) -> tuple[float, float]:
    """The sum and the largest."""
    return sum(group.values()), max(group.values(), default=0.0)


def figures(sample: Sample) -> str:
    return " | ".join(f"{value:.0f}" for value in columns(sample))


def slope_table(slopes: dict[str, float | None]) -> str:
    """How fast who grows."""
    lines = ["| who | MB in 1,000 scenes | MB a scene |", "| --- | --- | --- |"]
    for who, value in slopes.items():
        lines.append(f"| {who} | too short | |" if value is None else f"| {who} | {value:.1f} | {value / 1000:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
